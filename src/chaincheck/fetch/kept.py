"""Connections between two requests: found by where they lead, used by one request at a time, dropped when idle for long or too many."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, NamedTuple, TypeVar

Connection = TypeVar("Connection")


class Way(NamedTuple):
    """What connections must have in common to be the same: where they lead, on whose word they were made, through which proxy."""

    scheme: str
    host: str
    port: int
    trusted: bool
    proxy: str


class Limits(NamedTuple):
    """``connections``: free ones that are kept; ``keepalive``: for how many seconds."""

    connections: int
    keepalive: float


class Kept(Generic[Connection]):
    """Free connections, at most ``limit`` of them, the least recently used ways dropped first. It does no I/O, so it serves both kinds.

    A pool that is asked for a connection looks at all it has; here taking one costs the same however many there are. The one used last is
    taken first: the others grow old and are dropped.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._free: OrderedDict[Way, list[Connection]] = OrderedDict()

    def take(self, way: Way) -> Connection | None:
        """A free connection; it may have ended meanwhile, which is for the caller to see."""
        free = self._free.get(way)
        if not free:
            return None
        self._count -= 1
        connection = free.pop()
        if not free:
            del self._free[way]
        return connection

    def put(self, way: Way, connection: Connection) -> None:
        """Keep a connection for the next request."""
        self._free.setdefault(way, []).append(connection)
        self._free.move_to_end(way)
        self._count += 1

    def oldest(self) -> Connection | None:
        """The one that was not used for longest, as far as the order of ways tells."""
        return next(iter(self._free.values()))[0] if self._free else None

    def drop_oldest(self) -> Connection:
        """Take the oldest one out, to be closed."""
        way, free = next(iter(self._free.items()))
        self._count -= 1
        connection = free.pop(0)
        if not free:
            del self._free[way]
        return connection

    @property
    def too_many(self) -> bool:
        """More are kept than should be."""
        return self._count > self._limit

    def drain(self) -> list[Connection]:
        """All of them, to be closed."""
        found = [connection for free in self._free.values() for connection in free]
        self._free.clear()
        self._count = 0
        return found
