"""``chaincheck cache info`` and ``chaincheck cache clear``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from pathlib import Path

    from chaincheck.causes.words import Words
    from chaincheck.fetch.cache import Cache
    from chaincheck.fetch.cache_entry import CacheInfo

_MIB = 1024 * 1024


def add_commands(parser: ArgumentParser, path: type[Path]) -> None:
    """The two commands, with their options."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", prog="chaincheck cache", required=True)
    for name, run, told in (("info", _info, "what is kept, and where"), ("clear", _clear, "forget everything that is kept")):
        command = commands.add_parser(name, usage="%(prog)s [--help] [OPTIONS]", help=told, allow_abbrev=False)
        command.add_argument("--cache-dir", type=path, metavar="DIR", help="its directory (default: CHAINCHECK_CACHE_DIR, or the user's)")
        command.add_argument("--json", action="store_true", help="JSON instead of text")
        command.add_argument("--lang", choices=("en", "ja"), help="language (default: the user's)")
        command.set_defaults(run=run)


def _info(options: Namespace, lang: str) -> int:
    from chaincheck.causes.words import words

    cache = _cache(options)
    info = _usable(cache.info())
    cache.close()
    _say(_record(info) if options.json else _described(info, words(lang)))
    return 0


def _clear(options: Namespace, lang: str) -> int:
    from chaincheck.causes.words import words

    cache = _cache(options)
    removed = cache.clear()
    info = _usable(cache.info())
    cache.close()
    told = words(lang).render("cli.cache-cleared", count=removed, directory=str(info.directory))
    _say({"directory": str(info.directory), "removed": removed} if options.json else told)
    return 0


def _cache(options: Namespace) -> Cache:
    from chaincheck.fetch.cache import Cache

    return Cache(options.cache_dir)


def _usable(info: CacheInfo) -> CacheInfo:
    if info.problem is None:
        return info
    from chaincheck.errors import InputError

    where = "CHAINCHECK_CACHE_DIR" if info.directory is None else str(info.directory)
    raise InputError("cache-unusable", found=info.problem, expected="a directory that its user alone can write to", where=where)


def _described(info: CacheInfo, said: Words) -> str:
    lines: list[str] = [said.render("cli.cache-directory", directory=str(info.directory))]
    lines.append(said.render("cli.cache-held", count=info.entries, size=_mib(info.bytes), limit=_mib(info.limit)))
    for kind, (entries, size) in info.by_kind.items():
        lines.append("  " + said.render(f"cli.cache-{kind}", count=entries, size=_mib(size)))
    if info.entries:
        lines.append(said.render("cli.cache-used", oldest=info.oldest_use, newest=info.newest_use))
    return "\n".join(lines)


def _record(info: CacheInfo) -> dict[str, Any]:
    return {
        "directory": str(info.directory),
        "entries": info.entries,
        "bytes": info.bytes,
        "limit": info.limit,
        "by_kind": {kind: {"entries": entries, "bytes": size} for kind, (entries, size) in info.by_kind.items()},
        "oldest_use": None if info.oldest_use is None else info.oldest_use.isoformat(),
        "newest_use": None if info.newest_use is None else info.newest_use.isoformat(),
    }


def _mib(size: int) -> str:
    """Rounded up: what holds something is not shown as 0.0."""
    return f"{-(-size * 10 // _MIB) / 10:.1f}"


def _say(answer: str | dict[str, Any]) -> None:
    from chaincheck.report.terminal import write

    if isinstance(answer, dict):
        import json

        answer = json.dumps(answer, indent=2)
    write(answer + "\n")
