"""The revocation of one certificate under one issuer: evidence so far, sources still to be asked, and who may sign evidence.

A signer of evidence is judged as the path itself is: by a path to the same anchor, and by what the evidence at hand says of it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Literal

from chaincheck.causes.codes import CauseCode, Role, Severity
from chaincheck.diagnosis import Statement
from chaincheck.fetch.request import Request
from chaincheck.path.build import search
from chaincheck.path.elements import NEVER, distrusted_from, judge_static
from chaincheck.path.pool import DISALLOWED
from chaincheck.path.validate import validate
from chaincheck.revocation.attempt import Attempt, Reason, failed
from chaincheck.revocation.attempt import Outcome as Found
from chaincheck.revocation.evidence import Evidence
from chaincheck.revocation.sources import Source, addresses, sources, unaddressed
from chaincheck.revocation.status import RevocationStatus, Status, judge
from chaincheck.revocation.target import Context, Fitness, Signer, Target
from chaincheck.x509.signature import BROKEN_HASHES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.causes.cause import Cause
    from chaincheck.fetch.request import Response
    from chaincheck.path.build import Candidate
    from chaincheck.path.pool import Pool
    from chaincheck.question import Question
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


class Inquiry:
    """The revocation of one certificate under one issuer: evidence so far, sources still to be asked."""

    def __init__(
        self,
        question: Question,
        pool: Pool,
        candidate: Candidate,
        index: int,
        target: Target,
        evidence: tuple[Evidence, ...],
        shared: list[Evidence],
        permitted: bool,
    ) -> None:
        self.question = question
        self.pool = pool
        self.candidate = candidate
        self.index = index
        self.target = target
        self._permitted = permitted
        self.key = (target.certificate.sha256, target.issuer_key.spki, permitted, candidate.nodes[-1].identity)
        self._evidence = list(evidence)
        self._shared = shared  # everything at hand for the question: what was fetched for other certificates too
        self._failures: list[Attempt] = []
        self._waiting: list[Source] | None = None
        self._due: set[str] = set()  # addresses whose evidence in the cache is to be asked for again
        self._judged: tuple[int, RevocationStatus] | None = None
        self._above: tuple[int, bool] | None = None
        self._signers_known: dict[bytes, tuple[int, Signer]] = {}
        self._responders_known: dict[tuple[bytes, bytes], tuple[int, Fitness]] = {}
        self._withheld: tuple[str, ...] = ()
        self.addresses_checked = True
        self.stopped = False
        """Sources were not asked because an issuer above turned out to be revoked; on another path that may be different."""

    @property
    def vouched(self) -> bool:
        """Whether every issuer above counts, by the evidence at hand too: what a revoked CA issued is a stranger's."""
        return self._permitted and not self._revoked_above()

    def _revoked_above(self) -> bool:
        if self._above is None or self._above[0] != len(self._shared):
            above = range(self.index + 1, len(self.candidate.edges))
            targets = [target for each in above if (target := target_of(self.candidate, each, Role.SIGNER)) is not None]
            revoked = any(self._against(target, self._full_context(target))[0] for target in targets)
            self._above = len(self._shared), revoked
        return self._above[1]

    @property
    def status(self) -> RevocationStatus:
        if self._judged is None or self._judged[0] != len(self._shared):
            self._judged = len(self._shared), judge(self.target, self._evidence, self._context(), self._failures)
        return self._judged[1]

    def cached_requests(self) -> list[Request]:
        """What to look up in the cache, if there is one: all sources together, since that costs no connection."""
        if not self.question.cached or self.question.fetch == "never" or self.status.decided:
            return []
        return [self._request(source, cached=True) for source in sources(self.target.certificate, self.target.issuer_key)]

    def receive_cached(self, response: Response) -> None:
        """Take what the cache holds; what it does not hold is no failure."""
        if not response.ok:
            return
        self._take(response, "cache")
        if response.refresh_at is not None and response.refresh_at <= self.question.at:
            self._due.add(response.request.url)

    def next_request(self) -> Request | None:
        """The next source to ask; None when the status is decided or nothing is left."""
        status = self.status
        if status.decided and not self._is_due(status):
            return None
        if self._waiting is None:
            self._waiting = self._allowed()
        if not self._waiting:
            return None
        if self._judged_stranger():
            self.stopped = True
            self._withheld = tuple(source.url for source in self._waiting)
            self._fail(self._waiting, Reason.NO_PERMITTED_ISSUER)
            self._waiting = []
            return None
        decided_by = status.decided_by if status.decided else None
        index = next((i for i, each in enumerate(self._waiting) if decided_by is not None and each.url == decided_by.source), 0)
        source = self._waiting.pop(index)
        self._due.discard(source.url)
        return self._request(source)

    def _is_due(self, status: RevocationStatus) -> bool:
        """Whether it is the cache that decides, and asking that source again is due. Nothing undoes a revocation."""
        by = status.decided_by
        return by is not None and by.origin == "cache" and by.source in self._due and status.status is not Status.REVOKED

    def _request(self, source: Source, *, cached: bool = False) -> Request:
        headers = (("Content-Type", "application/ocsp-request"), ("Accept", "application/ocsp-response")) if source.kind == "ocsp" else ()
        return Request(
            kind=source.kind,
            url=source.url,
            method=source.method,
            body=source.body,
            headers=headers,
            certificate=self.target.certificate.fingerprint,
            anchored=self.vouched,
            cached=cached,
        )

    def _judged_stranger(self) -> bool:
        return not self.question.fetch_unanchored and not self.vouched

    def _allowed(self) -> list[Source]:
        """The sources that may be asked; the others are noted with the reason."""
        found = list(sources(self.target.certificate, self.target.issuer_key))
        question = self.question
        if question.fetch == "online" and self._judged_stranger():
            self.stopped = self._permitted
            self._withheld = tuple(source.url for source in found)
            reason = Reason.NO_PERMITTED_ISSUER if self.candidate.anchored else "no path to a trust anchor"
        elif question.fetch != "online":
            reason = f'fetch="{question.fetch}"'
        else:
            refused = [source for source in found if not source.supported]
            self._fail(refused, Reason.UNSUPPORTED_SCHEME)
            return [source for source in found if source.supported]
        self._fail(found, reason)
        return []

    def _fail(self, refused: list[Source], reason: str) -> None:
        self._failures += [failed(source.kind, source.url, "not-fetched", reason) for source in refused]
        if refused:
            self._judged = None

    def receive(self, response: Response) -> None:
        """Take what came back for the last request."""
        self.addresses_checked = self.addresses_checked and response.address_checked
        if response.ok:
            self._take(response, "fetched")
        else:
            request = response.request
            self._failures.append(failed(_kind(request), request.url, response.outcome.value, response.detail))
        self._judged = None

    def _take(self, response: Response, origin: Literal["fetched", "cache"]) -> None:
        request = response.request
        found = Evidence(
            kind=_kind(request),
            data=response.body,
            origin=origin,
            source=request.url,
            received_at=response.received_at,
            nonce=response.nonce or None,
        )
        # what the cache held and the source confirms is one piece of evidence
        self._evidence = [each for each in self._evidence if not (each.origin == "cache" and each.data == found.data)]
        self._evidence.append(found)
        self._shared.append(found)
        self._judged = None

    def _context(self) -> Context:
        rules = self.question.rules
        return replace(
            self._full_context(self.target),
            anchored=self.candidate.anchored,
            unknown_severity=Severity.FATAL if rules.unknown_status == "refuse" else Severity.WARNING,
            nothing_severity=Severity.FATAL if rules.no_source == "refuse" else Severity.NOTE,
            proven=self._proven(),
        )

    def _basic_context(self) -> Context:
        """At that moment, by these rules, with nobody believed but the issuer itself and whom it delegated."""
        rules = self.question.rules
        return Context(
            at=self.question.at, refused_hashes=BROKEN_HASHES | rules.refused_hashes, distribution_points=rules.distribution_points
        )

    def _full_context(self, target: Target) -> Context:
        return replace(self._basic_context(), find_signers=self._signers, responder=partial(self._responder, target))

    def _proven(self) -> bool:
        """Whether a status that is unknown here is unknown to the server too.

        Where the caller's evidence is all there is (RFC 5280), yes, unless a source could not be reached. A server fetches for itself:
        what it finds is known only if this machine is the server, or every source answered and the CRLs of its store are told.
        """
        failures = [attempt for attempt in self._failures if attempt.outcome is not Found.NOT_FETCHED]
        question = self.question
        certificate = self.target.certificate
        if question.rules.evidence != "caller" and not addresses(certificate) and unaddressed(certificate):
            return False  # a directory may tell the server what no address does
        if question.server.here:  # what was not tried here (ldap, refused by the guard) the server may well read
            return question.fetch == "online" and all(attempt.outcome is Found.UNREACHABLE for attempt in self._failures)
        if question.rules.evidence == "caller":
            return not failures
        told = question.store is not None and question.store.crls is not None
        return question.fetch == "online" and told and not self._failures and any(e.origin == "fetched" for e in self._evidence)

    def _signers(self, name: Name, kind: Literal["crl", "ocsp"]) -> list[Signer]:
        """Every certificate known of that name, and whether a valid path leads from it to the anchor of this path (RFC 5280 6.3.3 (f))."""
        return [self._signer(node.certificate) for node in self.pool.named(name) if node.certificate is not None and node.usable]

    def _signer(self, certificate: Certificate) -> Signer:
        known = self._signers_known.get(certificate.sha256)
        if known is None or known[0] != len(self._shared):
            trusted, begins, ends = self._trusted(certificate)
            signer = Signer(certificate=certificate, trusted=trusted, holds_from=begins, holds_until=ends)
            known = self._signers_known[certificate.sha256] = len(self._shared), signer
        return known[1]

    def _trusted(self, certificate: Certificate) -> tuple[bool, int | None, int | None]:
        """Whether a valid path leads to the anchor of this path, and from when until when that stays so."""
        anchor = self.candidate.nodes[-1]
        if not self.candidate.anchored:
            return False, None, None
        if certificate == anchor.certificate:
            return True, None, None
        at, store = self.question.at, self.question.store
        name = store.name if store is not None else ""
        context = self._basic_context()
        # A delegated responder may not lift by its word what the issuer said.
        contexts = (context, replace(context, delegates=False))
        edges: set[int] = set()
        for candidate in islice(search(certificate, self.pool, at), SIGNER_PATHS):
            if not candidate.anchored or candidate.nodes[-1].identity != anchor.identity:
                continue
            judgement = validate(candidate, self.pool, at, name)
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
        return (False, set()) if target is None else self._against(target, context)

    def _against(self, target: Target, context: Context) -> tuple[bool, set[int]]:
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
        at, rules, certificate = self.question.at, self.question.rules, target.certificate
        node = self.pool.subject_node(certificate)
        since = distrusted_from(node)
        context = replace(self._basic_context(), find_signers=self._signers, delegates=False)
        revoked, edges = self._against(target, context)
        begins, ends = _between(edges | {since}, at)
        fault: Reason | None = None
        if DISALLOWED in node.places or since <= at:
            fault = Reason.RESPONDER_DISTRUSTED
        elif revoked:
            fault = Reason.RESPONDER_REVOKED
        elif any(each.code is CauseCode.WEAK_KEY for each in judge_static(certificate, Role.SIGNER, rules)):
            fault = Reason.RESPONDER_WEAK_KEY
        return Fitness(fault, begins, ends)

    def unchecked(self) -> Iterator[Statement]:
        """What stands in the way of knowing."""
        certificate = ("certificate", str(self.target.certificate.subject))
        blocks = self.question.rules.unknown_status == "refuse"
        last = self.target.certificate.not_after_s
        if last is not None and last < self.question.at and self.status.status not in (Status.REVOKED, Status.ON_HOLD):
            yield Statement(code="expired-revocation", facts=(certificate,))  # RFC 5280 3.3: a CRL may leave it out after that
            return
        if self.status.decided:
            good = [each for each in self.status.attempts if each.outcome in _GOOD]
            if self.status.status is Status.GOOD and all(Reason.DELTA_MISSING in each.notes for each in good):
                # A server fetches for itself, and may find the revocation there; the caller's evidence is all there is (RFC 5280 5.2.4).
                blocks = blocks and self.question.rules.evidence == "server"
                yield Statement(code="delta-not-judged", facts=(certificate,), blocks=blocks)
            return
        if any(Reason.RELATIVE_TO_PATH in attempt.notes for attempt in self.status.attempts):
            yield Statement(code="relative-evidence", facts=(certificate,), blocks=blocks)
        if self._withheld:
            urls = ("urls", ", ".join(self._withheld))
            yield Statement(code="fetch-not-allowed-for-unanchored", facts=(certificate, urls), blocks=blocks)
            return
        if not self._proven() and any(attempt.outcome not in _NOT_ASKED for attempt in self.status.attempts):
            yield Statement(code="revocation-undecided", facts=(certificate,), blocks=blocks)
        for code, outcomes in _OBSTACLES:
            unasked = [attempt for attempt in self.status.attempts if attempt.detail == Reason.NO_ADDRESS]
            found = [attempt for attempt in self._failures + unasked if attempt.outcome in outcomes]
            if found:
                facts = [certificate, ("urls", ", ".join(dict.fromkeys(attempt.source for attempt in found)))]
                if code == "revocation-not-fetched":
                    facts.append(("reason", found[0].detail))
                yield Statement(code=code, facts=tuple(facts), blocks=blocks)


def _kind(request: Request) -> Literal["crl", "ocsp"]:
    return "ocsp" if request.kind == "ocsp" else "crl"


_GOOD = frozenset({Found.GOOD, Found.GOOD_FOR_SOME, Found.REMOVED})
_NOT_ASKED = frozenset({Found.NOT_FETCHED, Found.UNREACHABLE, Found.REFUSED_BY_GUARD, Found.REFUSED_BY_PROXY})
_OBSTACLES = (
    ("guard-refused", (Found.REFUSED_BY_GUARD,)),
    ("refused-by-proxy", (Found.REFUSED_BY_PROXY,)),
    ("revocation-not-reachable", (Found.UNREACHABLE,)),
    ("revocation-not-fetched", (Found.NOT_FETCHED,)),
)

# The signer of a CRL is not a client: what its own usages say about client authentication does not count. Those of the CAs above it do.
_USAGES = frozenset({CauseCode.WRONG_EXTENDED_KEY_USAGE, CauseCode.ANY_EXTENDED_KEY_USAGE, CauseCode.WRONG_KEY_USAGE})


def _of_a_client(cause: Cause) -> bool:
    return cause.code in _USAGES and cause.role is Role.SUBJECT


def _edges(candidate: Candidate) -> set[int]:
    """The moments at which an element of a path begins or ceases to count."""
    edges = {distrusted_from(node) for node in candidate.nodes}
    for node in candidate.nodes:
        if node.certificate is not None:
            first, last = node.certificate.not_before_s, node.certificate.not_after_s
            edges |= {each for each in (first, None if last is None else last + 1) if each is not None}
    return edges


def _between(edges: set[int], at: int) -> tuple[int | None, int | None]:
    """The first and the last second around a moment without one of these edges between."""
    last = min((edge for edge in edges if edge > at), default=NEVER)
    return max((edge for edge in edges if edge <= at), default=None), None if last == NEVER else last - 1
