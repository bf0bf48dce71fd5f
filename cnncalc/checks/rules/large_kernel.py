"""The rule ``large-kernel``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cnncalc.checks.rules.base import Rule, Site, with_changes
from cnncalc.layers.activation import Relu
from cnncalc.layers.convolution import Conv
from cnncalc.layers.window import sized

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.checks.findings import Finding
    from cnncalc.layers.base import Layer


class LargeKernel(Rule):
    """A stack of 3x3 convolutions sees as much as one large kernel, with fewer weights.

    What: convolutions with a square kernel of 5 or more for which a stack of 3x3 layers with as many filters gives the
    same volume and sees the same pixels with at least a fifth fewer weights. Both counts are computed. Not reported:
    first layers with a stride on 3 or fewer channels (little to save, and they are meant to downsample), kernels that
    widen a thin volume (a stack would cost more), kernels with 3 or fewer filters (images and masks, for which a stack
    would have as few maps between its layers), depthwise, dilated and 1xN kernels, windows side by side, connection
    tables, and kernels over the whole plane.

    Why: three 3x3 layers see 7x7 with 27*C*C weights instead of 49*C*C, and have three non-linearities instead of one.

    Example: CONV7-256 on depth 256: 3,211,264 weights; [CONV3-256 -> RELU]*2 -> CONV3-256: 1,769,472.

    Instead: the stack, with a RELU between its layers. The value of the advice is the number of weights of the net with
    it. It keeps more activations for the backward pass.

    Source: CS231n, "Layer Patterns"; Simonyan and Zisserman 2014, section 2.3.
    """

    code: ClassVar[str] = "large-kernel"

    def sites(self, report: Report) -> Iterable[Site]:
        for row in report.layers:
            layer = row.layer
            if not isinstance(layer, Conv) or not _is_replaceable(row, layer):
                continue
            side, x = layer.kernel[0], row.input_volumes[0]
            count = (side - 1) // 2
            one = side * side * x.depth // layer.groups * layer.filters
            stack = 9 * layer.filters * (x.depth + (count - 1) * layer.filters) // layer.groups
            if 5 * stack <= 4 * one:
                yield Site(row, (count, one, stack))

    def finding(self, report: Report, sites: Sequence[Site]) -> Finding:
        row, (count, one, stack) = sites[0]
        side = sized(row.layer.kernel)  # type: ignore[attr-defined]
        message = (
            f"a stack of small kernels needs fewer weights than a large one: {row.label} has {one:,}, {count} "
            f"layers of 3x3 with the same receptive field of {side}x{side} have {stack:,}"
        )
        chains = {site.row.index: _stack(site.row, site.facts[0]) for site in sites}
        changed = with_changes(report, chains)
        if changed is not None and changed.layers[-1].output != report.layers[-1].output:
            changed = None
        what = " -> ".join([layer.label() for layer in chains[row.index]])
        return self.found(report, sites, message, "weights", what=what, changed=changed)


def _is_replaceable(row: LayerReport, layer: Conv) -> bool:
    """Whether a stack could replace the kernel, and no exception of the rule applies."""
    side, x = layer.kernel[0], row.input_volumes[0]
    is_large = set(layer.kernel) == {side} and side >= 5 and side % 2 == 1 and max(layer.stride) < side
    is_plain = max(layer.dilation) == 1 and layer.connections is None and not layer.is_depthwise(x)
    is_first = max(layer.stride) > 1 and x.depth <= 3
    is_last = layer.filters <= 3
    return is_large and is_plain and not (is_first or is_last) and row.shared_with is None and not row.output.is_point


def _stack(row: LayerReport, count: int) -> list[Layer]:
    """The 3x3 layers that see what a large kernel sees and give the same volume: the stride comes last."""
    layer = row.layer
    assert isinstance(layer, Conv)
    pads = layer.pads()
    chain: list[Layer] = []
    for number in range(count):
        # each layer gets its share of the padding
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
            chain.append(Relu())
    return chain
