"""The forms in which a net is written: text of the language, and the files and code of other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from cnncalc.graph import Graph


class ExportOptions(NamedTuple):
    """How a net is written. ``weights``: ``none`` (shapes alone), ``zeros``, or ``seeded`` random numbers."""

    flat: bool = False
    weights: str = "none"


class Exporter(NamedTuple):
    """A form of a net.

    ``function`` of ``module`` takes a graph and ExportOptions and returns text or, if it ``is_binary``, bytes; it
    raises DesignError with every layer that the form cannot hold. ``endings`` are those of its files.
    """

    name: str
    endings: tuple[str, ...]
    module: str
    function: str
    is_binary: bool = False
    has_weights: bool = False


EXPORTERS = (
    Exporter("yaml", (".yaml", ".yml"), "cnncalc.interop.texts", "yaml_of"),
    Exporter("pattern", (), "cnncalc.interop.texts", "pattern_of"),
)
"""Every form that ``convert --to`` writes; the first one is the default."""


def export(graph: Graph, name: str, options: ExportOptions = ExportOptions()) -> str | bytes:  # noqa: B008 (immutable)
    """A net in a form of :data:`EXPORTERS`. Raises DesignError with every layer that the form cannot hold."""
    from importlib import import_module

    exporter = next(each for each in EXPORTERS if each.name == name)
    content: str | bytes = getattr(import_module(exporter.module), exporter.function)(graph, options)
    return content
