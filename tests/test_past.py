"""An answer read back from JSON says what was said: of this version, an older one, or one that knows more words."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chaincheck
from chaincheck.causes.codes import CauseCode, DocumentedCause, Finding, Severity, Verdict
from engine.asking import CA, YESTERDAY, ask

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = ask()
EXPIRED = ask(CA.issue("expired", not_after=YESTERDAY).der)
DEEP: list[Any] = []
for _ in range(5000):
    DEEP = [DEEP]
Audience = Literal["client", "administrator", "full"]


def read(told: Any) -> chaincheck.PastDiagnosis:
    return chaincheck.Diagnosis.from_json(told)


@pytest.mark.parametrize("audience", ["client", "administrator", "full"])
@pytest.mark.parametrize("diagnosis", [GOOD, EXPIRED], ids=["good", "expired"])
def test_what_was_told_is_read(diagnosis: chaincheck.Diagnosis, audience: Audience) -> None:
    text = diagnosis.to_json(audience=audience)
    for told in (text, text.encode(), json.loads(text)):
        past = read(told)
        assert (past.verdict, past.accepted, past.at) == (diagnosis.verdict, diagnosis.accepted, diagnosis.at)
        assert past.to_dict() == diagnosis.to_dict(audience=audience)
        assert past.fingerprint == (diagnosis.subject.fingerprint if diagnosis.subject is not None else None)
    if audience != "client":
        assert [(c.code, c.role, c.severity, c.proven, c.incident_key) for c in past.causes] == [
            (c.code, c.role, c.severity, c.proven, c.incident_key) for c in diagnosis.causes
        ]
        assert past.documented_causes == diagnosis.documented_causes
        assert past.holds_until == diagnosis.holds_until


def test_what_is_not_known_is_kept_and_never_good() -> None:
    told = EXPIRED.to_dict()
    told["verdict"] = "accepted-with-conditions"
    told["causes"][0] |= {"code": "quantum-unsafe", "severity": "grave", "role": "sidecar", "documented": "fifth", "since": 2031}
    told["documented_causes"] |= {"revoked": "ruled-out-mostly", "fifth": "found"}
    past = read(json.dumps(told))
    assert (past.verdict, past.accepted) == (Verdict.UNDETERMINED, False)
    assert past.causes[0].code == "quantum-unsafe"
    assert past.causes[0].severity is Severity.FATAL
    assert past.documented_causes[DocumentedCause.REVOKED] is Finding.NOT_CHECKED
    assert past.to_dict()["causes"][0]["since"] == 2031
    assert "quantum-unsafe" in repr(past)


def test_an_older_answer_lacks_keys() -> None:
    past = read({"schema_version": 1, "verdict": "refused", "checked_at": "2026-06-15T12:00:00Z", "causes": [{"code": "expired"}]})
    assert (past.causes[0].code, past.causes[0].facts, past.causes[0].severity) == (CauseCode.EXPIRED, {}, Severity.FATAL)
    assert (past.headline, past.fingerprint, past.holds_until) == ("", None, None)


def test_it_has_no_truth_value() -> None:
    with pytest.raises(TypeError, match="accepted"):
        bool(read(GOOD.to_json()))


@pytest.mark.parametrize(
    ("told", "where"),
    [
        ("", "from_json"),
        ("[]", "from_json"),
        (b"\xff\xfe", "from_json"),
        ("[" * 100_000, "from_json"),
        (17, "from_json"),
        ("state/last.json", "from_json"),
        ({"schema_version": 10**5000, "verdict": "accepted"}, "schema_version"),
        ({"schema_version": DEEP, "verdict": "accepted"}, "schema_version"),
        ({"schema_version": 1, "verdict": "refused", "checked_at": "2026-06-15T12:00:00Z", "causes": [DEEP]}, "causes[0]"),
        ({}, "schema_version"),
        ({"schema_version": True, "verdict": "accepted"}, "schema_version"),
        ({"schema_version": 2, "verdict": "accepted"}, "schema_version"),
        ({"schema_version": 1}, "verdict"),
        ({"schema_version": 1, "verdict": "accepted"}, "checked_at"),
        ({"schema_version": 1, "verdict": "accepted", "checked_at": "2026-06-15T12:00:00"}, "checked_at"),
        ({"schema_version": 1, "verdict": ["accepted"], "checked_at": "2026-06-15T12:00:00Z"}, "verdict"),
        ({"schema_version": 1, "verdict": "refused", "checked_at": "2026-06-15T12:00:00Z", "causes": {}}, "causes"),
        ({"schema_version": 1, "verdict": "refused", "checked_at": "2026-06-15T12:00:00Z", "causes": [1]}, "causes[0]"),
        ({"schema_version": 1, "verdict": "refused", "checked_at": "2026-06-15T12:00:00Z", "causes": [{"code": 5}]}, "causes[0].code"),
    ],
)
def test_what_is_no_answer_is_an_input_error_that_says_where(told: Any, where: str) -> None:
    with pytest.raises(chaincheck.InputError) as caught:
        read(told)
    assert (caught.value.code, caught.value.where) == ("answer-damaged", where)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(
    path=st.sampled_from(["verdict", "checked_at", "causes", "subject", "documented_causes", "holds_until", "headline", "schema_version"]),
    value=_VALUES,
)
def test_any_damage_is_read_or_refused_fuzz(path: str, value: Any) -> None:
    told = EXPIRED.to_dict() | {path: value}
    try:
        past = read(told)
    except chaincheck.InputError:
        return
    assert past.accepted is (told["verdict"] == "accepted")


def test_changes_since_an_answer_that_was_kept_as_json(tmp_path: Any) -> None:
    kept = tmp_path / "last.json"
    kept.write_text(EXPIRED.to_json(), encoding="utf-8")
    changes = GOOD.changes_since(read(kept.read_text(encoding="utf-8")))
    assert ([cause.code for cause in changes.gone], changes.appeared, changes.verdict_changed) == ([CauseCode.EXPIRED], (), True)
    assert not EXPIRED.changes_since(read(EXPIRED.to_json())).anything


@pytest.mark.parametrize("name", ["previous", "before"])
@pytest.mark.parametrize("given_", ["yesterday", EXPIRED.path, chaincheck, 5])
def test_what_is_no_answer_cannot_be_compared_with(name: str, given_: Any) -> None:
    since: Callable[..., Any] = GOOD.changes_since
    with pytest.raises(chaincheck.InputError) as caught:
        since(**{"previous": None, name: given_})
    assert caught.value.where == name


def test_what_a_stranger_was_told_cannot_be_compared_with() -> None:
    with pytest.raises(chaincheck.InputError, match="administrator"):
        EXPIRED.changes_since(read(EXPIRED.to_json(audience="client")))


def test_any_mapping_is_read() -> None:
    assert read(MappingProxyType(GOOD.to_dict())).accepted
