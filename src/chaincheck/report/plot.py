"""``Diagnosis.plot``: what each element of the path, and the evidence, covers in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chaincheck.report.arguments import language
from chaincheck.report.headline import headline
from chaincheck.report.layout import wrap
from chaincheck.report.plotting import COLOURS, axes, dated, plain, rows, titled
from chaincheck.report.timeline import spans, window

if TYPE_CHECKING:
    from chaincheck.diagnosis import Diagnosis

_COLUMNS = 90  # of a title
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def plot(diagnosis: Diagnosis, ax: Any = None, *, lang: str = "en") -> Any:
    """The timeline on ``ax``, or on new axes; returns the axes."""
    said = language(lang)
    told = spans(diagnosis, said)
    ax = axes(ax, height=1.2 + 0.45 * max(len(told), 1))
    first, last = window(told, diagnosis.at_s)
    for index, span in enumerate(told):
        left, right = min(max(span.first, first), last), min(max(span.last, first), last)
        width = max(right - left, (last - first) // 200)  # what lies outside of the picture is a mark at its edge
        colour = COLOURS["good" if span.good_at(diagnosis.at_s) else "bad"]
        ax.barh(index, timedelta(seconds=width), left=_moment(min(left, last - width)), height=0.6, color=colour, alpha=0.7)
    rows(ax, [span.name for span in told])
    ax.axvline(_moment(diagnosis.at_s), color="black", linewidth=1)
    ax.set_xlim(_moment(first), max(_moment(last), _moment(first) + timedelta(days=1)))
    dated(ax)
    titled(ax, "\n".join(wrap(headline(diagnosis, said.lang), _COLUMNS)))
    plain([ax.text(_moment(diagnosis.at_s), -0.55, f" {said.moment(diagnosis.at)}", va="top", fontsize="small")])
    return ax


def _moment(seconds: int) -> datetime:
    """A moment that matplotlib can place: of the years 2 to 9999."""
    return _EPOCH + timedelta(seconds=min(max(seconds, -62_100_000_000), 253_400_000_000))
