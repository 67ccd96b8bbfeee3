"""Whatever the sources say: an answer by the cache is never a better one than that by the sources themselves."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

import chaincheck
import pki
from chaincheck.causes.codes import Verdict

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DATES: dict[str, Any] = {**pki.valid_around(NOW, 300)}
CA = pki.root("Fuzzed CA", **DATES)
OCSP, FIRST, SECOND, DELTA = "http://ocsp.example.com/", "http://crl.example.com/1", "http://crl.example.com/2", "http://crl.example.com/d"
LEAF = CA.issue("client", ocsp_urls=[OCSP], crl_urls=[FIRST, SECOND], **DATES)
STORE = chaincheck.TrustStore(roots=CA.der, intermediates=(), disallowed=(), crls=())


def dates(chosen: random.Random) -> dict[str, Any]:
    return {"this_update": NOW - chosen.randint(1, 50) * HOUR, "next_update": NOW + chosen.choice([-1, 1, 5, 30]) * HOUR}


def some_crl(chosen: random.Random, *, delta: bool = False) -> bytes | None:
    if chosen.random() < 0.3:
        return None
    entries: list[pki.Revoked] = []
    if chosen.random() < 0.25:
        entries.append((LEAF.serial, NOW - 3 * DAY, chosen.choice(["certificateHold", "keyCompromise", "removeFromCRL"])))
    extensions: list[pki.Extension] = [(x509.DeltaCRLIndicator(chosen.randint(8, 11)), True)] if delta else []
    if not delta and chosen.random() < 0.4:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(DELTA)], None, None, None)
        extensions.append((x509.FreshestCRL([point]), False))
    number, broken = chosen.randint(8, 13), chosen.random() < 0.1
    return CA.crl(entries, number=number, extensions=extensions, broken_signature=broken, **dates(chosen))


def some_response(chosen: random.Random) -> bytes | None:
    answer = CA.ocsp_response(LEAF, chosen.choice(["good", "good", "revoked", "unknown"]), **dates(chosen))
    return chosen.choice([b"<html>", None, answer])


@given(seed=st.integers(min_value=0, max_value=1 << 40))
def test_fuzz_the_cache_makes_no_answer_better(seed: int) -> None:
    chosen = random.Random(seed)
    web = {OCSP: some_response(chosen), FIRST: some_crl(chosen), SECOND: some_crl(chosen), DELTA: some_crl(chosen, delta=True)}

    def answer(request: httpx.Request) -> httpx.Response:
        body = web.get(str(request.url))
        headers = chosen.choice([{}, {"Cache-Control": "max-age=0"}, {"Cache-Control": "max-age=3600"}])
        return httpx.Response(404) if body is None else httpx.Response(200, content=body, headers=headers)

    with httpx.Client(transport=httpx.MockTransport(answer)) as client, TemporaryDirectory() as folder:
        plain, first, second = (
            chaincheck.diagnose(LEAF.der, store=STORE, http_client=client, cache=each) for each in (None, folder, folder)
        )
        offline = chaincheck.diagnose(LEAF.der, store=STORE, fetch="cached", cache=folder)
    assert first.verdict is plain.verdict
    assert second.accepted is plain.accepted
    assert second.verdict is Verdict.REFUSED or plain.verdict is not Verdict.REFUSED
    assert plain.accepted or not offline.accepted
