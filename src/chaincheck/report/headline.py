"""The answer in one sentence, without jargon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaincheck.causes.codes import Gate, Severity, Verdict
from chaincheck.causes.words import Text, Words
from chaincheck.report.arguments import language, zone

if TYPE_CHECKING:
    from datetime import tzinfo

    from chaincheck.causes.cause import Cause
    from chaincheck.diagnosis import Diagnosis


def headline(diagnosis: Diagnosis, lang: str = "en", timezone: tzinfo | None = None) -> str:
    """One sentence: the verdict, the first thing to act on, and how many more there are; the store is named where trust is the matter."""
    said, timezone = language(lang), zone(timezone)
    if diagnosis.verdict is Verdict.ACCEPTED:
        return _accepted(diagnosis, said, timezone)
    if diagnosis.verdict is Verdict.REFUSED:
        return _refused(diagnosis, said, timezone)
    return _undetermined(diagnosis, said, timezone)


def _accepted(diagnosis: Diagnosis, said: Words, timezone: tzinfo | None) -> str:
    warnings = [cause for cause in diagnosis.causes if cause.severity is Severity.WARNING]
    if warnings:
        return said.render("headline.accepted-with-warnings", clause=_clause(diagnosis, warnings[0], said, timezone), count=len(warnings))
    return said.render("headline.accepted-by", store=diagnosis.store_name)


def _refused(diagnosis: Diagnosis, said: Words, timezone: tzinfo | None) -> str:
    fatal = [cause for cause in diagnosis.causes if cause.severity is Severity.FATAL]
    # What something not told could still overturn neither leads nor counts.
    certain = [cause for cause in fatal if cause.proven] or fatal
    if not certain:
        return said.render("headline.refused", clause=Text(said.render("verdict.refused")))
    return _counted(said, "refused", _clause(diagnosis, certain[0], said, timezone), len(certain) - 1)


def _undetermined(diagnosis: Diagnosis, said: Words, timezone: tzinfo | None) -> str:
    blocking = [statement for statement in diagnosis.unchecked if statement.blocks]
    fatal = [cause for cause in diagnosis.causes if cause.severity is Severity.FATAL]
    # A store that was not told leaves everything open; then comes what was found; then what stands in the way of knowing more.
    if blocking and (not fatal or blocking[0].code.endswith("-not-told")):
        clause = said.render(f"unchecked.{blocking[0].code}.clause", dict(blocking[0].facts))
        return _counted(said, "undetermined", Text(clause), len(blocking) - 1)
    if fatal:
        return _counted(said, "undetermined", _clause(diagnosis, fatal[0], said, timezone), len(fatal) - 1)
    return said.render("headline.undetermined-nothing-known")


def _counted(said: Words, key: str, clause: Text, more: int) -> str:
    return said.render(f"headline.{key}-more", clause=clause, count=more) if more else said.render(f"headline.{key}", clause=clause)


def _clause(diagnosis: Diagnosis, cause: Cause, said: Words, timezone: tzinfo | None) -> Text:
    clause = cause.clause(said.lang, timezone)
    if cause.gate is Gate.CHAIN and diagnosis.store_name is not None and cause.certificate is not None:
        clause = said.render("headline.in-store", clause=Text(clause), store=diagnosis.store_name)
    # A template that begins with the element has been given the capital of a sentence; inside one it has none.
    return Text(clause[:1].lower() + clause[1:] if said.lang == "en" and clause.startswith("The ") else clause)
