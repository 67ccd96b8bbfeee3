"""A delta CRL that is published beside the CRL that decides is fetched, and its absence is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509

import chaincheck
import pki
from chaincheck.causes.codes import CauseCode, DocumentedCause, Finding, Severity, Verdict

if TYPE_CHECKING:
    from http_server import WebServer

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DATES: dict[str, Any] = {"not_before": NOW - 30 * DAY, "not_after": NOW + 30 * DAY}
CA = pki.root("Delta CA", **DATES)


def freshest(url: str) -> pki.Extension:
    return x509.FreshestCRL([x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)]), False


def base(*more: pki.Extension, entries: list[pki.Revoked] | None = None, **changes: Any) -> bytes:
    number: pki.Extension = (x509.CRLNumber(10), False)
    return CA.crl(entries or [], extensions=[number, *more], this_update=NOW - DAY, next_update=NOW + DAY, **changes)


def delta(entries: list[pki.Revoked] | None = None, **dates: Any) -> bytes:
    extensions: list[pki.Extension] = [(x509.CRLNumber(12), False), (x509.DeltaCRLIndicator(10), True)]
    return CA.crl(entries or [], extensions=extensions, **{"this_update": NOW - HOUR, "next_update": NOW + HOUR, **dates})


def ask(web: WebServer, leaf: pki.Issued, **more: Any) -> chaincheck.Diagnosis:
    store = chaincheck.TrustStore(roots=CA.der, intermediates=(), disallowed=(), crls=())
    guard = chaincheck.Guard(intranet=True, allow=(web.address,))
    return chaincheck.diagnose(leaf.der, **{"store": store, "guard": guard, "cache": None, **more})


def test_the_delta_that_the_crl_names_is_fetched_and_judged_with_it(web: WebServer) -> None:
    leaf = CA.issue("client", crl_urls=[web.url("/ca.crl")], **DATES)
    web.serve("/ca.crl", base(freshest(web.url("/delta.crl"))))
    web.serve("/delta.crl", delta())
    good = ask(web, leaf)
    assert good.accepted
    assert good.holds_until == NOW + HOUR  # no longer than the delta
    web.serve("/delta.crl", delta([(leaf.serial, NOW - 2 * HOUR, "keyCompromise")]))
    assert [cause.code for cause in ask(web, leaf).causes] == [CauseCode.REVOKED]


def test_the_delta_that_the_certificate_names_is_fetched_too(web: WebServer) -> None:
    leaf = CA.issue("client", crl_urls=[web.url("/ca.crl")], extensions=[freshest(web.url("/delta.crl"))], **DATES)
    web.serve("/ca.crl", base(entries=[(leaf.serial, NOW - 2 * DAY, "certificateHold")]))
    web.serve("/delta.crl", delta([(leaf.serial, NOW - 2 * HOUR, "removeFromCRL")]))
    assert ask(web, leaf).accepted


def test_a_delta_that_cannot_be_had_keeps_a_server_from_accepting_and_is_a_warning(web: WebServer) -> None:
    leaf = CA.issue("client", crl_urls=[web.url("/ca.crl")], **DATES)
    web.serve("/ca.crl", base(freshest(web.url("/delta.crl"))))
    diagnosis = ask(web, leaf)
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert [(cause.code, cause.severity) for cause in diagnosis.causes] == [(CauseCode.REVOCATION_UNREACHABLE, Severity.WARNING)]
    assert "delta-not-judged" in [statement.code for statement in diagnosis.unchecked]
    assert diagnosis.documented_causes[DocumentedCause.REVOKED] is Finding.NOT_CHECKED


def test_a_delta_out_of_date_says_so(web: WebServer) -> None:
    leaf = CA.issue("client", crl_urls=[web.url("/ca.crl")], **DATES)
    web.serve("/ca.crl", base(freshest(web.url("/delta.crl"))))
    web.serve("/delta.crl", delta(this_update=NOW - 3 * HOUR, next_update=NOW - HOUR))
    diagnosis = ask(web, leaf)
    assert (diagnosis.verdict, [cause.code for cause in diagnosis.causes]) == (Verdict.UNDETERMINED, [CauseCode.REVOCATION_STALE])


def test_a_delta_is_asked_of_the_cache_first(web: WebServer, tmp_path: Any) -> None:
    leaf = CA.issue("client", crl_urls=[web.url("/ca.crl")], **DATES)
    web.serve("/ca.crl", base(freshest(web.url("/delta.crl"))))
    web.serve("/delta.crl", delta())
    assert ask(web, leaf, cache=tmp_path).accepted
    asked = web.count()
    assert ask(web, leaf, cache=tmp_path).accepted
    assert web.count() == asked


def test_a_crl_that_nobody_signed_leads_nowhere(web: WebServer) -> None:
    leaf = CA.issue("client", crl_urls=[web.url("/ca.crl")], **DATES)
    web.serve("/ca.crl", base())
    forged = base(freshest(web.url("/intranet")), broken_signature=True)
    ask(web, leaf, crls=[forged])
    assert web.count("/intranet") == 0


def test_an_ocsp_answer_needs_no_delta(web: WebServer) -> None:
    leaf = CA.issue("client", extensions=[freshest(web.url("/delta.crl"))], **DATES)
    answer = CA.ocsp_response(leaf, this_update=NOW - HOUR, next_update=NOW + HOUR)
    assert ask(web, leaf, crls=[base()], ocsp_responses=[answer]).accepted
    assert web.count() == 0
