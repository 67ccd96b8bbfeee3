"""The four causes that KB 186812 documents, each in its forms, and combinations of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509

import asn1
import pki
from chaincheck import NO_CERTIFICATE, NO_KEY, OPENSSL, RFC5280, ServerProfile
from pki import AT
from pki_keys import key
from vectors.vector import CA, CRL_URL, OCSP_URL, OTHER_ROOT, ROOT, ROOT_CRL_URL, STORE, WITHOUT_ROOT, Vector

ROOT_MISSING, NOT_IN_DATE, REVOKED, UNUSABLE = "root-not-installed", "not-within-validity", "revoked", "no-usable-certificate"
CLIENT = CA.issue("client")


def _root_missing() -> tuple[Vector, ...]:
    alone = pki.self_signed("self-signed client")
    twin = pki.root("Vector Root", key="p256:another key of the same name")
    unmarked = ROOT.issue_ca("Vector CA without AKI", aki=False)
    names = [x509.DirectoryName(ROOT.certificate.subject)]
    told = x509.AuthorityKeyIdentifier(CA.key.identifier, names, CA.serial)
    return (
        Vector(
            name="root-missing-but-presented",
            title="The client sends its root, which the server does not have",
            verdict="refused",
            causes=("untrusted-root",),
            documented=(ROOT_MISSING,),
            cert=CLIENT.der,
            store=WITHOUT_ROOT,
            presented=(CA.der, ROOT.der),
        ),
        Vector(
            name="root-in-intermediates",
            title="The root was imported into the Intermediate store",
            verdict="refused",
            causes=("root-in-wrong-store",),
            documented=(ROOT_MISSING,),
            cert=CLIENT.der,
            store={**WITHOUT_ROOT, "intermediates": [CA.der, ROOT.der]},
        ),
        Vector(
            name="root-missing-issuer-unknown",
            title="Nothing is known of the issuer, in any compartment",
            verdict="refused",
            causes=("issuer-not-found/subject",),
            documented=(ROOT_MISSING,),
            cert=CLIENT.der,
            store={"roots": [OTHER_ROOT.der], "intermediates": [], "disallowed": []},
        ),
        Vector(
            name="root-missing-issuing-ca-known",
            title="The issuing CA is installed, its root is not",
            verdict="refused",
            causes=("issuer-not-found/intermediate",),
            documented=(ROOT_MISSING,),
            cert=CLIENT.der,
            store=WITHOUT_ROOT,
        ),
        Vector(
            name="root-store-empty",
            title="The Trusted Root store was looked at and is empty",
            verdict="refused",
            causes=("issuer-not-found",),
            documented=(ROOT_MISSING,),
            cert=CLIENT.der,
            store={"roots": [], "intermediates": [CA.der]},
        ),
        Vector(
            name="self-signed-client-untrusted",
            title="A self-signed client certificate that is not in the Trusted Root store",
            verdict="refused",
            causes=("untrusted-root/subject",),
            documented=(ROOT_MISSING,),
            cert=alone.der,
        ),
        Vector(
            name="root-of-same-name-other-key",
            title="The installed root has the right name and another key; the key identifiers tell",
            verdict="refused",
            causes=("issuer-not-found/intermediate",),
            documented=(ROOT_MISSING,),
            cert=CLIENT.der,
            store={**STORE, "roots": [twin.der]},
        ),
        Vector(
            name="root-of-same-name-other-key-without-aki",
            title="The installed root has the right name and another key; only the signature tells",
            verdict="refused",
            causes=("bad-signature/intermediate",),
            cert=unmarked.issue("client").der,
            store={**STORE, "roots": [twin.der], "intermediates": [unmarked.der]},
        ),
        Vector(
            name="root-only-in-client-auth-issuers",
            title="The root is in the Client Authentication Issuers store only, which does not make it trusted",
            verdict="refused",
            causes=("untrusted-root",),
            absent=("intermediate-missing",),
            documented=(ROOT_MISSING,),
            cert=CLIENT.der,
            store={**WITHOUT_ROOT, "client_auth_issuers": [ROOT.der]},
        ),
        Vector(
            name="intermediate-missing",
            title="The root is installed, the issuing CA is nowhere; the certificate says that its issuer was issued by the root",
            verdict="refused",
            causes=("intermediate-missing/subject",),
            documented=(),
            cert=CA.issue("client", extensions=[(told, False)]).der,
            store={**STORE, "intermediates": []},
        ),
        Vector(
            name="intermediate-only-in-client-auth-issuers",
            title="The issuing CA is in the Client Authentication Issuers store only, from which no path is built",
            verdict="refused",
            causes=("intermediate-missing",),
            documented=(),
            cert=CLIENT.der,
            store={**STORE, "intermediates": [], "client_auth_issuers": [CA.der]},
        ),
        Vector(
            name="issuing-ca-alone-in-root",
            title="The issuing CA was put into the Trusted Root store in place of its root, where it anchors nothing",
            verdict="refused",
            causes=("issuer-not-found/intermediate", "not-self-signed-in-root"),
            cert=CLIENT.der,
            store={"roots": [CA.der, OTHER_ROOT.der], "intermediates": [], "disallowed": []},
        ),
    )


def _dates() -> tuple[Vector, ...]:
    old_ca = ROOT.issue_ca("Expired CA", not_after=AT - timedelta(days=1))
    old_root = pki.root("Expired Root", not_after=AT - timedelta(days=1))
    young_root = pki.root("Root of tomorrow", not_before=AT + timedelta(days=1))
    return (
        Vector(
            name="expired-by-one-second",
            title="The first second after notAfter",
            verdict="refused",
            causes=("expired/subject",),
            documented=(NOT_IN_DATE,),
            cert=CA.issue("client", not_after=AT - timedelta(seconds=1)).der,
        ),
        Vector(
            name="expired-long-ago",
            title="Expired in 2019, as seven years of copies of a configuration go",
            verdict="refused",
            causes=("expired/subject",),
            documented=(NOT_IN_DATE,),
            cert=CA.issue("client", not_before=datetime(2018, 1, 1, tzinfo=UTC), not_after=datetime(2019, 1, 1, tzinfo=UTC)).der,
        ),
        Vector(
            name="last-second-is-valid",
            title="The second of notAfter counts as valid (RFC 5280 4.1.2.5)",
            verdict="accepted",
            absent=("expired",),
            cert=CA.issue("client", not_after=AT).der,
        ),
        Vector(
            name="first-second-is-valid",
            title="The second of notBefore counts as valid (RFC 5280 4.1.2.5)",
            verdict="accepted",
            absent=("not-yet-valid",),
            cert=CA.issue("client", not_before=AT).der,
        ),
        Vector(
            name="not-yet-valid-by-five-minutes",
            title="Five minutes early: most likely a clock",
            verdict="refused",
            causes=("not-yet-valid/subject",),
            documented=(NOT_IN_DATE,),
            cert=CA.issue("client", not_before=AT + timedelta(minutes=5)).der,
        ),
        Vector(
            name="not-yet-valid-by-a-day",
            title="A day early",
            verdict="refused",
            causes=("not-yet-valid/subject",),
            documented=(NOT_IN_DATE,),
            cert=CA.issue("client", not_before=AT + timedelta(days=1)).der,
        ),
        Vector(
            name="expired-intermediate",
            title="The issuing CA has expired, the client certificate has not",
            verdict="refused",
            causes=("expired/intermediate",),
            documented=(),
            cert=old_ca.issue("client").der,
            store={**STORE, "intermediates": [old_ca.der]},
        ),
        Vector(
            name="expired-root",
            title="The root has expired: CryptoAPI judges its dates",
            verdict="refused",
            causes=("expired/anchor",),
            documented=(),
            cert=old_root.issue("client").der,
            store={"roots": [old_root.der], "intermediates": []},
        ),
        Vector(
            name="root-not-yet-valid",
            title="The root holds from tomorrow on",
            verdict="refused",
            causes=("not-yet-valid/anchor",),
            cert=young_root.issue("client").der,
            store={"roots": [young_root.der], "intermediates": []},
        ),
        Vector(
            name="expired-without-a-store",
            title="No store was told, but an expired certificate is refused by every server",
            verdict="refused",
            causes=("expired/subject",),
            documented=(NOT_IN_DATE,),
            cert=CA.issue("client", not_after=AT - timedelta(days=1)).der,
            store=None,
        ),
    )


def _revoked() -> tuple[Vector, ...]:
    listed = CA.issue("client", crl_urls=[CRL_URL])
    asked = CA.issue("client", ocsp_urls=[OCSP_URL])
    revoked = CA.crl([(listed.serial, AT - timedelta(days=30), "keyCompromise")])
    held = CA.crl([(listed.serial, AT - timedelta(days=3), "certificateHold")])
    bad_ca = ROOT.issue_ca("Revoked CA", crl_urls=[ROOT_CRL_URL])
    both = CA.issue("client", crl_urls=[CRL_URL], ocsp_urls=[OCSP_URL])
    return (
        Vector(
            name="revoked-by-supplied-crl",
            title="A CRL that was supplied lists the certificate",
            verdict="refused",
            causes=("revoked/subject",),
            documented=(REVOKED,),
            cert=listed.der,
            crls=(revoked,),
            fetch="never",
        ),
        Vector(
            name="revoked-by-crl-of-the-store",
            title="A CRL in the server's store lists the certificate",
            verdict="refused",
            causes=("revoked/subject",),
            documented=(REVOKED,),
            cert=listed.der,
            store={**STORE, "crls": [revoked]},
            fetch="never",
        ),
        Vector(
            name="revoked-by-fetched-crl",
            title="The CRL of the distribution point lists the certificate",
            verdict="refused",
            causes=("revoked/subject",),
            documented=(REVOKED,),
            cert=listed.der,
            web={CRL_URL: revoked},
        ),
        Vector(
            name="revoked-by-fetched-ocsp",
            title="The OCSP responder says revoked",
            verdict="refused",
            causes=("revoked/subject",),
            documented=(REVOKED,),
            cert=asked.der,
            web={OCSP_URL: CA.ocsp_response(asked, "revoked", reason="superseded")},
        ),
        Vector(
            name="revoked-by-supplied-ocsp-response",
            title="A supplied OCSP response of a delegated responder says revoked",
            verdict="refused",
            causes=("revoked/subject",),
            documented=(REVOKED,),
            cert=asked.der,
            ocsp_responses=(CA.ocsp_response(asked, "revoked", responder=CA.issue_responder(), by="key"),),
            fetch="never",
        ),
        Vector(
            name="revoked-without-a-distribution-point",
            title="The certificate names no source, but a CRL that was supplied lists it",
            verdict="refused",
            causes=("revoked/subject",),
            documented=(REVOKED,),
            cert=CLIENT.der,
            crls=(CA.crl([(CLIENT.serial, AT - timedelta(days=30), None)]),),
        ),
        Vector(
            name="revoked-although-a-responder-says-good",
            title="A valid CRL that says revoked wins over an OCSP response that says good",
            verdict="refused",
            causes=("revoked/subject",),
            documented=(REVOKED,),
            cert=both.der,
            crls=(CA.crl([(both.serial, AT - timedelta(days=30), "keyCompromise")]),),
            ocsp_responses=(CA.ocsp_response(both),),
            fetch="never",
        ),
        Vector(
            name="on-hold",
            title="The certificate is on hold",
            verdict="refused",
            causes=("on-hold/subject",),
            documented=(REVOKED,),
            cert=listed.der,
            crls=(held,),
            fetch="never",
        ),
        Vector(
            name="revoked-intermediate",
            title="The issuing CA is revoked by a CRL of the root",
            verdict="refused",
            causes=("revoked/intermediate",),
            documented=(),
            cert=bad_ca.issue("client").der,
            store={**STORE, "intermediates": [bad_ca.der]},
            crls=(ROOT.crl([(bad_ca.serial, AT - timedelta(days=30), "cACompromise")]),),
            fetch="never",
        ),
        Vector(
            name="crl-unreachable-from-the-server",
            title="The CRL cannot be had, and this machine is the server",
            verdict="refused",
            causes=("revocation-unreachable/subject",),
            cert=listed.der,
            web={CRL_URL: (404, "Not Found")},
            server=ServerProfile(here=True),
        ),
        Vector(
            name="ocsp-unknown-on-the-server",
            title="The responder does not know the certificate, and this machine is the server",
            verdict="refused",
            causes=("revocation-unknown/subject",),
            cert=asked.der,
            web={OCSP_URL: CA.ocsp_response(asked, "unknown")},
            server=ServerProfile(here=True),
        ),
        Vector(
            name="no-evidence-by-the-rfc",
            title="RFC 5280 to the letter: without any revocation evidence nothing is accepted",
            verdict="refused",
            causes=("revocation-nothing-to-check/subject",),
            cert=CLIENT.der,
            rules=RFC5280,
        ),
        Vector(
            name="revoked-but-openssl-does-not-look",
            title="OpenSSL as a server checks no revocation by default",
            verdict="accepted",
            absent=("revoked",),
            cert=listed.der,
            crls=(revoked,),
            rules=OPENSSL,
        ),
    )


def _no_usable_certificate() -> tuple[Vector, ...]:
    renewed = CA.issue("client", key="p256:renewed client", not_before=AT - timedelta(days=1))
    version, _, private = asn1.parts(CLIENT.key.encoded("pkcs8", encoding="der"))[:3]
    wrong_curve = asn1.sequence(asn1.oid("1.2.840.10045.2.1"), asn1.oid("1.3.132.0.10"))  # the public point is not on that curve
    return (
        Vector(
            name="no-certificate",
            title="The client has no certificate at all",
            verdict="refused",
            causes=("no-certificate",),
            documented=(UNUSABLE,),
            cert=NO_CERTIFICATE,
        ),
        Vector(
            name="no-private-key",
            title="The certificate was imported without its private key",
            verdict="refused",
            causes=("no-private-key/subject",),
            documented=(UNUSABLE,),
            cert=CLIENT.der,
            key=NO_KEY,
        ),
        Vector(
            name="key-of-somebody-else",
            title="The private key belongs to no certificate at hand",
            verdict="refused",
            causes=("private-key-mismatch/subject",),
            documented=(UNUSABLE,),
            cert=CLIENT.der,
            key=key("p256:somebody else").pem,
        ),
        Vector(
            name="key-of-a-presented-certificate",
            title="The private key is that of a certificate that is presented: certificate files were mixed up",
            verdict="refused",
            causes=("private-key-mismatch/subject",),
            documented=(UNUSABLE,),
            cert=CLIENT.der,
            key=renewed.key_pem,
            presented=(renewed.der,),
        ),
        Vector(
            name="key-unusable",
            title="There is a private key, but it cannot be used",
            verdict="refused",
            causes=("private-key-unusable/subject",),
            documented=(UNUSABLE,),
            cert=CLIENT.der,
            key=asn1.sequence(version, wrong_curve, private),
        ),
        Vector(
            name="key-fits",
            title="The private key is the certificate's",
            verdict="accepted",
            absent=("private-key-mismatch",),
            documented=(),
            cert=CLIENT.der,
            key=CLIENT.key_pem,
        ),
    )


def _combinations() -> tuple[Vector, ...]:
    old = pki.Options(not_before=AT - timedelta(days=400), not_after=AT - timedelta(days=10), crl_urls=[CRL_URL])
    expired = CA.issue("client", **old)
    wrong = pki.Options(**old, eku=["serverAuth"], key_usage=["keyEncipherment"])
    five = CA.issue("client", **wrong)

    def revoked(serial: int) -> bytes:
        return CA.crl([(serial, AT - timedelta(days=30), "keyCompromise")])

    return (
        Vector(
            name="expired-and-revoked-and-root-missing",
            title="Three documented causes at once",
            verdict="refused",
            causes=("expired/subject", "revoked/subject", "untrusted-root"),
            documented=(ROOT_MISSING, NOT_IN_DATE, REVOKED),
            cert=expired.der,
            store=WITHOUT_ROOT,
            presented=(ROOT.der,),
            crls=(revoked(expired.serial),),
            fetch="never",
        ),
        Vector(
            name="five-faults",
            title="Expired, for servers only, without digitalSignature, revoked, and the root missing while the issuing CA is known",
            verdict="refused",
            causes=(
                "expired/subject",
                "wrong-extended-key-usage/subject",
                "wrong-key-usage/subject",
                "revoked/subject",
                "issuer-not-found/intermediate",
            ),
            documented=(ROOT_MISSING, NOT_IN_DATE, REVOKED),
            cert=five.der,
            store=WITHOUT_ROOT,
            crls=(revoked(five.serial),),
            fetch="never",
        ),
        Vector(
            name="all-four-documented-causes",
            title="All four documented causes at once",
            verdict="refused",
            causes=("expired/subject", "revoked/subject", "issuer-not-found", "no-private-key/subject"),
            documented=(ROOT_MISSING, NOT_IN_DATE, REVOKED, UNUSABLE),
            cert=expired.der,
            key=NO_KEY,
            store=WITHOUT_ROOT,
            crls=(revoked(expired.serial),),
            fetch="never",
        ),
        Vector(
            name="expired-and-no-key-match",
            title="The old certificate is offered with the key of the new one",
            verdict="refused",
            causes=("expired/subject", "private-key-mismatch/subject"),
            documented=(NOT_IN_DATE, UNUSABLE),
            cert=CA.issue("client", not_after=AT - timedelta(days=1)).der,
            key=key("p256:renewed client").pem,
        ),
    )


def vectors() -> tuple[Vector, ...]:
    """All vectors of this module."""
    return (*_root_missing(), *_dates(), *_revoked(), *_no_usable_certificate(), *_combinations())
