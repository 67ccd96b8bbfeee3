"""Events of Microsoft-Windows-CAPI2/Operational as XML: what Windows made of each chain, and what became of the addresses it asked.

The log writes the events of one check with one TaskId and a SeqNumber. A check nests: building a chain (events 10 and 11) verifies
revocation (40 and 41), which retrieves (50 to 53) and may build the chain of an OCSP signer. Elements of these names are read; what else
there is is passed over (layout reported by users).
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from chaincheck.errors import InputError
from chaincheck.formats.xml_text import parse_fragments
from chaincheck.iis.tables import Family
from chaincheck.iis.windows_verdict import (
    Kept,
    Kind,
    UrlOutcome,
    WindowsElement,
    WindowsVerdict,
    flag_bits,
    flag_names,
    hresult,
    number,
    union,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chaincheck.formats.xml_text import Element

_EXPECTED: Final = "events of Microsoft-Windows-CAPI2/Operational as XML"
_CHAIN, _POLICY, _REVOCATION = "CertGetCertificateChain", "CertVerifyCertificateChainPolicy", "CertVerifyRevocation"  # events 11, 30, 41
_CHAIN_BEGINS, _REVOCATION_BEGINS = "CertGetCertificateChainStart", "CertVerifyRevocationStart"  # events 10, 40
_WIRE, _CACHE = "CryptRetrieveObjectByUrlWire", "CryptRetrieveObjectByUrlCache"  # events 53, 51
_OBJECTS: Final = "X509Objects"  # event 90: the certificates in full
_PAYLOADS: Final = frozenset((_CHAIN, _POLICY, _REVOCATION, _CHAIN_BEGINS, _REVOCATION_BEGINS, _WIRE, _CACHE, _OBJECTS))
_LOOKS: Final = re.compile(rf"<(?:\w{{1,30}}:)?(?:Events?|UserData|{'|'.join(sorted(_PAYLOADS))})[\s>]")
_FILE: Final = re.compile(r"([0-9A-Fa-f]{40})(?:\.\w{1,8})?\Z")  # a fileRef: the SHA-1 and "cer"
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z?\Z")
_ENGINES: Final[dict[str, Literal["machine", "user"]]] = {"machine": "machine", "user": "user"}
_KINDS: Final[dict[str, Kind]] = {
    "CONTEXT_OID_CERTIFICATE": "aia",
    "CONTEXT_OID_CRL": "cdp",
    "CONTEXT_OID_OCSP_RESP": "ocsp",
}
_SUFFIXES: Final[dict[str, Kind]] = {".crl": "cdp", ".crt": "aia", ".cer": "aia", ".p7c": "aia"}
_BEGINS: Final = {_CHAIN_BEGINS: _CHAIN, _REVOCATION_BEGINS: _REVOCATION}
_ANSWERS: Final[dict[str, Kind]] = {
    "CertificateRevocationList": "cdp",
    "StrongCertificateRevocationList": "cdp",
    "OCSPResponse": "ocsp",
}
_MOST_OUTCOMES: Final = 64  # of one certificate; it names a handful of addresses
_MOST_BEGUN: Final = 64  # checks inside checks
_REVOKED: Final = 0x8009_2010  # CRYPT_E_REVOKED: the answer was had, and it was this


class _Event(NamedTuple):
    """One event: its payload (the element below UserData) and where it stands."""

    payload: Element
    system: Element | None
    task: str
    sequence: int


class _Names(NamedTuple):
    """What event 90 tells of a certificate."""

    subject: str | None
    issuer: str | None
    serial: str | None


class _Judged(NamedTuple):
    """A verdict, and the reference by which events 30 name its chain."""

    verdict: WindowsVerdict
    reference: str | None


def looks_like(text: str) -> bool:
    """Whether it holds anything that may be an event as XML."""
    return _LOOKS.search(text) is not None


def parse(data: bytes | str, where: str = "evidence") -> tuple[WindowsVerdict, ...]:
    """A verdict for each chain that was built, task by task; of revocation and policies also where the log lacks their chain.

    The XML of ``wevtutil qe``, of the event viewer and of its details is read. Raises ``InputError``, also where nothing was judged.
    """
    events = [event for root in parse_fragments(data, where) for event in _events(root)]
    reading = _Reading(events, where)
    tasks: dict[str, list[_Event]] = {}
    for place, event in enumerate(events):
        tasks.setdefault(event.task or f"#{place}", []).append(event)
    judged = [one for task in tasks.values() for one in _judged(sorted(task, key=lambda event: event.sequence), reading)]
    verdicts = tuple(_with_policies(judged, [event for event in events if event.payload.tag == _POLICY], reading))
    if not verdicts:
        raise InputError("evidence", found="no event that judges a certificate", expected=_EXPECTED, where=where)
    return verdicts


def _events(element: Element, system: Element | None = None) -> Iterator[_Event]:
    """Events below it, wrapped in whatever way; also a payload alone, as the details of an event show it."""
    if element.tag in _PAYLOADS:
        correlation = element.find("CorrelationAuxInfo")
        task, sequence = ("", "") if correlation is None else (correlation.attributes.get(name, "") for name in ("TaskId", "SeqNumber"))
        place = int(sequence) if sequence.isascii() and sequence.isdigit() and len(sequence) < 10 else 0
        yield _Event(element, system, task.lower(), place)
        return
    for child in element.children:
        yield from _events(child, element.find("System") if element.tag == "Event" else system)


def _judged(task: Sequence[_Event], reading: _Reading) -> Iterator[_Judged]:
    """The chains of one task with what was retrieved for them, then what was said of certificates that are in none of them."""
    pending: list[UrlOutcome] = []
    begun: list[tuple[str, int]] = []  # what is under way, and how much was pending when it began
    outcomes: defaultdict[str, list[UrlOutcome]] = defaultdict(list)  # of certificates, by SHA-1
    revocations: list[_Event] = []
    chains: list[_Judged] = []
    for event in task:
        tag = event.payload.tag
        if tag in _BEGINS:
            begun.append((_BEGINS[tag], len(pending)))
            del begun[:-_MOST_BEGUN]
        elif tag in (_WIRE, _CACHE):
            pending.extend(reading.retrieval(event.payload))
        elif tag == _REVOCATION:
            revocations.append(event)
            had = outcomes[reading.sha1(event.payload.find("Certificate")) or ""]
            had += [*_taken(pending, begun, tag), *reading.answers(event.payload, "RevocationStatus", "error")]
            del had[_MOST_OUTCOMES:]
        elif tag == _CHAIN:
            chains.append(reading.chain(event, outcomes, _taken(pending, begun, tag)))
    in_chains = {element.sha1 for chain in chains for element in chain.verdict.elements}
    yield from chains
    for event in revocations:
        sha1 = reading.sha1(event.payload.find("Certificate"))
        if sha1 not in in_chains:
            yield _Judged(reading.verdict(event, (reading.element(event.payload, outcomes, Kept()),)), None)


def _taken(pending: list[UrlOutcome], begun: list[tuple[str, int]], tag: str) -> list[UrlOutcome]:
    """What was retrieved since this began; where the log lacks the beginning, since that of what is around it."""
    start = begun[-1][1] if begun else 0
    for place in range(len(begun) - 1, -1, -1):
        if begun[place][0] == tag:
            start = begun[place][1]
            del begun[place:]
            break
    taken = pending[start:]
    del pending[start:]
    return taken


def _with_policies(judged: Sequence[_Judged], events: Sequence[_Event], reading: _Reading) -> Iterator[WindowsVerdict]:
    """A policy that fails gives its result to the chain; one that passes takes nothing back of what was found in building it."""
    decisive: dict[str, _Event] = {}  # by chain: the first that fails, else the first
    alone: list[_Event] = []
    known = {one.reference for one in judged}
    for event in events:
        reference = _reference(event.payload)
        if reference is None or reference not in known:
            alone.append(event)
        elif reference not in decisive or (reading.result(event.payload) and not reading.result(decisive[reference].payload)):
            decisive[reference] = event
    for verdict, reference in judged:
        asked = decisive.get(reference or "")
        if asked is None:
            yield verdict
        else:
            yield replace(verdict, policy=_policy(asked.payload), result=reading.result(asked.payload) or verdict.result)
    for event in alone:
        yield replace(reading.verdict(event, (reading.element(event.payload, {}, Kept()),)), policy=_policy(event.payload))


class _Reading:
    """From elements of XML to facts, with the names that the whole log tells of certificates."""

    def __init__(self, events: Sequence[_Event], where: str) -> None:
        self.where = where
        self.names: dict[str, _Names] = {}
        for event in events:
            for certificate in event.payload.iter("Certificate") if event.payload.tag == _OBJECTS else ():
                if (sha1 := self.sha1(certificate)) is not None:
                    self.names[sha1] = _names(certificate)

    def chain(self, event: _Event, outcomes: Mapping[str, Sequence[UrlOutcome]], retrieved: Sequence[UrlOutcome]) -> _Judged:
        """Event 11; ``outcomes`` of the certificates, by SHA-1, and what was retrieved in building the chain itself."""
        kept = Kept()
        chain = event.payload.find("CertificateChain")
        elements = [self.element(each, outcomes, kept) for each in (() if chain is None else chain.iter("ChainElement"))]
        status = self.status(chain, kept)
        error, info = (union(element.error_status for element in elements), 0) if status is None else status
        verdict = self.verdict(event, tuple(elements) or (self.element(event.payload, outcomes, kept),))
        engine = event.payload.find("ChainEngineInfo")
        verdict = replace(
            verdict,
            engine=None if engine is None else _ENGINES.get(engine.attributes.get("context", "").lower()),
            error_status=error,
            info_status=info,
            kept=tuple(kept),
            urls=tuple(dict.fromkeys(retrieved)),
        )
        return _Judged(verdict, _reference(event.payload))

    def verdict(self, event: _Event, elements: tuple[WindowsElement, ...]) -> WindowsVerdict:
        """With all that every event tells."""
        process = event.payload.find("EventAuxInfo")
        user, moment = (None if event.system is None else event.system.find(tag) for tag in ("Security", "TimeCreated"))
        return WindowsVerdict(
            source="capi2",
            engine=None,
            process=None if process is None else process.attributes.get("ProcessName"),
            user=None if user is None else user.attributes.get("UserID"),
            moment=None if moment is None else _moment(moment.attributes.get("SystemTime", "")),
            error_status=0,
            info_status=0,
            result=self.result(event.payload),
            elements=elements,
            kept=(),
        )

    def element(self, holder: Element, outcomes: Mapping[str, Sequence[UrlOutcome]], kept: Kept) -> WindowsElement:
        """The certificate that an element of a chain, or an event, is about."""
        certificate, issuer = holder.find("Certificate"), holder.find("IssuerCertificate")
        sha1 = self.sha1(certificate)
        names = self.names.get(sha1 or "", _Names(None, None, None))
        error, info = self.status(holder, kept) or (0, 0)
        revocation = holder.find("RevocationInfo")
        answers = () if revocation is None else self.answers(revocation, "RevocationResult", "value")
        return WindowsElement(
            subject=names.subject or _subject(certificate),
            issuer=names.issuer or _subject(issuer),
            serial=names.serial,
            sha1=sha1,
            error_status=error,
            info_status=info,
            flags=flag_names(error),
            urls=tuple(dict.fromkeys([*(outcomes.get(sha1, ()) if sha1 else ()), *answers])),
        )

    def status(self, holder: Element | None, kept: Kept) -> tuple[int, int] | None:
        """The bits of error and information: by their value, and by the names of those that are "true"."""
        trust = None if holder is None else holder.find("TrustStatus")
        if trust is None:
            return None
        found = []
        for tag, family in (("ErrorStatus", Family.TRUST_STATUS), ("InfoStatus", Family.TRUST_INFO)):
            status = trust.find(tag)
            bits = 0 if status is None else self.value(status, "value") or 0
            for name, said in () if status is None else status.attributes.items():
                if name.startswith("CERT_TRUST_") and said.lower() == "true":
                    bits |= flag_bits(family).get(name, 0)
                    if name not in flag_bits(family):
                        kept.add(name)
            found.append(bits)
        return found[0], found[1]

    def retrieval(self, payload: Element) -> Iterator[UrlOutcome]:
        """Events 51 and 53. That the cache has nothing is no failure of an address."""
        address, wanted = payload.find("URL"), payload.find("Object")
        if address is None or not address.text:
            return
        result = self.result(payload)
        kind = _KINDS.get("" if wanted is None else wanted.attributes.get("type", "")) or _SUFFIXES.get(address.text[-4:].lower(), "other")
        had = None if result is None else result == 0
        if payload.tag == _CACHE and not had:
            had = None
        yield UrlOutcome(kind=kind, url=address.text, ok=had, code=result or None)

    def answers(self, holder: Element, tag: str, name: str) -> Iterator[UrlOutcome]:
        """The CRL or response that revocation was judged by, where it has an address; ``tag`` and ``name`` say where the result stands."""
        said = holder.find(tag)
        result = None if said is None else hresult(self.value(said, name))
        for answer in holder.children:
            if answer.tag in _ANSWERS and answer.attributes.get("url"):
                had = None if result is None else result in (0, _REVOKED)
                code = None if had else result
                yield UrlOutcome(kind=_ANSWERS[answer.tag], url=answer.attributes["url"], ok=had, code=code)

    def result(self, payload: Element) -> int | None:
        said = payload.find("Result")
        return None if said is None else hresult(self.value(said, "value"))

    def value(self, element: Element, name: str) -> int | None:
        """A number in hex; None where there is none. One that cannot be read is no 0."""
        text = element.attributes.get(name)
        found = number(text)
        if text is not None and found is None:
            told = f"{element.tag} {name}={text[:40]!r}"
            raise InputError("evidence", found=f"a number that cannot be read: {told}", expected=_EXPECTED, where=self.where)
        return found

    @staticmethod
    def sha1(certificate: Element | None) -> str | None:
        """By the name under which the log would keep the file."""
        named = None if certificate is None else _FILE.match(certificate.attributes.get("fileRef", ""))
        return None if named is None else named[1].lower()


def _names(certificate: Element) -> _Names:
    serial = "".join("" if (found := certificate.find("SerialNumber")) is None else found.text.split())
    digits = f"{int(serial, 16):x}" if 0 < len(serial) <= 128 and not set(serial) - set("0123456789abcdefABCDEF") else None
    return _Names(_written(certificate.find("Subject")), _written(certificate.find("Issuer")), digits)


def _written(name: Element | None) -> str | None:
    """<CN>Example CA</CN><O>Example</O> as CN=Example CA, O=Example."""
    return None if name is None else ", ".join(f"{part.tag}={part.text}" for part in name.children) or None


def _subject(certificate: Element | None) -> str | None:
    return None if certificate is None else certificate.attributes.get("subjectName")


def _policy(payload: Element) -> str | None:
    found = payload.find("Policy")
    return None if found is None else found.attributes.get("type")


def _reference(payload: Element) -> str | None:
    found = payload.find("CertificateChain")
    return None if found is None else found.attributes.get("chainRef", "").lower() or None


def _moment(text: str) -> datetime | None:
    """The log writes seven or nine digits of a second, in UTC."""
    found = _MOMENT.match(text)
    try:
        return None if found is None else datetime.fromisoformat(f"{found[1]}.{(found[2] or '0')[:6]:0<6}").replace(tzinfo=UTC)
    except ValueError:
        return None
