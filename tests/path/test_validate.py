"""What RFC 5280 section 6.1 asks of a path, and what each kind of server adds or leaves out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

import asn1
import chaincheck
import pki
from chaincheck.causes import facts
from chaincheck.causes.codes import CauseCode, Verdict
from path.judging import IIS, OPENSSL, RFC5280, fatal, judge, store

ALL_RULES = pytest.mark.parametrize("rules", [IIS, RFC5280, OPENSSL], ids=lambda rules: rules.name)
ROOT = pki.root("Root")
CA = ROOT.issue_ca("CA")
EXPIRED: dict[str, Any] = {"not_before": datetime(2020, 1, 1, tzinfo=UTC), "not_after": datetime(2021, 1, 1, tzinfo=UTC)}


def under(ca: pki.Authority) -> pki.Issued:
    return ca.issue("client")


# Signatures and algorithms


@ALL_RULES
def test_a_signature_that_does_not_verify_is_refused(rules: chaincheck.Rules) -> None:
    assert fatal(judge(CA.issue("client", broken_signature=True), [ROOT], [CA], rules=rules)) == {("bad-signature", "subject")}
    broken = ROOT.issue_ca("CA", broken_signature=True)
    assert fatal(judge(under(broken), [ROOT], [broken], rules=rules)) == {("bad-signature", "intermediate")}


def test_an_algorithm_this_build_does_not_know_is_undetermined() -> None:
    body, _, signature = asn1.parts(CA.issue("client").der)
    unknown = asn1.sequence(asn1.oid("1.2.3.4"))
    fields = asn1.parts(body)
    fields[2] = unknown
    leaf = replace(CA.issue("client"), der=asn1.sequence(asn1.sequence(*fields), unknown, signature))
    diagnosis = judge(leaf, [ROOT], [CA])
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert fatal(diagnosis) == {("algorithm-unsupported-here", "subject")}


@pytest.mark.parametrize("name", ["rsa2048", "rsa3072", "p256", "p384", "p521", "k256", "ed25519", "ed448", "dsa2048"])
def test_paths_of_each_kind_of_key_are_accepted(name: str) -> None:
    root = pki.root("Kind", key=name)
    ca = root.issue_ca("Kind CA", key=name if not name.startswith("rsa") else "rsa2048:b")
    assert judge(under(ca), [root], [ca]).accepted


def test_rsa_pss_paths_are_accepted() -> None:
    root = pki.root("PSS", key="rsa2048", pss=True)
    assert judge(root.issue("client", pss=True), [root]).accepted


@pytest.mark.parametrize(
    ("rules", "digest", "verdict", "severity"),
    [
        (IIS, "md5", Verdict.ACCEPTED, "warning"),
        (IIS, "sha1", Verdict.ACCEPTED, "warning"),
        (OPENSSL, "md5", Verdict.REFUSED, "fatal"),
        (OPENSSL, "sha1", Verdict.REFUSED, "fatal"),
        (RFC5280, "md5", Verdict.ACCEPTED, None),
    ],
)
def test_weak_hashes_are_judged_by_the_rules(rules: chaincheck.Rules, digest: str, verdict: Verdict, severity: str | None) -> None:
    root = pki.root("Weak", key="rsa2048")
    diagnosis = judge(root.issue("client", signing_hash=digest), [root], rules=rules)
    assert diagnosis.verdict is verdict
    assert [cause.severity for cause in diagnosis.causes if cause.code is CauseCode.WEAK_SIGNATURE] == ([severity] if severity else [])


def test_the_hash_of_the_signature_of_a_root_does_not_count() -> None:
    root = pki.root("Weak root", key="rsa2048", signing_hash="sha1")
    assert judge(root.issue("client"), [root], rules=OPENSSL).accepted


@pytest.mark.parametrize(("rules", "accepted"), [(IIS, False), (OPENSSL, False), (RFC5280, True)])
def test_small_rsa_keys_are_judged_by_the_rules(rules: chaincheck.Rules, accepted: bool) -> None:
    diagnosis = judge(CA.issue("client", key="rsa512"), [ROOT], [CA], rules=rules)
    assert diagnosis.accepted is accepted
    assert fatal(diagnosis) == (set() if accepted else {("weak-key", "subject")})
    assert judge(CA.issue("client", key="rsa1024"), [ROOT], [CA], rules=rules).accepted


# Who may issue


@ALL_RULES
def test_a_certificate_without_ca_may_not_issue(rules: chaincheck.Rules) -> None:
    for told in ({"ca": False}, {"ca": None}):
        not_a_ca = ROOT.issue_ca("No CA", **told)
        assert fatal(judge(under(not_a_ca), [ROOT], [not_a_ca], rules=rules)) == {("not-a-ca", "intermediate")}


@ALL_RULES
def test_a_version_1_intermediate_may_not_issue(rules: chaincheck.Rules) -> None:
    old = ROOT.issue_ca("Old CA", version=1)
    diagnosis = judge(old.issue("client", aki=False), [ROOT], [old], rules=rules)
    assert fatal(diagnosis) == {("not-a-ca", "intermediate")}
    cause = next(cause for cause in diagnosis.causes if cause.code is CauseCode.NOT_A_CA)
    assert cause.facts == facts.NotACAFacts(reason="version 1")


@ALL_RULES
def test_a_version_1_root_may_issue(rules: chaincheck.Rules) -> None:
    old = pki.root("Old root", version=1)
    assert judge(old.issue("client", aki=False), [old], rules=rules).accepted


@ALL_RULES
def test_a_key_usage_without_keycertsign_may_not_issue(rules: chaincheck.Rules) -> None:
    no_sign = ROOT.issue_ca("CRL signer", key_usage=("cRLSign",))
    assert fatal(judge(under(no_sign), [ROOT], [no_sign], rules=rules)) == {("wrong-key-usage", "intermediate")}


@ALL_RULES
def test_a_ca_without_any_key_usage_may_issue(rules: chaincheck.Rules) -> None:
    free = ROOT.issue_ca("Free", key_usage=None)
    assert judge(under(free), [ROOT], [free], rules=rules).accepted


# Path length


def chain(*lengths: int | None, root_length: int | None = None) -> tuple[pki.Authority, list[pki.Authority]]:
    root = pki.root("Length root", path_length=root_length)
    made: list[pki.Authority] = []
    for index, length in enumerate(lengths):
        made.append((made[-1] if made else root).issue_ca(f"Length {index}", path_length=length))
    return root, made


@ALL_RULES
@pytest.mark.parametrize(
    ("lengths", "good"),
    [((0,), True), ((1, 0), True), ((1, None), True), ((0, None), False), ((2, 0, None), False), ((2, 1, 0), True), ((None, 5, 0), True)],
)
def test_path_lengths_count_the_intermediates_below(lengths: tuple[int | None, ...], good: bool, rules: chaincheck.Rules) -> None:
    root, made = chain(*lengths)
    diagnosis = judge(under(made[-1]), [root], made, rules=rules)
    assert diagnosis.accepted is good
    assert fatal(diagnosis) == (set() if good else {("path-too-long", "intermediate")})


@pytest.mark.parametrize(("rules", "good"), [(IIS, False), (OPENSSL, False), (RFC5280, True)])
def test_the_path_length_of_a_root_counts_by_the_rules(rules: chaincheck.Rules, good: bool) -> None:
    root, made = chain(None, root_length=0)
    assert judge(under(made[-1]), [root], made, rules=rules).accepted is good


@ALL_RULES
def test_self_issued_certificates_do_not_count(rules: chaincheck.Rules) -> None:
    root = pki.root("Self", key="p256:self root")
    ca = root.issue_ca("Self CA", key="p256:self 1", path_length=0)
    rollover = ca.issue_ca("Self CA", key="p256:self 2", path_length=0)
    assert judge(under(rollover), [root], [ca, rollover], rules=rules).accepted
    below = rollover.issue_ca("Below")
    assert ("path-too-long", "intermediate") in fatal(judge(under(below), [root], [ca, rollover, below], rules=rules))


def test_a_path_that_is_too_long_is_said_to_be_by_how_much() -> None:
    root, made = chain(0, None)
    cause = next(c for c in judge(under(made[-1]), [root], made).causes if c.code is CauseCode.PATH_TOO_LONG)
    assert cause.facts == facts.PathTooLongFacts(allowed=0, found=1)


@pytest.mark.parametrize(("limit", "good"), [(0, False), (1, False), (2, True), (None, True)])
def test_max_path_length_of_the_rules_counts_intermediates(limit: int | None, good: bool) -> None:
    root, made = chain(None, None)
    diagnosis = judge(under(made[-1]), [root], made, rules=replace(IIS, max_path_length=limit))
    assert diagnosis.accepted is good


# Usages


@pytest.mark.parametrize(
    ("rules", "usage", "verdict"),
    [
        (IIS, ("serverAuth",), Verdict.REFUSED),
        (IIS, ("serverAuth", "clientAuth"), Verdict.ACCEPTED),
        (IIS, None, Verdict.ACCEPTED),
        (IIS, ("anyExtendedKeyUsage",), Verdict.UNDETERMINED),
        (RFC5280, ("anyExtendedKeyUsage",), Verdict.ACCEPTED),
        (OPENSSL, ("anyExtendedKeyUsage",), Verdict.REFUSED),
        (replace(IIS, purpose=None), ("serverAuth",), Verdict.ACCEPTED),
        (replace(IIS, purpose="server_auth"), ("serverAuth",), Verdict.ACCEPTED),
    ],
)
def test_the_usage_of_the_subject_is_judged_by_the_rules(rules: chaincheck.Rules, usage: tuple[str, ...] | None, verdict: Verdict) -> None:
    assert judge(CA.issue("client", eku=usage), [ROOT], [CA], rules=rules).verdict is verdict


@pytest.mark.parametrize(("rules", "good"), [(IIS, False), (OPENSSL, False), (RFC5280, True)])
def test_the_usage_of_a_ca_limits_what_it_issues_by_the_rules(rules: chaincheck.Rules, good: bool) -> None:
    servers = ROOT.issue_ca("Servers", eku=("serverAuth",))
    diagnosis = judge(under(servers), [ROOT], [servers], rules=rules)
    assert diagnosis.accepted is good
    assert fatal(diagnosis) == (set() if good else {("wrong-extended-key-usage", "intermediate")})
    clients = ROOT.issue_ca("Clients", eku=("clientAuth", "serverAuth"))
    assert judge(under(clients), [ROOT], [clients], rules=rules).accepted


@pytest.mark.parametrize(
    ("rules", "usage", "verdict"),
    [
        (IIS, ("keyEncipherment",), Verdict.UNDETERMINED),  # the gate offer: it depends on the client's stack
        (IIS, ("keyAgreement",), Verdict.UNDETERMINED),
        (OPENSSL, ("keyEncipherment",), Verdict.REFUSED),
        (OPENSSL, ("keyAgreement",), Verdict.ACCEPTED),
        (RFC5280, ("keyEncipherment",), Verdict.ACCEPTED),
        (IIS, None, Verdict.ACCEPTED),
    ],
)
def test_the_key_usage_of_the_subject_is_judged_by_the_rules(
    rules: chaincheck.Rules, usage: tuple[str, ...] | None, verdict: Verdict
) -> None:
    assert judge(CA.issue("client", key_usage=usage), [ROOT], [CA], rules=rules).verdict is verdict


# Extensions that are not understood


@ALL_RULES
@pytest.mark.parametrize("critical", [True, False])
def test_only_a_critical_extension_that_is_not_known_refuses(critical: bool, rules: chaincheck.Rules) -> None:
    leaf = CA.issue("client", extensions=[("1.2.3.4.5", critical, b"\x05\x00")])
    assert fatal(judge(leaf, [ROOT], [CA], rules=rules)) == ({("unknown-critical-extension", "subject")} if critical else set())
    ca = ROOT.issue_ca("CA", extensions=[("1.2.3.4.5", critical, b"\x05\x00")])
    assert fatal(judge(under(ca), [ROOT], [ca], rules=rules)) == ({("unknown-critical-extension", "intermediate")} if critical else set())


@ALL_RULES
def test_name_constraints_and_policies_are_judged_by_all_rules(rules: chaincheck.Rules) -> None:
    constraint = x509.NameConstraints(None, [x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "client")]))])
    ca = ROOT.issue_ca("Constrained", extensions=[(constraint, True)])
    diagnosis = judge(under(ca), [ROOT], [ca], rules=rules)
    assert diagnosis.verdict is Verdict.REFUSED
    assert fatal(diagnosis) == {("name-not-permitted", "subject")}
    demanding = ROOT.issue_ca("Demanding", extensions=[(x509.PolicyConstraints(0, None), True)])
    assert fatal(judge(under(demanding), [ROOT], [demanding], rules=rules)) == {("policy-not-satisfied", "subject")}


def test_policies_that_the_rules_ask_for_are_never_passed_over() -> None:
    asked = replace(RFC5280, policies=chaincheck.PolicySettings(require_explicit_policy=True))
    diagnosis = judge(under(CA), [ROOT], [CA], rules=asked)
    assert diagnosis.verdict is Verdict.REFUSED
    assert {cause.code for cause in diagnosis.causes if cause.severity == "fatal"} == {CauseCode.POLICY_NOT_SATISFIED}


def test_the_policies_under_which_a_path_is_valid_are_told() -> None:
    policy = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.4"), ["https://pki.example/cps"])])
    ca = ROOT.issue_ca("Policied", extensions=[(policy, False)])
    diagnosis = judge(ca.issue("client", extensions=[(policy, False)]), [ROOT], [ca])
    assert diagnosis.policies is not None
    assert diagnosis.policies.user_constrained_policy_set == {"1.2.3.4"}
    assert dict(diagnosis.policies.qualifiers) == {"1.2.3.4": ("https://pki.example/cps",)}


# Dates


@pytest.mark.parametrize(("rules", "good"), [(IIS, False), (OPENSSL, False), (RFC5280, True)])
def test_the_dates_of_an_anchor_are_judged_by_the_rules(rules: chaincheck.Rules, good: bool) -> None:
    root = pki.root("Expired root", **EXPIRED)
    diagnosis = judge(root.issue("client"), [root], rules=rules)
    assert diagnosis.accepted is good
    assert fatal(diagnosis) == (set() if good else {("expired", "anchor")})


@ALL_RULES
def test_the_dates_of_an_intermediate_are_judged(rules: chaincheck.Rules) -> None:
    late = ROOT.issue_ca("Late", **EXPIRED)
    early = ROOT.issue_ca("Early", not_before=pki.AT + timedelta(days=400))
    assert fatal(judge(under(late), [ROOT], [late], rules=rules)) == {("expired", "intermediate")}
    assert fatal(judge(under(early), [ROOT], [early], rules=rules)) == {("not-yet-valid", "intermediate")}


# Names and key identifiers


def test_names_compare_byte_for_byte_or_by_rfc_5280() -> None:
    shouting = pki.root("EXAMPLE CA", key="p256:names")
    leaf = pki.root("Example  ca", key="p256:names").issue("client")
    assert not judge(leaf, [shouting], rules=IIS).accepted
    assert judge(leaf, [shouting], rules=RFC5280).accepted
    assert judge(leaf, [shouting], rules=OPENSSL).accepted


@pytest.mark.parametrize(("rules", "good"), [(IIS, False), (OPENSSL, False), (RFC5280, True)])
def test_a_key_identifier_that_does_not_match_excludes_the_issuer_by_the_rules(rules: chaincheck.Rules, good: bool) -> None:
    leaf = CA.issue("client", aki=b"\x01" * 20)
    diagnosis = judge(leaf, [ROOT], [CA], rules=rules)
    assert diagnosis.accepted is good
    if not good:
        cause = next(c for c in diagnosis.causes if c.code is CauseCode.ISSUER_NOT_FOUND)
        assert isinstance(cause.facts, facts.IssuerNotFoundFacts)
        assert cause.facts.near_misses == (CA.fingerprint,)


@ALL_RULES
def test_issuer_and_serial_of_the_key_identifier_must_match_too(rules: chaincheck.Rules) -> None:
    directory = [x509.DirectoryName(ROOT.certificate.subject)]
    right = x509.AuthorityKeyIdentifier(None, directory, CA.serial)
    wrong = x509.AuthorityKeyIdentifier(None, directory, CA.serial + 1)
    assert judge(CA.issue("client", extensions=[(right, False)]), [ROOT], [CA], rules=rules).accepted
    assert judge(CA.issue("client", extensions=[(wrong, False)]), [ROOT], [CA], rules=rules).accepted is not rules.aki_excludes


# Places


def test_a_root_in_the_intermediate_store_is_named() -> None:
    diagnosis = judge(under(CA), [pki.root("Other")], [CA, ROOT])
    assert fatal(diagnosis) == {("root-in-wrong-store", "anchor")}
    cause = next(c for c in diagnosis.causes if c.code is CauseCode.ROOT_IN_WRONG_STORE)
    assert isinstance(cause.facts, facts.MisplacedFacts)
    assert (cause.facts.found_in, cause.facts.belongs_in) == ("intermediates", "roots")


def test_an_intermediate_in_the_root_store_is_named_but_no_anchor_for_iis() -> None:
    diagnosis = judge(under(CA), [ROOT, CA])
    assert ("not-self-signed-in-root", "intermediate") in fatal(diagnosis)
    assert diagnosis.verdict is Verdict.UNDETERMINED  # versions of Windows differ in the effect
    assert judge(under(CA), [CA], rules=RFC5280).accepted  # any certificate given as root is an anchor
    assert not judge(under(CA), [CA], rules=OPENSSL).accepted


def test_a_stranger_in_the_root_store_is_named_though_it_is_not_on_the_path() -> None:
    other = pki.root("Other").issue_ca("Stranger")
    diagnosis = judge(under(CA), [ROOT, other], [CA])
    assert ("not-self-signed-in-root", "store") in fatal(diagnosis)
    assert diagnosis.verdict is Verdict.UNDETERMINED


@ALL_RULES
@pytest.mark.parametrize("who", ["subject", "intermediate", "anchor"])
def test_distrust_beats_everything(who: str, rules: chaincheck.Rules) -> None:
    leaf = under(CA)
    refused = {"subject": leaf, "intermediate": CA, "anchor": ROOT}[who]
    diagnosis = judge(leaf, given=store([ROOT], [CA], disallowed=[refused.der]), rules=rules)
    assert diagnosis.verdict is Verdict.REFUSED
    assert ("distrusted", who) in fatal(diagnosis)
    assert diagnosis.causes[0].code is CauseCode.DISTRUSTED


def test_distrust_of_one_twin_leaves_the_other() -> None:
    twin = ROOT.issue_ca("CA", key=CA.key, serial=99)
    assert judge(under(CA), given=store([ROOT], [CA, twin], disallowed=[twin.der])).accepted


def test_an_intermediate_only_among_the_client_auth_issuers_is_missing() -> None:
    diagnosis = judge(under(CA), given=store([ROOT], [], client_auth_issuers=[CA.der]))
    assert ("intermediate-missing", "intermediate") in fatal(diagnosis)


def test_a_bare_name_and_key_is_an_anchor_of_rfc_5280() -> None:
    from chaincheck.x509.name import Name

    bare = chaincheck.Entry(None, "roots", name=Name(ROOT.subject), spki=ROOT.key.spki)
    diagnosis = judge(under(CA), given=chaincheck.TrustStore(roots=[bare], intermediates=[CA.der]), rules=RFC5280)
    assert diagnosis.accepted
    assert diagnosis.path is not None
    assert diagnosis.path.elements[-1].certificate is None
    assert str(diagnosis.path.elements[-1].name) == "CN=Root"


# Syntax


@ALL_RULES
def test_a_malformed_element_is_never_accepted(rules: chaincheck.Rules) -> None:
    wrong = bytes.fromhex("300a 0603550403 010101 0400")
    leaf = CA.issue("client", encoded_extensions=[wrong])
    diagnosis = judge(leaf, [ROOT], [CA], rules=rules)
    assert not diagnosis.accepted
    assert ("malformed", "subject") in fatal(diagnosis)
    ca = ROOT.issue_ca("CA", encoded_extensions=[wrong])
    assert not judge(under(ca), [ROOT], [ca], rules=rules).accepted


def test_a_departure_that_leaves_everything_readable_is_a_warning() -> None:
    leaf = CA.issue("client", ca=False, path_length=0)
    diagnosis = judge(leaf, [ROOT], [CA])
    assert diagnosis.accepted
    assert [cause.severity for cause in diagnosis.causes if cause.code is CauseCode.PROFILE_VIOLATION] == ["warning"]
