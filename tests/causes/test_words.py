"""Values in sentences are readable, and safe to print."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincheck.causes.words import VALUE_LIMIT, visible, words
from chaincheck.errors import InputError

NOON = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("CN=alice", "CN=alice"),
        ("発行者 株式会社", "発行者 株式会社"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("evil\u202egnp.exe", "evil\\u202egnp.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("two\nlines\r\t", "two\\nlines\\r\\t"),
        ("line\u2028separator", "line\\u2028separator"),
        ("lone\udc80surrogate", "lone\\udc80surrogate"),
        ("filler\u3164", "filler\\u3164"),
        ("C1\x9b", "C1\\x9b"),
    ],
)
def test_what_cannot_be_seen_is_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters()))
def test_visible_text_holds_nothing_a_terminal_obeys(text: str) -> None:
    shown = visible(text)
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert visible(shown) == shown
    shown.encode("utf-8")


def test_moments_are_utc_unless_a_timezone_is_asked_for() -> None:
    said = words("en")
    assert said.moment(NOON) == "2026-11-23 15:00:00 UTC"
    assert said.moment(NOON, ZoneInfo("Asia/Tokyo")) == "2026-11-24 00:00:00 JST (UTC+09:00)"
    assert said.moment(NOON.astimezone(timezone(timedelta(hours=9)))) == "2026-11-23 15:00:00 UTC"


def test_the_end_of_time_and_its_beginning_do_not_overflow() -> None:
    said = words("ja")
    assert said.moment(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), ZoneInfo("Asia/Tokyo")) == "9999-12-31 23:59:59 UTC"
    assert said.moment(datetime(1, 1, 1, tzinfo=UTC), ZoneInfo("America/New_York")) == "0001-01-01 00:00:00 UTC"
    assert said.moment(datetime(950, 1, 1, tzinfo=UTC)) == "0950-01-01 00:00:00 UTC"


@pytest.mark.parametrize(
    ("duration", "english", "japanese"),
    [
        (timedelta(0), "0 seconds", "0秒"),
        (timedelta(seconds=1), "1 second", "1秒"),
        (timedelta(minutes=12), "12 minutes", "12分"),
        (timedelta(minutes=90), "90 minutes", "90分"),
        (timedelta(hours=30), "30 hours", "30時間"),
        (timedelta(days=3, hours=5), "3 days", "3日"),
        (timedelta(days=-3), "3 days", "3日"),
        (timedelta(days=1000), "more than 2 years", "2年以上"),
    ],
)
def test_durations_are_words(duration: timedelta, english: str, japanese: str) -> None:
    assert words("en").duration(duration) == english
    assert words("ja").duration(duration) == japanese


def test_lists_are_joined_as_the_language_joins_them() -> None:
    assert words("en").join(["a"]) == "a"
    assert words("en").join(["a", "b", "c"]) == "a, b and c"
    assert words("ja").join(["a", "b", "c"]) == "a、b、c"
    assert words("en").join([]) == "none"
    assert words("ja").join([]) == "なし"


def test_codes_are_said_in_words_and_unknown_ones_as_they_are() -> None:
    assert words("en").value("allowed", ("1.3.6.1.5.5.7.3.1", "1.2.3")) == "server authentication and 1.2.3"
    assert words("ja").value("needed", "1.3.6.1.5.5.7.3.2") == "クライアント認証"
    assert words("ja").value("reason", "keyCompromise") == "キーの侵害"
    assert words("en").value("reason", None) == "not stated"
    assert words("en").value("x", True) == "yes"


def test_a_value_is_escaped_shortened_and_never_a_template() -> None:
    said = words("en")
    assert said.fill("[{name}]", {"name": "a\x1bb"}) == "[a\\x1bb]"
    assert said.fill("[{name}] {url}", {"name": "{url}", "url": "u"}) == "[{url}] u"
    assert len(said.fill("{name}", {"name": "n" * 100_000})) == VALUE_LIMIT


def test_a_sentence_in_a_sentence_is_kept_whole() -> None:
    said = words("en")
    clause = said.fill("{name} and {name}", {"name": "n" * 200})
    assert len(said.render("headline.refused", clause=clause)) > 400


def test_an_answer_with_a_clumsy_sentence_is_better_than_none() -> None:
    said = words("en")
    assert said.fill("{nobody} knows", {}) == "{nobody} knows"
    assert said.render("no.such\nkey") == "no.such\\nkey"
    assert said.texts("resolution.no-such.steps") == ()


def test_languages_are_found_by_locale_and_unknown_ones_refused() -> None:
    assert words("ja_JP.UTF-8") is words("ja")
    assert words("en-GB") is words("en")
    with pytest.raises(InputError) as refused:
        words("xx")
    assert refused.value.code == "unknown-language"
