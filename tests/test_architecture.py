"""The library keeps its shape: imports point downwards, and importing it costs next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import pki

PROJECT = Path(__file__).parents[1]


def modules_after(statement: str) -> set[str]:
    """What a fresh interpreter has loaded after ``statement``, beyond what it loads on its own."""
    code = f"import sys\nbefore = set(sys.modules)\n{statement}\nimport json\nprint(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return set(json.loads(done.stdout))


def test_imports_point_downwards_only() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("heavy", ["cryptography", "asn1crypto", "httpx", "tomllib", "ssl", "argparse", "asyncio", "sqlite3"])
def test_importing_chaincheck_does_not_load(heavy: str) -> None:
    assert heavy not in modules_after("import chaincheck")


@pytest.mark.parametrize("heavy", ["cryptography.x509", "asn1crypto", "httpx"])
def test_diagnosing_one_der_certificate_does_not_load(heavy: str, tmp_path: Path) -> None:
    root = pki.root()
    authority = root.issue_ca("Issuing CA")
    for name, one in (("root", root), ("authority", authority), ("leaf", authority.issue("client"))):
        (tmp_path / name).write_bytes(one.der)
    loaded = modules_after(
        "import chaincheck, dataclasses, datetime, pathlib\n"
        f"root, authority, leaf = ((pathlib.Path({str(tmp_path)!r}) / name).read_bytes() for name in ('root', 'authority', 'leaf'))\n"
        "store = chaincheck.TrustStore(roots=[root], intermediates=[authority])\n"
        "rules = dataclasses.replace(chaincheck.IIS, revocation='off')\n"
        f"at = datetime.datetime.fromtimestamp({int(pki.AT.timestamp())}, datetime.UTC)\n"
        "assert chaincheck.diagnose(leaf, store=store, rules=rules, fetch='never', at=at).accepted"
    )
    assert "chaincheck" in loaded
    assert heavy not in loaded


def test_importing_chaincheck_starts_nothing() -> None:
    statement = "import chaincheck, threading, logging\nassert threading.active_count() == 1\nassert not logging.getLogger().handlers"
    assert "chaincheck" in modules_after(statement)


def test_every_name_offered_is_there() -> None:
    import chaincheck

    missing = [name for name in dir(chaincheck) if not hasattr(chaincheck, name)]
    assert missing == []


def test_the_version_has_one_source() -> None:
    from importlib.metadata import version

    import chaincheck

    assert chaincheck.__version__ == version("chaincheck")


def test_the_package_says_that_it_is_typed() -> None:
    import chaincheck

    assert (Path(chaincheck.__path__[0]) / "py.typed").is_file()
