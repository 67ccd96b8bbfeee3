"""``prefer="crl"``: one list answers for thousands of certificates, where each would ask a responder for itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import pytest

import chaincheck
import pki
from chaincheck.causes.codes import CauseCode
from engine.asking import assumed

if TYPE_CHECKING:
    from pathlib import Path

    from http_server import WebServer

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
DATES: dict[str, Any] = {"not_before": NOW - 30 * DAY, "not_after": NOW + 30 * DAY}
FRESH: dict[str, Any] = {"this_update": NOW - DAY, "next_update": NOW + DAY}
ROOT = pki.root("Preferred Root", **DATES)
CA = ROOT.issue_ca("Preferred CA", **DATES)


def checker(web: WebServer, folder: Path, prefer: Literal["ocsp", "crl"]) -> chaincheck.Checker:
    store = chaincheck.TrustStore(roots=ROOT.der, intermediates=CA.der, crls=[ROOT.crl(**FRESH)], disallowed=())
    return chaincheck.Checker(store=store, guard=chaincheck.Guard(intranet=True, allow=(web.address,)), cache=folder, prefer=prefer)


def clients(web: WebServer, count: int) -> list[pki.Issued]:
    return [CA.issue(f"client {i}", ocsp_urls=[web.url("/ocsp")], crl_urls=[web.url("/ca.crl")], **DATES) for i in range(count)]


@pytest.mark.parametrize(("prefer", "lists", "responses"), [("crl", 1, 0), ("ocsp", 0, 20)])
def test_one_list_answers_for_twenty(web: WebServer, tmp_path: Path, prefer: Literal["ocsp", "crl"], lists: int, responses: int) -> None:
    held = clients(web, 20)
    web.serve("/ca.crl", CA.crl(**FRESH))
    web.serve("/ocsp", CA.ocsp_handler({each.serial: "good" for each in held}))
    with checker(web, tmp_path, prefer) as asked:
        assert all(asked.diagnose(each.der).accepted for each in held)
    assert (web.count("/ca.crl"), web.count("/ocsp")) == (lists, responses)


def test_the_responder_is_asked_where_the_list_cannot_be_had(web: WebServer, tmp_path: Path) -> None:
    (held,) = clients(web, 1)
    web.serve("/ocsp", CA.ocsp_handler({held.serial: "revoked"}))
    with checker(web, tmp_path, "crl") as asked:
        diagnosis = asked.diagnose(held.der)
    assert [cause.code for cause in diagnosis.causes if cause.severity is chaincheck.Severity.FATAL] == [CauseCode.REVOKED]
    assert [each.kind for each in diagnosis.revocation[0].attempts] == ["ocsp", "crl"]  # shown in Windows' order


def test_that_windows_asks_in_another_order_is_said(web: WebServer, tmp_path: Path) -> None:
    (held,) = clients(web, 1)
    web.serve("/ca.crl", CA.crl(**FRESH))
    with checker(web, tmp_path, "crl") as asked:
        assert "crls-first" in assumed(asked.diagnose(held.der))
