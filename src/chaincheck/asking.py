"""From what the caller holds to a ``Question``: certificates, key, moment and store, normalised; ``InputError`` for wrong use."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from time import time
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, get_args

from chaincheck.errors import InputError
from chaincheck.formats.described import described, type_name
from chaincheck.formats.limits import Limits
from chaincheck.formats.load import load, load_key
from chaincheck.formats.loaded import NoteCode
from chaincheck.possession import matches
from chaincheck.question import KEY_NOT_TOLD, NO_CERTIFICATE, NO_KEY, KeyAnswer, KeyState
from chaincheck.rules import Rules
from chaincheck.store import TrustStore
from chaincheck.x509.certificate import Certificate

if TYPE_CHECKING:
    from collections.abc import Collection

    from chaincheck.fetch.cache import Cache
    from chaincheck.formats.loaded import KeyMaterial, Loaded

Fetch = Literal["online", "cached", "never"]
Prefer = Literal["ocsp", "crl"]
DEFAULT_LIMITS = Limits()
_KEY_NONE = KeyAnswer(state=KeyState.NONE)
_LISTED = 8  # names of certificates in one error message


class Holder:
    """What the client holds, as read: its certificate, what it sends besides, its key, and notes from reading."""

    __slots__ = ("key", "notes", "presented", "subject")

    def __init__(
        self, subject: Certificate | None, presented: tuple[Certificate, ...], key: KeyAnswer, notes: tuple[tuple[str, str], ...]
    ) -> None:
        self.subject = subject
        self.presented = presented
        self.key = key
        self.notes = notes


def read_holder(cert: Any, key: Any, presented: Any, password: Any, limits: Limits) -> Holder:
    """Read certificate, key and presented certificates; raises ``InputError`` where the line of the design is crossed."""
    if type(cert) is bytes and key is None and none_given(presented):
        loaded = load(cert, password=password, limits=limits)
        if len(loaded.certificates) == 1 and not loaded.keys:
            return Holder(Certificate(loaded.certificates[0]), (), KEY_NOT_TOLD, _notes(loaded))
    if cert is None:
        raise InputError(
            "no-certificate-told",
            found="None",
            expected="a certificate",
            where="cert",
            hint="pass chaincheck.NO_CERTIFICATE if the client has none",
        )
    extra, remarks = _read_presented(presented, password, limits)
    material = None if key is None or key is NO_KEY else load_key(key, password=password, limits=limits)
    if cert is NO_CERTIFICATE:
        return Holder(None, tuple(extra), _KEY_NONE if key is NO_KEY else _answer(material), remarks)
    loaded = load(cert, password=password, limits=limits)
    if key is None and loaded.keys:
        material = loaded.keys[0]
    certificates = [Certificate(encoded) for encoded in loaded.certificates]
    subject = choose_subject(certificates, _candidates(material, loaded), where="cert")
    if material is not None and key is None:  # several keys in a bundle: the one that fits the subject
        material = next((k for k in loaded.keys if k.spki is not None and matches(k.spki, subject)), material)
    rest = {c.sha256: c for c in (*certificates, *extra) if c != subject}
    answer = _KEY_NONE if key is NO_KEY else _answer(material)
    return Holder(subject, tuple(rest[i] for i in sorted(rest)), answer, _notes(loaded) + remarks)


def none_given(value: Any) -> bool:
    """Whether an argument of several things has none: None, or an empty list or tuple. Empty bytes are not none but damaged."""
    return value is None or (type(value) in (list, tuple) and len(value) == 0)


def _read_presented(presented: Any, password: Any, limits: Limits) -> tuple[list[Certificate], tuple[tuple[str, str], ...]]:
    if none_given(presented):
        return [], ()
    loaded = load(presented, password=password, limits=limits, where="presented")
    return [Certificate(encoded) for encoded in loaded.certificates], _notes(loaded)


def _candidates(material: KeyMaterial | None, loaded: Loaded) -> list[bytes]:
    keys = [material, *loaded.keys] if material is not None else list(loaded.keys)
    return [k.spki for k in keys if k.spki is not None]


def _answer(material: KeyMaterial | None) -> KeyAnswer:
    if material is None:
        return KEY_NOT_TOLD
    if not material.supported:
        return KeyAnswer(state=KeyState.UNSUPPORTED, spki=material.spki, problem=material.problem)
    if material.problem is not None or material.spki is None:
        return KeyAnswer(state=KeyState.UNUSABLE, spki=material.spki, problem=material.problem or "its public half cannot be had")
    return KeyAnswer(state=KeyState.PRESENT, spki=material.spki)


def _notes(loaded: Loaded) -> tuple[tuple[str, str], ...]:
    """What was damaged; how a text was encoded is no news to the reader of a diagnosis."""
    if not loaded.notes:
        return ()
    return tuple(
        (note.where, note.detail) for note in loaded.notes if note.code in (NoteCode.DAMAGED_MEMBER, NoteCode.CUT, NoteCode.TRAILING_DATA)
    )


def choose_subject(certificates: list[Certificate], keys: list[bytes], where: str) -> Certificate:
    """The one that matches the key, else the only end entity, else the first of a bundle in the order of TLS (RFC 5246 7.4.2)."""
    if len(certificates) == 1:
        return certificates[0]
    held = [c for c in certificates if any(matches(spki, c) for spki in keys)]
    if len(held) == 1:
        return held[0]
    among = held or certificates
    ends = [c for c in among if not c.is_ca]
    if len(ends) == 1:
        return ends[0]
    # Not one end entity by its own word (CAs, or no basicConstraints): whoever issued another one here is not it.
    issuers = {c.issuer.normalised for c in certificates if not c.is_self_issued}
    ends = [c for c in ends or among if c.subject.normalised not in issuers]
    if len(ends) == 1:
        return ends[0]
    first, second = certificates[0], certificates[1]
    if not ends and first in among and first.issuer.normalised == second.subject.normalised:
        return first
    named = ", ".join(f"{c.subject} (SHA-256 {c.fingerprint[:16]})" for c in sorted(ends or among, key=lambda c: c.sha256)[:_LISTED])
    raise InputError(
        "several-end-entities",
        found=f"{len(ends or among)} certificates that could be the client's: {named}",
        expected="one client certificate, with its chain or alone",
        where=where,
        hint="use chaincheck.scan for a collection, or give the key so that its certificate can be told",
    )


def read_moment(at: Any) -> tuple[int, bool]:
    """Seconds since 1970-01-01 UTC, rounded down (the whole last second of a certificate counts), and whether the caller chose it."""
    if at is None:
        return int(time()), False
    if not isinstance(at, datetime):
        raise InputError("moment", found=described(at), expected="a timezone-aware datetime, or None for now", where="at")
    try:
        offset = at.utcoffset()
    except Exception as error:  # the caller's time zone may raise anything
        found = f"a time zone that does not work ({type_name(error)})"
        raise InputError("moment", found=found, expected="a timezone-aware datetime, or None for now", where="at") from error
    if offset is None:
        raise InputError(
            "naive-datetime",
            found=f"{at.isoformat()} without a time zone",
            expected="a timezone-aware datetime",
            where="at",
            hint="write datetime(..., tzinfo=timezone.utc), or .astimezone() for this machine's local time",
        )
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86400 + since.seconds, True


def read_store(store: Any, limits: Limits) -> TrustStore | None:
    """None stays "not told"; a TrustStore is taken as it is; everything else is loaded and sorted."""
    return store if store is None or isinstance(store, TrustStore) else TrustStore.load(store, limits=limits)


def read_rules(rules: Any) -> Rules:
    """Only Rules: a name is for the command line."""
    if not isinstance(rules, Rules):
        raise InputError(
            "rules", found=described(rules), expected="chaincheck.IIS, RFC5280 or OPENSSL, or dataclasses.replace of one", where="rules"
        )
    return rules


def read_kind(value: Any, kind: type, where: str, expected: str) -> Any:
    """None, or an instance of ``kind``."""
    if value is not None and not isinstance(value, kind):
        raise InputError("argument-type", found=described(value), expected=expected, where=where)
    return value


_Word = TypeVar("_Word", bound=str)


def _one_of(words: tuple[_Word, ...], value: Any, code: str, where: str) -> _Word:
    """One of a few words, and no subclass of str that says it is one."""
    for word in words:
        if type(value) is str and value == word:
            return word
    *first, last = (f'"{word}"' for word in words)
    raise InputError(code, found=described(value), expected=f"{', '.join(first)} or {last}", where=where)


def read_prefer(prefer: Any) -> Prefer:
    """Which sources come first."""
    words: tuple[Prefer, ...] = get_args(Prefer)
    return _one_of(words, prefer, "argument-type", "prefer")


def read_fetch(fetch: Any) -> Fetch:
    """Where evidence may come from."""
    words: tuple[Fetch, ...] = get_args(Fetch)
    return _one_of(words, fetch, "fetch", "fetch")


def read_proxy(proxy: Any, http_client: Any) -> str | None:
    """The URL of a proxy; None for those of the environment."""
    if proxy is None:
        return None
    from chaincheck.fetch.proxy import OneProxy

    if http_client is not None:
        expected = "the client's own proxy, or no client"
        raise InputError("proxy", found="a proxy beside http_client", expected=expected, where="proxy")
    return OneProxy(proxy).url


def read_cache(cache: Any) -> Cache | None:
    """``DEFAULT``: this user's; None: no cache; a directory: the cache there; a ``Cache``: itself."""
    if cache is None:
        return None
    from os import PathLike

    from chaincheck.fetch.cache import Cache, default_cache
    from chaincheck.question import DEFAULT

    if cache is DEFAULT:
        return default_cache()
    if isinstance(cache, Cache):
        return cache
    if isinstance(cache, str | PathLike) and cache != "":
        try:
            return Cache(cache)
        except (TypeError, ValueError):  # a path of bytes, or whose __fspath__ gives none
            pass
    expected = "chaincheck.DEFAULT, None, a directory, or chaincheck.Cache(...)"
    raise InputError("cache", found=described(cache), expected=expected, where="cache")


class Evidence(NamedTuple):
    """CRLs or OCSP responses as DER, without duplicates, in the order of their SHA-256; (where, what) of each that could not be read."""

    der: tuple[bytes, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()

    def joined(self, other: Evidence) -> Evidence:
        """Both together, each thing once."""
        return Evidence(_in_order((*self.der, *other.der)), tuple(dict.fromkeys((*self.notes, *other.notes))))


def gather_evidence(source: Any, kind: Literal["crls", "ocsp-responses"], limits: Limits) -> Evidence:
    """Read CRLs or OCSP responses. An item that is none at all raises ``InputError``; a damaged part of a bundle is a note."""
    if none_given(source):
        return Evidence()
    where = kind.replace("-", "_")
    several = isinstance(source, list | tuple)
    found: list[bytes] = []
    notes: dict[tuple[str, str], None] = {}
    for index, part in enumerate(source if several else (source,)):
        loaded = load(part, limits=limits, where=f"{where}[{index}]" if several else where, expect=kind)
        found += loaded.crls if kind == "crls" else loaded.ocsp_responses
        if loaded.notes or loaded.certificates:
            from chaincheck.formats.damage import lost_evidence

            notes.update(dict.fromkeys(lost_evidence(loaded, "evidence")))
    return Evidence(_in_order(found), tuple(notes))


def _in_order(found: Collection[bytes]) -> tuple[bytes, ...]:
    if len(found) < 2:  # hashing a large CRL costs as much as verifying it
        return tuple(found)
    return tuple(sorted(set(found), key=lambda data: sha256(data).digest()))


def is_machine_store(store: Any) -> bool:
    """Whether the caller named this machine's own store."""
    return isinstance(store, str) and store == "system"  # as TrustStore.load reads it: Path("system") is a file of that name
