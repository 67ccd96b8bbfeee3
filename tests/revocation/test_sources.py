"""Where a certificate says that its status can be learned."""

from __future__ import annotations

from cryptography.x509 import ocsp

from chaincheck.revocation.sources import MAX_SOURCES, addresses, sources
from chaincheck.x509.certificate import Certificate
from chaincheck.x509.key import PublicKey
from revocation.judging import CA, SOURCED

KEY = PublicKey.of(CA.key.spki)


def test_ocsp_comes_before_the_distribution_points() -> None:
    found = sources(Certificate(SOURCED.der), KEY)
    assert [(each.kind, each.url, each.method, each.supported) for each in found] == [
        ("ocsp", "http://ocsp.test/", "POST", True),
        ("crl", "http://crl.test/1", "GET", True),
        ("crl", "ftp://crl.test/CRL", "GET", False),
    ]
    assert ocsp.load_der_ocsp_request(found[0].body).serial_number == SOURCED.serial
    assert found[1].body == b""


def test_addresses_are_named_once_and_not_without_end() -> None:
    many = CA.issue("many", crl_urls=[f"http://crl.test/{number // 2}" for number in range(500)])
    found = addresses(Certificate(many.der))
    assert len(found) == len(set(found)) == MAX_SOURCES


def test_a_certificate_without_addresses_has_no_sources() -> None:
    assert sources(Certificate(CA.issue("client").der), KEY) == ()


def test_the_scheme_decides_whether_it_can_be_fetched() -> None:
    named = CA.issue("schemes", crl_urls=["HTTPS://crl.test/", "file:///c:/crl", "ftp://crl.test/", "no scheme"])
    assert [(each.scheme, each.supported) for each in addresses(Certificate(named.der))] == [
        ("https", True),
        ("file", True),
        ("ftp", False),
        ("no scheme", False),
    ]
