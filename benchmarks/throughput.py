"""Answers a second: 2,000 certificates with one OCSP question each, to a responder that is a process of its own and takes 50 ms."""

from __future__ import annotations

import asyncio
import dataclasses
import pickle
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import chaincheck
import pki
from chaincheck.fetch.http import AsyncHttpFetcher, HttpFetcher
from chaincheck.fetch.request import Request
from chaincheck.x509.certificate import Certificate
from chaincheck.x509.key import PublicKey
from chaincheck.x509.ocsp import build_request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

T = TypeVar("T")

CERTIFICATES, AT_ONCE, PAUSE = 2_000, 64, 0.05


class Measure(NamedTuple):
    """Answers a second, and the goal."""

    work: str
    a_second: float
    goal: float | None


class _Material(NamedTuple):
    root: pki.Authority
    authority: pki.Authority
    leaves: list[pki.Issued]
    url: str


def measures() -> list[Measure]:
    with _served() as made:
        return [
            Measure(f"OCSP questions, {AT_ONCE} threads", _questions(made), 900),
            Measure(f"OCSP questions, {AT_ONCE} tasks on one loop", asyncio.run(_questions_async(made)), 600),
            Measure(f"whole diagnoses with one OCSP question each, {AT_ONCE} threads", _diagnoses(made), None),
            Measure(f"whole diagnoses with one OCSP question each, {AT_ONCE} tasks on one loop", asyncio.run(_diagnoses_async(made)), None),
        ]


@contextmanager
def _served() -> Iterator[_Material]:
    now = datetime.now(UTC).replace(microsecond=0)
    dates: dict[str, Any] = {**pki.valid_around(now)}
    fresh: dict[str, Any] = {"this_update": now - timedelta(hours=1), "next_update": now + timedelta(hours=23)}
    root = pki.root("Benchmark Root", key="rsa2048:a", **dates)
    authority = root.issue_ca("Benchmark Issuing CA", key="rsa2048:b", **dates)
    # The port is not known before the responder is made, and the certificates name it: the responder reads its answers by serial number.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "answers.pickle")
        serials = range(1 << 80, (1 << 80) + CERTIFICATES)
        answers = {serial.to_bytes(11, "big"): authority.ocsp_response(serial, **fresh) for serial in serials}
        file.write_bytes(pickle.dumps(answers))
        with subprocess.Popen(
            [sys.executable, "-m", "benchmarks.responder", str(file), str(PAUSE)], stdout=subprocess.PIPE, text=True
        ) as responder:
            try:
                assert responder.stdout is not None
                url = f"http://127.0.0.1:{int(responder.stdout.readline())}/"
                leaves = [
                    authority.issue(f"client {serial}", key="rsa2048:c", serial=serial, ocsp_urls=[url], **dates) for serial in serials
                ]
                yield _Material(root, authority, leaves, url)
            finally:
                responder.kill()


def _requests(made: _Material) -> list[Request]:
    issuer, key = Certificate(made.authority.der), PublicKey.of(made.authority.key.spki)
    bodies = (build_request(Certificate(leaf.der), issuer.subject.der, key) for leaf in made.leaves)
    return [Request(kind="ocsp", url=made.url, method="POST", body=body, anchored=True) for body in bodies]


def _questions(made: _Material) -> float:
    with HttpFetcher(_guard()) as fetcher:

        def ask(request: Request) -> bool:
            return fetcher.fetch_round([request], monotonic() + 20)[0].ok

        return _in_threads(ask, _requests(made))


async def _questions_async(made: _Material) -> float:
    async with AsyncHttpFetcher(_guard()) as fetcher:

        async def ask(request: Request) -> bool:
            [answer] = await fetcher.fetch_round([request], monotonic() + 20)
            return answer.ok

        return await _in_tasks(ask, _requests(made))


def _diagnoses(made: _Material) -> float:
    with chaincheck.Checker(**_settings(made)) as checker:
        return _in_threads(lambda leaf: checker.diagnose(leaf.der).accepted, made.leaves)


async def _diagnoses_async(made: _Material) -> float:
    async with chaincheck.AsyncChecker(**_settings(made)) as checker:

        async def ask(leaf: pki.Issued) -> bool:
            return (await checker.diagnose(leaf.der)).accepted

        return await _in_tasks(ask, made.leaves)


def _settings(made: _Material) -> dict[str, Any]:
    store = chaincheck.TrustStore(roots=[made.root.der], intermediates=[made.authority.der], disallowed=(), crls=())
    rules = dataclasses.replace(chaincheck.IIS, revocation="subject")
    return {"store": store, "rules": rules, "guard": _guard(), "cache": None}


def _guard() -> chaincheck.Guard:
    return chaincheck.Guard(intranet=True, allow=("127.0.0.1",))


def _in_threads(ask: Callable[[T], bool], items: list[T]) -> float:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(ask, items[: 2 * AT_ONCE]))  # connections are made
        begun = perf_counter()
        good = sum(pool.map(ask, items))
        taken = perf_counter() - begun
    return _rate(good, len(items), taken)


async def _in_tasks(ask: Callable[[T], Awaitable[bool]], items: list[T]) -> float:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> bool:
        async with turns:
            return await ask(item)

    await asyncio.gather(*map(one, items[: 2 * AT_ONCE]))
    begun = perf_counter()
    good = sum(await asyncio.gather(*map(one, items)))
    return _rate(good, len(items), perf_counter() - begun)


def _rate(good: int, asked: int, taken: float) -> float:
    if good != asked:
        raise RuntimeError(f"only {good} of {asked} were answered")
    return asked / taken
