"""Labelled exports of a server's stores: what says by its name or content which store each certificate is from.

A folder with a folder or file for each store, registry text of ``SystemCertificates``, the output of ``certutil -store``, certificate trust
lists. http.sys sees the stores of the computer only: what is in a store of the user or of a service is kept apart (``TrustStore.others``).
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chaincheck.entry import CLIENT_AUTH_ISSUERS, DISALLOWED, ELSEWHERE, INTERMEDIATES, ROOTS, Entry, merged
from chaincheck.errors import InputError
from chaincheck.formats import certutil_store, ctl, registry_text
from chaincheck.formats.limits import DEFAULT, Limits
from chaincheck.formats.registry import parse_blob
from chaincheck.formats.sst import CTL, MAGIC, elements
from chaincheck.formats.text import decode
from chaincheck.store import TrustStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chaincheck.formats.certutil_store import ListedCertificate, ListedStore
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
    "hklm": "LocalMachine",
    "lm": "LocalMachine",
    "hkcu": "CurrentUser",
    "cu": "CurrentUser",
    "hku": "CurrentUser",
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
    bases: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)  # where in the folder each store lies
    partly: set[str] = field(default_factory=set)  # compartments of which a part was not read

    def seen(self, location: str, store: str) -> list[tuple[bytes, tuple[tuple[int, bytes], ...]]]:
        return self.members.setdefault((location, store), [])

    def unread(self, label: tuple[str, str] | None, where: str, found: str) -> None:
        """What may be a member of the Untrusted Certificates store keeps every answer from being ACCEPTED."""
        (self.lost if label is None or _distrusts(label[1]) else self.notes).append((where, found))
        if label is not None and label[0].startswith(MACHINE) and (compartment := _COMPARTMENTS.get(_folded(label[1]))):
            self.partly.add(compartment)

    @property
    def anything(self) -> bool:
        return bool(self.members or self.listed or self.lists or self.partly)


def _folded(store: str) -> str:
    return re.sub(r"[^a-z0-9]", "", store.lower())


def _distrusts(store: str) -> bool:
    return _COMPARTMENTS.get(_folded(store)) == DISALLOWED


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
            _text(source, "store", gathered, None)
    elif bounds.allow_paths and (isinstance(source, os.PathLike) or (isinstance(source, str) and source.strip())):
        _path(source, gathered)
    return _store(gathered) if gathered.anything else None


# where it comes from


def _path(source: str | os.PathLike[str], gathered: _Gathered) -> None:
    try:
        path = Path(source)
        if path.is_dir():
            if (path / "case.toml").is_file():
                hint = "chaincheck.replay, or chaincheck replay, answers it again; the store of its question is inside"
                expected = "an export of a server's stores"
                raise InputError("case-as-store", found="a saved case (case.toml)", expected=expected, where=str(path), hint=hint)
            for file in _files(path, gathered):
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


def _files(folder: Path, gathered: _Gathered) -> Iterator[Path]:
    """The files of the folder in order; what is passed over is noted."""
    found, limits = 0, gathered.limits
    for base, folders, names in os.walk(folder):
        folders.sort()
        inside = Path(base).relative_to(folder).parts
        if len(inside) > limits.max_directory_depth + 2:  # stores/LocalMachine/Root/one.cer
            gathered.unread(_label((*inside, "x.cer")), base, "too deep below the folder; it is not read")
            folders.clear()
            continue
        for file in sorted(names):
            path = Path(base, file)
            if file.startswith("."):
                continue
            found += 1
            if found > limits.max_files:
                gathered.unread(None, str(folder), f"more than {limits.max_files:,} files; the others are not read")
                return
            if path.is_symlink():
                gathered.unread(_label((*inside, file)), str(path), "a link; it is not followed")
            elif path.is_file():
                yield path


def _file(file: Path, folder: Path, gathered: _Gathered) -> None:
    parts = file.relative_to(folder).parts
    label = _label(parts)
    if label is not None:
        _of_one_server(label, parts, file, gathered)
    size = file.stat().st_size
    if size > gathered.bytes_left:
        gathered.unread(label, str(file), f"more than {gathered.limits.max_bytes:,} bytes together; it is not read")
        return
    gathered.bytes_left -= size
    if file.suffix.lower() == ".empty":
        if label is not None:
            gathered.seen(*label)
        return
    if label is None and not _may_be_labelled(file):
        read, found = False, "its name says of no store that it is from; it is not read"
    else:
        read, found = _content(file.read_bytes(), str(file), gathered, label), "it is no export that is known; it is not read"
    if not read and "disallowed" in file.name.lower():
        gathered.lost.append((str(file), found))
    elif not read and label is None and file.suffix.lower() in _CERTIFICATES:
        gathered.notes.append((str(file), found))


def _of_one_server(label: tuple[str, str], parts: tuple[str, ...], file: Path, gathered: _Gathered) -> None:
    """The same store in two places of one folder is that of two servers, or of two moments: together they are nobody's."""
    named = (
        place
        for place in range(1, len(parts))
        if _label((*parts[:place], "x.cer")) or any(w in _LOCATIONS for w in _words(parts[place - 1]))
    )
    base = parts[: next(named, len(parts)) - 1]
    known = gathered.bases.setdefault(label, base)
    if known != base:
        found = f"the store {label[0]}\\{label[1]} twice: in {'/'.join(known) or '.'} and in {'/'.join(base) or '.'}"
        hint = "give the folder of one server, collected once"
        raise InputError("two-collections", found=found, expected="the stores of one server", where=str(file), hint=hint)


def _label(parts: tuple[str, ...]) -> tuple[str, str] | None:
    """Location and store that the names of a file and its folders say: "CurrentUser/Root/x.cer", "LocalMachine-CA.sst"."""
    location, store = None, None
    file = Path(parts[-1])
    for part in parts[:-1]:
        for word in _words(part):
            location = _LOCATIONS.get(word, location)
            store = word if word in _COMPARTMENTS or word in _OTHERS else store
    if store is None:
        for word in _words(file.stem):
            location = _LOCATIONS.get(word, location)
    if store is None and (location is not None or file.suffix.lower() in _OF_A_STORE):  # "root.pem" alone is any root
        for word in _words(file.stem):
            store = word if word in _COMPARTMENTS or word in _OTHERS else store
        if store is None and location is not None:
            store = file.stem if file.stem.lower() not in _LOCATIONS else None  # of a name of its own: LocalMachine/Customers.sst
    return None if store is None or file.suffix.lower() in _EXPORTS else (location or MACHINE, store)


_CERTIFICATES: Final = frozenset((".cer", ".crt", ".der", ".pem", ".p7b", ".p7c", ".sst", ".stl", ".crl"))
_OF_A_STORE: Final = frozenset((".sst", ".p7b", ".empty"))
_EXPORTS: Final = frozenset((".reg", ".stl", ".xml", ".json"))  # they say themselves what they are about


def _words(part: str) -> list[str]:
    joined = re.sub(r"[^a-z0-9]", "", part.lower())
    return [joined] if joined in _COMPARTMENTS or joined in _OTHERS or joined in _LOCATIONS else re.split(r"[^a-z0-9]+", part.lower())


# what it is


def _content(data: bytes, where: str, gathered: _Gathered, label: tuple[str, str] | None) -> bool:
    """Whether it is something that is known, be it damaged."""
    if ctl.is_ctl(data):
        _trust_list(data, where, gathered)
        return True
    if label is not None:
        _members(data, where, gathered, label)
        return True
    if data[:1] != b"\x30" and not data.startswith(MAGIC) and b"-----BEGIN" not in data[:4096]:
        return _text(decode(data)[0], where, gathered, None)
    return False


def _members(data: bytes, where: str, gathered: _Gathered, label: tuple[str, str]) -> None:
    """Certificates and CRLs of a store in any format. Text that is an export of another kind is read as that."""
    from chaincheck.formats.load import load

    if not data:
        gathered.seen(*label)  # an empty file is how an empty store is exported
        return
    try:
        loaded = load(data, limits=gathered.limits, where=where, expect="store")
    except InputError as error:
        text = decode(data)[0]
        if registry_text.looks_like(text) or certutil_store.looks_like(text):
            _text(text, where, gathered, label)
        else:
            gathered.unread(label, where, error.found)
        return
    members = gathered.seen(*label)
    with_properties = {entry.der: entry.properties for entry in loaded.entries}
    members += [(encoded, with_properties.get(encoded, ())) for encoded in loaded.certificates]
    gathered.crls.update(dict.fromkeys(loaded.crls))
    from chaincheck.formats.damage import lost_evidence

    given_as: GivenAs = "disallowed" if _COMPARTMENTS.get(label[1].lower()) == DISALLOWED else "store"
    gathered.notes += [(note.where, note.detail) for note in loaded.notes]
    gathered.lost += lost_evidence(loaded, given_as)
    if given_as == "disallowed" and data.startswith(MAGIC) and struct.pack("<II", CTL, 1) in data:
        _lists_in(data, len(MAGIC), where, gathered)


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


def _text(text: str, where: str, gathered: _Gathered, label: tuple[str, str] | None) -> bool:
    """``label``: what the names of the file and its folders say; a listing itself does not say whose the store is."""
    if registry_text.looks_like(text):
        keys, notes = registry_text.parse(text, where)
        stores = [key for key in keys if _STORE_KEY.search(key.path)]
        for key in stores:
            _registry_key(key, where, gathered)
        if stores:
            gathered.notes += [(note.where, note.detail) for note in notes]
        return bool(stores)
    if certutil_store.looks_like(text):
        stores_listed, notes = certutil_store.parse(text, where, gathered.limits.max_certificates)
        for store in stores_listed:
            _listing(store, where, gathered, label)
        # which store a damaged block is of is not told with it
        doubtful = any(_distrusts(store.name or store.title or "disallowed") for store in stores_listed)
        (gathered.lost if doubtful else gathered.notes).extend((note.where, note.detail) for note in notes)
        return True
    return False


def _listing(store: ListedStore, where: str, gathered: _Gathered, label: tuple[str, str] | None) -> None:
    named = next((each for each in (store.name, store.title) if each and (_folded(each) in _COMPARTMENTS or _folded(each) == "my")), None)
    if named is None:
        if store.name is None and (store.certificates or store.crls):
            gathered.unread(None, where, "certificates are listed, and of which store is not told")
        return
    compartment = "MY" if _folded(named) == "my" else _COMPARTMENTS[_folded(named)]
    if compartment != "MY" and (store.user or (label is not None and not label[0].startswith(MACHINE))):
        gathered.notes.append((where, f"a listing of {named} of the user; http.sys sees the stores of the computer only"))
        return
    gathered.listed.setdefault(compartment, []).extend(store.certificates)


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
    if thumbprint is None:
        return
    place = f"{where}, {store}\\{match[2]}\\{thumbprint}"
    if not isinstance(blob, bytes):
        gathered.unread((location, "disallowed" if kind == "crls" else store), place, "its value Blob is not there, or is damaged")
        return
    if kind == "ctls":
        _lists_in(blob, 0, place, gathered)
        return
    if kind == "certificates":
        disallowed = _COMPARTMENTS.get(store.lower()) == DISALLOWED
        _blob(blob, thumbprint, place, members, gathered, disallowed=disallowed, personal=store.lower() == "my")
    elif kind == "crls" and location.startswith(MACHINE):
        crls = elements(blob, 0, place, 1, ends=False).crls
        gathered.crls.update(dict.fromkeys(crls))
        if not crls:
            gathered.lost.append((place, "a damaged CRL"))


def _lists_in(data: bytes, at: int, place: str, gathered: _Gathered) -> None:
    """The trust lists among the elements of a serialized store or registry value: id, encoding, length and value of each."""
    found = False
    while at + 12 <= len(data):
        kind, _, length = struct.unpack_from("<III", data, at)
        if kind == 0:
            break
        if kind == CTL:
            found = True
            _trust_list(data[at + 12 : at + 12 + length], place, gathered)
        at += 12 + length
    if not found:
        gathered.lost.append((place, "a damaged trust list"))


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
    if not folded.startswith("hkey_local_machine\\software\\"):  # a hive loaded under another name may be a user's
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
        store.roots = with_list_properties(store.roots, gathered.lists)
    store.others = {shown: tuple(merged(entries)) for shown, entries in sorted(others.items())}
    store.partly = tuple(sorted(gathered.partly))
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


def with_list_properties(roots: Iterable[Entry], lists: Iterable[bytes]) -> tuple[Entry, ...]:
    """The roots with what the trust lists, in DER, say of them."""
    read = [ctl.parse(each, "trust list") for each in lists]
    return tuple(_with_list_properties(entry, read) for entry in roots)


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
