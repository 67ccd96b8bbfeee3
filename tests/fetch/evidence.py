"""Entries for the tests of the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaincheck.fetch.cache_entry import Stored
from chaincheck.fetch.request import Request

if TYPE_CHECKING:
    from pathlib import Path

    from chaincheck.fetch.cache_entry import Key

NOW = 2_000_000_000  # epoch seconds: after every run of the tests
URL = "http://pki.example/issuing.crl"


def key(name: str = "issuing") -> Key:
    return Request(kind="crl", url=f"http://pki.example/{name}.crl").key


def stored(body: bytes = b"a list", *, this_update: int = NOW, received: int = NOW, refresh: int | None = NOW + 3600) -> Stored:
    return Stored(body=body, this_update_s=this_update, received_at=received, refresh_at=refresh)


def databases(directory: Path) -> list[Path]:
    return sorted(directory.glob("evidence-*.sqlite3"))


def set_aside(directory: Path) -> list[Path]:
    return [path for path in sorted(directory.glob("*.damaged-*")) if not path.name.endswith(("-wal", "-shm"))]
