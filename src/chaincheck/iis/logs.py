"""Logs of IIS (W3C extended format): the lines in which a client certificate may have been refused, counted and grouped.

A log may have gigabytes. It is read in blocks, and only the lines that hold the number of a refusal are looked at; memory is bounded
by the number of groups.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from chaincheck.errors import InputError
from chaincheck.iis.explanation import Explanation, explain

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator
    from io import BufferedIOBase

BLOCK: Final = 1 << 20  # bytes read at once
LONGEST_LINE: Final = 1 << 16  # bytes; IIS cuts URLs at 16 KiB. What is longer is passed over and counted
MOST_GROUPS: Final = 10_000  # with more, clients and paths are no longer told apart
_LONGEST_VALUE: Final = 512  # characters of a path or an agent that are kept

# Statuses that may be about a client certificate (see codes.toml). Of 401, 500 and 502 most are about something else: there only what is
# known of client certificates counts.
_SUBSTATUSES: Final = {403: None, 413: None, 401: frozenset({1}), 500: frozenset({0}), 502: None}
_WITH_CODE: Final = {401: frozenset({1326, 2148086018}), 500: frozenset({50, 2147942450})}
_WANTED: Final = re.compile(rb"[ \t](?:403|413|401|500|502)(?=[ \t\r\n])")
_FIELDS: Final = re.compile(rb"^#Fields:[ \t]*([^\r\n]*)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Lines that agree in status, substatus, code, client and path.

    ``win32`` is sc-win32-status as logged, None where the log has none, like ``substatus``. ``client`` and ``path`` are "" where the log
    does not say, or where there were too many to tell apart. ``first`` and ``last``: UTC, None where the log has no times. ``agent``: the
    user agent of the first of them.
    """

    status: int
    substatus: int | None
    win32: int | None
    client: str
    path: str
    count: int
    first: datetime | None
    last: datetime | None
    agent: str

    @property
    def seen(self) -> str:
        """As ``explain`` takes it: "403 16 2148204809"."""
        return f"{self.status} {self.substatus or 0} {self.win32 or 0}"

    @property
    def explanation(self) -> Explanation:
        """What it means and what may be behind it."""
        return explain(self.seen)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "status": self.status,
            "substatus": self.substatus,
            "win32": self.win32,
            "client": self.client or None,
            "path": self.path or None,
            "count": self.count,
            "first": None if self.first is None else f"{self.first:%Y-%m-%dT%H:%M:%SZ}",
            "last": None if self.last is None else f"{self.last:%Y-%m-%dT%H:%M:%SZ}",
            "agent": self.agent or None,
            "candidates": [cause.id for cause in self.explanation.candidates],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSummary:
    """What stands in the logs: ``refusals``, the most frequent first.

    ``read``: bytes (decompressed). ``collapsed``: there were so many clients and paths that some are not told apart. ``notes``: what could
    not be read, in English.
    """

    refusals: tuple[Refusal, ...]
    read: int
    collapsed: bool
    notes: tuple[str, ...]

    def by_code(self) -> tuple[Refusal, ...]:
        """The same without clients and paths."""
        merged: dict[tuple[int, int | None, int | None], Refusal] = {}
        for each in self.refusals:
            key = each.status, each.substatus, each.win32
            merged[key] = _merged(merged.get(key), each)
        return _ordered(merged.values())

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        refusals = [each.to_dict() for each in self.refusals]
        return {"refusals": refusals, "read": self.read, "collapsed": self.collapsed, "notes": list(self.notes)}


def read_log(*paths: str | os.PathLike[str]) -> LogSummary:
    """Read logs of IIS, also packed with gzip, whatever their size; fields may change in mid-file.

    Raises ``InputError`` for a file that cannot be read, and where no file is a log at all: no #Fields line and no line with a status.
    """
    if not paths:
        raise InputError("log", found="no path", expected="at least one log file", where="paths")
    tally = _Tally()
    for path in paths:
        _read(path, tally)
    if not tally.seen_fields and not tally.groups:
        names = ", ".join(str(path) for path in paths[:3])
        raise InputError("log", found="no #Fields line", expected="a log of IIS in the W3C extended format", where=names)
    return tally.summary()


class _Tally:
    """What was counted so far."""

    def __init__(self) -> None:
        self.groups: dict[tuple[int, int | None, int | None, str, str], list[Any]] = {}
        self.read = 0
        self.too_long = 0
        self.collapsed = False
        self.seen_fields = False
        self.notes: list[str] = []

    def add(self, status: int, substatus: int | None, win32: int | None, client: str, path: str, when: datetime | None, agent: str) -> None:
        key = status, substatus, win32, client, path
        found = self.groups.get(key)
        if found is None:
            if len(self.groups) >= MOST_GROUPS:
                self.collapsed = True
                key = status, substatus, win32, "", ""
            found = self.groups.setdefault(key, [0, when, when, agent])
        found[0] += 1
        if when is not None:
            found[1] = when if found[1] is None else min(found[1], when)
            found[2] = when if found[2] is None else max(found[2], when)

    def summary(self) -> LogSummary:
        notes = [*self.notes, *([f"{self.too_long} lines of more than {LONGEST_LINE} bytes were passed over"] if self.too_long else [])]
        refusals = (
            Refusal(
                status=status,
                substatus=substatus,
                win32=win32,
                client=client,
                path=path,
                count=count,
                first=first,
                last=last,
                agent=agent,
            )
            for (status, substatus, win32, client, path), (count, first, last, agent) in self.groups.items()
        )
        return LogSummary(refusals=_ordered(refusals), read=self.read, collapsed=self.collapsed, notes=tuple(notes))


def _read(path: str | os.PathLike[str], tally: _Tally) -> None:
    from gzip import BadGzipFile
    from zlib import error as ZlibError  # noqa: N812 - an exception

    columns: _Columns | None = None
    try:
        with _opened(path) as file:
            for lines in _blocks(file, tally):
                columns = _count(lines, columns, tally)
    except (BadGzipFile, EOFError, ZlibError):
        tally.notes.append(f"{path}: the compressed data are damaged or end too early; what came before was read")
    except OSError as error:
        raise InputError("unreadable", found=error.strerror or str(error), expected="a file that can be read", where=str(path)) from error


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[BufferedIOBase]:
    from pathlib import Path

    with Path(path).open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"  # RFC 1952 2.3.1
        file.seek(0)
        if packed:
            import gzip

            with gzip.open(file) as unpacked:
                yield unpacked
        else:
            yield file


def _blocks(file: BufferedIOBase, tally: _Tally) -> Iterator[bytes]:
    """The file in blocks of whole lines."""
    rest = b""
    while block := file.read1(BLOCK):  # of a damaged archive what there is
        tally.read += len(block)
        block = rest + block
        end = block.rfind(b"\n") + 1
        if not end and len(block) > LONGEST_LINE:
            tally.too_long += 1
            block = b""
        rest = block[end:]
        yield block[:end]
    if rest:
        yield rest + b"\n"


class _Columns:
    """Where the fields stand, by a #Fields line."""

    __slots__ = ("agent", "client", "count", "date", "path", "status", "substatus", "time", "win32")

    def __init__(self, names: list[str]) -> None:
        def place(*wanted: str) -> int | None:
            return next((names.index(name) for name in wanted if name in names), None)

        self.count = len(names)
        self.date, self.time = place("date"), place("time")
        self.status, self.substatus, self.win32 = place("sc-status"), place("sc-substatus"), place("sc-win32-status")
        self.client, self.path, self.agent = place("c-ip"), place("cs-uri-stem", "cs-uri"), place("cs(user-agent)")


def _count(lines: bytes, columns: _Columns | None, tally: _Tally) -> _Columns | None:
    """Count the refusals of a block; the fields that hold behind it."""
    place = 0
    for fields in _FIELDS.finditer(lines):
        _count_lines(lines, place, fields.start(), columns, tally)
        columns, place = _Columns(fields[1].decode("ascii", "replace").lower().split()), fields.end()
        tally.seen_fields = True
    _count_lines(lines, place, len(lines), columns, tally)
    return columns


def _count_lines(lines: bytes, start: int, stop: int, columns: _Columns | None, tally: _Tally) -> None:
    place = start
    while (hit := _WANTED.search(lines, place, stop)) is not None:
        begin, end = lines.rfind(b"\n", start, hit.start()) + 1, lines.find(b"\n", hit.end() - 1, stop)
        begin, end = max(begin, start), stop if end < 0 else end
        place = end + 1
        line = lines[begin:end].rstrip(b"\r")
        if len(line) > LONGEST_LINE:
            tally.too_long += 1
        elif line and not line.startswith(b"#"):
            _count_line(line, columns, tally)


def _count_line(line: bytes, columns: _Columns | None, tally: _Tally) -> None:
    if columns is None or columns.status is None:
        _count_bare(line, tally)
        return
    values = line.split()
    if len(values) != columns.count:  # cut off in writing
        return
    status, substatus, win32 = (_number(values, place) for place in (columns.status, columns.substatus, columns.win32))
    if status is not None and _counts(status, substatus, win32):
        when = _moment(values, columns)
        client, path, agent = (_text(values, place) for place in (columns.client, columns.path, columns.agent))
        tally.add(status, substatus, win32, client, path, when, agent)


_BARE: Final = re.compile(rb"(?<![^ \t])(403|413|401|500|502)[ \t]+([0-9]{1,3})[ \t]+([0-9]{1,10})(?![^ \t\r\n])")


def _count_bare(line: bytes, tally: _Tally) -> None:
    """A line whose fields are not known: only the three numbers that stand side by side."""
    match = _BARE.search(line)
    if match is not None:
        status, substatus, win32 = (int(group) for group in match.groups())
        if _counts(status, substatus, win32):
            tally.add(status, substatus, win32, "", "", None, "")


def _counts(status: int, substatus: int | None, win32: int | None) -> bool:
    if status not in _SUBSTATUSES:
        return False
    substatuses, codes = _SUBSTATUSES[status], _WITH_CODE.get(status)
    return (substatuses is None or substatus in substatuses) and (codes is None or win32 in codes)


def _number(values: list[bytes], place: int | None) -> int | None:
    value = values[place] if place is not None else b""
    return int(value) if len(value) <= 10 and value.isdigit() else None


def _text(values: list[bytes], place: int | None) -> str:
    value = values[place] if place is not None else b""
    return "" if value == b"-" else value.decode("utf-8", "replace")[:_LONGEST_VALUE]


def _moment(values: list[bytes], columns: _Columns) -> datetime | None:
    """W3C logs are in UTC, whatever the clock of the server shows."""
    if columns.date is None or columns.time is None:
        return None
    try:
        return datetime.fromisoformat(f"{values[columns.date].decode('ascii')}T{values[columns.time].decode('ascii')}").replace(tzinfo=UTC)
    except (ValueError, UnicodeDecodeError):
        return None


def _merged(before: Refusal | None, more: Refusal) -> Refusal:
    from dataclasses import replace

    if before is None:
        return replace(more, client="", path="")
    first = min((each for each in (before.first, more.first) if each is not None), default=None)
    last = max((each for each in (before.last, more.last) if each is not None), default=None)
    return replace(before, count=before.count + more.count, first=first, last=last)


def _ordered(refusals: Iterable[Refusal]) -> tuple[Refusal, ...]:
    return tuple(
        sorted(refusals, key=lambda each: (-each.count, each.status, each.substatus or 0, each.win32 or 0, each.client, each.path))
    )
