"""What the *server* has: certificates and CRLs in compartments, each given or not told.

``None`` means "not told" everywhere: a compartment that is an empty tuple was looked at and is empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from chaincheck.errors import InputError
from chaincheck.formats.described import described
from chaincheck.x509.certificate import Certificate, slice_names
from chaincheck.x509.name import Name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chaincheck.formats.damage import GivenAs
    from chaincheck.formats.limits import Limits
    from chaincheck.formats.loaded import Loaded

ROOTS: Final = "roots"
INTERMEDIATES: Final = "intermediates"
DISALLOWED: Final = "disallowed"
CLIENT_AUTH_ISSUERS: Final = "client_auth_issuers"
COMPARTMENTS: Final = (ROOTS, INTERMEDIATES, DISALLOWED, CLIENT_AUTH_ISSUERS)


class Entry:
    """One member of a compartment: a certificate, or a bare name and key (RFC 5280 6.1.1 (d)).

    ``location`` is where the store keeps it (LocalMachine, CurrentUser, a file), ``properties`` the CryptoAPI property values by id.
    ``sorted_here``: the compartment was chosen by chaincheck from an unlabelled file, not by the caller.

    Raises ``InputError`` for values of the wrong type, for a compartment that does not exist, and where neither a certificate nor a name
    with its key is given.
    """

    __slots__ = ("_certificate", "_names", "compartment", "der", "location", "name", "properties", "sorted_here", "spki")

    def __init__(
        self,
        encoded: bytes | None,
        compartment: str,
        *,
        name: Name | None = None,
        spki: bytes | None = None,
        location: str | None = None,
        properties: tuple[tuple[int, bytes], ...] = (),
        sorted_here: bool = False,
    ) -> None:
        # nearly every one: a certificate and nothing else
        if (
            type(encoded) is not bytes
            or type(compartment) is not str
            or compartment not in COMPARTMENTS
            or name is not None
            or spki is not None
            or location is not None
            or type(properties) is not tuple
            or properties
        ):
            _check_entry(encoded, compartment, name, spki, location, properties)
        self.der = encoded
        self.compartment = compartment
        self.name = name
        self.spki = spki
        self.location = location
        self.properties = properties
        self.sorted_here = sorted_here
        self._certificate: Certificate | None = None
        self._names: tuple[bytes, bytes] | None = None

    @property
    def certificate(self) -> Certificate | None:
        """The certificate, sliced when first asked for; None for a bare name and key."""
        if self._certificate is None and self.der is not None:
            self._certificate = Certificate(self.der)
        return self._certificate

    @property
    def names(self) -> tuple[bytes, bytes]:
        """The DER of issuer and subject."""
        if self._names is None:
            if self.der is None:
                encoded = self.name.der if self.name else b""
                self._names = encoded, encoded
            else:
                self._names = slice_names(self.der) or (b"", b"")
        return self._names

    @property
    def subject(self) -> Name:
        """Whom the entry names."""
        certificate = self.certificate
        return certificate.subject if certificate is not None else self.name or Name(b"")

    @property
    def key_spki(self) -> bytes:
        """The SubjectPublicKeyInfo of the entry."""
        certificate = self.certificate
        return certificate.spki if certificate is not None else self.spki or b""

    @property
    def identity(self) -> bytes:
        """SHA-256 of the content."""
        if self.der is not None:
            return self.certificate.sha256 if self._certificate is not None and self.certificate else sha256(self.der).digest()
        return sha256(b"bare anchor" + (self.name.der if self.name else b"") + (self.spki or b"")).digest()

    def __repr__(self) -> str:
        return f"<Entry {str(self.subject)!r} in {self.compartment}>"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_entry, (self.der, self.compartment, self.name, self.spki, self.location, self.properties, self.sorted_here)


def _check_entry(encoded: Any, compartment: Any, name: Any, spki: Any, location: Any, properties: Any) -> None:
    if encoded is None:
        if not isinstance(name, Name) or not isinstance(spki, bytes):
            both = f"{described(name)} and {described(spki)}"
            raise InputError("argument-type", found=both, expected="a Name and the bytes of its key, or a certificate", where="Entry")
    elif not isinstance(encoded, bytes):
        raise InputError("argument-type", found=described(encoded), expected="the DER of a certificate as bytes, or None", where="Entry")
    if not isinstance(compartment, str) or compartment not in COMPARTMENTS:
        expected = ", ".join(COMPARTMENTS[:-1]) + f" or {COMPARTMENTS[-1]}"
        raise InputError("argument-type", found=described(compartment), expected=expected, where="Entry(compartment=...)")
    if location is not None and not isinstance(location, str):
        raise InputError("argument-type", found=described(location), expected="a str or None", where="Entry(location=...)")
    if not isinstance(properties, tuple) or not all(
        isinstance(each, tuple) and len(each) == 2 and isinstance(each[0], int) and isinstance(each[1], bytes) for each in properties
    ):
        expected = "a tuple of pairs of a property id and its value as bytes"
        raise InputError("argument-type", found=described(properties), expected=expected, where="Entry(properties=...)")


def _rebuild_entry(*values: Any) -> Entry:
    encoded, compartment, name, spki, location, properties, sorted_here = values
    return Entry(encoded, compartment, name=name, spki=spki, location=location, properties=properties, sorted_here=sorted_here)


class TrustStore:
    """The server's stores. Immutable; ``identity`` is a hash of everything in it.

    Each compartment takes what ``chaincheck.diagnose`` takes as certificate (paths, bytes in any format, objects), an iterable of
    these, or ``Entry`` objects; None means that nothing is known of it. The placement is the caller's: a certificate given in
    ``roots`` is in the Trusted Root store, whatever it is. ``TrustStore.load`` sorts an unlabelled file instead.

    Raises ``InputError`` for what is not certificates (or CRLs) at all; a damaged member among good ones becomes a note. The same
    certificate given twice to one compartment is one entry with the properties of both.

    ``evidence_notes`` are those of ``notes`` that concern what may speak against a certificate (a CRL, a member of ``disallowed``): what
    was not read there keeps every answer from being ACCEPTED.
    """

    __slots__ = (
        "_by_normalised",
        "_by_subject",
        "_identity",
        "assumptions",
        "client_auth_issuers",
        "crls",
        "disallowed",
        "evidence_notes",
        "intermediates",
        "name",
        "notes",
        "roots",
    )

    def __init__(
        self,
        roots: Any = None,
        intermediates: Any = None,
        disallowed: Any = None,
        client_auth_issuers: Any = None,
        crls: Any = None,
        *,
        name: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        if name is not None and type(name) is not str:
            raise InputError("argument-type", found=described(name), expected="a str or None", where="TrustStore(name=...)")
        self.notes: tuple[tuple[str, str], ...] = ()
        self.evidence_notes: tuple[tuple[str, str], ...] = ()
        self.assumptions: tuple[str, ...] = ()
        _check_limits(limits)
        self.crls: tuple[bytes, ...] | None = None
        self.roots = self._read(roots, ROOTS, limits)
        self.intermediates = self._read(intermediates, INTERMEDIATES, limits)
        self.disallowed = self._read(disallowed, DISALLOWED, limits)
        self.client_auth_issuers = self._read(client_auth_issuers, CLIENT_AUTH_ISSUERS, limits)
        if crls is not None:
            self._add_crls(self._read_crls(crls, limits))
        self.name = name or _name_of(roots) or "the given store"
        self._identity: str | None = None
        self._by_subject: dict[bytes, list[Entry]] | None = None
        self._by_normalised: dict[bytes, list[Entry]] | None = None

    @classmethod
    def load(cls, source: Any, *, name: str | None = None, password: Any = None, limits: Limits | None = None) -> TrustStore:
        """Read an unlabelled source: certificates that name themselves as issuer become roots, the others intermediates, CRLs are kept.

        A kind that does not occur stays "not told". ``assumptions`` says that the file was sorted here. ``"system"`` reads this
        machine's own store (LocalMachine on Windows). A TrustStore is returned as it is.
        """
        if isinstance(source, TrustStore):
            return source
        if isinstance(source, str) and source == "system":
            return cls.system(limits=limits)
        from chaincheck.formats.load import load

        loaded = load(source, password=password, limits=limits, where="store", expect="store")
        if name is not None and type(name) is not str:
            raise InputError("argument-type", found=described(name), expected="a str or None", where="name")
        store = cls(name=name or _name_of(source))
        entries = [Entry(e.der, ROOTS, properties=e.properties, sorted_here=True) for e in loaded.entries]
        covered = {e.der for e in entries}
        entries += [Entry(encoded, ROOTS, sorted_here=True) for encoded in loaded.certificates if encoded not in covered]
        entries = _merged(entries)
        for entry in entries:
            issuer, subject = entry.names
            if issuer != subject:
                entry.compartment = INTERMEDIATES
        store.roots = tuple(e for e in entries if e.compartment == ROOTS) or None
        store.intermediates = tuple(e for e in entries if e.compartment == INTERMEDIATES) or None
        store.crls = loaded.crls or None
        store._add_notes(loaded, "store")
        store.assumptions = ("store-sorted",)
        return store

    @classmethod
    def system(cls, *, limits: Limits | None = None) -> TrustStore:
        """This machine's store: LocalMachine on Windows, elsewhere the system's bundle (``SSL_CERT_FILE``, ``SSL_CERT_DIR`` honoured)."""
        from chaincheck.formats.system import read_system

        found = read_system(limits)
        store = cls(name=found.name)
        for compartment in COMPARTMENTS:
            members = found.compartments.get(compartment)
            if members is not None:
                setattr(store, compartment, tuple(Entry(m.der, compartment, location=m.location, properties=m.properties) for m in members))
        store.crls = found.crls
        store.notes = found.notes
        store.evidence_notes = found.evidence_notes
        store.assumptions = ("store-is-this-machine",)
        return store

    def _read(self, source: Any, compartment: str, limits: Limits | None) -> tuple[Entry, ...] | None:
        if source is None:
            return None
        from chaincheck.formats.load import load

        parts = [source] if isinstance(source, bytes | bytearray | memoryview | str) or not _is_plain_iterable(source) else list(source)
        entries: list[Entry] = []
        for index, part in enumerate(parts):
            if isinstance(part, Entry):
                found: Iterable[Entry] = (part if part.compartment == compartment else _moved(part, compartment),)
            elif isinstance(part, Certificate):
                found = (Entry(part.der, compartment),)
            else:
                where = f"{compartment}[{index}]" if len(parts) > 1 else compartment
                loaded = load(part, limits=limits, where=where, expect="store")
                self._add_notes(loaded, "disallowed" if compartment == DISALLOWED else "store")
                if loaded.crls:
                    self._take_crls(loaded.crls, where, alone=not loaded.certificates)
                covered = {e.der for e in loaded.entries}
                found = [Entry(e.der, compartment, properties=e.properties) for e in loaded.entries]
                found += [Entry(encoded, compartment) for encoded in loaded.certificates if encoded not in covered]
            entries += found
        return tuple(_merged(entries))

    def _add_notes(self, loaded: Loaded, given_as: GivenAs) -> None:
        if loaded.notes or loaded.crls:
            from chaincheck.formats.damage import lost_evidence

            lost = lost_evidence(loaded, given_as)
            self.evidence_notes += lost
            self.notes += tuple(dict.fromkeys((*((n.where, n.detail) for n in loaded.notes), *lost)))

    def _take_crls(self, crls: tuple[bytes, ...], where: str, *, alone: bool) -> None:
        """CRLs among the certificates of a compartment, as Windows keeps them; alone they are not what a compartment is made of."""
        if alone:
            raise InputError(
                "crl-as-certificates",
                found="CRLs and no certificate",
                expected="certificates of the server's store",
                where=where,
                hint="pass CRLs as TrustStore(crls=...)",
            )
        self._add_crls(crls)

    def _add_crls(self, crls: tuple[bytes, ...]) -> None:
        self.crls = tuple(dict.fromkeys((*(self.crls or ()), *crls)))

    def _read_crls(self, source: Any, limits: Limits | None) -> tuple[bytes, ...]:
        """Each item of a list by itself: one that is no CRL at all is an error, a damaged part of a bundle is a note."""
        from chaincheck.formats.damage import lost_evidence
        from chaincheck.formats.load import load

        several = isinstance(source, list | tuple)
        found: list[bytes] = []
        for index, part in enumerate(source if several else (source,)):
            loaded = load(part, limits=limits, where=f"crls[{index}]" if several else "crls", expect="crls")
            found += loaded.crls
            lost = lost_evidence(loaded, "evidence")
            self.evidence_notes += lost
            self.notes += lost
        return tuple(found)

    def entries(self) -> Iterator[Entry]:
        """All certificates and bare anchors, compartment by compartment."""
        for compartment in COMPARTMENTS:
            yield from getattr(self, compartment) or ()

    def told(self, compartment: str) -> bool:
        """Whether anything is known of that compartment."""
        return getattr(self, compartment) is not None

    def named(self, subject: Name, *, normalised: bool) -> list[Entry]:
        """The entries with that subject: byte for byte, or by RFC 5280 section 7.1."""
        if normalised:
            if self._by_normalised is None:
                index: dict[bytes, list[Entry]] = {}
                for entry in self.entries():
                    index.setdefault(Name(entry.names[1]).normalised, []).append(entry)
                self._by_normalised = index
            return self._by_normalised.get(subject.normalised, [])
        if self._by_subject is None:
            exact: dict[bytes, list[Entry]] = {}
            for entry in self.entries():
                exact.setdefault(entry.names[1], []).append(entry)
            self._by_subject = exact
        return self._by_subject.get(subject.der, [])

    @property
    def identity(self) -> str:
        """SHA-256 over the content of all compartments, whatever its order; lower-case hex."""
        if self._identity is None:
            digest = sha256()
            for compartment in COMPARTMENTS:
                members = getattr(self, compartment)
                digest.update(f"{compartment}:{'not told' if members is None else len(members)}\n".encode())
                for identity in sorted(entry.identity for entry in members or ()):
                    digest.update(identity)
            digest.update(f"crls:{'not told' if self.crls is None else len(self.crls)}\n".encode())
            for crl in sorted(sha256(c).digest() for c in self.crls or ()):
                digest.update(crl)
            self._identity = digest.hexdigest()
        return self._identity

    def __repr__(self) -> str:
        counts = ", ".join(f"{c}={len(getattr(self, c)) if self.told(c) else 'not told'}" for c in (*COMPARTMENTS, "crls"))
        return f"<TrustStore {self.name!r}: {counts}>"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_store, tuple(getattr(self, f) for f in _KEPT)


_KEPT = ("roots", "intermediates", "disallowed", "client_auth_issuers", "crls", "name", "assumptions", "notes", "evidence_notes")


def _rebuild_store(*values: Any) -> TrustStore:
    store = TrustStore()
    for field, value in zip(_KEPT, values, strict=True):
        setattr(store, field, value)
    return store


def _merged(entries: list[Entry]) -> list[Entry]:
    """Each certificate once, where it came first, with the properties and places of all its copies, whatever their order."""
    copies: dict[bytes, list[Entry]] = {}
    for entry in entries:
        copies.setdefault(entry.der or entry.identity, []).append(entry)
    if len(copies) == len(entries):
        return entries
    return [same[0] if len(same) == 1 else _union(same) for same in copies.values()]


def _union(same: list[Entry]) -> Entry:
    first = same[0]
    places = sorted({entry.location for entry in same if entry.location is not None})
    return Entry(
        first.der,
        first.compartment,
        name=first.name,
        spki=first.spki,
        location=", ".join(places) or None,
        properties=tuple(sorted({each for entry in same for each in entry.properties})),
        sorted_here=all(entry.sorted_here for entry in same),
    )


def _check_limits(limits: Any) -> None:
    if limits is not None:
        from chaincheck.formats.limits import Limits

        if not isinstance(limits, Limits):
            raise InputError("argument-type", found=described(limits), expected="chaincheck.Limits(...) or None", where="limits")


def _moved(entry: Entry, compartment: str) -> Entry:
    return Entry(entry.der, compartment, name=entry.name, spki=entry.spki, location=entry.location, properties=entry.properties)


def _is_plain_iterable(source: Any) -> bool:
    return isinstance(source, (list, tuple, set, frozenset, Iterator))


def _name_of(source: Any) -> str | None:
    """The file name, where the source is a path; content has no name."""
    import os
    from pathlib import PurePath

    if isinstance(source, os.PathLike) or (isinstance(source, str) and "\n" not in source and "-----BEGIN" not in source):
        return PurePath(source).name or None
    return None
