"""Output formats: one record each, and one small writer module each. Every list of formats comes from here."""

from __future__ import annotations

from cnncalc.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cnncalc.formats.document import Document, Page


class Format(NamedTuple):
    """An output format.

    ``writer`` is the module with ``write(document, page)``, which writes documents; ``check_writer`` the module with
    ``write(result)``, which writes the result of ``check``. Modules are imported when first used. ``endings`` are the
    file endings, the default first. ``markup_in`` are the document syntaxes in which the output is markup; other
    syntaxes show it as a listing unless they have a rule for it. ``is_exact``: it is for programs: numbers are
    integers, tables have all columns. ``is_ascii``: bars are drawn in ASCII. ``is_picture``: only ``plot`` writes it.
    ``needs_terminal``: it has colours and boxes.
    """

    name: str
    writer: str = ""
    check_writer: str = ""
    endings: tuple[str, ...] = ()
    markup_in: tuple[str, ...] = ()
    is_exact: bool = False
    is_ascii: bool = False
    is_picture: bool = False
    needs_terminal: bool = False


_FORMATS = (
    Format("text", "cnncalc.formats.text", "cnncalc.formats.check.plain", ("txt",)),
    Format("rich", "cnncalc.formats.terminal", needs_terminal=True),
    Format(
        "markdown", "cnncalc.formats.markdown", "cnncalc.formats.check.markdown",
        ("md", "markdown", "mdown", "mkd"), ("markdown",),
    ),
    Format("latex", "cnncalc.formats.latex", endings=("tex", "ltx"), markup_in=("latex",), is_ascii=True),
    Format("html", "cnncalc.formats.html", endings=("html", "htm", "xhtml"), markup_in=("html", "markdown")),
    Format("rst", "cnncalc.formats.rst", endings=("rst",), markup_in=("rst",)),
    Format("csv", "cnncalc.formats.csv", endings=("csv",), is_exact=True),
    Format("tsv", "cnncalc.formats.tsv", endings=("tsv",), is_exact=True),
    Format("json", "cnncalc.formats.json", "cnncalc.formats.check.json", ("json",), is_exact=True),
    Format("github", check_writer="cnncalc.formats.check.github"),
    Format("gitlab", check_writer="cnncalc.formats.check.gitlab", endings=("json",)),
    Format("sarif", check_writer="cnncalc.formats.check.sarif", endings=("sarif", "json")),
    Format("rdjson", check_writer="cnncalc.formats.check.rdjson", endings=("rdjson", "json")),
    Format("junit", check_writer="cnncalc.formats.check.junit", endings=("xml",)),
    Format("yaml", endings=("yaml", "yml")),
    Format("line"),  # one line of text, to be embedded in a sentence
    Format("svg", endings=("svg",), markup_in=("html", "markdown"), is_picture=True),
    Format("png", endings=("png",), is_picture=True),
)  # fmt: skip

FORMATS = {each.name: each for each in _FORMATS}
"""Every output format by its name."""

PLAIN_ENDINGS = ("", "txt", "text", "log", "out")
"""Endings of files that may hold any text; the empty one stands for a name without an ending."""

FOREIGN_ENDINGS = ("jpg", "jpeg", "gif", "webp", "pdf", "ps", "eps", "docx", "odt", "xls", "xlsx", "ods")
"""File endings of formats that cnncalc does not write and that are not plain text; ``--output`` refuses them."""


MADE_FROM_SVG = ("pdf", "ps", "eps")
"""The endings among them that ``rsvg-convert -f ENDING`` of librsvg makes from an SVG file."""


def is_exact(format: str | None) -> bool:
    """Whether a format is for programs; None stands for the default format, which is not."""
    return format is not None and FORMATS[format].is_exact


def format_of_ending(ending: str) -> Format | None:
    """The format of files with this ending, or None."""
    return next((each for each in FORMATS.values() if ending in each.endings), None)


def write(document: Document, format: str, page: Page | None = None) -> str:
    """A document in one of the formats, ending in a line break.

    ``page`` says what the terminal can show; None: the text is for a pipe or a file.
    """
    from cnncalc.formats.document import PIPE

    writer = __import__(FORMATS[format].writer, fromlist=("write",))  # importlib would be one more module
    text: str = writer.write(document, PIPE if page is None else page)
    return text if text.endswith("\n") else text + "\n"
