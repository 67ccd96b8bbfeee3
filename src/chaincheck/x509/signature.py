"""Signatures and their algorithms: RFC 3279, RFC 4055, RFC 5758, RFC 8410."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from chaincheck.x509 import der

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaincheck.x509.key import PublicKey


class Signature(Enum):
    """What verifying found. UNSUPPORTED: this build cannot tell, never to be taken for INVALID."""

    VALID = "valid"
    INVALID = "invalid"
    UNSUPPORTED = "unsupported"


class Algorithm(NamedTuple):
    """A signature algorithm: ``family`` rsa, rsa-pss, ecdsa, dsa, eddsa or other; ``hash`` sha256, ..., "" where there is none."""

    oid: str
    name: str
    family: str
    hash: str
    fault: str | None
    mgf_hash: str = ""
    salt_length: int = 0
    remark: str | None = None
    """A departure from the RFCs that leaves the algorithm readable."""


_ALGORITHMS: dict[str, tuple[str, str]] = {
    "1.2.840.113549.1.1.2": ("rsa", "md2"),
    "1.2.840.113549.1.1.3": ("rsa", "md4"),
    "1.2.840.113549.1.1.4": ("rsa", "md5"),
    "1.2.840.113549.1.1.5": ("rsa", "sha1"),
    "1.3.14.3.2.29": ("rsa", "sha1"),
    "1.2.840.113549.1.1.14": ("rsa", "sha224"),
    "1.2.840.113549.1.1.11": ("rsa", "sha256"),
    "1.2.840.113549.1.1.12": ("rsa", "sha384"),
    "1.2.840.113549.1.1.13": ("rsa", "sha512"),
    "2.16.840.1.101.3.4.3.13": ("rsa", "sha3_224"),
    "2.16.840.1.101.3.4.3.14": ("rsa", "sha3_256"),
    "2.16.840.1.101.3.4.3.15": ("rsa", "sha3_384"),
    "2.16.840.1.101.3.4.3.16": ("rsa", "sha3_512"),
    "1.2.840.10045.4.1": ("ecdsa", "sha1"),
    "1.2.840.10045.4.3.1": ("ecdsa", "sha224"),
    "1.2.840.10045.4.3.2": ("ecdsa", "sha256"),
    "1.2.840.10045.4.3.3": ("ecdsa", "sha384"),
    "1.2.840.10045.4.3.4": ("ecdsa", "sha512"),
    "2.16.840.1.101.3.4.3.9": ("ecdsa", "sha3_224"),
    "2.16.840.1.101.3.4.3.10": ("ecdsa", "sha3_256"),
    "2.16.840.1.101.3.4.3.11": ("ecdsa", "sha3_384"),
    "2.16.840.1.101.3.4.3.12": ("ecdsa", "sha3_512"),
    "1.2.840.10040.4.3": ("dsa", "sha1"),
    "2.16.840.1.101.3.4.3.1": ("dsa", "sha224"),
    "2.16.840.1.101.3.4.3.2": ("dsa", "sha256"),
    "2.16.840.1.101.3.4.3.3": ("dsa", "sha384"),
    "2.16.840.1.101.3.4.3.4": ("dsa", "sha512"),
    "1.3.101.112": ("eddsa", ""),
    "1.3.101.113": ("eddsa", ""),
}
# Known by name alone: no build of today verifies them, and a name says more than a number.
NAMED_ONLY: dict[str, str] = {
    "2.16.840.1.101.3.4.3.17": "ML-DSA-44",  # RFC 9881
    "2.16.840.1.101.3.4.3.18": "ML-DSA-65",
    "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
    "1.2.840.113549.1.9.16.3.17": "HSS/LMS",  # RFC 9802
    "1.3.6.1.5.5.7.6.34": "XMSS",
    "1.3.6.1.5.5.7.6.35": "XMSS^MT",
    "1.2.643.7.1.1.3.2": "GOST R 34.10-2012 with 256 bits",  # RFC 9215
    "1.2.643.7.1.1.3.3": "GOST R 34.10-2012 with 512 bits",
} | {
    f"2.16.840.1.101.3.4.3.{20 + number}": f"SLH-DSA-{name}"  # RFC 9909
    for number, name in enumerate(f"{hashed}-{size}{kind}" for hashed in ("SHA2", "SHAKE") for size in (128, 192, 256) for kind in "sf")
} | {
    f"1.3.6.1.5.5.7.6.{number}": f"composite ML-DSA (1.3.6.1.5.5.7.6.{number})"  # draft-ietf-lamps-pq-composite-sigs
    for number in range(37, 55)
}  # fmt: skip
_PSS = "1.2.840.113549.1.1.10"
_MGF1 = "1.2.840.113549.1.1.8"
_HASHES = {
    "1.3.14.3.2.26": "sha1", "2.16.840.1.101.3.4.2.4": "sha224", "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512",
}  # fmt: skip
_SHA1 = bytes.fromhex("300906052b0e03021a0500")
_PSS_DEFAULTS = (
    b"\xa0\x0b" + _SHA1,
    bytes.fromhex("a118301606092a864886f70d010108") + _SHA1,
    b"\xa2\x03\x02\x01\x14",
    b"\xa3\x03\x02\x01\x01",
)
_KEY_FAMILY = {"rsa": ("rsa",), "rsa-pss": ("rsa", "rsa-pss"), "ecdsa": ("ec",), "dsa": ("dsa",), "eddsa": ("ed25519", "ed448")}
BROKEN_HASHES = frozenset({"md2", "md4", "md5"})
WEAK_HASHES = BROKEN_HASHES | {"sha1"}

_ALGORITHM_MEMO: dict[bytes, Algorithm] = {}


def algorithm(encoded: bytes) -> Algorithm:
    """Read an AlgorithmIdentifier; a damaged one has a ``fault``."""
    known = _ALGORITHM_MEMO.get(encoded)
    if known is None:
        try:
            known = _read(encoded)
        except der.Malformed as fault:
            known = Algorithm("", "unreadable", "other", "", fault.what)
        if len(encoded) <= 256:
            if len(_ALGORITHM_MEMO) >= 1024:
                _ALGORITHM_MEMO.clear()
            _ALGORITHM_MEMO[encoded] = known
    return known


def algorithm_name(encoded: bytes) -> str:
    """The algorithm for people: "RSA with SHA-256", or the dotted OID of one not known here."""
    return algorithm(encoded).name


def algorithm_fault(encoded: bytes) -> str | None:
    """What is wrong with the encoding of an AlgorithmIdentifier, or None."""
    return algorithm(encoded).fault


def _read(encoded: bytes) -> Algorithm:
    start, stop = der.whole(encoded, der.SEQUENCE, "AlgorithmIdentifier")
    oid_start, oid_stop = der.expect(encoded, start, stop, der.OID, "an algorithm")
    oid = der.oid(encoded, oid_start, oid_stop)
    parameters = encoded[oid_stop:stop]
    if oid == _PSS:
        return _read_pss(oid, parameters)
    der.one_parameter(encoded, oid_stop, stop)
    if oid not in _ALGORITHMS:
        return Algorithm(oid, NAMED_ONLY.get(oid, oid), "other", "", None)
    family, digest = _ALGORITHMS[oid]
    fault = remark = None
    if parameters and parameters != b"\x05\x00":
        fault = "parameters where the algorithm has none"  # RFC 4055 5, RFC 5758 3, RFC 8410 3
    elif parameters and family != "rsa":
        remark = "NULL parameters where the algorithm has none"  # as Java and others once wrote them
    name = {"1.3.101.112": "Ed25519", "1.3.101.113": "Ed448"}.get(oid) or f"{family.upper()} with {_hash_title(digest)}"
    return Algorithm(oid, name, family, digest, fault, remark=remark)


def _hash_title(digest: str) -> str:
    """sha256 -> SHA-256, sha3_256 -> SHA3-256, md5 -> MD5."""
    if digest.startswith("sha3_"):
        return digest.upper().replace("_", "-")
    return digest.upper().replace("SHA", "SHA-")


def _read_pss(oid: str, parameters: bytes) -> Algorithm:
    """RFC 4055 3.1: RSASSA-PSS-params, every field with the default of SHA-1, MGF1 with SHA-1, 20, 1."""
    digest, mgf, salt, remark = "sha1", "sha1", 20, None
    start, stop = der.whole(parameters, der.SEQUENCE, "RSASSA-PSS-params")
    expected = 0xA0
    for tag, pos, inner, after in der.children(parameters, start, stop, 4):
        if not expected <= tag <= 0xA3:
            raise der.Malformed(pos, f"tag 0x{tag:02x} in RSASSA-PSS-params")
        expected = tag + 1
        if tag == 0xA0:
            digest = _hash(parameters, inner, after)
        elif tag == 0xA1:
            body, end = der.expect(parameters, inner, after, der.SEQUENCE, "a mask generation function")
            name_start, name_stop = der.expect(parameters, body, end, der.OID, "a mask generation function")
            if end != after or der.oid(parameters, name_start, name_stop) != _MGF1:
                raise der.Malformed(pos, "a mask generation function other than MGF1")
            mgf = _hash(parameters, name_stop, end)
        else:
            value_start, value_stop = der.expect(parameters, inner, after, der.INTEGER, "a number")
            number = der.integer(parameters, value_start, value_stop)
            if value_stop != after or number < 0 or number > 4096 or (tag == 0xA3 and number != 1):
                raise der.Malformed(pos, "a salt length or trailer out of range")
            salt = number if tag == 0xA2 else salt
        if parameters[pos:after] in _PSS_DEFAULTS:  # X.690 11.5; much software writes them all the same
            remark = "a DEFAULT value that is encoded"
    return Algorithm(oid, f"RSA-PSS with {_hash_title(digest)}", "rsa-pss", digest, None, mgf, salt, remark)


def _hash(data: bytes, start: int, stop: int) -> str:
    body, end = der.expect(data, start, stop, der.SEQUENCE, "a hash algorithm")
    name_start, name_stop = der.expect(data, body, end, der.OID, "a hash algorithm")
    oid = der.oid(data, name_start, name_stop)
    if end != stop or data[name_stop:end] not in (b"", b"\x05\x00"):
        raise der.Malformed(name_stop, "parameters of a hash algorithm")
    return _HASHES.get(oid, oid)


_VERIFIERS: dict[tuple[bytes, bytes], Callable[[bytes, bytes], None] | Signature] = {}
_MOST_VERIFIERS = 1024
_LARGEST_KEPT = (
    1200 + 256
)  # bytes of key and algorithm together, RSA-8192 and below: 1024 of them with their keys loaded take 8 MiB at most


def verify(signed: bytes, encoded_algorithm: bytes, signature: bytes, key: PublicKey) -> Signature:
    """Verify ``signature`` over ``signed``: RFC 5280 6.1.3 (a)(1), RFC 6960 3.2, RFC 5280 6.3.3 (g)."""
    index = (key.spki, encoded_algorithm)
    verifier = _VERIFIERS.get(index)
    if verifier is None:
        verifier = _verifier(key, algorithm(encoded_algorithm))
        if len(key.spki) + len(encoded_algorithm) <= _LARGEST_KEPT:
            if len(_VERIFIERS) >= _MOST_VERIFIERS:
                _VERIFIERS.clear()
            _VERIFIERS[index] = verifier
    if isinstance(verifier, Signature):
        return verifier
    try:
        verifier(signature, signed)
    except _failures():
        return Signature.INVALID
    return Signature.VALID


def _failures() -> tuple[type[Exception], ...]:
    from cryptography.exceptions import InvalidSignature

    return InvalidSignature, ValueError  # ValueError: a signature longer than the modulus, or not an ECDSA value


def _verifier(key: PublicKey, algorithm: Algorithm) -> Callable[[bytes, bytes], None] | Signature:
    """A function that raises InvalidSignature, or the answer where nothing can be verified."""
    from chaincheck.x509.key import Unsupported

    if algorithm.fault is not None and algorithm.family == "other":
        return Signature.UNSUPPORTED
    if algorithm.family not in _KEY_FAMILY:
        return Signature.UNSUPPORTED
    if key.fault is not None:
        return Signature.INVALID  # a damaged key verifies nothing; the key's own fault is a cause too
    if key.algorithm not in _KEY_FAMILY[algorithm.family]:
        return Signature.INVALID  # an RSA key cannot have made an ECDSA signature
    if key.pss is not None and not _within(key.pss, algorithm):
        return Signature.INVALID
    try:
        loaded = key.load()
        return _bind(loaded, algorithm)
    except (Unsupported, der.Malformed):
        return Signature.UNSUPPORTED


def _within(restriction: Algorithm, algorithm: Algorithm) -> bool:
    """RFC 4055 3.3: the hash and the mask generation of the key's parameters, and a salt no shorter than theirs."""
    return (
        algorithm.hash == restriction.hash
        and algorithm.mgf_hash == restriction.mgf_hash
        and algorithm.salt_length >= restriction.salt_length
    )


def _bind(loaded: Any, algorithm: Algorithm) -> Callable[[bytes, bytes], None] | Signature:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes

    if algorithm.family == "eddsa":
        wanted = "Ed25519" if algorithm.oid == "1.3.101.112" else "Ed448"
        if not type(loaded).__name__.startswith(wanted):
            return Signature.INVALID
        verifier: Callable[[bytes, bytes], None] = loaded.verify
        return verifier
    digest = getattr(hashes, algorithm.hash.upper(), None)
    mgf_digest = getattr(hashes, algorithm.mgf_hash.upper(), None) if algorithm.family == "rsa-pss" else digest
    if digest is None or mgf_digest is None:
        return Signature.UNSUPPORTED
    method = digest()
    if algorithm.family in ("rsa", "rsa-pss"):
        from cryptography.hazmat.primitives.asymmetric import padding

        scheme = padding.PKCS1v15() if algorithm.family == "rsa" else padding.PSS(padding.MGF1(mgf_digest()), algorithm.salt_length)
        bound: Callable[[bytes, bytes], None] = lambda signature, signed: loaded.verify(signature, signed, scheme, method)  # noqa: E731
    elif algorithm.family == "ecdsa":
        from cryptography.hazmat.primitives.asymmetric import ec

        curve = ec.ECDSA(method)
        bound = lambda signature, signed: loaded.verify(signature, signed, curve)  # noqa: E731
    else:
        bound = lambda signature, signed: loaded.verify(signature, signed, method)  # noqa: E731
    try:  # a build without the hash (FIPS, MD5) says so on first use
        bound(b"", b"")
    except UnsupportedAlgorithm:
        return Signature.UNSUPPORTED
    except _failures():
        pass
    return bound
