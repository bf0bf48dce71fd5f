"""Positions in a text, and excerpts with carets."""

from __future__ import annotations

import pytest

from cnncalc.errors import DesignError, Problem
from cnncalc.source import MAX_EXCERPT_WIDTH, Source, Span, Text, columns, plain, visible


def shown(text: str, start: int, end: int) -> list[str]:
    return str(Problem("code", "the rule", Span(Source("file", text), start, end))).splitlines()


def test_the_caret_is_below_the_span() -> None:
    assert shown("first\nsecond line\n", 13, 17) == [
        "file:2:8: error[code]: the rule",
        "  |",
        "2 | second line",
        "  |        ^^^^",
    ]


def test_the_margin_is_as_wide_as_the_line_number() -> None:
    assert shown("\n" * 11 + "word", 11, 15)[1:] == ["   |", "12 | word", "   | ^^^^"]


def test_a_full_width_character_takes_two_columns_and_a_combining_mark_none() -> None:
    assert shown("\u5168\u89d2 x", 3, 4)[3] == "  |      ^"
    assert shown("e\u0301 x", 3, 4)[3] == "  |   ^"
    assert shown("a\u5168", 1, 2)[3] == "  |  ^^"
    assert columns("\u5168e\u0301") == 3


def test_a_tab_is_one_space_and_control_characters_are_escaped() -> None:
    assert shown("\ta\x1b[0mb", 6, 7)[2:] == ["1 |  a\\x1b[0mb", "  |          ^"]
    assert visible("a\x07\u202eb") == "a\\x07\\u202eb"


def test_a_span_of_several_lines_is_marked_to_the_end_of_the_first() -> None:
    assert shown("one two\nthree", 4, 12)[2:] == ["1 | one two", "  |     ^^^"]


@pytest.mark.parametrize("text", ["", "x\n", "x"])
def test_the_end_of_the_text_can_be_marked(text: str) -> None:
    assert "^" in shown(text, len(text), len(text) + 1)[3]


def test_a_long_line_is_cut_around_the_caret() -> None:
    lines = shown("a" * 1000 + "X" + "b" * 1000, 1000, 1001)
    assert len(lines[2]) < MAX_EXCERPT_WIDTH + 20
    assert lines[2][lines[3].index("^")] == "X"
    marked = shown("X" * 1000, 0, 1000)
    assert marked[2].endswith("...")
    assert len(marked[3]) < MAX_EXCERPT_WIDTH


def test_a_long_message_is_cut() -> None:
    assert len(str(Problem("code", "word " * 10_000))) < 1100


def test_windows_line_ends_are_not_part_of_a_line() -> None:
    assert shown("one\r\ntwo\r\n", 5, 8)[2:] == ["2 | two", "  | ^^^"]


def test_a_problem_without_a_span_is_one_line_and_its_hint() -> None:
    assert str(Problem("code", "the rule", None, "a way out")) == "error[code]: the rule\n  = hint: a way out"


def test_positions_count_from_one() -> None:
    source = Source("file", "ab\ncd")
    assert [source.position(offset) for offset in range(6)] == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]
    assert [source.line(1), source.line(2)] == ["ab", "cd"]


def test_a_value_maps_back_to_its_source() -> None:
    """The value 'ab' whose b is 10 characters after the a in the text, as in a folded line."""
    source = Source("file", "a" + " " * 10 + "b")
    text = Text("ab", source, (0, 1), (0, 11))
    assert text.span(0, 2) == Span(source, 0, 12)
    assert text.span(1, 2) == Span(source, 11, 12)
    assert plain("file", "ab").span(1, 2)[1:] == (1, 2)


def test_repeated_problems_are_dropped_and_at_most_twenty_shown() -> None:
    one = Problem("code", "the rule")
    assert DesignError([one, one]).problems == (one,)
    many = DesignError(Problem("code", str(number)) for number in range(21))
    assert str(many).endswith("\n\n... and 1 more problem")
