"""What IIS would answer: status, substatus and code, with how sure that is. Never surer than the marks of the causes it follows from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from chaincheck.causes.codes import CauseCode, Gate, Severity, Verdict
from chaincheck.causes.windows import HResult, IISStatus, Mark
from chaincheck.iis.offer import withheld

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaincheck.causes.cause import Cause
    from chaincheck.client import Stack
    from chaincheck.diagnosis import Diagnosis


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerResponse:
    """``status``: "403.16", or None where the connection ends without an answer. ``hresult``: the code beside it, in all its forms.

    ``also``: what else may be seen. ``cause``: what it follows from. ``confidence``: documented where one cause alone decides and the
    vendor says so; ``why``: "one-cause", "several-causes" (which code comes first is not published), "not-proven", "not-offered" (this
    client sends no such certificate).
    """

    status: str | None
    hresult: HResult | None
    confidence: Mark
    cause: Cause
    why: str
    also: tuple[IISStatus, ...] = ()

    @property
    def logged(self) -> str | None:
        """The tail of the line in the log of IIS: "403 16 2148204809"."""
        if self.status is None:
            return None
        status, _, substatus = self.status.partition(".")
        return f"{status} {substatus or 0} {self.hresult.logged if self.hresult is not None else 0}"

    def text(self, lang: str = "en") -> str:
        """One sentence."""
        from chaincheck.causes.words import words

        said = words(lang)
        code = f" {self.hresult.hex} {self.hresult.name}" if self.hresult is not None else ""
        answer = f"{self.status}{code}" if self.status is not None else said.render("response.no-answer")
        mark = said.render(f"mark.{self.confidence.value}")
        return said.render(f"response.{self.why}", answer=answer, mark=mark)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        code = self.hresult
        return {
            "status": self.status,
            "logged": self.logged,
            "hresult": code
            and {"name": code.name, "hex": code.hex, "signed": code.signed, "unsigned": code.unsigned, "logged": code.logged},
            "confidence": self.confidence.value,
            "why": self.why,
            "cause": self.cause.code.value,
            "also": [{"status": each.status, "mark": each.mark.value} for each in self.also],
        }


# Of several faults of the chain: the order in which .NET lists them. For IIS no order is published.
_ORDER: Final = (
    CauseCode.BAD_SIGNATURE, CauseCode.UNTRUSTED_ROOT, CauseCode.ROOT_IN_WRONG_STORE, CauseCode.NOT_SELF_SIGNED_IN_ROOT,
    CauseCode.ISSUER_NOT_ACCEPTED, CauseCode.ISSUER_NOT_FOUND, CauseCode.INTERMEDIATE_MISSING, CauseCode.REVOKED, CauseCode.ON_HOLD,
    CauseCode.WRONG_EXTENDED_KEY_USAGE, CauseCode.EXPIRED, CauseCode.NOT_YET_VALID,
)  # fmt: skip
_RANK: Final = {code: place for place, code in enumerate(_ORDER)}
_SURENESS: Final = {Mark.DOCUMENTED: 0, Mark.REPORTED: 1, Mark.INFERRED: 2}
_REFUSED: Final = IISStatus(status="403.7", mark=Mark.DOCUMENTED)
_GATES: Final = (Gate.REQUEST, Gate.OFFER, Gate.CHAIN, Gate.MAPPING)


def response(diagnosis: Diagnosis) -> ServerResponse | None:
    """What the server answers; None where nothing refuses, or the rules are not those of IIS."""
    if diagnosis.verdict is Verdict.ACCEPTED or not diagnosis.rules.root_store_hygiene:
        return None
    fatal = [cause for cause in diagnosis.causes if cause.severity is Severity.FATAL]
    fatal = [cause for cause in fatal if cause.proven] or fatal
    stack = diagnosis.client.stack if diagnosis.client is not None else None
    for gate in _GATES:  # in the order in which they are passed: what is refused at one never comes to the next
        here = [cause for cause in fatal if _gate(cause, stack) is gate]
        if here:
            found = _answer(here, stack)
            if found.cause.code is CauseCode.BINDINGS_DIFFER:
                return _differing(found)
            return _asked_late(found, diagnosis) if found.cause.code is CauseCode.LATE_CERTIFICATE_REQUEST else found
    return None


# Settings of a binding that decide whether and when a certificate is asked for, and nothing about the one that comes
_ASKING: Final = frozenset({"negotiate", "http2", "tls13"})


def _differing(found: ServerResponse) -> ServerResponse:
    """Bindings that differ only in how they ask: one of them gets no certificate, which is 403.7 (documented for that, inferred here)."""
    settings = getattr(found.cause.facts, "settings", ())
    if not settings or not _ASKING.issuperset(settings):
        return found
    return replace(found, status="403.7", also=tuple(status for status in found.also if status.status != "403.7"))


# Builds of Windows from which on a late request under TLS 1.3 resets the connection, and from which on it is answered (reported by users)
_RESETS: Final = 20348
_ANSWERS: Final = 26100
_NOT_SUPPORTED: Final = HResult(name="ERROR_NOT_SUPPORTED", unsigned=0x80070032, logged=50, mark=Mark.REPORTED)


def _asked_late(found: ServerResponse, diagnosis: Diagnosis) -> ServerResponse:
    """Windows Server 2022 resets a connection of TLS 1.3 on which it cannot ask; Server 2025 answers 500 with ERROR_NOT_SUPPORTED."""
    build = diagnosis.server.windows_build if diagnosis.server is not None else None
    if build is None or build < _RESETS or "TLS 1.3" not in getattr(found.cause.facts, "protocols", ()):
        return found
    also = tuple(status for status in (*found.also, IISStatus(status="403.7", mark=Mark.REPORTED)) if status.status != "500")
    if build < _ANSWERS:
        return replace(found, status=None, hresult=None, also=also)
    return replace(found, status="500", hresult=_NOT_SUPPORTED, also=also)


def _gate(cause: Cause, stack: Stack | None) -> Gate:
    """Chain and validity are judged together; what the client filters by itself is decided at its own gate."""
    if withheld(cause, stack):
        return Gate.OFFER
    return Gate.CHAIN if cause.gate is Gate.VALIDITY else cause.gate


def _answer(causes: Sequence[Cause], stack: Stack | None) -> ServerResponse:
    decisive = min(causes, key=lambda cause: (_RANK.get(cause.code, len(_ORDER)), cause.sort_key()))
    kept_back = withheld(decisive, stack)
    windows = decisive.windows
    iis = _REFUSED if kept_back else windows.iis if windows is not None else None
    seen = [each.windows for each in causes if each.windows is not None]
    others = [status for codes in seen for status in (codes.iis, *codes.also) if status is not None]
    best: dict[str, IISStatus] = {}
    for status in others:
        known = best.get(status.status)
        if known is None or _SURENESS[status.mark] < _SURENESS[known.mark]:
            best[status.status] = status
    statuses = {each.iis.status for each in seen if each.iis is not None}
    several = len(statuses) > 1 or len({each.hresult.name for each in seen if each.hresult is not None}) > 1
    why = "not-offered" if kept_back else "not-proven" if not decisive.proven else "several-causes" if several else "one-cause"
    return ServerResponse(
        status=iis.status if iis is not None else None,
        hresult=None if kept_back or windows is None else windows.hresult,
        confidence=_confidence(decisive, iis, stack, why),
        cause=decisive,
        why=why,
        also=tuple(best[name] for name in sorted(best) if iis is None or name != iis.status),
    )


def _confidence(cause: Cause, iis: IISStatus | None, stack: Stack | None, why: str) -> Mark:
    """The weakest of all that it rests on."""
    if why in ("not-proven", "several-causes") or iis is None:
        return Mark.INFERRED
    marks = [iis.mark]
    if (why == "not-offered" or cause.code is CauseCode.ISSUER_NOT_LISTED) and stack is not None:
        marks.append(stack.mark)
    if cause.code is CauseCode.RENEGOTIATION_REFUSED and stack is not None:
        marks.append(stack.renegotiation_mark)
    return max(marks, key=_SURENESS.__getitem__)
