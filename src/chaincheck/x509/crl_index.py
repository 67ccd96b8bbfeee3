"""An index over the entries of a large CRL: from the hash of a serial number to the few blocks of entries that may hold it.

Four bytes an entry. What it finds is confirmed by the structure like any other hit, so that it can only leave out work, not change an
answer. Built once it pays; building costs about as much as 60 plain look-ups.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING

from chaincheck.x509 import crl_entries, der

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.x509.crl_entries import Shape, Walked

# A record has 30 bits, since CPython sorts integers of up to 30 bits a good deal faster: 17 of the hash, 13 for the number of a block.
_BLOCK_BITS = 13
_BLOCKS = 1 << _BLOCK_BITS
_HASH = (1 << 30) - _BLOCKS  # the bits that are kept of a hash
MAX_UNUSUAL = 65_536  # entries beside the usual ones; a list with more (an indirect CRL) is looked up plainly


class Index:
    """Records of (hash, block), sorted. The hash is Python's, keyed anew in each process: nobody can choose serial numbers that collide."""

    __slots__ = ("_borders", "_records")

    def __init__(self, records: array[int], borders: array[int]) -> None:
        self._records = records
        self._borders = borders

    @property
    def size(self) -> int:
        """Bytes."""
        return self._records.itemsize * len(self._records) + self._borders.itemsize * len(self._borders)

    def places(self, data: bytes, walked: Walked, needle: bytes) -> Iterator[int]:
        """Where the entries begin whose serial number has that DER, in the order of the list."""
        first = hash(needle) & _HASH
        records, borders = self._records, self._borders
        place = bisect_left(records, first)
        last = -1
        while place < len(records) and records[place] < first + _BLOCKS:
            block = records[place] - first
            if block != last:  # the same serial number may stand twice in a block
                yield from crl_entries.places(data, borders[block], walked, needle, borders[block + 1])
            last = block
            place += 1


def build(data: bytes, walked: Walked) -> Index | None:
    """An index over a list that was walked; None where it would not pay."""
    checkpoints = walked.checkpoints
    apart = -(-len(checkpoints) // _BLOCKS)
    borders = array("Q", checkpoints[::apart])
    if borders[-1] != walked.end:
        borders.append(walked.end)
    shapes = crl_entries.shapes_seen(data, checkpoints[0], walked.end)
    if not shapes:
        return None
    apart_by = _serials(shapes).split
    records: list[int] = []
    unusual = 0
    for block in range(len(borders) - 1):
        start, stop = borders[block], borders[block + 1]
        parts = apart_by(data[start:stop])
        found = parts[1::2]
        if any(parts[::2]):  # something else among the usual shapes: entry by entry
            found = list(_one_by_one(data, start, stop))
            unusual += len(found)
            if unusual > MAX_UNUSUAL:
                return None
        records += [hash(serial) & _HASH | block for serial in found]
    records.sort()
    return Index(array("I", records), borders)


@lru_cache(maxsize=16)
def _serials(shapes: tuple[Shape, ...]) -> re.Pattern[bytes]:
    """One entry of these shapes and, as its group, its serial number; where the list was found well-formed, the lengths suffice."""
    serials = b"|".join(re.escape(bytes((der.INTEGER, size))) + b".{%d}" % size for size in dict(shapes))
    entries = (re.escape(bytes((0x30, 17 + size + more, der.INTEGER, size))) + b".{%d}" % (15 + size + more) for size, more in shapes)
    return re.compile(b"(?=..(" + serials + b"))(?:" + b"|".join(entries) + b")", re.DOTALL)


def _one_by_one(data: bytes, start: int, stop: int) -> Iterator[bytes]:
    """The DER of each serial number."""
    pos = start
    while pos < stop:
        _, inner, after = der.header(data, pos, stop)
        _, end = der.expect(data, inner, after, der.INTEGER, "a serial number")
        yield data[inner:end]
        pos = after
