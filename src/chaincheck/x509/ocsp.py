"""OCSP requests and responses (RFC 6960 4): the request is written, the response read strictly and completely."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from chaincheck.x509 import der
from chaincheck.x509.certificate import Certificate
from chaincheck.x509.crl_entries import integer_der, read_extensions, reason_code
from chaincheck.x509.der import element
from chaincheck.x509.name import Name
from chaincheck.x509.name import read as read_name
from chaincheck.x509.signature import algorithm_fault

if TYPE_CHECKING:
    from chaincheck.x509.extensions import Extension
    from chaincheck.x509.key import PublicKey

BASIC = "1.3.6.1.5.5.7.48.1.1"
NONCE = "1.3.6.1.5.5.7.48.1.2"
CRL_REFERENCES = "1.3.6.1.5.5.7.48.1.3"
ARCHIVE_CUTOFF = "1.3.6.1.5.5.7.48.1.6"
EXTENDED_REVOKE = "1.3.6.1.5.5.7.48.1.9"

UNDERSTOOD = frozenset({NONCE, EXTENDED_REVOKE})
# RFC 6960 4.4.5: CRL entry extensions may stand here; invalidityDate changes nothing of the answer.
SINGLE_UNDERSTOOD = frozenset({ARCHIVE_CUTOFF, CRL_REFERENCES, "2.5.29.21", "2.5.29.24"})

STATUSES = {0: "successful", 1: "malformedRequest", 2: "internalError", 3: "tryLater", 5: "sigRequired", 6: "unauthorized"}
HASHES = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
MAX_SINGLES = 10_000  # answers in one response; responders that answer for whole CAs stay far below
MAX_CERTIFICATES = 100  # a response needs one, rarely a chain


class CertId(NamedTuple):
    """RFC 6960 4.1.1: which certificate is meant; ``hash`` is sha1, sha256, ..., or the dotted OID of another."""

    hash: str
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial: int

    def is_of(self, serial: int, issuer_name: bytes, issuer_key: PublicKey) -> bool:
        """Whether it names that serial number of that issuer (Name in DER, and key)."""
        return self.serial == serial and self.is_by(issuer_name, issuer_key)

    def is_by(self, issuer_name: bytes, issuer_key: PublicKey) -> bool:
        """Whether it names a certificate of that issuer."""
        if self.hash not in HASHES.values():
            return False
        key_hash = issuer_key.sha1 if self.hash == "sha1" else hashlib.new(self.hash, issuer_key.key_octets).digest()
        name_hash = hashlib.new(self.hash, issuer_name, usedforsecurity=False).digest()
        return key_hash == self.issuer_key_hash and name_hash == self.issuer_name_hash


class SingleResponse(NamedTuple):
    """RFC 6960 4.2.1: the answer about one certificate. ``status`` is good, revoked or unknown; moments in seconds since 1970 UTC."""

    certificate: CertId
    status: str
    revoked_at_s: int | None
    reason: str | None
    this_update_s: int
    next_update_s: int | None
    archive_cutoff_s: int | None
    extensions: tuple[Extension, ...]

    @property
    def unknown_critical(self) -> tuple[str, ...]:
        """Critical extensions that are not understood here."""
        return tuple(each.oid for each in self.extensions if each.critical and each.oid not in SINGLE_UNDERSTOOD)


class OcspResponse:
    """An immutable OCSP response. Raises ``der.Malformed`` where it is not DER of the syntax of RFC 6960 4.2.1.

    Of a response that is not ``successful`` only ``status`` is there; one of another ``response_type`` than basic is not read further.
    """

    __slots__ = (
        "certificates", "der", "extensions", "nonce", "produced_at_s", "responder_key", "responder_name", "response_type", "responses",
        "signature", "signature_algorithm", "status", "tbs",
    )  # fmt: skip

    def __init__(self, encoded: bytes) -> None:
        self.der = encoded
        self.response_type: str | None = None
        self.tbs = self.signature_algorithm = self.signature = b""
        self.responder_name: Name | None = None
        self.responder_key: bytes | None = None
        self.produced_at_s = 0
        self.responses: tuple[SingleResponse, ...] = ()
        self.certificates: tuple[Certificate, ...] = ()
        self.extensions: tuple[Extension, ...] = ()
        self.nonce: bytes | None = None
        start, stop = der.whole(encoded, der.SEQUENCE, "OCSPResponse")
        inner, after = der.expect(encoded, start, stop, der.ENUMERATED, "responseStatus")
        number = der.integer(encoded, inner, after)
        if number not in STATUSES:
            raise der.Malformed(inner, f"a responseStatus of {number}", "responseStatus")
        self.status = STATUSES[number]
        if after < stop:
            self._read_bytes(after, stop)
        elif number == 0:
            raise der.Malformed(after, "a successful response without an answer", "responseBytes")

    def _read_bytes(self, pos: int, stop: int) -> None:
        data = self.der
        inner, after = der.expect(data, pos, stop, 0xA0, "responseBytes")
        body, end = der.expect(data, inner, after, der.SEQUENCE, "ResponseBytes")
        oid_start, oid_stop = der.expect(data, body, end, der.OID, "responseType")
        self.response_type = der.oid(data, oid_start, oid_stop)
        basic, basic_stop = der.expect(data, oid_stop, end, der.OCTET_STRING, "response")
        if after != stop or end != after or basic_stop != end:
            raise der.Malformed(basic_stop, "bytes after the response", "responseBytes")
        if self.response_type == BASIC:
            self._read_basic(basic, basic_stop)

    def _read_basic(self, pos: int, stop: int) -> None:
        """BasicOCSPResponse."""
        data = self.der
        pos, end = der.expect(data, pos, stop, der.SEQUENCE, "BasicOCSPResponse")
        if end != stop:
            raise der.Malformed(end, "bytes after the BasicOCSPResponse")
        inner, after = der.expect(data, pos, stop, der.SEQUENCE, "tbsResponseData")
        self.tbs = data[pos:after]
        self._read_data(inner, after)
        _, pos = der.expect(data, after, stop, der.SEQUENCE, "signatureAlgorithm")
        self.signature_algorithm = data[after:pos]
        if (reason := algorithm_fault(self.signature_algorithm)) is not None:
            raise der.Malformed(after, reason, "signatureAlgorithm")
        inner, after = der.expect(data, pos, stop, der.BIT_STRING, "signature")
        unused, first = der.bit_string(data, inner, after)
        if unused:
            raise der.Malformed(inner, "a signature that is not whole octets", "signature")
        self.signature = data[first:after]
        if after < stop:
            inner, end = der.expect(data, after, stop, 0xA0, "certs")
            start, after = der.expect(data, inner, end, der.SEQUENCE, "certs")
            if end != stop or after != end:
                raise der.Malformed(after, "bytes after the certificates", "certs")
            self.certificates = tuple(_certificate(data[at:to]) for _, at, _, to in der.children(data, start, after, MAX_CERTIFICATES))

    def _read_data(self, pos: int, stop: int) -> None:
        """ResponseData."""
        data = self.der
        tag, inner, after = der.header(data, pos, stop)
        if tag == 0xA0:  # X.690 11.5: v1 is the DEFAULT and not encoded, and there is no other
            raise der.Malformed(pos, "a version that is encoded, where v1 is the default and the only one", "version")
        if tag == 0xA1:
            self.responder_name = Name(data[inner:after])
            read_name(self.responder_name.der)
        elif tag == 0xA2:
            key, end = der.expect(data, inner, after, der.OCTET_STRING, "a key hash")
            if end != after:
                raise der.Malformed(end, "bytes after the key hash", "responderID")
            self.responder_key = data[key:end]
        else:
            raise der.Malformed(pos, f"tag 0x{tag:02x} where a ResponderID belongs", "responderID")
        inner, pos = der.expect(data, after, stop, der.GENERALIZED_TIME, "producedAt")
        self.produced_at_s = der.time_with_fraction(data, inner, pos)
        inner, after = der.expect(data, pos, stop, der.SEQUENCE, "responses")
        self.responses = tuple(_single(data, tag, at, start, end) for tag, at, start, end in der.children(data, inner, after, MAX_SINGLES))
        if after < stop:
            inner, end = der.expect(data, after, stop, 0xA1, "responseExtensions")
            if end != stop:
                raise der.Malformed(end, "bytes after the extensions", "responseExtensions")
            self.extensions = _extensions(data, inner, end)
        for each in self.extensions:
            if each.oid == NONCE:
                self.nonce = _nonce(each.value)

    @property
    def unknown_critical(self) -> tuple[str, ...]:
        """Critical extensions of the response that are not understood here."""
        return tuple(each.oid for each in self.extensions if each.critical and each.oid not in UNDERSTOOD)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OcspResponse) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __reduce__(self) -> tuple[object, ...]:
        return OcspResponse, (self.der,)

    def __repr__(self) -> str:
        return f"<OcspResponse {self.status} {len(self.responses)} answers>"


_CERTIFICATES: dict[bytes, Certificate] = {}


def _certificate(encoded: bytes) -> Certificate:
    """An enclosed certificate, read once: a responder encloses the same one in every answer (at most 512 of up to 4 KiB are kept)."""
    known = _CERTIFICATES.get(encoded)
    if known is None:
        known = Certificate(encoded)
        if len(encoded) <= 4096:
            if len(_CERTIFICATES) >= 512:
                _CERTIFICATES.clear()
            _CERTIFICATES[encoded] = known
    return known


def _single(data: bytes, tag: int, pos: int, start: int, stop: int) -> SingleResponse:
    if tag != der.SEQUENCE:
        raise der.Malformed(pos, "something else than a SingleResponse", "responses")
    certificate, pos = _certificate_id(data, start, stop)
    tag, inner, after = der.header(data, pos, stop)
    revoked_at: int | None = None
    reason: str | None = None
    if tag == 0xA1:
        status = "revoked"
        revoked_at, reason = _revoked_info(data, inner, after)
    elif tag in (0x80, 0x82) and inner == after:  # [0] and [2] IMPLICIT NULL
        status = "good" if tag == 0x80 else "unknown"
    else:
        raise der.Malformed(pos, f"tag 0x{tag:02x} where a CertStatus belongs", "certStatus")
    inner, pos = der.expect(data, after, stop, der.GENERALIZED_TIME, "thisUpdate")
    this_update = der.time_with_fraction(data, inner, pos)
    next_update: int | None = None
    listed: tuple[Extension, ...] = ()
    if pos < stop and data[pos] == 0xA0:
        _, inner, after = der.header(data, pos, stop)
        start, pos = der.expect(data, inner, after, der.GENERALIZED_TIME, "nextUpdate")
        if pos != after:
            raise der.Malformed(pos, "bytes after nextUpdate", "nextUpdate")
        next_update = der.time_with_fraction(data, start, pos)
    if pos < stop:
        inner, after = der.expect(data, pos, stop, 0xA1, "singleExtensions")
        if after != stop:
            raise der.Malformed(after, "bytes after the extensions", "singleExtensions")
        listed = _extensions(data, inner, after)
    return SingleResponse(certificate, status, revoked_at, reason, this_update, next_update, _archive_cutoff(listed), listed)


def _revoked_info(data: bytes, start: int, stop: int) -> tuple[int, str | None]:
    inner, pos = der.expect(data, start, stop, der.GENERALIZED_TIME, "revocationTime")
    revoked_at = der.time_with_fraction(data, inner, pos)
    if pos == stop:
        return revoked_at, None
    inner, after = der.expect(data, pos, stop, 0xA0, "revocationReason")
    first, end = der.expect(data, inner, after, der.ENUMERATED, "revocationReason")
    if after != stop or end != after:
        raise der.Malformed(end, "bytes after the reason", "revocationReason")
    return revoked_at, reason_code(data, first, end)


def _certificate_id(data: bytes, pos: int, stop: int) -> tuple[CertId, int]:
    """CertID, and where it ends."""
    pos, stop = der.expect(data, pos, stop, der.SEQUENCE, "certID")
    inner, after = der.expect(data, pos, stop, der.SEQUENCE, "hashAlgorithm")
    oid_start, oid_stop = der.expect(data, inner, after, der.OID, "hashAlgorithm")
    if data[oid_stop:after] not in (b"", b"\x05\x00"):
        raise der.Malformed(oid_stop, "parameters of a hash algorithm", "hashAlgorithm")
    oid = der.oid(data, oid_start, oid_stop)
    name, name_stop = der.expect(data, after, stop, der.OCTET_STRING, "issuerNameHash")
    key, key_stop = der.expect(data, name_stop, stop, der.OCTET_STRING, "issuerKeyHash")
    serial, end = der.expect(data, key_stop, stop, der.INTEGER, "serialNumber")
    if end != stop:
        raise der.Malformed(end, "bytes after the serial number", "certID")
    return CertId(HASHES.get(oid, oid), data[name:name_stop], data[key:key_stop], der.integer(data, serial, end)), stop


def _extensions(data: bytes, pos: int, stop: int) -> tuple[Extension, ...]:
    found = read_extensions(data, pos, stop)
    if len({each.oid for each in found}) != len(found):
        raise der.Malformed(pos, "the same extension twice", "extensions")
    return found


def _archive_cutoff(listed: tuple[Extension, ...]) -> int | None:
    """RFC 6960 4.4.4."""
    value = next((each.value for each in listed if each.oid == ARCHIVE_CUTOFF), None)
    return None if value is None else der.time(value, der.GENERALIZED_TIME, *der.whole(value, der.GENERALIZED_TIME, "ArchiveCutoff"))


def _nonce(value: bytes) -> bytes:
    """RFC 9654 2.1: an OCTET STRING; responders of the time of RFC 2560 put the bare octets."""
    try:
        start, stop = der.whole(value, der.OCTET_STRING, "Nonce")
    except der.Malformed:
        return value
    return value[start:stop]


def build_request(
    certificate: Certificate,
    issuer_name: bytes,
    issuer_key: PublicKey,
    hash: str = "sha1",  # noqa: A002 - the word of RFC 6960
    nonce: bytes | None = None,
) -> bytes:
    """An OCSPRequest (RFC 6960 4.1.1) about one certificate, DER.

    ``issuer_name`` is the Name of the issuer in DER; ``hash`` of the CertID: sha1 is what RFC 5019 2.1.1 requires every responder to know.
    Raises KeyError for another hash than sha1, sha256, sha384 and sha512.
    """
    oid = {name: dotted for dotted, name in HASHES.items()}[hash]
    name_hash = hashlib.new(hash, issuer_name, usedforsecurity=False).digest()
    key_hash = hashlib.new(hash, issuer_key.key_octets, usedforsecurity=False).digest()
    identity = element(
        der.SEQUENCE,
        element(der.SEQUENCE, element(der.OID, _oid(oid)), element(der.NULL)),
        element(der.OCTET_STRING, name_hash),
        element(der.OCTET_STRING, key_hash),
        integer_der(certificate.serial),
    )
    extra = b"" if nonce is None else _nonce_extensions(nonce)
    return element(der.SEQUENCE, element(der.SEQUENCE, element(der.SEQUENCE, element(der.SEQUENCE, identity)), extra))


def with_nonce(request: bytes, nonce: bytes) -> bytes:
    """The same OCSPRequest with a nonce (RFC 9654 2.1).

    Raises ``der.Malformed`` for what is none, or is signed or has extensions already.
    """
    start, stop = der.whole(request, der.SEQUENCE, "OCSPRequest")
    inner, after = der.expect(request, start, stop, der.SEQUENCE, "tbsRequest")
    parts = der.children(request, inner, after)
    if after != stop or not parts or parts[-1][0] != der.SEQUENCE:  # the requestList is last: neither extensions nor a signature follow
        raise der.Malformed(after, "a request that is signed or has extensions", "OCSPRequest")
    return element(der.SEQUENCE, element(der.SEQUENCE, request[inner:after], _nonce_extensions(nonce)))


def refusal(encoded: bytes) -> str | None:
    """The status of a response that answers nothing (RFC 6960 4.2.1): "tryLater", "unauthorized" and so on; None for any other bytes."""
    if len(encoded) != 5 or not encoded.startswith(b"\x30\x03\x0a\x01"):
        return None
    return STATUSES.get(encoded[4]) if encoded[4] else None


def _nonce_extensions(nonce: bytes) -> bytes:
    """requestExtensions with the nonce alone."""
    extension = element(der.SEQUENCE, element(der.OID, _oid(NONCE)), element(der.OCTET_STRING, element(der.OCTET_STRING, nonce)))
    return element(0xA2, element(der.SEQUENCE, extension))


def _oid(dotted: str) -> bytes:
    """The contents of an OBJECT IDENTIFIER (X.690 8.19)."""
    first, second, *rest = map(int, dotted.split("."))
    octets = bytearray()
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        octets += bytes(reversed(groups))
    return bytes(octets)
