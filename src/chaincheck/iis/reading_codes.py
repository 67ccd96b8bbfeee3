"""From what people write of a refusal ("403 16 2148204809", "-2146762487", "unknown_ca", "event 36877") to the codes it names.

Every code may arrive in hex, signed or unsigned, with or without ``0x``, by its name, or as one of several bits.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from chaincheck.iis.tables import FLAGS, Code, Family, codes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LONGEST: Final = 4096  # characters; a line of a log has some hundred
_MOST: Final = 64  # words that are looked at
_SPLIT: Final = re.compile(r"[\s,;:=()\[\]\"'|]+")
_STATUS: Final = re.compile(r"([1-5][0-9]{2})(?:\.([0-9]{1,3}))?")
_HEX: Final = re.compile(r"0x([0-9a-f]{1,8})|([0-9a-f]{8})", re.IGNORECASE)
_DECIMAL: Final = re.compile(r"-?[0-9]{1,10}")

# Words that say of which family the number behind them is.
_CONTEXT: Final = {
    "alert": Family.ALERT,
    "event": Family.EVENT,
    "eventid": Family.EVENT,
    "schannel": Family.EVENT,
    "verify": Family.X509_VERIFY,
    "x509": Family.X509_VERIFY,
    "openssl": Family.X509_VERIFY,
    "dwerrorstatus": Family.TRUST_STATUS,
    "errorstatus": Family.TRUST_STATUS,
    "dwinfostatus": Family.TRUST_INFO,
    "infostatus": Family.TRUST_INFO,
    "win32": Family.WIN32,
    "winhttp": Family.WINHTTP,
    "sc-win32-status": Family.WIN32,
}
_STATUS_WORDS: Final = frozenset(("http", "error", "status", "sc-status", "substatus", "sc-substatus"))
# A low word alone, as self-hosted services print it: "native error code 0x109" (reported by users).
_LOW_WORDS: Final = (0x800B_0000, 0x8009_0000)


class Named(NamedTuple):
    """One code that was named, by what words, and the bits of it that nobody knows (of flags only)."""

    code: Code
    by: str
    unknown_bits: int = 0


def read(text: str) -> tuple[Named, ...]:
    """Every code that the text names, each once, in its order; () where it names none."""
    if (logged := _logged(text[:LONGEST])) is not None:
        return logged
    words = [word.strip(".") for word in _SPLIT.split(text[:LONGEST]) if word.strip(".")][:_MOST]
    found: dict[str, Named] = {}
    for named in _named(words):
        found.setdefault(named.code.name, named)
    return tuple(found.values())


def _logged(text: str) -> tuple[Named, ...] | None:
    """The status, substatus and code of a log line (sc-status sc-substatus sc-win32-status), whatever stands around them."""
    for match in _TRIPLE.finditer(text):
        status = _statuses().get(f"{match[1]}.{match[2]}") or (_statuses().get(match[1]) if match[2] == "0" else None)
        if status is not None:
            code = Named(status, f"{match[1]} {match[2]}")
            return (code, *(named for named in _by_number(match[3], Family.WIN32) if named.code.family in _LOGGED))
    return None


_TRIPLE: Final = re.compile(r"(?<![\w.-])([1-5][0-9]{2})[ \t.]+([0-9]{1,3})[ \t,]+(-?[0-9]{1,10}|0x[0-9a-fA-F]{1,8})(?![\w.-])")


@cache
def _statuses() -> dict[str, Code]:
    return {code.name: code for code in codes() if code.family is Family.STATUS}


def _named(words: Sequence[str]) -> Iterator[Named]:
    context: Family | None = None
    place = 0
    while place < len(words):
        word = words[place]
        if (family := _CONTEXT.get(word.lower())) is not None:
            context = family
        elif word.lower() in _STATUS_WORDS:
            pass
        elif (code := _by_name().get(_folded(word))) is not None:
            yield Named(code, word)
        elif context in FLAGS and _HEX_BARE.fullmatch(word):  # certutil prints these in hex without a prefix
            yield from _flags(int(word, 16), word, context)
        elif context is None and (status := _status(words, place)) is not None:
            code, used = status
            yield Named(code, " ".join(words[place : place + used]))
            place += used - 1
        else:
            yield from _by_number(word, context)
            context = None
        place += 1


_HEX_BARE: Final = re.compile(r"(?:0x)?[0-9a-f]{1,8}", re.IGNORECASE)


def _status(words: Sequence[str], place: int) -> tuple[Code, int] | None:
    """A status with its substatus, "403.16" or "403 16", and how many words that is."""
    match = _STATUS.fullmatch(words[place])
    if match is None:
        return None
    statuses = _statuses()
    if match[2] is not None:
        exact = statuses.get(f"{match[1]}.{match[2]}") or (statuses.get(match[1]) if match[2] == "0" else None)
        return (exact, 1) if exact is not None else None
    following = words[place + 1] if place + 1 < len(words) else ""
    if following.isdigit() and f"{match[1]}.{following}" in statuses:
        return statuses[f"{match[1]}.{following}"], 2
    if match[1] not in statuses:
        return None
    return statuses[match[1]], 2 if following == "0" else 1


def _by_number(word: str, context: Family | None) -> Iterator[Named]:
    """All codes of that number; of the family that the words before it name, if they name one."""
    numbers = _numbers(word)
    fitting = [code for code in codes() if code.family not in FLAGS and code.numbers & numbers]
    if not fitting and word.lower().startswith("0x"):
        low = int(word, 0) if _HEX_BARE.fullmatch(word) else 0
        if low < 0x1_0000:
            fitting = [code for code in codes() if code.value in {base | low for base in _LOW_WORDS}]
    preferred = [
        code for code in fitting if context is None or code.family is context or (context is Family.WIN32 and code.family in _LOGGED)
    ]
    for code in preferred or fitting:
        yield Named(code, word)
    if not fitting and word.lower().startswith("0x") and _HEX_BARE.fullmatch(word):
        yield from _flags(int(word, 16), word, Family.TRUST_STATUS)


_LOGGED: Final = frozenset({Family.HRESULT, Family.WIN32, Family.SCHANNEL})  # what IIS writes to sc-win32-status


def _numbers(word: str) -> frozenset[int]:
    """What number a word may be; eight hex digits that are all decimal may be both."""
    found = set()
    if (match := _HEX.fullmatch(word)) is not None:
        found.add(int(match[1] or match[2], 16))
    if _DECIMAL.fullmatch(word):
        found.add(int(word))
    return frozenset(found)


def _flags(value: int, word: str, family: Family) -> Iterator[Named]:
    """Every bit of a value; unknown ones are kept with the first that is known."""
    known = [code for code in codes() if code.family is family and code.value is not None and code.value & value]
    unknown = value
    for code in known:
        unknown &= ~(code.value or 0)
    for place, code in enumerate(known):
        yield Named(code, word, unknown if place == 0 else 0)


@cache
def _by_name() -> dict[str, Code]:
    found: dict[str, Code] = {}
    for code in codes():
        for name in () if code.family is Family.STATUS else (code.name, *code.also):
            found.setdefault(_folded(name), code)
    return found


def _folded(name: str) -> str:
    """Names in any case, with or without the usual prefixes and separators."""
    folded = re.sub(r"[^a-z0-9]", "", name.lower())
    return folded.removeprefix("certtrust")
