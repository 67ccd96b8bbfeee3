"""When the same thing is asked again, and after how long. Never after a time-out, a name that does not exist, or a plain refusal."""

from __future__ import annotations

import re
from random import uniform
from time import time
from typing import Final

MOST: Final = 2  # more would only add to the load of a server that is in trouble already
TEMPORARY: Final = frozenset((429, 502, 503, 504))  # RFC 6585 4, RFC 9110 15.6.3 to 15.6.5
_FIRST_PAUSE: Final = 0.2  # seconds; doubled each time
_TRY_LATER_PAUSE: Final = 0.5


class Retries:
    """The retries of one request. ``made``: how many so far."""

    def __init__(self) -> None:
        self.made = 0
        self._may_try_later = True

    def after_lost_connection(self, left: float) -> float | None:
        """Seconds to wait, None for no retry. At once for the first time: a kept connection may have ended just as it was used again
        (RFC 9112 9.3.1).
        """
        return self._pause(0.0 if self.made == 0 else self._backoff(), left)

    def after_status(self, status: int, retry_after: str | None, left: float) -> float | None:
        """The same for a status that says "not now"; ``retry_after`` is the header of RFC 9110 10.2.3."""
        if status not in TEMPORARY:
            return None
        return self._pause(max(self._backoff(), _seconds(retry_after)), left)

    def after_try_later(self, left: float) -> float | None:
        """The same for tryLater of OCSP (RFC 6960 2.3): once."""
        if not self._may_try_later:
            return None
        self._may_try_later = False
        return self._pause(_jittered(_TRY_LATER_PAUSE), left)

    def _backoff(self) -> float:
        return _jittered(_FIRST_PAUSE * 2**self.made)

    def _pause(self, seconds: float, left: float) -> float | None:
        """A pause that would use up more than half of what is left is not worth it."""
        if self.made >= MOST or left <= 0 or seconds > left / 2:
            return None
        self.made += 1
        return seconds


def _jittered(seconds: float) -> float:
    """Between half and all of it, so that clients that failed together do not come back together."""
    return uniform(seconds / 2, seconds)  # noqa: S311 - no secret


def _seconds(retry_after: str | None) -> float:
    """RFC 9110 10.2.3: seconds or a date; 0 for what is neither."""
    text = (retry_after or "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    from chaincheck.fetch.refresh import http_date

    date = http_date(text)
    return 0.0 if date is None else max(date - time(), 0.0)
