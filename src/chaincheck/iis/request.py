"""The gate request: does the server ask for a client certificate, and can it still ask when it does?

IIS asks in the first handshake where the binding says so; else after it has read the request, by negotiating again. TLS 1.3 and HTTP/2
know no second negotiation, some clients refuse it, and a large body stands in its way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chaincheck import causes
from chaincheck.causes.codes import CauseCode, Role, Severity
from chaincheck.client import NO_CLIENT
from chaincheck.server import NO_PROFILE, READ_AHEAD, Binding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.causes.cause import Cause
    from chaincheck.client import ClientProfile
    from chaincheck.question import Question
    from chaincheck.server import Access, ServerProfile

_SETTINGS: Final = (
    "negotiate",
    "reject",
    "http2",
    "tls13",
    "revocation",
    "cached_revocation_only",
    "usage_check",
    "ctl_store",
    "ds_mapper",
)


_BY_WINDOWS: Final = ("winhttp", "dotnet")  # clients that speak TLS 1.3 only where their Windows does


def judge_request(question: Question) -> Iterator[Cause]:
    """What keeps the client from being asked."""
    server, client = question.server or NO_PROFILE, question.client or NO_CLIENT
    access = server.effective_access
    if server.tls_ends_in_front:
        yield _ends_in_front(server, access)
    if access is not None and question.subject is None:
        yield from _required_only_here(server, access)
    answering = server.answering
    if len({binding.judged for binding in answering}) > 1:
        yield _differing(answering)
    binding = server.binding
    if binding is None:
        return
    if binding.reject:
        details = causes.facts.BindingFacts(binding=binding.key)
        yield causes.make(CauseCode.CONNECTIONS_REJECTED, Role.SERVER, None, details)
    if not binding.negotiate and (access is None or access.asks):
        yield from _asked_late(server, client, binding)


def _ends_in_front(server: ServerProfile, access: Access | None) -> Cause:
    """Whoever ends the connection is the one to whom the certificate is proven; what IIS does not demand it does not miss."""
    demands = access is None or access.requires
    return causes.make(
        CauseCode.TLS_ENDS_IN_FRONT,
        Role.SERVER,
        None,
        causes.facts.TlsEndsInFrontFacts(path=server.path, requires=demands),
        severity=Severity.FATAL if demands else Severity.NOTE,
        proven=access is not None,
    )


def _required_only_here(server: ServerProfile, access: Access) -> Iterator[Cause]:
    """KB 942067: a demand in a directory or application that nothing above it has. Whether it is meant, no export says."""
    if not access.requires or server.access is None:
        return
    place = access.path.lower().strip("/")
    above = [
        each for each in server.access if each is not access and (not each.path or place.startswith(each.path.lower().strip("/") + "/"))
    ]
    nearest = max(above, key=lambda each: len(each.path), default=None)
    if nearest is not None and not nearest.requires:
        details = causes.facts.RequirementFacts(path=access.path, flags=access.flags, above=nearest.path, above_flags=nearest.flags)
        yield causes.make(CauseCode.REQUIRED_ONLY_HERE, Role.SERVER, None, details, proven=False)


def _differing(answering: tuple[Binding, ...]) -> Cause:
    values = [dict(zip(_SETTINGS, binding.judged, strict=True)) for binding in answering]
    settings = tuple(name for name in _SETTINGS if len({each[name] for each in values}) > 1)
    details = causes.facts.BindingsDifferFacts(bindings=tuple(sorted({binding.key for binding in answering})), settings=settings)
    return causes.make(CauseCode.BINDINGS_DIFFER, Role.SERVER, None, details, proven=False)


def _asked_late(server: ServerProfile, client: ClientProfile, binding: Binding) -> Iterator[Cause]:
    """Negotiate Client Certificate is disabled: the certificate is asked for after the request was read."""
    tls13 = server.speaks_tls13 is not False and client.speaks_tls13 is not False
    http2 = server.speaks_http2 is not False and client.speaks_http2 is not False
    if tls13 or (http2 and (server.speaks_http2 or client.speaks_http2)):
        # Over TLS 1.2 some clients fall back to HTTP/1.1 when they are told to (ERR_HTTP_1_1_REQUIRED), and can be asked then.
        told = binding.negotiate is False and (client.speaks_tls13 is True or client.kind not in (None, *_BY_WINDOWS))
        certain = tls13 and bool(server.speaks_tls13) and told
        protocols = (("TLS 1.3",) if tls13 else ()) + (("HTTP/2",) if http2 else ())
        details = causes.facts.LateRequestFacts(binding=binding.key, protocols=protocols)
        yield causes.make(CauseCode.LATE_CERTIFICATE_REQUEST, Role.SERVER, None, details, proven=certain)
    stack = client.stack
    if stack is not None and not stack.renegotiates:
        refusal = causes.facts.RenegotiationFacts(binding=binding.key, client=stack.name)
        yield causes.make(CauseCode.RENEGOTIATION_REFUSED, Role.CLIENT, None, refusal)
    limit = READ_AHEAD if server.upload_read_ahead_size is None else server.upload_read_ahead_size
    if client.sends_body_bytes is not None and client.sends_body_bytes > limit:
        yield causes.make(CauseCode.BODY_TOO_LARGE, Role.SERVER, None, causes.facts.BodyFacts(sends=client.sends_body_bytes, limit=limit))
