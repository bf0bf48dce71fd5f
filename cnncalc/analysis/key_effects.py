"""Written keys that have no effect: ``in_place``, and ``trainable`` and ``share`` of a layer without parameters."""

from __future__ import annotations

from cnncalc.errors import no_effect
from cnncalc.units import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cnncalc.analysis.report import LayerReport
    from cnncalc.errors import Problem
    from cnncalc.graph import Graph
    from cnncalc.source import Span


def why_not_in_place(rows: Sequence[LayerReport], row: LayerReport, readers: Sequence[Sequence[int]]) -> str:
    """Why an activation function, or a row with ``in_place``, has memory of its own: the first rule that forbids it.

    ``readers`` has the readers of each row.
    """
    layer: Any = row.layer
    if layer.in_place is False:
        return "in_place=no"
    if layer.is_activation and layer.may_work_in_place() is False:
        return f"{row.label} cannot overwrite its input"
    if row.input_volumes[0] != row.output:
        return f"the volume changes from {row.input_volumes[0]} to {row.output}"
    reader, place = row, row.sources[0]
    while True:
        source = rows[place]
        if len(readers[place]) > 1:
            others = [rows[other].name for other in readers[place] if rows[other].name != reader.name]
            memory = source.name if reader is row else f"the memory of {source.name}"
            return f"{memory} is also read by {listing(others) if others else f'{reader.name} a second time'}"
        if not (source.in_place or (source.sources and source.layer.is_view_in_torch(source.output))):
            return f"backward needs the output of {row.inputs[0]}"
        reader, place = source, source.sources[0]


def in_place_warnings(
    rows: Sequence[LayerReport], graph: Graph, placed: Sequence[tuple[bool, bool]], *, activations: bool
) -> tuple[Problem, ...]:
    """A warning for each ``in_place: yes`` with which no layer overwrites its input, at test time or in training.

    A key in a repeat or a block belongs to several layers. ``activations``: activation functions may work in place.
    """
    readers = graph.readers()
    first: dict[Span, LayerReport | None] = {}  # of each position in the text; None if one of the layers is in place
    for row, node, each in zip(rows, graph.nodes, placed, strict=True):
        layer: Any = row.layer
        if "in_place" not in layer.keys or layer.in_place is not True or node.span is None:
            continue
        if layer.is_activation and not activations:
            continue
        span = node.key_spans.get("in_place", node.span)
        has_effect = each[1] if layer.is_identity_at_test_time else any(each)
        first[span] = None if has_effect else first.get(span, row)
    return tuple(
        [
            no_effect(f"{row.name}: in_place=yes", why_not_in_place(rows, row, readers), span)
            for span, row in first.items()
            if row is not None
        ]
    )


def parameter_warnings(rows: Sequence[LayerReport], graph: Graph) -> tuple[Problem, ...]:
    """A warning for each ``trainable`` or ``share`` that belongs to layers without parameters alone.

    The keys of the kind decide whether a layer has any: BN with ``scale: no`` and ``shift: no`` has none.
    """
    first: dict[Span, Problem | None] = {}  # of each position in the text; None if one of the layers has parameters
    for row, node in zip(rows, graph.nodes, strict=True):
        for name in ("trainable", "share"):
            span = node.key_spans.get(name)
            if span is None:
                continue
            arrays = row.layer.parameters(*row.input_volumes)
            if name == "share":
                arrays += row.layer.buffers(*row.input_volumes)
            problem = no_effect(f"{row.name}: {name}", f"{row.label} has no parameters", span)
            first[span] = None if arrays else first.get(span, problem)
    return tuple([problem for problem in first.values() if problem is not None])
