"""One request from beginning to end, without the network: redirects, retries, limits, outcomes. The fetchers only move its bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from time import monotonic, time
from typing import TYPE_CHECKING, Final, Protocol

from chaincheck.fetch.body import Body
from chaincheck.fetch.failure import explain, is_lost_connection
from chaincheck.fetch.guard import split_url
from chaincheck.fetch.ocsp_wire import OcspQuestion, is_try_later
from chaincheck.fetch.proxy import refused_by_proxy
from chaincheck.fetch.refresh import Refresh
from chaincheck.fetch.refresh import read as read_refresh
from chaincheck.fetch.request import Outcome, Request, Response
from chaincheck.fetch.retry import Retries

if TYPE_CHECKING:
    from chaincheck.fetch.guard import Guard, Target
    from chaincheck.fetch.ocsp_wire import Again

_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
_CONTENT_TYPES: Final = {"ocsp": "application/ocsp-request"}  # RFC 6960 A.1
_CONDITIONS: Final = frozenset(("if-none-match", "if-modified-since"))
_USED_UP: Final = "the time for all requests together was used up before this one"


class Headers(Protocol):
    """Response headers: names in any case or in lower case, several lines of one name joined by commas."""

    def get(self, key: str, /) -> str | None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Hop:
    """One HTTP request. ``trusted``: it may lead into the intranet if the guard lets anyone there."""

    method: str
    url: str
    target: Target
    body: bytes
    headers: tuple[tuple[str, str], ...]
    trusted: bool


def turn_ends(request: Request, deadline: float) -> float:
    """When this URL has had its time: all of its own, but no more than half of what is left for all URLs together.

    So a URL that hangs leaves something for the next: 10 s of 20, then 5, 2.5 and so on (Windows, CertGetCertificateChain,
    "ChainRevAccumulativeUrlRetrievalTimeoutMilliseconds"). The URLs of one round run at the same time and get the same half.
    """
    now = monotonic()
    return now + min(request.timeout, (deadline - now) / 2)


def timed_out(request: Request, started: float, until: float) -> Response:
    """The answer where none came in time. Both are times of ``time.monotonic()``."""
    detail = _USED_UP if until <= started else f"no answer within {until - started:.2g} s"
    return Response(request=request, outcome=Outcome.TIMEOUT, detail=detail, received_at=int(time()), elapsed=monotonic() - started)


class Exchange:
    """While ``hop`` is not None, wait ``pause`` seconds and send it, then say ``head()``; if that is true, ``take()`` each chunk and
    ``end()``. ``fail()`` for exceptions.

    ``until`` is a time of ``time.monotonic()``; ``nonce``: an OCSP question by POST gets one. ``turn_at`` is to be set while the request
    waits for its turn at a host, to the number of requests that are let through at a time.
    """

    def __init__(self, request: Request, guard: Guard, *, until: float, nonce: bool = True) -> None:
        self.request = request
        self.hop: Hop | None = None
        self.pause = 0.0
        self.turn_at = 0
        self.until = until
        self._guard = guard
        self._started = monotonic()
        self._visited = {request.url}
        self._retries = Retries()
        self._ocsp = OcspQuestion(request, nonce=nonce) if request.kind == "ocsp" else None
        self._because = ""
        self._body: Body | None = None
        self._status: int | None = None
        self._label = self._note = ""
        self._refresh = Refresh()
        self._response: Response | None = None
        reason = guard.check_url(request.url, request.anchored)
        if reason is not None:
            self._finish(Outcome.REFUSED_BY_GUARD, reason)
        elif self.left() <= 0:
            self._finish(Outcome.TIMEOUT, _USED_UP)
        else:
            self._go(request.method, request.url, self._ocsp.body if self._ocsp else request.body, request.anchored)

    def left(self) -> float:
        """Seconds left for this URL."""
        return self.until - monotonic()

    def head(self, status: int, headers: Headers, *, peer: str | None = None, proxied: bool = False, decoded: bool = False) -> bool:
        """The status and headers have come. True: the body is wanted.

        ``peer``: the address that was connected to, if known; ``proxied``: through a proxy; ``decoded``: the content coding of the body
        has been undone.
        """
        self._status, self._note = status, "through a proxy" if proxied else ""
        self._label = _content_label(headers)
        if status in (200, 203):
            coding = "" if decoded else headers.get("content-encoding") or ""
            self._body = Body(self.request.size_limit, declared=_length(headers), coding=coding)
            self._refresh = read_refresh(headers, int(time()))
            return True
        if refusal := refused_by_proxy(status, headers, proxied=proxied):
            self._finish(Outcome.REFUSED_BY_PROXY, refusal)
        elif status in _REDIRECTS:
            self._redirect(status, headers.get("location"), peer)
        elif status == 304 and any(name.lower() in _CONDITIONS for name, _ in self.request.headers):
            self._refresh = read_refresh(headers, int(time()))
            self._finish(Outcome.NOT_MODIFIED, "status 304: not modified")
        elif (pause := self._retries.after_status(status, headers.get("retry-after"), self.left())) is not None:
            self._once_more(pause)
        elif self._ocsp and (again := self._ocsp.after_status(status)):
            self._rephrase(again)
        else:
            self._finish(Outcome.HTTP_STATUS, f"status {status}, {self._label}")
        return False

    def take(self, chunk: bytes) -> None:
        """The next bytes of the body. Raises what ``fail()`` understands."""
        if self._body is not None:
            self._body.take(chunk)
        if self.left() <= 0:
            raise TimeoutError

    def end(self) -> None:
        """The body is complete."""
        if self._body is None:
            return
        content = self._body.finish()
        if self._ocsp and len(content) < 8:  # no more than a status
            if again := self._ocsp.after_body(content):
                self._rephrase(again)
                return
            if is_try_later(content) and (pause := self._retries.after_try_later(self.left())) is not None:
                self._once_more(pause)
                return
        self._finish(Outcome.OK, f"{self._label}, {len(content):,} bytes", content)

    def fail(self, error: Exception) -> None:
        """Sending or reading ended with an exception."""
        if self._response is not None:  # closing a connection whose answer is known
            return
        if self._status is None and is_lost_connection(error):
            pause = self._retries.after_lost_connection(self.left())
            if pause is not None:
                self._once_more(pause)
                return
        host = self.hop.target.host if self.hop else ""
        seconds = self.until - self._started
        outcome, detail = explain(error, host=host, answered=self._status is not None, seconds=seconds)
        if outcome is Outcome.TIMEOUT and self.turn_at:
            detail = f"no turn within {seconds:.2g} s: no more than {self.turn_at} requests go to one host at a time"
        self._finish(outcome, detail)

    def response(self) -> Response:
        """What came of it, once ``hop`` is None."""
        if self._response is None:
            self._finish(Outcome.TIMEOUT, f"no answer within {self.until - self._started:.2g} s")
        assert self._response is not None  # noqa: S101 - _finish() has just set it
        return self._response

    def _go(self, method: str, url: str, body: bytes, trusted: bool) -> None:
        headers = self.request.headers
        content_type = _CONTENT_TYPES.get(self.request.kind)
        if method == "POST" and content_type and not any(name.lower() == "content-type" for name, _ in headers):
            headers = (*headers, ("Content-Type", content_type))
        self._status, self._body, self.pause = None, None, 0.0
        self.hop = Hop(method=method, url=url, target=split_url(url), body=body, headers=headers, trusted=trusted)

    def _once_more(self, pause: float) -> None:
        """The same hop again."""
        self._status, self._body, self.pause = None, None, pause

    def _rephrase(self, again: Again) -> None:
        self._because = again.because
        self._visited = {again.url}
        self._go(again.method, again.url, again.body, self.request.anchored)

    def _redirect(self, status: int, location: str | None, peer: str | None) -> None:
        from urllib.parse import urldefrag, urljoin

        hop = self.hop
        try:
            target = urldefrag(urljoin(hop.url, location.strip())).url if hop and location else ""
        except ValueError:
            target = ""
        if hop is None or not target:
            self._finish(Outcome.BAD_REDIRECT, f"status {status} without a usable Location")
        elif target in self._visited:
            self._finish(Outcome.BAD_REDIRECT, "the redirects go round in a circle")
        elif len(self._visited) > self._guard.max_redirects:
            self._finish(Outcome.BAD_REDIRECT, f"more than {self._guard.max_redirects} redirects")
        elif reason := self._guard.check_redirect(hop.url, target, hop.trusted, peer=peer):
            self._finish(Outcome.REFUSED_BY_GUARD, f"redirected: {reason}")
        else:
            self._visited.add(target)
            # RFC 9110 15.4.4: only 303 turns a POST into a GET; after 301 and 302 an OCSP question without its body would be none.
            method, body = ("GET", b"") if status == 303 else (hop.method, hop.body)
            if self._ocsp and hop.body and not body:
                self._ocsp.drop_nonce()
            self._go(method, target, body, self._guard.trusted_after(hop.url, target, hop.trusted, peer=peer))

    def _finish(self, outcome: Outcome, detail: str, body: bytes = b"") -> None:
        self.hop = None
        said = [f"{self._because}{detail}", self._note, f"asked {self._retries.made + 1} times" if self._retries.made else ""]
        self._response = Response(
            request=self.request,
            outcome=outcome,
            status=self._status,
            body=body,
            detail=", ".join(filter(None, said)),
            received_at=int(time()),
            elapsed=monotonic() - self._started,
            nonce=self._ocsp.nonce if self._ocsp and outcome is not Outcome.REFUSED_BY_GUARD else b"",
            refresh_at=self._refresh.at,
            etag=self._refresh.etag,
            last_modified=self._refresh.last_modified,
        )


def _length(headers: Headers) -> int | None:
    text = headers.get("content-length") or ""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _content_label(headers: Headers) -> str:
    """The media type, which is all that is ever said of a body: "text/html" tells of a login page without repeating it."""
    text = (headers.get("content-type") or "").partition(";")[0].strip().lower()
    return text if re.fullmatch(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,60}", text) else "no content type"
