"""NIST PKITS and x509-limbo, judged by our engine: a report, not a test. ``python tests/path/suites.py [DIRECTORY] [-v]``.

DIRECTORY (default: ``../shared/vectors`` beside the project) holds ``pkits.json`` and ``limbo-dev.json``; the certificates and CRLs of
PKITS are in the package cryptography-vectors.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import chaincheck

DIRECTORY = Path(__file__).parents[2].parent / "shared" / "vectors"
CONSTRAINTS = ("constraint-not-judged",)  # the next issue


def pkits(entry: dict[str, Any]) -> chaincheck.Diagnosis:
    """RFC 5280 rules, the CRLs of the entry supplied, nothing fetched."""
    import cryptography_vectors

    base = Path(cryptography_vectors.__file__).parent / "x509" / "PKITS_data"
    rules = replace(
        chaincheck.RFC5280,
        purpose=None,
        policies=chaincheck.PolicySettings(
            initial_policy_set=frozenset(entry["initial_policy_set"]),
            require_explicit_policy=entry["initial_explicit_policy"],
            inhibit_policy_mapping=entry["initial_policy_mapping_inhibit"],
            inhibit_any_policy=entry["initial_inhibit_any_policy"],
        ),
    )
    read = {
        name: (base / "certs" / name).read_bytes() for name in (entry["trust_anchor"], entry["end_certificate"], *entry["intermediates"])
    }
    store = chaincheck.TrustStore(
        roots=[read[entry["trust_anchor"]]],
        intermediates=[read[name] for name in entry["intermediates"]],
        crls=[(base / "crls" / name).read_bytes() for name in entry["crls"]],
    )
    return chaincheck.diagnose(
        read[entry["end_certificate"]], store=store, at=datetime.fromisoformat(entry["time"]), rules=rules, fetch="never"
    )


def limbo(entry: dict[str, Any]) -> chaincheck.Diagnosis:
    """RFC 5280 rules with the entry's purpose and depth; revocation only where it comes with CRLs."""
    purposes: dict[str, Any] = {"client": "client_auth", "server": "server_auth", "any": None}
    rules = replace(
        chaincheck.RFC5280,
        purpose=purposes[entry["purpose"]],
        max_path_length=entry["max_chain_depth"],
        revocation="path" if entry["crls"] else "off",
        anchor_validity=entry["basis"].startswith("anchor"),
        anchor_constraints=entry["basis"].startswith("anchor"),
    )
    store = chaincheck.TrustStore(roots=[text.encode() for text in entry["trusted_certs"]], intermediates=[], crls=[])
    return chaincheck.diagnose(
        entry["leaf"].encode(),
        presented=[text.encode() for text in entry["untrusted_intermediates"]],
        store=store,
        at=datetime.fromisoformat(entry["validation_time"]) if entry["validation_time"] else None,
        rules=rules,
        crls=[text.encode() for text in entry["crls"]],
        fetch="never",
    )


def report(name: str, entries: list[tuple[str, bool, Any, str]], *, verbose: bool) -> None:
    """Counts, and every case that came out otherwise."""
    counts: Counter[str] = Counter()
    for label, good, judge, basis in entries:
        began = perf_counter()
        try:
            diagnosis = judge()
        except chaincheck.InputError as error:
            counts[f"{basis} input error"] += 1
            print(f"  {label}: InputError {error}")  # noqa: T201 - a report
            continue
        took = perf_counter() - began
        codes = sorted({f"{c.code.value}({c.role.value})" + ("" if c.proven else "?") for c in diagnosis.causes if c.severity == "fatal"})
        wrong = diagnosis.accepted != good
        waits = wrong and good and any(c.startswith(CONSTRAINTS) for c in codes)
        undetermined = not good and diagnosis.verdict.value == "undetermined"
        outcome = "waits for constraints" if waits else "WRONG" if wrong else "undetermined" if undetermined else "right"
        counts[f"{basis} {outcome}"] += 1
        if (wrong and not waits) or took > 1 or (verbose and undetermined):
            expected = "valid" if good else "invalid"
            print(f"  {label}: expected {expected}, {diagnosis.verdict.value}: {', '.join(codes)}{f' ({took:.1f} s)' if took > 1 else ''}")  # noqa: T201 - a report
    print(name, dict(sorted(counts.items())))  # noqa: T201 - a report


def main() -> int:
    """Print both reports."""
    arguments = [argument for argument in sys.argv[1:] if argument != "-v"]
    directory = Path(arguments[0]) if arguments else DIRECTORY
    verbose = "-v" in sys.argv
    for name in ("pkits.json", "limbo-dev.json"):
        path = directory / name
        if not path.is_file():
            print(f"{name}: skipped, there is no {path}")  # noqa: T201 - a report
            continue
        entries = json.loads(path.read_text())
        if name == "pkits.json":
            rows = [(f"{e['id']} {e['name']} {e['needs']}", e["expected"] == "valid", lambda e=e: pkits(e), "pkits") for e in entries]
        else:
            rows = [(e["id"], e["expected_result"] == "SUCCESS", lambda e=e: limbo(e), e["basis"]) for e in entries]
        report(name, rows, verbose=verbose)
    return 0


if __name__ == "__main__":
    sys.exit(main())
