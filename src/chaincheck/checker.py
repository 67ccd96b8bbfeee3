"""``diagnose`` and ``Checker`` with their async twins: drivers around the one engine."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from chaincheck.asking import (
    DEFAULT_LIMITS,
    is_machine_store,
    read_evidence,
    read_fetch,
    read_holder,
    read_kind,
    read_moment,
    read_rules,
    read_store,
)
from chaincheck.engine import diagnose as steps_for
from chaincheck.errors import InputError
from chaincheck.formats.limits import Limits
from chaincheck.path.pool import Pool
from chaincheck.question import NO_PROFILE, Question, ServerProfile
from chaincheck.rules import IIS, Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from datetime import datetime
    from types import TracebackType

    from chaincheck.asking import Fetch, Holder
    from chaincheck.diagnosis import Diagnosis
    from chaincheck.fetch.drive import AsyncFetcher, Fetcher
    from chaincheck.fetch.guard import Guard
    from chaincheck.fetch.request import Request, Response
    from chaincheck.store import TrustStore


_ANSWERS_KEPT = 4096


class _Settings:
    """What a checker holds: store, rules, evidence, guard, and what it has learnt."""

    def __init__(
        self,
        *,
        store: Any = None,
        rules: Rules = IIS,
        fetch: Fetch = "online",
        crls: Any = (),
        ocsp_responses: Any = (),
        server: ServerProfile | None = None,
        timeout: float | None = None,
        limits: Limits | None = None,
        guard: Guard | None = None,
        http_client: Any = None,
    ) -> None:
        self.limits: Limits = read_kind(limits, Limits, "limits", "chaincheck.Limits(...) or None") or DEFAULT_LIMITS
        self.rules = read_rules(rules)
        self.fetch = read_fetch(fetch)
        self.crls = read_evidence(crls, "crls", DEFAULT_LIMITS)
        self.ocsp_responses = read_evidence(ocsp_responses, "ocsp-responses", DEFAULT_LIMITS)
        self.server: ServerProfile = read_kind(server, ServerProfile, "server", "chaincheck.ServerProfile(...) or None") or NO_PROFILE
        self.timeout = _read_timeout(timeout)
        self._guard = guard if guard is None else _checked_guard(guard)
        self._http_client = http_client
        self._fetchers: dict[str, Any] = {}
        self._answers: dict[tuple[Any, ...], Diagnosis] = {}
        self.store: TrustStore | None = None
        self._pool: Pool | None = None
        self.reload(store)

    @property
    def guard(self) -> Guard:
        """Who may be reached. A checker's store is its owner's own: by default its certificates may point into the intranet."""
        if self._guard is None:
            from chaincheck.fetch.guard import Guard

            self._guard = Guard.INTRANET
        return self._guard

    def reload(self, store: Any) -> None:
        """Judge by another store from now on. Questions under way are answered by the one they began with."""
        self.store = read_store(store, DEFAULT_LIMITS)  # the owner's, also where ``limits`` is for strangers
        self._pool = Pool(self.store, (), self.rules)
        self._answers = {}

    def _ask(
        self, cert: Any, key: Any, presented: Any, at: datetime | None, crls: Any, ocsp_responses: Any, password: Any
    ) -> tuple[Question, Pool | None]:
        holder: Holder = read_holder(cert, key, presented, password, self.limits)
        moment, given = read_moment(at)
        pool = self._pool
        store = self.store
        question = Question(
            subject=holder.subject,
            presented=holder.presented,
            key=holder.key,
            store=store,
            at=moment,
            at_given=given,
            rules=self.rules,
            fetch=self.fetch,
            crls=self.crls if not crls else _joined(self.crls, read_evidence(crls, "crls", self.limits)),
            ocsp_responses=self.ocsp_responses
            if not ocsp_responses
            else _joined(self.ocsp_responses, read_evidence(ocsp_responses, "ocsp-responses", self.limits)),
            server=self.server,
            fetch_unanchored=self._guard is not None and self._guard.fetch_unanchored,
            notes=holder.notes,
        )
        usable = pool is not None and not holder.presented and pool.store is store
        return question, pool if usable else None

    def _known(self, cert: Any, at: datetime | None) -> Diagnosis | None:
        """An earlier answer to the same bytes that still holds."""
        earlier = self._answers.get((cert, at is None))
        if earlier is None:
            return None
        moment, _ = read_moment(at)
        first, last = earlier.holds
        if not first <= moment <= last:
            return None
        return earlier if moment == earlier.at_s else earlier._asked_again(moment)

    def _remember(self, cert: bytes, at: datetime | None, diagnosis: Diagnosis) -> None:
        """Keep an answer that no fetched evidence and no moment named in its facts ties to the time it was given."""
        if not diagnosis.responses and diagnosis.timeless:
            if len(self._answers) >= _ANSWERS_KEPT:
                self._answers = {}
            self._answers[(cert, at is None)] = diagnosis


class Checker(_Settings):
    """Holds store, rules, guard and connections for many questions, as ``httpx.Client`` does.

    One may be used by many threads, survives ``fork``, and its store can be reloaded. The arguments are those of
    ``chaincheck.diagnose``; the store is the caller's own, so that certificates with a path to it may point into the intranet
    (``guard=Guard.PUBLIC`` forbids that).
    """

    def diagnose(
        self,
        cert: Any,
        key: Any = None,
        *,
        presented: Any = (),
        at: datetime | None = None,
        crls: Any = (),
        ocsp_responses: Any = (),
        password: Any = None,
        timeout: float | None = None,
    ) -> Diagnosis:
        """Why this certificate is refused, or that it is not. Raises ``InputError`` for what is not a certificate at all."""
        memo = type(cert) is bytes and key is None and not presented and not crls and not ocsp_responses
        if memo and (known := self._known(cert, at)) is not None:
            return known
        question, pool = self._ask(cert, key, presented, at, crls, ocsp_responses, password)
        limit = self.timeout if timeout is None else _read_timeout(timeout)
        diagnosis = _run(steps_for(question, pool), self._make_fetcher, limit)
        if memo:
            self._remember(cert, at, diagnosis)
        return diagnosis

    def _make_fetcher(self) -> Fetcher:
        if self.fetch != "online":
            return _offline(self.fetch)
        fetcher: Fetcher | None = self._fetchers.get("http")
        if fetcher is None:
            from chaincheck.fetch.http import HttpFetcher

            # of two threads that come here together both get the one that was first; the other was never connected
            fetcher = self._fetchers.setdefault("http", HttpFetcher(self.guard, client=self._http_client))
        return fetcher

    def close(self) -> None:
        """Close the connections. A checker that is used again opens new ones."""
        fetcher = self._fetchers.pop("http", None)
        if fetcher is not None:
            fetcher.close()

    def __enter__(self) -> Checker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class AsyncChecker(_Settings):
    """``Checker`` for an event loop: ``await checker.diagnose(...)``."""

    async def diagnose(
        self,
        cert: Any,
        key: Any = None,
        *,
        presented: Any = (),
        at: datetime | None = None,
        crls: Any = (),
        ocsp_responses: Any = (),
        password: Any = None,
        timeout: float | None = None,
    ) -> Diagnosis:
        """``Checker.diagnose``, fetching on the running loop."""
        memo = type(cert) is bytes and key is None and not presented and not crls and not ocsp_responses
        if memo and (known := self._known(cert, at)) is not None:
            return known
        question, pool = self._ask(cert, key, presented, at, crls, ocsp_responses, password)
        limit = self.timeout if timeout is None else _read_timeout(timeout)
        diagnosis = await _run_async(steps_for(question, pool), self._make_fetcher, limit)
        if memo:
            self._remember(cert, at, diagnosis)
        return diagnosis

    def _make_fetcher(self) -> AsyncFetcher | Fetcher:
        if self.fetch != "online":
            return _offline(self.fetch)
        fetcher: AsyncFetcher | None = self._fetchers.get("http")
        if fetcher is None:
            from chaincheck.fetch.http import AsyncHttpFetcher

            fetcher = self._fetchers.setdefault("http", AsyncHttpFetcher(self.guard, client=self._http_client))
        return fetcher

    async def close(self) -> None:
        """Close the connections of the running loop."""
        fetcher = self._fetchers.pop("http", None)
        if fetcher is not None:
            await fetcher.close()

    async def __aenter__(self) -> AsyncChecker:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()


def diagnose(
    cert: Any,
    key: Any = None,
    *,
    store: Any = None,
    presented: Any = (),
    at: datetime | None = None,
    rules: Rules = IIS,
    fetch: Fetch = "online",
    crls: Any = (),
    ocsp_responses: Any = (),
    server: ServerProfile | None = None,
    password: Any = None,
    timeout: float | None = None,
    limits: Limits | None = None,
    guard: Guard | None = None,
    http_client: Any = None,
) -> Diagnosis:
    """Diagnose why a client certificate is refused: every cause at once.

    ``cert``: bytes (PEM, DER, bare Base64, PKCS#7, PKCS#12, SST), a path, a ``cryptography`` or ``asn1crypto`` object, an iterable of
    these, or ``NO_CERTIFICATE``. ``key``: likewise, any object with ``public_key()``, or ``NO_KEY``. ``store``: a ``TrustStore``,
    anything ``TrustStore.load`` reads, or ``"system"``. None means "not told" everywhere; with ``store=None`` nothing is ever ACCEPTED.
    ``at``: a timezone-aware datetime; None: now. ``timeout``: seconds for all fetching (None: 20, as IIS).

    Raises ``InputError`` where an argument is not what it was given for. What a certificate, a store, a server or a network contains is
    never raised: it becomes a cause.
    """
    owner = _guard_for(store) if guard is None and fetch == "online" else guard
    with Checker(
        store=store, rules=rules, fetch=fetch, server=server, timeout=timeout, limits=limits, guard=owner, http_client=http_client
    ) as checker:
        return checker.diagnose(cert, key, presented=presented, at=at, crls=crls, ocsp_responses=ocsp_responses, password=password)


async def diagnose_async(
    cert: Any,
    key: Any = None,
    *,
    store: Any = None,
    presented: Any = (),
    at: datetime | None = None,
    rules: Rules = IIS,
    fetch: Fetch = "online",
    crls: Any = (),
    ocsp_responses: Any = (),
    server: ServerProfile | None = None,
    password: Any = None,
    timeout: float | None = None,
    limits: Limits | None = None,
    guard: Guard | None = None,
    http_client: Any = None,
) -> Diagnosis:
    """``diagnose`` on the running event loop."""
    owner = _guard_for(store) if guard is None and fetch == "online" else guard
    async with AsyncChecker(
        store=store, rules=rules, fetch=fetch, server=server, timeout=timeout, limits=limits, guard=owner, http_client=http_client
    ) as checker:
        return await checker.diagnose(cert, key, presented=presented, at=at, crls=crls, ocsp_responses=ocsp_responses, password=password)


def _run(steps: Generator[list[Request], list[Response], Diagnosis], make: Callable[[], Fetcher], timeout: float) -> Diagnosis:
    """Run the engine; the fetcher is made only if something is to be fetched."""
    try:
        first = next(steps)
    except StopIteration as done:
        answer: Diagnosis = done.value
        return answer
    from chaincheck.fetch.drive import RecordingFetcher, drive

    recorder = RecordingFetcher(make())
    diagnosis = drive(_resumed(first, steps), recorder, deadline=monotonic() + timeout)
    diagnosis._responses = recorder.records
    return diagnosis


async def _run_async(
    steps: Generator[list[Request], list[Response], Diagnosis], make: Callable[[], AsyncFetcher | Fetcher], timeout: float
) -> Diagnosis:
    try:
        first = next(steps)
    except StopIteration as done:
        answer: Diagnosis = done.value
        return answer
    from chaincheck.fetch.drive import AsyncRecordingFetcher, drive_async

    recorder = AsyncRecordingFetcher(make())
    diagnosis = await drive_async(_resumed(first, steps), recorder, deadline=monotonic() + timeout)
    diagnosis._responses = recorder.records
    return diagnosis


def _resumed(
    first: list[Request], steps: Generator[list[Request], list[Response], Diagnosis]
) -> Generator[list[Request], list[Response], Diagnosis]:
    """A generator whose first round was already taken out of it."""
    requests = first
    while True:
        answers = yield requests
        try:
            requests = steps.send(answers)
        except StopIteration as done:
            diagnosis: Diagnosis = done.value
            return diagnosis


def _offline(fetch: Fetch) -> Fetcher:
    from chaincheck.fetch.drive import OfflineFetcher

    return OfflineFetcher(f'fetch="{fetch}"')


def _joined(one: tuple[bytes, ...], other: tuple[bytes, ...]) -> tuple[bytes, ...]:
    from hashlib import sha256

    return tuple(sorted({*one, *other}, key=lambda data: sha256(data).digest()))


def _checked_guard(guard: Any) -> Guard:
    from chaincheck.fetch.guard import Guard

    found: Guard = read_kind(guard, Guard, "guard", "chaincheck.Guard.PUBLIC, Guard.INTRANET or Guard(...)")
    return found


def _guard_for(store: Any) -> Guard:
    """A store passed per call is not declared the caller's own, this machine's is."""
    from chaincheck.fetch.guard import Guard

    return Guard.INTRANET if is_machine_store(store) else Guard.PUBLIC


def _read_timeout(timeout: Any) -> float:
    if timeout is None:
        return 20.0  # ChainRevAccumulativeUrlRetrievalTimeoutMilliseconds, as fetch.request.TOTAL_SECONDS
    if not isinstance(timeout, int | float) or not timeout >= 0:
        raise InputError("timeout", found=repr(timeout)[:80], expected="seconds, zero or more", where="timeout")
    return float(timeout)
