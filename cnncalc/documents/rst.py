"""reStructuredText: comments alone on their line, outside of literal blocks, of code and of other comments."""

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
"""Languages that every highlighter of code knows; others are shown as text."""
RAW = {"html": "html", "svg": "html", "latex": "latex"}
"""Formats that docutils passes to a writer of the right kind."""


def comments(text: str) -> Iterator[Comment]:
    """Every comment of one line that could be a marker."""
    opaque = -1  # lines with a larger indent than this are not read
    literal: int | None = None  # the indent of a paragraph that ended in '::', until the block behind it begins
    quoted = ""  # the character that begins every line of a quoted literal block
    paragraph: int | None = None  # the indent of the paragraph that the line before belongs to
    was_blank, is_empty = True, False
    for start, end, _ in lines_of(text):
        line = text[start:end]
        bare = line.strip()
        if not bare:
            if is_empty:  # nothing belongs to a comment that is empty and stands before a blank line
                opaque, is_empty = -1, False
            quoted, was_blank, paragraph = "", True, None
            continue
        is_empty = False
        indent = width(line)
        if quoted and line.lstrip()[0] == quoted:
            continue
        quoted = ""
        if literal is not None and was_blank:
            if indent > literal:
                opaque = literal if opaque < 0 else min(opaque, literal)
            elif indent == literal and PUNCTUATION.match(bare):
                quoted, literal = bare[0], None
                continue
        literal, was_blank = None, False
        if opaque >= 0 and indent > opaque:
            continue
        opaque = -1
        begin = start + len(line) - len(line.lstrip())
        column = indent
        while (item := BULLET.match(text, begin, end)) is not None:
            begin, column = item.end(), column + len(item[0])
        explicit = EXPLICIT.match(text, begin, end)
        inner = explicit.end() if explicit is not None else begin
        if explicit is None or (paragraph == column and not MARKER.match(text[inner:end])):
            literal = column if bare.endswith("::") else None
            paragraph = None if RULE.fullmatch(bare) else column
            continue
        paragraph = None
        directive = DIRECTIVE.match(text, inner, end)
        if directive is not None:
            if directive[1].lower().rpartition(":")[2] in CODE:
                opaque = column
            elif bare.endswith("::") and directive.end() < end:
                literal = column + 3
        elif not NOT_A_COMMENT.match(text, inner, end):
            yield Comment(begin, end, inner, end, re.sub(r"\S", " ", text[start:begin]))
            if not MARKER.match(text[inner:end]):  # what is indented behind a comment belongs to it
                opaque, is_empty = column, inner == end


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
    """Words that reStructuredText shows as they are."""
    return line_of(text)
