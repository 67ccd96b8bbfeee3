"""What the *server* has: certificates and CRLs in compartments, each given or not told.

``None`` means "not told" everywhere: a compartment that is an empty tuple was looked at and is empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from chaincheck.entry import CLIENT_AUTH_ISSUERS, COMPARTMENTS, DISALLOWED, ELSEWHERE, INTERMEDIATES, ROOTS, Entry, merged, moved
from chaincheck.errors import InputError
from chaincheck.formats.described import described
from chaincheck.x509.certificate import Certificate
from chaincheck.x509.name import Name

__all__ = ["CLIENT_AUTH_ISSUERS", "COMPARTMENTS", "DISALLOWED", "ELSEWHERE", "INTERMEDIATES", "ROOTS", "Entry", "TrustStore"]

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chaincheck.formats.certutil_store import ListedCertificate
    from chaincheck.formats.damage import GivenAs
    from chaincheck.formats.limits import Limits
    from chaincheck.formats.loaded import Loaded


class TrustStore:
    """The server's stores. Immutable; ``identity`` is a hash of everything in it.

    Each compartment takes what ``chaincheck.diagnose`` takes as certificate (paths, bytes in any format, objects), an iterable of
    these, or ``Entry`` objects; None means that nothing is known of it. The placement is the caller's: a certificate given in
    ``roots`` is in the Trusted Root store, whatever it is. ``TrustStore.load`` sorts an unlabelled file instead.

    Raises ``InputError`` for what is not certificates (or CRLs) at all; a damaged member among good ones becomes a note. The same
    certificate given twice to one compartment is one entry with the properties of both.

    ``others``: further stores of the server by name ("CurrentUser\\Root", "LocalMachine\\WebHosting", "NTAuth"): what lies there is known,
    and trusted only where a server profile says so. ``listed``: certificates that are known only from a listing (``certutil -store``), by
    compartment: one that turns up elsewhere with the same SHA-1 counts as lying there. ``trust_lists``: certificate trust lists in DER.
    ``partly``: compartments of whose export a part could not be read.

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
        "listed",
        "name",
        "notes",
        "others",
        "partly",
        "roots",
        "trust_lists",
    )

    def __init__(
        self,
        roots: Any = None,
        intermediates: Any = None,
        disallowed: Any = None,
        client_auth_issuers: Any = None,
        crls: Any = None,
        *,
        others: Mapping[str, Any] | None = None,
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
        self.others = self._read_others(others, limits)
        self.listed: dict[str, tuple[ListedCertificate, ...]] = {}
        self.trust_lists: tuple[bytes, ...] = ()
        self.partly: tuple[str, ...] = ()
        if crls is not None:
            self._add_crls(self._read_crls(crls, limits))
        self.name = name or _name_of(roots) or "the given store"
        self._identity: str | None = None
        self._by_subject: dict[bytes, list[Entry]] | None = None
        self._by_normalised: dict[bytes, list[Entry]] | None = None

    @classmethod
    def load(cls, source: Any, *, name: str | None = None, password: Any = None, limits: Limits | None = None) -> TrustStore:
        """Read exports of a server's stores, or any file of certificates.

        Labelled exports fill the compartments they name: a folder with a folder or file for each store ("LocalMachine/Root.sst",
        "CurrentUser/CA", "Disallowed.p7b"; a file "NAME.empty" says that the store is empty), registry text (``.reg``, ``reg query``) of
        ``SystemCertificates``, the output of ``certutil -store``, certificate trust lists (``.stl``).

        Of an unlabelled source certificates that name themselves as issuer become roots, the others intermediates, CRLs are kept; a kind
        that does not occur stays "not told", and ``assumptions`` says that it was sorted here. ``"system"`` reads this machine's own store
        (LocalMachine on Windows). A TrustStore is returned as it is.
        """
        if isinstance(source, TrustStore):
            return source
        if isinstance(source, str) and source == "system":
            return cls.system(limits=limits)
        if name is not None and type(name) is not str:
            raise InputError("argument-type", found=described(name), expected="a str or None", where="name")
        if type(source) is not bytes or source[:1] != b"\x30":
            from chaincheck.store_exports import load_labelled

            labelled = load_labelled(source, limits)
            if labelled is not None:
                labelled.name = name or _name_of(source) or labelled.name
                return labelled
        from chaincheck.formats.load import load

        loaded = load(source, password=password, limits=limits, where="store", expect="store")
        store = cls(name=name or _name_of(source))
        entries = [Entry(e.der, ROOTS, properties=e.properties, sorted_here=True) for e in loaded.entries]
        covered = {e.der for e in entries}
        entries += [Entry(encoded, ROOTS, sorted_here=True) for encoded in loaded.certificates if encoded not in covered]
        entries = merged(entries)
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
                found: Iterable[Entry] = (part if part.compartment == compartment else moved(part, compartment),)
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
        return tuple(merged(entries))

    def _read_others(self, others: Any, limits: Limits | None) -> dict[str, tuple[Entry, ...]]:
        if others is None:
            return {}
        if not isinstance(others, Mapping) or not all(isinstance(name, str) and name for name in others):
            expected = 'a mapping from names of stores ("CurrentUser\\\\Root") to certificates'
            raise InputError("argument-type", found=described(others), expected=expected, where="others")
        found: dict[str, tuple[Entry, ...]] = {}
        for name in sorted(others):
            entries = self._read(others[name], ELSEWHERE, limits) or ()
            found[name] = tuple(Entry(e.der, ELSEWHERE, location=name, properties=e.properties) for e in entries if e.der is not None)
        return found

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
        """All certificates and bare anchors, compartment by compartment, then those of other stores."""
        for compartment in COMPARTMENTS:
            yield from getattr(self, compartment) or ()
        for name in self.others:
            yield from self.others[name]

    def told(self, compartment: str) -> bool:
        """Whether anything is known of that compartment."""
        return getattr(self, compartment) is not None

    def whole(self, compartment: str) -> bool:
        """Whether every certificate in it is at hand: it was told, all was read, and nothing is known from a listing alone."""
        return self.told(compartment) and compartment not in self.partly and not self.only_listed(compartment)

    def only_listed(self, compartment: str) -> tuple[ListedCertificate, ...]:
        """What a listing names there and no certificate at hand is."""
        listed = self.listed.get(compartment, ())
        if not listed:
            return ()
        held = {entry.certificate.sha1 for entry in getattr(self, compartment) or () if entry.certificate is not None}
        return tuple(each for each in listed if each.sha1 not in held)

    def resolved(self, certificates: Iterable[Certificate]) -> TrustStore:
        """This store with those of the certificates that its listings name, where they are named."""
        found = {certificate.sha1: certificate for certificate in certificates}
        found |= {entry.certificate.sha1: entry.certificate for entry in self.entries() if entry.certificate is not None}
        store: TrustStore = _rebuild_store(*(getattr(self, field) for field in _KEPT))
        for compartment in set(self.listed) & set(COMPARTMENTS):
            more = tuple(Entry(found[each.sha1].der, compartment) for each in self.only_listed(compartment) if each.sha1 in found)
            if more:
                setattr(store, compartment, (*(getattr(self, compartment) or ()), *more))
        if self.trust_lists and self.listed.get(ROOTS) and store.roots:
            from chaincheck.store_exports import with_list_properties

            store.roots = with_list_properties(store.roots, self.trust_lists)
        return store

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
            for name in sorted(self.others):
                digest.update(f"{name}: {len(self.others[name])}\n".encode())
                for identity in sorted(entry.identity for entry in self.others[name]):
                    digest.update(identity)
            for compartment in sorted(self.listed):
                digest.update(f"{compartment} listed: {sorted(each.sha1 for each in self.listed[compartment])}\n".encode())
            for encoded in sorted(sha256(each).digest() for each in self.trust_lists):
                digest.update(encoded)
            digest.update(f"partly read: {self.partly}\n".encode() if self.partly else b"")
            self._identity = digest.hexdigest()
        return self._identity

    def __repr__(self) -> str:
        counts = ", ".join(f"{c}={len(getattr(self, c)) if self.told(c) else 'not told'}" for c in (*COMPARTMENTS, "crls"))
        counts += "".join(f", {name}={len(entries)}" for name, entries in self.others.items())
        return f"<TrustStore {self.name!r}: {counts}>"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_store, tuple(getattr(self, f) for f in _KEPT)


_KEPT = (
    *("roots", "intermediates", "disallowed", "client_auth_issuers", "crls", "name", "assumptions", "notes", "evidence_notes"),
    *("others", "listed", "trust_lists", "partly"),
)


def _rebuild_store(*values: Any) -> TrustStore:
    store = TrustStore()
    for field, value in zip(_KEPT, values, strict=True):
        setattr(store, field, value)
    return store


def _check_limits(limits: Any) -> None:
    if limits is not None:
        from chaincheck.formats.limits import Limits

        if not isinstance(limits, Limits):
            raise InputError("argument-type", found=described(limits), expected="chaincheck.Limits(...) or None", where="limits")


def _is_plain_iterable(source: Any) -> bool:
    return isinstance(source, (list, tuple, set, frozenset, Iterator))


def _name_of(source: Any) -> str | None:
    """The file name, where the source is a path; content has no name."""
    import os
    from pathlib import PurePath

    if isinstance(source, os.PathLike) or (isinstance(source, str) and "\n" not in source and "-----BEGIN" not in source):
        return PurePath(source).name or None
    return None
