"""The hook for MkDocs: updates the markers of each page while the site is built; sources are not changed.

Put one line into a file and list it under ``hooks:`` in mkdocs.yml:

    from cnncalc.mkdocs import on_page_markdown
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

from cnncalc.cli.calls import Caller
from cnncalc.cli.document_update import update_document

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

logger = logging.getLogger("mkdocs.hooks.cnncalc")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The text of a page with its markers up to date; an error ends the build."""
    folder = os.path.dirname(page.file.abs_src_path or "") or config.docs_dir
    # MkDocs has removed the front matter; blank lines replace it, so that line numbers in messages are correct
    written = page.file.content_string.replace("\r\n", "\n")
    above = "\n" * written[: max(0, written.find(markdown))].count("\n")
    done = update_document(page.file.src_uri, above + markdown, "markdown", folder, Caller())
    for warning in done.warnings:
        logger.warning(warning)
    if done.errors:
        raise PluginError(done.errors)
    for drawing in done.drawings:
        place = os.path.normpath(os.path.join(os.path.dirname(page.file.src_uri), drawing.path)).replace(os.sep, "/")
        known = files.get_file_from_path(place)
        if known is None:
            files.append(File.generated(config, place, content=drawing.svg))
        else:
            known.content_string = drawing.svg
    return done.update.text[len(above) :]
