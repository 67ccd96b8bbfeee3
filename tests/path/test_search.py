"""The search finds the path that is good, whatever else is there, and does not get lost among paths that are not."""

from __future__ import annotations

import itertools
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import chaincheck
import pki
from chaincheck.causes.codes import CauseCode, Verdict
from path.judging import IIS, OPENSSL, RFC5280, fatal, judge, path_of, store

ROOT = pki.root("Root")
CA = ROOT.issue_ca("CA")
LEAF = CA.issue("client")
PAST: dict[str, Any] = {"not_before": datetime(2020, 1, 1, tzinfo=UTC), "not_after": datetime(2021, 1, 1, tzinfo=UTC)}


def test_a_path_is_found_through_an_intermediate_of_the_store() -> None:
    diagnosis = judge(LEAF, [ROOT], [CA])
    assert diagnosis.accepted
    assert path_of(diagnosis) == ["client", "CA", "Root"]


def test_a_path_is_found_through_an_intermediate_that_was_presented() -> None:
    diagnosis = judge(LEAF, [ROOT], presented=[CA])
    assert diagnosis.accepted
    assert diagnosis.path is not None
    assert [element.found_in for element in diagnosis.path.elements] == [("presented",), ("presented",), ("roots",)]


def test_a_missing_intermediate_is_named() -> None:
    diagnosis = judge(LEAF, [ROOT])
    assert diagnosis.verdict is Verdict.REFUSED
    assert fatal(diagnosis) == {("issuer-not-found", "subject")}


def test_a_root_that_is_not_there_is_named() -> None:
    diagnosis = judge(LEAF, [pki.root("Other")], [CA], presented=[ROOT])
    assert fatal(diagnosis) == {("untrusted-root", "anchor")}
    assert path_of(diagnosis) == ["client", "CA", "Root"]


def test_a_self_signed_client_certificate_is_trusted_only_as_a_root() -> None:
    alone = pki.self_signed("alone", ca=True, key_usage=("digitalSignature", "keyCertSign"))
    assert judge(alone, [alone]).accepted
    assert fatal(judge(alone, [ROOT])) == {("untrusted-root", "subject")}


TRUSTED = pki.root("Trusted")
TWIN_KEY = "p256:twin"
GOOD_TWIN = TRUSTED.issue_ca("Twin", key=TWIN_KEY)
TWINS = {
    "expired": TRUSTED.issue_ca("Twin", key=TWIN_KEY, **PAST),
    "under a root that is not trusted": pki.root("Untrusted").issue_ca("Twin", key=TWIN_KEY),
    "under an expired root": pki.root("Expired", **PAST).issue_ca("Twin", key=TWIN_KEY),
    "self-signed and not trusted": pki.root("Twin", key=TWIN_KEY),
    "without cA": TRUSTED.issue_ca("Twin", key=TWIN_KEY, ca=False),
    "for servers only": TRUSTED.issue_ca("Twin", key=TWIN_KEY, eku=("serverAuth",)),
    "with a broken signature": TRUSTED.issue_ca("Twin", key=TWIN_KEY, broken_signature=True),
    "of the same name with another key": TRUSTED.issue_ca("Twin", key="p256:other"),
    "in a loop": pki.root("Loop", key="p256:loop").issue_ca("Twin", key=TWIN_KEY),
}
OTHERS = [pki.root("Untrusted"), GOOD_TWIN.issue_ca("Loop", key="p256:loop"), GOOD_TWIN.issue_ca("Untrusted", key="p256:x")]


@pytest.mark.parametrize("rules", [IIS, RFC5280, OPENSSL], ids=lambda rules: rules.name)
@pytest.mark.parametrize("what", TWINS)
def test_a_bad_twin_does_not_hide_the_good_one(what: str, rules: chaincheck.Rules) -> None:
    leaf = GOOD_TWIN.issue("client", aki=False)
    roots = [TRUSTED, pki.root("Expired", **PAST)]
    answers = set()
    for order in itertools.permutations([GOOD_TWIN, TWINS[what], *OTHERS[:2]]):
        answers.add(judge(leaf, roots, order, rules=rules).to_json())
        answers.add(judge(leaf, reversed(roots), reversed(order), rules=rules).to_json())
    assert len(answers) == 1
    diagnosis = judge(leaf, roots, [TWINS[what], GOOD_TWIN, *OTHERS], rules=rules)
    assert diagnosis.accepted
    assert path_of(diagnosis) == ["client", "Twin", "Trusted"]


def test_all_bad_twins_together_do_not_hide_the_good_one() -> None:
    leaf = GOOD_TWIN.issue("client", aki=False)
    for seed in range(10):
        intermediates = [*TWINS.values(), GOOD_TWIN, *OTHERS]
        random.Random(seed).shuffle(intermediates)
        assert judge(leaf, [TRUSTED], intermediates).accepted


def test_without_the_good_twin_every_bad_one_is_kept_with_its_reason() -> None:
    leaf = GOOD_TWIN.issue("client")
    diagnosis = judge(leaf, [TRUSTED], [TWINS["expired"], TWINS["without cA"], TWINS["for servers only"]])
    assert diagnosis.verdict is Verdict.REFUSED
    reasons = {cause.code for path in diagnosis.paths for cause in path.causes if cause.severity == "fatal"}
    assert reasons == {CauseCode.EXPIRED, CauseCode.NOT_A_CA, CauseCode.WRONG_EXTENDED_KEY_USAGE}
    assert len(diagnosis.paths) == 3


def test_certificates_that_issue_each_other_do_not_trap_the_search() -> None:
    a, b = pki.root("A", key="p256:a"), pki.root("B", key="p256:b")
    around = [a.issue_ca("B", key="p256:b"), b.issue_ca("A", key="p256:a")]
    leaf = a.issue("client")
    diagnosis = judge(leaf, [ROOT], around)
    assert diagnosis.verdict is Verdict.REFUSED
    assert all(len(path.elements) <= 3 for path in diagnosis.paths)


def test_a_loop_with_a_way_out_leads_out() -> None:
    a, b = pki.root("A", key="p256:a"), pki.root("B", key="p256:b")
    around = [a.issue_ca("B", key="p256:b"), b.issue_ca("A", key="p256:a"), ROOT.issue_ca("A", key="p256:a")]
    assert judge(a.issue("client"), [ROOT], around).accepted


def mesh() -> tuple[pki.Issued, list[pki.Authority]]:
    """Six CA certificates of one name and two keys, each signed by one of the two: the arrangement that blows naive searches up."""
    keys = ("p256:mesh-1", "p256:mesh-2")
    first, second = pki.root("Mesh", key=keys[0]), pki.root("Mesh", key=keys[1])
    members = [
        first.issue_ca("Mesh", key=keys[i % 2], serial=10 + i) if i < 3 else second.issue_ca("Mesh", key=keys[i % 2], serial=10 + i)
        for i in range(6)
    ]
    return first.issue("client"), members


def quickest(leaf: pki.Issued, roots: list[pki.Authority], intermediates: list[pki.Authority]) -> tuple[chaincheck.Diagnosis, float]:
    times = []
    for _ in range(3):
        began = time.perf_counter()
        diagnosis = judge(leaf, roots, intermediates)
        times.append(time.perf_counter() - began)
    return diagnosis, min(times)


def test_six_cas_of_one_name_and_two_keys_without_an_anchor_are_answered_quickly() -> None:
    leaf, members = mesh()
    diagnosis, seconds = quickest(leaf, [ROOT], members)
    assert diagnosis.verdict is Verdict.REFUSED or CauseCode.SEARCH_CUT in {cause.code for cause in diagnosis.causes}
    assert not diagnosis.accepted
    assert seconds < 1  # the goal is 25 ms; what is tested is that it is no explosion


def test_a_mesh_with_a_way_out_leads_out() -> None:
    leaf, members = mesh()
    way_out = ROOT.issue_ca("Mesh", key="p256:mesh-2")
    assert judge(leaf, [ROOT], [*members, way_out]).accepted


def doubled(layers: int) -> tuple[pki.Issued, list[pki.Authority], pki.Authority]:
    """A chain in which every CA exists twice: 2 to the power of ``layers`` paths."""
    root = top = pki.root("Layer root")
    made: list[pki.Authority] = []
    for layer in range(layers):
        pair = [top.issue_ca(f"Layer {layer}", key=f"p256:layer {layer}", serial=100 * layer + twin + 1) for twin in range(2)]
        made += pair
        top = pair[0]
    return top.issue("client"), made, root


def test_a_doubled_chain_of_ten_layers_is_accepted_quickly() -> None:
    leaf, made, root = doubled(10)
    diagnosis, seconds = quickest(leaf, [root], made)
    assert diagnosis.accepted
    assert seconds < 1


def test_where_no_anchor_is_within_reach_the_refusal_is_proven_though_not_all_paths_are_shown() -> None:
    leaf, made, _ = doubled(16)
    diagnosis, seconds = quickest(leaf, [ROOT], made)
    assert diagnosis.verdict is Verdict.REFUSED
    assert seconds < 1
    assert len(diagnosis.paths) == 32
    assert diagnosis.paths_cut is not None
    assert diagnosis.paths_cut.left > 0


def test_a_doubled_chain_whose_root_is_expired_is_refused_for_that() -> None:
    leaf, made, root = doubled(10)
    expired = pki.root("Layer root", **PAST)
    assert expired.key == root.key
    diagnosis, seconds = quickest(leaf, [expired], made)
    assert fatal(diagnosis) == {("expired", "anchor")}
    assert len(diagnosis.paths) == 32
    assert seconds < 2


def test_a_search_that_ran_out_of_budget_is_undetermined_not_refused() -> None:
    leaf, made, _ = doubled(14)
    diagnosis = judge(leaf, [pki.root("Layer root", **PAST)], made)
    assert CauseCode.SEARCH_CUT in {cause.code for cause in diagnosis.causes}
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert "search-cut" in [statement.code for statement in diagnosis.unchecked]


def test_a_fault_of_the_subject_is_proven_even_where_the_search_was_cut() -> None:
    _, made, _ = doubled(14)
    leaf = made[-2].issue("client", **PAST)
    diagnosis = judge(leaf, [pki.root("Layer root", **PAST)], made)
    assert CauseCode.SEARCH_CUT in {cause.code for cause in diagnosis.causes}
    assert diagnosis.verdict is Verdict.REFUSED
    assert ("expired", "subject") in fatal(diagnosis)


def test_hundreds_of_namesakes_are_cut_and_say_so() -> None:
    crowd = [pki.root("Crowd", key=f"p256:crowd {i}", ski=False, aki=False) for i in range(120)]
    leaf = pki.root("Crowd", key="p256:nobody", ski=False, aki=False).issue("client", aki=False)
    diagnosis, seconds = quickest(leaf, [ROOT], crowd)
    assert CauseCode.SEARCH_CUT in {cause.code for cause in diagnosis.causes}
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert seconds < 2


def test_a_matching_key_identifier_finds_the_issuer_in_a_crowd() -> None:
    crowd = [pki.root("Crowd", key=f"p256:crowd {i}") for i in range(120)]
    assert judge(crowd[77].issue("client"), crowd).accepted


def test_a_chain_longer_than_any_real_one_is_cut_and_says_so() -> None:
    made = [pki.root("Long root")]
    for layer in range(40):
        made.append(made[-1].issue_ca(f"Long {layer}"))
    diagnosis = judge(made[-1].issue("client"), made[:1], made[1:])
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert CauseCode.SEARCH_CUT in {cause.code for cause in diagnosis.causes}
    assert judge(made[25].issue("client"), made[:1], made[1:]).accepted


# The order in which things are given, and what a checker has seen before, change nothing.


def test_the_answer_does_not_depend_on_the_order_of_anything() -> None:
    rng = random.Random(186812)
    cross = pki.root("Cross")
    roots = [ROOT, TRUSTED, cross]
    intermediates = [CA, cross.issue_ca("CA", key=CA.key), *TWINS.values(), GOOD_TWIN, *OTHERS]
    presented = [CA, TWINS["expired"], GOOD_TWIN]
    kept = [ROOT.crl(), CA.crl()]
    crls = [*kept, TRUSTED.crl(), GOOD_TWIN.crl([(4711, pki.AT - timedelta(days=1), None)])]
    for leaf in (LEAF, GOOD_TWIN.issue("other"), CA.issue("late", **PAST)):
        answers = set()
        for _ in range(20):
            for each in (roots, intermediates, presented, crls):
                rng.shuffle(each)
            given = store(roots, intermediates, crls=rng.sample(kept, len(kept)))
            answers.add(judge(leaf, presented=presented, given=given, rules=chaincheck.IIS, crls=crls).to_json())
        assert len(answers) == 1


def test_a_checker_that_has_seen_much_answers_like_a_new_one() -> None:
    leaf, members = mesh()
    late, made, root = doubled(6)
    everything = store([ROOT, TRUSTED, root], [CA, *members, *made, *TWINS.values(), GOOD_TWIN])
    leaves = [LEAF, leaf, late, GOOD_TWIN.issue("twin"), CA.issue("late", **PAST), pki.root("Nobody").issue("stray")]
    cold = []
    for one in leaves:
        with chaincheck.Checker(store=everything, rules=IIS, fetch="never") as checker:
            cold.append(checker.diagnose(one.der, at=pki.AT).to_json())
    with chaincheck.Checker(store=everything, rules=IIS, fetch="never") as warm:
        for _ in range(3):
            assert [warm.diagnose(one.der, at=pki.AT).to_json() for one in leaves] == cold
        assert [warm.diagnose(one.der, at=pki.AT).to_json() for one in reversed(leaves)] == cold[::-1]


def test_presented_certificates_of_one_question_do_not_leak_into_the_next() -> None:
    with chaincheck.Checker(store=store([ROOT]), rules=IIS, fetch="never") as checker:
        assert checker.diagnose(LEAF.der, presented=[CA.der], at=pki.AT).accepted
        assert not checker.diagnose(LEAF.der, at=pki.AT).accepted
