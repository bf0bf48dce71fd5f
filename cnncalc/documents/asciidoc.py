"""AsciiDoc: comments at the start of a line, outside of blocks with verbatim content."""

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
    blocks = _Blocks()
    for start, end, _ in lines_of(text):
        line = text[start:end].rstrip()
        if blocks.is_verbatim(line):
            continue
        if line.startswith("//") and not line.startswith("///"):
            yield Comment(start, end, start + 2, end, "")
        else:
            blocks.read(line)


class _Blocks:
    """Tracks which lines are verbatim content."""

    def __init__(self) -> None:
        self.closing = ""
        """The line that ends the open block."""
        self.is_styled = False
        """The attributes above say that the next block is verbatim."""
        self.in_paragraph = False
        """A verbatim paragraph is open."""

    def is_verbatim(self, line: str) -> bool:
        """Whether a line is content of a verbatim block or paragraph, or ends it."""
        if self.closing:
            if line == self.closing:
                self.closing = ""
            return True
        if not line:
            self.in_paragraph = False
        return self.in_paragraph

    def read(self, line: str) -> None:
        """Reads a line that is neither verbatim nor a comment."""
        if DELIMITER.fullmatch(line) or FENCE.fullmatch(line) or (self.is_styled and line == "--"):
            self.closing, self.is_styled = "```" if line.startswith("```") else line, False
        elif ATTRIBUTES.fullmatch(line):
            self.is_styled = self.is_styled or bool(STYLE.match(line))
        elif line and not line.startswith("."):  # the title of a block follows its attributes
            self.in_paragraph = self.is_styled and not line.startswith(("====", "****", "____", "|==="))
            self.is_styled = False


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
    """Lines between delimiters that differ from all of them; preprocessor directives in them are escaped."""
    length = 4
    while mark * length in lines:
        length += 1
    return [mark * length, *["\\" + line if PREPROCESSED.match(line) else line for line in lines], mark * length]


def inline(text: str) -> str:
    """A line of words, escaped."""
    text = visible(text)
    if PLAIN.fullmatch(text) or VOLUME.fullmatch(text):
        return text
    return "pass:c[" + text.replace("]", "\\]") + "]"
