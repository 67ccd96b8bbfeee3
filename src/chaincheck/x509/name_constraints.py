"""The value of the name constraints extension (RFC 5280 4.2.1.10), read strictly, and which of its subtrees a name is within."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from chaincheck.x509 import der
from chaincheck.x509.extensions import general_name
from chaincheck.x509.name import Name
from chaincheck.x509.name import fault as name_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_SUBTREES = 100_000  # subtrees in one list: the elements of one SEQUENCE OF that the reader takes; path/ bounds the comparisons
HOST = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}", re.IGNORECASE)  # letters, digits, hyphen, and the underscore of practice
USER_PRINCIPAL_NAME = "1.3.6.1.4.1.311.20.2.3"
SMTP_UTF8_MAILBOX = "1.3.6.1.5.5.7.8.9"  # RFC 9598
UPN_FORM = "userPrincipalName"
_LIMITED = frozenset({"dNSName", "rfc822Name", "uniformResourceIdentifier"})
_SHOULD_NOT = frozenset({"x400Address", "ediPartyName", "registeredID"})


class Subtree(NamedTuple):
    """GeneralSubtree: ``kind`` and ``base`` as in a ``GeneralName``; the base of an iPAddress is address and mask, 8 or 32 octets."""

    kind: str
    base: str | bytes | Name
    minimum: int
    maximum: int | None

    @property
    def is_plain(self) -> bool:
        """RFC 5280 4.2.1.10: minimum MUST be zero and maximum absent. Where they are not, nobody defines what they mean here."""
        return self.minimum == 0 and self.maximum is None


class NameConstraints(NamedTuple):
    """RFC 5280 4.2.1.10; a list that is absent is an empty tuple (one that is present has at least one subtree)."""

    permitted: tuple[Subtree, ...]
    excluded: tuple[Subtree, ...]


def read(value: bytes) -> NameConstraints:
    """Read a NameConstraints strictly; raises ``der.Malformed``."""
    start, stop = der.whole(value, der.SEQUENCE, "NameConstraints")
    lists: dict[int, tuple[Subtree, ...]] = {}
    last = -1
    for tag, pos, inner, after in der.children(value, start, stop, 2):
        number = tag & 0x1F
        if tag not in (0xA0, 0xA1) or number <= last:
            raise der.Malformed(pos, f"tag 0x{tag:02x} in NameConstraints")
        last = number
        lists[number] = _subtrees(value, inner, after)
    if not lists:
        raise der.Malformed(start, "an empty NameConstraints")  # RFC 5280 4.2.1.10: MUST NOT be an empty sequence
    return NameConstraints(lists.get(0, ()), lists.get(1, ()))


def _subtrees(value: bytes, start: int, stop: int) -> tuple[Subtree, ...]:
    """GeneralSubtrees ::= SEQUENCE SIZE (1..MAX) OF GeneralSubtree."""
    found = []
    for tag, pos, inner, after in der.children(value, start, stop, MAX_SUBTREES):
        if tag != der.SEQUENCE:
            raise der.Malformed(pos, f"tag 0x{tag:02x} where a GeneralSubtree belongs")
        found.append(_subtree(value, inner, after))
    if not found:
        raise der.Malformed(start, "an empty list of subtrees")
    return tuple(found)


def _subtree(value: bytes, start: int, stop: int) -> Subtree:
    """GeneralSubtree ::= SEQUENCE { base GeneralName, minimum [0] BaseDistance DEFAULT 0, maximum [1] BaseDistance OPTIONAL }."""
    tag, inner, pos = der.header(value, start, stop)
    kind, base = general_name(value, tag, start, inner, pos)
    if isinstance(base, bytes) and kind == "iPAddress":
        _range(base, inner)
    minimum, maximum = 0, None
    for number, at, inner, after in der.children(value, pos, stop, 2):
        if number not in (0x80, 0x81) or maximum is not None or (number == 0x80 and minimum):
            raise der.Malformed(at, f"tag 0x{number:02x} in a GeneralSubtree")
        distance = der.integer(value, inner, after)
        if distance < 0 or distance >> 63:
            raise der.Malformed(at, "a BaseDistance out of range")
        if number == 0x81:
            maximum = distance
        elif distance == 0:
            raise der.Malformed(at, "a DEFAULT value that is encoded (minimum 0)")  # X.690 11.5
        else:
            minimum = distance
    return Subtree(kind, base, minimum, maximum)


def _range(base: bytes, pos: int) -> None:
    """RFC 5280 4.2.1.10: address and mask, encoded in the style of RFC 4632 (CIDR): the mask is ones, then zeros."""
    if len(base) not in (8, 32):
        raise der.Malformed(pos, f"an iPAddress of {len(base)} octets where an address and its mask (8 or 32) belong")
    half = len(base) // 2
    inverse = ~int.from_bytes(base[half:], "big") & ((1 << 8 * half) - 1)
    if inverse & (inverse + 1):
        raise der.Malformed(pos + half, "an address mask that is not ones followed by zeros")


def irregularity(constraints: NameConstraints) -> str | None:
    """The first departure from the profile of RFC 5280 4.2.1.10 that leaves the value readable, or None."""
    return next((found for found in map(_irregular, (*constraints.permitted, *constraints.excluded)) if found is not None), None)


def _irregular(subtree: Subtree) -> str | None:
    kind, base = subtree.kind, subtree.base
    if not subtree.is_plain:
        return "a subtree with minimum or maximum"
    if kind in _SHOULD_NOT:
        return f"a constraint on the name form {kind}"
    if isinstance(base, Name):
        fault = name_fault(base.der)
        return None if fault is None else fault[1]
    if isinstance(base, bytes) and kind == "iPAddress":
        half = len(base) // 2
        outside = int.from_bytes(base[:half], "big") & ~int.from_bytes(base[half:], "big")
        return "an address with bits outside its mask" if outside else None
    return _irregular_host(kind, base) if isinstance(base, str) and kind in _LIMITED else None


def _irregular_host(kind: str, base: str) -> str | None:
    """RFC 5280 4.2.1.10: a host name; with a leading period for e-mail and URI only; a mailbox for e-mail only."""
    local, at, host = base.rpartition("@") if kind == "rfc822Name" else ("", "", base)
    if at and (not local or ("@" in local and not (local[0] == local[-1] == '"'))):
        return "an rfc822Name constraint that is neither a mailbox, a host nor a domain"
    if kind == "dNSName" and host.startswith("."):
        return "a dNSName constraint with a leading period"
    if host and not HOST.fullmatch(host.removeprefix("." if not at else "").removesuffix(".")):
        return f"a {kind} constraint that is not a host name"
    return None  # an empty one says "all names of this form", and does no harm


# What a name is looked up by, form by form


def other_name(encoded: bytes) -> tuple[str, str | bytes]:
    """An otherName's form and value. RFC 5280 4.2.1.10 constrains name forms, and each type of otherName is one of its own."""
    start, stop = der.expect(encoded, 0, len(encoded), der.OID, "the type of an otherName")
    oid = der.oid(encoded, start, stop)
    form = {USER_PRINCIPAL_NAME: UPN_FORM, SMTP_UTF8_MAILBOX: "rfc822Name"}.get(oid)  # RFC 9598 6: rfc822Name constraints apply to it
    if form is None:
        return f"otherName {oid}", encoded
    pos, _ = der.expect(encoded, stop, len(encoded), 0xA0, "the value of an otherName")
    tag, start, stop = der.header(encoded, pos, len(encoded))
    try:
        return form, der.string(encoded, tag, start, stop)
    except der.Malformed:
        return form, encoded


def _host(value: str) -> str | None:
    """A host name in lower case without the root's period, or None. A-labels are compared as they are (RFC 5280 7.2)."""
    host = value.lower().removesuffix(".")
    return host if len(host) <= 253 and _PLAUSIBLE.fullmatch(host) else None


# Labels that are neither empty nor too long; refused characters: control, space, non-ASCII.
_PLAUSIBLE = re.compile(r"(?:[!-\-/-~]{1,63}\.)*[!-\-/-~]{1,63}")


def _dns(value: object) -> str | None:
    return _host(value) if isinstance(value, str) else None


def _mailbox(value: object) -> tuple[str, str] | None:
    """RFC 5280 7.5: the local part as it is (without the quotes of a quoted string), the host without case."""
    local, _, domain = value.rpartition("@") if isinstance(value, str) else ("", "", "")
    host = _host(domain)
    if len(local) >= 2 and local[0] == local[-1] == '"':
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    elif any(character <= " " or character in '@"\x7f' for character in local):
        return None
    return (f"{local}@{host}", host) if local and host is not None else None


def _principal(value: object) -> tuple[str, str] | None:
    return _mailbox(value.lower()) if isinstance(value, str) else None


_AUTHORITY = re.compile(r"[a-z][a-z0-9+.-]*://([^/?#]*)", re.IGNORECASE | re.ASCII)  # RFC 3986 3.1, 3.2


def _uri(value: object) -> tuple[str] | None:
    """The host of a URI, None where it has none or an IP address: RFC 5280 4.2.1.10 has such a URI refused."""
    found = _AUTHORITY.match(value) if isinstance(value, str) else None
    host = _host(re.sub(r":[0-9]*\Z", "", found.group(1).rpartition("@")[2])) if found else None
    if host is None or not HOST.fullmatch(host) or re.fullmatch(r"[0-9]+|0x[0-9a-f]*", host.rpartition(".")[2]):
        return None
    return (host,)


def _address(value: object) -> tuple[int, int] | None:
    return (len(value), int.from_bytes(value, "big")) if isinstance(value, bytes) and len(value) in (4, 16) else None


KEYS: dict[str, Callable[[object], object]] = {
    "directoryName": lambda value: value,
    "dNSName": _dns,
    "rfc822Name": _mailbox,
    "uniformResourceIdentifier": _uri,
    "iPAddress": _address,
    UPN_FORM: _principal,
}


# Which subtree a name is within, without holding it against each


class Counter(Protocol):
    """Counts look-ups; False once there were too many."""

    def spend(self, comparisons: int) -> bool:
        """Count, and say whether to go on."""


class Index:
    """Finds the subtree that a name is within. On its own: of a form that is not supported."""

    def __init__(self, form: str) -> None:
        self.form = form
        self.everything: Subtree | None = None
        self.unsupported = False  # a form or a field that cannot be processed
        self.doubtful = False  # a base that is no name of its form

    def add(self, subtree: Subtree) -> None:
        """Take one subtree in."""
        if not subtree.is_plain or not self.take(subtree):
            self.unsupported = True

    def take(self, subtree: Subtree) -> bool:
        """Index a subtree; False where the form is not supported."""
        return False

    def finish(self) -> None:
        """All subtrees are in."""

    def find(self, key: object, budget: Counter) -> Subtree | None:
        """The subtree that a valid name is within."""
        return None

    def overlap(self, key: object, budget: Counter) -> Subtree | None:
        """A subtree that a name may stand for a part of, though it is not within it."""
        return None

    def loose(self, value: object, budget: Counter) -> Subtree | None:
        """The subtree within which a name would be that is no valid name of its form, if anyone takes it for one."""
        return None


class Hosts(Index):
    """Host names by their bases: the host alone, the host and what is below it, only what is below it; mailboxes beside them."""

    def __init__(self, form: str) -> None:
        super().__init__(form)
        self.mailboxes: dict[str, Subtree] = {}
        self.hosts: dict[str, Subtree] = {}
        self.trees: dict[str, Subtree] = {}
        self.below: dict[str, Subtree] = {}
        self.parents: dict[str, Subtree] = {}
        self.depths: tuple[int, ...] = ()

    def take(self, subtree: Subtree) -> bool:
        base = subtree.base
        if base == "":
            self.everything = subtree
        elif not isinstance(base, str) or not self.place(base.lower() if self.form == UPN_FORM else base, subtree):
            self.doubtful = True
        return True

    def place(self, base: str, subtree: Subtree) -> bool:
        if self.form in ("rfc822Name", UPN_FORM) and not base.startswith("@") and "@" in base:
            mailbox = _mailbox(base)
            if mailbox is not None:
                self.mailboxes.setdefault(mailbox[0], subtree)
            return mailbox is not None
        # "@example.com" is how certreq writes what RFC 5280 writes as "example.com"
        host = _host(base.removeprefix("@" if self.form in ("rfc822Name", UPN_FORM) else "").removeprefix("."))
        if host is None or not HOST.fullmatch(host) or base.startswith("@."):
            return False
        exact = base.startswith("@") or self.form in ("rfc822Name", "uniformResourceIdentifier")
        place = self.below if base.startswith(".") else self.hosts if exact else self.trees
        place.setdefault(host, subtree)
        if place is self.trees:
            self.parents.setdefault(host.partition(".")[2], subtree)
        return True

    def finish(self) -> None:
        self.depths = tuple(sorted({base.count(".") + 1 for base in (*self.trees, *self.below)}))

    def find(self, key: object, budget: Counter) -> Subtree | None:
        mailbox, host = key if isinstance(key, tuple) and len(key) == 2 else (None, key[0] if isinstance(key, tuple) else key)
        if not isinstance(host, str) or not budget.spend(1):
            return None
        found = self.mailboxes.get(mailbox) if mailbox is not None else None
        return found or self.hosts.get(host) or self._suffix(host.split("."), budget)

    def loose(self, value: object, budget: Counter) -> Subtree | None:
        # The last 253 characters, from the first period if more were cut off: no host name is longer.
        text = value.lower().rpartition("@")[2].removesuffix(".") if isinstance(value, str) else ""
        labels = text[-254:].split(".")[len(text) > 253 :]
        return self.hosts.get(text) or self._suffix(labels, budget) if text and budget.spend(1) else None

    def _suffix(self, labels: list[str], budget: Counter) -> Subtree | None:
        for depth in self.depths:
            if depth > len(labels):
                break
            suffix = ".".join(labels[-depth:])
            if not budget.spend(1 + len(suffix) // 16):
                break
            found = self.trees.get(suffix) or (self.below.get(suffix) if depth < len(labels) else None)
            if found is not None:
                return found
        return None

    def overlap(self, key: object, budget: Counter) -> Subtree | None:
        # "*.example.com" stands for sub.example.com too. A label like "f*o" is taken for "*": the safe reading.
        label, _, parent = key.partition(".") if isinstance(key, str) else ("", "", "")
        return self.parents.get(parent) if "*" in label and budget.spend(1) else None


class Addresses(Index):
    """IPv4 and IPv6 ranges, sorted: CIDR ranges lie apart or inside each other, so that the outermost ones answer alone."""

    def __init__(self, form: str) -> None:
        super().__init__(form)
        self.ranges: dict[int, list[tuple[int, int, Subtree]]] = {4: [], 16: []}

    def take(self, subtree: Subtree) -> bool:
        base = subtree.base
        if isinstance(base, bytes):
            half = len(base) // 2
            mask = int.from_bytes(base[half:], "big")
            first = int.from_bytes(base[:half], "big") & mask
            self.ranges[half].append((first, first | mask ^ ((1 << 8 * half) - 1), subtree))
        return True

    def finish(self) -> None:
        for width, listed in self.ranges.items():
            outermost: list[tuple[int, int, Subtree]] = []
            for each in sorted(listed, key=lambda one: (one[0], -one[1])):
                if not outermost or each[0] > outermost[-1][1]:
                    outermost.append(each)
            self.ranges[width] = outermost

    def find(self, key: object, budget: Counter) -> Subtree | None:
        if not isinstance(key, tuple) or not budget.spend(1):
            return None
        width, address = key
        listed = self.ranges[width]
        position = bisect_right(listed, address, key=lambda one: one[0]) - 1
        return listed[position][2] if position >= 0 and address <= listed[position][1] else None


class Directory(Index):
    """Directory names as a tree of their relative names, each compared by RFC 5280 7.1."""

    def __init__(self, form: str) -> None:
        super().__init__(form)
        self.steps: dict[tuple[int, bytes], int] = {}
        self.ends: dict[int, Subtree] = {}

    def take(self, subtree: Subtree) -> bool:
        base = subtree.base
        if not isinstance(base, Name):
            return False
        node = 0
        for relative in _relatives(base):
            node = self.steps.setdefault((node, _key(relative)), len(self.steps) + 1)
        if node:
            self.ends.setdefault(node, subtree)
        else:
            self.everything = subtree
        return True

    def find(self, key: object, budget: Counter) -> Subtree | None:
        node = 0
        for relative in _relatives(key) if isinstance(key, Name) else ():
            # Preparing a relative name by RFC 4518 costs as much as many look-ups, whether it is remembered or not.
            plain = _plain_key(relative)
            if not budget.spend(2 if plain is not None else 32 + len(relative) // 8):
                return None
            key_here = plain or _key(relative)
            step = self.steps.get((node, key_here))
            if step is None:
                return UNCOMPARABLE if plain is None and _AS_IT_IS.search(key_here) else None
            if step in self.ends:
                return self.ends[step]
            node = step
        return None


UNCOMPARABLE = Subtree("directoryName", b"", 0, None)
"""What a directory name is "within" that holds more than can be prepared for comparison: nobody can tell."""
_AS_IT_IS = re.compile(rb"\Araw:|(?:\A|\x01)[0-9.]+\x04")  # how ``Name.normalised`` marks what it left as it is


def _relatives(name: Name) -> Iterator[bytes]:
    """The encoded relative names, first to last; none from where a name cannot be read."""
    encoded = name.der
    try:
        start, stop = der.whole(encoded, der.SEQUENCE, "Name")
        while start < stop:
            _, _, after = der.header(encoded, start, stop)
            yield encoded[start:after]
            start = after
    except der.Malformed:
        return


def _key(relative: bytes) -> bytes:
    """A key that is equal for relative names that RFC 5280 7.1 calls equal: that of a name made of it alone."""
    return _plain_key(relative) or (_short_key(relative) if len(relative) <= 128 else _long_key(relative))


def _plain_key(relative: bytes) -> bytes | None:
    """The same for one attribute of printable ASCII, as nearly all are, without reading it twice; None for any other."""
    size = len(relative)
    if not 9 <= size < 130 or relative[:5] != bytes((der.SET, size - 2, der.SEQUENCE, size - 4, der.OID)):
        return None
    at = 6 + relative[5]
    if at + 2 > size or relative[at] not in _TEXTS or relative[at + 1] != size - at - 2 or not _PRINTABLE.fullmatch(relative, at + 2):
        return None
    try:
        return _type(relative[6:at]) + b"\x03" + b" ".join(relative[at + 2 :].lower().split())
    except der.Malformed:
        return None


_TEXTS = frozenset({der.UTF8_STRING, der.PRINTABLE_STRING, der.IA5_STRING})
_PRINTABLE = re.compile(rb"[ -~]*")


@lru_cache(maxsize=256)
def _type(oid: bytes) -> bytes:
    return der.oid(oid, 0, len(oid)).encode()


def _long_key(relative: bytes) -> bytes:
    size = len(relative)
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return Name((bytes((0x30, size)) if size < 0x80 else bytes((0x30, 0x80 | len(octets))) + octets) + relative).normalised


_short_key = lru_cache(maxsize=4096)(_long_key)  # relative names repeat: country, organisation

INDEXES: dict[str, type[Index]] = {
    "directoryName": Directory,
    "dNSName": Hosts,
    "rfc822Name": Hosts,
    "uniformResourceIdentifier": Hosts,
    "iPAddress": Addresses,
    UPN_FORM: Hosts,
}
