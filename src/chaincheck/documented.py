"""What is known of the four causes that KB 186812 documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaincheck.causes.codes import CauseCode, DocumentedCause, Finding, Severity
from chaincheck.question import KeyState
from chaincheck.revocation.status import lacks_delta

if TYPE_CHECKING:
    from chaincheck.diagnosis import Diagnosis


def findings(diagnosis: Diagnosis) -> dict[DocumentedCause, Finding]:
    """All four, in the order of the document. FOUND: a fatal, proven cause. RULED_OUT: positively checked. Else NOT_CHECKED."""
    found = {cause.documented for cause in diagnosis.causes if cause.severity is Severity.FATAL and cause.proven}
    ruled_out = {
        DocumentedCause.ROOT_NOT_INSTALLED: _anchored(diagnosis),
        DocumentedCause.NOT_WITHIN_VALIDITY: _in_date(diagnosis),
        DocumentedCause.REVOKED: _not_revoked(diagnosis),
        DocumentedCause.NO_USABLE_CERTIFICATE: _usable(diagnosis),
    }
    return {
        cause: Finding.FOUND if cause in found else Finding.RULED_OUT if ruled_out[cause] else Finding.NOT_CHECKED
        for cause in DocumentedCause
    }


def _anchored(diagnosis: Diagnosis) -> bool:
    """A path to a root of the given store exists: whatever else is wrong, the root is installed."""
    path = diagnosis.path
    return (
        path is not None
        and path.complete
        and not any(c.code in (CauseCode.BAD_SIGNATURE, CauseCode.ALGORITHM_UNSUPPORTED_HERE) for c in path.causes)
    )


def _in_date(diagnosis: Diagnosis) -> bool:
    subject = diagnosis.subject
    return subject is not None and subject.not_before_s is not None and subject.not_after_s is not None and not subject.slice_faults


def _not_revoked(diagnosis: Diagnosis) -> bool:
    subject = diagnosis.subject
    if subject is None or (subject.not_after_s or 0) < diagnosis.at_s:
        return False  # evidence need not list certificates that have expired (RFC 5280 3.3, RFC 6960 4.4.4)
    good = [each for each in diagnosis.revocation if each.status == "good" and each.certificate == subject]
    # A delta CRL that a server may find, and that is not at hand, may hold the revocation.
    return bool(good) and not (diagnosis.rules.evidence == "server" and any(map(lacks_delta, good)))


def _usable(diagnosis: Diagnosis) -> bool:
    """A certificate is there, and so is its key."""
    return diagnosis.subject is not None and diagnosis.key_state is KeyState.PRESENT
