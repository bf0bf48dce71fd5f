"""Operators of TensorFlow Lite as the steps that Vela's compiler for Ethos-U55 runs for them.

Operators and options that are not handled here raise :class:`NotKnown`.

Source: ethos-u-vela 5.2.0 (Arm), its compiler Regor: tflite_graph_optimiser, graphir_optimiser, softmax,
scheduler_decompose, tflite_supported_operators.
"""

from __future__ import annotations

from math import isqrt, prod
from typing import TYPE_CHECKING, Any

from cnncalc.memory.vela_graph import FeatureMap, NotKnown, Step, View, four, whole, write_in_place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.interop.tflite_net import Operator, TfliteNet
    from cnncalc.memory.vela_graph import Shape

MOST_STRIDE = 3
"""The largest stride of the hardware."""
MOST_UNROLLED = 256
"""The most output positions of a larger stride, each of which is a step."""
MOST_SIDE = 65_536
"""The largest side of a volume; also the most elements of a pool's window and of a filter."""
MOST_MEAN_ROWS = 64
"""The most rows that one step of a mean sums."""
MOST_MEAN = 64 * 64
"""The most positions that one step of a mean sums."""
MOST_POOL_ROWS = 256
"""The largest height of a pool's window."""
MOST_PADDED_AVERAGE = 8
"""The largest side of the window of an average pool with padding."""


def vela_outputs(net: TfliteNet) -> list[FeatureMap]:
    """The outputs of a net, with the steps that make them; raises NotKnown if these are not known."""
    return _Lowering(net).outputs()


class _Lowering:
    """Lowers a net; ``maps`` has the feature map of each tensor, ``readers`` how many operators read it."""

    def __init__(self, net: TfliteNet) -> None:
        self.net = net
        self.operators: list[Operator] = []
        self.readers: list[int] = []
        self.maps: dict[int, FeatureMap] = {}
        for place in net.inputs:
            self.map(place).is_input = True

    def outputs(self) -> list[FeatureMap]:
        """Lowers all operators and returns the outputs of the net."""
        if not self.net.operators:
            raise NotKnown("a net without an operator")
        if any(max(tensor.shape, default=0) > MOST_SIDE for tensor in self.net.tensors if not tensor.is_constant):
            raise NotKnown(f"a volume with a side of more than {MOST_SIDE:,}")
        self.unpad()
        for operator in self.operators:
            if operator.code not in LOWERINGS:
                raise NotKnown(f"{operator.code} (at {operator.layers[0]})")
            try:
                LOWERINGS[operator.code](self, operator)
            except NotKnown as error:
                raise NotKnown(f"{error} (at {operator.layers[0]})") from None
        outputs = [self.maps[place] for place in self.net.outputs]
        for found in outputs:
            found.is_output = True
        write_in_place(outputs)
        return outputs

    def unpad(self) -> None:
        """Merges each PAD into the convolutions that read it; a PAD that nothing else reads is removed."""
        pads = {operator.outputs[0]: operator for operator in self.net.operators if operator.code == "PAD"}
        found, merged = [], set()
        for operator in self.net.operators:
            pad = pads.get(operator.inputs[0])
            if pad is not None and self._pads(operator, pad):
                merged.add(pad.outputs[0])
                operator = operator._replace(inputs=(pad.inputs[0], *operator.inputs[1:]))
            found.append(operator)
        self.readers = [0] * len(self.net.tensors)
        for operator in found:
            for place in operator.inputs:
                self.readers[place] += place >= 0
        for place in self.net.outputs:
            self.readers[place] += 1
        if any(self.readers[place] for place in merged):
            raise NotKnown("a PAD that can be merged into some of its readers and not into others")
        self.operators = [operator for operator in found if operator.code != "PAD" or self.readers[operator.outputs[0]]]

    def _pads(self, operator: Operator, pad: Operator) -> bool:
        """Whether the PAD before a convolution without padding can be merged into it."""
        values = self.net.tensors[pad.inputs[1]].values
        assert values is not None
        margins = dict(enumerate(zip(values[::2], values[1::2], strict=True), 4 - len(values) // 2))
        if any(map(any, [margins.get(0, (0, 0)), margins[3]])):
            return False
        window = self._window(operator)
        if window is None:
            return False
        before = self.shape(pad.inputs[0])[1:3]
        for axis, (span, step) in enumerate(window):
            low, high = margins[axis + 1]
            needed = max(0, (-(-before[axis] // step) - 1) * step + span - before[axis])
            rest = high % step - _remainder(needed - low, step)
            high = max(0, high - rest - (0 if rest >= 0 else step))
            if max(low, high) >= span:
                return False
        return True

    def _window(self, operator: Operator) -> list[tuple[int, int]] | None:
        """The extent of the window and the stride along each side; None if it is not a convolution without padding.

        A mean that is one step counts as a convolution.
        """
        sides = self.shape(operator.inputs[0])[1:3]
        if operator.code == "MEAN" and _rows(*sides) == sides[0] <= MOST_MEAN_ROWS:
            return [(side, 1) for side in sides]
        if operator.code not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            return None
        kernel = self.shape(operator.inputs[1])[1:3]
        if operator.options["padding"] == "SAME" and self.is_padded(operator, kernel):
            return None
        steps = zip(kernel, operator.options["dilation"], operator.options["stride"], strict=True)
        return [((size - 1) * gap + 1, step) for size, gap, step in steps]

    def map(self, place: int) -> FeatureMap:
        """The feature map of a tensor."""
        if place not in self.maps:
            tensor = self.net.tensors[place]
            self.maps[place] = FeatureMap(tensor.name, tensor.shape)
        return self.maps[place]

    def shape(self, place: int) -> Shape:
        """The shape of a tensor."""
        return four(self.net.tensors[place].shape)

    def is_padded(self, operator: Operator, kernel: Sequence[int]) -> bool:
        """Whether windows extend beyond the border of the input."""
        before, after = self.shape(operator.inputs[0])[1:3], self.shape(operator.outputs[0])[1:3]
        spans = [
            (size - 1) * gap + 1 for size, gap in zip(kernel, operator.options.get("dilation", (1, 1)), strict=True)
        ]
        sides = zip(before, after, operator.options["stride"], spans, strict=True)
        return any((size - 1) * step + span > whole for whole, size, step, span in sides)

    def view(self, place: int) -> View:
        """A view of a whole tensor; that of a constant has no feature map."""
        is_constant = self.net.tensors[place].is_constant
        return whole(None if is_constant else self.map(place), self.shape(place))

    def result(self, operator: Operator) -> View:
        """The output of an operator before its activation function, which is added as a step of its own."""
        place = operator.outputs[0]
        made = self.view(place)
        if operator.options.get("activation") is None:
            return made
        before = FeatureMap(f"{self.net.tensors[place].name}/before", self.shape(place))
        Step("activation", operator.layers[-1], [whole(before, self.shape(place))], made)
        return whole(before, self.shape(place))


def _remainder(number: int, divisor: int) -> int:
    """The remainder, with the sign of ``number`` as in C."""
    found = abs(number) % divisor
    return found if number >= 0 else -found


def _conv(low: _Lowering, operator: Operator) -> None:
    """One step, or with groups one for each group."""
    x, weight = operator.inputs[:2]
    name, options = operator.layers[0], operator.options
    filters, height, width, depth = low.shape(weight)
    _check_sum(height * width * depth)
    groups = low.shape(x)[3] // depth
    if groups == 1:
        _windows(low, operator, "convolution", (height, width), low.is_padded(operator, (height, width)))
        return
    inputs, made = low.view(x), low.result(operator)
    if max(options["dilation"]) > MOST_STRIDE - 1 or max(options["stride"]) > MOST_STRIDE:
        raise NotKnown("a convolution with groups and a larger stride or dilation than the hardware has")
    if (groups, filters) == (low.shape(x)[3], low.shape(x)[3]):
        Step("convolution", name, [inputs], made, True)
        return
    for group in range(groups):
        read = inputs._replace(part=(*inputs.whole[:3], depth), first=group * depth)
        share = filters // groups
        written = made._replace(part=(*made.whole[:3], share), first=group * share)
        Step("convolution", name, [read], written, True)
    made.feature_map.writers.reverse()  # type: ignore[union-attr]  # Regor connects them from the last to the first


def _depthwise(low: _Lowering, operator: Operator) -> None:
    x, weight = operator.inputs[:2]
    _, height, width, depth = low.shape(weight)
    _check_sum(height * width)
    if max(operator.options["stride"]) > MOST_STRIDE:
        raise NotKnown(f"a depthwise convolution with a stride of more than {MOST_STRIDE}")
    if depth != low.shape(x)[3] and low.shape(x)[3] > 1:
        raise NotKnown("a depthwise convolution with a multiplier, which is transposed several times")
    Step("convolution", operator.layers[0], [low.view(x)], low.result(operator), True)


def _windows(low: _Lowering, operator: Operator, block: str, kernel: tuple[int, int], padded: bool) -> None:
    """One step, or one for each output position if the stride is larger than the hardware allows."""
    x, made, name = low.view(operator.inputs[0]), low.result(operator), operator.layers[0]
    _, height, width, depth = made.whole
    tall, wide = [
        1 if after == 1 else step for after, step in zip((height, width), operator.options["stride"], strict=True)
    ]
    if max(tall, wide) <= MOST_STRIDE:
        Step(block, name, [x], made, block == "convolution" or max(*kernel, tall, wide) > 1)
        return
    if padded or max(operator.options.get("dilation", (1,))) > 1 or height * width > MOST_UNROLLED:
        raise NotKnown(
            f"a stride above {MOST_STRIDE} with padding, dilation or more than {MOST_UNROLLED} output positions"
        )
    read = x._replace(part=(1, *kernel, x.whole[3]))
    for _ in range(height * width):
        Step(block, name, [read], made._replace(part=(1, 1, 1, depth)), True)


def _check_sum(count: int) -> None:
    """Raises NotKnown for filters whose sum may overflow in the hardware: their steps depend on the weights."""
    if count > MOST_SIDE:
        raise NotKnown(f"a filter of {count:,} elements, more than {MOST_SIDE:,}")


def _deconv(low: _Lowering, operator: Operator) -> None:
    stride = tuple(operator.options["stride"])
    if stride not in ((1, 1), (2, 2)):
        raise NotKnown("a transposed convolution of other strides than 1 and 2")
    Step("convolution", operator.layers[0], [low.view(operator.inputs[2])], low.result(operator), True)


def _fc(low: _Lowering, operator: Operator) -> None:
    """A product with each row of its input; several rows are arranged as an almost square image."""
    x, weight = operator.inputs[:2]
    units, depth = low.net.tensors[weight].shape
    _check_sum(depth)
    rows = prod(low.shape(x)) // depth
    width = max(rows // 16, isqrt(rows - 1) + 1)
    while rows % width:
        width += 1
    plane = (1, rows // width, width) if rows > 1 else (1, 1, 1)
    made = low.result(operator)
    if rows > 1:
        made = whole(made.feature_map, (*plane, units))
    Step("product", operator.layers[0], [whole(low.map(x), (*plane, depth))], made)


def _pool(low: _Lowering, operator: Operator) -> None:
    kernel = tuple(operator.options["kernel"])
    padded = low.is_padded(operator, kernel)
    if kernel[0] > MOST_POOL_ROWS or prod(kernel) > MOST_SIDE:
        limits = f"a height above {MOST_POOL_ROWS} or more than {MOST_SIDE:,} elements"
        raise NotKnown(f"a pool with a window of {kernel[0]}x{kernel[1]}, {limits}")
    if operator.code == "AVERAGE_POOL_2D" and padded and max(kernel) > MOST_PADDED_AVERAGE:
        window = f"a window of {kernel[0]}x{kernel[1]}, a side above {MOST_PADDED_AVERAGE}"
        raise NotKnown(f"an average pool with padding and {window}")
    _windows(low, operator, "pooling", kernel, padded)


def _mean(low: _Lowering, operator: Operator) -> None:
    """Sums of rows in int32, added up, then multiplied by the factor."""
    x, axes = operator.inputs
    if low.net.tensors[axes].values != (1, 2):
        raise NotKnown("a mean over other axes than height and width")
    _, height, width, depth = low.shape(x)
    if max(height, width) > MOST_MEAN:
        raise NotKnown(f"a mean over a side of more than {MOST_MEAN:,}")
    if height > MOST_MEAN_ROWS and height * width <= MOST_MEAN:
        height, width = 1, height * width
    rows = _rows(height, width)
    name, total = operator.layers[0], None
    for start in range(0, height, rows):
        read = View(low.map(x), (1, height, width, depth), (1, min(rows, height - start), width, depth))
        part = whole(FeatureMap(f"{name}/sum", (1, 1, 1, depth), 4), (1, 1, 1, depth))
        Step("convolution", name, [read], part, True)
        if total is not None:
            added = whole(FeatureMap(f"{name}/sums", (1, 1, 1, depth), 4), (1, 1, 1, depth))
            Step("elementwise", name, [total, part], added)
            part = added
        total = part
    assert total is not None
    made = whole(low.map(operator.outputs[0]), (1, 1, 1, depth))
    Step("elementwise", name, [total, _scalar()], made)


def _rows(height: int, width: int) -> int:
    """The rows that one step of a mean sums; 0 if a row is too wide."""
    return min(MOST_MEAN // width, height, MOST_MEAN_ROWS)


def _scalar() -> View:
    """A constant number."""
    return whole(None, (1, 1, 1, 1))


def _binary(low: _Lowering, operator: Operator) -> None:
    views = [low.view(place) for place in operator.inputs]
    made = low.shape(operator.outputs[0])
    if all(view.whole != made for view in views):
        raise NotKnown("two inputs that are both broadcast")
    Step("elementwise", operator.layers[0], views, low.result(operator))


def _unary(low: _Lowering, operator: Operator) -> None:
    Step("activation", operator.layers[0], [low.view(operator.inputs[0])], low.view(operator.outputs[0]))


def _concat(low: _Lowering, operator: Operator) -> None:
    """A copy of each input into its part of the result."""
    made = low.view(operator.outputs[0])
    axis = operator.options["axis"] + 4 - len(low.net.tensors[operator.outputs[0]].shape)
    first = 0
    for place in operator.inputs:
        part = low.shape(place)
        written = View(made.feature_map, made.whole, part, first if axis == 3 else 0)
        Step("copy", operator.layers[0], [low.view(place)], written)
        first += part[axis]


def _reshape(low: _Lowering, operator: Operator) -> None:
    """The same feature map with another shape."""
    x, made = operator.inputs[0], operator.outputs[0]
    found = low.map(x)
    is_output, is_end = made in low.net.outputs, x in low.net.inputs or x in low.net.outputs
    if is_output and is_end:
        raise NotKnown("a reshape of an input that is an output")
    if low.readers[x] > 1 and found.shape != low.shape(made):
        raise NotKnown("a reshape of a volume that another layer reads")
    found.shape = low.shape(made)
    low.maps[made] = found


def _pad(low: _Lowering, operator: Operator) -> None:
    """Copies a constant into the borders, and the input into the middle."""
    x, paddings = operator.inputs
    values = low.net.tensors[paddings].values
    assert values is not None
    made = low.view(operator.outputs[0])
    pairs = [(0, 0)] * (4 - len(values) // 2) + list(zip(values[::2], values[1::2], strict=True))
    name = operator.layers[0]
    for axis, (before, after) in enumerate(pairs):
        for size, first in ((before, 0), (after, made.whole[axis] - after)):
            if size:
                part = four([size if each == axis else side for each, side in enumerate(made.whole)])
                written = View(made.feature_map, made.whole, part, first if axis == 3 else 0)
                Step("copy", f"{name}/border", [whole(None, part)], written)
    middle = View(made.feature_map, made.whole, low.shape(x), pairs[3][0])
    Step("copy", name, [low.view(x)], middle)


def _resize(low: _Lowering, operator: Operator) -> None:
    """Doubles both sides, once or several times."""
    x, made = operator.inputs[0], low.view(operator.outputs[0])
    _, height, width, depth = low.shape(x)
    factors = {made.whole[1] / height, made.whole[2] / width}
    if (height, width) == (1, 1):
        raise NotKnown("an upsampling of a single position")
    if len(factors) > 1 or min(factors) not in (2, 4, 8):
        raise NotKnown("an upsampling by other factors than 2, 4 and 8")
    view, name, factor = low.view(x), operator.layers[0], 2
    while factor < min(factors):
        shape = (1, height * factor, width * factor, depth)
        larger = whole(FeatureMap(f"{name}/{factor}", shape), shape)
        Step("pooling", name, [view], larger)
        view, factor = larger, 2 * factor
    Step("pooling", name, [view], made, operator.code == "RESIZE_BILINEAR")


def _softmax(low: _Lowering, operator: Operator) -> None:
    """Exponentials in int32, their sum, and its reciprocal by three steps of Newton's method."""
    x, made = low.view(operator.inputs[0]), low.view(operator.outputs[0])
    _, height, width, depth = x.whole
    if height * width > MOST_SIDE:
        raise NotKnown(f"a softmax at more than {MOST_SIDE:,} positions")
    name = operator.layers[0]
    rows: Shape = (1, height, width, 1)

    def volume(suffix: str, shape: Shape, bytes_each: int = 4) -> View:
        return whole(FeatureMap(f"{name}/{suffix}", shape, bytes_each), shape)

    def step(suffix: str, shape: Shape, *inputs: View) -> View:
        target = volume(suffix, shape)
        Step("elementwise", name, inputs, target)
        return target

    constant = _scalar()
    most = volume("most", rows, 1)
    flat = (1, height * width, depth, 1)
    Step("pooling", name, [whole(x.feature_map, flat)], whole(most.feature_map, (1, height * width, 1, 1)), True)
    difference = volume("difference", x.whole, 1)
    Step("elementwise", name, [x, most], difference)
    exponential = volume("exponential", x.whole)
    Step("activation", name, [difference], exponential)
    shifted = step("shifted", x.whole, exponential, constant)
    total = volume("total", rows)
    Step("sum", name, [shifted], total)
    headroom = step("headroom", rows, total)
    right = step("right", rows, constant, headroom)
    left = step("left", rows, headroom, constant)
    half = step("half", rows, total, left)
    guess = step("guess", rows, step("scaled", rows, half, constant), constant)
    for number in range(3):
        product = step(f"product{number}", rows, guess, half)
        error = step(f"error{number}", rows, constant, product)
        change = step(f"change{number}", rows, guess, error)
        guess = step(f"guess{number}", rows, guess, step(f"scaled{number}", rows, change, constant))
    result = step("result", x.whole, exponential, guess)
    copied = step("copied", x.whole, whole(None, x.whole), result)
    Step("elementwise", name, [copied, right], made).is_fixed = True


LOWERINGS: dict[str, Callable[[_Lowering, Any], None]] = {
    "CONV_2D": _conv, "DEPTHWISE_CONV_2D": _depthwise, "TRANSPOSE_CONV": _deconv, "FULLY_CONNECTED": _fc,
    "MAX_POOL_2D": _pool, "AVERAGE_POOL_2D": _pool, "MEAN": _mean, "ADD": _binary, "SUB": _binary, "MUL": _binary,
    "RELU": _unary, "RELU6": _unary, "LOGISTIC": _unary, "TANH": _unary, "HARD_SWISH": _unary, "LEAKY_RELU": _unary,
    "ELU": _unary, "CONCATENATION": _concat, "RESHAPE": _reshape, "PAD": _pad, "RESIZE_NEAREST_NEIGHBOR": _resize,
    "RESIZE_BILINEAR": _resize, "SOFTMAX": _softmax,
}  # fmt: skip
"""The lowering of each operator, by its name; PRELU has none, since its steps depend on the values of its slopes."""
