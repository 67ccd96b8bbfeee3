"""What a complete CRL says about one certificate: RFC 5280 6.3.3, step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chaincheck.revocation.attempt import Attempt, Outcome, Reason, concluded
from chaincheck.revocation.freshness import covers_expired, in_time
from chaincheck.x509 import der
from chaincheck.x509.extensions import FRESHEST_CRL
from chaincheck.x509.name import Name
from chaincheck.x509.signature import Signature, algorithm

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chaincheck.revocation.evidence import Evidence
    from chaincheck.revocation.target import Context, Signer, Target
    from chaincheck.x509.certificate import Certificate
    from chaincheck.x509.crl import CertificateList
    from chaincheck.x509.crl_entries import Entry
    from chaincheck.x509.extensions import GeneralName

MAX_SIGNERS = 16  # certificates of one name whose keys are tried; a rollover has two


def judge_crl(evidence: Evidence, target: Target, context: Context, *, own: bool) -> Attempt | None:
    """The attempt, or None where the CRL is about certificates of another issuer.

    ``own``: it was fetched from a source that the certificate itself names, so that even then it has something to say.
    """
    try:
        crl = evidence.crl()
    except der.Malformed as fault:
        if evidence.origin == "fetched" and not own:
            return None
        said = f"it is not a CRL in DER: {fault.what} (byte {fault.offset})"
        return concluded(evidence, Outcome.INVALID, said, unattributed=not own)
    other = _other_issuer(crl, target)
    if other is Reason.OTHER_ISSUER:
        return concluded(evidence, Outcome.OUT_OF_SCOPE, other) if own else None
    if (reason := _out_of_scope(crl, target)) is not None:
        return concluded(evidence, Outcome.OUT_OF_SCOPE, other or reason)
    unusable = _unusable(crl, context)
    failure, by = _signer(evidence, crl, target, context)
    if failure is not None:
        detail = failure[1]
        if other is not None:  # not judged but for what it lists
            failure = Outcome.OUT_OF_SCOPE, other
        elif unusable is not None:
            failure = Outcome.INVALID, unusable
        found = concluded(evidence, *failure)
        if detail != Reason.SIGNER_UNTRUSTED or by is None:
            return found
        return replace(found, signer_from_s=by.holds_from, signer_until_s=by.holds_until)
    found = _said(crl, evidence, target, context, by.certificate if by is not None else target.issuer_certificate)
    if unusable is not None:  # what it lists leaves a doubt all the same
        found = replace(found, outcome=Outcome.INVALID, detail=unusable, says=found.against)
    if by is not None:
        found = replace(found, signer_from_s=by.holds_from, signer_until_s=by.holds_until)
    if found.outcome in (Outcome.INVALID, Outcome.OUT_OF_SCOPE):
        return found
    bounds = (by.holds_from, by.holds_until) if by is not None else (None, None)
    return in_time(found, evidence, context, crl.this_update_s, crl.next_update_s, bounds=bounds)


def _other_issuer(crl: CertificateList, target: Target) -> Reason | None:
    """RFC 5280 6.3.3 (b)(1): the CRL's issuer is the certificate's, or the one its distribution point names."""
    if crl.issuer.normalised == target.issuer_name.normalised:
        return None
    named = (name for point in target.certificate.crl_distribution_points for name in point.crl_issuer)
    if any(isinstance(name.value, Name) and name.value.normalised == crl.issuer.normalised for name in named):
        return Reason.INDIRECT
    return Reason.OTHER_ISSUER


def _out_of_scope(crl: CertificateList, target: Target) -> Reason | None:
    """RFC 5280 6.3.3 (b)(2): what the CRL lists at all."""
    point = crl.issuing_distribution_point
    if point is None:
        return None
    # RFC 5280 6.3.3 (b)(2)(ii) to (iv)
    constraints = target.certificate.basic_constraints
    is_ca = constraints is not None and constraints.ca
    if point.only == "attribute":
        return Reason.ONLY_ATTRIBUTE
    if point.only == "user" and is_ca:
        return Reason.ONLY_USER
    if point.only == "ca" and not is_ca:
        return Reason.ONLY_CA
    # RFC 5280 6.3.3 (b)(2)(i)
    if point.relative is not None:
        return Reason.RELATIVE_NAME
    return _other_point(point.full_name, target) if point.full_name else None


def _other_point(names: tuple[GeneralName, ...], target: Target) -> Reason | None:
    """One name of the CRL's distribution point must be one of the certificate's, or that of its issuer (RFC 5280 6.3.3, last paragraph)."""
    wanted = _keys(names)
    points = target.certificate.crl_distribution_points
    whole = [name for point in points if point.reasons is None and not point.crl_issuer for name in point.full_name]
    if wanted & (_keys(whole) | {("directoryName", target.issuer_name.normalised)}):
        return None
    if wanted & _keys(name for point in points if not point.crl_issuer for name in point.full_name):
        return None  # a point for some reasons only: see _partial
    if wanted & _keys(name for point in points for name in point.full_name):
        return Reason.LIMITED_DISTRIBUTION_POINT
    return Reason.OTHER_DISTRIBUTION_POINT


def _partial(crl: CertificateList, target: Target) -> Reason | None:
    """Why the CRL can say that a certificate is revoked, but not alone that it is good: RFC 5280 6.3.3 (c), (d), (e)."""
    if (other := _other_issuer(crl, target)) is not None:
        return other
    if crl.is_delta:
        return Reason.DELTA
    point = crl.issuing_distribution_point
    if point is None:
        return None
    if point.indirect:
        return Reason.INDIRECT
    if point.some_reasons is not None:
        return Reason.SOME_REASONS
    points = target.certificate.crl_distribution_points
    limited = _keys(name for each in points if each.reasons is not None for name in each.full_name)
    whole = _keys(name for each in points if each.reasons is None for name in each.full_name)
    named = _keys(point.full_name)
    return Reason.LIMITED_DISTRIBUTION_POINT if named & limited and not named & whole else None


def _keys(names: Iterable[GeneralName]) -> set[tuple[str, str | bytes]]:
    """Directory names compare by RFC 5280 7.1, all others as they are."""
    return {(name.kind, name.value.normalised if isinstance(name.value, Name) else name.value) for name in names}


def _unusable(crl: CertificateList, context: Context) -> str | None:
    """Why nothing in it can be believed, whoever signed it."""
    if crl.unknown_critical:  # RFC 5280 5.2
        return Reason.CRITICAL_EXTENSION
    fault = next((each for each in crl.faults if not each.readable), None)
    if fault is not None:
        return f"it is malformed: {fault.where}: {fault.what} (byte {fault.offset})"
    point = crl.issuing_distribution_point
    if crl.names_certificate_issuers and (point is None or not point.indirect):  # RFC 5280 5.3.3
        return Reason.ENTRY_ISSUER
    if algorithm(crl.signature_algorithm).hash in context.refused_hashes:
        return Reason.BROKEN_HASH
    return None


def _signer(evidence: Evidence, crl: CertificateList, target: Target, context: Context) -> tuple[tuple[Outcome, str] | None, Signer | None]:
    """RFC 5280 6.3.3 (f), (g): why nobody signed it who may, or None; and who did, None for the issuer itself.

    That is a key whose owner may sign CRLs and whose path leads to the same anchor.
    """
    name = algorithm(crl.signature_algorithm).name
    answer = evidence.verify(target.issuer_key)
    if answer is Signature.VALID and _may_sign(target.issuer_certificate):
        return None, None
    failures: dict[Reason, Signer | None] = {Reason.NO_CRL_SIGN: None} if answer is Signature.VALID else {}
    unsupported = answer is Signature.UNSUPPORTED
    others = sorted(context.find_signers(crl.issuer, "crl"), key=lambda each: (not each.trusted, each.certificate.sha256))
    for signer in others[:MAX_SIGNERS]:
        answer = evidence.verify(signer.certificate.public_key)
        unsupported |= answer is Signature.UNSUPPORTED
        if answer is not Signature.VALID:
            continue
        if not _may_sign(signer.certificate):
            failures.setdefault(Reason.NO_CRL_SIGN, signer)
        elif not signer.trusted:
            failures[Reason.SIGNER_UNTRUSTED] = _both(failures.get(Reason.SIGNER_UNTRUSTED), signer)
        else:
            return None, signer
    for reason in (Reason.NO_CRL_SIGN, Reason.SIGNER_UNTRUSTED):
        if reason in failures:
            return (Outcome.INVALID, reason), failures[reason]
    return ((Outcome.UNSUPPORTED, name) if unsupported else (Outcome.INVALID, Reason.SIGNATURE)), None


def _both(known: Signer | None, signer: Signer) -> Signer:
    """A signer for the time in which both are judged as they are now."""
    if known is None:
        return signer
    begins = [each.holds_from for each in (known, signer) if each.holds_from is not None]
    ends = [each.holds_until for each in (known, signer) if each.holds_until is not None]
    return replace(signer, holds_from=max(begins, default=None), holds_until=min(ends, default=None))


def _may_sign(certificate: Certificate | None) -> bool:
    """RFC 5280 6.3.3 (f): cRLSign, if there is a key usage."""
    usage = certificate.key_usage if certificate is not None else None
    return usage is None or "cRLSign" in usage


def _said(crl: CertificateList, evidence: Evidence, target: Target, context: Context, signer: Certificate | None) -> Attempt:
    """RFC 5280 6.3.3 (j): the entry of the certificate, or that there is none."""
    try:
        entries = [entry for entry, issuer in crl.find_of_issuers(target.certificate.serial) if _is_of(issuer, crl, target)]
    except der.Malformed as fault:
        found = concluded(evidence, Outcome.INVALID, f"it is malformed: {fault.what} (byte {fault.offset})")
        return replace(found, says=Outcome.REVOKED)  # there is an entry of it
    notes = (Reason.NO_NEXT_UPDATE,) if crl.next_update_s is None else ()
    if not crl.is_delta and (crl.extension(FRESHEST_CRL) or target.certificate.extension(FRESHEST_CRL)):
        notes = (*notes, Reason.DELTA_NOT_JUDGED)
    if entries:
        entry = min(entries, key=_weight)
        outcome = (Outcome.REVOKED, Outcome.ON_HOLD, Outcome.REMOVED)[_weight(entry)[0]]
        if outcome is not Outcome.REMOVED:
            return _attempt(evidence, outcome, signer, notes, entry)
        notes = (*notes, Reason.REMOVED_FROM_COMPLETE)
    else:
        entry, outcome = None, Outcome.GOOD
    # From here on it is about being good: the whole CRL must be understood.
    if (fault_found := crl.entries_fault) is not None:
        found = concluded(evidence, Outcome.INVALID, f"it is malformed: {fault_found.what} (byte {fault_found.offset})")
        return replace(found, says=Outcome.REVOKED) if crl.may_list(target.certificate.serial) else found
    if crl.unknown_critical_in_entries:  # RFC 5280 5.3
        return concluded(evidence, Outcome.INVALID, Reason.CRITICAL_ENTRY_EXTENSION)
    if (reason := _partial(crl, target)) is not None:
        return concluded(evidence, Outcome.OUT_OF_SCOPE, reason)
    if entry is None and not covers_expired(target, context, crl.this_update_s, crl.expired_certificates_from_s):
        return _attempt(evidence, Outcome.EXPIRED_NOT_COVERED, signer, notes, None)
    return _attempt(evidence, outcome, signer, notes, entry)


def _is_of(issuer: tuple[GeneralName, ...], crl: CertificateList, target: Target) -> bool:
    """Whether an entry is about a certificate of the target's issuer; without a certificate issuer it is of the CRL's."""
    wanted = target.issuer_name.normalised
    if not issuer:
        return crl.issuer.normalised == wanted
    return any(isinstance(name.value, Name) and name.value.normalised == wanted for name in issuer)


def _weight(entry: Entry) -> tuple[int, int]:
    """The entry that counts where a CRL lists a serial number more than once: the one that says most against it, then the oldest."""
    return {"certificateHold": 1, "removeFromCRL": 2}.get(entry.reason or "", 0), entry.revoked_at_s


def _attempt(evidence: Evidence, outcome: Outcome, signer: Certificate | None, notes: tuple[str, ...], entry: Entry | None) -> Attempt:
    return Attempt(
        kind="crl",
        source=evidence.source,
        origin=evidence.origin,
        outcome=outcome,
        detail=Reason.EXPIRED if outcome is Outcome.EXPIRED_NOT_COVERED else "",
        notes=notes,
        sha256=evidence.sha256,
        revoked_at_s=entry.revoked_at_s if entry is not None else None,
        reason=entry.reason if entry is not None else None,
        signer=signer,
    )
