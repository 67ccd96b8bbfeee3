"""Against certomancer: a PKI of another maker, with its CRL and OCSP endpoints served over real HTTP."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import chaincheck
from chaincheck.causes.codes import DocumentedCause, Finding, Verdict
from pki_keys import key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ask = Callable[..., chaincheck.Diagnosis]

certomancer = pytest.importorskip("certomancer", reason="pip install 'certomancer[web-api]'")
serving = pytest.importorskip("werkzeug.serving", reason="pip install 'certomancer[web-api]'")

pytestmark = pytest.mark.external

KEYS = {"root": "rsa2048", "interm": "rsa2048:b", "responder": "rsa2048:c", "client": "rsa2048:d", "lister": "p256:lister"}
LEAVES = ("by-ocsp", "by-crl", "by-both")
PARTS = ("by-indirect-crl", "by-reasons")  # CRLs that do not speak about everything (RFC 5280 5.2.5)


def _configuration(prefix: str) -> dict[str, Any]:
    """Root, intermediate and responder; three good and three revoked clients, by what they name as source."""
    now = datetime.now(UTC)
    validity = {
        "valid-from": f"{now - timedelta(days=30):%Y-%m-%dT%H:%M:%S+0000}",
        "valid-to": f"{now + timedelta(days=30):%Y-%m-%dT%H:%M:%S+0000}",
    }
    revoked = {"revoked-since": f"{now - timedelta(days=3):%Y-%m-%dT%H:%M:%S+0000}", "reason": "key_compromise"}
    usages = [
        {"id": "key_usage", "critical": True, "smart-value": {"schema": "key-usage", "params": ["digital_signature"]}},
        {"id": "extended_key_usage", "value": ["client_auth"]},
    ]
    crl = {"id": "crl_distribution_points", "smart-value": {"schema": "crl-dist-url", "params": {"crl-repo-names": ["interm"]}}}
    ocsp = {"id": "authority_information_access", "smart-value": {"schema": "aia-urls", "params": {"ocsp-responder-names": ["interm"]}}}

    def parts(*names: str) -> dict[str, Any]:
        return {"id": "crl_distribution_points", "smart-value": {"schema": "crl-dist-url", "params": {"crl-repo-names": list(names)}}}

    sources = {
        "by-ocsp": [ocsp],
        "by-crl": [crl],
        "by-both": [ocsp, crl],
        "by-indirect-crl": [parts("indirect")],
        "by-reasons": [parts("compromised", "other-reasons")],
    }
    certs: dict[str, Any] = {
        "root": {
            "subject": "root",
            "issuer": "root",
            "validity": validity,
            "profiles": [{"id": "simple-ca", "params": {"crl-repo": "root"}}],
        },
        "interm": {
            "subject": "interm",
            "issuer": "root",
            "validity": validity,
            "profiles": [{"id": "simple-ca", "params": {"max-path-len": 0}}],
        },
        "lister": {
            "subject": "lister",
            "issuer": "root",
            "validity": validity,
            "extensions": [
                {"id": "key_usage", "critical": True, "smart-value": {"schema": "key-usage", "params": ["crl_sign"]}},
                {"id": "crl_distribution_points", "smart-value": {"schema": "crl-dist-url", "params": {"crl-repo-names": ["root"]}}},
            ],
        },
        "responder": {"subject": "responder", "issuer": "interm", "validity": validity, "profiles": ["ocsp-responder"]},
    }
    for name, extensions in sources.items():
        client = {"subject": "client", "issuer": "interm", "validity": validity, "extensions": [*usages, *extensions]}
        certs[f"good-{name}"] = client
        certs[f"revoked-{name}"] = {**client, "revocation": revoked}
    return {
        "external-url-prefix": prefix,
        "keysets": {"all": {"keys": {name: {"path": f"{name}.pem"} for name in KEYS}}},
        "pki-architectures": {
            "all": {
                "keyset": "all",
                "entity-defaults": {"country-name": "JP", "organization-name": "Example"},
                "entities": {name: {"common-name": name} for name in KEYS},
                "certs": certs,
                "services": {
                    "ocsp": {"interm": {"for-issuer": "interm", "responder-cert": "responder", "signing-key": "responder"}},
                    "crl-repo": {
                        "root": {"for-issuer": "root", "signing-key": "root", "simulated-update-schedule": "P10D"},
                        "interm": {"for-issuer": "interm", "signing-key": "interm", "simulated-update-schedule": "P10D"},
                        "indirect": {
                            "for-issuer": "interm",
                            "crl-issuer": "lister",
                            "signing-key": "lister",
                            "issuer-cert": "lister",
                            "simulated-update-schedule": "P10D",
                            "distribution-point-name": {},
                        },
                        "compromised": _for_reasons(["key_compromise", "ca_compromise"]),
                        "other-reasons": _for_reasons(
                            [
                                "affiliation_changed",
                                "superseded",
                                "cessation_of_operation",
                                "certificate_hold",
                                "privilege_withdrawn",
                                "aa_compromise",
                            ]
                        ),
                    },
                },
            }
        },
    }


def _for_reasons(reasons: list[str]) -> dict[str, Any]:
    """A CRL of the intermediate for some reasons of revocation only."""
    return {
        "for-issuer": "interm",
        "signing-key": "interm",
        "simulated-update-schedule": "P10D",
        "covered-reasons": reasons,
        "distribution-point-name": {},
    }


@dataclass(frozen=True)
class Running:
    """The service and the certificates it issued, DER."""

    address: str
    certificates: dict[str, bytes]

    def diagnose(self, ask: Ask, name: str, **more: Any) -> chaincheck.Diagnosis:
        store = chaincheck.TrustStore(
            roots=[self.certificates["root"]], intermediates=[self.certificates["interm"], self.certificates["lister"]]
        )
        return ask(self.certificates[name], **{"store": store, "guard": chaincheck.Guard(allow=(self.address,)), **more})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    from certomancer.integrations.animator import Animator, AnimatorArchStore
    from certomancer.registry import ArchLabel, CertLabel, CertomancerConfig

    folder = tmp_path_factory.mktemp("certomancer")
    for label, name in KEYS.items():
        (folder / f"{label}.pem").write_bytes(key(name).pem)

    class Quiet(serving.WSGIRequestHandler):  # type: ignore[misc, name-defined]
        def log(self, *args: object) -> None:
            """The answers are what is looked at."""

    application: list[Any] = []

    def serve(environ: Any, start: Any) -> Any:
        return application[0](environ, start)

    server = serving.make_server("127.0.0.1", 0, serve, threaded=True, request_handler=Quiet)
    address = f"127.0.0.1:{server.server_port}"
    config = CertomancerConfig(_configuration(f"http://{address}"), key_search_dir=str(folder))
    application.append(Animator(AnimatorArchStore(config.pki_archs), with_web_ui=False, allow_time_override=False))
    arch = config.get_pki_arch(ArchLabel("all"))
    labels = ["root", "interm", "lister", *(f"{state}-{name}" for state in ("good", "revoked") for name in (*LEAVES, *PARTS))]
    certificates = {label: arch.get_cert(CertLabel(label)).dump() for label in labels}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Running(address, certificates)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("source", LEAVES)
def test_a_good_certificate_is_accepted(source: str, ask: Ask, service: Running) -> None:
    diagnosis = service.diagnose(ask, f"good-{source}")
    assert diagnosis.accepted, diagnosis.to_text()
    assert diagnosis.documented_causes[DocumentedCause.REVOKED] is Finding.RULED_OUT
    kinds = sorted(response.request.kind for response in diagnosis.responses)
    assert kinds == {"by-ocsp": ["crl", "ocsp"], "by-crl": ["crl", "crl"], "by-both": ["crl", "ocsp"]}[source]  # the first crl: of the root


@pytest.mark.parametrize("source", LEAVES)
def test_a_revoked_certificate_is_refused_with_its_reason(source: str, ask: Ask, service: Running) -> None:
    diagnosis = service.diagnose(ask, f"revoked-{source}")
    assert diagnosis.verdict is Verdict.REFUSED
    cause = next(cause for cause in diagnosis.causes if cause.code == "revoked")
    facts: Any = cause.facts
    assert facts.reason == "keyCompromise"
    assert diagnosis.documented_causes[DocumentedCause.REVOKED] is Finding.FOUND


@pytest.mark.parametrize("source", PARTS)
def test_crls_that_do_not_speak_about_everything_are_judged_as_the_rfc_has_it(source: str, ask: Ask, service: Running) -> None:
    good = service.diagnose(ask, f"good-{source}", rules=chaincheck.RFC5280)
    assert good.accepted, good.to_text()
    revoked = service.diagnose(ask, f"revoked-{source}", rules=chaincheck.RFC5280)
    assert [cause.code for cause in revoked.causes if cause.severity == "fatal"] == ["revoked"]


@pytest.mark.parametrize("source", PARTS)
def test_windows_does_not_use_them_to_call_a_certificate_good(source: str, ask: Ask, service: Running) -> None:
    diagnosis = service.diagnose(ask, f"good-{source}")
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert {cause.code for cause in diagnosis.causes} == {"revocation-out-of-scope"}
    assert service.diagnose(ask, f"revoked-{source}").verdict is Verdict.REFUSED


def test_by_rfc_5280_the_answers_are_the_same(ask: Ask, service: Running) -> None:
    for state, verdict in (("good", Verdict.ACCEPTED), ("revoked", Verdict.REFUSED)):
        assert service.diagnose(ask, f"{state}-by-both", rules=chaincheck.RFC5280).verdict is verdict


def test_with_revocation_off_nothing_is_asked(ask: Ask, service: Running) -> None:
    diagnosis = service.diagnose(ask, "revoked-by-both", rules=replace(chaincheck.IIS, revocation="off"))
    assert diagnosis.accepted
    assert diagnosis.responses == ()


def test_without_leave_the_loopback_address_is_not_reached(ask: Ask, service: Running) -> None:
    diagnosis = service.diagnose(ask, "good-by-both", guard=None)
    assert diagnosis.verdict is Verdict.UNDETERMINED
    assert "revocation-refused-by-guard" in [cause.code for cause in diagnosis.causes]
