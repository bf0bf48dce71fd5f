"""Markdown, read back by an independent parser: the cells are unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cnncalc.formats import write
from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table
from cnncalc.source import visible
from tests.random_nets import examples

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
NASTY = [
    "a|b", "`x`", "**bold**", "_a_b_", "[a](b)", "![a](b)", "<b>", "<!-- x -->", "a\\|b", "\\", "&lt;", "~~x~~", "# x",
    "- x", "+ x", "1. x", "1) x", "> x", "---", "===", "$a$", "x\ny", "[CONV3-64 -> RELU]*2", "a -> b", "relu6_1", "",
    "https://example.org", "\u5168\u89d2", "12345. x",
]  # fmt: skip


def document(*texts: str, heading: str = "a net") -> Document:
    """A document with the texts in every place for text."""
    table = Table((Column("a", "what"), Column("b", "count", True)), tuple((Cell(t, t), Cell("1", 1)) for t in texts))
    paragraphs = (Paragraph("word", texts), Paragraph("", texts))
    return Document((heading, *texts), table, paragraphs, dict)


def texts_of(text: str) -> dict[str, list[str]]:
    """The texts of headings, cells, list items and other lines; bold words are skipped."""
    found: dict[str, list[str]] = {"heading": [], "cell": [], "entry": [], "line": []}
    place = []
    for token in PARSER.parse(text):
        if token.nesting == 1:
            place.append(token.type)
        elif token.nesting == -1:
            place.pop()
        elif token.type == "inline":
            children = token.children or []
            plain = "".join(child.content for child in children if child.type == "text")
            marks = {child.type for child in children} - {"text", "strong_open", "strong_close"}
            assert not marks, (token.content, marks)
            inside = place[-1]
            where = (
                "heading" if inside == "heading_open"
                else "cell" if inside in ("td_open", "th_open")
                else "entry" if "list_item_open" in place
                else "line"
            )  # fmt: skip
            found[where].append(plain)
        else:
            raise AssertionError(f"{token.type} is no part of a document: {token.content!r}")
    return found


@pytest.mark.parametrize("text", NASTY)
def test_special_characters_are_shown_as_they_are(text: str) -> None:
    found = texts_of(write(document(text, "one", "two", heading=text or "x"), "markdown"))

    shown = visible(text).strip()
    assert found["cell"][2] == shown
    assert found["heading"] == [shown or "x"]
    assert found["line"] == [line for line in (shown, "one", "two", "word") if line]
    assert found["entry"] == [line for line in (shown, "one", "two") if line] * 2


@examples(150)
@given(st.text("ab1 |\\`*_[]()<>#+-.!~$&;:\"'=", max_size=12))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    found = texts_of(write(document(text, "one", "two"), "markdown"))

    assert found["cell"][2] == text.strip()
    assert found["entry"][0] == (text.strip() or "one")


def test_numbers_are_right_aligned() -> None:
    assert write(document("x"), "markdown") == (
        "### a net\n\nx\n\n| what | count |\n| --- | ---: |\n| x | 1 |\n\n**word:** x\n\n- x\n"
    )
