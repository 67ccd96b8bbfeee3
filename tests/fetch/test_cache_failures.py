from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import time_machine

from chaincheck.fetch.cache import Cache
from chaincheck.fetch.request import Outcome, Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_900_000_000
ANCHORED = Request(kind="crl", url="http://pki.corp.local/issuing.crl", anchored=True)
STRANGER = replace(ANCHORED, anchored=False)


@pytest.fixture
def caches(tmp_path: Path) -> Iterator[tuple[Cache, Cache]]:
    """One that is told, and one that reads what another process has told."""
    told, other = Cache(tmp_path / "kept"), Cache(tmp_path / "kept")
    with time_machine.travel(NOW, tick=False):
        yield told, other
    told.close()
    other.close()


def failure(outcome: Outcome, status: int | None = None, *, request: Request = ANCHORED, elapsed: float = 0.5) -> Response:
    return Response(request=request, outcome=outcome, status=status, detail="what happened", received_at=NOW, elapsed=elapsed)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.UNREACHABLE, None),
        (Outcome.BAD_REDIRECT, 302),
        (Outcome.TOO_LARGE, 200),
        *((Outcome.HTTP_STATUS, status) for status in (403, 404, 410, 429, 500, 503, 599)),
    ],
)
def test_what_would_fail_again_is_remembered_here_and_elsewhere(caches: tuple[Cache, Cache], outcome: Outcome, status: int | None) -> None:
    caches[0].failed(failure(outcome, status))
    for cache in caches:
        found = cache.recent_failure(ANCHORED)
        assert found is not None
        assert (found.outcome, found.status, found.received_at, found.request) == (outcome, status, NOW, ANCHORED)
        assert found.detail == "what happened (remembered: asked again after 60 s)"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.OK, 200),
        (Outcome.REFUSED_BY_GUARD, None),
        (Outcome.REFUSED_BY_PROXY, None),
        (Outcome.NOT_FETCHED, None),
        (Outcome.NOT_MODIFIED, 304),
        (Outcome.HTTP_STATUS, 401),
        (Outcome.HTTP_STATUS, 405),
    ],
)
def test_what_depends_on_who_asks_is_not(caches: tuple[Cache, Cache], outcome: Outcome, status: int | None) -> None:
    caches[0].failed(failure(outcome, status))
    assert [cache.recent_failure(ANCHORED) for cache in caches] == [None, None]


@pytest.mark.parametrize(("met", "asked"), [(ANCHORED, STRANGER), (STRANGER, ANCHORED)])
def test_what_one_sort_of_certificate_met_says_nothing_to_the_other(caches: tuple[Cache, Cache], met: Request, asked: Request) -> None:
    caches[0].failed(failure(Outcome.UNREACHABLE, request=met))
    for cache in caches:
        assert cache.recent_failure(asked) is None
        assert cache.recent_failure(met) is not None


def test_a_stranger_does_not_take_the_place_of_what_is_known(caches: tuple[Cache, Cache]) -> None:
    caches[0].failed(failure(Outcome.UNREACHABLE))
    caches[0].failed(failure(Outcome.HTTP_STATUS, 404, request=STRANGER))
    assert [found.outcome for cache in caches if (found := cache.recent_failure(ANCHORED))] == [Outcome.UNREACHABLE] * 2


def test_it_is_forgotten_after_a_minute(caches: tuple[Cache, Cache]) -> None:
    caches[0].failed(failure(Outcome.UNREACHABLE))
    with time_machine.travel(NOW + 59, tick=False):
        assert all(cache.recent_failure(ANCHORED) for cache in caches)
    with time_machine.travel(NOW + 60, tick=False):
        assert [cache.recent_failure(ANCHORED) for cache in caches] == [None, None]


def test_a_failure_of_the_future_is_none_of_the_last_minute(caches: tuple[Cache, Cache]) -> None:
    caches[0].failed(failure(Outcome.UNREACHABLE))
    with time_machine.travel(NOW - 3600, tick=False):  # the clock was put back
        assert [cache.recent_failure(ANCHORED) for cache in caches] == [None, None]


def test_a_time_out_says_nothing_to_who_would_wait_much_longer(caches: tuple[Cache, Cache]) -> None:
    """The last request of a question has what is left of its time, perhaps nothing."""
    caches[0].failed(failure(Outcome.TIMEOUT, elapsed=0.01))
    assert [cache.recent_failure(ANCHORED) for cache in caches] == [None, None]
    caches[0].failed(failure(Outcome.TIMEOUT, elapsed=8.0))
    assert all(cache.recent_failure(ANCHORED) for cache in caches)
    assert [cache.recent_failure(replace(ANCHORED, timeout=60.0)) for cache in caches] == [None, None]


def test_clearing_forgets_failures(caches: tuple[Cache, Cache]) -> None:
    caches[0].failed(failure(Outcome.UNREACHABLE))
    caches[0].clear()
    assert [cache.recent_failure(ANCHORED) for cache in caches] == [None, None]


def test_without_a_disk_failures_are_remembered_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = Cache(tmp_path / "file")
    with time_machine.travel(NOW, tick=False):
        cache.failed(failure(Outcome.UNREACHABLE))
        assert cache.recent_failure(ANCHORED) is not None
