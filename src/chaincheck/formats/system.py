"""This machine's own stores: LocalMachine on Windows, elsewhere the bundle of root certificates that the system keeps.

Windows: through ``CertOpenStore``, which shows a store as the server sees it; where that is not possible, from the registry values behind
it. Never ``ssl.enum_certificates``: it merges the stores of the current user, which a service does not see.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chaincheck.errors import InputError
from chaincheck.formats.limits import DEFAULT, Limits
from chaincheck.formats.registry import parse_blob
from chaincheck.formats.sst import elements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# Compartment -> the system stores that fill it. The Trusted Root store shows AuthRoot (roots of the automatic update) as its own.
STORES: Final[Mapping[str, tuple[str, ...]]] = {
    "roots": ("Root", "AuthRoot"),
    "intermediates": ("CA",),
    "disallowed": ("Disallowed",),
    "client_auth_issuers": ("ClientAuthIssuer",),
}
# What a store keeps beside a certificate that changes whether it is trusted, by CERT_*_PROP_ID, and its friendly name. The others are left
# alone: some hold pointers or name private keys.
PROPERTIES: Final = (
    9,  # CERT_ENHKEY_USAGE: the usages it is trusted for
    11,  # CERT_FRIENDLY_NAME
    83,  # CERT_ROOT_PROGRAM_CERT_POLICIES
    84,  # CERT_ROOT_PROGRAM_NAME_CONSTRAINTS
    104,  # CERT_DISALLOWED_FILETIME: distrusted from then on
    105,  # CERT_ROOT_PROGRAM_CHAIN_POLICIES
    122,  # CERT_DISALLOWED_ENHKEY_USAGE
    126,  # CERT_NOT_BEFORE_FILETIME: what it issued later is not trusted
    127,  # CERT_NOT_BEFORE_ENHKEY_USAGE
)
# The registry keys below HKEY_LOCAL_MACHINE whose union a store is, and what each is called here.
REGISTRY_KEYS: Final = (
    (r"SOFTWARE\Microsoft\SystemCertificates", "LocalMachine"),
    (r"SOFTWARE\Policies\Microsoft\SystemCertificates", "LocalMachine, group policy"),
    (r"SOFTWARE\Microsoft\EnterpriseCertificates", "LocalMachine, enterprise"),
)
# Where systems keep the bundle: one file, most specific first.
BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # RHEL, Fedora
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # RHEL, Fedora
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS, BSD
    "/usr/local/etc/ssl/cert.pem",  # FreeBSD
)
DIRECTORIES: Final = ("/etc/ssl/certs", "/etc/pki/tls/certs")


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemCertificate:
    """A certificate (DER), the store it was found in ("LocalMachine\\Root"), and the property values kept with it, by id."""

    der: bytes
    location: str
    properties: tuple[tuple[int, bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemStore:
    """What the machine keeps. A compartment that could not be read is absent: not told. ``crls`` is None where none can be looked for.

    ``notes`` are pairs of place and remark.
    """

    name: str
    compartments: Mapping[str, tuple[SystemCertificate, ...]]
    crls: tuple[bytes, ...] | None = None
    notes: tuple[tuple[str, str], ...] = ()
    evidence_notes: tuple[tuple[str, str], ...] = ()
    """Those of ``notes`` about what may have been a CRL or a distrusted certificate."""


def read_system(limits: Limits | None = None) -> SystemStore:
    """Read this machine's stores. Limits for strangers (no paths) do not apply: it is the machine that says where its store is.

    Raises ``InputError`` where ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` names what cannot be read.
    """
    bounds = limits if limits is not None and limits.allow_paths else DEFAULT
    if sys.platform == "win32":
        return _read_windows(bounds)
    return read_bundles(bounds, os.environ)


# elsewhere: a bundle of roots


def read_bundles(
    limits: Limits, environ: Mapping[str, str], bundles: tuple[str, ...] = BUNDLES, directories: tuple[str, ...] = DIRECTORIES
) -> SystemStore:
    """``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` where one is set, as OpenSSL reads them, else the first bundle that is there."""
    told = [path for path in (environ.get("SSL_CERT_FILE"),) if path]
    told += [path for path in environ.get("SSL_CERT_DIR", "").split(os.pathsep) if path]
    if told:
        return _bundle(told, limits)
    notes: list[tuple[str, str]] = []
    for path in _usual(bundles, directories):
        if Path(path).exists():
            try:
                found = _bundle([path], limits)
            except InputError as error:
                notes.append((path, error.found))
                continue
            return SystemStore(name=found.name, compartments=found.compartments, notes=(*notes, *found.notes))
    notes.append(("system store", "no bundle of root certificates was found; name one by SSL_CERT_FILE"))
    return SystemStore(name="this machine's store", compartments={}, notes=tuple(notes))


def _usual(bundles: tuple[str, ...], directories: tuple[str, ...]) -> tuple[str, ...]:
    """The places of well-known systems, after those that this Python's OpenSSL was built with."""
    if bundles is not BUNDLES:
        return (*bundles, *directories)
    import ssl

    built_in = ssl.get_default_verify_paths()
    return tuple(dict.fromkeys((built_in.openssl_cafile, *bundles, built_in.openssl_capath, *directories)))


def _bundle(paths: list[str], limits: Limits) -> SystemStore:
    from chaincheck.formats.load import load

    members: dict[bytes, SystemCertificate] = {}
    notes: list[tuple[str, str]] = []
    for path in paths:
        loaded = load(Path(path), limits=limits, where="system store", expect="anything")
        notes += [(note.where, note.detail) for note in loaded.notes]
        for der in loaded.certificates:
            members.setdefault(der, SystemCertificate(der=der, location=path))
    name = f"this machine's store ({', '.join(paths)})"
    return SystemStore(name=name, compartments={"roots": tuple(members.values())}, notes=tuple(notes))


# Windows


@dataclass
class _Gathered:
    """What was found so far, each certificate once per compartment, at the first of its locations."""

    limits: Limits
    compartments: dict[str, dict[bytes, SystemCertificate]] = field(default_factory=dict)
    crls: dict[bytes, None] = field(default_factory=dict)
    notes: list[tuple[str, str]] = field(default_factory=list)
    evidence_notes: list[tuple[str, str]] = field(default_factory=list)
    left: int = 0

    def __post_init__(self) -> None:
        self.left = self.limits.max_certificates

    def takes(self, size: int, where: str) -> bool:
        """Whether one more object is within the limits."""
        if self.left <= 0:
            return False
        self.left -= 1
        if not self.left:
            self.note(where, f"more than {self.limits.max_certificates:,} objects; the rest was not read")
        if size > self.limits.max_certificate_bytes:
            self.note(where, f"a certificate of {size:,} bytes was not read")
            return False
        return True

    def add(self, compartment: str, found: SystemCertificate) -> None:
        """Keep it; another copy of the same certificate adds the properties that the first did not have."""
        known = self.compartments[compartment].setdefault(found.der, found)
        more = tuple(one for one in found.properties if one not in known.properties)
        if more:
            self.compartments[compartment][found.der] = replace(known, properties=(*known.properties, *more))

    def note(self, where: str, what: str) -> None:
        if len(self.notes) < 1000:
            self.notes.append((where, what))

    def lost(self, where: str, what: str) -> None:
        """A remark about what may have spoken against a certificate."""
        self.note(where, what)
        if len(self.evidence_notes) < 1000:
            self.evidence_notes.append((where, what))

    def store(self) -> SystemStore:
        told = {name: tuple(members.values()) for name, members in self.compartments.items()}
        crls = tuple(self.crls) if told else None
        return SystemStore(
            name="this machine's stores (LocalMachine)",
            compartments=told,
            crls=crls,
            notes=tuple(self.notes),
            evidence_notes=tuple(self.evidence_notes),
        )


def _read_windows(limits: Limits) -> SystemStore:
    import ctypes

    try:
        library = getattr(ctypes, "WinDLL")("crypt32", use_last_error=True)  # noqa: B009 - it exists on Windows alone
        return read_crypt32(library, limits, getattr(ctypes, "get_last_error"))  # noqa: B009
    except (OSError, AttributeError):
        import winreg

        return read_registry(winreg, limits)


def read_crypt32(library: Any, limits: Limits = DEFAULT, last_error: Callable[[], int] = lambda: 0) -> SystemStore:
    """Read the stores through crypt32.dll (or an object with its functions). Raises OSError where not even Root can be opened."""
    api = _Crypt32(library)
    gathered = _Gathered(limits)
    for compartment, names in STORES.items():
        # AuthRoot first: what Root shows from there keeps the location that says whence it came
        for name in reversed(names):
            location = f"LocalMachine\\{name}"
            handle = api.open(name)
            if handle is None:
                code = last_error()
                if name == "Root":
                    raise OSError(code, f"{location} cannot be opened")
                if code == _NOT_FOUND and name == names[0]:
                    gathered.compartments.setdefault(compartment, {})  # no such store: nothing is in it
                elif code != _NOT_FOUND:
                    gathered.note(location, f"the store cannot be opened (error {code})")
                continue
            try:
                gathered.compartments.setdefault(compartment, {})
                for der, properties in api.certificates(handle):
                    if gathered.takes(len(der), location):
                        gathered.add(compartment, SystemCertificate(der=der, location=location, properties=properties))
                gathered.crls.update(dict.fromkeys(api.crls(handle)))
            finally:
                api.close(handle)
    return gathered.store()


_NOT_FOUND = 2  # ERROR_FILE_NOT_FOUND
_PROVIDER_SYSTEM = 10  # CERT_STORE_PROV_SYSTEM_W
# CERT_SYSTEM_STORE_LOCAL_MACHINE | CERT_STORE_READONLY_FLAG | CERT_STORE_OPEN_EXISTING_FLAG
_OPEN_FLAGS = 0x20000 | 0x8000 | 0x4000


class _Crypt32:
    """The few functions of crypt32.dll that read a store, with their types."""

    def __init__(self, library: Any) -> None:
        import ctypes
        from ctypes import POINTER, Structure, c_char, c_uint32, c_void_p, c_wchar_p

        class Context(Structure):
            """The beginning that CERT_CONTEXT and CRL_CONTEXT share."""

            _fields_ = (("encoding", c_uint32), ("encoded", POINTER(c_char)), ("size", c_uint32), ("info", c_void_p), ("store", c_void_p))

        pointer = POINTER(Context)
        self._ctypes: Any = ctypes
        self._open = library.CertOpenStore
        self._open.argtypes, self._open.restype = (c_void_p, c_uint32, c_void_p, c_uint32, c_wchar_p), c_void_p
        self._close = library.CertCloseStore
        self._close.argtypes, self._close.restype = (c_void_p, c_uint32), c_uint32
        self._next_certificate = library.CertEnumCertificatesInStore
        self._next_certificate.argtypes, self._next_certificate.restype = (c_void_p, pointer), pointer
        self._next_crl = library.CertEnumCRLsInStore
        self._next_crl.argtypes, self._next_crl.restype = (c_void_p, pointer), pointer
        self._property = library.CertGetCertificateContextProperty
        self._property.argtypes, self._property.restype = (pointer, c_uint32, c_void_p, POINTER(c_uint32)), c_uint32

    def open(self, name: str) -> Any:
        """A handle, or None."""
        return self._open(_PROVIDER_SYSTEM, 0, None, _OPEN_FLAGS, name) or None

    def close(self, handle: Any) -> None:
        self._close(handle, 0)

    def certificates(self, handle: Any) -> Iterator[tuple[bytes, tuple[tuple[int, bytes], ...]]]:
        """DER and properties. Read to its end: the call for the next context frees the one before."""
        context = self._next_certificate(handle, None)
        while context:
            yield self._bytes(context), tuple(self._properties(context))
            context = self._next_certificate(handle, context)

    def crls(self, handle: Any) -> Iterator[bytes]:
        context = self._next_crl(handle, None)
        while context:
            yield self._bytes(context)
            context = self._next_crl(handle, context)

    def _bytes(self, context: Any) -> bytes:
        encoded: bytes = self._ctypes.string_at(context.contents.encoded, context.contents.size)
        return encoded

    def _properties(self, context: Any) -> Iterator[tuple[int, bytes]]:
        for identifier in PROPERTIES:
            size = self._ctypes.c_uint32(0)
            if not self._property(context, identifier, None, self._ctypes.byref(size)) or not 0 < size.value <= 1_000_000:
                continue
            value = self._ctypes.create_string_buffer(size.value)
            if self._property(context, identifier, value, self._ctypes.byref(size)):
                yield identifier, value.raw[: size.value]


def read_registry(winreg: Any, limits: Limits = DEFAULT) -> SystemStore:
    """Read the same stores from the registry (or an object with the functions of ``winreg``): the Blob values of MS-GPEF 2.2.1.1."""
    gathered = _Gathered(limits)
    for compartment, names in STORES.items():
        for name in reversed(names):
            for path, place in REGISTRY_KEYS:
                _registry_store(winreg, gathered, compartment, f"{path}\\{name}", f"{place}\\{name}")
    return gathered.store()


def _registry_store(winreg: Any, gathered: _Gathered, compartment: str, path: str, location: str) -> None:
    told = False
    for thumbprint, blob in _blobs(winreg, gathered, f"{path}\\Certificates", location):
        told = True
        if blob is not None and gathered.takes(len(blob), location):
            gathered.compartments.setdefault(compartment, {})
            try:
                found = parse_blob(blob, where=f"{location}\\{thumbprint}")
            except InputError as error:
                (gathered.lost if compartment == "disallowed" else gathered.note)(error.where, error.found)
                continue
            properties = tuple((identifier, value) for identifier, value in found.properties if identifier in PROPERTIES)
            gathered.add(compartment, SystemCertificate(der=found.der, location=location, properties=properties))
    if not told:
        return
    gathered.compartments.setdefault(compartment, {})
    for thumbprint, blob in _blobs(winreg, gathered, f"{path}\\CRLs", location):
        if blob is not None:
            place = f"{location}\\{thumbprint}"
            found_here = elements(blob, 0, place, 1, ends=False).crls
            gathered.crls.update(dict.fromkeys(found_here))
            if not found_here:
                gathered.lost(place, "a damaged CRL")


def _blobs(winreg: Any, gathered: _Gathered, path: str, location: str) -> Iterator[tuple[str, bytes | None]]:
    """Each subkey's name and its Blob. First ("", None): the key, or its absence, was seen; nothing where it may not be looked at."""
    try:
        key = winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY)
    except FileNotFoundError:
        yield "", None
        return
    except OSError as error:
        gathered.note(location, f"the registry key cannot be opened ({error.strerror or error})")
        return
    with key:
        yield "", None
        for index in count():
            try:
                name = winreg.EnumKey(key, index)
            except OSError:
                return
            try:
                with winreg.OpenKey(key, name, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY) as member:
                    value, _ = winreg.QueryValueEx(member, "Blob")
            except OSError as error:
                gathered.note(f"{location}\\{name}", f"it has no Blob that can be read ({error.strerror or error})")
                continue
            if isinstance(value, bytes):
                yield name, value
            else:
                gathered.note(f"{location}\\{name}", "its Blob is not binary")
