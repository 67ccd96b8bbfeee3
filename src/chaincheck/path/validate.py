"""RFC 5280 section 6.1 over a candidate, from the anchor down to the subject, collecting all faults.

The working variables of section 6.1.2 are a ``State``. The state after a chain of CAs is the same for every certificate below it, so it
is kept: one more leaf of a known CA costs the leaf alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chaincheck import causes
from chaincheck.causes.codes import CauseCode, Role, Severity
from chaincheck.path.elements import distrusted_from, judge_dates, judge_distrust, judge_place, judge_static
from chaincheck.path.pool import DISALLOWED
from chaincheck.path.usage import judge_extended, judge_subject_key_usage
from chaincheck.rules import PolicySettings
from chaincheck.x509.extensions import CERTIFICATE_POLICIES
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


class Judgement(NamedTuple):
    """All causes of a candidate, and the window in which all of it is in date and not distrusted (seconds since 1970-01-01 UTC)."""

    causes: tuple[Cause, ...]
    holds_from: int
    holds_until: int


def validate(candidate: Candidate, pool: Pool, at: int, store: str) -> Judgement:
    """Judge one candidate at ``at`` (seconds since 1970-01-01 UTC), the subject included; ``store`` is the name of the server's store."""
    chain = candidate.nodes[1:]
    state = _state(chain, candidate.edges[1:], candidate.anchored, pool, store) if chain else _no_chain(pool.rules)
    found = list(_subject(candidate, pool, at, store))
    if state.causes:
        found += state.causes
    if at >= state.distrusted_from or not state.holds_from <= at <= state.holds_until:
        found += _at_that_moment(chain, candidate.anchored, pool.rules, store, at)
    subject = candidate.nodes[0].certificate
    first, last = _dates(subject) if subject is not None else (-_FOREVER, _FOREVER)
    last = min(last, state.distrusted_from - 1, distrusted_from(candidate.nodes[0]) - 1)
    return Judgement(tuple(found), max(first, state.holds_from), min(last, state.holds_until))


def _no_chain(rules: Rules) -> State:
    return State(_initial_length(rules), (), -_FOREVER, _FOREVER)


def _state(chain: tuple[Node, ...], edges: tuple[Edge, ...], anchored: bool, pool: Pool, store: str) -> State:
    """The state after ``chain`` (its first node the issuer of what comes next), from the anchor down, each prefix kept."""
    if not chain:
        return _no_chain(pool.rules)
    key = (anchored, *map(id, chain))  # nodes live as long as their pool
    known = pool.states.get(key)
    if isinstance(known, State):
        return known
    above = _state(chain[1:], edges[1:], anchored, pool, store)
    node, rules = chain[0], pool.rules
    role = _role(chain, 0, anchored)
    is_anchor = anchored and len(chain) == 1
    state = _from_anchor(node, rules) if is_anchor else _next(above, node, role, edges[0] if edges else None, rules)
    if node.entries or DISALLOWED in node.places:
        placed = tuple(judge_place(node, role, rules, store))
        state = state._replace(causes=state.causes + placed, distrusted_from=min(above.distrusted_from, distrusted_from(node)))
    if len(pool.states) < 4096:  # chains of CAs, not of subjects: a store with more has its reasons
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
    if certificate is None:
        return State(length, (), -_FOREVER, _FOREVER)
    found: list[Cause] = []
    if rules.anchor == "self-signed-root" and node.self_signature is Signature.UNSUPPORTED:
        used = causes.facts.AlgorithmFacts(algorithm=algorithm(certificate.signature_algorithm).name)
        found.append(causes.make(CauseCode.ALGORITHM_UNSUPPORTED_HERE, Role.ANCHOR, certificate, used, proven=False))
    if rules.anchor_constraints:
        found += judge_static(certificate, Role.ANCHOR, rules)
        found += _may_issue(certificate, Role.ANCHOR)
        found += judge_extended(node, Role.ANCHOR, rules)
        constraints = certificate.basic_constraints
        if constraints is not None and constraints.path_length is not None:
            length = min(length, constraints.path_length)
    first, last = _dates(certificate) if rules.anchor_validity else (-_FOREVER, _FOREVER)
    return State(length, tuple(found), first, last)


def _next(above: State, node: Node, role: Role, edge: Edge | None, rules: Rules) -> State:
    """RFC 5280 6.1.3 for a CA certificate, then 6.1.4: prepare for the one below it."""
    certificate = node.certificate
    if certificate is None:
        return above
    found = list(above.causes)
    found += judge_static(certificate, role, rules)
    if edge is not None:
        found += judge_signature(certificate, role, edge, rules)
    found += _may_issue(certificate, role)
    found += judge_extended(node, role, rules)
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
    constraints = certificate.basic_constraints
    if constraints is not None and constraints.ca and constraints.path_length is not None:  # 6.1.4 (m)
        length = min(length, constraints.path_length)
    first, last = _dates(certificate)
    return State(length, tuple(found), max(first, above.holds_from), min(last, above.holds_until), above.distrusted_from)


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
    """RFC 5280 6.1.3 (a)(1), and the strength of the signature as the rules judge it."""
    used = algorithm(certificate.signature_algorithm)
    if edge.signature is Signature.INVALID:
        issuer = edge.issuer
        details = causes.facts.BadSignatureFacts(algorithm=used.name, issuer=str(issuer.subject), issuer_sha256=issuer.identity.hex())
        yield causes.make(CauseCode.BAD_SIGNATURE, role, certificate, details)
    elif edge.signature is Signature.UNSUPPORTED:
        yield causes.make(
            CauseCode.ALGORITHM_UNSUPPORTED_HERE, role, certificate, causes.facts.AlgorithmFacts(algorithm=used.name), proven=False
        )
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
        if node.certificate is not None and (rules.anchor_validity or not anchored or role is not Role.ANCHOR):
            yield from judge_dates(node.certificate, role, at)
        yield from judge_distrust(node, role, store, at)


def _subject(candidate: Candidate, pool: Pool, at: int, store: str) -> Iterator[Cause]:
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
    elif node.self_signed and algorithm(certificate.signature_algorithm).hash in rules.refused_hashes and not candidate.anchored:
        yield causes.make(
            CauseCode.WEAK_SIGNATURE,
            role,
            certificate,
            causes.facts.AlgorithmFacts(algorithm=algorithm(certificate.signature_algorithm).name),
        )
    if node.entries or DISALLOWED in node.places:
        yield from judge_place(node, role, rules, store)
        yield from judge_distrust(node, role, store, at)
    yield from judge_extended(node, role, rules)
    yield from judge_subject_key_usage(certificate, rules)
    if rules.policies != _NO_POLICY_ASKED:  # not judged yet: 6.1.1 (c) to (g) ask for more than is known here
        details = causes.facts.ExtensionFacts(oid=CERTIFICATE_POLICIES)
        yield causes.make(CauseCode.CONSTRAINT_NOT_JUDGED, role, certificate, details, proven=False)
