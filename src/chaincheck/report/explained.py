"""An explanation of a code, as a person reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaincheck.causes.words import visible, words
from chaincheck.report.layout import wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.causes.words import Words
    from chaincheck.iis.explanation import Explanation
    from chaincheck.iis.reading_codes import Named
    from chaincheck.iis.tables import RootCause

WIDTH = 100


def written(explanation: Explanation, lang: str) -> str:
    """All of it: the codes, then the candidates with what tells them apart."""
    said = words(lang)
    lines = [line for named in explanation.named for line in _code(named, said)]
    if explanation.candidates:
        lines += ["", said.render("explain.candidates"), ""]
        for place, candidate in enumerate(explanation.candidates, 1):
            lines += [*_candidate(place, candidate, said), ""]
    else:
        lines += ["", said.render("explain.no-candidates")]
    return "\n".join(lines).rstrip()


def _code(named: Named, said: Words) -> Iterator[str]:
    code = named.code
    forms = [code.hex, *dict.fromkeys((str(code.signed), str(code.unsigned)))] if code.value is not None else []
    numbers = f" ({' = '.join(str(form) for form in forms)})" if forms else ""
    family = said.render(f"explain.family.{code.family.value}")
    yield from wrap(
        f"{family} {code.name}{numbers}: {code.meaning(said.lang)} ({said.render(f'mark.{code.mark.value}')})", WIDTH, rest="  "
    )
    if code.seen_with:
        yield f"  {said.render('explain.seen-with', statuses=', '.join(code.seen_with))}"
    if named.unknown_bits:
        yield f"  {said.render('explain.unknown-bits', bits=f'0x{named.unknown_bits:X}')}"


def _candidate(place: int, cause: RootCause, said: Words) -> Iterator[str]:
    told = f"{cause.text('title', said.lang)} ({said.render(f'mark.{cause.mark.value}')}, {cause.reference})"
    yield from wrap(told, WIDTH, first=f"{place:>2}. ")
    for part in ("look", "fix"):
        yield from wrap(cause.text(part, said.lang), WIDTH, first=f"    {said.render(f'explain.{part}')} ", rest="      ")
    for command in cause.commands:
        yield f"      {visible(command)}"
