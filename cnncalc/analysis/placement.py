"""Which layers need no memory of their own, and which run at test time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.errors import DesignError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.volumes import Shaped
    from cnncalc.graph import Graph


def in_place_nodes(shaped: Sequence[Shaped], *, activations_in_place: bool = True) -> list[bool]:
    """For each node whether its output lies in memory that another node already has.

    Views, dropout (the identity at test time) and what works in place. An activation function works in place unless
    written otherwise, ADD and MUL only where written; and only where it is the only reader of that memory, the shape
    does not change, and the maker of the memory does not need it for backward.
    """
    readers = [0] * len(shaped)
    for item in shaped:
        for source in item.node.inputs:
            readers[source] += 1
    result: list[bool] = []
    learning: list[bool] = []
    sole: list[bool] = []  # whether the memory that the output lies in has no reader but those of this node
    needed: list[bool] = []  # whether backward needs what lies in that memory
    for node, layer, inputs, cost in shaped:
        first = node.inputs[0] if node.inputs else None
        learns = bool(cost.weights.value + cost.biases.value) and node.trainable
        learning.append(learns or any(learning[source] for source in node.inputs))
        if first is None:
            placed = False
        elif layer.is_view or layer.kind == "dropout":
            placed = True
        else:
            wanted = layer.may_work_in_place()
            if layer.is_activation:
                wanted = activations_in_place and wanted is not False
            placed = bool(
                wanted and readers[first] == 1 and sole[first] and not needed[first] and inputs[0] == cost.output
            )
        result.append(placed)
        if placed and first is not None:
            sole.append(sole[first] and readers[first] == 1)
        else:
            sole.append(True)
        keeps = layer.keeps_output or (placed and layer.kind in ("elu", "lrelu"))
        needs = keeps and first is not None and learning[first]
        passes_on = placed and first is not None and needed[first] and layer.is_view
        needed.append(bool(needs or passes_on))
    return result


def test_time_nodes(graph: Graph) -> list[bool]:
    """For each node whether it runs at test time: not ``training_only``, and not fed by such nodes alone.

    Raises DesignError where a node that runs at test time would lack one of its inputs.
    """
    result: list[bool] = []
    problems = []
    for node in graph.nodes:
        fed = [result[source] for source in node.inputs]
        runs = not node.training_only and (any(fed) or not fed)
        if runs and not all(fed):
            lost = ", ".join(graph.nodes[source].name for source in node.inputs if not result[source])
            message = f"{node.name}: runs at test time, but {lost} runs in training alone"
            problems.append(Problem("training-only", message, node.span))
        result.append(runs)
    if problems:
        raise DesignError(problems)
    return result
