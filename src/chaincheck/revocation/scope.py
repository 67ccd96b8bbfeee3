"""Which part of a certificate's status one CRL speaks about: RFC 5280 6.3.3 (b) to (e), and what CryptoAPI makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chaincheck.revocation.attempt import Reason
from chaincheck.x509.extensions import ALL_REASONS, DistributionPoint, GeneralName
from chaincheck.x509.name import Name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chaincheck.revocation.target import Context, Target
    from chaincheck.x509.crl import CertificateList, IssuingDistributionPoint


class Scope(NamedTuple):
    """``fault``: why the CRL says nothing about the certificate, or None; ``reasons``: those of revocation that it covers.

    ``unused``: why the kind of server judged by does not use it, although RFC 5280 would. What it lists as revoked counts all the same.
    """

    fault: Reason | None
    reasons: frozenset[str] = frozenset()
    unused: Reason | None = None


def scope_of(crl: CertificateList, target: Target, context: Context) -> Scope:
    """RFC 5280 6.3.3 (b) with every distribution point of the certificate, and with the one that its last paragraph assumes."""
    idp = crl.issuing_distribution_point
    if (fault := _other_kind(idp, target)) is not None:
        return Scope(fault)
    fault = Reason.OTHER_ISSUER
    covered: frozenset[str] = frozenset()
    served: list[Reason | None] = []  # for each point that fits, why the server does not use it
    for point in _points(crl, target):
        if (fault_here := _issuer_fault(crl, point, target)) is None:
            fault_here = _name_fault(crl, point, target, context)
        if fault_here is None:
            # RFC 5280 6.3.3 (d): interim_reasons_mask
            covered |= _all_if_none(point.reasons) & _all_if_none(idp.some_reasons if idp is not None else None)
            served.append(None if context.distribution_points == "rfc5280" else _unused(idp, point, target))
        else:
            fault = min(fault, fault_here, key=_SAYS_MORE.index)
    if not served:
        return Scope(fault)
    return Scope(None, covered, None if None in served else served[0])


_SAYS_MORE = (Reason.OTHER_DISTRIBUTION_POINT, Reason.NOT_INDIRECT, Reason.OTHER_ISSUER)


def _all_if_none(reasons: frozenset[str] | None) -> frozenset[str]:
    return ALL_REASONS if reasons is None else reasons & ALL_REASONS


def _other_kind(idp: IssuingDistributionPoint | None, target: Target) -> Reason | None:
    """RFC 5280 6.3.3 (b)(2)(ii) to (iv): what the CRL lists at all."""
    if idp is None or idp.only is None:
        return None
    constraints = target.certificate.basic_constraints
    is_ca = constraints is not None and constraints.ca
    if idp.only == "attribute":
        return Reason.ONLY_ATTRIBUTE
    if idp.only == "user":
        return Reason.ONLY_USER if is_ca else None
    return None if is_ca else Reason.ONLY_CA


def _points(crl: CertificateList, target: Target) -> Iterator[DistributionPoint]:
    yield from target.certificate.crl_distribution_points
    if crl.issuer.normalised == target.issuer_name.normalised:
        # RFC 5280 6.3.3, last paragraph: a point without reasons and cRLIssuer, named by the issuer of the certificate
        yield DistributionPoint((), (GeneralName("directoryName", target.issuer_name),), None, None, ())


def _issuer_fault(crl: CertificateList, point: DistributionPoint, target: Target) -> Reason | None:
    """RFC 5280 6.3.3 (b)(1): the CRL's issuer is the one that the point names, and says that it is indirect; or the certificate's."""
    if not point.crl_issuer:
        return None if crl.issuer.normalised == target.issuer_name.normalised else Reason.OTHER_ISSUER
    if ("directoryName", crl.issuer.normalised) not in _keys(point.crl_issuer):
        return Reason.OTHER_ISSUER
    idp = crl.issuing_distribution_point
    return None if idp is not None and idp.indirect else Reason.NOT_INDIRECT


def _name_fault(crl: CertificateList, point: DistributionPoint, target: Target, context: Context) -> Reason | None:
    """RFC 5280 6.3.3 (b)(2)(i): one name of the CRL's own point is among those of the certificate's, or is its cRLIssuer."""
    idp = crl.issuing_distribution_point
    if idp is None or not (idp.full_name or idp.relative is not None):
        return None
    loosely = context.distribution_points == "full-name"
    wanted = _keys(_names(idp.full_name, idp.relative, crl.issuer), loosely=loosely)
    issuer = next((name.value for name in point.crl_issuer if isinstance(name.value, Name)), target.issuer_name)
    named = _names(point.full_name, point.relative, issuer) or point.crl_issuer
    return None if wanted & _keys(named, loosely=loosely) else Reason.OTHER_DISTRIBUTION_POINT


def _names(full: tuple[GeneralName, ...], relative: bytes | None, issuer: Name) -> tuple[GeneralName, ...]:
    """A DistributionPointName written out: what is relative to an issuer is a directory name (RFC 5280 4.2.1.13)."""
    return full if relative is None else (GeneralName("directoryName", issuer.below(relative)),)


def _unused(idp: IssuingDistributionPoint | None, point: DistributionPoint, target: Target) -> Reason | None:
    """What CryptoAPI skips (documented: How Certificate Revocation Works); OpenSSL does so without X509_V_FLAG_EXTENDED_CRL_SUPPORT."""
    if idp is not None and idp.indirect:
        return Reason.UNUSED_INDIRECT
    if (idp is not None and idp.some_reasons is not None) or point.reasons is not None:
        return Reason.UNUSED_REASONS
    if point.crl_issuer:
        return Reason.UNUSED_ISSUER
    if idp is not None and idp.relative is not None:
        return Reason.UNUSED_RELATIVE
    if idp is not None and idp.full_name:
        named = (name for each in target.certificate.crl_distribution_points for name in each.full_name)
        if not _keys(idp.full_name, loosely=True) & _keys(named, loosely=True):
            return Reason.OTHER_DISTRIBUTION_POINT
    return None


def _keys(names: Iterable[GeneralName], *, loosely: bool = False) -> set[tuple[str, str | bytes]]:
    """Directory names compare by RFC 5280 7.1, URLs by 7.4; ``loosely``: URLs in any case, as CryptoAPI compares them."""
    found: set[tuple[str, str | bytes]] = set()
    for kind, value in names:
        if isinstance(value, Name):
            found.add((kind, value.normalised))
        elif kind == "uniformResourceIdentifier" and isinstance(value, str):
            found.add((kind, value.lower() if loosely else _with_plain_host(value)))
        else:
            found.add((kind, value))
    return found


def _with_plain_host(url: str) -> str:
    """Scheme and host in lower case (RFC 5280 7.4)."""
    scheme, colon, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{colon}{host.lower()}{slash}{path}" if colon else url
