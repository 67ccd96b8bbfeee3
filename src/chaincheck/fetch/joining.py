"""Requests for the same thing at the same time are one request: who comes later waits for the answer of who came first."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from threading import Event, Lock
from time import monotonic
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

from chaincheck.fetch.exchange import timed_out
from chaincheck.fetch.request import Outcome, Request, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_ABOUT: Final = 0.1  # seconds: to report a time-out takes a moment; and no more time than this is worth asking again for
_Key: TypeAlias = tuple[object, ...]


def key_of(request: Request) -> _Key:
    """What decides the answer. Not the certificate that names the URL, and not the time there is."""
    return request.key, request.anchored, request.headers, request.size_limit


_Landed = TypeVar("_Landed", Event, asyncio.Event)


class _Flight(Generic[_Landed]):
    """A request on its way. ``until``: when the one that asks gives up (``time.monotonic()``)."""

    __slots__ = ("landed", "response", "until")

    def __init__(self, until: float, landed: _Landed) -> None:
        self.until = until
        self.landed: _Landed = landed
        self.response: Response | None = None

    def answer_for(self, request: Request, until: float) -> Response | None:
        """The answer, if it is one for a request that has time until then: that the first one ran out of its time says nothing to one that
        has more.
        """
        response = self.response
        if response is None or (response.outcome is Outcome.TIMEOUT and until > max(self.until, monotonic()) + _ABOUT):
            return None
        return replace(response, request=request)


class Joining:
    """For threads. Where the first one ends without an answer, killed or interrupted, the next one asks."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._flights: dict[_Key, _Flight[Event]] = {}

    def fetch(self, request: Request, until: float, ask: Callable[[], Response]) -> Response:
        """The answer of ``ask``, or that of another thread that is asking the same. Ends at ``until`` (``time.monotonic()``)."""
        started, key = monotonic(), key_of(request)
        while True:
            with self._lock:
                flight = self._flights.get(key)
                first = flight is None or flight.until + _ABOUT <= monotonic()  # one that overstays its time is not waited for
                if flight is None or first:
                    flight = self._flights[key] = _Flight(until, Event())
            if first:
                return self._lead(key, flight, ask)
            flight.landed.wait(max(min(until, flight.until) + _ABOUT - monotonic(), 0.0))
            answer = flight.answer_for(request, until)
            if answer is not None:
                return answer
            if until <= monotonic():
                return timed_out(request, started, until)

    def _lead(self, key: _Key, flight: _Flight[Event], ask: Callable[[], Response]) -> Response:
        try:
            flight.response = ask()
            return flight.response
        finally:
            with self._lock:
                if self._flights.get(key) is flight:
                    del self._flights[key]
            flight.landed.set()


class AsyncJoining:
    """For the tasks of one event loop. Where the first one is cancelled, the next one asks."""

    def __init__(self) -> None:
        self._flights: dict[_Key, _Flight[asyncio.Event]] = {}

    async def fetch(self, request: Request, until: float, ask: Callable[[], Awaitable[Response]]) -> Response:
        """As ``Joining.fetch``."""
        started, key = monotonic(), key_of(request)
        while True:
            flight = self._flights.get(key)
            if flight is None or flight.until + _ABOUT <= monotonic():
                flight = self._flights[key] = _Flight(until, asyncio.Event())
                return await self._lead(key, flight, ask)
            try:
                async with asyncio.timeout(max(min(until, flight.until) + _ABOUT - monotonic(), 0.0)):
                    await flight.landed.wait()
            except TimeoutError:
                pass
            answer = flight.answer_for(request, until)
            if answer is not None:
                return answer
            if until <= monotonic():
                return timed_out(request, started, until)

    async def _lead(self, key: _Key, flight: _Flight[asyncio.Event], ask: Callable[[], Awaitable[Response]]) -> Response:
        try:
            flight.response = await ask()
            return flight.response
        finally:
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.landed.set()
