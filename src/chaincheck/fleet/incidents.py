"""What many results have in common, what of it is silenced, and when to look again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from chaincheck.causes.codes import CauseCode, Severity
from chaincheck.errors import InputError
from chaincheck.fleet.many import as_results
from chaincheck.formats.described import described

if TYPE_CHECKING:
    from chaincheck.causes.cause import Cause
    from chaincheck.diagnosis import Diagnosis
    from chaincheck.fleet.many import Result

LABELS: Final = 1000  # of one incident that are kept; the others are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One reason with one object to blame (a CA, an address, a store), and whom it hits.

    ``labels``: the first 1,000 of them; ``count``: all, the blast radius. ``cause``: one of them, for its words and resolutions.
    """

    key: str
    cause: Cause
    count: int
    labels: tuple[str, ...]

    def to_dict(self, lang: str = "en") -> dict[str, Any]:
        """As JSON has it."""
        return {
            "key": self.key,
            "code": self.cause.code.value,
            "summary": self.cause.text(lang),
            "count": self.count,
            "labels": list(self.labels),
        }


def incidents(results: Iterable[Result], *, severity: Severity = Severity.FATAL, waivers: Iterable[Waiver] = ()) -> tuple[Incident, ...]:
    """The incidents of many results, the one that hits the most first; each certificate counts once for each.

    ``severity``: the least that counts. ``waivers`` silence causes and change no verdict. The results are read once and not kept.
    """
    wanted = _at_least(severity)
    told = _waivers(waivers)
    found: dict[str, tuple[Cause, int, list[str]]] = {}
    for result in as_results(results):
        if result.diagnosis is None:
            continue
        at = result.diagnosis.at
        here = {
            c.incident_key: c for c in reversed(result.diagnosis.causes) if c.severity in wanted and not any(w.covers(c, at) for w in told)
        }
        for key, cause in here.items():
            first, count, labels = found.get(key, (cause, 0, []))
            if len(labels) < LABELS:
                labels.append(result.label)
            found[key] = (first, count + 1, labels)
    made = [Incident(key=key, cause=cause, count=count, labels=tuple(labels)) for key, (cause, count, labels) in found.items()]
    return tuple(sorted(made, key=lambda incident: (-incident.count, incident.cause.rank, incident.key)))


def _codes_like(code: object) -> str:
    from difflib import get_close_matches

    near = get_close_matches(str(code), list(CauseCode), 3)
    return f"a CauseCode, such as {' or '.join(map(repr, map(str, near)))}" if near else "a CauseCode"


def _waivers(waivers: Any) -> tuple[Waiver, ...]:
    told = (waivers,) if isinstance(waivers, Waiver) else tuple(waivers) if isinstance(waivers, Iterable) else (waivers,)
    for number, each in enumerate(told):
        if not isinstance(each, Waiver):
            raise InputError("argument-type", found=described(each), expected="a Waiver", where=f"waivers[{number}]")
    return told


def _at_least(severity: Any) -> frozenset[Severity]:
    if severity not in tuple(Severity):
        expected = " or ".join(f"Severity.{each.name}" for each in Severity)
        raise InputError("argument-type", found=described(severity), expected=expected, where="severity")
    order = (Severity.FATAL, Severity.WARNING, Severity.NOTE)
    return frozenset(order[: order.index(severity) + 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """Silence for one code until a moment, for a stated reason. It silences, and never alters a verdict.

    ``issuer``: only for certificates of this issuer (its one-line name); None: for all. ``until``: aware; after it nothing is silenced.
    """

    code: CauseCode
    until: datetime
    reason: str
    issuer: str | None = None

    def __post_init__(self) -> None:
        moment: Any = self.until
        if not isinstance(moment, datetime) or moment.utcoffset() is None:
            raise InputError("waiver", found=repr(moment)[:60], expected="a datetime with a time zone", where="waiver.until")
        reason: Any = self.reason
        if not isinstance(reason, str) or not reason.strip():
            raise InputError("waiver", found="no reason", expected="why it is silenced, in words", where="waiver.reason")
        try:
            object.__setattr__(self, "code", CauseCode(self.code))
        except ValueError as error:
            raise InputError("waiver", found=repr(self.code)[:60], expected=_codes_like(self.code), where="waiver.code") from error

    def covers(self, cause: Cause, at: datetime) -> bool:
        """Whether a cause is silenced at that moment."""
        if cause.code is not self.code or at > self.until:
            return False
        return self.issuer is None or (cause.certificate is not None and str(cause.certificate.issuer) == self.issuer)


def next_look(diagnosis: Diagnosis, *, least: float = 300.0, most: float = 86_400.0) -> datetime:
    """When asking again may give another answer (UTC): just after ``holds_until``, at most ``most`` seconds on, at least ``least``.

    A tenth of the wait is taken off by a share that the certificate's fingerprint gives, so that thousands do not ask at one moment.
    """
    from datetime import timedelta

    from chaincheck.diagnosis import Diagnosis

    given: object = diagnosis
    if not isinstance(given, Diagnosis):
        raise InputError("argument-type", found=described(given), expected="a Diagnosis", where="diagnosis")
    until = diagnosis.holds_until
    wait = most if until is None else min(max((until - diagnosis.at).total_seconds() + 1, least), most)
    share = int(diagnosis.subject.fingerprint[:8], 16) / 0xFFFF_FFFF if diagnosis.subject is not None else 0.0
    if until is None or wait >= most or wait <= least:  # never before the moment at which the answer changes
        wait = max(wait * (1 - share / 10), min(least, wait))
    else:
        wait += share * least
    return (diagnosis.at + timedelta(seconds=wait)).astimezone(UTC)


__all__ = ["Incident", "Waiver", "incidents", "next_look"]
