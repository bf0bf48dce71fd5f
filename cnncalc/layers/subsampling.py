"""The trainable pooling of LeNet-5."""

from __future__ import annotations

from math import prod

from cnncalc.counts import Count
from cnncalc.layers.base import Parameter
from cnncalc.layers.memory import Extra, Keeping, Size
from cnncalc.layers.planes import by_channel, over_sides, pixels, planes
from cnncalc.layers.pooling import Pooling, averaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume, Volumes


class Subsample(Pooling):
    """LeNet-5's trainable pooling: the sum of each window, times one coefficient per map, plus one bias per map.

    Formula: y = w[d] * the sum of the F x F window + b[d].
    Volume: height (H - F)/S + 1, rounded down; width alike; depth D.
    Learned: D coefficients (counted as weights) and D biases.

    The sigmoid that follows it in LeNet-5 is a layer of its own.

    Source: LeCun et al. 1998, section II.B.
    """

    kind: ClassVar[str] = "subsample"
    works_by_map: ClassVar[bool] = False  # each map has its own factor
    example: ClassVar[str] = "INPUT 28x28x1 -> CONV3-6 -> SUBSAMPLE2"
    is_linear = True
    learns: ClassVar[bool] = True

    def weight_range(self, shape: tuple[int, ...]) -> tuple[float, float]:
        # one coefficient for the sum of a window
        elements = prod(self.kernel)
        return 0.8 / elements, 1.2 / elements

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        depth = inputs[0].depth
        count = Count(depth)
        return (Parameter("weight", (depth,), count), Parameter("bias", (depth,), count, "bias"))

    def forward(self, xp: Any, x: Any, *, weight: Any, bias: Any) -> Any:
        result = self.reduce(xp, xp.add, 0, planes(x))
        result *= by_channel(weight, result)
        result += by_channel(bias, result)
        return pixels(result)

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(extras=(Extra("sums", Size(0, output.elements)),) if learns else ())

    def forward_training(
        self, xp: Any, x: Any, *, random: Any = None, weight: Any, bias: Any
    ) -> tuple[Any, dict[str, Any]]:
        sums = self.reduce(xp, xp.add, 0, planes(x))
        result = sums * by_channel(weight, sums)
        result += by_channel(bias, sums)
        return pixels(result), {"sums": pixels(sums)}

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        # an average pool, then a factor and a shift for each channel
        mean = averaged(builder, builder.entering(inputs[0]))
        result = builder.scaled(mean)
        builder.hold(mean)
        return result

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        incoming = planes(gradient)
        result, found = None, {}
        if saved.needs_gradient[0]:
            shares = incoming * by_channel(saved.parameters["weight"], incoming)
            result = pixels(self.spread(xp, shares, saved.shape[2:]))
        if saved.learns:
            over = over_sides(incoming)
            found["weight"] = (incoming * planes(saved.extras["sums"])).sum(axis=over).sum(axis=0)
            found["bias"] = incoming.sum(axis=over).sum(axis=0)
        return (result,), found
