"""Many certificates: streamed, bounded, and never ended by one bad item."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import tracemalloc
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import chaincheck
import pki
from chaincheck import Checker, InputError, Result, TrustStore, diagnose_many, diagnose_many_async
from pki import AT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


ROOT = pki.root("Fleet Root")
CA = ROOT.issue_ca("Fleet CA")
STORE = TrustStore(roots=[ROOT.der], intermediates=[CA.der], disallowed=[])
CLIENTS = [CA.issue(f"client {number}") for number in range(40)]
SETTINGS: dict[str, Any] = {"store": STORE, "fetch": "never", "cache": None}
BAD: list[Any] = [b"no certificate", None, 7, "missing.cer"]


def items() -> list[Any]:
    """Good and bad ones, in every form in which an item may come."""
    forms: list[Any] = [{"cert": issued.der, "at": AT, "label": f"c{number}"} for number, issued in enumerate(CLIENTS)]
    return [*forms[:20], *BAD, *forms[20:]]


def gist(results: list[Result]) -> list[tuple[str, str]]:
    return [(each.label, each.diagnosis.verdict.value if each.diagnosis is not None else "error") for each in results]


def told(result: Result) -> str:
    return result.diagnosis.to_json() if result.diagnosis is not None else str(result.error)


EXPECTED = (
    [(f"c{number}", "accepted") for number in range(20)]
    + [(label, "error") for label in ("#21", "#22", "#23", "missing.cer")]
    + [(f"c{number}", "accepted") for number in range(20, 40)]
)


def test_one_bad_item_never_ends_the_loop() -> None:
    results = list(diagnose_many(items(), **SETTINGS))
    assert gist(results) == EXPECTED
    assert all(isinstance(each.error, InputError) for each in results if each.diagnosis is None)


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_gives_the_same_answers(kind: Any) -> None:
    with kind(2) as pool:
        results = list(diagnose_many(items(), executor=pool, **SETTINGS))
    assert gist(results) == EXPECTED
    alone = list(diagnose_many(items(), concurrency=1, **SETTINGS))
    assert [told(each) for each in results] == [told(each) for each in alone]


def test_the_asynchronous_twin_gives_the_same_answers() -> None:
    async def source() -> AsyncIterator[Any]:
        for item in items():
            yield item

    async def run(**more: Any) -> list[Result]:
        return [result async for result in diagnose_many_async(more.pop("items"), **more, **SETTINGS)]

    assert gist(asyncio.run(run(items=items()))) == EXPECTED
    assert sorted(gist(asyncio.run(run(items=source(), ordered=False, concurrency=3)))) == sorted(EXPECTED)


def test_without_order_each_comes_when_it_is_ready_and_all_come() -> None:
    assert sorted(gist(list(diagnose_many(items(), ordered=False, concurrency=3, **SETTINGS)))) == sorted(EXPECTED)


def test_items_are_taken_as_they_are_needed() -> None:
    """The source may be endless."""
    taken = itertools.count()
    source = ({"cert": CLIENTS[0].der, "at": AT, "label": str(next(taken))} for _ in itertools.count())
    stream = diagnose_many(source, concurrency=2, **SETTINGS)
    assert [next(stream).label for _ in range(100)] == [str(number) for number in range(100)]
    stream.close()  # type: ignore[attr-defined]  # the member of this very kind
    assert next(taken) < 120


def test_an_interrupted_run_goes_on_where_it_ended() -> None:
    first = [result.label for result in itertools.islice(diagnose_many(items(), **SETTINGS), 15)]
    rest = [result.label for result in diagnose_many(items(), done=set(first), **SETTINGS)]
    assert first + rest == [label for label, _ in EXPECTED]


def test_progress_is_told_for_each() -> None:
    told: list[tuple[int, str]] = []
    list(diagnose_many(items(), progress=lambda count, result: told.append((count, result.label)), **SETTINGS))
    assert [count for count, _ in told] == list(range(1, 45))


def test_labels_may_be_made_by_the_caller_and_what_scan_finds_has_its_own(tmp_path: Path) -> None:
    for number, issued in enumerate(CLIENTS[:3]):
        (tmp_path / f"{number}.cer").write_bytes(issued.der)
    found = list(diagnose_many(chaincheck.scan(tmp_path), **SETTINGS))
    assert [each.label for each in found] == ["0.cer", "1.cer", "2.cer"]
    by_path = list(diagnose_many(sorted(tmp_path.iterdir()), label=lambda path: path.stem, **SETTINGS))
    assert [each.label for each in by_path] == ["0", "1", "2"]
    pairs = list(diagnose_many([("a", CLIENTS[0].der)], **SETTINGS))
    assert pairs[0].label == "a"


def test_a_checker_of_the_callers_own_stays_open() -> None:
    with Checker(**SETTINGS) as checker:
        list(diagnose_many(items(), checker=checker))
        assert checker.diagnose(CLIENTS[0].der, at=AT).accepted


@pytest.mark.parametrize(
    "more", [{"concurrency": 0}, {"concurrency": "2"}, {"checker": Checker(cache=None), "store": STORE}, {"rules": "iis"}]
)
def test_wrong_settings_are_told_before_the_first_item(more: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        diagnose_many(items(), **more)


def test_memory_does_not_grow_with_the_number_of_items() -> None:
    def source(count: int) -> Iterator[dict[str, Any]]:
        for number in range(count):
            yield {"cert": CLIENTS[number % 40].der, "at": AT, "label": str(number)}

    def peak(count: int) -> int:
        tracemalloc.start()
        for _ in diagnose_many(source(count), concurrency=2, **SETTINGS):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(100)
    assert peak(2000) < peak(200) + 500_000  # bytes


# progress


def counted(program: str, *blocked: str) -> subprocess.CompletedProcess[str]:
    """A program in a fresh process without some libraries; it has ``clients`` and ``store``."""
    told = [each.der.hex() for each in CLIENTS[:5]]
    begin = "import sys\n" + "".join(f"sys.modules[{name!r}] = None\n" for name in blocked)
    begin += f"import chaincheck\nclients = list(map(bytes.fromhex, {told!r}))\n"
    begin += f"store = chaincheck.TrustStore(roots=bytes.fromhex({ROOT.der.hex()!r}))\n"
    return subprocess.run([sys.executable, "-W", "error", "-c", begin + program], capture_output=True, text=True, timeout=60, check=False)


ASK = "print(len(list(chaincheck.diagnose_many(clients, store=store, fetch='never', cache=None, progress=True))))"


@pytest.mark.parametrize("blocked", [(), ("tqdm", "tqdm.auto")], ids=["tqdm", "rich"])
def test_progress_is_a_bar_that_counts_verdicts(blocked: tuple[str, ...]) -> None:
    done = counted(ASK, *blocked)
    assert done.stdout == "5\n"
    assert "5/5" in done.stderr
    assert "5 refused" in done.stderr or "5 undetermined" in done.stderr


def test_without_either_library_the_error_names_the_extra() -> None:
    done = counted(ASK.replace("print", "").replace("list", "next"), "tqdm", "tqdm.auto", "rich", "rich.progress")
    assert done.stderr.splitlines()[-1].endswith("a progress bar needs the extra 'progress': pip install 'chaincheck[progress]'")


def test_progress_that_is_nothing_is_an_input_error_before_the_first_item() -> None:
    with pytest.raises(InputError) as caught:
        diagnose_many([], **{**SETTINGS, "progress": 7})
    assert caught.value.where == "progress"
    assert list(diagnose_many([], progress=False, **SETTINGS)) == []


def test_a_bar_is_closed_where_the_loop_is_left() -> None:
    done = counted(
        "for result in chaincheck.diagnose_many(iter(clients), store=store, fetch='never', cache=None, progress=True): break\n"
        "del result\nprint('left', flush=True)"
    )
    assert (done.returncode, done.stdout) == (0, "left\n")


def test_the_asynchronous_twin_has_a_bar_too() -> None:
    done = counted(
        "import asyncio\nasync def ask():\n"
        "    return [each async for each in chaincheck.diagnose_many_async(clients, store=store, fetch='never', progress=True)]\n"
        "print(len(asyncio.run(ask())))"
    )
    assert (done.stdout, "5/5" in done.stderr) == ("5\n", True)


# wrong use


@pytest.mark.parametrize("items", ["clients", b"x", Path("clients"), {"cert": b"x"}, 7, None])
def test_what_is_no_collection_is_an_input_error_that_names_scan(items: Any) -> None:
    with pytest.raises(InputError) as caught:
        diagnose_many(items, **SETTINGS)
    assert caught.value.where == "items"
    assert "scan" in str(caught.value)


def test_an_unknown_argument_of_an_item_is_its_error_and_ends_nothing() -> None:
    results = list(diagnose_many([{"cert": CLIENTS[0].der, "presnted": ()}, {"cert": CLIENTS[1].der, "at": AT}], **SETTINGS))
    assert [each.error is None for each in results] == [False, True]
    assert "presnted" in str(results[0].error)


@pytest.mark.parametrize("ordered", [True, False])
def test_what_a_checker_remembers_is_the_same_answer_and_a_bad_item_still_an_error(ordered: bool) -> None:
    told = [{"label": f"{number}", "cert": each.der, "at": AT} for number, each in enumerate(CLIENTS[:9])]
    told += [{"label": "bad", "cert": CLIENTS[0].der, "at": "yesterday"}, {"label": "none", "cert": b"", "at": AT}]
    with Checker(**SETTINGS) as checker:
        rounds = [
            {
                each.label: str(each.error) if each.diagnosis is None else each.diagnosis.to_json()
                for each in diagnose_many(told, checker=checker, ordered=ordered)
            }
            for _ in range(3)
        ]
    assert rounds[0] == rounds[1] == rounds[2]
    assert len(rounds[0]) == 11


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_what_is_told_for_all_is_asked_with_every_item_that_has_none_of_its_own(kind: Any) -> None:
    later = AT + timedelta(days=3650)
    told = [CLIENTS[0].der, {"cert": CLIENTS[1].der, "at": AT}]
    with kind(1) as pool:
        results = list(diagnose_many(told, at=later, executor=pool, **SETTINGS))
    assert [each.diagnosis.at for each in results if each.diagnosis is not None] == [later, AT]
    with Checker(**SETTINGS) as checker:
        assert next(iter(diagnose_many(told, checker=checker, at=later))).diagnosis is not None
