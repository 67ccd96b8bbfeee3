"""Exports of a server, made into a ``ServerProfile``: each is recognised by what it holds, whatever its name and language."""

from __future__ import annotations

import os
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chaincheck.errors import InputError
from chaincheck.formats import netsh, registry_text
from chaincheck.formats.described import described
from chaincheck.formats.text import decode
from chaincheck.server import Access, Binding, CertificateMapping, MappingEntry, Schannel, ServerProfile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chaincheck.formats.registry_text import Key
    from chaincheck.formats.xml_text import Element
    from chaincheck.server import Kind

_MOST_BYTES: Final = 32 * 2**20  # an export of all bindings of a hosting server has some megabytes
_MOST_FILES: Final = 1000
_EXPECTED: Final = "netsh http show sslcert, registry text of SslBindingInfo or SCHANNEL, configuration of IIS, or a folder of them"


def load(sources: Sequence[Any], told: dict[str, Any]) -> ServerProfile:
    """Everything read from the sources, then ``told`` on top of it."""
    names = {field.name for field in fields(ServerProfile)}
    if unknown := sorted(set(told) - names):
        raise InputError("server", found=f"the field {unknown[0]!r}", expected=", ".join(sorted(names)), where="ServerProfile.load")
    parts: list[dict[str, Any]] = []
    for place, source in enumerate(sources):
        found = list(_read(source, f"source {place + 1}" if len(sources) > 1 else "source"))
        if not found:
            raise InputError("server-export", found=_shown(source), expected=_EXPECTED, where="ServerProfile.load")
        parts += found
    return ServerProfile(**{**_joined(parts), **told})


def _shown(source: Any) -> str:
    if isinstance(source, str) and "\n" in source:
        return f"text that begins with {source.strip()[:40]!r}"
    return f"nothing of that kind in {os.fspath(source)!r}" if isinstance(source, str | os.PathLike) else described(source)


def _joined(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The parts together: tuples are joined, each member once; of the rest what was read last holds."""
    joined: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            before = joined.get(name)
            if isinstance(before, tuple) and isinstance(value, tuple):
                joined[name] = tuple(dict.fromkeys((*before, *value)))
            elif isinstance(before, Schannel):
                set_here = {field.name: getattr(value, field.name) for field in fields(Schannel) if getattr(value, field.name)}
                joined[name] = replace(before, **set_here)
            else:
                joined[name] = value
    if "bindings" in joined:  # the text and the JSON of one binding
        joined["bindings"] = tuple({(binding.kind, binding.key.lower()): binding for binding in joined["bindings"]}.values())
    return joined


# where the text comes from


def _read(source: Any, where: str) -> Iterator[dict[str, Any]]:
    if isinstance(source, bytes | bytearray):
        yield from _recognised(decode(bytes(source))[0], where)
    elif isinstance(source, str) and ("\n" in source or source.lstrip("\ufeff \t")[:1] in ("<", "{", "[")):
        yield from _recognised(source, where)
    elif isinstance(source, str | os.PathLike):
        yield from _read_path(Path(source), where)
    else:
        raise InputError("server-export", found=described(source), expected=_EXPECTED, where=where)


def _read_path(path: Path, where: str) -> Iterator[dict[str, Any]]:
    try:
        if path.is_dir():
            files = [file for file in sorted(path.rglob("*"))[: 5 * _MOST_FILES] if file.is_file() and not file.is_symlink()][:_MOST_FILES]
            for file in files:
                if file.stat().st_size <= _MOST_BYTES:
                    yield from _recognised(decode(file.read_bytes())[0], str(file))
        elif not path.is_file():
            raise InputError("not-found", found="no such file", expected=_EXPECTED, where=str(path))
        elif path.stat().st_size > _MOST_BYTES:
            raise InputError("too-large", found=f"{path.stat().st_size:,} bytes", expected=f"at most {_MOST_BYTES:,}", where=str(path))
        else:
            yield from _recognised(decode(path.read_bytes())[0], str(path))
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        found = getattr(error, "strerror", None) or str(error)
        raise InputError("unreadable", found=found, expected=_EXPECTED, where=str(path)) from error


def _recognised(text: str, where: str) -> Iterator[dict[str, Any]]:
    """What an export says; nothing where it is none."""
    beginning = text.lstrip("\ufeff \t\r\n")[:1]
    if beginning == "<":
        yield from _configuration(text, where)
    elif registry_text.looks_like(text):
        yield from _registry(text, where)
    elif netsh.looks_like(text):
        yield {"bindings": tuple(map(_binding, netsh.parse(text)))}
    else:
        yield from _version(text)
        yield from _clock(text)


# netsh


_NAMES: Final = ("certificate_hash", "application_id", "certificate_store", "ctl_identifier", "ctl_store")
_SWITCHES: Final = ("revocation", "cached_revocation_only", "usage_check", "ds_mapper", "negotiate", "reject")
_INVERTED: Final = {"disable_http2": "http2", "disable_tls12": "tls12", "disable_tls13": "tls13"}


def _binding(block: netsh.Block) -> Binding:
    found: dict[str, Any] = {name: block[name] for name in _NAMES if name in block}
    found |= {name: netsh.switched(block[name]) for name in _SWITCHES if name in block}
    for label, name in _INVERTED.items():
        off = netsh.switched(block.get(label))
        if off is not None:
            found[name] = not off
    key = block["key"]
    if "check_mode" in block or "flags" in block:
        found |= _bits(_number(block.get("check_mode")), _number(block.get("flags")))
    read = {*_NAMES, *_SWITCHES, *_INVERTED, "key", "check_mode", "flags"}
    kept = tuple(sorted((label, value) for label, value in block.items() if label not in read))
    return Binding(key=key, kind=_kind(key), kept=kept, **found)


def _kind(key: str) -> Kind:
    host = key.rpartition(":")[0]
    if not host:
        return "central-store"
    return "ip" if re.fullmatch(r"[0-9.]+|\[[0-9a-fA-F:.%]+\]", host) else "hostname"


def _number(value: str | None) -> int | None:
    try:
        return None if value is None else int(value, 0)
    except ValueError:
        return None


# HTTP_SERVICE_CONFIG_SSL_PARAM: DefaultCertCheckMode and DefaultFlags. The first three of each are documented, the rest reported by users.
def _bits(check_mode: int | None, flags: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if check_mode is not None:
        found |= {"revocation": not check_mode & 0x1, "cached_revocation_only": bool(check_mode & 0x2)}
        found["usage_check"] = not check_mode & 0x10000
    if flags is not None:
        found |= {"ds_mapper": bool(flags & 0x1), "negotiate": bool(flags & 0x2), "reject": bool(flags & 0x8)}
        # that these are not set says nothing on a Windows that does not know them
        found |= {name: False for bit, name in ((0x10, "http2"), (0x40, "tls13"), (0x1000, "tls12")) if flags & bit}
    return found


# the registry


_BINDING_KEYS: Final = re.compile(r"\\http\\parameters\\ssl(?:sni|ccs|scopedccs)?bindinginfo\\([^\\]+)$", re.IGNORECASE)
_SCHANNEL: Final = re.compile(r"\\securityproviders\\schannel(\\.*)?$", re.IGNORECASE)
_PROTOCOL: Final = re.compile(r"\\protocols\\([^\\]+)\\server$", re.IGNORECASE)
_FILTER: Final = re.compile(r"\\services\\httpfilter\\parameters$", re.IGNORECASE)


def _registry(text: str, where: str) -> Iterator[dict[str, Any]]:
    keys, notes = registry_text.parse(text, where)
    bindings = tuple(binding for key in keys if (binding := _registry_binding(key)) is not None)
    if bindings:
        yield {"bindings": bindings}
    schannel = [key for key in keys if _SCHANNEL.search(key.path)]
    if schannel:
        yield {"schannel": _schannel(schannel)}
    for key in keys:
        if _FILTER.search(key.path):
            value = key.value("CertChainCacheOnlyUrlRetrieval")
            yield {"follows_aia": value == 0}  # absent is 1: nothing is downloaded (KB 954755)
    if notes and (bindings or schannel):
        yield {"kept": tuple((note.where, note.detail) for note in notes)}


def _registry_binding(key: Key) -> Binding | None:
    match = _BINDING_KEYS.search(key.path)
    if match is None:
        return None
    name = key.value("HostnamePort") or match[1]
    mode, flags = (key.value(each) for each in ("DefaultSslCertCheckMode", "DefaultFlags"))
    found: dict[str, Any] = _bits(mode if isinstance(mode, int) else 0, flags if isinstance(flags, int) else 0)
    for field, value in (
        ("application_id", "AppId"),
        ("ctl_identifier", "DefaultSslCtlIdentifier"),
        ("certificate_store", "SslCertStoreName"),
    ):
        told = key.value(value)
        if isinstance(told, str):
            found[field] = told
    store, digest = key.value("DefaultSslCtlStoreName"), key.value("SslCertHash")
    found["ctl_store"] = store if isinstance(store, str) else ""
    if isinstance(digest, bytes):
        found["certificate_hash"] = digest.hex()
    shown = str(name)
    if shown.count(":") == 2 and not shown.startswith("["):  # address:port:host of an SNI entry (reported by users)
        address, port, host = shown.split(":")
        shown = f"{host or address}:{port}"
    kind: Kind = "central-store" if "ccsbindinginfo" in key.path.lower() else _kind(shown)
    return Binding(key=shown, kind=kind, **found)


def _schannel(keys: Sequence[Key]) -> Schannel:
    found: dict[str, Any] = {}
    disabled: list[str] = []
    for key in keys:
        match = _PROTOCOL.search(key.path)
        if match is not None:
            if key.value("Enabled") == 0:
                disabled.append(match[1])
        elif key.path.lower().endswith("schannel"):
            sends, mode, limit = (
                key.value(each) for each in ("SendTrustedIssuerList", "ClientAuthTrustMode", "MessageLimitServerClientAuth")
            )
            found["send_trusted_issuer_list"] = bool(sends) if isinstance(sends, int) else None
            found["client_auth_trust_mode"] = mode if isinstance(mode, int) else None
            found["message_limit_server_client_auth"] = limit if isinstance(limit, int) else None
    return Schannel(disabled_protocols=tuple(sorted(disabled)), **found)


# the configuration of IIS


def _configuration(text: str, where: str) -> Iterator[dict[str, Any]]:
    from chaincheck.formats.xml_text import parse_fragments

    access: list[Access] = []
    mappings: list[CertificateMapping] = []
    read_ahead: int | None = None
    for path, section in (part for root in parse_fragments(text, where) for part in _sections(root, "")):
        if section.tag == "access":
            words = re.split(r"[,\s]+", section.attributes.get("sslFlags", ""))
            access.append(Access(path=path, flags=tuple(word for word in words if word and word.lower() != "none")))
        elif section.tag == "iisClientCertificateMappingAuthentication":
            mappings.append(_mapping(section, path))
        elif section.tag == "serverRuntime":
            size = _number(section.attributes.get("uploadReadAheadSize"))
            read_ahead = size if size is not None else read_ahead
    found: dict[str, Any] = {}
    found |= {"access": tuple(dict.fromkeys(access))} if access else {}
    found |= {"mappings": tuple(dict.fromkeys(mappings))} if mappings else {}
    found |= {"upload_read_ahead_size": read_ahead} if read_ahead is not None else {}
    if found:
        yield found


_READ: Final = frozenset(("access", "iisClientCertificateMappingAuthentication", "serverRuntime"))


def _sections(element: Element, path: str) -> Iterator[tuple[str, Element]]:
    """The sections that are read, each with the path of its location. Documents are at most 64 elements deep."""
    if element.tag == "location":
        path = element.attributes.get("path", "")
    elif element.tag == "CONFIG":  # appcmd list config /xml
        path = element.attributes.get("CONFIG.SECTION.PATH", path).removeprefix("MACHINE/WEBROOT/APPHOST/")
    if element.tag in _READ and (element.tag != "access" or "sslFlags" in element.attributes):
        yield path, element
        return
    for child in element.children:
        yield from _sections(child, path)


def _mapping(section: Element, path: str) -> CertificateMapping:
    def switch(name: str, default: bool) -> bool:
        return section.attributes.get(name, str(default)).lower() == "true"

    ones = [entry for holder in section.children if holder.tag == "oneToOneMappings" for entry in holder.children if entry.tag == "add"]
    rules = [entry for holder in section.children if holder.tag == "manyToOneMappings" for entry in holder.children if entry.tag == "add"]
    one_to_one = tuple(
        MappingEntry(certificate=entry.attributes.get("certificate", ""), enabled=_enabled(entry), path=path) for entry in ones
    )
    return CertificateMapping(
        path=path,
        enabled=switch("enabled", False),
        one_to_one=one_to_one if switch("oneToOneCertificateMappingsEnabled", True) else None,
        many_to_one=sum(map(_enabled, rules)) if switch("manyToOneCertificateMappingsEnabled", True) else None,
    )


def _enabled(entry: Element) -> bool:
    return entry.attributes.get("enabled", "true").lower() == "true"


# Windows and its clock


_BUILD: Final = re.compile(r"(?<![0-9.])(?:6\.[1-3]|10\.0)\.([0-9]{4,5})(?![0-9])")
_STRIPCHART: Final = re.compile(r"^[0-9]{1,2}:[0-9]{2}:[0-9]{2},?\s+(?:d:[+-][0-9.]+s\s+)?(?:o:)?([+-][0-9]{1,9}\.[0-9]+)s", re.MULTILINE)


def _version(text: str) -> Iterator[dict[str, Any]]:
    """``Version : 10.0.20348`` of ``Get-CimInstance Win32_OperatingSystem``, ``ver`` or ``systeminfo``."""
    if len(text) < 100_000 and (match := _BUILD.search(text)) is not None:
        yield {"windows_build": int(match[1])}


def _clock(text: str) -> Iterator[dict[str, Any]]:
    """``w32tm /stripchart /computer:... /samples:N``: what the reference clock is ahead of the server's, so its sign is turned."""
    if len(text) < 100_000 and (found := _STRIPCHART.findall(text)):
        yield {"clock_offset": -float(found[-1])}
