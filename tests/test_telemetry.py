"""An application that listens is told of each answer: spans for OpenTelemetry, structured log records. One that does not sees nothing."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import chaincheck
import pki
from engine.asking import CA, LEAF, YESTERDAY, full_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

    from http_server import WebServer

EXPORTER = InMemorySpanExporter()
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
DATES: dict[str, Any] = {"not_before": NOW - 30 * DAY, "not_after": NOW + 30 * DAY}
FRESH: dict[str, Any] = {"this_update": NOW - DAY, "next_update": NOW + DAY}


@pytest.fixture(scope="module")
def provider() -> TracerProvider:
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(EXPORTER))
    trace.set_tracer_provider(made)
    return made


@pytest.fixture
def spans(provider: TracerProvider) -> Iterator[Any]:
    EXPORTER.clear()
    yield EXPORTER.get_finished_spans
    EXPORTER.clear()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_an_answer_is_a_span_with_the_names_of_the_conventions(spans: Any) -> None:
    expired = CA.issue("alice", not_after=YESTERDAY)
    chaincheck.diagnose(expired.der, store=full_store(), at=pki.AT, fetch="never")
    (span,) = spans()
    told = attributes(span)
    assert span.name == "chaincheck.diagnose"
    assert told["tls.client.hash.sha256"] == expired.fingerprint.upper()
    assert (told["tls.client.subject"], told["tls.client.issuer"]) == ("CN=alice", "CN=CA")
    assert told["tls.client.not_after"] == "2026-06-14T12:00:00Z"
    assert datetime.fromisoformat(told["tls.client.not_before"]).tzinfo is not None
    assert (told["error.type"], told["chaincheck.verdict"], told["chaincheck.causes"]) == ("expired", "refused", ("expired",))


def test_what_is_accepted_has_no_error(spans: Any) -> None:
    chaincheck.diagnose(LEAF.der, store=full_store(), at=pki.AT, fetch="never")
    assert "error.type" not in attributes(spans()[0])


def test_what_is_open_has_the_reason_it_is_open_for(spans: Any) -> None:
    chaincheck.diagnose(LEAF.der, at=pki.AT, fetch="never")
    assert attributes(spans()[0])["error.type"] == "store-not-told"


def test_what_cannot_be_read_is_an_error_of_the_span(spans: Any) -> None:
    with pytest.raises(chaincheck.InputError):
        chaincheck.diagnose(b"nonsense", store=full_store(), fetch="never")
    (span,) = spans()
    assert span.status.status_code is trace.StatusCode.ERROR
    assert attributes(span)["error.type"]


def fetching(web: WebServer, tmp_path: Path, *, asynchronous: bool) -> chaincheck.Diagnosis:
    root = pki.root("Traced Root", **DATES)
    leaf = root.issue("traced", crl_urls=[web.url("/missing.crl"), web.url("/ca.crl")], **DATES)
    web.serve("/ca.crl", root.crl(**FRESH))
    settings: dict[str, Any] = {
        "store": chaincheck.TrustStore(roots=root.der, disallowed=()),
        "guard": chaincheck.Guard(intranet=True, allow=(web.address,)),
        "cache": tmp_path,
    }
    if asynchronous:
        return asyncio.run(chaincheck.diagnose_async(leaf.der, **settings))
    return chaincheck.diagnose(leaf.der, **settings)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_each_fetch_is_a_span_below_it(spans: Any, web: WebServer, tmp_path: Path, asynchronous: bool) -> None:
    assert fetching(web, tmp_path, asynchronous=asynchronous).accepted
    *fetches, whole = spans()
    assert whole.name == "chaincheck.diagnose"
    assert [(each.name, each.parent.span_id == whole.context.span_id) for each in fetches] == [("chaincheck.fetch", True)] * 2
    first, second = map(attributes, fetches)
    assert (first["url.full"], first["http.response.status_code"], first["error.type"]) == (web.url("/missing.crl"), 404, "http-status")
    assert (second["url.full"], second["chaincheck.outcome"], "error.type" in second) == (web.url("/ca.crl"), "ok", False)
    assert all(each.start_time <= each.end_time <= whole.end_time for each in fetches)


def test_a_span_of_the_service_is_the_parent(spans: Any) -> None:
    with trace.get_tracer("service").start_as_current_span("request"):
        chaincheck.diagnose(LEAF.der, store=full_store(), at=pki.AT, fetch="never")
    inner, outer = spans()
    assert inner.parent.span_id == outer.context.span_id


# log records


def records(caplog: pytest.LogCaptureFixture, name: str) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == name]


def test_a_refusal_is_a_record_with_fields(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "chaincheck")
    expired = CA.issue("alice", not_after=YESTERDAY)
    chaincheck.diagnose(expired.der, store=full_store(), at=pki.AT, fetch="never")
    chaincheck.diagnose(LEAF.der, store=full_store(), at=pki.AT, fetch="never")  # accepted: told at DEBUG
    (record,) = records(caplog, "chaincheck.diagnosis")
    assert record.getMessage() == "refused: CN=alice (expired)"
    fields = {name: value for name, value in vars(record).items() if name.startswith("chaincheck_")}
    assert fields.pop("chaincheck_seconds") >= 0
    assert fields == {
        "chaincheck_verdict": "refused",
        "chaincheck_codes": ["expired"],
        "chaincheck_unchecked": [],
        "chaincheck_subject": "CN=alice",
        "chaincheck_sha256": expired.fingerprint,
        "chaincheck_store": "the given store",
        "chaincheck_fetches": 0,
    }
    json.dumps(fields)


def test_everything_is_told_at_debug(caplog: pytest.LogCaptureFixture, web: WebServer, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG, "chaincheck")
    fetching(web, tmp_path, asynchronous=False)
    assert [record.getMessage().split(": ")[0] for record in records(caplog, "chaincheck.diagnosis")] == ["accepted"]
    told = [(vars(record)["chaincheck_outcome"], vars(record)["chaincheck_status"]) for record in records(caplog, "chaincheck.fetch")]
    assert told == [("http-status", 404), ("ok", 200)]


def test_no_name_forges_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "chaincheck")
    chaincheck.diagnose(CA.issue("a\nERROR forged", not_after=YESTERDAY).der, store=full_store(), at=pki.AT, fetch="never")
    with pytest.raises(chaincheck.InputError):
        chaincheck.diagnose("no\x1b[31mfile", store=full_store(), fetch="never")
    assert all("\n" not in record.getMessage() and "\x1b" not in record.getMessage() for record in caplog.records)
    assert len(caplog.records) == 2


# silence


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)


def test_an_application_that_does_not_listen_imports_nothing_for_it() -> None:
    program = f"""
import sys, chaincheck
chaincheck.diagnose(bytes.fromhex({LEAF.der.hex()!r}), fetch="never")
print([name for name in sys.modules if name.startswith("opentelemetry") or name == "chaincheck.telemetry"])
"""
    assert run(program).stdout.strip() == "[]"


def test_without_any_set_up_of_logging_nothing_is_printed(tmp_path: Path) -> None:
    program = f"""
import logging, chaincheck
from chaincheck.logs import fetching
fetching.warning("not to be seen")
chaincheck.diagnose(bytes.fromhex({LEAF.der.hex()!r}), fetch="never")
"""
    ran = run(program)
    assert (ran.stdout, ran.stderr) == ("", "")


def test_the_api_alone_is_enough() -> None:
    program = f"""
import opentelemetry.trace, sys, chaincheck
chaincheck.diagnose(bytes.fromhex({LEAF.der.hex()!r}), fetch="never")
print([name for name in sys.modules if name.startswith("opentelemetry.sdk")])
"""
    assert run(program).stdout.strip() == "[]"


def test_credentials_of_an_address_are_not_told(spans: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "chaincheck")
    root = pki.root("Traced Root", **DATES)
    leaf = root.issue("traced", crl_urls=["http://user:secret@crl.example.com/ca.crl"], **DATES)
    chaincheck.diagnose(leaf.der, store=chaincheck.TrustStore(roots=root.der, disallowed=()), cache=None)
    told = [attributes(span).get("url.full") for span in spans() if span.name == "chaincheck.fetch"]
    assert told == ["http://REDACTED@crl.example.com/ca.crl"]
    assert "secret" not in caplog.text
