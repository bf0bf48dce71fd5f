"""Markers of a document: how they are read and paired, and every error with its position."""

from __future__ import annotations

import pytest

from cnncalc.documents import SYNTAXES, syntax_of
from tests.documents.helpers import COMMANDS, MARKS, problems, scanned


@pytest.mark.parametrize("syntax", MARKS)
def test_a_marker_is_read_with_its_place(syntax: str) -> None:
    begin, end = MARKS[syntax]
    text = f"a\n{begin.format('table x --depth 1')}\nold\n{end}\nb\n"

    found = scanned(text, syntax)

    (marker,) = found.markers
    assert found.problems == ()
    assert marker.call == "table x --depth 1"
    assert marker.words == ("table", "x", "--depth", "1")
    assert (marker.span.line, marker.span.column) == (2, begin.index("{") + 1)
    assert text[marker.start : marker.end] == "old\n"
    assert not marker.is_inline


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("syntax", MARKS)
def test_a_marker_knows_its_line_break(syntax: str, newline: str) -> None:
    begin, end = MARKS[syntax]

    (marker,) = scanned(f"a{newline}{begin.format('table x')}{newline}{end}", syntax).markers

    assert (marker.newline, marker.span.line) == (newline, 2)


def test_words_are_split_as_a_shell_does() -> None:
    (marker,) = scanned("<!-- cnncalc: table \"INPUT -> FC-3\" --set 'a=[1, 2]' b\\ c -->\n<!-- /cnncalc -->").markers

    assert marker.words == ("table", "INPUT -> FC-3", "--set", "a=[1, 2]", "b c")


def test_an_arrow_does_not_end_a_comment() -> None:
    """A pattern holds '->', which two hyphens before it would make the end of the comment."""
    (marker,) = scanned("<!-- cnncalc: table 'INPUT -> FC' -->\n<!-- /cnncalc -->").markers

    assert marker.call == "table 'INPUT -> FC'"


def test_a_marker_may_take_several_lines() -> None:
    text = "<!-- cnncalc: table x\n     --depth 1 -->\nold\n<!-- /cnncalc -->\n"

    (marker,) = scanned(text).markers

    assert marker.words == ("table", "x", "--depth", "1")
    assert text[marker.start : marker.end] == "old\n"


@pytest.mark.parametrize(
    "text",
    [
        "a <!-- cnncalc: value x y -->1<!-- /cnncalc --> b",
        "<!-- cnncalc: value x y -->1<!-- /cnncalc -->",
        "a <!-- cnncalc: value x y -->1<!-- /cnncalc -->",
        "a <!-- cnncalc: value x y -->58.13\nMiB<!-- /cnncalc -->",
        "<!-- cnncalc: value x y -->\n1 <!-- /cnncalc -->",
    ],
)
def test_a_marker_that_shares_its_line_is_inline(text: str) -> None:
    (marker,) = scanned(text).markers

    assert marker.is_inline
    assert text[marker.start : marker.end].strip().startswith(("1", "58.13"))


@pytest.mark.parametrize(
    "text",
    [
        "<!-- a comment -->",
        "<!-- cnncalc is great -->",
        "<!-- concat: a -->",
        "<!-- calc: 1 -->",
        "<!-- /endif -->",
        "<!-- cnncalc:: table -->",
        "<!-- https://example.org/cnncalc -->",
    ],
)
def test_other_comments_are_left_alone(text: str) -> None:
    assert scanned(text).markers == ()
    assert problems(text) == ""


MISTAKES = [
    (
        "a\n\n<!-- cnncalc: table x -->\n",
        "page:3:15: error[unclosed-marker]: this marker is never closed: <!-- /cnncalc --> is missing\n"
        "  |\n"
        "3 | <!-- cnncalc: table x -->\n"
        "  |               ^^^^^^^",
    ),
    (
        "a <!-- /cnncalc -->\n",
        "page:1:3: error[unopened-marker]: this closes a marker, but none is open: one begins with "
        "<!-- cnncalc: CALL -->\n"
        "  |\n"
        "1 | a <!-- /cnncalc -->\n"
        "  |   ^^^^^^^^^^^^^^^^^",
    ),
    (
        "<!-- cnncalc: table x -->\n<!-- cnncalc: table y -->\n<!-- /cnncalc -->\n",
        "page:2:15: error[nested-marker]: a marker begins inside another one: that of line 1 is not closed\n"
        "  |\n"
        "2 | <!-- cnncalc: table y -->\n"
        "  |               ^^^^^^^",
    ),
    (
        "<!-- cnncalc: tabel x -->\n<!-- /cnncalc -->\n",
        "page:1:15: error[unknown-command]: a document cannot call 'tabel'; did you mean 'table'?\n"
        "  |\n"
        "1 | <!-- cnncalc: tabel x -->\n"
        "  |               ^^^^^^^",
    ),
    (
        "<!-- cnncalc: rm -rf x -->\n<!-- /cnncalc -->\n",
        "page:1:15: error[unknown-command]: a document cannot call 'rm'\n"
        "  |\n"
        "1 | <!-- cnncalc: rm -rf x -->\n"
        "  |               ^^^^^^^^\n"
        "  = hint: the commands are table, value, plot, show",
    ),
    (
        "<!-- cnncalc: cnncalc table x -->\n<!-- /cnncalc -->\n",
        "page:1:15: error[unknown-command]: a document cannot call 'cnncalc'\n"
        "  |\n"
        "1 | <!-- cnncalc: cnncalc table x -->\n"
        "  |               ^^^^^^^^^^^^^^^\n"
        "  = hint: leave out the second 'cnncalc'",
    ),
    (
        "<!-- cnncalc: -->\n<!-- /cnncalc -->\n",
        "page:1:1: error[empty-marker]: a marker needs a call: <!-- cnncalc: CALL -->\n"
        "  |\n"
        "1 | <!-- cnncalc: -->\n"
        "  | ^^^^^^^^^^^^^^^^^\n"
        "  = hint: the commands are table, value, plot, show",
    ),
    (
        '<!-- cnncalc: table "x -->\n<!-- /cnncalc -->\n',
        "page:1:15: error[marker-syntax]: the call cannot be split into words: no closing quotation\n"
        "  |\n"
        '1 | <!-- cnncalc: table "x -->\n'
        "  |               ^^^^^^^^",
    ),
    (
        "<!-- cncalc: table x -->\n",
        "page:1:1: error[misspelt-marker]: this looks like a marker, which is written <!-- cnncalc: CALL -->\n"
        "  |\n"
        "1 | <!-- cncalc: table x -->\n"
        "  | ^^^^^^^^^^^^^^^^^^^^^^^^",
    ),
    (
        "<!-- cnncalc : table x -->\n",
        "page:1:1: error[misspelt-marker]: this looks like a marker, which is written <!-- cnncalc: CALL -->\n"
        "  |\n"
        "1 | <!-- cnncalc : table x -->\n"
        "  | ^^^^^^^^^^^^^^^^^^^^^^^^^^",
    ),
    (
        "<!-- cnncalc table x -->\n",
        "page:1:1: error[misspelt-marker]: this looks like a marker, which is written <!-- cnncalc: CALL -->\n"
        "  |\n"
        "1 | <!-- cnncalc table x -->\n"
        "  | ^^^^^^^^^^^^^^^^^^^^^^^^",
    ),
    (
        "<!-- CNNCALC: table x -->\n",
        "page:1:1: error[misspelt-marker]: this looks like a marker, which is written <!-- cnncalc: CALL -->\n"
        "  |\n"
        "1 | <!-- CNNCALC: table x -->\n"
        "  | ^^^^^^^^^^^^^^^^^^^^^^^^^",
    ),
    (
        "<!-- cnn-calc: table x -->\n",
        "page:1:1: error[misspelt-marker]: this looks like a marker, which is written <!-- cnncalc: CALL -->\n"
        "  |\n"
        "1 | <!-- cnn-calc: table x -->\n"
        "  | ^^^^^^^^^^^^^^^^^^^^^^^^^^",
    ),
    (
        "<!-- cnncalc\uff1a table x -->\n",
        "page:1:1: error[misspelt-marker]: this looks like a marker, which is written <!-- cnncalc: CALL -->\n"
        "  |\n"
        "1 | <!-- cnncalc\uff1a table x -->\n"
        "  | ^^^^^^^^^^^^^^^^^^^^^^^^^^",
    ),
    (
        "<!-- / cncalc -->\n",
        "page:1:1: error[misspelt-marker]: this looks like the end of a marker, which is written <!-- /cnncalc -->\n"
        "  |\n"
        "1 | <!-- / cncalc -->\n"
        "  | ^^^^^^^^^^^^^^^^^",
    ),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_mistakes(text: str, message: str) -> None:
    assert problems(text) == message


def test_an_end_marker_without_a_slash_is_reported() -> None:
    assert problems("<!-- cnncalc: table x -->\n1\n<!-- cnncalc -->\n") == (
        "page:1:15: error[unclosed-marker]: this marker is never closed: <!-- /cnncalc --> is missing\n"
        "  |\n"
        "1 | <!-- cnncalc: table x -->\n"
        "  |               ^^^^^^^\n"
        "\n"
        "page:3:1: error[misspelt-marker]: this looks like the end of a marker, which is written <!-- /cnncalc -->\n"
        "  |\n"
        "3 | <!-- cnncalc -->\n"
        "  | ^^^^^^^^^^^^^^^^"
    )
    assert problems("<!-- cnncalc -->\n") == ""


def test_reading_ends_at_1000_mistakes() -> None:
    found = scanned("<!-- cnncalc: table x -->\n<!-- /cnncalc -->\n" + "<!-- /cnncalc -->\n" * 2_000)

    assert (len(found.problems), found.markers) == (1000, ())


def test_all_mistakes_of_a_document_are_reported_in_the_order_of_the_text() -> None:
    text = "".join(text + "\n" for text, _ in MISTAKES[1:6])

    found = scanned(text).problems

    assert [problem.span.line for problem in found if problem.span] == [1, 4, 7, 10, 13]
    assert found == tuple(sorted(found, key=lambda problem: problem.span.start if problem.span else 0))


@pytest.mark.parametrize("syntax", MARKS)
def test_mistakes_name_the_markers_of_their_syntax(syntax: str) -> None:
    begin, end = MARKS[syntax]

    assert f"{end} is missing" in problems(f"{begin.format('table x')}\n", syntax)
    assert f"one begins with {begin.format('CALL')}" in problems(f"{end}\n", syntax)
    assert f"which is written {begin.format('CALL')}" in problems(begin.format("x").replace("cnn", "cn"), syntax)


def test_syntaxes_by_file_endings() -> None:
    assert syntax_of("a/b.MD") == "markdown"
    assert syntax_of("a.tex") == "latex"
    assert syntax_of("a.txt") is None
    assert syntax_of("md") is None
    assert set(SYNTAXES) == set(MARKS)
    assert len(COMMANDS) == len(set(COMMANDS))
