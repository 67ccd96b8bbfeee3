"""The certificates a path may be made of, as nodes, and who may have issued whom, as edges. Each edge is judged once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from chaincheck.issuer_source import EXCLUSIVE_CA
from chaincheck.store import CLIENT_AUTH_ISSUERS, DISALLOWED, INTERMEDIATES, ROOTS, Entry
from chaincheck.x509.key import PublicKey
from chaincheck.x509.signature import Signature, verify

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chaincheck.formats.ctl import TrustList
    from chaincheck.issuer_source import IssuerSource
    from chaincheck.rules import Rules
    from chaincheck.store import TrustStore
    from chaincheck.x509.certificate import Certificate
    from chaincheck.x509.name import Name

PRESENTED = "presented"
DISALLOWED_FILETIME_PROPERTY: Final = 104
NEVER: Final = 2**62
_FILETIME_EPOCH: Final = 11_644_473_600  # seconds from 1601-01-01 to 1970-01-01
# subjectUsage of a certificate trust list (wincrypt.h)
ROOT_LIST = "1.3.6.1.4.1.311.10.3.9"
DISALLOWED_LIST = "1.3.6.1.4.1.311.10.3.30"
_ONLY_PRESENTED = (PRESENTED,)

# Signatures verified for one question. rustls/webpki allows 100 for one path search; a memo hit counts like a miss, so that a warm
# and a cold answer are the same answer.
SIGNATURE_BUDGET = 100
# Certificates of one name looked at for one child. PKI test suites stay below 40; above it the name was chosen to be expensive.
NAMESAKES_BUDGET = 64


class Node:
    """A certificate, or a bare name and key, with every place it was found in."""

    __slots__ = ("_self_signature", "certificate", "entries", "places", "usable")

    def __init__(self, certificate: Certificate | None, entries: tuple[Entry, ...], presented: bool, *, distrusted: bool = False) -> None:
        self.certificate = certificate
        self.entries = entries
        self.places: tuple[str, ...] = _ONLY_PRESENTED
        if entries or distrusted:
            places = {entry.place for entry in entries}
            self.places = tuple(sorted(places | ({PRESENTED} if presented else set()) | ({DISALLOWED} if distrusted else set())))
        self.usable = any(place in (ROOTS, INTERMEDIATES, PRESENTED) for place in self.places)
        """False where it was seen only in a place from which no server takes an issuer."""
        self._self_signature: Signature | None = None

    @property
    def subject(self) -> Name:
        """Whom it names."""
        return self.certificate.subject if self.certificate is not None else self.entries[0].subject

    @property
    def public_key(self) -> PublicKey:
        """The key that verifies what it issued."""
        return self.certificate.public_key if self.certificate is not None else PublicKey.of(self.entries[0].key_spki)

    @property
    def identity(self) -> bytes:
        """SHA-256 of the content."""
        return self.certificate.sha256 if self.certificate is not None else self.entries[0].identity

    @property
    def self_signature(self) -> Signature:
        """What its own key says of its signature; INVALID where it names another issuer, VALID for a bare name and key."""
        if self._self_signature is None:
            certificate = self.certificate
            if certificate is None:
                self._self_signature = Signature.VALID
            elif not certificate.is_self_issued:
                self._self_signature = Signature.INVALID
            else:
                signed, by = certificate.tbs, certificate.public_key
                self._self_signature = verify(signed, certificate.signature_algorithm, certificate.signature, by)
        return self._self_signature

    @property
    def self_signed(self) -> bool:
        """Whether it signs itself, as far as this build can tell: an algorithm it lacks is no proof of the contrary."""
        return self.self_signature is not Signature.INVALID

    @property
    def distrusted_from(self) -> int:
        """The first second from which the store distrusts the certificate by its own property (seconds since 1970-01-01 UTC)."""
        times = [_filetime(value) for entry in self.entries for number, value in entry.properties if number == DISALLOWED_FILETIME_PROPERTY]
        return min(times, default=NEVER)

    def is_anchor(self, rules: Rules) -> bool:
        """RFC 5280 6.1.1 (d), as the rules narrow it: a bare name and key only where any anchor will do."""
        return ROOTS in self.places and (rules.anchor == "any" or (self.certificate is not None and self.self_signed))

    def __repr__(self) -> str:
        return f"<Node {str(self.subject)!r} in {'+'.join(self.places)}>"


def _filetime(value: bytes) -> int:
    """A FILETIME (100 ns since 1601) as seconds since 1970; a damaged one distrusts from the beginning: the safe reading."""
    return int.from_bytes(value, "little") // 10_000_000 - _FILETIME_EPOCH if len(value) == 8 else -(2**62)


class Edge:
    """``issuer`` may have issued the child: what its key says of the signature, and how the key identifiers compare."""

    __slots__ = ("aki_matches", "issuer", "key", "signature")

    def __init__(self, issuer: Node, signature: Signature, aki_matches: bool | None, key: PublicKey) -> None:
        self.issuer = issuer
        self.signature = signature
        self.aki_matches = aki_matches
        self.key = key
        """The issuer's key, on a candidate with the parameters it has there: RFC 5280 6.1.4 (d) to (f)."""


def on_path(nodes: tuple[Node, ...], edges: tuple[Edge, ...]) -> tuple[Edge, ...]:
    """The edges of one path, a DSA key without parameters with those of the key above it on this path: RFC 5280 6.1.4 (d) to (f).

    Never those of another issuer, however well it fits: for a signature that exists, anybody can make DSA parameters under which it
    verifies, and parameters of one's own choice make every key one's own.
    """
    if not any(edge.issuer.public_key.inherits for edge in edges):
        return edges
    settled = list(edges)
    above: PublicKey | None = None
    for index in range(len(edges) - 1, -1, -1):
        edge, child = edges[index], nodes[index].certificate
        key = edge.issuer.public_key
        if key.inherits and child is not None:
            verdict = Signature.UNSUPPORTED
            if above is not None and above.algorithm == "dsa" and not above.inherits:
                key = key.with_parameters(above)
                verdict = verify(child.tbs, child.signature_algorithm, child.signature, key)
            settled[index] = Edge(edge.issuer, verdict, edge.aki_matches, key)
        above = key
    return tuple(settled)


class Issuers:
    """What was found for one child: ``edges`` in order of preference, and certificates of the right name whose key or AKI does not fit."""

    __slots__ = ("edges", "near_misses", "skipped", "verified")

    def __init__(self, edges: tuple[Edge, ...], near_misses: tuple[Node, ...], verified: int, skipped: int) -> None:
        self.edges = edges
        self.near_misses = near_misses
        self.verified = verified
        self.skipped = skipped


class Pool:
    """All nodes for one store, the presented certificates and one set of rules. Reusable for any subject: it only remembers."""

    def __init__(
        self, store: TrustStore | None, presented: Iterable[Certificate], rules: Rules, source: IssuerSource | None = None
    ) -> None:
        self.store = store
        self.rules = rules
        self.source = source if source is not None and source.narrows else None
        """Where the accepted issuers come from, if that is anything else than the Trusted Root store."""
        self.normalised = rules.names == "rfc5280"
        self._presented: dict[bytes, list[Certificate]] = {}
        for certificate in presented:
            self._presented.setdefault(self._key(certificate.subject), []).append(certificate)
        self._named: dict[bytes, tuple[Node, ...]] = {}
        self._issuers: dict[bytes, Issuers] = {}
        self.assumptions: dict[tuple[object, ...], tuple[Any, ...]] = {}  # the engine's statements about store and rules
        self._distrusted: frozenset[bytes] | None = None
        self._lists: tuple[TrustList, ...] | None = None
        self._misplaced: tuple[Node, ...] | None = None
        self.states: dict[tuple[int, ...], object] = {}  # path/validate keeps the state after each chain of CAs here

    def _key(self, name: Name) -> bytes:
        return name.normalised if self.normalised else name.der

    def named(self, name: Name) -> tuple[Node, ...]:
        """The nodes whose subject is that name, the same certificate merged over its places, in the order of their SHA-256."""
        key = self._key(name)
        known = self._named.get(key)
        if known is None:
            entries: dict[bytes, list[Entry]] = {}
            for entry in self.store.named(name, normalised=self.normalised) if self.store is not None else ():
                entries.setdefault(entry.identity, []).append(entry)
            presented = {c.sha256: c for c in self._presented.get(key, ())}
            known = tuple(
                self._node(presented[i] if i in presented else entries[i][0].certificate, tuple(entries.get(i, ())), i in presented)
                for i in sorted({*entries, *presented})
            )
            if known:  # names that nobody here has are chosen by strangers and never run out
                # of two threads that come here together both go on with the nodes of the first: the states are kept by their identity
                known = self._named.setdefault(key, known)
        return known

    def _node(self, certificate: Certificate | None, entries: tuple[Entry, ...], presented: bool) -> Node:
        """A node, distrusted where the Untrusted Certificates store has its signed part: an ECDSA signature has a twin of other bytes."""
        if self._distrusted is None:
            listed = (self.store.disallowed or ()) if self.store is not None else ()
            self._distrusted = frozenset(entry.certificate.tbs for entry in listed if entry.certificate is not None)
        distrusted = certificate is not None and (certificate.tbs in self._distrusted or self._listed(certificate, DISALLOWED_LIST))
        node = Node(certificate, entries, presented, distrusted=distrusted)
        if self.source is not None and self.source.exclusive and self.source.place in node.places:
            node.usable = True
        return node

    def _listed(self, certificate: Certificate, usage: str) -> bool:
        """Whether a certificate trust list of the store for that usage names the certificate."""
        if self._lists is None:
            encoded = self.store.trust_lists if self.store is not None else ()
            if encoded:
                from chaincheck.formats.ctl import parse

                self._lists = tuple(parse(each, "trust list") for each in encoded)
            else:
                self._lists = ()
        return bool(self._lists) and any(usage in each.usages and each.identifies(certificate) is not None for each in self._lists)

    def on_demand(self, certificate: Certificate) -> bool:
        """Whether Windows may install this root by itself when a chain needs it: the list of the root program names it."""
        return self._listed(certificate, ROOT_LIST)

    def is_anchor(self, node: Node) -> bool:
        """RFC 5280 6.1.1 (d), as rules and issuer source narrow it (ClientAuthTrustMode)."""
        source = self.source
        if source is None or not source.exclusive:
            return node.is_anchor(self.rules)
        if source.authroot and not source.holds(node.certificate):  # in Root, but not of those that Windows put there
            return False
        return source.place in node.places and (source.mode == EXCLUSIVE_CA or (node.certificate is not None and node.self_signed))

    def subject_node(self, certificate: Certificate) -> Node:
        """The subject certificate as a node: it may itself stand in a compartment (a self-signed client certificate in Root)."""
        name = certificate.subject
        in_store = self.store is not None and self.store.named(name, normalised=self.normalised)
        if in_store or self._key(name) in self._presented:  # asked first: a memo of every subject ever seen would grow without bound
            for node in self.named(name):
                if node.certificate == certificate:
                    return node
        return self._node(certificate, (), True)

    def misplaced_in_root(self) -> tuple[Node, ...]:
        """Certificates that the caller placed in Root and that do not sign themselves, judged by the signature and not by the names."""
        if self._misplaced is None:
            found = {}
            for entry in (self.store.roots or ()) if self.store is not None else ():
                if entry.der is not None and not entry.sorted_here:
                    issuer, subject = entry.names
                    node = next((n for n in self.named(entry.subject) if n.identity == entry.identity), None) if issuer == subject else None
                    if node is None:
                        node = Node(entry.certificate, (entry,), presented=False)
                    if not node.self_signed:
                        found[node.identity] = node
            self._misplaced = tuple(found[identity] for identity in sorted(found))
        return self._misplaced

    def issuers(self, certificate: Certificate, *, keep: bool = True) -> Issuers:
        """Who may have issued it, best first: usable place, good signature, matching AKI, then by SHA-256."""
        known = self._issuers.get(certificate.der)
        if known is None:
            known = self._find_issuers(certificate)
            if keep:
                self._issuers[certificate.der] = known
        return known

    def _find_issuers(self, certificate: Certificate) -> Issuers:
        good: list[Edge] = []
        bad: list[Edge] = []
        misses: list[Node] = []
        named = [node for node in self.named(certificate.issuer) if node.certificate != certificate]
        ranked = sorted(named, key=lambda node: (_aki_matches(certificate, node) is False, not node.usable)) if len(named) > 1 else named
        verified = 0
        for node in ranked[:NAMESAKES_BUDGET]:
            matches = _aki_matches(certificate, node)
            if matches is False and self.rules.aki_excludes:
                misses.append(node)
                continue
            key = node.public_key
            if key.inherits:  # its parameters are those of the path: see ``on_path``
                good.append(Edge(node, Signature.UNSUPPORTED, matches, key))
                continue
            verified += 1
            verdict = verify(certificate.tbs, certificate.signature_algorithm, certificate.signature, key)
            if verdict is not Signature.INVALID:
                good.append(Edge(node, verdict, matches, key))
            elif matches is False:
                misses.append(node)  # another key of the same name, and the certificate says so itself
            else:
                bad.append(Edge(node, verdict, matches, key))
        if good:
            misses += [edge.issuer for edge in bad]
        found = good or bad
        if len(found) == 1:
            return Issuers((found[0],), tuple(misses), verified, max(len(named) - NAMESAKES_BUDGET, 0))
        edges = sorted(
            found, key=lambda e: (not e.issuer.usable, e.signature is not Signature.VALID, e.aki_matches is not True, e.issuer.identity)
        )
        return Issuers(tuple(edges), tuple(misses), verified, max(len(named) - NAMESAKES_BUDGET, 0))


def _aki_matches(child: Certificate, issuer: Node) -> bool | None:
    """RFC 5280 4.2.1.1: key identifier, else issuer and serial; None where there is nothing to compare."""
    aki = child.authority_key_identifier
    certificate = issuer.certificate
    if aki is None or certificate is None:
        return None
    if aki.key_identifier is not None and (identifier := certificate.subject_key_identifier) is not None:
        return aki.key_identifier == identifier
    if aki.serial is not None and aki.issuer:
        named = any(n.kind == "directoryName" and n.value == certificate.issuer for n in aki.issuer)
        return named and aki.serial == certificate.serial
    return None


__all__ = ["CLIENT_AUTH_ISSUERS", "DISALLOWED", "INTERMEDIATES", "PRESENTED", "ROOTS", "Edge", "Issuers", "Node", "Pool"]
