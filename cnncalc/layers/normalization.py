"""Normalizations that subtract a mean and divide by a standard deviation."""

from __future__ import annotations

from math import prod

from cnncalc.counts import Count
from cnncalc.layers.base import Layer, Parameter, key
from cnncalc.layers.keys import Boolean, Decimal, Whole
from cnncalc.layers.memory import STATISTIC, Extra, Keeping, Size
from cnncalc.layers.normed_axes import (
    axes_last,
    axes_of_image,
    fitted,
    is_single,
    learned_shape,
    names_of,
    stencils_over,
    summed_to,
)
from cnncalc.layers.planes import by_channel, over_sides, pixels, planes
from cnncalc.layers.requirements import require_groups
from cnncalc.layers.side_keys import Axes
from cnncalc.layers.stencil import WHOLE, Stencils

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume, Volumes


class Normalization(Layer):
    """Base of normalizations, and of layers that scale each channel by a learned factor."""

    drawn: ClassVar[str] = "joined"


class Affine(Normalization):
    """Base of normalizations that end with a learned factor (``scale``, counted as weights) and ``shift`` (biases)."""

    is_normalization: ClassVar[bool] = True
    why_input: ClassVar[str] = "the gradient of a normalization is computed from its input, mean and deviation"
    why_byproducts: ClassVar[str] = "mean and deviation, which the gradient uses"
    learns: ClassVar[bool] = True

    scale: bool = key(Boolean(), True, means="whether a factor is learned")
    shift: bool = key(Boolean(), True, means="whether a shift is learned")
    eps: float = key(Decimal(0), 1e-5, means="what is added to each variance before its square root")

    def _affine(self, shape: tuple[int, ...], count: Count) -> tuple[Parameter, ...]:
        parts = []
        if self.scale:
            parts.append(Parameter("scale", shape, count))
        if self.shift:
            parts.append(Parameter("shift", shape, count, "bias"))
        return tuple(parts)

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        depth = inputs[0].depth
        return self._affine((depth,), Count(depth))

    def narrow_shift(self, builder: TorchBuilder, x: int, elements: Size) -> tuple[Size, ...]:
        """Temporaries of the gradient of a shift with these elements, made by PyTorch's own kernel of batch norm.

        Without a scale the gradient is made in the type of the input; where nothing needs the gradient of the input,
        that is freed before the one of the shift is converted.
        """
        item, wide = builder.item_of(x), builder.parameter_item
        if self.scale or item == wide or not any(builder.learned_bytes(one).fixed for one in builder.own_parameters):
            return ()
        return (elements.times(item),) if builder.learns(x) else (elements.times(item), elements.times(-wide))


def normalized(xp: Any, x: Any, axes: tuple[int, ...], eps: float) -> Any:
    """(x - mean) / sqrt(variance + eps), with mean and variance along ``axes``."""
    result = x - x.mean(axis=axes, keepdims=True)
    variance = xp.square(result).mean(axis=axes, keepdims=True)
    result /= xp.sqrt(variance + eps)
    return result


def affine(maps: Any, scale: Any, shift: Any) -> Any:
    """Maps scaled and shifted channel by channel, in place; scale or shift may be None."""
    if scale is not None:
        maps *= by_channel(scale, maps)
    if shift is not None:
        maps += by_channel(shift, maps)
    return maps


def statistics(elements: Size, inference: str) -> Keeping:
    """What training keeps of a normalization: the input, each mean and each 1 / sqrt(variance + eps)."""
    kept = (Extra("mean", elements, STATISTIC, inference), Extra("inverse", elements, STATISTIC, inference))
    return Keeping(inputs=True, extras=kept)


class ImageNorm(Affine):
    """Base of normalizations of each image by itself.

    An image is reshaped and normalized along some axes. Training keeps the input, each mean and each
    1 / sqrt(variance + eps). With n elements in a mean, root = sqrt(variance + eps), h = (x - mean)/root and g the
    gradient of h, the gradient of x is (g - sum(g)/n - h*sum(g*h)/n) / root.
    """

    thin_depth: ClassVar[int | None] = 2

    def _sides(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The shape to which an image (depth x sides) is reshaped, and the axes along which it is normalized."""
        return shape, tuple(range(1, len(shape)))

    def _factor(self, array: Any, shape: tuple[int, ...]) -> Any:
        """A scale or shift as an array that is broadcast over an image of this shape, depth x sides."""
        return array.reshape(-1, *(1,) * (len(shape) - 1))

    def _means(self, volume: Volume) -> int:
        """The number of means of one image."""
        sides, axes = self._sides((volume.depth, *volume.sides))
        count = 1
        for axis, side in enumerate(sides):
            count *= 1 if axis in axes else side
        return count

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        means = self._means(output)
        return statistics(Size(0, means), "always")

    def forward_training(
        self, xp: Any, x: Any, *, random: Any = None, scale: Any = None, shift: Any = None
    ) -> tuple[Any, dict[str, Any]]:
        maps = planes(x)
        sides, axes = self._sides(maps.shape[1:])
        statistics_shape = tuple([1 if axis in axes else side for axis, side in enumerate(sides)])
        result = xp.empty(maps.shape, maps.dtype)
        mean, inverse = (xp.empty((len(maps), *statistics_shape), maps.dtype) for _ in range(2))
        for number, (image, target) in enumerate(zip(maps, result, strict=True)):
            normalized_image = target.reshape(sides)
            image.reshape(sides).mean(axis=axes, keepdims=True, out=mean[number])
            xp.subtract(image.reshape(sides), mean[number], out=normalized_image)
            variance = xp.square(normalized_image).mean(axis=axes, keepdims=True)
            inverse[number] = 1 / xp.sqrt(variance + self.eps)
            normalized_image *= inverse[number]
            if scale is not None:
                target *= self._factor(scale, target.shape)
            if shift is not None:
                target += self._factor(shift, target.shape)
        return pixels(result), {"mean": mean, "inverse": inverse}

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        maps, incoming, scale = planes(saved.x), planes(gradient), saved.parameters.get("scale")
        sides, axes = self._sides(maps.shape[1:])
        inverses = saved.extras["inverse"]
        count = maps[0].size // inverses[0].size
        result = xp.empty(maps.shape, maps.dtype) if saved.needs_gradient[0] else None
        names = [name for name in ("scale", "shift") if saved.learns and name in saved.parameters]
        found = {name: xp.zeros(saved.parameters[name].shape, maps.dtype) for name in names}
        over = () if scale is None and not names else self._spread_over(maps.ndim - 1)
        for number, (image, grad) in enumerate(zip(maps, incoming, strict=True)):
            inverse = inverses[number]
            h = (image.reshape(sides) - saved.extras["mean"][number]) * inverse
            if "shift" in found:
                found["shift"] += self._summed_to(grad, over, found["shift"].shape)
            if "scale" in found:
                found["scale"] += self._summed_to(h.reshape(image.shape) * grad, over, found["scale"].shape)
            if result is None:
                continue
            g = grad.reshape(sides) if scale is None else (grad * self._factor(scale, image.shape)).reshape(sides)
            first = g.sum(axis=axes, keepdims=True) / count
            second = (g * h).sum(axis=axes, keepdims=True) / count
            target = result[number].reshape(sides)
            h *= second
            xp.subtract(g, first, out=target)
            target -= h
            target *= inverse
        return (None if result is None else pixels(result),), found

    def _spread_over(self, rank: int) -> tuple[int, ...]:
        """The axes of an image (depth x sides) along which scale and shift are constant."""
        return tuple(range(1, rank))

    def _summed_to(self, image: Any, over: tuple[int, ...], shape: tuple[int, ...]) -> Any:
        """An image (depth x sides) summed to the shape of a scale or shift."""
        return image.sum(axis=over).reshape(shape)


class LayerNorm(ImageNorm):
    """Normalizes each image by its own mean and variance, along the whole ``volume``, the ``depth`` or other axes.

    Without ``axes`` a volume with one side, such as a sequence, is normalized along its depth, any other as a whole. A
    list names sides, and the depth: with ``[width, depth]`` each row has its own mean.

    Formula: y = (x - mean) / sqrt(variance + eps) * scale + shift.
    Volume: as the input.
    Learned: one scale (weight) and one shift (bias) per normalized element: H*W*D, D, or W*D each.

    Source: Ba et al. 2016; other axes: Keras, LayerNormalization.
    """

    memory_order: ClassVar[str] = "contiguous"
    kind: ClassVar[str] = "ln"
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = dict.fromkeys(
        ("layernorm", "layernormalization"),
        ("LN(axes=depth)", "along the depth, at each position; LN without axes takes the whole volume"),
    )
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> LN(axes=depth)"
    autocast: ClassVar[str | None] = "full"

    axes: str | tuple[str, ...] | None = key(
        Axes(), None, note="volume; depth on one side", means="the elements of one mean"
    )

    def over(self, sides: int) -> str | tuple[str, ...]:
        """The axes of one mean, on volumes with this number of sides: ``depth``, ``volume`` or a tuple of names."""
        if self.axes is None:
            return "depth" if sides == 1 else "volume"
        return self.axes

    def assumed(self, *inputs: Volume) -> Mapping[str, str]:
        (x,) = inputs
        is_open = self.axes is None and len(x.sides) == 1 and not x.is_point
        return {"ln_axes": "depth"} if is_open else {}

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        (x,) = inputs
        return self._affine(*learned_shape(self.over(len(x.sides)), x))

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        return stencils_over(self.over(len(inputs[of].sides)), inputs[of])

    def is_constant(self, *inputs: Volume) -> bool:
        return is_single(self.over(len(inputs[0].sides)), inputs[0])

    def channel_use(self, *inputs: Volume) -> str:
        return "mixed" if "depth" in names_of(self.over(len(inputs[0].sides)), len(inputs[0].sides)) else "apart"

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        from cnncalc.layers.layout import contiguous

        # unless along all axes, PyTorch normalizes a view with these axes last, and the output is a view as well
        axes, x = self.over(len(builder.output.sides)), builder.entering(inputs[0])
        order = axes_last(axes, builder.output)
        is_view = axes != "volume" and not builder.is_flat(x)
        if is_view:
            x = builder.reordered(x, order)
        sizes = builder.layout_of(x).sizes
        outer = len(sizes) - len(names_of(axes, len(builder.output.sides))) if is_view else 1
        statistics = contiguous([size if axis < outer else 1 for axis, size in enumerate(sizes)])
        result = builder.operation(
            [x],
            layout=contiguous(sizes),
            keeps=(0,),
            extras=self.keeping(builder.volumes, builder.output).extras,
            parameters=builder.own_parameters,
            order=statistics if builder.is_fake and builder.item_of(x) > 2 else "contiguous",
        )
        return builder.reordered(result, [order.index(axis) for axis in range(len(order))]) if is_view else result

    def forward(self, xp: Any, x: Any, *, scale: Any = None, shift: Any = None) -> Any:
        axes = self.over(x.ndim - 2)
        if axes != "volume":
            maps = planes(x)
            result = normalized(xp, maps, tuple([1 + axis for axis in axes_of_image(axes, x.ndim - 1)]), self.eps)
            if scale is not None:
                result *= fitted(scale, axes, maps.shape[1:])
            if shift is not None:
                result += fitted(shift, axes, maps.shape[1:])
            return pixels(result)
        result = normalized(xp, x, tuple(range(1, x.ndim)), self.eps)
        if scale is not None:
            result *= scale.reshape(x.shape[1:])
        if shift is not None:
            result += shift.reshape(x.shape[1:])
        return result

    def _sides(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return shape, axes_of_image(self.over(len(shape) - 1), len(shape))

    def _factor(self, array: Any, shape: tuple[int, ...]) -> Any:
        return fitted(array, self.over(len(shape) - 1), shape)

    def _summed_to(self, image: Any, over: tuple[int, ...], shape: tuple[int, ...]) -> Any:
        return summed_to(image, self.over(image.ndim - 1), shape)


class GroupNorm(ImageNorm):
    """Normalizes each group of channels of an image by its own mean and variance.

    Formula: y = (x - mean) / sqrt(variance + eps) * scale + shift.
    Volume: as the input.
    Learned: D scales (weights) and D shifts (biases).

    Source: Wu and He 2018.
    """

    kind: ClassVar[str] = "gn"
    other_names: ClassVar[tuple[str, ...]] = ("groupnorm", "groupnormalization")
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-64 -> GN32"
    autocast: ClassVar[str | None] = "full"
    thin_keys: ClassVar[Mapping[str, Any]] = {"groups": 1}
    first: ClassVar[str | None] = "groups"
    bare: ClassVar[str | None] = "groups"

    groups: int = key(Whole(1), 32, means="the number of groups of channels")

    def label(self) -> str:
        return f"GN{self.groups}{self.unusual('scale', 'shift')}"

    def channel_use(self, *inputs: Volume) -> str:
        return "mixed" if self.groups == 1 else "apart"

    def torch_sample(self, x: Volume, batch: int, *, training: bool) -> int | None:
        return batch * (x.depth // self.groups) * x.positions  # the images count, although each has its own mean

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        require_groups(x.depth, self.groups)
        return x

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        return WHOLE

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        order = "suggested" if builder.is_cpu else "contiguous"
        x = builder.entering(inputs[0])
        result = builder.single([builder.gathered(x, order)], order=order, gathers=order)
        builder.hold(x)  # an argument
        return result

    def forward(self, xp: Any, x: Any, *, scale: Any = None, shift: Any = None) -> Any:
        maps = planes(x)
        parts = maps.reshape(len(maps), self.groups, -1)
        return pixels(affine(normalized(xp, parts, (2,), self.eps).reshape(maps.shape), scale, shift))

    def _sides(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return (self.groups, shape[0] // self.groups, prod(shape[1:])), (1, 2)


class InstanceNorm(ImageNorm):
    """Normalizes each channel of an image by its own mean and variance; learns nothing by default.

    Formula: y = (x - mean) / sqrt(variance + eps), then * scale + shift if enabled.
    Volume: as the input.
    Learned: nothing; with ``scale`` D weights, with ``shift`` D biases.

    Source: Ulyanov et al. 2016.
    """

    memory_order: ClassVar[str] = "contiguous"
    kind: ClassVar[str] = "in"
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = dict.fromkeys(
        ("instancenorm", "instancenormalization"),
        ("IN", "it learns nothing, as that of PyTorch; with affine=True it is IN(scale=yes, shift=yes)"),
    )
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> IN"
    is_flat: ClassVar[bool | None] = False
    centres_channels: ClassVar[bool] = True

    scale: bool = key(Boolean(), False, means="whether a factor is learned")
    shift: bool = key(Boolean(), False, means="whether a shift is learned")

    def is_constant(self, *inputs: Volume) -> bool:
        return inputs[0].is_point

    def torch_sample(self, x: Volume, batch: int, *, training: bool) -> int | None:
        return x.positions

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        return WHOLE

    def forward(self, xp: Any, x: Any, *, scale: Any = None, shift: Any = None) -> Any:
        maps = planes(x)
        return pixels(affine(normalized(xp, maps, over_sides(maps), self.eps), scale, shift))

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        # batch normalization of batch*depth channels of one image, with scale and shift repeated for each image
        x = builder.gathered(inputs[0], "contiguous")
        result = builder.single([x]) if not builder.own_parameters else self._lower_affine(builder, x)
        return builder.viewed(result, merges="images")

    def _lower_affine(self, builder: TorchBuilder, x: int) -> int:
        """Records the normalization with scale and shift repeated for each image."""
        each = Size(0, builder.output.depth)
        repeated = [
            builder.operation((), each, item=builder.parameter_item, gradients=(), parameters=(parameter,))
            for parameter in builder.own_parameters
        ]
        extras = self.keeping(builder.volumes, builder.output).extras
        keeps = (0, 1) if self.scale else (0,)
        # cuDNN computes all gradients, needed or not
        is_native = builder.is_native_norm
        always = (x, *repeated) if not is_native else (x,) if builder.is_fake else ()
        unneeded = [builder.bytes_of(value) for value in always if not builder.learns(value)]
        narrow = self.narrow_shift(builder, x, each) if is_native and builder.is_fake else ()
        return builder.operation(
            [x, *repeated],
            keeps=keeps,
            extras=extras,
            order="contiguous",
            gathers=None if is_native else "contiguous",
            backward_scratch=(*unneeded, *narrow),
            summed_inputs=(1,) if narrow else (),  # converted after the kernel
        )
