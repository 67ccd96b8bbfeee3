"""One certificate of one CA, and short ways to judge evidence about it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pki
from chaincheck.causes.codes import Role
from chaincheck.revocation.evidence import Evidence
from chaincheck.revocation.status import judge
from chaincheck.revocation.target import Context, Target
from chaincheck.x509.certificate import Certificate
from chaincheck.x509.key import PublicKey
from chaincheck.x509.name import Name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaincheck.causes.codes import CauseCode
    from chaincheck.revocation.attempt import Attempt
    from chaincheck.revocation.evidence import Kind, Origin
    from chaincheck.revocation.status import RevocationStatus

HOUR, DAY = 3600, 86400
AT = int(pki.AT.timestamp())
CA = pki.root("Issuing CA")
CLIENT = CA.issue("client")
SOURCED = CA.issue("client", ocsp_urls=["http://ocsp.test/"], crl_urls=["http://crl.test/1", "ftp://crl.test/CRL"])


def target(certificate: pki.Issued = CLIENT, issuer: pki.Authority = CA, *, bare: bool = False) -> Target:
    """The question; ``bare``: the issuer is an anchor without a certificate."""
    return Target(
        certificate=Certificate(certificate.der),
        issuer_name=Name(issuer.subject),
        issuer_key=PublicKey.of(issuer.key.spki),
        issuer_certificate=None if bare else Certificate(issuer.der),
        role=Role.SUBJECT,
    )


def context(**changes: Any) -> Context:
    return replace(Context(at=AT), **changes)


def judged(
    *evidence: Evidence, failures: Sequence[Attempt] = (), target: Target | None = None, context: Context | None = None
) -> RevocationStatus:
    return judge(target or _TARGET, evidence, context or Context(at=AT), failures)


def crl(data: bytes, *, origin: Origin = "supplied", source: str | None = None, received_at: int | None = None) -> Evidence:
    return _evidence("crl", data, origin, source, received_at)


def ocsp(data: bytes, *, source: str | None = None, received_at: int | None = None, nonce: bytes | None = None) -> Evidence:
    return replace(_evidence("ocsp", data, "supplied", source, received_at), nonce=nonce)


def codes(status: RevocationStatus) -> list[CauseCode]:
    return [cause.code for cause in status.causes]


def _evidence(kind: Kind, data: bytes, origin: Origin, source: str | None, received_at: int | None) -> Evidence:
    if source is None:
        return replace(Evidence.given(kind, data, origin), received_at=received_at)
    return Evidence(kind=kind, data=data, origin="fetched", address=source, received_at=received_at)


_TARGET = target()
