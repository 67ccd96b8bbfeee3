"""The DER reader takes what X.690 sections 10 and 11 allow, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import asn1
from chaincheck.x509 import der


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        ("", "the data ends"),
        ("30", "the data ends"),
        ("3080 0000", "indefinite length"),
        ("308105" + "00" * 5, "shortest form"),
        ("30820005" + "00" * 5, "shortest form"),
        ("30840000010000", "shortest form"),
        ("3085 0000000001 00", "longer than the data"),
        ("3082 01", "longer than the data"),
        ("3003 0000", "an element of 3 bytes where 2 are left"),
        ("1f8101 00", "a tag number above 30"),
        ("bf2100", "a tag number above 30"),
    ],
)
def test_a_header_that_is_not_der_is_refused(encoded: str, reason: str) -> None:
    data = bytes.fromhex(encoded)
    with pytest.raises(der.Malformed, match=reason):
        der.header(data, 0, len(data))


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_lengths_of_every_size_are_read(size: int) -> None:
    data = asn1.octet_string(b"x" * size)
    tag, start, stop = der.header(data, 0, len(data))
    assert (tag, stop - start, stop) == (4, size, len(data))


def test_an_element_may_not_reach_beyond_its_window() -> None:
    data = asn1.sequence(asn1.octet_string(b"abcdef"))
    with pytest.raises(der.Malformed, match="6 bytes where 3 are left"):
        der.header(data, 2, len(data) - 3)


def test_a_fault_says_where_it_is() -> None:
    with pytest.raises(der.Malformed) as caught:
        der.check(asn1.sequence(asn1.integer(1), bytes.fromhex("010102")), 0, 8)
    assert (caught.value.offset, caught.value.what) == (7, "a BOOLEAN that is neither 00 nor FF")


def test_nothing_may_follow_an_element_that_fills_the_data() -> None:
    with pytest.raises(der.Malformed, match="1 bytes after the end"):
        der.whole(asn1.null() + b"\x00", der.NULL, "NULL")


@pytest.mark.parametrize(
    ("contents", "value"), [("00", 0), ("01", 1), ("7f", 127), ("0080", 128), ("80", -128), ("ff", -1), ("ff7f", -129), ("00ff", 255)]
)
def test_integers_are_in_twos_complement(contents: str, value: int) -> None:
    data = bytes.fromhex(contents)
    assert der.integer(data, 0, len(data)) == value


@pytest.mark.parametrize("contents", ["", "0000", "007f", "ff80", "ffff", "000001"])
def test_an_integer_has_the_fewest_octets(contents: str) -> None:
    data = bytes.fromhex(contents)
    with pytest.raises(der.Malformed):
        der.integer(data, 0, len(data))


@pytest.mark.parametrize(("contents", "value"), [("00", False), ("ff", True)])
def test_a_boolean_is_00_or_ff(contents: str, value: bool) -> None:
    assert der.boolean(bytes.fromhex(contents), 0, 1) is value


@pytest.mark.parametrize("contents", ["", "01", "7f", "fe", "ffff", "0000"])
def test_a_boolean_is_nothing_else(contents: str) -> None:
    data = bytes.fromhex(contents)
    with pytest.raises(der.Malformed):
        der.boolean(data, 0, len(data))


@pytest.mark.parametrize(("contents", "unused"), [("00", 0), ("00ff", 0), ("0780", 7), ("0102", 1)])
def test_a_bit_string_counts_its_unused_bits(contents: str, unused: int) -> None:
    data = bytes.fromhex(contents)
    assert der.bit_string(data, 0, len(data)) == (unused, 1)


@pytest.mark.parametrize("contents", ["", "01", "08", "0800", "0101", "07ff"])
def test_unused_bits_are_zero_and_at_most_seven(contents: str) -> None:
    data = bytes.fromhex(contents)
    with pytest.raises(der.Malformed):
        der.bit_string(data, 0, len(data))


@pytest.mark.parametrize(
    "dotted", ["0.0", "0.39", "1.0", "1.39", "2.0", "2.5.29.15", "2.999.3", "1.2.840.113549.1.1.11", "2.4294967215", "1.3.4294967295"]
)
def test_object_identifiers_are_read_in_dotted_form(dotted: str) -> None:
    content = asn1.oid(dotted)[2:]
    assert der.oid(content, 0, len(content)) == dotted


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        ("", "empty"),
        ("80", "cut off"),
        ("2a80", "cut off"),
        ("2a8001", "superfluous"),
        ("2a9080808000", "above 32 bits"),
        ("2a" + "01" * 64, "too long"),
    ],
)
def test_an_object_identifier_is_complete_and_minimal(contents: str, reason: str) -> None:
    data = bytes.fromhex(contents)
    with pytest.raises(der.Malformed, match=reason):
        der.oid(data, 0, len(data))


@pytest.mark.parametrize(
    ("tag", "text", "moment"),
    [
        (der.UTC_TIME, b"491231235959Z", datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (der.UTC_TIME, b"500101000000Z", datetime(1950, 1, 1, tzinfo=UTC)),
        (der.UTC_TIME, b"700101000000Z", datetime(1970, 1, 1, tzinfo=UTC)),
        (der.UTC_TIME, b"000229120000Z", datetime(2000, 2, 29, 12, tzinfo=UTC)),
        (der.GENERALIZED_TIME, b"20500101000000Z", datetime(2050, 1, 1, tzinfo=UTC)),
        (der.GENERALIZED_TIME, b"99991231235959Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (der.GENERALIZED_TIME, b"00010101000000Z", datetime(1, 1, 1, tzinfo=UTC)),
        (der.GENERALIZED_TIME, b"21000228000000Z", datetime(2100, 2, 28, tzinfo=UTC)),
    ],
)
def test_times_are_seconds_since_1970(tag: int, text: bytes, moment: datetime) -> None:
    assert der.time(text, tag, 0, len(text)) == int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (der.UTC_TIME, b"2601010000Z"),
        (der.UTC_TIME, b"260101000000"),
        (der.UTC_TIME, b"260101000000+0000"),
        (der.UTC_TIME, b"20260101000000Z"),
        (der.GENERALIZED_TIME, b"260101000000Z"),
        (der.GENERALIZED_TIME, b"20260101000000.5Z"),
        (der.GENERALIZED_TIME, b"2026010100000\xb2Z"),
        (der.GENERALIZED_TIME, b"20260001000000Z"),
        (der.GENERALIZED_TIME, b"20261301000000Z"),
        (der.GENERALIZED_TIME, b"20260100000000Z"),
        (der.GENERALIZED_TIME, b"20260230000000Z"),
        (der.GENERALIZED_TIME, b"21000229000000Z"),
        (der.GENERALIZED_TIME, b"20260101240000Z"),
        (der.GENERALIZED_TIME, b"20260101006000Z"),
        (der.GENERALIZED_TIME, b"20261231235960Z"),
        (der.GENERALIZED_TIME, b"00000101000000Z"),
        (der.OCTET_STRING, b"20260101000000Z"),
    ],
)
def test_a_time_in_another_form_or_that_does_not_exist_is_refused(tag: int, text: bytes) -> None:
    with pytest.raises(der.Malformed):
        der.time(text, tag, 0, len(text))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (b"19700101000001Z", 1),
        (b"19700101000001.5Z", 1),
        (b"19700101000001.123456Z", 1),
        (b"19700101000001.50Z", None),
        (b"19700101000001.Z", None),
    ]
    + [
        (text, None) for text in (b"19700101000001.xZ", b"19700101000001.5", b"700101000001.5Z", b"19700101000060.5Z", b"19700101000001.0Z")
    ],
)
def test_a_fraction_of_a_second_is_dropped_where_it_may_stand(text: bytes, seconds: int | None) -> None:
    if seconds is None:
        with pytest.raises(der.Malformed):
            der.time_with_fraction(text, 0, len(text))
    else:
        assert der.time_with_fraction(text, 0, len(text)) == seconds


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (bytes.fromhex("050100"), "a NULL with contents"),
        (bytes.fromhex("2403040100"), "a constructed encoding of a primitive type"),
        (bytes.fromhex("1000"), "primitive encoding"),
        (bytes.fromhex("1100"), "primitive encoding"),
        (asn1.tlv(0x0C, b"\xff"), "not utf-8"),
        (asn1.tlv(0x16, b"\x80"), "not ascii"),
        (asn1.tlv(0x1E, b"\x00"), "not utf-16-be"),
        (asn1.tlv(0x1C, b"\x00\x00\xd8\x00"), "not utf-32-be"),
        (asn1.tlv(0xA0, asn1.tlv(0x02)), "an INTEGER without octets"),
        (asn1.tlv(0x0A, b"\x00\x00"), "superfluous"),
    ],
)
def test_a_check_goes_down_to_the_leaves(encoded: bytes, reason: str) -> None:
    wrapped = asn1.sequence(asn1.set_of(asn1.explicit(0, encoded)))
    with pytest.raises(der.Malformed, match=reason):
        der.check(wrapped, 0, len(wrapped))


def test_nesting_is_bounded() -> None:
    data = b""
    for _ in range(200):
        data = asn1.sequence(data)
    with pytest.raises(der.Malformed, match="levels of nesting"):
        der.check(data, 0, len(data))


def test_the_number_of_elements_is_bounded() -> None:
    data = asn1.sequence(*[asn1.null()] * 11)
    start, stop = der.whole(data, der.SEQUENCE, "SEQUENCE")
    with pytest.raises(der.Malformed, match="more than 10 elements"):
        der.children(data, start, stop, 10)


def test_an_algorithm_has_one_parameter_at_most() -> None:
    der.one_parameter(b"", 0, 0)
    der.one_parameter(asn1.null(), 0, 2)
    with pytest.raises(der.Malformed, match="bytes after the parameters"):
        der.one_parameter(asn1.null() * 2, 0, 4)
