"""Compares a net with the net that its folded text gives when it is parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.errors import CnncalcError
from cnncalc.graph import Draft
from cnncalc.layers.base import WINDOW_KEYS, Layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.graph import Graph, Node
    from cnncalc.volume import Volume


def agrees(graph: Graph, volumes: Sequence[Volume], again: Graph, order: Sequence[int]) -> bool:
    """Whether ``again`` has the nodes of ``graph`` with the same keys, edges, shared weights and flags.

    ``order`` has the index in ``graph`` of each node of ``again``, ``volumes`` are those of ``graph``. Parameters and
    MACs follow from keys and edges, so they are equal too.
    """
    if len(again.nodes) != len(graph.nodes) or len(order) != len(graph.nodes):
        return False
    place = {index: number for number, index in enumerate(order)}
    known: dict[tuple[Layer, Layer, int], bool] = {}
    for index, node in zip(order, again.nodes, strict=True):
        source = graph.nodes[index]
        share = None if source.share is None else place[source.share]
        if (
            node.kind != source.kind
            or node.inputs != tuple([place[one] for one in source.inputs])
            or _flags(node) != _flags(source)
            or node.share != share
        ):
            return False
        layer = _layer(node, volumes, order)
        if layer is None:
            return False
        sides = len(volumes[source.inputs[0]]) - 1 if source.inputs else 0
        assert isinstance(source.layer, Layer)
        key = (layer, source.layer, sides)
        if key not in known:
            known[key] = _are_equal(layer, source.layer, sides)
        if not known[key]:
            return False
    return True


def _flags(node: Node) -> tuple[bool, bool, bool]:
    return node.trainable, node.training_only, node.transposed


def _layer(node: Node, volumes: Sequence[Volume], order: Sequence[int]) -> Layer | None:
    """The layer of a node, whose keys may depend on volumes; None if it is invalid with these volumes."""
    if not isinstance(node.layer, Draft):
        return node.layer
    try:
        return node.layer.resolve(*[volumes[order[entry]] for entry in node.layer.entries])
    except CnncalcError:
        return None


def _are_equal(layer: Layer, other: Layer, sides: int) -> bool:
    """Whether two layers have the same keys on a volume with ``sides`` sides; unwritten keys have their defaults."""
    if layer.written() == other.written():
        return True
    if not sides:
        return False
    layer, other = layer.on(sides), other.on(sides)
    return _others(layer) == _others(other) and layer.window_keys() == other.window_keys()


def _others(layer: Layer) -> dict[str, Any]:
    """The written keys of a layer without those of its window."""
    return {key: value for key, value in layer.written().items() if key not in WINDOW_KEYS}
