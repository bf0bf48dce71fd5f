"""AsciiDoc: comments at the very beginning of a line, outside of blocks whose content is shown as it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnncalc.documents.lines import lines_of
from cnncalc.documents.marker import Comment
from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.documents.marker import Answer, Picture

DELIMITER = re.compile(r"(?:-{4,}|\.{4,}|\+{4,}|/{4,}|```)")
FENCE = re.compile(r"```[^`\s]*")
STYLE = re.compile(r"\[(?:(?:source|listing|literal|pass|comment|verse|stem|latexmath|asciimath)[%#.,\]]|, *\w)")
ATTRIBUTES = re.compile(r"\[.*\]")
PREPROCESSED = re.compile(r"\\*(?:include|ifdef|ifndef|ifeval|endif)::")
PLAIN = re.compile(r"(?![0-9A-Za-z]+[.)] )[^\W_](?:[^\W_]|[ ,.%]|-(?!-))*")
VOLUME = re.compile(r"\[[0-9]+(?:x[0-9]+)*\]")
LANGUAGES = {"json": "json", "yaml": "yaml", "latex": "latex", "rst": "rst", "markdown": "markdown", "xml": "xml"}


def comments(text: str) -> Iterator[Comment]:
    """Every comment of one line."""
    closing = ""  # the line that ends the block that is open
    is_styled = False  # the line before says that what follows is shown as it is
    in_paragraph = False  # a paragraph that is shown as it is
    for start, end, _ in lines_of(text):
        line = text[start:end].rstrip()
        if closing:
            if line == closing:
                closing = ""
            continue
        if not line:
            in_paragraph = False
            continue
        if in_paragraph:
            continue
        if DELIMITER.fullmatch(line) or FENCE.fullmatch(line) or (is_styled and line == "--"):
            closing, is_styled = "```" if line.startswith("```") else line, False
        elif ATTRIBUTES.fullmatch(line):
            is_styled = is_styled or bool(STYLE.match(line))
        elif line.startswith("//") and not line.startswith("///"):
            yield Comment(start, end, start + 2, end, "")
        elif not line.startswith("."):  # the title of a block stands between its attributes and itself
            in_paragraph, is_styled = is_styled and not line.startswith(("====", "****", "____", "|===")), False


def picture(picture: Picture) -> list[str]:
    """A block image."""
    words = visible(picture.words).replace('"', "&quot;").replace("]", "&#93;")
    return [f'image::{picture.path}["{words}"]']


def markup(answer: Answer, indent: str) -> list[str]:
    """The answer as it is."""
    return answer.lines


def listing(answer: Answer, indent: str) -> list[str]:
    """CSV and TSV as a table, HTML and SVG as a passthrough block, all else as a listing."""
    if answer.format == "csv":
        return ["[%header,format=csv]", ",===", *answer.lines, ",==="]
    if answer.format == "tsv":
        return ["[%header,format=tsv]", "|===", *answer.lines, "|==="]
    if answer.format in ("html", "svg"):
        return _fenced("+", answer.lines)
    listing = _fenced("-", answer.lines)
    return [f"[source,{LANGUAGES[answer.format]}]", *listing] if answer.format in LANGUAGES else listing


def _fenced(mark: str, lines: list[str]) -> list[str]:
    """Lines between delimiters that none of them is equal to; nothing in them is read before the block is."""
    length = 4
    while mark * length in lines:
        length += 1
    return [mark * length, *["\\" + line if PREPROCESSED.match(line) else line for line in lines], mark * length]


def inline(text: str) -> str:
    """Words that AsciiDoc shows as they are."""
    text = visible(text)
    if PLAIN.fullmatch(text) or VOLUME.fullmatch(text):
        return text
    return "pass:c[" + text.replace("]", "\\]") + "]"
