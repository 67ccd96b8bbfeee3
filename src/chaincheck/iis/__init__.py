"""The server's side: what IIS, http.sys and Schannel show, and what it means."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from chaincheck.iis.logs import LogSummary as LogSummary
    from chaincheck.iis.logs import Refusal as Refusal
    from chaincheck.iis.logs import read_log as read_log
    from chaincheck.iis.windows_verdict import UrlOutcome as UrlOutcome
    from chaincheck.iis.windows_verdict import WindowsElement as WindowsElement
    from chaincheck.iis.windows_verdict import WindowsVerdict as WindowsVerdict
    from chaincheck.iis.windows_verdict import read as read_windows_verdict

__all__ = ["LogSummary", "Refusal", "UrlOutcome", "WindowsElement", "WindowsVerdict", "read_log", "read_windows_verdict"]

# Each name by the module it is made in; they are loaded when they are first used (PEP 562).
_HOMES = {
    "LogSummary": ("logs", "LogSummary"),
    "Refusal": ("logs", "Refusal"),
    "UrlOutcome": ("windows_verdict", "UrlOutcome"),
    "WindowsElement": ("windows_verdict", "WindowsElement"),
    "WindowsVerdict": ("windows_verdict", "WindowsVerdict"),
    "read_log": ("logs", "read_log"),
    "read_windows_verdict": ("windows_verdict", "read"),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, there = _HOMES[name]
    found: object = getattr(import_module(f"{__name__}.{module}"), there)
    return found
