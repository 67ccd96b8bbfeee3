"""The script that collects from a server: it cannot be run here, so what it may and may not contain is held by its text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = (DOCS / "collect.ps1").read_bytes().decode()
PAGE = (DOCS / "collecting.md").read_text(encoding="utf-8")
CODE = "\n".join(line for line in SCRIPT.splitlines() if not line.startswith("#"))
OWN = {"Step", "Save", "Save-Store", "Save-Key", "Write-Text"}
CMDLETS = {
    "Add-Content", "Export-Certificate", "ForEach-Object", "Get-ChildItem", "Get-CimInstance", "Get-Content", "Join-Path", "New-Item",
    "New-Object", "Resolve-Path", "Set-Content", "Sort-Object", "Test-Path", "Where-Object",
}  # fmt: skip
PROGRAMS = {
    "reg.exe export", "reg.exe query", "netsh.exe http show sslcert", "netsh.exe winhttp show proxy", "w32tm.exe /query /status",
    "w32tm.exe /stripchart /computer",
}  # fmt: skip


def test_the_page_shows_the_script_as_it_is() -> None:
    assert f"```powershell\n{SCRIPT}```\n" in PAGE


def test_the_script_is_ascii_so_that_every_code_page_reads_it_alike() -> None:
    assert SCRIPT.isascii()
    assert "\t" not in SCRIPT
    assert "\r" not in SCRIPT


def test_quotes_and_brackets_are_closed() -> None:
    bare = re.sub(r"'[^'\n]*'|\"[^\"\n]*\"", "", CODE)
    assert "'" not in bare
    assert '"' not in bare
    assert [bare.count(opening) - bare.count(closing) for opening, closing in ("()", "[]", "{}")] == [0, 0, 0]


@pytest.mark.parametrize("text", [SCRIPT, PAGE], ids=["script", "page"])
def test_nothing_exports_a_private_key(text: str) -> None:
    for forbidden in (
        "PfxCertificate",
        "exportPFX",
        "PrivateKey",
        "-p12",
        "-Type PFX",
        "X509ContentType",
        "-backupKey",
        "Import-",
        "MachineKeys",
    ):
        assert forbidden.lower() not in text.lower(), forbidden


def test_only_these_commands_are_used_and_none_of_them_changes_the_server() -> None:
    assert set(re.findall(r"\b[A-Z][A-Za-z]+-[A-Z][A-Za-z]+\b", CODE)) - OWN == CMDLETS
    called = {match[0] for match in re.finditer(r"\b\w+\.exe(?: [a-z/][\w/]*)*", CODE)}
    assert {next((known for known in PROGRAMS if call.startswith(known)), call) for call in called} == PROGRAMS
    for target in re.findall(r"(?:New-Item|Set-Content|Add-Content)[^;}\n]*", CODE):
        assert "$Folder" in target or "$file.empty" in target, target


def test_every_function_of_the_script_is_called() -> None:
    assert set(re.findall(r"^function ([\w-]+)", CODE, re.MULTILINE)) == OWN
    for name in OWN:
        assert len(re.findall(rf"(?<![\w-]){name}(?![\w-])", CODE)) >= 2, name


def test_every_file_the_script_writes_is_explained_on_the_page() -> None:
    stores = re.search(r"^\$stores = @\(([^)]*)\)", CODE, re.MULTILINE)
    assert stores is not None
    written = {f"`stores\\LocalMachine\\{name}.sst`" for name in re.findall(r'"(\w+)"', stores[1])}
    written |= {f"`stores\\{name}.reg`" for name in re.findall(r'^Save-Key "(\w+)"', CODE, re.MULTILINE)}
    written |= {f"`{name}`" for name in re.findall(r'"([\w-]+\.(?:txt|json|xml))"', CODE)}
    assert len(written) == 6 + 3 + 10
    told = PAGE[PAGE.index("## What each file holds") : PAGE.index("## The same as single commands")]
    assert {name for name in written if f"| {name}" not in told} == set()


def test_the_single_commands_write_the_same_files() -> None:
    commands = PAGE[PAGE.index("## The same as single commands") : PAGE.index("## What Windows itself decided")]
    for name in re.findall(r'"([\w-]+\.(?:txt|json|xml))"', CODE):
        assert name == "collected.txt" or f"> {name}" in commands, name
    for name, key in re.findall(r'^Save-Key "(\w+)" "HKEY_LOCAL_MACHINE\\([^"]+)"', CODE, re.MULTILINE):
        assert f"reg export HKLM\\{key} stores\\{name}.reg" in commands


def test_passwords_and_keys_of_the_configuration_are_left_out() -> None:
    assert '-match "password|key"' in CODE
    assert "RemoveAttribute" in CODE
    assert "configProtectedData" not in CODE  # of the parts only these three are kept
    assert "self::system.applicationHost or self::system.webServer or self::location" in CODE
