"""What a Checker remembers never outlives what it was learnt from."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import chaincheck
import pki
from chaincheck import CauseCode, Verdict

RULES = replace(chaincheck.IIS, revocation="off")
ROOT = pki.root()
CA = ROOT.issue_ca("Issuing CA")
CLIENT = CA.issue("client")


def checker(**options: object) -> chaincheck.Checker:
    return chaincheck.Checker(store=chaincheck.TrustStore(roots=[ROOT.der], intermediates=[CA.der]), rules=RULES, fetch="never", **options)  # type: ignore[arg-type]


def test_an_answer_of_the_old_store_is_not_remembered_for_the_new_one() -> None:
    asked = checker()
    empty = chaincheck.TrustStore(roots=[], intermediates=[])
    begun = asked._begin(CLIENT.der, None, (), pki.AT, (), (), None, None, None)
    assert isinstance(begun, tuple)
    asked.reload(empty)
    begun.held.remember(begun.key, chaincheck.diagnose(CLIENT.der, store=begun.question.store, rules=RULES, fetch="never", at=pki.AT))
    assert asked.diagnose(CLIENT.der, at=pki.AT).verdict is Verdict.REFUSED


def test_reloading_under_load_gives_answers_of_one_store_or_the_other() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        asked = checker()
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                asked.diagnose(CLIENT.der, at=pki.AT)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        trusting, empty = asked.store, chaincheck.TrustStore(roots=[], intermediates=[])
        for _ in range(100):
            asked.reload(empty)
            assert not asked.diagnose(CLIENT.der, at=pki.AT).accepted
            asked.reload(trusting)
        stop.set()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)


def test_threads_that_meet_at_a_ca_share_its_nodes() -> None:
    pool_of = checker()._held.pool
    name = chaincheck.Certificate(CA.der).subject
    barrier = threading.Barrier(8)
    found = []

    def look() -> None:
        barrier.wait()
        found.append(pool_of.named(name))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(node) for nodes in found for node in nodes}) == 1


def test_a_password_is_asked_for_again() -> None:
    bundle = CLIENT.pkcs12(password=b"right")
    asked = checker()
    assert asked.diagnose(bundle, at=pki.AT, password=b"right").accepted
    for wrong in (None, b"wrong"):
        with pytest.raises(chaincheck.InputError):
            asked.diagnose(bundle, at=pki.AT, password=wrong)


def test_the_rules_of_a_checker_cannot_be_changed_behind_its_back() -> None:
    with pytest.raises(AttributeError):
        checker().rules = chaincheck.RFC5280  # type: ignore[misc]


def test_an_answer_given_again_for_another_moment_carries_that_moment_in_its_question() -> None:
    asked = checker()
    asked.diagnose(CLIENT.der, at=pki.AT)
    later = pki.AT.replace(hour=13)
    again = asked.diagnose(CLIENT.der, at=later)
    assert again.at == later
    assert again.question is not None
    assert again.question.at == again.at_s


def test_presented_none_means_not_told() -> None:
    store = chaincheck.TrustStore(roots=[ROOT.der], intermediates=[])
    told = chaincheck.diagnose(CLIENT.der, store=store, rules=RULES, fetch="never", at=pki.AT)
    not_told = chaincheck.diagnose(CLIENT.der, store=store, presented=None, rules=RULES, fetch="never", at=pki.AT)
    assert told.verdict is Verdict.REFUSED
    assert not_told.verdict is Verdict.UNDETERMINED
    assert "presented-not-told" in {statement.code for statement in not_told.unchecked}


def test_distrust_reaches_a_certificate_with_the_same_signed_part_and_another_signature() -> None:
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

    import asn1

    original = chaincheck.Certificate(CLIENT.der)
    r, s = decode_dss_signature(original.signature)
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    signature = b"\0" + encode_dss_signature(r, order - s)
    twin = asn1.tlv(0x30, original.tbs + original.signature_algorithm + asn1.tlv(0x03, signature))
    store = chaincheck.TrustStore(roots=[ROOT.der], intermediates=[CA.der], disallowed=[CLIENT.der])
    answer = chaincheck.diagnose(twin, store=store, rules=RULES, fetch="never", at=pki.AT)
    assert answer.verdict is Verdict.REFUSED
    assert CauseCode.DISTRUSTED in {cause.code for cause in answer.causes}


def test_a_bare_name_and_key_is_no_anchor_for_iis() -> None:
    from chaincheck.store import Entry

    certificate = chaincheck.Certificate(ROOT.der)
    bare = Entry(None, "roots", name=certificate.subject, spki=certificate.spki)
    store = chaincheck.TrustStore(roots=[bare], intermediates=[CA.der])
    assert chaincheck.diagnose(CLIENT.der, store=store, rules=RULES, fetch="never", at=pki.AT).verdict is Verdict.REFUSED
    rfc = replace(chaincheck.RFC5280, revocation="off")
    assert chaincheck.diagnose(CLIENT.der, store=store, rules=rfc, fetch="never", at=pki.AT).accepted


def test_what_was_not_needed_and_has_run_out_since_is_told() -> None:
    ends = pki.AT + timedelta(days=1)
    crls = [ROOT.crl(), CA.crl([(CLIENT.serial, pki.AT - timedelta(days=2), "keyCompromise")], next_update=ends)]
    store = chaincheck.TrustStore(roots=[ROOT.der], intermediates=[CA.der])
    settings: dict[str, Any] = {"store": store, "fetch": "never", "crls": crls}
    with chaincheck.Checker(**settings) as asked:
        for moment in (pki.AT, ends, ends + timedelta(seconds=1), ends + timedelta(days=1)):
            told, anew = asked.diagnose(CLIENT.der, at=moment), chaincheck.diagnose(CLIENT.der, at=moment, **settings)
            assert told.to_json() == anew.to_json()
    assert CauseCode.REVOCATION_STALE in {cause.code for cause in told.causes}
