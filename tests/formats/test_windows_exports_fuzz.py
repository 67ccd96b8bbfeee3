"""Damaged files of Windows: serialized stores, registry records and text, trust lists, listings, netsh. Only InputError ever comes out.

    FUZZ_EXAMPLES=100000 python -m pytest tests/formats/test_windows_exports_fuzz.py --timeout=0

tries that many of each; FUZZ_SEED=... repeats a run.
"""

from __future__ import annotations

import os
import random
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

import exports
import pki
from chaincheck import Certificate, InputError, ServerProfile, TrustStore
from chaincheck.formats import certutil_store, ctl, netsh, registry_text, sst
from chaincheck.formats.registry import parse_blob
from chaincheck.formats.text import decode

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES") or 400)
SEED = int(os.environ.get("FUZZ_SEED", random.randrange(2**32) if os.environ.get("FUZZ_EXAMPLES") else 186812))
SECONDS = 2.0  # for one file of a few kilobytes, on a machine that is busy

ROOT = pki.root("Fuzz Root")
CA = ROOT.issue_ca("Fuzz CA")
CERTIFICATE = Certificate(CA.der)
_SST = (
    b"\0\0\0\0CERT"
    + b"".join(struct.pack("<III", n, 1, len(v)) + v for n, v in ((11, b"n\0"), (32, ROOT.der), (33, ROOT.crl())))
    + bytes(12)
)
_LIST = exports.trust_list(
    "1.3.6.1.4.1.311.10.3.30", [bytes.fromhex(CERTIFICATE.sha1), bytes(20)], properties={104: bytes(8), 9: b"\x30\0"}
)
_STORES = exports.registry_stores(
    {"ROOT": [ROOT.der], "CA": [CA.der, ROOT.crl()], "Disallowed": []}, ctls={"DisallowedCertEncodedCtl": _LIST}
)

_QUERIED = exports.schannel({"SendTrustedIssuerList": 1}, ["TLS 1.3"])


def _ctl(data: bytes) -> None:
    ctl.parse(data, "x").identifies(CERTIFICATE)


def _text(read: Callable[[str], object]) -> Callable[[bytes], None]:
    def call(data: bytes) -> None:
        read(decode(data)[0])

    return call


READERS: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "sst": (_SST, lambda data: sst.parse(data, "x", 100)),
    "blob": (exports.blob(ROOT.der, {9: b"\x30\0", 11: b"n\0", 104: bytes(8)}), parse_blob),
    "ctl": (_LIST, _ctl),
    "reg": (_STORES.encode(), _text(lambda text: registry_text.parse(text, "x"))),
    "reg-query": (_QUERIED.encode("utf-16"), _text(lambda text: registry_text.parse(text, "x"))),
    "certutil": (exports.listing("Root", "t", ROOT, CA).encode(), _text(lambda text: certutil_store.parse(text, "x"))),
    "netsh": (exports.netsh(exports.binding(), exports.binding(japanese=True)).encode(), _text(lambda text: list(netsh.parse(text)))),
    "netsh-json": (exports.netsh_json().encode(), _text(lambda text: list(netsh.parse(text)))),
    "stores": (_STORES.encode(), TrustStore.load),
    "profile": (exports.configuration({"": "Ssl"}, exports.one_to_one("Site", "QUJD")).encode(), ServerProfile.load),
    "profile-registry": (exports.registry_binding(ctl_store="x").encode(), ServerProfile.load),
}  # fmt: skip


@pytest.mark.parametrize("kind", READERS)
def test_fuzz_damaged_files_of_windows(kind: str) -> None:
    healthy, read = READERS[kind]
    rng = random.Random(f"{SEED} {kind}")
    read(healthy)
    for number in range(EXAMPLES):
        damaged = _damaged(healthy, rng)
        begun = time.monotonic()
        with suppress(InputError):
            read(damaged)
        assert time.monotonic() - begun < SECONDS, (SEED, number, damaged[:80])


def _damaged(healthy: bytes, rng: random.Random) -> bytes:
    data = bytearray(healthy)
    for _ in range(rng.choice((1, 1, 2, 5, 30))):
        place = rng.randrange(len(data)) if data else 0
        match rng.randrange(6):
            case 0:
                data[place : place + 1] = bytes((rng.randrange(256),))
            case 1:
                del data[place : place + rng.choice((1, 4, 100))]
            case 2:
                data[place:place] = data[place : place + rng.choice((1, 12, 300))]
            case 3:
                data[place : place + 4] = rng.choice((b"\xff" * 4, bytes(4), b"\0\0\0\x80", b"\x30\x80\0\0"))
            case 4:
                data = data[:place]
            case _:
                data[place:place] = rng.choice(
                    (b"\n", b"\r\n\r\n", b" : ", b"\\", b'"', b"\xe3\x81\x82", b"=" * 20, b"[HKLM\\x]\n", b"<", b"\0")
                )
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("reg", lambda size: b"Windows Registry Editor Version 5.00\n[HKEY_LOCAL_MACHINE\\x]\n\"a\"=hex:" + b"00,\\\n  " * (size // 7)),
        ("reg", lambda size: b"Windows Registry Editor Version 5.00\n" + b"[HKEY_LOCAL_MACHINE\\x]\n\"a\"=dword:1\n" * (size // 40)),
        ("reg-query", lambda size: b"HKEY_LOCAL_MACHINE\\x\n" + b"    name with blanks" * (size // 20)),
        ("certutil", lambda size: b"======== Certificate 0 ========\n" + b"Serial Number: 00 " * (size // 18)),
        ("certutil", lambda size: b"======== Certificate 0 ========\nIssuer: CN=x\n" * (size // 45)),
        ("netsh", lambda size: b"    a  " * (size // 7) + b" : b\n"),
        ("netsh", lambda size: b"    IP:port   : 0.0.0.0:443\n" * (size // 28)),
        ("netsh-json", lambda size: b"[" * 900 + b"]" * 900 + b" " * (size - 1800)),
        ("netsh-json", lambda size: b"[" + b"[],".join([b""] * (size // 3)) + b"1]"),
        ("stores", lambda size: b"\n".join([b"HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\SystemCertificates\\ROOT"] * (size // 64))),
    ],
)  # fmt: skip
def test_reading_grows_no_faster_than_the_file(name: str, make: Callable[[int], bytes]) -> None:
    """Ten times the size, at most some twenty times the time: nothing here is quadratic."""
    _, read = READERS[name]
    small, large = make(100_000), make(1_000_000)

    def seconds(data: bytes) -> float:
        begun = time.perf_counter()
        with suppress(InputError):
            read(data)
        return time.perf_counter() - begun

    # the best of three of both: a machine that is busy for a moment says nothing about the reader
    least, most = (min(seconds(data) for _ in range(3)) for data in (small, large))
    assert most < max(25 * least, 1.0)
