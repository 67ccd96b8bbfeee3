"""x509-limbo: every case is answered as it should be, or is listed in docs/limbo.md with the reason."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import pytest

from chaincheck.causes.codes import Severity, Verdict
from path import suites

if TYPE_CHECKING:
    from path.suites import Entry

TABLE = suites.entries("limbo-dev.json")
PAGE = Path(__file__).parents[2] / "docs" / "limbo.md"

pytestmark = pytest.mark.skipif(not TABLE, reason=f"there is no {suites.DIRECTORY / 'limbo-dev.json'}")


class Outcome(NamedTuple):
    verdict: Verdict
    said: tuple[str, ...]
    """Codes of what refuses, and of what is warned of."""
    seconds: float

    def right(self, entry: Entry) -> bool:
        return self.verdict is (Verdict.ACCEPTED if entry["expected_result"] == "SUCCESS" else Verdict.REFUSED)


@cache
def outcomes() -> dict[str, tuple[Entry, Outcome]]:
    found = {}
    for entry in TABLE:
        began = perf_counter()
        diagnosis = suites.limbo(entry)
        seconds = perf_counter() - began
        said = tuple(cause.code.value for cause in diagnosis.causes if cause.severity is not Severity.NOTE)
        found[entry["id"]] = entry, Outcome(diagnosis.verdict, said, seconds)
    return found


def of(*bases: str) -> dict[str, tuple[Entry, Outcome]]:
    return {case: (entry, outcome) for case, (entry, outcome) in outcomes().items() if entry["basis"] in bases}


def wrong(*bases: str) -> dict[str, Outcome]:
    return {case: outcome for case, (entry, outcome) in of(*bases).items() if not outcome.right(entry)}


def listed() -> dict[str, str]:
    """The cases of the page, and what the answer to each is."""
    return dict(re.findall(r"^\| `([a-z0-9:-]+)` \| ([a-z]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))


def test_every_case_of_path_validation_is_right() -> None:
    assert {case: outcome for case, outcome in wrong("path").items() if case not in listed()} == {}


def test_no_case_of_path_validation_is_answered_the_wrong_way_round() -> None:
    """One that is listed is left open, and never accepted for refused."""
    assert {case: outcome for case, outcome in wrong("path").items() if outcome.verdict is not Verdict.UNDETERMINED} == {}
    assert len(wrong("path")) <= 2


def test_every_case_that_rests_on_the_certificate_of_the_anchor_is_right() -> None:
    assert wrong("anchor") == {}


def test_a_departure_from_the_profile_is_a_cause_or_a_warning() -> None:
    told = [case for case, (_, outcome) in of("profile").items() if outcome.said]
    assert len(of("profile")) == 9
    assert len(told) >= 8, sorted(set(of("profile")) - set(told))


def test_none_of_the_many_valid_paths_is_refused() -> None:
    good = {case: outcome.verdict for case, (entry, outcome) in outcomes().items() if entry["expected_result"] == "SUCCESS"}
    assert {case: verdict for case, verdict in good.items() if verdict is not Verdict.ACCEPTED} == {}


def test_every_case_is_answered_at_once() -> None:
    assert {case: outcome.seconds for case, (_, outcome) in outcomes().items() if outcome.seconds > 1} == {}


def test_the_list_of_cases_left_over_is_exact() -> None:
    left = wrong("path", "anchor", "profile", "anchor-profile", "practice")
    assert {case: outcome.verdict.value for case, outcome in left.items()} == listed()
