"""The cache of fetched evidence: memory in front of a database that all processes of a user share.

It is asked and told by the fetchers of ``caching``, and told after a diagnosis what proved to be good evidence. Whatever becomes of the
disk, nothing is raised: then the cache is memory alone, and a warning is logged once.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING, Final, TypeVar

from chaincheck.fetch import cache_rows as rows
from chaincheck.fetch.cache_directory import default_directory
from chaincheck.fetch.cache_entry import CacheInfo, Key, Stored, Unavailable
from chaincheck.fetch.cache_fork import fork_safe_lock
from chaincheck.fetch.cache_memory import Memory
from chaincheck.fetch.request import Outcome, Response
from chaincheck.logs import fetching

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Callable

    from chaincheck.fetch.cache_database import Database
    from chaincheck.fetch.request import Request

T = TypeVar("T")
_MIB: Final = 1024 * 1024
FAILURE_SECONDS: Final = 60
"""How long a failure is remembered: Windows tries an address that failed again after a minute (KB 884115)."""

_FAILURES_KEPT: Final = 4096  # in memory
_LONGEST_URL: Final = (
    8192  # characters, about what RFC 9110 4.1 wants supported: nothing is kept for longer ones, which count for 512 bytes
)
_FAILURES: Final = frozenset((Outcome.UNREACHABLE, Outcome.TIMEOUT, Outcome.BAD_REDIRECT, Outcome.TOO_LARGE))
_STATUSES: Final = frozenset((403, 404, 410, 429))  # and 5xx: the same in a minute's time; others may depend on what was asked
_USES_KEPT: Final = 512  # uses noted in memory before they are written
_USES_SECONDS: Final = 60.0
_USE_IS_OLD: Final = 3600.0  # a process that lives for a moment writes down a use when the last one is as long ago
_RETRY_SECONDS: Final = 60.0  # a disk that cannot be written is tried again after that


class Cache:
    """Fetched evidence, kept for all processes of a user.

    ``directory``: None for ``CHAINCHECK_CACHE_DIR`` or the platform's folder for caches. ``max_bytes`` bounds what is kept on disk,
    ``memory_bytes`` what this process keeps in memory, the least recently used going first; an entry larger than a bound is not kept there.
    Made and opened when first used, for many threads and processes, and after ``fork``. What comes out is verified again by who uses it.
    """

    def __init__(
        self, directory: str | os.PathLike[str] | None = None, *, max_bytes: int = 512 * _MIB, memory_bytes: int = 128 * _MIB
    ) -> None:
        self._problem: str | None = None
        self._directory: Path | None = None
        try:
            self._directory = default_directory() if directory is None else Path(directory).absolute()
        except (RuntimeError, OSError) as error:  # no home, or no working directory
            self._problem = f"there is no folder for it ({error})"
        self._max_bytes = max_bytes
        self._memory = Memory(memory_bytes)
        self._lock = fork_safe_lock()
        self._database: Database | None = None
        self._uses: dict[Key, float] = {}
        self._uses_written = monotonic()
        self._failures: dict[tuple[Key, bool], rows.Failed] = {}
        self._closed_until = 0.0
        self._warned: set[str] = set()

    def __repr__(self) -> str:
        return f"Cache({str(self._directory) if self._directory else None!r})"

    @property
    def directory(self) -> Path | None:
        """Where it lies; None where this user has no place for it."""
        return self._directory

    # ------------------------------------------------------------------------------------------------------------ evidence

    def get(self, key: Key) -> Stored | None:
        """What is kept for a question (``Request.key``), with the same ``bytes`` object as long as it stays in memory."""
        stored = self.at_hand(key) or self._look_up(key)
        if len(self._uses) > _USES_KEPT or monotonic() - self._uses_written > _USES_SECONDS:
            self._write_uses()
        return stored

    def at_hand(self, key: Key) -> Stored | None:
        """``get`` from memory alone, without waiting for the disk. None too where another process may have something newer."""
        now = time()
        stored = self._memory.get(key)
        if stored is None or stored.due(now):
            return None
        self._uses[key] = now
        return stored

    def put(self, key: Key, stored: Stored) -> bool:
        """Keep verified evidence, unless a later one is there: by thisUpdate, then by the time it was received.

        True: this body is on disk, and the death of the process cannot lose it. False: a later one stands there, or nothing can be
        kept there now, and it is in memory alone.
        """
        if len(key[2]) > _LONGEST_URL:
            return False
        if stored.size > self._max_bytes:
            self._memory.keep(key, stored)
            return False
        uses, now = self._take_uses(), time()

        def work(connection: sqlite3.Connection) -> rows.Standing:
            rows.note_uses(connection, uses)
            return rows.put(connection, key, stored, now, self._max_bytes)

        standing = self._write(work)
        if standing is None or (standing.kept and standing.rank == stored.rank):
            self._memory.keep(key, stored)
        else:
            self._memory.drop_earlier(key, standing.rank)
        return standing is not None and standing.kept

    def refreshed(self, key: Key, sha256: str, received_at: int, refresh_at: int | None, etag: str = "", last_modified: str = "") -> None:
        """The same body was confirmed (304): it counts as received then. An empty validator leaves the earlier one."""
        stored = self._memory.get(key)
        if stored is not None and stored.sha256 == sha256 and stored.received_at <= received_at:
            etag_now, modified_now = etag or stored.etag, last_modified or stored.last_modified
            stored = replace(stored, received_at=received_at, refresh_at=refresh_at, etag=etag_now, last_modified=modified_now)
            self._memory.keep(key, stored)
        self._write(lambda connection: rows.refreshed(connection, key, sha256, received_at, refresh_at, etag, last_modified))

    def reject(self, key: Key, sha256: str) -> None:
        """What came out failed verification: drop it, if it still is that body."""
        self._memory.drop(key, sha256)
        self._write(lambda connection: rows.reject(connection, key, sha256))

    def _look_up(self, key: Key) -> Stored | None:
        """From disk. Where there is nothing, what memory holds stands: evidence counts by its own dates."""
        known = self._memory.get(key)
        found = self._read(lambda connection: rows.find(connection, key, known))
        if found is None:
            stored = known
        elif found.stored is None:
            fetching.warning("a damaged entry of the cache was dropped: %s", key[0])
            self._write(lambda connection: rows.reject(connection, key, found.sha256))
            stored = known
        else:
            stored = self._memory.keep(key, found.stored)
        if stored is not None:
            self._uses[key] = now = time()
            if found is not None and now - found.used_at > _USE_IS_OLD:
                self._write_uses()
        return stored

    # ------------------------------------------------------------------------------------------------------------ failures

    def failed(self, response: Response) -> None:
        """Remember for a minute how asking ended, where asking again would end the same.

        Not what the guard or the proxy refused, and not what was not asked: that depends on who asks. Nor a time-out after less than half
        of the time that the request allows: that was the end of the time for all requests together.
        """
        status = response.status or 0
        by_status = response.outcome is Outcome.HTTP_STATUS and (status in _STATUSES or 500 <= status <= 599)
        if not (by_status or response.outcome in _FAILURES) or _cut_short(response.request, response.outcome, response.elapsed):
            return
        if len(response.request.url) > _LONGEST_URL:
            return
        key, anchored = response.request.key, response.request.anchored
        failed = rows.Failed(response.outcome, response.status, response.detail, response.received_at or int(time()), response.elapsed)
        self._keep_failure(key, anchored, failed)
        before = int(time()) - FAILURE_SECONDS
        self._write(lambda connection: rows.put_failure(connection, key, anchored, failed, before))

    def recent_failure(self, request: Request) -> Response | None:
        """The failure of the last minute that answers this request: of the same question, on the word of the same sort of certificate.

        A time-out answers only who would not wait more than twice as long.
        """
        key, anchored = request.key, request.anchored
        with self._lock:
            failed = self._failures.get((key, anchored))
        if failed is None or not _answers(failed, request):
            failed = self._read(lambda connection: rows.find_failure(connection, key, anchored))
            if failed is None or not _answers(failed, request):
                return None
            self._keep_failure(key, anchored, failed)
        detail = f"{failed.detail} (remembered: asked again after {FAILURE_SECONDS} s)"
        return Response(request=request, outcome=failed.outcome, status=failed.status, detail=detail, received_at=failed.failed_at)

    def _keep_failure(self, key: Key, anchored: bool, failed: rows.Failed) -> None:
        with self._lock:
            self._failures.pop((key, anchored), None)
            while len(self._failures) >= _FAILURES_KEPT:
                del self._failures[next(iter(self._failures))]
            self._failures[key, anchored] = failed

    # ------------------------------------------------------------------------------------------------------- as a whole

    def info(self) -> CacheInfo:
        """What is held on disk, the uses by this process included. Makes nothing."""
        found = None
        if self._exists():
            self._write_uses()
            found = self._read(rows.census)
        if found is None:
            return CacheInfo(directory=self._directory, limit=self._max_bytes, by_kind={}, problem=self._problem)
        return CacheInfo(
            directory=self._directory,
            entries=sum(entries for entries, _ in found.by_kind.values()),
            bytes=sum(size for _, size in found.by_kind.values()),
            limit=self._max_bytes,
            by_kind=found.by_kind,
            oldest_use=_moment(found.oldest),
            newest_use=_moment(found.newest),
            problem=self._problem,
        )

    def clear(self) -> int:
        """Forget everything, on disk and in memory, files set aside included. Returns how many entries that was."""
        self._take_uses()
        with self._lock:
            self._failures.clear()
        in_memory = self._memory.clear()
        on_disk = self._tried(lambda database: database.clear(rows.clear)) if self._exists() else None
        return in_memory if on_disk is None else on_disk

    def close(self) -> None:
        """Write what is noted and close the connections of this process. The next use opens them again."""
        self._write_uses()
        if self._database is not None:
            self._database.close()

    # ---------------------------------------------------------------------------------------------------------------- uses

    def _take_uses(self) -> list[tuple[float, str, str, str, str]]:
        """Noted in memory, and written by and by: a read shall not cost a write."""
        uses, self._uses = self._uses, {}
        self._uses_written = monotonic()
        return [(used, *key) for key, used in uses.copy().items()]

    def _write_uses(self) -> None:
        uses = self._take_uses()
        if uses:
            self._write(lambda connection: rows.note_uses(connection, uses))

    # ---------------------------------------------------------------------------------------------------------------- disk

    def _exists(self) -> bool:
        return bool(self._tried(lambda database: database.exists()))

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        return self._tried(lambda database: database.read(work))

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        return self._tried(lambda database: database.write(work))

    def _tried(self, work: Callable[[Database], T]) -> T | None:
        """None where the disk cannot be used now."""
        database = self._opened()
        if database is None or monotonic() < self._closed_until:
            return None
        try:
            result = work(database)
        except Unavailable as error:
            self._without_disk(str(error), passing=error.passing)
            return None
        self._problem = None
        return result

    def _opened(self) -> Database | None:
        if self._database is None:
            self._database = self._new_database()
        return self._database

    def _new_database(self) -> Database | None:
        if self._directory is None:
            self._without_disk(self._problem or "there is no folder for it", passing=False)
            return None
        try:
            with self._lock:  # which a fork waits for: a child would find the lock of a module held whose import was under way
                from chaincheck.fetch.cache_database import Database

                return self._database or Database(self._directory)  # of two threads at once, the other's
        except ImportError as error:  # a Python built without SQLite
            self._without_disk(str(error), passing=False)
            return None

    def _without_disk(self, reason: str, *, passing: bool) -> None:
        if not passing:
            self._problem = reason
            self._closed_until = monotonic() + _RETRY_SECONDS
        if reason not in self._warned and len(self._warned) < 8:
            self._warned.add(reason)
            level = logging.INFO if passing else logging.WARNING
            fetching.log(level, "evidence is not kept in %s: %s", self._directory or "a cache folder", reason)


def _answers(failed: rows.Failed, request: Request) -> bool:
    return 0 <= time() - failed.failed_at < FAILURE_SECONDS and not _cut_short(request, failed.outcome, failed.waited)


def _cut_short(request: Request, outcome: Outcome, waited: float) -> bool:
    return outcome is Outcome.TIMEOUT and request.timeout > 2 * waited


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


_defaults: dict[Path | None, Cache] = {}


def default_cache() -> Cache:
    """One for each directory that the environment names, for the whole process; made when first needed."""
    try:
        directory = default_directory()
    except (RuntimeError, OSError):
        return _defaults.get(None) or _defaults.setdefault(None, Cache())
    return _defaults.get(directory) or _defaults.setdefault(directory, Cache(directory))
