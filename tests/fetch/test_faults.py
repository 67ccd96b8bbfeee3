"""Every fault of a network or server is an outcome with a plain reason; none raises, none takes longer than it may."""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from chaincheck.fetch.guard import Guard
from chaincheck.fetch.request import Outcome
from fetch.loopback import BODY, GUARD, closed_port, request

if TYPE_CHECKING:
    from pathlib import Path

    from fetch.loopback import Fetch, Server


def test_a_body_comes_with_its_type_and_time(fetch: Fetch, server: Server) -> None:
    [answer] = fetch([request(server.url("ok"))])
    assert (answer.outcome, answer.status, answer.body) == (Outcome.OK, 200, BODY)
    assert answer.detail == "application/pkix-crl, 800 bytes"
    assert abs(answer.received_at - time.time()) < 5
    assert 0 < answer.elapsed < 2


@pytest.mark.parametrize(
    ("path", "outcome", "detail"),
    [
        ("status/404", Outcome.HTTP_STATUS, "status 404, text/html"),
        ("status/500", Outcome.HTTP_STATUS, "status 500, text/html"),
        ("status/407", Outcome.REFUSED_BY_PROXY, "the proxy wants a user name and password (status 407)"),
        ("zeros/5000", Outcome.TOO_LARGE, "the body is declared as 5,000 bytes, more than the limit of 4,000"),
        ("chunked/5000", Outcome.TOO_LARGE, "the body is larger than the limit of 4,000 bytes"),
        ("gzip/6000000", Outcome.TOO_LARGE, "the body is declared as"),
        ("gzip/500000", Outcome.TOO_LARGE, "the body is larger than the limit of 4,000 bytes"),
        ("coding/br", Outcome.UNREACHABLE, "the body came in a content coding that was not asked for"),
        ("coding/gzip", Outcome.UNREACHABLE, "the body is not in the content coding that its header names"),
        ("truncated", Outcome.UNREACHABLE, "the answer ended before it was complete"),
        ("hangup", Outcome.UNREACHABLE, "the connection was closed without an answer"),
        ("noise", Outcome.UNREACHABLE, "the answer is not HTTP"),
        ("silence", Outcome.TIMEOUT, "no answer within 0.3 s"),
        ("driphead", Outcome.TIMEOUT, "no answer within 0.3 s"),
        ("drip", Outcome.TIMEOUT, "the answer was not complete within 0.3 s"),
        ("further/0", Outcome.BAD_REDIRECT, "more than 3 redirects"),
        ("to/|to|%7Cto", Outcome.BAD_REDIRECT, "the redirects go round in a circle"),
        ("nowhere", Outcome.BAD_REDIRECT, "status 302 without a usable Location"),
        ("to/http:||10.0.0.1|x", Outcome.REFUSED_BY_GUARD, "redirected: 10.0.0.1 is a private address"),
        ("to/http:||localhost|x", Outcome.REFUSED_BY_GUARD, "redirected: localhost is a name for the loopback address"),
        ("to/http:||user:pw@ca.example|x", Outcome.REFUSED_BY_GUARD, "redirected: the URL contains a user name or password"),
        ("to/file:|||etc|passwd", Outcome.REFUSED_BY_GUARD, "redirected: the scheme file is not allowed"),
        ("to/ftp:||ca.example|x", Outcome.REFUSED_BY_GUARD, "redirected: the scheme ftp is not allowed"),
    ],
)
def test_a_fault_of_the_server_is_an_outcome(fetch: Fetch, server: Server, path: str, outcome: Outcome, detail: str) -> None:
    started = time.monotonic()
    [answer] = fetch([request(server.url(path), timeout=0.3 if outcome is Outcome.TIMEOUT else 5.0, size_limit=4000)])
    assert (answer.outcome, answer.body) == (outcome, b"")
    assert answer.detail.startswith(detail)
    assert "secret" not in answer.detail
    assert time.monotonic() - started < 1.5


def test_gzip_that_nobody_asked_for_is_undone_within_the_limit(fetch: Fetch, server: Server) -> None:
    [answer] = fetch([request(server.url("gzip/4000"), size_limit=4000)])
    assert (answer.outcome, answer.body) == (Outcome.OK, bytes(4000))


def test_a_login_page_is_described_not_echoed(fetch: Fetch, server: Server) -> None:
    [answer] = fetch([request(server.url("login"))])
    assert answer.outcome is Outcome.OK
    assert answer.detail == "text/html, 33 bytes"


def test_a_refused_connection(fetch: Fetch) -> None:
    [answer] = fetch([request(f"http://127.0.0.1:{closed_port()}/")])
    assert (answer.outcome, answer.status, answer.detail) == (Outcome.UNREACHABLE, None, "the connection was refused")


def test_a_name_that_does_not_exist(fetch: Fetch) -> None:
    [answer] = fetch([request("http://crl.example.invalid/ca.crl")])
    assert answer.outcome is Outcome.UNREACHABLE
    assert answer.detail.startswith("the name crl.example.invalid ")


@pytest.mark.parametrize("host", ["xn--.com", "a..b.com", f"{'a' * 70}.com", "-._.com"])
def test_a_host_that_cannot_exist(fetch: Fetch, host: str, caplog: pytest.LogCaptureFixture) -> None:
    [answer] = fetch([request(f"http://{host}/ca.crl")])
    assert answer.outcome is Outcome.UNREACHABLE
    assert not caplog.records


def test_tls_with_something_that_speaks_none(fetch: Fetch, server: Server) -> None:
    [answer] = fetch([request(server.url("ok").replace("http:", "https:"))])
    assert answer.outcome is Outcome.UNREACHABLE
    assert answer.detail.startswith("TLS: no agreement with the server")


def test_tls_is_verified_as_usual(fetch: Fetch, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = tmp_path / "server.pem"
    pem.write_bytes(self_signed("127.0.0.1"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.speak_tls(context)
    asked = [request(server.url("ok").replace("http:", "https:"))]

    [answer] = fetch(asked)
    assert answer.outcome is Outcome.UNREACHABLE
    assert answer.detail.startswith("TLS: the server's certificate was not accepted (self-signed certificate")

    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    [answer] = fetch(asked)
    assert (answer.outcome, answer.body) == (Outcome.OK, BODY)


def test_an_expired_certificate_of_the_server_is_said_to_be_expired(
    fetch: Fetch, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = tmp_path / "server.pem"
    pem.write_bytes(self_signed("127.0.0.1", days_ago=30))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.speak_tls(context)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    [answer] = fetch([request(server.url("ok").replace("http:", "https:"))])
    assert answer.outcome is Outcome.UNREACHABLE
    assert "certificate has expired" in answer.detail


def test_a_body_of_200_mib_ends_at_the_limit_of_a_crl(fetch: Fetch, server: Server) -> None:
    for path in ("zeros/209715200", "flood/200"):
        [answer] = fetch([request(server.url(path), size_limit=0, timeout=20)], total=60)
        assert (answer.outcome, answer.body) == (Outcome.TOO_LARGE, b"")
        assert "104,857,600" in answer.detail


def self_signed(address: str, *, days_ago: int = 0) -> bytes:
    """A key and a certificate for an IP address, as PEM; ``days_ago``: when its two days were."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC) - timedelta(days=days_ago)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now - timedelta(days=1), now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_the_total_time_cuts_a_url_that_would_have_more(fetch: Fetch, server: Server) -> None:
    started = time.monotonic()
    slow, late = fetch([request(server.url("drip")), request(server.url("silence"))], total=0.3)
    assert (slow.outcome, late.outcome) == (Outcome.TIMEOUT, Outcome.TIMEOUT)
    assert time.monotonic() - started < 1.2


def test_nothing_is_sent_when_the_total_time_is_used_up(fetch: Fetch, server: Server) -> None:
    [answer] = fetch([request(server.url("ok"))], total=-1)
    assert (answer.outcome, answer.detail) == (Outcome.TIMEOUT, "the time for all requests together was used up before this one")
    assert not server.requests


def test_a_name_server_that_never_answers_is_a_timeout(fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: object, **__: object) -> list[object]:
        time.sleep(0.5)
        return []

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    started = time.monotonic()
    [answer] = fetch([request("http://slow.example/", timeout=0.2)])
    assert answer.outcome is Outcome.TIMEOUT
    assert time.monotonic() - started < 0.9


def test_redirects_are_followed_and_a_question_keeps_its_body(fetch: Fetch, server: Server) -> None:
    [answer] = fetch([request(server.url("to/|ok"), kind="ocsp", method="POST", body=b"question")])
    assert answer.outcome is Outcome.OK
    assert server.bodies == [b"question", b"question"]
    assert {headers["Content-Type"] for _, _, headers in server.requests} == {"application/ocsp-request"}


def test_see_other_turns_a_post_into_a_get(fetch: Fetch, server: Server) -> None:
    [answer] = fetch([request(server.url("seeother/|ok"), kind="ocsp", method="POST", body=b"question")])
    assert answer.outcome is Outcome.OK
    assert [method for method, _, _ in server.requests] == ["POST", "GET"]


def test_a_connection_that_breaks_before_the_answer_is_tried_once_more(fetch: Fetch, server: Server) -> None:
    [answer] = fetch([request(server.url("hangup_once"))])
    assert (answer.outcome, server.hangups) == (Outcome.OK, 2)


def test_requests_carry_our_name_and_nothing_of_the_users(fetch: Fetch, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch([request(server.url("ok"))])
    [(_, _, headers)] = server.requests
    assert headers["User-Agent"].startswith("chaincheck/")
    assert headers["Accept-Encoding"] == "identity"
    assert not {"Cookie", "Authorization", "Referer"} & set(headers)


def test_a_loopback_address_is_refused_unless_it_is_allowed(fetch: Fetch, server: Server) -> None:
    [answer] = fetch([request(server.url("ok"))], Guard.INTRANET)
    assert answer.outcome is Outcome.REFUSED_BY_GUARD
    assert answer.detail == "127.0.0.1 is a loopback address, reached only when allow= names it"
    assert not server.connections


def test_a_name_is_judged_by_the_addresses_it_leads_to(fetch: Fetch, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "127.0.0.1")
    [answer] = fetch([request(server.url("ok", "pki.example.com"))], Guard.INTRANET)
    assert answer.outcome is Outcome.REFUSED_BY_GUARD
    assert answer.detail == "pki.example.com leads to 127.0.0.1, which is a loopback address, reached only when allow= names it"
    assert not server.connections


def test_one_forbidden_address_among_several_condemns_the_name(fetch: Fetch, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "93.184.215.14", "127.0.0.1")
    [answer] = fetch([request(server.url("ok", "pki.example.com"))], Guard.INTRANET)
    assert answer.outcome is Outcome.REFUSED_BY_GUARD


def test_a_second_look_up_is_never_made(fetch: Fetch, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer is allowed; a name server that says something else the second time is not asked."""
    asked = resolve_to(monkeypatch, "127.0.0.1")
    [answer] = fetch([request(server.url("ok", "pki.example.com"))], GUARD)
    assert answer.outcome is Outcome.OK
    assert asked == ["pki.example.com"]


def test_a_connection_made_for_an_anchored_certificate_serves_no_other(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from fetch.loopback import fetch_sync

    asked = resolve_to(monkeypatch, "127.0.0.1")
    url = server.url("ok", "pki.example.com")
    guard = Guard(allow=("127.0.0.1",), fetch_unanchored=True)
    answers = fetch_sync([request(url), request(url, anchored=False)], guard)
    assert [answer.outcome for answer in answers] == [Outcome.OK, Outcome.OK]
    assert asked == ["pki.example.com", "pki.example.com"]
    assert server.connections == 2


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Every name leads to these addresses; the list says which names were asked for."""
    import socket

    real = socket.getaddrinfo
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *args: int, **options: int) -> list[tuple[object, ...]]:
        if host in addresses:
            return list(real(host, port, *args, **options))
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    return asked
