"""Serialized certificate stores (.sst), as ``Export-Certificate -Type SST`` and ``certutil -generateSSTFromWU`` write them.

Layout (MS-OSHARED 2.3.9.1; wine, dlls/crypt32/serialize.c): u32 0, "CERT", then elements of u32 id, u32 encoding, u32 length, value;
properties come before the object they belong to; twelve zero bytes end it. All numbers are little-endian.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from chaincheck.formats.loaded import Note, NoteCode, StoredCertificate

MAGIC = b"\0\0\0\0CERT"
CERTIFICATE, CRL, CTL = 32, 33, 34
_HEAD = Struct("<III")
_LARGEST_ID = 0xFFFF  # CERT_FIRST_USER_PROP_ID .. CERT_LAST_USER_PROP_ID end there; wine refuses more


class Elements(NamedTuple):
    """The objects of a store or registry record, and what was odd about it."""

    certificates: tuple[StoredCertificate, ...]
    crls: tuple[bytes, ...]
    notes: tuple[Note, ...]


def parse(data: bytes, where: str, most: int) -> Elements:
    """Read a serialized store that begins with ``MAGIC``; never raises. At most ``most`` objects."""
    return elements(data, len(MAGIC), where, most)


def elements(data: bytes, pos: int, where: str, most: int, *, ends: bool = True) -> Elements:
    """Read elements from ``pos`` until the end marker, the end of the data, or damage. One plain loop: stores hold 10,000 certificates.

    ``ends``: whether an end marker is due (a store) or not (the registry, where properties may also follow their object).
    """
    certificates: list[StoredCertificate] = []
    crls: list[bytes] = []
    notes: list[Note] = []
    properties: list[tuple[int, bytes]] = []
    unpack, size, held = _HEAD.unpack_from, len(data), 0
    while pos + 12 <= size:
        identifier, encoding, length = unpack(data, pos)
        start = pos + 12
        if identifier == 0:
            _end(notes, where, pos, size, encoding or length)
            break
        if length > size - start:
            _note(notes, NoteCode.DAMAGED_MEMBER, where, pos, f"element {identifier} says {length} bytes, {size - start} are left")
            break
        at, pos = pos, start + length
        value = data[start:pos]
        if not CERTIFICATE <= identifier <= CTL:
            if identifier > _LARGEST_ID:
                _note(notes, NoteCode.FAULT, where, at, f"property id 0x{identifier:x} is above 0xFFFF")
            properties.append((identifier, value))
            continue
        held += 1
        if held > most:
            _note(notes, NoteCode.CUT, where, at, f"more than {most} objects")
            break
        if encoding & 0xFFFF != 1:
            _note(notes, NoteCode.FAULT, where, at, f"encoding {encoding} is not X.509 (1)")
        if identifier == CERTIFICATE:
            certificates.append(StoredCertificate(der=value, properties=tuple(properties)))
        elif identifier == CRL:
            crls.append(value)
        else:
            _note(notes, NoteCode.UNRELATED_MEMBER, where, at, "a certificate trust list")
        properties = []
    else:
        if pos < size:
            _note(notes, NoteCode.DAMAGED_MEMBER, where, pos, f"{size - pos} bytes where an element needs 12")
        elif ends:
            _note(notes, NoteCode.FAULT, where, pos, "no end marker")
    if properties and ends:
        _note(notes, NoteCode.FAULT, where, size, "properties that belong to no object")
    return Elements(tuple(certificates), tuple(crls), tuple(notes))


def _end(notes: list[Note], where: str, pos: int, size: int, more: int) -> None:
    """The end marker: twelve zero bytes and nothing after them."""
    if more:
        _note(notes, NoteCode.FAULT, where, pos, "an end marker that is not zero")
    elif pos + 12 < size:
        _note(notes, NoteCode.TRAILING_DATA, where, pos + 12, f"{size - pos - 12} bytes after the end marker")


def _note(notes: list[Note], code: NoteCode, where: str, at: int, detail: str) -> None:
    if len(notes) < 1000:  # a store of nothing but faults shall not become a longer list of notes
        notes.append(Note(code=code, where=f"{where}, byte {at}", detail=detail))
