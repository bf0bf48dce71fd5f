"""The rule ``uneven-window``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.checks.rules.base import Rule, Site, left_over, lines_left, unread, with_changes
from cnncalc.checks.rules.input_side import InputSides
from cnncalc.errors import CnncalcError
from cnncalc.layers.convolution import Convolution
from cnncalc.layers.global_pooling import GlobalAveragePool
from cnncalc.layers.pooling import AveragePool, PaddedPooling
from cnncalc.units import listed
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.checks.findings import Finding


class UnevenWindow(Rule):
    """Windows should cover the whole input; otherwise rows and columns at the far end are never read.

    What: with an input of side W, a window of F pixels, padding P and stride S, (W - F + 2P)/S should be an integer.
    If it is not, frameworks round down silently. Reported are windows that leave rows or columns of the volume itself
    unread. Unread padding is not reported (7x7/2 with pad 3 on 224), nor are pools with `round: ceil` and `pad: same`,
    which read everything, nor 1x1 with stride 2, which skips the same pixels everywhere. Cases that another input size
    would fix are reported by input-side.

    Why: what earlier layers computed there is dropped, and the map is no longer centred on the image.

    Example: CONV7-96/2(pad=0) on [224x224x3]: (224 - 7)/2 = 108.5, so a row and a column of the image are lost.

    Instead: pad so that it fits, round pools up (`round: ceil`), or choose the next side that fits. The value of the
    advice is the number of elements of the whole net that are then left unread.

    Source: CS231n, "Constraints on strides"; Dumoulin and Visin 2016, section 2.4.
    """

    code: ClassVar[str] = "uneven-window"

    def sites(self, report: Report) -> Iterable[Site]:
        known: dict[tuple[int, Volume], tuple[int, ...]] = {}  # by layer: many rows have the same one
        sites = []
        for row in report.layers:
            if row.sources:
                key = id(row.layer), row.input_volumes[0]
                if key not in known:
                    known[key] = left_over(row.layer, row.input_volumes[0])
                if any(known[key]):
                    sites.append(Site(row, known[key]))
        if sites:
            sides = InputSides(report)
            reported = {row.index for row in sides.lost} if sides.sides else set()
            sites = [site for site in sites if site.row.index not in reported]
        return sites

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, left = sites[0]
        x = row.input_volumes[0]
        message = f"windows should fit evenly, but {row.label} leaves {lines_left(left, x)} of {x} unread"
        fitting = _fitting_sizes(row, x)
        if fitting:
            message += f"; {listed(fitting, 'and')} would fit"
        what, changed = _first_fix(report, sites)
        return self.found(report, sites, message, "unread", what=what, changed=changed)


def _first_fix(report: Report, sites: Sequence[Site]) -> tuple[str, Report | None]:
    """The first change with which the net leaves less unread, in words, and the net with it; None if there is none."""
    for what, keys in _fixes(sites[0].row):
        try:
            layers = [site.row.layer.with_keys(**keys) if keys else GlobalAveragePool() for site in sites]
        except CnncalcError:
            continue
        changed = with_changes(report, {site.row.index: (layer,) for site, layer in zip(sites, layers, strict=True)})
        if changed is not None and unread(changed) < unread(report):
            return what, changed
    return "", None


def _fitting_sizes(row: LayerReport, x: Volume) -> list[str]:
    """The nearest smaller and larger sizes of the input that the windows of the layer cover."""
    found = []
    for step in (-1, 1):
        sides = []
        for side in range(len(x.sides)):
            size = x[side]
            for distance in range(2 * max(row.layer.windows(x).stride) + 1):  # type: ignore[attr-defined]
                tried = list(x)
                tried[side] = size + step * distance
                try:
                    if tried[side] > 0 and left_over(row.layer, Volume(*tried))[side] == 0:
                        sides.append(tried[side])
                        break
                except CnncalcError:
                    break
        if len(sides) == len(x.sides):
            found.append("x".join(map(str, sides)))
    return found


def _fixes(row: LayerReport) -> list[tuple[str, dict[str, object]]]:
    """Changes of keys that may make the windows fit, the smallest first; no keys stand for a global average pool."""
    layer = row.layer
    if isinstance(layer, AveragePool) and row.output.is_point:
        return [("GAP", {})]
    if isinstance(layer, PaddedPooling):
        return [("round: ceil", {"round": "ceil"})]
    fixes: list[tuple[str, dict[str, object]]] = []
    if isinstance(layer, Convolution):
        pads = layer.pads()
        if not isinstance(pads, str):
            for more in range(1, max(layer.kernel) // 2 + 1):
                pad = layer.keys["pad"].reader.write(tuple([one + more for one in pads]))
                fixes.append((f"pad: {pad}", {"pad": pad}))
        fixes.append(("pad: same", {"pad": "same"}))
    return fixes
