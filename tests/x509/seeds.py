"""Certificates to begin from: one of every kind our PKI makes, and those of the package cryptography-vectors."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from datetime import UTC, datetime
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

import asn1
import pki

_NAME = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example, Inc."),
        x509.NameAttribute(NameOID.EMAIL_ADDRESS, "pki@example.com"),
        x509.NameAttribute(NameOID.COMMON_NAME, "発行局 1"),
    ]
)
_OTHER_NAME = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), asn1.tlv(0x0C, b"user@example.com"))
_ALTERNATIVE_NAMES = x509.SubjectAlternativeName(
    [
        x509.DNSName("client.example"),
        x509.RFC822Name("user@example.com"),
        x509.UniformResourceIdentifier("https://example.com/"),
        x509.IPAddress(IPv4Address("192.0.2.1")),
        x509.IPAddress(IPv6Address("2001:db8::1")),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")),
        x509.DirectoryName(_NAME),
        _OTHER_NAME,
    ]
)
_POINTS = x509.CRLDistributionPoints(
    [
        x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl.example/a.crl")], None, None, None),
        x509.DistributionPoint(
            [x509.UniformResourceIdentifier("ldap://ldap.example/cn=a"), x509.DirectoryName(_NAME)],
            None,
            frozenset({x509.ReasonFlags.key_compromise, x509.ReasonFlags.aa_compromise}),
            [x509.DirectoryName(_NAME)],
        ),
        x509.DistributionPoint(None, x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, "CRL 1")]), None, None),
    ]
)
_POLICIES = x509.CertificatePolicies(
    [x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.4.5"), ["https://example.com/cps", x509.UserNotice(None, "read this")])]
)


@cache
def generated() -> dict[str, bytes]:
    """By kind."""
    root = pki.root("C=JP,O=Example,CN=Root", key="rsa2048")
    authority = root.issue_ca("C=JP,O=Example,CN=Issuing CA", key="p256:ca", path_length=0)
    found = {"root": root, "ca": authority}
    for key in ("rsa1024", "rsa2048:b", "rsa4096", "p256", "p384", "p521", "k256", "ed25519", "ed448", "dsa1024", "dsa2048"):
        found[f"key {key}"] = pki.self_signed(f"with {key}", key=key)
    for digest in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512"):
        found[f"rsa {digest}"] = pki.self_signed("rsa", key="rsa2048", signing_hash=digest)
    for digest in ("sha1", "sha256", "sha384", "sha512"):
        found[f"pss {digest}"] = pki.self_signed("pss", key="rsa2048", signing_hash=digest, pss=True)
    return {name: one.der for name, one in found.items()} | {
        "everything": authority.issue(
            _NAME,
            key="p256:leaf",
            ca=False,
            key_usage=("digitalSignature", "keyAgreement", "decipherOnly"),
            eku=("clientAuth", "serverAuth", "1.2.3.4"),
            ocsp_urls=("http://ocsp.example/",),
            ca_issuers=("http://aia.example/ca.cer",),
            extensions=[(_ALTERNATIVE_NAMES, False), (_POINTS, False), (_POLICIES, False), ("1.2.3.4.5", True, b"\x05\x00")],
        ).der,
        "key identifiers in full": authority.issue(
            "aki",
            extensions=[
                (x509.AuthorityKeyIdentifier(b"\x01" * 20, [x509.DirectoryName(_NAME)], 4711), False),
                (x509.IssuerAlternativeName([x509.DNSName("ca.example")]), False),
                (x509.InhibitAnyPolicy(0), True),
                (x509.OCSPNoCheck(), False),
                (x509.FreshestCRL(list(_POINTS)), False),
                ("1.3.6.1.4.1.311.21.10", False, asn1.sequence(asn1.sequence(asn1.oid("1.3.6.1.5.5.7.3.2")))),
            ],
        ).der,
        "constraints": root.issue_ca(
            "constrained",
            path_length=3,
            extensions=[
                (x509.NameConstraints([x509.DNSName("example.com")], [x509.RFC822Name("example.org")]), True),
                (x509.PolicyConstraints(0, 1), True),
                (x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)]), False),
            ],
        ).der,
        "version 1": pki.self_signed("old", key="rsa1024", version=1).der,
        "no expiry": authority.issue("forever", not_after=pki.NO_EXPIRY).der,
        "generalized times": authority.issue(
            "later", not_before=datetime(2050, 1, 1, tzinfo=UTC), not_after=datetime(2060, 2, 29, tzinfo=UTC)
        ).der,
        "empty subject": authority.issue(asn1.sequence()).der,
        "two attributes in one": authority.issue(
            asn1.sequence(
                asn1.set_of(
                    asn1.sequence(asn1.oid("2.5.4.3"), asn1.tlv(0x0C, b"one")), asn1.sequence(asn1.oid("2.5.4.11"), asn1.tlv(0x13, b"two"))
                ),
                asn1.set_of(asn1.sequence(asn1.oid("2.5.4.3"), asn1.tlv(0x1E, "三".encode("utf-16-be")))),
                asn1.set_of(asn1.sequence(asn1.oid("2.5.4.3"), asn1.tlv(0x1C, "四".encode("utf-32-be")))),
                asn1.set_of(asn1.sequence(asn1.oid("2.5.4.10"), asn1.tlv(0x14, b"teletex"))),
                asn1.set_of(asn1.sequence(asn1.oid("2.5.4.45"), asn1.tlv(0x03, b"\x00\x01\x02"))),
            )
        ).der,
    }


_NOT_CERTIFICATES = {"asymmetric", "ocsp", "requests", "crls"}
_PEM = re.compile(rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----(.+?)-----END", re.DOTALL)


@cache
def vectors() -> dict[str, bytes]:
    """Every certificate in the files of cryptography-vectors, by file and number, each once."""
    import cryptography_vectors

    base = Path(cryptography_vectors.__file__).parent
    found: dict[bytes, str] = {}
    for path in sorted(base.rglob("*")):
        if (
            path.suffix not in (".pem", ".der", ".crt", ".cer")
            or not _NOT_CERTIFICATES.isdisjoint(path.relative_to(base).parts)
            or path.name.startswith("crl")
        ):
            continue
        for index, encoded in enumerate(_certificates(path.read_bytes())):
            if encoded[:1] == b"\x30":
                found.setdefault(encoded, f"{path.relative_to(base)}[{index}]")
    return {name: encoded for encoded, name in found.items()}


def _certificates(data: bytes) -> list[bytes]:
    found = []
    for match in _PEM.finditer(data):
        body = match[1].rpartition(b"\n\n")[2] or match[1]
        try:
            found.append(a2b_base64(body))
        except Error:
            continue
    if not found and data[4:5] == b"\x30" and data[:2] == b"\x30\x82" and int.from_bytes(data[2:4]) + 4 == len(data):
        found.append(data)
    return found
