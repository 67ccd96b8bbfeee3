"""The certificate profile, extension by extension (RFC 5280 4.2): the critical bit, the value, and what each adds to the whole.

Extensions repeat across the leaves of a CA, so what was found of one is kept.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from chaincheck.causes.codes import Severity
from chaincheck.x509 import der
from chaincheck.x509 import extensions as ext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chaincheck.x509.extensions import Extension

MUST, SHOULD = Severity.WARNING, Severity.NOTE


class Rule(NamedTuple):
    """One rule of the profile: a stable id, where it stands, the field it is about, and how much breaking it weighs."""

    id: str
    section: str
    field: str
    severity: Severity = MUST


def rule(id: str, section: str, field: str, severity: Severity = MUST) -> Rule:  # noqa: A002
    """A bare number is a section of RFC 5280."""
    return Rule(id, f"RFC 5280 section {section}" if section[0].isdigit() else section, field, severity)


# What an extension tells about the whole certificate, as bits, so that rules can combine them. Those below LOWER_BITS are of other fields.
LOWER_BITS = 8
(
    CA, CA_UNREAD, CA_NOT_CRITICAL, PATH_LENGTH, KU, CERT_SIGN, NO_CERT_SIGN, ENCIPHERS, AGREES,
    SKI, AKI, AKI_WITHOUT_KEY, SAN, SAN_CRITICAL, SAN_EMAIL, NAMES,
) = (1 << bit for bit in range(LOWER_BITS, LOWER_BITS + 16))  # fmt: skip

# Extensions: the name of each and its section.
FIELDS: Final = {
    ext.AUTHORITY_KEY_IDENTIFIER: ("authorityKeyIdentifier", "4.2.1.1"),
    ext.SUBJECT_KEY_IDENTIFIER: ("subjectKeyIdentifier", "4.2.1.2"),
    ext.KEY_USAGE: ("keyUsage", "4.2.1.3"),
    ext.CERTIFICATE_POLICIES: ("certificatePolicies", "4.2.1.4"),
    ext.POLICY_MAPPINGS: ("policyMappings", "4.2.1.5"),
    ext.SUBJECT_ALT_NAME: ("subjectAltName", "4.2.1.6"),
    ext.ISSUER_ALT_NAME: ("issuerAltName", "4.2.1.7"),
    "2.5.29.9": ("subjectDirectoryAttributes", "4.2.1.8"),
    ext.BASIC_CONSTRAINTS: ("basicConstraints", "4.2.1.9"),
    ext.NAME_CONSTRAINTS: ("nameConstraints", "4.2.1.10"),
    ext.POLICY_CONSTRAINTS: ("policyConstraints", "4.2.1.11"),
    ext.EXTENDED_KEY_USAGE: ("extKeyUsage", "4.2.1.12"),
    ext.CRL_DISTRIBUTION_POINTS: ("cRLDistributionPoints", "4.2.1.13"),
    ext.INHIBIT_ANY_POLICY: ("inhibitAnyPolicy", "4.2.1.14"),
    ext.FRESHEST_CRL: ("freshestCRL", "4.2.1.15"),
    ext.AUTHORITY_INFORMATION_ACCESS: ("authorityInfoAccess", "4.2.2.1"),
    "1.3.6.1.5.5.7.1.11": ("subjectInfoAccess", "4.2.2.2"),
}


def _of(id: str, oid: str, severity: Severity = MUST) -> Rule:  # noqa: A002
    field, section = FIELDS[oid]
    return rule(id, section, field, severity)


# What breaks each rule by its critical bit alone: (extension, critical).
CRITICALITY: Final = {
    (ext.AUTHORITY_KEY_IDENTIFIER, True): _of("must-not-be-critical", ext.AUTHORITY_KEY_IDENTIFIER),
    (ext.SUBJECT_KEY_IDENTIFIER, True): _of("must-not-be-critical", ext.SUBJECT_KEY_IDENTIFIER),
    ("2.5.29.9", True): _of("must-not-be-critical", "2.5.29.9"),
    (ext.FRESHEST_CRL, True): _of("must-not-be-critical", ext.FRESHEST_CRL),
    (ext.AUTHORITY_INFORMATION_ACCESS, True): _of("must-not-be-critical", ext.AUTHORITY_INFORMATION_ACCESS),
    ("1.3.6.1.5.5.7.1.11", True): _of("must-not-be-critical", "1.3.6.1.5.5.7.1.11"),
    (ext.NAME_CONSTRAINTS, False): _of("must-be-critical", ext.NAME_CONSTRAINTS),
    (ext.POLICY_CONSTRAINTS, False): _of("must-be-critical", ext.POLICY_CONSTRAINTS),
    (ext.INHIBIT_ANY_POLICY, False): _of("must-be-critical", ext.INHIBIT_ANY_POLICY),
    (ext.ISSUER_ALT_NAME, True): _of("should-not-be-critical", ext.ISSUER_ALT_NAME, SHOULD),
    (ext.CRL_DISTRIBUTION_POINTS, True): _of("should-not-be-critical", ext.CRL_DISTRIBUTION_POINTS, SHOULD),
    (ext.KEY_USAGE, False): _of("should-be-critical", ext.KEY_USAGE, SHOULD),
    (ext.POLICY_MAPPINGS, False): _of("should-be-critical", ext.POLICY_MAPPINGS, SHOULD),
}

# Rules that the value of one extension breaks.
_KEY_USAGE_EMPTY = _of("key-usage-empty", ext.KEY_USAGE)
_ANY_USAGE_CRITICAL = _of("any-usage-critical", ext.EXTENDED_KEY_USAGE, SHOULD)
_ANY_POLICY_MAPPED = _of("any-policy-mapped", ext.POLICY_MAPPINGS)
_SUBTREE_MINIMUM = _of("subtree-minimum", ext.NAME_CONSTRAINTS)
_SUBTREE_MAXIMUM = _of("subtree-maximum", ext.NAME_CONSTRAINTS)
_CONSTRAINT_LEADING_PERIOD = _of("constraint-leading-period", ext.NAME_CONSTRAINTS)
_CONSTRAINT_URI = _of("constraint-uri-not-a-host", ext.NAME_CONSTRAINTS)
EMPTY: Final = {
    oid: _of("extension-empty", oid)
    for oid in (
        ext.SUBJECT_ALT_NAME, ext.ISSUER_ALT_NAME, ext.CRL_DISTRIBUTION_POINTS, ext.FRESHEST_CRL, ext.AUTHORITY_INFORMATION_ACCESS,
    )
}  # fmt: skip

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_DNS_NAME = re.compile(rf"(?=.{{,253}}\Z)(?:\*\.)?{_DOMAIN}")  # RFC 1034 3.5, RFC 1123 2.1; RFC 5280 leaves open what a wildcard means
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_MAILBOX = re.compile(rf'(?:{_ATOM}(?:\.{_ATOM})*|"(?:[^"\\]|\\.)+")@(?:{_DOMAIN}|\[[^\[\]]+\])')  # RFC 2821 4.1.2
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.*[^/].*", re.DOTALL)  # RFC 3986 3: a scheme, and something behind it
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")
_HOST = re.compile(rf"(?:[^@]*@)?(?:{_LABEL}(?:\.{_LABEL})+\.?|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")
_SYNTAX: Final[dict[str, tuple[Callable[[Any], object], str]]] = {
    "dNSName": (_DNS_NAME.fullmatch, "dns-name-syntax"),
    "rfc822Name": (_MAILBOX.fullmatch, "email-address-syntax"),
    "uniformResourceIdentifier": (_URI.fullmatch, "uri-not-absolute"),
}


Own = tuple[int, tuple[Rule, ...]]
# By identity: x509 gives one object for the same bytes, and keeps none that is large. What nearly each certificate has for itself, its
# own key identifier and its own names, is not kept.
SEEN: dict[Extension, Own] = {}
_PLAIN_SKI: Own = (SKI, ())


def judge_extension(extension: Extension) -> Own:
    """The bits of one extension, and the rules that its critical bit and its value break."""
    oid, critical = extension.oid, extension.critical
    if oid == ext.SUBJECT_KEY_IDENTIFIER and not critical:
        return _PLAIN_SKI
    by_bit = CRITICALITY.get((oid, critical))
    bits = _BITS.get(oid, 0)
    broken: tuple[Rule, ...] = ()
    reader = _VALUES.get(oid)
    if reader is not None and extension.fault is None:
        try:
            more, broken = reader(extension)
        except der.Malformed:
            pass  # not the syntax of this extension: said by another cause
        else:
            bits |= more
    elif oid == ext.BASIC_CONSTRAINTS:
        bits |= CA_UNREAD
    own = bits, broken if by_bit is None else (by_bit, *broken)
    if oid != ext.SUBJECT_ALT_NAME and len(extension.value) <= 512:
        if len(SEEN) >= 4096:
            SEEN.clear()
        SEEN[extension] = own
    return own


_BITS = {
    ext.SUBJECT_KEY_IDENTIFIER: SKI, ext.AUTHORITY_KEY_IDENTIFIER: AKI, ext.KEY_USAGE: KU, ext.SUBJECT_ALT_NAME: SAN,
    ext.NAME_CONSTRAINTS: NAMES,
}  # fmt: skip
_NOTHING: tuple[Rule, ...] = ()


def _basic_constraints(extension: Extension) -> Own:
    parsed = extension.parsed
    assert isinstance(parsed, ext.BasicConstraints)  # noqa: S101 - for the type checker: there was no fault
    length = PATH_LENGTH if parsed.path_length is not None else 0
    return (CA | length | (0 if extension.critical else CA_NOT_CRITICAL) if parsed.ca else 0), _NOTHING


def _key_usage(extension: Extension) -> Own:
    parsed = extension.parsed
    assert isinstance(parsed, frozenset)  # noqa: S101 - for the type checker: there was no fault
    bits = CERT_SIGN if "keyCertSign" in parsed else NO_CERT_SIGN
    if "keyEncipherment" in parsed or "dataEncipherment" in parsed:
        bits |= ENCIPHERS
    if "keyAgreement" in parsed:
        bits |= AGREES
    return bits, (_NOTHING if parsed or extension.remark else (_KEY_USAGE_EMPTY,))


def _extended_key_usage(extension: Extension) -> Own:
    wrong = extension.critical and isinstance(extension.parsed, tuple) and ext.ANY_EXTENDED_KEY_USAGE in extension.parsed
    return 0, ((_ANY_USAGE_CRITICAL,) if wrong else _NOTHING)


def _authority_key_identifier(extension: Extension) -> Own:
    parsed = extension.parsed
    assert isinstance(parsed, ext.AuthorityKeyIdentifier)  # noqa: S101 - for the type checker: there was no fault
    return (AKI_WITHOUT_KEY if parsed.key_identifier is None else 0), _NOTHING


def _not_empty(extension: Extension) -> Own:
    return 0, (_NOTHING if extension.parsed else (EMPTY[extension.oid],))


def _names(extension: Extension) -> Own:
    """RFC 5280 4.2.1.6, which 4.2.1.7 follows: each form of name has its syntax."""
    names: tuple[ext.GeneralName, ...] = extension.parsed if isinstance(extension.parsed, tuple) else ()
    of_subject = extension.oid == ext.SUBJECT_ALT_NAME
    bits = SAN_CRITICAL if of_subject and extension.critical else 0
    broken: tuple[Rule, ...] = () if names else (EMPTY[extension.oid],)
    for kind, value in names:
        syntax = _SYNTAX.get(kind)
        if syntax is not None and not syntax[0](value):
            broken += (_of(syntax[1], extension.oid),)
        if kind == "rfc822Name" and of_subject:
            bits |= SAN_EMAIL
        elif kind == "uniformResourceIdentifier" and not _host_is_qualified(value):
            broken += (_of("uri-host-not-qualified", extension.oid),)
    return bits, broken


def _host_is_qualified(value: Any) -> bool:
    found = _AUTHORITY.match(value)
    return found is None or _HOST.fullmatch(found[1]) is not None


_ANY_POLICY = bytes.fromhex("0604551d2000")


def _policy_mappings(extension: Extension) -> Own:
    value = extension.value
    pairs = der.children(value, *der.whole(value, der.SEQUENCE, "policyMappings"))
    mapped = any(value.startswith(_ANY_POLICY, inner) or value.endswith(_ANY_POLICY, inner, after) for _, _, inner, after in pairs)
    return 0, ((_ANY_POLICY_MAPPED,) if mapped else _NOTHING)


def _name_constraints(extension: Extension) -> Own:
    """RFC 5280 4.2.1.10: NameConstraints ::= SEQUENCE { permitted [0] GeneralSubtrees OPTIONAL, excluded [1] GeneralSubtrees OPTIONAL }."""
    value = extension.value
    broken: list[Rule] = []
    lists = der.children(value, *der.whole(value, der.SEQUENCE, "nameConstraints"), 2)
    for tag, pos, inner, after in lists:
        if tag not in (0xA0, 0xA1):
            raise der.Malformed(pos, "neither permitted nor excluded subtrees")
        subtrees = der.children(value, inner, after, ext.MAX_NAMES)
        for _, _, start, stop in subtrees:
            broken += _subtree(value, start, stop)
    return 0, tuple(dict.fromkeys(broken))


def _subtree(value: bytes, start: int, stop: int) -> Iterator[Rule]:
    """GeneralSubtree ::= SEQUENCE { base GeneralName, minimum [0] DEFAULT 0, maximum [1] OPTIONAL }."""
    parts = der.children(value, start, stop, 3)
    if not parts:
        raise der.Malformed(start, "a subtree without a base")
    (form, _, inner, after), *limits = parts
    if form == 0x82 and value.startswith(b".", inner, after):
        yield _CONSTRAINT_LEADING_PERIOD
    elif form == 0x86 and (b"/" in value[inner:after] or b":" in value[inner:after]):
        yield _CONSTRAINT_URI
    for tag, _, inner, after in limits:
        if tag == 0x80 and any(value[inner:after]):
            yield _SUBTREE_MINIMUM
        elif tag == 0x81:
            yield _SUBTREE_MAXIMUM


_VALUES: Final[dict[str, Callable[[Extension], Own]]] = {
    ext.BASIC_CONSTRAINTS: _basic_constraints,
    ext.KEY_USAGE: _key_usage,
    ext.EXTENDED_KEY_USAGE: _extended_key_usage,
    ext.AUTHORITY_KEY_IDENTIFIER: _authority_key_identifier,
    ext.SUBJECT_ALT_NAME: _names,
    ext.ISSUER_ALT_NAME: _names,
    ext.POLICY_MAPPINGS: _policy_mappings,
    ext.NAME_CONSTRAINTS: _name_constraints,
    ext.CRL_DISTRIBUTION_POINTS: _not_empty,
    ext.FRESHEST_CRL: _not_empty,
    ext.AUTHORITY_INFORMATION_ACCESS: _not_empty,
}
