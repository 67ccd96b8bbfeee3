"""Plans: proven by running the engine again, and nothing in them can be left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

import chaincheck
import pki
from chaincheck import ClientProfile, ServerProfile, TrustStore, Verdict
from chaincheck.causes.words import LANGUAGES, placeholders, words
from chaincheck.plan import Plan, _Proof
from chaincheck.server import Access, Binding, Schannel
from pki import AT

CASES = sorted(path for path in (Path(__file__).parent.parent / "vectors" / "cases").iterdir() if path.is_dir())
ROOT = pki.root("Plan Root")
CA = ROOT.issue_ca("Plan CA")
OTHER = pki.root("Other Plan Root")
STRANGER = OTHER.issue_ca("Plan Stranger")
DAY = timedelta(days=1)
HEALTHY = Binding(key="0.0.0.0:443", negotiate=True, tls13=True, http2=True)
REQUIRES = (Access(path="Site", flags=("SslRequireCert",)),)

# Each fault changes what the others leave alone.
FAULTS: dict[str, dict[str, Any]] = {
    "root missing": {"roots": [OTHER.der]},
    "misplaced": {"stranger": True},
    "no key": {"key": chaincheck.NO_KEY},
    "late": {"negotiate": False},
    "in front": {"tls_ends_in_front": True},
    "list": {"send": True},
    "stale": {"crl": CA.crl(this_update=AT - 9 * DAY, next_update=AT - DAY)},
    "expired": {"not_after": AT - DAY},
    "usage": {"eku": ("serverAuth",)},
    "ctl store": {"ctl_store": "Customers"},
}
NEEDS_NEW = {"expired", "usage"}


def ask(*faults: str) -> chaincheck.Diagnosis:
    told: dict[str, Any] = {"roots": [ROOT.der], "negotiate": True, "send": False, "crl": CA.crl()}
    for fault in faults:
        told |= FAULTS[fault]
    options = {name: told[name] for name in ("not_after", "eku") if name in told}
    roots = [*told["roots"], STRANGER.der] if told.get("stranger") else told["roots"]
    listed = [OTHER.der] if told["send"] else None
    store = TrustStore(
        roots=roots, intermediates=[CA.der], disallowed=[], client_auth_issuers=listed or [], crls=[told["crl"], ROOT.crl()],
        others={"LocalMachine\\Customers": [OTHER.der]},
    )  # fmt: skip
    server = ServerProfile(
        here=True,
        bindings=(replace(HEALTHY, negotiate=told["negotiate"], ctl_store=told.get("ctl_store", "")),),
        schannel=Schannel(send_trusted_issuer_list=told["send"]),
        access=REQUIRES,
        path="Site",
        tls_ends_in_front=told.get("tls_ends_in_front", False),
    )
    return chaincheck.diagnose(
        CA.issue("client", crl_urls=["http://pki.example.com/ca.crl"], **options).der,
        told.get("key"),
        store=store,
        presented=[ROOT.der],
        at=AT,
        fetch="never",
        server=server,
        client=ClientProfile(kind="chromium"),
    )


def proven(diagnosis: chaincheck.Diagnosis) -> Plan:
    """The plan, its proof made once more: with all changes settled, without any one not."""
    plan = diagnosis.plan
    assert plan is not None
    assert plan.proven, (plan.reason, [cause.code for cause in diagnosis.causes])
    question = diagnosis.question
    assert question is not None
    proof = _Proof(question, diagnosis.responses)
    chosen = proof._choose(diagnosis)
    assert chosen is not None
    kept = proof._least(chosen)
    assert [change.kind for change in kept] == [step.kind for step in plan.steps]
    assert proof._settled(proof._run(kept))
    for left_out in kept:
        assert not proof._settled(proof._run([change for change in kept if change is not left_out])), left_out.kind
    return plan


def test_nothing_is_wrong_with_the_healthy_one() -> None:
    assert ask().accepted
    assert ask().plan is None


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - NEEDS_NEW))
def test_every_single_fault_has_a_proven_plan(fault: str) -> None:
    plan = proven(ask(fault))
    assert not plan.required
    assert plan.reason is None


@pytest.mark.parametrize("fault", sorted(NEEDS_NEW))
def test_what_needs_a_new_certificate_is_required_and_not_proven(fault: str) -> None:
    plan = ask(fault).plan
    assert plan is not None
    assert (plan.proven, plan.reason, plan.steps) == (False, "needs-something-new", ())
    assert plan.required


@pytest.mark.parametrize("faults", [*combinations(FAULTS, 2), *list(combinations(FAULTS, 3))[::4], *list(combinations(FAULTS, 5))[::25]])
def test_combinations_get_a_plan_from_which_nothing_can_be_left_out(faults: tuple[str, ...]) -> None:
    needed = set(faults) & NEEDS_NEW
    if set(faults) <= NEEDS_NEW:
        found = ask(*faults).plan
        assert found is not None
        assert not found.proven
        return
    plan = proven(ask(*faults))
    assert len({requirement.cause.code for requirement in plan.required}) == len(needed)
    assert list(plan.steps) == sorted(plan.steps, key=lambda step: step.loss)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_plan_of_a_vector_is_the_least(case: Path) -> None:
    diagnosis = chaincheck.replay(case)
    plan = diagnosis.plan
    assert (plan is None) == diagnosis.accepted
    if plan is not None and plan.proven:
        proven(diagnosis)
    elif plan is not None:
        assert plan.reason in ("needs-something-new", "not-enough-known", "no-change-known")
        assert diagnosis.verdict is not Verdict.REFUSED or plan.required or not diagnosis.causes


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_plan_switches_a_check_off_for_what_is_revoked_or_distrusted(case: Path) -> None:
    diagnosis = chaincheck.replay(case)
    plan = diagnosis.plan
    if plan is None:
        return
    assert not {step.resolution.id for step in plan.steps} & {"turn-off-revocation", "clear-distrust"}
    condemned = {c.certificate for c in diagnosis.causes if c.code.value in ("revoked", "on-hold", "distrusted") and c.severity == "fatal"}
    codes = {requirement.cause.code.value for requirement in plan.required}
    assert not condemned or codes & {"revoked", "on-hold", "distrusted"}
    assert not condemned & set(plan.supposed)
    assert not {step.certificate for step in plan.steps if step.kind in ("publish-crl", "make-reachable")} & condemned


def test_a_root_that_came_from_the_client_is_compared_first_and_one_of_the_server_need_not_be() -> None:
    plan = ask("root missing").plan
    assert plan is not None
    assert [(step.kind, step.compare) for step in plan.steps] == [("install-root", True)]
    moved = chaincheck.diagnose(
        CA.issue("client").der, store=TrustStore(roots=[OTHER.der], intermediates=[CA.der, ROOT.der], disallowed=[]), at=AT, fetch="never"
    ).plan
    assert moved is not None
    assert [(step.kind, step.compare) for step in moved.steps] == [("move-root", False)]


def test_what_nobody_could_ask_is_supposed_and_said() -> None:
    dated = CA.issue("client", crl_urls=["http://pki.example.com/ca.crl"])
    store = TrustStore(roots=[OTHER.der], intermediates=[CA.der], disallowed=[])
    found = chaincheck.diagnose(dated.der, store=store, presented=[ROOT.der], at=AT, fetch="never")
    plan = found.plan
    assert plan is not None
    assert plan.proven
    assert [certificate.fingerprint for certificate in plan.supposed] == [dated.fingerprint]
    assert "supposed that these are not revoked" in found.to_text()


def test_a_store_that_was_not_told_allows_no_plan() -> None:
    plan = chaincheck.diagnose(CA.issue("client").der, at=AT).plan
    assert plan is not None
    assert (plan.proven, plan.reason) == (False, "not-enough-known")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_kind_of_step_is_told_in_both_languages(lang: str) -> None:
    texts = words(lang).tables["plan"]
    kinds = {name: table for name, table in texts.items() if isinstance(table, dict) and name != "needs"}
    assert {step.kind for case in ("root missing", "late", "no key") for step in proven(ask(case)).steps} <= set(kinds)
    for name, table in kinds.items():
        assert set(table) == {"step", "consequence", "undo"}, name
        assert all(placeholders(text) <= {"certificate", "sha256", "place"} for text in table.values())


def test_every_kind_of_change_has_its_words() -> None:
    import re

    source = (Path(__file__).parent.parent / "src" / "chaincheck" / "plan_changes.py").read_text(encoding="utf-8")
    kinds = set(re.findall(r'Change\(\s*"([a-z-]+)"', source)) | set(re.findall(r'_evidence\("([a-z-]+)"', source))
    assert kinds == {name for name, table in words().tables["plan"].items() if isinstance(table, dict) and name != "needs"}
