"""The answer as JSON: the same Question and the same Responses give the same bytes. Schema: ``schema.json`` beside this file."""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING, Any, Literal, get_args

from chaincheck.report.arguments import indentation, language, wrong
from chaincheck.report.audience import client_causes, client_headline
from chaincheck.report.headline import headline

if TYPE_CHECKING:
    from datetime import datetime

    from chaincheck.causes.cause import Cause
    from chaincheck.causes.words import Words
    from chaincheck.diagnosis import Change, Diagnosis, Element, Path
    from chaincheck.fetch.request import Response
    from chaincheck.revocation.attempt import Attempt
    from chaincheck.revocation.status import RevocationStatus
    from chaincheck.statement import Statement
    from chaincheck.x509.certificate import Certificate

Audience = Literal["client", "administrator", "full"]

SCHEMA_VERSION = 1

# What a terminal or an editor would not show as it is: escaped in the JSON text, so that it says what it holds.
_HIDDEN = re.compile(
    "[\x7f-\x9f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufeff"
    "\uffa0\ufff0-\uffff\U000e0000-\U000e0fff]"
)


def to_dict(diagnosis: Diagnosis, *, audience: Audience = "full", lang: str = "en", timings: bool = False) -> dict[str, Any]:
    """Plain data. Moments are ISO 8601 in UTC with Z, serials and fingerprints lower-case hex.

    ``audience``: "full" is everything; "administrator" leaves out the other candidate paths and the fetches; "client" is for a stranger
    and holds nothing about store, network or other certificates. ``timings`` adds to "full" how long each fetch took, which differs from
    run to run.

    Raises InputError for an audience or a language that does not exist, and for values of the wrong type.
    """
    said = language(lang)
    wanted: object = audience
    if not isinstance(wanted, str) or wanted not in get_args(Audience):
        raise wrong("unknown-audience", audience, " or ".join(map(repr, get_args(Audience))), "audience")
    if type(timings) is not bool:
        raise wrong("argument-type", timings, "True or False", "timings")
    client = audience == "client"
    answer: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "audience": audience,
        "lang": said.lang,
        "verdict": diagnosis.verdict.value,
        "headline": client_headline(diagnosis, said.lang) if client else headline(diagnosis, said.lang),
        "checked_at": _iso(diagnosis.at),
        "subject": None if diagnosis.subject is None else _subject(diagnosis.subject),
    }
    if client:
        return answer | {"causes": client_causes(diagnosis, said.lang)}
    answer |= _particulars(diagnosis, said)
    return answer if audience == "administrator" else answer | _full(diagnosis, said, timings=timings)


def to_json(diagnosis: Diagnosis, *, audience: Audience = "full", lang: str = "en", indent: int | None = 2) -> str:
    """``to_dict`` as JSON text; control, format and bidirectional characters are written as ``\\u`` escapes."""
    import json

    spaces = indentation(indent)
    text = json.dumps(to_dict(diagnosis, audience=audience, lang=lang), ensure_ascii=False, indent=spaces)
    if not text.isascii() or "\x7f" in text:
        text = _HIDDEN.sub(_escape, text)  # such characters can stand only inside of strings
    return text


def _particulars(diagnosis: Diagnosis, said: Words) -> dict[str, Any]:
    return {
        "rules": diagnosis.rules_name,
        "store": None if diagnosis.store_name is None else {"name": diagnosis.store_name, "identity": diagnosis.store_identity},
        "documented_causes": {cause.value: finding.value for cause, finding in diagnosis.documented_causes.items()},
        "causes": [_cause(cause, said.lang) for cause in diagnosis.causes],
        "response": None if diagnosis.response is None else diagnosis.response.to_dict() | {"text": diagnosis.response.text(said.lang)},
        "plan": _plan(diagnosis, said.lang),
        "observation": None if diagnosis.observation is None else diagnosis.observation.to_dict(said.lang),
        "path": None if diagnosis.path is None else _path(diagnosis.path, said.lang),
        "revocation": [_status(status) for status in diagnosis.revocation],
        "assumptions": [_statement(statement, "assumption", said) for statement in diagnosis.assumptions],
        "unchecked": [_statement(statement, "unchecked", said) for statement in diagnosis.unchecked],
        "upcoming": [_change(change) for change in diagnosis.upcoming],
        "holds_from": _iso(diagnosis.holds_from),
        "holds_until": _iso(diagnosis.holds_until),
    }


def _plan(diagnosis: Diagnosis, lang: str) -> dict[str, Any] | None:
    plan = diagnosis.plan
    return None if plan is None else plan.to_dict(lang)


def _full(diagnosis: Diagnosis, said: Words, *, timings: bool) -> dict[str, Any]:
    cut, policies = diagnosis.paths_cut, diagnosis.policies
    return {
        "paths": [_path(path, said.lang) for path in diagnosis.paths],
        "paths_cut": None if cut is None else {"left": cut.left, "reason": cut.reason},
        "policies": None
        if policies is None
        else {
            "user_constrained_policy_set": sorted(policies.user_constrained_policy_set),
            "qualifiers": {policy: list(told) for policy, told in policies.qualifiers},
        },
        "fetches": [_fetch(response, timings=timings) for response in diagnosis.responses],
    }


def _subject(certificate: Certificate) -> dict[str, Any]:
    key = certificate.public_key
    return {
        "subject": str(certificate.subject),
        "issuer": str(certificate.issuer),
        "alternative_names": [f"{name.kind}:{_name_value(name.value)}" for name in certificate.subject_alt_names],
        "serial": certificate.serial_hex,
        "not_before": _iso(certificate.not_before),
        "not_after": _iso(certificate.not_after),
        "sha256": certificate.fingerprint,
        "key": {"algorithm": key.algorithm, "bits": key.bits, "sha256": key.sha256},
    }


def _cause(cause: Cause, lang: str) -> dict[str, Any]:
    return cause.to_dict() | {
        "summary": cause.text(lang),
        "why": cause.why(lang),
        "resolutions": [each.in_language(lang).to_dict(steps=True) for each in cause.resolutions],
    }


def _path(path: Path, lang: str) -> dict[str, Any]:
    return {
        "complete": path.complete,
        "elements": [_element(element) for element in path.elements],
        "causes": [_brief(cause, lang) for cause in path.causes],
    }


def _element(element: Element) -> dict[str, Any]:
    certificate = element.certificate
    return {
        "role": element.role.value,
        "name": str(element.name),
        "sha256": None if certificate is None else certificate.fingerprint,
        "serial": None if certificate is None else certificate.serial_hex,
        "not_before": None if certificate is None else _iso(certificate.not_before),
        "not_after": None if certificate is None else _iso(certificate.not_after),
        "found_in": list(element.found_in),
        "causes": [cause.code.value for cause in element.causes],
    }


def _brief(cause: Cause, lang: str) -> dict[str, Any]:
    return {
        "code": cause.code.value,
        "role": cause.role.value,
        "severity": cause.severity.value,
        "proven": cause.proven,
        "certificate": None if cause.certificate is None else cause.certificate.fingerprint,
        "summary": cause.text(lang),
    }


def _status(status: RevocationStatus) -> dict[str, Any]:
    return {
        "certificate": status.certificate.fingerprint,
        "name": str(status.certificate.subject),
        "status": str(status.status),
        "decided_by": None if status.decided_by is None else status.decided_by.source,
        "attempts": [_attempt(attempt) for attempt in status.attempts],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "kind": attempt.kind,
        "source": attempt.source,
        "origin": attempt.origin,
        "delta": attempt.delta,
        "outcome": attempt.outcome.value,
        "failure": attempt.failure or None,
        "detail": attempt.detail or None,
        "notes": list(attempt.notes),
        "sha256": attempt.sha256,
        "this_update": _iso_seconds(attempt.this_update_s),
        "next_update": _iso_seconds(attempt.next_update_s),
        "revoked_at": _iso_seconds(attempt.revoked_at_s),
        "reason": attempt.reason,
        "signer": None if attempt.signer is None else attempt.signer.fingerprint,
    }


def _statement(statement: Statement, section: str, said: Words) -> dict[str, Any]:
    facts, key = dict(statement.facts), f"{section}.{statement.code}"
    told: dict[str, Any] = {"code": statement.code}
    if section == "unchecked":
        told |= {"text": said.render(f"{key}.sentence", facts), "how": said.render(f"{key}.how", facts), "blocks": statement.blocks}
    else:
        told["text"] = said.render(key, facts)
    return told | {"facts": facts}


def _change(change: Change) -> dict[str, Any]:
    return {
        "at": _iso(change.at),
        "event": change.event,
        "certificate": None if change.certificate is None else change.certificate.fingerprint,
        "verdict": None if change.verdict is None else change.verdict.value,
        "element": change.element,
        "source": change.source,
    }


def _fetch(response: Response, *, timings: bool) -> dict[str, Any]:
    request = response.request
    told = {
        "kind": request.kind,
        "method": request.method,
        "url": request.url,
        "outcome": response.outcome.value,
        "status": response.status,
        "bytes": len(response.body),
        "detail": response.detail or None,
        "received_at": _iso_seconds(response.received_at or None),
    }
    return told | {"elapsed": response.elapsed} if timings else told


def _name_value(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _iso_seconds(seconds: int | None) -> str | None:
    from chaincheck.x509.certificate import moment

    return None if seconds is None else _iso(moment(seconds))


def _escape(match: re.Match[str]) -> str:
    encoded = match.group().encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{encoded[at]:02x}{encoded[at + 1]:02x}" for at in range(0, len(encoded), 2))
