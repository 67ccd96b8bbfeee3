"""Certificate trust lists (``authroot.stl``, ``disallowedcert.stl``, the registry values ``EncodedCtl`` and ``DisallowedCertEncodedCtl``).

A PKCS#7 SignedData around a list of identifiers of certificates (MS-CAESO; the layout agrees with what the package signify reads).
The signature of the list is **not** verified: whoever hands in the export vouches for it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from chaincheck.errors import InputError
from chaincheck.formats import frame
from chaincheck.x509 import der
from chaincheck.x509.signature import algorithm as signature_algorithm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.x509.certificate import Certificate

ROOT_LIST = "1.3.6.1.4.1.311.10.3.9"
"""The usage of a list of roots (``szOID_ROOT_LIST_SIGNER``)."""
DISALLOWED_LIST = "1.3.6.1.4.1.311.10.3.30"
"""The usage of a list of certificates that are distrusted (``szOID_DISALLOWED_LIST``)."""

_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_TRUST_LIST = bytes.fromhex("06092b0601040182370a01")  # 1.3.6.1.4.1.311.10.1
_PROPERTY = bytes.fromhex("2b0601040182370a0b")  # 1.3.6.1.4.1.311.10.11, the arc of properties of certificates
_SIGNATURE_HASH = "1.3.6.1.4.1.311.10.11.15"
_SHORT = 16  # bytes of an identifier in today's disallowedcert.stl
_HASHES = {
    "1.2.840.113549.2.5": "md5",
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "1.3.6.1.4.1.311.10.11.3": "sha1",  # CERT_SHA1_HASH_PROP_ID
    "1.3.6.1.4.1.311.10.11.107": "sha256",  # CERT_SHA256_HASH_PROP_ID
}
_EXPECTED = "a certificate trust list (.stl)"
_BEGINNING = 256  # bytes: contentType and encapContentInfo stand there, whatever the digest algorithms
_LONGEST_NUMBER = 64  # bytes of a sequence number; Microsoft's have up to 16


class TrustedSubject(NamedTuple):
    """One entry: what identifies the certificate, and (property id, value) of the properties that the list gives it."""

    identifier: bytes
    properties: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrustList:
    """A list. Times in seconds since 1970-01-01 UTC; ``subject_algorithm`` is the dotted OID that says what the identifiers are.

    ``certificates``: DER, as enclosed with the signature.
    """

    usages: tuple[str, ...]
    list_identifier: bytes | None
    sequence_number: int | None
    this_update_s: int | None
    next_update_s: int | None
    subject_algorithm: str
    subjects: tuple[TrustedSubject, ...]
    certificates: tuple[bytes, ...]
    _index: dict[bytes, TrustedSubject] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", {subject.identifier: subject for subject in reversed(self.subjects)})

    @property
    def algorithm_known(self) -> bool:
        """Whether ``identifies`` can tell at all: where not, its None says nothing."""
        return self.subject_algorithm in _HASHES or self.subject_algorithm == _SIGNATURE_HASH

    def identifies(self, certificate: Certificate) -> TrustedSubject | None:
        """The entry of a certificate, by the algorithm that the list declares; None where it has none, or where that cannot be told."""
        name = _HASHES.get(self.subject_algorithm)
        if name is not None:
            return self._index.get(_digest(name, certificate.der))
        if self.subject_algorithm != _SIGNATURE_HASH or not certificate.tbs:
            return None
        # CERT_SIGNATURE_HASH_PROP_ID: the hash that was signed
        digest = _digest(signature_algorithm(certificate.signature_algorithm).hash, certificate.tbs)
        if not digest:
            return None
        # inferred: identifiers of 16 bytes were observed in disallowedcert.stl, and are taken for the beginning of that hash
        return self._index.get(digest) or self._index.get(digest[:_SHORT])


def is_ctl(data: bytes) -> bool:
    """Whether ``data`` begins like a trust list; reads no further than its first bytes."""
    return data[:1] == b"\x30" and 0 < data.find(_SIGNED_DATA, 0, 32) < data.find(_TRUST_LIST, 0, _BEGINNING)


def parse(data: bytes, where: str, most: int = 100_000) -> TrustList:
    """Read a trust list of at most ``most`` subjects and certificates. Raises ``InputError`` for anything else."""
    try:
        return _parse(data, where, most)
    except der.Malformed as fault:
        raise InputError(
            "damaged-ctl", found=f"a damaged trust list: {fault.what}", expected=_EXPECTED, where=f"{where}, byte {fault.offset}"
        ) from None


def _parse(data: bytes, where: str, most: int) -> TrustList:
    """RFC 5652 3 and 5.1, and PKCS#7 1.5 (RFC 2315 7 and 9.1) which Microsoft follows: there the content is no OCTET STRING."""
    content = frame.children(data, frame.whole(data, "ContentInfo"))
    _object_identifier(data, content, _SIGNED_DATA, "SignedData")
    signed = frame.expect(data, frame.children(data, frame.expect(data, content, 0xA0, "content")), 0x30, "SignedData")
    fields = frame.children(data, signed)
    frame.expect(data, fields, 0x02, "version")
    frame.expect(data, fields, 0x31, "digestAlgorithms")
    inner = frame.children(data, frame.expect(data, fields, 0x30, "encapContentInfo"))
    _object_identifier(data, inner, _TRUST_LIST, "a trust list")
    explicit = frame.expect(data, inner, 0xA0, "eContent")
    listed = next(frame.children(data, explicit), None)
    if listed is None:
        raise der.Malformed(explicit.start, "a SignedData without the list")
    certificates: list[bytes] = []
    enclosed = next(fields, None)
    if enclosed is not None and enclosed.tag == 0xA0:
        for member in frame.children(data, enclosed):
            if len(certificates) >= most:
                raise _too_many(where, most)
            if member.tag == 0x30:
                certificates.append(data[member.begin : member.end])
    if listed.tag & 0xDF == 0x04:  # an OCTET STRING, also in pieces
        data = frame.octets(data, listed, "eContent")
        listed = frame.whole(data, "the list")
    if listed.tag != 0x30:
        raise der.Malformed(listed.begin, f"tag 0x{listed.tag:02x} where the list belongs")
    return _list(data, listed, where, most, tuple(certificates))


def _list(data: bytes, listed: frame.Element, where: str, most: int, certificates: tuple[bytes, ...]) -> TrustList:
    """CertificateTrustList ::= SEQUENCE { version DEFAULT v1, subjectUsage, listIdentifier OPTIONAL, sequenceNumber OPTIONAL,
    ctlThisUpdate, ctlNextUpdate OPTIONAL, subjectAlgorithm, trustedSubjects OPTIONAL, ctlExtensions [0] OPTIONAL }."""
    fields = _Fields(data, listed)
    fields.optional(0x02)
    usages = tuple(der.oid(data, one.start, one.stop) for one in fields.each(fields.needed(0x30, "subjectUsage"), 0x06))
    identifier = fields.optional(0x04)
    number = fields.optional(0x02)
    times = [fields.optional(der.UTC_TIME, der.GENERALIZED_TIME) for _ in range(2)]
    this_update, next_update = (None if one is None else der.time(data, one.tag, one.start, one.stop) for one in times)
    named = next(frame.children(data, fields.needed(0x30, "subjectAlgorithm")), None)
    if named is None or named.tag != 0x06:
        raise der.Malformed(listed.begin, "a subjectAlgorithm without its OBJECT IDENTIFIER")
    subjects: list[TrustedSubject] = []
    entries = fields.optional(0x30)
    if entries is not None:
        for entry in fields.each(entries, 0x30):
            if len(subjects) >= most:
                raise _too_many(where, most)
            subjects.append(_subject(data, entry))
    return TrustList(
        usages=usages,
        list_identifier=None if identifier is None else data[identifier.start : identifier.stop],
        sequence_number=None if number is None else _number(data, number),
        this_update_s=this_update,
        next_update_s=next_update,
        subject_algorithm=der.oid(data, named.start, named.stop),
        subjects=tuple(subjects),
        certificates=certificates,
    )


class _Fields:
    """The fields of the list, of which some may be absent."""

    def __init__(self, data: bytes, parent: frame.Element) -> None:
        self._data = data
        self._end = parent.stop
        self._rest = frame.children(data, parent)
        self._next = next(self._rest, None)

    def optional(self, *tags: int) -> frame.Element | None:
        found = self._next
        if found is None or found.tag not in tags:
            return None
        self._next = next(self._rest, None)
        return found

    def needed(self, tag: int, what: str) -> frame.Element:
        found = self.optional(tag)
        if found is None:
            raise der.Malformed(self._end if self._next is None else self._next.begin, f"{what} is missing")
        return found

    def each(self, parent: frame.Element, tag: int) -> Iterator[frame.Element]:
        for one in frame.children(self._data, parent):
            if one.tag != tag:
                raise der.Malformed(one.begin, f"tag 0x{one.tag:02x} where 0x{tag:02x} belongs")
            yield one


def _subject(data: bytes, entry: frame.Element) -> TrustedSubject:
    """TrustedSubject ::= SEQUENCE { subjectIdentifier OCTET STRING, subjectAttributes SET OF Attribute OPTIONAL }."""
    parts = frame.children(data, entry)
    identifier = frame.octets(data, frame.expect(data, parts, 0x04, "subjectIdentifier"), "subjectIdentifier")
    attributes = next(parts, None)
    if attributes is None:
        return TrustedSubject(identifier, ())
    if attributes.tag != 0x31:
        raise der.Malformed(attributes.begin, f"tag 0x{attributes.tag:02x} where subjectAttributes belong")
    properties = []
    for attribute in frame.children(data, attributes):
        parts = frame.children(data, attribute)
        kind = frame.expect(data, parts, 0x06, "the type of an attribute")
        if not data.startswith(_PROPERTY, kind.start, kind.stop) or kind.stop - kind.start <= len(_PROPERTY):
            continue
        arc = der.oid(data, kind.start, kind.stop).split(".")[9:]
        if len(arc) == 1:
            values = frame.children(data, frame.expect(data, parts, 0x31, "the values of an attribute"))
            # a restriction that cannot be read must not be passed over
            properties.append((int(arc[0]), frame.octets(data, frame.expect(data, values, 0x04, "the value of a property"), "a property")))
    return TrustedSubject(identifier, tuple(properties))


def _object_identifier(data: bytes, elements: Iterator[frame.Element], wanted: bytes, what: str) -> None:
    found = frame.expect(data, elements, 0x06, "contentType")
    if data[found.start : found.stop] != wanted[2:]:
        raise der.Malformed(found.begin, f"a content of another type than {what}")


def _number(data: bytes, found: frame.Element) -> int:
    if not 0 < found.stop - found.start <= _LONGEST_NUMBER:
        raise der.Malformed(found.begin, f"a sequence number of {found.stop - found.start} bytes")
    return int.from_bytes(data[found.start : found.stop], "big", signed=True)


def _digest(name: str, data: bytes) -> bytes:
    """b"" for a hash that this build does not have, or where there is none (Ed25519)."""
    try:
        return hashlib.new(name, data, usedforsecurity=False).digest()
    except ValueError:
        return b""


def _too_many(where: str, most: int) -> InputError:
    return InputError("too-many", found=f"more than {most} members", expected=_EXPECTED, where=where)
