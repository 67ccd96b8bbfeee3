"""The order of what is given, what was asked before and what is remembered change nothing: the JSON is the same, byte for byte."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

import asn1
import chaincheck
import pki
from chaincheck.path import name_constraints as path_constraints
from chaincheck.path import profile, profile_extensions
from chaincheck.revocation import ocsp as judged_ocsp
from chaincheck.x509 import der, extensions, key, name, ocsp, signature
from path.judging import RFC5280, store

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from types import ModuleType

ROOMS = ("x509", "path", "revocation")
EXAMPLES = settings().max_examples // 5  # each asks a dozen questions
GOLD, SILVER, BRONZE = "1.2.3.1", "1.2.3.2", "1.2.3.3"
YEAR = timedelta(days=365)


@dataclass(frozen=True, kw_only=True)
class World:
    """A PKI and the questions that are asked in it."""

    leaves: Sequence[pki.Issued]
    roots: Sequence[pki.Issued]
    intermediates: Sequence[pki.Issued] = ()
    presented: Sequence[pki.Issued] = ()
    kept: Sequence[bytes] = ()
    """CRLs of the store."""
    crls: Sequence[bytes] = ()
    rules: chaincheck.Rules = RFC5280


def cross_signed() -> World:
    """Twins under several roots, some of them at fault, of the same and of other keys, in a loop and out of it."""
    good, old, stranger = pki.root("Good"), pki.root("Old", not_after=pki.AT - YEAR), pki.root("Stranger")
    own = "p256:twin"
    twin = good.issue_ca("Twin", key=own)
    loop = twin.issue_ca("Loop", key="p256:loop")
    intermediates = [
        twin,
        old.issue_ca("Twin", key=own),
        stranger.issue_ca("Twin", key=own),
        good.issue_ca("Twin", key=own, not_after=pki.AT - YEAR),
        good.issue_ca("Twin", key=own, ca=False),
        good.issue_ca("Twin", key="p256:another"),
        good.issue_ca("Twin", key=own, broken_signature=True),
        pki.root("Loop", key="p256:loop").issue_ca("Twin", key=own),
        loop,
    ]
    leaves = [twin.issue("client", aki=False), twin.issue("late", not_after=pki.AT - YEAR), loop.issue("far", aki=False)]
    return World(leaves=leaves, roots=[good, old], intermediates=intermediates, presented=[stranger, *intermediates[1:4]])


def mesh() -> World:
    """Six certificates of one name and two keys, and no way to an anchor."""
    keys = ("p256:mesh-1", "p256:mesh-2")
    signers = [pki.root("Mesh", key=each) for each in keys]
    members = [signers[i // 3].issue_ca("Mesh", key=keys[i % 2], serial=10 + i) for i in range(6)]
    return World(leaves=[signers[0].issue("client")], roots=[pki.root("Elsewhere")], intermediates=members, presented=members[:2])


def constrained() -> World:
    """Twins that permit different names, one that excludes, one whose constraint is of a form that is not judged."""
    root = pki.root("Constraining")
    own = "p256:constrained"

    def ca(permitted: list[x509.GeneralName] | None, excluded: list[x509.GeneralName] | None, serial: int) -> pki.Authority:
        return root.issue_ca("Department", key=own, serial=serial, extensions=[(x509.NameConstraints(permitted, excluded), True)])

    dns, mail = x509.DNSName, x509.RFC822Name
    private = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.55738.666.3"), b"\x0c\x01a")
    members = [
        ca([dns("a.example"), dns("b.example")], None, 1),
        ca([dns("b.example")], [dns("no.b.example")], 2),
        ca(None, [mail("c.example"), dns("c.example")], 3),
        ca(None, [private], 4),
    ]
    below = members[0].issue_ca("Office", extensions=[(x509.NameConstraints([dns("b.example")], None), True)])
    leaves = [
        issuer.issue("client", extensions=[(x509.SubjectAlternativeName(names), False)])
        for issuer in (members[0], below)
        for names in ([dns("www.b.example")], [dns("no.b.example"), dns("c.example"), mail("x@c.example")], [private, dns("d.example")])
    ]
    alone = root.issue_ca("Private", extensions=[(x509.NameConstraints(None, [private]), True)])
    leaves.append(alone.issue("client", extensions=[(x509.SubjectAlternativeName([private]), False)]))
    rules = replace(RFC5280, unjudged_constraint="open")
    return World(leaves=leaves, roots=[root], intermediates=[*members, below, alone], presented=members[1:3], rules=rules)


def under_policies() -> World:
    """Twins with different policies, mappings and constraints."""
    root, other = pki.root("Policy root"), pki.root("Other policy root")
    own = "p256:policies"

    def told(*names: str) -> pki.Extension:
        return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(each), None) for each in names]), False

    def mapped(*pairs: tuple[str, str]) -> pki.Extension:
        return "2.5.29.33", True, asn1.sequence(*(asn1.sequence(asn1.oid(one), asn1.oid(another)) for one, another in pairs))

    required: pki.Extension = x509.PolicyConstraints(0, None), True
    twins = [
        root.issue_ca("Bridge", key=own, extensions=[told(GOLD, SILVER), mapped((GOLD, BRONZE), (SILVER, BRONZE))]),
        root.issue_ca("Bridge", key=own, extensions=[told(SILVER), required]),
        other.issue_ca("Bridge", key=own, extensions=[told("2.5.29.32.0"), (x509.InhibitAnyPolicy(0), True), required]),
        other.issue_ca("Bridge", key=own),
    ]
    leaves = [twins[0].issue("client", extensions=extra) for extra in ([told(BRONZE)], [told(GOLD)], [told(SILVER, BRONZE)], [])]
    settings = chaincheck.PolicySettings(initial_policy_set=frozenset({GOLD, SILVER}), require_explicit_policy=True)
    rules = replace(RFC5280, policies=settings)
    return World(leaves=leaves, roots=[root, other], intermediates=twins, presented=twins[:2], rules=rules)


def revoked() -> World:
    """CRLs of every kind: good, stale, wrongly signed, of another issuer, of a twin's key; one certificate revoked, one on hold."""
    root = pki.root("Revoking")
    ca = root.issue_ca("Issuer")
    twin = pki.root("Revoking elsewhere").issue_ca("Issuer", key=ca.key)
    fine, gone, held = ca.issue("fine", serial=1), ca.issue("gone", serial=2), ca.issue("held", serial=3)
    before = pki.AT - timedelta(days=30)
    entries: list[pki.Revoked] = [(2, before, "keyCompromise"), (3, before, "certificateHold")]
    crls = [
        ca.crl(entries, number=7),
        ca.crl(entries[:1], number=6, this_update=before, next_update=pki.AT - timedelta(days=20)),
        ca.crl(number=8, broken_signature=True),
        pki.root("Issuer").crl(),
        root.crl(number=2, this_update=pki.AT - timedelta(days=2)),
    ]
    kept = [root.crl(number=3), ca.crl(entries, number=5, this_update=pki.AT - timedelta(days=3))]
    return World(
        leaves=[fine, gone, held],
        roots=[root],
        intermediates=[ca, twin],
        presented=[twin, ca],
        kept=kept,
        crls=crls,
        rules=chaincheck.IIS,
    )


WORLDS = {each.__name__: cache(each) for each in (cross_signed, mesh, constrained, under_policies, revoked)}


MEMOS: dict[str, dict[Any, Any]] = {
    "x509.der._MIDNIGHTS": der._MIDNIGHTS,
    "x509.extensions.KNOWN": extensions.KNOWN,
    "x509.key._MEMO": key._MEMO,
    "x509.name._GOOD": name._GOOD,
    "x509.name._OIDS": name._OIDS,
    "x509.ocsp._CERTIFICATES": ocsp._CERTIFICATES,
    "x509.signature._ALGORITHM_MEMO": signature._ALGORITHM_MEMO,
    "x509.signature._VERIFIERS": signature._VERIFIERS,
    "path.name_constraints._LISTS": path_constraints._LISTS,
    "path.profile._COMBINATIONS": profile._COMBINATIONS,
    "path.profile_extensions.SEEN": profile_extensions.SEEN,
    "revocation.ocsp._ISSUED": judged_ocsp._ISSUED,
}


def forget() -> None:
    """Clear what the modules remember of the bytes they have read."""
    for memo in MEMOS.values():
        memo.clear()
    for module in rooms():
        for remembered in vars(module).values():
            if hasattr(remembered, "cache_clear"):
                remembered.cache_clear()


@cache
def rooms() -> tuple[ModuleType, ...]:
    """The modules that read and judge."""
    names = [
        f"chaincheck.{room}.{each.name}" for room in ROOMS for each in pkgutil.iter_modules(import_module(f"chaincheck.{room}").__path__)
    ]
    return tuple(map(import_module, names))


def grown() -> list[str]:
    """Which dictionaries of these modules grow while all questions are asked: for a process of its own."""
    before = {id(value): len(value) for module in rooms() for value in vars(module).values() if isinstance(value, dict)}
    for make in WORLDS.values():
        made = make()
        with checker(made, None) as asked:
            for leaf in made.leaves:
                ask(asked, leaf, made.presented)
    return sorted(
        f"{module.__name__.removeprefix('chaincheck.')}.{title}"
        for module in rooms()
        for title, value in vars(module).items()
        if isinstance(value, dict) and not title.startswith("__") and len(value) != before.get(id(value), 0)
    )


def checker(world: World, shuffled: random.Random | None) -> chaincheck.Checker:
    def order(items: Sequence[object]) -> list[object]:
        return list(items) if shuffled is None else shuffled.sample(items, len(items))

    held = store(order(world.roots), order(world.intermediates), crls=order(world.kept))  # type: ignore[arg-type]
    return chaincheck.Checker(store=held, rules=world.rules, fetch="never", crls=order(world.crls))


def ask(asked: chaincheck.Checker, leaf: pki.Issued, presented: Sequence[pki.Issued]) -> str:
    return asked.diagnose(leaf.der, presented=[one.der for one in presented], at=pki.AT).to_json()


@cache
def expected(world: str) -> list[tuple[str, str]]:
    """Each question asked alone and cold, without and with what is presented."""
    made = WORLDS[world]()
    found = []
    for leaf in made.leaves:
        both = []
        for presented in ((), made.presented):
            forget()
            with checker(made, None) as asked:
                both.append(ask(asked, leaf, presented))
        found.append((both[0], both[1]))
    return found


@pytest.mark.parametrize("world", WORLDS)
@settings(max_examples=EXAMPLES)
@given(shuffled=st.randoms(use_true_random=False), cold=st.booleans(), in_between=st.booleans())
def test_the_answer_is_the_same_byte_for_byte(world: str, shuffled: random.Random, cold: bool, in_between: bool) -> None:
    made = WORLDS[world]()
    answers = expected(world)
    if cold:
        forget()
    with checker(made, shuffled) as asked:  # each question meets what the ones before it have left in the checker
        for number in shuffled.sample(range(len(made.leaves)), len(made.leaves)):
            presented = shuffled.sample(made.presented, len(made.presented))
            if in_between:
                forget()
            given_with = shuffled.random() < 0.5
            for with_them in (given_with, not given_with, given_with):
                assert ask(asked, made.leaves[number], presented if with_them else ()) == answers[number][with_them]


def test_the_worlds_have_all_verdicts_and_what_they_are_for() -> None:
    said = "".join(answer for world in WORLDS for both in expected(world) for answer in both)
    for code in (
        "name-not-permitted",
        "constraint-not-judged",
        "policy-not-satisfied",
        "revoked",
        "on-hold",
        "revocation-stale",
        "expired",
    ):
        assert f'"{code}"' in said, code
    for verdict in chaincheck.Verdict:
        assert f'"verdict":"{verdict.value}"' in said.replace(" ", ""), verdict


def test_every_memo_that_these_questions_fill_is_among_those_that_are_cleared() -> None:
    program = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r}); from path import test_order; print(*test_order.grown())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    memos = {id(memo) for memo in MEMOS.values()}
    unknown = [each for each in done.stdout.split() if id(_object(each)) not in memos]
    assert done.stdout.split()
    assert unknown == []


def _object(dotted: str) -> object:
    module, _, title = dotted.rpartition(".")
    return getattr(import_module(f"chaincheck.{module}"), title)
