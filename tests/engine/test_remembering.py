"""A checker that is asked about the same bytes again answers from memory, and never otherwise than if it had judged anew."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

import chaincheck
import pki
from chaincheck.causes.codes import CauseCode, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from http_server import WebServer

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DATES: dict[str, Any] = {**pki.valid_around(NOW, 300)}
FRESH: dict[str, Any] = {"this_update": NOW - DAY, "next_update": NOW + DAY}
CA = pki.root("Remembered CA", **DATES)


def checker(web: WebServer, cache: Any, **more: Any) -> chaincheck.Checker:
    store = chaincheck.TrustStore(roots=CA.der, intermediates=(), disallowed=())
    return chaincheck.Checker(store=store, guard=chaincheck.Guard(intranet=True, allow=(web.address,)), cache=cache, **more)


def test_the_third_answer_is_the_second(web: WebServer, tmp_path: Path) -> None:
    leaf = CA.issue("one", crl_urls=[web.url("/ca.crl")], **DATES)
    web.serve("/ca.crl", CA.crl(**FRESH))
    with checker(web, tmp_path) as asked:
        first, second, third = (asked.diagnose(leaf.der) for _ in range(3))
        assert first.accepted
        assert [each.request.cached for each in second.responses] == [True]
        assert third.responses is second.responses
        assert web.count() == 1


def test_a_newer_list_in_the_cache_counts_at_once(web: WebServer, tmp_path: Path) -> None:
    leaf = CA.issue("one", crl_urls=[web.url("/ca.crl")], **DATES)
    web.serve("/ca.crl", CA.crl(**FRESH))
    cache = chaincheck.Cache(tmp_path)
    with checker(web, cache) as asked:
        for _ in range(3):
            assert asked.diagnose(leaf.der).accepted
        newer = CA.crl([(leaf.serial, NOW - HOUR, "keyCompromise")], this_update=NOW - HOUR, next_update=NOW + DAY, number=2)
        (found,) = {response.request.key for response in asked.diagnose(leaf.der).responses}
        kept = cache.get(found)
        assert kept is not None
        cache.put(
            found, type(kept)(body=newer, this_update_s=int((NOW - HOUR).timestamp()), next_update_s=None, received_at=kept.received_at + 1)
        )
        assert [cause.code for cause in asked.diagnose(leaf.der).causes] == [CauseCode.REVOKED]


def test_a_list_that_comes_where_there_was_none_counts_at_once(web: WebServer, tmp_path: Path) -> None:
    leaf = CA.issue("one", crl_urls=[web.url("/ca.crl")], ocsp_urls=[web.url("/ocsp")], **DATES)
    web.serve("/ca.crl", CA.crl(**FRESH))
    cache = chaincheck.Cache(tmp_path)
    with checker(web, cache) as asked, checker(web, cache, prefer="crl") as by_list:
        web.serve("/ocsp", CA.ocsp_handler({leaf.serial: "good"}))
        for _ in range(3):
            assert asked.diagnose(leaf.der).accepted
        web.serve("/ca.crl", CA.crl([(leaf.serial, NOW - HOUR, "keyCompromise")], **FRESH))
        other = CA.issue("other", crl_urls=[web.url("/ca.crl")], **DATES)
        assert by_list.diagnose(other.der).accepted  # brings the list
        assert [cause.code for cause in asked.diagnose(leaf.der).causes if cause.severity == "fatal"] == [CauseCode.REVOKED]


def test_what_is_due_is_asked_for_again(web: WebServer, tmp_path: Path) -> None:
    import http_server

    leaf = CA.issue("one", crl_urls=[web.url("/ca.crl")], **DATES)
    web.serve("/ca.crl", http_server.Reply(CA.crl(**FRESH), headers={"Cache-Control": "max-age=600"}))
    with checker(web, tmp_path) as asked:
        for _ in range(3):
            asked.diagnose(leaf.der)
        web.serve("/ca.crl", CA.crl([(leaf.serial, NOW - HOUR, "keyCompromise")], this_update=NOW, next_update=NOW + DAY, number=2))
        assert asked.diagnose(leaf.der).accepted
        with time_machine.travel(datetime.now(UTC) + timedelta(seconds=700), tick=True):
            assert asked.diagnose(leaf.der).verdict is Verdict.REFUSED


def test_evidence_that_has_run_out_decides_nothing_from_memory(web: WebServer, tmp_path: Path) -> None:
    leaf = CA.issue("one", crl_urls=[web.url("/ca.crl")], **DATES)
    web.serve("/ca.crl", CA.crl(**FRESH))
    with checker(web, tmp_path, fetch="online") as asked:
        for _ in range(3):
            assert asked.diagnose(leaf.der).accepted
        assert not asked.diagnose(leaf.der, at=NOW + 2 * DAY).accepted


def test_nothing_is_remembered_where_that_was_asked_for(web: WebServer, tmp_path: Path) -> None:
    leaf = CA.issue("one", crl_urls=[web.url("/ca.crl")], **DATES)
    web.serve("/ca.crl", CA.crl(**FRESH))
    with checker(web, tmp_path, remember=0) as asked:
        answers = [asked.diagnose(leaf.der) for _ in range(3)]
    assert len({id(each.responses) for each in answers}) == 3
    for wrong in (-1, 1.5, "all", True):
        with pytest.raises(chaincheck.InputError) as caught:
            checker(web, tmp_path, remember=wrong)
        assert caught.value.where == "remember"


def test_more_certificates_than_are_remembered_are_answered_all_the_same(web: WebServer, tmp_path: Path) -> None:
    leaves = [CA.issue(f"client {number}", crl_urls=[web.url("/ca.crl")], **DATES) for number in range(40)]
    web.serve("/ca.crl", CA.crl([(leaves[7].serial, NOW - DAY, None)], **FRESH))
    with checker(web, tmp_path, remember=10) as asked:
        for _ in range(4):
            refused = [number for number, leaf in enumerate(leaves) if not asked.diagnose(leaf.der).accepted]
            assert refused == [7]
            assert len(asked._held.answers) <= 10


def test_remembered_answers_keep_little_evidence_alive(web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leaves = [CA.issue(f"client {number}", crl_urls=[web.url(f"/{number}.crl")], **DATES) for number in range(12)]
    lists = [web.serve(f"/{number}.crl", CA.crl(number=number + 1, **FRESH)) for number in range(12)]
    size = len(CA.crl(**FRESH))
    monkeypatch.setattr("chaincheck.settings.EVIDENCE_BYTES", 4 * size)
    with checker(web, tmp_path) as asked:
        for _ in range(3):
            assert all(asked.diagnose(leaf.der).accepted for leaf in leaves)
            kept = {id(each.body): len(each.body) for answer, _, _ in asked._held.answers.values() for each in answer.responses}
            assert sum(kept.values()) <= 4 * size + 8
        assert web.count() == len(lists)
        monkeypatch.setattr("chaincheck.settings.EVIDENCE_BYTES", size // 2)
        assert asked.diagnose(leaves[0].der).accepted
        assert not asked._held.answers


def test_the_asynchronous_twin_remembers_too(web: WebServer, tmp_path: Path) -> None:
    leaf = CA.issue("one", crl_urls=[web.url("/ca.crl")], **DATES)
    web.serve("/ca.crl", CA.crl(**FRESH))

    async def ask() -> list[chaincheck.Diagnosis]:
        store = chaincheck.TrustStore(roots=CA.der, intermediates=(), disallowed=())
        guard = chaincheck.Guard(intranet=True, allow=(web.address,))
        async with chaincheck.AsyncChecker(store=store, guard=guard, cache=tmp_path) as asked:
            return [await asked.diagnose(leaf.der) for _ in range(3)]

    _, second, third = asyncio.run(ask())
    assert third.responses is second.responses


OCSP, FIRST = "http://ocsp.example.com/", "http://crl.example.com/1"
LEAVES = [CA.issue(f"fuzzed {number}", ocsp_urls=[OCSP] if number % 2 else (), crl_urls=[FIRST], **DATES) for number in range(3)]


def _web(chosen: random.Random, number: int) -> dict[str, bytes | None]:
    dates: dict[str, Any] = {"this_update": NOW - chosen.randint(1, 50) * HOUR, "next_update": NOW + chosen.choice([1, 5, 30]) * HOUR}
    revoked: list[pki.Revoked] = [(LEAVES[chosen.randrange(3)].serial, NOW - 3 * DAY, chosen.choice(["certificateHold", None]))]
    crl = CA.crl(revoked if chosen.random() < 0.4 else [], number=number, **dates)
    response = CA.ocsp_response(LEAVES[1], chosen.choice(["good", "good", "revoked"]), **dates)
    return {FIRST: chosen.choice([None, crl, crl, crl]), OCSP: chosen.choice([None, response, response])}


@settings(deadline=None)
@given(seed=st.integers(min_value=0, max_value=1 << 40))
def test_fuzz_what_is_remembered_is_what_would_be_judged_now(seed: int) -> None:
    chosen = random.Random(seed)
    web = _web(chosen, 1)

    def answer(request: httpx.Request) -> httpx.Response:
        body = web.get(str(request.url))
        headers = chosen.choice([{}, {"Cache-Control": "max-age=0"}, {"Cache-Control": "max-age=3600"}])
        return httpx.Response(404) if body is None else httpx.Response(200, content=body, headers=headers)

    store = chaincheck.TrustStore(roots=CA.der, intermediates=(), disallowed=(), crls=())
    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as client,
        TemporaryDirectory() as folder,
        time_machine.travel(NOW, tick=False) as clock,
    ):
        cache = chaincheck.Cache(folder)
        given_: dict[str, Any] = {"store": store, "http_client": client, "cache": cache}
        seen: dict[int, Any] = {}
        with chaincheck.Checker(**given_) as remembering, chaincheck.Checker(**given_, remember=0) as judging:
            for step in range(14):
                match chosen.randrange(6):
                    case 0:
                        web = _web(chosen, step + 2)
                    case 1:
                        clock.shift(chosen.choice([1, 61, 1800, 4000]))
                leaf = chosen.randrange(3)
                told = remembering.diagnose(LEAVES[leaf].der)
                if seen.get(leaf) is told.responses and told.responses:  # from memory: nothing was fetched, so the cache is what it was
                    now = judging.diagnose(LEAVES[leaf].der)
                    assert now.to_json() == told.to_json()
                seen[leaf] = told.responses
        cache.close()


def test_the_moment_of_the_servers_own_clock_is_looked_up_too(web: WebServer, tmp_path: Path) -> None:
    leaf = CA.issue("one", crl_urls=[web.url("/ca.crl")], not_before=NOW - DAY, not_after=NOW + 2 * HOUR)
    web.serve("/ca.crl", CA.crl(**FRESH))
    server = chaincheck.ServerProfile(clock_offset=7000.0)
    with time_machine.travel(NOW, tick=False) as clock, checker(web, tmp_path, server=server) as asked:
        first, second, third = (asked.diagnose(leaf.der) for _ in range(3))
        assert (first.accepted, first.at) == (True, third.at)
        assert third.responses is second.responses
        clock.shift(600)
        assert asked.diagnose(leaf.der).verdict is Verdict.REFUSED


def test_what_decided_on_another_path_ends_an_answer_too(tmp_path: Path) -> None:
    """Two cross certificates of one CA, one revoked, the other on hold: when the hold runs out, the answer is not the same any more."""
    at_a, at_b, at_leaf = (f"http://crl.example.com/{name}" for name in ("a", "b", "leaf"))
    roots = [pki.root(f"Crossing Root {number}", **DATES) for number in range(2)]
    held = roots[0].issue_ca("Crossed CA", crl_urls=[at_a], **DATES)
    revoked = roots[1].issue_ca("Crossed CA", key=held.key, crl_urls=[at_b], **DATES)
    leaf = held.issue("crossed", crl_urls=[at_leaf], **DATES)
    long: dict[str, Any] = {"this_update": NOW - DAY, "next_update": NOW + 9 * DAY}
    web = {
        at_a: roots[0].crl([(held.serial, NOW - DAY, "certificateHold")], this_update=NOW - DAY, next_update=NOW + 2 * HOUR),
        at_b: roots[1].crl([(revoked.serial, NOW - DAY, None)], **long),
        at_leaf: held.crl(**long),
    }

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=web[str(request.url)])

    with time_machine.travel(NOW, tick=False) as clock, httpx.Client(transport=httpx.MockTransport(answer)) as client:
        cache = chaincheck.Cache(tmp_path)
        for root, ca in zip(roots, (held, revoked), strict=True):  # other servers with the same cache
            store = chaincheck.TrustStore(roots=root.der, intermediates=ca.der, disallowed=(), crls=())
            chaincheck.diagnose(leaf.der, store=store, cache=cache, http_client=client)
        both = chaincheck.TrustStore(roots=[root.der for root in roots], intermediates=[held.der, revoked.der], disallowed=(), crls=())
        with chaincheck.Checker(store=both, cache=cache, http_client=client) as asked:
            diagnosis = [asked.diagnose(leaf.der) for _ in range(3)][-1]
            assert not diagnosis.accepted
            assert diagnosis.holds_until == NOW + 2 * HOUR
            web[at_a] = roots[0].crl(this_update=NOW + 2 * HOUR, next_update=NOW + 9 * DAY, number=3)  # the hold is lifted
            clock.shift(3 * HOUR)
            assert asked.diagnose(leaf.der).accepted
        cache.close()
