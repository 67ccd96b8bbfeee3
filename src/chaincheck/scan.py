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


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One certificate that is not a CA's, and where it was found; ``chaincheck.diagnose`` takes ``certificate`` as it is."""

    label: str
    certificate: Certificate


def scan(path: str | os.PathLike[str], *, password: Any = None, limits: Limits | None = None) -> Iterator[Found]:
    """Yield the end-entity certificates of a file, or of all files below a folder, in the order of their names.

    Files that hold no certificate are passed over; CA certificates are left out (RFC 5280 4.2.1.9: cA). The label is the path relative to
    the folder, with the place inside it where a file holds several. Raises ``InputError`` for a path that does not exist.
    """
    top = Path(path)
    if not top.exists():
        raise InputError("not-found", found="nothing of that name", expected="a file or a folder", where=str(top))
    for file in sorted(p for p in top.rglob("*") if p.is_file()) if top.is_dir() else [top]:
        try:
            loaded = load(file, password=password, limits=limits)
        except InputError:
            if file == top:
                raise
            continue
        ends = [certificate for certificate in map(Certificate, loaded.certificates) if not certificate.is_ca]
        name = file.relative_to(top).as_posix() if file != top else file.name
        for number, certificate in enumerate(ends, 1):
            yield Found(label=f"{name}#{number}" if len(ends) > 1 else name, certificate=certificate)
