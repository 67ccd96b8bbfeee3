from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import chaincheck
import pki
from chaincheck.report.headline import headline

if TYPE_CHECKING:
    from report.company import Company


def test_an_acceptance_names_the_store_that_accepts(company: Company) -> None:
    assert company.good().headline.startswith('Accepted by "server-roots.sst": the client certificate leads to a trusted root, ')


def test_a_missing_root_is_named_with_the_store_that_lacks_it(company: Company) -> None:
    assert company.without_root().headline == (
        'Refused: the root certificate "CN=Contoso Root CA,O=Contoso" is not installed on the server (store judged: "server-roots.sst").'
    )


def test_what_is_not_a_matter_of_trust_says_nothing_of_the_store(company: Company) -> None:
    assert company.expired().headline == "Refused: the client certificate expired 3 days ago."


def test_the_other_causes_are_counted(company: Company) -> None:
    diagnosis = company.expired(key=chaincheck.NO_KEY)
    assert diagnosis.headline == "Refused: the private key of the client certificate is missing, and 1 more."


def test_what_could_still_be_overturned_is_not_counted(company: Company) -> None:
    client = company.ca.issue("CN=alice", crl_urls=("http://pki.contoso.example/ca.crl",))
    diagnosis = company.ask(client, key=chaincheck.NO_KEY)
    assert any(not cause.proven for cause in diagnosis.causes)
    assert diagnosis.headline == "Refused: the private key of the client certificate is missing."


def test_without_a_store_it_says_what_was_not_told(company: Company) -> None:
    diagnosis = company.good(store=None)
    assert diagnosis.headline == "Undetermined: it was not told which certificates the server trusts."


def test_no_certificate_at_all() -> None:
    assert chaincheck.diagnose(chaincheck.NO_CERTIFICATE).headline == "Refused: there is no client certificate to offer."


def test_in_japanese(company: Company) -> None:
    assert headline(company.expired(), "ja") == "拒否されます: クライアント証明書の有効期限が3日前に切れています。"
    assert "「server-roots.sst」" in headline(company.without_root(), "ja")


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_no_placeholder_stays_open(company: Company, lang: str) -> None:
    for diagnosis in (company.good(), company.expired(), company.without_root(), company.revoked(), company.good(store=None)):
        sentence = headline(diagnosis, lang)
        assert "{" not in sentence
        assert "\n" not in sentence


def test_a_hostile_name_cannot_break_out_of_the_sentence(company: Company) -> None:
    root = pki.root("Evil\n\x1b[2J\u202eRoot")
    diagnosis = company.ask(root.issue("alice"), presented=[root.der], store=company.store())
    assert diagnosis.headline.isprintable()
    assert "\\u202e" in diagnosis.headline
