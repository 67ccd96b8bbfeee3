"""One X.509 certificate: sliced once into its DER parts, everything else read on demand.

RFC 5280 4.1: Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }.
A certificate that is damaged inside is still an object, with every field that could be read; ``faults`` says what could not.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256
from typing import TYPE_CHECKING, TypeVar

from chaincheck.x509 import der, extensions
from chaincheck.x509.key import PublicKey
from chaincheck.x509.name import Name
from chaincheck.x509.name import fault as name_fault
from chaincheck.x509.parts import Fault, cut, describe
from chaincheck.x509.signature import algorithm as read_algorithm

if TYPE_CHECKING:
    from collections.abc import Iterator

_T = TypeVar("_T")
MAX_FAULTS = 100  # listed of one certificate: nobody reads more
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(seconds: int) -> datetime:
    """Seconds since 1970-01-01 UTC as an aware datetime, clamped to the years that datetime can hold."""
    return _EPOCH + timedelta(seconds=max(-62135596800, min(seconds, 253402300799)))


class Certificate:
    """An immutable certificate, identified by the SHA-256 of its DER. Raises ``InputError`` for anything but bytes."""

    __slots__ = (
        "_by_oid", "_faults", "_issuer", "_key", "_serial_octets", "_sha256", "_subject", "der", "extensions", "inner_algorithm",
        "issuer_der", "not_after_s", "not_before_s", "signature", "signature_algorithm", "slice_faults", "spki", "subject_der", "tbs",
        "version",
    )  # fmt: skip

    def __init__(self, encoded: bytes) -> None:
        if not isinstance(encoded, bytes):
            raise _not_bytes(encoded)
        self.der = encoded
        self._sha256: bytes | None = None
        self._issuer: Name | None = None
        self._subject: Name | None = None
        self._key: PublicKey | None = None
        self._faults: tuple[Fault, ...] | None = None
        self._by_oid: dict[str, extensions.Extension] | None = None
        self.slice_faults: tuple[Fault, ...] = ()
        try:
            parts = cut(encoded)
        except der.Malformed as fault:
            parts, found = describe(encoded)
            # the strict reader's word comes first: it says why the lenient one was needed at all
            first = Fault(fault.offset, fault.what, fault.where or "certificate")
            known = any(each[:2] == first[:2] for each in found)
            self.slice_faults = tuple(found) if known else (first, *found)
        (
            self.tbs, self.version, self._serial_octets, self.inner_algorithm, self.issuer_der, self.not_before_s, self.not_after_s,
            self.subject_der, self.spki, self.extensions, self.signature_algorithm, self.signature,
        ) = parts  # fmt: skip

    # identity

    @property
    def sha256(self) -> bytes:
        """SHA-256 of the DER: the identity."""
        if self._sha256 is None:
            self._sha256 = sha256(self.der).digest()
        return self._sha256

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DER, lower-case hex."""
        return self.sha256.hex()

    @property
    def sha1(self) -> str:
        """SHA-1 of the DER, lower-case hex: the thumbprint that Windows shows."""
        return sha1(self.der, usedforsecurity=False).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __reduce__(self) -> tuple[object, ...]:
        return Certificate, (self.der,)

    def __repr__(self) -> str:
        return f"<Certificate {str(self.subject)!r} sha256={self.fingerprint[:16]}>"

    # fields of RFC 5280 4.1.2

    @property
    def serial(self) -> int:
        """The serial number; 0 where it could not be read."""
        return int.from_bytes(self._serial_octets, "big", signed=True)

    @property
    def serial_hex(self) -> str:
        """The serial number in lower-case hex, without leading zero octets, "-" in front of a negative one."""
        return f"{self.serial:x}"

    @property
    def issuer(self) -> Name:
        """Who issued it."""
        if self._issuer is None:
            self._issuer = Name(self.issuer_der)
        return self._issuer

    @property
    def subject(self) -> Name:
        """Whom it names."""
        if self._subject is None:
            self._subject = Name(self.subject_der)
        return self._subject

    @property
    def not_before(self) -> datetime | None:
        """First second at which it holds (UTC); None where unreadable."""
        return None if self.not_before_s is None else moment(self.not_before_s)

    @property
    def not_after(self) -> datetime | None:
        """Last second at which it holds (UTC); None where unreadable."""
        return None if self.not_after_s is None else moment(self.not_after_s)

    @property
    def public_key(self) -> PublicKey:
        """The subject's public key."""
        if self._key is None:
            self._key = PublicKey.of(self.spki)
        return self._key

    @property
    def is_self_issued(self) -> bool:
        """RFC 5280 6.1: subject and issuer are the same name (section 7.1)."""
        return self.subject_der == self.issuer_der or (bool(self.subject_der) and self.subject.normalised == self.issuer.normalised)

    # extensions

    def extension(self, oid: str) -> extensions.Extension | None:
        """The extension of that dotted OID, or None; the first where there are several (that is a fault)."""
        index = self._by_oid
        if index is None:
            index = self._by_oid = {}
            for extension in self.extensions:
                index.setdefault(extension.oid, extension)
        return index.get(oid)

    def _parsed(self, oid: str, kind: type[_T]) -> _T | None:
        extension = self.extension(oid)
        return extension.parsed if extension is not None and isinstance(extension.parsed, kind) else None

    @property
    def basic_constraints(self) -> extensions.BasicConstraints | None:
        """RFC 5280 4.2.1.9."""
        return self._parsed(extensions.BASIC_CONSTRAINTS, extensions.BasicConstraints)

    @property
    def is_ca(self) -> bool:
        """Whether basicConstraints says cA."""
        constraints = self.basic_constraints
        return constraints is not None and constraints.ca

    @property
    def key_usage(self) -> frozenset[str] | None:
        """RFC 5280 4.2.1.3: the names of the bits set; None without the extension."""
        return self._parsed(extensions.KEY_USAGE, frozenset)

    @property
    def extended_key_usage(self) -> tuple[str, ...] | None:
        """RFC 5280 4.2.1.12: dotted OIDs; None without the extension."""
        return self._parsed(extensions.EXTENDED_KEY_USAGE, tuple)

    @property
    def subject_key_identifier(self) -> bytes | None:
        """RFC 5280 4.2.1.2."""
        return self._parsed(extensions.SUBJECT_KEY_IDENTIFIER, bytes)

    @property
    def authority_key_identifier(self) -> extensions.AuthorityKeyIdentifier | None:
        """RFC 5280 4.2.1.1."""
        return self._parsed(extensions.AUTHORITY_KEY_IDENTIFIER, extensions.AuthorityKeyIdentifier)

    @property
    def crl_distribution_points(self) -> tuple[extensions.DistributionPoint, ...]:
        """RFC 5280 4.2.1.13."""
        return self._parsed(extensions.CRL_DISTRIBUTION_POINTS, tuple) or ()

    @property
    def subject_alt_names(self) -> tuple[extensions.GeneralName, ...]:
        """RFC 5280 4.2.1.6."""
        return self._parsed(extensions.SUBJECT_ALT_NAME, tuple) or ()

    def _access_urls(self, method: str) -> tuple[str, ...]:
        access: tuple[extensions.AccessDescription, ...] = self._parsed(extensions.AUTHORITY_INFORMATION_ACCESS, tuple) or ()
        return tuple(
            a.location.value for a in access if a.method == method and isinstance(a.location.value, str) and a.location.kind[0] == "u"
        )

    @property
    def ocsp_urls(self) -> tuple[str, ...]:
        """RFC 5280 4.2.2.1, id-ad-ocsp."""
        return self._access_urls("1.3.6.1.5.5.7.48.1")

    @property
    def ca_issuers_urls(self) -> tuple[str, ...]:
        """RFC 5280 4.2.2.1, id-ad-caIssuers."""
        return self._access_urls("1.3.6.1.5.5.7.48.2")

    # faults

    @property
    def legible(self) -> bool:
        """Whether the only faults are departures from DER that leave no doubt about what is meant."""
        return (
            bool(self.slice_faults)
            and all(fault.legible for fault in self.slice_faults)
            and not any(not fault.readable for fault in _inner_faults(self))
        )

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Everything that is not strict DER or not the syntax of RFC 5280, in the order of the bytes.

        At most ``MAX_FAULTS``; where there are more, the readable ones stand last and are left out first.
        """
        if self._faults is None:
            found = self.slice_faults or tuple(_inner_faults(self))
            if len(found) > MAX_FAULTS:
                severe = [fault for fault in found if not fault.readable]
                found = tuple((severe + [fault for fault in found if fault.readable])[:MAX_FAULTS])
            self._faults = found
        return self._faults


def _not_bytes(value: object) -> Exception:
    from chaincheck.errors import InputError

    found = f"an object of type {type(value).__name__}"
    return InputError("argument-type", found=found, expected="the DER of a certificate as bytes", where="Certificate")


def _inner_faults(certificate: Certificate) -> list[Fault]:
    """What a strict slicing leaves unread: names, algorithms, key and extension values."""
    found = []
    data = certificate.der
    for encoded, where in ((certificate.issuer_der, "issuer"), (certificate.subject_der, "subject")):
        fault = name_fault(encoded)
        if fault is not None:
            offset, what, readable = fault
            found.append(Fault(data.find(encoded) + offset, what, where, readable))
    if certificate.inner_algorithm != certificate.signature_algorithm:  # RFC 5280 4.1.1.2
        found.append(Fault(data.find(certificate.inner_algorithm), "it differs from signatureAlgorithm", "tbsCertificate.signature"))
    algorithm = read_algorithm(certificate.signature_algorithm)
    if (reason := algorithm.fault or algorithm.remark) is not None:
        found.append(Fault(data.rfind(certificate.signature_algorithm), reason, "signatureAlgorithm", readable=algorithm.fault is None))
    if data[-len(certificate.signature) - 1]:
        found.append(Fault(len(data) - len(certificate.signature) - 1, "a signature that is not whole octets", "signatureValue"))
    key = certificate.public_key
    if (reason := key.fault or key.remark) is not None:
        found.append(Fault(data.find(certificate.spki), reason, "subjectPublicKeyInfo", readable=key.fault is None))
    listed = certificate.extensions
    oids = {extension.oid for extension in listed}
    if len(oids) < len(listed) or any(extension.fault is not None or extension.remark is not None for extension in listed):
        found += _extension_faults(certificate)
    if certificate.extensions and certificate.version != 3:  # RFC 5280 4.1.2.1
        found.append(Fault(0, f"extensions in a version {certificate.version} certificate", "version"))
    elif certificate.version == 2:  # RFC 5280 4.1.2.8: only for unique identifiers, which no CA may issue; much software knows no version 2
        found.append(Fault(0, "version 2", "version", readable=True))
    return sorted(found)


def _extension_faults(certificate: Certificate) -> Iterator[Fault]:
    data = certificate.der
    seen = set()
    # Values stand in the order of the list: each is sought from the end of the one before, so that all of them cost one pass.
    at = max(data.find(certificate.spki), 0) + len(certificate.spki)
    for extension in certificate.extensions:
        at = max(data.find(extension.value, at), at)
        where = f"extension {extension.oid}"
        if extension.oid in seen:  # RFC 5280 4.2
            yield Fault(at, "the same extension twice", where)
        seen.add(extension.oid)
        if extension.fault is not None:
            yield Fault(at + extension.fault.offset, extension.fault.what, where)
        if extension.remark is not None:
            yield Fault(at, extension.remark, where, readable=True)
        at += len(extension.value)


def slice_names(data: bytes) -> tuple[bytes, bytes] | None:
    """The DER of issuer and subject and nothing else, to index large stores; None where the bytes are not a certificate.

    An index needs no more than to find what a strict reading finds too: the certificate is read when it is used.
    """
    try:
        if data[4] == 0x30 and data[5] == 0x82 and data[8] == 0xA0 and data[9] == 3:  # nearly all: lengths of two octets, a version
            issuer = _past(data, 15 + data[14])
            validity = _past(data, issuer)
            subject = validity + 2 + data[validity + 1]
            return data[issuer:validity], data[subject : _past(data, subject)]
        _, start, stop = der.header(data, 0, len(data))
        _, pos, stop = der.header(data, start, stop)
        tag, _, after = der.header(data, pos, stop)
        if tag == 0xA0:
            _, _, after = der.header(data, after, stop)
        _, _, issuer = der.header(data, after, stop)
        _, _, validity = der.header(data, issuer, stop)
        _, _, subject = der.header(data, validity, stop)
        _, _, after = der.header(data, subject, stop)
    except (der.Malformed, IndexError):
        return None
    return data[issuer:validity], data[subject:after]


def _past(data: bytes, pos: int) -> int:
    """Where the element at ``pos`` ends, by its length alone."""
    length = data[pos + 1]
    if length < 0x80:
        return pos + 2 + length
    return pos + 3 + data[pos + 2] if length == 0x81 else pos + 4 + (data[pos + 2] << 8 | data[pos + 3])
