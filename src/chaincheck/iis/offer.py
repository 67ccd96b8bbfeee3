"""The gate offer: would this client offer this certificate to this server?

A client that follows the server's list of issuers sends nothing where the list does not fit, without a word (RFC 8446 section 4.2.4,
RFC 5246 section 7.4.4). How each kind of client chooses is data: ``client.STACKS``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from chaincheck import causes
from chaincheck.causes.codes import CauseCode, Role, Severity
from chaincheck.client import NO_CLIENT
from chaincheck.issuer_source import issuer_source
from chaincheck.server import ISSUER_LIST_BYTES, MESSAGE_LIMIT, NO_PROFILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chaincheck.causes.cause import Cause
    from chaincheck.client import ClientProfile, Stack
    from chaincheck.issuer_source import IssuerSource
    from chaincheck.question import Question
    from chaincheck.store import TrustStore
    from chaincheck.x509.certificate import Certificate
    from chaincheck.x509.name import Name

SEND_AS_TRUSTED_ISSUER_PROPERTY: Final = 102  # selects members of a store for the list, where any has it (documented)
_SERVER_2012: Final = range(9200, 14393)  # builds of Windows Server 2012 and 2012 R2, on which KB 2880390 is about
_LONGEST_CHAIN: Final = 30  # elements that are followed in the client's stores


def judge_offer(question: Question, chain: Sequence[Certificate]) -> Iterator[Cause]:
    """What keeps the client from sending the certificate. ``chain``: the best path of the server, subject first."""
    server, client, store = question.server or NO_PROFILE, question.client or NO_CLIENT, question.store
    if question.subject is None or not chain:
        return
    if store is not None:
        source = issuer_source(store, server)
        if source.entries is not None:
            yield from _issuer_list(question, source, chain)
    if client.works_elsewhere:
        kind = client.kind or "-"
        yield causes.make(CauseCode.CLIENT_OFFERS_NOTHING, Role.CLIENT, None, causes.facts.ClientFacts(client=kind), proven=False)
    yield from _message(question)


def _issuer_list(question: Question, source: IssuerSource, chain: Sequence[Certificate]) -> Iterator[Cause]:
    server, client = question.server or NO_PROFILE, question.client or NO_CLIENT
    entries = source.entries or ()
    chosen = [entry for entry in entries if any(number == SEND_AS_TRUSTED_ISSUER_PROPERTY for number, _ in entry.properties)] or entries
    names = {entry.names[1] for entry in chosen}
    size = sum(2 + len(name) for name in names)  # RFC 5246 7.4.4: each name with its length of two octets
    sends = bool(server.sends_issuer_list)
    if size > ISSUER_LIST_BYTES and (sends or server.windows_build in _SERVER_2012):
        details = causes.facts.IssuerListSizeFacts(source=source.place, listed=len(names), size=size, limit=ISSUER_LIST_BYTES, sent=sends)
        severity = Severity.FATAL if sends else Severity.WARNING
        # which names are cut off is nowhere published
        yield causes.make(CauseCode.ISSUER_LIST_TOO_LONG, Role.SERVER, None, details, severity=severity, proven=not sends)
    stack = client.stack
    if not sends or not names or (stack is not None and stack.issuers == "ignored"):
        return
    issuers = {
        certificate.issuer_der: str(certificate.issuer) for certificate in chain if not certificate.is_self_issued or len(chain) == 1
    }
    if names.isdisjoint(issuers):
        missing = causes.facts.IssuerListFacts(source=source.place, listed=len(names), issuers=tuple(sorted(issuers.values())))
        yield causes.make(CauseCode.ISSUER_NOT_LISTED, Role.CLIENT, None, missing, proven=stack is not None)
    elif stack is not None and client.store is not None and (lacking := _lacking(chain[0], client.store, names)) is not None:
        wanted = causes.facts.ClientIntermediateFacts(issuer=str(lacking), client=stack.name)
        yield causes.make(CauseCode.CLIENT_LACKS_INTERMEDIATE, Role.CLIENT, None, wanted)


def _lacking(subject: Certificate, store: TrustStore, names: set[bytes]) -> Name | None:
    """The issuer at which the client's own chain ends before it reaches a listed name; None where it reaches one."""
    waiting, seen = [subject.issuer], set[bytes]()
    last = subject.issuer
    while waiting and len(seen) < _LONGEST_CHAIN:
        name = waiting.pop(0)
        if name.der in names:
            return None
        if name.der in seen:
            continue
        seen.add(name.der)
        held = [entry.certificate for entry in store.named(name, normalised=False) if entry.certificate is not None]
        if not held:
            last = name
        waiting += [certificate.issuer for certificate in held if not certificate.is_self_issued]
    return last


def _message(question: Question) -> Iterator[Cause]:
    """RFC 8446 4.4.2: each certificate with a length of three octets, and its extensions."""
    schannel = question.server.schannel if question.server is not None else None
    if schannel is None or question.subject is None or not question.presented:
        return
    limit = MESSAGE_LIMIT if schannel.message_limit_server_client_auth is None else schannel.message_limit_server_client_auth
    size = 4 + 4 + sum(len(certificate.der) + 5 for certificate in (question.subject, *question.presented))
    if size > limit:
        details = causes.facts.MessageFacts(size=size, limit=limit)
        yield causes.make(CauseCode.HANDSHAKE_MESSAGE_TOO_LONG, Role.CLIENT, None, details)


def as_this_client(cause: Cause, client: ClientProfile) -> Cause:
    """A cause of the subject for that kind of client: what its stack filters by is certain, what it does not look at is a warning."""
    stack = client.stack
    if stack is None or cause.role is not Role.SUBJECT:
        return cause
    if cause.code is CauseCode.WRONG_KEY_USAGE and not cause.proven:
        return replace(cause, proven=True) if stack.key_usage else replace(cause, severity=Severity.WARNING, proven=True)
    if cause.code is CauseCode.ANY_EXTENDED_KEY_USAGE and stack.name == "dotnet":  # anyExtendedKeyUsage alone is not enough (its source)
        return replace(cause, severity=Severity.FATAL, proven=True)
    return cause


def withheld(cause: Cause, stack: Stack | None) -> bool:
    """Whether that kind of client does not even offer a certificate of which this is true, so that the answer is 403.7."""
    if stack is None or cause.role is not Role.SUBJECT:
        return False
    return (
        (cause.code in (CauseCode.EXPIRED, CauseCode.NOT_YET_VALID) and stack.dates)
        or (cause.code in (CauseCode.WRONG_EXTENDED_KEY_USAGE, CauseCode.ANY_EXTENDED_KEY_USAGE) and stack.extended_key_usage)
        or (cause.code is CauseCode.WRONG_KEY_USAGE and stack.key_usage)
    )
