"""The notebooks of ``docs/`` run from the first cell to the last in a real kernel, and show what they promise."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


def run(name: str, folder: Path) -> list[Any]:
    """The code cells after a run of the notebook, in a copy of its folder."""
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=100, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cells: list[Any]) -> set[str]:
    """The kinds of what is displayed."""
    return {kind for cell in cells for output in cell.outputs for kind in output.get("data", {})}


def printed(cells: list[Any], name: str = "stdout") -> str:
    return "".join(output.text for cell in cells for output in cell.outputs if output.get("name") == name)


def results(cells: list[Any]) -> str:
    return "\n".join(str(output.data["text/plain"]) for cell in cells for output in cell.outputs if "data" in output)


def test_there_are_three() -> None:
    assert NAMES == ["a-403-16-ticket", "a-thousand-certificates", "first-steps"]


@pytest.mark.parametrize("name", NAMES)
def test_they_are_kept_without_results(name: str) -> None:
    kept = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbformat.validate(kept)
    assert all(not cell.outputs and cell.execution_count is None for cell in kept.cells if cell.cell_type == "code")


def test_first_steps(tmp_path: Path) -> None:
    cells = run("first-steps", tmp_path)
    assert shown(cells) >= {"text/html", "text/plain", "application/json", "image/png"}
    assert printed(cells, "stderr") == ""
    text = printed(cells)
    assert "expired -" in text
    assert "accepted True" in text
    assert 'issuer "CN=Example Root CA,O=Example" is not known' in text
    assert "expires   subject        refused" in text
    assert "拒否されます" in results(cells)


@pytest.mark.slow
def test_a_thousand_certificates(tmp_path: Path) -> None:
    cells = run("a-thousand-certificates", tmp_path)
    assert shown(cells) >= {"text/html", "image/png"}
    assert "Warning" not in printed(cells, "stderr")
    assert "1000" in printed(cells, "stderr")  # the bar
    assert results(cells).splitlines()[0] == "1000"
    text = printed(cells)
    assert re.search(r"57 incidents are left", text)
    assert "100  expired" in text
    assert "100  issuer-not-found" in text
    assert re.search(r"revoked +subject +20", results(cells))
    page = (tmp_path / "practice" / "thousand.html").read_text(encoding="utf-8")
    assert page.count("<tr") > 1000


def test_a_403_16_ticket(tmp_path: Path) -> None:
    cells = run("a-403-16-ticket", tmp_path)
    assert printed(cells, "stderr") == ""
    text = printed(cells)
    assert "IIS status 403.16" in text
    assert "is explained" in text
    assert '1. Move "CN=Example Branch CA,O=Example"' in text
    assert '2. Move the root "CN=Example Root CA,O=Example"' in text
    told = results(cells)
    assert "Accepted by" in told
    assert told.count("True") == 2  # the plan is proven, the case answers the same
    assert (tmp_path / "practice" / "ticket" / "T-4711.zip").is_file()
