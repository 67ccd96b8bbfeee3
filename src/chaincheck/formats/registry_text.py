"""Text of the Windows registry: ``.reg`` files (``reg export``, regedit) and what ``reg query KEY /s`` prints.

Both may stand in one text, one after the other. Nothing here knows what the keys mean; a line that cannot be read becomes a note.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from chaincheck.formats.loaded import Note, NoteCode
from chaincheck.formats.text import decode

_HIVES = {
    "HKLM": "HKEY_LOCAL_MACHINE",
    "HKCU": "HKEY_CURRENT_USER",
    "HKCR": "HKEY_CLASSES_ROOT",
    "HKU": "HKEY_USERS",
    "HKCC": "HKEY_CURRENT_CONFIG",
}
_KINDS = {
    0: "REG_NONE", 1: "REG_SZ", 2: "REG_EXPAND_SZ", 3: "REG_BINARY", 4: "REG_DWORD", 5: "REG_DWORD_BIG_ENDIAN", 6: "REG_LINK",
    7: "REG_MULTI_SZ", 8: "REG_RESOURCE_LIST", 9: "REG_FULL_RESOURCE_DESCRIPTOR", 10: "REG_RESOURCE_REQUIREMENTS_LIST", 11: "REG_QWORD",
}  # fmt: skip
# The words of reg.exe for the value without a name, by the language of Windows. A value may also really be called so; nobody does.
_DEFAULT_NAMES = frozenset({"(default)", "(standard)", "(既定)", "(默认)", "(預設)", "(기본값)", "(par défaut)", "(predeterminado)"})
_NOTES = 1000  # a text of nothing but damage shall not become a longer list of notes
_SAMPLE = 65536  # characters looked at to recognise the text
_LONGEST_PATH = 32767  # characters: the longest path that Windows opens
_HIVE = rf"(?:HKEY_(?:LOCAL_MACHINE|CURRENT_USER|CLASSES_ROOT|USERS|CURRENT_CONFIG)|{'|'.join(_HIVES)})"
_HEADING = re.compile(r"\ufeff?(?:Windows Registry Editor Version 5\.00|REGEDIT4)\s*\Z", re.IGNORECASE)
_PATH = re.compile(rf"({_HIVE})(\\.*)?\Z", re.IGNORECASE)
_RECOGNISED = re.compile(
    rf"^\ufeff?(?:Windows Registry Editor Version 5\.00[ \t]*\r?$|REGEDIT4[ \t]*\r?$|\[-?{_HIVE}\\|{_HIVE}\\)", re.IGNORECASE | re.MULTILINE
)
_QUOTED = r'[^"\\]*+(?:\\.[^"\\]*+)*+'
_NAMED = re.compile(rf'(?:"({_QUOTED})"|@)\s*+=\s*+(.*)\Z')
_STRING = re.compile(rf'({_QUOTED})"\s*+(?:;.*)?\Z')
_UNCLOSED = re.compile(rf"{_QUOTED}\Z")
_DWORD = re.compile(r"dword:([0-9a-f]{1,8})\s*+(?:;.*)?\Z", re.IGNORECASE)
_HEX = re.compile(r"hex(?:\(([0-9a-f]{1,8})\))?:(.*)\Z", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)")
# reg.exe separates by four blanks, on Windows XP by a tab; with /z the number of the type follows its name.
_PRINTED = re.compile(r"(?: {4}|\t)(.*?)(?: {4}|\t)(REG_[A-Z_]{2,32})(?: \(\d{1,10}\))?(?:(?: {1,4}|\t)(.*))?\Z")
_NUMBER = re.compile(r"0x[0-9a-f]{1,16}\Z", re.IGNORECASE)

Data = int | str | bytes | tuple[str, ...] | None


class Value(NamedTuple):
    """One value. ``name`` is "" for the key's default value, ``kind`` "REG_DWORD", "REG_SZ" ...

    ``data``: int for REG_DWORD and REG_QWORD, str for the strings, a tuple for REG_MULTI_SZ, bytes for the rest and for a number of a wrong
    size; None where there is none.
    """

    name: str
    kind: str
    data: Data


class Key(NamedTuple):
    """One key by its full path (``HKEY_LOCAL_MACHINE\\...``) and its values in order of appearance."""

    path: str
    values: tuple[Value, ...]

    def value(self, name: str) -> Data:
        """The data of a value, None if there is none; the registry does not tell upper from lower case."""
        wanted = name.casefold()
        for value in self.values:
            if value.name.casefold() == wanted:
                return value.data
        return None


def looks_like(text: str) -> bool:
    """Whether it is text of the registry: the heading of a ``.reg`` file, or a line that begins with a key, near its beginning."""
    return _RECOGNISED.search(text, 0, _SAMPLE) is not None


def parse(text: str, where: str, *, most_keys: int = 100_000) -> tuple[tuple[Key, ...], tuple[Note, ...]]:
    """Read all keys; never raises. Of a value that is there twice the later word holds, as when a ``.reg`` file is imported.

    Deletions (``[-KEY]``, ``"Name"=-``) take away what stood before them; a deleted key takes only its own values along, for exports hold
    no deletions.
    """
    reader = _Reader(text, where, most_keys)
    reader.read()
    keys = tuple(Key(path, tuple(values.values())) for path, values in reader.keys.values())
    return keys, tuple(reader.notes)


class _Damaged(Exception):
    """A line that cannot be read, and why."""


class _Reader:
    """Goes over the lines once. ``keys``: the path without case, to the path as written and its values by name without case."""

    def __init__(self, text: str, where: str, most_keys: int) -> None:
        self.lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")  # not splitlines(): a string may hold U+2028
        self.where = where
        self.most_keys = most_keys
        self.keys: dict[str, tuple[str, dict[str, Value]]] = {}
        self.notes: list[Note] = []
        self.values: dict[str, Value] | None = None  # of the key whose values come
        self.file = False  # a .reg file, not what reg query prints
        self.ansi = False  # REGEDIT4: strings in hexadecimal are not UTF-16
        self.skipping = False  # under a key that is deleted or cannot be read
        self.next = 0

    def read(self) -> None:
        while self.next < len(self.lines):
            line = self.lines[self.next]
            at = self.next = self.next + 1
            stripped = line.strip()
            if not stripped:
                continue
            try:
                if not self._line(line, stripped):
                    self._note(NoteCode.CUT, at, f"more than {self.most_keys} keys")
                    return
            except _Damaged as fault:
                self._note(NoteCode.DAMAGED_MEMBER, at, str(fault))

    def _line(self, line: str, stripped: str) -> bool:
        """Read what begins on this line; False where there are too many keys."""
        printed = line[0] in " \t" and not self.file and self.values is not None
        if stripped[0] == "[" and not printed:
            self.file = True
            return self._key_of_file(stripped)
        if line[0] in "Hh" and (match := _PATH.match(stripped)):
            self.file = False
            return self._key(match)
        if stripped[0] in "WwRr\ufeff" and _HEADING.match(stripped):
            self.file, self.ansi, self.values, self.skipping = True, stripped[-1] == "4", None, False
        elif self.file:
            self._value_of_file(stripped)
        elif printed:
            self._value_printed(line)
        return True  # a sentence of reg.exe, or of the shell before it

    # keys

    def _key_of_file(self, stripped: str) -> bool:
        self.values, self.skipping = None, True
        path, closed, _ = stripped[1:].rpartition("]")
        deleted = path.startswith("-")
        match = _PATH.match(path[deleted:])
        if not closed or match is None:
            raise _Damaged("a key that is not a path in brackets")
        if not deleted:
            return self._key(match)
        self.keys.pop(_full_path(match).casefold(), None)
        return True

    def _key(self, match: re.Match[str]) -> bool:
        self.values, self.skipping = None, True
        path = _full_path(match)
        if len(path) > _LONGEST_PATH:
            raise _Damaged(f"a key of {len(path)} characters")
        folded = path.casefold()
        known = self.keys.get(folded)
        if known is None:
            if len(self.keys) >= self.most_keys:
                return False
            known = self.keys[folded] = (path, {})
        self.values, self.skipping = known[1], False
        return True

    # values of a .reg file

    def _value_of_file(self, stripped: str) -> None:
        if stripped[0] == ";":
            return
        match = _NAMED.match(stripped)
        if match is None:
            raise _Damaged("neither a key, a value nor a comment")
        name, written = _unescaped(match[1] or ""), match[2]
        if written[:1] == '"':
            value: Value | None = Value(name, "REG_SZ", self._string(written[1:]))
        elif number := _DWORD.match(written):
            value = Value(name, "REG_DWORD", int(number[1], 16))
        elif octets := _HEX.match(written):
            kind = int(octets[1] or "3", 16)
            data = _octets(self._continued(octets[2]))
            value = Value(name, _KINDS.get(kind, f"REG_0x{kind:x}"), _typed(kind, data, ansi=self.ansi))
        elif written.partition(";")[0].strip() == "-":
            value = None
        else:
            raise _Damaged("a value of no known form")
        self._keep(name, value)

    def _string(self, rest: str) -> str:
        """What follows an opening quotation mark. Line breaks of a string stand in the file as they are."""
        first = _STRING.match(rest)
        if first is not None:
            return _unescaped(first[1])
        if not _UNCLOSED.match(rest):
            raise _Damaged("something after the end of a string")
        parts = [_unescaped(rest)]
        while self.next < len(self.lines) and not self._begins_something():
            line = self.lines[self.next]
            self.next += 1
            if last := _STRING.match(line):
                parts.append(_unescaped(last[1]))
                return "\n".join(parts)
            parts.append(_unescaped(line))
        raise _Damaged("a string without its closing quotation mark")

    def _continued(self, written: str) -> list[str]:
        """The hexadecimal text of one value, over all its lines."""
        parts = []
        while True:
            part = written.partition(";")[0].rstrip()
            parts.append(part.rstrip("\\"))
            if not part.endswith("\\"):
                return parts
            if self.next >= len(self.lines) or self._begins_something():
                raise _Damaged("octets that are cut off")
            written = self.lines[self.next].strip()
            self.next += 1

    def _begins_something(self) -> bool:
        """Whether the next line is a key or a named value, where the rest of one was awaited."""
        line = self.lines[self.next].lstrip()
        return (line[:1] == "[" and _PATH.match(line[1:].lstrip("-")) is not None) or (line[:1] in '"@' and _NAMED.match(line) is not None)

    # values as reg query prints them

    def _value_printed(self, line: str) -> None:
        match = _PRINTED.match(line)
        if match is None:
            raise _Damaged("an indented line that is not a name, a type and data")
        name, kind, printed = match[1], match[2], match[3] or ""
        default = name.casefold() in _DEFAULT_NAMES
        if default:
            name = ""
            if printed.startswith("(") and printed.endswith(")"):  # "(value not set)", in the language of Windows
                return
        self._keep(name, Value(name, kind, _printed(kind, printed)))

    def _keep(self, name: str, value: Value | None) -> None:
        """``value`` None: the value is deleted."""
        if self.values is None:
            if self.skipping:
                return
            raise _Damaged("a value that belongs to no key")
        if value is None:
            self.values.pop(name.casefold(), None)
        else:
            self.values[name.casefold()] = value

    def _note(self, code: NoteCode, line: int, detail: str) -> None:
        if len(self.notes) < _NOTES:
            self.notes.append(Note(code=code, where=f"{self.where}, line {line}", detail=detail))


def _full_path(match: re.Match[str]) -> str:
    hive = match[1].upper()
    return _HIVES.get(hive, hive) + (match[2] or "").rstrip("\\")


def _unescaped(written: str) -> str:
    return _ESCAPED.sub(r"\1", written) if "\\" in written else written


def _octets(parts: list[str]) -> bytes:
    """Two digits each, commas between them."""
    written = "".join("".join(parts).split()).strip(",")
    if written[2::3].strip(","):
        raise _Damaged("octets that are not two digits with commas between them")
    digits = written.replace(",", "")
    if len(digits) != (len(written) + 1) // 3 * 2:
        raise _Damaged("octets that are not two digits with commas between them")
    return _from_digits(digits)


def _from_digits(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise _Damaged("digits that are not hexadecimal") from None


def _typed(kind: int, data: bytes, *, ansi: bool) -> Data:
    """The octets of a value as what its type says they are."""
    if kind in (1, 2, 6, 7):
        text = decode(data.rstrip(b"\0"))[0] if ansi else data[: len(data) & ~1].decode("utf-16-le", "replace")
        return _strings(text, "\0") if kind == 7 else text.partition("\0")[0]
    if (kind in (4, 5) and len(data) == 4) or (kind == 11 and len(data) == 8):
        return int.from_bytes(data, "big" if kind == 5 else "little")
    return None if kind == 0 and not data else data


def _printed(kind: str, printed: str) -> Data:
    if kind in ("REG_SZ", "REG_EXPAND_SZ", "REG_LINK"):
        return printed
    if kind == "REG_MULTI_SZ":
        return _strings(printed, "\\0")  # the two characters: so reg.exe separates unless told otherwise
    printed = printed.strip()
    if _NUMBER.match(printed):
        return int(printed, 16)
    if kind in ("REG_DWORD", "REG_DWORD_BIG_ENDIAN", "REG_QWORD"):
        raise _Damaged("a number that is not hexadecimal")
    return _from_digits(printed) if printed or kind != "REG_NONE" else None


def _strings(text: str, separator: str) -> tuple[str, ...]:
    """The strings of a REG_MULTI_SZ; an empty one ends the list."""
    strings = text.split(separator)
    return tuple(strings[: strings.index("")] if "" in strings else strings)
