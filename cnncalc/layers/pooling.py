"""Pooling with windows: each window of each map is reduced to one number."""

from __future__ import annotations

from math import prod

from cnncalc.errors import ValueProblem
from cnncalc.layers.base import Layer, Sizing, key
from cnncalc.layers.keys import Boolean, Choice
from cnncalc.layers.memory import Extra, Keeping, Size
from cnncalc.layers.planes import max_pool_with_indices, pixels, planes, pool, window_starts
from cnncalc.layers.planes_backward import max_unpool, unpool
from cnncalc.layers.side_keys import Pad, Sizes
from cnncalc.layers.stencil import Stencil
from cnncalc.layers.window import Windows, depth_step, ends, lower_windows, sized
from cnncalc.volume import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any, ClassVar

    from cnncalc.layers.keys import Value
    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volumes


class AnyPooling(Layer):
    """Base of all pools, those with windows and those over whole maps."""

    memory_order: ClassVar[str] = "suggested"
    works_by_map: ClassVar[bool] = True
    autocast: ClassVar[str | None] = "pool"
    is_flat: ClassVar[bool | None] = False
    in_notes_table: ClassVar[bool] = True


class Pooling(AnyPooling):
    """Base of pools with windows, by default without overlap and without padding."""

    first: ClassVar[str | None] = "kernel"
    slash: ClassVar[str | None] = "stride"
    bare: ClassVar[str | None] = "kernel"
    sizes: ClassVar[Mapping[str, Sizing]] = {"kernel": Sizing("pool_kernel")}

    kernel: tuple[int, ...] = key(Sizes(), 2, means="sides of the window")
    stride: tuple[int, ...] | None = key(Sizes(), None, note="the kernel", means="pixels from one window to the next")

    def _check(self) -> None:
        if self.stride == self.kernel:
            self.__dict__["stride"] = None

    @property
    def step(self) -> tuple[int, ...]:
        """The stride as written, else the kernel."""
        return self.kernel if self.stride is None else self.stride

    def windows(self, x: Volume) -> Windows:
        """The windows over a volume; raises ShapeError if none fits."""
        return Windows(x, self.kernel, self.step, self._pad(), self._dilation())

    def _pad(self) -> tuple[int, ...] | str:
        return (0,) * (2 * len(self.kernel))

    def _dilation(self) -> tuple[int, ...]:
        return (1,) * len(self.kernel)

    def begins_of(self, sides: Sequence[int]) -> tuple[range, ...]:
        """The first index of each window along each side of an array with these sides."""
        return window_starts(sides, self._pad(), self.kernel, self._dilation(), self.step)

    def reduce(self, xp: Any, combine: Any, neutral: float, maps: Any) -> Any:
        """Maps (batch x depth x sides) with every window reduced to one number, see :func:`pool`."""
        return pool(xp, combine, neutral, maps, self.begins_of(maps.shape[2:]), self.kernel, self._dilation())

    def spread(self, xp: Any, shares: Any, sides: Sequence[int]) -> Any:
        """The transpose of the sum over every window: maps with these sides."""
        return unpool(xp, shares, self.begins_of(sides), self.kernel, sides)

    def no_effect(self, x: Volume) -> str | None:
        is_point = {*self.kernel, *self.step} == {1} and not self.learns and self.output(x) == x
        return "each window is a single pixel" if is_point else None

    def label(self) -> str:
        step = sized(self.step)
        slash = f"/{step}" if step != sized(self.kernel) else ""
        return f"{self.kind.upper()}{sized(self.kernel)}{slash}{self.unusual('dilation')}"

    def window_keys(self) -> dict[str, Any]:
        return {**super().window_keys(), "stride": self.step}

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (x,) = inputs
        return [*self.windows(x).size_steps(x, self.kernel), depth_step(x)]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        return Volume(*self.windows(x).steps, x.depth)

    def stencils(self, *inputs: Volume, of: int = 0) -> tuple[Stencil, ...] | None:
        return self.windows(inputs[0]).stencils()


class PaddedPooling(Pooling):
    """Base of pools with padding, at most half their kernel, and a choice of rounding."""

    pad: tuple[int, ...] | str = key(
        Pad(), 0, means="padding at each end of the sides of the input, at most half the kernel"
    )
    round: str = key(Choice("floor", "ceil"), "floor", means="how a fractional output size is rounded")

    def _pad(self) -> tuple[int, ...] | str:
        return self.pad

    def _check(self) -> None:
        super()._check()
        if isinstance(self.pad, str):
            return
        for window, pad in zip(self.kernel, ends(self.pad), strict=True):
            # of the kernel as written, before dilation, as in PyTorch
            if 2 * max(pad) > window:
                raise ValueProblem(
                    f"pad: a pool may pad by at most half its kernel, but {max(pad)} is more than half of {window}",
                    code="pad-too-large",
                )

    def windows(self, x: Volume) -> Windows:
        return Windows(x, self.kernel, self.step, self.pad, self._dilation(), ceil=self.round == "ceil")

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (x,) = inputs
        return [*self.windows(x).size_steps(x, self.kernel, ceil=self.round == "ceil"), depth_step(x)]

    def begins_of(self, sides: Sequence[int]) -> tuple[range, ...]:
        ceil = self.round == "ceil"
        return window_starts(sides, self.pad, self.kernel, self._dilation(), self.step, ceil=ceil)


class AdaptivePooling(PaddedPooling):
    """Base of pools that take windows, or the size of their output."""

    replaces: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "output": ("kernel", "stride", "pad", "round", "dilation", "count_pad")
    }

    adaptive: tuple[int, ...] | None = key(
        Sizes(), None, name="output", note="not adaptive", means="sides of the output, instead of a kernel"
    )

    def __init__(self, **values: Value) -> None:
        super().__init__(**values)
        given = [name for name in self.replaces["output"] if values.get(name) is not None]
        if self.adaptive is not None and given:
            message = f"output: a pool takes the size of its output or windows, but has output and {given[0]}"
            raise ValueProblem(message, key="output")

    def no_effect(self, x: Volume) -> str | None:
        return super().no_effect(x) if self.adaptive is None else None

    def label(self) -> str:
        if self.adaptive is None:
            return super().label()
        size = "x".join(map(str, self.adaptive)) if self.side_count else sized(self.adaptive)
        return f"{self.kind.upper()}(output={size})"

    def window_keys(self) -> dict[str, Any]:
        return super().window_keys() if self.adaptive is None else {}

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        if self.adaptive is None:
            return super().size_steps(inputs, output)
        sides = zip(output.names, self.adaptive, inputs[0].sides, strict=True)
        windows = [
            f"{side} {size}: window o is from o*{given}/{size} to (o+1)*{given}/{size}, rounded outwards"
            for side, size, given in sides
        ]
        return [*windows, depth_step(inputs[0])]

    def output(self, *inputs: Volume) -> Volume:
        if self.adaptive is None:
            return super().output(*inputs)
        return Volume(*self.adaptive, inputs[0].depth)

    def stencils(self, *inputs: Volume, of: int = 0) -> tuple[Stencil, ...] | None:
        if self.adaptive is None:
            return super().stencils(*inputs)
        # bin o of O over H inputs begins at floor(o*H/O) and ends before ceil((o+1)*H/O)
        sizes = zip(inputs[0].sides, self.adaptive, strict=True)
        return tuple([Stencil(size, range(1 - bins, size), bins) for size, bins in sizes])

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        if self.adaptive is not None:
            return self.lower_adaptive(builder, inputs)
        pads = self.windows(builder.volumes[0]).pads
        return lower_windows(builder, inputs, pads, lambda x: self.lower_padded(builder, x), kernel=self.kernel)

    def lower_padded(self, builder: TorchBuilder, x: int) -> int:
        """Records the pool; ``x`` is padded already if PyTorch's function cannot pad it so."""
        return pooled(builder, x, lambda value, output: builder.single([value], output=output))

    def lower_adaptive(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        """Records the pool whose windows follow from the size of its output."""
        return pooled(builder, inputs[0], lambda value, output: whole_pool(builder, value, output))

    def _bins(self, xp: Any, reduce: Any, x: Any) -> Any:
        """The output of an adaptive pool: reduces every bin, along one side after the other."""
        maps = planes(x)
        for axis, bins in enumerate(self.adaptive or (), 2):
            before = (slice(None),) * axis
            result = xp.empty((*maps.shape[:axis], bins, *maps.shape[axis + 1 :]), maps.dtype)
            for number, (first, last) in enumerate(_edges(maps.shape[axis], bins)):
                reduce(maps[(*before, slice(first, last))], axis=axis, out=result[(*before, number)])
            maps = result
        return maps


def _edges(size: int, bins: int) -> list[tuple[int, int]]:
    """The first element of each of ``bins`` bins over ``size`` elements, and the one after its last, as in PyTorch."""
    return [(number * size // bins, -(-(number + 1) * size // bins)) for number in range(bins)]


def _outer(xp: Any, factors: Sequence[Any]) -> Any:
    """The outer product of arrays with one number for each position of a side."""
    result = factors[0]
    for factor in factors[1:]:
        result = result[..., None] * factor
    return result


def pooled(builder: TorchBuilder, x: int, run: Callable[[int, Volume], int]) -> int:
    """Records a pool by ``run(value, output)``; PyTorch computes a pool along a length on a view as a plane."""
    output = builder.output
    if len(output.sides) > 1:
        return run(x, output)
    return builder.as_length(run(builder.as_plane(x), Volume(1, *output)))


def pool_order(output: Volume) -> str:
    """The memory order of average and adaptive pools: contiguous for three sides, else that of the input."""
    return "contiguous" if len(output.sides) > 2 else "suggested"


def whole_pool(builder: TorchBuilder, value: int, output: Volume) -> int:
    """Records an average or adaptive pool that is the whole layer."""
    return builder.single([value], output=output, order=pool_order(output))


def averaged(builder: TorchBuilder, x: int) -> int:
    """Records an average pool within a layer that PyTorch composes of several operations."""

    def run(value: int, output: Volume) -> int:
        order = pool_order(output)
        layout = builder.made([value], output, order)
        return builder.operation([value], Size(0, output.elements), layout=layout, keeps=(0,), order=order)

    return pooled(builder, x, run)


def torch_max_keeping(output: Volume) -> Keeping:
    """What PyTorch keeps for max pooling: the input, and the index of each maximum as int64."""
    return Keeping(inputs=True, extras=(Extra("places", Size(0, output.elements), 8, "always"),))


class MaxPool(AdaptivePooling):
    """The largest value of each window, map by map.

    Formula: y = max of the F x F window; padding is ignored.
    Volume: height (H - F + 2P)/S + 1, width alike, depth D; rounded as ``round`` says. Rounded up, a last window that
    would begin in the padding at the end is dropped.

    With ``output`` the windows are chosen so that the output has that size.

    Source: CS231n, "Pooling Layer"; the last window: PyTorch, torch.nn.MaxPool2d with ceil_mode.
    """

    kind: ClassVar[str] = "pool"
    other_names: ClassVar[tuple[str, ...]] = ("maxpool", "maxpooling")
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        "pooling": ("POOL{k}{S}(round=ceil)", "the stride of Caffe is 1 unless written, that of POOL is its kernel"),
        "adaptivemaxpool": ("POOL(output={v})", "output is the height and width that it gives"),
    }
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-16 -> POOL3/2(round=ceil)"
    why_input: ClassVar[str] = "PyTorch saves the input as well as the index of each maximum"
    why_byproducts: ClassVar[str] = "the index of each maximum (int64), which receives the gradient"
    picks_values = True

    dilation: tuple[int, ...] = key(Sizes(), 1, means="pixels from one element of the window to the next")

    def _dilation(self) -> tuple[int, ...]:
        return self.dilation

    def forward(self, xp: Any, x: Any) -> Any:
        if self.adaptive is not None:
            return pixels(self._bins(xp, xp.maximum.reduce, x))
        return pixels(self.reduce(xp, xp.maximum, -xp.inf, planes(x)))

    def _index_bytes(self) -> int:
        """Bytes of the index of a maximum in its window (adaptive: in the map)."""
        if self.adaptive is not None:
            return 8
        places = prod(self.kernel)
        return 1 if places <= 1 << 8 else 2 if places <= 1 << 16 else 4 if places <= 1 << 32 else 8

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(extras=(Extra("places", Size(0, output.elements), self._index_bytes()),))

    def keeping_in_torch(self, inputs: Volumes, output: Volume, *, in_place: bool = False) -> Keeping:
        return torch_max_keeping(output)

    def lower_padded(self, builder: TorchBuilder, x: int) -> int:
        if builder.learns(x) or builder.gives_places or not builder.is_cpu or len(builder.output.sides) > 1:
            return super().lower_padded(builder, x)
        # along a length without gradients a CPU has a kernel that makes no indices, on contiguous memory
        x = builder.gathered(x, "contiguous")
        return builder.operation([x], Size(0, builder.output.elements), layout=builder.made([x], builder.output))

    def forward_training(self, xp: Any, x: Any, *, random: Any = None) -> tuple[Any, dict[str, Any]]:
        maps = planes(x)
        if self.adaptive is None:
            item = xp.dtype(f"uint{8 * self._index_bytes()}")
            result, places = max_pool_with_indices(
                xp, maps, self.begins_of(maps.shape[2:]), self.kernel, self.dilation, item
            )
            return pixels(result), {"places": pixels(places)}
        result = xp.empty((*maps.shape[:2], *self.adaptive), x.dtype)
        places = xp.empty(result.shape, xp.int64)
        for image, target, where in zip(maps, result, places, strict=True):
            for bin_, window in self._windows_of_bins(xp, maps.shape[2:]):
                values = image[(slice(None), *window)]
                flat = values.reshape(len(image), -1)
                best = flat.argmax(axis=1)
                is_nan = xp.isnan(flat)
                if is_nan.any():  # NaN counts as the largest, and of several the last
                    last = is_nan.shape[1] - 1 - is_nan[:, ::-1].argmax(axis=1)
                    best = xp.where(is_nan.any(axis=1), last, best)
                inside = xp.unravel_index(best, values.shape[1:])
                place = [side.start + index for side, index in zip(window, inside, strict=True)]
                where[(slice(None), *bin_)] = xp.ravel_multi_index(place, maps.shape[2:])
                flat.max(axis=1, out=target[(slice(None), *bin_)])
        return pixels(result), {"places": pixels(places)}

    def _windows_of_bins(self, xp: Any, sides: Sequence[int]) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
        """The index of each bin of the adaptive pool, and its slices of a map with these sides."""
        edges = [_edges(size, bins) for size, bins in zip(sides, self.adaptive or (), strict=True)]
        for bin_ in xp.ndindex(*map(len, edges)):
            yield bin_, tuple([slice(*some[number]) for some, number in zip(edges, bin_, strict=True)])

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        batch, depth, *sides = saved.shape
        places, incoming = planes(saved.extras["places"]), planes(gradient)
        if self.adaptive is None:
            begins = self.begins_of(sides)
            return (pixels(max_unpool(xp, incoming, places, begins, self.kernel, self.dilation, sides)),), {}
        result = xp.zeros(saved.shape, gradient.dtype)
        channels = xp.arange(depth)
        for image, grad, where in zip(result.reshape(batch, depth, -1), incoming, places, strict=True):
            for bin_ in xp.ndindex(*self.adaptive):
                image[channels, where[(slice(None), *bin_)]] += grad[(slice(None), *bin_)]
        return (pixels(result),), {}


class AveragePool(AdaptivePooling):
    """The mean of each window, map by map.

    Formula: y = the sum of the F x F window / its elements; ``count_pad`` says whether padding is among them.
    Volume: height (H - F + 2P)/S + 1, width alike, depth D; rounded as ``round`` says.

    With ``output`` the windows are chosen so that the output has that size.

    Source: CS231n, "Pooling Layer", general pooling.
    """

    kind: ClassVar[str] = "avgpool"
    other_names: ClassVar[tuple[str, ...]] = ("avgpooling", "meanpool")
    related_names: ClassVar[Mapping[str, tuple[str, str]]] = {
        **dict.fromkeys(
            ("averagepool", "averagepooling"),
            ("AVGPOOL{k}{s}(count_pad=no)", "without count_pad=no the zeros of pads count, as in PyTorch"),
        ),
        "adaptiveavgpool": ("AVGPOOL(output={v})", "output is the height and width that it gives"),
    }
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-16 -> AVGPOOL2"
    why_input: ClassVar[str] = "PyTorch saves the input, although its size would suffice"
    is_linear = True

    count_pad: bool = key(Boolean(), True, means="whether padding counts as zeros in the mean")

    def torch_refusal(self, x: Volume) -> tuple[str, str] | None:
        begins, ends = self.pad[:3], self.pad[3:]
        if self.adaptive is not None or len(x.sides) != 3 or isinstance(self.pad, str) or begins != ends:
            return None  # uneven pads are a layer of their own
        for name, size, kernel in zip(x.names, x.sides, self.kernel, strict=True):
            if kernel > size:
                message = "over three sides PyTorch averages only windows that fit without padding"
                return (
                    f"{message}, but kernel {kernel} is larger than {name} {size}",
                    f"it takes a kernel of up to {size}",
                )
        return None

    def keeping_in_torch(self, inputs: Volumes, output: Volume, *, in_place: bool = False) -> Keeping:
        # an output of 1x1 is computed as a mean, whose backward needs only the size
        return Keeping(inputs=not self._is_mean)

    @property
    def _is_mean(self) -> bool:
        return self.adaptive is not None and set(self.adaptive) == {1}

    def lower_padded(self, builder: TorchBuilder, x: int) -> int:
        return pooled(builder, x, lambda value, output: whole_pool(builder, value, output))

    def lower_adaptive(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        if self._is_mean:
            return pooled(builder, inputs[0], builder.averaged)
        return super().lower_adaptive(builder, inputs)

    def forward(self, xp: Any, x: Any) -> Any:
        if self.adaptive is not None:
            return pixels(self._bins(xp, xp.mean, x))
        result = self.reduce(xp, xp.add, 0, planes(x))
        result /= self._divisors(xp, x.shape[1:-1], x.dtype)
        return pixels(result)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        incoming, sides = planes(gradient), saved.shape[2:]
        if self.adaptive is None:
            return (pixels(self.spread(xp, incoming / self._divisors(xp, sides, gradient.dtype), sides)),), {}
        edges = [_edges(size, bins) for size, bins in zip(sides, self.adaptive, strict=True)]
        widths = [xp.array([last - first for first, last in some], gradient.dtype) for some in edges]
        part = incoming / _outer(xp, widths)
        for axis, (size, some) in enumerate(zip(sides, edges, strict=True), 2):
            before = (slice(None),) * axis
            result = xp.zeros((*part.shape[:axis], size, *part.shape[axis + 1 :]), gradient.dtype)
            for number, (first, last) in enumerate(some):
                target = result[(*before, slice(first, last))]
                target += part[(*before, slice(number, number + 1))]
            part = result
        return (pixels(part),), {}

    def _divisors(self, xp: Any, sides: Sequence[int], dtype: Any) -> Any:
        """The divisor of the mean of each window: an array with one number for each window."""
        each = zip(range(len(sides)), sides, self.begins_of(sides), strict=True)
        return _outer(xp, [xp.array(self._counted(*one), dtype) for one in each])

    def _counted(self, side: int, size: int, begins: range) -> list[int]:
        """Along one side, for each window the number of its elements in the image, and in the padding if ``count_pad``.

        Elements after the padding, in a window that exists because of rounding up, never count.
        """
        low, high = 0, size
        if self.count_pad:
            low = begins.start
            high = begins[-1] + self.kernel[side]
            if not isinstance(self.pad, str):
                high = size + ends(self.pad)[side][1]
        return [min(begin + self.kernel[side], high) - max(begin, low) for begin in begins]
