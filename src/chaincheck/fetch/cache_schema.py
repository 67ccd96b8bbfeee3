"""The tables of the cache, and whether a file has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

APPLICATION: Final = 0x43484345  # "CHCE" in the header of the file: chaincheck's evidence
SCHEMA: Final = 1
_PAGE_BYTES: Final = 16384  # a list of 40 MB is a chain of pages, read one by one: a quarter of the usual number
_LOG_BYTES: Final = 4 * 1024 * 1024  # what stays of the write-ahead log after a large list went through it

# Bodies stand apart: changing one column of a row makes SQLite write the whole row. ``held`` is kept by triggers, so that no writer has
# to add up the sizes.
_TABLES: Final = (
    """CREATE TABLE evidence (
        id INTEGER PRIMARY KEY, kind TEXT NOT NULL, method TEXT NOT NULL, url TEXT NOT NULL, request TEXT NOT NULL,
        this_update INTEGER NOT NULL, next_update INTEGER, received_at INTEGER NOT NULL, refresh_at INTEGER,
        etag TEXT NOT NULL, last_modified TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL, used_at REAL NOT NULL,
        UNIQUE (url, request, kind, method))""",
    "CREATE INDEX evidence_by_use ON evidence (used_at, id)",
    "CREATE TABLE body (id INTEGER PRIMARY KEY, content BLOB NOT NULL)",
    "CREATE TABLE held (bytes INTEGER NOT NULL)",
    "INSERT INTO held VALUES (0)",
    "CREATE TRIGGER evidence_in AFTER INSERT ON evidence BEGIN UPDATE held SET bytes = bytes + new.size; END",
    """CREATE TRIGGER evidence_changed AFTER UPDATE OF size ON evidence
        BEGIN UPDATE held SET bytes = bytes - old.size + new.size; END""",
    """CREATE TRIGGER evidence_out AFTER DELETE ON evidence
        BEGIN UPDATE held SET bytes = bytes - old.size; DELETE FROM body WHERE id = old.id; END""",
    """CREATE TABLE failure (
        kind TEXT NOT NULL, method TEXT NOT NULL, url TEXT NOT NULL, request TEXT NOT NULL, anchored INTEGER NOT NULL,
        outcome TEXT NOT NULL, status INTEGER, detail TEXT NOT NULL, failed_at INTEGER NOT NULL, waited REAL NOT NULL,
        PRIMARY KEY (url, request, kind, method, anchored))""",
    "CREATE INDEX failure_by_time ON failure (failed_at)",
)


def foreign(connection: sqlite3.Connection) -> str | None:
    """Why the file is not to be touched; None for one of ours and for an empty one. Raises sqlite3.Error where it is no database."""
    application, schema = _number(connection, "application_id"), _number(connection, "user_version")
    if (application, schema) == (APPLICATION, SCHEMA) or _is_empty(connection):
        return None
    if application != APPLICATION:
        return "belongs to another application"
    return f"has the schema {schema}, and this version of chaincheck has {SCHEMA}"


def tune(connection: sqlite3.Connection) -> None:
    """What every connection is told."""
    for pragma in (
        f"page_size = {_PAGE_BYTES}",  # of a new file only
        "journal_mode = WAL",
        "synchronous = NORMAL",
        f"journal_size_limit = {_LOG_BYTES}",
        "trusted_schema = OFF",
        "cell_size_check = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables, in an empty file: all or none."""
    if _is_empty(connection):
        connection.execute("BEGIN IMMEDIATE")
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")


def is_sound(connection: sqlite3.Connection) -> bool:
    """Whether the table of entries is. That of the bodies would take a second for a full cache, and each is held against its SHA-256."""
    found = connection.execute("PRAGMA quick_check(evidence)").fetchone()
    if found is None or found[0] != "ok":
        return False
    sums = connection.execute("SELECT (SELECT count(*) FROM held), (SELECT bytes FROM held), (SELECT total(size) FROM evidence)")
    rows, held, total = sums.fetchone()
    return bool(rows == 1 and held == total)


def _is_empty(connection: sqlite3.Connection) -> bool:
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return (tables, _number(connection, "application_id"), _number(connection, "user_version")) == (0, 0, 0)


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
