"""NIST PKITS and x509-limbo, judged by our engine, for the tests; ``python tests/path/suites.py [DIRECTORY] [-v]`` prints a report.

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
Entry = dict[str, Any]


def entries(name: str, directory: Path = DIRECTORY) -> list[Entry]:
    """One of the two tables; empty where it is not at hand."""
    path = directory / name
    found: list[Entry] = json.loads(path.read_text()) if path.is_file() else []
    return found


def pkits(entry: Entry) -> chaincheck.Diagnosis:
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


def limbo(entry: Entry) -> chaincheck.Diagnosis:
    """RFC 5280 rules with the entry's purpose and depth, revocation only where it comes with CRLs.

    Of the anchor's own certificate no more is judged than section 6 says, unless the entry rests on it.
    """
    purposes: dict[str, Any] = {"client": "client_auth", "server": "server_auth", "any": None}
    by_anchor = entry["basis"].startswith("anchor")
    rules = replace(
        chaincheck.RFC5280,
        purpose=purposes[entry["purpose"]],
        max_path_length=entry["max_chain_depth"],
        revocation="path" if entry["crls"] else "off",
        anchor_validity=by_anchor,
        anchor_constraints=by_anchor,
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


def fatal_codes(diagnosis: chaincheck.Diagnosis) -> list[str]:
    """What refuses, as ``code(role)``; with ``?`` what is not proven."""
    return sorted({f"{c.code.value}({c.role.value})" + ("" if c.proven else "?") for c in diagnosis.causes if c.severity == "fatal"})


def report(name: str, rows: list[tuple[str, bool, Any, str]], *, verbose: bool) -> None:
    """Counts, and every case that came out otherwise."""
    counts: Counter[str] = Counter()
    for label, good, judge, basis in rows:
        began = perf_counter()
        try:
            diagnosis = judge()
        except chaincheck.InputError as error:
            counts[f"{basis} input error"] += 1
            print(f"  {label}: InputError {error}")  # noqa: T201 - a report
            continue
        took = perf_counter() - began
        wrong = diagnosis.accepted != good
        undetermined = not good and diagnosis.verdict.value == "undetermined"
        counts[f"{basis} {'WRONG' if wrong else 'undetermined' if undetermined else 'right'}"] += 1
        if wrong or took > 1 or (verbose and undetermined):
            expected, codes = "valid" if good else "invalid", ", ".join(fatal_codes(diagnosis))
            print(f"  {label}: expected {expected}, {diagnosis.verdict.value}: {codes}{f' ({took:.1f} s)' if took > 1 else ''}")  # noqa: T201 - a report
    print(name, dict(sorted(counts.items())))  # noqa: T201 - a report


def main() -> int:
    """Print both reports."""
    arguments = [argument for argument in sys.argv[1:] if argument != "-v"]
    directory = Path(arguments[0]) if arguments else DIRECTORY
    verbose = "-v" in sys.argv
    for name in ("pkits.json", "limbo-dev.json"):
        table = entries(name, directory)
        if not table:
            print(f"{name}: skipped, there is no {directory / name}")  # noqa: T201 - a report
        elif name == "pkits.json":
            rows = [(f"{e['id']} {e['name']} {e['needs']}", e["expected"] == "valid", lambda e=e: pkits(e), "PKITS") for e in table]
            report(name, rows, verbose=verbose)
        else:
            rows = [(e["id"], e["expected_result"] == "SUCCESS", lambda e=e: limbo(e), e["basis"]) for e in table]
            report(name, rows, verbose=verbose)
    return 0


if __name__ == "__main__":
    sys.exit(main())
