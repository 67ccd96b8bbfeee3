"""Exports that say from which store of Windows each certificate is: folders, registry text, listings, trust lists."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

import chaincheck
import exports
import pki
from chaincheck import ClientProfile, TrustStore
from chaincheck.store import ROOTS
from exports import CURRENT_USER, ENTERPRISE, POLICY, listing, registry_stores, trust_list
from pki import AT

if TYPE_CHECKING:
    from pathlib import Path

ROOT = pki.root("Store Root")
CA = ROOT.issue_ca("Store CA")
CLIENT = CA.issue("client")
OTHER = pki.root("Other Root")
COMPLETE = {"ROOT": [ROOT.der], "CA": [CA.der], "Disallowed": []}
DISALLOWED_LIST, ROOT_LIST = "1.3.6.1.4.1.311.10.3.30", "1.3.6.1.4.1.311.10.3.9"


def ask(store: TrustStore, cert: pki.Issued = CLIENT, **more: Any) -> chaincheck.Diagnosis:
    return chaincheck.diagnose(cert.der, store=store, at=AT, fetch="never", **more)


def codes(diagnosis: chaincheck.Diagnosis) -> list[str]:
    return [cause.code.value for cause in diagnosis.causes if cause.severity == "fatal"]


def sst(*certificates: bytes) -> bytes:
    return b"\0\0\0\0CERT" + b"".join(struct.pack("<III", 32, 1, len(der)) + der for der in certificates) + bytes(12)


def test_the_registry_says_which_store_each_certificate_is_from() -> None:
    store = TrustStore.load(registry_stores({**COMPLETE, "CA": [CA.der, ROOT.crl()], "ClientAuthIssuer": []}))
    assert [entry.der for entry in store.roots or ()] == [ROOT.der]
    assert [entry.location for entry in store.intermediates or ()] == ["LocalMachine\\CA"]
    assert (store.disallowed, store.client_auth_issuers, store.crls) == ((), (), (ROOT.crl(),))
    assert ask(store).accepted


@pytest.mark.parametrize(
    ("key", "location"),
    [(POLICY, "LocalMachine, group policy\\Root"), (ENTERPRISE, "LocalMachine, enterprise\\Root")],
)
def test_group_policy_and_the_domain_are_the_computer_too(key: str, location: str) -> None:
    text = registry_stores({"CA": [CA.der]}) + "\r\n" + registry_stores({"ROOT": [ROOT.der]}, root=key, header=False)
    store = TrustStore.load(text)
    assert [entry.location for entry in store.roots or ()] == [location]
    assert ask(store).accepted


def test_a_root_of_the_user_is_known_and_not_trusted() -> None:
    text = (
        registry_stores({"ROOT": [OTHER.der], "CA": [CA.der]})
        + "\r\n"
        + registry_stores({"ROOT": [ROOT.der]}, root=CURRENT_USER, header=False)
    )
    found = ask(TrustStore.load(text))
    assert codes(found) == ["root-in-wrong-store"]
    assert found.causes[0].facts.found_in == "CurrentUser\\Root"  # type: ignore[attr-defined]  # the member of this very kind


def test_an_intermediate_of_the_user_is_no_intermediate_of_the_server() -> None:
    text = registry_stores({"ROOT": [ROOT.der], "CA": []}) + "\r\n" + registry_stores({"CA": [CA.der]}, root=CURRENT_USER, header=False)
    assert codes(ask(TrustStore.load(text))) == ["intermediate-missing"]


def test_a_folder_per_store_is_read(tmp_path: Path) -> None:
    for place, members in (("LocalMachine/Root", [ROOT]), ("LocalMachine/CA", [CA]), ("CurrentUser/Root", [OTHER])):
        folder = tmp_path / "stores" / place
        folder.mkdir(parents=True)
        for number, issued in enumerate(members):
            (folder / f"{number}.cer").write_bytes(issued.der)
    store = TrustStore.load(tmp_path)
    assert (len(store.roots or ()), len(store.intermediates or ()), store.assumptions) == (1, 1, ())
    assert list(store.others) == ["CurrentUser\\Root"]
    assert ask(store).accepted


def test_a_file_per_store_is_read_and_an_empty_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "Root.sst").write_bytes(sst(ROOT.der))
    (tmp_path / "CA.p7b").write_bytes(pki.p7b(CA))
    (tmp_path / "Disallowed.empty").write_bytes(b"")
    (tmp_path / "netsh-sslcert.txt").write_text(exports.netsh(), encoding="utf-8")
    store = TrustStore.load(tmp_path)
    assert (store.disallowed, store.client_auth_issuers) == ((), None)
    assert ask(store).accepted


def test_files_of_any_name_are_sorted_as_before(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(ROOT.pem)
    (tmp_path / "issuing.pem").write_bytes(CA.pem)
    store = TrustStore.load(tmp_path)
    assert store.assumptions == ("store-sorted",)
    assert ask(store).accepted


def test_a_listing_makes_a_certificate_trusted_that_the_client_sends() -> None:
    """certutil -store shows thumbprints only: the certificate itself comes from the client."""
    text = listing("Root", "Trusted Root Certification Authorities", ROOT, OTHER) + "\n" + listing("CA", "Intermediate", CA)
    found = ask(TrustStore.load(text), presented=[CA.der, ROOT.der])
    assert found.accepted
    assert "roots" in found.path.elements[-1].found_in  # type: ignore[union-attr]  # there is a diagnosis


def test_a_listing_leaves_open_what_nobody_has() -> None:
    found = ask(TrustStore.load(listing("Root", "x", ROOT) + listing("CA", "y", CA)))
    assert found.verdict == chaincheck.Verdict.UNDETERMINED
    assert "listed-only" in {statement.code for statement in found.unchecked}


def test_a_listing_shows_what_is_misplaced() -> None:
    found = ask(TrustStore.load(listing("Root", "x", ROOT, OTHER.issue_ca("Misplaced CA"))), presented=[CA.der, ROOT.der])
    assert codes(found) == ["not-self-signed-in-root"]
    assert found.plan is not None
    assert [step.kind for step in found.plan.steps] == ["move-misplaced"]


@pytest.mark.parametrize(
    ("said", "code"),
    [("No key provider information", "no-private-key"), ("Missing stored keyset", "private-key-unusable"), ("Signature test passed", None)],
)
def test_the_personal_store_of_the_client_says_whether_there_is_a_key(said: str, code: str | None) -> None:
    client = ClientProfile(store=TrustStore.load(listing("MY", "Personal", CLIENT, keys={0: said})))
    assert codes(ask(TrustStore.load(registry_stores(COMPLETE)), client=client)) == ([] if code is None else [code])


@pytest.mark.parametrize(("properties", "code"), [({}, ["no-private-key"]), ({2: b"container"}, [])])
def test_a_record_of_the_registry_without_a_key_provider_has_no_key(properties: dict[int, bytes], code: list[str]) -> None:
    client = ClientProfile(store=TrustStore.load(registry_stores({"MY": [CLIENT.der]}, root=CURRENT_USER, properties=properties)))
    assert codes(ask(TrustStore.load(registry_stores(COMPLETE)), client=client)) == code


@pytest.mark.parametrize("algorithm", ["1.3.14.3.2.26", "2.16.840.1.101.3.4.2.1", "1.3.6.1.4.1.311.10.11.15"])
def test_a_list_of_distrusted_certificates_is_read_by_its_own_algorithm(algorithm: str) -> None:
    from hashlib import sha256

    certificate = chaincheck.Certificate(CA.der)
    names = {"1.3.14.3.2.26": bytes.fromhex(certificate.sha1), "2.16.840.1.101.3.4.2.1": certificate.sha256}
    identifier = names.get(algorithm, sha256(certificate.tbs).digest()[:16])
    text = registry_stores(COMPLETE, ctls={"DisallowedCertEncodedCtl": trust_list(DISALLOWED_LIST, [identifier], algorithm)})
    assert codes(ask(TrustStore.load(text))) == ["distrusted"]


def test_identifiers_of_one_algorithm_are_not_compared_with_those_of_another() -> None:
    sha1 = bytes.fromhex(chaincheck.Certificate(CA.der).sha1)
    text = registry_stores(COMPLETE, ctls={"DisallowedCertEncodedCtl": trust_list(DISALLOWED_LIST, [sha1], "1.3.6.1.4.1.311.10.11.15")})
    assert ask(TrustStore.load(text)).accepted


def test_a_list_by_an_algorithm_nobody_knows_keeps_the_answer_open() -> None:
    text = registry_stores(COMPLETE, ctls={"DisallowedCertEncodedCtl": trust_list(DISALLOWED_LIST, [b"x" * 20], "1.2.3.4")})
    found = ask(TrustStore.load(text))
    assert found.verdict == chaincheck.Verdict.UNDETERMINED
    assert "evidence-damaged" in {statement.code for statement in found.unchecked}


def test_a_root_of_the_root_program_may_be_installed_on_demand() -> None:
    sha1 = bytes.fromhex(chaincheck.Certificate(ROOT.der).sha1)
    text = registry_stores({"ROOT": [OTHER.der], "CA": [CA.der]}, ctls={"EncodedCtl": trust_list(ROOT_LIST, [sha1])})
    found = ask(TrustStore.load(text), presented=[ROOT.der])
    assert (codes(found), found.verdict) == (["untrusted-root"], chaincheck.Verdict.UNDETERMINED)


def test_what_the_root_program_says_of_a_root_holds_for_it() -> None:
    """A distrust time in the list counts like one in the store: CERT_DISALLOWED_FILETIME_PROP_ID."""
    sha1 = bytes.fromhex(chaincheck.Certificate(ROOT.der).sha1)
    long_ago = (132_000_000_000_000_000).to_bytes(8, "little")
    text = registry_stores(COMPLETE, ctls={"EncodedCtl": trust_list(ROOT_LIST, [sha1], properties={104: long_ago})})
    assert codes(ask(TrustStore.load(text))) == ["distrusted"]


def test_a_trust_list_as_a_file_beside_the_stores(tmp_path: Path) -> None:
    (tmp_path / "Root.sst").write_bytes(sst(ROOT.der))
    (tmp_path / "CA.sst").write_bytes(sst(CA.der))
    (tmp_path / "disallowedcert.stl").write_bytes(trust_list(DISALLOWED_LIST, [bytes.fromhex(chaincheck.Certificate(CLIENT.der).sha1)]))
    assert codes(ask(TrustStore.load(tmp_path))) == ["distrusted"]


def test_a_damaged_record_is_a_note_and_a_damaged_distrusted_one_keeps_the_answer_open() -> None:
    damaged = registry_stores(COMPLETE).replace('"Blob"=hex:03,00', '"Blob"=hex:ff,ff,ff', 1)
    assert TrustStore.load(damaged).notes
    in_disallowed = registry_stores({**COMPLETE, "Disallowed": [OTHER.der]})
    head, _, tail = in_disallowed.rpartition('"Blob"=hex:')
    found = ask(TrustStore.load(f'{head}"Blob"=hex:ff,ff,ff,{tail}'))
    assert found.verdict == chaincheck.Verdict.UNDETERMINED


def test_a_store_with_all_of_it_survives_pickling_and_a_case(tmp_path: Path) -> None:
    import pickle

    sha1 = bytes.fromhex(chaincheck.Certificate(ROOT.der).sha1)
    text = registry_stores(COMPLETE, ctls={"EncodedCtl": trust_list(ROOT_LIST, [sha1])}) + "\r\n"
    text += registry_stores({"ROOT": [OTHER.der]}, root=CURRENT_USER, header=False)
    store = TrustStore.load(text)
    store.listed[ROOTS] = TrustStore.load(listing("Root", "x", OTHER)).listed[ROOTS]
    again = pickle.loads(pickle.dumps(store))  # noqa: S301
    assert again.identity == store.identity
    found = ask(store)
    found.save_case(tmp_path / "case.zip")
    assert chaincheck.replay(tmp_path / "case.zip").to_json() == found.to_json()


def test_a_saved_case_is_no_export_of_a_server(tmp_path: Path) -> None:
    """Its certificates lie there side by side, the root of a user's store among them: sorted as stores they would be trusted."""
    root = pki.root("Case Root")
    chaincheck.diagnose(root.issue("x").der, store=chaincheck.TrustStore(roots=[root.der]), fetch="never").save_case(tmp_path / "case")
    with pytest.raises(chaincheck.InputError) as caught:
        chaincheck.TrustStore.load(tmp_path / "case")
    assert (caught.value.code, "replay" in str(caught.value)) == ("case-as-store", True)


@pytest.mark.parametrize("names", [("before", "after"), ("web01/stores", "web02/stores")])
def test_two_collections_in_one_folder_are_not_one_server(tmp_path: Path, names: tuple[str, str]) -> None:
    for number, name in enumerate(names):
        place = tmp_path / name / "LocalMachine"
        place.mkdir(parents=True)
        (place / "Root.sst").write_bytes(sst(pki.root(f"Root {number}").der))
    with pytest.raises(chaincheck.InputError) as caught:
        chaincheck.TrustStore.load(tmp_path)
    assert caught.value.code == "two-collections"
    assert all(name in caught.value.found for name in names)
