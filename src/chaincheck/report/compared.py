"""Two answers side by side, as text and as a part of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chaincheck.causes.codes import Severity, Verdict
from chaincheck.causes.words import visible
from chaincheck.report.arguments import columns, language
from chaincheck.report.headline import headline
from chaincheck.report.layout import wrap
from chaincheck.report.tree import GOOD, OPEN, REFUSES, WARNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.causes.cause import Cause
    from chaincheck.causes.words import Words
    from chaincheck.comparison import Comparison
    from chaincheck.diagnosis import Diagnosis

_SIGNS: Final = {Verdict.ACCEPTED: GOOD, Verdict.REFUSED: REFUSES, Verdict.UNDETERMINED: OPEN}
_LONGEST: Final = 300  # characters of a value


def to_text(comparison: Comparison, *, lang: str = "en", width: int = 100) -> str:
    """For a person."""
    said, width = language(lang), columns(width)
    lines: list[str] = []

    def add(text: str, first: str) -> None:
        lines.extend(wrap(text, width, first=first, east_asian=said.lang == "ja"))

    for letter, diagnosis in (("A", comparison.a), ("B", comparison.b)):
        add(_sentence(diagnosis, said), f"{letter}  {_SIGNS[diagnosis.verdict]} ")
    for key, causes in _groups(comparison):
        lines += ["", f"{said.render(f'compared.{key}')}:"]
        for cause in causes:
            add(cause.text(said.lang), f"  {_sign(cause)} ")
    if comparison.differences:
        lines += ["", f"{said.render('compared.differences')}:"]
        for each in comparison.differences:
            lines.append(f"  {said.render(f'compared.{each.what}')}")
            add(_value(each.a, said), "    A  ")
            add(_value(each.b, said), "    B  ")
    elif not any(causes for _, causes in _groups(comparison)):
        lines += ["", said.render("compared.same")]
    return "\n".join(lines) + "\n"


def to_html(comparison: Comparison, *, lang: str = "en") -> str:
    """A table for a notebook. Every text is escaped; it takes the colours of the page."""
    from html import escape

    said = language(lang)
    rows = [("", _sentence(comparison.a, said), _sentence(comparison.b, said))]
    for key, causes in _groups(comparison):
        told = "\n".join(f"{_sign(cause)} {cause.text(said.lang)}" for cause in causes)
        rows.append((said.render(f"compared.{key}"), "" if key == "only-b" else told, "" if key == "only-a" else told))
    rows += [(said.render(f"compared.{each.what}"), _value(each.a, said), _value(each.b, said)) for each in comparison.differences]
    style = "text-align:left;vertical-align:top;white-space:pre-line;overflow-wrap:anywhere"
    head = f'<tr><th></th><th style="{style}">A</th><th style="{style}">B</th></tr>'
    cells = "".join(
        f'<tr><th style="{style}">{escape(what)}</th><td style="{style}">{escape(a)}</td><td style="{style}">{escape(b)}</td></tr>'
        for what, a, b in rows
    )
    return f"<table><thead>{head}</thead><tbody>{cells}</tbody></table>"


def _groups(comparison: Comparison) -> Iterator[tuple[str, tuple[Cause, ...]]]:
    for key, causes in (("only-a", comparison.only_a), ("only-b", comparison.only_b), ("both", comparison.both)):
        if causes:
            yield key, causes


def _sentence(diagnosis: Diagnosis, said: Words) -> str:
    name = visible(str(diagnosis.subject.subject))[:_LONGEST] if diagnosis.subject is not None else said.render("compared.none")
    return f"{name}: {headline(diagnosis, said.lang)}"


def _sign(cause: Cause) -> str:
    return WARNS if cause.severity is Severity.WARNING else REFUSES if cause.proven else OPEN


def _value(value: str, said: Words) -> str:
    return visible(value)[:_LONGEST] or said.render("compared.none")
