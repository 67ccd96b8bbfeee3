"""Roots that cannot be judged in full, roots outside of the root store, and certificates seen only where no server looks."""

from __future__ import annotations

from dataclasses import replace

import chaincheck
import pki
from chaincheck import CauseCode, Role, Verdict

RULES = replace(chaincheck.IIS, revocation="off")
ECDSA_SHA256, UNKNOWN = bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d04037f")
ROOT = pki.root()
CA = ROOT.issue_ca("Issuing CA")
CLIENT = CA.issue("client")


def ask(store: chaincheck.TrustStore, *presented: bytes) -> chaincheck.Diagnosis:
    return chaincheck.diagnose(CLIENT.der, store=store, presented=presented, rules=RULES, fetch="never", at=pki.AT)


def found(diagnosis: chaincheck.Diagnosis) -> set[tuple[CauseCode, Role]]:
    return {(cause.code, cause.role) for cause in diagnosis.causes}


def test_a_root_whose_own_signature_cannot_be_verified_here_is_not_called_missing() -> None:
    root = ROOT.der.replace(ECDSA_SHA256, UNKNOWN)
    answer = ask(chaincheck.TrustStore(roots=[root], intermediates=[CA.der]))
    assert answer.verdict is Verdict.UNDETERMINED
    assert found(answer) == {(CauseCode.ALGORITHM_UNSUPPORTED_HERE, Role.ANCHOR)}
    assert not answer.causes[0].proven


def test_the_faults_of_an_untrusted_root_are_said_of_the_same_element() -> None:
    root = pki.root(not_after=pki.AT.replace(year=2025))
    authority = root.issue_ca("Issuing CA")
    answer = ask(chaincheck.TrustStore(roots=[], intermediates=[authority.der]), root.der)
    assert found(answer) == {(CauseCode.UNTRUSTED_ROOT, Role.ANCHOR), (CauseCode.EXPIRED, Role.ANCHOR)}
    assert answer.path is not None
    assert answer.path.elements[-1].role is Role.ANCHOR


def test_an_intermediate_seen_only_among_the_distrusted_is_missing_too() -> None:
    answer = ask(chaincheck.TrustStore(roots=[ROOT.der], intermediates=[], disallowed=[CA.der]))
    assert {code for code, _ in found(answer)} == {CauseCode.DISTRUSTED, CauseCode.INTERMEDIATE_MISSING}


def test_one_certificate_has_at_most_twenty_unknown_critical_extensions_named() -> None:
    many = [(f"1.2.3.{number}", True, b"\x05\x00") for number in range(40)]
    client = CA.issue("client", extensions=many)
    store = chaincheck.TrustStore(roots=[ROOT.der], intermediates=[CA.der])
    answer = chaincheck.diagnose(client.der, store=store, rules=RULES, fetch="never", at=pki.AT)
    assert answer.verdict is Verdict.REFUSED
    assert len([cause for cause in answer.causes if cause.code is CauseCode.UNKNOWN_CRITICAL_EXTENSION]) == 20
