"""A real HTTP server on the loopback interface, for tests that fetch.

web.serve("/ca.crl", crl)                                       # 200 with these bytes
web.serve("/ocsp", authority.ocsp_handler({serial: "revoked"})) # a function of the request's body
web.serve("/slow.crl", Reply(crl, delay=2.0))
web.serve("/moved", Reply(status=302, headers={"Location": web.url("/ca.crl")}))
web.url("/ca.crl"); web.count("/ca.crl"); web.requests
"""

from __future__ import annotations

import threading
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from urllib.parse import unquote


@dataclass(frozen=True)
class Reply:
    """What is sent back. ``delay`` is in seconds, before the first byte; ``drop`` closes the connection without a word."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: bool = False


@dataclass(frozen=True)
class Received:
    """One request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


CONTENT_TYPES = {  # RFC 5280 4.2.1.13 and 4.2.2.1
    ".crl": "application/pkix-crl",
    ".cer": "application/pkix-cert",
    ".p7c": "application/pkcs7-mime",
}
Answer = bytes | Reply | Callable[[bytes], bytes | Reply]


class WebServer:
    """Serves a dict from path to answer; anything else is 404. Every request is kept in ``requests``."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self._answers: dict[str, Answer] = {}
        self._stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        return "127.0.0.1"

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def address(self) -> str:
        """``127.0.0.1:port``, as a guard's list of allowed hosts names it."""
        return f"{self.host}:{self.port}"

    def url(self, path: str = "/") -> str:
        return f"http://{self.address}{path}"

    def serve(self, path: str, answer: Answer) -> str:
        """Answers ``path`` from now on; returns its URL. OCSP by GET (RFC 6960 A.1) goes to the handler of the path it starts with."""
        self._answers[path] = answer
        return self.url(path)

    def remove(self, path: str) -> None:
        del self._answers[path]

    def count(self, path: str | None = None) -> int:
        """How many requests came in, for one path or all."""
        return len([one for one in self.requests if path is None or one.path == path])

    def stop(self) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, received: Received) -> Reply:
        answer, body = self._answers.get(received.path), received.body
        headers = {"Content-Type": CONTENT_TYPES.get(PurePosixPath(received.path).suffix, "application/octet-stream")}
        if answer is None and received.method == "GET":
            base, _, encoded = received.path.rpartition("/")
            if callable(candidate := self._answers.get(base)):
                answer, body = candidate, b64decode(unquote(encoded))
        if answer is None:
            return Reply(b"not found", status=404)
        if callable(answer):
            try:
                answer, headers = answer(body), {"Content-Type": "application/ocsp-response"}
            except ValueError as error:  # what cannot be read as a question
                return Reply(str(error).encode(), status=400)
        return answer if isinstance(answer, Reply) else Reply(answer, headers=headers)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                received = Received(self.command, self.path, dict(self.headers), body)
                web.requests.append(received)
                reply = web._answer(received)
                web._stopping.wait(reply.delay)  # ends early when the server stops
                if reply.drop:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(reply.body)
                except ConnectionError:  # the client had enough: what size limits and time-outs are about
                    self.close_connection = True

            do_POST = do_GET  # noqa: N815 -- the name http.server calls

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name of the method overridden
                """Says nothing: `requests` is the log."""

        return Handler


@contextmanager
def running() -> Iterator[WebServer]:
    web = WebServer()
    try:
        yield web
    finally:
        web.stop()
