"""Drawings as PNG, by the optional library resvg."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from cnncalc.errors import ValueProblem

ZOOM = 2
"""Pixels of the picture per pixel of the drawing, for high-resolution screens and print."""
_PROBE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">'
    '<text y="15" font-family="sans-serif" font-size="15">{}</text></svg>'
)


def png_of(svg: str) -> bytes:
    """The picture in the light palette. Raises ValueProblem if the library or a font is missing."""
    try:
        library = import_module("resvg_py")
    except ImportError:
        raise ValueProblem(
            "PNG needs the library resvg-py, which is not installed",
            code="png-missing",
            hint="pip install 'cnncalc[png]', or write SVG",
        ) from None
    if _picture(library, _PROBE.format("M"), 1) == _picture(library, _PROBE.format(""), 1):
        raise ValueProblem(
            "PNG needs a font, and this system has none",
            code="png-missing",
            hint="install one, such as Liberation Sans or DejaVu Sans, or write SVG",
        )
    return _picture(library, svg, ZOOM)


def _picture(library: Any, svg: str, zoom: int) -> bytes:
    return bytes(library.svg_to_bytes(svg_string=svg, zoom=zoom, sans_serif_family="DejaVu Sans"))
