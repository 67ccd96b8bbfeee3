"""One complete CRL with one fault, by RFC 5280 5 and 6.3.3, and its healthy twins. Supplied, so that nothing else can decide."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cryptography import x509

import asn1
import chaincheck
import pki
from chaincheck.server import ServerProfile
from pki import AT
from vectors.vector import CA, CRL_URL, ROOT, STORE, Vector

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
CLIENT = CA.issue("client")
SERIAL = CLIENT.serial
REVOKED: pki.Revoked = (SERIAL, AT - 3 * DAY, "keyCompromise")
INVALID, STALE, SCOPE = "revocation-evidence-invalid", "revocation-stale", "revocation-out-of-scope"
UNKNOWN_CRITICAL: pki.Extension = ("1.3.6.1.4.1.55555.1", True, asn1.null())


BY_THE_RFC: Any = {"rules": chaincheck.RFC5280, "fetch": "never"}
# The issuing CA itself is looked into, so that the answer turns on the client certificate alone.
STORED: Any = {**STORE, "crls": [ROOT.crl()]}


def refused(name: str, title: str, crl: bytes, says: str = "", *, code: str = INVALID, **more: Any) -> Vector:
    """By the RFC the caller's evidence is all there is, so that evidence that is worth nothing refuses."""
    given: dict[str, Any] = {"cert": CLIENT.der, "crls": (crl,), "store": STORED, **BY_THE_RFC, **more}
    reasons = {code: says} if says else {}
    return Vector(name=f"crl-{name}", title=title, verdict="refused", causes=(f"{code}/subject",), reasons=reasons, **given)


def accepted(name: str, title: str, crl: bytes, **more: Any) -> Vector:
    """The healthy twin."""
    given: dict[str, Any] = {"cert": CLIENT.der, "crls": (crl,), "store": STORED, **BY_THE_RFC, **more}
    return Vector(name=f"crl-{name}", title=title, verdict="accepted", **given)


def fetched(name: str, title: str, crl: bytes, says: str) -> Vector:
    """The same fetched by the server itself: what is no CRL at all cannot be supplied."""
    listed = CA.issue("client", crl_urls=[CRL_URL])
    given: dict[str, Any] = {"cert": listed.der, "server": ServerProfile(here=True), "store": {**STORE, "crls": [ROOT.crl()]}}
    return Vector(
        name=f"crl-{name}", title=title, verdict="refused", causes=(INVALID,), reasons={INVALID: says}, web={CRL_URL: crl}, **given
    )


def entry(serial: bytes, *extensions: bytes) -> bytes:
    """One entry with the contents of its INTEGER as given."""
    more = asn1.sequence(*extensions) if extensions else b""
    return asn1.sequence(asn1.tlv(2, serial), asn1.time(AT - 3 * DAY), more)


def listing(*entries: bytes, extensions: bytes | None = None, version: bytes | None = None) -> bytes:
    """A CRL with its entries, extensions and version as encoded."""
    algorithm, _ = CA.key.sign(b"")
    body = asn1.sequence(
        asn1.integer(1) if version is None else version,
        algorithm,
        CA.subject,
        asn1.time(AT - DAY),
        asn1.time(AT + 6 * DAY),
        asn1.sequence(*entries) if entries else b"",
        b"" if extensions is None else asn1.explicit(0, extensions),
    )
    algorithm, signature = CA.key.sign(body)
    return asn1.sequence(body, algorithm, asn1.bit_string(signature))


def extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    return asn1.sequence(asn1.oid(oid), asn1.boolean(True) if critical else b"", asn1.octet_string(value))


def _structure() -> tuple[Vector, ...]:
    good = CA.crl()
    number = extension("2.5.29.20", asn1.integer(5))
    return (
        fetched("trailing-bytes", "Bytes follow the CRL", good + b"\0", "it is not a CRL in DER"),
        fetched("cut-short", "The last bytes of the CRL are missing", good[:-9], "it is not a CRL in DER"),
        fetched(
            "indefinite-length", "The CRL is BER with an indefinite length", b"\x30\x80" + good[3:] + bytes(2), "it is not a CRL in DER"
        ),
        refused("version-3", "The version of the CRL does not exist", listing(version=asn1.integer(2)), "version"),
        refused(
            "version-1-with-extensions",
            "A version 1 CRL has extensions",
            listing(version=b"", extensions=asn1.sequence(number)),
            "version 1",
        ),
        refused("extension-twice", "An extension stands in the CRL twice", listing(extensions=asn1.sequence(number, number)), "twice"),
        refused(
            "number-negative",
            "The CRL number is negative",
            listing(extensions=asn1.sequence(extension("2.5.29.20", asn1.integer(-1)))),
            "negative",
        ),
        refused("serial-not-minimal", "A serial number is encoded with a superfluous zero", listing(entry(b"\0\x05")), "malformed"),
        refused("entry-cut", "An entry of the CRL has no date", listing(asn1.sequence(asn1.integer(5))), "malformed"),
        refused(
            "entry-extensions-empty",
            "An entry has an empty list of extensions",
            listing(asn1.sequence(asn1.integer(5), asn1.time(AT), asn1.sequence())),
            "malformed",
        ),
        refused(
            "reason-undefined",
            "An entry gives a reason that RFC 5280 does not define",
            listing(entry(b"\x05", extension("2.5.29.21", asn1.enumerated(7)))),
            "malformed",
        ),
        refused(
            "issuing-distribution-point-malformed",
            "The issuing distribution point says FALSE where a default is left out",
            listing(extensions=asn1.sequence(extension("2.5.29.28", asn1.sequence(asn1.tlv(0x81, b"\0")), critical=True))),
            "malformed",
        ),
        refused(
            "unknown-critical-extension",
            "The CRL has a critical extension that nobody knows",
            CA.crl(extensions=[UNKNOWN_CRITICAL]),
            "critical extension",
        ),
        refused(
            "next-update-before-this-update",
            "The CRL ends before it begins",
            CA.crl(this_update=AT - DAY, next_update=AT - 2 * DAY),
            "nextUpdate lies before",
        ),
        accepted(
            "empty-list",
            "The list is there and empty, which RFC 5280 does not want and which says clearly that nobody is revoked",
            _with_empty_list(),
        ),
        accepted("serial-of-20-octets", "Another serial number has 20 octets", CA.crl([((1 << 158) + 5, AT - DAY, None)])),
        accepted("without-next-update", "The CRL has no nextUpdate, and never ends", CA.crl(next_update=None)),
    )


def _with_empty_list() -> bytes:
    algorithm, _ = CA.key.sign(b"")
    body = asn1.sequence(
        asn1.integer(1), algorithm, CA.subject, asn1.time(AT - DAY), asn1.time(AT + 6 * DAY), asn1.sequence(),
        asn1.explicit(0, asn1.sequence(extension("2.5.29.20", asn1.integer(5)))),
    )  # fmt: skip
    algorithm, signature = CA.key.sign(body)
    return asn1.sequence(body, algorithm, asn1.bit_string(signature))


def _signature() -> tuple[Vector, ...]:
    rolled = ROOT.issue_ca("Vector Issuing CA", key="p256:rolled-over")
    signing = ROOT.issue_ca("Vector Issuing CA", key="p256:crl-signer", key_usage=("cRLSign",))
    powerless = ROOT.issue_ca("Vector Issuing CA", key="p256:crl-signer", key_usage=("keyCertSign",))
    expired = ROOT.issue_ca("Vector Issuing CA", key="p256:crl-signer", not_after=AT - DAY)
    stranger = pki.root("Stranger").issue_ca("Vector Issuing CA", key="p256:crl-signer")
    mute = ROOT.issue_ca("Mute CA", key_usage=("keyCertSign",))
    beside = {"roots": [ROOT.der], "disallowed": [], "crls": [ROOT.crl()]}
    return (
        refused("signature-broken", "The signature of the CRL does not fit", CA.crl(broken_signature=True), "signature does not fit"),
        refused(
            "of-a-namesake",
            "The CRL is of another CA of the same name",
            pki.root("Vector Issuing CA", key="p256:namesake").crl(),
            "signature does not fit",
        ),
        refused(
            "issuer-may-not-sign-crls",
            "The key usage of the issuing CA lacks cRLSign",
            mute.crl(),
            "does not allow signing CRLs",
            cert=mute.issue("client").der,
            store={"roots": [ROOT.der], "intermediates": [mute.der], "disallowed": [], "crls": [ROOT.crl()]},
        ),
        accepted(
            "key-rollover",
            "The CRL is signed with the new key of the CA, whose certificate is in the store",
            rolled.crl(),
            store={**beside, "intermediates": [CA.der, rolled.der]},
        ),
        accepted(
            "separate-key",
            "The CRL is signed with a key of the CA that only signs CRLs",
            signing.crl(),
            store={**beside, "intermediates": [CA.der, signing.der]},
        ),
        refused(
            "signer-may-not-sign-crls",
            "The other key of the CA may sign certificates only",
            powerless.crl(),
            "does not allow signing CRLs",
            store={**beside, "intermediates": [CA.der, powerless.der]},
        ),
        refused(
            "signer-expired",
            "The certificate of the CA's other key has expired",
            expired.crl(),
            "no valid path leads from that key",
            store={**beside, "intermediates": [CA.der, expired.der]},
        ),
        refused(
            "signer-under-another-root",
            "The CA's other key is certified under a root that is not that of the path",
            stranger.crl(),
            "no valid path leads from that key",
            store={**beside, "intermediates": [CA.der, stranger.der]},
        ),
        refused(
            "signer-revoked",
            "The certificate of the CA's other key is revoked",
            rolled.crl(),
            "no valid path leads from that key",
            store={**beside, "intermediates": [CA.der, rolled.der], "crls": [ROOT.crl([(rolled.serial, AT - DAY, "keyCompromise")])]},
        ),
        refused(
            "algorithms-differ",
            "The algorithm inside the CRL is not the one outside",
            _other_algorithm_inside(),
            "differs from signatureAlgorithm",
        ),
    )


def _other_algorithm_inside() -> bytes:
    inner = asn1.sequence(asn1.oid("1.2.840.10045.4.3.3"))  # ecdsa-with-SHA384
    body = asn1.sequence(asn1.integer(1), inner, CA.subject, asn1.time(AT - DAY), asn1.time(AT + 6 * DAY))
    algorithm, signature = CA.key.sign(body)
    return asn1.sequence(body, algorithm, asn1.bit_string(signature))


def _dates() -> tuple[Vector, ...]:
    return (
        refused("ended-a-second-ago", "nextUpdate was a second ago", CA.crl(next_update=AT - SECOND), code=STALE),
        accepted("ends-this-second", "nextUpdate is this very second", CA.crl(next_update=AT)),
        refused("begins-in-a-second", "thisUpdate is in a second", CA.crl(this_update=AT + SECOND), code="revocation-not-yet-valid"),
        accepted("begins-this-second", "thisUpdate is this very second", CA.crl(this_update=AT)),
        refused(
            "stale-and-revoked",
            "The CRL has ended, and lists the certificate: nothing undoes that",
            CA.crl([REVOKED], next_update=AT - DAY),
            code="revoked",
        ),
        refused(
            "stale-and-on-hold",
            "The CRL has ended, and lists the certificate as on hold, which may have been lifted",
            CA.crl([(SERIAL, AT - 3 * DAY, "certificateHold")], next_update=AT - DAY),
            code=STALE,
        ),
    )


def _entries() -> tuple[Vector, ...]:
    planted = [("1.3.6.1.4.1.55555.2", False, asn1.sequence(asn1.integer(SERIAL), asn1.time(AT - DAY)))]
    names_other: list[pki.Extension] = [("2.5.29.29", True, asn1.sequence(asn1.tlv(0xA4, pki.name_der("Another CA"))))]
    hold = (SERIAL, AT - 3 * DAY, "certificateHold")
    when = AT - 9 * DAY
    return (
        refused("listed", "The certificate is listed", CA.crl([REVOKED]), "keyCompromise", code="revoked"),
        refused(
            "listed-without-a-reason", "The certificate is listed without a reason", CA.crl([(SERIAL, AT - DAY, None)]), code="revoked"
        ),
        refused(
            "listed-with-an-invalidity-date",
            "The CA says from when on the key may have been in other hands",
            CA.crl([(SERIAL, AT - DAY, "keyCompromise", [(x509.InvalidityDate(when.replace(tzinfo=None)), False)])]),
            when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            code="revoked",
        ),
        refused(
            "listed-last-of-many",
            "The certificate is listed behind a thousand others",
            CA.crl([*((n, AT - DAY, None) for n in range(1, 1000)), REVOKED]),
            code="revoked",
        ),
        refused("on-hold", "The certificate is on hold", CA.crl([hold]), code="on-hold"),
        refused("listed-twice", "The certificate is listed as on hold, and as revoked", CA.crl([hold, REVOKED]), code="revoked"),
        accepted(
            "removed-from-a-complete-list",
            "The list says removeFromCRL, which belongs in delta CRLs and means not revoked",
            CA.crl([(SERIAL, AT - DAY, "removeFromCRL")]),
        ),
        accepted(
            "serial-inside-an-extension",
            "The serial number stands in an extension of another entry",
            CA.crl([(5, AT - DAY, None, planted)]),
        ),
        accepted(
            "serial-is-part-of-another",
            "A longer serial number ends with that of the certificate",
            CA.crl([((9 << 8 * 21) + SERIAL, AT - DAY, None)]),
        ),
        refused(
            "critical-extension-in-another-entry",
            "Another entry has a critical extension that nobody knows",
            CA.crl([(5, AT - DAY, None, [UNKNOWN_CRITICAL])]),
            "an entry has a critical extension",
        ),
        refused(
            "critical-extension-in-its-entry",
            "The certificate's own entry has a critical extension that nobody knows; it is listed all the same",
            CA.crl([(*REVOKED, [UNKNOWN_CRITICAL])]),
            code="revoked",
        ),
        refused(
            "entry-names-an-issuer",
            "An entry names a certificate issuer in a CRL that is not indirect",
            CA.crl([(5, AT - DAY, None, names_other)]),
            "only an indirect CRL may do",
        ),
        refused(
            "damaged-behind-the-serial",
            "The CRL is damaged in an entry behind that of the certificate, which is revoked whatever the rest says",
            listing(asn1.sequence(asn1.integer(SERIAL), asn1.time(AT - DAY)), asn1.sequence(asn1.integer(5))),
            code="revoked",
        ),
    )


def _expired_certificates() -> tuple[Vector, ...]:
    expired = CA.issue("client", not_after=AT - 5 * DAY)
    covered = ("2.5.29.60", False, asn1.generalized_time(AT - 300 * DAY))
    return (
        Vector(
            name="crl-after-the-certificate-expired",
            title="A CRL made after the certificate expired need not list it any longer, and says nothing",
            verdict="refused",
            causes=("expired", SCOPE),
            reasons={SCOPE: "the certificate has expired"},
            documented=("not-within-validity",),
            unchecked=("expired-revocation",),
            cert=expired.der,
            store=STORED,
            crls=(CA.crl(),),
        ),
        Vector(
            name="crl-keeps-expired-certificates",
            title="A CRL that says that it keeps expired certificates proves one of them not revoked",
            verdict="refused",
            causes=("expired",),
            absent=(SCOPE, "revoked"),
            documented=("not-within-validity",),
            cert=expired.der,
            store=STORED,
            crls=(CA.crl(extensions=[covered]),),
        ),
    )


def vectors() -> tuple[Vector, ...]:
    return (*_structure(), *_signature(), *_dates(), *_entries(), *_expired_certificates())
