"""Reports in a real Chromium: they are drawn, sort, ask nothing of the network, and no name out of a certificate does anything."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

import pki
from chaincheck import Result, summary_page
from report.company import Company

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_httpserver import HTTPServer
    from selenium.webdriver import Chrome

NARROW, WIDE = 400, 1200


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    for command, package in (("chromium", "chromium"), ("chromedriver", "chromium-driver")):
        if shutil.which(command) is None:
            pytest.skip(f"needs the package {package}: apt-get install {package}")
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    profile = tmp_path_factory.mktemp("profile")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield chrome
    chrome.quit()


def show(browser: Chrome, path: Path, html: str, *, width: int = WIDE, scheme: str = "light") -> None:
    page = path / "page.html"
    page.write_text(html, encoding="utf-8")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
    said(browser)  # what was said about the page before
    browser.get(page.as_uri())


def said(browser: Chrome) -> list[str]:
    """What the console has to say, once."""
    return [entry["message"] for entry in browser.get_log("browser")]  # type: ignore[no-untyped-call]  # selenium has no types for it


def hostile(server: HTTPServer) -> str:
    return f"<img src={server.url_for('/')} onerror=\"document.title='run'\"><script>document.title='run'</script>"


def many(server: HTTPServer) -> list[Result]:
    company = Company()
    asked = {"b": company.good(), "a": company.expired(), "c": company.without_root()}
    results = [Result(label=label, diagnosis=diagnosis) for label, diagnosis in asked.items()]
    client = company.ca.issue(pki.long_name(hostile(server)), not_after=pki.AT - timedelta(days=3))
    return [*results, Result(label=hostile(server), diagnosis=company.ask(client))]


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_report_is_drawn_within_its_width_and_the_console_is_silent(
    browser: Chrome, tmp_path: Path, httpserver: HTTPServer, lang: str, scheme: str, width: int
) -> None:
    for html in (many(httpserver)[-1].diagnosis.to_html(lang=lang), summary_page(many(httpserver), lang=lang)):  # type: ignore[union-attr]
        show(browser, tmp_path, html, width=width, scheme=scheme)
        assert said(browser) == []
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        back = browser.execute_script("return getComputedStyle(document.querySelector('.chaincheck')).backgroundColor")
        assert back == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(13, 17, 23)")


def test_a_hostile_name_asks_nothing_and_runs_nothing(browser: Chrome, tmp_path: Path, httpserver: HTTPServer) -> None:
    for html in (many(httpserver)[-1].diagnosis.to_html(), summary_page(many(httpserver))):  # type: ignore[union-attr]
        show(browser, tmp_path, html)
        assert browser.title != "run"
        assert browser.execute_script("return document.images.length") == 0
        assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert httpserver.log == []


def test_steps_are_folded_and_unfold(browser: Chrome, tmp_path: Path) -> None:
    show(browser, tmp_path, Company().expired().to_html())
    steps = browser.find_element("css selector", "details ol")
    assert not steps.is_displayed()
    browser.find_element("css selector", "details summary").click()
    assert steps.is_displayed()


def test_the_table_sorts_without_a_server(browser: Chrome, tmp_path: Path, httpserver: HTTPServer) -> None:
    show(browser, tmp_path, summary_page(many(httpserver)[:3]))

    def column(number: int) -> list[str]:
        return [cell.text for cell in browser.find_elements("css selector", f"tbody td:nth-child({number})")]

    buttons = browser.find_elements("css selector", "th button")
    assert column(1) == ["b", "a", "c"]
    buttons[0].click()
    assert column(1) == ["a", "b", "c"]
    buttons[0].click()
    assert column(1) == ["c", "b", "a"]
    buttons[1].click()
    assert [text[1:] for text in column(2)] == ["refused", "refused", "accepted"]
    buttons[4].click()
    assert column(1)[0] == "a"
