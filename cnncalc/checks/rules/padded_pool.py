"""The rule ``padded-pool``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.checks.rules.base import Rule, Site, with_changes
from cnncalc.layers.pooling import PaddedPooling
from cnncalc.layers.window import sized

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.checks.findings import Finding


class PaddedPool(Rule):
    """A pool needs no padding unless its windows overlap.

    What: padded pools whose output is larger than the input divided by the stride, rounded up. Padding that overlapping
    windows need is not reported: POOL3/1(pad=1) keeps the size, POOL3/2(pad=1) gives exactly half.

    Why: the outer windows see mostly padding. The maximum of a corner is taken over a single value, a mean is pulled
    towards zero, and the map gets a border without information.

    Example: POOL2(pad=1) on [32x32x16] gives [17x17x16].

    Instead: no padding, or `round: ceil` for an odd side. The value of the advice is the number of activations of the
    net without the padding.

    Source: CS231n, "Pooling Layer": "it is not common to pad the input using zero-padding".
    """

    code: ClassVar[str] = "padded-pool"

    def sites(self, report: Report) -> Iterable[Site]:
        for row in report.layers:
            layer = row.layer
            if not isinstance(layer, PaddedPooling) or isinstance(layer.pad, str) or not any(layer.pad):
                continue
            sides = zip(row.output.sides, row.input_volumes[0].sides, layer.step, strict=True)
            if any(after > -(-before // step) for after, before, step in sides):
                yield Site(row)

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row = sites[0].row
        layer = row.layer
        assert isinstance(layer, PaddedPooling)
        message = (
            f"a pool should need no padding, but pad {layer.written()['pad']} "
            f"turns {row.input_volumes[0]} into {row.output} with stride {sized(layer.step)}"
        )
        changed = with_changes(report, {site.row.index: (site.row.layer.with_keys(pad=None),) for site in sites})
        return self.found(report, sites, message, "activations", what="leave out pad", changed=changed)
