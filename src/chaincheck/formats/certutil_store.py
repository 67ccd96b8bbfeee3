"""Text of ``certutil -store NAME``: which certificates are in a store, without the certificates.

Labels are translated on other Windows than English ones, hex and the order of the lines are not: the serial number comes first, then
issuer, dates and subject, then whether it is a root, then the SHA-1 thumbprint, then what is known of the key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from chaincheck.formats.loaded import Note, NoteCode

if TYPE_CHECKING:
    from collections.abc import Iterator

Key = Literal["present", "none", "missing", "unusable"]
MOST: Final = 100_000  # certificates and CRLs of all stores in the text

_BLOCK: Final = re.compile(r"={8,}\s*(\S.*?)\s*={8,}")
_TITLE: Final = re.compile(r'(\w[\w .-]{0,80}?)\s+"([^"]{1,200})"')
_SERIAL: Final = re.compile(r"[^:：]{1,60}[:：]\s*([0-9a-fA-F]{2,64}(?: [0-9a-fA-F]{2})*)")
_HASH: Final = re.compile(r"[^:：]{0,60}[:：]\s*((?:[0-9a-fA-F]{2}\s?){20})")
_NAME: Final = re.compile(r"[^:：]{1,60}[:：]\s*(\S.*=.*)")
_USABLE: Final = re.compile(r"signature test passed|encryption test passed", re.IGNORECASE)
_KEYS: Final[tuple[tuple[re.Pattern[str], Key], ...]] = (
    (re.compile(r"missing stored keyset", re.IGNORECASE), "missing"),
    (re.compile(r"no key provider information", re.IGNORECASE), "none"),
    (re.compile(r"(signature|encryption) test failed|access.{0,3} denied|0x80090010|0x80070005", re.IGNORECASE), "unusable"),
    (_USABLE, "present"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCertificate:
    """One certificate of a listing. ``sha1`` is its thumbprint in lower-case hex; ``root``: whether subject and issuer are the same.

    ``key``: present (its test passed), none (no key provider), missing (its container is gone), unusable; None where nothing is said.
    """

    number: int
    serial: str
    issuer: str
    subject: str
    sha1: str
    root: bool | None = None
    key: Key | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedStore:
    """One store of the text: its name as it is asked for ("Root"), and the title that certutil prints beside it."""

    name: str | None
    title: str | None
    certificates: tuple[ListedCertificate, ...]


def looks_like(text: str) -> bool:
    """Whether certificates are listed in it as certutil lists them."""
    match = _BLOCK.search(text[:20_000])
    return match is not None and re.search(r"[0-9]", match[1]) is not None and _HASH.search(text) is not None


def parse(text: str, where: str, most: int = MOST) -> tuple[tuple[ListedStore, ...], tuple[Note, ...]]:
    """The stores in their order, and a note for each block that has no thumbprint. Never raises."""
    stores: list[ListedStore] = []
    notes: list[Note] = []
    name: str | None = None
    title: str | None = None
    found: list[ListedCertificate] = []
    begun = False
    for count, (head, lines, line_number) in enumerate(_blocks(text)):
        if head is None:  # what stands before the first block of a store
            match = _TITLE.match(lines[-1]) if lines else None
            if begun:
                stores.append(ListedStore(name=name, title=title, certificates=tuple(found)))
            name, title, found, begun = (match[1], match[2], [], True) if match is not None else (None, None, [], bool(begun))
            continue
        begun = True
        if count >= most:
            notes.append(Note(code=NoteCode.CUT, where=f"{where}, line {line_number}", detail=f"more than {most:,} blocks"))
            break
        number = re.search(r"[0-9]+", head)
        if head.upper().startswith(("CRL", "CTL")):
            continue
        certificate = _certificate(int(number[0][:9]) if number else 0, lines)
        if certificate is not None:
            found.append(certificate)
        elif len(notes) < 1000:
            notes.append(Note(code=NoteCode.DAMAGED_MEMBER, where=f"{where}, line {line_number}", detail="a block without a thumbprint"))
    if begun:
        stores.append(ListedStore(name=name, title=title, certificates=tuple(found)))
    return tuple(stores), tuple(notes)


def _blocks(text: str) -> Iterator[tuple[str | None, list[str], int]]:
    """Each block with its head ("Certificate 0") and lines; head None for lines that name a store."""
    head: str | None = None
    lines: list[str] = []
    begun = 1
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        match = _BLOCK.fullmatch(line)
        title = None if match else _TITLE.fullmatch(line)
        if match is not None or title is not None:
            if head is not None:
                yield head, lines, begun
            if title is not None:
                yield None, [line], number
            head = match[1] if match is not None else None
            lines, begun = [], number
        elif line:
            lines.append(line)
    if head is not None:
        yield head, lines, begun


def _certificate(number: int, lines: list[str]) -> ListedCertificate | None:
    serial = issuer = subject = sha1 = ""
    root: bool | None = None
    key: Key | None = None
    for line in lines:
        digest = _HASH.fullmatch(line)
        if digest is not None:
            sha1 = sha1 or re.sub(r"\s", "", digest[1]).lower()
        elif not serial and (match := _SERIAL.fullmatch(line)) is not None:
            serial = match[1].replace(" ", "").lower()
        elif (named := _NAME.fullmatch(line)) is not None and not sha1:
            issuer, subject = (issuer, subject or named[1]) if issuer else (named[1], subject)
        elif line.startswith("Non-root Certificate"):
            root = False
        elif line.startswith("Root Certificate"):
            root = True
        else:
            key = next((word for pattern, word in _KEYS if pattern.search(line)), key)
    if not sha1:
        return None
    if root is None and issuer and subject:
        root = issuer == subject
    return ListedCertificate(number=number, serial=serial, issuer=issuer, subject=subject, sha1=sha1, root=root, key=key)
