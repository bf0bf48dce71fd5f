"""Which layers work in the memory of their input, and which run at test time."""

from __future__ import annotations

from cnncalc.errors import DesignError, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.volumes import Shaped
    from cnncalc.graph import Graph
    from cnncalc.layers.base import Layer


class Placement:
    """Decides, node by node in order, whether an output has the memory of the node's first input.

    Outputs of views and of dropout (the identity at test time) do. Those of activation functions do unless the design
    says no, those of ADD and MUL only if it says yes, and only if the node is the only reader of that memory and keeps
    the shape. ``readers`` has the number of readers of each node. ``activations`` overrides the design for activation
    functions: True for all of them, False for none.
    """

    def __init__(self, readers: Sequence[int], *, activations: bool | None = None) -> None:
        self._readers = readers
        self._activations = activations
        self._is_sole = [False] * len(readers)  # whether only readers of this node read the memory of its output

    def is_only_reader(self, source: int) -> bool:
        """Whether the memory of a node's output has a single reader; readers of views of it count too."""
        return self._readers[source] == 1 and self._is_sole[source]

    def in_place(
        self,
        index: int,
        layer: Layer,
        sources: Sequence[int],
        *,
        same_shape: bool = False,
        is_needed: bool = False,
        may_be_view: bool = False,
    ) -> bool:
        """Whether the output of a node has the memory of its first input.

        ``same_shape``: the volume is that of the first input; ``is_needed``: backward needs the content of that memory;
        ``may_be_view``: a framework may give a view of it.
        """
        if not sources:
            self._is_sole[index] = True
            return False
        is_only_reader = self.is_only_reader(sources[0])
        placed = layer.is_view_at_test_time or (
            is_only_reader and same_shape and not is_needed and self._is_requested(layer)
        )
        self._is_sole[index] = is_only_reader or not (placed or may_be_view)
        return placed

    def _is_requested(self, layer: Layer) -> bool:
        wanted = layer.may_work_in_place()
        if not layer.is_activation:
            return bool(wanted)
        return wanted is not False if self._activations is None else self._activations


def in_place_nodes(
    graph: Graph, shaped: Sequence[Shaped], *, activations_in_place: bool = True
) -> list[tuple[bool, bool]]:
    """For each node whether its output has the memory of its first input, at test time and in training.

    :class:`Placement` has the rules. In training dropout overwrites its input only if the design says so, and nothing
    overwrites a volume that the node that made it needs for backward.
    """
    readers = [len(readers) for readers in graph.readers()]
    placement = Placement(readers, activations=None if activations_in_place else False)
    result: list[tuple[bool, bool]] = []
    learning: list[bool] = []  # whether a gradient reaches the output
    needed: list[bool] = []  # whether backward needs the content of the output's memory
    for index, (node, layer, inputs, cost, _) in enumerate(shaped):
        sources = node.inputs
        learns = bool(cost.arrays) and node.trainable and cost.weights.value + cost.biases.value > 0
        learning.append(learns or any(map(learning.__getitem__, sources)))
        if not sources:
            result.append((placement.in_place(index, layer, sources),) * 2)
            needed.append(False)
            continue
        first = sources[0]
        is_view = layer.is_view_in_torch(cost.output)
        placed = placement.in_place(
            index, layer, sources, same_shape=inputs[0] == cost.output, is_needed=needed[first], may_be_view=is_view
        )
        if layer.is_identity_at_test_time and not layer.is_view:
            overwrites = bool(layer.may_work_in_place()) and placement.is_only_reader(first) and not needed[first]
            result.append((placed, overwrites))
        else:
            result.append((placed, placed))
        keeps = layer.keeps_output or (placed and layer.keeps_output_in_place)
        needed.append((keeps and learning[first]) or (needed[first] and is_view))
    return result


def test_time_nodes(graph: Graph) -> list[bool]:
    """For each node whether it runs at test time: it is not ``training_only``, and at least one input runs, if any.

    Raises DesignError if a node that runs at test time has an input that does not.
    """
    result: list[bool] = []
    problems = []
    for node in graph.nodes:
        fed = [result[source] for source in node.inputs]
        runs = not node.training_only and (any(fed) or not fed)
        if runs and not all(fed):
            lost = ", ".join(graph.nodes[source].name for source in node.inputs if not result[source])
            message = f"{node.name}: runs at test time, but its input {lost} runs only in training"
            problems.append(Problem("training-only", message, node.span))
        result.append(runs)
    if problems:
        raise DesignError(problems)
    return result
