"""What the measures are taken on: a root, an issuing CA, and as many leaves as are asked for, of one kind of key."""

from __future__ import annotations

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
