"""The words of an answer. A value, once released, is never renamed."""

from __future__ import annotations

from enum import StrEnum


class _Word(StrEnum):
    def __bool__(self) -> bool:
        # `if d.verdict:` would be true for REFUSED: the worst kind of bug, so it is not a question one can ask.
        raise TypeError(f"{type(self).__name__} has no truth value: compare it, or use d.accepted")


class Verdict(_Word):
    """ACCEPTED: a path was proven good. REFUSED: no path can be. UNDETERMINED: everything else."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNDETERMINED = "undetermined"


class DocumentedCause(StrEnum):
    """The four causes that Microsoft KB 186812 documents."""

    ROOT_NOT_INSTALLED = "root-not-installed"
    NOT_WITHIN_VALIDITY = "not-within-validity"
    REVOKED = "revoked"
    NO_USABLE_CERTIFICATE = "no-usable-certificate"


class Finding(_Word):
    """What is known of a documented cause. RULED_OUT only for what was positively checked."""

    FOUND = "found"
    RULED_OUT = "ruled-out"
    NOT_CHECKED = "not-checked"


class Gate(StrEnum):
    """Where a refusal is decided, in the order in which a server decides."""

    REQUEST = "request"
    OFFER = "offer"
    CHAIN = "chain"
    VALIDITY = "validity"
    MAPPING = "mapping"


class Severity(StrEnum):
    """FATAL refuses; WARNING does not refuse here but may elsewhere; NOTE explains."""

    FATAL = "fatal"
    WARNING = "warning"
    NOTE = "note"


class Role(StrEnum):
    """Which element a cause speaks about."""

    SUBJECT = "subject"
    INTERMEDIATE = "intermediate"
    ANCHOR = "anchor"
    SIGNER = "signer"
    STORE = "store"
    SERVER = "server"
    CLIENT = "client"


class CauseCode(StrEnum):
    """Every reason chaincheck can name."""

    # whether the server asks for a certificate, and can still ask
    TLS_ENDS_IN_FRONT = "tls-ends-in-front"
    CONNECTIONS_REJECTED = "connections-rejected"
    REQUIRED_ONLY_HERE = "required-only-here"
    LATE_CERTIFICATE_REQUEST = "late-certificate-request"
    RENEGOTIATION_REFUSED = "renegotiation-refused"
    BODY_TOO_LARGE = "body-too-large"
    BINDINGS_DIFFER = "bindings-differ"
    # what the client makes of the request
    ISSUER_NOT_LISTED = "issuer-not-listed"
    ISSUER_LIST_TOO_LONG = "issuer-list-too-long"
    CLIENT_LACKS_INTERMEDIATE = "client-lacks-intermediate"
    CLIENT_OFFERS_NOTHING = "client-offers-nothing"
    HANDSHAKE_MESSAGE_TOO_LONG = "handshake-message-too-long"
    # certificate and key
    NO_CERTIFICATE = "no-certificate"
    NO_PRIVATE_KEY = "no-private-key"
    PRIVATE_KEY_MISMATCH = "private-key-mismatch"
    PRIVATE_KEY_UNUSABLE = "private-key-unusable"
    MALFORMED = "malformed"
    # trust
    DISTRUSTED = "distrusted"
    UNTRUSTED_ROOT = "untrusted-root"
    ISSUER_NOT_FOUND = "issuer-not-found"
    INTERMEDIATE_MISSING = "intermediate-missing"
    ROOT_IN_WRONG_STORE = "root-in-wrong-store"
    NOT_SELF_SIGNED_IN_ROOT = "not-self-signed-in-root"
    ISSUER_NOT_ACCEPTED = "issuer-not-accepted"
    DUPLICATE_IN_STORE = "duplicate-in-store"
    # dates
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRES_SOON = "expires-soon"
    SERVER_CLOCK_WRONG = "server-clock-wrong"
    # revocation
    REVOKED = "revoked"
    ON_HOLD = "on-hold"
    REVOCATION_UNREACHABLE = "revocation-unreachable"
    REVOCATION_STALE = "revocation-stale"
    REVOCATION_NOT_YET_VALID = "revocation-not-yet-valid"
    REVOCATION_EVIDENCE_INVALID = "revocation-evidence-invalid"
    REVOCATION_OUT_OF_SCOPE = "revocation-out-of-scope"
    REVOCATION_UNKNOWN = "revocation-unknown"
    REVOCATION_NOTHING_TO_CHECK = "revocation-nothing-to-check"
    REVOCATION_REFUSED_BY_PROXY = "revocation-refused-by-proxy"
    REVOCATION_REFUSED_BY_GUARD = "revocation-refused-by-guard"
    REVOCATION_NOT_FETCHED = "revocation-not-fetched"
    REVOCATION_CONTRADICTED = "revocation-contradicted"
    # usage
    WRONG_EXTENDED_KEY_USAGE = "wrong-extended-key-usage"
    ANY_EXTENDED_KEY_USAGE = "any-extended-key-usage"
    WRONG_KEY_USAGE = "wrong-key-usage"
    # path
    BAD_SIGNATURE = "bad-signature"
    WEAK_SIGNATURE = "weak-signature"
    WEAK_KEY = "weak-key"
    ALGORITHM_UNSUPPORTED_HERE = "algorithm-unsupported-here"
    NOT_A_CA = "not-a-ca"
    PATH_TOO_LONG = "path-too-long"
    NAME_NOT_PERMITTED = "name-not-permitted"
    POLICY_NOT_SATISFIED = "policy-not-satisfied"
    UNKNOWN_CRITICAL_EXTENSION = "unknown-critical-extension"
    CONSTRAINT_NOT_JUDGED = "constraint-not-judged"
    SEARCH_CUT = "search-cut"
    PROFILE_VIOLATION = "profile-violation"
    # whether it may act as an account
    MAPPING_ENTRY_DAMAGED = "mapping-entry-damaged"
    MAPPING_IGNORED = "mapping-ignored"
    MAPPING_MISSING = "mapping-missing"
    ISSUER_NOT_IN_NTAUTH = "issuer-not-in-ntauth"
    NO_STRONG_MAPPING = "no-strong-mapping"
    # what is not judged by the certificate alone
    TIME_MOVED = "time-moved"
    DAMAGED_MEMBER = "damaged-member"
