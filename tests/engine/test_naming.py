"""An issuer that is missing is named by what the certificate's own address holds, and never trusted for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import chaincheck
import pki
from chaincheck import CauseCode, Guard, Verdict

if TYPE_CHECKING:
    from http_server import WebServer

RULES = replace(chaincheck.IIS, revocation="off")
ROOT = pki.root()
CA = ROOT.issue_ca("Issuing CA")


def ask(web: WebServer, body: bytes, issuer: pki.Authority = CA, *, unanchored: bool = True) -> chaincheck.Diagnosis:
    client = issuer.issue("client", ca_issuers=[web.serve("/issuer.cer", body)])
    guard = Guard(allow=(web.address,), fetch_unanchored=unanchored)
    store = chaincheck.TrustStore(roots=[pki.root("Another Root").der], intermediates=[])
    return chaincheck.diagnose(client.der, store=store, rules=RULES, guard=guard, at=pki.AT)


def test_an_intermediate_at_the_address_is_named_with_its_fingerprint(web: WebServer) -> None:
    answer = ask(web, CA.der)
    assert answer.verdict is Verdict.REFUSED
    (cause,) = answer.causes
    assert cause.code is CauseCode.INTERMEDIATE_MISSING
    assert cause.facts.found_sha256 == CA.fingerprint  # type: ignore[attr-defined]  # the member of this very kind
    assert "the address in the certificate (AIA)" in cause.why()


def test_a_root_at_the_address_is_named_as_the_root_that_is_not_installed(web: WebServer) -> None:
    (cause,) = ask(web, ROOT.der, ROOT).causes
    assert cause.code is CauseCode.UNTRUSTED_ROOT
    assert cause.documented is chaincheck.DocumentedCause.ROOT_NOT_INSTALLED


def test_what_did_not_issue_the_certificate_names_nothing(web: WebServer) -> None:
    for body in (pki.root("Stranger").der, b"<html>please log in</html>", b""):
        (cause,) = ask(web, body).causes
        assert cause.code is CauseCode.ISSUER_NOT_FOUND


def test_by_default_the_address_of_a_certificate_without_an_anchor_is_not_asked(web: WebServer) -> None:
    (cause,) = ask(web, CA.der, unanchored=False).causes
    assert cause.code is CauseCode.ISSUER_NOT_FOUND
    assert web.count("/issuer.cer") == 0
