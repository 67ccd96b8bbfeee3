"""Against a real directory: OpenLDAP's slapd, as a process of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

import pki
from chaincheck.fetch.guard import Guard
from chaincheck.fetch.request import Outcome
from chaincheck.formats.load import load
from fetch import directory
from fetch.directory import CLOSED, GUARD, OPEN, Directory, ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(directory.MISSING is not None, reason=str(directory.MISSING)),
]

NOW = datetime.now(UTC).replace(microsecond=0)
ROOT = pki.root("Directory root")
RENEWED = pki.root("Directory root", key="p256:renewed")


def _crl(days_ago: float = 1, **more: object) -> bytes:
    this_update = NOW - timedelta(days=days_ago)
    return ROOT.crl([(7, this_update, None)], this_update=this_update, next_update=NOW + timedelta(days=6), **more)  # type: ignore[arg-type]


CRL, OLD = _crl(), _crl(3)
NEWEST_OF_MANY = _crl(0.5)
DELTA = _crl(0.1, number=9, extensions=[(x509.DeltaCRLIndicator(1), True)])
MANY = [NEWEST_OF_MANY, *(_crl(days) for days in range(2, 8))]


@pytest.fixture(scope="module")
def large() -> bytes:
    """A CRL of about 5 MiB."""
    when = NOW - timedelta(days=1)
    revoked = [((1 << 120) + number, when, None) for number in range(150_000)]
    return ROOT.crl(revoked, this_update=when, next_update=NOW + timedelta(days=6))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, large: bytes) -> Iterator[Directory]:
    point = "cRLDistributionPoint"
    entries: list[directory.Entry] = [
        ("crl", point, {"certificateRevocationList;binary": [CRL]}),
        ("large", point, {"certificateRevocationList;binary": [large]}),
        ("two", point, {"certificateRevocationList;binary": [OLD, CRL]}),
        ("many", point, {"certificateRevocationList;binary": MANY}),
        ("delta", point, {"certificateRevocationList;binary": [CRL], "deltaRevocationList;binary": [DELTA]}),
        ("both", point, {"certificateRevocationList;binary": [OLD], "authorityRevocationList;binary": [CRL]}),
        ("ca", "organizationalRole", {"cACertificate;binary": [ROOT.der]}),
        ("renewed", "organizationalRole", {"cACertificate;binary": [ROOT.der, RENEWED.der]}),
        ("empty", point, {}),
        ("hidden", point, {"certificateRevocationList;binary": [CRL]}),
        ("elsewhere", "referral", {"ref": [b"ldap://127.0.0.1:9/cn=crl,dc=elsewhere"]}),
        *((f"n{number}", "organizationalRole", {}) for number in range(10)),
    ]
    folder = tmp_path_factory.mktemp("slapd")
    host = pki.root(
        "localhost", eku=("serverAuth",), key_usage=None, extensions=[(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)]
    )
    pem = folder / "tls.pem"
    pem.write_bytes(host.pem + host.key_pem)
    with directory.running(folder, entries, certificate=pem) as found:
        yield found


def test_a_crl_is_found_in_certificateRevocationList_binary(server: Directory) -> None:  # noqa: N802 - the attribute's name
    answer = ask(server.url("crl"))
    assert (answer.outcome, answer.body) == (Outcome.OK, CRL)
    assert answer.detail == f"certificateRevocationList, {len(CRL)} bytes"
    assert answer.address_checked
    assert answer.received_at >= NOW.timestamp()


@pytest.mark.parametrize("attribute", ["certificateRevocationList", "CERTIFICATEREVOCATIONLIST;binary", "2.5.4.39", "", "*"])
def test_however_the_url_names_the_attribute(server: Directory, attribute: str) -> None:
    assert ask(server.url("crl", attribute)).body == CRL


@pytest.mark.parametrize(
    "rest", ["", "?", "?base", "??", "?base?objectClass=cRLDistributionPoint", "?sub?(cn=crl)", "??(%26(cn=crl)(objectClass=*))"]
)
def test_with_and_without_scope_and_filter(server: Directory, rest: str) -> None:
    assert ask(server.url("crl", rest=rest)).body == CRL


def test_the_scopes_one_and_sub_search_below_the_entry(server: Directory) -> None:
    for scope in ("one", "sub"):
        assert ask(f"ldap://127.0.0.1:{server.port}/{OPEN}?certificateRevocationList?{scope}?(cn=crl)").body == CRL
    assert ask(f"ldap://127.0.0.1:{server.port}/{OPEN}?certificateRevocationList?base?(cn=crl)").body == b""


def test_a_crl_of_5_mib_comes_whole(server: Directory, large: bytes) -> None:
    assert len(large) > 5 * 1024 * 1024
    assert ask(server.url("large")).body == large


@pytest.mark.parametrize("limit", [10_000, 5_000_000])
def test_a_crl_above_the_limit_is_not_read(server: Directory, limit: int) -> None:
    answer = ask(server.url("large"), size_limit=limit)
    assert (answer.outcome, answer.body) == (Outcome.TOO_LARGE, b"")
    assert answer.detail == f"the answer is larger than the limit of {limit:,} bytes"


def test_a_crl_just_above_the_limit_is_not_taken(server: Directory) -> None:
    answer = ask(server.url("crl"), size_limit=len(CRL) - 1)
    assert answer.outcome is Outcome.TOO_LARGE
    assert ask(server.url("crl"), size_limit=len(CRL)).body == CRL


@pytest.mark.parametrize(("name", "count", "body"), [("two", 2, CRL), ("many", 7, NEWEST_OF_MANY)])
def test_of_several_crls_the_newest_is_taken_and_that_is_said(server: Directory, name: str, count: int, body: bytes) -> None:
    answer = ask(server.url(name))
    assert answer.body == body
    assert answer.detail == f"certificateRevocationList, the newest of {count} values, {len(body)} bytes"


def test_a_delta_crl_comes_where_the_url_names_it_and_never_in_place_of_a_complete_one(server: Directory) -> None:
    assert ask(server.url("delta")).body == CRL
    assert ask(server.url("delta", "deltaRevocationList;binary")).body == DELTA
    assert ask(server.url("delta", "deltaRevocationList;binary,certificateRevocationList;binary")).body == CRL


def test_a_crl_of_authorities_comes_where_the_url_names_it(server: Directory) -> None:
    assert ask(server.url("both")).body == OLD
    answer = ask(server.url("both", "authorityRevocationList"))
    assert (answer.body, answer.detail) == (CRL, f"authorityRevocationList, {len(CRL)} bytes")


def test_the_certificate_of_a_ca_is_found_in_cACertificate_binary(server: Directory) -> None:  # noqa: N802 - the attribute's name
    for attribute in ("cACertificate;binary", "cACertificate", "cACertificate;binary,crossCertificatePair;binary", ""):
        answer = ask(server.url("ca", attribute), kind="aia")
        assert (answer.outcome, answer.body) == (Outcome.OK, ROOT.der)


def test_the_certificates_of_a_renewed_ca_come_together(server: Directory) -> None:
    answer = ask(server.url("renewed", "cACertificate"), kind="aia")
    assert set(load(answer.body).certificates) == {ROOT.der, RENEWED.der}
    assert answer.detail == f"cACertificate, 2 values, {len(answer.body):,} bytes"


@pytest.mark.parametrize(
    ("name", "outcome", "detail"),
    [
        ("nobody", Outcome.UNREACHABLE, "the directory has no such entry (result 32)"),
        ("empty", Outcome.UNREACHABLE, "the entry shows an anonymous search no certificateRevocationList"),
        ("hidden", Outcome.UNREACHABLE, "the directory has no such entry (result 32)"),
        ("elsewhere", Outcome.UNREACHABLE, "the directory refers to another one, which is not followed (result 10)"),
        ("x%22=%00", Outcome.NOT_FETCHED, "the URL has a zero byte in it"),
        (",,=", Outcome.UNREACHABLE, "the directory cannot read the name of the entry (result 34)"),
    ],
)
def test_what_is_not_there_is_said_so(server: Directory, name: str, outcome: Outcome, detail: str) -> None:
    answer = ask(server.url(name))
    assert (answer.outcome, answer.detail, answer.body) == (outcome, detail, b"")


def test_a_filter_that_fits_no_entry(server: Directory) -> None:
    answer = ask(server.url("crl", rest="?base?(objectClass=person)"))
    assert (answer.outcome, answer.detail) == (Outcome.UNREACHABLE, "the directory shows an anonymous search no such entry")


def test_a_search_that_finds_many_entries_is_cut(server: Directory) -> None:
    answer = ask(f"ldap://127.0.0.1:{server.port}/{OPEN}?certificateRevocationList?sub")
    assert (answer.outcome, answer.detail) == (Outcome.UNREACHABLE, "the search finds more than 8 entries (result 4)")


def test_a_suffix_that_refuses_anonymous_searches_was_not_asked(server: Directory) -> None:
    answer = ask(server.url("crl").replace(OPEN, CLOSED))
    assert answer.outcome is Outcome.NOT_FETCHED
    assert answer.detail.startswith("the directory refuses anonymous searches (result ")


def test_a_directory_that_refuses_anonymous_binds_was_not_asked(tmp_path: Path) -> None:
    with directory.running(tmp_path, [], more="disallow bind_anon") as server:
        answer = ask(server.url("crl"))
    assert (answer.outcome, answer.detail) == (Outcome.NOT_FETCHED, "the directory refuses anonymous searches (result 48)")


def test_a_directory_that_went_away_is_unreachable(tmp_path: Path) -> None:
    with directory.running(tmp_path, []) as server:
        pass
    answer = ask(server.url("crl"))
    assert (answer.outcome, answer.detail) == (Outcome.UNREACHABLE, "the connection was refused")


def test_over_tls_the_certificate_is_verified_by_the_name_in_the_url(server: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = Guard(schemes=("ldaps",), allow=("127.0.0.1", "::1", "localhost"))
    url = f"ldaps://localhost:{server.tls_port}/cn=crl,{OPEN}?certificateRevocationList"
    untrusted = ask(url, guard)
    assert untrusted.outcome is Outcome.UNREACHABLE
    assert untrusted.detail.startswith("TLS: the server's certificate was not accepted")
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    assert ask(url, guard).body == CRL
    other_name = ask(url.replace("localhost", "127.0.0.1"), guard)
    assert other_name.outcome is Outcome.UNREACHABLE
    assert other_name.detail.startswith("TLS: the server's certificate was not accepted")


def test_without_leave_a_directory_on_an_odd_port_is_not_asked(server: Directory) -> None:
    answer = ask(server.url("crl"), Guard(schemes=("ldap",), intranet=True))
    assert answer.outcome is Outcome.REFUSED_BY_GUARD
    assert "is not one of LDAP" in answer.detail
    assert ask(server.url("crl"), GUARD, anchored=False).outcome is Outcome.REFUSED_BY_GUARD


def test_sixteen_threads_each_get_their_own_answer(server: Directory, large: bytes) -> None:
    wanted = [("crl", CRL), ("two", CRL), ("large", large), ("nobody", b""), ("delta", CRL), ("both", OLD)] * 16
    with ThreadPoolExecutor(16) as pool:
        bodies = list(pool.map(lambda one: ask(server.url(one[0])).body, wanted))
    assert bodies == [body for _, body in wanted]
