"""Evidence from a file of this machine: ``file`` URLs (RFC 8089), read only where ``Guard.schemes`` has "file".

A certificate names the file, so it may be any. What is handed on is therefore a CRL or a certificate and nothing else: no diagnosis and no
case ever holds another file's content. Shares of other machines are not opened: that would sign this one in there.
"""

from __future__ import annotations

import os
import re
import stat
from time import monotonic, time
from typing import TYPE_CHECKING, Final

from chaincheck.fetch.request import Outcome, Response
from chaincheck.formats.limits import read_bounded

if TYPE_CHECKING:
    from chaincheck.fetch.guard import Guard
    from chaincheck.fetch.request import Request

_LONGEST: Final = 8192  # characters, as for every URL
_URL: Final = re.compile(r"file:(?://(?P<host>[^/]*))?(?P<path>/.*)", re.IGNORECASE | re.DOTALL)  # RFC 8089 2
_DRIVE: Final = re.compile(r"/(?P<letter>[A-Za-z])[:|](?P<rest>/.*)", re.DOTALL)  # RFC 8089 E.2, E.2.2
_DEVICE: Final = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])(?:[. ].*)?", re.IGNORECASE | re.DOTALL
)


class _Ended(Exception):
    """The file is not read, or holds no evidence."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        self.outcome = outcome
        self.detail = detail
        super().__init__(detail)


def read(request: Request, guard: Guard) -> Response:
    """Read the file that the URL names. Raises nothing.

    It is not bounded in time: a regular file on a drive of the network may be slow.
    """
    started = monotonic()
    try:
        path = _permitted(request, guard)
    except _Ended as ended:
        return Response(request=request, outcome=ended.outcome, detail=ended.detail)
    try:
        body = _content(path, request.size_limit)
        _check_kind(request, body)
        outcome, detail = Outcome.OK, f"a file, {len(body):,} bytes"
    except _Ended as ended:
        outcome, detail, body = ended.outcome, ended.detail, b""
    return Response(request=request, outcome=outcome, body=body, detail=detail, received_at=int(time()), elapsed=monotonic() - started)


def path_of(url: str, *, windows: bool = os.name == "nt") -> str:
    """The path that a file URL names. Raises ValueError with the reason as its text."""
    from urllib.parse import unquote_to_bytes

    if len(url) > _LONGEST:
        raise ValueError(f"the URL is longer than {_LONGEST} characters")
    match = _URL.fullmatch(url)
    if match is None or re.search(r"[\x00-\x20\x7f]|%(?![0-9A-Fa-f]{2})", url):
        raise ValueError("the URL names no file")
    if match["host"] and match["host"].lower() != "localhost":
        raise ValueError("the URL names a file of another machine")
    if "?" in url or "#" in url:
        raise ValueError("the URL has a query or fragment, which a file has not")
    decoded = unquote_to_bytes(match["path"])
    if b"\0" in decoded:
        raise ValueError("the URL has a zero byte in it")
    if decoded.startswith(b"//"):  # RFC 8089 E.3.2: a share, written as a path
        raise ValueError("the URL names a file of another machine")
    return _windows_path(decoded) if windows else os.fsdecode(decoded)


def _windows_path(decoded: bytes) -> str:
    try:
        drive = _DRIVE.fullmatch(decoded.decode("utf-8"))
    except UnicodeDecodeError:
        drive = None
    if drive is None:
        raise ValueError("the URL names no drive")
    rest = drive["rest"]
    # A colon leads to an alternate stream, a backslash past every rule of this module, and a device's name to a device in any folder.
    if re.search(r'[\\:*?"<>|]', rest) or any(_DEVICE.fullmatch(part) for part in rest.split("/")):
        raise ValueError("the URL names no file that can exist")
    return f"{drive['letter']}:{rest}"


def _permitted(request: Request, guard: Guard) -> str:
    if "file" not in guard.schemes:
        raise _Ended(Outcome.REFUSED_BY_GUARD, "the scheme file is not allowed")
    if not request.anchored:  # whoever may send a certificate shall not choose what is opened here, fetch_unanchored or not
        raise _Ended(Outcome.REFUSED_BY_GUARD, "only a certificate with a path to a trust anchor may name a file")
    if request.kind == "ocsp":
        raise _Ended(Outcome.NOT_FETCHED, "an OCSP responder is not a file")
    try:
        return path_of(request.url)
    except ValueError as error:
        raise _Ended(Outcome.REFUSED_BY_GUARD, str(error)) from None


def _content(path: str, limit: int) -> bytes:
    """The content of a regular file. Links are followed, because those of this machine are its owner's; what they lead to is judged."""
    try:
        _check_regular(os.stat(path).st_mode)  # noqa: PTH116 - before open(): opening a device may already do something
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            _check_regular(status.st_mode)  # and after it: what was judged is what is read
            content = read_bounded(file, status.st_size, limit)
    except FileNotFoundError:
        raise _Ended(Outcome.UNREACHABLE, "there is no such file") from None
    except PermissionError:
        raise _Ended(Outcome.UNREACHABLE, "the file may not be read by this process") from None
    except (OSError, ValueError):
        raise _Ended(Outcome.UNREACHABLE, "the file cannot be read") from None
    if len(content) > limit:
        raise _Ended(Outcome.TOO_LARGE, f"the file is larger than the limit of {limit:,} bytes")
    return content


def _check_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise _Ended(Outcome.UNREACHABLE, "it is not a regular file")


def _check_kind(request: Request, body: bytes) -> None:
    try:
        if request.kind == "crl":
            from chaincheck.x509.crl import CertificateList

            CertificateList(body)
        else:
            from chaincheck.x509.parts import cut

            cut(body)
    except ValueError:
        wanted = "CRL" if request.kind == "crl" else "certificate"
        raise _Ended(Outcome.UNREACHABLE, f"the file holds no {wanted} in DER") from None
