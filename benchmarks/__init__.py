"""The measures of the design, beside those of other libraries: ``make bench``."""

import sys
from pathlib import Path

# The certificates are made by `pki`, the tests' builder.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
