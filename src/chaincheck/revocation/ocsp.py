"""What an OCSP response says about one certificate: RFC 6960 3.2, step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from chaincheck.revocation.attempt import Attempt, Outcome, Reason, concluded
from chaincheck.revocation.freshness import covers_expired, in_time
from chaincheck.x509 import der, extensions
from chaincheck.x509.ocsp import BASIC
from chaincheck.x509.signature import Signature, algorithm, verify

if TYPE_CHECKING:
    from chaincheck.revocation.evidence import Evidence
    from chaincheck.revocation.target import Context, Fitness, Target
    from chaincheck.x509.certificate import Certificate
    from chaincheck.x509.key import PublicKey
    from chaincheck.x509.ocsp import OcspResponse, SingleResponse

MAX_CANDIDATES = 16  # enclosed certificates whose keys are tried; a response needs one

# What is understood in a responder's certificate. It issues nothing, so that constraints on what it issues have no effect.
_UNDERSTOOD = frozenset(
    {
        extensions.SUBJECT_KEY_IDENTIFIER, extensions.AUTHORITY_KEY_IDENTIFIER, extensions.KEY_USAGE, extensions.EXTENDED_KEY_USAGE,
        extensions.SUBJECT_ALT_NAME, extensions.ISSUER_ALT_NAME, extensions.BASIC_CONSTRAINTS, extensions.CRL_DISTRIBUTION_POINTS,
        extensions.AUTHORITY_INFORMATION_ACCESS, extensions.OCSP_NO_CHECK, extensions.CERTIFICATE_POLICIES,
    }
)  # fmt: skip


class _Responder(NamedTuple):
    """Who signed: ``outcome`` None and the certificate (None: the issuer's key itself), or why nobody did who may.

    From ``holds_from`` to ``holds_until`` (seconds since 1970 UTC, both included, None: no bound) that stays so.
    """

    outcome: Outcome | None
    detail: str = ""
    certificate: Certificate | None = None
    delegated: bool = False
    holds_from: int | None = None
    holds_until: int | None = None


def judge_ocsp(evidence: Evidence, target: Target, context: Context, *, own: bool) -> Attempt | None:
    """The attempt, or None where the response is about certificates of another issuer.

    ``own``: it was fetched from a source that the certificate itself names, so that even then it has something to say.
    """
    elsewhere = evidence.was_fetched and not own
    try:
        response = evidence.ocsp()
    except der.Malformed as fault:
        said = f"it is not an OCSP response in DER: {fault.what} (byte {fault.offset})"
        return None if elsewhere else concluded(evidence, Outcome.INVALID, said, unattributed=not own)
    if response.status != "successful":  # RFC 6960 4.2.1: unsigned, and about nobody
        return None if elsewhere else concluded(evidence, Outcome.UNKNOWN, response.status, unattributed=not own)
    if response.response_type != BASIC:
        return None if elsewhere else concluded(evidence, Outcome.INVALID, Reason.RESPONSE_TYPE, unattributed=not own)
    # RFC 6960 3.2 (1)
    answers = _answers(response, target)
    if isinstance(answers, Reason):
        aside = elsewhere or (answers is Reason.OTHER_ISSUER and not own)
        return None if aside else concluded(evidence, Outcome.OUT_OF_SCOPE, answers)
    unusable = _unusable(response, evidence, context)
    # RFC 6960 3.2 (2) to (4)
    responder = _responder(evidence, response, target, context)
    if responder.outcome is not None:
        failure = (responder.outcome, responder.detail) if unusable is None else (Outcome.INVALID, str(unusable))
        refused = concluded(evidence, *failure)
        if responder.detail == Reason.RESPONDER_EXPIRED:  # it could speak once: what it said for good leaves a doubt
            refused = replace(refused, says=min((_says(each) for each in answers), key=_AGAINST.index))
        return replace(refused, signer_from_s=responder.holds_from, signer_until_s=responder.holds_until)
    found = [_answer(each, response, evidence, target, context, responder) for each in answers]
    if unusable is not None:
        found = [replace(each, outcome=Outcome.INVALID, detail=unusable, says=each.against) for each in found]
    return replace(min(found, key=_strength), signer_from_s=responder.holds_from, signer_until_s=responder.holds_until)


# Which of several answers about the certificate in one response counts.
_STRENGTH = (
    Outcome.GOOD, Outcome.EXPIRED_NOT_COVERED, Outcome.UNKNOWN, Outcome.STALE, Outcome.NOT_YET_VALID, Outcome.INVALID,
)  # fmt: skip


def _strength(found: Attempt) -> tuple[int, int]:
    """What says most against the certificate, whether it counts, or counts no longer, or leaves a doubt; then the newest."""
    against = found.against
    if against is None:
        place = 10 + _STRENGTH.index(found.outcome)
    elif found.outcome in (Outcome.REVOKED, Outcome.ON_HOLD):
        place = 0 if against is Outcome.REVOKED else 2
    else:
        place = 1 if against is Outcome.REVOKED and found.outcome is Outcome.STALE else 3
    return place, -(found.this_update_s or 0)


_AGAINST = (Outcome.REVOKED, Outcome.ON_HOLD, Outcome.UNKNOWN, Outcome.GOOD)


def _says(answer: SingleResponse) -> Outcome:
    """The words of one answer."""
    if answer.status != "revoked":
        return _STATUSES[answer.status][0]
    # removeFromCRL has no meaning in OCSP: the status counts
    return Outcome.ON_HOLD if answer.reason == "certificateHold" else Outcome.REVOKED


def _answers(response: OcspResponse, target: Target) -> list[SingleResponse] | Reason:
    """RFC 6960 3.2 (1): the answers about this certificate; the name hash is over the certificate's issuer field (4.1.1)."""
    certificate = target.certificate
    names = dict.fromkeys((certificate.issuer_der, target.issuer_name.der))
    found = [
        each
        for each in response.responses
        if each.certificate.serial == certificate.serial and any(each.certificate.is_by(name, target.issuer_key) for name in names)
    ]
    if found:
        return found
    same = any(each.certificate.is_by(name, target.issuer_key) for each in response.responses[:100] for name in names)
    return Reason.OTHER_CERTIFICATE if same else Reason.OTHER_ISSUER


def _unusable(response: OcspResponse, evidence: Evidence, context: Context) -> Reason | None:
    """Why nothing in it can be believed, whoever signed it."""
    if response.unknown_critical:  # RFC 6960 4.4
        return Reason.CRITICAL_EXTENSION
    if evidence.nonce is not None and response.nonce is not None and evidence.nonce != response.nonce:  # RFC 9654 2.1
        return Reason.NONCE
    if algorithm(response.signature_algorithm).hash in context.refused_hashes:
        return Reason.BROKEN_HASH
    return None


def _responder(evidence: Evidence, response: OcspResponse, target: Target, context: Context) -> _Responder:
    """RFC 6960 3.2 (2) to (4), 4.2.2.2: the issuer itself, or somebody it delegated this to. All that fit the responder's ID are tried."""
    failures: list[_Responder] = []
    if _is_named(response, target.issuer_name.normalised, target.issuer_key):
        answer = evidence.verify(target.issuer_key)
        if answer is Signature.VALID:
            return _Responder(None, certificate=target.issuer_certificate)
        failures.append(_not_verified(answer, response))
    named = [each for each in response.certificates if _is_named(response, each.subject.normalised, each.public_key)]
    for certificate in named[:MAX_CANDIDATES]:
        answer = evidence.verify(certificate.public_key)
        found = _delegated(certificate, target, context) if answer is Signature.VALID else _not_verified(answer, response)
        if found.outcome is None:
            return found
        failures.append(found)
    if not failures:
        return _Responder(Outcome.INVALID, Reason.RESPONDER_NOT_FOUND)
    # what is wrong with the one whose key fits says more than that the others' keys do not
    chosen = min(failures, key=lambda each: (each.detail == Reason.SIGNATURE, each.outcome is not Outcome.INVALID))
    begins = [each.holds_from for each in failures if each.holds_from is not None]
    ends = [each.holds_until for each in failures if each.holds_until is not None]
    return chosen._replace(holds_from=max(begins, default=None), holds_until=min(ends, default=None))


def _is_named(response: OcspResponse, name: bytes, key: PublicKey) -> bool:
    """RFC 6960 4.2.2.3: by name, or by the SHA-1 of the key."""
    if response.responder_name is not None:
        return response.responder_name.normalised == name
    return response.responder_key == key.sha1


def _not_verified(answer: Signature, response: OcspResponse) -> _Responder:
    if answer is Signature.UNSUPPORTED:
        return _Responder(Outcome.UNSUPPORTED, algorithm(response.signature_algorithm).name)
    return _Responder(Outcome.INVALID, Reason.SIGNATURE)


def _delegated(certificate: Certificate, target: Target, context: Context) -> _Responder:
    """RFC 6960 4.2.2.2: issued directly by the issuer of the certificate, with the same key, and for this purpose."""
    if certificate.public_key == target.issuer_key:
        return _Responder(None, certificate=target.issuer_certificate)
    issued = Signature.INVALID
    if certificate.issuer.normalised == target.issuer_name.normalised:
        issued = _issued(certificate, target.issuer_key)
    if issued is Signature.UNSUPPORTED:
        return _Responder(Outcome.UNSUPPORTED, algorithm(certificate.signature_algorithm).name)
    if issued is Signature.INVALID:
        return _Responder(Outcome.INVALID, Reason.RESPONDER_NOT_ISSUED)
    if not context.delegates:
        return _Responder(Outcome.INVALID, Reason.RESPONDER_NOT_CHECKED)
    reason = _unfit(certificate, context)
    if reason is not None and reason not in (Reason.RESPONDER_EXPIRED, Reason.RESPONDER_NOT_YET_VALID):
        return _Responder(Outcome.INVALID, reason)
    known = context.responder(certificate)
    reason = reason or known.fault
    begins, ends = _window(certificate, known, context.at)
    if reason is not None:
        return _Responder(Outcome.INVALID, reason, holds_from=begins, holds_until=ends)
    return _Responder(None, certificate=certificate, delegated=True, holds_from=begins, holds_until=ends)


def _window(certificate: Certificate, known: Fitness, at: int) -> tuple[int | None, int | None]:
    """From when until when a responder is judged as it is at the moment: between the edges of its validity, and of what else is known."""
    first, last = certificate.not_before_s, certificate.not_after_s
    edges = [each for each in (first, None if last is None else last + 1) if each is not None]
    begins = [each for each in edges if each <= at] + ([known.holds_from] if known.holds_from is not None else [])
    ends = [each - 1 for each in edges if each > at] + ([known.holds_until] if known.holds_until is not None else [])
    return max(begins, default=None), min(ends, default=None)


def _unfit(certificate: Certificate, context: Context) -> Reason | None:
    """What keeps a certificate of the issuer from signing OCSP responses at the moment judged."""
    usage, purposes = certificate.key_usage, certificate.extended_key_usage
    if any(not fault.readable for fault in certificate.faults) or certificate.not_before_s is None or certificate.not_after_s is None:
        return Reason.RESPONDER_MALFORMED
    if algorithm(certificate.signature_algorithm).hash in context.refused_hashes:
        return Reason.BROKEN_HASH
    if any(each.critical and each.oid not in _UNDERSTOOD for each in certificate.extensions):  # RFC 5280 4.2
        return Reason.RESPONDER_EXTENSION
    if purposes is None or extensions.OCSP_SIGNING not in purposes:  # anyExtendedKeyUsage is not enough: RFC 6960 4.2.2.2
        return Reason.RESPONDER_USAGE
    if usage is not None and not usage & {"digitalSignature", "nonRepudiation"}:  # RFC 5280 4.2.1.12
        return Reason.RESPONDER_KEY_USAGE
    if context.at < certificate.not_before_s:
        return Reason.RESPONDER_NOT_YET_VALID
    if context.at > certificate.not_after_s:
        return Reason.RESPONDER_EXPIRED
    return None


_ISSUED: dict[tuple[bytes, bytes], Signature] = {}


def _issued(certificate: Certificate, issuer_key: PublicKey) -> Signature:
    """Whether the issuer's key signed the certificate; responders repeat from response to response (1,024 are remembered)."""
    index = (issuer_key.spki, certificate.sha256)
    known = _ISSUED.get(index)
    if known is None:
        known = verify(certificate.tbs, certificate.signature_algorithm, certificate.signature, issuer_key)
        if len(_ISSUED) >= 1024:
            _ISSUED.clear()
        _ISSUED[index] = known
    return known


def _answer(
    answer: SingleResponse, response: OcspResponse, evidence: Evidence, target: Target, context: Context, responder: _Responder
) -> Attempt:
    """RFC 6960 2.2, 3.2 (5), (6): one answer, and whether it is recent."""
    outcome, detail = _says(answer), _STATUSES[answer.status][1]
    says: Outcome | None = None
    if outcome is Outcome.GOOD and not covers_expired(target, context, answer.this_update_s, answer.archive_cutoff_s):
        outcome, detail = Outcome.EXPIRED_NOT_COVERED, Reason.EXPIRED
    if answer.unknown_critical:  # RFC 6960 4.4
        says, outcome, detail = outcome, Outcome.INVALID, Reason.CRITICAL_EXTENSION
    certificate = responder.certificate
    delegated = certificate if responder.delegated else None
    unchecked = delegated is not None and delegated.extension(extensions.OCSP_NO_CHECK) is None
    found = Attempt(
        kind="ocsp",
        source=evidence.source,
        origin=evidence.origin,
        outcome=outcome,
        detail=detail,
        notes=(Reason.RESPONDER_NOT_CHECKED,) if unchecked else (),
        sha256=evidence.sha256,
        says=says,
        revoked_at_s=answer.revoked_at_s,
        reason=answer.reason,
        signer=certificate,
    )
    if outcome is Outcome.INVALID:
        return found
    return in_time(
        found,
        evidence,
        context,
        answer.this_update_s,
        answer.next_update_s,
        produced_at_s=response.produced_at_s,
        bounds=(responder.holds_from, responder.holds_until),
    )


_STATUSES = {"good": (Outcome.GOOD, ""), "revoked": (Outcome.REVOKED, ""), "unknown": (Outcome.UNKNOWN, "unknown")}
