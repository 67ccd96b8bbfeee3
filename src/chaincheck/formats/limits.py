"""How much is read of what a stranger may have made: every number with its origin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO

_KIB = 1024
_MIB = 1024 * _KIB


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Bounds of one call of ``load`` or ``load_key``; sizes in bytes.

    ``hostile()`` is for services that read what strangers send: small, and no path is ever opened.
    """

    max_bytes: int = 200 * _MIB
    """One source, and all members of a directory together. The largest public CRLs are near 100 MB."""

    max_certificate_bytes: int = 16 * _MIB
    """One certificate. A client certificate is 1 to 3 KB; Windows refuses a TLS handshake message above 16 KB long before this."""

    max_certificates: int = 100_000
    """Certificates, CRLs, responses and PEM blocks of one source. All of public Certificate Transparency knows fewer CA certificates."""

    max_depth: int = 8
    """Containers in containers: Base64 of PEM of PKCS#7, safe bags in safe bags. Real files nest 3 deep."""

    max_kdf_rounds: int = 10_000_000
    """Key derivation rounds of one source, all derivations together. OWASP advises up to 1,300,000; OpenSSL and Windows write 2,000 up."""

    max_kdf_memory: int = 64 * _MIB
    """Memory of one scrypt derivation. RFC 7914 examples and OpenSSL use 16 MiB (N=16384, r=8)."""

    max_files: int = 10_000
    """Files of one directory. /etc/ssl/certs of a distribution holds about 450."""

    max_directory_depth: int = 2
    """Levels below the given directory: enough for one folder per compartment or customer."""

    allow_paths: bool = True
    """Whether a str or path may name a file at all."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if type(value) is not bool if name == "allow_paths" else (type(value) is not int or value < 0):
                from chaincheck.errors import InputError
                from chaincheck.formats.described import described

                expected = "True or False" if name == "allow_paths" else "a whole number, zero or more"
                raise InputError("limits", found=described(value), expected=expected, where=f"limits.{name}")

    @classmethod
    def hostile(cls) -> Limits:
        """For input of strangers: 1 MiB, 100 objects, 1,000,000 rounds, 32 MiB of scrypt, no paths."""
        return cls(
            max_bytes=_MIB,
            max_certificate_bytes=64 * _KIB,
            max_certificates=100,
            max_depth=4,
            max_kdf_rounds=1_000_000,
            max_kdf_memory=32 * _MIB,
            max_files=0,
            max_directory_depth=0,
            allow_paths=False,
        )


DEFAULT = Limits()


def read_bounded(file: IO[bytes], size: int, most: int) -> bytes:
    """All of a file that says it has ``size`` bytes, at most one byte more than ``most``, so that the caller sees that it has more.

    Reading allocates what it is asked for: a small file is not read into a buffer of the limit. One that grows meanwhile, or that the
    system makes while it is read (its size is 0), is read on.
    """
    content = file.read(min(size, most) + 1)
    return content if len(content) <= size else content + file.read(most + 1 - len(content))
