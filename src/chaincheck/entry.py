"""One member of a store: a certificate in the compartment where the server keeps it, or a bare name and key."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

from chaincheck.errors import InputError
from chaincheck.formats.described import described
from chaincheck.x509.certificate import Certificate, slice_names
from chaincheck.x509.name import Name

ROOTS: Final = "roots"
INTERMEDIATES: Final = "intermediates"
DISALLOWED: Final = "disallowed"
CLIENT_AUTH_ISSUERS: Final = "client_auth_issuers"
COMPARTMENTS: Final = (ROOTS, INTERMEDIATES, DISALLOWED, CLIENT_AUTH_ISSUERS)
ELSEWHERE: Final = "elsewhere"
"""Not a compartment: the server has the certificate in a store from which http.sys takes no issuer; ``Entry.location`` names it."""


class Entry:
    """One member of a compartment: a certificate, or a bare name and key (RFC 5280 6.1.1 (d)).

    ``location`` is where the store keeps it ("LocalMachine\\Root", "CurrentUser\\CA"), ``properties`` the CryptoAPI property values by id.
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

    @property
    def place(self) -> str:
        """Where a path shows it: its compartment, or the store elsewhere."""
        return self.compartment if self.compartment != ELSEWHERE else self.location or ELSEWHERE

    def __repr__(self) -> str:
        return f"<Entry {str(self.subject)!r} in {self.place}>"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_entry, (self.der, self.compartment, self.name, self.spki, self.location, self.properties, self.sorted_here)


def _check_entry(encoded: Any, compartment: Any, name: Any, spki: Any, location: Any, properties: Any) -> None:
    if encoded is None:
        if not isinstance(name, Name) or not isinstance(spki, bytes):
            both = f"{described(name)} and {described(spki)}"
            raise InputError("argument-type", found=both, expected="a Name and the bytes of its key, or a certificate", where="Entry")
    elif not isinstance(encoded, bytes):
        raise InputError("argument-type", found=described(encoded), expected="the DER of a certificate as bytes, or None", where="Entry")
    if not isinstance(compartment, str) or compartment not in (*COMPARTMENTS, ELSEWHERE):
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


def merged(entries: list[Entry]) -> list[Entry]:
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


def moved(entry: Entry, compartment: str) -> Entry:
    return Entry(entry.der, compartment, name=entry.name, spki=entry.spki, location=entry.location, properties=entry.properties)
