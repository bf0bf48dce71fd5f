"""Pools whose one window is the whole map."""

from __future__ import annotations

from math import prod

from cnncalc.layers.memory import Extra, Keeping, Size
from cnncalc.layers.planes import over_sides, pixels, planes
from cnncalc.layers.pooling import AnyPooling, pooled, torch_max_keeping, whole_pool
from cnncalc.layers.stencil import WHOLE, Stencil
from cnncalc.layers.window import all_sides, depth_step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume, Volumes


class GlobalAveragePool(AnyPooling):
    """The mean of each map.

    Formula: y[d] = the mean of all H*W elements of map d.
    Volume: [1x1xD].

    Source: Lin et al. 2014, section 3.2.
    """

    memory_order: ClassVar[str] = "contiguous"
    kind: ClassVar[str] = "gap"
    other_names: ClassVar[tuple[str, ...]] = (
        "globalavgpool",
        "globalaveragepool",
        "globalaveragepooling",
        "globalavgpooling",
    )
    example: ClassVar[str] = "INPUT 7x7x16 -> CONV3-512 -> GAP"
    is_linear = True

    def no_effect(self, x: Volume) -> str | None:
        return f"{x} is a single pixel already" if x.is_point else None

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        return [f"{all_sides(output)} 1: one window over the whole {inputs[0]}", depth_step(inputs[0])]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        return x.with_sides((1,) * len(x.sides))

    def stencils(self, *inputs: Volume, of: int = 0) -> tuple[Stencil, ...] | None:
        return WHOLE

    def forward(self, xp: Any, x: Any) -> Any:
        maps = planes(x)
        return pixels(maps.mean(axis=over_sides(maps), keepdims=True))

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return pooled(builder, inputs[0], builder.averaged)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        result = xp.empty(saved.shape, gradient.dtype)
        result[...] = planes(gradient) / prod(saved.shape[2:])
        return (pixels(result),), {}


class GlobalMaxPool(GlobalAveragePool):
    """The largest value of each map.

    Formula: y[d] = the largest of all H*W elements of map d.
    Volume: [1x1xD].

    Source: Oquab et al. 2015, section 3.
    """

    kind: ClassVar[str] = "gmp"
    other_names: ClassVar[tuple[str, ...]] = ("globalmaxpool", "globalmaxpooling")
    example: ClassVar[str] = "INPUT 7x7x16 -> CONV3-512 -> GMP"
    why_input: ClassVar[str] = "PyTorch saves the input as well as the index of each maximum"
    why_byproducts: ClassVar[str] = "the index of each maximum (int64), which receives the gradient"
    is_linear = False
    picks_values = True

    def forward(self, xp: Any, x: Any) -> Any:
        maps = planes(x)
        return pixels(maps.max(axis=over_sides(maps), keepdims=True))

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(extras=(Extra("places", Size(0, output.elements), 8),))

    def keeping_in_torch(self, inputs: Volumes, output: Volume, *, in_place: bool = False) -> Keeping:
        return torch_max_keeping(output)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return pooled(builder, inputs[0], lambda value, output: whole_pool(builder, value, output))

    def forward_training(self, xp: Any, x: Any, *, random: Any = None) -> tuple[Any, dict[str, Any]]:
        maps = planes(x)
        return self.forward(xp, x), {"places": maps.reshape(*maps.shape[:2], -1).argmax(axis=2)}

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        result = xp.zeros(saved.shape, gradient.dtype)
        flat = result.reshape(*saved.shape[:2], -1)
        xp.put_along_axis(flat, saved.extras["places"][..., None], gradient.reshape(*saved.shape[:2], 1), axis=2)
        return (pixels(result),), {}
