"""The inverse of max pooling: puts values back at the places of the maxima."""

from __future__ import annotations

from cnncalc.errors import ShapeError
from cnncalc.layers.base import Layer
from cnncalc.layers.filling import Bins, Slid, but_fixed
from cnncalc.layers.memory import Keeping, Size
from cnncalc.layers.planes import pixels, planes
from cnncalc.layers.pooling import MaxPool
from cnncalc.layers.requirements import require_inputs
from cnncalc.layers.stencil import NONE
from cnncalc.layers.window import depth_step
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.stencil import Stencils
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volumes


class Unpool(Layer):
    """Puts its input at the places of the maxima of a max pool, in a volume like the input of that pool; 0 elsewhere.

    Formula: y[p] = x[w], where p is the place of the maximum in window w of the pool; 0 at all other places. If windows
    share a maximum, the last one counts. A window of only padding, which has no maximum, is refused.
    Volume: that of the input of the pool; the input of this layer has the volume of its output.

    Source: Badrinarayanan et al. 2015, "SegNet", section 3; PyTorch, torch.nn.MaxUnpool2d.
    """

    kind: ClassVar[str] = "unpool"
    other_names: ClassVar[tuple[str, ...]] = ("maxunpool", "maxunpooling")
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> POOL2@p -> CONV3-32 -> UNPOOL(@p)"
    second_input: ClassVar[str | None] = "the max pool that it undoes"
    needs_second_input: ClassVar[bool] = True
    takes_places: ClassVar[bool] = True
    is_flat: ClassVar[bool | None] = False
    is_linear = True
    why_input: ClassVar[str] = "the index of each maximum says which gradient it receives"

    pool: MaxPool | None = None
    """The max pool that it undoes, bound to its number of sides; None: not known yet."""
    entered: Volume | None = None
    """The input volume of that pool."""

    def after(self, source: Layer, inputs: Volumes) -> Layer:
        if not isinstance(source, MaxPool):
            message = f"UNPOOL fills the places of a max pool, but the second volume is that of {source.label()}"
            raise ShapeError(f"{message}; name a POOL", code="no-pool", key="inputs")
        bound = object.__new__(type(self))
        bound.__dict__.update(self.__dict__, pool=source.on(len(inputs[0].sides)), entered=inputs[0])
        return bound

    def undone(self) -> tuple[MaxPool, Volume]:
        assert self.pool is not None
        assert self.entered is not None
        return self.pool, self.entered

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        names = zip(output.names, output.sides, strict=True)
        return [*[f"{name} {size}, as before the pool" for name, size in names], depth_step(inputs[0])]

    def output(self, *inputs: Volume) -> Volume:
        require_inputs(self.kind, inputs, 2, 2)
        x, pooled = inputs
        if x != pooled:
            wrong = "depths" if x.sides == pooled.sides else "sides"
            raise ShapeError(
                f"UNPOOL takes a volume as large as the output of its pool, but the {wrong} of {x} and {pooled} differ",
                code="merge-mismatch",
            )
        entered = self.undone()[1]
        for name, side in zip(entered.names, self._sides(), strict=True):
            if side.has_empty:
                raise ShapeError(
                    "UNPOOL needs a maximum in each window of its pool, but with a dilation larger than "
                    f"{name} {side.size} a window has only padding",
                    code="no-maximum",
                    key="inputs",
                )
        return entered

    def _sides(self) -> list[Bins | Slid]:
        """The windows of the pool along each side."""
        pool, entered = self.undone()
        if pool.adaptive is not None:
            return [Bins(size, bins) for size, bins in zip(entered.sides, pool.adaptive, strict=True)]
        windows = pool.windows(entered)
        each = zip(entered.sides, windows.steps, pool.kernel, windows.stride, windows.pads, pool.dilation, strict=True)
        return [Slid(size, count, kernel, step, pad, gap) for size, count, kernel, step, (pad, _), gap in each]

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        sides = self._sides()
        if of == 0:
            return tuple([side.filling for side in sides])
        # a window of one element always has the same place, so its input does not matter
        moving = [side for side in sides if not side.all_fixed]
        if not moving:
            return (NONE,) * len(sides)
        # along several such sides a window has one element only where it has one along each: see may_see_less
        return tuple([but_fixed(side) if [side] == moving and side.some_fixed else side.filling for side in sides])

    def may_see_less(self, *inputs: Volume, of: int = 0) -> bool:
        sides = self._sides()
        # stencils are of each side alone, so they cannot leave out the positions that are fixed along all sides
        return of == 1 and sum(not side.all_fixed for side in sides) > 1 and all(side.some_fixed for side in sides)

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(inputs=(False, True), gradients=("new", "none"))

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        x, places = inputs
        if builder.is_cpu:  # whose autocast computes it in float32
            x = builder.converted(x, 4)
        order = "suggested" if builder.is_cpu and len(builder.output.sides) < 3 else "contiguous"
        # backward reads its gradient in the order of the places; those of a length are never channels-last
        is_last = len(builder.output.sides) > 1 and builder.layout_of(places).suggests_channels_last
        gathers = "channels last" if is_last else "contiguous"
        value, output, is_length = x, builder.output, len(builder.output.sides) == 1
        if is_length:
            value, output = builder.as_plane(x, last=True), Volume(*output.sides, 1, output.depth)
        result = builder.operation(
            [value, places],
            Size(0, output.elements),
            item=builder.item_of(value),
            layout=builder.made([value], output, order),
            keeps=(1,),
            gradients=("new", "none"),
            order="contiguous",
            gathers=gathers,
        )
        if is_length:
            result = builder.as_length(result, last=True)
        builder.hold(x)
        return result

    def _indices(self, xp: Any, places: Any, sides: Sequence[int]) -> Any:
        """The index in a map of each maximum, from the places that the pool gives: batch x depth x windows."""
        pool, _ = self.undone()
        if pool.adaptive is not None:
            return places.reshape(*places.shape[:2], -1)
        offsets = xp.unravel_index(places.astype(xp.intp), pool.kernel)
        indices: Any = 0
        for side, (begins, size) in enumerate(zip(pool.begins_of(sides), sides, strict=True)):
            shape = [1] * places.ndim
            shape[2 + side] = len(begins)
            place = xp.array(begins).reshape(shape) + offsets[side] * pool.dilation[side]
            indices = indices * size + place
        return indices.reshape(*places.shape[:2], -1)

    def forward(self, xp: Any, x: Any, places: Any) -> Any:
        maps = planes(x)
        batch, depth = maps.shape[:2]
        sides = self.undone()[1].sides
        indices = self._indices(xp, planes(places), sides)
        result = xp.zeros((batch, depth, *sides), x.dtype)
        flat = result.reshape(batch * depth, -1)
        flat[xp.arange(batch * depth)[:, None], indices.reshape(batch * depth, -1)] = maps.reshape(batch * depth, -1)
        return pixels(result)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        incoming, places = planes(gradient), planes(saved.inputs[1])
        batch, depth, *sides = incoming.shape
        indices = self._indices(xp, places, sides)
        taken = xp.take_along_axis(incoming.reshape(batch, depth, -1), indices, axis=2)
        return (pixels(taken.reshape(saved.shape)), None), {}
