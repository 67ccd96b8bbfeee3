"""Which store is the source of the issuers that Schannel accepts and names, and how strictly it is taken (TLS overview, documented).

In order: the store named by the binding's Ctl Store Name; Client Authentication Issuers where it is not empty; Trusted Roots. The client's
chain is judged against the same source, not only the list made from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from chaincheck.entry import CLIENT_AUTH_ISSUERS, DISALLOWED, INTERMEDIATES, ROOTS

if TYPE_CHECKING:
    from chaincheck.entry import Entry
    from chaincheck.server import ServerProfile
    from chaincheck.store import TrustStore
    from chaincheck.x509.certificate import Certificate

MACHINE_TRUST, EXCLUSIVE_ROOT, EXCLUSIVE_CA = 0, 1, 2
"""ClientAuthTrustMode."""

_STORES: Final = {
    "root": ROOTS,
    "authroot": ROOTS,
    "ca": INTERMEDIATES,
    "clientauthissuer": CLIENT_AUTH_ISSUERS,
    "disallowed": DISALLOWED,
}


class IssuerSource(NamedTuple):
    """``place``: the compartment, or the name of another store. ``entries``: what is in it, None where it was not told.

    ``whole``: whether nothing is in it that is not at hand. ``authroot``: of the Trusted Root store only what Windows put there itself.
    """

    place: str
    entries: tuple[Entry, ...] | None
    mode: int = MACHINE_TRUST
    whole: bool = True
    authroot: bool = False

    def holds(self, certificate: Certificate | None) -> bool:
        """Whether that very certificate is in it."""
        return certificate is not None and any(entry.certificate == certificate for entry in self.entries or ())

    @property
    def exclusive(self) -> bool:
        """Whether it alone says what an anchor is, whatever the Trusted Root store holds."""
        return self.mode != MACHINE_TRUST

    @property
    def narrows(self) -> bool:
        """Whether it changes anything: the Trusted Root store under Machine Trust does not."""
        return self.exclusive or self.place != ROOTS or self.authroot


def issuer_source(store: TrustStore, server: ServerProfile | None) -> IssuerSource:
    """The source for this server."""
    binding = server.binding if server is not None else None
    mode = server.trust_mode if server is not None else MACHINE_TRUST
    named = binding.ctl_store if binding is not None else None
    if named:
        place = _STORES.get(named.lower())
        if place is not None:
            entries, authroot = getattr(store, place), named.lower() == "authroot"
            if authroot and entries is not None:  # where one does not say from which of the two it is, that is not told
                told = all(entry.location is not None for entry in entries)
                entries = tuple(entry for entry in entries if (entry.location or "").endswith("AuthRoot")) if told else None
            return IssuerSource(place, entries, mode, store.whole(place), authroot)
        for name, entries in store.others.items():
            if name.lower() in (named.lower(), f"localmachine\\{named.lower()}"):
                return IssuerSource(name, entries, mode)
        return IssuerSource(f"LocalMachine\\{named}", None, mode)
    if store.client_auth_issuers or store.listed.get(CLIENT_AUTH_ISSUERS) or CLIENT_AUTH_ISSUERS in store.partly:
        return IssuerSource(CLIENT_AUTH_ISSUERS, store.client_auth_issuers or (), mode, store.whole(CLIENT_AUTH_ISSUERS))
    return IssuerSource(ROOTS, store.roots, mode, store.whole(ROOTS))
