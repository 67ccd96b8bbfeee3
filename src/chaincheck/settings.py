"""What a checker holds: store, rules, evidence, guard, and what it has learnt of them."""

from __future__ import annotations

import sys
from datetime import timedelta
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from weakref import ref

from chaincheck.asking import (
    DEFAULT_LIMITS,
    gather_evidence,
    none_given,
    read_cache,
    read_fetch,
    read_holder,
    read_kind,
    read_moment,
    read_prefer,
    read_proxy,
    read_rules,
    read_store,
)
from chaincheck.engine import pool_for
from chaincheck.errors import InputError
from chaincheck.formats.described import described
from chaincheck.formats.limits import Limits
from chaincheck.question import DEFAULT, Question
from chaincheck.rules import IIS, Rules

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from chaincheck.asking import Fetch, Prefer
    from chaincheck.client import ClientProfile
    from chaincheck.diagnosis import Diagnosis
    from chaincheck.fetch.cache import Cache
    from chaincheck.fetch.guard import Guard
    from chaincheck.path.pool import Pool
    from chaincheck.server import ServerProfile
    from chaincheck.store import TrustStore

ANSWERS_KEPT = 4096  # about 11 kB each where evidence was fetched, 5 kB else
EVIDENCE_BYTES = 64 * 2**20  # of the lists and responses that remembered answers keep alive, each counted once
ANSWER_BYTES = 8192  # certificates above this are asked about anew each time: the memo stays below 32 MiB of certificates
_LONGEST_WARNING = timedelta(days=36_500)
_LONGEST = 86_400.0  # seconds of one question: nobody waits longer for a certificate


class Held:
    """One store with what was learnt of it. A question goes on with the one it began with, also while the checker is given another."""

    __slots__ = ("_bodies", "_most", "_round", "_weight", "answers", "pool", "reference", "store")

    def __init__(self, store: TrustStore | None, rules: Rules, server: ServerProfile | None, most: int) -> None:
        self.store = store
        self.pool = pool_for(store, (), rules, server)
        self.reference = ref(self.pool)
        """For answers, which may outlive the checker, and must not keep what it has learnt."""
        self.answers: dict[tuple[bytes, bool], tuple[Diagnosis, int, int]] = {}
        self._most = most
        self._bodies: dict[int, int] = {}
        self._weight = 0
        self._round = 0

    def known(self, key: tuple[bytes, bool], moment: int, cache: Cache | None, *, may_wait: bool) -> Diagnosis | None:
        """An earlier answer to the same bytes that still holds: asked again, it would be given on the same evidence.

        ``moment``: that would be judged, seconds since 1970 UTC. ``may_wait``: the disk may be asked whether that evidence is still what
        the cache has.
        """
        found = self.answers.get(key)
        if found is None:
            return None
        earlier, first, last = found
        if not first <= moment <= last:
            return None
        if earlier.responses or earlier._missed:
            from chaincheck.fetch.caching import unchanged

            if cache is None or not unchanged(cache, earlier.responses, earlier._missed, moment, may_wait=may_wait):
                return None
        return earlier if moment == earlier.at_s else earlier._asked_again(moment)

    def remember(self, key: tuple[bytes, bool] | None, diagnosis: Diagnosis) -> None:
        """Keep an answer that no moment named in its facts ties to the time it was given, and whose evidence is all from the cache."""
        if key is None or not self._most or not diagnosis.timeless or not all(response.request.cached for response in diagnosis.responses):
            return
        if len(self.answers) >= self._most:
            # every other one goes: asking about more than are kept, round after round, then still finds some of them
            self.answers = dict(islice(self.answers.copy().items(), self._round % 2, None, 2))
            self._round += 1
        if self._weigh(diagnosis) > EVIDENCE_BYTES:  # of answers that have gone, or there is too much of it
            self.answers, self._bodies, self._weight = {}, {}, 0
            if self._weigh(diagnosis) > EVIDENCE_BYTES:
                return
        self.answers[key] = diagnosis, *_to_the_letter(diagnosis)

    def _weigh(self, diagnosis: Diagnosis) -> int:
        """The bytes of all evidence that answers keep alive, this one's too; many share one list."""
        for response in diagnosis.responses:
            size = len(response.body)
            self._weight += size - self._bodies.get(id(response.body), 0)
            self._bodies[id(response.body)] = size
        return self._weight


def _to_the_letter(diagnosis: Diagnosis) -> tuple[int, int]:
    """From when until when nothing in the answer changes: ``holds``, and no piece of evidence, needed or not, begins or ceases to count."""
    first, last = diagnosis.holds
    for status in diagnosis.revocation + diagnosis._elsewhere:
        for attempt in status.attempts:
            begins = attempt.usable_from_s, attempt.signer_from_s
            ends = attempt.usable_until_s, attempt.signer_until_s
            for edge in (*begins, *(None if end is None else end + 1 for end in ends)):
                if edge is not None and edge <= diagnosis.at_s:
                    first = max(first, edge)
                elif edge is not None:
                    last = min(last, edge - 1)
    return first, last


_ALONE = frozenset({"cert", "at"})


class Asked(NamedTuple):
    """A question on its way: with the pool that may be used for it, and the place where its answer is remembered."""

    question: Question
    pool: Pool | None
    held: Held
    key: tuple[bytes, bool] | None
    timeout: float


Asking: TypeAlias = "tuple[Any, Any, Any, datetime | None, Any, Any, Any, Any, float | None]"
"""The arguments of one question, in the order of ``Checker.diagnose``."""


def is_listened_to() -> bool:
    """Whether the application traces, or listens to the logger. It has imported what it does that with; nothing is imported here."""
    if "opentelemetry.trace" in sys.modules:
        return True
    logging = sys.modules.get("logging")
    return logging is not None and _logger(logging).isEnabledFor(20)  # logging.INFO


@cache
def _logger(logging: Any) -> Any:
    return logging.getLogger("chaincheck.diagnosis")


class Settings:
    """The part of a checker that does not depend on how it fetches. Everything but the store is fixed when it is made."""

    _may_wait = True
    """Whether a question may wait for the disk where it stands."""

    def __init__(
        self,
        *,
        store: Any = None,
        rules: Rules = IIS,
        fetch: Fetch = "online",
        crls: Any = (),
        ocsp_responses: Any = (),
        server: ServerProfile | None = None,
        client: ClientProfile | None = None,
        prefer: Prefer = "ocsp",
        warn_before: timedelta | None = None,
        timeout: float | None = None,
        limits: Limits | None = None,
        guard: Guard | None = None,
        cache: Any = DEFAULT,
        proxy: str | None = None,
        http_client: Any = None,
        remember: int = ANSWERS_KEPT,
    ) -> None:
        self._limits: Limits = read_kind(limits, Limits, "limits", "chaincheck.Limits(...) or None") or DEFAULT_LIMITS
        self._fetch = read_fetch(fetch)
        self._crls = gather_evidence(crls, "crls", DEFAULT_LIMITS)
        self._ocsp_responses = gather_evidence(ocsp_responses, "ocsp-responses", DEFAULT_LIMITS)
        self._server = server if server is None else _checked_server(server)
        self._client = client if client is None else _checked_client(client)
        self._rules = read_rules(rules) if self._server is None else self._server.applied(read_rules(rules))
        self._prefer = read_prefer(prefer)
        self._warn_before = read_warn_before(warn_before)
        self._timeout = read_timeout(timeout)
        self._guard = guard if guard is None else _checked_guard(guard)
        self._http_client = http_client
        self._proxy = read_proxy(proxy, http_client)
        self._cache = None if self._fetch == "never" else read_cache(cache)
        self._fetchers: dict[str, Any] = {}
        self._remember = _checked_remember(remember)
        # the store is the owner's, also where ``limits`` is for strangers
        self._held = Held(read_store(store, DEFAULT_LIMITS), self._rules, self._server, self._remember)

    @property
    def store(self) -> TrustStore | None:
        """The store judged; ``reload`` gives another."""
        return self._held.store

    @property
    def rules(self) -> Rules:
        """The rules judged by."""
        return self._rules

    @property
    def fetch(self) -> Fetch:
        """Where evidence may come from."""
        return self._fetch

    @property
    def guard(self) -> Guard:
        """Who may be reached. A checker's store is its owner's own: by default its certificates may point into the intranet."""
        if self._guard is None:
            from chaincheck.fetch.guard import Guard

            self._guard = Guard.INTRANET
        return self._guard

    def reload(self, store: Any) -> None:
        """Judge by another store from now on. Questions under way are answered by the one they began with."""
        self._held = Held(read_store(store, DEFAULT_LIMITS), self._rules, self._server, self._remember)

    def _recall(self, arguments: Mapping[str, Any]) -> Diagnosis | None:
        """What is remembered of a question with nothing but a certificate, and perhaps a moment; None where it has to be asked.

        None too where the application listens: it is told of answers as they are given.
        """
        cert = arguments.get("cert")
        if type(cert) is not bytes or not arguments.keys() <= _ALONE or is_listened_to():
            return None
        at = arguments.get("at")
        return self._held.known((cert, at is None), self._moment(at), self._cache, may_wait=self._may_wait)

    def _moment(self, at: datetime | None) -> int:
        """The moment to be judged, in seconds since 1970 UTC: where none is told, now by the clock of the server."""
        moment, _ = read_moment(at)
        if at is None and self._server is not None and self._server.clock_offset is not None:
            moment += int(self._server.clock_offset)
        return moment

    def _begin(
        self,
        cert: Any,
        key: Any,
        presented: Any,
        at: datetime | None,
        crls: Any,
        ocsp_responses: Any,
        observed: Any,
        password: Any,
        timeout: Any,
    ) -> Diagnosis | Asked:
        """An earlier answer that still holds, or the question to be asked."""
        held = self._held
        memo = None
        alone = key is None and password is None and none_given(presented) and none_given(crls) and none_given(ocsp_responses)
        alone = alone and observed is None
        if alone and presented is not None and type(cert) is bytes and len(cert) <= ANSWER_BYTES:
            memo = (cert, at is None)
            if (known := held.known(memo, self._moment(at), self._cache, may_wait=self._may_wait)) is not None:
                return known
        holder = read_holder(cert, key, presented, password, self._limits)
        seen: tuple[str, ...] = ()
        if observed is not None:
            from chaincheck.iis.observation import read_observed

            seen, when = read_observed(observed)
            at = when if at is None else at
        moment, given = self._moment(at), at is not None
        lists, answers = self._crls, self._ocsp_responses
        if not alone:
            lists = lists.joined(gather_evidence(crls, "crls", self._limits))
            answers = answers.joined(gather_evidence(ocsp_responses, "ocsp-responses", self._limits))
        damaged = lists.notes + answers.notes
        question = Question(
            subject=holder.subject,
            presented=holder.presented,
            key=holder.key,
            store=held.store,
            at=moment,
            at_given=given,
            rules=self._rules,
            fetch=self._fetch,
            crls=lists.der,
            ocsp_responses=answers.der,
            server=self._server,
            client=self._client,
            observed=seen,
            fetch_unanchored=self._guard is not None and self._guard.fetch_unanchored,
            notes=holder.notes + damaged,
            evidence_notes=damaged,
            presented_told=presented is not None,
            cached=self._cache is not None,
            warn_before=self._warn_before,
            prefer=self._prefer,
        )
        listed = held.store is not None and bool(held.store.listed)
        pool = None if holder.presented or listed else held.pool
        return Asked(question, pool, held, memo, self._timeout if timeout is None else read_timeout(timeout))


def _checked_server(server: Any) -> ServerProfile:
    from chaincheck.server import ServerProfile

    found: ServerProfile = read_kind(server, ServerProfile, "server", "chaincheck.ServerProfile(...) or None")
    return found


def _checked_client(client: Any) -> ClientProfile:
    from chaincheck.client import ClientProfile

    found: ClientProfile = read_kind(client, ClientProfile, "client", "chaincheck.ClientProfile(...) or None")
    return found


def _checked_guard(guard: Any) -> Guard:
    from chaincheck.fetch.guard import Guard

    found: Guard = read_kind(guard, Guard, "guard", "chaincheck.Guard.PUBLIC, Guard.INTRANET or Guard(...)")
    return found


def _checked_remember(remember: Any) -> int:
    if type(remember) is not int or remember < 0:
        raise InputError("argument-type", found=described(remember), expected="a whole number, 0 or more", where="remember")
    return remember


def read_warn_before(warn_before: Any) -> int:
    """Whole seconds; None: 0, which warns of nothing."""
    if warn_before is None:
        return 0
    if not isinstance(warn_before, timedelta) or not timedelta(0) <= warn_before <= _LONGEST_WARNING:
        found = str(warn_before) if isinstance(warn_before, timedelta) else described(warn_before)
        expected = "a datetime.timedelta from 0 to 36,500 days, or None"
        raise InputError("argument-type", found=found, expected=expected, where="warn_before")
    return int(warn_before.total_seconds())


def read_timeout(timeout: Any) -> float:
    """Seconds for all fetching of one question; None: 20, as Windows' ChainRevAccumulativeUrlRetrievalTimeoutMilliseconds."""
    if timeout is None:
        return 20.0
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 <= timeout <= _LONGEST:
        found = f"{timeout:g}" if isinstance(timeout, float) else type(timeout).__name__
        raise InputError("timeout", found=found, expected="seconds, from 0 to 86400", where="timeout")
    return float(timeout)
