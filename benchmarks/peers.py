"""The same question put to other libraries, each used as its documentation says and as cheaply as it allows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pki

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.material import Material


def bare_signature(material: Material) -> Callable[[pki.Issued], object]:
    """Nothing but the verification of the leaf's signature, everything else prepared: the floor."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    key = material.authority.certificate.public_key()
    prepared = {one.der: (one.certificate.signature, one.certificate.tbs_certificate_bytes) for one in material.leaves}
    if isinstance(key, rsa.RSAPublicKey):
        return lambda leaf: key.verify(*prepared[leaf.der], padding.PKCS1v15(), hashes.SHA256())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return lambda leaf: key.verify(*prepared[leaf.der], ec.ECDSA(hashes.SHA256()))


def cryptography_verification(material: Material) -> Callable[[pki.Issued], object]:
    """`cryptography.x509.verification`, from the DER of the leaf; store and intermediates prepared."""
    from cryptography.x509 import load_der_x509_certificate
    from cryptography.x509.verification import PolicyBuilder, Store

    verifier = PolicyBuilder().store(Store([material.root.certificate])).time(pki.AT).build_client_verifier()
    intermediates = [material.authority.certificate]
    return lambda leaf: verifier.verify(load_der_x509_certificate(leaf.der), intermediates)


def certvalidator(material: Material) -> Callable[[pki.Issued], object]:
    """pyhanko-certvalidator, from the DER of the leaf; its registry of CAs prepared, revocation not asked for."""
    from asn1crypto import x509
    from pyhanko_certvalidator import CertificateValidator, ValidationContext

    root, authority = (x509.Certificate.load(one.der) for one in (material.root, material.authority))
    context = ValidationContext(
        trust_roots=[root], other_certs=[authority], moment=pki.AT, allow_fetching=False, revocation_mode="soft-fail"
    )
    loop = asyncio.new_event_loop()

    def validate(leaf: pki.Issued) -> object:
        validator = CertificateValidator(x509.Certificate.load(leaf.der), validation_context=context)
        usage = validator.async_validate_usage({"digital_signature"}, {"client_auth"})  # type: ignore[no-untyped-call]
        return loop.run_until_complete(usage)

    return validate
