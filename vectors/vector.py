"""One test vector: what is asked, and what its author expects by the standards, before anything was run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import chaincheck
import pki
from chaincheck import IIS, Rules, TrustStore
from chaincheck.fetch.guard import Guard
from chaincheck.fetch.request import Outcome, Request, Response
from pki import AT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from chaincheck.client import ClientProfile
    from chaincheck.server import ServerProfile

ROOT: Final = pki.root("Vector Root")
OTHER_ROOT: Final = pki.root("Other Root")
CA: Final = ROOT.issue_ca("Vector Issuing CA")
STORE: Final = {"roots": [ROOT.der], "intermediates": [CA.der], "disallowed": []}
WITHOUT_ROOT: Final = {"roots": [OTHER_ROOT.der], "intermediates": [CA.der], "disallowed": []}

NAME: Final = "the server's stores"

CRL_URL: Final = "http://crl.pki.example.com/issuing.crl"
ROOT_CRL_URL: Final = "http://crl.pki.example.com/root.crl"
OCSP_URL: Final = "http://ocsp.pki.example.com/"

Answer = bytes | Outcome | tuple[int, str] | tuple[bytes, bytes]
"""What an address gives: a body, a failure, an HTTP status with its phrase, or a body with the nonce that had been sent."""


@dataclass(frozen=True, kw_only=True)
class Vector:
    """A question (the arguments of ``chaincheck.diagnose``), and the intent.

    ``web``: what each address gives; asking any other is a mistake in the vector. ``causes``: codes that must be there, ``code`` or
    ``code/role``; ``first``: the one that must come first; ``reasons``: for some of them, words that must stand in their facts; ``absent``:
    codes that must not; ``documented``: exactly those of KB 186812 that are found; ``unchecked``: codes that must be there.
    """

    name: str
    title: str
    verdict: Literal["accepted", "refused", "undetermined"]
    causes: tuple[str, ...] = ()
    first: str | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    documented: tuple[str, ...] | None = None
    unchecked: tuple[str, ...] = ()

    cert: Any
    key: Any = None
    store: Mapping[str, Any] | TrustStore | None = field(default_factory=lambda: STORE)
    presented: tuple[bytes, ...] = ()
    at: datetime = AT
    rules: Rules = IIS
    fetch: Literal["online", "cached", "never"] = "online"
    crls: tuple[bytes, ...] = ()
    ocsp_responses: tuple[bytes, ...] = ()
    server: ServerProfile | None = None
    client: ClientProfile | None = None
    observed: str | None = None
    guard: Guard = Guard.PUBLIC
    web: Mapping[str, Answer] = field(default_factory=dict)

    @property
    def intent(self) -> dict[str, Any]:
        """The expectation as ``case.toml`` keeps it."""
        found: dict[str, Any] = {"verdict": self.verdict, "causes": list(self.causes)}
        found |= {"first": self.first} if self.first is not None else {}
        found |= {"reasons": dict(self.reasons)} if self.reasons else {}
        found |= {"absent": list(self.absent)} if self.absent else {}
        found |= {"documented": list(self.documented)} if self.documented is not None else {}
        return found | ({"unchecked": list(self.unchecked)} if self.unchecked else {})

    def diagnose(self) -> chaincheck.Diagnosis:
        """Ask the question, with a web made of ``web``."""
        store = self.store if self.store is None or isinstance(self.store, TrustStore) else TrustStore(**self.store, name=NAME)
        with _Checker(
            self.web, store=store, rules=self.rules, fetch=self.fetch, server=self.server, client=self.client, guard=self.guard, cache=None
        ) as checker:
            return checker.diagnose(
                self.cert,
                self.key,
                presented=self.presented,
                at=self.at,
                crls=self.crls,
                ocsp_responses=self.ocsp_responses,
                observed=self.observed,
            )


class _Checker(chaincheck.Checker):
    def __init__(self, web: Mapping[str, Answer], **settings: Any) -> None:
        super().__init__(**settings)
        self._web = web

    def _make_fetcher(self) -> Any:
        return _Web(self._web, self.guard) if self.fetch == "online" else super()._make_fetcher()


class _Web:
    """A fetcher over a table of addresses, behind the real guard."""

    checks_addresses = True

    def __init__(self, web: Mapping[str, Answer], guard: Guard) -> None:
        self._web = web
        self._guard = guard

    def fetch_round(self, requests: list[Request], deadline: float) -> list[Response]:
        return [self._answer(request) for request in requests]

    def close(self) -> None:
        """Nothing is open."""

    def _answer(self, request: Request) -> Response:
        moment = int(AT.timestamp())
        refused = self._guard.check_url(request.url, request.anchored)
        if refused is not None:
            return Response(request=request, outcome=Outcome.REFUSED_BY_GUARD, detail=refused)
        answer = self._web[request.url]
        if isinstance(answer, bytes):
            return Response(request=request, outcome=Outcome.OK, status=200, body=answer, received_at=moment)
        if isinstance(answer, Outcome):
            return Response(request=request, outcome=answer, detail=_DETAILS[answer], received_at=moment)
        first, second = answer
        if isinstance(first, bytes) and isinstance(second, bytes):
            return Response(request=request, outcome=Outcome.OK, status=200, body=first, nonce=second, received_at=moment)
        return Response(request=request, outcome=Outcome.HTTP_STATUS, status=int(first), detail=str(second), received_at=moment)


_DETAILS: Mapping[Outcome, str] = {
    Outcome.UNREACHABLE: "the connection was refused",
    Outcome.TIMEOUT: "no answer within 15 seconds",
    Outcome.TOO_LARGE: "the answer is larger than allowed",
    Outcome.REFUSED_BY_PROXY: "the proxy refused the connection",
    Outcome.BAD_REDIRECT: "the redirects go round in a circle",
    Outcome.NOT_FETCHED: "the address names no server: a member of a domain would ask its domain controller",
}
