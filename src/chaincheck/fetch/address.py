"""Where an address or a name lies: on the internet, in an intranet, or somewhere no evidence comes from.

The tables are ours, not ``ipaddress``' ``is_private`` and ``is_global``: those change with the version of Python, and they know no
difference between an intranet and a loopback address.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    Address = IPv4Address | IPv6Address
    Network = IPv4Network | IPv6Network


class Zone(Enum):
    """``CLOSED`` is reached only by name of the caller (``Guard.allow``)."""

    PUBLIC = "public"
    INTRANET = "intranet"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Place:
    """A zone, and in words what is there ("a loopback address")."""

    zone: Zone
    words: str


PUBLIC: Final = Place(Zone.PUBLIC, "a public address")

# The first network that holds the address decides. RFC 6890 and the IANA special-purpose address registries, unless another source is
# named.
_TABLE: Final = (
    # Cloud metadata services. Some lie inside public or intranet ranges: 168.63.129.16 (Azure), 100.100.100.200 (Alibaba), 192.0.0.192
    # (Oracle).
    ("169.254.169.254/32", Zone.CLOSED, "a metadata address"),
    ("169.254.170.2/32", Zone.CLOSED, "a metadata address"),
    ("168.63.129.16/32", Zone.CLOSED, "a metadata address"),
    ("100.100.100.200/32", Zone.CLOSED, "a metadata address"),
    ("192.0.0.192/32", Zone.CLOSED, "a metadata address"),
    ("fd00:ec2::/32", Zone.CLOSED, "a metadata address"),  # fd00:ec2::254 and its neighbours (AWS)
    ("fd20:ce::254/128", Zone.CLOSED, "a metadata address"),  # Google Cloud
    ("0.0.0.0/8", Zone.CLOSED, "an unspecified address"),
    ("10.0.0.0/8", Zone.INTRANET, "a private address"),  # RFC 1918
    ("172.16.0.0/12", Zone.INTRANET, "a private address"),
    ("192.168.0.0/16", Zone.INTRANET, "a private address"),
    ("100.64.0.0/10", Zone.INTRANET, "a shared address (carrier-grade NAT)"),  # RFC 6598
    ("127.0.0.0/8", Zone.CLOSED, "a loopback address"),
    ("169.254.0.0/16", Zone.CLOSED, "a link-local address"),
    ("192.0.0.0/24", Zone.CLOSED, "a reserved address"),
    ("192.0.2.0/24", Zone.CLOSED, "a reserved address"),  # documentation, RFC 5737
    ("192.88.99.0/24", Zone.CLOSED, "a reserved address"),  # 6to4 relays, RFC 7526
    ("198.18.0.0/15", Zone.CLOSED, "a reserved address"),  # benchmarks, RFC 2544
    ("198.51.100.0/24", Zone.CLOSED, "a reserved address"),
    ("203.0.113.0/24", Zone.CLOSED, "a reserved address"),
    ("224.0.0.0/4", Zone.CLOSED, "a multicast address"),
    ("255.255.255.255/32", Zone.CLOSED, "the broadcast address"),
    ("240.0.0.0/4", Zone.CLOSED, "a reserved address"),
    ("::/128", Zone.CLOSED, "an unspecified address"),
    ("::1/128", Zone.CLOSED, "a loopback address"),
    ("fc00::/7", Zone.INTRANET, "a private address"),  # RFC 4193
    ("fe80::/10", Zone.CLOSED, "a link-local address"),
    ("fec0::/10", Zone.CLOSED, "a link-local address"),  # site-local, RFC 3879
    ("ff00::/8", Zone.CLOSED, "a multicast address"),
    ("2001::/23", Zone.CLOSED, "a reserved address"),  # protocol assignments, Teredo among them
    ("2001:db8::/32", Zone.CLOSED, "a reserved address"),  # documentation
    ("3fff::/20", Zone.CLOSED, "a reserved address"),  # documentation, RFC 9637
    ("2000::/3", Zone.PUBLIC, PUBLIC.words),  # RFC 4291 2.4: all global unicast addresses that have been given out
    ("::/0", Zone.CLOSED, "a reserved address"),
)

_V4_IN_V6: Final = (
    ("::ffff:0:0/96", 0),  # IPv4-mapped, RFC 4291 2.5.5.2
    ("64:ff9b::/96", 0),  # NAT64, RFC 6052 2.1
    ("2002::/16", 80),  # 6to4, RFC 3056 2
)

# Names that public DNS does not hold: RFC 6762 (.local), RFC 8375 (.home.arpa), ICANN's reservation of .internal (2024).
_INTRANET_SUFFIXES: Final = (".local", ".internal", ".home.arpa")


@lru_cache(maxsize=1)
def _table() -> tuple[tuple[Network, Place], ...]:
    from ipaddress import ip_network

    return tuple((ip_network(text), Place(zone, words)) for text, zone, words in _TABLE)


@lru_cache(maxsize=1)
def _v4_in_v6() -> tuple[tuple[IPv6Network, int], ...]:
    from ipaddress import IPv6Network

    return tuple((IPv6Network(text), shift) for text, shift in _V4_IN_V6)


def embedded(address: Address) -> Address:
    """The IPv4 address that an IPv4-mapped, NAT64 or 6to4 address leads to; any other address itself, without its scope."""
    from ipaddress import IPv4Address, IPv6Address

    if address.version == 4:
        return address
    plain = IPv6Address(int(address))
    for network, shift in _v4_in_v6():
        if plain in network:
            return IPv4Address(int(plain) >> shift & 0xFFFFFFFF)
    return plain


def place_of_address(address: Address) -> Place:
    """Where an address lies; embedded IPv4 addresses are what is judged."""
    inner = embedded(address)
    for network, place in _table():
        if inner.version == network.version and inner in network:
            return place
    return PUBLIC


def place_of_name(host: str) -> Place:
    """Where a name lies as far as the name itself tells (lower case, no trailing dot); its addresses are judged when it is resolved."""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761 6.3
        return Place(Zone.CLOSED, "a name for the loopback address")
    if "." not in host:
        return Place(Zone.INTRANET, "a single-label name")
    if host.endswith(_INTRANET_SUFFIXES):
        return Place(Zone.INTRANET, "an intranet name")
    return Place(Zone.PUBLIC, "a public name")


def address_of(host: str) -> Address | None:
    """The address a host literal stands for, None for a name.

    Takes every spelling that some resolver takes: 127.1, 0177.0.0.1, 0x7f000001, 2130706433 (WHATWG URL, "IPv4 parser"). Raises
    ValueError for what looks like an address and is none.
    """
    from ipaddress import IPv4Address, ip_address

    try:
        return ip_address(host)
    except ValueError:
        if ":" in host:
            raise
    labels = host.split(".")
    if not (labels[-1].isdigit() or labels[-1].startswith("0x")):  # WHATWG URL, "ends in a number checker"
        return None
    if len(labels) > 4:
        raise ValueError(host)
    *front, last = (_number(label) for label in labels)
    if any(number > 255 for number in front) or last >= 256 ** (5 - len(labels)):
        raise ValueError(host)
    value = last
    for index, number in enumerate(front):
        value += number << (8 * (3 - index))
    return IPv4Address(value)


def _number(label: str) -> int:
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    if len(label) > 1 and label.startswith("0"):
        return int(label, 8)
    return int(label)
