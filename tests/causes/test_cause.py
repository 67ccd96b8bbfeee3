"""A cause knows its words, its codes, its place in the order and the incident it belongs to."""

from __future__ import annotations

import json
import pickle
import random
import subprocess
import sys
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import pytest

from chaincheck.causes import facts as f
from chaincheck.causes.catalogue import catalogue
from chaincheck.causes.cause import Cause, make
from chaincheck.causes.codes import CauseCode, DocumentedCause, Gate, Role, Severity
from chaincheck.causes.facts import FACTS, Facts
from chaincheck.causes.words import LANGUAGES

if TYPE_CHECKING:
    from chaincheck.x509.certificate import Certificate

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Stub:
    """What a cause asks of a certificate."""

    subject: str = "CN=alice,O=Example"
    issuer: str = "CN=Issuing CA"
    serial_hex: str = "0a1b"
    fingerprint: str = "aa" * 32


def certificate(**changes: str) -> Certificate:
    return cast("Certificate", Stub(**changes))


def sample(code: CauseCode) -> Facts:
    """Facts with every field filled."""
    values: dict[str, Any] = {
        "str": "text",
        "str | None": "text",
        "datetime | None": NOW,
        "int": 7,
        "bool": True,
        "datetime": NOW - timedelta(days=3),
        "tuple[str, ...]": ("a", "b"),
    }
    given = {field.name: NOW if field.name == "checked_at" else values[str(field.type)] for field in fields(FACTS[code])}
    return FACTS[code](**given)


EVERYTHING = [make(row.code, row.role, certificate(), sample(row.code)) for row in catalogue().rows.values()]


def expired(role: Role = Role.SUBJECT, **changes: str) -> Cause:
    return make(CauseCode.EXPIRED, role, certificate(**changes), f.ExpiredFacts(not_after=NOW - timedelta(days=3), checked_at=NOW))


def test_an_expired_client_certificate_is_documented_and_an_expired_ca_is_not() -> None:
    subject, intermediate = expired(), expired(Role.INTERMEDIATE)
    assert subject.documented is DocumentedCause.NOT_WITHIN_VALIDITY
    assert intermediate.documented is None
    assert subject.windows is not None
    assert intermediate.windows is not None
    assert subject.windows.to_dict() == {
        "trust_status": {"name": "CERT_TRUST_IS_NOT_TIME_VALID", "bit": "0x00000001", "mark": "documented"},
        "hresult": {
            "name": "CERT_E_EXPIRED",
            "hex": "0x800B0101",
            "signed": -2146762495,
            "unsigned": 2148204801,
            "logged": 2148204801,
            "mark": "inferred",
        },
        "iis": {"status": "403.17", "mark": "documented"},
        "also": [{"status": "403.7", "mark": "documented"}],
    }
    assert intermediate.windows.iis is not None
    assert intermediate.windows.iis.status == "403.16"
    assert subject.gate is Gate.VALIDITY


def test_the_summary_has_the_exact_facts_in_either_language() -> None:
    cause = expired()
    assert cause.summary == (
        'The client certificate "CN=alice,O=Example" expired on 2026-11-20 15:00:00 UTC, '
        "3 days before the moment judged (2026-11-23 15:00:00 UTC)."
    )
    assert cause.clause() == "the client certificate expired 3 days ago"
    assert cause.text("ja", ZoneInfo("Asia/Tokyo")) == (
        "クライアント証明書「CN=alice,O=Example」の有効期限は 2026-11-21 00:00:00 JST (UTC+09:00) に切れており、"
        "判定時点 (2026-11-24 00:00:00 JST (UTC+09:00)) ですでに3日が過ぎています。"
    )
    assert cause.clause("ja") == "クライアント証明書の有効期限が3日前に切れています"


def test_a_headline_names_a_ca_but_not_the_one_client_certificate() -> None:
    assert (
        expired(Role.INTERMEDIATE, subject="CN=Issuing CA").clause() == 'the intermediate CA certificate "CN=Issuing CA" expired 3 days ago'
    )


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("cause", EVERYTHING, ids=lambda cause: f"{cause.code.value}-{cause.role.value}")
def test_no_text_of_any_cause_has_a_placeholder_left(lang: str, cause: Cause) -> None:
    for text in (cause.text(lang), cause.why(lang), cause.clause(lang)):
        assert text
        assert "{" not in text
        assert "}" not in text
        assert not text.startswith(cause.code.value)
    assert cause.resolutions or cause.code is CauseCode.TIME_MOVED


def test_a_cause_without_a_certificate_still_speaks() -> None:
    cause = make(CauseCode.NO_CERTIFICATE, Role.SUBJECT, None, Facts())
    assert cause.summary == "There is no client certificate to offer."
    assert cause.to_dict()["certificate"] is None
    gone = make(CauseCode.NO_PRIVATE_KEY, Role.SUBJECT, None, Facts())
    assert gone.summary.startswith("The client certificate has no private key")


def test_a_certificate_without_a_name_is_called_by_its_serial_number() -> None:
    assert 'The client certificate "#0a1b" expired' in expired(subject="").summary


def test_the_clock_is_suspected_only_where_the_facts_say_so() -> None:
    def why(*, suspect: bool) -> str:
        details = f.NotYetValidFacts(not_before=NOW + timedelta(minutes=4), checked_at=NOW, seconds_early=240, clock_suspect=suspect)
        return make(CauseCode.NOT_YET_VALID, Role.SUBJECT, certificate(), details).why()

    assert "wrong clock" in why(suspect=True)
    assert "clock" not in why(suspect=False)


def test_a_hostile_name_cannot_speak_to_the_terminal() -> None:
    assert "\x1b" not in expired(subject="CN=\x1b[2J{elapsed}").summary
    assert "{elapsed}" in expired(subject="CN={elapsed}").summary  # a value is never a template


def test_severity_and_proof_are_the_catalogues_unless_given() -> None:
    details = f.UnreachableFacts(evidence="crl", url="http://pki/", outcome="refused-by-guard", detail="private address")
    cause = make(CauseCode.REVOCATION_REFUSED_BY_GUARD, Role.SUBJECT, certificate(), details)
    assert (cause.severity, cause.proven) == (Severity.FATAL, False)
    assert expired().proven
    warned = make(CauseCode.EXPIRED, Role.SUBJECT, certificate(), expired().facts, severity=Severity.WARNING, proven=False)
    assert (warned.severity, warned.proven) == (Severity.WARNING, False)


def test_warnings_come_after_everything_fatal_and_notes_last() -> None:
    fatal = max(cause.rank for cause in EVERYTHING if cause.severity is Severity.FATAL)
    warning = [cause.rank for cause in EVERYTHING if cause.severity is Severity.WARNING]
    note = min(cause.rank for cause in EVERYTHING if cause.severity is Severity.NOTE)
    assert fatal < min(warning) <= max(warning) < note


def test_the_order_does_not_depend_on_the_order_found() -> None:
    shuffled = [*EVERYTHING]
    random.Random(7).shuffle(shuffled)
    assert sorted(shuffled, key=Cause.sort_key) == sorted(EVERYTHING, key=Cause.sort_key)
    assert len({cause.sort_key() for cause in EVERYTHING}) == len(EVERYTHING)


def unreachable(url: str, **changes: str) -> Cause:
    details = f.UnreachableFacts(evidence="crl", url=url, outcome="timeout", detail="no answer in 15 s")
    return make(CauseCode.REVOCATION_UNREACHABLE, Role.SUBJECT, certificate(**changes), details)


def test_one_dead_url_is_one_incident_whichever_certificate_meets_it() -> None:
    keys = {unreachable("http://pki/a.crl", fingerprint=f"{number:064x}").incident_key for number in range(100)}
    assert len(keys) == 1
    assert unreachable("http://pki/b.crl").incident_key not in keys


def test_one_missing_root_is_one_incident_and_an_expired_certificate_its_own() -> None:
    def untrusted(fingerprint: str, root: str) -> str:
        details = f.UntrustedRootFacts(root="CN=Root", root_sha256=root, found_in="presented", store="server")
        return make(CauseCode.UNTRUSTED_ROOT, Role.ANCHOR, certificate(fingerprint=fingerprint), details).incident_key

    assert untrusted("aa", "01") == untrusted("bb", "01") != untrusted("aa", "02")
    assert expired(fingerprint="aa").incident_key != expired(fingerprint="bb").incident_key


def test_an_unknown_issuer_is_blamed_by_name_and_key() -> None:
    def missing(key: str | None, store: str = "server") -> str:
        details = f.IssuerNotFoundFacts(issuer="CN=Issuing CA", key_identifier=key, store=store)
        return make(CauseCode.ISSUER_NOT_FOUND, Role.SUBJECT, certificate(), details).incident_key

    assert len({missing(None), missing("01"), missing("02")}) == 3
    assert missing("01") == missing("01", "another server")


def test_incident_keys_are_short_and_stay_the_same_between_releases() -> None:
    assert expired().incident_key == "cac734d44dbfb4aa"


def test_to_dict_is_json_with_moments_in_utc() -> None:
    cause = expired()
    told = json.loads(json.dumps(cause.to_dict()))
    assert told["facts"] == {"not_after": "2026-11-20T15:00:00Z", "checked_at": "2026-11-23T15:00:00Z"}
    assert told["certificate"] == {"sha256": "aa" * 32, "subject": "CN=alice,O=Example", "issuer": "CN=Issuing CA", "serial": "0a1b"}
    assert list(told) == [
        "code", "role", "severity", "proven", "documented", "gate", "certificate",
        "facts", "summary", "reference", "windows", "resolutions", "incident_key",
    ]  # fmt: skip
    assert told["resolutions"][0] == {
        "id": "check-dates",
        "title": "Check the date and the time of the certificate",
        "who": "client",
        "document": "KB 186812",
        "mark": "documented",
        "risk": None,
    }
    with_steps = cast("list[dict[str, object]]", cause.to_dict(steps=True)["resolutions"])
    assert with_steps[0]["steps"]
    assert cause.to_dict(lang="ja")["summary"] == cause.text("ja")


@pytest.mark.parametrize("cause", EVERYTHING, ids=lambda cause: f"{cause.code.value}-{cause.role.value}")
def test_every_cause_becomes_json_and_pickles(cause: Cause) -> None:
    assert json.loads(json.dumps(cause.to_dict(steps=True))) == cause.to_dict(steps=True)
    assert pickle.loads(pickle.dumps(cause)) == cause  # noqa: S301 - our own bytes
    assert hash(cause) == hash(pickle.loads(pickle.dumps(cause)))  # noqa: S301


def test_causes_are_made_without_reading_any_text() -> None:
    program = (
        "import sys; from chaincheck.causes.cause import Cause; from chaincheck.causes.codes import CauseCode, Role, Severity;"
        "from chaincheck.causes.facts import Facts;"
        "Cause(code=CauseCode.NO_CERTIFICATE, role=Role.SUBJECT, certificate=None, facts=Facts(), severity=Severity.FATAL);"
        "assert not {'tomllib', 'hashlib', 'cryptography', 'httpx'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
