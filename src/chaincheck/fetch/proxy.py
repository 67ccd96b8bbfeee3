"""Which proxy a request goes through, and what of an answer is the proxy's own word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from chaincheck.fetch.address import Zone
from chaincheck.fetch.guard import place_of_host

if TYPE_CHECKING:
    from chaincheck.fetch.exchange import Headers

_SCHEMES: Final = ("http", "https")
_EXPECTED: Final = "the URL of a proxy, http://host:port or https://host:port, with user:password@ before the host where it wants them"


class UnusableProxy(Exception):
    """The environment names a proxy that cannot be used. The text says why, without its URL, which may hold a password."""


class ProxyAddress(NamedTuple):
    """``url`` has no user name and password; ``user`` is empty for none."""

    url: str
    user: str
    password: str


class EnvironmentProxies:
    """HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY; the system's settings on Windows and macOS. Read once; false if there are none."""

    def __init__(self) -> None:
        from urllib.request import getproxies

        self._proxies = {name: url for name, url in getproxies().items() if name in ("http", "https", "all") and url}

    def __bool__(self) -> bool:
        return bool(self._proxies)

    def proxy_for(self, scheme: str, host: str) -> str:
        """The proxy's URL, empty for a direct connection. Loopback and link-local hosts are never asked for through a proxy."""
        proxy = self._proxies.get(scheme) or self._proxies.get("all")
        if not proxy or place_of_host(host).zone is Zone.CLOSED:
            return ""
        from urllib.request import proxy_bypass

        if proxy_bypass(host):
            return ""
        return proxy if "://" in proxy else f"http://{proxy}"


class OneProxy:
    """The proxy that the caller names: for every request, whatever the environment says. Raises InputError for what is no such URL."""

    def __init__(self, url: object) -> None:
        try:
            split_proxy(url if isinstance(url, str) else "")
        except UnusableProxy as error:
            from chaincheck.errors import InputError
            from chaincheck.formats.described import described

            found = str(error) if isinstance(url, str) else described(url)  # a URL may hold a password: it is not repeated
            raise InputError("proxy", found=found, expected=_EXPECTED, where="proxy") from None
        self.url = str(url)

    def proxy_for(self, scheme: str, host: str) -> str:
        """The proxy's URL."""
        return self.url


def split_proxy(url: str) -> ProxyAddress:
    """The parts of a proxy's URL. Raises UnusableProxy."""
    from urllib.parse import unquote, urlsplit

    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UnusableProxy("a proxy whose address is none") from None
    scheme = parts.scheme.lower()
    if scheme not in _SCHEMES:
        known = re.fullmatch(r"socks[45]?[ah]?", scheme) is not None
        raise UnusableProxy(f"a proxy that speaks {scheme}, which is not supported" if known else "a proxy whose address is none")
    if not host or not re.fullmatch(r"[A-Za-z0-9._:-]+", host) or parts.path.strip("/") or parts.query or parts.fragment:
        raise UnusableProxy("a proxy whose address is none")
    named = f"[{host}]" if ":" in host else host
    address = f"{scheme}://{named}:{port or (443 if scheme == 'https' else 80)}"
    return ProxyAddress(address, unquote(parts.username or ""), unquote(parts.password or ""))


def refused_by_proxy(status: int, headers: Headers, *, proxied: bool) -> str | None:
    """What a proxy refuses, in words; None where nothing tells that the answer is the proxy's own and a refusal.

    407 is a proxy's word by itself (RFC 9110 15.5.8). 403 (and 401, with which tinyproxy answers a wrong password) is mostly the server's,
    passed on; it is the proxy's where a header says so that proxies put on pages of their own: an error in Proxy-Status (RFC 9209 2.1.1),
    X-Squid-Error (Squid's own pages), or a Server that is a proxy, for passing on an answer changes no Server (RFC 9110 10.2.4). That there
    is no Via proves nothing: many proxies leave it out.
    """
    if status == 407:
        return "the proxy wants a user name and password (status 407)"
    if status not in (401, 403, 451) or not proxied:
        return None
    own = (
        re.search(r";\s*error\s*=", headers.get("proxy-status") or "")
        or headers.get("x-squid-error")
        or re.match(r"(?:tinyproxy|squid)\b", headers.get("server") or "", re.IGNORECASE)
    )
    return f"the proxy does not let this URL be asked (status {status})" if own else None
