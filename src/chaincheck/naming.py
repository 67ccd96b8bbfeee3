"""Naming what is missing: where a path ends without an issuer, the address its last certificate names may have it (RFC 5280 4.2.2.1).

What is found there is shown, never used: a certificate that came from the network is no part of what the server has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaincheck import causes
from chaincheck.causes.codes import CauseCode, Role
from chaincheck.errors import InputError
from chaincheck.fetch.request import Request
from chaincheck.formats.limits import Limits
from chaincheck.formats.load import load
from chaincheck.x509.certificate import Certificate
from chaincheck.x509.signature import Signature, verify

if TYPE_CHECKING:
    from collections.abc import Generator

    from chaincheck.causes.cause import Cause
    from chaincheck.engine import Ruling
    from chaincheck.fetch.request import Response
    from chaincheck.question import Question

AIA = "aia"
_ASKED = frozenset({"http", "https", "ldap", "ldaps"})
URLS = 5  # addresses of one certificate that Windows asks (reference: CryptoAPI's limits)
_NAMELESS = frozenset({CauseCode.ISSUER_NOT_FOUND, CauseCode.INTERMEDIATE_MISSING})


def name_missing(question: Question, best: Ruling) -> Generator[list[Request], list[Response], None]:
    """Ask the caIssuers addresses of the certificate whose issuer is missing, where the guard lets unanchored addresses be fetched."""
    top = best.candidate.nodes[-1].certificate
    wanted = question.fetch == "online" and question.fetch_unanchored and question.store is not None
    if not wanted or best.candidate.anchored or top is None or not any(cause.code in _NAMELESS for cause in best.causes):
        return
    urls = [url for url in top.ca_issuers_urls if url.partition(":")[0].lower() in _ASKED][:URLS]
    if not urls:
        return
    responses = yield [Request(kind="aia", url=url, certificate=top.fingerprint) for url in urls]
    found = {c.sha256: c for response in responses if response.ok for c in _certificates(response.body) if _issued(c, top)}
    if found:
        best.causes = [_named(cause, found[min(found)], question) if cause.code in _NAMELESS else cause for cause in best.causes]


def _certificates(body: bytes) -> list[Certificate]:
    try:
        return [Certificate(encoded) for encoded in load(body, limits=Limits.hostile(), where=AIA, expect="store").certificates]
    except InputError:
        return []  # a login page, an error page: nothing that has a name


def _issued(issuer: Certificate, child: Certificate) -> bool:
    if issuer.subject.normalised != child.issuer.normalised:
        return False
    return verify(child.tbs, child.signature_algorithm, child.signature, issuer.public_key) is Signature.VALID


def _named(cause: Cause, issuer: Certificate, question: Question) -> Cause:
    store = question.store.name if question.store is not None else ""
    if issuer.is_self_issued:
        root = causes.facts.UntrustedRootFacts(root=str(issuer.subject), root_sha256=issuer.fingerprint, found_in=AIA, store=store)
        return causes.make(CauseCode.UNTRUSTED_ROOT, Role.ANCHOR, issuer, root, proven=cause.proven)
    identifier = issuer.subject_key_identifier
    missing = causes.facts.IntermediateMissingFacts(
        issuer=str(issuer.subject),
        key_identifier=identifier.hex() if identifier is not None else None,
        store=store,
        found_in=AIA,
        found_sha256=issuer.fingerprint,
    )
    return causes.make(CauseCode.INTERMEDIATE_MISSING, cause.role, cause.certificate, missing, proven=cause.proven)
