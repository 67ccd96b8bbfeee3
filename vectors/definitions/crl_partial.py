"""CRLs that do not speak about everything: parts, reasons, indirect and delta CRLs, by RFC 5280 and by what CryptoAPI does with them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from cryptography import x509

import asn1
import chaincheck
import pki
from pki import AT
from vectors.definitions.crl_judged import BY_THE_RFC, CLIENT, REVOKED, SCOPE, SERIAL, STALE, STORED
from vectors.vector import CA, ROOT, Vector

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
URL, OTHER_URL, DELTA_URL = (
    "http://crl.pki.example.com/part-1.crl",
    "http://crl.pki.example.com/part-2.crl",
    "http://crl.pki.example.com/delta.crl",
)
ALL = frozenset(x509.ReasonFlags) - {x509.ReasonFlags.unspecified, x509.ReasonFlags.remove_from_crl}
COMPROMISE = frozenset({x509.ReasonFlags.key_compromise, x509.ReasonFlags.ca_compromise})
ISSUER = ROOT.issue_ca("Vector CRL Issuer", key_usage=("cRLSign",))
BESIDE: Any = {**STORED, "intermediates": [CA.der, ISSUER.der]}
Verdict = Literal["accepted", "refused", "undetermined"]


def idp(url: str | None = None, **flags: Any) -> pki.Extension:
    """An issuing distribution point."""
    relative = flags.pop("relative", None)
    values: dict[str, Any] = {
        "full_name": [x509.UniformResourceIdentifier(url)] if url else None,
        "relative_name": _relative(relative) if relative else None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**(values | flags)), True


def _relative(common_name: str) -> x509.RelativeDistinguishedName:
    return x509.RelativeDistinguishedName([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def with_point(
    url: str | None = URL, *, relative: str | None = None, reasons: frozenset[x509.ReasonFlags] | None = None, issuer: str | None = None
) -> pki.Issued:
    """A certificate with one distribution point."""
    full = [x509.UniformResourceIdentifier(url)] if url else None
    named = [x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))] if issuer else None
    point = x509.DistributionPoint(full, _relative(relative) if relative else None, reasons, named)
    return CA.issue("client", extensions=[(x509.CRLDistributionPoints([point]), False)])


def judged(
    name: str, title: str, verdict: Verdict, *crls: bytes, cert: pki.Issued = CLIENT, code: str = "", says: str = "", **more: Any
) -> Vector:
    given: dict[str, Any] = {"store": STORED, **BY_THE_RFC, **more}
    causes, reasons = ((code,) if code else ()), ({code: says} if says else {})
    return Vector(name=f"crl-{name}", title=title, verdict=verdict, causes=causes, reasons=reasons, cert=cert.der, crls=crls, **given)


def in_windows(name: str, title: str, crl: bytes, says: str, cert: pki.Issued = CLIENT, **more: Any) -> Vector:
    """Under the rules of IIS the same CRL proves nothing good. Nothing else is asked, so that the question stays open."""
    given: dict[str, Any] = {"store": STORED, "fetch": "never", **more}
    reasons = {SCOPE: says}
    return Vector(
        name=f"crl-{name}", title=title, verdict="undetermined", causes=(SCOPE,), reasons=reasons, cert=cert.der, crls=(crl,), **given
    )


def _kinds() -> tuple[Vector, ...]:
    lower = CA.issue_ca("Vector Lower CA")
    below = lower.issue("client")
    store = {**STORED, "intermediates": [CA.der, lower.der]}
    users, authorities = CA.crl(extensions=[idp(only_contains_user_certs=True)]), CA.crl(extensions=[idp(only_contains_ca_certs=True)])
    attributes = CA.crl(extensions=[idp(only_contains_attribute_certs=True)])
    return (
        judged("of-users", "The CRL lists end-entity certificates only, and this is one", "accepted", users),
        judged(
            "of-users-for-a-ca",
            "The CRL lists end-entity certificates only, and the issuer is a CA",
            "refused",
            users,
            lower.crl(),
            cert=below,
            store=store,
            code=SCOPE,
            says="it lists end-entity certificates only",
        ),
        judged(
            "of-cas-for-a-ca",
            "The CRL lists CA certificates only, and the issuer is one",
            "accepted",
            authorities,
            lower.crl(),
            cert=below,
            store=store,
        ),
        judged(
            "of-cas-for-a-user",
            "The CRL lists CA certificates only, and this is none",
            "refused",
            authorities,
            code=SCOPE,
            says="it lists CA certificates only",
        ),
        judged(
            "of-attribute-certificates",
            "The CRL lists attribute certificates only",
            "refused",
            attributes,
            code=SCOPE,
            says="it lists attribute certificates only",
        ),
    )


def _points() -> tuple[Vector, ...]:
    part = CA.crl(extensions=[idp(URL)])
    relative = CA.crl(extensions=[idp(relative="Part 1")])
    named = with_point(None, relative="Part 1")
    return (
        judged(
            "of-its-distribution-point", "The CRL is the part of the certificate's distribution point", "accepted", part, cert=with_point()
        ),
        judged(
            "of-another-distribution-point",
            "The CRL is the part of another distribution point",
            "refused",
            part,
            cert=with_point(OTHER_URL),
            code=SCOPE,
            says="the part of another distribution point",
        ),
        judged(
            "of-a-distribution-point-not-named",
            "The CRL is the part of a distribution point, and the certificate names none",
            "refused",
            part,
            code=SCOPE,
            says="the part of another distribution point",
        ),
        judged("of-a-relative-name", "Both name the distribution point relative to the issuer", "accepted", relative, cert=named),
        judged(
            "of-another-relative-name",
            "The names relative to the issuer differ",
            "refused",
            relative,
            cert=with_point(None, relative="Part 2"),
            code=SCOPE,
            says="the part of another distribution point",
        ),
        in_windows(
            "of-a-relative-name-in-windows",
            "Windows uses full names only",
            relative,
            "named relative to its issuer",
            named,
            unchecked=("revocation-not-fetched",),
        ),
        judged(
            "url-in-another-case-in-windows",
            "Windows compares the URLs of distribution points in any case",
            "accepted",
            CA.crl(extensions=[idp("http://crl.pki.example.com/PART-1.crl")]),
            cert=with_point(),
            rules=chaincheck.IIS,
        ),
        judged(
            "url-in-another-case-by-the-rfc",
            "By the RFC the path of a URL is compared as it is",
            "refused",
            CA.crl(extensions=[idp("http://crl.pki.example.com/PART-1.crl")]),
            cert=with_point(),
            code=SCOPE,
            says="the part of another distribution point",
        ),
    )


def _reasons() -> tuple[Vector, ...]:
    first, second = (CA.crl(extensions=[idp(only_some_reasons=reasons)]) for reasons in (COMPROMISE, ALL - COMPROMISE))
    listed = CA.crl([REVOKED], extensions=[idp(only_some_reasons=COMPROMISE)])
    return (
        judged("for-some-reasons", "The CRL covers key compromise only", "refused", first, code=SCOPE, says="only some reasons"),
        judged("for-all-reasons-together", "Two CRLs cover all reasons together", "accepted", first, second),
        judged(
            "for-some-reasons-revoked",
            "The CRL covers key compromise only, and lists the certificate for it",
            "refused",
            listed,
            code="revoked",
            says="keyCompromise",
        ),
        judged(
            "of-a-point-for-some-reasons",
            "The distribution point is for key compromise only",
            "refused",
            CA.crl(extensions=[idp(URL)]),
            cert=with_point(reasons=COMPROMISE),
            code=SCOPE,
            says="only some reasons",
        ),
        in_windows(
            "for-all-reasons-together-in-windows",
            "Windows uses no CRL for some reasons only",
            first,
            "limited to some reasons of revocation",
        ),
        judged(
            "for-some-reasons-revoked-in-windows",
            "Windows would not use the CRL, and who is listed in it is revoked",
            "refused",
            listed,
            code="revoked",
            rules=chaincheck.IIS,
        ),
    )


def _indirect() -> tuple[Vector, ...]:
    named, marked = with_point(issuer="Vector CRL Issuer"), idp(URL, indirect_crl=True)
    of_ca, of_other = (asn1.sequence(asn1.tlv(0xA4, pki.name_der(each))) for each in ("Vector Issuing CA", "Another CA"))

    def entries(*listed: tuple[int, bytes | None]) -> bytes:
        told = [(number, AT - DAY, "keyCompromise", [("2.5.29.29", True, issuer)] if issuer else []) for number, issuer in listed]
        return ISSUER.crl(told, extensions=[marked])

    serial = named.serial
    return (
        judged("indirect", "An indirect CRL of the issuer that the certificate names", "accepted", entries(), cert=named, store=BESIDE),
        judged(
            "indirect-listed",
            "The entry in the indirect CRL names the certificate's issuer",
            "refused",
            entries((serial, of_ca)),
            cert=named,
            store=BESIDE,
            code="revoked",
        ),
        judged(
            "indirect-carried-over",
            "The entry is of the issuer that an entry before it named",
            "refused",
            entries((5, of_ca), (serial, None)),
            cert=named,
            store=BESIDE,
            code="revoked",
        ),
        judged(
            "indirect-of-another-issuer",
            "The same serial number of another issuer is listed",
            "accepted",
            entries((5, of_other), (serial, None)),
            cert=named,
            store=BESIDE,
        ),
        judged(
            "indirect-of-the-crl-issuer",
            "The entry names no issuer, so that it is of the CRL issuer's own",
            "accepted",
            entries((serial, None)),
            cert=named,
            store=BESIDE,
        ),
        judged(
            "indirect-not-marked",
            "The certificate names the CRL issuer, and the CRL does not say that it is indirect",
            "refused",
            ISSUER.crl(extensions=[idp(URL)]),
            cert=named,
            store=BESIDE,
            code=SCOPE,
            says="does not say that it is an indirect CRL",
        ),
        judged(
            "indirect-signer-unknown",
            "No certificate of the CRL issuer is known",
            "refused",
            entries(),
            cert=named,
            code="revocation-evidence-invalid",
            says="no certificate of its issuer is known",
        ),
        in_windows("indirect-in-windows", "Windows uses no indirect CRLs", entries(), "it is an indirect CRL", named, store=BESIDE),
    )


def base(number: int = 10, *more: pki.Extension, entries: tuple[pki.Revoked, ...] = (), **changes: Any) -> bytes:
    return CA.crl(entries, number=number, extensions=more, **{"this_update": AT - 2 * HOUR, **changes})


def delta(number: int = 12, since: int = 10, *more: pki.Extension, entries: tuple[pki.Revoked, ...] = (), **changes: Any) -> bytes:
    return CA.crl(
        entries, number=number, extensions=[(x509.DeltaCRLIndicator(since), True), *more], **{"this_update": AT - HOUR, **changes}
    )


def freshest(url: str = DELTA_URL) -> pki.Extension:
    return x509.FreshestCRL([x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)]), False


def _delta() -> tuple[Vector, ...]:
    hold: pki.Revoked = (SERIAL, AT - 3 * DAY, "certificateHold")
    removed: pki.Revoked = (SERIAL, AT - HOUR, "removeFromCRL")
    other_signer = ROOT.issue_ca("Vector Issuing CA", key="p256:delta")
    both: Any = {**STORED, "intermediates": [CA.der, other_signer.der]}
    alone = "no valid complete CRL that it continues"
    return (
        judged("delta", "A delta that continues its base and lists nobody", "accepted", base(), delta()),
        judged("delta-revokes", "The delta lists the certificate", "refused", base(), delta(entries=(REVOKED,)), code="revoked"),
        judged("delta-holds", "The delta puts the certificate on hold", "refused", base(), delta(entries=(hold,)), code="on-hold"),
        judged("delta-releases", "The delta lifts the hold of its base", "accepted", base(entries=(hold,)), delta(entries=(removed,))),
        judged(
            "delta-keeps-the-hold",
            "The base has the certificate on hold, and the delta says nothing of it",
            "refused",
            base(entries=(hold,)),
            delta(),
            code="on-hold",
        ),
        judged(
            "delta-releases-what-is-revoked",
            "The delta takes back a revocation that is not a hold",
            "refused",
            base(entries=(REVOKED,)),
            delta(entries=(removed,)),
            code="revoked",
        ),
        judged("delta-alone", "There is a delta and no base", "refused", delta(), code=SCOPE, says=alone),
        judged(
            "delta-alone-revokes",
            "There is no base, and the delta lists the certificate",
            "refused",
            delta(entries=(REVOKED,)),
            code="revoked",
        ),
        judged(
            "delta-of-a-later-base",
            "The delta continues a base that came later, and the base alone says good",
            "accepted",
            base(9),
            delta(12, 10),
        ),
        judged(
            "delta-of-a-later-base-releases",
            "A delta that continues another base lifts no hold",
            "refused",
            base(9, entries=(hold,)),
            delta(12, 10, entries=(removed,)),
            code="on-hold",
        ),
        judged(
            "delta-of-another-point-releases",
            "A delta of another scope lifts no hold",
            "refused",
            base(entries=(hold,)),
            delta(12, 10, idp(only_contains_user_certs=True), entries=(removed,)),
            code="on-hold",
        ),
        judged(
            "delta-of-another-key-releases",
            "A delta signed with another key of the CA lifts no hold",
            "refused",
            base(entries=(hold,)),
            CA.crl([removed], number=12, extensions=[(x509.DeltaCRLIndicator(10), True)], signer=other_signer, this_update=AT - HOUR),
            store=both,
            code="on-hold",
        ),
        judged(
            "delta-no-newer-releases",
            "A delta with the number of its base is no news, and lifts no hold",
            "refused",
            base(10, entries=(hold,)),
            delta(10, 9, entries=(removed,)),
            code="on-hold",
        ),
        judged(
            "delta-stale-releases",
            "A delta that has ended lifts no hold",
            "refused",
            base(entries=(hold,)),
            delta(entries=(removed,), this_update=AT - DAY, next_update=AT - HOUR),
            code="on-hold",
        ),
        judged(
            "delta-on-a-stale-base", "The delta holds, and its base has ended", "refused", base(next_update=AT - HOUR), delta(), code=STALE
        ),
        judged(
            "delta-missing-by-the-rfc",
            "A delta is published and not at hand, and by the RFC the base decides",
            "accepted",
            base(10, freshest()),
        ),
        judged(
            "delta-missing",
            "A delta is published and not at hand: a revocation may stand in it",
            "undetermined",
            base(10, freshest()),
            rules=chaincheck.IIS,
            unchecked=("delta-not-judged",),
        ),
        judged(
            "delta-stale",
            "The delta that is published has ended",
            "undetermined",
            base(10, freshest()),
            delta(this_update=AT - DAY, next_update=AT - HOUR),
            rules=chaincheck.IIS,
            code=STALE,
            unchecked=("delta-not-judged",),
        ),
        judged("delta-at-hand", "The delta that is published is at hand", "accepted", base(10, freshest()), delta(), rules=chaincheck.IIS),
        judged(
            "delta-fetched",
            "The delta that the CRL names is fetched",
            "accepted",
            base(10, freshest()),
            rules=chaincheck.IIS,
            fetch="online",
            web={DELTA_URL: delta()},
        ),
        judged(
            "delta-fetched-revokes",
            "The delta that the CRL names is fetched, and lists the certificate",
            "refused",
            base(10, freshest()),
            rules=chaincheck.IIS,
            fetch="online",
            web={DELTA_URL: delta(entries=(REVOKED,))},
            code="revoked",
        ),
        judged(
            "delta-unreachable",
            "The delta that the CRL names cannot be reached",
            "undetermined",
            base(10, freshest()),
            rules=chaincheck.IIS,
            fetch="online",
            web={DELTA_URL: (404, "status 404, text/html")},
            code="revocation-unreachable",
            unchecked=("delta-not-judged",),
        ),
    )


def vectors() -> tuple[Vector, ...]:
    return (*_kinds(), *_points(), *_reasons(), *_indirect(), *_delta())
