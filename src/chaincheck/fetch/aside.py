"""Work that cannot be interrupted, such as a look-up of a name: in a thread that nobody waits for longer than the time there is."""

from __future__ import annotations

from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable

Result = TypeVar("Result")


def aside(work: Callable[[], Result], until: float, *, name: str) -> Result:
    """The result of the work. Raises what it raises, and TimeoutError at ``until`` (``time.monotonic()``)."""
    from queue import Empty, SimpleQueue

    answer: SimpleQueue[_Outcome[Result]] = SimpleQueue()
    _start(work, answer.put, name)
    try:
        return answer.get(timeout=max(until - monotonic(), 0.001))()
    except Empty:
        raise TimeoutError from None


async def aside_async(work: Callable[[], Result], *, name: str) -> Result:
    """``aside`` for an event loop, whose own time-out ends it. Not the loop's executor: closing a loop waits for that one's threads."""
    from asyncio import get_running_loop
    from contextlib import suppress

    loop = get_running_loop()
    answer: Future[_Outcome[Result]] = loop.create_future()

    def settle(outcome: _Outcome[Result]) -> None:
        if not answer.done():
            answer.set_result(outcome)

    def report(outcome: _Outcome[Result]) -> None:
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle, outcome)

    _start(work, report, name)
    return (await answer)()


class _Outcome(Generic[Result]):
    """What came of the work: called, it returns the result or raises the error."""

    def __init__(self, work: Callable[[], Result]) -> None:
        self._error: Exception | None = None
        try:
            self._result = work()
        except Exception as error:  # noqa: BLE001 - raised again where somebody waits
            self._error = error

    def __call__(self) -> Result:
        if self._error is not None:
            raise self._error
        return self._result


def _start(work: Callable[[], Result], report: Callable[[_Outcome[Result]], Any], name: str) -> None:
    """A daemon thread: not even the end of the interpreter waits for it."""
    Thread(target=lambda: report(_Outcome(work)), name=name, daemon=True).start()
