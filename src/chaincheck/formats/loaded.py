"""What reading a source gives: DER bytes by kind, public halves of keys, and notes about how they were found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NoteCode(StrEnum):
    """What a ``Note`` is about. Never renamed once released."""

    ENCODING = "encoding"
    """The text was not plain ASCII or UTF-8."""
    TEXT_IGNORED = "text-ignored"
    """Text outside of the PEM blocks."""
    REPAIRED = "repaired"
    """A small slip was read over: missing padding, a marker with too few dashes, escaped line breaks."""
    DAMAGED_MEMBER = "damaged-member"
    """A part of a bundle, store or directory that cannot be read; the rest was."""
    UNRELATED_MEMBER = "unrelated-member"
    """A part that is no certificate, key, CRL or OCSP response."""
    KEY_SKIPPED = "key-skipped"
    """A private key that was not opened, because no password was given or its form is not supported."""
    TRAILING_DATA = "trailing-data"
    """Bytes after the end of the first structure."""
    PADDING = "padding"
    """Zeros or white space after the end of the last structure."""
    NOT_DER = "not-der"
    """The container is BER, not DER; the certificates in it are kept as they are."""
    FAULT = "fault"
    """The container breaks a rule of its format, but can be read."""
    CUT = "cut"
    """There was more than the limits allow."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """A remark about a source: ``where`` is the file, block or offset, ``detail`` a short English phrase.

    ``about``: the label of the PEM block, or the code of the ``InputError`` that the member would have been alone; empty where neither is
    known.
    """

    code: NoteCode
    where: str
    detail: str
    about: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyMaterial:
    """The public half of a private key; the private half was dropped at once.

    ``spki``: SubjectPublicKeyInfo in DER, None where it could not be had. ``problem``: why the key cannot be used, None if it can.
    ``supported`` is False where only this build cannot judge it (an algorithm it lacks). ``origin``: the form ("PKCS#8", "PKCS#12", ...).
    ``encrypted``: whether a password protected it.
    """

    spki: bytes | None
    problem: str | None
    origin: str
    encrypted: bool
    supported: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredCertificate:
    """A certificate with the properties a Windows store keeps beside it: (property id, value) in order of appearance."""

    der: bytes
    properties: tuple[tuple[int, bytes], ...] = ()

    def property(self, identifier: int) -> bytes | None:
        """The value of a property (9 is the EKU property, 11 the friendly name, 104 the distrust time ...), None if it is not there."""
        for found, value in self.properties:
            if found == identifier:
                return value
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """Everything found in one source, in order of appearance, without duplicates.

    ``certificates``, ``crls``, ``ocsp_responses``: DER. ``entries``: certificates with properties (serialized stores and registry only;
    they are in ``certificates`` too). ``kind``, by the outermost container: "der", "pem", "base64", "pkcs7", "pkcs12", "sst", "registry",
    "directory", "list", "object", "key".
    """

    certificates: tuple[bytes, ...] = ()
    keys: tuple[KeyMaterial, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsp_responses: tuple[bytes, ...] = ()
    entries: tuple[StoredCertificate, ...] = ()
    notes: tuple[Note, ...] = ()
    kind: str = "der"
