"""Public keys by their SubjectPublicKeyInfo (RFC 5280 4.1.2.7, RFC 3279, RFC 5480, RFC 8410): facts first, loaded only to verify."""

from __future__ import annotations

from hashlib import sha1, sha256
from typing import Any

from chaincheck.x509 import der, signature

RSA, RSA_PSS, DSA, EC = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.10040.4.1", "1.2.840.10045.2.1"
_NAMES = {
    RSA: "rsa", RSA_PSS: "rsa-pss", DSA: "dsa", EC: "ec",
    "1.3.101.112": "ed25519", "1.3.101.113": "ed448", "1.3.101.110": "x25519", "1.3.101.111": "x448",
}  # fmt: skip
_FIXED_BITS = {"ed25519": 256, "ed448": 456, "x25519": 256, "x448": 448}
_CURVE_BITS = {
    "1.2.840.10045.3.1.7": 256, "1.3.132.0.34": 384, "1.3.132.0.35": 521, "1.3.132.0.33": 224, "1.2.840.10045.3.1.1": 192,
    "1.3.132.0.10": 256, "1.3.36.3.3.2.8.1.1.7": 256, "1.3.36.3.3.2.8.1.1.11": 384, "1.3.36.3.3.2.8.1.1.13": 512,
}  # fmt: skip
_EC_OCTETS = {"1.2.840.10045.3.1.7": 32, "1.3.132.0.34": 48, "1.3.132.0.35": 66}


# The everyday keys by the exact DER around their numbers, so that they need not be read element by element:
# (what stands before the numbers, what stands after, length of the whole, algorithm, bits).
_RSA_FRAME = bytes.fromhex("300d06092a864886f70d0101010500")
_SHAPES = (
    (bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"), b"", 91, "ec", 256),
    (bytes.fromhex("30820122") + _RSA_FRAME + bytes.fromhex("0382010f003082010a0282010100"), bytes.fromhex("0203010001"), 294, "rsa", 2048),
    (bytes.fromhex("308201a2") + _RSA_FRAME + bytes.fromhex("0382018f003082018a0282018100"), bytes.fromhex("0203010001"), 422, "rsa", 3072),
    (bytes.fromhex("30820222") + _RSA_FRAME + bytes.fromhex("0382020f003082020a0282020100"), bytes.fromhex("0203010001"), 550, "rsa", 4096),
)
_FRAME_OF = {"ec": 26, "rsa": 24}
_PARAMETERS_OF = {
    ("ec", 256): bytes.fromhex("06082a8648ce3d030107"), ("rsa", 2048): b"\x05\x00", ("rsa", 3072): b"\x05\x00", ("rsa", 4096): b"\x05\x00",
}  # fmt: skip


class Unsupported(Exception):
    """This build cannot use the key or algorithm; internal, it becomes a cause."""


class PublicKey:
    """A public key; ``algorithm`` is rsa, rsa-pss, dsa, ec, ed25519, ed448, or the dotted OID of another; ``bits`` 0 where unknown."""

    __slots__ = ("_loaded", "_sha1", "_sha256", "algorithm", "bits", "fault", "key_octets", "parameters", "pss", "remark", "spki")

    def __init__(self, spki: bytes) -> None:
        self.spki = spki
        self.algorithm = "unreadable"
        self.bits = 0
        self.parameters = b""
        self.key_octets = b""
        self.fault: str | None = None
        self.pss: signature.Algorithm | None = None  # RFC 4055 3.3: what an id-RSASSA-PSS key with parameters is restricted to
        self.remark: str | None = None  # a departure from the RFCs that leaves the key readable
        self._sha1: bytes | None = None
        self._sha256: bytes | None = None
        self._loaded: Any = None
        try:
            self._read()
        except der.Malformed as fault:
            self.fault = fault.what

    @staticmethod
    def of(spki: bytes) -> PublicKey:
        """The key of these bytes, read once: keys repeat across the path elements of many certificates."""
        known = _MEMO.get(spki)
        if known is None:
            known = PublicKey(spki)
            _MEMO.keep(spki, known)
        return known

    def _read(self) -> None:
        spki = self.spki
        for prefix, suffix, size, algorithm, bits in _SHAPES:
            if len(spki) == size and spki.startswith(prefix) and spki.endswith(suffix):
                octets = spki[_FRAME_OF[algorithm] :]
                # A modulus is odd and has its highest bit set, or it is not of that size.
                if algorithm == "ec" or (spki[len(prefix)] & 0x80 and spki[-len(suffix) - 1] & 1):
                    self.algorithm, self.bits, self.key_octets = algorithm, bits, octets
                    self.parameters = _PARAMETERS_OF[algorithm, bits]
                    return
        start, stop = der.whole(spki, der.SEQUENCE, "SubjectPublicKeyInfo")
        inner, after = der.expect(spki, start, stop, der.SEQUENCE, "the key's algorithm")
        _, parameters = der.expect(spki, inner, after, der.OID, "the key's algorithm identifier")
        oid_start, oid_stop = der.expect(spki, inner, after, der.OID, "the key's algorithm identifier")
        oid = der.oid(spki, oid_start, oid_stop)
        self.algorithm = _NAMES.get(oid, oid)
        self.parameters = spki[parameters:after]
        der.one_parameter(spki, parameters, after)
        inner, after = der.expect(spki, after, stop, der.BIT_STRING, "the key itself")
        if after != stop:
            raise der.Malformed(after, "bytes after the key")
        unused, first = der.bit_string(spki, inner, after)
        self.key_octets = spki[first:after]
        if unused:
            raise der.Malformed(inner, "a key that is not whole octets")
        self.bits = self._size()

    def _read_pss(self) -> None:
        start, stop = der.expect(self.spki, 0, len(self.spki), der.SEQUENCE, "SubjectPublicKeyInfo")
        _, after = der.expect(self.spki, start, stop, der.SEQUENCE, "the key's algorithm")
        bound = signature.algorithm(self.spki[start:after])
        if bound.fault is not None:
            raise der.Malformed(start, bound.fault)
        self.pss = bound
        self.remark = bound.remark

    def _size(self) -> int:
        octets = self.key_octets
        if self.algorithm in ("rsa", "rsa-pss"):
            if self.algorithm == "rsa" and self.parameters not in (b"\x05\x00",):
                raise der.Malformed(0, "an RSA key whose parameters are not NULL")  # RFC 3279 2.3.1
            if self.algorithm == "rsa-pss" and self.parameters:  # RFC 4055 3.1; absent where the key is not bound to a hash
                self._read_pss()
            modulus, exponent = _integers(octets, 2, "RSAPublicKey")
            if modulus <= 0 or exponent <= 0 or not modulus & 1:
                raise der.Malformed(0, "an RSA key with an impossible modulus or exponent")
            return modulus.bit_length()
        if self.algorithm == "ec":
            tag, start, stop = der.header(self.parameters, 0, len(self.parameters))
            if tag not in (der.OID, der.NULL, der.SEQUENCE):
                raise der.Malformed(0, f"tag 0x{tag:02x} where the parameters of an elliptic curve belong")
            if tag != der.OID:  # RFC 5480 2.1.1
                self.remark = "an elliptic curve that is not named"
                return 0
            curve = der.oid(self.parameters, start, stop)
            expected = _EC_OCTETS.get(curve)
            if expected and not (
                (octets[:1] == b"\x04" and len(octets) == 2 * expected + 1)
                or (octets[:1] in (b"\x02", b"\x03") and len(octets) == expected + 1)
            ):
                raise der.Malformed(0, "an elliptic curve point of the wrong form or length")
            return _CURVE_BITS.get(curve, 0)
        if self.algorithm == "dsa":
            numbers = _integers(octets, 0, "DSAPublicKey")
            if self.parameters:  # RFC 3279 2.3.2: absent where they are inherited
                numbers += _integers(self.parameters, 3, "Dss-Parms")
            if min(numbers) <= 0:
                raise der.Malformed(0, "a DSA key with a number that is not positive")
            return numbers[1].bit_length() if len(numbers) > 1 else 0
        if self.algorithm in _FIXED_BITS and self.parameters:  # RFC 8410 3
            raise der.Malformed(0, f"an {self.algorithm} key with parameters")
        return _FIXED_BITS.get(self.algorithm, 0)

    @property
    def inherits(self) -> bool:
        """A DSA key that leaves its parameters to the key that signed its certificate (RFC 3279 2.3.2)."""
        return self.algorithm == "dsa" and self.parameters in (b"", b"\x05\x00")

    def with_parameters(self, other: PublicKey) -> PublicKey:
        """The same key with the parameters of another one, of the same algorithm."""
        old = self.spki
        start, _ = der.whole(old, der.SEQUENCE, "SubjectPublicKeyInfo")
        inner, after = der.expect(old, start, len(old), der.SEQUENCE, "the key's algorithm")
        _, oid_stop = der.expect(old, inner, after, der.OID, "the key's algorithm identifier")
        algorithm = _sequence(old[inner:oid_stop] + other.parameters)
        return PublicKey.of(_sequence(algorithm + old[after:]))

    @property
    def sha1(self) -> bytes:
        """SHA-1 of the BIT STRING's octets: issuerKeyHash of RFC 6960 4.1.1, method (1) of RFC 5280 4.2.1.2."""
        if self._sha1 is None:
            self._sha1 = sha1(self.key_octets, usedforsecurity=False).digest()
        return self._sha1

    @property
    def sha256(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo, lower-case hex."""
        if self._sha256 is None:
            self._sha256 = sha256(self.spki).digest()
        return self._sha256.hex()

    @property
    def description(self) -> str:
        """Algorithm and size, for people."""
        if self.algorithm not in _NAMES.values():
            return signature.NAMED_ONLY.get(self.algorithm, self.algorithm)
        return f"{self.algorithm.upper()}{f' {self.bits}' if self.bits else ''}"

    def load(self) -> Any:
        """The ``cryptography`` key; raises ``Unsupported`` where this build cannot load it, ``der.Malformed`` where it is damaged."""
        if self._loaded is None:
            if self.fault is not None:
                raise der.Malformed(0, self.fault, "subjectPublicKeyInfo")
            # RFC 4055 1.2: id-RSASSA-PSS restricts the key to PSS; the key itself is an RSA key
            spki = _as_plain_rsa(self) if self.algorithm == "rsa-pss" else self.spki
            from cryptography.exceptions import UnsupportedAlgorithm
            from cryptography.hazmat.primitives.serialization import load_der_public_key

            try:
                self._loaded = load_der_public_key(spki)
            except (UnsupportedAlgorithm, ValueError, TypeError) as error:
                raise Unsupported(self.description) from error
        return self._loaded

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self.spki == other.spki

    def __hash__(self) -> int:
        return hash(self.spki)

    def __reduce__(self) -> tuple[object, ...]:
        return PublicKey.of, (self.spki,)


LARGEST_KEPT = 1200  # bytes of a SubjectPublicKeyInfo: RSA-8192 and below


class _Memo(dict[bytes, PublicKey]):
    """Keys by their bytes, bounded in number and size. A loaded key takes about ten times its bytes, so that all stay below 8 MiB."""

    _MOST = 2048
    _MOST_BYTES = 512 * 1024

    def __init__(self) -> None:
        super().__init__()
        self._held = 0

    def keep(self, spki: bytes, key: PublicKey) -> None:
        if len(spki) > LARGEST_KEPT:
            return
        if len(self) >= self._MOST or self._held >= self._MOST_BYTES:
            self.clear()
            self._held = 0
        self[spki] = key
        self._held += len(spki)


_MEMO = _Memo()


def _sequence(content: bytes) -> bytes:
    size = len(content)
    length = (
        bytes((size,))
        if size < 0x80
        else bytes((0x80 | (size.bit_length() + 7) // 8,)) + size.to_bytes((size.bit_length() + 7) // 8, "big")
    )
    return b"\x30" + length + content


def _integers(data: bytes, count: int, what: str) -> list[int]:
    """``count`` INTEGERs in a SEQUENCE, or one bare INTEGER where count is 0."""
    if count == 0:
        return [der.integer(data, *der.whole(data, der.INTEGER, what))]
    start, stop = der.whole(data, der.SEQUENCE, what)
    parts = der.children(data, start, stop, count)
    if len(parts) != count or any(tag != der.INTEGER for tag, *_ in parts):
        raise der.Malformed(start, f"something else than {count} INTEGERs in {what}")
    return [der.integer(data, inner, after) for _, _, inner, after in parts]


def _as_plain_rsa(key: PublicKey) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    modulus, exponent = _integers(key.key_octets, 2, "RSAPublicKey")
    try:
        return RSAPublicNumbers(exponent, modulus).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except ValueError as error:
        raise Unsupported(key.description) from error
