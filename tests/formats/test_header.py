"""Certificates in the headers of proxies, each in the form of its product, with what trips people."""

from __future__ import annotations

import textwrap
from base64 import b64encode
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chaincheck
import pki
from chaincheck import NO_CERTIFICATE, InputError, from_header

ROOT = pki.root("Header Root")
CA = ROOT.issue_ca("Header CA")


def _with_plus() -> pki.Issued:
    """A certificate whose Base64 holds what forms misread."""
    return next(c for n in range(50) if {"+", "/"} <= set(b64encode((c := CA.issue(f"client {n}")).der).decode()))


CLIENT = _with_plus()
TEXT = b64encode(CLIENT.der).decode()
PEM = "-----BEGIN CERTIFICATE-----\n" + "\n".join(textwrap.wrap(TEXT, 64)) + "\n-----END CERTIFICATE-----\n"
CHAIN = PEM + CA.pem.decode()

FORMS = {
    "nginx": quote(PEM, safe=""),
    "nginx folded": PEM.strip().replace("\n", "\n\t"),
    "nginx one line": PEM.strip().replace("\n", "\t"),
    "apache": PEM.replace("\n", " "),
    "haproxy": TEXT,
    "envoy": f'By=spiffe://x;Hash=ab;Cert="{quote(PEM, safe="")}";Subject="CN=a;b,c"',
    "envoy chain": f'Hash=00,By=http://y;Chain="{quote(CHAIN, safe="")}";Cert="{quote(PEM, safe="")}"',
    "traefik": TEXT,
    "traefik escaped": quote(TEXT, safe=""),
    "traefik chain": TEXT + "," + b64encode(CA.der).decode(),
    "aws-alb": quote(PEM, safe="+=/"),
    "arr": TEXT,
    "rfc9440": f":{TEXT}:",
    "rfc9440 chain": f":{TEXT}:, :{b64encode(CA.der).decode()}:",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", [str, bytes])
def test_every_form_gives_the_certificate(form: str, kind: type) -> None:
    value: Any = FORMS[form] if kind is str else FORMS[form].encode()
    found: Any = from_header(value, form.partition(" ")[0])
    assert [each.der for each in found] == [CLIENT.der, CA.der][: 2 if form.endswith("chain") else 1]


@pytest.mark.parametrize("form", FORMS)
def test_what_comes_out_is_diagnosed(form: str) -> None:
    store = chaincheck.TrustStore(roots=[ROOT.der], intermediates=[CA.der], disallowed=[])
    held = from_header(FORMS[form], form.partition(" ")[0])
    assert chaincheck.diagnose(held, store=store, at=pki.AT, fetch="never", limits=chaincheck.Limits.hostile()).accepted


def test_a_plus_stays_a_plus() -> None:
    assert "+" in FORMS["aws-alb"]
    held: Any = from_header(FORMS["aws-alb"], "aws-alb")
    assert held[0].der == CLIENT.der


@pytest.mark.parametrize("value", [None, "", " ", "-", "(null)", b""])
def test_no_certificate_is_told_as_such(value: Any) -> None:
    for proxy in ("nginx", "apache", "haproxy", "envoy", "traefik", "aws-alb", "arr", "rfc9440"):
        assert from_header(value, proxy) is NO_CERTIFICATE


def test_the_form_of_another_proxy_is_named() -> None:
    with pytest.raises(InputError) as caught:
        from_header(FORMS["rfc9440"], "nginx")
    assert "rfc9440" in (caught.value.hint or "")
    with pytest.raises(InputError) as caught:
        from_header(FORMS["nginx"][:300], "nginx")
    assert "cut off" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("value", "proxy"), [("x", "squid"), ("x", None), (7, "nginx"), ("A" * 300_000, "haproxy"), ("/etc/passwd", "arr"), (object(), "arr")]
)
def test_what_is_wrong_is_an_input_error(value: Any, proxy: Any) -> None:
    with pytest.raises(InputError):
        from_header(value, proxy)


@given(st.sampled_from(sorted({form.partition(" ")[0] for form in FORMS})), st.sampled_from(sorted(FORMS.values())), st.data())
def test_fuzz_headers_of_strangers(proxy: str, value: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(value)))
    changed = value[:place] + data.draw(st.text(max_size=8)) + value[place + data.draw(st.integers(0, 40)) :]
    found: Any = NO_CERTIFICATE
    with suppress(InputError):
        found = from_header(changed, proxy)
    assert found is NO_CERTIFICATE or all(isinstance(each, chaincheck.Certificate) for each in found)


@pytest.mark.parametrize(
    ("value", "proxy", "hint"),
    [
        ("SUCCESS", "nginx", "ssl_client_verify"),
        ("FAILED:certificate has expired", "nginx", "ssl_client_verify"),
        ("CN=alice,O=Example", "nginx", "ssl_client_s_dn"),
        ("/C=DE/CN=alice", "apache", "ssl_client_s_dn"),
        ('Hash=ab;Subject="CN=a"', "envoy", "cert: true"),
    ],
)
def test_what_a_proxy_hands_on_instead_is_named(value: str, proxy: Any, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        from_header(value, proxy)
    assert hint in str(caught.value.hint)
