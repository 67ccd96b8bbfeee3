"""An answer as it was told in JSON: what ``Diagnosis.from_json`` reads, written by this version, an older one, or one that knows more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from chaincheck.causes.codes import CauseCode, DocumentedCause, Finding, Gate, Role, Severity, Verdict
from chaincheck.errors import InputError
from chaincheck.formats.described import described

if TYPE_CHECKING:
    from enum import StrEnum

LARGEST: Final = 64 * 2**20  # characters: an answer with 32 paths of long names stays below one million
_VERSION: Final = 1
_Word = TypeVar("_Word", bound="StrEnum")


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCause:
    """One cause as it was told.

    ``code``, ``role``, ``gate`` and ``documented`` are the members of their enumerations, or the word itself where this version does not
    know it: they compare with ``==`` either way. ``severity`` of a word that is not known is FATAL. ``certificate``: subject, issuer,
    serial, sha256 of the element to blame; ``facts``: as JSON has them.
    """

    code: CauseCode | str
    role: Role | str
    gate: Gate | str
    documented: DocumentedCause | str | None
    severity: Severity
    proven: bool
    certificate: Mapping[str, Any] | None
    facts: Mapping[str, Any]
    summary: str
    reference: str
    incident_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastDiagnosis:
    """An answer read back. It says what was said; nothing is judged again, and whoever could write it could say anything.

    ``data`` is all of it. What the audience it was told to did not learn is empty here.
    """

    data: Mapping[str, Any]
    verdict: Verdict
    at: datetime
    headline: str
    causes: tuple[PastCause, ...]
    documented_causes: Mapping[DocumentedCause, Finding]
    holds_until: datetime | None

    @property
    def accepted(self) -> bool:
        """True only where ACCEPTED was said: a verdict that this version does not know counts as UNDETERMINED."""
        return self.verdict is Verdict.ACCEPTED

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of the certificate that was asked about (hex), None where there was none."""
        subject = self.data.get("subject")
        return subject.get("sha256") if isinstance(subject, dict) else None

    def __bool__(self) -> NoReturn:
        raise TypeError("a PastDiagnosis has no truth value: use d.accepted")

    def to_dict(self) -> dict[str, Any]:
        """What was read."""
        return dict(self.data)

    def __repr__(self) -> str:
        codes = ", ".join(str(cause.code) for cause in self.causes if cause.severity is Severity.FATAL)
        return f"<PastDiagnosis {self.verdict.value}{': ' + codes if codes else ''}>"


def from_json(text: str | bytes | Mapping[str, Any]) -> PastDiagnosis:
    """Read what ``to_json`` or ``to_dict`` told, to any audience.

    Keys that are missing (an older version) are empty, keys and words that are not known (a newer one) are kept. Raises ``InputError`` for
    what is no answer of chaincheck, and for a ``schema_version`` above this one: something in it may mean something else.
    """
    told = _parsed(text)
    version = told.get("schema_version")
    if type(version) is not int or version < 1:
        raise _wrong(_shown(version), "the schema_version of an answer of chaincheck", "schema_version")
    if version > _VERSION:
        raise _wrong(
            f"schema_version {_shown(version)}", f"schema_version {_VERSION}", "schema_version", hint="a newer chaincheck reads it"
        )
    if "verdict" not in told:
        raise _wrong("no verdict", "an answer of chaincheck", "verdict")
    at = _moment(told.get("checked_at"), "checked_at")
    if at is None:
        raise _wrong("no moment", "when it was judged, in ISO 8601 with an offset", "checked_at")
    verdict = _known(Verdict, _text(told, "verdict", ""))
    causes = told.get("causes", [])
    if not isinstance(causes, list):
        raise _wrong(_shown(causes), "a list", "causes")
    return PastDiagnosis(
        data=told,
        verdict=verdict if isinstance(verdict, Verdict) else Verdict.UNDETERMINED,
        at=at,
        headline=_text(told, "headline", ""),
        causes=tuple(_cause(each, f"causes[{number}]") for number, each in enumerate(causes)),
        documented_causes=_documented(told.get("documented_causes")),
        holds_until=_moment(told.get("holds_until"), "holds_until"),
    )


def _parsed(text: Any) -> dict[str, Any]:
    if isinstance(text, Mapping):
        return dict(text)
    if not isinstance(text, str | bytes):
        raise _wrong(type(text).__name__, "text, bytes or a dictionary", "from_json", hint="give what is in the file, not its path")
    if len(text) > LARGEST:
        raise _wrong(f"{len(text):,} characters", f"at most {LARGEST:,}", "from_json")
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        hint = None if len(text) > 4096 or text.lstrip()[:1] in ("{", b"{") else "give what is in the file, not its path"
        raise _wrong(f"no JSON ({error})"[:120], "what to_json told", "from_json", hint=hint) from error
    if not isinstance(told, dict):
        raise _wrong(_shown(told), "an object", "from_json")
    return told


def _cause(told: Any, where: str) -> PastCause:
    if not isinstance(told, dict):
        raise _wrong(_shown(told), "an object", where)
    documented = told.get("documented")
    severity = _known(Severity, _text(told, "severity", "", where))
    facts, certificate = told.get("facts"), told.get("certificate")
    return PastCause(
        code=_known(CauseCode, _text(told, "code", "", where)),
        role=_known(Role, _text(told, "role", "", where)),
        gate=_known(Gate, _text(told, "gate", "", where)),
        documented=None if documented is None else _known(DocumentedCause, _text(told, "documented", "", where)),
        severity=severity if isinstance(severity, Severity) else Severity.FATAL,
        proven=told.get("proven") is not False,
        certificate=certificate if isinstance(certificate, dict) else None,
        facts=facts if isinstance(facts, dict) else {},
        summary=_text(told, "summary", "", where),
        reference=_text(told, "reference", "", where),
        incident_key=_text(told, "incident_key", "", where),
    )


def _documented(told: Any) -> dict[DocumentedCause, Finding]:
    """The causes this version knows; a finding it does not know rules nothing out."""
    if not isinstance(told, dict):
        return {}
    found = {}
    for name, value in told.items():
        cause, finding = _known(DocumentedCause, name), _known(Finding, value if isinstance(value, str) else "")
        if isinstance(cause, DocumentedCause):
            found[cause] = finding if isinstance(finding, Finding) else Finding.NOT_CHECKED
    return found


def _known(words: type[_Word], word: str) -> _Word | str:
    try:
        return words(word)
    except ValueError:
        return word


def _text(told: Mapping[str, Any], name: str, missing: str, where: str = "") -> str:
    value = told.get(name)
    if value is None:
        return missing
    if not isinstance(value, str):
        raise _wrong(_shown(value), "text", f"{where}.{name}" if where else name)
    return value


def _moment(told: Any, where: str) -> datetime | None:
    if told is None:
        return None
    try:
        moment = datetime.fromisoformat(told)
        aware = moment.utcoffset() is not None
        found = moment.astimezone(UTC) if aware else None
    except (TypeError, ValueError, OverflowError):
        found = None
    if found is None:
        raise _wrong(_shown(told), "a moment in ISO 8601 with an offset", where)
    return found


def _shown(value: Any) -> str:
    if isinstance(value, str | float | bool | None):
        return repr(value)[:60]
    return repr(value) if type(value) is int and abs(value) < 1 << 64 else described(value)


def _wrong(found: str, expected: str, where: str, *, hint: str | None = None) -> InputError:
    return InputError("answer-damaged", found=found, expected=expected, where=where, hint=hint)
