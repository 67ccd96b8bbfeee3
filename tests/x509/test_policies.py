"""The extensions about policies are read strictly: what we read, `cryptography` reads likewise."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

import asn1
import pki
from chaincheck.x509 import der
from chaincheck.x509.policies import (
    ANY_POLICY,
    CPSPointer,
    PolicyConstraints,
    TooMany,
    UserNotice,
    certificate_policies,
    dotted,
    identifier,
    inhibit_any_policy,
    policy_constraints,
    policy_mappings,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CPS, NOTICE = "1.3.6.1.5.5.7.2.1", "1.3.6.1.5.5.7.2.2"
READERS: dict[str, Callable[[bytes], object]] = {
    "2.5.29.32": certificate_policies,
    "2.5.29.33": policy_mappings,
    "2.5.29.36": policy_constraints,
    "2.5.29.54": inhibit_any_policy,
}
CA = pki.root()


def ia5(text: bytes) -> bytes:
    return asn1.tlv(0x16, text)


def utf8(text: str) -> bytes:
    return asn1.tlv(0x0C, text.encode())


def policy(oid: str, *qualifiers: bytes) -> bytes:
    return asn1.sequence(asn1.oid(oid), asn1.sequence(*qualifiers) if qualifiers else b"")


def one(*qualifiers: bytes) -> bytes:
    """CertificatePolicies of one policy with those qualifiers."""
    return asn1.sequence(policy("1.2.3", *qualifiers))


def cps(value: bytes) -> bytes:
    return asn1.sequence(asn1.oid(CPS), value)


def notice(*parts: bytes) -> bytes:
    return asn1.sequence(asn1.oid(NOTICE), asn1.sequence(*parts))


def by_cryptography(oid: str, value: bytes) -> Any:
    """The value of the extension by `cryptography`; raises ``ValueError`` where it refuses it."""
    issued = CA.issue("subject", extensions=[(oid, False, value)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a later version will refuse
        return next(found.value for found in x509.load_der_x509_certificate(issued.der).extensions if found.oid.dotted_string == oid)


# What is read


def test_policies_and_their_qualifiers() -> None:
    reference = asn1.sequence(utf8("Organisation"), asn1.sequence(asn1.integer(1), asn1.integer(2)))
    found = certificate_policies(
        asn1.sequence(
            policy("1.2.3", cps(ia5(b"http://cps/")), notice(reference, utf8("ä" * 201))), policy("2.5.29.32.0"), policy("1.2.4", notice())
        )
    )
    assert found.policies == {identifier("1.2.3"), ANY_POLICY, identifier("1.2.4")}
    assert found.qualifiers == {
        identifier("1.2.3"): (CPSPointer("http://cps/"), UserNotice("ä" * 201, "Organisation", (1, 2))),
        identifier("1.2.4"): (UserNotice(None, None, ()),),
    }
    assert found.size == 6


@pytest.mark.parametrize(
    ("text", "means"),
    [(ia5(b"a"), "a"), (asn1.tlv(0x1A, b"a"), "a"), (asn1.tlv(0x1E, b"\0\xe4"), "ä"), (utf8("ä"), "ä"), (utf8(""), "")],
)
def test_a_notice_in_every_kind_of_text(text: bytes, means: str) -> None:
    found = certificate_policies(one(notice(text)))
    assert found.qualifiers[identifier("1.2.3")] == (UserNotice(means, None, ()),)


def test_mappings() -> None:
    a, b, c, d = map(asn1.oid, ("1.2.1", "1.2.2", "1.2.3", "1.2.4"))
    found = policy_mappings(asn1.sequence(*(asn1.sequence(*pair) for pair in ((a, b), (c, d), (a, c), (a, b), (d, d), (d, d)))))
    assert {dotted(issuer): dotted(subject) for issuer, subject in found.first.items()} == {
        "1.2.1": "1.2.2", "1.2.3": "1.2.4", "1.2.4": "1.2.4",
    }  # fmt: skip
    assert {dotted(issuer): set(map(dotted, subjects)) for issuer, subjects in found.several.items()} == {"1.2.1": {"1.2.2", "1.2.3"}}
    assert found.size == 6


def test_any_policy_in_mappings_is_read() -> None:
    """RFC 5280 6.1.4 (a) refuses it, with a reason of its own."""
    assert policy_mappings(asn1.sequence(asn1.sequence(asn1.oid("2.5.29.32.0"), asn1.oid("1.2.3")))).first == {
        ANY_POLICY: identifier("1.2.3")
    }


def test_constraints() -> None:
    assert policy_constraints(asn1.sequence(asn1.implicit(0, b"\x00"))) == PolicyConstraints(0, None)
    assert policy_constraints(asn1.sequence(asn1.implicit(1, b"\x01\x00"))) == PolicyConstraints(None, 256)
    assert policy_constraints(asn1.sequence(asn1.implicit(0, b"\x02"), asn1.implicit(1, b"\x03"))) == PolicyConstraints(2, 3)
    assert inhibit_any_policy(asn1.integer(0)) == 0
    assert inhibit_any_policy(asn1.integer(2**31)) == 2**31


# What is refused

BY_BOTH = {
    "a CPS that is not an IA5String": ("2.5.29.32", one(cps(utf8("http://x")))),
    "a CPS that is not ASCII": ("2.5.29.32", one(cps(ia5(b"\xe4")))),
    "a CPS without URI": ("2.5.29.32", one(cps(b""))),
    "a CPS with a notice in it": ("2.5.29.32", one(cps(asn1.sequence()))),
    "a notice with a URI in it": ("2.5.29.32", one(asn1.sequence(asn1.oid(NOTICE), ia5(b"http://x")))),
    "a qualifier of another kind": ("2.5.29.32", one(asn1.sequence(asn1.oid("1.2.9"), ia5(b"http://x")))),
    "a qualifier of another kind, as a sequence": ("2.5.29.32", one(asn1.sequence(asn1.oid("1.2.9"), asn1.sequence()))),
    "a qualifier and more": ("2.5.29.32", one(asn1.sequence(asn1.oid(CPS), ia5(b"x"), asn1.null()))),
    "a text that is no DisplayText": ("2.5.29.32", one(notice(asn1.tlv(0x13, b"a")))),
    "a BMPString of half a character": ("2.5.29.32", one(notice(asn1.tlv(0x1E, b"\0")))),
    "text before the reference": ("2.5.29.32", one(notice(utf8("t"), asn1.sequence(utf8("o"), asn1.sequence())))),
    "a notice of three parts": ("2.5.29.32", one(notice(asn1.sequence(utf8("o"), asn1.sequence()), utf8("t"), utf8("t")))),
    "a reference without numbers": ("2.5.29.32", one(notice(asn1.sequence(utf8("o"))))),
    "a negative notice number": ("2.5.29.32", one(notice(asn1.sequence(utf8("o"), asn1.sequence(asn1.integer(-1)))))),
    "a notice number that is none": ("2.5.29.32", one(notice(asn1.sequence(utf8("o"), asn1.sequence(asn1.null()))))),
    "a reference and more": ("2.5.29.32", one(notice(asn1.sequence(utf8("o"), asn1.sequence(), asn1.null())))),
    "something after the qualifiers": (
        "2.5.29.32",
        asn1.sequence(asn1.sequence(asn1.oid("1.2.3"), asn1.sequence(cps(ia5(b"x"))), asn1.null())),
    ),
    "qualifiers that are no sequence": ("2.5.29.32", asn1.sequence(asn1.sequence(asn1.oid("1.2.3"), asn1.null()))),
    "a qualifier that is no sequence": ("2.5.29.32", one(asn1.null())),
    "policies that are no sequence": ("2.5.29.32", asn1.oid("1.2.3")),
    "a policy that is no sequence": ("2.5.29.32", asn1.sequence(asn1.oid("1.2.3"))),
    "a policy without OID": ("2.5.29.32", asn1.sequence(asn1.sequence())),
    "an OID cut off": ("2.5.29.32", asn1.sequence(asn1.sequence(b"\x06\x02\x2a\x83"))),
    "an OID with a superfluous octet": ("2.5.29.32", asn1.sequence(asn1.sequence(b"\x06\x03\x2a\x80\x01"))),
    "bytes after the policies": ("2.5.29.32", one() + b"\x05\x00"),
    "constraints that say nothing": ("2.5.29.36", asn1.sequence()),
    "a negative constraint": ("2.5.29.36", asn1.sequence(asn1.implicit(0, b"\xff"))),
    "constraints in the wrong order": ("2.5.29.36", asn1.sequence(asn1.implicit(1, b"\x00"), asn1.implicit(0, b"\x00"))),
    "a constraint twice": ("2.5.29.36", asn1.sequence(asn1.implicit(0, b"\x00"), asn1.implicit(0, b"\x00"))),
    "a constraint of another kind": ("2.5.29.36", asn1.sequence(asn1.implicit(2, b"\x00"))),
    "a constraint with a superfluous octet": ("2.5.29.36", asn1.sequence(asn1.implicit(0, b"\x00\x01"))),
    "a constraint without octets": ("2.5.29.36", asn1.sequence(asn1.implicit(0, b""))),
    "a constraint above 64 bits": ("2.5.29.36", asn1.sequence(asn1.implicit(0, b"\x01" + bytes(8)))),
    "a negative number": ("2.5.29.54", asn1.integer(-1)),
    "a number that is none": ("2.5.29.54", asn1.null()),
}
# RFC 5280 wants these refused, `cryptography` does not ask (mappings it does not read at all).
BY_US = {
    "no policies": ("2.5.29.32", asn1.sequence()),
    "a policy twice": ("2.5.29.32", asn1.sequence(policy("1.2.3"), policy("1.2.4"), policy("1.2.3"))),
    "an empty list of qualifiers": ("2.5.29.32", asn1.sequence(asn1.sequence(asn1.oid("1.2.3"), asn1.sequence()))),
    "no mappings": ("2.5.29.33", asn1.sequence()),
    "a mapping of one": ("2.5.29.33", asn1.sequence(asn1.sequence(asn1.oid("1.2.3")))),
    "a mapping of three": ("2.5.29.33", asn1.sequence(asn1.sequence(*[asn1.oid("1.2.3")] * 3))),
    "a mapping of nulls": ("2.5.29.33", asn1.sequence(asn1.sequence(asn1.null(), asn1.null()))),
    "mappings that are no sequence": ("2.5.29.33", asn1.null()),
    "an arc above 32 bits": ("2.5.29.33", asn1.sequence(asn1.sequence(asn1.oid("1.2.4294967296"), asn1.oid("1.2.3")))),
}


@pytest.mark.parametrize(("oid", "value"), (BY_BOTH | BY_US).values(), ids=(BY_BOTH | BY_US).keys())
def test_wrong_syntax_is_malformed(oid: str, value: bytes) -> None:
    with pytest.raises(der.Malformed):
        READERS[oid](value)


@pytest.mark.parametrize(("oid", "value"), BY_BOTH.values(), ids=BY_BOTH.keys())
def test_cryptography_refuses_it_too(oid: str, value: bytes) -> None:
    with pytest.raises(ValueError):
        by_cryptography(oid, value)


def test_counts_are_bounded() -> None:
    many = asn1.sequence(*(policy(f"1.2.3.{number}") for number in range(11)))
    assert certificate_policies(many, 11).size == 11
    with pytest.raises(TooMany, match="more than 10 elements"):
        certificate_policies(many, 10)
    pairs = asn1.sequence(*[asn1.sequence(asn1.oid("1.2.3"), asn1.oid("1.2.4"))] * 11)
    assert policy_mappings(pairs, 11).size == 11
    with pytest.raises(TooMany, match="more than 10 elements"):
        policy_mappings(pairs, 10)
    with pytest.raises(TooMany):
        policy_mappings(asn1.sequence(*[asn1.sequence(asn1.oid("1.2.3"), asn1.oid("1.2.4"))] * 100_001))


# Whatever is read, is read as others read it


@given(st.tuples(st.integers(0, 2), st.integers(0, 39)), st.lists(st.integers(0, 2**32 - 1), max_size=8))
def test_oids_there_and_back(first: tuple[int, int], rest: list[int]) -> None:
    written = ".".join(map(str, (*first, *rest)))
    encoded = asn1.oid(written)[2:]
    assert identifier(written) == encoded
    assert dotted(encoded) == written == der.oid(encoded, 0, len(encoded))


@given(st.binary(min_size=1, max_size=12))
def test_an_oid_is_accepted_exactly_where_the_reader_of_der_accepts_it(octets: bytes) -> None:
    def accepted(read: Callable[[bytes], object], value: bytes) -> bool:
        try:
            read(value)
        except der.Malformed:
            return False
        return True

    value = asn1.sequence(asn1.sequence(asn1.tlv(0x06, octets)))
    by_reader = accepted(lambda data: der.oid(data, 0, len(data)), octets)
    assert accepted(certificate_policies, value) == accepted(dotted, octets) == by_reader
    if by_reader:
        assert dotted(octets) == der.oid(octets, 0, len(octets))


SEED = asn1.sequence(
    policy("1.2.3", cps(ia5(b"http://cps/")), notice(asn1.sequence(utf8("o"), asn1.sequence(asn1.integer(1))), utf8("text"))),
    policy("2.5.29.32.0"),
)


@given(st.lists(st.tuples(st.integers(0, len(SEED) - 1), st.integers(0, 255)), min_size=1, max_size=3))
def test_what_is_read_of_damaged_policies_cryptography_reads_too(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(SEED)
    for position, octet in changes:
        damaged[position] = octet
    try:
        found = certificate_policies(bytes(damaged))
    except der.Malformed:
        return
    theirs = by_cryptography("2.5.29.32", bytes(damaged))
    assert set(map(dotted, found.policies)) == {each.policy_identifier.dotted_string for each in theirs}
    for each in theirs:
        ours = found.qualifiers.get(identifier(each.policy_identifier.dotted_string), ())
        assert list(ours) == [_translated(qualifier) for qualifier in each.policy_qualifiers or ()]


def _translated(qualifier: Any) -> CPSPointer | UserNotice:
    if isinstance(qualifier, str):
        return CPSPointer(qualifier)
    reference = qualifier.notice_reference
    told = (reference.organization, tuple(reference.notice_numbers)) if reference is not None else (None, ())
    return UserNotice(qualifier.explicit_text, *told)
