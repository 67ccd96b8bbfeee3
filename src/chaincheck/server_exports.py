"""Exports of a server, made into a ``ServerProfile``: each is recognised by what it holds, whatever its name and language."""

from __future__ import annotations

import os
import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chaincheck.errors import InputError
from chaincheck.formats import netsh, registry_text
from chaincheck.formats.described import described
from chaincheck.formats.text import decode
from chaincheck.server import Access, Binding, CertificateMapping, MappingEntry, Schannel, ServerProfile, covers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chaincheck.formats.registry_text import Key
    from chaincheck.formats.xml_text import Element
    from chaincheck.server import Kind

_MOST_BYTES: Final = 32 * 2**20  # an export of all bindings of a hosting server has some megabytes
_MOST_FILES: Final = 10_000
_MOST_TOGETHER: Final = 256 * 2**20  # bytes of a folder
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
    path = told.get("path", "")
    return ServerProfile(**{**_joined(parts, path if isinstance(path, str) else ""), **told})


def _shown(source: Any) -> str:
    if isinstance(source, str) and "\n" in source:
        return f"text that begins with {source.strip()[:40]!r}"
    return f"nothing of that kind in {os.fspath(source)!r}" if isinstance(source, str | os.PathLike) else described(source)


def _joined(parts: Sequence[dict[str, Any]], path: str) -> dict[str, Any]:
    """The parts together, whatever their order: tuples are joined, each member once; what two exports say differently is an error."""
    joined: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            before = joined.get(name)
            if isinstance(before, tuple) and isinstance(value, tuple):
                joined[name] = tuple(dict.fromkeys((*before, *value)))
            elif isinstance(before, Schannel) and isinstance(value, Schannel):
                joined[name] = _both(before, value)
            elif name == "clock_offset" and before is not None:
                joined[name] = max(before, value, key=lambda offset: (abs(offset), offset))
            else:
                joined[name] = _agreed(name, before, value)
    if "bindings" in joined:  # the text and the JSON of one binding; where they disagree, they are of two servers, and both are kept
        sorted_ = sorted(joined["bindings"], key=lambda each: (each.kind, each.key.lower(), repr(each)))
        joined["bindings"] = tuple({(each.kind, each.key.lower(), each.judged, each.unread): each for each in sorted_}.values())
    return _with_read_ahead(joined, path)


def _both(one: Schannel, other: Schannel) -> Schannel:
    names = [field.name for field in fields(Schannel) if field.name != "disabled_protocols"]
    disabled = tuple(sorted({*one.disabled_protocols, *other.disabled_protocols}))
    return Schannel(disabled_protocols=disabled, **{name: _agreed(name, getattr(one, name), getattr(other, name)) for name in names})


def _agreed(name: str, one: Any, other: Any) -> Any:
    if one is not None and other is not None and one != other:
        found = " and ".join(sorted((str(one), str(other))))
        raise InputError("server-export", found=f"{name} = {found}", expected="exports of one server", where="ServerProfile.load")
    return other if one is None else one


def _with_read_ahead(joined: dict[str, Any], path: str) -> dict[str, Any]:
    """uploadReadAheadSize of the nearest section above the place that is asked for; of several there the least."""
    sizes = [(place.strip("/"), size) for place, size in joined.pop("read_ahead", ()) if covers(place, path)]
    nearest = max((len(place) for place, _ in sizes), default=0)
    size = min((size for place, size in sizes if len(place) == nearest), default=None)
    return joined if size is None else joined | {"upload_read_ahead_size": size}


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
            yield from _read_folder(path)
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


def _read_folder(folder: Path) -> Iterator[dict[str, Any]]:
    """Every export in it; what is not read, and may have been one, is kept with the reason."""
    passed: list[tuple[str, str]] = []
    left, seen = _MOST_TOGETHER, 0
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = Path(base, name)
            seen += 1
            if seen > _MOST_FILES:
                yield {"kept": (*passed, (str(folder), f"more than {_MOST_FILES:,} files; the others are not read"))}
                return
            size = 0 if file.is_symlink() or not file.is_file() else file.stat().st_size
            if file.is_symlink() or size > min(_MOST_BYTES, left):
                passed.append((str(file), "a link" if file.is_symlink() else f"{size:,} bytes"))
                continue
            left -= size
            try:
                yield from _recognised(decode(file.read_bytes())[0], str(file))
            except InputError as error:
                passed.append((error.where, error.found))
    if passed:
        yield {"kept": tuple(passed)}


def _recognised(text: str, where: str) -> Iterator[dict[str, Any]]:
    """What an export says; nothing where it is none."""
    beginning = text.lstrip("\ufeff \t\r\n")[:1]
    if beginning != "<" and registry_text.looks_like(text) and netsh.looks_like(text):
        found = "the output of netsh and registry text in one"
        raise InputError("server-export", found=found, expected="each export by itself", where=where)
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
    kept = tuple(sorted((label, value) for label, value in block.items() if label not in read or _not_understood(label, value)))
    return Binding(key=key, kind=_kind(key), kept=kept, **found)


def _not_understood(label: str, value: str) -> bool:
    return (label in _SWITCHES or label in _INVERTED) and value != "" and netsh.switched(value) is None


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
_CURRENT: Final = "\\currentcontrolset\\"
_OTHER_SET: Final = re.compile(r"\\controlset[0-9]{3}\\", re.IGNORECASE)
_FILTER: Final = re.compile(r"\\services\\httpfilter\\parameters$", re.IGNORECASE)


def _registry(text: str, where: str) -> Iterator[dict[str, Any]]:
    keys, notes = registry_text.parse(text, where)
    if any(_CURRENT in key.path.lower() for key in keys):  # the other control sets are not in use
        keys = tuple(key for key in keys if not _OTHER_SET.search(key.path))
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
    read_ahead: list[tuple[str, int]] = []
    for path, section in (part for root in parse_fragments(text, where) for part in _sections(root, "")):
        if section.tag == "access":
            words = re.split(r"[,\s]+", section.attributes.get("sslFlags", ""))
            access.append(Access(path=path, flags=tuple(flag for word in words for flag in _flags(word))))
        elif section.tag == "iisClientCertificateMappingAuthentication":
            mappings.append(_mapping(section, path))
        elif section.tag == "serverRuntime":
            size = _number(section.attributes.get("uploadReadAheadSize"))
            read_ahead += [(path, size)] if size is not None else []
    found: dict[str, Any] = {}
    found |= {"access": tuple(dict.fromkeys(access))} if access else {}
    found |= {"mappings": tuple(dict.fromkeys(mappings))} if mappings else {}
    found |= {"read_ahead": tuple(read_ahead)} if read_ahead else {}
    if found:
        yield found


# IIS_schema.xml, access sslFlags: IIS takes the number as well as the words.
_FLAG_BITS: Final = {8: "Ssl", 32: "SslNegotiateCert", 64: "SslRequireCert", 128: "SslMapCert", 256: "Ssl128"}


def _flags(word: str) -> Iterator[str]:
    number = _number(word)
    if number is not None:
        yield from (name for bit, name in _FLAG_BITS.items() if number & bit)
    elif word and word.lower() != "none":
        yield word


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
