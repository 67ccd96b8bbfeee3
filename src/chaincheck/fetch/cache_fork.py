"""Connections that no child process inherits, and locks that no child finds locked.

SQLite keeps what it knows of a file's locks in the process, by the file. A child would inherit that knowledge without the locks, also for
connections of its own ("How To Corrupt An SQLite Database File", 2.6). So before ``os.fork`` the parent lets transactions under way end,
and closes all connections; both processes open new ones when they need them.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from threading import Condition, Lock
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar
from weakref import WeakSet, finalize

if TYPE_CHECKING:
    from collections.abc import Iterator

_IDLE: Final = 4  # connections kept
_PATIENCE: Final = 5.0  # seconds that a fork waits for transactions: writing 100 MiB takes less than one


class Closable(Protocol):
    """A connection."""

    def close(self) -> None:
        """End it."""


C = TypeVar("C", bound=Closable)


class Pool(Generic[C]):
    """Connections of this process that are not in use."""

    def __init__(self) -> None:
        self._idle: list[C] = []
        self._entered = 0
        self._forking = False
        self._free = Condition(Lock())
        self._process = os.getpid()
        self._lost = False
        finalize(self, _close_all, self._idle)
        _watch(_POOLS, self)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """While a connection is used, and while one is opened. Raises OSError in a child that inherited connections all the same."""
        with self._free:
            if self._process != os.getpid():  # forked by something that does not tell Python
                self._give_up()
            if self._lost:
                raise OSError("this process was forked while its parent used the cache")
            self._free.wait_for(lambda: not self._forking, _PATIENCE)
            self._entered += 1
        try:
            yield
        finally:
            with self._free:
                self._entered -= 1
                self._free.notify_all()

    def take(self) -> C | None:
        """The connection used last, or None."""
        with self._free:
            return self._idle.pop() if self._idle else None

    def give(self, connection: C) -> None:
        """Give one back."""
        with self._free:
            if len(self._idle) < _IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close those not in use."""
        with self._free:
            if self._process == os.getpid():
                _close_all(self._idle)

    def before_fork(self) -> bool:
        """Let nobody in until ``after_fork``, wait for those in use, and close all. False where that took too long."""
        if not self._free.acquire(timeout=_PATIENCE):
            return False
        self._forking = True
        if self._free.wait_for(lambda: not self._entered, _PATIENCE):
            _close_all(self._idle)
            return True
        self._free.release()
        return False

    def after_fork(self, *, quiet: bool, child: bool) -> None:
        """In both processes; ``quiet`` is what ``before_fork`` returned."""
        if child:
            self._free = Condition(Lock())  # those that wait at the old one are threads of the parent
            if quiet:
                self._process = os.getpid()
            else:
                self._give_up()
        elif not quiet:
            self._free.acquire()
        self._forking = False
        if not child:
            self._free.notify_all()
            self._free.release()

    def _give_up(self) -> None:
        """Never touch the parent's connections, not even to close them: the closing writes to files. Where there are none, go on."""
        self._lost = bool(self._idle or self._entered)
        _ABANDONED.extend(self._idle)
        self._idle.clear()
        self._entered = 0
        self._forking = False
        self._process = os.getpid()


def fork_safe_lock() -> Lock:
    """A lock for short moments, which ``os.fork`` waits for."""
    lock = Lock()
    _watch(_LOCKS, lock)
    return lock


_POOLS: WeakSet[Pool[Any]] = WeakSet()
_LOCKS: WeakSet[Any] = WeakSet()
_ABANDONED: list[object] = []
_held: list[tuple[Any, bool]] = []
_watching = False


def _watch(watched: WeakSet[Any], one: object) -> None:
    global _watching  # noqa: PLW0603 - once in a process, and not when the module is imported
    watched.add(one)
    if not _watching and hasattr(os, "register_at_fork"):
        _watching = True
        os.register_at_fork(before=_before, after_in_parent=lambda: _after(child=False), after_in_child=lambda: _after(child=True))


def _before() -> None:
    """Locks first: whoever holds one may be making a pool, and who uses a connection wants none."""
    _held.extend([(lock, lock.acquire(timeout=_PATIENCE)) for lock in list(_LOCKS)])
    _held.extend([(pool, pool.before_fork()) for pool in list(_POOLS)])


def _after(*, child: bool) -> None:
    while _held:
        one, quiet = _held.pop()
        if isinstance(one, Pool):
            one.after_fork(quiet=quiet, child=child)
        elif quiet:
            one.release()


def _close_all(connections: list[Any]) -> None:
    while connections:
        connections.pop().close()
