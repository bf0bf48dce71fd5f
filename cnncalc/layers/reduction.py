"""Reductions of sides, or of the depth, to size 1."""

from __future__ import annotations

from math import prod

from cnncalc.layers.base import Layer, key
from cnncalc.layers.keys import Choice
from cnncalc.layers.memory import Keeping, Size
from cnncalc.layers.planes import axes_of, pixels, planes
from cnncalc.layers.side_keys import SideNames
from cnncalc.layers.stencil import Stencils, whole_axes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume, Volumes


class Reduce(Layer):
    """The mean, maximum, minimum or sum along some axes, whose size becomes 1.

    Formula: y = op of the elements of x along ``axes``; by default the mean along the depth.
    Volume: as the input, with size 1 along the named sides or depth.

    The gradient of a maximum or minimum is divided equally among the elements that are equal to it.

    Source: Woo et al. 2018, "CBAM", section 3, the channel pools; PyTorch, torch.mean, sum, amax, amin.
    """

    kind: ClassVar[str] = "reduce"
    other_names: ClassVar[tuple[str, ...]] = ("reducemean", "channelpool")
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        "reducemax": ("REDUCE(max)", "over the depth; axes=[height, width] names others"),
        "reducesum": ("REDUCE(sum)", "over the depth; axes=[height, width] names others"),
        "reducemin": ("REDUCE(min)", "over the depth; axes=[height, width] names others"),
    }
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> [REDUCE(mean) | REDUCE(max)] -> CONCAT"
    is_flat: ClassVar[bool | None] = False
    why_input: ClassVar[str] = "PyTorch compares the input with the output to find the elements that are equal"
    bare: ClassVar[str | None] = "op"

    op: str = key(Choice("mean", "max", "min", "sum"), "mean", means="the operation")
    axes: tuple[str, ...] = key(SideNames(), ("depth",), means="the sides, or the depth, along which it works")

    @property
    def is_linear(self) -> bool:
        return self.op in ("mean", "sum")

    @property
    def picks_values(self) -> bool:
        return self.op in ("max", "min")

    @property
    def picks_least(self) -> bool:  # type: ignore[override]
        return self.op == "min"

    @property
    def thin_depth(self) -> int | None:  # type: ignore[override]
        return 2 if "depth" in self.axes else 1

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        sizes = zip((*output.names, "depth"), output, strict=True)
        return [f"{name} 1" if name in self.axes else f"{name} {size}, same as the input" for name, size in sizes]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        for name in self.axes:
            x = x.replaced(x.place(name), 1)
        return x

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        return whole_axes(self.axes, inputs[0])

    def channel_use(self, *inputs: Volume) -> str:
        return "mixed" if "depth" in self.axes else "apart"

    def forward(self, xp: Any, x: Any) -> Any:
        maps = planes(x)
        reduce = {"mean": xp.mean, "sum": xp.sum, "max": xp.max, "min": xp.min}[self.op]
        return pixels(xp.ascontiguousarray(reduce(maps, axis=axes_of(self.axes, maps), keepdims=True)))

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(inputs=self.picks_values, output=self.picks_values)

    @property
    def keeps_output(self) -> bool:  # type: ignore[override]
        return self.picks_values

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        if self.op == "sum":
            return builder.summed(inputs[0], builder.output)
        if self.op == "mean":
            return builder.single(inputs, order="contiguous", gradient_order="repeated")
        # the mask of the elements equal to the result, their number, and the gradient of each
        x, output = builder.volumes[0], builder.output
        item = builder.item_of(inputs[0])
        scratch = (Size(0, x.elements), Size(0, output.elements * 8), Size(0, output.elements * item))
        return builder.operation(
            inputs,
            Size(0, output.elements),
            layout=builder.made(inputs, output, "contiguous"),
            keeps=(0,),
            keeps_output=True,
            backward_scratch=scratch,
        )

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        incoming = planes(gradient)
        result = xp.empty(saved.shape, gradient.dtype)
        axes = axes_of(self.axes, result)
        if not self.picks_values:
            parts = prod([result.shape[axis] for axis in axes]) if self.op == "mean" else 1
            result[...] = incoming / parts
            return (pixels(result),), {}
        chosen = planes(saved.x) == planes(saved.output)
        result[...] = chosen * (incoming / chosen.sum(axis=axes, keepdims=True))
        return (pixels(result),), {}
