"""Attempts as causes: one cause per reason and source, each reason kept apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chaincheck.causes import facts
from chaincheck.causes.cause import Cause, make
from chaincheck.causes.codes import CauseCode, Role, Severity
from chaincheck.revocation.attempt import Outcome, Reason
from chaincheck.x509.certificate import moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chaincheck.revocation.attempt import Attempt
    from chaincheck.revocation.target import Context, Target


def refusal(attempt: Attempt, target: Target, context: Context) -> Cause:
    """The certificate is revoked or on hold. Proven even where the path has no anchor: the key that says so is the one that issued it."""
    held = Outcome.ON_HOLD in (attempt.outcome, attempt.says)
    found = facts.RevokedFacts(
        serial=target.certificate.serial_hex,
        revoked_at=moment(attempt.revoked_at_s or 0),
        reason=attempt.reason,
        evidence=attempt.kind,
        source=attempt.source,
        invalidity_at=None if attempt.invalidity_s is None else moment(attempt.invalidity_s),
        relative=not context.anchored,
    )
    code = CauseCode.ON_HOLD if held else CauseCode.REVOKED
    return make(code, target.role, target.certificate, found, severity=Severity.FATAL, proven=True)


def contradiction(attempts: Sequence[Attempt], decided_by: Attempt, target: Target) -> list[Cause]:
    """A source that says good and comes before the one that decides, in the order of the attempts: there Windows would have stopped.

    A delta CRL contradicts nobody: it is read together with its base. What the cache holds is ours, not the server's.
    """
    if decided_by.delta:
        return []
    before = attempts[: next(i for i, each in enumerate(attempts) if each is decided_by)]
    good = next((each for each in before if each.outcome in (Outcome.GOOD, Outcome.REMOVED) and each.origin != "cache"), None)
    if good is None:
        return []
    found = facts.ContradictedFacts(
        evidence=good.kind, source=good.source, decisive_evidence=decided_by.kind, decisive_source=decided_by.source
    )
    return [make(CauseCode.REVOCATION_CONTRADICTED, target.role, target.certificate, found)]


def nothing_to_check(target: Target, context: Context) -> Cause:
    """The certificate names no source, and no evidence speaks about it."""
    code = CauseCode.REVOCATION_NOTHING_TO_CHECK
    return make(code, target.role, target.certificate, facts.Facts(), severity=context.nothing_severity, proven=context.proven)


def shortcomings(
    attempts: list[Attempt], target: Target, context: Context, *, decided: bool, doubts: Sequence[Attempt] = ()
) -> list[Cause]:
    """Why evidence says nothing. Where other evidence decides, these are notes.

    ``doubts``: the attempts for which no other may decide; where something else says good, or the server
    tolerates what is unknown, they prove no refusal.
    """
    found: dict[tuple[CauseCode, facts.Facts], Cause] = {}
    overruled = context.unknown_severity is not Severity.FATAL or any(each.outcome in (Outcome.GOOD, Outcome.REMOVED) for each in attempts)
    lacking = context.unknown_severity is Severity.FATAL and any(Reason.DELTA_MISSING in each.notes for each in attempts)
    for code, details, attempt in _explained(attempts, context, decided):
        aside = decided or attempt.outcome is Outcome.EXPIRED_NOT_COVERED or (attempt.unattributed and attempt.origin == "store")
        doubt = any(each is attempt for each in doubts)
        beside = Severity.WARNING if lacking and attempt.delta else Severity.NOTE
        severity = Severity.FATAL if doubt else beside if aside else context.unknown_severity
        if (code, details) in found and not doubt:
            continue
        if attempt.outcome is Outcome.UNSUPPORTED:
            signer = attempt.signer or target.issuer_certificate
            found[code, details] = make(code, Role.SIGNER, signer, details, severity=severity, proven=aside)
        else:
            found[code, details] = make(
                code,
                target.role,
                target.certificate,
                details,
                severity=severity,
                proven=aside or (context.proven and not (doubt and overruled)),
            )
    return [*found.values(), *(_hold(each, target, context) for each in doubts if each.against is Outcome.ON_HOLD)]


def _hold(attempt: Attempt, target: Target, context: Context) -> Cause:
    """The hold that evidence speaks of which may not be used: worth a note, since it is most likely what keeps the certificate out."""
    return replace(refusal(attempt, target, context), severity=Severity.NOTE, proven=False)


def _explained(attempts: list[Attempt], context: Context, decided: bool) -> Iterator[tuple[CauseCode, facts.Facts, Attempt]]:
    unasked: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        if attempt.outcome is Outcome.NOT_FETCHED:
            unasked.setdefault(str(attempt.detail), []).append(attempt)
        elif (explained := _explain(attempt, context, decided)) is not None:
            yield *explained, attempt
    for reason, named in unasked.items():
        urls = tuple(dict.fromkeys(each.source for each in named))
        yield CauseCode.REVOCATION_NOT_FETCHED, facts.NotFetchedFacts(urls=urls, reason=reason), named[0]


def _explain(attempt: Attempt, context: Context, decided: bool) -> tuple[CauseCode, facts.Facts] | None:
    evidence, source, detail = attempt.kind, attempt.source, str(attempt.detail)
    checked_at = moment(context.at)
    match attempt.outcome:
        case Outcome.STALE:
            until = moment((attempt.usable_until_s if attempt.next_update_s is None else attempt.next_update_s) or 0)
            return CauseCode.REVOCATION_STALE, facts.StaleFacts(evidence=evidence, source=source, next_update=until, checked_at=checked_at)
        case Outcome.NOT_YET_VALID:
            since = moment(attempt.this_update_s or 0)
            return CauseCode.REVOCATION_NOT_YET_VALID, facts.EvidenceNotYetValidFacts(
                evidence=evidence, source=source, this_update=since, checked_at=checked_at
            )
        case Outcome.INVALID:
            return CauseCode.REVOCATION_EVIDENCE_INVALID, facts.EvidenceInvalidFacts(evidence=evidence, source=source, reason=detail)
        case Outcome.GOOD_FOR_SOME if not decided:
            some = Reason.SOME_REASONS
            return CauseCode.REVOCATION_OUT_OF_SCOPE, facts.OutOfScopeFacts(evidence=evidence, source=source, reason=some)
        case Outcome.OUT_OF_SCOPE | Outcome.EXPIRED_NOT_COVERED:
            return CauseCode.REVOCATION_OUT_OF_SCOPE, facts.OutOfScopeFacts(evidence=evidence, source=source, reason=detail)
        case Outcome.UNKNOWN:
            return CauseCode.REVOCATION_UNKNOWN, facts.UnknownStatusFacts(evidence=evidence, source=source, answer=detail)
        case Outcome.UNSUPPORTED:
            return CauseCode.ALGORITHM_UNSUPPORTED_HERE, facts.AlgorithmFacts(algorithm=detail)
        case Outcome.UNREACHABLE | Outcome.REFUSED_BY_PROXY | Outcome.REFUSED_BY_GUARD:
            failure = facts.UnreachableFacts(evidence=evidence, url=source, outcome=attempt.failure, detail=detail)
            return _FAILURES[attempt.outcome], failure
    return None


_FAILURES = {
    Outcome.UNREACHABLE: CauseCode.REVOCATION_UNREACHABLE,
    Outcome.REFUSED_BY_PROXY: CauseCode.REVOCATION_REFUSED_BY_PROXY,
    Outcome.REFUSED_BY_GUARD: CauseCode.REVOCATION_REFUSED_BY_GUARD,
}
