from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import chaincheck
import pki
from chaincheck import cli
from chaincheck.cli import main

if TYPE_CHECKING:
    import http_server

AT = ["--at", "2026-06-15T12:00:00Z"]


class Folder:
    """The files of a user: his certificate and key, and the exports of the server's stores."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = pki.root("Contoso Root CA")
        self.ca = self.root.issue_ca("Contoso Issuing CA")
        self.client = self.ca.issue("alice")
        self.write("client.cer", self.client.der)
        self.write("client.key", self.client.key_pem)
        self.write("expired.cer", self.ca.issue("bob", not_after=pki.AT - timedelta(days=3)).der)
        self.write("roots.pem", self.root.pem)
        self.write("intermediates.pem", self.ca.pem)
        self.write("stores.pem", pki.pem_bundle(self.root, self.ca))

    def write(self, name: str, content: bytes) -> str:
        (self.path / name).write_bytes(content)
        return name

    @property
    def server(self) -> list[str]:
        return ["--roots", "roots.pem", "--intermediates", "intermediates.pem"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.chdir(tmp_path)
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "CHAINCHECK_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return Folder(tmp_path)


def diagnose(*arguments: str) -> int:
    return main(["diagnose", *arguments, *AT, "--fetch", "never"])


def in_a_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    env = {key: value for key, value in os.environ.items() if key not in ("LC_ALL", "LC_MESSAGES", "LANG", "PYTHONUTF8")}
    return subprocess.run(
        [sys.executable, "-m", "chaincheck", *arguments], capture_output=True, env=env | environment, timeout=60, check=False
    )


# exit codes


def test_an_accepted_certificate_exits_with_0(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose("client.cer", "--key", "client.key", *folder.server) == 0
    assert capsys.readouterr().out.startswith('Accepted by "roots.pem + intermediates.pem": ')


def test_a_refused_certificate_exits_with_3(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose("expired.cer", *folder.server) == 3
    assert capsys.readouterr().out.startswith("Refused: the client certificate expired 3 days ago.")


def test_an_open_question_exits_with_4(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose("client.cer") == 4
    assert capsys.readouterr().out.startswith("Undetermined: ")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["no-such-command"],
        ["diagnose"],
        ["diagnose", "client.cer", "--no-such-option"],
        ["diagnose", "client.cer", "--rules", "apache"],
        ["diagnose", "client.cer", "--key", "client.key", "--no-key"],
        ["diagnose", "client.cer", "--store", "stores.pem", "--roots", "roots.pem"],
        ["diagnose", "client.cer", "--timeout", "-1"],
        ["diagnose", "client.cer", "--timezone", "Mars/Olympus"],
        ["diagnose", "client.cer", "--allow-host", "http://not.a.host/"],
        ["diagnose", "no-such-file.cer"],
        ["diagnose", "client.key"],
        ["diagnose", "client.cer", "--password-file", "no-such-file"],
        ["replay", "no-such-case"],
    ],
)
def test_wrong_use_exits_with_64_and_says_so_on_stderr(folder: Folder, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 64
    told = capsys.readouterr()
    assert told.out == ""
    assert "chaincheck" in told.err
    assert "Traceback" not in told.err


def test_help_and_version_exit_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"chaincheck {chaincheck.__version__}\n"
    assert main(["diagnose", "--help"]) == 0
    assert "--save-case" in capsys.readouterr().out


def test_our_own_fault_exits_with_70_without_a_traceback(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a bug\x1b[2J")

    monkeypatch.setattr(chaincheck, "diagnose", broken)
    assert main(["diagnose", "client.cer"]) == 70
    error = capsys.readouterr().err
    assert error.startswith("chaincheck itself failed: ZeroDivisionError: a bug\\x1b[2J\n")
    assert "Traceback" not in error
    monkeypatch.setenv("CHAINCHECK_DEBUG", "1")
    assert main(["diagnose", "client.cer"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_is_quiet(folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(chaincheck, "diagnose", interrupted)
    assert main(["diagnose", "client.cer"]) == 130
    assert capsys.readouterr().err == ""


# what can be given


def test_a_wrong_input_is_one_block_to_read(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "client.key"]) == 64
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("chaincheck: This cannot be used as it was given (")
    assert lines[1].split() == ["Where", "client.key"]
    assert [line.split()[0] for line in lines if not line.startswith("    ")][2:] == ["Found", "Expected", "Hint"]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["client.pfx"], "pass --password-file"),
        (["two.pem"], "give one certificate at a time, or --key, so that its certificate can be told"),
        (["ca.crl"], "pass it with --crl"),
        (["client.cer", "--ocsp", "ca.crl"], "pass it with --crl"),
        (["client.cer", "--crl", "answer.der"], "pass it with --ocsp"),
        (["client.cer", "--roots", "roots.pem", "--roots", "ca.crl"], "pass CRLs with --crl"),
        (["latin.cer"], "copy the file in binary mode"),
    ],
)
def test_a_hint_names_the_option_and_not_the_argument_of_the_library(
    folder: Folder, arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.write("client.pfx", folder.client.pkcs12(b"geheim"))
    folder.write("two.pem", pki.pem_bundle(folder.client, folder.ca.issue("bob")))
    folder.write("ca.crl", folder.ca.crl([]))
    folder.write("answer.der", folder.ca.ocsp_response(folder.client, "good"))
    folder.write("latin.cer", folder.client.der.decode("latin-1").encode())
    assert main(["diagnose", *arguments]) == 64
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].split(maxsplit=1) == ["Hint", hint]


def test_every_hint_that_speaks_python_is_in_the_table() -> None:
    """The words on the left of the table are still those of the library."""
    sources = [file.read_text("utf-8") for file in Path(chaincheck.__path__[0]).rglob("*.py") if file.name != "cli.py"]
    for python, _ in cli._IN_OPTIONS:
        assert any(python in source for source in sources), python


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (["client.cer", "--roots", "roots.pem", "--roots", "ca.crl"], "--roots, number 2"),
        (["client.cer", "--intermediates", "ca.crl"], "--intermediates"),
        (["two.pem"], "CERT"),
        (["client.cer", "--timeout", "-1"], "--timeout"),
        (["client.cer", "--allow-host", "http://not.a.host/"], "--allow-host"),
        (["roots"], "roots"),
    ],
)
def test_the_place_of_a_wrong_input_is_an_option_or_a_file(
    folder: Folder, arguments: list[str], where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.write("two.pem", pki.pem_bundle(folder.client, folder.ca.issue("bob")))
    folder.write("ca.crl", folder.ca.crl([]))
    folder.write("roots", b"no certificate")
    assert main(["diagnose", *arguments]) == 64
    assert capsys.readouterr().err.splitlines()[1].split(maxsplit=1) == ["Where", where]


@pytest.mark.parametrize(
    ("arguments", "usage", "message"),
    [
        ([], "chaincheck [--help] COMMAND ...", "chaincheck: the following arguments are required: COMMAND"),
        (["diagnose"], "chaincheck diagnose [--help] CERT [OPTIONS]", "chaincheck diagnose: the following arguments are required: CERT"),
        (
            ["diagnose", "client.cer", "--no-such-option"],
            "chaincheck diagnose [--help] CERT [OPTIONS]",
            "chaincheck diagnose: unrecognized arguments: --no-such-option",
        ),
        (["replay"], "chaincheck replay [--help] CASE [OPTIONS]", "chaincheck replay: the following arguments are required: CASE"),
        (["demo", "--full", "--lang", "x"], "chaincheck demo [--help] [OPTIONS]", "chaincheck demo: argument --lang: invalid choice: 'x'"),
    ],
)
def test_wrong_options_are_told_in_two_lines(arguments: list[str], usage: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 64
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"usage: {usage}"
    assert lines[1].startswith(message)
    assert len(lines) == 2


def test_a_case_that_is_not_there_is_not_found(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "missing.zip"]) == 64
    assert capsys.readouterr().err.splitlines()[:2] == [
        "chaincheck: This cannot be used as it was given (not-found):",
        "  Where     missing.zip",
    ]


def test_a_moment_without_a_time_zone_is_refused_with_the_reason(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "client.cer", "--at", "2026-06-15T12:00:00"]) == 64
    assert "does not say in which time zone: add Z for UTC, or an offset such as +09:00" in capsys.readouterr().err


def test_a_moment_is_judged_in_its_own_offset(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "client.cer", "--at", "2026-06-15T21:00:00+09:00", "--fetch", "never", "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["checked_at"] == "2026-06-15T12:00:00Z"


def test_no_key_is_a_cause(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose("client.cer", "--no-key", *folder.server) == 3
    assert "the private key of the client certificate is missing" in capsys.readouterr().out


def test_one_store_file_is_sorted_and_the_text_says_so(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose("client.cer", "--key", "client.key", "--store", "stores.pem") == 0
    assert '"stores.pem" does not say which store its certificates are from' in capsys.readouterr().out


def test_a_file_may_be_given_several_times(folder: Folder) -> None:
    folder.write("other.pem", pki.root("Other").pem)
    given = ["--roots", "other.pem", "--roots", "roots.pem", "--presented", "intermediates.pem", "--presented", "other.pem"]
    assert diagnose("client.cer", "--key", "client.key", "--intermediates", "other.pem", *given) == 0


def test_the_certificate_may_come_through_a_pipe(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(folder.client.pem)))
    assert diagnose("-", "--key", "client.key", *folder.server) == 0


def test_a_password_comes_from_the_first_line_of_a_file(folder: Folder) -> None:
    folder.write("client.pfx", folder.client.pkcs12(b"geheim", [folder.ca]))
    folder.write("password.txt", b"\xef\xbb\xbfgeheim\r\n")
    assert diagnose("client.pfx", "--password-file", "password.txt", "--roots", "roots.pem") == 0
    folder.write("password.txt", b"falsch\n")
    assert diagnose("client.pfx", "--password-file", "password.txt", "--roots", "roots.pem") == 64


def test_a_revocation_list_at_hand_is_used(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.write("ca.crl", folder.ca.crl([(folder.client.serial, pki.AT - timedelta(days=1), None)]))
    assert diagnose("client.cer", "--crl", "ca.crl", *folder.server) == 3
    assert "the client certificate has been revoked" in capsys.readouterr().out


def test_an_ocsp_response_at_hand_is_used(folder: Folder) -> None:
    folder.write("answer.der", folder.ca.ocsp_response(folder.client, "revoked"))
    assert diagnose("client.cer", "--ocsp", "answer.der", *folder.server) == 3


def test_the_rules_are_chosen_by_name(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose("client.cer", "--key", "client.key", *folder.server, "--rules", "openssl", "--json") == 0
    assert json.loads(capsys.readouterr().out)["rules"] == "OPENSSL"


def test_an_address_of_this_machine_is_asked_only_when_it_is_allowed(folder: Folder, web: http_server.WebServer) -> None:
    now = datetime.now(UTC)
    root = pki.root("Root", **pki.valid_around(now))
    dated: pki.Options = {"crl_urls": (web.url("/ca.crl"),), **pki.valid_around(now)}
    client = root.issue("carol", **dated)
    crl = root.crl([], this_update=now - timedelta(hours=1), next_update=now + timedelta(hours=1))
    web.serve("/ca.crl", crl)
    folder.write("root.pem", root.pem)
    folder.write("carol.cer", client.der)
    folder.write("carol.key", client.key_pem)
    given = ["diagnose", "carol.cer", "--key", "carol.key", "--roots", "root.pem"]
    assert main(given) == 4
    assert web.count("/ca.crl") == 0
    assert main([*given, "--allow-host", web.address]) == 0
    assert web.count("/ca.crl") == 1


def test_what_was_fetched_is_kept_for_the_next_call_unless_that_is_turned_off(folder: Folder, web: http_server.WebServer) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    ca = pki.root("Web CA", **pki.valid_around(now))
    folder.write("web-roots.pem", ca.pem)
    dated: pki.Options = {"crl_urls": (web.url("/ca.crl"),), **pki.valid_around(now)}
    folder.write("web.cer", ca.issue("web", **dated).der)
    web.serve("/ca.crl", ca.crl(this_update=now - timedelta(hours=1), next_update=now + timedelta(days=1)))
    given = ["diagnose", "web.cer", "--roots", "web-roots.pem", "--allow-host", web.address]
    for option, asked in ((["--no-cache"], 1), (["--no-cache"], 2), (["--cache-dir", "kept"], 3), (["--cache-dir", "kept"], 3)):
        assert main([*given, *option]) == 0
        assert web.count("/ca.crl") == asked


# what comes out


def test_json_comes_out_as_the_library_gives_it(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose("client.cer", "--json", *folder.server) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "accepted"


def test_times_are_shown_in_the_timezone_asked_for(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose("expired.cer", "--timezone", "+09:00", *folder.server) == 3
    assert "2026-06-12 21:00:00" in capsys.readouterr().out


def test_a_case_can_be_saved_and_replayed(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose("expired.cer", *folder.server, "--save-case", "case.zip", "--json") == 3
    told = capsys.readouterr()
    assert told.err == "Case written to case.zip\n"
    assert main(["replay", "case.zip", "--json"]) == 3
    assert capsys.readouterr().out == told.out


def test_a_case_that_cannot_be_written_does_not_hide_the_answer(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose("expired.cer", *folder.server, "--save-case", "no/such/folder/case.zip") == 64
    told = capsys.readouterr()
    assert told.out.startswith("Refused: ")
    assert "Cannot write" in told.err


@pytest.mark.parametrize(
    ("environment", "japanese"),
    [
        ({"LANG": "ja_JP.UTF-8"}, True),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ja_JP"}, True),
        ({"LANG": "", "LC_ALL": ""}, False),
        ({"LANG": "de_DE.UTF-8"}, False),
    ],
)
def test_the_language_is_the_users(folder: Folder, environment: dict[str, str], japanese: bool) -> None:
    told = in_a_process("diagnose", "expired.cer", *AT, "--fetch", "never", PYTHONIOENCODING="utf-8", **environment)
    assert told.stdout.decode().startswith("拒否されます" if japanese else "Refused")


def test_lang_decides_over_the_locale(folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    assert diagnose("expired.cer", "--lang", "en") == 3
    assert capsys.readouterr().out.startswith("Refused")


def test_a_japanese_windows_console_gets_japanese(folder: Folder) -> None:
    told = in_a_process("diagnose", "expired.cer", *folder.server, *AT, "--fetch", "never", "--lang", "ja", PYTHONIOENCODING="cp932")
    assert told.returncode == 3
    assert told.stderr == b""
    text = told.stdout.decode("cp932")
    assert text.startswith("拒否されます")
    assert "└─ × bob" in text


@pytest.mark.parametrize("encoding", ["cp932", "ascii", "cp1252", "latin-1"])
def test_names_the_console_cannot_write_never_stop_the_answer(folder: Folder, encoding: str) -> None:
    client = pki.root("Zoë 证书 \U0001f600 Root").issue("żółw", not_after=pki.AT - timedelta(days=3))
    folder.write("client.cer", client.der)
    for lang in ("en", "ja"):
        told = in_a_process("diagnose", "client.cer", *AT, "--fetch", "never", "--lang", lang, PYTHONIOENCODING=encoding)
        assert told.returncode == 3
        assert told.stderr == b""
        assert told.stdout.decode(encoding)


def test_an_ascii_pipe_gets_ascii_marks_and_english(folder: Folder) -> None:
    told = in_a_process("diagnose", "expired.cer", *folder.server, *AT, "--fetch", "never", PYTHONIOENCODING="ascii", LANG="ja_JP.UTF-8")
    text = told.stdout.decode("ascii")
    assert text.startswith("Refused")
    assert "`- x bob" in text
    assert "-> [1] the client certificate expired" in text


def test_json_is_json_in_every_encoding(folder: Folder) -> None:
    folder.write("client.cer", pki.root("Zoë 证书 \U0001f600").issue("żółw").der)
    read = [
        json.loads(
            in_a_process("diagnose", "client.cer", *AT, "--fetch", "never", "--json", PYTHONIOENCODING=encoding).stdout.decode(encoding)
        )
        for encoding in ("utf-8", "cp932", "ascii")
    ]
    assert read[0]["subject"]["issuer"] == "CN=Zoë 证书 \U0001f600"
    assert read[0] == read[1] == read[2]


def test_nothing_is_coloured_in_a_pipe(folder: Folder) -> None:
    told = in_a_process("diagnose", "expired.cer", *AT, "--fetch", "never")
    assert b"\x1b" not in told.stdout


def test_a_pipe_that_closes_early_ends_quietly(folder: Folder) -> None:
    command = [sys.executable, "-m", "chaincheck", "diagnose", "expired.cer", *AT, "--fetch", "never"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 3


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    code = "import sys; before = set(sys.modules); import chaincheck.cli, chaincheck.report.text; print(*(set(sys.modules) - before))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not {"argparse", "cryptography", "asn1crypto", "httpx", "json", "tomllib"} & set(told.stdout.split())


# the cache


def fill_cache(directory: Path | None) -> None:
    """A list and two OCSP responses, as a diagnosis leaves them."""
    from chaincheck.fetch.cache_entry import Stored

    cache = chaincheck.Cache(directory)
    for kind, method, body in (("crl", "GET", bytes(300_000)), ("ocsp", "POST", b"a"), ("ocsp", "GET", b"b")):
        assert cache.put((kind, method, "http://pki.example/", "00"), Stored(body=body, this_update_s=1, received_at=1))
    cache.close()


def test_cache_info_says_what_is_kept_and_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    fill_cache(tmp_path / "kept")
    assert main(["cache", "info", "--cache-dir", str(tmp_path / "kept")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        f"Directory: {tmp_path / 'kept'}",
        "Entries: 3, 0.3 of 512.0 MiB",
        "  revocation lists: 1, 0.3 MiB",
        "  OCSP responses: 2, 0.1 MiB",
    ]
    assert lines[4].startswith("Used: from 20")


def test_cache_info_in_json_and_japanese(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill_cache(None)
    assert main(["cache", "info", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["directory"] == os.environ["CHAINCHECK_CACHE_DIR"]
    assert (record["entries"], record["by_kind"]["ocsp"]) == (3, {"entries": 2, "bytes": 1026})
    assert datetime.fromisoformat(record["newest_use"]).tzinfo is not None
    assert main(["cache", "info", "--lang", "ja"]) == 0
    assert "失効リスト: 1 件、0.3 MiB" in capsys.readouterr().out


def test_cache_clear_forgets_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill_cache(None)
    assert main(["cache", "clear", "--lang", "en"]) == 0
    assert capsys.readouterr().out == f"Entries removed from {os.environ['CHAINCHECK_CACHE_DIR']}: 3\n"
    assert main(["cache", "clear", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] == 0
    assert main(["cache", "info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["oldest_use"] is None


def test_a_cache_that_is_not_there_is_empty_and_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("info", "clear"):
        assert main(["cache", command, "--cache-dir", str(tmp_path / "nothing")]) == 0
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("command", ["info", "clear"])
def test_a_directory_that_cannot_be_the_cache_is_wrong_use(tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert main(["cache", command, "--cache-dir", str(tmp_path / "file"), "--lang", "en"]) == 64
    assert "(cache-unusable)" in capsys.readouterr().err


def test_the_cache_of_a_process_is_that_of_the_next(tmp_path: Path) -> None:
    fill_cache(tmp_path)
    done = in_a_process("cache", "info", "--json", CHAINCHECK_CACHE_DIR=str(tmp_path))
    assert (done.returncode, done.stderr, json.loads(done.stdout)["entries"]) == (0, b"", 3)


def test_explain_says_what_a_code_means_and_what_may_be_behind_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "403", "16", "2148204809", "--lang", "en"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("IIS status 403.16: ")
    assert "CERT_E_UNTRUSTEDROOT (0x800B0109 = -2146762487 = 2148204809)" in told
    assert main(["explain", "403.16", "--json", "--lang", "ja"]) == 0
    assert json.loads(capsys.readouterr().out)["candidates"][0]["id"] == "non-self-signed-in-root"
    assert main(["explain", "nonsense"]) == 64
    assert "403.16" in capsys.readouterr().err
    assert main(["explain", "--", "-2146762487"]) == 0


def test_log_counts_the_refusals_and_says_what_may_be_behind_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "u_ex260615.log"
    log.write_text(
        "#Fields: date time c-ip cs-uri-stem sc-status sc-substatus sc-win32-status\n2026-06-15 12:00:00 10.0.0.7 /app 403 7 5\n"
    )
    assert main(["log", str(log), "--lang", "en"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("403 7 5: 1 times, from 2026-06-15 12:00:00 UTC")
    assert "10.0.0.7  /app" in told
    assert main(["log", str(log), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["refusals"][0]["client"] == "10.0.0.7"
    assert main(["log", str(log), "--lang", "ja"]) == 0
    assert "1 回" in capsys.readouterr().out
    assert main(["log", str(tmp_path / "missing.log")]) == 64


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_what_windows_decided_is_shown(lang: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from iis.windows_samples import ENGLISH

    file = tmp_path / "verify.txt"
    file.write_text(ENGLISH, encoding="utf-16")
    assert main(["windows", str(file), "--lang", lang]) == 0
    out = capsys.readouterr().out
    assert "CERT_TRUST_" in out
    assert main(["windows", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["source"] == "certutil"


# reports


def test_a_report_is_about_one_certificate_or_a_folder(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    (folder.path / "clients").mkdir()
    folder.write("clients/alice.cer", folder.client.der)
    folder.write("clients/bob.cer", folder.ca.issue("bob", not_after=pki.AT - timedelta(days=3)).der)
    options = [*folder.server, "--fetch", "never"]
    assert main(["report", "clients/bob.cer", "-o", "one.html", *options]) == 3
    assert "expired" in (folder.path / "one.html").read_text(encoding="utf-8")
    assert main(["report", "clients", "-o", "all.html", "--lang", "ja", *options]) == 3
    page = (folder.path / "all.html").read_text(encoding="utf-8")
    assert '<html lang="ja">' in page
    assert "alice.cer" in page
    assert "bob.cer" in page
    out, err = capsys.readouterr()
    assert (out, err) == ("one.html is written; certificates: 1.\nall.html を書き込みました (証明書 2 枚)。\n", "")


def test_a_report_that_cannot_be_written_says_so(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "client.cer", "-o", "no/such/folder.html", *folder.server, "--fetch", "never"]) == 64
    assert "no/such/folder.html" in capsys.readouterr().err


def test_a_report_about_nothing_is_not_a_page(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    (folder.path / "empty").mkdir()
    assert main(["report", "empty", "-o", "none.html", *folder.server, "--fetch", "never"]) == 64
    assert "no client certificate in it" in capsys.readouterr().err
    assert not (folder.path / "none.html").exists()


def test_a_host_that_is_an_address_names_its_option(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose("client.cer", *folder.server, "--host", "https://www.example.com/") == 64
    assert "--host" in capsys.readouterr().err


# a plug-in of Nagios


def test_a_plug_in_answers_with_its_own_exit_codes(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose("client.cer", *folder.server, "--format", "nagios") == 0
    assert diagnose("client.cer", *folder.server, "--format", "nagios", "--warn-before", "36500") == 1
    assert diagnose("expired.cer", *folder.server, "--format", "nagios") == 2
    assert diagnose("client.cer", "--format=nagios") == 3
    assert [line.split(" - ")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("CHAINCHECK")] == [
        "CHAINCHECK OK",
        "CHAINCHECK WARNING",
        "CHAINCHECK CRITICAL",
        "CHAINCHECK UNKNOWN",
    ]


@pytest.mark.parametrize("wrong", [["no-such.cer"], ["stores.pem", "--no-such-option"], ["client.cer", "--warn-before", "nan"], []])
def test_a_plug_in_that_cannot_ask_is_unknown_and_says_why(folder: Folder, wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", *wrong, *folder.server, "--format", "nagios"]) == 3
    told = capsys.readouterr()
    assert told.out.startswith("CHAINCHECK UNKNOWN - ")
    assert told.out.count("\n") == 1
    assert ("no-such.cer: found no such file" in told.out) is (wrong == ["no-such.cer"])
    assert told.err


@pytest.mark.parametrize("options", [["--warn-before", "30d"], ["--lang", "jp"], ["--stor", "x"]])
def test_a_plug_in_that_is_asked_wrongly_says_why_on_standard_output(
    folder: Folder, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert main(["diagnose", "client.cer", "--format", "nagios", *options]) == 3
    out = capsys.readouterr().out
    assert out.startswith("CHAINCHECK UNKNOWN - ")
    assert options[0] in out
