"""Random PKIs: what was seeded is found, and OpenSSL, pyhanko-certvalidator and Bouncy Castle agree, or the table says why not.

DIFFERENTIAL_EXAMPLES=20000 python -m pytest tests/differential --timeout=0
DIFFERENTIAL_SEED=4711 python -m pytest tests/differential -n 0
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from differential import asking, disagreements, peers
from differential.generator import FAULTS, RULES, Scenario, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from chaincheck.diagnosis import Diagnosis

SEED = os.environ.get("DIFFERENTIAL_SEED")
EXAMPLES = int(os.environ.get("DIFFERENTIAL_EXAMPLES", "150"))
CHUNK = 25
CHUNKS = [range(int(SEED), int(SEED) + 1)] if SEED else [range(at, min(at + CHUNK, EXAMPLES)) for at in range(0, EXAMPLES, CHUNK)]

chunks = pytest.mark.parametrize("seeds", CHUNKS, ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")


def run(seeds: Iterable[int], rules: str, folder: Path, judge: Callable[[Scenario, Diagnosis], Iterator[str]]) -> None:
    """Judge the PKI of each seed; what is found is told with the case and the command that make it again."""
    told = []
    for seed in seeds:
        made = scenario(seed)
        diagnosis = asking.ask(made, rules)
        found = list(judge(made, diagnosis))
        if found:
            case = folder / f"{rules}-{seed}.zip"
            diagnosis.save_case(case)
            causes = sorted(f"{code}({role})" for code, role in asking.fatal(diagnosis))
            told.append(f"{made}\n  {rules} rules: {diagnosis.verdict.value} {causes}\n    " + "\n    ".join(found))
            told.append(f"  case {case}; again: DIFFERENTIAL_SEED={seed} python -m pytest tests/differential -n 0")
    if told:
        pytest.fail("\n".join(told), pytrace=False)


@chunks
@pytest.mark.parametrize("rules", RULES)
def test_every_seeded_fault_is_a_cause_and_what_has_none_is_accepted(seeds: range, rules: str, tmp_path: Path) -> None:
    run(seeds, rules, tmp_path, lambda made, diagnosis: asking.unmet(made, rules, diagnosis))


@chunks
@pytest.mark.external
def test_openssl_agrees(seeds: range, tmp_path: Path) -> None:
    if missing := peers.missing_openssl():
        pytest.skip(f"needs the package {missing}")
    run(seeds, "OPENSSL", tmp_path, lambda made, diagnosis: asking.against_openssl(made, diagnosis, tmp_path))


@chunks
def test_pyhanko_certvalidator_agrees(seeds: range, tmp_path: Path) -> None:
    pytest.importorskip("pyhanko_certvalidator", reason="needs the package pyhanko-certvalidator")
    run(seeds, "RFC5280", tmp_path, asking.against_pyhanko)


@pytest.fixture(scope="module")
def reviewer() -> Iterator[peers.BouncyCastle]:
    if missing := peers.missing_bouncy_castle():
        pytest.skip(f"needs the package {missing}")
    bouncy_castle = peers.BouncyCastle()
    yield bouncy_castle
    bouncy_castle.close()


@chunks
@pytest.mark.external
def test_bouncy_castle_names_the_same_problems(seeds: range, tmp_path: Path, reviewer: peers.BouncyCastle) -> None:
    run(seeds, "RFC5280", tmp_path, lambda made, diagnosis: asking.against_bouncy_castle(made, diagnosis, reviewer))


@pytest.mark.skipif(SEED is not None or EXAMPLES < 150, reason="a few PKIs do not have them all")
def test_every_kind_of_fault_is_seeded() -> None:
    seeded = {fault for seed in range(150) for fault in scenario(seed).faults}
    assert seeded == {fault.name for fault in FAULTS}


def test_the_same_seed_makes_the_same_pki() -> None:
    one = scenario(7)
    scenario.cache_clear()
    other = scenario(7)
    assert one is not other
    assert (one.leaf.der, one.presented, one.intermediates, one.roots, one.crls) == (
        (other.leaf.der, other.presented, other.intermediates, other.roots, other.crls)
    )


def test_the_page_is_made_from_the_table() -> None:
    """Otherwise: python tests/differential/disagreements.py."""
    assert disagreements.PAGE.read_text(encoding="utf-8") == disagreements.render()
