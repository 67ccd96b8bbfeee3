"""Private keys in every form they are kept in: only the public half comes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from chaincheck.errors import InputError
from chaincheck.formats.limits import Limits
from chaincheck.formats.load import load, load_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from formats.conftest import Material

DER, PEM = Encoding.DER, Encoding.PEM
DSA_KEY = Path(__file__).parent.parent / "keys" / "dsa2048-a.pem"


def public(key: object) -> bytes:
    return key.public_key().public_bytes(DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined,no-any-return]


def refused(source: object, code: str, **options: object) -> InputError:
    with pytest.raises(InputError) as caught:
        load_key(source, **options)  # type: ignore[arg-type]  # a value of the wrong type, or options as a dict
    assert caught.value.code == code
    return caught.value


@pytest.mark.parametrize("encoding", [DER, PEM])
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_plain_key_gives_its_public_half(material: Material, encoding: Encoding, form: PrivateFormat) -> None:
    for key in (material.key, material.ca_key, load_pem_private_key(DSA_KEY.read_bytes(), None)):
        found = load_key(key.private_bytes(encoding, form, NoEncryption()))
        assert (found.spki, found.problem, found.encrypted) == (public(key), None, False)


def test_edwards_keys_are_read() -> None:
    for key in (ed25519.Ed25519PrivateKey.generate(), ed448.Ed448PrivateKey.generate()):
        assert load_key(key.private_bytes(PEM, PrivateFormat.PKCS8, NoEncryption())).spki == public(key)


CIPHERS = {
    "AES and PBKDF2": ("-v2", "aes-256-cbc"),
    "AES and PBKDF2 of SHA-1": ("-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"),
    "AES and scrypt": ("-scrypt",),
    "3DES and PBKDF2": ("-v2", "des3"),
    "RC2 and PBKDF2": ("-v2", "rc2-cbc", "-provider", "legacy", "-provider", "default"),
    "3DES of PKCS#12": ("-v1", "PBE-SHA1-3DES"),
    "RC4 of PKCS#12": ("-v1", "PBE-SHA1-RC4-128", "-provider", "legacy", "-provider", "default"),
    "DES and MD5": ("-v1", "PBE-MD5-DES", "-provider", "legacy", "-provider", "default"),
    "DES and SHA-1": ("-v1", "PBE-SHA1-DES", "-provider", "legacy", "-provider", "default"),
}


@pytest.mark.parametrize("cipher", CIPHERS)
def test_an_encrypted_pkcs8_key_opens_however_it_is_encrypted(material: Material, openssl: Callable[..., bytes], cipher: str) -> None:
    data = openssl("pkcs8", "-topk8", "-in", "key.pem", "-passout", "pass:秘密", *CIPHERS[cipher])
    found = load_key(data, password="秘密")
    assert (found.spki, found.problem, found.encrypted) == (material.spki, None, True)
    refused(data, "wrong-password", password="guess")
    refused(data, "password-needed")


def test_a_traditional_encrypted_key_opens(material: Material) -> None:
    data = material.key.private_bytes(PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"secret"))
    assert b"Proc-Type: 4,ENCRYPTED" in data
    for written in (data, data.replace(b"\n", b"\r\n"), b"\xff\xfe" + data.decode().encode("utf-16-le")):
        assert load_key(written, password="secret").spki == material.spki
    refused(data, "wrong-password", password="guess")
    refused(data, "password-needed")


@pytest.mark.parametrize("cipher", ["-aes128", "-aes192", "-aes256", "-des3"])
def test_a_traditional_key_opens_whatever_its_cipher(material: Material, openssl: Callable[..., bytes], cipher: str) -> None:
    data = openssl("rsa", "-in", "key.pem", "-traditional", cipher, "-passout", "pass:秘密")
    assert load_key(data, password="秘密").spki == material.spki


@pytest.mark.parametrize("information", ["AES-256-CBC,00", "AES-256-CBC,xyz", "AES-256-CBC", "IDEA-CBC,0011223344556677", ""])
def test_a_traditional_key_with_damaged_parameters_is_there_with_a_problem(material: Material, information: str) -> None:
    data = material.key.private_bytes(PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"secret")).decode()
    old = next(line for line in data.splitlines() if line.startswith("DEK-Info"))
    found = load_key(data.replace(old, f"DEK-Info: {information}"), password="secret")
    assert found.problem is not None
    assert found.encrypted


def test_the_first_key_of_a_file_with_certificates_is_taken(material: Material) -> None:
    assert load_key(material.pem.encode() + material.key_pem).spki == material.spki


def test_parameters_before_an_ec_key_are_passed_over(openssl: Callable[..., bytes]) -> None:
    data = openssl("ecparam", "-name", "prime256v1", "-genkey")
    assert b"EC PARAMETERS" in data
    assert load_key(data).spki == public(load_pem_private_key(data, None))


def test_objects_with_a_public_key_are_keys(material: Material) -> None:
    class InHardware:
        def public_key(self) -> object:
            return material.key.public_key()

    class GivesBytes:
        def public_key(self) -> bytes:
            return material.spki

    for source in (material.key, material.key.public_key(), InHardware(), GivesBytes()):
        assert load_key(source).spki == material.spki


def test_an_object_whose_public_key_fails_is_an_input_error() -> None:
    class Unplugged:
        def public_key(self) -> object:
            raise OSError("no card in the reader")

    assert "no card in the reader" in refused(Unplugged(), "key-object").found


def test_a_damaged_key_is_there_with_a_problem(material: Material) -> None:
    der = material.key.private_bytes(DER, PrivateFormat.PKCS8, NoEncryption())
    middle = bytearray(der)
    middle[len(der) // 2] ^= 1
    found = load_key(bytes(middle))
    assert found.problem is not None
    assert found.supported
    tail = material.ca_key.private_bytes(DER, PrivateFormat.PKCS8, NoEncryption())
    assert load_key(tail[:-1] + bytes((tail[-1] ^ 1,))).problem is not None


def test_a_damaged_pem_key_is_there_with_a_problem(material: Material) -> None:
    lines = material.key_pem.splitlines()
    found = load_key(b"\n".join(lines[:4] + lines[6:]))
    assert found.spki is None
    assert found.problem is not None


def test_a_key_on_a_curve_this_build_lacks_is_not_called_damaged(openssl: Callable[..., bytes]) -> None:
    found = load_key(openssl("ecparam", "-name", "secp160r1", "-genkey", "-noout"))
    assert found.problem is not None
    assert not found.supported


def test_a_certificate_given_as_key_hints_at_the_swap(material: Material) -> None:
    for source in (material.der, material.pem, material.client):
        assert "swapped" in (refused(source, "certificate-as-key").hint or "")


def test_a_key_given_as_certificate_hints_at_the_swap(material: Material) -> None:
    locked = material.key.private_bytes(PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    for source in (material.key_pem, material.key, locked):
        with pytest.raises(InputError) as caught:
            load(source)
        assert caught.value.code == "key-as-certificate"
        assert "swapped" in (caught.value.hint or "")


def test_an_encrypted_key_beside_a_certificate_is_skipped_with_a_note_where_no_password_is_given(material: Material) -> None:
    locked = material.key.private_bytes(PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    loaded = load(locked + material.pem.encode())
    assert loaded.certificates == (material.der,)
    assert loaded.keys == ()
    assert [note.code for note in loaded.notes] == ["key-skipped"]
    assert load(locked + material.pem.encode(), password="x").keys[0].spki == material.spki


def test_forms_that_are_not_read_are_named(material: Material) -> None:
    openssh = material.key.private_bytes(PEM, PrivateFormat.OpenSSH, NoEncryption())
    assert "ssh-keygen" in (refused(openssh, "openssh-key").hint or "")
    assert "PVK" in (refused(b"\x1e\xf1\xb5\xb0" + bytes(100), "pvk").hint or "")
    refused(b"PuTTY-User-Key-File-3: ssh-rsa\n", "putty-key")
    refused(material.key.public_key().public_bytes(PEM, PublicFormat.SubjectPublicKeyInfo), "public-key")
    refused(material.key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH), "openssh-public-key")


def scrypt_key(openssl: Callable[..., bytes], n: str) -> bytes:
    return openssl("pkcs8", "-topk8", "-in", "key.pem", "-passout", "pass:x", "-scrypt", "-scrypt_N", n, "-scrypt_r", "8", "-scrypt_p", "1")


def test_scrypt_beyond_its_memory_is_refused_before_it_is_run(material: Material, openssl: Callable[..., bytes]) -> None:
    assert load_key(scrypt_key(openssl, "16384"), password="x").spki == material.spki
    error = refused(scrypt_key(openssl, "16384"), "kdf-too-expensive", password="x", limits=Limits(max_kdf_memory=8 * 1024 * 1024))
    assert "scrypt" in error.found
    data = load_der(scrypt_key(openssl, "16384")).replace(b"\x02\x02\x40\x00", b"\x02\x02\x7f\xff")  # no power of 2
    assert "power of 2" in (load_key(data, password="x").problem or "")


def load_der(pem: bytes) -> bytes:
    from base64 import b64decode

    return b64decode(b"".join(pem.splitlines()[1:-1]))


@pytest.mark.parametrize("rounds", [10_000_001, 2**62, 2**31])
def test_pbkdf2_beyond_ten_million_rounds_is_refused_before_it_is_run(openssl: Callable[..., bytes], rounds: int) -> None:
    data = load_der(openssl("pkcs8", "-topk8", "-in", "key.pem", "-passout", "pass:x", "-v2", "aes-256-cbc", "-iter", "70000"))
    before = b"\x02\x03" + (70_000).to_bytes(3, "big")
    encoded = rounds.to_bytes(rounds.bit_length() // 8 + 1, "big")
    more = len(encoded) - 3
    after = data.replace(before, bytes((2, len(encoded))) + encoded)
    at = after.index(encoded)
    spoilt = bytearray(after)
    for position in enclosing(data, data.index(before)):  # lengths of the sequences around it
        spoilt[position] += more
    assert at
    outer = int.from_bytes(spoilt[2:4], "big") + more
    spoilt[2:4] = outer.to_bytes(2, "big")
    refused(bytes(spoilt), "kdf-too-expensive", password="x")


def enclosing(data: bytes, at: int) -> list[int]:
    """Positions of the one-octet lengths of the elements that hold the byte ``at``."""
    found, pos, end = [], 0, len(data)
    while pos < at:
        size = data[pos + 1]
        start = pos + 2 + (size - 0x80 if size > 0x7F else 0)
        length = int.from_bytes(data[pos + 2 : start], "big") if size > 0x7F else size
        if start + length <= at:
            pos = start + length
            continue
        if size <= 0x7F:
            found.append(pos + 1)
        pos, end = start, start + length
    assert end <= len(data)
    return found


def test_a_password_function_is_asked_once_and_only_when_needed(material: Material, files: Path) -> None:
    asked = []

    def password() -> str:
        asked.append(1)
        return "x"

    load(files / "client.pem", password=password)
    assert not asked
    locked = material.key.private_bytes(PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    load_key(locked + locked, password=password)
    assert asked == [1]


def test_an_ec_key_with_explicit_parameters_gives_its_named_curve(openssl: Callable[..., bytes]) -> None:
    found = load_key(openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-param_enc", "explicit"))
    assert found.spki is not None
    assert len(found.spki) == 91
    assert ec.SECP256R1.key_size == 256
