"""What the measures are taken on: one CA with many leaves, a store of very many CAs, and CAs that lead nowhere."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pki

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Material:
    root: pki.Authority
    authority: pki.Authority
    leaves: Sequence[pki.Issued]


def material(kind: str, leaves: int) -> Material:
    """``kind`` is ``rsa2048`` or ``p256``: the key of the CAs. The leaves differ in name and serial, as those of one CA do."""
    from cryptography import x509

    if kind == "rsa2048":
        root = pki.root("Benchmark Root", key="rsa2048:a")
        authority = root.issue_ca("Benchmark Issuing CA", key="rsa2048:b")
        own_key = "rsa2048:c"
    else:
        root = pki.root("Benchmark Root")
        authority = root.issue_ca("Benchmark Issuing CA")
        own_key = "p256:leaf"
    made = []
    for number in range(leaves):
        # An alternative name, because cryptography's verifier wants one.
        alternative = x509.SubjectAlternativeName([x509.DNSName(f"client-{number}.example")])
        made.append(authority.issue(f"client {number}", key=own_key, extensions=[(alternative, False)]))
    return Material(root, authority, made)


@dataclass(frozen=True)
class Crowd:
    """The certificates of very many CAs, one behind the other and as a serialized store, and a leaf of some of them."""

    der: bytes
    sst: bytes
    leaves: Sequence[pki.Issued]


def crowd(count: int, leaves: int) -> Crowd:
    """One in twenty is a root, as in the stores of Windows and in what Certificate Transparency knows; the keys are P-256."""
    authorities: list[pki.Authority] = []
    for number in range(count):
        if number % 20 == 0:
            root = pki.root(f"CN=Root {number},O=Organisation {number},C=JP")
            authorities.append(root)
        else:
            authorities.append(root.issue_ca(f"CN=Issuing CA {number},O={root.serial % 1000},C=JP"))
    step = count // leaves
    made = [authorities[place].issue(f"client {place}") for place in range(step - 1, count, step)]
    ders = [one.der for one in authorities]
    # X.509 CRYPT_ENCODE, property 32, and an end: as Export-Certificate -Type SST writes it
    sst = b"\0\0\0\0CERT" + b"".join(struct.pack("<III", 32, 1, len(one)) + one for one in ders) + bytes(12)
    return Crowd(b"".join(ders), sst, made)


def mesh() -> tuple[pki.Issued, list[pki.Authority], pki.Authority]:
    """A leaf under six CAs of one name and two keys, each signed by one of the two; and a root that none of them leads to."""
    keys = ("p256:mesh-1", "p256:mesh-2")
    signers = [pki.root("Mesh", key=each) for each in keys]
    members = [signers[number // 3].issue_ca("Mesh", key=keys[number % 2], serial=10 + number) for number in range(6)]
    return signers[0].issue("client"), members, pki.root("Elsewhere")
