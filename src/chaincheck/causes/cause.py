"""One reason for refusal, or a warning or note: what every check yields."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chaincheck.causes.catalogue import Row, catalogue
from chaincheck.causes.codes import Role, Severity
from chaincheck.causes.resolution import Resolution, resolution
from chaincheck.causes.words import words

if TYPE_CHECKING:
    from datetime import tzinfo

    from chaincheck.causes.codes import CauseCode, DocumentedCause, Gate
    from chaincheck.causes.facts import Facts
    from chaincheck.causes.windows import WindowsCodes
    from chaincheck.causes.words import Text, Words
    from chaincheck.x509.certificate import Certificate

_ROLE_ORDER = {Role.SUBJECT: 0, Role.INTERMEDIATE: 1, Role.ANCHOR: 2, Role.SIGNER: 3, Role.STORE: 4, Role.SERVER: 5, Role.CLIENT: 6}
# What stands in facts beside the moment judged.
_MOMENTS = frozenset({"not_after", "not_before", "next_update", "this_update"})
# Warnings come after everything fatal, notes after everything else.
_SEVERITY_RANK = {Severity.FATAL: 0, Severity.WARNING: 1000, Severity.NOTE: 2000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One reason, about one element of the path or about what surrounds it.

    ``certificate`` is the element it speaks about, None where there is none (no certificate, a store).
    ``proven`` is False for a fatal cause that something not told or not reachable could still overturn.
    """

    code: CauseCode
    role: Role
    certificate: Certificate | None
    facts: Facts
    severity: Severity
    proven: bool = True

    @property
    def documented(self) -> DocumentedCause | None:
        """Which of the four causes of KB 186812 this is, if any."""
        return self._row.documented

    @property
    def gate(self) -> Gate:
        """Where a server decides it."""
        return self._row.gate

    @property
    def reference(self) -> str:
        """The rule: section and step of an RFC, or a Microsoft article."""
        return self._row.reference

    @property
    def windows(self) -> WindowsCodes | None:
        """What Windows shows for it; None where nothing is known."""
        return self._row.windows

    @property
    def resolutions(self) -> tuple[Resolution, ...]:
        """What to do, the first thing first, in English; ``Resolution.in_language`` for another language."""
        return tuple(map(resolution, self._row.resolutions))

    @property
    def rank(self) -> int:
        """The place in the order of action, smaller first: what makes the rest moot, then trust, usage, evidence, warnings, notes."""
        return self._row.rank + _SEVERITY_RANK[self.severity]

    @property
    def summary(self) -> str:
        """One English sentence with the exact facts."""
        return self.text()

    def text(self, lang: str = "en", timezone: tzinfo | None = None) -> str:
        """The summary in a language, with moments in a timezone (None: UTC)."""
        sentence = str(self._say("summary", lang, timezone))
        # "{certificate} expired" begins with words of ours, and a sentence with a capital; Japanese may begin with a URL.
        return sentence[:1].upper() + sentence[1:] if words(lang).lang == "en" else sentence

    def why(self, lang: str = "en", timezone: tzinfo | None = None) -> str:
        """What it means, in plain words: one to three sentences."""
        said = words(lang)
        keys = ["why"]
        # "with_clock_suspect" is said only where the fact clock_suspect holds.
        keys += [f"with_{field.name}" for field in fields(self.facts) if getattr(self.facts, field.name)]
        gap = "" if said.lang == "ja" else " "
        return gap.join(self._say(key, lang, timezone) for key in keys if self._key(said, key))

    def clause(self, lang: str = "en", timezone: tzinfo | None = None) -> Text:
        """The short form for a headline: "the client certificate expired 3 days ago"."""
        return self._say("clause", lang, timezone)

    @property
    def incident_key(self) -> str:
        """A stable short id of (code, object to blame): the same for every certificate hit by one CA, URL or store."""
        from hashlib import sha256

        # NUL occurs in none of the parts' own notations, so that two different lists never read alike.
        parts = (self.code.value, *(self._blamed(name) for name in self._row.blame))
        return sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:16]

    def sort_key(self) -> tuple[int, int, str, str, str]:
        """A total order that does not depend on the order of inputs: rank, role, code, certificate, facts."""
        fingerprint = self.certificate.fingerprint if self.certificate is not None else ""
        return self.rank, _ROLE_ORDER[self.role], self.code.value, fingerprint, repr(sorted(_json_facts(self.facts).items()))

    def to_dict(self, *, lang: str = "en", steps: bool = False) -> dict[str, object]:
        """As JSON, moments as ISO 8601 with Z, sentences in a language; with ``steps=True`` the resolutions with their steps."""
        certificate, windows = self.certificate, self.windows
        return {
            "code": self.code.value,
            "role": self.role.value,
            "severity": self.severity.value,
            "proven": self.proven,
            "documented": self.documented.value if self.documented is not None else None,
            "gate": self.gate.value,
            "certificate": None if certificate is None else _json_certificate(certificate),
            "facts": _json_facts(self.facts),
            "summary": self.text(lang),
            "reference": self.reference,
            "windows": None if windows is None else windows.to_dict(),
            "resolutions": [each.in_language(lang).to_dict(steps=steps) for each in self.resolutions],
            "incident_key": self.incident_key,
        }

    @property
    def _row(self) -> Row:
        return catalogue().row(self.code, self.role)

    def _key(self, said: Words, key: str) -> str | None:
        for place in (f"cause.{self.code.value}.{self.role.value}.{key}", f"cause.{self.code.value}.{key}"):
            if said.has(place):
                return place
        return None

    def _say(self, key: str, lang: str, timezone: tzinfo | None) -> Text:
        said = words(lang)
        return said.render(self._key(said, key) or f"{self.code.value}.{key}", self._context(said), timezone=timezone)

    def _context(self, said: Words) -> dict[str, object]:
        """What a template may name: the fields of the facts, and what is known of every cause."""
        certificate = self.certificate
        kind = said.render(f"role.{self.role.value}")
        context: dict[str, object] = {"certificate": kind, "element": kind, "subject": None, "issuer": None, "serial": None}
        if certificate is not None:
            subject, serial = str(certificate.subject), certificate.serial_hex
            named = said.render("role.named", kind=kind, name=subject or f"#{serial}")
            context |= {"subject": subject, "issuer": str(certificate.issuer), "serial": serial, "certificate": named}
            if self.role is not Role.SUBJECT:
                context["element"] = named  # there is one subject, there may be many others
        context |= {field.name: getattr(self.facts, field.name) for field in fields(self.facts)}
        elapsed = _elapsed(self.facts)
        return context if elapsed is None else {**context, "elapsed": elapsed}

    def _blamed(self, name: str) -> str:
        if name == "certificate":
            return self.certificate.fingerprint if self.certificate is not None else ""
        if name == "certificate.issuer":
            return str(self.certificate.issuer) if self.certificate is not None else ""
        value = _json_value(getattr(self.facts, name, None))
        return "\1".join(sorted(map(str, value))) if isinstance(value, list) else str(value)


def make(
    code: CauseCode,
    role: Role,
    certificate: Certificate | None,
    facts: Facts,
    *,
    severity: Severity | None = None,
    proven: bool | None = None,
) -> Cause:
    """A cause whose severity, and whether it is proven, are the catalogue's unless given."""
    if severity is None or proven is None:
        row = catalogue().row(code, role)
        severity = row.severity if severity is None else severity
        proven = row.proven if proven is None else proven
    return Cause(code=code, role=role, certificate=certificate, facts=facts, severity=severity, proven=proven)


def has_elapsed(facts: type[Facts]) -> bool:
    """Whether templates for these facts may name ``{elapsed}``: the time between the moment judged and the one moment beside it."""
    names = {field.name for field in fields(facts)}
    return "checked_at" in names and bool(names & _MOMENTS)


def _elapsed(facts: Facts) -> timedelta | None:
    if not has_elapsed(type(facts)):
        return None
    checked_at: datetime = getattr(facts, "checked_at")  # noqa: B009 - which class of facts it is, the caller asked
    beside: datetime = next(getattr(facts, field.name) for field in fields(facts) if field.name in _MOMENTS)
    return abs(checked_at - beside)


def _json_certificate(certificate: Certificate) -> dict[str, object]:
    return {
        "sha256": certificate.fingerprint,
        "subject": str(certificate.subject),
        "issuer": str(certificate.issuer),
        "serial": certificate.serial_hex,
    }


def _json_facts(facts: Facts) -> dict[str, object]:
    return {field.name: _json_value(getattr(facts, field.name)) for field in fields(facts)}


def _json_value(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return list(value) if isinstance(value, tuple) else value
