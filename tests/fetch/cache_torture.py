"""Many processes at one cache, killed at random: ``make cache-torture`` runs it for a minute, the test suite for some seconds.

Bodies describe themselves, so a wrong answer is seen. What was acknowledged is written to a file that all append to and all read, so every
worker knows below what no later look at the disk may fall. In the end the database is checked from outside.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from chaincheck.fetch.cache import Cache
from chaincheck.fetch.cache_entry import Key, Stored
from chaincheck.fetch.request import Outcome, Request, Response

SMALL, LARGE, REJECTED = range(24), range(24, 28), range(28, 32)  # numbers of questions; what is rejected may be lost
WRONG = 3  # exit code of a worker that saw something wrong
Rank = tuple[int, int]


def key(number: int) -> Key:
    return Request(kind="crl" if number in LARGE else "ocsp", url=f"http://pki.example/{number}", body=b"%d" % number).key


def evidence(number: int, this_update: int, chance: random.Random) -> Stored:
    received = chance.getrandbits(40)  # no two alike
    filler = chance.randbytes(chance.randrange(200_000, 1_000_000) if number in LARGE else chance.randrange(3000))
    head = f"{number} {this_update} {received} {sha256(filler).hexdigest()}\n".encode()
    return Stored(body=head + filler, this_update_s=this_update, received_at=received, etag=f'"{this_update}"')


def fault(number: int, stored: Stored) -> str | None:
    """What is wrong with an answer by its own word."""
    head, _, filler = stored.body.partition(b"\n")
    told, this_update, received, digest = head.decode().split()
    if int(told) != number:
        return f"question {number} was answered with what belongs to {told}"
    if int(this_update) != stored.this_update_s or int(received) > stored.received_at or stored.etag != f'"{this_update}"':
        return f"question {number}: times of another answer"
    if sha256(filler).hexdigest() != digest:
        return f"question {number}: a damaged body"
    return None


class Worker:
    """Asks and tells until it is killed."""

    def __init__(self, directory: Path, log: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.disk = Cache(directory / "cache", memory_bytes=0)
        self.fronted = Cache(directory / "cache", memory_bytes=2_000_000)
        self.log = os.open(log, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        self.read = 0
        self.floor: dict[int, Rank] = {}
        self.own: dict[int, Rank] = {}

    def run(self) -> None:
        while True:
            number = self.chance.choice((*SMALL, *LARGE, *REJECTED))
            self.chance.choices((self.look, self.tell, self.confirm, self.fail, self.rest), (60, 30, 6, 3, 1))[0](number)

    def look(self, number: int) -> None:
        """On disk: nothing below what anybody was promised before; in memory: nothing below what this process knew."""
        self.learn()
        floor, own = self.floor.get(number, (0, 0)), self.own.get(number, (0, 0))
        for cache, least in ((self.disk, floor), (self.fronted, own)):
            stored = cache.get(key(number))
            if stored is None:
                if least > (0, 0) and number not in REJECTED:
                    raise AssertionError(f"question {number}: lost an answer that was acknowledged")
                continue
            if (found := fault(number, stored)) is not None:
                raise AssertionError(found)
            if number in REJECTED:
                if self.chance.random() < 0.3:
                    cache.reject(key(number), stored.sha256)
                continue
            if stored.rank < least:
                raise AssertionError(f"question {number}: {stored.rank} after {least}")
        if number not in REJECTED and stored is not None:
            self.own[number] = max(own, stored.rank)

    def tell(self, number: int) -> None:
        """Something a little older or newer than what is known."""
        stored = evidence(number, max(self.floor.get(number, (0, 0))[0] + self.chance.randrange(-3, 4), 1), self.chance)
        if self.fronted.put(key(number), stored):
            os.write(self.log, f"{number} {stored.this_update_s} {stored.received_at}\n".encode())
            self.own[number] = max(self.own.get(number, (0, 0)), stored.rank)

    def confirm(self, number: int) -> None:
        stored = self.fronted.get(key(number))
        if stored is not None:
            self.fronted.refreshed(key(number), stored.sha256, stored.received_at + 1, None)

    def fail(self, number: int) -> None:
        """Failures on the word of both sorts of certificate, each with its own detail."""
        asked = Request(kind="crl", url=f"http://gone.example/{number}", anchored=self.chance.random() < 0.5)
        for request in (asked, replace(asked, anchored=not asked.anchored)):
            found = self.disk.recent_failure(request)
            if found is not None and not found.detail.startswith(f"{number} {request.anchored} "):
                raise AssertionError(f"failure {number} {request.anchored}: {found.detail}")
        detail = f"{number} {asked.anchored} refused"
        self.disk.failed(Response(request=asked, outcome=Outcome.UNREACHABLE, detail=detail, received_at=int(time.time())))

    def rest(self, _: int) -> None:
        self.disk.info()
        self.chance.choice((self.disk, self.fronted)).close()

    def learn(self) -> None:
        """Read what others were promised meanwhile."""
        told = os.pread(self.log, 1 << 20, self.read)
        whole = told[: told.rfind(b"\n") + 1]
        self.read += len(whole)
        absorb(self.floor, whole)


def absorb(floor: dict[int, Rank], log: bytes) -> None:
    for line in log.splitlines():
        number, this_update, received = map(int, line.split())
        floor[number] = max(floor.get(number, (0, 0)), (this_update, received))


@dataclass(frozen=True, kw_only=True)
class Result:
    """``faults`` is empty where all went well."""

    acknowledged: int
    killed: int
    faults: tuple[str, ...]


def torture(directory: Path, *, processes: int, seconds: float, seed: int = 1) -> Result:
    """Run that many workers at a time, and kill one again and again."""
    chance = random.Random(seed)
    log, errors = directory / "acknowledged", directory / "errors"
    log.touch()
    running: list[subprocess.Popen[bytes]] = []
    killed, ended = 0, False
    with errors.open("ab") as sink:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not ended:
            while len(running) < processes:
                seed += 1
                running.append(subprocess.Popen([sys.executable, __file__, "--worker", str(directory), str(seed)], stderr=sink))
            time.sleep(chance.uniform(0.2, 2.0) / processes)
            ended = any(process.poll() is not None for process in running)  # nobody ends by himself, unless something is wrong
            victim = running.pop(chance.randrange(len(running)))
            victim.kill()
            killed += 1
            victim.wait()
        for process in running:
            process.kill()
            process.wait()
    acknowledged = log.read_bytes()
    said = errors.read_text()
    return Result(
        acknowledged=acknowledged.count(b"\n"),
        killed=killed + len(running),
        faults=(*((said,) if said else ()), *(("a worker ended",) if ended else ()), *remaining_faults(directory, acknowledged)),
    )


def remaining_faults(directory: Path, acknowledged: bytes) -> list[str]:
    """What is wrong in the end: seen by SQLite alone, then by a cache of this process."""
    found = [path.name for path in (directory / "cache").iterdir() if ".damaged" in path.name]
    for path in (directory / "cache").glob("*.sqlite3"):
        connection = sqlite3.connect(path)
        found += [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
        bare = connection.execute("SELECT count(*) FROM evidence LEFT JOIN body USING (id) WHERE content IS NULL").fetchone()[0]
        alone = connection.execute("SELECT count(*) FROM body LEFT JOIN evidence USING (id) WHERE url IS NULL").fetchone()[0]
        held, total = connection.execute("SELECT (SELECT bytes FROM held), (SELECT sum(size) FROM evidence)").fetchone()
        found += [f"{bare} entries without body, {alone} bodies without entry, {held} of {total} bytes"] * (bare or alone or held != total)
        connection.close()
    floor: dict[int, Rank] = {}
    absorb(floor, acknowledged)
    cache = Cache(directory / "cache")
    for number, least in floor.items():
        stored = cache.get(key(number))
        if stored is None:
            found += [f"question {number}: lost"] * (number not in REJECTED)
        elif wrong := fault(number, stored):
            found.append(wrong)
        elif stored.rank < least and number not in REJECTED:
            found.append(f"question {number}: {stored.rank}, and {least} was acknowledged")
    cache.close()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--worker", nargs=2, metavar=("DIRECTORY", "SEED"))
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    if options.worker:
        logging.basicConfig(level=logging.WARNING)  # to stderr, which must stay empty
        directory = Path(options.worker[0])
        try:
            Worker(directory, directory / "acknowledged", int(options.worker[1])).run()
        except AssertionError as error:
            sys.stderr.write(f"{error}\n")
            return WRONG
    import tempfile

    with tempfile.TemporaryDirectory() as directory_name:
        result = torture(Path(directory_name), processes=options.processes, seconds=options.seconds)
    summary = f"{result.acknowledged} acknowledged writes, {result.killed} processes killed, {len(result.faults)} faults"
    sys.stdout.write("".join(f"{line}\n" for line in (summary, *result.faults)))
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main())
