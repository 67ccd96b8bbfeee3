"""What the cache keeps of one URL, and what it says of itself; plain data, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

Key: TypeAlias = tuple[str, str, str, str]
"""``Request.key``: kind, method, URL, SHA-256 (hex) of the request's body."""

ENTRY_BYTES: Final = 512
"""What an entry counts for beside its body: its row with the places in two indexes is about that, for a URL of usual length."""

_LONGEST_VALIDATOR: Final = 1024  # characters: a request with headers of many KiB would be refused by many a server


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """Verified evidence as it came, with its times in epoch seconds.

    ``this_update_s`` and ``next_update_s`` are what the evidence says of itself; ``received_at`` is when it came over the network;
    ``refresh_at`` is when asking again is due by the HTTP headers, None where they say nothing. ``etag`` and ``last_modified`` are the
    validators of RFC 9110 8.8 as they came, none where one is longer than 1 KiB. ``sha256`` (hex) of the body is worked out unless it is
    given.
    """

    body: bytes
    this_update_s: int
    next_update_s: int | None = None
    received_at: int
    refresh_at: int | None = None
    etag: str = ""
    last_modified: str = ""
    sha256: str = ""

    def __post_init__(self) -> None:
        if not self.sha256:
            object.__setattr__(self, "sha256", sha256(self.body).hexdigest())
        for name in ("etag", "last_modified"):
            if len(getattr(self, name)) > _LONGEST_VALIDATOR:
                object.__setattr__(self, name, "")

    @property
    def rank(self) -> tuple[int, int]:
        """What decides between two: the later thisUpdate, then the later to arrive."""
        return self.this_update_s, self.received_at

    @property
    def size(self) -> int:
        """Bytes it counts for in the cache."""
        return len(self.body) + ENTRY_BYTES

    def due(self, now: float) -> bool:
        """Whether there may be something newer: by the headers, else by nextUpdate; what says neither may be replaced at any time."""
        end = self.refresh_at if self.refresh_at is not None else self.next_update_s
        return end is None or end <= now


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheInfo:
    """What a cache holds on disk. ``bytes`` and ``limit`` count alike; ``by_kind`` has (entries, bytes) for each kind of evidence.

    ``problem`` says why nothing is kept on disk, None where it is. ``oldest_use`` and ``newest_use`` (aware UTC) are None where
    nothing is held.
    """

    directory: Path | None
    entries: int = 0
    bytes: int = 0
    limit: int
    by_kind: Mapping[str, tuple[int, int]]
    oldest_use: datetime | None = None
    newest_use: datetime | None = None
    problem: str | None = None


class Unavailable(Exception):
    """Nothing can be kept on disk now. ``passing``: another process was in the way, and the next attempt may succeed."""

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.passing = passing
