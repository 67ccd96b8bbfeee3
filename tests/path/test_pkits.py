"""NIST PKITS, all of it: the verdict and its reason, and the policies a path is valid under."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chaincheck.causes.codes import Severity, Verdict
from path import suites

if TYPE_CHECKING:
    from path.suites import Entry

TABLE = suites.entries("pkits.json")

UNKNOWN = frozenset(
    {
        "revocation-nothing-to-check", "revocation-evidence-invalid", "revocation-unknown", "revocation-out-of-scope", "revocation-stale",
        "revocation-not-yet-valid", "revocation-not-fetched",
    }
)  # fmt: skip
# The words of the table, and the causes that say the same.
REASONS = {
    "signature": frozenset({"bad-signature"}),
    "not-yet-valid": frozenset({"not-yet-valid"}),
    "expired": frozenset({"expired"}),
    "name-chaining": frozenset({"issuer-not-found"}),
    "issuer-unknown": frozenset({"issuer-not-found"}),
    "revoked": frozenset({"revoked", "on-hold"}),
    "revocation-unknown": UNKNOWN,
    "revocation-stale": frozenset({"revocation-stale"}),
    "basic-constraints": frozenset({"not-a-ca"}),
    "key-usage": frozenset({"wrong-key-usage"}),
    "path-length": frozenset({"path-too-long"}),
    "policy": frozenset({"policy-not-satisfied"}),
    "name-constraints": frozenset({"name-not-permitted"}),
    "unknown-critical-extension": frozenset({"unknown-critical-extension"}),
}
# What may stand beside the reason: NIST broke these two signatures in the bits that are no whole octet, which is a fault of its own.
BESIDE = {"4.1.2": "malformed", "4.1.6": "malformed"}

pytestmark = pytest.mark.skipif(not TABLE, reason=f"there is no {suites.DIRECTORY / 'pkits.json'}")


def number(entry: Entry) -> str:
    return str(entry["id"])


def codes(entry: Entry) -> frozenset[str]:
    """What an answer that refuses may say, and must say one of."""
    return frozenset().union(*(REASONS[word] for word in (entry["reason"], *entry.get("also_acceptable", ()))))


def test_the_table_is_complete() -> None:
    assert len(TABLE) == 249


@pytest.mark.parametrize("entry", TABLE, ids=number)
def test_the_verdict_and_the_reason_are_those_of_nist(entry: Entry) -> None:
    diagnosis = suites.pkits(entry)
    fatal = {cause.code.value for cause in diagnosis.causes if cause.severity is Severity.FATAL}
    if entry["expected"] == "valid":
        assert (diagnosis.verdict, fatal) == (Verdict.ACCEPTED, set())
    else:
        assert diagnosis.verdict is Verdict.REFUSED
        assert fatal & codes(entry), f"{entry['reason']}: {fatal}"
        assert fatal <= codes(entry) | {BESIDE.get(entry["id"], "")}, "more than NIST put in"


@pytest.mark.parametrize("entry", [entry for entry in TABLE if entry.get("culprit")], ids=number)
def test_the_cause_speaks_about_the_certificate_that_is_at_fault(entry: Entry) -> None:
    diagnosis = suites.pkits(entry)
    at_fault = {c.role.value for c in diagnosis.causes if c.severity is Severity.FATAL and c.code.value in codes(entry)}
    assert at_fault == {"subject" if entry["culprit"] == entry["end_certificate"] else "intermediate"}


@pytest.mark.parametrize("entry", [entry for entry in TABLE if entry.get("user_constrained_policy_set") is not None], ids=number)
def test_the_user_constrained_policy_set_is_that_of_nist(entry: Entry) -> None:
    told = suites.pkits(entry).policies
    assert told is not None
    assert told.user_constrained_policy_set == frozenset(entry["user_constrained_policy_set"])


@pytest.mark.parametrize("entry", [entry for entry in TABLE if entry.get("user_notice")], ids=number)
def test_the_user_notice_is_told(entry: Entry) -> None:
    told = suites.pkits(entry).policies
    assert told is not None
    assert entry["user_notice"] in [notice for _, notices in told.qualifiers for notice in notices]
