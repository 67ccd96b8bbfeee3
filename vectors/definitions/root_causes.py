"""The 25 root causes of a refused client certificate, each found from exports as the first cause, and the healthy twin of each.

Every profile and store here is read from made-up exports (``tests/exports.py``): what an administrator would hand in.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta
from typing import Any, Final, Literal

from cryptography import x509

import exports
import pki
from chaincheck import NO_CERTIFICATE, ClientProfile, ServerProfile, TrustStore
from exports import CURRENT_USER, ENTERPRISE, binding, configuration, netsh, registry_stores
from pki import AT
from vectors.vector import CA, CRL_URL, OTHER_ROOT, ROOT, Vector

CLIENT: Final = CA.issue("client", serial=0x1234)
DAY: Final = timedelta(days=1)
TWO_LEVELS: Final = {"ROOT": [ROOT.der], "CA": [CA.der], "Disallowed": [], "ClientAuthIssuer": []}
NO_LIST: Final = exports.schannel({"SendTrustedIssuerList": 0})
LIST: Final = exports.schannel({"SendTrustedIssuerList": 1})
ASKS: Final = configuration({"": "Ssl", "Default Web Site/private": "Ssl, SslNegotiateCert, SslRequireCert"})
CHROME: Final = ClientProfile(kind="chromium")

Verdict = Literal["accepted", "refused", "undetermined"]


def stores(changes: dict[str, list[bytes]] | None = None, *more: str, **told: Any) -> TrustStore:
    """The stores of a server from the text of its registry; ``changes`` by store, ``more`` exports of other keys."""
    text = registry_stores({**TWO_LEVELS, **(changes or {})}, **told)
    return TrustStore.load("\r\n".join((text, *more)), name="the registry of the server")


def server(*blocks: str, schannel: str = NO_LIST, config: str = ASKS, **told: Any) -> ServerProfile:
    """A profile from the binding, Schannel's settings and the configuration of IIS."""
    told = {"path": "Default Web Site/private", **told}
    return ServerProfile.load(netsh(*(blocks or (binding(),))), schannel, config, **told)


def pair(number: int, name: str, title: str, first: str, verdict: Verdict, sick: dict[str, Any], healthy: dict[str, Any]) -> list[Vector]:
    """One root cause and its twin."""
    common = {"cert": CLIENT.der, "store": stores(), "server": server(), "client": CHROME}
    told = {**common, **sick}
    about = f"root-cause-{number:02}-{name}"
    return [
        Vector(name=about, title=title, verdict=verdict, causes=(first,), first=first, **told),
        Vector(name=f"{about}-healthy", title=f"{title}: mended", verdict="accepted", absent=(first,), **{**common, **healthy}),
    ]


def vectors() -> list[Vector]:
    return [*_trust(), *_client(), *_request(), *_evidence(), *_mapping()]


def _trust() -> list[Vector]:
    stranger = OTHER_ROOT.issue_ca("Stranger CA")
    user_root = registry_stores({"ROOT": [ROOT.der]}, root=CURRENT_USER, header=False)
    customers = binding(Ctl_Store_Name="Customers")
    other = {"store": stores({"Customers": [OTHER_ROOT.der]}), "server": server(customers)}
    right = {"store": stores({"Customers": [CA.der]}), "server": server(customers)}
    told = x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(ROOT.certificate.subject)], CA.serial)
    named = {"cert": CA.issue("client", extensions=[(told, False)]).der}
    old = ROOT.issue_ca("Vector Issuing CA", key=CA.key, not_after=AT - DAY, serial=9)
    issuers = {"ClientAuthIssuer": [CA.der]}
    exclusive = {mode: exports.schannel({"ClientAuthTrustMode": mode}) for mode in (1, 2)}
    listed = exports.trust_list("1.3.6.1.4.1.311.10.3.30", [bytes.fromhex(_sha1(CA.der))])
    return [
        *pair(1, "non-self-signed-in-root", "A certificate that is not self-signed lies in the computer's Root store",
              "not-self-signed-in-root", "undetermined", {"store": stores({"ROOT": [ROOT.der, stranger.der]})}, {}),
        *pair(2, "root-of-the-user", "The root is in the Root store of the user who looked, not in that of the computer",
              "root-in-wrong-store", "refused", {"store": stores({"ROOT": [OTHER_ROOT.der]}, user_root)}, {"store": stores({}, user_root)}),
        *pair(5, "ctl-store", "The binding's Ctl Store does not hold the client's CA", "issuer-not-accepted", "refused", other, right),
        *pair(6, "intermediate-missing", "The intermediate is neither installed nor sent", "intermediate-missing", "refused",
              {**named, "store": stores({"CA": []})}, {**named, "store": stores({"CA": []}), "presented": (CA.der,)}),
        *pair(10, "expired-intermediate", "The intermediate of the chain has expired", "expired", "refused",
              {"store": stores({"CA": [old.der]})}, {"store": stores({"CA": [old.der, CA.der]})}),
        *pair(24, "trust-mode", "Exclusive Root Trust, and the store of the accepted issuers holds the intermediate only",
              "issuer-not-accepted", "refused", {"store": stores(issuers), "server": server(schannel=exclusive[1])},
              {"store": stores(issuers), "server": server(schannel=exclusive[2])}),
        *pair(25, "distrusted", "The list of distrusted certificates names the intermediate", "distrusted", "refused",
              {"store": stores(ctls={"DisallowedCertEncodedCtl": listed})},
              {"store": stores(ctls={"DisallowedCertEncodedCtl": exports.trust_list("1.3.6.1.4.1.311.10.3.30", [bytes(20)])})}),
    ]  # fmt: skip


def _client() -> list[Vector]:
    long_names = ["CN=Long Root {number}," + ",".join(f"OU={'x' * 60}{unit:03}" for unit in range(50))] * 5
    many = [pki.root(name.replace("{number}", str(number))).der for number, name in enumerate(long_names)]
    without_key = exports.listing("MY", "Personal", CLIENT, keys={0: "No key provider information"})
    with_key = exports.listing("MY", "Personal", CLIENT, keys={0: "Signature test passed"})
    alone = TrustStore.load(registry_stores({"MY": [CLIENT.der], "CA": []}, root=CURRENT_USER, properties={2: b"container"}))
    complete = TrustStore.load(registry_stores({"MY": [CLIENT.der], "CA": [CA.der]}, root=CURRENT_USER, properties={2: b"container"}))
    only_server = CA.issue("client", eku=("serverAuth",))
    encipherment = CA.issue("client", key_usage=("keyEncipherment",))
    dated = CA.issue("client", not_after=AT - DAY)
    clock = "12:00:00, d:+00.0000000s o:-172800.0000000s\n"
    return [
        *pair(3, "no-private-key", "The client's Personal store has the certificate without a key", "no-private-key", "refused",
              {"client": ClientProfile(kind="chromium", store=TrustStore.load(without_key))},
              {"client": ClientProfile(kind="chromium", store=TrustStore.load(with_key))}),
        *pair(8, "server-authentication", "A certificate for servers is used by a client", "wrong-extended-key-usage", "refused",
              {"cert": only_server.der, "client": ClientProfile(kind="dotnet")}, {"client": ClientProfile(kind="dotnet")}),
        *pair(9, "clock", "The server's clock is two days ahead, beyond the end of a certificate", "server-clock-wrong", "refused",
              {"cert": dated.der, "server": ServerProfile.load(netsh(), NO_LIST, ASKS, clock, path="Default Web Site/private")}, {}),
        *pair(12, "issuer-list-too-long", "The list of issuers is sent, and longer than 16 KB", "issuer-list-too-long", "undetermined",
              {"store": stores({"ROOT": [ROOT.der, *many]}), "server": server(schannel=LIST)},
              {"store": stores({"ROOT": [ROOT.der, *many]}), "server": server(schannel=NO_LIST)}),
        *pair(13, "client-lacks-intermediate", "The list names the root, and the client cannot connect its certificate to it",
              "client-lacks-intermediate", "refused",
              {"client": ClientProfile(kind="chromium", store=alone), "server": server(schannel=LIST)},
              {"client": ClientProfile(kind="chromium", store=complete), "server": server(schannel=LIST)}),
        *pair(14, "browser-offers-nothing", "The certificate works from a new run of the browser", "client-offers-nothing", "undetermined",
              {"client": ClientProfile(kind="chromium", works_elsewhere=True), "observed": "403 7 5"}, {}),
        *pair(15, "key-usage", "The key usage has no digital signature", "wrong-key-usage", "refused", {"cert": encipherment.der}, {}),
    ]  # fmt: skip


def _sha1(encoded: bytes) -> str:
    from chaincheck import Certificate

    return Certificate(encoded).sha1


def _request() -> list[Vector]:
    late = binding(Negotiate_Client_Certificate="Disabled")
    without: dict[str, Any] = {"Disable_TLS1.3": "Set", "Disable_HTTP2": "Set"}
    late_tls12 = binding(Negotiate_Client_Certificate="Disabled", **without)
    by_name = binding("www.example.com:443")
    mistaken = configuration({"": "None", "Default Web Site": "Ssl", "Default Web Site/public": "Ssl, SslNegotiateCert, SslRequireCert"})
    go, upload = ClientProfile(kind="go"), ClientProfile(kind="dotnet", sends_body_bytes=200_000)
    found = [
        *pair(7, "late-request", "The certificate is asked for late, and TLS 1.3 is spoken", "late-certificate-request", "refused",
              {"server": server(late)}, {"server": server(late_tls12)}),
        *pair(11, "renegotiation", "A Go client is asked for its certificate by renegotiation", "renegotiation-refused", "refused",
              {"server": server(late_tls12), "client": go}, {"server": server(), "client": go}),
        *pair(16, "tls-in-front", "A balancer ends TLS in front of IIS", "tls-ends-in-front", "refused",
              {"server": server(tls_ends_in_front=True)}, {"server": server(tls_ends_in_front=False)}),
        *pair(17, "large-body", "A large body is posted while the certificate is still to be asked for", "body-too-large", "refused",
              {"server": server(late_tls12), "client": upload}, {"server": server(), "client": upload}),
        *pair(23, "other-binding", "The entry of the host name and that of all addresses differ, and nobody knows which answered",
              "bindings-differ", "undetermined", {"server": server(by_name, late)},
              {"server": server(by_name, late, host="www.example.com")}),
    ]  # fmt: skip
    required = Vector(
        name="root-cause-20-required-by-mistake",
        title="A public directory demands a certificate that the site above it does not",
        verdict="refused",
        causes=("required-only-here", "no-certificate"),
        first="required-only-here",
        cert=NO_CERTIFICATE,
        store=stores(),
        server=server(config=mistaken, path="Default Web Site/public"),
        client=CHROME,
    )
    healthy = Vector(
        name="root-cause-20-required-by-mistake-healthy",
        title="The same directory, asked with a certificate",
        verdict="accepted",
        absent=("required-only-here",),
        cert=CLIENT.der,
        store=stores(),
        server=server(config=mistaken, path="Default Web Site/public"),
        client=CHROME,
    )
    return [*found, required, healthy, _not_required(mistaken)]


def _not_required(config: str) -> Vector:
    return Vector(
        name="root-cause-20-required-by-mistake-elsewhere",
        title="A directory beside it demands none: a request without a certificate is not refused for that",
        verdict="undetermined",
        absent=("required-only-here",),
        unchecked=("certificate-not-required",),
        cert=NO_CERTIFICATE,
        store=stores(),
        server=server(config=config, path="Default Web Site/other"),
        client=CHROME,
    )


def _evidence() -> list[Vector]:
    dated = CA.issue("client", crl_urls=[CRL_URL])
    stale = CA.crl(this_update=AT - 20 * DAY, next_update=AT - DAY)
    good, forged = CA.crl(), OTHER_ROOT.crl(issuer=CA.subject)
    here = {"cert": dated.der, "server": server(here=True)}
    listed = CA.crl([(CLIENT.serial, AT - DAY, "keyCompromise")])
    unchecked = binding(Verify_Client_Certificate_Revocation="Disabled")
    return [
        *pair(4, "stale-crl", "The CRL that the server gets is out of date", "revocation-stale", "refused",
              {**here, "web": {CRL_URL: stale}}, {"cert": dated.der, "server": server(unchecked, here=True)}),
        *pair(18, "crl-not-acceptable", "The CRL is signed by somebody else", "revocation-evidence-invalid", "refused",
              {**here, "web": {CRL_URL: forged}}, {**here, "web": {CRL_URL: good}}),
        *pair(19, "revoked", "The certificate is on the CRL in the computer's CA store", "revoked", "refused",
              {"store": stores({"CA": [CA.der, listed]})}, {"store": stores({"CA": [CA.der, good]})}),
    ]  # fmt: skip


def _mapping() -> list[Vector]:
    text = b64encode(CLIENT.der).decode()
    lines = "&#10;".join(text[start : start + 64] for start in range(0, len(text), 64))
    broken, right = (f"{ASKS}{exports.one_to_one('Default Web Site', each)}" for each in (lines, text))
    mapper = binding(DS_Mapper_Usage="Enabled")
    sid = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.311.25.2"), b"\x30\x00")
    strong = {"cert": CA.issue("client", extensions=[(sid, False)]).der, "server": server(mapper)}
    nobody, somebody = (registry_stores({"NTAuth": held}, root=ENTERPRISE, header=False) for held in ([OTHER_ROOT.der], [CA.der]))
    return [
        *pair(21, "mapping", "The one-to-one mapping holds the certificate on several lines", "mapping-entry-damaged", "refused",
              {"server": server(config=broken)}, {"server": server(config=right)}),
        *pair(22, "ntauth", "The binding maps to the domain, and the issuing CA is not in NTAuth", "issuer-not-in-ntauth", "refused",
              {**strong, "store": stores({}, nobody)}, {**strong, "store": stores({}, somebody)}),
    ]  # fmt: skip
