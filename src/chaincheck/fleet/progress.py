"""``progress=True``: a bar of tqdm or rich, whichever the user has, on a terminal or in a notebook."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

from chaincheck.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaincheck.fleet.many import Result


class Told(Protocol):
    """What is told of each result, and that there are no more."""

    def __call__(self, count: int, result: Result) -> object: ...
    def close(self) -> None: ...


def teller(progress: Any, total: int | None) -> Told:
    """For ``progress`` as the caller gave it: a function, True, or None. ``total``: how many items there are, if that is known."""
    if progress is None or progress is False:
        return _Nobody()
    if progress is True:
        return _Bar(total)
    return _Function(progress)


def check(progress: Any) -> None:
    """Before the first item: whether ``progress`` is something, and True can be followed."""
    if progress is True:
        _library()
    elif progress is not None and progress is not False and not callable(progress):
        raise InputError("argument-type", found=type(progress).__name__, expected="a function, True or None", where="progress")


class _Nobody:
    def __call__(self, count: int, result: Result) -> None:
        """Nobody is told."""

    def close(self) -> None:
        """Nothing was opened."""


class _Function:
    def __init__(self, function: Callable[[int, Result], object]) -> None:
        self._function = function

    def __call__(self, count: int, result: Result) -> object:
        return self._function(count, result)

    def close(self) -> None:
        """It is the caller's."""


class _Bar:
    """Counts by verdict beside the bar."""

    def __init__(self, total: int | None) -> None:
        self._counted: Counter[str] = Counter()
        name, library = _library()
        self._advance, self.close = (_tqdm if name == "tqdm" else _rich)(library, total)

    def __call__(self, count: int, result: Result) -> None:
        self._counted[result.diagnosis.verdict.value if result.diagnosis is not None else "not read"] += 1
        self._advance(", ".join(f"{number} {verdict}" for verdict, number in sorted(self._counted.items())))


def _library() -> tuple[str, Any]:
    from warnings import catch_warnings, simplefilter

    try:
        with catch_warnings():  # in a notebook without ipywidgets it draws a bar of text, and would say so
            simplefilter("ignore")
            import tqdm.auto
    except ImportError:
        try:
            import rich.progress
        except ImportError:
            raise MissingExtraError("progress", "a progress bar") from None
        return "rich", rich.progress
    return "tqdm", tqdm.auto


def _tqdm(library: Any, total: int | None) -> tuple[Callable[[str], None], Callable[[], None]]:
    bar = library.tqdm(total=total, unit=" certificates")

    def advance(told: str) -> None:
        bar.set_postfix_str(told, refresh=False)
        bar.update()

    return advance, bar.close


def _rich(library: Any, total: int | None) -> tuple[Callable[[str], None], Callable[[], None]]:
    from rich.console import Console

    columns = (library.BarColumn(), library.MofNCompleteColumn(), library.TextColumn("{task.description}", markup=False))
    bar = library.Progress(*columns, console=Console(stderr=True))
    task = bar.add_task("", total=total)
    bar.start()
    return lambda told: bar.update(task, advance=1, description=told), bar.stop
