"""Labelled exports of a server's stores: what says by its name or content which store each certificate is from.

A folder with a folder or file for each store, registry text of ``SystemCertificates``, the output of ``certutil -store``, certificate trust
lists. http.sys sees the stores of the computer only: what is in a store of the user or of a service is kept apart (``TrustStore.others``).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chaincheck.entry import CLIENT_AUTH_ISSUERS, DISALLOWED, ELSEWHERE, INTERMEDIATES, ROOTS, Entry, merged
from chaincheck.errors import InputError
from chaincheck.formats import certutil_store, ctl, registry_text
from chaincheck.formats.limits import DEFAULT, Limits
from chaincheck.formats.registry import parse_blob
from chaincheck.formats.sst import MAGIC, elements
from chaincheck.formats.text import decode
from chaincheck.store import TrustStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chaincheck.formats.certutil_store import ListedCertificate
    from chaincheck.formats.ctl import TrustList
    from chaincheck.formats.damage import GivenAs
    from chaincheck.formats.registry_text import Key

_COMPARTMENTS: Final = {
    "root": ROOTS,
    "roots": ROOTS,
    "authroot": ROOTS,
    "trustedrootcertificationauthorities": ROOTS,
    "ca": INTERMEDIATES,
    "intermediate": INTERMEDIATES,
    "intermediates": INTERMEDIATES,
    "intermediatecertificationauthorities": INTERMEDIATES,
    "disallowed": DISALLOWED,
    "untrustedcertificates": DISALLOWED,
    "clientauthissuer": CLIENT_AUTH_ISSUERS,
    "clientauthenticationissuers": CLIENT_AUTH_ISSUERS,
}
_OTHERS: Final = {
    "trustedpeople": "TrustedPeople",
    "my": "MY",
    "personal": "MY",
    "ntauth": "NTAuth",
    "webhosting": "WebHosting",
    "trust": "Trust",
    "smartcardroot": "SmartCardRoot",
    "trustedpublisher": "TrustedPublisher",
    "userds": "UserDS",
}
_LOCATIONS: Final = {
    "localmachine": "LocalMachine",
    "machine": "LocalMachine",
    "computer": "LocalMachine",
    "currentuser": "CurrentUser",
    "user": "CurrentUser",
    "policy": "LocalMachine, group policy",
    "grouppolicy": "LocalMachine, group policy",
    "enterprise": "LocalMachine, enterprise",
}
MACHINE: Final = "LocalMachine"
# Property values that say how far a store trusts its member; see ``formats.system.PROPERTIES``.
_KEPT_PROPERTIES: Final = frozenset((9, 11, 83, 84, 102, 104, 105, 122, 126, 127))
_FROM_LISTS: Final = frozenset((9, 104))  # what a trust list says of a root holds for the root in the store


@dataclass(slots=True)
class _Gathered:
    """What was found, store by store: (location, name of the store) -> members; a store that was seen and is empty has none."""

    limits: Limits
    members: dict[tuple[str, str], list[tuple[bytes, tuple[tuple[int, bytes], ...]]]] = field(default_factory=dict)
    listed: dict[str, list[ListedCertificate]] = field(default_factory=dict)
    crls: dict[bytes, None] = field(default_factory=dict)
    crls_told: bool = False
    lists: dict[bytes, TrustList] = field(default_factory=dict)
    notes: list[tuple[str, str]] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)
    bytes_left: int = 0

    def seen(self, location: str, store: str) -> list[tuple[bytes, tuple[tuple[int, bytes], ...]]]:
        return self.members.setdefault((location, store), [])

    @property
    def anything(self) -> bool:
        return bool(self.members or self.listed or self.lists)


def load_labelled(source: Any, limits: Limits | None) -> TrustStore | None:
    """The store of a labelled export; None where the source is none, and is to be sorted by its certificates.

    Raises ``InputError`` where a path cannot be read.
    """
    bounds = limits if limits is not None else DEFAULT
    gathered = _Gathered(limits=bounds, bytes_left=bounds.max_bytes)
    if isinstance(source, bytes):
        _content(source, "store", gathered, None)
    elif isinstance(source, str) and ("\n" in source or "-----BEGIN" in source):
        if "-----BEGIN" not in source:
            _text(source, "store", gathered)
    elif bounds.allow_paths and (isinstance(source, os.PathLike) or (isinstance(source, str) and source.strip())):
        _path(source, gathered)
    return _store(gathered) if gathered.anything else None


# where it comes from


def _path(source: str | os.PathLike[str], gathered: _Gathered) -> None:
    try:
        path = Path(source)
        if path.is_dir():
            for file in _files(path, gathered.limits):
                _file(file, path, gathered)
        elif path.is_file() and 0 < path.stat().st_size <= gathered.limits.max_bytes and _may_be_labelled(path):
            _content(path.read_bytes(), str(path), gathered, None)
    except (OSError, ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        return  # formats.load says what is wrong with it


def _may_be_labelled(path: Path) -> bool:
    """Whether the content may say which store it is from: plain certificates do not, whatever else may. The whole file is not read."""
    with path.open("rb") as file:
        beginning = file.read(4096)
    certificates = beginning[:1] == b"\x30" and not ctl.is_ctl(beginning)
    return bool(beginning) and not certificates and not beginning.startswith(MAGIC) and b"-----BEGIN" not in beginning


def _files(folder: Path, limits: Limits) -> Iterator[Path]:
    found = 0
    for base, folders, names in os.walk(folder):
        folders.sort()
        if len(Path(base).relative_to(folder).parts) > limits.max_directory_depth + 2:  # stores/LocalMachine/Root/one.cer
            folders.clear()
            continue
        for file in sorted(names):
            found += 1
            if found > limits.max_files:
                return
            path = Path(base, file)
            if not file.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


def _file(file: Path, folder: Path, gathered: _Gathered) -> None:
    size = file.stat().st_size
    if size > gathered.bytes_left:
        gathered.notes.append((str(file), f"more than {gathered.limits.max_bytes:,} bytes together; it is not read"))
        return
    gathered.bytes_left -= size
    label = _label(file.relative_to(folder).parts)
    if file.suffix.lower() == ".empty":
        if label is not None:
            gathered.seen(*label)
        return
    if label is not None or _may_be_labelled(file):
        _content(file.read_bytes(), str(file), gathered, label)
    else:
        gathered.notes.append((str(file), "its name says of no store that it is from; it is not read"))


def _label(parts: tuple[str, ...]) -> tuple[str, str] | None:
    """Location and store that the names of a file and its folders say: "CurrentUser/Root/x.cer", "LocalMachine-CA.sst"."""
    location, store = None, None
    file = Path(parts[-1])
    for part in parts[:-1]:
        for word in _words(part):
            location = _LOCATIONS.get(word, location)
            store = word if word in _COMPARTMENTS or word in _OTHERS else store
    if store is None and (location is not None or file.suffix.lower() in _OF_A_STORE):  # "root.pem" alone is any root
        for word in _words(file.stem):
            location = _LOCATIONS.get(word, location)
            store = word if word in _COMPARTMENTS or word in _OTHERS else store
        if store is None and location is not None:
            store = file.stem if file.stem.lower() not in _LOCATIONS else None  # of a name of its own: LocalMachine/Customers.sst
    return None if store is None or file.suffix.lower() in _EXPORTS else (location or MACHINE, store)


_OF_A_STORE: Final = frozenset((".sst", ".p7b", ".empty"))
_EXPORTS: Final = frozenset((".reg", ".stl", ".xml", ".json"))  # they say themselves what they are about


def _words(part: str) -> list[str]:
    joined = re.sub(r"[^a-z0-9]", "", part.lower())
    return [joined] if joined in _COMPARTMENTS or joined in _OTHERS or joined in _LOCATIONS else re.split(r"[^a-z0-9]+", part.lower())


# what it is


def _content(data: bytes, where: str, gathered: _Gathered, label: tuple[str, str] | None) -> None:
    if ctl.is_ctl(data):
        _trust_list(data, where, gathered)
        return
    if label is not None:
        _members(data, where, gathered, label)
    elif data[:1] not in (b"\x30", b"\0") and b"-----BEGIN" not in data[:4096]:
        _text(decode(data)[0], where, gathered)


def _members(data: bytes, where: str, gathered: _Gathered, label: tuple[str, str]) -> None:
    """Certificates and CRLs of a store in any format. Text that is an export of another kind is read as that."""
    from chaincheck.formats.load import load

    members = gathered.seen(*label)
    if not data:
        return  # an empty file is how an empty store is exported
    try:
        loaded = load(data, limits=gathered.limits, where=where, expect="store")
    except InputError as error:
        text = decode(data)[0]
        if registry_text.looks_like(text) or certutil_store.looks_like(text):
            _text(text, where, gathered)
        else:
            (gathered.lost if _COMPARTMENTS.get(label[1].lower()) == DISALLOWED else gathered.notes).append((where, error.found))
        return
    with_properties = {entry.der: entry.properties for entry in loaded.entries}
    members += [(encoded, with_properties.get(encoded, ())) for encoded in loaded.certificates]
    gathered.crls.update(dict.fromkeys(loaded.crls))
    from chaincheck.formats.damage import lost_evidence

    given_as: GivenAs = "disallowed" if _COMPARTMENTS.get(label[1].lower()) == DISALLOWED else "store"
    gathered.notes += [(note.where, note.detail) for note in loaded.notes]
    gathered.lost += lost_evidence(loaded, given_as)


def _trust_list(data: bytes, where: str, gathered: _Gathered) -> None:
    try:
        found = ctl.parse(data, where)
    except InputError as error:
        gathered.lost.append((error.where, error.found))
        return
    if not found.algorithm_known:
        gathered.lost.append((where, f"it names certificates by an algorithm that is not known ({found.subject_algorithm})"))
        return
    gathered.lists[data] = found


def _text(text: str, where: str, gathered: _Gathered) -> None:
    if registry_text.looks_like(text):
        keys, notes = registry_text.parse(text, where)
        stores = [key for key in keys if _STORE_KEY.search(key.path)]
        for key in stores:
            _registry_key(key, where, gathered)
        if stores:
            gathered.notes += [(note.where, note.detail) for note in notes]
    elif certutil_store.looks_like(text):
        stores_listed, notes = certutil_store.parse(text, where, gathered.limits.max_certificates)
        for store in stores_listed:
            compartment = _COMPARTMENTS.get(re.sub(r"[^a-z0-9]", "", (store.name or "").lower()))
            if compartment is None and store.title is not None:
                compartment = _COMPARTMENTS.get(re.sub(r"[^a-z0-9]", "", store.title.lower()))
            if (store.name or "").lower() == "my":
                compartment = "MY"
            if compartment is not None:
                gathered.listed.setdefault(compartment, []).extend(store.certificates)
        gathered.notes += [(note.where, note.detail) for note in notes]


_STORE_KEY: Final = re.compile(r"\\(?:SystemCertificates|EnterpriseCertificates)\\([^\\]+)(?:\\([^\\]+))?(?:\\([^\\]+))?$", re.IGNORECASE)


def _registry_key(key: Key, where: str, gathered: _Gathered) -> None:
    """``...\\SystemCertificates\\<STORE>\\Certificates\\<thumbprint>``, its sister ``CRLs``, and the lists of the root program."""
    match = _STORE_KEY.search(key.path)
    assert match is not None  # noqa: S101 - the caller looked
    location, store = _location(key.path), match[1]
    if (match[2] or "").lower() == "autoupdate":
        for name in ("EncodedCtl", "DisallowedCertEncodedCtl"):
            encoded = key.value(name)
            if isinstance(encoded, bytes):
                _trust_list(encoded, f"{where}, {store}\\AutoUpdate\\{name}", gathered)
        return
    members = gathered.seen(location, store)
    if location.startswith(MACHINE):
        gathered.crls_told = True
    kind, thumbprint, blob = (match[2] or "").lower(), match[3], key.value("Blob")
    if thumbprint is None or not isinstance(blob, bytes):
        return
    place = f"{where}, {store}\\{match[2]}\\{thumbprint}"
    if kind == "certificates":
        disallowed = _COMPARTMENTS.get(store.lower()) == DISALLOWED
        _blob(blob, thumbprint, place, members, gathered, disallowed=disallowed, personal=store.lower() == "my")
    elif kind == "crls" and location.startswith(MACHINE):
        crls = elements(blob, 0, place, 1, ends=False).crls
        gathered.crls.update(dict.fromkeys(crls))
        if not crls:
            gathered.lost.append((place, "a damaged CRL"))


def _blob(blob: bytes, thumbprint: str, place: str, members: list[Any], gathered: _Gathered, *, disallowed: bool, personal: bool) -> None:
    try:
        found = parse_blob(blob, where=place)
    except InputError as error:
        (gathered.lost if disallowed else gathered.notes).append((error.where, error.found))
        return
    from chaincheck.x509.certificate import Certificate

    if Certificate(found.der).sha1 != thumbprint.lower():
        gathered.notes.append((place, "the certificate is not the one its key is named after"))
    kept = [(number, value) for number, value in found.properties if number in _KEPT_PROPERTIES]
    if personal:  # that there is a key provider is told, not which: it names the key
        kept += [(number, b"") for number, _ in found.properties if number in (KEY_PROVIDER, SHA1_HASH)]
    members.append((found.der, tuple(kept)))


KEY_PROVIDER: Final = 2
SHA1_HASH: Final = 3


def _location(path: str) -> str:
    folded = path.lower()
    if not folded.startswith("hkey_local_machine\\"):
        return "CurrentUser"
    if "\\cryptography\\services\\" in folded:
        return "Service " + path.lower().partition("\\cryptography\\services\\")[2].partition("\\")[0]
    if "\\policies\\" in folded:
        return "LocalMachine, group policy"
    return "LocalMachine, enterprise" if "\\enterprisecertificates\\" in folded else MACHINE


# the store


def _store(gathered: _Gathered) -> TrustStore:
    """The compartments of http.sys from the stores of the computer, everything else beside them."""
    store = TrustStore()
    compartments: dict[str, list[Entry]] = {}
    others: dict[str, list[Entry]] = {}
    for (location, label), members in sorted(gathered.members.items()):
        folded = re.sub(r"[^a-z0-9]", "", label.lower())
        compartment = _COMPARTMENTS.get(folded) if location.startswith(MACHINE) else None
        shown = f"{location}\\{_shown(label)}"
        if compartment is not None:
            entries = compartments.setdefault(compartment, [])
            entries += [Entry(encoded, compartment, location=shown, properties=properties) for encoded, properties in members]
        elif folded == "ntauth":
            others.setdefault("NTAuth", []).extend(Entry(encoded, ELSEWHERE, location="NTAuth") for encoded, _ in members)
        else:
            kept = others.setdefault(shown, [])
            kept += [Entry(encoded, ELSEWHERE, location=shown, properties=properties) for encoded, properties in members]
    for compartment, listed in gathered.listed.items():
        if compartment != "MY":
            compartments.setdefault(compartment, [])
        store.listed[compartment] = tuple({each.sha1: each for each in listed}.values())
    store.trust_lists = tuple(sorted(gathered.lists))
    for compartment, entries in compartments.items():
        setattr(store, compartment, tuple(merged(entries)))
    if gathered.lists and store.roots:
        store.roots = tuple(_with_list_properties(entry, gathered.lists.values()) for entry in store.roots)
    store.others = {shown: tuple(merged(entries)) for shown, entries in sorted(others.items())}
    store.crls = tuple(gathered.crls) if gathered.crls or gathered.crls_told else None
    store.notes = tuple(dict.fromkeys((*gathered.notes, *gathered.lost)))
    store.evidence_notes = tuple(dict.fromkeys(gathered.lost))
    return store


def _shown(label: str) -> str:
    """A store as CryptoAPI writes it."""
    folded = re.sub(r"[^a-z0-9]", "", label.lower())
    compartment = _COMPARTMENTS.get(folded)
    names = {ROOTS: "Root", INTERMEDIATES: "CA", DISALLOWED: "Disallowed", CLIENT_AUTH_ISSUERS: "ClientAuthIssuer"}
    if folded == "authroot":
        return "AuthRoot"
    return names[compartment] if compartment is not None else _OTHERS.get(folded, label)


def _with_list_properties(entry: Entry, lists: Iterable[TrustList]) -> Entry:
    """A root with what the list of the root program says of it: usages, and from when on it is distrusted."""
    certificate = entry.certificate
    if certificate is None:
        return entry
    found: set[tuple[int, bytes]] = set()
    for each in lists:
        subject = each.identifies(certificate)
        if subject is not None:
            found |= {(number, value) for number, value in subject.properties if number in _FROM_LISTS}
    if not found <= set(entry.properties):
        return Entry(entry.der, entry.compartment, location=entry.location, properties=tuple(sorted({*entry.properties, *found})))
    return entry
