from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fetch.cache_torture import torture

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_processes_killed_at_any_moment_lose_nothing_and_damage_nothing(tmp_path: Path) -> None:
    result = torture(tmp_path, processes=3, seconds=6)
    assert result.faults == ()
    assert result.killed >= 5
    assert result.acknowledged >= 50
