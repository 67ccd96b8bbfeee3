"""What is damaged among CRLs, OCSP responses and distrusted certificates is not dropped in silence."""

from __future__ import annotations

import base64
import pickle
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

import chaincheck
import pki
from chaincheck.asking import Evidence, gather_evidence
from chaincheck.formats.limits import Limits

if TYPE_CHECKING:
    from pathlib import Path

ROOT = pki.root()
CA = ROOT.issue_ca("CA")
LEAF = CA.issue("client")
GOOD = ROOT.crl()
LISTING = CA.crl([(LEAF.serial, pki.AT - timedelta(days=3), "keyCompromise")])
NO_LIMITS = Limits()


def pem(data: bytes, label: str = "X509 CRL") -> bytes:
    return f"-----BEGIN {label}-----\n".encode() + base64.encodebytes(data) + f"-----END {label}-----\n".encode()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]


def in_an_unknown_form(data: bytes) -> bytes:
    """A damaged inner tag: still one whole structure."""
    return data[:3] + b"\x04" + data[4:]


BUNDLES = {
    "a PEM block that is cut off": pem(GOOD) + pem(LISTING)[:-60],
    "a PEM block that holds half a CRL": pem(GOOD) + pem(LISTING[:-20]),
    "a PEM block that holds nothing of a CRL": pem(GOOD) + pem(b"\x30\x00"),
    "a PEM block with a letter too many": pem(GOOD) + pem(LISTING).replace(b"M", b"M!", 1),
    "a PEM block whose structure is damaged": pem(GOOD) + pem(in_an_unknown_form(LISTING)),
    "DER that is cut off": GOOD + LISTING[:-20],
    "DER whose structure is damaged": GOOD + in_an_unknown_form(LISTING),
    "DER whose first tag is damaged": GOOD + flipped(LISTING, 0),
    "bytes of nothing": GOOD + b"junk",
}


@pytest.mark.parametrize("source", BUNDLES.values(), ids=BUNDLES)
def test_a_good_and_a_damaged_crl_in_one_bundle_give_the_good_one_and_a_note(source: bytes) -> None:
    gathered = gather_evidence(source, "crls", NO_LIMITS)
    assert gathered.der == (GOOD,)
    assert gathered.notes
    store = chaincheck.TrustStore(roots=ROOT.der, intermediates=CA.der, crls=source)
    assert store.crls == (GOOD,)
    assert store.evidence_notes
    assert set(store.evidence_notes) <= set(store.notes)


@pytest.mark.parametrize("source", BUNDLES.values(), ids=BUNDLES)
def test_a_damaged_crl_in_the_file_of_a_store_is_kept_in_mind(source: bytes) -> None:
    with_certificates = (pem(ROOT.der, "CERTIFICATE") if source.startswith(b"-----") else ROOT.der) + source
    for store in (chaincheck.TrustStore.load(with_certificates), chaincheck.TrustStore(roots=with_certificates)):
        assert store.crls == (GOOD,)
        assert store.evidence_notes
        assert pickle.loads(pickle.dumps(store)).evidence_notes == store.evidence_notes  # noqa: S301


@pytest.mark.parametrize("damaged", [LISTING[:-20], in_an_unknown_form(LISTING), b"junk", b"", flipped(LISTING, 0)])
def test_an_item_that_is_no_crl_at_all_is_an_input_error_wherever_it_is_given(damaged: bytes) -> None:
    with pytest.raises(chaincheck.InputError) as caught:
        chaincheck.TrustStore(roots=ROOT.der, crls=[GOOD, damaged])
    assert "crls[1]" in str(caught.value)
    with pytest.raises(chaincheck.InputError):
        chaincheck.diagnose(LEAF.der, store=chaincheck.TrustStore(roots=ROOT.der), crls=[GOOD, damaged], at=pki.AT, fetch="never")


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\0" * 9, b" \x1a"])
def test_white_space_after_a_crl_hides_nothing(ending: bytes) -> None:
    assert gather_evidence(GOOD + ending, "crls", NO_LIMITS) == Evidence((GOOD,))
    assert chaincheck.TrustStore(crls=GOOD + ending).evidence_notes == ()


def test_what_never_was_evidence_is_not_missed() -> None:
    text = b"CRLs of today\n" + pem(GOOD) + pem(CA.der, "CERTIFICATE") + pem(ROOT.der[:-9], "CERTIFICATE")
    assert gather_evidence(text, "crls", NO_LIMITS) == Evidence((GOOD,))
    store = chaincheck.TrustStore.load(pem(ROOT.der, "CERTIFICATE") + pem(CA.der[:-9], "CERTIFICATE"))
    assert store.evidence_notes == ()
    assert store.notes


def test_a_damaged_member_of_the_distrusted_is_kept_in_mind() -> None:
    distrusted = pem(CA.der, "CERTIFICATE") + pem(LEAF.der[:-9], "CERTIFICATE")
    assert chaincheck.TrustStore(disallowed=distrusted).evidence_notes
    assert chaincheck.TrustStore(intermediates=distrusted).evidence_notes == ()


def test_a_damaged_crl_in_a_folder_is_kept_in_mind(tmp_path: Path) -> None:
    (tmp_path / "a.crl").write_bytes(GOOD)
    (tmp_path / "README").write_text("what these are")
    assert gather_evidence(tmp_path, "crls", NO_LIMITS) == Evidence((GOOD,))
    (tmp_path / "b.crl").write_bytes(b"\x04" + LISTING[1:])
    assert gather_evidence(tmp_path, "crls", NO_LIMITS).notes
    (tmp_path / "root.cer").write_bytes(ROOT.der)
    assert chaincheck.TrustStore.load(tmp_path).evidence_notes


def test_evidence_has_an_order_of_its_own() -> None:
    other: list[Any] = [LISTING, GOOD, pem(GOOD)]
    assert gather_evidence(other, "crls", NO_LIMITS) == gather_evidence(other[::-1], "crls", NO_LIMITS)
    one, two = gather_evidence(GOOD, "crls", NO_LIMITS), gather_evidence(GOOD + LISTING[:-5], "crls", NO_LIMITS)
    assert one.joined(two) == two.joined(one) == two


# The same certificate twice


def entry(*properties: tuple[int, bytes], location: str | None = None) -> chaincheck.Entry:
    return chaincheck.Entry(ROOT.der, "roots", properties=properties, location=location)


def test_two_copies_of_a_certificate_are_one_entry_with_the_properties_of_both() -> None:
    distrusted = (104, (130_000_000_000_000_000).to_bytes(8, "little"))
    copies = [entry(), entry(distrusted, location="LocalMachine\\Root"), entry((11, b"x"), distrusted, location="LocalMachine\\AuthRoot")]
    for given in (copies, copies[::-1], [copies[1], copies[0], copies[2]]):
        (kept,) = chaincheck.TrustStore(roots=given).roots or ()
        assert kept.properties == ((11, b"x"), distrusted)
        assert kept.location == "LocalMachine\\AuthRoot, LocalMachine\\Root"
        assert not chaincheck.diagnose(
            LEAF.der, store=chaincheck.TrustStore(roots=given, intermediates=CA.der, crls=[GOOD, CA.crl()]), at=pki.AT, fetch="never"
        ).accepted
    assert copies[0].properties == ()  # what the caller holds is left as it is


def test_a_copy_in_another_compartment_is_an_entry_of_its_own() -> None:
    store = chaincheck.TrustStore(roots=[entry((11, b"x"))], disallowed=ROOT.der)
    assert [(e.compartment, e.properties) for e in store.entries()] == [("roots", ((11, b"x"),)), ("disallowed", ())]


# Folders


def test_the_files_of_a_folder_are_counted_over_all_its_levels(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for number in range(4):
            (tmp_path / folder / f"{number}.cer").write_bytes(ROOT.der)
    store = chaincheck.TrustStore.load(tmp_path, limits=Limits(max_files=5))
    assert [detail for _, detail in store.notes] == ["more than 5 files"]


def test_the_entries_looked_at_are_bounded_too(tmp_path: Path) -> None:
    (tmp_path / "root.cer").write_bytes(ROOT.der)
    for number in range(40):
        (tmp_path / f"folder{number:02}").mkdir()
        (tmp_path / f".hidden{number:02}").touch()
    whole = chaincheck.TrustStore.load(tmp_path, limits=Limits(max_files=20))
    assert whole.roots
    assert whole.notes == ()
    try:
        notes = chaincheck.TrustStore.load(tmp_path, limits=Limits(max_files=2)).notes
    except chaincheck.InputError:  # the file was not among the first entries
        return
    assert any("more than 10 entries" in detail for _, detail in notes)


def test_what_is_too_large_for_the_bytes_left_is_not_even_opened(tmp_path: Path) -> None:
    (tmp_path / "a.cer").write_bytes(ROOT.der)
    (tmp_path / "b.cer").write_bytes(CA.der + b"\0" * 5000)
    (tmp_path / "c.cer").write_bytes(CA.der)
    store = chaincheck.TrustStore.load(tmp_path, limits=Limits(max_bytes=4000))
    assert (len(store.roots or ()), len(store.intermediates or ())) == (1, 1)
    assert ["b.cer" in where for where, _ in store.notes] == [True]


@pytest.mark.parametrize("place", ["/proc", "/sys", "/dev", "/proc/self", "/sys/kernel"])
def test_the_files_that_a_kernel_makes_up_are_not_opened(place: str, tmp_path: Path) -> None:
    for folder in (place, str(tmp_path / "link")):
        if folder != place:
            (tmp_path / "link").symlink_to(place)
        with pytest.raises(chaincheck.InputError) as caught:
            chaincheck.diagnose(folder)
        assert caught.value.code in ("empty-directory", "not-found")


def test_a_link_from_a_folder_to_what_a_kernel_makes_up_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "root.cer").write_bytes(ROOT.der)
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "proc").symlink_to("/proc")
    (tmp_path / "version").symlink_to("/proc/version")
    store = chaincheck.TrustStore.load(tmp_path)
    assert (len(store.roots or ()), store.notes) == (1, ())
