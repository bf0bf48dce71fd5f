"""LaTeX: comments on a line of their own, outside of verbatim environments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnncalc.documents.lines import lines_of
from cnncalc.documents.marker import Comment, indented
from cnncalc.formats.latex import escaped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.documents.marker import Answer, Picture

CODE = ("verbatim", "verbatim*", "Verbatim", "Verbatim*", "BVerbatim", "LVerbatim", "SaveVerbatim", "VerbatimOut",
        "lstlisting", "minted", "comment", "alltt", "filecontents", "filecontents*", "tcblisting", "spverbatim",
        "Highlighting")  # fmt: skip
"""Environments with verbatim content."""

PART = re.compile(
    r"\\begin[ \t]*\{(?P<name>[A-Za-z]+\*?)\}|\\(?:verb|lstinline|mintinline\{[^{}]*\})\*?(?P<mark>[^A-Za-z\s*{])"
    r"|\\.|(?P<comment>%+)"
)


def comments(text: str) -> Iterator[Comment]:
    """Every comment; ``before`` is None for one that follows other text on its line."""
    closing = ""  # the end of the open verbatim environment
    for start, end, _ in lines_of(text):
        at = start
        if closing:
            found = text.find(closing, start, end)
            if found < 0:
                continue
            at, closing = found + len(closing), ""
        elif "%" not in (line := text[start:end]) and "\\begin" not in line:
            continue
        while (part := PART.search(text, at, end)) is not None:
            at = part.end()
            if part["comment"]:
                before = text[start : part.start()]
                yield Comment(part.start(), end, at, end, None if before.strip() else before)
                break
            if part["mark"]:
                at = text.find(part["mark"], at, end) + 1 or end
            elif part["name"] in CODE:
                closing = f"\\end{{{part['name']}}}"
                found = text.find(closing, at, end)
                if found < 0:
                    break
                at, closing = found + len(closing), ""


def picture(picture: Picture) -> list[str]:
    """A graphic, with a note that LaTeX needs another format of it."""
    return [
        f"% LaTeX cannot include SVG: convert {picture.path} to PDF or PNG.",
        rf"\includegraphics[width=\linewidth]{{{picture.path.removesuffix('.svg')}}}",
    ]


def markup(answer: Answer, indent: str) -> list[str]:
    """The answer as it is; an indent inside ``verbatim`` would be shown."""
    return answer.lines if r"\begin{verbatim" in answer.text else indented(answer.lines, indent)


def listing(answer: Answer, indent: str) -> list[str]:
    """Verbatim text, whose lines have no indent, since LaTeX would show it."""
    if r"\end{verbatim}" in answer.text:
        raise ValueError(r"\end{verbatim} is not allowed in verbatim text")
    return [rf"{indent}\begin{{verbatim}}", *answer.lines, r"\end{verbatim}"]


def inline(text: str) -> str:
    """A line of words, escaped."""
    return escaped(text)
