"""What a structure is, told by its first tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs7,
    pkcs12,
)

from chaincheck.formats.classify import Kind, classify

if TYPE_CHECKING:
    from formats.conftest import Material

DER = Encoding.DER


def test_every_structure_is_told_apart(material: Material) -> None:
    locked = BestAvailableEncryption(b"x")
    key, ca_key = material.key, material.ca_key
    assert classify(material.der) is Kind.CERTIFICATE
    assert classify(material.crl.public_bytes(DER)) is Kind.CRL
    assert classify(material.csr.public_bytes(DER)) is Kind.CSR
    assert classify(material.ocsp) is Kind.OCSP_RESPONSE
    assert classify(pkcs7.serialize_certificates([material.client], DER)) is Kind.PKCS7
    assert classify(pkcs12.serialize_key_and_certificates(None, key, material.client, None, NoEncryption())) is Kind.PKCS12
    assert classify(key.private_bytes(DER, PrivateFormat.PKCS8, NoEncryption())) is Kind.PKCS8
    assert classify(key.private_bytes(DER, PrivateFormat.PKCS8, locked)) is Kind.ENCRYPTED_PKCS8
    assert classify(key.private_bytes(DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())) is Kind.RSA_KEY
    assert classify(ca_key.private_bytes(DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())) is Kind.EC_KEY
    assert classify(material.spki) is Kind.PUBLIC_KEY
    assert classify(key.public_key().public_bytes(DER, PublicFormat.PKCS1)) is Kind.PUBLIC_KEY


def test_a_certificate_of_version_1_is_one(material: Material) -> None:
    der = material.der
    at = der.index(b"\xa0\x03\x02\x01\x02")
    bare = bytearray(der[:at] + der[at + 5 :])
    bare[2:4] = (len(bare) - 4).to_bytes(2, "big")
    bare[6:8] = (int.from_bytes(bare[6:8], "big") - 5).to_bytes(2, "big")
    assert classify(bytes(bare)) is Kind.CERTIFICATE


@pytest.mark.parametrize("at", [4, 5, 6, 8, 9, 10, 13])
def test_a_certificate_damaged_near_its_beginning_stays_one(material: Material, at: int) -> None:
    spoilt = bytearray(material.der)
    spoilt[at] ^= 0x01
    assert classify(bytes(spoilt)) in (Kind.CERTIFICATE, Kind.UNKNOWN)


@pytest.mark.parametrize(
    "data", [b"", b"0", b"0\x00", b"0\x80", b"0\x84\xff\xff\xff\xff", b"0\x03\x02\x01\x05", b"1\x03\x02\x01\x05", b"0\x02\x05\x00"]
)
def test_what_has_the_shape_of_nothing_is_unknown(data: bytes) -> None:
    assert classify(data) is Kind.UNKNOWN
