"""No more than so many requests go to one host at a time. A host that nobody asks takes no memory."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from threading import Lock, Semaphore
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from chaincheck.fetch.exchange import Exchange
    from chaincheck.fetch.guard import Target


class Turns:
    """For threads. ``limit``: requests to one scheme, host and port that are on their way at the same time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = Lock()
        self._hosts: dict[Target, tuple[Semaphore, int]] = {}

    @contextmanager
    def turn(self, exchange: Exchange, target: Target) -> Iterator[None]:
        """Wait for a turn, no longer than the exchange has time. Raises TimeoutError."""
        semaphore = self._enter(target)
        try:
            exchange.turn_at = self._limit
            if not semaphore.acquire(timeout=max(exchange.until - monotonic(), 0.0)):
                raise TimeoutError
            exchange.turn_at = 0
            try:
                yield
            finally:
                semaphore.release()
        finally:
            self._leave(target)

    def _enter(self, target: Target) -> Semaphore:
        with self._lock:
            semaphore, users = self._hosts.get(target) or (Semaphore(self._limit), 0)
            self._hosts[target] = semaphore, users + 1
            return semaphore

    def _leave(self, target: Target) -> None:
        with self._lock:
            semaphore, users = self._hosts[target]
            if users == 1:
                del self._hosts[target]
            else:
                self._hosts[target] = semaphore, users - 1


class AsyncTurns:
    """For the tasks of one event loop, which bound the wait in time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._hosts: dict[Target, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def turn(self, exchange: Exchange, target: Target) -> AsyncIterator[None]:
        """Wait for a turn."""
        semaphore, users = self._hosts.get(target) or (asyncio.Semaphore(self._limit), 0)
        self._hosts[target] = semaphore, users + 1
        try:
            exchange.turn_at = self._limit
            async with semaphore:
                exchange.turn_at = 0
                yield
        finally:
            semaphore, users = self._hosts[target]
            if users == 1:
                del self._hosts[target]
            else:
                self._hosts[target] = semaphore, users - 1
