"""A checker is used by many threads, across fork, again and again, and always gives the answer of a new one."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import chaincheck
import pki
from chaincheck.causes.codes import Verdict
from engine.asking import CA, LEAF, ROOT, YESTERDAY, ask, fatal, full_store

OFF = replace(chaincheck.IIS, revocation="off")
LEAVES = [
    *(CA.issue(f"client {i}") for i in range(20)),
    *(CA.issue(f"late {i}", not_after=YESTERDAY) for i in range(5)),
    *(CA.issue(f"server {i}", eku=("serverAuth",)) for i in range(5)),
    *(pki.root("Stranger").issue(f"stray {i}") for i in range(5)),
    CA.issue("broken", broken_signature=True),
]
CRL = CA.crl([(LEAVES[3].serial, YESTERDAY, "keyCompromise"), (LEAVES[4].serial, YESTERDAY, "certificateHold")], number=2)


def test_sixteen_threads_get_the_answers_of_a_serial_run() -> None:
    with chaincheck.Checker(store=full_store(), crls=[CRL], fetch="never") as checker:
        serial = [ask(one.der, crls=[CRL]).to_json() for one in LEAVES]
        with ThreadPoolExecutor(16) as threads:
            rounds = [threads.submit(checker.diagnose, one.der, at=pki.AT) for _ in range(6) for one in LEAVES]
        answers = [one.result().to_json() for one in rounds]
    assert answers == serial * 6


def test_sixteen_threads_with_keys_and_presented_certificates_get_the_answers_of_a_serial_run() -> None:
    with chaincheck.Checker(store=full_store(intermediates=()), fetch="never", rules=OFF) as checker:

        def one(index: int) -> str:
            leaf = LEAVES[index]
            return checker.diagnose(leaf.der, leaf.key_pem, presented=[CA.der] if index % 2 else [], at=pki.AT).to_json()

        serial = [one(index) for index in range(20)]
        with ThreadPoolExecutor(16) as threads:
            assert list(threads.map(one, list(range(20)) * 5)) == serial * 5


FORK = """
import os, sys
import chaincheck
from engine.asking import CA, LEAF, full_store
import pki
checker = chaincheck.Checker(store=full_store(), fetch="never")
before = checker.diagnose(LEAF.der, at=pki.AT).to_json()
other = CA.issue("other")
child = os.fork()
if child == 0:
    same = checker.diagnose(LEAF.der, at=pki.AT).to_json() == before and checker.diagnose(other.der, at=pki.AT).accepted
    os._exit(0 if same else 1)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0
assert checker.diagnose(other.der, at=pki.AT).accepted
print("both answered")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_checker_survives_fork() -> None:
    tests = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORK],
        cwd=tests,
        env={**os.environ, "PYTHONPATH": str(tests)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("both answered\n", "")


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"key": LEAF.key_pem},
        {"store": None},
        {"crls": [CA.crl([(LEAF.serial, YESTERDAY, None)], number=2)]},
        {"cert": chaincheck.NO_CERTIFICATE},
        {"cert": LEAVES[-1].der},
        {"cert": LEAF.der[:200]},
        {"store": full_store(roots=()), "presented": [ROOT.der]},
        {"rules": chaincheck.RFC5280},
    ],
)
def test_an_answer_pickles(more: dict[str, object]) -> None:
    try:
        diagnosis = ask(**more)
    except chaincheck.InputError as error:
        assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: PT017, S301 - whichever it is; made here
        return
    again = pickle.loads(pickle.dumps(diagnosis))  # noqa: S301 - made here
    assert again.to_json() == diagnosis.to_json()
    assert again.to_text(lang="ja") == diagnosis.to_text(lang="ja")
    assert again.verdict is diagnosis.verdict
    assert again.causes == diagnosis.causes
    assert pickle.loads(pickle.dumps(again)).to_json() == diagnosis.to_json()  # noqa: S301 - made here


def test_an_answer_after_pickling_does_not_carry_the_key_or_the_store() -> None:
    other = pki.root("Quite another root")
    data = pickle.dumps(ask(key=LEAF.key_pem, store=full_store(roots=[ROOT.der, other.der])))
    assert b"PRIVATE KEY" not in data
    assert other.der not in data


def test_the_same_question_again_gets_the_same_answer_from_memory() -> None:
    with chaincheck.Checker(store=full_store(), rules=OFF, fetch="never") as checker:
        first = checker.diagnose(LEAF.der, at=pki.AT)
        assert checker.diagnose(LEAF.der, at=pki.AT).to_json() == first.to_json()
        later = pki.AT + timedelta(days=10)
        assert checker.diagnose(LEAF.der, at=later).to_json() == ask(rules=OFF, at=later).to_json()
        assert checker.diagnose(LEAF.der, at=pki.AT).to_json() == first.to_json()


@pytest.mark.parametrize("rules", [OFF, chaincheck.IIS, chaincheck.RFC5280])
def test_what_is_remembered_is_never_used_beyond_its_time(rules: chaincheck.Rules) -> None:
    moments = [pki.AT + timedelta(days=days) for days in (0, 3, 5, 8, 100, 199, 200, 300, 3000, -3, -100, -200, -3000)]
    leaves = [*LEAVES[:2], LEAVES[20], LEAVES[25], LEAVES[30], LEAVES[-1]]
    with chaincheck.Checker(store=full_store(), rules=rules, fetch="never") as checker:
        for _ in range(2):
            for at in moments:
                for leaf in leaves:
                    assert checker.diagnose(leaf.der, at=at).to_json() == ask(leaf.der, rules=rules, at=at).to_json()


def test_a_question_for_now_is_not_answered_with_one_for_a_moment() -> None:
    with chaincheck.Checker(store=full_store(), rules=OFF, fetch="never") as checker:
        codes = [{statement.code for statement in checker.diagnose(LEAF.der, at=at).assumptions} for at in (pki.AT, None, pki.AT)]
    assert ["time-moved" in each for each in codes] == [True, False, True]


def test_a_store_can_be_reloaded() -> None:
    with chaincheck.Checker(store=full_store(), rules=OFF, fetch="never") as checker:
        assert checker.diagnose(LEAF.der, at=pki.AT).accepted
        checker.reload(full_store(roots=()))
        assert checker.diagnose(LEAF.der, at=pki.AT).verdict is Verdict.REFUSED
        checker.reload(full_store(disallowed=[CA.der]))
        assert ("distrusted", "intermediate") in fatal(checker.diagnose(LEAF.der, at=pki.AT))
        checker.reload(None)
        assert checker.diagnose(LEAF.der, at=pki.AT).verdict is Verdict.UNDETERMINED


def test_evidence_of_the_checker_and_of_the_question_count_together() -> None:
    with chaincheck.Checker(store=full_store(), crls=[CRL], fetch="never") as checker:
        more = CA.crl([(LEAF.serial, YESTERDAY, None)], number=3)
        assert fatal(checker.diagnose(LEAF.der, at=pki.AT, crls=[more])) == {("revoked", "subject")}
        assert fatal(checker.diagnose(LEAVES[3].der, at=pki.AT, crls=[more])) == {("revoked", "subject")}
        assert checker.diagnose(LEAF.der, at=pki.AT).accepted


def test_the_asynchronous_twin_gives_the_same_answers() -> None:
    async def all_of_them() -> list[str]:
        async with chaincheck.AsyncChecker(store=full_store(), crls=[CRL], fetch="never") as checker:
            found = await asyncio.gather(*(checker.diagnose(one.der, at=pki.AT) for one in LEAVES))
            return [diagnosis.to_json() for diagnosis in found]

    assert asyncio.run(all_of_them()) == [ask(one.der, crls=[CRL]).to_json() for one in LEAVES]


def test_one_question_can_be_asked_on_an_event_loop() -> None:
    diagnosis = asyncio.run(chaincheck.diagnose_async(LEAF.der, store=full_store(), at=pki.AT, fetch="never"))
    assert diagnosis.to_json() == ask().to_json()
