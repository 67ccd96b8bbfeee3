"""Against the responder of OpenSSL: ``openssl ocsp`` as a process of its own, asked by POST and GET."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest

import chaincheck
import pki
from chaincheck.causes.codes import DocumentedCause, Finding, Verdict
from chaincheck.x509.certificate import Certificate
from chaincheck.x509.ocsp import build_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    Ask = Callable[..., chaincheck.Diagnosis]

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl: apt-get install openssl"),
]

NOW = datetime.now(UTC)
DATES: dict[str, Any] = {**pki.valid_around(NOW, 30)}
ROOT = pki.root("OpenSSL root", key="rsa2048", **DATES)
CA = ROOT.issue_ca("OpenSSL CA", key="rsa2048:b", **DATES)
DELEGATE = CA.issue_responder("OpenSSL responder", key="rsa2048:c", **DATES)
RULES = replace(chaincheck.IIS, revocation="subject")
NAMES = ("good", "revoked", "held", "unknown")


@dataclass(frozen=True)
class Responder:
    """A running process; the certificates name its URL."""

    port: int
    leaves: dict[str, pki.Issued]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def diagnose(self, ask: Ask, name: str, **more: Any) -> chaincheck.Diagnosis:
        store = chaincheck.TrustStore(roots=[ROOT.der], intermediates=[CA.der])
        return ask(self.leaves[name].der, store=store, rules=RULES, guard=chaincheck.Guard(allow=(self.address,)), **more)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _index(leaves: dict[str, pki.Issued], more: Mapping[str, tuple[str, str]]) -> str:
    """The database of ``openssl ca``: status, expiry, revocation, serial, file, subject."""
    expiry = f"{NOW + timedelta(days=30):%y%m%d%H%M%SZ}"
    when = f"{NOW - timedelta(days=3):%y%m%d%H%M%SZ}"
    revocations = {"good": ("V", ""), "revoked": ("R", f"{when},keyCompromise"), "held": ("R", f"{when},certificateHold"), **more}
    lines = []
    for name, (status, revoked) in revocations.items():
        serial = f"{leaves[name].serial:X}"
        lines.append("\t".join((status, expiry, revoked, serial.zfill(len(serial) + len(serial) % 2), "unknown", f"/CN={name}")))
    return "\n".join(lines) + "\n"


@contextmanager
def running(folder: Path, signer: pki.Issued, *options: str, more: Mapping[str, tuple[str, str]] | None = None) -> Iterator[Responder]:
    """``more``: further certificates by name, each with its status and revocation in the database."""
    port = _free_port()
    leaves = {name: CA.issue(name, **DATES, ocsp_urls=[f"http://127.0.0.1:{port}/"]) for name in (*NAMES, *(more or {}))}
    files = {"index.txt": _index(leaves, more or {}).encode(), "ca.pem": CA.pem, "signer.pem": signer.pem, "signer.key": signer.key_pem}
    for file, content in files.items():
        (folder / file).write_bytes(content)
    command = [
        "openssl",
        "ocsp",
        "-index",
        "index.txt",
        "-port",
        str(port),
        "-CA",
        "ca.pem",
        "-rsigner",
        "signer.pem",
        "-rkey",
        "signer.key",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "-nmin", "60", *options], cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        _wait_for(process, folder / "log")
        yield Responder(port, leaves)
    finally:
        process.kill()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 20
    while b"waiting for OCSP client connections" not in log.read_bytes():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, "the responder does not start"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def responder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Responder]:
    with running(tmp_path_factory.mktemp("ca"), CA) as found:
        yield found


@pytest.fixture(scope="module")
def delegated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Responder]:
    with running(tmp_path_factory.mktemp("delegate"), DELEGATE, "-resp_key_id") as found:
        yield found


def test_a_good_certificate_is_accepted(ask: Ask, responder: Responder) -> None:
    diagnosis = responder.diagnose(ask, "good")
    assert diagnosis.accepted, diagnosis.to_text()
    assert diagnosis.documented_causes[DocumentedCause.REVOKED] is Finding.RULED_OUT
    assert [(r.request.method, r.status) for r in diagnosis.responses] == [("POST", 200)]


def test_a_revoked_certificate_is_refused_with_its_date_and_reason(ask: Ask, responder: Responder) -> None:
    diagnosis = responder.diagnose(ask, "revoked")
    assert diagnosis.verdict is Verdict.REFUSED
    cause = next(cause for cause in diagnosis.causes if cause.code == "revoked")
    facts: Any = cause.facts
    assert (facts.reason, facts.revoked_at) == ("keyCompromise", (NOW - timedelta(days=3)).replace(microsecond=0))


def test_a_certificate_on_hold_is_refused_as_that(ask: Ask, responder: Responder) -> None:
    diagnosis = responder.diagnose(ask, "held")
    assert diagnosis.verdict is Verdict.REFUSED
    assert "on-hold" in [cause.code for cause in diagnosis.causes]


def test_a_certificate_the_responder_does_not_know_is_not_accepted(ask: Ask, responder: Responder) -> None:
    diagnosis = responder.diagnose(ask, "unknown")
    assert not diagnosis.accepted
    assert "revocation-unknown" in [cause.code for cause in diagnosis.causes]
    assert diagnosis.documented_causes[DocumentedCause.REVOKED] is Finding.NOT_CHECKED


@pytest.mark.parametrize(("name", "verdict"), [("good", Verdict.ACCEPTED), ("revoked", Verdict.REFUSED)])
def test_a_delegated_responder_that_names_itself_by_key_is_believed(name: str, verdict: Verdict, ask: Ask, delegated: Responder) -> None:
    diagnosis = delegated.diagnose(ask, name)
    assert diagnosis.verdict is verdict, diagnosis.to_text()


def test_a_responder_that_is_gone_is_said_to_be_unreachable(ask: Ask, tmp_path: Path) -> None:
    with running(tmp_path, CA) as found:
        pass
    diagnosis = found.diagnose(ask, "good", timeout=5)
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert "revocation-unreachable" in [cause.code for cause in diagnosis.causes]


def test_a_broken_signature_of_the_responder_is_not_believed(ask: Ask, tmp_path: Path) -> None:
    with running(tmp_path, CA, "-badsig") as found:
        diagnosis = found.diagnose(ask, "good")
    assert not diagnosis.accepted
    assert "revocation-evidence-invalid" in [cause.code for cause in diagnosis.causes]


def test_many_questions_go_through_one_checker(responder: Responder) -> None:
    store = chaincheck.TrustStore(roots=[ROOT.der], intermediates=[CA.der])
    with chaincheck.Checker(store=store, rules=RULES, guard=chaincheck.Guard(allow=(responder.address,))) as checker:
        verdicts = [checker.diagnose(responder.leaves[name].der).verdict for name in ("good", "revoked", "good", "held")]
    assert verdicts == [Verdict.ACCEPTED, Verdict.REFUSED, Verdict.ACCEPTED, Verdict.REFUSED]


# -------------------------------------------------------------------------------- what it answers, supplied to the diagnosis


def _supplied(responder: Responder, name: str, *answers: bytes) -> chaincheck.Diagnosis:
    return responder.diagnose(chaincheck.diagnose, name, fetch="never", ocsp_responses=list(answers))


def _by_get(responder: Responder, name: str, hash_name: str) -> bytes:
    """RFC 6960 A.1: the request in Base64, percent-encoded, behind the URL."""
    leaf, issuer = Certificate(responder.leaves[name].der), Certificate(CA.der)
    request = build_request(leaf, leaf.issuer_der, issuer.public_key, hash_name)
    with urlopen(f"http://{responder.address}/{quote(b64encode(request), safe='')}", timeout=20) as answer:
        body: bytes = answer.read()
    return body


def _by_its_own_client(responder: Responder, folder: Path, *names: str) -> bytes:
    """One request about several certificates, with SHA-256 CertIDs."""
    (folder / "ca.pem").write_bytes(CA.pem)
    command = [
        "openssl",
        "ocsp",
        "-issuer",
        "ca.pem",
        "-url",
        f"http://{responder.address}/",
        "-respout",
        "answer",
        "-noverify",
        "-no_nonce",
    ]
    for name in names:
        (folder / f"{name}.pem").write_bytes(responder.leaves[name].pem)
        command += ["-sha256", "-cert", f"{name}.pem"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    return (folder / "answer").read_bytes()


@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
@pytest.mark.parametrize(("name", "verdict"), [("good", Verdict.ACCEPTED), ("revoked", Verdict.REFUSED), ("held", Verdict.REFUSED)])
def test_it_answers_by_get_about_either_kind_of_certificate_id(hash_name: str, name: str, verdict: Verdict, responder: Responder) -> None:
    assert _supplied(responder, name, _by_get(responder, name, hash_name)).verdict is verdict


def test_one_response_about_several_certificates_speaks_of_each(responder: Responder, tmp_path: Path) -> None:
    answer = _by_its_own_client(responder, tmp_path, "good", "revoked", "held", "unknown")
    expected = {"good": Verdict.ACCEPTED, "revoked": Verdict.REFUSED, "held": Verdict.REFUSED, "unknown": Verdict.UNDETERMINED}
    assert {name: _supplied(responder, name, answer).verdict for name in NAMES} == expected


def test_an_answer_about_another_certificate_proves_nothing(responder: Responder) -> None:
    diagnosis = _supplied(responder, "good", _by_get(responder, "held", "sha256"))
    assert diagnosis.verdict is Verdict.UNDETERMINED


def test_a_responder_whose_certificate_has_expired_is_not_believed(ask: Ask, tmp_path: Path) -> None:
    expired = CA.issue_responder("Expired", key="rsa2048:d", not_before=NOW - timedelta(days=30), not_after=NOW - timedelta(days=1))
    with running(tmp_path, expired) as found:
        diagnosis = found.diagnose(ask, "good")
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert "revocation-evidence-invalid" in [cause.code for cause in diagnosis.causes]


def test_a_certificate_that_may_not_sign_answers_is_not_believed(ask: Ask, tmp_path: Path) -> None:
    with running(tmp_path, CA.issue("Client", key="rsa2048:d", **DATES)) as found:
        diagnosis = found.diagnose(ask, "good")
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert "revocation-evidence-invalid" in [cause.code for cause in diagnosis.causes]


# CRLReason as `openssl ca` writes it. It knows no privilegeWithdrawn and no aACompromise.
OPENSSL_REASONS = ("unspecified", "keyCompromise", "CACompromise", "affiliationChanged", "superseded", "cessationOfOperation")


@pytest.fixture(scope="module")
def with_reasons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Responder]:
    when = f"{NOW - timedelta(days=3):%y%m%d%H%M%SZ}"
    with running(tmp_path_factory.mktemp("reasons"), CA, more={reason: ("R", f"{when},{reason}") for reason in OPENSSL_REASONS}) as found:
        yield found


@pytest.mark.parametrize("reason", OPENSSL_REASONS)
def test_the_reason_of_a_revocation_is_told(reason: str, ask: Ask, with_reasons: Responder) -> None:
    diagnosis = with_reasons.diagnose(ask, reason)
    assert diagnosis.verdict is Verdict.REFUSED
    facts: Any = next(cause for cause in diagnosis.causes if cause.code == "revoked").facts
    assert (facts.reason or "unspecified").lower() == reason.lower()
