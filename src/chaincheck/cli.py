"""The command line: ``chaincheck diagnose``, ``replay``, ``cache``, ``demo``. A thin face over the library.

Exit codes: 0 accepted, 3 refused, 4 undetermined, 64 wrong use, 70 internal error, 130 interrupted; with
``--format nagios`` those of a plug-in.
"""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from chaincheck.cli_arguments import USAGE, WrongUse, parser

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from chaincheck.diagnosis import Diagnosis
    from chaincheck.errors import InputError

ACCEPTED, REFUSED, UNDETERMINED = 0, 3, 4
INTERNAL = 70  # EX_SOFTWARE of BSD's sysexits
INTERRUPTED = 130

_NARROWEST, _WIDEST, _IN_A_PIPE = 60, 120, 100  # columns
_JAPANESE_PRIMARY_LANGUAGE = 0x11  # LANG_JAPANESE of winnt.h


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the arguments are those of the process unless given. Returns the exit code and raises nothing."""
    why: list[str] = []
    code = _run(argv, why)
    if code in (USAGE, INTERNAL, INTERRUPTED) and _for_nagios(sys.argv[1:] if argv is None else argv):
        return _unknown(*why)
    return code


def _run(argv: Sequence[str] | None, why: list[str]) -> int:
    """``why`` takes what an error has to say in one line."""
    from chaincheck.errors import ChaincheckError, InputError

    lang = user_language()
    try:
        options = parser(_COMMANDS).parse_args(argv)
        lang = options.lang or lang
        code: int = options.run(options, lang)
    except WrongUse as error:
        why.append(error.message)
        return USAGE
    except SystemExit as done:  # argparse: --help, --version, or wrong use
        return done.code if isinstance(done.code, int) else USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except InputError as error:
        why.append(_in_options(str(error)))
        return _wrong_input(error, lang)
    except ChaincheckError as error:
        why.append(str(error))
        _complain(f"chaincheck: {error}\n")
        return USAGE
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets a readable message and the code for "our fault"
        return _failed(error, lang)
    return code


# ------------------------------------------------------------------------------------------------------------- commands


def _diagnose(options: Namespace, lang: str) -> int:
    from datetime import timedelta

    import chaincheck
    from chaincheck.cli_given import asked_early, certificate, client, guard, observed, of_server, password

    if options.format == "nagios" and options.warn_before is None:
        options.warn_before = timedelta(days=30)
    store, server = of_server(options)
    diagnosis = chaincheck.diagnose(
        certificate(options.certificate),
        chaincheck.NO_KEY if options.no_key else options.key,
        store=store,
        presented=options.presented,
        at=options.at,
        rules={"iis": chaincheck.IIS, "rfc5280": chaincheck.RFC5280, "openssl": chaincheck.OPENSSL}[options.rules],
        fetch=options.fetch,
        crls=options.crl,
        ocsp_responses=options.ocsp,
        server=server,
        client=client(options),
        observed=observed(options.observed),
        password=password(options.password_file),
        timeout=options.timeout,
        guard=guard(options),
        proxy=options.proxy,
        cache=None if options.no_cache else options.cache_dir or chaincheck.DEFAULT,
        **asked_early(options),
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


def _report(options: Namespace, lang: str) -> int:
    """0 where all are accepted, 3 where one is refused, else 4."""
    from chaincheck.causes.codes import Verdict
    from chaincheck.causes.words import words
    from chaincheck.cli_given import of_collection
    from chaincheck.errors import InputError
    from chaincheck.fleet.many import diagnose_many
    from chaincheck.fleet.summary import summary_page
    from chaincheck.report.html import to_html
    from chaincheck.report.terminal import write
    from chaincheck.scanning import scan

    results = list(diagnose_many(scan(options.path_of_certificates), **of_collection(options)))
    if not results:
        found, where = "no client certificate in it", str(options.path_of_certificates)
        raise InputError("no-certificates", found=found, expected="a certificate, or a folder with some", where=where)
    alone = results[0].diagnosis if len(results) == 1 else None
    made = to_html(alone, lang=lang) if alone is not None else summary_page(results, lang=lang)
    try:
        options.output.write_text(made, encoding="utf-8")
    except OSError as error:
        _complain(words(lang).render("cli.cannot-write", path=str(options.output), reason=error.strerror or str(error)) + "\n")
        return USAGE
    write(words(lang).render("report.written", path=str(options.output), count=len(results)) + "\n")
    verdicts = {each.diagnosis.verdict for each in results if each.diagnosis is not None}
    return REFUSED if Verdict.REFUSED in verdicts else ACCEPTED if verdicts == {Verdict.ACCEPTED} else UNDETERMINED


def _watch(options: Namespace, lang: str) -> int:
    from chaincheck.watch_command import watch

    return watch(options, lang)


def _windows(options: Namespace, lang: str) -> int:
    import json

    from chaincheck.iis import read_windows_verdict
    from chaincheck.report.terminal import write
    from chaincheck.report.windows_told import written

    verdicts = read_windows_verdict(options.file)
    shown = [verdict.to_dict() for verdict in verdicts]
    write((json.dumps(shown, ensure_ascii=False, indent=2) if options.json else written(verdicts, lang)) + "\n")
    return 0


def _demo(options: Namespace, lang: str) -> int:
    from chaincheck.demo import run
    from chaincheck.report.terminal import write

    return run(write, lang=lang, full=options.full, width=_columns())


_COMMANDS = {
    "diagnose": _diagnose,
    "replay": _replay,
    "explain": _explain,
    "log": _log,
    "windows": _windows,
    "report": _report,
    "watch": _watch,
    "demo": _demo,
}


def _answer(diagnosis: Diagnosis, options: Namespace, lang: str) -> int:
    from chaincheck.causes.codes import Verdict
    from chaincheck.causes.words import words
    from chaincheck.report.terminal import write

    state = None
    if options.format == "nagios":
        from chaincheck.report.nagios import to_nagios

        state, output = to_nagios(diagnosis, lang=lang, timezone=options.timezone)
        write(output)
    elif options.format == "json":
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
    if state is not None:
        return state
    return {Verdict.ACCEPTED: ACCEPTED, Verdict.REFUSED: REFUSED, Verdict.UNDETERMINED: UNDETERMINED}[diagnosis.verdict]


def _json(diagnosis: Diagnosis, lang: str) -> str:
    """UTF-8 where the output is that; else in ASCII, which is the same JSON in every encoding."""
    text = diagnosis.to_json(lang=lang)
    if (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8":
        return text
    import json

    return json.dumps(json.loads(text), indent=2)


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
    "observed": "--observed",
    "client.kind": "--client",
    "client.sends_body_bytes": "--body-bytes",
    "server.port": "--port",
    "server.host": "--host",
    "ServerProfile.load": "--server",
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


def _for_nagios(argv: Sequence[str]) -> bool:
    return "--format=nagios" in argv or any(pair == ("--format", "nagios") for pair in pairwise(argv))


def _unknown(why: str = "") -> int:
    """A plug-in says on stdout that it knows nothing, and why, with the code for that; stderr, which has all of it, is shown by few."""
    from chaincheck.causes.words import words
    from chaincheck.report.nagios import UNKNOWN, line_of
    from chaincheck.report.terminal import write

    write(line_of(UNKNOWN, why or words(user_language()).render("nagios.not-asked")) + "\n")
    return UNKNOWN


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
