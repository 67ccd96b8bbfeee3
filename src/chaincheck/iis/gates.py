"""All that the server's and the client's side say about one question, beside the path: the gates request, offer and mapping.

Nothing is judged that was not told: a profile that is not there yields no cause, and what is assumed in its place is stated.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chaincheck import causes
from chaincheck.causes.codes import CauseCode, Role, Severity
from chaincheck.iis.mapping import covering, judge_mapping, ntauth
from chaincheck.iis.offer import judge_offer
from chaincheck.iis.request import judge_request
from chaincheck.issuer_source import EXCLUSIVE_CA, issuer_source
from chaincheck.server import NO_PROFILE
from chaincheck.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chaincheck.causes.cause import Cause
    from chaincheck.question import Question
    from chaincheck.x509.certificate import Certificate

# Kerberos and TLS both live with some minutes; below that nobody is refused but on the last day.
CLOCK_TOLERANCE = 300


def judge_gates(question: Question, chain: Sequence[Certificate], found: Sequence[Cause]) -> Iterator[Cause]:
    """The causes of all three gates. ``chain``: the best path, subject first; ``found``: its causes."""
    if question.rules.root_store_hygiene:  # what only IIS has: bindings, issuer lists, mappings
        yield from judge_request(question)
        yield from judge_offer(question, chain)
        yield from judge_mapping(question, chain)
    yield from _clock(question, found)


def _clock(question: Question, found: Sequence[Cause]) -> Iterator[Cause]:
    """A clock that is wrong refuses where a date that does not hold by it would hold by the true one."""
    offset = question.server.clock_offset if question.server is not None else None
    if offset is None or abs(offset) < CLOCK_TOLERANCE:
        return
    true = question.at - int(offset)
    dated = [cause.certificate for cause in found if cause.code in (CauseCode.EXPIRED, CauseCode.NOT_YET_VALID)]
    guilty = any(
        certificate is not None and (certificate.not_before_s or 0) <= true <= (certificate.not_after_s or 0) for certificate in dated
    )
    details = causes.facts.ClockFacts(seconds=int(abs(offset)), direction="ahead" if offset > 0 else "behind")
    yield causes.make(CauseCode.SERVER_CLOCK_WRONG, Role.SERVER, None, details, severity=Severity.FATAL if guilty else Severity.WARNING)


def _condemned_above(question: Question, anchor: Certificate) -> bool:
    """Whether something at hand speaks against a CA that is itself the anchor: nothing above it is judged then."""
    store = question.store
    if store is None or anchor.is_self_issued:
        return False
    if any(entry.names[1] == anchor.issuer_der for entry in store.disallowed or ()):
        return True
    return any(_lists(encoded, anchor) for encoded in (*question.crls, *(store.crls or ())))


def _lists(encoded: bytes, certificate: Certificate) -> bool:
    """Whether a CRL of its issuer lists a certificate. One that cannot be read may."""
    from chaincheck.x509.crl import CertificateList
    from chaincheck.x509.der import Malformed

    try:
        found = CertificateList(encoded)
        return found.issuer.der == certificate.issuer_der and bool(found.find(certificate.serial))
    except Malformed:
        return certificate.issuer_der in encoded


def unchecked(question: Question, chain: Sequence[Certificate], found: Sequence[Cause]) -> Iterator[Statement]:
    """What the profile leaves open. ``chain``: the best path, subject first; ``found``: its causes."""
    server, store = question.server or NO_PROFILE, question.store
    if store is not None and question.rules.root_store_hygiene:
        source = issuer_source(store, server)
        if source.mode == EXCLUSIVE_CA and chain and _condemned_above(question, chain[-1]):
            yield Statement(code="anchor-condemned-above", facts=(("certificate", str(chain[-1].subject)),), blocks=True)
        if source.entries is None:
            name = source.place.rpartition("\\")[2]
            yield Statement(code="issuer-store-not-told", facts=(("store", store.name), ("source", name)), blocks=True)
    if server.follows_aia:
        for cause in found:
            urls = getattr(cause.facts, "ca_issuers_urls", ())
            if urls and cause.certificate is not None:
                facts = (("urls", ", ".join(urls)), ("certificate", str(cause.certificate.subject)))
                yield Statement(code="server-follows-aia", facts=facts, blocks=True)
    if server.bindings is not None and not server.answering:
        yield Statement(code="no-binding-answers", facts=(("port", str(server.port)),), blocks=True)
    for binding in server.answering:
        for label, value in binding.unread:
            setting = (("binding", binding.key), ("setting", label), ("value", value))
            yield Statement(code="binding-setting-not-read", facts=setting, blocks=True)
    access = server.effective_access
    if access is None and server.access is not None:
        yield Statement(code="access-disagrees", facts=(("path", server.path),), blocks=True)
    lenient = (
        access is not None and not access.requires if question.rules.root_store_hygiene else server.verify_mode in ("optional", "none")
    )
    if lenient:
        yield Statement(code="certificate-not-required", facts=(("path", server.path),))
    for section in covering(server):
        if section.many_to_one:
            yield Statement(code="mapping-rules-not-judged", facts=(("path", section.path),))


def assumptions(question: Question) -> Iterator[Statement]:
    """What is taken for granted where the profile is silent."""
    server, store = question.server or NO_PROFILE, question.store
    if replace(server, here=False) == NO_PROFILE:
        yield Statement(code="server-profile-not-told")
        return
    if server.bindings is None:
        yield Statement(code="binding-not-told")
    if server.schannel is None:
        yield Statement(code="schannel-not-told")
    if server.access is None:
        yield Statement(code="access-not-told")
    if store is not None and store.client_auth_issuers is None and not (server.binding is not None and server.binding.ctl_store):
        yield Statement(code="client-authentication-issuers-not-told", facts=(("store", store.name),))
    if server.binding is not None and server.binding.ds_mapper and ntauth(store) is None:
        yield Statement(code="ntauth-not-told")
