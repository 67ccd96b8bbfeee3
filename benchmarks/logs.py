"""A log of 1 GB: how fast it is read, and what memory that takes."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

SIZE = 1_000_000_000

_READ = """
import resource, sys, time
from chaincheck.iis import read_log
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begun = time.perf_counter()
summary = read_log(sys.argv[1])
taken, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(taken, after - before, sum(each.count for each in summary.refusals))
"""


class Measure(NamedTuple):
    """Megabytes a second, MiB of memory beyond those of the interpreter, and the refusals that were found."""

    speed: float
    memory: float
    refusals: int


def measure() -> Measure:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "u_ex260615.log")
        size = write(file, SIZE)
        ran = subprocess.run([sys.executable, "-c", _READ, str(file)], capture_output=True, text=True, check=True)
    seconds, kibibytes, refusals = ran.stdout.split()
    return Measure(size / 1e6 / float(seconds), int(kibibytes) / 1024, int(refusals))


def write(file: Path, size: int) -> int:
    """Lines as IIS writes them, two in a hundred of them refusals; the bytes written."""
    chosen = random.Random(1)
    lines = []
    for number in range(100_000):
        seen = chosen.choice(["200 0 0"] * 96 + ["304 0 0", "404 0 2", "403 16 2148204809", "403 7 5"])
        client, page, query = f"10.1.{chosen.randint(0, 3)}.{chosen.randint(1, 20)}", chosen.randint(1, 40), chosen.randint(1, 10**6)
        moment = f"2026-06-15 {number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}"
        agent = "Mozilla/5.0+(Windows+NT+10.0;+Win64;+x64)+AppleWebKit/537.36"
        lines.append(
            f"{moment} 10.0.0.5 GET /app/{page}.aspx id={query} 443 - {client} {agent} https://example.com/ {seen} {number % 900}\r\n"
        )
    block = "".join(lines).encode("ascii")
    head = b"#Software: Microsoft Internet Information Services 10.0\r\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query "
    head += b"s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken\r\n"
    with file.open("wb") as log:
        log.write(head)
        for _ in range(size // len(block) + 1):
            log.write(block)
        return log.tell()
