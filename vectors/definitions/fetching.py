"""What happens on the way to evidence, and what several sources say together. By the rules of IIS."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import pki
from chaincheck.fetch.guard import Guard
from chaincheck.fetch.request import Outcome
from chaincheck.server import ServerProfile
from pki import AT
from vectors.definitions.crl_judged import INVALID, STALE, STORED
from vectors.vector import CA, CRL_URL, OCSP_URL, ROOT, ROOT_CRL_URL, Vector

DAY = timedelta(days=1)
MIRROR_URL = "http://mirror.pki.example.com/issuing.crl"
LISTED = CA.issue("client", crl_urls=[CRL_URL])
BOTH = CA.issue("client", ocsp_urls=[OCSP_URL], crl_urls=[CRL_URL])
HERE = ServerProfile(here=True)
UNREACHABLE = "revocation-unreachable"
Verdict = Literal["accepted", "refused", "undetermined"]


def asked(name: str, title: str, verdict: Verdict, cert: pki.Issued, *causes: str, says: str = "", **more: Any) -> Vector:
    given: dict[str, Any] = {"store": STORED, **more}
    reasons = {causes[0]: says} if says else {}
    return Vector(name=f"fetching-{name}", title=title, verdict=verdict, cert=cert.der, causes=causes, reasons=reasons, **given)


def revoking(issued: pki.Issued, reason: str = "keyCompromise") -> bytes:
    return CA.crl([(issued.serial, AT - 3 * DAY, reason)])


def _outcomes() -> tuple[Vector, ...]:
    found: dict[str, tuple[str, Any, str, str]] = {
        "refused-connection": ("The connection is refused", Outcome.UNREACHABLE, UNREACHABLE, "the connection was refused"),
        "time-out": ("The server does not answer in time", Outcome.TIMEOUT, UNREACHABLE, "no answer within"),
        "too-large": ("The answer is larger than any CRL", Outcome.TOO_LARGE, UNREACHABLE, "larger than allowed"),
        "redirect-loop": ("The redirects go round in a circle", Outcome.BAD_REDIRECT, UNREACHABLE, "round in a circle"),
        "not-found": ("The CRL is not there", (404, "status 404, text/html"), UNREACHABLE, "status 404"),
        "server-error": ("The server has an error", (500, "status 500, text/html"), UNREACHABLE, "status 500"),
        "login-page": ("A login page comes instead of the CRL", b"<!DOCTYPE html><p>Please log in", INVALID, "it is not a CRL in DER"),
        "empty-body": ("Nothing comes", b"", INVALID, "it is not a CRL in DER"),
        "proxy": ("The proxy refuses", Outcome.REFUSED_BY_PROXY, "revocation-refused-by-proxy", "the proxy refused the connection"),
    }
    elsewhere = {name: row for name, row in found.items() if row[2] in (UNREACHABLE, "revocation-refused-by-proxy")}
    return (
        *(
            asked(
                f"{name}-on-the-server",
                f"{title}, seen from the server",
                "refused",
                LISTED,
                code,
                says=says,
                server=HERE,
                web={CRL_URL: answer},
            )
            for name, (title, answer, code, says) in found.items()
            if code != "revocation-refused-by-proxy"
        ),
        *(
            asked(name, f"{title}, seen from another machine", "undetermined", LISTED, code, says=says, web={CRL_URL: answer})
            for name, (title, answer, code, says) in elsewhere.items()
        ),
    )


def _several() -> tuple[Vector, ...]:
    two = CA.issue("client", crl_urls=[CRL_URL, MIRROR_URL])
    good, stale = CA.crl(), CA.crl(next_update=AT - DAY)
    answer, gone = CA.ocsp_response(BOTH), (404, "status 404, text/html")
    return (
        asked(
            "second-address",
            "The first address is dead, and the second gives the CRL",
            "accepted",
            two,
            web={CRL_URL: gone, MIRROR_URL: good},
        ),
        asked(
            "second-address-newer",
            "The first address gives a CRL that has ended, the second a newer one",
            "accepted",
            two,
            web={CRL_URL: stale, MIRROR_URL: good},
        ),
        asked(
            "second-address-of-a-stranger",
            "The first address gives the CRL of another CA, the second the right one",
            "accepted",
            two,
            web={CRL_URL: pki.root("Stranger").crl(), MIRROR_URL: good},
        ),
        asked(
            "crl-after-ocsp",
            "The responder does not know the certificate, and the CRL does not list it",
            "accepted",
            BOTH,
            web={OCSP_URL: CA.ocsp_response(BOTH, "unknown"), CRL_URL: good},
        ),
        asked(
            "crl-after-a-replayed-answer",
            "The responder's answer is not believed, and the CRL is",
            "accepted",
            BOTH,
            web={OCSP_URL: (CA.ocsp_response(BOTH, nonce=bytes(32)), b"n" * 32), CRL_URL: good},
        ),
        asked(
            "crl-after-ocsp-revokes",
            "The responder cannot be reached, and the CRL lists the certificate",
            "refused",
            BOTH,
            "revoked",
            web={OCSP_URL: Outcome.TIMEOUT, CRL_URL: revoking(BOTH)},
        ),
        asked(
            "ocsp-good-and-crl-supplied-revokes",
            "The responder says good, and a CRL at hand lists the certificate",
            "refused",
            BOTH,
            "revoked",
            web={OCSP_URL: answer, CRL_URL: good},
            crls=(revoking(BOTH),),
        ),
        asked(
            "ocsp-supplied-good-and-crl-of-the-store-revokes",
            "Windows would stop at the answer that is stapled; the CRL in the server's store lists the certificate",
            "refused",
            BOTH,
            "revoked",
            "revocation-contradicted",
            ocsp_responses=(answer,),
            store={**STORED, "crls": [ROOT.crl(), revoking(BOTH)]},
        ),
        asked(
            "all-sources-dead",
            "Neither the responder nor the CRL can be had",
            "refused",
            BOTH,
            UNREACHABLE,
            server=HERE,
            web={OCSP_URL: Outcome.TIMEOUT, CRL_URL: gone},
        ),
        asked(
            "both-stale",
            "Both the answer and the CRL have ended",
            "refused",
            BOTH,
            STALE,
            server=HERE,
            web={OCSP_URL: CA.ocsp_response(BOTH, next_update=AT - DAY), CRL_URL: stale},
        ),
    )


def _intermediate() -> tuple[Vector, ...]:
    issuing = ROOT.issue_ca("Vector Issuing CA", key="p256:asked", crl_urls=[ROOT_CRL_URL])
    client = issuing.issue("client", crl_urls=[CRL_URL])
    store = {"roots": [ROOT.der], "intermediates": [issuing.der], "disallowed": [], "crls": []}
    own = {CRL_URL: issuing.crl()}
    listed = {reason: ROOT.crl([(issuing.serial, AT - 3 * DAY, reason)]) for reason in ("cACompromise", "certificateHold")}
    return (
        asked(
            "intermediate",
            "The root's CRL does not list the issuing CA",
            "accepted",
            client,
            store=store,
            web={**own, ROOT_CRL_URL: ROOT.crl()},
        ),
        asked(
            "intermediate-revoked",
            "The root's CRL lists the issuing CA",
            "refused",
            client,
            "revoked/intermediate",
            store=store,
            web={**own, ROOT_CRL_URL: listed["cACompromise"]},
        ),
        asked(
            "intermediate-on-hold",
            "The root's CRL has the issuing CA on hold",
            "refused",
            client,
            "on-hold/intermediate",
            store=store,
            web={**own, ROOT_CRL_URL: listed["certificateHold"]},
        ),
        asked(
            "intermediate-unreachable",
            "The root's CRL cannot be reached from the server",
            "refused",
            client,
            f"{UNREACHABLE}/intermediate",
            store=store,
            server=HERE,
            web={**own, ROOT_CRL_URL: Outcome.TIMEOUT},
        ),
        asked(
            "intermediate-stale",
            "The root's CRL has ended",
            "refused",
            client,
            f"{STALE}/intermediate",
            store=store,
            server=HERE,
            web={**own, ROOT_CRL_URL: ROOT.crl(next_update=AT - DAY)},
        ),
    )


def _elsewhere() -> tuple[Vector, ...]:
    directory = CA.issue("client", crl_urls=["ldap:///CN=Issuing,CN=CDP,DC=example?certificateRevocationList?base"])
    both = CA.issue("client", crl_urls=["ldap:///CN=Issuing,CN=CDP,DC=example?certificateRevocationList?base", CRL_URL])
    file = CA.issue("client", crl_urls=["file://server/share/issuing.crl"])
    metadata = CA.issue("client", crl_urls=["http://169.254.169.254/latest/meta-data/"])
    gopher = CA.issue("client", crl_urls=["gopher://crl.pki.example.com/issuing.crl"])
    guarded = "revocation-refused-by-guard"
    return (
        asked("directory-without-a-name", "The CRL lies in the directory of a domain", "undetermined", directory, guarded),
        asked(
            "directory-and-http",
            "The CRL lies in the directory of a domain, and on a web server",
            "accepted",
            both,
            web={CRL_URL: CA.crl()},
        ),
        asked("file-of-a-server", "The CRL lies in a file of another machine", "undetermined", file, guarded, says="file"),
        asked(
            "metadata-address",
            "The address is that of a cloud's metadata",
            "undetermined",
            metadata,
            guarded,
            says="metadata",
            guard=Guard.INTRANET,
        ),
        asked("scheme-unknown", "Nobody fetches addresses of this kind", "undetermined", gopher, "revocation-not-fetched"),
    )


def vectors() -> tuple[Vector, ...]:
    return (*_outcomes(), *_several(), *_intermediate(), *_elsewhere())
