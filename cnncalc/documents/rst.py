"""reStructuredText: comments on a line of their own, outside of literal blocks, code and other comments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnncalc.documents.lines import lines_of, width
from cnncalc.documents.marker import Comment, indented
from cnncalc.formats.rst import line_of
from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.documents.marker import Answer, Picture

CODE = ("code", "code-block", "sourcecode", "raw", "literalinclude", "parsed-literal", "highlight", "prompt", "math",
        "testcode", "testoutput", "testsetup", "testcleanup", "doctest", "productionlist", "graphviz", "digraph",
        "graph", "mermaid", "ipython", "jupyter-execute", "code-cell", "csv-table")  # fmt: skip
"""Directives whose content is not read as reStructuredText."""

EXPLICIT = re.compile(r"\.\.(?:[ \t]+|$)")
DIRECTIVE = re.compile(r"(?:\|[^|]*\|[ \t]+)?([A-Za-z0-9](?:[\w.+:-]*[A-Za-z0-9])?)[ \t]?::(?:[ \t]+|$)")
NOT_A_COMMENT = re.compile(r"_|\[|\||__")
MARKER = re.compile(r"cnncalc:(?!:)|/\s*cnncalc\s*$")
BULLET = re.compile(r"(?:[-+*\u2022\u2023\u2043]|\(?(?:[0-9]+|[A-Za-z]|#|[ivxlcdmIVXLCDM]+)[.)])[ \t]+")
PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
RULE = re.compile(r"([!-/:-@\[-`{-~])\1*")
LEXERS = {"json": "json", "yaml": "yaml", "rst": "rst", "markdown": "md", "xml": "xml"}
"""Languages that every code highlighter knows; other formats are shown as text."""
RAW = {"html": "html", "svg": "html", "latex": "latex"}
"""Formats that the directive ``raw`` passes through, and the output format that it names."""


def comments(text: str) -> Iterator[Comment]:
    """Every comment of one line that could be a marker."""
    return _Reader(text).comments()


class _Reader:
    """Reads a document line by line and tracks which lines are literal text, code or the body of a comment."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.opaque = -1
        """Lines with a larger indent are skipped; -1: none are."""
        self.literal: int | None = None
        """The indent of a paragraph that ended in ``::``, until its block begins."""
        self.quote = ""
        """The character at the start of each line of an open quoted literal block."""
        self.paragraph: int | None = None
        """The indent of the paragraph that the line before belongs to."""
        self.is_after_blank = True
        self.is_after_empty_comment = False

    def comments(self) -> Iterator[Comment]:
        for start, end, _ in lines_of(self.text):
            line = self.text[start:end]
            if not line.strip():
                self._read_blank()
            elif not self._is_literal(line):
                yield from self._read(line, start, end)

    def _read_blank(self) -> None:
        if self.is_after_empty_comment:  # an empty comment before a blank line has no body
            self.opaque = -1
        self.is_after_empty_comment, self.is_after_blank = False, True
        self.quote, self.paragraph = "", None

    def _is_literal(self, line: str) -> bool:
        """Whether a line belongs to a literal block, to code or to the body of a comment."""
        self.is_after_empty_comment = False
        indent, first = width(line), line.lstrip()[0]
        if first == self.quote:
            return True
        self.quote = ""
        if self.literal is not None and self.is_after_blank:
            if indent > self.literal:
                self.opaque = self.literal if self.opaque < 0 else min(self.opaque, self.literal)
            elif indent == self.literal and PUNCTUATION.match(first):
                self.quote, self.literal = first, None
                return True
        self.literal, self.is_after_blank = None, False
        if 0 <= self.opaque < indent:
            return True
        self.opaque = -1
        return False

    def _read(self, line: str, start: int, end: int) -> Iterator[Comment]:
        """The comment that a line holds, if any; opens the literal block, directive or comment that it begins."""
        text, bare, column = self.text, line.strip(), width(line)
        begin = start + len(line) - len(line.lstrip())
        while (item := BULLET.match(text, begin, end)) is not None:
            begin, column = item.end(), column + len(item[0])
        explicit = EXPLICIT.match(text, begin, end)
        inner = explicit.end() if explicit is not None else begin
        is_marker = MARKER.match(text[inner:end]) is not None
        if explicit is None or (self.paragraph == column and not is_marker):
            self.literal = column if bare.endswith("::") else None
            self.paragraph = None if RULE.fullmatch(bare) else column
            return
        self.paragraph = None
        directive = DIRECTIVE.match(text, inner, end)
        if directive is not None:
            if directive[1].lower().rpartition(":")[2] in CODE:
                self.opaque = column
            elif bare.endswith("::") and directive.end() < end:
                self.literal = column + 3
        elif not NOT_A_COMMENT.match(text, inner, end):
            yield Comment(begin, end, inner, end, re.sub(r"\S", " ", text[start:begin]))
            if not is_marker:  # indented lines below a comment belong to it
                self.opaque, self.is_after_empty_comment = column, inner == end


def picture(picture: Picture) -> list[str]:
    """The directive ``image``."""
    return [f".. image:: {picture.path}", f"   :alt: {visible(picture.words)}"]


def markup(answer: Answer, indent: str) -> list[str]:
    """The answer as it is."""
    return indented(answer.lines, indent)


def listing(answer: Answer, indent: str) -> list[str]:
    """The directive ``raw`` for HTML, SVG and LaTeX, else ``code-block``."""
    raw = RAW.get(answer.format)
    directive = f".. raw:: {raw}" if raw else f".. code-block:: {LEXERS.get(answer.format, 'text')}"
    return indented([directive, "", *indented(answer.lines, "   ")], indent)


def inline(text: str) -> str:
    """A line of words, escaped."""
    return line_of(text)
