"""What a case is written to and read from: a folder or a zip of plain files, and TOML.

Cases come from anybody. Nothing is read but plain files of bounded size that lie in the case itself.
"""

from __future__ import annotations

import os
import re
import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from chaincheck.errors import InputError
from chaincheck.formats.limits import read_bounded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from zipfile import ZipFile

QUESTION: Final = "case.toml"
ANSWER: Final = "expected.json"

MOST_TOML: Final = 32 * 2**20  # a store of 100,000 certificates, one line of 100 characters for each, three times over
MOST_FILE: Final = 200 * 2**20  # the largest public CRLs are near 100 MB
MOST_BYTES: Final = 512 * 2**20  # everything that is read of one case
MOST_MEMBERS: Final = 60_000  # of a zip: below where ZIP64 begins
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")  # no folders, no drives, no hidden files


class Source(Protocol):
    """A folder or zip that is being read; everything read counts against one bound."""

    def __enter__(self) -> Source: ...
    def __exit__(self, *_: object) -> None: ...
    def has(self, name: str) -> bool: ...
    def read(self, name: str, most: int) -> bytes: ...
    def member(self, name: Any) -> bytes: ...


class _Reading:
    """What folder and zip share: plain names only, each file read once, all together within bounds."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._left = MOST_BYTES
        self._known: dict[str, bytes] = {}

    def member(self, name: Any) -> bytes:
        """A file that the case names."""
        if not isinstance(name, str) or not _FILE_NAME.fullmatch(name):
            raise self.error(f"the file name {name!r}"[:200], "the plain name of a file in the case")
        if name not in self._known:
            self._known[name] = self.read(name, MOST_FILE)
        return self._known[name]

    def read(self, name: str, most: int) -> bytes:
        most = min(most, self._left)
        content = self._content(name, most)
        if content is None:
            raise self.error(f"no {name}", f"a case: a folder or zip with {QUESTION}" if name == QUESTION else "every file the case names")
        if len(content) > most:
            raise self.error(f"{name} of more than {most:,} bytes", "less")
        self._left -= len(content)
        return content

    def _content(self, name: str, most: int) -> bytes | None:
        """None where there is no such file; at most one byte more than ``most``."""
        raise NotImplementedError

    def error(self, found: str, expected: str) -> InputError:
        return InputError("case-damaged", found=found, expected=expected, where=self.place)


class _Folder(_Reading):
    def __init__(self, path: Path, place: str) -> None:
        super().__init__(place)
        self._path = path

    def __enter__(self) -> _Folder:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def has(self, name: str) -> bool:
        return (self._path / name).exists()

    def _content(self, name: str, most: int) -> bytes | None:
        path = self._path / name
        try:
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode):  # a link may point anywhere, a pipe never ends
                raise self.error(f"{name} that is not a plain file", "plain files")
            with path.open("rb") as file:
                return read_bounded(file, status.st_size, most)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self.error(f"{name} that cannot be read ({error.strerror})", "readable files") from error


class _Zip(_Reading):
    def __init__(self, path: Path, place: str) -> None:
        from zipfile import BadZipFile, ZipFile

        super().__init__(place)
        self._check_directory(path)
        try:
            self._archive: ZipFile = ZipFile(path)
        except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise self.error(f"a zip that cannot be opened ({error})", "a zip as save_case writes it") from error
        try:
            self._infos = {info.filename: info for info in self._archive.infolist()}
            if len(self._infos) < len(self._archive.infolist()):
                raise self.error("two members of one name", "each name once")
            if sum(info.file_size for info in self._infos.values()) > MOST_BYTES:
                raise self.error(f"members of more than {MOST_BYTES:,} bytes together", "less")
        except InputError:
            self._archive.close()
            raise
        inside = [name for name in self._infos if name.count("/") == 1 and name.endswith(f"/{QUESTION}")]
        # A folder that was packed as a whole
        self._prefix = inside[0].removesuffix(QUESTION) if QUESTION not in self._infos and len(inside) == 1 else ""

    def _check_directory(self, path: Path) -> None:
        """PKWARE APPNOTE 4.3.16: the end record last, without a comment, and no ZIP64, before anything builds a list of the members."""
        try:
            with path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(size - 42, 0))
                tail = file.read(42)
        except (OSError, ValueError) as error:
            raise self.error(f"a file that cannot be read ({error})", "a folder or zip") from error
        end = tail[-22:]
        if size < 22 or end[:4] != b"PK\5\6":
            raise self.error("a file that is not a plain zip", f"a case: a folder or zip with {QUESTION}")
        if (
            int.from_bytes(end[10:12], "little") > MOST_MEMBERS
            or int.from_bytes(end[12:16], "little") > 16 * 2**20
            or tail[:4] == b"PK\6\7"
        ):
            raise self.error(f"more than {MOST_MEMBERS:,} members, or ZIP64", "a zip as save_case writes it")

    def __enter__(self) -> _Zip:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def has(self, name: str) -> bool:
        return self._prefix + name in self._infos

    def _content(self, name: str, most: int) -> bytes | None:
        import zlib
        from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile

        info = self._infos.get(self._prefix + name)
        if info is None:
            return None
        if info.flag_bits & 1 or info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise self.error(f"{name} encrypted or packed in an unusual way", "members stored or deflated")
        try:
            with self._archive.open(info) as member:
                return read_bounded(member, info.file_size, most)
        except (BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
            raise self.error(f"{name} that cannot be unpacked ({error})", "an undamaged zip") from error


def open_case(path: Path, place: str) -> Source:
    if not os.path.lexists(path):
        expected = f"a case: a folder or zip with {QUESTION}"
        raise InputError("not-found", found="nothing of that name", expected=expected, where=place)
    return _Folder(path, place) if path.is_dir() else _Zip(path, place)


def write_folder(target: Path, members: Mapping[str, bytes]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    if next(target.iterdir(), None) is not None:
        raise InputError("case-exists", found="a folder that is not empty", expected="a new or empty folder", where=str(target))
    for name, content in members.items():
        (target / name).write_bytes(content)


def write_zip(target: Path, members: Mapping[str, bytes]) -> None:
    from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

    with ZipFile(target, "w") as archive:
        for name in sorted(members, key=lambda name: (name != QUESTION, name)):
            info = ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # the first moment a zip can name: the same bytes every time
            info.compress_type, info.create_system, info.external_attr = ZIP_DEFLATED, 3, 0o644 << 16
            archive.writestr(info, members[name])


# TOML: only what a case needs


def toml(document: Mapping[str, Any]) -> bytes:
    lines: list[str] = []
    _write_table(document, "", lines)
    return ("\n".join(lines).strip() + "\n").encode("utf-8", "replace")


def _write_table(table: Mapping[str, Any], path: str, lines: list[str]) -> None:
    """Plain values first, then the tables inside, each under its own header."""
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    repeated = {key: value for key, value in table.items() if key == "response"}
    lines += [f"{key} = {_value(value)}" for key, value in table.items() if key not in inner and key not in repeated]
    for key, value in inner.items():
        lines += ["", f"[{path}{key}]"]
        _write_table(value, f"{path}{key}.", lines)
    for key, values in repeated.items():
        for value in values:
            lines += ["", f"[[{path}{key}]]"]
            _write_table(value, f"{path}{key}.", lines)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(member)}" for key, member in value.items()) + " }"
    one_line = "[" + ", ".join(_value(member) for member in value) + "]"
    if len(one_line) <= 100 and not any(isinstance(member, dict) for member in value):
        return one_line
    return "[\n" + "".join(f"  {_value(member)},\n" for member in value) + "]"


_ESCAPES: Final[dict[str, str]] = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _string(value: str) -> str:
    """A basic string: controls, and the signs that turn the direction of text, are written as their numbers."""
    clean = value.encode("utf-8", "replace").decode()
    return '"' + "".join(_ESCAPES.get(sign) or (sign if sign.isprintable() else _numbered(sign)) for sign in clean) + '"'


def _numbered(sign: str) -> str:
    number = ord(sign)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
