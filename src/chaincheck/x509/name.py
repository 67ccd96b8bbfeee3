"""Distinguished names: RFC 5280 4.1.2.4, compared by section 7.1, written by RFC 4514."""

from __future__ import annotations

from typing import NamedTuple

from chaincheck.x509 import der

_SHORT = {
    "2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
    "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.42": "GN",
    "2.5.4.97": "organizationIdentifier", "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
    "1.2.840.113549.1.9.1": "emailAddress",
}  # fmt: skip

COMMON_NAME = "2.5.4.3"
EMAIL_ADDRESS = "1.2.840.113549.1.9.1"
UNIQUE_IDENTIFIER = "2.5.4.45"  # x500UniqueIdentifier, a BIT STRING (RFC 4519 2.43)
# What is normalised at most. X.520 bounds a common name to 64 characters; UAX #15 section 13 (Stream-Safe Text Format) allows 30 marks in a
# row, above which normalising costs the square of their number. What is longer equals only itself.
_LONGEST_NAME = 65_536  # bytes
_LONGEST_VALUE = 4096  # characters
_LONGEST_RUN = 30  # characters that combine with the one before
_PRINTABLE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?"  # X.680 41.4


class Attribute(NamedTuple):
    """One type and value of a relative distinguished name; ``value`` is None where it is not a character string."""

    oid: str
    tag: int
    value: str | None
    raw: bytes


class Name:
    """A distinguished name by its DER. Equality is that of the bytes; ``normalised`` is the key for RFC 5280 7.1."""

    __slots__ = ("_normalised", "_rdns", "der")

    def __init__(self, encoded: bytes) -> None:
        self.der = encoded
        self._rdns: tuple[tuple[Attribute, ...], ...] | None = None
        self._normalised: bytes | None = None

    @property
    def rdns(self) -> tuple[tuple[Attribute, ...], ...]:
        """The relative distinguished names in the order of the encoding; what cannot be read is left out."""
        if self._rdns is None:
            try:
                self._rdns = read(self.der)
            except der.Malformed:
                self._rdns = ()
        return self._rdns

    @property
    def common_name(self) -> str | None:
        """The last commonName, the most specific one."""
        return next((a.value for rdn in reversed(self.rdns) for a in rdn if a.oid == COMMON_NAME), None)

    @property
    def emails(self) -> tuple[str, ...]:
        """The e-mail addresses inside the name (RFC 5280 4.2.1.10 applies rfc822Name constraints to them)."""
        return tuple(a.value for rdn in self.rdns for a in rdn if a.oid == EMAIL_ADDRESS and a.value)

    @property
    def is_empty(self) -> bool:
        """True for the empty sequence."""
        return self.der in (b"0\x00", b"")

    @property
    def normalised(self) -> bytes:
        """A key that is equal for names that RFC 5280 7.1 calls equal: case and inner space folded in string values."""
        if self._normalised is None:
            self._normalised = _normalise(self)
        return self._normalised

    def below(self, relative: bytes) -> Name:
        """This name with one more relative distinguished name, given by the contents of its SET (RFC 5280 4.2.1.13)."""
        start, stop = der.whole(self.der, der.SEQUENCE, "Name")
        return Name(der.element(der.SEQUENCE, self.der[start:stop], der.element(der.SET, relative)))

    def __str__(self) -> str:
        """RFC 4514 section 2, most specific first."""
        rdns = self.rdns
        if not rdns and not self.is_empty:
            return f"(unreadable name: {self.der[:24].hex()}{'...' if len(self.der) > 24 else ''})"
        return ",".join("+".join(_write(a) for a in rdn) for rdn in reversed(rdns))

    def __repr__(self) -> str:
        return f"Name({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Name) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __reduce__(self) -> tuple[object, ...]:
        return Name, (self.der,)


def read(encoded: bytes) -> tuple[tuple[Attribute, ...], ...]:
    """Read a Name strictly; raises ``der.Malformed``."""
    start, stop = der.whole(encoded, der.SEQUENCE, "Name")
    return tuple(_relative(encoded, *child) for child in der.children(encoded, start, stop, 1000))


def _relative(encoded: bytes, tag: int, pos: int, inner: int, after: int) -> tuple[Attribute, ...]:
    if tag != der.SET:
        raise der.Malformed(pos, f"tag 0x{tag:02x} where a RelativeDistinguishedName (SET) belongs")
    return read_relative(encoded, inner, after)


def read_relative(encoded: bytes, start: int, stop: int) -> tuple[Attribute, ...]:
    """Read the contents of one RelativeDistinguishedName strictly; raises ``der.Malformed``."""
    attributes = []
    previous = b""
    for kind, at, body, end in der.children(encoded, start, stop, 1000):
        if kind != der.SEQUENCE:
            raise der.Malformed(at, f"tag 0x{kind:02x} where an AttributeTypeAndValue belongs")
        current = encoded[at:end]
        if current < previous:  # X.690 11.6: the elements of a SET OF are in ascending order
            raise der.Malformed(at, "a SET OF that is not in ascending order")
        previous = current
        attributes.append(_attribute(encoded, body, end))
    if not attributes:
        raise der.Malformed(start, "an empty RelativeDistinguishedName")
    return tuple(attributes)


def irregularity(attributes: tuple[Attribute, ...]) -> str | None:
    """A departure from X.520 and X.680 that leaves a relative name readable, or None."""
    for attribute in attributes:
        if attribute.value is None:
            if attribute.oid != UNIQUE_IDENTIFIER or attribute.tag != der.BIT_STRING:
                return "an attribute value that is not a character string"
        elif attribute.tag == der.PRINTABLE_STRING and attribute.raw[len(attribute.raw) - len(attribute.value) :].translate(
            None, _PRINTABLE
        ):
            return "a PrintableString with characters that it does not have"
    if len(attributes) > 1 and len({(attribute.oid, attribute.value) for attribute in attributes}) < len(attributes):
        return "the same attribute twice in one RelativeDistinguishedName"
    return None


def fault(encoded: bytes) -> tuple[int, str, bool] | None:
    """What is wrong with a Name: where, what, and whether it is readable all the same; None where nothing is.

    Relative names repeat (country, organisation), so those found good are kept.
    """
    remark: tuple[int, str, bool] | None = None
    try:
        start, stop = der.whole(encoded, der.SEQUENCE, "Name")
        while start < stop:
            tag, inner, after = der.header(encoded, start, stop)
            relative = encoded[start:after]
            if relative not in _GOOD:
                reason = irregularity(_relative(encoded, tag, start, inner, after))
                if reason is not None:
                    remark = remark or (start, reason, True)
                elif len(relative) <= 128:
                    if len(_GOOD) >= 8192:  # at most 128 bytes each
                        _GOOD.clear()
                    _GOOD[relative] = None
            start = after
    except der.Malformed as found:
        return found.offset, found.what, False
    return remark


_GOOD: dict[bytes, None] = {}


def _attribute(encoded: bytes, start: int, stop: int) -> Attribute:
    oid_start, oid_stop = der.expect(encoded, start, stop, der.OID, "an attribute type")
    kind = _oid(encoded[oid_start:oid_stop])
    tag, inner, after = der.header(encoded, oid_stop, stop)
    if after != stop:
        raise der.Malformed(after, "bytes after an attribute value")
    raw = encoded[oid_stop:stop]
    if tag in (der.BIT_STRING,) or tag & 0x20 or tag >= 0x40:
        der.check(encoded, oid_stop, stop)
        return Attribute(kind, tag, None, raw)
    return Attribute(kind, tag, der.string(encoded, tag, inner, after), raw)


_OIDS: dict[bytes, str] = {}


def _oid(content: bytes) -> str:
    known = _OIDS.get(content)
    if known is None:
        known = der.oid(content, 0, len(content))
        if len(_OIDS) < 4096:  # at most 64 bytes each
            _OIDS[content] = known
    return known


def _write(attribute: Attribute) -> str:
    kind = _SHORT.get(attribute.oid, attribute.oid)
    if attribute.value is None:
        return f"{kind}=#{attribute.raw.hex()}"
    text = attribute.value
    escaped = "".join("\\" + c if c in '",+;<>\\' else f"\\{ord(c):02X}" if c < " " else c for c in text)
    if escaped[:1] in ("#", " "):
        escaped = "\\" + escaped
    if escaped[-1:] == " " and len(text) > 1:
        escaped = escaped[:-1] + "\\ "
    return f"{kind}={escaped}"


def _normalise(name: Name) -> bytes:
    if len(name.der) > _LONGEST_NAME:
        return b"raw:" + name.der
    try:
        rdns = read(name.der)
    except der.Malformed:
        return b"raw:" + name.der  # an unreadable name equals only itself
    return b"\x00".join(b"\x01".join(sorted(_normalise_attribute(a) for a in rdn)) for rdn in rdns)


def _normalise_attribute(attribute: Attribute) -> bytes:
    if attribute.value is None:
        return attribute.oid.encode() + b"\x02" + attribute.raw
    # RFC 4518 section 2: map (case, space), normalise NFKC, collapse inner spaces; prohibited characters stay as they are.
    text = attribute.value
    if not text.isascii():
        import unicodedata

        if len(text) > _LONGEST_VALUE or _marks_in_a_row(text) > _LONGEST_RUN:
            return attribute.oid.encode() + b"\x04" + attribute.raw
        text = unicodedata.normalize("NFKC", text.casefold()).casefold()
        text = "".join(" " if unicodedata.category(c) == "Zs" else c for c in text if unicodedata.category(c) != "Cf")
    text = " ".join(text.lower().split())
    # \x00 to \x02 separate the parts above: a value that holds them must not forge a separator, nor one that holds the escape be another's
    octets = text.encode("utf-8", "surrogatepass").replace(b"\x1b", b"\x1b3")
    octets = octets.replace(b"\x00", b"\x1b0").replace(b"\x01", b"\x1b1").replace(b"\x02", b"\x1b2")
    return attribute.oid.encode() + b"\x03" + octets


def _marks_in_a_row(text: str) -> int:
    """The longest run of characters that combine with the one before, or that decompose into such."""
    import unicodedata

    longest = run = 0
    for character in text:
        if character < "\u0300":
            run = 0
            continue
        parts = unicodedata.decomposition(character).split()
        first = chr(int(parts[1] if parts[0].startswith("<") else parts[0], 16)) if parts else character
        run = run + 1 if unicodedata.combining(first) or unicodedata.combining(character) else 0
        longest = max(longest, run)
    return longest
