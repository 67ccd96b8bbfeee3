"""LDAP URLs (RFC 4516) as they stand in certificates: ``ldap://host/CN=CA,DC=x?certificateRevocationList;binary?base?objectClass=*``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, cast

from chaincheck.fetch.guard import split_url

Scope = Literal["base", "one", "sub"]

EVERYTHING: Final = "(objectClass=*)"  # RFC 4516 3: the filter where the URL has none

_PREFIX: Final = re.compile(r"(ldaps?)://", re.IGNORECASE)
# RFC 3986 2, and the space, which certificates have unencoded though it may not stand there. A URL of LDAP has no fragment.
_CHARACTERS: Final = re.compile(r"[A-Za-z0-9._~:/?@!$&'()*+,;=%\[\] -]*")
_ATTRIBUTE: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)(?:;[A-Za-z0-9-]+)*")  # RFC 4512 2.5
_LONGEST: Final = 8192  # characters, as for every URL
_MOST_ATTRIBUTES: Final = 8  # a URL in a certificate names one or two
_LONGEST_FILTER: Final = 1024  # characters; theirs are some thirty long
_DEEPEST_FILTER: Final = 8  # parentheses; theirs have one


@dataclass(frozen=True, kw_only=True, slots=True)
class LdapUrl:
    """A search. ``host`` is empty where the URL names none: a member of a domain then asks a domain controller.

    ``base`` is a distinguished name as the URL has it, percent-encoding undone; ``attributes`` are those it names, none for all of them.
    """

    scheme: Literal["ldap", "ldaps"]
    host: str
    port: int
    base: str
    attributes: tuple[str, ...] = ()
    scope: Scope = "base"
    filter: str = EVERYTHING


def read(url: str) -> LdapUrl:
    """The parts of an LDAP URL. Raises ValueError with the reason as its text."""
    if len(url) > _LONGEST:
        raise ValueError(f"the URL is longer than {_LONGEST} characters")
    prefix = _PREFIX.match(url)
    if prefix is None:
        raise ValueError("the URL is not one of LDAP")
    if not _CHARACTERS.fullmatch(url):
        raise ValueError("the URL contains characters that must be percent-encoded")
    scheme = cast("Literal['ldap', 'ldaps']", prefix[1].lower())
    authority, slash, rest = url[prefix.end() :].partition("/")
    if not slash and "?" in authority:  # RFC 4516 2: what follows the host follows a slash
        raise ValueError("the URL has a question mark before the name of an entry")
    target = split_url(url) if authority else None
    base, *fields = rest.split("?")
    if len(fields) > 4:
        raise ValueError("the URL has more question marks than an LDAP URL can have")
    attributes, scope, filter_, extensions = (*fields, "", "", "", "")[:4]
    if any(extension.startswith("!") for extension in extensions.split(",")):  # RFC 4516 2: then it must not be processed without
        raise ValueError("the URL has a critical extension")
    return LdapUrl(
        scheme=scheme,
        host=target.host if target else "",
        port=target.port if target else 0,
        base=_decoded(base),
        attributes=_attributes(_decoded(attributes)),
        scope=_scope(scope),
        filter=_filter(_decoded(filter_)),
    )


def _decoded(text: str) -> str:
    """Percent-encoding undone; what comes out is UTF-8 (RFC 4516 2.1)."""
    from urllib.parse import unquote_to_bytes

    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise ValueError("the URL has a percent sign that encodes nothing")
    try:
        decoded = unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("the URL has percent-encoded bytes that are not UTF-8") from None
    if "\0" in decoded:
        raise ValueError("the URL has a zero byte in it")
    return decoded


def _attributes(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(","))) if text else ()
    if len(names) > _MOST_ATTRIBUTES:
        raise ValueError(f"the URL names more than {_MOST_ATTRIBUTES} attributes")
    if "*" in names:  # RFC 4511 4.5.1.8: all user attributes, the same as naming none
        return ()
    if not all(_ATTRIBUTE.fullmatch(name) for name in names):
        raise ValueError("the URL names an attribute that cannot exist")
    return names


def _scope(text: str) -> Scope:
    scope = text.strip().lower() or "base"
    if scope not in ("base", "one", "sub"):
        raise ValueError("the URL has a scope other than base, one and sub")
    return cast("Scope", scope)


def _filter(text: str) -> str:
    """The filter in parentheses, which RFC 4515 wants and the URLs of Windows lack."""
    text = text.strip()
    if not text:
        return EVERYTHING
    if len(text) > _LONGEST_FILTER:
        raise ValueError(f"the filter in the URL is longer than {_LONGEST_FILTER} characters")
    if not text.startswith("("):
        text = f"({text})"
    depth = 0
    for parenthesis in re.findall(r"[()]", text):
        depth += 1 if parenthesis == "(" else -1
        if not 0 <= depth <= _DEEPEST_FILTER:
            raise ValueError("the filter in the URL is nested too deeply or wrongly")
    if depth:
        raise ValueError("the filter in the URL lacks a parenthesis")
    return text
