"""One page about many certificates."""

from __future__ import annotations

from datetime import timedelta

import chaincheck
import pki
from chaincheck import Result, TrustStore, diagnose_many, summary_page
from pki import AT
from report.test_html import HOSTILE, Seen

ROOT = pki.root("Summary Root")
CA = ROOT.issue_ca("Summary CA")
OTHER_CA = ROOT.issue_ca("Expired CA", not_after=AT - timedelta(days=1))
STORE = TrustStore(roots=[ROOT.der], intermediates=[CA.der, OTHER_CA.der], disallowed=[])


def results() -> list[Result]:
    below = [(f"below {number}", OTHER_CA.issue(f"below {number}").der) for number in range(3)]
    good = [(f"good {days}", CA.issue(f"good {days}", not_after=AT + timedelta(days=days)).der) for days in (3, 20, 60, 200, 900)]
    told = [{"label": label, "cert": der, "at": AT} for label, der in [*below, *good]]
    return [*diagnose_many(told, store=STORE, fetch="never", cache=None), Result(label="x", error=chaincheck.ChaincheckError("no file"))]


def test_a_page_counts_by_verdict_cause_ca_and_end() -> None:
    seen = Seen(summary_page(results()))
    assert not seen.open
    text = " ".join(seen.text.split())
    assert "×3 refused ?0 undetermined ○5 accepted and 1 that could not be read" in text
    assert "CN=Expired CA3 " in text
    assert seen.elements.count("tr") == 1 + 9
    assert "no file" in text


def test_a_page_of_nothing_is_a_page() -> None:
    assert not Seen(summary_page([])).open


def test_labels_are_text_and_the_only_script_is_the_one_that_sorts() -> None:
    told = [Result(label=HOSTILE, error=chaincheck.ChaincheckError(HOSTILE))]
    page = summary_page(told, lang="ja", title=HOSTILE)
    seen = Seen(page)
    assert seen.elements.count("script") == 1
    assert "img" not in seen.elements
    assert "script-src &#39;sha256-" in page or "script-src 'sha256-" in page
