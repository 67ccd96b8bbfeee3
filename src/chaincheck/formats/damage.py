"""Which damage in a source may have hidden what speaks against a certificate: a CRL, an OCSP response, a distrusted certificate.

A path is not proven good while such a thing lies unread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from chaincheck.formats.loaded import NoteCode

if TYPE_CHECKING:
    from chaincheck.formats.loaded import Loaded, Note

GivenAs = Literal["evidence", "disallowed", "store"]

_LOST = frozenset({NoteCode.DAMAGED_MEMBER, NoteCode.CUT, NoteCode.TRAILING_DATA})
_BROKEN = ("unknown-structure", "truncated", "damaged", "pkcs7", "not-der")  # codes of what may have been anything before it was damaged
_NEVER_EVIDENCE = ("CERTIFICATE", "KEY", "REQUEST", "PARAMETERS")  # in the label of a PEM block


def lost_evidence(loaded: Loaded, given_as: GivenAs) -> tuple[tuple[str, str], ...]:
    """(where, what) of each member that was not read and may have been evidence, by what the source was given as."""
    found = [(note.where, note.detail) for note in loaded.notes if _lost(note) and _may_speak(note, loaded, given_as)]
    if given_as == "evidence" or loaded.crls:
        from chaincheck.x509.certificate import Certificate

        # told apart by their outer tags alone: a damaged CRL may have those of a certificate, though hardly the version of one
        unusual = (Certificate(each) for each in loaded.certificates if b"\xa0\x03\x02\x01" not in each[:16])
        odd = (each for each in unusual if each.slice_faults and not each.legible)
        found += [("a structure that is no certificate", each.slice_faults[0].what) for each in odd]
    return tuple(found)


def _lost(note: Note) -> bool:
    return note.code in _LOST or (
        note.code is NoteCode.UNRELATED_MEMBER and (note.about.startswith(_BROKEN) or note.where.lower().endswith(".crl"))
    )


def _may_speak(note: Note, loaded: Loaded, given_as: GivenAs) -> bool:
    label = note.about
    if "CRL" in label or note.where.lower().endswith(".crl"):
        return True
    if given_as == "disallowed":
        return "KEY" not in label
    if any(word in label for word in _NEVER_EVIDENCE):
        return False
    return given_as == "evidence" or bool(loaded.crls)
