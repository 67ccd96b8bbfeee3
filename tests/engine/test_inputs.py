"""Which certificate is meant, whether its key is there, and what is not an answer but an InputError."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import chaincheck
import pki
from chaincheck.causes import facts
from chaincheck.causes.codes import CauseCode, DocumentedCause, Finding, Verdict
from engine.asking import CA, LEAF, ROOT, ask, assumed, fatal, full_store

if TYPE_CHECKING:
    from pathlib import Path

UNUSABLE = DocumentedCause.NO_USABLE_CERTIFICATE


# The key


def test_a_key_that_is_present_rules_the_fourth_cause_out() -> None:
    diagnosis = ask(key=LEAF.key_pem)
    assert diagnosis.accepted
    assert diagnosis.documented_causes[UNUSABLE] is Finding.RULED_OUT
    assert "key-not-told" not in assumed(diagnosis)


def test_a_key_that_is_not_told_is_an_assumption() -> None:
    diagnosis = ask()
    assert diagnosis.accepted
    assert diagnosis.documented_causes[UNUSABLE] is Finding.NOT_CHECKED
    assert "key-not-told" in assumed(diagnosis)


def test_a_key_that_is_not_there_is_the_fourth_cause() -> None:
    diagnosis = ask(key=chaincheck.NO_KEY)
    assert diagnosis.verdict is Verdict.REFUSED
    assert fatal(diagnosis) == {("no-private-key", "subject")}
    assert diagnosis.documented_causes[UNUSABLE] is Finding.FOUND


def test_a_key_of_another_certificate_is_named_with_the_certificate_it_matches() -> None:
    other = CA.issue("other client")
    diagnosis = ask(LEAF.der, other.key_pem, presented=[other.der])
    cause = next(c for c in diagnosis.causes if c.code is CauseCode.PRIVATE_KEY_MISMATCH)
    assert isinstance(cause.facts, facts.KeyMismatchFacts)
    assert (cause.facts.matches, cause.facts.matches_sha256) == ("CN=other client", other.fingerprint)
    assert diagnosis.documented_causes[UNUSABLE] is Finding.FOUND


def test_a_key_that_matches_nothing_is_named_as_such() -> None:
    cause = next(c for c in ask(LEAF.der, CA.key_pem).causes if c.code is CauseCode.PRIVATE_KEY_MISMATCH)
    assert isinstance(cause.facts, facts.KeyMismatchFacts)
    assert cause.facts.matches is None


@pytest.mark.parametrize("form", ["pkcs8", "traditional"])
@pytest.mark.parametrize("name", ["rsa2048", "p256", "p384"])
def test_a_key_is_compared_by_its_public_half(name: str, form: str) -> None:
    leaf = CA.issue("client", key=name)
    assert ask(leaf.der, leaf.key.encoded(form)).documented_causes[UNUSABLE] is Finding.RULED_OUT
    assert ask(leaf.der, leaf.key.private).documented_causes[UNUSABLE] is Finding.RULED_OUT
    assert ask(leaf.der, leaf.key.private.public_key()).documented_causes[UNUSABLE] is not Finding.FOUND


def test_a_key_in_a_device_needs_only_a_public_key() -> None:
    class Device:
        def public_key(self) -> object:
            return LEAF.key.private.public_key()

    assert ask(LEAF.der, Device()).documented_causes[UNUSABLE] is Finding.RULED_OUT


def test_an_encrypted_key_needs_its_password() -> None:
    encrypted = LEAF.key.encoded(password=b"secret")
    assert ask(LEAF.der, encrypted, password="secret").documented_causes[UNUSABLE] is Finding.RULED_OUT
    with pytest.raises(chaincheck.InputError):
        ask(LEAF.der, encrypted, password="wrong")


def test_a_key_inside_the_bundle_counts() -> None:
    assert ask(LEAF.pem + LEAF.key_pem).documented_causes[UNUSABLE] is Finding.RULED_OUT
    assert ask(LEAF.pem + CA.key_pem).documented_causes[UNUSABLE] is Finding.FOUND
    assert ask(LEAF.pkcs12(b"x", [CA]), password="x").documented_causes[UNUSABLE] is Finding.RULED_OUT


def test_no_certificate_is_the_fourth_cause() -> None:
    for key in (None, LEAF.key_pem, chaincheck.NO_KEY):
        diagnosis = ask(chaincheck.NO_CERTIFICATE, key)
        assert diagnosis.verdict is Verdict.REFUSED
        assert ("no-certificate", "subject") in fatal(diagnosis)
        assert diagnosis.documented_causes[UNUSABLE] is Finding.FOUND
        assert diagnosis.path is None
        assert diagnosis.paths == ()
        assert diagnosis.to_text()
        assert diagnosis.to_json()


# Which certificate


def test_the_only_end_entity_of_a_bundle_is_meant_wherever_it_stands() -> None:
    for bundle in (pki.pem_bundle(LEAF, CA, ROOT), pki.pem_bundle(ROOT, CA, LEAF), pki.pem_bundle(CA, LEAF), pki.p7b(ROOT, LEAF, CA)):
        diagnosis = ask(bundle, store=full_store(intermediates=()))
        assert diagnosis.subject is not None
        assert diagnosis.subject.der == LEAF.der
        assert diagnosis.accepted  # the others count as presented


def test_the_certificate_that_matches_the_key_is_meant() -> None:
    other = CA.issue("other client")
    diagnosis = ask([LEAF.der, other.der], other.key_pem)
    assert diagnosis.subject is not None
    assert diagnosis.subject.der == other.der
    assert diagnosis.documented_causes[UNUSABLE] is Finding.RULED_OUT


def test_the_end_of_a_chain_of_cas_is_meant() -> None:
    diagnosis = ask(pki.pem_bundle(ROOT, CA), rules=replace(chaincheck.IIS, revocation="off"))
    assert diagnosis.subject is not None
    assert diagnosis.subject.der == CA.der


def test_several_end_entities_are_an_input_error_that_lists_them() -> None:
    other = CA.issue("other client")
    with pytest.raises(chaincheck.InputError) as caught:
        ask(pki.pem_bundle(LEAF, other, CA))
    assert caught.value.code == "several-end-entities"
    assert "CN=client" in caught.value.found
    assert "CN=other client" in caught.value.found
    assert "scan" in str(caught.value.hint)


def test_a_key_that_matches_neither_does_not_choose() -> None:
    with pytest.raises(chaincheck.InputError):
        ask(pki.pem_bundle(LEAF, CA.issue("other client")), CA.key_pem)


def test_none_is_not_a_certificate_and_the_error_names_the_word_for_it() -> None:
    with pytest.raises(chaincheck.InputError) as caught:
        ask(None)
    assert caught.value.code == "no-certificate-told"
    assert "NO_CERTIFICATE" in str(caught.value)


@pytest.mark.parametrize(
    "cert", [b"", b"nonsense", b"\x00" * 100, "/no/such/file.cer", 42, [], b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate_at_all_is_an_input_error(cert: object) -> None:
    with pytest.raises(chaincheck.InputError) as caught:
        ask(cert)
    assert isinstance(caught.value, ValueError)
    assert all((caught.value.code, caught.value.found, caught.value.expected, caught.value.where))


@pytest.mark.parametrize(
    "more",
    [
        {"rules": "IIS"}, {"fetch": "sometimes"}, {"timeout": -1}, {"timeout": "soon"}, {"store": b"nonsense"}, {"crls": b"nonsense"},
        {"presented": b"nonsense"}, {"ocsp_responses": LEAF.der}, {"key": b"nonsense"}, {"guard": None, "fetch": None},
    ],
)  # fmt: skip
def test_wrong_use_is_an_input_error(more: dict[str, object]) -> None:
    with pytest.raises(chaincheck.InputError):
        ask(**more)


def test_a_path_may_be_text_or_a_path_object(tmp_path: Path) -> None:
    (tmp_path / "client.cer").write_bytes(LEAF.der)
    (tmp_path / "store").mkdir()
    for name, one in (("root.cer", ROOT), ("ca.cer", CA)):
        (tmp_path / "store" / name).write_bytes(one.der)
    off = replace(chaincheck.IIS, revocation="off")
    for cert in (str(tmp_path / "client.cer"), tmp_path / "client.cer", LEAF.pem.decode()):
        assert ask(cert, store=str(tmp_path / "store"), rules=off).accepted


def test_a_damaged_certificate_is_an_answer() -> None:
    damaged = bytearray(LEAF.der)
    damaged[damaged.index(bytes.fromhex("170d"))] = 0x04
    diagnosis = ask(bytes(damaged))
    assert not diagnosis.accepted
    assert ("malformed", "subject") in fatal(diagnosis)
