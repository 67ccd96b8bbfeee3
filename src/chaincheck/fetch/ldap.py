"""Evidence from a directory: one anonymous search, as the LDAP URL in a certificate asks for it (RFC 4516, RFC 4523).

What an anonymous search may not see, the server's own account may: where a directory refuses it, nothing was asked. No referral is
followed, and no attribute is read but those that hold evidence.
"""

from __future__ import annotations

import math
from contextlib import suppress
from time import monotonic, time
from typing import TYPE_CHECKING, Final, NamedTuple

from chaincheck.errors import MissingExtraError
from chaincheck.fetch import ldap_url
from chaincheck.fetch.failure import explain
from chaincheck.fetch.ldap_wire import NOT_LDAP, TOO_MANY, Connection, NotLdap, connect
from chaincheck.fetch.request import Outcome, Response

if TYPE_CHECKING:
    from sansldap import LDAPClient, LDAPFilter, LDAPMessage, LDAPResult, SearchResultEntry

    from chaincheck.fetch.guard import Guard
    from chaincheck.fetch.ldap_url import LdapUrl
    from chaincheck.fetch.request import Kind, Request

# RFC 4523 2.2 to 2.5, by short name and OID; the first is asked for where the URL names none. crossCertificatePair is not among them:
# nothing here builds paths from pairs.
_ATTRIBUTES: Final[dict[Kind, dict[str, str]]] = {
    "crl": {
        "certificaterevocationlist": "certificateRevocationList",
        "2.5.4.39": "certificateRevocationList",
        "authorityrevocationlist": "authorityRevocationList",
        "2.5.4.38": "authorityRevocationList",
        "deltarevocationlist": "deltaRevocationList",
        "2.5.4.53": "deltaRevocationList",
    },
    "aia": {"cacertificate": "cACertificate", "2.5.4.37": "cACertificate"},
}

_MOST_ENTRIES: Final = 8  # found by one URL: one entry is what it is for
_MOST_MESSAGES: Final = 32  # entries, references to other servers, the result

# RFC 4511 A.1. Active Directory answers 1 to a search without a bind; others refuse the bind.
_REFUSES_ANONYMOUS: Final = frozenset((1, 7, 8, 13, 48, 49, 50, 53))
_RESULTS: Final = {
    3: "the directory's own time limit was exceeded",
    4: f"the search finds more than {_MOST_ENTRIES} entries",
    10: "the directory refers to another one, which is not followed",
    11: "the directory's own limit was exceeded",
    16: "the directory has no such attribute",
    32: "the directory has no such entry",
    34: "the directory cannot read the name of the entry",
    51: "the directory is busy",
    52: "the directory is not available",
}

_NO_SERVER: Final = "the address names no server: a member of a domain would ask its domain controller, and this machine was not asked to"


class _Ended(Exception):
    """The look-up is over without evidence."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        self.outcome = outcome
        self.detail = detail
        super().__init__(detail)


class _Search(NamedTuple):
    """What is asked: ``attributes`` are short names of RFC 4523, in the order in which they are wanted."""

    url: LdapUrl
    attributes: tuple[str, ...]
    filter: LDAPFilter


def look_up(request: Request, guard: Guard, *, until: float) -> Response:
    """Ask the directory that the URL names. Blocks until ``until`` (``time.monotonic()``) at most; raises nothing a network does.

    Of several CRLs the newest is the answer; several certificates come as PEM.
    """
    started = monotonic()
    until = min(until, started + request.timeout)
    try:
        search = _prepared(request, guard)
    except _Ended as ended:
        return Response(request=request, outcome=ended.outcome, detail=ended.detail)
    try:
        values = _answer(request, search, guard, until, seconds=until - started)
        body, detail = _chosen(request, values)
        outcome = Outcome.OK
    except _Ended as ended:
        outcome, detail, body = ended.outcome, ended.detail, b""
    return Response(request=request, outcome=outcome, body=body, detail=detail, received_at=int(time()), elapsed=monotonic() - started)


def _prepared(request: Request, guard: Guard) -> _Search:
    """All that is decided before anybody is asked. Raises _Ended."""
    known = _ATTRIBUTES.get(request.kind)
    if known is None:
        raise _Ended(Outcome.NOT_FETCHED, "an OCSP responder is not asked over LDAP")
    try:
        url = ldap_url.read(request.url)
    except ValueError as error:
        raise _Ended(Outcome.NOT_FETCHED, str(error)) from None
    if not url.host:
        raise _Ended(Outcome.NOT_FETCHED, _NO_SERVER)
    reason = guard.check_url(request.url, request.anchored)
    if reason is not None:
        raise _Ended(Outcome.REFUSED_BY_GUARD, reason)
    named = (name.partition(";")[0].lower() for name in url.attributes)
    attributes = tuple(dict.fromkeys(known[name] for name in named if name in known)) if url.attributes else (next(iter(known.values())),)
    if not attributes:
        wanted = "CRL" if request.kind == "crl" else "certificate of a CA"
        raise _Ended(Outcome.NOT_FETCHED, f"the URL names no attribute that holds a {wanted}")
    try:
        from sansldap import LDAPFilter
    except ImportError:
        raise _Ended(Outcome.NOT_FETCHED, str(MissingExtraError("ldap", "asking an LDAP address"))) from None
    try:
        return _Search(url, attributes, LDAPFilter.from_string(url.filter))
    except ValueError:
        raise _Ended(Outcome.NOT_FETCHED, "the filter in the URL is not one of RFC 4515") from None


def _answer(request: Request, search: _Search, guard: Guard, until: float, *, seconds: float) -> dict[bytes, str]:
    """The distinct values found, each with its attribute. ``seconds``: what the URL had been given. Raises _Ended."""
    if until <= monotonic():
        raise _Ended(Outcome.TIMEOUT, "the time for all requests together was used up before this one")
    url = search.url
    connection: Connection | None = None
    try:
        with connect(url.host, url.port, guard, request, tls=url.scheme == "ldaps", until=until) as connection:
            return _Session(connection).values(search, until)
    except _Ended:
        raise
    except NotLdap as error:
        raise _Ended(Outcome.UNREACHABLE, str(error)) from None
    except Exception as error:  # noqa: BLE001 - all that a network does is an answer; explain() logs what it does not know
        answered = connection is not None and connection.received > 0
        raise _Ended(*explain(error, host=url.host, answered=answered, seconds=seconds)) from None


class _Session:
    """An anonymous session: bind, search, unbind."""

    def __init__(self, connection: Connection) -> None:
        from sansldap import LDAPClient

        self._connection = connection
        self._client: LDAPClient = LDAPClient()

    def values(self, search: _Search, until: float) -> dict[bytes, str]:
        """Raises _Ended, NotLdap and what Connection raises."""
        from sansldap import BindResponse

        self._client.bind_simple()
        self._send()
        answer = self._receive()
        if not isinstance(answer, BindResponse):
            raise NotLdap(NOT_LDAP)
        _check_result(answer.result)
        self._ask(search, until)
        values = self._collect(search)
        with suppress(OSError):  # RFC 4511 4.3: nobody answers it
            self._client.unbind()
            self._send()
        return values

    def _ask(self, search: _Search, until: float) -> None:
        from sansldap import SearchScope

        scopes = {"base": SearchScope.BASE, "one": SearchScope.ONE_LEVEL, "sub": SearchScope.SUBTREE}
        # RFC 4523 2: transferred as ;binary. Some directories know the name without it only, and none minds being asked for both.
        asked = [f"{name}{option}" for name in search.attributes for option in (";binary", "")]
        self._client.search_request(
            search.url.base,
            scopes[search.url.scope],
            size_limit=_MOST_ENTRIES,
            time_limit=max(math.ceil(until - monotonic()), 1),
            filter=search.filter,
            attributes=asked,
        )
        self._send()

    def _collect(self, search: _Search) -> dict[bytes, str]:
        from sansldap import SearchResultDone, SearchResultEntry

        values: dict[bytes, str] = {}
        entries = 0
        for _ in range(_MOST_MESSAGES):
            message = self._receive()
            if isinstance(message, SearchResultEntry):
                entries += 1
                values |= _evidence(message, search.attributes)
            elif isinstance(message, SearchResultDone):
                _check_result(message.result)
                return values or _nothing(search.attributes, entries)
        raise NotLdap(TOO_MANY)

    def _send(self) -> None:
        self._connection.send(self._client.data_to_send())

    def _receive(self) -> LDAPMessage:
        from sansldap import ExtendedResponse, ProtocolError

        data = self._connection.message()
        try:
            messages = self._client.receive(data)
        except ProtocolError as error:
            if isinstance(error.request, ExtendedResponse):  # RFC 4511 4.4.1: notice of disconnection
                raise NotLdap("the directory ended the session") from None
            raise NotLdap(NOT_LDAP) from None
        except Exception:  # noqa: BLE001 - the decoder was not made for hostile bytes: an IndexError was seen
            raise NotLdap(NOT_LDAP) from None
        if len(messages) != 1:
            raise NotLdap(NOT_LDAP)
        return messages[0]


def _check_result(result: LDAPResult) -> None:
    """RFC 4511 4.1.9. The words a directory adds are not repeated."""
    code = (
        result.result_code.value
    )  # not int(): sansldap makes members for codes it does not know, and as an int each of them is 0, success
    if code in _REFUSES_ANONYMOUS:  # not "unreachable": the server's own account may be let in
        raise _Ended(Outcome.NOT_FETCHED, f"the directory refuses anonymous searches (result {code})")
    if code:
        raise _Ended(Outcome.UNREACHABLE, f"{_RESULTS.get(code, 'the directory could not answer')} (result {code})")


def _evidence(entry: SearchResultEntry, attributes: tuple[str, ...]) -> dict[bytes, str]:
    wanted = {name.lower(): name for name in attributes}
    found: dict[bytes, str] = {}
    for attribute in entry.attributes:
        name, _, option = attribute.name.lower().partition(";")
        if name in wanted and option in ("", "binary"):
            found |= dict.fromkeys(attribute.values, wanted[name])
    return found


def _nothing(attributes: tuple[str, ...], entries: int) -> dict[bytes, str]:
    if entries:
        raise _Ended(Outcome.UNREACHABLE, f"the entry shows an anonymous search no {' or '.join(attributes)}")
    raise _Ended(Outcome.UNREACHABLE, "the directory shows an anonymous search no such entry")


def _chosen(request: Request, values: dict[bytes, str]) -> tuple[bytes, str]:
    """One body and its detail. Raises _Ended."""
    if request.kind == "aia":
        body, words = _together(list(values)), "" if len(values) == 1 else f"{len(values)} values, "
        name = next(iter(values.values()))
    else:
        body, words = _newest(sorted(values))
        name = values[body]
    if len(body) > request.size_limit:
        raise _Ended(Outcome.TOO_LARGE, f"the value is larger than the limit of {request.size_limit:,} bytes")
    return body, f"{name}, {words}{len(body):,} bytes"


def _together(certificates: list[bytes]) -> bytes:
    """The certificates of a CA that was renewed stand side by side in its entry."""
    if len(certificates) == 1:
        return certificates[0]
    from ssl import DER_cert_to_PEM_cert

    return "".join(map(DER_cert_to_PEM_cert, certificates)).encode("ascii")


def _newest(crls: list[bytes]) -> tuple[bytes, str]:
    """Of several values the complete CRL with the latest thisUpdate; a delta CRL where there is no other."""
    if len(crls) == 1:
        return crls[0], ""
    from chaincheck.x509.crl import CertificateList

    read = []
    for encoded in crls:
        with suppress(ValueError):
            read.append(CertificateList(encoded))
    if not read:
        return crls[0], f"one of {len(crls)} values, none of which is a CRL, "
    newest = max(read, key=lambda crl: (not crl.is_delta, crl.this_update_s, crl.number or 0, crl.der))
    return newest.der, f"the newest of {len(crls)} values, "
