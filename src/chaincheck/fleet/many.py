"""``diagnose_many``: the same question about many certificates, streamed in bounded memory, never ended by one bad item.

Two ways to more speed, and neither changes an answer: threads, while answers wait for the network; processes, where signatures take the
time (two threads gain 1.0 to 1.4 times on them). Any ``concurrent.futures.Executor`` may be given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, Iterable, Mapping, Sized
from dataclasses import dataclass
from functools import partial
from itertools import islice
from os import PathLike, fspath
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from chaincheck.checker import AsyncChecker, Checker
from chaincheck.errors import ChaincheckError, InputError
from chaincheck.fleet.progress import check, teller
from chaincheck.formats.described import described

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Container, Iterator
    from concurrent.futures import Executor, Future

    from chaincheck.diagnosis import Diagnosis
    from chaincheck.fleet.progress import Told

WORKERS: Final = 16  # threads by default: as many questions wait for responders at a time
AHEAD: Final = 2  # items taken from the source for each that is being asked
BATCH: Final = 32  # items that go to another process together: what goes with them is paid for once


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one item: a diagnosis, or the error that reading it was. ``label`` names it; ``elapsed``: seconds it took."""

    label: str
    diagnosis: Diagnosis | None = None
    error: ChaincheckError | None = None
    elapsed: float | None = None

    @property
    def accepted(self) -> bool:
        """Whether there is a diagnosis, and it is ACCEPTED."""
        return self.diagnosis is not None and self.diagnosis.accepted


def as_results(results: Any) -> Iterator[Result]:
    """The results, as they come. Raises ``InputError`` for what is none: a diagnosis alone has no label."""
    if not isinstance(results, Iterable) or isinstance(results, str | bytes | Mapping):
        raise InputError("argument-type", found=described(results), expected="results of diagnose_many", where="results")
    for number, result in enumerate(results):
        if not isinstance(result, Result):
            expected, hint = "a Result", "chaincheck.Result(label=..., diagnosis=...) makes one of a diagnosis"
            raise InputError("argument-type", found=described(result), expected=expected, where=f"results[{number}]", hint=hint)
        yield result


def diagnose_many(
    items: Iterable[Any],
    *,
    checker: Checker | None = None,
    label: Callable[[Any], str] | None = None,
    concurrency: int = WORKERS,
    ordered: bool = True,
    done: Container[str] = (),
    progress: Callable[[int, Result], object] | bool | None = None,
    executor: Executor | None = None,
    **settings: Any,
) -> Iterator[Result]:
    """Ask about every item, and yield a ``Result`` for each as it comes.

    ``items``: what ``diagnose`` takes as certificate, what ``scan`` yields, pairs of label and certificate, or mappings with the arguments
    of ``Checker.diagnose`` (``cert``, ``key``, ``presented``, ...) and ``label``. They are taken as they are needed, so that the source may
    be endless. ``label``: names an item that has no label of its own; by default its path or its number. ``done``: labels that are passed
    over, so that an interrupted run goes on where it ended. ``progress`` is called with how many are done, and the result;
    True: a bar of tqdm or rich, whichever there is (extra ``progress``).

    ``settings`` are those of ``Checker``, and ``key``, ``presented``, ``at``, ``observed`` and ``password`` of ``Checker.diagnose``, which
    then are asked with every item that has none of its own. ``checker``: one of the caller's own, which stays open. ``executor``: where the
    questions are asked; a pool of processes asks each with a checker of its own, made from ``settings`` (which then have to be picklable),
    with ``checker=None``.

    Raises ``InputError`` for wrong settings, before the first item; never for an item: one that cannot be read is a result with an error.
    """
    shared = _checked(items, (Iterable,), checker, concurrency, progress, settings)
    own = Checker(**{"remember": 0, **settings})  # each is asked about once
    wanted = _wanted(items, label, done, shared)
    return _stream(wanted, _total(items), checker, concurrency, ordered, progress, executor, settings, own)


# Of ``Checker.diagnose``: what is asked with every item where it is told for all, and all of it.
_FOR_EACH: Final = frozenset({"key", "presented", "at", "observed", "password"})
_ASKED: Final = frozenset({"cert", "crls", "ocsp_responses", "timeout"}) | _FOR_EACH


def _checked(
    items: Any, kinds: tuple[type, ...], checker: Any, concurrency: Any, progress: Any, settings: dict[str, Any]
) -> dict[str, Any]:
    """Takes what is asked with every item out of the settings. Raises ``InputError`` for wrong use."""
    if isinstance(items, str | bytes | PathLike | Mapping) or not isinstance(items, kinds):
        expected, hint = "an iterable of certificates", "scan(path) finds the certificates of a folder or file"
        raise InputError("argument-type", found=described(items), expected=expected, where="items", hint=hint)
    if type(concurrency) is not int or not 1 <= concurrency <= 1024:
        raise InputError("argument-type", found=repr(concurrency)[:40], expected="a number from 1 to 1024", where="concurrency")
    shared = {name: settings.pop(name) for name in _FOR_EACH & set(settings)}
    if checker is not None and settings:
        raise InputError("argument-type", found=f"a checker and {next(iter(settings))}", expected="one or the other", where="checker")
    check(progress)
    return shared


def _stream(
    wanted: Iterator[tuple[str, dict[str, Any]]],
    total: int | None,
    checker: Checker | None,
    concurrency: int,
    ordered: bool,
    progress: Callable[[int, Result], object] | bool | None,
    executor: Executor | None,
    settings: Mapping[str, Any],
    own: Checker,
) -> Iterator[Result]:
    from concurrent.futures import ThreadPoolExecutor

    pool = executor if executor is not None else ThreadPoolExecutor(concurrency, thread_name_prefix="chaincheck")
    elsewhere = not isinstance(pool, ThreadPoolExecutor)
    asked = checker if checker is not None else own
    ask = _elsewhere(settings) if elsewhere else partial(_ask, asked)
    waiting: deque[Future[list[Result]]] = deque()
    count = 0
    tell = teller(progress, total)
    try:
        for batch in _batches(wanted, BATCH if elsewhere else 1):
            known = None if elsewhere else _recalled(asked, batch)
            waiting.append(pool.submit(ask, batch) if known is None else known)
            while len(waiting) >= concurrency * AHEAD:
                for result in _taken(waiting, ordered):
                    count += 1
                    tell(count, result)
                    yield result
        while waiting:
            for result in _taken(waiting, ordered):
                count += 1
                tell(count, result)
                yield result
    finally:
        tell.close()
        for future in waiting:
            future.cancel()
        if executor is None:
            pool.shutdown(wait=True, cancel_futures=True)
        own.close()


def _wanted(
    items: Iterable[Any], label: Callable[[Any], str] | None, done: Container[str], shared: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, item in enumerate(items, 1):
        name, arguments = _labelled_item(item, number, label)
        if name not in done:
            yield name, {**shared, **arguments}


def _batches(wanted: Iterator[tuple[str, dict[str, Any]]], size: int) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    while batch := list(islice(wanted, size)):
        yield batch


def _taken(waiting: deque[Future[list[Result]]], ordered: bool) -> list[Result]:
    """The next results: the first in order, or whichever are ready."""
    if ordered:
        return waiting.popleft().result()
    from concurrent.futures import FIRST_COMPLETED, wait

    ready = wait(waiting, return_when=FIRST_COMPLETED).done
    place = next(place for place, future in enumerate(waiting) if future in ready)
    future = waiting[place]
    del waiting[place]
    return future.result()


def _total(items: Any) -> int | None:
    return len(items) if isinstance(items, Sized) else None


def _recalled(checker: Checker, batch: list[tuple[str, dict[str, Any]]]) -> Future[list[Result]] | None:
    """What the checker remembers, at once: handing it to a thread and back would cost ten times as much. None: it has to be asked."""
    from concurrent.futures import Future

    began = perf_counter()
    ((name, arguments),) = batch
    try:
        diagnosis = checker._recall(arguments)
    except ChaincheckError:  # it is told where it is asked
        return None
    if diagnosis is None:
        return None
    done: Future[list[Result]] = Future()
    done.set_result([Result(label=name, diagnosis=diagnosis, elapsed=perf_counter() - began)])
    return done


def _known(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    unknown = [name for name in arguments if name not in _ASKED]
    if unknown:
        expected = f"label, {', '.join(sorted(_ASKED))}"
        raise InputError("argument-type", found=described(unknown[0]), expected=expected, where="item")
    return arguments


def _ask(checker: Checker, batch: list[tuple[str, dict[str, Any]]]) -> list[Result]:
    found = []
    for name, arguments in batch:
        began = perf_counter()
        try:
            diagnosis = checker.diagnose(**_known(arguments))
        except ChaincheckError as error:
            found.append(Result(label=name, error=error, elapsed=perf_counter() - began))
        else:
            found.append(Result(label=name, diagnosis=diagnosis, elapsed=perf_counter() - began))
    return found


# in a process of a pool


_CHECKERS: dict[bytes, Checker] = {}  # one, for the settings that this process was given last


def _elsewhere(settings: Mapping[str, Any]) -> Callable[[list[tuple[str, dict[str, Any]]]], list[Result]]:
    """Asking in another process: the settings are pickled once, and go along with each batch."""
    from pickle import PicklingError, dumps

    try:
        return partial(_ask_elsewhere, dumps(dict(settings)))
    except (PicklingError, TypeError, AttributeError) as error:
        expected = "settings that can be pickled, for a pool of processes"
        raise InputError("argument-type", found=str(error)[:100], expected=expected, where="settings") from error


def _ask_elsewhere(pickled: bytes, batch: list[tuple[str, dict[str, Any]]]) -> list[Result]:
    from hashlib import sha256
    from pickle import loads

    key = sha256(pickled).digest()
    checker = _CHECKERS.get(key)
    if checker is None:
        _CHECKERS.clear()
        checker = _CHECKERS[key] = Checker(**{"remember": 0, **loads(pickled)})  # noqa: S301 - pickled by the process that asks
    return _ask(checker, batch)


def _labelled_item(item: Any, number: int, label: Callable[[Any], str] | None) -> tuple[str, dict[str, Any]]:
    """The label of an item, and the arguments of ``Checker.diagnose`` for it."""
    arguments: dict[str, Any]
    told: str | None = None
    if isinstance(item, Mapping):
        arguments = dict(item)
        told = str(arguments.pop("label")) if "label" in arguments else None
        arguments.setdefault("cert", None)
    elif isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
        told, arguments = item[0], {"cert": item[1]}
    elif hasattr(item, "label") and hasattr(item, "certificate"):  # of scan
        told, arguments = str(item.label), {"cert": item.certificate.der}
    else:
        arguments = {"cert": item}
        if isinstance(item, PathLike):
            told = str(fspath(item))
        elif isinstance(item, str) and "\n" not in item:
            told = item
    if label is not None:
        told = str(label(item))
    return told if told is not None else f"#{number}", arguments


async def diagnose_many_async(
    items: Iterable[Any] | AsyncIterable[Any],
    *,
    checker: AsyncChecker | None = None,
    label: Callable[[Any], str] | None = None,
    concurrency: int = WORKERS,
    ordered: bool = True,
    done: Container[str] = (),
    progress: Callable[[int, Result], object] | bool | None = None,
    **settings: Any,
) -> AsyncIterator[Result]:
    """``diagnose_many`` on the running event loop; ``items`` may be asynchronous too."""
    from asyncio import FIRST_COMPLETED, Task, create_task, wait

    shared = _checked(items, (Iterable, AsyncIterable), checker, concurrency, progress, settings)
    asked = checker if checker is not None else AsyncChecker(**{"remember": 0, **settings})
    tell = teller(progress, _total(items))
    waiting: deque[Task[Result]] = deque()
    count = 0
    try:
        number = 0
        async for item in _each(items):
            number += 1
            name, arguments = _labelled_item(item, number, label)
            if name in done:
                continue
            waiting.append(create_task(_ask_async(asked, name, {**shared, **arguments})))
            if len(waiting) >= concurrency:
                if not ordered:
                    await wait(waiting, return_when=FIRST_COMPLETED)
                count += 1
                yield await _taken_async(waiting, ordered, count, tell)
        while waiting:
            count += 1
            if not ordered:
                await wait(waiting, return_when=FIRST_COMPLETED)
            yield await _taken_async(waiting, ordered, count, tell)
    finally:
        tell.close()
        for task in waiting:
            task.cancel()
        if checker is None:
            await asked.close()


async def _each(items: Iterable[Any] | AsyncIterable[Any]) -> AsyncIterator[Any]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def _taken_async(waiting: Any, ordered: bool, count: int, tell: Told) -> Result:
    task = waiting[0] if ordered else next(task for task in waiting if task.done())
    waiting.remove(task)
    result: Result = await task
    tell(count, result)
    return result


async def _ask_async(checker: AsyncChecker, name: str, arguments: Mapping[str, Any]) -> Result:
    began = perf_counter()
    try:
        diagnosis = await checker.diagnose(**_known(arguments))
    except ChaincheckError as error:
        return Result(label=name, error=error, elapsed=perf_counter() - began)
    return Result(label=name, diagnosis=diagnosis, elapsed=perf_counter() - began)
