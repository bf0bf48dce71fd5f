"""The rule ``unread-layer``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.analysis.rewriting import rewritten
from cnncalc.checks.rules.base import Rule, Site, listed
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.checks.findings import Finding


class UnreadLayer(Rule):
    """A layer whose output nothing reads is wasted.

    What: a layer whose output no other layer takes, and which does not end the chain or a fork. It has a name, or the
    design would have been rejected. `training_only` layers are not reported. An intended output goes into a fork at
    the end ([FC-10 | FC-4]) or is named under `ignore: {unread-layer: NAME}`.

    Why: it is computed, stored and trained without any effect; usually an ADD or CONCAT lacks an input.

    Example: a list entry `conv: {name: proj, filters: 64, inputs: pool1}` to which no `add` refers.

    Instead: read it, or leave it out. The value of the advice is the number of multiply-adds of the net without it and
    without what feeds it alone.

    Source: no paper; the graph itself.
    """

    code: ClassVar[str] = "unread-layer"

    def sites(self, report: Report) -> Iterable[Site]:
        readers = report.graph.readers
        last = len(report.layers) - 1
        for row, node in zip(report.layers, report.graph.nodes, strict=True):
            if not readers[row.index] and not node.is_end and not row.training_only and row.index != last:
                yield Site(row)

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        dead = {site.row.index for site in sites}
        readers = report.graph.readers
        for row in reversed(report.layers):
            if readers[row.index] and all(reader in dead for reader in readers[row.index]):
                dead.add(row.index)
        macs = sum(report.layers[index].macs for index in dead)
        weights = sum(report.layers[index].parameters for index in dead)
        message = (
            f"a layer should be read by another one or end the net, but nothing reads this one: "
            f"{macs:,} MACs and {plural(weights, 'parameter')} unused"
        )
        changed = rewritten(report, dict.fromkeys(dead, ()))
        names = [report.layers[index].name for index in sorted(dead)]
        what = f"without {listed(names) if len(names) < 5 else f'{names[0]} to {names[-1]}'}"
        return self.found(report, sites, message, "macs", what=what, changed=changed)
