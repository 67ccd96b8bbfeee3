"""What Windows itself decided about a chain, as text: each element with its flags in words, and the addresses that gave nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaincheck.causes.words import Words, visible, words
from chaincheck.iis.tables import Family, codes
from chaincheck.report.tree import GOOD, OPEN, REFUSES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chaincheck.iis.windows_verdict import UrlOutcome, WindowsVerdict


def written(verdicts: Sequence[WindowsVerdict], lang: str = "en") -> str:
    """For a person, in "en" or "ja"."""
    said = words(lang)
    return "\n\n".join("\n".join(_verdict(verdict, said)) for verdict in verdicts)


def _verdict(verdict: WindowsVerdict, said: Words) -> Iterator[str]:
    told: list[str] = [verdict.source, said.render(f"windows.engine-{verdict.engine or 'unknown'}")]
    told += [visible(word) for word in (verdict.process, verdict.user) if word]
    told += [said.moment(verdict.moment)] if verdict.moment is not None else []
    decided = said.render("windows.refused" if verdict.refused else "windows.passed")
    yield f"{REFUSES if verdict.refused else GOOD} {decided} ({', '.join(told)})"
    if verdict.result:
        yield f"  {_code(verdict.result, said)}"
    for element in verdict.elements:
        yield f"  {REFUSES if element.error_status else GOOD} {visible(element.subject or element.sha1 or '-')}"
        for flag in element.flags:
            yield f"      {flag}: {_meaning(flag, said)}"
        yield from (f"      {line}" for line in _urls(element.urls, said))
    yield from (f"  {line}" for line in _urls(verdict.urls, said))
    if verdict.engine == "user":
        yield f"  {OPEN} {said.render('windows.user-engine')}"


def _code(value: int, said: Words) -> str:
    known = next((code for code in codes() if code.value == value and code.family is Family.HRESULT), None)
    return f"0x{value:08X}" if known is None else f"{known.name} ({known.hex} = {known.signed}): {known.meaning(said.lang)}"


def _meaning(flag: str, said: Words) -> str:
    known = next((code for code in codes() if code.name == flag), None)
    return known.meaning(said.lang) if known is not None else said.render("windows.unknown-flag")


def _urls(urls: Sequence[UrlOutcome], said: Words) -> Iterator[str]:
    for url in urls:
        if url.ok is False:
            code = f" ({_code(url.code, said)})" if url.code else ""
            yield f"{url.kind}: {visible(url.url)}: {said.render('windows.not-retrieved')}{code}"
