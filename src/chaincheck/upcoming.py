"""What changes an answer later, by itself: elements that begin or cease to hold, evidence that runs out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaincheck.causes.codes import Role, Verdict
from chaincheck.diagnosis import Change
from chaincheck.x509.certificate import Certificate, moment

if TYPE_CHECKING:
    from chaincheck.diagnosis import Diagnosis


def upcoming(diagnosis: Diagnosis) -> tuple[Change, ...]:
    """The changes of the best path after the moment judged, in order."""
    path = diagnosis.path
    if path is None:
        return ()
    at = diagnosis.at_s
    stays = Verdict.REFUSED if diagnosis.verdict is Verdict.REFUSED else None
    found: list[tuple[int, str, Certificate | None, Verdict | None]] = []
    for element in path.elements:
        certificate = element.certificate
        if certificate is None or (element.role is Role.ANCHOR and not diagnosis.rules.anchor_validity):
            continue
        if certificate.not_before_s is not None and certificate.not_before_s > at:
            found.append((certificate.not_before_s, "begins", certificate, None))
        if certificate.not_after_s is not None and certificate.not_after_s >= at:
            # an expired subject is refused whatever else changes; for the other elements another certificate may be found
            found.append((certificate.not_after_s + 1, "expires", certificate, Verdict.REFUSED if element.role is Role.SUBJECT else stays))
    found += [
        (status.holds_until + 1, "evidence-runs-out", status.certificate, stays)
        for status in diagnosis.revocation
        if status.holds_until is not None and status.holds_until >= at
    ]
    found.sort(key=lambda change: (change[0], change[1], change[2].sha256 if change[2] is not None else b""))
    return tuple(Change(at=moment(when), event=event, certificate=who, verdict=then) for when, event, who, then in found)
