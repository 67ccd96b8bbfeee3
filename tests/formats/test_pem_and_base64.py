"""Text forms of certificates, with all that mail, editors, consoles and proxies do to them."""

from __future__ import annotations

import base64
import time
import urllib.parse
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from chaincheck.errors import InputError
from chaincheck.formats.load import NoteCode, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from formats.conftest import Material


def codes(loaded: object) -> set[NoteCode]:
    return {note.code for note in loaded.notes}  # type: ignore[attr-defined]  # the member of this very kind


WRITINGS: dict[str, Callable[[str], bytes]] = {
    "as it is": lambda pem: pem.encode(),
    "CRLF": lambda pem: pem.replace("\n", "\r\n").encode(),
    "CR": lambda pem: pem.replace("\n", "\r").encode(),
    "UTF-8 with a mark": lambda pem: b"\xef\xbb\xbf" + pem.encode(),
    "UTF-16 of PowerShell": lambda pem: b"\xff\xfe" + pem.replace("\n", "\r\n").encode("utf-16-le"),
    "UTF-16 big endian": lambda pem: b"\xfe\xff" + pem.encode("utf-16-be"),
    "UTF-16 without a mark": lambda pem: pem.encode("utf-16-le"),
    "UTF-16 big endian without a mark": lambda pem: pem.encode("utf-16-be"),
    "no final newline": lambda pem: pem.rstrip().encode(),
    "indented by tabs": lambda pem: pem.replace("\n", "\n\t").encode(),
    "indented by spaces": lambda pem: ("    " + pem.replace("\n", "\n    ")).encode(),
    "one line": lambda pem: pem.replace("\n", "").encode(),
    "spaces for line breaks": lambda pem: pem.replace("\n", " ").encode(),
    "lines of 200": lambda pem: _folded(pem, 200),
    "lines of 7": lambda pem: _folded(pem, 7),
    "blank lines between": lambda pem: pem.replace("\n", "\n\n").encode(),
    "escaped line breaks": lambda pem: pem.replace("\n", "\\n").encode(),
    "in JSON": lambda pem: ('{"cert": "' + pem.replace("\n", "\\n") + '"}').encode(),
    "in an HTML page": lambda pem: f"<html><pre>{pem}</pre></html>".encode(),
    "quoted in a mail": lambda pem: ("> " + pem.replace("\n", "\n> ")).encode(),
    "a dash lost": lambda pem: pem[1:].encode(),
    "dashes of a word processor": lambda pem: pem.replace("-----", "\u2013\u2013\u2013\u2013").encode(),
    "a zero-width space": lambda pem: pem.replace("MII", "\u200bMII", 1).encode(),
    "Japanese text around it in cp932": lambda pem: "クライアント証明書です\n".encode("cp932") + pem.encode(),
    "western text around it in cp1252": lambda pem: "Gültig für\n".encode("cp1252") + pem.encode(),
    "percent-encoded": lambda pem: urllib.parse.quote(pem).encode(),
    "X509 CERTIFICATE": lambda pem: pem.replace("CERTIFICATE", "X509 CERTIFICATE").encode(),
    "bare Base64": lambda pem: "".join(pem.splitlines()[1:-1]).encode(),
    "bare Base64 in lines": lambda pem: "\r\n".join(pem.splitlines()[1:-1]).encode(),
    "Base64 of PEM": lambda pem: base64.b64encode(pem.encode()),
}


def _folded(pem: str, width: int) -> bytes:
    lines = pem.splitlines()
    body = "".join(lines[1:-1])
    return "\n".join([lines[0], *(body[at : at + width] for at in range(0, len(body), width)), lines[-1], ""]).encode()


@pytest.mark.parametrize("writing", WRITINGS)
def test_a_certificate_is_read_however_its_text_was_written(material: Material, writing: str) -> None:
    assert load(WRITINGS[writing](material.pem)).certificates == (material.der,)


def test_base64_without_padding_is_read_with_a_note(material: Material) -> None:
    der = material.der + b"\0" * (-len(material.der) % 3 + 1)  # a length that needs padding
    loaded = load(base64.b64encode(der).rstrip(b"="))
    assert loaded.certificates == (material.der,)
    assert NoteCode.REPAIRED in codes(loaded)


def test_a_str_with_a_begin_line_is_content(material: Material) -> None:
    assert load(material.pem).certificates == (material.der,)
    assert load(urllib.parse.quote(material.pem)).certificates == (material.der,)


def test_the_encoding_is_noted(material: Material) -> None:
    assert load(material.pem.encode("utf-16")).notes[0].detail == "utf-16 text"


def test_text_printed_by_openssl_around_a_block_is_ignored_with_a_note(material: Material, openssl: Callable[..., bytes]) -> None:
    loaded = load(openssl("x509", "-in", "client.pem", "-text"))
    assert loaded.certificates == (material.der,)
    assert codes(loaded) == {NoteCode.TEXT_IGNORED}


def test_the_trust_settings_of_openssl_are_left_out(material: Material, openssl: Callable[..., bytes]) -> None:
    loaded = load(openssl("x509", "-in", "client.pem", "-trustout", "-addtrust", "clientAuth"))
    assert loaded.certificates == (material.der,)


def test_a_bundle_keeps_its_order_and_drops_repetitions(material: Material, files: Path) -> None:
    text = (files / "client.pem").read_text() + (files / "chain.pem").read_text() * 2
    assert load(text).certificates == material.chain


def test_files_joined_without_a_line_break_between_them_are_two_blocks(material: Material, files: Path) -> None:
    text = (files / "client.pem").read_text().rstrip() + (files / "chain.pem").read_text().rstrip()
    assert load(text).certificates == material.chain


def test_a_bundle_may_hold_the_key(material: Material, files: Path) -> None:
    loaded = load((files / "key.pem").read_bytes() + material.pem.encode())
    assert loaded.certificates == (material.der,)
    assert [key.spki for key in loaded.keys] == [material.spki]


def test_a_bundle_may_hold_a_crl(material: Material) -> None:
    loaded = load(material.pem.encode() + material.crl.public_bytes(Encoding.PEM))
    assert loaded.crls == (material.crl.public_bytes(Encoding.DER),)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda pem: pem.replace("MII", "M*I", 1), "the character '*' is not Base64"),
        (lambda pem: pem.replace("-----END CERTIFICATE-----\n", ""), "it has no END line"),
        (lambda pem: pem.replace("END CERTIFICATE", "END X509 CRL"), "its END line names 'X509 CRL'"),
        (lambda pem: "\n".join(line for number, line in enumerate(pem.splitlines()) if number != 3), " bytes of "),
    ],
)
def test_a_damaged_block_is_a_note_with_its_line_and_the_others_are_read(
    material: Material, files: Path, spoil: Callable[[str], str], problem: str
) -> None:
    text = (files / "chain.pem").read_text() + "\n# the client\n" + spoil(material.pem)
    loaded = load(text.encode() + b"\n")
    assert loaded.certificates == material.chain[1:]
    damaged = [note for note in loaded.notes if note.code is NoteCode.DAMAGED_MEMBER]
    line = text[: text.rindex("-----BEGIN")].count("\n") + 1
    assert len(damaged) == 1
    assert problem in damaged[0].detail
    assert damaged[0].where == f"certificate, block 3 at line {line}"


def test_a_single_damaged_block_is_an_error_that_names_the_line(material: Material) -> None:
    with pytest.raises(InputError) as caught:
        load("text\n" + material.pem.replace("MII", "M*I", 1))
    assert caught.value.code == "damaged-pem"
    assert caught.value.where.endswith("block 1 at line 2")


def test_a_block_under_the_wrong_label_is_read_by_its_content(material: Material, openssl: Callable[..., bytes]) -> None:
    wrapped = openssl("crl2pkcs7", "-nocrl", "-certfile", "chain.pem").replace(b"PKCS7", b"CERTIFICATE")
    assert set(load(wrapped).certificates) == set(material.chain[1:])


def test_a_request_beside_a_certificate_is_a_note(material: Material) -> None:
    loaded = load(material.csr.public_bytes(Encoding.PEM) + material.pem.encode())
    assert loaded.certificates == (material.der,)
    assert codes(loaded) == {NoteCode.UNRELATED_MEMBER}


@pytest.mark.parametrize(
    "text", ["-" * 3_000_000, "-----BEGIN A-----\n" * 90_000, "-----BEGIN " * 200_000, "MIIB" * 700_000, "%0A" * 900_000]
)
def test_text_made_to_stall_the_reader_is_answered_at_once(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(InputError):
        load(text + "\n")
    assert time.monotonic() - began < 3
