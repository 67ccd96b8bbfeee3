"""A root, an issuing CA and a client, with the client's key, in every form that the tests of this room read."""

from __future__ import annotations

import struct
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FROM = datetime(2026, 1, 1, tzinfo=UTC)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Material:
    """Certificates as objects of ``cryptography``, and what most tests need of them."""

    root: x509.Certificate
    issuing: x509.Certificate
    client: x509.Certificate
    key: rsa.RSAPrivateKey
    ca_key: ec.EllipticCurvePrivateKey
    crl: x509.CertificateRevocationList
    csr: x509.CertificateSigningRequest
    ocsp: bytes

    @property
    def der(self) -> bytes:
        return self.client.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.client.public_bytes(Encoding.PEM).decode()

    @property
    def chain(self) -> tuple[bytes, ...]:
        return tuple(one.public_bytes(Encoding.DER) for one in (self.client, self.issuing, self.root))

    @property
    def spki(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _certificate(
    subject: str, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, issuer: str, signer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer)).public_key(key).serial_number(1000 + len(subject))
    )
    builder = builder.not_valid_before(_FROM).not_valid_after(_FROM + timedelta(days=365))
    return builder.add_extension(x509.BasicConstraints(ca="CA" in subject, path_length=None), critical=True).sign(signer, hashes.SHA256())


@pytest.fixture(scope="session")
def material() -> Material:
    root_key, ca_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    root = _certificate("Root CA", root_key.public_key(), "Root CA", root_key)
    issuing = _certificate("Issuing CA", ca_key.public_key(), "Root CA", root_key)
    client = _certificate("client", key.public_key(), "Issuing CA", ca_key)
    revoked = x509.RevokedCertificateBuilder().serial_number(7).revocation_date(_FROM).build()
    crl = x509.CertificateRevocationListBuilder().issuer_name(_name("Issuing CA")).last_update(_FROM).next_update(_FROM + timedelta(days=7))
    response = ocsp.OCSPResponseBuilder().add_response(
        cert=client, issuer=issuing, algorithm=hashes.SHA1(), cert_status=ocsp.OCSPCertStatus.GOOD,
        this_update=_FROM, next_update=None, revocation_time=None, revocation_reason=None,
    ).responder_id(ocsp.OCSPResponderEncoding.HASH, issuing)  # fmt: skip
    return Material(
        root=root,
        issuing=issuing,
        client=client,
        key=key,
        ca_key=ca_key,
        crl=crl.add_revoked_certificate(revoked).sign(ca_key, hashes.SHA256()),
        csr=x509.CertificateSigningRequestBuilder().subject_name(_name("client")).sign(key, hashes.SHA256()),
        ocsp=response.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.DER),
    )


@pytest.fixture
def files(material: Material, tmp_path: Path) -> Path:
    """A directory with client.pem, chain.pem (issuing CA and root) and key.pem."""
    (tmp_path / "client.pem").write_text(material.pem)
    (tmp_path / "chain.pem").write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in (material.issuing, material.root)))
    (tmp_path / "key.pem").write_bytes(material.key_pem)
    return tmp_path


@pytest.fixture
def openssl(files: Path) -> Callable[..., bytes]:
    """Runs ``openssl`` in that directory and returns what it prints."""

    def run(*arguments: str) -> bytes:
        return subprocess.run(("openssl", *arguments), cwd=files, check=True, capture_output=True).stdout

    return run


def store(*elements: tuple[int, bytes], end: bool = True) -> bytes:
    """A serialized store of (id, value) elements."""
    body = b"".join(struct.pack("<III", identifier, 1, len(value)) + value for identifier, value in elements)
    return b"\0\0\0\0CERT" + body + (bytes(12) if end else b"")


@pytest.fixture
def sst() -> Callable[..., bytes]:
    return store
