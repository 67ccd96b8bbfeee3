"""Further settings of server and client, and what they change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vectors.vector import Vector


def vectors() -> list[Vector]:
    return []
