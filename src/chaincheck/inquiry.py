"""Revocation in rounds: which certificates are asked about, which sources come next, and what the evidence says in the end.

Part of the engine's generator. ``revocation/`` judges, ``fetch/`` carries; here is the order: supplied evidence, CRLs of the store, then
OCSP responders and CRL distribution points of the certificate, one source a round for every certificate still undecided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from chaincheck import causes
from chaincheck.causes.codes import CauseCode, Role, Severity
from chaincheck.diagnosis import Statement
from chaincheck.fetch.request import Request
from chaincheck.path.build import search
from chaincheck.path.validate import validate
from chaincheck.revocation.attempt import Attempt, Reason, failed
from chaincheck.revocation.attempt import Outcome as Found
from chaincheck.revocation.evidence import Evidence
from chaincheck.revocation.sources import Source, addresses, sources
from chaincheck.revocation.status import RevocationStatus, Status, about_nobody, judge
from chaincheck.revocation.target import Context, Signer, Target
from chaincheck.x509.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from chaincheck.causes.cause import Cause
    from chaincheck.engine import Ruling
    from chaincheck.fetch.request import Response
    from chaincheck.path.build import Candidate
    from chaincheck.path.pool import Pool
    from chaincheck.question import Question
    from chaincheck.x509.certificate import Certificate
    from chaincheck.x509.name import Name

# Rounds of requests for one question: OCSP and CRL URLs of one certificate come one after the other. Real ones name one to four.
ROUNDS = 16
# A certificate below an element with one of these has no issuer whose word counts, so its URLs are a stranger's.
_DISQUALIFYING = frozenset(
    {
        CauseCode.BAD_SIGNATURE, CauseCode.ALGORITHM_UNSUPPORTED_HERE, CauseCode.NOT_A_CA, CauseCode.WRONG_KEY_USAGE,
        CauseCode.PATH_TOO_LONG, CauseCode.MALFORMED, CauseCode.DISTRUSTED, CauseCode.NOT_SELF_SIGNED_IN_ROOT,
        CauseCode.UNKNOWN_CRITICAL_EXTENSION,
    }
)  # fmt: skip


class Findings:
    """What came of it: the status of each certificate of the best path, what could not be looked into, and notes on evidence in vain."""

    __slots__ = ("assumptions", "notes", "statuses", "unchecked")

    def __init__(self) -> None:
        self.assumptions: list[Statement] = []
        self.statuses: tuple[RevocationStatus, ...] = ()
        self.unchecked: list[Statement] = []
        self.notes: list[Cause] = []


def inquire(question: Question, pool: Pool, rulings: list[Ruling]) -> Generator[list[Request], list[Response], Findings]:
    """Look into the candidates, the best first, until one is clean or none is left that could be; adds the causes to the rulings."""
    evidence = _given(question)
    known: dict[tuple[bytes, bytes, bool, bytes], _Inquiry] = {}
    of_ruling: dict[int, list[_Inquiry]] = {}
    while True:
        ruling = _next(rulings)
        if ruling is None:
            break
        inquiries = [known.setdefault(new.key, new) for new in _inquiries(question, pool, ruling, evidence)]
        of_ruling[id(ruling)] = inquiries
        yield from _rounds(inquiries)
        for inquiry in inquiries:
            ruling.causes += inquiry.status.causes
        ruling.checked = True
        rulings.sort(key=lambda r: r.order())
    findings = Findings()
    best = of_ruling.get(id(rulings[0]), [])
    findings.statuses = tuple(inquiry.status for inquiry in best)
    findings.unchecked = [statement for inquiry in best for statement in inquiry.unchecked()]
    findings.unchecked += _without_issuer(question, rulings[0])
    fetched = any(each.origin == "fetched" and each.sha256 for status in findings.statuses for each in status.attempts)
    if fetched and not question.server.here:
        findings.assumptions.append(Statement(code="vantage-point"))
    if not all(inquiry.addresses_checked for inquiries in of_ruling.values() for inquiry in inquiries):
        findings.assumptions.append(Statement(code="addresses-not-checked"))
    findings.notes = [_about_others(each, question) for each in about_nobody(findings.statuses, evidence)]
    return findings


def _without_issuer(question: Question, best: Ruling) -> Iterator[Statement]:
    """The last certificate of a path that goes no further: without its issuer no evidence about it can be judged, or even asked for."""
    top = best.candidate.nodes[-1]
    if best.candidate.anchored or top.certificate is None or top.self_signed:
        return
    urls = ", ".join(address.url for address in addresses(top.certificate))
    if urls:
        certificate = ("certificate", str(top.certificate.subject))
        if question.fetch == "online":
            yield Statement(code="fetch-not-allowed-for-unanchored", facts=(certificate, ("urls", urls)), blocks=True)
        else:
            reason = ("reason", f'fetch="{question.fetch}"')
            yield Statement(code="revocation-not-fetched", facts=(certificate, ("urls", urls), reason), blocks=True)


def _about_others(evidence: Evidence, question: Question) -> Cause:
    """The caller gave evidence that speaks about no certificate of this path: he thought that it would."""
    details = causes.facts.OutOfScopeFacts(evidence=evidence.kind, source=evidence.source, reason=Reason.OTHER_ISSUER)
    return causes.make(CauseCode.REVOCATION_OUT_OF_SCOPE, Role.SUBJECT, question.subject, details, severity=Severity.NOTE)


def _next(rulings: list[Ruling]) -> Ruling | None:
    """The best candidate, then every other one that nothing proven speaks against; None when a clean one was found or none is left."""
    if not rulings[0].checked:
        return rulings[0]
    if rulings[0].candidate.anchored and not any(rulings[0].fatal()):
        return None
    return next((r for r in rulings if not r.checked and r.candidate.anchored and not r.fatal()[0]), None)


def _given(question: Question) -> tuple[Evidence, ...]:
    found = [Evidence.given("crl", data) for data in question.crls]
    found += [Evidence.given("ocsp", data) for data in question.ocsp_responses]
    if question.store is not None:
        found += [Evidence.given("crl", data, "store") for data in question.store.crls or ()]
    return tuple(found)


def _inquiries(question: Question, pool: Pool, ruling: Ruling, evidence: tuple[Evidence, ...]) -> Iterator[_Inquiry]:
    """One for each certificate of the candidate whose issuer is known, the anchor left out (RFC 5280 6.1.3 (a)(3))."""
    candidate = ruling.candidate
    for index, edge in enumerate(candidate.edges):
        certificate = candidate.nodes[index].certificate
        if certificate is None or edge.signature is Signature.INVALID or (index and question.rules.revocation == "subject"):
            continue
        issuer = edge.issuer
        target = Target(
            certificate=certificate,
            issuer_name=issuer.subject,
            issuer_key=issuer.public_key,
            issuer_certificate=issuer.certificate,
            role=Role.INTERMEDIATE if index else Role.SUBJECT,
        )
        yield _Inquiry(question, pool, candidate, target, evidence, _vouched(ruling, index))


def _vouched(ruling: Ruling, index: int) -> bool:
    """Whether every issuer above that element is a permitted CA on a path to an anchor: the guard's question."""
    if not ruling.candidate.anchored:
        return False
    above = {node.certificate for node in ruling.candidate.nodes[index + 1 :]}
    own = ruling.candidate.nodes[index].certificate
    return not any(
        cause.severity is Severity.FATAL
        and (
            (cause.code in _DISQUALIFYING and cause.certificate in above)
            or (cause.code is CauseCode.BAD_SIGNATURE and cause.certificate == own)
        )
        for cause in ruling.causes
    )


class _Inquiry:
    """The revocation of one certificate under one issuer: evidence so far, sources still to be asked."""

    def __init__(
        self, question: Question, pool: Pool, candidate: Candidate, target: Target, evidence: tuple[Evidence, ...], vouched: bool
    ) -> None:
        self.question = question
        self.pool = pool
        self.candidate = candidate
        self.target = target
        self.vouched = vouched
        self.key = (target.certificate.sha256, target.issuer_key.spki, vouched, candidate.nodes[-1].identity)
        self._evidence = list(evidence)
        self._failures: list[Attempt] = []
        self._waiting: list[Source] | None = None
        self._status: RevocationStatus | None = None
        self._withheld: tuple[str, ...] = ()
        self.addresses_checked = True

    @property
    def status(self) -> RevocationStatus:
        if self._status is None:
            self._status = judge(self.target, self._evidence, self._context(), self._failures)
        return self._status

    def next_request(self) -> Request | None:
        """The next source to ask; None when the status is decided or nothing is left."""
        if self.status.decided:
            return None
        if self._waiting is None:
            self._waiting = self._allowed()
        if not self._waiting:
            return None
        source = self._waiting.pop(0)
        headers = (("Content-Type", "application/ocsp-request"), ("Accept", "application/ocsp-response")) if source.kind == "ocsp" else ()
        return Request(
            kind=source.kind,
            url=source.url,
            method=source.method,
            body=source.body,
            headers=headers,
            certificate=self.target.certificate.fingerprint,
            anchored=self.vouched,
        )

    def _allowed(self) -> list[Source]:
        """The sources that may be asked; the others are noted with the reason."""
        found = list(sources(self.target.certificate, self.target.issuer_key))
        question = self.question
        if not self.vouched and not question.fetch_unanchored and question.fetch == "online":
            self._withheld = tuple(source.url for source in found)
            reason = "no path to a trust anchor"
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
            self._status = None

    def receive(self, response: Response) -> None:
        """Take what came back for the last request."""
        request = response.request
        kind: Literal["crl", "ocsp"] = "ocsp" if request.kind == "ocsp" else "crl"
        self.addresses_checked = self.addresses_checked and response.address_checked
        if response.ok:
            self._evidence.append(
                Evidence(kind=kind, data=response.body, origin="fetched", source=request.url, received_at=response.received_at)
            )
        else:
            self._failures.append(failed(kind, request.url, response.outcome.value, response.detail))
        self._status = None

    def _context(self) -> Context:
        rules = self.question.rules
        return Context(
            at=self.question.at,
            anchored=self.candidate.anchored,
            find_signers=self._signers,
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
        if question.server.here:  # what was not tried here (ldap, refused by the guard) the server may well read
            return question.fetch == "online" and all(attempt.outcome is Found.UNREACHABLE for attempt in self._failures)
        if question.rules.evidence == "caller":
            return not failures
        told = question.store is not None and question.store.crls is not None
        return question.fetch == "online" and told and not self._failures and any(e.origin == "fetched" for e in self._evidence)

    def _signers(self, name: Name, kind: Literal["crl", "ocsp"]) -> list[Signer]:
        """Every certificate known of that name, and whether a valid path leads from it to the anchor of this path (RFC 5280 6.3.3 (f))."""
        return [
            Signer(certificate=node.certificate, trusted=self._trusted(node.certificate))
            for node in self.pool.named(name)
            if node.certificate is not None and node.usable
        ]

    def _trusted(self, certificate: Certificate) -> bool:
        anchor = self.candidate.nodes[-1]
        if not self.candidate.anchored:
            return False
        if certificate == anchor.certificate:
            return True
        store = self.question.store
        for candidate in search(certificate, self.pool, self.question.at):
            if candidate.anchored and candidate.nodes[-1].identity == anchor.identity:
                found = validate(candidate, self.pool, self.question.at, store.name if store is not None else "").causes
                valid = not any(cause.severity is Severity.FATAL and cause.code not in _USAGES for cause in found)
                if valid and not self._revoked(candidate):
                    return True
        return False

    def _revoked(self, candidate: Candidate) -> bool:
        """Whether the evidence at hand revokes the signer or a CA above it.

        RFC 5280 6.3.3 (f) asks for a valid path, and 6.1.3 (a)(3) makes revocation part of that. Only evidence signed by the issuer
        itself counts here, so that no signer vouches for another in a circle.
        """
        context = Context(at=self.question.at)
        for index, edge in enumerate(candidate.edges):
            certificate, issuer = candidate.nodes[index].certificate, edge.issuer
            if certificate is None:
                continue
            target = Target(
                certificate=certificate,
                issuer_name=issuer.subject,
                issuer_key=issuer.public_key,
                issuer_certificate=issuer.certificate,
                role=Role.SIGNER,
            )
            if judge(target, self._evidence, context).status in (Status.REVOKED, Status.ON_HOLD):
                return True
        return False

    def unchecked(self) -> Iterator[Statement]:
        """What stands in the way of knowing."""
        certificate = ("certificate", str(self.target.certificate.subject))
        blocks = self.question.rules.unknown_status == "refuse"
        last = self.target.certificate.not_after_s
        if last is not None and last < self.question.at and self.status.status not in (Status.REVOKED, Status.ON_HOLD):
            yield Statement(code="expired-revocation", facts=(certificate,))  # RFC 5280 3.3: a CRL may leave it out after that
            return
        if self.status.decided:
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
            found = [attempt for attempt in self._failures if attempt.outcome in outcomes]
            if found:
                facts = [certificate, ("urls", ", ".join(dict.fromkeys(attempt.source for attempt in found)))]
                if code == "revocation-not-fetched":
                    facts.append(("reason", found[0].detail))
                yield Statement(code=code, facts=tuple(facts), blocks=blocks)


_NOT_ASKED = frozenset({Found.NOT_FETCHED, Found.UNREACHABLE, Found.REFUSED_BY_GUARD, Found.REFUSED_BY_PROXY})
_OBSTACLES = (
    ("guard-refused", (Found.REFUSED_BY_GUARD,)),
    ("refused-by-proxy", (Found.REFUSED_BY_PROXY,)),
    ("revocation-not-reachable", (Found.UNREACHABLE,)),
    ("revocation-not-fetched", (Found.NOT_FETCHED,)),
)

# A CA that signs CRLs is not a client: what its own usages say about client authentication does not count here.
_USAGES = frozenset({CauseCode.WRONG_EXTENDED_KEY_USAGE, CauseCode.ANY_EXTENDED_KEY_USAGE, CauseCode.WRONG_KEY_USAGE})


def _rounds(inquiries: list[_Inquiry]) -> Generator[list[Request], list[Response], None]:
    """Ask the next source of every certificate still undecided, together, until all are decided or nothing is left to ask."""
    for _ in range(ROUNDS):
        asked = [(inquiry, request) for inquiry in inquiries if (request := inquiry.next_request()) is not None]
        if not asked:
            return
        responses = yield [request for _, request in asked]
        for (inquiry, _), response in zip(asked, responses, strict=True):
            inquiry.receive(response)
