"""Keys are known by their SubjectPublicKeyInfo; signatures are valid, invalid, or beyond what this build can tell."""

from __future__ import annotations

import hashlib
import pickle

import pytest

import asn1
import pki
from chaincheck.x509 import der
from chaincheck.x509.certificate import Certificate
from chaincheck.x509.key import PublicKey, Unsupported
from chaincheck.x509.signature import Signature, algorithm, algorithm_name, verify
from pki_keys import key

KINDS = {
    "rsa1024": ("rsa", 1024), "rsa2048:b": ("rsa", 2048), "rsa3072": ("rsa", 3072), "rsa4096": ("rsa", 4096), "rsa512": ("rsa", 512),
    "p256": ("ec", 256), "p384": ("ec", 384), "p521": ("ec", 521), "k256": ("ec", 256),
    "ed25519": ("ed25519", 256), "ed448": ("ed448", 456),
    "dsa1024": ("dsa", 1024), "dsa2048": ("dsa", 2048),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_a_key_says_what_it_is(name: str) -> None:
    one = PublicKey(key(name).spki)
    assert (one.algorithm, one.bits, one.fault, one.remark) == (*KINDS[name], None, None)
    assert one.key_octets == key(name).public_bits
    assert one.sha1 == hashlib.sha1(one.key_octets).digest()
    assert one.sha256 == hashlib.sha256(one.spki).hexdigest()
    assert str(one.bits) in one.description


def test_keys_are_their_bytes() -> None:
    one = PublicKey.of(key("p256").spki)
    assert one is PublicKey.of(key("p256").spki)
    assert one == PublicKey(key("p256").spki)
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 - made here


def test_everyday_keys_are_read_by_their_shape_as_they_are_element_by_element() -> None:
    for name in ("p256", "rsa2048:b", "rsa3072", "rsa4096"):
        quick = PublicKey(key(name).spki)
        algorithm_id, bits = asn1.parts(key(name).spki)
        slow = PublicKey(asn1.sequence(algorithm_id, bits[:-1] + bytes([bits[-1] ^ 2])))  # another exponent, or another point
        assert (quick.algorithm, quick.bits, quick.parameters) == (slow.algorithm, slow.bits, slow.parameters)
        assert quick.key_octets[:-1] == slow.key_octets[:-1]


def _rsa(*numbers: int, parameters: bytes | None = None) -> bytes:
    identifier = asn1.sequence(asn1.oid("1.2.840.113549.1.1.1"), asn1.null() if parameters is None else parameters)
    return asn1.sequence(identifier, asn1.bit_string(asn1.sequence(*map(asn1.integer, numbers))))


def _ec(point: bytes, parameters: bytes) -> bytes:
    return asn1.sequence(asn1.sequence(asn1.oid("1.2.840.10045.2.1"), parameters), asn1.bit_string(point))


P256 = asn1.oid("1.2.840.10045.3.1.7")


@pytest.mark.parametrize(
    ("spki", "reason"),
    [
        (b"", "the data ends"),
        (asn1.sequence(), "the data ends"),
        (_rsa(15), "something else than 2 INTEGERs"),
        (_rsa(14, 3), "impossible modulus"),
        (_rsa(-15, 3), "impossible modulus"),
        (_rsa(15, 0), "impossible modulus"),
        (_rsa(15, 3, parameters=b""), "not NULL"),
        (_rsa(15, 3, parameters=asn1.null() * 2), "bytes after the parameters"),
        (_ec(b"\x04" + b"\x01" * 63, P256), "wrong form or length"),
        (_ec(b"\x05" + b"\x01" * 64, P256), "wrong form or length"),
        (_ec(b"\x04" + b"\x01" * 64, asn1.integer(1)), "parameters of an elliptic curve"),
        (asn1.sequence(asn1.sequence(asn1.oid("1.3.101.112"), asn1.null()), asn1.bit_string(b"\x01" * 32)), "with parameters"),
        (asn1.sequence(asn1.sequence(asn1.oid("1.2.3")), asn1.tlv(0x03, b"\x01\x02")), "not whole octets"),
        (asn1.sequence(asn1.sequence(asn1.oid("1.2.3")), asn1.bit_string(b"x"), asn1.null()), "bytes after the key"),
        (
            asn1.sequence(
                asn1.sequence(asn1.oid("1.2.840.10040.4.1"), asn1.sequence(*map(asn1.integer, (-7, 3, 2)))),
                asn1.bit_string(asn1.integer(2)),
            ),
            "not positive",
        ),
    ],
)
def test_a_damaged_key_says_what_is_wrong(spki: bytes, reason: str) -> None:
    one = PublicKey(spki)
    assert one.fault is not None
    assert reason in one.fault
    with pytest.raises(der.Malformed):
        one.load()


def test_a_curve_without_a_name_is_a_remark() -> None:
    one = PublicKey(_ec(b"\x04" + b"\x01" * 64, asn1.null()))
    assert (one.fault, one.bits, one.remark) == (None, 0, "an elliptic curve that is not named")


def test_a_point_that_is_on_no_curve_cannot_be_used() -> None:
    one = PublicKey(_ec(b"\x04" + b"\x01" * 64, P256))
    assert one.fault is None
    with pytest.raises(Unsupported):
        one.load()


def test_a_dsa_key_may_inherit_its_parameters() -> None:
    one = PublicKey(asn1.sequence(asn1.sequence(asn1.oid("1.2.840.10040.4.1")), asn1.bit_string(asn1.integer(2))))
    assert (one.fault, one.bits) == (None, 0)  # RFC 3279 2.3.2


def _verify(issued: pki.Issued, issuer: pki.Issued) -> Signature:
    one = Certificate(issued.der)
    return verify(one.tbs, one.signature_algorithm, one.signature, PublicKey.of(issuer.key.spki))


SIGNERS = [name for name in KINDS if name != "rsa512"]


@pytest.mark.parametrize("name", SIGNERS)
def test_a_signature_by_each_kind_of_key_is_verified(name: str) -> None:
    root = pki.root(key=name)
    assert _verify(root, root) is Signature.VALID
    assert _verify(root.issue("broken", broken_signature=True), root) is Signature.INVALID


@pytest.mark.parametrize("pss", [False, True])
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512"])
def test_rsa_signatures_with_each_hash_are_verified(digest: str, pss: bool) -> None:
    root = pki.root(key="rsa2048", signing_hash=digest, pss=pss)
    assert _verify(root, root) is Signature.VALID
    assert algorithm(Certificate(root.der).signature_algorithm).hash == digest


def test_md5_is_verified_because_the_rules_decide_what_it_is_worth() -> None:
    root = pki.root(key="rsa2048", signing_hash="md5")
    assert _verify(root, root) is Signature.VALID


def test_a_key_of_another_kind_did_not_sign() -> None:
    root = pki.root(key="rsa2048")
    assert _verify(root.issue("client"), pki.root(key="p256")) is Signature.INVALID
    ed25519, ed448 = pki.root(key="ed25519"), pki.root(key="ed448")
    assert _verify(ed25519, ed448) is Signature.INVALID


def test_a_damaged_key_verifies_nothing() -> None:
    one = Certificate(pki.root(key="rsa2048").der)
    assert verify(one.tbs, one.signature_algorithm, one.signature, PublicKey(_rsa(14, 3))) is Signature.INVALID


def test_an_unknown_algorithm_is_not_called_invalid() -> None:
    unknown = asn1.sequence(asn1.oid("1.2.3.4"))
    assert verify(b"data", unknown, b"signature", PublicKey.of(key("rsa2048").spki)) is Signature.UNSUPPORTED
    assert algorithm_name(unknown) == "1.2.3.4"


@pytest.mark.parametrize("oid", ["1.2.840.113549.1.1.2", "1.2.840.113549.1.1.3"])
def test_a_hash_this_build_does_not_have_is_not_called_invalid(oid: str) -> None:
    identifier = asn1.sequence(asn1.oid(oid), asn1.null())
    assert verify(b"data", identifier, b"\x00" * 256, PublicKey.of(key("rsa2048").spki)) is Signature.UNSUPPORTED


def test_a_key_that_cannot_be_loaded_is_not_called_invalid() -> None:
    unknown_curve = PublicKey(_ec(b"\x04" + b"\x01" * 40, asn1.oid("1.2.3.4.5")))
    assert verify(b"data", asn1.sequence(asn1.oid("1.2.840.10045.4.3.2")), b"x", unknown_curve) is Signature.UNSUPPORTED


@pytest.mark.parametrize("signature", [b"", b"\x00", b"\x30\x00", b"\x30\x06\x02\x01\x00\x02\x01\x00", b"\xff" * 600])
@pytest.mark.parametrize("name", ["rsa2048", "p256", "ed25519", "dsa2048"])
def test_rubbish_for_a_signature_is_invalid(name: str, signature: bytes) -> None:
    root = Certificate(pki.root(key=name).der)
    assert verify(root.tbs, root.signature_algorithm, signature, root.public_key) is Signature.INVALID


@pytest.mark.parametrize(
    ("identifier", "name", "digest"),
    [
        (asn1.sequence(asn1.oid("1.2.840.113549.1.1.11"), asn1.null()), "RSA with SHA-256", "sha256"),
        (asn1.sequence(asn1.oid("1.2.840.113549.1.1.11")), "RSA with SHA-256", "sha256"),  # RFC 4055 5: accept both
        (asn1.sequence(asn1.oid("1.2.840.10045.4.3.3")), "ECDSA with SHA-384", "sha384"),
        (asn1.sequence(asn1.oid("1.2.840.10040.4.3")), "DSA with SHA-1", "sha1"),
        (asn1.sequence(asn1.oid("1.3.101.112")), "Ed25519", ""),
        (asn1.sequence(asn1.oid("2.16.840.1.101.3.4.3.14"), asn1.null()), "RSA with SHA3-256", "sha3_256"),
        (asn1.sequence(asn1.oid("1.2.840.113549.1.1.4"), asn1.null()), "RSA with MD5", "md5"),
        (asn1.sequence(asn1.oid("1.2.840.113549.1.1.10"), asn1.sequence()), "RSA-PSS with SHA-1", "sha1"),
    ],
)
def test_algorithms_have_names_for_people(identifier: bytes, name: str, digest: str) -> None:
    found = algorithm(identifier)
    assert (found.name, found.hash, found.fault, found.remark) == (name, digest, None, None)
    assert algorithm_name(identifier) == name


PSS = asn1.oid("1.2.840.113549.1.1.10")
SHA1, SHA256 = (asn1.sequence(asn1.oid(oid), asn1.null()) for oid in ("1.3.14.3.2.26", "2.16.840.1.101.3.4.2.1"))
MGF1 = asn1.oid("1.2.840.113549.1.1.8")


@pytest.mark.parametrize(
    ("identifier", "reason"),
    [
        (b"\x30\x00", "the data ends"),
        (asn1.sequence(asn1.oid("1.2.840.10045.4.3.2"), asn1.integer(1)), "parameters where the algorithm has none"),
        (asn1.sequence(asn1.oid("1.2.840.113549.1.1.11"), asn1.null(), asn1.null()), "bytes after the parameters"),
        (asn1.sequence(PSS), "the data ends"),
        (asn1.sequence(PSS, asn1.sequence(asn1.explicit(2, asn1.integer(-1)))), "out of range"),
        (asn1.sequence(PSS, asn1.sequence(asn1.explicit(3, asn1.integer(2)))), "out of range"),
        (asn1.sequence(PSS, asn1.sequence(asn1.explicit(1, asn1.sequence(asn1.oid("1.2.3"), SHA256)))), "other than MGF1"),
        (asn1.sequence(PSS, asn1.sequence(asn1.explicit(2, asn1.integer(32)), asn1.explicit(0, SHA256))), "in RSASSA-PSS-params"),
    ],
)
def test_a_damaged_algorithm_says_what_is_wrong(identifier: bytes, reason: str) -> None:
    found = algorithm(identifier)
    assert found.fault is not None
    assert reason in found.fault


@pytest.mark.parametrize(
    "identifier",
    [
        asn1.sequence(asn1.oid("1.2.840.10045.4.3.2"), asn1.null()),
        asn1.sequence(PSS, asn1.sequence(asn1.explicit(0, SHA1))),
        asn1.sequence(PSS, asn1.sequence(asn1.explicit(1, asn1.sequence(MGF1, SHA1)))),
        asn1.sequence(PSS, asn1.sequence(asn1.explicit(2, asn1.integer(20)))),
        asn1.sequence(PSS, asn1.sequence(asn1.explicit(3, asn1.integer(1)))),
    ],
)
def test_what_much_software_writes_though_it_should_not_is_a_remark(identifier: bytes) -> None:
    found = algorithm(identifier)
    assert found.fault is None
    assert found.remark is not None
