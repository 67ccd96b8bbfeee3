"""What comes: when an answer changes by itself, and to what; and warnings some time before a validity ends."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import chaincheck
import pki
from chaincheck.causes.codes import Role, Severity, Verdict
from engine.asking import CA, CRLS, LEAF, ROOT, ask, assumed, full_store

if TYPE_CHECKING:
    from http_server import WebServer

OFF = replace(chaincheck.IIS, revocation="off")
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
MONTH = timedelta(days=30)
BRIEF = ROOT.issue_ca("Brief CA", not_after=pki.AT + 20 * DAY)
BELOW = BRIEF.issue("below")


def timeline(diagnosis: chaincheck.Diagnosis) -> list[tuple[str, str, str | None]]:
    return [(change.event, change.element, change.verdict.value if change.verdict is not None else None) for change in diagnosis.upcoming]


def test_an_expired_subject_is_refused_whatever_comes() -> None:
    assert timeline(ask(rules=OFF)) == [
        ("expires", "subject", "refused"),
        ("expires", "intermediate", "refused"),
        ("expires", "anchor", "refused"),
    ]


def test_evidence_that_runs_out_leaves_the_question_open_unless_newer_comes() -> None:
    changes = ask().upcoming
    assert [(change.event, change.element, change.verdict) for change in changes[:2]] == [
        ("evidence-runs-out", "crl", Verdict.UNDETERMINED)
    ] * 2
    assert all(change.source is not None for change in changes[:2])


def test_a_ca_that_ends_before_the_subject_refuses_it_then() -> None:
    diagnosis = ask(BELOW.der, rules=OFF, store=full_store(intermediates=[BRIEF.der]))
    assert timeline(diagnosis)[0] == ("expires", "intermediate", "refused")
    assert ask(BELOW.der, rules=OFF, store=full_store(intermediates=[BRIEF.der]), at=diagnosis.upcoming[0].at).verdict is Verdict.REFUSED


def test_where_another_path_goes_on_the_verdict_stays() -> None:
    longer = ROOT.issue_ca(BRIEF.subject, key=BRIEF.key, not_after=pki.AT + 400 * DAY)
    store = full_store(intermediates=[BRIEF.der, longer.der])
    diagnosis = ask(BELOW.der, rules=OFF, store=store)
    told = {(change.element, change.at): change.verdict for change in diagnosis.upcoming}
    ends = {when: verdict for (element, when), verdict in told.items() if element == "intermediate"}
    assert ask(BELOW.der, rules=OFF, store=store, at=pki.AT + 21 * DAY).verdict is Verdict.ACCEPTED
    assert ends == {when: ask(BELOW.der, rules=OFF, store=store, at=when).verdict for when in ends}


def test_a_certificate_of_tomorrow_is_accepted_tomorrow() -> None:
    diagnosis = ask(CA.issue("early", not_before=pki.AT + DAY).der, rules=OFF)
    assert diagnosis.verdict is Verdict.REFUSED
    first = diagnosis.upcoming[0]
    assert (first.at, first.event, first.verdict) == (pki.AT + DAY, "begins", Verdict.ACCEPTED)
    assert "becomes valid (verdict from then on: accepted)" in " ".join(diagnosis.to_text().split())


def test_distrust_that_is_to_begin_is_told() -> None:
    since = pki.AT + 5 * DAY
    ticks = (int(since.timestamp()) + 11_644_473_600) * 10_000_000
    root = chaincheck.Entry(ROOT.der, "roots", properties=((104, ticks.to_bytes(8, "little")),))
    first = ask(rules=OFF, store=full_store(roots=[root])).upcoming[0]
    assert (first.at, first.event, first.element, first.verdict) == (since, "distrusted", "anchor", Verdict.REFUSED)


@pytest.mark.parametrize("more", [{}, {"rules": OFF}, {"store": None}, {"rules": chaincheck.RFC5280}, {"store": full_store(crls=None)}])
def test_each_verdict_that_is_told_is_what_is_answered_then(more: dict[str, Any]) -> None:
    for change in ask(**more).upcoming:
        assert ask(**more, at=change.at).verdict is change.verdict


def test_what_comes_survives_pickling() -> None:
    diagnosis = ask()
    assert pickle.loads(pickle.dumps(diagnosis)).upcoming == diagnosis.upcoming  # noqa: S301 - what was just pickled


# warnings


def warned(diagnosis: chaincheck.Diagnosis) -> set[tuple[str, str]]:
    return {(cause.code.value, cause.role.value) for cause in diagnosis.causes if cause.severity is Severity.WARNING}


def test_nothing_is_warned_of_unless_asked() -> None:
    assert warned(ask(CA.issue("soon", not_after=pki.AT + DAY).der, rules=OFF)) == set()


@pytest.mark.parametrize(
    ("left", "warns"),
    [(MONTH + SECOND, False), (MONTH, True), (timedelta(0), True), (-SECOND, False)],
)
def test_the_warning_begins_to_the_second_and_ends_with_the_validity(left: timedelta, warns: bool) -> None:
    diagnosis = ask(CA.issue("soon", not_after=pki.AT + left).der, rules=OFF, warn_before=MONTH)
    assert (("expires-soon", "subject") in warned(diagnosis)) is warns
    assert diagnosis.accepted is (left >= timedelta(0))


def test_every_element_is_warned_of() -> None:
    root = pki.root("Ending Root", not_after=pki.AT + 3 * DAY)
    ca = root.issue_ca("Ending CA", not_after=pki.AT + 2 * DAY)
    diagnosis = ask(
        ca.issue("x", not_after=pki.AT + DAY).der, rules=OFF, store=full_store(roots=[root.der], intermediates=[ca.der]), warn_before=MONTH
    )
    assert diagnosis.accepted
    assert warned(diagnosis) == {("expires-soon", role.value) for role in (Role.SUBJECT, Role.INTERMEDIATE, Role.ANCHOR)}


def test_an_anchor_whose_dates_do_not_count_is_not_warned_of() -> None:
    root = pki.root("Ending Root", not_after=pki.AT + DAY)
    leaf = root.issue("x")
    store = full_store(roots=[root.der])
    assert warned(ask(leaf.der, rules=replace(chaincheck.RFC5280, revocation="off"), store=store, warn_before=MONTH)) == set()


def test_an_answer_holds_until_the_warning_begins() -> None:
    with chaincheck.Checker(store=full_store(), rules=OFF, fetch="never", warn_before=MONTH) as checker:
        diagnosis = checker.diagnose(LEAF.der, at=pki.AT)
        begins = datetime(2027, 1, 1, tzinfo=UTC) - MONTH
        assert diagnosis.holds_until == begins - SECOND
        assert warned(checker.diagnose(LEAF.der, at=begins - SECOND)) == set()
        assert warned(checker.diagnose(LEAF.der, at=begins)) == {("expires-soon", "subject")}
        again = checker.diagnose(LEAF.der, at=begins + DAY)
        assert again.causes[0].to_dict()["facts"] == {
            "not_after": "2027-01-01T00:00:00Z",
            "checked_at": "2026-12-03T00:00:00Z",
            "warn_before": 30 * 86_400,
        }


@pytest.mark.parametrize("value", [30, "30", timedelta(-1), timedelta(days=40_000), True])
def test_how_long_before_is_a_timedelta(value: Any) -> None:
    with pytest.raises(chaincheck.InputError) as caught:
        ask(warn_before=value)
    assert caught.value.where == "warn_before"


def test_a_stranger_is_warned_of_his_own_certificate_alone() -> None:
    root = pki.root("Ending Root", not_after=pki.AT + DAY)
    leaf = root.issue("x", not_after=pki.AT + DAY)
    told = ask(leaf.der, rules=OFF, store=full_store(roots=[root.der]), warn_before=MONTH).to_dict(audience="client")
    assert [cause["code"] for cause in told["causes"]] == ["expires-soon"]
    assert "Ending Root" not in str(told["causes"])


def test_a_case_keeps_what_was_asked_early(tmp_path: Any) -> None:
    diagnosis = ask(CA.issue("soon", not_after=pki.AT + DAY).der, warn_before=MONTH, prefer="crl")
    diagnosis.save_case(tmp_path / "case")
    again = chaincheck.replay(tmp_path / "case")
    assert again.to_dict() == diagnosis.to_dict()
    assert again.warn_before == MONTH


def test_prefer_is_one_of_two_words_and_is_said() -> None:
    with pytest.raises(chaincheck.InputError):
        ask(prefer="both")
    assert "crls-first" not in assumed(ask(prefer="crl"))  # nothing is fetched at all
    assert "crls-first" in assumed(ask(prefer="crl", fetch="online", crls=CRLS))


def test_the_warning_has_a_beginning_in_the_answer() -> None:
    leaf = CA.issue("soon", not_after=pki.AT + DAY).der
    diagnosis = ask(leaf, rules=OFF, warn_before=MONTH)
    assert diagnosis.holds_from == pki.AT + DAY - MONTH
    assert warned(ask(leaf, rules=OFF, warn_before=MONTH, at=pki.AT + DAY - MONTH)) == warned(diagnosis)
    assert warned(ask(leaf, rules=OFF, warn_before=MONTH, at=pki.AT + DAY - MONTH - SECOND)) == set()


def test_a_source_that_was_never_asked_says_nothing_against_a_certificate(web: WebServer) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    dates: dict[str, Any] = {"not_before": now - DAY, "not_after": now + MONTH}
    root = pki.root("Asking Root", **dates)
    leaf = root.issue("asked", ocsp_urls=[web.url("/ocsp")], crl_urls=[web.url("/ca.crl")], **dates)
    web.serve("/ocsp", root.ocsp_handler({leaf.serial: "good"}))
    web.serve("/ca.crl", root.crl(this_update=now - DAY, next_update=now + 5 * DAY))
    for rules in (chaincheck.RFC5280, chaincheck.IIS):
        store = chaincheck.TrustStore(roots=root.der, intermediates=(), disallowed=(), crls=())
        guard = chaincheck.Guard(intranet=True, allow=(web.address,))
        diagnosis = chaincheck.diagnose(leaf.der, store=store, rules=rules, guard=guard, cache=None)
        assert diagnosis.accepted
        assert [change.verdict for change in diagnosis.upcoming if change.element == "ocsp"] == [Verdict.UNDETERMINED]
        assert web.count("/ca.crl") == 0
