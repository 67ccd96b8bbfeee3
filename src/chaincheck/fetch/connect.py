"""From a name to the addresses that may be connected to: one look-up, judged by the guard, and no second one."""

from __future__ import annotations

import socket
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaincheck.fetch.guard import Guard

_SLOW: Final = "the name server did not answer in time"
_MOST_ADDRESSES: Final = 4  # tried per name: with more, none would get a fair share of the time


class Refused(Exception):
    """The guard does not let this connection be made. The text is its reason."""


class NameNotResolved(Exception):
    """The name leads to no address. The text says why."""


def resolve(host: str, port: int, until: float) -> tuple[str, ...]:
    """The addresses of a host, in the system's order of preference. Raises NameNotResolved, TimeoutError."""
    if _is_address(host):
        return (host,)
    from queue import Empty, SimpleQueue

    answer: SimpleQueue[tuple[str, ...] | Exception] = SimpleQueue()
    _start_look_up(host, port, answer.put)
    try:
        return _unwrap(answer.get(timeout=max(until - monotonic(), 0.001)))
    except Empty:
        raise TimeoutError(_SLOW) from None


async def resolve_async(host: str, port: int) -> tuple[str, ...]:
    """``resolve`` for an event loop, whose own time-out ends it."""
    if _is_address(host):
        return (host,)
    from asyncio import get_running_loop

    loop = get_running_loop()
    answer = loop.create_future()

    def settle(found: tuple[str, ...] | Exception) -> None:
        if not answer.done():
            answer.set_result(found)

    def report(found: tuple[str, ...] | Exception) -> None:
        from contextlib import suppress

        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle, found)

    _start_look_up(host, port, report)
    return _unwrap(await answer)


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


def _start_look_up(host: str, port: int, report: Callable[[tuple[str, ...] | Exception], Any]) -> None:
    """getaddrinfo() cannot be interrupted, so it runs in a thread that nobody waits for, neither here nor when the interpreter ends."""
    Thread(target=_look_up, args=(host, port, report), name="chaincheck-dns", daemon=True).start()


def _look_up(host: str, port: int, report: Callable[[tuple[str, ...] | Exception], Any]) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        report(addresses or NameNotResolved(f"the name {host} has no address"))
    except socket.gaierror as error:
        report(NameNotResolved(name_failure(host, error)))
    except (OSError, UnicodeError):
        report(NameNotResolved(f"the name {host} cannot be resolved"))


def name_failure(host: str, error: socket.gaierror) -> str:
    """In words, the same on every platform, what the resolver said."""
    unknown = {getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA") if hasattr(socket, name)}
    if error.errno in unknown:
        return f"the name {host} was not found"
    if error.errno == socket.EAI_AGAIN:
        return f"the name {host} could not be resolved for now: no answer from a name server"
    return f"the name {host} cannot be resolved"


def _unwrap(found: tuple[str, ...] | Exception) -> tuple[str, ...]:
    if isinstance(found, Exception):
        raise found
    return found


def _is_address(host: str) -> bool:
    from ipaddress import ip_address

    try:
        ip_address(host)
    except ValueError:
        return False
    return True
