"""Key usage and extended key usage of the subject and of CAs: RFC 5280 4.2.1.3, 4.2.1.12, and how servers nest them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chaincheck import causes
from chaincheck.causes.codes import CauseCode, Role, Severity
from chaincheck.path.elements import ENHANCED_KEY_USAGE_PROPERTY
from chaincheck.x509 import der
from chaincheck.x509 import extensions as ext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaincheck.causes.cause import Cause
    from chaincheck.path.pool import Node
    from chaincheck.rules import Rules
    from chaincheck.x509.certificate import Certificate

PURPOSES: Final = {"client_auth": ext.CLIENT_AUTH, "server_auth": ext.SERVER_AUTH}


def judge_extended(node: Node, role: Role, rules: Rules) -> Iterator[Cause]:
    """The usages of one element against the purpose of the rules; a CA's count where the rules nest them."""
    certificate = node.certificate
    if rules.purpose is None or certificate is None or (role is not Role.SUBJECT and not rules.nested_eku):
        return
    needed = PURPOSES[rules.purpose]
    for allowed in _limits(node, certificate):
        if needed in allowed:
            continue
        details = causes.facts.ExtendedKeyUsageFacts(allowed=allowed, needed=needed)
        if ext.ANY_EXTENDED_KEY_USAGE in allowed or ext.ANY_APPLICATION_POLICY in allowed:
            # RFC 5280 4.2.1.12 gives anyExtendedKeyUsage its meaning, and Microsoft's OID none inside of extKeyUsage
            foreign = ext.ANY_EXTENDED_KEY_USAGE not in allowed and allowed is certificate.extended_key_usage
            if rules.any_eku == "yes" and not foreign:
                continue
            if rules.any_eku != "no":
                yield causes.make(CauseCode.ANY_EXTENDED_KEY_USAGE, role, certificate, details, severity=Severity.WARNING, proven=False)
                continue
        yield causes.make(CauseCode.WRONG_EXTENDED_KEY_USAGE, role, certificate, details)


def _limits(node: Node, certificate: Certificate) -> list[tuple[str, ...]]:
    """Every list that limits the usages: the extension, Microsoft's Application Policies, the store's EKU property (CryptoAPI)."""
    found = []
    if (usages := certificate.extended_key_usage) is not None:
        found.append(usages)
    if (policies := certificate.extension(ext.APPLICATION_POLICIES)) is not None and isinstance(policies.parsed, tuple):
        found.append(policies.parsed)
    for entry in node.entries:
        for number, value in entry.properties:
            if number == ENHANCED_KEY_USAGE_PROPERTY:
                found.append(_property(value))
    return found


def _property(value: bytes) -> tuple[str, ...]:
    try:
        start, stop = der.whole(value, der.SEQUENCE, "the EKU property")
        return tuple(der.oid(value, inner, after) for tag, _, inner, after in der.children(value, start, stop, 1000) if tag == der.OID)
    except der.Malformed:
        return ()  # a restriction that cannot be read allows nothing


def judge_subject_key_usage(certificate: Certificate, rules: Rules) -> Iterator[Cause]:
    """TLS needs digitalSignature (RFC 8446 4.4.2.2, RFC 5246 7.4.8), keyAgreement for the static Diffie-Hellman suites of TLS 1.2."""
    usages = certificate.key_usage
    if usages is None or rules.subject_key_usage == "ignored" or rules.purpose is None:
        return
    needed = ("digitalSignature",) if rules.subject_key_usage == "offer" else ("digitalSignature", "keyAgreement")
    if usages.isdisjoint(needed):
        details = causes.facts.KeyUsageFacts(allowed=tuple(u for u in ext.KEY_USAGES if u in usages), needed=needed)
        # At the gate offer it depends on the client's stack, which is not told here: fatal, but not proven.
        yield causes.make(CauseCode.WRONG_KEY_USAGE, Role.SUBJECT, certificate, details, proven=rules.subject_key_usage == "required")
