"""Padding and cropping."""

from __future__ import annotations

from cnncalc.errors import ShapeError, ValueProblem
from cnncalc.layers.base import Layer, key
from cnncalc.layers.keys import Choice, Decimal, WholeList
from cnncalc.layers.memory import Keeping
from cnncalc.layers.planes import padded, pixels, planes
from cnncalc.layers.requirements import require_equal_sides
from cnncalc.layers.side_keys import Corner, Sides, Sizes
from cnncalc.layers.stencil import Places, Stencil, Stencils
from cnncalc.layers.window import depth_step, ends, enlarged, sized
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volumes


class Pad(Layer):
    """Adds elements around the volume: zeros, another value or copies of the input; negative numbers crop it.

    Formula: y[i, j] = x[i - top, j - left]; outside of x ``value`` (mode ``zero``), the nearest element
    (``replicate``), the element mirrored at the outermost one (``reflect``), or that from the other end (``wrap``).
    Volume: height H + top + bottom, width W + left + right, depth D + the two numbers of ``depth``.

    Source: CS231n, "Use of zero-padding"; PyTorch, torch.nn.functional.pad.
    """

    kind: ClassVar[str] = "pad"
    other_names: ClassVar[tuple[str, ...]] = ("zeropad", "zeropadding", "constantpad")
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        "cropping": ("PAD(-{v})", "negative numbers crop; also [top, left, bottom, right]"),
        **dict.fromkeys(("reflectionpad", "mirrorpad"), ("PAD({v}, mode=reflect)", "the border is not doubled")),
        "replicationpad": ("PAD({v}, mode=replicate)", "the elements of the border are repeated"),
        "circularpad": ("PAD({v}, mode=wrap)", "elements come from the other end"),
    }
    example: ClassVar[str] = "INPUT 7x7x16 -> CONV3-32 -> PAD([0, 1])"
    is_flat: ClassVar[bool | None] = False
    is_linear = True
    drawn: ClassVar[str] = "arrow"
    bare: ClassVar[str | None] = "pad"

    pad: tuple[int, ...] = key(Sides(), 0, means="elements at each end of the sides; negative numbers crop")
    mode: str = key(Choice("zero", "reflect", "replicate", "wrap"), "zero", means="which elements are added")
    value: float = key(Decimal(), 0.0, means="the number that mode zero fills in")
    depth: tuple[int, ...] = key(WholeList(2), (0, 0), means="how many channels are added before and after the others")

    def _check(self) -> None:
        if self.mode == "zero":
            return
        if self.value or any(self.depth):
            name = "value" if self.value else "depth"
            raise ValueProblem(f"{name}: mode {self.mode} takes no {name}, which belongs to mode zero", key=name)
        if min(self.pad) < 0:
            raise ValueProblem(f"pad: mode {self.mode} cannot crop, but {min(self.pad)} is below 0; CROP or PAD can")

    @property
    def picks_values(self) -> bool:
        return self.mode != "zero"

    def no_effect(self, x: Volume) -> str | None:
        return None if any((*self.pad, *self.depth)) else "its pad is 0"

    def channel_use(self, *inputs: Volume) -> str:
        return "filled" if any(self.depth) else "apart"

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (x,) = inputs
        sides = [
            f"{name} {x[side]} + ({before}) + ({after}) = {output[side]}"
            for side, (name, (before, after)) in enumerate(zip(x.names, ends(self.pad), strict=True))
        ]
        before, after = self.depth
        depth = f"depth {x.depth} + {before} + {after} = {output.depth}" if before + after else depth_step(x)
        return [*sides, depth]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        for name, size, (before, after) in zip(x.names, x.sides, ends(self.pad), strict=True):
            # of the input, before anything is added at the other end
            kept = size + min(before + after, before, after, 0)
            if kept < 1:
                raise ShapeError(
                    f"cropping must leave at least 1, but pad {before} and {after} leaves "
                    f"{max(0, kept)} of {name} {size}",
                    code="volume-vanishes",
                    key="pad",
                )
            most = {"reflect": size - 1, "wrap": size}.get(self.mode)
            if most is not None and max(before, after) > most:
                what = f"mirror at most {most}" if self.mode == "reflect" else f"repeat at most {most}"
                raise ShapeError(
                    f"a pad with mode {self.mode} can {what} of {name} {size}, but it is {max(before, after)}",
                    code="pad-too-large",
                    key="pad",
                )
        return enlarged(x, ends(self.pad)).with_depth(x.depth + sum(self.depth))

    def _origin(self, place: int, size: int) -> int:
        """The position along a side of the input from which position ``place`` is copied, except in mode zero.

        ``place`` counts from the first element of the input; in the padding before it is negative.
        """
        if self.mode == "replicate":
            return min(max(0, place), size - 1)
        if self.mode == "wrap":
            return place % size
        return abs(place) if place < size else 2 * (size - 1) - place

    def _places(self, size: int, before: int, after: int) -> list[int]:
        """For each position along a side of the output the position of the input from which it is copied."""
        return [self._origin(place, size) for place in range(-before, size + after)]

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        rules = [Stencil(1, range(-before, 1 - before)) for before, _ in ends(self.pad)]
        if self.mode == "zero":
            return tuple(rules)
        each = zip(inputs[0].sides, ends(self.pad), rules, strict=True)
        return tuple([self._copied(size, pad[0], rule) if any(pad) else rule for size, pad, rule in each])

    def _copied(self, size: int, before: int, rule: Stencil) -> Places:
        def window(output: int) -> range:
            place = self._origin(output - before, size)
            return range(place, place + 1)

        return Places(window, rule)

    def keeping_in_torch(self, inputs: Volumes, output: Volume, *, in_place: bool = False) -> Keeping:
        return Keeping(inputs=self.mode in ("reflect", "replicate"))

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        if self.mode in ("reflect", "replicate"):
            (x,) = inputs
            if builder.is_cpu and (self.mode == "replicate" or len(self.pad) < 6):
                x = builder.converted(x, 4)  # where autocast of a CPU computes it in float32
            result = builder.single([x], order="suggested" if builder.is_cpu else "contiguous")
            builder.hold(x)
            return result
        if self.mode == "wrap":
            return builder.wrapped(inputs[0], ends(self.pad))
        crops = max(self.pad) <= 0 and not any(self.depth)
        return builder.resized(inputs[0], builder.output, crops=crops, crops_some=min(self.pad) < 0)

    def forward(self, xp: Any, x: Any) -> Any:
        maps = planes(x)
        if self.mode != "zero":
            for axis, pad in enumerate(ends(self.pad), 2):
                maps = xp.take(maps, self._places(maps.shape[axis], *pad), axis=axis)
            return pixels(maps)
        bounds = [(-before, size + after) for size, (before, after) in zip(maps.shape[2:], ends(self.pad), strict=True)]
        (first, more), depth = self.depth, maps.shape[1]
        result = xp.empty((len(maps), first + depth + more, *[high - low for low, high in bounds]), x.dtype)
        result[:, :first] = result[:, first + depth :] = self.value
        for image, target in zip(maps, result, strict=True):
            target[first : first + depth] = padded(xp, image, bounds, self.value)
        return pixels(result)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        sides = list(zip(saved.shape[2:], ends(self.pad), strict=True))
        incoming = planes(gradient)
        if self.mode != "zero":
            for axis, (size, pad) in enumerate(sides, 2):
                before = (slice(None),) * axis
                part = xp.zeros((*incoming.shape[:axis], size, *incoming.shape[axis + 1 :]), gradient.dtype)
                for number, place in enumerate(self._places(size, *pad)):
                    target = part[(*before, place)]
                    target += incoming[(*before, number)]
                incoming = part
            return (pixels(incoming),), {}
        bounds = [(before, before + size) for size, (before, _) in sides]
        first = self.depth[0]
        result = xp.empty(saved.shape, gradient.dtype)
        for image, target in zip(incoming, result, strict=True):
            target[...] = padded(xp, image[first : first + len(target)], bounds)
        return (pixels(result),), {}


class Crop(Layer):
    """Cuts out a part of the volume with all channels: of a given size, or with the sides of a second volume.

    Formula: y[i, j] = x[i + top, j + left]; at the ``centre`` top = (H - h) // 2 and left = (W - w) // 2.
    Volume: the sides as given, or those of the second volume, depth D.

    Source: the crops of Ronneberger et al. 2015, "U-Net"; torchvision, CenterCrop.
    """

    kind: ClassVar[str] = "crop"
    other_names: ClassVar[tuple[str, ...]] = ("centercrop", "centrecrop")
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-32 -> CROP20"
    second_input: ClassVar[str | None] = "one whose sides it takes"
    reads_second_sizes: ClassVar[bool] = True
    is_flat: ClassVar[bool | None] = False
    is_linear = True
    picks_values = True
    drawn: ClassVar[str] = "arrow"
    first: ClassVar[str | None] = "size"
    bare: ClassVar[str | None] = "size"
    kept: ClassVar[Keeping] = Keeping(gradients=("new", "none"))

    size: tuple[int, ...] | None = key(Sizes(), None, note="those of the second volume", means="sides of the output")
    at: str | tuple[int, ...] = key(
        Corner(), "centre", means="where the part begins: centre, begin, or its first position along each side"
    )

    def label(self) -> str:
        return f"CROP{'' if self.size is None else sized(self.size)}{self.unusual('at')}"

    def no_effect(self, x: Volume) -> str | None:
        return "it takes the whole volume" if self.size == x.sides else None

    def _sides(self, inputs: Volumes) -> tuple[int, ...]:
        """The sides of the output."""
        return given_sides("crop", self.size, inputs)

    def begins(self, x: Volume, sides: Sequence[int]) -> tuple[int, ...]:
        """The first position along each side."""
        if isinstance(self.at, tuple):
            return self.at
        left = [size - part for size, part in zip(x.sides, sides, strict=True)]
        return tuple([size // 2 if self.at == "centre" else 0 for size in left])

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        x, begins = inputs[0], self.begins(inputs[0], output.sides)
        sides = zip(x.names, begins, output.sides, x.sides, strict=True)
        return [
            *[f"{name} {part}: {begin} to {begin + part - 1} of {size}" for name, begin, part, size in sides],
            depth_step(x),
        ]

    def output(self, *inputs: Volume) -> Volume:
        x, sides = inputs[0], self._sides(inputs)
        for name, size, part, begin in zip(x.names, x.sides, sides, self.begins(x, sides), strict=True):
            if part > size:
                raise ShapeError(
                    f"a crop must lie within its input, but {name} {part} is larger than {size}; PAD enlarges a volume",
                    code="crop-too-large",
                    key="size",
                )
            if begin + part > size:
                raise ShapeError(
                    f"a crop must lie within its input, but {name} {part} from position {begin} needs {name} "
                    f"{begin + part}, and the input has {size}",
                    code="crop-too-large",
                    key="at",
                )
        return x.with_sides(sides)

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        begins = self.begins(inputs[0], self._sides(inputs))
        return tuple([Stencil(1, range(begin, begin + 1)) for begin in begins])

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(gradients=("new", "none")[: len(inputs)])

    def is_view_in_torch(self, output: Volume) -> bool:
        return True

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return builder.sliced(inputs[0], builder.output)

    def _part(self, shape: Sequence[int], shapes: Sequence[Sequence[int]]) -> tuple[slice, ...]:
        """The slices of maps (batch x depth x sides) that are taken; ``shapes`` are the sides of all inputs."""
        sides = self.size if self.size is not None else tuple(shapes[1])
        each = zip(self.begins(Volume(*shape, 1), sides), sides, strict=True)
        return (slice(None), slice(None), *[slice(begin, begin + part) for begin, part in each])

    def forward(self, xp: Any, x: Any, other: Any = None) -> Any:
        shapes = [array.shape[1:-1] for array in (x, other) if array is not None]
        return pixels(xp.array(planes(x)[self._part(shapes[0], shapes)], order="C"))

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        shapes = [shape[1:-1] for shape in saved.shapes]
        result = xp.zeros(saved.shape, gradient.dtype)
        result[self._part(shapes[0], shapes)] = planes(gradient)
        return (pixels(result), None)[: len(shapes)], {}


def given_sides(kind: str, size: tuple[int, ...] | None, inputs: Volumes) -> tuple[int, ...]:
    """The sides that a key gives, else those of a second volume; raises ShapeError for both or neither."""
    upper = kind.upper()
    if len(inputs) == 1:
        if size is None:
            message = f"{upper} needs the sides of its output or a volume that has them: {upper}32 or {upper}(@name)"
            raise ShapeError(message, code="missing-key")
        return size
    if size is not None:
        message = f"{upper} takes a size or a second volume, but has size {'x'.join(map(str, size))} and {inputs[1]}"
        raise ShapeError(message, code="wrong-inputs", key="size")
    require_equal_sides(kind, inputs)
    return inputs[1].sides
