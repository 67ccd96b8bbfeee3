"""A certificate is hostile input: its URLs are followed only where a path of permitted CAs leads to an anchor, and the guard allows it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import chaincheck
import pki
from chaincheck.causes.codes import DocumentedCause, Finding, Verdict
from engine.asking import fatal, unchecked

if TYPE_CHECKING:
    from collections.abc import Callable

    from http_server import WebServer

    Diagnose = Callable[..., chaincheck.Diagnosis]

NOW = datetime.now(UTC)
DATES: dict[str, Any] = {**pki.valid_around(NOW, 30)}
ROOT = pki.root("Guard root", **DATES)
CA = ROOT.issue_ca("Guard CA", **DATES)
FRESH: dict[str, Any] = {
    "this_update": NOW.replace(microsecond=0) - timedelta(hours=1),
    "next_update": NOW.replace(microsecond=0) + timedelta(days=1),
}


def sync(*args: Any, **more: Any) -> chaincheck.Diagnosis:
    return chaincheck.diagnose(*args, **more)


def on_a_loop(*args: Any, **more: Any) -> chaincheck.Diagnosis:
    return asyncio.run(chaincheck.diagnose_async(*args, **more))


BOTH = pytest.mark.parametrize("diagnose", [sync, on_a_loop])


@pytest.fixture
def served(web: WebServer) -> WebServer:
    """CRLs and OCSP of the CA, a CRL of the root."""
    web.serve("/ca.crl", CA.crl(**FRESH))
    web.serve("/root.crl", ROOT.crl(**FRESH))
    web.serve("/ocsp", CA.ocsp_handler())
    return web


def leaf(web: WebServer, issuer: pki.Authority = CA, **more: Any) -> pki.Issued:
    return issuer.issue("guarded", **{**DATES, "crl_urls": [web.url("/ca.crl")], "ocsp_urls": [web.url("/ocsp")], **more})


def store(*intermediates: pki.Authority, **more: Any) -> chaincheck.TrustStore:
    return chaincheck.TrustStore(
        **{"roots": [ROOT.der], "intermediates": [one.der for one in intermediates], "crls": [ROOT.crl(**FRESH)], **more}
    )


def allowing(web: WebServer) -> chaincheck.Guard:
    return chaincheck.Guard(allow=(web.address,))


@BOTH
def test_an_anchored_certificate_is_asked_about(diagnose: Diagnose, served: WebServer) -> None:
    diagnosis = diagnose(leaf(served).der, store=store(CA), guard=allowing(served))
    assert diagnosis.accepted, diagnosis.to_text()
    assert diagnosis.documented_causes[DocumentedCause.REVOKED] is Finding.RULED_OUT
    assert (served.count("/ocsp"), served.count("/ca.crl")) == (1, 0)  # decided by the first


@BOTH
def test_loopback_is_not_reached_unless_it_is_allowed(diagnose: Diagnose, served: WebServer) -> None:
    diagnosis = diagnose(leaf(served).der, store=store(CA))
    assert served.count() == 0
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert "guard-refused" in unchecked(diagnosis)


@BOTH
def test_urls_of_a_certificate_without_an_anchor_cause_no_connection(diagnose: Diagnose, served: WebServer) -> None:
    stranger = pki.root("Stranger", **DATES)
    for given in (store(), store(roots=[pki.root("Other", **DATES).der]), None):
        diagnosis = diagnose(leaf(served, stranger).der, store=given, presented=[stranger.der], guard=allowing(served))
        assert not diagnosis.accepted
        assert "fetch-not-allowed-for-unanchored" in unchecked(diagnosis)
    assert served.count() == 0


def test_the_owner_of_the_guard_can_open_it(served: WebServer) -> None:
    guard = chaincheck.Guard(allow=(served.address,), fetch_unanchored=True)
    sync(leaf(served).der, store=store(CA, roots=()), guard=guard)
    assert served.count() > 0


MAKERS: dict[str, dict[str, Any]] = {
    "that is no CA": {"ca": False},
    "without basic constraints": {"ca": None},
    "that may not sign certificates": {"key_usage": ("digitalSignature",)},
    "with a broken signature": {"broken_signature": True},
    "with a critical extension nobody knows": {"extensions": [("1.2.3.4", True, b"\x05\x00")]},
}


@BOTH
@pytest.mark.parametrize("what", MAKERS)
def test_a_certificate_issued_by_one_that_may_not_issue_causes_no_connection(what: str, diagnose: Diagnose, served: WebServer) -> None:
    impostor = ROOT.issue_ca("Impostor", **{**DATES, **MAKERS[what]})
    diagnosis = diagnose(leaf(served, impostor).der, store=store(impostor), guard=allowing(served))
    assert not diagnosis.accepted
    assert served.count() == 0


@BOTH
def test_a_client_that_issues_another_below_its_own_certificate_causes_no_connection(diagnose: Diagnose, served: WebServer) -> None:
    client = CA.issue_ca("client", **{**DATES, "ca": False})
    diagnosis = diagnose(leaf(served, client).der, store=store(CA), presented=[client.der], guard=allowing(served))
    assert ("not-a-ca", "intermediate") in fatal(diagnosis)
    assert served.count() == 0


@BOTH
def test_a_certificate_with_a_signature_that_does_not_verify_causes_no_connection(diagnose: Diagnose, served: WebServer) -> None:
    diagnosis = diagnose(leaf(served, broken_signature=True).der, store=store(CA), guard=allowing(served))
    assert ("bad-signature", "subject") in fatal(diagnosis)
    assert served.count() == 0


@BOTH
def test_a_path_that_is_too_long_causes_no_connection(diagnose: Diagnose, served: WebServer) -> None:
    short = ROOT.issue_ca("Short", **DATES, path_length=0)
    below = short.issue_ca("Below", **DATES)
    diagnose(leaf(served, below).der, store=store(short), presented=[below.der], guard=allowing(served))
    assert served.count() == 0


def test_nothing_is_fetched_when_nothing_may_be(served: WebServer) -> None:
    for word in ("never", "cached"):
        diagnosis = sync(leaf(served).der, store=store(CA), guard=allowing(served), fetch=word)
        assert diagnosis.verdict is Verdict.UNDETERMINED
    assert served.count() == 0


@BOTH
def test_what_was_fetched_gives_the_same_answer_again(diagnose: Diagnose, served: WebServer) -> None:
    first = diagnose(leaf(served).der, store=store(CA), guard=allowing(served), at=NOW)
    assert [response.request.url for response in first.responses] == [served.url("/ocsp")]
    assert first.to_dict()["verdict"] == diagnose(leaf(served).der, store=store(CA), guard=allowing(served), at=NOW).to_dict()["verdict"]


@BOTH
def test_a_responder_that_fails_is_followed_by_the_next_source(diagnose: Diagnose, served: WebServer) -> None:
    served.remove("/ocsp")
    diagnosis = diagnose(leaf(served).der, store=store(CA), guard=allowing(served))
    assert diagnosis.accepted, diagnosis.to_text()
    assert served.count("/ca.crl") == 1


@BOTH
def test_no_source_that_answers_is_undetermined_unless_this_machine_is_the_server(diagnose: Diagnose, served: WebServer) -> None:
    served.remove("/ocsp")
    served.remove("/ca.crl")
    one = leaf(served).der
    assert diagnose(one, store=store(CA), guard=allowing(served)).verdict is Verdict.UNDETERMINED
    here = diagnose(one, store=store(CA), guard=allowing(served), server=chaincheck.ServerProfile(here=True))
    assert here.verdict is Verdict.REFUSED


@BOTH
def test_certificates_of_one_path_are_asked_about_in_the_same_round(diagnose: Diagnose, served: WebServer) -> None:
    ca = ROOT.issue_ca("Guard CA", key=CA.key, **DATES, crl_urls=[served.url("/root.crl")])
    diagnosis = diagnose(leaf(served).der, store=store(ca, crls=()), guard=allowing(served))
    assert diagnosis.accepted, diagnosis.to_text()
    assert {one.path for one in served.requests} == {"/ocsp", "/root.crl"}


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://127.0.0.1/ca.crl", "gopher://127.0.0.1/", "http://", "http://[::1", "ldap:///cn=x", "x" * 9000]
)
def test_a_url_that_is_none_causes_no_connection_and_no_exception(url: str, served: WebServer) -> None:
    one = CA.issue("strange url", **DATES, crl_urls=[url])
    diagnosis = sync(one.der, store=store(CA), guard=allowing(served))
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert served.count() == 0


def test_sixteen_threads_that_fetch_get_the_verdicts_of_a_serial_run(served: WebServer) -> None:
    revoked = leaf(served, serial=4711)
    served.serve("/ocsp", CA.ocsp_handler({4711: "revoked"}))
    leaves = [leaf(served), revoked, leaf(served, serial=4712), leaf(served, crl_urls=[], serial=4713)] * 8
    with chaincheck.Checker(store=store(CA), guard=allowing(served)) as checker:
        serial = [checker.diagnose(one.der).verdict for one in leaves]
        with ThreadPoolExecutor(16) as threads:
            assert [d.verdict for d in threads.map(lambda one: checker.diagnose(one.der), leaves)] == serial
    assert serial[:4] == [Verdict.ACCEPTED, Verdict.REFUSED, Verdict.ACCEPTED, Verdict.ACCEPTED]
