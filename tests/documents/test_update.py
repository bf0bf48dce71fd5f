"""Updating documents: only bodies change, a second update changes nothing, and the diff lists the changes."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncalc.documents import SYNTAXES
from cnncalc.documents.difference import unified_diff
from cnncalc.documents.marker import Answer
from cnncalc.documents.picture import check_path, words_of
from cnncalc.documents.update import OutputRejected, body_of, update
from cnncalc.errors import ValueProblem
from tests.documents.helpers import COMMANDS, HARD_DOCUMENTS, JUNK, MARKS, filled, hard_document, scanned
from tests.random_nets import examples
from tests.subcases import each

ANSWERS = (
    Answer("a\n\n  b | c_d & <e> % $\n"),
    Answer("138.4M\n", "line"),
    Answer("*x* _y_ \\z `q` #1 <b> & [w] {v} ~ ^ $\n", "line"),
    Answer("a,b\n1,2\n", "csv"),
    Answer("a\tb\n1\t2\n", "tsv"),
    Answer('{\n  "a": [1]\n}\n', "json"),
    Answer("| a |\n| --- |\n| 1 |\n", "markdown"),
    Answer("<table>\n<tr><td>1</td></tr>\n</table>\n", "html"),
    Answer("==\na\n==\n\n- b\n", "rst"),
    Answer("\\begin{tabular}{l}\na \\\\\n\\end{tabular}\n", "latex"),
    Answer("```\n~~~\n----\n....\n++++\n::\n"),
    Answer("", "text"),
)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, str]:
    """A syntax, and a document in it with markers and other text, with one or several kinds of line breaks."""
    syntax = draw(st.sampled_from(sorted(MARKS)))
    begin, end = MARKS[syntax]
    lines: list[str] = []
    for piece in draw(st.lists(st.one_of(st.sampled_from(JUNK), st.integers(0, 3)), max_size=14)):
        indent = draw(st.sampled_from(["", "", "", "  ", "> ", "\t"]))
        if isinstance(piece, str):
            lines.append(piece)
        elif piece < 3:
            body = [indent + line for line in ("old", "", "1 < 2")[:piece]]
            lines += [indent + begin.format("table x"), *body, indent + end, ""]
        elif syntax in ("markdown", "html"):
            lines.append(f"a {begin.format('value x y')}1{end} and {begin.format('value x z')}{end}.")
    newlines = draw(st.sampled_from([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n", "\r"]]))
    text = "".join(line + draw(st.sampled_from(newlines)) for line in lines)
    return syntax, text if draw(st.booleans()) else text.rstrip("\r\n")


@pytest.mark.slow
@examples(100)
@given(documents(), st.data())
def test_an_update_is_idempotent_and_changes_only_bodies(document: tuple[str, str], data: st.DataObject) -> None:
    """Text outside of bodies is unchanged, and a second update changes nothing."""
    syntax, text = document
    found = scanned(text, syntax)
    bodies = []
    for marker in found.markers:
        answers = [answer for answer in ANSWERS if not marker.is_inline or len(answer.lines) <= 1]
        bodies.append(body_of(marker, data.draw(st.sampled_from(answers)), SYNTAXES[syntax]))

    done = update(text, found, bodies, syntax, COMMANDS)

    assert done.problem is None or done.text == text
    if done.problem is not None:
        return
    again = scanned(done.text, syntax)
    assert [marker.call for marker in again.markers] == [marker.call for marker in found.markers]
    assert outside(done.text, again.markers) == outside(text, found.markers)
    assert [done.text[marker.start : marker.end] for marker in again.markers] == bodies
    assert again.problems == () or found.problems
    once_more = update(done.text, again, bodies, syntax, COMMANDS)
    assert (once_more.text, once_more.changes) == (done.text, ())


def outside(text: str, markers: tuple[object, ...]) -> list[str]:
    """The parts of a document outside of its bodies."""
    ends = [0, *[marker.end for marker in markers]]  # type: ignore[attr-defined]  # markers
    starts = [*[marker.start for marker in markers], len(text)]  # type: ignore[attr-defined]  # markers
    return [text[end:start] for end, start in zip(ends, starts, strict=True)]


@each("syntax,answer", product(MARKS, ANSWERS))
def test_every_answer_can_be_inserted_in_every_syntax(syntax: str, answer: Answer) -> None:
    begin, end = MARKS[syntax]

    done = filled(f"a\n\n{begin.format('table x')}\n{end}\n\nb\n", answer, syntax)

    assert done.problem is None
    assert done.text.startswith(f"a\n\n{begin.format('table x')}\n")
    assert done.text.endswith(f"{end}\n\nb\n")
    assert done.text.count("\n") >= 6 + len(answer.lines)


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_a_body_uses_the_line_break_of_its_marker(newline: str) -> None:
    text = newline.join(["a", "<!-- cnncalc: table x -->", "<!-- /cnncalc -->"])

    done = filled(text, Answer("1\n2\n"))

    assert done.text == newline.join(
        ["a", "<!-- cnncalc: table x -->", "```text", "1", "2", "```", "<!-- /cnncalc -->"]
    )


@pytest.mark.parametrize(
    ("syntax", "answer"),
    [
        ("markdown", Answer("<!-- /cnncalc -->\n", "markdown")),
        ("markdown", Answer("<!-- cnncalc: table y -->\n<!-- /cnncalc -->\n", "html")),
        ("markdown", Answer("```\n", "markdown")),
        ("markdown", Answer("<script>\n", "html")),
        ("html", Answer("<!--\n", "html")),
        ("rst", Answer("a\n\n.. /cnncalc\n", "rst")),
        ("rst", Answer("a::\n", "rst")),
        ("latex", Answer("\\begin{verbatim}\n", "latex")),
        ("latex", Answer("% /cnncalc\n", "latex")),
    ],
)
def test_output_that_would_change_the_markers_is_refused(syntax: str, answer: Answer) -> None:
    begin, end = MARKS[syntax]
    text = f"{begin.format('table x')}\n{end}\n"

    done = filled(text, answer, syntax)

    assert done.text == text
    assert done.changes == ()
    assert str(done.problem).startswith(
        f"page:1:{begin.index('{') + 1}: error[unfit-output]: the output of this call contains text "
        f"that would hide markers of the document\n"
    )


@pytest.mark.parametrize("syntax", MARKS)
def test_a_marker_shown_as_text_is_not_a_marker(syntax: str) -> None:
    begin, end = MARKS[syntax]

    done = filled(
        f"{begin.format('table x')}\n{end}\n", Answer(f"{begin.format('table y')}\n{end}\n<!-- /cnncalc -->\n"), syntax
    )

    assert done.problem is None
    assert len(scanned(done.text, syntax).markers) == 1


def test_an_inline_marker_takes_one_line_only() -> None:
    (marker,) = scanned("a <!-- cnncalc: table x --><!-- /cnncalc -->").markers

    with pytest.raises(OutputRejected) as error:
        body_of(marker, Answer("1\n2\n"), SYNTAXES["markdown"])

    assert str(error.value) == (
        "only one line fits within a line, but this call prints 2: put its markers on lines of their own"
    )


def test_verbatim_text_with_its_own_end_is_refused() -> None:
    (marker,) = scanned("% cnncalc: table x\n% /cnncalc\n", "latex").markers

    with pytest.raises(OutputRejected, match=re.escape(r"\end{verbatim} is not allowed in verbatim text")):
        body_of(marker, Answer("\\end{verbatim}\n"), SYNTAXES["latex"])


# The diff


def test_a_diff_shows_what_changes_with_its_lines() -> None:
    text = "1\n2\n3\n4\n<!-- cnncalc: table x -->\n```text\na\nold\n```\n<!-- /cnncalc -->\n5\n6\n7\n8\n"
    done = filled(text, Answer("a\nb\n"))

    assert unified_diff("page.md", text, done) == (
        "--- page.md\n"
        "+++ page.md (up to date)\n"
        "@@ -5,7 +5,7 @@\n"
        " <!-- cnncalc: table x -->\n"
        " ```text\n"
        " a\n"
        "-old\n"
        "+b\n"
        " ```\n"
        " <!-- /cnncalc -->\n"
        " 5\n"
    )


def test_a_diff_of_several_numbers_in_a_line_without_an_end() -> None:
    text = "a <!-- cnncalc: value x y -->1<!-- /cnncalc --> b <!-- cnncalc: value x y -->2<!-- /cnncalc -->\x1b"
    done = filled(text, Answer("3\n", "line"))

    assert unified_diff("a\x1b.md", text, done) == (
        "--- a\\x1b.md\n"
        "+++ a\\x1b.md (up to date)\n"
        "@@ -1 +1 @@\n"
        "-a <!-- cnncalc: value x y -->1<!-- /cnncalc --> b <!-- cnncalc: value x y -->2<!-- /cnncalc -->\\x1b\n"
        "\\ No newline at end of file\n"
        "+a <!-- cnncalc: value x y -->3<!-- /cnncalc --> b <!-- cnncalc: value x y -->3<!-- /cnncalc -->\\x1b\n"
        "\\ No newline at end of file\n"
    )


def test_without_a_change_the_diff_is_empty() -> None:
    text = "<!-- cnncalc: table x -->\n```text\na\n```\n<!-- /cnncalc -->\n"
    done = filled(text, Answer("a\n"))

    assert (done.changes, unified_diff("x", text, done)) == ((), "")


PRINTABLE = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=9)


def patched(text: str, diff: str) -> str:
    """The text with a unified diff applied; the removed and context lines of the diff are in the text."""
    old = text.splitlines(keepends=True)
    new: list[str] = []
    at = 0
    for hunk in re.split(r"^@@ -", diff, flags=re.MULTILINE)[1:]:
        head, *lines = hunk.split("\n")[:-1]
        start, _, count = head.partition(" ")[0].partition(",")
        first = int(start) - (count != "0")
        new += old[at:first]
        at = first
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            content = line[1:] + ("" if following.startswith("\\") else "\n")
            if line.startswith((" ", "-")):
                assert old[at] == content
                at += 1
            if line.startswith((" ", "+")):
                new.append(content)
    return "".join(new + old[at:])


@examples(60)
@given(st.lists(st.one_of(PRINTABLE, st.none()), max_size=30), st.lists(PRINTABLE, max_size=8), st.booleans())
def test_a_diff_applied_to_the_old_text_gives_the_new_one(
    lines: list[str | None], answer: list[str], has_end: bool
) -> None:
    parts = [f"<!-- cnncalc: table x -->\n{n}\nold\n<!-- /cnncalc -->" if x is None else x for n, x in enumerate(lines)]
    text = "\n".join(parts) + "\n" * has_end
    if scanned(text).problems:
        return

    done = filled(text, Answer("".join(line + "\n" for line in answer)))

    assert patched(text, unified_diff("page.md", text, done)) == done.text


# Pictures


def test_a_drawing_is_described_by_its_desc_element() -> None:
    assert words_of("<svg><title>A</title><desc id='d'>B &amp;\n c</desc></svg>") == "B & c"
    assert words_of("<svg><title>A</title><desc></desc></svg>") == "A"
    assert words_of("<svg/>") == "drawing"


@pytest.mark.parametrize("path", ["a.svg", "pictures/vgg16.svg", "a/b/c d.SVG", "\u56f3.svg"])
def test_a_picture_below_its_document_is_accepted(path: str) -> None:
    check_path(path)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a.png", "does not end in .svg"),
        ("/a.svg", "may be outside of it: write a path relative to that folder"),
        ("../a.svg", "may be outside of it: write a path relative to that folder"),
        ("a/../../b.svg", "may be outside of it: write a path relative to that folder"),
        ("C:/a.svg", "may be outside of it: write a path relative to that folder"),
        ("a\\b.svg", "may be outside of it: write a path relative to that folder"),
        ("~/a.svg", "may be outside of it: write a path relative to that folder"),
        ("a<b>.svg", "holds characters that links do not allow"),
        ("a\nb.svg", "holds characters that links do not allow"),
    ],
)
def test_a_picture_elsewhere_is_refused(path: str, why: str) -> None:
    with pytest.raises(ValueProblem) as error:
        check_path(path)

    assert str(error.value) == f"a picture of a document is an SVG file below its folder, but '{path}' {why}"


@pytest.mark.parametrize("what", HARD_DOCUMENTS)
def test_a_document_of_one_repeated_construct_is_read_in_linear_time(what: str) -> None:
    """The time for a megabyte is measured by ``python -m benchmarks.worst_case``."""
    found = scanned(hard_document(what, 5_000))

    assert bool(found.markers) == (what == "markers")
