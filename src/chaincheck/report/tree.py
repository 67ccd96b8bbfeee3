"""The certification path, drawn as on Windows' Certification Path tab: the root at the top, a mark and the reasons at each element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaincheck.causes.codes import CauseCode, Severity
from chaincheck.causes.words import Text, visible
from chaincheck.report.layout import wrap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

    from chaincheck.causes.cause import Cause
    from chaincheck.causes.words import Words
    from chaincheck.diagnosis import Diagnosis, Element, Path
    from chaincheck.x509.name import Name

REFUSES, OPEN, WARNS, GOOD = "×", "?", "!", "○"

_MOST_REASONS = 20  # at one element of the drawing
_NAME_LIMIT = 100  # characters of one name in the drawing; the causes give it in full

# Causes that stand on the lower element but speak about the one that is missing above it.
_OF_THE_MISSING = frozenset({CauseCode.ISSUER_NOT_FOUND, CauseCode.INTERMEDIATE_MISSING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    mark: str
    label: str
    reasons: tuple[str, ...]


def draw(diagnosis: Diagnosis, path: Path, numbers: Mapping[Cause, int], said: Words, timezone: tzinfo | None, columns: int) -> list[str]:
    """The lines of one path. ``numbers``: where in the list of causes each cause stands."""
    east_asian = said.lang == "ja"
    lines: list[str] = []
    for depth, one in enumerate(drawn(diagnosis, path, numbers, said, timezone)):
        branch = "" if depth == 0 else "   " * (depth - 1) + "└─ "
        start = f"  {branch}{one.mark} "
        lines += wrap(one.label, columns, first=start, east_asian=east_asian)
        margin = " " * (4 + 3 * depth)  # under the name, whether the font draws the marks narrow or wide
        for reason in one.reasons:
            lines += wrap(reason, columns, first=f"{margin}→ ", east_asian=east_asian)
    return lines


def mark(causes: Sequence[Cause]) -> str:
    """The mark of an element by its causes: it refuses, it is open, it warns, or nothing is against it."""
    fatal = [cause for cause in causes if cause.severity is Severity.FATAL]
    if fatal:
        return REFUSES if any(cause.proven for cause in fatal) else OPEN
    return WARNS if any(cause.severity is Severity.WARNING for cause in causes) else GOOD


def short_name(name: Name) -> str:
    """The common name, as Windows shows it, else the whole name; safe to print."""
    shown = visible(name.common_name or str(name)).strip() or '""'
    return shown if len(shown) <= _NAME_LIMIT else shown[: _NAME_LIMIT - 3] + "..."


def element_names(path: Path) -> list[str]:
    """The name of each element, subject first: in full where the common name alone would not tell two of them apart."""
    short = [short_name(element.name) for element in path.elements]
    pairs = zip(path.elements, short, strict=True)
    return [visible(str(element.name))[:_NAME_LIMIT] if short.count(name) > 1 else name for element, name in pairs]


def drawn(diagnosis: Diagnosis, path: Path, numbers: Mapping[Cause, int], said: Words, timezone: tzinfo | None) -> list[Drawn]:
    """The elements of a path from the root down, each with its mark and reasons."""
    elements, names = path.elements, element_names(path)
    found = [] if path.complete else _above(diagnosis, elements[-1], numbers, said, timezone)
    untold_root = not path.complete and not found
    for index in range(len(elements) - 1, -1, -1):
        element = elements[index]
        own = [cause for cause in _causes_of(element, diagnosis, path) if cause.code not in _OF_THE_MISSING]
        reasons = [_reason(cause, numbers, said, timezone) for cause in own[:_MOST_REASONS]]
        if len(own) > _MOST_REASONS:
            reasons.append(said.render("labels.more-causes", count=len(own) - _MOST_REASONS))
        sign = mark(own)
        if untold_root and index == len(elements) - 1 and sign is not REFUSES and not _explained(own):
            sign = OPEN
            reasons.insert(0, _why_open(diagnosis, said))
        found.append(Drawn(mark=sign, label=_label(element, names[index], said), reasons=tuple(reasons)))
    return found


def _causes_of(element: Element, diagnosis: Diagnosis, path: Path) -> list[Cause]:
    """What speaks about an element, notes left out; on the best path also what is common to all paths, such as a missing key."""
    causes = element.causes
    if path is diagnosis.path and element.certificate is not None:
        causes = tuple(cause for cause in diagnosis.causes if cause.certificate == element.certificate)
    return [cause for cause in causes if cause.severity is not Severity.NOTE]


def _above(diagnosis: Diagnosis, top: Element, numbers: Mapping[Cause, int], said: Words, timezone: tzinfo | None) -> list[Drawn]:
    """The issuer that is not there, where the path stops below the root."""
    if top.certificate is None or top.certificate.is_self_issued:
        return []
    missing = [cause for cause in top.causes if cause.code in _OF_THE_MISSING]
    reasons = [_reason(cause, numbers, said, timezone) for cause in missing] or [_why_open(diagnosis, said)]
    label = said.render("report.not-found", name=Text(short_name(top.certificate.issuer)))
    return [Drawn(mark=mark(missing) if missing else OPEN, label=label, reasons=tuple(reasons))]


def _explained(causes: Sequence[Cause]) -> bool:
    return any(cause.code in (CauseCode.UNTRUSTED_ROOT, CauseCode.ROOT_IN_WRONG_STORE) for cause in causes)


def _why_open(diagnosis: Diagnosis, said: Words) -> str:
    for statement in diagnosis.unchecked:
        if statement.code in ("store-not-told", "roots-not-told", "intermediates-not-told"):
            return said.render(f"unchecked.{statement.code}.clause", dict(statement.facts))
    return said.render("report.no-trust-anchor")


def _reason(cause: Cause, numbers: Mapping[Cause, int], said: Words, timezone: tzinfo | None) -> str:
    number = numbers.get(cause)
    clause = cause.clause(said.lang, timezone)
    return clause if number is None else f"[{number}] {clause}"


def _label(element: Element, name: str, said: Words) -> str:
    if not element.found_in:
        return name
    return f"{name}  [{said.value('found_in', element.found_in)}]"
