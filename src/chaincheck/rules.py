"""How a kind of server judges, as data: ``IIS``, ``RFC5280``, ``OPENSSL``.

A variant is made with ``dataclasses.replace(chaincheck.IIS, revocation="off")``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is judged, and how. Every field names the source of its values."""

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
    evidence="caller",
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
    names="rfc5280",
    revocation="off",
    refused_hashes=frozenset({"md2", "md4", "md5", "sha1"}),
    warned_hashes=frozenset(),
    root_store_hygiene=False,
    time_moves_only_dates=False,
)
"""OpenSSL 3 as a TLS server with default settings: security level 1, purpose sslclient, no CRL check, no partial chains."""
