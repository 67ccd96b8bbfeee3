"""Departures from the certificate profile of RFC 5280 section 4 that section 6 does not decide by: warnings and notes.

A MUST that is broken is a warning, a SHOULD a note; what the anchor breaks is a note, since its name and key alone count (6.1.1 (d)).
Rules about the whole certificate are rows over a set of bits; each extension contributes its bits, and the rules broken in its own value.
What x509 remarks while reading is worded here by its rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chaincheck import causes
from chaincheck.causes.codes import CauseCode, Role, Severity
from chaincheck.path import profile_extensions as has
from chaincheck.path.profile_extensions import FIELDS, SEEN, SHOULD, Rule, judge_extension, rule
from chaincheck.x509 import der

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.causes.cause import Cause
    from chaincheck.x509.certificate import Certificate
    from chaincheck.x509.parts import Fault

# What other fields tell about the whole, as bits.
(
    ISSUER_EMPTY, SUBJECT_EMPTY, SELF_SIGNED, EMAIL_IN_SUBJECT, KEY_EC, KEY_EDWARDS, KEY_RSA, KEY_DSA,
) = (1 << bit for bit in range(has.LOWER_BITS))  # fmt: skip

# (what is there, what is not there, the rule that this breaks)
COMBINED: Final = (
    (ISSUER_EMPTY, 0, rule("issuer-empty", "4.1.2.4", "issuer")),
    (SUBJECT_EMPTY | has.CA, 0, rule("subject-empty-in-ca", "4.1.2.6", "subject")),
    (SUBJECT_EMPTY, has.SAN | has.CA, rule("subject-empty-without-alternative-name", "4.1.2.6", "subject")),
    (SUBJECT_EMPTY | has.SAN, has.SAN_CRITICAL, rule("alternative-name-not-critical", "4.2.1.6", "subjectAltName")),
    (has.SAN_CRITICAL, SUBJECT_EMPTY, rule("alternative-name-critical", "4.2.1.6", "subjectAltName", SHOULD)),
    (EMAIL_IN_SUBJECT, has.SAN_EMAIL, rule("email-address-only-in-subject", "4.1.2.6", "subject")),
    (0, has.AKI | SELF_SIGNED, rule("authority-key-identifier-missing", "4.2.1.1", "authorityKeyIdentifier")),
    (has.AKI_WITHOUT_KEY, SELF_SIGNED, rule("authority-key-identifier-without-key", "4.2.1.1", "authorityKeyIdentifier")),
    (has.CA, has.SKI, rule("subject-key-identifier-missing", "4.2.1.2", "subjectKeyIdentifier")),
    (has.CA, has.KU, rule("key-usage-missing", "4.2.1.3", "keyUsage")),
    (has.CERT_SIGN, has.CA | has.CA_UNREAD, rule("certificate-signing-without-ca", "4.2.1.9", "keyUsage")),
    (has.CA | has.CA_NOT_CRITICAL, has.NO_CERT_SIGN, rule("basic-constraints-not-critical", "4.2.1.9", "basicConstraints")),
    (has.CA | has.PATH_LENGTH | has.NO_CERT_SIGN, 0, rule("path-length-without-certificate-signing", "4.2.1.9", "basicConstraints")),
    (has.NAMES, has.CA | has.CA_UNREAD, rule("name-constraints-in-end-entity", "4.2.1.10", "nameConstraints")),
    (KEY_EC | has.ENCIPHERS, 0, rule("key-usage-not-for-key", "RFC 8813 section 3", "keyUsage")),
    (KEY_EDWARDS | has.ENCIPHERS, 0, rule("key-usage-not-for-key", "RFC 9295 section 3", "keyUsage")),
    (KEY_EDWARDS | has.AGREES, has.ENCIPHERS, rule("key-usage-not-for-key", "RFC 9295 section 3", "keyUsage")),
    (KEY_DSA | has.ENCIPHERS, 0, rule("key-usage-not-for-key", "RFC 3279 section 2.3.2", "keyUsage", SHOULD)),
    (KEY_DSA | has.AGREES, has.ENCIPHERS, rule("key-usage-not-for-key", "RFC 3279 section 2.3.2", "keyUsage", SHOULD)),
    (KEY_RSA | has.AGREES, 0, rule("key-usage-not-for-key", "RFC 3279 section 2.3.1", "keyUsage", SHOULD)),
)
_KEYS = {"ec": KEY_EC, "ed25519": KEY_EDWARDS, "ed448": KEY_EDWARDS, "rsa": KEY_RSA, "dsa": KEY_DSA}

# Rules that the fields outside the extensions break.
_SERIAL_ZERO = rule("serial-zero", "4.1.2.2", "serialNumber")
_SERIAL_NEGATIVE = rule("serial-negative", "4.1.2.2", "serialNumber")
_SERIAL_TOO_LONG = rule("serial-too-long", "4.1.2.2", "serialNumber")
_REVERSED = rule("validity-reversed", "4.1.2.5", "validity")
_GENERALIZED = rule("generalized-time-before-2050", "4.1.2.5", "validity")
_UNIQUE_IN_V1 = rule("unique-identifier-in-version-1", "4.1.2.8", "uniqueIdentifiers")
_UNIQUE = rule("unique-identifier", "4.1.2.8", "uniqueIdentifiers")

# What x509 remarks of a field that is readable all the same, and the rule it is; the field comes with the remark.
REMARKS: Final = {
    "version 2": ("version-2", "4.1.2.1"),
    "NULL parameters where the algorithm has none": ("algorithm-parameters", "RFC 5758 section 3, RFC 8410 section 3"),
    "a DEFAULT value that is encoded": ("default-encoded", "ITU-T X.690 section 11.5"),
    "an elliptic curve that is not named": ("explicit-curve", "RFC 5480 section 2.1.1"),
    "an attribute value that is not a character string": ("attribute-not-text", "4.1.2.4"),
    "a PrintableString with characters that it does not have": ("printable-string", "ITU-T X.680 section 41.4"),
    "the same attribute twice in one RelativeDistinguishedName": ("attribute-twice", "ITU-T X.501 section 9.3"),
    "authorityCertIssuer without authorityCertSerialNumber, or the reverse": ("authority-key-identifier-incomplete", "4.2.1.1"),
    "a negative authorityCertSerialNumber": ("authority-serial-negative", "4.1.2.2"),
    "bits that KeyUsage does not have": ("key-usage-unknown-bits", "4.2.1.3"),
    "encipherOnly or decipherOnly without keyAgreement": ("key-usage-only-without-agreement", "4.2.1.3"),
    "an iPAddress that is neither 4 nor 16 octets": ("ip-address-length", "4.2.1.6"),
    "a pathLenConstraint without cA": ("path-length-without-ca", "4.2.1.9"),
    "a DistributionPoint that names nothing": ("distribution-point-names-nothing", "4.2.1.13"),
}
_OTHER_REMARK = ("not-as-profiled", "4.1")


def judge_profile(certificate: Certificate, role: Role, *, issuer_is_self: bool) -> Iterator[Cause]:
    """Every rule of the profile that one certificate breaks; ``issuer_is_self``: it is signed by its own key."""
    if certificate.slice_faults and not certificate.legible:
        return  # what is missing may only be unread, and a fatal cause says so
    for broken in _broken(certificate, issuer_is_self):
        details = causes.facts.ProfileFacts(rule=broken.id, section=broken.section, field=broken.field)
        severity = Severity.NOTE if role is Role.ANCHOR else broken.severity
        yield causes.make(CauseCode.PROFILE_VIOLATION, role, certificate, details, severity=severity)


def _broken(certificate: Certificate, issuer_is_self: bool) -> tuple[Rule, ...]:
    bits = SELF_SIGNED if issuer_is_self else 0
    found: tuple[Rule, ...] = ()
    for extension in certificate.extensions:
        own = SEEN.get(extension) or judge_extension(extension)
        bits |= own[0]
        if own[1]:
            found += own[1]
    if certificate.issuer_der == b"0\x00":
        bits |= ISSUER_EMPTY
    if certificate.subject_der == b"0\x00":
        bits |= SUBJECT_EMPTY
    if _EMAIL_TYPE in certificate.subject_der and certificate.subject.emails:
        bits |= EMAIL_IN_SUBJECT
    bits |= _KEYS.get(certificate.public_key.algorithm, 0)
    combined = _COMBINATIONS.get(bits)
    if combined is None:
        combined = _combine(bits)
    serial = certificate.serial
    if serial <= 0 or serial >> 159:  # 20 octets, the first bit of which is the sign
        found += (_SERIAL_TOO_LONG if serial > 0 else _SERIAL_NEGATIVE if serial else _SERIAL_ZERO,)
    first, last = certificate.not_before_s, certificate.not_after_s
    if first is not None and last is not None and last < first:
        found += (_REVERSED,)
    if not _has_the_usual_layout(certificate, serial):
        found += tuple(_layout(certificate))
    if certificate.faults:
        found += tuple(_remarked(fault) for fault in certificate.faults if fault.readable)
    return tuple(dict.fromkeys(combined + found)) if found else combined


_EMAIL_TYPE = bytes.fromhex("06092a864886f70d010901")


def _combine(bits: int) -> tuple[Rule, ...]:
    if len(_COMBINATIONS) >= 4096:
        _COMBINATIONS.clear()
    _COMBINATIONS[bits] = broken = tuple(each for there, absent, each in COMBINED if bits & there == there and not bits & absent)
    return broken


_COMBINATIONS: dict[int, tuple[Rule, ...]] = {}


def _remarked(fault: Fault) -> Rule:
    id, section = REMARKS.get(fault.what, _OTHER_REMARK)  # noqa: A001
    oid = fault.where.removeprefix("extension ")
    return rule(id, section, FIELDS.get(oid, (oid,))[0])


# The fields between version and extensions


def _has_the_usual_layout(certificate: Certificate, serial: int) -> bool:
    """Whether both dates are UTCTime and nothing stands between key and extensions: by the sizes of the fields, which are all known."""
    tbs = certificate.tbs
    if not 260 <= len(tbs) < 65540 or certificate.version == 1:  # four octets of header, five of version
        return False
    at = 11 + (serial.bit_length() >> 3) + 1 + len(certificate.inner_algorithm) + len(certificate.issuer_der)
    behind_key = at + 32 + len(certificate.subject_der) + len(certificate.spki)
    return tbs.startswith(b"\x30\x1e\x17\x0d", at) and tbs.startswith(b"\xa3", behind_key)


def _layout(certificate: Certificate) -> Iterator[Rule]:
    tbs = certificate.tbs
    try:
        fields = der.children(tbs, *der.whole(tbs, der.SEQUENCE, "tbsCertificate"))
        validity = fields[4 if fields[0][0] == 0xA0 else 3]
        times = [tag == der.GENERALIZED_TIME and der.time(tbs, tag, *window) for tag, _, *window in der.children(tbs, *validity[2:])]
    except (der.Malformed, IndexError):
        return  # said by another cause
    if any(time is not False and 1950 <= _year(time) < 2050 for time in times):  # before 1950 there is no other form (4.1.2.5.2)
        yield _GENERALIZED
    if any(tag in (0x81, 0x82) for tag, *_ in fields):
        yield _UNIQUE_IN_V1 if certificate.version == 1 else _UNIQUE


def _year(seconds: int) -> int:
    from chaincheck.x509.certificate import moment

    return moment(seconds).year
