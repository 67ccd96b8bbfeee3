"""Everything asked, normalised and frozen: the one input of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from chaincheck.client import ClientProfile
    from chaincheck.rules import Rules
    from chaincheck.server import ServerProfile
    from chaincheck.store import TrustStore
    from chaincheck.x509.certificate import Certificate


class KeyState(StrEnum):
    """What is known of the private key."""

    NOT_TOLD = "not-told"
    NONE = "none"
    PRESENT = "present"
    UNSUPPORTED = "unsupported"
    UNUSABLE = "unusable"


class _Told:
    """A word of its own for what None, which means "not told" or "none", cannot say."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name

    def __reduce__(self) -> str:
        return self._name


NO_CERTIFICATE = _Told("NO_CERTIFICATE")
"""There is no client certificate at all (documented cause 4)."""
NO_KEY = _Told("NO_KEY")
"""The client has no private key for its certificate (documented cause 4)."""
DEFAULT = _Told("DEFAULT")
"""The cache of this user: in ``CHAINCHECK_CACHE_DIR``, or the platform's folder for caches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAnswer:
    """The client's private key by its public half: ``spki`` is its SubjectPublicKeyInfo, ``problem`` why it cannot be used."""

    state: KeyState
    spki: bytes | None = None
    problem: str | None = None


KEY_NOT_TOLD = KeyAnswer(state=KeyState.NOT_TOLD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question. ``at`` is seconds since 1970-01-01 UTC; ``at_given``: the caller chose the moment.

    ``presented_told``: whether it is known what else the client sends. ``fetch_unanchored``: the guard lets URLs of certificates without
    a path to an anchor be fetched. ``evidence_notes``: those of ``notes`` that concern CRLs and OCSP responses that were given and could
    not be read; while there are any, nothing is ACCEPTED. ``cached``: there is a cache of evidence to look into before anything is fetched.
    ``warn_before``: seconds before the end of a validity from which on it is a warning; 0: none.
    ``prefer``: which of a certificate's own sources are asked first, responders or CRLs.
    ``observed``: the names of the codes that somebody saw. ``granted``: certificates (SHA-256) whose revocation is not asked about, since a
    plan supposes that it can be told; never of one that is known to be revoked.
    """

    subject: Certificate | None
    presented: tuple[Certificate, ...]
    key: KeyAnswer
    store: TrustStore | None
    at: int
    at_given: bool
    rules: Rules
    fetch: Literal["online", "cached", "never"]
    crls: tuple[bytes, ...] = ()
    ocsp_responses: tuple[bytes, ...] = ()
    server: ServerProfile | None = None
    client: ClientProfile | None = None
    observed: tuple[str, ...] = ()
    granted: frozenset[bytes] = frozenset()
    fetch_unanchored: bool = False
    notes: tuple[tuple[str, str], ...] = ()
    presented_told: bool = True
    evidence_notes: tuple[tuple[str, str], ...] = ()
    cached: bool = False
    warn_before: int = 0
    prefer: Literal["ocsp", "crl"] = "ocsp"

    @property
    def here(self) -> bool:
        """Whether this machine is the server."""
        return self.server is not None and self.server.here
