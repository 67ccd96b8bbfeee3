"""One connection to a directory: bound to the addresses the guard permits, in time, in bytes and in elements.

``sansldap`` encodes and decodes the messages and touches no socket. What it must not be given is a message of millions of tiny elements,
each of which costs it an object: so the frame of a message is walked here first.
"""

from __future__ import annotations

import socket
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

from chaincheck.fetch.body import TooLarge
from chaincheck.fetch.connect import permitted, resolve, share

if TYPE_CHECKING:
    import ssl

    from chaincheck.fetch.guard import Guard
    from chaincheck.fetch.request import Request

_CHUNK: Final = 256 * 1024  # bytes asked for at a time: memory grows with what has come, not with what was announced
_OVERHEAD: Final = 64 * 1024  # bytes of all messages that are no evidence: names, results, controls
_MOST_ELEMENTS: Final = 2000  # of one message: the entry of a CA with a dozen values has some fifty
_DEEPEST: Final = 8  # RFC 4511 4.5.2: values stand five levels down

# What RFC 4511 has in a bind response, search entry, reference and result, notice of disconnection, and in their controls.
_CONSTRUCTED: Final = frozenset((0x30, 0x31, 0x61, 0x64, 0x65, 0x73, 0x78, 0xA0, 0xA3))
_PRIMITIVE: Final = frozenset((0x01, 0x02, 0x04, 0x0A, 0x87, 0x8A, 0x8B))
_LONGEST: Final = {0x02: 4, 0x0A: 2}  # message ids are below 2**31 (4.1.1); sansldap remembers every result code it meets

NOT_LDAP: Final = "the answer is not LDAP"
TOO_MANY: Final = "the answer has more parts than such an answer can have"


class NotLdap(Exception):
    """What came is no message of LDAP, or did not come to its end. The text says which."""


class Stream(Protocol):
    """The part of a socket that is used here."""

    def settimeout(self, value: float | None, /) -> None: ...
    def sendall(self, data: bytes, /) -> None: ...
    def recv(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


class Connection:
    """Sends bytes and receives whole messages. ``until`` is a time of ``time.monotonic()``, ``limit`` the bytes of evidence that may come
    in all; ``received`` counts bytes.

    Use it as a context manager: it is closed at the end.
    """

    def __init__(self, stream: Stream, until: float, limit: int) -> None:
        self._stream = stream
        self._until = until
        self._limit = limit
        self.received = 0

    def send(self, data: bytes) -> None:
        """Raises OSError, TimeoutError among them."""
        self._stream.settimeout(_left(self._until))
        self._stream.sendall(data)

    def message(self) -> bytearray:
        """The next LDAPMessage, whole. Raises TooLarge before reading what is above the limit, NotLdap, OSError."""
        data = bytearray()
        self._fill(data, 2)
        if data[0] != 0x30:  # RFC 4511 4.1.1
            raise NotLdap(NOT_LDAP)
        octets = data[1] - 0x80
        if octets > 0:
            self._fill(data, 2 + octets if octets <= 4 else 2)
        _, start, stop = header(data, 0, None)
        if self.received - len(data) + stop > self._limit + _OVERHEAD:
            raise TooLarge(f"the answer is larger than the limit of {self._limit:,} bytes")
        self._fill(data, max(stop, start))
        check(data)
        return data

    def _fill(self, data: bytearray, size: int) -> None:
        while len(data) < size:
            self._stream.settimeout(_left(self._until))
            chunk = self._stream.recv(min(size - len(data), _CHUNK))
            if not chunk:
                raise NotLdap("the answer ended before it was complete" if self.received else "the connection was closed without an answer")
            self.received += len(chunk)
            data += chunk

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def connect(host: str, port: int, guard: Guard, request: Request, *, tls: bool, until: float) -> Connection:
    """Connect to an address of the host that the guard permits, and to no other.

    Raises Refused, NameNotResolved, OSError (TimeoutError and ssl.SSLError among them).
    """
    addresses = permitted(guard, host, port, request.anchored, resolve(host, port, until))
    for index, address in enumerate(addresses, 1):
        timeout = share(_left(until), len(addresses) - index + 1)
        try:
            plain = socket.create_connection((address, port), timeout)
        except OSError:
            if index == len(addresses):
                raise
            continue
        return Connection(_secured(plain, host, until) if tls else plain, until, request.size_limit)
    raise ConnectionError  # not reached: a host that resolves has an address


def _secured(plain: socket.socket, host: str, until: float) -> ssl.SSLSocket:
    """TLS with the certificate verified by the host's name, though the connection was made to its address.

    Trust anchors are those of this machine, or of SSL_CERT_FILE and SSL_CERT_DIR.
    """
    import ssl

    try:
        plain.settimeout(_left(until))
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _left(until: float) -> float:
    left = until - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def header(data: bytearray, pos: int, end: int | None) -> tuple[int, int, int]:
    """The tag, the start and the stop of the contents of one element. ``end`` None: its contents need not be there yet.

    RFC 4511 5.1: BER with definite lengths, not necessarily the shortest: Active Directory always writes them in four octets.
    """
    limit = len(data) if end is None else end
    if pos + 2 > limit:
        raise NotLdap(NOT_LDAP)
    length, start = data[pos + 1], pos + 2
    if length >= 0x80:
        octets = length - 0x80
        start += octets
        if not 1 <= octets <= 4 or start > limit:
            raise NotLdap(NOT_LDAP)
        length = int.from_bytes(data[start - octets : start], "big")
    if end is not None and start + length > end:
        raise NotLdap(NOT_LDAP)
    return data[pos], start, start + length


def check(data: bytearray) -> None:
    """Find a message to have a frame that is decoded at little cost: known tags only, few elements, few levels. Raises NotLdap."""
    elements = 0
    ends = [len(data)]
    pos = 0
    while ends:
        if pos == ends[-1]:
            ends.pop()
            continue
        tag, start, stop = header(data, pos, ends[-1])
        elements += 1
        if elements > _MOST_ELEMENTS:
            raise NotLdap(TOO_MANY)
        if (tag not in _CONSTRUCTED and tag not in _PRIMITIVE) or stop - start > _LONGEST.get(tag, stop):
            raise NotLdap(NOT_LDAP)
        if tag in _CONSTRUCTED:
            if len(ends) > _DEEPEST:
                raise NotLdap(NOT_LDAP)
            ends.append(stop)
            pos = start
        else:
            pos = stop
