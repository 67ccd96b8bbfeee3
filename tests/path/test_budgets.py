"""Questions made to be expensive are answered soon, and say which budget ran out where one did.

What is tested is that nothing explodes; the goal of 100 ms is measured by ``make bench``. ``pytest -n 0 -s`` shows what each took.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import pytest

import asn1
import chaincheck
import pki
from chaincheck.causes import facts
from chaincheck.causes.codes import CauseCode, Severity, Verdict
from path.judging import RFC5280, fatal, store

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SECONDS = 1.0
ROOT = pki.root("Root")


class Answer(NamedTuple):
    diagnosis: chaincheck.Diagnosis
    cuts: dict[str, int]
    """The budgets that ran out, with their size."""


def answer(
    what: str,
    leaf: pki.Issued,
    roots: Iterable[pki.Issued],
    intermediates: Iterable[pki.Issued] = (),
    rules: chaincheck.Rules = RFC5280,
) -> Answer:
    """The answer of a new checker to bytes, the store being read; printed with the milliseconds it took, the shorter of two times."""
    given = store(roots, intermediates)
    taken = []
    for _ in range(2):
        began = perf_counter()
        diagnosis = chaincheck.diagnose(leaf.der, store=given, at=pki.AT, rules=rules, fetch="never")
        taken.append(perf_counter() - began)
    took = min(taken)
    said = [cause for path in diagnosis.paths for cause in path.causes] + list(diagnosis.causes)
    cuts = {each.facts.budget: each.facts.limit for each in said if isinstance(each.facts, facts.SearchCutFacts)}
    print(f"{what}: {diagnosis.verdict.value} in {took * 1000:.1f} ms, cut by {cuts or 'nothing'}")  # noqa: T201 - `pytest -s` shows it
    assert took < SECONDS
    began = perf_counter()
    diagnosis.to_json()
    assert perf_counter() - began < SECONDS
    return Answer(diagnosis, cuts)


# Paths


def test_six_cas_of_one_name_and_two_keys_lead_nowhere() -> None:
    keys = ("p256:mesh-1", "p256:mesh-2")
    signers = [pki.root("Mesh", key=each) for each in keys]
    members = [signers[i // 3].issue_ca("Mesh", key=keys[i % 2], serial=10 + i) for i in range(6)]
    diagnosis, cuts = answer("six CAs of one name and two keys", signers[0].issue("client"), [ROOT], members)
    assert diagnosis.verdict is Verdict.REFUSED
    assert not cuts


def doubled(layers: int) -> tuple[pki.Issued, list[pki.Authority], pki.Authority]:
    """Every CA twice, of one name and key: 2 to the power of ``layers`` paths."""
    root = top = pki.root("Layer root")
    made: list[pki.Authority] = []
    for layer in range(layers):
        pair = [top.issue_ca(f"Layer {layer}", key=f"p256:layer {layer}", serial=100 * layer + twin + 1) for twin in range(2)]
        made += pair
        top = pair[0]
    return top.issue("client"), made, root


def test_a_chain_of_1_024_paths_is_accepted() -> None:
    leaf, made, root = doubled(10)
    diagnosis, cuts = answer("1,024 paths, all good", leaf, [root], made)
    assert diagnosis.accepted
    assert not cuts


def test_a_chain_of_1_024_paths_none_of_which_is_good() -> None:
    leaf, made, _ = doubled(10)
    old = pki.root("Layer root", not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=datetime(2021, 1, 1, tzinfo=UTC))
    diagnosis, cuts = answer("1,024 paths, none good", leaf, [old], made, replace(RFC5280, anchor_validity=True))
    assert fatal(diagnosis) >= {("expired", "anchor")}
    assert diagnosis.verdict is (Verdict.UNDETERMINED if cuts else Verdict.REFUSED)
    assert set(cuts) <= {"steps of the path search"}


def test_1_024_paths_to_no_anchor() -> None:
    leaf, made, _ = doubled(10)
    diagnosis, _ = answer("1,024 paths, no anchor", leaf, [ROOT], made)
    assert diagnosis.verdict is Verdict.REFUSED
    assert diagnosis.paths_cut is not None


def test_one_fault_at_the_top_of_1_024_paths_is_found_on_each_that_is_shown() -> None:
    leaf, made, root = doubled(10)
    strict = root.issue_ca("Layer 0", key="p256:layer 0", path_length=3)
    diagnosis, cuts = answer("1,024 paths, half of them too long", leaf, [root], [strict, *made[1:]])
    assert diagnosis.accepted
    assert not cuts


def test_a_hundred_namesakes_are_too_many_and_said_to_be() -> None:
    crowd = [pki.root("Crowd", key=f"p256:crowd {i}", ski=False, aki=False) for i in range(100)]
    leaf = pki.root("Crowd", key="p256:nobody", ski=False, aki=False).issue("client", aki=False)
    diagnosis, cuts = answer("100 namesakes", leaf, [ROOT], crowd)
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert set(cuts) == {"certificates of one name"}


# Name constraints

MANY = 2_000


def dns(number: int, domain: str) -> bytes:
    return asn1.implicit(2, f"n{number}.{domain}".encode())


def mail(number: int, domain: str) -> bytes:
    return asn1.implicit(1, f"n{number}@{domain}".encode())


def uri(number: int, domain: str) -> bytes:
    return asn1.implicit(6, f"http://n{number}.{domain}/".encode())


def ip(number: int, network: bool) -> bytes:
    return asn1.implicit(7, (number + (10 << 24)).to_bytes(4) + (b"\xff" * 4 if network else b""))


def directory(*values: str) -> bytes:
    return asn1.explicit(4, pki.name_der(",".join(values)))


def constrained(permitted: Sequence[bytes] = (), excluded: Sequence[bytes] = (), *, times: int = 1) -> list[pki.Authority]:
    """A chain of ``times`` CAs under the root, each with these constraints."""
    lists = [b"".join(asn1.sequence(base) for base in bases) for bases in (permitted, excluded)]
    value = asn1.sequence(*(asn1.tlv(0xA0 + tag, content) for tag, content in enumerate(lists) if content))
    made = [ROOT]
    for number in range(times):
        made.append(made[-1].issue_ca(f"Constrained {number}", extensions=[("2.5.29.30", True, value)]))
    return made[1:]


def named(issuer: pki.Authority, names: Sequence[bytes]) -> pki.Issued:
    return issuer.issue("CN=client,O=Organisation", extensions=[("2.5.29.17", False, asn1.sequence(*names))])


def spread(domain: str, *, network: bool = False) -> list[bytes]:
    """Names of four forms, a quarter each."""
    quarter = range(MANY // 4)
    return [one for i in quarter for one in (dns(i, domain), mail(i, domain), uri(i, domain), ip(i, network))]


def test_2_000_ordinary_names_under_2_000_permitted_subtrees() -> None:
    (ca,) = constrained([dns(i, "example") for i in range(MANY)])
    diagnosis, cuts = answer("2,000 names in 2,000 permitted subtrees", named(ca, [dns(i, "example") for i in range(MANY)]), [ROOT], [ca])
    assert diagnosis.accepted
    assert not cuts


def test_2_000_names_of_all_forms_outside_2_000_excluded_subtrees() -> None:
    (ca,) = constrained(excluded=[*spread("excluded.example", network=True), directory("O=Nobody")])
    names = [asn1.implicit(7, b"\xc0\x00" + i.to_bytes(2)) if i % 4 == 3 else dns(i, "example") for i in range(MANY)]
    diagnosis, cuts = answer("2,000 names outside 2,000 excluded subtrees", named(ca, names), [ROOT], [ca])
    assert diagnosis.accepted
    assert not cuts


def test_2_000_names_none_of_which_is_permitted() -> None:
    (ca,) = constrained([dns(i, "example") for i in range(MANY)])
    diagnosis, cuts = answer("2,000 names outside 2,000 permitted subtrees", named(ca, [dns(i, "org") for i in range(MANY)]), [ROOT], [ca])
    assert diagnosis.verdict is Verdict.REFUSED
    assert fatal(diagnosis) == {("name-not-permitted", "subject")}
    assert len(diagnosis.causes) < 50
    assert not cuts


HOSTILE = {
    "deep names": ([dns(i, "a." * 100 + "example") for i in range(MANY)], [dns(i, "b." * 60 + "a." * 60 + "example") for i in range(MANY)]),
    "wildcards": (
        [asn1.implicit(2, f"*.n{i}.example".encode()) for i in range(MANY)],
        [asn1.implicit(2, f"*.n{i}.example".encode()) for i in range(MANY)],
    ),
    "all forms": (spread("example", network=True), spread("a.n1.example")),
    "mailboxes that are none": ([mail(i, "@" * 50) for i in range(MANY)], [mail(i, "@" * 51) for i in range(MANY)]),
    "addresses of every mask": (
        [asn1.implicit(7, (i << 8).to_bytes(4) + (0xFFFFFFFF << i % 33 & 0xFFFFFFFF).to_bytes(4)) for i in range(MANY)],
        [ip(i, network=False) for i in range(MANY)],
    ),
    "masks with holes": (
        [asn1.implicit(7, i.to_bytes(4) + (0xFFFF0000 ^ i).to_bytes(4)) for i in range(MANY)],
        [ip(i, network=False) for i in range(MANY)],
    ),
    "directory names": (
        [directory(f"O=Organisation {i % 7}", f"OU=Unit {i}") for i in range(MANY)],
        [directory(f"O=Organisation {i % 7}", f"OU=unit  {i}", "CN=x") for i in range(MANY)],
    ),
}


@pytest.mark.parametrize("which", ["permitted", "excluded"])
@pytest.mark.parametrize("what", HOSTILE)
def test_2_000_constraints_made_to_be_expensive(what: str, which: str) -> None:
    subtrees, names = HOSTILE[what]
    (ca,) = constrained(subtrees) if which == "permitted" else constrained(excluded=subtrees)
    diagnosis, cuts = answer(f"2,000 x 2,000, {which}: {what}", named(ca, names), [ROOT], [ca])
    assert set(cuts) <= {"name constraint comparisons"}
    assert not (cuts and diagnosis.accepted)


def test_more_comparisons_than_the_budget_has_are_cut_and_said_to_be() -> None:
    """Every name under every CA of a long chain, on each of many paths."""
    chain = constrained([asn1.implicit(2, b"example")], [dns(i, "excluded") for i in range(MANY)], times=25)
    names = [dns(i, "example") for i in range(3 * MANY)]
    diagnosis, cuts = answer("6,000 names under 25 CAs with 2,000 constraints each", named(chain[-1], names), [ROOT], chain)
    assert cuts == {"name constraint comparisons": 250_000}
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert "search-cut" in {cause.code.value for cause in diagnosis.causes if cause.severity is Severity.FATAL}


# Policies

POLICIES = 10_000


def policy(number: int) -> bytes:
    return asn1.oid(f"1.3.6.1.4.1.55738.{number // 100}.{number % 100}.1")


def policies_told(numbers: Iterable[int]) -> pki.Extension:
    return "2.5.29.32", False, asn1.sequence(*(asn1.sequence(policy(number)) for number in numbers))


def mapped(pairs: Iterable[tuple[int, int]]) -> pki.Extension:
    return "2.5.29.33", True, asn1.sequence(*(asn1.sequence(policy(one), policy(other)) for one, other in pairs))


EXPLICIT = replace(RFC5280, policies=chaincheck.PolicySettings(require_explicit_policy=True))


@pytest.mark.parametrize("good", [True, False], ids=["one is left", "none is left"])
def test_10_000_mapped_policies(good: bool) -> None:
    every = range(POLICIES)
    ca = ROOT.issue_ca("Bridge", extensions=[policies_told(every), mapped((i, POLICIES + i) for i in every)])
    leaf = ca.issue("client", extensions=[policies_told([POLICIES + 77 if good else 77])])
    diagnosis, cuts = answer(f"10,000 mapped policies, {'one' if good else 'none'} left", leaf, [ROOT], [ca], EXPLICIT)
    assert not cuts
    assert diagnosis.accepted is good
    if good:
        assert diagnosis.policies is not None
        assert diagnosis.policies.user_constrained_policy_set == {"1.3.6.1.4.1.55738.0.77.1"}
    else:
        assert fatal(diagnosis) == {("policy-not-satisfied", "subject")}


def test_10_000_mappings_of_100_policies_to_100() -> None:
    """What makes a tree explode: 100 nodes with 100 children each at every depth."""
    pairs = [(i, j) for i in range(100) for j in range(100)]
    top = ROOT.issue_ca("Bridge 1", extensions=[policies_told(range(100)), mapped(pairs)])
    below = top.issue_ca("Bridge 2", extensions=[policies_told(range(100)), mapped(pairs)])
    diagnosis, cuts = answer(
        "100 x 100 mappings, twice", below.issue("client", extensions=[policies_told([3])]), [ROOT], [top, below], EXPLICIT
    )
    assert diagnosis.accepted
    assert not cuts
    assert diagnosis.policies is not None
    assert len(diagnosis.policies.user_constrained_policy_set) == 100


def test_more_mappings_than_are_read_are_cut_and_said_to_be() -> None:
    chain = [ROOT]
    every = range(POLICIES)
    for number in range(4):
        chain.append(chain[-1].issue_ca(f"Bridge {number}", extensions=[policies_told(every), mapped((i, i) for i in every)]))
    leaf = chain[-1].issue("client", extensions=[policies_told([7])])
    diagnosis, cuts = answer("four CAs with 10,000 mapped policies each", leaf, [ROOT], chain[1:], EXPLICIT)
    assert cuts == {"policies": 50_000}
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert CauseCode.SEARCH_CUT in {cause.code for cause in diagnosis.causes}
