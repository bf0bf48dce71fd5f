"""The rule ``odd-depth``."""

from __future__ import annotations

from math import lcm
from typing import TYPE_CHECKING, ClassVar

from cnncalc.analysis.rewriting import rewritten_sum
from cnncalc.checks.rules.base import Rule, Site

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.checks.findings import Finding
    from cnncalc.layers.base import Layer


class OddDepth(Rule):
    """Large depths should be divisible by 8.

    What: convolutions and FC layers with more than 128 filters or units whose number is not divisible by 8. The last
    one of a chain, whose number is that of the classes, is not reported.

    Why: matrix units of GPUs process 8 half-precision numbers at once (16 of int8), and channels are stored in groups
    of that size. Other depths are padded or take a slower path.

    Example: CONV3-250: its time is that of CONV3-256.

    Instead: the next multiple of 8 that is also a multiple of the groups. The value of the advice is the number of
    multiply-adds of the net with it.

    Source: NVIDIA, "Deep Learning Performance: Convolutional Layers User's Guide", section on channels in and out.
    """

    code: ClassVar[str] = "odd-depth"
    above = 128
    multiple = 8

    def sites(self, report: Report) -> Iterable[Site]:
        odd = [row for row in report.layers if row.output.depth > self.above and row.output.depth % self.multiple]
        if not odd:
            return
        readers = report.graph.readers()
        precedes_macs = [False] * len(report.layers)  # whether a layer with MACs comes after each row
        for row in reversed(report.layers):
            after = [report.layers[reader] for reader in readers[row.index]]
            precedes_macs[row.index] = any(r.layer.counts_macs or precedes_macs[r.index] for r in after)
        for row in odd:
            if row.layer.counts_macs and row.layer.depth_key and precedes_macs[row.index]:
                yield Site(row)

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row = sites[0].row
        depth = row.output.depth
        message = f"a large depth should be divisible by {self.multiple}, but {row.label} has {depth:,} = "
        message += f"{depth // self.multiple}*{self.multiple} + {depth % self.multiple}"
        changed = rewritten_sum(report, {site.row.index: (self._rounded(site.row),) for site in sites}, "macs")
        what = f"a depth of {self._better(row):,}"
        return self.found(report, sites, message, "macs", what=what, changed=changed)

    def _better(self, row: LayerReport) -> int:
        """The next depth that is divisible by 8 and by the groups."""
        step = lcm(self.multiple, getattr(row.layer, "groups", 1))
        return -(-row.output.depth // step) * step

    def _rounded(self, row: LayerReport) -> Layer:
        return row.layer.with_keys(**{row.layer.depth_key or "": self._better(row)})
