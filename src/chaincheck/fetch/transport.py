"""httpx clients whose connections go only where the guard lets them. The only module that imports httpx; imported when first needed.

The transports stand on httpcore's public network backends: a backend resolves the name once, has every address judged, and connects to the
address that was judged. Requests on the word of an anchored certificate and others never share a connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import httpcore
import httpx

from chaincheck._version import __version__
from chaincheck.fetch.connect import permitted, resolve, resolve_async, share
from chaincheck.fetch.proxy import EnvironmentProxies

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterable, Iterator

    from chaincheck.fetch.guard import Guard

HEADERS: Final = {"User-Agent": f"chaincheck/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"}
TRUSTED: Final = "chaincheck.trusted"
"""Request extension: the request may lead into the intranet."""
PEER: Final = "chaincheck.peer"
"""Response extension: the address that was connected to, None through a proxy."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Connections of one client, and how many seconds an idle one is kept."""

    connections: int = 32
    keepalive: float = 30.0


class Until(float):
    """A time-out that knows its end: httpcore hands it unchanged to every read, and each read then gets what is left, not all of it
    again.
    """

    end: float

    @classmethod
    def of(cls, end: float) -> Until:
        until = cls(max(end - monotonic(), 0.001))
        until.end = end
        return until


def extensions(until: float, trusted: bool) -> dict[str, Any]:
    """The request extensions that carry the end of the time and the trust."""
    return {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), Until.of(until)), TRUSTED: trusted}


def new_client(guard: Guard, limits: Limits) -> httpx.Client:
    """A client that keeps no cookies, knows no credentials, follows no redirects and obeys the guard."""
    return httpx.Client(transport=GuardedTransport(guard, limits), headers=HEADERS, trust_env=False)


def new_async_client(guard: Guard, limits: Limits) -> httpx.AsyncClient:
    """``new_client`` for one event loop."""
    return httpx.AsyncClient(transport=AsyncGuardedTransport(guard, limits), headers=HEADERS, trust_env=False)


# ------------------------------------------------------------------------------------------------------------ network backends


def _left(timeout: float | None, expired: type[Exception]) -> float | None:
    if not isinstance(timeout, Until):
        return timeout
    left = timeout.end - monotonic()
    if left <= 0:
        raise expired
    return left


class _Stream(httpcore.NetworkStream):
    """A stream on which an ``Until`` bounds all reads together."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout, httpcore.ConnectTimeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Connects only to addresses the guard permits; without a guard (to a proxy the environment names) to any."""

    def __init__(self, guard: Guard | None, trusted: bool) -> None:
        self._guard = guard
        self._trusted = trusted
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        end = timeout.end if isinstance(timeout, Until) else monotonic() + (timeout or 15.0)
        addresses = permitted(self._guard, host, port, self._trusted, resolve(host, port, end))
        for index, address in enumerate(addresses, 1):
            left = _left(Until.of(end), httpcore.ConnectTimeout) or 0.0
            try:
                return _Stream(
                    self._inner.connect_tcp(address, port, share(left, len(addresses) - index + 1), local_address, socket_options)
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if index == len(addresses):
                    raise
        raise httpcore.ConnectError


class _AsyncBackend(httpcore.AsyncNetworkBackend):
    """``_Backend`` for an event loop, whose fetcher bounds the whole request in time."""

    def __init__(self, guard: Guard | None, trusted: bool) -> None:
        self._guard = guard
        self._trusted = trusted
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        end = timeout.end if isinstance(timeout, Until) else monotonic() + (timeout or 15.0)
        addresses = permitted(self._guard, host, port, self._trusted, await resolve_async(host, port))
        for index, address in enumerate(addresses, 1):
            left = _left(Until.of(end), httpcore.ConnectTimeout) or 0.0
            try:
                return await self._inner.connect_tcp(address, port, share(left, len(addresses) - index + 1), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if index == len(addresses):
                    raise
        raise httpcore.ConnectError


# ------------------------------------------------------------------------------------------------------------------ transports


@dataclass(frozen=True, slots=True)
class _Route:
    """What must not share connections: TLS or not (its context costs 20 ms to make), trusted or not, by which proxy."""

    tls: bool
    trusted: bool
    proxy: str | None


def _route(request: httpx.Request, proxies: EnvironmentProxies) -> _Route:
    trusted = bool(request.extensions.get(TRUSTED, False))
    return _Route(request.url.scheme == "https", trusted, proxies.proxy_for(request.url.scheme, request.url.host))


def _options(route: _Route, limits: Limits) -> dict[str, Any]:
    options: dict[str, Any] = {"max_connections": limits.connections, "keepalive_expiry": limits.keepalive}
    if route.tls:
        options["ssl_context"] = httpx.create_ssl_context()
    if route.proxy:
        url = httpx.URL(route.proxy)
        auth = (url.username.encode(), url.password.encode()) if url.username or url.password else None
        options["proxy"] = httpcore.Proxy(str(url.copy_with(userinfo=b"")), auth=auth)
    return options


def _core_request(request: httpx.Request) -> httpcore.Request:
    url = request.url
    return httpcore.Request(
        request.method,
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


def _response(answer: httpcore.Response, stream: httpx.SyncByteStream | httpx.AsyncByteStream, route: _Route) -> httpx.Response:
    headers = [(name, value) for name, value in answer.headers if name.lower() != b"set-cookie"]
    return httpx.Response(answer.status, headers=headers, stream=stream, extensions={PEER: None if route.proxy else _peer(answer)})


def _peer(answer: httpcore.Response) -> str | None:
    stream = answer.extensions.get("network_stream")
    try:
        return None if stream is None else str(stream.get_extra_info("server_addr")[0])
    except (OSError, TypeError):  # the other side is gone already
        return None


class _Bytes(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _AsyncBytes(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._answer.aiter_stream()

    async def aclose(self) -> None:
        await self._answer.aclose()


class GuardedTransport(httpx.BaseTransport):
    """Sends each request by a pool of its route."""

    def __init__(self, guard: Guard, limits: Limits) -> None:
        self._guard = guard
        self._limits = limits
        self._proxies = EnvironmentProxies()
        self._lock = Lock()
        self._pools: dict[_Route, httpcore.ConnectionPool] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        route = _route(request, self._proxies)
        answer = self._pool(route).handle_request(_core_request(request))
        return _response(answer, _Bytes(answer), route)

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()

    def _pool(self, route: _Route) -> httpcore.ConnectionPool:
        with self._lock:
            if route not in self._pools:
                backend = _Backend(None if route.proxy else self._guard, route.trusted)
                self._pools[route] = httpcore.ConnectionPool(network_backend=backend, **_options(route, self._limits))
            return self._pools[route]


class AsyncGuardedTransport(httpx.AsyncBaseTransport):
    """``GuardedTransport`` for one event loop."""

    def __init__(self, guard: Guard, limits: Limits) -> None:
        self._guard = guard
        self._limits = limits
        self._proxies = EnvironmentProxies()
        self._pools: dict[_Route, httpcore.AsyncConnectionPool] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        route = _route(request, self._proxies)
        if route not in self._pools:
            backend = _AsyncBackend(None if route.proxy else self._guard, route.trusted)
            self._pools[route] = httpcore.AsyncConnectionPool(network_backend=backend, **_options(route, self._limits))
        answer = await self._pools[route].handle_async_request(_core_request(request))
        return _response(answer, _AsyncBytes(answer), route)

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()
