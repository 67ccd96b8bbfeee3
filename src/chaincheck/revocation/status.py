"""The decision: what all evidence together says about one certificate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from chaincheck.revocation.attempt import Attempt, Outcome, Reason, failed
from chaincheck.revocation.causes import contradiction, nothing_to_check, refusal, shortcomings
from chaincheck.revocation.crl import Judged, continues, judge_crl, readable
from chaincheck.revocation.ocsp import judge_ocsp
from chaincheck.revocation.sources import Address, addresses, deltas_of, unaddressed
from chaincheck.x509.extensions import ALL_REASONS, FRESHEST_CRL
from chaincheck.x509.name import Name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from chaincheck.causes.cause import Cause
    from chaincheck.revocation.evidence import Evidence
    from chaincheck.revocation.target import Context, Target
    from chaincheck.x509.certificate import Certificate


class Status(StrEnum):
    """What is known. UNKNOWN: nothing decides; NOTHING_TO_CHECK: the certificate names no source and no evidence speaks about it."""

    GOOD = "good"
    REVOKED = "revoked"
    ON_HOLD = "on-hold"
    UNKNOWN = "unknown"
    NOTHING_TO_CHECK = "nothing-to-check"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationStatus:
    """The revocation status of one certificate of one path.

    ``decided_by`` is the attempt that decided, one of ``attempts``: every source tried, in Windows' order; ``deciding`` are all that say
    so. ``causes`` explain what
    refuses, or why nothing is known. From ``holds_from`` to ``holds_until`` (seconds since 1970 UTC, both included, None: no bound) the
    same evidence says the same. ``irrelevant``: SHA-256 (hex) of the evidence that speaks about certificates of other issuers only.
    """

    certificate: Certificate
    status: Status
    decided_by: Attempt | None
    deciding: tuple[Attempt, ...]
    attempts: tuple[Attempt, ...]
    causes: tuple[Cause, ...]
    holds_from: int | None
    holds_until: int | None
    irrelevant: tuple[str, ...]

    @property
    def decided(self) -> bool:
        """Whether asking further sources can be left out."""
        return self.status in (Status.GOOD, Status.REVOKED, Status.ON_HOLD)


def judge(target: Target, evidence: Iterable[Evidence], context: Context, failures: Sequence[Attempt] = ()) -> RevocationStatus:
    """Judge all evidence together; never raises for what it contains, and its order does not matter.

    A revocation wins over a good status, also where its evidence is stale: it cannot be undone. A certificateHold wins only as long as
    nothing later says otherwise (RFC 5280 5.3.1: only a hold is reversible). What is signed as it should be and says revoked or on hold,
    but may not be used (not yet valid, a critical extension that is not understood, a stale hold), decides nothing and lets nothing good
    decide.
    ``failures`` are sources that gave no evidence, see ``attempt.failed``; a source that the certificate names and that does not appear
    at all is said to be not asked.
    """
    evidence = tuple(evidence)
    named = addresses(target.certificate)
    every = (*named, *published_deltas(target.certificate, evidence))
    attempts, irrelevant = _attempts(target, evidence, context, every)
    attempts += failures
    attempts.sort(key=_order(every))
    status, decided_by, deciding = _decide(attempts, context)
    doubts = deciding if status is Status.UNKNOWN else []
    if status is Status.UNKNOWN:
        elsewhere = () if named else unaddressed(target.certificate)
        if not any(each.outcome in _GOOD for each in attempts):
            attempts += _not_asked(attempts, named)
            attempts += [failed(kind, source, "not-fetched", Reason.NO_ADDRESS) for kind, source in elsewhere]
        if not named and not elsewhere and all(each.unattributed and each.origin == "store" for each in attempts):
            status = Status.NOTHING_TO_CHECK
    causes = []
    if decided_by is not None and status is not Status.GOOD:
        causes = [refusal(decided_by, target, context), *contradiction(attempts, decided_by, target)]
    causes += shortcomings(
        attempts, target, context, decided=decided_by is not None and decided_by.outcome is not Outcome.STALE, doubts=doubts
    )
    if status is Status.NOTHING_TO_CHECK:
        causes.append(nothing_to_check(target, context))
    holds_from, holds_until = _holds(status, attempts, deciding, context)
    return RevocationStatus(
        certificate=target.certificate,
        status=status,
        decided_by=decided_by,
        deciding=tuple(deciding) if decided_by is not None else (),
        attempts=tuple(attempts),
        causes=tuple(causes),
        holds_from=holds_from,
        holds_until=holds_until,
        irrelevant=tuple(sorted(irrelevant)),
    )


def lacks_delta(status: RevocationStatus) -> bool:
    """Whether all that decides are CRLs with a delta CRL beside them that is not at hand."""
    lacking = [Reason.DELTA_MISSING in each.notes for each in status.deciding]
    # CRLs for some reasons decide all of them together, others each alone
    together = any(each.outcome is Outcome.GOOD_FOR_SOME for each in status.deciding)
    return any(lacking) if together else bool(lacking) and all(lacking)


def published_deltas(certificate: Certificate, evidence: Sequence[Evidence]) -> tuple[Address, ...]:
    """Where the certificate, and the CRLs of its issuer or of those it names, say that delta CRLs are."""
    found = dict.fromkeys(deltas_of(certificate))
    issuers = {certificate.issuer.normalised}
    for point in certificate.crl_distribution_points:
        issuers |= {name.value.normalised for name in point.crl_issuer if isinstance(name.value, Name)}
    for each in evidence:
        if each.kind == "crl" and (crl := readable(each)) is not None and crl.issuer.normalised in issuers:
            found |= dict.fromkeys(deltas_of(crl))
    return tuple(found)


def _attempts(target: Target, evidence: Sequence[Evidence], context: Context, named: tuple[Address, ...]) -> tuple[list[Attempt], set[str]]:
    lists, found, irrelevant = [], [], set()
    for each in evidence:
        if each.kind == "crl":
            lists.append(each)
        elif (attempt := judge_ocsp(each, target, context, own=_is_own(each, named))) is not None:
            found.append((each, attempt))
        else:
            irrelevant.add(each.sha256)
    complete, deltas = _judged_lists(target, lists, context, named, irrelevant)
    found += [(each, attempt if judged is None else _with_deltas(judged, deltas, target)) for each, attempt, judged in complete]
    found += [(each, attempt) for each, attempt, _ in deltas]
    distinct: dict[tuple[str, ...], Attempt] = {}
    for each, attempt in found:
        vain = not context.anchored and attempt.outcome in (*_GOOD, Outcome.GOOD_FOR_SOME)
        told = replace(attempt, notes=(*attempt.notes, Reason.RELATIVE_TO_PATH)) if vain else attempt
        distinct[each.kind, each.origin, each.source, each.sha256, str(each.received_at)] = told
    return list(distinct.values()), irrelevant


def _is_own(evidence: Evidence, named: tuple[Address, ...]) -> bool:
    """Whether it was fetched from a source that the certificate itself names."""
    return evidence.was_fetched and any(each.kind == evidence.kind and each.url == evidence.source for each in named)


_Lists = list[tuple["Evidence", Attempt, "Judged | None"]]


def _judged_lists(
    target: Target, lists: list[Evidence], context: Context, named: tuple[Address, ...], irrelevant: set[str]
) -> tuple[_Lists, _Lists]:
    """All CRLs judged: the complete ones, then the deltas, which may continue one of them (RFC 5280 5.2.4)."""
    judged: tuple[_Lists, _Lists] = [], []
    bases: list[Judged] = []
    for deltas in (False, True):
        for each in lists:
            if ((read := readable(each)) is not None and read.is_delta) is not deltas:
                continue
            found = judge_crl(each, target, context, own=_is_own(each, named), bases=bases if deltas else ())
            if found is None:
                irrelevant.add(each.sha256)
            else:
                judged[deltas].append((each, *found))
        bases = [found for _, _, found in judged[False] if found is not None]
    return judged


def _with_deltas(base: Judged, deltas: _Lists, target: Target) -> Attempt:
    """What a complete CRL says, as long as the deltas that are published beside it say so too."""
    attempt = base.attempt
    if attempt.outcome not in _CONTINUED:
        return attempt
    fitting = [said for _, said, judged in deltas if judged is not None and continues(judged.crl, judged.key, base)]
    current = [each for each in fitting if each.outcome in _CONTINUED or each.outcome is Outcome.REVOKED]
    if current:
        ends = [each.usable_until_s for each in (*current, attempt) if each.usable_until_s is not None]
        begins = [each.usable_from_s for each in (*current, attempt) if each.usable_from_s is not None]
        return replace(attempt, usable_from_s=max(begins, default=None), usable_until_s=min(ends, default=None))
    if base.crl.extension(FRESHEST_CRL) or target.certificate.extension(FRESHEST_CRL):
        return replace(attempt, notes=(*attempt.notes, Reason.DELTA_MISSING))
    return attempt


_GOOD = frozenset({Outcome.GOOD, Outcome.REMOVED})
_CONTINUED = frozenset({*_GOOD, Outcome.GOOD_FOR_SOME, Outcome.ON_HOLD, Outcome.EXPIRED_NOT_COVERED})
_ORIGINS = {"supplied": 0, "cache": 1, "store": 2, "fetched": 3}


def _order(named: tuple[Address, ...]) -> Callable[[Attempt], tuple[int, int, str, str, str, str, str]]:
    """Windows' order: supplied, from the cache, from the store, then the certificate's own sources as it names them; ties by content."""
    places = {(each.kind, each.url): place for place, each in enumerate(named)}

    def key(attempt: Attempt) -> tuple[int, int, str, str, str, str, str]:
        place = places.get((attempt.kind, attempt.source), len(places)) if attempt.origin in ("fetched", "cache") else 0
        return _ORIGINS[attempt.origin], place, attempt.kind, attempt.source, attempt.sha256 or "", attempt.failure, attempt.detail

    return key


def _decide(attempts: list[Attempt], context: Context) -> tuple[Status, Attempt | None, list[Attempt]]:
    """The status, the attempt to name for it, and all that say so."""

    def saying(*outcomes: Outcome) -> list[Attempt]:
        return [each for each in attempts if each.outcome in outcomes]

    if revoked := saying(Outcome.REVOKED):
        return Status.REVOKED, _newest(revoked), revoked
    if past := [each for each in saying(Outcome.STALE) if each.says is Outcome.REVOKED]:
        return Status.REVOKED, _newest(past), past
    holds, goods, partly = saying(Outcome.ON_HOLD), saying(*_GOOD), saying(Outcome.GOOD_FOR_SOME)
    last = max((each.this_update_s or 0 for each in attempts if _held(each)), default=None)
    if last is not None:
        goods = [each for each in goods if (each.this_update_s or 0) > last]
        partly = [each for each in partly if (each.this_update_s or 0) > last]
    if not goods and frozenset().union(*(each.reasons for each in partly)) == ALL_REASONS:  # RFC 5280 6.3.3: reasons_mask
        goods = partly
    if holds and not goods:
        return Status.ON_HOLD, _newest(holds), holds
    doubts = [each for each in attempts if _leaves_a_doubt(each, context) or (_held(each) and each.outcome is Outcome.STALE and not goods)]
    if doubts:
        return Status.UNKNOWN, None, doubts
    if goods and context.anchored:
        if goods is not partly:  # a CRL that lacks its delta decides only where there is none that does not
            goods = [each for each in goods if Reason.DELTA_MISSING not in each.notes] or goods
        return Status.GOOD, _newest(goods), goods
    return Status.UNKNOWN, None, []


def _held(attempt: Attempt) -> bool:
    return attempt.outcome is Outcome.ON_HOLD or (attempt.outcome is Outcome.STALE and attempt.says is Outcome.ON_HOLD)


def _leaves_a_doubt(attempt: Attempt, context: Context) -> bool:
    """Whether it is signed as it should be and says revoked or on hold, but may not be used."""
    if attempt.against is None:
        return False
    if attempt.outcome is Outcome.NOT_YET_VALID:
        return not _later(attempt, context)
    return attempt.outcome is Outcome.INVALID


def _later(attempt: Attempt, context: Context) -> bool:
    """Whether it says itself that the certificate was not yet revoked at the moment judged."""
    return attempt.revoked_at_s is not None and attempt.revoked_at_s > context.at + context.skew


def _newest(attempts: list[Attempt]) -> Attempt:
    """The newest statement; the first source of several."""
    return max(attempts, key=lambda each: each.this_update_s or 0)


def _not_asked(attempts: list[Attempt], named: tuple[Address, ...]) -> list[Attempt]:
    tried = {(each.kind, each.source) for each in attempts}
    return [
        failed(each.kind, each.url, "not-fetched", Reason.NOT_ASKED if each.supported else Reason.UNSUPPORTED_SCHEME)
        for each in named
        if (each.kind, each.url) not in tried
    ]


def _holds(status: Status, attempts: list[Attempt], deciding: list[Attempt], context: Context) -> tuple[int | None, int | None]:
    """From when until when the same evidence gives the same status."""
    own_lower = [each.signer_from_s for each in attempts if each.signer_from_s is not None]
    own_upper = [each.signer_until_s for each in attempts if each.signer_until_s is not None]
    if status is Status.UNKNOWN:
        deciding = []
    begins = [each.usable_from_s for each in deciding if each.usable_from_s is not None]
    ends = [each.usable_until_s for each in deciding]
    if status is Status.REVOKED:  # for good: it stays so when the evidence becomes stale
        return max([*own_lower, *([min(begins)] if begins else [])], default=None), min(own_upper, default=None)
    if any(each.outcome is Outcome.GOOD_FOR_SOME for each in deciding):  # all of them together
        lower, upper = own_lower + begins, own_upper + [end for end in ends if end is not None]
    else:  # any of them
        lower = own_lower + ([min(begins)] if begins else [])
        upper = own_upper + ([max(end for end in ends if end is not None)] if ends and None not in ends else [])
    # What has passed, and what is to come, could have said, or could say, otherwise.
    lower += [each.usable_until_s + 1 for each in attempts if each.outcome is Outcome.STALE and each.usable_until_s is not None]
    upper += [each.usable_from_s - 1 for each in attempts if each.outcome is Outcome.NOT_YET_VALID and each.usable_from_s is not None]
    for each in attempts:  # from when on evidence to come lets nothing good decide
        if each.outcome is Outcome.NOT_YET_VALID and each.against is not None and each.revoked_at_s is not None:
            since = each.revoked_at_s - context.skew
            (upper if since > context.at else lower).append(since - 1 if since > context.at else since)
    if status is Status.UNKNOWN or status is Status.ON_HOLD:
        usable = [each for each in attempts if each.outcome in _STATEMENTS]
        lower += [each.usable_from_s for each in usable if each.usable_from_s is not None]
        upper += [each.usable_until_s for each in usable if each.usable_until_s is not None]
    return max(lower, default=None), min(upper, default=None)


_STATEMENTS = frozenset(
    {Outcome.GOOD, Outcome.GOOD_FOR_SOME, Outcome.REMOVED, Outcome.ON_HOLD, Outcome.UNKNOWN, Outcome.EXPIRED_NOT_COVERED}
)


def about_nobody(statuses: Sequence[RevocationStatus], evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """The evidence supplied that speaks about none of these certificates, by SHA-256: worth a note, since somebody thought it would."""
    unused = set.intersection(*(set(each.irrelevant) for each in statuses)) if statuses else set()
    distinct = {each.sha256: each for each in evidence if each.origin == "supplied" and each.sha256 in unused}
    return tuple(distinct[digest] for digest in sorted(distinct))
