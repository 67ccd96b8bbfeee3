"""A CRL of 1,000,000 entries: the first answer, the later ones, the index, and what all of it takes of memory."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import tempfile
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import asn1
import chaincheck
import pki
from chaincheck.x509.crl import CertificateList

if TYPE_CHECKING:
    from collections.abc import Callable

ENTRIES = 1_000_000
DAY = timedelta(days=1)


class Measure(NamedTuple):
    """``seconds`` against those of SHA-256 over the same bytes, or against nothing; ``goal`` limits the ratio, or the seconds."""

    work: str
    seconds: float
    against: str
    other: float | None
    goal: float | None


def made() -> tuple[pki.Authority, bytes, list[int]]:
    """The CRL, signed with RSA-2048, with serial numbers of 16 octets, a reason in every fourth entry; and some that are listed."""
    authority = pki.root("Benchmark Large CA", key="rsa2048:a")
    octets = random.Random(1).randbytes(16 * ENTRIES)
    when, reason = b"\x17\x0d260501120000Z", bytes.fromhex("300c300a0603551d1504030a0101")
    parts: list[bytes] = []
    for number in range(ENTRIES):
        serial = bytes((0x40 | octets[16 * number] & 0x3F,)) + octets[16 * number + 1 : 16 * number + 16]
        parts += (b"\x30\x21\x02\x10", serial, when) if number % 4 else (b"\x30\x2f\x02\x10", serial, when, reason)
    algorithm, _ = authority.key.sign(b"")
    begin, end = asn1.time(pki.AT - DAY), asn1.time(pki.AT + 6 * DAY)
    body = asn1.sequence(asn1.integer(1), algorithm, authority.subject, begin, end, asn1.sequence(*parts))
    algorithm, signature = authority.key.sign(body)
    listed = [int.from_bytes(octets[16 * n : 16 * n + 16], "big") & ((1 << 126) - 1) | 1 << 126 for n in range(7, ENTRIES, ENTRIES // 600)]
    return authority, asn1.sequence(body, algorithm, asn1.bit_string(signature)), listed


def measures() -> list[Measure]:
    authority, data, listed = made()
    hashed = _median(lambda: hashlib.sha256(data).digest(), 9)
    absent = [(1 << 127) - 1 - number for number in range(600)]
    found = [
        Measure("not listed, first answer", _first(authority, data, absent), "SHA-256 of its bytes", hashed, 5),
        Measure("listed, first answer", _first(authority, data, listed), "SHA-256 of its bytes", hashed, 12),
    ]
    plain = CertificateList(data)
    plain.find(0)
    later = _each(plain.find, absent[:20] + listed[:20])
    found.append(Measure("a later look-up", later, "", None, 10e-3))
    begun = perf_counter()
    plain.build_index()
    found.append(Measure("building the index", perf_counter() - begun, "a later look-up", later, 60))
    found.append(Measure("a look-up by the index", _each(plain.find, absent[20:] + listed[20:]), "", None, 50e-6))
    print(f"index of a large CRL: {plain.index_bytes / len(data):.2f}x its size (goal 0.5x)")
    print(f"memory of its first answer beyond its bytes: {_memory(authority, data):.2f}x their size (goal 0.5x)\n", flush=True)
    return [Measure(f"a CRL of {ENTRIES:,} entries ({len(data) / 1e6:.0f} MB): {each.work}", *each[1:]) for each in found]


def _first(authority: pki.Authority, data: bytes, serials: list[int]) -> float:
    """Answers of the public face about other certificates, by a checker that has just been given the CRL; modules are loaded."""
    taken = []
    for serial in serials[:7]:
        content = bytes(bytearray(data))  # an object of its own, of which nothing is known
        leaf = authority.issue("client", serial=serial).der
        with chaincheck.Checker(store=chaincheck.TrustStore(roots=authority.der), crls=[content], fetch="never") as checker:
            begun = perf_counter()
            checker.diagnose(leaf, at=pki.AT)
            taken.append(perf_counter() - begun)
    return median(taken)


def _each(find: Callable[[int], object], serials: list[int]) -> float:
    return median(_taken(partial(find, serial)) for serial in serials)


def _taken(work: Callable[[], object]) -> float:
    begun = perf_counter()
    work()
    return perf_counter() - begun


def _median(work: Callable[[], object], times: int) -> float:
    return median(_taken(work) for _ in range(times))


_PEAK = """
import resource, sys
from pathlib import Path
import chaincheck, datetime
root, leaf, crl = (Path(name).read_bytes() for name in sys.argv[1:4])
at = datetime.datetime.fromtimestamp(int(sys.argv[4]), datetime.UTC)
store = chaincheck.TrustStore(roots=root)
chaincheck.Checker(store=store, fetch="never").diagnose(leaf, at=at)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
chaincheck.Checker(store=store, crls=[crl], fetch="never").diagnose(leaf, at=at)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def _memory(authority: pki.Authority, data: bytes) -> float:
    """How much more a fresh process takes at its peak for the first answer, in sizes of the CRL; its bytes are in memory before."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("root.cer", "leaf.cer", "big.crl")]
        for file, content in zip(files, (authority.der, authority.issue("client").der, data), strict=True):
            file.write_bytes(content)
        arguments = [sys.executable, "-c", _PEAK, *map(str, files), str(int(pki.AT.timestamp()))]
        ran = subprocess.run(arguments, capture_output=True, text=True, check=True)
    return int(ran.stdout) / len(data)
