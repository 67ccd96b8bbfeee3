"""What RFC 5280 section 4 asks of a certificate and section 6 does not decide by."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from cryptography import x509

import asn1
import pki
from chaincheck.causes import facts
from chaincheck.causes.codes import CauseCode, Role, Severity
from chaincheck.causes.words import LANGUAGES, words
from chaincheck.path import profile, profile_extensions
from chaincheck.path.profile import judge_profile
from chaincheck.x509 import extensions as ext
from chaincheck.x509.certificate import Certificate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaincheck.causes.cause import Cause

ROOT = pki.root("Root")
CA = ROOT.issue_ca("CA")
LIMBO = Path(__file__).parents[2].parent / "shared" / "vectors" / "limbo-dev.json"
EMPTY_NAME = b"0\x00"
NULL_CA = pki.root(EMPTY_NAME, key="p256:nobody")


def judge(der: bytes, role: Role = Role.SUBJECT) -> list[Cause]:
    certificate = Certificate(der)
    return list(judge_profile(certificate, role, issuer_is_self=certificate.subject_der == certificate.issuer_der))


def broken(der: bytes, role: Role = Role.SUBJECT) -> list[tuple[str, str, str, str]]:
    found = []
    for cause in judge(der, role):
        assert cause.code is CauseCode.PROFILE_VIOLATION
        assert isinstance(cause.facts, facts.ProfileFacts)
        found.append((cause.facts.rule, cause.facts.section.removeprefix("RFC 5280 section "), cause.facts.field, cause.severity.value))
    return found


def leaf(**options: Any) -> bytes:
    return CA.issue("client", **options).der


def ca(**options: Any) -> bytes:
    return ROOT.issue_ca("Other CA", **options).der


def with_extension(oid: str, value: bytes, *, critical: bool = False, issue: Any = leaf) -> bytes:
    made: bytes = issue(extensions=[(oid, critical, value)])
    return made


def with_names(*names: bytes, critical: bool = False, oid: str = ext.SUBJECT_ALT_NAME) -> bytes:
    return with_extension(oid, asn1.sequence(*names), critical=critical)


def with_fields(der: bytes, fields: dict[int, bytes], *, outer: bytes | None = None, behind: int | None = None, more: bytes = b"") -> bytes:
    """With other fields of tbsCertificate, by number; ``more`` is put in after the field ``behind``. The signature is then wrong."""
    tbs, algorithm, signature = asn1.parts(der)
    inside = [fields.get(number, field) + (more if number == behind else b"") for number, field in enumerate(asn1.parts(tbs))]
    return asn1.sequence(asn1.sequence(*inside), outer or algorithm, signature)


def name(*attributes: bytes) -> bytes:
    return asn1.sequence(asn1.tlv(0x31, *(asn1.sequence(asn1.oid("2.5.4.3"), value) for value in attributes)))


def dns(text: str) -> bytes:
    return asn1.implicit(2, text.encode())


def subtrees(number: int, *bases: bytes) -> bytes:
    return asn1.explicit(number, *(asn1.sequence(base) for base in bases))


def constraints(*lists: bytes) -> bytes:
    return with_extension(ext.NAME_CONSTRAINTS, asn1.sequence(*lists), critical=True, issue=ca)


EXPLICIT_CURVE = asn1.sequence(
    asn1.sequence(asn1.oid("1.2.840.10045.2.1"), asn1.sequence(asn1.integer(1))), asn1.bit_string(b"\x04" + bytes(64))
)
ECDSA_WITH_NULL = asn1.sequence(asn1.oid("1.2.840.10045.4.3.2"), asn1.null())
PSS_WITH_SHA1_WRITTEN_OUT = asn1.sequence(
    asn1.oid("1.2.840.113549.1.1.10"), asn1.sequence(asn1.explicit(0, asn1.sequence(asn1.oid("1.3.14.3.2.26"), asn1.null())))
)
BEFORE_2050 = asn1.sequence(asn1.generalized_time(datetime(2026, 1, 1, tzinfo=UTC)), asn1.utc_time(datetime(2027, 1, 1, tzinfo=UTC)))
UNIQUE = asn1.implicit(1, b"\x00\x01")
BARE: dict[str, Any] = {"key_usage": None, "eku": None, "ski": False, "aki": False}
POLICY = asn1.sequence(asn1.oid("1.2.3"))
ANY = asn1.oid("2.5.29.32.0")


URL = x509.UniformResourceIdentifier("http://a.example/a")
POINT = x509.DistributionPoint([URL], None, None, None)
ACCESS = x509.AccessDescription(x509.oid.AuthorityInformationAccessOID.OCSP, URL)


class Case(NamedTuple):
    rule: str
    section: str
    field: str
    der: bytes
    severity: str = "warning"
    besides: Sequence[str] = ()
    """Other rules that a certificate that breaks this one cannot but break."""


CASES = [
    # the fields of section 4.1
    Case("version-2", "4.1.2.1", "version", leaf(version=2, **BARE), besides=["authority-key-identifier-missing"]),
    Case("serial-zero", "4.1.2.2", "serialNumber", leaf(serial=0)),
    Case("serial-negative", "4.1.2.2", "serialNumber", leaf(serial=-5)),
    Case("serial-too-long", "4.1.2.2", "serialNumber", leaf(serial=2**159)),
    Case("issuer-empty", "4.1.2.4", "issuer", NULL_CA.issue("client").der),
    Case("attribute-not-text", "4.1.2.4", "subject", CA.issue(name(asn1.bit_string(b"a"))).der),
    Case("printable-string", "ITU-T X.680 section 41.4", "subject", CA.issue(name(asn1.tlv(0x13, b"a@b"))).der),
    Case("attribute-twice", "ITU-T X.501 section 9.3", "subject", CA.issue(name(*[asn1.tlv(0x0C, b"a")] * 2)).der),
    Case("validity-reversed", "4.1.2.5", "validity", leaf(not_before=pki.AT, not_after=datetime(2026, 1, 1, tzinfo=UTC))),
    Case("generalized-time-before-2050", "4.1.2.5", "validity", with_fields(leaf(), {4: BEFORE_2050})),
    Case("subject-empty-in-ca", "4.1.2.6", "subject", ROOT.issue_ca(EMPTY_NAME, key="p256:nobody").der),
    Case("subject-empty-without-alternative-name", "4.1.2.6", "subject", CA.issue(EMPTY_NAME).der),
    Case("email-address-only-in-subject", "4.1.2.6", "subject", CA.issue("CN=client,1.2.840.113549.1.9.1=a@example.com").der),
    Case("unique-identifier", "4.1.2.8", "uniqueIdentifiers", with_fields(leaf(), {}, behind=6, more=UNIQUE)),
    Case("unique-identifier-in-version-1", "4.1.2.8", "uniqueIdentifiers", with_fields(leaf(version=1), {}, behind=5, more=UNIQUE),
         besides=["authority-key-identifier-missing"]),
    # keys and algorithms
    Case("explicit-curve", "RFC 5480 section 2.1.1", "subjectPublicKeyInfo", with_fields(leaf(), {6: EXPLICIT_CURVE})),
    Case("algorithm-parameters", "RFC 5758 section 3, RFC 8410 section 3", "signatureAlgorithm",
         with_fields(leaf(), {2: ECDSA_WITH_NULL}, outer=ECDSA_WITH_NULL)),
    Case("default-encoded", "ITU-T X.690 section 11.5", "signatureAlgorithm",
         with_fields(leaf(), {2: PSS_WITH_SHA1_WRITTEN_OUT}, outer=PSS_WITH_SHA1_WRITTEN_OUT)),
    Case("key-usage-not-for-key", "RFC 8813 section 3", "keyUsage", leaf(key_usage=["digitalSignature", "keyEncipherment"])),
    Case("key-usage-not-for-key", "RFC 9295 section 3", "keyUsage", leaf(key="ed25519", key_usage=["dataEncipherment"])),
    Case("key-usage-not-for-key", "RFC 9295 section 3", "keyUsage", leaf(key="ed448", key_usage=["digitalSignature", "keyAgreement"])),
    Case("key-usage-not-for-key", "RFC 3279 section 2.3.2", "keyUsage", leaf(key="dsa2048", key_usage=["keyEncipherment"]), "note"),
    Case("key-usage-not-for-key", "RFC 3279 section 2.3.2", "keyUsage", leaf(key="dsa2048", key_usage=["keyAgreement"]), "note"),
    Case("key-usage-not-for-key", "RFC 3279 section 2.3.1", "keyUsage", leaf(key="rsa2048", key_usage=["keyAgreement"]), "note"),
    # key identifiers
    Case("authority-key-identifier-missing", "4.2.1.1", "authorityKeyIdentifier", leaf(aki=False)),
    Case("authority-key-identifier-without-key", "4.2.1.1", "authorityKeyIdentifier",
         with_extension(ext.AUTHORITY_KEY_IDENTIFIER,
                        asn1.sequence(asn1.explicit(1, asn1.explicit(4, ROOT.subject)), asn1.implicit(2, b"\x05")))),
    Case("authority-key-identifier-incomplete", "4.2.1.1", "authorityKeyIdentifier",
         with_extension(ext.AUTHORITY_KEY_IDENTIFIER, asn1.sequence(asn1.implicit(0, b"key"), asn1.implicit(2, b"\x05")))),
    Case("authority-serial-negative", "4.1.2.2", "authorityKeyIdentifier",
         with_extension(ext.AUTHORITY_KEY_IDENTIFIER,
                        asn1.sequence(asn1.implicit(0, b""), asn1.explicit(1, asn1.explicit(4, ROOT.subject)), asn1.implicit(2, b"\xfb")))),
    Case("subject-key-identifier-missing", "4.2.1.2", "subjectKeyIdentifier", ca(ski=False)),
    # key usage and basic constraints
    Case("key-usage-missing", "4.2.1.3", "keyUsage", ca(key_usage=None)),
    Case("key-usage-empty", "4.2.1.3", "keyUsage", leaf(key_usage=[])),
    Case("key-usage-unknown-bits", "4.2.1.3", "keyUsage", with_extension(ext.KEY_USAGE, bytes.fromhex("030407800080"), critical=True)),
    Case("key-usage-only-without-agreement", "4.2.1.3", "keyUsage", leaf(key_usage=["digitalSignature", "encipherOnly"])),
    Case("certificate-signing-without-ca", "4.2.1.9", "keyUsage", leaf(key_usage=["keyCertSign"])),
    Case("certificate-signing-without-ca", "4.2.1.9", "keyUsage", leaf(key_usage=["keyCertSign"], ca=False)),
    Case("basic-constraints-not-critical", "4.2.1.9", "basicConstraints",
         with_extension(ext.BASIC_CONSTRAINTS, asn1.sequence(asn1.boolean(True)), issue=ca)),
    Case("path-length-without-ca", "4.2.1.9", "basicConstraints", leaf(ca=False, path_length=0)),
    Case("path-length-without-certificate-signing", "4.2.1.9", "basicConstraints", ca(key_usage=["cRLSign"], path_length=0)),
    # names
    Case("alternative-name-not-critical", "4.2.1.6", "subjectAltName",
         CA.issue(EMPTY_NAME, extensions=[(x509.SubjectAlternativeName([x509.DNSName("example.com")]), False)]).der),
    Case("alternative-name-critical", "4.2.1.6", "subjectAltName", with_names(dns("example.com"), critical=True), "note"),
    Case("extension-empty", "4.2.1.6", "subjectAltName", with_names()),
    Case("extension-empty", "4.2.1.7", "issuerAltName", with_names(oid=ext.ISSUER_ALT_NAME)),
    Case("dns-name-syntax", "4.2.1.6", "subjectAltName", with_names(dns("good.example"), dns(".example.com"), dns(" "))),
    Case("dns-name-syntax", "4.2.1.7", "issuerAltName", with_names(dns(" "), oid=ext.ISSUER_ALT_NAME)),
    Case("email-address-syntax", "4.2.1.6", "subjectAltName", with_names(asn1.implicit(1, b"<alice@example.com>"))),
    Case("uri-not-absolute", "4.2.1.6", "subjectAltName", with_names(asn1.implicit(6, b"/only/a/path"))),
    Case("uri-host-not-qualified", "4.2.1.6", "subjectAltName", with_names(asn1.implicit(6, b"https://intranet/alice"))),
    Case("ip-address-length", "4.2.1.6", "subjectAltName", with_names(asn1.implicit(7, bytes(8)))),
    # critical bits
    Case("must-not-be-critical", "4.2.1.1", "authorityKeyIdentifier",
         leaf(extensions=[(x509.AuthorityKeyIdentifier(CA.key.identifier, None, None), True)])),
    Case("must-not-be-critical", "4.2.1.2", "subjectKeyIdentifier", leaf(extensions=[(x509.SubjectKeyIdentifier(b"key"), True)])),
    Case("must-not-be-critical", "4.2.1.8", "subjectDirectoryAttributes", with_extension("2.5.29.9", asn1.sequence(), critical=True)),
    Case("must-not-be-critical", "4.2.1.15", "freshestCRL",
         leaf(extensions=[(x509.FreshestCRL([POINT]), True)])),
    Case("must-not-be-critical", "4.2.2.1", "authorityInfoAccess",
         leaf(extensions=[(x509.AuthorityInformationAccess([ACCESS]), True)])),
    Case("must-not-be-critical", "4.2.2.2", "subjectInfoAccess", with_extension("1.3.6.1.5.5.7.1.11", asn1.sequence(), critical=True)),
    Case("must-be-critical", "4.2.1.10", "nameConstraints",
         ca(extensions=[(x509.NameConstraints([x509.DNSName("example.com")], None), False)])),
    Case("must-be-critical", "4.2.1.11", "policyConstraints", ca(extensions=[(x509.PolicyConstraints(1, None), False)])),
    Case("must-be-critical", "4.2.1.14", "inhibitAnyPolicy", ca(extensions=[(x509.InhibitAnyPolicy(1), False)])),
    Case("should-not-be-critical", "4.2.1.7", "issuerAltName",
         with_names(dns("example.com"), critical=True, oid=ext.ISSUER_ALT_NAME), "note"),
    Case("should-not-be-critical", "4.2.1.13", "cRLDistributionPoints",
         leaf(extensions=[(x509.CRLDistributionPoints([POINT]), True)]), "note"),
    Case("should-be-critical", "4.2.1.3", "keyUsage", with_extension(ext.KEY_USAGE, bytes.fromhex("03020780")), "note"),
    Case("should-be-critical", "4.2.1.5", "policyMappings",
         with_extension(ext.POLICY_MAPPINGS, asn1.sequence(asn1.sequence(asn1.oid("1.2.3"), asn1.oid("1.2.4"))), issue=ca), "note"),
    Case("any-usage-critical", "4.2.1.12", "extKeyUsage",
         leaf(eku=None, extensions=[(x509.ExtendedKeyUsage([x509.ObjectIdentifier("2.5.29.37.0")]), True)]), "note"),
    # name constraints
    Case("name-constraints-in-end-entity", "4.2.1.10", "nameConstraints",
         leaf(extensions=[(x509.NameConstraints([x509.DNSName("example.com")], None), True)])),
    Case("subtree-minimum", "4.2.1.10", "nameConstraints", constraints(subtrees(0, dns("example.com") + asn1.implicit(0, b"\x01")))),
    Case("subtree-maximum", "4.2.1.10", "nameConstraints", constraints(subtrees(1, dns("example.com") + asn1.implicit(1, b"\x01")))),
    Case("constraint-leading-period", "4.2.1.10", "nameConstraints", constraints(subtrees(0, dns(".example.com")))),
    Case("constraint-uri-not-a-host", "4.2.1.10", "nameConstraints", constraints(subtrees(0, asn1.implicit(6, b"https://example.com/")))),
    # policies, revocation
    Case("any-policy-mapped", "4.2.1.5", "policyMappings",
         with_extension(ext.POLICY_MAPPINGS, asn1.sequence(asn1.sequence(ANY, asn1.oid("1.2.4"))), critical=True, issue=ca)),
    Case("any-policy-mapped", "4.2.1.5", "policyMappings",
         with_extension(ext.POLICY_MAPPINGS, asn1.sequence(asn1.sequence(asn1.oid("1.2.4"), ANY)), critical=True, issue=ca)),
    Case("distribution-point-names-nothing", "4.2.1.13", "cRLDistributionPoints",
         with_extension(ext.CRL_DISTRIBUTION_POINTS, asn1.sequence(asn1.sequence(asn1.implicit(1, b"\x06\x40"))))),
    Case("extension-empty", "4.2.1.13", "cRLDistributionPoints", with_extension(ext.CRL_DISTRIBUTION_POINTS, asn1.sequence())),
    Case("extension-empty", "4.2.1.15", "freshestCRL", with_extension(ext.FRESHEST_CRL, asn1.sequence())),
    Case("extension-empty", "4.2.2.1", "authorityInfoAccess", with_extension(ext.AUTHORITY_INFORMATION_ACCESS, asn1.sequence())),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}-{case.field}")
def test_a_broken_rule_is_named_with_its_section(case: Case) -> None:
    found = broken(case.der)
    assert (case.rule, case.section, case.field, case.severity) in found
    assert sorted(rule for rule, *_ in found) == sorted([case.rule, *case.besides])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}-{case.field}")
def test_what_an_anchor_breaks_is_a_note(case: Case) -> None:
    assert {severity for *_, severity in broken(case.der, Role.ANCHOR)} == {"note"}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_rule_has_words_and_a_case_here(lang: str) -> None:
    table = words(lang).tables["values"]["rule"]
    assert set(table) == {case.rule for case in CASES} | {"not-as-profiled"}


def test_every_row_is_broken_by_a_case() -> None:
    rules = [row[-1] for row in profile.COMBINED] + list(profile_extensions.CRITICALITY.values()) + list(profile_extensions.EMPTY.values())
    wanted = {(rule.id, rule.section.removeprefix("RFC 5280 section "), rule.field) for rule in rules}
    assert wanted <= {case[:3] for case in CASES}
    assert {rule for rule, _ in profile.REMARKS.values()} <= {case.rule for case in CASES}


def test_a_remark_nobody_knew_is_said_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "REMARKS", {})
    assert broken(leaf(ca=False, path_length=0)) == [("not-as-profiled", "4.1", "basicConstraints", "warning")]


ORDINARY_NAMES = x509.SubjectAlternativeName(
    [
        *map(x509.DNSName, ["example.com", "*.example.com", "xn--bcher-kva.example"]),
        *map(x509.RFC822Name, ["a.b+c@example.com", '"a b"@example.com']),
        *map(x509.UniformResourceIdentifier, [
            "https://example.com:8443/x?y#z", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "ldap://[::1]/cn=a", "sip:alice@example.com",
            "spiffe://example.org/service",
        ]),
        *map(x509.IPAddress, [ip_address("192.0.2.1"), ip_address("2001:db8::1")]),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
        x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "alice")])),
    ]
)  # fmt: skip
ORDINARY_CONSTRAINTS = x509.NameConstraints([x509.DNSName("example.com")], [x509.UniformResourceIdentifier(".a.example")])


@pytest.mark.parametrize(
    "der",
    [
        ROOT.der, CA.der, leaf(), leaf(ca=False), leaf(serial=2**159 - 1), leaf(serial=1), leaf(not_after=pki.NO_EXPIRY),
        leaf(key="rsa2048", key_usage=["digitalSignature", "keyEncipherment"]), leaf(key_usage=["digitalSignature", "keyAgreement"]),
        leaf(not_before=datetime(1940, 1, 1, tzinfo=UTC)), leaf(extensions=[(ORDINARY_NAMES, False)]), CA.issue_responder().der,
        CA.issue(EMPTY_NAME, extensions=[(ORDINARY_NAMES, True)]).der, pki.self_signed("alone").der,
        CA.issue("CN=client,1.2.840.113549.1.9.1=a@example.com", extensions=[(ORDINARY_NAMES, False)]).der,
        ca(path_length=0, extensions=[(ORDINARY_CONSTRAINTS, True)]),
        ca(extensions=[(x509.PolicyConstraints(0, 0), True), (x509.InhibitAnyPolicy(0), True)]),
        pki.root("bare", aki=False).der, ca(key="rsa4096"), leaf(crl_urls=["http://a.example/c"], ocsp_urls=["http://a.example"]),
    ],
)  # fmt: skip
def test_certificates_that_keep_the_rules_break_none(der: bytes) -> None:
    assert broken(der) == []


def test_a_self_signed_certificate_needs_no_authority_key_identifier() -> None:
    root = Certificate(ROOT.der)
    assert list(judge_profile(root, Role.ANCHOR, issuer_is_self=True)) == []
    (cause,) = judge_profile(root, Role.INTERMEDIATE, issuer_is_self=False)
    assert cause.facts == facts.ProfileFacts(
        rule="authority-key-identifier-missing", section="RFC 5280 section 4.2.1.1", field="authorityKeyIdentifier"
    )


def test_one_rule_broken_twice_is_said_once() -> None:
    assert broken(with_names(dns("-a"), dns("b-"), dns("a..b"), dns("a" * 64), dns("a.b."), dns("a_b"), dns(".".join(["a" * 63] * 4)))) == [
        ("dns-name-syntax", "4.2.1.6", "subjectAltName", "warning")
    ]


@pytest.mark.parametrize("uri", [b"", b"http:", b"http://", b"://a.example", b"1a:b", b"a.example/x"])
def test_a_uri_without_scheme_or_rest_is_not_absolute(uri: bytes) -> None:
    assert ("uri-not-absolute", "4.2.1.6", "subjectAltName", "warning") in broken(with_names(asn1.implicit(6, uri)))


def test_what_an_unreadable_extension_may_say_is_not_held_against_it() -> None:
    unreadable = with_extension(ext.BASIC_CONSTRAINTS, b"\x30\x03\x01\x01", issue=lambda **more: leaf(key_usage=["keyCertSign"], **more))
    assert Certificate(unreadable).faults
    assert broken(unreadable) == []


def test_a_certificate_that_cannot_be_read_is_not_judged() -> None:
    assert broken(leaf()[:-40]) == []
    assert broken(b"0\x00") == []


def test_a_certificate_that_is_legible_is_judged() -> None:
    usage = asn1.sequence(asn1.oid(ext.KEY_USAGE), asn1.tlv(1, b"\x01"), asn1.octet_string(bytes.fromhex("03020780")))
    der = leaf(key_usage=None, encoded_extensions=[usage], serial=0)
    assert Certificate(der).legible
    assert [rule for rule, *_ in broken(der)] == ["serial-zero"]


def test_the_value_of_another_syntax_is_left_to_the_cause_that_says_so() -> None:
    for oid in (ext.NAME_CONSTRAINTS, ext.CERTIFICATE_POLICIES, ext.POLICY_MAPPINGS, ext.POLICY_CONSTRAINTS):
        assert broken(with_extension(oid, asn1.null(), critical=True, issue=ca)) == []
        assert broken(with_extension(oid, asn1.sequence(asn1.null()), critical=True, issue=ca)) == []


def test_the_answer_is_the_same_the_second_time_and_when_nothing_is_kept() -> None:
    first = [broken(case.der) for case in CASES]
    assert [broken(case.der) for case in CASES] == first
    profile_extensions.SEEN.clear()
    profile._COMBINATIONS.clear()
    assert [broken(case.der) for case in CASES] == first


def test_what_is_kept_is_bounded() -> None:
    for number in range(4200):
        profile_extensions.judge_extension(ext.Extension(ext.KEY_USAGE, True, bytes.fromhex("03020780")))
        profile._combine(number)
    profile_extensions.judge_extension(large := ext.Extension(ext.CERTIFICATE_POLICIES, False, asn1.sequence(*[POLICY] * 100)))
    assert len(profile_extensions.SEEN) <= 4096
    assert len(profile._COMBINATIONS) <= 4096
    assert large not in profile_extensions.SEEN


def test_the_words_name_rule_section_and_field_in_both_languages() -> None:
    (cause,) = judge(leaf(serial=0))
    assert cause.severity is Severity.WARNING
    assert cause.summary == (
        'In serialNumber of the client certificate "CN=client", a rule for certificates is not kept: '
        "its serial number is zero, where a positive one is required (RFC 5280 section 4.1.2.2)."
    )
    assert cause.text("ja") == (
        "クライアント証明書「CN=client」の serialNumber が、証明書の規定に従っていません: "
        "シリアル番号が 0 です (正の数でなければなりません) (RFC 5280 section 4.1.2.2)。"
    )


def test_one_ca_that_breaks_one_rule_is_one_incident() -> None:
    first, second = (judge(CA.issue(one, serial=0).der)[0] for one in ("a", "b"))
    (other,) = judge(leaf(serial=-1))
    assert first.incident_key == second.incident_key != other.incident_key


# x509-limbo: each case of basis "profile" breaks a MUST of section 4 below the anchor, of "anchor-profile" in the anchor alone.
LIMBO_RULES = {
    "rfc5280::aki::critical-aki": "must-not-be-critical",
    "rfc5280::aki::cross-signed-root-missing-aki": "authority-key-identifier-missing",
    "rfc5280::ca-empty-subject": "subject-empty-in-ca",
    "rfc5280::ee-critical-aia-invalid": "must-not-be-critical",
    "rfc5280::leaf-ku-keycertsign": "certificate-signing-without-ca",
    "rfc5280::nc::invalid-dnsname-leading-period": "constraint-leading-period",
    "rfc5280::nc::nc-permits-invalid-dns-san": "dns-name-syntax",
    "rfc5280::nc::nc-permits-invalid-ip-san": "ip-address-length",
    "rfc5280::pc::ica-noncritical-pc": "must-be-critical",
    "rfc5280::root-non-critical-basic-constraints": "basic-constraints-not-critical",
    "rfc5280::serial::negative": "serial-negative",
    "rfc5280::ski::critical-ski": "must-not-be-critical",
    "rfc5280::ski::root-missing-ski": "subject-key-identifier-missing",
    "webpki::explicit-curve": "explicit-curve",
}
MALFORMED = {
    "webpki::nc::intermediate-permitted-excluded-subtrees-both-empty-sequences",
    "webpki::nc::intermediate-permitted-excluded-subtrees-both-null",
}
"""Cases whose fault is one of the syntax, which the readers of x509/ tell."""


def limbo() -> list[dict[str, Any]]:
    if not LIMBO.is_file():
        pytest.skip(f"there is no {LIMBO}")
    entries: list[dict[str, Any]] = json.loads(LIMBO.read_text())
    return entries


def pem(text: str) -> bytes:
    return base64.b64decode("".join(re.sub("-----.*?-----", "", text).split()))


def test_limbo_finds_each_broken_profile() -> None:
    found = {}
    for entry in limbo():
        if entry["basis"] == "profile":
            below = [broken(pem(entry["leaf"]))] + [broken(pem(text), Role.INTERMEDIATE) for text in entry["untrusted_intermediates"]]
            found[entry["id"]] = {rule for rules in below for rule, _, _, severity in rules if severity == "warning"}
        elif entry["basis"] == "anchor-profile":
            found[entry["id"]] = {rule for text in entry["trusted_certs"] for rule, *_ in broken(pem(text), Role.ANCHOR)}
    assert found
    assert {id for id, rules in found.items() if LIMBO_RULES.get(id) not in rules} <= MALFORMED  # noqa: A001


def test_limbo_has_few_warnings_about_valid_paths() -> None:
    warned = set()
    for entry in limbo():
        if entry["expected_result"] == "SUCCESS":
            judged = [broken(pem(text), Role.INTERMEDIATE) for text in entry["untrusted_intermediates"]] + [broken(pem(entry["leaf"]))]
            warned |= {rule for rules in judged for rule, _, _, severity in rules if severity == "warning"}
    assert warned <= {"certificate-signing-without-ca"}  # bettertls puts broken intermediates beside good ones
