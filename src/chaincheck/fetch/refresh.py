"""What the headers of an answer say about asking again: when it is due, and by which validators. Malformed values say nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from chaincheck.fetch.exchange import Headers

_DIRECTIVE: Final = re.compile(r'\s*([A-Za-z][A-Za-z-]*)\s*(?:=\s*(?:"([^"]*)"|([^\s",]*)))?\s*(?:,|\Z)')
_SECONDS: Final = re.compile(r"[0-9]{1,19}")
_MOST_SECONDS: Final = 2**31  # RFC 9111 1.2.2: what larger values count as
_LONGEST: Final = 4096  # characters of one header that are looked at
_ETAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,254}"')  # RFC 9110 8.8.3, without obs-text
_DATE: Final = re.compile(r"[A-Za-z0-9 ,:+-]{8,40}")


class Refresh(NamedTuple):
    """``at``: epoch seconds from which asking again is due, None where the headers do not say."""

    at: int | None = None
    etag: str = ""
    last_modified: str = ""


def read(headers: Headers, received_at: int) -> Refresh:
    """``received_at``: when the answer came, in epoch seconds."""
    etag, modified = (headers.get("etag") or "").strip(), (headers.get("last-modified") or "").strip()
    return Refresh(
        _due(headers, received_at),
        etag if _ETAG.fullmatch(etag) else "",
        modified if http_date(modified) is not None else "",
    )


def http_date(text: str) -> int | None:
    """Epoch seconds of a date in one of the forms of RFC 9110 5.6.7, None for anything else."""
    if not _DATE.fullmatch(text):
        return None
    from datetime import UTC
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
        return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None


def _due(headers: Headers, received_at: int) -> int | None:
    directives = _directives(headers.get("cache-control"))
    # RFC 9111 5.2.2.4 and 5.2.2.5: not to be used without asking again, or not to be kept at all: asking again is due at once
    if "no-cache" in directives or "no-store" in directives:
        return received_at
    lifetime = _lifetime(directives, headers, received_at)
    return None if lifetime is None else received_at + max(lifetime - _age(headers), 0)


def _lifetime(directives: dict[str, str], headers: Headers, received_at: int) -> int | None:
    """Seconds, RFC 9111 4.2.1: of a cache that many users share, s-maxage comes before max-age, and that before Expires."""
    for name in ("s-maxage", "max-age"):
        if _SECONDS.fullmatch(directives.get(name, "")):
            return min(int(directives[name]), _MOST_SECONDS)
    expires = headers.get("expires")
    if expires is None:
        return None
    end = http_date(expires.strip())
    if end is None:  # RFC 9111 5.3: an invalid date, "0" above all, is one in the past
        return 0
    # both of the server's clock, so that ours may be wrong
    date = http_date((headers.get("date") or "").strip())
    return min(max(end - (received_at if date is None else date), 0), _MOST_SECONDS)


def _age(headers: Headers) -> int:
    """Seconds, RFC 9111 5.1. The other measure of 4.2.3, our clock less the server's Date, is left out: it mostly tells which clock is
    wrong.
    """
    text = (headers.get("age") or "").strip()
    return min(int(text), _MOST_SECONDS) if _SECONDS.fullmatch(text) else 0


def _directives(text: str | None) -> dict[str, str]:
    """RFC 9111 5.2: names in any case, values as tokens or quoted; of several the first (4.2.1)."""
    found: dict[str, str] = {}
    for name, quoted, token in _DIRECTIVE.findall(text[:_LONGEST] if text else ""):
        found.setdefault(name.lower(), quoted or token)
    return found
