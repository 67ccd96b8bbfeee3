"""What IIS would answer, how sure that is, and whether it is what was seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import chaincheck
import pki
from chaincheck import OPENSSL, InputError, ServerProfile, TrustStore
from chaincheck.causes.windows import Mark
from pki import AT

if TYPE_CHECKING:
    from pathlib import Path

ROOT = pki.root("Response Root")
CA = ROOT.issue_ca("Response CA")
OTHER = pki.root("Other Response Root")
DAY = timedelta(days=1)
CLIENT = CA.issue("client")
REVOKED = CA.crl([(CLIENT.serial, AT - DAY, "keyCompromise")])
STRANGERS = {"roots": [OTHER.der], "intermediates": [CA.der], "disallowed": []}


def ask(cert: pki.Issued = CLIENT, *, store: dict[str, Any] | None = None, **more: Any) -> chaincheck.Diagnosis:
    told = {"roots": [ROOT.der], "intermediates": [CA.der], "disallowed": [], **(store or {})}
    return chaincheck.diagnose(cert.der, store=TrustStore(**told), **{"at": AT, "fetch": "never", **more})


@pytest.mark.parametrize(
    ("cert", "more", "logged", "confidence"),
    [
        (CA.issue("client", not_after=AT - DAY), {}, "403 17 2148204801", Mark.DOCUMENTED),
        (CLIENT, {"crls": [REVOKED]}, "403 13 2148081680", Mark.DOCUMENTED),
        (CLIENT, {"store": STRANGERS, "presented": [ROOT.der]}, "403 16 2148204809", Mark.DOCUMENTED),
        (CA.issue("client", eku=("serverAuth",)), {}, "403 16 2148204816", Mark.INFERRED),
        (CLIENT, {"key": chaincheck.NO_KEY}, "403 7 5", Mark.DOCUMENTED),
    ],
)  # fmt: skip
def test_one_cause_is_answered_as_its_row_says(cert: pki.Issued, more: dict[str, Any], logged: str, confidence: Mark) -> None:
    response = ask(cert, **more).response
    assert response is not None
    assert (response.logged, response.confidence, response.why) == (logged, confidence, "one-cause")


def test_of_several_causes_none_is_called_documented() -> None:
    """Which single code http.sys prefers is not published."""
    response = ask(CA.issue("client", not_after=AT - DAY, eku=("serverAuth",))).response
    assert response is not None
    assert (response.confidence, response.why) == (Mark.INFERRED, "several-causes")
    assert {each.status for each in response.also} | {response.status} >= {"403.16", "403.17"}


def test_a_gate_before_the_chain_answers_first() -> None:
    expired = CA.issue("client", not_after=AT - DAY)
    response = ask(expired, server=ServerProfile(tls_ends_in_front=True)).response
    assert response is not None
    assert response.status == "403.17"  # what is not proven never hides what is
    certain = ask(expired, key=chaincheck.NO_KEY).response
    assert certain is not None
    assert certain.status == "403.7"


def test_what_is_accepted_and_other_servers_have_no_response_of_iis() -> None:
    assert ask().response is None
    assert ask(CA.issue("client", not_after=AT - DAY), rules=OPENSSL).response is None


def test_no_response_is_surer_than_the_marks_of_its_cause() -> None:
    order = [Mark.DOCUMENTED, Mark.REPORTED, Mark.INFERRED]
    from chaincheck.causes.catalogue import catalogue

    for cert, more in ((CA.issue("client", not_after=AT - DAY), {}), (CLIENT, {"crls": [REVOKED]}), (CLIENT, {"store": STRANGERS})):
        response = ask(cert, **more).response
        assert response is not None
        row = catalogue().row(response.cause.code, response.cause.role)
        assert row.windows is not None
        assert row.windows.iis is not None
        assert order.index(response.confidence) >= order.index(row.windows.iis.mark)


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_response_is_told_in_both_languages(lang: str) -> None:
    response = ask(CLIENT, crls=[REVOKED]).response
    assert response is not None
    assert "403.13 0x80092010 CRYPT_E_REVOKED" in response.text(lang)


# what was seen


@pytest.mark.parametrize(
    "observed",
    [
        "403 16 2148204809",
        "403.16",
        "0x800B0109",
        "-2146762487",
        "CERT_E_UNTRUSTEDROOT",
        "unknown_ca",
        "dwErrorStatus=20",
        2148204809,
    ],
)
def test_what_was_seen_is_explained_by_the_cause_that_shows_so(observed: str | int) -> None:
    found = ask(store=STRANGERS, presented=[ROOT.der], observed=observed).observation
    assert found is not None
    assert found.explained
    assert [cause.code.value for cause in found.explained_by] == ["untrusted-root"]


def test_what_no_cause_shows_is_not_explained() -> None:
    found = ask(observed="403 16 2148204809").observation
    assert found is not None
    assert not found.explained
    assert [code.name for code in found.unexplained] == ["403.16", "CERT_E_UNTRUSTEDROOT"]
    assert "root-not-installed" in {candidate.id for candidate in found.candidates}
    assert "another node, binding or store" in found.text()


def test_the_moment_of_a_log_line_is_the_moment_judged() -> None:
    line = "2026-03-01 10:11:12 192.0.2.1 GET /private - 443 - 198.51.100.7 - 403 17 2148204801 15"
    dated = CA.issue("client", not_after=datetime(2026, 2, 28, tzinfo=UTC))
    found = ask(dated, observed=line, at=None)
    assert found.at == datetime(2026, 3, 1, 10, 11, 12, tzinfo=UTC)
    assert found.observation is not None
    assert found.observation.explained
    assert ask(dated, observed=line).at == AT  # a moment that is given counts


def test_the_output_of_certutil_is_compared(tmp_path: Path) -> None:
    text = (
        "HCCE_LOCAL_MACHINE\n-------- CERT_CHAIN_CONTEXT --------\n"
        "ChainContext.dwErrorStatus = CERT_TRUST_IS_UNTRUSTED_ROOT (0x20)\n"
        "CertContext[0][0]: dwInfoStatus=102 dwErrorStatus=0\n  Subject: CN=client\n"
        "CertContext[0][1]: dwInfoStatus=10c dwErrorStatus=20\n  Subject: CN=Response Root\n"
        "A certificate chain processed, but terminated in a root certificate 0x800b0109 (-2146762487 CERT_E_UNTRUSTEDROOT)\n"
        "CertUtil: -verify command completed successfully.\n"
    )
    file = tmp_path / "verify.txt"
    file.write_text(text, encoding="utf-16")
    for observed in (text, file, text.encode()):
        agreeing = ask(store=STRANGERS, presented=[ROOT.der], observed=observed).observation
        assert agreeing is not None
        assert agreeing.explained
        differing = ask(observed=observed).observation
        assert differing is not None
        assert not differing.explained


@pytest.mark.parametrize("observed", ["", "nothing known", "a\nb\n", b"", object(), True, ["403.7"]])
def test_what_names_no_code_is_an_input_error(observed: Any) -> None:
    with pytest.raises(InputError):
        ask(observed=observed)
