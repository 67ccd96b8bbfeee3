"""Causes: one reason for refusal each, with its code, facts, words, documented cause and resolutions.

Most answers have no cause at all, so what makes one (``facts``, ``make`` and the catalogue behind it) is imported when the first is made:
checks write ``causes.make(code, role, certificate, causes.facts.ExpiredFacts(...))``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from chaincheck.causes import facts as facts
    from chaincheck.causes.cause import make as make


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name == "facts":
        return import_module("chaincheck.causes.facts")
    if name == "make":
        made: object = import_module("chaincheck.causes.cause").make
        globals()["make"] = made
        return made
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
