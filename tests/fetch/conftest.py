from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fetch import loopback

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[loopback.Server]:
    with loopback.running() as server:
        yield server


@pytest.fixture(params=["sync", "async"])
def fetch(request: pytest.FixtureRequest) -> loopback.Fetch:
    return loopback.fetch_sync if request.param == "sync" else loopback.fetch_async


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
