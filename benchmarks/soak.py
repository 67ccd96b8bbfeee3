"""An agent's days in minutes: ``python -m benchmarks.soak [--certificates 20000] [--rounds 10] [--remember 20000]``.

Certificates of 40 CAs, asked about again and again by one checker, as an agent does. Each CA has a CRL, every fourth an OCSP responder too,
which is asked about each of its certificates; both are served by this process, whose work is part of the first round. Prints for each round
how many a second, the resident memory, and how many requests the server saw.
"""

from __future__ import annotations

import gc
import sys
from argparse import ArgumentParser
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import chaincheck
import http_server
import pki

if TYPE_CHECKING:
    from collections.abc import Iterator

CAS = 40
NOW = datetime.now(UTC).replace(microsecond=0)
DATES: Any = {"not_before": NOW - timedelta(days=30), "not_after": NOW + timedelta(days=300)}


def resident() -> float:
    """MiB of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def made(count: int, server: http_server.WebServer) -> tuple[chaincheck.TrustStore, list[tuple[str, bytes]]]:
    """The store, and certificates of which one in a hundred is revoked."""
    root = pki.root("Soak Root", **DATES)
    dates: Any = {"this_update": NOW - timedelta(days=1), "next_update": NOW + timedelta(days=6)}
    root_url = server.serve("/root.crl", http_server.Reply(body=root.crl(**dates)))
    cas = [root.issue_ca(f"Soak CA {number}", crl_urls=(root_url,), **DATES) for number in range(CAS)]
    clients = []
    for number in range(count):
        ca = cas[number % CAS]
        url = server.url(f"/{number % CAS}.crl")
        responders = (server.url(f"/{number % CAS}/ocsp"),) if number % CAS % 4 == 0 else ()
        client = ca.issue(f"client {number}", key="p256:soak", serial=number + 1, crl_urls=(url,), ocsp_urls=responders, **DATES)
        clients.append((f"client {number}", client.der))
    for number, ca in enumerate(cas):
        of_ca = range(number, count, CAS)
        revoked = [(serial + 1, NOW - timedelta(days=1), None) for serial in of_ca if serial % 100 == 0]
        if number % 4 == 0:
            status = {serial + 1: "revoked" if serial % 100 == 0 else "good" for serial in of_ca}
            server.serve(f"/{number}/ocsp", ca.ocsp_handler(status))
        server.serve(f"/{number}.crl", http_server.Reply(body=ca.crl(revoked, **dates)))
    store = chaincheck.TrustStore(roots=[root.der], intermediates=[ca.der for ca in cas], disallowed=[])
    return store, clients


def rounds(count: int, times: int, remember: int) -> Iterator[str]:
    """A line for each round."""
    with TemporaryDirectory() as folder, http_server.running() as server:
        store, clients = made(count, server)
        guard = chaincheck.Guard(allow=(f"127.0.0.1:{server.port}",))
        with chaincheck.Checker(store=store, guard=guard, cache=chaincheck.Cache(folder), remember=remember) as checker:
            for number in range(1, times + 1):
                before = perf_counter()
                verdicts = Counter(
                    result.diagnosis.verdict.value if result.diagnosis is not None else "error"
                    for result in chaincheck.diagnose_many(clients, checker=checker)
                )
                seconds = perf_counter() - before
                gc.collect()
                told = ", ".join(f"{value} {name}" for name, value in sorted(verdicts.items()))
                asked = server.count()
                yield f"round {number:2}: {count / seconds:8,.0f} a second, {resident():6.1f} MiB, {asked} requests in all; {told}"


def main() -> None:
    parser = ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--certificates", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--remember", type=int, help="answers that the checker keeps (default: all)")
    options = parser.parse_args()
    remember = options.certificates if options.remember is None else options.remember
    for line in rounds(options.certificates, options.rounds, remember):
        print(line, flush=True)


if __name__ == "__main__":
    main()
