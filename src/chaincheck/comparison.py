"""Two answers side by side: what became of one certificate since last time, and why this one is accepted and not that one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from chaincheck.causes.codes import CauseCode, Severity
from chaincheck.errors import InputError
from chaincheck.formats.described import described
from chaincheck.x509.signature import algorithm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from chaincheck.causes.cause import Cause
    from chaincheck.diagnosis import Diagnosis
    from chaincheck.past import PastCause, PastDiagnosis
    from chaincheck.x509.certificate import Certificate

# What a network may say once and take back a minute later.
NETWORK: Final = frozenset(
    {
        CauseCode.REVOCATION_UNREACHABLE,
        CauseCode.REVOCATION_REFUSED_BY_PROXY,
        CauseCode.REVOCATION_NOT_FETCHED,
        CauseCode.REVOCATION_UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is different between two answers about one certificate: causes by what they are about, and the verdict.

    ``pending``: causes of the network that were seen now for the first time, and are told only if they are there again.
    """

    appeared: tuple[Cause, ...]
    gone: tuple[Cause | PastCause, ...]
    persisted: tuple[Cause, ...]
    pending: tuple[Cause, ...]
    verdict_changed: bool

    @property
    def anything(self) -> bool:
        """Whether there is something to tell."""
        return bool(self.appeared or self.gone or self.verdict_changed)


def changes_since(
    diagnosis: Diagnosis, previous: Diagnosis | PastDiagnosis | None, before: Diagnosis | PastDiagnosis | None = None
) -> Changes:
    """See ``Diagnosis.changes_since``."""
    now, earlier, seen_before = _fatal(diagnosis, "diagnosis"), _fatal(previous, "previous"), _fatal(before, "before")
    appeared, pending, persisted = [], [], []
    for key, cause in now.items():
        if cause.code in NETWORK:
            if key not in earlier:
                pending.append(cause)
            elif key not in seen_before:
                appeared.append(cause)
            else:
                persisted.append(cause)
        else:
            (persisted if key in earlier else appeared).append(cause)
    gone = [cause for key, cause in earlier.items() if key not in now and not (cause.code in NETWORK and key not in seen_before)]
    # what was held back last time was not told: the verdict is compared with the last one that was
    told = before if previous is not None and before is not None and _waits(earlier, seen_before) else previous
    changed = told is None or told.verdict is not diagnosis.verdict
    if changed and _waits(now, earlier) and not gone:
        changed = False  # a verdict that hangs on what the network says is not told at first sight
    return Changes(appeared=tuple(appeared), gone=tuple(gone), persisted=tuple(persisted), pending=tuple(pending), verdict_changed=changed)


def _waits(now: dict[str, Any], earlier: dict[str, Any]) -> bool:
    """Whether all that refuses is of the network, and something of it is seen for the first time."""
    return any(key not in earlier for key in now) and {cause.code for cause in now.values()} <= NETWORK


def _fatal(diagnosis: Any, where: str) -> dict[str, Any]:
    from chaincheck.diagnosis import Diagnosis
    from chaincheck.past import PastDiagnosis

    if diagnosis is None:
        return {}
    if not isinstance(diagnosis, Diagnosis | PastDiagnosis):
        expected = "a Diagnosis, one read with Diagnosis.from_json, or None"
        raise InputError("argument-type", found=described(diagnosis), expected=expected, where=where)
    fatal = [cause for cause in diagnosis.causes if cause.severity is Severity.FATAL]
    if not all(cause.incident_key for cause in fatal):
        expected = 'an answer told to "administrator" or "full", which says what each cause is about'
        raise InputError("answer-damaged", found="causes without incident_key", expected=expected, where=where)
    return {cause.incident_key: cause for cause in fatal}


# two certificates


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not the same: ``what`` is a stable word ("issuer", "root", "extended-key-usage"), ``a`` and ``b`` its values."""

    what: str
    a: str
    b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Why this one and not that one.

    ``only_a``, ``only_b``: the causes, warnings included, whose kind the other does not have; ``both``: those of ``a`` that it has too.
    ``differences``: what else is not the same: first what the answers rest on, then what stands in the certificates.
    """

    a: Diagnosis
    b: Diagnosis
    only_a: tuple[Cause, ...]
    only_b: tuple[Cause, ...]
    both: tuple[Cause, ...]
    differences: tuple[Difference, ...]

    def to_text(self, *, lang: str = "en", width: int = 100) -> str:
        """Both answers in one sentence each, then what only one of them has."""
        from chaincheck.report.compared import to_text

        return to_text(self, lang=lang, width=width)

    def _repr_html_(self) -> str:
        from chaincheck.report.compared import to_html

        return to_html(self)

    def __str__(self) -> str:
        return self.to_text()


def compare(a: Diagnosis, b: Diagnosis) -> Comparison:
    """Compare two answers: two certificates and one server, or one certificate and two servers, moments or rules.

    Raises ``InputError`` for what is no ``Diagnosis``.
    """
    from chaincheck.diagnosis import Diagnosis

    for name, each in (("a", a), ("b", b)):
        given: object = each
        if not isinstance(given, Diagnosis):
            raise InputError("argument-type", found=described(given), expected="a Diagnosis", where=name)
    told_a, told_b = _kinds(a), _kinds(b)
    return Comparison(
        a=a,
        b=b,
        only_a=tuple(cause for cause in _told(a) if _kind(cause) not in told_b),
        only_b=tuple(cause for cause in _told(b) if _kind(cause) not in told_a),
        both=tuple(cause for cause in _told(a) if _kind(cause) in told_b),
        differences=tuple(_differences(a, b)),
    )


def _told(diagnosis: Diagnosis) -> list[Cause]:
    return [cause for cause in diagnosis.causes if cause.severity is not Severity.NOTE]


def _kind(cause: Cause) -> tuple[str, str, str]:
    return cause.code.value, cause.role.value, cause.severity.value


def _kinds(diagnosis: Diagnosis) -> set[tuple[str, str, str]]:
    return set(map(_kind, _told(diagnosis)))


def _differences(a: Diagnosis, b: Diagnosis) -> Iterator[Difference]:
    for what, of in _OF_ANSWER:
        if (first := of(a)) != (second := of(b)):
            yield Difference(what=what, a=first, b=second)
    if a.subject is None or b.subject is None or a.subject == b.subject:
        return
    for what, read in _OF_CERTIFICATE:
        if (first := read(a.subject)) != (second := read(b.subject)):
            yield Difference(what=what, a=first, b=second)


def _root(diagnosis: Diagnosis) -> str:
    path = diagnosis.path
    return str(path.elements[-1].name) if path is not None and path.complete else ""


def _issuers(diagnosis: Diagnosis) -> str:
    """The path above the certificate, by name and the beginning of the fingerprint: two CAs of one name are two."""
    path = diagnosis.path
    if path is None:
        return ""
    return " < ".join(
        f"{each.name} ({each.certificate.fingerprint[:8]})" if each.certificate else str(each.name) for each in path.elements[1:]
    )


def _revocation(diagnosis: Diagnosis) -> str:
    """What is known of the certificate's own revocation, and from where."""
    own = [status for status in diagnosis.revocation if status.certificate == diagnosis.subject]
    return ", ".join(
        f"{status.status} ({status.decided_by.kind})" if status.decided_by is not None else str(status.status) for status in own
    )


_OF_ANSWER: Final[tuple[tuple[str, Callable[[Diagnosis], str]], ...]] = (
    ("certificate", lambda d: "" if d.subject is None else d.subject.fingerprint),
    ("root", _root),
    ("path", _issuers),
    ("revocation", _revocation),
    ("key", lambda d: d.key_state.value),
    ("store", lambda d: f"{d.store_name} ({(d.store_identity or '')[:16]})" if d.store_name is not None else ""),
    ("rules", lambda d: d.rules_name),
    ("moment", lambda d: _moment(d.at)),
)


def _words(words: Iterable[str] | None) -> str:
    return "" if words is None else ", ".join(sorted(words))


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat().replace("+00:00", "Z")


_OF_CERTIFICATE: Final[tuple[tuple[str, Callable[[Certificate], str]], ...]] = (
    ("subject", lambda c: str(c.subject)),
    ("issuer", lambda c: str(c.issuer)),
    ("not-before", lambda c: _moment(c.not_before)),
    ("not-after", lambda c: _moment(c.not_after)),
    ("extended-key-usage", lambda c: _words(c.extended_key_usage)),
    ("key-usage", lambda c: _words(c.key_usage)),
    ("public-key", lambda c: f"{c.public_key.algorithm} {c.public_key.bits or ''}".strip()),
    ("signature", lambda c: algorithm(c.signature_algorithm).name),
    ("ocsp", lambda c: ", ".join(c.ocsp_urls)),
    ("crl", lambda c: ", ".join(url for point in c.crl_distribution_points for url in point.urls)),
)
