"""Rules about windows: how they fit, how large they are, and what lies under them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.analysis.volumes import propagate
from cnncalc.checks.findings import Advice, Finding
from cnncalc.checks.rules.base import Rule, Site, counted, is_depthwise, listed, readers_of, rebuilt, with_keys
from cnncalc.errors import CnncalcError
from cnncalc.layers import KINDS
from cnncalc.layers.convolution import Conv, Convolution
from cnncalc.layers.keys import written_sides
from cnncalc.layers.pooling import AdaptivePooling, PaddedPooling, Pooling
from cnncalc.layers.window import sized
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.layers.base import Layer

NOTHING = (0, 0)


def left_over(layer: Layer, x: Volume) -> tuple[int, int]:
    """Rows and columns of the input at the far end that no window reaches.

    Padding is not counted, nor the gap that a stride larger than the window leaves between any two windows.
    """
    if not isinstance(layer, (Convolution, Pooling)) or (isinstance(layer, AdaptivePooling) and layer.adaptive):
        return NOTHING
    windows = layer.windows(x)
    left = []
    for side, size in enumerate((x.height, x.width)):
        stride, window = windows.stride[side], windows.kernel[side]
        reached = (windows.steps[side] - 1) * stride + window - windows.pads[side]
        left.append(max(0, size - reached - max(0, stride - window)))
    return left[0], left[1]


def unread(report: Report) -> int:
    """How many elements of all volumes lie in rows and columns that are left over."""
    total = 0
    for row in report.layers:
        if row.sources:
            x = row.input_volumes[0]
            rows, columns = left_over(row.layer, x)
            total += (x.height * x.width - (x.height - rows) * (x.width - columns)) * x.depth
    return total


def _lines(left: tuple[int, int]) -> str:
    """``1 row and 1 column``"""
    return listed([counted(n, what) for n, what in zip(left, ("row", "column"), strict=True) if n])


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


class _Sides:
    """Which layers an input of another size would serve, and the next such sizes."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.lost: list[LayerReport] = []
        self.sides: list[Volume] = []
        inputs = [row for row in report.layers if row.kind == "input"]
        if len(inputs) != 1:
            return
        lost = [row for row in report.layers if row.sources and left_over(row.layer, row.input_volumes[0]) != NOTHING]
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
        nodes[self.place] = nodes[self.place]._replace(layer=KINDS["input"](size=list(size)))
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


class UnevenWindow(Rule):
    """Windows must fit evenly, or rows and columns at the far end are never read.

    What: with an input of side W, a window of F pixels, padding P and stride S, (W - F + 2P)/S must be a whole number.
    Where it is not, frameworks round down without a word. Found are windows that leave over rows or columns of the
    volume itself. Padding that is left over costs nothing, as with 7x7/2 and pad 3 on 224; pools with `round: ceil` and
    `pad: same` read everything; 1x1 with stride 2 skips the same pixels everywhere. What another input side would
    cure is told by input-side instead.

    Why: what the layers before have computed there is thrown away, and the map moves off the centre of the image.

    Example: CONV7-96/2(pad=0) on [224x224x3]: (224 - 7)/2 = 108.5, so that a row and a column of the image are lost.

    Instead: pad so that it fits, round pools up (`round: ceil`), or choose the next side that fits. The advice has been
    tried: its value is the number of elements of the whole net that are then left over.

    Source: CS231n, "Constraints on strides"; Dumoulin and Visin 2016, section 2.4.
    """

    code: ClassVar[str] = "uneven-window"

    def sites(self, report: Report) -> Iterable[Site]:
        sides = _Sides(report)
        told = {row.index for row in sides.lost} if sides.sides else set()
        for row in report.layers:
            if row.sources and row.index not in told:
                left = left_over(row.layer, row.input_volumes[0])
                if left != NOTHING:
                    yield Site(row, left)

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, (rows, columns) = sites[0]
        x = row.input_volumes[0]
        message = f"windows must fit evenly, but {row.label} leaves {_lines((rows, columns))} of {x} unread"
        fitting = _fitting_sizes(row, x)
        if fitting:
            message += f"; {listed(fitting, 'and')} would fit"
        lost = unread(report)
        return self.found(report, sites, message, key="unread", actual=lost, advice=self._advice(report, sites, lost))

    def _advice(self, report: Report, sites: Sequence[Site], lost: int) -> Advice | None:
        for what, keys in _cures(sites[0].row):
            try:
                layers = [with_keys(site.row.layer, **keys) if keys else KINDS["gap"]() for site in sites]
            except CnncalcError:
                continue
            changed = rebuilt(report, {site.row.index: (layer,) for site, layer in zip(sites, layers, strict=True)})
            if changed is not None and unread(changed) < lost:
                return Advice(what, unread(changed))
        return None


def _fitting_sizes(row: LayerReport, x: Volume) -> list[str]:
    """The next smaller and the next larger input of the layer that its windows fit."""
    found = []
    for step in (-1, 1):
        sides = []
        for side in (0, 1):
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
        if len(sides) == 2:
            found.append(f"{sides[0]}x{sides[1]}")
    return found


def _cures(row: LayerReport) -> list[tuple[str, dict[str, object]]]:
    """Keys that may make the windows of a layer fit, the smallest change first; no keys: a global average pool."""
    layer = row.layer
    if row.kind == "avgpool" and row.output.is_point:
        return [("GAP", {})]
    if isinstance(layer, PaddedPooling):
        return [("round: ceil", {"round": "ceil"})]
    cures: list[tuple[str, dict[str, object]]] = []
    if isinstance(layer, Convolution):
        pads = layer.pads()
        if not isinstance(pads, str):
            for more in range(1, max(layer.kernel) // 2 + 1):
                pad = written_sides((pads[0] + more, pads[1] + more, pads[2] + more, pads[3] + more))
                cures.append((f"pad: {pad}", {"pad": pad}))
        cures.append(("pad: same", {"pad": "same"}))
    return cures


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
        sides = _Sides(report)
        if sides.sides:
            yield Site(report.layers[sides.place], (sides.lost, sides.sides))

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, (lost, sizes) = sites[0]
        first = lost[0]
        x = first.input_volumes[0]
        more = f" (and {counted(len(lost) - 1, 'layer')} behind it)" if len(lost) > 1 else ""
        message = (
            f"the input side must be divided by every pool, but {first.name}{more} leaves "
            f"{_lines(left_over(first.layer, x))} of {x} unread"
        )
        actual = unread(report)
        advice = None
        tried = [(size, rebuilt(report, {row.index: (with_keys(row.layer, size=list(size)),)})) for size in sizes]
        fitting = [(size.size, unread(changed)) for size, changed in tried if changed is not None]
        if fitting:
            what = f"an input of {listed([size for size, _ in fitting], 'or')}"
            advice = Advice(what, max([left for _, left in fitting]))
        return self.found(report, sites, message, key="unread", actual=actual, advice=advice)


class LargeKernel(Rule):
    """A stack of 3x3 convolutions sees as much as one large kernel, with fewer weights.

    What: found are convolutions with a square kernel of 5 or more for which a stack of 3x3 layers with as many filters
    gives the same volume and sees the same pixels with at least a fifth fewer weights. Both are computed. Left
    alone are first layers with a stride on 3 or fewer channels (there is little to save, and the stride is the point),
    kernels that widen a thin volume (a stack would cost more), depthwise, dilated and 1xN kernels, windows side by
    side, connection tables, and kernels over the whole plane.

    Why: three 3x3 layers see 7x7 with 27*C*C weights instead of 49*C*C, and have three non-linearities instead of one.

    Example: CONV7-256 on depth 256: 3,211,264 weights; [CONV3-256 -> RELU]*2 -> CONV3-256: 1,769,472.

    Instead: the stack, a RELU between its layers. The value of the advice is the number of weights of the net with it.
    It keeps more activations for the backward pass.

    Source: CS231n, "Layer Patterns"; Simonyan and Zisserman 2014, section 2.3.
    """

    code: ClassVar[str] = "large-kernel"

    def sites(self, report: Report) -> Iterable[Site]:
        for row in report.layers:
            layer = row.layer
            if not isinstance(layer, Conv) or row.shared_with is not None or is_depthwise(row):
                continue
            side, x = layer.kernel[0], row.input_volumes[0]
            if layer.kernel != (side, side) or side < 5 or side % 2 == 0 or layer.dilation != (1, 1):
                continue
            if layer.connections is not None or (layer.stride != (1, 1) and x.depth <= 3) or row.output.is_point:
                continue
            if max(layer.stride) >= side:
                continue
            count = (side - 1) // 2
            one = side * side * x.depth // layer.groups * layer.filters
            stack = 9 * layer.filters * (x.depth + (count - 1) * layer.filters) // layer.groups
            if 5 * stack <= 4 * one:
                yield Site(row, (count, one, stack))

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, (count, one, stack) = sites[0]
        side = sized(row.layer.kernel)  # type: ignore[attr-defined]
        message = (
            f"a stack of small kernels should replace a large one, but {row.label} has {one:,} weights where {count} "
            f"layers of 3x3 see the same {side}x{side} with {stack:,}"
        )
        advice = None
        chains = {site.row.index: _stack(site.row, site.facts[0]) for site in sites}
        changed = rebuilt(report, chains)
        if changed is not None and changed.layers[-1].output == report.layers[-1].output:
            what = " -> ".join([layer.label() for layer in chains[row.index]])
            advice = Advice(what, changed.totals.weights)
        weights = report.totals.weights
        return self.found(report, sites, message, key="weights", actual=weights, advice=advice)


def _stack(row: LayerReport, count: int) -> list[Layer]:
    """The 3x3 layers that see what a large kernel sees and give the same volume: the stride comes last."""
    layer = row.layer
    assert isinstance(layer, Conv)
    pads = layer.pads()
    chain: list[Layer] = []
    for number in range(count):
        # the padding is spread over the layers, so that each has its share of it
        pad = pads if isinstance(pads, str) else [p // count + (number < p % count) for p in pads]
        is_last = number == count - 1
        chain.append(
            Conv(
                filters=layer.filters,
                stride=list(layer.stride) if is_last else 1,
                pad=pad,
                groups=layer.groups,
                bias=layer.bias,
            )
        )
        if not is_last:
            chain.append(KINDS["relu"]())
    return chain


SUMMED_UP = frozenset(("conv", "relu", "relu6", "bn", "dropout", "flatten", "identity", "lrelu", "prelu"))


def _is_before_classifier(report: Report, index: int, readers: list[list[int]]) -> bool:
    """Whether only 1x1 convolutions and the like stand between a pool and a fully-connected layer or the end."""
    while readers[index]:
        if len(readers[index]) > 1:
            return False
        (index,) = readers[index]
        row = report.layers[index]
        if row.kind in ("fc", "rbf", "gap"):
            return True
        if row.kind not in SUMMED_UP or getattr(row.layer, "kernel", (1, 1)) != (1, 1):
            return False
    return False


class LargePool(Rule):
    """Pools larger than 3x3 throw too much away at once.

    What: pools with a window of more than 3 pixels that take steps. Left alone are pools with stride 1, pools over the
    whole plane, adaptive pools, and pools in front of the classifier, with nothing but 1x1 convolutions between.

    Why: of 4x4 values one is kept; what is where is lost faster than the following layers can use it.

    Example: CONV3-64 -> RELU -> POOL4.

    Instead: POOL2 (or POOL3/2) twice, with convolutions between, or a convolution with a stride. The value of the
    advice is the number of activations of the net with 2x2 pools, one after the other, in its place.

    Source: CS231n, "Pooling Layer": "the most common are 2x2 with stride 2 and 3x3 with stride 2; larger ones are too
    destructive".
    """

    code: ClassVar[str] = "large-pool"

    def sites(self, report: Report) -> Iterable[Site]:
        readers: list[list[int]] = []
        for row in report.layers:
            layer = row.layer
            if not isinstance(layer, Pooling) or (isinstance(layer, AdaptivePooling) and layer.adaptive):
                continue
            if max(layer.kernel) <= 3 or max(layer.step) == 1 or row.output.is_point:
                continue
            readers = readers or readers_of(report)
            if not _is_before_classifier(report, row.index, readers):
                yield Site(row)

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row = sites[0].row
        kernel = sized(row.layer.kernel)  # type: ignore[attr-defined]
        x, y = row.input_volumes[0], row.output
        message = (
            f"a pool should be at most 3x3, but one of {kernel if 'x' in kernel else f'{kernel}x{kernel}'} "
            f"keeps {y.elements:,} of {x.elements:,} values"
        )
        advice = None
        times = (max(row.layer.step) - 1).bit_length()  # type: ignore[attr-defined]
        changed = rebuilt(report, {site.row.index: [type(row.layer)(kernel=2)] * times for site in sites})
        if changed is not None and times > 1:
            pool = type(row.layer)(kernel=2).label()
            advice = Advice(f"{times} times {pool}, with convolutions between", changed.totals.activations)
        actual = report.totals.activations
        return self.found(report, sites, message, key="activations", actual=actual, advice=advice)


class PaddedPool(Rule):
    """A pool needs no padding, unless its windows overlap.

    What: padded pools whose output is larger than the input divided by the stride, rounded up. Left alone is the
    padding that overlapping windows need: POOL3/1(pad=1) keeps the size, POOL3/2(pad=1) gives exactly half.

    Why: the outer windows see padding mostly. The maximum of a corner is taken over a single value, a mean is pulled
    to zero, and the map grows by a border that says nothing.

    Example: POOL2(pad=1) on [32x32x16] gives [17x17x16].

    Instead: no padding, or `round: ceil` for an odd side. The value of the advice is the number of activations of the
    net without the padding.

    Source: CS231n, "Pooling Layer": "it is not common to pad the input using zero-padding".
    """

    code: ClassVar[str] = "padded-pool"

    def sites(self, report: Report) -> Iterable[Site]:
        for row in report.layers:
            layer = row.layer
            if not isinstance(layer, PaddedPooling) or isinstance(layer.pad, str) or not any(layer.pad):
                continue
            x, (sh, sw) = row.input_volumes[0], layer.step
            if row.output.height > -(-x.height // sh) or row.output.width > -(-x.width // sw):
                yield Site(row)

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row = sites[0].row
        layer = row.layer
        assert isinstance(layer, PaddedPooling)
        message = (
            f"a pool should need no padding, but pad {written_sides(layer.pad)} "  # type: ignore[arg-type]
            f"makes {row.output} of {row.input_volumes[0]} with stride {sized(layer.step)}"
        )
        advice = None
        changed = rebuilt(report, {site.row.index: (with_keys(site.row.layer, pad=None),) for site in sites})
        if changed is not None:
            advice = Advice("leave out pad", changed.totals.activations)
        actual = report.totals.activations
        return self.found(report, sites, message, key="activations", actual=actual, advice=advice)


class KernelBeyondPlane(Rule):
    """A kernel must not be larger than what is left of the image: its outer weights see padding alone.

    What: convolutions some of whose weights lie over padding at every position, so that they are multiplied by zero
    and never learn. It is how too many pools (M beyond what the input side bears) show themselves.

    Why: on a plane of 1x1 a padded 3x3 kernel works with one of its nine weights; the other eight are stored, moved
    and counted for nothing.

    Example: INPUT 32x32x3 with five POOL2, then CONV3-512 on [1x1x512]: 2,097,152 of its 2,359,296 weights are idle.

    Instead: a pool less, or a kernel of the size that is left. The value of the advice is the number of weights of the
    net with such kernels.

    Source: CS231n, "Layer Sizing Patterns"; for dilated kernels Chen et al. 2017 (DeepLabv3), section 3.3.
    """

    code: ClassVar[str] = "kernel-beyond-plane"

    def sites(self, report: Report) -> Iterable[Site]:
        for row in report.layers:
            layer = row.layer
            if isinstance(layer, Convolution) and row.weights and max(layer.kernel) > 1:
                taps = _live_taps(layer, row.input_volumes[0])
                if any(live < size for live, size in zip(taps, layer.kernel, strict=True)):
                    yield Site(row, taps)

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, (high, wide) = sites[0]
        layer = row.layer
        assert isinstance(layer, Convolution)
        whole = layer.kernel[0] * layer.kernel[1]
        idle = row.weights // whole * (whole - high * wide)
        message = (
            f"a kernel should lie within its volume, but of {row.label} on {row.input_volumes[0]} "
            f"{idle:,} of {row.weights:,} weights see padding alone"
        )
        advice = None
        changes = {}
        for site in sites:
            odd = [live if live % 2 else live + 1 for live in site.facts]
            if not isinstance(site.row.layer, Convolution):
                continue
            keys = {"kernel": odd, "pad": None, "dilation": None}
            if all(now < then for now, then in zip(odd, site.row.layer.kernel, strict=True)):
                changes[site.row.index] = (with_keys(site.row.layer, **keys),)
        changed = rebuilt(report, changes) if changes else None
        if changed is not None:
            first = next(iter(changes.values()))[0]
            advice = Advice(f"{first.label()}, or a pool less before it", changed.totals.weights)
        return self.found(report, sites, message, key="weights", actual=report.totals.weights, advice=advice)


def _live_taps(layer: Convolution, x: Volume) -> tuple[int, int]:
    """How many rows and columns of a kernel lie over the volume at one position at least."""
    windows = layer.windows(x)
    live = []
    for side, size in enumerate((x.height, x.width)):
        stride, pad, steps = windows.stride[side], windows.pads[side], windows.steps[side]
        count = 0
        for tap in range(layer.kernel[side]):
            first = tap * layer.dilation[side] - pad
            # the first position at which this tap is not before the volume
            step = 0 if first >= 0 else -(first // stride)
            count += step < steps and first + step * stride < size
        live.append(count)
    return live[0], live[1]
