"""Where a certificate says that its revocation status can be learned."""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple

from chaincheck.x509.extensions import AUTHORITY_INFORMATION_ACCESS, CRL_DISTRIBUTION_POINTS, FRESHEST_CRL
from chaincheck.x509.ocsp import build_request

if TYPE_CHECKING:
    from chaincheck.revocation.evidence import Kind
    from chaincheck.x509.certificate import Certificate
    from chaincheck.x509.crl import CertificateList
    from chaincheck.x509.extensions import DistributionPoint
    from chaincheck.x509.key import PublicKey

FETCHED_SCHEMES = frozenset({"http", "https", "ldap", "ldaps", "file"})
MAX_SOURCES = 32  # addresses of one certificate that are looked at; real ones have one to four


class Address(NamedTuple):
    """A source by its kind and URL, in lower case ``scheme``."""

    kind: Kind
    url: str
    scheme: str

    @property
    def supported(self) -> bool:
        """Whether a fetcher knows such addresses; the guard may still refuse them."""
        return self.scheme in FETCHED_SCHEMES


class Source(NamedTuple):
    """A source with the request that asks it. Only an OCSP request has a body."""

    kind: Kind
    url: str
    method: Literal["GET", "POST"]
    body: bytes
    supported: bool


@lru_cache(maxsize=32)  # asked a dozen times for each certificate of a question; few, since a stranger chooses how large one is
def addresses(certificate: Certificate) -> tuple[Address, ...]:
    """All sources in the order in which Windows tries them: OCSP responders (RFC 5280 4.2.2.1), then distribution points (4.2.1.13)."""
    named: list[tuple[Kind, str]] = [("ocsp", url) for url in certificate.ocsp_urls]
    named += [("crl", url) for point in certificate.crl_distribution_points for url in point.urls]
    distinct = list(dict.fromkeys(named))[:MAX_SOURCES]
    return tuple(Address(kind, url, url.partition(":")[0].lower()) for kind, url in distinct)


def deltas_of(extended: Certificate | CertificateList) -> tuple[Address, ...]:
    """Where a certificate, or a CRL, says that the delta CRLs are (RFC 5280 4.2.1.15, 5.2.6)."""
    found = extended.extension(FRESHEST_CRL)
    points: tuple[DistributionPoint, ...] = found.parsed if found is not None and isinstance(found.parsed, tuple) else ()
    urls = dict.fromkeys(url for point in points for url in point.urls)
    return tuple(Address("crl", url, url.partition(":")[0].lower()) for url in islice(urls, MAX_SOURCES))


def unaddressed(certificate: Certificate) -> tuple[tuple[Kind, str], ...]:
    """Where it says that its status is to be learned without giving an address: these cannot be asked, and are no "nothing to check"."""
    found: list[tuple[Kind, str]] = [("crl", _described(point)) for point in certificate.crl_distribution_points if not point.urls]
    if certificate.extension(CRL_DISTRIBUTION_POINTS) is not None and not certificate.crl_distribution_points:
        found.append(("crl", "CRLDistributionPoints"))
    access = certificate.extension(AUTHORITY_INFORMATION_ACCESS)
    if access is not None and not certificate.ocsp_urls and _OCSP in access.value:
        found.append(("ocsp", "authorityInfoAccess"))
    return tuple(dict.fromkeys(found))[:MAX_SOURCES]


_OCSP = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x01"  # id-ad-ocsp in DER


def _described(point: DistributionPoint) -> str:
    for field, names in (("", point.full_name), ("cRLIssuer ", point.crl_issuer)):
        if names:
            return field + ", ".join(f"{name.kind}: {name.value.hex() if isinstance(name.value, bytes) else name.value}" for name in names)
    return "nameRelativeToCRLIssuer" if point.relative is not None else "DistributionPoint"


def sources(
    certificate: Certificate,
    issuer_key: PublicKey,
    *,
    hash: str = "sha1",  # noqa: A002 - the word of RFC 6960
    nonce: bytes | None = None,
) -> tuple[Source, ...]:
    """The same with their requests. OCSP is asked by POST (RFC 6960 A.1), with the issuer's name as the certificate has it (4.1.1)."""
    body: bytes | None = None
    found = []
    for kind, url, scheme in addresses(certificate):
        if kind == "crl":
            found.append(Source(kind, url, "GET", b"", scheme in FETCHED_SCHEMES))
            continue
        if body is None:
            body = build_request(certificate, certificate.issuer_der, issuer_key, hash, nonce)
        found.append(Source(kind, url, "POST", body, scheme in FETCHED_SCHEMES))
    return tuple(found)
