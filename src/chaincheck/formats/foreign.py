"""Files that people hand in by mistake, recognised so that the answer can name them."""

from __future__ import annotations

import re

from chaincheck.errors import InputError

_MAGIC: tuple[tuple[bytes, str, str, str | None], ...] = (
    (b"\xfe\xed\xfe\xed", "java-keystore", "a Java keystore (JKS)", "convert it: keytool -importkeystore -deststoretype PKCS12"),
    (b"\xce\xce\xce\xce", "java-keystore", "a Java keystore (JCEKS)", "convert it: keytool -importkeystore -deststoretype PKCS12"),
    (b"\x1e\xf1\xb5\xb0", "pvk", "a Microsoft PVK private key", "convert it: openssl rsa -inform PVK -in key.pvk -out key.pem"),
    (b"MSCF", "cabinet", "a Windows cabinet file", "unpack it first"),
    (b"PK\x03\x04", "archive", "a zip archive", "unpack it first; a saved case is answered again by chaincheck replay"),
    (b"\x1f\x8b", "archive", "a gzip file", "unpack it first"),
    (b"%PDF", "pdf", "a PDF document", None),
    (b"\x89PNG", "image", "an image", "the certificate itself is needed, not a picture of it"),
    (b"\xff\xd8\xff", "image", "an image", "the certificate itself is needed, not a picture of it"),
    (b"regf", "registry-hive", "a registry hive", "export the store instead: certutil -store -split, or Export-Certificate -Type SST"),
    (b"SQLite format 3", "database", "a database (of Firefox or NSS?)", "export the certificate from it"),
    (
        b"0\xef\xbf\xbd",
        "binary-as-text",
        "DER that was read or copied as text",
        "copy the file in binary mode, or pass bytes that were never decoded",
    ),
    (
        b"0\xc2\x82",
        "binary-as-text",
        "DER that was read or copied as text",
        "copy the file in binary mode, or pass bytes that were never decoded",
    ),
)

_TEXT: tuple[tuple[re.Pattern[str], str, str, str | None], ...] = (
    (
        re.compile(r"(?i)<!doctype html|<html[\s>]|<head[\s>]"),
        "html",
        "an HTML page",
        "a login or error page was saved instead of the file?",
    ),
    (re.compile(r"<\?xml"), "xml", "an XML document", None),
    (re.compile(r"\s*[{\[]"), "json", "JSON", None),
    (
        re.compile(r"(ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-)\S+ AAAA"),
        "openssh-public-key",
        "an OpenSSH public key",
        "SSH keys are not certificates for TLS",
    ),
    (re.compile(r"---- BEGIN SSH2"), "openssh-public-key", "an SSH public key", "SSH keys are not certificates for TLS"),
    (
        re.compile(r"PuTTY-User-Key-File-"),
        "putty-key",
        "a PuTTY private key",
        "convert it with PuTTYgen: Export OpenSSH key, then ssh-keygen -p -m PEM",
    ),
    (re.compile(r"Windows Registry Editor|REGEDIT4"), "registry-export", "a registry export (.reg)", "export the store as .sst instead"),
)


def by_magic(data: bytes, where: str, expected: str) -> None:
    """Raise ``InputError`` for a binary file that is known by its first bytes; return if it is not."""
    for magic, code, found, hint in _MAGIC:
        if data.startswith(magic):
            raise InputError(code, found=found, expected=expected, where=where, hint=hint)


def by_text(text: str, where: str, expected: str) -> None:
    """Raise ``InputError`` for a text file that is known by its beginning; return if it is not."""
    beginning = text[:1000].lstrip("\ufeff \t\r\n")
    for pattern, code, found, hint in _TEXT:
        if pattern.match(beginning) or (code == "html" and pattern.search(beginning)):
            raise InputError(code, found=found, expected=expected, where=where, hint=hint)
