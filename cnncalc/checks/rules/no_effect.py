"""The rule ``no-effect``."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, ClassVar

from cnncalc.checks.rules.base import Rule, Site, with_changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.checks.findings import Finding


class NoEffect(Rule):
    """A layer should change its input.

    What: an activation function whose input is already in its range (RELU, CLIP or ABS after RELU, RELU6 or sigmoid,
    also across a max pool, a view or dropout), a pool of 1x1 with stride 1, a global pool of a single pixel, upsampling
    by 1, padding by 0, dropout at rate 0, a factor of 1 with a shift of 0, and a slice of all channels.

    Why: it costs time without any effect, and is usually a mistake.

    Example: CONV3-64 -> RELU -> POOL2 -> RELU.

    Instead: leave it out. The value of the advice is the number of layers of the net without it.

    Source: the definitions; max(0, max(0, x)) = max(0, x).
    """

    code: ClassVar[str] = "no-effect"

    def sites(self, report: Report) -> Iterable[Site]:
        for row in report.layers:
            if len(row.sources) == 1:
                reason = self._reason(report, row)
                if reason:
                    yield Site(row, (reason,))

    def _reason(self, report: Report, row: LayerReport) -> str | None:
        layer, x = row.layer, row.input_volumes[0]
        reason = layer.no_effect(x)
        if reason is not None or not layer.is_idempotent:
            return reason
        before = report.layers[row.sources[0]]
        while before.layer.picks_values and len(before.sources) == 1:
            before = report.layers[before.sources[0]]
        low, high = layer.output_range
        lowest, highest = before.layer.output_range
        if not low <= lowest <= highest <= high:
            return None
        top = "" if high == inf else f" and at most {high:g}"
        return f"{before.label} ({before.name}) already gives at least {low:g}{top}"

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, (reason,) = sites[0]
        message = f"a layer should change its input, but {row.label} does not: {reason}"
        changed = with_changes(report, {site.row.index: () for site in sites})
        what = f"without {row.name}" if len(sites) == 1 else "without them"
        return self.found(report, sites, message, "all_layers", what=what, changed=changed)
