"""The test PKI is what it says: other libraries read it, verify it, and see each fault that was asked for."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import ocsp

import pki

if TYPE_CHECKING:
    from pathlib import Path

    from http_server import WebServer

SIGNING_KEYS = ("rsa1024", "rsa2048:b", "rsa3072", "p256", "p384", "p521", "k256", "ed25519", "ed448", "dsa1024", "dsa2048")


def openssl(*arguments: str | Path) -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", SIGNING_KEYS)
def test_a_certificate_signed_with_each_kind_of_key_verifies(name: str) -> None:
    root = pki.root(key=name)
    leaf = root.issue("client").certificate
    leaf.verify_directly_issued_by(root.certificate)


@pytest.mark.parametrize("name", SIGNING_KEYS)
def test_the_same_call_gives_the_same_bytes(name: str) -> None:
    first, second = (pki.root(key=name).issue("client", key="p256:x") for _ in range(2))
    assert first.der == second.der


@pytest.mark.parametrize("signing_hash", ["sha1", "sha256", "sha384", "sha512"])
def test_rsa_pss_verifies_with_openssl(tmp_path: Path, signing_hash: str) -> None:
    root = pki.root(key="rsa2048", pss=True, signing_hash=signing_hash)
    (tmp_path / "root.pem").write_bytes(root.pem)
    (tmp_path / "leaf.pem").write_bytes(root.issue("client", pss=True, signing_hash=signing_hash).pem)
    at = str(int(pki.AT.timestamp()))
    told = openssl("verify", "-attime", at, "-auth_level", "0", "-CAfile", tmp_path / "root.pem", tmp_path / "leaf.pem")
    assert told.strip().endswith("OK")


@pytest.mark.parametrize(("signing_hash", "text"), [("md5", "md5WithRSAEncryption"), ("sha1", "sha1WithRSAEncryption")])
def test_weak_hashes_can_be_had(tmp_path: Path, signing_hash: str, text: str) -> None:
    (tmp_path / "leaf.pem").write_bytes(pki.root(key="rsa2048").issue("client", signing_hash=signing_hash).pem)
    assert text in openssl("x509", "-in", tmp_path / "leaf.pem", "-noout", "-text")


def test_a_key_of_512_bits_can_be_certified(tmp_path: Path) -> None:
    (tmp_path / "leaf.pem").write_bytes(pki.root().issue("client", key="rsa512").pem)
    assert "(512 bit)" in openssl("x509", "-in", tmp_path / "leaf.pem", "-noout", "-text")


def test_extensions_read_back_as_asked_for() -> None:
    authority = pki.root().issue_ca("CN=Issuing CA,O=Example", path_length=0)
    leaf = authority.issue(
        "client",
        key_usage=("digitalSignature", "keyAgreement", "decipherOnly"),
        eku=("serverAuth", "1.2.3.4"),
        crl_urls=("http://crl.example/a.crl",),
        ocsp_urls=("http://ocsp.example/",),
        ca_issuers=("http://aia.example/ca.cer",),
        aki=b"\x01" * 20,
        extensions=[(x509.SubjectAlternativeName([x509.DNSName("client.example")]), False), ("1.2.3.4.5", True, b"\x05\x00")],
        not_after=pki.NO_EXPIRY,
        serial=0x1234,
    ).certificate
    value = leaf.extensions.get_extension_for_class
    assert authority.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    assert value(x509.KeyUsage).value == x509.KeyUsage(True, False, False, False, True, False, False, False, True)
    assert [one.dotted_string for one in value(x509.ExtendedKeyUsage).value] == ["1.3.6.1.5.5.7.3.1", "1.2.3.4"]
    assert value(x509.CRLDistributionPoints).value[0].full_name == [x509.UniformResourceIdentifier("http://crl.example/a.crl")]
    assert len(value(x509.AuthorityInformationAccess).value) == 2
    assert value(x509.AuthorityKeyIdentifier).value.key_identifier == b"\x01" * 20
    assert leaf.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.2.3.4.5")).critical
    assert (leaf.serial_number, leaf.not_valid_after_utc.year, leaf.version) == (0x1234, 9999, x509.Version.v3)


def test_every_default_certificate_is_accepted_by_openssl(tmp_path: Path) -> None:
    root = pki.root(path_length=1)
    authority = root.issue_ca("Issuing CA", path_length=0)
    (tmp_path / "root.pem").write_bytes(root.pem)
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    (tmp_path / "leaf.pem").write_bytes(authority.issue("client").pem)
    (tmp_path / "crl.der").write_bytes(authority.crl())
    at = str(int(pki.AT.timestamp()))
    told = openssl(
        *("verify", "-x509_strict", "-purpose", "sslclient", "-attime", at),
        *("-CAfile", tmp_path / "root.pem", "-untrusted", tmp_path / "ca.pem", tmp_path / "leaf.pem"),
    )
    assert told.strip().endswith("OK")


@pytest.mark.parametrize("fault", [{"broken_signature": True}, {"signing_key": "p256:another"}, {"signing_key": "rsa2048"}])
def test_a_wrong_signature_is_wrong(fault: pki.Options) -> None:
    root = pki.root()
    with pytest.raises((InvalidSignature, TypeError, ValueError)):  # by how it is wrong
        root.issue("client", **fault).certificate.verify_directly_issued_by(root.certificate)


def test_version_1_has_no_extensions() -> None:
    certificate = pki.root(version=1).certificate
    assert (certificate.version, len(certificate.extensions)) == (x509.Version.v1, 0)


def test_a_crl_reads_back_as_asked_for() -> None:
    authority = pki.root()
    when = pki.AT - timedelta(days=30)
    idp = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
    crl = x509.load_der_x509_crl(authority.crl([(5, when, "keyCompromise"), (300, when, None)], number=7, extensions=[(idp, True)]))
    key = authority.certificate.public_key()
    assert crl.is_signature_valid(key)  # type: ignore[arg-type]  # an EC key
    assert [(one.serial_number, one.revocation_date_utc) for one in crl] == [(5, when), (300, when)]
    assert crl[0].extensions.get_extension_for_class(x509.CRLReason).value.reason == x509.ReasonFlags.key_compromise
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 7
    assert (crl.last_update_utc, crl.next_update_utc) == (pki.AT - timedelta(days=1), pki.AT + timedelta(days=6))


@pytest.mark.parametrize("by", ["name", "key"])
@pytest.mark.parametrize("delegated", [False, True])
def test_an_ocsp_response_reads_back_as_asked_for(by: str, delegated: bool) -> None:
    authority = pki.root()
    responder = authority.issue_responder() if delegated else None
    answer = ocsp.load_der_ocsp_response(
        authority.ocsp_response(
            authority.issue("client", serial=9), "revoked", reason="superseded", responder=responder, by=by, nonce=b"n" * 16
        )
    )
    assert (answer.certificate_status, answer.serial_number) == (ocsp.OCSPCertStatus.REVOKED, 9)
    assert answer.revocation_reason == x509.ReasonFlags.superseded
    assert answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 16
    assert (answer.responder_name is None, answer.responder_key_hash is None) == (by == "key", by == "name")
    assert [one.subject.rfc4514_string() for one in answer.certificates] == (["CN=OCSP Responder"] if delegated else [])


def test_openssl_takes_our_responder_for_one(tmp_path: Path, web: WebServer) -> None:
    dates = pki.valid_around(datetime.now(UTC))
    authority = pki.root(**dates)
    good, bad = authority.issue("good", **dates), authority.issue("bad", **dates)
    url = web.serve("/ocsp", authority.ocsp_handler({bad.serial: "revoked"}, responder=authority.issue_responder(**dates)))
    for name, one in (("root", authority), ("good", good), ("bad", bad)):
        (tmp_path / name).write_bytes(one.pem)
    for name, status in (("good", "good"), ("bad", "revoked")):
        told = openssl("ocsp", "-url", url, "-CAfile", tmp_path / "root", "-issuer", tmp_path / "root", "-cert", tmp_path / name)
        assert "Response verify OK" in told
        assert f": {status}" in told


def test_pkcs12_holds_key_and_chain() -> None:
    root = pki.root()
    leaf = root.issue("client", key="rsa2048")
    key, certificate, chain = pkcs12.load_key_and_certificates(leaf.pkcs12(b"secret", [root]), b"secret")
    assert key is not None
    assert (certificate, chain) == (leaf.certificate, [root.certificate])


def test_the_web_server_serves_counts_and_fails_as_told(web: WebServer) -> None:
    from http_server import Reply

    web.serve("/a.crl", b"bytes")
    web.serve("/busy", Reply(b"later", status=503, headers={"Retry-After": "5"}))
    web.serve("/dropped", Reply(drop=True))
    with httpx.Client(trust_env=False) as client:
        assert [client.get(web.url(path)).status_code for path in ("/a.crl", "/busy", "/none")] == [200, 503, 404]
        assert client.get(web.url("/a.crl")).content == b"bytes"
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(web.url("/dropped"))
    assert (web.count("/a.crl"), web.count()) == (2, 5)
