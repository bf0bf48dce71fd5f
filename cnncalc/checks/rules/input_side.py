"""The rule ``input-side``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.analysis.volumes import propagate, shapes
from cnncalc.checks.rules.base import Rule, Site, left_over, lines_left, unread, with_changes
from cnncalc.errors import CnncalcError
from cnncalc.layers.convolution import Conv
from cnncalc.layers.input import Input
from cnncalc.layers.pooling import PaddedPooling, Pooling
from cnncalc.units import listed, plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.analysis.volumes import Known
    from cnncalc.checks.findings import Finding
    from cnncalc.layers.base import Layer
    from cnncalc.volume import Volume


def _halves(layer: Layer) -> bool:
    """Whether windows are adjacent and unpadded, so that only the size of the input decides whether they fit."""
    if isinstance(layer, PaddedPooling) and (isinstance(layer.pad, str) or any(layer.pad)):
        return False
    if isinstance(layer, Pooling):
        return max(layer.kernel) > 1 and layer.kernel == layer.step
    return isinstance(layer, Conv) and not any(layer.pads()) and layer.kernel == layer.stride


def _left(row: LayerReport) -> tuple[int, ...]:
    return left_over(row.layer, row.input_volumes[0])


MAX_SIDES = 128
"""Maximum number of smaller and of larger sides that are tried."""

MAX_WORK = 20_000
"""Maximum number of layers whose volumes are computed to try sides."""


class InputSides:
    """The layers that leave input unread (``lost``), and the nearest input sizes without unread input (``sides``)."""

    def __init__(self, report: Report) -> None:
        self.report = report
        inputs = [row for row in report.layers if row.layer.is_input]
        halving = [row for row in report.layers if row.sources and _halves(row.layer)]
        # a window over the whole plane does not count, nor one over other sides than those of the input
        losing = [
            row
            for row in halving
            if any(_left(row)) and not row.output.is_point and len(row.output) == len(inputs[0].output)
        ]
        self.lost = losing if len(inputs) == 1 else []
        self.place = inputs[0].index
        self.indices = {row.index for row in halving}
        self.known: Known = {}
        self.sides: list[Volume] = []
        if self.lost:
            tries = min(MAX_SIDES, MAX_WORK // len(report.layers))
            found = [self._next(inputs[0].output, step, tries) for step in (-1, 1)]
            self.sides = [size for size in found if size is not None]

    def _next(self, size: Volume, step: int, tries: int) -> Volume | None:
        """The next input size in one direction (``step`` 1 or -1) that works; None if there is none."""
        lost = [any(side) for side in zip(*[_left(row) for row in self.lost], strict=True)]
        # a side without losses stays as it is, unless all sides are equal
        changed = [True] * len(lost) if len(set(size.sides)) == 1 else lost
        if len(set(size.sides)) == 1 or sum(changed) == 1:
            return self._search(size, step, tries, changed)
        result = size
        for side in [side for side, is_lost in enumerate(changed) if is_lost]:
            found = self._search(size, step, tries, [other == side for other in range(len(changed))])
            if found is None:
                return None
            result = result.with_sides((*result[:side], found[side], *result[side + 1 : -1]))
        return result

    def _search(self, size: Volume, step: int, tries: int, changed: Sequence[bool]) -> Volume | None:
        for distance in range(1, tries + 1):
            sides = zip(size.sides, changed, strict=True)
            tried = size.with_sides(tuple([side + step * distance * is_changed for side, is_changed in sides]))
            if min(tried) < 1:
                return None
            if self._fits(tried, changed):
                return tried
        return None

    def _fits(self, size: Volume, changed: Sequence[bool]) -> bool:
        """Whether no halving layer leaves anything unread with an input of this size."""
        report = self.report
        nodes = [
            node._replace(layer=row.layer, stated=None)
            for node, row in zip(report.graph.nodes, report.layers, strict=True)
        ]
        nodes[self.place] = nodes[self.place]._replace(layer=Input(size=list(size)))

        def is_uneven(layer: Layer, x: Volume) -> bool:
            left = left_over(layer, x)
            return any(left) if len(left) != len(changed) else any(map(all, zip(left, changed, strict=True)))

        try:
            for index, item in enumerate(shapes(nodes, self.known)):  # most sizes leave something soon
                if index in self.indices and item is not None and is_uneven(item.layer, item.inputs[0]):
                    return False
            shaped = propagate(report.graph._replace(nodes=tuple(nodes)), with_hints=False, known=self.known)
        except CnncalcError:
            return False
        after = [item for item in shaped if item.inputs and is_uneven(item.layer, item.inputs[0])]
        before = [row for row in report.layers if row.sources and is_uneven(row.layer, row.input_volumes[0])]
        return len(after) < len(before)


class InputSide(Rule):
    """The input height and width should be divisible by 2 as many times as the net halves them.

    What: pools of 2x2 with stride 2, and all other windows that lie side by side, need a side that is a multiple of
    their stride. Reported is the input of a net where such a window leaves a row or column unread and another input
    side would avoid it.

    Why: each such pool drops what was computed at the far end, and upsampling does not restore the size.

    Example: INPUT 100x100x3 with three POOL2: 100, 50, 25, and the third leaves a row and a column of 25 unread.

    Instead: a side that can be halved as often: 32, 64, 96, 224, 384, 512. The advice names the next smaller and the
    next larger side that work in this net; its value is the number of elements then left unread.

    Source: CS231n, "Layer Sizing Patterns".
    """

    code: ClassVar[str] = "input-side"

    def sites(self, report: Report) -> Iterable[Site]:
        sides = InputSides(report)
        if sides.sides:
            yield Site(report.layers[sides.place], (sides.lost, sides.sides))

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, (lost, sizes) = sites[0]
        first = lost[0]
        x = first.input_volumes[0]
        more = f" (and {plural(len(lost) - 1, 'later layer')})" if len(lost) > 1 else ""
        message = (
            f"every pool should divide its input evenly, but {first.name}{more} leaves "
            f"{lines_left(left_over(first.layer, x), x)} of {x} unread"
        )
        tried = [(size, with_changes(report, {row.index: (row.layer.with_keys(size=list(size)),)})) for size in sizes]
        fitting = [(size.size, changed) for size, changed in tried if changed is not None]
        what = f"an input of {listed([size for size, _ in fitting], 'or')}" if fitting else ""
        worst = max([changed for _, changed in fitting], key=unread, default=None)
        return self.found(report, sites, message, "unread", what=what, changed=worst)
