"""One request from beginning to end, without the network: redirects, limits, outcomes. The two fetchers only move its bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from time import monotonic, time
from typing import TYPE_CHECKING, Final, Protocol

from chaincheck.fetch.body import Body
from chaincheck.fetch.failure import explain, is_lost_connection
from chaincheck.fetch.guard import split_url
from chaincheck.fetch.request import Outcome, Request, Response

if TYPE_CHECKING:
    from chaincheck.fetch.guard import Guard

_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
_CONTENT_TYPES: Final = {"ocsp": "application/ocsp-request"}  # RFC 6960 A.1


class Headers(Protocol):
    """Response headers: names in any case."""

    def get(self, key: str, /) -> str | None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Hop:
    """One HTTP request. ``trusted``: it may lead into the intranet if the guard lets anyone there."""

    method: str
    url: str
    host: str
    body: bytes
    headers: tuple[tuple[str, str], ...]
    trusted: bool


class Exchange:
    """While ``hop`` is not None, send it, then say ``head()``; if that is true, ``take()`` each chunk and ``end()``. ``fail()`` for
    exceptions.
    """

    def __init__(self, request: Request, guard: Guard, *, deadline: float) -> None:
        self.request = request
        self.hop: Hop | None = None
        self._guard = guard
        self._started = monotonic()
        self.until = min(deadline, self._started + request.timeout)
        self._visited = {request.url}
        self._may_retry = True
        self._body: Body | None = None
        self._status: int | None = None
        self._label = self._note = ""
        self._response: Response | None = None
        reason = guard.check_url(request.url, request.anchored)
        if reason is not None:
            self._finish(Outcome.REFUSED_BY_GUARD, reason)
        elif self.left() <= 0:
            self._finish(Outcome.TIMEOUT, "the time for all requests together was used up before this one")
        else:
            self._go(request.method, request.url, request.body, request.anchored)

    def left(self) -> float:
        """Seconds left for this URL."""
        return self.until - monotonic()

    def head(self, status: int, headers: Headers, *, peer: str | None = None, note: str = "", decoded: bool = False) -> bool:
        """The status and headers have come. True: the body is wanted.

        ``peer``: the address that was connected to, if known; ``note``: how ("through a proxy"); ``decoded``: the content coding of the
        body has been undone.
        """
        self._status, self._note = status, note
        self._label = _content_label(headers)
        if status in (200, 203):
            coding = "" if decoded else headers.get("content-encoding") or ""
            self._body = Body(self.request.size_limit, declared=_length(headers), coding=coding)
            return True
        if status == 407:
            self._finish(Outcome.REFUSED_BY_PROXY, "the proxy wants a user name and password (status 407)")
        elif status in _REDIRECTS:
            self._redirect(status, headers.get("location"), peer)
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
        if self._body is not None:
            content = self._body.finish()
            self._finish(Outcome.OK, f"{self._label}, {len(content):,} bytes", content)

    def fail(self, error: Exception) -> None:
        """Sending or reading ended with an exception."""
        if self._response is not None:  # closing a connection whose answer is known
            return
        if self._status is None and self._may_retry and self.left() > 0 and is_lost_connection(error):
            self._may_retry = False
            return
        host = self.hop.host if self.hop else ""
        outcome, detail = explain(error, host=host, answered=self._status is not None, seconds=self.until - self._started)
        self._finish(outcome, detail)

    def response(self) -> Response:
        """What came of it, once ``hop`` is None."""
        if self._response is None:
            self._finish(Outcome.TIMEOUT, f"no answer within {self.until - self._started:.3g} s")
        assert self._response is not None  # noqa: S101 - _finish() has just set it
        return self._response

    def _go(self, method: str, url: str, body: bytes, trusted: bool) -> None:
        headers = self.request.headers
        content_type = _CONTENT_TYPES.get(self.request.kind)
        if method == "POST" and content_type and not any(name.lower() == "content-type" for name, _ in headers):
            headers = (*headers, ("Content-Type", content_type))
        self._status, self._body = None, None
        self.hop = Hop(method=method, url=url, host=split_url(url).host, body=body, headers=headers, trusted=trusted)

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
            self._go(method, target, body, self._guard.trusted_after(hop.url, target, hop.trusted, peer=peer))

    def _finish(self, outcome: Outcome, detail: str, body: bytes = b"") -> None:
        self.hop = None
        self._response = Response(
            request=self.request,
            outcome=outcome,
            status=self._status,
            body=body,
            detail=f"{detail}, {self._note}" if self._note else detail,
            received_at=int(time()),
            elapsed=monotonic() - self._started,
        )


def _length(headers: Headers) -> int | None:
    text = headers.get("content-length") or ""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _content_label(headers: Headers) -> str:
    """The media type, which is all that is ever said of a body: "text/html" tells of a login page without repeating it."""
    text = (headers.get("content-type") or "").partition(";")[0].strip().lower()
    return text if re.fullmatch(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,60}", text) else "no content type"
