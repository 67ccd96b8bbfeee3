"""The cache of fetched evidence: a hit in memory, hits in the database, and what putting costs."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from time import perf_counter, time
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import timing
from chaincheck.fetch.cache import Cache
from chaincheck.fetch.cache_entry import Key, Stored

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL, LARGE = 2048, 40_000_000  # bytes: an OCSP response with its signer's certificate; a CRL of a million entries
TIMES = 9


class Measure(NamedTuple):
    """Median seconds, and those of what they are held against."""

    work: str
    seconds: float
    goal: float | None = None
    against: str = ""
    other: float | None = None


def key(name: str) -> Key:
    return "crl", "GET", f"http://pki.example/{name}", hashlib.sha256(b"").hexdigest()


def entry(size: int) -> Stored:
    now = int(time())
    return Stored(body=os.urandom(size), this_update_s=now, received_at=now, refresh_at=now + 86_400)


def measures() -> Iterator[Measure]:
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder, "cache")
        fronted, disk = Cache(directory), Cache(directory, memory_bytes=0)
        yield from small(fronted, disk)
        yield from large(disk)
        fronted.close()
        disk.close()


def small(fronted: Cache, disk: Cache) -> Iterator[Measure]:
    name = key("small")
    fronted.put(name, entry(SMALL))
    yield Measure("cache: 2 KB from memory", timing.repeated(lambda: fronted.get(name), times=30, each=1000), 5e-6)
    yield Measure("cache: 2 KB from the database", timing.repeated(lambda: disk.get(name), times=30, each=100), 200e-6)
    entries = [entry(SMALL) for _ in range(300)]
    put = timing.in_turns({"put": lambda number: disk.put(key(f"small-{number}"), entries[number])}, range(300), warm_up=50)
    yield Measure("cache: put 2 KB", put["put"])


def large(disk: Cache) -> Iterator[Measure]:
    """A body of 40 MB is held against its SHA-256 when it is read: no less can be had."""
    taken: dict[str, list[float]] = {"put": [], "get": [], "hash": []}
    for turn in range(TIMES):
        stored = entry(LARGE)
        for name, work in (
            ("put", lambda turn=turn, stored=stored: disk.put(key(f"large-{turn % 2}"), stored)),
            ("get", lambda turn=turn: disk.get(key(f"large-{turn % 2}"))),
            ("hash", lambda stored=stored: hashlib.sha256(stored.body).digest()),
        ):
            begun = perf_counter()
            work()
            taken[name].append(perf_counter() - begun)
    medians = {name: sorted(seconds)[len(seconds) // 2] for name, seconds in taken.items()}
    against = "SHA-256 of its bytes"
    yield Measure("cache: 40 MB from the database", medians["get"], None, against, medians["hash"])
    yield Measure("cache: put 40 MB", medians["put"], None, against, medians["hash"])
