"""The answer as a plug-in of Nagios, Icinga and their kind gives it: a state, one line with performance data, then the causes.

Monitoring Plugins Development Guidelines: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; ``|`` begins performance data,
``'label'=value[UOM];[warn];[crit];[min];[max]``, where the range ``30:`` warns below 30.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chaincheck.causes.codes import Severity, Verdict
from chaincheck.causes.words import Text, visible
from chaincheck.report.arguments import language, zone
from chaincheck.report.headline import headline
from chaincheck.report.tree import short_name

if TYPE_CHECKING:
    from datetime import timedelta, tzinfo

    from chaincheck.diagnosis import Change, Diagnosis

OK, WARNING, CRITICAL, UNKNOWN = range(4)
_STATES: Final = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_MOST: Final = 20  # lines: what follows is mailed and kept


def to_nagios(diagnosis: Diagnosis, *, warn_before: timedelta, lang: str = "en", timezone: tzinfo | None = None) -> tuple[int, str]:
    """State and output. WARNING: accepted, and something warns or an element of the path expires within ``warn_before``."""
    said, timezone = language(lang), zone(timezone)
    state, text = _VERDICTS[diagnosis.verdict], headline(diagnosis, said.lang, timezone)
    if state == OK and (soon := _soon(diagnosis, warn_before)) is not None:
        state = WARNING
        name = Text(short_name(soon.certificate.subject)) if soon.certificate is not None else ""
        text = said.render("nagios.expires", name=name, at=Text(said.moment(soon.at, timezone)))
    elif state == OK and any(cause.severity is Severity.WARNING for cause in diagnosis.causes):
        state = WARNING
    told = [cause for cause in diagnosis.causes if cause.severity is not Severity.NOTE][:_MOST]
    blocking = [each for each in diagnosis.unchecked if each.blocks][:_MOST]
    further = [cause.text(said.lang, timezone) for cause in told] + [each.text("unchecked", said.lang) for each in blocking]
    return state, "".join(f"{line}\n" for line in (f"{line_of(state, text)} | {_measured(diagnosis, warn_before)}", *map(_plain, further)))


def line_of(state: int, text: str) -> str:
    """The line of a state without performance data."""
    return f"CHAINCHECK {_STATES[state]} - {_plain(text)}"


_VERDICTS: Final = {Verdict.ACCEPTED: OK, Verdict.REFUSED: CRITICAL, Verdict.UNDETERMINED: UNKNOWN}


def _soon(diagnosis: Diagnosis, warn_before: timedelta) -> Change | None:
    return next((each for each in diagnosis.upcoming if each.event == "expires" and each.at - diagnosis.at <= warn_before), None)


def _measured(diagnosis: Diagnosis, warn_before: timedelta) -> str:
    fatal = sum(cause.severity is Severity.FATAL for cause in diagnosis.causes)
    subject = diagnosis.subject
    measured = [f"causes={fatal};;0;0"]
    if subject is not None and subject.not_after_s is not None:
        measured.insert(0, f"days_left={(subject.not_after_s - diagnosis.at_s) / 86_400:.2f};{warn_before.total_seconds() / 86_400:g}:;0:")
    return " ".join(measured)


def _plain(text: str) -> str:
    """One line in which nothing begins performance data."""
    return visible(text).replace("|", "/")
