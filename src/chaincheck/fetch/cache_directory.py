"""Where the cache lies, and whether that place can be trusted."""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "CHAINCHECK_CACHE_DIR"


def default_directory() -> Path:
    """``CHAINCHECK_CACHE_DIR``, else the folder that the platform has for caches. Raises RuntimeError where a user has no home."""
    if named := os.environ.get(VARIABLE):
        return Path(named).absolute()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "chaincheck" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "chaincheck"
    # XDG Base Directory Specification 0.8: a relative path is invalid and to be ignored.
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "chaincheck"


def make_directory(directory: Path) -> str | None:
    """Make it, for its user alone. Returns why it cannot be trusted, or None. Raises OSError where it cannot be made.

    Who can write to it can put an older answer, which is still valid, before a newer one. On Windows the folders of a profile have
    access control lists of their own, and modes say nothing.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.stat()
    if sys.platform != "win32":
        if found.st_uid != os.geteuid():
            return "it belongs to another user"
        if found.st_mode & 0o022:
            return f"other users may write to it (mode {found.st_mode & 0o7777:04o})"
    return None
