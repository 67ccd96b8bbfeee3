"""Names are written as RFC 4514 has it and compared as RFC 5280 section 7.1 has it."""

from __future__ import annotations

import pickle

import pytest
from cryptography import x509

import asn1
import pki
from chaincheck.x509.name import Name, fault


def named(*attributes: tuple[str, int, bytes]) -> Name:
    """One attribute per RDN: OID, string type, contents."""
    return Name(asn1.sequence(*(asn1.set_of(asn1.sequence(asn1.oid(oid), asn1.tlv(tag, value))) for oid, tag, value in attributes)))


CN, O, C = "2.5.4.3", "2.5.4.10", "2.5.4.6"  # noqa: E741 - as the attributes are called
UTF8, PRINTABLE, BMP, T61 = 0x0C, 0x13, 0x1E, 0x14


def test_a_name_is_written_most_specific_first() -> None:
    assert str(Name(pki.name_der("CN=client,O=Example,C=JP"))) == "CN=client,O=Example,C=JP"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a,b", "a\\,b"),
        ('a"b', 'a\\"b'),
        ("a+b;c<d>e\\f", "a\\+b\\;c\\<d\\>e\\\\f"),
        ("#a", "\\#a"),
        (" a ", "\\ a\\ "),
        (" ", "\\ "),
        ("a\nb", "a\\0Ab"),
        ("東京", "東京"),
        ("a=b", "a=b"),
    ],
)
def test_what_rfc_4514_reserves_is_escaped(value: str, written: str) -> None:
    assert str(named((CN, UTF8, value.encode()))) == f"CN={written}"


def test_text_that_could_move_a_terminal_is_escaped() -> None:
    assert "\x1b" not in str(named((CN, UTF8, b"\x1b[2Jgone")))


@pytest.mark.parametrize("text", ["CN=a\\,b,O=Example\\+Co,C=JP", "CN=\\#1,OU=x", "CN=東京"])
def test_cryptography_reads_what_is_written(text: str) -> None:
    encoded = pki.name_der(text)
    assert x509.Name.from_rfc4514_string(str(Name(encoded))).public_bytes() == encoded


def test_unknown_attributes_are_written_by_their_oid_and_other_values_in_hex() -> None:
    name = named(("1.2.3.4", UTF8, b"x"), ("2.5.4.45", 0x03, b"\x00\xab"))
    assert str(name) == "2.5.4.45=#030200ab,1.2.3.4=x"


def test_several_attributes_of_one_rdn_are_joined_by_a_plus() -> None:
    pair = asn1.set_of(asn1.sequence(asn1.oid(CN), asn1.tlv(UTF8, b"a")), asn1.sequence(asn1.oid(O), asn1.tlv(UTF8, b"b")))
    assert str(Name(asn1.sequence(pair))) == "CN=a+O=b"


def test_the_common_name_is_the_last_one() -> None:
    assert named((CN, UTF8, b"first"), (CN, UTF8, b"last")).common_name == "last"
    assert named((O, UTF8, b"Example")).common_name is None


def test_an_unreadable_name_is_shown_by_its_bytes() -> None:
    assert str(Name(b"\x30\x03\x02\x01\x01")) == "(unreadable name: 3003020101)"


def test_the_empty_name_is_empty() -> None:
    assert Name(b"\x30\x00").is_empty
    assert str(Name(b"\x30\x00")) == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((CN, UTF8, b"Example CA"), (CN, PRINTABLE, b"Example CA")),
        ((CN, UTF8, b"Example CA"), (CN, UTF8, b"EXAMPLE ca")),
        ((CN, UTF8, b"Example CA"), (CN, UTF8, b"  Example   CA ")),
        ((CN, UTF8, "Straße".encode()), (CN, UTF8, b"STRASSE")),
        ((CN, UTF8, "ＣＡ１".encode()), (CN, UTF8, b"ca1")),  # full-width, as in Japanese names: NFKC
        ((CN, UTF8, "がく".encode()), (CN, UTF8, "か\u3099く".encode())),
        ((CN, UTF8, "東京".encode()), (CN, BMP, "東京".encode("utf-16-be"))),
    ],
)
def test_names_that_differ_in_case_space_and_string_type_only_are_equal(one: tuple[str, int, bytes], other: tuple[str, int, bytes]) -> None:
    assert named(one).normalised == named(other).normalised
    assert named(one) != named(other)  # byte for byte, as CryptoAPI is reported to compare


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (((CN, UTF8, b"a"),), ((O, UTF8, b"a"),)),
        (((CN, UTF8, b"ab"),), ((CN, UTF8, b"a b"),)),
        (((CN, UTF8, b"a"), (O, UTF8, b"b")), ((O, UTF8, b"b"), (CN, UTF8, b"a"))),
        (((CN, UTF8, b"a\x002.5.4.10\x03b"),), ((CN, UTF8, b"a"), (O, UTF8, b"b"))),
        (((CN, UTF8, b"\x1b0"),), ((CN, UTF8, b"\x00"),)),
        (((CN, UTF8, b"\x1b2"),), ((CN, UTF8, b"\x02"),)),
    ],
)
def test_names_that_differ_in_more_are_not_equal(
    one: tuple[tuple[str, int, bytes], ...], other: tuple[tuple[str, int, bytes], ...]
) -> None:
    assert named(*one).normalised != named(*other).normalised


def test_an_unreadable_name_equals_only_itself() -> None:
    broken = Name(b"\x30\x03\x02\x01\x01")
    assert broken.normalised == Name(broken.der).normalised != Name(b"\x30\x03\x02\x01\x02").normalised


@pytest.mark.parametrize(
    ("encoded", "reason", "readable"),
    [
        (asn1.sequence(asn1.sequence()), "where a RelativeDistinguishedName (SET) belongs", False),
        (asn1.sequence(asn1.set_of()), "an empty RelativeDistinguishedName", False),
        (asn1.sequence(asn1.set_of(asn1.null())), "where an AttributeTypeAndValue belongs", False),
        (named((CN, 0x04, b"x")).der, "where a character string belongs", False),
        (named((CN, UTF8, b"\xff")).der, "a character string that is not utf-8", False),
        (asn1.sequence(asn1.tlv(0x31, *(asn1.sequence(asn1.oid(oid), asn1.tlv(UTF8, b"a")) for oid in (O, CN)))), "ascending order", False),
        (asn1.sequence(asn1.set_of(*[asn1.sequence(asn1.oid(CN), asn1.tlv(UTF8, b"a"))] * 2)), "the same attribute twice", True),
        (named((CN, PRINTABLE, b"user@example")).der, "a PrintableString with characters", True),
        (named((CN, 0x03, b"\x00a")).der, "not a character string", True),
    ],
)
def test_a_departure_from_the_standards_is_named(encoded: bytes, reason: str, readable: bool) -> None:
    found = fault(encoded)
    assert found is not None
    assert reason in found[1]
    assert found[2] is readable


def test_a_fault_is_found_again_and_again() -> None:
    encoded = named((CN, PRINTABLE, b"user@example")).der
    assert fault(encoded) == fault(encoded) is not None


def test_names_pickle() -> None:
    name = Name(pki.name_der("CN=client,O=Example"))
    assert pickle.loads(pickle.dumps(name)) == name  # noqa: S301 - made here
