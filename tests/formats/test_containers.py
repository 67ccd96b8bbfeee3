"""PKCS#7, PKCS#12, serialized stores and registry records."""

from __future__ import annotations

import base64
import hashlib
import struct
import time
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7, pkcs12

from chaincheck.errors import InputError
from chaincheck.formats import frame, rc2
from chaincheck.formats.limits import Limits
from chaincheck.formats.load import NoteCode, load, load_key
from chaincheck.formats.registry import looks_like_blob, parse_blob

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from formats.conftest import Material

FRIENDLY_NAME, EKU, DISALLOWED = 11, 9, 104


def refused(source: object, code: str, **options: object) -> InputError:
    with pytest.raises(InputError) as caught:
        load(source, **options)  # type: ignore[arg-type]  # a value of the wrong type, or options as a dict
    assert caught.value.code == code
    return caught.value


# PKCS#7


@pytest.mark.parametrize("encoding", [Encoding.DER, Encoding.PEM])
def test_a_pkcs7_gives_its_certificates(material: Material, encoding: Encoding) -> None:
    loaded = load(pkcs7.serialize_certificates([material.client, material.issuing, material.root], encoding))
    assert set(loaded.certificates) == set(material.chain)


def test_a_pkcs7_of_openssl_gives_certificates_and_crls(material: Material, files: Path, openssl: Callable[..., bytes]) -> None:
    (files / "crl.pem").write_bytes(material.crl.public_bytes(Encoding.PEM))
    loaded = load(openssl("crl2pkcs7", "-in", "crl.pem", "-certfile", "client.pem", "-outform", "DER"))
    assert loaded.certificates == (material.der,)
    assert loaded.crls == (material.crl.public_bytes(Encoding.DER),)
    assert loaded.kind == "pkcs7"


def test_a_signed_message_gives_the_certificate_of_its_signer(material: Material, files: Path) -> None:
    builder = pkcs7.PKCS7SignatureBuilder().set_data(b"text").add_signer(material.client, material.key, hashes.SHA256())
    assert load(builder.sign(Encoding.DER, [])).certificates == (material.der,)


def indefinite(data: bytes, levels: int) -> bytes:
    """``data`` with the lengths of its outer constructed elements left open."""
    outer = frame.element(data, 0, len(data))
    if not levels or not outer.tag & 0x20:
        return data
    children = b"".join(indefinite(data[one.begin : one.end], levels - 1) for one in frame.children(data, outer))
    return bytes((outer.tag, 0x80)) + children + b"\0\0"


def test_a_pkcs7_with_indefinite_lengths_gives_its_certificates_unchanged_and_a_note(material: Material) -> None:
    loaded = load(indefinite(pkcs7.serialize_certificates([material.client], Encoding.DER), 4))
    assert loaded.certificates == (material.der,)
    assert [note.code for note in loaded.notes] == [NoteCode.NOT_DER]


def test_a_pkcs7_without_certificates_is_refused(material: Material, openssl: Callable[..., bytes], files: Path) -> None:
    (files / "text").write_text("text")
    signed = openssl(
        "cms", "-sign", "-in", "text", "-signer", "client.pem", "-inkey", "key.pem", "-nocerts", "-outform", "DER", "-nodetach"
    )
    refused(signed, "pkcs7-without-certificates")


def test_a_damaged_certificate_in_a_pkcs7_is_handed_on_as_it_is(material: Material) -> None:
    data = pkcs7.serialize_certificates([material.client, material.root], Encoding.DER)
    spoilt = bytearray(material.der)
    spoilt[12] = 0x99  # the value of the version
    loaded = load(data.replace(material.der, bytes(spoilt)))
    assert bytes(spoilt) in loaded.certificates


def test_a_trust_list_is_named(material: Material) -> None:
    oid = bytes.fromhex("06092b0601040182370a01")
    signed = b"\x02\x01\x01\x31\x00\x30" + bytes((len(oid),)) + oid + b"\x31\x00"
    inner = b"\x30" + bytes((len(signed),)) + signed
    body = bytes.fromhex("06092a864886f70d010702") + b"\xa0" + bytes((len(inner),)) + inner
    assert "Export-Certificate" in (refused(b"\x30" + bytes((len(body),)) + body, "trust-list").hint or "")


# PKCS#12


def pfx(material: Material, password: bytes, *, chain: bool = True) -> bytes:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption

    others = [material.issuing, material.root] if chain else None
    return pkcs12.serialize_key_and_certificates(b"client", material.key, material.client, others, BestAvailableEncryption(password))


def test_a_pkcs12_gives_key_and_chain(material: Material) -> None:
    loaded = load(pfx(material, b"secret"), password="secret")
    assert set(loaded.certificates) == set(material.chain)
    assert loaded.certificates[0] == material.der
    assert [(key.spki, key.problem, key.encrypted) for key in loaded.keys] == [(material.spki, None, True)]
    assert loaded.kind == "pkcs12"


@pytest.mark.parametrize("password", ["秘密キー", "pässwörd", "🔑", "with space "])
def test_a_pkcs12_opens_with_a_password_in_any_language(material: Material, password: str) -> None:
    data = pfx(material, password.encode())
    for form in (password, password.encode(), lambda: password):
        assert load(data, password=form).certificates[0] == material.der


PROTECTIONS = {
    "today's OpenSSL": (),
    "RC2-40 and 3DES of old Windows": ("-legacy",),
    "3DES": ("-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"),
    "2-key 3DES": ("-legacy", "-certpbe", "PBE-SHA1-2DES", "-keypbe", "PBE-SHA1-2DES"),
    "RC2-128": ("-legacy", "-certpbe", "PBE-SHA1-RC2-128", "-keypbe", "PBE-SHA1-RC2-128"),
    "RC4-128": ("-legacy", "-certpbe", "PBE-SHA1-RC4-128", "-keypbe", "PBE-SHA1-RC4-40"),
    "AES-128 and a SHA-512 MAC": ("-certpbe", "AES-128-CBC", "-keypbe", "AES-192-CBC", "-macalg", "sha512"),
    "an unencrypted certificate": ("-certpbe", "NONE"),
    "nothing encrypted": ("-certpbe", "NONE", "-keypbe", "NONE"),
    "one round": ("-noiter", "-nomaciter"),
    "no MAC": ("-nomac",),
}


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_a_pkcs12_opens_however_it_is_protected(material: Material, openssl: Callable[..., bytes], protection: str) -> None:
    data = openssl(
        "pkcs12",
        "-export",
        "-in",
        "client.pem",
        "-inkey",
        "key.pem",
        "-certfile",
        "chain.pem",
        "-passout",
        "pass:秘密",
        *PROTECTIONS[protection],
    )
    loaded = load(data, password="秘密")
    assert set(loaded.certificates) == set(material.chain)
    assert [(key.spki, key.problem) for key in loaded.keys] == [(material.spki, None)]
    if protection != "nothing encrypted" or protection == "no MAC":
        refused(data, "wrong-password", password="guess")
        refused(data, "password-needed")


def test_a_pkcs12_with_an_empty_password_opens_without_one(material: Material, openssl: Callable[..., bytes]) -> None:
    data = openssl("pkcs12", "-export", "-in", "client.pem", "-inkey", "key.pem", "-passout", "pass:")
    for password in (None, "", b""):
        assert load(data, password=password).certificates == (material.der,)


def test_a_pkcs12_that_nothing_protects_opens_without_a_password(material: Material) -> None:
    data = pkcs12.serialize_key_and_certificates(None, material.key, material.client, None, NoEncryption())
    assert load(data).certificates == (material.der,)


def test_a_pkcs12_with_an_hmac_of_pbkdf2_opens(material: Material) -> None:
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(5000).hmac_hash(hashes.SHA256())
    data = pkcs12.serialize_key_and_certificates(None, material.key, material.client, None, builder.build(b"secret"))
    assert load(data, password="secret").certificates == (material.der,)


def test_a_pkcs12_with_indefinite_lengths_opens(material: Material) -> None:
    data = indefinite(pkcs12.serialize_key_and_certificates(None, material.key, material.client, None, NoEncryption()), 3)
    assert load(data).certificates == (material.der,)


def test_base64_of_a_pkcs12_opens(material: Material) -> None:
    assert load(base64.b64encode(pfx(material, b"x")), password="x").certificates[0] == material.der


def test_a_wrong_password_and_a_missing_one_are_errors(material: Material) -> None:
    data = pfx(material, b"secret")
    refused(data, "wrong-password", password="guess")
    assert refused(data, "password-needed").hint == "pass password="
    refused(data, "password-needed", password=lambda: None)


def test_a_pkcs12_exported_without_its_key_has_certificates_and_no_key(material: Material) -> None:
    data = pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(material.client, None)], NoEncryption())
    assert load(data).certificates == (material.der,)
    with pytest.raises(InputError) as caught:
        load_key(data)
    assert caught.value.code == "pkcs12-without-key"


def test_a_pkcs12_without_certificates_is_refused(material: Material, openssl: Callable[..., bytes]) -> None:
    data = openssl("pkcs12", "-export", "-nocerts", "-inkey", "key.pem", "-passout", "pass:x")
    refused(data, "pkcs12-without-certificates", password="x")
    assert load_key(data, password="x").spki == material.spki


def test_a_certificate_that_cryptography_refuses_still_comes_out_of_a_pkcs12(material: Material, openssl: Callable[..., bytes]) -> None:
    plain = ("-certpbe", "NONE", "-keypbe", "NONE", "-nomac")
    data = openssl("pkcs12", "-export", "-in", "client.pem", "-inkey", "key.pem", "-passout", "pass:", *plain)
    spoilt = material.der[:12] + b"\x09" + material.der[13:]  # version 10
    with pytest.raises(x509.InvalidVersion):
        x509.load_der_x509_certificate(spoilt)
    assert load(data.replace(material.der, spoilt)).certificates == (spoilt,)


def test_a_pkcs12_that_states_too_many_rounds_is_refused_before_any_is_run(material: Material, openssl: Callable[..., bytes]) -> None:
    data = openssl("pkcs12", "-export", "-in", "client.pem", "-inkey", "key.pem", "-passout", "pass:", "-iter", "70000")
    error = refused(data, "kdf-too-expensive", limits=Limits(max_kdf_rounds=50_000))
    assert error.found == "a key derivation of 70,000 rounds"
    assert load(data).certificates == (material.der,)


def tlv(tag: int, *contents: bytes) -> bytes:
    body = b"".join(contents)
    size = len(body).to_bytes(2, "big")
    return bytes((tag,)) + (size[1:] if len(body) < 128 else b"\x82" + size) + body


def test_rounds_that_only_decryption_brings_to_light_are_bounded_too(material: Material, openssl: Callable[..., bytes]) -> None:
    options = ("-passout", "pass:x", "-v2", "aes-256-cbc", "-iter", "60000", "-outform", "DER")
    shrouded = openssl("pkcs8", "-topk8", "-in", "key.pem", *options)
    bag = tlv(0x30, tlv(0x30, bytes.fromhex("060b2a864886f70d010c0a0102"), tlv(0xA0, shrouded)))
    padded = bag + bytes((16 - len(bag) % 16,)) * (16 - len(bag) % 16)
    encryptor = Cipher(algorithms.AES(hashlib.pbkdf2_hmac("sha1", b"x", b"salt", 1, 16)), modes.CBC(bytes(16))).encryptor()
    pbkdf2 = tlv(0x30, bytes.fromhex("06092a864886f70d01050c"), tlv(0x30, tlv(4, b"salt"), tlv(2, b"\1")))
    scheme = tlv(
        0x30,
        bytes.fromhex("06092a864886f70d01050d"),
        tlv(0x30, pbkdf2, tlv(0x30, bytes.fromhex("0609608648016503040102"), tlv(4, bytes(16)))),
    )
    data_type = bytes.fromhex("06092a864886f70d010701")
    secret = tlv(0x30, data_type, scheme, tlv(0x80, encryptor.update(padded)))
    safe = tlv(0x30, bytes.fromhex("06092a864886f70d010706"), tlv(0xA0, tlv(0x30, tlv(2, b"\0"), secret)))
    file = tlv(0x30, tlv(2, b"\3"), tlv(0x30, data_type, tlv(0xA0, tlv(4, tlv(0x30, safe)))))
    assert load_key(file, password="x").spki == material.spki
    with pytest.raises(InputError) as caught:
        load_key(file, password="x", limits=Limits(max_kdf_rounds=50_000))
    assert caught.value.code == "kdf-too-expensive"


def test_rc2_agrees_with_the_examples_of_rfc_2268() -> None:
    for key, bits, plain, cipher in (
        ("0000000000000000", 63, "0000000000000000", "ebb773f993278eff"),
        ("ffffffffffffffff", 64, "ffffffffffffffff", "278b27e42e2f0d49"),
        ("3000000000000000", 64, "1000000000000001", "30649edf9be7d2c2"),
        ("88", 64, "0000000000000000", "61a8a244adacccf0"),
        ("88bca90e90875a", 64, "0000000000000000", "6ccf4308974c267f"),
        ("88bca90e90875a7f0f79c384627bafb2", 64, "0000000000000000", "1a807d272bbe5db1"),
        ("88bca90e90875a7f0f79c384627bafb2", 128, "0000000000000000", "2269552ab0f85ca6"),
    ):
        assert rc2.decrypt(bytes.fromhex(key), bits, bytes(8), bytes.fromhex(cipher)).hex() == plain


# serialized stores


def test_a_serialized_store_gives_certificates_crls_and_properties(material: Material, sst: Callable[..., bytes]) -> None:
    crl = material.crl.public_bytes(Encoding.DER)
    name = "クライアント\0".encode("utf-16-le")
    loaded = load(sst((FRIENDLY_NAME, name), (EKU, b"\x30\x00"), (32, material.der), (33, crl), (0x7777, b"?"), (32, material.chain[1])))
    assert loaded.kind == "sst"
    assert loaded.certificates == material.chain[:2]
    assert loaded.crls == (crl,)
    assert loaded.entries[0].properties == ((FRIENDLY_NAME, name), (EKU, b"\x30\x00"))
    assert loaded.entries[0].property(EKU) == b"\x30\x00"
    assert loaded.entries[0].property(DISALLOWED) is None
    assert loaded.entries[1].properties == ((0x7777, b"?"),)
    assert loaded.notes == ()


def test_a_serialized_store_that_is_cut_gives_what_is_before_the_cut(material: Material, sst: Callable[..., bytes]) -> None:
    data = sst((32, material.der), (32, material.chain[1]))
    for cut in (data[:-12], data[:-20], data[: -12 - len(material.chain[1]) - 5]):
        loaded = load(cut)
        assert loaded.certificates[0] == material.der
        assert loaded.notes
    refused(data[:100], "damaged-store")


def test_faults_of_a_serialized_store_are_notes(material: Material, sst: Callable[..., bytes]) -> None:
    def notes(data: bytes) -> str:
        return " ".join(note.detail for note in load(data).notes)

    assert "above 0xFFFF" in notes(sst((0x10001, b""), (32, material.der)))
    assert "certificate trust list" in notes(sst((34, b"\x30\x00"), (32, material.der)))
    assert "after the end marker" in notes(sst((32, material.der)) + b"more")
    assert "no end marker" in notes(sst((32, material.der), end=False))
    assert "belong to no object" in notes(sst((32, material.der), (11, b"")))


def test_an_empty_store_is_no_certificate_but_a_lawful_store(sst: Callable[..., bytes]) -> None:
    refused(sst(), "empty-store")
    assert load(sst(), expect="store").certificates == ()
    assert load(sst(), expect="anything").certificates == ()


def test_ten_thousand_certificates_are_sliced_in_milliseconds(material: Material, sst: Callable[..., bytes]) -> None:
    one = material.der
    many = [one[:-4] + number.to_bytes(4, "big") for number in range(10_000)]
    for data in (b"".join(many), sst(*((32, der) for der in many))):
        began = time.monotonic()
        assert len(load(data).certificates) == 10_000
        assert time.monotonic() - began < 0.5


# registry


def record(identifier: int, value: bytes) -> bytes:
    return struct.pack("<III", identifier, 1, len(value)) + value


def test_a_registry_blob_gives_the_certificate_with_its_properties(material: Material) -> None:
    blob = record(3, bytes(20)) + record(32, material.der) + record(EKU, b"\x30\x00")
    entry = parse_blob(blob)
    assert entry.der == material.der
    assert entry.properties == ((3, bytes(20)), (EKU, b"\x30\x00"))
    assert looks_like_blob(blob)
    assert not looks_like_blob(material.der)


def test_a_file_that_is_a_registry_blob_is_read(material: Material) -> None:
    loaded = load(record(3, bytes(20)) + record(32, material.der))
    assert (loaded.kind, loaded.certificates) == ("registry", (material.der,))
    assert loaded.entries[0].property(3) == bytes(20)


@pytest.mark.parametrize(
    ("blob", "code"),
    [
        (b"", "no-certificate"),
        (record(3, b"x"), "no-certificate"),
        (b"\x20\0\0", "damaged-blob"),
        (record(32, b"abc")[:-1], "damaged-blob"),
    ],
)
def test_a_registry_blob_that_is_cut_or_has_no_certificate_is_an_error(blob: bytes, code: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_blob(blob, where="HKLM")
    assert caught.value.code == code
    assert "HKLM" in caught.value.where
