"""What goes wrong on the way to evidence: each has its own cause, none raises, none takes longer than its time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import chaincheck
import pki
from chaincheck.causes.codes import CauseCode, Verdict
from fetch import loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DATES: dict[str, Any] = {**pki.valid_around(NOW)}
CA = pki.root("Source CA", **DATES)
OTHER = CA.issue("another", **DATES)


@pytest.fixture
def server() -> Iterator[loopback.Server]:
    with loopback.running() as running:
        yield running


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Callable[..., chaincheck.Diagnosis]:
    """The diagnosis of a certificate that names one address, with two seconds for all of it."""

    def settings(more: dict[str, Any]) -> dict[str, Any]:
        store = chaincheck.TrustStore(roots=CA.der, intermediates=(), disallowed=(), crls=())
        guard = chaincheck.Guard(intranet=True, allow=("127.0.0.1",))
        return {"store": store, "guard": guard, "cache": None, "timeout": 2, **more}

    def ask_sync(url: str, kind: str = "crl", **more: Any) -> chaincheck.Diagnosis:
        return chaincheck.diagnose(issued(url, kind), **settings(more))

    def ask_async(url: str, kind: str = "crl", **more: Any) -> chaincheck.Diagnosis:
        return asyncio.run(chaincheck.diagnose_async(issued(url, kind), **settings(more)))

    return ask_sync if request.param == "sync" else ask_async


def issued(url: str, kind: str) -> bytes:
    dated: dict[str, Any] = {"crl_urls" if kind == "crl" else "ocsp_urls": [url], **DATES}
    return CA.issue("client", serial=77, **dated).der


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        ("silence", CauseCode.REVOCATION_UNREACHABLE, "no answer within 1 s"),
        ("driphead", CauseCode.REVOCATION_UNREACHABLE, "no answer within 1 s"),
        ("drip", CauseCode.REVOCATION_UNREACHABLE, "the answer was not complete within 1 s"),
        ("truncated", CauseCode.REVOCATION_UNREACHABLE, "the answer ended before it was complete"),
        ("hangup", CauseCode.REVOCATION_UNREACHABLE, "the connection was closed without an answer"),
        ("noise", CauseCode.REVOCATION_UNREACHABLE, "the answer is not HTTP"),
        ("status/404", CauseCode.REVOCATION_UNREACHABLE, "status 404"),
        ("status/500", CauseCode.REVOCATION_UNREACHABLE, "status 500"),
        ("to/|to|%7Cto", CauseCode.REVOCATION_UNREACHABLE, "the redirects go round in a circle"),
        ("to/http:||10.0.0.1:25|x", CauseCode.REVOCATION_REFUSED_BY_GUARD, "redirected: port 25"),
        ("to/http:||169.254.169.254|x", CauseCode.REVOCATION_REFUSED_BY_GUARD, "redirected: 169.254.169.254 is a metadata address"),
        ("gzip/200000000", CauseCode.REVOCATION_UNREACHABLE, "larger than the limit of 104,857,600 bytes"),
        ("flood/200", CauseCode.REVOCATION_UNREACHABLE, "larger than the limit of 104,857,600 bytes"),
        ("login", CauseCode.REVOCATION_EVIDENCE_INVALID, "it is not a CRL in DER"),
        ("zeros/0", CauseCode.REVOCATION_EVIDENCE_INVALID, "it is not a CRL in DER"),
        ("ok", CauseCode.REVOCATION_EVIDENCE_INVALID, "it is not a CRL in DER"),
    ],
)
def test_a_fault_on_the_way_is_a_cause_of_its_own(
    ask: Callable[..., chaincheck.Diagnosis], server: loopback.Server, path: str, code: CauseCode, said: str
) -> None:
    more: dict[str, Any] = {"timeout": 20} if "104,857,600" in said else {}
    started = time.monotonic()
    diagnosis = ask(server.url(path), **more)
    assert time.monotonic() - started < more.get("timeout", 2) + 1
    assert diagnosis.verdict is not Verdict.ACCEPTED
    assert [cause.code for cause in diagnosis.causes] == [code]
    facts = diagnosis.causes[0].facts
    assert said in str(getattr(facts, "detail", "") or getattr(facts, "reason", ""))


def test_a_refused_connection_and_a_name_that_does_not_exist(ask: Callable[..., chaincheck.Diagnosis], server: loopback.Server) -> None:
    url = server.url("ok")
    server.server_close()
    for address, said in ((url, "the connection was refused"), ("http://nowhere.invalid/ca.crl", "nowhere.invalid")):
        diagnosis = ask(address)
        assert [cause.code for cause in diagnosis.causes] == [CauseCode.REVOCATION_UNREACHABLE]
        assert said in str(getattr(diagnosis.causes[0].facts, "detail", ""))


@pytest.mark.parametrize(
    ("answer", "kind", "code", "said"),
    [
        (
            CA.ocsp_response(OTHER, this_update=NOW - HOUR, next_update=NOW + HOUR),
            "ocsp",
            CauseCode.REVOCATION_OUT_OF_SCOPE,
            "another certificate",
        ),
        (
            CA.ocsp_response(77, this_update=NOW - HOUR, next_update=NOW + HOUR, nonce=bytes(32)),
            "ocsp",
            CauseCode.REVOCATION_EVIDENCE_INVALID,
            "replayed",
        ),
        (CA.ocsp_response(77, this_update=NOW - 3 * DAY, next_update=NOW - DAY), "ocsp", CauseCode.REVOCATION_STALE, ""),
        (CA.ocsp_response(77, this_update=NOW + HOUR / 6, next_update=NOW + DAY), "ocsp", CauseCode.REVOCATION_NOT_YET_VALID, ""),
        (CA.crl(this_update=NOW + HOUR / 6, next_update=NOW + DAY), "crl", CauseCode.REVOCATION_NOT_YET_VALID, ""),
        (CA.crl(this_update=NOW - 3 * DAY, next_update=NOW - DAY), "crl", CauseCode.REVOCATION_STALE, ""),
        (b"0\x03\x0a\x01\x06", "ocsp", CauseCode.REVOCATION_UNKNOWN, "unauthorized"),
        (b"0\x80" + bytes(20), "ocsp", CauseCode.REVOCATION_EVIDENCE_INVALID, "it is not an OCSP response in DER"),
    ],
)
def test_an_answer_that_is_none_is_a_cause_of_its_own(
    ask: Callable[..., chaincheck.Diagnosis], web: Any, answer: bytes, kind: str, code: CauseCode, said: str
) -> None:
    web.serve("/it", answer)
    diagnosis = ask(web.url("/it"), kind)
    assert diagnosis.verdict is not Verdict.ACCEPTED
    assert [cause.code for cause in diagnosis.causes] == [code]
    facts = diagnosis.causes[0].facts
    assert said in str(getattr(facts, "reason", "") or getattr(facts, "answer", ""))
