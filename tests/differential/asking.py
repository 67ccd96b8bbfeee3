"""A PKI of the generator put to chaincheck, and what comes of it compared with what was seeded and with what the peers say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import chaincheck
import pki
from differential import peers
from differential.disagreements import BOUNCY_CASTLE, OPENSSL, OURS, PYHANKO, TRUST, Objection, explained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chaincheck.diagnosis import Diagnosis
    from differential.generator import Element, Scenario

BASES = {"RFC5280": chaincheck.RFC5280, "IIS": chaincheck.IIS, "OPENSSL": chaincheck.OPENSSL}

# What Bouncy Castle calls our causes. The reviewer says some things twice, and some of the path instead of a certificate.
BOUNCY_CASTLE_CODES = {
    "certificateExpired": "expired",
    "certificateNotYetValid": "not-yet-valid",
    "certRevoked": "revoked",
    "signatureNotVerified": "bad-signature",
    "noCACert": "not-a-ca",
    "noBasicConstraints": "not-a-ca",
    "noCertSign": "wrong-key-usage",
    "pathLengthExtended": "path-too-long",
    "unknownCriticalExt": "unknown-critical-extension",
    "noValidPolicyTree": "policy-not-satisfied",
    "invalidPolicy": "policy-not-satisfied",
    "notPermittedDN": "name-not-permitted",
    "excludedDN": "name-not-permitted",
    "notPermittedEmail": "name-not-permitted",
    "excludedEmail": "name-not-permitted",
    "notPermittedIP": "name-not-permitted",
    "excludedIP": "name-not-permitted",
    "noTrustAnchorFound": "no trust",
    "trustButInvalidCert": "no trust",
    "NoIssuerPublicKey": "no trust",
    "crlNoIssuerPublicKey": "no trust",
    "rootKeyIsValidButNotATrustAnchor": "no trust",
}


def ask(scenario: Scenario, rules: str) -> Diagnosis:
    """With all that is in the PKI told, and revocation judged where it has CRLs."""
    store = chaincheck.TrustStore(
        roots=list(scenario.roots), intermediates=list(scenario.intermediates), disallowed=[], crls=list(scenario.crls)
    )
    return chaincheck.diagnose(
        scenario.leaf.der,
        store=store,
        presented=list(scenario.presented),
        at=pki.AT,
        rules=replace(BASES[rules], revocation="path" if scenario.crls else "off"),
        fetch="never",
    )


def best_path(scenario: Scenario, diagnosis: Diagnosis) -> list[Element]:
    """The elements of the best path, the leaf first."""
    assert diagnosis.path is not None
    return [scenario.elements[one.certificate.fingerprint] for one in diagnosis.path.elements if one.certificate is not None]


def fatal(diagnosis: Diagnosis) -> set[tuple[str, str]]:
    return {(cause.code.value, cause.role.value) for cause in diagnosis.causes if cause.severity == "fatal"}


def unmet(scenario: Scenario, rules: str, diagnosis: Diagnosis) -> Iterator[str]:
    """What was seeded and is not among the causes, and a verdict other than it must be."""
    found = {(cause.code.value, cause.role.value) for cause in diagnosis.causes}
    for expectation in scenario.expected(best_path(scenario, diagnosis), rules):
        if not expectation.met(found):
            yield f"{expectation} is not among the causes"
    if scenario.acceptable(rules) != diagnosis.accepted:
        truth = "a path without a fault exists" if scenario.acceptable(rules) else "every path has a fault"
        yield f"{diagnosis.verdict.value}, where {truth}"


def against_openssl(scenario: Scenario, diagnosis: Diagnosis, folder: Path) -> Iterator[str]:
    yield from _verdicts(OPENSSL, scenario, diagnosis, peers.openssl(scenario, folder))


def against_pyhanko(scenario: Scenario, diagnosis: Diagnosis) -> Iterator[str]:
    yield from _verdicts(PYHANKO, scenario, diagnosis, peers.pyhanko(scenario))


def _verdicts(peer: str, scenario: Scenario, diagnosis: Diagnosis, answer: peers.Answer) -> Iterator[str]:
    if answer.accepted == diagnosis.accepted:
        return
    path = best_path(scenario, diagnosis)
    objections = [Objection(OURS, code, path, None, scenario) for code, _ in sorted(fatal(diagnosis))]
    if diagnosis.accepted:
        objections = [Objection(peer, text, path, None, scenario) for _, text in answer.errors]
    if not objections:
        yield f"{peer} accepts, chaincheck says {diagnosis.verdict.value} without a fatal cause"
    yield from _unknown(peer, objections)


def against_bouncy_castle(scenario: Scenario, diagnosis: Diagnosis, reviewer: peers.BouncyCastle) -> Iterator[str]:
    """Cause by cause, for the best path."""
    path = best_path(scenario, diagnosis)
    anchored = path[-1].place == "roots" and len(path) > 1
    chain = path[:-1] if anchored else path
    anchors = [path[-1].certificate.der] if anchored else list(scenario.roots) or [pki.root("CN=Unrelated Root,O=Unrelated").der]
    answer = reviewer.review([element.certificate.der for element in chain], anchors, scenario.crls)
    if answer.failed:
        yield from _unknown(BOUNCY_CASTLE, [Objection(BOUNCY_CASTLE, text, path, None, scenario) for _, text in answer.errors])
        return
    theirs: set[tuple[str, Element | None]] = set()
    for index, text in answer.errors:
        word = text.removeprefix("CertPathReviewer.")
        code = BOUNCY_CASTLE_CODES.get(word, word)
        theirs.add((code, None if index is None or code in _OF_THE_PATH else chain[index]))
    ours: set[tuple[str, Element | None]] = set()
    for cause in diagnosis.causes:
        if cause.severity == "fatal":
            code = "no trust" if cause.code.value in TRUST else cause.code.value
            about = scenario.elements.get(cause.certificate.fingerprint) if cause.certificate is not None else None
            ours.add((code, None if code in _OF_THE_PATH else about))
    objections = [Objection(OURS, code, path, element, scenario) for code, element in ours - theirs]
    objections += [Objection(BOUNCY_CASTLE, code, path, element, scenario) for code, element in theirs - ours]
    yield from _unknown(BOUNCY_CASTLE, sorted(objections, key=lambda o: (o.by, o.what)))


# The reviewer says these of the path as a whole.
_OF_THE_PATH = frozenset({"no trust", "path-too-long", "policy-not-satisfied"})


def _unknown(peer: str, objections: list[Objection]) -> Iterator[str]:
    for objection in objections:
        if explained(peer, objection) is None:
            about = f" of {objection.element.name}" if objection.element is not None else ""
            yield f"{peer}: {objection.by} alone objects: {objection.what}{about}"
