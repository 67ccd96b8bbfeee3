"""Rounds: joined, concurrent, on kept connections, from many threads, after a fork, on any event loop, through a client of the caller's."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import httpx2  # the continuation of httpx, with its interface
import pytest

from chaincheck.fetch.guard import Guard
from chaincheck.fetch.http import AsyncHttpFetcher, HttpFetcher
from chaincheck.fetch.request import Outcome
from fetch.loopback import BODY, GUARD, request

if TYPE_CHECKING:
    from fetch.loopback import Fetch, Server


def soon() -> float:
    return time.monotonic() + 5


def test_a_round_runs_at_once_and_answers_in_order(fetch: Fetch, server: Server) -> None:
    started = time.monotonic()
    answers = fetch([request(server.url("slow/0.3")), request(server.url("status/404")), request(server.url("slow/0.30"))])
    assert [answer.status for answer in answers] == [200, 404, 200]
    assert time.monotonic() - started < 0.8


def test_an_empty_round_is_answered(fetch: Fetch) -> None:
    assert fetch([]) == []


def test_equal_requests_of_a_round_are_asked_once(fetch: Fetch, server: Server) -> None:
    answers = fetch([request(server.url("ok"), certificate=name) for name in ("aa", "bb", "cc")])
    assert [answer.request.certificate for answer in answers] == ["aa", "bb", "cc"]
    assert {answer.body for answer in answers} == {BODY}
    assert len(server.requests) == 1


def test_connections_are_kept(server: Server) -> None:
    with HttpFetcher(GUARD) as fetcher:
        for _ in range(5):
            assert fetcher.fetch_round([request(server.url("ok"))], soon())[0].ok
    assert (len(server.requests), server.connections) == (5, 1)


def test_connections_are_kept_on_an_event_loop(server: Server) -> None:
    async def run() -> None:
        async with AsyncHttpFetcher(GUARD) as fetcher:
            for _ in range(5):
                assert (await fetcher.fetch_round([request(server.url("ok"))], soon()))[0].ok

    asyncio.run(run())
    assert (len(server.requests), server.connections) == (5, 1)


def test_cookies_are_not_kept(server: Server) -> None:
    with HttpFetcher(GUARD) as fetcher:
        for _ in range(2):
            fetcher.fetch_round([request(server.url("cookie"))], soon())
    assert not any("Cookie" in headers for _, _, headers in server.requests)


def test_sixteen_threads_share_one_fetcher(server: Server) -> None:
    with HttpFetcher(GUARD) as fetcher, ThreadPoolExecutor(16) as threads:
        rounds = [[request(server.url("ok"), certificate=str(n)), request(server.url("status/404"))] for n in range(64)]
        for answers in threads.map(lambda each: fetcher.fetch_round(each, soon()), rounds):
            assert [answer.outcome for answer in answers] == [Outcome.OK, Outcome.HTTP_STATUS]


def test_one_asynchronous_fetcher_serves_several_loops(server: Server) -> None:
    fetcher = AsyncHttpFetcher(GUARD)

    async def run() -> bool:
        answers = await fetcher.fetch_round([request(server.url("status/404"))], soon())
        return answers[0].outcome is Outcome.HTTP_STATUS

    assert asyncio.run(run())
    assert asyncio.run(run())
    assert len(fetcher._own) == 1  # what belonged to a closed loop is forgotten


def test_a_fetcher_works_inside_a_running_loop_of_somebody_else(server: Server) -> None:
    async def cell() -> bool:
        with HttpFetcher(GUARD) as fetcher:
            return (await asyncio.to_thread(fetcher.fetch_round, [request(server.url("ok"))], soon()))[0].ok

    assert asyncio.run(cell())


def test_cancelling_a_round_cancels_its_requests(server: Server) -> None:
    async def run() -> None:
        async with AsyncHttpFetcher(GUARD) as fetcher:
            task = asyncio.ensure_future(fetcher.fetch_round([request(server.url("silence"))], soon()))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    started = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - started < 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_a_fetcher_survives_fork(server: Server) -> None:
    """In a fresh interpreter without other threads, as servers fork."""
    program = """
import os, sys, time
from chaincheck.fetch.guard import Guard
from chaincheck.fetch.http import HttpFetcher
from chaincheck.fetch.request import Request
fetcher = HttpFetcher(Guard(allow=("127.0.0.1",)))
def ask():
    return fetcher.fetch_round([Request(kind="crl", url=sys.argv[1], anchored=True, timeout=3)], time.monotonic() + 3)[0].ok
assert ask()
pid = os.fork()
if pid == 0:
    os._exit(0 if ask() and ask() else 1)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert ask()
fetcher.close()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, server.url("ok")], check=False, capture_output=True, text=True, timeout=20
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert server.connections == 2  # the parent's, kept across the fork, and the child's


def test_a_closed_fetcher_says_so() -> None:
    fetcher = HttpFetcher()
    fetcher.close()
    with pytest.raises(RuntimeError, match="closed"):
        fetcher.fetch_round([], 0)


@pytest.mark.parametrize("library", [httpx, httpx2], ids=lambda library: library.__name__)
def test_a_client_of_the_callers_is_used_and_left_open(server: Server, library: Any) -> None:
    with library.Client(cookies={"session": "secret"}, auth=("user", "secret"), headers={"X-Gateway": "7"}) as client:
        with HttpFetcher(GUARD, client=client) as fetcher:
            assert not fetcher.checks_addresses
            [answer] = fetcher.fetch_round([request(server.url("to/|ok"))], soon())
        assert (answer.outcome, answer.body, client.is_closed) == (Outcome.OK, BODY, False)
    for _, _, headers in server.requests:
        assert headers["X-Gateway"] == "7"
        assert not {"Cookie", "Authorization"} & set(headers)


@pytest.mark.parametrize("library", [httpx, httpx2], ids=lambda library: library.__name__)
def test_a_client_of_the_callers_is_guarded_by_name_and_redirect(server: Server, library: Any) -> None:
    with library.Client() as client, HttpFetcher(GUARD, client=client) as fetcher:
        urls = ("http://localhost/", server.url("to/http:||10.0.0.1|x"), "http://10.0.0.1:25/")
        answers = fetcher.fetch_round([request(url) for url in urls], soon())
    assert {answer.outcome for answer in answers} == {Outcome.REFUSED_BY_GUARD}


def test_a_client_of_the_callers_cannot_hold_up_a_round(server: Server) -> None:
    with httpx.Client() as client, HttpFetcher(GUARD, client=client) as fetcher:
        started = time.monotonic()
        [answer] = fetcher.fetch_round([request(server.url("driphead"), timeout=0.2)], time.monotonic() + 0.2)
        assert answer.outcome is Outcome.TIMEOUT
        assert time.monotonic() - started < 1
        server.stop.set()


def test_a_mock_transport_will_do_for_a_client() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=BODY))
    with httpx.Client(transport=transport) as client, HttpFetcher(client=client) as fetcher:
        [answer] = fetcher.fetch_round([request("http://ca.example.com/ca.crl")], soon())
    assert (answer.outcome, answer.body, answer.detail) == (Outcome.OK, BODY, "no content type, 800 bytes")


@pytest.mark.parametrize("library", [httpx, httpx2], ids=lambda library: library.__name__)
def test_an_asynchronous_client_of_the_callers(server: Server, library: Any) -> None:
    async def run() -> None:
        async with library.AsyncClient() as client, AsyncHttpFetcher(GUARD, client=client) as fetcher:
            ok, refused = await fetcher.fetch_round([request(server.url("ok")), request("http://[::1]/")], soon())
        assert (ok.outcome, refused.outcome) == (Outcome.OK, Outcome.REFUSED_BY_GUARD)

    asyncio.run(run())


def test_a_bug_in_a_client_is_an_answer_and_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise KeyError("oops")

    with httpx.Client(transport=httpx.MockTransport(broken)) as client, HttpFetcher(client=client) as fetcher:
        [answer] = fetcher.fetch_round([request("http://ca.example.com/ca.crl")], soon())
    assert (answer.outcome, answer.detail) == (Outcome.UNREACHABLE, "the connection failed (KeyError)")
    assert "KeyError" in caplog.text


def test_a_proxy_of_the_environment_is_used(fetch: Fetch, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"user:secret@127.0.0.1:{server.server_port}")
    assert not HttpFetcher().checks_addresses
    [answer] = fetch([request("http://ca.example.com/ok")], Guard.PUBLIC)
    # our server is no proxy: it takes the whole URL for a path and hangs up
    assert server.requests[0][1] == "http://ca.example.com/ok"
    assert server.requests[0][2]["Proxy-Authorization"].startswith("Basic ")
    assert answer.outcome is Outcome.UNREACHABLE
    assert "secret" not in answer.detail


@pytest.mark.parametrize(
    ("status", "outcome", "detail"),
    [
        ("403 Forbidden", Outcome.REFUSED_BY_PROXY, "the proxy refused the connection with status 403"),
        ("407 Who are you", Outcome.REFUSED_BY_PROXY, "the proxy refused the connection with status 407"),
        ("502 Bad Gateway", Outcome.UNREACHABLE, "the proxy could not make the connection (status 502)"),
    ],
)
def test_a_proxy_that_refuses_is_its_own_outcome(
    fetch: Fetch, server: Server, monkeypatch: pytest.MonkeyPatch, status: str, outcome: Outcome, detail: str
) -> None:
    server.connect_status = status
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.server_port}")
    [answer] = fetch([request("https://ca.example.com/ok")])
    assert (answer.outcome, answer.detail) == (outcome, detail)
    assert server.requests[0][:2] == ("CONNECT", "ca.example.com:443")


def test_a_loopback_address_is_not_asked_for_through_a_proxy(fetch: Fetch, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    [answer] = fetch([request(server.url("ok"))])
    assert answer.outcome is Outcome.OK


def test_importing_the_fetchers_imports_no_http_library() -> None:
    program = (
        "import sys, chaincheck.fetch.request, chaincheck.fetch.guard, chaincheck.fetch.drive, chaincheck.fetch.http as h; h.HttpFetcher();"
        "sys.exit(bool({'httpx', 'httpcore', 'h11', 'anyio'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=20).returncode == 0
