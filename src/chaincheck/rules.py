"""How a kind of server judges, as data: ``IIS``, ``RFC5280``, ``OPENSSL``.

A variant is made with ``dataclasses.replace(chaincheck.IIS, revocation="off")``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal

# The hashes of the signature algorithms that are known here (x509/signature.py); others are named by their dotted OID.
KNOWN_HASHES: Final = frozenset(
    ["md2", "md4", "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256", "sha3_384", "sha3_512"]
)  # fmt: skip
_OID: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,9})){1,31}")
_WORDS: Final[dict[str, tuple[str | None, ...]]] = {
    "purpose": ("client_auth", "server_auth", None),
    "anchor": ("self-signed-root", "any"),
    "any_eku": ("yes", "no", "unconfirmed"),
    "subject_key_usage": ("offer", "required", "ignored"),
    "names": ("exact", "rfc5280"),
    "revocation": ("path", "subject", "off"),
    "unknown_status": ("refuse", "tolerate"),
    "evidence": ("server", "caller"),
    "no_source": ("refuse", "tolerate"),
    "distribution_points": ("rfc5280", "full-name"),
    "unjudged_constraint": ("refuse", "open"),
}
_FLAGS: Final = ("anchor_validity", "anchor_constraints", "nested_eku", "aki_excludes", "root_store_hygiene", "time_moves_only_dates")
_NUMBERS: Final = {"max_path_length": 0xFFFFFFFF, "minimum_rsa_bits": 65_536}
_POLICY_SET: Final = 'a frozenset of dotted OIDs, such as frozenset({"2.5.29.32.0"})'
_HASH_SETS: Final = ("refused_hashes", "warned_hashes")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """The inputs (c) to (g) of RFC 5280 section 6.1.1."""

    initial_policy_set: frozenset[str] = frozenset({"2.5.29.32.0"})
    """user-initial-policy-set, dotted OIDs; anyPolicy means: no concern."""
    require_explicit_policy: bool = False
    """initial-explicit-policy."""
    inhibit_policy_mapping: bool = False
    """initial-policy-mapping-inhibit."""
    inhibit_any_policy: bool = False
    """initial-any-policy-inhibit."""

    def __post_init__(self) -> None:
        for name in ("require_explicit_policy", "inhibit_policy_mapping", "inhibit_any_policy"):
            if type(getattr(self, name)) is not bool:
                raise _wrong(f"policies.{name}", getattr(self, name), "True or False")
        oids: object = self.initial_policy_set
        if type(oids) is not frozenset or not oids or not all(isinstance(oid, str) and _OID.fullmatch(oid) for oid in oids):
            raise _wrong("policies.initial_policy_set", oids, _POLICY_SET)
        if oids != frozenset({"2.5.29.32.0"}):
            from chaincheck.x509.policies import identifier

            try:
                for oid in oids:
                    identifier(oid)
            except ValueError as error:
                raise _wrong("policies.initial_policy_set", oids, _POLICY_SET) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is judged, and how. Every field names the source of its values.

    Raises ``InputError`` for a value that a field does not have: a misspelt word must not switch a check off.
    """

    name: str
    """For texts and JSON."""

    purpose: Literal["client_auth", "server_auth"] | None = "client_auth"
    """The extended key usage that is asked for (RFC 5280 4.2.1.12); None: none. IIS: the binding's Usage Check."""

    anchor: Literal["self-signed-root", "any"] = "self-signed-root"
    """self-signed-root: a root anchors only if it signs itself (CryptoAPI; OpenSSL without X509_V_FLAG_PARTIAL_CHAIN).
    any: whatever the caller gives as root, also a bare name and key (RFC 5280 6.1.1 (d))."""

    anchor_validity: bool = True
    """Whether the anchor's dates are judged. CryptoAPI and OpenSSL do; RFC 5280 6.1 does not look inside the anchor."""

    anchor_constraints: bool = True
    """Whether the anchor's cA, keyCertSign, path length and name constraints apply. RFC 5280 6.1.1 (d) leaves them out."""

    nested_eku: bool = True
    """Whether the EKU of a CA limits what it issues. CryptoAPI and OpenSSL: yes; no step of RFC 5280 section 6 says so."""

    any_eku: Literal["yes", "no", "unconfirmed"] = "unconfirmed"
    """Whether anyExtendedKeyUsage satisfies the purpose. RFC 5280 4.2.1.12: yes; OpenSSL's client purpose: no;
    CryptoAPI: not confirmed by any document."""

    subject_key_usage: Literal["offer", "required", "ignored"] = "offer"
    """digitalSignature (or keyAgreement) in the subject's key usage. offer: a client stack filters by it, the server does not;
    required: OpenSSL's client purpose; ignored: RFC 5280 section 6 asks nothing of the subject."""

    aki_excludes: bool = True
    """Whether an authority key identifier that does not match excludes an issuer. CryptoAPI, OpenSSL: yes; RFC 5280 4.2.1.1: no."""

    names: Literal["exact", "rfc5280"] = "exact"
    """How names are compared: byte for byte (CryptoAPI, reported by users) or by RFC 5280 section 7.1."""

    unjudged_constraint: Literal["refuse", "open"] = "open"
    """What a name constraint means whose form is not judged here, and the certificate has a name of it. refuse: RFC 5280 4.2.1.10
    (process or reject), OpenSSL (X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE); open: CryptoAPI may know the form."""

    max_path_length: int | None = None
    """The most intermediate certificates allowed, self-issued ones not counted; None: no limit of its own."""

    revocation: Literal["path", "subject", "off"] = "path"
    """Which certificates are checked: all but the anchor, the subject alone, or none (IIS: Verify Client Certificate Revocation)."""

    unknown_status: Literal["refuse", "tolerate"] = "refuse"
    """What an unknown revocation status means. IIS answers 403.13 (KB 294305); RFC 5280 6.3.3 leaves UNDETERMINED to be refused."""

    evidence: Literal["server", "caller"] = "server"
    """Whose evidence counts. server: the server fetches for itself, so a status unknown here may be known there (unproven).
    caller: the evidence at hand is all there is (RFC 5280 6.3: the algorithm is given its CRLs)."""

    no_source: Literal["refuse", "tolerate"] = "tolerate"
    """What a certificate means that names no CRL and no responder, and no evidence is given. KB 294305: only elements with a CDP count."""

    distribution_points: Literal["rfc5280", "full-name"] = "full-name"
    """Which CRLs are used. rfc5280: all of section 6.3.3. full-name: not those that are indirect, limited to some reasons or named relative
    to their issuer, nor distribution points with reasons or a cRLIssuer (CryptoAPI, documented; OpenSSL without
    X509_V_FLAG_EXTENDED_CRL_SUPPORT). What they list as revoked refuses all the same."""

    minimum_rsa_bits: int | None = 1024
    """RSA keys below this are refused (KB 2661254: 1024); None: not judged."""

    refused_hashes: frozenset[str] = frozenset({"md2", "md4"})
    """Signature hashes that are refused."""

    warned_hashes: frozenset[str] = frozenset({"md5", "sha1"})
    """Signature hashes that are warned of: a private CA with them still works in IIS (KB 2862973 is about program roots)."""

    root_store_hygiene: bool = True
    """Whether a certificate in Root that does not sign itself, and a root in the intermediate store, are faults (KB 2802568)."""

    time_moves_only_dates: bool = True
    """CertGetCertificateChain: pTime moves only the dates, evidence is judged now. Here everything moves, and a note says so."""

    policies: PolicySettings = field(default_factory=PolicySettings)
    """RFC 5280 6.1.1 (c) to (g)."""

    def __post_init__(self) -> None:
        title: object = self.name
        if type(title) is not str or not 0 < len(title) <= 200:
            raise _wrong("name", title, "a str of 1 to 200 characters")
        for name, words in _WORDS.items():
            value = getattr(self, name)
            if (value is not None and type(value) is not str) or value not in words:
                raise _wrong(name, value, " or ".join(map(repr, words)))
        for name in _FLAGS:
            if type(getattr(self, name)) is not bool:
                raise _wrong(name, getattr(self, name), "True or False")
        for name, most in _NUMBERS.items():
            value = getattr(self, name)
            if value is not None and (type(value) is not int or not 0 <= value <= most):
                raise _wrong(name, value, f"a whole number from 0 to {most}, or None")
        for name in _HASH_SETS:
            value = getattr(self, name)
            if type(value) is not frozenset or not all(isinstance(h, str) and (h in KNOWN_HASHES or _OID.fullmatch(h)) for h in value):
                raise _wrong(name, value, f"a frozenset of hashes: {', '.join(sorted(KNOWN_HASHES))}, or dotted OIDs")
        policies: object = self.policies
        if not isinstance(policies, PolicySettings):
            raise _wrong("policies", policies, "chaincheck.rules.PolicySettings(...)")


def _wrong(name: str, value: object, expected: str) -> Exception:
    from chaincheck.errors import InputError
    from chaincheck.formats.described import described

    return InputError("rules", found=_members(value) or described(value), expected=expected, where=f"rules.{name}")


def _members(value: object) -> str | None:
    """The members of a set that has at most eight, each described."""
    from chaincheck.formats.described import described

    if type(value) is frozenset and 0 < len(value) <= 8:
        return "a frozenset of " + ", ".join(sorted(described(member) for member in value))
    return None


IIS = Rules(name="IIS")
"""IIS with http.sys and Schannel, on the defaults of a binding that checks revocation."""

RFC5280 = Rules(
    name="RFC5280",
    anchor="any",
    anchor_validity=False,
    anchor_constraints=False,
    nested_eku=False,
    any_eku="yes",
    subject_key_usage="ignored",
    aki_excludes=False,
    names="rfc5280",
    no_source="refuse",
    distribution_points="rfc5280",
    evidence="caller",
    unjudged_constraint="refuse",
    minimum_rsa_bits=None,
    refused_hashes=frozenset(),
    warned_hashes=frozenset(),
    root_store_hygiene=False,
    time_moves_only_dates=False,
)
"""RFC 5280 section 6 to the letter: path validation with revocation, nothing that the RFC does not ask for."""

OPENSSL = Rules(
    name="OPENSSL",
    any_eku="no",
    subject_key_usage="required",
    unjudged_constraint="refuse",
    names="rfc5280",
    revocation="off",
    refused_hashes=frozenset({"md2", "md4", "md5", "sha1"}),
    warned_hashes=frozenset(),
    root_store_hygiene=False,
    time_moves_only_dates=False,
)
"""OpenSSL 3 as a TLS server with default settings: security level 1, purpose sslclient, no CRL check, no partial chains."""
