"""The directory and the files of the cache: whom they are readable by, and what becomes of a file that cannot be used."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from chaincheck.fetch.cache import Cache
from chaincheck.fetch.cache_schema import APPLICATION
from fetch.evidence import databases, key, set_aside, stored

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="modes, owners and fork of POSIX")
PRELUDE = """
import os, sys
from chaincheck.fetch.cache import Cache
from fetch.evidence import NOW, key, stored
directory = sys.argv[1]
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process of its own; it fails where it writes to stderr."""
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(code), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )


def run(code: str, *arguments: object) -> str:
    process = start(code, *arguments)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return out


def overwrite(path: Path, *, offset: int = 0, length: int = 4096) -> None:
    """Damage a file from another process: closing it in this one would cancel the locks that SQLite holds here."""
    code = "import os; f = os.open(sys.argv[2], os.O_RDWR); os.pwrite(f, os.urandom(int(sys.argv[4])), int(sys.argv[3]))"
    run(code, "", path, offset, length)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def filled(directory: Path, count: int = 3) -> Cache:
    cache = Cache(directory, memory_bytes=0)
    for number in range(count):
        assert cache.put(key(str(number)), stored(b"%d" % number * 5000))
    return cache


# the directory


@POSIX
def test_directory_and_files_are_for_their_user_alone(directory: Path) -> None:
    before = os.umask(0)
    try:
        cache = filled(directory)
    finally:
        os.umask(before)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    cache.close()


@POSIX
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_directory_that_others_may_write_to_is_not_used(directory: Path, mode: int, caplog: pytest.LogCaptureFixture) -> None:
    directory.mkdir()
    directory.chmod(mode)
    cache = Cache(directory)
    assert not cache.put(key(), stored())
    assert cache.get(key()) == stored()  # memory only
    assert list(directory.iterdir()) == []
    assert warnings(caplog) == [f"evidence is not kept in {directory}: other users may write to it (mode {mode:04o})"]


@POSIX
def test_a_directory_of_somebody_else_is_not_used(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    if os.geteuid() == 0:
        directory.mkdir(mode=0o700)
        os.chown(directory, 12345, 12345)
    else:
        directory = Path("/usr")
    cache = Cache(directory)
    assert not cache.put(key(), stored())
    assert cache.get(key()) == stored()
    assert warnings(caplog) == [f"evidence is not kept in {directory}: it belongs to another user"]


def test_a_directory_that_cannot_be_made_leaves_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = Cache(tmp_path / "file" / "kept")
    assert not cache.put(key(), stored())
    assert not cache.put(key("other"), stored())
    assert cache.get(key()) == stored()
    assert cache.get(key("nothing")) is None
    assert cache.info().problem == "Not a directory"
    assert cache.clear() == 2
    cache.close()
    assert len(warnings(caplog)) == 1


@POSIX
def test_a_disk_that_is_full_leaves_memory(directory: Path) -> None:
    """The limit on the size of a file stands in for the end of the disk: SQLite meets it in the same place."""
    code = """
    import logging, resource
    heard = []
    logging.getLogger("chaincheck").addHandler(type("Ear", (logging.Handler,), {"emit": lambda self, record: heard.append(record)})())
    cache = Cache(directory)
    assert cache.put(key("small"), stored(b"small"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    assert not cache.put(key("large"), stored(bytes(2_000_000)))
    assert not cache.put(key("more"), stored(bytes(2_000_000)))
    assert len(cache.get(key("large")).body) == 2_000_000
    assert cache.get(key("small")).body == b"small"
    cache.close()
    print(len(heard))
    """
    assert run(code, directory) == "1\n"
    cache = Cache(directory)
    found = cache.get(key("small"))
    assert found is not None
    assert found.body == b"small"
    assert cache.get(key("large")) is None
    assert set_aside(directory) == []
    cache.close()


@POSIX
def test_a_user_without_a_home_has_a_cache_in_memory(tmp_path: Path) -> None:
    code = """
    import logging, pathlib
    logging.disable()
    for name in ("CHAINCHECK_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        os.environ.pop(name, None)
    import pwd
    def nobody(uid):
        raise KeyError(uid)
    pwd.getpwuid = nobody
    cache = Cache()
    assert not cache.put(key(), stored())
    print(cache.directory, cache.get(key()) == stored(), cache.info().entries)
    """
    assert run(code, tmp_path) == "None True 0\n"


# files that cannot be used


def _garbage(path: Path) -> None:
    path.write_bytes(os.urandom(50_000))


def _text(path: Path) -> None:
    path.write_text("this is not a database\n" * 100)


def _foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()


def _foreign_by_its_number(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA application_id = 252006673")  # that of Fossil
    connection.close()


def _newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize("make", [_garbage, _text, _foreign, _foreign_by_its_number, _newer])
def test_a_file_that_is_not_the_cache_is_set_aside_and_a_new_one_begun(
    directory: Path, make: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(make)
    directory.mkdir(mode=0o700)
    file = directory / "evidence-1.sqlite3"
    make(file)
    content = file.read_bytes()
    cache = Cache(directory)
    assert cache.put(key(), stored())
    cache.close()
    (aside,) = set_aside(directory)
    assert aside.read_bytes() == content
    (said,) = warnings(caplog)
    assert aside.name in said
    reader = Cache(directory)
    assert reader.get(key()) == stored()
    reader.close()
    assert len(warnings(caplog)) == 1


def test_a_file_of_ours_without_its_tables_is_set_aside(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled(directory).close()
    connection = sqlite3.connect(databases(directory)[0])
    connection.execute("DROP TABLE failure")
    connection.execute("DROP TABLE evidence")
    connection.close()
    cache = Cache(directory)
    assert cache.put(key(), stored())
    assert len(set_aside(directory)) == 1
    assert len(warnings(caplog)) == 1
    cache.close()


def test_an_empty_file_is_what_a_killed_process_leaves_and_is_used(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory.mkdir(mode=0o700)
    (directory / "evidence-1.sqlite3").write_bytes(b"")
    cache = Cache(directory)
    assert cache.put(key(), stored())
    cache.close()
    assert [path.name for path in databases(directory)] == ["evidence-1.sqlite3"]
    assert warnings(caplog) == []


@POSIX
def test_a_process_killed_while_it_makes_the_tables_leaves_a_file_that_can_be_used(directory: Path) -> None:
    code = """
    import signal
    from chaincheck.fetch import cache_schema

    def until(number):
        yield from cache_schema_tables[:number]
        os.kill(os.getpid(), signal.SIGKILL)

    cache_schema_tables = cache_schema._TABLES
    for number in range(len(cache_schema_tables) + 1):
        place = f"{directory}/{number}"
        child = os.fork()
        if not child:
            cache_schema._TABLES = until(number)
            Cache(place).put(key(), stored())
            os._exit(1)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        cache = Cache(place)
        assert cache.put(key(), stored())
        cache.close()
        assert len([name for name in os.listdir(place) if name.endswith("sqlite3")]) == 1
        assert not [name for name in os.listdir(place) if "damaged" in name]
    print(number)
    """
    assert int(run(code, directory)) > 5


def test_a_file_cut_short_is_set_aside(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled(directory, 20).close()
    with databases(directory)[0].open("r+b") as file:
        file.truncate(30_000)
    cache = Cache(directory, memory_bytes=0)
    assert [cache.get(key(str(number))) for number in range(20)] == [None] * 20
    assert cache.put(key(), stored())
    assert cache.get(key()) == stored()
    assert len(set_aside(directory)) == 1
    assert len(warnings(caplog)) == 1
    cache.close()


def test_damage_anywhere_gives_no_wrong_answer_and_ends_in_a_sound_file(tmp_path: Path) -> None:
    for offset in range(0, 200_000, 13_000):
        directory = tmp_path / str(offset)
        filled(directory, 20).close()
        with databases(directory)[0].open("r+b") as file:
            file.seek(offset)
            file.write(os.urandom(3000))
        cache = Cache(directory, memory_bytes=0)
        for number in range(20):
            found = cache.get(key(str(number)))
            assert found is None or found.body == b"%d" % number * 5000
        for number in range(20, 25):
            cache.put(key(str(number)), stored(b"%d" % number * 5000))
        for number in range(25):
            found = cache.get(key(str(number)))
            assert found is None or found.body == b"%d" % number * 5000
        cache.close()


def test_a_body_that_was_changed_is_dropped_and_the_others_stay(directory: Path) -> None:
    cache = filled(directory)
    connection = sqlite3.connect(databases(directory)[0])
    connection.execute("UPDATE body SET content = x'00' WHERE id = 2")
    connection.execute("UPDATE body SET content = 'text' WHERE id = 3")
    connection.commit()
    connection.close()
    assert [cache.get(key(str(number))) is not None for number in range(3)] == [True, False, False]
    assert cache.info().entries == 1
    assert set_aside(directory) == []
    assert cache.put(key("1"), stored())
    cache.close()


def test_a_file_damaged_while_it_is_open_is_set_aside(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = filled(directory)
    cache.close()
    assert cache.get(key("0")) is not None
    overwrite(databases(directory)[0], length=200_000)
    run("cache = Cache(directory); import logging; logging.disable(); cache.put(key('theirs'), stored(b'theirs'))", directory)
    assert cache.put(key("ours"), stored(b"ours"))
    assert [found.body for name in ("ours", "theirs") if (found := cache.get(key(name)))] == [b"ours", b"theirs"]
    assert len(set_aside(directory)) == 1
    assert len(databases(directory)) == 1
    cache.close()


def test_a_file_replaced_under_a_running_process_is_noticed(directory: Path, tmp_path: Path) -> None:
    filled(tmp_path / "another", 1).close()
    cache = filled(directory)
    (file,) = databases(directory)
    databases(tmp_path / "another")[0].replace(file)
    assert cache.put(key("new"), stored(b"new"))
    cache.close()
    reader = Cache(directory, memory_bytes=0)
    found = reader.get(key("new"))
    assert found is not None
    assert found.body == b"new"
    reader.close()


def test_a_directory_deleted_under_a_running_process_is_made_again(directory: Path) -> None:
    import shutil

    cache = filled(directory)
    shutil.rmtree(directory)
    assert cache.get(key("0")) is None
    assert cache.put(key("new"), stored(b"new"))
    assert run("print(Cache(directory).get(key('new')).body)", directory) == "b'new'\n"
    cache.close()


def test_few_files_set_aside_are_kept(directory: Path) -> None:
    for _ in range(5):
        cache = filled(directory, 1)
        cache.close()
        databases(directory)[0].write_bytes(b"damaged" * 100)
    filled(directory, 1).close()
    assert len(set_aside(directory)) == 2
    assert len(databases(directory)) == 1
    cache = Cache(directory)
    assert cache.clear() == 1
    assert set_aside(directory) == []
    cache.close()


def test_processes_that_find_a_damaged_file_at_the_same_time_set_it_aside_once(directory: Path) -> None:
    code = """
    import logging
    logging.disable()
    cache = Cache(directory)
    print("ready", flush=True)
    sys.stdin.readline()
    print(cache.put(key(sys.argv[2]), stored(sys.argv[2].encode())))
    """
    for turn in range(3):
        directory.mkdir(mode=0o700, exist_ok=True)
        for file in databases(directory) or [directory / "evidence-1.sqlite3"]:
            file.write_bytes(b"damaged" * 1000)
        names = [f"{turn}-{number}" for number in range(4)]
        processes = [start(code, directory, name) for name in names]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        assert [process.communicate(timeout=60) for process in processes] == [("True\n", "")] * 4
        assert len(set_aside(directory)) == min(turn + 1, 2)
        cache = Cache(directory, memory_bytes=0)
        assert [found.body.decode() for name in names if (found := cache.get(key(name)))] == names
        cache.close()


# fork


@POSIX
def test_a_child_opens_the_database_itself(directory: Path) -> None:
    """Nothing of the parent's is open in it, and both write."""
    code = """
    cache = Cache(directory, memory_bytes=0)
    cache.put(key("before"), stored(b"before"))
    child = os.fork()
    if not child:
        opened = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")]
        sound = not [name for name in opened if "sqlite3" in name] and cache.get(key("before")).body == b"before"
        os._exit(0 if cache.put(key("child"), stored(b"child")) and sound else 1)
    assert cache.put(key("parent"), stored(b"parent"))
    assert os.waitpid(child, 0)[1] == 0
    print(cache.get(key("child")).body, cache.get(key("parent")).body)
    cache.close()
    """
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    assert run(code, directory) == "b'child' b'parent'\n"


@POSIX
def test_children_of_a_process_whose_threads_are_writing_lose_nothing(directory: Path) -> None:
    code = """
    import threading, time, warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: fork beside threads
    cache = Cache(directory, memory_bytes=50_000)
    stop = threading.Event()
    written = []

    def write(thread):
        number = 0
        while not stop.is_set():
            name = f"{thread}-{number}"
            if cache.put(key(name), stored(name.encode() * 500)):
                written.append(name)
            cache.get(key(name))
            number += 1
            time.sleep(0.001)  # or the children wait for the lock of the database longer than they do

    threads = [threading.Thread(target=write, args=(number,), daemon=True) for number in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(12):
        child = os.fork()
        if not child:
            name = f"child-{turn}"
            os._exit(0 if cache.put(key(name), stored(name.encode())) and cache.get(key(name)).body == name.encode() else 1)
        assert os.waitpid(child, 0)[1] == 0, turn
    stop.set()
    for thread in threads:
        thread.join()
    fresh = Cache(directory, memory_bytes=0)
    lost = [name for name in written if fresh.get(key(name)).body != name.encode() * 500]
    lost += [turn for turn in range(12) if fresh.get(key(f"child-{turn}")) is None]
    print(len(written) > 10, lost)
    cache.close()
    fresh.close()
    """
    assert run(code, directory) == "True []\n"
    connection = sqlite3.connect(databases(directory)[0])
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
