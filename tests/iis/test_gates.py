"""The gates request, offer and mapping, and the source of accepted issuers: what refuses before and beside the chain."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

import chaincheck
import exports
import pki
from chaincheck import NO_CERTIFICATE, OPENSSL, RFC5280, ClientProfile, InputError, ServerProfile, TrustStore, Verdict
from chaincheck.client import STACKS
from chaincheck.server import Access, Binding, Schannel
from exports import binding, configuration, netsh, one_to_one
from pki import AT

ROOT = pki.root("Gate Root")
CA = ROOT.issue_ca("Gate CA")
CLIENT = CA.issue("client")
OTHER = pki.root("Other Gate Root")
REQUIRES = Access(path="Site", flags=("Ssl", "SslNegotiateCert", "SslRequireCert"))
LATE = Binding(key="0.0.0.0:443", negotiate=False, tls13=True, http2=True)
LATE_TLS12 = replace(LATE, tls13=False, http2=False)
EARLY = replace(LATE, negotiate=True)


def stores(**more: Any) -> TrustStore:
    return TrustStore(**{"roots": [ROOT.der], "intermediates": [CA.der], "disallowed": [], "client_auth_issuers": [], **more})


def ask(
    server: ServerProfile | None = None, client: ClientProfile | None = None, cert: Any = CLIENT.der, **more: Any
) -> chaincheck.Diagnosis:
    told = {"store": stores(), "at": AT, "fetch": "never", "server": server, "client": client, **more}
    return chaincheck.diagnose(cert, **told)


def codes(diagnosis: chaincheck.Diagnosis) -> list[str]:
    return [cause.code.value for cause in diagnosis.causes if cause.severity == "fatal"]


def told(*bindings: Binding, **more: Any) -> ServerProfile:
    return ServerProfile(bindings=bindings, **{"schannel": Schannel(), "access": (REQUIRES,), "path": "Site", **more})


# request


@pytest.mark.parametrize("kind", sorted(STACKS))
def test_a_request_in_the_first_handshake_refuses_no_client(kind: str) -> None:
    assert ask(told(EARLY), ClientProfile(kind=kind)).accepted


def test_a_late_request_is_certain_only_where_tls_13_is() -> None:
    certain = ask(told(LATE), ClientProfile(kind="chrome"))
    assert (codes(certain), certain.verdict) == (["late-certificate-request"], Verdict.REFUSED)
    open_ = ask(told(LATE))
    assert (codes(open_), open_.verdict) == (["late-certificate-request"], Verdict.UNDETERMINED)
    assert ask(told(LATE), ClientProfile(kind="chrome", tls_versions=("1.2",), http_versions=("1.1",))).accepted


def test_old_windows_speaks_neither_tls_13_nor_http_2() -> None:
    old = Binding(key="0.0.0.0:443", negotiate=False)
    assert ask(told(old, windows_build=9600), ClientProfile(kind="chromium")).accepted


@pytest.mark.parametrize("kind", sorted(name for name, stack in STACKS.items() if not stack.renegotiates))
def test_a_client_that_does_not_renegotiate_is_named(kind: str) -> None:
    found = ask(told(LATE_TLS12), ClientProfile(kind=kind))
    assert codes(found) == ["renegotiation-refused"]
    assert found.response is not None
    assert (found.response.status, found.response.confidence) == ("403.7", STACKS[kind].renegotiation_mark)


def test_a_body_above_the_setting_is_too_large_and_one_below_is_not() -> None:
    for size, expected in ((49_152, []), (49_153, ["body-too-large"])):
        assert codes(ask(told(LATE_TLS12), ClientProfile(kind="dotnet", sends_body_bytes=size))) == expected
    assert ask(told(LATE_TLS12, upload_read_ahead_size=10**6), ClientProfile(kind="dotnet", sends_body_bytes=10**5)).accepted


def test_tls_that_ends_in_front_refuses_only_where_iis_demands_a_certificate() -> None:
    assert codes(ask(told(EARLY, tls_ends_in_front=True))) == ["tls-ends-in-front"]
    lax = told(EARLY, tls_ends_in_front=True, access=(Access(path="Site", flags=("SslNegotiateCert",)),))
    assert ask(lax).accepted


def test_a_binding_that_rejects_is_named() -> None:
    assert codes(ask(told(replace(EARLY, reject=True)))) == ["connections-rejected"]


def test_bindings_that_agree_are_no_cause() -> None:
    alike = replace(EARLY, key="www.example.com:443", kind="hostname", certificate_hash="another")
    assert ask(told(EARLY, alike)).accepted
    differing = ask(told(EARLY, replace(alike, ctl_store="Customers")))
    assert codes(differing) == ["bindings-differ"]
    assert differing.causes[0].facts.settings == ("ctl_store",)  # type: ignore[attr-defined]  # the member of this very kind


def test_bindings_that_differ_in_when_they_ask_leave_one_without_a_certificate() -> None:
    answer = ask(told(EARLY, replace(EARLY, key="web.example.com:443", negotiate=False)), client=None)
    differing = [cause for cause in answer.causes if cause.code.value == "bindings-differ"]
    assert [getattr(cause.facts, "settings") for cause in differing] == [("negotiate",)]  # noqa: B009 - of this kind of facts
    assert answer.response is not None
    assert (answer.response.status, answer.response.cause.code.value) == ("403.7", "bindings-differ")


def test_no_certificate_is_refused_where_one_is_required_and_open_where_it_is_only_accepted() -> None:
    assert ask(told(EARLY), cert=NO_CERTIFICATE).verdict is Verdict.REFUSED
    lax = told(EARLY, access=(Access(path="Site", flags=("SslNegotiateCert",)),))
    assert ask(lax, cert=NO_CERTIFICATE).verdict is Verdict.UNDETERMINED


# offer


def listed(**more: Any) -> ServerProfile:
    return told(EARLY, schannel=Schannel(send_trusted_issuer_list=True), **more)


@pytest.mark.parametrize("kind", sorted(STACKS))
def test_a_list_without_the_issuer_stops_the_clients_that_follow_it(kind: str) -> None:
    store = stores(client_auth_issuers=[OTHER.der], roots=[ROOT.der])
    found = ask(listed(), ClientProfile(kind=kind), store=store)
    assert ("issuer-not-listed" in codes(found)) is (STACKS[kind].issuers != "ignored")


def test_only_certificates_marked_for_the_list_are_in_it_where_any_is() -> None:
    marked = chaincheck.Entry(OTHER.der, "roots", properties=((102, b"\1"),))
    store = stores(roots=[ROOT.der, marked])
    assert "issuer-not-listed" in codes(ask(listed(), ClientProfile(kind="dotnet"), store=store))


def test_no_list_is_sent_by_default() -> None:
    store = stores(roots=[ROOT.der])
    assert ask(told(EARLY), ClientProfile(kind="dotnet", store=TrustStore(intermediates=[])), store=store).accepted


def test_the_stack_decides_whether_key_usage_and_dates_are_answered_with_403_7() -> None:
    encipherment = CA.issue("client", key_usage=("keyEncipherment",)).der
    assert codes(ask(client=ClientProfile(kind="chromium"), cert=encipherment)) == ["wrong-key-usage"]
    assert ask(client=ClientProfile(kind="openssl"), cert=encipherment).accepted
    expired = CA.issue("client", not_after=AT - timedelta(days=1)).der
    statuses = {}
    for kind in ("chromium", "dotnet"):
        response = ask(client=ClientProfile(kind=kind), cert=expired).response
        assert response is not None
        statuses[kind] = (response.status, response.why)
    assert statuses == {"chromium": ("403.7", "not-offered"), "dotnet": ("403.17", "one-cause")}


def test_more_certificates_than_the_server_takes_are_named() -> None:
    many = [OTHER.issue(f"other {number}").der for number in range(5)]
    limited = told(EARLY, schannel=Schannel(message_limit_server_client_auth=2000))
    assert codes(ask(limited, presented=many)) == ["handshake-message-too-long"]
    assert ask(told(EARLY), presented=many).accepted


# the source of accepted issuers


@pytest.mark.parametrize(
    ("mode", "issuers", "accepted"),
    [(0, "CA", True), (0, "ROOT", True), (0, "OTHER", False), (1, "CA", False), (1, "ROOT", True), (2, "CA", True), (2, "ROOT", True),
     (2, "OTHER", False)],
)  # fmt: skip
@pytest.mark.parametrize("place", ["client_auth_issuers", "Customers"])
def test_each_mode_of_trust_takes_what_it_is_documented_to_take(mode: int, issuers: str, accepted: bool, place: str) -> None:
    members = [{"CA": CA, "ROOT": ROOT, "OTHER": OTHER}[issuers].der]
    schannel = Schannel(client_auth_trust_mode=mode)
    if place == "Customers":
        store, server = stores(others={"LocalMachine\\Customers": members}), told(replace(EARLY, ctl_store=place), schannel=schannel)
    else:
        store, server = stores(client_auth_issuers=members), told(EARLY, schannel=schannel)
    found = ask(server, store=store)
    assert found.accepted is accepted
    assert codes(found) == ([] if accepted else ["issuer-not-accepted"])


def test_an_exclusive_store_needs_no_root_of_the_computer() -> None:
    server = told(EARLY, schannel=Schannel(client_auth_trust_mode=2))
    assert ask(server, store=stores(roots=[OTHER.der], client_auth_issuers=[CA.der])).accepted


def test_a_store_of_issuers_that_was_not_told_leaves_the_answer_open() -> None:
    found = ask(told(replace(EARLY, ctl_store="Customers")))
    assert found.verdict is Verdict.UNDETERMINED
    assert "issuer-store-not-told" in {statement.code for statement in found.unchecked}


def test_other_servers_have_no_source_of_issuers() -> None:
    for rules in (RFC5280, OPENSSL):
        found = chaincheck.diagnose(
            CLIENT.der, store=stores(client_auth_issuers=[OTHER.der]), rules=replace(rules, revocation="off"), at=AT
        )
        assert found.accepted, rules.name


# validity by the settings


def test_a_binding_without_revocation_check_accepts_what_is_revoked_and_says_so() -> None:
    crl = CA.crl([(CLIENT.serial, AT - timedelta(days=1), "keyCompromise")])
    off = told(replace(EARLY, revocation=False))
    assert ask(crls=[crl]).verdict is Verdict.REFUSED
    found = ask(off, crls=[crl])
    assert found.accepted
    assert "revocation-off" in {statement.code for statement in found.assumptions}


def test_a_server_that_uses_its_cache_alone_may_not_have_what_was_fetched_here() -> None:
    cached = told(replace(EARLY, cached_revocation_only=True))
    found = ask(cached, crls=[CA.crl(), ROOT.crl()])
    assert "cached-revocation-only" in {statement.code for statement in found.unchecked}
    assert ask(cached, store=stores(crls=[CA.crl(), ROOT.crl()])).accepted


@pytest.mark.parametrize(("offset", "expected"), [(0, []), (200, []), (-2 * 86_400, []), (2 * 86_400, ["server-clock-wrong", "expired"])])
def test_a_wrong_clock_refuses_only_where_a_date_turns_on_it(offset: float, expected: list[str]) -> None:
    """The certificate ended a day ago by the server's clock; the true time is ``offset`` seconds earlier."""
    dated = CA.issue("client", not_after=AT - timedelta(days=1)) if expected else CLIENT
    found = ask(told(EARLY, clock_offset=offset), cert=dated.der)
    assert codes(found) == expected


def test_the_servers_clock_is_the_moment_judged_where_none_is_given() -> None:
    from datetime import UTC, datetime

    found = chaincheck.diagnose(CLIENT.der, store=stores(), fetch="never", server=ServerProfile(clock_offset=86_400 * 365))
    assert timedelta(days=364) < found.at - datetime.now(UTC) < timedelta(days=366)


def test_intermediates_that_the_server_downloads_leave_the_answer_open() -> None:
    pointing = CA.issue("client", ca_issuers=["http://pki.example.com/ca.cer"]).der
    missing = stores(intermediates=[])
    assert ask(store=missing, cert=pointing).verdict is Verdict.REFUSED
    found = ask(told(EARLY, follows_aia=True), store=missing, cert=pointing)
    assert found.verdict is Verdict.UNDETERMINED
    assert "server-follows-aia" in {statement.code for statement in found.unchecked}


def test_the_depth_of_openssl_counts_intermediates() -> None:
    for depth, expected in ((1, []), (0, ["path-too-long"])):
        assert codes(ask(ServerProfile(verify_depth=depth), rules=OPENSSL)) == expected


# mapping


def mapped(*texts: str, path: str = "Site") -> ServerProfile:
    config = configuration({"Site": "Ssl, SslNegotiateCert, SslRequireCert"}, one_to_one(path, *texts))
    return ServerProfile.load(netsh(), exports.schannel({}), config, path="Site/app")


TEXT = b64encode(CLIENT.der).decode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TEXT, None),
        (TEXT[:76] + "&#10;" + TEXT[76:], "several lines"),
        ("-----BEGIN CERTIFICATE-----&#10;" + TEXT + "&#10;-----END CERTIFICATE-----", "BEGIN"),
        (TEXT[: len(TEXT) // 2 // 4 * 4], "cut off"),
        (" " + TEXT, "blanks"),
    ],
)
def test_a_one_to_one_entry_must_hold_the_certificate_on_one_line(text: str, reason: str | None) -> None:
    found = ask(mapped("QUJDRA==", text))
    if reason is None:
        assert found.accepted
    else:
        assert codes(found) == ["mapping-entry-damaged"]
        assert reason in found.causes[0].facts.reason  # type: ignore[attr-defined]  # the member of this very kind


def test_an_entry_of_the_certificate_before_the_renewal_does_not_fit() -> None:
    earlier = b64encode(CA.issue("client", serial=99).der).decode()
    found = ask(mapped(earlier))
    assert codes(found) == ["mapping-missing"]
    assert "another certificate of the same subject" in found.causes[0].facts.reason  # type: ignore[attr-defined]


def test_a_section_of_an_application_is_not_read() -> None:
    assert codes(ask(mapped(TEXT, path="Site/app"))) == ["mapping-ignored"]


def test_the_domain_wants_the_issuing_ca_in_ntauth_and_a_strong_mapping() -> None:
    mapper = ServerProfile.load(netsh(binding(DS_Mapper_Usage="Enabled")))
    sid = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.311.25.2"), b"\x30\x00")
    strong = CA.issue("client", extensions=[(sid, False)]).der
    assert codes(ask(mapper, cert=strong, store=stores(others={"NTAuth": [CA.der]}))) == []
    assert codes(ask(mapper, cert=strong, store=stores(others={"NTAuth": [ROOT.der]}))) == ["issuer-not-in-ntauth"]
    weak = ask(mapper, store=stores(others={"NTAuth": [CA.der]}))
    assert (codes(weak), weak.verdict) == (["no-strong-mapping"], Verdict.UNDETERMINED)
    assert "ntauth-not-told" in {statement.code for statement in ask(mapper, cert=strong).assumptions}


# profiles


def test_what_is_not_told_is_stated_and_nothing_is_judged() -> None:
    silent = ask()
    assert "server-profile-not-told" in {statement.code for statement in silent.assumptions}
    partly = ask(ServerProfile(bindings=(EARLY,)))
    assert {"schannel-not-told", "access-not-told"} <= {statement.code for statement in partly.assumptions}
    assert "binding-not-told" not in {statement.code for statement in partly.assumptions}


@pytest.mark.parametrize(
    "more", [{"kind": "netscape"}, {"kind": 1}, {"tls_versions": "1.2"}, {"sends_body_bytes": -1}, {"store": "x"}, {"works_elsewhere": 1}]
)
def test_a_client_that_is_not_known_is_an_input_error(more: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        ClientProfile(**more)


def test_other_names_of_a_client_are_known() -> None:
    assert [ClientProfile(kind=name).kind for name in ("Chrome", "Edge", ".NET", "golang")] == ["chromium", "chromium", "dotnet", "go"]


def test_openssl_refuses_a_missing_certificate_only_where_it_is_required() -> None:
    for mode, verdict in (("require", Verdict.REFUSED), ("optional", Verdict.UNDETERMINED), ("none", Verdict.UNDETERMINED)):
        profile = ServerProfile(verify_mode=mode)  # type: ignore[arg-type]  # a value of the wrong type, or options as a dict
        assert ask(profile, cert=NO_CERTIFICATE, rules=OPENSSL).verdict is verdict


def test_settings_of_iis_are_no_causes_of_openssl() -> None:
    found = ask(told(LATE, tls_ends_in_front=True), ClientProfile(kind="go"), rules=OPENSSL)
    assert found.accepted


@pytest.mark.parametrize(("build", "status"), [(None, "403.7"), (20348, None), (26100, "500")])
def test_what_a_late_request_under_tls_13_looks_like_depends_on_windows(build: int | None, status: str | None) -> None:
    response = ask(told(LATE, windows_build=build), ClientProfile(kind="chromium")).response
    assert response is not None
    assert (response.status, response.confidence) == (status, "reported")
    assert response.text().startswith("The server would answer")


def test_what_group_policy_put_into_root_comes_back() -> None:
    misplaced = chaincheck.Entry(OTHER.issue_ca("Misplaced").der, "roots", location="LocalMachine, group policy\\Root")
    found = ask(store=stores(roots=[ROOT.der, misplaced]))
    assert "Group policy put it there" in found.causes[0].why()
