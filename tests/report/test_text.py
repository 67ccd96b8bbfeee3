from __future__ import annotations

from datetime import timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from inline_snapshot import snapshot

import asn1
import chaincheck
import pki
from chaincheck.report.layout import width
from chaincheck.report.text import brief

if TYPE_CHECKING:
    from report.company import Company

MARKS = set("×○└├─→")
HOSTILE = "Evil\r\n\x1b[31mRoot\u202egnp.\u200b\x9b\u2028"


def section(text: str, title: str) -> list[str]:
    lines = text.splitlines()
    start = lines.index(title) + 3
    after = [at for at in range(start, len(lines)) if lines[at].startswith("---")]
    return lines[start : after[0] - 2] if after else lines[start:]


def test_the_headline_comes_first(company: Company) -> None:
    diagnosis = company.expired()
    assert diagnosis.to_text().splitlines()[0] == diagnosis.headline


def test_the_path_is_drawn_as_on_the_certification_path_tab(company: Company) -> None:
    store = company.store(roots=[company.other.der])
    client = company.ca.issue("CN=alice", not_after=pki.AT - timedelta(days=3))
    text = company.ask(client, presented=[company.root.der], store=store).to_text(width=140)
    assert "\n".join(section(text, "Certification path")) == snapshot("""\
  × Contoso Root CA  [what the client sends]
    → [2] the root certificate "CN=Contoso Root CA,O=Contoso" is not installed on the server
  └─ ○ Contoso Issuing CA  [the Intermediate Certification Authorities store]
     └─ × alice  [what the client sends]
          → [1] the client certificate expired 3 days ago

  × refuses   ? open: it could turn out either way   ! warning   ○ nothing against it""")


def test_an_issuer_that_is_not_there_is_drawn_where_it_belongs(company: Company) -> None:
    diagnosis = company.ask(company.ca.issue("CN=alice"), store=company.store(roots=[company.other.der]))
    first, reason, *_ = section(diagnosis.to_text(width=140), "Certification path")
    assert first == "  × Contoso Root CA  [not found]"
    assert reason == '    → [1] the issuer "CN=Contoso Root CA,O=Contoso" is not known to the server'


def test_without_a_store_the_root_is_open(company: Company) -> None:
    text = company.good(store=None, presented=[company.ca.der, company.root.der]).to_text()
    first, reason, *_ = section(text, "Certification path")
    assert first.startswith("  ? Contoso Root CA")
    assert reason.endswith("it was not told which certificates the server trusts")


def test_a_missing_key_is_marked_on_the_certificate(company: Company) -> None:
    text = company.good(key=chaincheck.NO_KEY).to_text()
    assert "└─ × alice" in text


def test_without_a_certificate_there_is_no_path() -> None:
    text = chaincheck.diagnose(chaincheck.NO_CERTIFICATE).to_text()
    assert "Certification path" not in text.splitlines()
    assert "[1] × There is no client certificate to offer." in text


def test_all_nine_steps_of_installing_the_root_are_there(company: Company) -> None:
    text = company.without_root().to_text()
    assert "Install the root certificate on the server (site administrator; KB 186812)" in text
    assert "9. Select Next twice, then Finish." in text
    assert r"certutil -addstore -f Root root.cer" in text


def test_the_steps_of_one_resolution_are_printed_once(company: Company) -> None:
    diagnosis = company.expired(key=chaincheck.NO_KEY)
    text = diagnosis.to_text(width=140)
    assert text.count("Tell the administrator of the site which page you opened") == 1
    assert "→ steps under 1b" in text


def test_windows_codes_carry_how_sure_they_are(company: Company) -> None:
    text = company.without_root().to_text()
    assert "IIS 403.16 (documented), also seen as 403.7 (documented)" in text
    assert "0x800B0109 = -2146762487 CERT_E_UNTRUSTEDROOT (documented)" in text


def test_what_was_tried_for_revocation_is_listed_with_what_decided(company: Company) -> None:
    lines = section(company.revoked().to_text(), "Revocation")
    assert lines[0] == "  × alice: revoked"
    assert lines[1].startswith("    → CRL given (SHA-256 ")
    assert lines[1].endswith("(this decided)")


def test_all_four_documented_causes_are_always_answered(company: Company) -> None:
    lines = section(company.expired().to_text(width=140), "The four causes documented in KB 186812")
    assert [line.strip()[0] for line in lines] == ["○", "×", "?", "○"]


def test_what_was_not_checked_comes_with_how_to_have_it_checked(company: Company) -> None:
    text = company.good(store=None).to_text(width=200)
    lines = section(text, "Not checked")
    assert lines[0] == "  ? Whether the server trusts the certificate was not checked: no store of the server was given."
    assert lines[1].startswith("    To have it checked: ")
    assert "Export-Certificate -Type SST -FilePath roots.sst" in text


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_text_names_the_store_that_was_judged(company: Company, lang: str) -> None:
    for diagnosis in (company.good(), company.expired(), company.without_root(), company.revoked()):
        assert "server-roots.sst" in diagnosis.to_text(lang=lang)
        assert "server-roots.sst" in brief(diagnosis, lang)


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_is_wider_than_asked_but_commands(company: Company, lang: str, columns: int) -> None:
    text = company.without_root().to_text(lang=lang, width=columns)
    commands = {command for cause in company.without_root().causes for each in cause.resolutions for command in each.commands}
    for line in text.splitlines():
        assert width(line) <= columns + 2 or line.strip() in commands


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_only_our_marks_stand_beside_the_words(company: Company, lang: str) -> None:
    for diagnosis in (company.good(), company.expired(), company.without_root(), company.revoked(), company.good(store=None)):
        text = diagnosis.to_text(lang=lang)
        assert text.encode("cp932")
        assert "{" not in text.replace("{$_", "")
        if lang == "en":
            assert {c for c in text if not c.isascii()} <= MARKS


def test_japanese_speaks_japanese(company: Company) -> None:
    text = company.without_root().to_text(lang="ja")
    assert "証明のパス" in text
    assert "「信頼されたルート証明機関」ストア" in text
    assert "certification" not in text.lower()


def test_hostile_names_are_made_visible_everywhere() -> None:
    root = pki.root(HOSTILE)
    client = root.issue(HOSTILE, not_after=pki.AT - timedelta(days=1))
    store = chaincheck.TrustStore(roots=[pki.root("Other").der], intermediates=[], name=f"store {HOSTILE}")
    for lang in ("en", "ja"):
        diagnosis = chaincheck.diagnose(client.der, store=store, presented=[root.der], at=pki.AT, fetch="never")
        for text in (diagnosis.to_text(lang=lang), brief(diagnosis, lang)):
            assert all(line.isprintable() for line in text.split("\n"))
            assert "\\u202e" in text


def test_a_name_of_a_megabyte_does_not_make_a_text_of_one(company: Company) -> None:
    common_name = asn1.sequence(asn1.oid("2.5.4.3"), asn1.tlv(0x0C, b"x" * 1_000_000))
    client = company.ca.issue(asn1.sequence(asn1.set_of(common_name)))
    assert len(company.ask(client).to_text()) < 30_000


def test_moments_are_shown_in_the_timezone_asked_for(company: Company) -> None:
    text = company.expired().to_text(timezone=timezone(timedelta(hours=9), "JST"))
    assert "2026-06-12 21:00:00 JST (UTC+09:00)" in text


def test_str_is_the_english_text(company: Company) -> None:
    diagnosis = company.good()
    assert str(diagnosis) == diagnosis.to_text()


def test_the_brief_form_shows_the_path_and_the_first_thing_to_do(company: Company) -> None:
    text = brief(company.expired())
    assert "└─ × alice" in text
    assert "1. Open the certificate and read Valid from and Valid to" in text
    assert len(text.splitlines()) < 40
