"""Proxies: the environment's or the caller's; real ones that let through, refuse, or want a password."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import httpx
import pytest

from chaincheck.errors import InputError
from chaincheck.fetch.guard import Guard
from chaincheck.fetch.http import AsyncHttpFetcher, HttpFetcher
from chaincheck.fetch.proxy import EnvironmentProxies, OneProxy, refused_by_proxy
from chaincheck.fetch.request import Outcome
from fetch.loopback import BODY, GUARD, closed_port, request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fetch.loopback import Fetch, Server

tinyproxy = pytest.mark.skipif(shutil.which("tinyproxy") is None, reason="needs the Debian package tinyproxy")


@contextmanager
def proxy(folder: Path, *settings: str) -> Iterator[str]:
    """A tinyproxy with these settings; its address."""
    port = closed_port()
    lines = (f"Port {port}", "Listen 127.0.0.1", "Timeout 10", "MaxClients 50", "LogLevel Error", *settings)
    (folder / "tinyproxy.conf").write_text("\n".join(lines) + "\n")
    process = subprocess.Popen(
        ["tinyproxy", "-d", "-c", str(folder / "tinyproxy.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(process, port)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    """Until the program listens."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        assert process.poll() is None, "the program ended: its settings are wrong"
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise TimeoutError(port)


def forbidding(folder: Path) -> str:
    """The setting for a proxy that lets nobody go anywhere."""
    (folder / "filter").write_text("^nothing$\n")
    return f'Filter "{folder / "filter"}"\nFilterDefaultDeny Yes'


@tinyproxy
def test_a_proxy_that_lets_through(fetch: Fetch, server: Server, tmp_path: Path) -> None:
    with proxy(tmp_path) as address:
        answers = fetch([request(server.url("ok")), request(server.url("status/404"))], proxy=f"http://{address}")
    assert [(answer.outcome, answer.detail) for answer in answers] == [
        (Outcome.OK, "application/pkix-crl, 800 bytes, through a proxy"),
        (Outcome.HTTP_STATUS, "status 404, text/html, through a proxy"),
    ]
    assert answers[0].body == BODY
    assert not any(answer.address_checked for answer in answers)
    assert all("Via" in headers for _, _, headers in server.requests)


@tinyproxy
def test_a_question_through_a_proxy(fetch: Fetch, server: Server, tmp_path: Path) -> None:
    with proxy(tmp_path) as address:
        asked = request(server.url("nopost/405"), kind="ocsp", method="POST", body=b"question")
        [answer] = fetch([asked], proxy=f"http://{address}")
    assert answer.ok
    assert answer.detail.startswith("status 405 to POST; asked by GET: application/ocsp-response, 800 bytes, through a proxy")
    assert server.bodies == [b"question"]


@tinyproxy
def test_a_proxy_that_refuses(fetch: Fetch, server: Server, tmp_path: Path) -> None:
    with proxy(tmp_path, forbidding(tmp_path), "ConnectPort 443") as address:
        plain, secured, port = fetch(
            [request(server.url("ok")), request("https://ca.example.com/"), request("https://ca.example.com:8443/")],
            proxy=f"http://{address}",
        )
    assert (plain.outcome, plain.detail) == (
        Outcome.REFUSED_BY_PROXY,
        "the proxy does not let this URL be asked (status 403), through a proxy",
    )
    for answer in (secured, port):
        assert (answer.outcome, answer.detail) == (Outcome.REFUSED_BY_PROXY, "the proxy refused the connection with status 403")
    assert not server.requests


@tinyproxy
def test_a_refusal_of_the_server_is_not_the_proxys(fetch: Fetch, server: Server, tmp_path: Path) -> None:
    with proxy(tmp_path) as address:
        [answer] = fetch([request(server.url("status/403"))], proxy=f"http://{address}")
    assert (answer.outcome, answer.detail) == (Outcome.HTTP_STATUS, "status 403, text/html, through a proxy")


@tinyproxy
def test_a_proxy_that_wants_a_password(fetch: Fetch, server: Server, tmp_path: Path) -> None:
    with proxy(tmp_path, "BasicAuth user s3cret") as address:
        asked = [request(server.url("ok")), request("https://ca.example.com/")]
        answers = fetch(asked, proxy=f"http://{address}") + fetch(asked, proxy=f"http://user:wrong@{address}")
        [allowed] = fetch([request(server.url("ok"))], proxy=f"http://user:s%33cret@{address}")
    assert {answer.outcome for answer in answers} == {Outcome.REFUSED_BY_PROXY}
    assert [answer.detail.partition("status ")[2][:3] for answer in answers] == ["407", "407", "401", "401"]
    assert not any("wrong" in answer.detail for answer in answers)
    assert allowed.ok
    assert not any("Proxy-Authorization" in headers for _, _, headers in server.requests)


@tinyproxy
def test_the_proxy_of_the_environment_is_asked_and_refuses(
    fetch: Fetch, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy(tmp_path, forbidding(tmp_path)) as address:
        monkeypatch.setenv("ALL_PROXY", f"http://{address}")
        monkeypatch.setenv("NO_PROXY", "direct.example.com")
        asked = [request(f"{scheme}://ca.example.com/ca.crl") for scheme in ("http", "https")]
        plain, secured, local = fetch([*asked, request(server.url("ok"))])
    assert (plain.outcome, secured.outcome) == (Outcome.REFUSED_BY_PROXY, Outcome.REFUSED_BY_PROXY)
    assert local.ok  # loopback is never asked for through the environment's proxy


def test_the_proxies_of_the_environment_are_those_httpx_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://plain.example:3128")
    monkeypatch.setenv("HTTPS_PROXY", "secured.example:3128")
    monkeypatch.setenv("NO_PROXY", "corp.example,.intern.example,10.0.0.1")
    own = EnvironmentProxies()
    with httpx.Client() as client:
        for url in (
            "http://ca.example/",
            "https://ca.example/",
            "http://corp.example/",
            "https://pki.corp.example/",
            "http://pki.intern.example/",
            "http://10.0.0.1/",
        ):
            parts = httpx.URL(url)
            proxies = getattr(client._transport_for_url(parts), "_pool", None)
            theirs = getattr(proxies, "_proxy_url", None) or getattr(getattr(proxies, "_proxy", None), "url", None)
            ours = own.proxy_for(parts.scheme, parts.host)
            assert (theirs is None) == (not ours), url
            if theirs is not None:
                assert theirs.host.decode() in ours


def test_a_proxy_that_is_not_there(fetch: Fetch, server: Server) -> None:
    [answer] = fetch([request(server.url("ok"))], proxy=f"http://user:secret@127.0.0.1:{closed_port()}")
    assert (answer.outcome, answer.detail) == (Outcome.UNREACHABLE, "the connection was refused")


def test_a_proxy_that_never_answers(fetch: Fetch, server: Server) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        plain, secured = fetch([request(server.url("ok"), timeout=0.3), request("https://ca.example.com/", timeout=0.3)], proxy=address)
    assert {plain.outcome, secured.outcome} == {Outcome.TIMEOUT}
    assert time.monotonic() - started < 1.2


def test_a_proxy_of_the_environment_that_cannot_be_used_is_named_without_its_password(
    fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url, words in (
        ("socks5://user:secret@127.0.0.1:1080", "a proxy that speaks socks5, which is not supported"),
        ("http://user:secret@127.0.0.1:none", "a proxy whose address is none"),
        ("ftp://user:secret@127.0.0.1", "a proxy whose address is none"),
    ):
        monkeypatch.setenv("http_proxy", url)
        [answer] = fetch([request("http://ca.example.com/")], Guard.PUBLIC)
        assert (answer.outcome, answer.detail) == (Outcome.UNREACHABLE, f"the environment names {words}")


@pytest.mark.parametrize(
    "given", ["", "proxy", "http://", "http://user:secret@host:port", "socks5://h:1", "http://h/path", 8080, b"http://h"]
)
@pytest.mark.parametrize("fetcher", [HttpFetcher, AsyncHttpFetcher])
def test_what_is_no_proxy_is_an_input_error_that_repeats_no_password(fetcher: type, given: object) -> None:
    with pytest.raises(InputError) as raised:
        fetcher(proxy=given)
    assert raised.value.code == "proxy"
    assert "secret" not in str(raised.value)


def test_a_client_has_a_proxy_of_its_own() -> None:
    with httpx.Client() as client, pytest.raises(InputError, match="beside a client"):
        HttpFetcher(client=client, proxy="http://127.0.0.1:3128")


def test_a_proxy_of_the_callers_takes_every_request() -> None:
    proxy = OneProxy("HTTP://user:secret@proxy.example:3128")
    assert proxy.proxy_for("https", "127.0.0.1").startswith("HTTP://")
    assert not HttpFetcher(proxy="http://proxy.example:3128").checks_addresses


@pytest.mark.parametrize(
    ("status", "headers", "refused"),
    [
        (407, {}, True),
        (403, {}, False),  # no Via: many proxies send none
        (403, {"via": "1.1 proxy (squid/5.7)"}, False),  # passed on
        (403, {"x-squid-error": "ERR_ACCESS_DENIED 0"}, True),
        (403, {"server": "squid/5.7"}, True),
        (403, {"server": "tinyproxy/1.11.1"}, True),
        (403, {"server": "tinyproxyish"}, False),
        (403, {"server": "nginx"}, False),
        (403, {"proxy-status": "proxy.example; error=http_request_denied"}, True),
        (403, {"proxy-status": "proxy.example; received-status=403"}, False),
        (404, {"x-squid-error": "ERR_ACCESS_DENIED 0"}, False),
        (503, {"x-squid-error": "ERR_DNS_FAIL 0"}, False),
    ],
)
def test_whose_refusal_it_is(status: int, headers: dict[str, str], refused: bool) -> None:
    assert bool(refused_by_proxy(status, headers, proxied=True)) is refused
    if status != 407:
        assert refused_by_proxy(status, headers, proxied=False) is None


def test_headers_of_a_proxy_mean_nothing_without_one(fetch: Fetch, server: Server) -> None:
    [answer] = fetch([request(server.url("ownpage/403/X-Squid-Error/ERR_ACCESS_DENIED"))], GUARD)
    assert answer.outcome is Outcome.HTTP_STATUS
