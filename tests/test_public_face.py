"""What a user imports: the names are there, the twins are alike, and importing costs next to nothing."""

from __future__ import annotations

import inspect
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

import chaincheck
import pki

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = (
    "httpx", "asn1crypto", "cryptography.x509", "cryptography.hazmat.bindings._rust", "tomllib", "argparse", "asyncio",
    "ssl", "http.client",
    "dataclasses", "typing", "enum", "json", "zipfile", "sqlite3", "logging", "xml", "email",
)  # fmt: skip


def fresh(code: str, *arguments: str) -> list[str]:
    """The words printed by a new interpreter, which must print nothing else and warn of nothing."""
    done = subprocess.run([sys.executable, "-I", "-W", "error", "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


LOADED = "import sys; before = set(sys.modules)\n{}\nprint(*(set(sys.modules) - before))"


@pytest.mark.parametrize("name", sorted(chaincheck.__all__))
def test_every_public_name_can_be_imported(name: str) -> None:
    found = getattr(chaincheck, name)
    assert found is not None
    if inspect.isclass(found) or inspect.isfunction(found):
        assert found.__doc__, f"{name} has no docstring"


def test_dir_lists_the_public_names() -> None:
    assert set(chaincheck.__all__) <= set(dir(chaincheck))
    assert not [name for name in chaincheck.__all__ if name.startswith("_") and name != "__version__"]


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        chaincheck.nonsense  # noqa: B018 - it is the access that is tested


def test_both_ways_to_ask_take_the_same() -> None:
    sync, twin = inspect.signature(chaincheck.diagnose), inspect.signature(chaincheck.diagnose_async)
    assert sync == twin
    assert inspect.iscoroutinefunction(chaincheck.diagnose_async)
    kinds = [parameter.kind.name for parameter in sync.parameters.values()]
    assert kinds == ["POSITIONAL_OR_KEYWORD"] * 2 + ["KEYWORD_ONLY"] * (len(kinds) - 2)


def test_both_checkers_take_the_same() -> None:
    assert inspect.signature(chaincheck.Checker) == inspect.signature(chaincheck.AsyncChecker)
    assert inspect.signature(chaincheck.Checker.diagnose) == inspect.signature(chaincheck.AsyncChecker.diagnose)


def test_what_a_checker_holds_and_what_it_is_asked_make_up_diagnose() -> None:
    whole = set(inspect.signature(chaincheck.diagnose).parameters)
    held, asked = inspect.signature(chaincheck.Checker).parameters, inspect.signature(chaincheck.Checker.diagnose).parameters
    assert (set(held) | set(asked)) - {"self"} == whole | {"remember"}  # nobody asks a checker twice that lives for one question


def test_importing_loads_next_to_nothing() -> None:
    loaded = fresh(LOADED.format("import chaincheck"))
    assert not set(loaded) & set(HEAVY)
    assert [name for name in loaded if name.startswith("chaincheck.")] == []


@pytest.mark.parametrize("verdict", ["accepted", "refused"])
def test_diagnosing_one_certificate_loads_no_second_reader_and_no_network(verdict: str, tmp_path: Path) -> None:
    root = pki.root("Root")
    leaf = root.issue("client", not_after=pki.AT + timedelta(days=1 if verdict == "accepted" else -1))
    (tmp_path / "root.cer").write_bytes(root.der)
    (tmp_path / "client.cer").write_bytes(leaf.der)
    code = LOADED.format(
        "import chaincheck, datetime, pathlib\n"
        "at = datetime.datetime(2026, 6, 15, 12, tzinfo=datetime.timezone.utc)\n"
        "store = chaincheck.TrustStore(roots=[sys.argv[1]], intermediates=())\n"
        "diagnosis = chaincheck.diagnose(pathlib.Path(sys.argv[2]).read_bytes(), store=store, at=at, fetch='never')\n"
        "assert diagnosis.verdict.value == sys.argv[3], diagnosis\n"
    )
    loaded = fresh(code, str(tmp_path / "root.cer"), str(tmp_path / "client.cer"), verdict)
    assert not [
        name for name in loaded if name.split(".")[0] in ("httpx", "asn1crypto", "certifi", "idna", "anyio", "httpcore", "asyncio", "ssl")
    ]
    assert "cryptography.x509" not in loaded
    assert "argparse" not in loaded


def test_the_package_says_that_it_is_typed() -> None:
    from importlib.resources import files

    assert files("chaincheck").joinpath("py.typed").is_file()
    assert chaincheck.__version__
