"""Views of a volume, and upsampling by a whole factor."""

from __future__ import annotations

from math import gcd, prod

from cnncalc.errors import ShapeError
from cnncalc.layers.base import Layer, key
from cnncalc.layers.keys import Choice, VolumeSize, Whole
from cnncalc.layers.memory import Keeping
from cnncalc.layers.planes import pixels, planes
from cnncalc.layers.stencil import WHOLE, Origins, Stencil, Stencils
from cnncalc.layers.window import all_sides, depth_step
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder


class Flatten(Layer):
    """The whole volume as one row: a view.

    Formula: y[(d*H + i)*W + j] = x[i, j, d]: depth slowest, then height, then width.
    Volume: [1x1xN], N = H*W*D.

    Source: PyTorch, torch.nn.Flatten.
    """

    kind: ClassVar[str] = "flatten"
    example: ClassVar[str] = "INPUT 7x7x16 -> CONV3-32 -> FLATTEN"
    is_flat: ClassVar[bool | None] = True
    is_linear = True
    picks_values = True
    drawn: ClassVar[str] = "joined"
    kept: ClassVar[Keeping] = Keeping(gradients=("view",))
    is_view: ClassVar[bool] = True

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (x,) = inputs
        return [f"{all_sides(output)} 1", f"depth {'*'.join(map(str, x))} = {output.depth}"]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        return Volume(*(1,) * len(x.sides), x.elements)

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        return WHOLE

    def channel_use(self, *inputs: Volume) -> str:
        return "apart" if inputs[0].is_point else "moved"

    def forward(self, xp: Any, x: Any) -> Any:
        return planes(x).reshape(len(x), *(1,) * (x.ndim - 2), -1)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return builder.flat(inputs[0])

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        return (pixels(planes(gradient).reshape(saved.shape)),), {}


class Identity(Layer):
    """The input unchanged: a view of it.

    Formula: y = x.
    Volume: as the input.

    Source: He et al. 2016, "Identity Mappings in Deep Residual Networks".
    """

    kind: ClassVar[str] = "identity"
    other_names: ClassVar[tuple[str, ...]] = ("noop", "passthrough")
    example: ClassVar[str] = "INPUT 7x7x16 -> CONV3-32 -> IDENTITY"
    is_identity_at_test_time: ClassVar[bool] = True
    is_linear = True
    drawn: ClassVar[str] = "joined"
    kept: ClassVar[Keeping] = Keeping(gradients=("view",))
    is_view: ClassVar[bool] = True

    def forward(self, xp: Any, x: Any) -> Any:
        return x

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return builder.same(inputs[0])

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        return (gradient,), {}


class Reshape(Layer):
    """The same elements in another volume: a view.

    Formula: the elements in the order depth slowest, then height, then width, fill the new volume in that order.
    Volume: as given, with as many elements as the input.

    Source: PyTorch, torch.Tensor.view.
    """

    kind: ClassVar[str] = "reshape"
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        "view": ("FLATTEN", "all elements as one vector; RESHAPE 4x4x16 gives another volume, without the batch")
    }
    example: ClassVar[str] = "INPUT 1x1x100 -> FC-1568 -> RESHAPE 7x7x32"
    is_flat: ClassVar[bool | None] = False
    is_linear = True
    picks_values = True
    thin_depth: ClassVar[int | None] = None
    drawn: ClassVar[str] = "joined"
    kept: ClassVar[Keeping] = Keeping(gradients=("view",))
    first: ClassVar[str | None] = "size"
    bare: ClassVar[str | None] = "size"
    is_view: ClassVar[bool] = True

    size: tuple[int, ...] = key(VolumeSize(), means="the new sides and depth")

    def label(self) -> str:
        return f"RESHAPE {Volume(*self.size).size}"

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (x,) = inputs
        return [f"the same {'*'.join(map(str, x))} = {x.elements:,} elements in the given volume"]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        result = Volume(*self.size)
        if result.elements != x.elements:
            raise ShapeError(
                f"a reshape keeps the number of elements, but {x} has {x.elements} and {result} {result.elements}",
                code="reshape-mismatch",
                key="size",
            )
        return result

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        return super().stencils(*inputs, of=of) if inputs[0].sides == self.size[:-1] else WHOLE

    def origins(self, *inputs: Volume) -> Origins | None:
        (x,) = inputs
        before, after = x.positions, prod(self.size[:-1])
        if 1 in (before, after) or x.sides == self.size[:-1]:
            return None
        # channel d of position p is element d*after + p, at position (d*after + p) % before: again after some channels
        channels = min(self.size[-1], before // gcd(before, after))
        return Origins(
            lambda position: [(channel * after + position) % before for channel in range(channels)], channels
        )

    def channel_use(self, *inputs: Volume) -> str:
        return "apart" if inputs[0].depth == self.size[-1] else "moved"

    def forward(self, xp: Any, x: Any) -> Any:
        *sides, depth = self.size
        return pixels(planes(x).reshape(-1, depth, *sides))

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        *sides, depth = self.size
        return builder.reshaped(inputs[0], (depth, *sides))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        return (pixels(planes(gradient).reshape(saved.shape)),), {}


def interpolated(builder: TorchBuilder, inputs: Sequence[int], mode: str) -> int:
    """Records an interpolation; with less than 16 channels CUDA interpolates linearly in contiguous memory."""
    sides = len(builder.output.sides)
    is_few = mode == "bilinear" and not builder.is_cpu and builder.output.depth < 16
    back = "contiguous" if mode == "bicubic" or (mode == "nearest" and sides == 3) else "incoming"
    return builder.single(inputs, order="contiguous" if is_few else "suggested", gradient_order=back)


class Upsample(Layer):
    """Enlarges each side by a factor: repeats each element (``nearest``) or interpolates (``bilinear``).

    Formula: ``nearest`` y[i, j] = x[i // factor, j // factor]; with ``bilinear`` output o lies at position
    (o + 0.5)/factor - 0.5 of the input (corners are not aligned).
    Volume: [H*factor x W*factor x D].

    Source: PyTorch, torch.nn.Upsample with align_corners=False.
    """

    kind: ClassVar[str] = "upsample"
    other_names: ClassVar[tuple[str, ...]] = ("upsampling",)
    example: ClassVar[str] = "INPUT 7x7x16 -> CONV3-32 -> UPSAMPLE2"
    is_flat: ClassVar[bool | None] = False
    autocast: ClassVar[str | None] = "full"
    is_linear = True
    first: ClassVar[str | None] = "factor"
    bare: ClassVar[str | None] = "factor"

    factor: int = key(Whole(1, others="RESIZE takes it: RESIZE(factor={})"), 2, means="factor of each side")
    mode: str = key(Choice("nearest", "bilinear"), "nearest", means="how elements in between are computed")

    @property
    def picks_values(self) -> bool:
        return self.mode == "nearest"

    def no_effect(self, x: Volume) -> str | None:
        return "its factor is 1" if self.factor == 1 else None

    def label(self) -> str:
        return f"UPSAMPLE{self.factor}"

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (x,) = inputs
        sides = [f"{name} {x[side]}*{self.factor} = {output[side]}" for side, name in enumerate(x.names)]
        return [*sides, depth_step(x)]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        return x.with_sides(tuple([size * self.factor for size in x.sides]))

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        factor = self.factor
        if self.mode == "nearest":
            each = Stencil(1, range(1 - factor, 1), factor)
        else:
            # floor and ceiling of (2*o + 1 - factor) / (2*factor)
            each = Stencil(2, range(2 - 3 * factor, factor + 1), 2 * factor)
        return (each,) * len(inputs[0].sides)

    def forward(self, xp: Any, x: Any) -> Any:
        maps, factor = planes(x), self.factor
        for axis in range(2, maps.ndim):
            shape = [*maps.shape[: axis + 1], factor, *maps.shape[axis + 1 :]]
            result = xp.empty(shape, maps.dtype)
            before = (slice(None),) * (axis + 1)
            if self.mode == "nearest":
                result[...] = xp.expand_dims(maps, axis + 1)
            else:
                self._interpolate(xp, maps, axis, [result[(*before, phase)] for phase in range(factor)])
            maps = result.reshape(*maps.shape[:axis], -1, *maps.shape[axis + 1 :])
        return pixels(maps)

    def _interpolate(self, xp: Any, x: Any, axis: int, phases: list[Any]) -> None:
        """Interpolates along one axis: writes output factor*q + p, at q + (p + 0.5)/factor - 0.5, to phases[p][q]."""
        last = x.shape[axis] - 1
        positions = xp.arange(last + 1)
        for phase, result in enumerate(phases):
            offset = 2 * phase + 1 - self.factor  # in units of 1 / (2*factor)
            neighbour = xp.clip(positions + (1 if offset > 0 else -1), 0, last)
            share = abs(offset) / (2 * self.factor)
            xp.multiply(x, 1 - share, out=result)
            result += share * xp.take(x, neighbour, axis=axis)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return interpolated(builder, inputs, self.mode)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        factor, result = self.factor, planes(gradient)
        for axis in range(result.ndim - 1, 1, -1):
            size = saved.shape[axis]
            phases = result.reshape(*result.shape[:axis], size, factor, *result.shape[axis + 1 :])
            if self.mode == "nearest":
                result = phases.sum(axis=axis + 1)
                continue
            result = xp.zeros((*result.shape[:axis], size, *result.shape[axis + 1 :]), result.dtype)
            before = (slice(None),) * (axis + 1)
            parts = [xp.moveaxis(phases[(*before, phase)], axis, -1) for phase in range(factor)]
            self._interpolate_backward(xp.moveaxis(result, axis, -1), parts)
        return (pixels(result),), {}

    def _interpolate_backward(self, target: Any, phases: list[Any]) -> None:
        """Adds the transpose of :meth:`_interpolate`, along the last axis, to ``target``."""
        for phase, incoming in enumerate(phases):
            offset = 2 * phase + 1 - self.factor
            share = abs(offset) / (2 * self.factor)
            target += (1 - share) * incoming
            if offset > 0:
                target[..., 1:] += share * incoming[..., :-1]
                target[..., -1] += share * incoming[..., -1]
            else:
                target[..., :-1] += share * incoming[..., 1:]
                target[..., 0] += share * incoming[..., 0]
