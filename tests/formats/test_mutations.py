"""200 mutated and truncated files of each kind: only a result or an InputError, each within a second, never a warning."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat, pkcs7, pkcs12

from chaincheck.errors import InputError
from chaincheck.formats.limits import Limits
from chaincheck.formats.load import Loaded, load, load_key
from chaincheck.formats.loaded import KeyMaterial
from chaincheck.formats.registry import parse_blob

if TYPE_CHECKING:
    from collections.abc import Callable

    from formats.conftest import Material

FILES = 200
LIMITS = Limits(max_kdf_rounds=300_000)  # a mutated number of rounds may be lawful and still take seconds


def _pfx(material: Material, builder: object) -> bytes:
    return pkcs12.serialize_key_and_certificates(b"name", material.key, material.client, [material.root], builder)  # type: ignore[arg-type]


def _light(hmac: hashes.HashAlgorithm) -> object:
    return PrivateFormat.PKCS12.encryption_builder().kdf_rounds(100).hmac_hash(hmac).build(b"x")


def _key(material: Material, encoding: Encoding, form: PrivateFormat, encryption: object = None) -> bytes:
    return material.key.private_bytes(encoding, form, encryption or NoEncryption())  # type: ignore[arg-type]


KINDS: dict[str, Callable[[Material, Callable[..., bytes]], bytes]] = {
    "der": lambda m, _: m.der,
    "der-bundle": lambda m, _: b"".join(m.chain),
    "crl": lambda m, _: m.crl.public_bytes(Encoding.DER),
    "ocsp": lambda m, _: m.ocsp,
    "pem": lambda m, _: m.pem.encode() + m.key_pem,
    "utf-16": lambda m, _: m.pem.encode("utf-16"),
    "base64": lambda m, _: b"".join(m.pem.encode().splitlines()[1:-1]),
    "p7b": lambda m, _: pkcs7.serialize_certificates([m.client, m.root], Encoding.DER),
    "p7b-pem": lambda m, _: pkcs7.serialize_certificates([m.client, m.root], Encoding.PEM),
    "p12": lambda m, _: _pfx(m, _light(hashes.SHA256())),
    "p12-open": lambda m, _: _pfx(m, NoEncryption()),
    "sst": lambda m, sst: sst((11, b"n\0"), (32, m.der), (33, m.crl.public_bytes(Encoding.DER)), (32, m.chain[1])),
    "pkcs8": lambda m, _: _key(m, Encoding.DER, PrivateFormat.PKCS8),
    "pkcs1": lambda m, _: _key(m, Encoding.DER, PrivateFormat.TraditionalOpenSSL),
    "key-pem": lambda m, _: m.key_pem,
    "sec1": lambda m, _: m.ca_key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
    "encrypted-pkcs8": lambda m, _: _key(m, Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
    "encrypted-pem": lambda m, _: _key(m, Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"x")),
}


def mutate(data: bytes, chance: random.Random) -> bytes:
    """One small damage of the kinds that disks, mails, editors and attackers do."""
    spoilt = bytearray(data)
    at = chance.randrange(len(data))
    near = min(at, chance.randrange(64), len(data) - 1)  # headers are where most of the structure is
    match chance.randrange(7):
        case 0:
            return data[:at]
        case 1:
            spoilt[at] ^= 1 << chance.randrange(8)
        case 2:
            spoilt[near] = chance.randrange(256)
        case 3:
            for _ in range(8):
                spoilt[chance.randrange(len(data))] = chance.randrange(256)
        case 4:
            del spoilt[at : at + chance.randrange(1, 20)]
        case 5:
            spoilt[at:at] = chance.randbytes(chance.randrange(1, 20))
        case _:
            spoilt[near : near + 4] = b"\xff" * chance.randrange(1, 5)
    return bytes(spoilt)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mutated_file_gives_a_result_or_an_input_error_within_a_second(material: Material, sst: Callable[..., bytes], kind: str) -> None:
    data = KINDS[kind](material, sst)
    chance = random.Random(kind)
    for _ in range(FILES):
        spoilt = mutate(data, chance)
        for password in (None, "x"):
            began = time.monotonic()
            with suppress(InputError):
                loaded = load(spoilt, password=password, limits=LIMITS)
                assert isinstance(loaded, Loaded)
                assert loaded.certificates
            with suppress(InputError):
                assert isinstance(load_key(spoilt, password=password, limits=LIMITS), KeyMaterial)
            assert time.monotonic() - began < 1


def test_a_mutated_registry_blob_gives_a_certificate_or_an_input_error(material: Material, sst: Callable[..., bytes]) -> None:
    data = sst((3, bytes(20)), (32, material.der), (11, b"n\0"), end=False)[8:]
    chance = random.Random(1)
    for _ in range(FILES):
        with suppress(InputError):
            assert parse_blob(mutate(data, chance)).der


def test_random_bytes_give_an_input_error_or_a_structure_at_once() -> None:
    chance = random.Random(2)
    for size in (1, 2, 3, 5, 8, 13, 21, 100, 1000):
        for _ in range(50):
            data = b"\x30" + chance.randbytes(size)
            with suppress(InputError):
                load(data)
