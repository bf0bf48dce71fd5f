"""AsciiDoc: comments at the very beginning of a line, outside of blocks whose content is shown as it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnncalc.documents.lines import lines_of
from cnncalc.documents.marker import Comment
from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.documents.marker import Answer

HAS_INLINE = False

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


def block(answer: Answer, indent: str) -> list[str]:
    """CSV and TSV as a table, HTML and SVG passed through, a line of words as such, all else as a listing."""
    if answer.picture is not None:
        return [f'image::{answer.picture.path}["{_attribute(answer.picture.words)}"]']
    if answer.form == "line":
        return [inline(line) for line in answer.lines]
    if answer.form == "csv":
        return ["[%header,format=csv]", ",===", *answer.lines, ",==="]
    if answer.form == "tsv":
        return ["[%header,format=tsv]", "|===", *answer.lines, "|==="]
    if answer.form in ("html", "svg"):
        return _fenced("+", answer.lines)
    listing = _fenced("-", answer.lines)
    return [f"[source,{LANGUAGES[answer.form]}]", *listing] if answer.form in LANGUAGES else listing


def _fenced(mark: str, lines: list[str]) -> list[str]:
    """Lines between delimiters that none of them is equal to; nothing in them is read before the block is."""
    length = 4
    while mark * length in lines:
        length += 1
    return [mark * length, *["\\" + line if PREPROCESSED.match(line) else line for line in lines], mark * length]


def _attribute(text: str) -> str:
    return visible(text).replace('"', "&quot;").replace("]", "&#93;")


def inline(text: str) -> str:
    """Words that AsciiDoc shows as they are."""
    text = visible(text)
    if PLAIN.fullmatch(text) or VOLUME.fullmatch(text):
        return text
    return "pass:c[" + text.replace("]", "\\]") + "]"


def shown(call: str) -> tuple[str, str]:
    """The comments of a marker."""
    return f"// cnncalc: {call}", "// /cnncalc"
