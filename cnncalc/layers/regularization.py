"""Layers that act in training alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from cnncalc.layers.base import ByProduct, Layer, Memory, key
from cnncalc.layers.keys import Boolean, Decimal

if TYPE_CHECKING:
    from cnncalc.volume import Volume


class Dropout(Layer):
    """Sets each element to zero with probability ``rate`` in training; the identity at test time.

    Source: Srivastava et al. 2014.
    """

    kind: ClassVar[str] = "dropout"
    memory: ClassVar[Memory] = Memory()
    bare: ClassVar[str | None] = "rate"

    rate: float = key(Decimal(least=0, most=1), 0.5)
    in_place: bool = key(Boolean(), False)

    def label(self) -> str:
        return "DROPOUT" if self.rate == 0.5 else f"DROPOUT({self.rate:g})"

    def may_work_in_place(self) -> bool | None:
        return self.in_place

    def forward(self, xp: Any, *inputs: Any, out: Any = None, **parameters: Any) -> Any:
        (x,) = inputs
        return x

    def byproducts(self, inputs: tuple[Volume, ...], output: Volume) -> tuple[ByProduct, ...]:
        return (ByProduct(output.elements, "mask"),)
