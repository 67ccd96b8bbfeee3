"""What the elements of the path, and the evidence that decided, cover in time: the rows of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chaincheck.report.tree import short_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.causes.words import Words
    from chaincheck.diagnosis import Diagnosis

_DAY = 86_400


class Span(NamedTuple):
    """One row: from its first to its last second (since 1970 UTC). ``refused``: something speaks against it."""

    name: str
    first: int
    last: int
    refused: bool

    def good_at(self, at: int) -> bool:
        """Whether it holds then, and nothing speaks against it."""
        return self.first <= at <= self.last and not self.refused


def spans(diagnosis: Diagnosis, said: Words) -> list[Span]:
    """The certificates of the path, subject first, then the evidence."""
    return [*_of_path(diagnosis), *_of_evidence(diagnosis, said)]


def window(rows: list[Span], at: int) -> tuple[int, int]:
    """The seconds a picture shows: twice the shortest row to both sides of the moment judged, from a month to ten years."""
    shortest = min((row.last - row.first for row in rows if row.last > row.first), default=_DAY)
    reach = min(max(shortest * 2, 30 * _DAY), 3650 * _DAY)
    return at - reach, at + reach


def _of_path(diagnosis: Diagnosis) -> Iterator[Span]:
    for element in diagnosis.path.elements if diagnosis.path is not None else ():
        certificate = element.certificate
        if certificate is not None and certificate.not_before_s is not None and certificate.not_after_s is not None:
            yield Span(short_name(element.name), certificate.not_before_s, certificate.not_after_s, element.refused)


def _of_evidence(diagnosis: Diagnosis, said: Words) -> Iterator[Span]:
    for status in diagnosis.revocation:
        by = status.decided_by
        if by is not None and by.this_update_s is not None and by.next_update_s is not None:
            name = f"{said.value('evidence', by.kind)}: {short_name(status.certificate.subject)}"
            yield Span(name, by.this_update_s, by.next_update_s, refused=False)
