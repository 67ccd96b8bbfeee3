"""Files to practise on: certificates of an invented company, and exports of its server, made for the day on which they are made.

The notebooks beside this file call it in their first cell. Every key is thrown away but that of one client.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
CLIENT = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH])


@dataclass(frozen=True)
class Certified:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def certify(name: str, issuer: Certified | None = None, *, ca: bool = False, days: float = 300, crl: str | None = None) -> Certified:
    """A certificate that ends in so many days; without an issuer it signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Example"), x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    signer = issuer.key if issuer is not None else key
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer is not None else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 400 * DAY)
        .not_valid_after(NOW + days * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if not ca:
        builder = builder.add_extension(CLIENT, critical=False)
    if crl is not None:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    return Certified(builder.sign(signer, hashes.SHA256()), key)


def revocations(ca: Certified, revoked: list[Certified]) -> bytes:
    """The CRL of a CA, of yesterday."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(ca.certificate.subject)
    builder = builder.last_update(NOW - DAY).next_update(NOW + 6 * DAY).add_extension(x509.CRLNumber(1), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()), critical=False)
    for each in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(each.certificate.serial_number).revocation_date(NOW - 10 * DAY)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(ca.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def sst(*certificates: Certified) -> bytes:
    """A store as ``Export-Certificate -Type SST`` writes it."""
    return b"\0\0\0\0CERT" + b"".join(struct.pack("<III", 32, 1, len(each.der)) + each.der for each in certificates) + bytes(12)


def write(folder: str, files: dict[str, bytes]) -> Path:
    """Write files into a folder; returns the folder."""
    for name, content in files.items():
        place = Path(folder, name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return Path(folder)


def first_steps(folder: str) -> Path:
    """Two clients of one CA, of whom one came too late, and the store of the server."""
    root = certify("Example Root CA", ca=True, days=3650)
    issuing = certify("Example Issuing CA", root, ca=True, days=1500)
    alice, bob = certify("alice", issuing), certify("bob", issuing, days=-3)
    key = alice.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return write(
        folder,
        {
            "alice.cer": alice.der,
            "alice.key": key,
            "bob.cer": bob.pem,
            "server.sst": sst(root, issuing),
            "other-server.sst": sst(certify("Some Other Root CA", ca=True), issuing),
        },
    )


def thousand(folder: str, count: int = 1000) -> Path:
    """So many clients of five CAs: one CA has expired, one is not known to the server, one has revoked some of its certificates."""
    root = certify("Example Root CA", ca=True, days=3650)
    names = {"Sales": 900, "Research": 900, "Plant": 900, "Old Branch": -20}
    cas = {name: certify(f"Example {name} CA", root, ca=True, days=days) for name, days in names.items()}
    foreign = certify("Some Other Root CA", ca=True, days=3650)
    cas["Guests"] = certify("Guests CA", foreign, ca=True, days=900)
    files, stolen = {}, []
    for number in range(count):
        branch = ("Sales", "Research", "Plant", "Plant", "Sales", "Research", "Sales", "Old Branch", "Guests", "Sales")[number % 10]
        days = -(number % 37) - 1.0 if number % 29 == 0 else 3.0 + number * 397 % 360
        url = "http://pki.example.com/research.crl" if branch == "Research" else None
        client = certify(f"{branch.lower().replace(' ', '-')}-{number:04}", cas[branch], days=days, crl=url)
        files[f"clients/{branch}/{number:04}.cer"] = client.der
        if branch == "Research" and number % 50 == 1:
            stolen.append(client)
    files["server/stores/LocalMachine/Root.sst"] = sst(root)
    files["server/stores/LocalMachine/CA.sst"] = sst(*(ca for name, ca in cas.items() if name != "Guests"))
    files["server/stores/LocalMachine/Disallowed.empty"] = b""
    files["research.crl"] = revocations(cas["Research"], stolen)
    return write(folder, files)


LOG = """#Software: Microsoft Internet Information Services 10.0
#Version: 1.0
#Date: {day} 08:00:00
#Fields: date time s-ip cs-method cs-uri-stem s-port cs-username c-ip sc-status sc-substatus sc-win32-status
{day} 08:00:03 192.0.2.10 GET /orders 443 - 198.51.100.7 403 16 2148204809
{day} 08:00:09 192.0.2.10 GET /orders 443 - 198.51.100.7 403 16 2148204809
{day} 08:02:41 192.0.2.10 GET /public 443 - 198.51.100.9 200 0 0
"""
BINDING = """
SSL Certificate bindings:
-------------------------

    IP:port                      : 0.0.0.0:443
    Certificate Hash             : 0123456789abcdef0123456789abcdef01234567
    Application ID               : {4dc3e181-e14b-4a21-b022-59fc669b0914}
    Certificate Store Name       : MY
    Verify Client Certificate Revocation : Enabled
    Verify Revocation Using Cached Client Certificate Only : Disabled
    Usage Check                  : Enabled
    Revocation Freshness Time    : 0
    URL Retrieval Timeout        : 0
    Ctl Identifier               : (null)
    Ctl Store Name               : (null)
    DS Mapper Usage              : Disabled
    Negotiate Client Certificate : Enabled
    Reject Connections           : Disabled
"""


def ticket(folder: str) -> Path:
    """What a ticket brings: the client's certificate, a log of the server, and what ``collect.ps1`` collected there.

    The root was installed for the administrator alone, and somebody put an intermediate into the store of roots; ``collected-after`` is
    the server when that was put right.
    """
    root = certify("Example Root CA", ca=True, days=3650)
    issuing, branch = (certify(f"Example {name} CA", root, ca=True, days=1500) for name in ("Issuing", "Branch"))
    public = certify("Some Public Root CA", ca=True, days=3650)
    alice = certify("alice", issuing)
    return write(
        folder,
        {
            "alice.cer": alice.der,
            "u_ex.log": LOG.format(day=f"{NOW:%Y-%m-%d}").encode(),
            "collected/netsh-sslcert.txt": BINDING.encode("utf-16"),
            "collected/stores/LocalMachine/Root.sst": sst(public, branch),
            "collected/stores/LocalMachine/CA.sst": sst(issuing, branch),
            "collected/stores/LocalMachine/Disallowed.empty": b"",
            "collected/stores/LocalMachine/ClientAuthIssuer.empty": b"",
            "collected/stores/CurrentUser/Root.sst": sst(public, root),
            "collected-after/netsh-sslcert.txt": BINDING.encode("utf-16"),
            "collected-after/stores/LocalMachine/Root.sst": sst(public, root),
            "collected-after/stores/LocalMachine/CA.sst": sst(issuing, branch),
            "collected-after/stores/LocalMachine/Disallowed.empty": b"",
            "collected-after/stores/LocalMachine/ClientAuthIssuer.empty": b"",
        },
    )
