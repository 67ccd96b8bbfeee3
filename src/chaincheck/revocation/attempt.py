"""What came of one source of revocation information."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from chaincheck.x509.extensions import ALL_REASONS

if TYPE_CHECKING:
    from chaincheck.revocation.evidence import Evidence, Kind, Origin
    from chaincheck.x509.certificate import Certificate


class Outcome(StrEnum):
    """What one piece of evidence says, or why it says nothing."""

    GOOD = "good"
    GOOD_FOR_SOME = "good-for-some-reasons"  # not revoked for the reasons that the CRL covers
    REVOKED = "revoked"
    ON_HOLD = "on-hold"
    REMOVED = "removed"  # removeFromCRL: not revoked any longer
    STALE = "stale"
    NOT_YET_VALID = "not-yet-valid"
    INVALID = "invalid"
    UNSUPPORTED = "unsupported"  # signed with an algorithm this build cannot verify
    OUT_OF_SCOPE = "out-of-scope"
    EXPIRED_NOT_COVERED = "expired-not-covered"  # says nothing of certificates that have expired, as this one has
    UNKNOWN = "unknown"
    UNREACHABLE = "unreachable"
    REFUSED_BY_PROXY = "refused-by-proxy"
    REFUSED_BY_GUARD = "refused-by-guard"
    NOT_FETCHED = "not-fetched"


class Reason(StrEnum):
    """Why evidence is not believed or not in scope. A closed set, so that every language can have its own words for each."""

    # not believed
    SIGNATURE = "its signature does not fit the key of the issuer"
    SIGNER_NOT_FOUND = "no certificate of its issuer is known"
    SIGNER_UNTRUSTED = "it is signed with another key of the issuer's name, and no valid path leads from that key to the same trust anchor"
    NO_CRL_SIGN = "the key usage of its signer does not allow signing CRLs"
    BROKEN_HASH = "it is signed with a hash algorithm for which forgeries can be made"
    CRITICAL_EXTENSION = "it has a critical extension that is not understood here"
    CRITICAL_ENTRY_EXTENSION = "an entry has a critical extension that is not understood here"
    ENTRY_ISSUER = "an entry names the issuer of the certificate, which only an indirect CRL may do"
    BACKWARDS = "its nextUpdate lies before its thisUpdate"
    RESPONSE_TYPE = "it is of another type than a basic OCSP response"
    RESPONDER_NOT_FOUND = "it names a responder that is neither the issuer nor a certificate enclosed in it"
    RESPONDER_NOT_ISSUED = "its responder's certificate is not issued by the key that issued the certificate"
    RESPONDER_USAGE = "its responder's certificate lacks the usage OCSPSigning"
    RESPONDER_KEY_USAGE = "the key usage of its responder's certificate does not allow signatures"
    RESPONDER_EXPIRED = "its responder's certificate has expired"
    RESPONDER_NOT_YET_VALID = "its responder's certificate is not yet valid"
    RESPONDER_MALFORMED = "its responder's certificate is malformed"
    RESPONDER_DISTRUSTED = "its responder's certificate is in the store of certificates that are not trusted"
    RESPONDER_REVOKED = "its responder's certificate is revoked or on hold, or evidence at hand says so"
    RESPONDER_WEAK_KEY = "the key of its responder is shorter than the rules allow"
    RESPONDER_EXTENSION = "its responder's certificate has a critical extension that is not understood here"
    NONCE = "its nonce is not the one that was sent: an old answer was replayed"
    # not in scope
    OTHER_ISSUER = "it speaks about the certificates of another issuer"
    OTHER_CERTIFICATE = "it speaks about another certificate of the issuer"
    ONLY_USER = "it lists end-entity certificates only"
    ONLY_CA = "it lists CA certificates only"
    ONLY_ATTRIBUTE = "it lists attribute certificates only"
    OTHER_DISTRIBUTION_POINT = "it is the part of another distribution point"
    NOT_INDIRECT = "the certificate names its issuer as one of its CRLs, but it does not say that it is an indirect CRL"
    SOME_REASONS = "it covers only some reasons of revocation, and nothing at hand covers the others"
    DELTA_WITHOUT_BASE = "it is a delta CRL, and no valid complete CRL that it continues is at hand"
    DELTA_SUPERSEDED = "it is a delta CRL, and the complete CRL at hand is as new"
    UNUSED_INDIRECT = "it is an indirect CRL, and the server does not use these"
    UNUSED_REASONS = "it, or its distribution point, is limited to some reasons of revocation, and the server does not use such CRLs"
    UNUSED_ISSUER = "its distribution point names a CRL issuer of its own, and the server does not use these"
    UNUSED_RELATIVE = "its distribution point is named relative to its issuer, and the server does not use these"
    # notes
    NO_NEXT_UPDATE = "it has no nextUpdate, so it never becomes stale"
    REMOVED_FROM_COMPLETE = "it lists the certificate as removeFromCRL, which belongs in delta CRLs only"
    RESPONDER_NOT_CHECKED = "whether its responder's own certificate is revoked was not checked"
    RELATIVE_TO_PATH = "it is signed by a key of a path without a trust anchor, so that it proves nothing good"
    DELTA_MISSING = "a delta CRL is published beside it (freshestCRL), and none that continues it is at hand"
    EXPIRED = "the certificate has expired, and this evidence does not say that it still covers expired certificates"
    UNSUPPORTED_SCHEME = "addresses of this kind are not fetched yet"
    NO_ADDRESS = "the distribution point is not an address that can be opened"
    NO_PERMITTED_ISSUER = "no path of issuers that count leads from it to a trust anchor"
    NOT_ASKED = "it was not asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One source and what came of it.

    ``outcome``, with ``detail`` in words where that says more, and ``notes``; ``failure`` is the fetch outcome of a source that gave
    nothing. ``says``: what stale, not yet valid or unusable evidence says. Moments are seconds since 1970 UTC; ``usable_from_s`` and
    ``usable_until_s`` bound the time in which the evidence counts (None: no bound), ``signer_from_s`` and ``signer_until_s`` the time in
    which its signer is judged as he is now, for good or ill. ``revoked_at_s``, ``reason`` (a name of RFC 5280 5.3.1), ``invalidity_s``
    (5.3.2) and ``signer`` where known. ``delta``: it is a delta CRL. ``reasons``: those that a CRL covers. ``unattributed``: it cannot be
    told whom the evidence speaks about.
    """

    kind: Kind
    source: str
    origin: Origin
    outcome: Outcome
    detail: str = ""
    failure: str = ""
    notes: tuple[str, ...] = ()
    sha256: str | None = None
    says: Outcome | None = None
    this_update_s: int | None = None
    next_update_s: int | None = None
    usable_from_s: int | None = None
    usable_until_s: int | None = None
    revoked_at_s: int | None = None
    reason: str | None = None
    signer: Certificate | None = None
    invalidity_s: int | None = None
    delta: bool = False
    reasons: frozenset[str] = ALL_REASONS
    unattributed: bool = False
    signer_from_s: int | None = None
    signer_until_s: int | None = None

    @property
    def against(self) -> Outcome | None:
        """REVOKED or ON_HOLD where it says so, whether or not it counts."""
        said = self.outcome if self.says is None else self.says
        return said if said in (Outcome.REVOKED, Outcome.ON_HOLD) else None


_FETCH_OUTCOMES = {
    "refused-by-guard": Outcome.REFUSED_BY_GUARD,
    "refused-by-proxy": Outcome.REFUSED_BY_PROXY,
    "not-fetched": Outcome.NOT_FETCHED,
}


def failed(kind: Kind, url: str, failure: str, detail: str) -> Attempt:
    """The attempt of a source that gave no evidence; ``failure`` is the fetch outcome: timeout, http-status, not-fetched, ..."""
    outcome = _FETCH_OUTCOMES.get(failure, Outcome.UNREACHABLE)
    return Attempt(kind=kind, source=url, origin="fetched", outcome=outcome, failure=failure, detail=detail)


def concluded(evidence: Evidence, outcome: Outcome, detail: str = "", *, unattributed: bool = False) -> Attempt:
    """The attempt of evidence that says nothing about the status. ``unattributed``: it cannot be told whom it speaks about."""
    return Attempt(
        kind=evidence.kind,
        source=evidence.source,
        origin=evidence.origin,
        outcome=outcome,
        detail=detail,
        sha256=evidence.sha256,
        unattributed=unattributed,
    )
