"""Evidence that does not come over HTTP: from directories and from files. Both block, so a fetcher asks them aside."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from chaincheck.fetch.exchange import timed_out
from chaincheck.fetch.failure import explain
from chaincheck.fetch.request import Response

if TYPE_CHECKING:
    from chaincheck.fetch.guard import Guard
    from chaincheck.fetch.request import Request

THREAD = "chaincheck-elsewhere"
_SCHEMES = frozenset(("ldap", "ldaps", "file"))


def is_elsewhere(request: Request) -> bool:
    """Whether its scheme is one that HTTP does not answer for."""
    return request.url.partition(":")[0].lower() in _SCHEMES


def look(request: Request, guard: Guard, until: float) -> Response:
    """Ask the directory, or read the file. ``until`` is a time of ``time.monotonic()``."""
    started = monotonic()
    if until <= started:
        return timed_out(request, started, until)
    try:
        if request.url[:5].lower() == "file:":
            from chaincheck.fetch.local_file import read

            return read(request, guard)
        from chaincheck.fetch.ldap import look_up

        return look_up(request, guard, until=until)
    except Exception as error:  # noqa: BLE001 - as for every fetch: an answer; explain() logs what it does not know
        outcome, detail = explain(error, host="", answered=False, seconds=until - started)
        return Response(request=request, outcome=outcome, detail=detail)
