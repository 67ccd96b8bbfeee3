"""From an exception of the network to an outcome, in our own words.

Exceptions are recognised by the names of their classes, so that httpcore's, httpx's and those of any client with httpx's interface are one.
Their texts are not used: they quote what the other side sent, and differ between platforms.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl
from typing import TYPE_CHECKING, Final

from chaincheck.fetch.body import TooLarge, Unreadable
from chaincheck.fetch.connect import NameNotResolved, Refused, name_failure
from chaincheck.fetch.proxy import UnusableProxy
from chaincheck.fetch.request import Outcome
from chaincheck.logs import fetching

if TYPE_CHECKING:
    from collections.abc import Iterator

_TIMEOUTS: Final = frozenset(("TimeoutException", "TimeoutError"))
_LOST: Final = frozenset(("RemoteProtocolError", "ReadError", "WriteError", "CloseError"))
_BAD_HOST: Final = frozenset(("InvalidURL", "UnicodeError"))  # httpx's own reading of it, and that of international names
_KNOWN: Final = frozenset(("TransportError", "NetworkError", "ProtocolError", "OSError", "HTTPError", "ConnectError"))

_WORDS: Final = {
    errno.ECONNREFUSED: "the connection was refused",
    errno.ECONNRESET: "the connection was closed by the other side",
    errno.EPIPE: "the connection was closed by the other side",
    errno.ECONNABORTED: "the connection was closed by the other side",
    errno.EHOSTUNREACH: "no route leads to the host",
    errno.ENETUNREACH: "no route leads to the network",
    errno.EADDRNOTAVAIL: "no route leads to the address",
    errno.EAFNOSUPPORT: "this machine has no such network",
    errno.EACCES: "this machine does not let the connection out",
    errno.EPERM: "this machine does not let the connection out",
    errno.EMFILE: "this process has too many open files",
    errno.ENFILE: "this machine has too many open files",
    # Winsock's numbers, where Python's errno does not already map them
    10061: "the connection was refused",
    10054: "the connection was closed by the other side",
    10053: "the connection was closed by the other side",
    10065: "no route leads to the host",
    10051: "no route leads to the network",
    10013: "this machine does not let the connection out",
}


class NoTrust(Exception):
    """There are no certificates to trust a server by. The text says why."""


def explain(error: Exception, *, host: str, answered: bool, seconds: float) -> tuple[Outcome, str]:
    """The outcome and its detail. ``answered``: the head of an answer had come; ``seconds``: what the URL had been given."""
    names = _class_names(error)
    if isinstance(error, Refused):
        return Outcome.REFUSED_BY_GUARD, str(error)
    if isinstance(error, TooLarge):
        return Outcome.TOO_LARGE, str(error)
    if isinstance(error, (Unreadable, NameNotResolved, NoTrust)):
        return Outcome.UNREACHABLE, str(error)
    if isinstance(error, UnusableProxy):
        return Outcome.UNREACHABLE, f"the environment names {error}"
    if "ProxyError" in names:
        return _proxy(str(error))
    if names & _TIMEOUTS:
        return Outcome.TIMEOUT, f"{'the answer was not complete' if answered else 'no answer'} within {seconds:.2g} s"
    if names & _BAD_HOST:
        return Outcome.UNREACHABLE, "the URL names no host that can exist"
    return Outcome.UNREACHABLE, _tls(error) or _system(error, host) or _protocol(error, names, answered)


def is_lost_connection(error: Exception) -> bool:
    """The connection broke without a time-out and without a word: what happens when a server closes a kept connection just as it is used
    again, or is about to stop.
    """
    names = _class_names(error)
    return bool(names & _LOST) and ("RemoteProtocolError" not in names or "disconnect" in str(error))


def _class_names(error: BaseException) -> set[str]:
    return {cls.__name__ for cls in type(error).__mro__}


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The exception and those it came from, those of a group among them."""
    seen: set[int] = set()
    todo = [error]
    while todo:
        current = todo.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        if isinstance(current, BaseExceptionGroup):
            todo.extend(current.exceptions)
        todo += [current.__cause__, current.__context__]


def _proxy(text: str) -> tuple[Outcome, str]:
    """httpcore's text for a CONNECT that did not succeed begins with the status."""
    match = re.match(r"[1-5][0-9]{2}\b", text)
    if match is None:
        return Outcome.UNREACHABLE, "the proxy did not make the connection"
    if match[0] in ("401", "403", "407"):
        return Outcome.REFUSED_BY_PROXY, f"the proxy refused the connection with status {match[0]}"
    return Outcome.UNREACHABLE, f"the proxy could not make the connection (status {match[0]})"


def _tls(error: BaseException) -> str | None:
    for link in _chain(error):
        if isinstance(link, ssl.SSLCertVerificationError):
            return f"TLS: the server's certificate was not accepted ({_plain(link.verify_message)})"
        if isinstance(link, ssl.SSLError):
            return f"TLS: no agreement with the server ({_plain(link.reason or 'unknown reason').lower().replace('_', ' ')})"
    return None


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9 ._,:*'-]", "", text)[:120]


def _system(error: BaseException, host: str) -> str | None:
    for link in _chain(error):
        if isinstance(link, socket.gaierror):
            return name_failure(host, link)
        if isinstance(link, OSError) and link.errno is not None:
            return _WORDS.get(link.errno) or f"the connection failed ({errno.errorcode.get(link.errno, link.errno)})"
    return None


def _protocol(error: Exception, names: set[str], answered: bool) -> str:
    if names & _LOST:
        if answered:
            return "the answer ended before it was complete"
        if "disconnect" in str(error) or "ReadError" in names:
            return "the connection was closed without an answer"
        return "the answer is not HTTP"
    if not names & _KNOWN:
        fetching.warning("an unexpected %s while fetching", type(error).__name__, exc_info=error)
    return f"the connection failed ({type(error).__name__})"
