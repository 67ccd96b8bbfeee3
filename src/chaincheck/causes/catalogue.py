"""The catalogue: one row per code and role, read once from ``catalogue.toml`` and frozen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from chaincheck.causes.codes import CauseCode, DocumentedCause, Gate, Role, Severity
from chaincheck.causes.windows import HResult, IISStatus, Mark, TrustStatus, WindowsCodes

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is always true of one code in one role.

    ``rank`` is the place in the order of action, smaller first. ``blame`` names what the incident is about: fields of the facts,
    ``certificate`` (its fingerprint), ``certificate.issuer``, or nothing where the code alone is the incident.
    ``proven`` is False for codes that by their nature leave the question open.
    """

    code: CauseCode
    role: Role
    documented: DocumentedCause | None
    gate: Gate
    severity: Severity
    rank: int
    proven: bool
    blame: tuple[str, ...]
    reference: str
    windows: WindowsCodes | None
    resolutions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionRow:
    """What is the same in every language about a resolution; ``risk`` is "low", "medium", "high" or None."""

    id: str
    who: str
    document: str | None
    mark: Mark
    risk: str | None
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All rows, all resolutions, and the placeholders that each sentence about an answer may use."""

    rows: Mapping[tuple[CauseCode, Role], Row]
    resolutions: Mapping[str, ResolutionRow]
    unchecked: Mapping[str, tuple[str, ...]]
    assumptions: Mapping[str, tuple[str, ...]]

    def row(self, code: CauseCode, role: Role) -> Row:
        """The row of a code in a role.

        A role the catalogue does not foresee takes the code's first row without what is specific to that row's role:
        the documented cause and the Windows codes.
        """
        found = self.rows.get((code, role))
        if found is not None:
            return found
        nearest = next(row for row in self.rows.values() if row.code == code)
        return replace(nearest, role=role, documented=None, windows=None)


@cache
def catalogue() -> Catalogue:
    """The catalogue, read at the first call."""
    data = read_toml("catalogue.toml")
    return Catalogue(
        rows=MappingProxyType({(row.code, row.role): row for entry in data["cause"] for row in _rows(entry, data)}),
        resolutions=MappingProxyType({entry["id"]: _resolution(entry) for entry in data["resolution"]}),
        unchecked=MappingProxyType({key: tuple(fields) for key, fields in data["unchecked"].items()}),
        assumptions=MappingProxyType({key: tuple(fields) for key, fields in data["assumption"].items()}),
    )


def read_toml(name: str) -> dict[str, Any]:
    """A data file of this package."""
    import tomllib
    from importlib.resources import files

    return tomllib.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def _rows(entry: dict[str, Any], data: dict[str, Any]) -> list[Row]:
    # An entry may name several roles for which everything in it is the same.
    return [
        Row(
            code=CauseCode(entry["code"]),
            role=Role(role),
            documented=DocumentedCause(entry["documented"]) if "documented" in entry else None,
            gate=Gate(entry["gate"]),
            severity=Severity(entry["severity"]),
            rank=entry["rank"],
            proven=entry.get("proven", True),
            blame=tuple(entry["blame"]),
            reference=entry["reference"],
            windows=_windows(entry, data),
            resolutions=tuple(entry["resolutions"]),
        )
        for role in entry["roles"]
    ]


def _windows(entry: dict[str, Any], data: dict[str, Any]) -> WindowsCodes | None:
    flag, code, status = entry.get("trust_status"), entry.get("hresult"), entry.get("iis")
    if flag is None and code is None and status is None:
        return None
    trust_status = flag and TrustStatus(name=flag["name"], bit=int(data["trust_status"][flag["name"]], 16), mark=Mark(flag["mark"]))
    hresult = code and _hresult(code["name"], Mark(code["mark"]), data["hresult"][code["name"]])
    return WindowsCodes(
        trust_status=trust_status,
        hresult=hresult,
        iis=status and _status(status),
        also=tuple(_status(other) for other in entry.get("also", ())),
    )


def _hresult(name: str, mark: Mark, forms: dict[str, Any]) -> HResult:
    unsigned = int(forms["hex"], 16)
    return HResult(name=name, unsigned=unsigned, logged=forms.get("logged", unsigned), mark=mark)


def _status(entry: dict[str, str]) -> IISStatus:
    return IISStatus(status=entry["status"], mark=Mark(entry["mark"]))


def _resolution(entry: dict[str, Any]) -> ResolutionRow:
    return ResolutionRow(
        id=entry["id"],
        who=entry["who"],
        document=entry.get("document"),
        mark=Mark(entry["mark"]),
        risk=entry.get("risk"),
        commands=tuple(entry.get("commands", ())),
    )
