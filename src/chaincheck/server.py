"""What is known of the server besides its stores: the binding of http.sys, Schannel's settings, what IIS asks for, who stands in front.

``None`` means "not told" everywhere, as it does for the compartments of a store.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from chaincheck.rules import Rules

Kind = Literal["ip", "hostname", "central-store"]

TLS13_BUILD: Final = 20348
"""Windows Server 2022, the first build whose http.sys speaks TLS 1.3 unless it is told not to (Windows 11 begins at 22000)."""
HTTP2_BUILD: Final = 14393
"""Windows Server 2016."""
SENDS_NO_LIST_BUILD: Final = 9200
"""Windows Server 2012, from which on SendTrustedIssuerList is 0 where it is absent (TLS overview, documented)."""

ISSUER_LIST_BYTES: Final = 16_384
"""The longest issuer list that Schannel sends; what is longer is cut, and event 36885 logged (documented)."""
MESSAGE_LIMIT: Final = 0x8000
"""MessageLimitServerClientAuth where it is not set: the longest handshake message with client authentication (documented)."""
READ_AHEAD: Final = 49_152
"""uploadReadAheadSize where it is not set (documented)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One SSL binding of http.sys, as ``netsh http show sslcert`` prints it or the registry keeps it.

    ``key`` is the address or host name with the port, of a central store the port alone. A field that the export does not have is None;
    the defaults of http.sys then hold, which the properties of ``ServerProfile`` know.
    """

    key: str
    kind: Kind = "ip"
    certificate_hash: str | None = None
    application_id: str | None = None
    certificate_store: str | None = None
    revocation: bool | None = None
    """Verify Client Certificate Revocation."""
    cached_revocation_only: bool | None = None
    """Verify Revocation Using Cached Client Certificate Only."""
    usage_check: bool | None = None
    """Usage Check."""
    ctl_identifier: str | None = None
    ctl_store: str | None = None
    """Ctl Store Name: the store whose certificates are the accepted issuers; an empty str where there is none."""
    ds_mapper: bool | None = None
    """DS Mapper Usage: http.sys maps the certificate to an account through Active Directory."""
    negotiate: bool | None = None
    """Negotiate Client Certificate: the certificate is asked for in the first handshake."""
    reject: bool | None = None
    """Reject Connections."""
    http2: bool | None = None
    tls12: bool | None = None
    tls13: bool | None = None
    kept: tuple[tuple[str, str], ...] = ()
    """Labels that are not read here, with their values; also a switch by the name of its field, where its word was not understood."""

    def __post_init__(self) -> None:
        _check(self, "binding", {"key": (str,), "kind": (str,), "kept": (tuple,)})

    @property
    def unread(self) -> tuple[tuple[str, str], ...]:
        """The settings that decide about client certificates, and whose word was not understood."""
        return tuple((label, value) for label, value in self.kept if label in _JUDGED)

    @property
    def port(self) -> int | None:
        """The port of ``key``."""
        last = self.key.rpartition(":")[2]
        return int(last) if last.isdecimal() and len(last) < 6 else None

    @property
    def host(self) -> str:
        """The address or name of ``key``, lower case; empty for a central store."""
        return self.key.rpartition(":")[0].lower()

    @property
    def judged(self) -> tuple[object, ...]:
        """What of it decides about client certificates: two bindings that agree here answer alike."""
        asked = (self.negotiate or False, self.reject or False, self.http2 is not False, self.tls13 is not False)
        checked = (self.revocation is not False, self.cached_revocation_only or False, self.usage_check is not False)
        return *asked, *checked, self.ctl_store or "", self.ds_mapper or False


@dataclass(frozen=True, slots=True, kw_only=True)
class Schannel:
    """The values under ``SCHANNEL`` in the registry. None: the value is absent, and the default of that version of Windows holds."""

    send_trusted_issuer_list: bool | None = None
    client_auth_trust_mode: int | None = None
    """0 Machine Trust, 1 Exclusive Root Trust, 2 Exclusive CA Trust."""
    message_limit_server_client_auth: int | None = None
    """Bytes."""
    disabled_protocols: tuple[str, ...] = ()
    """Protocols that the server may not speak, as the registry names them ("TLS 1.3")."""

    def __post_init__(self) -> None:
        _check(
            self, "schannel", {"client_auth_trust_mode": (int,), "message_limit_server_client_auth": (int,), "disabled_protocols": (tuple,)}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """``system.webServer/security/access`` of one place: ``path`` is "" for the server, "Site" or "Site/directory" else."""

    path: str
    flags: tuple[str, ...]
    """``sslFlags``, as they are written; unknown words are kept."""

    @property
    def asks(self) -> bool:
        """Whether a certificate is asked for: Accept or Require."""
        return bool({"sslnegotiatecert", "sslrequirecert"} & {flag.lower() for flag in self.flags})

    @property
    def requires(self) -> bool:
        """Whether a request without a certificate is refused."""
        return "sslrequirecert" in {flag.lower() for flag in self.flags}


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingEntry:
    """One entry of ``oneToOneMappings``: the certificate as it is written there (Base64), and the path of the section."""

    certificate: str
    enabled: bool = True
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateMapping:
    """``iisClientCertificateMappingAuthentication`` of one place; ``path`` as of ``Access``."""

    path: str = ""
    enabled: bool = True
    one_to_one: tuple[MappingEntry, ...] | None = None
    """None where one-to-one mappings are off."""
    many_to_one: int | None = None
    """How many enabled rules there are; None where many-to-one mappings are off. The rules themselves are not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProfile:
    """What is known of the server. Everything is optional: each export that is given makes the answer surer.

    ``here``: this machine is the server, so what it cannot reach the server cannot reach.
    """

    here: bool = False
    host: str | None = None
    """The name in the address that the client uses; it chooses the binding."""
    address: str | None = None
    """The address at which the server is reached."""
    port: int = 443
    path: str = ""
    """The place that was asked for, as IIS names it: "Default Web Site/private"."""
    bindings: tuple[Binding, ...] | None = None
    schannel: Schannel | None = None
    access: tuple[Access, ...] | None = None
    mappings: tuple[CertificateMapping, ...] | None = None
    windows_build: int | None = None
    """The build of Windows: 20348 is Server 2022."""
    tls_versions: tuple[str, ...] | None = None
    """What the server offers, such as ("1.2", "1.3"); None: by the binding, Schannel and the build."""
    http_versions: tuple[str, ...] | None = None
    """Such as ("1.1", "2"); None: by the binding and the build."""
    tls_ends_in_front: bool | None = None
    """Whether a balancer, ARR or another proxy ends the TLS connection of the client."""
    follows_aia: bool | None = None
    """Whether chains are completed by downloading intermediates: CertChainCacheOnlyUrlRetrieval is 0."""
    upload_read_ahead_size: int | None = None
    """serverRuntime: bytes of a body that are read while a certificate is still to be asked for; None: 49152."""
    clock_offset: float | None = None
    """Seconds by which the server's clock is ahead of the true time."""
    verify_depth: int | None = None
    """OpenSSL: the most intermediate certificates, as ssl_verify_depth says; None: its own limit of 100."""
    verify_mode: Literal["require", "optional", "none"] | None = None
    """OpenSSL: whether a certificate is asked for, and whether one is demanded."""
    kept: tuple[tuple[str, str], ...] = ()
    """What stood in the exports and is not read here: (where, what)."""

    def __post_init__(self) -> None:
        for name, kinds, expected in _FIELDS:
            value = getattr(self, name)
            if value is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
                raise _wrong(name, value, expected)
        for name, member in _MEMBERS.items():
            for value in getattr(self, name) or ():
                if not isinstance(value, member):
                    raise _wrong(name, value, f"a tuple of {member.__name__}")
        if self.host is not None and not _HOST.fullmatch(self.host):
            raise _wrong("host", self.host, "a host name such as www.example.com, without scheme, port and path")
        if self.clock_offset is not None and not abs(self.clock_offset) < _LONGEST_OFFSET:
            raise _wrong("clock_offset", self.clock_offset, "seconds, less than a hundred years of them")
        if not 0 < self.port < 65_536:
            raise _wrong("port", self.port, "a number from 1 to 65535")
        mode: object = self.verify_mode
        if mode not in (None, "require", "optional", "none"):
            raise _wrong("verify_mode", mode, '"require", "optional", "none" or None')

    @classmethod
    def load(cls, *sources: Any, **told: Any) -> ServerProfile:
        """Read exports of the server: text, bytes, paths, or a folder of files. Each is recognised by its content, UTF-16 included:

        ``netsh http show sslcert`` (text in any language, or JSON); registry text (``.reg`` or ``reg query``) of ``SslBindingInfo`` and its
        sisters, ``SCHANNEL`` and ``HTTPFilter\\Parameters``; IIS configuration (applicationHost.config, web.config, ``appcmd list config``)
        with ``access``, ``serverRuntime`` and client certificate mappings; the version of Windows; ``w32tm /stripchart``.

        ``told``: fields of the profile that no export has, such as ``host="www.example.com"``. Of a folder everything else is left alone.
        Raises ``InputError`` where a source is none of these.
        """
        from chaincheck.server_exports import load

        return load(sources, told)

    # what follows from it

    @property
    def answering(self) -> tuple[Binding, ...]:
        """The bindings of which one answers: a host name before an address, an address before all addresses (netsh, reported by users).

        All that may, where host or address is not told; none where none is for that port, name or address.
        """
        here = [binding for binding in self.bindings or () if binding.port == self.port]
        named = [binding for binding in here if binding.kind == "hostname"]
        if self.host is not None:
            name = self.host.lower().rstrip(".")
            above = f"*.{name.partition('.')[2]}"
            exact = [binding for binding in named if binding.host.rstrip(".") == name]
            if named := exact or [binding for binding in named if binding.host.rstrip(".") == above]:
                return tuple(named)
        at = [binding for binding in here if binding.kind == "ip"]
        if self.address is not None:
            wild = [binding for binding in at if binding.host in ("0.0.0.0", "[::]")]  # noqa: S104 - read, not listened at
            at = [binding for binding in at if _same_address(binding.host, self.address)] or wild
        # whether a name without an entry of its own goes to the central store or to an address, no export says
        return (*named, *at, *(binding for binding in here if binding.kind == "central-store"))

    @property
    def binding(self) -> Binding | None:
        """The binding that answers; None where it is not told, or several could and do not agree."""
        answering = self.answering
        return answering[0] if answering and len({binding.judged for binding in answering}) == 1 else None

    @property
    def effective_access(self) -> Access | None:
        """The access section that holds for ``path``: the one of the longest path above it; None where two of them disagree."""
        if self.access is None:
            return None
        wanted = self.path.lower().strip("/")
        holding = [each for each in self.access if covers(each.path, wanted)]
        nearest = max((len(each.path.strip("/")) for each in holding), default=0)
        said = {(each.asks, each.requires): each for each in holding if len(each.path.strip("/")) == nearest}
        return None if len(said) > 1 else next(iter(said.values()), Access(path="", flags=()))

    @property
    def speaks_tls13(self) -> bool | None:
        """Whether TLS 1.3 may be chosen; None where it cannot be told."""
        if self.tls_versions is not None:
            return "1.3" in self.tls_versions
        if self.schannel is not None and "tls 1.3" in (protocol.lower() for protocol in self.schannel.disabled_protocols):
            return False
        if self.windows_build is not None and self.windows_build < TLS13_BUILD:
            return False
        if self.binding is not None and self.binding.tls13 is not None:  # the switch exists since Windows Server 2022
            return self.binding.tls13
        return None if self.windows_build is None else self.windows_build >= TLS13_BUILD

    @property
    def speaks_http2(self) -> bool | None:
        """Whether HTTP/2 may be chosen; None where it cannot be told."""
        if self.http_versions is not None:
            return "2" in self.http_versions
        if self.binding is not None and self.binding.http2 is not None:
            return self.binding.http2
        return None if self.windows_build is None else self.windows_build >= HTTP2_BUILD

    @property
    def sends_issuer_list(self) -> bool | None:
        """Whether the names of the accepted issuers are sent; None where Schannel's settings are not told."""
        if self.schannel is None:
            return None
        if self.schannel.send_trusted_issuer_list is not None:
            return self.schannel.send_trusted_issuer_list
        return self.windows_build is not None and self.windows_build < SENDS_NO_LIST_BUILD

    @property
    def trust_mode(self) -> int:
        """ClientAuthTrustMode; 0 where it is absent or not told (documented default)."""
        return (self.schannel.client_auth_trust_mode or 0) if self.schannel is not None else 0

    def applied(self, rules: Rules) -> Rules:
        """The rules as the settings of this server change them; for rules of another kind of server only what concerns those."""
        from dataclasses import replace

        changes: dict[str, Any] = {}
        binding = self.binding
        if rules.evidence == "server" and rules.root_store_hygiene and binding is not None:
            if binding.revocation is False:
                changes["revocation"] = "off"
            if binding.usage_check is False:
                changes["purpose"] = None
        if self.verify_depth is not None and rules.max_path_length is None:
            changes["max_path_length"] = self.verify_depth
        return replace(rules, **changes) if any(getattr(rules, name) != value for name, value in changes.items()) else rules


def _same_address(one: str, other: str) -> bool:
    from ipaddress import ip_address

    try:
        return ip_address(one.strip("[]")) == ip_address(other.strip("[]"))
    except ValueError:
        return one.strip("[]").lower() == other.strip("[]").lower()


_HOST: Final = re.compile(r"[^\s/:@\[\]]{1,255}")
_LONGEST_OFFSET: Final = 100 * 365 * 86_400


def covers(place: str, wanted: str) -> bool:
    """Whether what is set at a place holds at another, "" being the server."""
    place, wanted = place.lower().strip("/"), wanted.lower().strip("/")
    return place in ("", wanted) or wanted.startswith(place + "/")


_TEXT: Final = "a str or None"
_FLAG: Final = "True, False or None"
_FIELDS: Final[tuple[tuple[str, tuple[type, ...], str], ...]] = (
    ("here", (bool,), "True or False"),
    ("host", (str,), _TEXT),
    ("address", (str,), _TEXT),
    ("port", (int,), "a number from 1 to 65535"),
    ("path", (str,), "a str"),
    ("bindings", (tuple,), "a tuple of Binding, or None"),
    ("schannel", (Schannel,), "a Schannel or None"),
    ("access", (tuple,), "a tuple of Access, or None"),
    ("mappings", (tuple,), "a tuple of CertificateMapping, or None"),
    ("windows_build", (int,), "a build such as 20348, or None"),
    ("tls_versions", (tuple,), 'a tuple such as ("1.2", "1.3"), or None'),
    ("http_versions", (tuple,), 'a tuple such as ("1.1", "2"), or None'),
    ("tls_ends_in_front", (bool,), _FLAG),
    ("follows_aia", (bool,), _FLAG),
    ("upload_read_ahead_size", (int,), "bytes, or None"),
    ("clock_offset", (int, float), "seconds, or None"),
    ("verify_depth", (int,), "a number of certificates, or None"),
    ("kept", (tuple,), "a tuple"),
)
_MEMBERS: Final[dict[str, type]] = {
    "bindings": Binding,
    "access": Access,
    "mappings": CertificateMapping,
    "tls_versions": str,
    "http_versions": str,
}


_JUDGED: Final = frozenset(
    ("revocation", "cached_revocation_only", "usage_check", "ds_mapper", "negotiate", "reject", "http2", "tls12", "tls13")
)
_STRINGS: Final = frozenset(("certificate_hash", "application_id", "certificate_store", "ctl_identifier", "ctl_store"))


def _check(part: Binding | Schannel, where: str, required: dict[str, tuple[type, ...]]) -> None:
    """A field is of its type or, but for those that every binding has, None; all others are switches."""
    for name in type(part).__dataclass_fields__:
        value = getattr(part, name)
        kinds = required.get(name, (str,) if name in _STRINGS else (bool,))
        if value is None and name not in ("key", "kind", "kept", "disabled_protocols"):
            continue
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise _wrong(f"{where}.{name}", value, " or ".join(kind.__name__ for kind in kinds) + ", or None")


def _wrong(name: str, value: object, expected: str) -> Exception:
    from chaincheck.errors import InputError
    from chaincheck.formats.described import described

    return InputError("server", found=described(value), expected=expected, where=f"server.{name}")


NO_PROFILE: Final = ServerProfile()
"""Nothing is known."""
