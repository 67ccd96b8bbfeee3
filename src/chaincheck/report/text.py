"""The answer as text that a site administrator can act on.

Headline first, then the certification path, the causes in the order of action with their steps, what was tried to learn of revocations,
what was assumed, and what was not checked and how to have it checked.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from chaincheck.causes.codes import Finding, Severity
from chaincheck.causes.resolution import resolution
from chaincheck.causes.words import Text, Words, visible
from chaincheck.report.arguments import columns, language, zone
from chaincheck.report.headline import headline
from chaincheck.report.layout import width as columns_of
from chaincheck.report.layout import wrap
from chaincheck.report.tree import GOOD, OPEN, REFUSES, WARNS, draw, element_names, mark, short_name

if TYPE_CHECKING:
    from datetime import tzinfo

    from chaincheck.causes.cause import Cause
    from chaincheck.causes.codes import Verdict
    from chaincheck.causes.resolution import Resolution
    from chaincheck.causes.windows import WindowsCodes
    from chaincheck.diagnosis import Change, Diagnosis
    from chaincheck.revocation.attempt import Attempt
    from chaincheck.revocation.status import RevocationStatus
    from chaincheck.statement import Statement

_FINDING_MARKS = {Finding.FOUND: REFUSES, Finding.RULED_OUT: GOOD, Finding.NOT_CHECKED: OPEN}
_STATUS_MARKS = {"good": GOOD, "revoked": REFUSES, "on-hold": REFUSES, "unknown": OPEN}
_MOST_CAUSES = 50  # of all severities; nobody reads more, and a stranger's certificate may have hundreds
_MOST_STATEMENTS = 50
_MOST_CLAUSES = 8  # of another path
_MOST_PATHS = 8  # other paths in the text; all of them are in the JSON

# What is not checked because the stores were not told is answered by the commands that export them.
_STORES_NOT_TOLD = frozenset({"store-not-told", "roots-not-told", "intermediates-not-told"})


def to_text(diagnosis: Diagnosis, lang: str = "en", timezone: tzinfo | None = None, width: int = 100) -> str:
    """The whole answer, lines of at most ``width`` columns (commands are never broken), moments in ``timezone`` (None: UTC).

    Of more than 50 causes the rest is only counted; all of them are in the JSON. Raises InputError for a language there are no words for,
    and for values of the wrong type.
    """
    return _Report(diagnosis, language(lang), zone(timezone), columns(width)).text()


def brief(diagnosis: Diagnosis, lang: str = "en", timezone: tzinfo | None = None, width: int = 100) -> str:
    """The headline, the certification path and the first thing to do."""
    return _Report(diagnosis, language(lang), zone(timezone), columns(width)).brief()


class _Report:
    """Collects lines; each part of the report is a method that adds its own, or nothing."""

    def __init__(self, diagnosis: Diagnosis, said: Words, timezone: tzinfo | None, width: int) -> None:
        self._diagnosis = diagnosis
        self._said = said
        self._timezone = timezone
        self._width = max(width, 40)
        self._lines: list[str] = []
        self._numbers = {cause: number for number, cause in enumerate(diagnosis.causes, 1)}
        self._printed: dict[str, str] = {}  # resolution -> the label under which its steps stand

    def text(self) -> str:
        self._add(headline(self._diagnosis, self._said.lang, self._timezone))
        self._particulars()
        self._path()
        self._documented()
        self._answer()
        self._causes()
        self._notes()
        self._plan()
        self._revocation()
        self._statements()
        self._outlook()
        return "\n".join(self._lines) + "\n"

    def brief(self) -> str:
        self._add(headline(self._diagnosis, self._said.lang, self._timezone))
        self._add(f"{self._say('store')}: {self._store()}")
        if self._diagnosis.path is not None:
            self._lines += ["", *self._draw()]
        fatal = [cause for cause in self._diagnosis.causes if cause.severity is Severity.FATAL]
        first = next((cause for cause in fatal if cause.proven), next(iter(fatal), None))
        if first is None:
            self._lines.append("")
            for status in self._diagnosis.revocation:
                self._status(status)
        else:
            self._lines.append("")
            self._add(first.text(self._said.lang, self._timezone), first="  ")
            self._add(first.why(self._said.lang, self._timezone), first="  ")
            for position, english in enumerate(first.resolutions):
                each = english.in_language(self._said.lang)
                self._lines += [] if position > 1 else [""]
                self._add(f"{each.title} ({self._who(each)})", first="  → ")
                if position == 0:
                    self._steps(each, "    ", notes=False)
        return "\n".join(self._lines) + "\n"

    # parts

    def _particulars(self) -> None:
        subject = self._diagnosis.subject
        rows: list[tuple[str, str]] = []
        if subject is not None:
            rows.append((self._say("subject"), self._name(str(subject.subject))))
            rows.append((self._say("issuer"), self._name(str(subject.issuer))))
            rows.append((self._say("serial"), subject.serial_hex))
            rows.append((self._say("fingerprint"), subject.fingerprint))
            rows += [
                (self._say(key), self._said.value("", moment, timezone=self._timezone) if moment is not None else self._say("none"))
                for key, moment in (("not-before", subject.not_before), ("not-after", subject.not_after))
            ]
        rows.append((self._say("store"), self._store()))
        rows.append((self._say("checked-at"), self._said.moment(self._diagnosis.at, self._timezone)))
        rows.append((self._say("rules"), visible(self._diagnosis.rules_name)))
        self._lines.append("")
        label_width = max(self._columns(label) for label, _ in rows) + 2
        for label, value in rows:
            self._add(value, first="  " + label + " " * (label_width - self._columns(label)))

    def _path(self) -> None:
        path = self._diagnosis.path
        if path is None:
            return
        self._title("certification-path")
        self._lines += self._draw()
        self._lines.append("")
        self._add(self._said.render("report.legend"), first="  ")
        others = self._diagnosis.paths[1:]
        if others:
            self._title("other-paths")
            for other in others[:_MOST_PATHS]:
                line = " → ".join(reversed(element_names(other)))
                fatal = [cause for cause in other.causes if cause.severity is Severity.FATAL]
                clauses = dict.fromkeys(cause.clause(self._said.lang, self._timezone) for cause in fatal)
                told: list[str] = []
                told += list(clauses)[:_MOST_CLAUSES]
                told += [self._more(len(clauses) - len(told))] if len(clauses) > len(told) else []
                self._add(f"{line}: {'; '.join(told)}" if told else line, first=f"  {mark(other.causes)} ")
        cut = self._diagnosis.paths_cut
        left = len(others) - _MOST_PATHS if len(others) > _MOST_PATHS else 0
        if cut is not None or left:
            self._add(self._said.render("labels.paths-cut", count=left + (cut.left if cut is not None else 0)), first="  ")

    def _documented(self) -> None:
        self._title("documented-causes")
        for documented, finding in self._diagnosis.documented_causes.items():
            what = self._said.render(f"documented.{documented.value}")
            self._add(f"{what}: {self._said.render(f'finding.{finding.value}')}", first=f"  {_FINDING_MARKS[finding]} ")

    def _answer(self) -> None:
        """What the server answers, and whether that is what was seen."""
        response, observation = self._diagnosis.response, self._diagnosis.observation
        if response is None and observation is None:
            return
        self._title("answer")
        if response is not None:
            self._add(response.text(self._said.lang), first="  ")
            if response.logged is not None:
                self._add(f"{self._say('log-line')}: {response.logged}", first="  ")
            if response.also:
                also = self._said.join(f"{each.status} ({self._mark(each.mark)})" for each in response.also)
                self._add(f"{self._say('seen-as')} {also}", first="  ")
        if observation is not None:
            sign = GOOD if observation.explained else OPEN
            self._add(observation.text(self._said.lang), first=f"  {sign} ")

    def _causes(self) -> None:
        left = _MOST_CAUSES
        for severity, title in ((Severity.FATAL, "causes"), (Severity.WARNING, "warnings")):
            causes = [cause for cause in self._diagnosis.causes if cause.severity is severity]
            if causes:
                self._title(title)
            for index, cause in enumerate(causes[:left]):
                self._lines += [""] if index else []
                self._cause(cause)
            if len(causes) > left:
                self._lines += [""] if left else []
                self._add(self._more(len(causes) - left), first="  ")
            left = max(left - len(causes), 0)

    def _cause(self, cause: Cause) -> None:
        number = self._numbers[cause]
        sign = WARNS if cause.severity is Severity.WARNING else REFUSES if cause.proven else OPEN
        self._add(cause.text(self._said.lang, self._timezone), first=f"  [{number}] {sign} ")
        indent = " " * self._columns(f"  [{number}] ")
        if cause.severity is Severity.FATAL and not cause.proven:
            self._add(f"({self._say('unproven')})", first=indent)
        self._add(cause.why(self._said.lang, self._timezone), first=indent)
        if cause.windows is not None:
            self._lines += ["", f"{indent}{self._say('windows')}"]
            for line in self._windows(cause.windows):
                self._add(line, first=indent + "  ")
        self._add(cause.reference, first=f"{indent}{self._say('reference')}: ")
        for position, each in enumerate(cause.resolutions):
            self._resolution(each.in_language(self._said.lang), f"{number}{_letter(position)}", indent)

    def _plan(self) -> None:
        """The steps that were proven, and what they cannot mend."""
        plan = self._diagnosis.plan
        if plan is None:
            return
        lang = self._said.lang
        self._title("title", table="plan")
        said = ("proven-but" if plan.required else "proven") if plan.proven else plan.reason or "not-enough-known"
        self._add(self._said.render(f"plan.{said}"), first="  ")
        for number, step in enumerate(plan.steps, 1):
            self._lines.append("")
            self._add(f"{step.text(lang)} ({self._who(step.resolution.in_language(lang))})", first=f"  {number}. ")
            if step.compare:
                self._add(self._said.render("plan.compare"), first=f"     {WARNS} ")
            for part, text in (("consequence", step.consequence(lang)), ("undo", step.undo(lang))):
                self._add(f"{self._said.render(f'plan.{part}')}: {text}", first="     - ")
        if plan.required:
            self._lines.append("")
            self._add(f"{self._said.render('plan.required')}:", first="  ")
            for text in dict.fromkeys(requirement.text(lang) for requirement in plan.required):
                self._add(text, first="  - ")
        if plan.supposed and plan.proven:
            names = self._said.join(short_name(certificate.subject) for certificate in plan.supposed)
            self._lines.append("")
            self._add(self._said.render("plan.supposed", certificates=Text(names)), first="  ")

    def _notes(self) -> None:
        """What explains without refusing: in short, with what is the same for several said once."""
        notes = [cause for cause in self._diagnosis.causes if cause.severity is Severity.NOTE]
        if not notes:
            return
        self._title("notes")
        said_already: set[str] = set()
        for cause in notes[:_MOST_CAUSES]:
            self._add(cause.text(self._said.lang, self._timezone), first="  - ")
            why = cause.why(self._said.lang, self._timezone)
            if why not in said_already:
                said_already.add(why)
                self._add(why, first="    ")
        if len(notes) > _MOST_CAUSES:
            self._add(self._more(len(notes) - _MOST_CAUSES), first="  ")

    def _resolution(self, each: Resolution, label: str, indent: str) -> None:
        head = f"{each.title} ({self._who(each)})"
        known = self._printed.setdefault(each.id, label)
        self._lines.append("")
        if known != label:
            self._add(f"{head} → {self._said.render('report.see', label=known)}", first=f"{indent}{label}  ")
            return
        self._add(head, first=f"{indent}{label}  ")
        self._steps(each, indent + "    ")

    def _steps(self, each: Resolution, indent: str, *, notes: bool = True) -> None:
        for number, step in enumerate(each.steps, 1):
            self._add(step, first=f"{indent}{number}. ")
        for note in each.notes if notes else ():
            self._add(note, first=f"{indent}- ")
        if each.risk is not None:
            self._add(each.risk, first=f"{indent}{WARNS} {self._say('risk')}: ")
        if each.commands:
            self._lines.append(f"{indent}{self._say('commands')}:")
            self._lines += [f"{indent}  {command}" for command in each.commands]

    def _windows(self, codes: WindowsCodes) -> list[str]:
        lines: list[str] = []
        if codes.iis is not None:
            also = [f"{self._say('seen-as')} {other.status} ({self._mark(other.mark)})" for other in codes.also]
            lines.append(self._said.render("list.separator").join([f"IIS {codes.iis.status} ({self._mark(codes.iis.mark)})", *also]))
        if codes.hresult is not None:
            lines.append(f"{codes.hresult.hex} = {codes.hresult.signed} {codes.hresult.name} ({self._mark(codes.hresult.mark)})")
        if codes.trust_status is not None:
            lines.append(f"{codes.trust_status.name} {codes.trust_status.hex} ({self._mark(codes.trust_status.mark)})")
        return lines

    def _revocation(self) -> None:
        asked = self._diagnosis.revocation
        if not asked:
            return
        self._title("revocation")
        for status in asked:
            self._status(status)

    def _status(self, status: RevocationStatus) -> None:
        sign = _STATUS_MARKS.get(status.status.value, "-")
        said = self._said.render(f"report.status.{status.status.value}")
        self._add(f"{short_name(status.certificate.subject)}: {said}", first=f"  {sign} ")
        for attempt in status.attempts:
            self._add(self._attempt(attempt, decided=attempt is status.decided_by), first="    → ")

    def _attempt(self, attempt: Attempt, *, decided: bool) -> str:
        kind = self._said.value("evidence", attempt.kind)
        outcome = self._said.render(f"report.attempt.{attempt.outcome.value}")
        details = [self._said.value("reason", text) for text in (attempt.detail, *attempt.notes) if text]
        if attempt.failure and attempt.failure != attempt.outcome.value:
            details.insert(0, self._said.value("outcome", attempt.failure))
        source = visible(attempt.source)
        if attempt.origin != "fetched" and attempt.sha256 is not None:
            source = self._said.render(f"report.origin.{attempt.origin}", sha256=attempt.sha256[:16])
        line = f"{kind} {source}: {outcome}"
        if details:
            line += f" ({'; '.join(details)})"
        return f"{line} {self._said.render('report.decided')}" if decided else line

    def _statements(self) -> None:
        if self._diagnosis.assumptions:
            self._title("assumptions")
            for statement in self._diagnosis.assumptions:
                self._add(self._sentence("assumption", statement), first="  - ")
        if not self._diagnosis.unchecked:
            return
        self._title("not-checked")
        for statement in self._diagnosis.unchecked[:_MOST_STATEMENTS]:
            self._add(self._sentence("unchecked", statement), first=f"  {OPEN if statement.blocks else '-'} ")
            how = self._said.render(f"unchecked.{statement.code}.how", dict(statement.facts))
            self._add(f"{self._say('how-to-check')}: {how}", first="    ")
        if len(self._diagnosis.unchecked) > _MOST_STATEMENTS:
            self._add(self._more(len(self._diagnosis.unchecked) - _MOST_STATEMENTS), first="  ")
        if any(statement.code in _STORES_NOT_TOLD for statement in self._diagnosis.unchecked) and "give-stores" not in self._printed:
            stores = resolution("give-stores", self._said.lang)
            self._lines.append("")
            self._add(f"{stores.title} ({self._who(stores)})", first="    ")
            self._steps(stores, "      ")

    def _outlook(self) -> None:
        if changes := turning(self._diagnosis):
            self._title("upcoming", table="report")
            for change in changes:
                self._add(self._change(change), first="  - ")

    def _change(self, change: Change) -> str:
        moment = self._said.moment(change.at, self._timezone)
        whom = short_name(change.certificate.subject) if change.certificate is not None else None
        verdict = self._said.render(f"verdict.{change.verdict.value}" if change.verdict is not None else "report.not-known")
        event = self._said.render(f"report.event.{change.event}", certificate=Text(whom or self._store()))
        return self._said.render("report.change", moment=Text(moment), event=Text(event), verdict=Text(verdict))

    # words

    def _sentence(self, section: str, statement: Statement) -> str:
        key = f"{section}.{statement.code}"
        return self._said.render(f"{key}.sentence" if self._said.has(f"{key}.sentence") else key, dict(statement.facts))

    def _say(self, label: str) -> str:
        return self._said.render(f"labels.{label}")

    def _more(self, count: int) -> str:
        return self._said.render("labels.more-causes", count=count)

    def _mark(self, sure: str) -> str:
        return self._said.render(f"mark.{sure}")

    def _who(self, each: Resolution) -> str:
        who = self._said.render(f"who.{each.who}")
        return f"{who}; {each.document}" if each.document is not None else who

    def _store(self) -> str:
        name = self._diagnosis.store_name
        if name is None:
            return self._said.render("report.no-store")
        identity = self._diagnosis.store_identity
        return self._said.value("store", name) + (f" (SHA-256 {identity[:16]}...)" if identity else "")

    def _name(self, text: str) -> str:
        return self._said.value("name", text)

    # lines

    def _draw(self) -> list[str]:
        path = self._diagnosis.path
        return [] if path is None else draw(self._diagnosis, path, self._numbers, self._said, self._timezone, self._width)

    def _title(self, key: str, *, table: str = "labels") -> None:
        title = self._said.render(f"{table}.{key}")
        self._lines += ["", title, "-" * self._columns(title), ""]

    def _add(self, text: str, *, first: str = "", rest: str | None = None) -> None:
        self._lines += wrap(text, self._width, first=first, rest=rest, east_asian=self._said.lang == "ja")

    def _columns(self, text: str) -> int:
        return columns_of(text, east_asian=self._said.lang == "ja")


def turning(diagnosis: Diagnosis) -> list[Change]:
    """The changes at which the verdict becomes another, those of one moment together."""
    found: list[Change] = []
    verdict: Verdict | None = diagnosis.verdict
    for _, group in groupby(diagnosis.upcoming, key=lambda change: change.at):
        together = list(group)
        if together[0].verdict is not verdict:
            verdict = together[0].verdict
            found += together
    return found


def _letter(position: int) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[position % 26]


__all__ = ["brief", "to_text"]
