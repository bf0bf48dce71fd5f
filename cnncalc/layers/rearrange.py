"""Layers that select elements or put them in another order: slices, and moves between the sides and the depth."""

from __future__ import annotations

from math import prod

from cnncalc.errors import ShapeError
from cnncalc.layers.base import Layer, key
from cnncalc.layers.keys import Choice, Whole
from cnncalc.layers.planes import axis_of, pixels, planes
from cnncalc.layers.requirements import require_groups, require_places
from cnncalc.layers.side_keys import SideName, SideOrder, Sizes
from cnncalc.layers.stencil import POINT, WHOLE, Origins, Stencil, Stencils
from cnncalc.layers.window import quotients, require_whole_parts, same_on_sides, sized
from cnncalc.units import plural
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder


class Shuffle(Layer):
    """Interleaves the channels of groups, so that each group of the next convolution sees channels of all groups.

    Formula: channel i of group g becomes channel i*groups + g.
    Volume: as the input.

    Source: Zhang et al. 2018, "ShuffleNet", section 3.1.
    """

    memory_order: ClassVar[str] = "contiguous"
    kind: ClassVar[str] = "shuffle"
    other_names: ClassVar[tuple[str, ...]] = ("channelshuffle",)
    example: ClassVar[str] = "INPUT 7x7x16 -> CONV3-32 -> SHUFFLE4"
    is_flat: ClassVar[bool | None] = False
    is_linear = True
    picks_values = True
    thin_depth: ClassVar[int | None] = 2
    thin_keys: ClassVar[Mapping[str, Any]] = {"groups": 1}
    drawn: ClassVar[str] = "joined"
    first: ClassVar[str | None] = "groups"
    bare: ClassVar[str | None] = "groups"

    groups: int = key(Whole(1), means="the number of groups of channels")

    def label(self) -> str:
        return f"SHUFFLE{self.groups}"

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        require_groups(x.depth, self.groups)
        return x

    def forward(self, xp: Any, x: Any) -> Any:
        maps = planes(x)
        batch, depth, *sides = maps.shape
        result = xp.empty((batch, depth // self.groups, self.groups, *sides), maps.dtype)
        result[...] = maps.reshape(batch, self.groups, -1, *sides).swapaxes(1, 2)
        return pixels(result.reshape(maps.shape))

    def is_view_in_torch(self, output: Volume) -> bool:
        return self.groups in (1, output.depth)  # the order stays as it is

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return builder.viewed(inputs[0]) if self.is_view_in_torch(builder.output) else builder.single(inputs)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        batch, depth, *sides = saved.shape
        result = xp.empty((batch, self.groups, depth // self.groups, *sides), gradient.dtype)
        result[...] = planes(gradient).reshape(batch, -1, self.groups, *sides).swapaxes(1, 2)
        return (pixels(result.reshape(saved.shape)),), {}


FROM_THE_END = "a position from the end is written with the size: {depth-1}, or with axis=length {length-1}"
"""The hint for a negative channel or position."""


class Slice(Layer):
    """Consecutive channels of the input, a view; or consecutive positions along one of its sides.

    Formula: y = channels from, ..., to - 1 of x, counted from 0; with ``axis`` the positions of that side.
    Volume: as the input, but the depth (or the side) is to - from.

    Source: the channel split of Ma et al. 2018, "ShuffleNet V2", section 3; sides: PyTorch, torch.narrow.
    """

    kind: ClassVar[str] = "slice"
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = dict.fromkeys(
        ("split", "chunk"),
        ("[SLICE(from=0, to=1) | SLICE(from=1)] -> CONCAT", "SLICE is one part; the parts are branches of a fork"),
    )
    example: ClassVar[str] = "INPUT 7x7x16 -> CONV3-32 -> SLICE(8, to=24)"
    is_linear = True
    picks_values = True
    drawn: ClassVar[str] = "arrow"
    bare: ClassVar[str | None] = "from"
    further_bare: ClassVar[tuple[str, ...]] = ("to",)

    start: int = key(Whole(0, below=FROM_THE_END), name="from", means="the first channel or position, from 0")
    stop: int | None = key(
        Whole(1, below=FROM_THE_END), None, name="to", note="the end", means="the one after the last one"
    )
    axis: tuple[str, ...] = key(SideName(), ("depth",), means="the side, or the depth, that is cut")

    @property
    def is_flat(self) -> bool | None:  # type: ignore[override]
        return None if self.cuts_depth else False

    @property
    def cuts_depth(self) -> bool:
        """Whether it takes channels, not positions along a side."""
        return self.axis == ("depth",)

    @property
    def is_view(self) -> bool:  # type: ignore[override]  # along a side the maps are copied
        return self.cuts_depth

    def is_view_in_torch(self, output: Volume) -> bool:
        return True

    @property
    def thin_depth(self) -> int | None:  # type: ignore[override]
        return 2 if self.cuts_depth else 1

    @property
    def thin_keys(self) -> Mapping[str, Any]:  # type: ignore[override]
        return {"from": 0, "to": 1} if self.cuts_depth else {}

    def _end(self, x: Volume) -> int:
        """The channel or position after the last one."""
        return x[x.place(self.axis[0])] if self.stop is None else self.stop

    def no_effect(self, x: Volume) -> str | None:
        if self.output(x) != x:
            return None
        what = f"all {plural(x.depth, 'channel')} are" if self.cuts_depth else f"all of the {self.axis[0]} is"
        return f"{what} taken"

    def label(self) -> str:
        stop = "" if self.stop is None else f", to={self.stop}"
        return f"SLICE(from={self.start}{stop}{'' if self.cuts_depth else f', axis={self.axis[0]}'})"

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (x,) = inputs
        place = x.place(self.axis[0])
        stop = self._end(x)
        others = [same_on_sides(output)] if self.cuts_depth else ["the other sizes, same as the input"]
        return [*others, f"{self.axis[0]} {stop} - {self.start} = {output[place]}"]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        place = x.place(self.axis[0])
        stop = self._end(x)
        if not self.start < stop <= x[place]:
            what = plural(x.depth, "channel") if self.cuts_depth else f"{self.axis[0]} {x[place]}"
            rule = f"lie within the {what}" if max(self.start + 1, stop) > x[place] else "end after its beginning"
            raise ShapeError(
                f"a slice must {rule}, but is from {self.start} to {stop}",
                code="no-such-channel",
                key="to" if self.start < x[place] else "from",
                hint="leave out to; the slice then ends with the last" if self.start < x[place] < stop else None,
            )
        return x.replaced(place, stop - self.start)

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        if self.cuts_depth:
            return super().stencils(*inputs, of=of)
        moved = Stencil(1, range(self.start, self.start + 1))
        return tuple([moved if name == self.axis[0] else POINT for name in inputs[0].names])

    def channel_use(self, *inputs: Volume) -> str:
        return "some" if self.cuts_depth and self.output(*inputs) != inputs[0] else "apart"

    def _part(self, maps: Any) -> tuple[slice, ...]:
        """The slices of maps (batch x depth x sides) that are taken."""
        return (*(slice(None),) * axis_of(self.axis[0], maps), slice(self.start, self.stop))

    def forward(self, xp: Any, x: Any) -> Any:
        maps = planes(x)
        part = maps[self._part(maps)]
        return pixels(part if self.cuts_depth else xp.array(part, order="C"))

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return builder.sliced(inputs[0], builder.output)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        result = xp.zeros(saved.shape, gradient.dtype)
        result[self._part(result)] = planes(gradient)
        return (pixels(result),), {}


class Permute(Layer):
    """The sides and the depth in a new order.

    Formula: the sizes of y are those of x in the given order: with [depth, height, width] the depth of x is the
    height of y, the height its width, and the width its depth.
    Volume: the sizes of the input in the new order, the depth last.

    Source: PyTorch, torch.permute, without the batch.
    """

    kind: ClassVar[str] = "permute"
    other_names: ClassVar[tuple[str, ...]] = ("transpose", "swapaxes", "movedim")
    example: ClassVar[str] = "INPUT 7x9x16 -> CONV3-32 -> PERMUTE([width, height, depth])"
    is_flat: ClassVar[bool | None] = False
    is_linear = True
    picks_values = True
    thin_depth: ClassVar[int | None] = None
    drawn: ClassVar[str] = "arrow"
    bare: ClassVar[str | None] = "order"

    order: tuple[str, ...] = key(SideOrder(), means="the sides and the depth of the input, as they are in the output")

    def no_effect(self, x: Volume) -> str | None:
        return "the order stays as it is" if self.order == (*x.names, "depth") else None

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        new = zip((*output.names, "depth"), self.order, output, strict=True)
        return [f"{name}: the {old} {size} of the input" for name, old, size in new]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        return Volume(*[x[x.place(name)] for name in self.order])

    @property
    def _keeps_depth(self) -> bool:
        return self.order[-1] == "depth"

    def channel_use(self, *inputs: Volume) -> str:
        return "apart" if self._keeps_depth else "moved"

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        return super().stencils(*inputs, of=of) if self.no_effect(inputs[0]) else WHOLE

    def origins(self, *inputs: Volume) -> Origins | None:
        (x,) = inputs
        if self.order == (*x.names, "depth"):
            return None
        sizes = [x[x.place(name)] for name in self.order[:-1]]
        steps = {name: prod(x.sides[side + 1 :]) for side, name in enumerate(x.names)}
        # if a side has become the depth, all of its positions
        gone = self.order[-1]
        count, gap = (1, 1) if gone == "depth" else (x[x.place(gone)], steps[gone])

        def of(position: int) -> range:
            place = 0
            for name, size in zip(self.order[-2::-1], sizes[::-1], strict=True):
                position, index = divmod(position, size)
                place += index * steps.get(name, 0)
            return range(place, place + count * gap, gap)

        return Origins(of, count)

    def axes(self, maps: Any) -> tuple[int, ...]:
        """The axes of maps (batch x depth x sides) of the input in the order of the output."""
        *sides, depth = [axis_of(name, maps) for name in self.order]
        return (0, depth, *sides)

    def forward(self, xp: Any, x: Any) -> Any:
        maps = planes(x)
        return pixels(xp.array(maps.transpose(self.axes(maps)), order="C"))

    def is_view_in_torch(self, output: Volume) -> bool:
        return True

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        names = builder.volumes[0].names
        *sides, depth = [1 if name == "depth" else 2 + names.index(name) for name in self.order]
        return builder.permuted(inputs[0], (0, depth, *sides))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        incoming = planes(gradient)
        axes = self.axes(incoming)
        return (pixels(xp.array(incoming.transpose([axes.index(axis) for axis in range(len(axes))]), order="C")),), {}


class Blocks(Layer):
    """Base of the moves between sides and depth: the positions of a block become channels, or the reverse."""

    is_flat: ClassVar[bool | None] = False
    memory_order: ClassVar[str] = "contiguous"
    is_linear = True
    picks_values = True
    drawn: ClassVar[str] = "arrow"
    first: ClassVar[str | None] = "block"
    bare: ClassVar[str | None] = "block"

    block: tuple[int, ...] = key(Sizes(), 2, means="sides of a block")
    order: str = key(
        Choice("crd", "dcr", "focus", "darknet"),
        "crd",
        means="the order of channels and places of a block in the depth",
    )

    def label(self) -> str:
        return f"{self.kind.upper()}{sized(self.block)}{self.unusual('order')}"

    def no_effect(self, x: Volume) -> str | None:
        return "its block is 1" if prod(self.block) == 1 else None

    def channel_use(self, *inputs: Volume) -> str:
        return "apart" if prod(self.block) == 1 else "moved"

    @property
    def _is_one_kernel(self) -> bool:
        """Whether PyTorch has one kernel for it (pixel_shuffle, pixel_unshuffle); else it is views and a copy."""
        return self.order == "crd" and len(self.block) == 2 and len(set(self.block)) == 1

    def is_view_in_torch(self, output: Volume) -> bool:
        return True

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        if self._is_one_kernel:
            return builder.single(inputs, order="suggested" if builder.is_cpu else "contiguous")
        return self.lower_views(builder, inputs[0], builder.volumes[0])

    def lower_views(self, builder: TorchBuilder, value: int, x: Volume) -> int:
        """Records the operations on views of a map ``x`` where PyTorch has no kernel for them."""
        raise NotImplementedError

    def _axes(self) -> tuple[int, ...]:
        """The axes of maps whose sides are split into blocks and places, in the order with the places in the depth."""
        sides = range(len(self.block))
        blocks, places = [2 + 2 * side for side in sides], [3 + 2 * side for side in sides]
        if self.order == "crd":
            return (0, 1, *places, *blocks)
        return (0, *(places[::-1] if self.order == "focus" else places), 1, *blocks)

    def to_depth(self, xp: Any, maps: Any) -> Any:
        """Maps (batch x depth x sides) with the places of every block moved to the depth."""
        batch, depth, *sides = maps.shape
        counts = quotients(sides, self.block)
        split = maps.reshape(batch, depth, *[part for pair in zip(counts, self.block, strict=True) for part in pair])
        return xp.array(split.transpose(self._axes()), order="C").reshape(batch, -1, *counts)

    def to_sides(self, xp: Any, maps: Any) -> Any:
        """The inverse of :meth:`to_depth`."""
        batch, depth, *counts = maps.shape
        axes = self._axes()
        split = (batch, depth // prod(self.block), *[p for pair in zip(counts, self.block, strict=True) for p in pair])
        parts = maps.reshape([split[axis] for axis in axes])
        whole = parts.transpose([axes.index(axis) for axis in range(len(axes))])
        sides = [count * step for count, step in zip(counts, self.block, strict=True)]
        return xp.array(whole, order="C").reshape(batch, split[1], *sides)


class SpaceToDepth(Blocks):
    """The positions of each block become channels: the sides are divided by the block, the depth multiplied by it.

    Formula: with a block of s x s, channel c at place (i, j) of a block becomes, by ``order``, channel (c*s + i)*s + j
    (``crd``, PyTorch), (i*s + j)*D + c (``dcr``, TensorFlow and ONNX) or (j*s + i)*D + c (``focus``, YOLOv5 and Swin).
    Volume: [H/s x W/s x D*s*s]; the block must divide the sides.

    ``darknet`` is what the layer reorg of darknet computes: it reads the volume as one of D/(s*s) channels with sides
    H*s and W*s, moves blocks as ``dcr`` does, and reads the result as the output, which mixes distant positions.

    Source: the inverse of Shi et al. 2016, section 3.2; PyTorch, torch.nn.PixelUnshuffle; TensorFlow,
    tf.nn.space_to_depth; darknet, src/blas.c, reorg_cpu.
    """

    kind: ClassVar[str] = "space2depth"
    other_names: ClassVar[tuple[str, ...]] = ("pixelunshuffle", "spacetodepth", "invertedpixelshuffle")
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        "reorg": ("SPACE2DEPTH2(order=darknet)", "the order of darknet mixes distant positions"),
        "focus": ("SPACE2DEPTH2(order=focus)", "it is followed by a convolution in YOLOv5"),
    }
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-16 -> SPACE2DEPTH2"

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (x,) = inputs
        sides = zip(x.names, x.sides, self.block, output.sides, strict=True)
        steps = [f"{name} {size}/{step} = {result}" for name, size, step, result in sides]
        return [*steps, f"depth {'*'.join(map(str, (x.depth, *self.block)))} = {output.depth}"]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        require_whole_parts(x, self.block, "the block must divide every side", "block")
        if self.order == "darknet":
            require_places(x.depth, prod(self.block))
        sides = quotients(x.sides, self.block)
        return Volume(*sides, x.depth * prod(self.block))

    @property
    def thin_depth(self) -> int | None:  # type: ignore[override]  # darknet mixes channels and positions
        return None if self.order == "darknet" else 1

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        return tuple([Stencil(step, range(step)) for step in self.block])

    def origins(self, *inputs: Volume) -> Origins | None:
        (x,) = inputs
        if self.order != "darknet" or prod(self.block) == 1:
            return None
        depth, positions, after = x.depth, x.positions, x.positions // prod(self.block)
        part = depth // prod(self.block)
        wide = [size * step for size, step in zip(x.sides, self.block, strict=True)]

        def source(element: int) -> int:
            """The position of the input from which an element of the output comes."""
            channel, position = divmod(element, positions)
            place, channel = divmod(channel, part)
            index, factor = 0, 1
            for size, step, whole in zip(x.sides[::-1], self.block[::-1], wide[::-1], strict=True):
                position, at = divmod(position, size)
                place, offset = divmod(place, step)
                index += (at * step + offset) * factor
                factor *= whole
            return (channel * factor + index) % positions

        channels = depth * prod(self.block)
        return Origins(lambda position: {source(channel * after + position) for channel in range(channels)}, channels)

    def forward(self, xp: Any, x: Any) -> Any:
        maps = planes(x)
        if self.order != "darknet":
            return pixels(self.to_depth(xp, maps))
        batch, sides = len(maps), maps.shape[2:]
        wide = [size * step for size, step in zip(sides, self.block, strict=True)]
        moved = self.to_depth(xp, maps.reshape(batch, -1, *wide))
        return pixels(moved.reshape(batch, -1, *quotients(sides, self.block)))

    def lower_views(self, builder: TorchBuilder, value: int, x: Volume) -> int:
        wide, output = x, builder.output
        if self.order == "darknet":
            sides = [size * step for size, step in zip(x.sides, self.block, strict=True)]
            wide = Volume(*sides, x.depth // prod(self.block))
            value = builder.reshaped(value, (wide.depth, *sides))
        # split the sides into blocks, and move their places to the depth
        pairs = zip(wide.sides, self.block, strict=True)
        sizes = [part for size, step in pairs for part in (size // step, step)]
        moved = builder.reordered(builder.arranged(value, (builder.images, wide.depth, *sizes)), self._axes())
        whole = builder.arranged(moved, (builder.images, wide.depth * prod(self.block), *sizes[::2]))
        return builder.reshaped(whole, (output.depth, *output.sides)) if self.order == "darknet" else whole

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        incoming = planes(gradient)
        if self.order == "darknet":
            incoming = incoming.reshape(saved.shape)
        return (pixels(self.to_sides(xp, incoming).reshape(saved.shape)),), {}


class DepthToSpace(Blocks):
    """Channels become the positions of blocks: the sides are multiplied by the block, the depth divided by it.

    Formula: the inverse of SPACE2DEPTH with the same ``order``; ``darknet`` (reorg with reverse=1) is that of ``dcr``.
    Volume: [H*s x W*s x D/(s*s)]; s*s must divide the depth.

    Source: Shi et al. 2016, section 3.2; PyTorch, torch.nn.PixelShuffle; ONNX, DepthToSpace.
    """

    kind: ClassVar[str] = "depth2space"
    other_names: ClassVar[tuple[str, ...]] = ("pixelshuffle", "depthtospace", "subpixel")
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-16 -> DEPTH2SPACE2"

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (x,) = inputs
        sides = zip(x.names, x.sides, self.block, output.sides, strict=True)
        steps = [f"{name} {size}*{step} = {result}" for name, size, step, result in sides]
        return [*steps, f"depth {x.depth}/{prod(self.block)} = {output.depth}"]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        require_places(x.depth, prod(self.block))
        sides = [size * step for size, step in zip(x.sides, self.block, strict=True)]
        return Volume(*sides, x.depth // prod(self.block))

    @property
    def thin_depth(self) -> int | None:  # type: ignore[override]
        return prod(self.block)

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        return tuple([Stencil(1, range(1 - step, 1), step) for step in self.block])

    def lower_views(self, builder: TorchBuilder, value: int, x: Volume) -> int:
        # split the channels into places, move these to the sides, and join each side again
        order, output = self._axes(), builder.output
        pairs = zip(x.sides, self.block, strict=True)
        whole = [builder.images, output.depth, *[part for pair in pairs for part in pair]]
        split = builder.arranged(value, [whole[axis] for axis in order])
        moved = builder.reordered(split, [order.index(axis) for axis in range(len(order))])
        return builder.arranged(moved, (builder.images, output.depth, *output.sides))

    def forward(self, xp: Any, x: Any) -> Any:
        return pixels(self.to_sides(xp, planes(x)))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        return (pixels(self.to_depth(xp, planes(gradient))),), {}
