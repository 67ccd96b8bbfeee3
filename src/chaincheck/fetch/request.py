"""What the engine asks the network for, and what it is told: plain frozen data, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["ocsp", "crl", "aia"]

SIZE_LIMITS: Final[Mapping[Kind, int]] = {
    "ocsp": 64 * 1024,  # a response with a long responder chain stays under 16 KiB; four times that is no answer to one question
    "crl": 100 * 1024 * 1024,  # the largest public CRLs are some tens of MiB
    "aia": 100_000,  # Windows' own limit for a certificate fetched through authority information access
}
"""Bytes of a body that are read at most, by the kind of evidence."""

URL_SECONDS: Final = 15.0
"""Seconds for one URL: the default of Windows' ChainUrlRetrievalTimeoutMilliseconds."""

TOTAL_SECONDS: Final = 20.0
"""Seconds for all URLs of one question: the default of Windows' ChainRevAccumulativeUrlRetrievalTimeoutMilliseconds."""


class Outcome(StrEnum):
    """How asking one URL ended. Only ``OK`` has a body; it says nothing about what the body is worth."""

    OK = "ok"
    HTTP_STATUS = "http-status"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TOO_LARGE = "too-large"
    REFUSED_BY_GUARD = "refused-by-guard"
    REFUSED_BY_PROXY = "refused-by-proxy"
    BAD_REDIRECT = "bad-redirect"
    NOT_FETCHED = "not-fetched"
    NOT_MODIFIED = "not-modified"  # to a conditional request: what the cache holds still stands; the engine never sees it


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One URL to be asked, and on whose word.

    ``certificate`` is the SHA-256 fingerprint (hex) of the certificate that names the URL. ``anchored`` is true only if that certificate
    has a path to a trust anchor on which every issuer is a permitted CA: the guard lets nobody else point into the intranet.
    ``timeout`` is the most seconds for this URL, redirects and body included; ``size_limit`` counts bytes of the body (0: the limit of its
    kind, ``SIZE_LIMITS``). ``cached``: it is put to the cache alone and never leaves the machine. Equal, hashable, and so usable as a key
    itself; ``key`` is what identifies the question, whoever asks it. An OCSP request has no nonce here: the fetcher adds one on the wire.
    """

    kind: Kind
    url: str
    method: str = "GET"
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    timeout: float = URL_SECONDS
    size_limit: int = 0
    certificate: str = ""
    anchored: bool = False
    cached: bool = False

    def __post_init__(self) -> None:
        if not self.size_limit:
            object.__setattr__(self, "size_limit", SIZE_LIMITS[self.kind])

    @property
    def key(self) -> tuple[str, str, str, str]:
        """(kind, method, URL, SHA-256 of the body in hex): the same in every process and on every machine."""
        from hashlib import sha256

        return self.kind, self.method, self.url, sha256(self.body).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """What came back for one request.

    ``status`` is the HTTP status code, None where there was none. ``body`` is empty unless the outcome is ``OK``. ``detail`` is a plain
    English phrase that never repeats what the other side sent. ``received_at`` is epoch seconds (rounded down), 0 where nothing was asked;
    ``elapsed`` is seconds. ``address_checked`` is False where the guard could not see the address connected to: through a proxy or an
    injected client. From the cache, ``received_at`` is when the body came over the network, and nothing else differs.

    ``nonce``: what was sent with an OCSP request, empty for none. ``refresh_at``: epoch seconds from which asking again is due by the
    headers (RFC 9111 4.2, RFC 5019 6.2), None where they say nothing; how long the evidence counts is another question. ``etag`` and
    ``last_modified``: the validators for asking again (RFC 9110 8.8), as they came.
    """

    request: Request
    outcome: Outcome
    status: int | None = None
    body: bytes = b""
    detail: str = ""
    received_at: int = 0
    elapsed: float = 0.0
    address_checked: bool = True
    nonce: bytes = b""
    refresh_at: int | None = None
    etag: str = ""
    last_modified: str = ""

    @property
    def ok(self) -> bool:
        """There is a body to be judged."""
        return self.outcome is Outcome.OK

    def to_record(self) -> dict[str, Any]:
        """The response as a table of strings, numbers and booleans for ``case.toml``; ``body`` is stored apart, as it came."""
        from base64 import b64encode

        request = self.request
        record: dict[str, Any] = {"kind": request.kind, "method": request.method, "url": request.url}
        if request.body:
            record["request_body"] = b64encode(request.body).decode("ascii")
        if request.headers:
            record["headers"] = [f"{name}: {value}" for name, value in request.headers]
        record |= {
            "certificate": request.certificate,
            "anchored": request.anchored,
            "timeout": request.timeout,
            "size_limit": request.size_limit,
            "outcome": str(self.outcome),
        }
        if self.status is not None:
            record["status"] = self.status
        if not self.address_checked:
            record["address_checked"] = False
        if request.cached:
            record["cached"] = True
        if self.nonce:
            record["nonce"] = self.nonce.hex()
        if self.refresh_at is not None:
            record["refresh_at"] = self.refresh_at
        return record | {"detail": self.detail, "received_at": self.received_at, "elapsed": self.elapsed}

    @classmethod
    def from_record(cls, record: Mapping[str, Any], body: bytes = b"") -> Response:
        """The response that ``to_record`` wrote; ``body`` is what was stored apart.

        Raises InputError where the table is not such a record.
        """
        try:
            return _from_record(record, body)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            from chaincheck.errors import InputError

            found = f"the missing key {error}" if isinstance(error, KeyError) else str(error)
            raise InputError(
                "case-response", found=found, expected="a response as to_record() writes it", where="recorded response"
            ) from error


def _from_record(record: Mapping[str, Any], body: bytes) -> Response:
    from base64 import b64decode

    if record["kind"] not in SIZE_LIMITS:
        raise ValueError(f"the kind {record['kind']!r}")
    headers = (line.partition(": ") for line in record.get("headers", ()))
    request = Request(
        kind=cast("Kind", record["kind"]),
        url=str(record["url"]),
        method=str(record["method"]),
        body=b64decode(record.get("request_body", ""), validate=True),
        headers=tuple((name, value) for name, _, value in headers),
        timeout=float(record.get("timeout", URL_SECONDS)),
        size_limit=int(record.get("size_limit", 0)),
        certificate=str(record.get("certificate", "")),
        anchored=bool(record.get("anchored", False)),
        cached=bool(record.get("cached", False)),
    )
    refresh_at = record.get("refresh_at")
    status = record.get("status")
    return Response(
        request=request,
        outcome=Outcome(record["outcome"]),
        status=None if status is None else int(status),
        body=body,
        detail=str(record.get("detail", "")),
        received_at=int(record["received_at"]),
        elapsed=float(record.get("elapsed", 0.0)),
        address_checked=bool(record.get("address_checked", True)),
        nonce=bytes.fromhex(record.get("nonce", "")),
        refresh_at=None if refresh_at is None else int(refresh_at),
    )
