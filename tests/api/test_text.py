"""Text that others wrote, made safe to show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconstruction_api.text import lines, one_line, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("38 of 40 photos", "38 of 40 photos"),
        ("façade-中文-👩‍🎨.jpg", "façade-中文-👩‍🎨.jpg"),
        ("one\r\ntwo\nthree\tfour", "one two three four"),
        ("one\u2028two\u2029three\x85four\x0bfive\x1csix", "one two three four five six"),
        ("\x1b[2J\x1b]0;title\x07", "�[2J�]0;title�"),
        ("\x9b31m\x7f\x00", "�31m��"),
        ("photo\u202egpj.exe\u2066\u2069", "photo�gpj.exe��"),
        ("\u200eleft\u200f", "�left�"),
        ("bad\udcff.jpg", "bad?.jpg"),
    ],
)
def test_a_line_stays_a_line_and_steers_nothing(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_what_is_too_long_is_cut_off_and_says_so() -> None:
    assert one_line("abcdef", 6) == "abcdef"
    assert one_line("abcdefg", 6) == "abcde…"


@given(st.text(), st.integers(1, 20))
def test_no_text_is_longer_or_has_another_line(text: str, limit: int) -> None:
    shown = one_line(text, limit)
    assert len(shown) <= limit and len(shown.splitlines()) <= 1
    assert one_line(shown, limit) == shown
    shown.encode()


def test_where_lines_are_wanted_only_they_stay() -> None:
    assert lines("one\r\ntwo\n\tthree\rfour\x1b[0m\u2028") == "one\ntwo\n\tthree�four�[0m�"


def test_documents_are_cleaned_with_their_names() -> None:
    assert plain({"a\nb": ["\x1b", 1, None, {"c": "\r"}]}) == {"a b": ["�", 1, None, {"c": " "}]}
