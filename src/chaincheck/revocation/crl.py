"""What one CRL says about one certificate: RFC 5280 6.3.3, step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from chaincheck.revocation.attempt import Attempt, Outcome, Reason, concluded
from chaincheck.revocation.freshness import covers_expired, in_time
from chaincheck.revocation.scope import Scope, scope_of
from chaincheck.x509 import der
from chaincheck.x509.crl import ISSUING_DISTRIBUTION_POINT
from chaincheck.x509.extensions import ALL_REASONS, AUTHORITY_KEY_IDENTIFIER
from chaincheck.x509.name import Name
from chaincheck.x509.signature import Signature, algorithm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaincheck.revocation.evidence import Evidence
    from chaincheck.revocation.target import Context, Signer, Target
    from chaincheck.x509.certificate import Certificate
    from chaincheck.x509.crl import CertificateList
    from chaincheck.x509.crl_entries import Entry
    from chaincheck.x509.extensions import GeneralName
    from chaincheck.x509.key import PublicKey

MAX_SIGNERS = 16  # certificates of one name whose keys are tried; a rollover has two


class Judged(NamedTuple):
    """A CRL with what it says. ``key``: that of its signer, None where nobody signed it who may."""

    crl: CertificateList
    attempt: Attempt
    key: PublicKey | None


def judge_crl(
    evidence: Evidence, target: Target, context: Context, *, own: bool, bases: Sequence[Judged] = ()
) -> tuple[Attempt, Judged | None] | None:
    """The attempt, with the CRL where it could be read; or None where it is about certificates of another issuer.

    ``own``: it was fetched from a source that the certificate itself names, so that even then it has something to say. ``bases``: the
    complete CRLs, already judged, that a delta CRL may continue.
    """
    try:
        crl = evidence.crl()
    except der.Malformed as fault:
        if evidence.was_fetched and not own:
            return None
        said = f"it is not a CRL in DER: {fault.what} (byte {fault.offset})"
        return concluded(evidence, Outcome.INVALID, said, unattributed=not own), None
    scope = scope_of(crl, target, context)
    if scope.fault is not None:
        aside = scope.fault is Reason.OTHER_ISSUER and not own
        return None if aside else (_marked(concluded(evidence, Outcome.OUT_OF_SCOPE, scope.fault), crl, scope), None)
    attempt, key = _judge(evidence, crl, scope, target, context, bases)
    attempt = _marked(attempt, crl, scope)
    return attempt, Judged(crl, attempt, key)


def readable(evidence: Evidence) -> CertificateList | None:
    """The CRL, where it can be read at all."""
    try:
        return evidence.crl()
    except der.Malformed:
        return None


def _marked(attempt: Attempt, crl: CertificateList, scope: Scope) -> Attempt:
    return replace(attempt, delta=crl.is_delta, reasons=scope.reasons)


def _judge(
    evidence: Evidence, crl: CertificateList, scope: Scope, target: Target, context: Context, bases: Sequence[Judged]
) -> tuple[Attempt, PublicKey | None]:
    failure, by, key = _signer(evidence, crl, target, context)  # first: a large list is walked while its signature is verified
    unusable = _unusable(crl, context)
    if failure is not None:
        detail = failure[1]
        found = concluded(evidence, *(failure if unusable is None else (Outcome.INVALID, unusable)))
        if detail != Reason.SIGNER_UNTRUSTED or by is None:
            return found, None
        return replace(found, signer_from_s=by.holds_from, signer_until_s=by.holds_until), None
    fitting = [base for base in bases if continues(crl, key, base)]
    found = _said(crl, evidence, scope, target, context, by.certificate if by is not None else target.issuer_certificate, fitting)
    if unusable is not None:  # what it lists leaves a doubt all the same
        found = replace(found, outcome=Outcome.INVALID, detail=unusable, says=found.against)
    if by is not None:
        found = replace(found, signer_from_s=by.holds_from, signer_until_s=by.holds_until)
    if found.outcome in (Outcome.INVALID, Outcome.OUT_OF_SCOPE):
        return found, key
    bounds = (by.holds_from, by.holds_until) if by is not None else (None, None)
    found = in_time(found, evidence, context, crl.this_update_s, crl.next_update_s, bounds=bounds)
    return (_while_bases_hold(found, fitting) if fitting and found.outcome in _USABLE else found), key


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


def _signer(
    evidence: Evidence, crl: CertificateList, target: Target, context: Context
) -> tuple[tuple[Outcome, str] | None, Signer | None, PublicKey | None]:
    """RFC 5280 6.3.3 (f), (g): why nobody signed it who may, or None; who did, None for the issuer itself; and his key.

    That is a key whose owner may sign CRLs and whose path leads to the same anchor.
    """
    name = algorithm(crl.signature_algorithm).name
    failures: dict[Reason, Signer | None] = {}
    unsupported = False
    by_issuer = crl.issuer.normalised == target.issuer_name.normalised
    if by_issuer:
        answer = evidence.verify(target.issuer_key)
        if answer is Signature.VALID and _may_sign(target.issuer_certificate):
            return None, None, target.issuer_key
        if answer is Signature.VALID:
            failures[Reason.NO_CRL_SIGN] = None
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
            return None, signer, signer.certificate.public_key
    for reason in (Reason.NO_CRL_SIGN, Reason.SIGNER_UNTRUSTED):
        if reason in failures:
            return (Outcome.INVALID, reason), failures[reason], None
    if unsupported:
        return (Outcome.UNSUPPORTED, name), None, None
    return (Outcome.INVALID, Reason.SIGNATURE if by_issuer or others else Reason.SIGNER_NOT_FOUND), None, None


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


def continues(crl: CertificateList, key: PublicKey | None, base: Judged) -> bool:
    """Whether a delta CRL is one to that complete CRL: RFC 5280 5.2.4 and 6.3.3 (c), (h)."""
    complete = base.crl
    return (
        crl.delta_base is not None
        and complete.number is not None
        and crl.delta_base <= complete.number  # 5.2.4 (c)
        and crl.issuer.normalised == complete.issuer.normalised  # (c)(1)
        and _value(crl, ISSUING_DISTRIBUTION_POINT) == _value(complete, ISSUING_DISTRIBUTION_POINT)  # (c)(2)
        and _value(crl, AUTHORITY_KEY_IDENTIFIER) == _value(complete, AUTHORITY_KEY_IDENTIFIER)  # (c)(3)
        and key is not None
        and key == base.key  # (h)
        and base.attempt.outcome in _USABLE
    )


def _while_bases_hold(delta: Attempt, bases: Sequence[Judged]) -> Attempt:
    """A delta CRL counts as long as every complete CRL that it continues: with another of them it may say something else."""
    begins = [each.usable_from_s for each in (delta, *(base.attempt for base in bases)) if each.usable_from_s is not None]
    ends = [each.usable_until_s for each in (delta, *(base.attempt for base in bases)) if each.usable_until_s is not None]
    return replace(delta, usable_from_s=max(begins, default=None), usable_until_s=min(ends, default=None))


_USABLE = frozenset(
    {Outcome.GOOD, Outcome.GOOD_FOR_SOME, Outcome.REVOKED, Outcome.ON_HOLD, Outcome.REMOVED, Outcome.EXPIRED_NOT_COVERED}
)  # fmt: skip


def _value(crl: CertificateList, oid: str) -> bytes | None:
    found = crl.extension(oid)
    return None if found is None else found.value


def _said(
    crl: CertificateList,
    evidence: Evidence,
    scope: Scope,
    target: Target,
    context: Context,
    signer: Certificate | None,
    bases: Sequence[Judged],
) -> Attempt:
    """RFC 5280 6.3.3 (i) to (k): the entry of the certificate, or that there is none."""
    try:
        entries = [entry for entry, issuer in crl.find_of_issuers(target.certificate.serial) if _is_of(issuer, crl, target)]
    except der.Malformed as fault:
        found = concluded(evidence, Outcome.INVALID, f"it is malformed: {fault.what} (byte {fault.offset})")
        return replace(found, says=Outcome.REVOKED)  # there is an entry of it
    notes: tuple[str, ...] = (Reason.NO_NEXT_UPDATE,) if crl.next_update_s is None else ()
    entry = min(entries, key=_weight, default=None)
    outcome = Outcome.GOOD if entry is None else (Outcome.REVOKED, Outcome.ON_HOLD, Outcome.REMOVED)[_weight(entry)[0]]
    if outcome in (Outcome.REVOKED, Outcome.ON_HOLD):
        return _attempt(evidence, outcome, signer, notes, entry)
    # From here on it is about being good: the whole CRL must be understood.
    if (fault_found := crl.entries_fault) is not None:
        found = concluded(evidence, Outcome.INVALID, f"it is malformed: {fault_found.what} (byte {fault_found.offset})")
        return replace(found, says=Outcome.REVOKED) if crl.may_list(target.certificate.serial) else found
    if crl.unknown_critical_in_entries:  # RFC 5280 5.3
        return concluded(evidence, Outcome.INVALID, Reason.CRITICAL_ENTRY_EXTENSION)
    if scope.unused is not None:
        return concluded(evidence, Outcome.OUT_OF_SCOPE, scope.unused)
    if crl.is_delta:
        return _continued(crl, evidence, signer, notes, entry, bases)
    if entry is not None:
        notes = (*notes, Reason.REMOVED_FROM_COMPLETE)
    elif not covers_expired(target, context, crl.this_update_s, crl.expired_certificates_from_s):
        return _attempt(evidence, Outcome.EXPIRED_NOT_COVERED, signer, notes, None)
    if scope.reasons != ALL_REASONS:  # RFC 5280 6.3.3 (d), (e)
        outcome = Outcome.GOOD_FOR_SOME
    return _attempt(evidence, outcome, signer, notes, entry)


def _continued(
    crl: CertificateList,
    evidence: Evidence,
    signer: Certificate | None,
    notes: tuple[str, ...],
    entry: Entry | None,
    bases: Sequence[Judged],
) -> Attempt:
    """What a delta CRL leaves of the newest complete CRL that it continues: RFC 5280 6.3.3 (i), (j)."""
    if not bases:
        return concluded(evidence, Outcome.OUT_OF_SCOPE, Reason.DELTA_WITHOUT_BASE)
    base = max(bases, key=lambda each: (each.crl.number or 0, each.crl.this_update_s, each.crl.sha256))
    said = base.attempt
    superseded = crl.number is None or (base.crl.number or 0) >= crl.number  # 5.2.4 (d): nothing of it is newer than the base
    if superseded:
        notes = (*notes, Reason.DELTA_SUPERSEDED)
    elif entry is not None and said.outcome in (Outcome.ON_HOLD, Outcome.GOOD, Outcome.REMOVED):
        return _attempt(evidence, Outcome.REMOVED, signer, notes, entry)
    found = _attempt(evidence, said.outcome, signer, notes, None)
    return replace(found, revoked_at_s=said.revoked_at_s, reason=said.reason, invalidity_s=said.invalidity_s)


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
        invalidity_s=entry.invalidity_s if entry is not None else None,
        signer=signer,
    )
