"""Documents with markers, which are filled with the output of calls of cnncalc. Works on strings; no file access."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cnncalc.formats import FORMATS
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.documents.marker import Answer, Comment, Picture

MAX_BYTES = 16 * 1024 * 1024
"""The most bytes of a document; a larger one is neither read nor written."""


class SyntaxModule(Protocol):
    """How documents of one syntax are read and written."""

    def comments(self, text: str) -> Iterator[Comment]:
        """The comments that may be markers, in the order of the text, without those in code."""

    def picture(self, picture: Picture) -> list[str]:
        """The lines that show a picture."""

    def markup(self, answer: Answer, indent: str) -> list[str]:
        """The indented lines of an answer that is markup in this syntax."""

    def listing(self, answer: Answer, indent: str) -> list[str]:
        """The indented lines that show any other answer, usually as code; ValueError where that is impossible."""

    def inline(self, text: str) -> str:
        """A line of plain words, escaped."""


class Syntax(NamedTuple):
    """A document syntax.

    ``title`` is its name in sentences, ``endings`` those of its files, ``module`` a :class:`SyntaxModule`. ``comment``
    is a comment of one line. ``has_inline``: comments may be within a line. ``is_spaced``: blank lines
    surround the body of a marker.
    """

    name: str
    title: str
    module: str
    endings: tuple[str, ...]
    comment: str = "<!-- {} -->"
    has_inline: bool = False
    is_spaced: bool = False

    def load(self) -> SyntaxModule:
        """Imports the module."""
        from importlib import import_module

        module: SyntaxModule = import_module(self.module)
        return module

    def marker(self, call: str = "CALL") -> tuple[str, str]:
        """The two comments around the body of a call."""
        return self.comment.format(f"cnncalc: {call}"), self.comment.format("/cnncalc")

    def block(self, answer: Answer, indent: str) -> list[str]:
        """An answer as whole lines; ValueError where it cannot be written in this syntax."""
        from cnncalc.documents.marker import indented

        module = self.load()
        if answer.picture is not None:
            lines = indented(module.picture(answer.picture), indent)
        elif answer.format == "line":
            lines = indented([module.inline(line) for line in answer.lines], indent)
        elif self.name in FORMATS[answer.format].markup_in:
            lines = module.markup(answer, indent)
        else:
            lines = module.listing(answer, indent)
        return ["", *lines, ""] if self.is_spaced else lines


_SYNTAXES = (
    Syntax("markdown", "Markdown", "cnncalc.documents.markdown", FORMATS["markdown"].endings, has_inline=True),
    Syntax("html", "HTML", "cnncalc.documents.html", FORMATS["html"].endings, has_inline=True),
    Syntax("rst", "reStructuredText", "cnncalc.documents.rst", FORMATS["rst"].endings, ".. {}", is_spaced=True),
    Syntax("latex", "LaTeX", "cnncalc.documents.latex", FORMATS["latex"].endings, "% {}"),
    Syntax("asciidoc", "AsciiDoc", "cnncalc.documents.asciidoc", ("adoc", "asciidoc", "asc"), "// {}"),
)

SYNTAXES = {each.name: each for each in _SYNTAXES}
"""Every document syntax by its name."""


def syntax_of(name: str) -> str | None:
    """The syntax of a file by the ending of its name; None if it is not known."""
    ending = name.lower().rpartition(".")[2] if "." in name else ""
    return next((each.name for each in SYNTAXES.values() if ending in each.endings), None)
