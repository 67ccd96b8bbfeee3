"""The drivers, and the fetchers that need no network."""

from __future__ import annotations

import asyncio
import pickle
import time
from typing import TYPE_CHECKING

import pytest

from chaincheck.errors import InputError
from chaincheck.fetch.drive import AsyncRecordingFetcher, OfflineFetcher, RecordingFetcher, ReplayFetcher, drive, drive_async
from chaincheck.fetch.request import TOTAL_SECONDS, Outcome, Request, Response

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

CRL = Request(kind="crl", url="http://ca.example/ca.crl", certificate="aa", anchored=True)
OCSP = Request(
    kind="ocsp", url="http://ca.example/ocsp", method="POST", body=b"\x30\x00", headers=(("Content-Type", "x: y"),), certificate="bb"
)


def two_rounds() -> Generator[list[Request], list[Response], list[str]]:
    first = yield [CRL]
    second = yield [OCSP, CRL]
    return [f"{response.request.certificate} {response.outcome} {response.detail}" for response in first + second]


class Canned:
    """Answers everything, and counts."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.deadlines: set[float] = set()

    def fetch_round(self, requests: Sequence[Request], deadline: float) -> list[Response]:
        self.deadlines.add(deadline)
        self.asked += requests
        return [
            Response(request=r, outcome=Outcome.OK, status=200, body=b"body", detail=str(len(self.asked)), received_at=7) for r in requests
        ]


class AsyncCanned(Canned):
    async def fetch_round(self, requests: Sequence[Request], deadline: float) -> list[Response]:  # type: ignore[override]
        await asyncio.sleep(0)
        return super().fetch_round(requests, deadline)


def test_rounds_are_answered_until_the_result_comes() -> None:
    assert drive(two_rounds(), OfflineFetcher()) == [f"{name} not-fetched fetching is turned off" for name in ("aa", "bb", "aa")]
    assert asyncio.run(drive_async(two_rounds(), OfflineFetcher("why"))) == [f"{name} not-fetched why" for name in ("aa", "bb", "aa")]


def test_all_rounds_have_one_deadline() -> None:
    fetcher = Canned()
    drive(two_rounds(), fetcher)
    [deadline] = fetcher.deadlines
    assert TOTAL_SECONDS - 5 < deadline - time.monotonic() <= TOTAL_SECONDS
    drive(two_rounds(), fetcher, deadline=3.0)
    assert 3.0 in fetcher.deadlines


def test_an_error_of_the_fetcher_closes_the_engine() -> None:
    class Broken:
        def fetch_round(self, requests: Sequence[Request], deadline: float) -> list[Response]:
            raise MemoryError

    steps = two_rounds()
    with pytest.raises(MemoryError):
        drive(steps, Broken())
    with pytest.raises(StopIteration):
        next(steps)


def test_what_was_recorded_is_replayed_to_the_letter() -> None:
    inner = Canned()
    recorder = RecordingFetcher(inner)
    live = drive(two_rounds(), recorder)
    assert inner.asked == [CRL, OCSP]  # a question asked again gets its first answer
    assert drive(two_rounds(), ReplayFetcher(recorder.records)) == live
    async_recorder = AsyncRecordingFetcher(AsyncCanned())
    assert asyncio.run(drive_async(two_rounds(), async_recorder)) == live
    assert async_recorder.records == recorder.records


def test_a_replay_knows_only_what_the_case_holds() -> None:
    replayed = drive(two_rounds(), ReplayFetcher([Response(request=OCSP, outcome=Outcome.TIMEOUT, detail="slow")]))
    assert replayed == ["aa not-fetched not in the case", "bb timeout slow", "aa not-fetched not in the case"]


def test_a_replay_tells_anchored_questions_from_others() -> None:
    other = Request(kind="crl", url=CRL.url)
    refused = Response(request=other, outcome=Outcome.REFUSED_BY_GUARD)
    answers = ReplayFetcher([refused, Response(request=CRL, outcome=Outcome.OK)]).fetch_round([CRL, other], 0)
    assert [answer.outcome for answer in answers] == [Outcome.OK, Outcome.REFUSED_BY_GUARD]


@pytest.mark.parametrize(
    "response",
    [
        Response(request=OCSP, outcome=Outcome.OK, status=200, body=b"\x00\xff", detail="x", received_at=1, elapsed=0.5),
        Response(request=CRL, outcome=Outcome.UNREACHABLE, detail="the connection was refused"),
    ],
)
def test_a_response_becomes_a_record_and_back(response: Response) -> None:
    record = response.to_record()
    assert all(isinstance(value, str | int | float | list) for value in record.values())
    assert Response.from_record(record, response.body) == response
    assert pickle.loads(pickle.dumps(response)) == response  # noqa: S301


@pytest.mark.parametrize("change", [{"kind": "pdf"}, {"outcome": "great"}, {"url": None}, {"request_body": "?"}, {"received_at": "noon"}])
def test_a_damaged_record_is_an_input_error(change: dict[str, object]) -> None:
    record = Response(request=CRL, outcome=Outcome.OK).to_record() | change
    if record["url"] is None:
        del record["url"]
    with pytest.raises(InputError) as raised:
        Response.from_record(record)
    assert raised.value.code == "case-response"


def test_a_request_is_known_by_what_goes_over_the_wire() -> None:
    assert CRL.key == ("crl", "GET", "http://ca.example/ca.crl", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    assert Request(kind="crl", url=CRL.url).key == CRL.key
    assert (CRL.size_limit, OCSP.size_limit, Request(kind="aia", url="x").size_limit) == (104857600, 65536, 100000)
    assert len({CRL, OCSP, CRL}) == 2
