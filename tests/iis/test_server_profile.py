"""What is read from exports of a server, in every form in which its tools print them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import exports
from chaincheck import IIS, OPENSSL, InputError, ServerProfile
from chaincheck.server import Access, Binding, Schannel
from exports import binding, configuration, netsh, netsh_json, registry_binding, schannel

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS: dict[str, Any] = {
    "Ctl_Store_Name": "Customers",
    "Negotiate_Client_Certificate": "Disabled",
    "Usage_Check": "Disabled",
    "DS_Mapper_Usage": "Enabled",
}


def only(*sources: Any) -> Binding:
    bindings = ServerProfile.load(*sources).bindings
    assert bindings is not None
    assert len(bindings) == 1
    return bindings[0]


def test_a_binding_is_read_by_its_labels() -> None:
    found = only(netsh(binding("192.0.2.1:8443", **SETTINGS)))
    assert (found.key, found.kind, found.port, found.host) == ("192.0.2.1:8443", "ip", 8443, "192.0.2.1")
    assert (found.ctl_store, found.negotiate, found.usage_check, found.ds_mapper) == ("Customers", False, False, True)
    assert (found.revocation, found.reject, found.tls13, found.http2) == (True, False, True, True)
    assert ("disable_quic", "Not Set") in found.kept


def test_the_language_of_labels_and_words_does_not_matter() -> None:
    japanese, english = only(netsh(binding(japanese=True, **SETTINGS))), only(netsh(binding(**SETTINGS)))
    assert replace(japanese, kept=()) == replace(english, kept=())
    assert ("disable_quic", "未設定") in japanese.kept


def test_older_windows_prints_fewer_lines() -> None:
    old = only(netsh(binding(lines=13)))
    assert (old.negotiate, old.reject, old.tls13, old.http2) == (True, None, None, None)


@pytest.mark.parametrize(
    ("key", "kind"), [("0.0.0.0:443", "ip"), ("[::]:443", "ip"), ("www.example.com:443", "hostname"), ("443", "central-store")]
)
def test_each_kind_of_key_is_known(key: str, kind: str) -> None:
    found = only(netsh(binding(key)))
    assert (found.key, found.kind, found.port) == (key, kind, 443)


def test_json_says_the_same_as_text() -> None:
    text, data = only(netsh(binding(**SETTINGS))), only(netsh_json(**SETTINGS))
    assert replace(data, kept=(), application_id=None) == replace(text, kept=(), application_id=None)


def test_unknown_labels_are_kept() -> None:
    found = only(netsh(binding() + "    Some New Switch              : On\n"))
    assert ("Some New Switch", "On") in found.kept


def test_extended_properties_are_no_binding() -> None:
    text = netsh(binding() + " Extended Properties:\n    PropertyId                   : 0\n    Receive Window               : 1048576\n")
    assert only(text).key == "0.0.0.0:443"


def test_the_registry_says_the_same() -> None:
    found = only(registry_binding(check_mode=0x10001, flags=0x3 | 0x40, ctl_store="Customers"))
    assert (found.revocation, found.usage_check, found.ds_mapper, found.negotiate, found.tls13) == (False, False, True, True, False)
    assert (found.ctl_store, found.certificate_hash) == ("Customers", "01020304")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_exports_are_read_in_every_encoding(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "export"
    file.write_bytes(netsh(binding(japanese=True)).encode(encoding))
    assert only(file) == only(netsh(binding(japanese=True)))


def test_the_settings_of_schannel_are_read_and_absent_ones_stay_absent() -> None:
    told = ServerProfile.load(schannel({"SendTrustedIssuerList": 1, "ClientAuthTrustMode": 2}, ["TLS 1.3"]))
    assert told.schannel == Schannel(send_trusted_issuer_list=True, client_auth_trust_mode=2, disabled_protocols=("TLS 1.3",))
    assert (told.sends_issuer_list, told.trust_mode, told.speaks_tls13) == (True, 2, False)
    assert ServerProfile.load(schannel({})).schannel == Schannel()


@pytest.mark.parametrize(("build", "sends"), [(7601, True), (9200, False), (20348, False)])
def test_whether_a_list_is_sent_by_default_depends_on_windows(build: int, sends: bool) -> None:
    assert ServerProfile.load(schannel({}), windows_build=build).sends_issuer_list is sends


def test_the_access_of_the_longest_path_holds() -> None:
    config = configuration({"": "None", "Site": "Ssl", "Site/in": "Ssl, SslNegotiateCert, SslRequireCert", "Site/inner": "None"})
    asked = {path: ServerProfile.load(config, path=path).effective_access for path in ("", "Other", "Site/in/deep", "Site/inner", "Site")}
    assert asked["Site/in/deep"] == Access(path="Site/in", flags=("Ssl", "SslNegotiateCert", "SslRequireCert"))
    assert [access.requires for access in asked.values() if access is not None] == [False, False, True, False, False]


def test_the_configuration_may_be_what_appcmd_prints() -> None:
    text = '<system.webServer><security><access sslFlags="SslNegotiateCert" /></security>'
    text += '<serverRuntime uploadReadAheadSize="1000000" /></system.webServer>'
    told = ServerProfile.load(text)
    assert told.effective_access == Access(path="", flags=("SslNegotiateCert",))
    assert told.upload_read_ahead_size == 1_000_000


def test_a_name_is_taken_before_an_address_and_an_address_before_all() -> None:
    blocks = netsh(
        binding("www.example.com:443"), binding("192.0.2.1:443"), binding("0.0.0.0:443", Negotiate_Client_Certificate="Disabled")
    )

    def answering(**told: Any) -> list[str]:
        return [each.key for each in ServerProfile.load(blocks, **told).answering]

    assert answering(host="WWW.example.com") == ["www.example.com:443"]
    assert answering(host="other.example.com", address="192.0.2.1") == ["192.0.2.1:443"]
    assert answering(host="other.example.com", address="192.0.2.9") == ["0.0.0.0:443"]
    assert len(answering()) == 3
    assert ServerProfile.load(blocks).binding is None


def test_the_version_and_the_clock_are_read() -> None:
    told = ServerProfile.load("Caption: Server\nVersion: 10.0.20348\n", "UTC x\n12:00:00, +86400.5000000s\n")
    assert (told.windows_build, told.speaks_tls13, told.clock_offset) == (20348, True, -86400.5)


def test_whether_intermediates_are_downloaded_is_read() -> None:
    path = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\HTTPFilter\Parameters"
    for text, follows in (
        (f"\n{path}\n    CertChainCacheOnlyUrlRetrieval    REG_DWORD    0x0\n", True),
        (f"\n{path}\n    Other    REG_DWORD    0x0\n", False),
    ):
        assert ServerProfile.load(text).follows_aia is follows


def test_a_folder_is_read_and_what_is_no_export_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "netsh.txt").write_text(netsh(), encoding="utf-16")
    (tmp_path / "schannel.txt").write_text(schannel({}), encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "os.txt").write_text("Version: 10.0.20348\n", encoding="utf-8")
    told = ServerProfile.load(tmp_path, host="www.example.com")
    assert told.bindings is not None
    assert (told.schannel, told.windows_build, told.host) == (Schannel(), 20348, "www.example.com")


@pytest.mark.parametrize(
    "source", ["no export\n", "missing-file", b"", b"\0" * 50, 7, None, "<a>", "{}\n", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>']
)
def test_what_is_no_export_is_an_input_error(source: Any) -> None:
    with pytest.raises(InputError) as caught:
        ServerProfile.load(source)
    assert caught.value.expected


@pytest.mark.parametrize(
    "told",
    [
        {"port": 0}, {"port": "443"}, {"host": 1}, {"bindings": [1]}, {"bindings": ("x",)}, {"verify_mode": "maybe"}, {"here": 1},
        {"clock_offset": "x"}, {"tls_versions": (1,)},
    ],
)  # fmt: skip
def test_a_field_of_the_wrong_kind_is_an_input_error(told: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        ServerProfile(**told)


def test_a_field_that_does_not_exist_is_an_input_error() -> None:
    with pytest.raises(InputError, match="hostname"):
        ServerProfile.load(hostname="x")


def test_the_binding_changes_the_rules_of_iis_and_of_no_other_server() -> None:
    off = ServerProfile.load(netsh(binding(Verify_Client_Certificate_Revocation="Disabled", Usage_Check="Disabled")))
    changed = off.applied(IIS)
    assert (changed.revocation, changed.purpose) == ("off", None)
    assert off.applied(OPENSSL) is OPENSSL
    assert ServerProfile(verify_depth=2).applied(OPENSSL).max_path_length == 2


def test_every_field_survives_a_case() -> None:
    from chaincheck.caseprofiles import from_table, to_table

    told = ServerProfile.load(
        netsh(binding("www.example.com:443", **SETTINGS)), schannel({"ClientAuthTrustMode": 1}, ["TLS 1.3"]),
        configuration({"": "Ssl"}, exports.one_to_one("Site", "QUJD")), host="www.example.com", clock_offset=3, tls_versions=("1.2",),
        verify_mode="optional", kept=(("a", "b"),),
    )  # fmt: skip
    assert from_table(ServerProfile, to_table(told), "server") == told
