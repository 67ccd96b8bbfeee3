"""The files of the cache in their directory: which of them is in use, and how a damaged one is set aside.

The name of a database is used once: ``evidence-<milliseconds since 1970>.sqlite3``, and the highest number is in use. SQLite deletes the
write-ahead log by name when the last connection closes, and would delete that of the successor if a file were renamed or deleted and
another took its name while a process still has the first one open ("How To Corrupt An SQLite Database File", 2.4).
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from time import monotonic, sleep, time_ns
from typing import TYPE_CHECKING, Final

from chaincheck.logs import fetching

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK_SECONDS: Final = 5.0  # opening a file, with its check, takes some milliseconds
_DAMAGED_KEPT: Final = 2  # files set aside that stay for who wants to know
_NAME = re.compile(r"evidence-([0-9]{1,15})\.sqlite3")
_BESIDE = ("", "-wal", "-shm", "-journal")  # what SQLite has beside a database

Identity = tuple[int, int]


class Files:
    """The databases of one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone among all processes and threads: whoever opens a database or sets one aside. Raises OSError after five seconds."""
        descriptor = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            limit = monotonic() + _LOCK_SECONDS
            while not _lock(descriptor):
                if monotonic() > limit:
                    raise TimeoutError("another process holds the lock of the cache")
                sleep(0.005)
            try:
                yield
            finally:
                _unlock(descriptor)  # not by closing alone: a child may have inherited the descriptor
        finally:
            os.close(descriptor)

    def present(self) -> Path | None:
        """The database in use; None where there is none yet."""
        names = [match for name in os.listdir(self._directory) if (match := _NAME.fullmatch(name))]  # noqa: PTH208 - no objects
        return self._directory / max(names, key=lambda match: int(match[1]))[0] if names else None

    def fresh(self) -> Path:
        """An empty file for a new database, readable by its user alone, as SQLite then makes those beside it. Under the lock."""
        last = self.present()
        return self._made(0 if last is None else _number(last))

    def set_aside(self, path: Path, reason: str) -> Path:
        """Move a file that cannot be used out of the way and begin a new one. Under the lock."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        aside = path.with_name(f"{path.name}.damaged-{stamp}")
        fetching.warning("the cache file %s %s; it is set aside as %s", path, reason, aside.name)
        following = self._made(_number(path))  # first: whoever is killed here leaves the damaged file unused
        for beside in _BESIDE:
            with suppress(OSError):  # not there; on Windows also: still open in another process
                path.with_name(path.name + beside).rename(aside.with_name(aside.name + beside))
        self.remove_unused(keep=_DAMAGED_KEPT)
        return following

    def remove_unused(self, keep: int = 0) -> None:
        """Delete files that were set aside, but for the newest, and those that could not be. Under the lock."""
        names = os.listdir(self._directory)  # noqa: PTH208 - no objects
        aside = sorted({match[1] for name in names if (match := _ASIDE.match(name))}, key=_moment)
        used = self.present()
        passed = [name for name in names if _NAME.fullmatch(name) and used is not None and name != used.name]
        for base in [*aside[: len(aside) - keep], *passed]:
            for beside in _BESIDE:
                with suppress(OSError):
                    (self._directory / (base + beside)).unlink()

    def _made(self, last: int) -> Path:
        number = max(last + 1, time_ns() // 1_000_000)
        path = self._directory / f"evidence-{number}.sqlite3"
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        return path


_ASIDE = re.compile(r"(evidence-[0-9]{1,15}\.sqlite3\.damaged-[0-9T.]+Z)")


def _moment(base: str) -> str:
    return base.rpartition("-")[2]


def identity(path: Path) -> Identity | None:
    """What tells one file from another of the same name; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - half the time of Path.stat, for every access
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _number(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise ValueError(path.name)
    return int(match[1])


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
