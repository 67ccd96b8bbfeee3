"""This machine's stores: bundles of other systems, and Windows through a made-up registry and a made-up crypt32."""

from __future__ import annotations

import ctypes
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import pki
from chaincheck.errors import InputError
from chaincheck.formats.limits import DEFAULT, Limits
from chaincheck.formats.system import read_bundles, read_crypt32, read_registry, read_system
from chaincheck.store import TrustStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ROOT = pki.root("System Root")
OTHER = pki.root("Other Root")
ISSUING = ROOT.issue_ca("System Issuing CA")
CRL = ISSUING.crl()


# bundles


def test_ssl_cert_file_is_the_store_where_it_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(b"# roots of the house\n" + pki.pem_bundle(ROOT, OTHER))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    found = read_system()
    assert [member.der for member in found.compartments["roots"]] == [ROOT.der, OTHER.der]
    assert set(found.compartments) == {"roots"}
    assert found.crls is None
    assert found.compartments["roots"][0].location == str(bundle)
    assert str(bundle) in found.name


def test_the_store_system_tells_the_roots_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(ROOT.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    store = TrustStore.load("system")
    assert [entry.der for entry in store.roots or ()] == [ROOT.der]
    assert (store.intermediates, store.disallowed, store.client_auth_issuers, store.crls) == (None, None, None, None)


def test_ssl_cert_file_and_directory_add_up_and_repetitions_count_once(tmp_path: Path) -> None:
    (tmp_path / "file.pem").write_bytes(ROOT.pem)
    directory = tmp_path / "certs"
    directory.mkdir()
    (directory / "1.pem").write_bytes(ROOT.pem)
    (directory / "2.pem").write_bytes(OTHER.pem)
    found = read_bundles(DEFAULT, {"SSL_CERT_FILE": str(tmp_path / "file.pem"), "SSL_CERT_DIR": str(directory)})
    assert [member.der for member in found.compartments["roots"]] == [ROOT.der, OTHER.der]


def test_ssl_cert_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_bundles(DEFAULT, {"SSL_CERT_FILE": str(tmp_path / "absent.pem")})
    assert error.value.code == "not-found"


def test_the_first_bundle_that_can_be_read_is_the_store(tmp_path: Path) -> None:
    (tmp_path / "damaged.pem").write_bytes(b"nothing of the kind")
    (tmp_path / "bundle.pem").write_bytes(OTHER.pem)
    bundles = tuple(str(tmp_path / name) for name in ("absent.pem", "damaged.pem", "bundle.pem"))
    found = read_bundles(DEFAULT, {}, bundles, ())
    assert [member.der for member in found.compartments["roots"]] == [OTHER.der]
    assert found.notes[0][0] == bundles[1]


def test_where_no_bundle_is_found_the_roots_are_not_told(tmp_path: Path) -> None:
    found = read_bundles(DEFAULT, {}, (str(tmp_path / "absent.pem"),), ())
    assert not found.compartments
    assert "SSL_CERT_FILE" in found.notes[0][1]


def test_limits_for_strangers_do_not_close_the_machines_own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(ROOT.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    assert len(read_system(Limits.hostile()).compartments["roots"]) == 1


# the registry

SYSTEM = r"SOFTWARE\Microsoft\SystemCertificates"
POLICY = r"SOFTWARE\Policies\Microsoft\SystemCertificates"
ENTERPRISE = r"SOFTWARE\Microsoft\EnterpriseCertificates"


def blob(der: bytes, *properties: tuple[int, bytes], kind: int = 32) -> bytes:
    return b"".join(struct.pack("<III", number, 1, len(value)) + value for number, value in (*properties, (kind, der)))


class Key:
    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> Key:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Registry:
    """The functions of ``winreg`` over a dictionary of paths and Blob values; ``closed`` paths may not be opened."""

    HKEY_LOCAL_MACHINE = Key("")
    KEY_READ = 0x20019
    KEY_WOW64_64KEY = 0x100

    def __init__(self, values: Mapping[str, object], closed: tuple[str, ...] = ()) -> None:
        self.values = values
        self.closed = closed

    def OpenKey(self, key: Key, name: str, reserved: int, access: int) -> Key:  # noqa: N802 - winreg's name
        assert (reserved, access) == (0, 0x20119)
        path = f"{key.path}\\{name}".lstrip("\\")
        if path.startswith(self.closed or ("\0",)):
            raise PermissionError(13, "Access is denied")
        if not any(known == path or known.startswith(path + "\\") for known in self.values):
            raise FileNotFoundError(2, "The system cannot find the file specified")
        return Key(path)

    def EnumKey(self, key: Key, index: int) -> str:  # noqa: N802
        below = dict.fromkeys(known[len(key.path) + 1 :].partition("\\")[0] for known in self.values if known.startswith(key.path + "\\"))
        try:
            return list(below)[index]
        except IndexError:
            raise OSError(259, "No more data is available") from None

    def QueryValueEx(self, key: Key, name: str) -> tuple[object, int]:  # noqa: N802
        assert name == "Blob"
        return self.values[key.path], 3


def test_the_registry_is_read_with_policy_and_enterprise_stores() -> None:
    registry = Registry(
        {
            rf"{SYSTEM}\Root\Certificates\AA": blob(ROOT.der, (11, b"f\0"), (2, b"names a key")),
            rf"{SYSTEM}\AuthRoot\Certificates\BB": blob(OTHER.der, (9, b"\x30\x00"), (104, bytes(8))),
            rf"{POLICY}\CA\Certificates\CC": blob(ISSUING.der),
            rf"{ENTERPRISE}\CA\Certificates\CC": blob(ISSUING.der),
            rf"{SYSTEM}\CA\CRLs\DD": blob(CRL, kind=33),
            rf"{SYSTEM}\Disallowed\Certificates\EE": blob(OTHER.der),
        }
    )
    found = read_registry(registry)
    assert {(m.der, m.location, m.properties) for m in found.compartments["roots"]} == {
        (ROOT.der, r"LocalMachine\Root", ((11, b"f\0"),)),
        (OTHER.der, r"LocalMachine\AuthRoot", ((9, b"\x30\x00"), (104, bytes(8)))),
    }
    assert [(m.der, m.location) for m in found.compartments["intermediates"]] == [(ISSUING.der, r"LocalMachine, group policy\CA")]
    assert [m.der for m in found.compartments["disallowed"]] == [OTHER.der]
    assert found.compartments["client_auth_issuers"] == ()  # no such key: looked at, and empty
    assert found.crls == (CRL,)
    assert found.notes == ()


def test_a_damaged_blob_is_a_note_and_the_rest_is_read() -> None:
    good = blob(ROOT.der)
    registry = Registry(
        {
            rf"{SYSTEM}\Root\Certificates\00": good[:-1],
            rf"{SYSTEM}\Root\Certificates\01": "text",
            rf"{SYSTEM}\Root\Certificates\02": blob(CRL, kind=33),
            rf"{SYSTEM}\Root\Certificates\03": good,
        }
    )
    found = read_registry(registry)
    assert [m.der for m in found.compartments["roots"]] == [ROOT.der]
    assert len(found.notes) == 3


def test_a_store_that_may_not_be_opened_is_not_told() -> None:
    registry = Registry({rf"{SYSTEM}\Root\Certificates\AA": blob(ROOT.der)}, closed=tuple(rf"{p}\CA" for p in (SYSTEM, POLICY, ENTERPRISE)))
    found = read_registry(registry)
    assert "intermediates" not in found.compartments
    assert "denied" in found.notes[0][1]


def test_no_more_is_read_than_the_limits_allow() -> None:
    values = {rf"{SYSTEM}\Root\Certificates\{n:02}": blob(pki.root(f"Root {n}").der) for n in range(5)}
    found = read_registry(Registry(values), replace(DEFAULT, max_certificates=3))
    assert len(found.compartments["roots"]) == 3
    assert len(found.notes) == 1


# crypt32


class Crypt32:
    """The functions of crypt32.dll that read stores, over dictionaries. Handles are numbers; each open one must be closed."""

    def __init__(self, stores: Mapping[str, list[tuple[bytes, dict[int, bytes]]]], crls: Mapping[str, list[bytes]]) -> None:
        self.stores, self.crls = stores, crls
        self.handles: dict[int, str] = {}
        self.kept: list[Any] = []
        self.CertOpenStore = _Function(self._open)
        self.CertCloseStore = _Function(self._close)
        self.CertEnumCertificatesInStore = _Function(self._next_certificate)
        self.CertEnumCRLsInStore = _Function(self._next_crl)
        self.CertGetCertificateContextProperty = _Function(self._property)

    def _next_certificate(self, handle: int, before: Any) -> Any:
        return self._next(self.CertEnumCertificatesInStore.restype, before, [der for der, _ in self.stores[self.handles[handle]]])

    def _next_crl(self, handle: int, before: Any) -> Any:
        return self._next(self.CertEnumCRLsInStore.restype, before, self.crls.get(self.handles[handle], []))

    def _open(self, provider: int, encoding: int, legacy: None, flags: int, name: str) -> int | None:
        assert (provider, encoding, legacy) == (10, 0, None)
        assert flags & 0xFF0000 == 0x20000  # local machine, not the current user
        assert flags & 0x8000  # read only
        if name not in self.stores:
            return None
        self.handles[len(self.kept) + 1] = name
        self.kept.append(name)
        return len(self.kept)

    def _close(self, handle: int, flags: int) -> int:
        del self.handles[handle]
        return 1

    def _next(self, pointer: Any, before: Any, members: list[bytes]) -> Any:
        index = before.contents.store if before else 0  # how many were given out
        if index >= len(members):
            return pointer()
        buffer = ctypes.create_string_buffer(members[index], len(members[index]))
        context = pointer._type_(1, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_char)), len(members[index]), None, index + 1)
        self.kept += [buffer, context]
        return ctypes.pointer(context)

    def _property(self, context: Any, number: int, value: Any, size: Any) -> int:
        der = ctypes.string_at(context.contents.encoded, context.contents.size)
        known = [properties for members in self.stores.values() for member, properties in members if member == der]
        found = next((properties[number] for properties in known if number in properties), None)
        if found is None:
            return 0
        size._obj.value = len(found)
        if value is not None:
            value.raw = found
        return 1


class _Function:
    argtypes: Any = None
    restype: Any = None

    def __init__(self, does: Any) -> None:
        self.does = does

    def __call__(self, *arguments: Any) -> Any:
        return self.does(*arguments)


def test_crypt32_is_read_as_the_server_sees_it() -> None:
    library = Crypt32(
        {
            "Root": [(ROOT.der, {11: b"f\0", 2: b"a pointer"}), (OTHER.der, {})],
            "AuthRoot": [(OTHER.der, {104: bytes(8)})],
            "CA": [(ISSUING.der, {})],
            "Disallowed": [],
        },
        {"CA": [CRL]},
    )
    found = read_crypt32(library, last_error=lambda: 2)
    assert {(m.der, m.location, m.properties) for m in found.compartments["roots"]} == {
        (ROOT.der, r"LocalMachine\Root", ((11, b"f\0"),)),
        (OTHER.der, r"LocalMachine\AuthRoot", ((104, bytes(8)),)),
    }
    assert [m.der for m in found.compartments["intermediates"]] == [ISSUING.der]
    assert found.compartments["disallowed"] == ()
    assert found.compartments["client_auth_issuers"] == ()  # the store does not exist
    assert found.crls == (CRL,)
    assert not library.handles  # everything opened was closed


def test_a_windows_store_that_may_not_be_opened_is_not_told() -> None:
    found = read_crypt32(Crypt32({"Root": [(ROOT.der, {})]}, {}), last_error=lambda: 5)
    assert set(found.compartments) == {"roots"}
    assert [where for where, _ in found.notes] == [rf"LocalMachine\{name}" for name in ("AuthRoot", "CA", "Disallowed", "ClientAuthIssuer")]


def test_without_root_the_registry_is_asked_instead() -> None:
    with pytest.raises(OSError, match="cannot be opened"):
        read_crypt32(Crypt32({}, {}), last_error=lambda: 5)
