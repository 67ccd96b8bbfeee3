"""Where certificates may come from, and what is no certificate."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import timeit
import tracemalloc
import warnings
from typing import TYPE_CHECKING

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding

import chaincheck
import pki
from chaincheck.errors import InputError
from chaincheck.formats.limits import Limits
from chaincheck.formats.load import Loaded, NoteCode, load, load_crls
from chaincheck.x509.certificate import Certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from formats.conftest import Material


def refused(source: object, code: str, **options: object) -> InputError:
    with pytest.raises(InputError) as caught:
        load(source, **options)  # type: ignore[arg-type]  # a value of the wrong type, or options as a dict
    assert caught.value.code == code
    assert caught.value.found
    assert caught.value.expected
    assert caught.value.where
    return caught.value


def in_a_process(code: str, *arguments: str) -> str:
    """What a fresh interpreter prints."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = (sys.executable, "-c", code, *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()


# memory and objects


def test_bytes_of_any_type_are_content(material: Material) -> None:
    for source in (material.der, bytearray(material.der), memoryview(material.der), io.BytesIO(material.der)):
        assert load(source).certificates == (material.der,)


def test_objects_of_other_libraries_are_read(material: Material) -> None:
    for source in (material.client, asn1_x509.Certificate.load(material.der), Certificate(material.der)):
        loaded = load(source)
        assert loaded.certificates == (material.der,)
        assert loaded.kind == "object"
    assert load(material.crl, expect="crls").crls == (material.crl.public_bytes(Encoding.DER),)
    refused(material.csr, "csr")


def test_an_iterable_gives_its_items_in_order(material: Material, files: Path) -> None:
    def items() -> Iterator[object]:
        yield material.client
        yield files / "chain.pem"
        yield [material.der]

    assert load(items()).certificates == material.chain


def test_a_damaged_item_is_a_note_and_a_missing_file_is_an_error(material: Material, files: Path) -> None:
    loaded = load([b"garbage" * 20, material.der])
    assert loaded.certificates == (material.der,)
    assert loaded.notes[0].where == "certificate[0]"
    refused([material.der, files / "none.cer"], "not-found")
    assert refused([material.der, None], "none").where == "certificate[1]"


# files and directories


def test_a_str_without_line_breaks_is_a_path(material: Material, files: Path) -> None:
    assert load(str(files / "client.pem")).certificates == (material.der,)
    error = refused(str(files / "missing.cer"), "not-found")
    assert error.where.endswith("missing.cer")


def test_the_ending_of_a_name_means_nothing(material: Material, files: Path) -> None:
    (files / "key.p12").write_bytes(material.der)
    assert load(files / "key.p12").certificates == (material.der,)


def test_a_directory_gives_all_its_files_sorted_by_name(material: Material, files: Path) -> None:
    (files / "more").mkdir()
    (files / "more" / "root.cer").write_bytes(material.chain[2])
    (files / "README").write_text("notes of the administrator")
    (files / "z.p12").write_bytes(b"\x30\x82\x10\x00 cut")
    loaded = load(files)
    assert loaded.kind == "directory"
    assert loaded.certificates == (material.chain[1], material.chain[2], material.chain[0])
    assert len(loaded.keys) == 1
    assert {note.code for note in loaded.notes} == {NoteCode.UNRELATED_MEMBER, NoteCode.DAMAGED_MEMBER}


def test_a_directory_is_read_to_its_bounds_only(material: Material, tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (deep / "client.cer").write_bytes(material.der)
    (tmp_path / "loop").symlink_to(tmp_path)
    refused(tmp_path, "empty-directory")
    (tmp_path / "client.cer").write_bytes(material.der)
    assert load(tmp_path).certificates == (material.der,)
    assert NoteCode.CUT in {note.code for note in load(tmp_path, limits=Limits(max_files=1)).notes}


def test_a_directory_without_anything_is_an_error(tmp_path: Path) -> None:
    refused(tmp_path, "empty-directory")
    (tmp_path / "README").write_text("nothing here")
    assert "README" in (refused(tmp_path, "nothing-in-directory").hint or "")


_AS_NOBODY = """
import os, pathlib, sys
import chaincheck
import pki
from chaincheck.errors import InputError
from chaincheck.formats.load import load

os.chdir(sys.argv[1])  # the folders above, and those of Python itself, may be closed to others
load(pathlib.Path("chain.pem"))
if os.geteuid() == 0:  # the superuser may read everything
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    load(pathlib.Path("client.pem"))
except InputError as error:
    print(error.code, error.where)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_a_file_that_may_not_be_read_is_an_error(files: Path) -> None:
    files.chmod(0o755)
    (files / "client.pem").chmod(0)
    assert in_a_process(_AS_NOBODY, str(files)) == "unreadable client.pem"


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in directories")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "not-a-file")
    refused("/dev/zero", "not-a-file")


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "MIIC" * 60])
def test_a_str_that_can_be_no_path_is_an_error(name: str) -> None:
    error = refused(name, "unreadable" if len(name) != 240 else "not-found")
    assert len(error.where) < 200
    if name.startswith("MIIC"):
        assert "pass it as bytes" in (error.hint or "")


def test_hostile_limits_open_no_path_and_stay_small(material: Material, files: Path) -> None:
    hostile = Limits.hostile()
    assert load(material.pem, limits=hostile).certificates == (material.der,)
    refused(str(files / "client.pem"), "paths-not-allowed", limits=hostile)
    refused(files, "paths-not-allowed", limits=hostile)
    refused(material.pem.encode() * 1500, "too-large", limits=hostile)
    refused(material.pem.encode() * 150, "too-many", limits=hostile)
    refused(b"\x30\x83\x01\x00\x00\x30" + bytes(65535), "too-large", limits=hostile)


# what is no certificate

FOREIGN: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "empty"),
    "white space": (b" \r\n\0", "empty"),
    "an HTML page": (b"<!DOCTYPE html>\n<html><body>Please log in</body></html>", "html"),
    "JSON": (b'{"error": "not found"}', "json"),
    "XML": (b"<?xml version='1.0'?><a/>", "xml"),
    "a Java keystore": (b"\xfe\xed\xfe\xed\0\0\0\2" + bytes(40), "java-keystore"),
    "a PGP key": (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQENBFQ\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n", "pgp"),
    "an SSH key": (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ me@here\n", "openssh-public-key"),
    "a PVK key": (b"\x1e\xf1\xb5\xb0" + bytes(60), "pvk"),
    "a cabinet": (b"MSCF" + bytes(60), "cabinet"),
    "a zip": (b"PK\x03\x04" + bytes(60), "archive"),
    "a registry export": ("Windows Registry Editor Version 5.00\r\n".encode("utf-16"), "registry-export"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(60), "image"),
    "a text": (b"please find the certificate attached", "unknown-text"),
    "bytes": (b"\x01\x02\x03\x04\x99\x98" + bytes(60), "unknown-content"),
    "a file name as bytes": (b"C:\\certs\\client.cer", "unknown-text"),
    "a SEQUENCE of nothing known": (b"\x30\x06\x04\x04abcd", "unknown-structure"),
    "an ECDSA signature": (b"\x30\x06\x02\x01\x05\x02\x01\x06", "unknown-structure"),
    "DER copied as text": (b"0\xc2\x82\x03\xc2\x9a0\xc2\x82\x02", "binary-as-text"),
    "a PEM cut in its first line": (b"-----BEGIN CERTIF", "damaged-pem"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_file_that_is_something_else_is_named(what: str) -> None:
    data, code = FOREIGN[what]
    refused(data, code)


def test_requests_crls_and_responses_are_named_where_a_certificate_belongs(material: Material) -> None:
    for encoding in (Encoding.DER, Encoding.PEM):
        refused(material.csr.public_bytes(encoding), "csr")
        refused(material.crl.public_bytes(encoding), "crl-as-certificate")
    refused(material.csr.public_bytes(Encoding.PEM).replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"), "csr")
    refused(material.ocsp, "ocsp-response-as-certificate")
    refused(material.der, "certificate-as-crl", expect="crls")
    refused(material.key_pem, "key-as-store", expect="store")
    assert load_crls([material.crl.public_bytes(Encoding.PEM)]) == load_crls(material.crl) == (material.crl.public_bytes(Encoding.DER),)
    assert load_crls([]) == ()
    assert load(material.ocsp, expect="ocsp-responses").ocsp_responses == (material.ocsp,)


def test_a_certificate_that_was_cut_says_how_much_is_there(material: Material) -> None:
    error = refused(material.der[:100], "truncated")
    assert error.found == f"100 bytes of {len(material.der):,}"


def test_bytes_after_a_certificate_are_a_note(material: Material) -> None:
    for tail in (b"\n", bytes(7), b"abc", b"\x30\x82\xff"):
        loaded = load(material.der + tail)
        assert loaded.certificates == (material.der,)
        assert len(loaded.notes) == 1


def test_certificates_back_to_back_are_all_read(material: Material) -> None:
    assert load(b"".join(material.chain)).certificates == material.chain
    assert load(b"".join(material.chain)[:-1]).certificates == material.chain[:2]


def test_a_certificate_damaged_inside_is_handed_on(material: Material) -> None:
    for at in range(14, len(material.der), 37):
        spoilt = bytearray(material.der)
        spoilt[at] ^= 0x55
        assert load(bytes(spoilt)).certificates == (bytes(spoilt),)


@pytest.mark.parametrize("source", [None, 5, 1.5, object(), {"cert": b""}, True])
def test_what_is_no_source_is_an_input_error(source: object) -> None:
    refused(source, "none" if source is None else "not-a-source")


def test_none_names_the_way_to_say_that_there_is_none() -> None:
    assert "NO_CERTIFICATE" in (refused(None, "none").hint or "")


def test_an_empty_list_and_an_empty_str_are_empty() -> None:
    refused([], "empty")
    refused("", "empty")


# cost


def test_importing_the_door_imports_no_heavy_library() -> None:
    heavy = ("cryptography", "asn1crypto", "httpx", "tomllib", "urllib")
    assert in_a_process(f"import sys, chaincheck.formats.load; print([m for m in {heavy} if m in sys.modules])") == "[]"


def test_one_certificate_takes_the_short_way(material: Material) -> None:
    der = material.der
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        seconds = min(timeit.repeat(lambda: load(der), number=1000, repeat=3)) / 1000
    assert load(der) == Loaded(certificates=(der,))
    assert seconds < 50e-6  # it is near 1 microsecond; the bound only catches leaving the short way by far


def test_mail_with_a_certificate_printed_by_openssl(material: Material, openssl: Callable[..., bytes]) -> None:
    mail = b"Hello,\r\nhere it is:\r\n\r\n" + openssl("x509", "-in", "client.pem", "-text").replace(b"\n", b"\r\n") + b"\r\n-- \r\nBob\r\n"
    assert load(mail).certificates == (material.der,)


def test_reading_a_small_file_takes_little_memory(tmp_path: Path) -> None:
    file = tmp_path / "client.cer"
    file.write_bytes(pki.root("Small").der)
    tracemalloc.start()
    try:
        chaincheck.TrustStore(roots=file)
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()


def test_a_file_that_is_longer_than_it_says_is_read_to_its_end() -> None:
    from chaincheck.formats.limits import read_bounded

    for size in (0, 3, 9, 10, 11):
        assert read_bounded(io.BytesIO(b"0123456789"), size, 100) == b"0123456789"
    assert len(read_bounded(io.BytesIO(b"0123456789"), 3, 5)) == 6  # one more than allowed: the caller sees it
