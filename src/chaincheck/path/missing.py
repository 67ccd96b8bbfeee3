"""Why a candidate ends without an anchor, and what would have to be there (RFC 5280 6.1: no path without a trust anchor)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaincheck import causes
from chaincheck.causes.codes import CauseCode, Role
from chaincheck.entry import COMPARTMENTS
from chaincheck.path.elements import misplaced
from chaincheck.path.pool import INTERMEDIATES, PRESENTED, ROOTS, Node, Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.causes.cause import Cause
    from chaincheck.issuer_source import IssuerSource
    from chaincheck.path.build import Candidate
    from chaincheck.store import TrustStore

_ACCEPTED_NAMED = 20  # names of accepted issuers that a cause repeats; a store with more is told by its export


def judge_end(candidate: Candidate, pool: Pool, store: TrustStore) -> Iterator[Cause]:
    """The trust cause of a candidate that has no anchor. Nothing is said of a store whose roots are not told."""
    source = pool.source
    told = store.told(ROOTS) if source is None or not source.exclusive else source.entries is not None
    if candidate.anchored or not told:
        return
    top = candidate.nodes[-1]
    role = Role.SUBJECT if len(candidate.nodes) == 1 else Role.INTERMEDIATE
    if top.self_signed:
        yield _self_signed(top, Role.SUBJECT if role is Role.SUBJECT else Role.ANCHOR, pool, store)
    elif top.certificate is not None:
        yield _no_issuer(candidate, top, role, store)


def _self_signed(top: Node, role: Role, pool: Pool, store: TrustStore) -> Cause:
    if pool.source is not None and pool.source.exclusive and role is Role.ANCHOR:
        return _not_accepted(top, role, pool.source, store)
    elsewhere = next((place for place in top.places if place not in (*COMPARTMENTS, PRESENTED)), None)
    if elsewhere is not None and pool.rules.anchor == "self-signed-root" and role is Role.ANCHOR:
        return causes.make(CauseCode.ROOT_IN_WRONG_STORE, role, top.certificate, misplaced(top, elsewhere, ROOTS, store.name))
    if INTERMEDIATES in top.places and pool.rules.anchor == "self-signed-root" and role is Role.ANCHOR:
        return causes.make(CauseCode.ROOT_IN_WRONG_STORE, role, top.certificate, misplaced(top, INTERMEDIATES, ROOTS, store.name))
    # A bare name and key in Root is no anchor where the rules want a self-signed certificate.
    found = next((place for place in top.places if place != PRESENTED), PRESENTED)
    on_demand = top.certificate is not None and pool.on_demand(top.certificate)
    details = causes.facts.UntrustedRootFacts(
        root=str(top.subject), root_sha256=top.identity.hex(), found_in=found, store=store.name, on_demand=on_demand
    )
    return causes.make(CauseCode.UNTRUSTED_ROOT, role, top.certificate, details, proven=not on_demand)


def judge_source(candidate: Candidate, pool: Pool, store: TrustStore) -> Iterator[Cause]:
    """Machine Trust: beside the anchor in the Trusted Root store, a CA of the chain must be in the source of issuers (TLS overview)."""
    source = pool.source
    if source is None or source.exclusive or source.entries is None or not candidate.anchored:
        return
    issuers = candidate.nodes[1:] or candidate.nodes  # who signs himself is his own issuer
    if source.narrows and not any(source.holds(node.certificate) for node in issuers):
        yield _not_accepted(candidate.nodes[-1], Role.ANCHOR, source, store)


def judge_duplicates(candidate: Candidate, pool: Pool, store: str) -> Iterator[Cause]:
    """The same CA in several stores, or twice in the Trusted Root store (reported by users): told, and refusing nothing."""
    if not pool.rules.root_store_hygiene:
        return
    for index, node in enumerate(candidate.nodes[1:], 1):
        placed = {entry.compartment for entry in node.entries if not entry.sorted_here} & {ROOTS, INTERMEDIATES}
        twin = None
        if ROOTS in placed:
            others = [each for each in pool.named(node.subject) if each is not node and ROOTS in each.places]
            twin = next((each for each in others if each.public_key.spki == node.public_key.spki), None)
        if len(placed) > 1 or twin is not None:
            role = Role.ANCHOR if index == len(candidate.nodes) - 1 and candidate.anchored else Role.INTERMEDIATE
            details = causes.facts.DuplicateFacts(
                name=str(node.subject),
                sha256=node.identity.hex(),
                places=tuple(sorted(placed)),
                store=store,
                twin_sha256=twin.identity.hex() if twin is not None else None,
            )
            yield causes.make(CauseCode.DUPLICATE_IN_STORE, role, node.certificate, details)


def _not_accepted(top: Node, role: Role, source: IssuerSource, store: TrustStore) -> Cause:
    details = causes.facts.IssuerNotAcceptedFacts(
        root=str(top.subject),
        root_sha256=top.identity.hex(),
        source=source.place,
        mode=source.mode,
        accepted=tuple(sorted({str(entry.subject) for entry in source.entries or ()}))[:_ACCEPTED_NAMED],
        store=store.name,
    )
    return causes.make(CauseCode.ISSUER_NOT_ACCEPTED, role, top.certificate, details)


def _no_issuer(candidate: Candidate, top: Node, role: Role, store: TrustStore) -> Cause:
    certificate = top.certificate
    assert certificate is not None  # noqa: S101 - the caller looked
    aki = certificate.authority_key_identifier
    identifier = aki.key_identifier.hex() if aki is not None and aki.key_identifier is not None else None
    issuer = str(certificate.issuer)
    # An issuer that is itself issued by somebody else is an intermediate: the certificate says so where its AKI names both.
    if aki is not None and any(n.kind == "directoryName" and n.value != certificate.issuer for n in aki.issuer):
        missing = causes.facts.IntermediateMissingFacts(
            issuer=issuer, key_identifier=identifier, store=store.name, ca_issuers_urls=certificate.ca_issuers_urls
        )
        return causes.make(CauseCode.INTERMEDIATE_MISSING, role, certificate, missing, proven=store.told(INTERMEDIATES))
    misses = candidate.last.near_misses if candidate.last is not None else ()
    details = causes.facts.IssuerNotFoundFacts(
        issuer=issuer,
        key_identifier=identifier,
        store=store.name,
        near_misses=tuple(sorted(node.identity.hex() for node in misses)),
        ca_issuers_urls=certificate.ca_issuers_urls,
    )
    return causes.make(CauseCode.ISSUER_NOT_FOUND, role, certificate, details, proven=store.told(INTERMEDIATES))
