"""Whose status is asked for, and under what circumstances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from chaincheck.causes.codes import Severity
from chaincheck.x509.signature import BROKEN_HASHES

if TYPE_CHECKING:
    from chaincheck.causes.codes import Role
    from chaincheck.revocation.attempt import Reason
    from chaincheck.x509.certificate import Certificate
    from chaincheck.x509.key import PublicKey
    from chaincheck.x509.name import Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One certificate and the issuer it has on its path; ``issuer_certificate`` is None for an anchor that is a bare name and key."""

    certificate: Certificate
    issuer_name: Name
    issuer_key: PublicKey
    issuer_certificate: Certificate | None
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A certificate whose key may have signed evidence.

    ``trusted``: a valid path leads from it to the anchor of the path judged (RFC 5280 6.3.3 (f)). From ``holds_from`` to ``holds_until``
    (seconds since 1970 UTC, both included, None: no bound) that stays so.
    """

    certificate: Certificate
    trusted: bool
    holds_from: int | None = None
    holds_until: int | None = None


class Fitness(NamedTuple):
    """What speaks against the certificate of a delegated responder (None: nothing), and from when until when that stays so."""

    fault: Reason | None = None
    holds_from: int | None = None
    holds_until: int | None = None


FindSigners = Callable[["Name", Literal["crl", "ocsp"]], "Sequence[Signer]"]
"""Every certificate known of that subject name (RFC 5280 7.1), for the evidence of that kind."""


def no_signers(name: Name, kind: Literal["crl", "ocsp"]) -> Sequence[Signer]:
    """Nobody but the issuer itself."""
    return ()


def nothing_against(certificate: Certificate) -> Fitness:
    """Nothing is known of the responder but its certificate."""
    return Fitness()


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """How to judge.

    ``at``: the moment, seconds since 1970 UTC. ``skew``: how far ahead a responder's clock may be (seconds), for evidence just fetched.
    ``anchored``: the path ends in a trust anchor. ``unknown_severity`` and ``nothing_severity``: what it means that nothing decides, and
    that there is nothing to check; ``proven`` as in Cause, for both. ``refused_hashes``: of signatures that are not believed.
    ``responder``: what the store, the rules and other evidence have against a delegated responder. ``delegates``: whether delegated
    responders are believed at all; not where the status of one of them is asked for, so that none vouches for another in a circle.
    ``distribution_points``: as in Rules, which CRLs are used.
    """

    at: int
    skew: int = 300
    anchored: bool = True
    find_signers: FindSigners = no_signers
    unknown_severity: Severity = Severity.FATAL
    nothing_severity: Severity = Severity.NOTE
    proven: bool = True
    refused_hashes: frozenset[str] = BROKEN_HASHES
    responder: Callable[[Certificate], Fitness] = nothing_against
    delegates: bool = True
    distribution_points: Literal["rfc5280", "full-name"] = "rfc5280"
