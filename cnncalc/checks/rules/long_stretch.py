"""The rule ``long-stretch``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.analysis.rewriting import rewritten_sum
from cnncalc.checks.rules.base import Rule, Site, resizes
from cnncalc.layers.batch_norm import BatchNorm
from cnncalc.layers.convolution import Conv

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.checks.findings import Finding
    from cnncalc.layers.base import Layer


class LongStretch(Rule):
    """Many convolutions in a row need a shortcut or a normalization.

    What: more than 4 convolutions with a kernel above 1x1 in a plain chain on planes of one size, without a merge or a
    normalization. The notes' pattern has N <= 3 before a pool; VGG-19 has 4.

    Why: a deeper plain stretch trains worse: gradients vanish, and the error grows even on the training set. It also
    keeps many volumes of the same, large size.

    Example: [CONV3-64 -> RELU]*8 -> POOL2.

    Instead: a pool or a stride in between, a shortcut around each two ([CONV -> RELU -> CONV | ] -> ADD), or BN after
    each. The value of the advice is the number of parameters of the net with BN after each of these convolutions
    instead of its bias.

    Source: CS231n, "Layer Patterns"; He et al. 2015, Figure 1.
    """

    code: ClassVar[str] = "long-stretch"
    maximum = 4

    def sites(self, report: Report) -> Iterable[Site]:
        stretches: list[tuple[int, ...]] = []  # for each row the first convolutions of the stretch it is in
        readers = report.graph.readers()
        for row in report.layers:
            goes_on = len(row.sources) == 1 and len(readers[row.sources[0]]) == 1 and not _ends_stretch(row)
            before = stretches[row.sources[0]] if goes_on else ()
            if isinstance(row.layer, Conv) and max(row.layer.kernel) > 1:
                if len(before) <= self.maximum:
                    before = (*before, row.index)
                    if len(before) == self.maximum + 1:
                        yield Site(row, before)
            stretches.append(before)

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, first = sites[0]
        volume = row.output
        readers = report.graph.readers()
        members = _stretch(report, readers, first)
        message = (
            f"at most {self.maximum} consecutive convolutions should lack a pool, shortcut or normalization, but this "
            f"is number {self.maximum + 1} of {len(members)} on {volume}"
        )
        changes: dict[int, Sequence[Layer]] = {}
        chains: dict[int, Sequence[Layer]] = {}  # by layer: many rows have the same one
        for site in sites:
            for index in _stretch(report, readers, site.facts):
                layer = report.layers[index].layer
                if id(layer) not in chains:
                    chains[id(layer)] = (layer.with_keys(bias="no"), BatchNorm())
                changes[index] = chains[id(layer)]
        changed = rewritten_sum(report, changes, "parameters")
        what = "BN after each convolution, instead of its bias"
        return self.found(report, sites, message, "parameters", what=what, changed=changed)


def _ends_stretch(row: LayerReport) -> bool:
    return len(row.sources) > 1 or row.layer.is_normalization or resizes(row)


def _stretch(report: Report, readers: list[list[int]], first: Sequence[int]) -> list[int]:
    """All convolutions of the stretch that begins with these."""
    members = list(first)
    index = members[-1]
    while len(readers[index]) == 1:
        (index,) = readers[index]
        row = report.layers[index]
        if _ends_stretch(row):
            break
        if isinstance(row.layer, Conv) and max(row.layer.kernel) > 1:
            members.append(index)
    return members
