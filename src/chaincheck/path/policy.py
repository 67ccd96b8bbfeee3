"""RFC 5280 section 6.1, what it says of certificate policies, with the policy graph of RFC 9618 in place of the exponential tree.

``Policies`` are the working variables of 6.1.2 that policies need. They are immutable and know nothing of what is below, so the state after
a chain of CAs is the same for every certificate under it and may be kept::

    state = Policies.initial(settings)                                # 6.1.2
    for certificate in CAs, from the one under the anchor down:
        state, findings = state.certificate(certificate, last=False)  # 6.1.3 (d) to (f)
        state, findings = state.prepare(certificate)                  # 6.1.4 (a), (b), (h) to (j)
    state, findings = state.certificate(subject, last=True)           # 6.1.3 (d) to (f)
    outcome = state.wrap_up(subject, settings)                        # 6.1.5 (a), (b), (g)

How the graph is kept. A depth holds its policies; an edge from P at one depth to Q at the next exists where Q is in the expected policy
set of P, so the mappings of the certificate *are* the edges and none is written down again. Nodes without children are not deleted
(RFC 9618 6.1.3 (d)(3)) but found once, at the end, from the last depth up: a graph is NULL exactly where its last depth is empty, since
every node has a parent. Each depth is linear in its own certificate, and shares what it takes over from the depth above.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from chaincheck import causes
from chaincheck.causes.codes import CauseCode
from chaincheck.x509 import der, policies
from chaincheck.x509 import extensions as ext
from chaincheck.x509.policies import ANY_POLICY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from chaincheck.causes.cause import Cause
    from chaincheck.causes.codes import Role
    from chaincheck.rules import PolicySettings
    from chaincheck.x509.certificate import Certificate
    from chaincheck.x509.policies import CertificatePolicies, PolicyConstraints, PolicyMappings, Qualifier

    Counted = TypeVar("Counted", CertificatePolicies, PolicyMappings)
    Parsed = TypeVar("Parsed")

# Policies, qualifiers and mappings that are read for one path. OpenSSL ends at 1,000 nodes of its tree (CVE-2023-0464), PKITS stays below
# 50, bridge CAs map some dozens. 50,000 is two CAs that map 10,000 policies each, and what 100 ms allow: about 80.
POLICY_BUDGET = 50_000
# Different qualifiers that are told of one path. RFC 9618 advises against telling any; the PKITS path with most has 3.
QUALIFIER_BUDGET = 64

_UNLIMITED = 2**62  # in place of n+1 (6.1.2 (d) to (f)): no path is long enough to count it down, and n is not known yet
_NO_POLICIES: frozenset[bytes] = frozenset()
_ONLY_ANY = frozenset((ANY_POLICY,))
_NO_MAPPINGS = policies.PolicyMappings(MappingProxyType({}), MappingProxyType({}), 0)


class Finding(NamedTuple):
    """What becomes a cause once the role is known: ``reason`` for POLICY_NOT_SATISFIED, the budget and its ``limit`` for SEARCH_CUT."""

    code: CauseCode
    reason: str
    limit: int = 0


class Outcome(NamedTuple):
    """What 6.1.5 leaves: the findings, the user-constrained-policy-set (dotted), and each one's qualifiers from the anchor down.

    As section 6.1.6 has it, set and qualifiers are of value only where the path is valid.
    """

    findings: tuple[Finding, ...]
    user_constrained_policy_set: frozenset[str]
    qualifiers: Mapping[str, tuple[Qualifier, ...]]


def cause(finding: Finding, role: Role, certificate: Certificate) -> Cause:
    """The finding as a cause of the certificate at which it was made."""
    if finding.code is CauseCode.SEARCH_CUT:
        return causes.make(finding.code, role, certificate, causes.facts.SearchCutFacts(budget=finding.reason, limit=finding.limit))
    return causes.make(finding.code, role, certificate, causes.facts.PolicyFacts(reason=finding.reason))


class _Depth(NamedTuple):
    """The nodes of one depth of the valid_policy_graph (RFC 9618 6.1.2 (a)), and the edges to the next."""

    above: _Depth | None
    any_policy: bool
    """Whether there is a node anyPolicy: then there is one at every depth above."""
    inherited: frozenset[bytes]
    """Nodes whose parents are not anyPolicy: those of the depth above that expect them."""
    fresh: frozenset[bytes]
    """Nodes whose parent is anyPolicy; never also ``inherited``."""
    mappings: PolicyMappings
    """The expected_policy_set of each node that was mapped; that of any other is itself."""
    expected: frozenset[bytes]
    """All expected_policy_sets together, without anyPolicy's."""
    named: CertificatePolicies
    """What the certificate names, with its qualifiers. A node it does not name took those of anyPolicy."""


_NOTHING_NAMED = policies.CertificatePolicies(_NO_POLICIES, MappingProxyType({}), 0)
_DEPTH_ZERO = _Depth(None, True, _NO_POLICIES, _NO_POLICIES, _NO_MAPPINGS, _NO_POLICIES, _NOTHING_NAMED)


class Policies(NamedTuple):
    """The state variables of RFC 5280 6.1.2 (a) and (d) to (f), and who set them."""

    graph: _Depth | None
    """valid_policy_graph by its last depth; None is NULL."""
    explicit_policy: int
    policy_mapping: int
    inhibit_any_policy: int
    required_by: Certificate | None = None
    """Who set explicit_policy; None: the initial settings."""
    emptied_by: Certificate | None = None
    """The certificate at which the graph became NULL."""
    ended: bool = False
    """Whether there is a cause already for what the graph is: no other follows from it."""
    size: int = 0
    """Policies, qualifiers and mappings read so far."""

    @classmethod
    def initial(cls, settings: PolicySettings) -> Policies:
        """RFC 5280 6.1.2; raises ``ValueError`` where the initial policy set holds something else than dotted OIDs."""
        for policy in settings.initial_policy_set:
            policies.identifier(policy)
        return cls(
            graph=_DEPTH_ZERO,  # (a)
            explicit_policy=0 if settings.require_explicit_policy else _UNLIMITED,  # (d)
            inhibit_any_policy=0 if settings.inhibit_any_policy else _UNLIMITED,  # (e)
            policy_mapping=0 if settings.inhibit_policy_mapping else _UNLIMITED,  # (f)
        )

    def certificate(self, certificate: Certificate, *, last: bool) -> tuple[Policies, tuple[Finding, ...]]:
        """RFC 5280 6.1.3 (d) to (f), by RFC 9618 section 5.3."""
        state = self
        if state.graph is not None:
            try:
                named = _policies(certificate, POLICY_BUDGET - state.size)
            except der.Malformed as fault:
                return state._unread(fault)
            if named is not None:
                # (d)(2): anyPolicy counts unless inhibited; a self-issued certificate is exempt except as the last.
                any_counts = state.inhibit_any_policy > 0 or (not last and certificate.is_self_issued)
                graph = _next_depth(state.graph, named, any_counts)  # (d)
                state = state._replace(graph=graph, size=state.size + named.size)
            else:
                state = state._replace(graph=None)  # (e)
            if state.graph is None:
                state = state._replace(emptied_by=certificate)
        if state.explicit_policy > 0 or state.graph is not None or state.ended:  # (f)
            return state, ()
        return state._replace(ended=True), (state._not_satisfied("no acceptable policy is left", certificate),)

    def prepare(self, certificate: Certificate) -> tuple[Policies, tuple[Finding, ...]]:
        """RFC 5280 6.1.4 (a), (b) and (h) to (j), by RFC 9618 section 5.4: what a CA certificate says of those below it."""
        state = self
        findings: tuple[Finding, ...] = ()
        try:
            mapped = _mappings(certificate, POLICY_BUDGET - state.size)
        except der.Malformed as fault:
            state, findings = state._unread(fault)
        else:
            if mapped is not None:
                findings, mappings = _without_any_policy(mapped)  # (a)
                state = state._replace(size=state.size + mapped.size)
                if state.graph is not None:  # (b)
                    graph = _mapped(state.graph, mappings) if state.policy_mapping > 0 else _deleted(state.graph, mappings)
                    state = state._replace(graph=graph, emptied_by=certificate if graph is None else None)
        return state._count_down(certificate)._constrained(certificate), findings

    def wrap_up(self, certificate: Certificate, settings: PolicySettings) -> Outcome:
        """RFC 5280 6.1.5 (a), (b) and (g), by RFC 9618 section 5.5, after the last certificate."""
        state = self._replace(explicit_policy=_one_less(self.explicit_policy))  # (a)
        constraints = _constraints(certificate)
        if constraints is not None and constraints.require_explicit_policy == 0 and state.explicit_policy > 0:  # (b)
            state = state._replace(explicit_policy=0, required_by=certificate)
        # (g)
        alive = _alive(state.graph)
        valid = {policy for depth, nodes in alive for policy in depth.fresh & nodes}  # authority_constrained_policy_set
        if state.graph is not None and state.graph.any_policy:
            valid.add(ANY_POLICY)
        wanted = {policies.identifier(policy) for policy in settings.initial_policy_set}
        if ANY_POLICY not in wanted:
            valid = wanted if ANY_POLICY in valid else valid & wanted
        told = {policies.dotted(policy): found for policy, found in _qualifiers(alive, valid).items()}
        findings: tuple[Finding, ...] = ()
        if state.explicit_policy == 0 and not valid and not state.ended:
            reason = "no acceptable policy is left" if state.graph is None else "none of the policies left is in the initial policy set"
            findings = (state._not_satisfied(reason, certificate),)
        return Outcome(findings, frozenset(map(policies.dotted, valid)), told)

    def _count_down(self, certificate: Certificate) -> Policies:
        """6.1.4 (h)."""
        if certificate.is_self_issued:
            return self
        explicit_policy = _one_less(self.explicit_policy)  # (1)
        policy_mapping = _one_less(self.policy_mapping)  # (2)
        inhibit_any_policy = _one_less(self.inhibit_any_policy)  # (3)
        return self._replace(explicit_policy=explicit_policy, policy_mapping=policy_mapping, inhibit_any_policy=inhibit_any_policy)

    def _constrained(self, certificate: Certificate) -> Policies:
        """6.1.4 (i) and (j). A value that cannot be read constrains nothing: that it is malformed refuses the path already."""
        state = self
        constraints = _constraints(certificate)
        if constraints is not None:
            explicit_policy, policy_mapping = constraints
            if explicit_policy is not None and explicit_policy < state.explicit_policy:  # (i)(1)
                state = state._replace(explicit_policy=explicit_policy, required_by=certificate)
            if policy_mapping is not None and policy_mapping < state.policy_mapping:  # (i)(2)
                state = state._replace(policy_mapping=policy_mapping)
        skip = _readable(certificate, ext.INHIBIT_ANY_POLICY, int, policies.inhibit_any_policy)
        if skip is not None and skip < state.inhibit_any_policy:  # (j)
            state = state._replace(inhibit_any_policy=skip)
        return state

    def _unread(self, fault: der.Malformed) -> tuple[Policies, tuple[Finding, ...]]:
        """Policies or mappings not read: which are valid below is unknown, and more causes would be guesses.

        What is malformed is a cause of the certificate itself (``elements``); a budget that ran out is one of the path.
        """
        state = self._replace(graph=None, ended=True)
        if not isinstance(fault, policies.TooMany) or self.size > POLICY_BUDGET:
            return state, ()
        # Beyond the budget, so that nothing more is read and the cut is told once.
        return state._replace(size=POLICY_BUDGET + 1), (Finding(CauseCode.SEARCH_CUT, "policies", POLICY_BUDGET),)

    def _not_satisfied(self, reason: str, certificate: Certificate) -> Finding:
        if self.graph is None and self.emptied_by is not None and self.emptied_by != certificate:
            reason += f' after "{self.emptied_by.subject}"'
        by = "the settings" if self.required_by is None else f'"{self.required_by.subject}"'
        return Finding(CauseCode.POLICY_NOT_SATISFIED, f"{reason}, and an explicit policy is required by {by}")


# The valid_policy_graph


def _next_depth(above: _Depth, named: CertificatePolicies, any_counts: bool) -> _Depth | None:
    """RFC 9618 6.1.3 (d): the nodes that the policies of a certificate make under a depth; None where there are none."""
    any_here = any_counts and ANY_POLICY in named.policies
    if any_here:  # (d)(1)(i) and (d)(2): whatever is expected, named or not
        inherited = above.expected
    else:  # (d)(1)(i)
        inherited = above.expected & named.policies
        if len(inherited) == len(above.expected):
            inherited = above.expected  # the very same object, which two depths then share
    fresh = _less(_less(named.policies, above.expected), _ONLY_ANY) if above.any_policy else _NO_POLICIES  # (d)(1)(ii)
    any_policy = any_here and above.any_policy  # (d)(2), for P-OID anyPolicy
    if not inherited and not fresh and not any_policy:  # (d)(3)
        return None
    expected = inherited | fresh if inherited and fresh else inherited or fresh
    return _Depth(above, any_policy, inherited, fresh, _NO_MAPPINGS, expected, named)


def _less(nodes: frozenset[bytes], others: frozenset[bytes]) -> frozenset[bytes]:
    """The difference, and the very same object where there is none to make."""
    return nodes if nodes.isdisjoint(others) else nodes - others


def _without_any_policy(mappings: PolicyMappings) -> tuple[tuple[Finding, ...], PolicyMappings]:
    """6.1.4 (a): anyPolicy is mapped neither from nor to. To find what else is wrong, such pairs are taken as not there."""
    findings = []
    if ANY_POLICY in mappings.first:
        findings.append(Finding(CauseCode.POLICY_NOT_SATISFIED, "anyPolicy is mapped to another policy"))
    if ANY_POLICY in mappings.first.values() or any(ANY_POLICY in subjects for subjects in mappings.several.values()):
        findings.append(Finding(CauseCode.POLICY_NOT_SATISFIED, "a policy is mapped to anyPolicy"))
    if not findings:
        return (), mappings
    several = {issuer: subjects - _ONLY_ANY for issuer, subjects in mappings.several.items() if issuer != ANY_POLICY}
    first = {issuer: min(several.get(issuer, (subject,))) for issuer, subject in mappings.first.items() if issuer != ANY_POLICY}
    first = {issuer: subject for issuer, subject in first.items() if subject != ANY_POLICY}
    return tuple(findings), policies.PolicyMappings(first, several, mappings.size)


def _mapped(depth: _Depth, mappings: PolicyMappings) -> _Depth:
    """RFC 9618 6.1.4 (b)(1) and (b)(2): the nodes get what they are mapped to as expected_policy_set."""
    nodes, first = depth.expected, mappings.first
    if depth.any_policy and not nodes.issuperset(first):  # (b)(2): a policy that only anyPolicy covers becomes a node
        depth = depth._replace(fresh=depth.fresh.union(first.keys() - nodes))
        nodes = nodes.union(first)
    elif nodes.isdisjoint(first):
        return depth
    expected = {first[issuer] for issuer in nodes.intersection(first)}
    distinct = {subjects for issuer, subjects in mappings.several.items() if issuer in nodes}  # hostile ones map many to the same many
    return depth._replace(mappings=mappings, expected=nodes.difference(first).union(expected, *distinct))  # (b)(1)


def _deleted(depth: _Depth, mappings: PolicyMappings) -> _Depth | None:
    """RFC 9618 6.1.4 (b)(3): where mapping is inhibited, what would be mapped is valid no more; None where nothing is left."""
    if depth.expected.isdisjoint(mappings.first):
        return depth
    inherited, fresh = depth.inherited.difference(mappings.first), depth.fresh.difference(mappings.first)
    if not inherited and not fresh and not depth.any_policy:
        return None
    return depth._replace(inherited=inherited, fresh=fresh, expected=inherited | fresh)


_Alive = list[tuple[_Depth, frozenset[bytes]]]


def _alive(graph: _Depth | None) -> _Alive:
    """RFC 9618 6.1.3 (d)(3): every depth, the last first, with those of its nodes that have a descendant at the last; anyPolicy apart."""
    found: _Alive = []
    nodes = graph.inherited | graph.fresh if graph is not None else _NO_POLICIES
    while graph is not None:
        found.append((graph, nodes))
        expected, graph = graph.inherited & nodes, graph.above
        if graph is not None:
            nodes = _parents(graph, expected)
    return found


def _parents(depth: _Depth, children: frozenset[bytes]) -> frozenset[bytes]:
    """The nodes of a depth that expect one of ``children``."""
    if not children:
        return _NO_POLICIES
    nodes = depth.inherited | depth.fresh
    first, several, _ = depth.mappings
    if not first:
        return nodes & children
    return frozenset(
        policy
        for policy in nodes
        if first.get(policy, policy) in children or (policy in several and not several[policy].isdisjoint(children))
    )


def _qualifiers(alive: _Alive, valid: Iterable[bytes]) -> Mapping[bytes, tuple[Qualifier, ...]]:
    """RFC 9618 6.1.5 (g)(4): of each valid policy the qualifiers of its node, its ancestors and its descendants, the anchor's side first.

    The different ones are numbered, and a node has them as the bits of an integer: one step for each edge, however many there are.
    """
    if not any(depth.named.qualifiers for depth, _ in alive):
        return {}
    numbers: dict[Qualifier, int] = {}
    for depth, nodes in reversed(alive):
        for policy, qualifiers in sorted(depth.named.qualifiers.items()):
            if policy in nodes or policy == ANY_POLICY:
                for qualifier in qualifiers[: QUALIFIER_BUDGET - len(numbers)]:
                    numbers.setdefault(qualifier, 1 << len(numbers))
    above = [0]  # of the anyPolicy nodes over each depth
    for depth, _ in reversed(alive):
        above.append(above[-1] | (_bits(depth, ANY_POLICY, numbers) if depth.any_policy else 0))
    bits = _bits_below(alive, numbers, above)
    named = list(numbers)
    found = {}
    for policy in valid:
        mask = bits.get(policy, above[-1])  # what is not in the graph comes from the initial policy set, by the last anyPolicy: (g)(6)(ii)
        if mask:
            found[policy] = tuple(qualifier for index, qualifier in enumerate(named) if mask >> index & 1)
    return found


def _bits_below(alive: _Alive, numbers: Mapping[Qualifier, int], above: list[int]) -> dict[bytes, int]:
    """For each node under anyPolicy the bits of itself, what is under it and the anyPolicies over it, several of one name together."""
    found: dict[bytes, int] = {}
    below: dict[bytes, int] = {}
    for index, (depth, nodes) in enumerate(alive):
        over = above[len(alive) - 1 - index]
        first, several, _ = depth.mappings
        here = {}
        for policy in nodes:
            mask = _bits(depth, policy, numbers)
            for child in several[policy] if policy in several else (first.get(policy, policy),):
                mask |= below.get(child, 0)
            here[policy] = mask
            if policy in depth.fresh:
                found[policy] = found.get(policy, 0) | mask | over
        below = {policy: mask for policy, mask in here.items() if policy in depth.inherited}
    return found


def _bits(depth: _Depth, policy: bytes, numbers: Mapping[Qualifier, int]) -> int:
    mask = 0
    for qualifier in depth.named.qualifiers.get(policy if policy in depth.named.policies else ANY_POLICY, ()):
        mask |= numbers.get(qualifier, 0)
    return mask


# Reading


def _policies(certificate: Certificate, limit: int) -> CertificatePolicies | None:
    return _read(certificate, ext.CERTIFICATE_POLICIES, policies.CertificatePolicies, policies.certificate_policies, limit)


def _mappings(certificate: Certificate, limit: int) -> PolicyMappings | None:
    return _read(certificate, ext.POLICY_MAPPINGS, policies.PolicyMappings, policies.policy_mappings, limit)


def _constraints(certificate: Certificate) -> PolicyConstraints | None:
    return _readable(certificate, ext.POLICY_CONSTRAINTS, policies.PolicyConstraints, policies.policy_constraints)


def _read(certificate: Certificate, oid: str, kind: type[Counted], reader: Callable[[bytes, int], Counted], limit: int) -> Counted | None:
    """The value of an extension of at most ``limit`` policies or mappings, None without it; raises ``Malformed`` where it is not read."""
    extension = certificate.extension(oid)
    if extension is None:
        return None
    if isinstance(extension.parsed, kind):
        if extension.parsed.size > limit:
            raise policies.TooMany(0, limit)
        return extension.parsed
    return reader(extension.value, limit)


def _readable(certificate: Certificate, oid: str, kind: type[Parsed], reader: Callable[[bytes], Parsed]) -> Parsed | None:
    """The value of a small extension; None without it, and where it cannot be read."""
    extension = certificate.extension(oid)
    if extension is None:
        return None
    if isinstance(extension.parsed, kind):
        return extension.parsed
    try:
        return reader(extension.value)
    except der.Malformed:
        return None


def _one_less(skip: int) -> int:
    return skip - 1 if 0 < skip < _UNLIMITED else skip


def may_fail(state: Policies, certificate: Certificate) -> bool:
    """Whether the last certificate of a path can have a cause of policy: only where an explicit policy is, or becomes, required."""
    return state.explicit_policy < _UNLIMITED // 2 or certificate.extension(ext.POLICY_CONSTRAINTS) is not None
