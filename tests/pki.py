"""A small PKI to test with: certificates, CRLs and OCSP responses, right or wrong in the one way a test is about.

    authority = pki.root("Test Root").issue_ca("Test Issuing CA")
    client = authority.issue("client", not_after=pki.AT - timedelta(days=1))
    crl = authority.crl([(client.serial, pki.AT - timedelta(days=30), "keyCompromise")])

Everything has a default, and the same call gives the same bytes on every machine: keys, serials, dates, nonces and salts are fixed.
The dates suit ``at=pki.AT``; for a test that runs at the present time, pass dates. Keys are named as in `pki_keys`; the default is P-256,
derived from the subject's name.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TypeVar, Unpack, cast

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509 import ocsp

import asn1
from pki_extensions import PURPOSES, REASONS, Extension, Options, add, add_all, certificate_extensions, extension
from pki_keys import HASH_OIDS, Key, key

__all__ = [
    "AT", "NO_EXPIRY", "PURPOSES", "REASONS", "Authority", "Extension", "Issued", "Name", "Options", "Revoked",
    "name_der", "ocsp_error", "p7b", "pem_bundle", "root", "self_signed", "valid_around",
]  # fmt: skip

AT = datetime(2026, 6, 15, 12, tzinfo=UTC)  # the present of the tests
NO_EXPIRY = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # RFC 5280 4.1.2.5

T = TypeVar("T", bound="Issued")
Name = str | x509.Name | bytes  # a common name, an RFC 4514 string (it holds "="), an object, or DER
Revoked = tuple[int, datetime, str | None] | tuple[int, datetime, str | None, Sequence[Extension]]  # serial, when, reason, entry extensions


ROOT: Options = {
    "not_before": datetime(2020, 1, 1, tzinfo=UTC),
    "not_after": datetime(2045, 1, 1, tzinfo=UTC),
    "ca": True,
    "key_usage": ("keyCertSign", "cRLSign"),
    "aki": False,
}
CA: Options = {**ROOT, "not_before": datetime(2022, 1, 1, tzinfo=UTC), "not_after": datetime(2040, 1, 1, tzinfo=UTC), "aki": True}
LEAF: Options = {
    "not_before": datetime(2026, 1, 1, tzinfo=UTC),
    "not_after": datetime(2027, 1, 1, tzinfo=UTC),
    "key_usage": ("digitalSignature",),
    "eku": ("clientAuth",),
}
RESPONDER: Options = {**LEAF, "eku": ("ocspSigning",), "extensions": ((x509.OCSPNoCheck(), False),)}


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A certificate and its private key."""

    der: bytes
    key: Key
    subject: bytes  # Name, DER
    serial: int

    @cached_property
    def pem(self) -> bytes:
        return ssl.DER_cert_to_PEM_cert(self.der).encode()

    @property
    def key_pem(self) -> bytes:
        return self.key.pem

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DER, hex."""
        return hashlib.sha256(self.der).hexdigest()

    @cached_property
    def certificate(self) -> x509.Certificate:
        """As a `cryptography` object; raises where that library refuses it."""
        return x509.load_der_x509_certificate(self.der)

    def pkcs12(self, password: bytes | None = None, chain: Iterable[Issued] = (), *, name: bytes | None = None) -> bytes:
        """Certificate, key and chain as PKCS#12 (not the same bytes every time: its salts are random)."""
        encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        private = cast("pkcs12.PKCS12PrivateKeyTypes", self.key.private)
        return pkcs12.serialize_key_and_certificates(name, private, self.certificate, [one.certificate for one in chain], encryption)


@dataclass(frozen=True, kw_only=True)
class Authority(Issued):
    """A certificate that issues others, CRLs and OCSP responses; whether it may is up to its extensions."""

    def issue(self, name: Name, **options: Unpack[Options]) -> Issued:
        """A client certificate, unless told otherwise."""
        return _certify(Issued, name, {**LEAF, **options}, self)

    def issue_ca(self, name: Name, **options: Unpack[Options]) -> Authority:
        """An intermediate. A cross-certificate is ``other_root.issue_ca(ca.subject, key=ca.key)``."""
        return _certify(Authority, name, {**CA, **options}, self)

    def issue_responder(self, name: Name = "OCSP Responder", **options: Unpack[Options]) -> Issued:
        """A delegated OCSP responder (RFC 6960 4.2.2.2) with id-pkix-ocsp-nocheck."""
        return _certify(Issued, name, {**RESPONDER, **options}, self)

    def crl(
        self,
        revoked: Iterable[Revoked] = (),
        *,
        this_update: datetime = AT - timedelta(days=1),
        next_update: datetime | None = AT + timedelta(days=6),
        number: int | None = 1,
        aki: bool | bytes = True,
        extensions: Sequence[Extension] = (),
        version: int = 2,
        signer: Issued | None = None,
        issuer: bytes | None = None,
        signing_hash: str | None = None,
        pss: bool = False,
        broken_signature: bool = False,
    ) -> bytes:
        """A CRL, DER. ``signer`` signs in place of this authority; ``issuer`` (Name, DER) names another issuer. Delta and partitioned CRLs:
        ``extensions=[(x509.DeltaCRLIndicator(1), True)]``, ``(x509.IssuingDistributionPoint(...), True)``."""
        signing = (signer or self).key
        wanted: dict[str, bytes] = {}
        if aki:
            identifier = signing.identifier if aki is True else aki
            add(wanted, x509.AuthorityKeyIdentifier(identifier, None, None), critical=False)
        if number is not None:
            add(wanted, x509.CRLNumber(number), critical=False)
        add_all(wanted, extensions)
        entries = [_crl_entry(*entry) for entry in revoked]
        algorithm, _ = signing.sign(b"", signing_hash=signing_hash, pss=pss)
        body = asn1.sequence(
            asn1.integer(version - 1) if version > 1 else b"",
            algorithm,
            issuer or self.subject,
            asn1.time(this_update),
            asn1.time(next_update) if next_update else b"",
            asn1.sequence(*entries) if entries else b"",
            asn1.explicit(0, asn1.sequence(*wanted.values())) if wanted and version > 1 else b"",
        )
        return _signed(body, signing, signing_hash, pss=pss, broken=broken_signature)

    def ocsp_response(
        self,
        certificate: Issued | int,
        status: str = "good",
        *,
        this_update: datetime = AT - timedelta(hours=1),
        next_update: datetime | None = AT + timedelta(hours=23),
        produced_at: datetime | None = None,
        revoked_at: datetime = AT - timedelta(days=30),
        reason: str | None = None,
        responder: Issued | None = None,
        by: str = "name",
        certificates: Sequence[Issued] | None = None,
        id_hash: str = "sha1",
        nonce: bytes | None = None,
        single_extensions: Sequence[Extension] = (),
        extensions: Sequence[Extension] = (),
        more_singles: Sequence[bytes] = (),
        signing_hash: str | None = None,
        pss: bool = False,
        broken_signature: bool = False,
    ) -> bytes:
        """A successful OCSPResponse, DER, about a certificate (or serial) of this authority: ``good``, ``revoked`` or ``unknown``.

        ``responder`` signs in place of this authority, and is enclosed unless ``certificates`` says what is; ``by`` is how the responder
        names itself, ``name`` or ``key``. ``more_singles`` come from `ocsp_single`.
        """
        signer: Issued = responder or self
        enclosed = certificates if certificates is not None else ((responder,) if responder else ())
        single = self.ocsp_single(
            certificate,
            status,
            this_update=this_update,
            next_update=next_update,
            revoked_at=revoked_at,
            reason=reason,
            id_hash=id_hash,
            extensions=single_extensions,
        )
        wanted: dict[str, bytes] = {}
        if nonce is not None:
            add(wanted, x509.OCSPNonce(nonce), critical=False)
        add_all(wanted, extensions)
        body = asn1.sequence(
            asn1.explicit(1, signer.subject) if by == "name" else asn1.explicit(2, asn1.octet_string(signer.key.identifier)),
            asn1.generalized_time(produced_at or this_update),
            asn1.sequence(single, *more_singles),
            asn1.explicit(1, asn1.sequence(*wanted.values())) if wanted else b"",
        )
        trailer = asn1.explicit(0, asn1.sequence(*(one.der for one in enclosed))) if enclosed else b""
        basic = _signed(body, signer.key, signing_hash, pss=pss, broken=broken_signature, trailer=trailer)
        wrapped = asn1.sequence(asn1.oid("1.3.6.1.5.5.7.48.1.1"), asn1.octet_string(basic))
        return asn1.sequence(asn1.enumerated(0), asn1.explicit(0, wrapped))

    def ocsp_single(
        self,
        certificate: Issued | int,
        status: str = "good",
        *,
        this_update: datetime = AT - timedelta(hours=1),
        next_update: datetime | None = AT + timedelta(hours=23),
        revoked_at: datetime = AT - timedelta(days=30),
        reason: str | None = None,
        id_hash: str = "sha1",
        extensions: Sequence[Extension] = (),
    ) -> bytes:
        """One SingleResponse (RFC 6960 4.2.1), for ``more_singles``."""
        why = asn1.explicit(0, asn1.enumerated(REASONS[reason])) if reason else b""
        statuses = {
            "good": asn1.implicit(0, b""),
            "revoked": asn1.explicit(1, asn1.generalized_time(revoked_at), why),
            "unknown": asn1.implicit(2, b""),
        }
        wanted: dict[str, bytes] = {}
        add_all(wanted, extensions)
        return asn1.sequence(
            self._certificate_id(certificate, id_hash),
            statuses[status],
            asn1.generalized_time(this_update),
            asn1.explicit(0, asn1.generalized_time(next_update)) if next_update else b"",
            asn1.explicit(1, asn1.sequence(*wanted.values())) if wanted else b"",
        )

    def _certificate_id(self, certificate: Issued | int, hash_name: str) -> bytes:
        return asn1.sequence(
            asn1.sequence(asn1.oid(HASH_OIDS[hash_name]), asn1.null()),
            asn1.octet_string(hashlib.new(hash_name, self.subject).digest()),
            asn1.octet_string(hashlib.new(hash_name, self.key.public_bits).digest()),
            asn1.integer(certificate if isinstance(certificate, int) else certificate.serial),
        )

    def ocsp_handler(
        self, statuses: Mapping[int, str] | None = None, *, default: str = "good", responder: Issued | None = None, echo_nonce: bool = True
    ) -> Callable[[bytes], bytes]:
        """Answers OCSP requests (DER in, DER out) by serial, as of the present moment: for `http_server`."""

        def answer(request: bytes) -> bytes:
            asked = ocsp.load_der_ocsp_request(request)
            now = datetime.now(UTC).replace(microsecond=0)
            nonce = None
            if echo_nonce:
                nonce = next((one.value.nonce for one in asked.extensions if isinstance(one.value, x509.OCSPNonce)), None)
            return self.ocsp_response(
                asked.serial_number,
                (statuses or {}).get(asked.serial_number, default),
                this_update=now - timedelta(minutes=1),
                next_update=now + timedelta(hours=1),
                revoked_at=now - timedelta(days=1),
                responder=responder,
                id_hash=asked.hash_algorithm.name,
                nonce=nonce,
            )

        return answer


def root(name: Name = "Test Root", **options: Unpack[Options]) -> Authority:
    """A self-signed CA."""
    return _certify(Authority, name, {**ROOT, **options}, None)


def self_signed(name: Name, **options: Unpack[Options]) -> Authority:
    """A self-signed client certificate."""
    return _certify(Authority, name, {**LEAF, "aki": False, **options}, None)


def valid_around(moment: datetime, days: float = 1) -> Options:
    """Dates for certificates of a test that runs at the present time: ``pki.root(**pki.valid_around(datetime.now(UTC)))``."""
    moment = moment.replace(microsecond=0)
    return {"not_before": moment - timedelta(days=days), "not_after": moment + timedelta(days=days)}


def ocsp_error(status: int) -> bytes:
    """An OCSPResponse without an answer: 1 malformedRequest, 2 internalError, 3 tryLater, 5 sigRequired, 6 unauthorized."""
    return asn1.sequence(asn1.enumerated(status))


def pem_bundle(*certificates: Issued) -> bytes:
    return b"".join(one.pem for one in certificates)


def p7b(*certificates: Issued) -> bytes:
    """A certificates-only PKCS#7, DER."""
    return pkcs7.serialize_certificates([one.certificate for one in certificates], serialization.Encoding.DER)


def name_der(name: Name) -> bytes:
    """The DER of a name."""
    if isinstance(name, bytes):
        return name
    if isinstance(name, str):
        common = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) if "=" not in name else None
        name = common or x509.Name.from_rfc4514_string(name)
    return name.public_bytes()


def long_name(common: str) -> bytes:
    """The DER of a name whose common name may be longer than X.520 allows."""
    return asn1.sequence(asn1.set_of(asn1.sequence(asn1.oid("2.5.4.3"), asn1.tlv(0x0C, common.encode()))))


def _certify(kind: type[T], name: Name, told: Options, issuer: Issued | None) -> T:
    """Signs a certificate; self-signed where there is no issuer."""
    subject = name_der(name)
    own_key = _key(told.get("key", f"p256:{hashlib.sha256(subject).hexdigest()[:16]}"))
    issuer_name, issuer_key = (issuer.subject, issuer.key) if issuer else (subject, own_key)
    signing = _key(told.get("signing_key", issuer_key))
    signing_hash, pss = told.get("signing_hash"), told.get("pss", False)
    serial = told.get("serial", _serial(issuer_name + subject + own_key.spki))
    version = told.get("version", 3)
    extensions = [*certificate_extensions(told, own_key, issuer_key).values(), *told.get("encoded_extensions", ())]
    algorithm, _ = signing.sign(b"", signing_hash=signing_hash, pss=pss)
    body = asn1.sequence(
        asn1.explicit(0, asn1.integer(version - 1)) if version != 1 else b"",
        asn1.integer(serial),
        algorithm,
        issuer_name,
        asn1.sequence(asn1.time(told["not_before"]), asn1.time(told["not_after"])),
        subject,
        own_key.spki,
        asn1.explicit(3, asn1.sequence(*extensions)) if extensions and version != 1 else b"",
    )
    der = _signed(body, signing, signing_hash, pss=pss, broken=told.get("broken_signature", False))
    return kind(der=der, key=own_key, subject=subject, serial=serial)


def _crl_entry(serial: int, when: datetime, reason: str | None, extensions: Sequence[Extension] = ()) -> bytes:
    wanted: dict[str, bytes] = {}
    if reason is not None:
        wanted["2.5.29.21"] = extension("2.5.29.21", False, asn1.enumerated(REASONS[reason]))
    add_all(wanted, extensions)
    return asn1.sequence(asn1.integer(serial), asn1.time(when), asn1.sequence(*wanted.values()) if wanted else b"")


def _signed(body: bytes, signing: Key, signing_hash: str | None, *, pss: bool, broken: bool, trailer: bytes = b"") -> bytes:
    algorithm, signature = signing.sign(body, signing_hash=signing_hash, pss=pss)
    if broken:
        signature = signature[:-1] + bytes([signature[-1] ^ 1])
    return asn1.sequence(body, algorithm, asn1.bit_string(signature), trailer)


def _serial(unique: bytes) -> int:
    """16 octets, positive."""
    return int.from_bytes(hashlib.sha256(unique).digest()[:16]) >> 1


def _key(wanted: str | Key) -> Key:
    return wanted if isinstance(wanted, Key) else key(wanted)
