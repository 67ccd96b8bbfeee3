"""Fixtures for every test, and how hard the fuzz tests try."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

import http_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Small and the same every time, unless `make fuzz` asks for more.
_wanted = os.environ.get("FUZZ_EXAMPLES")
settings.register_profile("ci", max_examples=100, derandomize=True, deadline=None, database=None)
settings.register_profile("fuzz", max_examples=int(_wanted or 100), deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("fuzz" if _wanted else "ci")


@pytest.fixture
def web() -> Iterator[http_server.WebServer]:
    """A real HTTP server on the loopback interface: see `http_server`."""
    with http_server.running() as server:
        yield server


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the cache of the user who runs it, nor that of another test."""
    directory: Path = tmp_path_factory.mktemp("cache") / "chaincheck"
    monkeypatch.setenv("CHAINCHECK_CACHE_DIR", str(directory))
    return directory
