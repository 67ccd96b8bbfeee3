"""One certificate revocation list (RFC 5280 5): sliced once, its entries left where they are (see ``crl_entries``)."""

from __future__ import annotations

from hashlib import sha256
from threading import Lock, Thread
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from chaincheck.x509 import crl_entries, crl_index, der, extensions
from chaincheck.x509.name import Name
from chaincheck.x509.name import read as read_name
from chaincheck.x509.parts import Fault
from chaincheck.x509.signature import algorithm_fault, verify

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chaincheck.x509.crl_entries import Entry, Walked
    from chaincheck.x509.crl_index import Index
    from chaincheck.x509.extensions import Extension, GeneralName
    from chaincheck.x509.key import PublicKey
    from chaincheck.x509.signature import Signature

CRL_NUMBER = "2.5.29.20"
DELTA_CRL_INDICATOR = "2.5.29.27"
ISSUING_DISTRIBUTION_POINT = "2.5.29.28"
EXPIRED_CERTS_ON_CRL = "2.5.29.60"  # X.509 (2019) 9.5.2.8
NEXT_CRL_PUBLISH = "1.3.6.1.4.1.311.21.4"  # [MS-WCCE]: szOID_CRL_NEXT_PUBLISH

UNDERSTOOD = frozenset(
    {
        extensions.AUTHORITY_KEY_IDENTIFIER,
        CRL_NUMBER,
        DELTA_CRL_INDICATOR,
        ISSUING_DISTRIBUTION_POINT,
        extensions.FRESHEST_CRL,
        EXPIRED_CERTS_ON_CRL,
        NEXT_CRL_PUBLISH,
    }
)


INDEX_FROM = 1 << 20  # bytes of entries: below this a plain look-up takes no 0.2 ms
INDEX_AFTER = 64  # different serial numbers: the index costs about 60 plain look-ups
_FOUND_KEPT = 256  # answers: one diagnosis asks about the same certificate several times


class IssuingDistributionPoint(NamedTuple):
    """RFC 5280 5.2.5; ``relative`` is the DER of nameRelativeToCRLIssuer, ``only`` the attribute that is TRUE: user, ca, attribute."""

    full_name: tuple[GeneralName, ...]
    relative: bytes | None
    only: str | None
    some_reasons: frozenset[str] | None
    indirect: bool


class CertificateList:
    """An immutable CRL. Raises ``der.Malformed`` where its frame is not that of RFC 5280 5.1; ``faults`` names what is wrong inside."""

    __slots__ = (
        "_asked", "_building", "_by_oid", "_entries_at", "_faults", "_found", "_index", "_sha256", "_tbs_at", "_walked", "delta_base",
        "der", "expired_certificates_from_s", "extensions", "inner_algorithm", "issuer", "issuing_distribution_point", "next_update_s",
        "number", "signature", "signature_algorithm", "this_update_s", "version",
    )  # fmt: skip

    def __init__(self, encoded: bytes) -> None:
        self.der = encoded
        self._sha256: bytes | None = None
        self._walked: Walked | None = None
        self._found: dict[int, tuple[tuple[Entry, tuple[GeneralName, ...]], ...]] = {}
        self._index: Index | Literal[False] | None = None
        self._building = Lock()
        self._asked = 0
        self._faults: list[Fault] = []
        start, stop = der.whole(encoded, der.SEQUENCE, "CertificateList")
        inner, after = der.expect(encoded, start, stop, der.SEQUENCE, "tbsCertList")
        self._tbs_at = (start, after)
        self._entries_at = (after, after)
        self.extensions = self._slice_tbs(inner, after)
        _, pos = der.expect(encoded, after, stop, der.SEQUENCE, "signatureAlgorithm")
        self.signature_algorithm = encoded[after:pos]
        inner, after = der.expect(encoded, pos, stop, der.BIT_STRING, "signatureValue")
        unused, first = der.bit_string(encoded, inner, after)
        if after != stop or unused:
            raise der.Malformed(inner, "a signature that is not whole octets, or bytes after it", "signatureValue")
        self.signature = encoded[first:stop]
        self._by_oid: dict[str, Extension] = {each.oid: each for each in reversed(self.extensions)}
        self.number: int | None = None
        self.delta_base: int | None = None
        self.issuing_distribution_point: IssuingDistributionPoint | None = None
        self.expired_certificates_from_s: int | None = None
        self._read_extensions()

    def _slice_tbs(self, pos: int, stop: int) -> tuple[Extension, ...]:
        """RFC 5280 5.1.2; the extensions."""
        data, header, expect = self.der, der.header, der.expect
        tag, inner, after = header(data, pos, stop)
        self.version = 1
        if tag == der.INTEGER:  # OPTIONAL, and if present it is v2 (RFC 5280 5.1.2.1)
            if der.integer(data, inner, after) != 1:
                raise der.Malformed(pos, "a version other than v2", "version")
            self.version = 2
            pos = after
        _, after = expect(data, pos, stop, der.SEQUENCE, "the signature algorithm")
        self.inner_algorithm = data[pos:after]
        _, pos = expect(data, after, stop, der.SEQUENCE, "the issuer")
        self.issuer = Name(data[after:pos])
        tag, inner, after = header(data, pos, stop)
        self.this_update_s = der.time(data, tag, inner, after)
        self.next_update_s: int | None = None
        pos = after
        if pos < stop and data[pos] in (der.UTC_TIME, der.GENERALIZED_TIME):
            tag, inner, pos = header(data, pos, stop)
            self.next_update_s = der.time(data, tag, inner, pos)
        else:  # RFC 5280 5.1.2.5
            self._faults.append(Fault(pos, "no nextUpdate, which RFC 5280 requires", "nextUpdate", readable=True))
        if pos < stop and data[pos] == der.SEQUENCE:
            _, inner, pos = header(data, pos, stop)
            self._entries_at = (inner, pos)
            if inner == pos:  # RFC 5280 5.1.2.6
                self._faults.append(Fault(inner, "an empty list, where RFC 5280 wants none", "revokedCertificates", readable=True))
        if pos == stop:
            return ()
        inner, after = expect(data, pos, stop, 0xA0, "the extensions")
        if after != stop:
            raise der.Malformed(after, "bytes after the extensions", "crlExtensions")
        if self.version != 2:  # RFC 5280 5.1.2.1
            self._faults.append(Fault(pos, "extensions in a version 1 CRL", "version"))
        return crl_entries.read_extensions(data, inner, after)

    def _read_extensions(self) -> None:
        """RFC 5280 5.2: the values that decide what the CRL speaks about."""
        seen = set()
        for extension in self.extensions:
            if extension.oid in seen:
                self._faults.append(Fault(0, "the same extension twice", f"extension {extension.oid}"))
                continue
            seen.add(extension.oid)
            value = extension.value
            try:
                if extension.fault is not None:
                    raise extension.fault
                if extension.oid == CRL_NUMBER:
                    self.number = _number(value)
                elif extension.oid == DELTA_CRL_INDICATOR:
                    self.delta_base = _number(value)
                elif extension.oid == ISSUING_DISTRIBUTION_POINT:
                    self.issuing_distribution_point = _issuing_distribution_point(value)
                elif extension.oid == EXPIRED_CERTS_ON_CRL:
                    self.expired_certificates_from_s = der.time(
                        value, der.GENERALIZED_TIME, *der.whole(value, der.GENERALIZED_TIME, "ExpiredCertsOnCRL")
                    )
            except der.Malformed as fault:
                self._faults.append(Fault(max(self.der.rfind(value), 0) + fault.offset, fault.what, f"extension {extension.oid}"))

    @property
    def sha256(self) -> bytes:
        """SHA-256 of the DER: the identity."""
        if self._sha256 is None:
            self._sha256 = sha256(self.der).digest()
        return self._sha256

    @property
    def tbs(self) -> memoryview:
        """What is signed; a view, since a CRL may have many megabytes."""
        return memoryview(self.der)[slice(*self._tbs_at)]

    @property
    def next_publish_s(self) -> int | None:
        """When the CA means to publish the next CRL, before this one runs out (Windows fetches it from then on); None where it says nothing
        that can be read.
        """
        found = self.extension(NEXT_CRL_PUBLISH)
        if found is None:
            return None
        try:
            tag, start, stop = der.header(found.value, 0, len(found.value))
            return der.time(found.value, tag, start, stop) if stop == len(found.value) else None
        except der.Malformed:
            return None

    @property
    def is_delta(self) -> bool:
        """RFC 5280 5.2.4: lists only what changed since the base."""
        return DELTA_CRL_INDICATOR in self._by_oid

    @property
    def authority_key_identifier(self) -> extensions.AuthorityKeyIdentifier | None:
        """RFC 5280 5.2.1."""
        found = self.extension(extensions.AUTHORITY_KEY_IDENTIFIER)
        return found.parsed if found is not None and isinstance(found.parsed, extensions.AuthorityKeyIdentifier) else None

    @property
    def unknown_critical(self) -> tuple[str, ...]:
        """Critical extensions of the CRL that are not understood here; RFC 5280 5.2 forbids to use such a CRL."""
        return tuple(each.oid for each in self.extensions if each.critical and each.oid not in UNDERSTOOD)

    @property
    def unknown_critical_in_entries(self) -> tuple[str, ...]:
        """Critical extensions of any entry that are not understood here (RFC 5280 5.3); at most 16 are named."""
        return self._walk().unknown_critical

    @property
    def names_certificate_issuers(self) -> bool:
        """Whether any entry carries certificateIssuer (RFC 5280 5.3.3)."""
        return self._walk().names_issuers

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is not DER or not RFC 5280 in the frame and the extensions; a ``readable`` one leaves the meaning clear."""
        found = list(self._faults)
        data = self.der
        try:
            read_name(self.issuer.der)
        except der.Malformed as fault:
            found.append(Fault(data.find(self.issuer.der) + fault.offset, fault.what, "issuer"))
        if self.inner_algorithm != self.signature_algorithm:  # RFC 5280 5.1.1.2
            found.append(Fault(data.find(self.inner_algorithm), "it differs from signatureAlgorithm", "tbsCertList.signature"))
        if (reason := algorithm_fault(self.signature_algorithm)) is not None:
            found.append(Fault(self._tbs_at[1], reason, "signatureAlgorithm"))
        return tuple(sorted(found))

    @property
    def entries_fault(self) -> Fault | None:
        """The first entry that is not DER or not RFC 5280 5.1.2.6; the entries before it can be looked up all the same."""
        fault = self._walk().fault
        return None if fault is None else Fault(fault.offset, fault.what, "revokedCertificates")

    def extension(self, oid: str) -> Extension | None:
        """The extension of that dotted OID, or None."""
        return self._by_oid.get(oid)

    def verify(self, key: PublicKey) -> Signature:
        """Whether the signature is this key's. A large list is walked in the meantime, since hashing lets go of the interpreter."""
        if self._walked is not None or self._entries_at[1] - self._entries_at[0] < INDEX_FROM:
            return self._verify(key)
        answers: list[Signature] = []

        def hash_all() -> None:
            answers.append(self._verify(key))
            _ = self.sha256

        hashing = Thread(target=hash_all, name="chaincheck-crl", daemon=True)
        hashing.start()
        self._walk()
        hashing.join()
        return answers[0] if answers else self._verify(key)

    def _verify(self, key: PublicKey) -> Signature:
        # cryptography takes any buffer: the view spares a copy of all entries
        return verify(cast("bytes", self.tbs), self.signature_algorithm, self.signature, key)

    def find(self, serial: int) -> tuple[Entry, ...]:
        """Every entry of that serial number, usually none or one, in the order of the list.

        Raises ``der.Malformed`` where an entry of it cannot be read to the end.
        """
        return tuple(entry for entry, _ in self.find_of_issuers(serial))

    def find_of_issuers(self, serial: int) -> tuple[tuple[Entry, tuple[GeneralName, ...]], ...]:
        """The same, each with the certificate issuer that an indirect CRL says it is of (RFC 5280 5.3.3); () is the issuer of the CRL."""
        found = self._found.get(serial)
        if found is None:
            found = tuple(crl_entries.read_places(self.der, self._entries_at[0], self._walk(), self._places(serial)))
            if len(self._found) >= _FOUND_KEPT:
                self._found = {}
            self._found[serial] = found
        return found

    @property
    def index_bytes(self) -> int:
        """The size of the index; 0 without one."""
        return self._index.size if self._index else 0

    def _places(self, serial: int) -> Iterable[int]:
        walked, needle = self._walk(), crl_entries.integer_der(serial)
        self._asked += 1
        if self._index is None and self._asked > INDEX_AFTER:
            self.build_index()
        if self._index:
            return self._index.places(self.der, walked, needle)
        return crl_entries.places(self.der, self._entries_at[0], walked, needle)

    def build_index(self) -> None:
        """Index the entries now: for who knows that many will be asked about. By itself it is done when it pays; small lists have none."""
        if self._index is not None or not self._building.acquire(blocking=False):
            return  # another thread is at it, and plain look-ups go on
        try:
            large = self._entries_at[1] - self._entries_at[0] >= INDEX_FROM and self._walk().fault is None
            self._index = (crl_index.build(self.der, self._walk()) if large else None) or False
        finally:
            self._building.release()

    def may_list(self, serial: int) -> bool:
        """Whether the serial number occurs behind a damaged entry, where nothing can be told from the structure."""
        walked = self._walk()
        return walked.fault is not None and self.der.find(crl_entries.integer_der(serial), walked.end, self._entries_at[1]) >= 0

    def _walk(self) -> Walked:
        if self._walked is None:
            self._walked = crl_entries.walk(self.der, *self._entries_at)
        return self._walked

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CertificateList) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __reduce__(self) -> tuple[object, ...]:
        return CertificateList, (self.der,)

    def __repr__(self) -> str:
        return f"<CertificateList of {str(self.issuer)!r} number={self.number} {len(self.der)} bytes>"


def _number(value: bytes) -> int:
    """CRLNumber (RFC 5280 5.2.3): not negative."""
    number = der.integer(value, *der.whole(value, der.INTEGER, "CRLNumber"))
    if number < 0:
        raise der.Malformed(0, "a negative CRL number")
    return number


def _issuing_distribution_point(value: bytes) -> IssuingDistributionPoint:
    """RFC 5280 5.2.5."""
    start, stop = der.whole(value, der.SEQUENCE, "IssuingDistributionPoint")
    full: tuple[GeneralName, ...] = ()
    relative: bytes | None = None
    reasons: frozenset[str] | None = None
    true = set()
    expected = 0
    for tag, pos, inner, after in der.children(value, start, stop, 6):
        number = tag & 0x1F
        if tag not in (0xA0, 0x81, 0x82, 0x83, 0x84, 0x85) or number < expected:
            raise der.Malformed(pos, f"tag 0x{tag:02x} in IssuingDistributionPoint")
        expected = number + 1
        if number == 0:
            full, relative = extensions.distribution_point_name(value, inner, after)
        elif number == 3:
            reasons = _reason_flags(value, inner, after)
        elif der.boolean(value, inner, after):
            true.add(number)
        else:  # X.690 11.5
            raise der.Malformed(pos, "a DEFAULT value that is encoded (FALSE)")
    only = [name for number, name in ((1, "user"), (2, "ca"), (5, "attribute")) if number in true]
    if len(only) > 1:
        raise der.Malformed(start, "more than one of onlyContainsUserCerts, onlyContainsCACerts and onlyContainsAttributeCerts")
    return IssuingDistributionPoint(full, relative, only[0] if only else None, reasons, 4 in true)


def _reason_flags(value: bytes, start: int, stop: int) -> frozenset[str]:
    """ReasonFlags (RFC 5280 4.2.1.13)."""
    unused, first = der.bit_string(value, start, stop)
    octets = value[first:stop]
    if octets and not octets[-1] >> unused & 1:
        raise der.Malformed(start, "a named bit list with trailing zero bits")  # X.690 11.2.2
    return frozenset(name for i, name in enumerate(extensions.REASONS) if i // 8 < len(octets) and octets[i // 8] & (0x80 >> i % 8))
