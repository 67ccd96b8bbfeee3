"""A strict, bounded reader for DER (X.690 section 10 and 11): positions in, positions out, nothing copied.

Every function takes the whole buffer with a window and answers with the tag and the window of the contents. What is not DER raises
``Malformed`` with the offset; the callers turn that into a fault of the element, never into an exception a user sees.
"""

from __future__ import annotations

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
ENUMERATED, UTF8_STRING = 0x0A, 0x0C
PRINTABLE_STRING, T61_STRING, IA5_STRING = 0x13, 0x14, 0x16
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
VISIBLE_STRING, UNIVERSAL_STRING, BMP_STRING = 0x1A, 0x1C, 0x1E
SEQUENCE, SET = 0x30, 0x31

MAX_DEPTH = 32  # deeper than any structure of RFC 5280 (a general name in a policy qualifier nests 12 deep)
MAX_CHILDREN = 100_000  # elements of one SEQUENCE OF that is read element by element; CRL entries have their own walk


class Malformed(ValueError):
    """Not DER, or not the structure that stands here: the byte ``offset``, ``what`` is wrong, and in which field (``where``)."""

    def __init__(self, offset: int, what: str, where: str = "") -> None:
        self.offset = offset
        self.what = what
        self.where = where
        super().__init__(f"{where or 'DER'}: {what} (byte {offset})")


def header(data: bytes, pos: int, end: int) -> tuple[int, int, int]:
    """Read one tag and length at ``pos``: the tag octet, and where its contents start and stop (X.690 10.1: definite, minimal)."""
    if pos + 2 > end:
        raise Malformed(pos, "the data ends where an element should begin")
    tag = data[pos]
    if tag & 0x1F == 0x1F:
        raise Malformed(pos, "a tag number above 30")
    length = data[pos + 1]
    start = pos + 2
    if length > 0x7F:
        count = length - 0x80
        if count == 0:
            raise Malformed(pos, "an indefinite length (BER, not DER)")
        if count > 4 or start + count > end:
            raise Malformed(pos, "a length field longer than the data")
        length = int.from_bytes(data[start : start + count], "big")
        if length < 0x80 or length >> (8 * (count - 1)) == 0:
            raise Malformed(pos, "a length that is not in its shortest form (BER, not DER)")
        start += count
    stop = start + length
    if stop > end:
        raise Malformed(pos, f"an element of {length} bytes where {max(end - start, 0)} are left")
    return tag, start, stop


def expect(data: bytes, pos: int, end: int, tag: int, what: str) -> tuple[int, int]:
    """Read an element that must have ``tag``: where its contents start and stop."""
    if pos + 2 <= end and data[pos] == tag and (length := data[pos + 1]) < 0x80 and pos + 2 + length <= end:  # nearly all: the short form
        return pos + 2, pos + 2 + length
    found, start, stop = header(data, pos, end)
    if found != tag:
        raise Malformed(pos, f"tag 0x{found:02x} where {what} (0x{tag:02x}) belongs")
    return start, stop


def whole(data: bytes, tag: int, what: str) -> tuple[int, int]:
    """Read an element that must fill ``data`` to its last byte."""
    start, stop = expect(data, 0, len(data), tag, what)
    if stop != len(data):
        raise Malformed(stop, f"{len(data) - stop} bytes after the end of the {what}")
    return start, stop


def children(data: bytes, start: int, stop: int, limit: int = MAX_CHILDREN) -> list[tuple[int, int, int, int]]:
    """The elements in a window, each as (tag, position, start, stop)."""
    found: list[tuple[int, int, int, int]] = []
    pos = start
    while pos < stop:
        if len(found) >= limit:
            raise Malformed(pos, f"more than {limit} elements")
        tag, inner, after = header(data, pos, stop)
        found.append((tag, pos, inner, after))
        pos = after
    return found


def boolean(data: bytes, start: int, stop: int) -> bool:
    """X.690 11.1: one octet, 00 or FF."""
    if stop - start != 1 or data[start] not in (0, 0xFF):
        raise Malformed(start, "a BOOLEAN that is neither 00 nor FF")
    return data[start] == 0xFF


def integer(data: bytes, start: int, stop: int) -> int:
    """X.690 8.3: two's complement in the fewest octets."""
    size = stop - start
    if size == 0:
        raise Malformed(start, "an INTEGER without octets")
    if size > 1 and ((data[start] == 0 and data[start + 1] < 0x80) or (data[start] == 0xFF and data[start + 1] >= 0x80)):
        raise Malformed(start, "an INTEGER with superfluous leading octets")
    return int.from_bytes(data[start:stop], "big", signed=True)


def bit_string(data: bytes, start: int, stop: int) -> tuple[int, int]:
    """X.690 8.6, 11.2: the number of unused bits, which must be zero, and where the octets start."""
    if stop == start:
        raise Malformed(start, "a BIT STRING without its first octet")
    unused = data[start]
    if unused > 7 or (unused and (stop - start == 1 or data[stop - 1] & ((1 << unused) - 1))):
        raise Malformed(start, "a BIT STRING whose unused bits are wrong or not zero")
    return unused, start + 1


def oid(data: bytes, start: int, stop: int) -> str:
    """X.690 8.19: an OBJECT IDENTIFIER in dotted form."""
    if stop == start or data[stop - 1] & 0x80 or stop - start > 64:
        raise Malformed(start, "an OBJECT IDENTIFIER that is empty, too long or cut off")
    arcs = []
    value = 0
    fresh = True
    for octet in data[start:stop]:
        if fresh and octet == 0x80:
            raise Malformed(start, "an OBJECT IDENTIFIER with superfluous octets")
        value = value << 7 | octet & 0x7F
        fresh = not octet & 0x80
        if fresh:
            if value >> 32:
                raise Malformed(start, "an OBJECT IDENTIFIER with an arc above 32 bits")
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


_DAYS_BEFORE = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def time(data: bytes, tag: int, start: int, stop: int) -> int:
    """UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 has them (seconds present, Z, no fraction): seconds since 1970-01-01 UTC."""
    text = data[start:stop]
    digits = text[:-1]
    if text[-1:] != b"Z" or not digits.isdigit() or len(text) != (13 if tag == UTC_TIME else 15 if tag == GENERALIZED_TIME else -1):
        raise Malformed(start, "a time that is not YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ")
    rest, second = divmod(int(text[-7:-1]), 100)
    hour, minute = divmod(rest, 100)
    day = text[:-7]
    midnight = _MIDNIGHTS.get(day)
    if midnight is None:
        midnight = _midnight(day)
        if midnight is not None and len(_MIDNIGHTS) < 8192:
            _MIDNIGHTS[day] = midnight
    if midnight is None or hour > 23 or minute > 59 or second > 59:
        raise Malformed(start, f"a time that does not exist: {text.decode('ascii')}")
    return midnight + hour * 3600 + minute * 60 + second


def time_with_fraction(data: bytes, start: int, stop: int) -> int:
    """A GeneralizedTime that may have a fraction of a second as X.690 11.7.3 writes it, which is dropped: seconds since 1970-01-01 UTC.

    RFC 6960 4.2.2.1 wants none; OpenSSL and certvalidator take them, and responders built on asn1crypto send them.
    """
    whole_seconds, dot, fraction = data[start:stop].partition(b".")
    if not dot:
        return time(data, GENERALIZED_TIME, start, stop)
    if not fraction[:-1].isdigit() or fraction[-1:] != b"Z" or fraction[-2:-1] == b"0" or len(fraction) > 10:
        raise Malformed(start, "a time with a fraction that is not DER")
    text = whole_seconds + b"Z"
    try:
        return time(text, GENERALIZED_TIME, 0, len(text))
    except Malformed as fault:
        raise Malformed(start, fault.what) from fault


_MIDNIGHTS: dict[bytes, int] = {}


def _midnight(digits: bytes) -> int | None:
    """The first second of YYMMDD or YYYYMMDD since 1970-01-01 UTC; None for a day that does not exist."""
    rest, day = divmod(int(digits), 100)
    year, month = divmod(rest, 100)
    if len(digits) == 6:  # RFC 5280 4.1.2.5.1: two digits, from 1950 to 2049
        year += 2000 if year < 50 else 1900
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= month <= 12 or not 1 <= day <= _MONTH_DAYS[month - 1] + (leap and month == 2) or year < 1:
        return None
    before = year - 1
    days = 365 * before + before // 4 - before // 100 + before // 400 + _DAYS_BEFORE[month - 1] + (leap and month > 2) + day - 1
    return (days - 719162) * 86400


def check(data: bytes, start: int, stop: int, depth: int = 0) -> None:
    """Find a window to be DER down to its leaves; raise ``Malformed`` where it is not."""
    if depth > MAX_DEPTH:
        raise Malformed(start, f"more than {MAX_DEPTH} levels of nesting")
    for tag, pos, inner, after in children(data, start, stop):
        if tag & 0x20:
            if tag < 0x40 and tag not in (SEQUENCE, SET, 0x28):
                raise Malformed(pos, f"a constructed encoding of a primitive type (tag 0x{tag:02x})")
            check(data, inner, after, depth + 1)
        else:
            primitive(data, tag, inner, after)


def one_parameter(data: bytes, start: int, stop: int) -> None:
    """RFC 5280 4.1.1.2: the parameters of an AlgorithmIdentifier are one element or absent."""
    if start < stop:
        _, _, after = header(data, start, stop)
        if after != stop:
            raise Malformed(after, "bytes after the parameters of an algorithm")
        check(data, start, stop)


def primitive(data: bytes, tag: int, start: int, stop: int) -> None:
    """Check the contents of one primitive element of the universal class."""
    if tag == BOOLEAN:
        boolean(data, start, stop)
    elif tag in (INTEGER, ENUMERATED):
        integer(data, start, stop)
    elif tag == BIT_STRING:
        bit_string(data, start, stop)
    elif tag == NULL:
        if start != stop:
            raise Malformed(start, "a NULL with contents")
    elif tag == OID:
        oid(data, start, stop)
    elif tag in (SEQUENCE & 0x1F, SET & 0x1F):
        raise Malformed(start, "a SEQUENCE or SET in primitive encoding")
    elif tag in _STRINGS:
        string(data, tag, start, stop)


_STRINGS = {
    UTF8_STRING: "utf-8",
    PRINTABLE_STRING: "ascii",
    IA5_STRING: "ascii",
    VISIBLE_STRING: "utf-8",  # user notices of real CAs hold more than ASCII
    0x12: "ascii",  # NumericString
    T61_STRING: "utf-8",  # X.509 practice; what is not ASCII or UTF-8 here has no agreed meaning
    BMP_STRING: "utf-16-be",
    UNIVERSAL_STRING: "utf-32-be",
}


def string(data: bytes, tag: int, start: int, stop: int) -> str:
    """The text of a character string type."""
    encoding = _STRINGS.get(tag)
    if encoding is None:
        raise Malformed(start, f"tag 0x{tag:02x} where a character string belongs")
    try:
        return data[start:stop].decode(encoding)
    except UnicodeDecodeError as error:
        raise Malformed(start, f"a character string that is not {encoding}") from error


def element(tag: int, *contents: bytes) -> bytes:
    """Write one element, its length in the shortest form (X.690 10.1)."""
    body = b"".join(contents)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body
