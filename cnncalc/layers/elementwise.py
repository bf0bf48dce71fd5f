"""Arithmetic on each element: bounds, powers, a constant factor and shift; more is in ``activation``."""

from __future__ import annotations

from math import inf

from cnncalc.errors import ShapeError, ValueProblem
from cnncalc.layers.activation import Activation, clamped
from cnncalc.layers.base import Layer, key
from cnncalc.layers.keys import Boolean, Decimal, Numbers
from cnncalc.layers.planes import by_channel, pixels, planes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume


class Clip(Activation):
    """Elements below ``low`` become ``low``, those above ``high`` become ``high``.

    Formula: y = min(max(low, x), high).
    Volume: as the input.

    One of the two may be left out, as in ``CLIP(high=1)``.

    Source: ONNX, operator Clip; PyTorch, torch.clamp.
    """

    kind: ClassVar[str] = "clip"
    other_names: ClassVar[tuple[str, ...]] = ("clamp", "clipbyvalue")
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> CLIP(0, 6)"
    is_idempotent: ClassVar[bool] = True
    cuts_to_range: ClassVar[bool] = True
    bare: ClassVar[str | None] = "low"
    further_bare: ClassVar[tuple[str, ...]] = ("high",)

    low: float | None = key(Decimal(example=0), None, note="no bound", means="the smallest value of the output")
    high: float | None = key(Decimal(example=6), None, note="no bound", means="the largest value of the output")

    def _check(self) -> None:
        low, high = self.output_range
        if low == -high == -inf:
            raise ValueProblem(f"{self.kind} needs low or high, as in CLIP(0, 6)", code="missing-key")
        if low > high:
            raise ValueProblem(f"low: must not be above high, but {low:g} is above {high:g}")

    @property
    def output_range(self) -> tuple[float, float]:  # type: ignore[override]
        return -inf if self.low is None else self.low, inf if self.high is None else self.high

    @property
    def active_range(self) -> tuple[float, float]:  # type: ignore[override]
        return self.output_range

    def is_constant(self, *inputs: Volume) -> bool:
        return self.low == self.high

    @property
    def is_rectifier(self) -> bool:  # type: ignore[override]
        low, high = self.output_range
        return low == 0 and high > 1

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        return xp.clip(x, self.low, self.high, out=out)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return clamped(builder, inputs[0], bounds=(self.low is not None) + (self.high is not None))

    def derivative(self, xp: Any, kept: Any) -> Any:
        low, high = self.output_range
        return (kept >= low) & (kept <= high)


class HardTanh(Clip):
    """Elements are clipped to a range, by default that from -1 to 1.

    Formula: y = min(max(low, x), high).
    Volume: as the input.

    Source: Collobert 2004, section 5.1.1.
    """

    kind: ClassVar[str] = "hardtanh"
    gradient_follows: ClassVar[str] = "output on cuda"
    other_names: ClassVar[tuple[str, ...]] = ()
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> HARDTANH"

    low: float = key(Decimal(), -1.0, means="the smallest value of the output")
    high: float = key(Decimal(), 1.0, means="the largest value of the output")

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return builder.single(inputs)

    def derivative(self, xp: Any, kept: Any) -> Any:
        return (kept > self.low) & (kept < self.high)


class Absolute(Activation):
    """Each element without its sign.

    Formula: y = |x|.
    Volume: as the input.

    Source: Jarrett et al. 2009, the rectification of section 2.
    """

    kind: ClassVar[str] = "abs"
    other_names: ClassVar[tuple[str, ...]] = ("absolute", "absval")
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> ABS"
    output_range: ClassVar[tuple[float, float]] = (0, inf)
    is_idempotent: ClassVar[bool] = True

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        return xp.absolute(x, out=out)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return builder.single(inputs, scratch=(builder.bytes_of(inputs[0]),))  # the signs

    def derivative(self, xp: Any, kept: Any) -> Any:
        return xp.sign(kept)


class Square(Activation):
    """Each element times itself.

    Formula: y = x**2.
    Volume: as the input.

    Source: PyTorch, torch.square.
    """

    kind: ClassVar[str] = "square"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> SQUARE"
    is_rectifier: ClassVar[bool] = False
    output_range: ClassVar[tuple[float, float]] = (0, inf)
    autocast: ClassVar[str | None] = "full"

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        return xp.square(x, out=out)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        # backward makes x**1 and twice that
        x = builder.entering(inputs[0])
        return builder.single([x], scratch=(builder.bytes_of(x),) * 2)

    def derivative(self, xp: Any, kept: Any) -> Any:
        return 2 * kept


class Exponential(Activation):
    """e to the power of each element.

    Formula: y = exp(x).
    Volume: as the input.

    Source: PyTorch, torch.exp.
    """

    kind: ClassVar[str] = "exp"
    other_names: ClassVar[tuple[str, ...]] = ("exponential",)
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> EXP"
    is_rectifier: ClassVar[bool] = False
    output_range: ClassVar[tuple[float, float]] = (0, inf)
    keeps_output: ClassVar[bool] = True
    autocast: ClassVar[str | None] = "full"

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        return xp.exp(x, out=out)

    def derivative(self, xp: Any, kept: Any) -> Any:
        return kept


class SquareRoot(Activation):
    """The square root of each element; that of a negative element is NaN, as in PyTorch.

    Formula: y = sqrt(x).
    Volume: as the input.

    Source: PyTorch, torch.sqrt.
    """

    kind: ClassVar[str] = "sqrt"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> ABS -> SQRT"
    is_rectifier: ClassVar[bool] = False
    output_range: ClassVar[tuple[float, float]] = (0, inf)
    keeps_output: ClassVar[bool] = True

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        return xp.sqrt(x, out=out)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return builder.single(inputs, scratch=(builder.bytes_of(inputs[0]),))  # twice the output

    def derivative(self, xp: Any, kept: Any) -> Any:
        return 0.5 / kept


class Negate(Layer):
    """Each element with the other sign.

    Formula: y = -x.
    Volume: as the input.

    Source: PyTorch, torch.neg.
    """

    kind: ClassVar[str] = "neg"
    other_names: ClassVar[tuple[str, ...]] = ("negate", "negative")
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> NEG"
    is_linear = True
    drawn: ClassVar[str] = "joined"

    in_place: bool = key(Boolean(), False, means="whether it overwrites its input")

    def may_work_in_place(self) -> bool | None:
        return self.in_place

    def forward(self, xp: Any, x: Any, *, out: Any = None) -> Any:
        return xp.negative(x, out=out)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        return (-gradient,), {}


class AffineMap(Layer):
    """Each element times a constant, plus a constant; with lists one constant for each channel. Nothing is learned.

    Formula: y = factor * x + shift; with lists factor[d] and shift[d] in channel d.
    Volume: as the input.

    The constants belong to the design: they are neither parameters nor buffers. In PyTorch a list is a tensor that is
    made when the layer runs.

    Source: the normalization of images by the mean and deviation of their colours, as in Krizhevsky et al. 2012.
    """

    kind: ClassVar[str] = "affine"
    other_names: ClassVar[tuple[str, ...]] = ("rescale", "rescaling")
    example: ClassVar[str] = "INPUT 28x28x3 -> AFFINE(2, -1) -> CONV3-32"
    is_linear = True
    drawn: ClassVar[str] = "joined"
    thin_depth: ClassVar[int | None] = None
    bare: ClassVar[str | None] = "factor"
    further_bare: ClassVar[tuple[str, ...]] = ("shift",)

    factor: float | tuple[float, ...] = key(Numbers(), 1.0, means="the factor, or a list with one for each channel")
    shift: float | tuple[float, ...] = key(Numbers(), 0.0, means="what is added, or a list with one for each channel")

    def is_constant(self, *inputs: Volume) -> bool:
        return not any(self._each(self.factor))

    def no_effect(self, x: Volume) -> str | None:
        is_identity = {*self._each(self.factor)} == {1} and {*self._each(self.shift)} == {0}
        return "its factor is 1 and its shift 0" if is_identity else None

    @staticmethod
    def _each(value: float | tuple[float, ...]) -> tuple[float, ...]:
        return value if isinstance(value, tuple) else (value,)

    def thin(self, *inputs: Volume) -> tuple[Layer, tuple[Volume, ...]]:
        return self.with_keys(shift=0), inputs  # beside a large shift rounding hides a change of the input

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        for name, value in (("factor", self.factor), ("shift", self.shift)):
            if isinstance(value, tuple) and len(value) != x.depth:
                message = f"a list has one number for each channel, but {name} has {len(value)} for depth {x.depth}"
                hint = f"{name}={value[0]:g} is one number for all channels"
                raise ShapeError(message, code="wrong-depth", key=name, hint=hint)
        return x

    @property
    def subtracts(self) -> bool:
        """Whether it is a number minus its input, which is one operation in PyTorch."""
        return self.factor == -1 and not isinstance(self.shift, tuple) and self.shift != 0

    def _array(self, xp: Any, value: float | tuple[float, ...], maps: Any) -> Any:
        """A constant as an array that is broadcast over maps (batch x depth x sides)."""
        return by_channel(xp.array(value, maps.dtype), maps) if isinstance(value, tuple) else maps.dtype.type(value)

    def forward(self, xp: Any, x: Any) -> Any:
        maps = planes(x)
        result = xp.multiply(maps, self._array(xp, self.factor, maps))
        result += self._array(xp, self.shift, maps)
        return pixels(result)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        (x,) = inputs
        depth = builder.output.depth
        if self.subtracts:
            return builder.minus_from_number(x)
        if isinstance(self.factor, tuple):
            x = builder.times_constant(x, builder.constant(x, depth))
        elif self.factor != 1 or self.shift == 0:
            x = builder.times_number(x)
        if isinstance(self.shift, tuple):
            x = builder.plus_constant(x, builder.constant(x, depth))
        elif self.shift != 0:
            x = builder.plus_number(x)
        return x

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        incoming = planes(gradient)
        return (pixels(xp.multiply(incoming, self._array(xp, self.factor, incoming))),), {}
