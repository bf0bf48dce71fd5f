"""Normalization layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from cnncalc.counts import Count, product
from cnncalc.errors import ShapeError
from cnncalc.layers.base import POINT, WHOLE_PLANE, ByProduct, Layer, Memory, Parameter, Stencil, key
from cnncalc.layers.keys import Boolean, Choice, Decimal, Whole
from cnncalc.layers.planes import pieces, pixels, planes, pool, slide, starts

if TYPE_CHECKING:
    from cnncalc.volume import Volume

EPSILON = 1e-5
"""What is added to a variance before its root is taken."""


class Affine(Layer):
    """Normalizations that end in one factor (``scale``, counted as weights) and one ``shift`` (biases) a channel."""

    learns: ClassVar[bool] = True

    scale: bool = key(Boolean(), True)
    shift: bool = key(Boolean(), True)

    def _affine(self, shape: tuple[int, ...], count: Count) -> tuple[Parameter, ...]:
        parts = []
        if self.scale:
            parts.append(Parameter("scale", shape, count))
        if self.shift:
            parts.append(Parameter("shift", shape, count, "bias"))
        return tuple(parts)

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        depth = inputs[0].depth
        return self._affine((depth,), Count(depth, str(depth)))


def normalized(xp: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """(x - mean) / sqrt(variance + 1e-5) with mean and variance over ``axes``."""
    result = x - x.mean(axis=axes, keepdims=True)
    variance = xp.square(result).mean(axis=axes, keepdims=True)
    result /= xp.sqrt(variance + EPSILON)
    return result


def affine(result: Any, parameters: Any, shape: tuple[int, ...]) -> Any:
    """Scaled and shifted, as far as there are a scale and a shift."""
    if "scale" in parameters:
        result *= parameters["scale"].reshape(shape)
    if "shift" in parameters:
        result += parameters["shift"].reshape(shape)
    return result


class BatchNorm(Affine):
    """(x - mean) / sqrt(variance + 1e-5) * scale + shift, with a channel's mean and variance over the batch.

    A channel has 2 learned numbers and, with ``stats``, 2 buffers: the running mean and variance that are used at test
    time.

    Source: Ioffe and Szegedy 2015.
    """

    kind: ClassVar[str] = "bn"
    memory: ClassVar[Memory] = Memory(keeps_input=True)

    stats: bool = key(Boolean(), True)

    def buffers(self, *inputs: Volume) -> tuple[Parameter, ...]:
        if not self.stats:
            return ()
        depth = inputs[0].depth
        count = Count(depth, str(depth))
        return (Parameter("mean", (depth,), count, "buffer"), Parameter("variance", (depth,), count, "buffer"))

    def stencils(self, *inputs: Volume) -> tuple[Stencil, Stencil] | None:
        # without running statistics those of the batch are used, of every position of the map
        return (POINT, POINT) if self.stats else WHOLE_PLANE

    def forward(self, xp: Any, *inputs: Any, out: Any = None, **parameters: Any) -> Any:
        (x,) = inputs
        maps = planes(x)
        if not self.stats:
            return pixels(affine(normalized(xp, maps, (0, 2, 3)), parameters, (-1, 1, 1)))
        factor = 1 / xp.sqrt(parameters["variance"] + EPSILON)
        if "scale" in parameters:
            factor *= parameters["scale"]
        offset = -parameters["mean"] * factor
        if "shift" in parameters:
            offset += parameters["shift"]
        factor, offset = factor[:, None, None], offset[:, None, None]
        result = xp.empty(maps.shape, x.dtype)
        bytes_each = maps[0, 0].size * x.itemsize
        for image, target in zip(maps, result, strict=True):
            for piece in pieces(maps.shape[1], bytes_each):
                part = xp.multiply(image[piece], factor[piece], out=target[piece])
                part += offset[piece]
        return pixels(result)

    def byproducts(self, inputs: tuple[Volume, ...], output: Volume) -> tuple[ByProduct, ...]:
        each = ByProduct(
            output.depth, "float32", per_image=False, in_inference=not self.stats, in_half_inference=True
        )
        return (each, each)


class LayerNorm(Affine):
    """Normalizes each image by its own mean and variance, over the whole ``volume`` or over the ``depth`` alone.

    Scale and shift have as many numbers as what is normalized over: H*W*D or D each.

    Source: Ba et al. 2016.
    """

    kind: ClassVar[str] = "ln"
    memory: ClassVar[Memory] = Memory(keeps_input=True)

    axes: str = key(Choice("volume", "depth"), "volume")

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        (x,) = inputs
        if self.axes == "depth" or x.is_point:
            return self._affine((x.depth,), Count(x.depth, str(x.depth)))
        return self._affine(tuple(x), product(*x))

    def stencils(self, *inputs: Volume) -> tuple[Stencil, Stencil] | None:
        return WHOLE_PLANE if self.axes == "volume" else (POINT, POINT)

    def forward(self, xp: Any, *inputs: Any, out: Any = None, **parameters: Any) -> Any:
        (x,) = inputs
        if self.axes == "depth":
            return pixels(affine(normalized(xp, planes(x), (1,)), parameters, (-1, 1, 1)))
        return affine(normalized(xp, x, (1, 2, 3)), parameters, x.shape[1:])

    def byproducts(self, inputs: tuple[Volume, ...], output: Volume) -> tuple[ByProduct, ...]:
        each = ByProduct(1 if self.axes == "volume" else output.height * output.width, "float32", in_inference=True)
        return (each, each)


class GroupNorm(Affine):
    """Normalizes each of ``groups`` groups of channels of an image by its own mean and variance.

    Source: Wu and He 2018.
    """

    kind: ClassVar[str] = "gn"
    memory: ClassVar[Memory] = Memory(keeps_input=True)
    first: ClassVar[str | None] = "groups"
    bare: ClassVar[str | None] = "groups"

    groups: int = key(Whole(1), 32)

    def label(self) -> str:
        return f"GN{self.groups}"

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        if x.depth % self.groups:
            raise ShapeError(
                f"the depth must be divisible by groups, but depth {x.depth} is not by {self.groups}",
                code="not-divisible",
                key="groups",
            )
        return x

    def stencils(self, *inputs: Volume) -> tuple[Stencil, Stencil] | None:
        return WHOLE_PLANE

    def forward(self, xp: Any, *inputs: Any, out: Any = None, **parameters: Any) -> Any:
        maps = planes(inputs[0])
        batch, depth, height, width = maps.shape
        parts = maps.reshape(batch, self.groups, -1, height, width)
        result = normalized(xp, parts, (2, 3, 4)).reshape(batch, depth, height, width)
        return pixels(affine(result, parameters, (-1, 1, 1)))

    def byproducts(self, inputs: tuple[Volume, ...], output: Volume) -> tuple[ByProduct, ...]:
        each = ByProduct(self.groups, "float32", in_inference=True)
        return (each, each)


class InstanceNorm(Affine):
    """Normalizes each channel of an image by its own mean and variance; learns nothing unless told so.

    Source: Ulyanov et al. 2016.
    """

    kind: ClassVar[str] = "in"
    memory: ClassVar[Memory] = Memory(keeps_input=True)

    scale: bool = key(Boolean(), False)
    shift: bool = key(Boolean(), False)

    def stencils(self, *inputs: Volume) -> tuple[Stencil, Stencil] | None:
        return WHOLE_PLANE

    def forward(self, xp: Any, *inputs: Any, out: Any = None, **parameters: Any) -> Any:
        return pixels(affine(normalized(xp, planes(inputs[0]), (2, 3)), parameters, (-1, 1, 1)))

    def byproducts(self, inputs: tuple[Volume, ...], output: Volume) -> tuple[ByProduct, ...]:
        each = ByProduct(output.depth, "float32", in_inference=True)
        return (each, each)


class LocalResponseNorm(Layer):
    """x / (k + alpha/n * sum of the squares of n = ``size`` neighbours) ** beta.

    Neighbours are channels (``region: across``) or, within the same channel, the pixels of a size x size window
    (``within``, alpha then divided by size*size). Beyond the border neighbours are zero. Nothing is learned.

    Source: Krizhevsky et al. 2012, section 3.3, with alpha divided by the size as Caffe and PyTorch do.
    """

    kind: ClassVar[str] = "lrn"
    first: ClassVar[str | None] = "size"
    bare: ClassVar[str | None] = "size"

    size: int = key(Whole(1), 5)
    alpha: float = key(Decimal(), 1e-4)
    beta: float = key(Decimal(), 0.75)
    k: float = key(Decimal(), 1.0)
    region: str = key(Choice("across", "within"), "across")

    def stencils(self, *inputs: Volume) -> tuple[Stencil, Stencil] | None:
        if self.region == "across":
            return (POINT, POINT)
        window = Stencil(1, -(self.size // 2), (self.size - 1) // 2)
        return (window, window)

    def forward(self, xp: Any, *inputs: Any, out: Any = None, **parameters: Any) -> Any:
        maps = planes(inputs[0])
        squares = xp.square(maps)
        around = range(self.size)
        pads = (self.size // 2, (self.size - 1) // 2)
        if self.region == "across":
            total = slide(xp, xp.add, squares, 1, starts(maps.shape[1], pads, self.size), around, 0)
            number = self.size
        else:
            begins = [starts(size, pads, self.size) for size in maps.shape[2:]]
            total = pool(xp, xp.add, 0, squares, begins, (self.size, self.size), (1, 1))
            number = self.size**2
        total *= self.alpha / number
        total += self.k
        if self.beta == 0.75:  # two roots are quicker than a power
            root = xp.sqrt(total, out=squares)
            total = xp.multiply(root, xp.sqrt(root), out=squares)
        else:
            total **= self.beta
        return pixels(xp.divide(maps, total, out=total))


class Scale(Layer):
    """One learned factor a channel (weights) and, unless ``shift`` is no, one learned shift (biases)."""

    kind: ClassVar[str] = "scale"
    learns: ClassVar[bool] = True

    shift: bool = key(Boolean(), True)

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        depth = inputs[0].depth
        count = Count(depth, str(depth))
        scale = Parameter("scale", (depth,), count)
        return (scale, Parameter("shift", (depth,), count, "bias")) if self.shift else (scale,)

    def forward(self, xp: Any, *inputs: Any, out: Any = None, **parameters: Any) -> Any:
        result = planes(inputs[0]) * parameters["scale"][:, None, None]
        if "shift" in parameters:
            result += parameters["shift"][:, None, None]
        return pixels(result)
