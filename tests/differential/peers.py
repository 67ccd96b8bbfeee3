"""The same question put to OpenSSL, pyhanko-certvalidator and Bouncy Castle, each set as near to our rules as it can be."""

from __future__ import annotations

import asyncio
import base64
import re
import shutil
import ssl
import subprocess
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pki

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from differential.generator import Scenario

JARS = tuple(Path("/usr/share/java") / f"{name}.jar" for name in ("bcprov", "bcutil", "bcpkix"))
REVIEWER = Path(__file__).with_name("Reviewer.java")


class Answer(NamedTuple):
    """What a peer says: ``errors`` in its own words, each with the index of the certificate in the path it is about (None: not said)."""

    accepted: bool
    errors: tuple[tuple[int | None, str], ...]
    failed: bool = False
    """It did not come to an answer; the error says why."""


# OpenSSL


def missing_openssl() -> str | None:
    """The package to install, as Debian calls it."""
    return None if shutil.which("openssl") else "openssl"


def openssl(scenario: Scenario, folder: Path) -> Answer:
    """``openssl verify`` as a TLS server would judge a client: security level 1, no partial chains, no strict checks."""
    arguments = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-purpose", "sslclient", "-auth_level", "1"]
    arguments += ["-attime", str(int(pki.AT.timestamp()))]
    arguments += ["-CAfile", _pem(folder / "roots.pem", scenario.roots)]
    if untrusted := (*scenario.presented, *scenario.intermediates):
        arguments += ["-untrusted", _pem(folder / "untrusted.pem", untrusted)]
    if scenario.crls:
        crls = folder / "crls.pem"
        crls.write_bytes(b"".join(_armoured(crl, b"X509 CRL") for crl in scenario.crls))
        arguments += ["-crl_check_all", "-CRLfile", str(crls)]
    leaf = folder / "leaf.pem"
    leaf.write_bytes(scenario.leaf.pem)
    done = subprocess.run([*arguments, str(leaf)], capture_output=True, text=True, timeout=30, check=False)
    said = re.findall(r"^error \d+ at (\d+) depth lookup: (.*)$", done.stdout + done.stderr, re.MULTILINE)
    return Answer(done.returncode == 0, tuple((int(depth), text) for depth, text in said))


def _pem(path: Path, certificates: Iterable[bytes]) -> str:
    # A file without a certificate is an error to openssl: an unrelated root stands for the empty store.
    path.write_text("".join(map(ssl.DER_cert_to_PEM_cert, certificates)) or ssl.DER_cert_to_PEM_cert(_stranger()))
    return str(path)


@cache
def _stranger() -> bytes:
    return pki.root("CN=Unrelated Root,O=Unrelated").der


def _armoured(der: bytes, label: bytes) -> bytes:
    return b"-----BEGIN " + label + b"-----\n" + base64.encodebytes(der) + b"-----END " + label + b"-----\n"


# pyhanko-certvalidator


def pyhanko(scenario: Scenario) -> Answer:
    """pyhanko-certvalidator: its paths, the client purpose, and the CRLs as the only evidence."""
    from asn1crypto import x509
    from pyhanko_certvalidator import CertificateValidator, ValidationContext

    def loaded(certificates: Sequence[bytes]) -> list[x509.Certificate]:
        return [x509.Certificate.load(der) for der in certificates]

    context = ValidationContext(
        trust_roots=loaded(scenario.roots) or loaded([_stranger()]),
        other_certs=loaded([*scenario.presented, *scenario.intermediates]),
        moment=pki.AT,
        time_tolerance=timedelta(0),
        allow_fetching=False,
        crls=list(scenario.crls),
        revocation_mode="require" if scenario.crls else "soft-fail",
        weak_hash_algos=set(),
    )
    validator = CertificateValidator(x509.Certificate.load(scenario.leaf.der), validation_context=context)
    try:
        asyncio.run(validator.async_validate_usage(set(), {"client_auth"}, extended_optional=True))  # type: ignore[no-untyped-call]
    except Exception as error:  # noqa: BLE001 - some come as AssertionError or NotImplementedError: they are in the table
        return Answer(False, ((None, f"{type(error).__name__}: {' '.join(str(error).split())}"),))
    return Answer(True, ())


# Bouncy Castle


def missing_bouncy_castle() -> str | None:
    """The package to install, as Debian calls it."""
    if not shutil.which("java") or not shutil.which("javac"):
        return "default-jdk-headless"
    if not JARS[0].exists():
        return "libbcprov-java"
    return None


class BouncyCastle:
    """``PKIXCertPathReviewer`` in a Java process that lives as long as this object."""

    def __init__(self) -> None:
        path = ":".join(str(jar) for jar in JARS if jar.exists())
        command = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-cp", path, str(REVIEWER)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.ready = self._read()
        assert self.ready.startswith("ready\t"), self.ready

    def review(self, path: Sequence[bytes], anchors: Sequence[bytes], crls: Sequence[bytes]) -> Answer:
        """All problems of a path (from the subject up, without its anchor)."""
        moment = str(int(pki.AT.timestamp() * 1000))
        fields = [moment, "1" if crls else "0", *(_list(each) for each in (anchors, path, crls))]
        assert self._process.stdin is not None
        self._process.stdin.write("\t".join(fields) + "\n")
        self._process.stdin.flush()
        verdict, *errors = self._read().split("\t")
        if verdict == "failed":
            return Answer(False, ((None, " ".join(errors)),), failed=True)
        found = [error.partition(":") for error in errors]
        return Answer(verdict == "ok", tuple((None if index == "-1" else int(index), text) for index, _, text in found))

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the Java process ended with {self._process.wait(30)}; what it said is on standard error"
        return line.rstrip("\n")

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


def _list(certificates: Iterable[bytes]) -> str:
    return ",".join(base64.b64encode(der).decode() for der in certificates)
