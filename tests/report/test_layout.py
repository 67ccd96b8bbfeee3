from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chaincheck.report.layout import width, wrap


def test_japanese_characters_take_two_columns() -> None:
    assert width("証明書 abc") == 10


def test_marks_take_two_columns_only_in_east_asian_fonts() -> None:
    assert width("×○→") == 3
    assert width("×○→", east_asian=True) == 6


def test_combining_marks_take_no_column() -> None:
    assert width("e\u0301") == 1


def test_words_stay_whole() -> None:
    assert wrap("the certificate expired", 16) == ["the certificate", "expired"]


def test_the_lines_after_the_first_are_indented_as_far_as_its_text() -> None:
    assert wrap("one two three four five", 20, first="  1. ") == ["  1. one two three", "     four five"]


def test_japanese_is_wrapped_between_characters_and_no_line_begins_with_a_full_stop() -> None:
    lines = wrap("証明書の有効期限が切れています。新しい証明書を申請します。", 32)
    assert len(lines) == 2
    assert not any(line.startswith(("。", "、")) for line in lines)
    assert all(width(line) <= 34 for line in lines)


def test_no_line_ends_with_an_opening_bracket() -> None:
    lines = wrap("ああああああああ「いいいいいい」うううう", 18)
    assert not any(line.endswith("「") for line in lines)


def test_a_word_longer_than_a_line_is_cut() -> None:
    assert wrap("x" * 50, 20) == ["x" * 20, "x" * 20, "x" * 10]


def test_a_line_break_never_leaves_spaces_at_the_end() -> None:
    assert all(line == line.rstrip() for line in wrap("a  b   c " * 20, 20))


@given(st.text(alphabet=st.sampled_from("ab 証、。「」é→"), max_size=200), st.integers(20, 80))
def test_wrapping_loses_nothing_but_spaces(text: str, columns: int) -> None:
    assert "".join(wrap(text, columns)).replace(" ", "") == text.replace(" ", "")
