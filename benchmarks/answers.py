"""A leaf with the OCSP response about it, by a delegated responder; nothing was known before of the two."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.x509 import ocsp

import chaincheck
import pki
from benchmarks import timing
from benchmarks.material import material

if TYPE_CHECKING:
    from collections.abc import Callable

LEAVES, WARM_UP = 240, 60


class Measure(NamedTuple):
    """Seconds of one answer, and of the signature verifications it needs."""

    work: str
    seconds: float
    floor: float


def measures() -> list[Measure]:
    return [_measure("rsa2048", "RSA-2048", "rsa2048:d"), _measure("p256", "ECDSA P-256", "p256:responder")]


def _measure(kind: str, label: str, responder_key: str) -> Measure:
    made = material(kind, LEAVES)
    authority = made.authority
    responder = authority.issue("responder", key=responder_key, eku=("ocspSigning",), extensions=[(x509.OCSPNoCheck(), False)])
    pairs = [(leaf, authority.ocsp_response(leaf, responder=responder)) for leaf in made.leaves]
    store = chaincheck.TrustStore(roots=[made.root.der], intermediates=[authority.der], crls=())
    rules = dataclasses.replace(chaincheck.IIS, revocation="subject")
    checker = chaincheck.Checker(store=store, rules=rules, fetch="never")

    def answered(pair: tuple[pki.Issued, bytes]) -> None:
        if not checker.diagnose(pair[0].der, ocsp_responses=[pair[1]], at=pki.AT).accepted:
            raise RuntimeError("the certificates of this measure must be accepted")

    medians = timing.in_turns({"own": answered, "floor": _verifications(authority, responder, pairs)}, pairs, warm_up=WARM_UP)
    return Measure(f"one more leaf with its OCSP response by a delegated responder, {label}", medians["own"], medians["floor"])


def _verifications(
    authority: pki.Authority, responder: pki.Issued, pairs: list[tuple[pki.Issued, bytes]]
) -> Callable[[tuple[pki.Issued, bytes]], None]:
    """The two signatures, everything else prepared; the responder's own certificate is known after the first."""
    issuer, delegated = authority.certificate.public_key(), responder.certificate.public_key()
    prepared: dict[bytes, tuple[tuple[Any, ...], ...]] = {}
    for leaf, answer in pairs:
        response = ocsp.load_der_ocsp_response(answer)
        prepared[leaf.der] = (
            (issuer, leaf.certificate.signature, leaf.certificate.tbs_certificate_bytes),
            (delegated, response.signature, response.tbs_response_bytes),
        )

    def verify(pair: tuple[pki.Issued, bytes]) -> None:
        for key, signature, signed in prepared[pair[0].der]:
            if isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
            else:
                key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())

    return verify
