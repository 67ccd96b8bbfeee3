"""The output of ``certutil -verify [-urlfetch]``, of a Windows in any language.

Windows translates labels and sentences, but not ``CertContext[0][0]:``, ``Element.``, ``ChainContext.``, the names of flags, nor codes
(reported by users). So only these are read by name, all else by its place and shape. The last line says "completed successfully" also of
a revoked certificate, and is never the verdict.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from chaincheck.errors import InputError
from chaincheck.iis.tables import Family
from chaincheck.iis.windows_verdict import Kept, Kind, UrlOutcome, WindowsElement, WindowsVerdict, flag_bits, flag_names, number, union

_EXPECTED: Final = "the output of certutil -verify"
_LONGEST_LINE: Final = 8192  # characters; an LDAP address has some hundred
_MARKS: Final = ("CertContext[", "CERT_CHAIN_CONTEXT", "ChainContext.dw", "Element.dwErrorStatus", "Element.dwInfoStatus")
_HEAD: Final = "CERT_CHAIN_CONTEXT"
_CONTEXT: Final = re.compile(
    r"CertContext\[\d{1,4}\]\[\d{1,4}\]:\s{0,9}dwInfoStatus=([0-9a-fA-F]{1,8})\s{1,9}dwErrorStatus=([0-9a-fA-F]{1,8})\Z"
)
_STATUS: Final = re.compile(
    r"(ChainContext|SimpleChain|Element)\.dw(Info|Error)Status\s{0,9}=\s{0,9}(?:(\w{1,80})\s{0,9}\()?(0x[0-9a-fA-F]{1,8}|0)\)?\Z"
)
_STATUS_LINES: Final = ("CertContext[", "ChainContext.dw", "SimpleChain.dw", "Element.dw")
_ENGINE: Final[dict[str, Literal["machine", "user"]]] = {"HCCE_LOCAL_MACHINE": "machine", "HCCE_CURRENT_USER": "user"}
_POLICY: Final = re.compile(r"CERT_CHAIN_POLICY_\w{1,60}\Z")
_CODE: Final = re.compile(r"0x([0-9a-f]{1,8})\s{0,3}\((?:-?\d|WIN32)", re.IGNORECASE)  # 0x800b0109 (-2146762487 CERT_E_UNTRUSTEDROOT)
_LABELLED: Final = re.compile(r"[^=:\uff1a]{1,80}[:\uff1a](.*)\Z")
_NAME: Final = re.compile(r"[A-Za-z][\w.]{0,63}=")  # the beginning of a distinguished name; "DNS Name=" is none
_URL: Final = re.compile(r"(?:\[[\d.]{1,16}\]\s{0,9})?((?:https?|ldaps?|file|ftp):\S.*)\Z", re.IGNORECASE)
_HEX: Final = re.compile(r"[0-9a-f]+", re.IGNORECASE)
_SHA1_DIGITS: Final = 40
_KINDS: Final[dict[str, Kind]] = {"OCSP": "ocsp", "AIA": "aia", "CDP": "cdp"}  # "Base CRL CDP" names where a delta CRL lies
# The word before the quotes, in English; what other languages have there is judged by what follows.
_HAD: Final = frozenset(("verified", "ok", "revoked"))
_NOT_HAD: Final = frozenset(("failed", "unsuccessful", "expired", "wrong issuer", "bad signature", "no crl"))


def looks_like(text: str) -> bool:
    """Whether anything in it is of ``certutil -verify``."""
    return any(mark in text for mark in _MARKS)


def parse(text: str, where: str = "evidence") -> WindowsVerdict:
    """The one verdict of a text. Raises ``InputError`` for none, and for several one after another (see ``parse_all``)."""
    found = parse_all(text, where)
    if len(found) > 1:
        raise InputError("evidence", found=f"{len(found)} outputs one after another", expected=f"{_EXPECTED}, once", where=where)
    return found[0]


def parse_all(text: str, where: str = "evidence") -> tuple[WindowsVerdict, ...]:
    """The verdict of every run, in order, at least one. Raises ``InputError``."""
    runs = [_Run(where)]
    lines = text.splitlines()
    indented = any(line[:1].isspace() and line.strip() for line in lines)  # a paste may have lost it
    for whole in lines:
        line = whole[:_LONGEST_LINE].strip()
        if line and runs[-1].is_over_before(line):
            runs.append(_Run(where))
        if line:
            runs[-1].read(line, at_margin=indented and not whole[0].isspace())
    verdicts = tuple(run.verdict() for run in runs if run.told or run.elements)
    if not verdicts:
        raise InputError("evidence", found="no status of a chain or certificate", expected=_EXPECTED, where=where)
    return verdicts


class _Run:
    """One run of the command, line by line."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.engine: Literal["machine", "user"] | None = None
        self.policy: str | None = None
        self.told = False  # what is said of the chain is all there is to say: it has no line for a status of 0
        self.error = self.info = 0
        self.result: int | None = None
        self.elements: list[_Element] = []
        self.inside = False  # whether lines belong to the last element
        self.kept = Kept()

    def is_over_before(self, line: str) -> bool:
        """Whether a line can only be of another run."""
        if line.startswith("CertContext[0][0]"):
            return bool(self.elements)
        return (self.told or bool(self.elements)) and (line in _ENGINE or _HEAD in line)

    def read(self, line: str, *, at_margin: bool) -> None:
        if line in _ENGINE:
            self.engine = _ENGINE[line]
        elif _POLICY.match(line):
            self.policy = line
        elif line.startswith(_STATUS_LINES):
            self._status_line(line)
        elif _HEAD in line:
            self.told = True
        elif self.inside and not at_margin:
            self.elements[-1].read(line, self.kept)
        else:
            self._closing(line)

    def _status_line(self, line: str) -> None:
        """A status that cannot be read is no status of 0."""
        if (context := _CONTEXT.match(line)) is not None:
            self.elements.append(_Element(info=int(context[1], 16), error=int(context[2], 16)))
            self.inside = True
        elif (status := _STATUS.match(line)) is not None:
            self._status(status)
        else:
            raise InputError("evidence", found=f"a status that cannot be read: {line[:80]!r}", expected=_EXPECTED, where=self.where)

    def _status(self, found: re.Match[str]) -> None:
        about, error, value = found[1], found[2] == "Error", int(found[4], 16)
        if found[3] and found[3] not in flag_bits(Family.TRUST_STATUS if error else Family.TRUST_INFO):
            self.kept.add(found[3])
        if about == "Element":
            if self.elements:
                self.elements[-1].status(value, error=error)
            return
        self.told = True
        if error:
            self.error |= value
        else:
            self.info |= value

    def _closing(self, line: str) -> None:
        """Of the sentences at the end the first with an error decides: it is about the chain, later ones about its parts."""
        self.inside = False
        code = _code(line)
        if self.result is None and code is not None and code >= 1 << 31:
            self.result = code

    def verdict(self) -> WindowsVerdict:
        elements = tuple(element.built() for element in self.elements)
        error, info = self.error, self.info
        if not self.told:  # the beginning is cut off
            error = union(element.error_status for element in elements)
            info = elements[0].info_status if len(elements) == 1 else 0
        return WindowsVerdict(
            source="certutil",
            engine=self.engine,
            process=None,
            user=None,
            moment=None,
            error_status=error,
            info_status=info,
            result=self.result,
            elements=elements,
            kept=tuple(self.kept),
            policy=self.policy,
        )


class _Element:
    """One CertContext: names and numbers first, then its status, then what became of its addresses."""

    def __init__(self, *, info: int, error: int) -> None:
        self.info, self.error = info, error
        self.names: list[str] = []  # issuer, then subject
        self.serial: str | None = None
        self.sha1: str | None = None
        self.in_head = True
        self.kind: Kind | None = None
        self.word, self.had = "", False  # of the last line with quotes
        self.code: int | None = None
        self.urls: list[UrlOutcome] = []

    def status(self, value: int, *, error: bool) -> None:
        self.in_head = False
        if error:
            self.error |= value
        else:
            self.info |= value

    def read(self, line: str, kept: Kept) -> None:
        if line.startswith("----"):
            self.in_head = False
            self._section(line.strip("-").strip(), kept)
        elif self.in_head:
            self._head(line)
        elif self.kind is not None:
            self._address(line, self.kind, kept)

    def _head(self, line: str) -> None:
        labelled = _LABELLED.match(line)
        value = labelled[1].strip() if labelled is not None else line
        if self.serial is None and len(self.names) < 2 and _NAME.match(value):
            self.names.append(value)
            return
        digits = value.replace(" ", "")
        if not _HEX.fullmatch(digits):
            return
        if self.serial is None and " " not in value and self.names:
            self.serial = f"{int(digits, 16):x}"
        elif len(digits) == _SHA1_DIGITS:
            self.sha1, self.in_head = digits.lower(), False

    def _section(self, title: str, kept: Kept) -> None:
        self.kind = next((kind for word, kind in _KINDS.items() if word in title), "other") if title else None
        self.word = ""
        if self.kind == "other":
            kept.add(title)

    def _address(self, line: str, kind: Kind, kept: Kept) -> None:
        if (url := _URL.match(line)) is not None:
            self.urls.append(UrlOutcome(kind=kind, url=url[1], ok=self._ok(kept), code=self.code))
        elif line.count('"') >= 2:  # Verified "Base CRL (04)" Time: 0 72031475f7b9...
            self.word, self.code = line.partition('"')[0].strip(), None
            self.had = any(len(word) == _SHA1_DIGITS and _HEX.fullmatch(word) for word in line.rpartition('"')[2].split())
        elif (code := _code(line)) is not None:
            self.code = code

    def _ok(self, kept: Kept) -> bool | None:
        word = self.word.lower()
        if word in _HAD:
            return True
        if word not in _NOT_HAD:
            kept.add(self.word)
            if self.code is None and self.had:
                return None  # something came, and what it is good for is said in another language
        return False

    def built(self) -> WindowsElement:
        return WindowsElement(
            subject=self.names[1] if len(self.names) > 1 else None,
            issuer=self.names[0] if self.names else None,
            serial=self.serial,
            sha1=self.sha1,
            error_status=self.error,
            info_status=self.info,
            flags=flag_names(self.error),
            urls=tuple(self.urls),
        )


def _code(line: str) -> int | None:
    found = _CODE.search(line)
    return None if found is None else number(found[1])
