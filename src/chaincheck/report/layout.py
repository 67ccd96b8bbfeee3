"""Lines of text for a terminal: width by East Asian width, wrapped between words or, in Japanese, between characters."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# JIS X 4051: what may not begin a line, and what may not end one.
_NOT_FIRST = frozenset("、。，．・：；？！゛゜ヽヾゝゞ々ー）〕］｝〉》」』】ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ)]},.:;?!%")
_NOT_LAST = frozenset("（〔［｛〈《「『【([{")

_WIDE = frozenset("WF")
# Text without a place to break it is a run of anything but spaces and wide characters.
_PIECE = re.compile(r" +|[^ ]")


def width(text: str, *, east_asian: bool = False) -> int:
    """Columns on a terminal. ``east_asian``: ambiguous characters such as × and ○ take two, as Japanese fonts draw them."""
    if text.isascii():
        return len(text)
    return sum(_columns(character, east_asian) for character in text)


def wrap(text: str, limit: int, *, first: str = "", rest: str | None = None, east_asian: bool = False) -> list[str]:
    """The text in lines of at most ``limit`` columns: ``first`` before the first line, ``rest`` (or as many spaces) before the others.

    A word longer than a line (a URL, a fingerprint) is cut, unless it would fit on a line of its own.
    """
    indent = " " * width(first, east_asian=east_asian) if rest is None else rest
    room = max(limit - width(indent, east_asian=east_asian), 16)
    lines: list[str] = []
    line, used = "", 0
    for piece in _pieces(text):
        size = width(piece, east_asian=east_asian)
        if used + size <= room:
            line, used = line + piece, used + size
            continue
        if piece.isspace():
            lines.append(line)
            line, used = "", 0
            continue
        if line:
            lines.append(line.rstrip())
        *full, line = _cut(piece, room, east_asian) if size > room else [piece]
        lines += full
        used = width(line, east_asian=east_asian)
    if line.strip() or not lines:
        lines.append(line.rstrip())
    return [((first if index == 0 else indent) + each).rstrip() for index, each in enumerate(lines)]


def _columns(character: str, east_asian: bool) -> int:
    kind = unicodedata.east_asian_width(character)
    if kind in _WIDE or (east_asian and kind == "A"):
        return 2
    return 0 if unicodedata.category(character) in ("Mn", "Me") else 1


def _pieces(text: str) -> Iterator[str]:
    """The text between the places where a line may end."""
    piece = ""
    for match in _PIECE.finditer(text):
        token = match.group()
        if piece and _may_break(piece, token):
            yield piece
            piece = ""
        piece += token
    if piece:
        yield piece


def _may_break(before: str, after: str) -> bool:
    if before.isspace() or after.isspace():
        return True
    last, first = before[-1], after[0]
    if first in _NOT_FIRST or last in _NOT_LAST or unicodedata.category(first) in ("Mn", "Me"):
        return False
    return unicodedata.east_asian_width(last) in _WIDE or unicodedata.east_asian_width(first) in _WIDE


def _cut(piece: str, room: int, east_asian: bool) -> list[str]:
    parts: list[str] = []
    part, used = "", 0
    for character in piece:
        size = _columns(character, east_asian)
        if used + size > room:
            parts.append(part)
            part, used = "", 0
        part, used = part + character, used + size
    return [*parts, part]
