"""A client of the caller's, with httpx's interface, used like a connection of our own."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from chaincheck.fetch.exchange import Hop


class Injected:
    """Sends by the ``httpx.Client`` or what is like it: without its cookies and credentials, and following no redirect."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def send(self, hop: Hop, until: float, headers: Iterable[tuple[str, str]]) -> Answer:
        """As ``transport.Connections.send``."""
        return Answer(self._client.send(_built(self._client, hop, until, headers), stream=True, auth=None, follow_redirects=False))

    def close(self) -> None:
        """The client is the caller's to close."""


class AsyncInjected:
    """``Injected`` for an ``httpx.AsyncClient``."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def send(self, hop: Hop, until: float, headers: Iterable[tuple[str, str]]) -> Answer:
        """As ``transport_async.AsyncConnections.send``."""
        request = _built(self._client, hop, until, headers)
        return Answer(await self._client.send(request, stream=True, auth=None, follow_redirects=False))

    async def aclose(self) -> None:
        """The client is the caller's to close."""


class Answer:
    """Of where it came from we know nothing. What a mock or a cache of the client's has read already is taken as it is."""

    peer: str | None = None
    proxied = False

    def __init__(self, response: Any) -> None:
        self.status: int = response.status_code
        self.headers: Any = response.headers
        self.decoded: bool = response.is_stream_consumed
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        yield from (self._response.content,) if self.decoded else self._response.iter_raw()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.decoded:
            yield self._response.content
            return
        async for chunk in self._response.aiter_raw():
            yield chunk

    def close(self) -> None:
        self._response.close()

    async def aclose(self) -> None:
        await self._response.aclose()


def _built(client: Any, hop: Hop, until: float, headers: Iterable[tuple[str, str]]) -> Any:
    seconds = max(until - monotonic(), 0.001)
    request = client.build_request(
        hop.method,
        hop.url,
        content=hop.body or None,
        headers=[*headers, *hop.headers],
        extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), seconds)},
    )
    for name in ("Cookie", "Authorization"):  # an injected client may bring its own: they are nothing to whom a certificate names
        request.headers.pop(name, None)
    return request
