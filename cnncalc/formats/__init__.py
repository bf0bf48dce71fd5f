"""One small writer per output format over one model of a document.

A writer is a module with ``write(document, page) -> str``; it is imported when its format is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnncalc.formats.document import Document, Page

FORMATS = {
    "text": "cnncalc.formats.text",
    "rich": "cnncalc.formats.terminal",
    "json": "cnncalc.formats.json",
    "csv": "cnncalc.formats.csv",
    "tsv": "cnncalc.formats.tsv",
    "markdown": "cnncalc.formats.markdown",
    "latex": "cnncalc.formats.latex",
    "html": "cnncalc.formats.html",
    "rst": "cnncalc.formats.rst",
}
"""Every output format by its name, and the module that writes it."""


def write(document: Document, form: str, page: Page | None = None) -> str:
    """A document in one of the formats, ending in a line break.

    ``page`` says what the reader's end can show; without it the text goes to a pipe or a file.
    """
    from importlib import import_module

    from cnncalc.formats.document import PIPE

    text: str = import_module(FORMATS[form]).write(document, PIPE if page is None else page)
    return text if text.endswith("\n") else text + "\n"
