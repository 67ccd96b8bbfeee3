"""What a certificate may be used for, what makes a path valid, distrust, and certificates that break the rules of their encoding."""

from __future__ import annotations

from dataclasses import replace

import asn1
import pki
from chaincheck import IIS, OPENSSL, RFC5280, Entry
from pki import AT
from vectors.vector import CA, ROOT, STORE, Vector

CLIENT = CA.issue("client")
WITHOUT_REVOCATION = replace(RFC5280, revocation="off")


def _usage() -> tuple[Vector, ...]:
    server_only = CA.issue("client", eku=["serverAuth"])
    silent = CA.issue("client", eku=None, key_usage=None)
    any_usage = CA.issue("client", eku=["anyExtendedKeyUsage"])
    nested = ROOT.issue_ca("CA for servers", eku=["serverAuth"])
    nested_store = {**STORE, "intermediates": [nested.der]}
    no_signature = CA.issue("client", key_usage=["keyEncipherment"])
    policies = asn1.sequence(asn1.sequence(asn1.oid(pki.PURPOSES["serverAuth"])))  # Microsoft's Application Policies
    limited = Entry(ROOT.der, "roots", properties=((9, asn1.sequence(asn1.oid(pki.PURPOSES["serverAuth"]))),))
    return (
        Vector(
            name="for-servers-only",
            title="The certificate is for server authentication only",
            verdict="refused",
            causes=("wrong-extended-key-usage/subject",),
            documented=(),
            cert=server_only.der,
        ),
        Vector(
            name="for-servers-only-and-no-purpose-asked",
            title="The same certificate where the binding asks for no usage",
            verdict="accepted",
            absent=("wrong-extended-key-usage",),
            cert=server_only.der,
            rules=replace(IIS, name="IIS without usage check", purpose=None),
        ),
        Vector(name="no-usages-named", title="Neither usages nor key usages: everything is allowed", verdict="accepted", cert=silent.der),
        Vector(
            name="any-extended-key-usage-by-the-rfc",
            title="anyExtendedKeyUsage is enough by RFC 5280 4.2.1.12",
            verdict="accepted",
            cert=any_usage.der,
            rules=WITHOUT_REVOCATION,
        ),
        Vector(
            name="any-extended-key-usage-at-openssl",
            title="anyExtendedKeyUsage is not enough for OpenSSL's client purpose",
            verdict="refused",
            causes=("wrong-extended-key-usage/subject",),
            cert=any_usage.der,
            rules=OPENSSL,
        ),
        Vector(
            name="ca-for-servers-only",
            title="The usages of the issuing CA exclude client authentication",
            verdict="refused",
            causes=("wrong-extended-key-usage/intermediate",),
            cert=nested.issue("client").der,
            store=nested_store,
        ),
        Vector(
            name="ca-for-servers-only-by-the-rfc",
            title="No step of RFC 5280 section 6 nests usages",
            verdict="accepted",
            cert=nested.issue("client").der,
            store=nested_store,
            rules=WITHOUT_REVOCATION,
        ),
        Vector(
            name="application-policies-for-servers-only",
            title="Microsoft's Application Policies allow less than the extended key usage",
            verdict="refused",
            causes=("wrong-extended-key-usage/subject",),
            cert=CA.issue("client", extensions=[("1.3.6.1.4.1.311.21.10", False, policies)]).der,
        ),
        Vector(
            name="root-limited-in-the-store",
            title="A property of the store limits the root to server authentication",
            verdict="refused",
            causes=("wrong-extended-key-usage/anchor",),
            cert=CLIENT.der,
            store={**STORE, "roots": [limited]},
        ),
        Vector(
            name="no-digital-signature-at-openssl",
            title="OpenSSL's client purpose demands digitalSignature or keyAgreement",
            verdict="refused",
            causes=("wrong-key-usage/subject",),
            cert=no_signature.der,
            rules=OPENSSL,
        ),
        Vector(
            name="no-digital-signature-by-the-rfc",
            title="RFC 5280 section 6 asks nothing of the subject's key usage",
            verdict="accepted",
            cert=no_signature.der,
            rules=WITHOUT_REVOCATION,
        ),
    )


def _path() -> tuple[Vector, ...]:
    person = ROOT.issue_ca("Not a CA", ca=False)
    old = ROOT.issue_ca("CA without basicConstraints", ca=None)
    signer = ROOT.issue_ca("CA without keyCertSign", key_usage=["cRLSign"])
    narrow = ROOT.issue_ca("Narrow CA", path_length=0)
    below = narrow.issue_ca("CA below the narrow CA")
    rsa_ca = ROOT.issue_ca("RSA CA", key="rsa2048:a")
    rsa_store = {**STORE, "intermediates": [rsa_ca.der]}
    strange = ("1.3.6.1.4.1.32473.1", True, asn1.null())  # an arc for examples (RFC 5612)
    return (
        Vector(
            name="issuer-is-not-a-ca",
            title="The issuer is no CA: cA is false",
            verdict="refused",
            causes=("not-a-ca/intermediate",),
            cert=person.issue("client").der,
            store={**STORE, "intermediates": [person.der]},
        ),
        Vector(
            name="issuer-without-basic-constraints",
            title="The issuer is a version 3 certificate without basicConstraints",
            verdict="refused",
            causes=("not-a-ca/intermediate",),
            cert=old.issue("client").der,
            store={**STORE, "intermediates": [old.der]},
        ),
        Vector(
            name="issuer-without-key-cert-sign",
            title="The issuer may sign CRLs, not certificates",
            verdict="refused",
            causes=("wrong-key-usage/intermediate",),
            cert=signer.issue("client").der,
            store={**STORE, "intermediates": [signer.der]},
        ),
        Vector(
            name="path-too-long",
            title="A CA with path length 0 issued another CA",
            verdict="refused",
            causes=("path-too-long/intermediate",),
            cert=below.issue("client").der,
            store={**STORE, "intermediates": [narrow.der, below.der]},
        ),
        Vector(
            name="signature-wrong",
            title="The signature of the client certificate is wrong",
            verdict="refused",
            causes=("bad-signature/subject",),
            cert=CA.issue("client", broken_signature=True).der,
        ),
        Vector(
            name="unknown-critical-extension",
            title="A critical extension that nobody knows",
            verdict="refused",
            causes=("unknown-critical-extension/subject",),
            cert=CA.issue("client", extensions=[strange]).der,
        ),
        Vector(
            name="unknown-extension-not-critical",
            title="The same extension, not critical",
            verdict="accepted",
            absent=("unknown-critical-extension",),
            cert=CA.issue("client", extensions=[(strange[0], False, strange[2])]).der,
        ),
        Vector(
            name="key-of-512-bits",
            title="An RSA key of 512 bits (KB 2661254)",
            verdict="refused",
            causes=("weak-key/subject",),
            cert=CA.issue("client", key="rsa512").der,
        ),
        Vector(
            name="signed-with-sha1",
            title="SHA-1: IIS takes it today, with a warning",
            verdict="accepted",
            causes=("weak-signature/subject",),
            cert=CA.issue("client", signing_hash="sha1").der,
        ),
        Vector(
            name="signed-with-md5",
            title="MD5: warned of",
            verdict="accepted",
            causes=("weak-signature/subject",),
            cert=rsa_ca.issue("client", signing_hash="md5").der,
            store=rsa_store,
        ),
        Vector(
            name="signed-with-sha1-at-openssl",
            title="OpenSSL's security level 1 refuses SHA-1",
            verdict="refused",
            causes=("weak-signature/subject",),
            cert=CA.issue("client", signing_hash="sha1").der,
            rules=OPENSSL,
        ),
    )


def _distrust() -> tuple[Vector, ...]:
    def root(moment: int) -> Entry:
        filetime = (moment + 11_644_473_600) * 10_000_000  # 100 ns since 1601
        return Entry(ROOT.der, "roots", properties=((104, filetime.to_bytes(8, "little")),))

    now = int(AT.timestamp())
    return (
        Vector(
            name="distrusted-certificate",
            title="The client certificate is in the Untrusted Certificates store",
            verdict="refused",
            causes=("distrusted/subject",),
            cert=CLIENT.der,
            store={**STORE, "disallowed": [CLIENT.der]},
        ),
        Vector(
            name="distrusted-issuing-ca",
            title="The issuing CA is in the Untrusted Certificates store",
            verdict="refused",
            causes=("distrusted/intermediate",),
            cert=CLIENT.der,
            store={**STORE, "disallowed": [CA.der]},
        ),
        Vector(
            name="distrusted-root",
            title="The root is trusted and distrusted: distrust wins",
            verdict="refused",
            causes=("distrusted/anchor",),
            cert=CLIENT.der,
            store={**STORE, "disallowed": [ROOT.der]},
        ),
        Vector(
            name="root-distrusted-since-yesterday",
            title="The store distrusts the root from a moment that has passed",
            verdict="refused",
            causes=("distrusted/anchor",),
            cert=CLIENT.der,
            store={**STORE, "roots": [root(now - 86_400)]},
        ),
        Vector(
            name="root-distrusted-from-tomorrow",
            title="The store distrusts the root from a moment that has not come",
            verdict="accepted",
            absent=("distrusted",),
            cert=CLIENT.der,
            store={**STORE, "roots": [root(now + 86_400)]},
        ),
    )


def _malformed() -> tuple[Vector, ...]:
    lenient = asn1.sequence(asn1.oid("2.5.29.19"), asn1.tlv(0x01, b"\x01"), asn1.octet_string(asn1.sequence()))  # TRUE is 0xff in DER
    usage = asn1.sequence(asn1.oid("2.5.29.37"), asn1.octet_string(asn1.sequence(asn1.oid(pki.PURPOSES["clientAuth"]))))
    no_ca = asn1.sequence(asn1.oid("2.5.29.19"), asn1.octet_string(asn1.sequence(asn1.integer(0))))
    unreadable = asn1.sequence(asn1.oid("2.5.29.37"), asn1.octet_string(b"\x30\x7f\x06"))
    return (
        Vector(
            name="malformed-boolean",
            title="A BOOLEAN that is BER, not DER: readable, but servers differ",
            verdict="undetermined",
            causes=("malformed/subject",),
            unchecked=("element-read-leniently",),
            cert=CA.issue("client", ca=None, encoded_extensions=[lenient]).der,
        ),
        Vector(
            name="malformed-path-length-without-ca",
            title="A path length without cA, which RFC 5280 4.2.1.9 forbids: strict DER and a clear meaning, so a warning",
            verdict="accepted",
            causes=("profile-violation/subject",),
            cert=CA.issue("client", ca=None, encoded_extensions=[no_ca]).der,
        ),
        Vector(
            name="malformed-repeated-extension",
            title="An extension occurs twice, which RFC 5280 4.2 forbids",
            verdict="refused",
            causes=("malformed/subject",),
            cert=CA.issue("client", encoded_extensions=[usage]).der,
        ),
        Vector(
            name="malformed-extended-key-usage",
            title="The extended key usage cannot be read",
            verdict="refused",
            causes=("malformed/subject",),
            cert=CA.issue("client", eku=None, encoded_extensions=[unreadable]).der,
        ),
        Vector(
            name="malformed-and-root-missing",
            title="What cannot be read strictly does not hide the other causes",
            verdict="refused",
            causes=("malformed/subject", "issuer-not-found"),
            cert=CA.issue("client", ca=None, encoded_extensions=[lenient]).der,
            store={**STORE, "roots": []},
        ),
    )


def vectors() -> tuple[Vector, ...]:
    """All vectors of this module."""
    return (*_usage(), *_path(), *_distrust(), *_malformed())
