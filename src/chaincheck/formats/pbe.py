"""Password-based decryption of PKCS#12 and PKCS#8, with the cost of every key derivation read and bounded before it is begun.

RFC 8018 (PBES1, PBES2, PBKDF2), RFC 7292 appendix B (the PKCS#12 derivation), RFC 7914 (scrypt). The ciphers are those of ``cryptography``.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from chaincheck.errors import InputError
from chaincheck.formats import frame
from chaincheck.x509.der import Malformed
from chaincheck.x509.der import oid as read_oid

if TYPE_CHECKING:
    from chaincheck.formats.frame import Element
    from chaincheck.formats.limits import Limits


class UnsupportedScheme(Exception):
    """An algorithm this build does not decrypt; the argument names it."""


class WrongPassword(Exception):
    """The padding after decryption is not there: the password, or (rarely) damage."""


class Password(NamedTuple):
    """One password in the two forms that files use: UTF-8 (PBES2), and UTF-16 with a final zero (PKCS#12; None is really nothing)."""

    plain: bytes
    wide: bytes

    @classmethod
    def of(cls, value: str | bytes | None) -> Password:
        """From what the caller gave; bytes count as UTF-8, else Latin-1."""
        if value is None:
            return cls(b"", b"")
        if isinstance(value, bytes):
            try:
                text = value.decode("utf-8")
            except UnicodeDecodeError:
                text = value.decode("latin-1")
            return cls(value, text.encode("utf-16-be", "surrogatepass") + b"\0\0")
        return cls(value.encode("utf-8", "surrogatepass"), value.encode("utf-16-be", "surrogatepass") + b"\0\0")


class Budget:
    """What key derivation may still cost for one source."""

    def __init__(self, limits: Limits, where: str) -> None:
        self._limits = limits
        self._where = where
        self._left = limits.max_kdf_rounds

    def spend(self, rounds: int) -> None:
        """Take ``rounds``; raises ``InputError`` where they are not allowed."""
        self._left -= rounds
        if self._left < 0:
            self._refuse(f"a key derivation of {rounds:,} rounds", f"at most {self._limits.max_kdf_rounds:,} rounds in one source")

    def spend_scrypt(self, n: int, r: int, p: int) -> None:
        """Take one scrypt derivation: 128 * N * r bytes (RFC 7914 section 2), N * r * p block mixes."""
        if 128 * r * (n + p + 2) > self._limits.max_kdf_memory:
            self._refuse(f"a scrypt derivation of {128 * r * n:,} bytes", f"at most {self._limits.max_kdf_memory:,} bytes")
        self.spend(n * r * p)

    def _refuse(self, found: str, expected: str) -> None:
        hint = "made to stall the reader, or protected beyond need; raise Limits.max_kdf_rounds or max_kdf_memory if you trust it"
        raise InputError("kdf-too-expensive", found=found, expected=expected, where=self._where, hint=hint)


class Derivation(NamedTuple):
    """A key derivation as its parameters state it: ``method`` is "pbkdf2", "scrypt", "pkcs12" or "pbkdf1"."""

    method: str
    digest: str
    salt: bytes
    rounds: int
    block_size: int = 0
    parallel: int = 0

    def key(self, password: Password, length: int, purpose: int, budget: Budget) -> bytes:
        """``length`` bytes; ``purpose`` is the ID of RFC 7292 B.3 (1 key, 2 IV, 3 MAC)."""
        if self.method == "scrypt":
            budget.spend_scrypt(self.rounds, self.block_size, self.parallel)
            memory = 128 * self.block_size * (self.rounds + self.parallel + 2) + 65536
            return hashlib.scrypt(
                password.plain, salt=self.salt, n=self.rounds, r=self.block_size, p=self.parallel, maxmem=memory, dklen=length
            )
        size = hashlib.new(self.digest, usedforsecurity=False).digest_size
        budget.spend(self.rounds * -(-length // size))
        if self.method == "pbkdf2":
            return hashlib.pbkdf2_hmac(self.digest, password.plain, self.salt, self.rounds, length)
        if self.method == "pbkdf1":  # RFC 8018 5.1
            value = password.plain + self.salt
            for _ in range(self.rounds):
                value = hashlib.new(self.digest, value, usedforsecurity=False).digest()
            return value[:length]
        return _pkcs12_key(self, password.wide, length, purpose)


def _pkcs12_key(parameters: Derivation, password: bytes, length: int, purpose: int) -> bytes:
    """RFC 7292 appendix B.2."""
    digest = getattr(hashlib, parameters.digest)
    block = digest(usedforsecurity=False).block_size
    diversifier = bytes((purpose,)) * block
    mixed = _fill(parameters.salt, block) + _fill(password, block)
    out = b""
    while len(out) < length:
        value = digest(diversifier + mixed, usedforsecurity=False).digest()
        for _ in range(parameters.rounds - 1):
            value = digest(value, usedforsecurity=False).digest()
        out += value
        increment = int.from_bytes((value * block)[:block], "big") + 1
        pieces = (int.from_bytes(mixed[at : at + block], "big") + increment for at in range(0, len(mixed), block))
        mixed = b"".join((piece & ((1 << 8 * block) - 1)).to_bytes(block, "big") for piece in pieces)
    return out[:length]


def _fill(value: bytes, block: int) -> bytes:
    """Repeat ``value`` to a multiple of ``block`` bytes; nothing stays nothing."""
    wanted = -(-len(value) // block) * block
    return (value * (wanted // len(value) + 1))[:wanted] if value else b""


class Cipher(NamedTuple):
    """A block or stream cipher: its name, key length in bytes, and the initial vector (None where it is derived)."""

    name: str
    key_length: int
    initial: bytes | None
    bits: int = 0


# RFC 7292 appendix C: pbeWithSHAAnd...
_PKCS12_SCHEMES = {
    "1.2.840.113549.1.12.1.1": Cipher("rc4", 16, b""),
    "1.2.840.113549.1.12.1.2": Cipher("rc4", 5, b""),
    "1.2.840.113549.1.12.1.3": Cipher("des3", 24, None),
    "1.2.840.113549.1.12.1.4": Cipher("des3", 16, None),
    "1.2.840.113549.1.12.1.5": Cipher("rc2", 16, None, 128),
    "1.2.840.113549.1.12.1.6": Cipher("rc2", 5, None, 40),
}
_PBES1_SCHEMES = {"1.2.840.113549.1.5.3": "md5", "1.2.840.113549.1.5.10": "sha1"}  # RFC 8018 A.3, with DES
_PBES2, _PBKDF2, _SCRYPT = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12", "1.3.6.1.4.1.11591.4.11"
PBMAC1 = "1.2.840.113549.1.5.14"
_AES = {"2.16.840.1.101.3.4.1.2": 16, "2.16.840.1.101.3.4.1.22": 24, "2.16.840.1.101.3.4.1.42": 32}
_DES3_CBC, _RC2_CBC = "1.2.840.113549.3.7", "1.2.840.113549.3.2"
HMACS = {
    "1.2.840.113549.2.7": "sha1",
    "1.2.840.113549.2.8": "sha224",
    "1.2.840.113549.2.9": "sha256",
    "1.2.840.113549.2.10": "sha384",
    "1.2.840.113549.2.11": "sha512",
}
_RC2_BITS = {160: 40, 120: 64, 58: 128}  # RFC 8018 B.2.3: the "version" of RC2 parameters
_RC2_BLOCK = 100  # what one block of RC2 in Python costs, in rounds of a derivation
_LONGEST_SALT = 4096  # bytes; files have 8 to 32


def oid(data: bytes, found: Element) -> str:
    """An OBJECT IDENTIFIER in dotted form."""
    return read_oid(data, found.start, found.stop)


def number(data: bytes, found: Element, what: str) -> int:
    """A positive INTEGER of at most eight bytes; what is larger is refused as damage only after the budget would refuse it too."""
    value = int.from_bytes(data[found.start : found.stop][:16], "big", signed=True)
    if value < 1:
        raise Malformed(found.begin, f"{what} is {value}")
    return value


def algorithm(data: bytes, found: Element) -> tuple[str, Element | None]:
    """An AlgorithmIdentifier: its OID and parameters."""
    fields = frame.children(data, found)
    return oid(data, frame.expect(data, fields, 0x06, "algorithm")), next(fields, None)


def decrypt(data: bytes, scheme: Element, ciphertext: bytes, password: Password, budget: Budget) -> bytes:
    """Decrypt under the AlgorithmIdentifier ``scheme`` (an element of ``data``).

    Raises ``UnsupportedScheme``, ``WrongPassword``, ``Malformed``, and ``InputError`` where the derivation costs too much.
    """
    name, parameters = algorithm(data, scheme)
    if parameters is None or parameters.tag != 0x30:
        raise UnsupportedScheme(f"encryption {name}")
    if name == _PBES2:
        fields = frame.children(data, parameters)
        derivation, fixed = derivation_of(data, frame.expect(data, fields, 0x30, "keyDerivationFunc"))
        cipher = _cipher_of(data, frame.expect(data, fields, 0x30, "encryptionScheme"), fixed)
        return _run(cipher, derivation.key(password, cipher.key_length, 1, budget), cipher.initial or b"", ciphertext, budget)
    fields = frame.children(data, parameters)
    salt = _salt(data, frame.expect(data, fields, 0x04, "salt"))
    rounds = number(data, frame.expect(data, fields, 0x02, "iterations"), "the number of iterations")
    if name in _PBES1_SCHEMES:
        material = Derivation("pbkdf1", _PBES1_SCHEMES[name], salt, rounds).key(password, 16, 1, budget)
        return _run(Cipher("des3", 8, None), material[:8] * 3, material[8:], ciphertext, budget)
    if name not in _PKCS12_SCHEMES:
        raise UnsupportedScheme(f"encryption {name}")
    cipher = _PKCS12_SCHEMES[name]
    derivation = Derivation("pkcs12", "sha1", salt, rounds)
    key = derivation.key(password, cipher.key_length, 1, budget)
    initial = b"" if cipher.name == "rc4" else derivation.key(password, 8, 2, budget)
    return _run(cipher, key, initial, ciphertext, budget)


_PEM_CIPHERS = {
    "DES-CBC": Cipher("des3", 8, None),
    "DES-EDE3-CBC": Cipher("des3", 24, None),
    "AES-128-CBC": Cipher("aes", 16, None),
    "AES-192-CBC": Cipher("aes", 24, None),
    "AES-256-CBC": Cipher("aes", 32, None),
}


def decrypt_pem(information: str, ciphertext: bytes, password: Password, budget: Budget) -> bytes:
    """Decrypt a traditional PEM key; ``information`` is its DEK-Info (RFC 1421 4.6.1.3): cipher, comma, initial vector in hex.

    The key is one chain of MD5 over password and salt (OpenSSL's EVP_BytesToKey). Raises as ``decrypt`` does.
    """
    name, _, digits = information.partition(",")
    cipher = _PEM_CIPHERS.get(name.strip().upper())
    if cipher is None:
        raise UnsupportedScheme(f"cipher {name.strip()[:40]!r}")
    try:
        initial = bytes.fromhex(digits.strip())
    except ValueError:
        raise Malformed(0, "an initial vector that is not hexadecimal") from None
    if len(initial) != (16 if cipher.name == "aes" else 8):
        raise Malformed(0, "an initial vector of the wrong length")
    key = block = b""
    while len(key) < cipher.key_length:
        block = hashlib.md5(block + password.plain + initial[:8], usedforsecurity=False).digest()
        key += block
    key = key[: cipher.key_length]
    return _run(cipher, key * 3 if len(key) == 8 else key, initial, ciphertext, budget)


def derivation_of(data: bytes, found: Element) -> tuple[Derivation, int | None]:
    """The key derivation function of PBES2 or PBMAC1 and the key length it states (RFC 8018 A.2, RFC 7914 section 7)."""
    name, parameters = algorithm(data, found)
    if name not in (_PBKDF2, _SCRYPT) or parameters is None:
        raise UnsupportedScheme(f"key derivation {name}")
    fields = list(frame.children(data, parameters))
    ahead = iter(fields)
    salt = _salt(data, frame.expect(data, ahead, 0x04, "salt"))
    rounds = number(data, frame.expect(data, ahead, 0x02, "iterationCount"), "the number of iterations")
    if name == _SCRYPT:
        block_size = number(data, frame.expect(data, ahead, 0x02, "blockSize"), "the block size")
        parallel = number(data, frame.expect(data, ahead, 0x02, "parallelization"), "the parallelization")
        if rounds < 2 or rounds & (rounds - 1):
            raise Malformed(found.begin, "the scrypt cost is not a power of 2")
        return Derivation("scrypt", "", salt, rounds, block_size, parallel), _length(data, next(ahead, None))
    rest = next(ahead, None)
    length = None
    if rest is not None and rest.tag == 0x02:
        length, rest = _length(data, rest), next(ahead, None)
    digest = "sha1"  # RFC 8018 A.2: DEFAULT algid-hmacWithSHA1
    if rest is not None:
        prf, _ = algorithm(data, rest)
        if prf not in HMACS:
            raise UnsupportedScheme(f"pseudorandom function {prf}")
        digest = HMACS[prf]
    return Derivation("pbkdf2", digest, salt, rounds), length


def _length(data: bytes, found: Element | None) -> int | None:
    if found is None or found.tag != 0x02:
        return None
    length = number(data, found, "the key length")
    if length > 64:
        raise Malformed(found.begin, f"a key of {length} bytes")
    return length


def _salt(data: bytes, found: Element) -> bytes:
    if found.stop - found.start > _LONGEST_SALT:
        raise Malformed(found.begin, f"a salt of {found.stop - found.start} bytes")
    return data[found.start : found.stop]


def _cipher_of(data: bytes, found: Element, length: int | None) -> Cipher:
    """RFC 8018 B.2."""
    name, parameters = algorithm(data, found)
    if parameters is None:
        raise UnsupportedScheme(f"cipher {name} without parameters")
    if name == _RC2_CBC:
        fields = frame.children(data, parameters)
        version = number(data, frame.expect(data, fields, 0x02, "rc2ParameterVersion"), "the version of RC2")
        initial = frame.expect(data, fields, 0x04, "iv")
        bits = _RC2_BITS.get(version)
        if bits is None:
            raise UnsupportedScheme(f"RC2 of version {version}")
        cipher = Cipher("rc2", length or bits // 8, data[initial.start : initial.stop], bits)
    elif name in _AES or name == _DES3_CBC:
        if parameters.tag != 0x04:
            raise UnsupportedScheme(f"cipher {name} with parameters of tag 0x{parameters.tag:02x}")
        cipher = Cipher("aes" if name in _AES else "des3", _AES.get(name, 24), data[parameters.start : parameters.stop])
    else:
        raise UnsupportedScheme(f"cipher {name}")
    if len(cipher.initial or b"") != (16 if cipher.name == "aes" else 8):
        raise Malformed(parameters.begin, "an initial vector of the wrong length")
    return cipher


def _run(cipher: Cipher, key: bytes, initial: bytes, ciphertext: bytes, budget: Budget) -> bytes:
    if cipher.name == "rc4":
        return _library(cipher, key, initial, ciphertext)
    block = 16 if cipher.name == "aes" else 8
    if not ciphertext or len(ciphertext) % block:
        raise Malformed(0, f"encrypted contents of {len(ciphertext)} bytes, not whole blocks of {block}")
    if cipher.name == "rc2":
        from chaincheck.formats import rc2

        budget.spend(len(ciphertext) // 8 * _RC2_BLOCK)
        plain = rc2.decrypt(key, cipher.bits, initial, ciphertext)
    else:
        plain = _library(cipher, key, initial, ciphertext)
    count = plain[-1]
    if not 1 <= count <= block or plain[-count:] != bytes((count,)) * count:
        raise WrongPassword
    return plain[:-count]


def _library(cipher: Cipher, key: bytes, initial: bytes, ciphertext: bytes) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4, TripleDES
    from cryptography.hazmat.primitives import ciphers

    algorithm: ciphers.CipherAlgorithm
    if cipher.name == "aes":
        algorithm = ciphers.algorithms.AES(key)
    elif cipher.name == "des3":
        algorithm = TripleDES(key + key[:8] if len(key) == 16 else key)
    else:
        algorithm = ARC4(key)
    mode = None if cipher.name == "rc4" else ciphers.modes.CBC(initial)
    try:
        decryptor = ciphers.Cipher(algorithm, mode).decryptor()
        return decryptor.update(ciphertext) + decryptor.finalize()
    except UnsupportedAlgorithm:  # e.g. an OpenSSL in FIPS mode
        raise UnsupportedScheme(f"cipher {cipher.name} (switched off in this build of OpenSSL)") from None
