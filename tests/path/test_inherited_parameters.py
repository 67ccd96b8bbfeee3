"""DSA keys that leave their parameters to the key above them (RFC 5280 6.1.4 (d) to (f)), and who might abuse that."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import asn1
import chaincheck
import pki
from chaincheck import Verdict
from chaincheck.path.pool import on_path
from chaincheck.x509.certificate import Certificate
from path.judging import RFC5280

ROOT = pki.root("DSA root", key="dsa2048")


def without_parameters(spki: bytes) -> bytes:
    algorithm, key = asn1.parts(spki)
    return asn1.sequence(asn1.sequence(asn1.parts(algorithm)[0]), key)


def test_two_cas_that_inherit_from_each_other_end_in_an_answer() -> None:
    """Neither has parameters, and each names the other as its issuer."""
    certificates = []
    for subject, issuer in (("A", "B"), ("B", "A")):
        made = pki.self_signed(subject, key="dsa2048", ca=True)
        parts = asn1.parts(asn1.parts(made.der)[0])
        name = Certificate(pki.self_signed(issuer, key="dsa2048", ca=True).der).subject.der
        position = next(i for i, part in enumerate(parts) if part == Certificate(made.der).issuer.der)
        key = next(i for i, part in enumerate(parts) if part == Certificate(made.der).spki)
        parts[position], parts[key] = name, without_parameters(parts[key])
        outer = asn1.parts(made.der)
        certificates.append(asn1.sequence(asn1.sequence(*parts), *outer[1:]))
    leaf = pki.self_signed("A", key="dsa2048", ca=True).issue("client")
    store = chaincheck.TrustStore(roots=[ROOT.der], intermediates=certificates)
    answer = chaincheck.diagnose(leaf.der, store=store, rules=RFC5280, fetch="never", at=pki.AT)
    assert answer.verdict is not Verdict.ACCEPTED


def test_the_parameters_are_those_of_the_path() -> None:
    numbers = dsa.generate_parameters(1024)
    other = numbers.generate_private_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    own = Certificate(ROOT.der).public_key
    assert not own.inherits
    bare = type(own).of(without_parameters(own.spki))
    assert bare.inherits
    assert bare.with_parameters(own).spki == own.spki
    assert bare.with_parameters(type(own).of(other)).spki != own.spki
    assert on_path((), ()) == ()
