"""The gate mapping: may the certificate act as an account? As far as exports show it.

One-to-one mappings of IIS compare the whole certificate; mapping through Active Directory (DS Mapper) wants the issuing CA in the NTAuth
store and, since 2025, a strong mapping (KB 5014754).
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from typing import TYPE_CHECKING, Final

from chaincheck import causes
from chaincheck.causes.codes import CauseCode, Role
from chaincheck.server import NO_PROFILE, covers
from chaincheck.x509.certificate import Certificate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chaincheck.causes.cause import Cause
    from chaincheck.entry import Entry
    from chaincheck.question import Question
    from chaincheck.server import CertificateMapping, ServerProfile
    from chaincheck.store import TrustStore

SID_EXTENSION: Final = "1.3.6.1.4.1.311.25.2"
_ONE_LINE: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_ARMOUR: Final = re.compile(r"-----[^-]*-----")
_BEGINNING: Final = 32  # octets that a damaged entry must share with the certificate to be the entry of it


def judge_mapping(question: Question, chain: Sequence[Certificate]) -> Iterator[Cause]:
    """What keeps the certificate from being mapped. ``chain``: the best path, subject first."""
    if question.subject is None:
        return
    server = question.server or NO_PROFILE
    yield from _mapped_by_iis(server, question.subject)
    binding = server.binding
    if binding is not None and binding.ds_mapper:
        yield from _mapped_by_domain(question.store, chain)


def covering(server: ServerProfile) -> tuple[CertificateMapping, ...]:
    """The mapping sections at or above the path asked for, the nearest first; none where the nearest is switched off."""
    found = sorted((each for each in server.mappings or () if covers(each.path, server.path)), key=lambda each: -len(each.path.strip("/")))
    nearest = [each for each in found if len(each.path.strip("/")) == len(found[0].path.strip("/"))]
    return tuple(each for each in found if each.enabled) if any(each.enabled for each in nearest) else ()


def _mapped_by_iis(server: ServerProfile, subject: Certificate) -> Iterator[Cause]:
    sections = covering(server)
    for section in sections:
        if "/" in section.path.strip("/"):
            details = causes.facts.MappingFacts(path=section.path, reason="the section is at the level of an application or directory")
            yield causes.make(CauseCode.MAPPING_IGNORED, Role.SERVER, None, details)
    read = [each for each in sections if "/" not in each.path.strip("/")]
    if not read or read[0].one_to_one is None:
        return
    section = read[0]
    reasons = [_fit(entry.certificate, subject) for entry in section.one_to_one or () if entry.enabled]
    if "" in reasons:
        return
    damaged = [reason for reason in reasons if reason is not None and reason != _RENEWED]
    if damaged:
        yield causes.make(
            CauseCode.MAPPING_ENTRY_DAMAGED, Role.SERVER, None, causes.facts.MappingFacts(path=section.path, reason=damaged[0])
        )
    elif not section.many_to_one:
        access = server.effective_access
        missing = causes.facts.MappingFacts(path=section.path, reason=_RENEWED if _RENEWED in reasons else "there is none")
        yield causes.make(CauseCode.MAPPING_MISSING, Role.SERVER, None, missing, proven=access is not None and access.requires)


_RENEWED: Final = "the entry is that of another certificate of the same subject"


def _fit(written: str, subject: Certificate) -> str | None:
    """ "" where the entry is the certificate's, what is wrong where it is meant to be, None where it is about another."""
    text = written.strip()
    bare = re.sub(r"\s+", "", _ARMOUR.sub("", written))
    try:
        encoded = a2b_base64(bare + "=" * (-len(bare) % 4)) if bare else b""
    except (Error, ValueError):
        encoded = b""
    if encoded == subject.der:
        if _ARMOUR.search(written):
            return "it has the BEGIN and END lines"
        if _ONE_LINE.fullmatch(text) is None:
            return "it is written on several lines"
        return "" if written == text else "it has blanks around it"
    if len(encoded) >= _BEGINNING and subject.der.startswith(encoded):
        return "it is cut off"
    if len(encoded) >= _BEGINNING and encoded[:_BEGINNING] == subject.der[:_BEGINNING] and len(encoded) == len(subject.der):
        return "it differs from the certificate"
    if encoded[:1] == b"\x30" and Certificate(encoded).subject.der == subject.subject.der:
        return _RENEWED
    return None


def _mapped_by_domain(store: TrustStore | None, chain: Sequence[Certificate]) -> Iterator[Cause]:
    """CERT_CHAIN_POLICY_NT_AUTH: the second element must be in NTAuth. KB 5014754: the SID extension, or an entry in the account."""
    subject = chain[0] if chain else None
    entries = ntauth(store)
    if entries is not None and len(chain) > 1 and not any(entry.certificate == chain[1] for entry in entries):
        role = Role.ANCHOR if chain[1].is_self_issued else Role.INTERMEDIATE
        details = causes.facts.NTAuthFacts(issuer=str(chain[1].subject), issuer_sha256=chain[1].fingerprint)
        yield causes.make(CauseCode.ISSUER_NOT_IN_NTAUTH, role, chain[1], details)
    if subject is not None and subject.extension(SID_EXTENSION) is None:
        yield causes.make(CauseCode.NO_STRONG_MAPPING, Role.SUBJECT, subject, causes.facts.Facts(), proven=False)


def ntauth(store: TrustStore | None) -> tuple[Entry, ...] | None:
    """What is in the NTAuth store; None where it was not told."""
    found = [
        entries for name, entries in (store.others if store is not None else {}).items() if name.lower().rpartition("\\")[2] == "ntauth"
    ]
    return tuple(entry for entries in found for entry in entries) if found else None
