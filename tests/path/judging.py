"""Short words for the tests of paths: who is asked about, by which rules, and what came of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import chaincheck
import pki

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chaincheck.diagnosis import Diagnosis
    from chaincheck.rules import Rules

IIS = replace(chaincheck.IIS, revocation="off")
RFC5280 = replace(chaincheck.RFC5280, revocation="off")
OPENSSL = chaincheck.OPENSSL


def store(roots: Iterable[pki.Issued] = (), intermediates: Iterable[pki.Issued] = (), **more: Any) -> chaincheck.TrustStore:
    """A store whose roots and intermediates are told, and nothing else unless it is given."""
    return chaincheck.TrustStore(roots=[one.der for one in roots], intermediates=[one.der for one in intermediates], **more)


def judge(
    leaf: pki.Issued,
    roots: Iterable[pki.Issued] = (),
    intermediates: Iterable[pki.Issued] = (),
    *,
    presented: Iterable[pki.Issued] = (),
    rules: Rules = IIS,
    **more: Any,
) -> Diagnosis:
    """At ``pki.AT``, nothing fetched, no revocation."""
    given = more.pop("given", None) or store(roots, intermediates)
    more = {"at": pki.AT, "fetch": "never", **more}
    return chaincheck.diagnose(leaf.der, store=given, presented=[one.der for one in presented], rules=rules, **more)


def fatal(diagnosis: Diagnosis) -> set[tuple[str, str]]:
    """The codes and roles of everything fatal."""
    return {(cause.code.value, cause.role.value) for cause in diagnosis.causes if cause.severity == "fatal"}


def path_of(diagnosis: Diagnosis) -> list[str | None]:
    """The common names along the best path, subject first."""
    return [element.name.common_name for element in diagnosis.path.elements] if diagnosis.path is not None else []
