"""Does the client hold a private key for its certificate? (KB 186812, cause 4.) Keys are compared by their public halves."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

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
    """The causes of the private key; nothing where neither it nor the client's Personal store was told."""
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
    elif key.spki is None:  # not told
        yield from _by_its_store(question, subject)
    elif not matches(key.spki, subject):
        other = next((c for c in sorted(question.presented, key=lambda c: c.sha256) if matches(key.spki, c)), None)
        details = causes.facts.KeyMismatchFacts(
            key_sha256=sha256(key.spki).hexdigest(),
            certificate_key_sha256=subject.public_key.sha256,
            matches=str(other.subject) if other is not None else None,
            matches_sha256=other.fingerprint if other is not None else None,
        )
        yield causes.make(CauseCode.PRIVATE_KEY_MISMATCH, Role.SUBJECT, subject, details)


def _by_its_store(question: Question, subject: Certificate) -> Iterator[Cause]:
    """What the client's Personal store says of the key: a listing of certutil, or a registry record with or without its provider."""
    store = question.client.store if question.client is not None else None
    if store is None:
        return
    said = next((each.key for each in store.listed.get(PERSONAL, ()) if each.sha1 == subject.sha1), None)
    if said in ("missing", "unusable"):
        reason = "its key container is gone" if said == "missing" else "the account may not open it, or its test failed"
        yield causes.make(CauseCode.PRIVATE_KEY_UNUSABLE, Role.SUBJECT, subject, causes.facts.KeyUnusableFacts(reason=reason))
    held = [entry for name, entries in store.others.items() if name.endswith(f"\\{PERSONAL}") for entry in entries]
    records = [{number for number, _ in entry.properties} for entry in held if entry.certificate == subject]
    recorded = any(SHA1_HASH in numbers for numbers in records)  # in every record of the registry, and in few other exports
    if said == "none" or (recorded and not any(KEY_PROVIDER in numbers for numbers in records)):
        yield causes.make(CauseCode.NO_PRIVATE_KEY, Role.SUBJECT, subject, causes.facts.Facts())


PERSONAL: Final = "MY"
KEY_PROVIDER: Final = 2  # CERT_KEY_PROV_INFO_PROP_ID: a reference to a key; that the key is there it does not prove
SHA1_HASH: Final = 3


def matches(spki: bytes, certificate: Certificate) -> bool:
    """Whether a public key is the certificate's: the same bytes, or the same key in another encoding of its parameters."""
    if spki == certificate.spki:
        return True
    ours, theirs = PublicKey.of(spki), certificate.public_key
    same_kind = {ours.algorithm, theirs.algorithm} <= {"rsa", "rsa-pss"} or ours.algorithm == theirs.algorithm
    return same_kind and bool(ours.key_octets) and ours.key_octets == theirs.key_octets
