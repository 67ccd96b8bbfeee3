"""What many certificates have in common, and what became of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import chaincheck
import pki
from chaincheck import CauseCode, InputError, Result, Severity, TrustStore, Waiver, diagnose_many, incidents, next_look
from chaincheck.fetch.request import Outcome, Request, Response
from pki import AT

ROOT = pki.root("Incident Root")
CA = ROOT.issue_ca("Incident CA")
OTHER_CA = ROOT.issue_ca("Second Incident CA", not_after=AT - timedelta(days=1))
STORE = TrustStore(roots=[ROOT.der], intermediates=[CA.der, OTHER_CA.der], disallowed=[])
URL = "http://pki.example.com/ca.crl"


def results() -> list[Result]:
    """Thirty below an expired CA, five of their own fault, ten good ones."""
    below = [("below", OTHER_CA.issue(f"below {number}").der) for number in range(30)]
    expired = [("expired", CA.issue(f"expired {number}", not_after=AT - timedelta(days=1)).der) for number in range(5)]
    good = [("good", CA.issue(f"good {number}").der) for number in range(10)]
    told = [{"label": f"{kind} {number}", "cert": der, "at": AT} for number, (kind, der) in enumerate([*below, *expired, *good])]
    return [*diagnose_many(told, store=STORE, fetch="never", cache=None), Result(label="x", error=chaincheck.ChaincheckError("no file"))]


def test_thirty_certificates_of_one_ca_are_one_incident() -> None:
    first, *rest = incidents(results())
    assert (first.cause.code, first.cause.role, first.count) == (CauseCode.EXPIRED, "intermediate", 30)
    assert first.labels[0] == "below 0"
    assert [incident.count for incident in rest] == [1] * 5
    assert incidents(reversed(results()))[0].key == first.key


def test_what_is_less_than_fatal_counts_where_it_is_asked_for() -> None:
    assert {incident.cause.severity for incident in incidents(results(), severity=Severity.NOTE)} >= {Severity.FATAL, Severity.NOTE}


def test_a_waiver_silences_and_changes_no_verdict() -> None:
    silence = Waiver(code=CauseCode.EXPIRED, issuer="CN=Incident Root", until=AT + timedelta(days=1), reason="renewal is under way")
    found = results()
    assert [incident.count for incident in incidents(found, waivers=[silence])] == [1] * 5
    assert not found[0].accepted
    over = Waiver(code=CauseCode.EXPIRED, until=AT - timedelta(days=1), reason="over")
    assert incidents(found, waivers=[over]) == incidents(found)


@pytest.mark.parametrize("more", [{"until": datetime(2026, 1, 1)}, {"reason": " "}, {"code": "no-such-code"}])  # noqa: DTZ001 - what is wrong
def test_a_waiver_without_zone_reason_or_code_is_an_input_error(more: dict[str, Any]) -> None:
    told: dict[str, Any] = {"code": CauseCode.EXPIRED, "until": AT, "reason": "x"}
    with pytest.raises(InputError):
        Waiver(**{**told, **more})


def ask(client: pki.Issued, *, web: bytes | None = None, at: datetime = AT, **more: Any) -> chaincheck.Diagnosis:
    """As this machine were the server, its web as told."""

    class Web:
        checks_addresses = True

        def fetch_round(self, requests: list[Request], deadline: float) -> list[Response]:
            outcome = Outcome.OK if web is not None else Outcome.UNREACHABLE
            return [
                Response(request=each, outcome=outcome, status=200, body=web or b"", received_at=int(at.timestamp())) for each in requests
            ]

        def close(self) -> None:
            """Nothing is open."""

    class Asking(chaincheck.Checker):
        def _make_fetcher(self) -> Any:
            return Web()

    store = TrustStore(roots=[ROOT.der], intermediates=[CA.der], disallowed=[], crls=[ROOT.crl()])
    with Asking(store=store, cache=None, server=chaincheck.ServerProfile(here=True)) as checker:
        return checker.diagnose(client.der, at=at, **more)


def test_causes_appear_go_and_persist() -> None:
    good, expired = CA.issue("one"), CA.issue("one", not_after=AT - timedelta(days=1))
    first = ask(expired).changes_since(None)
    assert ([c.code for c in first.appeared], first.verdict_changed) == ([CauseCode.EXPIRED], True)
    again = ask(expired).changes_since(ask(expired))
    assert ([c.code for c in again.persisted], again.anything) == ([CauseCode.EXPIRED], False)
    mended = ask(good).changes_since(ask(expired))
    assert ([c.code for c in mended.gone], mended.verdict_changed) == ([CauseCode.EXPIRED], True)


def test_a_network_that_fails_once_is_not_told() -> None:
    client = CA.issue("two", crl_urls=[URL])
    good, failed = ask(client, web=CA.crl()), ask(client)
    assert [c.code for c in failed.causes if c.severity == "fatal"] == [CauseCode.REVOCATION_UNREACHABLE]
    once = failed.changes_since(good)
    assert ([c.code for c in once.pending], once.anything) == ([CauseCode.REVOCATION_UNREACHABLE], False)
    twice = failed.changes_since(failed, before=good)
    assert [c.code for c in twice.appeared] == [CauseCode.REVOCATION_UNREACHABLE]
    assert not failed.changes_since(failed, before=failed).anything
    over = good.changes_since(failed, before=failed)
    assert [c.code for c in over.gone] == [CauseCode.REVOCATION_UNREACHABLE]


def test_the_next_look_is_after_the_answer_changes_and_not_all_at_one_moment() -> None:
    ends = AT + timedelta(hours=3)
    looks = {next_look(ask(CA.issue(f"n{number}", not_after=ends))) for number in range(20)}
    assert all(ends < look <= ends + timedelta(seconds=301) for look in looks)
    assert len(looks) > 15
    far = next_look(ask(CA.issue("far")))
    assert timedelta(hours=21) < far - AT <= timedelta(days=1)
    assert far.tzinfo is UTC


def test_a_network_that_flaps_is_told_neither_down_nor_up() -> None:
    client = CA.issue("flapping", crl_urls=[URL])
    up, down = ask(client, web=CA.crl()), ask(client)
    told = []
    for before, previous, now in zip([up, up, down], [up, down, up], [down, up, up], strict=True):
        told.append(now.changes_since(previous, before).anything)
    assert told == [False, False, False]


def test_an_outage_that_lasts_is_told_once_with_its_verdict() -> None:
    client = CA.issue("lasting", crl_urls=[URL])
    up, down = ask(client, web=CA.crl()), ask(client)
    second = down.changes_since(down, up)
    assert ([c.code for c in second.appeared], second.verdict_changed) == ([CauseCode.REVOCATION_UNREACHABLE], True)
    third = down.changes_since(down, down)
    assert not third.anything
    back = up.changes_since(down, down)
    assert ([c.code for c in back.gone], back.verdict_changed) == ([CauseCode.REVOCATION_UNREACHABLE], True)


def wrong() -> list[tuple[Any, str]]:
    diagnosis = ask(CA.issue("wrong"))
    return [([diagnosis], "results[0]"), (diagnosis, "results"), ("clients", "results"), (7, "results"), ([None], "results[0]")]


@pytest.mark.parametrize("number", range(5))
def test_what_is_no_result_is_an_input_error_everywhere(number: int) -> None:
    given, where = wrong()[number]
    takers: list[Any] = [
        incidents,
        lambda told: list(chaincheck.records(told)),
        lambda told: list(chaincheck.cause_records(told)),
        chaincheck.plot_causes,
        chaincheck.plot_expiry,
        chaincheck.summary_page,
        lambda told: chaincheck.Metrics().replace(told),
    ]
    for take in takers:
        with pytest.raises(InputError) as caught:
            take(given)
        assert caught.value.where == where


def test_a_waiver_alone_is_one_and_what_is_none_is_said() -> None:
    silence = Waiver(code=CauseCode.EXPIRED, until=AT + timedelta(days=1), reason="known")
    assert incidents(results(), waivers=silence) == incidents(results(), waivers=[silence])  # type: ignore[arg-type]  # one alone
    with pytest.raises(InputError):
        incidents([], waivers=[{"code": "expired"}])  # type: ignore[list-item]  # what is wrong
    with pytest.raises(InputError, match="expired"):
        Waiver(code="expried", until=AT, reason="x")  # type: ignore[arg-type]  # what is wrong
    with pytest.raises(InputError):
        incidents([], severity="grave")  # type: ignore[arg-type]  # what is wrong
    with pytest.raises(InputError):
        next_look(results()[0])  # type: ignore[arg-type]  # what is wrong
