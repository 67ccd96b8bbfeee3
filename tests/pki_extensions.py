"""The extensions of the test PKI's certificates, CRLs and OCSP responses, by the names the standards give them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from cryptography import x509

import asn1

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from pki_keys import Key

KEY_USAGES = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)
PURPOSES = {
    "serverAuth": "1.3.6.1.5.5.7.3.1",
    "clientAuth": "1.3.6.1.5.5.7.3.2",
    "codeSigning": "1.3.6.1.5.5.7.3.3",
    "emailProtection": "1.3.6.1.5.5.7.3.4",
    "timeStamping": "1.3.6.1.5.5.7.3.8",
    "ocspSigning": "1.3.6.1.5.5.7.3.9",
    "anyExtendedKeyUsage": "2.5.29.37.0",
    "smartcardLogon": "1.3.6.1.4.1.311.20.2.2",
}
REASONS = {
    "unspecified": 0,
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "removeFromCRL": 8,
    "privilegeWithdrawn": 9,
    "aACompromise": 10,
}

Extension = tuple[x509.ExtensionType, bool] | tuple[str, bool, bytes]  # (value, critical) or (OID, critical, DER)


class Options(TypedDict, total=False):
    """What a certificate may be told apart from its name. None leaves the extension out."""

    key: str | Key  # the subject's; a name as in pki_keys
    serial: int
    not_before: datetime
    not_after: datetime
    ca: bool | None  # basic constraints
    path_length: int | None
    key_usage: Sequence[str] | None
    eku: Sequence[str] | None  # names of PURPOSES, or dotted OIDs
    ski: bool | bytes
    aki: bool | bytes  # True: the issuer's key identifier; bytes: another
    crl_urls: Sequence[str]
    ocsp_urls: Sequence[str]
    ca_issuers: Sequence[str]
    extensions: Sequence[Extension]  # more, or in place of those above
    encoded_extensions: Sequence[bytes]  # appended as they are: malformed or repeated ones
    version: int
    signing_hash: str | None  # of pki_keys.HASHES; None: what suits the key
    pss: bool
    signing_key: str | Key  # in place of the issuer's: the signature is then wrong
    broken_signature: bool


def certificate_extensions(told: Options, own_key: Key, issuer_key: Key) -> dict[str, bytes]:
    """By OID, in the order they are asked for, so that one of ``extensions`` can take the place of a default."""
    wanted: dict[str, bytes] = {}
    ca, usage, purposes = told.get("ca"), told.get("key_usage"), told.get("eku")
    ski, aki = told.get("ski", True), told.get("aki", True)
    if ca is not None:
        # By hand: `cryptography` refuses a path length where cA is false, which certificates in the wild have.
        length = told.get("path_length")
        constraints = asn1.sequence(asn1.boolean(True) if ca else b"", asn1.integer(length) if length is not None else b"")
        wanted["2.5.29.19"] = extension("2.5.29.19", True, constraints)
    if usage is not None:
        wanted["2.5.29.15"] = extension("2.5.29.15", True, _key_usage(usage))
    if purposes is not None:
        add(wanted, x509.ExtendedKeyUsage([x509.ObjectIdentifier(PURPOSES.get(one, one)) for one in purposes]), critical=False)
    if ski:
        add(wanted, x509.SubjectKeyIdentifier(own_key.identifier if ski is True else ski), critical=False)
    if aki:
        add(wanted, x509.AuthorityKeyIdentifier(issuer_key.identifier if aki is True else aki, None, None), critical=False)
    if urls := told.get("crl_urls"):
        full_name = [x509.UniformResourceIdentifier(url) for url in urls]
        add(wanted, x509.CRLDistributionPoints([x509.DistributionPoint(full_name, None, None, None)]), critical=False)
    if access := _access_descriptions(told):
        add(wanted, x509.AuthorityInformationAccess(access), critical=False)
    add_all(wanted, told.get("extensions", ()))
    return wanted


def _access_descriptions(told: Options) -> list[x509.AccessDescription]:
    methods = x509.oid.AuthorityInformationAccessOID
    wanted = [(methods.OCSP, url) for url in told.get("ocsp_urls", ())] + [(methods.CA_ISSUERS, url) for url in told.get("ca_issuers", ())]
    return [x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, url in wanted]


def _key_usage(names: Sequence[str]) -> bytes:
    """A named bit list: without trailing zero bits (X.690 11.2.2)."""
    bits = sum(1 << (15 - KEY_USAGES.index(name)) for name in names).to_bytes(2).rstrip(b"\x00")
    unused = (bits[-1] & -bits[-1]).bit_length() - 1 if bits else 0
    return asn1.tlv(0x03, bytes([unused]), bits)


def add(wanted: dict[str, bytes], value: x509.ExtensionType, *, critical: bool) -> None:
    wanted[value.oid.dotted_string] = extension(value.oid.dotted_string, critical, value.public_bytes())


def add_all(wanted: dict[str, bytes], extensions: Iterable[Extension]) -> None:
    for one in extensions:
        if len(one) == 2:
            add(wanted, one[0], critical=one[1])
        else:
            wanted[one[0]] = extension(*one)


def extension(oid: str, critical: bool, value: bytes) -> bytes:
    return asn1.sequence(asn1.oid(oid), asn1.boolean(True) if critical else b"", asn1.octet_string(value))
