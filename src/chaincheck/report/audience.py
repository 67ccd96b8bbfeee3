"""What a stranger may learn: the facts of his own certificate and what he can do, nothing of store, network or other certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chaincheck.causes.codes import CauseCode, Role, Severity, Verdict
from chaincheck.causes.resolution import resolution
from chaincheck.causes.words import Text, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaincheck.causes.cause import Cause
    from chaincheck.causes.resolution import Resolution
    from chaincheck.diagnosis import Diagnosis

# The facts that are the certificate's own, by cause. What is not listed is told only in general words: a new cause is silent until somebody
# has decided that it may speak. Left out on purpose: where evidence came from, which other certificate a key fits, anything of an issuer.
OWN_FACTS: dict[CauseCode, frozenset[str]] = {
    CauseCode.NO_CERTIFICATE: frozenset(),
    CauseCode.NO_PRIVATE_KEY: frozenset(),
    CauseCode.PRIVATE_KEY_MISMATCH: frozenset({"key_sha256", "certificate_key_sha256"}),
    CauseCode.PRIVATE_KEY_UNUSABLE: frozenset({"reason"}),
    CauseCode.MALFORMED: frozenset({"offset", "field", "reason", "faults"}),
    CauseCode.EXPIRED: frozenset({"not_after", "checked_at"}),
    CauseCode.EXPIRES_SOON: frozenset({"not_after", "checked_at"}),
    CauseCode.NOT_YET_VALID: frozenset({"not_before", "checked_at", "seconds_early", "clock_suspect"}),
    CauseCode.REVOKED: frozenset({"serial", "revoked_at", "reason", "invalidity_at"}),
    CauseCode.ON_HOLD: frozenset({"serial", "revoked_at", "reason", "invalidity_at"}),
    CauseCode.REVOCATION_NOTHING_TO_CHECK: frozenset(),
    CauseCode.WRONG_EXTENDED_KEY_USAGE: frozenset({"allowed", "needed"}),
    CauseCode.ANY_EXTENDED_KEY_USAGE: frozenset({"allowed", "needed"}),
    CauseCode.WRONG_KEY_USAGE: frozenset({"allowed", "needed"}),
    CauseCode.WEAK_SIGNATURE: frozenset({"algorithm"}),
    CauseCode.WEAK_KEY: frozenset({"algorithm", "bits", "minimum"}),
    CauseCode.UNKNOWN_CRITICAL_EXTENSION: frozenset({"oid"}),
}


def is_own(cause: Cause) -> bool:
    """Whether a cause speaks about the client's certificate or key alone."""
    return cause.role is Role.SUBJECT and cause.code in OWN_FACTS


def client_headline(diagnosis: Diagnosis, lang: str) -> str:
    """``headline`` without store, issuer and network."""
    said = words(lang)
    if diagnosis.verdict is Verdict.ACCEPTED:
        return said.render("headline.accepted")
    fatal = [cause for cause in diagnosis.causes if cause.severity is Severity.FATAL]
    if diagnosis.verdict is Verdict.UNDETERMINED:
        if not fatal:
            return said.render("headline.undetermined-nothing-known")
        return said.render("headline.undetermined", clause=_clause(fatal, said.lang))
    # What something not told could still overturn does not lead.
    certain = [cause for cause in fatal if cause.proven] or fatal
    return said.render("headline.refused", clause=_clause(certain, said.lang) if certain else Text(said.render("verdict.refused")))


def _clause(fatal: Sequence[Cause], lang: str) -> Text:
    own = [cause for cause in fatal if is_own(cause)]
    clause = own[0].clause(lang) if own else _general(fatal[0], lang)
    return Text(clause[:1].lower() + clause[1:] if lang == "en" else clause)


def client_causes(diagnosis: Diagnosis, lang: str) -> list[dict[str, Any]]:
    """The own causes with their own facts; of all others only the documented cause in general words, each once."""
    told: list[dict[str, Any]] = []
    for cause in diagnosis.causes:
        if cause.severity is Severity.NOTE:
            continue
        if is_own(cause):
            told.append(_own(cause, lang))
        elif cause.severity is Severity.FATAL and (general := _reduced(cause, lang)) not in told:
            told.append(general)
    return told


def _own(cause: Cause, lang: str) -> dict[str, Any]:
    facts = cause.to_dict()["facts"]
    return {
        "code": cause.code.value,
        "documented": cause.documented.value if cause.documented is not None else None,
        "severity": cause.severity.value,
        "facts": {name: facts[name] for name in sorted(OWN_FACTS[cause.code])} if isinstance(facts, dict) else {},
        "summary": cause.text(lang),
        "reference": cause.reference,
        "resolutions": [_told(each.in_language(lang)) for each in cause.resolutions if each.who == "client"] or [_ask(lang)],
    }


def _reduced(cause: Cause, lang: str) -> dict[str, Any]:
    return {
        "code": None,
        "documented": cause.documented.value if cause.documented is not None else None,
        "severity": cause.severity.value,
        "facts": {},
        "summary": _general(cause, lang),
        "reference": None,
        "resolutions": [_ask(lang)],
    }


def _general(cause: Cause, lang: str) -> str:
    said = words(lang)
    return said.render(f"documented.{cause.documented.value}" if cause.documented is not None else "report.somebody-else")


def _ask(lang: str) -> dict[str, Any]:
    return _told(resolution("ask-administrator", lang))


def _told(each: Resolution) -> dict[str, Any]:
    return {"title": each.title, "steps": list(each.steps), "notes": list(each.notes), "risk": each.risk}
