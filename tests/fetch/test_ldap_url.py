"""LDAP URLs, as CAs write them and as strangers may."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincheck.fetch.ldap_url import EVERYTHING, LdapUrl, read

WINDOWS = (
    "ldap:///CN=Corp%20Issuing%20CA,CN=PKI01,CN=CDP,CN=Public%20Key%20Services,CN=Services,CN=Configuration,DC=corp,DC=example"
    "?certificateRevocationList?base?objectClass=cRLDistributionPoint"
)


def test_the_url_that_windows_writes() -> None:
    assert read(WINDOWS) == LdapUrl(
        scheme="ldap",
        host="",
        port=0,
        base="CN=Corp Issuing CA,CN=PKI01,CN=CDP,CN=Public Key Services,CN=Services,CN=Configuration,DC=corp,DC=example",
        attributes=("certificateRevocationList",),
        filter="(objectClass=cRLDistributionPoint)",
    )


def test_the_parts_of_rfc_4516() -> None:
    found = read("LDAPS://Dir.Example.COM:3269/o=%C3%9Cber%3F,c=DE?cACertificate;binary,2.5.4.39?SUB?(%26(cn=a)(o=b))?x=1")
    assert (found.scheme, found.host, found.port, found.base) == ("ldaps", "dir.example.com", 3269, "o=Über?,c=DE")
    assert (found.attributes, found.scope, found.filter) == (("cACertificate;binary", "2.5.4.39"), "sub", "(&(cn=a)(o=b))")


@pytest.mark.parametrize("url", ["ldap://dir.example", "ldap://dir.example/", "ldap://dir.example/???", "ldap://dir.example/?*?base?"])
def test_what_is_left_out_has_its_default(url: str) -> None:
    assert read(url) == LdapUrl(scheme="ldap", host="dir.example", port=389, base="", attributes=(), scope="base", filter=EVERYTHING)


def test_spaces_that_should_have_been_encoded_are_read() -> None:
    assert read("ldap://dir.example/CN=My CA,O=x?cACertificate").base == "CN=My CA,O=x"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://dir.example/", "not one of LDAP"),
        ("ldap:cn=x", "not one of LDAP"),
        ("ldap://user@dir.example/", "user name or password"),
        ("ldap://dir.example:0/", "no valid host and port"),
        ("ldap://dir.example?cn", "question mark before the name"),
        ("ldap:///a?b?base?(c=d)?e?f", "more question marks"),
        ("ldap:///a????x,!y", "critical extension"),
        ("ldap:///a%zz", "percent sign that encodes nothing"),
        ("ldap:///a%", "percent sign that encodes nothing"),
        ("ldap:///a%ff", "not UTF-8"),
        ("ldap:///a%00", "zero byte"),
        ("ldap:///a#b", "must be percent-encoded"),
        ("ldap:///a\r\nb", "must be percent-encoded"),
        ("ldap:///ü", "must be percent-encoded"),
        ("ldap:///a?b%20c", "attribute that cannot exist"),
        ("ldap:///a?1x", "attribute that cannot exist"),
        ("ldap:///a?b,", "attribute that cannot exist"),
        ("ldap:///a?" + ",".join(f"a{n}" for n in range(9)), "more than 8 attributes"),
        ("ldap:///a??subordinates", "scope other than"),
        ("ldap:///a???(a=b", "lacks a parenthesis"),
        ("ldap:///a???a=b)", "nested too deeply or wrongly"),
        ("ldap:///a???" + "(!" * 9 + "(a=b)" + ")" * 9, "nested too deeply or wrongly"),
        ("ldap:///a???(a=" + "b" * 1100 + ")", "longer than 1024"),
        ("ldap:///" + "a" * 9000, "longer than 8192"),
    ],
)
def test_what_is_no_such_url_has_its_reason(url: str, reason: str) -> None:
    with pytest.raises(ValueError) as raised:
        read(url)
    assert reason in str(raised.value)


@given(
    st.text(alphabet="ldapsLDAPS:/?,;=()%&!*#.-_ \\0123456789abcefé\x00\n[]@", max_size=80),
    st.sampled_from(["", "ldap:", "ldap://", "ldap:///", "ldaps://h/"]),
)
def test_fuzz_every_text_is_a_url_or_has_a_reason(text: str, prefix: str) -> None:
    try:
        found = read(prefix + text)
    except ValueError as error:
        assert str(error).isprintable()  # noqa: PT017 - either of two ends is right
    else:
        assert found.scope in ("base", "one", "sub")
        assert found.filter.startswith("(")
        assert bool(found.host) is bool(found.port)
