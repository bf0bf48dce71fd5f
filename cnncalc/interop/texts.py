"""Writes a net as an architecture file or a pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.language.folding import flat, flat_pattern, folded, folded_pattern

if TYPE_CHECKING:
    from cnncalc.graph import Graph
    from cnncalc.interop.exporters import ExportOptions


def yaml_of(graph: Graph, options: ExportOptions) -> str:
    """The net as an architecture file; blocks are folded unless ``options.flat``."""
    return flat(graph) if options.flat else folded(graph)


def pattern_of(graph: Graph, options: ExportOptions) -> str:
    """The net as a pattern; blocks are folded unless ``options.flat``."""
    return flat_pattern(graph) if options.flat else folded_pattern(graph)
