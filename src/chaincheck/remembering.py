"""What of an answer the cache keeps: evidence that was fetched and found to be what it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaincheck.fetch.cache_entry import Stored
from chaincheck.revocation.attempt import Outcome
from chaincheck.x509.crl import CertificateList

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.diagnosis import Diagnosis
    from chaincheck.fetch.cache import Cache
    from chaincheck.revocation.attempt import Attempt

# Signed by whom it should be, in scope and in time: worth keeping, whatever it says.
_VERIFIED = frozenset(
    {
        Outcome.GOOD, Outcome.GOOD_FOR_SOME, Outcome.REVOKED, Outcome.ON_HOLD, Outcome.REMOVED, Outcome.UNKNOWN,
        Outcome.EXPIRED_NOT_COVERED,
    }
)  # fmt: skip
UNDATED_LIFE = 12 * 3600  # seconds after which evidence without nextUpdate is asked for again: Windows' default for OCSP


def remember(cache: Cache, diagnosis: Diagnosis) -> None:
    """Keep the evidence of the best path that was verified, or speaks against a certificate; drop what turned out not to be believed."""
    path = diagnosis.path
    if path is None or not path.complete:
        return
    judged = {(each.origin, each.kind, each.source, each.sha256): each for each in _attempts(diagnosis)}
    sources = {(kind, source) for _, kind, source, _ in judged}
    for response in diagnosis.responses:
        request = response.request
        if not response.ok or request.kind == "aia" or (request.kind, request.url) not in sources:
            continue
        stored = Stored(
            body=response.body,
            this_update_s=0,
            next_update_s=None,
            received_at=response.received_at,
            refresh_at=response.refresh_at,
            etag=response.etag,
            last_modified=response.last_modified,
        )
        attempt = judged.get(("cache" if request.cached else "fetched", request.kind, request.url, stored.sha256))
        if attempt is None:
            continue
        if request.cached:
            if attempt.outcome is Outcome.INVALID and attempt.against is None:
                cache.reject(request.key, stored.sha256)
        elif attempt.outcome in _VERIFIED or attempt.against is not None:
            # What speaks against a certificate is kept also where it may not be used: without it a later answer would be a better one.
            cache.put(request.key, _dated(stored, attempt))


def _attempts(diagnosis: Diagnosis) -> Iterator[Attempt]:
    for status in diagnosis.revocation:
        yield from status.attempts


def _dated(stored: Stored, attempt: Attempt) -> Stored:
    from dataclasses import replace

    crl = CertificateList(stored.body) if attempt.kind == "crl" else None
    moments = [stored.refresh_at, crl.next_publish_s if crl is not None else None]
    refresh_at = min((each for each in moments if each is not None), default=None)
    if refresh_at is None and attempt.next_update_s is None:
        refresh_at = stored.received_at + UNDATED_LIFE
    this_update_s = attempt.this_update_s or (crl.this_update_s if crl is not None else 0)
    return replace(stored, this_update_s=this_update_s, next_update_s=attempt.next_update_s, refresh_at=refresh_at)
