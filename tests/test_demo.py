from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from chaincheck import demo

if TYPE_CHECKING:
    import pytest


def test_the_demo_diagnoses_the_four_causes_and_accepts_a_good_certificate() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "chaincheck", "demo", "--lang", "en"], capture_output=True, text=True, timeout=30, check=False
    )
    assert told.returncode == 0
    assert told.stderr == ""
    headlines = [line for line in told.stdout.splitlines() if line.startswith(("Refused: ", "Accepted by "))]
    assert [line[:60] for line in headlines] == [
        'Refused: the root certificate "CN=Demo Root CA,O=Demo" is no',
        "Refused: the client certificate expired 3 days ago.",
        "Refused: the client certificate has been revoked.",
        "Refused: the private key of the client certificate is missin",
        'Accepted by "demo server": the client certificate leads to a',
    ]
    assert "All five came out as they should." in told.stdout


def test_the_evidence_is_fetched_from_its_own_server() -> None:
    text: list[str] = []
    assert demo.run(text.append, full=True) == 0
    whole = "".join(text)
    assert "OCSP response http://127.0.0.1:" in whole
    assert "CRL http://127.0.0.1:" in whole


def test_the_demo_speaks_japanese() -> None:
    text: list[str] = []
    assert demo.run(text.append, lang="ja") == 0
    assert "5 枚とも想定どおりの結果になりました。" in "".join(text)


def test_the_demo_fails_if_one_of_the_five_comes_out_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo._PKI, "ocsp", lambda self, request: b"")
    monkeypatch.setattr(demo._PKI, "crl", lambda self, issuer: b"")
    text: list[str] = []
    assert demo.run(text.append) == 70
    assert "This did not come out as it should: 3. The certificate has been revoked; 5. A good certificate" in "".join(text)


def test_the_demo_leaves_nothing_running() -> None:
    import threading

    before = threading.active_count()
    demo.run(lambda text: None)
    assert threading.active_count() == before
