from __future__ import annotations

import os
import pickle
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

import chaincheck
from chaincheck.asking import read_cache
from chaincheck.fetch import cache_directory
from chaincheck.fetch.cache import Cache
from chaincheck.fetch.cache_entry import ENTRY_BYTES, Stored
from fetch.evidence import NOW, databases, key, stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def cache(directory: Path) -> Iterator[Cache]:
    made = Cache(directory)
    yield made
    made.close()


@pytest.fixture
def other(directory: Path) -> Iterator[Cache]:
    """As another process sees the same directory: nothing in memory."""
    made = Cache(directory, memory_bytes=0)
    yield made
    made.close()


# what is kept


def test_what_was_put_comes_out_with_its_times(cache: Cache, other: Cache) -> None:
    whole = Stored(
        body=b"a list", this_update_s=NOW, next_update_s=NOW + 9, received_at=NOW + 1, refresh_at=NOW + 5, etag='"1"', last_modified="Mon"
    )
    assert cache.put(key(), whole)
    assert cache.get(key()) == whole
    assert other.get(key()) == whole


def test_questions_are_told_apart_by_each_part_of_their_key(cache: Cache, other: Cache) -> None:
    keys = [("crl", "GET", "http://a/", "00"), ("aia", "GET", "http://a/", "00"), ("crl", "POST", "http://a/", "00")]
    keys += [("crl", "GET", "http://b/", "00"), ("crl", "GET", "http://a/", "01")]
    for number, one in enumerate(keys):
        assert cache.put(one, stored(b"%d" % number))
    assert [found.body for one in keys if (found := other.get(one))] == [b"0", b"1", b"2", b"3", b"4"]


def test_nothing_is_made_before_it_is_used(directory: Path) -> None:
    cache = Cache(directory)
    assert cache.info().entries == 0
    assert cache.clear() == 0
    cache.close()
    assert not directory.exists()


def test_an_entry_from_memory_is_the_same_object_each_time(cache: Cache) -> None:
    body = bytes(1000)
    cache.put(key(), stored(body))
    assert cache.get(key()) is cache.get(key())
    found = cache.get(key())
    assert found is not None
    assert found.body is body


def test_a_body_that_comes_again_stays_the_object_it_was(cache: Cache) -> None:
    body = bytes(1000)
    again = bytes(bytearray(body))
    assert body is not again
    cache.put(key(), stored(body))
    assert cache.put(key(), stored(again, received=NOW + 1))
    found = cache.get(key())
    assert found is not None
    assert found.body is body
    assert found.received_at == NOW + 1


def test_what_is_read_from_disk_stays_in_memory(cache: Cache, directory: Path) -> None:
    cache.put(key(), stored())
    reader = Cache(directory)
    assert reader.get(key()) is reader.get(key())
    reader.close()


# which of two stands


@pytest.mark.parametrize(
    ("first", "second", "stands"),
    [
        ((NOW, NOW), (NOW + 1, NOW - 5), "second"),
        ((NOW, NOW), (NOW - 1, NOW + 5), "first"),
        ((NOW, NOW), (NOW, NOW + 1), "second"),
        ((NOW, NOW), (NOW, NOW - 1), "first"),
        ((NOW, NOW), (NOW, NOW), "first"),
    ],
)
def test_the_later_thisupdate_stands_and_then_the_later_to_arrive(
    cache: Cache, other: Cache, first: tuple[int, int], second: tuple[int, int], stands: str
) -> None:
    assert cache.put(key(), stored(b"first", this_update=first[0], received=first[1]))
    assert cache.put(key(), stored(b"second", this_update=second[0], received=second[1])) is (stands == "second")
    for one in (cache, other):
        found = one.get(key())
        assert found is not None
        assert found.body.decode() == stands


def test_a_process_that_knows_less_does_not_displace_a_later_answer_of_another(cache: Cache, directory: Path) -> None:
    cache.put(key(), stored(b"old", this_update=NOW))
    late = Cache(directory)
    late.put(key(), stored(b"new", this_update=NOW + 50))
    assert not cache.put(key(), stored(b"between", this_update=NOW + 20))
    for one in (cache, late):
        found = one.get(key())
        assert found is not None
        assert found.body == b"new"
    late.close()


def test_an_answer_of_another_process_is_seen_when_asking_again_is_due(cache: Cache, directory: Path) -> None:
    past = 1_000_000_000
    cache.put(key(), stored(b"old", this_update=past, received=past, refresh=past + 60))
    another = Cache(directory)
    another.put(key(), stored(b"new", this_update=past + 50, received=past + 70))
    found = cache.get(key())
    assert found is not None
    assert found.body == b"new"
    another.close()


def test_a_due_entry_that_another_process_has_confirmed_keeps_its_body_object(cache: Cache, directory: Path) -> None:
    past = 1_000_000_000
    cache.put(key(), stored(this_update=past, received=past, refresh=past + 60))
    before = cache.get(key())
    another = Cache(directory)
    assert before is not None
    another.refreshed(key(), before.sha256, past + 90, NOW)
    after = cache.get(key())
    assert after is not None
    assert (after.received_at, after.refresh_at) == (past + 90, NOW)
    assert after.body is before.body
    another.close()


# confirmed, rejected


def test_a_confirmed_entry_has_the_new_times_and_keeps_validators_that_did_not_come_again(cache: Cache, other: Cache) -> None:
    first = Stored(body=b"a list", this_update_s=NOW, received_at=NOW, refresh_at=NOW, etag='"1"', last_modified="Mon")
    cache.put(key(), first)
    cache.refreshed(key(), first.sha256, NOW + 7, NOW + 100, '"2"')
    for one in (cache, other):
        found = one.get(key())
        assert found is not None
        assert (found.received_at, found.refresh_at, found.etag, found.last_modified) == (NOW + 7, NOW + 100, '"2"', "Mon")


def test_confirming_a_body_that_is_not_there_any_more_changes_nothing(cache: Cache, other: Cache) -> None:
    first, second = stored(b"first"), stored(b"second", this_update=NOW + 1)
    cache.put(key(), first)
    cache.put(key(), second)
    cache.refreshed(key(), first.sha256, NOW + 99, None)
    assert cache.get(key()) == second
    assert other.get(key()) == second


def test_a_rejected_entry_is_gone_and_what_came_in_its_place_stays(cache: Cache, other: Cache) -> None:
    first, second = stored(b"first"), stored(b"second", this_update=NOW + 1)
    cache.put(key(), first)
    cache.put(key(), second)
    cache.reject(key(), first.sha256)
    assert other.get(key()) == second
    cache.reject(key(), second.sha256)
    assert cache.get(key()) is None
    assert other.get(key()) is None


# bounds


def test_what_was_not_used_for_longest_goes_first(directory: Path) -> None:
    body = bytes(10_000)
    cache = Cache(directory, max_bytes=3 * (len(body) + ENTRY_BYTES), memory_bytes=0)
    for name in ("a", "b", "c"):
        assert cache.put(key(name), stored(body))
    assert cache.get(key("a")) is not None  # b is now the one not used for longest
    assert cache.put(key("d"), stored(body))
    assert [name for name in "abcd" if cache.get(key(name)) is not None] == ["a", "c", "d"]
    assert cache.info().bytes <= cache.info().limit
    cache.close()


def test_a_use_answered_from_memory_counts_on_disk(directory: Path) -> None:
    body = bytes(10_000)
    cache = Cache(directory, max_bytes=2 * (len(body) + ENTRY_BYTES))
    cache.put(key("a"), stored(body))
    cache.put(key("b"), stored(body))
    assert cache.get(key("a")) is not None
    cache.put(key("c"), stored(body))
    other = Cache(directory, memory_bytes=0)
    assert [name for name in "abc" if other.get(key(name)) is not None] == ["a", "c"]
    other.close()
    cache.close()


def test_the_file_does_not_grow_beyond_its_bound_by_much(directory: Path) -> None:
    cache = Cache(directory, max_bytes=2_000_000, memory_bytes=0)
    for number in range(60):
        assert cache.put(key(str(number)), stored(os.urandom(200_000)))
    cache.close()
    assert sum(path.stat().st_size for path in directory.iterdir()) < 3_000_000


def test_an_entry_larger_than_the_bound_displaces_nothing(directory: Path) -> None:
    cache = Cache(directory, max_bytes=100_000)
    assert cache.put(key("small"), stored(b"small"))
    assert not cache.put(key("large"), stored(bytes(100_000)))
    assert cache.get(key("large")) is not None  # from memory
    assert cache.info().entries == 1
    cache.close()


def test_memory_holds_no_more_than_its_bound(directory: Path) -> None:
    cache = Cache(directory, memory_bytes=2 * (1000 + ENTRY_BYTES))
    for name in ("a", "b", "c"):
        cache.put(key(name), stored(bytes(1000)))
    assert [name for name in "abc" if cache.at_hand(key(name)) is not None] == ["b", "c"]
    assert cache.get(key("a")) is not None  # from disk
    cache.close()


def test_many_threads_use_one_cache(directory: Path) -> None:
    cache = Cache(directory, memory_bytes=20_000)
    wrong: list[str] = []

    def work(thread: int) -> None:
        for turn in range(40):
            name = f"{thread}-{turn}"
            if not cache.put(key(name), stored(name.encode() * 100)):
                wrong.append(f"{name} was not kept")
            for other in (name, f"{(thread + 1) % 6}-{turn}"):
                found = cache.get(key(other))
                if found is not None and found.body != other.encode() * 100:
                    wrong.append(other)

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert cache.info().entries == 240
    cache.close()


def test_a_url_of_no_reasonable_length_is_kept_nowhere(cache: Cache) -> None:
    long = ("crl", "GET", "http://a/" + "x" * 10_000, "00")
    assert not cache.put(long, stored())
    assert cache.get(long) is None


def test_uses_are_written_before_they_are_many(directory: Path, other: Cache) -> None:
    cache = Cache(directory)
    for number in range(600):
        cache.put(key(str(number)), stored(b""))
    before = other.info().newest_use
    for number in range(600):
        assert cache.get(key(str(number))) is not None
    after = other.info().newest_use
    assert before is not None
    assert after is not None
    assert after > before
    cache.close()


# as a whole


def test_info_counts_by_kind_and_says_when_entries_were_used(cache: Cache, directory: Path) -> None:
    before = datetime.now(UTC)
    cache.put(("crl", "GET", "http://a/", "00"), stored(b"12345"))
    cache.put(("ocsp", "POST", "http://a/", "00"), stored(b"123"))
    info = cache.info()
    assert (info.directory, info.entries, info.bytes, info.limit) == (directory, 2, 8 + 2 * ENTRY_BYTES, 512 * 1024 * 1024)
    assert info.by_kind == {"crl": (1, 5 + ENTRY_BYTES), "ocsp": (1, 3 + ENTRY_BYTES)}
    assert info.oldest_use is not None
    assert info.newest_use is not None
    assert before <= info.oldest_use <= info.newest_use <= datetime.now(UTC)
    assert info.problem is None


def test_clearing_forgets_everything_and_gives_the_space_back(cache: Cache, other: Cache, directory: Path) -> None:
    for number in range(5):
        cache.put(key(str(number)), stored(os.urandom(300_000)))
    assert cache.clear() == 5
    assert cache.get(key("1")) is None
    assert other.get(key("1")) is None
    assert databases(directory)[0].stat().st_size < 300_000
    assert cache.put(key("1"), stored())


def test_a_closed_cache_opens_again(cache: Cache) -> None:
    cache.put(key(), stored())
    cache.close()
    assert cache.put(key("more"), stored())
    assert cache.info().entries == 2


# where


def test_the_variable_names_the_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHAINCHECK_CACHE_DIR", str(tmp_path / "named"))
    assert Cache().directory == tmp_path / "named"


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, "home/.cache/chaincheck"),
        ("linux", {"XDG_CACHE_HOME": "/elsewhere"}, "/elsewhere/chaincheck"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "home/.cache/chaincheck"),
        ("darwin", {}, "home/Library/Caches/chaincheck"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/chaincheck/Cache"),
        ("win32", {}, "home/AppData/Local/chaincheck/Cache"),
    ],
)
def test_without_it_the_platform_has_a_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, environment: dict[str, str], expected: str
) -> None:
    for name in ("CHAINCHECK_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": str(tmp_path / "home"), **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_directory.default_directory() == tmp_path / expected


# what the caller says


def test_default_is_one_cache_for_each_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = read_cache(chaincheck.DEFAULT)
    assert first is read_cache(chaincheck.DEFAULT)
    assert first is not None
    monkeypatch.setenv("CHAINCHECK_CACHE_DIR", str(tmp_path / "second"))
    second = read_cache(chaincheck.DEFAULT)
    assert second is not None
    assert second.directory == tmp_path / "second"


def test_none_a_directory_and_a_cache_are_taken_as_they_are(tmp_path: Path, cache: Cache) -> None:
    assert read_cache(None) is None
    assert read_cache(cache) is cache
    for given in (tmp_path / "x", str(tmp_path / "x")):
        made = read_cache(given)
        assert made is not None
        assert made.directory == tmp_path / "x"


@pytest.mark.parametrize("wrong", [True, 5, "", b"/tmp/x", object()])
def test_anything_else_is_an_input_error(wrong: object) -> None:
    with pytest.raises(chaincheck.InputError) as raised:
        read_cache(wrong)
    assert (raised.value.code, raised.value.where) == ("cache", "cache")


def test_default_has_a_name_and_stays_itself() -> None:
    assert repr(chaincheck.DEFAULT) == "DEFAULT"
    assert pickle.loads(pickle.dumps(chaincheck.DEFAULT)) is chaincheck.DEFAULT  # noqa: S301 - our own


def test_what_cannot_be_written_is_no_exception(cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    """A URL from a certificate that is not Unicode, a date that SQLite has no number for."""
    assert not cache.put(("crl", "GET", "http://\udcff/", "00"), stored())
    assert not cache.put(key(), stored(this_update=1 << 70))
    assert cache.get(("crl", "GET", "http://\udcfe/", "00")) is None
    assert cache.put(key("good"), stored())
