"""What changes an answer later, by itself: elements that begin or cease to hold, evidence that runs out; and to what it changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from chaincheck.causes.codes import Role, Verdict
from chaincheck.diagnosis import Change
from chaincheck.fetch.drive import ReplayFetcher, drive
from chaincheck.fetch.request import Outcome, Request, Response
from chaincheck.x509.certificate import Certificate, moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.diagnosis import Diagnosis


_LAST = 253_402_300_799  # 9999-12-31T23:59:59Z, beyond which no moment can be told


class Event(NamedTuple):
    """One thing that happens at a moment (seconds since 1970 UTC), without what becomes of the verdict."""

    at: int
    event: str
    certificate: Certificate | None
    element: str
    source: str | None


def events(diagnosis: Diagnosis) -> list[Event]:
    """What happens on the best path after the moment judged, in order."""
    path = diagnosis.path
    if path is None:
        return []
    found = [each for each in (*_of_elements(diagnosis), *_of_evidence(diagnosis)) if each.at <= _LAST]
    return sorted(found, key=lambda each: (each.at, each.event, each.certificate.sha256 if each.certificate is not None else b""))


def upcoming(diagnosis: Diagnosis) -> tuple[Change, ...]:
    """The events, each with the verdict from then on: the engine's, asked for that moment with what was fetched.

    Nothing is fetched: evidence that runs out may have been replaced by then, so that its verdict is what is left without a newer one.
    """
    verdicts: dict[int, Verdict | None] = {}
    made = []
    final: Verdict | None = None
    for at, event, certificate, element, source in events(diagnosis):
        if event == "expires" and element == Role.SUBJECT.value and diagnosis.server is None and diagnosis.client is None:
            # whatever else comes: no certificate becomes young again, and only a profile could make that matter less
            final = Verdict.REFUSED
        if at not in verdicts:
            verdicts[at] = final if final is not None else _verdict(diagnosis, at)
        change = Change(at=moment(at), event=event, certificate=certificate, verdict=verdicts[at], element=element, source=source)
        made.append(change)
    return tuple(made)


def _of_elements(diagnosis: Diagnosis) -> Iterator[Event]:
    path, at = diagnosis.path, diagnosis.at_s
    for element in path.elements if path is not None else ():
        certificate, role = element.certificate, element.role
        if certificate is None:
            continue
        if role is not Role.ANCHOR or diagnosis.rules.anchor_validity:
            if certificate.not_before_s is not None and certificate.not_before_s > at:
                yield Event(certificate.not_before_s, "begins", certificate, role.value, None)
            if certificate.not_after_s is not None and certificate.not_after_s >= at:
                yield Event(certificate.not_after_s + 1, "expires", certificate, role.value, None)
        if element.distrusted_from is not None and element.distrusted_from > at:
            yield Event(element.distrusted_from, "distrusted", certificate, role.value, None)


def _of_evidence(diagnosis: Diagnosis) -> Iterator[Event]:
    for status in diagnosis.revocation + diagnosis._elsewhere:
        if status.holds_until is not None and status.holds_until >= diagnosis.at_s:
            by = status.decided_by
            kind, source = (by.kind, by.source) if by is not None else ("evidence", None)
            yield Event(status.holds_until + 1, "evidence-runs-out", status.certificate, kind, source)


def _verdict(diagnosis: Diagnosis, at: int) -> Verdict | None:
    """None for a diagnosis that left its question behind."""
    from chaincheck.engine import diagnose

    question = diagnosis.question
    if question is None:
        return None
    pool = diagnosis._pool() if diagnosis._pool is not None else None  # as long as the checker lives, what it has learnt
    return drive(diagnose(replace(question, at=at, observed=()), pool), _Recorded(diagnosis.responses)).verdict


class _Recorded(ReplayFetcher):
    """What was fetched; and of an address that was never asked, that nobody knows what it says: no answer may rest on its silence."""

    def _answer(self, request: Request) -> Response:
        response = super()._answer(request)
        unknown = not request.cached and self._recorded(request) is None
        # any outcome that leaves the status open, whoever's evidence counts
        return replace(response, outcome=Outcome.REFUSED_BY_GUARD) if unknown else response
