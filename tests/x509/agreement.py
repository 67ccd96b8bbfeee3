"""What `cryptography` says of a certificate, beside what our reader says: the second opinion of the tests.

``differences(der)`` is empty where our reader finds a fault, or where both agree on every field. What `cryptography` cannot tell is left
out, each with its reason:

* x400Address and ediPartyName in general names: `cryptography` raises for a certificate that holds one.
* The insides of the extensions of ``NOT_READ_HERE``: our reader looks at their bytes only.
* The reason "unused" of a distribution point: `cryptography` drops it.
* A DSA key that inherits its parameters (RFC 3279 2.3.2): `cryptography` refuses the certificate.
* Parameters of algorithms that we do not know by name (Diffie-Hellman, HMAC): read here as DER, there by their syntax.
* Keys that do not load (a point that is not on its curve): the certificate is read all the same, by both.
"""

from __future__ import annotations

import warnings
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.utils import CryptographyDeprecationWarning

import asn1
from chaincheck.x509 import extensions as ext
from chaincheck.x509.certificate import Certificate
from chaincheck.x509.name import Name
from chaincheck.x509.name_constraints import NameConstraints
from chaincheck.x509.policies import CertificatePolicies, PolicyConstraints, dotted
from chaincheck.x509.signature import algorithm

NOT_READ_HERE = {
    "1.3.6.1.5.5.7.1.24": "TLS feature: nothing here depends on it",
    "1.3.6.1.4.1.11129.2.4.2": "SCTs: a structure of their own, of no meaning to a server that asks for client certificates",
    "1.3.6.1.4.1.11129.2.4.3": "precertificate poison",
    "1.3.6.1.4.1.311.21.7": "Microsoft's certificate template: of no meaning to path validation",
    "1.3.6.1.5.5.7.1.11": "subject information access",
    "1.3.36.8.3.3": "admissions of German professional registers",
    "2.5.29.16": "private key usage period: RFC 5280 leaves it out",
}
_UNSUPPORTED_NAMES = ("x400Address", "ediPartyName")


def differences(encoded: bytes) -> list[str]:
    """Where the two readers differ on a certificate in which ours finds no fault."""
    ours = Certificate(encoded)
    return [] if ours.faults else compare(ours)


def compare(ours: Certificate) -> list[str]:
    """Where the two readers differ."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a deprecation of what is wrong with the certificate is a refusal to come
        warnings.filterwarnings("ignore", "Parsed a serial number", CryptographyDeprecationWarning)  # looked at below
        warnings.filterwarnings("ignore", "The parsed certificate contains a NULL parameter", CryptographyDeprecationWarning)
        warnings.filterwarnings(
            "ignore", r"Invalid ASN.1 \(UTF-8 characters in a VisibleString", CryptographyDeprecationWarning
        )  # notices of real CAs
        warnings.filterwarnings("ignore", "Attribute's length", UserWarning)  # an upper bound of X.520, of no consequence
        warnings.filterwarnings("ignore", "Country names should be two characters", UserWarning)
        try:
            theirs = x509.load_der_x509_certificate(ours.der)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a refusal
            return [] if _beyond(ours) else [f"does not load: {type(error).__name__}: {error}"]
        found: list[str] = []
        for check in (_plain_fields, _names, _key, _extensions):
            try:
                found += check(ours, theirs)
            except Exception as error:  # noqa: BLE001 - likewise
                found.append(f"{check.__name__} raises {type(error).__name__}: {error}")
        return found


def _beyond(ours: Certificate) -> bool:
    """Whether an algorithm is one of the exceptions above."""
    key = ours.public_key
    return (key.algorithm == "dsa" and not key.parameters) or "." in key.algorithm or algorithm(ours.signature_algorithm).family == "other"


def _differ(what: str, mine: object, other: object) -> list[str]:
    return [] if mine == other else [f"{what}: {mine!r} here, {other!r} there"]


def _plain_fields(ours: Certificate, theirs: x509.Certificate) -> list[str]:
    found = _differ("version", ours.version, {x509.Version.v1: 1, x509.Version.v3: 3}[theirs.version])
    found += _differ("serial", ours.serial, theirs.serial_number)
    found += _differ("notBefore", ours.not_before, theirs.not_valid_before_utc)
    found += _differ("notAfter", ours.not_after, theirs.not_valid_after_utc)
    found += _differ("tbsCertificate", ours.tbs, theirs.tbs_certificate_bytes)
    found += _differ("signature", ours.signature, theirs.signature)
    used = algorithm(ours.signature_algorithm)
    found += _differ("signature algorithm", used.oid, theirs.signature_algorithm_oid.dotted_string)
    try:
        known = theirs.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return found
    return found + (
        _differ("signature hash", used.hash.replace("_", "-"), known.name if known is not None else "") if used.family != "other" else []
    )


def _names(ours: Certificate, theirs: x509.Certificate) -> list[str]:
    found = _differ("issuer", attributes(ours.issuer), their_attributes(theirs.issuer))
    found += _differ("subject", attributes(ours.subject), their_attributes(theirs.subject))
    return found


def attributes(name: Name) -> list[list[tuple[str, int, object]]]:
    """Type, string type and value, by RDN."""
    return [[(a.oid, a.tag, a.value if a.value is not None else _contents(a.raw)) for a in rdn] for rdn in name.rdns]


def their_attributes(name: x509.Name) -> list[list[tuple[str, int, object]]]:
    return [[(a.oid.dotted_string, a._type.value, a.value) for a in rdn] for rdn in name.rdns]


def _contents(element: bytes) -> bytes:
    """What stands inside a BIT STRING (x500UniqueIdentifier), its count of unused bits included, as there."""
    return element[2:] if element[1] < 0x80 else element[2 + (element[1] & 0x7F) :]


def _key(ours: Certificate, theirs: x509.Certificate) -> list[str]:
    key = ours.public_key
    found = _differ("key algorithm", asn1.parts(asn1.parts(ours.spki)[0])[0], asn1.oid(theirs.public_key_algorithm_oid.dotted_string))
    try:
        loaded = theirs.public_key()
        encoded = loaded.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (UnsupportedAlgorithm, ValueError):
        return found
    if key.algorithm not in ("rsa-pss", "ec"):  # `cryptography` writes the one as plain RSA, and a compressed point as an uncompressed one
        found += _differ("subjectPublicKeyInfo", ours.spki, encoded)
    if key.bits and key.algorithm in ("rsa", "rsa-pss", "ec", "dsa"):  # 0: no named curve
        found += _differ("key size", key.bits, getattr(loaded, "key_size", None))
    return found


def _extensions(ours: Certificate, theirs: x509.Certificate) -> list[str]:
    unreadable = [e for e in ours.extensions if e.oid in NOT_READ_HERE or _names_unsupported(e)]
    try:
        there = list(theirs.extensions)
    except Exception:
        if not unreadable:
            raise
        # One of them stops `cryptography` from telling any: each of the others in a certificate of its own.
        rest = [e for e in ours.extensions if e not in unreadable]
        return [each for extension in rest for each in _alone(ours, extension)]
    found = _differ("extensions", [(e.oid, e.critical) for e in ours.extensions], [(e.oid.dotted_string, e.critical) for e in there])
    if not found:
        for mine, other in zip(ours.extensions, there, strict=True):
            found += _extension(mine, other.value)
    return found


def _names_unsupported(extension: ext.Extension) -> bool:
    return any(kind in repr(extension.parsed) for kind in _UNSUPPORTED_NAMES)


def _alone(ours: Certificate, extension: ext.Extension) -> list[str]:
    tbs = asn1.parts(ours.tbs)
    single = asn1.sequence(asn1.oid(extension.oid), asn1.boolean(True) if extension.critical else b"", asn1.octet_string(extension.value))
    body = asn1.sequence(*tbs[:-1], asn1.explicit(3, asn1.sequence(single)))
    encoded = asn1.sequence(body, ours.signature_algorithm, asn1.bit_string(ours.signature))
    other = next(iter(x509.load_der_x509_certificate(encoded).extensions))
    return _differ("extension", (extension.oid, extension.critical), (other.oid.dotted_string, other.critical)) + _extension(
        extension, other.value
    )


def _extension(ours: ext.Extension, theirs: Any) -> list[str]:
    what = f"extension {ours.oid}"
    if isinstance(theirs, x509.UnrecognizedExtension):
        return _differ(what, ours.value, theirs.value)
    if ours.oid in NOT_READ_HERE:
        return []
    if isinstance(ours.parsed, CertificatePolicies | PolicyConstraints | NameConstraints):
        return _differ(what, _constraint(ours.parsed), _their_constraint(theirs))
    mine, encoded = ours.parsed, theirs.public_bytes()
    if isinstance(theirs, x509.CRLDistributionPoints | x509.FreshestCRL) and _unused(mine):
        return _differ(what, _without_unused(mine), decoded(theirs))
    return _differ(f"{what} encoded", ours.value, encoded) + _differ(what, mine, decoded(theirs))


def _constraint(value: CertificatePolicies | PolicyConstraints | NameConstraints) -> object:
    """Which policies, which counts, how many subtrees: what has another shape there is compared by its own tests."""
    if isinstance(value, CertificatePolicies):
        return {dotted(policy) for policy in value.policies}
    if isinstance(value, PolicyConstraints):
        return value.require_explicit_policy, value.inhibit_policy_mapping
    return len(value.permitted), len(value.excluded)


def _their_constraint(value: Any) -> object:
    if isinstance(value, x509.CertificatePolicies):
        return {information.policy_identifier.dotted_string for information in value}
    if isinstance(value, x509.PolicyConstraints):
        return value.require_explicit_policy, value.inhibit_policy_mapping
    return len(value.permitted_subtrees or ()), len(value.excluded_subtrees or ())


def _unused(points: Any) -> bool:
    return any(point.reasons is not None and "unused" in point.reasons for point in points)


def _without_unused(points: Any) -> tuple[ext.DistributionPoint, ...]:
    return tuple(point._replace(reasons=point.reasons - {"unused"} if point.reasons is not None else None) for point in points)


def decoded(value: Any) -> object:
    """An extension of `cryptography` in our terms."""
    match value:
        case x509.BasicConstraints():
            return ext.BasicConstraints(value.ca, value.path_length)
        case x509.KeyUsage():
            return frozenset(name for name, attribute in _KEY_USAGES.items() if getattr(value, attribute))
        case x509.ExtendedKeyUsage():
            return tuple(purpose.dotted_string for purpose in value)
        case x509.SubjectKeyIdentifier():
            return value.digest
        case x509.AuthorityKeyIdentifier():
            return ext.AuthorityKeyIdentifier(
                value.key_identifier, general_names(value.authority_cert_issuer), value.authority_cert_serial_number
            )
        case x509.SubjectAlternativeName() | x509.IssuerAlternativeName():
            return general_names(value)
        case x509.CRLDistributionPoints() | x509.FreshestCRL():
            return tuple(_point(point) for point in value)
        case x509.AuthorityInformationAccess():
            return tuple(ext.AccessDescription(a.access_method.dotted_string, general_name(a.access_location)) for a in value)
        case x509.InhibitAnyPolicy():
            return value.skip_certs
    return None


_KEY_USAGES = dict(
    zip(
        ext.KEY_USAGES,
        (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign",
            "crl_sign",
            "_encipher_only", "_decipher_only",
        ),
        strict=True,
    )
)  # fmt: skip


def general_names(names: Any) -> tuple[ext.GeneralName, ...]:
    return tuple(general_name(name) for name in names or ())


def general_name(name: Any) -> ext.GeneralName:
    match name:
        case x509.RFC822Name():
            return ext.GeneralName("rfc822Name", name.value)
        case x509.DNSName():
            return ext.GeneralName("dNSName", name.value)
        case x509.UniformResourceIdentifier():
            return ext.GeneralName("uniformResourceIdentifier", name.value)
        case x509.RegisteredID():
            return ext.GeneralName("registeredID", name.value.dotted_string)
        case x509.DirectoryName():
            return ext.GeneralName("directoryName", Name(name.value.public_bytes()))
        case x509.IPAddress():
            address = name.value
            if isinstance(address, IPv4Network | IPv6Network):
                return ext.GeneralName("iPAddress", address.network_address.packed + address.netmask.packed)
            return ext.GeneralName("iPAddress", address.packed)
        case x509.OtherName():
            return ext.GeneralName("otherName", asn1.oid(name.type_id.dotted_string) + asn1.explicit(0, name.value))
    raise TypeError(f"no name of RFC 5280: {name!r}")


def _point(point: x509.DistributionPoint) -> ext.DistributionPoint:
    full = general_names(point.full_name)
    urls = tuple(n.value for n in full if n.kind == "uniformResourceIdentifier" and isinstance(n.value, str))
    reasons = frozenset(_REASONS[reason] for reason in point.reasons) if point.reasons is not None else None
    relative = point.relative_name
    encoded = None
    if relative is not None:
        encoded = asn1.parts(x509.Name([relative]).public_bytes())[0]
        encoded = encoded[2:] if encoded[1] < 0x80 else encoded[2 + (encoded[1] & 0x7F) :]
    return ext.DistributionPoint(urls, full, encoded, reasons, general_names(point.crl_issuer))


_REASONS = {flag: flag.value for flag in x509.ReasonFlags}
