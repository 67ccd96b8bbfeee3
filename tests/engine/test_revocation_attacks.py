"""Evidence made to mislead: signers and responders that may not speak, and URLs of certificates that nobody permitted vouches for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

import asn1
import chaincheck
import pki
from chaincheck.causes.codes import CauseCode, Verdict
from engine.asking import unchecked

if TYPE_CHECKING:
    from http_server import WebServer

DAY = timedelta(days=1)
ROOT = pki.root("Attacked root")
CA = ROOT.issue_ca("Attacked CA")
LEAF = CA.issue("attacked", crl_urls=["http://crl.test/ca.crl"])
LONG: dict[str, Any] = {"next_update": pki.AT + 60 * DAY}
REVOKED = (LEAF.serial, pki.AT - 3 * DAY, "keyCompromise")
HELD = (LEAF.serial, pki.AT - 20 * DAY, "certificateHold")


def ask(cert: pki.Issued = LEAF, **more: Any) -> chaincheck.Diagnosis:
    """With the evidence given and a current CRL of the root; ``store`` has more for the store."""
    told = {"roots": ROOT.der, "intermediates": CA.der, "disallowed": (), "crls": [ROOT.crl(**LONG)], **more.pop("store", {})}
    return chaincheck.diagnose(cert.der, **{"store": chaincheck.TrustStore(**told), "at": pki.AT, "fetch": "never", **more})


# signers of CRLs


def test_the_control_is_accepted() -> None:
    assert ask(crls=[CA.crl()]).accepted


@pytest.mark.parametrize(
    "flaw", [{"key_usage": ("digitalSignature",)}, {"ca": False}, {"ca": None}, {"eku": ("codeSigning",)}, {"not_after": pki.AT - DAY}]
)
def test_a_crl_signer_needs_permitted_cas_above_it(flaw: dict[str, Any]) -> None:
    above = ROOT.issue_ca("Unfit", **flaw)
    signer = above.issue_ca(CA.subject, key="p256:unfit signer")
    assert not ask(crls=[signer.crl(issuer=CA.subject)], presented=[above.der, signer.der]).accepted


def test_a_crl_signer_may_lack_the_usages_of_a_client() -> None:
    signer = ROOT.issue_ca(CA.subject, key="p256:crl only", key_usage=("cRLSign",), eku=("codeSigning",))
    assert ask(crls=[signer.crl(issuer=CA.subject)], presented=[signer.der]).accepted


def test_a_crl_signer_need_not_be_a_ca() -> None:
    """RFC 5280 6.3.3 (f): cRLSign where there is a key usage."""
    for usage, accepted in ((None, True), (("cRLSign",), True), (("digitalSignature",), False)):
        signer = ROOT.issue_ca(CA.subject, key="p256:end entity", ca=False, key_usage=usage)
        assert ask(crls=[signer.crl(issuer=CA.subject)], presented=[signer.der]).accepted is accepted


def test_an_answer_is_not_remembered_longer_than_the_crl_signer_is_valid() -> None:
    signer = ROOT.issue_ca(CA.subject, key="p256:short signer", not_after=pki.AT + 2 * DAY)
    store = chaincheck.TrustStore(roots=ROOT.der, intermediates=[CA.der, signer.der], disallowed=())
    checker = chaincheck.Checker(store=store, crls=[ROOT.crl(**LONG), signer.crl(**LONG)], fetch="never")
    assert checker.diagnose(LEAF.der, at=pki.AT).accepted
    assert checker.diagnose(LEAF.der, at=pki.AT + 2 * DAY).accepted
    assert not checker.diagnose(LEAF.der, at=pki.AT + 2 * DAY + timedelta(seconds=1)).accepted


def test_an_answer_is_not_remembered_longer_than_a_crl_signer_is_not_yet_valid() -> None:
    signer = ROOT.issue_ca(CA.subject, key="p256:coming signer", not_before=pki.AT + DAY)
    store = chaincheck.TrustStore(roots=ROOT.der, intermediates=[CA.der, signer.der], disallowed=())
    checker = chaincheck.Checker(store=store, crls=[ROOT.crl(**LONG), CA.crl(), signer.crl([REVOKED], **LONG)], fetch="never")
    assert checker.diagnose(LEAF.der, at=pki.AT).accepted
    assert checker.diagnose(LEAF.der, at=pki.AT + 2 * DAY).verdict is Verdict.REFUSED


# responders

RESPONDER = CA.issue_responder()
GOOD = CA.ocsp_response(LEAF, responder=RESPONDER)
STALE: dict[str, Any] = {"this_update": pki.AT - 15 * DAY, "next_update": pki.AT - 8 * DAY}
LISTED = (RESPONDER.serial, pki.AT - 20 * DAY, "keyCompromise")
SOME = x509.IssuingDistributionPoint(None, None, False, False, frozenset({x509.ReasonFlags.key_compromise}), False, False)


def reasons(diagnosis: chaincheck.Diagnosis) -> set[str]:
    return {str(attempt.detail) for status in diagnosis.revocation for attempt in status.attempts if attempt.detail}


def test_a_responder_in_the_disallowed_store_is_not_believed() -> None:
    assert ask(ocsp_responses=[GOOD]).accepted
    diagnosis = ask(ocsp_responses=[GOOD], store={"disallowed": RESPONDER.der})
    assert not diagnosis.accepted
    assert any("not trusted" in each for each in reasons(diagnosis))


@pytest.mark.parametrize(
    "evidence",
    [
        CA.crl([LISTED], this_update=pki.AT - 2 * DAY, extensions=[(SOME, True)]),
        CA.crl([LISTED], **STALE),
        CA.crl([LISTED], extensions=[("1.2.3", True, asn1.null())]),
        CA.crl([(RESPONDER.serial, pki.AT - DAY, "certificateHold")], extensions=[(SOME, True)]),
    ],
    ids=["some reasons", "stale", "unknown critical extension", "on hold"],
)
def test_a_responder_that_evidence_at_hand_revokes_is_not_believed(evidence: bytes) -> None:
    diagnosis = ask(ocsp_responses=[GOOD], crls=[evidence])
    assert not diagnosis.accepted
    assert any("responder's certificate is revoked" in each for each in reasons(diagnosis))


def test_a_responder_cannot_clear_itself_by_an_answer_of_its_own() -> None:
    own = CA.ocsp_response(RESPONDER, responder=RESPONDER)
    held = CA.crl([(RESPONDER.serial, pki.AT - 5 * DAY, "certificateHold")], this_update=pki.AT - 2 * DAY, extensions=[(SOME, True)])
    assert not ask(ocsp_responses=[GOOD, own], crls=[held]).accepted


def test_a_newer_good_of_a_revoked_responder_lifts_no_hold() -> None:
    listed = CA.crl([LISTED, HELD], this_update=pki.AT - 2 * DAY)
    assert ask(ocsp_responses=[GOOD], crls=[CA.crl([HELD], this_update=pki.AT - 2 * DAY)]).accepted
    diagnosis = ask(ocsp_responses=[GOOD], crls=[listed])
    assert diagnosis.verdict is Verdict.REFUSED
    assert CauseCode.ON_HOLD in {cause.code for cause in diagnosis.causes}


def test_a_responder_with_a_key_or_hash_that_the_rules_refuse_is_not_believed() -> None:
    weak = CA.issue_responder("Weak", key="rsa512")
    assert not ask(ocsp_responses=[CA.ocsp_response(LEAF, responder=weak)]).accepted
    strict = replace(chaincheck.IIS, refused_hashes=frozenset({"sha1"}))
    old = pki.root("Old root", key="rsa2048:a")
    leaf = old.issue("old", crl_urls=["http://crl.test/old.crl"])
    store = {"roots": old.der}
    sha1 = old.issue_responder(signing_hash="sha1")
    for data in (old.ocsp_response(leaf, responder=sha1), old.ocsp_response(leaf, signing_hash="sha1")):
        assert ask(leaf, store=store, ocsp_responses=[data]).accepted
        assert not ask(leaf, store=store, ocsp_responses=[data], rules=strict).accepted


# what is said


def test_a_certificate_with_a_distribution_point_that_is_no_address_is_undetermined() -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CA dp")])
    points = x509.CRLDistributionPoints([x509.DistributionPoint([x509.DirectoryName(name)], None, None, None)])
    leaf = CA.issue("directory", extensions=[(points, False)])
    diagnosis = ask(leaf)
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert "revocation-not-fetched" in unchecked(diagnosis)
    assert ask(leaf, crls=[CA.crl()]).accepted


def test_a_delta_crl_that_is_not_at_hand_keeps_a_server_from_accepting() -> None:
    points = x509.FreshestCRL([x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl.test/d")], None, None, None)])
    diagnosis = ask(crls=[CA.crl(extensions=[(points, False)])])
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert "delta-not-judged" in unchecked(diagnosis)
    assert ask(crls=[CA.crl(extensions=[(points, False)])], rules=chaincheck.RFC5280).accepted
    assert "delta-not-judged" not in unchecked(ask(crls=[CA.crl()]))
    for lang in ("en", "ja"):
        assert diagnosis.to_text(lang=lang)


def test_a_crl_of_the_issuer_of_a_forged_certificate_is_not_said_to_be_of_another_issuer() -> None:
    forged = CA.issue("forged", broken_signature=True)
    given: dict[str, Any] = {"crls": [CA.crl()], "ocsp_responses": [CA.ocsp_response(forged)]}
    assert CauseCode.REVOCATION_OUT_OF_SCOPE not in {cause.code for cause in ask(forged, **given).causes}
    other = pki.root("Elsewhere").crl()
    assert CauseCode.REVOCATION_OUT_OF_SCOPE in {cause.code for cause in ask(forged, crls=[other]).causes}


# whose URLs are opened

NOW = datetime.now(UTC).replace(microsecond=0)
DATES: dict[str, Any] = {**pki.valid_around(NOW, 30)}
FRESH: dict[str, Any] = {"this_update": NOW - timedelta(hours=1), "next_update": NOW + DAY}
WEB_ROOT = pki.root("Web root", **DATES)
WEB_CA = WEB_ROOT.issue_ca("Web CA", **DATES)


def hits(web: WebServer, cert: bytes, intermediate: pki.Authority, *, presented: Any = (), **store: Any) -> int:
    """How many requests the diagnosis of this certificate makes."""
    told = {"roots": WEB_ROOT.der, "intermediates": intermediate.der, "crls": [WEB_ROOT.crl(**FRESH)], "disallowed": (), **store}
    before = web.count()
    guard = chaincheck.Guard(intranet=True, allow=(web.address,))
    diagnosis = chaincheck.diagnose(cert, store=chaincheck.TrustStore(**told), presented=presented, guard=guard, cache=None)
    assert not diagnosis.accepted
    return web.count() - before


def leaf_of(web: WebServer, issuer: pki.Authority, **more: Any) -> pki.Issued:
    return issuer.issue("web", **{**DATES, "crl_urls": [web.url("/1.crl"), web.url("/2.crl")], **more})


def with_algorithm_of_nobody(certificate: bytes) -> bytes:
    """The certificate with a signature algorithm that no build knows."""
    tbs, *_ = asn1.parts(certificate)
    parts = asn1.parts(tbs)
    algorithm = asn1.sequence(asn1.oid("1.2.3.4.5"))
    return asn1.sequence(asn1.sequence(*parts[:2], algorithm, *parts[3:]), algorithm, asn1.bit_string(b"anything"))


def test_a_permitted_certificate_is_asked_about(web: WebServer) -> None:
    assert hits(web, leaf_of(web, WEB_CA).der, WEB_CA) == 2
    assert hits(web, leaf_of(web, WEB_CA, not_after=NOW - DAY).der, WEB_CA) == 2
    assert hits(web, leaf_of(web, WEB_CA, eku=("codeSigning",)).der, WEB_CA) == 2


def test_an_issuer_whose_own_revocation_is_unknown_does_not_keep_from_asking(web: WebServer) -> None:
    ca = WEB_ROOT.issue_ca("Web CA", key=WEB_CA.key, **DATES, crl_urls=[web.url("/root.crl")])
    assert hits(web, leaf_of(web, ca).der, ca, crls=()) == 3


@pytest.mark.parametrize("reason", ["keyCompromise", "certificateHold"])
@pytest.mark.parametrize("revocation", ["path", "subject"])
def test_what_a_revoked_issuer_issued_causes_no_connection(reason: str, revocation: str, web: WebServer) -> None:
    listed = WEB_ROOT.crl([(WEB_CA.serial, NOW - DAY, reason)], **FRESH)
    assert hits(web, leaf_of(web, WEB_CA).der, WEB_CA, crls=[listed]) == 0


def test_an_issuer_found_revoked_on_the_way_stops_the_asking(web: WebServer) -> None:
    ca = WEB_ROOT.issue_ca("Web CA", key=WEB_CA.key, **DATES, crl_urls=[web.url("/root.crl")])
    web.serve("/root.crl", WEB_ROOT.crl([(ca.serial, NOW - DAY, "keyCompromise")], **FRESH))
    leaf = leaf_of(web, ca, crl_urls=[web.url(f"/{number}.crl") for number in range(5)])
    assert hits(web, leaf.der, ca, crls=()) == 2  # the first round asks about both
    assert web.count("/1.crl") == 0


CONSTRAINED = x509.NameConstraints([x509.DNSName("x.example")], None)
UNPERMITTED: dict[str, dict[str, Any]] = {
    "expired": {"not_after": NOW - DAY},
    "not yet valid": {"not_before": NOW + DAY},
    "for code signing only": {"eku": ("codeSigning",)},
    "with a weak key": {"key": "rsa512"},
    "with a critical extension nobody knows": {"extensions": [("1.2.3.4", True, asn1.null())]},
}


@pytest.mark.parametrize("what", UNPERMITTED)
def test_what_an_issuer_that_does_not_count_issued_causes_no_connection(what: str, web: WebServer) -> None:
    ca = WEB_ROOT.issue_ca("Not permitted", **{**DATES, **UNPERMITTED[what]})
    signing = {"signing_hash": "sha256"} if what == "with a weak key" else {}
    assert hits(web, leaf_of(web, ca, **signing).der, ca) == 0


def test_a_forgery_with_an_algorithm_of_nobody_causes_no_connection(web: WebServer) -> None:
    assert hits(web, with_algorithm_of_nobody(leaf_of(web, WEB_CA).der), WEB_CA) == 0
    forged = WEB_ROOT.issue_ca("Forged CA", **DATES)
    assert hits(web, leaf_of(web, forged).der, WEB_CA, presented=with_algorithm_of_nobody(forged.der)) == 0


def test_a_distrusted_certificate_and_what_a_distrusted_issuer_issued_cause_no_connection(web: WebServer) -> None:
    leaf = leaf_of(web, WEB_CA)
    assert hits(web, leaf.der, WEB_CA, disallowed=leaf.der) == 0
    assert hits(web, leaf.der, WEB_CA, disallowed=WEB_CA.der) == 0


def test_a_certificate_outside_what_its_issuer_may_name_causes_no_connection(web: WebServer) -> None:
    ca = WEB_ROOT.issue_ca("Constrained", **DATES, extensions=[(CONSTRAINED, True)])
    names = x509.SubjectAlternativeName([x509.DNSName("elsewhere.test")])
    assert hits(web, leaf_of(web, ca, extensions=[(names, False)]).der, ca) == 0
