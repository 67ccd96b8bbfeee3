"""An OCSP responder as a process of its own: answers each request after a pause with what was made for it beforehand.

    python -m benchmarks.responder FILE SECONDS

FILE (pickle) holds the answers by serial number (the last 20 octets of a request that ends with it). Prints its port.
"""

from __future__ import annotations

import asyncio
import pickle
import sys
from pathlib import Path
from typing import cast


class Responder(asyncio.Protocol):
    """One connection, kept open."""

    answers: dict[bytes, bytes]
    pause: float

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._waiting = b""

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            head = self._waiting[:end].lower()
            size = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            if len(self._waiting) < end + 4 + size:
                return
            body, self._waiting = self._waiting[end + 4 : end + 4 + size], self._waiting[end + 4 + size :]
            asyncio.get_running_loop().call_later(self.pause, self._transport.write, self._answer(body))

    def _answer(self, body: bytes) -> bytes:
        # the CertID of RFC 6960 4.1.1 with SHA-1 ends in issuerKeyHash and the serial number: 20 octets behind the second 04 14
        start = body.index(b"\x04\x14", body.index(b"\x04\x14") + 22) + 22
        answer = self.answers[body[start + 2 : start + 2 + body[start + 1]]]
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\nContent-Length: {len(answer)}\r\n\r\n"
        return head.encode("ascii") + answer


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Responder, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    Responder.answers = pickle.loads(Path(sys.argv[1]).read_bytes())  # noqa: S301 - a file that the benchmark wrote itself
    Responder.pause = float(sys.argv[2])
    asyncio.run(serve())
