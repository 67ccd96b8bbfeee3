"""What Windows itself decided about a chain, in one shape, whether ``certutil -verify`` or the CAPI2 log says it."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal

from chaincheck.errors import InputError
from chaincheck.iis.tables import Family, codes

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from datetime import datetime

MOST_BYTES: Final = 32 << 20  # of one source
MOST_KEPT: Final = 64  # words of one verdict that are kept although nobody knows them
_LONGEST_KEPT: Final = 200  # characters
_EXPECTED: Final = "the output of certutil -verify, or events of Microsoft-Windows-CAPI2/Operational as XML"
_FACILITY_WIN32: Final = 0x8007_0000

Kind = Literal["aia", "cdp", "ocsp", "other"]
"""What lies at an address: an issuer's certificate, a CRL, or an OCSP responder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlOutcome:
    """What became of one address. ``code``: an HRESULT, unsigned, that of Windows where there is one.

    ``ok`` is None where that is not told: a word in a language not known here, or only the cache was asked and it had nothing.
    """

    kind: Kind
    url: str
    ok: bool | None
    code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsElement:
    """One certificate of the chain, as Windows judged it; of CAPI2 the names may be the common name alone.

    ``serial`` (without leading zeros) and ``sha1`` are lower hex. ``flags`` are the ``CERT_TRUST_`` names of the bits of ``error_status``;
    bits without a name stay together as "0x...". There are none also where an event names a certificate without its status: then ``result``
    of the verdict speaks.
    """

    subject: str | None
    issuer: str | None
    serial: str | None
    sha1: str | None
    error_status: int
    info_status: int
    flags: tuple[str, ...]
    urls: tuple[UrlOutcome, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsVerdict:
    """One chain and what Windows made of it; the end certificate is the first element.

    ``engine``: whose stores were asked; for IIS only those of the machine count. ``user``: the SID of the account. ``moment``: UTC, told by
    CAPI2 alone. ``result``: the HRESULT, unsigned, or None where none was printed, which is no success: ``error_status`` is the verdict.
    ``policy``: the ``CERT_CHAIN_POLICY_`` that was asked, of several the first that failed. ``urls``: addresses asked for the chain that
    belong to no element. ``kept``: words and flags not known here.
    """

    source: Literal["certutil", "capi2"]
    engine: Literal["machine", "user"] | None
    process: str | None
    user: str | None
    moment: datetime | None
    error_status: int
    info_status: int
    result: int | None
    elements: tuple[WindowsElement, ...]
    kept: tuple[str, ...]
    policy: str | None = None
    urls: tuple[UrlOutcome, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether Windows says anything against the chain."""
        return bool(self.error_status or self.result or any(element.error_status for element in self.elements))

    @property
    def flags(self) -> tuple[str, ...]:
        """The names of the bits of ``error_status``."""
        return flag_names(self.error_status)

    @property
    def outcomes(self) -> tuple[UrlOutcome, ...]:
        """Of all addresses, those of the elements first."""
        return (*(outcome for element in self.elements for outcome in element.urls), *self.urls)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        from dataclasses import asdict

        moment = None if self.moment is None else f"{self.moment:%Y-%m-%dT%H:%M:%SZ}"
        return asdict(self) | {"moment": moment, "flags": list(self.flags)}


def read(source: str | bytes | os.PathLike[str], where: str = "evidence") -> tuple[WindowsVerdict, ...]:
    """Every verdict of a text, of bytes in any usual encoding, or of a file; a str of one line is a path.

    Raises ``InputError`` for what is neither output of ``certutil -verify`` nor events of CAPI2.
    """
    from chaincheck.iis import capi2, verify_output

    data, where = _content(source, where)
    if isinstance(data, bytes) and data.startswith(b"ElfFile\0"):
        hint = "export it as XML: wevtutil qe FILE.evtx /lf:true /f:xml"
        raise InputError("evidence", found="a binary event log (.evtx)", expected=_EXPECTED, where=where, hint=hint)
    text = data if isinstance(data, str) else _decoded(data)
    if capi2.looks_like(text):
        return capi2.parse(data, where)
    if verify_output.looks_like(text):
        return verify_output.parse_all(text, where)
    raise InputError("evidence", found="neither" if text.strip() else "an empty text", expected=_EXPECTED, where=where)


def _content(source: str | bytes | os.PathLike[str], where: str) -> tuple[str | bytes, str]:
    import os

    from chaincheck.formats.described import described

    data: str | bytes
    if isinstance(source, bytes) or (isinstance(source, str) and _is_content(source)):
        data = source
    elif isinstance(source, (str, os.PathLike)):
        data, where = _file(source), str(source)[:120]
    else:
        raise InputError("evidence", found=described(source), expected=_EXPECTED, where=where)
    if len(data) > MOST_BYTES:
        raise InputError("too-large", found=f"more than {MOST_BYTES:,} bytes", expected=_EXPECTED, where=where)
    return data, where


def _is_content(text: str) -> bool:
    return "\n" in text or "\r" in text or text.lstrip()[:1] in ("", "<")


def _file(path: str | os.PathLike[str]) -> bytes:
    from pathlib import Path

    where = str(path)[:120]
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # a pipe or a device may never end
            raise InputError("not-a-file", found="no regular file", expected=_EXPECTED, where=where)
        with Path(path).open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise InputError("not-found", found="no such file", expected=_EXPECTED, where=where) from None
    except (OSError, ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        found = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise InputError("unreadable", found=found, expected="a file that can be read", where=where) from None


def _decoded(data: bytes) -> str:
    from chaincheck.formats.text import decode

    return decode(data)[0]


# numbers and names, as both sources write them


def number(text: str | None) -> int | None:
    """A DWORD in hex, with or without 0x; None for anything else."""
    digits = (text or "").strip().lower().removeprefix("0x")
    return int(digits, 16) if 0 < len(digits) <= 8 and digits.isascii() and digits.isalnum() and not set(digits) - _HEX else None


_HEX: Final = frozenset("0123456789abcdef")


def hresult(value: int | None) -> int | None:
    """CAPI2 writes errors of Win32 and WinHTTP bare (2EE7), certutil as HRESULT_FROM_WIN32 (0x80072EE7): here always the latter."""
    return _FACILITY_WIN32 | value if value is not None and 0 < value < 1 << 16 else value


def flag_names(value: int, family: Family = Family.TRUST_STATUS) -> tuple[str, ...]:
    """The names of its bits, the lowest first, and what has no name as one "0x..."."""
    names = flag_bits(family)
    known = tuple(name for name, bit in names.items() if value & bit)
    rest = value & ~sum(names.values())
    return (*known, f"0x{rest:x}") if rest else known


@cache
def flag_bits(family: Family) -> dict[str, int]:
    """CERT_TRUST_ names and their bits, the lowest first."""
    found = sorted((code.value, code.name) for code in codes() if code.family is family and code.value)
    return {name: bit for bit, name in found}


class Kept:
    """Words that nobody here knows, each once, bounded."""

    def __init__(self) -> None:
        self._found: dict[str, None] = {}

    def add(self, word: str) -> None:
        if word and len(self._found) < MOST_KEPT:
            self._found.setdefault(word[:_LONGEST_KEPT])

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)


def union(values: Iterator[int]) -> int:
    """All bits of all of them."""
    found = 0
    for value in values:
        found |= value
    return found
