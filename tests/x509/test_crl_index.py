"""Large CRLs: what the index finds is what a plain look-up finds, and both are what a plain reader of the list finds."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asn1
import pki
from chaincheck.x509 import crl_entries, crl_index, der
from chaincheck.x509.crl import INDEX_AFTER, CertificateList
from chaincheck.x509.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Callable

CA = pki.root("CRL Index CA")
WHEN = datetime(2026, 5, 1, tzinfo=UTC)
TIME = asn1.time(WHEN)
REASON = asn1.sequence(asn1.sequence(asn1.oid("2.5.29.21"), asn1.octet_string(asn1.enumerated(1))))
INVALIDITY = asn1.sequence(asn1.sequence(asn1.oid("2.5.29.24"), asn1.octet_string(asn1.generalized_time(WHEN))))


def entry(serial: int, tail: bytes = b"") -> bytes:
    return asn1.sequence(asn1.integer(serial), TIME, tail)


def carrying(serial: int, carried: int) -> bytes:
    """An entry with an extension of nobody's that holds an entry of another serial number."""
    return entry(serial, asn1.sequence(asn1.sequence(asn1.oid("1.2.3.4"), asn1.octet_string(entry(carried)))))


def of_issuer(serial: int, name: str) -> bytes:
    names = asn1.sequence(asn1.tlv(0xA4, pki.name_der(name)))
    return entry(serial, asn1.sequence(asn1.sequence(asn1.oid("2.5.29.29"), asn1.boolean(True), asn1.octet_string(names))))


def crl_of(entries: list[bytes]) -> bytes:
    algorithm, _ = CA.key.sign(b"")
    body = asn1.sequence(asn1.integer(1), algorithm, CA.subject, TIME, asn1.time(WHEN + timedelta(days=7)), asn1.sequence(*entries))
    algorithm, signature = CA.key.sign(body)
    return asn1.sequence(body, algorithm, asn1.bit_string(signature))


@cache
def large() -> tuple[bytes, tuple[int, ...]]:
    """Some 40,000 entries (1.4 MB), most of them usual, and their serial numbers in order, twice where they stand twice."""
    chosen = random.Random(7)
    serials = [chosen.getrandbits(chosen.choice((20, 63, 64, 120, 127, 128, 159))) + 1 for _ in range(40_000)]
    serials[30_000:30_005] = serials[:5]
    tails = (b"", b"", REASON, INVALIDITY)
    entries = [entry(serial, tails[number % 4]) for number, serial in enumerate(serials)]
    for place in range(500, 40_000, 1000):
        entries[place] = carrying(serials[place], carried=place << 200)
    entries[11_111] = of_issuer(serials[11_111], "Another CA")
    return crl_of(entries), tuple(serials)


def reference(data: bytes) -> dict[int, list[int]]:
    """The places of each serial number, by stepping from entry to entry."""
    crl = CertificateList(data)
    found: dict[int, list[int]] = {}
    pos, stop = crl._entries_at
    while pos < stop:
        _, inner, after = der.header(data, pos, stop)
        start, end = der.expect(data, inner, after, der.INTEGER, "serial")
        found.setdefault(der.integer(data, start, end), []).append(pos)
        pos = after
    return found


def test_the_index_finds_every_entry_and_no_other() -> None:
    data, serials = large()
    walked, places = CertificateList(data)._walk(), reference(data)
    index = crl_index.build(data, walked)
    assert index is not None
    for serial in serials:
        assert list(index.places(data, walked, crl_entries.integer_der(serial))) == places[serial]
    strangers = list(range(1 << 200, (1 << 200) + 2000)) + [place << 200 for place in range(500, 40_000, 1000)]
    for serial in strangers:
        assert not list(index.places(data, walked, crl_entries.integer_der(serial)))


def test_plain_look_ups_and_the_index_agree_on_all_they_say() -> None:
    data, serials = large()
    plain, indexed = CertificateList(data), CertificateList(data)
    indexed.build_index()
    assert indexed.index_bytes
    assert indexed.index_bytes < len(data) // 2
    for serial in (*serials[:5], *serials[10_000:40_000:997], serials[11_111], serials[11_112], 500 << 200, 1 << 300, -1):
        assert plain.find_of_issuers(serial) == indexed.find_of_issuers(serial)
    assert not plain.index_bytes


def test_the_index_comes_by_itself_where_many_are_asked_about() -> None:
    data, _ = large()
    crl = CertificateList(data)
    for number in range(INDEX_AFTER):
        assert not crl.find(1 << 180 | number)
        assert not crl.index_bytes
    assert not crl.find(1 << 190)
    assert crl.index_bytes


def test_a_small_list_and_a_damaged_one_have_none() -> None:
    small = CertificateList(CA.crl([(7, WHEN, None)]))
    small.build_index()
    assert (small.index_bytes, len(small.find(7))) == (0, 1)
    data, serials = large()
    start, stop = CertificateList(data)._entries_at
    middle = data.index(b"\x30", (start + stop) // 2)
    damaged = CertificateList(data[: middle + 900] + bytes(40) + data[middle + 940 :])
    damaged.build_index()
    assert damaged.entries_fault is not None
    assert damaged.index_bytes == 0
    assert damaged.find(serials[9])


def test_threads_may_ask_while_the_index_is_built() -> None:
    data, serials = large()
    crl, asked = CertificateList(data), serials[100:400]
    with ThreadPoolExecutor(8) as pool:
        assert all(len(found) >= 1 for found in pool.map(crl.find, asked))
        assert not any(pool.map(crl.find, range(1 << 200, (1 << 200) + 300)))
    assert crl.index_bytes


def test_a_large_list_is_verified_as_a_small_one_is() -> None:
    from chaincheck.x509.key import PublicKey

    data, _ = large()
    assert CertificateList(data).verify(PublicKey.of(CA.key.spki)) is Signature.VALID
    changed = bytearray(data)
    changed[len(data) // 2] ^= 1
    assert CertificateList(bytes(changed)).verify(PublicKey.of(CA.key.spki)) is Signature.INVALID


SERIALS = st.integers(min_value=-(1 << 70), max_value=1 << 164)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(SERIALS, st.sampled_from(["plain", "reason", "invalidity", "carrying", "issuer"]), SERIALS), max_size=60), SERIALS
)
@pytest.mark.parametrize("repeated", [1, 40])
def test_any_list_is_read_alike_by_pattern_steps_and_index(repeated: int, listed: list[tuple[int, str, int]], stranger: int) -> None:
    makers: dict[str, Callable[[int, int], bytes]] = {
        "plain": lambda serial, _: entry(serial),
        "reason": lambda serial, _: entry(serial, REASON),
        "invalidity": lambda serial, _: entry(serial, INVALIDITY),
        "carrying": carrying,
        "issuer": lambda serial, other: of_issuer(serial, f"CA {other % 3}"),
    }
    data = crl_of([makers[kind](serial, other) for serial, kind, other in listed] * repeated)
    crl, places = CertificateList(data), reference(data)
    walked = crl_entries.walk(data, *crl._entries_at, pattern_from=0)
    assert walked.fault is None
    index = crl_index.build(data, walked) if listed else None
    for serial in {stranger, *(serial for serial, _, _ in listed), *(other for _, _, other in listed)}:
        needle, expected = crl_entries.integer_der(serial), places.get(serial, [])
        assert list(crl_entries.places(data, crl._entries_at[0], walked, needle)) == expected
        if index is not None:
            assert list(index.places(data, walked, needle)) == expected
