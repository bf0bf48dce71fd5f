"""Normalization layers."""

from __future__ import annotations

from typing import ClassVar

from cnncalc.counts import Count, product
from cnncalc.errors import ShapeError
from cnncalc.layers.base import POINT, WHOLE_PLANE, Layer, Parameter, Stencil, key
from cnncalc.layers.keys import Boolean, Choice, Decimal, Whole
from cnncalc.volume import Volume


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


class BatchNorm(Affine):
    """(x - mean) / sqrt(variance + 1e-5) * scale + shift, with a channel's mean and variance over the batch.

    A channel has 2 learned numbers and, with ``stats``, 2 buffers: the running mean and variance that are used at test
    time.

    Source: Ioffe and Szegedy 2015.
    """

    kind: ClassVar[str] = "bn"

    stats: bool = key(Boolean(), True)

    def buffers(self, *inputs: Volume) -> tuple[Parameter, ...]:
        if not self.stats:
            return ()
        depth = inputs[0].depth
        count = Count(depth, str(depth))
        return (Parameter("mean", (depth,), count, "buffer"), Parameter("variance", (depth,), count, "buffer"))


class LayerNorm(Affine):
    """Normalizes each image by its own mean and variance, over the whole ``volume`` or over the ``depth`` alone.

    Scale and shift have as many numbers as what is normalized over: H*W*D or D each.

    Source: Ba et al. 2016.
    """

    kind: ClassVar[str] = "ln"

    axes: str = key(Choice("volume", "depth"), "volume")

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        (x,) = inputs
        if self.axes == "depth" or x.is_point:
            return self._affine((x.depth,), Count(x.depth, str(x.depth)))
        return self._affine(tuple(x), product(*x))

    def stencils(self, *inputs: Volume) -> tuple[Stencil, Stencil] | None:
        return WHOLE_PLANE if self.axes == "volume" else (POINT, POINT)


class GroupNorm(Affine):
    """Normalizes each of ``groups`` groups of channels of an image by its own mean and variance.

    Source: Wu and He 2018.
    """

    kind: ClassVar[str] = "gn"
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


class InstanceNorm(Affine):
    """Normalizes each channel of an image by its own mean and variance; learns nothing unless told so.

    Source: Ulyanov et al. 2016.
    """

    kind: ClassVar[str] = "in"

    scale: bool = key(Boolean(), False)
    shift: bool = key(Boolean(), False)

    def stencils(self, *inputs: Volume) -> tuple[Stencil, Stencil] | None:
        return WHOLE_PLANE


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
