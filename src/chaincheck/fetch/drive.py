"""The drivers: they run the engine's generator and carry its rounds of requests to a fetcher, synchronously or on an event loop."""

from __future__ import annotations

from dataclasses import replace
from inspect import isawaitable
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from chaincheck.fetch.request import TOTAL_SECONDS, Outcome, Request, Response

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

Result = TypeVar("Result")


class Fetcher(Protocol):
    """Answers the requests of one round, in their order. ``deadline`` is a time of ``time.monotonic()``. Raises nothing a network does."""

    def fetch_round(self, requests: Sequence[Request], deadline: float) -> list[Response]: ...


class AsyncFetcher(Protocol):
    """``Fetcher`` for an event loop."""

    async def fetch_round(self, requests: Sequence[Request], deadline: float) -> list[Response]: ...


def drive(steps: Generator[list[Request], list[Response], Result], fetcher: Fetcher, *, deadline: float | None = None) -> Result:
    """Run the engine to its result. ``deadline`` (``time.monotonic()``) ends all fetching together; None: 20 seconds from now, as in
    IIS.
    """
    limit = monotonic() + TOTAL_SECONDS if deadline is None else deadline
    answers: list[Response] | None = None
    while True:
        try:
            requests = next(steps) if answers is None else steps.send(answers)
        except StopIteration as done:
            result: Result = done.value
            return result
        try:
            answers = fetcher.fetch_round(requests, limit)
        except BaseException:
            steps.close()
            raise


async def drive_async(
    steps: Generator[list[Request], list[Response], Result], fetcher: AsyncFetcher | Fetcher, *, deadline: float | None = None
) -> Result:
    """``drive`` on the running event loop. Fetchers that ask no network (offline, replay) need no asynchronous twin."""
    limit = monotonic() + TOTAL_SECONDS if deadline is None else deadline
    answers: list[Response] | None = None
    while True:
        try:
            requests = next(steps) if answers is None else steps.send(answers)
        except StopIteration as done:
            result: Result = done.value
            return result
        try:
            round_ = fetcher.fetch_round(requests, limit)
            answers = await round_ if isawaitable(round_) else round_
        except BaseException:
            steps.close()
            raise


class OfflineFetcher:
    """Answers every request with ``not-fetched``: the network is never touched."""

    checks_addresses = True

    def __init__(self, detail: str = "fetching is turned off") -> None:
        self._detail = detail

    def fetch_round(self, requests: Sequence[Request], deadline: float) -> list[Response]:
        """``not-fetched`` for each request."""
        return [Response(request=request, outcome=Outcome.NOT_FETCHED, detail=self._detail) for request in requests]


class ReplayFetcher:
    """Answers from recorded responses, found by ``Request.key``; what was not recorded is ``not-fetched``.

    Where one question was recorded on the word of an anchored and of another certificate, each gets its own answer.
    """

    checks_addresses = True

    def __init__(self, records: Iterable[Response]) -> None:
        self._exact: dict[_Question, Response] = {}
        self._by_key: dict[tuple[tuple[str, str, str, str], bool], Response] = {}
        for response in records:
            self._exact.setdefault(_question(response.request), response)
            self._by_key.setdefault((response.request.key, response.request.cached), response)

    def fetch_round(self, requests: Sequence[Request], deadline: float) -> list[Response]:
        """The recorded answers, each carrying the request that was asked now."""
        return [self._answer(request) for request in requests]

    def _recorded(self, request: Request) -> Response | None:
        return self._exact.get(_question(request)) or self._by_key.get((request.key, request.cached))

    def _answer(self, request: Request) -> Response:
        recorded = self._recorded(request)
        if recorded is None:
            return Response(request=request, outcome=Outcome.NOT_FETCHED, detail="not in the case")
        return replace(recorded, request=request)


class _Recorder:
    def __init__(self) -> None:
        self._records: dict[_Question, Response] = {}

    @property
    def records(self) -> tuple[Response, ...]:
        """Every answer so far, in the order asked; what the cache does not hold is no answer."""
        return tuple(response for response in self._records.values() if response.ok or not response.request.cached)

    @property
    def missed(self) -> tuple[Request, ...]:
        """What was looked for in the cache in vain."""
        return tuple(response.request for response in self._records.values() if response.request.cached and not response.ok)

    def _new(self, requests: Sequence[Request]) -> list[Request]:
        """What was not asked before: a question asked again gets its first answer, as it will when the case is replayed."""
        return [request for request in requests if _question(request) not in self._records]

    def _complete(self, requests: Sequence[Request], answers: list[Response]) -> list[Response]:
        for response in answers:
            self._records.setdefault(_question(response.request), response)
        return [replace(self._records[_question(request)], request=request) for request in requests]


class RecordingFetcher(_Recorder):
    """Passes requests on and keeps the answers: what a case stores. One is used for one diagnosis."""

    def __init__(self, inner: Fetcher) -> None:
        super().__init__()
        self._inner = inner

    def fetch_round(self, requests: Sequence[Request], deadline: float) -> list[Response]:
        """What the inner fetcher answers."""
        new = self._new(requests)
        return self._complete(requests, self._inner.fetch_round(new, deadline) if new else [])


class AsyncRecordingFetcher(_Recorder):
    """``RecordingFetcher`` for an event loop."""

    def __init__(self, inner: AsyncFetcher | Fetcher) -> None:
        super().__init__()
        self._inner = inner

    async def fetch_round(self, requests: Sequence[Request], deadline: float) -> list[Response]:
        """What the inner fetcher answers."""
        new = self._new(requests)
        round_ = self._inner.fetch_round(new, deadline) if new else []
        return self._complete(requests, await round_ if isawaitable(round_) else round_)


_Question: TypeAlias = tuple[tuple[str, str, str, str], bool, bool]


def _question(request: Request) -> _Question:
    """What decides the answer: the question, whether the guard hears it on the word of an anchored certificate, and who is asked."""
    return request.key, request.anchored, request.cached
