"""The service of docs/services.md, as it stands there: a real nginx, a real uvicorn, and visitors with certificates good and bad."""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest
from cryptography import x509

import http_server
import pki
from fetch.loopback import closed_port
from fetch.test_proxies import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="needs the Debian package nginx-light")

SHOWN = Path(__file__).parents[2] / "docs" / "service"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
MAIN = """{user} daemon off; pid pid; error_log errors; worker_processes 1;
events {{ }}
http {{ access_log access; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  include shown.conf; }}
"""


class Service(NamedTuple):
    url: str
    folder: Path
    ca: pki.Authority
    crl_url: str

    def visit(self, client: pki.Issued | None, lang: str = "en", **headers: str) -> tuple[int, dict[str, Any]]:
        context = ssl.create_default_context(cadata=(self.folder / "root.pem").read_text())
        if client is not None:
            path = self.folder / f"{client.serial}.pem"
            path.write_bytes(client.key_pem + client.pem)
            context.load_cert_chain(path)
        with httpx.Client(verify=context, trust_env=False) as browser:
            answer = browser.get(self.url, headers={"Accept-Language": lang, **headers})
        return answer.status_code, answer.json()

    def client(self, name: str, *, until: datetime = NOW + 30 * DAY, serial: int | None = None) -> pki.Issued:
        more: dict[str, Any] = {} if serial is None else {"serial": serial}
        return self.ca.issue(name, not_before=NOW - 60 * DAY, not_after=until, crl_urls=(self.crl_url,), **more)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    long = {"not_before": NOW - 90 * DAY, "not_after": NOW + 900 * DAY}
    root = pki.root("Shop Root", **long)  # type: ignore[arg-type]  # a value of the wrong type, or options as a dict
    san = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    server = root.issue("nginx", eku=("serverAuth",), extensions=[(san, False)], **long)  # type: ignore[arg-type]
    (folder / "root.pem").write_bytes(root.pem)
    (folder / "server.pem").write_bytes(server.key_pem + server.pem)
    port = closed_port()
    (folder / "nginx.conf").write_text(MAIN.format(user="user root;" if os.geteuid() == 0 else ""))
    shown = (SHOWN / "nginx.conf").read_text()
    (folder / "shown.conf").write_text(
        shown.replace("listen 8443", f"listen 127.0.0.1:{port}").replace("unix:application.sock", f"unix:{folder}/application.sock")
    )
    shutil.copy(SHOWN / "certificate.conf", folder)
    with ExitStack() as stack:
        web = stack.enter_context(http_server.running())
        ca = root.issue_ca("Shop CA", crl_urls=(web.url("/root.crl"),), **long)  # type: ignore[arg-type]
        (folder / "store.pem").write_bytes(pki.pem_bundle(root, ca))
        revoked = [(66, NOW - 2 * DAY, "keyCompromise")]
        crl_url = web.serve("/ca.crl", http_server.Reply(body=ca.crl(revoked, this_update=NOW - DAY, next_update=NOW + DAY)))
        web.serve("/root.crl", http_server.Reply(body=root.crl(this_update=NOW - DAY, next_update=NOW + DAY)))
        environment = {**os.environ, "PKI_STORE": str(folder / "store.pem"), "PKI_HOSTS": f"127.0.0.1:{web.port}"}
        environment |= {"XDG_CACHE_HOME": str(folder / "cache"), "NO_PROXY": "*"}
        uvicorn = [sys.executable, "-m", "uvicorn", "--uds", str(folder / "application.sock"), "--app-dir", str(SHOWN), "application:app"]
        log = stack.enter_context((folder / "uvicorn").open("wb"))
        for command in (uvicorn, [str(NGINX), "-e", "errors", "-p", str(folder), "-c", "nginx.conf"]):
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
            stack.callback(process.wait, 10)
            stack.callback(process.terminate)
        wait_for(process, port)
        until = time.monotonic() + 20
        while not (folder / "application.sock").exists():
            assert time.monotonic() < until, (folder / "uvicorn").read_text()
            time.sleep(0.05)
        yield Service(f"https://127.0.0.1:{port}/", folder, ca, crl_url)


def test_a_good_certificate_is_let_in(service: Service) -> None:
    assert service.visit(service.client("alice")) == (200, {"welcome": "CN=alice"})


def test_who_sends_none_is_told_so(service: Service) -> None:
    status, answer = service.visit(None)
    assert (status, codes(answer)) == (403, ["no-certificate"])


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_an_expired_one_is_told_when_in_the_visitors_language(service: Service, lang: str) -> None:
    status, answer = service.visit(service.client("bob", until=NOW - 3 * DAY), lang)
    assert (status, codes(answer)) == (403, ["expired"])
    assert ("有効期限" if lang == "ja" else "expired") in answer["headline"]


def test_a_revoked_one_is_told_that_it_is(service: Service) -> None:
    status, answer = service.visit(service.client("mallory", serial=66))
    assert (status, codes(answer)) == (403, ["revoked"])


def test_a_foreign_one_is_told_the_documented_cause_and_no_more(service: Service) -> None:
    foreign = pki.root("Foreign Root").issue("eve", not_before=NOW - DAY, not_after=NOW + DAY)
    status, answer = service.visit(foreign)
    assert (status, codes(answer)) == (403, [None])
    assert answer["causes"][0]["documented"] == "root-not-installed"


def test_no_answer_speaks_of_the_store_the_network_or_others(service: Service) -> None:
    visitors = [service.client("mallory", serial=66), service.client("bob", until=NOW - 3 * DAY), None]
    foreign = pki.root("Foreign Root").issue("eve", not_before=NOW - DAY, not_after=NOW + DAY)
    for visitor in [*visitors, foreign]:
        said = json.dumps(service.visit(visitor))
        assert not re.search(r"Shop Root|store\.pem|127\.0\.0\.1|ca\.crl|" + re.escape(str(service.folder)), said)


def test_a_header_that_the_visitor_writes_himself_counts_for_nothing(service: Service) -> None:
    good = service.client("alice")
    status, answer = service.visit(None, **{"X-Client-Cert": good.pem.decode().replace("\n", "%0A").replace("+", "%2B")})
    assert (status, codes(answer)) == (403, ["no-certificate"])


def codes(answer: dict[str, Any]) -> list[str | None]:
    return [cause["code"] for cause in answer["causes"] if cause["severity"] == "fatal"]
