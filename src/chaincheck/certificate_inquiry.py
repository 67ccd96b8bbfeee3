"""The revocation of one certificate under one issuer: evidence so far, and sources still to be asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from chaincheck.causes.codes import Severity
from chaincheck.evidence_signers import Signers
from chaincheck.fetch.request import Request
from chaincheck.revocation.attempt import Attempt, Reason, failed
from chaincheck.revocation.attempt import Outcome as Found
from chaincheck.revocation.evidence import Evidence
from chaincheck.revocation.sources import Source, addresses, sources, unaddressed
from chaincheck.revocation.status import RevocationStatus, Status, judge, lacks_delta, published_deltas
from chaincheck.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.fetch.request import Response
    from chaincheck.path.build import Candidate
    from chaincheck.path.pool import Pool
    from chaincheck.question import Question
    from chaincheck.revocation.target import Context, Target


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
        self.candidate = candidate
        self.index = index
        self.target = target
        self._permitted = permitted
        self.key = (target.certificate.sha256, target.issuer_key.spki, permitted, candidate.nodes[-1].identity)
        self._evidence = list(evidence)
        self._signers = Signers(question, pool, candidate, shared)
        self._shared = shared  # everything at hand for the question: what was fetched for other certificates too
        self._failures: list[Attempt] = []
        self._waiting: list[Source] | None = None
        self._deltas_asked: set[tuple[str, bool]] = set()
        self._due: set[str] = set()  # addresses whose evidence in the cache is to be asked for again
        self._judged: tuple[int, RevocationStatus] | None = None
        self._above: tuple[int, bool] | None = None
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
            self._above = len(self._shared), self._signers.revoked_above(self.index)
        return self._above[1]

    @property
    def status(self) -> RevocationStatus:
        if self._judged is None or self._judged[0] != len(self._shared):
            self._judged = len(self._shared), judge(self.target, self._evidence, self._context(), self._failures)
        return self._judged[1]

    def cached_requests(self) -> list[Request]:
        """What to look up in the cache, if there is one: all sources together, since that costs no connection.

        What is called good by evidence at hand is looked up too: the cache may know better.
        """
        if not self.question.cached or self.question.fetch == "never":
            return []
        if self._evidence and self.status.status is Status.REVOKED:  # without any evidence there is nothing to judge yet
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
        if status.decided:
            return self._next_due(status) or self._next_delta(status)
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
        return self._request(self._waiting.pop(0))

    def _next_delta(self, status: RevocationStatus) -> Request | None:
        """The next place to get the delta CRL that is published beside the CRL that decides: RFC 5280 6.3.3 (a)."""
        if self.question.fetch == "never" or status.status is Status.REVOKED or not lacks_delta(status) or not self.vouched:
            return None
        # a place is taken from the word of a CRL only where its signature was verified: anybody can write one
        verified = {each.sha256 for each in status.attempts if Reason.DELTA_MISSING in each.notes}
        for address in published_deltas(self.target.certificate, [each for each in self._evidence if each.sha256 in verified]):
            source = Source("crl", address.url, "GET", b"", address.supported)
            for cached in (True, False) if self.question.cached else (False,):
                place = address.url, cached
                if place in self._deltas_asked or not (cached or (self.question.fetch == "online" and address.supported)):
                    continue
                self._deltas_asked.add(place)
                return self._request(source, cached=cached)
        return None

    def _next_due(self, status: RevocationStatus) -> Request | None:
        """The source to be asked again where it is the cache that decides and asking is due. Nothing undoes a revocation."""
        by = status.decided_by
        if by is None or by.origin != "cache" or by.source not in self._due or status.status is Status.REVOKED:
            return None
        self._due.discard(by.source)
        if self.question.fetch != "online" or self._judged_stranger():
            return None
        named = sources(self.target.certificate, self.target.issuer_key)
        delta = Source("crl", by.source, "GET", b"", supported=True)
        source = next((each for each in named if (each.kind, each.url) == (by.kind, by.source)), delta)
        if self._waiting is not None:
            self._waiting = [each for each in self._waiting if each != source]
        elif source is not delta:
            self._waiting = [each for each in self._allowed() if each != source]
        return self._request(source)

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
            if question.prefer == "crl":
                found.sort(key=lambda source: source.kind != "crl")
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
        if response.request.cached:
            self.receive_cached(response)
            return
        self.addresses_checked = self.addresses_checked and response.address_checked
        if response.ok:
            self._take(response, "fetched")
        else:
            request = response.request
            found = failed(_kind(request), request.url, response.outcome.value, response.detail)
            self._failures.append(replace(found, delta=(request.url, False) in self._deltas_asked))
        self._judged = None

    def _take(self, response: Response, origin: Literal["fetched", "cache"]) -> None:
        request = response.request
        found = Evidence(
            kind=_kind(request),
            data=response.body,
            origin=origin,
            address=request.url,
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
            self._signers.context(self.target),
            anchored=self.candidate.anchored,
            unknown_severity=Severity.FATAL if rules.unknown_status == "refuse" else Severity.WARNING,
            nothing_severity=Severity.FATAL if rules.no_source == "refuse" else Severity.NOTE,
            proven=self._proven(),
        )

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
        if question.here:  # what was not tried here (ldap, refused by the guard) the server may well read
            return question.fetch == "online" and all(attempt.outcome is Found.UNREACHABLE for attempt in self._failures)
        if question.rules.evidence == "caller":
            return not failures
        told = question.store is not None and question.store.crls is not None
        return question.fetch == "online" and told and not self._failures and any(e.origin == "fetched" for e in self._evidence)

    def unchecked(self) -> Iterator[Statement]:
        """What stands in the way of knowing."""
        certificate = ("certificate", str(self.target.certificate.subject))
        blocks = self.question.rules.unknown_status == "refuse"
        last = self.target.certificate.not_after_s
        if last is not None and last < self.question.at and self.status.status not in (Status.REVOKED, Status.ON_HOLD):
            yield Statement(code="expired-revocation", facts=(certificate,))  # RFC 5280 3.3: a CRL may leave it out after that
            return
        if self.status.decided:
            if self.status.status is Status.GOOD and lacks_delta(self.status):
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


_NOT_ASKED = frozenset({Found.NOT_FETCHED, Found.UNREACHABLE, Found.REFUSED_BY_GUARD, Found.REFUSED_BY_PROXY})
_OBSTACLES = (
    ("guard-refused", (Found.REFUSED_BY_GUARD,)),
    ("refused-by-proxy", (Found.REFUSED_BY_PROXY,)),
    ("revocation-not-reachable", (Found.UNREACHABLE,)),
    ("revocation-not-fetched", (Found.NOT_FETCHED,)),
)
