"""OCSP over HTTP: a nonce of its own for every question, POST first, and at most one other form."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

import pki
from chaincheck.fetch.request import Outcome, Request
from chaincheck.x509 import der
from chaincheck.x509.certificate import Certificate
from chaincheck.x509.key import PublicKey
from chaincheck.x509.ocsp import build_request, refusal, with_nonce
from fetch.loopback import BODY, NONCE_OID, request

if TYPE_CHECKING:
    from fetch.loopback import Fetch, Server

ROOT = pki.root("OCSP root")
LEAF = Certificate(ROOT.issue("client").der)
KEY = PublicKey(Certificate(ROOT.der).spki)
QUESTION = build_request(LEAF, LEAF.issuer_der, KEY)


def ask(url: str, body: bytes = QUESTION, **more: Any) -> Request:
    return request(url, kind="ocsp", method="POST", body=body, **more)


def test_every_question_has_a_nonce_of_its_own_and_the_answer_says_which(fetch: Fetch, server: Server) -> None:
    answers = [fetch([ask(server.url("ok"))])[0] for _ in range(2)]
    assert len({answer.nonce for answer in answers}) == 2
    for answer, body in zip(answers, server.bodies, strict=True):
        assert len(answer.nonce) == 32
        assert body == build_request(LEAF, LEAF.issuer_der, KEY, nonce=answer.nonce)
        assert answer.request.body == QUESTION


def test_a_nonce_can_be_turned_off(fetch: Fetch, server: Server) -> None:
    [answer] = fetch([ask(server.url("ok"))], nonce=False)
    assert (answer.nonce, server.bodies) == (b"", [QUESTION])


@pytest.mark.parametrize("body", [b"question", with_nonce(QUESTION, b"n" * 32), b""])
def test_what_has_no_place_for_a_nonce_goes_as_it_is(fetch: Fetch, server: Server, body: bytes) -> None:
    [answer] = fetch([ask(server.url("ok"), body)])
    assert (answer.outcome, answer.nonce, server.bodies) == (Outcome.OK, b"", [body])


def test_a_signed_request_is_not_touched() -> None:
    inner, stop = der.whole(QUESTION, der.SEQUENCE, "OCSPRequest")
    signed = bytes((0x30, stop - inner + 2)) + QUESTION[inner:stop] + b"\xa0\x00"
    with pytest.raises(der.Malformed):
        with_nonce(signed, b"n" * 32)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 411, 413, 415, 501])
def test_where_post_is_refused_the_question_is_asked_once_by_get(fetch: Fetch, server: Server, status: int) -> None:
    """RFC 6960 A.1, without the nonce: RFC 5019 5 lets such answers be cached."""
    [answer] = fetch([ask(server.url(f"nopost/{status}/"))])
    assert (answer.outcome, answer.body, answer.status, answer.nonce) == (Outcome.OK, BODY, 200, b"")
    assert answer.detail == f"status {status} to POST; asked by GET: application/ocsp-response, 800 bytes"
    (_, first, _), (method, second, headers) = server.requests
    assert (method, second[: len(first)]) == ("GET", first)
    assert b64decode(unquote(second[len(first) :]), validate=True) == QUESTION
    assert "/" not in second[len(first) :]
    assert "Content-Type" not in headers


@pytest.mark.parametrize("status", [401, 406, 410, 500])
def test_other_refusals_are_answers(fetch: Fetch, server: Server, status: int) -> None:
    [answer] = fetch([ask(server.url(f"nopost/{status}"))])
    assert (answer.outcome, answer.detail, len(server.requests)) == (Outcome.HTTP_STATUS, f"status {status}, text/html", 1)


def test_a_question_too_long_for_get_is_not_asked_by_it(fetch: Fetch, server: Server) -> None:
    """RFC 5019 5: 255 bytes in all."""
    long = build_request(LEAF, LEAF.issuer_der, KEY, "sha512")
    for asked in (ask(server.url("nopost/405"), long), ask(server.url("nopost/405/?a=b"))):
        [answer] = fetch([asked])
        assert (answer.outcome, answer.status) == (Outcome.HTTP_STATUS, 405)
    assert [method for method, _, _ in server.requests] == ["POST", "POST"]


@pytest.mark.parametrize(("number", "name"), [(1, "malformedRequest"), (6, "unauthorized")])
def test_a_responder_that_knows_no_nonces_is_asked_once_without(fetch: Fetch, server: Server, number: int, name: str) -> None:
    [answer] = fetch([ask(server.url(f"nononce/{number}"))])
    assert (answer.outcome, answer.body, answer.nonce) == (Outcome.OK, BODY, b"")
    assert answer.detail == f"{name} to a question with a nonce; asked without: application/ocsp-response, 800 bytes"
    assert [NONCE_OID in body for body in server.bodies] == [True, False]


@pytest.mark.parametrize("number", [2, 5])
def test_other_statuses_of_ocsp_are_answers(fetch: Fetch, server: Server, number: int) -> None:
    [answer] = fetch([ask(server.url(f"nononce/{number}"))])
    assert (answer.outcome, answer.body[-1], len(server.bodies)) == (Outcome.OK, number, 1)
    assert answer.nonce


@pytest.mark.parametrize("number", [1, 6])
def test_a_question_is_not_repeated_as_it_was(fetch: Fetch, server: Server, number: int) -> None:
    asked = ask(server.url(f"ocsp/{number}"))
    [bare] = fetch([asked], nonce=False)
    assert (bare.body[-1], len(server.bodies)) == (number, 1)
    [answer] = fetch([asked])
    assert (answer.body[-1], len(server.bodies), answer.nonce) == (number, 3, b"")


def test_no_more_than_one_other_form_is_tried(fetch: Fetch, server: Server) -> None:
    """The answer to the second form is the answer, whatever it is."""
    [answer] = fetch([ask(server.url("status/405"))])
    assert (answer.outcome, answer.status) == (Outcome.HTTP_STATUS, 405)
    assert answer.detail == "status 405 to POST; asked by GET: status 405, text/html"
    assert [method for method, _, _ in server.requests] == ["POST", "GET"]


def test_try_later_is_tried_later_once(fetch: Fetch, server: Server) -> None:
    once, never = fetch([ask(server.url("later/1")), ask(server.url("later/9"))])
    assert (once.body, once.detail) == (BODY, "application/ocsp-response, 800 bytes, asked 2 times")
    assert (never.body[-1], never.detail) == (3, "application/ocsp-response, 5 bytes, asked 2 times")
    assert (server.asked["/later/1"], server.asked["/later/9"]) == (2, 2)
    assert once.elapsed > 0.2


def test_only_the_first_form_of_a_certificate_or_crl_is_asked(fetch: Fetch, server: Server) -> None:
    [answer] = fetch([request(server.url("status/405"))])
    assert (answer.outcome, len(server.requests), answer.nonce) == (Outcome.HTTP_STATUS, 1, b"")


def test_a_refusal_of_ocsp_is_read_from_whole_responses_only() -> None:
    assert refusal(bytes.fromhex("30030a0106")) == "unauthorized"
    for other in ("30030a0100", "30030a0104", "30030a010600", "30030a01", ""):
        assert refusal(bytes.fromhex(other)) is None
