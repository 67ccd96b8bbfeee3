"""``python -m chaincheck``."""

from __future__ import annotations

from chaincheck.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
