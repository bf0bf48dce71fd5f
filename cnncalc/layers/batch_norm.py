"""Batch normalization."""

from __future__ import annotations

from cnncalc.counts import Count
from cnncalc.layers.base import Parameter, key
from cnncalc.layers.keys import Boolean
from cnncalc.layers.memory import Keeping, Size
from cnncalc.layers.normalization import Affine, affine, normalized, statistics
from cnncalc.layers.planes import by_channel, over_sides, pieces, pixels, planes, sums_of_channels
from cnncalc.layers.stencil import WHOLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.stencil import Stencils
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume, Volumes


MOMENTUM = 0.1
"""The share of a running mean or variance that each batch replaces."""


class BatchNorm(Affine):
    """Normalizes each channel by its mean and variance over the batch, then scales and shifts it.

    Formula: y = (x - mean) / sqrt(variance + eps) * scale + shift.
    Volume: as the input.
    Learned: D scales (counted as weights) and D shifts (biases).

    With ``stats`` there are also 2*D buffers: the running mean and variance, which are used at test time.

    Source: Ioffe and Szegedy 2015.
    """

    memory_order: ClassVar[str] = "suggested"
    kind: ClassVar[str] = "bn"
    other_names: ClassVar[tuple[str, ...]] = ("batchnormalization", "syncbatchnorm")
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        "batchnorm": ("BN", "with scale and shift; that of Caffe has neither: BN(scale=no, shift=no)"),
        **dict.fromkeys(("batchnorm1d", "batchnorm2d", "batchnorm3d"), ("BN", "")),
    }
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> BN"
    normalizes_batch: ClassVar[bool] = True
    centres_channels: ClassVar[bool] = True

    stats: bool = key(Boolean(), True, means="whether running mean and variance are kept")

    @property
    def is_linear(self) -> bool:
        return self.stats

    @property
    def folds_into_weights(self) -> bool:
        return self.stats

    @property
    def mixes_images(self) -> bool:
        return not self.stats

    def torch_sample(self, x: Volume, batch: int, *, training: bool) -> int | None:
        return batch * x.positions if training or not self.stats else None

    def is_constant(self, *inputs: Volume) -> bool:
        return not self.stats and inputs[0].is_point

    def buffers(self, *inputs: Volume) -> tuple[Parameter, ...]:
        if not self.stats:
            return ()
        depth = inputs[0].depth
        count = Count(depth)
        return (Parameter("mean", (depth,), count, "buffer"), Parameter("variance", (depth,), count, "buffer"))

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        # without running statistics those of the batch are used, over all positions of the map
        return super().stencils(*inputs, of=of) if self.stats else WHOLE

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        # cuDNN computes the gradients of input, scale and shift, needed or not
        if builder.is_native_norm:
            if builder.is_fake:  # composed of element-wise operations
                scratch = self.narrow_shift(builder, inputs[0], Size(builder.output.depth))
                summed = (0,) if scratch else ()  # converted after the kernel
                return builder.single(inputs, order="input", makes_all="input", scratch=scratch, summed=summed)
            if not builder.is_cpu:
                return builder.single(inputs)
            layout = builder.layout_of(inputs[0])  # the order of a dense input; strides of axes of size 1 do not count
            order = "contiguous" if layout.is_contiguous else "channels last" if layout.is_channels_last else None
            return builder.single(inputs, order=order, gradient_order=self.memory_order)
        x = builder.gathered(builder.entering(inputs[0]), "suggested")
        return builder.single([x], gathers="suggested", makes_all="all")

    def channelwise(
        self, xp: Any, *, mean: Any = None, variance: Any = None, scale: Any = None, shift: Any = None
    ) -> tuple[Any, Any] | None:
        if not self.stats:
            return None
        factor = 1 / xp.sqrt(variance + self.eps)
        if scale is not None:
            factor *= scale
        offset = -mean * factor
        if shift is not None:
            offset += shift
        return factor, offset

    def forward(
        self, xp: Any, x: Any, *, mean: Any = None, variance: Any = None, scale: Any = None, shift: Any = None
    ) -> Any:
        maps = planes(x)
        found = self.channelwise(xp, mean=mean, variance=variance, scale=scale, shift=shift)
        if found is None:
            return pixels(affine(normalized(xp, maps, (0, *over_sides(maps)), self.eps), scale, shift))
        factor, offset = found
        factor, offset = by_channel(factor, maps), by_channel(offset, maps)
        result = xp.empty(maps.shape, x.dtype)
        bytes_each = maps[0, 0].size * x.itemsize
        for image, target in zip(maps, result, strict=True):
            for piece in pieces(maps.shape[1], bytes_each):
                part = xp.multiply(image[piece], factor[piece], out=target[piece])
                part += offset[piece]
        return pixels(result)

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return statistics(Size(output.depth), "native" if self.stats else "always")

    def forward_training(
        self,
        xp: Any,
        x: Any,
        *,
        random: Any = None,
        mean: Any = None,
        variance: Any = None,
        scale: Any = None,
        shift: Any = None,
    ) -> tuple[Any, dict[str, Any]]:
        maps = planes(x)
        depth, count, bytes_each = maps.shape[1], maps.size // maps.shape[1], maps[0, 0].nbytes
        average = maps.sum(axis=over_sides(maps)).sum(axis=0) / count
        centre = by_channel(average, maps)
        squares = xp.zeros(depth, maps.dtype)
        for image in maps:
            for piece in pieces(depth, bytes_each):
                centred = image[piece] - centre[piece]
                squares[piece] += sums_of_channels(xp.square(centred, out=centred))
        squares /= count
        inverse = 1 / xp.sqrt(squares + self.eps)
        if self.stats:
            # the running variance is unbiased: divided by n - 1
            unbiased = squares * (count / max(1, count - 1))
            for running, found in ((mean, average), (variance, unbiased)):
                running *= 1 - MOMENTUM
                running += MOMENTUM * found
        factor = by_channel(inverse * scale if scale is not None else inverse, maps)
        offset = None if shift is None else by_channel(shift, maps)
        result = xp.empty(maps.shape, maps.dtype)
        for image, target in zip(maps, result, strict=True):
            for piece in pieces(depth, bytes_each):
                part = xp.subtract(image[piece], centre[piece], out=target[piece])
                part *= factor[piece]
                if offset is not None:
                    part += offset[piece]
        return pixels(result), {"mean": average, "inverse": inverse}

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        # with root = sqrt(variance + eps) and h = (x - mean)/root: scale/root * (g - sum(g)/n - h * sum(g*h)/n),
        # with sums over the batch and all positions
        maps, incoming = planes(saved.x), planes(gradient)
        depth, count, bytes_each = maps.shape[1], maps.size // maps.shape[1], maps[0, 0].nbytes
        mean, inverse = by_channel(saved.extras["mean"], maps), saved.extras["inverse"]
        total, product = xp.zeros(depth, maps.dtype), xp.zeros(depth, maps.dtype)
        for image, grad in zip(maps, incoming, strict=True):
            for piece in pieces(depth, bytes_each):
                total[piece] += sums_of_channels(grad[piece])
                centred = image[piece] - mean[piece]
                product[piece] += sums_of_channels(xp.multiply(centred, grad[piece], out=centred))
        product *= inverse
        result = None
        if saved.needs_gradient[0]:
            factor = by_channel(inverse * saved.parameters["scale"] if self.scale else inverse, maps)
            average, slope = by_channel(total / count, maps), by_channel(product * inverse / count, maps)
            result = xp.empty(maps.shape, maps.dtype)
            for image, grad, target in zip(maps, incoming, result, strict=True):
                for piece in pieces(depth, bytes_each):
                    centred = image[piece] - mean[piece]
                    centred *= slope[piece]
                    centred += average[piece]
                    part = xp.subtract(grad[piece], centred, out=target[piece])
                    part *= factor[piece]
        found = {}
        if saved.learns and self.scale:
            found["scale"] = product
        if saved.learns and self.shift:
            found["shift"] = total
        return (None if result is None else pixels(result),), found
