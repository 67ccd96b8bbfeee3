"""Where the bytes come from: memory, files, directories, objects of other libraries, and iterables of these."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from chaincheck.errors import InputError
from chaincheck.formats.described import type_name
from chaincheck.formats.keys import from_object
from chaincheck.formats.limits import read_bounded
from chaincheck.formats.loaded import NoteCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.formats.reader import Reader

_KERNEL_ROOTS = ("/dev", "/proc", "/sys")
_KERNEL = tuple(f"{root}/" for root in _KERNEL_ROOTS)
_SOURCES = "pass bytes, a path, a certificate object, or a list of these"
# In an iterable these concern the item the caller named, not the state of what is in it: they are raised, damage becomes a note
_CALLERS_OWN = frozenset(
    {
        "none", "not-a-source", "not-found", "unreadable", "not-a-file", "paths-not-allowed", "too-large", "too-many", "too-deep",
        "wrong-password", "password-needed", "kdf-too-expensive", "empty-directory", "nothing-in-directory", "key-object",
    }
)  # fmt: skip


def read(reader: Reader, source: Any, where: str, depth: int = 0) -> None:
    """Feed whatever ``source`` is to ``reader``. Raises ``InputError``."""
    if source is None:
        hint = "None means not told; to say that there is none, pass NO_CERTIFICATE or NO_KEY"
        raise reader.error("none", "None", where, hint)
    if isinstance(source, (bytes, bytearray, memoryview)):
        reader.content(bytes(source), where)
    elif isinstance(source, str):
        _text_or_path(reader, source, where)
    elif isinstance(source, os.PathLike):
        try:
            path = os.fspath(source)
        except Exception as error:  # the caller's object may raise anything
            raise _uncooperative(reader, source, where, error) from error
        _path(reader, path)
    elif not _object(reader, source, where):
        _items(reader, source, where, depth)


def _uncooperative(reader: Reader, source: object, where: str, error: Exception) -> InputError:
    found = f"an object of type {type_name(source)} that cannot be read ({type_name(error)})"
    return reader.error("not-a-source", found, where, _SOURCES)


def _text_or_path(reader: Reader, source: str, where: str) -> None:
    content = "-----BEGIN" in source or "%0A" in source or "%0a" in source or "\n" in source or "\r" in source
    if not content and source.strip():
        _path(reader, source)
        return
    if len(source) > reader.limits.max_bytes:
        raise reader.error("too-large", f"more than {reader.limits.max_bytes:,} characters", where)
    if not source.strip():
        raise reader.error("empty", "an empty text", where)
    reader.text(source, where)


# files


def _path(reader: Reader, path: str | bytes) -> None:
    from pathlib import Path  # it imports urllib and more, for callers that open no path in vain

    name = os.fsdecode(path)
    reader.place = _shown(name)
    if not reader.limits.allow_paths:
        hint = "these limits open no path; pass the content as bytes"
        raise reader.error("paths-not-allowed", f"the path {_shown(name)}", "path", hint)
    try:
        status = Path(name).stat()
    except (OSError, ValueError) as error:
        raise _unopened(reader, name, error) from None
    if stat.S_ISDIR(status.st_mode):
        _directory(reader, name)
    else:
        reader.content(_file(reader, name, status), name)


def _file(reader: Reader, name: str, status: os.stat_result) -> bytes:
    if not stat.S_ISREG(status.st_mode):  # a pipe or a device may never end
        raise reader.error("not-a-file", "a pipe, socket or device", name, "read it yourself and pass the bytes")
    from pathlib import Path

    most = reader.limits.max_bytes
    if status.st_size > most:
        raise reader.error("too-large", f"{status.st_size:,} bytes, more than {most:,}", name)
    try:
        with Path(name).open("rb") as file:
            return read_bounded(file, status.st_size, most)
    except OSError as error:
        raise _unopened(reader, name, error) from None


def _unopened(reader: Reader, name: str, error: Exception) -> InputError:
    if isinstance(error, FileNotFoundError):
        return reader.error("not-found", "no such file", _shown(name), _content_as_path(name))
    if isinstance(error, PermissionError):
        return reader.error("unreadable", "a file that this user may not read", _shown(name))
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return reader.error("unreadable", f"a path that cannot be opened ({reason})", _shown(name), _content_as_path(name))


def _content_as_path(name: str) -> str | None:
    if len(name) > 100 and name.replace("=", "").replace("+", "").replace("/", "").isalnum():
        return "this looks like Base64; a str of one line is taken as a path, so pass it as bytes"
    return None


def _shown(name: str) -> str:
    """A path fit for a message."""
    short = name if len(name) <= 120 else name[:117] + "..."
    return "".join(character if character.isprintable() else "?" for character in short)


def _directory(reader: Reader, name: str) -> None:
    from pathlib import Path

    reader.kind = reader.kind or "directory"
    before, rejected = reader.found(), len(reader.rejected)
    files: list[str] = []
    if not _special(real := os.path.realpath(name)):
        _members(reader, name, real, reader.limits.max_directory_depth, files)
    if not files:
        raise reader.error("empty-directory", "a directory without files", name)
    reason = ""
    for member in files:
        try:
            status = Path(member).stat()
            if status.st_size > reader.bytes_left:
                reader.note(NoteCode.CUT, member, f"more than {reader.limits.max_bytes:,} bytes together; it is not read")
                reason = reason or f"{Path(member).name}: {status.st_size:,} bytes, more than {reader.limits.max_bytes:,} together"
                continue
            reader.content(_file(reader, member, status), member)
        except InputError as error:
            if error.code == "too-large" and reader.found() > before:
                reader.note(NoteCode.CUT, member, error.found)
                continue
            reason = reason or f"{Path(member).name}: {error.found}"
            code = NoteCode.UNRELATED_MEMBER if error.code.startswith("unknown") else NoteCode.DAMAGED_MEMBER
            reader.note(code, member, error.found, error.code)
        except OSError as error:
            reader.note(NoteCode.DAMAGED_MEMBER, member, f"it cannot be opened ({error.strerror})")
    del reader.rejected[rejected:]
    if reader.found() == before:
        hint = f"the first of them, {reason}" if reason else None
        raise reader.error("nothing-in-directory", f"a directory of {len(files)} files of which none could be used", name, hint)


def _special(real: str) -> bool:
    """Whether it is what the kernel makes up: reading there may never end, or do something."""
    return real.startswith(_KERNEL) or real in _KERNEL_ROOTS


def _members(reader: Reader, name: str, real: str, levels: int, files: list[str]) -> None:
    """Collect the regular files below ``name`` (without links: ``real``), sorted, hidden ones left out."""
    try:
        with os.scandir(name) as found:
            entries = sorted(islice(found, max(reader.entries_left, 0) + 1), key=lambda entry: entry.name)
    except OSError as error:
        raise _unopened(reader, name, error) from None
    reader.entries_left -= len(entries)
    if reader.entries_left < 0:
        reader.note(NoteCode.CUT, name, f"more than {5 * reader.limits.max_files:,} entries")
        entries = entries[: len(entries) + reader.entries_left]
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if reader.files_left <= 0:
            if reader.files_left == 0:
                reader.note(NoteCode.CUT, name, f"more than {reader.limits.max_files:,} files")
                reader.files_left = -1  # said once
            return
        try:
            place = os.path.realpath(entry.path) if entry.is_symlink() else os.path.join(real, entry.name)  # noqa: PTH118 - a str, fast
            if _special(place):
                continue
            if entry.is_file():
                reader.files_left -= 1
                files.append(entry.path)
            elif levels > 0 and entry.is_dir():
                _members(reader, entry.path, place, levels - 1, files)
        except (OSError, InputError) as error:
            reader.note(NoteCode.DAMAGED_MEMBER, entry.path, f"it cannot be opened ({error})")


# objects


def _object(reader: Reader, source: Any, where: str) -> bool:
    """Objects of ``cryptography``, ``asn1crypto``, ``pyOpenSSL`` and our own, told by module and shape; none of these is imported here."""
    try:
        return _known_object(reader, source, where)
    except InputError:
        raise
    except Exception as error:  # the caller's object may raise anything
        raise _uncooperative(reader, source, where, error) from error


def _known_object(reader: Reader, source: Any, where: str) -> bool:
    modules = {ancestor.__module__.partition(".")[0] for ancestor in type(source).__mro__}
    reader_kind = reader.kind
    reader.kind = reader.kind or "object"
    if "chaincheck" in modules and isinstance(getattr(source, "der", None), bytes):
        reader.der(source.der, where)
    elif "asn1crypto" in modules and hasattr(source, "dump"):
        reader.content(source.dump(), where)
    elif "OpenSSL" in modules and hasattr(source, "to_cryptography"):
        return _object(reader, source.to_cryptography(), where)
    elif (hasattr(source, "public_bytes") and hasattr(source, "fingerprint")) or hasattr(source, "tbs_certrequest_bytes"):
        reader.der(_encoded(source), where)  # x509.Certificate, CertificateRevocationList, CertificateSigningRequest
    elif "cryptography" in modules and hasattr(source, "response_status"):
        reader.der(_encoded(source), where)
    elif hasattr(source, "public_key") or ("cryptography" in modules and hasattr(source, "public_bytes")):
        reader.keys.append(from_object(source, where))
    elif hasattr(source, "read"):
        content = source.read(reader.limits.max_bytes + 1)
        if isinstance(content, str) and content.strip():  # never a path: it was read from a file
            if len(content) > reader.limits.max_bytes:
                raise reader.error("too-large", f"more than {reader.limits.max_bytes:,} characters", where)
            reader.text(content, where)
        else:
            reader.content(bytes(content) if isinstance(content, (bytes, bytearray)) else b"", where)
    else:
        reader.kind = reader_kind
        return False
    return True


def _encoded(source: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    encoded = source.public_bytes(Encoding.DER)
    return encoded if isinstance(encoded, bytes) else b""


def _items(reader: Reader, source: Any, where: str, depth: int) -> None:
    if isinstance(source, Mapping) or not isinstance(source, Iterable):
        raise reader.error("not-a-source", f"an object of type {type_name(source)}", where, _SOURCES)
    if depth >= 3:
        raise reader.error("too-deep", "lists in lists, more than 3 deep", where)
    reader.kind = reader.kind or "list"
    count = -1
    for count, item in enumerate(_each(reader, source, where)):
        if count >= reader.limits.max_certificates:
            raise reader.error("too-many", f"more than {reader.limits.max_certificates:,} items", where)
        try:
            read(reader, item, f"{where}[{count}]", depth + 1)
        except InputError as error:
            if error.code in _CALLERS_OWN:
                raise
            reader.note(NoteCode.DAMAGED_MEMBER, error.where, error.found, error.code)
            reader.rejected.append(error)
    if count < 0:
        raise reader.error("empty", "an empty list", where)


def _each(reader: Reader, source: Iterable[Any], where: str) -> Iterator[Any]:
    """The items; what the caller's iterable raises becomes an ``InputError``."""
    try:
        items = iter(source)
    except Exception as error:
        raise _uncooperative(reader, source, where, error) from error
    while True:
        try:
            item = next(items)
        except StopIteration:
            return
        except Exception as error:
            raise _uncooperative(reader, source, where, error) from error
        yield item
