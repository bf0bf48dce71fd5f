"""The steps of a run that computes several layers together, and the memory of their outputs.

A step is a layer with the layers after it that can be applied to each part of its output as soon as that is computed:
factors and shifts of channels, activation functions, additions. Steps and memory follow from the report alone.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from cnncalc.memory.arena import place
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.layers.filter_bank import FilterBank

ALIGNMENT = 16
"""The number of elements of which each offset in the arena is a multiple."""


class Step(NamedTuple):
    """Layers that are computed together, by their rows: the first, then those that are applied to its output.

    ``parts`` are the inputs, by number, of a CONCAT that are computed at their place in its output and need no copy.
    ``before`` are layers that only the first row reads, whose output is computed a few channels or positions at a time.
    """

    rows: tuple[int, ...]
    parts: tuple[int, ...] = ()
    before: tuple[int, ...] = ()

    @property
    def first(self) -> int:
        """The row whose input is the input of the step."""
        return (*self.before, *self.rows)[0]

    @property
    def last(self) -> int:
        """The row whose output is the result of the step."""
        return self.rows[-1]


class Part(NamedTuple):
    """A part of an output: an image, some channels, and slices of the sides; ``flat``: one slice of all positions."""

    image: int
    channels: slice
    places: tuple[slice, ...]
    flat: bool = False


class Location(NamedTuple):
    """The memory of the output of a row: in the output of row ``root``, from channel ``first`` on."""

    root: int
    first: int


class Plan(NamedTuple):
    """The steps in order, and the memory of each output.

    ``locations`` are those of the rows that end a step or are inputs; ``views`` has the row that is viewed for each row
    that is a view. ``offsets`` has the first element of each root in the arena of one image, which has ``elements``
    elements. ``kept`` are the rows whose outputs exist at the end.
    """

    steps: tuple[Step, ...]
    locations: dict[int, Location]
    views: dict[int, int]
    offsets: dict[int, int]
    elements: int
    kept: tuple[int, ...]


def plan_of(report: Report, keep: Collection[int] = ()) -> Plan:
    """The steps of a net at test time; the outputs of the rows ``keep``, and those that no layer reads, are kept."""
    rows = [row for row in report.layers if not row.training_only]
    readers = Counter(source for row in rows for source in row.sources)
    kept = tuple([row.index for row in rows if row.index in keep or not readers[row.index]])
    views = {row.index: row.sources[0] for row in rows if row.sources and row.layer.is_view_at_test_time}
    steps = _with_inputs(report, _steps(rows, readers, views, kept), readers, kept)
    plans = [_placed(report, steps, views, kept, joins=joins) for joins in (True, False)]
    return min(plans, key=lambda plan: plan.elements)  # the first of equal ones


def _placed(report: Report, steps: Sequence[Step], views: dict[int, int], kept: Sequence[int], *, joins: bool) -> Plan:
    """The plan of some steps; ``joins``: inputs of a CONCAT are computed in its output, which then exists earlier."""
    locations = _locations(report, steps, joins=joins)
    joined = [step._replace(parts=_parts(report, step, locations)) for step in steps]
    offsets, elements = _offsets(report, joined, locations, views, kept)
    return Plan(tuple(joined), locations, views, offsets, elements, tuple(kept))


def _steps(
    rows: Sequence[LayerReport], readers: Counter[int], views: dict[int, int], kept: Collection[int]
) -> list[Step]:
    """The layers of each step, in the order in which the steps end."""
    open_steps: dict[int, list[int]] = {}  # by the last row
    others = {row.index: [row.index] for row in rows if not row.sources}  # steps that no layer continues
    for row in rows:
        if row.index in views or not row.sources:
            continue
        if is_joined(row):
            others[row.index] = [row.index]
            continue
        source = _continued(row, readers, open_steps, kept)
        before = open_steps.pop(source) if source is not None else []
        open_steps[row.index] = [*before, row.index]
    return [Step(tuple(found)) for _, found in sorted({**others, **open_steps}.items())]


def _continued(
    row: LayerReport, readers: Counter[int], steps: dict[int, list[int]], kept: Collection[int]
) -> int | None:
    """The input whose step a row continues; None if it begins a step."""
    if not is_applied(row):
        return None
    candidates = row.sources if row.layer.is_commutative else row.sources[:1]
    found = [
        source
        for source, volume in zip(candidates, row.input_volumes, strict=False)
        if source in steps and readers[source] == 1 and source not in kept and volume == row.output
    ]
    # the last one computed: then the others exist
    return max(found, default=None)


def is_applied(row: LayerReport) -> bool:
    """Whether a layer can be applied to each part of its input separately."""
    layer = row.layer
    if not row.sources or layer.takes_places:
        return False
    if layer.is_activation:
        return not layer.learns
    if layer.channelwise(np, **{array.name: np.ones(1) for array in row.arrays}) is not None:
        return True
    points = (1,) * len(row.output.sides)
    return (
        layer.pairwise(np) is not None
        and len(row.sources) > 1
        and all(
            volume.sides in (row.output.sides, points) and volume.depth in (row.output.depth, 1)
            for volume in row.input_volumes
        )
    )


def bank_of(row: LayerReport) -> FilterBank | None:
    """The filters of a layer, with weights of 0, for their shapes; None if it has no filters."""
    zeros = {array.name: np.broadcast_to(np.float32(0), array.shape) for array in row.arrays}
    return row.layer.filter_bank(np, row.input_volumes[0].sides, **zeros) if row.sources else None


def is_direct(bank: FilterBank, sides: Sequence[int]) -> bool:
    """Whether the windows are the single positions of the input, each once."""
    return set(bank.weight.shape[:-2]) == {1} and bank.begins == tuple(map(range, sides))


def _with_inputs(report: Report, steps: Sequence[Step], readers: Counter[int], kept: Collection[int]) -> list[Step]:
    """The steps, in which one that computes the input of a convolution part by part becomes a part of its step."""
    found: dict[int, Step] = {}  # by the last row
    for step in steps:
        row = report.layers[step.rows[0]]
        before = found.get(row.sources[0]) if row.sources and readers[row.sources[0]] == 1 else None
        if before is not None and before.last not in kept and not before.before and _leads_to(report, before, row):
            del found[before.last]
            step = step._replace(before=before.rows)
        found[step.last] = step
    return list(found.values())


def _leads_to(report: Report, before: Step, row: LayerReport) -> bool:
    """Whether a step computes the input of a row as it needs it.

    That is a 1x1 convolution before a depthwise one, or layers that are applied to each part before a 1x1 convolution.
    """
    first, *rest = [report.layers[index] for index in before.rows]
    if not all(len(other.sources) == 1 for other in (first, *rest)):
        return False
    bank = bank_of(row)
    if bank is None or not bank.begins:
        return False
    if is_direct(bank, row.input_volumes[0].sides):
        return bank.groups == 1 and is_applied(first)
    if not first.layer.counts_macs or bank.weight.shape[-2] > 1 or not row.layer.is_depthwise(row.input_volumes[0]):
        return False
    expanding = bank_of(first)
    return expanding is not None and expanding.groups == 1 and is_direct(expanding, first.input_volumes[0].sides)


def _locations(report: Report, steps: Sequence[Step], *, joins: bool) -> dict[int, Location]:
    """The memory of the output of each step: with ``joins`` that of an input of CONCAT is a part of its output."""
    ends = {step.last for step in steps if report.layers[step.last].sources}
    placed: dict[int, tuple[int, int]] = {}
    for step in steps if joins else ():
        row = report.layers[step.last]
        if not is_joined(row):
            continue
        first = 0
        for source, volume in zip(row.sources, row.input_volumes, strict=True):
            if source in ends and source not in placed:
                placed[source] = (row.index, first)
            first += volume.depth
    locations: dict[int, Location] = {}
    for step in reversed(steps):
        index = step.last
        if index in placed:
            into, first = placed[index]
            locations[index] = Location(locations[into].root, locations[into].first + first)
        else:
            locations[index] = Location(index, 0)
    return locations


def is_joined(row: LayerReport) -> bool:
    """Whether the output is the inputs, one after the other along the depth."""
    return row.layer.is_merge and row.layer.picks_values and row.layer.channel_use(*row.input_volumes) == "stacked"


def _parts(report: Report, step: Step, locations: dict[int, Location]) -> tuple[int, ...]:
    """The inputs of a CONCAT, by number, that are computed at their place in its output."""
    row = report.layers[step.last]
    if not is_joined(row):
        return ()
    found, first = [], 0
    for number, (source, volume) in enumerate(zip(row.sources, row.input_volumes, strict=True)):
        here = Location(locations[row.index].root, locations[row.index].first + first)
        if locations.get(source) == here:
            found.append(number)
        first += volume.depth
    return tuple(found)


def source_of(index: int, views: dict[int, int]) -> int:
    """The row whose output a row views, directly or through other views; the row itself if it is no view."""
    while index in views:
        index = views[index]
    return index


def _offsets(
    report: Report, steps: Sequence[Step], locations: dict[int, Location], views: dict[int, int], kept: Sequence[int]
) -> tuple[dict[int, int], int]:
    """The first element of each root in the arena, and the elements of the arena."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for number, step in enumerate(steps):
        root = locations[step.last].root
        first.setdefault(root, number if report.layers[step.last].sources else 0)  # all inputs exist from the start
        last[root] = max(number, last.get(root, 0))
        for index in (*step.before, *step.rows):
            for source in report.layers[index].sources:
                made = source_of(source, views)
                if made in locations:
                    last[locations[made].root] = number
    for index in kept:
        last[locations[source_of(index, views)].root] = len(steps)
    roots = list(first)
    sizes = [-(-report.layers[root].output.elements // ALIGNMENT) * ALIGNMENT for root in roots]
    offsets, _ = place(sizes, [(first[root], last[root]) for root in roots])
    elements = max([offset + size for offset, size in zip(offsets, sizes, strict=True)], default=0)
    return dict(zip(roots, offsets, strict=True)), elements
