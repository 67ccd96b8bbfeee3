"""Finding client certificates in a collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import chaincheck
import pki
from chaincheck import InputError

if TYPE_CHECKING:
    from pathlib import Path

ROOT = pki.root("Root")
CA = ROOT.issue_ca("Issuing CA")
ALICE, BOB, CAROL = (CA.issue(name) for name in ("alice", "bob", "carol"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A collection as people keep it: certificates in several forms, CAs, keys, and what is neither."""
    (tmp_path / "old" / "2025").mkdir(parents=True)
    (tmp_path / "alice.cer").write_bytes(ALICE.der)
    (tmp_path / "alice.key").write_bytes(ALICE.key_pem)
    (tmp_path / "both.pem").write_bytes(pki.pem_bundle(BOB, CA, ALICE))
    (tmp_path / "issuing.cer").write_bytes(CA.der)
    (tmp_path / "notes.txt").write_text("ask bob")
    (tmp_path / "empty.cer").write_bytes(b"")
    (tmp_path / "old" / "2025" / "carol.p7b").write_bytes(pki.p7b(CAROL, CA, ROOT))
    return tmp_path


def found(path: Path, **options: Any) -> list[tuple[str, str]]:
    return [(one.label, str(one.certificate.subject)) for one in chaincheck.scan(path, **options)]


def test_a_folder_gives_its_client_certificates_in_the_order_of_names(folder: Path) -> None:
    assert found(folder) == [
        ("alice.cer", "CN=alice"),
        ("both.pem#1", "CN=bob"),
        ("both.pem#2", "CN=alice"),
        ("old/2025/carol.p7b", "CN=carol"),
    ]


def test_a_file_gives_its_client_certificates(folder: Path) -> None:
    assert found(folder / "both.pem") == [("both.pem#1", "CN=bob"), ("both.pem#2", "CN=alice")]
    assert found(folder / "issuing.cer") == []


def test_what_is_found_can_be_diagnosed_as_it_is(folder: Path) -> None:
    with chaincheck.Checker(store=chaincheck.TrustStore(roots=[ROOT.der], intermediates=[CA.der]), fetch="never") as checker:
        verdicts = {one.label: checker.diagnose(one.certificate, at=pki.AT).verdict for one in chaincheck.scan(folder)}
    assert set(verdicts.values()) == {chaincheck.Verdict.ACCEPTED}
    assert len(verdicts) == 4


def test_a_folder_without_client_certificates_gives_none(tmp_path: Path) -> None:
    assert found(tmp_path) == []
    (tmp_path / "root.cer").write_bytes(ROOT.der)
    assert found(tmp_path) == []


def test_a_locked_file_is_passed_over_in_a_folder_and_opened_with_its_password(tmp_path: Path) -> None:
    (tmp_path / "alice.pfx").write_bytes(ALICE.pkcs12(b"geheim", [CA]))
    (tmp_path / "bob.cer").write_bytes(BOB.der)
    assert found(tmp_path) == [("bob.cer", "CN=bob")]
    assert found(tmp_path, password="geheim") == [("alice.pfx", "CN=alice"), ("bob.cer", "CN=bob")]
    with pytest.raises(InputError) as caught:
        found(tmp_path / "alice.pfx")
    assert caught.value.code == "password-needed"


def test_a_damaged_certificate_is_found_and_becomes_a_diagnosis(tmp_path: Path) -> None:
    spoilt = bytearray(ALICE.der)
    spoilt[-1] ^= 1
    (tmp_path / "spoilt.cer").write_bytes(spoilt)
    (one,) = chaincheck.scan(tmp_path)
    assert one.label == "spoilt.cer"
    assert not chaincheck.diagnose(one.certificate, fetch="never", at=pki.AT).accepted


def test_files_are_read_when_their_turn_comes(folder: Path) -> None:
    found_so_far = chaincheck.scan(folder)
    assert next(found_so_far).label == "alice.cer"
    (folder / "both.pem").unlink()
    assert [one.label for one in found_so_far] == ["old/2025/carol.p7b"]


def test_wrong_use_is_said_at_once(tmp_path: Path) -> None:
    given: Any
    for given, options, code in (
        (tmp_path / "absent", {}, "not-found"),
        (5, {}, "argument-type"),
        (tmp_path, {"limits": chaincheck.Limits.hostile()}, "paths-not-allowed"),
    ):
        with pytest.raises(InputError) as caught:
            chaincheck.scan(given, **options)
        assert caught.value.code == code


def test_a_link_that_leads_back_is_not_followed_for_ever(tmp_path: Path) -> None:
    (tmp_path / "alice.cer").write_bytes(ALICE.der)
    (tmp_path / "loop").symlink_to(tmp_path)
    assert found(tmp_path) == [("alice.cer", "CN=alice")]
