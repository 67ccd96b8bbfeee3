"""The proxies that the environment names: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY; the system's settings on Windows and macOS."""

from __future__ import annotations

from chaincheck.fetch.address import Zone
from chaincheck.fetch.guard import place_of_host


class EnvironmentProxies:
    """The environment's proxies, read once; false if there are none."""

    def __init__(self) -> None:
        from urllib.request import getproxies

        self._proxies = {name: url for name, url in getproxies().items() if name in ("http", "https", "all") and url}

    def __bool__(self) -> bool:
        return bool(self._proxies)

    def proxy_for(self, scheme: str, host: str) -> str | None:
        """The proxy's URL, None for a direct connection. Loopback and link-local hosts are never asked for through a proxy."""
        proxy = self._proxies.get(scheme) or self._proxies.get("all")
        if not proxy or place_of_host(host).zone is Zone.CLOSED:
            return None
        from urllib.request import proxy_bypass

        if proxy_bypass(host):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"
