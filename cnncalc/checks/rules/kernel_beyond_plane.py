"""The rule ``kernel-beyond-plane``."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, ClassVar

from cnncalc.analysis.rewriting import rewritten_sum
from cnncalc.checks.rules.base import Rule, Site
from cnncalc.layers.convolution import Convolution

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.checks.findings import Finding
    from cnncalc.volume import Volume


MOST_POSITIONS = 100_000
"""Positions along a side that are looked at one by one, where the stride is larger than the side."""


class KernelBeyondPlane(Rule):
    """A kernel larger than its input has weights that only ever see padding.

    What: convolutions with weights that lie over padding at every position, so that they are multiplied by zero and
    never learn. This happens where a net has more pools than its input side allows.

    Why: on a plane of 1x1 a padded 3x3 kernel uses one of its nine weights; the other eight are stored, moved and
    counted without any effect.

    Example: INPUT 32x32x3 with five POOL2, then CONV3-512 on [1x1x512]: 2,097,152 of its 2,359,296 weights are unused.

    Instead: one pool less, or a kernel of the size that is left. The value of the advice is the number of weights of
    the net with such kernels.

    Source: CS231n, "Layer Sizing Patterns"; for dilated kernels Chen et al. 2017 (DeepLabv3), section 3.3.
    """

    code: ClassVar[str] = "kernel-beyond-plane"

    def sites(self, report: Report) -> Iterable[Site]:
        known: dict[tuple[int, Volume], tuple[int, ...]] = {}  # by layer: many rows have the same one
        for row in report.layers:
            layer = row.layer
            if isinstance(layer, Convolution) and row.weights and max(layer.kernel) > 1:
                key = id(layer), row.input_volumes[0]
                if key not in known:
                    known[key] = _live_taps(layer, row.input_volumes[0])
                taps = known[key]
                if any(live < size for live, size in zip(taps, layer.kernel, strict=True)):
                    yield Site(row, taps)

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, live = sites[0]
        whole = prod(row.layer.kernel)  # type: ignore[attr-defined]
        idle = row.weights // whole * (whole - prod(live))
        message = (
            f"a kernel should lie within its volume, but of {row.label} on {row.input_volumes[0]} "
            f"{idle:,} of {row.weights:,} weights see only padding"
        )
        changes = {}
        for site in sites:
            odd = [live if live % 2 else live + 1 for live in site.facts]
            if all(new < old for new, old in zip(odd, site.row.layer.kernel, strict=True)):  # type: ignore[attr-defined]
                changes[site.row.index] = (site.row.layer.with_keys(kernel=odd, pad=None, dilation=None),)
        changed = rewritten_sum(report, changes, "weights") if changes else None
        what = f"{next(iter(changes.values()))[0].label()}, or one pool less before it" if changes else ""
        return self.found(report, sites, message, "weights", what=what, changed=changed)


def _live_taps(layer: Convolution, x: Volume) -> tuple[int, ...]:
    """How many elements along each side of a kernel lie over the volume, not over padding, at some position."""
    windows = layer.windows(x)
    sides = zip(x.sides, layer.kernel, layer.dilation, windows.stride, windows.pads, windows.steps, strict=True)
    return tuple([_live_along(*side) for side in sides])


def _live_along(size: int, kernel: int, dilation: int, stride: int, pads: tuple[int, int], steps: int) -> int:
    """The same along one side of a volume with ``steps`` positions of the kernel."""
    pad = pads[0]
    if stride <= size:  # what the kernel meets at one position is next to, or overlaps, what it meets at the next one
        covered = [(pad - (steps - 1) * stride, pad + size)]
    elif steps <= MOST_POSITIONS:
        covered = [(pad - step * stride, pad - step * stride + size) for step in range(steps)]
    else:
        return kernel
    ends = [(max(0, -(-low // dilation)), min(kernel - 1, (high - 1) // dilation)) for low, high in covered]
    return sum(max(0, last - first + 1) for first, last in ends)
