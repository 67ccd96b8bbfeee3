"""ACCEPTED is one path proven good; REFUSED is no path that could exist; everything else is UNDETERMINED."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

import chaincheck
import pki
from chaincheck.causes.codes import CauseCode, DocumentedCause, Finding, Verdict
from engine.asking import CA, CRLS, LEAF, ROOT, YESTERDAY, ask, assumed, fatal, full_store, unchecked

OFF = replace(chaincheck.IIS, revocation="off")
ROOT_CAUSE, DATES, REVOKED, UNUSABLE = DocumentedCause


def test_one_good_path_is_accepted() -> None:
    diagnosis = ask(key=LEAF.key_pem)
    assert diagnosis.verdict is Verdict.ACCEPTED
    assert diagnosis.accepted
    assert fatal(diagnosis) == set()
    assert set(diagnosis.documented_causes.values()) == {Finding.RULED_OUT}
    diagnosis.raise_unless_accepted()


# What is not told


def test_without_a_store_the_verdict_is_never_accepted_and_the_root_is_not_checked() -> None:
    diagnosis = ask(store=None, key=LEAF.key_pem)
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert "store-not-told" in unchecked(diagnosis)
    assert diagnosis.documented_causes[ROOT_CAUSE] is Finding.NOT_CHECKED
    assert diagnosis.documented_causes[DATES] is Finding.RULED_OUT
    assert diagnosis.documented_causes[UNUSABLE] is Finding.RULED_OUT


@pytest.mark.parametrize(
    ("certificate", "key", "code"),
    [
        (CA.issue("late", not_after=YESTERDAY), None, "expired"),
        (CA.issue("early", not_before=pki.AT + timedelta(days=1)), None, "not-yet-valid"),
        (CA.issue("server", eku=("serverAuth",)), None, "wrong-extended-key-usage"),
        (CA.issue("critical", extensions=[("1.2.3.4", True, b"")]), None, "unknown-critical-extension"),
        (LEAF, chaincheck.NO_KEY, "no-private-key"),
        (LEAF, CA.key_pem, "private-key-mismatch"),
    ],
)
def test_without_a_store_everything_that_needs_none_is_still_said(certificate: pki.Issued, key: object, code: str) -> None:
    diagnosis = ask(certificate.der, key, store=None)
    assert diagnosis.verdict is Verdict.REFUSED  # common to every path that could exist
    assert (code, "subject") in fatal(diagnosis)


def test_an_empty_compartment_was_looked_at() -> None:
    diagnosis = ask(store=chaincheck.TrustStore(roots=(), intermediates=[CA.der, ROOT.der]))
    assert diagnosis.verdict is Verdict.REFUSED
    assert diagnosis.documented_causes[ROOT_CAUSE] is Finding.FOUND


def test_a_missing_issuer_that_may_stand_in_a_compartment_not_told_is_undetermined() -> None:
    diagnosis = ask(store=chaincheck.TrustStore(roots=[ROOT.der]), rules=OFF)
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert "intermediates-not-told" in unchecked(diagnosis)
    assert ask(store=chaincheck.TrustStore(roots=[ROOT.der], intermediates=()), rules=OFF).verdict is Verdict.REFUSED


def test_a_root_that_may_stand_in_a_compartment_not_told_is_undetermined() -> None:
    diagnosis = ask(store=chaincheck.TrustStore(intermediates=[CA.der]), presented=[ROOT.der], rules=OFF)
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert "roots-not-told" in unchecked(diagnosis)
    assert diagnosis.documented_causes[ROOT_CAUSE] is Finding.NOT_CHECKED


def test_an_expired_intermediate_that_may_have_a_twin_not_told_is_undetermined() -> None:
    late = ROOT.issue_ca("CA", key=CA.key, not_after=YESTERDAY)
    diagnosis = ask(store=chaincheck.TrustStore(roots=[ROOT.der]), presented=[late.der], rules=OFF)
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert ask(store=chaincheck.TrustStore(roots=[ROOT.der], intermediates=[late.der]), rules=OFF).verdict is Verdict.REFUSED


def test_an_expired_subject_is_refused_whatever_is_not_told() -> None:
    late = CA.issue("late", not_after=YESTERDAY)
    assert ask(late.der, store=chaincheck.TrustStore(roots=[ROOT.der])).verdict is Verdict.REFUSED


# Revocation


def test_a_revoked_certificate_is_refused() -> None:
    diagnosis = ask(crls=[CA.crl([(LEAF.serial, YESTERDAY, "keyCompromise")], number=2)])
    assert diagnosis.verdict is Verdict.REFUSED
    assert fatal(diagnosis) == {("revoked", "subject")}
    assert diagnosis.documented_causes[REVOKED] is Finding.FOUND


def test_a_revoked_intermediate_is_refused_but_is_not_the_documented_cause_of_the_certificate() -> None:
    diagnosis = ask(crls=[ROOT.crl([(CA.serial, YESTERDAY, None)], number=2)])
    assert diagnosis.verdict is Verdict.REFUSED
    assert ("revoked", "intermediate") in fatal(diagnosis)


def test_a_revoked_twin_leaves_the_other_path() -> None:
    twin = ROOT.issue_ca("CA", key=CA.key, serial=4711)
    for revoked in (CA, twin):
        store = full_store(intermediates=[CA.der, twin.der])
        diagnosis = ask(store=store, crls=[ROOT.crl([(revoked.serial, YESTERDAY, None)], number=2)])
        assert diagnosis.accepted


def test_a_certificate_whose_sources_were_not_asked_is_undetermined() -> None:
    leaf = CA.issue("client", crl_urls=["http://crl.example/ca.crl"], ocsp_urls=["http://ocsp.example/"])
    diagnosis = ask(leaf.der, store=full_store(crls=None))
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert diagnosis.documented_causes[REVOKED] is Finding.NOT_CHECKED
    assert "revocation-not-fetched" in unchecked(diagnosis)


def test_a_certificate_that_names_no_source_has_nothing_to_check() -> None:
    diagnosis = ask(store=full_store(crls=None))
    assert diagnosis.documented_causes[REVOKED] is not Finding.RULED_OUT
    assert CauseCode.REVOCATION_NOTHING_TO_CHECK in {cause.code for cause in diagnosis.causes}


def test_revocation_that_was_turned_off_is_an_assumption() -> None:
    diagnosis = ask(rules=OFF, crls=[CA.crl([(LEAF.serial, YESTERDAY, None)])])
    assert diagnosis.accepted
    assert "revocation-off" in assumed(diagnosis)
    assert diagnosis.documented_causes[REVOKED] is Finding.NOT_CHECKED


def test_only_the_subject_is_checked_where_the_rules_say_so() -> None:
    crls = [ROOT.crl([(CA.serial, YESTERDAY, None)], number=2), CA.crl()]
    assert ask(store=full_store(crls=crls), rules=replace(chaincheck.IIS, revocation="subject")).accepted


def test_revocation_of_an_expired_certificate_is_not_ruled_out() -> None:
    diagnosis = ask(CA.issue("late", not_after=YESTERDAY).der)
    assert diagnosis.documented_causes[DATES] is Finding.FOUND
    assert diagnosis.documented_causes[REVOKED] is Finding.NOT_CHECKED


def test_an_expired_certificate_that_is_listed_is_revoked_all_the_same() -> None:
    late = CA.issue("late", not_after=YESTERDAY)
    diagnosis = ask(late.der, crls=[CA.crl([(late.serial, YESTERDAY - timedelta(days=9), None)], number=2)])
    assert diagnosis.documented_causes[DATES] is Finding.FOUND
    assert diagnosis.documented_causes[REVOKED] is Finding.FOUND


def test_a_crl_signer_that_is_itself_revoked_says_nothing() -> None:
    """NIST PKITS 4.4.21."""
    signer = ROOT.issue_ca("CA", key="p256:crl key", ca=False, key_usage=("cRLSign",), serial=77)
    issuer = ROOT.issue_ca("CA", key=CA.key, key_usage=("keyCertSign",), serial=78)
    leaf = issuer.issue("client")
    ask_with = {"store": full_store(intermediates=[signer.der, issuer.der], crls=())}
    good = signer.crl()
    assert ask(leaf.der, **ask_with, crls=[ROOT.crl(), good]).accepted
    revoked = ROOT.crl([(signer.serial, YESTERDAY, "keyCompromise")], number=2)
    diagnosis = ask(leaf.der, **ask_with, crls=[revoked, good])
    assert not diagnosis.accepted
    assert diagnosis.documented_causes[REVOKED] is Finding.NOT_CHECKED


# Documented causes


@pytest.mark.parametrize(
    ("cert", "key", "more", "expected"),
    [
        (LEAF.der, LEAF.key_pem, {}, "ruled-out ruled-out ruled-out ruled-out"),
        (LEAF.der, None, {}, "ruled-out ruled-out ruled-out not-checked"),
        (LEAF.der, chaincheck.NO_KEY, {}, "ruled-out ruled-out ruled-out found"),
        (LEAF.der, CA.key_pem, {}, "ruled-out ruled-out ruled-out found"),
        (chaincheck.NO_CERTIFICATE, None, {}, "not-checked not-checked not-checked found"),
        (LEAF.der, None, {"store": None}, "not-checked ruled-out not-checked not-checked"),
        (LEAF.der, None, {"rules": OFF}, "ruled-out ruled-out not-checked not-checked"),
    ],
)
def test_all_four_documented_causes_are_always_there(cert: object, key: object, more: dict[str, object], expected: str) -> None:
    found = ask(cert, key, **more).documented_causes
    assert list(found) == list(DocumentedCause)
    assert " ".join(finding.value for finding in found.values()) == expected


# Everything at once


def five_faults() -> tuple[pki.Issued, pki.Authority]:
    strange = pki.root("Strange root").issue_ca("Strange CA")
    leaf = strange.issue("five", not_after=YESTERDAY, eku=("serverAuth",), key_usage=("keyEncipherment",))
    return leaf, strange


FIVE = {
    ("expired", "subject"),
    ("wrong-extended-key-usage", "subject"),
    ("wrong-key-usage", "subject"),
    ("revoked", "subject"),
}


def test_a_certificate_with_five_faults_shows_all_five_in_every_order_of_the_inputs() -> None:
    leaf, strange = five_faults()
    crls = [CA.crl(), strange.crl([(leaf.serial, YESTERDAY - timedelta(days=3), "keyCompromise")])]
    presented, roots, intermediates = [leaf.der, CA.der], [ROOT.der, pki.root("Other").der], [strange.der, CA.der]
    answers = set()
    for order in itertools.product(*map(itertools.permutations, (crls, presented, roots, intermediates))):
        given = chaincheck.TrustStore(roots=order[2], intermediates=order[3])
        diagnosis = ask(leaf.der, store=given, presented=order[1], crls=order[0])
        answers.add(diagnosis.to_json())
        found = fatal(diagnosis)
        assert found >= FIVE
        assert {code for code, _ in found - FIVE} == {"issuer-not-found"}  # the issuing CA is known, its root is nowhere
        assert diagnosis.verdict is Verdict.REFUSED
    assert len(answers) == 1


def test_five_faults_of_which_one_is_a_root_that_was_presented() -> None:
    leaf, strange = five_faults()
    crl = strange.crl([(leaf.serial, YESTERDAY - timedelta(days=3), "keyCompromise")])
    for presented in itertools.permutations([strange.der, pki.root("Strange root").der]):
        assert fatal(ask(leaf.der, presented=presented, crls=[crl])) == FIVE | {("untrusted-root", "anchor")}


def test_expired_and_revoked_and_untrusted_finds_three_documented_causes() -> None:
    leaf, strange = five_faults()
    crl = strange.crl([(leaf.serial, YESTERDAY - timedelta(days=3), "keyCompromise")])
    diagnosis = ask(leaf.der, chaincheck.NO_KEY, presented=[strange.der, pki.root("Strange root").der], crls=[crl])
    assert set(diagnosis.documented_causes.values()) == {Finding.FOUND}


def test_the_causes_stand_in_the_order_of_action() -> None:
    leaf, strange = five_faults()
    crl = strange.crl([(leaf.serial, YESTERDAY - timedelta(days=3), "keyCompromise")])
    codes = [
        c.code.value
        for c in ask(leaf.der, presented=[strange.der, pki.root("Strange root").der], crls=[crl]).causes
        if c.severity == "fatal"
    ]
    assert codes == ["revoked", "expired", "untrusted-root", "wrong-extended-key-usage", "wrong-key-usage"]


# The answer as an object


def test_an_answer_has_no_truth_value() -> None:
    diagnosis = ask()
    for one in (diagnosis, diagnosis.verdict, diagnosis.documented_causes[ROOT_CAUSE]):
        with pytest.raises(TypeError, match="no truth value"):
            bool(one)


def test_a_refusal_can_be_raised() -> None:
    with pytest.raises(chaincheck.RefusedError) as caught:
        ask(chaincheck.NO_CERTIFICATE).raise_unless_accepted()
    assert caught.value.diagnosis.verdict is Verdict.REFUSED
    assert str(caught.value) == caught.value.diagnosis.headline
    with pytest.raises(chaincheck.RefusedError):
        ask(store=None).raise_unless_accepted()


def test_supplied_evidence_of_another_ca_changes_nothing() -> None:
    assert ask(crls=[pki.root("Other").crl([(LEAF.serial, YESTERDAY, None)])]).accepted
    assert len(CRLS) == 2
