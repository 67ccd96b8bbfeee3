"""One page about many certificates: by verdict, cause and CA, when they end, and a table that sorts without a server."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from chaincheck.causes.codes import Verdict
from chaincheck.causes.words import visible
from chaincheck.fleet.incidents import incidents
from chaincheck.fleet.many import as_results
from chaincheck.report.arguments import language, zone
from chaincheck.report.headline import headline
from chaincheck.report.html import page, render
from chaincheck.report.tree import GOOD, OPEN, REFUSES, short_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import tzinfo

    from chaincheck.causes.words import Words
    from chaincheck.fleet.many import Result

_MOST_BARS: Final = 20
_VERDICTS: Final = {
    Verdict.REFUSED: (REFUSES, "bad"),
    Verdict.UNDETERMINED: (OPEN, "open"),
    Verdict.ACCEPTED: (GOOD, "good"),
}
_DAYS: Final = ((0, "expired"), (7, "week"), (30, "month"), (90, "quarter"), (365, "year"))


def summary_page(results: Iterable[Result], *, lang: str = "en", timezone: tzinfo | None = None, title: str | None = None) -> str:
    """One self-contained page about many certificates: what ``chaincheck report`` writes.

    ``results``: of :func:`chaincheck.diagnose_many`; all are held, since the page is about all of them. ``lang``: "en" or "ja".
    ``title``: else how many certificates there are. The page loads nothing from outside; its one script sorts the table.
    Raises ``MissingExtraError`` without the extra ``report``, ``InputError`` for an unknown language or what is no time zone.
    """
    from importlib.resources import files

    said, at = language(lang), zone(timezone)
    kept = list(as_results(results))
    name = title or str(said.render("summary.title", count=len(kept)))
    body = render("summary.html.j2", **_told(kept, said, at, name))
    script = files("chaincheck.report").joinpath("templates/sort.js").read_text(encoding="utf-8")
    return page(body, title=name, lang=said.lang, script=script)


def _told(results: list[Result], said: Words, timezone: tzinfo | None, title: str) -> dict[str, Any]:
    diagnoses = [each.diagnosis for each in results if each.diagnosis is not None]
    counted = Counter(each.verdict for each in diagnoses)
    errors = sum(each.error is not None for each in results)
    moments = sorted(each.at for each in diagnoses)
    shared = incidents(results)[:_MOST_BARS]
    return {
        "lang": said.lang,
        "title": title,
        "verdicts": [(*_VERDICTS[verdict], counted[verdict], said.render(f"verdict.{verdict.value}")) for verdict in _VERDICTS],
        "errors": errors,
        "errors_text": said.render("summary.errors", count=errors),
        "asked": said.moment(moments[-1], timezone) if moments else "",
        "charts": [
            (said.render("summary.by-cause"), _bars([(each.cause.text(said.lang, timezone), each.count, "") for each in shared])),
            (said.render("summary.by-issuer"), _bars(_by_issuer(results))),
            (said.render("summary.by-expiry"), _bars(list(_by_expiry(results, said)))),
        ],
        "all": said.render("summary.all"),
        "headings": [said.render(f"summary.{key}") for key in ("label", "verdict", "subject", "issuer", "ends", "headline")],
        "rows": [_row(each, said, timezone) for each in results],
    }


def _bars(counted: list[tuple[str, int, str]]) -> list[dict[str, Any]]:
    most = max((count for _, count, _ in counted), default=1) or 1
    return [{"text": text, "count": count, "tone": tone, "width": round(100 * count / most, 1)} for text, count, tone in counted]


def _by_issuer(results: list[Result]) -> list[tuple[str, int, str]]:
    """The CAs whose certificates are refused the most, with how many."""
    refused = Counter(
        visible(str(each.diagnosis.subject.issuer))
        for each in results
        if each.diagnosis is not None and each.diagnosis.subject is not None and each.diagnosis.verdict is Verdict.REFUSED
    )
    return [(name, count, "") for name, count in sorted(refused.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_BARS]]


def _by_expiry(results: list[Result], said: Words) -> Iterator[tuple[str, int, str]]:
    left = [
        (each.diagnosis.subject.not_after_s - each.diagnosis.at_s) / 86_400
        for each in results
        if each.diagnosis is not None and each.diagnosis.subject is not None and each.diagnosis.subject.not_after_s is not None
    ]
    before = float("-inf")
    for days, word in _DAYS:
        yield str(said.render(f"summary.{word}")), sum(before <= each < days for each in left), "" if days == 0 else "good"
        before = days
    yield str(said.render("summary.later")), sum(each >= before for each in left), "good"


def _row(result: Result, said: Words, timezone: tzinfo | None) -> dict[str, Any]:
    diagnosis = result.diagnosis
    if diagnosis is None:
        empty = {"subject": "", "issuer": "", "ends": "", "ends_s": ""}
        told = visible(str(result.error))
        return {"label": visible(result.label), "sign": OPEN, "tone": "open", "order": 3, "verdict": "-", "headline": told, **empty}
    sign, tone = _VERDICTS[diagnosis.verdict]
    subject = diagnosis.subject
    return {
        "label": visible(result.label),
        "sign": sign,
        "tone": tone,
        "order": list(_VERDICTS).index(diagnosis.verdict),
        "verdict": said.render(f"verdict.{diagnosis.verdict.value}"),
        "subject": "" if subject is None else short_name(subject.subject),
        "issuer": "" if subject is None else short_name(subject.issuer),
        "ends": "" if subject is None or subject.not_after is None else said.moment(subject.not_after, timezone),
        "ends_s": "" if subject is None or subject.not_after_s is None else subject.not_after_s,
        "headline": headline(diagnosis, said.lang, timezone),
    }
