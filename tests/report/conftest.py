"""The fixture of the tests of reports: see `company`."""

from __future__ import annotations

import pytest

from report.company import Company


@pytest.fixture
def company() -> Company:
    return Company()
