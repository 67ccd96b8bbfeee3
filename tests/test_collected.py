"""What docs/collect.ps1 writes, made up: the folder of a server, asked with ``chaincheck diagnose --case``."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import pytest

import exports
import pki
from chaincheck.cli import main
from exports import ENTERPRISE, LOCAL_MACHINE, binding, netsh, netsh_json, registry_stores
from pki import AT

if TYPE_CHECKING:
    from pathlib import Path

ROOT = pki.root("Collected Root")
CA = ROOT.issue_ca("Collected CA")
OTHER = pki.root("Other Collected Root")
CLIENT = CA.issue("client")
HTTP = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\HTTP\\Parameters"


def sst(*certificates: bytes) -> bytes:
    return b"\0\0\0\0CERT" + b"".join(struct.pack("<III", 32, 1, len(der)) + der for der in certificates) + bytes(12)


@pytest.fixture
def collected(tmp_path: Path) -> Path:
    """A healthy server: what the script writes, in the encodings in which it writes."""
    folder = tmp_path / "collected"
    for place in ("LocalMachine", "CurrentUser"):
        (folder / "stores" / place).mkdir(parents=True)
    machine = folder / "stores" / "LocalMachine"
    (machine / "Root.sst").write_bytes(sst(ROOT.der))
    (machine / "CA.sst").write_bytes(sst(CA.der))
    for empty in ("Disallowed", "AuthRoot", "ClientAuthIssuer", "TrustedPeople"):
        (machine / f"{empty}.empty").write_bytes(b"")
    (folder / "stores" / "CurrentUser" / "Root.sst").write_bytes(sst(ROOT.der, OTHER.der))
    (folder / "stores" / "CurrentUser" / "CA.empty").write_bytes(b"")
    (folder / "stores" / "policy.empty").write_bytes(b"")
    texts = {
        "stores/enterprise.reg": registry_stores({"NTAuth": [CA.der]}, root=ENTERPRISE),
        "stores/localmachine.reg": registry_stores({"ROOT": [ROOT.der], "CA": [CA.der, ROOT.crl()], "MY": []}, root=LOCAL_MACHINE),
        "netsh-sslcert.txt": netsh(binding("www.example.com:443"), binding("0.0.0.0:443", Negotiate_Client_Certificate="Disabled")),
        "netsh-sslcert.json": netsh_json("www.example.com:443"),
        "schannel.txt": exports.schannel({}),
        "http-parameters.txt": f"\n{HTTP}\n    MaxConnections    REG_DWORD    0x1\n",
        "iis-config.xml": exports.configuration({"": "None", "Default Web Site/private": "Ssl, SslNegotiateCert, SslRequireCert"}),
        "winhttp-proxy.txt": "Current WinHTTP proxy settings:\n\n    Direct access (no proxy server).\n",
        "clock.txt": "UTC 2026-06-15T12:00:00.0000000Z\nLeap Indicator: 0(no warning)\n12:00:00, +00.0012345s\n",
        "os.txt": "Caption: Microsoft Windows Server 2022\nVersion: 10.0.20348\nBuildNumber: 20348\n",
        "collected.txt": "ok      stores\\LocalMachine\\Root\nfailed  httpfilter.txt  exit code 1\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-16" if name.endswith(".reg") else "utf-8-sig")
    return folder


def run(folder: Path, capsys: pytest.CaptureFixture[str], *more: str, cert: pki.Issued = CLIENT) -> tuple[int, dict[str, object]]:
    file = folder.parent / "client.cer"
    file.write_bytes(cert.der)
    place = ["--path", "Default Web Site/private", "--host", "www.example.com"]
    code = main(["diagnose", str(file), "--case", str(folder), "--at", AT.isoformat(), "--fetch", "never", "--json", *place, *more])
    out, err = capsys.readouterr()
    assert not err
    return code, json.loads(out)


def test_a_healthy_server_accepts(collected: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = run(collected, capsys, "--client", "chrome")
    assert (code, answer["verdict"], answer["plan"]) == (0, "accepted", None)
    assumed = {each["code"] for each in answer["assumptions"]}  # type: ignore[attr-defined]  # the member of this very kind
    assert not assumed & {"binding-not-told", "schannel-not-told", "access-not-told", "disallowed-not-told", "store-sorted"}


def test_the_binding_of_all_addresses_asks_too_late(collected: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = run(collected, capsys, "--client", "chrome", "--host", "other.example.com", "--observed", "403 7 5")
    assert code == 3
    assert [cause["code"] for cause in answer["causes"] if cause["severity"] == "fatal"] == ["late-certificate-request"]  # type: ignore[attr-defined]
    assert answer["observation"]["explained"]  # type: ignore[index]  # JSON, read as object
    assert [step["kind"] for step in answer["plan"]["steps"]] == ["ask-in-first-handshake"]  # type: ignore[index]  # JSON, read as object


def test_a_root_of_the_one_who_collected_is_not_the_servers(collected: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = run(collected, capsys, cert=OTHER.issue("client"))
    assert code == 3
    assert answer["causes"][0]["code"] == "root-in-wrong-store"  # type: ignore[index]  # JSON, read as object
    assert answer["causes"][0]["facts"]["found_in"] == "CurrentUser\\Root"  # type: ignore[index]  # JSON, read as object


def test_a_case_and_another_store_are_too_much(collected: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", str(collected / "os.txt"), "--case", str(collected), "--roots", "x"]) == 64
    assert "--case and another store" in capsys.readouterr().err


def test_single_exports_are_options_too(collected: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = collected.parent / "client.cer"
    file.write_bytes(CLIENT.der)
    listing = collected.parent / "my.txt"
    listing.write_text(exports.listing("MY", "Personal", CLIENT, keys={0: "Missing stored keyset"}), encoding="utf-8")
    given = ["--roots", str(collected / "stores/LocalMachine/Root.sst"), "--intermediates", str(collected / "stores/LocalMachine/CA.sst")]
    told = ["--server", str(collected / "netsh-sslcert.txt"), "--host", "www.example.com", "--client-store", str(listing)]
    assert main(["diagnose", str(file), *given, *told, "--at", AT.isoformat(), "--fetch", "never", "--lang", "en"]) == 3
    out = capsys.readouterr().out
    assert "its key container is gone" in " ".join(out.split())
    assert main(["diagnose", str(file), *given, "--client", "netscape"]) == 64
    assert "--client" in capsys.readouterr().err
