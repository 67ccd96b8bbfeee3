"""The value of the name constraints extension is read strictly, and its subtrees are found by look-up."""

from __future__ import annotations

import contextlib
import random

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

import asn1
import pki
from chaincheck.x509 import der
from chaincheck.x509.name import Name
from chaincheck.x509.name_constraints import INDEXES, KEYS, NameConstraints, Subtree, _long_key, _plain_key, irregularity, read

EXAMPLE = asn1.implicit(2, b"example.com")


def subtree(base: bytes, *distances: bytes) -> bytes:
    return asn1.sequence(base, *distances)


def constraints(permitted: tuple[bytes, ...] = (), excluded: tuple[bytes, ...] = ()) -> bytes:
    return asn1.sequence(
        asn1.explicit(0, *map(subtree, permitted)) if permitted else b"", asn1.explicit(1, *map(subtree, excluded)) if excluded else b""
    )


def address(text: str) -> bytes:
    return asn1.implicit(7, bytes.fromhex(text))


def cryptography_takes(value: bytes) -> bool:
    certificate = x509.load_der_x509_certificate(pki.root().issue_ca("CA", extensions=[("2.5.29.30", True, value)]).der)
    try:
        certificate.extensions.get_extension_for_class(x509.NameConstraints)
    except (ValueError, TypeError):
        return False
    return True


def test_both_lists_are_read() -> None:
    value = constraints((EXAMPLE, address("0a000000ff000000")), (asn1.implicit(1, b"root@example.com"),))
    assert read(value) == NameConstraints(
        permitted=(Subtree("dNSName", "example.com", 0, None), Subtree("iPAddress", bytes.fromhex("0a000000ff000000"), 0, None)),
        excluded=(Subtree("rfc822Name", "root@example.com", 0, None),),
    )
    assert irregularity(read(value)) is None
    assert cryptography_takes(value)


def test_one_list_may_be_absent() -> None:
    assert read(constraints(excluded=(EXAMPLE,))).permitted == ()
    assert read(constraints((EXAMPLE,))).excluded == ()


WRONG = {
    "an empty NameConstraints": asn1.sequence(),
    "two empty lists": asn1.sequence(asn1.tlv(0xA0), asn1.tlv(0xA1)),
    "one empty list": asn1.sequence(asn1.tlv(0xA0), asn1.explicit(1, subtree(EXAMPLE))),
    "the lists in the wrong order": asn1.sequence(asn1.explicit(1, subtree(EXAMPLE)), asn1.explicit(0, subtree(EXAMPLE))),
    "a list twice": asn1.sequence(asn1.explicit(0, subtree(EXAMPLE)), asn1.explicit(0, subtree(EXAMPLE))),
    "a third list": asn1.sequence(asn1.explicit(2, subtree(EXAMPLE))),
    "bytes after the end": constraints((EXAMPLE,)) + b"\x00",
    "a subtree without a base": asn1.sequence(asn1.explicit(0, asn1.sequence())),
    "a mask with a gap": constraints((address("0a000000ff00ff00"),)),
    "an address without a mask": constraints((address("0a000000"),)),
    "an IPv6 address without a mask": constraints((address("00" * 16),)),
    "an address of no octets": constraints((address(""),)),
    "an encoded minimum of 0": asn1.sequence(asn1.explicit(0, subtree(EXAMPLE, asn1.implicit(0, b"\x00")))),
    "a negative maximum": asn1.sequence(asn1.explicit(0, subtree(EXAMPLE, asn1.implicit(1, b"\xff")))),
    "maximum before minimum": asn1.sequence(asn1.explicit(0, subtree(EXAMPLE, asn1.implicit(1, b"\x01"), asn1.implicit(0, b"\x01")))),
    "minimum twice": asn1.sequence(asn1.explicit(0, subtree(EXAMPLE, asn1.implicit(0, b"\x01"), asn1.implicit(0, b"\x01")))),
}


@pytest.mark.parametrize("value", WRONG.values(), ids=WRONG.keys())
def test_what_is_not_the_syntax_is_malformed_here_and_for_cryptography(value: bytes) -> None:
    with pytest.raises(der.Malformed):
        read(value)
    assert not cryptography_takes(value)


def test_a_host_name_is_an_ia5string() -> None:
    with pytest.raises(der.Malformed, match="not ascii"):
        read(constraints((asn1.implicit(2, "bücher.example".encode()),)))


def test_more_subtrees_than_anyone_needs_are_malformed() -> None:
    with pytest.raises(der.Malformed, match="more than 100000"):
        read(asn1.sequence(asn1.tlv(0xA0, subtree(EXAMPLE) * 100_001)))


@pytest.mark.parametrize(
    ("base", "remark"),
    [
        (asn1.implicit(2, b".example.com"), "a dNSName constraint with a leading period"),
        (asn1.implicit(2, b"*.example.com"), "a dNSName constraint that is not a host name"),
        (asn1.implicit(1, b"invalid@invalid@example.com"), "an rfc822Name constraint that is neither a mailbox, a host nor a domain"),
        (asn1.implicit(1, b"@example.com"), "an rfc822Name constraint that is neither a mailbox, a host nor a domain"),
        (asn1.implicit(6, b"http://example.com/"), "a uniformResourceIdentifier constraint that is not a host name"),
        (address("0a000001ff000000"), "an address with bits outside its mask"),
        (asn1.implicit(8, b"\x2a\x03"), "a constraint on the name form registeredID"),
        (asn1.implicit(1, b".example.com"), None),
        (asn1.implicit(1, b'"a@b"@example.com'), None),
        (asn1.implicit(6, b".example.com"), None),
        (asn1.implicit(2, b""), None),
        (address("00" * 8), None),
        (asn1.explicit(4, asn1.sequence()), None),
    ],
)
def test_a_departure_from_the_profile_is_a_remark(base: bytes, remark: str | None) -> None:
    assert irregularity(read(constraints((base,)))) == remark


@pytest.mark.parametrize("distance", [asn1.implicit(0, b"\x01"), asn1.implicit(1, b"\x00")])
def test_minimum_and_maximum_are_kept_and_remarked(distance: bytes) -> None:
    found = read(asn1.sequence(asn1.explicit(1, subtree(EXAMPLE, distance))))
    assert not found.excluded[0].is_plain
    assert irregularity(found) == "a subtree with minimum or maximum"


@given(st.binary(max_size=200))
def test_random_bytes_are_read_or_malformed_and_nothing_else(value: bytes) -> None:
    with contextlib.suppress(der.Malformed):
        irregularity(read(value))


def test_mutated_values_are_read_or_malformed_and_nothing_else() -> None:
    rng = random.Random(30)
    seed = constraints(
        (EXAMPLE, address("0a000000ff000000"), asn1.explicit(4, pki.name_der("CN=a,O=b"))),
        (asn1.implicit(1, b"@x"), asn1.implicit(6, b".y")),
    )
    for _ in range(3000):
        changed = bytearray(seed)
        for _ in range(rng.randrange(1, 4)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        with contextlib.suppress(der.Malformed):
            irregularity(read(bytes(changed)))


def relative(value: str, tag: int = 0x0C, oid: str = "2.5.4.11") -> bytes:
    encoding = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii", 0x1E: "utf-16-be", 0x1C: "utf-32-be"}[tag]
    return asn1.set_of(asn1.sequence(asn1.oid(oid), asn1.tlv(tag, value.encode(encoding))))


@given(st.text(st.characters(max_codepoint=0x17F), max_size=70), st.sampled_from([0x0C, 0x13, 0x16, 0x1E, 0x1C]))
def test_the_short_way_to_a_key_gives_the_key_of_section_7_1(value: str, tag: int) -> None:
    if tag in (0x13, 0x16) and not value.isascii():
        return
    encoded = relative(value, tag)
    assert _plain_key(encoded) in (None, _long_key(encoded))
    if value.isascii() and value.isprintable() and len(value) < 100:
        assert _long_key(encoded) == _long_key(relative(value, 0x1E)) == _plain_key(relative(value))


@given(st.binary(max_size=60))
def test_no_relative_name_is_too_broken_for_a_key(encoded: bytes) -> None:
    assert _plain_key(encoded) in (None, _long_key(encoded))
    assert _plain_key(b"\x31" + bytes([len(encoded)]) + encoded) in (None, _long_key(b"\x31" + bytes([len(encoded)]) + encoded))


class Unlimited:
    def spend(self, comparisons: int) -> bool:
        return comparisons > 0


LABEL = st.sampled_from(["a", "b", "com", "x-y"])
HOSTNAME = st.lists(LABEL, min_size=1, max_size=5).map(".".join)


@given(st.lists(st.tuples(st.booleans(), HOSTNAME), max_size=6), HOSTNAME)
def test_host_names_are_found_as_if_each_were_compared(bases: list[tuple[bool, str]], host: str) -> None:
    index = INDEXES["dNSName"]("dNSName")
    for below, base in bases:
        index.add(Subtree("dNSName", "." * below + base, 0, None))
    index.finish()
    one_by_one = any(host.endswith("." + base) or (host == base and not below) for below, base in bases)
    assert (index.find(KEYS["dNSName"](host), Unlimited()) is not None) == one_by_one


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 32)), max_size=8), st.integers(0, 255))
def test_addresses_are_found_as_if_each_were_compared(ranges: list[tuple[int, int]], last: int) -> None:
    index = INDEXES["iPAddress"]("iPAddress")
    masks = [(base, (1 << 32) - (1 << (32 - bits))) for base, bits in ranges]
    for base, mask in masks:
        index.add(Subtree("iPAddress", base.to_bytes(4, "big") + mask.to_bytes(4, "big"), 0, None))
    index.finish()
    one_by_one = any(last & mask == base & mask for base, mask in masks)
    assert (index.find(KEYS["iPAddress"](last.to_bytes(4, "big")), Unlimited()) is not None) == one_by_one


RELATIVE = st.sampled_from([relative("a"), relative("A", 0x13), relative("b"), relative("ä"), relative("Ä", 0x1E)])
NAME = st.lists(RELATIVE, max_size=4)


@given(st.lists(NAME, max_size=5), NAME)
def test_directory_names_are_found_as_if_each_were_compared(bases: list[list[bytes]], wanted: list[bytes]) -> None:
    index = INDEXES["directoryName"]("directoryName")
    for base in bases:
        index.add(Subtree("directoryName", Name(asn1.sequence(*base)), 0, None))
    index.finish()
    folded = [_long_key(one) for one in wanted]
    one_by_one = any([_long_key(one) for one in base] == folded[: len(base)] for base in bases)
    assert ((index.everything or index.find(Name(asn1.sequence(*wanted)), Unlimited())) is not None) == one_by_one
