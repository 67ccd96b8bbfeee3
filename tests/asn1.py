"""Writes DER (X.690), so that tests can make what no well-behaved library would: an unknown version, a wrong signature, a serial of zero.

Values are ``bytes`` all the way: ``sequence(integer(1), null())`` is the encoding itself.
"""

from __future__ import annotations

from datetime import UTC, datetime


def tlv(tag: int, *contents: bytes) -> bytes:
    """One element: identifier octet, definite length in its shortest form, contents."""
    body = b"".join(contents)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + body


def sequence(*items: bytes) -> bytes:
    return tlv(0x30, *items)


def set_of(*items: bytes) -> bytes:
    return tlv(0x31, *sorted(items))  # X.690 11.6


def explicit(number: int, *items: bytes) -> bytes:
    return tlv(0xA0 | number, *items)


def implicit(number: int, contents: bytes) -> bytes:
    return tlv(0x80 | number, contents)


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


def enumerated(value: int) -> bytes:
    return tlv(0x0A, bytes([value]))


def boolean(value: bool) -> bytes:
    return tlv(0x01, b"\xff" if value else b"\x00")


def null() -> bytes:
    return tlv(0x05)


def octet_string(value: bytes) -> bytes:
    return tlv(0x04, value)


def bit_string(value: bytes) -> bytes:
    return tlv(0x03, b"\x00", value)


def oid(dotted: str) -> bytes:
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return tlv(0x06, *(_base128(arc) for arc in (first * 40 + second, *rest)))


def _base128(arc: int) -> bytes:
    octets = [arc & 0x7F]
    while arc := arc >> 7:
        octets.append(0x80 | (arc & 0x7F))
    return bytes(reversed(octets))


def time(moment: datetime) -> bytes:
    """UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280 4.1.2.5)."""
    return utc_time(moment) if 1950 <= moment.year < 2050 else generalized_time(moment)


def utc_time(moment: datetime) -> bytes:
    return tlv(0x17, moment.astimezone(UTC).strftime("%y%m%d%H%M%SZ").encode())


def generalized_time(moment: datetime) -> bytes:
    return tlv(0x18, f"{moment.astimezone(UTC):%Y%m%d%H%M%SZ}".rjust(15, "0").encode())


def parts(element: bytes) -> list[bytes]:
    """The elements inside one constructed element (well-formed DER with short tags only)."""
    _, position = _contents(element, 0)
    found = []
    while position < len(element):
        end, _ = _contents(element, position)
        found.append(element[position:end])
        position = end
    return found


def _contents(data: bytes, position: int) -> tuple[int, int]:
    length, start = data[position + 1], position + 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(data[start : start + count]), start + count
    return start + length, start
