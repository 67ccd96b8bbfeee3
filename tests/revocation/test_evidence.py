"""Evidence: what was read from the same bytes is read once, within bounds."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pki
from chaincheck.revocation import evidence
from chaincheck.revocation.evidence import Evidence

if TYPE_CHECKING:
    import pytest

CA = pki.root("Evidence CA")
LARGE = CA.crl([(number, pki.AT, None) for number in range(1 << 160, (1 << 160) + 28_000)])


def test_a_large_crl_is_read_once_for_all_who_hold_the_same_object() -> None:
    assert len(LARGE) > 1 << 20
    assert Evidence.given("crl", LARGE).crl() is Evidence(kind="crl", data=LARGE, origin="fetched", address="http://crl.test/").crl()
    another = bytes(bytearray(LARGE))
    assert Evidence.given("crl", another).crl() is not Evidence.given("crl", LARGE).crl()
    assert Evidence.given("crl", another) == Evidence.given("crl", LARGE)


def test_a_small_crl_is_read_once_for_equal_bytes() -> None:
    small = CA.crl()
    assert Evidence.given("crl", small).crl() is Evidence.given("crl", bytes(bytearray(small))).crl()


def test_evidence_without_an_address_is_named_by_its_hash() -> None:
    digest = hashlib.sha256(LARGE).hexdigest()
    assert Evidence.given("crl", LARGE).source == f"supplied CRL {digest[:16]}"
    assert Evidence.given("crl", LARGE, "store").source == f"store CRL {digest[:16]}"
    assert Evidence.given("crl", LARGE).sha256 == digest


def test_large_crls_are_held_within_a_bound_the_latest_used_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "LARGE_BYTES", 3 * len(LARGE))
    copies = [bytes(bytearray(LARGE)) for _ in range(5)]
    first = Evidence.given("crl", copies[0]).crl()
    for copy in copies[1:]:
        Evidence.given("crl", copy).crl()
        assert Evidence.given("crl", copies[0]).crl() is first
    held = evidence._LARGE._held
    assert sum(len(data) for data, _ in held.values()) <= 3 * len(LARGE)
    assert id(copies[1]) not in held


def test_many_threads_may_read_the_same() -> None:
    copy = bytes(bytearray(LARGE))
    with ThreadPoolExecutor(8) as pool:
        assert len({each.sha256 for each in pool.map(lambda _: Evidence.given("crl", copy), range(32))}) == 1
