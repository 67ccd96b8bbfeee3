"""The refusals of a log, as a person reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaincheck.causes.words import words
from chaincheck.report.layout import wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.causes.words import Words
    from chaincheck.iis.logs import LogSummary, Refusal

WIDTH = 100


def written(summary: LogSummary, lang: str, *, most: int = 20) -> str:
    """First by code with what may be behind it, then who was refused where; at most ``most`` of these."""
    said = words(lang)
    if not summary.refusals:
        return "\n".join([said.render("log.none"), *_notes(summary, said)])
    lines = [line for refusal in summary.by_code() for line in _code(refusal, said)]
    shown = summary.refusals[:most]
    lines += [said.render("log.groups"), ""]
    lines += [line for refusal in shown for line in _group(refusal, said)]
    if len(shown) < len(summary.refusals):
        lines.append(said.render("log.more", count=len(summary.refusals) - len(shown)))
    if summary.collapsed:
        lines.append(said.render("log.collapsed"))
    return "\n".join([*lines, *_notes(summary, said)])


def _code(refusal: Refusal, said: Words) -> Iterator[str]:
    explanation = refusal.explanation
    meaning = " / ".join(named.code.meaning(said.lang) for named in explanation.named)
    yield from wrap(f"{refusal.seen}: {said.render('log.times', count=refusal.count)}, {_when(refusal, said)}", WIDTH)
    yield from wrap(meaning, WIDTH, first="  ")
    for cause in explanation.candidates[:6]:
        yield from wrap(cause.text("title", said.lang), WIDTH, first="  - ")
    yield ""


def _group(refusal: Refusal, said: Words) -> Iterator[str]:
    client, path = (said.value("log", value) for value in (refusal.client, refusal.path))
    yield from wrap(f"{refusal.count:>8}  {refusal.seen}  {client}  {path}", WIDTH, rest=" " * 10)


def _when(refusal: Refusal, said: Words) -> str:
    if refusal.first is None or refusal.last is None:
        return str(said.render("log.without-times"))
    return str(said.render("log.when", first=refusal.first, last=refusal.last))


def _notes(summary: LogSummary, said: Words) -> Iterator[str]:
    for note in summary.notes:
        yield str(said.render("log.note", note=note))
