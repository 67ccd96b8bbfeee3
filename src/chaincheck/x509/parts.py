"""A certificate cut into its DER parts (RFC 5280 4.1): strictly, or, where it is damaged, as far as it can be read."""

from __future__ import annotations

from typing import NamedTuple

from chaincheck.x509 import der, extensions

MAX_EXTENSIONS = 512  # of one certificate: real ones have fewer than 30; the rest of a longer list is not read
_TOO_MANY = f"more than {MAX_EXTENSIONS} extensions, the rest of which is not read"


class Fault(NamedTuple):
    """One thing that is not DER or not as RFC 5280 has it: byte offset in the certificate, what, and in which field.

    ``readable``: strict DER, and of a clear meaning all the same, so that the fault is a warning. ``legible``: not DER, but the lenient
    reader made out what is meant, as a server that reads BER would.
    """

    offset: int
    what: str
    where: str
    readable: bool = False
    legible: bool = False


class Parts(NamedTuple):
    tbs: bytes
    version: int
    serial_octets: bytes
    inner_algorithm: bytes
    issuer: bytes
    not_before_s: int | None
    not_after_s: int | None
    subject: bytes
    spki: bytes
    extensions: tuple[extensions.Extension, ...]
    algorithm: bytes
    signature: bytes


def cut(data: bytes) -> Parts:
    """The strict way through RFC 5280 4.1."""
    header, expect = der.header, der.expect
    start, stop = der.whole(data, der.SEQUENCE, "Certificate")
    tbs_start, tbs_stop = expect(data, start, stop, der.SEQUENCE, "tbsCertificate")
    tag, inner, pos = header(data, tbs_start, tbs_stop)
    version = 1
    if tag == 0xA0:
        version = _version(data, inner, pos)
        tag, inner, after = header(data, pos, tbs_stop)
    else:
        after, pos = pos, tbs_start
    if tag != der.INTEGER:
        raise der.Malformed(pos, f"tag 0x{tag:02x} where the serial number belongs", "serialNumber")
    der.integer(data, inner, after)
    serial = data[inner:after]
    _, pos = expect(data, after, tbs_stop, der.SEQUENCE, "the signature algorithm")
    inner_algorithm = data[after:pos]
    _, after = expect(data, pos, tbs_stop, der.SEQUENCE, "the issuer")
    issuer = data[pos:after]
    inner, pos = expect(data, after, tbs_stop, der.SEQUENCE, "the validity")
    not_before, not_after = _validity(data, inner, pos)
    _, after = expect(data, pos, tbs_stop, der.SEQUENCE, "the subject")
    subject = data[pos:after]
    _, pos = expect(data, after, tbs_stop, der.SEQUENCE, "the public key")
    spki = data[after:pos]
    found: tuple[extensions.Extension, ...] = ()
    if pos < tbs_stop:
        tag, inner, after = header(data, pos, tbs_stop)
        while tag in (0x81, 0x82):  # issuerUniqueID, subjectUniqueID
            der.bit_string(data, inner, after)
            last, pos = tag, after
            if pos == tbs_stop:
                break
            tag, inner, after = header(data, pos, tbs_stop)
            if tag <= last:
                raise der.Malformed(pos, f"tag 0x{tag:02x} after the unique identifiers")
        if pos < tbs_stop:
            if tag != 0xA3 or after != tbs_stop:
                raise der.Malformed(pos, f"tag 0x{tag:02x} where the extensions belong")
            found = _extensions(data, inner, after)
    _, pos = expect(data, tbs_stop, stop, der.SEQUENCE, "signatureAlgorithm")
    algorithm = data[tbs_stop:pos]
    inner, after = expect(data, pos, stop, der.BIT_STRING, "signatureValue")
    if after != stop:
        raise der.Malformed(after, "bytes after the signature", "signatureValue")
    _, first = der.bit_string(data, inner, after)
    return Parts(
        data[start:tbs_stop],
        version,
        serial,
        inner_algorithm,
        issuer,
        not_before,
        not_after,
        subject,
        spki,
        found,
        algorithm,
        data[first:stop],
    )


def _version(data: bytes, start: int, stop: int) -> int:
    inner, after = der.expect(data, start, stop, der.INTEGER, "the version")
    number = der.integer(data, inner, after)
    if after != stop or number not in (1, 2):  # X.690 11.5: v1 is the DEFAULT and not encoded
        raise der.Malformed(inner, f"version number {number}", "version")
    return number + 1


def _validity(data: bytes, start: int, stop: int) -> tuple[int, int]:
    tag, inner, after = der.header(data, start, stop)
    not_before = der.time(data, tag, inner, after)
    tag, inner, end = der.header(data, after, stop)
    if end != stop:
        raise der.Malformed(end, "bytes after notAfter", "validity")
    return not_before, der.time(data, tag, inner, end)


def _extensions(data: bytes, start: int, stop: int) -> tuple[extensions.Extension, ...]:
    inner, after = der.expect(data, start, stop, der.SEQUENCE, "the extensions")
    if after != stop or inner == after:
        raise der.Malformed(inner, "an extensions field that is empty or followed by bytes", "extensions")
    header, read, known = der.header, extensions.read, extensions.KNOWN.get
    found: list[extensions.Extension] = []
    pos = inner
    while pos < stop:
        if len(found) == MAX_EXTENSIONS:
            raise der.Malformed(pos, _TOO_MANY, "extensions")
        length = data[pos + 1] if pos + 1 < stop else 0x80
        end = pos + 2 + length if length < 0x80 else header(data, pos, stop)[2]
        encoded = data[pos:end]
        extension = known(encoded)
        if extension is None or end > stop:
            try:
                extension = read(encoded if end <= stop else data[pos:stop])
            except der.Malformed as fault:
                raise der.Malformed(pos + fault.offset, fault.what, "extensions") from fault
        found.append(extension)
        pos = end
    return tuple(found)


def _loose(data: bytes, pos: int, end: int) -> tuple[int, int, int]:
    """A header whose length may be in any definite form and may point beyond the data."""
    if pos + 2 > end:
        raise der.Malformed(pos, "the data ends")
    length, start = data[pos + 1], pos + 2
    if length > 0x80:
        count = length - 0x80
        length = int.from_bytes(data[start : start + count], "big") if count <= 8 else end
        start += count
    elif length == 0x80:
        length = end  # indefinite: everything up to the end of the window
    return data[pos], min(start, end), min(start + length, end)


def describe(data: bytes) -> tuple[Parts, list[Fault]]:
    """Read what can be read of a certificate that is not strict DER."""
    found: list[Fault] = []
    tbs_window = algorithm = serial = inner_algorithm = issuer = subject = spki = signature = b""
    not_before = not_after = None
    version = 1
    listed: tuple[extensions.Extension, ...] = ()
    try:
        _, start, stop = _loose(data, 0, len(data))
        tag, tbs_start, tbs_stop = _loose(data, start, stop)
        tbs_window = data[start:tbs_stop]
        tag, inner, after = _loose(data, tbs_start, tbs_stop)
        pos = tbs_start
        if tag == 0xA0:
            version = data[after - 1] + 1 if after > inner else 1
            pos = after
        fields = []
        for _ in range(6):
            tag, inner, after = _loose(data, pos, tbs_stop)
            fields.append((tag, pos, inner, after))
            pos = after
            if len(fields) == 1:
                serial = data[inner:after][:64]
            elif len(fields) == 2:
                inner_algorithm = data[fields[1][1] : after]
            elif len(fields) == 3:
                issuer = data[fields[2][1] : after]
            elif len(fields) == 4:
                not_before, not_after = _loose_validity(data, inner, after, found)
            elif len(fields) == 5:
                subject = data[fields[4][1] : after]
            else:
                spki = data[fields[5][1] : after]
        while pos < tbs_stop:
            tag, inner, after = _loose(data, pos, tbs_stop)
            if tag == 0xA3:
                listed = _loose_extensions(data, inner, after, found)
            pos = after
        tag, inner, after = _loose(data, tbs_stop, stop)
        algorithm = data[tbs_stop:after]
        tag, inner, end = _loose(data, after, stop)
        signature = data[inner + 1 : end]
    except (der.Malformed, IndexError) as fault:
        found.append(Fault(getattr(fault, "offset", len(data)), "the rest cannot be read", "certificate"))
    parts = Parts(tbs_window, version, serial, inner_algorithm, issuer, not_before, not_after, subject, spki, listed, algorithm, signature)
    return parts, found


def _loose_validity(data: bytes, start: int, stop: int, found: list[Fault]) -> tuple[int | None, int | None]:
    times: list[int | None] = []
    pos = start
    for which in ("notBefore", "notAfter"):
        try:
            tag, inner, pos = _loose(data, pos, stop)
            times.append(der.time(data, tag, inner, pos))
        except der.Malformed as fault:
            found.append(Fault(fault.offset, fault.what, which))
            times.append(None)
    return times[0], times[1]


def _loose_extensions(data: bytes, start: int, stop: int, found: list[Fault]) -> tuple[extensions.Extension, ...]:
    listed: list[extensions.Extension] = []
    try:
        _, pos, stop = _loose(data, start, stop)
        for _ in range(MAX_EXTENSIONS):
            if pos >= stop:
                break
            _, _, after = _loose(data, pos, stop)
            try:
                listed.append(extensions.read(data[pos:after]))
            except der.Malformed as fault:
                rescued = _loose_extension(data, pos, after)
                found.append(Fault(pos + fault.offset, fault.what, "extensions", legible=rescued is not None))
                if rescued is not None:
                    listed.append(rescued)
            pos = after
        if pos < stop:  # legible: what a server that reads them all would say is not known, and not proven
            found.append(Fault(pos, _TOO_MANY, "extensions", legible=True))
    except der.Malformed as fault:
        found.append(Fault(fault.offset, fault.what, "extensions"))
    return tuple(listed)


def _loose_extension(data: bytes, pos: int, stop: int) -> extensions.Extension | None:
    """An extension with a BOOLEAN of the wrong octet, an encoded DEFAULT or a long-form length still has an identity and a value."""
    try:
        _, start, stop = _loose(data, pos, stop)
        tag, inner, after = _loose(data, start, stop)
        oid = der.oid(data, inner, after)
        tag, inner, after = _loose(data, after, stop)
        critical = False
        if tag == der.BOOLEAN:
            critical = after > inner and data[inner] != 0
            tag, inner, after = _loose(data, after, stop)
        return extensions.Extension(oid, critical, data[inner:after])
    except der.Malformed:
        return None
