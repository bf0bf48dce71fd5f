"""The rule ``softmax-inside``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.checks.rules.base import Rule, Site, with_changes
from cnncalc.layers.activation import Relu

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.checks.findings import Finding


class SoftmaxInside(Rule):
    """A softmax belongs at the end of a net.

    What: a softmax whose output another layer computes with. Not reported is a softmax that weighs volumes (its reader
    is MUL: attention), nor one that only linear layers without parameters follow, such as views and means.

    Why: its outputs add up to 1 along the depth, so the next layer sees tiny numbers and hardly a gradient; two softmax
    layers in a row make all classes nearly equal.

    Example: FC-128 -> SOFTMAX -> FC-10.

    Instead: a RELU. The value of the advice is the number of activations of the net with it: a RELU works in place,
    a softmax does not.

    Source: CS231n, "Softmax classifier".
    """

    code: ClassVar[str] = "softmax-inside"

    def sites(self, report: Report) -> Iterable[Site]:
        readers = report.graph.readers()
        for row in report.layers:
            if row.layer.gives_probabilities:
                reader = _first_computing_reader(report, readers, row.index)
                if reader is not None:
                    yield Site(row, (reader,))

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        (reader,) = sites[0].facts
        message = f"a softmax should end the net, but {reader.label} ({reader.name}) computes with its output"
        twice = reader.layer.gives_probabilities
        changed = with_changes(report, {site.row.index: () if twice else (Relu(),) for site in sites})
        what = "leave it out" if twice else "a RELU in its place"
        return self.found(report, sites, message, "activations", what=what, changed=changed)


def _first_computing_reader(report: Report, readers: list[list[int]], index: int) -> LayerReport | None:
    """The first later layer that computes with the values: it is not a view, a mean or a product."""
    todo, seen = list(readers[index]), set()
    while todo:
        at = todo.pop(0)
        if at in seen:
            continue
        seen.add(at)
        row = report.layers[at]
        if row.layer.is_merge and not row.layer.is_linear:
            continue
        if row.layer.learns or not row.layer.is_linear:
            return row
        todo += readers[at]
    return None
