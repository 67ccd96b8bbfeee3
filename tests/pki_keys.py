"""Test-only keys, the same on every machine, and signatures with them that are the same every time.

A key is named ``kind`` or ``kind:label``. RSA and DSA keys are files of ``tests/keys`` (``"rsa2048"`` is ``"rsa2048:a"``); EC and Edwards
keys are derived from their label, so there are as many as a test wants (``"p256:client 7"``).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

import asn1

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

KEYS = Path(__file__).parent / "keys"

HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "md5": hashes.MD5,
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
HASH_OIDS = {
    "sha1": "1.3.14.3.2.26",
    "sha224": "2.16.840.1.101.3.4.2.4",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
SIGNATURE_OIDS = {
    ("rsa", "md5"): "1.2.840.113549.1.1.4",
    ("rsa", "sha1"): "1.2.840.113549.1.1.5",
    ("rsa", "sha224"): "1.2.840.113549.1.1.14",
    ("rsa", "sha256"): "1.2.840.113549.1.1.11",
    ("rsa", "sha384"): "1.2.840.113549.1.1.12",
    ("rsa", "sha512"): "1.2.840.113549.1.1.13",
    ("ec", "sha1"): "1.2.840.10045.4.1",
    ("ec", "sha224"): "1.2.840.10045.4.3.1",
    ("ec", "sha256"): "1.2.840.10045.4.3.2",
    ("ec", "sha384"): "1.2.840.10045.4.3.3",
    ("ec", "sha512"): "1.2.840.10045.4.3.4",
    ("dsa", "sha1"): "1.2.840.10040.4.3",
    ("dsa", "sha224"): "2.16.840.1.101.3.4.3.1",
    ("dsa", "sha256"): "2.16.840.1.101.3.4.3.2",
}
CURVES: dict[str, ec.EllipticCurve] = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1(), "k256": ec.SECP256K1()}


@dataclass(frozen=True)
class Key:
    """A named test-only key. ``private`` raises for one too weak for `cryptography` to load (rsa512): it can be certified, not sign."""

    name: str

    @cached_property
    def private(self) -> PrivateKeyTypes:
        kind, _, label = self.name.partition(":")
        seed = f"chaincheck test-only key {self.name}".encode()
        if kind in CURVES:
            # 1 to 2**255, below the order of every curve here.
            return ec.derive_private_key(int.from_bytes(hashlib.sha256(seed).digest()) % 2**255 + 1, CURVES[kind])
        if kind == "ed25519":
            return ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed).digest())
        if kind == "ed448":
            return ed448.Ed448PrivateKey.from_private_bytes(hashlib.sha512(seed).digest()[:57])
        return serialization.load_pem_private_key(self._file(kind, label), None)

    @staticmethod
    def _file(kind: str, label: str) -> bytes:
        return (KEYS / f"{kind}-{label or 'a'}.pem").read_bytes()

    @cached_property
    def pem(self) -> bytes:
        """The private key as unencrypted PKCS#8 PEM."""
        return self.encoded("pkcs8")

    def encoded(self, form: str = "pkcs8", *, password: bytes | None = None, encoding: str = "pem") -> bytes:
        """The private key as ``pkcs8`` or ``traditional`` (PKCS#1, SEC1), PEM or DER, encrypted if there is a password."""
        if self.name.startswith("rsa512"):
            return self._file(*self.name.partition(":")[::2])
        return self.private.private_bytes(
            {"pem": serialization.Encoding.PEM, "der": serialization.Encoding.DER}[encoding],
            {"pkcs8": serialization.PrivateFormat.PKCS8, "traditional": serialization.PrivateFormat.TraditionalOpenSSL}[form],
            serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption(),
        )

    @cached_property
    def spki(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        if self.name.startswith("rsa512"):
            return _rsa_spki(self.pem)
        public = self.private.public_key()
        return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    @cached_property
    def public_bits(self) -> bytes:
        """The octets of subjectPublicKey, without header and count of unused bits: what OCSP's issuerKeyHash is the hash of."""
        return _bit_string_contents(asn1.parts(self.spki)[1])

    @cached_property
    def identifier(self) -> bytes:
        """SHA-1 of `public_bits` (RFC 5280 4.2.1.2 (1), OCSP's byKey)."""
        return hashlib.sha1(self.public_bits).digest()

    def sign(self, data: bytes, *, signing_hash: str | None = None, pss: bool = False) -> tuple[bytes, bytes]:
        """``(AlgorithmIdentifier, signature)``, the same every time: deterministic nonces and salts."""
        key = self.private
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return asn1.sequence(asn1.oid("1.3.101.112")), key.sign(data)
        if isinstance(key, ed448.Ed448PrivateKey):
            return asn1.sequence(asn1.oid("1.3.101.113")), key.sign(data)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            hash_name = signing_hash or {256: "sha256", 384: "sha384", 521: "sha512"}[key.key_size]
            return _algorithm("ec", hash_name), key.sign(data, ec.ECDSA(HASHES[hash_name](), deterministic_signing=True))
        hash_name = signing_hash or "sha256"
        if isinstance(key, dsa.DSAPrivateKey):
            return _algorithm("dsa", hash_name), _dsa_signature(key, data, hash_name)
        assert isinstance(key, rsa.RSAPrivateKey)
        if pss:
            return _pss_algorithm(hash_name), _pss_signature(key, data, hash_name)
        return _algorithm("rsa", hash_name), key.sign(data, padding.PKCS1v15(), HASHES[hash_name]())


@cache
def key(name: str) -> Key:
    """The test-only key of that name.

    One of rsa512, rsa1024, rsa2048:a to :d, rsa3072, rsa4096, dsa1024, dsa2048; or p256, p384, p521, k256, ed25519, ed448 with any label.
    """
    return Key(name)


def _algorithm(family: str, hash_name: str) -> bytes:
    parameters = asn1.null() if family == "rsa" else b""  # RFC 3279 2.2.1 to 2.2.3
    return asn1.sequence(asn1.oid(SIGNATURE_OIDS[family, hash_name]), parameters)


def _bit_string_contents(element: bytes) -> bytes:
    """The octets of a BIT STRING without its header and count of unused bits."""
    header = 2 + (element[1] & 0x7F if element[1] & 0x80 else 0)
    return element[header + 1 :]


def _rsa_spki(pem: bytes) -> bytes:
    """From a PKCS#8 PEM, without loading the key: `cryptography` refuses one below 1024 bits."""
    body = pem.partition(b"-----BEGIN PRIVATE KEY-----")[2].partition(b"-----END")[0]
    _version, algorithm, wrapped = asn1.parts(base64.b64decode(body))[:3]
    _version, modulus, exponent = asn1.parts(wrapped[wrapped.index(b"\x30", 1) :])[:3]
    return asn1.sequence(algorithm, asn1.bit_string(asn1.sequence(modulus, exponent)))


def _pss_algorithm(hash_name: str) -> bytes:
    """id-RSASSA-PSS with MGF1 of the same hash and a salt of its length (RFC 4055 3.1)."""
    digest = asn1.sequence(asn1.oid(HASH_OIDS[hash_name]), asn1.null())
    return asn1.sequence(
        asn1.oid("1.2.840.113549.1.1.10"),
        asn1.sequence(
            asn1.explicit(0, digest),
            asn1.explicit(1, asn1.sequence(asn1.oid("1.2.840.113549.1.1.8"), digest)),
            asn1.explicit(2, asn1.integer(hashlib.new(hash_name).digest_size)),
        ),
    )


def _pss_signature(key: rsa.RSAPrivateKey, data: bytes, hash_name: str) -> bytes:
    """EMSA-PSS (RFC 8017 9.1.1) with a salt made from the data: the same bytes every time."""

    def digest(value: bytes) -> bytes:
        return hashlib.new(hash_name, value).digest()

    numbers = key.private_numbers()
    modulus = numbers.public_numbers.n
    salt = digest(b"salt" + data)
    fingerprint = digest(bytes(8) + digest(data) + salt)
    length = (modulus.bit_length() + 6) // 8
    block = b"\x01".rjust(length - 2 * len(salt) - 1, b"\x00") + salt
    mask = b"".join(digest(fingerprint + counter.to_bytes(4)) for counter in range(len(block) // len(salt) + 1))
    masked = int.from_bytes(block) ^ int.from_bytes(mask[: len(block)])
    masked &= (1 << (modulus.bit_length() - 1 - 8 * (length - len(block)))) - 1
    encoded = masked.to_bytes(len(block)) + fingerprint + b"\xbc"
    return pow(int.from_bytes(encoded), numbers.d, modulus).to_bytes((modulus.bit_length() + 7) // 8)


def _dsa_signature(key: dsa.DSAPrivateKey, data: bytes, hash_name: str) -> bytes:
    """FIPS 186-4 4.6 with a nonce made from key and data: the same bytes every time."""
    numbers = key.private_numbers()
    parameters = numbers.public_numbers.parameter_numbers
    p, q, g = parameters.p, parameters.q, parameters.g
    digest = int.from_bytes(hashlib.new(hash_name, data).digest()[: q.bit_length() // 8])
    nonce = int.from_bytes(hashlib.sha512(numbers.x.to_bytes(64) + data).digest()) % (q - 1) + 1
    r = pow(g, nonce, p) % q
    return encode_dss_signature(r, pow(nonce, -1, q) * (digest + numbers.x * r) % q)
