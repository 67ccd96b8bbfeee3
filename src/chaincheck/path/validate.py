"""RFC 5280 section 6.1 over a candidate, from the anchor down to the subject, collecting all faults.

The working variables of section 6.1.2 are a ``State``. The state after a chain of CAs is the same for every certificate below it, so it
is kept: one more leaf of a known CA costs the leaf alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from chaincheck import causes
from chaincheck.causes.codes import CauseCode, Role, Severity
from chaincheck.path.elements import judge_dates, judge_distrust, judge_place, judge_static
from chaincheck.path.name_constraints import NONE as NO_CONSTRAINTS
from chaincheck.path.name_constraints import Budget, Constraints
from chaincheck.path.name_constraints import judge as judge_names
from chaincheck.path.policy import Policies, may_fail
from chaincheck.path.policy import cause as policy_cause
from chaincheck.path.pool import DISALLOWED
from chaincheck.path.profile import judge_profile
from chaincheck.path.usage import judge_extended, judge_subject_key_usage
from chaincheck.rules import PolicySettings
from chaincheck.x509.signature import Signature, algorithm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.causes.cause import Cause
    from chaincheck.path.build import Candidate
    from chaincheck.path.pool import Edge, Node, Pool
    from chaincheck.rules import Rules
    from chaincheck.x509.certificate import Certificate

_FOREVER = 2**62
_NO_POLICY_ASKED = PolicySettings()
NO_POLICIES = Policies.initial(_NO_POLICY_ASKED)


class State(NamedTuple):
    """The working variables after a chain of CAs, and the causes found on the way. What depends on the moment is kept apart."""

    max_path_length: int
    """RFC 5280 6.1.2 (k): how many more intermediate certificates may follow."""
    causes: tuple[Cause, ...]
    holds_from: int
    holds_until: int
    """The window in which every CA of the chain that is judged by its dates is in date."""
    distrusted_from: int = _FOREVER
    """The moment from which a store distrusts one of them by a property."""
    constraints: Constraints = NO_CONSTRAINTS
    """RFC 5280 6.1.2 (b), (c): permitted and excluded subtrees."""
    policies: Policies = NO_POLICIES
    """RFC 5280 6.1.2 (a), (d) to (f): the policy graph and its counters."""
    comparisons: int = 0
    """What the name constraints of the chain have cost of the budget."""


class Judgement(NamedTuple):
    """All causes of a candidate, and the window in which all of it is in date and not distrusted (seconds since 1970-01-01 UTC).

    ``policies``: the state above the subject, from which ``path.policy`` tells the user-constrained policy set when it is asked for.
    """

    causes: tuple[Cause, ...]
    holds_from: int
    holds_until: int
    policies: Policies


def validate(candidate: Candidate, pool: Pool, at: int, store: str, budget: Budget | None = None) -> Judgement:
    """Judge one candidate at ``at`` (seconds since 1970-01-01 UTC), the subject included; ``store`` is the name of the server's store.

    ``budget``: the name comparisons left for the question. Where they run out the candidate is not judged in full, and a cause says so.
    """
    chain = candidate.nodes[1:]
    budget = budget if budget is not None else Budget()
    state = _state(chain, candidate.edges[1:], candidate.anchored, pool, store, budget) if chain else _no_chain(pool.rules)
    found = list(_subject(candidate, state, pool, at, store, budget))
    if budget.exhausted:
        cut = causes.facts.SearchCutFacts(budget="name constraint comparisons", limit=budget.limit)
        found.append(causes.make(CauseCode.SEARCH_CUT, Role.STORE, None, cut, severity=Severity.FATAL, proven=False))
    if state.causes:
        found += state.causes
    if at >= state.distrusted_from or not state.holds_from <= at <= state.holds_until:
        found += _at_that_moment(chain, candidate.anchored, pool.rules, store, at)
    if found and pool.rules.unjudged_constraint == "refuse":  # RFC 5280 4.2.1.10: process the constraint or reject the certificate
        found = [replace(cause, proven=True) if cause.code is CauseCode.CONSTRAINT_NOT_JUDGED else cause for cause in found]
    subject = candidate.nodes[0].certificate
    first, last = _dates(subject) if subject is not None else (-_FOREVER, _FOREVER)
    last = min(last, state.distrusted_from - 1, candidate.nodes[0].distrusted_from - 1)
    return Judgement(tuple(found), max(first, state.holds_from), min(last, state.holds_until), state.policies)


def _no_chain(rules: Rules) -> State:
    """RFC 5280 6.1.2: the state before the first certificate."""
    return State(_initial_length(rules), (), -_FOREVER, _FOREVER, policies=_initial_policies(rules))


def _initial_policies(rules: Rules) -> Policies:
    return NO_POLICIES if rules.policies == _NO_POLICY_ASKED else Policies.initial(rules.policies)


def _state(chain: tuple[Node, ...], edges: tuple[Edge, ...], anchored: bool, pool: Pool, store: str, budget: Budget) -> State:
    """The state after ``chain`` (its first node the issuer of what comes next), from the anchor down, each prefix kept."""
    if not chain:
        return _no_chain(pool.rules)
    key = (anchored, *map(id, chain))  # nodes live as long as their pool
    known = pool.states.get(key)
    if isinstance(known, State):
        if known.comparisons:
            budget.spend(known.comparisons)  # what a memo knows is paid for all the same
        return known
    above = _state(chain[1:], edges[1:], anchored, pool, store, budget)
    node, rules = chain[0], pool.rules
    role = _role(chain, 0, anchored)
    is_anchor = anchored and len(chain) == 1
    state = _from_anchor(node, rules) if is_anchor else _next(above, node, role, edges[0] if edges else None, rules, budget)
    if node.entries or DISALLOWED in node.places:
        placed = tuple(judge_place(node, role, rules, store))
        state = state._replace(causes=state.causes + placed, distrusted_from=min(above.distrusted_from, node.distrusted_from))
    if len(pool.states) < 4096 and not budget.exhausted:  # chains of CAs, not of subjects: a store with more has its reasons
        pool.states[key] = state
    return state


def _role(chain: tuple[Node, ...], index: int, anchored: bool) -> Role:
    """The last element is the anchor, or the root that would be it; all others are intermediates."""
    last = index == len(chain) - 1
    return Role.ANCHOR if last and (anchored or chain[index].self_signed) else Role.INTERMEDIATE


def _initial_length(rules: Rules) -> int:
    return _FOREVER if rules.max_path_length is None else rules.max_path_length


def _from_anchor(node: Node, rules: Rules) -> State:
    """RFC 5280 6.1.1 (d): the anchor is a name and a key. The rules say what else of its certificate counts."""
    certificate = node.certificate
    length = _initial_length(rules)
    policies = _initial_policies(rules)
    if certificate is None:
        return State(length, (), -_FOREVER, _FOREVER, policies=policies)
    found: list[Cause] = []
    constraints = NO_CONSTRAINTS
    if rules.anchor == "self-signed-root" and node.self_signature is Signature.UNSUPPORTED:
        used = causes.facts.AlgorithmFacts(algorithm=algorithm(certificate.signature_algorithm).name)
        found.append(causes.make(CauseCode.ALGORITHM_UNSUPPORTED_HERE, Role.ANCHOR, certificate, used, proven=False))
    if rules.anchor_constraints:
        found += judge_static(certificate, Role.ANCHOR, rules)
        found += _may_issue(certificate, Role.ANCHOR)
        found += judge_extended(node, Role.ANCHOR, rules)
        found += judge_profile(certificate, Role.ANCHOR, issuer_is_self=node.self_signed)
        constraints = NO_CONSTRAINTS.narrowed(certificate, Role.ANCHOR)
        basic = certificate.basic_constraints
        if basic is not None and basic.path_length is not None:
            length = min(length, basic.path_length)
    first, last = _dates(certificate) if rules.anchor_validity else (-_FOREVER, _FOREVER)
    return State(length, tuple(found), first, last, constraints=constraints, policies=policies)


def _next(above: State, node: Node, role: Role, edge: Edge | None, rules: Rules, budget: Budget) -> State:
    """RFC 5280 6.1.3 for a CA certificate, then 6.1.4: prepare for the one below it."""
    certificate = node.certificate
    if certificate is None:
        return above
    found = list(above.causes)
    found += judge_static(certificate, role, rules)
    if edge is not None:
        found += judge_signature(certificate, role, edge, rules)
    elif not node.self_signed:
        found += judge_strength(certificate, role, rules)
    found += _may_issue(certificate, role)
    found += judge_extended(node, role, rules)
    found += judge_profile(certificate, role, issuer_is_self=edge is None and node.self_signed)
    spent = budget.spent
    found += judge_names(above.constraints, certificate, role, budget, exempt=certificate.is_self_issued)  # 6.1.3 (b), (c)
    constraints = above.constraints.narrowed(certificate, role)  # 6.1.4 (g)
    policies, first_findings = above.policies.certificate(certificate, last=False)  # 6.1.3 (d) to (f)
    policies, more_findings = policies.prepare(certificate)  # 6.1.4 (a), (b), (h) to (j)
    found += [policy_cause(finding, role, certificate) for finding in (*first_findings, *more_findings)]
    length = above.max_path_length
    if not certificate.is_self_issued:  # 6.1.4 (l)
        if length == 0:
            found.append(
                causes.make(
                    CauseCode.PATH_TOO_LONG,
                    role,
                    certificate,
                    causes.facts.PathTooLongFacts(allowed=_allowed(above, rules), found=_allowed(above, rules) + 1),
                )
            )
        length = max(length - 1, 0)
    basic = certificate.basic_constraints
    if basic is not None and basic.ca and basic.path_length is not None:  # 6.1.4 (m)
        length = min(length, basic.path_length)
    first, last = _dates(certificate)
    return State(
        max_path_length=length,
        causes=tuple(found),
        holds_from=max(first, above.holds_from),
        holds_until=min(last, above.holds_until),
        distrusted_from=above.distrusted_from,
        constraints=constraints,
        policies=policies,
        comparisons=above.comparisons + budget.spent - spent,
    )


def _allowed(above: State, rules: Rules) -> int:
    return above.max_path_length if rules.max_path_length is None else rules.max_path_length


def _dates(certificate: Certificate) -> tuple[int, int]:
    first, last = certificate.not_before_s, certificate.not_after_s
    return (-_FOREVER if first is None else first), (_FOREVER if last is None else last)


def _may_issue(certificate: Certificate, role: Role) -> Iterator[Cause]:
    """RFC 5280 6.1.4 (k) and (n): only a CA may issue, and only with a key for it."""
    constraints = certificate.basic_constraints
    if constraints is None:
        # RFC 5280 6.1.4 (k) lets a v1 CA pass only on knowledge from elsewhere. CryptoAPI and OpenSSL take a v1 *root*.
        if not (role is Role.ANCHOR and certificate.version < 3):
            reason = f"version {certificate.version}" if certificate.version < 3 else "no basicConstraints"
            yield causes.make(CauseCode.NOT_A_CA, role, certificate, causes.facts.NotACAFacts(reason=reason))
    elif not constraints.ca:
        yield causes.make(CauseCode.NOT_A_CA, role, certificate, causes.facts.NotACAFacts(reason="cA is false"))
    usages = certificate.key_usage
    if usages is not None and "keyCertSign" not in usages:
        allowed = tuple(sorted(usages))
        yield causes.make(
            CauseCode.WRONG_KEY_USAGE, role, certificate, causes.facts.KeyUsageFacts(allowed=allowed, needed=("keyCertSign",))
        )


def judge_signature(certificate: Certificate, role: Role, edge: Edge, rules: Rules) -> Iterator[Cause]:
    """RFC 5280 6.1.3 (a)(1), and the strength of the signature."""
    used = algorithm(certificate.signature_algorithm)
    if edge.signature is Signature.INVALID:
        issuer = edge.issuer
        details = causes.facts.BadSignatureFacts(algorithm=used.name, issuer=str(issuer.subject), issuer_sha256=issuer.identity.hex())
        yield causes.make(CauseCode.BAD_SIGNATURE, role, certificate, details)
    elif edge.signature is Signature.UNSUPPORTED:
        yield causes.make(
            CauseCode.ALGORITHM_UNSUPPORTED_HERE, role, certificate, causes.facts.AlgorithmFacts(algorithm=used.name), proven=False
        )
    yield from judge_strength(certificate, role, rules)


def judge_strength(certificate: Certificate, role: Role, rules: Rules) -> Iterator[Cause]:
    """The strength of the signature as the rules judge it, whoever made it."""
    used = algorithm(certificate.signature_algorithm)
    if used.hash in rules.refused_hashes:
        yield causes.make(
            CauseCode.WEAK_SIGNATURE, role, certificate, causes.facts.AlgorithmFacts(algorithm=used.name), severity=Severity.FATAL
        )
    elif used.hash in rules.warned_hashes:
        yield causes.make(
            CauseCode.WEAK_SIGNATURE, role, certificate, causes.facts.AlgorithmFacts(algorithm=used.name), severity=Severity.WARNING
        )


def _at_that_moment(chain: tuple[Node, ...], anchored: bool, rules: Rules, store: str, at: int) -> Iterator[Cause]:
    """What the moment decides about the CAs: their dates, and distrust that begins at some time."""
    for index, node in enumerate(chain):
        role = _role(chain, index, anchored)
        certificate = node.certificate
        if certificate is not None and (rules.anchor_validity or not anchored or role is not Role.ANCHOR):
            first, last = _dates(certificate)
            if not first <= at <= last:
                yield from judge_dates(certificate, role, at)
        if node.entries:
            yield from judge_distrust(node, role, store, at)


def _subject(candidate: Candidate, state: State, pool: Pool, at: int, store: str, budget: Budget) -> Iterator[Cause]:
    """RFC 5280 6.1.3 for the last certificate, and 6.1.5."""
    node = candidate.nodes[0]
    certificate, rules = node.certificate, pool.rules
    if certificate is None:
        return
    role = Role.SUBJECT
    yield from judge_static(certificate, role, rules)
    yield from judge_dates(certificate, role, at)
    if candidate.edges:
        yield from judge_signature(certificate, role, candidate.edges[0], rules)
    elif not candidate.anchored:
        yield from judge_strength(certificate, role, rules)
    if node.entries or DISALLOWED in node.places:
        yield from judge_place(node, role, rules, store)
        yield from judge_distrust(node, role, store, at)
    yield from judge_extended(node, role, rules)
    yield from judge_subject_key_usage(certificate, rules)
    yield from judge_profile(certificate, role, issuer_is_self=not candidate.edges and node.self_signed)
    if state.constraints.imposed:
        yield from judge_names(state.constraints, certificate, role, budget)  # 6.1.3 (b), (c)
    if may_fail(state.policies, certificate):
        policies, findings = state.policies.certificate(certificate, last=True)  # 6.1.3 (d) to (f)
        outcome = policies.wrap_up(certificate, rules.policies)  # 6.1.5 (a), (b), (g)
        for finding in (*findings, *outcome.findings):
            yield policy_cause(finding, role, certificate)
