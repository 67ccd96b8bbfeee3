"""Writing to whatever standard output is: a UTF-8 terminal, a cp932 console, an ASCII pipe, a pipe that was closed."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

# What our own marks and the punctuation of our texts become where they cannot be written.
_PLAIN: Final[Mapping[int, str]] = str.maketrans(
    {"×": "x", "○": "o", "└": "`", "├": "|", "─": "-", "→": "->", "「": '"', "」": '"', "、": ", ", "。": "."}
)


def printable(text: str, encoding: str | None) -> str:
    """The text with everything that the encoding cannot hold replaced: our marks by ASCII ones, the rest by ``\\u`` escapes."""
    encoding = encoding or "ascii"
    if can_write(text, encoding):
        return text
    # All marks or none: a report half in one set of marks and half in the other reads badly.
    text = text if can_write("×○└├─→「」", encoding) else text.translate(_PLAIN)
    try:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:
        return text.encode("ascii", "backslashreplace").decode("ascii")


def can_write(text: str, encoding: str | None) -> bool:
    """Whether the encoding holds every character of the text; a name that is no encoding holds ASCII."""
    try:
        text.encode(encoding or "ascii")
    except UnicodeEncodeError:
        return False
    except LookupError:
        return text.isascii()
    return True


def write(text: str, stream: TextIO | None = None) -> None:
    """Write to a stream (None: standard output). Never raises: what cannot be encoded is replaced, a closed pipe ends the writing."""
    out = sys.stdout if stream is None else stream
    if out is None:  # pythonw.exe has no console
        return
    try:
        out.write(printable(text, out.encoding))
        out.flush()
    except BrokenPipeError:
        _silence(out)
    except (OSError, ValueError):  # no space left, closed stream: there is nobody to tell
        pass


def _silence(out: TextIO) -> None:
    """Let the interpreter's own flush at exit go nowhere, so that it prints no complaint either."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, out.fileno())
        os.close(null)
    except (OSError, ValueError):
        pass
