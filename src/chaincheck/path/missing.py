"""Why a candidate ends without an anchor, and what would have to be there (RFC 5280 6.1: no path without a trust anchor)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaincheck import causes
from chaincheck.causes.codes import CauseCode, Role
from chaincheck.path.elements import misplaced
from chaincheck.path.pool import INTERMEDIATES, PRESENTED, ROOTS, Node, Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.causes.cause import Cause
    from chaincheck.path.build import Candidate
    from chaincheck.store import TrustStore


def judge_end(candidate: Candidate, pool: Pool, store: TrustStore) -> Iterator[Cause]:
    """The trust cause of a candidate that has no anchor. Nothing is said of a store whose roots are not told."""
    if candidate.anchored or not store.told(ROOTS):
        return
    top = candidate.nodes[-1]
    role = Role.SUBJECT if len(candidate.nodes) == 1 else Role.INTERMEDIATE
    if top.self_signed:
        yield _self_signed(top, Role.SUBJECT if role is Role.SUBJECT else Role.ANCHOR, pool, store)
    elif top.certificate is not None:
        yield _no_issuer(candidate, top, role, store)


def _self_signed(top: Node, role: Role, pool: Pool, store: TrustStore) -> Cause:
    if INTERMEDIATES in top.places and pool.rules.anchor == "self-signed-root" and role is Role.ANCHOR:
        return causes.make(CauseCode.ROOT_IN_WRONG_STORE, role, top.certificate, misplaced(top, INTERMEDIATES, ROOTS, store.name))
    # A bare name and key in Root is no anchor where the rules want a self-signed certificate.
    found = next((place for place in top.places if place != PRESENTED), PRESENTED)
    details = causes.facts.UntrustedRootFacts(root=str(top.subject), root_sha256=top.identity.hex(), found_in=found, store=store.name)
    return causes.make(CauseCode.UNTRUSTED_ROOT, role, top.certificate, details)


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
