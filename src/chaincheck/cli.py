"""The command line: ``chaincheck diagnose``, ``replay``, ``demo``. A thin face over the library.

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

    from chaincheck.diagnosis import Diagnosis
    from chaincheck.errors import InputError

ACCEPTED, REFUSED, UNDETERMINED = 0, 3, 4
USAGE, INTERNAL = 64, 70  # EX_USAGE and EX_SOFTWARE of BSD's sysexits
_INTERRUPTED = 130

_NARROWEST, _WIDEST, _IN_A_PIPE = 60, 120, 100  # columns


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the arguments are those of the process unless given. Returns the exit code, raises nothing."""
    from chaincheck.console import write, write_error

    lang = user_language()
    try:
        options = _parser().parse_args(argv)
        lang = options.lang if getattr(options, "lang", None) else lang
        code: int = options.run(options, lang)
    except SystemExit as done:  # argparse: --help, --version, or wrong use
        return done.code if isinstance(done.code, int) else USAGE
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets a readable message and the code for "our fault"
        return _failed(error, lang)
    return code


# commands


def _diagnose(options: Namespace, lang: str) -> int:
    import chaincheck

    diagnosis = chaincheck.diagnose(
        _certificate(options.certificate),
        chaincheck.NO_KEY if options.no_key else _path(options.key),
        store=_store(options),
        presented=[_path(name) for name in options.presented],
        at=options.at,
        rules={"iis": chaincheck.IIS, "rfc5280": chaincheck.RFC5280, "openssl": chaincheck.OPENSSL}[options.rules],
        fetch=options.fetch,
        crls=[_path(name) for name in options.crl],
        ocsp_responses=[_path(name) for name in options.ocsp],
        server=chaincheck.ServerProfile(here=True) if options.server_here else None,
        password=_password(options.password_file),
        timeout=options.timeout,
        guard=_guard(options),
    )
    return _answer(diagnosis, options, lang)
