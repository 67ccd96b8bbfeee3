"""Who may sign evidence, and what speaks against him.

A signer is judged as the path itself is: by a path to the same anchor, and by what the evidence at hand says of it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Literal

from chaincheck.causes.codes import CauseCode, Role, Severity
from chaincheck.path.build import search
from chaincheck.path.elements import judge_static
from chaincheck.path.pool import DISALLOWED, NEVER
from chaincheck.path.validate import validate
from chaincheck.revocation.attempt import Reason
from chaincheck.revocation.status import Status, judge
from chaincheck.revocation.target import Context, Fitness, Signer, Target
from chaincheck.x509.signature import BROKEN_HASHES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaincheck.causes.cause import Cause
    from chaincheck.path.build import Candidate
    from chaincheck.path.pool import Pool
    from chaincheck.question import Question
    from chaincheck.revocation.evidence import Evidence
    from chaincheck.x509.certificate import Certificate
    from chaincheck.x509.name import Name

# Candidate paths of one signer of evidence that are judged; real ones have one or two.
SIGNER_PATHS = 32


def target_of(candidate: Candidate, index: int, role: Role) -> Target | None:
    """The question for one element of a path, under the issuer it has there."""
    certificate, issuer = candidate.nodes[index].certificate, candidate.edges[index].issuer
    if certificate is None:
        return None
    return Target(
        certificate=certificate,
        issuer_name=issuer.subject,
        issuer_key=candidate.edges[index].key,
        issuer_certificate=issuer.certificate,
        role=role,
    )


class Signers:
    """The signers of evidence about one path. ``evidence``: everything at hand for the question; it only ever grows."""

    def __init__(self, question: Question, pool: Pool, candidate: Candidate, evidence: Sequence[Evidence]) -> None:
        self._question = question
        self._pool = pool
        self._candidate = candidate
        self._shared = evidence
        self._known: dict[bytes, tuple[int, Signer]] = {}
        self._responders_known: dict[tuple[bytes, bytes], tuple[int, Fitness]] = {}

    def basic_context(self) -> Context:
        """At that moment, by these rules, with nobody believed but the issuer itself and whom it delegated."""
        rules = self._question.rules
        return Context(
            at=self._question.at, refused_hashes=BROKEN_HASHES | rules.refused_hashes, distribution_points=rules.distribution_points
        )

    def context(self, target: Target) -> Context:
        """The same with every signer believed whose path is good."""
        return replace(self.basic_context(), find_signers=self.named, responder=partial(self._responder, target))

    def revoked_above(self, index: int) -> bool:
        """Whether the evidence at hand speaks against an issuer above that element of the path."""
        targets = (target_of(self._candidate, each, Role.SIGNER) for each in range(index + 1, len(self._candidate.edges)))
        return any(self.against(target, self.context(target))[0] for target in targets if target is not None)

    def named(self, name: Name, kind: Literal["crl", "ocsp"]) -> list[Signer]:
        """Every certificate known of that name, and whether a valid path leads from it to the anchor of this path (RFC 5280 6.3.3 (f))."""
        return [self._signer(node.certificate) for node in self._pool.named(name) if node.certificate is not None and node.usable]

    def _signer(self, certificate: Certificate) -> Signer:
        known = self._known.get(certificate.sha256)
        if known is None or known[0] != len(self._shared):
            trusted, begins, ends = self._trusted(certificate)
            signer = Signer(certificate=certificate, trusted=trusted, holds_from=begins, holds_until=ends)
            known = self._known[certificate.sha256] = len(self._shared), signer
        return known[1]

    def _trusted(self, certificate: Certificate) -> tuple[bool, int | None, int | None]:
        """Whether a valid path leads to the anchor of this path, and from when until when that stays so."""
        anchor = self._candidate.nodes[-1]
        if not self._candidate.anchored:
            return False, None, None
        if certificate == anchor.certificate:
            return True, None, None
        at, store = self._question.at, self._question.store
        name = store.name if store is not None else ""
        context = self.basic_context()
        # A delegated responder may not lift by its word what the issuer said.
        contexts = (context, replace(context, delegates=False))
        edges: set[int] = set()
        for candidate in islice(search(certificate, self._pool, at), SIGNER_PATHS):
            if not candidate.anchored or candidate.nodes[-1].identity != anchor.identity:
                continue
            judgement = validate(candidate, self._pool, at, name)
            dates = _edges(candidate)
            revoked = False
            for index in range(len(candidate.edges)):
                for each in contexts:
                    found, more = self._is_revoked(candidate, index, each)
                    revoked = revoked or found
                    dates |= more
            if not revoked and not any(cause.severity is Severity.FATAL and not _of_a_client(cause) for cause in judgement.causes):
                return True, *_between(dates, at)
            edges |= dates
        return False, *_between(edges, at)

    def _is_revoked(self, candidate: Candidate, index: int, context: Context) -> tuple[bool, set[int]]:
        """Whether the evidence at hand speaks against an element of a path, and the moments at which that may change.

        RFC 5280 6.3.3 (f) asks for a valid path, and 6.1.3 (a)(3) makes revocation part of that. The context of a signer knows no other
        signers, so that no signer vouches for another in a circle.
        """
        target = target_of(candidate, index, Role.SIGNER)
        return (False, set()) if target is None else self.against(target, context)

    def against(self, target: Target, context: Context) -> tuple[bool, set[int]]:
        status = judge(target, self._shared, context)
        speaking = any(each.against is not None for each in status.attempts)
        edges = {status.holds_from} if speaking and status.holds_from is not None else set()
        if speaking and status.holds_until is not None:
            edges.add(status.holds_until + 1)
        revoked = status.status in (Status.REVOKED, Status.ON_HOLD)
        return revoked or (speaking and status.status is Status.UNKNOWN), edges

    def _responder(self, target: Target, certificate: Certificate) -> Fitness:
        """What the store, the rules and the evidence at hand have against a responder delegated by the target's issuer."""
        key = certificate.sha256, target.issuer_key.spki
        known = self._responders_known.get(key)
        if known is None or known[0] != len(self._shared):
            known = self._responders_known[key] = len(self._shared), self._fitness(replace(target, certificate=certificate))
        return known[1]

    def _fitness(self, target: Target) -> Fitness:
        at, rules, certificate = self._question.at, self._question.rules, target.certificate
        node = self._pool.subject_node(certificate)
        since = node.distrusted_from
        context = replace(self.basic_context(), find_signers=self.named, delegates=False)
        revoked, edges = self.against(target, context)
        begins, ends = _between(edges | {since}, at)
        fault: Reason | None = None
        if DISALLOWED in node.places or since <= at:
            fault = Reason.RESPONDER_DISTRUSTED
        elif revoked:
            fault = Reason.RESPONDER_REVOKED
        elif any(each.code is CauseCode.WEAK_KEY for each in judge_static(certificate, Role.SIGNER, rules)):
            fault = Reason.RESPONDER_WEAK_KEY
        return Fitness(fault, begins, ends)


# The signer of a CRL is not a client: what its own usages say about client authentication does not count. Those of the CAs above it do.
_USAGES = frozenset({CauseCode.WRONG_EXTENDED_KEY_USAGE, CauseCode.ANY_EXTENDED_KEY_USAGE, CauseCode.WRONG_KEY_USAGE})


def _of_a_client(cause: Cause) -> bool:
    return cause.code in _USAGES and cause.role is Role.SUBJECT


def _edges(candidate: Candidate) -> set[int]:
    """The moments at which an element of a path begins or ceases to count."""
    edges = {node.distrusted_from for node in candidate.nodes}
    for node in candidate.nodes:
        if node.certificate is not None:
            first, last = node.certificate.not_before_s, node.certificate.not_after_s
            edges |= {each for each in (first, None if last is None else last + 1) if each is not None}
    return edges


def _between(edges: set[int], at: int) -> tuple[int | None, int | None]:
    """The first and the last second around a moment without one of these edges between."""
    last = min((edge for edge in edges if edge > at), default=NEVER)
    return max((edge for edge in edges if edge <= at), default=None), None if last == NEVER else last - 1
