"""``chaincheck demo``: the four documented causes and a good certificate, diagnosed over real HTTP on this machine.

A PKI made at run time, a loopback server with its OCSP responder and its CRLs, and five questions through the public API. The keys exist
only in memory, the server only while the demo runs.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from chaincheck.causes.codes import CauseCode, DocumentedCause, Finding, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from chaincheck.diagnosis import Diagnosis


class Write(Protocol):
    """Where the text goes."""

    def __call__(self, text: str, /) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """One certificate with what is expected of it. ``title`` is a key of the texts; ``code`` is the cause that must come out."""

    title: str
    verdict: Verdict
    code: CauseCode | None
    documented: DocumentedCause | None
    ask: Callable[[], Diagnosis]

    def came_out(self, diagnosis: Diagnosis) -> bool:
        fatal = {cause.code for cause in diagnosis.causes if cause.severity is Severity.FATAL}
        found = {cause for cause, finding in diagnosis.documented_causes.items() if finding is Finding.FOUND}
        return (
            diagnosis.verdict is self.verdict
            and (self.code in fatal if self.code is not None else not fatal)
            and found == ({self.documented} if self.documented is not None else set())
        )


def run(write: Write, *, lang: str = "en", full: bool = False, width: int = 100) -> int:
    """Diagnose the five and write the answers, in short unless ``full``. Returns 0 if all came out as they should, else 70."""
    from chaincheck.causes.words import words
    from chaincheck.report.text import brief

    said = words(lang)
    wrong: list[str] = []
    with _serving() as server:
        write(said.render("demo.intro", address=f"http://{server.address}/") + "\n")
        for question in _questions(server):
            diagnosis = question.ask()
            title = said.render(f"demo.{question.title}")
            text = diagnosis.to_text(lang=lang, width=width) if full else brief(diagnosis, lang, None, width)
            write(f"\n{'=' * width}\n{title}\n{'=' * width}\n\n{text}")
            if not question.came_out(diagnosis):
                wrong.append(title)
    write("\n" + said.render("demo.not-as-expected" if wrong else "demo.as-expected", titles="; ".join(wrong)) + "\n")
    if not full:
        write(said.render("demo.full") + "\n")
    return 70 if wrong else 0


def _questions(server: _Server) -> Iterator[_Question]:
    """The five, each asked as a user would: a store of the server, and a guard that lets this one address of his own be opened."""
    import chaincheck

    pki = server.pki
    store = chaincheck.TrustStore(roots=[pki.root.der], intermediates=[pki.issuing.der], disallowed=[], name="demo server")
    without_root = chaincheck.TrustStore(roots=[pki.stranger.der], intermediates=[pki.issuing.der], disallowed=[], name="demo server")
    guard = chaincheck.Guard(allow=(server.address,))

    def asking(who: _Certified, key: Any, judged_by: Any, *presented: bytes) -> Callable[[], Diagnosis]:
        return lambda: chaincheck.diagnose(who.der, key, store=judged_by, presented=presented, guard=guard, timeout=5, cache=None)

    yield _Question(
        title="no-root",
        verdict=Verdict.REFUSED,
        code=CauseCode.UNTRUSTED_ROOT,
        documented=DocumentedCause.ROOT_NOT_INSTALLED,
        ask=asking(pki.alice, pki.alice.key, without_root, pki.root.der),
    )
    yield _Question(
        title="expired",
        verdict=Verdict.REFUSED,
        code=CauseCode.EXPIRED,
        documented=DocumentedCause.NOT_WITHIN_VALIDITY,
        ask=asking(pki.bob, pki.bob.key, store),
    )
    yield _Question(
        title="revoked",
        verdict=Verdict.REFUSED,
        code=CauseCode.REVOKED,
        documented=DocumentedCause.REVOKED,
        ask=asking(pki.carol, pki.carol.key, store),
    )
    yield _Question(
        title="no-key",
        verdict=Verdict.REFUSED,
        code=CauseCode.NO_PRIVATE_KEY,
        documented=DocumentedCause.NO_USABLE_CERTIFICATE,
        ask=asking(pki.dave, chaincheck.NO_KEY, store),
    )
    yield _Question(title="good", verdict=Verdict.ACCEPTED, code=None, documented=None, ask=asking(pki.erin, pki.erin.key, store))


# ------------------------------------------------------------------------------------------------------------------ the PKI


@dataclass(frozen=True, slots=True, kw_only=True)
class _Certified:
    certificate: x509.Certificate
    key: EllipticCurvePrivateKey
    der: bytes


class _PKI:
    """A root, an issuing CA and five clients; the responder and the CRL of the CA are under ``address``."""

    def __init__(self, address: str) -> None:
        self._now = datetime.now(UTC).replace(microsecond=0)
        self._address = address
        self.root = self._certify("Demo Root CA", None, years=(-5, 15))
        self.stranger = self._certify("Another Root CA", None, years=(-5, 15))
        self.issuing = self._certify("Demo Issuing CA", self.root, years=(-2, 8), crl="/root.crl")
        self.alice = self._client("alice")
        self.bob = self._client("bob", until=timedelta(days=-3))
        self.carol = self._client("carol")
        self.dave = self._client("dave", crl_only=True)
        self.erin = self._client("erin")
        self.revoked = {self.carol.certificate.serial_number}

    def crl(self, issuer: _Certified) -> bytes:
        """The list of what that CA has revoked, valid for a week from yesterday."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization

        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.certificate.subject)
            .last_update(self._now - timedelta(days=1))
            .next_update(self._now + timedelta(days=6))
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
            .add_extension(x509.CRLNumber(1), critical=False)
        )
        for serial in self.revoked if issuer is self.issuing else ():
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(self._now - timedelta(days=10))
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def ocsp(self, request: bytes) -> bytes:
        """The issuing CA's answer to an OCSP request."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.x509 import ocsp

        serial = ocsp.load_der_ocsp_request(request).serial_number
        about = next((c for c in (self.alice, self.bob, self.carol, self.dave, self.erin) if c.certificate.serial_number == serial), None)
        if about is None:
            return ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED).public_bytes(
                serialization.Encoding.DER
            )
        revoked = serial in self.revoked
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=about.certificate,
            issuer=self.issuing.certificate,
            algorithm=hashes.SHA1(),  # noqa: S303 - how clients identify the issuer (RFC 6960 4.1.1), not a signature
            cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
            this_update=self._now - timedelta(hours=1),
            next_update=self._now + timedelta(hours=23),
            revocation_time=self._now - timedelta(days=10) if revoked else None,
            revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
        )
        answer = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.issuing.certificate).sign(self.issuing.key, hashes.SHA256())
        return answer.public_bytes(serialization.Encoding.DER)

    def _client(self, name: str, *, until: timedelta = timedelta(days=300), crl_only: bool = False) -> _Certified:
        return self._certify(name, self.issuing, until=until, crl="/issuing.crl", ocsp=None if crl_only else "/ocsp")

    def _certify(
        self,
        name: str,
        issuer: _Certified | None,
        *,
        years: tuple[int, int] | None = None,
        until: timedelta = timedelta(),
        crl: str | None = None,
        ocsp: str | None = None,
    ) -> _Certified:
        """A CA where ``years`` (from, to) are given, else a client certificate of the last year."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Demo"), x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]
        )
        begin, end = (timedelta(days=365 * n) for n in years) if years is not None else (timedelta(days=-365), until)
        signer = key if issuer is None else issuer.key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now + begin)
            .not_valid_after(self._now + end)
            .add_extension(x509.BasicConstraints(ca=years is not None, path_length=None), critical=True)
            .add_extension(_key_usage(ca=years is not None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
        if years is None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        if crl is not None:
            point = x509.DistributionPoint([self._url(crl)], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        if ocsp is not None:
            access = x509.AccessDescription(x509.oid.AuthorityInformationAccessOID.OCSP, self._url(ocsp))
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        certificate = builder.sign(signer, hashes.SHA256())
        return _Certified(certificate=certificate, key=key, der=certificate.public_bytes(serialization.Encoding.DER))

    def _url(self, path: str) -> x509.UniformResourceIdentifier:
        from cryptography import x509

        return x509.UniformResourceIdentifier(f"http://{self._address}{path}")


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


# --------------------------------------------------------------------------------------------------------------- the server


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    address: str
    pki: _PKI


@contextmanager
def _serving() -> Iterator[_Server]:
    """The OCSP responder and the CRLs on a free port of the loopback interface, until the block ends."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer = {"/root.crl": pki.root, "/issuing.crl": pki.issuing}.get(self.path)
            if issuer is None:
                self.send_error(404)
            else:
                self._reply("application/pkix-crl", pki.crl(issuer))

        def do_POST(self) -> None:
            request = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), 10_000))
            if self.path == "/ocsp":
                self._reply("application/ocsp-response", pki.ocsp(request))
            else:
                self.send_error(404)

        def _reply(self, content_type: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by http.server
            """The demo's own output is enough."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    address = f"127.0.0.1:{server.server_port}"
    pki = _PKI(address)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="chaincheck-demo", daemon=True)
    thread.start()
    try:
        yield _Server(address=address, pki=pki)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
