"""A real HTTP server on the loopback address that misbehaves on demand, and the two ways to ask it."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from chaincheck.fetch.guard import Guard
from chaincheck.fetch.http import AsyncHttpFetcher, HttpFetcher
from chaincheck.fetch.request import Request, Response

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping, Sequence

BODY = b"evidence" * 100
NONCE_OID = bytes.fromhex("06092b0601050507300102")
GUARD = Guard(intranet=True, allow=("127.0.0.1",))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.answer()

    def do_CONNECT(self) -> None:
        with self.server.lock:
            self.server.requests.append((self.command, self.path, dict(self.headers.items())))
        self.wfile.write(f"HTTP/1.1 {self.server.connect_status}\r\nContent-Length: 0\r\n\r\n".encode())

    def answer(self) -> None:
        with self.server.lock:
            self.server.requests.append((self.command, self.path, dict(self.headers.items())))
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
        name, _, argument = self.path.strip("/").partition("/")
        try:
            with suppress(OSError):
                getattr(self, f"serve_{name}")(argument)
        finally:
            with self.server.lock:
                self.server.at_once -= 1

    def send(
        self, body: bytes, status: int = 200, *, length: int | None = None, more: Mapping[str, str] | None = None, **headers: str
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for header, value in {"Content_Type": "application/pkix-crl", **headers, **(more or {})}.items():
            self.send_header(header.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def serve_ok(self, _: str) -> None:
        self.send(BODY)

    def serve_cookie(self, _: str) -> None:
        self.send(BODY, Set_Cookie="tracker=1; Path=/")

    def serve_login(self, _: str) -> None:
        self.send(b"<html>secret intranet page</html>", Content_Type="text/html; charset=utf-8")

    def serve_status(self, code: str) -> None:
        self.send(b"<html>secret intranet page</html>", int(code.partition("/")[0]), Content_Type="text/html")

    def serve_zeros(self, size: str) -> None:
        self.send(bytes(int(size)))

    def serve_chunked(self, size: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(int(size) // 1000):
            self.wfile.write(b"3e8\r\n" + bytes(1000) + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def serve_flood(self, mebibytes: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(int(mebibytes)):
            self.wfile.write(b"100000\r\n" + bytes(1 << 20) + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def serve_gzip(self, size: str) -> None:
        self.send(gzip.compress(bytes(int(size))), Content_Encoding="gzip")

    def serve_coding(self, name: str) -> None:
        self.send(BODY, Content_Encoding=name)

    def serve_truncated(self, _: str) -> None:
        self.send(BODY[:10], length=len(BODY))
        self.close_connection = True

    def serve_silence(self, _: str) -> None:
        self.server.stop.wait(5)

    def serve_drip(self, _: str) -> None:
        self.send(b"", length=1000)
        self.drip(b"x")

    def serve_driphead(self, _: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        self.drip(b"x")

    def drip(self, byte: bytes) -> None:
        while not self.server.stop.wait(0.05):
            self.wfile.write(byte)
            self.wfile.flush()

    def serve_hangup(self, _: str) -> None:
        self.close_connection = True

    def serve_hangup_once(self, _: str) -> None:
        self.server.hangups += 1
        if self.server.hangups == 1:
            self.close_connection = True
        else:
            self.send(BODY)

    def serve_noise(self, _: str) -> None:
        self.wfile.write(b"220 mail.example ESMTP secret\r\n\r\n")
        self.close_connection = True

    def serve_to(self, location: str) -> None:
        self.send(b"", 302, Location=location.replace("|", "/"))

    def serve_seeother(self, location: str) -> None:
        self.send(b"", 303, Location=location.replace("|", "/"))

    def serve_nowhere(self, _: str) -> None:
        self.send(b"", 302)

    def serve_further(self, count: str) -> None:
        self.send(b"", 302, Location=f"/further/{int(count) + 1}")

    def serve_busy(self, argument: str) -> None:
        """``status/times/Retry-After``: that often the status, then the body."""
        status, times, retry_after = (*argument.split("/"), "")[:3]
        if self.server.count(self.path) > int(times):
            self.send(BODY)
        else:
            self.send(b"", int(status), more={"Retry-After": retry_after.replace("|", " ")} if retry_after else None)

    def serve_nopost(self, argument: str) -> None:
        """``status``: to POST; a body to GET, with whatever stands behind it."""
        if self.command == "POST":
            self.send(b"<html>no</html>", int(argument.partition("/")[0]), Content_Type="text/html")
        else:
            self.send(BODY, Content_Type="application/ocsp-response")

    def serve_nononce(self, argument: str) -> None:
        """``status``: of OCSP, to a question with a nonce; a body to any other."""
        if NONCE_OID in self.server.bodies[-1]:
            self.send(bytes((0x30, 3, 0x0A, 1, int(argument))), Content_Type="application/ocsp-response")
        else:
            self.send(BODY, Content_Type="application/ocsp-response")

    def serve_ocsp(self, number: str) -> None:
        """A status of OCSP and nothing else."""
        self.send(bytes((0x30, 3, 0x0A, 1, int(number))), Content_Type="application/ocsp-response")

    def serve_later(self, times: str) -> None:
        """tryLater that often, then a body."""
        late = self.server.count(self.path) <= int(times)
        self.send(bytes((0x30, 3, 0x0A, 1, 3)) if late else BODY, Content_Type="application/ocsp-response")

    def serve_fresh(self, headers: str) -> None:
        """With these headers; 304 where the entity tag is the one asked for."""
        named = dict(line.split("=", 1) for line in unquote(headers).split("&"))
        same = "ETag" in named and self.headers.get("If-None-Match") == named["ETag"]
        self.send(b"" if same else BODY, 304 if same else 200, more=named)

    def serve_empty(self, _: str) -> None:
        self.send(b"")

    def serve_longer(self, _: str) -> None:
        self.send(BODY, length=10)
        self.close_connection = True

    def serve_twolengths(self, _: str) -> None:
        self.send(BODY, Content_Length="7")

    def serve_ownpage(self, header: str) -> None:
        """A page that some proxy made itself: ``status/header/value``."""
        status, name, value = header.split("/", 2)
        self.send(b"<html>denied</html>", int(status), more={name: value})

    def serve_slow(self, seconds: str) -> None:
        time.sleep(float(seconds))
        self.send(BODY)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.connections = self.hangups = self.at_once = self.most_at_once = 0
        self.asked: Counter[str] = Counter()
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.bodies: list[bytes] = []
        self.connect_status = "200 OK"

    def speak_tls(self, context: ssl.SSLContext) -> None:
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def count(self, path: str) -> int:
        """How often it has been asked, this time included."""
        with self.lock:
            self.asked[path] += 1
            return self.asked[path]

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server_port}/{path}"

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is what half of the tests do."""


@contextmanager
def running() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop.set()
        server.shutdown()
        server.server_close()
        thread.join()


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def request(url: str, **fields: Any) -> Request:
    return Request(**{"kind": "crl", "url": url, "anchored": True, "timeout": 2.0, **fields})


def fetch_sync(requests: Sequence[Request], guard: Guard = GUARD, *, total: float = 10.0, **settings: Any) -> list[Response]:
    with HttpFetcher(guard, **settings) as fetcher:
        return fetcher.fetch_round(requests, time.monotonic() + total)


def fetch_async(requests: Sequence[Request], guard: Guard = GUARD, *, total: float = 10.0, **settings: Any) -> list[Response]:
    async def run() -> list[Response]:
        async with AsyncHttpFetcher(guard, **settings) as fetcher:
            return await fetcher.fetch_round(requests, time.monotonic() + total)

    return asyncio.run(run())


if TYPE_CHECKING:
    Fetch = Callable[..., list[Response]]
