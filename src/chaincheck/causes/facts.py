"""The typed details of each cause: one small frozen class per code.

Fields hold only str, int, bool, aware UTC datetime, None and tuples of str, so that facts compare, pickle and become JSON as they are.
Certificates are named by their one-line names, serial numbers (hex) and SHA-256 fingerprints (hex).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - dataclasses.fields() users resolve the annotation

from chaincheck.causes.codes import CauseCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The base of all facts; on its own, for a cause that needs no details."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMismatchFacts(Facts):
    """The key's SHA-256 of its SubjectPublicKeyInfo, the certificate's, and which presented certificate the key does match."""

    key_sha256: str
    certificate_key_sha256: str
    matches: str | None = None
    matches_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUnusableFacts(Facts):
    """Why the key cannot be used, in words."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedFacts(Facts):
    """The first fault and how many there are: byte offset in the DER, the field, and what is wrong there."""

    offset: int
    field: str
    reason: str
    faults: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DistrustedFacts(Facts):
    """Which store distrusts it, matched by certificate or by key."""

    store: str
    matched_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UntrustedRootFacts(Facts):
    """The root that ends the path, where it came from (presented, client_auth_issuers, ...), and the store that lacks it.

    ``on_demand``: the list of Microsoft's root program has it, so that Windows may install it when a chain needs it.
    """

    root: str
    root_sha256: str
    found_in: str
    store: str
    on_demand: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerNotFoundFacts(Facts):
    """The issuer that was found nowhere: its name and key identifier (hex), the store judged, and near misses.

    ``near_misses`` are fingerprints of certificates of that name whose key does not fit.
    """

    issuer: str
    key_identifier: str | None
    store: str
    near_misses: tuple[str, ...] = ()
    ca_issuers_urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IntermediateMissingFacts(Facts):
    """The intermediate that is missing, the store judged, and where one that fits was seen."""

    issuer: str
    key_identifier: str | None
    store: str
    found_in: str | None = None
    found_sha256: str | None = None
    ca_issuers_urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MisplacedFacts(Facts):
    """A certificate in the wrong compartment: where it is and where it belongs.

    ``sha256`` is None for one that is known from a listing only, by its ``sha1``. ``group_policy``: group policy put it there.
    """

    name: str
    sha256: str | None
    found_in: str
    belongs_in: str
    store: str
    on_path: bool = True
    sha1: str | None = None
    group_policy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredFacts(Facts):
    """The last second at which the certificate held, and the moment judged."""

    not_after: datetime
    checked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiresSoonFacts(Facts):
    """The last second at which the certificate holds, the moment judged, and how many seconds before its end the caller wants to know."""

    not_after: datetime
    checked_at: datetime
    warn_before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotYetValidFacts(Facts):
    """The first second at which the certificate holds, the moment judged, and whether a wrong clock is the likely reason."""

    not_before: datetime
    checked_at: datetime
    seconds_early: int
    clock_suspect: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokedFacts(Facts):
    """Serial (hex), moment and reason (RFC 5280 5.3.1 name) of the revocation; the evidence that says so.

    ``invalidity_at``: from when on the CA does not vouch for the key (RFC 5280 5.3.2), where it says. ``relative``: the evidence is signed
    by a key of a path without a trust anchor.
    """

    serial: str
    revoked_at: datetime
    reason: str | None
    evidence: str
    source: str
    invalidity_at: datetime | None = None
    relative: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContradictedFacts(Facts):
    """Two pieces of evidence (ocsp or crl) with their sources: the first says good; the later one decides, and says revoked or on hold."""

    evidence: str
    source: str
    decisive_evidence: str
    decisive_source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreachableFacts(Facts):
    """What was tried in vain: kind of evidence (ocsp, crl), URL, outcome, and the error in words."""

    evidence: str
    url: str
    outcome: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleFacts(Facts):
    """Evidence whose nextUpdate has passed."""

    evidence: str
    source: str
    next_update: datetime
    checked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceNotYetValidFacts(Facts):
    """Evidence whose thisUpdate lies in the future."""

    evidence: str
    source: str
    this_update: datetime
    checked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceInvalidFacts(Facts):
    """Evidence that cannot be believed: what is wrong with its signature, signer or structure."""

    evidence: str
    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfScopeFacts(Facts):
    """Evidence that does not speak about this certificate."""

    evidence: str
    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownStatusFacts(Facts):
    """A responder that does not know the certificate, or that answered with an error."""

    evidence: str
    source: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFetchedFacts(Facts):
    """Sources that were named but not asked, and why not."""

    urls: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedKeyUsageFacts(Facts):
    """The usages the certificate allows and the one that is needed (dotted OIDs)."""

    allowed: tuple[str, ...]
    needed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUsageFacts(Facts):
    """The key usages the certificate allows and those of which one is needed."""

    allowed: tuple[str, ...]
    needed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BadSignatureFacts(Facts):
    """The signature algorithm, and the issuer whose key does not verify the signature."""

    algorithm: str
    issuer: str
    issuer_sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgorithmFacts(Facts):
    """An algorithm by its name or dotted OID."""

    algorithm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakKeyFacts(Facts):
    """Algorithm and size in bits of the key, and the smallest size the rules take."""

    algorithm: str
    bits: int
    minimum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotACAFacts(Facts):
    """Why the certificate may not issue others: no basicConstraints, cA false, version 1."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathTooLongFacts(Facts):
    """How many intermediate certificates may follow, and how many do (self-issued ones not counted)."""

    allowed: int
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionFacts(Facts):
    """An extension by its dotted OID."""

    oid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NameNotPermittedFacts(Facts):
    """The name that is outside the constraint, its form, and the constraint."""

    name: str
    form: str
    constraint: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFacts(Facts):
    """Which policy rule is not met."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFacts(Facts):
    """A rule of the certificate profile that is broken: its stable id, where it stands ("RFC 5280 section 4.2.1.1"), and the field."""

    rule: str
    section: str
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchCutFacts(Facts):
    """Which budget ran out, and its size."""

    budget: str
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedMemberFacts(Facts):
    """A member of a store, bundle or folder that could not be read."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeMovedFacts(Facts):
    """The moment judged instead of now."""

    checked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerNotAcceptedFacts(Facts):
    """The root that ends the path, the store that says which issuers are accepted, the names in it, and the ClientAuthTrustMode."""

    root: str
    root_sha256: str
    source: str
    mode: int
    accepted: tuple[str, ...]
    store: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateFacts(Facts):
    """A CA certificate that is in several places, or beside another of the same name and key (``twin_sha256``)."""

    name: str
    sha256: str
    places: tuple[str, ...]
    store: str
    twin_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsEndsInFrontFacts(Facts):
    """The place asked for, as IIS names it, and whether IIS itself demands a certificate there."""

    path: str
    requires: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingFacts(Facts):
    """The binding of http.sys, by its address and port."""

    binding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementFacts(Facts):
    """The place that demands a certificate with its sslFlags, and the place above it that does not, with its."""

    path: str
    flags: tuple[str, ...]
    above: str
    above_flags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LateRequestFacts(Facts):
    """The binding that asks late, and the protocols of the connection under which nobody can ask late ("TLS 1.3", "HTTP/2")."""

    binding: str
    protocols: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenegotiationFacts(Facts):
    """The binding that asks late, and the client that does not renegotiate."""

    binding: str
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyFacts(Facts):
    """The size of the body and uploadReadAheadSize, both in bytes."""

    sends: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingsDifferFacts(Facts):
    """The bindings of which one answers, and the settings in which they differ."""

    bindings: tuple[str, ...]
    settings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerListFacts(Facts):
    """The store whose names are sent, how many there are, and the issuers of the client's chain, none of which is among them."""

    source: str
    listed: int
    issuers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerListSizeFacts(Facts):
    """The store whose names make the list, their number, the size of the list and its limit in bytes, and whether it is sent."""

    source: str
    listed: int
    size: int
    limit: int
    sent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientIntermediateFacts(Facts):
    """The intermediate that the client's own stores lack, and the kind of client."""

    issuer: str
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFacts(Facts):
    """The kind of client."""

    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFacts(Facts):
    """The size of what the client sends and MessageLimitServerClientAuth, both in bytes."""

    size: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFacts(Facts):
    """By how many seconds the server's clock is wrong, and in which direction ("ahead", "behind")."""

    seconds: int
    direction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingFacts(Facts):
    """The place of the mapping section, as IIS names it, and what is wrong there."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NTAuthFacts(Facts):
    """The issuing CA that the NTAuth store does not have."""

    issuer: str
    issuer_sha256: str


FACTS: dict[CauseCode, type[Facts]] = {
    CauseCode.NO_CERTIFICATE: Facts,
    CauseCode.NO_PRIVATE_KEY: Facts,
    CauseCode.PRIVATE_KEY_MISMATCH: KeyMismatchFacts,
    CauseCode.PRIVATE_KEY_UNUSABLE: KeyUnusableFacts,
    CauseCode.MALFORMED: MalformedFacts,
    CauseCode.DISTRUSTED: DistrustedFacts,
    CauseCode.UNTRUSTED_ROOT: UntrustedRootFacts,
    CauseCode.ISSUER_NOT_FOUND: IssuerNotFoundFacts,
    CauseCode.INTERMEDIATE_MISSING: IntermediateMissingFacts,
    CauseCode.ROOT_IN_WRONG_STORE: MisplacedFacts,
    CauseCode.NOT_SELF_SIGNED_IN_ROOT: MisplacedFacts,
    CauseCode.ISSUER_NOT_ACCEPTED: IssuerNotAcceptedFacts,
    CauseCode.DUPLICATE_IN_STORE: DuplicateFacts,
    CauseCode.TLS_ENDS_IN_FRONT: TlsEndsInFrontFacts,
    CauseCode.CONNECTIONS_REJECTED: BindingFacts,
    CauseCode.REQUIRED_ONLY_HERE: RequirementFacts,
    CauseCode.LATE_CERTIFICATE_REQUEST: LateRequestFacts,
    CauseCode.RENEGOTIATION_REFUSED: RenegotiationFacts,
    CauseCode.BODY_TOO_LARGE: BodyFacts,
    CauseCode.BINDINGS_DIFFER: BindingsDifferFacts,
    CauseCode.ISSUER_NOT_LISTED: IssuerListFacts,
    CauseCode.ISSUER_LIST_TOO_LONG: IssuerListSizeFacts,
    CauseCode.CLIENT_LACKS_INTERMEDIATE: ClientIntermediateFacts,
    CauseCode.CLIENT_OFFERS_NOTHING: ClientFacts,
    CauseCode.HANDSHAKE_MESSAGE_TOO_LONG: MessageFacts,
    CauseCode.SERVER_CLOCK_WRONG: ClockFacts,
    CauseCode.MAPPING_ENTRY_DAMAGED: MappingFacts,
    CauseCode.MAPPING_IGNORED: MappingFacts,
    CauseCode.MAPPING_MISSING: MappingFacts,
    CauseCode.ISSUER_NOT_IN_NTAUTH: NTAuthFacts,
    CauseCode.NO_STRONG_MAPPING: Facts,
    CauseCode.EXPIRED: ExpiredFacts,
    CauseCode.EXPIRES_SOON: ExpiresSoonFacts,
    CauseCode.NOT_YET_VALID: NotYetValidFacts,
    CauseCode.REVOKED: RevokedFacts,
    CauseCode.ON_HOLD: RevokedFacts,
    CauseCode.REVOCATION_UNREACHABLE: UnreachableFacts,
    CauseCode.REVOCATION_STALE: StaleFacts,
    CauseCode.REVOCATION_NOT_YET_VALID: EvidenceNotYetValidFacts,
    CauseCode.REVOCATION_EVIDENCE_INVALID: EvidenceInvalidFacts,
    CauseCode.REVOCATION_OUT_OF_SCOPE: OutOfScopeFacts,
    CauseCode.REVOCATION_CONTRADICTED: ContradictedFacts,
    CauseCode.REVOCATION_UNKNOWN: UnknownStatusFacts,
    CauseCode.REVOCATION_NOTHING_TO_CHECK: Facts,
    CauseCode.REVOCATION_REFUSED_BY_PROXY: UnreachableFacts,
    CauseCode.REVOCATION_REFUSED_BY_GUARD: UnreachableFacts,
    CauseCode.REVOCATION_NOT_FETCHED: NotFetchedFacts,
    CauseCode.WRONG_EXTENDED_KEY_USAGE: ExtendedKeyUsageFacts,
    CauseCode.ANY_EXTENDED_KEY_USAGE: ExtendedKeyUsageFacts,
    CauseCode.WRONG_KEY_USAGE: KeyUsageFacts,
    CauseCode.BAD_SIGNATURE: BadSignatureFacts,
    CauseCode.WEAK_SIGNATURE: AlgorithmFacts,
    CauseCode.WEAK_KEY: WeakKeyFacts,
    CauseCode.ALGORITHM_UNSUPPORTED_HERE: AlgorithmFacts,
    CauseCode.NOT_A_CA: NotACAFacts,
    CauseCode.PATH_TOO_LONG: PathTooLongFacts,
    CauseCode.NAME_NOT_PERMITTED: NameNotPermittedFacts,
    CauseCode.POLICY_NOT_SATISFIED: PolicyFacts,
    CauseCode.UNKNOWN_CRITICAL_EXTENSION: ExtensionFacts,
    CauseCode.CONSTRAINT_NOT_JUDGED: ExtensionFacts,
    CauseCode.SEARCH_CUT: SearchCutFacts,
    CauseCode.PROFILE_VIOLATION: ProfileFacts,
    CauseCode.TIME_MOVED: TimeMovedFacts,
    CauseCode.DAMAGED_MEMBER: DamagedMemberFacts,
}
