"""Prints the measures: ``python -m benchmarks``. Everything is measured in one run, in turns, and shown as medians, ratios and goals."""

from __future__ import annotations

import dataclasses
import hashlib
import platform
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import pki
from benchmarks import answers, caching, large_crls, logs, peers, throughput, timing
from benchmarks.material import Material, crowd, material, mesh

if TYPE_CHECKING:
    import chaincheck

LEAVES, WARM_UP = 400, 100
CAS = 10_000


@dataclass(frozen=True)
class Row:
    """``seconds`` is chaincheck's median, ``other`` that of what it is held against.

    The goal limits their ratio, or ``seconds`` where there is nothing to compare.
    """

    work: str
    seconds: float
    against: str = ""
    other: float | None = None
    goal: float | None = None
    at_least: bool = False  # the goal is how many times faster

    @property
    def ratio(self) -> float:
        if self.other is None:
            return self.seconds
        return self.other / self.seconds if self.at_least else self.seconds / self.other

    @property
    def met(self) -> str:
        if self.goal is None:
            return ""
        return "yes" if (self.ratio >= self.goal if self.at_least else self.ratio <= self.goal) else "NO"

    def cells(self) -> tuple[str, ...]:
        if self.other is None:
            return self.work, shown(self.seconds), "", "", "", f"<= {shown(self.goal)}" if self.goal else "", self.met
        ratio = f"{self.ratio:.2f}x" + (" faster" if self.at_least else "")
        goal = f"{'>=' if self.at_least else '<='} {self.goal:g}x" if self.goal else ""
        return self.work, shown(self.seconds), self.against, shown(self.other), ratio, goal, self.met


def shown(seconds: float) -> str:
    for factor, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= factor:
            return f"{seconds / factor:.2f} {unit}"
    return f"{seconds / 1e-6:.1f} us"


def checker_for(made: Material) -> chaincheck.Checker:
    import chaincheck

    store = chaincheck.TrustStore(roots=[made.root.der], intermediates=[made.authority.der])
    return chaincheck.Checker(store=store, rules=dataclasses.replace(chaincheck.IIS, revocation="off"), fetch="never")


def one_more_leaf(kind: str, label: str, goals: dict[str, float]) -> list[Row]:
    """Leaves never seen before, of a CA that is known; the full Diagnosis."""
    made = material(kind, LEAVES)
    checker = checker_for(made)
    first = checker.diagnose(made.leaves[0].der, at=pki.AT)
    if not first.accepted:
        raise RuntimeError(f"the certificates of this measure must be accepted: {first.headline}")
    medians = timing.in_turns(
        {
            "chaincheck": lambda leaf: checker.diagnose(leaf.der, at=pki.AT),
            "signature verification alone": peers.bare_signature(made),
            "cryptography.x509.verification": peers.cryptography_verification(made),
            "pyhanko-certvalidator": peers.certvalidator(made),
        },
        made.leaves[1:],
        warm_up=WARM_UP,
    )
    own = medians.pop("chaincheck")
    rows = [
        Row(f"one more leaf, {label}", own, name, seconds, goals.get(name), at_least=not name.startswith("signature"))
        for name, seconds in medians.items()
    ]
    again = timing.repeated(lambda: checker.diagnose(made.leaves[-1].der, at=pki.AT), times=30, each=100)
    return [*rows, Row(f"the same certificate again, {label}", again, goal=10e-6)]


def large_stores() -> list[Row]:
    """A file with the certificates of 10,000 CAs: opened, and asked about a leaf of one of them; then about leaves of others."""
    import chaincheck

    made = crowd(CAS, 50)
    rules = dataclasses.replace(chaincheck.IIS, revocation="off")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for suffix, content in (("DER", made.der), ("SST", made.sst)):
            file = Path(folder, f"store.{suffix.lower()}")
            file.write_bytes(content)

            def opened(leaf: pki.Issued, file: Path = file) -> chaincheck.Checker:
                checker = chaincheck.Checker(store=chaincheck.TrustStore.load(file), rules=rules, fetch="never")
                if not checker.diagnose(leaf.der, at=pki.AT).accepted:
                    raise RuntimeError("the certificates of this measure must be accepted")
                return checker

            def hashed(_: pki.Issued, content: bytes = content) -> bytes:
                return hashlib.sha256(content).digest()

            medians = timing.in_turns({"chaincheck": opened, "other": hashed}, made.leaves[:12], warm_up=3)
            work = f"{CAS:,} CA certificates in one {suffix} file"
            rows.append(Row(f"{work}, open and first answer", medians["chaincheck"], "SHA-256 of its bytes", medians["other"], 3))
            checker = opened(made.leaves[0])

            def follow(leaf: pki.Issued, checker: chaincheck.Checker = checker) -> object:
                return checker.diagnose(leaf.der, at=pki.AT)

            following = timing.in_turns({"chaincheck": follow}, made.leaves[1:], warm_up=5)
            rows.append(Row(f"{work}, next answer", following["chaincheck"], goal=0.3e-3))
    return rows


def nowhere() -> Row:
    """Issuers in a circle and no anchor: every question by a checker that knows nothing of them yet."""
    import chaincheck

    leaf, members, root = mesh()
    store = chaincheck.TrustStore(roots=[root.der], intermediates=[one.der for one in members])
    rules = dataclasses.replace(chaincheck.IIS, revocation="off")

    def ask(_: None) -> None:
        if chaincheck.diagnose(leaf.der, store=store, rules=rules, fetch="never", at=pki.AT).accepted:
            raise RuntimeError("there is no path to an anchor")

    medians = timing.in_turns({"chaincheck": ask}, [None] * 40, warm_up=10)
    return Row("6 cross-signed CAs of one name and two keys, no path to an anchor", medians["chaincheck"], goal=25e-3)


def costly() -> list[Row]:
    """The questions of tests/path/test_budgets.py: each by a checker that knows nothing, in a process that remembers nothing."""
    import chaincheck
    from path import test_budgets as made
    from path.test_order import forget

    rules = dataclasses.replace(made.EXPLICIT, anchor_validity=True)
    leaf, chain, root = made.doubled(10)
    old = pki.root("Layer root", not_after=pki.AT - timedelta(days=1))
    subtrees = [made.dns(number, "example") for number in range(made.MANY)]
    (permitting,) = made.constrained(subtrees)
    hostile, names = made.HOSTILE["directory names"]
    (excluding,) = made.constrained(excluded=hostile)
    every = range(made.POLICIES)
    pairs = [(number, made.POLICIES + number) for number in every]
    bridge = made.ROOT.issue_ca("Bridge", extensions=[made.policies_told(every), made.mapped(pairs)])
    plain = dataclasses.replace(rules, policies=chaincheck.PolicySettings())
    questions = {
        "1,024 paths, all good": (leaf, root, chain, plain),
        "1,024 paths, none good": (leaf, old, chain, plain),
        "2,000 names in 2,000 permitted subtrees": (made.named(permitting, subtrees), made.ROOT, [permitting], plain),
        "2,000 directory names outside 2,000 excluded subtrees": (made.named(excluding, names), made.ROOT, [excluding], plain),
        "10,000 mapped policies": (bridge.issue("c", extensions=[made.policies_told([pairs[77][1]])]), made.ROOT, [bridge], rules),
    }
    rows = []
    for work, (subject, anchor, issuers, judged_by) in questions.items():
        store = chaincheck.TrustStore(roots=[anchor.der], intermediates=[one.der for one in issuers])
        taken = []
        for _ in range(9):
            forget()
            begun = perf_counter()
            chaincheck.diagnose(subject.der, store=store, rules=judged_by, fetch="never", at=pki.AT)
            taken.append(perf_counter() - begun)
        rows.append(Row(work, median(taken), goal=0.1))
    return rows


def importing() -> Row:
    programs = {"chaincheck": "import chaincheck", "other": "import cryptography.x509"}
    medians = timing.fresh_processes(programs, times=15)
    return Row("import chaincheck", medians["chaincheck"], "import cryptography.x509", medians["other"], 0.3)


FIRST_DIAGNOSIS = """
import sys, dataclasses, datetime, chaincheck
root, authority, leaf = (open(name, "rb").read() for name in sys.argv[1:4])
at = datetime.datetime.fromtimestamp(int(sys.argv[4]), datetime.UTC)
store = chaincheck.TrustStore(roots=[root], intermediates=[authority])
checker = chaincheck.Checker(store=store, rules=dataclasses.replace(chaincheck.IIS, revocation="off"), fetch="never")
assert checker.diagnose(leaf, at=at).accepted
"""
FIRST_VERIFICATION = """
import sys, datetime
from cryptography.x509 import load_der_x509_certificate
from cryptography.x509.verification import PolicyBuilder, Store
root, authority, leaf = (load_der_x509_certificate(open(name, "rb").read()) for name in sys.argv[1:4])
at = datetime.datetime.fromtimestamp(int(sys.argv[4]), datetime.UTC)
PolicyBuilder().store(Store([root])).time(at).build_client_verifier().verify(leaf, [authority])
"""


def first_answer() -> Row:
    """From the first statement of a fresh process to its first answer, from files."""
    made = material("rsa2048", 1)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("root.cer", "authority.cer", "leaf.cer")]
        for file, one in zip(files, (made.root, made.authority, made.leaves[0]), strict=True):
            file.write_bytes(one.der)
        arguments = [*map(str, files), str(int(pki.AT.timestamp()))]
        medians = timing.fresh_processes({"chaincheck": FIRST_DIAGNOSIS, "other": FIRST_VERIFICATION}, arguments, times=15)
    return Row("fresh process to first diagnosis", medians["chaincheck"], "the same, cryptography", medians["other"], 1.1)


def table(rows: list[Row]) -> str:
    lines = [("work", "chaincheck", "against", "takes", "ratio", "goal", "met"), *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def main() -> None:
    import cryptography

    print(
        f"Python {platform.python_version()}, cryptography {cryptography.__version__}, {platform.machine()}; medians of one run\n",
        flush=True,
    )
    rows = [
        *one_more_leaf(
            "rsa2048",
            "RSA-2048",
            {"signature verification alone": 2.2, "cryptography.x509.verification": 3, "pyhanko-certvalidator": 40},
        ),
        *one_more_leaf("p256", "ECDSA P-256", {"signature verification alone": 1.4}),
        *(Row(one.work, one.seconds, "its two signature verifications", one.floor, 1.8) for one in answers.measures()),
        *large_stores(),
        *(Row(*one) for one in large_crls.measures()),
        nowhere(),
        *costly(),
        importing(),
        first_answer(),
        *(Row(one.work, one.seconds, one.against, one.other, one.goal) for one in caching.measures()),
    ]
    print(table(rows))
    print()
    log = logs.measure()
    met = "yes" if log.speed >= 50 else "NO"
    print(f"a log of 1 GB: {log.speed:.0f} MB a second  goal >= 50  {met}; {log.memory:.1f} MiB more memory; {log.refusals:,} refusals")
    for many in throughput.measures():
        goal = "" if many.goal is None else f"  goal >= {many.goal:g}  {'yes' if many.a_second >= many.goal else 'NO'}"
        print(f"{many.work}: {many.a_second:.0f} a second{goal}", flush=True)


if __name__ == "__main__":
    main()
