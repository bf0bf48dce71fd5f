"""A layer whose volume and figures are stated, not computed."""

from __future__ import annotations

from cnncalc.counts import NOTHING, Count
from cnncalc.layers.base import Layer, Parameter, key
from cnncalc.layers.keys import VolumeSize, Whole
from cnncalc.layers.memory import Extra, Keeping, Size
from cnncalc.layers.planes import pixels
from cnncalc.layers.stencil import WHOLE
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.stencil import Stencils
    from cnncalc.volume import Volumes


class Opaque(Layer):
    """An operator of another program to which no kind corresponds: its volume and figures are stated, and marked so.

    Formula: unknown; in a run its output is zeros, and ``verify`` leaves out what depends on it.
    Volume: as stated.
    Learned: as many weights as stated.

    ``saved`` is the number of elements for each image that training keeps for backward in addition to the input.

    Source: none, since its figures are those of the design.
    """

    kind: ClassVar[str] = "opaque"
    other_names: ClassVar[tuple[str, ...]] = ("unknown", "customop", "blackbox")
    example: ClassVar[str] = "INPUT 28x28x3 -> OPAQUE([28, 28, 16], parameters=448, macs=338688) -> RELU"
    is_stated: ClassVar[bool] = True
    learns: ClassVar[bool] = True
    is_flat: ClassVar[bool | None] = False
    thin_depth: ClassVar[int | None] = None
    memory_order: ClassVar[str] = "contiguous"
    why_input: ClassVar[str] = "what its gradient needs is not known"
    why_byproducts: ClassVar[str] = "stated"
    weight_use: ClassVar[str] = "as stated"
    bare: ClassVar[str | None] = "output"

    size: tuple[int, ...] = key(VolumeSize(), name="output", means="the sides and the depth of the output")
    learned: int = key(Whole(0), 0, name="parameters", means="the number of learned parameters")
    held: int = key(Whole(0), 0, name="buffers", means="the number of elements that are kept, but not learned")
    multiply_adds: int = key(Whole(0), 0, name="macs", means="multiply-adds for one image")
    saved: int = key(Whole(0), 0, means="elements for one image that training keeps in addition to the input")

    def without_figures(self) -> Layer:
        return type(self)(output=list(self.size))

    def label(self) -> str:
        return f"OPAQUE({Volume(*self.size).size}, stated)"

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        return [f"{output}, as stated"]

    def output(self, *inputs: Volume) -> Volume:
        return Volume(*self.size)

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        return (Parameter("stated", (self.learned,), Count(self.learned)),) if self.learned else ()

    def buffers(self, *inputs: Volume) -> tuple[Parameter, ...]:
        return (Parameter("held", (self.held,), Count(self.held), "buffer"),) if self.held else ()

    def weight_range(self, shape: tuple[int, ...]) -> tuple[float, float]:
        return -1, 1

    def macs(self, inputs: Volumes, output: Volume) -> Count:
        return Count(self.multiply_adds) if self.multiply_adds else NOTHING

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        return WHOLE

    def channel_use(self, *inputs: Volume) -> str:
        return "some"

    def forward(self, xp: Any, x: Any, **arrays: Any) -> Any:
        *sides, depth = self.size
        return pixels(xp.zeros((len(x), depth, *sides), x.dtype))

    def forward_training(self, xp: Any, x: Any, **arrays: Any) -> tuple[Any, dict[str, Any]]:
        return self.forward(xp, x), {"saved": xp.zeros((len(x), self.saved), x.dtype)} if self.saved else {}

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(inputs=True, extras=(Extra("saved", Size(0, self.saved)),) if self.saved else ())

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        found = {"stated": xp.zeros(self.learned, gradient.dtype)} if saved.learns and self.learned else {}
        result = pixels(xp.zeros(saved.shape, gradient.dtype)) if saved.needs_gradient[0] else None
        return (result,), found
