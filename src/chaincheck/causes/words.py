"""Words in a language: templates from ``texts/``, filled with values that are made safe to print."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from chaincheck.causes.catalogue import read_toml
from chaincheck.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import tzinfo

LANGUAGES = ("en", "ja")

# A name of a certificate may be as long as its maker likes; a sentence may not.
VALUE_LIMIT = 240

# Cc control, Cf format and bidirectional, Cs surrogates, Co private use, Cn unassigned, Zl and Zp line and paragraph separators.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters and symbols that are drawn as nothing: Hangul fillers, the empty Braille pattern.
_UNSAFE_CHARACTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def visible(text: str) -> str:
    """The text with every character escaped that a terminal, a log or a reader would not see as it is.

    Control, format and bidirectional characters, line separators, surrogates, private and unassigned code points become
    ``\\x1b``, ``\\u202e``, ``\\U000e0001``. Applying it twice changes nothing more.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible_character, text))


def _visible_character(character: str) -> str:
    if unicodedata.category(character) not in _UNSAFE_CATEGORIES and character not in _UNSAFE_CHARACTERS:
        return character
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    point = ord(character)
    if point <= 0xFF:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def placeholders(template: str) -> frozenset[str]:
    """The names between braces in a template."""
    return frozenset(_PLACEHOLDER.findall(template))


class Text(str):
    """Words of ours, already rendered: inserted into another sentence as they are."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """All texts of one language.

    ``lang`` is "en" or "ja"; ``tables`` is the text file as read: ``labels``, ``headline``, ``unchecked``, ``assumption``, ``cause``, ...
    """

    lang: str
    tables: Mapping[str, Any]

    def has(self, key: str) -> bool:
        """Whether there is a text under the dotted key."""
        return isinstance(self._template(key), str)

    def texts(self, key: str) -> tuple[str, ...]:
        """The list of texts under the dotted key, for example the steps of a resolution; empty if there is none."""
        found = self._find(key)
        return tuple(found) if isinstance(found, list) else ()

    def render(self, key: str, facts: Mapping[str, object] | None = None, /, *, timezone: tzinfo | None = None, **more: object) -> Text:
        """The text under the dotted key (``"headline.accepted"``) with its placeholders filled.

        Values come from ``facts`` and keywords. A placeholder nobody fills stays as it is, a key nobody wrote is returned itself:
        an answer with a clumsy sentence is better than none. Tests hold that neither happens.
        """
        template = self._template(key)
        if template is None:
            return Text(visible(key))
        return self.fill(template, {**(facts or {}), **more}, timezone=timezone)

    def fill(self, template: str, facts: Mapping[str, object], *, timezone: tzinfo | None = None) -> Text:
        """The template with its placeholders filled from the facts."""

        def value(match: re.Match[str]) -> str:
            name = match.group(1)
            return self.value(name, facts[name], timezone=timezone) if name in facts else match.group(0)

        return Text(_PLACEHOLDER.sub(value, template))

    def value(self, name: str, value: object, *, timezone: tzinfo | None = None) -> str:
        """A value of a fact as words; ``name`` chooses the vocabulary for values that are codes (``values.<name>``)."""
        if isinstance(value, Text):
            return str(value)
        if value is None or value == "":
            return self._say("values.none")
        if isinstance(value, bool):
            return self._say("values.yes" if value else "values.no")
        if isinstance(value, datetime):
            return self.moment(value, timezone)
        if isinstance(value, timedelta):
            return self.duration(value)
        if isinstance(value, tuple | list | frozenset | set):
            items = sorted(value) if isinstance(value, frozenset | set) else value
            return self.join(self._term(name, item) for item in items)
        return self._term(name, value)

    def moment(self, moment: datetime, timezone: tzinfo | None = None) -> str:
        """``2026-11-23 15:00:00 UTC``, or in another timezone with its name and offset."""
        if timezone is not None and timezone is not UTC:
            try:
                local = moment.astimezone(timezone)
            except (OverflowError, ValueError):
                pass  # 9999-12-31 east of Greenwich: said in UTC
            else:
                offset = local.strftime("%z")
                return f"{local:%Y-%m-%d %H:%M:%S} {visible(local.strftime('%Z'))} (UTC{offset[:3]}:{offset[3:5]})".replace("  ", " ")
        moment = moment.astimezone(UTC) if moment.tzinfo is not None else moment
        return f"{moment.year:04}-{moment:%m-%d %H:%M:%S} UTC"

    def duration(self, duration: timedelta | int) -> str:
        """How long, rounded down to the largest unit of which there are at least two: "3 days", "90 minutes", "12分"."""
        seconds = abs(int(duration.total_seconds())) if isinstance(duration, timedelta) else abs(duration)
        for unit, size, least in (
            ("years", 31_557_600, 2 * 31_557_600),
            ("days", 86_400, 2 * 86_400),
            ("hours", 3_600, 2 * 3_600),
            ("minutes", 60, 2 * 60),
        ):
            if seconds >= least:
                return self._count(unit, seconds // size)
        return self._count("seconds", seconds)

    def join(self, items: Iterable[str]) -> str:
        """``a, b and c``; the word for none if there is nothing to join."""
        words = list(items)
        if not words:
            return self._say("values.empty")
        if len(words) == 1:
            return words[0]
        return self._say("list.separator").join(words[:-1]) + self._say("list.last") + words[-1]

    def _count(self, unit: str, number: int) -> str:
        return self._say(f"duration.{unit}.{'one' if number == 1 else 'other'}").replace("{n}", str(number))

    def _term(self, name: str, value: object) -> str:
        table = self._find(f"values.{name}")
        text = str(value)
        if isinstance(table, dict) and isinstance(table.get(text), str):
            return str(table[text])
        shown = visible(text)
        return shown if len(shown) <= VALUE_LIMIT else shown[: VALUE_LIMIT - 3] + "..."

    def _say(self, key: str) -> str:
        found = self._find(key)
        return found if isinstance(found, str) else key

    def _template(self, key: str) -> str | None:
        found = self._find(key)
        # "unchecked.store-not-told" is a table of several texts: without a further word its sentence is meant.
        if isinstance(found, dict):
            found = found.get("sentence")
        return found if isinstance(found, str) else None

    def _find(self, key: str) -> object:
        found: Any = self.tables
        for part in key.split("."):
            if not isinstance(found, dict) or part not in found:
                return None
            found = found[part]
        return found


def words(lang: str = "en") -> Words:
    """The words of a language: "en" or "ja", also as a locale ("ja_JP.UTF-8", "en-GB").

    Raises InputError for a language there are no words for.
    """
    short = re.split(r"[-_.@]", lang, maxsplit=1)[0].lower()
    if short not in LANGUAGES:
        raise InputError("unknown-language", found=repr(lang)[:40], expected=" or ".join(map(repr, LANGUAGES)), where="lang")
    return _read(short)


@cache
def _read(lang: str) -> Words:
    return Words(lang=lang, tables=read_toml(f"texts/{lang}.toml"))
