"""The rule ``early-activations``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.checks.rules.base import Rule, Site, resizes, with_changes
from cnncalc.figures.measure import Share
from cnncalc.layers.convolution import Conv
from cnncalc.units import percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.checks.findings import Finding


class EarlyActivations(Rule):
    """The first layers should not hold most of the activation memory.

    What: nets that classify images with sides of 64 and more, begin with a convolution of stride 1, and hold more than
    half of their activations, and at least a million of them, before the second layer that halves the plane. Not
    reported: small images, nets whose output is a plane (segmentation, generators), and nets that already begin with a
    stride.

    Why: the first volumes are the largest, and training keeps them all; they, not the parameters, limit the batch.

    Example: the input and the four first convolutions of VGG16, with the pool between them, hold 69.5 % of its
    activations.

    Instead: a stride of 2 in the first convolution (7x7 with stride 2 in ZFNet and ResNet). The value of the advice is
    the number of activations of one image in the net with it. Every later volume shrinks as well, and so does a first
    FC on a plane; to keep the size of the last plane, leave out a pool.

    Source: CS231n, "Computational considerations" and "Layer Sizing Patterns" (compromising based on memory).
    """

    code: ClassVar[str] = "early-activations"
    minimum_side = 64
    minimum = 1_000_000

    def sites(self, report: Report) -> Iterable[Site]:
        inputs = [row for row in report.layers if row.layer.is_input]
        first = next((row for row in report.layers if isinstance(row.layer, Conv)), None)
        if len(inputs) != 1 or min(inputs[0].output.sides) < self.minimum_side or not _classifies(report):
            return
        if first is None or first.sources != (inputs[0].index,) or max(first.layer.stride) > 1:  # type: ignore[attr-defined]
            return
        early = _early(report)
        held = sum(row.activations for row in early)
        if held >= self.minimum and 2 * held > self.value(report, "activations"):
            yield Site(first, (held, early))

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, (held, early) = sites[0]
        total = self.value(report, "activations")
        message = (
            "the first layers should not hold most of the activations, but the layers before the second halving of the "
            f"plane hold {held:,} of {total:,} ({percent(held, total)})"
        )
        shares = sorted((Share(r.name, r.activations) for r in early), key=lambda share: -share.value)[:3]
        strided = row.layer.with_keys(stride=2)
        changed, what = with_changes(report, {row.index: (strided,)}), f"{strided.label()} as {row.name}"
        return self.found(report, sites, message, "activations", what=what, changed=changed, shares=tuple(shares))

    def value(self, report: Report, key: str) -> int:
        """The activations at test time."""
        return int(getattr(report.test_time, key))


def _classifies(report: Report) -> bool:
    """Whether all outputs are single pixels."""
    readers = report.graph.readers()
    return all(row.output.is_point for row in report.layers if not readers[row.index] and not row.training_only)


def _early(report: Report) -> list[LayerReport]:
    """The layers with memory of their own before the second layer that reduces the plane."""
    halvings: list[int] = []  # for each row, the most on any path to it
    early = []
    for row in report.layers:
        halved = max((halvings[source] for source in row.sources), default=0)
        if row.sources:
            halved += row.output[0] < row.input_volumes[0][0] and resizes(row)
        halvings.append(halved)
        if halved < 2 and not row.in_place and not row.training_only:
            early.append(row)
    return early
