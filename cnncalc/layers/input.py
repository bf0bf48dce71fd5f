"""The input of a net."""

from __future__ import annotations

from cnncalc.layers.base import Layer, Sizing, key
from cnncalc.layers.keys import VolumeSize
from cnncalc.layers.requirements import require_inputs
from cnncalc.layers.stencil import POINT, Stencil
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.counts import Count


class Input(Layer):
    """The input of the net: the values of an image, a sequence, a video or a scan.

    Volume: as given, depth last: 32x32x3 for a small colour image, 16000x1 for a second of sound.

    Source: CS231n, "Architecture Overview".
    """

    kind: ClassVar[str] = "input"
    example: ClassVar[str] = "INPUT 32x32x3 -> FC-10"
    is_input: ClassVar[bool] = True
    makes_windows: ClassVar[bool | None] = False
    first: ClassVar[str | None] = "size"
    bare: ClassVar[str | None] = "size"
    is_flat: ClassVar[bool | None] = False
    in_notes_table: ClassVar[bool] = True
    sizes: ClassVar[Mapping[str, Sizing]] = {"size": Sizing("input")}

    size: tuple[int, ...] = key(VolumeSize(), (224, 224, 3), means="the sides of the image and its depth")

    def label(self) -> str:
        return self.kind.upper()

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        return ["the input of the net"]

    def output(self, *inputs: Volume) -> Volume:
        require_inputs(self.kind, inputs, 0, 0)
        return Volume(*self.size)

    def stencils(self, *inputs: Volume, of: int = 0) -> tuple[Stencil, ...] | None:
        return (POINT,) * (len(self.size) - 1)

    def arithmetic(self, output: Volume) -> Count:
        from cnncalc.counts import product

        return product(*output)

    def forward(self, xp: Any, x: Any) -> Any:
        return x
