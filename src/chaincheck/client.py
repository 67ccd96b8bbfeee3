"""Who offers the certificate, and by which rules that software chooses: why a client sends none although it has one.

The rules of a client stack are data (``STACKS``), each with the mark of its source: read in the stack's published source code
(documented), told by users (reported), or concluded from its interface (inferred).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from chaincheck.causes.windows import Mark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chaincheck.store import TrustStore

Issuers = Literal["reach", "listed", "ignored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """How one kind of client chooses. ``mark``: how sure its rules are; ``renegotiation_mark`` of the one about renegotiation.

    ``issuers``: what the server's list of issuers does. reach: a chain built from the client's own stores must reach a listed name; listed:
    the issuer of an element the client has must be listed; ignored: the certificate is sent whatever the list says.
    """

    name: str
    extended_key_usage: bool
    """Whether a certificate is passed over whose EKU does not allow client authentication."""
    key_usage: bool
    """Whether one without digitalSignature in its key usage is passed over."""
    dates: bool
    """Whether one out of its dates is passed over."""
    issuers: Issuers
    renegotiates: bool
    """Whether it takes part when a server asks for a certificate after the handshake, in TLS 1.2 over HTTP/1.1."""
    http2: bool
    """Whether it speaks HTTP/2 by default."""
    mark: Mark
    renegotiation_mark: Mark
    asks_user: bool = False
    """Whether a person is asked, and a refusal is remembered."""


def _stack(
    name: str, filters: str, issuers: Issuers, *, renegotiates: bool, http2: bool, mark: Mark, heard: Mark, asks: bool = False
) -> Stack:
    return Stack(
        name=name,
        extended_key_usage="e" in filters,
        key_usage="k" in filters,
        dates="d" in filters,
        issuers=issuers,
        renegotiates=renegotiates,
        http2=http2,
        mark=mark,
        renegotiation_mark=heard,
        asks_user=asks,
    )


_DOC, _REP, _INF = Mark.DOCUMENTED, Mark.REPORTED, Mark.INFERRED
STACKS: Final[Mapping[str, Stack]] = MappingProxyType(
    {
        stack.name: stack
        for stack in (
            # net/ssl/client_cert_store_win.cc
            _stack("chromium", "ekd", "reach", renegotiates=True, http2=True, mark=_DOC, heard=_REP, asks=True),
            # SslStream: CertificateHelper.cs
            _stack("dotnet", "ek", "listed", renegotiates=True, http2=False, mark=_DOC, heard=_INF),
            _stack("winhttp", "e", "listed", renegotiates=True, http2=False, mark=_INF, heard=_INF),
            _stack("firefox", "", "reach", renegotiates=True, http2=True, mark=_INF, heard=_INF, asks=True),
            _stack("openssl", "", "ignored", renegotiates=False, http2=False, mark=_INF, heard=_REP),
            _stack("curl", "", "ignored", renegotiates=True, http2=True, mark=_INF, heard=_REP),
            _stack("go", "", "listed", renegotiates=False, http2=True, mark=_INF, heard=_REP),
            _stack("rustls", "", "ignored", renegotiates=False, http2=True, mark=_INF, heard=_REP),
            _stack("java", "", "listed", renegotiates=False, http2=False, mark=_INF, heard=_REP),
        )
    }
)
"""The client stacks whose rules are known, by the names that ``ClientProfile`` takes."""
_OTHER_NAMES: Final = {"chrome": "chromium", "edge": "chromium", ".net": "dotnet", "golang": "go", "rust": "rustls", "schannel": "winhttp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientProfile:
    """What is known of the client.

    ``kind``: chromium (Chrome, Edge), dotnet, winhttp, firefox, openssl, curl, go, rustls, java; None: not told.

    Raises ``InputError`` for a kind whose rules are not known, and for values of the wrong type.
    """

    kind: str | None = None
    store: TrustStore | None = None
    """The client's own stores: its intermediates decide whether its certificate reaches a listed issuer. None: not told."""
    tls_versions: tuple[str, ...] | None = None
    """What the client speaks, such as ("1.2",); None: whatever the server offers."""
    http_versions: tuple[str, ...] | None = None
    """Such as ("1.1",); None: what its kind speaks by default."""
    sends_body_bytes: int | None = None
    """The size of the body of the request that was refused; None: not told."""
    works_elsewhere: bool | None = None
    """Whether the same certificate works from another browser, or from a new run of the same one."""

    def __post_init__(self) -> None:
        kind: Any = self.kind
        if kind is not None:
            known = _OTHER_NAMES.get(kind.lower(), kind.lower()) if isinstance(kind, str) else ""
            if known not in STACKS:
                raise _wrong("kind", kind, ", ".join(sorted((*STACKS, *_OTHER_NAMES))))
            object.__setattr__(self, "kind", known)
        for name in ("tls_versions", "http_versions"):
            value: Any = getattr(self, name)
            if value is not None and not (isinstance(value, tuple) and all(isinstance(each, str) for each in value)):
                raise _wrong(name, value, 'a tuple such as ("1.2", "1.3"), or None')
        if self.store is not None:
            from chaincheck.store import TrustStore

            store: Any = self.store
            if not isinstance(store, TrustStore):
                raise _wrong("store", store, "a TrustStore or None")
        size: Any = self.sends_body_bytes
        if size is not None and (type(size) is not int or size < 0):
            raise _wrong("sends_body_bytes", size, "a number of bytes, or None")
        elsewhere: Any = self.works_elsewhere
        if elsewhere is not None and type(elsewhere) is not bool:
            raise _wrong("works_elsewhere", elsewhere, "True, False or None")

    @property
    def stack(self) -> Stack | None:
        """The rules of its kind."""
        return None if self.kind is None else STACKS[self.kind]

    @property
    def speaks_tls13(self) -> bool | None:
        """Whether it may choose TLS 1.3; None: not told."""
        return None if self.tls_versions is None else "1.3" in self.tls_versions

    @property
    def speaks_http2(self) -> bool | None:
        """Whether it may choose HTTP/2; None: not told."""
        if self.http_versions is not None:
            return "2" in self.http_versions
        return None if self.stack is None else self.stack.http2


def _wrong(name: str, value: object, expected: str) -> Exception:
    from chaincheck.errors import InputError
    from chaincheck.formats.described import described

    found = repr(value[:40]) if isinstance(value, str) else described(value)
    return InputError("client", found=found, expected=expected, where=f"client.{name}")


NO_CLIENT: Final = ClientProfile()
"""Nothing is known."""
