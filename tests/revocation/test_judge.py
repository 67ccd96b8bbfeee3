"""All evidence judged together: what wins, what is kept apart, and that the order of inputs does not matter."""

from __future__ import annotations

import itertools
import pickle
import random
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

import pki
from chaincheck.causes.codes import CauseCode, Role, Severity
from chaincheck.causes.facts import NotFetchedFacts, RevokedFacts, StaleFacts, UnreachableFacts
from chaincheck.revocation.attempt import Outcome, Reason, failed
from chaincheck.revocation.evidence import Evidence
from chaincheck.revocation.status import Status, about_nobody
from revocation.judging import AT, CA, CLIENT, DAY, HOUR, SOURCED, codes, context, crl, judged, ocsp, target

MONTH_AGO = pki.AT - timedelta(days=30)
REVOKED = (CLIENT.serial, MONTH_AGO, "keyCompromise")
HELD = (CLIENT.serial, MONTH_AGO, "certificateHold")
STALE: dict[str, Any] = {"this_update": pki.AT - timedelta(days=20), "next_update": pki.AT - timedelta(days=10)}


def older(days: int) -> dict[str, Any]:
    """The times of evidence that is a few days old and still current."""
    return {"this_update": pki.AT - timedelta(days=days), "next_update": pki.AT + timedelta(days=30)}


def test_a_crl_that_does_not_list_the_certificate_says_good() -> None:
    status = judged(crl(CA.crl()))
    assert status.status is Status.GOOD
    assert status.decided
    assert status.causes == ()
    assert (status.holds_from, status.holds_until) == (AT - DAY, AT + 6 * DAY)


def test_a_crl_that_lists_the_certificate_says_revoked_with_all_facts() -> None:
    evidence = crl(CA.crl([REVOKED]))
    status = judged(evidence)
    (cause,) = status.causes
    assert status.status is Status.REVOKED
    assert (cause.code, cause.severity, cause.proven, cause.role) == (CauseCode.REVOKED, Severity.FATAL, True, Role.SUBJECT)
    assert cause.facts == RevokedFacts(
        serial=f"{CLIENT.serial:x}", revoked_at=MONTH_AGO, reason="keyCompromise", evidence="crl", source=evidence.source
    )
    assert (status.holds_from, status.holds_until) == (AT - DAY, None)


def test_a_revocation_wins_over_a_good_status_however_new() -> None:
    for good in (ocsp(CA.ocsp_response(CLIENT)), crl(CA.crl(number=2))):
        assert judged(good, crl(CA.crl([REVOKED], **older(5)))).status is Status.REVOKED


def test_a_hold_is_on_hold() -> None:
    for evidence in (crl(CA.crl([HELD])), ocsp(CA.ocsp_response(CLIENT, "revoked", reason="certificateHold"))):
        status = judged(evidence)
        assert status.status is Status.ON_HOLD
        assert codes(status) == [CauseCode.ON_HOLD]


def test_a_hold_ends_with_later_evidence_that_says_good() -> None:
    assert judged(crl(CA.crl([HELD], **older(5))), crl(CA.crl(number=2))).status is Status.GOOD
    assert judged(crl(CA.crl([HELD])), crl(CA.crl(number=2, **older(5)))).status is Status.ON_HOLD
    assert judged(crl(CA.crl([HELD])), crl(CA.crl(number=2))).status is Status.ON_HOLD  # of the same second: the hold counts


def test_a_hold_ends_with_later_evidence_that_says_remove_from_crl() -> None:
    removed = crl(CA.crl([(CLIENT.serial, MONTH_AGO, "removeFromCRL")]))
    status = judged(crl(CA.crl([HELD], **older(5))), removed)
    assert status.status is Status.GOOD
    assert status.decided_by is not None
    assert status.decided_by.outcome is Outcome.REMOVED
    assert Reason.REMOVED_FROM_COMPLETE in status.decided_by.notes


def test_a_stale_crl_does_not_hide_a_newer_revocation() -> None:
    stale = crl(CA.crl(**STALE))
    status = judged(stale, crl(CA.crl([REVOKED])))
    assert status.status is Status.REVOKED
    assert {cause.code: cause.severity for cause in status.causes} == {
        CauseCode.REVOKED: Severity.FATAL,
        CauseCode.REVOCATION_STALE: Severity.NOTE,
    }


def test_a_permanent_revocation_counts_when_its_evidence_is_stale_whatever_says_good() -> None:
    assert sorted(codes(judged(crl(CA.crl([REVOKED], **STALE))))) == [CauseCode.REVOCATION_STALE, CauseCode.REVOKED]
    for good in (ocsp(CA.ocsp_response(CLIENT)), crl(CA.crl(**older(40))), crl(CA.crl())):
        assert judged(crl(CA.crl([REVOKED], **STALE)), good).status is Status.REVOKED


def test_a_stale_hold_is_named_and_ends_with_later_evidence_only() -> None:
    held = crl(CA.crl([HELD], **STALE))
    causes = {cause.code: cause for cause in judged(held).causes}
    assert set(causes) == {CauseCode.REVOCATION_STALE, CauseCode.ON_HOLD}
    assert (causes[CauseCode.ON_HOLD].severity, causes[CauseCode.ON_HOLD].proven) == (Severity.NOTE, False)
    assert judged(held, ocsp(CA.ocsp_response(CLIENT))).status is Status.GOOD
    before = judged(held, crl(CA.crl(**older(40))))
    assert before.status is Status.UNKNOWN
    assert {cause.code for cause in before.causes if cause.severity is Severity.FATAL and not cause.proven} == {CauseCode.REVOCATION_STALE}


def in_doubt(*evidence: Evidence) -> set[CauseCode]:
    """Unknown, for fatal causes that are not proven: their codes."""
    found = set()
    for loose in (context(), context(unknown_severity=Severity.WARNING)):
        status = judged(*evidence, context=loose)
        assert status.status is Status.UNKNOWN
        fatal = [cause for cause in status.causes if cause.severity is Severity.FATAL]
        assert fatal
        assert not any(cause.proven for cause in fatal)
        found |= {cause.code for cause in fatal}
    return found


@pytest.mark.parametrize("entry", [REVOKED, HELD])
def test_a_revocation_that_is_not_yet_valid_lets_nothing_good_decide(entry: pki.Revoked) -> None:
    coming = crl(CA.crl([entry], this_update=pki.AT + timedelta(minutes=1)))
    assert CauseCode.REVOCATION_NOT_YET_VALID in in_doubt(crl(CA.crl()), coming)
    assert judged(crl(CA.crl()), coming, crl(CA.crl([REVOKED], number=2))).status is Status.REVOKED


def test_a_revocation_of_later_says_nothing_against_the_moment_judged() -> None:
    later = (CLIENT.serial, pki.AT + timedelta(days=2), "keyCompromise")
    status = judged(crl(CA.crl()), crl(CA.crl([later], this_update=pki.AT + timedelta(days=3))))
    assert (status.status, status.holds_until) == (Status.GOOD, AT + 2 * DAY - 300 - 1)


STRANGE: list[pki.Extension] = [("1.2.3", True, b"\x05\x00")]
TORN: list[pki.Extension] = [("2.5.29.21", False, b"\x0a\x01\x07")]


@pytest.mark.parametrize("options", [{"extensions": STRANGE}, {"next_update": pki.AT - timedelta(days=2)}])
def test_a_signed_list_that_may_not_be_used_lets_nothing_good_decide(options: dict[str, Any]) -> None:
    good = ocsp(CA.ocsp_response(CLIENT))
    assert in_doubt(good, crl(CA.crl([REVOKED], **options))) == {CauseCode.REVOCATION_EVIDENCE_INVALID}
    assert judged(good, crl(CA.crl([(7, MONTH_AGO, None)], **options))).status is Status.GOOD
    assert judged(good, crl(CA.crl([REVOKED], **options, broken_signature=True))).status is Status.GOOD


def test_a_damaged_list_that_may_name_the_certificate_lets_nothing_good_decide() -> None:
    good = ocsp(CA.ocsp_response(CLIENT))
    torn: pki.Revoked = (CLIENT.serial, MONTH_AGO, None, TORN)
    other: pki.Revoked = (7, MONTH_AGO, None, TORN)
    for listed in ([torn], [other, REVOKED]):
        assert in_doubt(good, crl(CA.crl(listed))) == {CauseCode.REVOCATION_EVIDENCE_INVALID}
    assert judged(good, crl(CA.crl([other]))).status is Status.GOOD


def test_an_answer_of_ocsp_that_may_not_be_used_lets_nothing_good_decide() -> None:
    good = crl(CA.crl())
    unusable: list[dict[str, Any]] = [{"single_extensions": STRANGE}, {"extensions": STRANGE}]
    for options in unusable:
        assert in_doubt(good, ocsp(CA.ocsp_response(CLIENT, "revoked", **options))) == {CauseCode.REVOCATION_EVIDENCE_INVALID}
        assert judged(good, ocsp(CA.ocsp_response(CLIENT, **options))).status is Status.GOOD
    expired = CA.issue_responder(not_after=pki.AT - timedelta(days=1))
    assert in_doubt(good, ocsp(CA.ocsp_response(CLIENT, "revoked", responder=expired))) == {CauseCode.REVOCATION_EVIDENCE_INVALID}


def test_of_good_and_revoked_in_one_response_revoked_counts_stale_or_not() -> None:
    stale = CA.ocsp_single(CLIENT, "revoked", **STALE)
    strange = CA.ocsp_single(CLIENT, "revoked", extensions=STRANGE)
    held = CA.ocsp_single(CLIENT, "revoked", reason="certificateHold", **STALE)
    for single, expected in ((stale, Status.REVOKED), (strange, Status.UNKNOWN), (held, Status.UNKNOWN)):
        assert judged(ocsp(CA.ocsp_response(CLIENT, more_singles=[single]))).status is expected


def test_distribution_points_that_are_no_addresses_are_something_to_check() -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CRL1")])
    directory: list[x509.GeneralName] = [x509.DirectoryName(name)]
    points = [
        x509.DistributionPoint(directory, None, None, None),
        x509.DistributionPoint(None, name.rdns[0], None, None),
        x509.DistributionPoint(None, None, None, directory),
    ]
    for point in points:
        client = CA.issue("no address", extensions=[(x509.CRLDistributionPoints([point]), False)])
        status = judged(target=target(client))
        assert status.status is Status.UNKNOWN
        (cause,) = status.causes
        assert isinstance(cause.facts, NotFetchedFacts)
        assert cause.facts.reason == Reason.NO_ADDRESS
        assert judged(crl(CA.crl()), target=target(client)).status is Status.GOOD


def test_a_freshest_crl_that_is_not_at_hand_is_noted() -> None:
    points = x509.FreshestCRL([x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl.test/d")], None, None, None)])
    client = CA.issue("freshest", extensions=[(points, False)])
    for status in (judged(crl(CA.crl(extensions=[(points, False)]))), judged(crl(CA.crl()), target=target(client))):
        assert Reason.DELTA_MISSING in status.attempts[0].notes
    assert judged(crl(CA.crl())).attempts[0].notes == ()


def test_the_order_of_the_evidence_does_not_matter() -> None:
    pool = [
        crl(CA.crl([REVOKED])),
        crl(CA.crl([HELD], number=3)),
        crl(CA.crl(number=4, **STALE)),
        crl(CA.crl(number=5), origin="store"),
        ocsp(CA.ocsp_response(CLIENT)),
        ocsp(b"garbage"),
        crl(CA.crl(broken_signature=True)),
        ocsp(pki.ocsp_error(3)),
    ]
    chosen = random.Random(3)
    for size in (2, 4, 8):
        for some in itertools.islice(itertools.combinations(pool, size), 12):
            expected = judged(*some)
            for _ in range(3):
                assert judged(*chosen.sample(some, len(some))) == expected


def test_causes_of_broken_evidence_become_notes_once_something_decides() -> None:
    broken = crl(CA.crl(broken_signature=True))
    assert [cause.severity for cause in judged(broken).causes] == [Severity.FATAL]
    assert [cause.severity for cause in judged(broken, ocsp(CA.ocsp_response(CLIENT))).causes] == [Severity.NOTE]


def test_what_an_unknown_status_means_is_for_the_rules_to_say() -> None:
    status = judged(crl(CA.crl(broken_signature=True)), context=context(unknown_severity=Severity.WARNING, proven=False))
    assert [(cause.severity, cause.proven) for cause in status.causes] == [(Severity.WARNING, False)]


def test_every_reason_is_kept_apart() -> None:
    other = pki.root("Another CA")
    evidence = [
        crl(CA.crl(**STALE)),
        crl(CA.crl(this_update=pki.AT + timedelta(days=1))),
        crl(CA.crl(broken_signature=True)),
        ocsp(CA.ocsp_response(CLIENT.serial + 1)),
        ocsp(CA.ocsp_response(CLIENT, "unknown")),
        crl(other.crl(), source="http://crl.test/1"),
    ]
    failures = [
        failed("ocsp", "http://ocsp.test/", "timeout", "no answer within 15 s"),
        failed("crl", "http://crl.test/2", "refused-by-guard", "a private address"),
        failed("crl", "http://crl.test/3", "refused-by-proxy", "407"),
    ]
    status = judged(*evidence, failures=failures, target=target(SOURCED))
    assert set(codes(status)) == {
        CauseCode.REVOCATION_STALE,
        CauseCode.REVOCATION_NOT_YET_VALID,
        CauseCode.REVOCATION_EVIDENCE_INVALID,
        CauseCode.REVOCATION_OUT_OF_SCOPE,
        CauseCode.REVOCATION_UNKNOWN,
        CauseCode.REVOCATION_UNREACHABLE,
        CauseCode.REVOCATION_REFUSED_BY_GUARD,
        CauseCode.REVOCATION_REFUSED_BY_PROXY,
        CauseCode.REVOCATION_NOT_FETCHED,
    }
    assert status.status is Status.UNKNOWN
    facts = {cause.code: cause.facts for cause in status.causes}
    assert facts[CauseCode.REVOCATION_UNREACHABLE] == UnreachableFacts(
        evidence="ocsp", url="http://ocsp.test/", outcome="timeout", detail="no answer within 15 s"
    )
    assert facts[CauseCode.REVOCATION_NOT_FETCHED] == NotFetchedFacts(urls=("ftp://crl.test/CRL",), reason=Reason.UNSUPPORTED_SCHEME)
    stale = facts[CauseCode.REVOCATION_STALE]
    assert isinstance(stale, StaleFacts)
    assert stale.next_update == pki.AT - timedelta(days=10)


def test_sources_nobody_asked_are_said_to_be_not_asked() -> None:
    status = judged(target=target(SOURCED))
    assert status.status is Status.UNKNOWN
    assert [cause.facts for cause in status.causes] == [
        NotFetchedFacts(urls=("http://ocsp.test/", "http://crl.test/1"), reason=Reason.NOT_ASKED),
        NotFetchedFacts(urls=("ftp://crl.test/CRL",), reason=Reason.UNSUPPORTED_SCHEME),
    ]


def test_attempts_stand_in_the_order_windows_tries() -> None:
    evidence = [
        crl(CA.crl(), source="http://crl.test/1"),
        crl(CA.crl(number=2), origin="store"),
        ocsp(CA.ocsp_response(CLIENT)),
    ]
    failures = [failed("ocsp", "http://ocsp.test/", "timeout", "")]
    status = judged(*evidence, failures=failures, target=target(SOURCED))
    assert [each.origin for each in status.attempts] == ["supplied", "store", "fetched", "fetched"]
    assert [each.source for each in status.attempts][2:] == ["http://ocsp.test/", "http://crl.test/1"]


def test_a_certificate_without_sources_and_evidence_has_nothing_to_check() -> None:
    status = judged()
    assert status.status is Status.NOTHING_TO_CHECK
    assert [(cause.code, cause.severity) for cause in status.causes] == [(CauseCode.REVOCATION_NOTHING_TO_CHECK, Severity.NOTE)]
    status = judged(context=context(nothing_severity=Severity.FATAL, proven=False))
    assert [(cause.severity, cause.proven) for cause in status.causes] == [(Severity.FATAL, False)]


def test_evidence_about_other_issuers_is_left_aside_and_named() -> None:
    others = [crl(pki.root("Another CA").crl()), ocsp(pki.root("Another CA").ocsp_response(1))]
    status = judged(*others)
    assert status.status is Status.NOTHING_TO_CHECK
    assert status.attempts == ()
    assert status.irrelevant == tuple(sorted(each.sha256 for each in others))
    assert set(about_nobody([status], others)) == set(others)
    assert about_nobody([status, judged(*others[:1])], others) == (others[0],)
    assert about_nobody([], others) == ()


def test_a_damaged_crl_of_the_store_is_a_note_only() -> None:
    status = judged(crl(b"garbage", origin="store"))
    assert status.status is Status.NOTHING_TO_CHECK
    assert {cause.severity for cause in status.causes} == {Severity.NOTE}
    assert judged(crl(b"garbage")).status is Status.UNKNOWN


def test_without_an_anchor_revoked_is_relative_and_good_proves_nothing() -> None:
    loose = context(anchored=False)
    revoked = judged(crl(CA.crl([REVOKED])), context=loose)
    assert revoked.status is Status.REVOKED
    facts = revoked.causes[0].facts
    assert isinstance(facts, RevokedFacts)
    assert facts.relative
    good = judged(crl(CA.crl()), context=loose)
    assert (good.status, good.causes) == (Status.UNKNOWN, ())
    assert Reason.RELATIVE_TO_PATH in good.attempts[0].notes


def test_the_status_holds_until_evidence_to_come_may_say_otherwise() -> None:
    coming = crl(CA.crl([REVOKED], this_update=pki.AT + timedelta(hours=1)))
    assert judged(crl(CA.crl()), coming).holds_until == AT + HOUR - 1
    assert judged(coming).holds_until == AT + HOUR - 1
    past = crl(CA.crl(this_update=pki.AT - timedelta(days=20), next_update=pki.AT - timedelta(hours=1)))
    assert judged(past).holds_from == AT - HOUR + 1


def test_good_holds_as_long_as_any_evidence_that_says_so() -> None:
    status = judged(crl(CA.crl()), ocsp(CA.ocsp_response(CLIENT)))
    assert (status.holds_from, status.holds_until) == (AT - DAY, AT + 6 * DAY)
    assert judged(crl(CA.crl(next_update=None))).holds_until is None


def test_evidence_and_status_pickle() -> None:
    evidence = crl(CA.crl([REVOKED]))
    status = judged(evidence)
    assert pickle.loads(pickle.dumps(status)) == status  # noqa: S301 - our own
    assert pickle.loads(pickle.dumps(evidence)) == evidence  # noqa: S301 - our own


@pytest.mark.parametrize("kind", ["crl", "ocsp"])
def test_no_mutation_raises_or_makes_a_revoked_certificate_good(kind: str) -> None:
    chosen = random.Random(7)
    responder = CA.issue_responder()
    whole = CA.crl([REVOKED]) if kind == "crl" else CA.ocsp_response(CLIENT, "revoked", responder=responder)
    for number in range(300):
        data = bytearray(whole[: chosen.randrange(len(whole))] if number % 3 == 0 else whole)
        for _ in range(number % 3):
            data[chosen.randrange(len(data))] = chosen.randrange(256)
        read = crl(bytes(data)) if kind == "crl" else ocsp(bytes(data))
        assert judged(read).status is (Status.REVOKED if bytes(data) == whole else judged(read).status)
        assert judged(read).status is not Status.GOOD


def test_what_was_read_from_the_same_bytes_is_not_read_again() -> None:
    data = CA.crl([REVOKED])
    first, second = crl(data), crl(bytes(bytearray(data)), origin="store")
    assert first.crl() is second.crl()
    assert crl(b"garbage").sha256 != ocsp(b"garbage, too").sha256


def test_evidence_is_named_by_its_content() -> None:
    first, second = (Evidence.given("crl", data) for data in (b"1", b"2"))
    assert first.source != second.source
    assert first.source == f"supplied CRL {first.sha256[:16]}"


def test_a_good_answer_before_the_one_that_revokes_is_a_warning_since_windows_stops_there() -> None:
    good = CA.ocsp_response(CLIENT)
    listed = CA.crl([(CLIENT.serial, pki.AT - timedelta(days=1), "keyCompromise")])
    later = judged(ocsp(good), crl(listed, source="http://crl.test/1"))
    assert codes(later) == [CauseCode.REVOKED, CauseCode.REVOCATION_CONTRADICTED]
    first = judged(crl(listed, origin="supplied"), ocsp(good, source="http://ocsp.test/"))
    assert codes(first) == [CauseCode.REVOKED]
