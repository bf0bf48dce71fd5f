"""Activation functions: applied to each element, the volume unchanged."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from cnncalc.counts import Count
from cnncalc.layers.base import POINT, Layer, Parameter, Stencils, key
from cnncalc.layers.keys import Boolean, Decimal, SideNames
from cnncalc.layers.memory import Keeping
from cnncalc.layers.planes import axis_of, by_channel, derived, elementwise, pieces, pixels, planes, sums_of_channels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume, Volumes

ERFC = (
    *(-1.3026537197817094342, 0.6419697923564902603, 0.019476473204185836312, -0.0095615147868086316419),
    *(-0.0009465953444820368663, 0.00036683949785276145187, 4.2523324806907771645e-5, -2.0278578112534243154e-5),
    *(-1.6242900046470255135e-6, 1.3036558355805232018e-6, 1.5626441722066143178e-8, -8.5238095914926542525e-8),
    *(6.5290544390488514964e-9, 5.0593434955514689418e-9, -9.9136415649303308674e-10, -2.2736512229318358557e-10),
    *(9.646791102015526802e-11, 2.3940380830391147447e-12, -6.8860275264975533984e-12, 8.9448792730907257167e-13),
    *(3.1309213993429580783e-13, -1.1270822361367252365e-13, 3.8109052551892320678e-16, 7.1060976136087369431e-15),
    *(-1.5230282014571041472e-15, -9.4574945712912544535e-17, 1.2102371892242730222e-16),
)
"""Chebyshev coefficients of P in erfc(z) = t * exp(-z*z + P(t)) with t = 2/(2 + z), for z of at least 0.

Source: Press et al., Numerical Recipes, third edition, section 6.2.2; recomputed with 50 digits.
"""


def erfc(xp: Any, z: Any) -> Any:
    """1 - erf(z) for z >= 0, to the accuracy of the data type."""
    t = 2 / (2 + z)
    twice = 4 * t - 2
    term, before = xp.zeros_like(z), xp.zeros_like(z)
    for coefficient in ERFC[:0:-1]:
        term, before = twice * term - before + coefficient, term
    return t * xp.exp(-z * z + 0.5 * (ERFC[0] + twice * term) - before)


class Activation(Layer):
    """A function of each element.

    ``in_place`` overwrites the input where that is allowed: nothing else reads the input, and the layer that computed
    it does not need it for backward.
    """

    is_activation: ClassVar[bool] = True
    is_rectifier: ClassVar[bool] = True
    drawn: ClassVar[str] = "joined"
    can_work_in_place: ClassVar[bool] = True
    """Whether PyTorch has an in-place version."""

    in_place: bool | None = key(Boolean(), None, note="yes where allowed", means="whether it overwrites its input")

    def may_work_in_place(self) -> bool | None:
        return self.in_place if self.can_work_in_place else False

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        if self.keeps_output or (in_place and self.keeps_output_in_place):
            return Keeping(output=True)
        return Keeping(inputs=True, clones=in_place)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        """The gradient times the derivative, computed from the kept input or output."""

        def function(kept: Any, incoming: Any, result: Any) -> None:
            with xp.errstate(over="ignore"):
                xp.multiply(self.derivative(xp, kept), incoming, out=result)

        kept = saved.output if saved.x is None else saved.x
        return (derived(xp, function, kept, gradient),), {}

    def derivative(self, xp: Any, kept: Any) -> Any:
        """The derivative, from the output if that is kept, else from the input."""
        raise NotImplementedError


class Relu(Activation):
    """Negative elements become 0.

    Formula: y = max(0, x).
    Volume: as the input.

    Source: CS231n, "Rectified Linear Unit"; Nair and Hinton 2010.
    """

    kind: ClassVar[str] = "relu"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> RELU"
    output_range: ClassVar[tuple[float, float]] = (0, inf)
    keeps_output: ClassVar[bool] = True

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        return xp.maximum(x, 0, out=out)

    def derivative(self, xp: Any, kept: Any) -> Any:
        return kept > 0


class Relu6(Activation):
    """Elements are clipped to the range from 0 to 6.

    Formula: y = min(max(0, x), 6).
    Volume: as the input.

    Source: Krizhevsky 2010; Sandler et al. 2018.
    """

    kind: ClassVar[str] = "relu6"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> RELU6"
    output_range: ClassVar[tuple[float, float]] = (0, 6)

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        return xp.clip(x, 0, 6, out=out)

    def derivative(self, xp: Any, kept: Any) -> Any:
        return (kept > 0) & (kept < 6)


class Sigmoid(Activation):
    """Squashes each element into the range from 0 to 1.

    Formula: y = 1 / (1 + exp(-x)).
    Volume: as the input.

    Source: CS231n, "Commonly used activation functions".
    """

    kind: ClassVar[str] = "sigmoid"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> SIGMOID"
    is_rectifier: ClassVar[bool] = False
    output_range: ClassVar[tuple[float, float]] = (0, 1)
    keeps_output: ClassVar[bool] = True

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        def function(x: Any, result: Any) -> None:
            with xp.errstate(over="ignore"):  # exp(-x) may overflow to infinity; the result is then 0
                xp.divide(1, 1 + xp.exp(-x), out=result)

        return elementwise(xp, function, x, out)

    def derivative(self, xp: Any, kept: Any) -> Any:
        return kept * (1 - kept)


class Tanh(Activation):
    """Squashes each element into the range from -1 to 1.

    Formula: y = tanh(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x)).
    Volume: as the input.

    Source: CS231n, "Commonly used activation functions".
    """

    kind: ClassVar[str] = "tanh"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> TANH"
    is_rectifier: ClassVar[bool] = False
    output_range: ClassVar[tuple[float, float]] = (-1, 1)
    keeps_output: ClassVar[bool] = True

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        return xp.tanh(x, out=out)

    def derivative(self, xp: Any, kept: Any) -> Any:
        return 1 - xp.square(kept)


class Gelu(Activation):
    """Each element times the probability that a standard normal number is smaller, exactly (with the error function).

    Formula: y = x * P(X <= x) = x * (1 + erf(x/sqrt(2))) / 2.
    Volume: as the input.

    Source: Hendrycks and Gimpel 2016.
    """

    kind: ClassVar[str] = "gelu"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> GELU"
    can_work_in_place: ClassVar[bool] = False

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        def function(x: Any, result: Any) -> None:
            # x * P(X <= x) = x * erfc(-x/sqrt(2)) / 2; for positive x this is subtracted from x
            tail = xp.absolute(x) * erfc(xp, xp.absolute(x) * 0.5**0.5) * 0.5
            xp.subtract(xp.maximum(x, 0), tail, out=result)

        return elementwise(xp, function, x, out)

    def derivative(self, xp: Any, kept: Any) -> Any:
        # the cumulative probability, plus x times the density
        tail = 0.5 * erfc(xp, xp.absolute(kept) * 0.5**0.5)
        below = xp.where(kept > 0, 1 - tail, tail)
        return below + kept * xp.exp(-0.5 * xp.square(kept)) * 0.3989422804014327  # 1 / sqrt(2*pi)


class Silu(Activation):
    """Each element times its sigmoid, also called swish.

    Formula: y = x / (1 + exp(-x)).
    Volume: as the input.

    Source: Hendrycks and Gimpel 2016; Ramachandran et al. 2017.
    """

    kind: ClassVar[str] = "silu"
    other_names: ClassVar[tuple[str, ...]] = ("swish",)
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> SILU"

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        def function(x: Any, result: Any) -> None:
            with xp.errstate(over="ignore"):
                xp.divide(x, 1 + xp.exp(-x), out=result)

        return elementwise(xp, function, x, out)

    def keeping_in_torch(self, inputs: Volumes, output: Volume, *, in_place: bool = False) -> Keeping:
        return self.keeping(inputs, output, in_place=in_place)._replace(composed_volumes=5)

    def derivative(self, xp: Any, kept: Any) -> Any:
        sigmoid = 1 / (1 + xp.exp(-kept))
        return sigmoid * (1 + kept * (1 - sigmoid))


class HardSwish(Activation):
    """An approximation of swish without the exponential, cheaper to compute.

    Formula: y = x * min(max(0, x + 3), 6) / 6.
    Volume: as the input.

    Source: Howard et al. 2019, section 5.2.
    """

    kind: ClassVar[str] = "hswish"
    other_names: ClassVar[tuple[str, ...]] = ("hardswish",)
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> HSWISH"

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        def function(x: Any, result: Any) -> None:
            xp.divide(x * xp.clip(x + 3, 0, 6), 6, out=result)

        return elementwise(xp, function, x, out)

    def derivative(self, xp: Any, kept: Any) -> Any:
        return xp.where(kept > 3, 1, xp.where(kept < -3, 0, kept / 3 + 0.5)).astype(kept.dtype, copy=False)


class HardSigmoid(Activation):
    """A piecewise linear approximation of the sigmoid, cheaper to compute.

    Formula: y = min(max(0, x + 3), 6) / 6.
    Volume: as the input.

    Source: Howard et al. 2019, section 5.2.
    """

    kind: ClassVar[str] = "hsigmoid"
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        "hardsigmoid": ("HSIGMOID", "that of PyTorch and Keras 3; before version 3 Keras computed 0.2x + 0.5")
    }
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> HSIGMOID"
    is_rectifier: ClassVar[bool] = False
    output_range: ClassVar[tuple[float, float]] = (0, 1)

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        def function(x: Any, result: Any) -> None:
            xp.divide(xp.clip(x + 3, 0, 6), 6, out=result)

        return elementwise(xp, function, x, out)

    def derivative(self, xp: Any, kept: Any) -> Any:
        return ((kept > -3) & (kept < 3)) * kept.dtype.type(1 / 6)


class LeakyRelu(Activation):
    """Negative elements are multiplied by a small slope.

    Formula: y = x where positive, else slope * x.
    Volume: as the input.

    Source: Maas et al. 2013.
    """

    kind: ClassVar[str] = "lrelu"
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        "leakyrelu": ("LRELU{b}", "its slope is 0.01 unless written, as in PyTorch; that of Keras is 0.3: LRELU(0.3)"),
        "leaky": ("LRELU(0.1)", "the slope of darknet; LRELU alone has 0.01"),
    }
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> LRELU(0.1)"
    keeps_output_in_place: ClassVar[bool] = True  # with a slope of at least 0 the output has the sign of the input
    bare: ClassVar[str | None] = "slope"

    slope: float = key(Decimal(), 0.01, means="the factor of negative elements")

    def may_work_in_place(self) -> bool | None:
        return False if self.slope < 0 else super().may_work_in_place()

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        def function(x: Any, result: Any) -> None:
            result[...] = xp.where(x > 0, x, self.slope * x)

        return elementwise(xp, function, x, out)

    def derivative(self, xp: Any, kept: Any) -> Any:
        return xp.where(kept > 0, kept.dtype.type(1), kept.dtype.type(self.slope))


class Elu(Activation):
    """Negative elements approach -``alpha`` smoothly.

    Formula: y = x where positive, else alpha * (exp(x) - 1).
    Volume: as the input.

    Source: Clevert et al. 2015.
    """

    kind: ClassVar[str] = "elu"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> ELU"
    keeps_output_in_place: ClassVar[bool] = True
    bare: ClassVar[str | None] = "alpha"

    alpha: float = key(Decimal(), 1.0, means="negative elements approach minus this value")

    def may_work_in_place(self) -> bool | None:
        return False if self.alpha < 0 else super().may_work_in_place()

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        def function(x: Any, result: Any) -> None:
            result[...] = xp.where(x > 0, x, self.alpha * xp.expm1(xp.minimum(x, 0)))

        return elementwise(xp, function, x, out)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        if saved.x is not None:
            return super().backward(xp, gradient, saved)

        def function(output: Any, incoming: Any, result: Any) -> None:
            xp.multiply(xp.where(output > 0, 1, output + self.alpha), incoming, out=result)

        return (derived(xp, function, saved.output, gradient),), {}

    def derivative(self, xp: Any, kept: Any) -> Any:
        return xp.where(kept > 0, kept.dtype.type(1), self.alpha * xp.exp(xp.minimum(kept, 0)))


class Softplus(Activation):
    """A smooth form of RELU.

    Formula: y = log(1 + exp(x)).
    Volume: as the input.

    Source: Dugas et al. 2001; Glorot et al. 2011.
    """

    kind: ClassVar[str] = "softplus"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> SOFTPLUS"
    autocast: ClassVar[str | None] = "full"
    output_range: ClassVar[tuple[float, float]] = (0, inf)
    can_work_in_place: ClassVar[bool] = False

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        return elementwise(xp, lambda x, result: xp.logaddexp(0, x, out=result), x, out)

    def derivative(self, xp: Any, kept: Any) -> Any:
        return 1 / (1 + xp.exp(-kept))


class PRelu(Activation):
    """Negative elements are multiplied by a learned slope, one per channel.

    Formula: y = x where positive, else slope[d] * x.
    Volume: as the input.
    Learned: D slopes, counted as weights.

    Source: He et al. 2015, "Delving Deep into Rectifiers".
    """

    kind: ClassVar[str] = "prelu"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> PRELU"
    autocast: ClassVar[str | None] = "half"
    learns: ClassVar[bool] = True
    can_work_in_place: ClassVar[bool] = False

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        depth = inputs[0].depth
        return (Parameter("slope", (depth,), Count(depth)),)

    def forward(self, xp: Any, x: Any, *, slope: Any) -> Any:
        maps = planes(x)
        return pixels(xp.where(maps > 0, maps, by_channel(slope, maps) * maps))

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        (x,) = inputs
        parameters = builder.own_parameters
        operands, summed = [x], builder.learned_bytes(parameters[0])
        if builder.autocast:
            slope = builder.cast(parameters[0])
            operands, parameters, summed = [builder.converted(x, builder.item), slope], (), builder.bytes_of(slope)
        # backward makes the gradients of input and slopes, needed or not, in full size, then sums that of the slopes
        whole = builder.bytes_of(operands[0])
        # without a gradient of the input that one is freed before the sum
        scratch = (whole,) if builder.learns(x) else (whole, whole, summed.times(-1))
        return builder.operation(
            operands,
            layout=builder.by_channel(operands[0]),
            keeps=tuple(range(len(operands))),
            parameters=parameters,
            backward_scratch=scratch,
            summed_inputs=(1,) if len(operands) > 1 else (),
            summed_parameters=parameters,
        )

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        (needed,) = saved.needs_gradient
        maps, incoming = planes(saved.x), planes(gradient)
        slope = by_channel(saved.parameters["slope"], maps)
        result = xp.empty(maps.shape, maps.dtype) if needed else None
        change = xp.zeros(slope.size, maps.dtype) if saved.learns else None
        for number, (image, grad) in enumerate(zip(maps, incoming, strict=True)):
            for piece in pieces(len(image), image[0].nbytes):
                if result is not None:
                    factor = xp.where(image[piece] > 0, maps.dtype.type(1), slope[piece])
                    xp.multiply(factor, grad[piece], out=result[number, piece])
                if change is not None:
                    change[piece] += sums_of_channels(xp.minimum(image[piece], 0) * grad[piece])
        return (None if result is None else pixels(result),), {} if change is None else {"slope": change}


class Softmax(Layer):
    """Turns the depth of each position, or other axes, into positive numbers that add up to 1.

    Formula: y = exp(x) / the sum of exp(x) over ``axes``; by default the depth.
    Volume: as the input.

    Source: CS231n, "Softmax classifier".
    """

    memory_order: ClassVar[str] = "contiguous"
    kind: ClassVar[str] = "softmax"
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        "logsoftmax": ("SOFTMAX", "the logarithm is no layer here; volumes and counts are the same")
    }
    example: ClassVar[str] = "INPUT 7x7x16 -> CONV1-10 -> SOFTMAX -> GAP"
    output_range: ClassVar[tuple[float, float]] = (0, 1)
    drawn: ClassVar[str] = "joined"
    thin_depth: ClassVar[int | None] = 2
    kept: ClassVar[Keeping] = Keeping(output=True)
    keeps_output: ClassVar[bool] = True
    bare: ClassVar[str | None] = "axes"

    axes: tuple[str, ...] = key(SideNames(), ("depth",), means="over which they add up to 1")

    @property
    def gives_probabilities(self) -> bool:  # type: ignore[override]
        return self.axes == ("depth",)

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        return tuple([None if name in self.axes else POINT for name in inputs[0].names])

    def channel_use(self, *inputs: Volume) -> str:
        return "mixed" if "depth" in self.axes else "apart"

    def _axes(self, maps: Any) -> tuple[int, ...]:
        return tuple([axis_of(name, maps) for name in self.axes])

    def forward(self, xp: Any, x: Any) -> Any:
        maps = planes(x)
        axes = self._axes(maps)
        result = xp.exp(maps - maps.max(axis=axes, keepdims=True))
        result /= result.sum(axis=axes, keepdims=True)
        return pixels(result)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        x = builder.widened(inputs[0]) if builder.autocast == "bfloat16" else inputs[0]
        item = 4 if builder.autocast and not builder.is_cpu else None
        return builder.operation([x], item=item, layout=builder.made([x], builder.output), keeps_output=True)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        # y * (gradient - sum of gradient*y over the axes)
        output, incoming = planes(saved.output), planes(gradient)
        axes = tuple([axis - 1 for axis in self._axes(output)])
        result = xp.empty(output.shape, output.dtype)
        for image, grad, target in zip(output, incoming, result, strict=True):
            xp.multiply(image, grad, out=target)
            total = xp.broadcast_to(target.sum(axis=axes, keepdims=True), target.shape)
            for piece in pieces(len(image), image[0].nbytes):
                xp.subtract(grad[piece], total[piece], out=target[piece])
                target[piece] *= image[piece]
        return (pixels(result),), {}
