"""The report: one row per layer, and the totals. Every table, check and document is made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.analysis.placement import in_place_nodes, test_time_nodes
from cnncalc.analysis.reach import MAX_INTERVALS, MAX_PERIOD, PIXEL, Reach, joined, through
from cnncalc.analysis.volumes import Shaped, depth_last, propagate
from cnncalc.counts import NOTHING
from cnncalc.errors import DesignError, Problem
from cnncalc.records import NamedTuple
from cnncalc.units import bytes_per_element, plural
from cnncalc.volume import largest_plane

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.analysis.cost import Cost
    from cnncalc.counts import Count
    from cnncalc.graph import Graph
    from cnncalc.layers.base import Layer, Parameter, Stencil
    from cnncalc.source import Span
    from cnncalc.volume import Volume


class LayerReport(NamedTuple):
    """One row of the table.

    ``output`` is height x width x depth. ``activations`` are the elements of that volume for one image,
    ``activation_bytes`` its bytes for the whole batch. ``in_place`` rows have no memory of their own, so they do not
    count in the totals. ``weights`` hold weights and scales, ``biases`` biases and shifts, ``parameters`` both,
    ``trainable`` those that are not frozen; ``buffers`` are kept but not learned. A row that shares its parameters
    counts none of its own (``shared_with`` names the owner). ``macs`` are multiply-adds for one image.
    ``receptive_field`` is (height, width) in input pixels, clipped to the input. ``arithmetic`` holds the formulas
    of activations, weights, biases, buffers and macs. ``arrays`` are the parameter and buffer arrays that the layer
    uses.
    """

    index: int  # type: ignore[assignment]  # its place among the rows; tuple's own method is not used
    name: str
    kind: str
    label: str
    layer: Layer
    inputs: tuple[str, ...]
    sources: tuple[int, ...]
    input_volumes: tuple[Volume, ...]
    output: Volume
    activations: int
    activation_bytes: int
    in_place: bool
    in_place_in_training: bool
    weights: int
    biases: int
    parameters: int
    trainable: int
    buffers: int
    macs: int
    receptive_field: tuple[int, int]
    arithmetic: Mapping[str, str]
    arrays: tuple[Parameter, ...]
    reach: tuple[Reach, Reach] | None
    training_only: bool
    is_trainable: bool
    shared_with: str | None
    named: bool
    span: Span | None

    @property
    def block(self) -> str:
        """Its block: the name without the last part."""
        return self.name.rpartition(".")[0]


class Totals(NamedTuple):
    """Sums over the rows: elements for one image, bytes for the whole batch.

    ``activations`` and ``activation_bytes`` leave out rows that are in place. ``parameter_bytes`` are those of the
    parameters, without buffers.
    """

    activations: int
    weights: int
    biases: int
    parameters: int
    trainable: int
    buffers: int
    macs: int
    activation_bytes: int
    parameter_bytes: int


class Report(NamedTuple):
    """What a net costs, layer by layer.

    ``totals`` counts every row; ``test_time`` only what runs at test time, and is the same where nothing is
    ``training_only``. ``assumed`` holds the defaults that were used where the text left a size open.
    """

    name: str
    title: str | None
    source: str | None
    batch: int
    dtype: str
    layers: tuple[LayerReport, ...]
    totals: Totals
    test_time: Totals
    assumed: Mapping[str, Any]
    warnings: tuple[Problem, ...]
    graph: Graph

    @property
    def resolved(self) -> Graph:
        """The graph with every draft replaced by its layer."""
        nodes = [node._replace(layer=row.layer) for node, row in zip(self.graph.nodes, self.layers, strict=True)]
        return self.graph._replace(nodes=tuple(nodes))

    def layer(self, name: str) -> LayerReport:
        """The row of a layer; KeyError if there is no layer of that name."""
        for row in self.layers:
            if row.name == name:
                return row
        raise KeyError(name)


def totals(rows: Sequence[LayerReport], bytes_each: int) -> Totals:
    """The sums over rows."""
    own = [row for row in rows if not row.in_place]
    parameters = sum([row.parameters for row in rows])
    return Totals(
        activations=sum([row.activations for row in own]),
        weights=sum([row.weights for row in rows]),
        biases=sum([row.biases for row in rows]),
        parameters=parameters,
        trainable=sum([row.trainable for row in rows]),
        buffers=sum([row.buffers for row in rows]),
        macs=sum([row.macs for row in rows]),
        activation_bytes=sum([row.activation_bytes for row in own]),
        parameter_bytes=parameters * bytes_each,
    )


def account(graph: Graph, *, batch: int = 1, dtype: str = "float32", in_place: bool = True) -> Report:
    """The report of a net for a batch of images in one data type.

    With ``in_place=False`` each activation function has a volume of its own. Raises DesignError where the layers do not
    fit together, ValueProblem for an unknown data type.
    """
    bytes_each = bytes_per_element(dtype)
    shaped = propagate(graph)
    placed = in_place_nodes(graph, shaped, activations_in_place=in_place)
    at_test = test_time_nodes(graph)
    image = largest_plane(item.output for item in shaped if item.layer.is_input)
    rows = [
        _row(shaped, index, reach, image, batch * bytes_each, placed=placed[index], training_only=not at_test[index])
        for index, reach in enumerate(_reaches(shaped))
    ]
    every = totals(rows, bytes_each)
    test = every if all(at_test) else totals([row for row in rows if not row.training_only], bytes_each)
    return Report(
        name=graph.name,
        title=graph.title,
        source=graph.source,
        batch=batch,
        dtype=dtype,
        layers=tuple(rows),
        totals=every,
        test_time=test,
        assumed=graph.assumed,
        warnings=graph.warnings + _input_warnings(shaped),
        graph=graph,
    )


def _row(
    shaped: Sequence[Shaped],
    index: int,
    reach: tuple[Reach, Reach] | None,
    image: tuple[int, int],
    bytes_each: int,
    *,
    placed: tuple[bool, bool],
    training_only: bool,
) -> LayerReport:
    """The row of a node; ``bytes_each`` are the bytes of one element for the whole batch."""
    node, layer, inputs, cost = shaped[index]
    if node.share is None:
        owner = node
    else:  # it has no parameters of its own
        owner = shaped[node.share].node
        cost = cost._replace(weights=NOTHING, biases=NOTHING, buffers=NOTHING)
    parameters = cost.weights.value + cost.biases.value
    return LayerReport(
        index=index,
        name=node.name,
        kind=layer.kind,
        label=layer.label(),
        layer=layer,
        inputs=tuple([shaped[source].node.name for source in node.inputs]),
        sources=node.inputs,
        input_volumes=inputs,
        output=cost.output,
        activations=cost.activations.value,
        activation_bytes=cost.activations.value * bytes_each,
        in_place=placed[0],
        in_place_in_training=placed[1],
        weights=cost.weights.value,
        biases=cost.biases.value,
        parameters=parameters,
        trainable=parameters if node.trainable else 0,
        buffers=cost.buffers.value,
        macs=cost.macs.value,
        receptive_field=_clipped(reach, image),
        arithmetic=_formulas(cost),
        arrays=cost.arrays,
        reach=reach,
        training_only=training_only,
        is_trainable=owner.trainable,
        shared_with=None if owner is node else owner.name,
        named=node.named,
        span=node.span,
    )


def _formulas(cost: Cost) -> dict[str, str]:
    """The formulas of all counts that are not zero, and of the activations."""
    formulas = {"activations": cost.activations.text}
    for name in ("weights", "biases", "buffers", "macs"):
        count: Count = getattr(cost, name)
        if count.value:
            formulas[name] = count.text
    return formulas


def _clipped(reach: tuple[Reach, Reach] | None, image: tuple[int, int]) -> tuple[int, int]:
    if reach is None:
        return image
    # outputs between the windows of a transposed convolution see nothing
    return max(0, min(reach[0].extent, image[0])), max(0, min(reach[1].extent, image[1]))


def _reaches(shaped: Sequence[Shaped]) -> list[tuple[Reach, Reach] | None]:
    """The receptive field of each node, by height and width; None: the whole plane."""
    reaches: list[tuple[Reach, Reach] | None] = []
    left = MAX_INTERVALS
    stencils_of: dict[int, tuple[Stencil, Stencil] | None] = {}  # by cost, which equal layers on equal volumes share
    for node, layer, inputs, cost in shaped:
        if not node.inputs:
            reaches.append((PIXEL, PIXEL))
            continue
        before = [reaches[source] for source in node.inputs]
        known = [reach for reach in before if reach is not None]
        if id(cost) not in stencils_of:
            stencils_of[id(cost)] = layer.stencils(*inputs)
        stencils = stencils_of[id(cost)]
        if len(known) < len(before) or stencils is None:
            reaches.append(None)
            continue
        max_period = min(left, MAX_PERIOD)
        entering = known[0]
        if len(known) > 1:
            entering = (joined([r[0] for r in known], max_period), joined([r[1] for r in known], max_period))
        high, wide = through(entering[0], stencils[0], max_period), through(entering[1], stencils[1], max_period)
        if high.period + wide.period > 2 and (high, wide) != entering:
            left = max(0, left - high.period - wide.period)
        reaches.append((high, wide))
    return reaches


def _input_warnings(shaped: Sequence[Shaped]) -> tuple[Problem, ...]:
    """Warnings about inputs that look like depth x height x width; they are used as written."""
    found = []
    for node, layer, _, cost in shaped:
        swapped = depth_last(cost.output) if layer.is_input else None
        if swapped is not None:
            found.append(
                Problem(
                    "looks-depth-first",
                    f"{node.name}: {cost.output} is read as height x width x depth, but looks like depth x height x "
                    f"width",
                    node.key_spans.get("size", node.stated_span or node.span),
                    f"for an image of depth {swapped.depth} write {swapped.size}",
                    "warning",
                )
            )
    return tuple(found)


def require_layer(report: Report, name: str) -> LayerReport:
    """The row of a layer; raises DesignError with the nearest name if there is none."""
    from cnncalc.errors import did_you_mean

    try:
        return report.layer(name)
    except KeyError:
        inside = [row.name for row in report.layers if row.name.startswith(name + ".")]
        if inside:
            block = f"a block of {plural(len(inside), 'layer')}"
            message = f"{report.name}: '{name}' is {block}; name one of them, such as {inside[0]}"
            raise DesignError([Problem("unknown-layer", message)]) from None
        near = did_you_mean(name, [row.name for row in report.layers])
        raise DesignError([Problem("unknown-layer", f"{report.name} has no layer '{name}'{near}")]) from None
