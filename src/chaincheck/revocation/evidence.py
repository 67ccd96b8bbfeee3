"""Evidence: bytes that speak about revocation, with their origin and time."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
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

# What was read from the same bytes before: a store's CRL is asked about thousands of certificates. By number and size of each, at most
# 64 MiB of CRLs and 16 MiB of OCSP responses; who asks about a larger CRL again keeps its Evidence.
_REMEMBERED: dict[Kind, tuple[int, int, dict[bytes, dict[str | bytes, Any]]]] = {
    "crl": (64, 1 << 20, {}),
    "ocsp": (1024, 1 << 14, {}),
}


def _facts(kind: Kind, data: bytes) -> dict[str | bytes, Any]:
    count, size, remembered = _REMEMBERED[kind]
    if len(data) > size:
        return {}
    found = remembered.get(data)
    if found is None:
        if len(remembered) >= count:
            remembered.clear()
        found = remembered[data] = {}
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A CRL or an OCSP response, DER.

    ``source`` is the URL it came from; of evidence without one, a name that does not depend on the order of inputs (see ``given``).
    ``received_at``: seconds since 1970 UTC, None for evidence that nobody fetched just now. ``nonce``: what was sent with the OCSP request.
    What is read from the bytes is kept with the object: hold on to it, and judging the next certificate costs less.
    """

    kind: Kind
    data: bytes
    origin: Origin
    source: str
    received_at: int | None = None
    nonce: bytes | None = None
    _memo: dict[str | bytes, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_memo", _facts(self.kind, self.data))

    @classmethod
    def given(cls, kind: Kind, data: bytes, origin: Origin = "supplied") -> Evidence:
        """Evidence that came without an address, named by the beginning of its SHA-256."""
        digest = _facts(kind, data).get("sha256") or sha256(data).hexdigest()
        evidence = cls(kind=kind, data=data, origin=origin, source=f"{origin} {'CRL' if kind == 'crl' else 'OCSP response'} {digest[:16]}")
        evidence._memo["sha256"] = digest
        return evidence

    @property
    def was_fetched(self) -> bool:
        """Whether it came from the address ``source``, now or earlier."""
        return self.origin in ("fetched", "cache")

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes, lower-case hex."""
        if "sha256" not in self._memo:
            self._memo["sha256"] = sha256(self.data).hexdigest()
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
            read = cast("CertificateList | OcspResponse", self._read(CertificateList if self.kind == "crl" else OcspResponse))
            # cryptography takes any buffer: the view of a CRL spares a copy of all its entries
            known = signature.verify(cast("bytes", read.tbs), read.signature_algorithm, read.signature, key)
            if len(self._memo) < _MAX_KEYS:
                self._memo[key.spki] = known
        return cast("Signature", known)
