"""The rule ``input-side``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.analysis.rewriting import rewritten
from cnncalc.analysis.volumes import propagate
from cnncalc.checks.findings import Advice, Finding
from cnncalc.checks.rules.base import (
    NOTHING_LEFT,
    Rule,
    Site,
    left_over,
    lines_left,
    listed,
    unread,
)
from cnncalc.errors import CnncalcError
from cnncalc.layers.convolution import Conv
from cnncalc.layers.input import Input
from cnncalc.layers.pooling import PaddedPooling, Pooling
from cnncalc.units import plural
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.layers.base import Layer


def _halves(layer: Layer) -> bool:
    """Whether windows lie side by side without padding, so that the size of the input alone decides how they fit."""
    if isinstance(layer, PaddedPooling) and layer.pad != (0, 0, 0, 0):
        return False
    if isinstance(layer, Pooling):
        return max(layer.kernel) > 1 and layer.kernel == layer.step
    return isinstance(layer, Conv) and layer.pads() == (0, 0, 0, 0) and layer.kernel == layer.stride


MOST_SIDES = 128
"""So many sides below and above the one given are tried."""


MOST_WORK = 20_000
"""So many layers are worked out in trying sides."""


class Sides:
    """Which layers an input of another size would serve, and the next such sizes."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.lost: list[LayerReport] = []
        self.sides: list[Volume] = []
        inputs = [row for row in report.layers if row.layer.is_input]
        if len(inputs) != 1:
            return
        lost = [
            row for row in report.layers if row.sources and left_over(row.layer, row.input_volumes[0]) != NOTHING_LEFT
        ]
        # a window over the whole plane is no halving
        self.lost = [row for row in lost if _halves(row.layer) and not row.output.is_point]
        if not self.lost:
            return
        self.place = inputs[0].index
        self.indices = [row.index for row in report.layers if row.sources and _halves(row.layer)]
        size = inputs[0].output
        tries = min(MOST_SIDES, MOST_WORK // len(report.layers))
        for step in (-1, 1):
            found = self._next(size, step, tries)
            if found is not None:
                self.sides.append(found)

    def _next(self, size: Volume, step: int, tries: int) -> Volume | None:
        lost = [left_over(row.layer, row.input_volumes[0]) for row in self.lost]
        high, wide = any(rows for rows, _ in lost), any(columns for _, columns in lost)
        # a side without losses stays as it is, unless the image is square
        high, wide = (True, True) if size.height == size.width else (high, wide)
        if high and wide and size.height != size.width:
            tall = self._search(size, step, tries, high=True, wide=False)
            broad = self._search(size, step, tries, high=False, wide=True)
            return Volume(tall.height, broad.width, size.depth) if tall and broad else None
        return self._search(size, step, tries, high=high, wide=wide)

    def _search(self, size: Volume, step: int, tries: int, *, high: bool, wide: bool) -> Volume | None:
        for distance in range(1, tries + 1):
            tried = Volume(size.height + step * distance * high, size.width + step * distance * wide, size.depth)
            if min(tried) < 1:
                return None
            if self._fits(tried, high=high, wide=wide):
                return tried
        return None

    def _fits(self, size: Volume, *, high: bool, wide: bool) -> bool:
        """Whether nothing is left over by any of the layers with an input of this size."""
        report = self.report
        nodes = [
            node._replace(layer=row.layer, stated=None)
            for node, row in zip(report.graph.nodes, report.layers, strict=True)
        ]
        nodes[self.place] = nodes[self.place]._replace(layer=Input(size=list(size)))
        try:
            shaped = propagate(report.graph._replace(nodes=tuple(nodes)), with_hints=False)
        except CnncalcError:
            return False
        before = [left_over(row.layer, row.input_volumes[0]) for row in report.layers if row.sources]
        after = [left_over(item.layer, item.inputs[0]) for item in shaped if item.inputs]
        here = [left_over(shaped[index].layer, shaped[index].inputs[0]) for index in self.indices]

        def uneven(left: list[tuple[int, int]]) -> int:
            return sum(1 for rows, columns in left if (rows and high) or (columns and wide))

        return not uneven(here) and uneven(after) < uneven(before)


class InputSide(Rule):
    """The input side should be halved as often as the net halves it.

    What: pools of 2x2 with stride 2 (and all windows that lie side by side) need a side that they divide. Found is the
    input of a net in which one of them leaves a row or column over, where another side would cure it.

    Why: each such pool throws away what was computed at the far end, and upsampling does not lead back to the size.

    Example: INPUT 100x100x3 with three POOL2: 100, 50, 25, and the third leaves a row and a column of 25 unread.

    Instead: a side that is divided by 2 as often: 32, 64, 96, 224, 384, 512. The next sides below and above that
    work in this very net have been tried; the value of the advice is the number of elements then left over.

    Source: CS231n, "Layer Sizing Patterns".
    """

    code: ClassVar[str] = "input-side"

    def sites(self, report: Report) -> Iterable[Site]:
        sides = Sides(report)
        if sides.sides:
            yield Site(report.layers[sides.place], (sides.lost, sides.sides))

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, (lost, sizes) = sites[0]
        first = lost[0]
        x = first.input_volumes[0]
        more = f" (and {plural(len(lost) - 1, 'layer')} behind it)" if len(lost) > 1 else ""
        message = (
            f"the input side must be divided by every pool, but {first.name}{more} leaves "
            f"{lines_left(left_over(first.layer, x))} of {x} unread"
        )
        actual = unread(report)
        advice = None
        tried = [(size, rewritten(report, {row.index: (row.layer.with_keys(size=list(size)),)})) for size in sizes]
        fitting = [(size.size, unread(changed)) for size, changed in tried if changed is not None]
        if fitting:
            what = f"an input of {listed([size for size, _ in fitting], 'or')}"
            advice = Advice(what, max([left for _, left in fitting]))
        return self.found(report, sites, message, key="unread", actual=actual, advice=advice)
