"""The inverse of max pooling: puts values back at the places of the maxima."""

from __future__ import annotations

from cnncalc.errors import ShapeError
from cnncalc.layers.base import Layer
from cnncalc.layers.memory import Keeping, Size
from cnncalc.layers.planes import pixels, planes
from cnncalc.layers.pooling import MaxPool
from cnncalc.layers.requirements import require_inputs
from cnncalc.layers.stencil import Stencil, Stencils
from cnncalc.layers.window import depth_step
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volumes


class Unpool(Layer):
    """Puts its input at the places of the maxima of a max pool, in a volume like the input of that pool; 0 elsewhere.

    Formula: y[p] = x[w], where p is the place of the maximum in window w of the pool; 0 at all other places. If windows
    share a maximum, the last one counts.
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
        bound.__dict__.update(self.__dict__, pool=source, entered=inputs[0])
        return bound

    def _known(self) -> tuple[MaxPool, Volume]:
        """The pool, and its input volume."""
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
        return self._known()[1]

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        pool, entered = self._known()
        if pool.adaptive is not None:
            # the bins that contain a position
            sizes = zip(entered.sides, pool.adaptive, strict=True)
            return tuple([Stencil(bins, range(1 - size, bins), size) for size, bins in sizes])
        windows = pool.windows(entered)
        sides = zip(windows.stride, windows.pads, windows.kernel, windows.dilation, strict=True)
        # the windows that cover a position
        return tuple([Stencil(1, range(pad - kernel + 1, pad + 1, gap), step) for step, (pad, _), kernel, gap in sides])

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
        pool, _ = self._known()
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

    def possible_places(self, xp: Any) -> Iterator[Any]:
        """Arrays with a place for each window, which together hold every place that a maximum can have.

        Their shape is the sides of the output of the pool. The first has the first place of each window, the next the
        second, and so on; a window with fewer places, such as one in the padding, repeats its last one.
        """
        pool, entered = self._known()
        each = pool.places_on_sides(entered.sides)
        counts = [max(len(places) for places in windows) for windows in each]
        for offsets in xp.ndindex(*counts):
            chosen = [
                xp.array([places[min(offset, len(places) - 1)] for places in windows])
                for offset, windows in zip(offsets, each, strict=True)
            ]
            yield xp.ravel_multi_index(xp.ix_(*chosen), entered.sides if pool.adaptive else pool.kernel)

    def forward(self, xp: Any, x: Any, places: Any) -> Any:
        maps = planes(x)
        batch, depth = maps.shape[:2]
        sides = self._known()[1].sides
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
