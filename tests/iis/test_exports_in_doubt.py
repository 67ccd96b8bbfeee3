"""Exports that are damaged, incomplete, of another user or of two servers: none of them makes an answer better."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import timedelta
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest

import chaincheck
import pki
from chaincheck import CauseCode, ClientProfile, InputError, Limits, ServerProfile, TrustStore, Verdict
from chaincheck.server import Access, Binding, CertificateMapping, Schannel
from exports import binding, configuration, listing, netsh, registry_binding, registry_stores, schannel, trust_list
from pki import AT

ROOT = pki.root("Doubt Root")
CA = ROOT.issue_ca("Doubt CA")
CLIENT = CA.issue("client")
OTHER = pki.root("Other Doubt Root")
REVOKED = [CA.crl([(CLIENT.serial, AT - timedelta(days=1), "keyCompromise")]), ROOT.crl()]
EARLY = Binding(key="0.0.0.0:443", negotiate=True, tls13=True, http2=True)
UNCHECKED = replace(EARLY, revocation=False)
DISALLOWED_LIST = trust_list("1.3.6.1.4.1.311.10.3.30", [sha1(CLIENT.der).digest()])
LISTED = listing("Root", "x", ROOT) + "\n" + listing("CA", "y", CA) + "\n"


def element(kind: int, value: bytes) -> bytes:
    return struct.pack("<III", kind, 1, len(value)) + value


def sst(*certificates: bytes) -> bytes:
    return b"\0\0\0\0CERT" + b"".join(element(32, each) for each in certificates) + bytes(12)


def stores(**more: Any) -> TrustStore:
    return TrustStore(**{"roots": [ROOT.der], "intermediates": [CA.der], "disallowed": [], "client_auth_issuers": [], **more})


def told(*bindings: Binding, **more: Any) -> ServerProfile:
    access = (Access(path="Site", flags=("Ssl", "SslNegotiateCert", "SslRequireCert")),)
    return ServerProfile(bindings=bindings, **{"schannel": Schannel(), "access": access, "path": "Site", **more})


def ask(server: ServerProfile | None = None, client: ClientProfile | None = None, **more: Any) -> chaincheck.Diagnosis:
    asked: dict[str, Any] = {"store": stores(), "at": AT, "fetch": "never", "server": server, "client": client, **more}
    return chaincheck.diagnose(asked.pop("cert", CLIENT.der), **asked)


def codes(found: chaincheck.Diagnosis) -> set[str]:
    return {statement.code for statement in found.unchecked}


def write(folder: Path, **files: bytes | str) -> Path:
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", "-", name.count("_") - 1).replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


# stores


@pytest.mark.parametrize(
    "files",
    [
        {"CurrentUser_Root_txt": listing("Root", "x", ROOT), "LocalMachine_CA_sst": sst(CA.der)},
        {"HKCU__Root_sst": sst(ROOT.der), "CA_sst": sst(CA.der)},
    ],
)
def test_a_root_of_the_user_is_not_one_of_the_computer(tmp_path: Path, files: dict[str, Any]) -> None:
    found = ask(store=TrustStore.load(write(tmp_path, **files)), presented=[ROOT.der])
    assert found.verdict is Verdict.UNDETERMINED
    assert "roots-not-told" in codes(found)


def test_a_hive_that_is_not_that_of_the_computers_software_is_a_users() -> None:
    root = r"HKEY_LOCAL_MACHINE\NTUSER_ALICE\Software\Microsoft\SystemCertificates"
    assert TrustStore.load(registry_stores({"ROOT": [ROOT.der]}, root=root)).roots is None


@pytest.mark.parametrize("mode", [0, 2])
def test_an_issuer_store_known_from_a_listing_is_not_an_empty_one(mode: int) -> None:
    store = TrustStore.load(LISTED + listing("ClientAuthIssuer", "z", OTHER) + "\n")
    found = ask(told(EARLY, schannel=Schannel(client_auth_trust_mode=mode)), store=store, presented=[CA.der, ROOT.der])
    assert found.verdict is Verdict.UNDETERMINED
    assert CauseCode.ISSUER_NOT_ACCEPTED in {cause.code for cause in found.causes}
    assert "listed-only" in codes(found)


REGISTRY = registry_stores({"ROOT": [ROOT.der], "CA": [CA.der], "Disallowed": [CLIENT.der]})
KEY = REGISTRY.index("Disallowed\\Certificates\\")
BLOB = REGISTRY.index("hex:", KEY) + 4


@pytest.mark.parametrize(
    "export",
    [
        REGISTRY[:BLOB] + "zz" + REGISTRY[BLOB + 2 :],
        REGISTRY[: KEY + 24 + 42],
        LISTED + "\n".join(line for line in listing("Disallowed", "q", CLIENT).splitlines() if "(sha1)" not in line) + "\n",
        LISTED + 'Disallowed "q"\n================ CTL 0 ================\nSubjectAlgorithm: x\nCertUtil: -store command completed.\n',
    ],
    ids=["damaged value", "cut off", "no hash", "a trust list of which only the heading is told"],
)
def test_what_was_lost_of_the_untrusted_certificates_keeps_the_answer_open(export: str) -> None:
    found = ask(store=TrustStore.load(export), presented=[CA.der, ROOT.der])
    assert found.verdict is Verdict.UNDETERMINED
    assert "evidence-damaged" in codes(found)


def test_a_file_of_untrusted_certificates_that_is_not_read_keeps_the_answer_open(tmp_path: Path) -> None:
    bad = sst(*[CLIENT.der] * 5)
    folder = write(tmp_path, LocalMachine_Root_sst=sst(ROOT.der), LocalMachine_CA_sst=sst(CA.der), LocalMachine_Disallowed_sst=bad)
    large = ask(store=TrustStore.load(folder, limits=Limits(max_bytes=len(bad) - 1)), presented=[CA.der, ROOT.der])
    (folder / "LocalMachine-Disallowed.sst").unlink()
    (folder / "LocalMachine-Disallowed.sst").symlink_to(tmp_path / "elsewhere.sst")
    for found in (large, ask(store=TrustStore.load(folder), presented=[CA.der, ROOT.der])):
        assert found.verdict is Verdict.UNDETERMINED
        assert "evidence-damaged" in codes(found)


@pytest.mark.parametrize("name", ["Disallowed.txt", "Disallowed.csv", "disallowedcertstl.cab", "Disallowed.reg"])
def test_a_file_named_after_the_untrusted_certificates_is_never_passed_over(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path, LocalMachine_Root_sst=sst(ROOT.der), LocalMachine_CA_sst=sst(CA.der))
    assert ask(store=TrustStore.load(folder)).accepted
    (folder / name).write_bytes(b"MSCF or nothing that anybody knows")
    found = ask(store=TrustStore.load(folder))
    assert (found.verdict, codes(found)) == (Verdict.UNDETERMINED, {"evidence-damaged"})


@pytest.mark.parametrize("form", ["registry", "sst"])
def test_a_trust_list_among_the_untrusted_certificates_is_read(tmp_path: Path, form: str) -> None:
    if form == "registry":
        key = "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\SystemCertificates\\Disallowed\\CTLs\\AABB]"
        hexadecimal = ",".join(f"{octet:02x}" for octet in element(34, DISALLOWED_LIST))
        told_stores = registry_stores({"ROOT": [ROOT.der], "CA": [CA.der], "Disallowed": []})
        store = TrustStore.load(f'{told_stores}\r\n{key}\r\n"Blob"=hex:{hexadecimal}\r\n')
    else:
        export = b"\0\0\0\0CERT" + element(34, DISALLOWED_LIST) + bytes(12)
        files = {"LocalMachine_Root_sst": sst(ROOT.der), "LocalMachine_CA_sst": sst(CA.der), "LocalMachine_Disallowed_sst": export}
        store = TrustStore.load(write(tmp_path, **files))
    found = ask(store=store)
    assert found.verdict is Verdict.REFUSED
    assert found.causes[0].code is CauseCode.DISTRUSTED


def test_a_file_of_roots_that_cannot_be_read_is_not_an_empty_store(tmp_path: Path) -> None:
    folder = write(tmp_path, Root_sst=b"<html>404</html>", CA_sst=sst(CA.der))
    found = ask(store=TrustStore.load(folder), presented=[ROOT.der])
    assert found.verdict is Verdict.UNDETERMINED
    folder = write(tmp_path, Root__other_sst=sst(OTHER.der), Root__bad_sst=b"<html>404</html>")
    partly = TrustStore.load(folder)
    found = ask(store=partly, presented=[ROOT.der])
    assert found.verdict is Verdict.UNDETERMINED
    assert "store-partly-read" in codes(found)
    assert partly.partly == ("roots",)


def test_a_case_keeps_what_was_only_partly_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "stores", Root__other_sst=sst(OTHER.der), Root__bad_sst=b"<html>404</html>", CA_sst=sst(CA.der))
    found = ask(store=TrustStore.load(folder), presented=[ROOT.der])
    found.save_case(tmp_path / "case.zip")
    assert chaincheck.replay(tmp_path / "case.zip").to_json() == found.to_json()


def test_authroot_is_not_all_of_the_root_store() -> None:
    export = registry_stores({"ROOT": [ROOT.der], "AuthRoot": [OTHER.der], "CA": [CA.der], "Disallowed": []})
    found = ask(told(replace(EARLY, ctl_store="AuthRoot")), store=TrustStore.load(export))
    assert CauseCode.ISSUER_NOT_ACCEPTED in {cause.code for cause in found.causes}
    assert not found.accepted


@pytest.mark.parametrize("mode", [0, 1])
def test_roots_that_do_not_say_whether_they_are_of_authroot_leave_the_answer_open(mode: int) -> None:
    found = ask(told(replace(EARLY, ctl_store="AuthRoot"), schannel=Schannel(client_auth_trust_mode=mode)), crls=[CA.crl(), ROOT.crl()])
    assert not found.accepted
    assert "issuer-store-not-told" in codes(found)


def test_under_exclusive_root_trust_authroot_is_not_all_of_the_root_store() -> None:
    export = registry_stores({"ROOT": [ROOT.der], "AuthRoot": [OTHER.der], "CA": [CA.der], "Disallowed": []})
    server = told(replace(EARLY, ctl_store="AuthRoot"), schannel=Schannel(client_auth_trust_mode=1))
    assert not ask(server, store=TrustStore.load(export), crls=[CA.crl(), ROOT.crl()]).accepted


def test_a_client_that_signs_itself_needs_the_issuer_store_as_any_other() -> None:
    own = pki.root("self", key_usage=("digitalSignature", "keyCertSign"))
    store = stores(roots=[own.der], client_auth_issuers=[OTHER.der])
    assert ask(told(EARLY), ClientProfile(kind="openssl"), cert=own.der, store=store).verdict is Verdict.REFUSED


@pytest.mark.parametrize(
    "more",
    [{"crls": [ROOT.crl([(CA.serial, AT - timedelta(days=1), None)]), CA.crl()]}, {"disallowed": True}],
    ids=["revoked", "issuer distrusted"],
)
def test_a_ca_that_is_the_anchor_and_is_condemned_above_leaves_the_answer_open(more: dict[str, Any]) -> None:
    exclusive = told(EARLY, schannel=Schannel(client_auth_trust_mode=2))
    assert ask(exclusive, store=stores(client_auth_issuers=[CA.der]), crls=[CA.crl()]).accepted
    store = stores(client_auth_issuers=[CA.der], disallowed=[ROOT.der] if more.get("disallowed") else [])
    found = ask(exclusive, store=store, crls=more.get("crls", [CA.crl()]))
    assert found.verdict is Verdict.UNDETERMINED
    assert "anchor-condemned-above" in codes(found)


# bindings and settings


def test_two_exports_of_one_binding_that_disagree_are_both_kept() -> None:
    one, other = netsh(binding()), netsh(binding(Verify_Client_Certificate_Revocation="Disabled"))
    found = [ask(ServerProfile.load(*order), crls=REVOKED) for order in ((one, other), (other, one))]
    assert [each.verdict for each in found] == [Verdict.REFUSED] * 2
    assert all(CauseCode.BINDINGS_DIFFER in {cause.code for cause in each.causes} for each in found)
    assert ServerProfile.load(one, other) == ServerProfile.load(other, one)


def test_only_the_control_set_in_use_counts() -> None:
    other = registry_binding(check_mode=1).replace("CurrentControlSet", "ControlSet002").replace("Windows Registry Editor Version 5.00", "")
    assert ServerProfile.load(registry_binding() + other) == ServerProfile.load(registry_binding())


def test_settings_of_two_servers_are_an_error_that_names_both() -> None:
    one, other = schannel({"ClientAuthTrustMode": 1}), schannel({"ClientAuthTrustMode": 2})
    with pytest.raises(InputError, match="client_auth_trust_mode = 1 and 2") as first:
        ServerProfile.load(one, other)
    with pytest.raises(InputError) as second:
        ServerProfile.load(other, one)
    assert str(first.value) == str(second.value)


def test_two_configurations_of_one_place_that_disagree_leave_it_open() -> None:
    demands, demands_not = configuration({"": "Ssl,SslNegotiateCert,SslRequireCert"}), configuration({"": "None"})
    for order in ((demands, demands_not), (demands_not, demands)):
        found = ask(ServerProfile.load(*order, tls_ends_in_front=True))
        assert found.verdict is Verdict.UNDETERMINED
        assert "access-disagrees" in codes(found)


def named(key: str, base: Binding, kind: Any = "ip") -> Binding:
    return replace(base, key=key, kind=kind)


@pytest.mark.parametrize(
    ("bindings", "where"),
    [
        ([named("0.0.0.0:8443", UNCHECKED)], {}),
        ([named("www.example.com:443", EARLY, "hostname"), named("0.0.0.0:443", UNCHECKED)], {"address": "10.0.0.5"}),
        ([named("443", EARLY, "central-store"), named("0.0.0.0:443", UNCHECKED)], {"host": "www.example.com", "address": "10.0.0.5"}),
        ([named("*.example.com:443", EARLY, "hostname"), named("0.0.0.0:443", UNCHECKED)], {"host": "www.example.com"}),
        ([named("[2001:db8::1]:443", EARLY), named("[::]:443", UNCHECKED)], {"address": "2001:0db8::1"}),
        ([named("10.0.0.9:443", UNCHECKED)], {"address": "10.0.0.5"}),
        ([named("www.example.com:443", EARLY, "hostname"), named("0.0.0.0:443", UNCHECKED)], {"host": "www.example.com."}),
    ],
)
def test_a_binding_that_does_not_answer_switches_nothing_off(bindings: list[Binding], where: dict[str, str]) -> None:
    assert CauseCode.REVOKED in {cause.code for cause in ask(told(*bindings, **where), crls=REVOKED).causes}
    assert not ask(told(*bindings, **where), crls=REVOKED).accepted


def test_bindings_of_which_none_answers_leave_the_answer_open() -> None:
    crls = [CA.crl(), ROOT.crl()]
    assert ask(told(EARLY), crls=crls).accepted
    for server in (told(named("0.0.0.0:8443", EARLY)), told()):
        found = ask(server, crls=crls)
        assert (found.verdict, codes(found)) == (Verdict.UNDETERMINED, {"no-binding-answers"})


@pytest.mark.parametrize("host", ["www.example.com:443", "https://www.example.com", "", "a b"])
def test_a_host_is_a_name_and_no_more(host: str) -> None:
    with pytest.raises(InputError):
        ServerProfile(host=host)


@pytest.mark.parametrize("label", ["Reject_Connections", "Negotiate_Client_Certificate", "DS_Mapper_Usage"])
def test_a_word_that_is_not_known_switches_nothing_off(label: str) -> None:
    words: dict[str, Any] = {label: "Habilitado"}
    found = ask(ServerProfile.load(netsh(binding(**words))))
    assert found.verdict is Verdict.UNDETERMINED
    assert "binding-setting-not-read" in codes(found)


@pytest.mark.parametrize("line", range(3, 12))
def test_a_line_that_is_missing_does_not_move_the_others(line: int) -> None:
    lines = netsh(binding(japanese=True)).splitlines()
    first = next(number for number, text in enumerate(lines) if "0.0.0.0:443" in text)
    cut = "\n".join([*lines[: first + line], *lines[first + line + 1 :]])
    whole = ServerProfile.load("\n".join(lines)).binding
    try:
        found = ServerProfile.load(cut).binding
    except InputError:
        return
    assert whole is not None
    assert found is not None
    for name in ("revocation", "usage_check", "ds_mapper", "negotiate", "reject", "cached_revocation_only"):
        assert getattr(found, name) in (None, getattr(whole, name)), name


def test_a_setting_that_is_not_told_is_not_taken_for_the_better_one() -> None:
    found = ask(told(Binding(key="0.0.0.0:443", tls13=True)), ClientProfile(kind="chromium"))
    assert found.verdict is Verdict.UNDETERMINED
    assert CauseCode.LATE_CERTIFICATE_REQUEST in {cause.code for cause in found.causes}


def test_flags_in_digits_are_flags() -> None:
    access = ServerProfile.load(configuration({"": "104"})).effective_access
    assert access is not None
    assert access.flags == ("Ssl", "SslNegotiateCert", "SslRequireCert")


def test_a_size_that_is_set_for_another_place_does_not_count() -> None:
    section = '<system.webServer><serverRuntime uploadReadAheadSize="9000000"/></system.webServer>'
    text = f'<configuration><location path="Other">{section}</location></configuration>'
    assert ServerProfile.load(text, path="Site", port=444).upload_read_ahead_size is None
    assert ServerProfile.load(text, path="Other/images").upload_read_ahead_size == 9_000_000


def test_a_mapping_that_is_off_at_the_site_is_off() -> None:
    sections = (CertificateMapping(path="", one_to_one=()), CertificateMapping(path="Site", enabled=False))
    assert ask(told(EARLY, mappings=sections), crls=[CA.crl(), ROOT.crl()]).accepted


def test_a_windows_client_is_not_known_to_speak_tls_1_3() -> None:
    late = told(Binding(key="0.0.0.0:443", negotiate=False, tls13=True, http2=False))
    assert ask(late, ClientProfile(kind="winhttp")).verdict is Verdict.UNDETERMINED
    assert told(Binding(key="0.0.0.0:443", tls13=True), windows_build=17763).speaks_tls13 is False


def test_two_exports_in_one_text_are_an_error() -> None:
    with pytest.raises(InputError, match="each export by itself"):
        ServerProfile.load(netsh() + "\n" + schannel({"ClientAuthTrustMode": 1}))


def test_a_strange_file_does_not_end_the_folder_and_is_kept(tmp_path: Path) -> None:
    write(tmp_path, netsh_txt=netsh(), page_xml="<!DOCTYPE html><html></html>")
    (tmp_path / "link.txt").symlink_to(tmp_path / "netsh.txt")
    server = ServerProfile.load(tmp_path)
    assert server.bindings is not None
    assert {Path(where).name for where, _ in server.kept} == {"page.xml", "link.txt"}


@pytest.mark.parametrize(
    ("part", "fields"),
    [
        (ServerProfile, {"clock_offset": float("nan")}),
        (ServerProfile, {"clock_offset": float("inf")}),
        (Binding, {"key": None}),
        (Binding, {"key": "0.0.0.0:443", "ctl_store": 5}),
        (Binding, {"key": "0.0.0.0:443", "revocation": "no"}),
        (Schannel, {"client_auth_trust_mode": "1"}),
    ],
)
def test_fields_of_the_wrong_type_are_input_errors(part: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        part(**fields)


# plans


def test_bindings_are_not_aligned_with_the_one_that_checks_less() -> None:
    late, careless = replace(EARLY, negotiate=False), replace(EARLY, key="www:443", kind="hostname", revocation=False)
    plan = ask(told(late, careless), crls=REVOKED).plan
    assert plan is not None
    assert [each.cause.code for each in plan.required] == [CauseCode.REVOKED]
    aligned = ask(told(replace(EARLY, key="www:443", kind="hostname")), crls=REVOKED)
    assert CauseCode.REVOKED in {cause.code for cause in aligned.causes}


def test_what_a_right_clock_ends_needs_no_new_certificate() -> None:
    late = CA.issue("client", not_after=AT - timedelta(days=1))
    plan = ask(told(UNCHECKED, clock_offset=2 * 86_400.0), cert=late.der).plan
    assert plan is not None
    assert ([step.kind for step in plan.steps], plan.required, plan.proven) == (["set-clock"], (), True)


def test_a_misplaced_intermediate_of_a_listing_can_be_moved() -> None:
    export = listing("Root", "x", ROOT, CA) + listing("CA", "y", CA) + listing("Disallowed", "d")
    plan = ask(store=TrustStore.load(export), presented=[CA.der, ROOT.der]).plan
    assert plan is not None
    assert ([step.kind for step in plan.steps], plan.proven) == (["move-misplaced"], True)


def test_an_anchor_that_came_from_the_client_is_compared_first_and_its_place_is_named() -> None:
    exclusive = told(EARLY, schannel=Schannel(client_auth_trust_mode=2))
    store = stores(roots=[OTHER.der], intermediates=[], client_auth_issuers=[OTHER.der])
    plan = ask(exclusive, store=store, presented=[CA.der, ROOT.der], crls=[CA.crl(), ROOT.crl()]).plan
    assert plan is not None
    [step] = plan.steps
    assert (step.kind, step.compare, step.loss, step.place) == ("accept-issuer", True, 5, "LocalMachine\\ClientAuthIssuer")


# what is said of it


def test_what_rests_on_inferred_rules_of_a_client_is_inferred() -> None:
    sends = Schannel(send_trusted_issuer_list=True)
    for kind, mark in (("java", "inferred"), ("chromium", "documented")):
        store = stores(client_auth_issuers=[OTHER.der])
        response = ask(told(EARLY, schannel=sends), ClientProfile(kind=kind), store=store, crls=[CA.crl(), ROOT.crl()]).response
        assert response is not None
        assert response.confidence.value == mark, kind


def test_a_clock_is_behind_the_true_time_or_ahead_of_it() -> None:
    for offset, words in ((-7200.0, "7200 seconds behind the true time"), (7200.0, "7200 seconds ahead of the true time")):
        [cause] = [each for each in ask(told(EARLY, clock_offset=offset)).causes if each.code is CauseCode.SERVER_CLOCK_WRONG]
        assert words in cause.text()
