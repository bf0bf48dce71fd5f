"""The rule ``many-fc``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.analysis.rewriting import rewritten_sum
from cnncalc.checks.rules.base import Rule, Site
from cnncalc.layers.linear import FullyConnected

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.checks.findings import Finding
    from cnncalc.layers.base import Layer


class ManyFc(Rule):
    """At most two hidden fully-connected layers are enough.

    What: three or more FC layers one after the other before the last one (the notes' pattern has K < 3).
    Activation functions, normalizations, dropout and other layers without MACs may stand between them.

    Why: after the convolutions one or two layers suffice; each further one of 4096 units has 16.8 million weights that
    mostly overfit.

    Example: [FC-4096 -> RELU]*3 -> FC-10.

    Instead: two, one, or none after a global average pool. The value of the advice is the number of parameters of the
    net without the hidden FC layers beyond the second.

    Source: CS231n, "Layer Patterns".
    """

    code: ClassVar[str] = "many-fc"
    maximum = 2

    def sites(self, report: Report) -> Iterable[Site]:
        none = (0, 0)
        chains: list[tuple[int, int]] = []  # for each row the FC layers in a row before it, and the third one
        readers = report.graph.readers()
        for row in report.layers:
            before = chains[row.sources[0]] if len(row.sources) == 1 and len(readers[row.sources[0]]) == 1 else none
            if isinstance(row.layer, FullyConnected):
                count = before[0] + 1
                before = (count, row.index if count <= self.maximum + 1 else before[1])
                if count > self.maximum + 1 and not _next_fc(report, readers, row.index):
                    yield Site(report.layers[before[1]], (count, row.index))
            elif not _is_between(row.layer):
                before = none
            chains.append(before)

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        hidden = sites[0].facts[0] - 1
        message = (
            f"at most {self.maximum} hidden fully-connected layers should precede the last one, but there are {hidden}"
        )
        changes: dict[int, Sequence[Layer]] = {}
        for site in sites:
            for index in range(site.row.index, site.facts[1]):
                if not report.layers[index].output.is_point or len(report.layers[index].sources) != 1:
                    return self.found(report, sites, message)
                changes[index] = ()
        changed = rewritten_sum(report, changes, "parameters")
        what = f"{self.maximum} hidden FC layers"
        return self.found(report, sites, message, "parameters", what=what, changed=changed)


def _next_fc(report: Report, readers: list[list[int]], index: int) -> bool:
    """Whether another FC follows in the same chain."""
    while len(readers[index]) == 1:
        (index,) = readers[index]
        row = report.layers[index]
        if isinstance(row.layer, FullyConnected):
            return True
        if not _is_between(row.layer):
            return False
    return False


def _is_between(layer: Layer) -> bool:
    """Whether FC layers on both sides of it count as consecutive."""
    return layer.is_activation or layer.is_normalization or (layer.is_linear and not layer.counts_macs)
