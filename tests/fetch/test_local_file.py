"""Files of this machine: read only where allowed, only on the word of an anchored certificate, and only evidence."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

import pki
from chaincheck.fetch.guard import Guard
from chaincheck.fetch.local_file import path_of, read
from chaincheck.fetch.request import Outcome, Request, Response

if TYPE_CHECKING:
    from pathlib import Path

ROOT = pki.root("File root")
CRL = ROOT.crl()
GUARD = Guard(schemes=("http", "file"))


def ask(url: str, guard: Guard = GUARD, **more: Any) -> Response:
    return read(Request(**{"kind": "crl", "url": url, "anchored": True, **more}), guard)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a ca.crl"
    path.write_bytes(CRL)
    return path


def test_a_crl_is_read(file: Path) -> None:
    for url in (file.as_uri(), file.as_uri().replace("file://", "file://localhost"), file.as_uri().replace("file://", "FILE:")):
        answer = ask(url)
        assert (answer.outcome, answer.body, answer.detail) == (Outcome.OK, CRL, f"a file, {len(CRL)} bytes")
        assert abs(answer.received_at - time.time()) < 5


def test_a_certificate_is_read(file: Path) -> None:
    file.write_bytes(ROOT.der)
    assert ask(file.as_uri(), kind="aia").body == ROOT.der


def test_it_must_be_allowed_and_named_by_an_anchored_certificate(file: Path) -> None:
    assert ask(file.as_uri(), Guard()).detail == "the scheme file is not allowed"
    for guard in (GUARD, Guard(schemes=("file",), fetch_unanchored=True, intranet=True)):
        answer = ask(file.as_uri(), guard, anchored=False)
        assert (answer.outcome, answer.body) == (Outcome.REFUSED_BY_GUARD, b"")


@pytest.mark.parametrize("content", [b"root:x:0:0::/root:/bin/sh\n", b"", ROOT.der, ROOT.key_pem, CRL[:-1], CRL + b"more"])
def test_what_is_no_crl_is_never_handed_on(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    answer = ask(file.as_uri())
    assert (answer.outcome, answer.body, answer.detail) == (Outcome.UNREACHABLE, b"", "the file holds no CRL in DER")


def test_the_limit_counts(file: Path) -> None:
    assert ask(file.as_uri(), size_limit=len(CRL)).ok
    assert ask(file.as_uri(), size_limit=len(CRL) - 1).outcome is Outcome.TOO_LARGE


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert ask((tmp_path / "none").as_uri()).detail == "there is no such file"
    assert ask(tmp_path.as_uri()).detail == "it is not a regular file"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes among its files")
def test_pipes_and_devices_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for url in ((tmp_path / "pipe").as_uri(), "file:///dev/zero", "file:///dev/stdin"):
        answer = ask(url)
        assert (answer.outcome, answer.detail) in (
            (Outcome.UNREACHABLE, "it is not a regular file"),
            (Outcome.UNREACHABLE, "there is no such file"),  # /dev/stdin of a closed input
        )


def test_links_are_followed_and_what_they_lead_to_is_judged(tmp_path: Path, file: Path) -> None:
    for name, target in (("good", file), ("folder", tmp_path), ("circle", tmp_path / "circle")):
        (tmp_path / name).symlink_to(target)
    assert ask((tmp_path / "good").as_uri()).body == CRL
    assert ask((tmp_path / "folder").as_uri()).detail == "it is not a regular file"
    assert ask((tmp_path / "circle").as_uri()).detail == "the file cannot be read"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///C:/certs/a%20ca.crl", "C:/certs/a ca.crl"),
        ("file://localhost/c|/ca.crl", "c:/ca.crl"),
        ("file:/C:/%E8%A8%BC.crl", "C:/証.crl"),
    ],
)
def test_drives_of_windows(url: str, path: str) -> None:
    assert path_of(url, windows=True) == path


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize(
    "url",
    [
        "file://server/share/ca.crl",
        "file://10.0.0.1/share/ca.crl",
        "file:////server/share/ca.crl",
        "file://///server/share/ca.crl",
        "file:///%2Fserver/share",
        "file://localhost//server/share",
        "file:///C:/a?b",
        "file:///C:/a#b",
        "file:///C:/a%00",
        "file:///C:/a%zz",
        "file:///C:/a\nb",
        "file:ca.crl",
        "file:",
        "file:///" + "a" * 9000,
        "http://localhost/C:/a",
    ],
)
def test_other_machines_and_what_is_no_file_are_refused(url: str, windows: bool) -> None:
    with pytest.raises(ValueError) as raised:
        path_of(url, windows=windows)
    assert str(raised.value).startswith("the URL ")


@pytest.mark.parametrize(
    "url",
    [
        "file:///ca.crl",
        "file:///%5C%5Cserver/share",
        "file:///C:/%5C%5Cserver/share",
        "file:///C:/a.crl:stream",
        "file:///C:/NUL",
        "file:///C:/x/com1.crl",
        "file:///C:/CON%20.crl",
        "file:///C:/%ff",
    ],
)
def test_what_is_no_plain_file_on_windows_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        path_of(url, windows=True)
