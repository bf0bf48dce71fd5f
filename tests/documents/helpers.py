"""Helpers for the tests of documents: comments in a syntax, and documents filled with given answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.documents import SYNTAXES
from cnncalc.documents.scan import Scan, scan
from cnncalc.documents.update import Update, body_of, update

if TYPE_CHECKING:
    from cnncalc.documents.marker import Answer

COMMANDS = ("table", "value", "plot", "show")
MARKS = {
    "markdown": ("<!-- cnncalc: {} -->", "<!-- /cnncalc -->"),
    "html": ("<!-- cnncalc: {} -->", "<!-- /cnncalc -->"),
    "rst": (".. cnncalc: {}", ".. /cnncalc"),
    "latex": ("% cnncalc: {}", "% /cnncalc"),
    "asciidoc": ("// cnncalc: {}", "// /cnncalc"),
}
"""The comments of a marker in every syntax."""

JUNK = (
    "text", "a `b` c", "", "", "# h", "> q", "- e", "  - e", "    code", "\tcode", "```", "~~~", "::", "a::",
    ".. note::", ".. x", ".. code::", "   .. y",
    "\\begin{verbatim}", "\\end{verbatim}", "% c", "50\\%", "----", "....", "////",
    "[source]", "// c", "====", "<div>", "</div>", "<script>", "</script>", "<!-- c -->", "| a | b |", "|---|---|",
    "\u65e5\u672c\u8a9e", "\u2028\x0b\x1c", "\x85", "e\u0301", "\u202e", "1. x", "---", "===", "`", "\\", "<",
    "-->", "<!--",
)  # fmt: skip
"""Lines of documents that are no markers, among them such that begin or end code in a syntax."""

HARD_DOCUMENTS = {
    "quotations": ">",
    "entries": "- ",
    "signs": "<",
    "comments": "<!--",
    "runs": "`a``b",
    "markers": "<!-- cnncalc: table x -->\n1\n<!-- /cnncalc -->\n",
}
"""Texts that are slow to read where a scanner is not linear."""


def hard_document(what: str, size: int) -> str:
    """About ``size`` characters of one of them."""
    return HARD_DOCUMENTS[what] * (size // len(HARD_DOCUMENTS[what]))


def live(text: str, syntax: str) -> list[str]:
    """The texts of the comments outside of code."""
    return [text[found.inner_start : found.inner_end].strip() for found in SYNTAXES[syntax].load().comments(text)]


def scanned(text: str, syntax: str = "markdown") -> Scan:
    """The markers of a document called ``page``."""
    return scan("page", text, syntax, COMMANDS)


def calls(text: str, syntax: str = "markdown") -> list[str]:
    """The calls of a document without mistakes."""
    found = scanned(text, syntax)
    assert found.problems == ()
    return [marker.call for marker in found.markers]


def problems(text: str, syntax: str = "markdown") -> str:
    """All problems of the markers of a document."""
    return "\n\n".join(str(problem) for problem in scanned(text, syntax).problems)


def filled(text: str, answer: Answer, syntax: str = "markdown") -> Update:
    """The document with one answer in all of its markers."""
    found = scanned(text, syntax)
    assert found.problems == ()
    bodies = [body_of(marker, answer, SYNTAXES[syntax]) for marker in found.markers]
    return update(text, found, bodies, syntax, COMMANDS)
