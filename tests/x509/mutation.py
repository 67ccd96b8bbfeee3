"""Changes to DER files, blind and knowing: a bit, a byte, a length; or an element of the tree, all lengths around it made right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asn1

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

CONTENTS = (
    b"", b"\x00", b"\x01", b"\x7f", b"\x80", b"\xff", b"\x00\x00", b"\x00\x01", b"\x00\x80", b"\xff\x7f", b"\xff\xff", b"\x80\x01",
    b"\x06\x40", b"\x07\x80", b"\x08\x00", b"260101000000Z", b"20260101000000Z", b"99991231235959Z", b"00000101000000Z", b"2601010000Z",
    b"260101000000+0000", b"20260101000000.5Z", b"500101000000Z", b"20260230000000Z", b"20261231235960Z", b"\x2a\x03", b"\x80\x03",
    b"\x2a\x83\xff\xff\xff\xff\x7f", b"\x55\x1d\x0f", b"a\xffb", b"\xd8\x00", b"\xd8\x3d\xde\x00", b"\x00\x00\xd8\x00", b"\x00\x01\xf6\x00",
    "é".encode(), b"a*b@c", b"*", b" ", b"\x00a", b"\x7f\x00\x00\x01", b"\x01" * 16, b"\x0a\x00\x00\x00\xff\x00\x00\x00",
    b"\x00" * 32, b"\xff" * 32,
)  # fmt: skip
TAGS = (*range(0x20), 0x30, 0x31, 0x28, 0x24, 0x23, *range(0x80, 0x8A), *range(0xA0, 0xAA), 0x1F, 0x5F, 0x60, 0x40, 0xC0)


@dataclass
class Tlv:
    """One element: contents as bytes, or as elements behind a few octets that come first (the unused bits of a BIT STRING)."""

    tag: int
    contents: bytes = b""
    children: list[Tlv] = field(default_factory=list)
    lead: bytes = b""
    nested: bool = False
    header: Callable[[int, int], bytes] | None = None  # writes tag and length of so many octets, where it is to be wrong

    def encode(self) -> bytes:
        body = self.lead + b"".join(child.encode() for child in self.children) if self.nested else self.contents
        return self.header(self.tag, len(body)) + body if self.header is not None else asn1.tlv(self.tag, body)

    def walk(self) -> list[tuple[Tlv | None, Tlv]]:
        """Every element with the one around it."""
        found: list[tuple[Tlv | None, Tlv]] = [(None, self)]
        waiting = [self]
        while waiting:
            parent = waiting.pop()
            for child in parent.children:
                found.append((parent, child))
                waiting.append(child)
        return found


def parse(data: bytes) -> Tlv:
    """The tree of one element that fills ``data``; OCTET STRINGs and BIT STRINGs are looked into too."""
    elements = _elements(data)
    if elements is None or len(elements) != 1:
        raise ValueError("not one element")
    return elements[0]


def _elements(data: bytes) -> list[Tlv] | None:
    found = []
    position = 0
    while position < len(data):
        if position + 2 > len(data) or data[position] & 0x1F == 0x1F:
            return None
        tag, length, start = data[position], data[position + 1], position + 2
        if length > 0x80:
            count = length & 0x7F
            length, start = int.from_bytes(data[start : start + count]), start + count
        elif length == 0x80:
            return None
        stop = start + length
        if stop > len(data):
            return None
        found.append(_element(tag, data[start:stop]))
        position = stop
    return found


def _element(tag: int, contents: bytes) -> Tlv:
    if tag & 0x20:
        inside = _elements(contents)
        return Tlv(tag, contents) if inside is None else Tlv(tag, contents, inside, nested=True)
    lead = contents[:1] if tag == 0x03 else b""
    if tag in (0x03, 0x04) and len(contents) > len(lead) + 2:
        inside = _elements(contents[len(lead) :])
        if inside:
            return Tlv(tag, contents, inside, lead, nested=True)
    return Tlv(tag, contents)


def mutate(data: bytes, donor: bytes, rng: random.Random) -> bytes:
    """One to three changes. ``donor`` is another file whose elements may be taken."""
    if rng.random() < 0.25:
        return _blind(data, rng)
    tree = parse(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        _change(tree, donor, rng)
    return tree.encode()


def _blind(data: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(data)
    at = rng.randrange(len(damaged))
    match rng.randrange(6):
        case 0 | 1:
            damaged[at] ^= 1 << rng.randrange(8)
        case 2:
            damaged[at] = rng.randrange(256)
        case 3:
            del damaged[at : at + rng.choice((1, 1, 2, 8))]
        case 4:
            damaged[at:at] = rng.randbytes(rng.choice((1, 1, 2, 8)))
        case _:
            del damaged[at:]
    return bytes(damaged)


def _change(tree: Tlv, donor: bytes, rng: random.Random) -> None:  # noqa: C901 - a list of kinds of change
    parent, node = rng.choice(tree.walk())
    match rng.randrange(14):
        case 0:
            node.tag = rng.choice(TAGS)
        case 1:
            node.contents, node.nested, node.children = rng.choice(CONTENTS), False, []
        case 2:
            node.header = _wrong_headers[rng.randrange(len(_wrong_headers))]
        case 3 if parent is not None:
            parent.children.remove(node)
        case 4 if parent is not None:
            parent.children.insert(parent.children.index(node), node)
        case 5 if parent is not None:
            rng.shuffle(parent.children)
        case 6 if parent is not None:
            parent.children.insert(rng.randrange(len(parent.children) + 1), rng.choice(parse(donor).walk())[1])
        case 7 if parent is not None:
            new = Tlv(rng.choice(TAGS), rng.choice(CONTENTS))
            parent.children.insert(rng.randrange(len(parent.children) + 1), new)
        case 8 if not node.nested:
            node.contents = b"\x00" + node.contents
        case 9 if not node.nested and node.contents:
            contents = bytearray(node.contents)
            contents[rng.randrange(len(contents))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            node.contents = bytes(contents)
        case 10 if not node.nested:
            node.contents = node.contents[: rng.randrange(len(node.contents) + 1)] + rng.choice((b"", b"", b"\x00", b"\xff"))
        case 11:
            other = rng.choice(parse(donor).walk())[1]
            node.tag, node.contents, node.children, node.lead, node.nested = (
                other.tag,
                other.contents,
                other.children,
                other.lead,
                other.nested,
            )
        case 12:  # the same kind of element from the donor
            same = [other for _, other in parse(donor).walk() if other.tag == node.tag]
            if same:
                other = rng.choice(same)
                node.contents, node.children, node.lead, node.nested = other.contents, other.children, other.lead, other.nested
        case 13:
            inner = Tlv(node.tag, node.contents, node.children, node.lead, node.nested, node.header)
            node.tag, node.children, node.lead, node.nested = rng.choice((0x30, 0x31, 0x04, 0xA0, 0xA1)), [inner], b"", True
        case _:
            node.lead = rng.choice((b"\x00", b"\x01", b"\x07", b"\x08", b""))


def _long_form(tag: int, length: int) -> bytes:
    return bytes([tag, 0x81, length]) if length < 0x100 else bytes([tag, 0x83]) + length.to_bytes(3)


def _four_octets(tag: int, length: int) -> bytes:
    return bytes([tag, 0x84]) + length.to_bytes(4)


def _indefinite(tag: int, length: int) -> bytes:
    return bytes([tag, 0x80])


def _one_more(tag: int, length: int) -> bytes:
    return asn1.tlv(tag, b"\x00" * (length + 1))[: -(length + 1)]


def _one_less(tag: int, length: int) -> bytes:
    return asn1.tlv(tag, b"\x00" * max(length - 1, 0))[: -(length - 1) or None] if length > 1 else bytes([tag, 0])


def _high_tag(tag: int, length: int) -> bytes:
    return bytes([tag | 0x1F, tag & 0x1F]) + asn1.tlv(0, b"\x00" * length)[1 : -length or None]


_wrong_headers = (_long_form, _four_octets, _indefinite, _one_more, _one_less, _high_tag)
