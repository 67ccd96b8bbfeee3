"""Two ways to ask, and guards that let them reach responders on the loopback interface."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import chaincheck

if TYPE_CHECKING:
    from collections.abc import Callable


def _sync(*args: Any, **more: Any) -> chaincheck.Diagnosis:
    return chaincheck.diagnose(*args, **more)


def _on_a_loop(*args: Any, **more: Any) -> chaincheck.Diagnosis:
    return asyncio.run(chaincheck.diagnose_async(*args, **more))


@pytest.fixture(params=[_sync, _on_a_loop], ids=["diagnose", "diagnose_async"])
def ask(request: pytest.FixtureRequest) -> Callable[..., chaincheck.Diagnosis]:
    function: Callable[..., chaincheck.Diagnosis] = request.param
    return function
