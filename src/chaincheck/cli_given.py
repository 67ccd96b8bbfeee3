"""From the options of ``chaincheck diagnose`` to the arguments of ``chaincheck.diagnose``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from chaincheck.fetch.guard import Guard


def certificate(name: Path) -> Any:
    import sys

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


def of_server(options: Namespace) -> tuple[Any, Any]:
    """Its stores and what else is known of it. ``--case`` is a folder with both, of which either may be missing, but not both."""
    from chaincheck.errors import InputError

    told = {name: getattr(options, name) for name in ("host", "address", "port", "path") if getattr(options, name) is not None}
    told |= {"tls_ends_in_front": True} if options.tls_ends_in_front else {}
    told |= {"here": True} if options.server_here else {}
    exports = list(options.server)
    if options.case is None:
        return _store(options), _profile(exports, told)
    if options.store is not None or any(getattr(options, name) for name in ("roots", "intermediates", "disallowed")):
        raise InputError("store-twice", found="--case and another store", expected="the stores of --case alone", where="arguments")
    try:
        server = _profile([*exports, options.case], told)
    except InputError as error:
        if error.code != "server-export":
            raise
        server = _profile(exports, told)
    return options.case, server


def _profile(exports: list[Any], told: dict[str, Any]) -> Any:
    from chaincheck.server import ServerProfile

    return ServerProfile.load(*exports, **told) if exports or told else None


def of_collection(options: Namespace) -> dict[str, Any]:
    """The settings of a checker, for commands about many certificates."""
    store, server = of_server(options)
    told = {"store": store, "server": server, "client": client(options), "fetch": options.fetch, "guard": guard(options)}
    return told | {"crls": options.crl, "ocsp_responses": options.ocsp} | asked_early(options)


def asked_early(options: Namespace) -> dict[str, Any]:
    """When a warning begins, and what is asked first."""
    return {"warn_before": options.warn_before, "prefer": options.prefer}


def client(options: Namespace) -> Any:
    if options.client is None and options.client_store is None and options.body_bytes is None:
        return None
    from chaincheck.client import ClientProfile
    from chaincheck.store import TrustStore

    store = None if options.client_store is None else TrustStore.load(options.client_store)
    return ClientProfile(kind=options.client, store=store, sends_body_bytes=options.body_bytes)


def observed(text: str | None) -> Any:
    """What was seen, or the file that says it: the output of certutil -verify, events of CAPI2."""
    from pathlib import Path

    if text is None:
        return None
    path = Path(text)
    try:
        return path if path.is_file() else text
    except (OSError, ValueError):
        return text


def guard(options: Namespace) -> Guard | None:
    """None leaves the choice to the library; this machine's own store vouches for addresses of its intranet (see ``Guard``)."""
    if not options.allow_host and not options.fetch_unanchored:
        return None
    from dataclasses import replace

    from chaincheck.fetch.guard import Guard

    base = Guard.INTRANET if options.store == "system" else Guard.PUBLIC
    return replace(base.allowing(*options.allow_host), fetch_unanchored=options.fetch_unanchored)


def password(name: Path | None) -> bytes | None:
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
