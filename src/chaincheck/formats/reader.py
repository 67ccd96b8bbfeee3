"""One source read to its end: every content looked at, unpacked and sorted by what it is."""

from __future__ import annotations

import re
from functools import cache
from struct import Struct
from typing import TYPE_CHECKING

from chaincheck.errors import InputError
from chaincheck.formats import foreign, keys, pem, pkcs7, registry, sst
from chaincheck.formats.classify import KEYS, Kind, classify
from chaincheck.formats.frame import element
from chaincheck.formats.loaded import KeyMaterial, Loaded, Note, NoteCode, StoredCertificate
from chaincheck.formats.pbe import Budget
from chaincheck.formats.text import decode, is_text
from chaincheck.x509.der import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaincheck.formats.keys import PasswordSource
    from chaincheck.formats.limits import Limits

_HEAD = Struct(">5H")  # the first ten octets of a certificate
_MOST_NOTES = 1000  # per source: more say nothing new
_BASE64 = re.compile(r"[A-Za-z0-9+/]{16}")
_IGNORED_LABELS = frozenset({"EC PARAMETERS", "DH PARAMETERS", "X9.42 DH PARAMETERS", "DSA PARAMETERS", "SSL SESSION PARAMETERS"})
_SWAPPED = "certificate and key swapped?"


class Reader:
    """Collects from one source; ``expected`` is the phrase that errors name ("a certificate", "a private key", ...)."""

    def __init__(self, password: PasswordSource, limits: Limits, expected: str, *, keys_wanted: bool = False) -> None:
        self.password: PasswordSource = cache(password) if callable(password) else password  # asked once
        self.limits = limits
        self.expected = expected
        self.kind = ""
        self.certificates: dict[bytes, None] = {}  # a dict keeps the order and drops repetitions
        self.crls: dict[bytes, None] = {}
        self.ocsp_responses: dict[bytes, None] = {}
        self.keys: list[KeyMaterial] = []
        self.entries: list[StoredCertificate] = []
        self.notes: list[Note] = []
        self.rejected: list[InputError] = []  # parts of the wrong kind; the first becomes the error if nothing else is found
        self.place = ""  # the file that was read last, for messages about the source as a whole
        self._keys_wanted = keys_wanted
        self._budget: Budget | None = None
        self.bytes_left = limits.max_bytes
        self.entries_left = 5 * limits.max_files  # of directories: what is looked at to find the files
        self.files_left = limits.max_files

    def loaded(self) -> Loaded:
        """What was collected."""
        return Loaded(
            certificates=tuple(self.certificates),
            keys=tuple(self.keys),
            crls=tuple(self.crls),
            ocsp_responses=tuple(self.ocsp_responses),
            entries=tuple(self.entries),
            notes=tuple(self.notes),
            kind=self.kind,
        )

    def note(self, code: NoteCode, where: str, detail: str, about: str = "") -> None:
        """Keep a remark."""
        if len(self.notes) < _MOST_NOTES:
            self.notes.append(Note(code=code, where=where, detail=detail, about=about))

    def found(self) -> int:
        """How many objects were collected."""
        return len(self.certificates) + len(self.crls) + len(self.ocsp_responses) + len(self.keys)

    def content(self, data: bytes, where: str, depth: int = 0) -> None:
        """Read one content, whatever it is. Raises ``InputError`` where nothing can be had from it."""
        self.bytes_left -= len(data)
        if self.bytes_left < 0:
            raise self.error("too-large", f"more than {self.limits.max_bytes:,} bytes", where)
        if depth > self.limits.max_depth:
            raise self.error("too-deep", f"containers in containers, more than {self.limits.max_depth} deep", where)
        if not data.strip(b"\0 \t\r\n"):
            raise self.error("empty", "nothing" if not data else f"{len(data)} bytes of nothing but white space", where)
        if (data[0] == 0x30 and (data[1] & 0x80 if len(data) > 2 else False)) or _exact(data):
            foreign.by_magic(data, where, self.expected)
            self._der_sequence(data, where)
        elif data.startswith(sst.MAGIC):
            self._store(data, where)
        elif registry.looks_like_blob(data):
            entry = registry.parse_blob(data, where=where)
            self.certificates[entry.der] = None
            self.entries.append(entry)
            self.kind = self.kind or "registry"
        else:
            self._text(data, where, depth)

    # binary

    def _der_sequence(self, data: bytes, where: str) -> None:
        """One or many DER structures back to back."""
        pos, size, count = 0, len(data), 0
        while pos < size:
            start = pos
            pos = self._plain_certificates(data, pos)
            count += pos > start
            if pos == size:
                break
            try:
                outer = element(data, pos, size)
            except Malformed as fault:
                if not count:
                    raise self._truncated(data, where, fault) from None
                self._after(data[pos:], f"{where}, byte {pos}", fault)
                break
            if outer.tag != 0x30:
                self._trailing(data[pos:], f"{where}, byte {pos}")
                break
            count += 1
            if count > self.limits.max_certificates:
                raise self.error("too-many", f"more than {self.limits.max_certificates:,} structures", where)
            alone = count == 1 and outer.end == size
            self.der(data[pos : outer.end], where if alone else f"{where}, byte {pos}", alone=alone)
            pos = outer.end
        self.kind = self.kind or "der"

    def _plain_certificates(self, data: bytes, pos: int) -> int:
        """Take certificates of the shape that nearly all have, back to back, and return where they end: 10,000 of them in milliseconds.

        The shape: two SEQUENCEs with lengths of two octets, then version [0] of one INTEGER.
        """
        certificates = self.certificates
        last = len(data) - _HEAD.size
        longest = self.limits.max_certificate_bytes - 4
        while pos <= last:
            outer, length, inner, _, version = _HEAD.unpack_from(data, pos)
            end = pos + 4 + length
            if outer != 0x3082 or inner != 0x3082 or version != 0xA003 or end > len(data) or length > longest:
                break
            certificates[data[pos:end]] = None
            pos = end
        if len(certificates) > self.limits.max_certificates:
            raise self.error("too-many", f"more than {self.limits.max_certificates:,} certificates", f"byte {pos}")
        return pos

    def _after(self, rest: bytes, where: str, fault: Malformed) -> None:
        if rest[0] == 0x30:
            self.note(NoteCode.DAMAGED_MEMBER, where, fault.what)
        else:
            self._trailing(rest, where)

    def _trailing(self, rest: bytes, where: str) -> None:
        code = NoteCode.TRAILING_DATA if rest.strip(b"\0 \t\r\n\x1a") else NoteCode.PADDING
        self.note(code, where, f"{len(rest)} bytes after the end of the structure")

    def _truncated(self, data: bytes, where: str, fault: Malformed) -> InputError:
        count = data[1] - 0x80 if len(data) > 1 else 0
        if 0 < count <= 8 and len(data) >= 2 + count:
            total = 2 + count + int.from_bytes(data[2 : 2 + count], "big")
            if total > len(data):
                hint = "the file was cut off, or line ends in it were converted"
                return self.error("truncated", f"{len(data):,} bytes of {total:,}", where, hint)
        return self.error("truncated", f"no complete structure: {fault.what}", where)

    def der(self, der: bytes, where: str, *, alone: bool = True, labelled: bool = False) -> None:
        """Sort one DER structure in. ``alone``: it is all there is, so what is wrong with it is an error, else a note.

        ``labelled``: it stands under the PEM label of a certificate, which decides where its structure does not.
        """
        kind = classify(der)
        if kind is Kind.CERTIFICATE or (kind is Kind.UNKNOWN and labelled):
            if len(der) > self.limits.max_certificate_bytes:
                raise self.error("too-large", f"a certificate of {len(der):,} bytes", where)
            self.certificates[der] = None
        elif kind is Kind.CRL:
            self.crls[der] = None
        elif kind is Kind.OCSP_RESPONSE:
            self.ocsp_responses[der] = None
        elif kind is Kind.PKCS7:
            self._part(lambda: self._pkcs7(der, where), where, alone=alone)
        elif kind is Kind.PKCS12:
            self._part(lambda: self._pkcs12(der, where), where, alone=alone)
        elif kind in KEYS:
            self._key(lambda: keys.from_der(der, kind, self.password, self.budget(where), where), where)
        else:
            self.reject(self._not_wanted(kind, where))
        self.kind = self.kind or {Kind.PKCS7: "pkcs7", Kind.PKCS12: "pkcs12"}.get(kind, "key" if kind in KEYS else "der")

    def _not_wanted(self, kind: Kind, where: str) -> InputError:
        if kind is Kind.CSR:
            hint = "the CA answers a request with a certificate; that file is needed"
            return self.error("csr", "a certificate signing request (PKCS#10)", where, hint)
        if kind is Kind.PUBLIC_KEY:
            doubt = "it does not show that the private key is there" if self._keys_wanted else None
            return self.error("public-key", "a bare public key", where, doubt)
        return self.error("unknown-structure", "a DER structure that is no certificate, key, CRL, OCSP response or PKCS#7/PKCS#12", where)

    def reject(self, error: InputError) -> None:
        """Keep an error for the case that nothing else is found, and a note for the other."""
        if len(self.rejected) < _MOST_NOTES:
            self.rejected.append(error)
        self.note(NoteCode.UNRELATED_MEMBER, error.where, error.found, error.code)

    def _part(self, read: Callable[[], None], where: str, *, alone: bool) -> None:
        try:
            read()
        except InputError as error:
            if alone or error.code in ("wrong-password", "password-needed", "kdf-too-expensive"):
                raise
            self.reject(error)

    def _pkcs7(self, data: bytes, where: str) -> None:
        held = pkcs7.parse(data, where, self.limits.max_certificates)
        if not held.certificates and not held.crls:
            raise self.error("pkcs7-without-certificates", "a PKCS#7 without certificates", where)
        if held.indefinite:
            self.note(NoteCode.NOT_DER, where, "the PKCS#7 is BER with indefinite lengths; its certificates are taken as they are")
        if held.others:
            self.note(NoteCode.UNRELATED_MEMBER, where, f"{held.others} members that are no X.509 certificates")
        self.certificates.update(dict.fromkeys(held.certificates))
        self.crls.update(dict.fromkeys(held.crls))

    def _pkcs12(self, data: bytes, where: str) -> None:
        from chaincheck.formats import pkcs12

        held = pkcs12.parse(data, self.password, self.budget(where), self.limits, where)
        self.certificates.update(dict.fromkeys(held.certificates))
        self.crls.update(dict.fromkeys(held.crls))
        self.keys.extend(held.keys)
        self.notes.extend(held.notes[: _MOST_NOTES - len(self.notes)])
        if not held.certificates:
            hint = "it was exported without its certificate" if held.keys else None
            self.reject(self.error("pkcs12-without-certificates", "a PKCS#12 without certificates", where, hint))

    def _store(self, data: bytes, where: str) -> None:
        held = sst.parse(data, where, self.limits.max_certificates)
        self.certificates.update((entry.der, None) for entry in held.certificates)
        self.crls.update(dict.fromkeys(held.crls))
        self.entries.extend(held.certificates)
        self.notes.extend(held.notes[: _MOST_NOTES - len(self.notes)])
        self.kind = self.kind or "sst"
        if not held.certificates and not held.crls:
            damaged = next((note for note in held.notes if note.code is NoteCode.DAMAGED_MEMBER), None)
            if damaged is not None:
                raise self.error("damaged-store", f"a damaged serialized store: {damaged.detail}", damaged.where)
            self.reject(self.error("empty-store", "a serialized store without certificates", where))

    # keys

    def budget(self, where: str) -> Budget:
        """What key derivation may still cost for this source."""
        if self._budget is None:
            self._budget = Budget(self.limits, where)
        return self._budget

    def _key(self, read: Callable[[], KeyMaterial], where: str) -> None:
        try:
            self.keys.append(read())
        except InputError as error:
            if self._keys_wanted or error.code != "password-needed":
                raise
            # asked for certificates, found a key beside them that nobody gave a password for
            self.note(NoteCode.KEY_SKIPPED, where, error.found)
            self.rejected.append(self.error("key-as-certificate", "an encrypted private key", where, _SWAPPED))

    # text

    def _text(self, data: bytes, where: str, depth: int) -> None:
        foreign.by_magic(data, where, self.expected)
        text, encoding = decode(data)
        if not is_text(text):
            self._unknown(data, where)
        if encoding is not None:
            self.note(NoteCode.ENCODING, where, f"{encoding} text")
        self.text(text, where, depth)

    def text(self, text: str, where: str, depth: int = 0) -> None:
        """Read a text: PEM, percent-encoded PEM, or bare Base64."""
        if "%" in text and re.search(r"%(0A|0D|20|2B|2F)", text[:200], re.IGNORECASE):
            from urllib.parse import unquote

            text = unquote(text)
            self.note(NoteCode.ENCODING, where, "percent-encoded text")
        if pem.has_marker(text):
            self.kind = self.kind or "pem"
            self._pem(text, where, depth)
            return
        packed = text.strip(" \t\r\n\"'\0\x1a\ufeff")
        if _BASE64.match(packed.replace("\n", "").replace("\r", "")[:64]):
            self._bare_base64(packed, where, depth)
            return
        foreign.by_text(text, where, self.expected)
        self._unknown_text(text, where)

    def _bare_base64(self, packed: str, where: str, depth: int) -> None:
        try:
            data, repaired = pem.base64(packed)
        except ValueError as error:
            foreign.by_text(packed, where, self.expected)
            raise self.error("damaged-base64", f"text that is neither PEM nor Base64: {error}", where, _looks_like_path(packed)) from None
        if data[:1] != b"\x30" and not data.startswith((sst.MAGIC, b"-----")):
            raise self.error("unknown-content", "Base64 of something that is no certificate, key or store", where, _looks_like_path(packed))
        self.kind = self.kind or ("pem" if data.startswith(b"-----") else "sst" if data.startswith(sst.MAGIC) else "base64")
        if repaired:
            self.note(NoteCode.REPAIRED, where, repaired)
        self.content(data, where, depth + 1)

    def _pem(self, text: str, where: str, depth: int) -> None:
        outside = False
        count = 0
        for block in pem.blocks(text):
            if block is None:
                outside = True
                continue
            count += 1
            if count > self.limits.max_certificates:
                raise self.error("too-many", f"more than {self.limits.max_certificates:,} PEM blocks", where)
            self._block(block, f"{where}, block {block.number} at line {block.line}", depth)
        if outside:
            self.note(NoteCode.TEXT_IGNORED, where, "text outside of the blocks")

    def _block(self, block: pem.Block, where: str, depth: int) -> None:
        label = block.label
        if label in _IGNORED_LABELS:
            return
        if label.startswith("PGP"):
            self.reject(self.error("pgp", f"a PGP block ({label})", where, "PGP keys are not certificates for TLS"))
        elif label in ("OPENSSH PRIVATE KEY", "SSH2 PUBLIC KEY"):
            hint = "convert it: ssh-keygen -p -m PEM -f key"
            self.reject(self.error("openssh-key", "a private key in OpenSSH's own form, which is not supported", where, hint))
        elif block.data is None:
            self._damaged(block, where, block.problem or "")
        elif "ENCRYPTED" in block.headers.get("Proc-Type", ""):
            information, data = block.headers.get("DEK-Info", ""), block.data
            self._key(lambda: keys.traditional(information, data, self.password, self.budget(where), where), where)
        else:
            if block.repaired:
                self.note(NoteCode.REPAIRED, where, block.repaired)
            self._block_der(block, block.data, where, depth)

    def _block_der(self, block: pem.Block, data: bytes, where: str, depth: int) -> None:
        try:
            outer = element(data, 0, len(data))
            problem = None if outer.tag == 0x30 else "it holds no DER SEQUENCE"
        except Malformed as fault:
            problem, outer = self._truncated(data, where, fault).found, None
        if problem is not None or outer is None:
            if data.startswith(sst.MAGIC):
                self.content(data, where, depth + 1)
                return
            self._damaged(block, where, problem or "")
            return
        if outer.end != len(data):
            what = (
                "trust settings of OpenSSL"
                if block.label == "TRUSTED CERTIFICATE"
                else f"{len(data) - outer.end} bytes after the structure"
            )
            self.note(NoteCode.TRAILING_DATA, where, what, block.label)
            data = data[: outer.end]
        if "CRL" in block.label and classify(data) not in (Kind.CRL, Kind.PKCS7):
            self._damaged(block, where, "it holds no CRL")
            return
        labelled = block.label in ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")
        self.der(data, where, alone=False, labelled=labelled)

    def _damaged(self, block: pem.Block, where: str, problem: str) -> None:
        if block.label.endswith("PRIVATE KEY") and self._keys_wanted and block.data is not None:
            # complete as PEM, damaged inside: the key is there and cannot be used
            self.keys.append(KeyMaterial(spki=None, problem=f"damaged: {problem}", origin="PEM", encrypted="ENCRYPTED" in block.label))
            return
        self.note(NoteCode.DAMAGED_MEMBER, where, problem, block.label)
        if len(self.rejected) < _MOST_NOTES:
            self.rejected.append(self.error("damaged-pem", f"a damaged {block.label} block: {problem}", where))

    # what nothing fits

    def error(self, code: str, found: str, where: str, hint: str | None = None) -> InputError:
        """An ``InputError`` that says what was expected here."""
        return InputError(code, found=found, expected=self.expected, where=where, hint=hint)

    def _unknown(self, data: bytes, where: str) -> None:
        raise self.error("unknown-content", f"{len(data):,} bytes that begin with {data[:8].hex(' ')}", where)

    def _unknown_text(self, text: str, where: str) -> None:
        beginning = "".join(character if character.isprintable() else " " for character in text.strip()[:40])
        if "BEGIN" in text and "-----" in text:
            raise self.error("damaged-pem", "a PEM text without a readable BEGIN line", where)
        raise self.error("unknown-text", f"text that begins with {beginning!r}", where, _looks_like_path(text.strip()))


def _exact(data: bytes) -> bool:
    """A short SEQUENCE that fills the data: what is shorter than 128 bytes could else be a text that begins with "0"."""
    return len(data) > 2 and data[0] == 0x30 and data[1] == len(data) - 2


def _looks_like_path(text: str) -> str | None:
    if len(text) < 260 and "\n" not in text and re.search(r"[\\/.]", text) and not text.endswith("="):
        return "a file name goes in as str or Path, not as bytes"
    return None
