"""Layers that move the vectors of positions: sequences, planes, windows, cyclic shifts."""

from __future__ import annotations

from math import gcd, prod

from cnncalc.errors import ShapeError
from cnncalc.layers.base import Layer, key
from cnncalc.layers.keys import shown
from cnncalc.layers.memory import Keeping
from cnncalc.layers.planes import pixels, planes
from cnncalc.layers.requirements import squarest
from cnncalc.layers.side_keys import AnySizes, Shifts, Sizes
from cnncalc.layers.stencil import WHOLE, Origins
from cnncalc.layers.window import all_sides, depth_step, quotients, require_whole_parts, sized
from cnncalc.units import plural
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.stencil import Stencils
    from cnncalc.layers.torch_builder import TorchBuilder


LONGEST_WINDOW = 10_000
"""The longest side, except the last, of a window that UNWINDOW finds by itself."""


def require_sequence(kind: str, x: Volume) -> None:
    """Raises ShapeError unless a volume has one side."""
    if len(x.sides) > 1:
        message = f"{kind.upper()} works on a sequence [positions x depth], but {x} has {plural(len(x.sides), 'side')}"
        raise ShapeError(message, code="not-a-sequence", hint="SEQUENCE before it makes a sequence of a map")


def _sized(size: int | tuple[int, ...]) -> str:
    """``7`` for a plane with equal sides, ``7x5``, and ``([49])`` for a length, since ``49`` is a plane."""
    if isinstance(size, tuple) and len(size) == 1:
        return f"([{size[0]}])"
    return "x".join(map(str, size)) if isinstance(size, tuple) and len(size) == 3 else sized(size)


def places_of(position: int, sizes: Sequence[int]) -> list[int]:
    """The index along each side of a position; positions are numbered with the last side fastest."""
    found = []
    for size in reversed(sizes):
        position, place = divmod(position, size)
        found.append(place)
    return found[::-1]


def position_of(places: Sequence[int], sizes: Sequence[int]) -> int:
    """The inverse of :func:`places_of`."""
    position = 0
    for place, size in zip(places, sizes, strict=True):
        position = position * size + place
    return position


class Rearranged(Layer):
    """Base of layers that move vectors: each position of the output has the vector of one position of the input."""

    is_flat: ClassVar[bool | None] = False
    is_linear = True
    picks_values = True
    drawn: ClassVar[str] = "joined"

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        return WHOLE if self.origins(*inputs) is not None else super().stencils(*inputs, of=of)


class AsSequence(Rearranged):
    """A map as a sequence of its positions, one vector of D numbers each: a view.

    Formula: position p = i*W + j of the sequence is x[i, j]; the last side is the fastest.
    Volume: [N x D], N = H*W positions.

    Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", section 3.1.
    """

    kind: ClassVar[str] = "sequence"
    other_names: ClassVar[tuple[str, ...]] = ("tosequence", "flattenspatial")
    example: ClassVar[str] = "INPUT 28x28x3 -> CONV4-16/4(pad=0) -> SEQUENCE"
    is_view: ClassVar[bool] = True
    makes_windows: ClassVar[bool | None] = False
    kept: ClassVar[Keeping] = Keeping(gradients=("view",))

    def no_effect(self, x: Volume) -> str | None:
        return "it is a sequence already" if len(x.sides) == 1 else None

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (x,) = inputs
        return [f"length {'*'.join(map(str, x.sides))} = {output[0]} positions", depth_step(x)]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        return Volume(x.positions, x.depth)

    def origins(self, *inputs: Volume) -> Origins | None:
        return None if len(inputs[0].sides) == 1 else Origins(lambda position: (position,))

    def forward(self, xp: Any, x: Any) -> Any:
        return pixels(planes(x).reshape(len(x), x.shape[-1], -1))

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        if len(builder.volumes[0].sides) == 1 and not builder.is_flat(inputs[0]):
            return builder.same(inputs[0])
        return builder.reshaped(inputs[0], (builder.output.depth, builder.output.positions))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        return (pixels(planes(gradient).reshape(saved.shape)),), {}


class Plane(Rearranged):
    """A sequence as a map of the given sides: a view.

    Formula: x[i, j] is position p = i*W + j of the sequence; the last side is the fastest.
    Volume: the given sides, as many positions as the sequence has; depth D.

    One number gives a plane with equal sides; a list may have one to three sides.

    Source: Mehta and Rastegari 2022, "MobileViT", section 3.1.
    """

    kind: ClassVar[str] = "plane"
    other_names: ClassVar[tuple[str, ...]] = ("tomap", "unflattenspatial")
    example: ClassVar[str] = "INPUT 7x7x16 -> SEQUENCE -> PLANE7"
    thin_depth: ClassVar[int | None] = 1
    is_view: ClassVar[bool] = True
    makes_windows: ClassVar[bool | None] = False
    kept: ClassVar[Keeping] = Keeping(gradients=("view",))
    first: ClassVar[str | None] = "size"
    bare: ClassVar[str | None] = "size"

    size: int | tuple[int, ...] = key(AnySizes(), means="the sides of the map; one number for a square plane")

    @property
    def sides(self) -> tuple[int, ...]:
        """The sides of the map."""
        return (self.size,) * 2 if isinstance(self.size, int) else self.size

    def label(self) -> str:
        return f"PLANE{_sized(self.size)}"

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (x,) = inputs
        return [f"{all_sides(output)} {sized(self.sides)}, the same {x[0]} positions", depth_step(x)]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        require_sequence(self.kind, x)
        result = Volume(*self.sides, x.depth)
        if result.positions != x.positions:
            more = x.positions - result.positions
            is_token = 0 < more < result.positions
            raise ShapeError(
                f"a plane keeps the number of positions, but {x} has {x.positions} and "
                f"{'x'.join(map(str, self.sides))} {result.positions}",
                code="plane-mismatch",
                key="size",
                hint=f"SLICE({more}, axis=length) before it leaves out the first {more}" if is_token else None,
            )
        return result

    def origins(self, *inputs: Volume) -> Origins | None:
        return None if len(self.sides) == 1 else Origins(lambda position: (position,))

    def forward(self, xp: Any, x: Any) -> Any:
        return pixels(planes(x).reshape(len(x), x.shape[-1], *self.sides))

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return builder.reshaped(inputs[0], (builder.output.depth, *self.sides))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        return (pixels(planes(gradient).reshape(saved.shape)),), {}


class Window(Rearranged):
    """Cuts a map into windows that do not overlap; the layers after it work on each window by itself.

    Formula: place (a, b) of window (i, j) is x[i*h + a, j*w + b]; windows, and the places in a window, are numbered
    with the last side fastest.
    Volume: [windows x places x D]: (H/h)*(W/w) windows of h*w places.

    The window must divide the sides of the map; a PAD before it can enlarge these.

    Source: Liu et al. 2021, "Swin Transformer", section 3.2.
    """

    kind: ClassVar[str] = "window"
    other_names: ClassVar[tuple[str, ...]] = ("windowpartition", "partition")
    example: ClassVar[str] = "INPUT 14x14x16 -> CONV3-32 -> WINDOW7"
    makes_windows: ClassVar[bool | None] = True
    first: ClassVar[str | None] = "size"
    bare: ClassVar[str | None] = "size"

    size: tuple[int, ...] = key(Sizes(), means="the sides of a window")

    def label(self) -> str:
        return f"WINDOW{sized(self.size)}"

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (x,) = inputs
        counts = "*".join([f"({whole}/{part})" for whole, part in zip(x.sides, self.size, strict=True)])
        return [
            f"{counts} = {plural(output[0], 'window')}",
            f"{'*'.join(map(str, self.size))} = {plural(output[1], 'place')} in each",
            depth_step(x),
        ]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        require_whole_parts(x, self.size, "windows must divide the map", "size")
        places = prod(self.size)
        return Volume(x.positions // places, places, x.depth)

    def origins(self, *inputs: Volume) -> Origins | None:
        sides, size = inputs[0].sides, self.size
        counts = quotients(sides, size)

        def origin(position: int) -> tuple[int]:
            window, place = divmod(position, prod(size))
            inside = zip(places_of(window, counts), size, places_of(place, size), strict=True)
            return (position_of([number * part + at for number, part, at in inside], sides),)

        return Origins(origin)

    def forward(self, xp: Any, x: Any) -> Any:
        return pixels(cut(xp, planes(x), self.size))

    def is_view_in_torch(self, output: Volume) -> bool:
        return True

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        pairs = zip(builder.volumes[0].sides, self.size, strict=True)
        sizes = [size for whole, part in pairs for size in (whole // part, part)]
        return lower_windows_moved(builder, inputs[0], sizes, cuts=True)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        return (pixels(joined(xp, planes(gradient), saved.shape[2:], self.size)),), {}


class Unwindow(Rearranged):
    """Puts windows together to the map from which they were cut: the inverse of WINDOW.

    Formula: x[i*h + a, j*w + b] is place (a, b) of window (i, j).
    Volume: the sides of the map, depth D.

    ``size`` is that of the map (UNWINDOW56x28), or that of a window if the map has the same number of windows along
    each side (UNWINDOW7). If windows of several shapes fit, with the right number of places and sides that divide the
    map, the one with the most equal sides is taken, unless ``window`` gives it.

    Source: Liu et al. 2021, "Swin Transformer", section 3.2.
    """

    kind: ClassVar[str] = "unwindow"
    other_names: ClassVar[tuple[str, ...]] = ("windowreverse", "unpartition")
    example: ClassVar[str] = "INPUT 14x14x16 -> CONV3-32 -> WINDOW7 -> UNWINDOW14"
    makes_windows: ClassVar[bool | None] = False
    first: ClassVar[str | None] = "size"
    bare: ClassVar[str | None] = "size"

    size: int | tuple[int, ...] = key(AnySizes(), means="the sides of the map, or of a window; one number for a square")
    window: int | tuple[int, ...] | None = key(
        AnySizes(), None, note="the most equal sides that fit", means="the sides of a window"
    )

    def label(self) -> str:
        window = "" if self.window is None else f"(window={_sized(self.window).strip('()')})"
        return f"UNWINDOW{_sized(self.size)}{window}"

    def parts(self, x: Volume) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The sides of the map and of a window; raises ShapeError."""
        size = (self.size,) * 2 if isinstance(self.size, int) else self.size
        if len(x.sides) != 2:
            raise ShapeError(
                f"UNWINDOW takes [windows x places x depth], as WINDOW makes them, but gets {x}", code="not-windows"
            )
        windows, places = x.sides
        if prod(size) == x.positions:
            return size, self._window(size, places)
        if prod(size) == places and self.window is None:
            along = _root(windows, len(size))
            if along is not None:
                return tuple([part * along for part in size]), size
            raise ShapeError(
                f"the map must have as many windows along each side, but {windows} is not a product of {len(size)} "
                "equal numbers",
                code="windows-mismatch",
                key="size",
                hint="give the sides of the map instead of those of a window",
            )
        shape = "x".join(map(str, size))
        raise ShapeError(
            f"windows put together keep the number of positions, but {windows}*{places} = {x.positions} and the map "
            f"{shape} has {prod(size)}",
            code="windows-mismatch",
            key="size",
            hint=self._maps_such_as(windows, places),
        )

    def _maps_such_as(self, windows: int, places: int) -> str | None:
        """A hint with the sides of a plane that so many windows with so many places make."""
        counts, window = squarest(windows), squarest(places)
        if self.window is not None or counts is None or window is None:
            return None
        return f"write the sides of the map that WINDOW cut, such as {counts[0] * window[0]}x{counts[1] * window[1]}"

    def _window(self, sides: tuple[int, ...], places: int) -> tuple[int, ...]:
        """The sides of a window with so many places, of a map with these sides; raises ShapeError."""
        if self.window is not None:
            window = (self.window,) * len(sides) if isinstance(self.window, int) else self.window
            fits = len(window) == len(sides) and prod(window) == places
            if not fits or any(whole % part for whole, part in zip(sides, window, strict=True)):
                raise ShapeError(
                    f"a window must have {places} places and divide the map {'x'.join(map(str, sides))}, but is "
                    f"{'x'.join(map(str, window))}",
                    code="windows-mismatch",
                    key="window",
                )
            return window
        found = _fitting(sides, places)
        if found is None:
            raise ShapeError(
                f"no window of {places} places divides the map {'x'.join(map(str, sides))}",
                code="windows-mismatch",
                key="size",
                hint=f"a side over {LONGEST_WINDOW:,} is given by window=" if places > LONGEST_WINDOW else None,
            )
        return found

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        _, window = self.parts(inputs[0])
        return [f"{all_sides(output)} {sized(output.sides)} of windows {sized(window)}", depth_step(inputs[0])]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        return Volume(*self.parts(x)[0], x.depth)

    def origins(self, *inputs: Volume) -> Origins | None:
        sides, size = self.parts(inputs[0])
        counts = quotients(sides, size)

        def origin(position: int) -> tuple[int]:
            places = places_of(position, sides)
            window = position_of([place // part for place, part in zip(places, size, strict=True)], counts)
            place = position_of([place % part for place, part in zip(places, size, strict=True)], size)
            return (window * prod(size) + place,)

        return Origins(origin)

    def forward(self, xp: Any, x: Any) -> Any:
        sides, size = self.parts(Volume(*x.shape[1:]))
        return pixels(joined(xp, planes(x), sides, size))

    def is_view_in_torch(self, output: Volume) -> bool:
        return True

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        sides, size = self.parts(builder.volumes[0])
        return lower_windows_moved(builder, inputs[0], (*quotients(sides, size), *size), cuts=False)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        _, size = self.parts(Volume(*saved.shapes[0][1:]))
        return (pixels(cut(xp, planes(gradient), size).reshape(saved.shape)),), {}


def _root(windows: int, sides: int) -> int | None:
    """The number of windows along each of ``sides`` sides, if it is the same along each; else None."""
    if sides == 1:
        return windows
    low, high = 1, 2 ** -(-windows.bit_length() // sides)  # the root lies between them, whatever its size
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**sides < windows else (low, middle)
    return low if low**sides == windows else None


def _fitting(sides: Sequence[int], places: int) -> tuple[int, ...] | None:
    """The sides of a window with so many places that divide these sides and are the most equal; None if none fits.

    Of two such windows it is the one with the shorter last side. All sides except the last are at most
    :data:`LONGEST_WINDOW`.
    """
    from fractions import Fraction  # takes 5 ms

    # the first sides of each window, and the places that are left for its other sides
    begun: list[tuple[tuple[int, ...], int]] = [((), places)]
    for side in sides[:-1]:
        common = gcd(side, places)
        parts = [part for part in range(1, min(common, LONGEST_WINDOW) + 1) if common % part == 0]
        begun = [((*window, part), rest // part) for window, rest in begun for part in parts if rest % part == 0]
    found = [(*window, rest) for window, rest in begun if sides[-1] % rest == 0]
    return min(found, key=lambda window: (Fraction(max(window), min(window)), window[::-1]), default=None)


def cut(xp: Any, maps: Any, size: Sequence[int]) -> Any:
    """The windows of maps (batch x depth x sides): batch x depth x windows x places."""
    batch, depth, *sides = maps.shape
    counts = quotients(sides, size)
    rank = len(size)
    split = maps.reshape(batch, depth, *[part for pair in zip(counts, size, strict=True) for part in pair])
    result = xp.empty((batch, depth, *counts, *size), maps.dtype)
    result[...] = split.transpose(0, 1, *range(2, 2 + 2 * rank, 2), *range(3, 3 + 2 * rank, 2))
    return result.reshape(batch, depth, prod(counts), prod(size))


def joined(xp: Any, windows: Any, sides: Sequence[int], size: Sequence[int]) -> Any:
    """The inverse of :func:`cut`: maps with these sides."""
    batch, depth = windows.shape[:2]
    counts = quotients(sides, size)
    rank = len(size)
    split = windows.reshape(batch, depth, *counts, *size)
    pairs = [part for pair in zip(counts, size, strict=True) for part in pair]
    result = xp.empty((batch, depth, *pairs), windows.dtype)
    result[...] = split.transpose(0, 1, *[axis for place in range(rank) for axis in (2 + place, 2 + rank + place)])
    return result.reshape(batch, depth, *sides)


def lower_windows_moved(builder: TorchBuilder, value: int, sizes: Sequence[int], *, cuts: bool) -> int:
    """Records the operations that cut a map into windows (``cuts``), or put windows together to a map.

    ``sizes`` are the sizes into which the sides of the input are split: to cut, for each side the number of windows and
    the size of one; to put together, all numbers, then all sizes. The result is a view, or a copy if that is needed.
    """
    batch, rank = builder.images, len(sizes) // 2
    alternating = [axis for place in range(rank) for axis in (1 + place, 1 + rank + place)]
    order = [1 + alternating.index(axis) for axis in range(1, 1 + 2 * rank)] if cuts else alternating
    split = builder.arranged(builder.depth_last(value), (batch, *sizes, builder.output.depth))
    moved = builder.reordered(split, (0, *order, 1 + 2 * rank))
    return builder.depth_second(builder.arranged(moved, (batch, *builder.output.sides, builder.output.depth)))


class Roll(Rearranged):
    """Shifts a map along its sides; elements that leave it at one end enter it at the other.

    Formula: y[i, j] = x[(i - s) mod H, (j - t) mod W] for a shift of s and t.
    Volume: as the input.

    A negative shift moves towards the beginning.

    Source: Liu et al. 2021, "Swin Transformer", section 3.2; PyTorch, torch.roll.
    """

    kind: ClassVar[str] = "roll"
    other_names: ClassVar[tuple[str, ...]] = ("cyclicshift", "circshift")
    example: ClassVar[str] = "INPUT 14x14x16 -> CONV3-32 -> ROLL(-3)"
    first: ClassVar[str | None] = "shift"
    bare: ClassVar[str | None] = "shift"

    shift: tuple[int, ...] = key(Shifts(), means="the number of positions, for every side or for each")

    def no_effect(self, x: Volume) -> str | None:
        is_whole = all(shift % size == 0 for shift, size in zip(self.shift, x.sides, strict=True))
        return "its shift is 0, or whole sides" if is_whole else None

    def label(self) -> str:
        return f"ROLL({shown(self.keys['shift'].reader.write(self.shift))})"

    def origins(self, *inputs: Volume) -> Origins | None:
        (x,) = inputs
        if self.no_effect(x):
            return None
        sides, shifts = x.sides, self.shift

        def origin(position: int) -> tuple[int]:
            moved = zip(places_of(position, sides), shifts, sides, strict=True)
            return (position_of([(place - shift) % size for place, shift, size in moved], sides),)

        return Origins(origin)

    def forward(self, xp: Any, x: Any) -> Any:
        return pixels(self._rolled(xp, planes(x), 1))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        return (pixels(self._rolled(xp, planes(gradient), -1)),), {}

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        # a CPU joins parts of the map where every side is shifted, else it works on contiguous memory as CUDA does
        sides = zip(self.shift, builder.output.sides, strict=True)
        if builder.is_cpu and len(self.shift) > 1 and all(shift % size for shift, size in sides):
            return builder.single(inputs, order="suggested", gradient_order="incoming")
        return builder.single(inputs, order="contiguous")

    def _rolled(self, xp: Any, maps: Any, direction: int) -> Any:
        """A new array with maps (batch x depth x sides) shifted, by the negative shift if ``direction`` is -1."""
        shifts = [direction * shift for shift in self.shift]
        return xp.ascontiguousarray(xp.roll(maps, shifts, axis=tuple(range(2, maps.ndim))))
