"""Best-first search for candidate paths with full backtracking and a budget (RFC 4158 section 3, RFC 5280 6.1).

A candidate is a chain from the subject to an anchor, or as far up as issuers were found. Order of preference: known places, in date,
matching key identifier, shorter; ties by SHA-256, never by the order of inputs.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from operator import add
from typing import TYPE_CHECKING, Any, NamedTuple

from chaincheck.path.pool import DISALLOWED, NAMESAKES_BUDGET, SIGNATURE_BUDGET, Edge, Issuers, Node, Pool, on_path
from chaincheck.x509.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.x509.certificate import Certificate

# Partial paths looked at. rustls/webpki allows 200,000 calls; the measured cost here is about 10 us each, and 2,000 are 20 ms.
STEP_BUDGET = 2_000
# Elements of one path. CryptoAPI and OpenSSL stop at 100; real paths have 2 to 5.
MAX_ELEMENTS = 30
# Candidates that are made where no anchor is within reach: as many as are shown.
UNANCHORED = 32


class Candidate(NamedTuple):
    """``nodes`` from the subject up; ``edges[i]`` joins nodes[i] to nodes[i + 1]; ``anchored``: the last node is a trust anchor.

    ``last``: what was found for the last node where the chain ends without an anchor and not with a self-signed certificate.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    anchored: bool
    last: Issuers | None = None


class Search:
    """The candidates, best first, made one by one as they are asked for.

    ``left``: how many partial paths were not followed; ``cut``: the budget that ended the search before its end, as (name, size).
    """

    def __init__(self, candidates: Iterator[Candidate], searching: _Searching | None) -> None:
        self._candidates = candidates
        self._searching = searching

    def __iter__(self) -> Iterator[Candidate]:
        return self._candidates

    @property
    def left(self) -> int:
        return len(self._searching.heap) if self._searching is not None else 0

    @property
    def cut(self) -> tuple[str, int] | None:
        return self._searching.cut if self._searching is not None else None


def search(subject: Certificate, pool: Pool, at: int) -> Search:
    """Find the candidates for ``subject`` at ``at`` (seconds since 1970-01-01 UTC)."""
    root = pool.subject_node(subject)
    first = pool.issuers(subject, keep=False)
    if (simple := _straight(root, first, pool)) is not None:
        return Search(iter((simple,)), None)
    searching = _Searching(pool, at)
    return Search(searching.run(root, first), searching)


def _straight(root: Node, found: Issuers, pool: Pool) -> Candidate | None:
    """The everyday case without a search: one possible issuer at each step up to an anchor."""
    if root.entries or root.certificate is None or found.skipped:
        return None
    nodes, edges = [root], []
    while len(nodes) < 8:
        if len(found.edges) != 1:
            return None
        edge = found.edges[0]
        issuer = edge.issuer
        if edge.signature is not Signature.VALID or issuer in nodes or not issuer.usable:
            return None
        nodes.append(issuer)
        edges.append(edge)
        if pool.is_anchor(issuer):
            return Candidate(tuple(nodes), tuple(edges), True)
        if issuer.certificate is None or issuer.self_signed:
            return None
        found = pool.issuers(issuer.certificate)
    return None


# What a path costs, the first difference decides: 0 where it ends in an anchor, 1 where it ends without; then how many signatures do not
# verify, issuers stand in no place a server takes them from, are distrusted, out of date; identifiers that do not match, that say nothing;
# elements.
_Cost = tuple[int, int, int, int, int, int, int, int]
_NOTHING: _Cost = (0, 0, 0, 0, 0, 0, 0, 0)
_NO_ANCHOR: _Cost = (1, 0, 0, 0, 0, 0, 0, 0)
_NO_END: _Cost = (2, 0, 0, 0, 0, 0, 0, 0)  # only loops lie above


def _sum(one: _Cost, other: _Cost) -> _Cost:
    return tuple(map(add, one, other))


class _Searching:
    def __init__(self, pool: Pool, at: int) -> None:
        self.pool = pool
        self.at = at
        self.spent = 0
        self.counted: set[bytes] = set()
        self.cut: tuple[str, int] | None = None
        self.heap: list[tuple[Any, ...]] = []

    def issuers(self, node: Node, first: Issuers | None = None) -> Issuers:
        """The issuers of a node, on the budget of this question: what a memo knows is paid for all the same."""
        certificate = node.certificate
        if certificate is None:
            return Issuers((), (), 0, 0)
        if certificate.sha256 not in self.counted:
            if self.spent >= SIGNATURE_BUDGET:
                self.cut = ("signatures", SIGNATURE_BUDGET)
                return Issuers((), (), 0, 0)
            found = first if first is not None else self.pool.issuers(certificate)
            self.counted.add(certificate.sha256)
            self.spent += found.verified
            if found.skipped:
                self.cut = ("certificates of one name", NAMESAKES_BUDGET)
            return found
        return first if first is not None else self.pool.issuers(certificate)

    def run(self, root: Node, first: Issuers) -> Iterator[Candidate]:
        """A* over partial paths: what a path has cost, and the least that is still to come. Of equals the longest goes on, so that no
        two-fold choice at every step has to be tried out before the first path is complete.
        """
        ahead = self._ahead(root, first)
        heap = self.heap
        start = ahead.get(root.identity, _NO_END)
        heappush(heap, (start, -1, (root.identity,), (root,), (), _NOTHING))
        hopeless = start[0] > 0 and self.cut is None  # no anchor within reach: the paths only explain, and none can be good
        steps = found_so_far = 0
        while heap and not (hopeless and found_so_far >= UNANCHORED):
            steps += 1
            _, _, tie, nodes, edges, cost = heappop(heap)
            top = nodes[-1]
            if steps > STEP_BUDGET:
                self.cut = None if hopeless else ("steps of the path search", STEP_BUDGET)
                if not found_so_far:
                    yield Candidate(nodes, on_path(nodes, edges), False, self.issuers(top, first if len(nodes) == 1 else None))
                return
            if self._ends(top, root):
                found_so_far += 1
                yield Candidate(nodes, on_path(nodes, edges), self.pool.is_anchor(top))
                continue
            found = self.issuers(top, first if len(nodes) == 1 else None)
            grown = False
            for edge in found.edges:
                issuer = edge.issuer
                if _loops(nodes, issuer):
                    continue
                if len(nodes) >= MAX_ELEMENTS:
                    self.cut = None if hopeless else ("elements of one path", MAX_ELEMENTS)
                    break
                grown = True
                so_far = _sum(cost, self._cost(edge))
                total = _sum(so_far, ahead.get(issuer.identity, _NO_END))
                heappush(heap, (total, -len(nodes) - 1, (*tie, issuer.identity), (*nodes, issuer), (*edges, edge), so_far))
            if not grown:
                found_so_far += 1
                yield Candidate(nodes, on_path(nodes, edges), False, found)

    def _ends(self, node: Node, root: Node) -> bool:
        """Whether a path that reaches the node is complete: an anchor, or a certificate that nobody else can have issued."""
        return node.self_signed or (node is not root and self.pool.is_anchor(node))

    def _ahead(self, root: Node, first: Issuers) -> dict[bytes, _Cost]:
        """The least that lies between each node and an end, found from the subject upwards and counted from the ends down (Dijkstra)."""
        parents: dict[bytes, list[tuple[Node, _Cost]]] = {}
        seen = {root.identity}
        waiting = [root]
        ends: list[tuple[_Cost, bytes]] = []
        while waiting:
            node = waiting.pop()
            edges = () if self._ends(node, root) else self.issuers(node, first if node is root else None).edges
            if not edges:
                ends.append((_NOTHING if self.pool.is_anchor(node) and self._ends(node, root) else _NO_ANCHOR, node.identity))
            for edge in edges:
                issuer = edge.issuer
                parents.setdefault(issuer.identity, []).append((node, self._cost(edge)))
                if issuer.identity not in seen:
                    seen.add(issuer.identity)
                    waiting.append(issuer)
        least: dict[bytes, _Cost] = {}
        heapify(ends)
        while ends:
            cost, identity = heappop(ends)
            if identity not in least:
                least[identity] = cost
                for parent, more in parents.get(identity, ()):
                    if parent.identity not in least:
                        heappush(ends, (_sum(cost, more), parent.identity))
        return least

    def _cost(self, edge: Edge) -> _Cost:
        issuer, certificate = edge.issuer, edge.issuer.certificate
        dated = certificate is None or (
            certificate.not_before_s is not None
            and certificate.not_after_s is not None
            and certificate.not_before_s <= self.at <= certificate.not_after_s
        )
        return (
            0,
            edge.signature is not Signature.VALID,
            not issuer.usable,
            DISALLOWED in issuer.places,
            not dated,
            edge.aki_matches is False,
            edge.aki_matches is None,
            1,
        )


def _loops(nodes: tuple[Node, ...], issuer: Node) -> bool:
    """RFC 4158 2.4.2: no name and key twice. A path that had one could leave out the part between and stay as good."""
    return any(node.subject == issuer.subject and node.public_key.spki == issuer.public_key.spki for node in nodes)
