"""The answer as HTML: complete, escaped, without script, with nothing from outside."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

import pki
from chaincheck import InputError

if TYPE_CHECKING:
    from report.company import Company

HOSTILE = "<img src=x onerror=alert(1)>\u202egnp</div><script>alert(2)</script>\"'&"


class Seen(HTMLParser):
    """Elements, their attributes, and the text a reader sees."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes what is not open"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def test_a_page_tells_all_that_the_text_tells(company: Company) -> None:
    diagnosis = company.expired()
    seen = Seen(diagnosis.to_html())
    assert not seen.open
    cause = diagnosis.causes[0]
    told = [diagnosis.headline, "Contoso Root CA", cause.text("en"), cause.why("en"), cause.reference, "403.17", "0x800B0101"]
    told += [step for each in cause.resolutions for step in each.steps]
    assert [each for each in told if each not in seen.text] == []
    assert seen.elements.count("details") == sum(len(each.resolutions) for each in diagnosis.causes if each.severity.value != "note")


def test_a_page_speaks_japanese(company: Company) -> None:
    page = company.expired().to_html(lang="ja")
    assert '<html lang="ja">' in page
    assert company.expired().causes[0].text("ja") in Seen(page).text


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_names_out_of_certificates_are_text_and_no_more(company: Company, lang: str) -> None:
    client = company.ca.issue(pki.long_name(HOSTILE), not_after=pki.AT - timedelta(days=3))
    page = company.ask(client).to_html(lang=lang)
    seen = Seen(page)
    assert {"script", "img", "link", "iframe"}.isdisjoint(seen.elements)
    assert "onerror=alert(1)" in seen.text
    assert "\u202e" not in page


def test_nothing_is_loaded_and_nothing_runs(company: Company) -> None:
    page = company.without_root().to_html()
    assert "default-src 'none'" in page
    seen = Seen(page)
    assert "script" not in seen.elements
    assert not [name for name, _ in seen.attributes if name in ("src", "href", "srcset", "action") or name.startswith("on")]
    assert not re.search(r"url\(|@import", page)


def test_the_same_answer_is_the_same_page(company: Company) -> None:
    client = company.ca.issue("CN=alice", not_after=pki.AT - timedelta(days=3))
    assert company.ask(client).to_html() == company.ask(client).to_html()


def test_a_timeline_stays_within_the_page(company: Company) -> None:
    always = company.ca.issue("CN=alice", not_before=pki.AT - timedelta(days=36_500), not_after=pki.AT + timedelta(days=360_000))
    page = company.ask(always).to_html()
    shares = [(float(left), float(width)) for left, width in re.findall(r"left:([\d.]+)%;width:([\d.]+)%", page)]
    assert len(shares) == 3
    assert all(left >= 0 and left + width <= 100.5 for left, width in shares)


def test_a_notebook_shows_a_part_of_a_page_with_its_style(company: Company) -> None:
    diagnosis = company.expired()
    bundle = diagnosis._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain", "application/json"}
    html = bundle["text/html"]
    assert html == diagnosis._repr_html_()
    assert html.startswith("<div")
    assert {"html", "body", "script"}.isdisjoint(Seen(html).elements)
    assert bundle["text/plain"] == diagnosis.to_text()


def test_an_answer_without_store_is_a_page_too(company: Company) -> None:
    assert "Undetermined:" in Seen(company.good(store=None).to_html()).text


def test_an_unknown_language_is_an_input_error(company: Company) -> None:
    with pytest.raises(InputError):
        company.good().to_html(lang="de")


def test_without_jinja2_the_error_names_the_extra_and_a_notebook_shows_text() -> None:
    program = """
import sys
sys.modules["jinja2"] = None
import chaincheck
d = chaincheck.diagnose(sys.stdin.buffer.read(), store=None, fetch="never")
assert d._repr_html_() is None and set(d._repr_mimebundle_()) == {"text/plain", "application/json"}
try:
    d.to_html()
except chaincheck.MissingExtraError as error:
    print(error)
"""
    client = pki.root("Root").issue("alice").der
    done = subprocess.run([sys.executable, "-c", program], input=client, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == "an HTML report needs the extra 'report': pip install 'chaincheck[report]'\n"
