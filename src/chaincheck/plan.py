"""``Diagnosis.plan``: changes that lead to ACCEPTED, from which none can be left out. Proven by running the engine again.

The engine runs on the stored Responses with the changes applied: all of them, then each dropped in turn. What only a new certificate can
mend is ``required`` and not proven; the other steps are then proven to leave nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from chaincheck.causes.codes import CauseCode, Role, Severity, Verdict
from chaincheck.plan_changes import EVIDENCE, Change, changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chaincheck.causes.cause import Cause
    from chaincheck.causes.resolution import Resolution
    from chaincheck.diagnosis import Diagnosis
    from chaincheck.fetch.request import Response
    from chaincheck.question import Question
    from chaincheck.x509.certificate import Certificate

ROUNDS: Final = 8  # of changes after which further causes may come to light
MOST_CHANGES: Final = 24  # in one plan: each is proven by a run of the engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change of a plan. ``kind``: what it is (stable); ``resolution``: how it is done, by whom; ``place``: where.

    ``loss``: how much security it costs, from 0 (none) to 6. ``compare``: the certificate came from the client or the network alone: its
    fingerprint is to be compared with the CA by another channel before it is trusted.
    """

    kind: str
    resolution: Resolution
    loss: int
    certificate: Certificate | None
    place: str | None
    compare: bool

    def text(self, lang: str = "en") -> str:
        """What is done."""
        return self._say("step", lang)

    def consequence(self, lang: str = "en") -> str:
        """What it brings with it."""
        return self._say("consequence", lang)

    def undo(self, lang: str = "en") -> str:
        """How it is taken back."""
        return self._say("undo", lang)

    def _say(self, part: str, lang: str) -> str:
        from chaincheck.causes.words import words

        name = str(self.certificate.subject) if self.certificate is not None else ""
        fingerprint = self.certificate.fingerprint if self.certificate is not None else ""
        facts = {"certificate": name, "sha256": fingerprint, "place": self.place or ""}
        return words(lang).render(f"plan.{self.kind}.{part}", facts)

    def to_dict(self, lang: str = "en") -> dict[str, Any]:
        """As JSON has it."""
        how = self.resolution.in_language(lang)
        return {
            "kind": self.kind,
            "text": self.text(lang),
            "who": how.who,
            "resolution": how.id,
            "commands": list(how.commands),
            "mark": how.mark.value,
            "certificate": None if self.certificate is None else self.certificate.fingerprint,
            "place": self.place,
            "compare_fingerprint": self.compare,
            "loss": self.loss,
            "consequence": self.consequence(lang),
            "undo": self.undo(lang),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What no change of settings can mend: something new is needed, mostly another certificate. ``cause``: why."""

    cause: Cause

    def text(self, lang: str = "en") -> str:
        """What is needed, and what it must have."""
        from dataclasses import fields

        from chaincheck.causes.words import words

        said = words(lang)
        key = f"plan.needs.{self.cause.code.value}"
        facts = {field.name: getattr(self.cause.facts, field.name) for field in fields(self.cause.facts)}
        kind = "subject" if self.cause.role is Role.SUBJECT else "other"
        name = str(self.cause.certificate.subject) if self.cause.certificate is not None else ""
        return said.render(key if said.has(key) else f"plan.needs.{kind}", {**facts, "certificate": name})

    def to_dict(self, lang: str = "en") -> dict[str, Any]:
        """As JSON has it."""
        return {"cause": self.cause.code.value, "role": self.cause.role.value, "text": self.text(lang)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``steps``, the least loss of security first: with all of them the answer is ACCEPTED, without any one it is not (``proven``).

    ``required``: what needs something new; the steps are then proven to leave nothing else. ``supposed``: certificates whose revocation the
    proof takes to be good, since nobody could ask about them here. ``reason``: why there is no proven plan: "needs-something-new",
    "not-enough-known" or "no-change-known"; None where there is one.
    """

    steps: tuple[Step, ...]
    required: tuple[Requirement, ...]
    supposed: tuple[Certificate, ...]
    proven: bool
    reason: str | None

    def to_dict(self, lang: str = "en") -> dict[str, Any]:
        """As JSON has it."""
        return {
            "proven": self.proven,
            "reason": self.reason,
            "steps": [step.to_dict(lang) for step in self.steps],
            "required": [requirement.to_dict(lang) for requirement in self.required],
            "supposed": [certificate.fingerprint for certificate in self.supposed],
        }


# What a server does not grow by itself: each of these needs another certificate, or a missing one to be found.
_NEEDS_NEW: Final = frozenset(
    {
        CauseCode.NO_CERTIFICATE, CauseCode.REVOKED, CauseCode.ON_HOLD, CauseCode.DISTRUSTED, CauseCode.MALFORMED, CauseCode.EXPIRED,
        CauseCode.NOT_YET_VALID, CauseCode.WRONG_EXTENDED_KEY_USAGE, CauseCode.ANY_EXTENDED_KEY_USAGE, CauseCode.WRONG_KEY_USAGE,
        CauseCode.BAD_SIGNATURE, CauseCode.WEAK_KEY, CauseCode.WEAK_SIGNATURE, CauseCode.NOT_A_CA, CauseCode.PATH_TOO_LONG,
        CauseCode.NAME_NOT_PERMITTED, CauseCode.POLICY_NOT_SATISFIED, CauseCode.UNKNOWN_CRITICAL_EXTENSION, CauseCode.ISSUER_NOT_FOUND,
        CauseCode.INTERMEDIATE_MISSING, CauseCode.NO_STRONG_MAPPING, CauseCode.PROFILE_VIOLATION,
    }
)  # fmt: skip
_CONDEMNED: Final = (CauseCode.REVOKED, CauseCode.ON_HOLD, CauseCode.DISTRUSTED)
# Nobody asked, or nobody was allowed to: the server may well be able to. The proof supposes that the answer is good.
_UNASKED: Final = frozenset({CauseCode.REVOCATION_NOT_FETCHED, CauseCode.REVOCATION_REFUSED_BY_GUARD})


def plan(diagnosis: Diagnosis) -> Plan | None:
    """The plan; None where nothing refuses, and for a diagnosis that left its question behind (pickled)."""
    question = diagnosis.question
    if question is None or diagnosis.verdict is Verdict.ACCEPTED:
        return None
    return _Proof(question, diagnosis.responses).plan(diagnosis)


class _Proof:
    """Runs of the engine on the stored Responses, each set of changes once."""

    def __init__(self, question: Question, responses: Sequence[Response]) -> None:
        self._question = question
        self._responses = responses
        self._supposed: dict[bytes, Certificate] = {}
        self._required: dict[tuple[CauseCode, Role, bytes], Cause] = {}
        self._clean: dict[tuple[tuple[str, str, str], ...], bool] = {}

    def plan(self, diagnosis: Diagnosis) -> Plan:
        chosen = self._choose(diagnosis)
        kept = self._least(chosen) if chosen is not None else []
        needed = self._still_needed(kept) if kept else self._required.values()
        proven = bool(kept) and (bool(needed) or self._run(kept).verdict is Verdict.ACCEPTED)
        required = tuple(Requirement(cause=cause) for cause in sorted(needed, key=lambda cause: cause.sort_key()))
        reason = None
        if not proven and any(each.cause.proven for each in required):
            reason = "needs-something-new"
        elif not proven:
            reason = "not-enough-known" if diagnosis.verdict is Verdict.UNDETERMINED or chosen is not None else "no-change-known"
        return Plan(
            steps=tuple(_step(change) for change in kept),
            required=required,
            supposed=tuple(self._supposed[identity] for identity in sorted(self._supposed)),
            proven=proven,
            reason=reason,
        )

    def _still_needed(self, kept: list[Change]) -> list[Cause]:
        """The requirements that the steps do not take away: a clock that is set right may end an expiry."""
        left = {_identity(cause) for cause in self._run(kept).causes}
        return [cause for identity, cause in self._required.items() if identity in left]

    def _choose(self, diagnosis: Diagnosis) -> list[Change] | None:
        """Change after change for what is found, until nothing is left that refuses; None where that cannot be reached."""
        chosen: dict[tuple[str, str, str], Change] = {}
        answer = diagnosis
        for _ in range(ROUNDS):
            if answer is not diagnosis and self._settled(answer):
                return list(chosen.values())
            before = len(chosen), len(self._supposed), len(self._required)
            asked = self._changed(chosen.values())
            chain = [element.certificate for element in answer.path.elements if element.certificate is not None] if answer.path else []
            for cause in answer.causes:
                refuses = cause.severity is Severity.FATAL or cause.code is CauseCode.ANY_EXTENDED_KEY_USAGE
                if refuses and len(chosen) < MOST_CHANGES:
                    self._meet(cause, asked, chain, chosen)
            if before == (len(chosen), len(self._supposed), len(self._required)):
                return None
            answer = self._run(chosen.values())
        return list(chosen.values()) if self._settled(answer) else None

    def _meet(self, cause: Cause, asked: Question, chain: list[Certificate], chosen: dict[tuple[str, str, str], Change]) -> None:
        """Something for one cause: a change that is not there yet, a supposition, or a requirement."""
        if cause.code in _UNASKED and cause.certificate is not None:
            if any(change.certificate == cause.certificate and change.kind in EVIDENCE for change in chosen.values()):
                return
            self._supposed[cause.certificate.sha256] = cause.certificate
            return
        if cause.code is CauseCode.REQUIRED_ONLY_HERE and asked.subject is not None:
            return
        if self._condemned(cause):
            return
        options = changes(cause, asked, chain)
        if any(option.key in chosen for option in options):
            return
        for option in options:
            if len(options) == 1 or self._helps(cause, option, chosen):
                chosen[option.key] = option
                return
        if cause.code in _NEEDS_NEW:
            self._required[_identity(cause)] = cause

    def _condemned(self, cause: Cause) -> bool:
        """Whether it is about revocation evidence for a certificate that has to be replaced because it is revoked: nothing to mend."""
        if not cause.code.value.startswith("revocation-") or cause.certificate is None:
            return False
        return any((code, cause.role, cause.certificate.sha256) in self._required for code in _CONDEMNED)

    def _helps(self, cause: Cause, option: Change, chosen: dict[tuple[str, str, str], Change]) -> bool:
        """Whether a change removes its cause and brings no other."""
        before = {(each.code, each.certificate) for each in self._run(chosen.values()).causes if each.severity is Severity.FATAL}
        after = {(each.code, each.certificate) for each in self._run((*chosen.values(), option)).causes if each.severity is Severity.FATAL}
        return (cause.code, cause.certificate) not in after and after <= before

    def _least(self, chosen: list[Change]) -> list[Change]:
        """Leave out what can be left out, the greatest loss of security first; what is left has no member too many."""
        kept = sorted(chosen, key=lambda change: (change.loss, change.key))
        for change in sorted(chosen, key=lambda change: (-change.loss, change.key)):
            without = [each for each in kept if each is not change]
            if self._settled(self._run(without)):
                kept = without
        return kept

    def _settled(self, answer: Diagnosis) -> bool:
        """Whether nothing refuses but what is required, and nothing open could."""
        fatal = [cause for cause in answer.causes if cause.severity is Severity.FATAL]
        if answer.subject is None:
            return not any(cause.code is not CauseCode.NO_CERTIFICATE for cause in fatal) and bool(self._required)
        if not self._required:
            return answer.verdict is Verdict.ACCEPTED
        left = [cause for cause in fatal if not self._condemned(cause)]
        if not {_identity(cause) for cause in left} <= set(self._required):
            return False
        missing = any(cause.code in (CauseCode.ISSUER_NOT_FOUND, CauseCode.INTERMEDIATE_MISSING) for cause in fatal)
        return missing or (answer.path is not None and answer.path.complete)

    def _run(self, chosen: Iterable[Change]) -> Diagnosis:
        from chaincheck.engine import diagnose
        from chaincheck.fetch.drive import ReplayFetcher, drive

        return drive(diagnose(self._changed(chosen)), ReplayFetcher(self._responses))

    def _changed(self, chosen: Iterable[Change]) -> Question:
        question = replace(self._question, granted=self._question.granted | frozenset(self._supposed), observed=())
        for change in sorted(chosen, key=lambda change: change.key):
            question = change.apply(question)
        return question


def _identity(cause: Cause) -> tuple[CauseCode, Role, bytes]:
    return cause.code, cause.role, cause.certificate.sha256 if cause.certificate is not None else b""


def _step(change: Change) -> Step:
    from chaincheck.causes.resolution import resolution

    return Step(
        kind=change.kind,
        resolution=resolution(change.resolution),
        loss=change.loss,
        certificate=change.certificate,
        place=change.place,
        compare=change.compare,
    )
