"""Layers that move elements and compute nothing."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, Any, ClassVar

from cnncalc.errors import ShapeError
from cnncalc.layers.base import POINT, WHOLE_PLANE, Layer, Stencil, key, require_divisible
from cnncalc.layers.keys import Choice, Sides, VolumeSize, Whole
from cnncalc.layers.memory import Keeping
from cnncalc.layers.planes import padded, pixels, planes
from cnncalc.layers.window import SIDES, depth_step
from cnncalc.units import plural
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

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
        return ["height and width 1", f"depth {x.height}*{x.width}*{x.depth} = {output.depth}"]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        return Volume(1, 1, x.elements)

    def stencils(self, *inputs: Volume, of: int = 0) -> tuple[Stencil, ...] | None:
        return WHOLE_PLANE

    def channel_use(self, *inputs: Volume) -> str:
        return "apart" if inputs[0].is_point else "moved"

    def forward(self, xp: Any, x: Any) -> Any:
        return planes(x).reshape(x.shape[0], 1, 1, -1)

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

    size: tuple[int, int, int] = key(VolumeSize(), means="the new height x width x depth")

    def label(self) -> str:
        return f"RESHAPE {Volume(*self.size).size}"

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (x,) = inputs
        return [f"the same {x.height}*{x.width}*{x.depth} = {x.elements:,} elements in the given volume"]

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

    def stencils(self, *inputs: Volume, of: int = 0) -> tuple[Stencil, ...] | None:
        return (POINT, POINT) if inputs[0][:2] == self.size[:2] else WHOLE_PLANE

    def origins(self, *inputs: Volume) -> Callable[[int], Iterable[int]] | None:
        (x,) = inputs
        before, after = x.height * x.width, self.size[0] * self.size[1]
        if 1 in (before, after) or x[:2] == self.size[:2]:
            return None
        # channel d of position p is element d*after + p, at position (d*after + p) % before: again after some channels
        channels = min(self.size[2], before // gcd(before, after))
        return lambda position: [(channel * after + position) % before for channel in range(channels)]

    def channel_use(self, *inputs: Volume) -> str:
        return "apart" if inputs[0][:2] == self.size[:2] else "moved"

    def forward(self, xp: Any, x: Any) -> Any:
        height, width, depth = self.size
        return pixels(planes(x).reshape(-1, depth, height, width))

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        height, width, depth = self.size
        return builder.reshaped(inputs[0], (depth, height, width))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        return (pixels(planes(gradient).reshape(saved.shape)),), {}


class Upsample(Layer):
    """Height and width times a factor: each element repeated (``nearest``) or interpolated (``bilinear``).

    Formula: nearest y[i, j] = x[i // factor, j // factor]; bilinear treats pixels as areas (corners not aligned):
    output o lies at (o + 0.5)/factor - 0.5 of the input.
    Volume: [H*factor x W*factor x D].

    Source: PyTorch, torch.nn.Upsample with align_corners=False.
    """

    kind: ClassVar[str] = "upsample"
    other_names: ClassVar[tuple[str, ...]] = ("upsampling",)
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = dict.fromkeys(
        ("interpolate", "resize", "resizing"), ("UPSAMPLE2", "by a whole factor, not to a size")
    )
    example: ClassVar[str] = "INPUT 7x7x16 -> CONV3-32 -> UPSAMPLE2"
    is_flat: ClassVar[bool | None] = False
    autocast: ClassVar[str | None] = "full"
    is_linear = True
    first: ClassVar[str | None] = "factor"
    bare: ClassVar[str | None] = "factor"

    factor: int = key(Whole(1), 2, means="factor of height and width")
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
        sides = [f"{name} {x[side]}*{self.factor} = {output[side]}" for side, name in enumerate(SIDES)]
        return [*sides, depth_step(x)]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        return Volume(x.height * self.factor, x.width * self.factor, x.depth)

    def stencils(self, *inputs: Volume, of: int = 0) -> tuple[Stencil, ...] | None:
        factor = self.factor
        if self.mode == "nearest":
            each = Stencil(1, range(1 - factor, 1), factor)
        else:
            # floor and ceiling of (2*o + 1 - factor) / (2*factor)
            each = Stencil(2, range(2 - 3 * factor, factor + 1), 2 * factor)
        return (each, each)

    def forward(self, xp: Any, x: Any) -> Any:
        maps, factor = planes(x), self.factor
        batch, depth, height, width = maps.shape
        if self.mode == "nearest":
            result = xp.empty((batch, depth, height, factor, width, factor), maps.dtype)
            result[...] = maps[:, :, :, None, :, None]
            return pixels(result.reshape(batch, depth, height * factor, width * factor))
        lines = xp.empty((batch, depth, height, factor, width), maps.dtype)
        self._interpolate(xp, maps, 2, [lines[:, :, :, phase] for phase in range(factor)])
        lines = lines.reshape(batch, depth, height * factor, width)
        result = xp.empty((batch, depth, height * factor, width, factor), maps.dtype)
        self._interpolate(xp, lines, 3, [result[..., phase] for phase in range(factor)])
        return pixels(result.reshape(batch, depth, height * factor, width * factor))

    def _interpolate(self, xp: Any, x: Any, axis: int, phases: list[Any]) -> None:
        """Interpolates along one axis: output factor*q + p lies at q + (p + 0.5)/factor - 0.5, within the border."""
        last = x.shape[axis] - 1
        positions = xp.arange(last + 1)
        for phase, result in enumerate(phases):
            offset = 2 * phase + 1 - self.factor  # in units of 1 / (2*factor)
            neighbour = xp.clip(positions + (1 if offset > 0 else -1), 0, last)
            share = abs(offset) / (2 * self.factor)
            xp.multiply(x, 1 - share, out=result)
            result += share * xp.take(x, neighbour, axis=axis)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        # CUDA interpolates few channels in contiguous memory
        is_few = self.mode == "bilinear" and not builder.is_cpu and builder.output.depth < 16
        return builder.single(inputs, order="contiguous" if is_few else "suggested")

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        factor, (_, depth, height, width) = self.factor, saved.shape
        parts = planes(gradient)
        result = xp.empty(saved.shape, gradient.dtype)
        for image, target in zip(parts, result, strict=True):
            if self.mode == "nearest":
                image.reshape(depth, height, factor, width, factor).sum(axis=(2, 4), out=target)
                continue
            lines = xp.zeros((depth, height * factor, width), gradient.dtype)
            phases = image.reshape(depth, height * factor, width, factor)
            self._interpolate_backward(lines, [phases[..., phase] for phase in range(factor)])
            target[...] = 0
            phases = lines.reshape(depth, height, factor, width).swapaxes(1, 3)
            self._interpolate_backward(target.swapaxes(1, 2), [phases[:, :, phase] for phase in range(factor)])
        return (pixels(result),), {}

    def _interpolate_backward(self, target: Any, phases: list[Any]) -> None:
        """The transpose of :meth:`_interpolate` along the last axis, added to ``target``."""
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


class ZeroPad(Layer):
    """Rows and columns of zeros around the volume; negative numbers crop it.

    Formula: y[i, j] = x[i - top, j - left], and 0 beyond it.
    Volume: height H + top + bottom, width W + left + right, depth D.

    Source: CS231n, "Use of zero-padding"; PyTorch, torch.nn.ZeroPad2d.
    """

    kind: ClassVar[str] = "pad"
    other_names: ClassVar[tuple[str, ...]] = ("zeropad", "zeropadding", "constantpad")
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        **dict.fromkeys(("crop", "cropping"), ("PAD(-{v})", "negative numbers crop; also [top, left, bottom, right]")),
        **dict.fromkeys(
            ("reflectionpad", "replicationpad", "mirrorpad"),
            ("PAD({v})", "it fills with zeros; volumes and counts are the same"),
        ),
    }
    example: ClassVar[str] = "INPUT 7x7x16 -> CONV3-32 -> PAD([0, 1])"
    is_flat: ClassVar[bool | None] = False
    is_linear = True
    drawn: ClassVar[str] = "arrow"
    bare: ClassVar[str | None] = "pad"

    pad: tuple[int, int, int, int] = key(Sides(), means="rows and columns on each side; negative ones crop")

    def no_effect(self, x: Volume) -> str | None:
        return None if any(self.pad) else "its pad is 0"

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (x,) = inputs
        sides = [
            f"{name} {x[side]} + ({self.pad[side]}) + ({self.pad[side + 2]}) = {output[side]}"
            for side, name in enumerate(SIDES)
        ]
        return [*sides, depth_step(x)]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        top, left, bottom, right = self.pad
        for side, size, more in ((0, x.height, top + bottom), (1, x.width, left + right)):
            before = self.pad[side]
            after = self.pad[side + 2]
            kept = size + min(more, before, after, 0)  # of the input, before anything is added at the other end
            if kept < 1:
                raise ShapeError(
                    f"cropping must leave at least 1, but pad {before} and {after} leaves "
                    f"{max(0, kept)} of {SIDES[side]} {size}",
                    code="volume-vanishes",
                    key="pad",
                )
        return Volume(x.height + top + bottom, x.width + left + right, x.depth)

    def stencils(self, *inputs: Volume, of: int = 0) -> tuple[Stencil, ...] | None:
        top, left, _, _ = self.pad
        return (Stencil(1, range(-top, 1 - top)), Stencil(1, range(-left, 1 - left)))

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return builder.resized(inputs[0], builder.output, crops=max(self.pad) <= 0)

    def forward(self, xp: Any, x: Any) -> Any:
        top, left, bottom, right = self.pad
        maps = planes(x)
        batch, depth, height, width = maps.shape
        rows, columns = (-top, height + bottom), (-left, width + right)
        result = xp.empty((batch, depth, height + top + bottom, width + left + right), x.dtype)
        for image, target in zip(maps, result, strict=True):
            target[...] = padded(xp, image, rows, columns)
        return pixels(result)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        (top, left, _, _), (_, _, height, width) = self.pad, saved.shape
        result = xp.empty(saved.shape, gradient.dtype)
        for image, target in zip(planes(gradient), result, strict=True):
            target[...] = padded(xp, image, (top, top + height), (left, left + width))
        return (pixels(result),), {}


class Shuffle(Layer):
    """Interleaves the channels of groups, so that the next grouped convolution sees channels of each.

    Formula: channel i of group g becomes channel i*groups + g.
    Volume: as the input.

    Source: Zhang et al. 2018, "ShuffleNet", section 3.1.
    """

    memory_order: ClassVar[str] = "contiguous"
    kind: ClassVar[str] = "shuffle"
    other_names: ClassVar[tuple[str, ...]] = ("channelshuffle",)
    example: ClassVar[str] = "INPUT 7x7x16 -> CONV3-32 -> SHUFFLE4"
    is_flat: ClassVar[bool | None] = False
    is_linear = True
    picks_values = True
    thin_depth: ClassVar[int | None] = 2
    thin_keys: ClassVar[Mapping[str, Any]] = {"groups": 1}
    drawn: ClassVar[str] = "joined"
    first: ClassVar[str | None] = "groups"
    bare: ClassVar[str | None] = "groups"

    groups: int = key(Whole(1), means="groups of channels")

    def label(self) -> str:
        return f"SHUFFLE{self.groups}"

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        require_divisible(x.depth, self.groups)
        return x

    def forward(self, xp: Any, x: Any) -> Any:
        maps = planes(x)
        batch, depth, height, width = maps.shape
        result = xp.empty((batch, depth // self.groups, self.groups, height, width), maps.dtype)
        result[...] = maps.reshape(batch, self.groups, -1, height, width).swapaxes(1, 2)
        return pixels(result.reshape(batch, depth, height, width))

    def is_view_in_torch(self, output: Volume) -> bool:
        return self.groups in (1, output.depth)  # the order stays as it is

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return builder.viewed(inputs[0]) if self.is_view_in_torch(builder.output) else builder.single(inputs)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        batch, depth, height, width = saved.shape
        result = xp.empty((batch, self.groups, depth // self.groups, height, width), gradient.dtype)
        result[...] = planes(gradient).reshape(batch, -1, self.groups, height, width).swapaxes(1, 2)
        return (pixels(result.reshape(saved.shape)),), {}


class Slice(Layer):
    """Consecutive channels of the input: a view.

    Formula: y = channels from, ..., to - 1 of x, counted from 0.
    Volume: height and width as the input, depth to - from.

    Source: the channel split of Ma et al. 2018, "ShuffleNet V2", section 3.
    """

    kind: ClassVar[str] = "slice"
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = dict.fromkeys(
        ("split", "chunk"),
        ("[SLICE(from=0, to=1) | SLICE(from=1)] -> CONCAT", "SLICE is one part; the parts are branches of a fork"),
    )
    example: ClassVar[str] = "INPUT 7x7x16 -> CONV3-32 -> SLICE(8, to=24)"
    is_linear = True
    picks_values = True
    thin_depth: ClassVar[int | None] = 2
    thin_keys: ClassVar[Mapping[str, Any]] = {"from": 0, "to": 1}
    drawn: ClassVar[str] = "arrow"
    bare: ClassVar[str | None] = "from"
    is_view: ClassVar[bool] = True

    start: int = key(Whole(0), name="from", means="the first channel, from 0")
    stop: int | None = key(Whole(1), None, name="to", note="the depth", means="the channel after the last one")

    def no_effect(self, x: Volume) -> str | None:
        return f"all {plural(x.depth, 'channel')} are taken" if self.output(x) == x else None

    def label(self) -> str:
        return f"SLICE(from={self.start})" if self.stop is None else f"SLICE(from={self.start}, to={self.stop})"

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        stop = inputs[0].depth if self.stop is None else self.stop
        return ["height and width, same as the input", f"depth {stop} - {self.start} = {output.depth}"]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        stop = x.depth if self.stop is None else self.stop
        if not self.start < stop <= x.depth:
            raise ShapeError(
                f"a slice must lie within the {plural(x.depth, 'channel')}, but is from {self.start} to {stop}",
                code="no-such-channel",
                key="to" if self.start < x.depth else "from",
            )
        return Volume(x.height, x.width, stop - self.start)

    def channel_use(self, *inputs: Volume) -> str:
        return "apart" if self.output(*inputs) == inputs[0] else "some"

    def forward(self, xp: Any, x: Any) -> Any:
        return x[..., self.start : self.stop]

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return builder.sliced(inputs[0], builder.output.depth)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        result = pixels(xp.zeros(saved.shape, gradient.dtype))
        result[..., self.start : self.stop] = gradient
        return (result,), {}
