"""Pooling: each window of each map is reduced to one number."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from cnncalc.counts import Count
from cnncalc.errors import ValueProblem
from cnncalc.layers.base import WHOLE_PLANE, Layer, Parameter, Sizing, Stencil, key
from cnncalc.layers.keys import Boolean, Choice, Decimal, Pad, Pair
from cnncalc.layers.memory import Extra, Keeping, Size
from cnncalc.layers.planes import max_pool_with_indices, max_unpool, pieces, pixels, planes, pool, unpool, window_starts
from cnncalc.layers.window import SIDES, Windows, depth_step, enlarged, lower_windows, sized, window_step
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.layers.memory import Gradients, Saved
    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volumes


class Pooling(Layer):
    """Base of pools: a window, by default without overlap and without padding."""

    memory_order: ClassVar[str] = "suggested"
    first: ClassVar[str | None] = "kernel"
    slash: ClassVar[str | None] = "stride"
    bare: ClassVar[str | None] = "kernel"
    is_flat: ClassVar[bool | None] = False
    in_notes_table: ClassVar[bool] = True
    sizes: ClassVar[Mapping[str, Sizing]] = {"kernel": Sizing("pool_kernel")}

    kernel: tuple[int, int] = key(Pair(), (2, 2), means="height and width of the window")
    stride: tuple[int, int] | None = key(Pair(), None, note="the kernel", means="pixels from one window to the next")

    def _check(self) -> None:
        if self.stride == self.kernel:
            self.__dict__["stride"] = None

    @property
    def step(self) -> tuple[int, int]:
        """The stride as written, or the kernel."""
        return self.kernel if self.stride is None else self.stride

    def windows(self, x: Volume) -> Windows:
        """The windows over a volume."""
        return Windows(x, self.kernel, self.step, (0, 0, 0, 0))

    def no_effect(self, x: Volume) -> str | None:
        is_point = self.kernel == self.step == (1, 1) and not self.learns and self.output(x) == x
        return "each window is a single pixel" if is_point else None

    def label(self) -> str:
        slash = f"/{sized(self.step)}" if self.step != self.kernel else ""
        return f"{self.kind.upper()}{sized(self.kernel)}{slash}{self.unusual('dilation')}"

    def window_keys(self) -> dict[str, Any]:
        return {**super().window_keys(), "stride": self.step}

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (x,) = inputs
        windows = self.windows(x)
        sides = [window_step(windows, side, x[side], self.kernel[side]) for side in (0, 1)]
        return [*sides, depth_step(x)]

    def output(self, *inputs: Volume) -> Volume:
        (x,) = inputs
        return Volume(*self.windows(x).steps, x.depth)

    def stencils(self, *inputs: Volume, of: int = 0) -> tuple[Stencil, ...] | None:
        return self.windows(inputs[0]).stencils()


class PaddedPooling(Pooling):
    """Pools with padding of at most half their kernel, and rounding up."""

    pad: tuple[int, int, int, int] | str = key(
        Pad(), (0, 0, 0, 0), means="rows and columns around the input, at most half the kernel"
    )
    round: str = key(Choice("floor", "ceil"), "floor", means="how a fractional output size is rounded")

    def _dilation(self) -> tuple[int, int]:
        return (1, 1)

    def _check(self) -> None:
        super()._check()
        if isinstance(self.pad, str):
            return
        for side in (0, 1):
            # of the kernel as written, before dilation, as in PyTorch
            window, pad = self.kernel[side], max(self.pad[side], self.pad[side + 2])
            if 2 * pad > window:
                raise ValueProblem(
                    f"pad: a pool may pad by at most half its kernel, but {pad} is more than half of "
                    f"{window} in {SIDES[side]}",
                    code="pad-too-large",
                )

    def windows(self, x: Volume) -> Windows:
        return Windows(x, self.kernel, self.step, self.pad, self._dilation(), ceil=self.round == "ceil")

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        (x,) = inputs
        windows, dilation, ceil = self.windows(x), self._dilation(), self.round == "ceil"
        sides = [window_step(windows, side, x[side], self.kernel[side], dilation[side], ceil=ceil) for side in (0, 1)]
        return [*sides, depth_step(x)]

    def begins_of(self, height: int, width: int) -> tuple[range, range]:
        """The first index of each window on an array of this height and width."""
        size, ceil = (height, width), self.round == "ceil"
        return window_starts(size, self.pad, self.kernel, self._dilation(), self.step, ceil=ceil)


class AdaptivePooling(PaddedPooling):
    """Pools that can be given the size of their output instead of windows."""

    replaces: ClassVar[Mapping[str, tuple[str, ...]]] = {"output": ("kernel", "stride", "pad", "round", "dilation")}

    adaptive: tuple[int, int] | None = key(
        Pair(), None, name="output", note="not adaptive", means="height and width of the output, instead of a kernel"
    )

    def _check(self) -> None:
        super()._check()
        if self.adaptive is None:
            return
        for name in self.replaces["output"]:
            if name in self.keys and self.__dict__[name] != self.keys[name].default:
                raise ValueProblem(f"output: an adaptive pool has no {name}")

    def no_effect(self, x: Volume) -> str | None:
        return super().no_effect(x) if self.adaptive is None else None

    def label(self) -> str:
        if self.adaptive is None:
            return super().label()
        return f"{self.kind.upper()}(output={self.adaptive[0]}x{self.adaptive[1]})"

    def window_keys(self) -> dict[str, Any]:
        return super().window_keys() if self.adaptive is None else {}

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        if self.adaptive is None:
            return super().size_steps(inputs, output)
        sides = zip(SIDES, self.adaptive, inputs[0][:2], strict=True)
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
        sizes = zip(inputs[0][:2], self.adaptive, strict=True)
        return tuple([Stencil(size, range(1 - bins, size), bins) for size, bins in sizes])

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        if self.adaptive is not None:
            return self.lower_adaptive(builder, inputs)
        return lower_windows(builder, inputs, self.windows(builder.volumes[0]).pads)

    def lower_adaptive(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        """Records the operation on windows chosen by the size of the output."""
        return builder.single(inputs)

    def _bins(self, xp: Any, reduce: Any, x: Any) -> Any:
        """Every bin of an adaptive pool reduced: first the rows of a bin, then its columns."""
        maps, bins = planes(x), self.adaptive or (1, 1)
        lines = xp.empty((*maps.shape[:2], bins[0], maps.shape[3]), x.dtype)
        for number, (first, last) in enumerate(_edges(maps.shape[2], bins[0])):
            reduce(maps[:, :, first:last], axis=2, out=lines[:, :, number])
        result = xp.empty((*maps.shape[:2], *bins), x.dtype)
        for number, (first, last) in enumerate(_edges(maps.shape[3], bins[1])):
            reduce(lines[..., first:last], axis=3, out=result[..., number])
        return result


def _edges(size: int, bins: int) -> list[tuple[int, int]]:
    """Where each of ``bins`` bins over ``size`` elements begins and ends, as in PyTorch."""
    return [(number * size // bins, -(-(number + 1) * size // bins)) for number in range(bins)]


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

    dilation: tuple[int, int] = key(Pair(), (1, 1), means="pixels from one element of the window to the next")

    def _dilation(self) -> tuple[int, int]:
        return self.dilation

    def forward(self, xp: Any, x: Any) -> Any:
        if self.adaptive is not None:
            return pixels(self._bins(xp, xp.maximum.reduce, x))
        return pixels(
            pool(xp, xp.maximum, -xp.inf, planes(x), self.begins_of(*x.shape[1:3]), self.kernel, self.dilation)
        )

    def _index_bytes(self) -> int:
        """Bytes of the index of a maximum in its window (adaptive: in the plane)."""
        if self.adaptive is not None:
            return 8
        places = self.kernel[0] * self.kernel[1]
        return 1 if places <= 1 << 8 else 2 if places <= 1 << 16 else 4 if places <= 1 << 32 else 8

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(extras=(Extra("places", Size(0, output.elements), self._index_bytes()),))

    def keeping_in_torch(self, inputs: Volumes, output: Volume, *, in_place: bool = False) -> Keeping:
        return torch_max_keeping(output)

    def forward_training(self, xp: Any, x: Any, *, random: Any = None) -> tuple[Any, dict[str, Any]]:
        maps = planes(x)
        if self.adaptive is None:
            item = xp.dtype(f"uint{8 * self._index_bytes()}")
            result, places = max_pool_with_indices(
                xp, maps, self.begins_of(*x.shape[1:3]), self.kernel, self.dilation, item
            )
            return pixels(result), {"places": pixels(places)}
        result = xp.empty((*maps.shape[:2], *self.adaptive), x.dtype)
        places = xp.empty(result.shape, xp.int64)
        width = maps.shape[3]
        for image, target, where in zip(maps, result, places, strict=True):
            for i, (top, bottom) in enumerate(_edges(maps.shape[2], self.adaptive[0])):
                for j, (left, right) in enumerate(_edges(width, self.adaptive[1])):
                    window_values = image[:, top:bottom, left:right].reshape(len(image), -1)
                    down, across = xp.divmod(window_values.argmax(axis=1), right - left)
                    where[:, i, j] = (top + down) * width + left + across
                    window_values.max(axis=1, out=target[:, i, j])
        return pixels(result), {"places": pixels(places)}

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        (batch, depth, height, width), places = saved.shape, planes(saved.extras["places"])
        incoming = planes(gradient)
        if self.adaptive is None:
            begins = self.begins_of(height, width)
            return (pixels(max_unpool(xp, incoming, places, begins, self.kernel, self.dilation, (height, width))),), {}
        result = xp.zeros(saved.shape, gradient.dtype)
        channels = xp.arange(depth)
        for image, grad, where in zip(result.reshape(batch, depth, -1), incoming, places, strict=True):
            for i in range(where.shape[1]):
                for j in range(where.shape[2]):
                    image[channels, where[:, i, j]] += grad[:, i, j]
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

    def keeping_in_torch(self, inputs: Volumes, output: Volume, *, in_place: bool = False) -> Keeping:
        # an output of 1x1 is computed as a mean, whose backward needs only the size
        return Keeping(inputs=self.adaptive != (1, 1))

    def lower_adaptive(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return builder.averaged(inputs) if self.adaptive == (1, 1) else builder.single(inputs)

    def forward(self, xp: Any, x: Any) -> Any:
        if self.adaptive is not None:
            return pixels(self._bins(xp, xp.mean, x))
        begins = self.begins_of(*x.shape[1:3])
        result = pool(xp, xp.add, 0, planes(x), begins, self.kernel, (1, 1))
        rows, columns = (xp.array(self._counted(side, x.shape[1 + side], begins[side]), x.dtype) for side in (0, 1))
        result /= rows[:, None] * columns
        return pixels(result)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        incoming, (_, depth, height, width) = planes(gradient), saved.shape
        if self.adaptive is not None:
            edges = [_edges(size, bins) for size, bins in zip((height, width), self.adaptive, strict=True)]
            shares = [xp.array([last - first for first, last in some], gradient.dtype) for some in edges]
            result = xp.zeros(saved.shape, gradient.dtype)
            for image, target in zip(incoming / (shares[0][:, None] * shares[1]), result, strict=True):
                lines = xp.zeros((depth, height, image.shape[2]), gradient.dtype)
                for number, (first, last) in enumerate(edges[0]):
                    lines[:, first:last] += image[:, number, None]
                for number, (first, last) in enumerate(edges[1]):
                    target[..., first:last] += lines[..., number, None]
            return (pixels(result),), {}
        begins = self.begins_of(height, width)
        rows, columns = (
            xp.array(self._counted(side, (height, width)[side], begins[side]), gradient.dtype) for side in (0, 1)
        )
        return (pixels(unpool(xp, incoming / (rows[:, None] * columns), begins, self.kernel, (height, width))),), {}

    def _counted(self, side: int, size: int, begins: range) -> list[int]:
        """The divisor of the mean of each window: its elements in the image, and in the padding if ``count_pad``.

        Elements beyond the padding, in a window that was rounded up, never count.
        """
        low, high = 0, size
        if self.count_pad:
            low = begins.start
            high = size + self.pad[side + 2] if not isinstance(self.pad, str) else begins[-1] + self.kernel[side]
        return [min(begin + self.kernel[side], high) - max(begin, low) for begin in begins]


class LpPool(PaddedPooling):
    """The p-norm of each window, map by map; L2-norm pooling with power 2.

    Formula: y = (the sum of abs(x)**p over the F x F window) ** (1/p).
    Volume: height (H - F + 2P)/S + 1, width alike, depth D; rounded as ``round`` says.

    Source: CS231n, "Pooling Layer", general pooling.
    """

    kind: ClassVar[str] = "lppool"
    other_names: ClassVar[tuple[str, ...]] = ("l2pool",)
    example: ClassVar[str] = "INPUT 28x28x16 -> CONV3-16 -> LPPOOL3/2"
    output_range: ClassVar[tuple[float, float]] = (0, inf)

    power: float = key(Decimal(minimum=1), 2.0, means="the p of the norm")

    def forward(self, xp: Any, x: Any) -> Any:
        maps = planes(x)
        powers = xp.square(maps) if self.power == 2 else xp.absolute(maps) ** self.power
        result = pool(xp, xp.add, 0, powers, self.begins_of(*x.shape[1:3]), self.kernel, (1, 1))
        if self.power == 2:
            return pixels(xp.sqrt(result, out=result))
        result **= 1 / self.power
        return pixels(result)

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(inputs=True, extras=(Extra("sums", Size(0, output.elements)),))

    def forward_training(self, xp: Any, x: Any, *, random: Any = None) -> tuple[Any, dict[str, Any]]:
        maps = planes(x)
        powers = xp.square(maps) if self.power == 2 else xp.absolute(maps) ** self.power
        sums = pool(xp, xp.add, 0, powers, self.begins_of(*x.shape[1:3]), self.kernel, (1, 1))
        return pixels(xp.sqrt(sums) if self.power == 2 else sums ** (1 / self.power)), {"sums": pixels(sums)}

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        # PyTorch computes (sign(m) * relu(|m|) * window) ** (1/p), where m is the mean of x**p over the window
        (x,) = inputs
        pads = self.windows(builder.volumes[0]).pads
        if any(pads):
            x = builder.resized(x, enlarged(builder.volumes[0], pads))
        start = builder.last + 1
        powers = builder.power(x)
        layout = builder.made([powers], builder.output)
        mean = builder.operation([powers], Size(0, builder.output.elements), layout=layout, keeps=(0,))
        first = builder.last + 1
        sign = builder.operation([mean])
        absolute = builder.operation([mean], keeps=(0,), backward_scratch=(builder.bytes_of(mean),))
        positive = builder.operation([absolute], keeps_output=True)
        signed = builder.operation([sign, positive], keeps=(0, 1))
        result = builder.power(builder.times_number(signed))
        builder.hold(start, x)
        builder.hold(first, mean)
        return result

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        # |x|**(p-1) * sign(x) times the sum of gradient * sums**(1/p - 1) over the windows that see x; 0 where all is 0
        height, width = saved.shape[2:]
        sums = planes(saved.extras["sums"])
        shares = xp.where(sums > 0, sums, xp.inf) ** (1 / self.power - 1) if self.power != 1 else xp.ones_like(sums)
        shares *= planes(gradient)
        result = unpool(xp, shares, self.begins_of(height, width), self.kernel, (height, width))
        for image, target in zip(planes(saved.x), result, strict=True):
            for piece in pieces(len(image), image[0].nbytes):
                if self.power == 2:
                    target[piece] *= image[piece]
                else:
                    target[piece] *= xp.absolute(image[piece]) ** (self.power - 1) * xp.sign(image[piece])
        return (pixels(result),), {}


class GlobalAveragePool(Layer):
    """The mean of each map.

    Formula: y[d] = the mean of all H*W elements of map d.
    Volume: [1x1xD].

    Source: Lin et al. 2014, section 3.2.
    """

    memory_order: ClassVar[str] = "contiguous"
    kind: ClassVar[str] = "gap"
    other_names: ClassVar[tuple[str, ...]] = (
        "globalavgpool",
        "globalaveragepool",
        "globalaveragepooling",
        "globalavgpooling",
    )
    example: ClassVar[str] = "INPUT 7x7x16 -> CONV3-512 -> GAP"
    is_flat: ClassVar[bool | None] = False
    in_notes_table: ClassVar[bool] = True
    is_linear = True

    def no_effect(self, x: Volume) -> str | None:
        return f"{x} is a single pixel already" if x.is_point else None

    def size_steps(self, inputs: Sequence[Volume], output: Volume) -> list[str]:
        return [f"height and width 1: one window over the whole {inputs[0]}", depth_step(inputs[0])]

    def output(self, *inputs: Volume) -> Volume:
        return Volume(1, 1, inputs[0].depth)

    def stencils(self, *inputs: Volume, of: int = 0) -> tuple[Stencil, ...] | None:
        return WHOLE_PLANE

    def forward(self, xp: Any, x: Any) -> Any:
        maps = planes(x)
        return maps.reshape(*maps.shape[:2], -1).mean(axis=2)[:, None, None]

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return builder.averaged(inputs)

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        result = xp.empty(saved.shape, gradient.dtype)
        result[...] = planes(gradient) / (saved.shape[2] * saved.shape[3])
        return (pixels(result),), {}


class GlobalMaxPool(GlobalAveragePool):
    """The largest value of each map.

    Formula: y[d] = the largest of all H*W elements of map d.
    Volume: [1x1xD].

    Source: Oquab et al. 2015, section 3.
    """

    memory_order: ClassVar[str] = "suggested"
    kind: ClassVar[str] = "gmp"
    other_names: ClassVar[tuple[str, ...]] = ("globalmaxpool", "globalmaxpooling")
    example: ClassVar[str] = "INPUT 7x7x16 -> CONV3-512 -> GMP"
    why_input: ClassVar[str] = "PyTorch saves the input as well as the index of each maximum"
    why_byproducts: ClassVar[str] = "the index of each maximum (int64), which receives the gradient"
    is_linear = False
    picks_values = True

    def forward(self, xp: Any, x: Any) -> Any:
        maps = planes(x)
        return maps.reshape(*maps.shape[:2], -1).max(axis=2)[:, None, None]

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(extras=(Extra("places", Size(0, output.elements), 8),))

    def keeping_in_torch(self, inputs: Volumes, output: Volume, *, in_place: bool = False) -> Keeping:
        return torch_max_keeping(output)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        return builder.single(inputs)

    def forward_training(self, xp: Any, x: Any, *, random: Any = None) -> tuple[Any, dict[str, Any]]:
        maps = planes(x)
        flat = maps.reshape(*maps.shape[:2], -1)
        return flat.max(axis=2)[:, None, None], {"places": flat.argmax(axis=2)}

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        result = xp.zeros(saved.shape, gradient.dtype)
        flat = result.reshape(*saved.shape[:2], -1)
        xp.put_along_axis(flat, saved.extras["places"][..., None], gradient[:, 0, 0, :, None], axis=2)
        return (pixels(result),), {}


class Subsample(Pooling):
    """LeNet-5's trainable pooling: the sum of each window, times one coefficient per map, plus one bias per map.

    Formula: y = w[d] * the sum of the F x F window + b[d].
    Volume: height (H - F)/S + 1, rounded down; width alike; depth D.
    Learned: D coefficients (counted as weights) and D biases.

    The sigmoid that follows it in LeNet-5 is a layer of its own.

    Source: LeCun et al. 1998, section II.B.
    """

    kind: ClassVar[str] = "subsample"
    example: ClassVar[str] = "INPUT 28x28x1 -> CONV3-6 -> SUBSAMPLE2"
    is_linear = True
    learns: ClassVar[bool] = True

    def weight_range(self, shape: tuple[int, ...]) -> tuple[float, float]:
        # one coefficient for the sum of a window
        elements = self.kernel[0] * self.kernel[1]
        return 0.8 / elements, 1.2 / elements

    def parameters(self, *inputs: Volume) -> tuple[Parameter, ...]:
        depth = inputs[0].depth
        count = Count(depth)
        return (Parameter("weight", (depth,), count), Parameter("bias", (depth,), count, "bias"))

    def forward(self, xp: Any, x: Any, *, weight: Any, bias: Any) -> Any:
        result = pool(xp, xp.add, 0, planes(x), self.begins_of(*x.shape[1:3]), self.kernel, (1, 1))
        result *= weight[:, None, None]
        result += bias[:, None, None]
        return pixels(result)

    def keeping(self, inputs: Volumes, output: Volume, *, in_place: bool = False, learns: bool = True) -> Keeping:
        return Keeping(extras=(Extra("sums", Size(0, output.elements)),) if learns else ())

    def forward_training(
        self, xp: Any, x: Any, *, random: Any = None, weight: Any, bias: Any
    ) -> tuple[Any, dict[str, Any]]:
        sums = pool(xp, xp.add, 0, planes(x), self.begins_of(*x.shape[1:3]), self.kernel, (1, 1))
        result = sums * weight[:, None, None]
        result += bias[:, None, None]
        return pixels(result), {"sums": pixels(sums)}

    def begins_of(self, height: int, width: int) -> tuple[range, range]:
        """The first index of each window on an array of this height and width."""
        return window_starts((height, width), (0, 0, 0, 0), self.kernel, (1, 1), self.step)

    def lower(self, builder: TorchBuilder, inputs: Sequence[int]) -> int:
        # an average pool, then one factor and one shift per channel
        layout = builder.made(inputs, builder.output)
        pooled = builder.operation(inputs, Size(0, builder.output.elements), layout=layout, keeps=(0,))
        first = builder.last
        result = builder.scaled(pooled)
        builder.hold(first, pooled)
        return result

    def backward(self, xp: Any, gradient: Any, saved: Saved) -> Gradients:
        incoming, (height, width) = planes(gradient), saved.shape[2:]
        result, found = None, {}
        if saved.needs_gradient[0]:
            shares = incoming * saved.parameters["weight"][:, None, None]
            result = pixels(unpool(xp, shares, self.begins_of(height, width), self.kernel, (height, width)))
        if saved.learns:
            found["weight"] = (incoming * planes(saved.extras["sums"])).sum(axis=(2, 3)).sum(axis=0)
            found["bias"] = incoming.sum(axis=(2, 3)).sum(axis=0)
        return (result,), found
