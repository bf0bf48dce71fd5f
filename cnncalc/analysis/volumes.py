"""From a graph to volumes: every layer settled, every output known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnncalc.analysis.cost import Cost, cost_of
from cnncalc.errors import DesignError, Problem, ShapeError
from cnncalc.graph import Draft

if TYPE_CHECKING:
    from cnncalc.graph import Graph, Node
    from cnncalc.layers.base import Layer
    from cnncalc.volume import Volume


class Shaped(NamedTuple):
    """A node with its layer settled and its cost known."""

    node: Node
    layer: Layer
    inputs: tuple[Volume, ...]
    cost: Cost

    @property
    def output(self) -> Volume:
        """The volume that the layer gives."""
        return self.cost.output


def propagate(graph: Graph) -> tuple[Shaped, ...]:
    """The volume and the cost of every node of a graph, in its order.

    Raises DesignError with one problem for each node that cannot take its volumes; nodes behind such a node are not
    reported, since nothing is known of them.
    """
    shaped: list[Shaped | None] = []
    problems: list[Problem] = []
    known: dict[tuple[Layer, tuple[Volume, ...]], Cost] = {}
    for node in graph.nodes:
        try:
            shaped.append(_shape(node, shaped, known))
        except DesignError as error:
            problems += error.problems
            shaped.append(None)
    if problems:
        raise DesignError(problems)
    return tuple(item for item in shaped if item is not None)


def _shape(
    node: Node, before: list[Shaped | None], known: dict[tuple[Layer, tuple[Volume, ...]], Cost]
) -> Shaped | None:
    sources = [before[index] for index in node.inputs]
    inputs = tuple(source.cost.output for source in sources if source is not None)
    if len(inputs) < len(sources):
        return None
    layer = node.layer
    if isinstance(layer, Draft):
        entries = [before[index] for index in layer.entries]
        volumes = [entry.cost.output for entry in entries if entry is not None]
        if len(volumes) < len(entries):
            return None
        layer = layer.settle(*volumes)
    cost = known.get((layer, inputs))
    if cost is None:
        try:
            cost = cost_of(layer, inputs)
        except ShapeError as error:
            span = node.key_spans.get(error.key or "", node.span)
            raise DesignError([Problem(error.code, f"{node.name}: {error.message}", span)]) from None
        known[layer, inputs] = cost
    if node.stated is not None and node.stated != cost.output:
        message = f"{node.name}: the text states {node.stated}, but {layer.label()} gives {cost.output}"
        if inputs:
            message += " from " + " and ".join(str(volume) for volume in inputs)
        raise DesignError([Problem("volume-mismatch", message, node.stated_span or node.span)])
    if node.share is not None:
        _check_share(node, before[node.share], cost)
    return Shaped(node, layer, inputs, cost)


def _check_share(node: Node, owner: Shaped | None, cost: Cost) -> None:
    if owner is None:
        return
    mine = [(array.name, array.shape) for array in cost.arrays]
    theirs = [(array.name, array.shape) for array in owner.cost.arrays]
    if mine != theirs:
        wanted, found = (
            ", ".join(f"{name} {'x'.join(str(part) for part in shape)}" for name, shape in arrays) or "nothing"
            for arrays in (mine, theirs)
        )
        message = f"{node.name}: shared parameters must have the same shapes, but it needs {wanted}"
        message += f" and {owner.node.name} has {found}"
        raise DesignError([Problem("share-mismatch", message, node.key_spans.get("share", node.span))])
