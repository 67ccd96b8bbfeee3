"""A certificate is read as RFC 5280 has it; a damaged one is described as far as it can be read, and says what is wrong."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

import asn1
import pki
from chaincheck.x509 import extensions as ext
from chaincheck.x509.certificate import Certificate, moment, slice_names

if TYPE_CHECKING:
    from collections.abc import Callable

AUTHORITY = pki.root("C=JP,O=Example,CN=Root").issue_ca("C=JP,O=Example,CN=Issuing CA", path_length=0)
CLIENT = AUTHORITY.issue("CN=client,O=Example", serial=0x1234)


def rebuilt(issued: pki.Issued, change: Callable[[list[bytes]], None]) -> bytes:
    """The certificate with the fields of its tbsCertificate changed, the signature as it was."""
    body, algorithm, signature = asn1.parts(issued.der)
    fields = asn1.parts(body)
    change(fields)
    return asn1.sequence(asn1.sequence(*fields), algorithm, signature)


def with_extension(oid: str, value: bytes, *, critical: bool = False) -> Certificate:
    return Certificate(AUTHORITY.issue("with", extensions=[(oid, critical, value)]).der)


def test_the_fields_are_those_of_the_certificate() -> None:
    one = Certificate(CLIENT.der)
    assert (one.version, one.serial, one.serial_hex) == (3, 0x1234, "1234")
    assert (str(one.subject), str(one.issuer)) == ("CN=client,O=Example", "C=JP,O=Example,CN=Issuing CA")
    assert (one.not_before, one.not_after) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    assert one.fingerprint == CLIENT.fingerprint
    assert one.key_usage == frozenset({"digitalSignature"})
    assert one.extended_key_usage == (ext.CLIENT_AUTH,)
    assert one.authority_key_identifier == (AUTHORITY.key.identifier, (), None)
    assert one.subject_key_identifier == CLIENT.key.identifier
    assert one.basic_constraints is None
    assert Certificate(AUTHORITY.der).basic_constraints == (True, 0)
    assert one.faults == ()


def test_a_certificate_is_its_bytes() -> None:
    one, same = Certificate(CLIENT.der), Certificate(bytes(bytearray(CLIENT.der)))
    assert one == same
    assert hash(one) == hash(same)
    assert one != Certificate(AUTHORITY.der)
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 - made here
    assert repr(one) == f"<Certificate 'CN=client,O=Example' sha256={CLIENT.fingerprint[:16]}>"


def test_urls_are_found_by_what_they_are_for() -> None:
    one = Certificate(
        AUTHORITY.issue(
            "urls",
            crl_urls=("http://crl.example/a", "ldap://ldap.example/a"),
            ocsp_urls=("http://ocsp.example/1", "http://ocsp.example/2"),
            ca_issuers=("http://aia.example/ca.cer",),
        ).der
    )
    assert one.ocsp_urls == ("http://ocsp.example/1", "http://ocsp.example/2")
    assert one.ca_issuers_urls == ("http://aia.example/ca.cer",)
    assert [point.urls for point in one.crl_distribution_points] == [("http://crl.example/a", "ldap://ldap.example/a")]


def test_an_access_location_that_is_no_url_is_no_url() -> None:
    directory = x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "u")]))
    access = x509.AuthorityInformationAccess([x509.AccessDescription(x509.oid.AuthorityInformationAccessOID.OCSP, directory)])
    assert Certificate(AUTHORITY.issue("urls", extensions=[(access, False)]).der).ocsp_urls == ()


def test_self_issued_is_judged_by_the_names() -> None:
    assert Certificate(pki.root("CN=A").der).is_self_issued
    assert Certificate(pki.root("CN=A").issue_ca("CN=a").der).is_self_issued  # RFC 5280 7.1
    assert not Certificate(CLIENT.der).is_self_issued


@pytest.mark.parametrize("serial", [0, -1, -129, 127, 128, 2**159, 2**200])
def test_any_serial_number_is_read(serial: int) -> None:
    one = Certificate(AUTHORITY.issue("serial", serial=serial).der)
    assert one.serial == serial
    assert one.serial_hex == f"{serial:x}"
    assert one.faults == ()


def test_the_last_moment_of_rfc_5280_does_not_overflow() -> None:
    one = Certificate(AUTHORITY.issue("forever", not_after=pki.NO_EXPIRY).der)
    assert one.not_after == pki.NO_EXPIRY
    assert moment(2**61).year == 9999
    assert moment(-(2**61)).year == 1


@pytest.mark.parametrize("year", [1950, 1969, 2000, 2049, 2050, 2100, 9998])
def test_dates_of_every_century_are_read(year: int) -> None:
    when = datetime(year, 2, 28, 23, 59, 59, tzinfo=UTC)
    assert Certificate(AUTHORITY.issue("date", not_before=when, not_after=when).der).not_after == when


def test_names_can_be_sliced_without_reading_the_rest() -> None:
    one = Certificate(CLIENT.der)
    assert slice_names(CLIENT.der) == (one.issuer.der, one.subject.der)
    assert slice_names(b"no certificate") is None
    assert slice_names(b"") is None


# What is wrong is said, and what can be read is read.


DAMAGED: dict[str, tuple[bytes, str, str]] = {
    "length in long form": (b"\x30\x84" + (len(CLIENT.der) - 4).to_bytes(4) + CLIENT.der[4:], "certificate", "shortest form"),
    "bytes after the end": (CLIENT.der + b"\x00", "certificate", "1 bytes after the end"),
    "cut off": (CLIENT.der[:-10], "certificate", "an element of"),
    "version 1 written out": (
        rebuilt(CLIENT, lambda f: f.__setitem__(0, asn1.explicit(0, asn1.integer(0)))), "version", "version number 0",
    ),
    "version 4": (rebuilt(CLIENT, lambda f: f.__setitem__(0, asn1.explicit(0, asn1.integer(3)))), "version", "version number 3"),
    "serial with superfluous octets": (
        rebuilt(CLIENT, lambda f: f.__setitem__(1, bytes.fromhex("0203001234"))), "certificate", "superfluous leading octets",
    ),
    "BOOLEAN 01 in an extension": (
        AUTHORITY.issue("client", encoded_extensions=[bytes.fromhex("300a 0603550403 010101 0400")]).der, "extensions", "neither 00 nor FF",
    ),
    "critical FALSE written out": (
        AUTHORITY.issue("client", encoded_extensions=[bytes.fromhex("300a 0603550403 010100 0400")]).der, "extensions", "DEFAULT value",
    ),
    "bytes after the signature": (
        asn1.sequence(*asn1.parts(CLIENT.der), asn1.null()), "signatureValue", "bytes after the signature",
    ),
    "a tag inside out of place": (rebuilt(CLIENT, lambda f: f.append(asn1.null())), "certificate", "where the extensions belong"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_certificate_still_has_names_dates_serial_and_extensions(name: str) -> None:
    encoded, where, reason = DAMAGED[name]
    one = Certificate(encoded)
    assert one.faults[0].where == where
    assert reason in one.faults[0].what
    assert not one.faults[0].readable
    assert one.subject.common_name == "client"
    assert str(one.issuer) == "C=JP,O=Example,CN=Issuing CA"
    assert (one.not_before, one.not_after) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    assert one.serial > 0
    assert one.extended_key_usage == (ext.CLIENT_AUTH,)


def test_an_extension_with_a_wrong_boolean_is_still_critical() -> None:
    wrong = bytes.fromhex("300d 06052a03040506 010101 04020500".replace("06052a03040506", "06042a030405"))
    one = Certificate(AUTHORITY.issue("client", encoded_extensions=[asn1.sequence(asn1.parts(wrong)[0], *asn1.parts(wrong)[1:])]).der)
    found = one.extension("1.2.3.4.5")
    assert found is not None
    assert found.critical
    assert found.value == b"\x05\x00"


def test_one_unreadable_date_does_not_hide_the_other() -> None:
    validity = asn1.sequence(asn1.tlv(0x17, b"261332000000Z"), asn1.utc_time(datetime(2027, 1, 1, tzinfo=UTC)))
    one = Certificate(rebuilt(CLIENT, lambda fields: fields.__setitem__(4, validity)))
    assert one.not_before is None
    assert one.not_after == datetime(2027, 1, 1, tzinfo=UTC)
    assert "a time that does not exist: 261332000000Z" in one.faults[0].what


def test_nothing_at_all_is_still_an_object() -> None:
    one = Certificate(b"\x30\x00")
    assert one.faults
    assert (one.serial, str(one.subject), one.not_after, one.extensions) == (0, "", None, ())
    assert one.public_key.fault is not None


@pytest.mark.parametrize("size", range(0, len(CLIENT.der), 7))
def test_a_certificate_cut_anywhere_is_described(size: int) -> None:
    one = Certificate(CLIENT.der[:size])
    assert one.faults
    assert isinstance(str(one.subject) + one.serial_hex + one.public_key.description, str)


# Inner faults: sliced strictly, and one field is not as it should be.


def test_the_two_signature_algorithms_must_be_the_same() -> None:
    _, algorithm, signature = asn1.parts(CLIENT.der)
    other = asn1.sequence(asn1.oid("1.2.840.10045.4.3.3"))
    assert algorithm != other
    one = Certificate(asn1.sequence(asn1.parts(CLIENT.der)[0], other, signature))
    assert [(f.where, f.what) for f in one.faults] == [("tbsCertificate.signature", "it differs from signatureAlgorithm")]


def test_an_extension_may_stand_there_once() -> None:
    again = asn1.sequence(asn1.oid(ext.SUBJECT_KEY_IDENTIFIER), asn1.octet_string(asn1.octet_string(b"other")))
    one = Certificate(AUTHORITY.issue("client", encoded_extensions=[again]).der)
    assert "the same extension twice" in [fault.what for fault in one.faults]
    assert one.subject_key_identifier != b"other"  # the first counts


def test_extensions_need_version_3() -> None:
    one = Certificate(rebuilt(CLIENT, lambda fields: fields.__setitem__(0, asn1.explicit(0, asn1.integer(1)))))
    assert "extensions in a version 2 certificate" in [fault.what for fault in one.faults]


def test_a_version_2_certificate_is_read_with_a_remark() -> None:
    def change(fields: list[bytes]) -> None:
        fields[0] = asn1.explicit(0, asn1.integer(1))
        fields[-1] = asn1.tlv(0x82, b"\x00\x01")

    one = Certificate(rebuilt(CLIENT, change))
    assert (one.version, [(f.what, f.readable) for f in one.faults]) == (2, [("version 2", True)])


@pytest.mark.parametrize(
    ("oid", "value", "reason"),
    [
        (ext.BASIC_CONSTRAINTS, "3003010100", "DEFAULT value"),
        (ext.BASIC_CONSTRAINTS, "30030101aa", "neither 00 nor FF"),
        (ext.BASIC_CONSTRAINTS, "30060101ff0201ff", "out of range"),
        (ext.BASIC_CONSTRAINTS, "30050101ff0500", "does not have"),
        (ext.BASIC_CONSTRAINTS, "30000500", "after the end"),
        (ext.KEY_USAGE, "03020080", "trailing zero bits"),
        (ext.KEY_USAGE, "030206a0", "unused bits"),
        (ext.KEY_USAGE, "0500", "where KeyUsage"),
        (ext.EXTENDED_KEY_USAGE, "3000", "empty ExtKeyUsageSyntax"),
        (ext.EXTENDED_KEY_USAGE, "30020500", "something else than an OBJECT IDENTIFIER"),
        (ext.SUBJECT_KEY_IDENTIFIER, "0500", "where OCTET STRING"),
        (ext.AUTHORITY_KEY_IDENTIFIER, "30048201018000".replace("3004", "3005"), "in AuthorityKeyIdentifier"),
        (ext.AUTHORITY_KEY_IDENTIFIER, "30028300", "in AuthorityKeyIdentifier"),
        (ext.SUBJECT_ALT_NAME, "30028900", "where a GeneralName belongs"),
        (ext.SUBJECT_ALT_NAME, "30038201ff", "not ascii"),
        (ext.CRL_DISTRIBUTION_POINTS, "30020500", "something else than a DistributionPoint"),
        (ext.CRL_DISTRIBUTION_POINTS, "30043002a200".replace("a200", "a300"), "in a DistributionPoint"),
        (ext.CRL_DISTRIBUTION_POINTS, "30063004a002a100", "an empty RelativeDistinguishedName"),
        (ext.AUTHORITY_INFORMATION_ACCESS, "30020500", "something else than an AccessDescription"),
        (ext.OCSP_NO_CHECK, "050100", "a NULL with contents"),
        (ext.INHIBIT_ANY_POLICY, "0201ff", "a number of certificates out of range"),
        (ext.NAME_CONSTRAINTS, "3080", "indefinite length"),
        (ext.CERTIFICATE_POLICIES, "30020200", "where a PolicyInformation"),
    ],
)
def test_an_extension_that_breaks_its_syntax_is_a_fault(oid: str, value: str, reason: str) -> None:
    one = with_extension(oid, bytes.fromhex(value))
    assert [(fault.where, fault.readable) for fault in one.faults] == [(f"extension {oid}", False)]
    assert reason in one.faults[0].what
    found = one.extension(oid)
    assert found is not None
    assert found.value == bytes.fromhex(value)
    assert found.parsed is None


@pytest.mark.parametrize(
    ("oid", "value", "reason"),
    [
        (ext.BASIC_CONSTRAINTS, "3003020101", "a pathLenConstraint without cA"),
        (ext.KEY_USAGE, "03020780".replace("0780", "0001"), "encipherOnly or decipherOnly without keyAgreement"),
        (ext.KEY_USAGE, "030400800001", "bits that KeyUsage does not have"),
        (ext.AUTHORITY_KEY_IDENTIFIER, "3003820101", "authorityCertIssuer without authorityCertSerialNumber"),
        (ext.SUBJECT_ALT_NAME, "300587030a0000", "an iPAddress that is neither 4 nor 16 octets"),
        (ext.CRL_DISTRIBUTION_POINTS, "30023000", "a DistributionPoint that names nothing"),
        (ext.SUBJECT_ALT_NAME, "3010a40e300c310a30080603550403130140", "a PrintableString with characters"),
    ],
)
def test_a_departure_from_the_profile_that_can_be_read_is_a_remark(oid: str, value: str, reason: str) -> None:
    one = with_extension(oid, bytes.fromhex(value))
    assert [(fault.where, fault.readable) for fault in one.faults] == [(f"extension {oid}", True)]
    assert reason in one.faults[0].what
    found = one.extension(oid)
    assert found is not None
    assert found.parsed is not None


def test_a_private_extension_may_hold_anything() -> None:
    assert with_extension("1.2.3.4.5", b"not DER at all").faults == ()


def test_alternative_names_of_every_kind_are_read() -> None:
    names = (
        "30 46"
        " a00d 06032a0304 a0060c0475736572"
        " 8101 61 8202 6262 8603 752f2f 8704 c0000201 8803 2a0304"
        " a410 300e310c300a06035504030c036e616d"
        " a307 3105300306012a a502 8100"
    )
    contents = bytes.fromhex(names.replace(" ", ""))[2:]
    one = with_extension(ext.SUBJECT_ALT_NAME, asn1.sequence(contents))
    assert one.faults == ()
    assert [name.kind for name in one.subject_alt_names] == [
        "otherName", "rfc822Name", "dNSName", "uniformResourceIdentifier", "iPAddress", "registeredID", "directoryName",
        "x400Address", "ediPartyName",
    ]  # fmt: skip


def test_a_certificate_valid_for_no_time_is_read() -> None:
    late = pki.AT + timedelta(days=1)
    one = Certificate(AUTHORITY.issue("backwards", not_before=late, not_after=pki.AT).der)
    assert one.faults == ()
    assert one.not_before == late
