"""CRLs that do not speak about everything: parts, reasons, indirect and delta CRLs (RFC 5280 5.2.4, 5.2.5, 6.3.3)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509

import asn1
import pki
from chaincheck.revocation.attempt import Outcome, Reason
from chaincheck.revocation.status import RevocationStatus, Status, lacks_delta
from chaincheck.revocation.target import Signer, Target
from chaincheck.x509.certificate import Certificate
from revocation.judging import CA, CLIENT, context, crl, judged, target

HOUR = timedelta(hours=1)
URL = "http://crl.test/1"
ALL = frozenset(x509.ReasonFlags) - {x509.ReasonFlags.unspecified, x509.ReasonFlags.remove_from_crl}
COMPROMISE = frozenset({x509.ReasonFlags.key_compromise, x509.ReasonFlags.ca_compromise})
ISSUER = pki.root("CRL Issuer")
WINDOWS = context(distribution_points="full-name")


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def idp(
    url: str | None = None, relative: str | None = None, reasons: frozenset[x509.ReasonFlags] | None = None, indirect: bool = False
) -> pki.Extension:
    """An issuing distribution point."""
    full = [x509.UniformResourceIdentifier(url)] if url else None
    part = x509.RelativeDistinguishedName([x509.NameAttribute(x509.NameOID.COMMON_NAME, relative)]) if relative else None
    return x509.IssuingDistributionPoint(full, part, False, False, reasons, indirect, False), True


def of_point(
    url: str | None = URL, relative: str | None = None, reasons: frozenset[x509.ReasonFlags] | None = None, issuer: str | None = None
) -> Target:
    """A certificate with one distribution point."""
    full = [x509.UniformResourceIdentifier(url)] if url and not relative else None
    part = x509.RelativeDistinguishedName([x509.NameAttribute(x509.NameOID.COMMON_NAME, relative)]) if relative else None
    point = x509.DistributionPoint(full, part, reasons, [x509.DirectoryName(name(issuer))] if issuer else None)
    return target(CA.issue("of a point", extensions=[(x509.CRLDistributionPoints([point]), False)]))


def serial(of: Target) -> int:
    return of.certificate.serial


def numbered(number: int, *more: pki.Extension) -> list[pki.Extension]:
    return [(x509.CRLNumber(number), False), *more]


def base(number: int = 10, entries: list[pki.Revoked] | None = None, *more: pki.Extension) -> bytes:
    return CA.crl(entries or [], extensions=numbered(number, *more), this_update=pki.AT - 2 * HOUR)


def delta(number: int = 12, since: int = 10, entries: list[pki.Revoked] | None = None, *more: pki.Extension) -> bytes:
    indicator: pki.Extension = (x509.DeltaCRLIndicator(since), True)
    return CA.crl(entries or [], extensions=numbered(number, indicator, *more), this_update=pki.AT - HOUR)


def because(status: RevocationStatus, *, is_delta: bool = True) -> str:
    return next(str(each.detail) for each in status.attempts if each.delta is is_delta)


HOLD: pki.Revoked = (CLIENT.serial, pki.AT - timedelta(days=2), "certificateHold")
REMOVED: pki.Revoked = (CLIENT.serial, pki.AT - HOUR, "removeFromCRL")
REVOKED: pki.Revoked = (CLIENT.serial, pki.AT - HOUR, "keyCompromise")


def test_crls_that_cover_all_reasons_together_prove_a_certificate_good() -> None:
    first, second = (CA.crl(extensions=[idp(reasons=reasons)]) for reasons in (COMPROMISE, ALL - COMPROMISE))
    assert judged(crl(first), crl(second)).status is Status.GOOD
    assert judged(crl(second), crl(first)).status is Status.GOOD
    for alone in (first, second):
        status = judged(crl(alone))
        assert (status.status, status.attempts[0].outcome) == (Status.UNKNOWN, Outcome.GOOD_FOR_SOME)


def test_parts_that_hold_together_hold_as_long_as_the_first_of_them_to_end() -> None:
    ends = [pki.AT + 3 * HOUR, pki.AT + 5 * HOUR]
    parts = [CA.crl(extensions=[idp(reasons=r)], next_update=end) for r, end in zip((COMPROMISE, ALL - COMPROMISE), ends, strict=True)]
    assert judged(*map(crl, parts)).holds_until == int(ends[0].timestamp())


def test_a_hold_is_not_lifted_by_a_later_crl_for_other_reasons() -> None:
    held = CA.crl([HOLD], this_update=pki.AT - 2 * HOUR)
    later = CA.crl(extensions=[idp(reasons=COMPROMISE)], this_update=pki.AT - HOUR)
    assert judged(crl(held), crl(later)).status is Status.ON_HOLD


def test_the_reasons_of_the_distribution_point_limit_what_a_crl_covers() -> None:
    limited = of_point(reasons=COMPROMISE)
    status = judged(crl(CA.crl(extensions=[idp(URL)])), target=limited)
    assert (status.status, status.attempts[0].outcome) == (Status.UNKNOWN, Outcome.GOOD_FOR_SOME)
    assert judged(crl(CA.crl()), target=limited).status is Status.GOOD  # complete, and of no distribution point


def test_a_relative_name_is_written_out_below_the_issuer() -> None:
    part = CA.crl(extensions=[idp(relative="part 1")])
    assert judged(crl(part), target=of_point(relative="part 1")).status is Status.GOOD
    assert because(judged(crl(part), target=of_point(relative="part 2")), is_delta=False) == Reason.OTHER_DISTRIBUTION_POINT


def test_an_indirect_crl_counts_where_the_certificate_names_its_issuer() -> None:
    named, signers = of_point(issuer="CRL Issuer"), [Signer(certificate=Certificate(ISSUER.der), trusted=True)]
    found = context(find_signers=lambda *_: signers)
    indirect = ISSUER.crl(extensions=[idp(URL, indirect=True)])
    assert judged(crl(indirect), target=named, context=found).status is Status.GOOD
    plain = judged(crl(ISSUER.crl(extensions=[idp(URL)])), target=named, context=found)
    assert because(plain, is_delta=False) == Reason.NOT_INDIRECT
    assert because(judged(crl(indirect), target=named), is_delta=False) == Reason.SIGNER_NOT_FOUND
    assert judged(crl(indirect), target=of_point(), context=found).irrelevant  # it does not name that issuer


def test_an_entry_of_an_indirect_crl_is_of_the_issuer_named_last() -> None:
    named = of_point(issuer="CRL Issuer")
    found = context(find_signers=lambda *_: [Signer(certificate=Certificate(ISSUER.der), trusted=True)])

    def listed(*entries: tuple[int, str | None]) -> bytes:
        more = [[("2.5.29.29", True, asn1.sequence(asn1.tlv(0xA4, pki.name_der(of))))] if of else [] for _, of in entries]  # type: list[list[pki.Extension]]
        revoked: list[pki.Revoked] = [(n, pki.AT - HOUR, "keyCompromise", e) for (n, _), e in zip(entries, more, strict=True)]
        return ISSUER.crl(revoked, extensions=[idp(URL, indirect=True)])

    mine = serial(named)
    for entries, expected in (
        ([(5, "Issuing CA"), (mine, None)], Status.REVOKED),
        ([(5, "Another CA"), (mine, None)], Status.GOOD),
        ([(mine, None)], Status.GOOD),  # of the CRL issuer's own certificates
    ):
        assert judged(crl(listed(*entries)), target=named, context=found).status is expected


@pytest.mark.parametrize(
    ("extension", "of", "reason"),
    [
        (idp(indirect=True), target(), Reason.UNUSED_INDIRECT),
        (idp(reasons=ALL), target(), Reason.UNUSED_REASONS),
        (idp(URL), of_point(reasons=ALL), Reason.UNUSED_REASONS),
        (idp(relative="part 1"), of_point(relative="part 1"), Reason.UNUSED_RELATIVE),
    ],
)
def test_what_windows_does_not_use_proves_nothing_good_there_but_revokes(extension: pki.Extension, of: Target, reason: Reason) -> None:
    good = CA.crl(extensions=[extension])
    assert judged(crl(good), target=of).status is Status.GOOD
    status = judged(crl(good), target=of, context=WINDOWS)
    assert (status.status, because(status, is_delta=False)) == (Status.UNKNOWN, reason)
    listed = CA.crl([(serial(of), pki.AT - HOUR, "keyCompromise")], extensions=[extension])
    assert judged(crl(listed), target=of, context=WINDOWS).status is Status.REVOKED


def test_windows_compares_urls_in_any_case() -> None:
    other = CA.crl(extensions=[idp("http://CRL.test/1")])
    assert judged(crl(other), target=of_point()).status is Status.GOOD  # RFC 5280 7.4: the host in any case
    path = CA.crl(extensions=[idp("http://crl.test/A")])
    assert judged(crl(path), target=of_point("http://crl.test/a"), context=WINDOWS).status is Status.GOOD
    assert because(judged(crl(path), target=of_point("http://crl.test/a")), is_delta=False) == Reason.OTHER_DISTRIBUTION_POINT


def test_a_delta_crl_continues_its_base() -> None:
    assert judged(crl(base()), crl(delta())).status is Status.GOOD
    assert judged(crl(delta()), crl(base())).status is Status.GOOD
    assert judged(crl(base()), crl(delta(12, 10, [REVOKED]))).status is Status.REVOKED
    assert judged(crl(base(10, [HOLD])), crl(delta())).status is Status.ON_HOLD
    assert judged(crl(base(10, [HOLD])), crl(delta(12, 10, [REMOVED]))).status is Status.GOOD
    assert judged(crl(base(10, [REVOKED])), crl(delta(12, 10, [REMOVED]))).status is Status.REVOKED  # 5.3.1: only a hold can be lifted


@pytest.mark.parametrize(
    ("complete", "change", "reason"),
    [
        (base(9), delta(12, 10), Reason.DELTA_WITHOUT_BASE),
        (base(10), delta(12, 10, None, idp(reasons=ALL)), Reason.DELTA_WITHOUT_BASE),
        (base(10), delta(12, 10, None, (x509.AuthorityKeyIdentifier(b"other", None, None), False)), Reason.DELTA_WITHOUT_BASE),
        (CA.crl(extensions=numbered(10), next_update=pki.AT - HOUR, this_update=pki.AT - 2 * HOUR), delta(), Reason.DELTA_WITHOUT_BASE),
    ],
)
def test_a_delta_crl_that_does_not_continue_the_base_says_nothing_good(complete: bytes, change: bytes, reason: Reason) -> None:
    assert because(judged(crl(complete), crl(change))) == reason


def test_a_base_with_its_delta_holds_no_longer_than_the_delta() -> None:
    short = CA.crl(extensions=numbered(12, (x509.DeltaCRLIndicator(10), True)), this_update=pki.AT - HOUR, next_update=pki.AT + HOUR)
    assert judged(crl(base()), crl(short)).holds_until == int((pki.AT + HOUR).timestamp())


def test_a_missing_delta_is_noted_where_one_is_published() -> None:
    points = x509.FreshestCRL([x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl.test/d")], None, None, None)])
    complete = base(10, None, (points, False))
    assert Reason.DELTA_MISSING in judged(crl(complete)).attempts[0].notes
    assert not judged(crl(complete), crl(delta())).attempts[0].notes


def test_a_delta_no_newer_than_the_base_changes_nothing_and_must_be_current_to_count_as_at_hand() -> None:
    points = x509.FreshestCRL([x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl.test/d")], None, None, None)])
    complete = base(10, [HOLD], (points, False))
    assert judged(crl(complete), crl(delta(10, 9, [REMOVED]))).status is Status.ON_HOLD
    old = CA.crl(extensions=numbered(9, (x509.DeltaCRLIndicator(8), True)), this_update=pki.AT - 5 * HOUR, next_update=pki.AT - 4 * HOUR)
    current = delta(10, 9)
    for change, missing in ((old, True), (current, False)):
        attempts = judged(crl(base(10, None, (points, False))), crl(change)).attempts
        assert (Reason.DELTA_MISSING in next(each for each in attempts if not each.delta).notes) is missing


def freshest_named() -> pki.Extension:
    return x509.FreshestCRL([x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl.test/d")], None, None, None)]), False


def test_an_older_hold_does_not_stand_in_for_a_delta_that_is_missing() -> None:
    held = CA.crl([HOLD], number=5, this_update=pki.AT - timedelta(days=3))
    status = judged(crl(held), crl(base(10, None, freshest_named())))
    assert status.status is Status.GOOD
    assert lacks_delta(status)
    assert not lacks_delta(judged(crl(held), crl(base(10, None, freshest_named())), crl(delta())))


def test_a_delta_counts_no_longer_than_the_base_it_continues() -> None:
    short = CA.crl(number=10, this_update=pki.AT - 2 * HOUR, next_update=pki.AT + HOUR)
    assert judged(crl(short), crl(delta())).holds_until == int((pki.AT + HOUR).timestamp())


def test_a_crl_that_lacks_its_delta_keeps_no_answer_alive() -> None:
    sound = CA.crl(this_update=pki.AT - HOUR, next_update=pki.AT + HOUR)
    assert judged(crl(base(10, None, freshest_named())), crl(sound)).holds_until == int((pki.AT + HOUR).timestamp())
