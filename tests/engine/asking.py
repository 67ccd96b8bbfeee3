"""Short words for the tests of the engine."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import chaincheck
import pki

if TYPE_CHECKING:
    from chaincheck.diagnosis import Diagnosis

ROOT = pki.root("Root")
CA = ROOT.issue_ca("CA")
LEAF = CA.issue("client")
CRLS = [ROOT.crl(), CA.crl()]


def full_store(**more: Any) -> chaincheck.TrustStore:
    """Everything told: roots, intermediates, CRLs of both."""
    return chaincheck.TrustStore(**{"roots": [ROOT.der], "intermediates": [CA.der], "crls": CRLS, "disallowed": (), **more})


def ask(cert: Any = LEAF.der, key: Any = None, **more: Any) -> Diagnosis:
    """At ``pki.AT`` with the full store, nothing fetched."""
    return chaincheck.diagnose(cert, key, **{"store": full_store(), "at": pki.AT, "fetch": "never", **more})


def fatal(diagnosis: Diagnosis) -> set[tuple[str, str]]:
    """The codes and roles of everything fatal."""
    return {(cause.code.value, cause.role.value) for cause in diagnosis.causes if cause.severity == "fatal"}


def unchecked(diagnosis: Diagnosis) -> list[str]:
    """The codes of what could not be checked."""
    return [statement.code for statement in diagnosis.unchecked]


def assumed(diagnosis: Diagnosis) -> list[str]:
    """The codes of what was assumed."""
    return [statement.code for statement in diagnosis.assumptions]


YESTERDAY = pki.AT - timedelta(days=1)
