"""Certificate trust lists (authroot.stl, disallowedcert.stl): which certificates a list names, and with which properties.

A PKCS#7 SignedData whose content is a CTL (MS-CAESO): ``SEQUENCE { version DEFAULT v1, subjectUsage, listIdentifier OPTIONAL,
sequenceNumber OPTIONAL, ctlThisUpdate, ctlNextUpdate OPTIONAL, subjectAlgorithm, trustedSubjects, extensions [0] OPTIONAL }``. The
signature of the list is not verified: whoever hands in an export of a server vouches for it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from chaincheck.errors import InputError
from chaincheck.formats import frame
from chaincheck.x509 import der
from chaincheck.x509.der import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.formats.frame import Element
    from chaincheck.x509.certificate import Certificate

TRUST_LIST: Final = bytes.fromhex("2b0601040182370a01")  # 1.3.6.1.4.1.311.10.1, the content type
_SIGNED_DATA: Final = bytes.fromhex("2a864886f70d010702")
_PROPERTY_ARC: Final = "1.3.6.1.4.1.311.10.11."  # the attribute OID is this and the property id
MOST_SUBJECTS: Final = 100_000  # the lists of Windows Update name about 500
_MOST_ATTRIBUTES: Final = 100
_EXPECTED: Final = "a certificate trust list (.stl)"

# subjectAlgorithm: by what the list names its certificates. It is read, never assumed.
_HASHES: Final = {
    "1.3.14.3.2.26": "sha1",
    "1.2.840.113549.2.5": "md5",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    f"{_PROPERTY_ARC}3": "sha1",
    f"{_PROPERTY_ARC}4": "md5",
    f"{_PROPERTY_ARC}107": "sha256",
}
_SIGNATURE_HASH: Final = f"{_PROPERTY_ARC}15"


class TrustedSubject(NamedTuple):
    """One certificate of the list: its identifier by the algorithm of the list, and its properties as a store keeps them."""

    identifier: bytes
    properties: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, kw_only=True)
class TrustList:
    """A list as read. ``usages``: what it is for (dotted OIDs); moments are seconds since 1970-01-01 UTC."""

    usages: tuple[str, ...]
    list_identifier: bytes | None
    sequence_number: int | None
    this_update_s: int | None
    next_update_s: int | None
    subject_algorithm: str
    subjects: tuple[TrustedSubject, ...]

    @property
    def algorithm_known(self) -> bool:
        """Whether certificates can be told by the identifiers of this list."""
        return self.subject_algorithm in _HASHES or self.subject_algorithm == _SIGNATURE_HASH

    def identifies(self, certificate: Certificate) -> TrustedSubject | None:
        """The entry of a certificate; None where the list does not name it, or names certificates in a way that is not known."""
        return next((self._by_identifier[each] for each in self._identifiers(certificate) if each in self._by_identifier), None)

    def _identifiers(self, certificate: Certificate) -> Iterator[bytes]:
        name = _HASHES.get(self.subject_algorithm)
        if name is not None:
            yield hashlib.new(name, certificate.der, usedforsecurity=False).digest()
        elif self.subject_algorithm == _SIGNATURE_HASH:
            from chaincheck.x509.signature import algorithm

            used = algorithm(certificate.signature_algorithm).hash
            if used in hashlib.algorithms_available:
                digest = hashlib.new(used, certificate.tbs, usedforsecurity=False).digest()
                yield digest
                yield digest[:16]  # identifiers of 16 octets are seen in disallowedcert.stl; that they are the first ones is inferred

    @cached_property
    def _by_identifier(self) -> dict[bytes, TrustedSubject]:
        return {subject.identifier: subject for subject in self.subjects}


def is_ctl(data: bytes) -> bool:
    """Whether it is a SignedData of a trust list, by its first structures."""
    return data[:1] == b"\x30" and _SIGNED_DATA in data[:32] and TRUST_LIST in data[:160]


def parse(data: bytes, where: str, most: int = MOST_SUBJECTS) -> TrustList:
    """Read a list. Raises ``InputError`` for what is damaged or no list."""
    try:
        return _list(data, _content(data), most)
    except Malformed as fault:
        found = f"a damaged trust list: {fault.what}"
        raise InputError("damaged-ctl", found=found, expected=_EXPECTED, where=f"{where}, byte {fault.offset}") from None


def _content(data: bytes) -> Element:
    """The CTL in the SignedData: in [0] directly (PKCS#7 1.5), or in an OCTET STRING there (CMS)."""
    content = frame.children(data, frame.whole(data, "ContentInfo"))
    kind = frame.expect(data, content, 0x06, "contentType")
    if data[kind.start : kind.stop] != _SIGNED_DATA:
        raise Malformed(kind.begin, "it is no SignedData")
    signed = frame.expect(data, frame.children(data, frame.expect(data, content, 0xA0, "content")), 0x30, "SignedData")
    fields = frame.children(data, signed)
    frame.expect(data, fields, 0x02, "version")
    frame.expect(data, fields, 0x31, "digestAlgorithms")
    inner = frame.children(data, frame.expect(data, fields, 0x30, "contentInfo"))
    kind = frame.expect(data, inner, 0x06, "contentType")
    if data[kind.start : kind.stop] != TRUST_LIST:
        raise Malformed(kind.begin, "its content is no trust list")
    found = next(frame.children(data, frame.expect(data, inner, 0xA0, "the list")), None)
    if found is not None and found.tag == 0x04:
        found = frame.element(data, found.start, found.stop)
    if found is None or found.tag != 0x30:
        raise Malformed(kind.end, "the list is missing")
    return found


def _list(data: bytes, outer: Element, most: int) -> TrustList:
    fields = list(frame.children(data, outer))
    place = 1 if fields and fields[0].tag == 0x02 and len(fields) > 1 and fields[1].tag == 0x30 else 0  # version, where it is written
    usages = _at(fields, place, 0x30, outer, "subjectUsage")
    place += 1
    identifier = number = None
    if place < len(fields) and fields[place].tag == 0x04:
        identifier = data[fields[place].start : fields[place].stop]
        place += 1
    if place < len(fields) and fields[place].tag == 0x02:
        number = int.from_bytes(data[fields[place].start : fields[place].stop][:64], "big")
        place += 1
    times: list[int] = []
    while place < len(fields) and fields[place].tag in (0x17, 0x18) and len(times) < 2:
        times.append(der.time(data, fields[place].tag, fields[place].start, fields[place].stop))
        place += 1
    algorithm = _at(fields, place, 0x30, outer, "subjectAlgorithm")
    subjects = fields[place + 1] if place + 1 < len(fields) and fields[place + 1].tag == 0x30 else None
    return TrustList(
        usages=tuple(_oid(data, each) for each in frame.children(data, usages)),
        list_identifier=identifier,
        sequence_number=number,
        this_update_s=times[0] if times else None,
        next_update_s=times[1] if len(times) > 1 else None,
        subject_algorithm=_oid(data, frame.expect(data, frame.children(data, algorithm), 0x06, "an algorithm")),
        subjects=tuple(_subjects(data, subjects, most)) if subjects is not None else (),
    )


def _at(fields: list[Element], place: int, tag: int, outer: Element, what: str) -> Element:
    if place >= len(fields) or fields[place].tag != tag:
        raise Malformed(fields[place].begin if place < len(fields) else outer.stop, f"{what} is missing")
    return fields[place]


def _oid(data: bytes, found: Element) -> str:
    if found.tag != 0x06:
        raise Malformed(found.begin, f"tag 0x{found.tag:02x} where an identifier belongs")
    return der.oid(data, found.start, found.stop)


def _subjects(data: bytes, outer: Element, most: int) -> Iterator[TrustedSubject]:
    for count, member in enumerate(frame.children(data, outer)):
        if count >= most:
            raise Malformed(member.begin, f"more than {most:,} subjects")
        fields = frame.children(data, member)
        identifier = frame.expect(data, fields, 0x04, "subjectIdentifier")
        attributes = next(fields, None)
        properties = tuple(_properties(data, attributes)) if attributes is not None and attributes.tag == 0x31 else ()
        yield TrustedSubject(data[identifier.start : identifier.stop], properties)


def _properties(data: bytes, outer: Element) -> Iterator[tuple[int, bytes]]:
    """Attributes whose OID ends in a property id: the value of the property in an OCTET STRING."""
    for count, attribute in enumerate(frame.children(data, outer)):
        if count >= _MOST_ATTRIBUTES:
            raise Malformed(attribute.begin, f"more than {_MOST_ATTRIBUTES} attributes")
        fields = frame.children(data, attribute)
        oid = _oid(data, frame.expect(data, fields, 0x06, "an attribute"))
        values = frame.expect(data, fields, 0x31, "the values of an attribute")
        value = next(frame.children(data, values), None)
        number = oid.removeprefix(_PROPERTY_ARC)
        if value is not None and value.tag == 0x04 and oid.startswith(_PROPERTY_ARC) and number.isdecimal() and len(number) < 6:
            yield int(number), data[value.start : value.stop]
