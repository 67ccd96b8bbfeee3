"""Where the elements of a container begin and end: BER as Windows, Java and NSS write it, bounded.

Containers (PKCS#7, PKCS#12) may lawfully be BER, certificates may not: here only the frame around them is read. The strict reader of
certificates is ``chaincheck.x509.der``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chaincheck.x509.der import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_NESTING = 24  # of indefinite lengths; CMS and PKCS#12 need at most 10
MAX_OPEN = 4 * 1024 * 1024  # bytes of a structure with an open length: finding its end means walking all of it
MAX_ELEMENTS = 200_000  # of one container: two for each certificate of the largest store that is read


class Element(NamedTuple):
    """One element: its tag octet, where it begins, where its contents start and stop, where the next begins."""

    tag: int
    begin: int
    start: int
    stop: int
    end: int

    @property
    def indefinite(self) -> bool:
        """Whether its length was left open (X.690 8.1.3.6)."""
        return self.stop != self.end


def element(data: bytes, pos: int, end: int, nesting: int = 0) -> Element:
    """Read one element at ``pos``; raises ``Malformed``."""
    if pos + 2 > end:
        raise Malformed(pos, "the data ends where an element should begin")
    tag = data[pos]
    if tag & 0x1F == 0x1F:
        raise Malformed(pos, "a tag number above 30")
    length = data[pos + 1]
    start = pos + 2
    if length == 0x80:
        return _open_ended(data, pos, end, tag, nesting)
    if length > 0x80:
        count = length - 0x80
        if count > 8 or start + count > end:
            raise Malformed(pos, "a length field longer than the data")
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    stop = start + length
    if stop > end:
        raise Malformed(pos, f"an element of {length} bytes where {end - start} are left")
    return Element(tag, pos, start, stop, stop)


def _open_ended(data: bytes, pos: int, end: int, tag: int, nesting: int) -> Element:
    if not tag & 0x20:
        raise Malformed(pos, "an indefinite length of a primitive element")
    if nesting >= MAX_NESTING:
        raise Malformed(pos, f"more than {MAX_NESTING} indefinite lengths in each other")
    if end - pos > MAX_OPEN:
        raise Malformed(pos, f"an indefinite length in {end - pos:,} bytes; at most {MAX_OPEN:,} are searched for its end")
    here = pos + 2
    for _ in range(MAX_ELEMENTS):
        if data[here : here + 2] == b"\0\0" and here + 2 <= end:
            return Element(tag, pos, pos + 2, here, here + 2)
        here = element(data, here, end, nesting + 1).end
    raise Malformed(pos, f"more than {MAX_ELEMENTS} elements")


def children(data: bytes, parent: Element) -> Iterator[Element]:
    """The elements in ``parent``, one after the other."""
    here = parent.start
    for _ in range(MAX_ELEMENTS):
        if here >= parent.stop:
            return
        child = element(data, here, parent.stop)
        yield child
        here = child.end
    raise Malformed(parent.begin, f"more than {MAX_ELEMENTS} elements")


def expect(data: bytes, elements: Iterator[Element], tag: int, what: str) -> Element:
    """The next of ``elements``, which must have ``tag``."""
    found = next(elements, None)
    if found is None:
        raise Malformed(len(data), f"{what} is missing")
    if found.tag != tag:
        raise Malformed(found.begin, f"tag 0x{found.tag:02x} where {what} belongs")
    return found


def octets(data: bytes, found: Element, what: str, nesting: int = 0) -> bytes:
    """The value of an OCTET STRING, also of one in pieces (X.690 8.7.3), whatever tag it hides behind."""
    if not found.tag & 0x20:
        return data[found.start : found.stop]
    if nesting >= 4:
        raise Malformed(found.begin, f"{what} in too many pieces of pieces")
    return b"".join(octets(data, piece, what, nesting + 1) for piece in children(data, found))


def whole(data: bytes, what: str) -> Element:
    """The outer SEQUENCE of ``data``."""
    outer = element(data, 0, len(data))
    if outer.tag != 0x30:
        raise Malformed(0, f"tag 0x{outer.tag:02x} where {what} belongs")
    return outer
