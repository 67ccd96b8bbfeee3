"""One complete CRL judged by RFC 5280 6.3.3."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cryptography import x509

import asn1
import pki
from chaincheck.causes.codes import CauseCode, Role
from chaincheck.causes.facts import AlgorithmFacts, EvidenceInvalidFacts, EvidenceNotYetValidFacts, OutOfScopeFacts, StaleFacts
from chaincheck.revocation.attempt import Outcome, Reason
from chaincheck.revocation.status import Status
from chaincheck.revocation.target import Signer
from chaincheck.x509.certificate import Certificate
from revocation.judging import AT, CA, CLIENT, codes, context, crl, judged, target

SECOND = timedelta(seconds=1)
REVOKED = (CLIENT.serial, pki.AT - timedelta(days=30), "keyCompromise")
UNKNOWN_CRITICAL: list[pki.Extension] = [("1.2.3", True, asn1.null())]


def reason(data: bytes, **more: object) -> str:
    """Why this CRL is not believed, or not in scope."""
    attempt = judged(crl(data), **more).attempts[0]  # type: ignore[arg-type]  # a value of the wrong type, or options as a dict
    assert attempt.outcome in (Outcome.INVALID, Outcome.OUT_OF_SCOPE)
    return str(attempt.detail)


def point(url: str | None = None, **flags: object) -> pki.Extension:
    """An issuing distribution point."""
    values: dict[str, object] = {
        "full_name": [x509.UniformResourceIdentifier(url)] if url else None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**(values | flags)), True  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("this_update", "next_update", "outcome"),
    [
        (pki.AT, pki.AT, Outcome.GOOD),
        (pki.AT - SECOND, pki.AT - SECOND, Outcome.STALE),
        (pki.AT + SECOND, pki.AT + SECOND, Outcome.NOT_YET_VALID),
        (pki.AT, pki.AT - SECOND, Outcome.INVALID),
    ],
)
def test_this_update_and_next_update_count_to_the_second(this_update: datetime, next_update: datetime, outcome: Outcome) -> None:
    (attempt,) = judged(crl(CA.crl(this_update=this_update, next_update=next_update))).attempts
    assert attempt.outcome is outcome


def test_a_clock_ahead_is_forgiven_for_evidence_just_fetched_only() -> None:
    early = {
        seconds: CA.crl(this_update=pki.AT + timedelta(seconds=seconds), next_update=pki.AT + timedelta(days=1)) for seconds in (300, 301)
    }
    assert judged(crl(early[300], received_at=AT)).status is Status.GOOD
    assert codes(judged(crl(early[301], received_at=AT))) == [CauseCode.REVOCATION_NOT_YET_VALID]
    assert codes(judged(crl(early[300]))) == [CauseCode.REVOCATION_NOT_YET_VALID]
    late = CA.crl(next_update=pki.AT - SECOND)
    assert codes(judged(crl(late, received_at=AT))) == [CauseCode.REVOCATION_STALE]


def test_causes_of_time_say_when() -> None:
    (cause,) = judged(crl(CA.crl(next_update=pki.AT - SECOND))).causes
    assert isinstance(cause.facts, StaleFacts)
    assert (cause.facts.next_update, cause.facts.checked_at) == (pki.AT - SECOND, pki.AT)
    (cause,) = judged(crl(CA.crl(this_update=pki.AT + SECOND))).causes
    assert isinstance(cause.facts, EvidenceNotYetValidFacts)
    assert (cause.facts.this_update, cause.facts.checked_at) == (pki.AT + SECOND, pki.AT)


def test_a_crl_without_next_update_never_becomes_stale() -> None:
    status = judged(crl(CA.crl(this_update=pki.AT - timedelta(days=4000), next_update=None)))
    assert status.status is Status.GOOD
    assert status.attempts[0].notes == (Reason.NO_NEXT_UPDATE,)


def test_a_signature_that_does_not_fit_is_invalid() -> None:
    assert reason(CA.crl(broken_signature=True)) == Reason.SIGNATURE
    assert reason(pki.root("Issuing CA", key="p256:another").crl()) == Reason.SIGNATURE  # another CA of the same name
    (cause,) = judged(crl(CA.crl([REVOKED], broken_signature=True))).causes
    assert isinstance(cause.facts, EvidenceInvalidFacts)
    assert cause.facts.evidence == "crl"


def test_names_are_compared_as_rfc_5280_has_it() -> None:
    assert judged(crl(CA.crl(issuer=pki.name_der("ISSUING  ca")))).status is Status.GOOD


def test_the_issuer_needs_crl_sign_where_it_has_a_key_usage() -> None:
    without = pki.root("CA without cRLSign", key_usage=("keyCertSign",))
    unlimited = pki.root("CA without key usage", key_usage=None)
    client = without.issue("client")
    assert reason(without.crl(), target=target(client, without)) == Reason.NO_CRL_SIGN
    assert judged(crl(without.crl()), target=target(client, without, bare=True)).status is Status.GOOD
    assert judged(crl(unlimited.crl()), target=target(unlimited.issue("client"), unlimited)).status is Status.GOOD


def test_another_key_of_the_issuers_name_may_sign_where_its_path_is_trusted() -> None:
    top = pki.root()
    other = top.issue_ca("Issuing CA", key="p256:another", key_usage=("cRLSign",))
    powerless = top.issue_ca("Issuing CA", key="p256:another", key_usage=("keyCertSign",))

    status = judged(crl(other.crl()), context=context(find_signers=lambda *_: [Signer(certificate=Certificate(other.der), trusted=True)]))
    assert status.status is Status.GOOD
    assert status.attempts[0].signer == Certificate(other.der)
    for authority, trusted, expected in (
        (other, False, Reason.SIGNER_UNTRUSTED),
        (powerless, True, Reason.NO_CRL_SIGN),
        (CA, True, Reason.SIGNATURE),
    ):
        signer = Signer(certificate=Certificate(authority.der), trusted=trusted)
        assert reason(other.crl(), context=context(find_signers=lambda *_, signer=signer: [signer])) == expected


def test_a_hash_that_can_be_forged_is_not_believed() -> None:
    old = pki.root("Old CA", key="rsa2048:a")
    client = old.issue("client")
    assert reason(old.crl(signing_hash="md5"), target=target(client, old)) == Reason.BROKEN_HASH
    assert judged(crl(old.crl(signing_hash="sha1")), target=target(client, old)).status is Status.GOOD
    strict = context(refused_hashes=frozenset({"sha1"}))
    assert reason(old.crl(signing_hash="sha1"), target=target(client, old), context=strict) == Reason.BROKEN_HASH


def test_an_algorithm_unknown_here_is_not_called_invalid() -> None:
    strange = asn1.sequence(asn1.oid("1.2.3.4.5"))
    _, *rest = asn1.parts(asn1.parts(CA.crl())[0])
    body = asn1.sequence(asn1.integer(1), strange, *rest[1:])
    (cause,) = judged(crl(asn1.sequence(body, strange, asn1.bit_string(b"1234")))).causes
    assert (cause.code, cause.role, cause.proven) == (CauseCode.ALGORITHM_UNSUPPORTED_HERE, Role.SIGNER, False)
    assert cause.facts == AlgorithmFacts(algorithm="1.2.3.4.5")
    assert cause.certificate == Certificate(CA.der)


def test_unknown_critical_extensions_make_a_crl_unusable() -> None:
    assert reason(CA.crl([REVOKED], extensions=UNKNOWN_CRITICAL)) == Reason.CRITICAL_EXTENSION
    assert judged(crl(CA.crl(extensions=[("1.2.3", False, asn1.null())]))).status is Status.GOOD


def test_unknown_critical_entry_extensions_leave_only_what_is_listed() -> None:
    other: pki.Revoked = (CLIENT.serial + 1, pki.AT, None, UNKNOWN_CRITICAL)
    assert reason(CA.crl([other])) == Reason.CRITICAL_ENTRY_EXTENSION
    assert judged(crl(CA.crl([other, REVOKED]))).status is Status.REVOKED
    assert judged(crl(CA.crl([(*REVOKED, UNKNOWN_CRITICAL)]))).status is Status.REVOKED


@pytest.mark.parametrize(
    ("extension", "expected"),
    [
        (point(only_contains_ca_certs=True), Reason.ONLY_CA),
        (point(only_contains_attribute_certs=True), Reason.ONLY_ATTRIBUTE),
        (point(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise})), Reason.SOME_REASONS),
        (point("http://crl.test/2"), Reason.OTHER_DISTRIBUTION_POINT),
        ((x509.DeltaCRLIndicator(1), True), Reason.DELTA_WITHOUT_BASE),
    ],
)
def test_a_crl_that_does_not_cover_the_certificate_is_out_of_scope(extension: pki.Extension, expected: Reason) -> None:
    (cause,) = judged(crl(CA.crl(extensions=[extension]))).causes
    assert cause.code is CauseCode.REVOCATION_OUT_OF_SCOPE
    assert isinstance(cause.facts, OutOfScopeFacts)
    assert cause.facts.reason == expected


def test_a_revocation_for_one_of_some_reasons_counts() -> None:
    some = point(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise}))
    assert judged(crl(CA.crl([REVOKED], extensions=[some]))).status is Status.REVOKED


def test_a_revocation_in_a_delta_crl_counts_though_its_base_is_missing() -> None:
    delta: pki.Extension = (x509.DeltaCRLIndicator(1), True)
    listed = CA.crl([REVOKED], extensions=[delta])
    assert judged(crl(listed)).status is Status.REVOKED
    assert judged(crl(CA.crl()), crl(listed)).status is Status.REVOKED
    removed = CA.crl([(CLIENT.serial, pki.AT - timedelta(days=1), "removeFromCRL")], extensions=[delta])
    assert reason(removed) == Reason.DELTA_WITHOUT_BASE


def test_a_revocation_at_a_distribution_point_limited_to_some_reasons_counts() -> None:
    limited = x509.DistributionPoint(
        [x509.UniformResourceIdentifier("http://crl.test/1")], None, frozenset({x509.ReasonFlags.key_compromise}), None
    )
    client = CA.issue("limited", extensions=[(x509.CRLDistributionPoints([limited]), False)])
    listed = CA.crl([(client.serial, pki.AT - timedelta(days=1), "keyCompromise")], extensions=[point("http://crl.test/1")])
    assert judged(crl(listed), target=target(client)).status is Status.REVOKED


def test_the_part_of_the_certificates_own_distribution_point_counts() -> None:
    client = CA.issue("partitioned", crl_urls=["http://crl.test/1", "http://mirror.test/1"])
    user = point("http://mirror.test/1", only_contains_user_certs=True)
    assert judged(crl(CA.crl(extensions=[user])), target=target(client)).status is Status.GOOD
    assert reason(CA.crl(extensions=[point("http://crl.test/2")]), target=target(client)) == Reason.OTHER_DISTRIBUTION_POINT
    named = point(full_name=[x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Issuing CA")]))])
    assert judged(crl(CA.crl(extensions=[named])), target=target(client)).status is Status.GOOD


def test_a_ca_is_covered_by_a_crl_of_cas_only() -> None:
    lower = CA.issue_ca("Lower CA")
    assert judged(crl(CA.crl(extensions=[point(only_contains_ca_certs=True)])), target=target(lower)).status is Status.GOOD
    assert reason(CA.crl(extensions=[point(only_contains_user_certs=True)]), target=target(lower)) == Reason.ONLY_USER


def test_a_crl_fetched_from_the_certificates_own_source_is_judged_whoever_issued_it() -> None:
    client = CA.issue("sourced", crl_urls=["http://crl.test/1"])
    (attempt,) = judged(crl(pki.root("Another CA").crl(), source="http://crl.test/1"), target=target(client)).attempts
    assert (attempt.outcome, attempt.detail) == (Outcome.OUT_OF_SCOPE, Reason.OTHER_ISSUER)
    assert judged(crl(pki.root("Another CA").crl(), source="http://elsewhere.test/"), target=target(client)).irrelevant
    page = judged(crl(b"<!DOCTYPE html><p>Log in", source="http://crl.test/1"), target=target(client))
    assert codes(page) == [CauseCode.REVOCATION_EVIDENCE_INVALID]


def test_an_entry_that_names_an_issuer_belongs_in_an_indirect_crl() -> None:
    issuer: pki.Extension = ("2.5.29.29", True, asn1.sequence(asn1.tlv(0xA4, pki.name_der("Another CA"))))
    assert reason(CA.crl([(CLIENT.serial, pki.AT, None, [issuer])])) == Reason.ENTRY_ISSUER


def names_issuer(name: str) -> list[pki.Extension]:
    return [("2.5.29.29", True, asn1.sequence(asn1.tlv(0xA4, pki.name_der(name))))]


def test_a_revocation_in_an_indirect_crl_of_the_ca_itself_counts() -> None:
    when = pki.AT - timedelta(days=3)
    mine: pki.Revoked = (CLIENT.serial, when, "keyCompromise", names_issuer("Issuing CA"))
    other: pki.Revoked = (5, when, None, names_issuer("Another CA"))
    bare: pki.Revoked = (CLIENT.serial, when, "keyCompromise")
    indirect = [point(indirect_crl=True)]
    for entries in ([mine], [bare], [other, mine], [bare, other]):
        for also in ([], [crl(CA.crl())]):
            assert judged(crl(CA.crl(entries, extensions=indirect)), *also).status is Status.REVOKED
    # RFC 5280 5.3.3: without a name of its own, an entry is of the issuer named last
    elsewhere: list[list[pki.Revoked]] = [[other, bare], [(CLIENT.serial, when, None, names_issuer("Another CA"))], []]
    for entries in elsewhere:
        assert judged(crl(CA.crl(entries, extensions=indirect))).status is Status.GOOD
        assert judged(crl(CA.crl(entries, extensions=indirect)), crl(CA.crl())).status is Status.GOOD


def test_a_revocation_by_the_crl_issuer_of_the_distribution_point_counts_where_its_path_is_trusted() -> None:
    by = pki.root("CRL Issuer")
    issuer = x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CRL Issuer")]))
    named = x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl.test/i")], None, None, [issuer])
    client = CA.issue("indirect", extensions=[(x509.CRLDistributionPoints([named]), False)])
    listed = by.crl([(client.serial, pki.AT, None, names_issuer("Issuing CA"))], extensions=[point(indirect_crl=True)])
    for trusted, expected in ((True, Status.REVOKED), (False, Status.UNKNOWN)):
        signer = Signer(certificate=Certificate(by.der), trusted=trusted)
        status = judged(crl(listed), target=target(client), context=context(find_signers=lambda *_, signer=signer: [signer]))
        assert status.status is expected


@pytest.mark.parametrize("trusted", [True, False])
def test_a_status_holds_no_longer_than_its_signer_is_judged_so(trusted: bool) -> None:
    other = pki.root().issue_ca("Issuing CA", key="p256:another", key_usage=("cRLSign",))
    signer = Signer(certificate=Certificate(other.der), trusted=trusted, holds_from=AT - 60, holds_until=AT + 60)
    lists: list[list[pki.Revoked]] = [[], [REVOKED]]
    for entries in lists:
        status = judged(crl(other.crl(entries)), context=context(find_signers=lambda *_: [signer]))
        assert (status.holds_from, status.holds_until) == (AT - 60, AT + 60)
        assert status.attempts[0].usable_until_s == (AT + 60 if trusted else None)


def test_a_damaged_list_is_not_usable_for_good_but_what_it_lists_counts() -> None:
    torn: pki.Revoked = (5, pki.AT, None, [("2.5.29.21", False, asn1.enumerated(7))])
    assert "CRLReason" in reason(CA.crl([torn]))
    assert judged(crl(CA.crl([REVOKED, torn]))).status is Status.REVOKED
    assert "2.5.29.20" in reason(CA.crl([REVOKED], extensions=[("2.5.29.20", False, asn1.integer(-1))]))


def test_of_several_entries_of_one_serial_the_worst_counts() -> None:
    removed = (CLIENT.serial, pki.AT, "removeFromCRL")
    held = (CLIENT.serial, pki.AT, "certificateHold")
    assert judged(crl(CA.crl([removed, held, REVOKED]))).status is Status.REVOKED
    assert judged(crl(CA.crl([removed, held]))).status is Status.ON_HOLD


def test_an_expired_certificate_is_good_only_where_the_crl_covers_expired_ones() -> None:
    client = CA.issue("expired", not_after=pki.AT - timedelta(days=10))
    (attempt,) = (status := judged(crl(CA.crl()), target=target(client))).attempts
    assert (status.status, attempt.outcome) == (Status.UNKNOWN, Outcome.EXPIRED_NOT_COVERED)
    covering: pki.Extension = ("2.5.29.60", False, asn1.generalized_time(pki.AT - timedelta(days=11)))
    assert judged(crl(CA.crl(extensions=[covering])), target=target(client)).status is Status.GOOD
    before = CA.crl(this_update=pki.AT - timedelta(days=11))
    assert judged(crl(before), target=target(client)).status is Status.GOOD
    listed = CA.crl([(client.serial, pki.AT - timedelta(days=20), None)])
    assert judged(crl(listed), target=target(client)).status is Status.REVOKED


def test_a_version_1_crl_is_judged() -> None:
    assert judged(crl(CA.crl(version=1))).status is Status.GOOD
    assert judged(crl(CA.crl([(CLIENT.serial, pki.AT, None)], version=1))).status is Status.REVOKED


@pytest.mark.parametrize("key", ["rsa2048", "p384", "ed25519", "ed448", "dsa2048"])
def test_every_kind_of_key_signs_crls(key: str) -> None:
    authority = pki.root("CA of a kind", key=key)
    client = authority.issue("client")
    assert judged(crl(authority.crl()), target=target(client, authority)).status is Status.GOOD
    assert reason(authority.crl(broken_signature=True), target=target(client, authority)) == Reason.SIGNATURE
