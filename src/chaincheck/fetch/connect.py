"""From a name to the addresses that may be connected to: one look-up, judged by the guard, and no second one."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from chaincheck.fetch.aside import aside, aside_async

if TYPE_CHECKING:
    from chaincheck.fetch.guard import Guard

_THREAD: Final = "chaincheck-dns"
_MOST_ADDRESSES: Final = 4  # tried per name: with more, none would get a fair share of the time


class Refused(Exception):
    """The guard does not let this connection be made. The text is its reason."""


class NameNotResolved(Exception):
    """The name leads to no address. The text says why."""


def resolve(host: str, port: int, until: float) -> tuple[str, ...]:
    """The addresses of a host, in the system's order of preference. Raises NameNotResolved, TimeoutError.

    getaddrinfo() cannot be interrupted, so it runs aside.
    """
    if _is_address(host):
        return (host,)
    return aside(lambda: _look_up(host, port), until, name=_THREAD)


async def resolve_async(host: str, port: int) -> tuple[str, ...]:
    """``resolve`` for an event loop, whose own time-out ends it."""
    if _is_address(host):
        return (host,)
    return await aside_async(lambda: _look_up(host, port), name=_THREAD)


def permitted(guard: Guard | None, host: str, port: int, trusted: bool, addresses: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses to try. Raises Refused if the guard refuses any of them.

    One bad address condemns the name: a name that leads to a public and to a loopback address is what an attack by DNS rebinding looks
    like.
    """
    for address in addresses if guard else ():
        reason = guard.check_address(address, host, trusted, port=port) if guard else None
        if reason is not None:
            raise Refused(reason)
    return addresses[:_MOST_ADDRESSES]


def share(seconds: float, attempts_left: int) -> float:
    """The time for one of several connection attempts, so that one dead address does not use up what another needs."""
    return max(seconds / attempts_left, 0.001)


def _look_up(host: str, port: int) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise NameNotResolved(name_failure(host, error)) from None
    except (OSError, UnicodeError):
        raise NameNotResolved(f"the name {host} cannot be resolved") from None
    if not found:
        raise NameNotResolved(f"the name {host} has no address")
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def name_failure(host: str, error: socket.gaierror) -> str:
    """In words, the same on every platform, what the resolver said."""
    unknown = {getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA") if hasattr(socket, name)}
    if error.errno in unknown:
        return f"the name {host} was not found"
    if error.errno == socket.EAI_AGAIN:
        return f"the name {host} could not be resolved for now: no answer from a name server"
    return f"the name {host} cannot be resolved"


def _is_address(host: str) -> bool:
    from ipaddress import ip_address

    try:
        ip_address(host)
    except ValueError:
        return False
    return True
