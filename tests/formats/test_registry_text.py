"""Text of the registry: .reg files and what reg query prints."""

from __future__ import annotations

import struct

import pytest

import pki
from chaincheck.formats.loaded import NoteCode
from chaincheck.formats.registry import parse_blob
from chaincheck.formats.registry_text import Data, Key, looks_like, parse

ROOT = "HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\SystemCertificates\\ROOT\\Certificates"
HEADING = "Windows Registry Editor Version 5.00\r\n\r\n"


def hexadecimal(data: bytes, name: str = '"Blob"', form: str = "hex") -> str:
    """A value as regedit writes it: lines of at most 80 characters that end with a backslash."""
    line, lines = f"{name}={form}:", []
    for number, octet in enumerate(data):
        line += f"{octet:02x}" + ("," if number + 1 < len(data) else "")
        if len(line) > 76 and number + 1 < len(data):
            lines.append(line + "\\")
            line = "  "
    return "\r\n".join([*lines, line])


def only(text: str) -> Key:
    (key,), notes = parse(text, "x.reg")
    assert not notes
    return key


def damage(text: str) -> list[tuple[str, str]]:
    _, notes = parse(text, "x.reg")
    assert all(note.code is NoteCode.DAMAGED_MEMBER for note in notes)
    return [(note.where, note.detail) for note in notes]


# .reg files


def test_a_certificate_comes_out_of_a_reg_export_of_its_store() -> None:
    root = pki.root("Test Root")
    blob = struct.pack("<III", 32, 1, len(root.der)) + root.der
    key = only(f"{HEADING}[{ROOT}\\{'AB' * 20}]\r\n{hexadecimal(blob)}\r\n\r\n")
    assert key.path == f"{ROOT}\\{'AB' * 20}"
    found = key.value("Blob")
    assert isinstance(found, bytes)
    assert parse_blob(found).der == root.der


VALUES: dict[str, tuple[str, Data]] = {
    "dword:0000001f": ("REG_DWORD", 31),
    '"MY"': ("REG_SZ", "MY"),
    '""': ("REG_SZ", ""),
    r'"C:\\a \"b\" \\"': ("REG_SZ", 'C:\\a "b" \\'),
    "hex:": ("REG_BINARY", b""),
    "hex:01": ("REG_BINARY", b"\x01"),
    "hex:01,aB,ff": ("REG_BINARY", b"\x01\xab\xff"),
    "hex(0):": ("REG_NONE", None),
    "hex(0):00": ("REG_NONE", b"\0"),
    "hex(1):41,00,00,00": ("REG_SZ", "A"),
    "hex(2):25,00,41,00,25,00,00,00": ("REG_EXPAND_SZ", "%A%"),
    "hex(4):1f,00,00,00": ("REG_DWORD", 31),
    "hex(4):1f,00": ("REG_DWORD", b"\x1f\0"),
    "hex(5):00,00,00,1f": ("REG_DWORD_BIG_ENDIAN", 31),
    "hex(7):41,00,00,00,42,00,43,00,00,00,00,00": ("REG_MULTI_SZ", ("A", "BC")),
    "hex(7):00,00": ("REG_MULTI_SZ", ()),
    "hex(b):01,00,00,00,00,00,00,80": ("REG_QWORD", 0x8000000000000001),
    "hex(ffff0011):01": ("REG_0xffff0011", b"\x01"),
    "hex:01,\\\r\n  02,\\\r\n  03": ("REG_BINARY", b"\x01\x02\x03"),
    '"two\r\nlines"': ("REG_SZ", "two\nlines"),
    "dword:1 ; a comment": ("REG_DWORD", 1),
    '"a;b" ; a comment': ("REG_SZ", "a;b"),
}


@pytest.mark.parametrize("written", VALUES)
def test_a_value_of_a_reg_file_is_read_by_its_type(written: str) -> None:
    key = only(f'{HEADING}[HKEY_LOCAL_MACHINE\\A]\r\n"Na\\"me"={written}\r\n"after"=dword:2\r\n')
    assert key.values[0] == ('Na"me', *VALUES[written])
    assert key.value("AFTER") == 2


def test_the_default_value_has_no_name() -> None:
    assert only(HEADING + '[HKEY_CURRENT_USER\\A]\n@="x"').values == (("", "REG_SZ", "x"),)


def test_strings_of_regedit4_are_not_utf_16() -> None:
    assert only("REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\A]\n" + '"n"=hex(2):25,41,25,00\n').value("n") == "%A%"
    assert only("REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\A]\n" + '"n"=hex(7):41,00,42,00,00\n').value("n") == ("A", "B")


def test_short_names_of_hives_are_written_out() -> None:
    keys, _ = parse(HEADING + "[HKLM\\A]\n[hkcu\\B]\n[HKEY_local_machine\\C\\]", "x")
    assert [key.path for key in keys] == ["HKEY_LOCAL_MACHINE\\A", "HKEY_CURRENT_USER\\B", "HKEY_LOCAL_MACHINE\\C"]


def test_of_a_key_that_is_there_twice_the_later_value_holds() -> None:
    key = only(HEADING + '[HKLM\\A]\n"n"=dword:1\n"m"=dword:5\n[HKEY_LOCAL_MACHINE\\a]\n"N"=dword:2\n')
    assert key.values == (("N", "REG_DWORD", 2), ("m", "REG_DWORD", 5))


def test_what_is_deleted_is_not_there() -> None:
    text = '[-HKLM\\A]\n"n"=dword:1\n[HKLM\\B]\n"n"=dword:1\n"m"=-\n"n"=-\n[HKLM\\C]\n[-HKLM\\C]\n; "x"=dword:1\n'
    assert only(HEADING + text) == ("HKEY_LOCAL_MACHINE\\B", ())


DAMAGES = {
    '[HKLM\\A\n"n"=dword:1': [("x.reg, line 3", "a key that is not a path in brackets")],
    "[HKXX\\A]": [("x.reg, line 3", "a key that is not a path in brackets")],
    '"n"=dword:1': [("x.reg, line 3", "a value that belongs to no key")],
    '[HKLM\\A]\n"n"=dword:xyz': [("x.reg, line 4", "a value of no known form")],
    '[HKLM\\A]\n"n" dword:1': [("x.reg, line 4", "neither a key, a value nor a comment")],
    '[HKLM\\A]\n"n"=hex:1,2': [("x.reg, line 4", "octets that are not two digits with commas between them")],
    '[HKLM\\A]\n"n"=hex:0102': [("x.reg, line 4", "octets that are not two digits with commas between them")],
    '[HKLM\\A]\n"n"=hex:zz': [("x.reg, line 4", "digits that are not hexadecimal")],
    '[HKLM\\A]\n"n"=hex:01,\\\n"m"=dword:1': [("x.reg, line 4", "octets that are cut off")],
    '[HKLM\\A]\n"n"=hex:01,\\\n[HKLM\\B]': [("x.reg, line 4", "octets that are cut off")],
    '[HKLM\\A]\n"n"="x\n"m"=dword:1': [("x.reg, line 4", "a string without its closing quotation mark")],
    '[HKLM\\A]\n"n"="x" y': [("x.reg, line 4", "something after the end of a string")],
}


@pytest.mark.parametrize("text", DAMAGES)
def test_a_damaged_line_is_told_with_its_number(text: str) -> None:
    assert damage(HEADING + text) == DAMAGES[text]


@pytest.mark.parametrize("text", [text for text in DAMAGES if '"m"=dword:1' in text])
def test_what_follows_a_damaged_value_is_read(text: str) -> None:
    keys, _ = parse(HEADING + text, "x")
    assert keys[0].values == (("m", "REG_DWORD", 1),)


def test_values_below_a_key_that_cannot_be_read_belong_to_no_other_key() -> None:
    keys, _ = parse(HEADING + '[HKLM\\A]\n[Bad\\Key]\n"n"=dword:1\n', "x")
    assert keys == (("HKEY_LOCAL_MACHINE\\A", ()),)


# reg query


QUERY = """\

HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\HTTP\\Parameters\\SslBindingInfo\\0.0.0.0:443
    AppId    REG_SZ    {4dc3e181-e14b-4a21-b022-59fc669b0914}
    SslCertHash    REG_BINARY    0123456789ABCDEF
    DefaultFlags    REG_DWORD    0x2
    Name with  blanks    REG_QWORD    0xffffffffffffffff
    List    REG_MULTI_SZ    one\\0two three
    Empty    REG_SZ
    Path    REG_EXPAND_SZ    %SystemRoot%\\a    b
    Nothing    REG_NONE
    (Default)    REG_SZ    x

HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\HTTP\\Parameters\\SslBindingInfo\\[::]:443
    (既定)    REG_SZ    (値の設定なし)
    [odd]    REG_DWORD (4)    0x1f

検索の完了: 12 一致が見つかりました。
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_reg_query_is_read(ends: str) -> None:
    (first, second), notes = parse(QUERY.replace("\n", ends), "x")
    assert not notes
    assert first.path.endswith("\\SslBindingInfo\\0.0.0.0:443")
    assert first.values == (
        ("AppId", "REG_SZ", "{4dc3e181-e14b-4a21-b022-59fc669b0914}"),
        ("SslCertHash", "REG_BINARY", bytes.fromhex("0123456789abcdef")),
        ("DefaultFlags", "REG_DWORD", 2),
        ("Name with  blanks", "REG_QWORD", 2**64 - 1),
        ("List", "REG_MULTI_SZ", ("one", "two three")),
        ("Empty", "REG_SZ", ""),
        ("Path", "REG_EXPAND_SZ", "%SystemRoot%\\a    b"),
        ("Nothing", "REG_NONE", None),
        ("", "REG_SZ", "x"),
    )
    assert second.values == (("[odd]", "REG_DWORD", 31),)


def test_a_damaged_line_of_reg_query_is_told_with_its_number() -> None:
    text = "HKEY_LOCAL_MACHINE\\A\n    n    REG_DWORD    31\n    m    REG_BINARY    0\n    o    REG\n    p    REG_DWORD    0x1\n"
    keys, notes = parse(text, "q.txt")
    assert keys[0].values == (("p", "REG_DWORD", 1),)
    assert [(note.where, note.detail) for note in notes] == [
        ("q.txt, line 2", "a number that is not hexadecimal"),
        ("q.txt, line 3", "digits that are not hexadecimal"),
        ("q.txt, line 4", "an indented line that is not a name, a type and data"),
    ]


def test_a_reg_file_and_reg_query_may_stand_in_one_text() -> None:
    keys, notes = parse(
        QUERY + HEADING + '[HKLM\\A]\n"n"=dword:1\n' + "C:\\> reg query HKCU\\B\n\nHKEY_CURRENT_USER\\B\n    m    REG_SZ    y", "x"
    )
    assert [key.value("n") or key.value("m") for key in keys] == [None, None, 1, "y"]
    assert [note.detail for note in notes] == ["neither a key, a value nor a comment"]


def test_text_of_the_registry_is_recognised() -> None:
    for text in (QUERY, HEADING, "REGEDIT4\n", "[HKEY_LOCAL_MACHINE\\A]\n", "> reg query HKLM\\A\n\nHKEY_LOCAL_MACHINE\\A\n"):
        assert looks_like(text)
    for text in (
        "",
        "HKEY_LOCAL_MACHINE",
        "see HKEY_LOCAL_MACHINE\\A",
        "[section]\nkey=1",
        "-----BEGIN CERTIFICATE-----",
        "REGEDIT4 is old",
    ):
        assert not looks_like(text)


def test_more_keys_than_wanted_are_cut_with_a_note() -> None:
    keys, notes = parse("".join(f"[HKLM\\{number}]\n" for number in range(5)), "x", most_keys=3)
    assert len(keys) == 3
    assert [(note.code, note.where) for note in notes] == [(NoteCode.CUT, "x, line 4")]


def test_a_text_of_nothing_but_damage_has_a_thousand_notes_at_most() -> None:
    assert len(parse("[HKLM\\A]\n" + "x\n" * 5000, "x")[1]) == 1000
