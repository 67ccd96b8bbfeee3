"""When evidence counts: thisUpdate and nextUpdate, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chaincheck.revocation.attempt import Attempt, Outcome, Reason

if TYPE_CHECKING:
    from chaincheck.revocation.evidence import Evidence
    from chaincheck.revocation.target import Context, Target

OCSP_LIFE = 12 * 3600  # seconds that a response without nextUpdate counts: the default of Windows


def in_time(
    found: Attempt,
    evidence: Evidence,
    context: Context,
    this_update_s: int,
    next_update_s: int | None,
    *,
    produced_at_s: int | None = None,
    bounds: tuple[int | None, int | None] = (None, None),
) -> Attempt:
    """The attempt as it counts at the moment judged: as it is, or stale, or not yet valid.

    RFC 5280 6.3.3 and RFC 6960 3.2: evidence holds from thisUpdate (and producedAt) to nextUpdate, both included. The skew is allowed
    only for a clock that is ahead, and only for evidence just fetched; nextUpdate counts to the second, as in Windows. A CRL without
    nextUpdate never becomes stale; an OCSP response without it (RFC 6960 4.2.2.1: newer information is always available) does after 12
    hours. ``bounds``: from when until when a signer other than the issuer, already found valid, stays so.
    """
    allowance = context.skew if evidence.received_at is not None else 0
    begins = max(this_update_s, produced_at_s if produced_at_s is not None else this_update_s) - allowance
    ends = next_update_s
    if ends is None and evidence.kind == "ocsp":
        ends = this_update_s + OCSP_LIFE
    outcome: Outcome = found.outcome
    says: Outcome | None = None
    if next_update_s is not None and next_update_s < this_update_s:
        return replace(
            found,
            outcome=Outcome.INVALID,
            detail=Reason.BACKWARDS,
            says=found.outcome,
            this_update_s=this_update_s,
            next_update_s=next_update_s,
        )
    stale = ends is not None and context.at > ends
    early = context.at < begins
    if bounds[0] is not None:
        begins = max(begins, bounds[0])
    if bounds[1] is not None:
        ends = bounds[1] if ends is None else min(ends, bounds[1])
    if early or stale:
        outcome, says = Outcome.NOT_YET_VALID if early else Outcome.STALE, found.outcome
    return replace(
        found,
        outcome=outcome,
        says=says,
        this_update_s=this_update_s,
        next_update_s=next_update_s,
        usable_from_s=begins,
        usable_until_s=ends,
    )


def covers_expired(target: Target, context: Context, this_update_s: int, covered_from_s: int | None) -> bool:
    """Whether evidence that does not list the certificate says something about it.

    CAs may drop expired certificates from CRLs (RFC 5280 3.3) and from what a responder knows, unless the evidence promises otherwise
    (expiredCertsOnCRL, archive cutoff: RFC 6960 4.4.4), or was made before the certificate expired.
    """
    expiry = target.certificate.not_after_s
    if expiry is None or context.at <= expiry or this_update_s <= expiry:
        return True
    return covered_from_s is not None and covered_from_s <= expiry
