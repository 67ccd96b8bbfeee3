"""Results as tidy rows for pandas, polars or a spreadsheet: one table of certificates, one of causes, joined by ``label``.

Every row has the same columns, each of one type or None: text, truth, numbers, and moments with their zone (UTC).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chaincheck.causes.codes import Severity
from chaincheck.fleet.many import as_results
from chaincheck.report.arguments import language
from chaincheck.report.headline import headline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chaincheck.causes.cause import Cause
    from chaincheck.fleet.many import Result
    from chaincheck.x509.certificate import Certificate

_DAY = 86_400


def records(results: Iterable[Result], *, lang: str = "en") -> Iterator[dict[str, Any]]:
    """One row for each result, as it comes.

    Columns: ``label``; ``verdict`` and ``accepted`` (None and False where nothing could be read); ``error``; ``subject``, ``issuer``,
    ``serial`` (hexadecimal), ``sha256``; ``not_before``, ``not_after``; ``days_left`` of the certificate, negative when it has expired;
    ``root``, where the path leads; ``causes`` and ``warnings``, how many; ``first_cause``, ``first_documented`` and ``incident``, of the
    fatal cause that the headline names; ``headline``, in ``lang``; ``store``, ``checked_at`` and ``holds_until``.

    Raises ``InputError`` for an unknown language.
    """
    said = language(lang).lang
    return (_record(result, said) for result in as_results(results))


def cause_records(results: Iterable[Result], *, lang: str = "en") -> Iterator[dict[str, Any]]:
    """One row for each cause of each result: fatal ones, warnings and notes.

    Columns: ``label``; ``number``, from 1, as the answer counts them; ``code``, ``severity``, ``role``, ``gate``, ``proven``,
    ``documented``; ``certificate`` and ``certificate_sha256``, of the element to blame; ``incident``; ``iis_status`` and ``hresult``, what
    Windows shows; ``text``, in ``lang``; ``reference``, the rule. Raises ``InputError`` for an unknown language.
    """
    said = language(lang).lang
    return (
        _cause_record(result.label, number, cause, said)
        for result in as_results(results)
        if result.diagnosis is not None
        for number, cause in enumerate(result.diagnosis.causes, 1)
    )


def _record(result: Result, lang: str) -> dict[str, Any]:
    diagnosis = result.diagnosis
    subject = diagnosis.subject if diagnosis is not None else None
    causes = diagnosis.causes if diagnosis is not None else ()
    fatal = [cause for cause in causes if cause.severity is Severity.FATAL]
    first = next((cause for cause in fatal if cause.proven), fatal[0] if fatal else None)
    path = diagnosis.path if diagnosis is not None else None
    ends = subject.not_after_s if subject is not None else None
    return {
        "label": result.label,
        "verdict": diagnosis.verdict.value if diagnosis is not None else None,
        "accepted": result.accepted,
        "error": str(result.error) if result.error is not None else None,
        **_named(subject),
        "not_before": subject.not_before if subject is not None else None,
        "not_after": subject.not_after if subject is not None else None,
        "days_left": (ends - diagnosis.at_s) / _DAY if ends is not None and diagnosis is not None else None,
        "root": str(path.elements[-1].name) if path is not None and path.complete else None,
        "causes": len(fatal),
        "warnings": sum(cause.severity is Severity.WARNING for cause in causes),
        "first_cause": first.code.value if first is not None else None,
        "first_documented": first.documented.value if first is not None and first.documented is not None else None,
        "incident": first.incident_key if first is not None else None,
        "headline": headline(diagnosis, lang) if diagnosis is not None else None,
        "store": diagnosis.store_name if diagnosis is not None else None,
        "checked_at": diagnosis.at if diagnosis is not None else None,
        "holds_until": diagnosis.holds_until if diagnosis is not None else None,
    }


def _named(subject: Certificate | None) -> dict[str, Any]:
    return {
        "subject": str(subject.subject) if subject is not None else None,
        "issuer": str(subject.issuer) if subject is not None else None,
        "serial": subject.serial_hex if subject is not None else None,
        "sha256": subject.fingerprint if subject is not None else None,
    }


def _cause_record(label: str, number: int, cause: Cause, lang: str) -> dict[str, Any]:
    windows, certificate = cause.windows, cause.certificate
    return {
        "label": label,
        "number": number,
        "code": cause.code.value,
        "severity": cause.severity.value,
        "role": cause.role.value,
        "gate": cause.gate.value,
        "proven": cause.proven,
        "documented": cause.documented.value if cause.documented is not None else None,
        "certificate": str(certificate.subject) if certificate is not None else None,
        "certificate_sha256": certificate.fingerprint if certificate is not None else None,
        "incident": cause.incident_key,
        "iis_status": windows.iis.status if windows is not None and windows.iis is not None else None,
        "hresult": windows.hresult.hex if windows is not None and windows.hresult is not None else None,
        "text": cause.text(lang),
        "reference": cause.reference,
    }
