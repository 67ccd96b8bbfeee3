"""``netsh http show sslcert``: the bindings of http.sys as printed, in any language, or as JSON (``json=enable``).

A text is read by its labels where they are English, and by the order of its lines where they are not: the application's GUID is the third
line of every block, and the lines around it have kept their order since Windows Server 2008. Lines nobody knows are kept.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LINES: Final = (
    "key",
    "certificate_hash",
    "application_id",
    "certificate_store",
    "revocation",
    "cached_revocation_only",
    "usage_check",
    "revocation_freshness_seconds",
    "url_retrieval_timeout_ms",
    "ctl_identifier",
    "ctl_store",
    "ds_mapper",
    "negotiate",
    "reject",
    "disable_http2",
    "disable_quic",
    "disable_tls12",
    "disable_tls13",
    "disable_ocsp_stapling",
    "enable_token_binding",
    "log_extended_events",
    "disable_legacy_tls",
    "enable_session_ticket",
)
"""The lines of a block in their order; older versions end after ``negotiate`` or ``reject``."""

# Labels, parameters of netsh and names of the API (HTTP_SERVICE_CONFIG_SSL_PARAM), letters and digits only.
_LABELS: Final = {
    "key": ("ipport", "hostnameport", "ccs", "centralcertificatestore", "scopedccs"),
    "certificate_hash": ("certificatehash", "certhash", "sslcerthash", "sslhash"),
    "application_id": ("applicationid", "appid"),
    "certificate_store": ("certificatestorename", "certstorename", "sslcertstorename"),
    "revocation": ("verifyclientcertificaterevocation", "verifyclientcertrevocation"),
    "cached_revocation_only": ("verifyrevocationusingcachedclientcertificateonly", "verifyrevocationwithcachedclientcertonly"),
    "usage_check": ("usagecheck",),
    "revocation_freshness_seconds": ("revocationfreshnesstime", "defaultrevocationfreshnesstime"),
    "url_retrieval_timeout_ms": ("urlretrievaltimeout", "defaultrevocationurlretrievaltimeout"),
    "ctl_identifier": ("ctlidentifier", "sslctlidentifier", "defaultsslctlidentifier"),
    "ctl_store": ("ctlstorename", "sslctlstorename", "defaultsslctlstorename"),
    "ds_mapper": ("dsmapperusage",),
    "negotiate": ("negotiateclientcertificate", "clientcertnegotiation"),
    "reject": ("rejectconnections", "reject"),
    "disable_http2": ("disablehttp2",),
    "disable_quic": ("disablequic",),
    "disable_tls12": ("disabletls12",),
    "disable_tls13": ("disabletls13",),
    "disable_ocsp_stapling": ("disableocspstapling",),
    "enable_token_binding": ("enabletokenbinding",),
    "log_extended_events": ("logextendedevents",),
    "disable_legacy_tls": ("disablelegacytlsversions", "disablelegacytls"),
    "enable_session_ticket": ("enablesessionticket",),
    "disable_aia": ("disableauthorityinfoaccess", "disableaia"),
    "check_mode": ("defaultcertcheckmode", "defaultsslcertcheckmode"),
    "flags": ("defaultflags",),
}
_FIELDS: Final = {label: field for field, labels in _LABELS.items() for label in labels}
_SEPARATED: Final = re.compile(r"(?<!\s)\s{0,80}(?::\s+|：\s*)|(?<!\s)\s{1,80}:$")  # labels ("IP:port") and IPv6 keys hold bare colons
_GUID: Final = re.compile(r"\{[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}")
_ADDRESS: Final = re.compile(r"\S+:[0-9]{1,5}")
_YES: Final = frozenset(
    ("enabled", "enable", "set", "true", "yes", "1", "有効", "設定済み", "aktiviert", "activé", "已启用", "启用", "設定")
)
_NO: Final = frozenset(
    (
        "disabled",
        "disable",
        "not set",
        "false",
        "no",
        "0",
        "無効",
        "未設定",
        "deaktiviert",
        "désactivé",
        "已禁用",
        "禁用",
        "未设置",
        "設定なし",
    )
)
# What the lines after ``reject`` say, and none before them.
_SET: Final = frozenset(("set", "not set", "設定済み", "未設定", "設定", "設定なし", "未设置"))
_MOST_BLOCKS: Final = 10_000  # bindings; a hosting server with one for each customer has some thousand

Block = dict[str, str]
"""The fields of one binding by the names of ``LINES``, values as printed; ``""`` for ``(null)``. Other labels stand as they are."""


def looks_like(text: str) -> bool:
    """Whether it is the output of ``netsh http show sslcert`` in some language, or its JSON."""
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        return any(True for _ in parse(text))
    return any(len(block) >= 8 and _GUID.search(line) for block in _blocks(text) for line in block[1:4])


def parse(text: str) -> Iterator[Block]:
    """The bindings in the text, in its order; nothing where it is none."""
    stripped = text.lstrip("\ufeff \t\r\n")
    if stripped[:1] in ("{", "["):
        yield from _parse_json(stripped)
        return
    for number, lines in enumerate(_blocks(text)):
        if number >= _MOST_BLOCKS:
            return
        pairs = [_pair(line) for line in lines]
        block = _by_label(pairs)
        if "key" not in block or ("negotiate" not in block and "certificate_hash" not in block):
            block = _by_place(pairs)
        if "key" in block:
            yield block


def switched(value: str | None) -> bool | None:
    """Enabled, Disabled, Set, Not Set and their like, in the languages that are known; None for every other word."""
    word = (value or "").strip().lower()
    return True if word in _YES else False if word in _NO else None


def _blocks(text: str) -> Iterator[list[str]]:
    """The lines of each block. "Extended Properties" belong to the block before them and say nothing of certificates."""
    block: list[str] = []
    for line in text.splitlines():
        if _SEPARATED.search(line):
            if block and _begins(line):
                yield block
                block = []
            block.append(line.strip())
        elif not line.strip() and block:
            yield block
            block = []
    if block:
        yield block


def _begins(line: str) -> bool:
    return re.sub(r"[^a-z0-9]", "", _pair(line)[0].lower()) in _LABELS["key"]


def _pair(line: str) -> tuple[str, str]:
    match = _SEPARATED.search(line)
    return (line[: match.start()].strip(), line[match.end() :].strip()) if match is not None else (line.strip(), "")


def _by_label(pairs: Sequence[tuple[str, str]]) -> Block:
    found: Block = {}
    for label, value in pairs:
        field = _FIELDS.get(re.sub(r"[^a-z0-9]", "", label.lower()))
        found.setdefault(field or label, "" if value == "(null)" else value)
    return found


def _by_place(pairs: Sequence[tuple[str, str]]) -> Block:
    guid = next((place for place, (_, value) in enumerate(pairs) if _GUID.fullmatch(value)), None)
    if guid is None or guid < 1 or not (_ADDRESS.fullmatch(pairs[0][1]) or pairs[0][1].isdigit()):
        return {}
    first = guid - LINES.index("application_id")
    found: Block = {}
    for place, (label, value) in enumerate(pairs):
        at = place - first
        found.setdefault(LINES[at] if 0 <= at < len(LINES) else label, "" if value == "(null)" else value)
    return found if _in_place(found) else {"key": pairs[0][1]} | dict.fromkeys(_WORDS, "?")


_NUMBERS: Final = ("revocation_freshness_seconds", "url_retrieval_timeout_ms")
_WORDS: Final = ("revocation", "cached_revocation_only", "usage_check", "ds_mapper", "negotiate", "reject")


def _in_place(found: Block) -> bool:
    """Whether every line is what its place says: words that switch, two numbers, two names. A line that is missing moves all after it."""
    numbers = all(found.get(name, "0").isdigit() for name in _NUMBERS)
    words = [found[name] for name in _WORDS if name in found]
    names = [found.get(name, "") for name in ("certificate_store", "ctl_identifier", "ctl_store")]
    switches = all(word and not word.isdigit() and ":" not in word and "{" not in word and word.lower() not in _SET for word in words)
    return numbers and switches and all(switched(name) is None for name in names)


def _parse_json(text: str) -> Iterator[Block]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    waiting: list[Any] = [document]
    count = 0
    while waiting and count < _MOST_BLOCKS:
        item = waiting.pop()
        if isinstance(item, dict):
            block = _block_of(item)
            if "key" in block and len(block) > 3:
                count += 1
                yield block
                continue
            item = list(item.values())
        if isinstance(item, list):
            waiting += reversed(item)


def _block_of(item: dict[str, Any]) -> Block:
    found: Block = {}
    for label, value in item.items():
        if isinstance(value, dict | list):
            continue
        field = _FIELDS.get(re.sub(r"[^a-z0-9]", "", str(label).lower()), str(label))
        text = "" if value is None or value == "(null)" else str(value)
        found.setdefault(field, text)
    return found
