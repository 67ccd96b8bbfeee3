"""Reading what users hold: the one door for certificates, chains, stores, CRLs, OCSP responses and keys.

The content decides what a source is, never the ending of its name. The line between an error and an answer: no complete outer structure,
a wrong password, a request instead of a certificate are ``InputError``; what is complete outside and damaged inside is handed on, to become
a cause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from chaincheck.formats.limits import DEFAULT, Limits
from chaincheck.formats.loaded import KeyMaterial, Loaded, Note, NoteCode, StoredCertificate

if TYPE_CHECKING:
    from chaincheck.errors import InputError
    from chaincheck.formats.keys import PasswordSource
    from chaincheck.formats.reader import Reader

__all__ = ["Expect", "KeyMaterial", "Limits", "Loaded", "Note", "NoteCode", "StoredCertificate", "load", "load_crls", "load_key"]

Expect = Literal["certificates", "crls", "ocsp-responses", "store", "anything"]
_PHRASES = {
    "certificates": "a certificate (PEM, DER, Base64, PKCS#7, PKCS#12 or serialized store)",
    "crls": "a CRL (PEM or DER)",
    "ocsp-responses": "an OCSP response (DER)",
    "store": "a certificate store (PEM, DER, PKCS#7, serialized store, or a directory of certificates)",
    "anything": "certificates, CRLs or a certificate store",
}
_KEY_PHRASE = "a private key (PEM or DER: PKCS#8, PKCS#1, SEC1; PKCS#12; or an object with public_key())"
_SWAPPED = "certificate and key swapped?"


def load(
    source: Any,
    *,
    password: PasswordSource = None,
    limits: Limits | None = None,
    where: str = "certificate",
    expect: Expect = "certificates",
) -> Loaded:
    """Read ``source`` and return everything found in it.

    ``source``: bytes, a path (``os.PathLike`` or a one-line str), a text, a directory, an open binary file, an object of ``cryptography``,
    ``asn1crypto`` or chaincheck, or an iterable of these. ``password``: str, bytes, or a function that returns one and is called only when
    needed. ``limits``: None for the default ones. ``where`` names the source in messages unless a file name does. ``expect``: what must be
    there; "store" takes certificates, CRLs, or a store that is lawfully empty, "anything" keys too. Raises ``InputError``; a damaged member
    of a bundle, store or directory is a note in the result.
    """
    if limits is None:
        limits = DEFAULT
    elif not isinstance(limits, Limits):
        raise _not_limits(limits)
    # nearly every call: one DER certificate, SEQUENCE { SEQUENCE { [0] version ..., with lengths of two octets, filling the bytes exactly
    if (
        type(source) is bytes
        and expect in ("certificates", "store")
        and len(source) > 9
        and source[0] == 0x30
        and source[1] == 0x82
        and (source[2] << 8 | source[3]) + 4 == len(source) <= limits.max_certificate_bytes
        and source[4] == 0x30
        and source[5] == 0x82
        and source[8] == 0xA0
        and source[9] == 3
    ):
        return Loaded(certificates=(source,))
    reader = _read(source, password, limits, _PHRASES[expect], where)
    _demand(reader, expect, where)
    return reader.loaded()


def load_key(source: Any, *, password: PasswordSource = None, limits: Limits | None = None, where: str = "key") -> KeyMaterial:
    """Read a private key and return its public half; ``source`` and ``password`` as in ``load``, or any object with ``public_key()``.

    A key that is there but cannot be used is returned with ``problem``. Raises ``InputError`` where there is no key, or no password that
    opens it.
    """
    if limits is None:
        limits = DEFAULT
    elif not isinstance(limits, Limits):
        raise _not_limits(limits)
    reader = _read(source, password, limits, _KEY_PHRASE, where, keys_wanted=True)
    if reader.keys:
        return reader.keys[0]
    place = _place(reader, where)
    if reader.kind == "pkcs12":
        hint = "it was exported without the private key; export it again with the key"
        raise reader.error("pkcs12-without-key", "a PKCS#12 without a private key", place, hint)
    if reader.certificates:
        found = "a certificate" if len(reader.certificates) == 1 else f"{len(reader.certificates)} certificates"
        raise reader.error("certificate-as-key", f"{found} and no private key", place, _SWAPPED)
    raise _nothing(reader, place)


def load_crls(source: Any, *, limits: Limits | None = None, where: str = "crls") -> tuple[bytes, ...]:
    """Read CRLs and return their DER; ``source`` as in ``load``, an empty list gives none. Raises ``InputError`` where there is no CRL."""
    if isinstance(source, (tuple, list)) and not source:
        return ()
    return load(source, limits=limits, where=where, expect="crls").crls


def _not_limits(value: object) -> InputError:
    from chaincheck.errors import InputError
    from chaincheck.formats.described import described

    return InputError("argument-type", found=described(value), expected="chaincheck.Limits(...) or None", where="limits")


def _read(source: Any, password: PasswordSource, limits: Limits, phrase: str, where: str, *, keys_wanted: bool = False) -> Reader:
    """Everything else than one DER certificate: the readers of the formats are imported when the first such source comes."""
    from chaincheck.formats.reader import Reader
    from chaincheck.formats.sources import read

    reader = Reader(password, limits, phrase, keys_wanted=keys_wanted)
    read(reader, source, where)
    return reader


def _demand(reader: Reader, expect: Expect, where: str) -> None:
    """Raise where what was asked for is not among what was found."""
    wanted = {"certificates": reader.certificates, "crls": reader.crls, "ocsp-responses": reader.ocsp_responses}
    if expect in ("store", "anything"):
        usable = reader.certificates or reader.crls or (expect == "anything" and reader.found())
        if usable or any(error.code == "empty-store" for error in reader.rejected):
            return
    elif wanted[expect]:
        return
    place = _place(reader, where)
    if reader.rejected:
        raise reader.rejected[0]
    if reader.certificates:
        raise reader.error(f"certificate-as-{expect.rstrip('s')}", "a certificate", place)
    if reader.crls:
        raise reader.error(f"crl-as-{expect.rstrip('s')}", "a CRL (certificate revocation list)", place, "pass it as crls=")
    if reader.ocsp_responses:
        raise reader.error(f"ocsp-response-as-{expect.rstrip('s')}", "an OCSP response", place, "pass it as ocsp_responses=")
    if reader.keys:
        raise reader.error(f"key-as-{expect.rstrip('s')}", "a private key and no certificate", place, _SWAPPED)
    raise _nothing(reader, place)


def _nothing(reader: Reader, where: str) -> InputError:
    if reader.rejected:
        return reader.rejected[0]
    detail = f" ({reader.notes[0].detail})" if reader.notes else ""
    return reader.error("nothing-found", f"nothing that can be used{detail}", where)


def _place(reader: Reader, where: str) -> str:
    return reader.place or where
