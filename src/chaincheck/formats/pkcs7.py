"""Certificates and CRLs out of a PKCS#7 / CMS SignedData (.p7b, .spc), DER or BER (RFC 5652 5.1; certs-only: RFC 5751 3.7).

Nothing is verified and nothing encoded again: the bytes of each certificate are handed on as they stand there.
"""

from __future__ import annotations

from typing import NamedTuple

from chaincheck.errors import InputError
from chaincheck.formats import frame
from chaincheck.x509.der import Malformed

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_TRUST_LIST = bytes.fromhex("2b0601040182370a01")  # 1.3.6.1.4.1.311.10.1, the content type of authroot.stl
_EXPECTED = "a PKCS#7 file with certificates (certs-only SignedData)"


class SignedData(NamedTuple):
    """What a SignedData carries: DER of certificates and CRLs, whether its frame is BER, how many members were something else."""

    certificates: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    indefinite: bool
    others: int


def parse(data: bytes, where: str, most: int) -> SignedData:
    """Read a ContentInfo. Raises ``InputError`` where it is damaged, no SignedData, or a certificate trust list."""
    try:
        return _parse(data, where, most)
    except Malformed as fault:
        raise InputError(
            "damaged-pkcs7", found=f"a damaged PKCS#7: {fault.what}", expected=_EXPECTED, where=f"{where}, byte {fault.offset}"
        ) from None


def _parse(data: bytes, where: str, most: int) -> SignedData:
    outer = frame.whole(data, "ContentInfo")
    content = frame.children(data, outer)
    kind = frame.expect(data, content, 0x06, "contentType")
    if data[kind.start : kind.stop] != _SIGNED_DATA:
        raise InputError("pkcs7-without-certificates", found="a PKCS#7 of another type than SignedData", expected=_EXPECTED, where=where)
    explicit = frame.expect(data, content, 0xA0, "content")
    signed = frame.expect(data, frame.children(data, explicit), 0x30, "SignedData")
    fields = frame.children(data, signed)
    frame.expect(data, fields, 0x02, "version")
    frame.expect(data, fields, 0x31, "digestAlgorithms")
    inner = frame.expect(data, fields, 0x30, "encapContentInfo")
    content_type = next(frame.children(data, inner), None)
    if content_type is not None and data[content_type.start : content_type.stop] == _TRUST_LIST:
        raise InputError(
            "trust-list",
            found="a Microsoft certificate trust list (.stl)",
            expected=_EXPECTED,
            where=where,
            hint="a trust list holds thumbprints, not certificates; export the store itself: Export-Certificate -Type SST",
        )
    certificates: list[bytes] = []
    crls: list[bytes] = []
    others = 0
    for field in fields:
        if field.tag not in (0xA0, 0xA1):  # signerInfos
            break
        target = certificates if field.tag == 0xA0 else crls
        for member in frame.children(data, field):
            if len(certificates) + len(crls) + others >= most:
                raise InputError("too-many", found=f"more than {most} members", expected=_EXPECTED, where=where)
            if member.tag == 0x30:
                target.append(data[member.begin : member.end])
            else:  # RFC 5652 10.2.2: attribute certificates and other formats
                others += 1
    return SignedData(tuple(certificates), tuple(crls), outer.indefinite or explicit.indefinite or signed.indefinite, others)
