"""A net as text of the language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.language.folding import flat, flat_pattern, folded, folded_pattern

if TYPE_CHECKING:
    from cnncalc.graph import Graph
    from cnncalc.interop.exporters import ExportOptions


def yaml_of(graph: Graph, options: ExportOptions) -> str:
    """A net as an architecture file."""
    return flat(graph) if options.flat else folded(graph)


def pattern_of(graph: Graph, options: ExportOptions) -> str:
    """A net as a pattern."""
    return flat_pattern(graph) if options.flat else folded_pattern(graph)
