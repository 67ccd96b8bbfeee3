"""When asking again is due, by the headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chaincheck.fetch.refresh import read
from chaincheck.fetch.request import Outcome
from fetch.loopback import BODY, request

if TYPE_CHECKING:
    from fetch.loopback import Fetch, Server

NOW = 1_800_000_000  # Fri, 15 Jan 2027 08:00:00 GMT
IN_AN_HOUR = "Fri, 15 Jan 2027 09:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"cache-control": "max-age=60"}, 60),
        ({"cache-control": 'public, Max-Age="60"'}, 60),
        ({"cache-control": "max-age=60, max-age=5"}, 60),
        ({"cache-control": "max-age=60, s-maxage=20"}, 20),
        ({"cache-control": "max-age=60", "expires": IN_AN_HOUR}, 60),
        ({"cache-control": "max-age=60", "age": "45"}, 15),
        ({"cache-control": "max-age=60", "age": "90"}, 0),
        ({"cache-control": "max-age=60", "age": "old"}, 60),
        ({"cache-control": "max-age=99999999999999"}, 2**31),
        ({"cache-control": "no-cache, max-age=60"}, 0),
        ({"cache-control": 'no-cache="set-cookie"'}, 0),
        ({"cache-control": "max-age=60,no-store"}, 0),
        ({"cache-control": "max-age=-1"}, None),
        ({"cache-control": "max-age=soon"}, None),
        ({"cache-control": "max-age"}, None),
        ({"cache-control": "max-age=1.5"}, None),
        ({"cache-control": "max-age=" + "9" * 5000}, None),
        ({"cache-control": "=,;==,\x00\x01"}, None),
        ({"cache-control": "max-age=soon", "expires": IN_AN_HOUR}, 3600),
        ({"expires": IN_AN_HOUR}, 3600),
        ({"expires": IN_AN_HOUR, "date": "Fri, 15 Jan 2027 08:50:00 GMT"}, 600),  # the server's clock, which is 50 minutes ahead of ours
        ({"expires": IN_AN_HOUR, "date": "today"}, 3600),
        ({"expires": "Friday, 15-Jan-27 09:00:00 GMT"}, 3600),  # the obsolete forms of RFC 9110 5.6.7
        ({"expires": "Fri Jan 15 09:00:00 2027"}, 3600),
        ({"expires": "Thu, 14 Jan 2027 09:00:00 GMT"}, 0),
        ({"expires": "0"}, 0),  # RFC 9111 5.3: in the past
        ({"expires": "Fri, 99 Jan 2027 09:00:00 GMT"}, 0),
    ],
)
def test_when_asking_again_is_due(headers: dict[str, str], seconds: int | None) -> None:
    assert read(headers, NOW).at == (None if seconds is None else NOW + seconds)


@pytest.mark.parametrize("tag", ['"abc"', 'W/"abc"', '""', '"' + "a" * 254 + '"'])
def test_an_entity_tag_is_kept_as_it_came(tag: str) -> None:
    assert read({"etag": tag}, NOW).etag == tag


@pytest.mark.parametrize("tag", ["abc", '"a"b"', '"a\r\nX: y"', '"' + "a" * 255 + '"', 'w/"a"', '"ä"', ""])
def test_what_is_no_entity_tag_says_nothing(tag: str) -> None:
    assert read({"etag": tag}, NOW).etag == ""


def test_a_last_modified_is_kept_if_it_is_a_date() -> None:
    assert read({"last-modified": IN_AN_HOUR}, NOW).last_modified == IN_AN_HOUR
    for other in ("yesterday", IN_AN_HOUR + "\r\nX: y", "x" * 100, ""):
        assert read({"last-modified": other}, NOW).last_modified == ""


def test_an_answer_says_when_to_ask_again_and_by_what(fetch: Fetch, server: Server) -> None:
    [answer] = fetch([request(server.url('fresh/Cache-Control=max-age=60&ETag="7"&Last-Modified=Fri,%2015%20Jan%202027%2009:00:00%20GMT'))])
    assert answer.refresh_at == answer.received_at + 60
    assert (answer.etag, answer.last_modified) == ('"7"', IN_AN_HOUR)


def test_not_modified_is_an_answer_to_a_conditional_request(fetch: Fetch, server: Server) -> None:
    url = server.url('fresh/Cache-Control=max-age=60&ETag="7"')
    same, other = fetch([request(url, headers=(("If-None-Match", tag),)) for tag in ('"7"', '"6"')])
    assert (same.outcome, same.status, same.body, same.etag) == (Outcome.NOT_MODIFIED, 304, b"", '"7"')
    assert same.refresh_at == same.received_at + 60
    assert (other.outcome, other.body) == (Outcome.OK, BODY)


def test_not_modified_that_nobody_asked_for_is_a_fault(fetch: Fetch, server: Server) -> None:
    [answer] = fetch([request(server.url("status/304"))])
    assert (answer.outcome, answer.detail) == (Outcome.HTTP_STATUS, "status 304, text/html")
