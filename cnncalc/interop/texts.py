"""A net as text of the language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.language.writer import as_pattern, as_yaml

if TYPE_CHECKING:
    from cnncalc.graph import Graph
    from cnncalc.interop.exporters import ExportOptions


def yaml_of(graph: Graph, options: ExportOptions) -> str:
    """A net as an architecture file."""
    return as_yaml(graph)


def pattern_of(graph: Graph, options: ExportOptions) -> str:
    """A net as a pattern."""
    return as_pattern(graph)
