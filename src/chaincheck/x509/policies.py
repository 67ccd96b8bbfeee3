"""The four extensions that speak of certificate policies (RFC 5280 4.2.1.4, 4.2.1.5, 4.2.1.11, 4.2.1.14), read strictly.

A policy is named by the contents octets of its OBJECT IDENTIFIER: a hostile certificate names thousands, and turning each into dotted
form would cost more than everything else. ``dotted`` and ``identifier`` translate where people are concerned.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from chaincheck.x509 import der

if TYPE_CHECKING:
    from collections.abc import Mapping

ANY_POLICY = b"\x55\x1d\x20\x00"
"""anyPolicy, 2.5.29.32.0."""

MAX_POLICIES = der.MAX_CHILDREN  # policies with their qualifiers, or mappings, of one extension: as many as of any other structure
_MAX_NUMBERS = 1000  # notice numbers of one qualifier, like the qualifiers of one policy: real ones have one or two
_MAX_SKIP = 2**64 - 1  # `cryptography` reads the numbers of PolicyConstraints into 64 bits

_CPS = bytes.fromhex("2b06010505070201")
_USER_NOTICE = bytes.fromhex("2b06010505070202")
_DISPLAY_TEXT = (der.IA5_STRING, der.VISIBLE_STRING, der.BMP_STRING, der.UTF8_STRING)

# What `der.oid` accepts: arcs of at most 32 bits in their shortest form. One match instead of a step per octet.
_ARCS = re.compile(rb"(?:[\x00-\x7f]|[\x81-\xff][\x80-\xff]{0,2}[\x00-\x7f]|[\x81-\x8f][\x80-\xff]{3}[\x00-\x7f])+")


class TooMany(der.Malformed):
    """More elements than the reader was allowed: nothing is known to be wrong with those read."""

    def __init__(self, offset: int, limit: int) -> None:
        self.limit = limit
        super().__init__(offset, f"more than {limit} elements")

    def __reduce__(self) -> tuple[object, ...]:
        return TooMany, (self.offset, self.limit)


class CPSPointer(NamedTuple):
    """A policy qualifier of type id-qt-cps: where the Certification Practice Statement is published."""

    uri: str


class UserNotice(NamedTuple):
    """A policy qualifier of type id-qt-unotice: text to be shown, and where the organisation keeps more of it."""

    explicit_text: str | None
    organization: str | None
    notice_numbers: tuple[int, ...]


Qualifier = CPSPointer | UserNotice


class CertificatePolicies(NamedTuple):
    """RFC 5280 4.2.1.4: every policy, and the qualifiers of those that have some."""

    policies: frozenset[bytes]
    qualifiers: Mapping[bytes, tuple[Qualifier, ...]]
    size: int
    """Policies and qualifiers."""


class PolicyMappings(NamedTuple):
    """RFC 5280 4.2.1.5. Nearly every policy is mapped to one other, and ten thousand sets of one would cost more than reading them."""

    first: Mapping[bytes, bytes]
    """Each issuerDomainPolicy with the first subjectDomainPolicy it is mapped to."""
    several: Mapping[bytes, frozenset[bytes]]
    """Those that are mapped to more than one, with all of them."""
    size: int
    """Pairs."""


class PolicyConstraints(NamedTuple):
    """RFC 5280 4.2.1.11, each a number of certificates, None where it is not said."""

    require_explicit_policy: int | None
    inhibit_policy_mapping: int | None


def dotted(policy: bytes) -> str:
    """A policy in dotted form; raises ``Malformed`` where it is none. The policies of one CA differ in their last arc."""
    cut = len(policy) - 1
    while cut > 1 and policy[cut - 1] & 0x80:
        cut -= 1
    arc = policy[cut:]
    if cut < 2 or len(arc) > 4 or arc[0] == 0x80 or arc[-1] & 0x80:
        return der.oid(policy, 0, len(policy))
    value = 0
    for octet in arc:
        value = value << 7 | octet & 0x7F
    return f"{_dotted_prefix(policy[:cut])}.{value}"


@lru_cache(maxsize=1024)  # at most 64 octets each
def _dotted_prefix(arcs: bytes) -> str:
    return der.oid(arcs, 0, len(arcs))


@lru_cache(maxsize=1024)
def identifier(policy: str) -> bytes:
    """A policy by its dotted form; raises ``ValueError`` where that is not an OBJECT IDENTIFIER."""
    try:
        first, second, *rest = map(int, policy.split("."))
        found = b"".join(map(_base128, (40 * first + second, *rest)))
        if dotted(found) == policy:
            return found
    except ValueError:
        pass
    raise ValueError(f"not a policy in dotted form: {policy!r}")


def _base128(arc: int) -> bytes:
    if arc < 0:
        raise ValueError
    octets = [arc & 0x7F]
    while arc := arc >> 7:
        octets.append(0x80 | (arc & 0x7F))
    return bytes(reversed(octets))


def certificate_policies(value: bytes, limit: int = MAX_POLICIES) -> CertificatePolicies:
    """CertificatePolicies ::= SEQUENCE SIZE (1..MAX) OF PolicyInformation; no policy twice. ``limit`` counts policies and qualifiers."""
    start, stop = der.whole(value, der.SEQUENCE, "CertificatePolicies")
    found: dict[bytes, int] = {}
    qualifiers: dict[bytes, tuple[Qualifier, ...]] = {}
    size = 0
    pos = start
    while pos < stop:
        inner, after = der.expect(value, pos, stop, der.SEQUENCE, "a PolicyInformation")
        policy, rest = _policy(value, inner, after)
        if found.setdefault(policy, pos) != pos:
            raise der.Malformed(pos, f"the policy {dotted(policy)} twice")
        size += 1
        if rest < after:
            qualifiers[policy] = _qualifiers(value, rest, after)
            size += len(qualifiers[policy])
        if size > limit:
            raise TooMany(pos, limit)
        pos = after
    if not found:
        raise der.Malformed(start, "an empty CertificatePolicies")
    return CertificatePolicies(frozenset(found), qualifiers, size)


def _policy(value: bytes, start: int, stop: int) -> tuple[bytes, int]:
    """One OBJECT IDENTIFIER: its contents octets, and where it ends."""
    if stop - start > 2 and value[start] == der.OID and (length := value[start + 1]) <= 64:  # nearly all
        inner = start + 2
        after = inner + length
        if after <= stop and _ARCS.fullmatch(value, inner, after) is not None:
            return value[inner:after], after
    inner, after = der.expect(value, start, stop, der.OID, "a policy")
    der.oid(value, inner, after)
    return value[inner:after], after


def _qualifiers(value: bytes, start: int, stop: int) -> tuple[Qualifier, ...]:
    """PolicyQualifiers ::= SEQUENCE SIZE (1..MAX) OF PolicyQualifierInfo."""
    inner, after = der.expect(value, start, stop, der.SEQUENCE, "the qualifiers of a policy")
    if after != stop:
        raise der.Malformed(after, "bytes after the qualifiers of a policy")
    found = []
    for tag, pos, first, last in der.children(value, inner, after, 1000):
        if tag != der.SEQUENCE:
            raise der.Malformed(pos, "something else than a PolicyQualifierInfo")
        found.append(_qualifier(value, first, last))
    if not found:
        raise der.Malformed(start, "an empty list of policy qualifiers")
    return tuple(found)


def _qualifier(value: bytes, start: int, stop: int) -> Qualifier:
    """PolicyQualifierInfo ::= SEQUENCE { policyQualifierId, qualifier ANY DEFINED BY policyQualifierId }.

    RFC 5280 A.2 has two kinds and no more, and so has `cryptography`.
    """
    inner, after = der.expect(value, start, stop, der.OID, "the kind of a policy qualifier")
    kind = value[inner:after]
    if kind == _CPS:
        first, last = der.expect(value, after, stop, der.IA5_STRING, "the URI of a CPS qualifier")
        found: Qualifier = CPSPointer(der.string(value, der.IA5_STRING, first, last))
    elif kind == _USER_NOTICE:
        first, last = der.expect(value, after, stop, der.SEQUENCE, "a UserNotice")
        found = _user_notice(value, first, last)
    else:
        raise der.Malformed(start, f"a policy qualifier that is neither CPS nor user notice ({der.oid(value, inner, after)})")
    if last != stop:
        raise der.Malformed(last, "bytes after a policy qualifier")
    return found


def _user_notice(value: bytes, start: int, stop: int) -> UserNotice:
    """UserNotice ::= SEQUENCE { noticeRef NoticeReference OPTIONAL, explicitText DisplayText OPTIONAL }."""
    parts = der.children(value, start, stop, 2)
    organization = text = None
    numbers: tuple[int, ...] = ()
    if parts and parts[0][0] == der.SEQUENCE:
        organization, numbers = _notice_reference(value, *parts[0][2:])
        parts = parts[1:]
    if parts:
        tag, _, inner, after = parts[0]
        text = _display_text(value, tag, inner, after)
        parts = parts[1:]
    if parts:
        raise der.Malformed(parts[0][1], "an element that a UserNotice does not have")
    return UserNotice(text, organization, numbers)


def _notice_reference(value: bytes, start: int, stop: int) -> tuple[str, tuple[int, ...]]:
    """NoticeReference ::= SEQUENCE { organization DisplayText, noticeNumbers SEQUENCE OF INTEGER }."""
    tag, inner, after = der.header(value, start, stop)
    organization = _display_text(value, tag, inner, after)
    first, last = der.expect(value, after, stop, der.SEQUENCE, "notice numbers")
    if last != stop:
        raise der.Malformed(last, "bytes after a NoticeReference")
    numbers = []
    for kind, pos, begins, ends in der.children(value, first, last, _MAX_NUMBERS):
        number = der.integer(value, begins, ends) if kind == der.INTEGER else -1
        if number < 0 or number >> 63:  # no notice has such a number, and `cryptography` refuses it
            raise der.Malformed(pos, "something else than a notice number")
        numbers.append(number)
    return organization, tuple(numbers)


def _display_text(value: bytes, tag: int, start: int, stop: int) -> str:
    """DisplayText. More than 200 characters are to be taken gracefully (RFC 5280 4.2.1.4)."""
    if tag not in _DISPLAY_TEXT:
        raise der.Malformed(start, f"tag 0x{tag:02x} where a DisplayText belongs")
    return der.string(value, tag, start, stop)


def policy_mappings(value: bytes, limit: int = MAX_POLICIES) -> PolicyMappings:
    """PolicyMappings ::= SEQUENCE SIZE (1..MAX) OF SEQUENCE { issuerDomainPolicy, subjectDomainPolicy }.

    That anyPolicy stands there is not a matter of syntax: RFC 5280 6.1.4 (a) refuses it. ``limit`` counts pairs.
    """
    start, stop = der.whole(value, der.SEQUENCE, "PolicyMappings")
    found: dict[bytes, bytes] = {}
    several: dict[bytes, set[bytes]] = {}
    size = 0
    pos = start
    while pos < stop:
        if size >= limit:
            raise TooMany(pos, limit)
        inner, after = der.expect(value, pos, stop, der.SEQUENCE, "a policy mapping")
        issuer, middle = _policy(value, inner, after)
        subject, last = _policy(value, middle, after)
        if last != after:
            raise der.Malformed(last, "bytes after a policy mapping")
        first = found.setdefault(issuer, subject)
        if first != subject:
            several.setdefault(issuer, {first}).add(subject)
        size += 1
        pos = after
    if not found:
        raise der.Malformed(start, "an empty PolicyMappings")
    return PolicyMappings(found, {issuer: frozenset(subjects) for issuer, subjects in several.items()}, size)


def policy_constraints(value: bytes) -> PolicyConstraints:
    """PolicyConstraints ::= SEQUENCE { requireExplicitPolicy [0], inhibitPolicyMapping [1] }, each optional, one of them there."""
    start, stop = der.whole(value, der.SEQUENCE, "PolicyConstraints")
    found: dict[int, int] = {}
    for tag, pos, inner, after in der.children(value, start, stop, 2):
        if tag not in (0x80, 0x81) or tag in found or 0x81 in found:
            raise der.Malformed(pos, f"tag 0x{tag:02x} in PolicyConstraints")
        found[tag] = _skip_certs(value, pos, inner, after)
        if found[tag] > _MAX_SKIP:
            raise der.Malformed(pos, "a number of certificates above 64 bits")
    if not found:  # 4.2.1.11: "MUST NOT issue certificates where policy constraints is an empty sequence"
        raise der.Malformed(start, "an empty PolicyConstraints")
    return PolicyConstraints(found.get(0x80), found.get(0x81))


def inhibit_any_policy(value: bytes) -> int:
    """InhibitAnyPolicy ::= SkipCerts: a number of certificates."""
    return _skip_certs(value, 0, *der.whole(value, der.INTEGER, "InhibitAnyPolicy"))


def _skip_certs(value: bytes, pos: int, start: int, stop: int) -> int:
    """SkipCerts ::= INTEGER (0..MAX)."""
    number = der.integer(value, start, stop)
    if number < 0 or number >> 32:
        raise der.Malformed(pos, "a number of certificates out of range")
    return number
