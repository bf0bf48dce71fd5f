"""Changes that lower the peak of an arena plan, each with its computed effect."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from cnncalc.analysis.rewriting import rewritten
from cnncalc.errors import CnncalcError
from cnncalc.layers.convolution import Conv
from cnncalc.layers.input import Input
from cnncalc.memory.arena import plan
from cnncalc.memory.patches import patch_plans
from cnncalc.records import NamedTuple
from cnncalc.units import listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.layers.base import Layer
    from cnncalc.memory.arena import ArenaPlan

LEAST_SIDE = 16
"""An input with a smaller side is not halved."""
STEP = 8
"""Reduced numbers of channels are multiples of it."""
MOST_WIDTHS = 4
"""How many widths at the peak are reduced one at a time, the largest first."""


class PlanAdvice(NamedTuple):
    """A change, the peak of live bytes and the MACs of one image with it. ``same_net``: its results are the same."""

    what: str
    peak_bytes: int
    macs: int
    same_net: bool


def plan_advice(report: Report, now: ArenaPlan) -> tuple[PlanAdvice, ...]:
    """The changes that lower the peak of a plan: first those that keep the net, then other nets; lowest peak first."""
    found = [each for each in _tried(report, now) if each.peak_bytes < now.bound_bytes]
    return tuple(sorted(found, key=lambda each: (not each.same_net, each.peak_bytes)))


def _tried(report: Report, now: ArenaPlan) -> Iterator[PlanAdvice]:
    """Yields every change with its peak, including changes that do not lower the peak."""
    macs = report.totals.macs
    if not now.depthwise_in_place:
        other = plan(report, batch=now.batch, dtype=now.dtype, depthwise_in_place=True, order=now.order)
        yield PlanAdvice("depthwise convolutions in place (--depthwise-in-place)", other.bound_bytes, macs, True)
    in_place, least = now.depthwise_in_place, now.bound_bytes
    for found in patch_plans(report, batch=now.batch, dtype=now.dtype, depthwise_in_place=in_place):
        if found.peak_bytes >= least:
            continue  # more patches must lower the peak further
        least = found.peak_bytes
        what = f"{found.grid}x{found.grid} patches up to {found.layer} {found.output}"
        yield PlanAdvice(what, found.peak_bytes, macs + found.extra_macs, True)
    for what, changed in (_half_input(report), _half_filters(report), *narrower(report, now)):
        if changed is not None:
            other = plan(changed, batch=now.batch, dtype=now.dtype, depthwise_in_place=in_place, order=now.order)
            yield PlanAdvice(what, other.bound_bytes, changed.totals.macs, False)


def _half_input(report: Report) -> tuple[str, Report | None]:
    """The net with an input of half the height and width, and the words for it; None if there is none."""
    inputs = [row for row in report.layers if row.layer.is_input]
    volume = inputs[0].output
    if len(inputs) > 1 or min(volume.sides) < LEAST_SIDE:
        return "", None
    size = (*[side // 2 for side in volume.sides], volume.depth)
    return f"an input of {'x'.join(map(str, size))}", rewritten(
        report, {inputs[0].index: (Input(size=size),)}, brief=True
    )


class _Width(NamedTuple):
    """Volumes that must have one depth, by the rows that make them; ``setters`` are the convolutions that set it."""

    depth: int
    rows: frozenset[int]
    setters: tuple[LayerReport, ...]


def narrower(report: Report, now: ArenaPlan) -> Iterator[tuple[str, Report | None]]:
    """Nets with fewer channels in volumes alive at the peak, the next smaller multiple of 8, and the words for them.

    One width is reduced at a time, then all of them: where several steps have the same peak, one width alone does not
    lower it.
    """
    at_peak = _rows_at_the_peak(report, now)
    found = [width for width in _widths(report) if width.rows & at_peak and width.depth > STEP]
    found.sort(key=lambda width: -width.depth * len(width.rows & at_peak))
    single = [[width] for width in found[:MOST_WIDTHS]]
    for chosen in [*single, *([found] if len(found) > 1 else [])]:
        changes: dict[int, Sequence[Layer]] = {}
        names: dict[int, list[str]] = {}
        for width in chosen:
            try:
                changes |= {row.index: (row.layer.with_keys(filters=_less(width.depth)),) for row in width.setters}
            except CnncalcError:  # such as groups that do not divide it
                continue
            names.setdefault(width.depth, []).extend([row.name for row in width.setters])
        parts = [f"{_less(depth)} filters instead of {depth} in {listing(each, 2)}" for depth, each in names.items()]
        if parts:
            yield "; ".join(parts), rewritten(report, changes, brief=True)


def _less(depth: int) -> int:
    """The next smaller multiple of 8."""
    return (depth - 1) // STEP * STEP


def _rows_at_the_peak(report: Report, now: ArenaPlan) -> frozenset[int]:
    """The rows whose volumes are alive at a step with the highest number of live bytes."""
    changes = [0] * (max(1, len(now.steps)) + 1)
    for volume in now.volumes:
        changes[volume.first] += volume.size
        changes[min(volume.last + 1, len(changes) - 1)] -= volume.size
    levels = list(accumulate(changes[:-1]))
    highest = max(levels)
    peaks_before = list(accumulate((level == highest for level in levels), initial=0))
    names = {
        name
        for volume in now.volumes
        if peaks_before[volume.first] < peaks_before[min(volume.last + 1, len(levels))]
        for name in volume.layers
    }
    return frozenset([row.index for row in report.layers if row.name in names])


def _widths(report: Report) -> list[_Width]:
    """The widths of a net that only convolutions set; layers that keep the depth, and merges, tie volumes together."""
    group = list(range(len(report.layers)))

    def first(place: int) -> int:
        while group[place] != place:
            group[place] = group[group[place]]
            place = group[place]
        return place

    for row in report.layers:
        if not _sets_depth(row):
            for source, volume in zip(row.sources, row.input_volumes, strict=True):
                if volume.depth == row.output.depth:
                    group[first(source)] = first(row.index)
    members: dict[int, list[LayerReport]] = {}
    for row in report.layers:
        members.setdefault(first(row.index), []).append(row)
    found = []
    for rows in members.values():
        setters = tuple([row for row in rows if _sets_depth(row)])
        if setters and all(isinstance(row.layer, Conv) for row in setters):
            found.append(_Width(setters[0].output.depth, frozenset([row.index for row in rows]), setters))
    return found


def _sets_depth(row: LayerReport) -> bool:
    """Whether the depth of the output is the layer's own: an input, a convolution that is not depthwise, a concat."""
    volumes = row.input_volumes
    if not volumes or any(volume.depth not in (1, row.output.depth) for volume in volumes):
        return True
    if isinstance(row.layer, Conv):
        return not row.layer.is_depthwise(volumes[0])
    return row.layer.counts_macs or row.layer.origins(*volumes) is not None


def _half_filters(report: Report) -> tuple[str, Report | None]:
    """The net with half the filters in each convolution that another layer reads; None if a layer cannot have them."""
    readers = report.graph.readers()
    try:
        halved = {
            row.index: (row.layer.with_keys(filters=row.output.depth // 2),)
            for row in report.layers
            if isinstance(row.layer, Conv) and readers[row.index] and row.output.depth > 1
        }
    except CnncalcError:  # such as a table of connections with a list for each filter
        return "", None
    return "half the filters of each convolution", rewritten(report, halved, brief=True) if halved else None
