"""Faults of one element, whatever path it stands on: syntax, key, critical extensions, dates, distrust, place.

Each check is a small generator of causes; ``elements`` of a path are judged by all of them, none stops the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaincheck import causes
from chaincheck.causes.codes import CauseCode, Role, Severity
from chaincheck.path.pool import CLIENT_AUTH_ISSUERS, DISALLOWED, INTERMEDIATES, ROOTS, Node
from chaincheck.x509 import extensions as ext
from chaincheck.x509.certificate import moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.causes.cause import Cause
    from chaincheck.rules import Rules
    from chaincheck.x509.certificate import Certificate

# A certificate that begins to hold within this many seconds was most likely met by a clock that is wrong.
CLOCK_SUSPECT_SECONDS = 86_400

# RFC 5280 6.1.4 (o), 6.1.5 (f): the extensions that are recognised and processed here.
PROCESSED = frozenset(
    {
        ext.BASIC_CONSTRAINTS, ext.KEY_USAGE, ext.EXTENDED_KEY_USAGE, ext.SUBJECT_ALT_NAME, ext.ISSUER_ALT_NAME,
        ext.SUBJECT_KEY_IDENTIFIER, ext.AUTHORITY_KEY_IDENTIFIER, ext.CRL_DISTRIBUTION_POINTS, ext.AUTHORITY_INFORMATION_ACCESS,
        ext.OCSP_NO_CHECK, ext.APPLICATION_POLICIES, ext.NAME_CONSTRAINTS, ext.POLICY_CONSTRAINTS, ext.CERTIFICATE_POLICIES,
        ext.POLICY_MAPPINGS, ext.INHIBIT_ANY_POLICY,
    }
)  # fmt: skip
ENHANCED_KEY_USAGE_PROPERTY = 9
CRITICAL_NAMED = 20  # unknown critical extensions named one by one; a real certificate has one or two


def judge_static(certificate: Certificate, role: Role, rules: Rules) -> Iterator[Cause]:
    """Faults that depend on the certificate alone."""
    yield from _malformed(certificate, role)
    yield from _key(certificate, role, rules)
    yield from _critical_extensions(certificate, role)


def _malformed(certificate: Certificate, role: Role) -> Iterator[Cause]:
    """RFC 5280 4.1: DER, and a syntax that can be read. What was read leniently never leads to ACCEPTED.

    What is readable and departs from the profile only is told by path/profile.
    """
    severe = [fault for fault in certificate.faults if not fault.readable]
    if severe:
        first = severe[0]
        details = causes.facts.MalformedFacts(offset=first.offset, field=first.where, reason=first.what, faults=len(severe))
        # What is legible though it is not DER may be taken by a server that reads BER: nothing proves the refusal.
        yield causes.make(CauseCode.MALFORMED, role, certificate, details, proven=not certificate.legible)


def _key(certificate: Certificate, role: Role, rules: Rules) -> Iterator[Cause]:
    key = certificate.public_key
    if rules.minimum_rsa_bits is not None and key.algorithm in ("rsa", "rsa-pss", "dsa") and 0 < key.bits < rules.minimum_rsa_bits:
        yield causes.make(
            CauseCode.WEAK_KEY,
            role,
            certificate,
            causes.facts.WeakKeyFacts(algorithm=key.algorithm, bits=key.bits, minimum=rules.minimum_rsa_bits),
        )


def _critical_extensions(certificate: Certificate, role: Role) -> Iterator[Cause]:
    """RFC 5280 6.1.4 (o) and 6.1.5 (f)."""
    named = 0
    for extension in certificate.extensions:
        oid = extension.oid
        if oid in PROCESSED:
            continue
        if extension.critical and named < CRITICAL_NAMED:
            named += 1
            yield causes.make(CauseCode.UNKNOWN_CRITICAL_EXTENSION, role, certificate, causes.facts.ExtensionFacts(oid=oid))


def judge_ending(certificate: Certificate, role: Role, at: int, warn_before: int) -> Iterator[Cause]:
    """What the caller wants to know early: the end of a validity that is at most ``warn_before`` seconds away."""
    last = certificate.not_after_s
    if last is not None and at <= last <= at + warn_before:
        details = causes.facts.ExpiresSoonFacts(not_after=moment(last), checked_at=moment(at), warn_before=warn_before)
        yield causes.make(CauseCode.EXPIRES_SOON, role, certificate, details)


def judge_dates(certificate: Certificate, role: Role, at: int) -> Iterator[Cause]:
    """RFC 5280 6.1.3 (a)(2): the first and the last second of the validity count as valid (4.1.2.5)."""
    if certificate.not_after_s is not None and at > certificate.not_after_s:
        yield causes.make(
            CauseCode.EXPIRED,
            role,
            certificate,
            causes.facts.ExpiredFacts(not_after=moment(certificate.not_after_s), checked_at=moment(at)),
        )
    if certificate.not_before_s is not None and at < certificate.not_before_s:
        early = certificate.not_before_s - at
        details = causes.facts.NotYetValidFacts(
            not_before=moment(certificate.not_before_s),
            checked_at=moment(at),
            seconds_early=early,
            clock_suspect=early <= CLOCK_SUSPECT_SECONDS,
        )
        yield causes.make(CauseCode.NOT_YET_VALID, role, certificate, details)


def judge_place(node: Node, role: Role, rules: Rules, store: str) -> Iterator[Cause]:
    """Where the server keeps the element: distrust beats everything, and misplaced certificates are a finding (KB 2802568)."""
    if DISALLOWED in node.places:
        yield causes.make(CauseCode.DISTRUSTED, role, node.certificate, causes.facts.DistrustedFacts(store=store, matched_by="certificate"))
    certificate = node.certificate
    if role is not Role.INTERMEDIATE or certificate is None or node.self_signed:
        return
    if rules.root_store_hygiene and any(entry.compartment == ROOTS and not entry.sorted_here for entry in node.entries):
        # KB 2802568 documents the refusal; versions differ in its effect, so it is not proven.
        place = misplaced(node, ROOTS, INTERMEDIATES, store)
        yield causes.make(CauseCode.NOT_SELF_SIGNED_IN_ROOT, role, certificate, place, severity=Severity.FATAL, proven=False)
    if not node.usable:
        missing = causes.facts.IntermediateMissingFacts(
            issuer=str(node.subject),
            key_identifier=_hex(certificate.subject_key_identifier),
            store=store,
            found_in=CLIENT_AUTH_ISSUERS
            if CLIENT_AUTH_ISSUERS in node.places
            else next((p for p in node.places if p != DISALLOWED), DISALLOWED),
            found_sha256=node.identity.hex(),
        )
        yield causes.make(CauseCode.INTERMEDIATE_MISSING, role, certificate, missing)


def misplaced(node: Node, found_in: str, belongs_in: str, store: str, *, on_path: bool = True) -> causes.facts.MisplacedFacts:
    """The facts of a certificate in the wrong compartment."""
    return causes.facts.MisplacedFacts(
        name=str(node.subject),
        sha256=node.identity.hex(),
        found_in=found_in,
        belongs_in=belongs_in,
        store=store,
        on_path=on_path,
        group_policy=any("group policy" in (entry.location or "") for entry in node.entries if entry.place == found_in),
    )


def judge_distrust(node: Node, role: Role, store: str, at: int) -> Iterator[Cause]:
    """The store may distrust a certificate from a moment on: CERT_DISALLOWED_FILETIME_PROP_ID."""
    if node.distrusted_from <= at and DISALLOWED not in node.places:
        details = causes.facts.DistrustedFacts(store=store, matched_by="CERT_DISALLOWED_FILETIME_PROP_ID")
        yield causes.make(CauseCode.DISTRUSTED, role, node.certificate, details)


def _hex(octets: bytes | None) -> str | None:
    return octets.hex() if octets is not None else None
