"""Metrics for Prometheus: names and labels of x509-certificate-exporter where the meaning is the same, ``chaincheck_*`` for ours.

How many series there are is bounded: so many targets are told one by one, all are counted; no counter names a certificate.
"""

from __future__ import annotations

from collections import Counter
from math import inf
from pathlib import PurePath
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from chaincheck.causes.codes import Severity, Verdict
from chaincheck.causes.words import visible
from chaincheck.errors import InputError, MissingExtraError
from chaincheck.fleet.many import as_results
from chaincheck.formats.described import described

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from chaincheck.diagnosis import Diagnosis
    from chaincheck.fleet.many import Result
    from chaincheck.x509.name import Name

TARGETS: Final = 10_000  # that have series of their own
_LONGEST: Final = 200  # characters of a label
# X.520 and RFC 4519: the attributes x509-certificate-exporter makes labels of.
_ATTRIBUTES: Final = {"2.5.4.6": "C", "2.5.4.8": "ST", "2.5.4.7": "L", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.3": "CN"}
_OF_FILE: Final = ("filename", "filepath")
_ISSUER: Final = tuple(f"issuer_{name}" for name in _ATTRIBUTES.values())
_SUBJECT: Final = tuple(f"subject_{name}" for name in _ATTRIBUTES.values())
_OF_CERTIFICATE: Final = ("serial_number", *_SUBJECT, *_ISSUER, *_OF_FILE)


class Metrics:
    """A collector of ``prometheus-client``: what the last look at a set of certificates found.

    Agents hand the results of each round to :meth:`replace`, services each answer to :meth:`observe`. Register the object with a
    ``CollectorRegistry``, or write a file for the textfile collector of node_exporter with :meth:`write`.

    ``targets``: how many certificates have series of their own (10,000); the others are counted in ``chaincheck_results`` and
    ``chaincheck_incident_certificates`` alone. May be used from many threads.

    Raises ``MissingExtraError`` without the extra ``metrics``.
    """

    def __init__(self, *, targets: int = TARGETS) -> None:
        if type(targets) is not int or targets < 0:
            raise InputError("argument-type", found=repr(targets)[:80], expected="a whole number, 0 or more", where="targets")
        self._library = _library()
        self._targets = targets
        self._lock = Lock()
        self._families: tuple[Any, ...] = ()
        self._totals = _Totals()
        self._up: bool | None = None

    def replace(self, results: Iterable[Result]) -> None:
        """Show these results, and no longer those of the round before. They are read once and not kept; each counts as observed.

        What ``results`` raises goes on: the round before stays, and ``chaincheck_up`` is 0.
        """
        try:
            families = self._made(results)
        except BaseException:
            self.failed()
            raise
        with self._lock:
            self._families = families
            self._up = True

    def observe(self, diagnosis: Diagnosis, seconds: float) -> None:
        """Count one answer and what was fetched for it. ``seconds``: how long it took. Raises ``InputError`` for anything else."""
        from chaincheck.diagnosis import Diagnosis

        wanted: object = diagnosis
        if not isinstance(wanted, Diagnosis):
            raise InputError("argument-type", found=described(wanted), expected="a Diagnosis", where="diagnosis")
        took: object = seconds
        if isinstance(took, bool) or not isinstance(took, int | float) or not 0 <= took < inf:
            raise InputError("argument-type", found=described(took), expected="seconds, 0 or more", where="seconds")
        with self._lock:
            self._totals.add(diagnosis, seconds)

    def failed(self) -> None:
        """A round could not be asked at all: ``chaincheck_up`` is 0 until one could."""
        with self._lock:
            self._up = False

    def collect(self) -> Iterator[Any]:
        """The metric families; ``prometheus-client`` calls it for each scrape."""
        core = self._library.core
        with self._lock:
            families = [*self._families, *self._totals.families(core)]
            up = self._up
        if up is not None:
            families.append(core.GaugeMetricFamily("chaincheck_up", "Whether the last round could be asked: 1, or 0", value=int(up)))
        return iter(families)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the metrics for the textfile collector: whole or not at all, as other processes see it. Raises ``OSError``."""
        registry = self._library.CollectorRegistry()
        registry.register(self)
        try:
            self._library.write_to_textfile(str(path), registry)
        except OSError as error:  # of a file beside it, which is then renamed
            raise OSError(error.errno, error.strerror, str(path)) from error

    def _made(self, results: Iterable[Result]) -> tuple[Any, ...]:
        round_ = _Round(self._targets)
        for result in as_results(results):
            round_.add(result)
            if result.diagnosis is not None and result.elapsed is not None:
                self.observe(result.diagnosis, result.elapsed)
        return round_.families(self._library.core.GaugeMetricFamily)


def _library() -> Any:
    try:
        import prometheus_client
        import prometheus_client.core
    except ImportError:
        raise MissingExtraError("metrics", "a collector for Prometheus") from None
    return prometheus_client


# Seconds: from what is remembered to what Windows waits for all addresses together.
_BUCKETS: Final = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 20.0)


class _Totals:
    """What is counted for as long as the process lives."""

    def __init__(self) -> None:
        self.fetches: Counter[tuple[str, str]] = Counter()
        self.verdicts: Counter[str] = Counter()
        self.slower: Counter[float] = Counter()
        self.seconds = 0.0

    def add(self, diagnosis: Diagnosis, seconds: float) -> None:
        self.verdicts[diagnosis.verdict.value] += 1
        self.seconds += seconds
        self.slower[next((bound for bound in _BUCKETS if seconds <= bound), inf)] += 1
        for response in diagnosis.responses:
            if not response.request.cached:
                self.fetches[response.request.kind, response.outcome.value] += 1

    def families(self, core: Any) -> Iterator[Any]:
        """Nothing before anything was observed."""
        if not self.verdicts:
            return
        counter = core.CounterMetricFamily
        told = "Addresses asked, or not asked for the reason that result names"
        yield _filled(counter("chaincheck_fetches", told, labels=("kind", "result")), self.fetches)
        yield _filled(counter("chaincheck_diagnoses", "Answers by verdict", labels=("verdict",)), _keyed(self.verdicts))
        below, buckets = 0, []
        for bound in (*_BUCKETS, inf):
            below += self.slower[bound]
            buckets.append(("+Inf" if bound == inf else str(bound), below))
        told = "How long answers took, fetching included"
        yield core.HistogramMetricFamily("chaincheck_diagnosis_duration_seconds", told, buckets=buckets, sum_value=self.seconds)


class _Round:
    """What one look found, as labels and values."""

    def __init__(self, targets: int) -> None:
        self.left = targets
        self.verdicts: Counter[str] = Counter({verdict.value: 0 for verdict in Verdict} | {"error": 0})
        self.incidents: Counter[tuple[str, str]] = Counter()
        self.dropped = 0
        self.certificates: dict[tuple[str, ...], tuple[int, bool]] = {}
        self.accepted: dict[tuple[str, ...], int] = {}
        self.checked: dict[tuple[str, ...], int] = {}
        self.holds: dict[tuple[str, ...], float] = {}
        self.causes: dict[tuple[str, ...], int] = {}
        self.crls: dict[tuple[str, ...], int] = {}
        self.paths: Counter[str] = Counter({"clean": 0, "refused": 0, "incomplete": 0})

    def add(self, result: Result) -> None:
        diagnosis = result.diagnosis
        self.verdicts[diagnosis.verdict.value if diagnosis is not None else "error"] += 1
        if diagnosis is None:
            return
        for code, key in {(c.code.value, c.incident_key) for c in diagnosis.causes if c.severity is Severity.FATAL}:
            self.incidents[code, key] += 1
        for path in diagnosis.paths:
            self.paths["clean" if path.clean else "refused" if path.complete else "incomplete"] += 1
        self._crls(diagnosis)
        if self.left == 0:
            self.dropped += 1
            return
        target = _label(result.label)
        if (target,) in self.accepted:  # of one label, or of labels that differ only where they were cut
            self.dropped += 1
            return
        self.left -= 1
        self._target(target, diagnosis)

    def _target(self, target: str, diagnosis: Diagnosis) -> None:
        self.accepted[target,] = int(diagnosis.accepted)
        self.checked[target,] = diagnosis.at_s
        if diagnosis.holds_until is not None:
            self.holds[target,] = diagnosis.holds_until.timestamp()
        for cause in diagnosis.causes:
            if cause.severity is not Severity.NOTE:
                documented = cause.documented.value if cause.documented is not None else ""
                self.causes[target, cause.code.value, cause.severity.value, cause.role.value, documented] = 1
        subject = diagnosis.subject
        if subject is not None and subject.not_after_s is not None:
            names = (*_name(subject.subject), *_name(subject.issuer), PurePath(target).name, target)
            self.certificates[str(subject.serial), *names] = (subject.not_after_s, subject.not_after_s < diagnosis.at_s)

    def _crls(self, diagnosis: Diagnosis) -> None:
        """The lists that decided, each once: the earliest end counts where an issuer has several."""
        for status in diagnosis.revocation:
            by = status.decided_by
            if by is not None and by.kind == "crl" and by.next_update_s is not None:
                labels = (*_name(status.certificate.issuer), "", "")
                self.crls[labels] = min(by.next_update_s, self.crls.get(labels, by.next_update_s))

    def families(self, gauge: Any) -> tuple[Any, ...]:
        made = [
            (
                "x509_cert_not_after",
                "Not-after date of the certificate, in seconds since 1970",
                _OF_CERTIFICATE,
                _part(self.certificates, 0),
            ),
            ("x509_cert_expired", "Whether the certificate has expired: 1, or 0", _OF_CERTIFICATE, _part(self.certificates, 1)),
            ("x509_crl_next_update", "When the next list is due, in seconds since 1970", (*_ISSUER, *_OF_FILE), self.crls),
            ("chaincheck_accepted", "Whether the server accepts the certificate: 1, or 0", ("target",), self.accepted),
            (
                "chaincheck_cause_info",
                "A reason for which the certificate is refused, or may be, or a warning",
                ("target", "code", "severity", "role", "documented"),
                self.causes,
            ),
            ("chaincheck_checked_timestamp_seconds", "The moment that was judged", ("target",), self.checked),
            ("chaincheck_holds_until_timestamp_seconds", "Until when the answer holds", ("target",), self.holds),
            ("chaincheck_results", "Certificates by verdict; error: could not be read", ("verdict",), _keyed(self.verdicts)),
            (
                "chaincheck_paths",
                "Candidate paths: clean, refused (to a trusted root, with a fatal cause), incomplete",
                ("outcome",),
                _keyed(self.paths),
            ),
            (
                "chaincheck_incident_certificates",
                "Certificates that one reason with one object to blame hits",
                ("code", "incident"),
                dict(self.incidents.most_common(_INCIDENTS)),
            ),
            ("chaincheck_targets_dropped", "Certificates without series of their own, for there are too many", (), {(): self.dropped}),
        ]
        return tuple(_filled(gauge(name, told, labels=labels), values) for name, told, labels, values in made)


_INCIDENTS: Final = 1000  # that have a series


def _part(told: dict[tuple[str, ...], tuple[int, bool]], index: int) -> dict[tuple[str, ...], int]:
    return {labels: int(values[index]) for labels, values in told.items()}


def _keyed(told: Counter[str]) -> dict[tuple[str, ...], int]:
    return {(name,): count for name, count in told.items()}


def _filled(family: Any, values: Any) -> Any:
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _name(name: Name) -> list[str]:
    """One value for each attribute, the most specific; empty where there is none."""
    held = {attribute.oid: attribute.value for rdn in name.rdns for attribute in rdn}
    return [_label(held.get(oid) or "") for oid in _ATTRIBUTES]


def _label(text: str) -> str:
    return visible(text)[:_LONGEST]
