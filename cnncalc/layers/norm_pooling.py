"""Pooling by the p-norm of each window."""

from __future__ import annotations

from math import inf

from cnncalc.layers.base import key
from cnncalc.layers.keys import Decimal
from cnncalc.layers.memory import Extra, Keeping, Size
from cnncalc.layers.planes import pieces, pixels, planes
from cnncalc.layers.pooling import PaddedPooling, averaged
from cnncalc.layers.window import enlarged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume, Volumes


class LpPool(PaddedPooling):
    """The p-norm of each window, map by map; with power 2 it is L2-norm pooling.

    Formula: y = (the sum of abs(x)**p over the F x F window) ** (1/p).
    Volume: height (H - F + 2P)/S + 1, width alike, depth D; rounded as ``round`` says.

    The memory counted is that of PyTorch's module, whose values differ in two cases: for an odd p and negative inputs,
    since it sums x**p, and in windows cut off at the end, whose sum it scales up to a whole window.

    Source: CS231n, "Pooling Layer", general pooling.
    """

    kind: ClassVar[str] = "lppool"
    other_names: ClassVar[tuple[str, ...]] = ("l2pool",)
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-16 -> LPPOOL3/2"
    output_range: ClassVar[tuple[float, float]] = (0, inf)

    power: float = key(Decimal(minimum=1), 2.0, means="the p of the norm")

    def forward(self, xp: Any, x: Any) -> Any:
        maps = planes(x)
        powers = xp.square(maps) if self.power == 2 else xp.absolute(maps) ** self.power
        result = self.reduce(xp, xp.add, 0, powers)
        if self.power == 2:
            return pixels(xp.sqrt(result, out=result))
        result **= 1 / self.power
        return pixels(result)

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(inputs=True, extras=(Extra("sums", Size(0, output.elements)),))

    def forward_training(self, xp: Any, x: Any, *, random: Any = None) -> tuple[Any, dict[str, Any]]:
        maps = planes(x)
        powers = xp.square(maps) if self.power == 2 else xp.absolute(maps) ** self.power
        sums = self.reduce(xp, xp.add, 0, powers)
        return pixels(xp.sqrt(sums) if self.power == 2 else sums ** (1 / self.power)), {"sums": pixels(sums)}

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        # PyTorch computes (sign(m) * relu(|m|) * window) ** (1/p), where m is the mean of x**p over the window
        (x,) = inputs
        pads = self.windows(builder.volumes[0]).pads
        if any(map(any, pads)):
            x = builder.resized(x, enlarged(builder.volumes[0], pads))
        powers = builder.power(x)
        mean = averaged(builder, builder.entering(powers))
        builder.hold(powers)  # an argument, also while a copy of it in float32 is used
        sign = builder.operation([mean])
        absolute = builder.operation([mean], keeps=(0,), backward_scratch=(builder.bytes_of(mean),))
        positive = builder.operation([absolute], keeps_output=True)
        signed = builder.operation([sign, positive], keeps=(0, 1))
        result = builder.power(builder.times_number(signed))
        builder.hold(x)
        builder.hold(mean)
        return result

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        # |x|**(p-1) * sign(x) times the sum of gradient * sums**(1/p - 1) over the windows that see x; 0 where all is 0
        sums = planes(saved.extras["sums"])
        shares = xp.where(sums > 0, sums, xp.inf) ** (1 / self.power - 1) if self.power != 1 else xp.ones_like(sums)
        shares *= planes(gradient)
        result = self.spread(xp, shares, saved.shape[2:])
        for image, target in zip(planes(saved.x), result, strict=True):
            for piece in pieces(len(image), image[0].nbytes):
                if self.power == 2:
                    target[piece] *= image[piece]
                else:
                    target[piece] *= xp.absolute(image[piece]) ** (self.power - 1) * xp.sign(image[piece])
        return (pixels(result),), {}
