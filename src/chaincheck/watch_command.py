"""``chaincheck watch``: the same folder again and again, told to Prometheus."""

from __future__ import annotations

import signal
from collections import Counter
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Any

from chaincheck.asking import DEFAULT_LIMITS, read_store
from chaincheck.causes.words import Text, visible, words
from chaincheck.checker import Checker
from chaincheck.cli_given import of_collection
from chaincheck.errors import ChaincheckError, InputError
from chaincheck.fleet.many import diagnose_many
from chaincheck.fleet.metrics import Metrics
from chaincheck.report.terminal import write
from chaincheck.scanning import scan

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from chaincheck.causes.words import Words
    from chaincheck.fleet.many import Result

_LONGEST = 86_400.0  # seconds between two rounds
_REMEMBERED = 50_000  # answers: all of most folders


def watch(options: Namespace, lang: str) -> int:
    """Round after round until SIGTERM or SIGINT. What is wrong in the first round is wrong use; later the last metrics stay."""
    said = words(lang)
    if not 1 <= options.every <= _LONGEST:
        raise InputError("argument-type", found=f"{options.every:g}", expected=f"1 to {_LONGEST:g} seconds", where="--every")
    metrics, stop = Metrics(), Event()
    where = _address(options.listen) if options.listen is not None else None
    with Checker(**of_collection(options), remember=_REMEMBERED) as checker:
        server = _listen(where, metrics) if where is not None and not options.once else None
        _round(options, checker, metrics, said)
        if options.once:
            return 0
        if server is not None and where is not None:
            write(said.render("watch.listening", address=visible(f"{where[0]}:{server.server_port}")) + "\n")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not stop.wait(options.every):
            try:
                _reload(options, checker)
                _round(options, checker, metrics, said)
            except (ChaincheckError, OSError) as error:
                metrics.failed()
                write(said.render("watch.failed", at=Text(_now(said)), reason=visible(str(error))) + "\n")
        if server is not None:
            server.shutdown()
    return 0


def _reload(options: Namespace, checker: Checker) -> None:
    """The store as it is now; what was learnt stays where it is the same."""
    store = read_store(of_collection(options)["store"], DEFAULT_LIMITS)
    if (store.identity if store is not None else None) != (checker.store.identity if checker.store is not None else None):
        checker.reload(store)


def _round(options: Namespace, checker: Checker, metrics: Metrics, said: Words) -> None:
    counted: Counter[str] = Counter()
    metrics.replace(_counting(diagnose_many(scan(options.path_of_certificates), checker=checker), counted))
    if options.prometheus_textfile is not None:
        try:
            metrics.write(options.prometheus_textfile)
        except OSError as error:
            expected, where = "a file that can be written", str(options.prometheus_textfile)
            raise InputError("unwritable", found=error.strerror or str(error), expected=expected, where=where) from error
    if not counted:
        found, where = "no client certificate in it", str(options.path_of_certificates)
        raise InputError("no-certificates", found=found, expected="a certificate, or a folder with some", where=where)
    told: dict[str, Any] = {name: counted[name] for name in ("accepted", "refused", "undetermined", "errors")}
    write(said.render("watch.round", told | {"at": Text(_now(said)), "count": counted.total()}) + "\n")


def _counting(results: Iterator[Result], counted: Counter[str]) -> Iterator[Result]:
    for result in results:
        counted[result.diagnosis.verdict.value if result.diagnosis is not None else "errors"] += 1
        yield result


def _address(told: str) -> tuple[str, int]:
    host, colon, port = told.rpartition(":")
    if not colon or not port.isdecimal() or not 0 <= int(port) <= 65_535:
        expected = "HOST:PORT with a port from 0 (any that is free) to 65535, such as 127.0.0.1:9793"
        raise InputError("argument-type", found=repr(told), expected=expected, where="--listen")
    return host or "127.0.0.1", int(port)


def _listen(where: tuple[str, int], metrics: Metrics) -> Any:
    """A server for ``--listen``; found to be possible before anybody is asked anything."""
    from prometheus_client import CollectorRegistry, start_http_server

    registry = CollectorRegistry()
    registry.register(metrics)
    try:
        server, _ = start_http_server(where[1], addr=where[0].strip("[]"), registry=registry)
    except OSError as error:
        expected = "an address of this machine that is free"
        raise InputError(
            "address-not-free", found=error.strerror or str(error), expected=expected, where=f"{where[0]}:{where[1]}"
        ) from error
    return server


def _now(said: Words) -> str:
    return str(said.moment(datetime.now(UTC), UTC))
