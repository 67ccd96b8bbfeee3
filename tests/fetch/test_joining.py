"""The same question at the same time is one request, whoever asks; no host is asked too much at a time; each URL has its share of time."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from chaincheck.fetch.http import AsyncHttpFetcher, HttpFetcher
from chaincheck.fetch.joining import Joining
from chaincheck.fetch.kept import Kept, Way
from chaincheck.fetch.request import Outcome, Response
from fetch.loopback import BODY, GUARD, request

if TYPE_CHECKING:
    from fetch.loopback import Fetch, Server


def soon() -> float:
    return time.monotonic() + 8


def test_threads_that_ask_the_same_ask_once(server: Server) -> None:
    asked = [request(server.url("slow/0.3"), certificate=str(number), timeout=3 + number) for number in range(16)]
    with HttpFetcher(GUARD) as fetcher, ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda one: fetcher.fetch_round([one], soon())[0], asked))
    assert [answer.request for answer in answers] == asked
    assert {answer.body for answer in answers} == {BODY}
    assert len(server.requests) == 1


def test_tasks_that_ask_the_same_ask_once(server: Server) -> None:
    async def run() -> list[Response]:
        async with AsyncHttpFetcher(GUARD) as fetcher:
            rounds = [fetcher.fetch_round([request(server.url("slow/0.3"), certificate=str(number))], soon()) for number in range(16)]
            return [answer for [answer] in await asyncio.gather(*rounds)]

    answers = asyncio.run(run())
    assert [answer.request.certificate for answer in answers] == [str(number) for number in range(16)]
    assert len(server.requests) == 1


def test_one_after_the_other_they_are_asked_anew(fetch: Fetch, server: Server) -> None:
    for _ in range(2):
        fetch([request(server.url("ok"))])
    assert len(server.requests) == 2


def test_what_the_guard_or_the_server_could_tell_apart_is_not_joined(server: Server) -> None:
    url = server.url("slow/0.2")
    asked = [
        request(url),
        request(url, anchored=False),
        request(url, headers=(("If-None-Match", '"7"'),)),
        request(url, size_limit=10),
    ]
    with HttpFetcher(GUARD) as fetcher:
        answers = fetcher.fetch_round(asked, soon())
    assert [answer.outcome for answer in answers] == [Outcome.OK, Outcome.REFUSED_BY_GUARD, Outcome.OK, Outcome.TOO_LARGE]
    assert len(server.requests) == 3


def test_a_cancelled_leader_leaves_nobody_behind(server: Server) -> None:
    async def run() -> Response:
        async with AsyncHttpFetcher(GUARD) as fetcher:
            leader = asyncio.ensure_future(fetcher.fetch_round([request(server.url("slow/0.4"))], soon()))
            await asyncio.sleep(0.1)
            follower = asyncio.ensure_future(fetcher.fetch_round([request(server.url("slow/0.4"))], soon()))
            await asyncio.sleep(0.1)
            leader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leader
            return (await follower)[0]

    assert asyncio.run(run()).outcome is Outcome.OK
    assert len(server.requests) == 2


def test_a_cancelled_follower_does_not_disturb_the_leader(server: Server) -> None:
    async def run() -> Response:
        async with AsyncHttpFetcher(GUARD) as fetcher:
            leader = asyncio.ensure_future(fetcher.fetch_round([request(server.url("slow/0.3"))], soon()))
            await asyncio.sleep(0.05)
            follower = asyncio.ensure_future(fetcher.fetch_round([request(server.url("slow/0.3"))], soon()))
            await asyncio.sleep(0.05)
            follower.cancel()
            return (await leader)[0]

    assert asyncio.run(run()).outcome is Outcome.OK
    assert len(server.requests) == 1


def test_a_killed_leader_leaves_nobody_behind() -> None:
    """What ends a thread from outside, as KeyboardInterrupt does, is no answer for the others."""
    joining = Joining()
    asking = threading.Event()
    asked = request("http://ca.example/")

    def killed() -> Response:
        asking.set()
        time.sleep(0.2)
        raise SystemExit

    def lead() -> None:
        with suppress(SystemExit):
            joining.fetch(asked, soon(), killed)

    thread = threading.Thread(target=lead)
    thread.start()
    asking.wait(5)
    answer = joining.fetch(asked, soon(), lambda: Response(request=asked, outcome=Outcome.OK))
    thread.join()
    assert answer.outcome is Outcome.OK


def test_a_leader_that_hangs_is_not_waited_for_beyond_its_time() -> None:
    joining = Joining()
    asked = request("http://ca.example/")
    release, asking = threading.Event(), threading.Event()

    def hang() -> Response:
        asking.set()
        release.wait(5)
        return Response(request=asked, outcome=Outcome.OK, detail="late")

    thread = threading.Thread(target=joining.fetch, args=(asked, time.monotonic() + 0.2, hang))
    thread.start()
    asking.wait(5)
    started = time.monotonic()
    answer = joining.fetch(asked, soon(), lambda: Response(request=asked, outcome=Outcome.OK, detail="own"))
    assert (answer.detail, time.monotonic() - started < 1) == ("own", True)
    release.set()
    thread.join()
    assert not joining._flights


def test_who_has_more_time_than_the_leader_asks_again(server: Server) -> None:
    with HttpFetcher(GUARD) as fetcher, ThreadPoolExecutor(2) as threads:
        short = threads.submit(fetcher.fetch_round, [request(server.url("slow/0.6"), timeout=0.3)], soon())
        time.sleep(0.1)
        long = threads.submit(fetcher.fetch_round, [request(server.url("slow/0.6"), timeout=4.0)], soon())
        assert (short.result()[0].outcome, long.result()[0].outcome) == (Outcome.TIMEOUT, Outcome.OK)


def test_who_has_less_time_than_the_leader_does_not_wait_for_it(server: Server) -> None:
    with HttpFetcher(GUARD) as fetcher, ThreadPoolExecutor(2) as threads:
        long = threads.submit(fetcher.fetch_round, [request(server.url("slow/0.8"), timeout=4.0)], soon())
        time.sleep(0.1)
        [short] = fetcher.fetch_round([request(server.url("slow/0.8"), timeout=0.2)], soon())
        assert (short.outcome, short.detail) == (Outcome.TIMEOUT, "no answer within 0.2 s")
        assert long.result()[0].ok
    assert len(server.requests) == 1


def test_a_host_is_asked_by_so_many_at_a_time_and_no_more(fetch: Fetch, server: Server) -> None:
    asked = [request(server.url(f"slow/0.2{'0' * number}")) for number in range(6)]
    started = time.monotonic()
    answers = fetch(asked, per_host=2)
    assert {answer.outcome for answer in answers} == {Outcome.OK}
    assert 0.6 <= time.monotonic() - started < 1.8
    assert server.most_at_once == 2


def test_who_gets_no_turn_is_told_so(fetch: Fetch, server: Server) -> None:
    first, second = fetch([request(server.url("slow/0.6")), request(server.url("ok"), timeout=0.3)], per_host=1)
    assert first.outcome is Outcome.OK
    assert (second.outcome, second.detail) == (
        Outcome.TIMEOUT,
        "no turn within 0.3 s: no more than 1 requests go to one host at a time",
    )


def test_hosts_and_questions_that_are_done_take_no_memory(server: Server) -> None:
    with HttpFetcher(GUARD) as fetcher:
        fetcher.fetch_round([request(server.url("ok")), request(server.url("status/404"))], soon())
        [own] = fetcher._own.values()
        assert (own.turns._hosts, own.joining._flights) == ({}, {})


def test_connections_that_are_not_used_are_dropped_the_oldest_first() -> None:
    kept: Kept[str] = Kept(2)
    ways = [Way("http", host, 80, True, "") for host in "abc"]
    for way in ways:
        kept.put(way, way.host)
    assert kept.too_many
    assert kept.drop_oldest() == "a"
    assert (kept.too_many, kept.take(ways[0]), kept.take(ways[1]), kept.drain()) == (False, None, "b", ["c"])
    assert kept.oldest() is None


def test_free_connections_above_the_limit_are_closed(server: Server) -> None:
    asked = [request(server.url(f"slow/0.2{'0' * number}")) for number in range(6)]
    with HttpFetcher(GUARD, connections=2) as fetcher:
        fetcher.fetch_round(asked, soon())
        fetcher.fetch_round(asked, soon())
    assert server.connections == 6 + 4


def test_each_url_has_half_of_what_is_left(server: Server) -> None:
    """IIS: 10 s of 20, then 5, then 2.5; those of one round run at the same time and have the same."""
    end = time.monotonic() + 1.2
    with HttpFetcher(GUARD) as fetcher:
        first = fetcher.fetch_round([request(server.url("silence")), request(server.url("silence/2"))], end)
        second = fetcher.fetch_round([request(server.url("silence"))], end)
        [third] = fetcher.fetch_round([request(server.url("ok"))], end)
    assert all(answer.detail in ("no answer within 0.6 s", "no answer within 0.59 s") for answer in first)
    assert second[0].outcome is Outcome.TIMEOUT
    assert 0.15 < second[0].elapsed < 0.4
    assert third.ok
    assert time.monotonic() < end


def test_the_default_budget_is_that_of_windows() -> None:
    from chaincheck.fetch.exchange import turn_ends
    from chaincheck.fetch.request import TOTAL_SECONDS, URL_SECONDS, Request

    now = time.monotonic()
    left, shares = TOTAL_SECONDS, []
    for _ in range(4):
        shares.append(turn_ends(Request(kind="crl", url="x"), now + left) - now)
        left -= shares[-1]
    assert shares == pytest.approx([10, 5, 2.5, 1.25], abs=0.05)
    assert turn_ends(Request(kind="crl", url="x"), now + 100) - now == pytest.approx(URL_SECONDS, abs=0.1)
