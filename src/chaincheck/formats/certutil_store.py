"""Text of ``certutil -store <name>``: the certificates and CRLs of one or several Windows stores, and whether their keys can be used.

The labels come in the language of Windows, so the order of the lines and the shape of their values tell what they are: a line of equals
signs with a number, then serial, issuer, two dates, subject, "(sha1)". Only the lines about the key are told by their words; in a language
whose words are not known here, nothing is said about the key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from chaincheck.formats.loaded import Note, NoteCode

KeyState = Literal["present", "none", "missing", "unusable"]


class ListedCrl(NamedTuple):
    """A CRL as listed. The times are text in the format and zone of the server, None where there is none. ``sha1``: lower-case hex."""

    number: int
    issuer: str
    this_update: str | None
    next_update: str | None
    sha1: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedCertificate:
    """A certificate as listed. ``serial`` and ``sha1``: lower-case hex as printed; names as Windows writes them, "" where not found.

    ``root``: whether subject and issuer are the same *by name*; None where a name is missing. ``key``: "present" where Windows used the
    key in a test, "missing" where the container it names is not there, "none" where no container is named, "unusable" where it cannot be
    used (no access, a failed test); None where the text does not say.
    """

    number: int
    serial: str
    issuer: str
    subject: str
    sha1: str
    root: bool | None
    key: KeyState | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedStore:
    """A store as listed. ``name`` ("Root") and ``title`` ("Trusted Root Certification Authorities") are None where the heading is lost.

    ``user``: whether the command line, where it is in the text, asked for the stores of the user.
    """

    name: str | None
    title: str | None
    user: bool
    certificates: tuple[ListedCertificate, ...]
    crls: tuple[ListedCrl, ...]


_STORES = 1000  # Windows has about twenty
_NOTES = 1000  # a text of nothing but damage shall not become a longer list of notes
_SAMPLE = 65536  # characters looked at to recognise the text
_LONGEST_HEADING = 300  # characters
_EQUALS = "====="  # sixteen of them, in all that was seen
_BLOCK = re.compile(r"^[ \t]*={5,40} [^\r\n=]{0,100}\d{1,9} ={5,40}[ \t\r]*$", re.MULTILINE)
_SHA1 = re.compile(r"\(sha1\)|^CertUtil: -store", re.IGNORECASE | re.MULTILINE)
_TITLED = re.compile(r'([^\s"=:][^"=:]*?)\s+"([^"]*)"\Z')
_BARE = re.compile(r"[\w.$-]{1,64}\Z")  # the heading of a store that Windows has no title for
_COMMAND = re.compile(r"(?:[^=\"]{0,200}[>#$&] ?)?certutil(?:\.exe)?[ \t](?:.*[ \t])?[-/]store\b", re.IGNORECASE)  # perhaps after a prompt
_USER = re.compile(r"[ \t][-/]user\b", re.IGNORECASE)
_OUTCOME = "certutil:"  # begins the last line of every command, in every language
_COLON = re.compile(r"[:：]")  # Chinese may have the wide one
_HEX = re.compile(r"[0-9a-f](?:[0-9a-f ]*[0-9a-f])?\Z", re.IGNORECASE)
_DATE = re.compile(r"\d{1,4} ?[./\-年]")

# What certutil says of the key, in English and in what is attested of other languages; the first that fits decides, the worst comes first.
# German loses its umlauts where the output was redirected. Only a test that passed proves a key.
_KEY_WORDS: tuple[tuple[KeyState, re.Pattern[str]], ...] = (
    ("none", re.compile(r"no key provider information|没有密钥提供程序信息", re.IGNORECASE)),
    ("missing", re.compile(r"missing stored keyset|.*(?:NTE_BAD_KEYSET|0x80090016)", re.IGNORECASE)),
    ("unusable", re.compile(r"(?:signature|encryption) test failed|error: .*(?:public key|keyset)", re.IGNORECASE)),
    ("unusable", re.compile(r".*(?:access (?:is )?denied|E_ACCESSDENIED|ERROR_ACCESS_DENIED|0x80070005)", re.IGNORECASE)),
    ("present", re.compile(r"(?:signature|encryption) test passed|(?:verschl.{1,8}sselungs|signatur)test wurde durchgef", re.IGNORECASE)),
)


def looks_like(text: str) -> bool:
    """Whether it is a listing of a store: equals signs with a number and a SHA-1, or the end of the command, near its beginning."""
    sample = text[:_SAMPLE]
    found = _SHA1.search(sample)
    return found is not None and (found[0][0] != "(" or _BLOCK.search(sample) is not None)


def parse(text: str, where: str, most: int = 100_000) -> tuple[tuple[ListedStore, ...], tuple[Note, ...]]:
    """Read at most ``most`` certificates and CRLs; never raises. What is no listing gives no store."""
    reader = _Reader(text, where, most)
    reader.read()
    return tuple(store.listed() for store in reader.stores), tuple(reader.notes)


class _Store:
    """A store while it is read."""

    def __init__(self, name: str | None, title: str | None, *, user: bool) -> None:
        self.name, self.title, self.user = name, title, user
        self.certificates: list[ListedCertificate] = []
        self.crls: list[ListedCrl] = []
        self.last: dict[str, int] = {}  # the number of the last block, by the word in its heading

    def listed(self) -> ListedStore:
        crls = tuple(self.crls)
        return ListedStore(name=self.name, title=self.title, user=self.user, certificates=tuple(self.certificates), crls=crls)


class _Block(NamedTuple):
    """One certificate or CRL: the word and number in its heading, on which line and how far from the left that stands, what follows."""

    word: str
    number: int
    at: int
    indent: int
    lines: list[str]


class _Reader:
    """Goes over the lines once."""

    def __init__(self, text: str, where: str, most: int) -> None:
        self.lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self.where = where
        self.left = most
        self.stores: list[_Store] = []
        self.notes: list[Note] = []
        self.store: _Store | None = None
        self.block: _Block | None = None
        self.user = False

    def read(self) -> None:
        before: str | None = None  # the last line outside of a block: the name of a store without a title stands alone
        for at, line in enumerate(self.lines, 1):
            stripped = line.strip()
            if not stripped:
                continue
            heading = _heading(stripped)
            if heading is not None:
                if self.block is not None and not self.block.lines:
                    continue  # "Begin Nesting Level 1", which certutil -dump puts under the heading
                self._close()
                if self.left <= 0:
                    self._cut(at, "more certificates and CRLs than are read")
                    return
                self._open(_Block(*heading, at, _indent(line), []), before)
                before = None
            elif self._command(stripped):
                before = None
            elif self.block is not None:
                self.block.lines.append(line.rstrip())
            else:
                before = stripped if _BARE.match(stripped) else None
            if len(self.stores) > _STORES:
                self._cut(at, f"more than {_STORES} stores")
                return
        self._close()

    def _cut(self, at: int, detail: str) -> None:
        """Stop here. A store of which only the heading was read shall not pass for an empty one."""
        self._note(NoteCode.CUT, at, detail)
        if self.store is not None and not self.store.certificates and not self.store.crls:
            self.stores.pop()

    def _command(self, stripped: str) -> bool:
        """Whether the line is the echo or the outcome of a command, or the heading of a store: what ends the store before."""
        if stripped[:9].casefold() == _OUTCOME:
            self._close()
            self.store, self.user = None, False
            return True
        if len(stripped) > _LONGEST_HEADING:
            return False
        if "certutil" in stripped.casefold() and _COMMAND.match(stripped):
            self._close()
            self.store, self.user = None, _USER.search(stripped) is not None
            return True
        titled = _TITLED.match(stripped) if stripped[-1] == '"' else None
        if titled is None:
            return False
        self._close()
        self.store = _Store(titled[1], titled[2], user=self.user)
        self.stores.append(self.store)
        return True

    def _open(self, block: _Block, name: str | None) -> None:
        store = self.store
        if store is None or store.last.get(block.word, -1) >= block.number:  # counted anew: the heading of another store is lost
            store = self.store = _Store(name if store is None else None, None, user=self.user)
            self.stores.append(store)
        store.last[block.word] = block.number
        self.block = block

    def _close(self) -> None:
        """Read the block that ends here."""
        block, store = self.block, self.store
        self.block = None
        if block is None or store is None:
            return
        self.left -= 1
        fields = _Fields(block)
        if "CTL" in block.word:
            self._note(NoteCode.UNRELATED_MEMBER, block.at, "a certificate trust list")
        elif fields.sha1 is None:
            self._note(NoteCode.DAMAGED_MEMBER, block.at, "a certificate or CRL without its SHA-1")
        elif "CRL" in block.word or (fields.serial is None and fields.subject is None and fields.issuer is not None):
            this_update, next_update = (*fields.dates, None, None)[:2]
            store.crls.append(ListedCrl(block.number, fields.issuer or "", this_update, next_update, fields.sha1))
        else:
            if fields.serial is None:
                self._note(NoteCode.DAMAGED_MEMBER, block.at, "a certificate without its serial number")
            store.certificates.append(_certificate(block, fields, fields.sha1))

    def _note(self, code: NoteCode, line: int, detail: str) -> None:
        if len(self.notes) < _NOTES:
            self.notes.append(Note(code=code, where=f"{self.where}, line {line}", detail=detail))


class _Fields:
    """What the lines of a block say, by their order and the shape of their values. ``after``: the lines after the hash."""

    def __init__(self, block: _Block) -> None:
        self.serial: str | None = None
        self.issuer: str | None = None
        self.subject: str | None = None
        self.sha1: str | None = None
        self.dates: list[str] = []
        self.after: list[str] = []
        self._crl = "CRL" in block.word
        several: list[str] | None = None  # the parts of a name, where they stand on lines of their own (certutil -v)
        for number, whole in enumerate(block.lines, 1):
            line = whole[min(block.indent, _indent(whole)) :]
            if several is not None:
                if _indent(line) >= 4 and ("=" in line or "EMPTY" in line):
                    several.append(line.strip())
                    continue
                self._name(", ".join(several))
                several = None
            label, colon, value = _labelled(line)
            if colon and not value and not line[0].isspace():
                several = []
            elif colon and self._field(label, value, indented=line[0].isspace()):
                self.after = block.lines[number:]
        if several:
            self._name(", ".join(several))

    def _field(self, label: str, value: str, *, indented: bool) -> bool:
        """Whether it was the hash."""
        if label.casefold().endswith("(sha1)"):
            octets = value.replace(" ", "").casefold()
            if indented or len(octets) != 40 or not _HEX.match(octets):  # indented: the hash of a name
                return False
            self.sha1 = octets  # of several (of the key, of the certificate) that of the certificate comes last
            return True
        if _DATE.match(value):
            self.dates.append(value)
        elif indented:
            return False
        elif self.issuer is None and not self._crl and _HEX.match(value):
            self.serial = value.replace(" ", "").casefold()  # of several (version, serial) the last before the issuer
        elif self.sha1 is None:
            self._name(value)
        return False

    def _name(self, text: str) -> None:
        """The first name is the issuer's, the second the subject's. "EMPTY (...)" stands for an empty one."""
        if "=" not in text and not text.startswith("EMPTY"):
            return
        if self.issuer is None:
            self.issuer = text
        elif self.subject is None and not self._crl:
            self.subject = text


def _heading(stripped: str) -> tuple[str, int] | None:
    """The word and number of "================ Certificate 0 ================"."""
    if not stripped.startswith(_EQUALS) or not stripped.endswith(_EQUALS) or len(stripped) > _LONGEST_HEADING:
        return None
    words = stripped.strip("=").split()
    if not words or not words[-1].isascii() or not words[-1].isdigit() or len(words[-1]) > 9:
        return None
    return " ".join(words[:-1]), int(words[-1])


def _labelled(line: str) -> tuple[str, bool, str]:
    """What stands before and after the first colon, and whether there is one."""
    colon = _COLON.search(line)
    return (line.strip(), False, "") if colon is None else (line[: colon.start()].strip(), True, line[colon.end() :].strip())


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _certificate(block: _Block, fields: _Fields, sha1: str) -> ListedCertificate:
    issuer, subject = fields.issuer or "", fields.subject or ""
    root: bool | None = None
    for line in block.lines:
        words = line.strip().casefold()
        if words.startswith(("root certificate", "non-root certificate")):
            root = words.startswith("root")
    if root is None and issuer and subject:
        root = issuer == subject
    return ListedCertificate(
        number=block.number, serial=fields.serial or "", issuer=issuer, subject=subject, sha1=sha1, root=root, key=_key(fields.after)
    )


def _key(lines: list[str]) -> KeyState | None:
    """Told by the lines after the hash that are no "name = value": no name that somebody chose passes for one of them."""
    said = [line.strip() for line in lines if "=" not in line]
    for state, words in _KEY_WORDS:
        if any(words.match(line) for line in said):
            return state
    return None
