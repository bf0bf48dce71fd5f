"""Activation functions, applied to each element; more are in ``gated`` and ``elementwise``."""

from __future__ import annotations

from math import inf, prod

from cnncalc.counts import Count
from cnncalc.layers.base import Layer, Parameter, key
from cnncalc.layers.keys import Boolean, Decimal
from cnncalc.layers.memory import Keeping, Size
from cnncalc.layers.normed_axes import is_single
from cnncalc.layers.planes import axes_of, by_channel, elementwise, pieces, pixels, planes, sums_of_channels
from cnncalc.layers.planes_backward import derived
from cnncalc.layers.side_keys import SideNames
from cnncalc.layers.stencil import Stencils, whole_axes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.layout import Layout
    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume, Volumes


def never_in_place() -> Any:
    """The key ``in_place`` of a function of which PyTorch has no version that overwrites its input."""
    return key(Boolean(), None, note="no", means="without effect: no version of it in PyTorch overwrites its input")


class Activation(Layer):
    """A function of each element.

    With ``in_place`` it overwrites its input where that is allowed: if no other layer reads the input, and the layer
    that computed it does not need it for backward.
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
        """The derivative at each element, computed from the output if training keeps that, else from the input."""
        raise NotImplementedError


def clamped(builder: TorchBuilder, x: int, *, bounds: int) -> int:
    """Records a clamp of a value; its backward makes a mask for each of ``bounds`` bounds, and a zero."""
    masks = (Size(0, builder.output.elements),) * bounds
    return builder.single([x], scratch=(*masks, Size(builder.item_of(x))), gradient_order="output")


class Relu(Activation):
    """Negative elements become 0.

    Formula: y = max(0, x).
    Volume: as the input.

    Source: CS231n, "Rectified Linear Unit"; Nair and Hinton 2010.
    """

    kind: ClassVar[str] = "relu"
    gradient_follows: ClassVar[str] = "output"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> RELU"
    output_range: ClassVar[tuple[float, float]] = (0, inf)
    is_idempotent: ClassVar[bool] = True
    cuts_to_range: ClassVar[bool] = True
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
    gradient_follows: ClassVar[str] = "output on cuda"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> RELU6"
    output_range: ClassVar[tuple[float, float]] = (0, 6)
    is_idempotent: ClassVar[bool] = True
    cuts_to_range: ClassVar[bool] = True

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


class HardSigmoid(Activation):
    """A piecewise linear approximation of the sigmoid, cheaper to compute.

    Formula: y = min(max(0, slope * x + shift), 1); without keys min(max(0, x + 3), 6) / 6, exactly.
    Volume: as the input.

    Source: Howard et al. 2019, section 5.2.
    """

    kind: ClassVar[str] = "hsigmoid"
    gradient_follows: ClassVar[str] = "output on cuda"
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        "hardsigmoid": ("HSIGMOID{b}", "that of PyTorch and Keras 3; HSIGMOID(0.2) is that of ONNX and Keras 2")
    }
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> HSIGMOID"
    is_rectifier: ClassVar[bool] = False
    output_range: ClassVar[tuple[float, float]] = (0, 1)

    bare: ClassVar[str | None] = "slope"

    slope: float = key(Decimal(above=0), 1 / 6, note="1/6", means="the factor of each element")
    shift: float = key(Decimal(), 0.5, means="what is added before clipping to the range from 0 to 1")

    @property
    def _is_usual(self) -> bool:
        """Whether slope and shift are those of PyTorch's ``hardsigmoid``."""
        return self.slope == 1 / 6 and self.shift == 0.5

    @property
    def active_range(self) -> tuple[float, float]:  # type: ignore[override]
        return -self.shift / self.slope, (1 - self.shift) / self.slope

    def may_work_in_place(self) -> bool | None:
        return super().may_work_in_place() if self._is_usual else False

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        def function(x: Any, result: Any) -> None:
            if self._is_usual:
                xp.divide(xp.clip(x + 3, 0, 6), 6, out=result)
            else:
                xp.clip(self.slope * x + self.shift, 0, 1, out=result)

        return elementwise(xp, function, x, out)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        if self._is_usual:
            return builder.single(inputs)
        (x,) = inputs
        return clamped(builder, builder.plus_number(builder.times_number(x)), bounds=2)

    def derivative(self, xp: Any, kept: Any) -> Any:
        inner = kept * kept.dtype.type(self.slope) + kept.dtype.type(self.shift)
        return ((inner > 0) & (inner < 1)) * kept.dtype.type(self.slope)


class LeakyRelu(Activation):
    """Negative elements are multiplied by a small slope.

    Formula: y = x where positive, else slope * x.
    Volume: as the input.

    Source: Maas et al. 2013.
    """

    kind: ClassVar[str] = "lrelu"
    gradient_follows: ClassVar[str] = "output"
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        "leakyrelu": ("LRELU{b}", "its slope is 0.01 unless written, as in PyTorch; that of Keras is 0.3: LRELU(0.3)"),
        "leaky": ("LRELU(0.1)", "the slope of darknet; LRELU alone has 0.01"),
    }
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> LRELU(0.1)"
    keeps_output_in_place: ClassVar[bool] = True  # with a slope of at least 0 the output has the sign of the input
    bare: ClassVar[str | None] = "slope"

    slope: float = key(Decimal(), 0.01, means="the factor by which negative elements are multiplied")

    def may_work_in_place(self) -> bool | None:
        return False if self.slope < 0 else super().may_work_in_place()

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        def function(x: Any, result: Any) -> None:
            result[...] = xp.where(x > 0, x, self.slope * x)

        return elementwise(xp, function, x, out)

    def derivative(self, xp: Any, kept: Any) -> Any:
        return xp.where(kept > 0, kept.dtype.type(1), kept.dtype.type(self.slope))


class ExponentialLinear(Activation):
    """Negative elements approach -``factor`` * ``alpha`` smoothly; the others are multiplied by ``factor``."""

    factor: ClassVar[float] = 1.0
    gradient_follows: ClassVar[str] = "output on cuda"
    keeps_output_in_place: ClassVar[bool] = True
    alpha: float

    def may_work_in_place(self) -> bool | None:
        return False if self.alpha < 0 else super().may_work_in_place()

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        def function(x: Any, result: Any) -> None:
            result[...] = xp.where(x > 0, self.factor * x, self.factor * self.alpha * xp.expm1(xp.minimum(x, 0)))

        return elementwise(xp, function, x, out)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        if saved.x is not None:
            return super().backward(xp, gradient, saved)

        def function(output: Any, incoming: Any, result: Any) -> None:
            slope = xp.where(output > 0, output.dtype.type(self.factor), output + self.factor * self.alpha)
            xp.multiply(slope, incoming, out=result)

        return (derived(xp, function, saved.output, gradient),), {}

    def derivative(self, xp: Any, kept: Any) -> Any:
        below = self.factor * self.alpha * xp.exp(xp.minimum(kept, 0))
        return xp.where(kept > 0, kept.dtype.type(self.factor), below)


class Elu(ExponentialLinear):
    """Negative elements approach -``alpha`` smoothly.

    Formula: y = x where positive, else alpha * (exp(x) - 1).
    Volume: as the input.

    Source: Clevert et al. 2015.
    """

    kind: ClassVar[str] = "elu"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> ELU"
    bare: ClassVar[str | None] = "alpha"

    alpha: float = key(Decimal(), 1.0, means="negative elements approach minus this value")


class Selu(ExponentialLinear):
    """ELU with two constants, chosen so that mean 0 and variance 1 are kept from layer to layer.

    Formula: y = 1.0507 * x where positive, else 1.0507 * 1.6733 * (exp(x) - 1); both constants to 16 digits.
    Volume: as the input.

    Source: Klambauer et al. 2017, section 2.
    """

    kind: ClassVar[str] = "selu"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> SELU"
    is_rectifier: ClassVar[bool] = False
    factor: ClassVar[float] = 1.0507009873554804934193349852946
    alpha = 1.6732632423543772848170429916717


class Softplus(Activation):
    """A smooth form of RELU.

    Formula: y = log(1 + exp(x)).
    Volume: as the input.

    Source: Dugas et al. 2001; Glorot et al. 2011.
    """

    kind: ClassVar[str] = "softplus"
    gradient_follows: ClassVar[str] = "output on cuda"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> SOFTPLUS"
    autocast: ClassVar[str | None] = "full"
    output_range: ClassVar[tuple[float, float]] = (0, inf)
    can_work_in_place: ClassVar[bool] = False

    in_place: bool | None = never_in_place()

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        return elementwise(xp, lambda x, result: xp.logaddexp(0, x, out=result), x, out)

    def derivative(self, xp: Any, kept: Any) -> Any:
        return 1 / (1 + xp.exp(-kept))


class PRelu(Activation):
    """Negative elements are multiplied by a learned slope, one per channel.

    Formula: y = x where positive, else slope[d] * x.
    Volume: as the input.
    Learned: D slopes, counted as weights; with ``shared`` one slope for all channels.

    Source: He et al. 2015, "Delving Deep into Rectifiers".
    """

    kind: ClassVar[str] = "prelu"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> PRELU"
    autocast: ClassVar[str | None] = "half"
    learns: ClassVar[bool] = True
    can_work_in_place: ClassVar[bool] = False

    in_place: bool | None = never_in_place()
    shared: bool = key(Boolean(), False, means="whether all channels have the same slope")

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        count = 1 if self.shared else inputs[0].depth
        return (Parameter("slope", (count,), Count(count)),)

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
        scratch: tuple[Size, ...] = (whole,) if builder.learns(x) else (whole, whole, summed.times(-1))
        if parameters and not builder.is_summed(x, parameters[0]):
            scratch = () if builder.learns(x) else (whole,)
        given = builder.layout_of(operands[0])
        # for fake tensors where(x > 0, x, slope * x), else a kernel that fills a tensor like its input
        layout = builder.elementwise([given]) if builder.is_fake else builder.copied(given)
        return builder.operation(
            operands,
            layout=layout,
            order="output",
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
        change = xp.zeros(maps.shape[1], maps.dtype) if saved.learns else None
        for number, (image, grad) in enumerate(zip(maps, incoming, strict=True)):
            for piece in pieces(len(image), image[0].nbytes):
                if result is not None:
                    factor = xp.where(image[piece] > 0, maps.dtype.type(1), slope if self.shared else slope[piece])
                    xp.multiply(factor, grad[piece], out=result[number, piece])
                if change is not None:
                    change[piece] += sums_of_channels(xp.minimum(image[piece], 0) * grad[piece])
        if change is not None and self.shared:
            change = change.sum(keepdims=True)
        return (None if result is None else pixels(result),), {} if change is None else {"slope": change}


class Softmax(Layer):
    """Turns the elements along the depth, or along other axes, into positive numbers that add up to 1.

    Formula: y = exp(x) / the sum of exp(x) along ``axes``, by default along the depth.
    Volume: as the input.

    Source: CS231n, "Softmax classifier".
    """

    memory_order: ClassVar[str] = "contiguous"
    kind: ClassVar[str] = "softmax"
    divides_by_sum: ClassVar[bool] = True
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

    axes: tuple[str, ...] = key(SideNames(), ("depth",), means="along which they add up to 1")

    @property
    def is_flat(self) -> bool | None:  # type: ignore[override]
        return None if self.gives_probabilities else False

    @property
    def gives_probabilities(self) -> bool:  # type: ignore[override]
        return self.axes == ("depth",)

    def is_constant(self, *inputs: Volume) -> bool:
        return is_single(self.axes, inputs[0])

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        return whole_axes(self.axes, inputs[0])

    def channel_use(self, *inputs: Volume) -> str:
        return "mixed" if "depth" in self.axes else "apart"

    def forward(self, xp: Any, x: Any) -> Any:
        maps = planes(x)
        axes = axes_of(self.axes, maps)
        result = xp.exp(maps - maps.max(axis=axes, keepdims=True))
        result /= result.sum(axis=axes, keepdims=True)
        return pixels(result)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        from cnncalc.layers.layout import contiguous

        if len(self.axes) == 1:
            return self._probabilities(builder, inputs[0], builder.made(inputs, builder.output))
        # a view or a copy joins the axes to one; afterwards they are split again
        sizes = {"depth": builder.output.depth, **dict(zip(builder.output.names, builder.output.sides, strict=True))}
        names = [*[name for name in sizes if name not in self.axes], *self.axes]
        order = [0, *[1 + list(sizes).index(name) for name in names]]
        shape, alone = [sizes[name] for name in names], len(names) - len(self.axes)
        joined = builder.reshaped(builder.permuted(inputs[0], tuple(order)), (*shape[:alone], prod(shape[alone:])))
        layout = contiguous(builder.layout_of(joined).sizes)
        whole = builder.reshaped(self._probabilities(builder, joined, layout), shape)
        result = builder.permuted(whole, tuple([order.index(place) for place in range(len(order))]))
        builder.hold(joined)  # a variable
        return result

    def _probabilities(self, builder: TorchBuilder, value: int, layout: Layout) -> int:
        """Records the softmax along one axis, with this layout; its gradient is contiguous."""
        x = builder.widened(value) if builder.autocast == "bfloat16" else value
        item = 4 if builder.autocast and not builder.is_cpu else None
        return builder.operation([x], item=item, layout=layout, order="contiguous", keeps_output=True)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        # y * (gradient - sum of gradient*y over the axes)
        output, incoming = planes(saved.output), planes(gradient)
        axes = tuple([axis - 1 for axis in axes_of(self.axes, output)])
        result = xp.empty(output.shape, output.dtype)
        for image, grad, target in zip(output, incoming, result, strict=True):
            xp.multiply(image, grad, out=target)
            total = xp.broadcast_to(target.sum(axis=axes, keepdims=True), target.shape)
            for piece in pieces(len(image), image[0].nbytes):
                xp.subtract(grad[piece], total[piece], out=target[piece])
                target[piece] *= image[piece]
        return (pixels(result),), {}
