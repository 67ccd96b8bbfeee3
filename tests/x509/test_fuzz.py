"""The promise of the reader: where it finds no fault, `cryptography` loads the certificate and agrees on every field."""

from __future__ import annotations

import os
import random
import time

import pytest

from chaincheck.x509.certificate import Certificate
from x509 import agreement, mutation, seeds

WANTED = os.environ.get("FUZZ_EXAMPLES")
EXAMPLES = int(WANTED or 3000)
SEED = int(os.environ.get("FUZZ_SEED", random.randrange(2**32) if WANTED else 186812))


def _material() -> list[bytes]:
    """Our own certificates six times, so that every kind of extension is met as often as the many plain ones of the test suites."""
    return [*seeds.generated().values()] * 6 + [encoded for encoded in seeds.vectors().values() if len(encoded) < 3000]


def test_fuzz_no_fault_means_that_cryptography_loads_it_and_agrees_on_every_field() -> None:
    rng = random.Random(SEED)
    material = _material()
    clean = 0
    for number in range(EXAMPLES):
        changed = mutation.mutate(rng.choice(material), rng.choice(material), rng)
        certificate = Certificate(changed)
        if certificate.faults:
            continue
        clean += 1
        found = agreement.compare(certificate)
        assert not found, f"FUZZ_SEED={SEED}, example {number}: {found}\n{changed.hex()}"
    assert clean > EXAMPLES / 20, "the mutations are too coarse to say anything"


def test_fuzz_whatever_the_bytes_are_they_are_described_without_an_exception() -> None:
    rng = random.Random(SEED)
    material = _material()
    for number in range(EXAMPLES // 2):
        changed = mutation.mutate(rng.choice(material), rng.choice(material), rng)
        began = time.perf_counter()
        one = Certificate(changed)
        facts = (
            str(one.subject), str(one.issuer), one.subject.normalised, one.serial, one.serial_hex, one.not_before, one.not_after,
            one.fingerprint,
            one.is_self_issued, one.basic_constraints, one.key_usage, one.extended_key_usage, one.subject_key_identifier, one.ocsp_urls,
            one.authority_key_identifier, one.crl_distribution_points, one.ca_issuers_urls, one.subject_alt_names,
            one.public_key.description,
        )  # fmt: skip
        assert len(facts) == 19
        assert time.perf_counter() - began < 1, f"FUZZ_SEED={SEED}, example {number}: slow\n{changed.hex()}"


@pytest.mark.parametrize("kind", seeds.generated())
def test_every_kind_of_certificate_is_read_as_cryptography_reads_it(kind: str) -> None:
    certificate = Certificate(seeds.generated()[kind])
    assert not [fault for fault in certificate.faults if not fault.readable]
    if not certificate.faults:
        assert agreement.compare(certificate) == []


def test_every_certificate_of_the_test_suites_is_read_as_cryptography_reads_it_or_has_a_fault() -> None:
    differing = {name: found for name, encoded in seeds.vectors().items() if (found := agreement.differences(encoded))}
    assert differing == {}
    assert len(seeds.vectors()) > 400


def test_only_these_certificates_of_the_test_suites_have_faults_that_cryptography_passes_over() -> None:
    """Each a departure from DER or RFC 5280 that is worth a word."""
    stricter = {}
    for name, encoded in seeds.vectors().items():
        certificate = Certificate(encoded)
        if certificate.faults and not agreement.compare(certificate):
            stricter[name.removeprefix("x509/").removesuffix("[0]")] = certificate.faults[0].what
    assert stricter == {
        "PKITS_data/certs/BadSignedCACert.crt": "a signature that is not whole octets",
        "PKITS_data/certs/InvalidDSASignatureTest6EE.crt": "a signature that is not whole octets",
        "custom/ec_no_named_curve.pem": "an elliptic curve that is not named",
        "custom/mismatch_inner_outer_sig_algorithm.der": "it differs from signatureAlgorithm",
        "custom/rsa_pss_cert_unsupported_mgf_hash.der": "it differs from signatureAlgorithm",
        "san_edipartyname.der": "NULL parameters where the algorithm has none",
        "san_x400address.der": "NULL parameters where the algorithm has none",
        "v1_cert.pem": "it differs from signatureAlgorithm",
    }
