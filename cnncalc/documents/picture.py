"""Pictures of a document: allowed paths, and descriptions."""

from __future__ import annotations

import html
import re

from cnncalc.errors import ValueProblem

PARTS = (re.compile(r"<desc\b[^>]*>(.*?)</desc>", re.S), re.compile(r"<title\b[^>]*>(.*?)</title>", re.S))


def words_of(svg: str) -> str:
    """The description of a drawing, or else its title."""
    for part in PARTS:
        found = part.search(svg)
        if found is not None and found[1].strip():
            return " ".join(html.unescape(found[1]).split())
    return "drawing"


def check_path(path: str) -> None:
    """Raises ValueProblem unless a path is that of an SVG file below the folder of the document."""
    rule = "a picture of a document is an SVG file below its folder"
    if not path.lower().endswith(".svg"):
        raise ValueProblem(f"{rule}, but '{path[:60]}' does not end in .svg", code="picture")
    if path.startswith(("/", "~")) or re.match("[A-Za-z]:", path) or "\\" in path or ".." in path.split("/"):
        raise ValueProblem(
            f"{rule}, but '{path[:60]}' may be outside of it: write a path relative to that folder", code="picture"
        )
    if not path.isprintable() or any(sign in path for sign in "<>\"'{}[]|%#?"):
        raise ValueProblem(f"{rule}, but '{path[:60]}' holds characters that links do not allow", code="picture")
