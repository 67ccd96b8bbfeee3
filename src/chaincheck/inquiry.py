"""Revocation in rounds: which certificates are asked about, which sources come next, and what the evidence says in the end.

Part of the engine's generator. ``revocation/`` judges, ``fetch/`` carries; here is the order: supplied evidence, CRLs of the
store, the cache, then OCSP responders and CRL distribution points of the certificate, one source a round for every certificate undecided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaincheck import causes
from chaincheck.causes.codes import CauseCode, Role, Severity
from chaincheck.certificate_inquiry import Inquiry
from chaincheck.evidence_signers import target_of
from chaincheck.revocation.attempt import Reason
from chaincheck.revocation.evidence import Evidence
from chaincheck.revocation.sources import addresses
from chaincheck.revocation.status import RevocationStatus, about_nobody
from chaincheck.statement import Statement
from chaincheck.x509.der import Malformed
from chaincheck.x509.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from chaincheck.causes.cause import Cause
    from chaincheck.engine import Ruling
    from chaincheck.fetch.request import Request, Response
    from chaincheck.path.build import Candidate
    from chaincheck.path.pool import Pool
    from chaincheck.question import Question

# Rounds of requests for one question: OCSP and CRL URLs of one certificate come one after the other. Real ones name one to four.
ROUNDS = 16
# What may be wrong with the certificate itself, whose issuers count all the same: its dates, usages and key.
_ITS_OWN = frozenset(
    {
        CauseCode.EXPIRED, CauseCode.NOT_YET_VALID, CauseCode.WRONG_KEY_USAGE, CauseCode.WRONG_EXTENDED_KEY_USAGE,
        CauseCode.ANY_EXTENDED_KEY_USAGE, CauseCode.WEAK_KEY,
    }
)  # fmt: skip


class Findings:
    """What came of it: the status of each certificate of the best path, what could not be looked into, and notes on evidence in vain."""

    __slots__ = ("assumptions", "elsewhere", "notes", "statuses", "unchecked")

    def __init__(self) -> None:
        self.assumptions: list[Statement] = []
        self.statuses: tuple[RevocationStatus, ...] = ()
        self.elsewhere: tuple[RevocationStatus, ...] = ()
        """What was looked into on other paths: it decided that the best one is the best."""
        self.unchecked: list[Statement] = []
        self.notes: list[Cause] = []


def inquire(question: Question, pool: Pool, rulings: list[Ruling]) -> Generator[list[Request], list[Response], Findings]:
    """Look into the candidates, the best first, until one is clean or none is left that could be; adds the causes to the rulings."""
    evidence = _given(question)
    shared = list(evidence)
    known: dict[tuple[bytes, bytes, bool, bytes], Inquiry] = {}
    of_ruling: dict[int, list[Inquiry]] = {}
    while True:
        ruling = _next(rulings)
        if ruling is None:
            break
        inquiries = []
        for new in _inquiries(question, pool, ruling, evidence, shared):
            if new.key not in known or known[new.key].stopped:
                known[new.key] = new
            inquiries.append(known[new.key])
        of_ruling[id(ruling)] = inquiries
        yield from _rounds(inquiries)
        for inquiry in inquiries:
            ruling.causes += inquiry.status.causes
        ruling.checked = True
        rulings.sort(key=lambda r: r.order())
    findings = Findings()
    best = of_ruling.get(id(rulings[0]), [])
    findings.statuses = tuple(inquiry.status for inquiry in best)
    others = {inquiry.key: inquiry for inquiries in of_ruling.values() for inquiry in inquiries if inquiry not in best}
    findings.elsewhere = tuple(others[key].status for key in sorted(others))
    findings.unchecked = [statement for inquiry in best for statement in inquiry.unchecked()]
    findings.unchecked += _without_issuer(question, rulings[0])
    fetched = any(each.origin in ("fetched", "cache") and each.sha256 for status in findings.statuses for each in status.attempts)
    if fetched and not question.here:
        findings.assumptions.append(Statement(code="vantage-point"))
    if not all(inquiry.addresses_checked for inquiries in of_ruling.values() for inquiry in inquiries):
        findings.assumptions.append(Statement(code="addresses-not-checked"))
    findings.notes = [
        _about_others(each, question) for each in about_nobody(findings.statuses, evidence) if not _of_an_issuer(each, rulings[0].candidate)
    ]
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


def _of_an_issuer(evidence: Evidence, candidate: Candidate) -> bool:
    """Whether it speaks for an issuer of this path after all: that of a certificate whose own signature is what is wrong."""
    for node, edge in zip(candidate.nodes, candidate.edges, strict=False):
        certificate = node.certificate
        if certificate is None or edge.signature is not Signature.INVALID:
            continue
        try:
            if evidence.kind == "crl":
                if evidence.crl().issuer.normalised == certificate.issuer.normalised:
                    return True
            elif any(each.certificate.is_by(certificate.issuer_der, edge.issuer.public_key) for each in evidence.ocsp().responses[:100]):
                return True
        except Malformed:
            return False
    return False


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


def _inquiries(question: Question, pool: Pool, ruling: Ruling, evidence: tuple[Evidence, ...], shared: list[Evidence]) -> Iterator[Inquiry]:
    """One for each certificate of the candidate whose issuer is known, the anchor left out (RFC 5280 6.1.3 (a)(3))."""
    candidate = ruling.candidate
    for index, edge in enumerate(candidate.edges):
        if edge.signature is Signature.INVALID or (index and question.rules.revocation == "subject"):
            continue
        target = target_of(candidate, index, Role.INTERMEDIATE if index else Role.SUBJECT)
        if target is not None and target.certificate.sha256 not in question.granted:
            yield Inquiry(question, pool, candidate, index, target, evidence, shared, _vouched(ruling, index))


def _vouched(ruling: Ruling, index: int) -> bool:
    """Whether every issuer above that element is a CA whose word counts, on a path to an anchor: the guard's question.

    Nothing fatal may be said of an issuer, proven or not, and of the certificate itself only what no issuer answers for. That the
    revocation of an issuer is unknown does not count here, else nobody could ever be asked: see ``Inquiry.vouched``.
    """
    candidate = ruling.candidate
    if not candidate.anchored or any(edge.signature is not Signature.VALID for edge in candidate.edges[index:]):
        return False
    above = {node.certificate for node in candidate.nodes[index + 1 :]}
    own = candidate.nodes[index].certificate
    fatal = [cause for cause in ruling.causes if cause.severity is Severity.FATAL and not cause.code.value.startswith("revocation-")]
    return not any(cause.certificate in above or (cause.certificate == own and cause.code not in _ITS_OWN) for cause in fatal)


def _rounds(inquiries: list[Inquiry]) -> Generator[list[Request], list[Response], None]:
    """Ask the next source of every certificate still undecided, together, until all are decided or nothing is left to ask."""
    remembered = [(inquiry, request) for inquiry in inquiries for request in inquiry.cached_requests()]
    if remembered:
        responses = yield [request for _, request in remembered]
        for (inquiry, _), response in zip(remembered, responses, strict=True):
            inquiry.receive_cached(response)
    for _ in range(ROUNDS):
        asked = [(inquiry, request) for inquiry in inquiries if (request := inquiry.next_request()) is not None]
        if not asked:
            return
        responses = yield [request for _, request in asked]
        for (inquiry, _), response in zip(asked, responses, strict=True):
            inquiry.receive(response)
