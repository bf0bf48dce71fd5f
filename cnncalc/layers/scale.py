"""A learned factor and shift for each channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from cnncalc.counts import Count
from cnncalc.layers.base import Parameter, key
from cnncalc.layers.keys import Boolean
from cnncalc.layers.memory import Keeping
from cnncalc.layers.planes import by_channel, over_sides, pieces, pixels, planes, sums_of_channels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume, Volumes
from cnncalc.layers.normalization import Normalization, affine


class Scale(Normalization):
    """One learned factor per channel and, unless ``shift`` is no, one learned shift.

    Formula: y = x * scale[d] + shift[d].
    Volume: as the input.
    Learned: D factors (counted as weights) and D shifts (biases).

    Source: Ioffe and Szegedy 2015, the last step of Algorithm 1, as a layer of its own as in Caffe.
    """

    kind: ClassVar[str] = "scale"
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> SCALE"
    folds_into_weights = True
    is_linear = True
    learns: ClassVar[bool] = True

    shift: bool = key(Boolean(), True, means="whether a shift is learned")

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        depth = inputs[0].depth
        count = Count(depth)
        scale = Parameter("scale", (depth,), count)
        return (scale, Parameter("shift", (depth,), count, "bias")) if self.shift else (scale,)

    def forward(self, xp: Any, x: Any, *, scale: Any, shift: Any = None) -> Any:
        maps = planes(x)
        return pixels(affine(maps * by_channel(scale, maps), None, shift))

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(inputs=learns)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return builder.scaled(inputs[0])

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        incoming, found = planes(gradient), {}
        if saved.learns:
            change = xp.zeros(saved.shape[1], gradient.dtype)
            for image, grad in zip(planes(saved.x), incoming, strict=True):
                for piece in pieces(len(image), image[0].nbytes):
                    change[piece] += sums_of_channels(image[piece] * grad[piece])
            found["scale"] = change
            if self.shift:
                found["shift"] = incoming.sum(axis=over_sides(incoming)).sum(axis=0)
        result = incoming * by_channel(saved.parameters["scale"], incoming) if saved.needs_gradient[0] else None
        return (None if result is None else pixels(result),), found
