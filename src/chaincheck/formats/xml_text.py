"""XML of strangers, read with the standard library's expat and bounded in every direction.

A document type (DTD) is refused before anything of it is looked at: there are then no entities that multiply or that name files and
addresses (XML 1.0 4.2). What Windows writes has none.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn
from xml.parsers import expat

from chaincheck.errors import InputError
from chaincheck.formats import text as texts

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES: Final = 32 << 20  # of one source, in UTF-8
MOST_ELEMENTS: Final = 500_000
DEEPEST: Final = 64  # elements in elements; an event of Windows nests 12 deep
_BLOCK: Final = 1 << 20  # bytes given to expat at once
_FRAMED: Final = "fragments"  # stands around documents that have no root in common
_EXPECTED: Final = "XML"
_DECLARATION: Final = re.compile(r"<\?xml[ \t\r\n][^<>?]{0,200}\?>")  # XML 1.0 2.8
_DECLARED: Final = re.compile(rb"""\A[ \t\r\n]*<\?xml[ \t\r\n][^<>?]{0,160}?encoding[ \t]*=[ \t]*["']([A-Za-z0-9._-]{1,40})["']""")
_DOCTYPE: Final = (b"<!DOCTYPE", b"<!ENTITY", b"<!ELEMENT", b"<!ATTLIST", b"<!NOTATION")
# By the names that codecs.lookup gives them. Others (punycode, unicode_escape) are no encodings of documents.
_ENCODINGS: Final = frozenset(
    {
        "cp932", "shift_jis", "euc_jp", "iso2022_jp", "gbk", "gb2312", "gb18030", "big5", "euc_kr", "cp949", "cp950",
        *(f"cp125{number}" for number in range(9)), *(f"iso8859-{number}" for number in range(1, 17)),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """An element: ``tag`` without its prefix, attributes as written (without xmlns), and its own text without white space at the ends."""

    tag: str
    attributes: dict[str, str]
    text: str
    children: tuple[Element, ...]

    def find(self, tag: str) -> Element | None:
        """The first child of that tag, in the case it is written in."""
        return next((child for child in self.children if child.tag == tag), None)

    def iter(self, tag: str | None = None) -> Iterator[Element]:
        """This element and all below it, or those of that tag; depth first."""
        if tag is None or self.tag == tag:
            yield self
        for child in self.children:
            yield from child.iter(tag)


def parse(data: bytes | str, where: str) -> Element:
    """The root element of one document. Raises ``InputError``."""
    found = _parsed(data, where, framed=False)
    return found[0]


def parse_fragments(data: bytes | str, where: str) -> tuple[Element, ...]:
    """The elements of documents one after another, at least one, as ``wevtutil qe`` prints events; text between them is dropped."""
    found = _parsed(data, where, framed=True)
    if not found:
        raise InputError("xml", found="no element", expected=_EXPECTED, where=where)
    return found


def _parsed(data: bytes | str, where: str, *, framed: bool) -> tuple[Element, ...]:
    if len(data) > MOST_BYTES:
        raise _too_large(where)
    # expat takes one declaration, at the very beginning; the encoding it names is behind us
    text = _DECLARATION.sub("", data if isinstance(data, str) else _decoded(data, where)).strip("\ufeff \t\r\n\x1a")
    encoded = (f"<{_FRAMED}>{text}</{_FRAMED}>" if framed else text).encode("utf-8", "replace")
    if len(encoded) > MOST_BYTES:
        raise _too_large(where)
    builder = _Builder(where)
    parser = _parser(builder)
    try:
        for place in range(0, len(encoded), _BLOCK):
            parser.Parse(encoded[place : place + _BLOCK], False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        around = encoded[max(0, parser.ErrorByteIndex - 2) : parser.ErrorByteIndex + 10]  # behind "<!" expat stops
        if any(mark in around for mark in _DOCTYPE):
            builder.refuse_document_type()
        raise InputError("xml", found=f"text that is not well-formed ({error})", expected=_EXPECTED, where=where) from None
    return builder.root.children if framed else (builder.root,)


def _parser(builder: _Builder) -> expat.XMLParserType:
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.ExternalEntityRefHandler = builder.refuse_document_type
    return parser


class _Builder:
    """Elements under way: of each its tag, attributes, pieces of text and children."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.count = 0
        self.open: list[tuple[str, dict[str, str], list[str], list[Element]]] = []
        self.root = Element(tag="", attributes={}, text="", children=())

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > MOST_ELEMENTS:
            raise InputError("too-many", found=f"more than {MOST_ELEMENTS:,} elements", expected=_EXPECTED, where=self.where)
        if len(self.open) >= DEEPEST:
            raise InputError("too-deep", found=f"elements in elements, more than {DEEPEST} deep", expected=_EXPECTED, where=self.where)
        kept = {key: value for key, value in attributes.items() if key != "xmlns" and not key.startswith("xmlns:")}
        self.open.append((name.rpartition(":")[2], kept, [], []))

    def end(self, _name: str) -> None:
        tag, attributes, pieces, children = self.open.pop()
        element = Element(tag=tag, attributes=attributes, text="".join(pieces).strip(), children=tuple(children))
        if self.open:
            self.open[-1][3].append(element)
        else:
            self.root = element

    def characters(self, text: str) -> None:
        self.open[-1][2].append(text)

    def refuse_document_type(self, *_declared: object) -> NoReturn:
        raise InputError("xml-dtd", found="a document type (DTD)", expected="XML without a DTD and without entities", where=self.where)


def _decoded(data: bytes, where: str) -> str:
    """Byte order marks and UTF-16 go before what is declared: a file saved anew keeps its old declaration."""
    marked = data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    declared = None if marked else _DECLARED.match(data)
    if declared is None:
        return texts.decode(data)[0]
    name = declared[1].decode("ascii")
    try:
        codec = codecs.lookup("cp932" if name.lower() == "windows-31j" else name).name
    except LookupError:
        codec = ""
    if codec.startswith("utf-16") or codec in ("utf-8", "ascii"):  # often untrue: a console writes its own code page
        return texts.decode(data)[0]
    if codec not in _ENCODINGS:
        raise InputError("xml-encoding", found=f"the encoding {name}", expected="UTF-8, UTF-16 or a usual encoding", where=where)
    return data.decode(codec, "replace")


def _too_large(where: str) -> InputError:
    return InputError("too-large", found=f"more than {MOST_BYTES:,} bytes", expected=_EXPECTED, where=where)
