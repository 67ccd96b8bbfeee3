"""The public half of a private key, out of any form a key is kept in; the private half is dropped at once.

A key whose frame is complete but which cannot be used is not an error: ``KeyMaterial.problem`` says why, and becomes a cause.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chaincheck.errors import InputError
from chaincheck.formats import frame, pbe
from chaincheck.formats.classify import Kind, classify
from chaincheck.formats.described import type_name
from chaincheck.formats.loaded import KeyMaterial
from chaincheck.formats.pbe import Budget, Password
from chaincheck.x509.der import Malformed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

PasswordSource = str | bytes | Callable[[], str | bytes | None] | None

_ORIGINS = {
    Kind.PKCS8: "PKCS#8",
    Kind.RSA_KEY: "PKCS#1",
    Kind.DSA_KEY: "DSA",
    Kind.EC_KEY: "SEC1",
    Kind.ENCRYPTED_PKCS8: "encrypted PKCS#8",
}
_LONGEST_KEY = 65_536  # bytes; RSA-16384, the largest that OpenSSL uses, takes 9.5 KB


def ask(password: PasswordSource) -> str | bytes | None:
    """The password itself, where a function gives it."""
    value: object = password() if callable(password) else password
    if value is not None and not isinstance(value, (str, bytes)):
        expected = "a str, bytes, None, or a function that returns one of these"
        raise InputError("argument-type", found=f"an object of type {type_name(value)}", expected=expected, where="password")
    return value


def from_der(der: bytes, kind: Kind, password: PasswordSource, budget: Budget, where: str) -> KeyMaterial:
    """Read a key of one of the kinds in ``classify.KEYS``. Raises ``InputError`` for a password that is missing or wrong."""
    origin = _ORIGINS[kind]
    if kind is not Kind.ENCRYPTED_PKCS8:
        return plain(der, origin, encrypted=False)
    given = ask(password)
    if given is None:
        raise password_needed("an encrypted private key", where)
    return shrouded(der, Password.of(given), budget, origin, where)


def shrouded(der: bytes, password: Password, budget: Budget, origin: str, where: str) -> KeyMaterial:
    """Open an EncryptedPrivateKeyInfo (RFC 5958 3)."""
    try:
        outer = frame.whole(der, "EncryptedPrivateKeyInfo")
        fields = frame.children(der, outer)
        scheme = frame.expect(der, fields, 0x30, "encryptionAlgorithm")
        secret = frame.octets(der, frame.expect(der, fields, 0x04, "encryptedData"), "encryptedData")
        opened = pbe.decrypt(der, scheme, secret, password, budget)
    except pbe.WrongPassword:
        raise wrong_password("an encrypted private key", where) from None
    except pbe.UnsupportedScheme as unsupported:
        return KeyMaterial(spki=None, problem=f"not supported: {unsupported}", origin=origin, encrypted=True, supported=False)
    except Malformed as fault:
        return KeyMaterial(
            spki=None, problem=f"the encrypted key is damaged: {fault.what} (byte {fault.offset})", origin=origin, encrypted=True
        )
    if classify(opened) is not Kind.PKCS8:  # one wrong password in 256 has right padding
        raise wrong_password("an encrypted private key", where)
    return plain(opened, origin, encrypted=True)


def plain(der: bytes, origin: str, *, encrypted: bool) -> KeyMaterial:
    """Read a key that is not, or no longer, encrypted."""
    if len(der) > _LONGEST_KEY:
        return KeyMaterial(spki=None, problem=f"a key of {len(der):,} bytes", origin=origin, encrypted=encrypted)
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    # The library's own check of an RSA key takes 30 ms; ours, below, finds any damage in microseconds
    return _material(lambda: load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True), origin, encrypted=encrypted)


def traditional(information: str, data: bytes, password: PasswordSource, budget: Budget, where: str) -> KeyMaterial:
    """Open a PEM key with ``Proc-Type: 4,ENCRYPTED``; ``information`` is its DEK-Info.

    Not by ``cryptography``, which panics on an initial vector that is too short (50.0).
    """
    given = ask(password)
    if given is None:
        raise password_needed("an encrypted private key", where)
    origin = "encrypted PEM"
    try:
        opened = pbe.decrypt_pem(information, data, Password.of(given), budget)
    except pbe.WrongPassword:
        raise wrong_password("an encrypted private key", where) from None
    except pbe.UnsupportedScheme as unsupported:
        return KeyMaterial(spki=None, problem=f"not supported: {unsupported}", origin=origin, encrypted=True, supported=False)
    except Malformed as fault:
        return KeyMaterial(spki=None, problem=f"the encrypted key is damaged: {fault.what}", origin=origin, encrypted=True)
    if classify(opened) not in (Kind.RSA_KEY, Kind.EC_KEY, Kind.DSA_KEY, Kind.PKCS8):
        raise wrong_password("an encrypted private key", where)
    return plain(opened, origin, encrypted=True)


def _material(load: Callable[[], PrivateKeyTypes], origin: str, *, encrypted: bool) -> KeyMaterial:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        key = load()
        fault = _inconsistent(key)
        return KeyMaterial(spki=public_half(key.public_key()), problem=fault, origin=origin, encrypted=encrypted)
    except UnsupportedAlgorithm as error:
        return KeyMaterial(spki=None, problem=f"not supported: {_first_line(error)}", origin=origin, encrypted=encrypted, supported=False)
    # whatever the library says of a damaged key: ValueError, TypeError, OverflowError, InternalError
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        return KeyMaterial(spki=None, problem=f"the key cannot be loaded: {_first_line(error)}", origin=origin, encrypted=encrypted)


def _inconsistent(key: PrivateKeyTypes) -> str | None:
    """Whether the numbers of an RSA key belong together (RFC 8017 3.2)."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if not isinstance(key, RSAPrivateKey):
        return None
    numbers = key.private_numbers()
    n, e = numbers.public_numbers.n, numbers.public_numbers.e
    p, q = numbers.p, numbers.q
    right = (
        p > 1 and q > 1 and p * q == n
        and e * numbers.d % (p - 1) == 1 and e * numbers.d % (q - 1) == 1
        and (numbers.d - numbers.dmp1) % (p - 1) == 0 and (numbers.d - numbers.dmq1) % (q - 1) == 0
        and numbers.iqmp * q % p == 1
    )  # fmt: skip
    return None if right else "the numbers of the RSA key do not belong together"


def public_half(key: Any) -> bytes:
    """SubjectPublicKeyInfo of a public key object, or the bytes where it is given as such. Raises ``ValueError`` for anything else."""
    if isinstance(key, (bytes, bytearray, memoryview)):
        spki = bytes(key)
    else:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if classify(spki) is not Kind.PUBLIC_KEY:
        raise ValueError("its public_key() gives no SubjectPublicKeyInfo")
    return spki


def from_object(key: Any, where: str) -> KeyMaterial:
    """A key object: anything with ``public_key()``, or a public key object of ``cryptography`` (the private half may be in an HSM)."""
    origin = f"{type(key).__module__.partition('.')[0]} object"
    try:
        return KeyMaterial(
            spki=public_half(key.public_key() if hasattr(key, "public_key") else key), problem=None, origin=origin, encrypted=False
        )
    except Exception as error:  # the caller's object may raise anything
        found = f"a {type(key).__name__} whose public half cannot be had: {_first_line(error)}"
        raise InputError("key-object", found=found, expected="a private key object with a working public_key()", where=where) from error


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0][:200] if lines else type(error).__name__


def wrong_password(found: str, where: str) -> InputError:
    """The error for a password that does not open it."""
    return InputError("wrong-password", found=f"{found} that this password does not open", expected="the right password", where=where)


def password_needed(found: str, where: str) -> InputError:
    """The error for a password that was not given."""
    return InputError("password-needed", found=f"{found} and no password", expected="its password", where=where, hint="pass password=")
