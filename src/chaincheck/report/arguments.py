"""The arguments of ``to_text``, ``to_dict`` and ``to_json``: what they may be, and an ``InputError`` for everything else."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Final

from chaincheck.causes.words import Words, words
from chaincheck.errors import InputError

MOST_COLUMNS: Final = 10_000
MOST_INDENT: Final = 100
_SHOWN = 40


def language(lang: object) -> Words:
    """The words of a language. Raises ``InputError`` where there are none."""
    if not isinstance(lang, str):
        raise wrong("unknown-language", lang, "a language, such as 'en' or 'ja'", "lang")
    return words(lang)


def zone(timezone: object) -> tzinfo | None:
    """A time zone that works, or None for UTC."""
    if timezone is None:
        return None
    if not isinstance(timezone, tzinfo):
        raise wrong("argument-type", timezone, "a tzinfo, such as ZoneInfo('Asia/Tokyo'), or None", "timezone")
    try:
        works = datetime(2000, 1, 1, tzinfo=UTC).astimezone(timezone).utcoffset() is not None
    except Exception as error:  # the caller's time zone may raise anything
        raise wrong("argument-type", timezone, "a tzinfo that works", "timezone") from error
    if not works:
        raise wrong("argument-type", timezone, "a tzinfo that knows its offset", "timezone")
    return timezone


def columns(width: object) -> int:
    """Columns of a terminal."""
    if type(width) is not int or not 0 < width <= MOST_COLUMNS:
        raise wrong("argument-type", width, f"a whole number of columns from 1 to {MOST_COLUMNS:,}", "width")
    return width


def indentation(indent: object) -> int | None:
    """Spaces of each level in JSON; None for one line."""
    if indent is not None and (type(indent) is not int or not 0 <= indent <= MOST_INDENT):
        raise wrong("argument-type", indent, f"a whole number of spaces from 0 to {MOST_INDENT}, or None", "indent")
    return indent


def wrong(code: str, value: object, expected: str, where: str) -> InputError:
    """Names the value itself only where that runs no code of the caller's object."""
    plain = value is None or type(value) in (bool, float, str) or (type(value) is int and abs(value) < 10**_SHOWN)
    shown = (repr(value[:_SHOWN]) if isinstance(value, str) else repr(value)) if plain else f"an object of type {type(value).__name__}"
    return InputError(code, found=shown, expected=expected, where=where)
