"""What somebody saw, in every form in which it may arrive, and what is said of it."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chaincheck
from chaincheck import InputError, explain
from chaincheck.causes.codes import CauseCode
from chaincheck.causes.windows import Mark
from chaincheck.iis.reading_codes import read
from chaincheck.iis.tables import FLAGS, Code, Family, codes, root_causes

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBERED = [code for code in codes() if code.value is not None]


def names(text: str) -> list[str]:
    return [named.code.name for named in read(text)]


def test_there_are_25_root_causes_and_each_is_behind_some_code() -> None:
    assert len(root_causes()) == 25
    assert [cause.rank for cause in root_causes().values()] == list(range(1, 26))
    assert {identifier for code in codes() for identifier in code.candidates} == set(root_causes())


def test_every_text_is_there_in_both_languages_and_no_command_is_empty() -> None:
    for cause in root_causes().values():
        assert all(cause.text(part, lang) for part in ("title", "look", "fix") for lang in ("en", "ja"))
        assert all(cause.commands)
        assert re.search(r"[ぁ-ん]", cause.text("title", "ja"))
    assert all(code.meaning(lang) for code in codes() for lang in ("en", "ja"))


def test_no_code_is_there_twice() -> None:
    keys = [(code.family, code.name) for code in codes()]
    assert len(keys) == len(set(keys))
    values = [(code.family, code.value) for code in NUMBERED]
    assert len(values) == len(set(values))


def forms(code: Code) -> Iterator[str]:
    """Every form in which a code may arrive where it says of which family it is."""
    assert code.value is not None
    if code.family in FLAGS:
        word = "dwErrorStatus" if code.family is Family.TRUST_STATUS else "dwInfoStatus"
        yield from (f"{word}={code.value:x}", f"{word} = {code.name} (0x{code.value:x})", code.name)
        return
    context = {Family.ALERT: "alert ", Family.EVENT: "event ", Family.X509_VERIFY: "verify error "}.get(code.family, "")
    yield f"{context}{code.value}"
    if code.family is not Family.EVENT:
        yield code.name
        yield code.name.lower()
    for number in code.numbers:
        yield f"{context}{number}"
    if code.value > 0xFFFF and code.family is not Family.EVENT:
        yield from (f"0x{code.value:08X}", f"0X{code.value:08x}".replace("0X", "0x"), f"{code.value:08x}")


@pytest.mark.parametrize("code", NUMBERED, ids=lambda code: str(code.name))
def test_every_code_is_known_in_all_its_forms(code: Code) -> None:
    for form in forms(code):
        assert code.name in names(form), form


@pytest.mark.parametrize("code", [code for code in codes() if code.family is Family.STATUS], ids=lambda code: str(code.name))
def test_every_status_is_known_in_all_its_forms(code: Code) -> None:
    status, _, substatus = code.name.partition(".")
    for form in (
        code.name,
        f"HTTP Error {code.name} - Forbidden",
        f"{status} {substatus or 0} 0",
        f"... {status} {substatus or 0} 2148204809 15",
    ):
        assert names(form)[0] == code.name, form


def test_numbers_in_hex_signed_and_unsigned_are_one_code() -> None:
    for form in ("0x800B0109", "800b0109", "-2146762487", "2148204809", "CERT_E_UNTRUSTEDROOT", "cert_e_untrustedroot", "0x109"):
        assert names(form) == ["CERT_E_UNTRUSTEDROOT"]
    assert names("0x80070032") == names("-2147024846") == ["ERROR_NOT_SUPPORTED"]


def test_a_whole_line_of_a_log_is_read_by_its_status() -> None:
    line = "2026-06-15 12:00:01 10.0.0.5 GET /app - 443 - 10.0.0.7 Mozilla/5.0+(20) - 403 16 2148204809 31"
    assert names(line) == ["403.16", "CERT_E_UNTRUSTEDROOT"]


def test_flags_come_together_and_unknown_bits_are_told() -> None:
    assert names("dwErrorStatus=1000040") == ["CERT_TRUST_REVOCATION_STATUS_UNKNOWN", "CERT_TRUST_IS_OFFLINE_REVOCATION"]
    told = explain("dwErrorStatus=40000041").to_dict()["codes"]
    assert told[0]["unknown_bits"] == "0x40000000"
    assert names("dwInfoStatus=102") == ["CERT_TRUST_HAS_KEY_MATCH_ISSUER", "CERT_TRUST_HAS_PREFERRED_ISSUER"]


def test_names_of_dotnet_and_of_tls_are_known() -> None:
    assert names("PartialChain, RevocationStatusUnknown") == ["CERT_TRUST_IS_PARTIAL_CHAIN", "CERT_TRUST_REVOCATION_STATUS_UNKNOWN"]
    assert names("Schannel 36887, alert 48") == ["Schannel 36887", "unknown_ca"]
    assert names("verify error:num=20:unable to get local issuer certificate") == ["X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY"]


@pytest.mark.parametrize(
    ("seen", "order"),
    [
        ("403.7", ["no-private-key", "no-client-authentication-usage", "client-dates", "browser-offers-nothing", "issuer-list"]),
        ("403 16 2148204809", ["non-self-signed-in-root", "root-not-installed", "issuer-list", "trust-mode", "intermediate-missing"]),
        ("403 16 2148204810", ["intermediate-missing", "chain-dates"]),
        ("403.13", ["revocation-source", "crl-not-acceptable", "revoked"]),
        ("403.17", ["client-dates", "chain-dates"]),
        ("413", ["large-body"]),
        ("500 0 2147942450", ["late-request"]),
        ("502", ["tls-ends-in-front"]),
        ("401 1 2148086018", ["mapping"]),
    ],
)
def test_candidates_come_in_the_order_of_checking(seen: str, order: list[str]) -> None:
    assert [cause.id for cause in explain(seen).candidates][: len(order)] == order


def test_access_denied_beside_a_403_7_says_nothing_more() -> None:
    assert explain("403 7 5").candidates == explain("403.7").candidates


def test_what_is_said_carries_its_mark() -> None:
    text = explain("403 16 2148204809").to_text()
    assert "(documented)" in text
    assert "in the order of checking (inferred)" in text
    told = explain("403 16 2148204809").to_dict()
    assert {each["mark"] for each in (*told["codes"], *told["candidates"])} <= {mark.value for mark in Mark}


def test_root_causes_name_causes_that_diagnose_knows() -> None:
    told = {code for cause in root_causes().values() for code in cause.codes}
    assert told <= set(CauseCode)
    assert {CauseCode.EXPIRED, CauseCode.REVOKED, CauseCode.UNTRUSTED_ROOT, CauseCode.NO_PRIVATE_KEY} <= told


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_code_is_told_in_words_and_as_json(lang: str) -> None:
    for code in codes():
        asked = explain(code.name if code.family is not Family.EVENT else f"event {code.value}")
        text = asked.to_text(lang)
        assert "".join(code.meaning(lang).split()) in "".join(text.split())
        assert "explain." not in text
        json.dumps(asked.to_dict(lang))


def test_what_names_no_code_is_an_input_error_that_says_what_would() -> None:
    for wrong in ("", "hello", "999", "\x1b[31m"):
        with pytest.raises(InputError) as raised:
            explain(wrong)
        assert raised.value.code == "code"
        assert "\x1b" not in str(raised.value)
    for odd in (None, 4.5, b"403", True):
        with pytest.raises(InputError):
            explain(odd)  # type: ignore[arg-type]  # a value of the wrong type, or options as a dict
    assert explain(2148204809) == explain("2148204809")
    assert chaincheck.explain is explain


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InputError):
        explain(text)
