"""Layers that act only in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from cnncalc.layers.base import Layer, key
from cnncalc.layers.keys import Boolean, Decimal
from cnncalc.layers.memory import MASK, Extra, Keeping, Size
from cnncalc.layers.planes import derived, pieces, pixels, planes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume, Volumes


class Dropout(Layer):
    """Sets each element to zero with probability ``rate`` in training; the identity at test time.

    Formula: in training y = x * m / (1 - rate) with m of 0 or 1, drawn at random in each step; at test time y = x.
    Volume: as the input.

    Source: Srivastava et al. 2014; scaled in training, as in CS231n, "Inverted dropout".
    """

    kind: ClassVar[str] = "dropout"
    other_names: ClassVar[tuple[str, ...]] = ("drop",)
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        **dict.fromkeys(
            ("dropout", "spatialdropout", "featuredropout"),
            (
                "DROPOUT{b}",
                "it drops single elements, not whole channels; volumes, parameters and MACs are the same, but training "
                "keeps a mask of the whole volume",
            ),
        ),
        **dict.fromkeys(
            ("droppath", "stochasticdepth"),
            (
                "DROPOUT{b}",
                "it drops single elements, not whole images; volumes, parameters and MACs are the same, but training "
                "keeps a mask of the whole volume",
            ),
        ),
    }
    example: ClassVar[str] = "INPUT 7x7x16 -> FC-256 -> RELU -> DROPOUT(0.2)"
    why_byproducts: ClassVar[str] = "the mask of dropped elements"
    is_identity_at_test_time: ClassVar[bool] = True
    is_linear = True
    drawn: ClassVar[str] = "joined"
    bare: ClassVar[str | None] = "rate"

    rate: float = key(Decimal(minimum=0, maximum=1), 0.5, means="the probability that an element is dropped")
    in_place: bool = key(Boolean(), False, means="whether it overwrites its input in training")

    def label(self) -> str:
        return "DROPOUT" if self.rate == 0.5 else f"DROPOUT({self.rate:g})"

    def no_effect(self, x: Volume) -> str | None:
        return "its rate is 0" if self.rate == 0 else None

    def may_work_in_place(self) -> bool | None:
        return self.in_place

    def forward(self, xp: Any, x: Any) -> Any:
        return x

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(extras=(Extra("mask", Size(0, output.elements), MASK),))

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        if not builder.training or self.rate == 0:
            return builder.same(inputs[0])
        if not (builder.is_cpu or builder.in_place or self.rate == 1):
            return builder.single(inputs)
        # composed of a mask in the type of the elements (at rate 1 a single zero), and a multiplication by it
        mask = builder.constant(inputs[0], is_scalar=self.rate == 1)
        return builder.operation([*inputs, mask], is_alias=builder.in_place, keeps=(1,), gradients=("new", "none"))

    @property
    def _factor(self) -> float:
        """The scale of the remaining elements, which keeps the mean."""
        return 1 / (1 - self.rate) if self.rate < 1 else 0

    def forward_training(self, xp: Any, x: Any, *, out: Any = None, random: Any = None) -> tuple[Any, dict[str, Any]]:
        maps = planes(x)
        result = xp.empty(maps.shape, maps.dtype) if out is None else planes(out)
        mask = xp.empty(maps.shape, bool)
        for image, left, target in zip(maps, mask, result, strict=True):
            image, left, target = image.reshape(-1), left.reshape(-1), target.reshape(-1)
            for piece in pieces(image.size, 8):
                xp.greater_equal(random.random(left[piece].size), self.rate, out=left[piece])
                xp.multiply(image[piece], left[piece] * maps.dtype.type(self._factor), out=target[piece])
        return pixels(result), {"mask": pixels(mask)}

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        def function(left: Any, incoming: Any, result: Any) -> None:
            xp.multiply(incoming, left * incoming.dtype.type(self._factor), out=result)

        return (derived(xp, function, saved.extras["mask"], gradient),), {}
