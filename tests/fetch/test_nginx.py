"""A real nginx that serves CRLs: compressed where asked, with validators, over plain HTTP and over TLS with a CA of one's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

import pytest
from cryptography import x509

import pki
from chaincheck.fetch.guard import Guard
from chaincheck.fetch.request import Outcome
from fetch.loopback import closed_port, request
from fetch.test_proxies import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fetch.loopback import Fetch

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="needs the Debian package nginx-light")
GUARD = Guard(intranet=True, allow=("127.0.0.1",))
AUTHORITY = pki.root("nginx CA")
CRL = AUTHORITY.crl([(serial, pki.AT, None) for serial in range(1, 500)])

SETTINGS = """
{user} daemon off; pid {folder}/pid; error_log {folder}/errors; worker_processes 1;
events {{ }}
http {{
  access_log {folder}/access; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  types {{ application/pkix-crl crl; }}
  gzip on; gzip_types application/pkix-crl; gzip_min_length 1;
  root {folder}/served;
  server {{ listen 127.0.0.1:{plain}; expires 1h; }}
  server {{ listen 127.0.0.1:{secured} ssl; ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem; }}
}}
"""


class Served(NamedTuple):
    """A running nginx: URLs of the CRL, and its folder."""

    plain: str
    secured: str
    folder: Path


@contextmanager
def nginx(folder: Path) -> Iterator[Served]:
    plain, secured = closed_port(), closed_port()
    user = "user root;" if os.geteuid() == 0 else ""  # its workers are to read what only we may
    (folder / "served").mkdir()
    (folder / "served" / "ca.crl").write_bytes(CRL)
    (folder / "ca.pem").write_bytes(AUTHORITY.pem)
    (folder / "server.pem").write_bytes(server_pem())
    (folder / "nginx.conf").write_text(SETTINGS.format(user=user, folder=folder, plain=plain, secured=secured))
    process = subprocess.Popen(
        [str(NGINX), "-e", str(folder / "errors"), "-c", str(folder / "nginx.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(process, secured)
        yield Served(f"http://127.0.0.1:{plain}/ca.crl", f"https://127.0.0.1:{secured}/ca.crl", folder)
    finally:
        process.terminate()
        process.wait(10)


def server_pem() -> bytes:
    """Key and certificate of the server, issued by the CA."""
    now = datetime.now(UTC)
    name = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    server = AUTHORITY.issue(
        "nginx",
        not_before=now - timedelta(days=1),
        not_after=now + timedelta(days=1),
        eku=("serverAuth",),
        extensions=[(name, False)],
    )
    return server.key_pem + server.pem


def test_a_crl_comes_with_what_it_takes_to_ask_again(fetch: Fetch, tmp_path: Path) -> None:
    with nginx(tmp_path) as served:
        [first] = fetch([request(served.plain)])
        assert (first.outcome, first.body) == (Outcome.OK, CRL)
        assert first.etag
        assert first.last_modified
        assert first.refresh_at is not None
        assert 3590 <= first.refresh_at - first.received_at <= 3610

        conditions = [(("If-None-Match", first.etag),), (("If-Modified-Since", first.last_modified),)]
        for answer in fetch([request(served.plain, headers=headers) for headers in conditions]):
            assert (answer.outcome, answer.body, answer.etag) == (Outcome.NOT_MODIFIED, b"", first.etag)
            assert answer.refresh_at is not None

        newer = AUTHORITY.crl(number=2)
        (served.folder / "served" / "ca.crl").write_bytes(newer)
        [changed] = fetch([request(served.plain, headers=conditions[0])])
        assert (changed.outcome, changed.body) == (Outcome.OK, newer)


def test_compression_is_not_asked_for(fetch: Fetch, tmp_path: Path) -> None:
    """And is undone where somebody asks for it."""
    with nginx(tmp_path) as served:
        [plain] = fetch([request(served.plain)])
        [packed] = fetch([request(served.plain, headers=(("Accept-Encoding", "gzip"),))])
    assert plain.body == packed.body == CRL


def test_a_crl_behind_tls_of_a_private_ca(fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with nginx(tmp_path) as served:
        [unknown] = fetch([request(served.secured)])
        assert unknown.outcome is Outcome.UNREACHABLE
        assert unknown.detail.startswith("TLS: the server's certificate was not accepted (unable to get local issuer certificate")

        monkeypatch.setenv("SSL_CERT_FILE", str(served.folder / "ca.pem"))
        [known] = fetch([request(served.secured)])
        assert (known.outcome, known.body) == (Outcome.OK, CRL)

        monkeypatch.setenv("SSL_CERT_FILE", str(served.folder / "none.pem"))
        [missing] = fetch([request(served.secured)])
        assert missing.detail == "TLS: SSL_CERT_FILE or SSL_CERT_DIR names no certificates that can be read"


def test_the_methods_nginx_refuses_for_files_are_not_asked_for_ever(fetch: Fetch, tmp_path: Path) -> None:
    with nginx(tmp_path) as served:
        [answer] = fetch([request(served.plain, kind="ocsp", method="POST", body=b"question")])
    assert answer.outcome is Outcome.HTTP_STATUS
    assert answer.detail.startswith("status 405 to POST; asked by GET: status 404")
