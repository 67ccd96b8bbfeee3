"""The answer: a verdict, the causes, the paths, the evidence, and what was assumed or could not be checked.

A ``Diagnosis`` keeps what the engine found and derives the rest when it is asked for: most answers are read only for ``accepted``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, NoReturn

from chaincheck.causes.codes import DocumentedCause, Finding, Role, Severity, Verdict
from chaincheck.errors import RefusedError
from chaincheck.x509.certificate import moment

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta, tzinfo
    from weakref import ReferenceType

    from chaincheck.causes.cause import Cause
    from chaincheck.client import ClientProfile
    from chaincheck.comparison import Changes
    from chaincheck.fetch.request import Request, Response
    from chaincheck.iis.observation import Observation
    from chaincheck.iis.response import ServerResponse
    from chaincheck.past import PastDiagnosis
    from chaincheck.path.pool import Node, Pool
    from chaincheck.plan import Plan
    from chaincheck.question import Question
    from chaincheck.revocation.status import RevocationStatus
    from chaincheck.server import ServerProfile
    from chaincheck.statement import Statement
    from chaincheck.x509.certificate import Certificate
    from chaincheck.x509.name import Name

_NEVER: Final = 2**61  # seconds from which on there is no such moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One element of a path: a certificate, or the bare name of an anchor; where it was found; its causes.

    ``distrusted_from``: the first second (since 1970 UTC) from which a property in the store distrusts it; None: never.
    """

    certificate: Certificate | None
    name: Name
    role: Role
    found_in: tuple[str, ...]
    causes: tuple[Cause, ...]
    distrusted_from: int | None = None

    @property
    def refused(self) -> bool:
        """Whether a fatal cause speaks about this element."""
        return any(cause.severity is Severity.FATAL for cause in self.causes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A candidate path, subject first. ``complete``: it ends in a trust anchor of the given store."""

    elements: tuple[Element, ...]
    causes: tuple[Cause, ...]
    complete: bool

    @property
    def clean(self) -> bool:
        """Complete and without a fatal cause."""
        return self.complete and not any(cause.severity is Severity.FATAL for cause in self.causes)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathsCut:
    """The search stopped early: at least ``left`` more partial paths, and why."""

    left: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One future moment at which this answer may change: what happens then, to which certificate, and the verdict from then on.

    ``event``: "begins", "expires", "distrusted" or "evidence-runs-out". ``element``: what it happens to: the "subject", an "intermediate",
    the "anchor", or the "crl" or "ocsp" response from ``source`` ("evidence": several together). ``verdict``: what the engine answers for
    that moment if nothing else changes: no other certificate, no newer evidence.
    """

    at: datetime
    event: str
    certificate: Certificate | None
    verdict: Verdict | None
    element: str
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOutcome:
    """RFC 5280 6.1.5 (g), 6.1.6: the user-constrained policy set (dotted OIDs), and the qualifiers of each policy in words."""

    user_constrained_policy_set: frozenset[str]
    qualifiers: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Seen(NamedTuple):
    """An element as a path shows it: what is left of a node when an answer is pickled."""

    certificate: Certificate | None
    subject: Name
    places: tuple[str, ...]
    distrusted_from: int


class Judged:
    """One candidate as the engine judged it, made into a ``Path`` when somebody looks. ``rooted``: it ends in a root, trusted or not."""

    __slots__ = ("anchored", "causes", "nodes", "policies", "rooted")

    def __init__(
        self,
        nodes: Sequence[Node | Seen],
        anchored: bool,
        rooted: bool,
        causes: tuple[Cause, ...],
        policies: Callable[[], PolicyOutcome] | PolicyOutcome | None,
    ) -> None:
        self.nodes = nodes
        self.policies = policies
        self.anchored = anchored
        self.rooted = rooted
        self.causes = causes

    def __reduce__(self) -> tuple[object, ...]:
        seen = tuple(Seen(node.certificate, node.subject, node.places, node.distrusted_from) for node in self.nodes)
        return Judged, (seen, self.anchored, self.rooted, self.causes, self.policy_outcome())

    def policy_outcome(self) -> PolicyOutcome | None:
        """What policies leave of the path; worked out when it is first asked for."""
        if callable(self.policies):
            self.policies = self.policies()
        return self.policies


class Diagnosis:
    """Why a client certificate is refused, or that it is not. Immutable; made by ``chaincheck.diagnose``."""

    __slots__ = (
        "_causes",
        "_documented",
        "_elsewhere",
        "_extra",
        "_judged",
        "_missed",
        "_paths",
        "_plan",
        "_pool",
        "_question",
        "_responses",
        "_store",
        "_store_identity",
        "_upcoming",
        "assumptions",
        "at_s",
        "client",
        "holds",
        "key_state",
        "observed",
        "paths_cut",
        "revocation",
        "rules",
        "server",
        "store_name",
        "subject",
        "unchecked",
        "verdict",
        "warn_before_s",
    )  # fmt: skip

    def __init__(
        self,
        question: Question,
        verdict: Verdict,
        judged: tuple[Judged, ...],
        extra: tuple[Cause, ...],
        revocation: tuple[RevocationStatus, ...],
        assumptions: tuple[Statement, ...],
        unchecked: tuple[Statement, ...],
        holds: tuple[int, int],
        paths_cut: PathsCut | None,
    ) -> None:
        self._question: Question | None = question
        self._judged = judged
        self._extra = extra
        self._causes: tuple[Cause, ...] | None = None
        self._paths: tuple[Path, ...] | None = None
        self._documented: dict[DocumentedCause, Finding] | None = None
        self._plan: Plan | Literal["not-asked"] | None = "not-asked"
        self._upcoming: tuple[Change, ...] | None = None
        self._pool: ReferenceType[Pool] | None = None
        self._responses: tuple[Response, ...] = ()
        self._missed: tuple[Request, ...] = ()
        self._elsewhere: tuple[RevocationStatus, ...] = ()
        self.verdict = verdict
        self.revocation = revocation
        self.assumptions = assumptions
        self.unchecked = unchecked
        self.paths_cut = paths_cut
        self.holds = holds
        self.at_s = question.at
        self.warn_before_s = question.warn_before
        self.subject = question.subject
        self.rules = question.rules
        self.key_state = question.key.state
        self.client: ClientProfile | None = question.client
        self.server: ServerProfile | None = question.server
        self.observed = question.observed
        store = question.store
        self.store_name = store.name if store is not None else None
        self._store = store
        self._store_identity: str | None = None

    # the verdict

    @property
    def accepted(self) -> bool:
        """True only where a path was proven good."""
        return self.verdict is Verdict.ACCEPTED

    def __bool__(self) -> NoReturn:
        raise TypeError("a Diagnosis has no truth value: use d.accepted")

    def raise_unless_accepted(self) -> None:
        """Raise ``RefusedError`` for REFUSED and for UNDETERMINED."""
        if not self.accepted:
            raise RefusedError(self)

    @property
    def rules_name(self) -> str:
        """The name of the rules judged by."""
        return self.rules.name

    @property
    def at(self) -> datetime:
        """The moment judged (UTC)."""
        return moment(self.at_s)

    @property
    def warn_before(self) -> timedelta:
        """How long before the end of a validity this answer warns of it; zero: not at all."""
        from datetime import timedelta

        return timedelta(seconds=self.warn_before_s)

    @property
    def holds_from(self) -> datetime | None:
        """From when on this answer is the same (UTC); None: as far back as is known."""
        return moment(self.holds[0]) if self.holds[0] > -_NEVER else None

    @property
    def holds_until(self) -> datetime | None:
        """The last second at which this answer is the same if nothing else changes (UTC); None: no end is known."""
        return moment(self.holds[1]) if self.holds[1] < _NEVER else None

    @property
    def store_identity(self) -> str | None:
        """The content hash of the store judged; None where no store was told."""
        if self._store_identity is None and self._store is not None:
            self._store_identity = self._store.identity
        return self._store_identity

    @property
    def timeless(self) -> bool:
        """Whether nothing in the answer names the moment it was given for."""
        if len(self._judged) == 1 and not self._extra and not self._judged[0].causes:
            return True
        found = [*self._extra, *(cause for judged in self._judged for cause in judged.causes)]
        return not any(hasattr(cause.facts, "checked_at") for cause in found)

    @property
    def headline(self) -> str:
        """One English sentence without jargon."""
        from chaincheck.report.headline import headline

        return headline(self, "en")

    # what was found

    @property
    def causes(self) -> tuple[Cause, ...]:
        """Every cause of ``path`` and those common to all paths, in the order of action."""
        if self._causes is None:
            found = {*self._extra, *(self._judged[0].causes if self._judged else ())}
            self._causes = tuple(sorted(found, key=lambda cause: cause.sort_key()))
        return self._causes

    @property
    def paths(self) -> tuple[Path, ...]:
        """The best candidate paths, at most 32, each with its own causes."""
        if self._paths is None:
            self._paths = tuple(_path(judged) for judged in self._judged)
        return self._paths

    @property
    def path(self) -> Path | None:
        """The best candidate path; None without a certificate."""
        return self.paths[0] if self._judged else None

    @property
    def policies(self) -> PolicyOutcome | None:
        """The policies under which ``path`` is valid (RFC 5280 6.1.6); None without a complete path."""
        return self._judged[0].policy_outcome() if self._judged and self._judged[0].anchored else None

    @property
    def upcoming(self) -> tuple[Change, ...]:
        """What changes later by itself on ``path``, in order: certificates that begin or cease to hold, evidence that runs out.

        The verdict after each is found by running the engine for that moment on what was fetched, when this is first asked for.
        """
        if self._upcoming is None:
            from chaincheck.upcoming import upcoming

            self._upcoming = upcoming(self)
        return self._upcoming

    @property
    def documented_causes(self) -> dict[DocumentedCause, Finding]:
        """All four causes of KB 186812, each found, ruled out (only where positively checked) or not checked."""
        if self._documented is None:
            from chaincheck.documented import findings

            self._documented = findings(self)
        return dict(self._documented)

    @property
    def response(self) -> ServerResponse | None:
        """What IIS would answer, with its confidence; None where nothing refuses, and for the rules of other servers."""
        from chaincheck.iis.response import response

        return response(self)

    @property
    def observation(self) -> Observation | None:
        """Which causes explain what was seen (``observed=``); None where nothing was told."""
        from chaincheck.iis.observation import observation

        return observation(self)

    @property
    def plan(self) -> Plan | None:
        """Changes that lead to ACCEPTED, proven by running the engine with them on what was fetched, or why none are known.

        None where nothing refuses. It is proven when it is first asked for: some runs of the engine, nothing is fetched.
        """
        if self._plan == "not-asked":
            from chaincheck.plan import plan

            self._plan = plan(self)
        return self._plan

    # faces

    def to_dict(
        self, *, audience: Literal["client", "administrator", "full"] = "full", lang: str = "en", timings: bool = False
    ) -> dict[str, Any]:
        """The answer as plain data for JSON (schema: ``chaincheck/report/schema.json``).

        ``audience="client"`` leaves out everything about the store, the network and other certificates. The same Question and the same
        Responses give the same dictionary; ``timings=True`` adds elapsed times, which differ.
        """
        from chaincheck.report.json import to_dict

        return to_dict(self, audience=audience, lang=lang, timings=timings)

    def to_json(self, *, audience: Literal["client", "administrator", "full"] = "full", lang: str = "en", indent: int | None = 2) -> str:
        """``to_dict`` as JSON text, byte-identical for the same Question and Responses."""
        from chaincheck.report.json import to_json

        return to_json(self, audience=audience, lang=lang, indent=indent)

    def to_text(self, *, lang: str = "en", timezone: tzinfo | None = None, width: int = 100) -> str:
        """What a site administrator can act on: headline, certification path, causes with steps, what was not checked."""
        from chaincheck.report.text import to_text

        return to_text(self, lang=lang, timezone=timezone, width=width)

    def to_html(self, *, lang: str = "en", timezone: tzinfo | None = None) -> str:
        """One self-contained page: no script, nothing loaded from outside. Needs the extra ``report``; else ``MissingExtraError``."""
        from chaincheck.report.html import to_html

        return to_html(self, lang=lang, timezone=timezone)

    def plot(self, ax: Any = None, *, lang: str = "en") -> Any:
        """When each element of the path and each piece of evidence holds, as bars around the moment judged; returns matplotlib's axes.

        ``ax``: axes to draw on; None: new ones. Needs the extra ``plot``; else ``MissingExtraError``.
        """
        from chaincheck.report.plot import plot

        return plot(self, ax, lang=lang)

    def _repr_html_(self) -> str | None:
        """What a notebook shows; None, so that it shows the text, without the extra ``report``."""
        from chaincheck.errors import MissingExtraError
        from chaincheck.report.html import fragment

        try:
            return fragment(self)
        except MissingExtraError:
            return None

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        shown = {"text/plain": self.to_text(), "application/json": self.to_dict()}
        html = self._repr_html_()
        return shown if html is None else {"text/html": html, **shown}

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        codes = ", ".join(cause.code.value for cause in self.causes if cause.severity is Severity.FATAL)
        return f"<Diagnosis {self.verdict.value}{': ' + codes if codes else ''}>"

    def changes_since(self, previous: Diagnosis | PastDiagnosis | None, before: Diagnosis | PastDiagnosis | None = None) -> Changes:
        """What appeared, went and persisted since ``previous``, an earlier answer about the same certificate, or one read from JSON.

        ``before``: the answer before that, for the patience with networks: a cause of the network (an address that was not reachable) is
        told when it is seen the second time in a row, and gone when it is missing once. Without ``before`` the first sight of it is
        ``pending``. None for ``previous``: everything is new. Raises ``InputError`` for what is no answer.
        """
        from chaincheck.comparison import changes_since

        return changes_since(self, previous, before)

    @staticmethod
    def from_json(text: str | bytes | Mapping[str, Any]) -> PastDiagnosis:
        """Read what ``to_json`` told, by this version or an older one, to any audience. Nothing is judged again.

        Keys and codes that are not known are kept; a verdict that is not known is UNDETERMINED. Raises ``InputError`` for what is no answer
        of chaincheck, and for a ``schema_version`` above this version's.
        """
        from chaincheck.past import from_json

        return from_json(text)

    def save_case(self, path: str | os.PathLike[str]) -> None:
        """Write the question, every byte used to answer it and the answer as a folder, or as a zip where the name ends in ``.zip``.

        Never a private key, only its public half. Raises ``ChaincheckError`` for a diagnosis that came through pickle.
        """
        from chaincheck.case import save_case

        save_case(self, path)

    @property
    def question(self) -> Question | None:
        """What was asked; None after pickling, which leaves the store behind."""
        question = self._question
        return question if question is None or question.at == self.at_s else replace(question, at=self.at_s)

    @property
    def responses(self) -> tuple[Response, ...]:
        """Everything that was fetched to answer."""
        return self._responses

    def _asked_again(self, at: int) -> Diagnosis:
        """The same answer for another moment inside ``holds``: only for answers none of whose facts name the moment."""
        again: Diagnosis = object.__new__(Diagnosis)
        for slot in Diagnosis.__slots__:
            setattr(again, slot, getattr(self, slot))
        again.at_s = at
        again._plan = "not-asked"
        again._upcoming = None
        return again

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        state = {slot: getattr(self, slot) for slot in Diagnosis.__slots__}
        state["_store_identity"] = self.store_identity
        state["_plan"] = self.plan  # neither can be found without the question
        state["_upcoming"] = self.upcoming
        state["_question"] = state["_store"] = state["_pool"] = None
        state["_paths"] = None
        state["_missed"] = state["_elsewhere"] = ()
        return None, state


def _path(judged: Judged) -> Path:
    last = len(judged.nodes) - 1
    elements = []
    for index, node in enumerate(judged.nodes):
        role = Role.SUBJECT if index == 0 else Role.ANCHOR if judged.rooted and index == last else Role.INTERMEDIATE
        certificate = node.certificate
        own = tuple(
            sorted((c for c in judged.causes if certificate is not None and c.certificate == certificate), key=lambda c: c.sort_key())
        )
        since = node.distrusted_from if node.distrusted_from < _NEVER else None
        elements.append(
            Element(certificate=certificate, name=node.subject, role=role, found_in=node.places, causes=own, distrusted_from=since)
        )
    return Path(elements=tuple(elements), causes=tuple(sorted(judged.causes, key=lambda c: c.sort_key())), complete=judged.anchored)
