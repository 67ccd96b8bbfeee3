"""What was fetched and verified once is not fetched again, by any checker or process with the same cache."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asn1
import chaincheck
import pki
from chaincheck.causes.codes import CauseCode, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from http_server import WebServer

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
DATES: dict[str, Any] = {"not_before": NOW - 30 * DAY, "not_after": NOW + 30 * DAY}
FRESH: dict[str, Any] = {"this_update": NOW - DAY, "next_update": NOW + DAY}
ROOT = pki.root("Cached Root", **DATES)
CA = ROOT.issue_ca("Cached CA", **DATES)


def ask(web: WebServer, cache: Path | None, leaf: pki.Issued, **more: Any) -> chaincheck.Diagnosis:
    store = chaincheck.TrustStore(roots=ROOT.der, intermediates=CA.der, crls=[ROOT.crl(**FRESH)], disallowed=())
    guard = chaincheck.Guard(intranet=True, allow=(web.address,))
    return chaincheck.diagnose(leaf.der, store=store, guard=guard, cache=cache, **more)


def test_a_crl_is_fetched_once_and_then_taken_from_the_cache(web: WebServer, tmp_path: Path) -> None:
    first, second = (CA.issue(name, crl_urls=[web.url("/ca.crl")], **DATES) for name in ("first", "second"))
    web.serve("/ca.crl", CA.crl([(second.serial, NOW - DAY, "keyCompromise")], **FRESH))
    assert ask(web, tmp_path, first).accepted
    asked = web.count()
    again = ask(web, tmp_path, second)
    assert [cause.code for cause in again.causes] == [CauseCode.REVOKED]
    assert web.count() == asked
    assert [each.origin for each in again.revocation[0].attempts] == ["cache"]
    assert ask(web, tmp_path, first, fetch="cached").accepted


def test_without_the_network_only_the_cache_is_asked(web: WebServer, tmp_path: Path) -> None:
    leaf = CA.issue("offline", crl_urls=[web.url("/ca.crl")], **DATES)
    web.serve("/ca.crl", CA.crl(**FRESH))
    diagnosis = ask(web, tmp_path, leaf, fetch="cached")
    assert (diagnosis.verdict, web.count()) == (Verdict.UNDETERMINED, 0)


def test_what_is_not_believed_is_not_kept(web: WebServer, tmp_path: Path) -> None:
    leaf = CA.issue("forged", crl_urls=[web.url("/ca.crl")], **DATES)
    web.serve("/ca.crl", CA.crl(broken_signature=True, **FRESH))
    assert not ask(web, tmp_path, leaf).accepted
    web.serve("/ca.crl", CA.crl(**FRESH))
    assert ask(web, tmp_path, leaf).accepted


def test_an_answer_from_the_cache_replays(web: WebServer, tmp_path: Path) -> None:
    leaf = CA.issue("replayed", crl_urls=[web.url("/ca.crl")], **DATES)
    web.serve("/ca.crl", CA.crl(**FRESH))
    ask(web, tmp_path / "cache", leaf)
    diagnosis = ask(web, tmp_path / "cache", leaf)
    diagnosis.save_case(tmp_path / "case.zip")
    assert chaincheck.replay(tmp_path / "case.zip").to_json() == diagnosis.to_json()


def test_a_crl_whose_successor_is_due_is_asked_for_again_and_still_counts_if_there_is_none(web: WebServer, tmp_path: Path) -> None:
    leaf = CA.issue("due", crl_urls=[web.url("/ca.crl")], **DATES)
    publish: pki.Extension = ("1.3.6.1.4.1.311.21.4", False, asn1.utc_time(NOW - timedelta(hours=1)))
    web.serve("/ca.crl", CA.crl(extensions=[publish], **FRESH))
    assert ask(web, tmp_path, leaf).accepted
    web.serve("/ca.crl", CA.crl([(leaf.serial, NOW - timedelta(hours=2), "keyCompromise")], **{**FRESH, "this_update": NOW}))
    assert [cause.code for cause in ask(web, tmp_path, leaf).causes] == [CauseCode.REVOKED]


def test_what_is_due_still_counts_where_nothing_newer_can_be_had(web: WebServer, tmp_path: Path) -> None:
    leaf = CA.issue("due", crl_urls=[web.url("/ca.crl")], **DATES)
    publish: pki.Extension = ("1.3.6.1.4.1.311.21.4", False, asn1.utc_time(NOW - timedelta(hours=1)))
    web.serve("/ca.crl", CA.crl(extensions=[publish], **FRESH))
    assert ask(web, tmp_path, leaf).accepted
    web.remove("/ca.crl")
    assert ask(web, tmp_path, leaf).accepted


def test_a_revocation_in_the_cache_counts_against_a_good_answer_that_is_supplied(web: WebServer, tmp_path: Path) -> None:
    leaf = CA.issue("stapled", crl_urls=[web.url("/ca.crl")], **DATES)
    web.serve("/ca.crl", CA.crl([(leaf.serial, NOW - DAY, "keyCompromise")], **FRESH))
    assert not ask(web, tmp_path, leaf).accepted
    good = CA.ocsp_response(leaf, this_update=NOW - timedelta(hours=1), next_update=NOW + DAY)
    diagnosis = ask(web, tmp_path, leaf, ocsp_responses=[good])
    assert [cause.code for cause in diagnosis.causes] == [CauseCode.REVOKED, CauseCode.REVOCATION_CONTRADICTED]
