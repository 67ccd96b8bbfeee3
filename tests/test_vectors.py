"""The test vectors, through the public face: the same bytes as expected, and what their author expects by the standards."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import chaincheck
from chaincheck import DocumentedCause, Finding
from chaincheck.case import answer, read_case
from chaincheck.store import COMPARTMENTS

REPOSITORY = Path(__file__).parent.parent
CASES = sorted(path for path in (REPOSITORY / "vectors" / "cases").iterdir() if path.is_dir())


def intent_of(case: Path) -> dict[str, Any]:
    intent: dict[str, Any] = tomllib.loads((case / "case.toml").read_text("utf-8"))["intent"]
    return intent


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_answer_is_the_expected_one_byte_for_byte(case: Path) -> None:
    answer = chaincheck.replay(case).to_json() + "\n"
    assert answer.encode() == (case / "expected.json").read_bytes()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_answer_meets_the_intent(case: Path) -> None:
    intent, diagnosis = intent_of(case), chaincheck.replay(case)
    causes = {cause.code.value for cause in diagnosis.causes}
    causes |= {f"{cause.code.value}/{cause.role.value}" for cause in diagnosis.causes}
    assert diagnosis.verdict.value == intent["verdict"]
    assert set(intent["causes"]) <= causes
    assert not set(intent.get("absent", ())) & causes
    assert set(intent.get("unchecked", ())) <= {statement.code for statement in diagnosis.unchecked}
    if "first" in intent:
        assert diagnosis.causes[0].code.value == intent["first"]
    if "documented" in intent:
        found = {cause.value for cause, finding in diagnosis.documented_causes.items() if finding is Finding.FOUND}
        assert found == set(intent["documented"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_order_of_inputs_does_not_matter(case: Path) -> None:
    """The last inputs first: the answer is the same, byte for byte."""
    given = read_case(case)
    store = given.question.store
    if store is not None:
        for compartment in (*COMPARTMENTS, "crls"):
            setattr(store, compartment, None if getattr(store, compartment) is None else getattr(store, compartment)[::-1])
    presented, crls, responses = given.question.presented[::-1], given.question.crls[::-1], given.question.ocsp_responses[::-1]
    turned = replace(given.question, presented=presented, crls=crls, ocsp_responses=responses)
    assert answer(replace(given, question=turned)).to_json() + "\n" == given.expected


def test_the_vectors_cover_every_verdict_and_every_documented_cause() -> None:
    intents = [intent_of(case) for case in CASES]
    verdicts = Counter(intent["verdict"] for intent in intents)
    assert len(CASES) >= 50
    assert min(verdicts["accepted"], verdicts["refused"], verdicts["undetermined"]) >= 6
    assert {name for intent in intents for name in intent.get("documented", ())} == {cause.value for cause in DocumentedCause}


def test_the_vectors_stay_small_and_hold_no_private_key() -> None:
    files = [path for case in CASES for path in case.iterdir()]
    assert sum(path.stat().st_size for path in files) < 20_000 * len(CASES)  # bytes: a folder of one question
    assert not [path for path in files if b"PRIVATE KEY" in path.read_bytes()]


def test_the_definitions_give_these_very_vectors() -> None:
    ran = subprocess.run([sys.executable, REPOSITORY / "vectors" / "generate.py", "--check"], capture_output=True, text=True, check=False)
    assert ", 0 would change," in ran.stdout, ran.stdout + ran.stderr
