"""Metrics for Prometheus."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

import pki
from chaincheck import Checker, Guard, InputError, Metrics, Result, TrustStore, diagnose_many
from fleet.test_summary import results
from report.company import Company

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from http_server import WebServer

PROMTOOL = shutil.which("promtool")
Samples = dict[str, list[tuple[dict[str, str], float]]]


def samples(metrics: Metrics) -> Samples:
    registry = CollectorRegistry()
    registry.register(metrics)
    return parsed(generate_latest(registry).decode())


def parsed(text: str) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        found[family.name] = [(sample.labels, sample.value) for sample in family.samples]
    return found


def test_each_round_takes_the_place_of_the_one_before() -> None:
    metrics = Metrics()
    assert samples(metrics) == {}
    metrics.replace(results())
    counted = {labels["verdict"]: value for labels, value in samples(metrics)["chaincheck_results"]}
    assert counted == {"accepted": 5, "refused": 3, "undetermined": 0, "error": 1}
    metrics.replace(results()[:1])
    found = samples(metrics)
    assert len(found["chaincheck_accepted"]) == 1
    assert found["chaincheck_incident_certificates"][0][1] == 1


def test_names_and_labels_are_those_of_x509_certificate_exporter() -> None:
    company = Company()
    metrics = Metrics()
    metrics.replace([Result(label="web/alice.cer", diagnosis=company.revoked())])
    found = samples(metrics)
    [(labels, value)] = found["x509_cert_not_after"]
    assert (labels["subject_CN"], labels["subject_O"], labels["issuer_CN"]) == ("alice", "Contoso", "Contoso Issuing CA")
    assert (labels["filename"], labels["filepath"]) == ("alice.cer", "web/alice.cer")
    assert labels["serial_number"].isdigit()
    assert value > pki.AT.timestamp()
    assert [labels["issuer_CN"] for labels, _ in found["x509_crl_next_update"]] == ["Contoso Issuing CA"]
    assert {labels["code"] for labels, _ in found["chaincheck_cause_info"]} >= {"revoked"}


def test_series_are_bounded_and_what_is_left_out_is_counted() -> None:
    metrics = Metrics(targets=2)
    metrics.replace(results())
    found = samples(metrics)
    assert len(found["chaincheck_accepted"]) == 2
    assert found["chaincheck_targets_dropped"] == [({}, 6)]
    assert sum(value for _, value in found["chaincheck_results"]) == 9
    with pytest.raises(InputError):
        Metrics(targets=-1)


@pytest.mark.skipif(PROMTOOL is None, reason="needs the Debian package prometheus, for promtool")
def test_promtool_finds_nothing_wrong_with_the_metrics() -> None:
    company = Company()
    metrics = Metrics()
    hostile = Result(label='a"b\\c\nd{}', diagnosis=company.ask(company.ca.issue(pki.long_name('"}\n# HELP x\n\u202e'))))
    metrics.replace([*results(), Result(label="x", diagnosis=company.revoked()), hostile])
    registry = CollectorRegistry()
    registry.register(metrics)
    done = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=generate_latest(registry), capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_answers_and_fetches_are_counted_for_as_long_as_the_process_lives(web: WebServer) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    dates: dict[str, Any] = {"not_before": now - timedelta(days=3), "not_after": now + timedelta(days=3)}
    root = pki.root("Counted Root", **dates)
    leaf = root.issue("counted", crl_urls=[web.url("/missing.crl"), web.url("/ca.crl")], **dates)
    web.serve("/ca.crl", root.crl(this_update=now - timedelta(days=1), next_update=now + timedelta(days=1)))
    metrics = Metrics()
    with Checker(store=TrustStore(roots=root.der, disallowed=()), guard=Guard(intranet=True, allow=(web.address,)), cache=None) as checker:
        for _ in range(2):
            metrics.replace(diagnose_many([leaf.der], checker=checker))
        metrics.observe(checker.diagnose(leaf.der), 0.3)
    found = samples(metrics)
    assert {(labels["kind"], labels["result"]): value for labels, value in found["chaincheck_fetches"]} == {
        ("crl", "http-status"): 3,
        ("crl", "ok"): 3,
    }
    assert found["chaincheck_diagnoses"] == [({"verdict": "accepted"}, 3)]
    buckets = {labels["le"]: value for labels, value in found["chaincheck_diagnosis_duration_seconds"] if "le" in labels}
    assert (buckets["+Inf"], buckets["0.5"] >= 1, list(buckets.values()) == sorted(buckets.values())) == (3, True, True)
    assert {labels["outcome"]: value for labels, value in found["chaincheck_paths"]} == {"clean": 1, "refused": 0, "incomplete": 0}
    assert found["chaincheck_up"] == [({}, 1)]


@pytest.mark.parametrize("seconds", ["0.1", -1, float("nan"), float("inf"), None, True])
def test_what_is_no_time_is_refused_before_anything_is_counted(seconds: Any) -> None:
    metrics = Metrics()
    with pytest.raises(InputError):
        metrics.observe(Company().good(), seconds)
    with pytest.raises(InputError):
        metrics.observe("x", 1.0)  # type: ignore[arg-type]  # what is wrong
    assert samples(metrics) == {}


def test_labels_that_are_the_same_when_cut_are_one_series_and_counted() -> None:
    metrics = Metrics()
    diagnosis = Company().good()
    metrics.replace([Result(label="x" * 300 + end, diagnosis=diagnosis) for end in "ab"])
    found = samples(metrics)
    assert len(found["chaincheck_accepted"]) == 1
    assert found["chaincheck_targets_dropped"] == [({}, 1)]


def test_a_file_that_cannot_be_written_is_named_as_it_was_given(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:
        Metrics().write(tmp_path / "missing" / "x.prom")
    assert caught.value.filename == str(tmp_path / "missing" / "x.prom")


def test_a_round_that_fails_leaves_the_one_before_and_says_so() -> None:
    def failing() -> Iterator[Result]:
        yield results()[0]
        raise OSError

    metrics = Metrics()
    metrics.replace(results())
    before = samples(metrics)["chaincheck_results"]
    with pytest.raises(OSError):
        metrics.replace(failing())
    assert samples(metrics)["chaincheck_results"] == before
    assert samples(metrics)["chaincheck_up"] == [({}, 0)]


def test_without_the_library_the_error_names_the_extra() -> None:
    program = "import sys; sys.modules['prometheus_client'] = None\nimport chaincheck\n"
    program += "try: chaincheck.Metrics()\nexcept chaincheck.MissingExtraError as error: print(error)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("a collector for Prometheus needs the extra 'metrics': pip install 'chaincheck[metrics]'\n", "")


# chaincheck watch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    company = Company()
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / "alice.cer").write_bytes(company.ca.issue("alice", not_after=pki.AT.replace(year=2040)).der)
    (tmp_path / "store.pem").write_bytes(pki.pem_bundle(company.root, company.ca))
    return tmp_path


def watch(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-u", "-m", "chaincheck", "watch", "clients", "--store", "store.pem", "--fetch", "never", *options]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_watch_writes_a_file_and_ends_after_one_round_where_told(folder: Path) -> None:
    process = watch(folder, "--once", "--prometheus-textfile", "out.prom", "--lang", "en")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "asked about 1: 1 accepted" in out
    assert parsed((folder / "out.prom").read_text())["chaincheck_accepted"] == [({"target": "alice.cer"}, 1)]


def test_watch_listens_sees_what_changes_and_ends_on_sigterm(folder: Path) -> None:
    process = watch(folder, "--listen", "127.0.0.1:0", "--every", "1", "--lang", "en")
    assert process.stdout is not None
    assert "1 accepted" in process.stdout.readline()
    url = process.stdout.readline().split()[-1]
    try:
        assert parsed(httpx.get(url, trust_env=False).text)["chaincheck_accepted"][0][1] == 1
        (folder / "store.pem").write_bytes(pki.root("Another").pem)
        until = time.monotonic() + 30
        while parsed(httpx.get(url, trust_env=False).text)["chaincheck_accepted"][0][1] != 0:
            assert time.monotonic() < until
            time.sleep(0.2)
        assert parsed(httpx.get(url, trust_env=False).text)["chaincheck_up"] == [({}, 1)]
        (folder / "store.pem").unlink()  # a round that fails leaves what was known
        while "failed" not in process.stdout.readline():
            assert time.monotonic() < until
        assert parsed(httpx.get(url, trust_env=False).text)["chaincheck_accepted"][0][1] == 0
        assert parsed(httpx.get(url, trust_env=False).text)["chaincheck_up"] == [({}, 0)]
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize(
    "options",
    [
        ["--listen", "nowhere"],
        ["--listen", "127.0.0.1:99999"],
        ["--every", "5m", "--listen", "127.0.0.1:0"],
        ["--every", "0", "--listen", "127.0.0.1:0"],
        [],
        ["--prometheus-textfile", "no/such/folder.prom"],
    ],
)
def test_watch_that_is_used_wrongly_says_so_at_once(folder: Path, options: list[str]) -> None:
    process = watch(folder, *options)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 64
    assert err


def test_watch_of_a_folder_without_certificates_is_wrong_use(folder: Path) -> None:
    (folder / "clients" / "alice.cer").unlink()
    process = watch(folder, "--once", "--prometheus-textfile", "out.prom", "--lang", "en")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (64, "")
    assert "no client certificate in it" in err


def test_watch_finds_a_busy_address_before_it_asks_anybody(folder: Path, web: WebServer) -> None:
    process = watch(folder, "--listen", web.address, "--lang", "en")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (64, "")
    assert web.address in err
