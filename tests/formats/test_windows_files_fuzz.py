"""Mutated files of Windows: whatever the bytes are, only a result or an InputError, each within a second."""

from __future__ import annotations

import hashlib
import os
import random
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

import asn1
import pki
from chaincheck.errors import InputError
from chaincheck.formats import certutil_store, ctl, registry, registry_text, sst
from chaincheck.formats.text import decode
from chaincheck.x509.certificate import Certificate
from formats import test_certutil_store, test_ctl, test_registry_text
from formats.conftest import store
from formats.test_mutations import mutate
from x509 import mutation

if TYPE_CHECKING:
    from collections.abc import Callable

WANTED = os.environ.get("FUZZ_EXAMPLES")
EXAMPLES = int(WANTED or 6000)
SEED = int(os.environ.get("FUZZ_SEED", random.randrange(2**32) if WANTED else 186812))
ROOT = pki.root("Test Root")
CLIENT = ROOT.issue("client")
PROPERTIES = ((3, bytes(20)), (11, "name".encode("utf-16-le") + b"\0\0"), (9, b"\x30\x00"), (104, bytes(8)))
MOST = 50
TOKENS = (
    "\r", "\n", "\\", '"', "[", "]", "[-", "@", "=", "-", ";", ":", "：", " ", "    ", "\t", "\0", "\\0", "\u2028", "hex(7):", "hex:",
    "dword:", "REG_SZ", "    REG_DWORD    ", "0x", "HKLM\\", "[HKLM\\A]\n", "REGEDIT4\n", "(sha1): ", "CN=", "=====",
    "================ CRL 0 ================\n", "CertUtil: ", 'my "Personal"\n', "EMPTY", "\ufffd", "²", "٣", "9" * 5000, "f" * 41,
)  # fmt: skip


def _records(*elements: tuple[int, bytes]) -> bytes:
    return b"".join(struct.pack("<III", identifier, 1, len(value)) + value for identifier, value in elements)


def _registry_file() -> str:
    blob = test_registry_text.hexadecimal(_records(*PROPERTIES, (32, ROOT.der)))
    values = "\r\n".join(f'"value {number}"={written}' for number, written in enumerate(test_registry_text.VALUES))
    return f'{test_registry_text.HEADING}[{test_registry_text.ROOT}\\AB]\r\n{blob}\r\n\r\n[HKLM\\B]\r\n@="x"\r\n{values}\r\n[-HKLM\\C]\r\n'


def _trust_list() -> bytes:
    properties = [test_ctl.attribute(f"{test_ctl.PROPERTY}.{number}", asn1.octet_string(b"x\0")) for number in (9, 11, 104, 126)]
    subjects = [test_ctl.subject(hashlib.sha1(one.der).digest(), *properties) for one in (ROOT, CLIENT)]
    head = asn1.octet_string(b"A\0") + asn1.integer(0x1401D8C0)
    return test_ctl.signed(test_ctl.content(*subjects, head=head, next_update=test_ctl.NEXT_UPDATE), [ROOT.der])


def _listing() -> str:
    crl = f"================ CRL 0 ================\nIssuer: CN=a\n ThisUpdate: 1/1/2026 1:00\nCRL Hash(sha1): {test_certutil_store.HASH}\n"
    return f"{test_certutil_store.ROOT}C:\\> certutil -user -store my\n{test_certutil_store.block('Signature test passed')}\nCA\n{crl}"


def _read_store(data: bytes) -> bool:
    found = sst.parse(data, "x", MOST)
    assert len(found.certificates) + len(found.crls) <= MOST
    return bool(found.certificates)


def _read_blob(data: bytes) -> bool:
    registry.looks_like_blob(data)
    return bool(registry.parse_blob(data).der)


def _read_registry(text: str) -> bool:
    registry_text.looks_like(text)
    keys, notes = registry_text.parse(text, "x", most_keys=MOST)
    for key in keys:
        assert key.path.startswith("HKEY_")
        for value in key.values:
            assert isinstance(value.data, int | str | bytes | tuple | None)
            if value.kind == "REG_BINARY" and isinstance(value.data, bytes):
                with suppress(InputError):
                    registry.parse_blob(value.data)
    assert len(keys) <= MOST
    assert len(notes) <= 1000
    return bool(keys)


def _read_trust_list(data: bytes) -> bool:
    ctl.is_ctl(data)
    found = ctl.parse(data, "x", MOST)
    found.identifies(Certificate(ROOT.der))
    return bool(found.subjects)


def _read_listing(text: str) -> bool:
    certutil_store.looks_like(text)
    stores, notes = certutil_store.parse(text, "x", MOST)
    listed = [one.sha1 for each in stores for one in each.certificates] + [one.sha1 for each in stores for one in each.crls]
    assert all(len(sha1) == 40 and bytes.fromhex(sha1) for sha1 in listed)
    assert len(listed) <= MOST
    assert len(notes) <= 1000
    return bool(listed)


def _any_bytes(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 1, 2, 4))):
        data = mutate(data, rng) or data
    return data


def _any_text(text: str, rng: random.Random) -> str:
    """Damage to octets, to characters, or to whole lines."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(text))
        lines = text.split("\n")
        line = rng.randrange(len(lines))
        match rng.randrange(8):
            case 0:
                text = decode(mutate(text.encode(rng.choice(("utf-8", "utf-16")), "replace"), rng))[0] or text
            case 1 | 2:
                text = text[:at] + rng.choice(TOKENS) + text[at:]
            case 3:
                text = text[:at] + rng.choice(TOKENS) + text[at + rng.randrange(1, 40) :]
            case 4:
                text = "\n".join(lines[:line] + lines[line + 1 :]) or text
            case 5:
                text = "\n".join([*lines[:line], lines[rng.randrange(len(lines))], *lines[line:]])
            case 6:
                lines[line] = rng.choice((" ", "    ", "\t", "")) + lines[line].strip()
                text = "\n".join(lines) or text
            case _:
                text = text.replace("\r\n", "\n") if rng.random() < 0.5 else text[:at] or text
    return text


STORE = store(*PROPERTIES, (32, ROOT.der), (33, ROOT.crl()), (11, b"n\0"), (32, CLIENT.der))
BLOB = _records(*PROPERTIES, (32, ROOT.der))
REGISTRY_FILE = _registry_file()
TRUST_LIST = _trust_list()
LISTING = _listing()

KINDS: dict[str, Callable[[random.Random], tuple[bytes | str, Callable[..., bool]]]] = {
    "sst": lambda rng: (_any_bytes(STORE, rng), _read_store),
    "blob": lambda rng: (_any_bytes(BLOB, rng), _read_blob),
    "reg": lambda rng: (_any_text(REGISTRY_FILE, rng), _read_registry),
    "reg query": lambda rng: (_any_text(test_registry_text.QUERY, rng), _read_registry),
    "ctl": lambda rng: (mutation.mutate(TRUST_LIST, ROOT.der if rng.random() < 0.3 else TRUST_LIST, rng), _read_trust_list),
    "certutil": lambda rng: (_any_text(LISTING, rng), _read_listing),
}


@pytest.mark.parametrize("kind", KINDS)
def test_fuzz_a_mutated_file_gives_a_result_or_an_input_error_within_a_second(kind: str) -> None:
    rng = random.Random(f"{SEED} {kind}")
    examples = EXAMPLES // len(KINDS)
    read = 0
    for number in range(examples):
        data, reader = KINDS[kind](rng)
        began = time.process_time()
        try:
            with suppress(InputError):
                read += reader(data)
        except Exception as error:
            error.add_note(f"FUZZ_SEED={SEED}, example {number}: {data!r}")
            raise
        assert time.process_time() - began < 1, f"FUZZ_SEED={SEED}, example {number}: slow\n{data!r}"
    assert examples / 20 < read, "the mutations are too coarse to say anything"


LONG = 100_000
MONSTERS = {
    "blanks": "a" + " " * LONG + "b",
    "backslashes": "\\" * LONG,
    "quotation marks": '"' * LONG,
    "equals signs": "=" * LONG,
    "digits": "1" * LONG,
    "tabs": "\t" * LONG,
    "octets": '"a"=hex:' + "00," * (LONG // 3) + "00",
    "continued octets": '"a"=hex:' + "00,\\\n" * (LONG // 5) + "00",
    "an open string": '"a"="' + "x\n" * (LONG // 2),
    "many open strings": '"a"="x\n' * (LONG // 7),
    "escaped quotation marks": '"a"="' + '\\"' * (LONG // 2),
    "types": "    a    REG_" + "A" * LONG + " ",
    "columns": "    a" * (LONG // 5) + "    REG_SZ",
    "headings": "===== a 1 =====\n" * (LONG // 16),
    "stores": 'a "b"\n' * (LONG // 6),
    "keys": "[HKLM\\A]\n" * (LONG // 9),
    "a deep key": "[HKLM" + "\\a" * (LONG // 2) + "]",
    "colons": "a:" * (LONG // 2),
    "names": "Issuer:\n" + "    CN=a\n" * (LONG // 9),
    "hashes": f"a(sha1): {'0' * 40}\n" * (LONG // 50),
}


@pytest.mark.parametrize("monster", MONSTERS)
def test_fuzz_a_monstrous_text_is_read_within_a_second(monster: str) -> None:
    text = MONSTERS[monster]
    for before in ("", "[HKLM\\A]\n", "HKEY_LOCAL_MACHINE\\A\n", "================ Certificate 0 ================\n"):
        for reader in (_read_registry, _read_listing):
            began = time.process_time()
            reader(f"{before}{text}\n")
            assert time.process_time() - began < 1
