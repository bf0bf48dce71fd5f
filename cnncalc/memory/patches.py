"""Patch-based inference: the first layers of a net (the stage) are computed patch by patch, to lower the peak.

The output of the stage is divided into patches, which are computed one after the other; the rest of the net runs on the
whole output. The windows of the layers determine which part of each volume a patch needs. Neighbouring patches need
some of the same values (the halo), which are computed again for each.

Source: Lin et al. 2021, MCUNetV2: Memory-Efficient Patch-based Inference for Tiny Deep Learning (arXiv 2110.15352).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

from cnncalc.layers.stencil import Stencil
from cnncalc.memory.arena import InferenceNet
from cnncalc.memory.order import Flow, levels, lifetimes
from cnncalc.records import NamedTuple
from cnncalc.units import bytes_per_element

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.layers.stencil import Places, Stencils
    from cnncalc.volume import Volume

GRIDS = (2, 3, 4)
"""The numbers of patches along each side that are tried."""
MOST_LAYERS = 300
"""The most layers of a stage."""
MOST_POSITIONS = 10_000
"""The longest side of a net whose stages are tried: each position is computed for some layers."""


class PatchPlan(NamedTuple):
    """A stage up to ``layer``, computed in ``grid`` x ``grid`` patches of its ``output``.

    ``stage_bytes`` is the most bytes alive in the stage: its whole output, and the parts that one patch needs of the
    volumes before it, the image included. ``rest_bytes`` is the most bytes alive after the stage. ``extra_macs`` are
    those of the halo for one image, ``macs`` those of the net without them.
    """

    grid: int
    layer: str
    output: Volume
    stage_bytes: int
    rest_bytes: int
    macs: int
    extra_macs: int

    @property
    def peak_bytes(self) -> int:
        """The most bytes alive at any step."""
        return max(self.stage_bytes, self.rest_bytes)


def patch_plans(
    report: Report,
    *,
    batch: int = 1,
    dtype: str = "float32",
    depthwise_in_place: bool = False,
    grids: Sequence[int] = GRIDS,
) -> tuple[PatchPlan, ...]:
    """For each of ``grids`` the stage with the lowest peak; of equal peaks that with the fewest extra MACs.

    Layers are fused as in the arena plan, and run in the given order. A grid for which no stage lowers the peak is left
    out. Empty for nets with several inputs, or volumes that have not two sides of at most ``MOST_POSITIONS``.
    """
    best = []
    net = _Net(report, batch * bytes_per_element(dtype), depthwise_in_place)
    for grid in grids:
        found: list[PatchPlan] = []
        for cut in _cuts(net, grid):
            least = max(net.rest(cut), net.whole(cut))
            if least < min([net.peak, *[plan.peak_bytes for plan in found]]):
                found.append(patch_plan(net, cut, grid))
        if found:
            best.append(min(found, key=lambda plan: (plan.peak_bytes, plan.extra_macs)))
    return tuple(best)


class Edge(NamedTuple):
    """An input of a layer: the row that makes it, the last position along each side, and the stencils of the layer."""

    source: int
    ends: tuple[int, ...]
    stencils: Stencils | None


class _Net:
    """A net as tasks in the given order, with the bytes alive at each step."""

    def __init__(self, report: Report, scale: int, depthwise_in_place: bool) -> None:
        self.report = report
        self.scale = scale
        self.tasks = InferenceNet(report, scale, fuse=True, depthwise_in_place=depthwise_in_place)
        self.flow = self.tasks.flow()
        self.rows = [row for row in report.layers if not row.training_only]
        order = range(len(self.flow.tasks))
        self.levels = levels(self.flow, order, lifetimes(self.flow, order))
        self.peak = max(self.levels)
        self.edges = {row.index: edges_of(row) for row in self.rows[:MOST_LAYERS]}

    def rest(self, cut: LayerReport) -> int:
        """The most bytes alive after a row."""
        return max(self.levels[self.tasks.task_of[cut.index] + 1 :], default=0)

    def whole(self, cut: LayerReport) -> int:
        """The bytes of the whole output of a row."""
        return cut.activations * self.scale


def edges_of(row: LayerReport) -> list[Edge]:
    """The inputs of a layer."""
    return [
        Edge(source, tuple([size - 1 for size in volume.sides]), row.layer.stencils(*row.input_volumes, of=number))
        for number, (source, volume) in enumerate(zip(row.sources, row.input_volumes, strict=True))
    ]


def _cuts(net: _Net, grid: int) -> Iterator[LayerReport]:
    """The rows after which only their own output is read, with at least ``grid`` positions along each side."""
    rows, task_of = net.rows, net.tasks.task_of
    sides = [row.output.sides for row in rows]
    is_tried = all(len(each) == 2 and max(each) <= MOST_POSITIONS for each in sides)
    if not is_tried or sum([not row.sources for row in rows]) != 1:
        return
    readers: dict[int, list[int]] = {}
    for row in rows:
        for source in row.sources:
            readers.setdefault(source, []).append(row.index)
    alive: set[int] = set()
    for row in rows[:MOST_LAYERS]:
        alive = {source for source in alive if readers[source][-1] > row.index}
        if row.index not in readers or _moves_positions(row):
            return
        alive.add(row.index)
        is_end = all(task_of[reader] != task_of[row.index] for reader in readers[row.index])
        if row.sources and len(alive) == 1 and is_end and min(row.output.sides) >= grid:
            yield row


def _moves_positions(row: LayerReport) -> bool:
    """Whether a layer cannot be computed by positions: its elements move, or its MACs differ between positions."""
    moves = bool(row.sources) and row.layer.origins(*row.input_volumes) is not None
    return moves or row.macs % row.output.positions != 0


def patch_plan(net: _Net, cut: LayerReport, grid: int) -> PatchPlan:
    """The plan of the stage up to the row ``cut``, in ``grid`` x ``grid`` patches."""
    rows = [row for row in net.rows if row.index <= cut.index]
    heights, widths = [
        [needed(rows, net.edges, side, span) for span in spans(size, grid)]
        for side, size in enumerate(cut.output.sides)
    ]
    extra = 0
    for row in rows:
        high, wide = [sum([part.get(row.index, 0) for part in parts]) for parts in (heights, widths)]
        extra += row.macs // row.output.positions * high * wide - row.macs
    stage = net.whole(cut) + _patch_peak(net, rows, heights, widths)
    return PatchPlan(grid, cut.name, cut.output, stage, net.rest(cut), net.report.totals.macs, extra)


def _patch_peak(
    net: _Net, rows: Sequence[LayerReport], heights: Sequence[Mapping[int, int]], widths: Sequence[Mapping[int, int]]
) -> int:
    """The most bytes alive while a patch of the rows of a stage is computed, without the whole output of the stage.

    ``heights`` and ``widths`` are those that :func:`needed` gives for each patch along a side.
    """
    cut, volume_of, task_of = rows[-1], net.tasks.volume_of, net.tasks.task_of
    tasks = net.flow.tasks[: task_of[cut.index] + 1]
    order = range(len(tasks))
    alive = lifetimes(Flow(tasks, net.flow.sizes, frozenset()), order)
    kept = volume_of[cut.index] if tasks[-1].makes == volume_of[cut.index] else None
    peak, seen = 0, set()
    for height in heights:
        for width in widths:
            sizes, scratch = [0] * len(net.flow.sizes), [0] * len(tasks)
            for row in rows:
                positions = height.get(row.index, 0) * width.get(row.index, 0)
                volume, task = volume_of[row.index], task_of[row.index]
                if volume != kept:  # a patch of the output is written into the whole output
                    sizes[volume] = max(sizes[volume], positions * row.output.depth * net.scale)
                if task >= 0 and tasks[task].scratch:
                    scratch[task] = positions * net.scale
            key = (*sizes, *scratch)
            if key not in seen:
                seen.add(key)
                own = tuple([task._replace(scratch=size) for task, size in zip(tasks, scratch, strict=True)])
                peak = max(peak, *levels(Flow(own, tuple(sizes), frozenset()), order, alive))
    return peak


def spans(size: int, grid: int) -> list[tuple[int, int]]:
    """The first and last position of each of ``grid`` parts of a side, whose sizes differ by at most one."""
    bounds = [size * part // grid for part in range(grid + 1)]
    return [(low, high - 1) for low, high in pairwise(bounds)]


def needed(
    rows: Sequence[LayerReport], edges: Mapping[int, Sequence[Edge]], side: int, span: tuple[int, int]
) -> dict[int, int]:
    """How many positions along a side each row computes for a span of the last row, by index of the row."""
    found = {rows[-1].index: span}
    for row in reversed(rows):
        if row.index not in found:
            continue
        low, high = found[row.index]
        for source, ends, stencils in edges[row.index]:
            seen = _seen(None if stencils is None else stencils[side], low, high, ends[side])
            if seen is not None:
                before = found.get(source, seen)
                found[source] = min(seen[0], before[0]), max(seen[1], before[1])
    return {index: high - low + 1 for index, (low, high) in found.items()}


def _seen(stencil: Stencil | Places | None, low: int, high: int, end: int) -> tuple[int, int] | None:
    """The first and last input position, of 0 to ``end``, that outputs ``low`` to ``high`` depend on; None: none."""
    if stencil is None:
        return 0, end
    outputs, window = range(low, high + 1), stencil.window
    if isinstance(stencil, Stencil) and stencil.is_contiguous and stencil.step >= 0:  # its windows only move on
        first = bisect_left(outputs, 0, key=lambda output: window(output)[-1])
        last = bisect_right(outputs, end, key=lambda output: window(output)[0])
        reaching = outputs[first:last]
        return (max(0, window(reaching[0])[0]), min(end, window(reaching[-1])[-1])) if reaching else None
    inside = [(max(0, each[0]), min(end, each[-1])) for each in map(window, outputs) if each]
    inside = [(first, last) for first, last in inside if first <= last]
    return (min([first for first, _ in inside]), max([last for _, last in inside])) if inside else None
