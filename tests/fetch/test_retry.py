"""What is asked again, how often, and never beyond the time there is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from chaincheck.fetch.request import Outcome
from chaincheck.fetch.retry import Retries
from fetch.loopback import BODY, closed_port, request

if TYPE_CHECKING:
    from fetch.loopback import Fetch, Server


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_server_that_is_busy_is_asked_again(fetch: Fetch, server: Server, status: int) -> None:
    [answer] = fetch([request(server.url(f"busy/{status}/2"))])
    assert (answer.outcome, answer.body) == (Outcome.OK, BODY)
    assert answer.detail == "application/pkix-crl, 800 bytes, asked 3 times"
    assert 0.25 < answer.elapsed < 1.5  # pauses of at least 0.1 and 0.2 s


def test_no_more_than_three_times(fetch: Fetch, server: Server) -> None:
    [answer] = fetch([request(server.url("busy/503/9"))])
    assert (answer.outcome, answer.detail) == (Outcome.HTTP_STATUS, "status 503, application/pkix-crl, asked 3 times")
    assert server.asked["/busy/503/9"] == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 410, 500, 501])
def test_other_statuses_are_answers(fetch: Fetch, server: Server, status: int) -> None:
    [answer] = fetch([request(server.url(f"status/{status}"))])
    assert (answer.outcome, answer.detail, len(server.requests)) == (Outcome.HTTP_STATUS, f"status {status}, text/html", 1)


def test_the_server_says_when(fetch: Fetch, server: Server) -> None:
    [answer] = fetch([request(server.url("busy/429/1/1"), timeout=5)])
    assert answer.outcome is Outcome.OK
    assert 1 <= answer.elapsed < 2


@pytest.mark.parametrize("when", ["3600", "Fri,|01|Jan|2100|00:00:00|GMT"])
def test_a_server_that_says_too_late_is_not_waited_for(fetch: Fetch, server: Server, when: str) -> None:
    [answer] = fetch([request(server.url(f"busy/503/1/{when}"))])
    assert (answer.outcome, answer.elapsed < 0.5) == (Outcome.HTTP_STATUS, True)


@pytest.mark.parametrize("when", ["-1", "soon", "1e3", "9" * 40])
def test_a_time_that_is_none_is_ignored(fetch: Fetch, server: Server, when: str) -> None:
    [answer] = fetch([request(server.url(f"busy/503/1/{when}"))])
    assert answer.outcome is Outcome.OK


def test_a_connection_that_breaks_is_tried_three_times(fetch: Fetch, server: Server) -> None:
    [answer] = fetch([request(server.url("hangup"))])
    assert (answer.outcome, answer.detail) == (Outcome.UNREACHABLE, "the connection was closed without an answer, asked 3 times")
    assert len(server.requests) == 3


def test_neither_time_outs_nor_refused_connections_nor_what_is_not_http(fetch: Fetch, server: Server) -> None:
    silent, noise, refused = fetch(
        [
            request(server.url("silence"), timeout=0.3),
            request(server.url("noise")),
            request(f"http://127.0.0.1:{closed_port()}/"),
        ]
    )
    assert (silent.outcome, noise.outcome, refused.outcome) == (Outcome.TIMEOUT, Outcome.UNREACHABLE, Outcome.UNREACHABLE)
    assert not any("asked" in answer.detail for answer in (silent, noise, refused))
    assert len(server.requests) == 2


def test_a_name_that_does_not_exist_is_looked_up_once(fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    asked: list[str] = []

    def getaddrinfo(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    [answer] = fetch([request("http://nowhere.example/")])
    assert (answer.detail, asked) == ("the name nowhere.example was not found", ["nowhere.example"])


def test_retries_keep_within_the_time(fetch: Fetch, server: Server) -> None:
    started = time.monotonic()
    [answer] = fetch([request(server.url("busy/503/9"), timeout=0.15)])
    assert (answer.outcome, time.monotonic() - started < 0.6) == (Outcome.HTTP_STATUS, True)


def test_pauses_grow_and_differ() -> None:
    pauses = []
    for _ in range(50):
        retries = Retries()
        first, second = retries.after_status(503, None, 100.0), retries.after_status(503, None, 100.0)
        assert first is not None
        assert second is not None
        assert 0.1 <= first <= 0.2 <= second <= 0.4
        assert retries.after_status(503, None, 100.0) is None
        pauses.append(first)
    assert len(set(pauses)) > 10
