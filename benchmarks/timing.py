"""Medians: of single calls, of calls taken in turns, of fresh processes."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def in_turns(work: Mapping[str, Callable[[T], object]], items: Sequence[T], *, warm_up: int) -> dict[str, float]:
    """Median seconds a call of each kind of work, over the same items, one after the other on each item, so that a slow moment of the
    machine falls on all of them. The first ``warm_up`` items are not counted."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    gc.collect()
    gc.disable()
    try:
        for item in items:
            for name, one in work.items():
                begun = perf_counter()
                one(item)
                taken[name].append(perf_counter() - begun)
    finally:
        gc.enable()
    return {name: statistics.median(seconds[warm_up:]) for name, seconds in taken.items()}


def repeated(work: Callable[[], object], *, times: int, each: int) -> float:
    """Median seconds of one call, measured ``times`` times over ``each`` calls: for work too short for the clock."""
    taken = []
    for _ in range(times):
        begun = perf_counter()
        for _ in range(each):
            work()
        taken.append((perf_counter() - begun) / each)
    return statistics.median(taken)


def fresh_processes(programs: Mapping[str, str], arguments: Sequence[str] = (), *, times: int) -> dict[str, float]:
    """Median seconds from the first statement of each program to its last, each in a process of its own, in turns.

    The interpreter's own start is left out: it is the same for all.
    """
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for turn in range(times + 1):
        for name, program in programs.items():
            timed = f"from time import perf_counter as clock\nbegun = clock()\n{program}\nprint(clock() - begun)"
            done = subprocess.run([sys.executable, "-c", timed, *arguments], capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{name}: {done.stderr}")
            if turn:  # the first fills the file cache
                taken[name].append(float(done.stdout.splitlines()[-1]))
    return {name: statistics.median(seconds) for name, seconds in taken.items()}
