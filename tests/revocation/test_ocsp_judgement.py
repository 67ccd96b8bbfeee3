"""One OCSP response judged by RFC 6960 3.2."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

import asn1
import pki
from chaincheck.causes.codes import CauseCode
from chaincheck.causes.facts import RevokedFacts, UnknownStatusFacts
from chaincheck.revocation.attempt import Outcome, Reason
from chaincheck.revocation.status import Status
from chaincheck.revocation.target import Fitness
from chaincheck.x509.certificate import Certificate
from revocation.judging import AT, CA, CLIENT, SOURCED, codes, context, judged, ocsp, target

SECOND = timedelta(seconds=1)
RESPONDER = CA.issue_responder()
UNKNOWN_CRITICAL: list[pki.Extension] = [("1.2.3", True, asn1.null())]


def outcome(data: bytes, **more: Any) -> tuple[Outcome, str]:
    (attempt,) = judged(ocsp(data), **more).attempts
    return attempt.outcome, str(attempt.detail)


@pytest.mark.parametrize("by", ["name", "key"])
@pytest.mark.parametrize("responder", [None, RESPONDER])
@pytest.mark.parametrize("id_hash", ["sha1", "sha256", "sha384", "sha512"])
def test_the_issuer_and_its_delegate_are_believed_by_name_and_by_key(by: str, responder: pki.Issued | None, id_hash: str) -> None:
    status = judged(ocsp(CA.ocsp_response(CLIENT, responder=responder, by=by, id_hash=id_hash)))
    assert status.status is Status.GOOD
    assert status.attempts[0].signer == Certificate((responder or CA).der)


def test_revoked_has_all_facts() -> None:
    evidence = ocsp(CA.ocsp_response(CLIENT, "revoked", reason="superseded"))
    (cause,) = judged(evidence).causes
    assert cause.facts == RevokedFacts(
        serial=f"{CLIENT.serial:x}", revoked_at=pki.AT - timedelta(days=30), reason="superseded", evidence="ocsp", source=evidence.source
    )


def test_a_responder_that_does_not_know_the_certificate_is_a_cause_of_its_own() -> None:
    (cause,) = judged(ocsp(CA.ocsp_response(CLIENT, "unknown"))).causes
    assert isinstance(cause.facts, UnknownStatusFacts)
    assert (cause.code, cause.facts.answer) == (CauseCode.REVOCATION_UNKNOWN, "unknown")


@pytest.mark.parametrize(("number", "name"), [(1, "malformedRequest"), (2, "internalError"), (3, "tryLater"), (6, "unauthorized")])
def test_an_error_of_the_responder_is_unknown_with_its_name(number: int, name: str) -> None:
    assert outcome(pki.ocsp_error(number)) == (Outcome.UNKNOWN, name)


def test_an_answer_about_another_certificate_is_out_of_scope() -> None:
    assert outcome(CA.ocsp_response(CLIENT.serial + 1)) == (Outcome.OUT_OF_SCOPE, Reason.OTHER_CERTIFICATE)


def test_an_answer_about_another_issuer_counts_only_from_the_certificates_own_source() -> None:
    other = pki.root("Another CA").ocsp_response(CLIENT.serial)
    same_name = pki.root("Issuing CA", key="p256:another").ocsp_response(CLIENT.serial)
    for data in (other, same_name):
        assert judged(ocsp(data)).irrelevant
        (attempt,) = judged(ocsp(data, source="http://ocsp.test/"), target=target(SOURCED)).attempts[:1]
        assert (attempt.outcome, attempt.detail) == (Outcome.OUT_OF_SCOPE, Reason.OTHER_ISSUER)


def test_what_was_fetched_for_another_certificate_is_left_aside() -> None:
    for data in (b"<html>", pki.ocsp_error(6), CA.ocsp_response(CLIENT.serial + 1)):
        assert judged(ocsp(data, source="http://elsewhere.test/")).attempts == ()


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"this_update": pki.AT, "next_update": pki.AT}, Outcome.GOOD),
        ({"next_update": pki.AT - SECOND}, Outcome.STALE),
        ({"this_update": pki.AT + SECOND}, Outcome.NOT_YET_VALID),
        ({"produced_at": pki.AT + SECOND}, Outcome.NOT_YET_VALID),
        ({"this_update": pki.AT, "next_update": pki.AT - SECOND}, Outcome.INVALID),
        ({"this_update": pki.AT - timedelta(hours=12), "next_update": None}, Outcome.GOOD),
        ({"this_update": pki.AT - timedelta(hours=12, seconds=1), "next_update": None}, Outcome.STALE),
    ],
)
def test_times_count_to_the_second(times: dict[str, datetime | None], expected: Outcome) -> None:
    assert outcome(CA.ocsp_response(CLIENT, **times))[0] is expected  # type: ignore[arg-type]


def test_a_clock_ahead_is_forgiven_for_evidence_just_fetched_only() -> None:
    early = CA.ocsp_response(CLIENT, this_update=pki.AT + timedelta(seconds=300))
    assert judged(ocsp(early, received_at=AT)).status is Status.GOOD
    assert codes(judged(ocsp(early))) == [CauseCode.REVOCATION_NOT_YET_VALID]
    earlier = CA.ocsp_response(CLIENT, this_update=pki.AT + timedelta(seconds=301))
    assert codes(judged(ocsp(earlier, received_at=AT))) == [CauseCode.REVOCATION_NOT_YET_VALID]


def test_a_stale_revocation_without_next_update_says_until_when_it_counted() -> None:
    status = judged(ocsp(CA.ocsp_response(CLIENT, this_update=pki.AT - timedelta(days=1), next_update=None)))
    assert codes(status) == [CauseCode.REVOCATION_STALE]
    assert status.holds_from == AT - 12 * 3600 + 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"eku": ("clientAuth",)}, Reason.RESPONDER_USAGE),
        ({"eku": ("anyExtendedKeyUsage",)}, Reason.RESPONDER_USAGE),
        ({"eku": None}, Reason.RESPONDER_USAGE),
        ({"key_usage": ("keyEncipherment",)}, Reason.RESPONDER_KEY_USAGE),
        ({"not_after": pki.AT - SECOND}, Reason.RESPONDER_EXPIRED),
        ({"not_before": pki.AT + SECOND}, Reason.RESPONDER_NOT_YET_VALID),
        ({"extensions": UNKNOWN_CRITICAL}, Reason.RESPONDER_EXTENSION),
        ({"encoded_extensions": [asn1.sequence(asn1.oid("2.5.29.14"), asn1.octet_string(b"\x00"))]}, Reason.RESPONDER_MALFORMED),
        ({"broken_signature": True}, Reason.RESPONDER_NOT_ISSUED),
        ({"signing_key": "p256:somebody else"}, Reason.RESPONDER_NOT_ISSUED),
    ],
)
def test_a_delegate_that_may_not_answer_is_not_believed(options: dict[str, Any], expected: Reason) -> None:
    responder = CA.issue_responder(**options)
    assert outcome(CA.ocsp_response(CLIENT, responder=responder)) == (Outcome.INVALID, expected)


def test_the_last_second_of_the_responders_certificate_counts() -> None:
    responder = CA.issue_responder(not_after=pki.AT)
    status = judged(ocsp(CA.ocsp_response(CLIENT, responder=responder)))
    assert (status.status, status.holds_until) == (Status.GOOD, AT)


def test_a_delegate_that_something_is_known_against_is_not_believed() -> None:
    data = CA.ocsp_response(CLIENT, responder=RESPONDER)
    against = context(responder=lambda _: Fitness(Reason.RESPONDER_REVOKED, AT - 5, AT + 5))
    status = judged(ocsp(data), context=against)
    assert (status.attempts[0].outcome, status.attempts[0].detail) == (Outcome.INVALID, Reason.RESPONDER_REVOKED)
    assert (status.holds_from, status.holds_until) == (AT - 5, AT + 5)
    assert outcome(data, context=context(delegates=False))[0] is Outcome.INVALID
    assert judged(ocsp(CA.ocsp_response(CLIENT)), context=context(delegates=False)).status is Status.GOOD


def test_a_delegate_not_yet_valid_bounds_how_long_a_status_holds() -> None:
    soon = CA.issue_responder(not_before=pki.AT + timedelta(hours=1))
    coming = CA.ocsp_response(CLIENT, "revoked", responder=soon)
    assert judged(ocsp(coming), ocsp(CA.ocsp_response(CLIENT))).holds_until == AT + 3600 - 1


def test_a_delegate_of_another_issuer_is_not_believed() -> None:
    other = pki.root("Another CA").issue_responder()
    below = CA.issue_ca("Lower CA").issue_responder()
    for responder in (other, below):
        assert outcome(CA.ocsp_response(CLIENT, responder=responder)) == (Outcome.INVALID, Reason.RESPONDER_NOT_ISSUED)


def test_a_delegate_that_is_not_enclosed_is_not_found() -> None:
    assert outcome(CA.ocsp_response(CLIENT, responder=RESPONDER, certificates=[])) == (Outcome.INVALID, Reason.RESPONDER_NOT_FOUND)


def test_all_enclosed_certificates_of_the_responders_name_are_tried() -> None:
    others = [CA.issue_responder(key=f"p256:{number}") for number in range(3)]
    data = CA.ocsp_response(CLIENT, responder=RESPONDER, certificates=[*others, CA, RESPONDER])
    assert judged(ocsp(data)).status is Status.GOOD


def test_a_signature_that_does_not_fit_is_invalid() -> None:
    for responder in (None, RESPONDER):
        assert outcome(CA.ocsp_response(CLIENT, responder=responder, broken_signature=True)) == (Outcome.INVALID, Reason.SIGNATURE)


def test_whether_the_responder_itself_is_revoked_is_said_to_be_not_checked() -> None:
    unchecked = CA.issue_responder(extensions=())
    assert judged(ocsp(CA.ocsp_response(CLIENT, responder=unchecked))).attempts[0].notes == (Reason.RESPONDER_NOT_CHECKED,)
    assert judged(ocsp(CA.ocsp_response(CLIENT, responder=RESPONDER))).attempts[0].notes == ()


def test_unknown_critical_extensions_are_refused() -> None:
    assert outcome(CA.ocsp_response(CLIENT, extensions=UNKNOWN_CRITICAL)) == (Outcome.INVALID, Reason.CRITICAL_EXTENSION)
    assert outcome(CA.ocsp_response(CLIENT, single_extensions=UNKNOWN_CRITICAL)) == (Outcome.INVALID, Reason.CRITICAL_EXTENSION)


def test_a_nonce_must_be_the_one_that_was_sent() -> None:
    data = CA.ocsp_response(CLIENT, nonce=b"a" * 16)
    assert judged(ocsp(data, nonce=b"a" * 16)).status is Status.GOOD
    (attempt,) = judged(ocsp(data, nonce=b"b" * 16)).attempts
    assert (attempt.outcome, attempt.detail) == (Outcome.INVALID, Reason.NONCE)
    assert judged(ocsp(CA.ocsp_response(CLIENT), nonce=b"b" * 16)).status is Status.GOOD  # RFC 9654: responders may leave it out


def test_a_hash_that_can_be_forged_is_not_believed() -> None:
    old = pki.root("Old CA", key="rsa2048:a")
    client = old.issue("client")
    asked = target(client, old)
    assert outcome(old.ocsp_response(client, signing_hash="md5"), target=asked) == (Outcome.INVALID, Reason.BROKEN_HASH)
    weak = old.issue_responder(signing_hash="md5")
    assert outcome(old.ocsp_response(client, responder=weak), target=asked) == (Outcome.INVALID, Reason.BROKEN_HASH)


def test_several_answers_about_the_certificate_are_judged_together() -> None:
    revoked, unknown = CA.ocsp_single(CLIENT, "revoked"), CA.ocsp_single(CLIENT, "unknown")
    stale = CA.ocsp_single(CLIENT, "good", next_update=pki.AT - SECOND)
    assert outcome(CA.ocsp_response(CLIENT, more_singles=[unknown, stale]))[0] is Outcome.GOOD
    assert outcome(CA.ocsp_response(CLIENT, more_singles=[revoked]))[0] is Outcome.REVOKED
    assert outcome(CA.ocsp_response(7, more_singles=[CA.ocsp_single(CLIENT)]))[0] is Outcome.GOOD


def test_an_expired_certificate_is_good_only_where_the_archive_reaches_back() -> None:
    client = CA.issue("expired", not_after=pki.AT - timedelta(days=10))
    cutoff: list[pki.Extension] = [("1.3.6.1.5.5.7.48.1.6", False, asn1.generalized_time(pki.AT - timedelta(days=400)))]
    assert outcome(CA.ocsp_response(client), target=target(client))[0] is Outcome.EXPIRED_NOT_COVERED
    assert outcome(CA.ocsp_response(client, single_extensions=cutoff), target=target(client))[0] is Outcome.GOOD
    assert outcome(CA.ocsp_response(client, "revoked"), target=target(client))[0] is Outcome.REVOKED


def test_another_type_of_response_is_invalid() -> None:
    wrapped = asn1.sequence(asn1.oid("1.2.3"), asn1.octet_string(b"anything"))
    data = asn1.sequence(asn1.enumerated(0), asn1.explicit(0, wrapped))
    assert outcome(data) == (Outcome.INVALID, Reason.RESPONSE_TYPE)


def test_an_algorithm_unknown_here_is_not_called_invalid() -> None:
    data = bytearray(CA.ocsp_response(CLIENT))
    place = data.rindex(asn1.oid("1.2.840.10045.4.3.2"))
    data[place + 9] = 0x7F
    assert codes(judged(ocsp(bytes(data)))) == [CauseCode.ALGORITHM_UNSUPPORTED_HERE]


@pytest.mark.parametrize("key", ["rsa2048", "p384", "ed25519"])
def test_every_kind_of_key_signs_answers(key: str) -> None:
    authority = pki.root("CA of a kind", key=key)
    client = authority.issue("client")
    assert outcome(authority.ocsp_response(client), target=target(client, authority))[0] is Outcome.GOOD
    assert outcome(authority.ocsp_response(client, pss=key == "rsa2048"), target=target(client, authority))[0] is Outcome.GOOD


def test_the_moment_judged_is_the_one_asked_for() -> None:
    evidence = ocsp(CA.ocsp_response(CLIENT))
    assert judged(evidence, context=context(at=AT + 23 * 3600)).status is Status.GOOD
    assert judged(evidence, context=context(at=AT + 23 * 3600 + 1)).status is Status.UNKNOWN
