"""Directories that misbehave: none raises, none goes over its time, none is believed; and whom the guard keeps from being asked."""

from __future__ import annotations

import random
import socket
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from chaincheck.fetch.guard import Guard
from chaincheck.fetch.request import Outcome, Response
from fetch.directory import GUARD, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Behaviour = Callable[[socket.socket], None]


def ber(tag: int, *parts: bytes) -> bytes:
    """Lengths in four octets, as Active Directory writes them."""
    content = b"".join(parts)
    return bytes([tag, 0x84]) + len(content).to_bytes(4, "big") + content


def message(number: int, operation: bytes) -> bytes:
    return ber(0x30, b"\x02\x01" + bytes([number]), operation)


def result(tag: int, code: int = 0, words: bytes = b"") -> bytes:
    return ber(tag, b"\x0a\x01" + bytes([code]), ber(4), ber(4, words))


def entry(*values: bytes, name: bytes = b"certificateRevocationList") -> bytes:
    return message(2, ber(0x64, ber(4, b"cn=x"), ber(0x30, ber(0x30, ber(4, name), ber(0x31, *(ber(4, value) for value in values))))))


BOUND = message(1, result(0x61))
DONE = message(2, result(0x65))


class Listener:
    """Counts who connects, and treats each with a behaviour."""

    def __init__(self, behave: Behaviour) -> None:
        self.accepted = 0
        self.stop = threading.Event()
        self._behave = behave
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                self.accepted += 1
                threading.Thread(target=self._treat, args=(client,), daemon=True).start()

    def _treat(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            self._behave(client)

    def close(self) -> None:
        self.stop.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@contextmanager
def listening(behave: Behaviour) -> Iterator[Listener]:
    listener = Listener(behave)
    try:
        yield listener
    finally:
        listener.close()


def says(*answers: bytes) -> Behaviour:
    """Each answer after one request, then the connection is closed."""

    def behave(client: socket.socket) -> None:
        for answer in answers:
            client.recv(4096)
            client.sendall(answer)
        client.recv(4096)

    return behave


def drips(client: socket.socket) -> None:
    client.recv(4096)
    client.sendall(BOUND)
    client.recv(4096)
    for octet in entry(bytes(1000)):
        client.sendall(bytes([octet]))
        time.sleep(0.05)


def floods(client: socket.socket) -> None:
    client.recv(4096)
    client.sendall(BOUND)
    client.recv(4096)
    client.sendall(b"\x30\x84\x00\x00\xff\xff\x02\x01\x02")
    while True:
        client.sendall(bytes(65536))


def silent(client: socket.socket) -> None:
    client.recv(4096)
    time.sleep(3)


def ask_one(behave: Behaviour, *, scheme: str = "ldap", seconds: float = 5.0, **more: Any) -> Response:
    with listening(behave) as listener:
        return ask(f"{scheme}://127.0.0.1:{listener.port}/cn=x?certificateRevocationList", seconds=seconds, **more)


def test_lengths_in_four_octets_are_read_as_active_directory_writes_them() -> None:
    answer = ask_one(says(BOUND, entry(b"evidence") + DONE))
    assert (answer.outcome, answer.body) == (Outcome.OK, b"evidence")


def test_one_value_under_both_names_is_one_value() -> None:
    both = entry(b"evidence") + entry(b"evidence", name=b"certificateRevocationList;binary")
    assert ask_one(says(BOUND, both + DONE)).detail == "certificateRevocationList, 8 bytes"


def test_attributes_nobody_asked_for_are_not_taken() -> None:
    answer = ask_one(says(BOUND, entry(b"secret", name=b"userPassword") + DONE))
    assert (answer.outcome, answer.body) == (Outcome.UNREACHABLE, b"")


def test_of_several_values_that_are_no_crls_one_is_handed_on_and_that_is_said() -> None:
    answer = ask_one(says(BOUND, entry(b"one", b"two") + DONE))
    assert answer.detail == "certificateRevocationList, one of 2 values, none of which is a CRL, 3 bytes"


@pytest.mark.parametrize("behave", [silent, drips], ids=["silent", "drips"])
@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_slow_directory_gets_no_more_than_its_time(behave: Behaviour, scheme: str) -> None:
    started = time.monotonic()
    answer = ask_one(behave, scheme=scheme, seconds=0.4)
    assert time.monotonic() - started < 1.5
    assert answer.outcome is (Outcome.TIMEOUT if scheme == "ldap" or behave is silent else Outcome.UNREACHABLE)  # drips answers a TLS hello
    assert answer.detail


def test_the_time_of_the_request_counts_too() -> None:
    answer = ask_one(silent, timeout=0.3)
    assert (answer.outcome, answer.detail) == (Outcome.TIMEOUT, "no answer within 0.3 s")


def test_when_the_time_is_used_up_nobody_is_asked() -> None:
    with listening(silent) as listener:
        answer = ask(f"ldap://127.0.0.1:{listener.port}/cn=x", seconds=-1)
        assert (answer.outcome, listener.accepted) == (Outcome.TIMEOUT, 0)


GARBAGE = [
    b"HTTP/1.1 400 Bad Request\r\n\r\n<html>secret</html>",
    b"\x30\x80\x02\x01\x01secret\x00\x00",
    b"\x30\x88" + b"\x01" * 20,
    b"\x30\x05\x02\x01\x01\x61\x7f",
    b"\x30\x00",
    message(7, result(0x61)),
    message(1, result(0x64)),
    message(1, ber(0x44, b"\x04\x00" * 100)),
    message(1, ber(0x61, ber(0x0A, b"\x7f" * 3), ber(4), ber(4))),
    ber(0x30, ber(2, b"\x01" * 5), result(0x61)),
    ber(0x30, b"\x02\x01\x01", result(0x61), ber(0x80, b"\x30\x00" * 100)),
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_what_is_not_ldap_is_said_so(garbage: bytes) -> None:
    answer = ask_one(says(garbage))
    assert (answer.outcome, answer.detail) == (Outcome.UNREACHABLE, "the answer is not LDAP")


def cuts(client: socket.socket) -> None:
    for answer in (BOUND, entry(bytes(100))[:50]):
        client.recv(4096)
        client.sendall(answer)


def test_a_connection_that_is_closed_at_once_or_within_the_answer() -> None:
    assert ask_one(lambda client: None).outcome is Outcome.UNREACHABLE
    answer = ask_one(cuts)
    assert (answer.outcome, answer.detail) == (Outcome.UNREACHABLE, "the answer ended before it was complete")


def test_a_huge_length_is_refused_before_its_bytes_are_read() -> None:
    answer = ask_one(says(BOUND, b"\x30\x84\x7f\xff\xff\xff\x02\x01\x02"), size_limit=1000)
    assert (answer.outcome, answer.detail) == (Outcome.TOO_LARGE, "the answer is larger than the limit of 1,000 bytes")


def test_many_messages_are_counted_together() -> None:
    answer = ask_one(says(BOUND, entry(bytes(60_000)) * 3), size_limit=1000)
    assert answer.outcome is Outcome.TOO_LARGE


def test_zeros_without_end_are_not_ldap() -> None:
    assert ask_one(floods).detail == "the answer is not LDAP"


def test_a_million_empty_values_are_not_decoded() -> None:
    started = time.monotonic()
    answer = ask_one(says(BOUND, entry(*[b""] * 200_000) + DONE))
    assert (answer.outcome, answer.detail) == (Outcome.UNREACHABLE, "the answer has more parts than such an answer can have")
    assert time.monotonic() - started < 4


def test_references_without_end_end() -> None:
    reference = message(2, ber(0x73, ber(4, b"ldap://10.0.0.1/")))
    assert ask_one(says(BOUND, reference * 100)).detail == "the answer has more parts than such an answer can have"
    assert ask_one(says(BOUND, reference + entry(b"evidence") + DONE)).body == b"evidence"


@pytest.mark.parametrize("code", [1, 7, 8, 13, 48, 49, 50, 53])
def test_anonymous_searches_refused_by_bind_or_by_search(code: int) -> None:
    wanted = (Outcome.NOT_FETCHED, f"the directory refuses anonymous searches (result {code})")
    for answers in ((message(1, result(0x61, code, b"secret")),), (BOUND, message(2, result(0x65, code, b"secret")))):
        answer = ask_one(says(*answers))
        assert (answer.outcome, answer.detail) == wanted


@pytest.mark.parametrize("code", [3, 10, 11, 16, 32, 34, 51, 52, 80, 99, 118])
def test_other_results_are_in_our_words_and_never_success(code: int) -> None:
    for answers in ((message(1, result(0x61, code, b"secret")),), (BOUND, entry(b"evidence") + message(2, result(0x65, code, b"secret")))):
        answer = ask_one(says(*answers))
        assert (answer.outcome, answer.body) == (Outcome.UNREACHABLE, b"")
        assert answer.detail.endswith(f"(result {code})")
        assert "secret" not in answer.detail


def test_a_notice_of_disconnection_is_said_so() -> None:
    oid = b"1.3.6.1.4.1.1466.20036"
    notice = message(0, ber(0x78, b"\x0a\x01\x34", ber(4), ber(4, b"secret"), ber(0x8A, oid)))
    assert ask_one(says(notice)).detail == "the directory ended the session"


def test_whatever_bytes_come_there_is_an_answer() -> None:
    whole = bytearray(entry(b"evidence", b"more") + DONE)
    chance = random.Random(4)

    def mutated(client: socket.socket) -> None:
        data = whole.copy()
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        client.recv(4096)
        client.sendall(BOUND)
        client.recv(4096)
        client.sendall(data)

    with listening(mutated) as listener:
        for _ in range(150):
            answer = ask(f"ldap://127.0.0.1:{listener.port}/cn=x?certificateRevocationList", seconds=3, size_limit=1000)
            assert answer.outcome in (Outcome.OK, Outcome.UNREACHABLE, Outcome.TOO_LARGE, Outcome.NOT_FETCHED), answer.detail
            assert answer.detail.isprintable()


# --------------------------------------------------------------------------------------------------------- who is not asked


def _leading_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Every name leads to these addresses; the names looked up are listed."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *args: Any, **more: Any) -> Any:
        if host[0].isdigit():
            return real(host, port, *args, **more)
        asked.append(host)
        found = addresses if len(asked) == 1 else ("127.0.0.1",)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def test_a_name_that_leads_to_a_loopback_address_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(silent) as listener:
        _leading_to(monkeypatch, "127.0.0.1")
        guard = Guard(schemes=("ldap",), fetch_unanchored=True, allow=(f"10.0.0.0:{listener.port}",))
        for anchored in (False, True):
            answer = ask(f"ldap://directory.example.com:{listener.port}/cn=x", guard, anchored=anchored)
            assert answer.outcome is Outcome.REFUSED_BY_GUARD
        assert listener.accepted == 0


@pytest.mark.parametrize("addresses", [("10.0.0.5",), ("93.184.216.34", "10.0.0.5"), ("169.254.169.254",)])
def test_a_name_that_leads_to_a_private_address_is_not_connected_to(monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]) -> None:
    connected: list[object] = []
    asked = _leading_to(monkeypatch, *addresses)
    monkeypatch.setattr(socket, "create_connection", lambda *args, **_: connected.append(args))
    guard = Guard(schemes=("ldap",), intranet=True, fetch_unanchored=True)
    answer = ask("ldap://directory.example.com/cn=x", guard, anchored=False)
    assert (answer.outcome, connected, asked) == (Outcome.REFUSED_BY_GUARD, [], ["directory.example.com"])
    assert addresses[-1] in answer.detail


def test_the_name_is_looked_up_once_and_the_address_judged_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(says(BOUND, entry(b"evidence") + DONE)) as listener:
        asked = _leading_to(monkeypatch, "127.0.0.1")
        guard = Guard(schemes=("ldap",), allow=(f"127.0.0.1:{listener.port}", f"directory.example.com:{listener.port}"))
        assert ask(f"ldap://directory.example.com:{listener.port}/cn=x", guard).body == b"evidence"
        assert asked == ["directory.example.com"]


@pytest.mark.parametrize(
    ("port", "passes"), [(389, True), (636, True), (3268, True), (3269, True), (80, False), (22, False), (8389, False)]
)
def test_only_the_ports_of_ldap_are_asked(monkeypatch: pytest.MonkeyPatch, port: int, passes: bool) -> None:
    asked = _leading_to(monkeypatch, "10.0.0.5")
    answer = ask(f"ldap://directory.example.com:{port}/cn=x", Guard(schemes=("ldap",)))
    assert answer.outcome is Outcome.REFUSED_BY_GUARD
    assert bool(asked) is passes
    assert ("is not one of LDAP" in answer.detail) is not passes


def test_without_the_scheme_in_the_guard_nobody_is_asked() -> None:
    with listening(silent) as listener:
        answer = ask(f"ldap://127.0.0.1:{listener.port}/cn=x", Guard(schemes=("http",), allow=("127.0.0.1",)))
        assert (answer.outcome, answer.detail, listener.accepted) == (Outcome.REFUSED_BY_GUARD, "the scheme ldap is not allowed", 0)


def test_a_url_without_a_server_says_what_a_member_of_a_domain_would_do() -> None:
    for url in ("ldap:///CN=CA,CN=CDP,DC=corp,DC=example?certificateRevocationList?base?objectClass=cRLDistributionPoint", "LDAP:///cn=x"):
        answer = ask(url)
        assert answer.outcome is Outcome.NOT_FETCHED
        assert "a member of a domain would ask its domain controller, and this machine was not asked to" in answer.detail
        assert answer.received_at == 0


@pytest.mark.parametrize(
    ("url", "kind", "detail"),
    [
        ("ldap://127.0.0.1:1/cn=x?userPassword", "crl", "the URL names no attribute that holds a CRL"),
        ("ldap://127.0.0.1:1/cn=x?certificateRevocationList", "aia", "the URL names no attribute that holds a certificate of a CA"),
        ("ldap://127.0.0.1:1/cn=x", "ocsp", "an OCSP responder is not asked over LDAP"),
        ("ldap://127.0.0.1:1/cn=x????!bindname=cn=root", "crl", "the URL has a critical extension"),
        ("ldap://127.0.0.1:1/cn=x???(a=%5Czz)", "crl", "the filter in the URL is not one of RFC 4515"),
    ],
)
def test_what_is_not_a_question_for_evidence_is_not_asked(url: str, kind: str, detail: str) -> None:
    answer = ask(url, kind=kind)
    assert (answer.outcome, answer.detail) == (Outcome.NOT_FETCHED, detail)


def test_without_the_extra_the_answer_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sansldap", None)
    with listening(silent) as listener:
        answer = ask(f"ldap://127.0.0.1:{listener.port}/cn=x", GUARD)
        assert (answer.outcome, listener.accepted) == (Outcome.NOT_FETCHED, 0)
    assert "pip install 'chaincheck[ldap]'" in answer.detail
