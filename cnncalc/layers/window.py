"""Sizes and positions of sliding windows, shared by convolution and pooling."""

from __future__ import annotations

from cnncalc.errors import ShapeError
from cnncalc.layers.keys import shown
from cnncalc.layers.stencil import Stencil
from cnncalc.units import listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume


def extent(kernel: int, dilation: int) -> int:
    """How many elements of a side a window spans: dilation * (kernel - 1) + 1."""
    return dilation * (kernel - 1) + 1


def same_pads(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """The padding at the beginning and end of a side with which there are ceil(size / stride) windows.

    An odd element goes to the end. ``kernel`` is the extent of a window. Source: TensorFlow, padding "SAME".
    """
    outputs = -(-size // stride)
    missing = max(0, (outputs - 1) * stride + kernel - size)
    return missing // 2, missing - missing // 2


class Windows:
    """The windows of a layer on a volume: the padding and the number of windows along each side.

    ``steps`` is (size + pads - dilation*(kernel-1) - 1) / stride + 1 for each side, rounded down, or up with ``ceil``.
    Rounded up, a last window that would begin in the padding at the end, or after it, is dropped; a window that ends
    after the padding is cut there, even if it is the only one.

    ``pad`` holds all beginnings, then all ends, or is ``same``; ``pads`` is the pair of both for each side. The
    attribute ``kernel`` is the extent of a window. Raises ShapeError if no window is left.
    """

    __slots__ = ("dilation", "kernel", "pads", "steps", "stride")

    def __init__(
        self,
        volume: Volume,
        kernel: tuple[int, ...],
        stride: tuple[int, ...],
        pad: tuple[int, ...] | str,
        dilation: tuple[int, ...],
        *,
        ceil: bool = False,
    ) -> None:
        self.kernel = tuple([extent(k, d) for k, d in zip(kernel, dilation, strict=True)])
        self.stride = stride
        self.dilation = dilation
        if isinstance(pad, str):
            sides = zip(volume.sides, self.kernel, stride, strict=True)
            self.pads = tuple([same_pads(size, window, step) for size, window, step in sides])
        else:
            self.pads = ends(pad)
        self.steps = tuple([self._steps(side, volume, kernel[side], ceil) for side in range(len(kernel))])

    def _steps(self, side: int, volume: Volume, kernel: int, ceil: bool) -> int:
        size, (before, after) = volume[side], self.pads[side]
        window, stride = self.kernel[side], self.stride[side]
        travel = size + before + after - window
        steps = (-(-travel // stride) if ceil else travel // stride) + 1
        if ceil and (steps - 1) * stride >= size + before:
            steps -= 1
        if steps >= 1:
            return steps
        spans = f" (dilated to {window})" if window != kernel else ""
        padded = f" (padded to {size + before + after})" if before + after else ""
        more = f" by {-travel}, and rounding up adds at most {stride - 1}" if ceil else ""
        raise ShapeError(
            "the window must fit into the volume, but "
            f"kernel {kernel}{spans} is larger than {volume.names[side]} {size}{padded}{more}",
            code="window-too-large",
            key="kernel",
        )

    def stencils(self) -> tuple[Stencil, ...]:
        """The positions of the volume on which an output depends, side by side."""
        sides = zip(self.stride, self.pads, self.kernel, self.dilation, strict=True)
        return tuple([Stencil(step, range(-pad, window - pad, gap)) for step, (pad, _), window, gap in sides])

    def size_steps(self, x: Volume, kernel: Sequence[int], *, ceil: bool = False) -> list[str]:
        """How the sides of the output are computed, one line for each; ``kernel`` is the kernel before dilation."""
        return [self._size_step(side, x, kernel[side], ceil=ceil) for side in range(len(kernel))]

    def _size_step(self, side: int, x: Volume, kernel: int, *, ceil: bool) -> str:
        """``height (227 - 11 + 2*0)/4 + 1 = 55``"""
        size, (before, after) = x[side], self.pads[side]
        stride, result, dilation = self.stride[side], self.steps[side], self.dilation[side]
        window = str(kernel) if dilation == 1 else f"({dilation}*({kernel} - 1) + 1)"
        pads = f"2*{before}" if before == after else f"{before} + {after}"
        travel = size - self.kernel[side] + before + after
        text = f"{x.names[side]} ({size} - {window} + {pads})/{stride} + 1 = "
        if travel % stride == 0:
            return text + str(result)
        steps = (-(-travel // stride) if ceil else travel // stride) + 1
        text += f"{travel}/{stride} + 1 = {steps}, rounded {'up' if ceil else 'down'}"
        return text if steps == result else f"{text}; the last window would start in the end padding: {result}"


def depth_step(x: Volume) -> str:
    """``depth 64, same as the input``: the step of a layer that keeps the depth."""
    return f"depth {x.depth}, same as the input"


def sized(kernel: int | tuple[int, ...]) -> str:
    """``3`` for a window with equal sides, ``1x7`` for any other."""
    if isinstance(kernel, int):
        return str(kernel)
    return str(kernel[0]) if len(set(kernel)) == 1 else "x".join(map(str, kernel))


def quotients(sides: Sequence[int], parts: Sequence[int]) -> tuple[int, ...]:
    """How many parts of these sizes fit along each side."""
    return tuple([side // part for side, part in zip(sides, parts, strict=True)])


def require_whole_parts(volume: Volume, parts: Sequence[int], rule: str, key: str) -> None:
    """Raises ShapeError with the ``rule``, and the padding that helps as its hint, unless the parts divide the sides.

    ``key`` is the key of the parts.
    """
    for name, size, part in zip(volume.names, volume.sides, parts, strict=True):
        if size % part:
            pads = [-side % each for side, each in zip(volume.sides, parts, strict=True)]
            raise ShapeError(
                f"{rule}, but {name} {size} is not divisible by {part}",
                code="not-divisible",
                key=key,
                hint=f"PAD({shown([0] * len(pads) + pads)}) before it adds what is missing",
            )


def ends(pad: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """For each side the pad at its beginning and at its end, from all beginnings followed by all ends."""
    half = len(pad) // 2
    return tuple(zip(pad[:half], pad[half:], strict=True))


def beginnings(pads: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """The pads at the beginnings, from the pairs of each side."""
    return tuple([before for before, _ in pads])


def enlarged(volume: Volume, pads: Sequence[tuple[int, int]]) -> Volume:
    """A volume with elements added at the beginning and at the end of each side."""
    return volume.with_sides(tuple([size + sum(pad) for size, pad in zip(volume.sides, pads, strict=True)]))


def same_on_sides(volume: Volume) -> str:
    """``height and width, same as the input``: the step of a layer that keeps the sides."""
    return f"{all_sides(volume)}, same as the input"


def all_sides(volume: Volume) -> str:
    """The names of the sides: ``height and width``."""
    return listed(volume.names)


def lower_windows(
    builder: TorchBuilder,
    inputs: Sequence[int],
    pads: Sequence[tuple[int, int]],
    run: Callable[[int], int],
    *,
    kernel: Sequence[int] | None = None,
) -> int:
    """Records a layer with windows; ``run`` records the operation on a value and returns the value of the output.

    If the pads at the two ends of a side differ, or one is more than half of ``kernel``, which PyTorch's function does
    not take, an operation of its own pads the input first.
    """
    (x,) = inputs
    is_even = all(before == after for before, after in pads)
    if is_even and (kernel is None or all(2 * before <= size for (before, _), size in zip(pads, kernel, strict=True))):
        return run(x)
    padded = builder.resized(x, enlarged(builder.volumes[0], pads))
    result = run(padded)
    builder.hold(padded)  # an argument, also while a half copy of it is used
    return result
