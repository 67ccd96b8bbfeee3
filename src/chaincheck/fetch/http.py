"""The fetchers: a round of requests, all at once. What speaks HTTP is imported when the first request really leaves."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final

from chaincheck._version import __version__
from chaincheck.fetch.aside import aside, aside_async
from chaincheck.fetch.elsewhere import THREAD, is_elsewhere, look
from chaincheck.fetch.exchange import Exchange, timed_out, turn_ends
from chaincheck.fetch.guard import Guard
from chaincheck.fetch.joining import AsyncJoining, Joining
from chaincheck.fetch.kept import Limits
from chaincheck.fetch.proxy import EnvironmentProxies, OneProxy
from chaincheck.fetch.request import Outcome, Response
from chaincheck.fetch.turns import AsyncTurns, Turns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    import httpx

    from chaincheck.fetch.exchange import Hop
    from chaincheck.fetch.injected import AsyncInjected, Injected
    from chaincheck.fetch.request import Request
    from chaincheck.fetch.transport import Connections, Trust
    from chaincheck.fetch.transport_async import AsyncConnections

_HEADERS: Final = (("User-Agent", f"chaincheck/{__version__}"), ("Accept", "*/*"), ("Accept-Encoding", "identity"))
_GRACE: Final = 0.25  # seconds a round waits beyond its end for requests that are just about to report their own time-out


class _Settings:
    """What both fetchers are told."""

    def __init__(
        self, guard: Guard, client: Any, proxy: str | None, *, nonce: bool, per_host: int, connections: int, keepalive: float
    ) -> None:
        self.guard = guard
        self._client = client
        self._proxy = None if proxy is None else OneProxy(proxy)
        self._nonce = nonce
        self._per_host = per_host
        self._limits = Limits(connections, keepalive)
        self._once: dict[str, Any] = {}
        self._closed = False
        if proxy is not None and client is not None:
            from chaincheck.errors import InputError

            raise InputError("proxy", found="a proxy beside a client", expected="the client's own proxy, or no client", where="proxy")

    @property
    def checks_addresses(self) -> bool:
        """Whether the guard sees the address of every connection.

        Through an injected client or a proxy it sees only scheme, host, port and redirects.
        """
        if "checks" not in self._once:
            self._once["checks"] = self._client is None and self._proxy is None and not self._environment
        return bool(self._once["checks"])

    @property
    def _environment(self) -> EnvironmentProxies:
        # setdefault() is one step: of threads that come here together all get the one that was first, and no lock is there to be held
        # across a fork
        found: EnvironmentProxies | None = self._once.get("proxies")
        return self._once.setdefault("proxies", EnvironmentProxies()) if found is None else found

    @property
    def _trust(self) -> Trust:
        from chaincheck.fetch.transport import Trust

        found: Trust | None = self._once.get("trust")
        return self._once.setdefault("trust", Trust()) if found is None else found

    def _begin(self, requests: Sequence[Request]) -> list[Request]:
        """What is to be asked, each thing once."""
        if self._closed:
            raise RuntimeError("this fetcher has been closed")
        return list(dict.fromkeys(_anonymous(request) for request in requests if not request.cached))

    def _end(self, requests: Sequence[Request], answers: dict[Request, Response]) -> list[Response]:
        """One answer for each request, in their order."""
        seen = self.checks_addresses
        return [
            Response(request=request, outcome=Outcome.NOT_FETCHED, detail="not in the cache")
            if request.cached
            else replace(answers[_anonymous(request)], request=request, address_checked=seen)
            for request in requests
        ]


class HttpFetcher(_Settings):
    """Answers rounds of requests; usable by many threads at once, and after ``fork``. Threads that ask the same at the same time ask
    together.

    ``client``: an ``httpx.Client``, or anything with its interface, to be used instead of connections of our own; it is not closed, its
    cookies and credentials are not sent, and ``checks_addresses`` is false. ``proxy``: the URL of a proxy for all requests; None for what
    the environment names. ``nonce``: OCSP questions get one. ``width``: requests of one round that run at the same time; ``per_host``:
    requests of all rounds to one host. ``connections`` and ``keepalive`` (seconds): idle connections that are kept.

    Raises InputError for a proxy that is none, or one beside a client.
    """

    def __init__(
        self,
        guard: Guard = Guard.PUBLIC,
        *,
        client: httpx.Client | None = None,
        proxy: str | None = None,
        nonce: bool = True,
        width: int = 32,
        per_host: int = 64,
        connections: int = 256,
        keepalive: float = 30.0,
    ) -> None:
        super().__init__(guard, client, proxy, nonce=nonce, per_host=per_host, connections=connections, keepalive=keepalive)
        self._width = width
        self._own: dict[int, _Process] = {}

    def fetch_round(self, requests: Sequence[Request], deadline: float) -> list[Response]:
        """One answer for each request, in their order; equal requests are asked once.

        ``deadline`` is a time of ``time.monotonic()`` by which the round ends whatever happens; each URL has half of what is left until
        then. Raises nothing for what a network does.
        """
        distinct = self._begin(requests)
        if len(distinct) == 1 and self._client is None:  # bounded in time by our own transport: needs no thread
            answers = {distinct[0]: self._fetch(distinct[0], deadline)}
        else:
            answers = self._in_threads(distinct, deadline)
        return self._end(requests, answers)

    def close(self) -> None:
        """Close the connections of this process. The fetcher cannot be used afterwards."""
        self._closed = True
        own = self._own.pop(os.getpid(), None)
        if own is not None:
            own.close()

    def __enter__(self) -> HttpFetcher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _in_threads(self, requests: list[Request], deadline: float) -> dict[Request, Response]:
        """Daemon threads, waited for no longer than the round lasts: an injected client may not keep to any time."""
        if not requests:
            return {}
        waiting: SimpleQueue[Request] = SimpleQueue()
        for request in requests:
            waiting.put(request)
        answers: dict[Request, Response] = {}

        def work() -> None:
            while True:
                try:
                    request = waiting.get_nowait()
                except Empty:
                    return
                answers[request] = self._fetch(request, deadline)

        count = min(self._width, len(requests))
        threads = [Thread(target=work, name="chaincheck-fetch", daemon=True) for _ in range(count)]
        turns = -(-len(requests) // count)
        started = monotonic()
        longest = max(request.timeout for request in requests)
        end = started + min(turns * longest, (deadline - started) * (1 - 0.5**turns))  # each turn has half of what is left
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(end + _GRACE - monotonic(), 0))
        return {request: answers.get(request) or timed_out(request, started, end) for request in requests}

    def _fetch(self, request: Request, deadline: float) -> Response:
        pid = os.getpid()
        # A parent's is left alone after fork: its locks may be held by threads that are not there any more.
        own = self._own.get(pid) or self._own.setdefault(pid, _Process(self))
        until = turn_ends(request, deadline)
        return own.joining.fetch(request, until, lambda: self._ask(request, until, own))

    def _ask(self, request: Request, until: float, own: _Process) -> Response:
        if is_elsewhere(request):
            return self._elsewhere(request, until)
        exchange = Exchange(request, self.guard, until=until, nonce=self._nonce)
        while exchange.hop is not None:
            try:
                if exchange.pause:
                    sleep(exchange.pause)
                with own.turns.turn(exchange, exchange.hop.target):
                    self._send(exchange, exchange.hop, own)
            except Exception as error:  # noqa: BLE001 - all that a network does is an answer; fail() logs what it does not know
                exchange.fail(error)
        return exchange.response()

    def _elsewhere(self, request: Request, until: float) -> Response:
        started = monotonic()
        try:
            return aside(lambda: look(request, self.guard, until), until + _GRACE, name=THREAD)
        except TimeoutError:
            return timed_out(request, started, until)

    def _send(self, exchange: Exchange, hop: Hop, own: _Process) -> None:
        answer = own.connections.send(hop, exchange.until, _HEADERS)
        try:
            if exchange.head(answer.status, answer.headers, peer=answer.peer, proxied=answer.proxied, decoded=answer.decoded):
                for chunk in answer:
                    exchange.take(chunk)
                exchange.end()
        finally:
            with suppress(Exception):  # what came is known
                answer.close()


class _Process:
    """What belongs to one process."""

    def __init__(self, settings: _Settings) -> None:
        self._settings = settings
        self._made: dict[str, Connections | Injected] = {}
        self.joining = Joining()
        self.turns = Turns(settings._per_host)

    @property
    def connections(self) -> Connections | Injected:
        """Made when first needed, the same for all threads."""
        return self._made.get("it") or self._made.setdefault("it", self._make())

    def _make(self) -> Connections | Injected:
        settings = self._settings
        if settings._client is not None:
            from chaincheck.fetch.injected import Injected

            return Injected(settings._client)
        from chaincheck.fetch.transport import Connections

        return Connections(settings.guard, settings._proxy or settings._environment, settings._trust, settings._limits)

    def close(self) -> None:
        """Close what is ours."""
        for connections in self._made.values():
            connections.close()


class AsyncHttpFetcher(_Settings):
    """``HttpFetcher`` for event loops, each with connections of its own.

    ``client`` is an ``httpx.AsyncClient`` or what is like it. Close the fetcher on the loop it was used on; connections kept on a loop that
    has been closed are lost with it.
    """

    def __init__(
        self,
        guard: Guard = Guard.PUBLIC,
        *,
        client: httpx.AsyncClient | None = None,
        proxy: str | None = None,
        nonce: bool = True,
        per_host: int = 64,
        connections: int = 256,
        keepalive: float = 30.0,
    ) -> None:
        super().__init__(guard, client, proxy, nonce=nonce, per_host=per_host, connections=connections, keepalive=keepalive)
        self._own: dict[asyncio.AbstractEventLoop, _Loop] = {}

    async def fetch_round(self, requests: Sequence[Request], deadline: float) -> list[Response]:
        """One answer for each request, in their order; equal requests are asked once. As ``HttpFetcher.fetch_round``."""
        distinct = self._begin(requests)
        if len(distinct) == 1:
            return self._end(requests, {distinct[0]: await self._fetch(distinct[0], deadline)})
        found = await asyncio.gather(*(self._fetch(request, deadline) for request in distinct))
        return self._end(requests, dict(zip(distinct, found, strict=True)))

    async def close(self) -> None:
        """Close the connections of the running loop. The fetcher cannot be used afterwards."""
        self._closed = True
        own = self._own.pop(asyncio.get_running_loop(), None)
        if own is not None:
            await own.connections.aclose()

    async def __aenter__(self) -> AsyncHttpFetcher:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def _fetch(self, request: Request, deadline: float) -> Response:
        own = self._own_loop()
        until = turn_ends(request, deadline)
        return await own.joining.fetch(request, until, lambda: self._ask(request, until, own))

    async def _ask(self, request: Request, until: float, own: _Loop) -> Response:
        if is_elsewhere(request):
            return await self._elsewhere(request, until)
        exchange = Exchange(request, self.guard, until=until, nonce=self._nonce)
        while exchange.hop is not None:
            try:
                async with asyncio.timeout(exchange.left()):
                    if exchange.pause:
                        await asyncio.sleep(exchange.pause)
                    async with own.turns.turn(exchange, exchange.hop.target):
                        await self._send(exchange, exchange.hop, own)
            except Exception as error:  # noqa: BLE001 - as in HttpFetcher
                exchange.fail(error)
        return exchange.response()

    async def _elsewhere(self, request: Request, until: float) -> Response:
        started = monotonic()
        try:
            async with asyncio.timeout(until - started + _GRACE):
                return await aside_async(lambda: look(request, self.guard, until), name=THREAD)
        except TimeoutError:
            return timed_out(request, started, until)

    async def _send(self, exchange: Exchange, hop: Hop, own: _Loop) -> None:
        answer = await own.connections.send(hop, exchange.until, _HEADERS)
        try:
            if exchange.head(answer.status, answer.headers, peer=answer.peer, proxied=answer.proxied, decoded=answer.decoded):
                async for chunk in answer:
                    exchange.take(chunk)
                exchange.end()
        finally:
            with suppress(Exception):
                await answer.aclose()

    def _own_loop(self) -> _Loop:
        loop = asyncio.get_running_loop()
        own = self._own.get(loop)
        if own is None:
            for other in [other for other in list(self._own) if other.is_closed()]:
                self._own.pop(other, None)
            own = self._own[loop] = _Loop(self)
        return own


class _Loop:
    """What belongs to one event loop."""

    def __init__(self, settings: _Settings) -> None:
        self.joining = AsyncJoining()
        self.turns = AsyncTurns(settings._per_host)
        self.connections: AsyncConnections | AsyncInjected
        if settings._client is not None:
            from chaincheck.fetch.injected import AsyncInjected

            self.connections = AsyncInjected(settings._client)
        else:
            from chaincheck.fetch.transport_async import AsyncConnections

            proxies = settings._proxy or settings._environment
            self.connections = AsyncConnections(settings.guard, proxies, settings._trust, settings._limits)


def _anonymous(request: Request) -> Request:
    """Requests that differ only in the certificate they are for are one request."""
    return replace(request, certificate="")
