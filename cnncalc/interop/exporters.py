"""The formats in which a net can be written: text of the language, and files and code of other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem
from cnncalc.layers.base import Layer
from cnncalc.records import NamedTuple
from cnncalc.source import visible
from cnncalc.units import listing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from cnncalc.graph import Graph
    from cnncalc.volume import Volume


class ExportOptions(NamedTuple):
    """How a net is written.

    ``flat``: without repeats and blocks. ``weights``: ``none`` (shapes only), ``zeros``, or ``seeded``: then ``arrays``
    holds the arrays of each node. ``in_place`` says which nodes overwrite their input in training (None: those whose
    keys allow it).
    """

    flat: bool = False
    weights: str = "none"
    arrays: Sequence[Mapping[str, Any]] | None = None
    in_place: Sequence[bool] | None = None


class Exporter(NamedTuple):
    """A format in which a net can be written.

    ``function`` of ``module`` takes a graph and ExportOptions and returns text or, if it ``is_binary``, bytes; it
    raises DesignError with every layer that the format cannot express. A file name with one of ``endings`` selects the
    format; its files may also have ``other_endings``. ``has_weights``: the file may contain weights. ``has_flat``: it
    can also be written without repeats and blocks.
    """

    name: str
    endings: tuple[str, ...]
    module: str
    function: str
    is_binary: bool = False
    has_weights: bool = False
    other_endings: tuple[str, ...] = ()
    has_flat: bool = False


EXPORTERS = (
    Exporter("yaml", (".yaml", ".yml"), "cnncalc.interop.texts", "yaml_of", has_flat=True),
    Exporter("onnx", (".onnx",), "cnncalc.interop.onnx_writer", "onnx_bytes", is_binary=True, has_weights=True),
    Exporter("torch", (".py",), "cnncalc.interop.torch_source", "torch_source"),
    Exporter("keras", (), "cnncalc.interop.keras_source", "keras_source", other_endings=(".py",)),
    Exporter("caffe", (".prototxt",), "cnncalc.interop.caffe_writer", "caffe_text"),
    Exporter("tflite", (".tflite",), "cnncalc.interop.tflite_writer", "tflite_bytes", is_binary=True),
    Exporter("pattern", (), "cnncalc.interop.texts", "pattern_of", other_endings=(".txt",), has_flat=True),
)
"""Every format of ``convert --to``; the first one is the default."""


def bound(graph: Graph, index: int, volumes: Sequence[Volume]) -> Layer:
    """The layer of a node, bound to the number of sides of its input; an UNPOOL also to the max pool that it undoes."""
    node = graph.nodes[index]
    layer = node.layer
    assert isinstance(layer, Layer)
    if not node.inputs:
        return layer
    layer = layer.on(len(volumes[node.inputs[0]].sides))
    if layer.takes_places:
        pool = graph.nodes[node.inputs[1]]
        assert isinstance(pool.layer, Layer)
        layer = layer.after(pool.layer, tuple([volumes[source] for source in pool.inputs]))
    return layer


def volumes_of(graph: Graph) -> list[Volume]:
    """The output volume of each node of a net without drafts."""
    volumes: list[Volume] = []
    for index, node in enumerate(graph.nodes):
        layer = bound(graph, index, volumes)
        volumes.append(layer.output(*[volumes[source] for source in node.inputs]))
    return volumes


def require_kinds(graph: Graph, kinds: Collection[str], lack: str) -> None:
    """Raises DesignError for kinds that are not in ``kinds``; ``lack`` begins the message: "ONNX has no operator"."""
    missing: dict[str, list[str]] = {}
    for node in graph.nodes:
        if not node.is_input and node.kind not in kinds:
            missing.setdefault(node.kind, []).append(node.name)
    if missing:
        raise DesignError(
            Problem("no-equal", f"{lack} for {kind.upper()} layers: {listing(names)}")
            for kind, names in missing.items()
        )


def unpooled_of(graph: Graph) -> set[int]:
    """The max pools whose indices an UNPOOL reads."""
    return {node.inputs[1] for node in graph.nodes if isinstance(node.layer, Layer) and node.layer.takes_places}


def changed(*keys: tuple[str, Any, Any]) -> tuple[tuple[str, Any], ...]:
    """The name and value of each key whose value is not the default; ``keys`` are (name, value, default)."""
    return tuple([(name, value) for name, value, default in keys if value != default])


def export(graph: Graph, name: str, options: ExportOptions = ExportOptions()) -> str | bytes:  # noqa: B008 (immutable)
    """A net in a format of :data:`EXPORTERS`. Raises DesignError with every layer that the format cannot express."""
    from importlib import import_module

    exporter = next(each for each in EXPORTERS if each.name == name)
    content: str | bytes = getattr(import_module(exporter.module), exporter.function)(graph, options)
    return content


def heading(graph: Graph) -> str:
    """The title of a net and ``Written by cnncalc from NAME.``, in one line without control characters."""
    title = f"{graph.title}. " if graph.title else ""
    return visible(f"{title}Written by cnncalc from {graph.name}.")
