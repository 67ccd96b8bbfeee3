"""How long an answer holds: the dates of certificates and evidence, seen from the moment judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chaincheck.engine import Ruling
    from chaincheck.path.pool import Node
    from chaincheck.question import Question
    from chaincheck.revocation.status import RevocationStatus
    from chaincheck.x509.certificate import Certificate

_FOREVER = 2**62


def window_of(question: Question, rulings: list[Ruling], statuses: tuple[RevocationStatus, ...]) -> tuple[int, int]:
    """The first and the last second between which the answer is the same if nothing else changes."""
    at = question.at
    first, last = -_FOREVER, _FOREVER
    if len(rulings) == 1 and not rulings[0].causes and not statuses:  # the everyday answer: in date from end to end
        first, last = rulings[0].in_date
        if first <= at <= last:
            return first, last
        first, last = -_FOREVER, _FOREVER
    edges: set[int] = set()
    for ruling in rulings:
        for node in ruling.candidate.nodes:
            edges |= _edges(node.certificate) | {node.distrusted_from}
        if question.warn_before:
            edges |= {
                node.certificate.not_after_s - question.warn_before
                for node in ruling.candidate.nodes
                if node.certificate is not None and node.certificate.not_after_s is not None
            }
    for status in statuses:
        edges |= {status.holds_from} if status.holds_from is not None else set()
        edges |= {status.holds_until + 1} if status.holds_until is not None else set()
    for edge in edges:
        if edge <= at:
            first = max(first, edge)
        else:
            last = min(last, edge - 1)
    return first, last


def endings(nodes: Iterable[Node], question: Question) -> Iterator[int]:
    """The last seconds before warnings begin that are still to come."""
    yield _FOREVER
    for node in nodes:
        if node.certificate is not None and node.certificate.not_after_s is not None:
            last = node.certificate.not_after_s - question.warn_before - 1
            if last >= question.at:
                yield last


def _edges(certificate: Certificate | None) -> set[int]:
    """The seconds at which a certificate begins and ceases to hold."""
    if certificate is None:
        return set()
    first, last = certificate.not_before_s, certificate.not_after_s
    return {moment for moment in (first, None if last is None else last + 1) if moment is not None}
