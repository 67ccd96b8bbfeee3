"""``diagnose`` and ``Checker`` with their async twins: drivers around the one engine."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from chaincheck.asking import is_machine_store
from chaincheck.engine import diagnose as steps_for
from chaincheck.question import DEFAULT
from chaincheck.rules import IIS, Rules
from chaincheck.settings import Asked, Settings, is_listened_to

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from datetime import datetime, timedelta
    from types import TracebackType

    from chaincheck.asking import Fetch, Prefer
    from chaincheck.client import ClientProfile
    from chaincheck.diagnosis import Diagnosis
    from chaincheck.fetch.drive import AsyncFetcher, Fetcher
    from chaincheck.fetch.guard import Guard
    from chaincheck.fetch.request import Request, Response
    from chaincheck.formats.limits import Limits
    from chaincheck.server import ServerProfile
    from chaincheck.settings import Asking


class Checker(Settings):
    """Holds store, rules, guard and connections for many questions, as ``httpx.Client`` does.

    One may be used by many threads, survives ``fork``, and its store can be reloaded. It remembers answers: the same bytes asked about
    again cost microseconds, for as long as the answer holds and the cache has the same evidence. ``remember``: how many answers (4,096;
    some 5 to 11 kB each; 0: none).

    The other arguments are those of ``chaincheck.diagnose``. The store is the caller's own, so that certificates with a path to it may
    point into the intranet (``guard=Guard.PUBLIC`` forbids that).
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
        observed: Any = None,
        password: Any = None,
        timeout: float | None = None,
    ) -> Diagnosis:
        """Why this certificate is refused, or that it is not. Raises ``InputError`` for what is not a certificate at all."""
        asking = (cert, key, presented, at, crls, ocsp_responses, observed, password, timeout)
        if not is_listened_to():
            return self._answer(asking, self._make_fetcher)
        from chaincheck.telemetry import telling

        with telling() as told:
            diagnosis = self._answer(asking, lambda: told.watched(self._make_fetcher()))
            told.answer(diagnosis)
            return diagnosis

    def _answer(self, asking: Asking, make: Callable[[], Fetcher]) -> Diagnosis:
        asked = self._begin(*asking)
        if not isinstance(asked, Asked):
            return asked
        diagnosis = _run(steps_for(asked.question, asked.pool), make, asked.timeout)
        if self._cache is not None and diagnosis.responses:
            from chaincheck.remembering import remember

            remember(self._cache, diagnosis)
        asked.held.remember(asked.key, diagnosis)
        diagnosis._pool = asked.held.reference if asked.pool is not None else None
        return diagnosis

    def _make_fetcher(self) -> Fetcher:
        if self._cache is None:
            return self._asking()
        from chaincheck.fetch.caching import CachingFetcher

        return CachingFetcher(self._asking(), self._cache)

    def _asking(self) -> Fetcher:
        if self._fetch != "online":
            return _offline(self._fetch)
        fetcher: Fetcher | None = self._fetchers.get("http")
        if fetcher is None:
            from chaincheck.fetch.http import HttpFetcher

            # of two threads that come here together both get the one that was first; the other was never connected
            fetcher = self._fetchers.setdefault("http", HttpFetcher(self.guard, client=self._http_client, proxy=self._proxy))
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


class AsyncChecker(Settings):
    """``Checker`` for an event loop: ``await checker.diagnose(...)``."""

    _may_wait = False

    async def diagnose(
        self,
        cert: Any,
        key: Any = None,
        *,
        presented: Any = (),
        at: datetime | None = None,
        crls: Any = (),
        ocsp_responses: Any = (),
        observed: Any = None,
        password: Any = None,
        timeout: float | None = None,
    ) -> Diagnosis:
        """``Checker.diagnose``, fetching on the running loop."""
        asking = (cert, key, presented, at, crls, ocsp_responses, observed, password, timeout)
        if not is_listened_to():
            return await self._answer(asking, self._make_fetcher)
        from chaincheck.telemetry import telling

        with telling() as told:
            diagnosis = await self._answer(asking, lambda: told.watched(self._make_fetcher()))
            told.answer(diagnosis)
            return diagnosis

    async def _answer(self, asking: Asking, make: Callable[[], AsyncFetcher | Fetcher]) -> Diagnosis:
        asked = self._begin(*asking)
        if not isinstance(asked, Asked):
            return asked
        diagnosis = await _run_async(steps_for(asked.question, asked.pool), make, asked.timeout)
        if self._cache is not None and diagnosis.responses:
            from asyncio import to_thread

            from chaincheck.remembering import remember

            await to_thread(remember, self._cache, diagnosis)
        asked.held.remember(asked.key, diagnosis)
        diagnosis._pool = asked.held.reference if asked.pool is not None else None
        return diagnosis

    def _make_fetcher(self) -> AsyncFetcher | Fetcher:
        if self._cache is None:
            return self._asking()
        from chaincheck.fetch.caching import AsyncCachingFetcher

        return AsyncCachingFetcher(self._asking(), self._cache)

    def _asking(self) -> AsyncFetcher | Fetcher:
        if self._fetch != "online":
            return _offline(self._fetch)
        fetcher: AsyncFetcher | None = self._fetchers.get("http")
        if fetcher is None:
            from chaincheck.fetch.http import AsyncHttpFetcher

            fetcher = self._fetchers.setdefault("http", AsyncHttpFetcher(self.guard, client=self._http_client, proxy=self._proxy))
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
    client: ClientProfile | None = None,
    observed: Any = None,
    prefer: Prefer = "ocsp",
    warn_before: timedelta | None = None,
    password: Any = None,
    timeout: float | None = None,
    limits: Limits | None = None,
    guard: Guard | None = None,
    cache: Any = DEFAULT,
    proxy: str | None = None,
    http_client: Any = None,
) -> Diagnosis:
    """Diagnose why a client certificate is refused: every cause at once.

    ``cert``: bytes (PEM, DER, bare Base64, PKCS#7, PKCS#12, SST), a path, a ``cryptography`` or ``asn1crypto`` object, an iterable of
    these, or ``NO_CERTIFICATE``. ``key``: likewise, any object with ``public_key()``, or ``NO_KEY``. ``store``: a ``TrustStore``,
    anything ``TrustStore.load`` reads, or ``"system"``. None means "not told" everywhere; with ``store=None`` nothing is ever ACCEPTED.
    ``at``: a timezone-aware datetime; None: now. ``server``: what is known of its settings; ``client``: who offers the certificate;
    ``observed``: what was seen (a log line, a status, a code, an alert, the output of ``certutil -verify``). ``prefer``: "crl" asks
    CRLs before responders, which Windows asks first: one list answers for thousands of certificates. ``warn_before``: how long before the
    end of a validity, of the certificate or one above it, the answer warns (None: not at all). ``timeout``: seconds for all fetching
    (None: 20, as IIS). ``cache``: where fetched evidence is kept: ``DEFAULT`` (the user's cache folder), None for nowhere, a
    directory, or a ``Cache``. ``proxy``: the URL of a proxy for everything that is fetched; None: those of the environment.
    ``http_client``: a client of your own with the interface of ``httpx.Client`` (``AsyncClient`` for the asynchronous twin).

    Raises ``InputError`` where an argument is not what it was given for. What a certificate, a store, a server or a network contains is
    never raised: it becomes a cause.
    """
    owner = _guard_for(store) if guard is None and fetch == "online" else guard
    with Checker(
        store=store,
        rules=rules,
        fetch=fetch,
        server=server,
        client=client,
        prefer=prefer,
        warn_before=warn_before,
        timeout=timeout,
        limits=limits,
        guard=owner,
        cache=cache,
        proxy=proxy,
        http_client=http_client,
    ) as checker:
        return checker.diagnose(
            cert, key, presented=presented, at=at, crls=crls, ocsp_responses=ocsp_responses, observed=observed, password=password
        )


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
    client: ClientProfile | None = None,
    observed: Any = None,
    prefer: Prefer = "ocsp",
    warn_before: timedelta | None = None,
    password: Any = None,
    timeout: float | None = None,
    limits: Limits | None = None,
    guard: Guard | None = None,
    cache: Any = DEFAULT,
    proxy: str | None = None,
    http_client: Any = None,
) -> Diagnosis:
    """``diagnose`` on the running event loop."""
    owner = _guard_for(store) if guard is None and fetch == "online" else guard
    async with AsyncChecker(
        store=store,
        rules=rules,
        fetch=fetch,
        server=server,
        client=client,
        prefer=prefer,
        warn_before=warn_before,
        timeout=timeout,
        limits=limits,
        guard=owner,
        cache=cache,
        proxy=proxy,
        http_client=http_client,
    ) as checker:
        return await checker.diagnose(
            cert, key, presented=presented, at=at, crls=crls, ocsp_responses=ocsp_responses, observed=observed, password=password
        )


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
    diagnosis._responses, diagnosis._missed = recorder.records, recorder.missed
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
    diagnosis._responses, diagnosis._missed = recorder.records, recorder.missed
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


def _guard_for(store: Any) -> Guard:
    """A store passed per call is not declared the caller's own, this machine's is."""
    from chaincheck.fetch.guard import Guard

    return Guard.INTRANET if is_machine_store(store) else Guard.PUBLIC
