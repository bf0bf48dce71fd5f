"""Layers that change their input only in training."""

from __future__ import annotations

from cnncalc.layers.base import Layer, key
from cnncalc.layers.keys import Boolean, Choice, Decimal
from cnncalc.layers.memory import MASK, Extra, Keeping, Size
from cnncalc.layers.planes import pieces, pixels, planes
from cnncalc.layers.planes_backward import derived
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volumes


class Dropout(Layer):
    """Sets each element, or ``whole`` channels or images, to zero with probability ``rate`` in training.

    Formula: in training y = x * m / (1 - rate) with m of 0 or 1, drawn at random in each step; at test time y = x.
    Volume: as the input.

    Training keeps one m for each element, for each channel of an image (``whole: channel``, dropout2d), or for each
    image (``whole: image``, stochastic depth at the end of a residual branch).

    Source: Srivastava et al. 2014; scaled in training, as in CS231n, "Inverted dropout"; channels: Tompson et al. 2015;
    images: Huang et al. 2016.
    """

    kind: ClassVar[str] = "dropout"
    other_names: ClassVar[tuple[str, ...]] = ("drop",)
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        **dict.fromkeys(
            ("dropout", "spatialdropout", "featuredropout"),
            ("DROPOUT(whole=channel){b}", "it drops whole channels; DROPOUT alone drops single elements"),
        ),
        **dict.fromkeys(
            ("droppath", "stochasticdepth"),
            ("DROPOUT(whole=image){b}", "it drops whole images, as at the end of a residual branch"),
        ),
    }
    example: ClassVar[str] = "INPUT 7x7x16 -> FC-256 -> RELU -> DROPOUT(0.2)"
    why_byproducts: ClassVar[str] = "the mask of what is dropped"
    is_identity_at_test_time: ClassVar[bool] = True
    is_linear = True
    drawn: ClassVar[str] = "joined"
    bare: ClassVar[str | None] = "rate"

    rate: float = key(Decimal(minimum=0, maximum=1), 0.5, means="the probability that an element is dropped")
    whole: str = key(Choice("element", "channel", "image"), "element", means="what is dropped as a whole")
    in_place: bool = key(Boolean(), False, means="whether it overwrites its input in training")

    def no_effect(self, x: Volume) -> str | None:
        return "its rate is 0" if self.rate == 0 else None

    def may_work_in_place(self) -> bool | None:
        return self.in_place

    def forward(self, xp: Any, x: Any) -> Any:
        return x

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(extras=(Extra("mask", Size(0, self._masks(output)), MASK),))

    def _masks(self, x: Volume) -> int:
        """How many numbers of the mask an image has."""
        return {"element": x.elements, "channel": x.depth, "image": 1}[self.whole]

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        if not builder.training or self.rate == 0:
            return builder.same(inputs[0])
        (x,) = inputs
        if self.whole == "element" and not (builder.is_cpu or builder.in_place or self.rate == 1):
            return builder.single(inputs, gradient_order="incoming")
        # composed of a mask in the type of the elements (at rate 1 a single zero), and a multiplication by it
        if self.whole == "image":
            mask = builder.constant(x, 1, images=True)
        elif self.rate == 1:
            mask = builder.constant(x, 0)
        else:
            mask = builder.constant(x, builder.output.depth if self.whole == "channel" else None, images=True)
        return builder.times_constant(x, mask, in_place=builder.in_place)

    @property
    def _factor(self) -> float:
        """The factor of the elements that are kept, with which the mean stays the same."""
        return 1 / (1 - self.rate) if self.rate < 1 else 0

    def forward_training(self, xp: Any, x: Any, *, out: Any = None, random: Any = None) -> tuple[Any, dict[str, Any]]:
        maps = planes(x)
        result = xp.empty(maps.shape, maps.dtype) if out is None else planes(out)
        if self.whole != "element":
            each = self._masks(Volume(*x.shape[1:]))
            mask = random.random((len(maps), each, *(1,) * (maps.ndim - 2))) >= self.rate
            xp.multiply(maps, mask * maps.dtype.type(self._factor), out=result)
            return pixels(result), {"mask": pixels(mask)}
        mask = xp.empty(maps.shape, bool)
        for image, left, target in zip(maps, mask, result, strict=True):
            image, left, target = image.reshape(-1), left.reshape(-1), target.reshape(-1)
            for piece in pieces(image.size, 8):
                xp.greater_equal(random.random(left[piece].size), self.rate, out=left[piece])
                xp.multiply(image[piece], left[piece] * maps.dtype.type(self._factor), out=target[piece])
        return pixels(result), {"mask": pixels(mask)}

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        if self.whole != "element":
            incoming = planes(gradient)
            return (pixels(incoming * (planes(saved.extras["mask"]) * incoming.dtype.type(self._factor))),), {}

        def function(left: Any, incoming: Any, result: Any) -> None:
            xp.multiply(incoming, left * incoming.dtype.type(self._factor), out=result)

        return (derived(xp, function, saved.extras["mask"], gradient),), {}
