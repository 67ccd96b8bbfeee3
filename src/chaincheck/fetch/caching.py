"""Fetchers that look into the cache: before asking, for what to ask; after asking, for what "not modified" stands for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from inspect import isawaitable
from typing import TYPE_CHECKING, NamedTuple

from chaincheck.fetch.drive import OfflineFetcher
from chaincheck.fetch.request import Outcome, Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chaincheck.fetch.cache import Cache
    from chaincheck.fetch.cache_entry import Stored
    from chaincheck.fetch.drive import AsyncFetcher, Fetcher


class _Prepared(NamedTuple):
    """One request before asking: ``answer`` where there is one already, else what to ask, and what a 304 would confirm."""

    request: Request
    answer: Response | None = None
    asked: Request | None = None
    stored: Stored | None = None


class _Caching:
    def __init__(self, inner: AsyncFetcher | Fetcher | None, cache: Cache) -> None:
        self._inner: AsyncFetcher | Fetcher = OfflineFetcher() if inner is None else inner
        self._cache = cache

    @property
    def checks_addresses(self) -> bool:
        """As the inner fetcher."""
        return bool(getattr(self._inner, "checks_addresses", False))

    def _prepare(self, requests: Sequence[Request]) -> list[_Prepared]:
        return [self._from_cache(request) if request.cached else self._to_ask(request) for request in requests]

    def _from_cache(self, request: Request) -> _Prepared:
        return _Prepared(request, _answer(request, self._cache.get(request.key)))

    def _to_ask(self, request: Request) -> _Prepared:
        failure = self._cache.recent_failure(request)
        if failure is not None:
            return _Prepared(request, failure)
        stored = self._cache.get(request.key) if request.method == "GET" else None
        headers = () if stored is None else _conditions(stored)
        if not headers:
            return _Prepared(request, asked=request)
        return _Prepared(request, asked=replace(request, headers=(*request.headers, *headers)), stored=stored)

    def _complete(self, prepared: Sequence[_Prepared], answers: Sequence[Response]) -> list[Response]:
        """Each with the request as it was put, so that a case that is recorded says nothing of what the cache held."""
        came = iter(answers)
        return [one.answer if one.answer is not None else self._after(one, next(came)) for one in prepared]

    def _after(self, one: _Prepared, response: Response) -> Response:
        response = replace(response, request=one.request)
        if response.outcome is not Outcome.NOT_MODIFIED:
            self._cache.failed(response)
            return response
        if one.stored is None:  # RFC 9110 15.4.5: an answer to conditional requests only
            return replace(response, outcome=Outcome.HTTP_STATUS, status=304, detail="status 304 (not modified) to a plain request")
        stored = one.stored
        self._cache.refreshed(
            one.request.key, stored.sha256, response.received_at, response.refresh_at, response.etag, response.last_modified
        )
        return replace(
            response,
            outcome=Outcome.OK,
            body=stored.body,
            detail="",
            etag=response.etag or stored.etag,
            last_modified=response.last_modified or stored.last_modified,
        )


class CachingFetcher(_Caching):
    """Answers requests that are put to the cache alone; asks the inner fetcher for the others, on condition that something changed.

    What failed within the last minute is not asked again. ``inner``: None for a fetcher that reaches nobody. What comes back is not stored
    here: only a diagnosis knows what it is worth.
    """

    def __init__(self, inner: Fetcher | None, cache: Cache) -> None:
        super().__init__(inner, cache)
        self._fetcher: Fetcher = OfflineFetcher() if inner is None else inner

    def fetch_round(self, requests: Sequence[Request], deadline: float) -> list[Response]:
        """One answer for each request, in their order."""
        prepared = self._prepare(requests)
        asked = [one.asked for one in prepared if one.asked is not None]
        return self._complete(prepared, self._fetcher.fetch_round(asked, deadline) if asked else [])


class AsyncCachingFetcher(_Caching):
    """``CachingFetcher`` for an event loop, which never waits for the disk."""

    async def fetch_round(self, requests: Sequence[Request], deadline: float) -> list[Response]:
        """One answer for each request, in their order."""
        at_hand = [self._cache.at_hand(request.key) if request.cached else None for request in requests]
        if requests and all(at_hand):
            return [_answer(request, stored) for request, stored in zip(requests, at_hand, strict=True)]
        prepared = await asyncio.to_thread(self._prepare, requests)
        asked = [one.asked for one in prepared if one.asked is not None]
        if not asked:
            return self._complete(prepared, [])
        round_ = self._inner.fetch_round(asked, deadline)
        answers = await round_ if isawaitable(round_) else round_
        return await asyncio.to_thread(self._complete, prepared, answers)


def unchanged(cache: Cache, responses: Iterable[Response], missed: Sequence[Request], at: int, *, may_wait: bool) -> bool:
    """Whether the cache would answer each of these requests, all of them put to it alone, with the very same body, and asking is not due.

    ``missed``: those that it answered with nothing. Another process may have put something there: only the disk can tell, which is asked
    if ``may_wait``.
    """
    if missed and not may_wait:
        return False
    get = cache.get if may_wait else cache.at_hand
    for response in responses:
        if response.refresh_at is not None and response.refresh_at <= at:
            return False
        stored = get(response.request.key)
        if stored is None or stored.body is not response.body:
            return False
        if (stored.received_at, stored.refresh_at) != (response.received_at, response.refresh_at):
            return False
    return not any(get(request.key) is not None for request in missed)


def _answer(request: Request, stored: Stored | None) -> Response:
    """What the cache says to a request that is put to it alone."""
    if stored is None:
        return Response(request=request, outcome=Outcome.NOT_FETCHED, detail="not in the cache")
    return Response(
        request=request,
        outcome=Outcome.OK,
        body=stored.body,
        received_at=stored.received_at,
        refresh_at=stored.refresh_at,
    )


def _conditions(stored: Stored) -> tuple[tuple[str, str], ...]:
    """RFC 9110 13.1.2 and 13.1.3. A validator that no header can carry is left out."""
    pairs = (("If-None-Match", stored.etag), ("If-Modified-Since", stored.last_modified))
    return tuple((name, value) for name, value in pairs if value and value.isascii() and value.isprintable())
