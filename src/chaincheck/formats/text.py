"""Text files as Windows, Japan and the web write them: which encoding, and the text."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "utf-8 with a byte order mark"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "utf-16 (big endian)"),
)
_SAMPLE = 512  # bytes looked at to recognise UTF-16 without a byte order mark


def decode(data: bytes) -> tuple[str, str | None]:
    """The text of ``data`` and the encoding worth a note (None for plain UTF-8). Never raises: the last resort replaces characters."""
    for mark, codec, name in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(codec, "replace"), name
    unmarked = _unmarked_utf16(data)
    if unmarked is not None:
        return data.decode(unmarked, "replace"), f"{unmarked} without a byte order mark"
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError:
        pass
    for codec in ("cp932", "cp1252"):
        try:
            return data.decode(codec), codec
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1"), "latin-1"


def is_text(text: str) -> bool:
    """Whether it is text at all: no control characters but white space near its beginning."""
    return not any(character < " " and character not in "\t\n\v\f\r\x1a" for character in text[:_SAMPLE])


def _unmarked_utf16(data: bytes) -> str | None:
    """PowerShell pipes may lose the mark: ASCII in UTF-16 has a zero in every second byte."""
    sample = data[: _SAMPLE - len(data) % 2] if len(data) < _SAMPLE else data[:_SAMPLE]
    if len(sample) < 4:
        return None
    even, odd = sample[0::2], sample[1::2]
    if odd.count(0) * 10 >= len(odd) * 9 and even.count(0) == 0:
        return "utf-16-le"
    if even.count(0) * 10 >= len(even) * 9 and odd.count(0) == 0:
        return "utf-16-be"
    return None
