"""The rule ``linear-after-linear``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.analysis.rewriting import rewritten_sum
from cnncalc.checks.rules.base import Rule, Site, passes_all
from cnncalc.layers.activation import Relu
from cnncalc.layers.linear import FullyConnected
from cnncalc.units import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.checks.findings import Finding


class LinearAfterLinear(Rule):
    """Two linear layers need an activation function between them.

    What: a convolution or FC whose output reaches another one only through layers that are linear at test time, such as
    BN. Known linear constructions are not reported: depthwise convolutions next to a 1x1 (separable convolutions,
    linear bottlenecks), a layer narrower than both its neighbours (a factorization), 1xN next to Nx1, and whatever
    passes a merge (projections of a shortcut). Nor is a volume that other layers read too, as the gate of a
    squeeze-and-excitation block and the maps that it scales do: one layer in place of two would not give it.

    Why: two linear functions are one linear function: the second layer adds weights and time, but nothing that the
    first could not have learned.

    Example: CONV3-64 -> BN -> CONV3-64 is a single CONV5-64; FC-512 -> FC-10 on 1,024 inputs is a single FC-10.

    Instead: a RELU between them, or one layer. The value of the advice is the number of parameters of the net with it.

    Source: CS231n, "Layer Patterns" (three advantages of stacked filters) and "Commonly used activation functions".
    """

    code: ClassVar[str] = "linear-after-linear"

    def sites(self, report: Report) -> Iterable[Site]:
        linear: list[LayerReport | None] = []  # for each row the layer with MACs of which it is a linear function
        for row, readers in zip(report.layers, report.graph.readers(), strict=True):
            before = linear[row.sources[0]] if len(row.sources) == 1 else None
            if row.layer.counts_macs:
                if before is not None and not _on_purpose(before, row):
                    yield Site(row, (before,))
                before = row
            elif not row.layer.is_linear:
                before = None
            linear.append(before if len(readers) == 1 else None)

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, (first,) = sites[0]
        between = []
        index = row.sources[0]
        while index != first.index:
            between.append(report.layers[index].label)
            index = report.layers[index].sources[0]
        message = (
            f"two linear layers need an activation function between them, but between {first.label} ({first.name}) and "
            f"{row.label} there is {f'only {listed(between[::-1])}' if between else 'nothing'}"
        )
        what, changed = f"a RELU between them, or {row.label} alone", _merged(report, sites)
        if changed is None:
            what = "a RELU between them"
            changes = {site.row.index: (Relu(), site.row.layer) for site in sites}
            changed = rewritten_sum(report, changes, "parameters")
        return self.found(report, sites, message, "parameters", what=what, changed=changed)


def _merged(report: Report, sites: Sequence[Site]) -> int | None:
    """The parameters of the net without the first FC layer of each pair.

    None if the second one alone cannot represent both with fewer.
    """
    gone = {site.facts[0].index for site in sites}
    readers = report.graph.readers()
    if gone & {site.row.index for site in sites} or not all(_can_merge(report, readers, site) for site in sites):
        return None
    changed = rewritten_sum(report, dict.fromkeys(gone, ()), "parameters")
    return changed if changed is not None and changed < report.totals.parameters else None


def _on_purpose(first: LayerReport, second: LayerReport) -> bool:
    """Whether two linear layers in a row are a known construction."""
    if any(row.layer.is_depthwise(row.input_volumes[0]) for row in (first, second)):
        return True
    is_dense = [isinstance(row.layer, FullyConnected) for row in (first, second)]
    into = first.input_volumes[0].elements if any(is_dense) else first.input_volumes[0].depth
    middle = first.output.elements if is_dense[1] else first.output.depth
    if middle < into and middle < second.output.depth:
        return True
    one, two = (getattr(row.layer, "kernel", ()) for row in (first, second))
    return max(one, default=1) > 1 < max(two, default=1) and all(
        min(sides) == 1 for sides in zip(one, two, strict=False)
    )


def _can_merge(report: Report, readers: Sequence[Sequence[int]], site: Site) -> bool:
    """Whether the second of two FC layers alone can represent both."""
    row, (first,) = site
    index = row.sources[0]
    while index != first.index:
        if not passes_all(report.layers[index]):
            return False
        index = report.layers[index].sources[0]
    is_dense = isinstance(first.layer, FullyConnected) and isinstance(row.layer, FullyConnected)
    return is_dense and len(readers[first.index]) == 1
