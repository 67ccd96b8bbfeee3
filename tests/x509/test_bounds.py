"""What a stranger writes into a certificate costs time and memory in proportion to its bytes, and no more."""

from __future__ import annotations

from time import process_time

import pytest

import asn1
import chaincheck
import pki
from chaincheck.x509 import extensions, key, signature
from chaincheck.x509.certificate import MAX_FAULTS, Certificate
from chaincheck.x509.name import Name
from chaincheck.x509.parts import MAX_EXTENSIONS
from chaincheck.x509.signature import Signature, algorithm, verify

ROOT = pki.root()


def extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    return asn1.sequence(asn1.oid(oid), asn1.boolean(True) if critical else b"", asn1.octet_string(value))


def common_name(text: str) -> bytes:
    return asn1.sequence(asn1.set_of(asn1.sequence(asn1.oid("2.5.4.3"), asn1.tlv(0x0C, text.encode()))))


# Extensions


def test_as_many_extensions_as_are_allowed_are_read() -> None:
    usual = len(Certificate(ROOT.issue("x").der).extensions)
    encoded = [extension(f"1.2.3.{number}", b"") for number in range(MAX_EXTENSIONS - usual)]
    certificate = Certificate(ROOT.issue("x", encoded_extensions=encoded).der)
    assert len(certificate.extensions) == MAX_EXTENSIONS
    assert certificate.faults == ()


def test_more_extensions_than_are_allowed_are_one_fault_and_never_accepted() -> None:
    encoded = [extension(f"1.2.3.{number}", b"") for number in range(4000)]
    issued = ROOT.issue("x", encoded_extensions=encoded)
    certificate = Certificate(issued.der)
    assert len(certificate.extensions) == MAX_EXTENSIONS
    (fault,) = certificate.faults
    assert (fault.where, fault.legible) == ("extensions", True)
    usual = len(Certificate(ROOT.issue("x").der).extensions)
    assert issued.der[fault.offset :].startswith(encoded[MAX_EXTENSIONS - usual])
    rules = chaincheck.OPENSSL
    diagnosis = chaincheck.diagnose(issued.der, store=chaincheck.TrustStore(roots=ROOT.der), rules=rules, at=pki.AT, fetch="never")
    assert not diagnosis.accepted


def test_seventy_thousand_malformed_copies_of_an_extension_are_read_in_no_time() -> None:
    encoded = [extension("2.5.29.19", number.to_bytes(3)) for number in range(70_000)]
    der = ROOT.issue("x", encoded_extensions=encoded).der
    began = process_time()
    certificate = Certificate(der)
    assert len(certificate.faults) <= MAX_FAULTS
    assert process_time() - began < 2  # 39 seconds before there was a bound


def test_the_faults_listed_are_bounded_and_the_severe_ones_come_first() -> None:
    odd = [extension("2.5.29.17", asn1.sequence(asn1.implicit(7, number.to_bytes(3)))) for number in range(200)]  # readable
    bad = [extension("2.5.29.19", number.to_bytes(3)) for number in range(3)]
    faults = Certificate(ROOT.issue("x", encoded_extensions=[*odd, *bad]).der).faults
    assert len(faults) == MAX_FAULTS
    assert not faults[0].readable


def test_a_fault_names_the_byte_of_its_own_extension() -> None:
    bad = extension("2.5.29.19", b"\x05\x00")
    der = ROOT.issue("x", encoded_extensions=[extension("1.2.3.4", b"\x05\x00"), bad, extension("1.2.3.5", b"\x05\x00")]).der
    (fault,) = Certificate(der).faults
    assert fault.offset == der.index(bad) + bad.index(b"\x05\x00")


# Names


@pytest.mark.parametrize("marks", ["\u0300", "\u0315\u0300", "\u0f73", "\uff9e", "\u0344"])
def test_a_name_with_a_long_run_of_marks_equals_only_itself(marks: str) -> None:
    text = "a" + marks * 20_000
    began = process_time()
    one, other, same = (Name(common_name(each)) for each in (text, text.upper(), text))
    assert one.normalised != other.normalised
    assert one.normalised == same.normalised
    assert process_time() - began < 1


def test_marks_in_short_runs_are_normalised() -> None:
    assert Name(common_name("Cafe\u0301 " * 50)).normalised == Name(common_name("CAF\u00c9 " * 50)).normalised


def test_a_value_longer_than_any_real_one_equals_only_itself() -> None:
    assert Name(common_name("\u00e9" * 5000)).normalised != Name(common_name("\u00c9" * 5000)).normalised
    assert Name(common_name("\u00e9" * 4000)).normalised == Name(common_name("\u00c9" * 4000)).normalised
    assert Name(common_name("e" * 70_000)).normalised != Name(common_name("E" * 70_000)).normalised


# Memos


def test_the_memo_of_keys_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    memo = key._Memo()
    monkeypatch.setattr(key, "_MEMO", memo)
    for number in range(3000):
        key.PublicKey.of(number.to_bytes(4) * 290)
    assert sum(map(len, memo)) <= memo._MOST_BYTES + key.LARGEST_KEPT
    key.PublicKey.of(b"\x30" * (key.LARGEST_KEPT + 1))
    assert max(map(len, memo)) <= key.LARGEST_KEPT


def test_the_memo_of_extensions_is_bounded_by_what_they_are_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    memo = extensions._Memo()
    monkeypatch.setattr(extensions, "KNOWN", memo)
    most = 0
    for number in range(1000):
        names = asn1.sequence(asn1.implicit(2, number.to_bytes(2).hex().encode()), asn1.implicit(2, b"") * 200)
        extensions.read(extension("2.5.29.17", names))
        most = max(most, len(memo))
    assert 20 < most < 300  # of 200 names each


def test_a_verifier_with_a_large_key_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signature, "_VERIFIERS", {})
    huge = (1 << 16_384) - 1
    algorithm_of_key = asn1.sequence(asn1.oid("1.2.840.113549.1.1.1"), asn1.null())
    spki = asn1.sequence(algorithm_of_key, asn1.bit_string(asn1.sequence(asn1.integer(huge), asn1.integer(65_537))))
    certificate = Certificate(ROOT.der)
    verify(b"", certificate.signature_algorithm, b"", key.PublicKey.of(spki))
    assert signature._VERIFIERS == {}
    verify(b"", certificate.signature_algorithm, b"", certificate.public_key)
    assert len(signature._VERIFIERS) == 1


# Algorithms that no build of today verifies


@pytest.mark.parametrize(
    ("oid", "name"),
    [
        ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"), ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"), ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
        ("2.16.840.1.101.3.4.3.20", "SLH-DSA-SHA2-128s"), ("2.16.840.1.101.3.4.3.25", "SLH-DSA-SHA2-256f"),
        ("2.16.840.1.101.3.4.3.26", "SLH-DSA-SHAKE-128s"), ("2.16.840.1.101.3.4.3.31", "SLH-DSA-SHAKE-256f"),
        ("1.3.6.1.5.5.7.6.37", "composite ML-DSA (1.3.6.1.5.5.7.6.37)"), ("1.2.3.4", "1.2.3.4"),
        ("1.2.840.113549.1.1.2", "RSA with MD2"),
    ],
)  # fmt: skip
def test_an_algorithm_that_cannot_be_verified_here_has_a_name_and_is_not_called_invalid(oid: str, name: str) -> None:
    encoded = asn1.sequence(asn1.oid(oid), asn1.null() if name.startswith("RSA") else b"")
    assert algorithm(encoded).name == name
    assert verify(b"", encoded, b"", key.PublicKey.of(pki.root("r", key="rsa2048").key.spki)) is Signature.UNSUPPORTED


def test_a_key_known_by_name_alone_is_described_by_it() -> None:
    spki = asn1.sequence(asn1.sequence(asn1.oid("2.16.840.1.101.3.4.3.18")), asn1.bit_string(b"\0" * 32))
    assert key.PublicKey.of(spki).description == "ML-DSA-65"


# RSASSA-PSS keys that are bound to parameters


def pss_key(hash_name: str, mgf_hash: str, salt: int) -> key.PublicKey:
    digest = {
        name: asn1.sequence(asn1.oid(oid), asn1.null())
        for name, oid in (("sha256", "2.16.840.1.101.3.4.2.1"), ("sha512", "2.16.840.1.101.3.4.2.3"))
    }
    parameters = asn1.sequence(
        asn1.explicit(0, digest[hash_name]),
        asn1.explicit(1, asn1.sequence(asn1.oid("1.2.840.113549.1.1.8"), digest[mgf_hash])),
        asn1.explicit(2, asn1.integer(salt)),
    )
    return restricted(parameters)


def restricted(parameters: bytes) -> key.PublicKey:
    plain = pki.root("r", key="rsa2048").key.spki
    return key.PublicKey.of(asn1.sequence(asn1.sequence(asn1.oid("1.2.840.113549.1.1.10"), parameters), asn1.parts(plain)[1]))


@pytest.mark.parametrize(
    ("restriction", "found"),
    [
        (pss_key("sha256", "sha256", 32), Signature.VALID),
        (pss_key("sha256", "sha256", 16), Signature.VALID),  # RFC 4055 3.3: no shorter than
        (pss_key("sha256", "sha256", 33), Signature.INVALID),
        (pss_key("sha512", "sha256", 32), Signature.INVALID),
        (pss_key("sha256", "sha512", 32), Signature.INVALID),
        (restricted(asn1.sequence()), Signature.INVALID),  # the defaults: SHA-1
        (restricted(b""), Signature.VALID),  # no restriction
    ],
    ids=["the same", "a shorter salt", "a longer salt", "another hash", "another mask hash", "defaults", "none"],
)
def test_a_pss_key_verifies_only_what_its_parameters_allow(restriction: key.PublicKey, found: Signature) -> None:
    encoded, value = pki.root("r", key="rsa2048").key.sign(b"signed", pss=True)
    assert verify(b"signed", encoded, value, restriction) is found


def test_a_pss_key_makes_no_signature_of_the_older_scheme() -> None:
    encoded, value = pki.root("r", key="rsa2048").key.sign(b"signed")
    assert verify(b"signed", encoded, value, restricted(b"")) is Signature.INVALID
