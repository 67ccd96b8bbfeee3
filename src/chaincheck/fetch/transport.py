"""Connections of our own, which go only where the guard lets them. The only module that imports httpx, and httpcore under it.

httpx's pools slow down as they grow, so connections are kept here and used by one request at a time (``kept``). What speaks HTTP on them
is httpcore, on which httpx stands; what certificates of servers are trusted by is httpx's choice. A connection resolves the name once, has
every address judged, and is made to the address that was judged. Requests on the word of an anchored certificate and others share none.
"""

from __future__ import annotations

import re
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import httpcore

from chaincheck.fetch.connect import permitted, resolve, share
from chaincheck.fetch.failure import NoTrust
from chaincheck.fetch.kept import Kept, Limits, Way
from chaincheck.fetch.proxy import split_proxy

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator

    from chaincheck.fetch.exchange import Hop
    from chaincheck.fetch.guard import Guard
    from chaincheck.fetch.proxy import EnvironmentProxies, OneProxy

# WHATWG URL, "query percent-encode set": certificates hold URLs with spaces and what else RFC 3986 does not let stand there, and servers
# expect of it what browsers send.
_TO_ENCODE: Final = re.compile(r"[^\x21\x24-\x3b\x3d\x3f-\x7e]")


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


class Trust:
    """The TLS context, made when first needed (it costs 20 ms) and shared by all connections of a fetcher."""

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """Trust as httpx takes it from the environment: SSL_CERT_FILE, SSL_CERT_DIR, else certifi's. Raises NoTrust."""
        if self._context is None:  # of two threads that come here together each makes one, and one of them is kept
            import httpx

            try:
                context = httpx.create_ssl_context()
            except OSError:
                raise NoTrust("TLS: SSL_CERT_FILE or SSL_CERT_DIR names no certificates that can be read") from None
            context.set_alpn_protocols(["http/1.1"])
            self._context = context
        return self._context


def way_of(hop: Hop, proxies: EnvironmentProxies | OneProxy) -> Way:
    """What connections may carry it."""
    target = hop.target
    return Way(target.scheme, target.host, target.port, hop.trusted, proxies.proxy_for(target.scheme, target.host))


def core_request(hop: Hop, until: Until, headers: Iterable[tuple[str, str]]) -> httpcore.Request:
    """The hop as httpcore takes it."""
    target = hop.target
    host = f"[{target.host}]" if ":" in target.host else target.host
    standard = target.port == {"http": 80, "https": 443}.get(target.scheme)
    lines = [(b"Host", (host if standard else f"{host}:{target.port}").encode("ascii"))]
    lines += [(name.encode("ascii"), value.encode("latin-1")) for name, value in (*headers, *hop.headers)]
    if hop.body or hop.method == "POST":
        lines.append((b"Content-Length", str(len(hop.body)).encode("ascii")))
    url = httpcore.URL(
        scheme=target.scheme.encode("ascii"), host=host.encode("ascii"), port=None if standard else target.port, target=_path(hop.url)
    )
    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), until)
    return httpcore.Request(hop.method, url, headers=lines, content=hop.body, extensions={"timeout": timeouts})


def _path(url: str) -> bytes:
    """Path and query of a URL that ``split_url`` takes."""
    after = url.partition("://")[2].partition("#")[0]
    start = re.search(r"[/?]", after)
    path = after[start.start() :] if start else "/"
    path = path if path.startswith("/") else f"/{path}"
    return _TO_ENCODE.sub(lambda found: "".join(f"%{octet:02X}" for octet in found[0].encode()), path).encode("ascii")


def origin_of(way: Way) -> httpcore.Origin:
    """The origin of a direct connection."""
    host = f"[{way.host}]" if ":" in way.host else way.host
    return httpcore.Origin(way.scheme.encode("ascii"), host.encode("ascii"), way.port)


def proxy_of(way: Way) -> httpcore.Proxy:
    """The proxy of a connection that is not direct. Raises UnusableProxy."""
    address = split_proxy(way.proxy)
    return httpcore.Proxy(address.url, auth=(address.user, address.password) if address.user or address.password else None)


def header_table(lines: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name in lower case; several lines of one name joined (RFC 9110 5.3)."""
    table: dict[str, str] = {}
    for raw_name, raw_value in lines:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        table[name] = f"{table[name]}, {value}" if name in table else value
    return table


def left(until: float | None, expired: type[Exception]) -> float | None:
    """What is left of a time-out. Raises ``expired`` where nothing is."""
    if not isinstance(until, Until):
        return until
    seconds = until.end - monotonic()
    if seconds <= 0:
        raise expired
    return seconds


# ----------------------------------------------------------------------------------------------------------------- connections


class _Stream(httpcore.NetworkStream):
    """A stream on which an ``Until`` bounds all reads together.

    What is written leaves with the next read: head and body of a question in one packet, and one change of threads less.
    """

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._unsent = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._unsent:
            unsent, self._unsent = self._unsent, b""
            self._stream.write(unsent, left(timeout, httpcore.WriteTimeout))
        return self._stream.read(max_bytes, left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._unsent += buffer

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left(timeout, httpcore.ConnectTimeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _connected(guard: Guard | None, host: str, port: int, trusted: bool, until: float) -> tuple[httpcore.NetworkStream, str]:
    """A stream to the first address that answers, of those the guard permits; and that address. Without a guard any will do."""
    backend = httpcore.SyncBackend()
    addresses = permitted(guard, host, port, trusted, resolve(host, port, until))
    for index, address in enumerate(addresses, 1):
        seconds = left(Until.of(until), httpcore.ConnectTimeout) or 0.0
        try:
            return _Stream(backend.connect_tcp(address, port, share(seconds, len(addresses) - index + 1))), address
        except (httpcore.ConnectError, httpcore.ConnectTimeout):
            if index == len(addresses):
                raise
    raise httpcore.ConnectError


class _ToProxy(httpcore.NetworkBackend):
    """What httpcore's proxy connections connect by: the proxy is the caller's or the environment's, and not the guard's matter."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return _connected(None, host, port, False, timeout.end if isinstance(timeout, Until) else monotonic() + 15.0)[0]


class _Direct:
    """One connection to a server."""

    def __init__(self, way: Way, guard: Guard, trust: Trust, keepalive: float, until: float) -> None:
        stream, self.peer = _connected(guard, way.host, way.port, way.trusted, until)
        if way.scheme == "https":
            try:
                stream = stream.start_tls(trust.context(), way.host, Until.of(until))
            except BaseException:
                stream.close()
                raise
        self._connection = httpcore.HTTP11Connection(origin_of(way), stream, keepalive)

    def send(self, request: httpcore.Request) -> httpcore.Response:
        return self._connection.handle_request(request)

    @property
    def reusable(self) -> bool:
        return self._connection.is_idle() and not self._connection.has_expired()

    def close(self) -> None:
        self._connection.close()


class _Proxied:
    """One connection to a proxy, of which httpcore knows how it is made."""

    peer = None
    reusable = True  # httpcore makes another one inside if it has ended

    def __init__(self, way: Way, trust: Trust, keepalive: float) -> None:
        context = trust.context() if way.scheme == "https" or way.proxy.startswith("https") else None
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            proxy=proxy_of(way),
            max_connections=1,
            keepalive_expiry=keepalive,
            network_backend=_ToProxy(),
        )

    def send(self, request: httpcore.Request) -> httpcore.Response:
        return self._pool.handle_request(request)

    def close(self) -> None:
        self._pool.close()


class Answer:
    """What came back on a connection: iterate over the body, then ``close()``, which keeps the connection if it can be used again."""

    def __init__(self, response: httpcore.Response, connection: _Direct | _Proxied, way: Way, kept: Connections) -> None:
        self.status = response.status
        self.headers = header_table(response.headers)
        self.peer = connection.peer
        self.proxied = bool(way.proxy)
        self.decoded = False
        self._response, self._connection, self._way, self._kept = response, connection, way, kept

    def __iter__(self) -> Iterator[bytes]:
        yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()
        self._kept.give_back(self._way, self._connection)


class Connections:
    """The connections of one process, for all its threads."""

    def __init__(self, guard: Guard, proxies: EnvironmentProxies | OneProxy, trust: Trust, limits: Limits) -> None:
        self._guard = guard
        self._proxies = proxies
        self._trust = trust
        self._keepalive = limits.keepalive
        self._lock = Lock()
        self._kept: Kept[_Direct | _Proxied] = Kept(limits.connections)
        self._closed = False

    def send(self, hop: Hop, until: float, headers: Iterable[tuple[str, str]]) -> Answer:
        """Send one request on a connection that no other uses meanwhile. ``until`` is a time of ``time.monotonic()``."""
        way = way_of(hop, self._proxies)
        connection = self._taken(way) or self._made(way, until)
        try:
            return Answer(connection.send(core_request(hop, Until.of(until), headers)), connection, way, self)
        except BaseException:
            connection.close()
            raise

    def give_back(self, way: Way, connection: _Direct | _Proxied) -> None:
        """A request is done with it."""
        if self._closed or not connection.reusable:
            connection.close()
            return
        with self._lock:
            self._kept.put(way, connection)
            dropped = self._kept.drop_oldest() if self._kept.too_many else None
        if dropped is not None:
            dropped.close()

    def close(self) -> None:
        """Close what is free; what is in use is closed when it is given back."""
        self._closed = True
        with self._lock:
            free = self._kept.drain()
        for connection in free:
            connection.close()

    def _taken(self, way: Way) -> _Direct | _Proxied | None:
        while True:
            with self._lock:
                connection = self._kept.take(way)
            if connection is None or connection.reusable:
                return connection
            connection.close()

    def _made(self, way: Way, until: float) -> _Direct | _Proxied:
        self._drop_ended()
        if way.proxy:
            return _Proxied(way, self._trust, self._keepalive)
        return _Direct(way, self._guard, self._trust, self._keepalive, until)

    def _drop_ended(self) -> None:
        """Connections to servers that are not asked any more end with their time, whenever a new one is made."""
        while True:
            with self._lock:
                oldest = self._kept.oldest()
                if oldest is None or oldest.reusable:
                    return
                self._kept.drop_oldest()
            oldest.close()
