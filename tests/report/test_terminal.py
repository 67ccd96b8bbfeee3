from __future__ import annotations

import io

from chaincheck.report.terminal import can_write, printable, write


def test_our_marks_survive_a_japanese_console() -> None:
    assert printable("× ○ └├─ →", "cp932") == "× ○ └├─ →"


def test_our_marks_become_ascii_where_they_must() -> None:
    assert printable("  × Root\n  └─ ○ CA\n    → why", "ascii") == "  x Root\n  `- o CA\n    -> why"


def test_other_characters_become_escapes() -> None:
    assert printable("CN=Zoë 证", "cp932") == "CN=Zo\\xeb \\u8bc1"


def test_an_encoding_that_does_not_exist_counts_as_ascii() -> None:
    assert printable("é", "no-such-encoding") == "\\xe9"
    assert not can_write("é", None)


def test_writing_never_raises() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    write("→ é\n", stream)
    stream.seek(0)
    assert stream.read() == "-> \\xe9\n"
    stream.close()
    write("after the end", stream)
