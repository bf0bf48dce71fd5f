"""The rule ``activation-after-last-fc``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.checks.rules.base import Rule, Site, with_changes
from cnncalc.layers.linear import FullyConnected
from cnncalc.units import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.checks.findings import Finding


class ActivationAfterLastFc(Rule):
    """No rectifier or dropout should follow the last fully-connected layer, which outputs the scores.

    What: an output of the net that is an FC followed by a rectifier (RELU and its variants) or by dropout. Sigmoid,
    TANH and softmax bound the scores on purpose and are not reported, nor are maps that are averaged after a RELU
    (Network in Network, SqueezeNet), since no FC is there.

    Why: a RELU sets every negative score to zero: the loss gets no gradient for that class, and ties remain. Dropout
    there drops whole classes.

    Example: FC-256 -> RELU -> FC-10 -> RELU, often because [FC -> RELU]*K was repeated once too often.

    Instead: end with the FC. The value of the advice is the number of layers of the net without the layers after the
    FC.

    Source: CS231n, "Layer Patterns": [FC -> RELU]*K -> FC, "the last fully-connected layer ... class scores".
    """

    code: ClassVar[str] = "activation-after-last-fc"

    def sites(self, report: Report) -> Iterable[Site]:
        readers = report.graph.readers()
        for row in report.layers:
            if readers[row.index] or not row.sources:
                continue
            after: list[LayerReport] = []  # the layers after the FC, from the output back
            while len(row.sources) == 1 and (row.layer.is_rectifier or row.layer.is_view_at_test_time):
                after.append(row)
                row = report.layers[row.sources[0]]
            wrong = [other for other in after if not other.layer.is_view]
            if (
                isinstance(row.layer, FullyConnected)
                and wrong
                and all(len(readers[r.index]) == 1 for r in (row, *after[1:]))
            ):
                yield Site(wrong[-1], (row, wrong))

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        _, (fc, wrong) = sites[0]
        kinds = listed([other.label for other in reversed(wrong)])
        verb = "follows" if len(wrong) == 1 else "follow"
        message = f"the scores of the last fully-connected layer should stay unchanged, but {kinds} {verb} {fc.name}"
        gone = {other.index: () for site in sites for other in site.facts[1]}
        changed = with_changes(report, gone)
        return self.found(report, sites, message, "all_layers", what=f"end with {fc.label}", changed=changed)
