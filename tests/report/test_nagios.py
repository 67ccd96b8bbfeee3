"""The answer as a plug-in of Nagios and Icinga gives it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

import chaincheck
import pki
from chaincheck.report.nagios import CRITICAL, OK, UNKNOWN, WARNING, to_nagios

if TYPE_CHECKING:
    from report.company import Company

MONTH = timedelta(days=30)
# Monitoring Plugins Development Guidelines, "Performance data"
PERFORMANCE = re.compile(r"([^ '=]+=-?[\d.]+(;[\d.:@~-]*){0,4})( [^ '=]+=-?[\d.]+(;[\d.:@~-]*){0,4})*")


def test_the_four_states(company: Company) -> None:
    soon = company.ca.issue("CN=alice", not_after=pki.AT + timedelta(days=12))
    states = {
        OK: company.good(),
        WARNING: company.ask(soon, warn_before=MONTH),
        CRITICAL: company.expired(),
        UNKNOWN: company.good(store=None),
    }
    for state, diagnosis in states.items():
        told, output = to_nagios(diagnosis)
        assert told == state
        first, bar, performance = output.splitlines()[0].partition(" | ")
        assert bar
        assert first.startswith(f"CHAINCHECK {('OK', 'WARNING', 'CRITICAL', 'UNKNOWN')[state]} - ")
        assert PERFORMANCE.fullmatch(performance)


def test_a_ca_that_expires_soon_warns_by_its_name(company: Company) -> None:
    ca = company.root.issue_ca("CN=Short CA", not_after=pki.AT + timedelta(days=3))
    asked = {"store": company.store(intermediates=[ca.der])}
    state, output = to_nagios(company.ask(ca.issue("CN=alice"), warn_before=MONTH, **asked))
    assert state == WARNING
    assert re.search('CN=Short CA" expires on 2026-06-18', output.splitlines()[0])
    assert len(output.splitlines()) == 1
    assert to_nagios(company.ask(ca.issue("CN=alice"), warn_before=timedelta(days=2), **asked))[0] == OK
    assert to_nagios(company.ask(ca.issue("CN=alice"), **asked))[0] == OK


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_no_name_begins_performance_data_or_a_line(company: Company, lang: str) -> None:
    client = company.ca.issue("CN=a|days_left\\=9\nOK", not_after=pki.AT - timedelta(days=3))
    _, output = to_nagios(company.ask(client), lang=lang)
    assert [line.count("|") for line in output.splitlines()] == [1, 0]


def test_every_cause_is_told(company: Company) -> None:
    diagnosis = company.without_root()
    _, output = to_nagios(diagnosis)
    fatal = [cause for cause in diagnosis.causes if cause.severity is chaincheck.Severity.FATAL]
    assert [cause.text() for cause in fatal if cause.text() not in output] == []
