"""The ``Blob`` value under ``...\\SystemCertificates\\<STORE>\\Certificates\\<thumbprint>`` in the Windows registry.

MS-GPEF 2.2.1.1.1.1: records of u32 property id, u32 reserved (1), u32 length, value; property 32 is the certificate. The records may come
in any order. The files under ``%APPDATA%\\Microsoft\\SystemCertificates\\My\\Certificates`` have the same layout.
"""

from __future__ import annotations

from struct import Struct

from chaincheck.errors import InputError
from chaincheck.formats.loaded import StoredCertificate

_HEAD = Struct("<III")
_CERTIFICATE = 32
_RECORDS = 1000  # Windows defines fewer than 150 properties


def parse_blob(blob: bytes, *, where: str = "registry blob") -> StoredCertificate:
    """Read one registry value. Raises ``InputError`` where a length does not fit or no certificate is in it."""
    pos = 0
    der: bytes | None = None
    properties: list[tuple[int, bytes]] = []
    for _ in range(_RECORDS):
        if pos == len(blob):
            break
        if pos + 12 > len(blob):
            raise _damaged(where, pos, f"{len(blob) - pos} bytes where a record needs 12")
        identifier, _reserved, length = _HEAD.unpack_from(blob, pos)
        if length > len(blob) - pos - 12:
            raise _damaged(where, pos, f"property {identifier} of {length} bytes where {len(blob) - pos - 12} are left")
        value = bytes(blob[pos + 12 : pos + 12 + length])
        if identifier == _CERTIFICATE and der is None:
            der = value
        else:
            properties.append((identifier, value))
        pos += 12 + length
    else:
        raise _damaged(where, pos, f"more than {_RECORDS} properties")
    if der is None:
        raise InputError(
            "no-certificate",
            found=f"a registry record of {len(properties)} properties without a certificate",
            expected="property 32 (the certificate)",
            where=where,
        )
    return StoredCertificate(der=der, properties=tuple(properties))


def looks_like_blob(data: bytes) -> bool:
    """Whether ``data`` begins with a record: a small property id, 1, and a length that fits."""
    if len(data) < 16:
        return False
    identifier, reserved, length = _HEAD.unpack_from(data)
    return bool(0 < identifier <= 0xFFFF and reserved == 1 and length <= len(data) - 12)


def _damaged(where: str, pos: int, found: str) -> InputError:
    return InputError("damaged-blob", found=found, expected="records of property id, 1, length, value", where=f"{where}, byte {pos}")
