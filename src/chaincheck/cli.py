"""The command line: ``chaincheck diagnose``, ``replay``, ``cache``, ``demo``. A thin face over the library.

Exit codes: 0 accepted, 3 refused, 4 undetermined, 64 wrong use, 70 internal error, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence
    from datetime import datetime, tzinfo
    from pathlib import Path

    from chaincheck.diagnosis import Diagnosis
    from chaincheck.errors import InputError
    from chaincheck.fetch.guard import Guard

ACCEPTED, REFUSED, UNDETERMINED = 0, 3, 4
USAGE, INTERNAL = 64, 70  # EX_USAGE and EX_SOFTWARE of BSD's sysexits
INTERRUPTED = 130

_NARROWEST, _WIDEST, _IN_A_PIPE = 60, 120, 100  # columns
_JAPANESE_PRIMARY_LANGUAGE = 0x11  # LANG_JAPANESE of winnt.h


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the arguments are those of the process unless given. Returns the exit code and raises nothing."""
    from chaincheck.errors import ChaincheckError, InputError

    lang = user_language()
    try:
        options = _parser().parse_args(argv)
        lang = options.lang or lang
        code: int = options.run(options, lang)
    except SystemExit as done:  # argparse: --help, --version, or wrong use
        return done.code if isinstance(done.code, int) else USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except InputError as error:
        return _wrong_input(error, lang)
    except ChaincheckError as error:
        _complain(f"chaincheck: {error}\n")
        return USAGE
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets a readable message and the code for "our fault"
        return _failed(error, lang)
    return code


# ------------------------------------------------------------------------------------------------------------- commands


def _diagnose(options: Namespace, lang: str) -> int:
    import chaincheck

    diagnosis = chaincheck.diagnose(
        _certificate(options.certificate),
        chaincheck.NO_KEY if options.no_key else options.key,
        store=_store(options),
        presented=options.presented,
        at=options.at,
        rules={"iis": chaincheck.IIS, "rfc5280": chaincheck.RFC5280, "openssl": chaincheck.OPENSSL}[options.rules],
        fetch=options.fetch,
        crls=options.crl,
        ocsp_responses=options.ocsp,
        server=chaincheck.ServerProfile(here=True) if options.server_here else None,
        password=_password(options.password_file),
        timeout=options.timeout,
        guard=_guard(options),
        proxy=options.proxy,
        cache=None if options.no_cache else options.cache_dir or chaincheck.DEFAULT,
    )
    return _answer(diagnosis, options, lang)


def _replay(options: Namespace, lang: str) -> int:
    import chaincheck

    return _answer(chaincheck.replay(options.case), options, lang)


def _explain(options: Namespace, lang: str) -> int:
    import json

    import chaincheck
    from chaincheck.report.terminal import write

    explanation = chaincheck.explain(" ".join(options.code))
    told = json.dumps(explanation.to_dict(lang), ensure_ascii=False, indent=2) if options.json else explanation.to_text(lang)
    write(told + "\n")
    return 0


def _log(options: Namespace, lang: str) -> int:
    import json

    from chaincheck.iis import read_log
    from chaincheck.report.logged import written
    from chaincheck.report.terminal import write

    summary = read_log(*options.log)
    told = json.dumps(summary.to_dict(), ensure_ascii=False, indent=2) if options.json else written(summary, lang, most=options.most)
    write(told + "\n")
    return 0


def _demo(options: Namespace, lang: str) -> int:
    from chaincheck.demo import run
    from chaincheck.report.terminal import write

    return run(write, lang=lang, full=options.full, width=_columns())


def _answer(diagnosis: Diagnosis, options: Namespace, lang: str) -> int:
    from chaincheck.causes.codes import Verdict
    from chaincheck.causes.words import words
    from chaincheck.report.terminal import write

    if options.json:
        write(_json(diagnosis, lang) + "\n")
    else:
        write(diagnosis.to_text(lang=lang, timezone=options.timezone, width=_columns()))
    if options.save_case is not None:
        try:
            diagnosis.save_case(options.save_case)
        except OSError as error:
            _complain(words(lang).render("cli.cannot-write", path=str(options.save_case), reason=error.strerror or str(error)) + "\n")
            return USAGE
        _complain(words(lang).render("cli.case-saved", path=str(options.save_case)) + "\n")
    return {Verdict.ACCEPTED: ACCEPTED, Verdict.REFUSED: REFUSED, Verdict.UNDETERMINED: UNDETERMINED}[diagnosis.verdict]


def _json(diagnosis: Diagnosis, lang: str) -> str:
    """UTF-8 where the output is that; else in ASCII, which is the same JSON in every encoding."""
    text = diagnosis.to_json(lang=lang)
    if (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8":
        return text
    import json

    return json.dumps(json.loads(text), indent=2)


# -------------------------------------------------------------------------------------------------------------- what is given


def _certificate(name: Path) -> Any:
    return sys.stdin.buffer.read() if str(name) == "-" else name


def _store(options: Namespace) -> Any:
    """``--store`` as it is; ``--roots``, ``--intermediates`` and ``--disallowed`` as the compartments the user says they are."""
    compartments = {name: getattr(options, name) for name in ("roots", "intermediates", "disallowed") if getattr(options, name)}
    if not compartments:
        return options.store
    if options.store is not None:
        from chaincheck.errors import InputError

        expected = "either --store, which sorts one file by itself, or --roots, --intermediates and --disallowed"
        raise InputError("store-twice", found=f"--store and --{next(iter(compartments))}", expected=expected, where="arguments")
    from chaincheck.store import TrustStore

    return TrustStore(**compartments, name=" + ".join(path.name for paths in compartments.values() for path in paths))


def _guard(options: Namespace) -> Guard | None:
    """None leaves the choice to the library; this machine's own store vouches for addresses of its intranet (see ``Guard``)."""
    if not options.allow_host and not options.fetch_unanchored:
        return None
    from dataclasses import replace

    from chaincheck.fetch.guard import Guard

    base = Guard.INTRANET if options.store == "system" else Guard.PUBLIC
    return replace(base.allowing(*options.allow_host), fetch_unanchored=options.fetch_unanchored)


def _password(name: Path | None) -> bytes | None:
    """The first line of a file: a password does not belong on a command line, where every user of the machine can read it."""
    if name is None:
        return None
    from chaincheck.errors import InputError

    try:
        content = name.read_bytes()
    except OSError as error:
        expected = "a file with the password in its first line"
        raise InputError("unreadable", found=error.strerror or str(error), expected=expected, where=str(name)) from error
    return content.removeprefix(b"\xef\xbb\xbf").splitlines()[0] if content.strip() else b""


# -------------------------------------------------------------------------------------------------------- what goes wrong


def _wrong_input(error: InputError, lang: str) -> int:
    """One block that can be read, instead of one long sentence."""
    from chaincheck.causes.words import visible, words
    from chaincheck.report.layout import width, wrap

    said = words(lang)
    rows = [("where", _argument(error.where)), ("found", error.found), ("expected", _in_options(error.expected))]
    rows += [("hint", _in_options(error.hint))] if error.hint else []
    labels = {key: said.render(f"cli.{key}") for key, _ in rows}
    column = max(width(label) for label in labels.values()) + 2
    lines = ["chaincheck: " + said.render("cli.input-error", code=error.code)]
    for key, value in rows:
        lines += wrap(visible(value), _columns(), first=f"  {labels[key]}{' ' * (column - width(labels[key]))}")
    _complain("\n".join(lines) + "\n")
    return USAGE


# What the library says to a program, and what that is on a command line.
_IN_OPTIONS = (
    ("pass password=", "pass --password-file"),
    ("use chaincheck.scan for a collection, or give the key", "give one certificate at a time, or --key,"),
    ("pass CRLs as TrustStore(crls=...)", "pass CRLs with --crl"),
    ("pass it as crls=", "pass it with --crl"),
    ("pass it as ocsp_responses=", "pass it with --ocsp"),
    ("pass chaincheck.NO_CERTIFICATE", "name a file"),
    ("a file name goes in as str or Path, not as bytes", "a file name is an argument; what is piped in is its content"),
    ("; a str of one line is taken as a path, so pass it as bytes", "; save it in a file, or pipe it in"),
    (", or pass bytes that were never decoded", ""),
    ("; or an object with public_key()", ""),
    ("raise Limits.max_kdf_rounds or max_kdf_memory if you trust it", "if you trust it, export it again with fewer rounds"),
)
_ARGUMENTS = {
    "cert": "CERT",
    "certificate": "CERT",
    "allow": "--allow-host",
    **{name: f"--{name}" for name in ("presented", "store", "roots", "intermediates", "disallowed", "timeout")},
}


def _in_options(text: str) -> str:
    for python, option in _IN_OPTIONS:
        text = text.replace(python, option)
    return text


def _argument(where: str) -> str:
    """The option for an argument of the library, "--roots, number 2" for ``roots[1]``; the name of a file stays as it is."""
    from pathlib import Path

    name, bracket, number = where.removesuffix("]").partition("[")
    if name not in _ARGUMENTS or Path(where).exists():
        return where
    return f"{_ARGUMENTS[name]}, number {int(number) + 1}" if bracket and number.isdecimal() else _ARGUMENTS[name]


def _failed(error: Exception, lang: str) -> int:
    """Our fault. The traceback is shown only to who asks for it: it means nothing to an administrator."""
    from chaincheck.causes.words import visible, words

    if os.environ.get("CHAINCHECK_DEBUG"):
        import traceback

        lines = "".join(traceback.format_exception(error)).splitlines()
        _complain("".join(visible(line) + "\n" for line in lines))
    said = words(lang)
    message = visible(str(error))[:300] or "-"
    _complain(said.render("cli.internal-error", kind=type(error).__name__, message=message) + "\n")
    _complain(said.render("cli.internal-report") + "\n")
    return INTERNAL


def _complain(text: str) -> None:
    from chaincheck.report.terminal import write

    write(text, sys.stderr)


# ---------------------------------------------------------------------------------------------------------- the user's world


def user_language() -> str:
    """Japanese ("ja") where the user's locale says so (LC_ALL, LC_MESSAGES, LANG; on Windows the language of its interface), else "en".

    Where the output cannot hold Japanese it is "en" too: escapes help nobody.
    """
    from chaincheck.report.terminal import can_write

    if not can_write("日本語", getattr(sys.stdout, "encoding", None)):
        return "en"
    # POSIX: the first of these that is set and not empty decides.
    named = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), None)
    if named is not None:
        return "ja" if named.lower().startswith("ja") else "en"
    return "ja" if _windows_language() == _JAPANESE_PRIMARY_LANGUAGE else "en"


def _windows_language() -> int | None:
    """The primary language of the user's Windows; None elsewhere."""
    import ctypes

    windows: Any = getattr(ctypes, "windll", None)
    return None if windows is None else int(windows.kernel32.GetUserDefaultUILanguage()) & 0x3FF


def _columns() -> int:
    try:
        on_screen = sys.stdout.isatty()
    except (AttributeError, ValueError):
        on_screen = False
    if not on_screen:
        return _IN_A_PIPE
    from shutil import get_terminal_size

    return min(max(get_terminal_size((_IN_A_PIPE, 24)).columns - 1, _NARROWEST), _WIDEST)


# -------------------------------------------------------------------------------------------------------------- arguments


def _parser() -> ArgumentParser:
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
            self.exit(USAGE, f"{self.format_usage()}{self.prog}: {message}\n")

        def _print_message(self, message: str, file: Any = None) -> None:
            from chaincheck.report.terminal import write

            if message:
                write(message, sys.stderr if file is None else file)

    parser = Parser(
        prog="chaincheck",
        usage="%(prog)s [--help] COMMAND ...",
        description="Why is this client certificate refused?",
        epilog="exit codes: 0 accepted, 3 refused, 4 undetermined, 64 wrong use, 70 internal error",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"chaincheck {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", prog="chaincheck", required=True)

    usage = "%(prog)s [--help] CERT [OPTIONS]"
    diagnose = commands.add_parser("diagnose", usage=usage, help="name every reason for which a certificate is refused", allow_abbrev=False)
    _diagnose_arguments(diagnose, Path)
    _output_arguments(diagnose, Path)
    diagnose.set_defaults(run=_diagnose)

    usage = "%(prog)s [--help] CASE [OPTIONS]"
    replay = commands.add_parser(
        "replay", usage=usage, help="answer the question of a saved case again, without network", allow_abbrev=False
    )
    replay.add_argument("case", type=Path, metavar="CASE", help="folder or zip written by --save-case")
    _output_arguments(replay, Path)
    replay.set_defaults(run=_replay)

    usage = "%(prog)s [--help] CODE ... [OPTIONS]"
    explain = commands.add_parser(
        "explain", usage=usage, help="what a status, code, alert or event means, and what may be behind it", allow_abbrev=False
    )
    explain.add_argument("code", nargs="+", metavar="CODE", help="403.16, 2148204809, CERT_E_UNTRUSTEDROOT, alert 48, a log line")
    explain.add_argument("--json", action="store_true", help="JSON instead of text")
    explain.add_argument("--lang", choices=("en", "ja"), help="language (default: the user's)")
    explain.set_defaults(run=_explain)

    usage = "%(prog)s [--help] LOG ... [OPTIONS]"
    log = commands.add_parser("log", usage=usage, help="the refusals in logs of IIS, with what may be behind them", allow_abbrev=False)
    log.add_argument("log", nargs="+", type=Path, metavar="LOG", help="W3C extended logs, also packed with gzip")
    log.add_argument("--most", type=int, default=20, metavar="N", help="groups that are shown (default: 20)")
    log.add_argument("--json", action="store_true", help="JSON instead of text, with all groups")
    log.add_argument("--lang", choices=("en", "ja"), help="language (default: the user's)")
    log.set_defaults(run=_log)

    from chaincheck.cache_command import add_commands

    usage = "%(prog)s [--help] COMMAND ..."
    cache = commands.add_parser("cache", usage=usage, help="the evidence kept from earlier answers", allow_abbrev=False)
    add_commands(cache, Path)

    usage = "%(prog)s [--help] [OPTIONS]"
    demo = commands.add_parser("demo", usage=usage, help="diagnose five certificates over real HTTP on this machine", allow_abbrev=False)
    demo.add_argument("--full", action="store_true", help="show each answer in full")
    demo.add_argument("--lang", choices=("en", "ja"), help="language (default: the user's)")
    demo.set_defaults(run=_demo)
    return parser


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
        "--server-here", action="store_true", help="this machine is the server: what it cannot reach, the server cannot reach"
    )

    judged = parser.add_argument_group("how it is judged")
    judged.add_argument(
        "--at", type=_moment, metavar="TIME", help="moment in ISO 8601 with offset, such as 2026-06-15T12:00:00Z (default: now)"
    )
    judged.add_argument("--rules", choices=("iis", "rfc5280", "openssl"), default="iis", help="whose rules (default: iis)")

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


def _output_arguments(parser: ArgumentParser, path: type[Path]) -> None:
    output = parser.add_argument_group("output")
    output.add_argument("--lang", choices=("en", "ja"), help="language (default: the user's)")
    output.add_argument(
        "--timezone", type=_timezone, metavar="ZONE", help="of the times shown, such as Asia/Tokyo or +09:00 (default: UTC)"
    )
    output.add_argument("--json", action="store_true", help="JSON instead of text")
    output.add_argument(
        "--save-case", type=path, metavar="PATH", help="write question, evidence and answer as a folder, or a zip if it ends so"
    )


def _store_name(text: str) -> Any:
    from pathlib import Path

    return text if text == "system" else Path(text)


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
