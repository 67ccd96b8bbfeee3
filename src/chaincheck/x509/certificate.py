"""One X.509 certificate: sliced once into its DER parts, everything else read on demand.

RFC 5280 4.1: Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }.
A certificate that is damaged inside is still an object, with every field that could be read; ``faults`` says what could not.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple, TypeVar

from chaincheck.x509 import der, extensions
from chaincheck.x509.key import PublicKey
from chaincheck.x509.name import Name
from chaincheck.x509.name import fault as name_fault
from chaincheck.x509.signature import algorithm_fault

_T = TypeVar("_T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Fault(NamedTuple):
    """One thing that is not DER or not as RFC 5280 has it: byte offset in the certificate, what, and in which field.

    ``readable``: the field has a clear meaning all the same, so that the fault is a warning.
    """

    offset: int
    what: str
    where: str
    readable: bool = False


class _Parts(NamedTuple):
    tbs: bytes
    version: int
    serial_octets: bytes
    inner_algorithm: bytes
    issuer: bytes
    not_before_s: int | None
    not_after_s: int | None
    subject: bytes
    spki: bytes
    extensions: tuple[extensions.Extension, ...]
    algorithm: bytes
    signature: bytes


def moment(seconds: int) -> datetime:
    """Seconds since 1970-01-01 UTC as an aware datetime, clamped to the years that datetime can hold."""
    return _EPOCH + timedelta(seconds=max(-62135596800, min(seconds, 253402300799)))


class Certificate:
    """An immutable certificate, identified by the SHA-256 of its DER."""

    __slots__ = (
        "_by_oid", "_faults", "_issuer", "_key", "_serial_octets", "_sha256", "_subject", "der", "extensions", "inner_algorithm", "issuer_der",
        "not_after_s", "not_before_s", "signature", "signature_algorithm", "slice_faults", "spki", "subject_der", "tbs", "version",
    )  # fmt: skip

    def __init__(self, encoded: bytes) -> None:
        self.der = encoded
        self._sha256: bytes | None = None
        self._issuer: Name | None = None
        self._subject: Name | None = None
        self._key: PublicKey | None = None
        self._faults: tuple[Fault, ...] | None = None
        self._by_oid: dict[str, extensions.Extension] | None = None
        self.slice_faults: tuple[Fault, ...] = ()
        try:
            parts = _slice(encoded)
        except der.Malformed as fault:
            parts, found = _describe(encoded)
            # the strict reader's word comes first: it says why the lenient one was needed at all
            first = Fault(fault.offset, fault.what, fault.where or "certificate")
            self.slice_faults = (first, *(f for f in found if f != first))
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
        return tuple(a.location.value for a in access if a.method == method and isinstance(a.location.value, str) and a.location.kind[0] == "u")

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
    def faults(self) -> tuple[Fault, ...]:
        """Everything that is not strict DER or not the syntax of RFC 5280, in the order of the bytes."""
        if self._faults is None:
            self._faults = self.slice_faults or tuple(_inner_faults(self))
        return self._faults


def _slice(data: bytes) -> _Parts:
    """The strict way through RFC 5280 4.1."""
    header, expect = der.header, der.expect
    start, stop = der.whole(data, der.SEQUENCE, "Certificate")
    tbs_start, tbs_stop = expect(data, start, stop, der.SEQUENCE, "tbsCertificate")
    tag, inner, pos = header(data, tbs_start, tbs_stop)
    version = 1
    if tag == 0xA0:
        version = _version(data, inner, pos)
        tag, inner, after = header(data, pos, tbs_stop)
    else:
        after, pos = pos, tbs_start
    if tag != der.INTEGER:
        raise der.Malformed(pos, f"tag 0x{tag:02x} where the serial number belongs", "serialNumber")
    der.integer(data, inner, after)
    serial = data[inner:after]
    _, pos = expect(data, after, tbs_stop, der.SEQUENCE, "the signature algorithm")
    inner_algorithm = data[after:pos]
    _, after = expect(data, pos, tbs_stop, der.SEQUENCE, "the issuer")
    issuer = data[pos:after]
    inner, pos = expect(data, after, tbs_stop, der.SEQUENCE, "the validity")
    not_before, not_after = _validity(data, inner, pos)
    _, after = expect(data, pos, tbs_stop, der.SEQUENCE, "the subject")
    subject = data[pos:after]
    _, pos = expect(data, after, tbs_stop, der.SEQUENCE, "the public key")
    spki = data[after:pos]
    found: tuple[extensions.Extension, ...] = ()
    if pos < tbs_stop:
        tag, inner, after = header(data, pos, tbs_stop)
        while tag in (0x81, 0x82):  # issuerUniqueID, subjectUniqueID
            der.bit_string(data, inner, after)
            last, pos = tag, after
            if pos == tbs_stop:
                break
            tag, inner, after = header(data, pos, tbs_stop)
            if tag <= last:
                raise der.Malformed(pos, f"tag 0x{tag:02x} after the unique identifiers")
        if pos < tbs_stop:
            if tag != 0xA3 or after != tbs_stop:
                raise der.Malformed(pos, f"tag 0x{tag:02x} where the extensions belong")
            found = _extensions(data, inner, after)
    _, pos = expect(data, tbs_stop, stop, der.SEQUENCE, "signatureAlgorithm")
    algorithm = data[tbs_stop:pos]
    inner, after = expect(data, pos, stop, der.BIT_STRING, "signatureValue")
    if after != stop:
        raise der.Malformed(after, "bytes after the signature", "signatureValue")
    _, first = der.bit_string(data, inner, after)
    return _Parts(
        data[start:tbs_stop], version, serial, inner_algorithm, issuer, not_before, not_after, subject, spki, found, algorithm, data[first:stop]
    )


def _version(data: bytes, start: int, stop: int) -> int:
    inner, after = der.expect(data, start, stop, der.INTEGER, "the version")
    number = der.integer(data, inner, after)
    if after != stop or number not in (1, 2):  # X.690 11.5: v1 is the DEFAULT and not encoded
        raise der.Malformed(inner, f"version number {number}", "version")
    return number + 1


def _validity(data: bytes, start: int, stop: int) -> tuple[int, int]:
    tag, inner, after = der.header(data, start, stop)
    not_before = der.time(data, tag, inner, after)
    tag, inner, end = der.header(data, after, stop)
    if end != stop:
        raise der.Malformed(end, "bytes after notAfter", "validity")
    return not_before, der.time(data, tag, inner, end)


def _extensions(data: bytes, start: int, stop: int) -> tuple[extensions.Extension, ...]:
    inner, after = der.expect(data, start, stop, der.SEQUENCE, "the extensions")
    if after != stop or inner == after:
        raise der.Malformed(inner, "an extensions field that is empty or followed by bytes", "extensions")
    header, read = der.header, extensions.read
    found = []
    pos = inner
    while pos < stop:
        _, _, end = header(data, pos, stop)
        try:
            found.append(read(data[pos:end]))
        except der.Malformed as fault:
            raise der.Malformed(pos + fault.offset, fault.what, "extensions") from fault
        pos = end
    return tuple(found)


def _inner_faults(certificate: Certificate) -> list[Fault]:
    """What a strict slicing leaves unread: names, algorithms, key and extension values."""
    found = []
    data = certificate.der
    for encoded, where in ((certificate.issuer_der, "issuer"), (certificate.subject_der, "subject")):
        fault = name_fault(encoded)
        if fault is not None:
            found.append(Fault(data.find(encoded) + fault.offset, fault.what, where))
    if certificate.inner_algorithm != certificate.signature_algorithm:  # RFC 5280 4.1.1.2
        found.append(Fault(data.find(certificate.inner_algorithm), "it differs from signatureAlgorithm", "tbsCertificate.signature"))
    if (reason := algorithm_fault(certificate.signature_algorithm)) is not None:
        found.append(Fault(data.rfind(certificate.signature_algorithm), reason, "signatureAlgorithm"))
    if data[-len(certificate.signature) - 1]:
        found.append(Fault(len(data) - len(certificate.signature) - 1, "a signature that is not whole octets", "signatureValue"))
    if (reason := certificate.public_key.fault) is not None:
        found.append(Fault(data.find(certificate.spki), reason, "subjectPublicKeyInfo"))
    seen = set()
    for extension in certificate.extensions:
        if extension.oid in seen:  # RFC 5280 4.2
            found.append(Fault(data.find(extension.value), "the same extension twice", f"extension {extension.oid}"))
        seen.add(extension.oid)
        if extension.fault is not None:
            found.append(Fault(data.find(extension.value) + extension.fault.offset, extension.fault.what, f"extension {extension.oid}"))
        if extension.remark is not None:
            found.append(Fault(data.find(extension.value), extension.remark, f"extension {extension.oid}", readable=True))
    if certificate.extensions and certificate.version != 3:  # RFC 5280 4.1.2.1
        found.append(Fault(0, f"extensions in a version {certificate.version} certificate", "version"))
    return sorted(found)


def _loose(data: bytes, pos: int, end: int) -> tuple[int, int, int]:
    """A header whose length may be in any definite form and may point beyond the data."""
    if pos + 2 > end:
        raise der.Malformed(pos, "the data ends")
    length, start = data[pos + 1], pos + 2
    if length > 0x80:
        count = length - 0x80
        length = int.from_bytes(data[start : start + count], "big") if count <= 8 else end
        start += count
    elif length == 0x80:
        length = end  # indefinite: everything up to the end of the window
    return data[pos], min(start, end), min(start + length, end)


def _describe(data: bytes) -> tuple[_Parts, list[Fault]]:
    """Read what can be read of a certificate that is not strict DER."""
    found: list[Fault] = []
    tbs_window = algorithm = serial = inner_algorithm = issuer = subject = spki = signature = b""
    not_before = not_after = None
    version = 1
    listed: tuple[extensions.Extension, ...] = ()
    try:
        _, start, stop = _loose(data, 0, len(data))
        tag, tbs_start, tbs_stop = _loose(data, start, stop)
        tbs_window = data[start:tbs_stop]
        tag, inner, after = _loose(data, tbs_start, tbs_stop)
        pos = tbs_start
        if tag == 0xA0:
            version = data[after - 1] + 1 if after > inner else 1
            pos = after
        fields = []
        for _ in range(6):
            tag, inner, after = _loose(data, pos, tbs_stop)
            fields.append((tag, pos, inner, after))
            pos = after
            if len(fields) == 1:
                serial = data[inner:after][:64]
            elif len(fields) == 2:
                inner_algorithm = data[fields[1][1] : after]
            elif len(fields) == 3:
                issuer = data[fields[2][1] : after]
            elif len(fields) == 4:
                not_before, not_after = _loose_validity(data, inner, after, found)
            elif len(fields) == 5:
                subject = data[fields[4][1] : after]
            else:
                spki = data[fields[5][1] : after]
        while pos < tbs_stop:
            tag, inner, after = _loose(data, pos, tbs_stop)
            if tag == 0xA3:
                listed = _loose_extensions(data, inner, after, found)
            pos = after
        tag, inner, after = _loose(data, tbs_stop, stop)
        algorithm = data[tbs_stop:after]
        tag, inner, end = _loose(data, after, stop)
        signature = data[inner + 1 : end]
    except (der.Malformed, IndexError) as fault:
        found.append(Fault(getattr(fault, "offset", len(data)), "the rest cannot be read", "certificate"))
    parts = _Parts(tbs_window, version, serial, inner_algorithm, issuer, not_before, not_after, subject, spki, listed, algorithm, signature)
    return parts, found


def _loose_validity(data: bytes, start: int, stop: int, found: list[Fault]) -> tuple[int | None, int | None]:
    times: list[int | None] = []
    pos = start
    for which in ("notBefore", "notAfter"):
        try:
            tag, inner, pos = _loose(data, pos, stop)
            times.append(der.time(data, tag, inner, pos))
        except der.Malformed as fault:
            found.append(Fault(fault.offset, fault.what, which))
            times.append(None)
    return times[0], times[1]


def _loose_extensions(data: bytes, start: int, stop: int, found: list[Fault]) -> tuple[extensions.Extension, ...]:
    listed: list[extensions.Extension] = []
    try:
        _, pos, stop = _loose(data, start, stop)
        while pos < stop and len(listed) < 1000:
            _, _, after = _loose(data, pos, stop)
            try:
                listed.append(extensions.read(data[pos:after]))
            except der.Malformed as fault:
                found.append(Fault(pos + fault.offset, fault.what, "extensions"))
                if (rescued := _loose_extension(data, pos, after)) is not None:
                    listed.append(rescued)
            pos = after
    except der.Malformed as fault:
        found.append(Fault(fault.offset, fault.what, "extensions"))
    return tuple(listed)


def _loose_extension(data: bytes, pos: int, stop: int) -> extensions.Extension | None:
    """An extension with a BOOLEAN of the wrong octet, an encoded DEFAULT or a long-form length still has an identity and a value."""
    try:
        _, start, stop = _loose(data, pos, stop)
        tag, inner, after = _loose(data, start, stop)
        oid = der.oid(data, inner, after)
        tag, inner, after = _loose(data, after, stop)
        critical = False
        if tag == der.BOOLEAN:
            critical = after > inner and data[inner] != 0
            tag, inner, after = _loose(data, after, stop)
        return extensions.Extension(oid, critical, data[inner:after])
    except der.Malformed:
        return None


def slice_names(data: bytes) -> tuple[bytes, bytes] | None:
    """The DER of issuer and subject without reading anything else; None where the bytes are not a certificate. For indexing large stores."""
    try:
        header = der.header
        _, start, stop = header(data, 0, len(data))
        _, pos, stop = header(data, start, stop)
        tag, _, after = header(data, pos, stop)
        if tag == 0xA0:
            _, _, after = header(data, after, stop)
        _, _, issuer = header(data, after, stop)
        _, _, validity = header(data, issuer, stop)
        _, _, subject = header(data, validity, stop)
        _, _, after = header(data, subject, stop)
    except der.Malformed:
        return None
    return data[issuer:validity], data[subject:after]
