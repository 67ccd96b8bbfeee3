"""What somebody saw beside what was found: which causes explain it, and what may be behind it where none does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from chaincheck.causes.codes import Severity
from chaincheck.errors import InputError
from chaincheck.iis.reading_codes import read
from chaincheck.iis.tables import Code, Family, codes, root_causes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chaincheck.causes.cause import Cause
    from chaincheck.diagnosis import Diagnosis
    from chaincheck.iis.tables import RootCause
    from chaincheck.iis.windows_verdict import WindowsVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """``seen``: the codes that somebody saw. ``explained_by``: the causes found that show so.

    ``unexplained``: the codes that no cause found here shows; then another node, binding or store than the one judged may have answered, or
    one of ``candidates``, root causes that are not among those found.
    """

    seen: tuple[Code, ...]
    explained_by: tuple[Cause, ...]
    unexplained: tuple[Code, ...]
    candidates: tuple[RootCause, ...]

    @property
    def explained(self) -> bool:
        """Whether every code that was seen is explained."""
        return not self.unexplained

    def text(self, lang: str = "en") -> str:
        """One or two sentences."""
        from chaincheck.causes.words import Text, words

        said = words(lang)
        seen = said.join(_shown(code) for code in self.seen)
        if self.explained:
            return said.render("observation.explained", seen=Text(seen), clauses=Text(said.join(c.clause(lang) for c in self.explained_by)))
        left = said.join(_shown(code) for code in self.unexplained)
        titles = Text("; ".join(each.text("title", said.lang) for each in self.candidates[:5]) or said.render("values.none"))
        return said.render("observation.unexplained", seen=Text(left), candidates=titles)

    def to_dict(self, lang: str = "en") -> dict[str, Any]:
        """As JSON has it."""
        return {
            "seen": [code.name for code in self.seen],
            "explained": self.explained,
            "explained_by": [cause.code.value for cause in self.explained_by],
            "unexplained": [code.name for code in self.unexplained],
            "candidates": [each.id for each in self.candidates],
            "text": self.text(lang),
        }


def _shown(code: Code) -> str:
    return code.name if code.family is Family.STATUS or code.value is None else f"{code.name} ({code.hex})"


_MOMENT: Final = re.compile(r"(?<![0-9])([0-9]{4}-[0-9]{2}-[0-9]{2})[T \t]+([0-9]{2}:[0-9]{2}:[0-9]{2})")
_AUXILIARY: Final = frozenset(("ERROR_ACCESS_DENIED", "ERROR_NETNAME_DELETED"))  # logged beside many statuses, and saying nothing alone


def read_observed(observed: Any) -> tuple[tuple[str, ...], datetime | None]:
    """The names of the codes that were seen, and the moment, where a line of a log says it (W3C: UTC).

    ``observed``: a log line, a status, a code, the name of an alert, a number; or what Windows itself said: the output of
    ``certutil -verify`` or events of CAPI2, as text, bytes or a path. Raises ``InputError`` where no code that is known stands in it.
    """
    import os

    if isinstance(observed, bytes | os.PathLike) or (isinstance(observed, str) and "\n" in observed.strip()):
        from chaincheck.iis.windows_verdict import read as read_verdict

        verdicts = read_verdict(observed, where="observed")
        return tuple(dict.fromkeys(name for verdict in verdicts for name in _names(verdict))), verdicts[-1].moment
    if isinstance(observed, bool) or not isinstance(observed, str | int):
        from chaincheck.formats.described import described

        raise InputError("observed", found=described(observed), expected="a log line, a status or a code", where="observed")
    text = str(observed)
    named = read(text)
    if not named:
        expected = 'a log line, a status (403.16) or a code (0x800B0109, unknown_ca, "event 36877")'
        raise InputError("observed", found=repr(text.strip()[:60] or "nothing"), expected=expected, where="observed")
    match = _MOMENT.search(text)
    moment = None
    if match is not None:
        try:
            moment = datetime.fromisoformat(f"{match[1]}T{match[2]}").replace(tzinfo=UTC)
        except ValueError:
            moment = None
    return tuple(each.code.name for each in named), moment


def _names(verdict: WindowsVerdict) -> Iterator[str]:
    """The flags that Windows raised, and the code that it returned."""
    known = {code.name for code in codes()}
    yield from (flag for flag in verdict.flags if flag in known)
    if verdict.result:
        yield from (code.name for code in codes() if code.value == verdict.result and code.family in _RETURNED)


_RETURNED: Final = frozenset((Family.HRESULT, Family.WIN32, Family.SCHANNEL))


def observation(diagnosis: Diagnosis) -> Observation | None:
    """What was found, held against what was seen; None where nothing was."""
    if not diagnosis.observed:
        return None
    by_name = {code.name: code for code in codes()}
    seen = tuple(by_name[name] for name in diagnosis.observed if name in by_name)
    telling = [code for code in seen if code.name not in _AUXILIARY] or list(seen)
    fatal = [cause for cause in diagnosis.causes if cause.severity is Severity.FATAL]
    showing = {code.name: [cause for cause in fatal if _shows(cause, code)] for code in telling}
    all_of_it = [cause for cause in fatal if all(cause in found for found in showing.values())]
    any_of_it = [cause for cause in fatal if any(cause in found for found in showing.values())]
    unexplained = tuple(code for code in telling if not showing[code.name])
    return Observation(
        seen=seen,
        explained_by=tuple(all_of_it or any_of_it),
        unexplained=unexplained,
        candidates=_candidates(unexplained, fatal) if unexplained else (),
    )


def _shows(cause: Cause, code: Code) -> bool:
    """Whether a cause shows as that code: by the catalogue, or since it is a root cause that is known to be behind it."""
    windows = cause.windows
    if windows is not None:
        statuses = {status.status for status in (windows.iis, *windows.also) if status is not None}
        names = {windows.hresult.name if windows.hresult else "", windows.trust_status.name if windows.trust_status else ""}
        if code.name in statuses or code.name in names:
            return True
    return any(cause.code in root_causes()[identifier].codes for identifier in code.candidates)


def _candidates(unexplained: Iterable[Code], fatal: Sequence[Cause]) -> tuple[RootCause, ...]:
    found = {cause.code for cause in fatal}
    named = dict.fromkeys(identifier for code in unexplained for identifier in code.candidates)
    return tuple(root_causes()[identifier] for identifier in named if not found & set(root_causes()[identifier].codes))
