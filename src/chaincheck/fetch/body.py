"""One response body, read up to a limit of bytes, compressed or not."""

from __future__ import annotations

import zlib
from typing import Final

_WINDOW: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}  # zlib's wbits; RFC 9110 8.4.1


class TooLarge(Exception):
    """The body is, or says it is, larger than the limit. The text says which."""


class Unreadable(Exception):
    """The body came in a content coding that cannot be undone. The text says why."""


class Body:
    """Collects chunks as they come off the wire.

    Compression is never asked for. Where a server compresses all the same, what counts is the decoded size, and no more than the limit is
    ever decoded: a gzip bomb costs nothing.
    """

    def __init__(self, limit: int, *, declared: int | None = None, coding: str = "") -> None:
        coding = coding.strip().lower()
        if declared is not None and declared > limit:
            raise TooLarge(f"the body is declared as {declared:,} bytes, more than the limit of {limit:,}")
        if coding not in ("", "identity", *_WINDOW):
            raise Unreadable("the body came in a content coding that was not asked for")
        self._limit = limit
        self._chunks: list[bytes] = []
        self._raw = self._size = 0
        self._window = _WINDOW.get(coding, 0)
        self._decoder = zlib.decompressobj(self._window) if self._window else None

    def take(self, chunk: bytes) -> None:
        """The next bytes of the body. Raises TooLarge, Unreadable."""
        self._raw += len(chunk)
        self._check(self._raw)
        while chunk:
            chunk = self._take_some(chunk)

    def finish(self) -> bytes:
        """The whole body. Raises Unreadable if compressed data end too early."""
        if self._decoder is not None and self._raw and not self._decoder.eof:
            raise Unreadable("the compressed body ends too early")
        return b"".join(self._chunks)

    def _take_some(self, chunk: bytes) -> bytes:
        if self._decoder is None:
            self._keep(chunk)
            return b""
        if self._decoder.eof:  # a gzip file may have several members, RFC 1952 2.2
            self._decoder = zlib.decompressobj(self._window)
        try:
            self._keep(self._decoder.decompress(chunk, self._limit + 1 - self._size))
        except zlib.error:
            raise Unreadable("the body is not in the content coding that its header names") from None
        return self._decoder.unused_data or self._decoder.unconsumed_tail

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        self._check(self._size)
        self._chunks.append(data)

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise TooLarge(f"the body is larger than the limit of {self._limit:,} bytes")
