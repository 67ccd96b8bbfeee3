"""Codes and root causes as data, read once from ``codes.toml`` and ``root_causes.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from chaincheck.causes.codes import CauseCode, DocumentedCause
from chaincheck.causes.windows import Mark

if TYPE_CHECKING:
    from collections.abc import Mapping


class Family(StrEnum):
    """Where a code comes from."""

    STATUS = "status"  # HTTP status and substatus of IIS
    HRESULT = "hresult"
    WIN32 = "win32"
    SCHANNEL = "schannel"
    WINHTTP = "winhttp"
    ALERT = "alert"  # TLS (RFC 8446 6)
    TRUST_STATUS = "trust-status"  # CERT_TRUST_STATUS.dwErrorStatus
    TRUST_INFO = "trust-info"  # CERT_TRUST_STATUS.dwInfoStatus
    EVENT = "event"  # System log, provider Schannel
    X509_VERIFY = "x509-verify"  # OpenSSL


FLAGS = frozenset({Family.TRUST_STATUS, Family.TRUST_INFO})
"""Families whose numbers are bits, which come together."""

_WIN32_FACILITY = 0x8007_0000  # HRESULT_FROM_WIN32


@dataclass(frozen=True, slots=True, kw_only=True)
class RootCause:
    """One of the 25 root causes, the most frequent first (``rank`` from 1).

    ``codes``: the causes of ``diagnose`` that are it, or a part of it. ``commands`` tell it apart from others. ``mark``: how sure it is
    that it leads to a refusal.
    """

    id: str
    rank: int
    codes: tuple[CauseCode, ...]
    documented: DocumentedCause | None
    mark: Mark
    reference: str
    commands: tuple[str, ...]
    words: Mapping[str, Mapping[str, str]]

    def text(self, part: str, lang: str = "en") -> str:
        """``title``, ``look`` (what tells it apart) or ``fix``, in "en" or "ja"."""
        return self.words[lang][part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One code, flag, alert or event. ``value`` is the number, of a status None; ``mark``: that it means this.

    ``seen_with``: the statuses of IIS it comes with; ``also``: other names of it. ``candidates``: ids of root causes in the order of
    checking, which is inferred.
    """

    family: Family
    name: str
    value: int | None
    mark: Mark
    seen_with: tuple[str, ...]
    also: tuple[str, ...]
    candidates: tuple[str, ...]
    words: Mapping[str, str]

    @property
    def unsigned(self) -> int | None:
        """What IIS logs: of an HRESULT the 32 bits without a sign."""
        return self.value

    @property
    def signed(self) -> int | None:
        """What .NET and certutil print."""
        return self.value - (1 << 32) if self.value is not None and self.value >= 1 << 31 else self.value

    @property
    def hex(self) -> str | None:
        """``0x800B0109``."""
        return None if self.value is None else f"0x{self.value:08X}"

    @property
    def numbers(self) -> frozenset[int]:
        """Every number it may arrive as."""
        if self.value is None:
            return frozenset()
        found = {self.value}
        if self.family in (Family.WIN32, Family.WINHTTP):
            found.add(_WIN32_FACILITY | self.value)
        return frozenset(found | {number - (1 << 32) for number in found if number >= 1 << 31})

    def meaning(self, lang: str = "en") -> str:
        """What it says, in "en" or "ja"."""
        return self.words[lang]


@cache
def root_causes() -> Mapping[str, RootCause]:
    """All 25 by id, in order of frequency."""
    rows = _read("root_causes.toml")["cause"]
    return MappingProxyType({row["id"]: _root_cause(rank, row) for rank, row in enumerate(rows, 1)})


@cache
def codes() -> tuple[Code, ...]:
    """All codes, in the order of the file."""
    return tuple(_code(row) for row in _read("codes.toml")["code"])


def _root_cause(rank: int, row: Mapping[str, Any]) -> RootCause:
    return RootCause(
        id=row["id"],
        rank=rank,
        codes=tuple(map(CauseCode, row["codes"])),
        documented=DocumentedCause(row["documented"]) if "documented" in row else None,
        mark=Mark(row["mark"]),
        reference=row["reference"],
        commands=tuple(row["commands"]),
        words=MappingProxyType({lang: MappingProxyType(row[lang]) for lang in ("en", "ja")}),
    )


def _code(row: Mapping[str, Any]) -> Code:
    value = row["value"]
    return Code(
        family=Family(row["family"]),
        name=row["name"],
        value=None if isinstance(value, str) else value,
        mark=Mark(row["mark"]),
        seen_with=tuple(row.get("status", ())),
        also=tuple(row.get("also", ())),
        candidates=tuple(row.get("candidates", ())),
        words=MappingProxyType({"en": row["en"], "ja": row["ja"]}),
    )


def _read(name: str) -> dict[str, Any]:
    import tomllib
    from importlib.resources import files

    return tomllib.loads(files("chaincheck.iis").joinpath(name).read_text(encoding="utf-8"))
