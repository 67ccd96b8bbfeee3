"""Evidence: bytes that speak about revocation, with their origin and time."""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, cast

from chaincheck.x509 import der, signature
from chaincheck.x509.crl import CertificateList
from chaincheck.x509.ocsp import OcspResponse

if TYPE_CHECKING:
    from chaincheck.x509.key import PublicKey
    from chaincheck.x509.signature import Signature

Kind = Literal["crl", "ocsp"]
Origin = Literal["supplied", "cache", "store", "fetched"]
_MAX_KEYS = 64  # signatures remembered per evidence; a CRL is tried with the keys of one name only

# What was read from the same bytes before: a store's CRL is asked about thousands of certificates. Small evidence is known by its
# content, by number and size of each: at most 64 MiB of CRLs and 16 MiB of OCSP responses. A large CRL is known by its very object, since
# comparing and hashing it would cost what is to be saved; what holds it (a store, a checker, the cache) hands out the same one each time.
_REMEMBERED: dict[Kind, tuple[int, int, dict[bytes, dict[str | bytes, Any]]]] = {
    "crl": (64, 1 << 20, {}),
    "ocsp": (1024, 1 << 14, {}),
}
LARGE_BYTES = 256 * 1024 * 1024  # of large CRLs that are held, the least recently used is let go


class _Large:
    """Large CRLs by their object, each held so that its id stays its own."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, with a lock of its own: after a fork that of the parent may be held by a thread that is not there."""
        self._lock = Lock()
        self._held: OrderedDict[int, tuple[bytes, dict[str | bytes, Any]]] = OrderedDict()
        self._bytes = 0

    def facts(self, data: bytes) -> dict[str | bytes, Any]:
        with self._lock:
            known = self._held.get(id(data))
            if known is not None:
                self._held.move_to_end(id(data))
                return known[1]
            found: dict[str | bytes, Any] = {}
            self._held[id(data)] = data, found
            self._bytes += len(data)
            while self._bytes > LARGE_BYTES and len(self._held) > 1:
                _, (oldest, _) = self._held.popitem(last=False)
                self._bytes -= len(oldest)
            return found


_LARGE = _Large()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_LARGE.forget)


def _facts(kind: Kind, data: bytes) -> dict[str | bytes, Any]:
    count, size, remembered = _REMEMBERED[kind]
    if len(data) > size:
        return _LARGE.facts(data) if kind == "crl" else {}
    found = remembered.get(data)
    if found is None:
        if len(remembered) >= count:
            remembered.clear()
        found = remembered[data] = {}
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A CRL or an OCSP response, DER.

    ``address`` is the URL it came from, None where it came without one; ``source`` names it either way, and not by the order of inputs.
    ``received_at``: seconds since 1970 UTC, None for evidence that nobody fetched just now. ``nonce``: what was sent with the OCSP request.
    What is read from the bytes is kept with the object: hold on to it, and judging the next certificate costs less.
    """

    kind: Kind
    data: bytes
    origin: Origin
    address: str | None = None
    received_at: int | None = None
    nonce: bytes | None = None
    _memo: dict[str | bytes, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_memo", _facts(self.kind, self.data))

    @classmethod
    def given(cls, kind: Kind, data: bytes, origin: Origin = "supplied") -> Evidence:
        """Evidence that came without an address."""
        return cls(kind=kind, data=data, origin=origin)

    @property
    def source(self) -> str:
        """The URL it came from, or a name with the beginning of its SHA-256."""
        if self.address is not None:
            return self.address
        return f"{self.origin} {'CRL' if self.kind == 'crl' else 'OCSP response'} {self.sha256[:16]}"

    @property
    def was_fetched(self) -> bool:
        """Whether it came from its ``address``, now or earlier."""
        return self.origin in ("fetched", "cache")

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes, lower-case hex."""
        if "sha256" not in self._memo:
            read = self._memo.get("read")  # a CRL that was verified knows its own
            self._memo["sha256"] = read.sha256.hex() if isinstance(read, CertificateList) else sha256(self.data).hexdigest()
        return cast("str", self._memo["sha256"])

    def crl(self) -> CertificateList:
        """The bytes read as a CRL; raises ``der.Malformed``."""
        return cast("CertificateList", self._read(CertificateList))

    def ocsp(self) -> OcspResponse:
        """The bytes read as an OCSP response; raises ``der.Malformed``."""
        return cast("OcspResponse", self._read(OcspResponse))

    def _read(self, kind: type[CertificateList | OcspResponse]) -> object:
        found = self._memo.get("read")
        if found is None:
            try:
                found = kind(self.data)
            except der.Malformed as fault:
                found = (fault.offset, fault.what, fault.where)
            self._memo["read"] = found
        if isinstance(found, tuple):
            raise der.Malformed(*found)
        return found

    def verify(self, key: PublicKey) -> Signature:
        """Whether the signature is this key's; verified once per key."""
        known = self._memo.get(key.spki)
        if known is None:
            known = self.crl().verify(key) if self.kind == "crl" else self._verify_response(key)
            if len(self._memo) < _MAX_KEYS:
                self._memo[key.spki] = known
        return cast("Signature", known)

    def _verify_response(self, key: PublicKey) -> Signature:
        read = self.ocsp()
        return signature.verify(read.tbs, read.signature_algorithm, read.signature, key)
