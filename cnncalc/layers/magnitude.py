"""Normalizations that divide by a magnitude and subtract no mean."""

from __future__ import annotations

from cnncalc.counts import Count
from cnncalc.layers.base import Parameter, key
from cnncalc.layers.keys import Boolean, Choice, Decimal, Whole
from cnncalc.layers.memory import STATISTIC, Extra, Keeping, Size
from cnncalc.layers.normalization import Normalization
from cnncalc.layers.normed_axes import (
    axes_last,
    axes_of_image,
    fitted,
    is_single,
    learned_shape,
    names_of,
    reduced_volume,
    stencils_over,
    summed_to,
)
from cnncalc.layers.planes import by_channel, over_sides, pixels, planes, pool, slide, starts, sums_of_channels
from cnncalc.layers.planes_backward import scatter_windows, unpool
from cnncalc.layers.side_keys import Axes
from cnncalc.layers.stencil import WHOLE, Stencil, Stencils

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume, Volumes


class ByMagnitude(Normalization):
    """Base of layers that divide by a magnitude along the ``depth`` at each position, the ``volume`` or other axes.

    With inverse = 1 / magnitude, h = x * inverse and g the gradient of h, the gradient of x is
    inverse * (g - h * (the sum of g*h) * share), where the sum is that of the elements of one magnitude.
    """

    learns: ClassVar[bool] = True
    thin_depth: ClassVar[int | None] = 2
    why_input: ClassVar[str] = "the gradient of a normalization is computed from its input and its magnitude"
    why_byproducts: ClassVar[str] = "the inverse of the magnitude, which the gradient uses"

    axes: str | tuple[str, ...] = key(Axes(), "depth", means="the elements of one magnitude")
    scale: bool = key(Boolean(), True, means="whether a factor is learned")

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        (x,) = inputs
        if not self.scale:
            return ()
        return (Parameter("scale", *learned_shape(self.axes, x)),)

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        return stencils_over(self.axes, inputs[of])

    def is_constant(self, *inputs: Volume) -> bool:
        return is_single(self.axes, inputs[0])

    def channel_use(self, *inputs: Volume) -> str:
        return "mixed" if "depth" in names_of(self.axes, len(inputs[0].sides)) else "apart"

    def _over(self, maps: Any) -> tuple[int, ...]:
        """The axes of maps (batch x depth x sides) along which a magnitude is computed."""
        return tuple([1 + axis for axis in axes_of_image(self.axes, maps.ndim - 1)])

    def _factor(self, scale: Any, maps: Any) -> Any:
        """The scale as an array that is broadcast over maps (batch x depth x sides)."""
        return fitted(scale, self.axes, maps.shape[1:])

    def torch_axes(self, builder: TorchBuilder, value: int) -> list[int]:
        """The axes of a value (batch x depth x sides, or batch x depth) along which a magnitude is computed."""
        names, meant = ("depth", *builder.output.names), names_of(self.axes, len(builder.output.sides))
        return [1 + axis for axis, _ in enumerate(builder.layout_of(value).sizes[1:]) if names[axis] in meant]

    def reduced(self, builder: TorchBuilder, value: int, along: Sequence[int], **options: Any) -> int:
        """Records an operation that reduces these axes of a value to one number for each magnitude."""
        from cnncalc.layers.layout import contiguous

        sizes = [1 if axis in along else size for axis, size in enumerate(builder.layout_of(value).sizes)]
        elements = Size(0, reduced_volume(self.axes, builder.output).elements)
        return builder.operation([value], elements, layout=contiguous(sizes), **options)

    def inverse(self, xp: Any, maps: Any) -> Any:
        """1 / magnitude of maps (batch x depth x sides), with size 1 along the axes of a magnitude."""
        raise NotImplementedError

    def share(self, xp: Any, inverse: Any, count: int) -> Any:
        """The factor of the sum of g*h in the gradient; a magnitude has ``count`` elements."""
        raise NotImplementedError

    def forward(self, xp: Any, x: Any, *, scale: Any = None) -> Any:
        maps = planes(x)
        result = maps * self.inverse(xp, maps)
        if scale is not None:
            result *= self._factor(scale, maps)
        return pixels(result)

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        magnitudes = reduced_volume(self.axes, output).elements
        return Keeping(inputs=True, extras=(Extra("inverse", Size(0, magnitudes), STATISTIC, "always"),))

    def forward_training(self, xp: Any, x: Any, *, random: Any = None, scale: Any = None) -> tuple[Any, dict[str, Any]]:
        maps = planes(x)
        result = xp.empty(maps.shape, maps.dtype)
        found = []
        for number in range(len(maps)):
            image = maps[number : number + 1]
            found.append(self.inverse(xp, image))
            target = xp.multiply(image, found[-1], out=result[number : number + 1])
            if scale is not None:
                target *= self._factor(scale, image)
        return pixels(result), {"inverse": xp.concatenate(found)}

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        maps, incoming, scale = planes(saved.x), planes(gradient), saved.parameters.get("scale")
        over = self._over(maps)
        result = xp.empty(maps.shape, maps.dtype) if saved.needs_gradient[0] else None
        change = xp.zeros(scale.shape, maps.dtype) if scale is not None and saved.learns else None
        for number in range(len(maps)):
            part = slice(number, number + 1)
            inverse = saved.extras["inverse"][part]
            grad, h = incoming[part], maps[part] * inverse
            if change is not None:
                change += summed_to((h * grad)[0], self.axes, change.shape)
            if result is None:
                continue
            if scale is not None:
                grad = grad * self._factor(scale, maps)
            count = maps[0].size // inverse.size
            h *= (grad * h).sum(axis=over, keepdims=True) * self.share(xp, inverse, count)
            target = xp.subtract(grad, h, out=result[part])
            target *= inverse
        return (None if result is None else pixels(result),), {} if change is None else {"scale": change}


def norm_options(builder: TorchBuilder, x: int, count: int) -> dict[str, Any]:
    """The options with which PyTorch's Euclidean norm of a value is recorded; autocast on CUDA computes it in float32.

    Its gradient is gradient * (x / norm), with zeros where the norm is 0. ``count``: the norms of an image.
    """
    elements, size = builder.output.elements, builder.bytes_of(x)
    item = 4 if builder.autocast and not builder.is_cpu else builder.item_of(x)
    whole = Size(0, elements * item)
    return {
        "item": item,
        "keeps": (0,),
        "keeps_output": True,
        "backward_scratch": (whole, whole, Size(0, count), size.times(-1)),
    }


class RootMeanSquare(ByMagnitude):
    """Divides by the root mean square, along the ``depth`` at each position, the whole ``volume`` or other axes.

    Formula: y = x / sqrt(the mean of x**2 + eps) * scale.
    Volume: as the input.
    Learned: one scale (weight) per normalized element: D or H*W*D.

    Source: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization", equation 4.
    """

    kind: ClassVar[str] = "rms"
    other_names: ClassVar[tuple[str, ...]] = ("rmsnorm", "rmsnormalization", "simplifiedlayernormalization")
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> RMS"
    memory_order: ClassVar[str] = "contiguous"
    autocast: ClassVar[str | None] = "full"

    eps: float = key(Decimal(0), 1e-6, means="what is added to each mean before its square root")

    def inverse(self, xp: Any, maps: Any) -> Any:
        return 1 / xp.sqrt(xp.square(maps).mean(axis=self._over(maps), keepdims=True) + self.eps)

    def share(self, xp: Any, inverse: Any, count: int) -> Any:
        return 1 / count

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        # x * rsqrt(mean(x**2) + eps) in at least float32, times the scale, in the type of the input; axes that are not
        # all are the last ones of a view
        x, order = builder.entering(inputs[0]), axes_last(self.axes, builder.output)
        is_view = self.axes != "volume" and not builder.is_flat(x)
        if is_view:
            x = builder.reordered(x, order)
        along = self.torch_axes(builder, x)
        if is_view:
            along = [order.index(axis) for axis in along]
        item = builder.item_of(x)
        wide = builder.in_type(x, 4) if item < 4 else x
        squares = builder.power(wide)
        mean = self.reduced(builder, squares, along, order="repeated")
        size = builder.bytes_of(mean)
        inverse = builder.operation([mean], keeps_output=True, backward_scratch=(size, size))
        builder.hold(squares)  # temporaries of one expression
        builder.hold(mean)
        result = builder.multiplied(wide, inverse, builder.output, in_place=False)
        if self.scale:
            result = builder.scaled(result, along=along)
        result = builder.gathered(result, "suggested")
        builder.hold(wide)
        builder.hold(inverse)
        result = builder.in_type(result, item) if item < 4 else result
        return builder.reordered(result, [order.index(axis) for axis in range(len(order))]) if is_view else result


class L2Norm(ByMagnitude):
    """Divides by the Euclidean length, along the ``depth`` at each position, the whole ``volume`` or other axes.

    Formula: y = x / max(sqrt(the sum of x**2), eps), then * scale if enabled.
    Volume: as the input.
    Learned: nothing; with ``scale`` one weight per normalized element: D or H*W*D.

    Source: Liu, Rabinovich and Berg 2015, section 3.3.
    """

    kind: ClassVar[str] = "l2norm"
    other_names: ClassVar[tuple[str, ...]] = ("normalize", "l2normalize", "l2normalization", "unitnormalization")
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        "lpnormalization": ("L2NORM", "along the depth, with p=2")
    }
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> L2NORM(scale=yes)"

    scale: bool = key(Boolean(), False, means="whether a factor is learned")
    eps: float = key(Decimal(above=0), 1e-12, means="the smallest length by which elements are divided")

    def inverse(self, xp: Any, maps: Any) -> Any:
        return 1 / xp.maximum(xp.sqrt(xp.square(maps).sum(axis=self._over(maps), keepdims=True)), self.eps)

    def share(self, xp: Any, inverse: Any, count: int) -> Any:
        # a length below eps is replaced by a constant
        return (inverse * self.eps < 1).astype(inverse.dtype)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        # x / clamp_min(norm(x), eps), broadcast to the volume
        (x,) = inputs
        volume = builder.output
        along = self.torch_axes(builder, x)
        count = reduced_volume(self.axes, volume).elements
        length = self.reduced(builder, x, along, **norm_options(builder, x, count))
        # the gradient of clamp_min: where(length >= eps, gradient, 0)
        item = builder.item_of(length)
        _, each = builder.bytes_of(length)
        least = builder.operation([length], keeps=(0,), backward_scratch=(Size(item), Size(0, each // item)))
        spread = builder.operation([least], Size(0, volume.elements), is_alias=True)
        whole = Size(0, volume.elements * item)
        scratch = (whole, whole, whole, builder.bytes_of(x).times(-1))
        result = builder.operation(
            [x, spread], item=item, keeps=(0, 1), gradients=("new", "new"), backward_scratch=scratch
        )
        builder.hold(least)
        return builder.scaled(result, along=along) if self.scale else result


class GlobalResponse(Normalization):
    """Multiplies each channel by its length over all positions, relative to the mean length of channels, and adds x.

    Formula: y = x * n[d] * scale[d] + shift[d] + x, with n[d] = g[d] / (the mean of all g + eps), where g[d] is the
    square root of the sum of the squares of channel d.
    Volume: as the input.
    Learned: D scales (weights) and D shifts (biases).

    Source: Woo et al. 2023, section 3.
    """

    kind: ClassVar[str] = "grn"
    other_names: ClassVar[tuple[str, ...]] = ("globalresponsenorm", "globalresponsenormalization")
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> GELU -> GRN"
    learns: ClassVar[bool] = True
    is_flat: ClassVar[bool | None] = False
    thin_depth: ClassVar[int | None] = 2
    why_input: ClassVar[str] = "the gradient is computed from the input and the lengths of its channels"
    why_byproducts: ClassVar[str] = "the lengths of the channels, which the gradient uses"

    eps: float = key(Decimal(above=0), 1e-6, means="what is added to the mean of all lengths")

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        (x,) = inputs
        count = Count(x.depth)
        return Parameter("scale", (x.depth,), count), Parameter("shift", (x.depth,), count, "bias")

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        return WHOLE

    def channel_use(self, *inputs: Volume) -> str:
        return "mixed"

    def _lengths(self, xp: Any, maps: Any) -> Any:
        return xp.sqrt(xp.square(maps).sum(axis=over_sides(maps), keepdims=True))

    def forward(self, xp: Any, x: Any, *, scale: Any, shift: Any) -> Any:
        maps = planes(x)
        return pixels(self._scaled(xp, maps, self._lengths(xp, maps), scale, shift, xp.empty(maps.shape, maps.dtype)))

    def _scaled(self, xp: Any, maps: Any, lengths: Any, scale: Any, shift: Any, out: Any) -> Any:
        relative = lengths / (lengths.mean(axis=1, keepdims=True) + self.eps)
        xp.multiply(maps, relative * by_channel(scale, maps) + 1, out=out)
        out += by_channel(shift, maps)
        return out

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(inputs=True, extras=(Extra("length", Size(0, output.depth)),))

    def forward_training(
        self, xp: Any, x: Any, *, random: Any = None, scale: Any, shift: Any
    ) -> tuple[Any, dict[str, Any]]:
        maps = planes(x)
        result = xp.empty(maps.shape, maps.dtype)
        found = []
        for number in range(len(maps)):
            image = maps[number : number + 1]
            found.append(self._lengths(xp, image))
            self._scaled(xp, image, found[-1], scale, shift, result[number : number + 1])
        return pixels(result), {"length": xp.concatenate(found)}

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        # scale * (x * n) + shift + x with n = norm(x) / (mean(norm(x)) + eps)
        (x,) = inputs
        volume = builder.output
        each = builder.made([x], volume.point)
        count = Size(0, volume.depth)
        length = builder.operation([x], count, layout=each, **norm_options(builder, x, volume.depth))
        mean = builder.operation([length], Size(0, 1), layout=builder.made([x], volume.point.with_depth(1)))
        base = builder.plus_number(mean)
        size = builder.bytes_of(length)
        scratch = (size, size, size, builder.bytes_of(base).times(-1))
        relative = builder.operation(
            [length, base], count, layout=each, keeps=(0, 1), backward_scratch=scratch, summed_inputs=(1,)
        )
        result = builder.scaled(builder.multiplied(x, relative, volume, in_place=False), leads=True)
        builder.hold(length)
        result = builder.added(result, x, volume, in_place=False)
        builder.hold(relative)
        return result

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        # with s the scale, m = mean(g) + eps and e[d] the sum of s*x*gradient over channel d: the gradient of g[d] is
        # e[d]/m - sum(e*g)/(D*m**2), and that of x through g[d] is x/g[d] times it
        maps, incoming, lengths = planes(saved.x), planes(gradient), saved.extras["length"]
        scale = by_channel(saved.parameters["scale"], maps)
        means = lengths.mean(axis=1, keepdims=True) + self.eps
        products = xp.empty(lengths.shape, lengths.dtype)
        for number in range(len(maps)):
            products[number, :].flat = sums_of_channels(maps[number] * incoming[number])
        found = {}
        if saved.learns:
            found["scale"] = (products * lengths / means).sum(axis=0).reshape(-1)
            found["shift"] = incoming.sum(axis=over_sides(incoming)).sum(axis=0)
        if not saved.needs_gradient[0]:
            return (None,), found
        change = products * scale
        change = change / means - (change * lengths).mean(axis=1, keepdims=True) / xp.square(means)
        change /= xp.where(lengths > 0, lengths, 1)
        factor = lengths / means * scale + 1
        result = xp.empty(maps.shape, maps.dtype)
        for number, (image, grad, target) in enumerate(zip(maps, incoming, result, strict=True)):
            xp.multiply(grad, factor[number], out=target)
            target += image * change[number]
        return (pixels(result),), found


class LocalResponseNorm(Normalization):
    """Divides each element by a power of the sum of squares of its neighbours.

    Formula: y = x / (k + alpha/n * the sum of the squares of n neighbours) ** beta.
    Volume: as the input.

    Neighbours are ``size`` channels (``region: across``) or, within the same channel, the pixels of a window of that
    size on every side (``within``; n is then size*size on a plane). Beyond the border neighbours are zero.

    Source: Krizhevsky et al. 2012, section 3.3, with alpha divided by the size as Caffe and PyTorch do.
    """

    kind: ClassVar[str] = "lrn"
    other_names: ClassVar[tuple[str, ...]] = ("norm", "localresponsenorm", "localresponsenormalization")
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> LRN5"
    is_flat: ClassVar[bool | None] = False
    thin_depth: ClassVar[int | None] = 2
    first: ClassVar[str | None] = "size"
    bare: ClassVar[str | None] = "size"

    size: int = key(Whole(1), 5, means="the number of neighbours, or the side of the window")
    alpha: float = key(Decimal(), 1e-4, means="the factor of the sum of squares, before it is divided by n")
    beta: float = key(Decimal(), 0.75, means="the power")
    k: float = key(Decimal(), 1.0, means="the constant that is added to the sum")
    region: str = key(Choice("across", "within"), "across", means="where the neighbours are")

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        if self.region == "across":
            return super().stencils(*inputs, of=of)
        return (Stencil(1, range(-(self.size // 2), (self.size - 1) // 2 + 1)),) * len(inputs[0].sides)

    def forward(self, xp: Any, x: Any) -> Any:
        maps = planes(x)
        squares = xp.square(maps)
        around = range(self.size)
        pads = (self.size // 2, (self.size - 1) // 2)
        if self.region == "across":
            total = slide(xp, xp.add, squares, 1, starts(maps.shape[1], pads, self.size), around, 0)
        else:
            begins, sides = [starts(size, pads, self.size) for size in maps.shape[2:]], maps.ndim - 2
            total = pool(xp, xp.add, 0, squares, begins, (self.size,) * sides, (1,) * sides)
        total *= self._share(maps.ndim - 2)
        total += self.k
        if self.beta == 0.75:  # two square roots are faster than a power
            root = xp.sqrt(total, out=squares)
            total = xp.multiply(root, xp.sqrt(root), out=squares)
        else:
            total **= self.beta
        return pixels(xp.divide(maps, total, out=total))

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(inputs=True, extras=(Extra("base", Size(0, output.elements)),))

    def _neighbours(self, xp: Any, image: Any, out: Any, *, transposed: bool = False) -> None:
        """The sum over the neighbours of each element of an image, or the transpose of that sum, into ``out``."""
        around, pads = range(self.size), (self.size // 2, (self.size - 1) // 2)
        if self.region == "across":
            begins = starts(image.shape[0], pads, self.size)
            if transposed:
                scatter_windows(xp, image, 0, begins, around, image.shape[0], out)
            else:
                slide(xp, xp.add, image, 0, begins, around, 0, out)
            return
        sides = [starts(size, pads, self.size) for size in image.shape[1:]]
        window = (self.size,) * len(sides)
        if transposed:
            out[...] = unpool(xp, image[None], sides, window, image.shape[1:])[0]
        else:
            out[...] = pool(xp, xp.add, 0, image[None], sides, window, (1,) * len(sides))[0]

    def _share(self, sides: int) -> float:
        """The factor of the sum of squares, on maps with this number of sides."""
        return self.alpha / (self.size if self.region == "across" else self.size**sides)

    def forward_training(self, xp: Any, x: Any, *, random: Any = None) -> tuple[Any, dict[str, Any]]:
        maps = planes(x)
        result, base = xp.empty(maps.shape, maps.dtype), xp.empty(maps.shape, maps.dtype)
        for image, target, below in zip(maps, result, base, strict=True):
            self._neighbours(xp, xp.square(image), below)
            below *= self._share(maps.ndim - 2)
            below += self.k
            xp.power(below, -self.beta, out=target)
            target *= image
        return pixels(result), {"base": pixels(base)}

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        # input / (k + alpha * mean of squares) ** beta
        (x,) = inputs
        elements = builder.output.elements
        padded_depth = builder.output.depth + self.size - 1
        square = builder.view(builder.operation([x, x], keeps=(0, 1)))
        wide = builder.operation([square], Size(0, elements // builder.output.depth * padded_depth))
        # the average pool, of maps stacked to a side more: autocast on a CPU does that over three sides in float32
        is_wide = builder.is_cpu and len(builder.output.sides) > 1
        pooled = builder.converted(wide, 4) if is_wide else wide
        mean = builder.view(builder.operation([pooled], Size(0, elements), keeps=(0,)))
        builder.hold(wide)
        base = builder.plus_number(builder.times_number(mean))
        power = builder.power(base)
        # the function's own variable still holds the mean
        builder.hold(mean)
        size = builder.bytes_of(power)
        scratch = [size, size]
        if builder.item_of(x) != builder.item_of(power) and builder.learns(x):  # its gradient in float32
            scratch += [size, builder.bytes_of(x).times(-1)]
        item = builder.item_of(power)
        return builder.operation([x, power], item=item, keeps=(0, 1), backward_scratch=tuple(scratch))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        # with t the base: g * t**-beta - 2*beta*share * x * (sum of g*x * t**(-beta-1) over the
        # elements that have x as a neighbour)
        maps, incoming = planes(saved.x), planes(gradient)
        result = xp.empty(maps.shape, maps.dtype)
        for image, grad, below, target in zip(maps, incoming, planes(saved.extras["base"]), result, strict=True):
            power = xp.power(below, -self.beta)
            power *= grad
            part = power * image
            part /= below
            self._neighbours(xp, part, target, transposed=True)
            target *= image
            target *= -2 * self.beta * self._share(maps.ndim - 2)
            target += power
        return (pixels(result),), {}
