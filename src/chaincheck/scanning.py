"""Finding the client certificates in a collection: a folder, a bundle, a store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaincheck.errors import InputError
from chaincheck.formats.load import load
from chaincheck.x509.certificate import Certificate

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from chaincheck.formats.limits import Limits

_EXPECTED = "a file or a folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One certificate that is not a CA's, and where it was found; ``chaincheck.diagnose`` takes ``certificate`` as it is.

    ``label`` is the path relative to the folder, with ``/``; where a file holds several, ``#1``, ``#2`` behind it.
    """

    label: str
    certificate: Certificate


def scan(path: str | os.PathLike[str], *, password: Any = None, limits: Limits | None = None) -> Iterator[Found]:
    """The end-entity certificates of a file, or of all files below a folder, in the order of their names.

    CA certificates are left out (RFC 5280 4.2.1.9: cA). In a folder, files that hold no certificate, or cannot be opened (another
    ``password``), are passed over; a certificate that lies in two files is found twice. Each file is read when its turn comes, within
    ``limits``. Raises ``InputError`` at once for a path that does not exist, or where the limits open no path; for a file that holds no
    certificate when it is read.
    """
    try:
        top = Path(path)
    except TypeError as error:
        raise InputError("argument-type", found=repr(path)[:80], expected=_EXPECTED, where="path") from error
    if limits is not None and not limits.allow_paths:
        raise InputError("paths-not-allowed", found=f"the path {top}", expected="limits that open paths", where="limits")
    if not top.exists():
        raise InputError("not-found", found="nothing of that name", expected=_EXPECTED, where=str(top))
    return _folder(top, password, limits) if top.is_dir() else _file(top, top.name, password, limits)


def _folder(top: Path, password: Any, limits: Limits | None) -> Iterator[Found]:
    for file in sorted(path for path in top.rglob("*") if path.is_file()):
        try:
            yield from _file(file, file.relative_to(top).as_posix(), password, limits)
        except InputError:
            continue


def _file(file: Path, name: str, password: Any, limits: Limits | None) -> Iterator[Found]:
    loaded = load(file, password=password, limits=limits)
    ends = [certificate for certificate in map(Certificate, loaded.certificates) if not certificate.is_ca]
    for number, certificate in enumerate(ends, 1):
        yield Found(label=f"{name}#{number}" if len(ends) > 1 else name, certificate=certificate)
