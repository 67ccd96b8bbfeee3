"""Text of the Windows registry: ``.reg`` files (version 5 and REGEDIT4) and the output of ``reg query``.

Only what is set is read: deletions (``[-KEY]``, ``"Name"=-``) say nothing of what is there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from chaincheck.formats.loaded import Note, NoteCode

if TYPE_CHECKING:
    from collections.abc import Iterator

Data = int | str | bytes | tuple[str, ...] | None
MOST_KEYS: Final = 200_000  # a store of 100,000 certificates, each a key
_MOST_NOTES: Final = 1000
_MOST_VALUE: Final = 32 * 2**20  # characters of one value: a CRL of 10 MB in hex

_HIVES: Final = {
    "HKLM": "HKEY_LOCAL_MACHINE",
    "HKCU": "HKEY_CURRENT_USER",
    "HKU": "HKEY_USERS",
    "HKCR": "HKEY_CLASSES_ROOT",
    "HKCC": "HKEY_CURRENT_CONFIG",
}
_KEY: Final = re.compile(r"(HKEY_[A-Z_]+|HKLM|HKCU|HKU|HKCR|HKCC)(\\.*)?", re.IGNORECASE)
_HEADER: Final = re.compile(r"Windows Registry Editor Version|REGEDIT4")
_NAMED: Final = re.compile(r'(?:"((?:[^"\\]|\\.)*)"|@)\s*=\s*(.*)', re.DOTALL)
_QUERIED: Final = re.compile(r"\s{2,}(\S.*?|)\s{2,}(REG_[A-Z_]+|REG_DWORD_BIG_ENDIAN)(?:\s{2,}(.*))?$")
_HEX: Final = re.compile(r"hex(?:\(([0-9a-f]{1,8})\))?:(.*)", re.IGNORECASE | re.DOTALL)
_KINDS: Final = {0: "REG_NONE", 1: "REG_SZ", 2: "REG_EXPAND_SZ", 3: "REG_BINARY", 4: "REG_DWORD", 7: "REG_MULTI_SZ", 11: "REG_QWORD"}


class Value(NamedTuple):
    """One value: ``name`` is "" for the default value, ``kind`` as REG_DWORD, ``data`` by its kind, None where it cannot be read."""

    name: str
    kind: str
    data: Data


class Key(NamedTuple):
    """One key with its values; ``path`` begins with the full name of the hive."""

    path: str
    values: tuple[Value, ...]

    def value(self, name: str) -> Data:
        """The data of a value, its name in any case; None where it is not set."""
        wanted = name.lower()
        return next((value.data for value in self.values if value.name.lower() == wanted), None)


def looks_like(text: str) -> bool:
    """Whether it is a registry export or the output of ``reg query``."""
    beginning = text[:4096].lstrip("\ufeff \t\r\n")
    if _HEADER.match(beginning):
        return True
    first = beginning.partition("\n")[0].strip()
    return _KEY.fullmatch(first) is not None and "\\" in first


def parse(text: str, where: str, *, most_keys: int = MOST_KEYS) -> tuple[tuple[Key, ...], tuple[Note, ...]]:
    """The keys in their order, each once with all its values, and a note for each line that cannot be read. Never raises."""
    reading = _Reading(where)
    for number, line in _logical_lines(text):
        if not reading.take(number, line, most_keys):
            break
    return reading.keys(), tuple(reading.notes)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, those that end in a backslash joined with the next (hex values of a ``.reg`` file)."""
    parts: list[str] = []
    begun = size = 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.rstrip()
        if parts:
            line = line.lstrip()
        elif not line:
            continue
        else:
            begun = number
        goes_on = line.endswith("\\") and (parts or "hex" in line) and size < _MOST_VALUE
        parts.append(line[:-1] if goes_on else line)
        size += len(line)
        if not goes_on:
            yield begun, "".join(parts)
            parts, size = [], 0
    if parts:
        yield begun, "".join(parts)


class _Reading:
    """The keys read so far."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.notes: list[Note] = []
        self._keys: dict[str, tuple[str, list[Value]]] = {}
        self._values: list[Value] | None = None

    def keys(self) -> tuple[Key, ...]:
        return tuple(Key(path, tuple(values)) for path, values in self._keys.values())

    def take(self, number: int, line: str, most_keys: int) -> bool:
        """Take one line; False where there are more keys than are read."""
        stripped = line.strip()
        bracketed = stripped.startswith("[") and stripped.endswith("]")
        path = stripped[1:-1] if bracketed else stripped
        if (bracketed or line[:1] not in " \t") and (match := _KEY.fullmatch(path)) is not None:
            return self._begin(match, number, most_keys)
        if bracketed:
            self._values = None  # a deletion, or a key of no hive
        elif self._values is not None:
            self._value(line, stripped, number)
        return True

    def _begin(self, match: re.Match[str], number: int, most_keys: int) -> bool:
        hive = match[1].upper()
        path = _HIVES.get(hive, hive) + (match[2] or "").rstrip("\\")
        if path.lower() not in self._keys and len(self._keys) >= most_keys:
            self._note(NoteCode.CUT, number, f"more than {most_keys:,} keys")
            return False
        self._values = self._keys.setdefault(path.lower(), (path, []))[1]
        return True

    def _value(self, line: str, stripped: str, number: int) -> None:
        assert self._values is not None  # noqa: S101 - the caller looked
        if (named := _NAMED.fullmatch(stripped)) is not None:
            name = re.sub(r"\\(.)", r"\1", named[1] or "")
            if named[2] != "-":
                kind, data = _assigned(named[2])
                if data is None and kind != "REG_NONE":
                    self._note(NoteCode.DAMAGED_MEMBER, number, f"the value {name[:60]!r} cannot be read")
                self._values.append(Value(name, kind, data))
        elif (queried := _QUERIED.fullmatch(line)) is not None:
            name = "" if queried[1].startswith("(") and queried[1].endswith(")") else queried[1]
            data = _queried(queried[2], (queried[3] or "").strip())
            if data is None and queried[2] != "REG_NONE":
                self._note(NoteCode.DAMAGED_MEMBER, number, f"the value {name[:60]!r} cannot be read")
            self._values.append(Value(name, queried[2], data))
        elif not stripped.startswith(";"):
            self._values = self._values if line[:1] in ' \t"@' else None  # a sentence after the last key

    def _note(self, code: NoteCode, number: int, detail: str) -> None:
        if len(self.notes) < _MOST_NOTES:
            self.notes.append(Note(code=code, where=f"{self.where}, line {number}", detail=detail))


def _assigned(text: str) -> tuple[str, Data]:
    """What stands after ``=`` in a ``.reg`` file."""
    if text.startswith('"'):
        match = re.fullmatch(r'"((?:[^"\\]|\\.)*)"', text, re.DOTALL)
        return "REG_SZ", None if match is None else re.sub(r"\\(.)", r"\1", match[1])
    if text[:6].lower() == "dword:":
        return "REG_DWORD", _integer(text[6:].strip(), 16, 8)
    match = _HEX.fullmatch(text)
    if match is None:
        return "REG_NONE", None
    kind = int(match[1], 16) if match[1] else 3
    try:
        data = bytes.fromhex(match[2].replace(",", " "))
    except ValueError:
        return _KINDS.get(kind, f"hex({kind:x})"), None
    return _KINDS.get(kind, f"hex({kind:x})"), _typed(kind, data)


def _typed(kind: int, data: bytes) -> Data:
    if kind in (4, 11):
        return int.from_bytes(data, "little") if len(data) in (4, 8) else None
    if kind in (1, 2):
        return data.decode("utf-16-le", "replace").partition("\0")[0]
    if kind == 7:
        return tuple(part for part in data.decode("utf-16-le", "replace").split("\0") if part)
    return data


def _queried(kind: str, text: str) -> Data:
    """What ``reg query`` prints for a value of that kind."""
    if kind in ("REG_DWORD", "REG_QWORD", "REG_DWORD_BIG_ENDIAN"):
        return _integer(text.removeprefix("0x"), 16, 16)
    if kind == "REG_BINARY":
        try:
            return bytes.fromhex(text)
        except ValueError:
            return None
    if kind == "REG_MULTI_SZ":
        return tuple(part for part in text.split("\\0") if part)
    return text if kind in ("REG_SZ", "REG_EXPAND_SZ") else None


def _integer(text: str, base: int, most: int) -> int | None:
    return int(text, base) if re.fullmatch(rf"[0-9a-fA-F]{{1,{most}}}", text) else None
