"""A store may distrust a certificate from a moment on (CERT_DISALLOWED_FILETIME_PROP_ID): before it, at it, after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import chaincheck
import pki
from chaincheck.store import Entry

BEGINS = pki.AT + timedelta(days=10)
FILETIME = int((BEGINS - datetime(1601, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)) * 10_000_000
RULES = replace(chaincheck.IIS, revocation="off")


def checker() -> tuple[chaincheck.Checker, bytes]:
    root = pki.root()
    authority = root.issue_ca("Issuing CA")
    property_104 = (104, FILETIME.to_bytes(8, "little"))
    store = chaincheck.TrustStore(
        roots=[Entry(root.der, "roots", properties=(property_104,))], intermediates=[authority.der], disallowed=[]
    )
    return chaincheck.Checker(store=store, rules=RULES, fetch="never"), authority.issue("client").der


def test_until_the_second_before_it_is_trusted() -> None:
    asked, client = checker()
    assert asked.diagnose(client, at=BEGINS - timedelta(seconds=1)).accepted


def test_from_that_second_on_it_is_distrusted() -> None:
    asked, client = checker()
    answer = asked.diagnose(client, at=BEGINS)
    assert answer.verdict is chaincheck.Verdict.REFUSED
    assert [cause.code for cause in answer.causes] == [chaincheck.CauseCode.DISTRUSTED]


def test_an_answer_is_not_remembered_beyond_it() -> None:
    asked, client = checker()
    before = asked.diagnose(client, at=pki.AT)
    assert before.accepted
    assert before.holds_until == BEGINS - timedelta(seconds=1)
    assert not asked.diagnose(client, at=BEGINS).accepted
    assert asked.diagnose(client, at=pki.AT).accepted
