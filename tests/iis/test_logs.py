"""Refusals in logs of IIS: found, grouped and explained, whatever the fields and the size."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincheck import InputError
from chaincheck.iis import logs, read_log

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "#Software: Microsoft Internet Information Services 10.0\r\n#Version: 1.0\r\n#Date: 2026-06-15 00:00:00\r\n"
FIELDS = (
    "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) "
    "sc-status sc-substatus sc-win32-status time-taken\r\n"
)


def line(seen: str, client: str = "10.0.0.7", path: str = "/app", moment: str = "2026-06-15 12:00:00", took: int = 15) -> str:
    return f"{moment} 10.0.0.5 GET {path} - 443 - {client} Mozilla/5.0 {seen} {took}\r\n"


def write(folder: Path, *parts: str, name: str = "u_ex260615.log") -> Path:
    file = folder / name
    file.write_bytes("".join(parts).encode())
    return file


def test_refusals_are_grouped_by_status_code_client_and_path(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        HEAD,
        FIELDS,
        line("403 16 2148204809"),
        line("403 16 2148204809", moment="2026-06-15 13:30:00"),
        line("403 16 2148204809", client="10.0.0.8"),
        line("403 7 5", path="/other"),
        line("200 0 0"),
        line("403 13 2148081683", path="/app"),
    )
    summary = read_log(file)
    first = summary.refusals[0]
    assert (first.seen, first.client, first.path, first.count) == ("403 16 2148204809", "10.0.0.7", "/app", 2)
    assert (first.first, first.last) == (datetime(2026, 6, 15, 12, tzinfo=UTC), datetime(2026, 6, 15, 13, 30, tzinfo=UTC))
    assert first.agent == "Mozilla/5.0"
    assert first.explanation.candidates[0].id == "non-self-signed-in-root"
    assert [(each.seen, each.count) for each in summary.by_code()] == [("403 16 2148204809", 3), ("403 7 5", 1), ("403 13 2148081683", 1)]
    assert summary.read == file.stat().st_size


def test_fields_may_change_in_mid_file_and_stand_in_any_order(tmp_path: Path) -> None:
    other = "#Fields: c-ip sc-win32-status sc-substatus sc-status cs-uri-stem time date\r\n"
    file = write(tmp_path, FIELDS, line("403 7 5"), HEAD, other, "10.9.9.9 2148204809 16 403 /late 14:00:00 2026-06-15\r\n")
    found = {each.seen: each for each in read_log(file).refusals}
    assert (found["403 16 2148204809"].client, found["403 16 2148204809"].path) == ("10.9.9.9", "/late")
    assert found["403 7 5"].client == "10.0.0.7"


def test_a_number_elsewhere_in_the_line_is_no_refusal(tmp_path: Path) -> None:
    file = write(tmp_path, FIELDS, line("200 0 0", took=403), line("200 0 403"), line("200 0 0", path="/403"), line("404 0 2", took=413))
    assert read_log(file).refusals == ()


def test_of_other_statuses_only_what_is_known_of_client_certificates_counts(tmp_path: Path) -> None:
    seen = ["401 1 2148086018", "401 1 5", "401 2 5", "413 0 0", "500 0 2147942450", "500 0 0", "502 3 12030", "403 14 0", "403 0 0"]
    summary = read_log(write(tmp_path, FIELDS, *map(line, seen)))
    assert {each.seen for each in summary.refusals} == {
        "401 1 2148086018",
        "413 0 0",
        "500 0 2147942450",
        "502 3 12030",
        "403 14 0",
        "403 0 0",
    }


def test_a_log_packed_with_gzip_is_read_and_a_damaged_one_as_far_as_it_goes(tmp_path: Path) -> None:
    content = (FIELDS + line("403 7 5") * 20_000).encode()
    packed = tmp_path / "log.gz"
    packed.write_bytes(gzip.compress(content))
    assert read_log(packed).refusals[0].count == 20_000
    packed.write_bytes(gzip.compress(content)[:-2000])
    damaged = read_log(packed)
    assert "end too early" in damaged.notes[0]


def test_lines_across_the_blocks_are_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [FIELDS, *(line("403 7 5" if number % 3 else "200 0 0") for number in range(900))]
    expected = read_log(write(tmp_path, *parts)).refusals
    for size in (1, 7, 100, 333, 4096):
        monkeypatch.setattr(logs, "BLOCK", size)
        assert read_log(write(tmp_path, *parts)).refusals == expected


def test_a_part_of_a_log_without_its_head_is_read_by_its_numbers(tmp_path: Path) -> None:
    summary = read_log(write(tmp_path, line("403 16 2148204809"), line("200 0 0")))
    assert [(each.seen, each.client, each.first) for each in summary.refusals] == [("403 16 2148204809", "", None)]


def test_too_many_clients_are_not_told_apart_and_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST_GROUPS", 10)
    summary = read_log(write(tmp_path, FIELDS, *(line("403 7 5", client=f"10.0.{number}.1") for number in range(50))))
    assert summary.collapsed
    assert len(summary.refusals) == 11
    assert summary.refusals[0].client == ""
    assert sum(each.count for each in summary.refusals) == 50


def test_a_line_without_end_is_passed_over_and_said(tmp_path: Path) -> None:
    file = write(tmp_path, FIELDS, "x" * 300_000, " 403 7 5\r\n", line("403 16 2148204809"))
    summary = read_log(file)
    assert [each.seen for each in summary.refusals] == ["403 16 2148204809"]
    assert "passed over" in summary.notes[0]


def test_what_is_no_log_or_cannot_be_read_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no #Fields line"):
        read_log(write(tmp_path, "hello\r\nworld\r\n"))
    with pytest.raises(InputError):
        read_log(tmp_path / "missing.log")
    with pytest.raises(InputError):
        read_log(tmp_path)
    with pytest.raises(InputError):
        read_log()


def test_several_logs_are_read_together(tmp_path: Path) -> None:
    one, two = (write(tmp_path, FIELDS, line("403 7 5"), name=name) for name in ("a.log", "b.log"))
    assert read_log(one, two).refusals[0].count == 2


@given(st.binary(max_size=2000))
def test_any_bytes_behind_the_head_are_read(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("log") / "any.log"
    file.write_bytes(FIELDS.encode() + content)
    read_log(file)
