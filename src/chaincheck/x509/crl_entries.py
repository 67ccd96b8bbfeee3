"""The entries of a certificate revocation list (RFC 5280 5.1.2.6, 5.3), never turned into objects.

The list is walked once by a regular expression, which finds it well-formed and leaves a checkpoint every 128 entries. A serial
number is then looked up with ``bytes.find``, and every hit is confirmed by the structure from the nearest checkpoint on: the bytes of a
serial number inside another entry's extension are no hit.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from chaincheck.x509 import der, extensions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chaincheck.x509.extensions import Extension, GeneralName

REASON_CODE = "2.5.29.21"
INVALIDITY_DATE = "2.5.29.24"
CERTIFICATE_ISSUER = "2.5.29.29"
_ISSUER_DER = b"\x06\x03\x55\x1d\x1d"
UNDERSTOOD = frozenset({REASON_CODE, INVALIDITY_DATE, CERTIFICATE_ISSUER})

REASON_CODES = {
    0: "unspecified", 1: "keyCompromise", 2: "cACompromise", 3: "affiliationChanged", 4: "superseded", 5: "cessationOfOperation",
    6: "certificateHold", 8: "removeFromCRL", 9: "privilegeWithdrawn", 10: "aACompromise",
}  # fmt: skip
MAX_EXTENSIONS = 100  # of one CRL or entry; RFC 5280 defines seven and four
BLOCK = 128  # entries that the pattern takes at once, and so the distance of its checkpoints: a hit is confirmed in some 20 us
SAMPLE = 256  # entries whose shapes are looked at before the list is walked
MAX_UNKNOWN = 16  # different unknown critical entry extensions that are named
CHECKPOINT_BYTES = 16_384  # the distance of checkpoints where entries are read one by one
PATTERN_BYTES = 65_536  # shorter lists are read entry by entry (5 ms): compiling the pattern costs 8 ms


class Entry(NamedTuple):
    """One revoked certificate (RFC 5280 5.1.2.6, 5.3); ``reason`` is None where the entry gives none."""

    serial: int
    revoked_at_s: int
    reason: str | None
    invalidity_s: int | None
    certificate_issuer: tuple[GeneralName, ...]
    unknown_critical: tuple[str, ...]


class Walked(NamedTuple):
    """What one walk over all entries found. ``end``: how far the list is well-formed."""

    checkpoints: array[int]
    end: int
    unknown_critical: tuple[str, ...]
    names_issuers: bool
    fault: der.Malformed | None


Shape = tuple[int, int]
"""A usual entry: the octets of its serial number, and those of its extensions (0: none)."""

_TIME = rb"\x17\x0d[0-9]{12}Z"
_REASON = rb"0\x0a\x06\x03U\x1d\x15\x04\x03\x0a\x01[\x00-\x06\x08-\x0a]"
_INVALIDITY = rb"0\x18\x06\x03U\x1d\x18\x04\x11\x18\x0f[0-9]{14}Z"
_TAILS = {
    0: b"",
    14: rb"0\x0c" + _REASON,
    28: rb"0\x1a" + _INVALIDITY,
    40: rb"0\x26(?:" + _REASON + _INVALIDITY + b"|" + _INVALIDITY + _REASON + b")",
}
# CAs use 16 octets and more (CA/B Forum: 64 random bits), so these are tried first.
EVERY_SHAPE = tuple((size, more) for size in (*range(21, 14, -1), *range(1, 15)) for more in _TAILS)


@lru_cache(maxsize=16)
def _usual_entries(shapes: tuple[Shape, ...]) -> re.Pattern[bytes]:
    """Up to ``BLOCK`` whole entries with a serial of 1 to 21 octets and no extension but reasonCode and invalidityDate, neither critical.

    Every length octet is a literal, so that what matches is well-formed.
    """
    by_length: dict[int, list[bytes]] = {}
    for size, more in shapes:
        octets = b"." if size == 1 else rb"(?!\x00[\x00-\x7f]|\xff[\x80-\xff]).{%d}" % size
        by_length.setdefault(17 + size + more, []).append(re.escape(bytes((der.INTEGER, size))) + octets + _TIME + _TAILS[more])
    found = b"|".join(re.escape(bytes((length,))) + b"(?:" + b"|".join(each) + b")" for length, each in by_length.items())
    return re.compile(b"(?:0(?:" + found + b")){1,%d}+" % BLOCK, re.DOTALL)


def shapes_seen(data: bytes, start: int, stop: int) -> tuple[Shape, ...]:
    """The usual shapes among the first entries: nearly always all that a list has. A pattern of a few is a third faster than of all."""
    seen: dict[Shape, None] = {}
    pos = start
    for _ in range(SAMPLE):
        if pos + 4 > stop or data[pos] != der.SEQUENCE or data[pos + 1] > 0x7F:
            break
        shape = data[pos + 3], data[pos + 1] - 17 - data[pos + 3]
        if shape in _KNOWN_SHAPES:
            seen[shape] = None
        pos += 2 + data[pos + 1]
    return tuple(sorted(seen, reverse=True))


_KNOWN_SHAPES = frozenset(EVERY_SHAPE)


def walk(data: bytes, start: int, stop: int, pattern_from: int = PATTERN_BYTES) -> Walked:
    """Find the whole list well-formed: the usual entries by the pattern, the others one by one.

    Of the dates of usual entries in a list of at least ``pattern_from`` bytes only the digits are checked; ``find`` reads that of the entry
    it finds.
    """
    large = stop - start >= pattern_from
    shapes = shapes_seen(data, start, stop) if large else ()
    match = _usual_entries(shapes).match if shapes else None
    checkpoints = array("Q", (start,))
    unknown: dict[str, None] = {}
    names_issuers = False
    known: dict[bytes, tuple[str, ...]] = {}  # the critical extensions of an extensions field: they repeat
    fault: der.Malformed | None = None
    pos = start
    while pos < stop:
        if match is not None and (found := match(data, pos, stop)) is not None:
            pos = found.end()
            checkpoints.append(pos)
            continue
        if large and shapes is not EVERY_SHAPE:  # a shape that the first entries did not have
            shapes = EVERY_SHAPE
            match = _usual_entries(shapes).match
            continue
        try:
            pos, critical = _unusual_entry(data, pos, stop, known)
        except der.Malformed as malformed:
            fault = malformed.with_traceback(None)
            break
        if pos - checkpoints[-1] >= CHECKPOINT_BYTES:
            checkpoints.append(pos)
        for oid in critical:
            if oid == CERTIFICATE_ISSUER:
                names_issuers = True
            elif oid not in UNDERSTOOD and len(unknown) < MAX_UNKNOWN:
                unknown[oid] = None
    return Walked(checkpoints, pos, tuple(sorted(unknown)), names_issuers, fault)


def read_places(data: bytes, start: int, walked: Walked, places: Iterable[int]) -> Iterator[tuple[Entry, tuple[GeneralName, ...]]]:
    """The entries at these places (see ``places``), each with the issuer that the list says it is of: its own certificateIssuer or the last
    one before (RFC 5280 5.3.3).

    () is the issuer of the CRL. One walk over the entries before the last hit, and only where any names an issuer. Raises
    ``der.Malformed`` for an entry that cannot be read.
    """
    pos, issuer = start, ()  # type: tuple[int, tuple[GeneralName, ...]]
    for place in places:
        while walked.names_issuers and pos < place:
            _, inner, after = der.header(data, pos, walked.end)
            if data.find(_ISSUER_DER, inner, after) >= 0:
                issuer = _entry(data, pos, walked.end).certificate_issuer or issuer
            pos = after
        entry = _entry(data, place, walked.end)
        yield entry, entry.certificate_issuer or issuer


def places(data: bytes, start: int, walked: Walked, needle: bytes, stop: int | None = None) -> Iterator[int]:
    """Where the entries begin whose serial number has that DER, from ``start``, which is a checkpoint or the first entry, to ``stop``."""
    pos = start
    while (hit := data.find(needle, pos, walked.end if stop is None else stop)) >= 0:
        # never back: all hits together cost at most one walk over the list
        pos = max(pos, walked.checkpoints[bisect_right(walked.checkpoints, hit) - 1])
        while True:
            _, inner, after = der.header(data, pos, walked.end)
            if after > hit:
                break
            pos = after
        if inner == hit:
            yield pos
        pos = after


def _unusual_entry(data: bytes, pos: int, stop: int, known: dict[bytes, tuple[str, ...]]) -> tuple[int, tuple[str, ...]]:
    """Check one entry: where it ends, and the critical extensions (and certificateIssuer, critical or not) it has."""
    inner, after = der.expect(data, pos, stop, der.SEQUENCE, "an entry")
    serial, end = der.expect(data, inner, after, der.INTEGER, "a serial number")
    der.integer(data, serial, end)
    tag, moment, end = der.header(data, end, after)
    der.time(data, tag, moment, end)
    if end == after:
        return after, ()
    field = data[end:after]
    critical = known.get(field)
    if critical is None:
        _, _, _, listed = _entry_extensions(data, end, after)
        critical = tuple(each.oid for each in listed if each.critical or each.oid == CERTIFICATE_ISSUER)
        if len(known) < 1024 and len(field) <= 512:
            known[field] = critical
    return after, critical


def _entry(data: bytes, pos: int, stop: int) -> Entry:
    """Read one entry to its leaves."""
    inner, after = der.expect(data, pos, stop, der.SEQUENCE, "an entry")
    start, end = der.expect(data, inner, after, der.INTEGER, "a serial number")
    serial = der.integer(data, start, end)
    tag, start, end = der.header(data, end, after)
    revoked_at = der.time(data, tag, start, end)
    if end == after:
        return Entry(serial, revoked_at, None, None, (), ())
    reason, invalidity, issuer, listed = _entry_extensions(data, end, after)
    unknown = tuple(each.oid for each in listed if each.critical and each.oid not in UNDERSTOOD)
    return Entry(serial, revoked_at, reason, invalidity, issuer, unknown)


def _entry_extensions(data: bytes, pos: int, stop: int) -> tuple[str | None, int | None, tuple[GeneralName, ...], tuple[Extension, ...]]:
    """crlEntryExtensions (RFC 5280 5.3) that fill a window."""
    reason: str | None = None
    invalidity: int | None = None
    issuer: tuple[GeneralName, ...] = ()
    listed = read_extensions(data, pos, stop)
    if len({each.oid for each in listed}) != len(listed):
        raise der.Malformed(pos, "the same entry extension twice")
    for each in listed:
        value = each.value
        if each.oid == REASON_CODE:
            reason = reason_code(value, *der.whole(value, der.ENUMERATED, "CRLReason"))
        elif each.oid == INVALIDITY_DATE:
            invalidity = der.time(value, der.GENERALIZED_TIME, *der.whole(value, der.GENERALIZED_TIME, "InvalidityDate"))
        elif each.oid == CERTIFICATE_ISSUER:
            issuer = extensions.general_names(value, *der.whole(value, der.SEQUENCE, "CertificateIssuer"))
    return reason, invalidity, issuer, listed


def reason_code(data: bytes, start: int, stop: int) -> str:
    """CRLReason (RFC 5280 5.3.1) by its name."""
    name = REASON_CODES.get(der.integer(data, start, stop))
    if name is None:
        raise der.Malformed(start, "a CRLReason that RFC 5280 does not define")
    return name


def read_extensions(data: bytes, pos: int, stop: int) -> tuple[Extension, ...]:
    """An Extensions field that fills a window."""
    inner, after = der.expect(data, pos, stop, der.SEQUENCE, "extensions")
    if after != stop or inner == after:
        raise der.Malformed(pos, "an extensions field that is empty or followed by bytes", "extensions")
    found = []
    for _, at, _, end in der.children(data, inner, after, MAX_EXTENSIONS):
        try:
            found.append(extensions.read(data[at:end]))
        except der.Malformed as fault:
            raise der.Malformed(at + fault.offset, fault.what, "extensions") from fault
    return tuple(found)


def integer_der(value: int) -> bytes:
    """The DER of an INTEGER."""
    octets = value.to_bytes((value if value >= 0 else ~value).bit_length() // 8 + 1, "big", signed=True)
    size = len(octets)
    if size < 0x80:
        return bytes((der.INTEGER, size)) + octets
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((der.INTEGER, 0x80 | len(length))) + length + octets
