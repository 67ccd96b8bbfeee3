"""The statements of the cache: each function is the work of one transaction."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from chaincheck.fetch.cache_entry import Stored
from chaincheck.fetch.request import Outcome

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from chaincheck.fetch.cache_entry import Key

_KEY: Final = "kind = ? AND method = ? AND url = ? AND request = ?"
_TIMES: Final = "this_update, next_update, received_at, refresh_at, etag, last_modified, sha256"

Use = tuple[float, str, str, str, str]
"""When an entry was used, and its key."""


class Found(NamedTuple):
    """A row: ``stored`` is None where its body is not the one that was put there."""

    stored: Stored | None
    sha256: str
    used_at: float


def find(connection: sqlite3.Connection, key: Key, known: Stored | None) -> Found | None:
    """The entry; with the body of ``known`` where that is the same, without reading it again."""
    row = connection.execute(f"SELECT id, used_at, {_TIMES} FROM evidence WHERE {_KEY}", key).fetchone()  # noqa: S608
    if row is None:
        return None
    number, used_at, *times, digest = row
    if known is not None and digest == known.sha256:
        return Found(_stored(known.body, times, digest), digest, float(used_at))
    body = _body(connection, number)
    if body is None or sha256(body).hexdigest() != digest:
        return Found(None, str(digest), 0.0)
    return Found(_stored(body, times, digest), digest, float(used_at))


def _body(connection: sqlite3.Connection, number: int) -> bytes | None:
    """Read as a BLOB of its own, which for a large list takes half the time and half the memory of a column in a row."""
    import sqlite3

    try:
        with connection.blobopen("body", "content", number, readonly=True) as blob:
            return blob.read()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        return None  # no such row, or not a BLOB


def _stored(body: bytes, times: list[Any], digest: str) -> Stored | None:
    """None where a column is not what it must be: SQLite keeps any type in any column, and a damaged page says anything."""
    this_update, next_update, received_at, refresh_at, etag, last_modified = times
    numbers = (this_update, received_at, *(one for one in (next_update, refresh_at) if one is not None))
    if not all(isinstance(one, int) for one in numbers) or not (isinstance(etag, str) and isinstance(last_modified, str)):
        return None
    return Stored(
        body=body,
        this_update_s=this_update,
        next_update_s=next_update,
        received_at=received_at,
        refresh_at=refresh_at,
        etag=etag,
        last_modified=last_modified,
        sha256=digest,
    )


class Standing(NamedTuple):
    """What stands under a key after a ``put``: whether that is the body that was put, and its rank."""

    kept: bool
    rank: tuple[int, int]


def put(connection: sqlite3.Connection, key: Key, stored: Stored, now: float, limit: int) -> Standing:
    """Write an entry unless a later one is there, and make room for it. All in one transaction, so it holds between processes."""
    row = connection.execute(f"SELECT id, this_update, received_at, sha256 FROM evidence WHERE {_KEY}", key).fetchone()  # noqa: S608
    if row is not None and (row[1], row[2]) >= stored.rank:
        return Standing(row[3] == stored.sha256, (row[1], row[2]))
    values = (stored.this_update_s, stored.next_update_s, stored.received_at, stored.refresh_at, stored.etag, stored.last_modified)
    if row is None:
        number = connection.execute(
            f"INSERT INTO evidence (kind, method, url, request, {_TIMES}, size, used_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
            (*key, *values, stored.sha256, stored.size, now),
        ).lastrowid
    else:
        number = row[0]
        connection.execute(
            "UPDATE evidence SET this_update = ?, next_update = ?, received_at = ?, refresh_at = ?, etag = ?, last_modified = ?,"
            " sha256 = ?, size = ?, used_at = ? WHERE id = ?",
            (*values, stored.sha256, stored.size, now, number),
        )
    if row is None or row[3] != stored.sha256:
        connection.execute("INSERT OR REPLACE INTO body VALUES (?, ?)", (number, stored.body))
    _make_room(connection, limit, number)
    return Standing(True, stored.rank)


def _make_room(connection: sqlite3.Connection, limit: int, spared: int | None) -> None:
    """Least recently used first. The entry just written stays: it fits by itself."""
    held = connection.execute("SELECT bytes FROM held").fetchone()[0]
    while held > limit:
        row = connection.execute("SELECT id, size FROM evidence WHERE id IS NOT ? ORDER BY used_at, id LIMIT 1", (spared,)).fetchone()
        if row is None:
            return
        connection.execute("DELETE FROM evidence WHERE id = ?", (row[0],))
        held -= row[1]


def refreshed(
    connection: sqlite3.Connection, key: Key, digest: str, received_at: int, refresh_at: int | None, etag: str, last_modified: str
) -> None:
    """The same body came again: later times. An empty validator leaves the one that is there."""
    connection.execute(
        "UPDATE evidence SET received_at = ?, refresh_at = ?,"  # noqa: S608 - no value stands in the text
        " etag = CASE WHEN ? = '' THEN etag ELSE ? END, last_modified = CASE WHEN ? = '' THEN last_modified ELSE ? END"
        f" WHERE {_KEY} AND sha256 = ? AND received_at <= ?",
        (received_at, refresh_at, etag, etag, last_modified, last_modified, *key, digest, received_at),
    )


def reject(connection: sqlite3.Connection, key: Key, digest: str) -> None:
    """Delete an entry if it still has that body."""
    connection.execute(f"DELETE FROM evidence WHERE {_KEY} AND sha256 = ?", (*key, digest))  # noqa: S608


def note_uses(connection: sqlite3.Connection, uses: Iterable[Use]) -> None:
    """When entries were used last."""
    rows = [(used, *key, used) for used, *key in uses]
    connection.executemany(f"UPDATE evidence SET used_at = ? WHERE {_KEY} AND used_at < ?", rows)  # noqa: S608


class Failed(NamedTuple):
    """An attempt that failed: ``failed_at`` in epoch seconds, ``waited`` in seconds."""

    outcome: Outcome
    status: int | None
    detail: str
    failed_at: int
    waited: float


def put_failure(connection: sqlite3.Connection, key: Key, anchored: bool, failed: Failed, forgotten_before: int) -> None:
    """Remember it in place of an earlier one; forget those that are too old to matter."""
    connection.execute("DELETE FROM failure WHERE failed_at < ?", (forgotten_before,))
    connection.execute("INSERT OR REPLACE INTO failure VALUES (?,?,?,?,?,?,?,?,?,?)", (*key, anchored, str(failed.outcome), *failed[1:]))


def find_failure(connection: sqlite3.Connection, key: Key, anchored: bool) -> Failed | None:
    """The last one."""
    row = connection.execute(
        f"SELECT outcome, status, detail, failed_at, waited FROM failure WHERE {_KEY} AND anchored = ?",  # noqa: S608
        (*key, anchored),
    ).fetchone()
    return None if row is None else Failed(Outcome(row[0]), row[1], str(row[2]), int(row[3]), float(row[4]))


class Census(NamedTuple):
    """What is held: (entries, bytes) by kind, and the first and last use."""

    by_kind: dict[str, tuple[int, int]]
    oldest: float | None
    newest: float | None


def census(connection: sqlite3.Connection) -> Census:
    """Counted anew."""
    rows = connection.execute("SELECT kind, count(*), sum(size), min(used_at), max(used_at) FROM evidence GROUP BY kind ORDER BY kind")
    found = rows.fetchall()
    return Census(
        {kind: (entries, size) for kind, entries, size, _, _ in found},
        min((row[3] for row in found), default=None),
        max((row[4] for row in found), default=None),
    )


def clear(connection: sqlite3.Connection) -> int:
    """Delete everything; returns how many entries that was."""
    count: int = connection.execute("SELECT count(*) FROM evidence").fetchone()[0]
    connection.execute("DELETE FROM evidence")
    connection.execute("DELETE FROM failure")
    return count
