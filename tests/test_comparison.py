"""Why this one and not that one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import chaincheck
import pki
from chaincheck.causes.codes import CauseCode
from engine.asking import CA, LEAF, ROOT, YESTERDAY, ask, full_store

OFF = replace(chaincheck.IIS, revocation="off")


def different(comparison: chaincheck.Comparison) -> dict[str, tuple[str, str]]:
    return {each.what: (each.a, each.b) for each in comparison.differences}


def test_two_certificates_of_one_ca_differ_in_what_refuses_one() -> None:
    expired = CA.issue("client", not_after=YESTERDAY)
    comparison = chaincheck.compare(ask(rules=OFF), ask(expired.der, rules=OFF))
    assert [cause.code for cause in comparison.only_b] == [CauseCode.EXPIRED]
    assert (comparison.only_a, comparison.both) == ((), ())
    assert set(different(comparison)) == {"certificate", "not-after"}


def test_the_same_kind_of_cause_in_both_is_in_both() -> None:
    expired = [CA.issue(name, not_after=YESTERDAY) for name in ("one", "two")]
    comparison = chaincheck.compare(*(ask(each.der, rules=OFF) for each in expired))
    assert [cause.code for cause in comparison.both] == [CauseCode.EXPIRED]
    assert (comparison.only_a, comparison.only_b) == ((), ())


def test_one_certificate_and_two_servers_differ_in_the_store() -> None:
    comparison = chaincheck.compare(ask(rules=OFF), ask(rules=OFF, store=full_store(roots=[pki.root("Other").der])))
    told = different(comparison)
    assert {"root", "store"} <= set(told) <= {"root", "store", "path"}
    assert told["root"] == ("CN=Root", "")


def test_usages_are_told_by_their_values() -> None:
    server = CA.issue("server", eku=("1.3.6.1.5.5.7.3.1",))
    told = different(chaincheck.compare(ask(rules=OFF), ask(server.der, rules=OFF)))
    assert told["extended-key-usage"] == ("1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1")


def test_an_answer_compared_with_itself_says_so() -> None:
    comparison = chaincheck.compare(ask(), ask())
    assert not comparison.differences
    assert "No difference was found." in str(comparison)


def test_moment_and_rules_are_told() -> None:
    later = ask(rules=chaincheck.RFC5280, at=pki.AT + timedelta(days=1))
    assert {"moment", "rules"} <= set(different(chaincheck.compare(ask(), later)))


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_text_names_both_and_every_difference(lang: str) -> None:
    comparison = chaincheck.compare(ask(), ask(CA.issue("bob", not_after=YESTERDAY).der))
    text = comparison.to_text(lang=lang, width=200)
    assert text.splitlines()[0].startswith("A  ")
    assert text.splitlines()[1].startswith("B  ")
    assert all(each.a in text and each.b in text for each in comparison.differences if each.a and each.b)
    assert "compared." not in text


def test_no_name_becomes_markup() -> None:
    hostile = CA.issue("<script>alert(1)</script>")
    html = chaincheck.compare(ask(rules=OFF), ask(hostile.der, rules=OFF))._repr_html_()
    assert "<script>" not in html
    assert "&lt;script" in html


def test_without_a_certificate_there_is_an_answer_too() -> None:
    comparison = chaincheck.compare(ask(), ask(chaincheck.NO_CERTIFICATE))
    assert [cause.code for cause in comparison.only_b] == [CauseCode.NO_CERTIFICATE]
    assert str(comparison)


@pytest.mark.parametrize("other", [None, "x", LEAF.der, ROOT.der])
def test_what_is_no_diagnosis_is_an_input_error(other: Any) -> None:
    with pytest.raises(chaincheck.InputError) as caught:
        chaincheck.compare(ask(), other)
    assert caught.value.where == "b"
