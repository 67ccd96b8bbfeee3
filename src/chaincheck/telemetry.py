"""What an application that listens is told of each answer: a span for OpenTelemetry, and structured log records.

Both are for the application to collect: spans need ``opentelemetry-api`` alone, and exist only where the application has set up an SDK.
Names follow the semantic conventions of OpenTelemetry (attribute registry: tls, error, url, http).
"""

from __future__ import annotations

import logging
import re
import sys
from contextlib import contextmanager
from inspect import isawaitable
from time import perf_counter, time_ns
from typing import TYPE_CHECKING, Any, Final

from chaincheck._version import __version__
from chaincheck.causes.codes import Severity, Verdict
from chaincheck.causes.words import visible
from chaincheck.errors import InputError
from chaincheck.fetch.request import Outcome
from chaincheck.logs import answering, fetching
from chaincheck.x509.certificate import moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chaincheck.diagnosis import Diagnosis
    from chaincheck.fetch.drive import AsyncFetcher, Fetcher
    from chaincheck.fetch.request import Request, Response

_LONGEST: Final = 1000  # characters of one value
_MOST: Final = 20  # codes of one answer
_USER: Final = re.compile(r"//[^/?#]*@")  # attribute registry: url.full holds no credentials


class Telling:
    """One question that is being answered: its span, when it began, and how to watch what is fetched for it."""

    def __init__(self) -> None:
        self.began = perf_counter()
        trace = sys.modules.get("opentelemetry.trace")
        self._trace: Any = trace
        self.tracer: Any = trace.get_tracer("chaincheck", __version__) if trace is not None else None
        self.span: Any = None

    def answer(self, diagnosis: Diagnosis) -> None:
        """What came of it."""
        self._log(diagnosis, perf_counter() - self.began)
        if self.span is not None and self.span.is_recording():
            self.span.set_attributes(_attributes(diagnosis))

    def error(self, error: InputError) -> None:
        """That it could not be read."""
        seconds = perf_counter() - self.began
        told = {"chaincheck_error": error.code, "chaincheck_where": visible(error.where), "chaincheck_seconds": seconds}
        answering.info("not read: %s", visible(str(error)), extra=told)
        if self.span is not None and self.span.is_recording():
            self.span.set_attribute("error.type", error.code)
            self.span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, visible(str(error))[:_LONGEST]))

    def watched(self, fetcher: AsyncFetcher | Fetcher) -> Watched:
        """The fetcher, telling what it fetches."""
        return Watched(fetcher, self.tracer, self._trace)

    def _log(self, diagnosis: Diagnosis, seconds: float) -> None:
        level = logging.DEBUG if diagnosis.accepted else logging.INFO
        if not answering.isEnabledFor(level):
            return
        codes = _fatal(diagnosis)
        subject = diagnosis.subject
        told = {
            "chaincheck_verdict": diagnosis.verdict.value,
            "chaincheck_codes": codes,
            "chaincheck_unchecked": [each.code for each in diagnosis.unchecked if each.blocks][:_MOST],
            "chaincheck_subject": visible(str(subject.subject))[:_LONGEST] if subject is not None else None,
            "chaincheck_sha256": subject.fingerprint if subject is not None else None,
            "chaincheck_store": visible(diagnosis.store_name)[:_LONGEST] if diagnosis.store_name is not None else None,
            "chaincheck_fetches": sum(not each.request.cached for each in diagnosis.responses),
            "chaincheck_seconds": seconds,
        }
        name = told["chaincheck_subject"] or "no certificate"
        answering.log(level, "%s: %s%s", diagnosis.verdict.value, name, f" ({', '.join(codes)})" if codes else "", extra=told)


@contextmanager
def telling() -> Iterator[Telling]:
    """Around one question. What is raised goes on."""
    told = Telling()
    if told.tracer is None:
        try:
            yield told
        except InputError as error:
            told.error(error)
            raise
        return
    with told.tracer.start_as_current_span("chaincheck.diagnose", record_exception=False, set_status_on_exception=False) as span:
        told.span = span
        try:
            yield told
        except InputError as error:
            told.error(error)
            raise


class Watched:
    """A fetcher, synchronous or not, that tells each request it carried: a span, and a record at the level DEBUG."""

    def __init__(self, inner: Any, tracer: Any, trace: Any) -> None:
        self._inner = inner
        self._tracer = tracer
        self._trace = trace

    def fetch_round(self, requests: Sequence[Request], deadline: float) -> Any:
        """What the inner fetcher answers; an awaitable where that is asynchronous."""
        began = time_ns()
        answered = self._inner.fetch_round(requests, deadline)
        return self._later(answered, began) if isawaitable(answered) else self._told(answered, began)

    async def _later(self, answered: Any, began: int) -> list[Response]:
        return self._told(await answered, began)

    def _told(self, responses: list[Response], began: int) -> list[Response]:
        for response in responses:
            if not response.request.cached and response.outcome is not Outcome.NOT_FETCHED:
                self._tell(response, began)
        return responses

    def _tell(self, response: Response, began: int) -> None:
        request, outcome = response.request, response.outcome.value
        url = visible(_USER.sub("//REDACTED@", request.url, count=1))[:_LONGEST]
        if fetching.isEnabledFor(logging.DEBUG):
            told = {
                "chaincheck_kind": request.kind,
                "chaincheck_url": url,
                "chaincheck_outcome": outcome,
                "chaincheck_status": response.status,
                "chaincheck_bytes": len(response.body),
                "chaincheck_seconds": response.elapsed,
            }
            fetching.debug("%s %s: %s", request.kind, url, outcome, extra=told)
        if self._tracer is None:
            return
        span = self._tracer.start_span("chaincheck.fetch", kind=self._trace.SpanKind.CLIENT, start_time=began)
        if span.is_recording():
            attributes: dict[str, Any] = {
                "url.full": url,
                "http.request.method": request.method,
                "chaincheck.kind": request.kind,
                "chaincheck.outcome": outcome,
            }
            attributes |= {"http.response.status_code": response.status} if response.status is not None else {}
            attributes |= {"error.type": outcome} if not response.ok else {}
            span.set_attributes(attributes)
        span.end(end_time=began + int(response.elapsed * 1e9))


def _fatal(diagnosis: Diagnosis) -> list[str]:
    return list(dict.fromkeys(cause.code.value for cause in diagnosis.causes if cause.severity is Severity.FATAL))[:_MOST]


def _attributes(diagnosis: Diagnosis) -> dict[str, Any]:
    codes, subject = _fatal(diagnosis), diagnosis.subject
    told: dict[str, Any] = {
        "chaincheck.verdict": diagnosis.verdict.value,
        "chaincheck.causes": codes,
        "chaincheck.rules": diagnosis.rules_name,
    }
    if diagnosis.store_name is not None:
        told["chaincheck.store"] = visible(diagnosis.store_name)[:_LONGEST]
    if diagnosis.verdict is not Verdict.ACCEPTED:
        told["error.type"] = (
            codes[0] if codes else next((each.code for each in diagnosis.unchecked if each.blocks), diagnosis.verdict.value)
        )
    if subject is not None:
        told |= {
            "tls.client.hash.sha256": subject.fingerprint.upper(),
            "tls.client.subject": visible(str(subject.subject))[:_LONGEST],
            "tls.client.issuer": visible(str(subject.issuer))[:_LONGEST],
        }
        for name, seconds in (("not_before", subject.not_before_s), ("not_after", subject.not_after_s)):
            if seconds is not None:
                told[f"tls.client.{name}"] = moment(seconds).isoformat().replace("+00:00", "Z")
    return told
