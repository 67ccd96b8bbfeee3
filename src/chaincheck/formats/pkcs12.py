"""Certificates, CRLs and keys out of PKCS#12 (.pfx, .p12; RFC 7292), DER or BER.

Why not ``cryptography``'s loader: it refuses the whole file for one certificate it dislikes, hands certificates back encoded again, and
runs whatever number of rounds the file asks for, also of keys that only decryption brings to light. Here each derivation is bounded before
it is begun (``pbe.Budget``), and a damaged certificate comes out as the bytes it is. Ciphers and keys stay with ``cryptography``.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, NamedTuple

from chaincheck.errors import InputError
from chaincheck.formats import frame, keys, pbe
from chaincheck.formats.loaded import KeyMaterial, Note, NoteCode
from chaincheck.formats.pbe import Budget, Derivation, Password
from chaincheck.x509.der import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.formats.frame import Element
    from chaincheck.formats.keys import PasswordSource
    from chaincheck.formats.limits import Limits

_DATA, _ENCRYPTED, _ENVELOPED = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.6", "1.2.840.113549.1.7.3"
_BAG = "1.2.840.113549.1.12.10.1."  # RFC 7292 appendix D: 1 key, 2 shrouded key, 3 certificate, 4 CRL, 5 secret, 6 safe contents
_X509_CERTIFICATE, _X509_CRL = "1.2.840.113549.1.9.22.1", "1.2.840.113549.1.9.23.1"
_MAC_DIGESTS = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "1.2.840.113549.2.5": "md5",
}
_EXPECTED = "a PKCS#12 file (.pfx, .p12)"


class Contents(NamedTuple):
    """What the bags hold, in their order."""

    certificates: list[bytes]
    crls: list[bytes]
    keys: list[KeyMaterial]
    notes: list[Note]


class _Damaged(Exception):
    """Decrypted contents that are no SafeContents: with no MAC to tell, a wrong password."""


class _Unsupported(Exception):
    """The file as a whole cannot be opened by this build."""


def parse(data: bytes, password: PasswordSource, budget: Budget, limits: Limits, where: str) -> Contents:
    """Open a PFX. Raises ``InputError``: password missing or wrong, too expensive, damaged outside, or not supported."""
    try:
        given = keys.ask(password)
        # an empty password exists in two forms: no bytes at all (Windows), or one UTF-16 zero (OpenSSL)
        candidates = [Password.of(given)] if given else [Password.of(""), Password.of(None)]
        return _open(data, candidates, budget, limits, where, needs=not given)
    except Malformed as fault:
        raise InputError(
            "damaged-pkcs12", found=f"a damaged PKCS#12: {fault.what}", expected=_EXPECTED, where=f"{where}, byte {fault.offset}"
        ) from None
    except (_Unsupported, pbe.UnsupportedScheme) as unsupported:
        raise InputError(
            "unsupported-pkcs12",
            found=f"a PKCS#12 protected by {unsupported}",
            expected="AES, 3DES, RC2 or RC4 with a password",
            where=where,
        ) from None


def _open(data: bytes, candidates: list[Password], budget: Budget, limits: Limits, where: str, *, needs: bool) -> Contents:
    outer = frame.whole(data, "PFX")
    fields = frame.children(data, outer)
    frame.expect(data, fields, 0x02, "version")
    content_type, safe = _content(data, frame.expect(data, fields, 0x30, "authSafe"))
    if content_type != _DATA:
        raise _Unsupported("a signature of its maker (public-key integrity mode)")
    authenticated = frame.octets(data, safe, "authSafe")
    mac = next(fields, None)
    for password in candidates:
        if mac is not None and not _mac_holds(data, mac, authenticated, password, budget):
            continue
        contents = Contents([], [], [], [])
        try:
            _Bags(contents, password, budget, limits, where, proven=mac is not None).authenticated_safe(authenticated)
        except (pbe.WrongPassword, _Damaged):
            if mac is not None:
                raise InputError(
                    "damaged-pkcs12",
                    found="a PKCS#12 whose contents do not decrypt although its MAC holds",
                    expected=_EXPECTED,
                    where=where,
                ) from None
            continue
        return contents
    found = "a PKCS#12 file"
    raise keys.password_needed(found, where) if needs else keys.wrong_password(found, where)


def _content(data: bytes, info: Element) -> tuple[str, Element]:
    """A ContentInfo: its type and what stands in its [0]; the [0] itself where an OCTET STRING is not wrapped."""
    fields = frame.children(data, info)
    kind = pbe.oid(data, frame.expect(data, fields, 0x06, "contentType"))
    explicit = frame.expect(data, fields, 0xA0, "content")
    inner = next(frame.children(data, explicit), None)
    if inner is None:
        raise Malformed(explicit.begin, "empty content")
    return kind, inner


def _mac_holds(data: bytes, mac: Element, authenticated: bytes, password: Password, budget: Budget) -> bool:
    """RFC 7292 5.2; RFC 9579 for PBMAC1."""
    fields = frame.children(data, mac)
    info = frame.children(data, frame.expect(data, fields, 0x30, "mac"))
    name, parameters = pbe.algorithm(data, frame.expect(data, info, 0x30, "digestAlgorithm"))
    digest = frame.expect(data, info, 0x04, "digest")
    stated = frame.octets(data, digest, "digest")
    salt = frame.octets(data, frame.expect(data, fields, 0x04, "macSalt"), "macSalt")[:4096]
    last = next(fields, None)
    rounds = pbe.number(data, last, "the number of iterations") if last is not None else 1
    if name == pbe.PBMAC1 and parameters is not None:
        scheme = frame.children(data, parameters)
        derivation, length = pbe.derivation_of(data, frame.expect(data, scheme, 0x30, "keyDerivationFunc"))
        method, _ = pbe.algorithm(data, frame.expect(data, scheme, 0x30, "messageAuthScheme"))
        if method not in pbe.HMACS:
            raise pbe.UnsupportedScheme(f"MAC {method}")
        size = length or hashlib.new(pbe.HMACS[method]).digest_size
        key = derivation.key(password, size, 3, budget)
        return hmac.compare_digest(hmac.digest(key, authenticated, pbe.HMACS[method]), stated)
    if name not in _MAC_DIGESTS:
        raise pbe.UnsupportedScheme(f"MAC digest {name}")
    hash_name = _MAC_DIGESTS[name]
    size = hashlib.new(hash_name, usedforsecurity=False).digest_size
    key = Derivation("pkcs12", hash_name, salt, rounds).key(password, size, 3, budget)
    return hmac.compare_digest(hmac.new(key, authenticated, hash_name).digest(), stated)


class _Bags:
    """Walks the safes and collects; decrypts as it goes."""

    def __init__(self, contents: Contents, password: Password, budget: Budget, limits: Limits, where: str, *, proven: bool) -> None:
        self._proven = proven  # the MAC holds: this is the password
        self._contents = contents
        self._password = password
        self._budget = budget
        self._limits = limits
        self._where = where

    def authenticated_safe(self, data: bytes) -> None:
        """RFC 7292 4.1: AuthenticatedSafe ::= SEQUENCE OF ContentInfo."""
        for info in frame.children(data, frame.whole(data, "AuthenticatedSafe")):
            kind, inner = _content(data, info)
            if kind == _DATA:
                self._safe_contents(frame.octets(data, inner, "SafeContents"), 0)
            elif kind == _ENCRYPTED:
                self._encrypted(data, inner)
            else:
                what = "a safe encrypted for a certificate" if kind == _ENVELOPED else f"a safe of type {kind}"
                self._note(NoteCode.UNRELATED_MEMBER, what)

    def _encrypted(self, data: bytes, inner: Element) -> None:
        """RFC 5652 8: EncryptedData."""
        fields = frame.children(data, inner)
        frame.expect(data, fields, 0x02, "version")
        info = frame.children(data, frame.expect(data, fields, 0x30, "encryptedContentInfo"))
        frame.expect(data, info, 0x06, "contentType")
        scheme = frame.expect(data, info, 0x30, "contentEncryptionAlgorithm")
        secret = next(info, None)
        if secret is None or secret.tag not in (0x80, 0xA0):
            raise Malformed(inner.begin, "encrypted contents are missing")
        opened = pbe.decrypt(data, scheme, frame.octets(data, secret, "encryptedContent"), self._password, self._budget)
        if opened[:1] != b"\x30":
            raise _Damaged
        try:
            self._safe_contents(opened, 0)
        except Malformed as fault:
            self._note(NoteCode.DAMAGED_MEMBER, f"decrypted bags: {fault.what} (byte {fault.offset})")

    def _safe_contents(self, data: bytes, depth: int) -> None:
        """RFC 7292 4.2: SafeContents ::= SEQUENCE OF SafeBag."""
        if depth >= self._limits.max_depth:
            raise Malformed(0, f"safe bags in safe bags, more than {self._limits.max_depth} deep")
        for bag in frame.children(data, frame.whole(data, "SafeContents")):
            fields = frame.children(data, bag)
            name = pbe.oid(data, frame.expect(data, fields, 0x06, "bagId"))
            explicit = frame.expect(data, fields, 0xA0, "bagValue")
            value = next(frame.children(data, explicit), None)
            if value is None:
                raise Malformed(explicit.begin, "an empty bag")
            self._bag(data, name, value, depth)

    def _bag(self, data: bytes, name: str, value: Element, depth: int) -> None:
        held = self._contents
        if len(held.certificates) + len(held.keys) + len(held.crls) + len(held.notes) >= self._limits.max_certificates:
            raise InputError("too-many", found=f"more than {self._limits.max_certificates} bags", expected="fewer", where=self._where)
        whole = data[value.begin : value.end]
        if name == _BAG + "1":
            held.keys.append(keys.plain(whole, "PKCS#12", encrypted=False))
        elif name == _BAG + "2":
            held.keys.append(self._shrouded(whole))
        elif name in (_BAG + "3", _BAG + "4"):
            self._wrapped(data, value, held.certificates if name.endswith("3") else held.crls)
        elif name == _BAG + "6":
            self._safe_contents(whole, depth + 1)
        else:
            self._note(NoteCode.UNRELATED_MEMBER, f"a bag of type {name}")

    def _shrouded(self, der: bytes) -> KeyMaterial:
        try:
            return keys.shrouded(der, self._password, self._budget, "PKCS#12", self._where)
        except InputError as error:
            if error.code != "wrong-password":
                raise
            if not self._proven:
                raise pbe.WrongPassword from None
            # the file opened with this password, so it is the key that has another one, or is damaged
            problem = "the password of the file does not open the key in it"
            return KeyMaterial(spki=None, problem=problem, origin="PKCS#12", encrypted=True)

    def _wrapped(self, data: bytes, value: Element, target: list[bytes]) -> None:
        """RFC 7292 4.2.3, 4.2.4: CertBag and CRLBag: type, [0] OCTET STRING."""
        fields: Iterator[Element] = frame.children(data, value)
        kind = pbe.oid(data, frame.expect(data, fields, 0x06, "certId"))
        explicit = frame.expect(data, fields, 0xA0, "certValue")
        held = next(frame.children(data, explicit), None)
        if kind not in (_X509_CERTIFICATE, _X509_CRL) or held is None:
            self._note(NoteCode.UNRELATED_MEMBER, f"a certificate of type {kind}")
            return
        target.append(frame.octets(data, held, "certificate"))

    def _note(self, code: NoteCode, detail: str) -> None:
        if len(self._contents.notes) < 1000:
            self._contents.notes.append(Note(code=code, where=self._where, detail=detail))
