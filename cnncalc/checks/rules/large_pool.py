"""The rule ``large-pool``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.analysis.rewriting import rewritten
from cnncalc.checks.findings import Advice, Finding
from cnncalc.checks.rules.base import (
    Rule,
    Site,
)
from cnncalc.layers.base import POINT
from cnncalc.layers.pooling import AdaptivePooling, Pooling
from cnncalc.layers.window import sized

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import Report


class LargePool(Rule):
    """Pools larger than 3x3 throw too much away at once.

    What: pools with a window of more than 3 pixels that take steps. Left alone are pools with stride 1, pools over the
    whole plane, adaptive pools, and pools in front of the classifier, with nothing but 1x1 convolutions between.

    Why: of 4x4 values one is kept; what is where is lost faster than the following layers can use it.

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
            if max(layer.kernel) <= 3 or max(layer.step) == 1 or row.output.is_point:
                continue
            readers = readers or report.graph.readers
            if not _is_before_classifier(report, row.index, readers):
                yield Site(row)

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row = sites[0].row
        kernel = sized(row.layer.kernel)  # type: ignore[attr-defined]
        x, y = row.input_volumes[0], row.output
        message = (
            f"a pool should be at most 3x3, but one of {kernel if 'x' in kernel else f'{kernel}x{kernel}'} "
            f"keeps {y.elements:,} of {x.elements:,} values"
        )
        advice = None
        times = (max(row.layer.step) - 1).bit_length()  # type: ignore[attr-defined]
        changed = rewritten(report, {site.row.index: [type(row.layer)(kernel=2)] * times for site in sites})
        if changed is not None and times > 1:
            pool = type(row.layer)(kernel=2).label()
            advice = Advice(f"{times} times {pool}, with convolutions between", changed.totals.activations)
        actual = report.totals.activations
        return self.found(report, sites, message, key="activations", actual=actual, advice=advice)


def _is_before_classifier(report: Report, index: int, readers: list[list[int]]) -> bool:
    """Whether a layer that sees the whole plane follows, behind nothing but layers that see one pixel or normalize."""
    while len(readers[index]) == 1:
        (index,) = readers[index]
        row = report.layers[index]
        if len(row.sources) > 1:
            return False
        if row.layer.is_view_at_test_time or row.layer.is_normalization:
            continue
        stencils = row.layer.stencils(*row.input_volumes)
        if stencils != (POINT, POINT):
            return row.output.is_point
    return False
