"""The rule ``large-pool``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.checks.rules.base import Rule, Site, with_changes
from cnncalc.layers.pooling import AdaptivePooling, Pooling
from cnncalc.layers.stencil import POINT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.checks.findings import Finding


class LargePool(Rule):
    """Pools larger than 3x3 discard too much at once.

    What: pools with a window of more than 3 pixels (on a length more than 9) and a stride. Not reported: pools with
    stride 1, pools over the whole plane, adaptive pools, and pools before the classifier, where only layers that see
    one pixel (1x1 convolutions, activation functions), normalizations and views stand between the pool and a layer that
    sees the whole plane.

    Why: of 4x4 values one is kept; positions are lost faster than the following layers can use them.

    Example: CONV3-64 -> RELU -> POOL4.

    Instead: POOL2 (or POOL3/2) twice, with convolutions between, or a convolution with a stride. The value of the
    advice is the number of activations of the net with 2x2 pools, one after the other, in its place.

    Source: CS231n, "Pooling Layer": "the most common are 2x2 with stride 2 and 3x3 with stride 2; larger ones are too
    destructive".
    """

    code: ClassVar[str] = "large-pool"

    def sites(self, report: Report) -> Iterable[Site]:
        readers: list[list[int]] = []
        for row in report.layers:
            layer = row.layer
            if not isinstance(layer, Pooling) or (isinstance(layer, AdaptivePooling) and layer.adaptive):
                continue
            if max(layer.kernel) <= _largest(row) or max(layer.step) == 1 or row.output.is_point:
                continue
            readers = readers or report.graph.readers()
            if not _is_before_classifier(report, row.index, readers):
                yield Site(row)

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row = sites[0].row
        kernel = "x".join(map(str, row.layer.kernel))  # type: ignore[attr-defined]
        most = "x".join([str(_largest(row))] * len(row.output.sides))
        x, y = row.input_volumes[0], row.output
        message = f"a pool should be at most {most}, but one of {kernel} keeps {y.elements:,} of {x.elements:,} values"
        times = (max(row.layer.step) - 1).bit_length()  # type: ignore[attr-defined]
        changed = with_changes(report, {site.row.index: [type(row.layer)(kernel=2)] * times for site in sites})
        what = f"{times} times {type(row.layer)(kernel=2).label()}, with convolutions between"
        return self.found(report, sites, message, "activations", what=what, changed=changed if times > 1 else None)


def _largest(row: LayerReport) -> int:
    """The largest side of a window that is not reported: 3; for sequences 9, as many elements as 3x3 has."""
    return 9 if len(row.output.sides) == 1 else 3


def _is_before_classifier(report: Report, index: int, readers: list[list[int]]) -> bool:
    """Whether the next layer that sees more than one pixel, normalizations aside, sees the whole plane."""
    while len(readers[index]) == 1:
        (index,) = readers[index]
        row = report.layers[index]
        if len(row.sources) > 1:
            return False
        if row.layer.is_view_at_test_time or row.layer.is_normalization:
            continue
        stencils = row.layer.stencils(*row.input_volumes)
        if stencils is None or any(stencil != POINT for stencil in stencils):
            return row.output.is_point
    return False
