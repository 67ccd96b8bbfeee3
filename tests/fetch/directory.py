"""A real slapd on the loopback interface, with what CAs publish in it; and how to ask it."""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaincheck.fetch.guard import Guard
from chaincheck.fetch.ldap import look_up
from chaincheck.fetch.request import Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SLAPD = shutil.which("slapd") or shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:/usr/libexec")
SCHEMA = next((folder for folder in (Path("/etc/ldap/schema"), Path("/etc/openldap/schema")) if folder.is_dir()), None)
MODULES = next((folder for folder in (Path("/usr/lib/ldap"), Path("/usr/lib64/openldap")) if folder.is_dir()), None)
MISSING = None if SLAPD and SCHEMA else "there is no slapd: apt-get install slapd"

OPEN, CLOSED = "dc=example,dc=com", "dc=closed"
GUARD = Guard(schemes=("ldap", "ldaps"), allow=("127.0.0.1",))

Entry = tuple[str, str, "Mapping[str, Sequence[bytes]]"]  # common name, object class, attributes


@dataclass(frozen=True)
class Directory:
    """A running slapd."""

    port: int
    tls_port: int
    certificate: Path | None

    def url(self, name: str, attribute: str = "certificateRevocationList;binary", rest: str = "?base?(objectClass=*)") -> str:
        """The URL of an entry of the open suffix by its common name."""
        return f"ldap://127.0.0.1:{self.port}/cn={name},{OPEN}?{attribute}{rest}"


def ask(url: str, guard: Guard = GUARD, *, seconds: float = 10.0, **more: Any) -> Response:
    fields = {"kind": "crl", "anchored": True, **more}
    return look_up(Request(url=url, **fields), guard, until=time.monotonic() + seconds)


@contextmanager
def running(folder: Path, entries: Sequence[Entry], *, more: str = "", certificate: Path | None = None) -> Iterator[Directory]:
    """``more``: further lines of its configuration; ``certificate``: a PEM file with its certificate, key and issuer, for TLS."""
    port, tls_port = _free_ports(2)
    configuration = folder / "slapd.conf"
    configuration.write_text(_configuration(folder, more, certificate))
    for number, suffix in enumerate((OPEN, CLOSED), 1):
        ldif = folder / f"{number}.ldif"
        ldif.write_text(_ldif(suffix, entries))
        _run("slapadd", "-q", "-n", str(number), "-l", str(ldif), folder=folder)
    listeners = f"ldap://127.0.0.1:{port}/" + (f" ldaps://127.0.0.1:{tls_port}/" if certificate else "")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(SLAPD), "-d", "0", "-f", str(configuration), "-h", listeners], stdout=log, stderr=log)
    try:
        _wait_for(port, process, folder / "log")
        yield Directory(port, tls_port, certificate)
    finally:
        process.terminate()
        process.wait(20)


def _configuration(folder: Path, more: str, certificate: Path | None) -> str:
    lines = [f"include {SCHEMA}/core.schema"]
    if MODULES and list(MODULES.glob("back_mdb*")):  # where it is not compiled in
        lines += [f"modulepath {MODULES}", "moduleload back_mdb"]
    lines += [f"pidfile {folder}/pid", f"argsfile {folder}/args", "sockbuf_max_incoming 16777216", more]
    if certificate:
        lines += [f"TLS{name} {certificate}" for name in ("CertificateFile", "CertificateKeyFile", "CACertificateFile")]
    for suffix, restriction in (
        (OPEN, 'access to dn.base="cn=hidden,dc=example,dc=com" by * none\naccess to * by * read'),
        (CLOSED, "require authc"),
    ):
        data = folder / suffix.replace(",", "-")
        data.mkdir()
        lines += ["database mdb", f'suffix "{suffix}"', f"directory {data}", "maxsize 134217728", restriction]
    return "\n".join(lines) + "\n"


def _ldif(suffix: str, entries: Sequence[Entry]) -> str:
    top = suffix.partition("=")[2].partition(",")[0]
    blocks = [f"dn: {suffix}\nobjectClass: dcObject\nobjectClass: organization\ndc: {top}\no: Example\n"]
    for name, object_class, attributes in entries:
        lines = [f"dn: cn={name},{suffix}", "objectClass: extensibleObject", f"objectClass: {object_class}", f"cn: {name}"]
        lines += [f"{attribute}:: {base64.b64encode(value).decode()}" for attribute, values in attributes.items() for value in values]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _run(tool: str, *arguments: str, folder: Path) -> None:
    """slapadd is slapd under another name."""
    command = [str(Path(str(SLAPD)).with_name(tool)), "-f", str(folder / "slapd.conf"), *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 20
    while True:
        assert process.poll() is None, log.read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < end, "slapd does not start"
        time.sleep(0.02)
