"""``plot_expiry`` and ``plot_causes``: pictures of many results."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from chaincheck.causes.codes import Severity, Verdict
from chaincheck.fleet.incidents import incidents
from chaincheck.fleet.many import as_results
from chaincheck.report.arguments import language
from chaincheck.report.plotting import COLOURS, axes, counted, plain, rows, titled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chaincheck.fleet.many import Result

_DAY: Final = 86_400
_MOST_BARS: Final = 15
_BINS: Final = 24
_NEAR: Final = 730  # days to both sides; what lies further is counted at the edge
_TONES: Final = {Verdict.ACCEPTED: "good", Verdict.UNDETERMINED: "open", Verdict.REFUSED: "bad"}


def plot_expiry(results: Iterable[Result], ax: Any = None, *, lang: str = "en") -> Any:
    """How many days the certificates have left, by verdict; returns the axes of matplotlib.

    What is further away than two years is counted at the edge. ``ax``: axes to draw on; None: new ones. Raises ``MissingExtraError``
    without the extra ``plot``, ``InputError`` for an unknown language or what are no axes.
    """
    said = language(lang)
    left: dict[Verdict, list[float]] = {verdict: [] for verdict in _TONES}
    for result in as_results(results):
        diagnosis = result.diagnosis
        if diagnosis is not None and diagnosis.subject is not None and diagnosis.subject.not_after_s is not None:
            days = (diagnosis.subject.not_after_s - diagnosis.at_s) / _DAY
            left[diagnosis.verdict].append(min(max(days, -_NEAR), _NEAR))
    ax = axes(ax)
    told = [(verdict, days) for verdict, days in left.items() if days]
    if told:
        every = [day for _, days in told for day in days]
        ax.hist(
            [days for _, days in told],
            bins=_BINS,
            range=(min(0.0, *every), max(30.0, *every)),
            stacked=True,
            color=[COLOURS[_TONES[verdict]] for verdict, _ in told],
            label=[f"{said.render(f'verdict.{verdict.value}')} ({len(days)})" for verdict, days in told],
        )
        plain(ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(told)).get_texts())
        ax.axvline(0, color="black", linewidth=1)
    titled(ax, said.render("plot.expiry"), said.render("plot.days-left"))
    plain([ax.set_ylabel(said.render("plot.certificates"))])
    ax.set_ylim(bottom=0, top=None if told else 1)
    counted(ax.yaxis)
    return ax


def plot_causes(results: Iterable[Result], ax: Any = None, *, lang: str = "en", severity: Severity = Severity.FATAL) -> Any:
    """How many certificates each cause hits, the most frequent on top; returns the axes of matplotlib.

    One bar for each code and element it is about (``expired`` of the certificate itself, of a CA above it), at most 15. ``severity``: the
    least that counts. ``ax`` and what is raised: see :func:`plot_expiry`.
    """
    said = language(lang)
    hit: Counter[tuple[str, str]] = Counter()
    kept = list(as_results(results))
    for incident in incidents(kept, severity=severity):
        hit[incident.cause.code.value, incident.cause.role.value] += incident.count
    told = sorted(hit.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_BARS]
    ax = axes(ax, height=1.2 + 0.35 * max(len(told), 1))
    bars = ax.barh(range(len(told)), [count for _, count in told], height=0.6, color=COLOURS["bad"], alpha=0.8)
    ax.bar_label(bars, padding=3)
    rows(ax, [f"{code} ({role})" for (code, role), _ in told])
    ax.set_xlim(left=0, right=None if told else 1)
    counted(ax.xaxis)
    titled(ax, said.render("plot.causes", count=len(kept)), said.render("plot.certificates"))
    return ax
