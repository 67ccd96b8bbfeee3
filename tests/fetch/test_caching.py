"""The fetchers in front of the cache; the network behind them is a real one on the loopback address."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

import pytest

from chaincheck.fetch.cache import Cache
from chaincheck.fetch.cache_entry import Stored
from chaincheck.fetch.caching import AsyncCachingFetcher, CachingFetcher
from chaincheck.fetch.drive import OfflineFetcher, RecordingFetcher, ReplayFetcher
from chaincheck.fetch.http import AsyncHttpFetcher, HttpFetcher
from chaincheck.fetch.request import Outcome, Request, Response
from fetch import loopback
from fetch.evidence import NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from chaincheck.fetch.drive import Fetcher

Ask: TypeAlias = "Callable[[Sequence[Request], Fetcher | None, Cache], list[Response]]"
ASKED = Request(kind="crl", url="http://pki.example/issuing.crl", certificate="ab", anchored=True)
KEPT = Stored(
    body=b"a list", this_update_s=NOW, received_at=NOW, refresh_at=NOW + 60, etag='"1"', last_modified="Mon, 01 Jun 2026 00:00:00 GMT"
)


class Server:
    """A network that answers as it is told, and writes down what it was asked."""

    checks_addresses = True

    def __init__(self, **answer: object) -> None:
        self.answer = answer
        self.asked: list[Request] = []

    def fetch_round(self, requests: Sequence[Request], deadline: float) -> list[Response]:
        self.asked += requests
        return [Response(request=request, received_at=NOW + 100, **self.answer) for request in requests]  # type: ignore[arg-type]


def ask_sync(requests: Sequence[Request], inner: Fetcher | None, cache: Cache) -> list[Response]:
    return CachingFetcher(inner, cache).fetch_round(requests, monotonic() + 10)


def ask_async(requests: Sequence[Request], inner: Fetcher | None, cache: Cache) -> list[Response]:
    return asyncio.run(AsyncCachingFetcher(inner, cache).fetch_round(requests, monotonic() + 10))


@pytest.fixture(params=[ask_sync, ask_async], ids=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    way: Ask = request.param
    return way


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    made = Cache(tmp_path / "kept")
    yield made
    made.close()


# put to the cache alone


@pytest.mark.parametrize("inner", [None, OfflineFetcher()])
def test_the_cache_answers_alone_where_there_is_no_network(ask: Ask, cache: Cache, inner: Fetcher | None) -> None:
    cache.put(ASKED.key, KEPT)
    cached = replace(ASKED, cached=True)
    (response,) = ask([cached], inner, cache)
    assert response == Response(request=cached, outcome=Outcome.OK, body=KEPT.body, received_at=NOW, refresh_at=NOW + 60)
    assert response.body is KEPT.body


def test_what_is_put_to_the_cache_alone_never_reaches_the_network(ask: Ask, cache: Cache) -> None:
    server = Server(outcome=Outcome.OK, body=b"from the network")
    cached = replace(ASKED, cached=True)
    assert ask([cached], server, cache) == [Response(request=cached, outcome=Outcome.NOT_FETCHED, detail="not in the cache")]
    cache.put(ASKED.key, KEPT)
    assert ask([cached], server, cache)[0].body == b"a list"
    assert server.asked == []


def test_a_failure_does_not_hide_what_is_in_the_cache(ask: Ask, cache: Cache) -> None:
    cache.put(ASKED.key, KEPT)
    ask([ASKED], Server(outcome=Outcome.UNREACHABLE, detail="no route"), cache)
    assert ask([replace(ASKED, cached=True)], None, cache)[0].outcome is Outcome.OK


def test_a_round_of_both_kinds_is_answered_in_its_order(ask: Ask, cache: Cache) -> None:
    cache.put(ASKED.key, KEPT)
    other = replace(ASKED, url="http://pki.example/other.crl")
    server = Server(outcome=Outcome.OK, body=b"from the network")
    answers = ask([other, replace(ASKED, cached=True), replace(other, cached=True), other], server, cache)
    assert [one.outcome.value for one in answers] == ["ok", "ok", "not-fetched", "ok"]
    assert [one.body for one in answers] == [b"from the network", b"a list", b"", b"from the network"]
    assert server.asked == [other, other]


# on condition


def test_what_is_in_the_cache_is_asked_for_on_condition_that_it_changed(ask: Ask, cache: Cache) -> None:
    cache.put(ASKED.key, KEPT)
    server = Server(outcome=Outcome.NOT_MODIFIED, status=304, refresh_at=NOW + 900)
    (response,) = ask([ASKED], server, cache)
    assert server.asked[0].headers == (("If-None-Match", '"1"'), ("If-Modified-Since", "Mon, 01 Jun 2026 00:00:00 GMT"))
    assert (response.outcome, response.received_at, response.refresh_at) == (Outcome.OK, NOW + 100, NOW + 900)
    assert response.body is KEPT.body
    assert response.request == ASKED
    found = cache.get(ASKED.key)
    assert found is not None
    assert (found.received_at, found.refresh_at, found.etag) == (NOW + 100, NOW + 900, '"1"')


def test_a_new_answer_comes_through_and_is_not_stored_before_it_is_verified(ask: Ask, cache: Cache) -> None:
    cache.put(ASKED.key, KEPT)
    (response,) = ask([ASKED], Server(outcome=Outcome.OK, status=200, body=b"new"), cache)
    assert (response.request, response.body) == (ASKED, b"new")
    assert cache.get(ASKED.key) == KEPT


def test_a_post_has_no_condition(ask: Ask, cache: Cache) -> None:
    post = replace(ASKED, kind="ocsp", method="POST", body=b"a question")
    cache.put(post.key, KEPT)
    server = Server(outcome=Outcome.OK, body=b"new")
    ask([post], server, cache)
    assert server.asked == [post]


@pytest.mark.parametrize("validator", ["", "a\r\nX-Injected: 1", "\u3042", "x" * 5000])
def test_a_validator_that_no_header_can_carry_is_not_sent(ask: Ask, cache: Cache, validator: str) -> None:
    cache.put(ASKED.key, replace(KEPT, etag=validator, last_modified=validator))
    server = Server(outcome=Outcome.OK, body=b"new")
    ask([ASKED], server, cache)
    assert server.asked == [ASKED]


def test_not_modified_to_a_plain_request_is_a_failure(ask: Ask, cache: Cache) -> None:
    (response,) = ask([ASKED], Server(outcome=Outcome.NOT_MODIFIED, status=304), cache)
    assert (response.outcome, response.status, response.body) == (Outcome.HTTP_STATUS, 304, b"")


def test_a_recorded_case_replays_without_the_cache(cache: Cache) -> None:
    cache.put(ASKED.key, KEPT)
    server = Server(outcome=Outcome.NOT_MODIFIED, status=304)
    recorder = RecordingFetcher(CachingFetcher(server, cache))
    first = recorder.fetch_round([ASKED, replace(ASKED, cached=True)], monotonic() + 10)
    records = [Response.from_record(one.to_record(), one.body) for one in recorder.records]
    again = ReplayFetcher(records).fetch_round([ASKED, replace(ASKED, cached=True)], monotonic() + 10)
    assert [(one.outcome, one.body, one.received_at) for one in again] == [(one.outcome, one.body, one.received_at) for one in first]


# failures


def test_what_failed_is_not_asked_again_for_a_while(ask: Ask, cache: Cache, server: loopback.Server) -> None:
    gone = Request(kind="crl", url=server.url("/status/404"), anchored=True)
    with HttpFetcher(loopback.GUARD) as network:
        first, second = ask([gone], network, cache)[0], ask([gone], network, cache)[0]
    assert (first.outcome, first.status) == (second.outcome, second.status) == (Outcome.HTTP_STATUS, 404)
    assert second.detail == f"{first.detail} (remembered: asked again after 60 s)"
    assert len(server.requests) == 1


def test_a_refusal_by_the_guard_is_no_failure_of_the_address(ask: Ask, cache: Cache, server: loopback.Server) -> None:
    url = server.url("/ok")
    with HttpFetcher() as public:
        assert ask([Request(kind="crl", url=url)], public, cache)[0].outcome is Outcome.REFUSED_BY_GUARD
    with HttpFetcher(loopback.GUARD) as network:
        assert ask([Request(kind="crl", url=url, anchored=True)], network, cache)[0].body == loopback.BODY


# the twins


def test_the_async_fetcher_takes_an_async_network(cache: Cache, server: loopback.Server) -> None:
    async def ask_both() -> list[Response]:
        async with AsyncHttpFetcher(loopback.GUARD) as network:
            fetcher = AsyncCachingFetcher(network, cache)
            assert fetcher.checks_addresses
            return await fetcher.fetch_round([Request(kind="crl", url=server.url("/ok"), anchored=True)], monotonic() + 10)

    assert asyncio.run(ask_both())[0].body == loopback.BODY


def test_the_loop_goes_on_while_the_disk_is_waited_for(cache: Cache) -> None:
    """The database is held by another connection: writing to it waits, and the loop does not."""
    import sqlite3

    cache.put(ASKED.key, KEPT)
    assert cache.directory is not None
    (file,) = cache.directory.glob("evidence-*.sqlite3")
    blocker = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    blocker.execute("BEGIN IMMEDIATE")
    release = threading.Timer(1.0, lambda: blocker.execute("ROLLBACK"))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    async def ask_beside() -> Response:
        counting = asyncio.ensure_future(count())
        release.start()
        server = Server(outcome=Outcome.NOT_MODIFIED, status=304)
        (response,) = await AsyncCachingFetcher(server, cache).fetch_round([ASKED], monotonic() + 10)
        counting.cancel()
        return response

    assert asyncio.run(ask_beside()).outcome is Outcome.OK
    release.join()
    blocker.close()
    assert turns > 20


def test_what_memory_holds_needs_no_thread(cache: Cache) -> None:
    cache.put(ASKED.key, KEPT)
    before = set(threading.enumerate())

    async def ask_once() -> tuple[list[Response], set[threading.Thread]]:
        answers = await AsyncCachingFetcher(None, cache).fetch_round([replace(ASKED, cached=True)], monotonic() + 10)
        return answers, set(threading.enumerate())

    answers, after = asyncio.run(ask_once())
    assert answers[0].body is KEPT.body
    assert after == before


@pytest.mark.parametrize("sees", [True, False])
def test_whether_addresses_are_checked_is_for_the_network_to_say(cache: Cache, sees: bool) -> None:
    server = Server(outcome=Outcome.OK)
    server.checks_addresses = sees
    assert CachingFetcher(server, cache).checks_addresses is sees
    assert AsyncCachingFetcher(server, cache).checks_addresses is sees
