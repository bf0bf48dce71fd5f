"""Learned vectors that are put before a sequence, or added to a volume."""

from __future__ import annotations

from cnncalc.counts import Count, product
from cnncalc.layers.base import Layer, Parameter, key
from cnncalc.layers.keys import Whole
from cnncalc.layers.memory import Keeping
from cnncalc.layers.planes import pixels, planes
from cnncalc.layers.sequence import require_sequence
from cnncalc.layers.stencil import Stencil
from cnncalc.layers.window import depth_step
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.stencil import Stencils
    from cnncalc.layers.torch_builder import TorchBuilder


class Token(Layer):
    """Puts learned vectors, such as a class token, before a sequence.

    Formula: y[p] = the learned vector p for p < count, then x[p - count].
    Volume: [(N + count) x D].
    Learned: count*D numbers, counted as weights.

    Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", equation 1.
    """

    kind: ClassVar[str] = "token"
    other_names: ClassVar[tuple[str, ...]] = ("classtoken", "clstoken", "cls")
    example: ClassVar[str] = "INPUT 28x28x3 -> CONV4-16/4(pad=0) -> SEQUENCE -> TOKEN"
    is_flat: ClassVar[bool | None] = False
    is_linear = True
    learns: ClassVar[bool] = True
    first: ClassVar[str | None] = "count"
    bare: ClassVar[str | None] = "count"

    count: int = key(Whole(1), 1, means="the number of vectors")

    def label(self) -> str:
        return f"TOKEN{self.count if self.count > 1 else ''}"

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (x,) = inputs
        return [f"length {x[0]} + {self.count} = {output[0]}", depth_step(x)]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        require_sequence(self.kind, x)
        return Volume(x[0] + self.count, x.depth)

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        depth = inputs[0].depth
        count = product(self.count, depth) if self.count > 1 else Count(depth)
        return (Parameter("token", (self.count, depth), count),)

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        return (Stencil(1, range(-self.count, 1 - self.count)),)

    def forward(self, xp: Any, x: Any, *, token: Any) -> Any:
        maps = planes(x)
        result = xp.empty((*maps.shape[:2], maps.shape[2] + len(token)), maps.dtype)
        result[..., : len(token)] = token.T
        result[..., len(token) :] = maps
        return pixels(result)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        from cnncalc.layers.layout import channels_last

        volume = builder.output
        layout = channels_last((builder.images, volume.depth, *volume.sides))
        return builder.viewed(builder.joined_with_own(inputs[0], layout))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        maps = planes(gradient)
        found = {}
        if saved.learns:
            found["token"] = xp.ascontiguousarray(maps[..., : self.count].sum(axis=0).T)
        result = pixels(maps[..., self.count :].copy()) if saved.needs_gradient[0] else None
        return (result,), found


class Position(Layer):
    """Adds a learned volume, so that layers can tell positions apart.

    Formula: y = x + the learned volume.
    Volume: as the input.
    Learned: H*W*D numbers, counted as weights.

    Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", equation 1.
    """

    kind: ClassVar[str] = "position"
    other_names: ClassVar[tuple[str, ...]] = ("positionembedding", "positionalembedding", "posembed")
    example: ClassVar[str] = "INPUT 28x28x3 -> CONV4-16/4(pad=0) -> SEQUENCE -> POSITION"
    is_flat: ClassVar[bool | None] = False
    is_linear = True
    learns: ClassVar[bool] = True
    drawn: ClassVar[str] = "joined"
    thin_depth: ClassVar[int | None] = 1
    kept: ClassVar[Keeping] = Keeping(gradients=("same",))

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        (x,) = inputs
        return (Parameter("position", tuple(x), product(*x)),)

    def forward(self, xp: Any, x: Any, *, position: Any) -> Any:
        return pixels(planes(x) + planes(position[None]))

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        last = builder.depth_last(inputs[0])
        return builder.depth_second(builder.plus_parameter(last, builder.own_parameters[0]))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        found = {"position": xp.ascontiguousarray(gradient.sum(axis=0))} if saved.learns else {}
        return (gradient if saved.needs_gradient[0] else None,), found
