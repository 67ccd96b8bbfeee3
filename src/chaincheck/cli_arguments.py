"""The arguments of the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Mapping
    from datetime import datetime, timedelta, tzinfo
    from pathlib import Path

USAGE: Final = 64  # EX_USAGE of BSD's sysexits


class WrongUse(SystemExit):
    """What argparse does not understand; ``message`` is its reason in one line."""

    def __init__(self, message: str) -> None:
        super().__init__(USAGE)
        self.message = message


def parser(run: Mapping[str, Callable[[Namespace, str], int]]) -> ArgumentParser:
    """All commands; ``run``: what carries out each."""
    from argparse import ArgumentParser, RawDescriptionHelpFormatter
    from pathlib import Path

    from chaincheck._version import __version__

    class Parser(ArgumentParser):
        """argparse exits with 2 for wrong use; here that is 64, which no verdict uses. Its output survives any console."""

        color = property(lambda self: False, lambda self, wanted: None)  # Python 3.14 would colour usage and help

        def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
            """A command names what it does not know itself, with its own usage."""
            known, unknown = super().parse_known_args(args, namespace)
            if unknown:
                self.error(f"unrecognized arguments: {' '.join(unknown)}")
            return known, unknown

        def error(self, message: str) -> Any:
            self._print_message(f"{self.format_usage()}{self.prog}: {message}\n", sys.stderr)
            raise WrongUse(message)

        def _print_message(self, message: str, file: Any = None) -> None:
            from chaincheck.report.terminal import write

            if message:
                write(message, sys.stderr if file is None else file)

    whole = Parser(
        prog="chaincheck",
        usage="%(prog)s [--help] COMMAND ...",
        description="Why is this client certificate refused?",
        epilog="exit codes: 0 accepted, 3 refused, 4 undetermined, 64 wrong use, 70 internal error",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"chaincheck {__version__}")
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", prog="chaincheck", required=True)

    usage = "%(prog)s [--help] CERT [OPTIONS]"
    diagnose = commands.add_parser("diagnose", usage=usage, help="name every reason for which a certificate is refused", allow_abbrev=False)
    _diagnose_arguments(diagnose, Path)
    _output_arguments(diagnose, Path)
    diagnose.set_defaults(run=run["diagnose"])

    usage = "%(prog)s [--help] CASE [OPTIONS]"
    replay = commands.add_parser(
        "replay", usage=usage, help="answer the question of a saved case again, without network", allow_abbrev=False
    )
    replay.add_argument("case", type=Path, metavar="CASE", help="folder or zip written by --save-case")
    _output_arguments(replay, Path)
    replay.set_defaults(run=run["replay"])

    usage = "%(prog)s [--help] CODE ... [OPTIONS]"
    explain = commands.add_parser(
        "explain", usage=usage, help="what a status, code, alert or event means, and what may be behind it", allow_abbrev=False
    )
    explain.add_argument("code", nargs="+", metavar="CODE", help="403.16, 2148204809, CERT_E_UNTRUSTEDROOT, alert 48, a log line")
    explain.add_argument("--json", action="store_true", help="JSON instead of text")
    explain.add_argument("--lang", choices=("en", "ja"), help="language (default: the user's)")
    explain.set_defaults(run=run["explain"])

    usage = "%(prog)s [--help] LOG ... [OPTIONS]"
    log = commands.add_parser("log", usage=usage, help="the refusals in logs of IIS, with what may be behind them", allow_abbrev=False)
    log.add_argument("log", nargs="+", type=Path, metavar="LOG", help="W3C extended logs, also packed with gzip")
    log.add_argument("--most", type=int, default=20, metavar="N", help="groups that are shown (default: 20)")
    log.add_argument("--json", action="store_true", help="JSON instead of text, with all groups")
    log.add_argument("--lang", choices=("en", "ja"), help="language (default: the user's)")
    log.set_defaults(run=run["log"])

    usage = "%(prog)s [--help] FILE [OPTIONS]"
    windows = commands.add_parser(
        "windows", usage=usage, help="what Windows decided: output of certutil -verify, events of CAPI2", allow_abbrev=False
    )
    windows.add_argument("file", type=Path, metavar="FILE", help="certutil -verify -urlfetch > FILE, or events of CAPI2 as XML")
    windows.add_argument("--json", action="store_true", help="JSON instead of text")
    windows.add_argument("--lang", choices=("en", "ja"), help="language (default: the user's)")
    windows.set_defaults(run=run["windows"])

    usage = "%(prog)s [--help] PATH -o FILE [OPTIONS]"
    report = commands.add_parser("report", usage=usage, help="one HTML page about the certificates of a file or folder", allow_abbrev=False)
    report.add_argument("path_of_certificates", type=Path, metavar="PATH", help="a certificate, or a folder of them")
    report.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the page that is written")
    _collection_arguments(report, Path)
    report.set_defaults(run=run["report"])

    usage = "%(prog)s [--help] PATH (--prometheus-textfile FILE | --listen ADDRESS) [OPTIONS]"
    watch = commands.add_parser("watch", usage=usage, help="metrics for Prometheus about a folder, round after round", allow_abbrev=False)
    watch.add_argument("path_of_certificates", type=Path, metavar="PATH", help="a certificate, or a folder of them; read anew each round")
    shown = watch.add_mutually_exclusive_group(required=True)
    shown.add_argument("--prometheus-textfile", type=Path, metavar="FILE", help="for the textfile collector of node_exporter")
    shown.add_argument("--listen", metavar="ADDRESS", help="serve the metrics there, such as 127.0.0.1:9793")
    watch.add_argument("--every", type=_seconds, default=300.0, metavar="SECONDS", help="between two rounds (default: 300)")
    watch.add_argument("--once", action="store_true", help="one round, and no more")
    _collection_arguments(watch, Path)
    watch.set_defaults(run=run["watch"])

    from chaincheck.cache_command import add_commands

    usage = "%(prog)s [--help] COMMAND ..."
    cache = commands.add_parser("cache", usage=usage, help="the evidence kept from earlier answers", allow_abbrev=False)
    add_commands(cache, Path)

    usage = "%(prog)s [--help] [OPTIONS]"
    demo = commands.add_parser("demo", usage=usage, help="diagnose five certificates over real HTTP on this machine", allow_abbrev=False)
    demo.add_argument("--full", action="store_true", help="show each answer in full")
    demo.add_argument("--lang", choices=("en", "ja"), help="language (default: the user's)")
    demo.set_defaults(run=run["demo"])
    return whole


def _collection_arguments(parser: ArgumentParser, path: type[Path]) -> None:
    """What is asked about many certificates alike."""
    _client_arguments(parser.add_argument_group("what the client holds"), path)
    _server_arguments(parser, path)
    _early_arguments(parser, "not at all")
    parser.add_argument("--crl", type=path, action="append", default=[], metavar="FILE", help="a CRL at hand (repeatable)")
    parser.add_argument("--ocsp", type=path, action="append", default=[], metavar="FILE", help="an OCSP response at hand (repeatable)")
    parser.add_argument("--fetch", choices=("online", "cached", "never"), default="online", help="where evidence may come from")
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="HOST[:PORT]", help="may be reached, wherever it is (repeatable)"
    )
    parser.add_argument("--fetch-unanchored", action="store_true", help="also ask addresses that no trusted CA vouches for")
    parser.add_argument("--lang", choices=("en", "ja"), help="language (default: the user's)")


def _diagnose_arguments(parser: ArgumentParser, path: type[Path]) -> None:
    parser.add_argument(
        "certificate", type=path, metavar="CERT", help="PEM, DER, Base64, PKCS#7, PKCS#12 or .sst file; - reads standard input"
    )
    held = parser.add_argument_group("what the client holds")
    key = held.add_mutually_exclusive_group()
    key.add_argument("--key", type=path, metavar="FILE", help="its private key: compared, never stored")
    key.add_argument("--no-key", action="store_true", help="the client has no private key for it")
    held.add_argument(
        "--presented", type=path, action="append", default=[], metavar="FILE", help="further certificates it sends (repeatable)"
    )
    held.add_argument("--password-file", type=path, metavar="FILE", help="file whose first line is the password of CERT and key")
    _client_arguments(held, path)
    _server_arguments(parser, path)

    judged = parser.add_argument_group("how it is judged")
    judged.add_argument(
        "--at", type=_moment, metavar="TIME", help="moment in ISO 8601 with offset, such as 2026-06-15T12:00:00Z (default: now)"
    )
    judged.add_argument("--rules", choices=("iis", "rfc5280", "openssl"), default="iis", help="whose rules (default: iis)")

    judged.add_argument(
        "--observed", metavar="TEXT|FILE", help="what was seen: a log line, 403.16, unknown_ca, or the output of certutil -verify"
    )

    _early_arguments(judged, "not at all; 30 with --format nagios")

    evidence = parser.add_argument_group("revocation")
    evidence.add_argument("--crl", type=path, action="append", default=[], metavar="FILE", help="a CRL at hand (repeatable)")
    evidence.add_argument("--ocsp", type=path, action="append", default=[], metavar="FILE", help="an OCSP response at hand (repeatable)")
    evidence.add_argument(
        "--fetch", choices=("online", "cached", "never"), default="online", help="where other evidence may come from (default: online)"
    )
    kept = evidence.add_mutually_exclusive_group()
    kept.add_argument("--no-cache", action="store_true", help="keep nothing of what is fetched, and use nothing that was kept")
    kept.add_argument("--cache-dir", type=path, metavar="DIR", help="where fetched evidence is kept (default: the user's cache folder)")
    evidence.add_argument("--timeout", type=float, metavar="SECONDS", help="for all fetching together (default: 20, as IIS)")
    evidence.add_argument("--proxy", metavar="URL", help="a proxy for everything that is fetched (default: those of the environment)")
    evidence.add_argument(
        "--allow-host", action="append", default=[], metavar="HOST[:PORT]", help="may be reached, wherever it is (repeatable)"
    )
    evidence.add_argument(
        "--fetch-unanchored", action="store_true", help="also ask addresses named by certificates no trusted CA vouches for"
    )


def _early_arguments(group: Any, by_default: str) -> None:
    group.add_argument(
        "--warn-before",
        type=_days,
        metavar="DAYS",
        help=f"warn so long before the end of a validity (default: {by_default})",
    )
    group.add_argument(
        "--prefer", choices=("ocsp", "crl"), default="ocsp", help="what of a certificate's own sources is asked first (default: ocsp)"
    )


def _client_arguments(held: Any, path: type[Path]) -> None:
    held.add_argument("--client", metavar="KIND", help="who offers it: chromium, dotnet, winhttp, firefox, openssl, curl, go, rustls, java")
    held.add_argument("--client-store", type=path, metavar="FILE", help="the client's own stores (reg export, certutil -store, folder)")
    held.add_argument("--body-bytes", type=int, metavar="N", help="size of the body of the request that was refused")


def _server_arguments(parser: ArgumentParser, path: type[Path]) -> None:
    server = parser.add_argument_group("what the server has")
    server.add_argument(
        "--store", type=_store_name, metavar="FILE|system", help="its certificates in one file or folder, or this machine's own store"
    )
    server.add_argument("--roots", type=path, action="append", default=[], metavar="FILE", help="its Trusted Root store (repeatable)")
    server.add_argument(
        "--intermediates", type=path, action="append", default=[], metavar="FILE", help="its Intermediate store (repeatable)"
    )
    server.add_argument(
        "--disallowed", type=path, action="append", default=[], metavar="FILE", help="its Untrusted Certificates store (repeatable)"
    )
    server.add_argument(
        "--case", type=path, metavar="DIR", help="a folder collected on the server: its stores and settings (see collecting)"
    )
    server.add_argument(
        "--server",
        type=path,
        action="append",
        default=[],
        metavar="FILE",
        help="netsh http show sslcert, reg query of SCHANNEL, configuration of IIS (repeatable)",
    )
    server.add_argument("--host", metavar="NAME", help="the host name that the client uses")
    server.add_argument("--address", metavar="IP", help="the address at which the server was reached")
    server.add_argument("--port", type=int, metavar="N", help="the port (default: 443)")
    server.add_argument("--path", metavar="PATH", help='the place that was asked for, as IIS names it: "Default Web Site/private"')
    server.add_argument("--tls-ends-in-front", action="store_true", help="a balancer or proxy in front of the server ends TLS")
    server.add_argument(
        "--server-here", action="store_true", help="this machine is the server: what it cannot reach, the server cannot reach"
    )


def _output_arguments(parser: ArgumentParser, path: type[Path]) -> None:
    output = parser.add_argument_group("output")
    output.add_argument("--lang", choices=("en", "ja"), help="language (default: the user's)")
    output.add_argument(
        "--timezone", type=_timezone, metavar="ZONE", help="of the times shown, such as Asia/Tokyo or +09:00 (default: UTC)"
    )
    output.add_argument("--format", choices=("text", "json", "nagios"), default="text", help="how it is told (default: text)")
    output.add_argument("--json", action="store_const", dest="format", const="json", help="the same as --format json")
    output.add_argument(
        "--save-case", type=path, metavar="PATH", help="write question, evidence and answer as a folder, or a zip if it ends so"
    )


def _store_name(text: str) -> Any:
    from pathlib import Path

    return text if text == "system" else Path(text)


def _seconds(text: str) -> float:
    from argparse import ArgumentTypeError

    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds, such as 300") from None


def _days(text: str) -> timedelta:
    from argparse import ArgumentTypeError
    from datetime import timedelta

    try:
        days = timedelta(days=float(text))
    except (ValueError, OverflowError):
        days = timedelta(-1)
    if days < timedelta(0):
        raise ArgumentTypeError(f"{text!r} is not a number of days, such as 30")
    return days


def _moment(text: str) -> datetime:
    from argparse import ArgumentTypeError
    from datetime import datetime

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a time in ISO 8601, such as 2026-06-15T12:00:00Z") from None
    if moment.utcoffset() is None:
        raise ArgumentTypeError(f"{text!r} does not say in which time zone: add Z for UTC, or an offset such as +09:00")
    return moment


def _timezone(text: str) -> tzinfo:
    from argparse import ArgumentTypeError
    from datetime import UTC, datetime

    if text.upper() in ("UTC", "Z"):
        return UTC
    if text[:1] in ("+", "-"):
        try:
            zone = datetime.fromisoformat(f"2000-01-01T00:00:00{text}").tzinfo
        except ValueError:
            zone = None
        if zone is not None:
            return zone
    else:
        from zoneinfo import ZoneInfo

        try:
            return ZoneInfo(text)
        except (KeyError, ValueError, OSError):
            pass
    raise ArgumentTypeError(f"{text!r} is no time zone known here; an offset such as +09:00 works everywhere")
