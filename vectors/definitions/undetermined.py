"""Every reason for which the answer is left open: something not told, not reachable, not allowed or not judged here."""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509

import pki
from chaincheck.fetch.guard import Guard
from chaincheck.fetch.request import Outcome
from pki import AT
from vectors.vector import CA, CRL_URL, OCSP_URL, ROOT, STORE, Vector

CLIENT = CA.issue("client")
LISTED = CA.issue("client", crl_urls=[CRL_URL])
ASKED = CA.issue("client", ocsp_urls=[OCSP_URL])


def _not_told() -> tuple[Vector, ...]:
    return (
        Vector(
            name="store-not-told",
            title="Nothing is known of the server's stores",
            verdict="undetermined",
            documented=(),
            unchecked=("store-not-told",),
            cert=CLIENT.der,
            store=None,
        ),
        Vector(
            name="store-not-told-root-presented",
            title="The whole chain is presented, but whether the server trusts its root is not known",
            verdict="undetermined",
            documented=(),
            unchecked=("store-not-told",),
            cert=CLIENT.der,
            store=None,
            presented=(CA.der, ROOT.der),
        ),
        Vector(
            name="roots-not-told",
            title="Only the Intermediate store was exported",
            verdict="undetermined",
            documented=(),
            unchecked=("roots-not-told",),
            cert=CLIENT.der,
            store={"intermediates": [CA.der]},
        ),
        Vector(
            name="intermediates-not-told",
            title="Only the Trusted Root store was exported, and the missing issuing CA may be in the other",
            verdict="undetermined",
            documented=(),
            unchecked=("intermediates-not-told",),
            cert=CLIENT.der,
            store={"roots": [ROOT.der]},
        ),
        Vector(
            name="unanchored-address-not-fetched",
            title="A certificate without a path to an anchor names an address: a stranger's word, not followed",
            verdict="undetermined",
            unchecked=("fetch-not-allowed-for-unanchored",),
            cert=LISTED.der,
            store={"roots": [ROOT.der]},
        ),
    )


def _evidence() -> tuple[Vector, ...]:
    inside = CA.issue("client", crl_urls=["http://10.1.2.3/issuing.crl"])
    only_cas = (x509.IssuingDistributionPoint(None, None, False, True, None, False, False), True)
    return (
        Vector(
            name="crl-unreachable",
            title="The distribution point cannot be reached from here; the server may reach it",
            verdict="undetermined",
            causes=("revocation-unreachable/subject",),
            documented=(),
            cert=LISTED.der,
            web={CRL_URL: Outcome.UNREACHABLE},
        ),
        Vector(
            name="crl-not-found",
            title="The distribution point answers 404",
            verdict="undetermined",
            causes=("revocation-unreachable/subject",),
            cert=LISTED.der,
            web={CRL_URL: (404, "Not Found")},
        ),
        Vector(
            name="ocsp-timeout",
            title="The responder does not answer in time",
            verdict="undetermined",
            causes=("revocation-unreachable/subject",),
            cert=ASKED.der,
            web={OCSP_URL: Outcome.TIMEOUT},
        ),
        Vector(
            name="ocsp-try-later",
            title="The responder answers tryLater",
            verdict="undetermined",
            causes=("revocation-unknown/subject",),
            cert=ASKED.der,
            web={OCSP_URL: pki.ocsp_error(3)},
        ),
        Vector(
            name="proxy-refuses",
            title="A proxy refuses the way to the distribution point",
            verdict="undetermined",
            causes=("revocation-refused-by-proxy/subject",),
            cert=LISTED.der,
            web={CRL_URL: Outcome.REFUSED_BY_PROXY},
        ),
        Vector(
            name="crl-fetched-is-stale",
            title="The published CRL has passed its nextUpdate",
            verdict="undetermined",
            causes=("revocation-stale/subject",),
            cert=LISTED.der,
            web={CRL_URL: CA.crl(this_update=AT - timedelta(days=9), next_update=AT - timedelta(days=2))},
        ),
        Vector(
            name="crl-supplied-is-stale",
            title="The CRL that was supplied has passed its nextUpdate, and nothing may be fetched",
            verdict="undetermined",
            causes=("revocation-stale/subject",),
            cert=LISTED.der,
            crls=(CA.crl(this_update=AT - timedelta(days=9), next_update=AT - timedelta(days=2)),),
            fetch="never",
        ),
        Vector(
            name="crl-from-the-future",
            title="The thisUpdate of the CRL lies two days ahead",
            verdict="undetermined",
            causes=("revocation-not-yet-valid/subject",),
            cert=LISTED.der,
            web={CRL_URL: CA.crl(this_update=AT + timedelta(days=2), next_update=AT + timedelta(days=9))},
        ),
        Vector(
            name="crl-signature-wrong",
            title="The signature of the CRL is wrong",
            verdict="undetermined",
            causes=("revocation-evidence-invalid/subject",),
            cert=LISTED.der,
            web={CRL_URL: CA.crl(broken_signature=True)},
        ),
        Vector(
            name="crl-of-cas-only",
            title="The CRL speaks of CA certificates only",
            verdict="undetermined",
            causes=("revocation-out-of-scope/subject",),
            cert=LISTED.der,
            web={CRL_URL: CA.crl(extensions=[only_cas])},
        ),
        Vector(
            name="ocsp-responder-without-usage",
            title="The OCSP response is signed by a certificate that is not for OCSP signing (RFC 6960 4.2.2.2)",
            verdict="undetermined",
            causes=("revocation-evidence-invalid/subject",),
            cert=ASKED.der,
            web={OCSP_URL: CA.ocsp_response(ASKED, responder=CA.issue("no responder"))},
        ),
        Vector(
            name="ocsp-about-another-certificate",
            title="The OCSP response speaks of another serial number",
            verdict="undetermined",
            causes=("revocation-out-of-scope/subject",),
            cert=ASKED.der,
            web={OCSP_URL: CA.ocsp_response(4711)},
        ),
        Vector(
            name="guard-refuses-the-intranet",
            title="The distribution point lies in the intranet, and the store was not declared one's own",
            verdict="undetermined",
            causes=("revocation-refused-by-guard/subject",),
            unchecked=("guard-refused",),
            cert=inside.der,
        ),
        Vector(
            name="guard-allows-the-intranet",
            title="The same distribution point, for a store of one's own",
            verdict="accepted",
            absent=("revocation-refused-by-guard",),
            cert=inside.der,
            guard=Guard.INTRANET,
            web={"http://10.1.2.3/issuing.crl": CA.crl()},
        ),
        Vector(
            name="fetching-turned-off",
            title="The certificate names a CRL, none was supplied, and nothing may be fetched",
            verdict="undetermined",
            causes=("revocation-not-fetched/subject",),
            unchecked=("revocation-not-fetched",),
            cert=LISTED.der,
            fetch="never",
        ),
    )


def _not_judged() -> tuple[Vector, ...]:
    ecdsa, unknown = bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d040363")
    form = x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4"))
    constrained = ROOT.issue_ca("Constrained CA", extensions=[(x509.NameConstraints(None, [form]), True)])
    any_usage = CA.issue("client", eku=["anyExtendedKeyUsage"])
    namesakes = [ROOT.issue_ca("One of many", key=f"p256:namesake {number}") for number in range(66)]
    last = max(namesakes, key=lambda one: one.fingerprint)
    return (
        Vector(
            name="algorithm-unknown-here",
            title="The certificate is signed with an algorithm that is not known here",
            verdict="undetermined",
            causes=("algorithm-unsupported-here/subject",),
            unchecked=("algorithm-unsupported",),
            cert=CLIENT.der.replace(ecdsa, unknown),
        ),
        Vector(
            name="name-constraint-of-an-unsupported-form",
            title="The CA constrains names of a form that is not judged, and the certificate has one",
            verdict="undetermined",
            causes=("constraint-not-judged/intermediate",),
            unchecked=("constraint-not-judged",),
            cert=constrained.issue("client", extensions=[(x509.SubjectAlternativeName([form]), False)]).der,
            store={**STORE, "intermediates": [constrained.der]},
        ),
        Vector(
            name="any-extended-key-usage",
            title="Only anyExtendedKeyUsage: whether IIS takes it for client authentication is not documented",
            verdict="undetermined",
            causes=("any-extended-key-usage/subject",),
            unchecked=("any-eku-unconfirmed",),
            cert=any_usage.der,
        ),
        Vector(
            name="search-cut",
            title="66 CAs of one name, more than are looked at: the one that issued the certificate was not reached",
            verdict="undetermined",
            causes=("search-cut",),
            unchecked=("search-cut",),
            cert=last.issue("client", aki=False).der,
            store={**STORE, "intermediates": [one.der for one in namesakes]},
        ),
        Vector(
            name="no-digital-signature",
            title="Without digitalSignature many clients do not offer the certificate; the server itself does not ask",
            verdict="undetermined",
            causes=("wrong-key-usage/subject",),
            cert=CA.issue("client", key_usage=["keyEncipherment"]).der,
        ),
        Vector(
            name="intermediate-in-root-store",
            title="An intermediate stands in the Trusted Root store as well: some versions of IIS then refuse (KB 2802568)",
            verdict="undetermined",
            causes=("not-self-signed-in-root",),
            cert=CLIENT.der,
            store={**STORE, "roots": [ROOT.der, CA.der]},
        ),
        Vector(
            name="stranger-in-root-store",
            title="A certificate that does not sign itself stands in the Trusted Root store, beside the path (KB 2802568)",
            verdict="undetermined",
            causes=("not-self-signed-in-root/store",),
            cert=CLIENT.der,
            store={**STORE, "roots": [ROOT.der, ROOT.issue_ca("Misplaced CA").der]},
        ),
    )


def vectors() -> tuple[Vector, ...]:
    """All vectors of this module."""
    return (*_not_told(), *_evidence(), *_not_judged())
