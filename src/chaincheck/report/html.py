"""The answer as HTML: the path as a picture, causes with their steps folded, a timeline. Light and dark, no script, nothing from outside.

Every text is escaped by the template engine, after control, bidirectional and format characters were made visible.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from chaincheck.causes.codes import Finding, Severity, Verdict
from chaincheck.causes.words import Text, Words, visible
from chaincheck.errors import MissingExtraError
from chaincheck.report.arguments import language, zone
from chaincheck.report.headline import headline
from chaincheck.report.timeline import spans, window
from chaincheck.report.tree import GOOD, OPEN, REFUSES, WARNS, drawn, mark, short_name
from chaincheck.x509.certificate import moment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from chaincheck.causes.cause import Cause
    from chaincheck.diagnosis import Diagnosis

_TONES: Final = {REFUSES: "bad", OPEN: "open", WARNS: "warn", GOOD: "good"}
_SIGNS: Final = {Verdict.ACCEPTED: GOOD, Verdict.REFUSED: REFUSES, Verdict.UNDETERMINED: OPEN}
_FINDINGS: Final = {Finding.FOUND: REFUSES, Finding.RULED_OUT: GOOD, Finding.NOT_CHECKED: OPEN}
_MOST: Final = 50  # causes, and statements


def to_html(diagnosis: Diagnosis, *, lang: str = "en", timezone: tzinfo | None = None) -> str:
    """One self-contained page."""
    body = fragment(diagnosis, lang=lang, timezone=timezone, with_style=False)
    return page(body, title=headline(diagnosis, language(lang).lang, timezone), lang=language(lang).lang)


def fragment(diagnosis: Diagnosis, *, lang: str = "en", timezone: tzinfo | None = None, with_style: bool = True) -> str:
    """A part of a page, with its style: what a notebook shows."""
    said = language(lang)
    told = dict(_told(diagnosis, said, zone(timezone)))
    return render("diagnosis.html.j2", with_style=with_style, style=style(), **told)


def page(body: str, *, title: str, lang: str, script: str = "") -> str:
    """A whole page around a body that is HTML already. The script is ours, and allowed by its hash alone."""
    from base64 import b64encode
    from hashlib import sha256

    hashed = f"sha256-{b64encode(sha256(script.encode()).digest()).decode()}" if script else ""
    safe = _environment().filters["safe"]
    return render(
        "page.html.j2", body=safe(body), title=title, lang=lang, style=style(), script=safe(script) if script else "", script_hash=hashed
    )


def render(template: str, **told: Any) -> str:
    """A template with its values, each escaped. Raises ``MissingExtraError`` where jinja2 is not installed."""
    text: str = _environment().get_template(template).render(**told)
    return text


@cache
def _environment() -> Any:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise MissingExtraError("report", "an HTML report") from None
    return Environment(
        loader=PackageLoader("chaincheck.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def style() -> Any:
    """The style sheet, as HTML that is safe."""
    from importlib.resources import files

    return _environment().filters["safe"](files("chaincheck.report").joinpath("templates/style.css").read_text(encoding="utf-8"))


# what the template is told


def _told(diagnosis: Diagnosis, said: Words, timezone: tzinfo | None) -> Iterator[tuple[str, Any]]:
    lang = said.lang
    yield "lang", lang
    yield "headline", headline(diagnosis, lang, timezone)
    yield "sign", _SIGNS[diagnosis.verdict]
    yield "tone", _TONES[_SIGNS[diagnosis.verdict]]
    yield "say", lambda label: said.render(f"labels.{label}")
    yield "particulars", list(_particulars(diagnosis, said, timezone))
    numbers = {cause: number for number, cause in enumerate(diagnosis.causes, 1)}
    path = [] if diagnosis.path is None else drawn(diagnosis, diagnosis.path, numbers, said, timezone)
    yield "path", [{"mark": each.mark, "tone": _TONES[each.mark], "label": each.label, "reasons": each.reasons} for each in path]
    rows, now = _timeline(diagnosis, said, timezone)
    yield "timeline", rows
    yield "timeline_title", said.render("html.timeline")
    yield "now", now
    yield (
        "documented",
        [
            {
                "mark": _FINDINGS[finding],
                "tone": _TONES[_FINDINGS[finding]],
                "text": f"{said.render(f'documented.{cause.value}')}: {said.render(f'finding.{finding.value}')}",
            }
            for cause, finding in diagnosis.documented_causes.items()
        ],
    )
    yield "response", list(_response(diagnosis, said))
    yield "causes", [group for group in _causes(diagnosis, numbers, said, timezone) if group["members"]]
    yield "plan", _plan(diagnosis, said)
    yield "lists", list(_lists(diagnosis, said, timezone))


def _particulars(diagnosis: Diagnosis, said: Words, timezone: tzinfo | None) -> Iterator[tuple[str, str]]:
    def label(key: str) -> str:
        return str(said.render(f"labels.{key}"))

    subject = diagnosis.subject
    if subject is not None:
        yield label("subject"), visible(str(subject.subject))
        yield label("issuer"), visible(str(subject.issuer))
        yield label("serial"), subject.serial_hex
        yield label("fingerprint"), subject.fingerprint
        for key, told in (("not-before", subject.not_before), ("not-after", subject.not_after)):
            yield label(key), said.value("", told, timezone=timezone)
    yield label("store"), said.render("report.no-store") if diagnosis.store_name is None else visible(diagnosis.store_name)
    yield label("checked-at"), said.moment(diagnosis.at, timezone)
    yield label("rules"), visible(diagnosis.rules_name)


def _timeline(diagnosis: Diagnosis, said: Words, timezone: tzinfo | None) -> tuple[list[dict[str, Any]], float]:
    """When each element, and each piece of evidence that decided, holds: as shares of the window."""
    told, at = spans(diagnosis, said), diagnosis.at_s
    if not told:
        return [], 0.0
    first, last = window(told, at)
    rows = []
    for each in told:
        left, right = _share(each.first, first, last), _share(each.last, first, last)
        span = f"{said.moment(moment(each.first), timezone)} – {said.moment(moment(each.last), timezone)}"
        tone = "" if each.good_at(at) else "bad"
        rows.append({"name": each.name, "left": left, "width": max(round(right - left, 2), 0.5), "span": span, "tone": tone})
    return rows, _share(at, first, last)


def _share(seconds: int, first: int, last: int) -> float:
    return round(min(max((seconds - first) / (last - first), 0.0), 1.0) * 100, 2)


def _response(diagnosis: Diagnosis, said: Words) -> Iterator[str]:
    if diagnosis.response is not None:
        yield diagnosis.response.text(said.lang)
        if diagnosis.response.logged is not None:
            yield f"{said.render('labels.log-line')}: {diagnosis.response.logged}"
    if diagnosis.observation is not None:
        yield diagnosis.observation.text(said.lang)


def _causes(diagnosis: Diagnosis, numbers: dict[Cause, int], said: Words, timezone: tzinfo | None) -> Iterator[dict[str, Any]]:
    for severity, title in ((Severity.FATAL, "causes"), (Severity.WARNING, "warnings")):
        members = [cause for cause in diagnosis.causes if cause.severity is severity][:_MOST]
        yield {"title": said.render(f"labels.{title}"), "members": [_cause(cause, numbers, said, timezone) for cause in members]}


def _cause(cause: Cause, numbers: dict[Cause, int], said: Words, timezone: tzinfo | None) -> dict[str, Any]:
    windows = cause.windows
    lines = []
    if windows is not None and windows.iis is not None:
        lines.append(f"IIS {windows.iis.status} ({said.render(f'mark.{windows.iis.mark.value}')})")
    if windows is not None and windows.hresult is not None:
        code = windows.hresult
        lines.append(f"{code.hex} = {code.signed} {code.name} ({said.render(f'mark.{code.mark.value}')})")
    return {
        "number": numbers[cause],
        "tone": _TONES[mark((cause,))],
        "text": cause.text(said.lang, timezone),
        "why": cause.why(said.lang, timezone),
        "unproven": "" if cause.proven or cause.severity is not Severity.FATAL else said.render("labels.unproven"),
        "windows": lines,
        "reference": cause.reference,
        "resolutions": [
            {
                "title": each.title,
                "who": said.render(f"who.{each.who}"),
                "steps": each.steps,
                "notes": each.notes,
                "risk": each.risk,
                "commands": each.commands,
            }
            for each in (resolution.in_language(said.lang) for resolution in cause.resolutions)
        ],
    }


def _plan(diagnosis: Diagnosis, said: Words) -> dict[str, Any] | None:
    plan, lang = diagnosis.plan, said.lang
    if plan is None:
        return None
    key = ("proven-but" if plan.required else "proven") if plan.proven else plan.reason or "not-enough-known"
    names = said.join(short_name(certificate.subject) for certificate in plan.supposed)
    return {
        "title": said.render("plan.title"),
        "text": said.render(f"plan.{key}"),
        "steps": [
            {
                "text": step.text(lang),
                "who": said.render(f"who.{step.resolution.who}"),
                "compare": said.render("plan.compare") if step.compare else "",
                "consequence": f"{said.render('plan.consequence')}: {step.consequence(lang)}",
                "undo": f"{said.render('plan.undo')}: {step.undo(lang)}",
            }
            for step in plan.steps
        ],
        "required_title": said.render("plan.required"),
        "required": list(dict.fromkeys(requirement.text(lang) for requirement in plan.required)),
        "supposed": said.render("plan.supposed", certificates=Text(names)) if plan.supposed and plan.proven else "",
    }


def _lists(diagnosis: Diagnosis, said: Words, timezone: tzinfo | None) -> Iterator[tuple[str, list[str]]]:
    notes = [cause.text(said.lang, timezone) for cause in diagnosis.causes if cause.severity is Severity.NOTE][:_MOST]
    if notes:
        yield str(said.render("labels.notes")), notes
    if diagnosis.unchecked:
        yield str(said.render("labels.not-checked")), [each.text("unchecked", said.lang) for each in diagnosis.unchecked[:_MOST]]
    if diagnosis.assumptions:
        yield str(said.render("labels.assumptions")), [each.text("assumption", said.lang) for each in diagnosis.assumptions]
