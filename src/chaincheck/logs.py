"""The loggers. They are silent unless the application listens: a library prints nothing on standard error by itself."""

from __future__ import annotations

import logging
from typing import Final

_WHOLE: Final = logging.getLogger("chaincheck")
_WHOLE.addHandler(logging.NullHandler())  # without it Python would print warnings of an application that set up nothing

answering: Final = logging.getLogger("chaincheck.diagnosis")
fetching: Final = logging.getLogger("chaincheck.fetch")
