"""What would lower the peak of an inference, each change with its computed effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.analysis.rewriting import rewritten
from cnncalc.errors import CnncalcError
from cnncalc.layers.convolution import Conv
from cnncalc.layers.input import Input
from cnncalc.memory.arena import plan
from cnncalc.memory.patches import patch_plans
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.analysis.report import Report
    from cnncalc.memory.arena import ArenaPlan

LEAST_SIDE = 16
"""The least side of an input that is halved."""


class PlanAdvice(NamedTuple):
    """A change, the peak of live bytes with it, and its MACs for one image. ``same_net``: it computes the same."""

    what: str
    peak_bytes: int
    macs: int
    same_net: bool


def plan_advice(report: Report, now: ArenaPlan) -> tuple[PlanAdvice, ...]:
    """The changes that lower the peak of a plan, the most effective first: ways to compute the net, then other nets."""
    found = [each for each in _tried(report, now) if each.peak_bytes < now.bound_bytes]
    return tuple(sorted(found, key=lambda each: (not each.same_net, each.peak_bytes)))


def _tried(report: Report, now: ArenaPlan) -> Iterator[PlanAdvice]:
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
    for what, changed in (_half_input(report), _half_filters(report)):
        if changed is not None:
            other = plan(changed, batch=now.batch, dtype=now.dtype, depthwise_in_place=in_place, order=now.order)
            yield PlanAdvice(what, other.bound_bytes, changed.totals.macs, False)


def _half_input(report: Report) -> tuple[str, Report | None]:
    """The net on an input of half the sides."""
    inputs = [row for row in report.layers if row.layer.is_input]
    volume = inputs[0].output
    if len(inputs) > 1 or min(volume.sides) < LEAST_SIDE:
        return "", None
    size = (*[side // 2 for side in volume.sides], volume.depth)
    return f"an input of {'x'.join(map(str, size))}", rewritten(report, {inputs[0].index: (Input(size=size),)})


def _half_filters(report: Report) -> tuple[str, Report | None]:
    """The net with half the filters in each convolution that another layer reads; None if these do not fit its keys."""
    readers = report.graph.readers
    try:
        halved = {
            row.index: (row.layer.with_keys(filters=row.output.depth // 2),)
            for row in report.layers
            if isinstance(row.layer, Conv) and readers[row.index] and row.output.depth > 1
        }
    except CnncalcError:  # such as a table of connections with a list for each filter
        return "", None
    return "half the filters of each convolution", rewritten(report, halved) if halved else None
