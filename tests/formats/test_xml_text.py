"""XML of strangers: read in every usual encoding, bounded, and without a DTD."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincheck import InputError
from chaincheck.formats import xml_text
from chaincheck.formats.xml_text import parse, parse_fragments

BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY l0 "lol">'
    + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    + "]><lolz>&l9;</lolz>"
)


def refused(data: bytes | str) -> str:
    with pytest.raises(InputError) as error:
        parse(data, "sample.xml")
    with pytest.raises(InputError) as framed:
        parse_fragments(data, "sample.xml")
    assert error.value.code == framed.value.code
    assert error.value.where == "sample.xml"
    return error.value.code


def test_an_element_has_its_tag_attributes_text_and_children() -> None:
    root = parse('<w:Event xmlns:w="urn:x"><System Name="S"> one <b/> two </System><System/></w:Event>', "x")
    assert (root.tag, root.attributes, root.text) == ("Event", {}, "")
    first = root.find("System")
    assert first is not None
    assert (first.attributes, first.text) == ({"Name": "S"}, "one  two")
    assert root.find("system") is None
    assert [element.tag for element in root.iter()] == ["Event", "System", "b", "System"]
    assert len(list(root.iter("System"))) == 2


def test_documents_one_after_another_are_read_with_their_declarations_and_what_is_between_them() -> None:
    found = parse_fragments('<?xml version="1.0"?>\r\n<a>1</a>\r\nEvent Xml:\n<?xml version="1.0" encoding="utf-16"?><b/><a>2</a>\x1a', "x")
    assert [(element.tag, element.text) for element in found] == [("a", "1"), ("b", ""), ("a", "2")]


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("utf-8", "utf-8"), ("utf-8", "utf-8-sig"), ("utf-16", "utf-16"), ("UTF-16", "utf-16-le"), ("utf-16", "utf-16-be"),
        ("Shift_JIS", "cp932"), ("windows-31j", "cp932"), ("EUC-JP", "euc-jp"), ("utf-16", "utf-8"), ("utf-8", "utf-16"),
        ("utf-8", "cp932"),
    ],
)  # fmt: skip
def test_every_usual_encoding_is_read_also_where_the_declaration_is_wrong(declared: str, codec: str) -> None:
    text = f'<?xml version="1.0" encoding="{declared}"?><a b="失効">' + "証明書" * 3 + "</a>" + " " * 300
    root = parse(text.encode(codec), "x")
    assert (root.attributes["b"], root.text) == ("失効", "証明書" * 3)


def test_text_in_the_code_page_of_a_japanese_console_is_read_without_a_declaration() -> None:
    assert parse("<a>失効しています</a>".encode("cp932"), "x").text == "失効しています"


@pytest.mark.parametrize("name", ["punycode", "unicode_escape", "utf-7", "no-such-encoding", "rot13"])
def test_encodings_that_no_document_has_are_refused(name: str) -> None:
    assert refused(f'<?xml version="1.0" encoding="{name}"?><a/>'.encode()) == "xml-encoding"


@pytest.mark.parametrize(
    "text",
    [
        BILLION_LAUGHS,
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        '<!DOCTYPE a PUBLIC "x" "http://127.0.0.1:9/x.dtd"><a/>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/"> %p;]><a/>',
        "<!DOCTYPE a><a/>",
    ],
)
def test_a_document_type_is_refused_before_anything_in_it_is_looked_at(text: str) -> None:
    assert refused(text) == "xml-dtd"
    assert refused(text.encode("utf-16")) == "xml-dtd"


def test_a_document_type_in_the_midst_of_fragments_is_refused_too() -> None:
    with pytest.raises(InputError) as error:
        parse_fragments("<a/>" + BILLION_LAUGHS, "x")
    assert error.value.code == "xml-dtd"


def test_what_only_looks_like_a_document_type_is_text() -> None:
    assert parse("<a><![CDATA[<!DOCTYPE html>]]><!-- <!ENTITY x 'y'> --></a>", "x").text == "<!DOCTYPE html>"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "<a>",
        "<a></b>",
        "<a b='1' b='2'/>",
        "<a>&undeclared;</a>",
        "<a>\0</a>",
        "<a",
        "<a></fragments>",
        "</fragments>",
        "\ud800",
    ],
)
def test_what_is_no_xml_is_an_input_error(text: str) -> None:
    assert refused(text) == "xml"


def test_one_document_has_one_root() -> None:
    with pytest.raises(InputError):
        parse("<a/><b/>", "x")
    with pytest.raises(InputError):
        parse_fragments("</fragments><fragments>", "x")


def test_depth_is_bounded() -> None:
    assert parse("<a>" * 64 + "</a>" * 64, "x").tag == "a"
    assert refused("<a>" * 66 + "</a>" * 66) == "too-deep"
    assert refused("<a>" * 1_000_000) == "too-deep"


def test_the_number_of_elements_is_bounded() -> None:
    with pytest.raises(InputError) as error:
        parse_fragments(b"<a/>" * 5_000_000, "x")
    assert error.value.code == "too-many"


def test_ten_million_elements_are_refused_by_their_size() -> None:
    assert refused(b"<a>" + b"<b/>" * 10_000_000 + b"</a>") == "too-large"
    assert refused("<a>" + "失" * (xml_text.MOST_BYTES // 3) + "</a>") == "too-large"


@given(
    st.lists(
        st.sampled_from(["<a>", "</a>", "<b c='1'/>", "<?xml version='1.0'?>", "<!DOCTYPE", "&lt;", "<!--", "]]>", "\ufeff", "é", "<"])
    )
)
def test_whatever_the_text_is_nothing_else_than_an_input_error_is_raised(parts: list[str]) -> None:
    for data in ("".join(parts), "".join(parts).encode(), "".join(parts).encode("utf-16")):
        try:
            found = parse_fragments(data, "x")
        except InputError:
            continue
        assert found
