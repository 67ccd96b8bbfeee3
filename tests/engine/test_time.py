"""Dates are judged to the second, at any moment the caller names, and an answer says from when to when it holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import chaincheck
import pki
from chaincheck.causes import facts
from chaincheck.causes.codes import CauseCode, DocumentedCause, Finding, Verdict
from engine.asking import CA, LEAF, ROOT, ask, assumed, fatal, full_store

OFF = replace(chaincheck.IIS, revocation="off")
SECOND = timedelta(seconds=1)
START, END = datetime(2026, 3, 1, 8, 30, 15, tzinfo=UTC), datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC)
EXACT = CA.issue("exact", not_before=START, not_after=END)


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (START - SECOND, "not-yet-valid"),
        (START - timedelta(microseconds=1), "not-yet-valid"),
        (START, None),
        (END, None),
        (END + timedelta(microseconds=999_999), None),  # the whole last second counts
        (END + SECOND, "expired"),
    ],
)
def test_the_first_and_the_last_second_count_as_valid(at: datetime, code: str | None) -> None:
    diagnosis = ask(EXACT.der, at=at, rules=OFF)
    assert diagnosis.accepted is (code is None)
    assert fatal(diagnosis) == ({(code, "subject")} if code else set())
    assert diagnosis.documented_causes[DocumentedCause.NOT_WITHIN_VALIDITY] is (Finding.FOUND if code else Finding.RULED_OUT)


@pytest.mark.parametrize("who", ["intermediate", "anchor"])
def test_the_seconds_of_ca_certificates_count_too(who: str) -> None:
    dates: dict[str, Any] = {"not_before": START, "not_after": END}
    root = pki.root("Exact root", **(dates if who == "anchor" else {}))
    ca = root.issue_ca("Exact CA", **(dates if who == "intermediate" else {}))
    leaf = ca.issue("client")
    store = chaincheck.TrustStore(roots=[root.der], intermediates=[ca.der])
    for at, found in ((START - SECOND, {("not-yet-valid", who)}), (START, set()), (END, set()), (END + SECOND, {("expired", who)})):
        assert fatal(ask(leaf.der, store=store, at=at, rules=OFF)) == found


@pytest.mark.parametrize(
    "zone", [UTC, timezone(timedelta(hours=9)), timezone(-timedelta(hours=11, minutes=30)), ZoneInfo("America/New_York")]
)
def test_a_moment_is_the_same_in_every_time_zone(zone: timezone | ZoneInfo) -> None:
    assert ask(EXACT.der, at=END.astimezone(zone), rules=OFF).to_json() == ask(EXACT.der, at=END, rules=OFF).to_json()
    assert not ask(EXACT.der, at=(END + SECOND).astimezone(zone), rules=OFF).accepted


def test_a_moment_without_a_time_zone_is_refused_with_an_explanation() -> None:
    with pytest.raises(chaincheck.InputError) as caught:
        ask(at=datetime(2026, 6, 15, 12))  # noqa: DTZ001 - that is what is tested
    assert caught.value.code == "naive-datetime"
    assert caught.value.where == "at"
    assert "tzinfo" in str(caught.value.hint)


@pytest.mark.parametrize("at", ["2026-06-15", 1_781_524_800, END.date()])
def test_a_moment_is_a_datetime(at: object) -> None:
    with pytest.raises(chaincheck.InputError) as caught:
        ask(at=at)
    assert caught.value.code == "moment"


def test_a_certificate_without_an_end_does_not_overflow() -> None:
    forever = CA.issue("forever", not_after=pki.NO_EXPIRY)
    root = pki.root("Forever", not_after=pki.NO_EXPIRY)
    for leaf in (forever, root.issue("client", not_after=pki.NO_EXPIRY)):
        diagnosis = ask(leaf.der, store=full_store(roots=[ROOT.der, root.der]))
        assert diagnosis.accepted
        assert diagnosis.to_json()
        assert diagnosis.to_text(timezone=timezone(timedelta(hours=14)), lang="ja")
        assert all(
            ask(leaf.der, store=full_store(roots=[ROOT.der, root.der]), at=each.at).verdict is each.verdict for each in diagnosis.upcoming
        )
    last = ask(root.issue("client", not_after=pki.NO_EXPIRY).der, store=full_store(roots=[root.der]), at=pki.NO_EXPIRY, rules=OFF)
    assert last.accepted
    assert last.to_text(timezone=timezone(timedelta(hours=14)))


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_the_ends_of_time_are_moments_too(at: datetime) -> None:
    diagnosis = ask(at=at)
    assert diagnosis.verdict is Verdict.REFUSED
    assert diagnosis.to_text()
    assert diagnosis.to_json()


@pytest.mark.parametrize(("early", "suspect"), [(1, True), (3600, True), (86_400, True), (86_401, False)])
def test_not_yet_valid_says_by_how_much_and_hints_at_the_clock_when_it_is_little(early: int, suspect: bool) -> None:
    diagnosis = ask(EXACT.der, at=START - timedelta(seconds=early), rules=OFF)
    cause = next(c for c in diagnosis.causes if c.code is CauseCode.NOT_YET_VALID)
    assert isinstance(cause.facts, facts.NotYetValidFacts)
    assert (cause.facts.seconds_early, cause.facts.clock_suspect, cause.facts.not_before) == (early, suspect, START)


def test_expired_says_when_it_was_and_when_it_was_looked_at() -> None:
    cause = next(c for c in ask(EXACT.der, at=END + timedelta(days=1)).causes if c.code is CauseCode.EXPIRED)
    assert cause.facts == facts.ExpiredFacts(not_after=END, checked_at=END + timedelta(days=1))


def test_without_a_moment_it_is_now() -> None:
    now = datetime.now(UTC)
    root = pki.root("Now", **pki.valid_around(now, 30))
    leaf = root.issue("client", **pki.valid_around(now))
    diagnosis = ask(leaf.der, store=chaincheck.TrustStore(roots=[root.der]), at=None, rules=OFF)
    assert diagnosis.accepted
    assert abs(diagnosis.at - now) < timedelta(minutes=1)
    assert "time-moved" not in assumed(diagnosis)


def test_a_moment_that_was_chosen_is_an_assumption_for_windows_only() -> None:
    assert "time-moved" in assumed(ask())
    assert "time-moved" not in assumed(ask(rules=chaincheck.RFC5280))


# From when to when an answer holds


def substance(diagnosis: chaincheck.Diagnosis) -> object:
    """The answer without the moment it was given for."""
    return (
        diagnosis.verdict,
        fatal(diagnosis),
        diagnosis.documented_causes,
        [c.code for c in diagnosis.causes],
        [s.status for s in diagnosis.revocation],
    )


def questions() -> dict[str, dict[str, object]]:
    late = CA.issue("late", not_after=pki.AT - timedelta(days=1))
    early = CA.issue("early", not_before=pki.AT + timedelta(days=2))
    twin = ROOT.issue_ca("CA", key=CA.key, not_after=pki.AT + timedelta(days=2), serial=5)
    short = [CA.crl(next_update=pki.AT + timedelta(hours=1)), ROOT.crl()]
    return {
        "good, revocation off": {"rules": OFF},
        "good, by CRLs": {},
        "good, by a CRL that runs out soon": {"store": full_store(crls=short)},
        "revoked": {"crls": [CA.crl([(LEAF.serial, pki.AT - timedelta(days=5), None)], number=2)]},
        "expired": {"cert": late.der},
        "not yet valid": {"cert": early.der},
        "exact": {"cert": EXACT.der, "rules": OFF},
        "untrusted": {"store": full_store(roots=()), "presented": [ROOT.der]},
        "twins": {"store": full_store(intermediates=[CA.der, twin.der]), "rules": OFF},
        "no store": {"store": None},
        "stale CRL": {"store": full_store(crls=[CA.crl(next_update=pki.AT - timedelta(hours=1)), ROOT.crl()])},
    }


@pytest.mark.parametrize("name", questions())
def test_an_answer_holds_from_end_to_end_and_not_beyond_without_reason(name: str) -> None:
    more = questions()[name]
    diagnosis = ask(**more)
    first, last = diagnosis.holds_from, diagnosis.holds_until
    assert first is None or first <= pki.AT
    assert last is None or last >= pki.AT
    for moment in (first, last):
        if moment is not None:
            assert substance(ask(**more, at=moment)) == substance(diagnosis)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("good, revocation off", datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("exact", START, END),
        ("good, by a CRL that runs out soon", None, pki.AT + timedelta(hours=1)),
        ("expired", pki.AT - timedelta(days=1) + SECOND, None),
        ("not yet valid", None, pki.AT + timedelta(days=2) - SECOND),
    ],
)
def test_outside_of_its_window_the_answer_is_another(name: str, first: datetime | None, last: datetime | None) -> None:
    more = questions()[name]
    diagnosis = ask(**more)
    if first is not None:
        assert diagnosis.holds_from == first
        assert substance(ask(**more, at=first - SECOND)) != substance(diagnosis)
    if last is not None:
        assert diagnosis.holds_until == last
        assert substance(ask(**more, at=last + SECOND)) != substance(diagnosis)


def test_what_comes_is_told_in_order() -> None:
    changes = ask(rules=OFF).upcoming
    assert [change.event for change in changes] == ["expires"] * 3
    assert changes[0].at == datetime(2027, 1, 1, tzinfo=UTC) + SECOND
    assert changes[0].verdict is Verdict.REFUSED
    assert [change.at for change in changes] == sorted(change.at for change in changes)
