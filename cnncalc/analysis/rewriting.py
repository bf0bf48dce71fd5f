"""Nets with some layers replaced, to compute the effect of a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.analysis.cost import cost_of
from cnncalc.analysis.report import account
from cnncalc.counts import TOO_LONG
from cnncalc.errors import CnncalcError
from cnncalc.layers.global_pooling import GlobalAveragePool
from cnncalc.layers.linear import FullyConnected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.graph import Node
    from cnncalc.layers.base import Layer

NOWHERE = -1
"""Marks a removed layer whose output no other layer can replace."""


def rewritten(report: Report, changes: Mapping[int, Sequence[Layer]], *, brief: bool = False) -> Report | None:
    """The report of the net with some layers replaced, each by a chain of layers; None if that is not a valid net.

    ``changes`` has the chains by index of the row. The first layer of a chain gets the inputs of the layer that it
    replaces, the last one its name. An empty chain removes the layer, so that its readers read its input. All other
    layers stay as they are. ``brief``: see :func:`cnncalc.analysis.report.account`.
    """
    nodes: list[Node] = []
    moved: list[int] = []  # for each old node the new one whose output replaces its output
    owners: dict[int, int] = {}  # for each old node the new one of its kind, which has its parameters
    for index, (node, row) in enumerate(zip(report.graph.nodes, report.layers, strict=True)):
        inputs = tuple([moved[source] for source in node.inputs])
        chain = changes.get(index, (row.layer,))
        if not chain:
            moved.append(inputs[0] if len(inputs) == 1 else NOWHERE)
            continue
        if NOWHERE in inputs:
            return None
        if node.share is not None and (len(chain) > 1 or not changes.get(node.share, chain)):
            return None
        for number, layer in enumerate(chain, 1):
            if layer.kind == row.kind:
                owners.setdefault(index, len(nodes))
            name = node.name if number == len(chain) else f"{node.name}-{number}"
            nodes.append(node._replace(name=name, layer=layer, inputs=inputs, stated=None))
            inputs = (len(nodes) - 1,)
        moved.append(len(nodes) - 1)
    if any(node.share is not None and node.share not in owners for node in nodes):
        return None
    nodes = [node if node.share is None else node._replace(share=owners[node.share]) for node in nodes]
    graph = report.graph._replace(nodes=tuple(nodes), stored=None)
    try:
        return account(graph, batch=report.batch, dtype=report.dtype, brief=brief)
    except CnncalcError:
        return None


def rewritten_sum(report: Report, changes: Mapping[int, Sequence[Layer]], name: str) -> int | None:
    """``weights``, ``parameters`` or ``macs`` of the net with some layers replaced as by :func:`rewritten`.

    None if that is not a valid net. Where each chain gives the volume of the layer that it replaces, and nothing else
    depends on that layer, the other rows stay as they are and are not computed.
    """
    found: int = getattr(report.totals, name)
    known: dict[tuple[object, ...], int | None] = {}
    needed = {node.share for node in report.graph.nodes} | {r.sources[1] for r in report.layers if r.layer.takes_places}
    for index, chain in changes.items():
        row = report.layers[index]
        key = (*map(id, chain), id(row.layer), row.input_volumes)
        if key not in known:
            known[key] = _added(row, chain, name)
        added = known[key]
        if added is None or index in needed or row.shared_with is not None:
            changed = rewritten(report, changes, brief=True)
            return None if changed is None else int(getattr(changed.totals, name))
        found += added
    return found if found < TOO_LONG else None


def _added(row: LayerReport, chain: Sequence[Layer], name: str) -> int | None:
    """What a chain in place of a layer adds to a sum over the rows; None if rows after it may change."""
    inputs, total = row.input_volumes, -int(getattr(row, name))
    if not inputs or any(each.takes_windows or each.makes_windows is not None for each in (row.layer, *chain)):
        return None
    try:
        for layer in chain:
            cost = cost_of(layer.on(len(inputs[0].sides)), inputs)
            inputs = (cost.output,)
            parts = (cost.weights, cost.biases) if name == "parameters" else (getattr(cost, name),)
            total += sum([count.value for count in parts])
    except CnncalcError:
        return None
    return total if inputs == (row.output,) else None


def with_pooled_fc(report: Report, *, brief: bool = False) -> tuple[str, Report] | None:
    """The name of the first fully-connected layer and the report of the net with a global average pool before it.

    None if there is no such layer, its input is a single position, or the changed net is not valid.
    ``brief`` is that of :func:`rewritten`.
    """
    rows = report.layers
    first = next((row for row in rows if isinstance(row.layer, FullyConnected) and not row.training_only), None)
    if first is None:
        return None
    place, source = first, rows[first.sources[0]]
    while source.layer.is_view_at_test_time:
        place, source = source, rows[source.sources[0]]
    if source.output.is_point:
        return None
    changed = rewritten(report, {place.index: (GlobalAveragePool(), place.layer)}, brief=brief)
    return None if changed is None else (first.name, changed)
