"""The rule ``linear-on-map``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.analysis.rewriting import rewritten_sum
from cnncalc.checks.rules.base import Rule, Site
from cnncalc.layers.linear import FullyConnected, Linear

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.checks.findings import Finding


class LinearOnMap(Rule):
    """The scores of a classifier should come from the whole map.

    What: a LINEAR on a map of more than one position, after which only a softmax, dropout or views follow up to the
    end of the net. Sequences are not reported.

    Why: LINEAR works at each position alone, so the net gives scores for every position, not for the image. FC sees the
    whole map; with GAP before it LINEAR does too.

    Example: INPUT 8x8x64 -> LINEAR-10 -> SOFTMAX gives [8x8x10].

    Instead: FC with as many units. The value of the advice is the number of weights of the net with it.

    Source: keras-team/keras#11866, where Dense was expected to flatten its input.
    """

    code: ClassVar[str] = "linear-on-map"

    def sites(self, report: Report) -> Iterable[Site]:
        readers = report.graph.readers()
        for row in report.layers:
            is_map = len(row.output.sides) > 1 and not row.output.is_point
            if isinstance(row.layer, Linear) and is_map and self._ends(report, readers, row.index):
                yield Site(row)

    def _ends(self, report: Report, readers: list[list[int]], index: int) -> bool:
        """Whether only softmax, dropout and views follow."""
        todo = list(readers[index])
        while todo:
            layer = report.layers[todo[-1]].layer
            if not (layer.gives_probabilities or layer.is_view_at_test_time):
                return False
            todo += readers[todo.pop()]
        return True

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row = sites[0].row
        message = f"scores should come from the whole map, but {row.label} gives them at each position of {row.output}"
        changes = {site.row.index: (FullyConnected(units=site.row.output.depth),) for site in sites}
        changed = rewritten_sum(report, changes, "weights")
        return self.found(report, sites, message, "weights", what=f"FC-{row.output.depth}", changed=changed)
