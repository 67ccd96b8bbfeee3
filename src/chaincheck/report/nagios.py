"""The answer as a plug-in of Nagios, Icinga and their kind gives it: a state, one line with performance data, then the causes.

Monitoring Plugins Development Guidelines: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; ``|`` begins performance data,
``'label'=value[UOM];[warn];[crit];[min];[max]``, where the range ``30:`` warns below 30.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chaincheck.causes.codes import Severity, Verdict
from chaincheck.causes.words import visible
from chaincheck.report.arguments import language, zone
from chaincheck.report.headline import headline

if TYPE_CHECKING:
    from datetime import tzinfo

    from chaincheck.diagnosis import Diagnosis

OK, WARNING, CRITICAL, UNKNOWN = range(4)
_STATES: Final = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_MOST: Final = 20  # lines: what follows is mailed and kept


def to_nagios(diagnosis: Diagnosis, *, lang: str = "en", timezone: tzinfo | None = None) -> tuple[int, str]:
    """State and output. WARNING: accepted, and something warns, as an element of the path does that expires within ``warn_before``."""
    said, timezone = language(lang), zone(timezone)
    state, text = _VERDICTS[diagnosis.verdict], headline(diagnosis, said.lang, timezone)
    told = [cause for cause in diagnosis.causes if cause.severity is not Severity.NOTE][:_MOST]
    if state == OK and told:
        state, text = WARNING, told[0].text(said.lang, timezone)
        told = told[1:]
    blocking = [each for each in diagnosis.unchecked if each.blocks][:_MOST]
    further = [cause.text(said.lang, timezone) for cause in told] + [each.text("unchecked", said.lang) for each in blocking]
    return state, "".join(f"{line}\n" for line in (f"{line_of(state, text)} | {_measured(diagnosis)}", *map(_plain, further)))


def line_of(state: int, text: str) -> str:
    """The line of a state without performance data."""
    return f"CHAINCHECK {_STATES[state]} - {_plain(text)}"


_VERDICTS: Final = {Verdict.ACCEPTED: OK, Verdict.REFUSED: CRITICAL, Verdict.UNDETERMINED: UNKNOWN}


def _measured(diagnosis: Diagnosis) -> str:
    fatal = sum(cause.severity is Severity.FATAL for cause in diagnosis.causes)
    subject = diagnosis.subject
    measured = [f"causes={fatal};;0;0"]
    if subject is not None and subject.not_after_s is not None:
        warn = f"{diagnosis.warn_before_s / 86_400:g}:" if diagnosis.warn_before_s else ""
        measured.insert(0, f"days_left={(subject.not_after_s - diagnosis.at_s) / 86_400:.2f};{warn};0:")
    return " ".join(measured)


def _plain(text: str) -> str:
    """One line in which nothing begins performance data."""
    return visible(text).replace("|", "/")
