"""What could be changed about each cause, as functions from question to question: the proof of a plan runs the engine on their result.

Never among them: switching a check off for a certificate that is revoked or distrusted, and removing distrust. Where only a new certificate
helps there is no change, but a requirement.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from chaincheck.causes.codes import CauseCode, Role
from chaincheck.client import ClientProfile
from chaincheck.entry import CLIENT_AUTH_ISSUERS, COMPARTMENTS, DISALLOWED, ELSEWHERE, INTERMEDIATES, ROOTS, Entry
from chaincheck.issuer_source import EXCLUSIVE_ROOT, issuer_source
from chaincheck.question import KeyAnswer, KeyState
from chaincheck.server import Binding, CertificateMapping, MappingEntry, Schannel, ServerProfile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chaincheck.causes.cause import Cause
    from chaincheck.question import Question
    from chaincheck.store import TrustStore
    from chaincheck.x509.certificate import Certificate

Apply = Callable[["Question"], "Question"]


class Change(NamedTuple):
    """One change. ``loss``: how much security it costs, 0 none; ``resolution``: how it is done; ``place``: where.

    ``compare``: the certificate came from the client or the network alone, so its fingerprint has to be compared by another channel first.
    """

    kind: str
    resolution: str
    apply: Apply
    loss: int
    certificate: Certificate | None = None
    place: str | None = None
    compare: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is, for telling it from others."""
        return self.kind, self.certificate.fingerprint if self.certificate is not None else "", self.place or ""


def changes(cause: Cause, question: Question, chain: Sequence[Certificate]) -> tuple[Change, ...]:
    """The changes that could remove a cause, the one that costs the least security first; () where there is none."""
    make = _CHANGES.get(cause.code)
    return tuple(make(cause, question, chain)) if make is not None else ()


# the client


def _supply_key(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    subject = question.subject
    if subject is not None:
        key = KeyAnswer(state=KeyState.PRESENT, spki=subject.spki)
        yield Change("supply-key", "import-key", lambda asked: replace(asked, key=key), 0, subject)


def _restart(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    yield Change("restart-browser", "restart-browser", lambda asked: _client(asked, works_elsewhere=None), 0)


def _send_fewer(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    kept = tuple(each for each in question.presented if each in chain and not each.is_self_issued)
    yield Change("send-fewer", "send-fewer-certificates", lambda asked: replace(asked, presented=kept), 0)


def _client_intermediate(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    wanted = getattr(cause.facts, "issuer", "")
    for certificate in chain[1:]:
        if str(certificate.subject) == wanted:

            def give(asked: Question, given: Certificate = certificate) -> Question:
                store = asked.client.store if asked.client is not None else None
                return asked if store is None else _client(asked, store=_with(store, given, INTERMEDIATES))

            yield Change("install-client-intermediate", "install-client-intermediate", give, 0, certificate, "CurrentUser\\CA")
    yield from _stop_list(cause, question, chain)


def _client(asked: Question, **told: Any) -> Question:
    return replace(asked, client=replace(asked.client or ClientProfile(), **told))


# stores


def _install_root(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    certificate = cause.certificate
    if certificate is not None and question.store is not None:
        installed, compare = _placed(certificate, ROOTS), not _held(question, certificate)
        yield Change("install-root", "install-root", installed, 5, certificate, "LocalMachine\\Root", compare)


def _move_root(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    if cause.certificate is not None:
        moved = _placed(cause.certificate, ROOTS, leaves=True)
        yield Change("move-root", "move-root", moved, 4, cause.certificate, "LocalMachine\\Root")


def _install_intermediate(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    """Where one that fits was seen: the cause then speaks about it."""
    wanted = getattr(cause.facts, "found_sha256", None)
    held = (each for each in (cause.certificate, *chain) if each is not None and each.fingerprint == wanted)
    certificate = next(held, None)
    if certificate is not None:
        yield Change(
            "install-intermediate", "install-intermediate", _placed(certificate, INTERMEDIATES), 1, certificate, "LocalMachine\\CA"
        )


def _move_misplaced(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    if cause.certificate is not None:
        moved = _placed(cause.certificate, INTERMEDIATES, leaves=True)
        yield Change("move-misplaced", "move-misplaced", moved, 1, cause.certificate, "LocalMachine\\CA")
    elif question.store is not None and (thumbprint := getattr(cause.facts, "sha1", None)) is not None:

        def unlist(asked: Question) -> Question:
            store = asked.store
            if store is None:
                return asked
            changed = store.resolved(())
            changed.listed = changed.listed | {ROOTS: tuple(each for each in store.listed.get(ROOTS, ()) if each.sha1 != thumbprint)}
            return replace(asked, store=changed)

        yield Change("move-misplaced", "move-misplaced", unlist, 1, None, f"LocalMachine\\CA (SHA-1 {thumbprint})")


def _accept_issuer(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    """The narrowest that the mode of trust takes: the issuing CA, or the root under Exclusive Root Trust."""
    store = question.store
    if store is None or len(chain) < 2:
        return
    source = issuer_source(store, question.server)
    certificate = chain[-1] if source.mode == EXCLUSIVE_ROOT else chain[1]
    place = f"LocalMachine\\{_STORES.get(source.place) or source.place.rpartition(chr(92))[2]}"
    compare = not _held(question, certificate)
    loss = 5 if source.exclusive else 3  # it becomes an anchor, as an installed root does
    yield Change("accept-issuer", "fill-issuer-store", _placed(certificate, source.place), loss, certificate, place, compare)


_STORES: Final = {ROOTS: "Root", INTERMEDIATES: "CA", CLIENT_AUTH_ISSUERS: "ClientAuthIssuer", DISALLOWED: "Disallowed"}


def _publish_ntauth(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    if cause.certificate is not None:
        published = _placed(cause.certificate, "NTAuth")
        compare = not _held(question, cause.certificate)
        yield Change("publish-ntauth", "publish-ntauth", published, 3, cause.certificate, "NTAuth", compare)


def _held(question: Question, certificate: Certificate) -> bool:
    """Whether the server has the certificate in some store of its own, so that it did not come from the client or the network alone."""
    return question.store is not None and any(entry.certificate == certificate for entry in question.store.entries())


def _placed(certificate: Certificate, place: str, *, leaves: bool = False) -> Apply:
    def apply(asked: Question) -> Question:
        return asked if asked.store is None else replace(asked, store=_with(asked.store, certificate, place, leaves=leaves))

    return apply


def _with(store: TrustStore, certificate: Certificate, place: str, *, leaves: bool = False) -> TrustStore:
    """The store with the certificate in that place; ``leaves``: and in no other compartment."""
    changed = store.resolved(())
    if leaves:
        for compartment in COMPARTMENTS:
            entries = getattr(changed, compartment)
            if entries is not None:
                setattr(changed, compartment, tuple(entry for entry in entries if entry.certificate != certificate))
        changed.listed = {name: tuple(each for each in listed if each.sha1 != certificate.sha1) for name, listed in changed.listed.items()}
    if place in COMPARTMENTS:
        setattr(changed, place, (*(getattr(changed, place) or ()), Entry(certificate.der, place)))
    else:
        added = Entry(certificate.der, ELSEWHERE, location=place)
        changed.others = changed.others | {place: (*changed.others.get(place, ()), added)}
    return changed


# settings of the server


def _ask_first(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    yield Change("ask-in-first-handshake", "ask-in-first-handshake", _bound(negotiate=True), 1, None, _binding_key(question))


def _accept_connections(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    yield Change("accept-connections", "accept-connections", _bound(reject=False), 1, None, _binding_key(question))


def _align(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    """All that may answer like one of them, and none checks less than before. Those that ask in the first handshake come first."""
    answering = question.server.answering if question.server is not None else ()
    strictest: dict[str, Any] = {
        name: not all(getattr(each, name) is False for each in answering) for name in ("revocation", "usage_check")
    }
    for each in sorted(answering, key=lambda each: (not each.negotiate, each.revocation is False, each.ctl_store or "", each.key)):
        model = replace(each, **strictest)

        def alike(asked: Question, model: Binding = model) -> Question:
            return _server(asked, bindings=(model,))

        yield Change("align-bindings", "align-bindings", alike, 1, None, model.key)


def _stop_list(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    def stop(asked: Question) -> Question:
        schannel = (asked.server.schannel if asked.server is not None else None) or Schannel()
        return _server(asked, schannel=replace(schannel, send_trusted_issuer_list=False))

    yield Change("stop-sending-issuer-list", "stop-sending-issuer-list", stop, 2, None, "SCHANNEL")


def _end_at_iis(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    yield Change("end-tls-at-iis", "end-tls-at-iis", lambda asked: _server(asked, tls_ends_in_front=False), 1)


def _relax(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    path = getattr(cause.facts, "path", "")

    def drop(asked: Question) -> Question:
        access = asked.server.access if asked.server is not None else None
        return _server(asked, access=tuple(each for each in access or () if each.path != path))

    yield Change("turn-off-requirement", "turn-off-requirement", drop, 6, None, path)


def _set_clock(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    def correct(asked: Question) -> Question:
        offset = asked.server.clock_offset if asked.server is not None else None
        return replace(_server(asked, clock_offset=None), at=asked.at - int(offset or 0))

    yield Change("set-clock", "set-server-clock", correct, 0)


def _fix_mapping(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    subject, path = question.subject, getattr(cause.facts, "path", "")
    if subject is None:
        return
    entry = MappingEntry(certificate=b64encode(subject.der).decode(), path=path)

    def write(asked: Question) -> Question:
        def mended(section: CertificateMapping) -> CertificateMapping:
            return replace(section, one_to_one=(*(section.one_to_one or ()), entry)) if section.path == path else section

        return _server(asked, mappings=tuple(mended(each) for each in (asked.server.mappings if asked.server is not None else None) or ()))

    yield Change("fix-mapping-entry", "fix-mapping-entry", write, 3, subject, path)


def _map_at_site(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
    path = getattr(cause.facts, "path", "")
    site = path.strip("/").partition("/")[0]

    def move(asked: Question) -> Question:
        mappings = (asked.server.mappings if asked.server is not None else None) or ()
        return _server(asked, mappings=tuple(replace(each, path=site) if each.path == path else each for each in mappings))

    yield Change("map-at-site-level", "map-at-site-level", move, 1, None, site)


def _bound(**settings: Any) -> Apply:
    def apply(asked: Question) -> Question:
        server = asked.server or ServerProfile()
        answering = {id(binding) for binding in server.answering}
        return _server(asked, bindings=tuple(replace(b, **settings) if id(b) in answering else b for b in server.bindings or ()))

    return apply


def _binding_key(question: Question) -> str | None:
    binding = question.server.binding if question.server is not None else None
    return binding.key if binding is not None else None


def _server(asked: Question, **told: Any) -> Question:
    return replace(asked, server=replace(asked.server or ServerProfile(), **told))


# evidence: the CA or the network has to publish something that is not at hand, so the proof supposes that it says nothing against


EVIDENCE: Final = frozenset(("make-reachable", "allow-in-proxy", "publish-crl"))
"""The kinds of changes that grant a certificate its revocation status."""


def _evidence(kind: str, resolution: str) -> Callable[[Cause, Question, Sequence[Certificate]], Iterator[Change]]:
    def make(cause: Cause, question: Question, chain: Sequence[Certificate]) -> Iterator[Change]:
        certificate = cause.certificate
        if certificate is None or cause.role is Role.SIGNER:
            return
        place = getattr(cause.facts, "url", None) or getattr(cause.facts, "source", None)
        granted = frozenset((certificate.sha256,))
        yield Change(kind, resolution, lambda asked: replace(asked, granted=asked.granted | granted), 1, certificate, place)

    return make


_CHANGES: Final[dict[CauseCode, Callable[[Cause, Question, Sequence[Certificate]], Iterator[Change]]]] = {
    CauseCode.NO_PRIVATE_KEY: _supply_key,
    CauseCode.PRIVATE_KEY_MISMATCH: _supply_key,
    CauseCode.PRIVATE_KEY_UNUSABLE: _supply_key,
    CauseCode.CLIENT_OFFERS_NOTHING: _restart,
    CauseCode.HANDSHAKE_MESSAGE_TOO_LONG: _send_fewer,
    CauseCode.CLIENT_LACKS_INTERMEDIATE: _client_intermediate,
    CauseCode.UNTRUSTED_ROOT: _install_root,
    CauseCode.ROOT_IN_WRONG_STORE: _move_root,
    CauseCode.INTERMEDIATE_MISSING: _install_intermediate,
    CauseCode.NOT_SELF_SIGNED_IN_ROOT: _move_misplaced,
    CauseCode.ISSUER_NOT_ACCEPTED: _accept_issuer,
    CauseCode.ISSUER_NOT_IN_NTAUTH: _publish_ntauth,
    CauseCode.LATE_CERTIFICATE_REQUEST: _ask_first,
    CauseCode.RENEGOTIATION_REFUSED: _ask_first,
    CauseCode.BODY_TOO_LARGE: _ask_first,
    CauseCode.CONNECTIONS_REJECTED: _accept_connections,
    CauseCode.BINDINGS_DIFFER: _align,
    CauseCode.ISSUER_LIST_TOO_LONG: _stop_list,
    CauseCode.ISSUER_NOT_LISTED: _stop_list,
    CauseCode.TLS_ENDS_IN_FRONT: _end_at_iis,
    CauseCode.REQUIRED_ONLY_HERE: _relax,
    CauseCode.SERVER_CLOCK_WRONG: _set_clock,
    CauseCode.MAPPING_ENTRY_DAMAGED: _fix_mapping,
    CauseCode.MAPPING_MISSING: _fix_mapping,
    CauseCode.MAPPING_IGNORED: _map_at_site,
    CauseCode.REVOCATION_UNREACHABLE: _evidence("make-reachable", "reach-revocation"),
    CauseCode.REVOCATION_REFUSED_BY_PROXY: _evidence("allow-in-proxy", "allow-in-proxy"),
    CauseCode.REVOCATION_STALE: _evidence("publish-crl", "republish-crl"),
    CauseCode.REVOCATION_NOT_YET_VALID: _evidence("publish-crl", "republish-crl"),
    CauseCode.REVOCATION_EVIDENCE_INVALID: _evidence("publish-crl", "fix-revocation-evidence"),
    CauseCode.REVOCATION_OUT_OF_SCOPE: _evidence("publish-crl", "fix-revocation-evidence"),
    CauseCode.REVOCATION_UNKNOWN: _evidence("publish-crl", "ask-about-responder"),
    CauseCode.REVOCATION_NOTHING_TO_CHECK: _evidence("publish-crl", "publish-http-cdp"),
}
