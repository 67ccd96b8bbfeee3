"""200 changed or truncated files of each kind through ``diagnose``: an answer or an InputError, at once, and never a false ACCEPTED."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

import asn1
import chaincheck
import pki
from chaincheck.x509.certificate import Certificate
from engine.asking import CA, LEAF, ROOT, YESTERDAY, full_store
from x509.mutation import mutate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILES = 200
OFF = replace(chaincheck.IIS, revocation="off")
REVOKED = CA.crl([(LEAF.serial, YESTERDAY, "keyCompromise")], number=2)
RESPONSE = CA.ocsp_response(LEAF, "revoked")
DELEGATED = CA.ocsp_response(LEAF, "revoked", responder=CA.issue_responder())
# A certificate that names a source, so that without good evidence it is never accepted.
SOURCED = CA.issue("sourced", crl_urls=["http://crl.example/ca.crl"], ocsp_urls=["http://ocsp.example/"])
GOOD_CRL, GOOD_RESPONSE = CA.crl(number=3), CA.ocsp_response(SOURCED)


def _sst(*certificates: pki.Issued) -> bytes:
    """A serialized store of CryptoAPI."""
    elements = b"".join(b"\x20\0\0\0\1\0\0\0" + len(one.der).to_bytes(4, "little") + one.der for one in certificates)
    return b"\0\0\0\0CERT" + elements + b"\0" * 12


@dataclass(frozen=True)
class Kind:
    """A file, what it is given as, and the answer it has unchanged."""

    data: bytes
    ask: Callable[[bytes], chaincheck.Diagnosis]


def _cert(data: bytes) -> chaincheck.Diagnosis:
    return chaincheck.diagnose(data, store=full_store(), at=pki.AT, fetch="never", rules=OFF)


def _evidence(**more: Any) -> chaincheck.Diagnosis:
    return chaincheck.diagnose(SOURCED.der, store=full_store(crls=[ROOT.crl()]), at=pki.AT, fetch="never", **more)


KINDS = {
    "der": Kind(LEAF.der, _cert),
    "pem": Kind(LEAF.pem, _cert),
    "bundle": Kind(pki.pem_bundle(LEAF, CA), _cert),
    "p7b": Kind(pki.p7b(LEAF, CA), _cert),
    "p12": Kind(LEAF.pkcs12(None, [CA]), _cert),
    "sst": Kind(_sst(LEAF, CA), _cert),
    "crl": Kind(GOOD_CRL, lambda data: _evidence(crls=[data])),
    "ocsp": Kind(GOOD_RESPONSE, lambda data: _evidence(ocsp_responses=[data])),
    "ocsp of a delegate": Kind(CA.ocsp_response(SOURCED, responder=CA.issue_responder()), lambda data: _evidence(ocsp_responses=[data])),
}


def changed(data: bytes, seed: str) -> Iterator[bytes]:
    rng = random.Random(seed)
    made = 0
    while made < FILES:
        try:
            one = mutate(data, LEAF.der, rng)
        except ValueError:  # no DER at all: PEM, SST
            damaged = bytearray(data)
            for _ in range(rng.choice((1, 1, 2, 5))):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            one = bytes(damaged[: rng.choice((len(data), len(data), rng.randrange(len(data))))])
        if one != data:
            made += 1
            yield one


def _signed_parts(certificate: Certificate) -> tuple[bytes, bytes, bytes]:
    return certificate.tbs, certificate.signature_algorithm, certificate.signature


GENUINE = {_signed_parts(Certificate(one.der)) for one in (LEAF, CA, ROOT, SOURCED)}


@pytest.mark.parametrize("name", KINDS)
def test_changed_files_are_answered_at_once_and_never_accepted_for_what_was_not_signed(name: str) -> None:
    kind = KINDS[name]
    assert kind.ask(kind.data).accepted
    for number, data in enumerate(changed(kind.data, name)):
        began = time.perf_counter()
        try:
            diagnosis = kind.ask(data)
        except chaincheck.InputError as error:
            assert str(error)  # noqa: PT017 - either is right
            continue
        finally:
            assert time.perf_counter() - began < 1, f"file {number} is slow: {data.hex()}"
        assert diagnosis.to_json()
        assert diagnosis.to_text(lang="ja")
        if diagnosis.accepted:
            # What was changed lies outside of what is signed (PEM's line breaks, a container's frame, another member): the certificate that
            # was judged, and all on its path, are those that were issued, byte for byte.
            assert diagnosis.path is not None
            judged = {_signed_parts(e.certificate) for e in diagnosis.path.elements if e.certificate is not None}
            assert judged <= GENUINE, f"file {number}: {data.hex()}"
            assert name != "der", f"file {number}: {data.hex()}"


@pytest.mark.parametrize("name", ["crl", "ocsp"])
def test_changed_evidence_of_a_revocation_never_speaks_for_the_certificate(name: str) -> None:
    for number, data in enumerate(changed({"crl": REVOKED, "ocsp": RESPONSE}[name], f"revoked {name}")):
        sourced = CA.issue("client", serial=LEAF.serial, crl_urls=["http://crl.example/ca.crl"])
        more: dict[str, Any] = {"crls": [data]} if name == "crl" else {"ocsp_responses": [data]}
        try:
            diagnosis = chaincheck.diagnose(sourced.der, store=full_store(crls=[ROOT.crl()]), at=pki.AT, fetch="never", **more)
        except chaincheck.InputError:
            continue
        assert not diagnosis.accepted, f"file {number}: {data.hex()}"


@pytest.mark.parametrize("name", ["der", "pem", "p7b", "p12", "sst", "crl", "ocsp"])
def test_a_file_cut_anywhere_is_answered(name: str) -> None:
    kind = KINDS[name]
    for size in range(0, len(kind.data), max(1, len(kind.data) // FILES)):
        try:
            diagnosis = kind.ask(kind.data[:size])
        except chaincheck.InputError:
            continue
        if diagnosis.accepted:
            assert name in ("pem", "sst", "p7b"), f"{size} bytes"  # the certificate was complete, the end of the container was not


def test_a_store_with_changed_members_is_answered() -> None:
    for number, data in enumerate(changed(CA.der, "store")):
        try:
            store = chaincheck.TrustStore(roots=[ROOT.der], intermediates=[data])
            diagnosis = chaincheck.diagnose(LEAF.der, store=store, at=pki.AT, fetch="never", rules=OFF)
        except chaincheck.InputError:
            continue
        assert not diagnosis.accepted, f"file {number}: {data.hex()}"


def test_bytes_after_a_certificate_are_no_part_of_it() -> None:
    """The outer structure is complete: what follows is ignored with a note, or is an error, but never changes what was signed."""
    try:
        diagnosis = _cert(LEAF.der + asn1.null())
    except chaincheck.InputError:
        return
    assert diagnosis.subject is not None
    assert _signed_parts(diagnosis.subject) in GENUINE
