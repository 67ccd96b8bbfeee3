"""PEM: the blocks in a text, whatever stands around them (RFC 7468, read the way people's files need it).

Markers may have lost or gained dashes or line breaks, bodies may be folded, indented, of any line length, or carry literal ``\\n`` from
JSON and environment variables. A block that cannot be read says why and where, the others are read.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# bounded, or a long run of dashes would cost its square; at most five close a marker, for the next may follow without a line break
_MARKER = re.compile(r"[-\u2010-\u2015\u2212]{2,10}[ \t]?(BEGIN|END) ([A-Z0-9 #.]{1,64}?)[ \t]?[-\u2010-\u2015\u2212]{2,5}")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}:[ \t]*(.*)")
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad\x00\x1a"))


class Block(NamedTuple):
    """One block: its label, number and line (from 1), its bytes (None if damaged), headers, and what was wrong with it."""

    label: str
    number: int
    line: int
    data: bytes | None
    headers: dict[str, str]
    problem: str | None
    repaired: str | None


def has_marker(text: str) -> bool:
    """Whether there is at least one BEGIN marker."""
    return "BEGIN" in text and any(marker[1] == "BEGIN" for marker in _MARKER.finditer(text))


def blocks(text: str) -> Iterator[Block | None]:
    """The blocks of ``text`` in order; None where there is text outside of them."""
    line, counted, number, outside = 1, 0, 0, 0
    begin: re.Match[str] | None = None
    for marker in _MARKER.finditer(text):
        if begin is not None:
            number += 1
            line += _lines(text, counted, begin.start())
            counted = begin.start()
            if marker[1] == "END" and marker[2].strip() == begin[2].strip():
                yield _block(text[begin.end() : marker.start()], begin, marker, number, line)
            else:
                problem = f"its END line names {marker[2]!r}" if marker[1] == "END" else "it has no END line"
                yield Block(begin[2].strip(), number, line, None, {}, problem, None)
        if marker[1] == "BEGIN":
            if begin is None and text[outside : marker.start()].strip():
                yield None
            begin = marker
        else:
            begin = None
            outside = marker.end()
    if begin is not None:
        line += _lines(text, counted, begin.start())
        yield Block(begin[2].strip(), number + 1, line, None, {}, "it has no END line", None)
    elif text[outside:].strip(" \t\r\n\x00\x1a\ufeff"):
        yield None


def _lines(text: str, start: int, stop: int) -> int:
    """Line breaks in a window, counting CR, LF and CRLF as one each."""
    feeds = text.count("\n", start, stop)
    returns = text.count("\r", start, stop)
    return feeds + returns - text.count("\r\n", start, stop) if returns else feeds


def _block(body: str, begin: re.Match[str], end: re.Match[str], number: int, line: int) -> Block:
    label = begin[2].strip()
    repaired = None
    if not (begin[0].startswith("-----B") and begin[0].endswith("-----") and end[0].startswith("-----E")):
        repaired = "its BEGIN or END line does not have five dashes on each side"
    if "\\" in body:
        body = body.replace("\\r", "").replace("\\n", "\n").replace("\\/", "/")
        repaired = "its line breaks were written as \\n"
    headers, body = _headers(body)
    try:
        data, padded = base64(body)
    except ValueError as error:
        return Block(label, number, line, None, headers, str(error), repaired)
    return Block(label, number, line, data, headers, None, padded or repaired)


def _headers(body: str) -> tuple[dict[str, str], str]:
    """RFC 1421 headers (Proc-Type, DEK-Info) and the rest."""
    if ":" not in body:
        return {}, body
    headers: dict[str, str] = {}
    lines = body.splitlines()
    for index, content in enumerate(lines[:64]):
        match = _HEADER.match(content.strip())
        if match:
            headers[content.strip().partition(":")[0]] = match[1].strip()
        elif content.strip() and not (headers and content[:1] in " \t" and ":" not in content and len(content) < 40):
            return headers, "\n".join(lines[index:])
    return headers, "" if len(lines) <= 64 else "\n".join(lines[64:])


def base64(body: str) -> tuple[bytes, str | None]:
    """Decode Base64 with any white space in it; the second value says what was repaired. Raises ``ValueError``."""
    packed = "".join(body.split())
    if not packed:
        raise ValueError("it is empty")
    if not packed.isascii():
        packed = packed.translate(_INVISIBLE)
    repaired = None
    if packed.startswith(">"):
        packed, repaired = packed.replace(">", ""), "it was quoted as mail programs do"
    missing = -len(packed) % 4
    if missing in (1, 2) and not packed.endswith("="):
        packed, repaired = packed + "=" * missing, "its Base64 had no padding at the end"
    try:
        return a2b_base64(packed, strict_mode=True), repaired
    except (Error, ValueError):
        raise ValueError(_why_not(packed)) from None


def _why_not(packed: str) -> str:
    strange = re.search(r"[^A-Za-z0-9+/=]", packed)
    if strange:
        return f"the character {strange[0]!r} is not Base64"
    if "=" in packed.rstrip("="):
        return "there is Base64 after its padding"
    return f"its Base64 has {len(packed)} characters, which no number of bytes gives"
