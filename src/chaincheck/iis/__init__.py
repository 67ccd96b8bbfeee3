"""The server's side: what IIS, http.sys and Schannel show, and what it means."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from chaincheck.iis.logs import LogSummary as LogSummary
    from chaincheck.iis.logs import Refusal as Refusal
    from chaincheck.iis.logs import read_log as read_log

__all__ = ["LogSummary", "Refusal", "read_log"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from chaincheck.iis import logs

    return getattr(logs, name)
