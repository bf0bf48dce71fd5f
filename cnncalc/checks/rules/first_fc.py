"""The rule ``first-fc``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.analysis.rewriting import with_pooled_fc
from cnncalc.checks.rules.base import Rule, Site
from cnncalc.figures.measure import Share
from cnncalc.layers.linear import FullyConnected
from cnncalc.units import percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.checks.findings import Finding


class FirstFc(Rule):
    """The first fully-connected layer should not hold most of the parameters.

    What: the first FC on a plane of more than one pixel, where it has more than half of all parameters, and at least
    a million of them. An FC on the image itself, a linear classifier, is not reported.

    Why: it has height x width x depth weights for each unit, which mostly learn the same pattern at each position. A
    mean over the plane loses almost nothing, as nets since GoogLeNet show.

    Example: fc6 of VGG16 has 102,764,544 of 138,357,544 parameters: 74.3 %.

    Instead: a global average pool before it (GAP -> FC). The value of the advice is the number of parameters of the
    net with it.

    Source: CS231n, "Case studies"; Lin et al. 2013, section 3.2; Szegedy et al. 2014, section 5.
    """

    code: ClassVar[str] = "first-fc"
    minimum = 1_000_000

    def sites(self, report: Report) -> Iterable[Site]:
        row = next(
            (row for row in report.layers if isinstance(row.layer, FullyConnected) and not row.training_only), None
        )
        if row is None or row.parameters < self.minimum or 2 * row.parameters <= report.totals.parameters:
            return
        changed = with_pooled_fc(report, brief=True)
        if changed is not None and _reads_features(report, row):
            yield Site(row, (changed[1],))

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, (changed,) = sites[0]
        total = report.totals.parameters
        message = (
            "the first fully-connected layer should not hold most of the parameters, but this one holds "
            f"{row.parameters:,} of {total:,} ({percent(row.parameters, total)})"
        )
        what, shares = f"global average pooling before {row.name}", (Share(row.name, row.parameters),)
        return self.found(report, sites, message, "parameters", what=what, changed=changed, shares=shares)


def _reads_features(report: Report, row: LayerReport) -> bool:
    """Whether a layer with MACs or a merge comes before a layer; the mean of the image itself would be one colour."""
    while len(row.sources) == 1:
        row = report.layers[row.sources[0]]
        if row.layer.counts_macs:
            return True
    return bool(row.sources)
