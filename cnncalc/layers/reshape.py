"""Layers that move numbers and compute nothing."""

from __future__ import annotations

from typing import ClassVar

from cnncalc.errors import ShapeError
from cnncalc.layers.base import POINT, WHOLE_PLANE, Layer, Stencil, key
from cnncalc.layers.keys import Choice, Sides, Size, Whole
from cnncalc.layers.window import SIDES
from cnncalc.volume import Volume


class Identity(Layer):
    """The input unchanged: a view of it."""

    kind: ClassVar[str] = "identity"
    is_view: ClassVar[bool] = True


class Flatten(Layer):
    """[HxWxD] becomes [1x1xN] with N = H*W*D: a view, in the order depth slowest, then height, then width."""

    kind: ClassVar[str] = "flatten"
    is_view: ClassVar[bool] = True

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        return Volume(1, 1, x.elements)

    def stencils(self, *inputs: Volume) -> tuple[Stencil, Stencil] | None:
        return WHOLE_PLANE


class Reshape(Layer):
    """The same elements in another volume: a view, in the order depth slowest, then height, then width."""

    kind: ClassVar[str] = "reshape"
    first: ClassVar[str | None] = "size"
    bare: ClassVar[str | None] = "size"
    is_view: ClassVar[bool] = True

    size: tuple[int, int, int] = key(Size())

    def label(self) -> str:
        return f"RESHAPE {Volume(*self.size).size}"

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        result = Volume(*self.size)
        if result.elements != x.elements:
            raise ShapeError(
                f"a reshape keeps the number of elements, but {x} has {x.elements} and {result} {result.elements}",
                code="reshape-mismatch",
                key="size",
            )
        return result

    def stencils(self, *inputs: Volume) -> tuple[Stencil, Stencil] | None:
        return (POINT, POINT) if inputs[0][:2] == self.size[:2] else WHOLE_PLANE


class Upsample(Layer):
    """Height and width times ``factor``: each element repeated (``nearest``) or interpolated (``bilinear``).

    Bilinear interpolation takes pixels as areas (corners not aligned): output o lies at (o + 0.5)/factor - 0.5.
    """

    kind: ClassVar[str] = "upsample"
    first: ClassVar[str | None] = "factor"
    bare: ClassVar[str | None] = "factor"

    factor: int = key(Whole(1), 2)
    mode: str = key(Choice("nearest", "bilinear"), "nearest")

    def label(self) -> str:
        return f"UPSAMPLE{self.factor}"

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        return Volume(x.height * self.factor, x.width * self.factor, x.depth)

    def stencils(self, *inputs: Volume) -> tuple[Stencil, Stencil] | None:
        factor = self.factor
        if self.mode == "nearest":
            each = Stencil(1, 0, 0, factor)
        else:
            # floor and ceiling of (2*o + 1 - factor) / (2*factor)
            each = Stencil(2, 1 - factor, factor, 2 * factor)
        return (each, each)


class ZeroPad(Layer):
    """Rows and columns of zeros around the volume; negative numbers crop it."""

    kind: ClassVar[str] = "pad"
    bare: ClassVar[str | None] = "pad"

    pad: tuple[int, int, int, int] = key(Sides())

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        top, left, bottom, right = self.pad
        for side, size, more in ((0, x.height, top + bottom), (1, x.width, left + right)):
            before = self.pad[side]
            after = self.pad[side + 2]
            if size + more < 1 or size + min(before, 0) < 1 or size + min(after, 0) < 1:
                raise ShapeError(
                    f"something must be left after cropping, but pad {before} and {after} leaves "
                    f"{max(0, size + more)} of {SIDES[side]} {size}",
                    code="volume-vanishes",
                    key="pad",
                )
        return Volume(x.height + top + bottom, x.width + left + right, x.depth)

    def stencils(self, *inputs: Volume) -> tuple[Stencil, Stencil] | None:
        top, left, _, _ = self.pad
        return (Stencil(1, -top, -top), Stencil(1, -left, -left))


class Shuffle(Layer):
    """Channel shuffle: channel i of group g becomes channel i*groups + g.

    Source: Zhang et al. 2018, "ShuffleNet", section 3.1.
    """

    kind: ClassVar[str] = "shuffle"
    first: ClassVar[str | None] = "groups"
    bare: ClassVar[str | None] = "groups"

    groups: int = key(Whole(1))

    def label(self) -> str:
        return f"SHUFFLE{self.groups}"

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        if x.depth % self.groups:
            raise ShapeError(
                f"the depth must be divisible by groups, but depth {x.depth} is not by {self.groups}",
                code="not-divisible",
                key="groups",
            )
        return x


class Slice(Layer):
    """Channels ``from`` to ``to`` - 1 of the input (to the last one if ``to`` is left out): a view."""

    kind: ClassVar[str] = "slice"
    bare: ClassVar[str | None] = "from"
    is_view: ClassVar[bool] = True

    start: int = key(Whole(0), name="from")
    stop: int | None = key(Whole(1), None, name="to", note="the depth")

    def label(self) -> str:
        return f"SLICE(from={self.start})" if self.stop is None else f"SLICE(from={self.start}, to={self.stop})"

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        stop = x.depth if self.stop is None else self.stop
        if not self.start < stop <= x.depth:
            raise ShapeError(
                f"a slice takes channels from..to-1 of the {x.depth} there are, but is from {self.start} to {stop}",
                code="no-such-channel",
                key="to" if self.start < x.depth else "from",
            )
        return Volume(x.height, x.width, stop - self.start)

