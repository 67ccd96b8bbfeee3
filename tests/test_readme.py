"""The README says what is so: its Python is run, its table is asked, its commands exist."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import chaincheck
import pki
from test_docs import Printed, blocks, matches, place, run_page, sst, world

if TYPE_CHECKING:
    from collections.abc import Iterator

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The files the README names, at the present of the tests."""
    made = tmp_path_factory.mktemp("readme")
    prepare(made)
    with place(made):
        yield made


def prepare(made: Path) -> None:
    example = world()
    issuing, root = example.issuing, example.root
    # The certificate of the first example has three faults; that of the table's rows has one each.
    old = example.client(not_before=datetime(2025, 6, 12, tzinfo=UTC), not_after=datetime(2026, 6, 12, tzinfo=UTC), serial=0x5C3E)
    good = example.client(serial=0x5C3F)
    revoked = example.client(serial=0x5C40)
    when = datetime(2026, 5, 16, 12, tzinfo=UTC)
    files = {
        "client.cer": old.der,
        "client.key": old.key_pem,
        "good.cer": good.der,
        "good.key": good.key_pem,
        "good-with-chain.p7b": pki.p7b(good, issuing, root),
        "expired.cer": old.der,
        "early.cer": example.client(not_before=pki.AT + timedelta(minutes=40)).der,
        "revoked.cer": revoked.der,
        "other.key": example.client("somebody else").key_pem,
        "issuing.crl": issuing.crl([(old.serial, when, "keyCompromise"), (revoked.serial, when, "keyCompromise")]),
        "server.sst": sst(root.der, issuing.der),
        "web01.sst": sst(example.stranger.der, issuing.der),
        "without-root.sst": sst(example.stranger.der, issuing.der),
        "roots.sst": sst(root.der),
        "intermediates.sst": sst(issuing.der),
        "disallowed.sst": sst(example.stranger.der),
    }
    for name, content in files.items():
        (made / name).write_bytes(content)


def rows() -> list[list[str]]:
    """The cells of the table of documented causes."""
    text = README.read_text(encoding="utf-8")
    asked = [line for line in text.splitlines() if line.startswith("|") and "`diagnose(" in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in asked]


def shown(asked: str) -> list[str]:
    """What a row of the table has to say about its question."""
    names = {"diagnose": chaincheck.diagnose, "NO_KEY": chaincheck.NO_KEY, "NO_CERTIFICATE": chaincheck.NO_CERTIFICATE}
    d = eval(asked.strip("`"), names)  # noqa: S307 - our own README
    fatal = [cause for cause in d.causes if cause.severity is chaincheck.Severity.FATAL]
    return [d.verdict.value, f"`{fatal[0].code.value}`" if fatal else "", d.headline.partition(": ")[2] or d.headline]


def test_it_opens_with_the_two_commands() -> None:
    lines = [line.split("  ")[0] for line in README.read_text(encoding="utf-8").replace("\n    ", "\n").splitlines() if line]
    assert lines[1:3] == ["make demo", "make test"]


def test_the_python_it_shows_prints_what_it_says(tmp_path: Path) -> None:
    prepare(tmp_path)
    assert run_page(README, tmp_path) >= 2


def test_the_python_it_shows_is_about_ten_lines() -> None:
    code = next(block.text for block in blocks(README) if block.language == "python")
    assert len([line for line in code.splitlines() if line]) <= 10


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[1])
def test_the_table_of_documented_causes_is_real(row: list[str]) -> None:
    assert row[2:] == shown(row[1])


def test_every_documented_cause_has_its_row_and_is_found() -> None:
    names = {"diagnose": chaincheck.diagnose, "NO_KEY": chaincheck.NO_KEY, "NO_CERTIFICATE": chaincheck.NO_CERTIFICATE}
    order = list(chaincheck.DocumentedCause)
    current: chaincheck.DocumentedCause | None = None
    seen = set()
    for title, asked, *_ in rows():
        if title:
            current = order[int(title[0]) - 1] if title[0].isdigit() else None
        d = eval(asked.strip("`"), names)  # noqa: S307 - our own README
        found = {cause for cause, finding in d.documented_causes.items() if finding is chaincheck.Finding.FOUND}
        assert found == ({current} if current else set()), asked
        seen |= found
    assert seen == set(order)


def test_the_commands_it_names_are_targets_of_the_makefile() -> None:
    makefile = (README.parent / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"\bmake ([a-z]+)\b", README.read_text(encoding="utf-8"))):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_what_is_printed_can_be_compared() -> None:
    """The comparison itself: an ellipsis stands for anything, a difference is a difference."""
    assert matches("a\n...\nd\n", "a  \nb\nc\nd\n")
    assert not matches("a\nb\n", "a\nc\n")
    assert Printed().encoding == "utf-8"
