"""What is written from the package's data when the documentation is built: the catalogue pages and the table of rules.

``% causes: en`` and ``% resolutions: en`` in a page are replaced by every cause, and every resolution, in that language; ``% rules`` by a
table of the fields in which the rules differ.
"""

from __future__ import annotations

import re
from dataclasses import fields
from itertools import groupby
from typing import TYPE_CHECKING, Any

from chaincheck.causes.catalogue import catalogue
from chaincheck.causes.codes import CauseCode
from chaincheck.causes.resolution import resolution
from chaincheck.causes.words import Words, words
from chaincheck.rules import IIS, OPENSSL, RFC5280, Rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

    from chaincheck.causes.catalogue import Row

TITLES = {
    "en": {
        "role": "of",
        "severity": "severity",
        "documented": "KB 186812",
        "iis": "IIS",
        "code": "code",
        "flag": "chain status",
        "rule": "rule",
        "says": "It says",
        "means": "It means",
        "also": "also",
    },
    "ja": {
        "role": "対象",
        "severity": "重大度",
        "documented": "KB 186812",
        "iis": "IIS",
        "code": "コード",
        "flag": "チェーンの状態",
        "rule": "根拠",
        "says": "表示",
        "means": "意味",
        "also": "他に",
    },
}


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True}


def _fill(app: Sphinx, name: str, source: list[str]) -> None:
    source[0] = filled(source[0])


def filled(page: str) -> str:
    """The page with its three marks replaced."""
    page = re.sub(r"^% causes: (\w+)$", lambda m: "\n".join(_causes(words(m[1]))), page, flags=re.MULTILINE)
    page = re.sub(r"^% resolutions: (\w+)$", lambda m: "\n".join(_resolutions(words(m[1]))), page, flags=re.MULTILINE)
    return re.sub(r"^% rules$", lambda m: "\n".join(_rules()), page, flags=re.MULTILINE)


def _rules() -> Iterator[str]:
    known = (IIS, RFC5280, OPENSSL)
    yield f"| field | {' | '.join(f'`{rules.name}`' for rules in known)} |"
    yield "| --- | --- | --- | --- |"
    for field in fields(Rules):
        values = [getattr(rules, field.name) for rules in known]
        if field.name != "name" and len(set(values)) > 1:
            yield f"| `{field.name}` | {' | '.join(map(_value, values))} |"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "none"
    return "none" if value is None else str(value)


def _causes(said: Words) -> Iterator[str]:
    """One section per code, in the order of action; one line of a table per role."""
    titles = TITLES[said.lang]
    rows = catalogue().rows.values()
    first = {row.code: min(other.rank for other in rows if other.code == row.code) for row in rows}
    rows = sorted(rows, key=lambda row: (first[row.code], row.code))
    for code, group in groupby(rows, key=lambda row: row.code):
        members = list(group)
        yield from ("", f"({said.lang}-{code.value})=", "", f"### `{code.value}`", "")
        yield f"**{titles['says']}**: {_template(said, code, 'summary')}"
        yield ""
        if said.has(f"cause.{code.value}.why"):
            yield f"**{titles['means']}**: {_template(said, code, 'why')}"
            yield ""
        head = [titles[key] for key in ("role", "severity", "documented", "iis", "code", "flag", "rule")]
        yield f"| {' | '.join(head)} |"
        yield "| --- | --- | --- | --- | --- | --- | --- |"
        for row in members:
            yield f"| {' | '.join(_cells(row, said))} |"
        yield ""
        for each in dict.fromkeys(name for row in members for name in row.resolutions):
            yield f"* [{_escaped(resolution(each, said.lang).title)}](#{said.lang}-do-{each})"
    missing = set(CauseCode) - {row.code for row in rows}
    assert not missing, missing  # noqa: S101 - a test of the library holds the same


def _cells(row: Row, said: Words) -> Iterator[str]:
    titles, windows = TITLES[said.lang], row.windows
    yield said.render(f"role.{row.role.value}")
    yield f"`{row.severity.value}`" + ("" if row.proven else " ?")
    yield f"`{row.documented.value}`" if row.documented else ""
    iis, code, flag = (windows.iis, windows.hresult, windows.trust_status) if windows else (None, None, None)
    also = ", ".join(f"{other.status} ({said.render('mark.' + other.mark)})" for other in windows.also) if windows else ""
    yield f"{iis.status} ({said.render('mark.' + iis.mark)})" + (f"; {titles['also']} {also}" if also else "") if iis else ""
    yield f"`{code.name}` {code.hex} ({said.render('mark.' + code.mark)})" if code else ""
    yield f"`{flag.name}` ({said.render('mark.' + flag.mark)})" if flag else ""
    yield _escaped(row.reference)


def _resolutions(said: Words) -> Iterator[str]:
    for name, row in catalogue().resolutions.items():
        each = resolution(name, said.lang)
        yield from ("", f"({said.lang}-do-{name})=", "", f"### {_escaped(each.title)}", "")
        who = said.render(f"who.{each.who}")
        yield f"`{name}` · {who}" + (f" · {row.document}" if row.document else "") + f" ({said.render('mark.' + each.mark)})"
        yield ""
        yield from (f"{number}. {_escaped(step)}" for number, step in enumerate(each.steps, 1))
        yield ""
        yield from (f"* {_escaped(note)}" for note in each.notes)
        if each.risk:
            yield from ("", f"**{said.render('labels.risk')}**: {_escaped(each.risk)}")
        if each.commands:
            yield from ("", "```text", *each.commands, "```")


def _template(said: Words, code: CauseCode, key: str) -> str:
    """The template of a sentence, its placeholders in italics."""
    found: Any = said.tables["cause"][code.value].get(key, "")
    return re.sub(r"\{([a-z0-9_\\]+)\}", lambda m: "*" + m[1].replace("\\_", " ") + "*", _escaped(found))


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#$])", r"\\\1", text)
