"""Who may be reached, as a table."""

from __future__ import annotations

import pytest

from chaincheck.errors import InputError
from chaincheck.fetch.guard import Guard

PUBLIC, INTRANET = Guard.PUBLIC, Guard.INTRANET


@pytest.mark.parametrize("guard", [PUBLIC, INTRANET])
@pytest.mark.parametrize(
    "url",
    [
        "http://crl.example.com/ca.crl",
        "HTTP://CRL.Example.COM:80/ca.crl",
        "https://crl.example.com:8443/a b.crl?x=%20",
        "http://crl.example.com.:8080/",
        "http://93.184.215.14/ca.crl",
        "http://[2606:2800:21f::1]/ca.crl",
        "http://1572395022/",  # 93.184.215.14
        "http://crl.example.com?x@y",
    ],
)
def test_the_internet_is_open_to_anchored_certificates(guard: Guard, url: str) -> None:
    assert guard.check_url(url, anchored=True) is None
    assert "no path to a trust anchor" in str(guard.check_url(url, anchored=False))


INTRANET_URLS = [
    "http://10.1.2.3/ca.crl",
    "http://172.31.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://[fd12:3456::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[64:ff9b::10.0.0.1]/",
    "http://[2002:a00:1::1]/",  # 6to4 of 10.0.0.1
    "http://0xa000001/",
    "http://012.1/",
    "http://pki/CertEnroll/ca.crl",
    "http://pki.corp.local/ca.crl",
    "http://PKI.corp.LOCAL./ca.crl",
    "http://pki.internal/",
]


@pytest.mark.parametrize("url", INTRANET_URLS)
def test_the_intranet_is_open_only_to_anchored_certificates_under_the_intranet_guard(url: str) -> None:
    assert Guard(intranet=True).check_url(url, anchored=True) is None
    assert "path to a trust anchor" in str(Guard(intranet=True, fetch_unanchored=True).check_url(url, anchored=False))
    assert "Guard.INTRANET" in str(Guard().check_url(url, anchored=True))
    assert "Guard.INTRANET" in str(Guard(fetch_unanchored=True).check_url(url, anchored=False))


CLOSED_URLS = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://2130706433/",
    "http://localhost/",
    "http://pki.localhost/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[::127.0.0.1]/",
    "http://0.0.0.0/",
    "http://0/",
    "http://[::]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.1.1/",
    "http://[fe80::1]/",
    "http://[fd00:ec2::254]/",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
    "http://192.0.2.1/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://[ff02::1]/",
    "http://255.255.255.255/",
    "http://240.0.0.1/",
    "http://[2001:db8::1]/",
    "http://[2001:0:7f00:1::]/",  # Teredo
    "http://[64:ff9b:1::1]/",
    "http://[100::1]/",
]


@pytest.mark.parametrize("url", CLOSED_URLS)
def test_some_addresses_are_reached_only_when_the_caller_names_them(url: str) -> None:
    reason = Guard(intranet=True, fetch_unanchored=True).check_url(url, anchored=True)
    assert reason is not None
    assert reason.endswith("reached only when allow= names it")


@pytest.mark.parametrize(
    "url",
    [
        "http://user@ca.example.com/",
        "http://user:pw@ca.example.com/",
        "http://ca.example.com\\@10.0.0.1/",
        "http://ca.example.com%2f@10.0.0.1/",
        "http://%31%30.0.0.1/",
        "http://１０.0.0.1/",
        "http://ca.example.com:25/",
        "http://ca.example.com:6000/",
        "http://ca.example.com:0/",
        "http://ca.example.com:65536/",
        "http://ca.example.com:port/",
        "http:///ca.crl",
        "http://.../",
        "http://[::1/",
        "http://[::zz]/",
        "http://1.2.3.4.5/",
        "http://256.0.0.1/",
        "http://0x/",
        "http://09.0.0.1/",
        "http://ca.example.com/\r\nHost: other",
        "ldap:///cn=ca",
        "file:///etc/passwd",
        "ftp://ca.example.com/",
        "ca.crl",
        "",
        "http://ca.example.com/" + "a" * 9000,
    ],
)
def test_no_guard_lets_these_pass(url: str) -> None:
    reason = Guard(intranet=True, fetch_unanchored=True).check_url(url, anchored=True)
    assert reason
    assert reason.isprintable()


@pytest.mark.parametrize(
    ("allow", "url", "passes"),
    [
        ("127.0.0.1", "http://127.0.0.1:9999/", True),
        ("127.0.0.1", "http://127.1:25/", True),
        ("127.0.0.1", "http://127.0.0.2/", False),
        ("127.0.0.1", "http://localhost/", False),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/", True),
        ("127.0.0.1:8080", "http://127.0.0.1:8081/", False),
        ("127.0.0.0/8", "http://127.9.9.9/", True),
        ("10.0.0.0/8", "http://[::ffff:10.1.1.1]/", True),
        ("[::1]:8080", "http://[::1]:8080/", True),
        ("[::1]", "http://[::1]/", True),
        ("::1", "http://[::1]/", True),
        ("fd00::/8", "http://[fd00:ec2::254]/", True),
        ("PKI", "http://pki:25/", True),
        ("pki.corp.example", "http://pki.corp.example.:81/", True),
        ("corp.example", "http://pki.corp.example:81/", False),
        ("localhost", "http://localhost/", True),
        ("localhost", "http://user@localhost/", False),
        ("localhost", "ftp://localhost/", False),
    ],
)
def test_what_allow_lets_pass(allow: str, url: str, passes: bool) -> None:
    guard = Guard.PUBLIC.allowing(allow)
    assert (guard.check_url(url, anchored=True) is None) is passes
    assert guard.check_url(url, anchored=False) is not None  # who may ask is another question


@pytest.mark.parametrize("entry", ["http://pki.example/", "10.0.0.0/40", "pki:99999", "pki:x", "", "a b", "1.2.3.4.5", "[::1"])
def test_an_allow_entry_that_means_nothing_is_an_input_error(entry: str) -> None:
    with pytest.raises(InputError) as raised:
        Guard(allow=(entry,))
    assert raised.value.code == "guard-allow"


def test_a_lone_string_is_one_entry() -> None:
    assert Guard(allow="127.0.0.1").allow == ("127.0.0.1",)  # type: ignore[arg-type]  # a value of the wrong type, or options as a dict


@pytest.mark.parametrize(
    ("ip", "host", "public", "intranet"),
    [
        ("93.184.215.14", "ca.example.com", True, True),
        ("10.0.0.1", "ca.example.com", False, True),
        ("::ffff:10.0.0.1", "ca.example.com", False, True),
        ("127.0.0.1", "ca.example.com", False, False),
        ("fe80::1%eth0", "ca.example.com", False, False),
        ("169.254.169.254", "metadata.google.internal", False, False),
    ],
)
def test_addresses_are_judged_when_the_name_is_resolved(ip: str, host: str, public: bool, intranet: bool) -> None:
    assert (PUBLIC.check_address(ip, host, True) is None) is public
    assert (INTRANET.check_address(ip, host, True) is None) is intranet
    assert (INTRANET.check_address(ip, host, False) is None) is public


def test_an_allowed_name_may_lead_anywhere_but_on_its_port_only() -> None:
    guard = Guard(allow=("demo.example:8080",))
    assert guard.check_address("127.0.0.1", "demo.example", port=8080) is None
    assert guard.check_address("127.0.0.1", "demo.example", port=8081) is not None


@pytest.mark.parametrize(
    ("source", "target", "peer", "passes"),
    [
        ("http://ca.example.com/", "http://crl.example.net/", None, True),
        ("http://ca.example.com/", "http://10.0.0.1/", "93.184.215.14", False),
        ("http://ca.example.com/", "http://pki/", None, False),
        ("http://pki.example.com/", "http://10.0.0.1/", "10.0.0.7", True),  # within the intranet
        ("http://pki/", "https://pki.corp.local/", None, True),
        ("http://pki/", "https://pki/", None, True),
        ("http://pki/", "http://127.0.0.1/", "10.0.0.7", False),
    ],
)
def test_a_redirect_leads_not_from_outside_into_the_intranet(source: str, target: str, peer: str | None, passes: bool) -> None:
    assert (INTRANET.check_redirect(source, target, True, peer=peer) is None) is passes
