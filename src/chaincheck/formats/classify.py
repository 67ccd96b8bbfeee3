"""Which structure a DER SEQUENCE is, told by the tags of its first few elements and by nothing else.

Damage deeper inside does not matter: a certificate with a broken extension is a certificate. What has the shape of none is UNKNOWN.
"""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What a DER structure is."""

    CERTIFICATE = "certificate"
    CRL = "crl"
    OCSP_RESPONSE = "ocsp-response"
    CSR = "csr"
    PKCS7 = "pkcs7"
    PKCS12 = "pkcs12"
    PKCS8 = "pkcs8"
    ENCRYPTED_PKCS8 = "encrypted-pkcs8"
    RSA_KEY = "rsa-key"
    DSA_KEY = "dsa-key"
    EC_KEY = "ec-key"
    PUBLIC_KEY = "public-key"
    UNKNOWN = "unknown"


KEYS = frozenset({Kind.PKCS8, Kind.ENCRYPTED_PKCS8, Kind.RSA_KEY, Kind.DSA_KEY, Kind.EC_KEY})

_PKCS7 = bytes.fromhex("2a864886f70d0107")  # 1.2.840.113549.1.7: the arc of data, signedData, envelopedData ...
_INTEGER, _BIT_STRING, _OCTET_STRING, _OID, _ENUMERATED = 0x02, 0x03, 0x04, 0x06, 0x0A
_UTC_TIME, _GENERALIZED_TIME, _SEQUENCE, _SET = 0x17, 0x18, 0x30, 0x31


def classify(der: bytes) -> Kind:
    """Tell what ``der`` is; never raises. Looks at most three levels deep and at six elements of each."""
    first = _first(der, 0, len(der), 4)
    tags = bytes(tag for tag, _, _ in first)
    if der[:1] != b"\x30" or not first:
        return Kind.UNKNOWN
    inner = [child for tag, start, stop in first[:1] if tag == _SEQUENCE for child in _list(der, start, stop, 6)]
    if tags[0] == _SEQUENCE:
        return _signed(der, tags, inner)
    if tags[0] == _INTEGER:
        return _versioned(der, tags, first)
    if tags[0] == _OID:
        _, start, _ = first[0]
        return Kind.PKCS7 if der.startswith(_PKCS7, start) else Kind.UNKNOWN
    if tags[0] == _ENUMERATED:  # RFC 6960 4.2.1: responseStatus, [0] responseBytes
        return Kind.OCSP_RESPONSE
    # tbs with a damaged tag, but an AlgorithmIdentifier and a BIT STRING after it: a certificate all the same
    return Kind.CERTIFICATE if tags[1:3] == bytes((_SEQUENCE, _BIT_STRING)) else Kind.UNKNOWN


def _signed(der: bytes, tags: bytes, inner: list[tuple[int, int, int]]) -> Kind:
    """First element a SEQUENCE: something with a signature, a public key, or an encrypted private key."""
    kinds = bytes(tag for tag, _, _ in inner)
    if kinds[:1] == b"\xa0":  # RFC 5280 4.1: version [0]; RFC 6960 4.2.1 has one too, but a responderID after it
        return Kind.OCSP_RESPONSE if kinds[1:2] in (b"\xa1", b"\xa2") else Kind.CERTIFICATE
    if kinds[:1] in (b"\xa1", b"\xa2") and _GENERALIZED_TIME in kinds[1:2]:
        return Kind.OCSP_RESPONSE
    if kinds[:1] == bytes((_OID,)):
        if tags[1:2] == bytes((_BIT_STRING,)):  # RFC 5280 4.1: SubjectPublicKeyInfo
            return Kind.PUBLIC_KEY
        if tags[1:2] == bytes((_OCTET_STRING,)):  # RFC 5958 3: EncryptedPrivateKeyInfo
            return Kind.ENCRYPTED_PKCS8
    if kinds[:1] == bytes((_INTEGER,)):
        if kinds[1:3] == b"\x30\x30" and _begins(der, inner[1]) in (_SET, 0) and kinds[3:4] in (b"", b"\xa0"):
            return Kind.CSR  # RFC 2986 4.1: version, subject (a Name), subjectPKInfo, [0] attributes
        if kinds[1:3] == b"\x30\x30" and kinds[3:4] and kinds[3] in (_UTC_TIME, _GENERALIZED_TIME):
            return Kind.CRL  # RFC 5280 5.1: version, signature, issuer, thisUpdate
        return Kind.CERTIFICATE
    if kinds[:2] == b"\x30\x30" and kinds[2:3] and kinds[2] in (_UTC_TIME, _GENERALIZED_TIME):
        return Kind.CRL  # a CRL of version 1
    return Kind.CERTIFICATE


def _versioned(der: bytes, tags: bytes, first: list[tuple[int, int, int]]) -> Kind:
    """First element an INTEGER: a private key or PKCS#12."""
    _, start, stop = first[0]
    version = der[start:stop]
    if tags[1:2] == bytes((_SEQUENCE,)):
        _, inner, end = first[1]
        content = _first_at(der, inner, end)
        if content is not None and content[0] == _OID and der.startswith(_PKCS7, content[1]):
            return Kind.PKCS12  # RFC 7292 4: version 3, authSafe
        if tags[2:3] == bytes((_OCTET_STRING,)):
            return Kind.PKCS8  # RFC 5958 2: version, algorithm, privateKey
        # an INTEGER where tbs belongs, then an AlgorithmIdentifier and a BIT STRING: a certificate with a damaged tag
        return Kind.CERTIFICATE if tags[2:3] == bytes((_BIT_STRING,)) else Kind.UNKNOWN
    if tags[1:2] == bytes((_OCTET_STRING,)):  # RFC 5915 3: version 1, privateKey
        return Kind.EC_KEY
    if tags[1:2] == bytes((_INTEGER,)):
        if version not in (b"\0", b"\1"):  # RFC 8017 A.1.1: modulus, publicExponent
            return Kind.PUBLIC_KEY if len(tags) == 2 and len(version) > 32 else Kind.UNKNOWN
        count = len(_list(der, first[0][1] - 2, len(der), 10))
        if count >= 9:  # RFC 8017 A.1.2: version and eight numbers
            return Kind.RSA_KEY
        return Kind.DSA_KEY if count == 6 else Kind.RSA_KEY if count > 2 else Kind.UNKNOWN
    return Kind.UNKNOWN


def _begins(der: bytes, child: tuple[int, int, int]) -> int:
    """The tag of the first element in ``child``, 0 if it is empty."""
    _, start, stop = child
    return der[start] if start < stop else 0


def _first(der: bytes, pos: int, end: int, limit: int) -> list[tuple[int, int, int]]:
    outer = _first_at(der, pos, end)
    return _list(der, outer[1], outer[2], limit) if outer is not None else []


def _list(der: bytes, pos: int, end: int, limit: int) -> list[tuple[int, int, int]]:
    """The first ``limit`` elements of a window as (tag, start, stop), as far as they can be read."""
    found: list[tuple[int, int, int]] = []
    while pos < end and len(found) < limit:
        child = _first_at(der, pos, end)
        if child is None:
            break
        found.append(child)
        pos = child[2]
        if pos > end:
            break
    return found


def _first_at(der: bytes, pos: int, end: int) -> tuple[int, int, int] | None:
    """Tag, start and stop of the element at ``pos``; a length beyond the window is cut to it, an open one runs to its end."""
    if pos + 2 > end:
        return None
    length = der[pos + 1]
    start = pos + 2
    if length == 0x80:
        return der[pos], start, end
    if length > 0x80:
        count = length - 0x80
        if count > 8 or start + count > end:
            return None
        length = int.from_bytes(der[start : start + count], "big")
        start += count
    return der[pos], start, min(start + length, end)
