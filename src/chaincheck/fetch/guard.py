"""Who may be reached: certificates are hostile input, and the URLs in them are addresses a stranger chose."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final

from chaincheck.fetch.address import Place, Zone, address_of, embedded, place_of_address, place_of_name

if TYPE_CHECKING:
    from chaincheck.fetch.address import Address, Network

_URL_LIMIT: Final = 8192  # characters; longer than any real distribution point, and than most servers take

# RFC 3986 3.2, without what no two parsers agree on: percent-encoding, non-ASCII and backslashes in the authority.
_AUTHORITY: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<userinfo>[^/?#]*@)?(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{0,5}))?(?=[/?#]|\Z)"
)
_NO_SERVER: Final = re.compile(r"ldaps?://(?:[/?]|\Z)", re.IGNORECASE)  # RFC 4516 2
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ldap": 389, "ldaps": 636}

_LDAP_PORTS: Final = frozenset((389, 636, 3268, 3269))  # the last two: global catalogue of Active Directory

# From 1024 up every port is open but those that the Fetch standard of WHATWG ("port blocking") knows to speak another protocol.
_BLOCKED_PORTS: Final = frozenset(
    (1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080)
)


@dataclass(frozen=True, slots=True)
class Target:
    """Scheme (lower case), host (lower case, no brackets, no trailing dot) and port of a URL."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class _Allowed:
    """One entry of ``Guard.allow``: a name or a network, on one port or on all."""

    host: str | None
    network: Network | None
    port: int | None

    def matches(self, host: str, address: Address | None, port: int | None) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.network is None:
            return host == self.host
        return address is not None and any(a.version == self.network.version and a in self.network for a in (address, embedded(address)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """Says which addresses evidence may be fetched from.

    ``intranet``: a certificate with a path to a trust anchor may point into the intranet (RFC 1918, RFC 4193, RFC 6598, ``.local``,
    names of one label). ``Guard.PUBLIC`` says no and is the default for a store passed per call; ``Guard.INTRANET`` says yes and is the
    default for a store the caller has declared his own.

    ``fetch_unanchored``: URLs of certificates without such a path are fetched too, though never from the intranet.

    ``allow``: what may be reached whatever it is and on whatever port: a host ("pki.corp.example"), an address, a network
    ("10.1.0.0/16"), or one of the first two with a port ("127.0.0.1:8080", "[::1]:8080"). Loopback, link-local, metadata, multicast and
    reserved addresses are reached in no other way. It does not lift ``fetch_unanchored``: who may ask and who may be asked are two
    questions.

    Ports: 80, 443, and from 1024 up all but those known to speak another protocol than HTTP; for LDAP 389, 636, 3268 and 3269.

    Raises InputError for an ``allow`` entry that is none of these, and for values of the wrong type.
    """

    intranet: bool = False
    allow: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ("http", "https", "ldap", "ldaps")
    max_redirects: int = 3
    fetch_unanchored: bool = False

    PUBLIC: ClassVar[Guard]
    INTRANET: ClassVar[Guard]

    def __post_init__(self) -> None:
        for name in ("allow", "schemes"):
            object.__setattr__(self, name, _words(name, getattr(self, name)))
        for name in ("intranet", "fetch_unanchored"):
            if type(getattr(self, name)) is not bool:
                raise _wrong("guard", name, getattr(self, name), "True or False")
        if type(self.max_redirects) is not int or not 0 <= self.max_redirects <= 100:
            raise _wrong("guard", "max_redirects", self.max_redirects, "a whole number from 0 to 100")
        _allowed(self.allow)

    def allowing(self, *entries: str) -> Guard:
        """The same guard with more entries in ``allow``."""
        return replace(self, allow=(*self.allow, *entries))

    def check_url(self, url: str, anchored: bool = False) -> str | None:
        """None if a request for the URL may leave, else the reason why not. ``anchored``: as in ``Request``."""
        if not isinstance(url, str):
            raise _wrong("argument-type", "url", url, "a URL as str")
        if not (anchored or self.fetch_unanchored):
            return "the certificate that names this URL has no path to a trust anchor (fetch_unanchored=True fetches it)"
        return self._check_target(url, anchored)

    def check_address(self, ip: str, host: str, anchored: bool = False, *, port: int | None = None) -> str | None:
        """None if the address that the host was resolved to may be connected to, else the reason why not."""
        from ipaddress import ip_address

        given: object = ip
        try:
            address = ip_address(given if isinstance(given, str) else "")
        except ValueError as error:
            raise _wrong("argument-type", "ip", ip, "an IPv4 or IPv6 address as str") from error
        if self._allows(host.lower().rstrip("."), address, port):
            return None
        plain = str(embedded(address))
        label = plain if host == plain else f"{host} leads to {plain}, which"
        return self._judge(place_of_address(address), label, anchored)

    def check_redirect(self, source: str, target: str, anchored: bool = False, *, peer: str | None = None) -> str | None:
        """None if a redirect may be followed, else the reason why not: among others, where it leads away from HTTP."""
        scheme = target.partition(":")[0].lower()
        if scheme not in ("http", "https") and scheme in self.schemes:
            return f"a redirect to the scheme {scheme} is not followed"
        return self._check_target(target, self.trusted_after(source, target, anchored, peer=peer))

    def trusted_after(self, source: str, target: str, anchored: bool, *, peer: str | None = None) -> bool:
        """Whether the target of a redirect is still named on the word of an anchored certificate.

        A redirect is the word of the server, not of the certificate: it may stay on its host, and lead on within an intranet, but not from
        outside into it. ``peer`` is the address the redirect came from, None where it is not known.
        """
        try:
            origin, there = split_url(source), split_url(target)
        except ValueError:
            return False
        if not anchored or origin.host == there.host:
            return anchored
        return place_of_host(origin.host if peer is None else peer).zone is Zone.INTRANET

    def _check_target(self, url: str, anchored: bool) -> str | None:
        if url[:5].lower() == "file:":
            return self._check_file(url, anchored)
        try:
            target = split_url(url)
        except ValueError as error:
            return str(error)
        try:
            address = address_of(target.host)
        except ValueError:
            return "the URL names no valid address"
        if target.scheme not in self.schemes:
            return f"the scheme {target.scheme} is not allowed"
        if self._allows(target.host, address, target.port):
            return None
        if not _is_port_of(target):
            protocol = "LDAP" if target.scheme in ("ldap", "ldaps") else "HTTP"
            return f"port {target.port} is not one of {protocol}, and reached only when allow= names it"
        place = place_of_name(target.host) if address is None else place_of_address(address)
        return self._judge(place, target.host if address is None else str(embedded(address)), anchored)

    def _check_file(self, url: str, anchored: bool) -> str | None:
        """A file is of this machine or it is none: a name of a server, in whatever place, would be asked, and told who we are."""
        if "file" not in self.schemes:
            return "the scheme file is not allowed"
        if not anchored:  # fetch_unanchored or not: whoever may send a certificate shall not choose what is opened here
            return "only a certificate with a path to a trust anchor may name a file"
        from urllib.parse import unquote

        try:
            # RFC 8089 2; a second slash, of either kind and however it is written, begins the name of a server (appendix E.3)
            plain = unquote(url[5:], errors="strict").replace("\\", "/")
        except UnicodeDecodeError:
            return "the URL names no file"
        if len(url) > _URL_LIMIT or _CONTROL.search(plain):
            return "the URL names no file"
        path = re.sub(r"//(?:localhost)?(?=/)", "", plain, count=1, flags=re.IGNORECASE) if plain.startswith("//") else plain
        return None if re.match(r"/(?!/)", path) else "the URL names a file of another machine"

    def _allows(self, host: str, address: Address | None, port: int | None) -> bool:
        return any(entry.matches(host, address, port) for entry in _allowed(self.allow))

    def _judge(self, place: Place, label: str, anchored: bool) -> str | None:
        if place.zone is Zone.PUBLIC:
            return None
        if place.zone is Zone.CLOSED:
            return f"{label} is {place.words}, reached only when allow= names it"
        if not self.intranet:
            return f"{label} is {place.words}: reached only for a store of one's own (Guard.INTRANET) or when allow= names it"
        if not anchored:
            return f"{label} is {place.words}: only a certificate with a path to a trust anchor may point into the intranet"
        return None


def split_url(url: str) -> Target:
    """The parts of a URL that decide where a connection goes. Raises ValueError with the reason as its text."""
    if len(url) > _URL_LIMIT:
        raise ValueError(f"the URL is longer than {_URL_LIMIT} characters")
    if _CONTROL.search(url):
        raise ValueError("the URL contains control characters")
    if _NO_SERVER.match(url):
        raise ValueError("the URL names no server: a member of the domain would ask its domain controller")
    match = _AUTHORITY.match(url)
    if match is None:
        raise ValueError("the URL has no plain scheme and host")
    if match["userinfo"]:
        raise ValueError("the URL contains a user name or password")
    scheme = match["scheme"].lower()
    port = int(match["port"]) if match["port"] else _DEFAULT_PORTS.get(scheme, 0)
    host = match["host"].lower().strip("[]").rstrip(".")
    if not host or (match["port"] and not 0 < port < 65536):
        raise ValueError("the URL has no valid host and port")
    return Target(scheme, host, port)


def _is_port_of(target: Target) -> bool:
    """Whether the port is one on which the scheme is commonly spoken."""
    if target.scheme in ("ldap", "ldaps"):
        return target.port in _LDAP_PORTS
    return target.port in (80, 443) or (target.port >= 1024 and target.port not in _BLOCKED_PORTS)


def place_of_host(host: str) -> Place:
    try:
        address = address_of(host)
    except ValueError:
        return place_of_name("localhost")
    return place_of_name(host) if address is None else place_of_address(address)


def _words(name: str, given: object) -> tuple[str, ...]:
    """A tuple of str; a lone str is one, or it would be taken apart into letters."""
    words = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, (list, tuple, set, frozenset)) else None
    if words is None or not all(isinstance(word, str) for word in words):
        expected = "a tuple of hosts, addresses and networks" if name == "allow" else 'a tuple of str, such as ("http", "https")'
        raise _wrong(f"guard-{name}", name, given, expected)
    return tuple(sorted(words)) if isinstance(given, (set, frozenset)) else words


def _wrong(code: str, name: str, value: object, expected: str) -> Exception:
    from chaincheck.errors import InputError
    from chaincheck.formats.described import described

    return InputError(code, found=described(value), expected=expected, where=name)


@lru_cache(maxsize=64)
def _allowed(entries: tuple[str, ...]) -> tuple[_Allowed, ...]:
    return tuple(_allowed_entry(entry) for entry in entries)


def _allowed_entry(entry: str) -> _Allowed:
    from ipaddress import ip_network

    from chaincheck.errors import InputError
    from chaincheck.formats.described import described

    host, port = entry.strip().lower(), ""
    if host.startswith("["):
        host, bracket, port = host[1:].partition("]")
        port = port.removeprefix(":") if bracket else "no closing bracket"
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    try:
        number = int(port) if port else None
        if number is not None and not 0 < number < 65536:
            raise ValueError(port)
        if "/" in host or ":" in host:
            return _Allowed(None, ip_network(host, strict=False), number)
        address = address_of(host.rstrip("."))
        if address is not None:
            return _Allowed(None, ip_network(address), number)
        if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", host):
            raise ValueError(host)
    except ValueError as error:
        hint = "give the host alone, not a URL" if "//" in entry else None
        expected = "a host, host:port, an address or a network (pki.corp.example, 127.0.0.1:8080, 10.1.0.0/16)"
        raise InputError("guard-allow", found=described(entry), expected=expected, where="allow", hint=hint) from error
    return _Allowed(host.rstrip("."), None, number)


Guard.PUBLIC = Guard()
Guard.INTRANET = Guard(intranet=True)
