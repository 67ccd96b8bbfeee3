"""Does the client hold a private key for its certificate? (KB 186812, cause 4.) Keys are compared by their public halves."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from chaincheck import causes
from chaincheck.causes.codes import CauseCode, Role
from chaincheck.question import KeyState
from chaincheck.x509.key import PublicKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.causes.cause import Cause
    from chaincheck.question import Question
    from chaincheck.x509.certificate import Certificate


def judge_key(question: Question) -> Iterator[Cause]:
    """The causes of the private key; nothing where it was not told."""
    subject, key = question.subject, question.key
    if subject is None:
        yield causes.make(CauseCode.NO_CERTIFICATE, Role.SUBJECT, None, causes.facts.Facts())
        return
    if key.state is KeyState.NONE:
        yield causes.make(CauseCode.NO_PRIVATE_KEY, Role.SUBJECT, subject, causes.facts.Facts())
    elif key.state is KeyState.UNSUPPORTED:
        yield causes.make(
            CauseCode.ALGORITHM_UNSUPPORTED_HERE,
            Role.SUBJECT,
            subject,
            causes.facts.AlgorithmFacts(algorithm=key.problem or "the private key"),
            proven=False,
        )
    elif key.state is KeyState.UNUSABLE:
        yield causes.make(
            CauseCode.PRIVATE_KEY_UNUSABLE, Role.SUBJECT, subject, causes.facts.KeyUnusableFacts(reason=key.problem or "it cannot be read")
        )
    elif key.state is KeyState.PRESENT and key.spki is not None and not matches(key.spki, subject):
        other = next((c for c in sorted(question.presented, key=lambda c: c.sha256) if matches(key.spki, c)), None)
        details = causes.facts.KeyMismatchFacts(
            key_sha256=sha256(key.spki).hexdigest(),
            certificate_key_sha256=subject.public_key.sha256,
            matches=str(other.subject) if other is not None else None,
            matches_sha256=other.fingerprint if other is not None else None,
        )
        yield causes.make(CauseCode.PRIVATE_KEY_MISMATCH, Role.SUBJECT, subject, details)


def matches(spki: bytes, certificate: Certificate) -> bool:
    """Whether a public key is the certificate's: the same bytes, or the same key in another encoding of its parameters."""
    if spki == certificate.spki:
        return True
    ours, theirs = PublicKey.of(spki), certificate.public_key
    same_kind = {ours.algorithm, theirs.algorithm} <= {"rsa", "rsa-pss"} or ours.algorithm == theirs.algorithm
    return same_kind and bool(ours.key_octets) and ours.key_octets == theirs.key_octets
