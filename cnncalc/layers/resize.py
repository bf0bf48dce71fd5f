"""Interpolation to a volume of any sides."""

from __future__ import annotations

from math import floor

from cnncalc.errors import ShapeError, ValueProblem
from cnncalc.layers.base import Layer, key
from cnncalc.layers.keys import Boolean, Choice
from cnncalc.layers.memory import Keeping
from cnncalc.layers.padding import given_sides
from cnncalc.layers.planes import pixels, planes
from cnncalc.layers.pooling import pooled, whole_pool
from cnncalc.layers.reshape import interpolated
from cnncalc.layers.side_keys import Factors, Sizes
from cnncalc.layers.stencil import Places, Stencil, Stencils
from cnncalc.layers.window import depth_step, sized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume, Volumes

CUBIC = -0.75
"""The coefficient of the cubic kernel, as in PyTorch and OpenCV."""

EFFORT = 8
"""The time to compute the inputs of one output, in units of looking up an interval of a list; see ``Places``."""


def single(value: float) -> float:
    """The nearest single-precision number."""
    from struct import pack, unpack  # not imported for a table without such a layer

    found: float = unpack("f", pack("f", value))[0]
    return found


class Resize(Layer):
    """Resizes each side: to a given size, by a factor, or to the sides of a second volume.

    Formula: position o of the output lies at (o + 0.5)*H/h - 0.5 of the input, with ``corners`` at o*(H - 1)/(h - 1).
    ``nearest`` takes the element at floor(o*H/h); ``bilinear`` interpolates between two elements along each side (on
    one side it is linear, on three trilinear), ``bicubic`` between four, with a coefficient of -0.75; ``area`` takes
    the mean of the elements from floor(o*H/h) to ceil((o + 1)*H/h) - 1.
    Volume: the sides as given, or floor(H*factor); depth D.

    With a factor, 1/factor replaces H/h, as in PyTorch on a CPU, but not along a side that keeps its size with
    ``bilinear``, or that keeps or doubles its size with ``nearest`` on a plane.

    Source: PyTorch, torch.nn.functional.interpolate.
    """

    kind: ClassVar[str] = "resize"
    other_names: ClassVar[tuple[str, ...]] = ("interpolate", "resizing", "interp")
    example: ClassVar[str] = "INPUT 7x7x16 -> CONV3-32 -> RESIZE13(mode=bilinear)"
    second_input: ClassVar[str | None] = "one whose sides it takes"
    reads_second_sizes: ClassVar[bool] = True
    is_flat: ClassVar[bool | None] = False
    is_linear = True
    why_input: ClassVar[str] = "PyTorch saves the input, although its size would suffice"
    first: ClassVar[str | None] = "size"
    bare: ClassVar[str | None] = "size"
    replaces: ClassVar[Mapping[str, tuple[str, ...]]] = {"factor": ("size",)}

    size: tuple[int, ...] | None = key(Sizes(), None, note="that of the second volume", means="sides of the output")
    factor: tuple[float, ...] | None = key(Factors(), None, note="none", means="factor of each side, instead of a size")
    mode: str = key(
        Choice("nearest", "bilinear", "bicubic", "area"), "nearest", means="how elements in between are computed"
    )
    corners: bool = key(Boolean(), False, means="whether the first and last elements of both lie at the same positions")

    def _check(self) -> None:
        if self.size is not None and self.factor is not None:
            raise ValueProblem("factor: RESIZE takes a size or a factor, but has both", key="factor")
        if self.corners and self.mode not in ("bilinear", "bicubic"):
            message = f"corners: mode {self.mode} has no corners to align; bilinear and bicubic have"
            raise ValueProblem(message, key="corners")

    @property
    def autocast(self) -> str | None:  # type: ignore[override]
        return "pool" if self.mode == "area" else "full"

    @property
    def picks_values(self) -> bool:
        return self.mode == "nearest"

    def label(self) -> str:
        return f"RESIZE{'' if self.size is None else sized(self.size)}{self.unusual('factor', 'mode', 'corners')}"

    def _sides(self, inputs: Volumes) -> tuple[int, ...]:
        if self.factor is None or len(inputs) > 1:
            return given_sides("resize", self.size, inputs)
        return self._scaled(inputs[0].sides)

    def _scaled(self, sides: Sequence[int]) -> tuple[int, ...]:
        """The sides times their factors, rounded down: in double precision as in PyTorch, from 2**53 on exactly."""
        assert self.factor is not None
        pairs = [(size, factor, *factor.as_integer_ratio()) for size, factor in zip(sides, self.factor, strict=True)]
        return tuple(
            [floor(size * factor) if size < 2**53 else size * part // whole for size, factor, part, whole in pairs]
        )

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        x = inputs[0]
        if self.factor is None:
            sides = [f"{name} {size}, as given" for name, size in zip(x.names, output.sides, strict=True)]
        else:
            each = zip(x.names, x.sides, self.factor, output.sides, strict=True)
            sides = [f"{name} {size}*{factor:g} = {result}, rounded down" for name, size, factor, result in each]
        return [*sides, depth_step(x)]

    def output(self, *inputs: Volume) -> Volume:
        (x, *_), sides = inputs, self._sides(inputs)
        if self.factor is not None and len(inputs) > 1:
            message = "RESIZE takes a factor or a second volume, but has both"
            raise ShapeError(message, code="wrong-inputs", key="factor")
        if self.mode == "bicubic" and len(sides) != 2:
            raise ShapeError(
                f"bicubic works only on two sides, but {x} has {len(sides)} {'side' if len(sides) == 1 else 'sides'}; "
                "bilinear works on any number",
                code="wrong-sides",
                key="mode",
            )
        for name, size, result, factor in zip(x.names, x.sides, sides, self.factor or sides, strict=True):
            if result < 1:
                parts = 10 ** (len(str(size)) + 1)
                raise ShapeError(
                    f"a side must stay at least 1, but floor({size}*{factor:g}) of {name} {size} is 0",
                    code="volume-vanishes",
                    key="factor",
                    hint=f"the {name} stays 1 with a factor of {-(-parts // size) / parts:g}",
                )
        return x.with_sides(sides)

    def no_effect(self, x: Volume) -> str | None:
        if self.size is None and self.factor is None:
            return None
        return "the sides stay as they are" if self.output(x) == x else None

    # positions

    def _taps(self, side: int, size: int, result: int) -> Iterator[tuple[Sequence[int], Sequence[float]]]:
        """For each position along a side of the output the positions of the input and their weights."""
        return map(self._tap(side, size, result), range(result))

    def _tap(self, side: int, size: int, result: int) -> Callable[[int], tuple[Sequence[int], Sequence[float]]]:
        """The function of :meth:`_taps` for one position: the positions of the input and their weights."""
        if self.mode == "area":

            def covered(o: int) -> tuple[Sequence[int], Sequence[float]]:
                low, high = o * size // result, -(-(o + 1) * size // result)
                return range(low, high), [1 / (high - low)] * (high - low)

            return covered
        scale = self._scale(side, size, result)
        if scale == 1:
            return lambda o: ([o], [1.0])
        if self.mode == "nearest":
            step = single(scale)  # PyTorch computes the position in single precision
            return lambda o: ([min(floor(single(o * step)), size - 1)], [1.0])
        if self.corners:
            apart = (size - 1) / (result - 1) if result > 1 else 0.0
            return lambda o: self._around(o * apart, size)
        return lambda o: self._around((o + 0.5) * scale - 0.5, size)

    def _scale(self, side: int, size: int, result: int) -> float:
        """The distance along a side of the input between two neighbours of the output, without ``corners``."""
        factor = self._used_factor(side, size, result)
        return size / result if factor is None else 1 / factor

    def _used_factor(self, side: int, size: int, result: int) -> float | None:
        """The factor by which the positions along a side are computed; None: it is result/size."""
        if self.factor is None:
            return None
        on_plane = self.mode == "nearest" and len(self.factor) == 2
        if (size == result and (on_plane or self.mode == "bilinear")) or (2 * size == result and on_plane):
            return None
        return self.factor[side]

    def factors(self, sides: Sequence[int], results: Sequence[int]) -> tuple[float, ...] | None:
        """The factors by which the positions along all sides are computed; None: there is only a size."""
        if self.factor is None:
            return None
        each = enumerate(zip(sides, results, strict=True))
        return tuple([self._used_factor(side, size, result) or result / size for side, (size, result) in each])

    def nearest(self, side: int, size: int, result: int) -> list[int]:
        """For each position along a side of the output the position of the input that mode nearest takes."""
        return [places[0] for places, _ in self._taps(side, size, result)]

    def _around(self, place: float, size: int) -> tuple[list[int], list[float]]:
        """The positions around a place along a side, between which is interpolated, and their weights."""
        if self.mode == "bilinear":
            place = max(0.0, place)
            low = min(floor(place), size - 1)
            share = min(max(place - low, 0.0), 1.0)
            return [low, min(low + 1, size - 1)], [1 - share, share]
        low = floor(place)
        t, a = place - low, CUBIC

        def near(x: float) -> float:
            return ((a + 2) * x - (a + 3)) * x * x + 1

        def far(x: float) -> float:
            return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

        shares = [far(t + 1), near(t), near(1 - t), far(2 - t)]
        return [min(max(low + k, 0), size - 1) for k in range(-1, 3)], shares

    def stencils(self, *inputs: Volume, of: int = 0) -> Stencils | None:
        sides = enumerate(zip(inputs[0].sides, self._sides(inputs), strict=True))
        return tuple([self._stencil(side, size, result) for side, (size, result) in sides])

    def _stencil(self, side: int, size: int, result: int) -> Stencil | Places:
        """The positions on which an output depends along one side: a rule if rounding cannot change them."""
        if self.mode == "area":
            return Stencil(size, range(1 - result, size), result)
        nominal = self._rule(side, size, result)

        def window(output: int) -> range:
            places, shares = self._tap(side, size, result)(output)
            used = [place for place, share in zip(places, shares, strict=True) if share]
            return range(min(used), max(used) + 1)

        def holds() -> bool:
            assert nominal is not None
            ruled = map(nominal.window, range(result))
            return all(
                range(max(0, rule.start), min(size, rule.stop)) == window(output) for output, rule in enumerate(ruled)
            )

        return Places(window, nominal, EFFORT, None if nominal is None else holds)

    def _rule(self, side: int, size: int, result: int) -> Stencil | None:
        """The rule that would hold without borders; None for aligned corners, which have no such rule."""
        if self.factor is None:
            step, parts = size, result
        else:
            from fractions import Fraction  # takes 5 ms

            ratio = Fraction(self.factor[side]).limit_denominator(1000)
            step, parts = ratio.denominator, ratio.numerator
        if self.mode == "nearest":
            return Stencil(step, range(1 - parts, 1), parts)
        if self.corners:
            return None
        # floor and ceiling of (step*(2*o + 1) - parts) / (2*parts); bicubic takes one more at each end
        more = 2 * parts if self.mode == "bicubic" else 0
        return Stencil(2 * step, range(step - 3 * parts + 1 - more, step + parts + more), 2 * parts)

    # run

    def forward(self, xp: Any, x: Any, other: Any = None) -> Any:
        maps = planes(x)
        sides = self._targets(x.shape[1:-1], None if other is None else other.shape[1:-1])
        for axis, result in enumerate(sides, 2):
            before = (slice(None),) * axis
            target = xp.empty((*maps.shape[:axis], result, *maps.shape[axis + 1 :]), maps.dtype)
            for number, (places, shares) in enumerate(self._taps(axis - 2, maps.shape[axis], result)):
                part = target[(*before, number)]
                xp.multiply(maps[(*before, places[0])], shares[0], out=part)
                for place, share in zip(places[1:], shares[1:], strict=True):
                    part += share * maps[(*before, place)]
            maps = target
        return pixels(maps)

    def _targets(self, given: Sequence[int], other: Sequence[int] | None) -> tuple[int, ...]:
        """The sides of the output, from those of the input and of the second volume."""
        if other is not None:
            return tuple(other)
        if self.factor is None:
            return self.size or ()
        return self._scaled(given)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        result = planes(gradient)
        for axis in range(result.ndim - 1, 1, -1):
            size, before = saved.shape[axis], (slice(None),) * axis
            target = xp.zeros((*result.shape[:axis], size, *result.shape[axis + 1 :]), result.dtype)
            for number, (places, shares) in enumerate(self._taps(axis - 2, size, result.shape[axis])):
                incoming = result[(*before, number)]
                for place, share in zip(places, shares, strict=True):
                    part = target[(*before, place)]
                    part += share * incoming
            result = target
        return (pixels(result), None)[: len(saved.shapes)], {}

    # training

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(gradients=("new", "none")[: len(inputs)])

    def keeping_in_torch(self, inputs: Volumes, output: Volume, *, in_place: bool = False) -> Keeping:
        # area is adaptive average pooling: a mean where the output is a point
        return Keeping(inputs=self.mode == "area" and not output.is_point)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        if self.mode == "area":
            if builder.output.is_point:
                return pooled(builder, inputs[0], builder.averaged)
            return pooled(builder, inputs[0], lambda value, output: whole_pool(builder, value, output))
        return interpolated(builder, inputs[:1], self.mode)
