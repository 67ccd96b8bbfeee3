"""Best-first search for candidate paths with full backtracking and a budget (RFC 4158 section 3, RFC 5280 6.1).

A candidate is a chain from the subject to an anchor, or as far up as issuers were found. Order of preference: known places, in date,
matching key identifier, shorter; ties by SHA-256, never by the order of inputs.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, NamedTuple

from chaincheck.path.pool import SIGNATURE_BUDGET, Edge, Issuers, Node, Pool
from chaincheck.x509.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.x509.certificate import Certificate

# Partial paths looked at. rustls/webpki allows 200,000 calls; the measured cost here is about 10 us each, and 2,000 are 20 ms.
STEP_BUDGET = 2_000
# Elements of one path. CryptoAPI and OpenSSL stop at 100; real paths have 2 to 5.
MAX_ELEMENTS = 30


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
        if issuer.is_anchor(pool.rules):
            return Candidate(tuple(nodes), tuple(edges), True)
        if issuer.certificate is None or issuer.self_signed:
            return None
        found = pool.issuers(issuer.certificate)
    return None


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
                self.cut = ("certificates of one name", found.verified)
            return found
        return first if first is not None else self.pool.issuers(certificate)

    def run(self, root: Node, first: Issuers) -> Iterator[Candidate]:
        reach = self._reach(root, first)
        heap = self.heap
        serial = 0
        heappush(heap, (self._score(root, (), reach), (root.identity,), serial, (root,), ()))
        steps = 0
        while heap:
            steps += 1
            if steps > STEP_BUDGET:
                self.cut = ("steps of the path search", STEP_BUDGET)
                return
            _, tie, _, nodes, edges = heappop(heap)
            top = nodes[-1]
            if top.is_anchor(self.pool.rules) and (len(nodes) > 1 or top.self_signed):
                yield Candidate(nodes, edges, True)
                continue
            if top.self_signed:
                yield Candidate(nodes, edges, False)
                continue
            found = self.issuers(top, first if len(nodes) == 1 else None)
            grown = False
            for edge in found.edges:
                issuer = edge.issuer
                if len(nodes) >= MAX_ELEMENTS or _loops(nodes, issuer):
                    continue
                grown = True
                serial += 1
                longer, more = (*nodes, issuer), (*edges, edge)
                heappush(heap, (self._score_path(longer, more, reach), (*tie, issuer.identity), serial, longer, more))
            if not grown:
                yield Candidate(nodes, edges, False, found)

    def _reach(self, root: Node, first: Issuers) -> set[bytes]:
        """The nodes from which an anchor can be reached, found from the subject upwards and marked from the anchors down."""
        parents: dict[bytes, list[Node]] = {}
        seen: dict[bytes, Node] = {root.identity: root}
        waiting = [root]
        anchors = []
        while waiting:
            node = waiting.pop()
            if node is not root and node.is_anchor(self.pool.rules):
                anchors.append(node)
                continue
            for edge in self.issuers(node, first if node is root else None).edges:
                issuer = edge.issuer
                parents.setdefault(issuer.identity, []).append(node)
                if issuer.identity not in seen:
                    seen[issuer.identity] = issuer
                    waiting.append(issuer)
        marked: set[bytes] = set()
        while anchors:
            node = anchors.pop()
            if node.identity not in marked:
                marked.add(node.identity)
                anchors += parents.get(node.identity, [])
        return marked

    def _score(self, node: Node, edges: tuple[Edge, ...], reach: set[bytes]) -> tuple[int, ...]:
        return self._score_path((node,), edges, reach)

    def _score_path(self, nodes: tuple[Node, ...], edges: tuple[Edge, ...], reach: set[bytes]) -> tuple[int, ...]:
        out_of_date = elsewhere = 0
        for node in nodes[1:]:
            certificate = node.certificate
            elsewhere += not node.usable
            if certificate is not None:
                out_of_date += (
                    certificate.not_before_s is None
                    or certificate.not_after_s is None
                    or not certificate.not_before_s <= self.at <= certificate.not_after_s
                )
        return (
            nodes[-1].identity not in reach,
            sum(edge.signature is not Signature.VALID for edge in edges),
            elsewhere,
            sum("disallowed" in node.places for node in nodes),
            out_of_date,
            sum(edge.aki_matches is False for edge in edges),
            sum(edge.aki_matches is None for edge in edges),
            len(nodes),
        )


def _loops(nodes: tuple[Node, ...], issuer: Node) -> bool:
    """RFC 4158 2.4.2: no name and key twice. A path that had one could leave out the part between and stay as good."""
    return any(node.subject == issuer.subject and node.public_key.spki == issuer.public_key.spki for node in nodes)
