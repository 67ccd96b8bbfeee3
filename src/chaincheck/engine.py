"""The flow: paths, then revocation, then the verdict. A generator without I/O, clock or globals.

It yields lists of ``Request`` and is sent the matching lists of ``Response``; the drivers in ``fetch/`` carry them. The same Question
and the same Responses give the same Diagnosis, whatever the order of inputs and the state of memos.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaincheck import causes
from chaincheck.causes.codes import CauseCode, Role, Severity, Verdict
from chaincheck.diagnosis import Diagnosis, Judged, PathsCut, PolicyOutcome
from chaincheck.issuer_source import issuer_source
from chaincheck.outlook import endings, window_of
from chaincheck.path.build import search
from chaincheck.path.elements import judge_ending
from chaincheck.path.missing import judge_duplicates, judge_end, judge_source
from chaincheck.path.name_constraints import Budget
from chaincheck.path.pool import Pool
from chaincheck.path.validate import validate
from chaincheck.possession import judge_key
from chaincheck.question import KeyState
from chaincheck.statement import Statement
from chaincheck.store import CLIENT_AUTH_ISSUERS, DISALLOWED, INTERMEDIATES, ROOTS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from chaincheck.causes.cause import Cause
    from chaincheck.fetch.request import Request, Response
    from chaincheck.path.build import Candidate, Search
    from chaincheck.path.policy import Policies
    from chaincheck.question import Question
    from chaincheck.revocation.status import RevocationStatus
    from chaincheck.rules import Rules
    from chaincheck.server import ServerProfile
    from chaincheck.store import TrustStore
    from chaincheck.x509.certificate import Certificate
    from chaincheck.x509.policies import Qualifier


def diagnose(question: Question, pool: Pool | None = None) -> Generator[list[Request], list[Response], Diagnosis]:
    """Answer one question. ``pool``: a reusable one for the same store, presented certificates and rules; None makes one."""
    subject = question.subject
    if subject is None:
        return _without_certificate(question)
    if pool is None:
        question = _resolved(question)
        pool = pool_for(question.store, question.presented, question.rules, question.server)
    store_name = question.store.name if question.store is not None else ""
    found = search(subject, pool, question.at)
    rulings = _rule(found, pool, question, store_name)
    if question.fetch_unanchored and not rulings[0].candidate.anchored:
        from chaincheck.naming import name_missing

        yield from name_missing(question, rulings[0])
    statuses: tuple[RevocationStatus, ...] = ()
    unchecked: list[Statement] = []
    notes: list[Cause] = []
    extra: list[Statement] = []
    elsewhere: tuple[RevocationStatus, ...] = ()
    if question.rules.revocation != "off":
        from chaincheck.inquiry import inquire

        findings = yield from inquire(question, pool, rulings)
        statuses = findings.statuses
        unchecked += findings.unchecked
        notes = findings.notes
        extra, elsewhere = findings.assumptions, findings.elsewhere
    if not unchecked and not notes and (answer := _everyday(question, pool, rulings, statuses)) is not None:
        return answer
    return _conclude(question, pool, found, rulings, statuses, elsewhere, unchecked, notes, extra)


def pool_for(store: TrustStore | None, presented: Iterable[Certificate], rules: Rules, server: ServerProfile | None) -> Pool:
    """A pool for a store, what is presented beside the subject, rules, and the server's source of accepted issuers."""
    source = issuer_source(store, server) if store is not None and rules.root_store_hygiene else None
    return Pool(store, presented, rules, source)


def _resolved(question: Question) -> Question:
    """The question by the settings of the server, and with the certificates in its store that a listing names and that are at hand."""
    from dataclasses import replace

    rules = question.rules if question.server is None else question.server.applied(question.rules)
    store = question.store
    if store is not None and store.listed:
        at_hand = question.presented if question.subject is None else (question.subject, *question.presented)
        return replace(question, rules=rules, store=store.resolved(at_hand))
    return question if rules is question.rules else replace(question, rules=rules)


# Candidates that are kept and shown. BoringSSL keeps every attempted path; beyond 32 nobody reads them.
CANDIDATES = 32


def _rule(found: Search, pool: Pool, question: Question, store_name: str) -> list[Ruling]:
    """Judge the candidates as they come: the first 32, and on until one is clean or the search ends; keep the best 32."""
    rulings: list[Ruling] = []
    clean = False
    budget = Budget()
    for candidate in found:
        ruling = _ruling(candidate, pool, question, store_name, budget)
        rulings.append(ruling)
        clean = clean or (candidate.anchored and not any(ruling.fatal()))
        if clean and len(rulings) >= CANDIDATES:
            break
    if len(rulings) > 1:
        rulings.sort(key=Ruling.order)
    return rulings


class Ruling:
    """One candidate with all its causes so far; ``checked``: its revocation has been looked into; ``in_date``: when all of it holds."""

    __slots__ = ("candidate", "causes", "checked", "in_date", "policies")

    def __init__(self, candidate: Candidate, causes: list[Cause], in_date: tuple[int, int], policies: Policies) -> None:
        self.candidate = candidate
        self.policies = policies
        self.in_date = in_date
        self.causes = causes
        self.checked = False

    def fatal(self) -> tuple[int, int]:
        """How many fatal causes are proven, and how many are not."""
        if not self.causes:
            return 0, 0
        proven = sum(cause.proven for cause in self.causes if cause.severity is Severity.FATAL)
        return proven, sum(cause.severity is Severity.FATAL for cause in self.causes) - proven

    def order(self) -> tuple[bool, bool, bool, int, int]:
        """The best candidate first: clean, then complete, then with the fewest faults. The sort is stable: ties keep the search's order."""
        proven, unproven = self.fatal()
        return proven > 0, not self.candidate.anchored, unproven > 0, proven, unproven


def _ruling(candidate: Candidate, pool: Pool, question: Question, store_name: str, budget: Budget) -> Ruling:
    judgement = validate(candidate, pool, question.at, store_name, budget)
    found = list(judgement.causes)
    in_date = judgement.holds_from, judgement.holds_until
    if question.warn_before:
        found += _ending(candidate, pool.rules, question)
        in_date = in_date[0], min(in_date[1], *endings(candidate.nodes, question))
    if question.store is not None:
        found += judge_source(candidate, pool, question.store) if candidate.anchored else judge_end(candidate, pool, question.store)
    return Ruling(candidate, found, in_date, judgement.policies)


def _ending(candidate: Candidate, rules: Rules, question: Question) -> Iterator[Cause]:
    """The elements whose validity ends as soon as the caller wants to know of; the anchor where its dates count."""
    last = len(candidate.nodes) - 1
    for index, node in enumerate(candidate.nodes):
        if node.certificate is None or (index == last and candidate.anchored and not rules.anchor_validity):
            continue
        role = Role.SUBJECT if index == 0 else Role.ANCHOR if index == last and _rooted(candidate) else Role.INTERMEDIATE
        yield from judge_ending(node.certificate, role, question.at, question.warn_before)


def _without_certificate(question: Question) -> Diagnosis:
    """REFUSED where a certificate is demanded. Where it is only asked for the request may be answered, which is not ACCEPTED either."""
    found = list(judge_key(question))
    unchecked: list[Statement] = []
    verdict = Verdict.REFUSED
    if _profiled(question):
        from chaincheck.iis.gates import judge_gates
        from chaincheck.iis.gates import unchecked as left_open

        found += judge_gates(question, (), found)
        unchecked += left_open(question, (), found)
        if any(statement.code == "certificate-not-required" for statement in unchecked):
            found, verdict = _leniently(found), Verdict.UNDETERMINED
    return Diagnosis(question, verdict, (), tuple(found), (), _assumptions(question, None), tuple(unchecked), (-(2**62), 2**62), None)


def _leniently(found: list[Cause]) -> list[Cause]:
    from dataclasses import replace

    return [replace(cause, proven=False) if cause.severity is Severity.FATAL else cause for cause in found]


def _profiled(question: Question) -> bool:
    """Whether anything is known of the server's settings or of the client."""
    return question.server is not None or question.client is not None


def _rooted(candidate: Candidate) -> bool:
    """Whether the last element is an anchor, or a root that would be one."""
    return candidate.anchored or (len(candidate.nodes) > 1 and candidate.nodes[-1].self_signed)


def _policies(ruling: Ruling, question: Question) -> Callable[[], PolicyOutcome]:
    """How the policies of a path are told, if anybody asks."""
    subject, state, settings = question.subject, ruling.policies, question.rules.policies

    def tell() -> PolicyOutcome:
        if subject is None or any(cause.code is CauseCode.POLICY_NOT_SATISFIED for cause in ruling.causes):
            return PolicyOutcome(user_constrained_policy_set=frozenset())  # RFC 5280 6.1.6: of value only where the path is valid
        last, _ = state.certificate(subject, last=True)
        outcome = last.wrap_up(subject, settings)
        told = tuple((policy, tuple(map(_in_words, found))) for policy, found in sorted(outcome.qualifiers.items()) if found)
        return PolicyOutcome(user_constrained_policy_set=outcome.user_constrained_policy_set, qualifiers=told)

    return tell


def _in_words(qualifier: Qualifier) -> str:
    from chaincheck.x509.policies import CPSPointer

    return qualifier.uri if isinstance(qualifier, CPSPointer) else qualifier.explicit_text or qualifier.organization or ""


def _everyday(question: Question, pool: Pool, rulings: list[Ruling], statuses: tuple[RevocationStatus, ...]) -> Diagnosis | None:
    """The answer of a monitoring agent's good day, by the shortest way: one path, no cause, nothing to say. None for every other."""
    ruling, store = rulings[0], question.store
    if len(rulings) > 1 or ruling.causes or statuses or not ruling.candidate.anchored or store is None or not store.told(ROOTS):
        return None
    if question.key.state is not KeyState.NOT_TOLD or question.notes or store.notes or pool.misplaced_in_root():
        return None
    if _profiled(question) or store.listed or any(len(node.places) > 1 for node in ruling.candidate.nodes):
        return None
    judged = (Judged(ruling.candidate.nodes, True, True, (), _policies(ruling, question)),)
    holds = window_of(question, rulings, statuses)
    return Diagnosis(question, Verdict.ACCEPTED, judged, (), (), _assumptions(question, pool), (), holds, None)


def _conclude(
    question: Question,
    pool: Pool,
    found: Search,
    rulings: list[Ruling],
    statuses: tuple[RevocationStatus, ...],
    elsewhere: tuple[RevocationStatus, ...],
    unchecked: list[Statement],
    notes: list[Cause],
    extra: list[Statement],
) -> Diagnosis:
    _leave_open(question, rulings, found.cut is not None)
    if question.client is not None:
        from chaincheck.iis.offer import as_this_client

        for ruling in rulings:
            ruling.causes = [as_this_client(cause, question.client) for cause in ruling.causes]
    common = list(judge_key(question))
    common += _store_hygiene(question, pool, rulings[0])
    common += _damaged_members(question)
    common += notes
    common += judge_duplicates(rulings[0].candidate, pool, question.store.name if question.store is not None else "")
    unchecked = _unchecked(question, rulings) + unchecked
    if _profiled(question):
        from chaincheck.iis import gates

        chain = [node.certificate for node in rulings[0].candidate.nodes if node.certificate is not None]
        common += gates.judge_gates(question, chain, rulings[0].causes)
        unchecked += gates.unchecked(question, chain, rulings[0].causes)
        unchecked += _from_the_cache_alone(question, statuses)
    if found.cut is not None:
        common.append(_search_cut(found.cut))
        unchecked.append(Statement(code="search-cut", facts=(("budget", found.cut[0]), ("limit", str(found.cut[1]))), blocks=False))
    verdict = _verdict(question, rulings, common, unchecked)
    holds = window_of(question, rulings, statuses + elsewhere)
    judged = tuple(
        Judged(r.candidate.nodes, r.candidate.anchored, _rooted(r.candidate), tuple(r.causes), _policies(r, question))
        for r in rulings[:CANDIDATES]
    )
    assumptions = _assumptions(question, pool) + tuple(extra)
    left = found.left + len(rulings[CANDIDATES:])
    cut = PathsCut(left=left, reason=found.cut[0] if found.cut is not None else "shown") if left else None
    diagnosis = Diagnosis(question, verdict, judged, tuple(common), statuses, assumptions, tuple(unchecked), holds, cut)
    diagnosis._elsewhere = elsewhere
    return diagnosis


def _from_the_cache_alone(question: Question, statuses: tuple[RevocationStatus, ...]) -> list[Statement]:
    """Verify Revocation Using Cached Client Certificate Only: what was fetched here may not be in the cache of the server."""
    binding = question.server.binding if question.server is not None else None
    if binding is None or not binding.cached_revocation_only or question.rules.revocation == "off":
        return []
    fetched = [
        each for each in statuses if each.decided_by is not None and each.decided_by.origin != "store" and each.status.value == "good"
    ]
    return [
        Statement(code="cached-revocation-only", facts=(("certificate", str(each.certificate.subject)),), blocks=True) for each in fetched
    ]


def _verdict(question: Question, rulings: list[Ruling], common: list[Cause], unchecked: list[Statement]) -> Verdict:
    """ACCEPTED: one path is proven good. REFUSED: something proven stands against every path that could exist. Else UNDETERMINED."""
    shared = [cause for cause in common if cause.severity is Severity.FATAL]
    if any(cause.proven for cause in shared) or all(ruling.fatal()[0] for ruling in rulings):
        return Verdict.REFUSED
    best = rulings[0]
    if shared or question.store is None or not best.candidate.anchored or any(best.fatal()) or any(s.blocks for s in unchecked):
        return Verdict.UNDETERMINED
    return Verdict.ACCEPTED


def _leave_open(question: Question, rulings: list[Ruling], cut: bool) -> None:
    """Take "proven" from what another certificate could cure that stands in a compartment not told, or where the search did not get to."""
    from dataclasses import replace

    for ruling in rulings:
        if any(ruling.fatal()):
            ruling.causes = [
                replace(c, proven=False) if c.proven and c.severity is Severity.FATAL and _curable(c, question, cut) else c
                for c in ruling.causes
            ]


def _curable(cause: Cause, question: Question, cut: bool) -> bool:
    """Whether another certificate, in a compartment that was not told, could take the place of the one at fault."""
    store = question.store
    if cause.code is CauseCode.ISSUER_NOT_ACCEPTED and store is not None and not issuer_source(store, question.server).whole:
        return True
    if cause.code in _CURED_BY_A_ROOT or cause.role is Role.ANCHOR:
        return cut or store is None or not store.whole(ROOTS)
    if question.server is not None and question.server.follows_aia and bool(getattr(cause.facts, "ca_issuers_urls", None)):
        return True
    if cause.role is Role.SUBJECT and cause.code not in _CURED_BY_AN_ISSUER:
        return False
    return cut or store is None or not store.whole(INTERMEDIATES) or not store.whole(ROOTS) or not question.presented_told


_CURED_BY_A_ROOT = frozenset({CauseCode.UNTRUSTED_ROOT, CauseCode.ROOT_IN_WRONG_STORE})
# What is said of the subject but stands on one path only: with another issuer it may be gone.
_CURED_BY_AN_ISSUER = frozenset(
    {
        CauseCode.ISSUER_NOT_FOUND,
        CauseCode.INTERMEDIATE_MISSING,
        CauseCode.BAD_SIGNATURE,
        CauseCode.NAME_NOT_PERMITTED,
        CauseCode.POLICY_NOT_SATISFIED,
    }
    | {code for code in CauseCode if code.value.startswith("revocation-")}
)


def _search_cut(cut: tuple[str, int]) -> Cause:
    return causes.make(
        CauseCode.SEARCH_CUT, Role.STORE, None, causes.facts.SearchCutFacts(budget=cut[0], limit=cut[1]), severity=Severity.WARNING
    )


def _store_hygiene(question: Question, pool: Pool, best: Ruling) -> list[Cause]:
    """KB 2802568: certificates in Root that do not sign themselves, beside those of the path. The effect differs between versions."""
    store = question.store
    if store is None or not question.rules.root_store_hygiene or not store.roots:
        return []
    strangers = pool.misplaced_in_root()
    listed = [each for each in store.only_listed(ROOTS) if each.root is False]
    if not strangers and not listed:
        return []
    from chaincheck.path.elements import misplaced

    on_path = {node.identity for node in best.candidate.nodes}
    return [
        causes.make(
            CauseCode.NOT_SELF_SIGNED_IN_ROOT,
            Role.STORE,
            node.certificate,
            misplaced(node, ROOTS, INTERMEDIATES, store.name, on_path=False),
            severity=Severity.FATAL,
            proven=False,
        )
        for node in strangers
        if node.identity not in on_path
    ] + [
        causes.make(
            CauseCode.NOT_SELF_SIGNED_IN_ROOT,
            Role.STORE,
            None,
            causes.facts.MisplacedFacts(
                name=each.subject, sha256=None, found_in=ROOTS, belongs_in=INTERMEDIATES, store=store.name, on_path=False, sha1=each.sha1
            ),
            severity=Severity.FATAL,
            proven=False,
        )
        for each in listed
    ]


# Damaged members shown one by one; a store with more is damaged as a whole.
DAMAGED_SHOWN = 20


def _damaged_members(question: Question) -> list[Cause]:
    notes = question.notes + (question.store.notes if question.store is not None else ())
    if not notes:
        return []
    return [
        causes.make(CauseCode.DAMAGED_MEMBER, Role.STORE, None, causes.facts.DamagedMemberFacts(where=where, reason=reason))
        for where, reason in notes[:DAMAGED_SHOWN]
    ]


def _unchecked(question: Question, rulings: list[Ruling]) -> list[Statement]:
    """What could not be judged, with what would allow it."""
    store = question.store
    if store is None:
        return [Statement(code="store-not-told", blocks=True)]
    found: list[Statement] = []
    if not store.told(ROOTS):
        found.append(Statement(code="roots-not-told", facts=(("store", store.name),), blocks=True))
    best = rulings[0].causes
    if not store.told(INTERMEDIATES) and any(c.severity is Severity.FATAL and not c.proven and _by_an_intermediate(c) for c in best):
        found.append(Statement(code="intermediates-not-told", facts=(("store", store.name),), blocks=True))
    if not question.presented_told and any(c.severity is Severity.FATAL and not c.proven and _by_an_intermediate(c) for c in best):
        found.append(Statement(code="presented-not-told", blocks=True))
    if any(c.severity is Severity.FATAL and not c.proven for c in best):
        for compartment in (ROOTS, INTERMEDIATES, CLIENT_AUTH_ISSUERS):
            if unseen := store.only_listed(compartment):
                names = ", ".join(f"{each.subject} (SHA-1 {each.sha1})" for each in unseen[:DAMAGED_SHOWN])
                found.append(Statement(code="listed-only", facts=(("store", store.name), ("certificates", names)), blocks=True))
        if store.partly:
            found.append(Statement(code="store-partly-read", facts=(("store", store.name),), blocks=True))
    for cause in best:
        found += _unjudged(cause)
    # what was damaged may have spoken against a certificate of the path: a CRL, a member of the Untrusted Certificates store
    damaged = list(dict.fromkeys(question.evidence_notes + store.evidence_notes))[:DAMAGED_SHOWN]
    found += [Statement(code="evidence-damaged", facts=(("where", where), ("reason", reason)), blocks=True) for where, reason in damaged]
    return found


def _by_an_intermediate(cause: Cause) -> bool:
    """Whether another intermediate could cure it; evidence comes from elsewhere."""
    if cause.code.value.startswith("revocation-") or cause.role is Role.ANCHOR:
        return False
    return cause.role is Role.INTERMEDIATE or cause.code in _CURED_BY_AN_ISSUER


def _unjudged(cause: Cause) -> list[Statement]:
    """What stands behind a cause that is not proven because this build, or anybody, cannot tell."""
    certificate = ("certificate", str(cause.certificate.subject) if cause.certificate is not None else "")
    if cause.code is CauseCode.MALFORMED and not cause.proven and cause.certificate is not None:
        reason = ("reason", cause.certificate.faults[0].what)
        return [Statement(code="element-read-leniently", facts=(certificate, reason), blocks=True)]
    if cause.code is CauseCode.WRONG_KEY_USAGE and cause.role is Role.SUBJECT and not cause.proven:
        return [Statement(code="client-not-told", facts=(certificate,), blocks=True)]
    if cause.code is CauseCode.ANY_EXTENDED_KEY_USAGE:
        return [Statement(code="any-eku-unconfirmed", facts=(certificate,), blocks=True)]
    details = cause.facts
    if cause.code is CauseCode.ALGORITHM_UNSUPPORTED_HERE and isinstance(details, causes.facts.AlgorithmFacts):
        return [Statement(code="algorithm-unsupported", facts=(certificate, ("algorithm", details.algorithm)), blocks=True)]
    if cause.code is CauseCode.CONSTRAINT_NOT_JUDGED and isinstance(details, causes.facts.ExtensionFacts):
        return [Statement(code="constraint-not-judged", facts=(certificate, ("oid", details.oid)), blocks=True)]
    return []


def _assumptions(question: Question, pool: Pool | None) -> tuple[Statement, ...]:
    """What the caller chose not to have judged, and what was decided for him. The same for most questions to one pool."""
    key = (question.subject is None, question.key.state, question.at_given, question.prefer)
    known = pool.assumptions.get(key) if pool is not None else None
    if known is None:
        known = tuple(_assume(question))
        if pool is not None:
            pool.assumptions[key] = known
    return known


def _assume(question: Question) -> Generator[Statement, None, None]:
    store = question.store
    if question.subject is not None and question.key.state is KeyState.NOT_TOLD:
        yield Statement(code="key-not-told")
    if question.rules.revocation != "path":
        yield Statement(code="revocation-off" if question.rules.revocation == "off" else "revocation-subject-only")
    if question.prefer == "crl" and question.fetch == "online" and question.rules.revocation != "off":
        yield Statement(code="crls-first")
    if question.rules.purpose is None:
        yield Statement(code="purpose-not-judged")
    if store is not None:
        for code in store.assumptions:
            yield Statement(code=code, facts=(("store", store.name),))
        if not store.told(DISALLOWED):
            yield Statement(code="disallowed-not-told", facts=(("store", store.name),))
    if question.rules.root_store_hygiene:
        if question.server is None:
            yield Statement(code="server-profile-not-told")
        else:
            from chaincheck.iis.gates import assumptions

            yield from assumptions(question)
    if question.at_given and question.rules.time_moves_only_dates:
        yield Statement(code="time-moved")
