"""The fetchers: a round of requests, all at once, over HTTP. httpx is imported when the first request really leaves."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from chaincheck.fetch.exchange import Exchange, Hop
from chaincheck.fetch.guard import Guard
from chaincheck.fetch.proxy import EnvironmentProxies
from chaincheck.fetch.request import Outcome, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    import httpx

    from chaincheck.fetch.request import Request

_GRACE: Final = 0.25  # seconds a round waits beyond its end for requests that are just about to report their own time-out


class _Settings:
    """What both fetchers are told."""

    def __init__(self, guard: Guard, *, injected: bool, connections: int, keepalive: float) -> None:
        self.guard = guard
        self._injected = injected
        self._connections = connections
        self._keepalive = keepalive
        self._closed = False

    @property
    def checks_addresses(self) -> bool:
        """Whether the guard sees the address of every connection.

        Through an injected client or a proxy it sees only scheme, host, port and redirects.
        """
        return not (self._injected or EnvironmentProxies())

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("this fetcher has been closed")


class HttpFetcher(_Settings):
    """Answers rounds of requests over HTTP; usable by many threads at once, and after ``fork``.

    ``client``: an ``httpx.Client``, or anything with its interface, to be used instead of one of our own; it is not closed, its cookies
    and credentials are not sent, and ``checks_addresses`` is false. ``width``: requests of one round that run at the same time.
    ``connections`` and ``keepalive`` (seconds): of our own client.
    """

    def __init__(
        self,
        guard: Guard = Guard.PUBLIC,
        *,
        client: httpx.Client | None = None,
        width: int = 8,
        connections: int = 32,
        keepalive: float = 30.0,
    ) -> None:
        super().__init__(guard, injected=client is not None, connections=connections, keepalive=keepalive)
        self._client = client
        self._width = width
        self._own: dict[int, _OwnClient] = {}

    def fetch_round(self, requests: Sequence[Request], deadline: float) -> list[Response]:
        """One answer for each request, in their order; equal requests are asked once.

        ``deadline`` is a time of ``time.monotonic()`` by which the round ends whatever happens. Raises nothing for what a network does.
        """
        self._check_open()
        joined = [_join_key(request) for request in requests]
        distinct = list(dict.fromkeys(joined))
        if len(distinct) == 1 and self._client is None:  # bounded in time by our own transport: needs no thread
            answers = {distinct[0]: self._fetch(distinct[0], deadline)}
        else:
            answers = self._in_threads(distinct, deadline)
        seen = self.checks_addresses
        return [replace(answers[key], request=request, address_checked=seen) for key, request in zip(joined, requests, strict=True)]

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
        end = min(deadline, monotonic() + turns * max(request.timeout for request in requests)) + _GRACE
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(end - monotonic(), 0))
        return {request: answers.get(request) or Exchange(request, self.guard, deadline=deadline).response() for request in requests}

    def _fetch(self, request: Request, deadline: float) -> Response:
        if (elsewhere := _not_by_http(request)) is not None:
            return elsewhere(request, self.guard, deadline)
        exchange = Exchange(request, self.guard, deadline=deadline)
        while exchange.hop is not None:
            try:
                self._send(exchange, exchange.hop)
            except Exception as error:  # noqa: BLE001 - all that a network does is an answer; fail() logs what it does not know
                exchange.fail(error)
        return exchange.response()

    def _send(self, exchange: Exchange, hop: Hop) -> None:
        client = self._client or self._own_client()
        answer = client.send(_build(client, exchange, hop), stream=True, auth=None, follow_redirects=False)
        try:
            decoded = answer.is_stream_consumed
            if exchange.head(answer.status_code, answer.headers, decoded=decoded, **_origin(answer, self._injected)):
                for chunk in (answer.content,) if decoded else answer.iter_raw():
                    exchange.take(chunk)
                exchange.end()
        finally:
            answer.close()

    def _own_client(self) -> httpx.Client:
        """The client of this process. A parent's is left alone after ``fork``: its locks may be held by threads that are not there any
        more.
        """
        pid = os.getpid()
        own = self._own.get(pid) or self._own.setdefault(pid, _OwnClient())
        return own.get(self)


class _OwnClient:
    """One client, made when first needed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._client: httpx.Client | None = None

    def get(self, settings: _Settings) -> httpx.Client:
        with self._lock:
            if self._client is None:
                from chaincheck.fetch.transport import Limits, new_client

                self._client = new_client(settings.guard, Limits(settings._connections, settings._keepalive))
            return self._client

    def close(self) -> None:
        if self._client is not None:
            self._client.close()


class AsyncHttpFetcher(_Settings):
    """``HttpFetcher`` for event loops: one client for each loop that uses it.

    Close it on the loop it was used on; connections kept on a loop that has been closed are lost with it.
    """

    def __init__(
        self, guard: Guard = Guard.PUBLIC, *, client: httpx.AsyncClient | None = None, connections: int = 32, keepalive: float = 30.0
    ) -> None:
        super().__init__(guard, injected=client is not None, connections=connections, keepalive=keepalive)
        self._client = client
        self._own: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}

    async def fetch_round(self, requests: Sequence[Request], deadline: float) -> list[Response]:
        """One answer for each request, in their order; equal requests are asked once. As ``HttpFetcher.fetch_round``."""
        self._check_open()
        joined = [_join_key(request) for request in requests]
        distinct = list(dict.fromkeys(joined))
        found = await asyncio.gather(*(self._fetch(request, deadline) for request in distinct))
        answers = dict(zip(distinct, found, strict=True))
        seen = self.checks_addresses
        return [replace(answers[key], request=request, address_checked=seen) for key, request in zip(joined, requests, strict=True)]

    async def close(self) -> None:
        """Close the connections of the running loop. The fetcher cannot be used afterwards."""
        self._closed = True
        client = self._own.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    async def __aenter__(self) -> AsyncHttpFetcher:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def _fetch(self, request: Request, deadline: float) -> Response:
        if (elsewhere := _not_by_http(request)) is not None:
            return await asyncio.to_thread(elsewhere, request, self.guard, deadline)
        exchange = Exchange(request, self.guard, deadline=deadline)
        while exchange.hop is not None:
            try:
                async with asyncio.timeout(exchange.left()):
                    await self._send(exchange, exchange.hop)
            except Exception as error:  # noqa: BLE001 - as in HttpFetcher
                exchange.fail(error)
        return exchange.response()

    async def _send(self, exchange: Exchange, hop: Hop) -> None:
        client = self._client or self._own_client()
        answer = await client.send(_build(client, exchange, hop), stream=True, auth=None, follow_redirects=False)
        try:
            decoded = answer.is_stream_consumed
            if exchange.head(answer.status_code, answer.headers, decoded=decoded, **_origin(answer, self._injected)):
                if decoded:
                    exchange.take(answer.content)
                else:
                    async for chunk in answer.aiter_raw():
                        exchange.take(chunk)
                exchange.end()
        finally:
            await answer.aclose()

    def _own_client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if loop not in self._own:
            from chaincheck.fetch.transport import Limits, new_async_client

            for other in [other for other in list(self._own) if other.is_closed()]:
                self._own.pop(other, None)
            self._own[loop] = new_async_client(self.guard, Limits(self._connections, self._keepalive))
        return self._own[loop]


def _not_by_http(request: Request) -> Callable[[Request, Guard, float], Response] | None:
    """Who answers a request that is not for HTTP: it goes to a directory or a file, or to nobody but the cache."""
    if request.cached:
        return _not_cached
    return {"ldap": _from_directory, "ldaps": _from_directory, "file": _from_file}.get(request.url.partition(":")[0].lower())


def _not_cached(request: Request, guard: Guard, deadline: float) -> Response:
    return Response(request=request, outcome=Outcome.NOT_FETCHED, detail="not in the cache")


def _from_directory(request: Request, guard: Guard, deadline: float) -> Response:
    from chaincheck.fetch.ldap import look_up

    return look_up(request, guard, until=deadline)


def _from_file(request: Request, guard: Guard, deadline: float) -> Response:
    from chaincheck.fetch.local_file import read

    return read(request, guard)


def _join_key(request: Request) -> Request:
    """Requests that differ only in the certificate they are for are one request."""
    return replace(request, certificate="")


def _build(client: httpx.Client | httpx.AsyncClient, exchange: Exchange, hop: Hop) -> httpx.Request:
    from chaincheck.fetch.transport import HEADERS, extensions

    request = client.build_request(
        hop.method,
        hop.url,
        content=hop.body or None,
        headers=[*HEADERS.items(), *hop.headers],
        extensions=extensions(exchange.until, hop.trusted),
    )
    for name in ("Cookie", "Authorization"):  # an injected client may bring its own: they are nothing to whom a certificate names
        request.headers.pop(name, None)
    return request


def _origin(answer: httpx.Response, injected: bool) -> dict[str, Any]:
    """Where an answer came from: of an injected client's we know nothing."""
    if injected:
        return {"peer": None}
    from chaincheck.fetch.transport import PEER

    peer = answer.extensions.get(PEER)
    return {"peer": peer, "note": "" if peer else "through a proxy"}
