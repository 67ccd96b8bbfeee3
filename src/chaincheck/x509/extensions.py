"""Extension values, each read strictly and once per distinct bytes: they repeat across the leaves of a CA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from chaincheck.x509 import der, policies
from chaincheck.x509.name import Name, irregularity, read_relative
from chaincheck.x509.name import fault as name_fault
from chaincheck.x509.name import read as read_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SUBJECT_KEY_IDENTIFIER = "2.5.29.14"
KEY_USAGE = "2.5.29.15"
SUBJECT_ALT_NAME = "2.5.29.17"
ISSUER_ALT_NAME = "2.5.29.18"
BASIC_CONSTRAINTS = "2.5.29.19"
NAME_CONSTRAINTS = "2.5.29.30"
CRL_DISTRIBUTION_POINTS = "2.5.29.31"
CERTIFICATE_POLICIES = "2.5.29.32"
POLICY_MAPPINGS = "2.5.29.33"
AUTHORITY_KEY_IDENTIFIER = "2.5.29.35"
POLICY_CONSTRAINTS = "2.5.29.36"
EXTENDED_KEY_USAGE = "2.5.29.37"
FRESHEST_CRL = "2.5.29.46"
INHIBIT_ANY_POLICY = "2.5.29.54"
AUTHORITY_INFORMATION_ACCESS = "1.3.6.1.5.5.7.1.1"
OCSP_NO_CHECK = "1.3.6.1.5.5.7.48.1.5"
APPLICATION_POLICIES = "1.3.6.1.4.1.311.21.10"

CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0"
ANY_APPLICATION_POLICY = "1.3.6.1.4.1.311.10.12.1"  # szOID_ANY_APPLICATION_POLICY: "All application policies"

KEY_USAGES = (
    "digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly",
    "decipherOnly",
)  # fmt: skip
REASONS = (
    "unused", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation", "certificateHold",
    "privilegeWithdrawn", "aACompromise",
)  # fmt: skip
ALL_REASONS = frozenset(REASONS[1:])
"""all-reasons of RFC 5280 6.3.2 (a)."""


class BasicConstraints(NamedTuple):
    """RFC 5280 4.2.1.9."""

    ca: bool
    path_length: int | None


class GeneralName(NamedTuple):
    """RFC 5280 4.2.1.6: ``kind`` is the name of the choice; ``value`` text, or bytes for an address, another form or a directory name."""

    kind: str
    value: str | bytes | Name


class AuthorityKeyIdentifier(NamedTuple):
    """RFC 5280 4.2.1.1."""

    key_identifier: bytes | None
    issuer: tuple[GeneralName, ...]
    serial: int | None


class DistributionPoint(NamedTuple):
    """RFC 5280 4.2.1.13; ``relative`` is the DER of nameRelativeToCRLIssuer."""

    urls: tuple[str, ...]
    full_name: tuple[GeneralName, ...]
    relative: bytes | None
    reasons: frozenset[str] | None
    crl_issuer: tuple[GeneralName, ...]


class AccessDescription(NamedTuple):
    """RFC 5280 4.2.2.1."""

    method: str
    location: GeneralName


_KINDS = {
    0xA0: "otherName", 0x81: "rfc822Name", 0x82: "dNSName", 0xA3: "x400Address", 0xA4: "directoryName", 0xA5: "ediPartyName",
    0x86: "uniformResourceIdentifier", 0x87: "iPAddress", 0x88: "registeredID",
}  # fmt: skip
MAX_NAMES = 10_000  # names in one extension: far above any real certificate


def general_names(data: bytes, start: int, stop: int) -> tuple[GeneralName, ...]:
    """The contents of a GeneralNames."""
    return tuple(general_name(data, tag, pos, inner, after) for tag, pos, inner, after in der.children(data, start, stop, MAX_NAMES))


def general_name(data: bytes, tag: int, pos: int, start: int, stop: int) -> GeneralName:
    """One GeneralName."""
    kind = _KINDS.get(tag)
    if kind is None:
        raise der.Malformed(pos, f"tag 0x{tag:02x} where a GeneralName belongs")
    if tag in (0x81, 0x82, 0x86):
        return GeneralName(kind, der.string(data, der.IA5_STRING, start, stop))
    if tag == 0xA4:
        encoded = data[start:stop]
        read_name(encoded)
        return GeneralName(kind, Name(encoded))
    if tag == 0x88:
        return GeneralName(kind, der.oid(data, start, stop))
    if tag == 0xA0:  # SEQUENCE { type-id OID, value [0] EXPLICIT ANY }
        _, after = der.expect(data, start, stop, der.OID, "the type of an otherName")
        der.oid(data, *der.expect(data, start, stop, der.OID, "the type of an otherName"))
        value_start, value_stop = der.expect(data, after, stop, 0xA0, "the value of an otherName")
        _, _, end = der.header(data, value_start, value_stop)
        if value_stop != stop or end != value_stop:
            raise der.Malformed(value_stop, "bytes after an otherName")
        der.check(data, value_start, value_stop)
    elif tag & 0x20:
        der.check(data, start, stop)
    return GeneralName(kind, data[start:stop])


def _basic_constraints(value: bytes) -> BasicConstraints:
    start, stop = der.whole(value, der.SEQUENCE, "BasicConstraints")
    ca, length = False, None
    parts = der.children(value, start, stop, 2)
    if parts and parts[0][0] == der.BOOLEAN:
        ca = der.boolean(value, parts[0][2], parts[0][3])
        if not ca:
            raise der.Malformed(parts[0][1], "a DEFAULT value that is encoded (cA FALSE)")  # X.690 11.5
        parts = parts[1:]
    if parts and parts[0][0] == der.INTEGER:
        length = der.integer(value, parts[0][2], parts[0][3])
        if length < 0 or length > 0xFFFFFFFF:
            raise der.Malformed(parts[0][1], "a pathLenConstraint out of range")
        parts = parts[1:]
    if parts:
        raise der.Malformed(parts[0][1], "an element that BasicConstraints does not have")
    return BasicConstraints(ca, length)


def _named_bits(value: bytes, start: int, stop: int, names: tuple[str, ...]) -> frozenset[str]:
    unused, first = der.bit_string(value, start, stop)
    octets = value[first:stop]
    if octets and not octets[-1] >> unused & 1:
        raise der.Malformed(start, "a named bit list with trailing zero bits")  # X.690 11.2.2
    return frozenset(name for i, name in enumerate(names) if i // 8 < len(octets) and octets[i // 8] & (0x80 >> i % 8))


def _key_usage(value: bytes) -> frozenset[str]:
    start, stop = der.whole(value, der.BIT_STRING, "KeyUsage")
    return _named_bits(value, start, stop, KEY_USAGES)


def _extended_key_usage(value: bytes) -> tuple[str, ...]:
    start, stop = der.whole(value, der.SEQUENCE, "ExtKeyUsageSyntax")
    purposes = []
    for tag, pos, inner, after in der.children(value, start, stop, 1000):
        if tag != der.OID:
            raise der.Malformed(pos, "something else than an OBJECT IDENTIFIER in ExtKeyUsageSyntax")
        purposes.append(der.oid(value, inner, after))
    if not purposes:
        raise der.Malformed(start, "an empty ExtKeyUsageSyntax")
    return tuple(purposes)


def _octet_string(value: bytes) -> bytes:
    start, stop = der.whole(value, der.OCTET_STRING, "OCTET STRING")
    return value[start:stop]


def _authority_key_identifier(value: bytes) -> AuthorityKeyIdentifier:
    start, stop = der.whole(value, der.SEQUENCE, "AuthorityKeyIdentifier")
    key: bytes | None = None
    issuer: tuple[GeneralName, ...] = ()
    serial: int | None = None
    expected = 0
    for tag, pos, inner, after in der.children(value, start, stop, 3):
        if tag not in (0x80, 0xA1, 0x82) or tag & 0x1F < expected:
            raise der.Malformed(pos, f"tag 0x{tag:02x} in AuthorityKeyIdentifier")
        expected = (tag & 0x1F) + 1
        if tag == 0x80:
            key = value[inner:after]
        elif tag == 0xA1:
            issuer = general_names(value, inner, after)
        else:
            serial = der.integer(value, inner, after)
    return AuthorityKeyIdentifier(key, issuer, serial)


def _general_names_value(value: bytes) -> tuple[GeneralName, ...]:
    return general_names(value, *der.whole(value, der.SEQUENCE, "GeneralNames"))


def _distribution_points(value: bytes) -> tuple[DistributionPoint, ...]:
    start, stop = der.whole(value, der.SEQUENCE, "CRLDistributionPoints")
    points = []
    for tag, pos, inner, after in der.children(value, start, stop, 1000):
        if tag != der.SEQUENCE:
            raise der.Malformed(pos, "something else than a DistributionPoint")
        points.append(_distribution_point(value, inner, after))
    return tuple(points)


def _distribution_point(value: bytes, start: int, stop: int) -> DistributionPoint:
    full: tuple[GeneralName, ...] = ()
    relative: bytes | None = None
    reasons: frozenset[str] | None = None
    issuer: tuple[GeneralName, ...] = ()
    last = 0
    for tag, pos, inner, after in der.children(value, start, stop, 3):
        number = tag & 0x1F
        if tag not in (0xA0, 0x81, 0xA2) or number < last:
            raise der.Malformed(pos, f"tag 0x{tag:02x} in a DistributionPoint")
        last = number + 1
        if tag == 0xA0:
            full, relative = distribution_point_name(value, inner, after)
        elif tag == 0x81:
            reasons = _named_bits(value, inner, after, REASONS)
        else:
            issuer = general_names(value, inner, after)
    urls = tuple(n.value for n in full if n.kind == "uniformResourceIdentifier" and isinstance(n.value, str))
    return DistributionPoint(urls, full, relative, reasons, issuer)


def distribution_point_name(value: bytes, start: int, stop: int) -> tuple[tuple[GeneralName, ...], bytes | None]:
    """DistributionPointName ::= CHOICE { fullName [0] GeneralNames, nameRelativeToCRLIssuer [1] RelativeDistinguishedName }."""
    tag, inner, after = der.header(value, start, stop)
    if after != stop or tag not in (0xA0, 0xA1):
        raise der.Malformed(start, "something else than a DistributionPointName")
    if tag == 0xA0:
        return general_names(value, inner, after), None
    read_relative(value, inner, after)
    return (), value[inner:after]


def _access_descriptions(value: bytes) -> tuple[AccessDescription, ...]:
    start, stop = der.whole(value, der.SEQUENCE, "AuthorityInfoAccessSyntax")
    found = []
    for tag, pos, inner, after in der.children(value, start, stop, 1000):
        if tag != der.SEQUENCE:
            raise der.Malformed(pos, "something else than an AccessDescription")
        oid_start, oid_stop = der.expect(value, inner, after, der.OID, "an access method")
        kind, name_start, name_stop = der.header(value, oid_stop, after)
        if name_stop != after:
            raise der.Malformed(name_stop, "bytes after an access location")
        found.append(AccessDescription(der.oid(value, oid_start, oid_stop), general_name(value, kind, oid_stop, name_start, name_stop)))
    return tuple(found)


def _null(value: bytes) -> None:
    start, stop = der.whole(value, der.NULL, "NULL")
    der.primitive(value, der.NULL, start, stop)


def _application_policies(value: bytes) -> tuple[str, ...]:
    """Microsoft's Application Policies have the syntax of certificatePolicies: a SEQUENCE OF SEQUENCE { OID, ... }."""
    start, stop = der.whole(value, der.SEQUENCE, "ApplicationPolicies")
    found = []
    for tag, pos, inner, after in der.children(value, start, stop, 1000):
        if tag != der.SEQUENCE:
            raise der.Malformed(pos, "something else than a policy in ApplicationPolicies")
        found.append(der.oid(value, *der.expect(value, inner, after, der.OID, "a policy")))
        der.check(value, inner, after)
    return tuple(found)


def _name_constraints(value: bytes) -> object:
    from chaincheck.x509.name_constraints import read  # it builds on the general names read here

    return read(value)


_READERS: dict[str, Callable[[bytes], object]] = {
    BASIC_CONSTRAINTS: _basic_constraints,
    KEY_USAGE: _key_usage,
    EXTENDED_KEY_USAGE: _extended_key_usage,
    SUBJECT_KEY_IDENTIFIER: _octet_string,
    AUTHORITY_KEY_IDENTIFIER: _authority_key_identifier,
    SUBJECT_ALT_NAME: _general_names_value,
    ISSUER_ALT_NAME: _general_names_value,
    CRL_DISTRIBUTION_POINTS: _distribution_points,
    FRESHEST_CRL: _distribution_points,
    AUTHORITY_INFORMATION_ACCESS: _access_descriptions,
    OCSP_NO_CHECK: _null,
    INHIBIT_ANY_POLICY: policies.inhibit_any_policy,
    APPLICATION_POLICIES: _application_policies,
    NAME_CONSTRAINTS: _name_constraints,
    CERTIFICATE_POLICIES: policies.certificate_policies,
    POLICY_MAPPINGS: policies.policy_mappings,
    POLICY_CONSTRAINTS: policies.policy_constraints,
}
# Private extensions need not even be DER.


def _irregularity(oid: str, parsed: Any, value: bytes) -> str | None:
    """The first departure from the profile of RFC 5280 that leaves a value readable, or None."""
    if oid == BASIC_CONSTRAINTS:
        return "a pathLenConstraint without cA" if not parsed.ca and parsed.path_length is not None else None  # 4.2.1.9
    if oid == KEY_USAGE:
        if len(value) > 5:
            return "bits that KeyUsage does not have"
        if "keyAgreement" not in parsed and not parsed.isdisjoint(("encipherOnly", "decipherOnly")):  # 4.2.1.3
            return "encipherOnly or decipherOnly without keyAgreement"
        return None
    return _irregular_names(oid, parsed)


def _irregular_names(oid: str, parsed: Any) -> str | None:
    """The same for extensions that hold names."""
    names: Iterable[GeneralName] = ()
    if oid == AUTHORITY_KEY_IDENTIFIER:
        if (parsed.serial is None) is bool(parsed.issuer):  # 4.2.1.1
            return "authorityCertIssuer without authorityCertSerialNumber, or the reverse"
        if parsed.serial is not None and parsed.serial < 0:
            return "a negative authorityCertSerialNumber"
        names = parsed.issuer
    elif oid in (SUBJECT_ALT_NAME, ISSUER_ALT_NAME):
        names = parsed
    elif oid in (CRL_DISTRIBUTION_POINTS, FRESHEST_CRL):
        names = [name for point in parsed for name in (*point.full_name, *point.crl_issuer)]
        for point in parsed:
            if not point.full_name and point.relative is None and not point.crl_issuer:  # 4.2.1.13
                return "a DistributionPoint that names nothing"
            if point.relative is not None and (found := irregularity(read_relative(point.relative, 0, len(point.relative)))) is not None:
                return found
    elif oid == AUTHORITY_INFORMATION_ACCESS:
        names = [access.location for access in parsed]
    if any(name.kind == "iPAddress" and isinstance(name.value, bytes) and len(name.value) not in (4, 16) for name in names):  # 4.2.1.6
        return "an iPAddress that is neither 4 nor 16 octets"
    directory = [name.value.der for name in names if isinstance(name.value, Name)]
    if oid == NAME_CONSTRAINTS:
        directory = [subtree.base.der for subtree in (*parsed.permitted, *parsed.excluded) if isinstance(subtree.base, Name)]
    return next((fault[1] for fault in map(name_fault, directory) if fault is not None), None)


class Extension:
    """One extension: ``oid`` (dotted), ``critical``, ``value`` (the DER inside the OCTET STRING).

    ``parsed`` is the value read by its own syntax, None where no syntax is known here or where it cannot be read; ``fault`` says why not.
    ``remark`` is a departure from the profile of RFC 5280 that leaves the value readable.
    """

    __slots__ = ("critical", "fault", "oid", "parsed", "remark", "value")

    def __init__(self, oid: str, critical: bool, value: bytes) -> None:
        self.oid = oid
        self.critical = critical
        self.value = value
        self.parsed: object = None
        self.fault: der.Malformed | None = None
        self.remark: str | None = None
        reader = _READERS.get(oid)
        try:
            if reader is not None:
                self.parsed = reader(value)
        except der.Malformed as fault:
            self.fault = fault
        if self.parsed is not None:
            self.remark = _irregularity(oid, self.parsed, value)

    def __repr__(self) -> str:
        return f"Extension({self.oid!r}, critical={self.critical}, value=<{len(self.value)} bytes>)"


class _Memo(dict[bytes, Extension]):
    """Extensions by their bytes, bounded in number and in what they take, as estimated."""

    _MOST = 8192
    _MOST_BYTES = 4 * 1024 * 1024

    def __init__(self) -> None:
        super().__init__()
        self._held = 0

    def keep(self, encoded: bytes, extension: Extension) -> None:
        if len(encoded) > _MEMO_BYTES:
            return
        size = 2 * len(encoded) + 300 + 100 * _members(extension.parsed)
        if len(self) >= self._MOST or self._held + size > self._MOST_BYTES:
            self.clear()
            self._held = 0
        self[encoded] = extension
        self._held += size


def _members(value: object) -> int:
    """How many objects a parsed value is made of."""
    if isinstance(value, (tuple, frozenset)):
        return 1 + sum(map(_members, value))
    if isinstance(value, Mapping):
        return 1 + sum(1 + _members(each) for each in value.values())
    return 1 + len(value.der) // 8 if isinstance(value, Name) else 1


_MEMO_BYTES = 512  # larger extensions are read each time
KNOWN = _Memo()


def read(encoded: bytes) -> Extension:
    """Read one Extension from its whole DER; raises ``Malformed`` where its frame (not its value) is not DER."""
    known = KNOWN.get(encoded)
    if known is not None:
        return known
    start, stop = der.whole(encoded, der.SEQUENCE, "Extension")
    oid_start, oid_stop = der.expect(encoded, start, stop, der.OID, "extnID")
    tag, inner, after = der.header(encoded, oid_stop, stop)
    critical = False
    if tag == der.BOOLEAN:
        critical = der.boolean(encoded, inner, after)
        if not critical:
            raise der.Malformed(oid_stop, "a DEFAULT value that is encoded (critical FALSE)")  # X.690 11.5
        tag, inner, after = der.header(encoded, after, stop)
    if tag != der.OCTET_STRING or after != stop:
        raise der.Malformed(oid_stop, "something else than one OCTET STRING as extnValue")
    extension = Extension(der.oid(encoded, oid_start, oid_stop), critical, encoded[inner:after])
    KNOWN.keep(encoded, extension)
    return extension
