"""``transport`` for an event loop: the same connections on asyncio's own streams, which cost a third of those httpcore brings."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any

import httpcore

from chaincheck.fetch.connect import permitted, resolve_async, share
from chaincheck.fetch.kept import Kept, Limits, Way
from chaincheck.fetch.transport import Trust, Until, core_request, header_table, origin_of, proxy_of, way_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterable

    from chaincheck.fetch.exchange import Hop
    from chaincheck.fetch.guard import Guard
    from chaincheck.fetch.proxy import EnvironmentProxies, OneProxy


class _Stream(httpcore.AsyncNetworkStream):
    """asyncio's streams as httpcore wants them. The fetcher bounds the whole request in time, so no read has a time-out of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._unsent = b""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's interface
        try:
            if self._unsent:  # head and body of a question in one packet
                unsent, self._unsent = self._unsent, b""
                self._writer.write(unsent)
                await self._writer.drain()
            return await self._reader.read(max_bytes)
        except OSError as error:
            raise httpcore.ReadError from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's interface
        self._unsent += buffer

    async def aclose(self) -> None:
        self._writer.transport.abort()  # nothing is left to be sent, and a peer that hangs must not hold us up

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
    ) -> httpcore.AsyncNetworkStream:
        await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # an idle connection on which something comes, or which ended
            return self._reader.at_eof() or self._writer.transport.is_closing()
        return self._writer.get_extra_info({"ssl_object": "ssl_object", "server_addr": "peername"}.get(info, info))


async def _connected(guard: Guard | None, host: str, port: int, trusted: bool, until: float) -> tuple[httpcore.AsyncNetworkStream, str]:
    """A stream to the first address that answers, of those the guard permits; and that address. Without a guard any will do."""
    addresses = permitted(guard, host, port, trusted, await resolve_async(host, port))
    for index, address in enumerate(addresses, 1):
        last = index == len(addresses)
        try:
            async with asyncio.timeout(share(until - monotonic(), len(addresses) - index + 1)):
                return _Stream(*await asyncio.open_connection(address, port)), address
        except OSError:  # TimeoutError among them
            if last:
                raise
    raise httpcore.ConnectError


class _ToProxy(httpcore.AsyncNetworkBackend):
    """As in ``transport``."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        end = timeout.end if isinstance(timeout, Until) else monotonic() + 15.0
        return (await _connected(None, host, port, False, end))[0]


class _Direct:
    """One connection to a server."""

    def __init__(self, way: Way, stream: httpcore.AsyncNetworkStream, peer: str, keepalive: float) -> None:
        self.peer: str | None = peer
        self._connection = httpcore.AsyncHTTP11Connection(origin_of(way), stream, keepalive)

    @classmethod
    async def made(cls, way: Way, guard: Guard, trust: Trust, keepalive: float, until: float) -> _Direct:
        stream, peer = await _connected(guard, way.host, way.port, way.trusted, until)
        if way.scheme == "https":
            try:
                stream = await stream.start_tls(trust.context(), way.host)
            except BaseException:
                await stream.aclose()
                raise
        return cls(way, stream, peer, keepalive)

    async def send(self, request: httpcore.Request) -> httpcore.Response:
        return await self._connection.handle_async_request(request)

    @property
    def reusable(self) -> bool:
        return self._connection.is_idle() and not self._connection.has_expired()

    async def aclose(self) -> None:
        await self._connection.aclose()


class _Proxied:
    """One connection to a proxy, of which httpcore knows how it is made."""

    peer: str | None = None
    reusable = True  # httpcore makes another one inside if it has ended

    def __init__(self, way: Way, trust: Trust, keepalive: float) -> None:
        context = trust.context() if way.scheme == "https" or way.proxy.startswith("https") else None
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            proxy=proxy_of(way),
            max_connections=1,
            keepalive_expiry=keepalive,
            network_backend=_ToProxy(),
        )

    async def send(self, request: httpcore.Request) -> httpcore.Response:
        return await self._pool.handle_async_request(request)

    async def aclose(self) -> None:
        await self._pool.aclose()


class AsyncAnswer:
    """``transport.Answer`` for an event loop."""

    def __init__(self, response: httpcore.Response, connection: _Direct | _Proxied, way: Way, kept: AsyncConnections) -> None:
        self.status = response.status
        self.headers = header_table(response.headers)
        self.peer = connection.peer
        self.proxied = bool(way.proxy)
        self.decoded = False
        self._response, self._connection, self._way, self._kept = response, connection, way, kept

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()
        await self._kept.give_back(self._way, self._connection)


class AsyncConnections:
    """The connections of one event loop."""

    def __init__(self, guard: Guard, proxies: EnvironmentProxies | OneProxy, trust: Trust, limits: Limits) -> None:
        self._guard = guard
        self._proxies = proxies
        self._trust = trust
        self._keepalive = limits.keepalive
        self._kept: Kept[_Direct | _Proxied] = Kept(limits.connections)
        self._closed = False

    async def send(self, hop: Hop, until: float, headers: Iterable[tuple[str, str]]) -> AsyncAnswer:
        """Send one request on a connection that no other uses meanwhile."""
        way = way_of(hop, self._proxies)
        connection = await self._taken(way) or await self._made(way, until)
        try:
            response = await connection.send(core_request(hop, Until.of(until), headers))
            return AsyncAnswer(response, connection, way, self)
        except BaseException:
            await connection.aclose()
            raise

    async def give_back(self, way: Way, connection: _Direct | _Proxied) -> None:
        """A request is done with it."""
        if self._closed or not connection.reusable:
            await connection.aclose()
            return
        self._kept.put(way, connection)
        if self._kept.too_many:
            await self._kept.drop_oldest().aclose()

    async def aclose(self) -> None:
        """Close what is free; what is in use is closed when it is given back."""
        self._closed = True
        for connection in self._kept.drain():
            await connection.aclose()

    async def _taken(self, way: Way) -> _Direct | _Proxied | None:
        while (connection := self._kept.take(way)) is not None:
            if connection.reusable:
                return connection
            await connection.aclose()
        return None

    async def _made(self, way: Way, until: float) -> _Direct | _Proxied:
        while (oldest := self._kept.oldest()) is not None and not oldest.reusable:
            self._kept.drop_oldest()
            await oldest.aclose()
        if way.proxy:
            return _Proxied(way, self._trust, self._keepalive)
        return await _Direct.made(way, self._guard, self._trust, self._keepalive, until)
