"""Certificate policies: what RFC 5280 6.1 says of them, all of NIST PKITS, and the same answers as the tree that it describes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import cryptography_vectors
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asn1
import chaincheck
import pki
from chaincheck.causes.codes import CauseCode, Role, Severity
from chaincheck.path.policy import POLICY_BUDGET, QUALIFIER_BUDGET, Finding, Policies, cause
from chaincheck.rules import PolicySettings
from chaincheck.x509.certificate import Certificate
from chaincheck.x509.policies import CPSPointer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ANY = "2.5.29.32.0"
GOLD, SILVER, BRONZE, RED, BLUE = (f"1.2.3.{number}" for number in range(1, 6))
CPS = "1.3.6.1.5.5.7.2.1"


# Certificates that say something of policies, and nothing else that matters here


def extension(oid: str, value: bytes) -> bytes:
    return asn1.sequence(asn1.oid(oid), asn1.octet_string(value))


def policies_value(policies: Mapping[str, Sequence[str]] | Iterable[str]) -> bytes:
    told = policies if isinstance(policies, dict) else dict.fromkeys(policies, ())
    found = []
    for policy, uris in told.items():
        qualifiers = [asn1.sequence(asn1.oid(CPS), asn1.tlv(0x16, uri.encode())) for uri in uris]
        found.append(asn1.sequence(asn1.oid(policy), asn1.sequence(*qualifiers) if qualifiers else b""))
    return asn1.sequence(*found)


def mappings_value(pairs: Iterable[tuple[str, str]]) -> bytes:
    return asn1.sequence(*(asn1.sequence(asn1.oid(issuer), asn1.oid(subject)) for issuer, subject in pairs))


@lru_cache
def name_der(name: str) -> bytes:
    return pki.name_der(name)


def certificate(
    name: str = "subject",
    issuer: str = "issuer",
    *,
    policies: Mapping[str, Sequence[str]] | Iterable[str] | None = None,
    mappings: Iterable[tuple[str, str]] | None = None,
    require: int | None = None,
    inhibit_mapping: int | None = None,
    inhibit_any: int | None = None,
    encoded: Iterable[bytes] = (),
) -> Certificate:
    found = list(encoded)
    if policies is not None:
        found.append(extension("2.5.29.32", policies_value(policies)))
    if mappings is not None:
        found.append(extension("2.5.29.33", mappings_value(mappings)))
    if require is not None or inhibit_mapping is not None:
        numbers = [asn1.implicit(tag, bytes([number])) for tag, number in enumerate((require, inhibit_mapping)) if number is not None]
        found.append(extension("2.5.29.36", asn1.sequence(*numbers)))
    if inhibit_any is not None:
        found.append(extension("2.5.29.54", asn1.integer(inhibit_any)))
    algorithm = asn1.sequence(asn1.oid("1.2.840.10045.4.3.2"))
    moment = asn1.time(datetime(2026, 1, 1, tzinfo=UTC))
    body = asn1.sequence(
        asn1.explicit(0, asn1.integer(2)),
        asn1.integer(1),
        algorithm,
        name_der(issuer),
        asn1.sequence(moment, moment),
        name_der(name),
        asn1.sequence(algorithm, asn1.bit_string(b"key")),
        asn1.explicit(3, asn1.sequence(*found)) if found else b"",
    )
    return Certificate(asn1.sequence(body, algorithm, asn1.bit_string(b"signature")))


@dataclass
class Walk:
    """What came of a path: findings with the certificates at which they were made."""

    findings: list[tuple[int, Finding]]
    policies: frozenset[str]
    qualifiers: Mapping[str, tuple[Any, ...]]

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(index, finding.reason) for index, finding in self.findings]


def walk(path: Sequence[Certificate], told: PolicySettings | None = None) -> Walk:
    """From the certificate under the anchor (0) to the subject."""
    told = told or PolicySettings()
    state = Policies.initial(told)
    findings: list[tuple[int, Finding]] = []
    for index, one in enumerate(path[:-1]):
        state, found = state.certificate(one, last=False)
        findings += [(index, finding) for finding in found]
        state, found = state.prepare(one)
        findings += [(index, finding) for finding in found]
    state, found = state.certificate(path[-1], last=True)
    outcome = state.wrap_up(path[-1], told)
    findings += [(len(path) - 1, finding) for finding in (*found, *outcome.findings)]
    return Walk(findings, outcome.user_constrained_policy_set, outcome.qualifiers)


def asked(*policies: str, **more: bool) -> PolicySettings:
    return PolicySettings(initial_policy_set=frozenset(policies or (ANY,)), **more)


EXPLICIT = asked(require_explicit_policy=True)


# The examples of RFC 9618


def test_the_example_of_a_policy_tree() -> None:
    """RFC 9618 section 3: OID1 is mapped to OID3 and OID4."""
    ca = certificate("ca", policies=[GOLD, SILVER, BLUE], mappings=[(GOLD, BRONZE), (GOLD, RED)])
    leaf = certificate(policies=[SILVER, BRONZE, "1.2.3.6"])
    assert walk([ca, leaf], EXPLICIT) == Walk([], frozenset({GOLD, SILVER}), {})


def test_a_policy_with_two_parents() -> None:
    """RFC 9618 figure "Processing an Exact Match"."""
    ca = certificate("ca", policies=[RED, BLUE], mappings=[(RED, GOLD), (RED, "1.2.3.6"), (BLUE, GOLD), (BLUE, "1.2.3.7")])
    assert walk([ca, certificate(policies=[GOLD, SILVER])], EXPLICIT).policies == {RED, BLUE}


def test_policies_under_any_policy() -> None:
    """RFC 9618 figure "Processing Unmatched Policies When a Leaf Node Specifies anyPolicy"."""
    leaf = certificate(policies={GOLD: (), SILVER: ("http://silver/",)})
    found = walk([certificate("ca", policies=[ANY]), leaf], EXPLICIT)
    assert found == Walk([], frozenset({GOLD, SILVER}), {SILVER: (CPSPointer("http://silver/"),)})


def test_any_policy_in_a_certificate_takes_what_is_expected() -> None:
    """RFC 9618 figure "Processing Unmatched Policies When the Certificate Policies Extension Specifies anyPolicy"."""
    ca = certificate("ca", policies=[RED, BLUE], mappings=[(RED, GOLD), (RED, SILVER), (BLUE, GOLD), (BLUE, BRONZE)])
    found = walk([ca, certificate(policies={ANY: ("http://any/",)})], EXPLICIT)
    assert found.policies == {RED, BLUE}
    assert found.qualifiers == dict.fromkeys((RED, BLUE), (CPSPointer("http://any/"),))


def test_nodes_without_descendants_are_pruned() -> None:
    """RFC 9618 figure "Pruning": what a CA two levels up asserted is not valid because nothing under it is."""
    path = [
        certificate("one", policies=[RED, BLUE, GOLD]),
        certificate("two", policies=[RED, BLUE, GOLD], mappings=[(GOLD, SILVER)]),
        certificate("three", policies=[RED, GOLD]),
        certificate(policies=[RED, SILVER]),
    ]
    assert walk(path, EXPLICIT).policies == {RED}


# Where it fails, and who is told to be the reason


def test_without_a_demand_nothing_is_refused() -> None:
    assert walk([certificate("ca"), certificate(policies=[GOLD])]) == Walk([], frozenset(), {})


def test_the_certificate_at_which_nothing_is_left_is_blamed_once() -> None:
    path = [certificate("ca", policies=[GOLD]), certificate("sub", policies=[SILVER]), certificate("low"), certificate(policies=[GOLD])]
    assert walk(path, EXPLICIT).reasons == [(1, "no acceptable policy is left, and an explicit policy is required by the settings")]


def test_who_requires_the_policy_is_named() -> None:
    path = [certificate("ca", policies=[GOLD], require=0), certificate(policies=[SILVER])]
    assert walk(path).reasons == [(1, 'no acceptable policy is left, and an explicit policy is required by "CN=ca"')]


def test_what_was_lost_above_is_named_where_the_demand_begins() -> None:
    path = [certificate("ca", policies=[GOLD], require=2), certificate("sub"), certificate("low"), certificate(policies=[GOLD])]
    assert walk(path).reasons == [(3, 'no acceptable policy is left after "CN=sub", and an explicit policy is required by "CN=ca"')]


def test_the_subject_itself_may_require_a_policy() -> None:
    leaf = certificate("leaf", require=0)
    assert walk([leaf]).reasons == [(0, 'no acceptable policy is left, and an explicit policy is required by "CN=leaf"')]
    assert walk([certificate("leaf", require=1)]).findings == []


def test_policies_that_nobody_accepts_are_told_from_none() -> None:
    told = asked(SILVER, require_explicit_policy=True)
    reason = "none of the policies left is in the initial policy set, and an explicit policy is required by the settings"
    assert walk([certificate(policies=[GOLD])], told).reasons == [(0, reason)]
    assert walk([certificate(policies=[GOLD])], asked(SILVER)) == Walk([], frozenset(), {})


def test_a_self_issued_certificate_does_not_count_down() -> None:
    ca, again = certificate("ca", policies=[GOLD], require=2), certificate("ca", "ca", policies=[GOLD])
    other, leaf = certificate("other", policies=[GOLD]), certificate()
    assert walk([ca, again, leaf]).findings == []
    assert [index for index, _ in walk([ca, other, leaf]).reasons] == [2]


def test_inhibited_any_policy_still_counts_in_a_self_issued_ca_but_not_in_a_self_issued_subject() -> None:
    ca = certificate("ca", policies=[GOLD], inhibit_any=0)
    same = certificate("ca", "ca", policies=[ANY])
    assert walk([ca, same, certificate(policies=[GOLD])], EXPLICIT).findings == []
    assert [index for index, _ in walk([ca, same], EXPLICIT).reasons] == [1]
    assert [index for index, _ in walk([ca, certificate("sub", policies=[ANY]), same], EXPLICIT).reasons] == [1]


def test_inhibited_mapping_removes_what_would_be_mapped() -> None:
    path = [certificate("ca", policies=[GOLD, RED], mappings=[(GOLD, SILVER)]), certificate(policies=[GOLD, SILVER, RED])]
    assert walk(path, asked(require_explicit_policy=True, inhibit_policy_mapping=True)).policies == {RED}
    alone = [certificate("ca", policies=[GOLD], mappings=[(GOLD, SILVER)]), certificate(policies=[GOLD, SILVER])]
    assert walk(alone, asked(require_explicit_policy=True, inhibit_policy_mapping=True)).reasons == [
        (1, 'no acceptable policy is left after "CN=ca", and an explicit policy is required by the settings')
    ]


def test_any_policy_is_mapped_neither_from_nor_to_and_every_such_ca_is_told() -> None:
    one = certificate("one", policies=[GOLD], mappings=[(ANY, GOLD), (GOLD, ANY), (GOLD, SILVER)])
    two = certificate("two", policies=[SILVER], mappings=[(SILVER, ANY)])
    found = walk([one, two, certificate(policies=[SILVER])])
    assert found.reasons == [
        (0, "anyPolicy is mapped to another policy"),
        (0, "a policy is mapped to anyPolicy"),
        (1, "a policy is mapped to anyPolicy"),
    ]
    assert walk([certificate("ca"), one], EXPLICIT).reasons[0][0] == 0  # of a subject, mappings mean nothing
    assert all(finding.code is CauseCode.POLICY_NOT_SATISFIED for _, finding in found.findings)


def test_an_unreadable_value_is_not_followed_by_guesses() -> None:
    """That it is malformed is a cause of the element."""
    leaf = certificate(policies=[GOLD])
    for oid in ("2.5.29.32", "2.5.29.33"):
        found = walk([certificate("ca", encoded=[extension(oid, asn1.sequence())], require=0), leaf], EXPLICIT)
        assert found.reasons == ([] if oid.endswith("32") else [(0, EXPLICIT_REASON)])
        assert found.policies == frozenset()
    for oid in ("2.5.29.36", "2.5.29.54"):
        assert walk([certificate("ca", policies=[GOLD], encoded=[extension(oid, asn1.null())]), leaf], EXPLICIT).findings == []


EXPLICIT_REASON = "no acceptable policy is left, and an explicit policy is required by the settings"


def test_a_policy_of_the_settings_must_be_one() -> None:
    with pytest.raises(chaincheck.InputError, match="frozenset of dotted OIDs"):
        Policies.initial(asked("1.40.1"))


def test_findings_become_causes() -> None:
    one = certificate()
    made = cause(Finding(CauseCode.POLICY_NOT_SATISFIED, "why"), Role.INTERMEDIATE, one)
    assert (made.code, made.severity, made.proven, made.certificate) == (CauseCode.POLICY_NOT_SATISFIED, Severity.FATAL, True, one)
    assert "why" in made.summary
    cut = cause(Finding(CauseCode.SEARCH_CUT, "policies", 7), Role.SUBJECT, one)
    assert (cut.code, cut.proven) == (CauseCode.SEARCH_CUT, False)
    assert "policies" in cut.summary


# Budgets


def numbered(count: int, level: int = 0) -> list[str]:
    return [f"1.3.6.1.4.1.99999.{level}.{number}" for number in range(count)]


def test_the_exponential_tree_is_a_small_graph() -> None:
    """RFC 9618 section 3.1: every policy mapped to every policy, far more levels than a tree could have."""
    names = [GOLD, SILVER]
    full = [(one, other) for one in names for other in names]
    cas = [certificate(f"ca{level}", policies=names, mappings=full) for level in range(100)]
    assert walk([*cas, certificate(policies=[GOLD])], EXPLICIT).policies == {GOLD, SILVER}


def test_ten_thousand_mapped_policies_are_judged() -> None:
    levels = [numbered(10_000, level) for level in range(3)]
    cas = [
        certificate(f"ca{level}", policies=levels[level], mappings=zip(levels[level], levels[level + 1], strict=True)) for level in (0, 1)
    ]
    path = [*cas, certificate(policies=levels[2][:9_999])]
    began = perf_counter()
    found = walk(path, EXPLICIT)
    assert perf_counter() - began < 2  # about 0.08: a graph, not a tree
    assert found == Walk([], frozenset(levels[0][:9_999]), {})


def test_running_out_of_the_budget_is_told_once_and_nothing_is_guessed() -> None:
    names = numbered(100)
    full = [(one, other) for one in names for other in names]
    ca = certificate("ca", policies=names, mappings=full)
    path = [ca] * 100 + [certificate(policies=names)]
    began = perf_counter()
    found = walk(path, EXPLICIT)
    assert perf_counter() - began < 2
    assert [finding for _, finding in found.findings] == [Finding(CauseCode.SEARCH_CUT, "policies", POLICY_BUDGET)]
    assert found.policies == frozenset()


def test_a_depth_shares_what_it_takes_over() -> None:
    state = Policies.initial(EXPLICIT)
    ca = certificate("ca", policies=numbered(50))
    graphs = []
    for _ in range(10):
        state, _ = state.certificate(ca, last=False)
        state, _ = state.prepare(ca)
        assert state.graph is not None
        graphs.append(state.graph)
    assert len({id(graph.expected) for graph in graphs}) == 1


def test_the_state_after_the_cas_serves_every_subject() -> None:
    state = Policies.initial(EXPLICIT)
    ca = certificate("ca", policies=[GOLD])
    state, _ = state.certificate(ca, last=False)
    state, _ = state.prepare(ca)
    for _ in range(2):
        assert state.certificate(certificate(policies=[SILVER]), last=True)[1]
        assert not state.certificate(certificate(policies=[GOLD]), last=True)[1]


def test_no_more_qualifiers_are_told_than_the_budget() -> None:
    uris = [f"http://{number:03}/" for number in range(QUALIFIER_BUDGET + 10)]
    found = walk([certificate(policies={GOLD: uris})], EXPLICIT)
    assert [qualifier.uri for qualifier in found.qualifiers[GOLD]] == uris[:QUALIFIER_BUDGET]


# NIST PKITS

TABLE = Path(__file__).parents[2].parent / "shared" / "vectors" / "pkits.json"
CERTIFICATES = Path(cryptography_vectors.__file__).parent / "x509" / "PKITS_data" / "certs"


@lru_cache
def of_pkits(file: str) -> Certificate:
    return Certificate((CERTIFICATES / file).read_bytes())


def test_nist_pkits() -> None:
    """Every entry: refused for its policies exactly where the table says so, and the user-constrained policy set of every valid one."""
    if not TABLE.is_file():
        pytest.skip(f"there is no {TABLE}")
    entries = json.loads(TABLE.read_text())
    counted = 0
    for entry in entries:
        told = PolicySettings(
            initial_policy_set=frozenset(entry["initial_policy_set"]),
            require_explicit_policy=entry["initial_explicit_policy"],
            inhibit_policy_mapping=entry["initial_policy_mapping_inhibit"],
            inhibit_any_policy=entry["initial_inhibit_any_policy"],
        )
        path = _ordered(entry)
        if path is None:
            assert "policy" not in entry["needs"], entry["id"]
            continue
        found = walk(path, told)
        assert bool(found.findings) is (entry["reason"] == "policy"), (entry["id"], found)
        if entry["expected"] == "valid":
            assert found.policies == set(entry["user_constrained_policy_set"]), (entry["id"], found)
        counted += "policy" in entry["needs"]
    assert counted == 88


def _ordered(entry: dict[str, Any]) -> list[Certificate] | None:
    """From under the anchor to the subject; None where the names do not lead there (a test of name chaining)."""
    found = [of_pkits(entry["end_certificate"])]
    left = [of_pkits(file) for file in entry["intermediates"]]
    while left:
        # a self-issued certificate stands between its namesake and what that namesake's other key issued
        issuers = [one for one in left if one.subject.normalised == found[0].issuer.normalised]
        if not issuers:
            return None
        best = min(issuers, key=lambda one: not _signed(found[0], one))
        left.remove(best)
        found.insert(0, best)
    return found


def _signed(child: Certificate, issuer: Certificate) -> bool:
    identifier = child.authority_key_identifier
    return identifier is not None and identifier.key_identifier == issuer.subject_key_identifier


def test_pkits_qualifiers() -> None:
    """4.8.15 to 4.8.20: the notices and pointers that the descriptions say should be displayed."""
    root = asked(ANY)
    notice = walk([of_pkits("UserNoticeQualifierTest15EE.crt")], root)
    assert [qualifier.explicit_text[:2] for qualifier in notice.qualifiers["2.16.840.1.101.3.2.1.48.1"]] == ["q1"]
    good = of_pkits("GoodCACert.crt")
    notice = walk([good, of_pkits("UserNoticeQualifierTest16EE.crt")], root)
    assert [qualifier.explicit_text[:2] for qualifier in notice.qualifiers["2.16.840.1.101.3.2.1.48.1"]] == ["q1"]
    pointer = walk([good, of_pkits("CPSPointerQualifierTest20EE.crt")], root)
    assert [type(qualifier) for qualifier in pointer.qualifiers["2.16.840.1.101.3.2.1.48.1"]] == [CPSPointer]


# The tree of RFC 5280, as it stands there


class Node:
    """A node of the valid_policy_tree (RFC 5280 6.1.2 (a))."""

    def __init__(self, policy: str, qualifiers: tuple[str, ...], expected: set[str], parent: Node | None) -> None:
        self.policy, self.qualifiers, self.expected, self.parent = policy, qualifiers, expected, parent
        self.children: list[Node] = []
        self.depth: int = 0
        if parent is not None:
            parent.children.append(self)
            self.depth = parent.depth + 1

    def under(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            yield from child.under()

    def over(self) -> Iterator[Node]:
        yield self
        if self.parent is not None:
            yield from self.parent.over()

    def delete(self) -> None:
        assert self.parent is not None
        self.parent.children.remove(self)


def pruned(root: Node, depth: int) -> Node | None:
    """Nodes of that depth or less without children are deleted until there are none."""
    while barren := [node for node in root.under() if node.depth <= depth and not node.children]:
        if barren[0] is root:
            return None
        barren[0].delete()
    return root


@dataclass
class Said:
    """What one certificate of the property test says."""

    policies: dict[str, tuple[str, ...]] | None
    mappings: list[tuple[str, str]] | None
    require: int | None
    inhibit_mapping: int | None
    inhibit_any: int | None
    self_issued: bool

    def certificate(self, index: int) -> Certificate:
        return certificate(
            f"ca{index}",
            f"ca{index}" if self.self_issued else f"ca{index - 1}",
            policies=self.policies,
            mappings=self.mappings,
            require=self.require,
            inhibit_mapping=self.inhibit_mapping,
            inhibit_any=self.inhibit_any,
        )


def add_children(root: Node, said: Said, i: int, any_counts: bool) -> Node | None:
    """RFC 5280 6.1.3 (d)."""
    assert said.policies is not None
    above = [node for node in root.under() if node.depth == i - 1]
    for policy, qualifiers in said.policies.items():
        if policy == ANY:
            continue
        matching = [node for node in above if policy in node.expected]
        for node in matching:  # (1)(i)
            Node(policy, qualifiers, {policy}, node)
        if not matching:  # (1)(ii)
            for node in above:
                if node.policy == ANY:
                    Node(policy, qualifiers, {policy}, node)
    if ANY in said.policies and any_counts:  # (2)
        for node in above:
            for policy in sorted(node.expected - {child.policy for child in node.children}):
                Node(policy, said.policies[ANY], {policy}, node)
    return pruned(root, i - 1)  # (3)


def map_policies(root: Node, said: Said, i: int, policy_mapping: int) -> Node | None:
    """RFC 5280 6.1.4 (b)."""
    for issuer in dict.fromkeys(issuer for issuer, _ in said.mappings or ()):
        subjects = {subject for one, subject in said.mappings or () if one == issuer}
        here = [node for node in root.under() if node.depth == i and node.policy == issuer]
        if policy_mapping > 0:
            for node in here:  # (1)
                node.expected = set(subjects)
            anys = [node for node in root.under() if node.depth == i and node.policy == ANY]
            if not here and anys:
                assert said.policies is not None
                Node(issuer, said.policies[ANY], set(subjects), anys[0].parent)
        else:  # (2)
            for node in here:
                node.delete()
    return root if policy_mapping > 0 else pruned(root, i - 1)


def intersection(root: Node, initial: frozenset[str], n: int) -> Node | None:
    """RFC 5280 6.1.5 (g)(iii)."""
    node_set = [node for node in root.under() if node.parent is not None and node.parent.policy == ANY]  # 1
    for node in node_set:  # 2
        if node.policy not in initial and node.policy != ANY:
            node.delete()
    for last in [node for node in root.under() if node.depth == n and node.policy == ANY]:  # 3
        for policy in sorted(initial - {node.policy for node in node_set}):
            Node(policy, last.qualifiers, {policy}, last.parent)
        last.delete()
    return pruned(root, n - 1)  # 4


def least(skip: int, new: int | None, self_issued: bool) -> int:
    """RFC 5280 6.1.4 (h) to (j)."""
    left = skip if self_issued else max(skip - 1, 0)
    return left if new is None else min(left, new)


def by_the_tree(path: list[Said], told: PolicySettings) -> tuple[int | None, set[str], dict[str, set[str]]]:
    """RFC 5280 6.1: at which certificate it fails, the user-constrained-policy-set and what qualifies each."""
    n = len(path)
    root: Node | None = Node(ANY, (), {ANY}, None)
    explicit = 0 if told.require_explicit_policy else n + 1
    mapping = 0 if told.inhibit_policy_mapping else n + 1
    inhibit = 0 if told.inhibit_any_policy else n + 1
    for i, said in enumerate(path, 1):
        if said.policies is None:  # 6.1.3 (e)
            root = None
        elif root is not None:
            root = add_children(root, said, i, inhibit > 0 or (i < n and said.self_issued))
        if explicit == 0 and root is None:  # (f)
            return i - 1, set(), {}
        if i == n:
            break
        if root is not None:
            root = map_policies(root, said, i, mapping)  # 6.1.4 (b)
        explicit, mapping, inhibit = (  # (h), (i), (j)
            least(skip, new, said.self_issued)
            for skip, new in ((explicit, said.require), (mapping, said.inhibit_mapping), (inhibit, said.inhibit_any))
        )
    explicit = 0 if path[-1].require == 0 else max(explicit - 1, 0)  # 6.1.5 (a), (b)
    if root is not None and ANY not in told.initial_policy_set:  # (g)
        root = intersection(root, told.initial_policy_set, n)
    if root is None and explicit == 0:
        return n - 1, set(), {}
    found: dict[str, set[str]] = {}
    for node in root.under() if root is not None else ():
        if node.parent is not None and node.parent.policy == ANY and (node.policy != ANY or node.depth == n):
            around = (*node.over(), *node.under())
            found.setdefault(node.policy, set()).update(uri for one in around for uri in one.qualifiers)
    return None, set(found), {policy: uris for policy, uris in found.items() if uris}


NAMES = [GOLD, SILVER, BRONZE, RED]
numbers = st.none() | st.integers(0, 2)
rarely = st.one_of(st.none(), st.none(), st.none(), st.integers(0, 2))
policy_dicts = st.dictionaries(
    st.sampled_from([*NAMES, ANY]), st.lists(st.sampled_from(["http://1/", "http://2/", "http://3/"]), max_size=1).map(tuple), min_size=1
)
pairs = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), min_size=1, max_size=6)
paths = st.lists(
    st.builds(
        Said,
        policies=st.one_of(policy_dicts, policy_dicts, policy_dicts, policy_dicts, st.none()),
        mappings=st.none() | pairs,
        require=rarely,
        inhibit_mapping=rarely,
        inhibit_any=rarely,
        self_issued=st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=5,
)
inputs = st.builds(
    PolicySettings,
    initial_policy_set=st.just(frozenset({ANY})) | st.frozensets(st.sampled_from(NAMES), min_size=1, max_size=3),
    require_explicit_policy=st.booleans(),
    inhibit_policy_mapping=st.sampled_from([False, False, True]),
    inhibit_any_policy=st.sampled_from([False, False, True]),
)


@settings(max_examples=300)
@given(paths, inputs)
def test_the_graph_says_what_the_tree_says(path: list[Said], told: PolicySettings) -> None:
    fails_at, policies, qualifiers = by_the_tree(path, told)
    found = walk([said.certificate(index) for index, said in enumerate(path)], told)
    assert [index for index, _ in found.findings] == ([] if fails_at is None else [fails_at])
    if fails_at is None:
        assert found.policies == policies
        assert {policy: {one.uri for one in several} for policy, several in found.qualifiers.items()} == qualifiers
