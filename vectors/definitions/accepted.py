"""Certificates that a server accepts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pki
from chaincheck import RFC5280, Entry, ServerProfile
from chaincheck.x509.name import Name
from pki import AT
from vectors.vector import CA, CRL_URL, OCSP_URL, ROOT, STORE, Vector


def _plain() -> tuple[Vector, ...]:
    client = CA.issue("client")
    alone = pki.self_signed("self-signed client")
    second = CA.issue_ca("Second level CA")
    third = second.issue_ca("Third level CA")
    return (
        Vector(name="accepted", title="A client certificate of an installed CA", verdict="accepted", documented=(), cert=client.der),
        Vector(
            name="accepted-intermediate-presented",
            title="The client sends the intermediate that the server does not have",
            verdict="accepted",
            cert=client.der,
            store={**STORE, "intermediates": []},
            presented=(CA.der,),
        ),
        Vector(
            name="accepted-three-intermediates",
            title="Three levels of CAs, some installed, some presented",
            verdict="accepted",
            cert=third.issue("client").der,
            presented=(third.der, second.der),
        ),
        Vector(
            name="accepted-self-signed-and-installed",
            title="A self-signed client certificate in the Trusted Root store",
            verdict="accepted",
            cert=alone.der,
            store={"roots": [alone.der], "intermediates": []},
        ),
        Vector(
            name="accepted-without-end",
            title="A certificate without a well-defined end: 9999-12-31 23:59:59 (RFC 5280 4.1.2.5)",
            verdict="accepted",
            cert=CA.issue("client", not_after=pki.NO_EXPIRY).der,
        ),
    )


def _keys() -> tuple[Vector, ...]:
    found = []
    for name, title, key, pss in (
        ("rsa", "RSA, PKCS #1 v1.5", "rsa2048:a", False),
        ("rsa-pss", "RSA-PSS", "rsa2048:b", True),
        ("p384", "ECDSA on P-384", "p384", False),
        ("ed25519", "Ed25519", "ed25519", False),
        ("ed448", "Ed448", "ed448", False),
    ):
        root = pki.root(f"{title} Root", key=key, pss=pss)
        client = root.issue("client", key=f"{'p256' if name.startswith('rsa') else key}:client", pss=pss)
        store = {"roots": [root.der], "intermediates": []}
        found.append(Vector(name=f"accepted-{name}", title=f"Signed with {title}", verdict="accepted", cert=client.der, store=store))
    return tuple(found)


def _crossed() -> tuple[Vector, ...]:
    other = pki.root("Cross Root")
    expired = ROOT.issue_ca(CA.subject, key=CA.key, serial=7, not_after=AT - timedelta(days=1))
    crossed = other.issue_ca(CA.subject, key=CA.key)
    old_root = pki.root("Expired Root", not_after=AT - timedelta(days=1))
    client = CA.issue("client")
    return (
        Vector(
            name="accepted-with-an-expired-twin",
            title="The issuing CA has an expired certificate of the same key, also installed",
            verdict="accepted",
            cert=client.der,
            store={**STORE, "intermediates": [expired.der, CA.der]},
            presented=(expired.der,),
        ),
        Vector(
            name="accepted-cross-signed",
            title="The path to the one root is expired, the one to the other root is good",
            verdict="accepted",
            cert=client.der,
            store={"roots": [ROOT.der, other.der], "intermediates": [expired.der, crossed.der]},
        ),
        Vector(
            name="accepted-expired-anchor-by-the-rfc",
            title="RFC 5280 6.1 does not look at the dates of the anchor",
            verdict="accepted",
            cert=old_root.issue("client").der,
            store={"roots": [old_root.der]},
            rules=replace(RFC5280, revocation="off"),
        ),
        Vector(
            name="accepted-anchor-not-self-signed-by-the-rfc",
            title="By RFC 5280 6.1.1 (d) whatever is given as root is an anchor",
            verdict="accepted",
            cert=client.der,
            store={"roots": [CA.der]},
            rules=replace(RFC5280, revocation="off"),
        ),
        Vector(
            name="accepted-bare-anchor-by-the-rfc",
            title="An anchor that is a name and a key, without a certificate (RFC 5280 6.1.1 (d))",
            verdict="accepted",
            cert=client.der,
            store={"roots": [Entry(None, "roots", name=Name(ROOT.subject), spki=ROOT.key.spki)], "intermediates": [CA.der]},
            rules=replace(RFC5280, revocation="off"),
        ),
    )


def _not_revoked() -> tuple[Vector, ...]:
    listed, asked = CA.issue("client", crl_urls=[CRL_URL]), CA.issue("client", ocsp_urls=[OCSP_URL])
    both = CA.issue("client", crl_urls=[CRL_URL], ocsp_urls=[OCSP_URL])
    responder = CA.issue_responder()
    other = CA.crl([(4711, AT - timedelta(days=30), "keyCompromise")])
    held = CA.crl([(listed.serial, AT - timedelta(days=3), "certificateHold")], this_update=AT - timedelta(days=2))
    return (
        Vector(
            name="accepted-crl-good",
            title="The fetched CRL lists another certificate",
            verdict="accepted",
            absent=("revoked",),
            cert=listed.der,
            web={CRL_URL: other},
        ),
        Vector(
            name="accepted-ocsp-good",
            title="The issuer itself answers good",
            verdict="accepted",
            cert=asked.der,
            web={OCSP_URL: CA.ocsp_response(asked)},
        ),
        Vector(
            name="accepted-ocsp-good-of-a-delegated-responder",
            title="A delegated responder answers good",
            verdict="accepted",
            cert=asked.der,
            web={OCSP_URL: CA.ocsp_response(asked, responder=responder)},
        ),
        Vector(
            name="accepted-crl-after-ocsp-failed",
            title="The responder has no answer, the CRL has",
            verdict="accepted",
            cert=both.der,
            web={OCSP_URL: pki.ocsp_error(3), CRL_URL: other},
        ),
        Vector(
            name="accepted-hold-released",
            title="An older CRL has the certificate on hold, a newer one no longer",
            verdict="accepted",
            absent=("on-hold",),
            cert=listed.der,
            crls=(held, CA.crl(number=2)),
            fetch="never",
        ),
        Vector(
            name="accepted-as-the-rfc-demands",
            title="RFC 5280 to the letter: a CRL for every certificate of the path",
            verdict="accepted",
            cert=listed.der,
            rules=RFC5280,
            crls=(other, ROOT.crl()),
            fetch="never",
        ),
        Vector(
            name="accepted-on-the-server-itself",
            title="This machine is the server, and everything could be fetched",
            verdict="accepted",
            cert=listed.der,
            web={CRL_URL: other},
            server=ServerProfile(here=True),
        ),
    )


def vectors() -> tuple[Vector, ...]:
    """All vectors of this module."""
    return (*_plain(), *_keys(), *_crossed(), *_not_revoked())
