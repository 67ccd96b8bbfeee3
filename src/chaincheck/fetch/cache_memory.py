"""The front of the cache: what was used last, in memory, as the same objects each time."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from chaincheck.fetch.cache_fork import fork_safe_lock

if TYPE_CHECKING:
    from chaincheck.fetch.cache_entry import Key, Stored


class Memory:
    """At most ``limit`` bytes; what was not used for longest goes first. For many threads.

    ``get`` gives the same ``bytes`` object as long as the entry stays: readers remember what they found by the object they read.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = fork_safe_lock()
        self._entries: OrderedDict[Key, Stored] = OrderedDict()
        self._bytes = 0

    def get(self, key: Key) -> Stored | None:
        """What is kept under the key."""
        with self._lock:
            stored = self._entries.get(key)
            if stored is not None:
                self._entries.move_to_end(key)
            return stored

    def keep(self, key: Key, stored: Stored) -> Stored:
        """Take an entry in unless a later one is there; returns the one that stands. The same body stays the object it was."""
        with self._lock:
            present = self._entries.get(key)
            if present is not None:
                if present.sha256 == stored.sha256 and present.body is not stored.body:
                    stored = replace(stored, body=present.body)
                if present.rank > stored.rank:
                    return present
                self._remove(key)
            if stored.size <= self._limit:
                self._entries[key] = stored
                self._bytes += stored.size
                while self._bytes > self._limit:
                    self._remove(next(iter(self._entries)))
            return stored

    def drop_earlier(self, key: Key, rank: tuple[int, int]) -> None:
        """Forget an entry that a later one of that rank has displaced elsewhere."""
        with self._lock:
            present = self._entries.get(key)
            if present is not None and present.rank < rank:
                self._remove(key)

    def drop(self, key: Key, sha256: str) -> None:
        """Forget an entry if it still has that body."""
        with self._lock:
            present = self._entries.get(key)
            if present is not None and present.sha256 == sha256:
                self._remove(key)

    def clear(self) -> int:
        """Forget everything; returns how many entries that was."""
        with self._lock:
            count = len(self._entries)
            self._entries.clear()
            self._bytes = 0
            return count

    def _remove(self, key: Key) -> None:
        self._bytes -= self._entries.pop(key).size
