"""The cache on disk: one SQLite database for all processes of a user.

Each operation is one transaction of a write-ahead log with ``synchronous = NORMAL``: what was committed survives the death of the process
at any moment, and a failure of power cannot damage the file. Connections are kept in a small pool, and one is used by one thread at a
time: a lock around a single one would make everybody wait for a large list being read, and one for each thread would outlive its thread.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from chaincheck.fetch.cache_directory import make_directory
from chaincheck.fetch.cache_entry import Unavailable
from chaincheck.fetch.cache_file import Files, Identity, identity
from chaincheck.fetch.cache_fork import Pool
from chaincheck.fetch.cache_schema import foreign, is_sound, prepare, tune

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

_BUSY_SECONDS: Final = 5.0  # another process writing a list of 100 MiB takes less than one
_ATTEMPTS: Final = 3  # the file may be found damaged, or be replaced, while it is used
_DAMAGE: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}  # the last: a table or column that is not there
_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class Handle(NamedTuple):
    """A connection and the file that it is connected to."""

    connection: sqlite3.Connection
    path: Path
    identity: Identity

    @property
    def stands(self) -> bool:
        """Whether that file is still the one of its name."""
        return identity(self.path) == self.identity

    def close(self) -> None:
        """Close the connection, whatever state it is in."""
        with suppress(sqlite3.Error):
            self.connection.close()


class Database:
    """Runs transactions. Opened when first used, and again after ``close``; for many threads, and after ``fork``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files = Files(directory)
        self._checked: Identity | None = None
        self.pool: Pool[Handle] = Pool()

    def exists(self) -> bool:
        """Whether there is a database; nothing is made. Raises Unavailable where there can be none."""
        try:
            return self._files.present() is not None
        except FileNotFoundError:
            return False
        except OSError as error:
            raise Unavailable(error.strerror or str(error)) from error

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a transaction that sees one state of the database. Raises Unavailable and nothing else."""
        return self._transaction("BEGIN", work)

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a transaction; when this returns it is committed to the file that is in use. Raises Unavailable and nothing else."""
        return self._transaction("BEGIN IMMEDIATE", work)

    def clear(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """As ``write``, and give the space back to the file system, with the files that were set aside."""
        result = self.write(work)

        def shrink(connection: sqlite3.Connection) -> None:
            with suppress(sqlite3.OperationalError):  # somebody reads: the space is used again later
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

        self._run(shrink)
        with suppress(OSError), self._files.locked():
            self._files.remove_unused()
        return result

    def _transaction(self, begin: str, work: Callable[[sqlite3.Connection], T]) -> T:
        def transaction(connection: sqlite3.Connection) -> T:
            connection.execute(begin)
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                    connection.execute("ROLLBACK")
                raise
            return result

        return self._run(transaction)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        for _ in range(_ATTEMPTS):
            try:
                with self.pool.entered():
                    handle = self._take()
                    try:
                        result = work(handle.connection)
                    except BaseException as error:
                        handle.close()
                        if not isinstance(error, sqlite3.Error) or not _is_damage(error):
                            raise
                        self._set_aside(handle, f"is damaged ({error})")
                        continue
                    if handle.stands:
                        self.pool.give(handle)
                        return result
                    handle.close()  # replaced meanwhile: what was written is lost with the old file
            except sqlite3.Error as error:
                code = getattr(error, "sqlite_errorcode", None)
                raise Unavailable(str(error), passing=code is not None and code & 0xFF in _BUSY) from error
            except TimeoutError as error:
                raise Unavailable(str(error), passing=True) from error
            except OSError as error:
                raise Unavailable(error.strerror or str(error)) from error
            except (ValueError, OverflowError, TypeError) as error:  # a URL that is not Unicode, a number of more than 64 bits
                raise Unavailable(f"an entry cannot be read or written ({error})", passing=True) from error
        raise Unavailable("its file is damaged or replaced again and again")

    def _take(self) -> Handle:
        while (handle := self.pool.take()) is not None:
            if handle.stands:
                return handle
            handle.close()
        return self._open()

    def _open(self) -> Handle:
        problem = make_directory(self._directory)
        if problem is not None:
            raise Unavailable(problem)
        with self._files.locked():
            path = self._files.present() or self._files.fresh()
            for _ in range(_ATTEMPTS):
                handle, fault = self._connected(path)
                if handle is not None:
                    return handle
                path = self._files.set_aside(path, fault)
        raise Unavailable("its file is damaged again and again")

    def _connected(self, path: Path) -> tuple[Handle | None, str]:
        """The open database, or what is wrong with the file. Under the lock."""
        found = identity(path)
        if found is None:
            raise FileNotFoundError(2, "the file has gone", str(path))
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            fault = foreign(connection)
            if fault is None:
                tune(connection)
                prepare(connection)
                fault = None if found == self._checked or is_sound(connection) else "is damaged"
        except sqlite3.Error as error:
            connection.close()
            if not _is_damage(error):
                raise
            return None, f"is damaged ({error})"
        if fault is not None:
            connection.close()
            return None, fault
        self._checked = found
        return Handle(connection, path, found), ""

    def _set_aside(self, handle: Handle, reason: str) -> None:
        """Unless another process did so already, and the name is that of a file that is gone."""
        with self._files.locked():
            if self._files.present() == handle.path and handle.stands:
                self._files.set_aside(handle.path, reason)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self.pool.close()


def _is_damage(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGE
