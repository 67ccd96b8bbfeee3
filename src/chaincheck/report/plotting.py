"""What every picture of matplotlib needs here: axes, fonts that have the letters of names, and text that is text.

Nothing global is changed: no style, no backend, no font of the application's own figures.
"""

from __future__ import annotations

from datetime import UTC
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from chaincheck.causes.words import visible
from chaincheck.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterable

COLOURS: Final = {"good": "#1a7f37", "bad": "#b3261e", "open": "#8a6100"}  # those of the pages; told apart also by their lightness
LONGEST: Final = 40  # characters of a name beside a bar
# matplotlib's own font lacks Japanese; whichever of these is installed helps out.
_JAPANESE: Final = ("Noto Sans CJK JP", "Noto Sans JP", "Yu Gothic", "Hiragino Sans", "Meiryo", "MS Gothic", "IPAGothic", "IPAexGothic")


def axes(ax: Any, *, height: float = 3.0) -> Any:
    """The caller's axes, or new ones of a figure of their own. Raises ``MissingExtraError`` without matplotlib."""
    try:
        import matplotlib.axes as known
    except ImportError:
        raise MissingExtraError("plot", "a plot") from None
    if ax is None:
        import matplotlib.pyplot as plt

        return plt.subplots(figsize=(8, height), layout="constrained")[1]
    if not isinstance(ax, known.Axes):
        raise InputError("argument-type", found=type(ax).__name__, expected="axes of matplotlib, or None", where="ax")
    return ax


@cache
def families() -> list[str]:
    """The application's font families, then an installed one with Japanese letters."""
    from matplotlib import font_manager, rcParams

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return [*rcParams["font.family"], *[name for name in _JAPANESE if name in installed][:1]]


@cache
def _letters() -> frozenset[int]:
    """The characters that these families can draw."""
    from matplotlib import font_manager

    found: set[int] = set()
    for family in families():
        path = font_manager.findfont(font_manager.FontProperties(family=[family]))
        found |= set(font_manager.get_font(path).get_charmap())
    return frozenset(found)


def _drawable(text: str) -> str:
    """What no font here has is drawn as its number: matplotlib would draw a box, and warn."""
    if text.isascii():
        return text
    return "".join(each if ord(each) in _letters() else f"\\u{ord(each):04x}" for each in text)


def plain(texts: Iterable[Any]) -> None:
    """Draw texts as they are: a name with dollar signs is no formula."""
    for text in texts:
        text.set_text(_drawable(text.get_text()))
        text.set_parse_math(False)
        text.set_fontfamily(families())


def shortened(name: str) -> str:
    """A name of which a bar can bear the length."""
    shown = visible(name)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def rows(ax: Any, names: list[str]) -> None:
    """Names beside horizontal bars, the first on top."""
    ax.set_yticks(range(len(names)), [_drawable(shortened(name)) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    plain(ax.get_yticklabels())


def dated(ax: Any) -> None:
    """Five dates below, the moment judged in the middle."""
    from matplotlib.dates import DateFormatter
    from matplotlib.ticker import LinearLocator

    ax.xaxis.set_major_locator(LinearLocator(5))
    ax.xaxis.set_major_formatter(DateFormatter("%Y-%m-%d", tz=UTC))


def counted(axis: Any) -> None:
    """Whole numbers from 0 on, also where there is nothing to count."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def titled(ax: Any, title: str, label: str = "") -> None:
    """The title, and what the horizontal axis counts."""
    plain([ax.set_title(title, loc="left"), ax.set_xlabel(label)])
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
