"""One OCSP response with one fault, by RFC 6960, 5019 and 9654, and its healthy twins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import asn1
import pki
from chaincheck.server import ServerProfile
from pki import AT
from vectors.definitions.crl_judged import BY_THE_RFC, INVALID, SCOPE, STALE, STORED, UNKNOWN_CRITICAL
from vectors.vector import CA, OCSP_URL, ROOT, Answer, Vector

DAY, HOUR, MINUTE, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
CLIENT = CA.issue("client")
ASKED = CA.issue("client", ocsp_urls=[OCSP_URL])
RESPONDER = CA.issue_responder()
UNKNOWN = "revocation-unknown"
Verdict = Literal["accepted", "refused", "undetermined"]


def judged(name: str, title: str, verdict: Verdict, *answers: bytes, code: str = "", says: str = "", **more: Any) -> Vector:
    """Supplied, by the RFC: the caller's evidence is all there is."""
    given: dict[str, Any] = {"cert": CLIENT.der, "store": STORED, **BY_THE_RFC, **more}
    causes, reasons = ((code,) if code else ()), ({code: says} if says else {})
    return Vector(name=f"ocsp-{name}", title=title, verdict=verdict, causes=causes, reasons=reasons, ocsp_responses=answers, **given)


def fetched(name: str, title: str, verdict: Verdict, answer: Answer, code: str = "", says: str = "", **more: Any) -> Vector:
    """Fetched by the server itself, by the rules of IIS: an unknown status refuses."""
    given: dict[str, Any] = {"cert": ASKED.der, "store": STORED, "server": ServerProfile(here=True), "web": {OCSP_URL: answer}, **more}
    causes, reasons = ((code,) if code else ()), ({code: says} if says else {})
    return Vector(name=f"ocsp-{name}", title=title, verdict=verdict, causes=causes, reasons=reasons, **given)


def good(**changes: Any) -> bytes:
    return CA.ocsp_response(CLIENT, **changes)


def status(number: int) -> bytes:
    """A response that is not successful (RFC 6960 4.2.1)."""
    return asn1.sequence(asn1.enumerated(number))


def _statuses() -> tuple[Vector, ...]:
    names = {1: "malformedRequest", 2: "internalError", 3: "tryLater", 5: "sigRequired", 6: "unauthorized"}
    titles = {
        1: "The responder calls the question malformed",
        2: "The responder has an error of its own",
        3: "The responder has no time",
        5: "The responder wants a signed question",
        6: "The responder does not answer for this CA, or not to us",
    }
    words = {1: "malformed-request", 2: "internal-error", 3: "asked-to-try-later", 5: "signature-required", 6: "unauthorized"}
    return tuple(fetched(words[n], titles[n], "refused", status(n), UNKNOWN, names[n]) for n in names)


def _not_a_response() -> tuple[Vector, ...]:
    answer = CA.ocsp_response(ASKED)
    kind = asn1.sequence(asn1.enumerated(0), asn1.explicit(0, asn1.sequence(asn1.oid("1.3.6.1.4.1.55555.9"), asn1.octet_string(b"0\0"))))
    none = "it is not an OCSP response in DER"
    return (
        fetched("login-page", "A login page comes instead of an answer", "refused", b"<!DOCTYPE html><p>Please log in", INVALID, none),
        fetched("empty", "Nothing comes", "refused", b"", INVALID, none),
        fetched("trailing-bytes", "Bytes follow the answer", "refused", answer + b"\0", INVALID, none),
        fetched("cut-short", "The last bytes of the answer are missing", "refused", answer[:-5], INVALID, none),
        fetched(
            "indefinite-length", "The answer is BER with an indefinite length", "refused", b"0\x80" + answer[4:] + bytes(2), INVALID, none
        ),
        fetched("status-undefined", "The status of the answer does not exist", "refused", status(4), INVALID, none),
        fetched("successful-and-empty", "The answer calls itself successful and says nothing", "refused", status(0), INVALID, none),
        fetched(
            "of-another-type",
            "The answer is of another type than basic",
            "refused",
            kind,
            INVALID,
            "another type than a basic OCSP response",
        ),
        fetched("good", "The responder says good", "accepted", answer),
    )


def _about() -> tuple[Vector, ...]:
    other = CA.issue("another")
    stranger = pki.root("Stranger")
    several = CA.ocsp_single(other, "revoked")
    return (
        judged(
            "about-another-certificate-only",
            "The answer is about another certificate of the CA",
            "refused",
            CA.ocsp_response(other),
            code=SCOPE,
            says="another certificate",
        ),
        fetched(
            "about-another-issuer",
            "The answer is about a certificate of another CA",
            "refused",
            stranger.ocsp_response(ASKED),
            SCOPE,
            "another issuer",
        ),
        judged("sha256", "The answer names the certificate by SHA-256", "accepted", good(id_hash="sha256")),
        judged(
            "several-answers",
            "The answer speaks about several certificates, and calls another one revoked",
            "accepted",
            good(more_singles=[several]),
        ),
        judged(
            "several-answers-revoked",
            "The answer speaks about several certificates, and calls this one revoked",
            "refused",
            CA.ocsp_response(other, more_singles=[CA.ocsp_single(CLIENT, "revoked", reason="keyCompromise")]),
            code="revoked",
            says="keyCompromise",
        ),
        judged(
            "contradicts-itself",
            "One answer calls the certificate good and revoked",
            "refused",
            good(more_singles=[CA.ocsp_single(CLIENT, "revoked")]),
            code="revoked",
        ),
        judged(
            "revoked",
            "The responder says revoked",
            "refused",
            good(status="revoked", reason="cessationOfOperation"),
            code="revoked",
            says="cessationOfOperation",
        ),
        judged(
            "on-hold",
            "The responder says revoked, with the reason certificateHold",
            "refused",
            good(status="revoked", reason="certificateHold"),
            code="on-hold",
        ),
        judged("unknown", "The responder does not know the certificate", "refused", good(status="unknown"), code=UNKNOWN, says="unknown"),
    )


def _signer() -> tuple[Vector, ...]:
    def by(responder: pki.Issued, **changes: Any) -> bytes:
        return good(responder=responder, **changes)

    without_usage = CA.issue("Responder", eku=("clientAuth",))
    any_usage = CA.issue("Responder", eku=("anyExtendedKeyUsage",))
    expired = CA.issue_responder(not_after=AT - DAY)
    early = CA.issue_responder(not_before=AT + DAY)
    of_root = ROOT.issue_responder()
    of_stranger = pki.root("Vector Issuing CA", key="p256:namesake").issue_responder()
    below = CA.issue_ca("Vector Lower CA").issue_responder()
    wrong_usage = CA.issue_responder(key_usage=("keyAgreement",))
    checked = CA.issue("Responder", eku=("ocspSigning",))
    revoked = CA.crl([(checked.serial, AT - DAY, "keyCompromise")])
    return (
        judged("by-name", "The CA signs, and names itself", "accepted", good(by="name")),
        judged("by-key", "The CA signs, and names its key", "accepted", good(by="key")),
        judged("delegated-by-key", "A delegated responder signs, and names its key", "accepted", by(RESPONDER, by="key")),
        judged(
            "signature-broken",
            "The signature does not fit",
            "refused",
            good(broken_signature=True),
            code=INVALID,
            says="signature does not fit",
        ),
        judged(
            "responder-not-enclosed",
            "The responder's certificate is not enclosed",
            "refused",
            by(RESPONDER, certificates=()),
            code=INVALID,
            says="names a responder that is neither",
        ),
        judged(
            "responder-for-clients",
            "The responder's certificate is for client authentication",
            "refused",
            by(without_usage),
            code=INVALID,
            says="lacks the usage OCSPSigning",
        ),
        judged(
            "responder-for-anything",
            "The responder's certificate is for any purpose, which is not enough",
            "refused",
            by(any_usage),
            code=INVALID,
            says="lacks the usage OCSPSigning",
        ),
        judged(
            "responder-key-usage",
            "The key of the responder is for key agreement only",
            "refused",
            by(wrong_usage),
            code=INVALID,
            says="does not allow signatures",
        ),
        judged(
            "responder-expired",
            "The responder's certificate has expired",
            "refused",
            by(expired),
            code=INVALID,
            says="certificate has expired",
        ),
        judged(
            "responder-not-yet-valid",
            "The responder's certificate is not yet valid",
            "refused",
            by(early),
            code=INVALID,
            says="is not yet valid",
        ),
        judged(
            "responder-of-the-root",
            "The responder is delegated by the root, not by the issuing CA",
            "refused",
            by(of_root),
            code=INVALID,
            says="not issued by the key",
        ),
        judged(
            "responder-of-a-namesake",
            "The responder is delegated by another CA of the same name",
            "refused",
            by(of_stranger),
            code=INVALID,
            says="not issued by the key",
        ),
        judged(
            "responder-of-a-lower-ca",
            "The responder is delegated by a CA below the issuing CA",
            "refused",
            by(below),
            code=INVALID,
            says="not issued by the key",
        ),
        judged(
            "responder-revoked",
            "The responder's certificate is revoked by a CRL at hand, which calls the client's good",
            "accepted",
            by(checked),
            crls=(revoked,),
        ),
        judged(
            "responder-critical-extension",
            "The responder's certificate has a critical extension that nobody knows",
            "refused",
            by(CA.issue_responder(extensions=[UNKNOWN_CRITICAL])),
            code=INVALID,
            says="critical extension",
        ),
    )


def _dates() -> tuple[Vector, ...]:
    late = "revocation-not-yet-valid"
    expired = CA.issue("client", not_after=AT - 5 * DAY)
    cutoff: pki.Extension = ("1.3.6.1.5.5.7.48.1.6", False, asn1.generalized_time(AT - 300 * DAY))
    return (
        judged("ended-a-second-ago", "nextUpdate was a second ago", "refused", good(next_update=AT - SECOND), code=STALE),
        judged("ends-this-second", "nextUpdate is this very second", "accepted", good(next_update=AT)),
        judged(
            "without-next-update-fresh",
            "There is no nextUpdate, and thisUpdate was eleven hours ago",
            "accepted",
            good(next_update=None, this_update=AT - 11 * HOUR),
        ),
        judged(
            "without-next-update-old",
            "There is no nextUpdate, and thisUpdate was thirteen hours ago",
            "refused",
            good(next_update=None, this_update=AT - 13 * HOUR),
            code=STALE,
        ),
        judged("begins-in-a-second", "thisUpdate is in a second", "refused", good(this_update=AT + SECOND), code=late),
        fetched(
            "clock-ahead-4-minutes",
            "The responder's clock is four minutes ahead, which is forgiven",
            "accepted",
            CA.ocsp_response(ASKED, this_update=AT + 4 * MINUTE),
        ),
        fetched(
            "clock-ahead-10-minutes",
            "The responder's clock is ten minutes ahead",
            "refused",
            CA.ocsp_response(ASKED, this_update=AT + 10 * MINUTE),
            late,
        ),
        judged(
            "produced-in-the-future",
            "The answer says that it was produced an hour from now",
            "refused",
            good(produced_at=AT + HOUR),
            code=late,
        ),
        judged(
            "next-update-before-this-update",
            "The answer ends before it begins",
            "refused",
            good(this_update=AT - HOUR, next_update=AT - 2 * HOUR),
            code=INVALID,
            says="nextUpdate lies before",
        ),
        judged(
            "stale-and-revoked",
            "The answer has ended, and says revoked: nothing undoes that",
            "refused",
            good(status="revoked", next_update=AT - MINUTE),
            code="revoked",
        ),
        Vector(
            name="ocsp-after-the-certificate-expired",
            title="The responder says good of a certificate that has expired, which need not mean that it was never revoked",
            verdict="refused",
            causes=("expired", SCOPE),
            reasons={SCOPE: "the certificate has expired"},
            documented=("not-within-validity",),
            cert=expired.der,
            store=STORED,
            ocsp_responses=(CA.ocsp_response(expired),),
        ),
        Vector(
            name="ocsp-archive-cutoff",
            title="The responder keeps expired certificates (archive cutoff), and says good of one",
            verdict="refused",
            causes=("expired",),
            absent=(SCOPE,),
            documented=("not-within-validity",),
            cert=expired.der,
            store=STORED,
            ocsp_responses=(CA.ocsp_response(expired, single_extensions=[cutoff]),),
        ),
    )


def _extensions() -> tuple[Vector, ...]:
    nonce = bytes(range(32))
    return (
        judged(
            "critical-extension",
            "The answer has a critical extension that nobody knows",
            "refused",
            good(extensions=[UNKNOWN_CRITICAL]),
            code=INVALID,
            says="critical extension",
        ),
        judged(
            "critical-single-extension",
            "The answer about the certificate has a critical extension that nobody knows",
            "refused",
            good(single_extensions=[UNKNOWN_CRITICAL]),
            code=INVALID,
            says="critical extension",
        ),
        fetched("nonce-comes-back", "The nonce that was sent comes back", "accepted", (CA.ocsp_response(ASKED, nonce=nonce), nonce)),
        fetched("nonce-left-out", "The responder leaves the nonce out, as most do", "accepted", (CA.ocsp_response(ASKED), nonce)),
        fetched(
            "replayed",
            "An old answer with another nonce is replayed",
            "refused",
            (CA.ocsp_response(ASKED, nonce=bytes(32)), nonce),
            INVALID,
            "an old answer was replayed",
        ),
    )


def vectors() -> tuple[Vector, ...]:
    return (*_statuses(), *_not_a_response(), *_about(), *_signer(), *_dates(), *_extensions())
