"""Sizes and positions of sliding windows, shared by convolution and pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.errors import ShapeError
from cnncalc.layers.base import Stencil

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.layers.torch_builder import TorchBuilder
    from cnncalc.volume import Volume

SIDES = ("height", "width")


def extent(kernel: int, dilation: int) -> int:
    """How many inputs a window spans: dilation * (kernel - 1) + 1."""
    return dilation * (kernel - 1) + 1


def same_pads(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's rule: padding that gives ceil(size / stride) outputs; an odd row or column goes to the end."""
    outputs = -(-size // stride)
    missing = max(0, (outputs - 1) * stride + kernel - size)
    return missing // 2, missing - missing // 2


class Windows:
    """The windows of a layer on a volume: padding and number of windows, by height and by width.

    Output = (size + pads - dilation*(kernel-1) - 1) / stride + 1, rounded down, or up with ``ceil``; a last window that
    would begin in the padding at the end (or behind it) is dropped when rounding up. Rounded up, a window may be larger
    than the padded volume: as every last window it is cut at the border.

    Raises ShapeError where no window is left.
    """

    __slots__ = ("dilation", "kernel", "pads", "steps", "stride")

    def __init__(
        self,
        volume: Volume,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        pad: tuple[int, int, int, int] | str,
        dilation: tuple[int, int] = (1, 1),
        *,
        ceil: bool = False,
    ) -> None:
        self.kernel = (extent(kernel[0], dilation[0]), extent(kernel[1], dilation[1]))
        self.stride = stride
        self.dilation = dilation
        if isinstance(pad, str):
            top, bottom = same_pads(volume.height, self.kernel[0], stride[0])
            left, right = same_pads(volume.width, self.kernel[1], stride[1])
            pad = (top, left, bottom, right)
        self.pads = pad
        height = self._steps(0, volume.height, pad[0], pad[2], kernel[0], ceil)
        width = self._steps(1, volume.width, pad[1], pad[3], kernel[1], ceil)
        self.steps = (height, width)

    def _steps(self, side: int, size: int, before: int, after: int, kernel: int, ceil: bool) -> int:
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
            f"kernel {kernel}{spans} is larger than {SIDES[side]} {size}{padded}{more}",
            code="window-too-large",
            key="kernel",
        )

    def stencils(self) -> tuple[Stencil, ...]:
        """The part of the volume that an output depends on."""
        sides = zip(self.stride, self.pads, self.kernel, self.dilation, strict=False)
        return tuple([Stencil(step, range(-pad, window - pad, gap)) for step, pad, window, gap in sides])


def window_step(windows: Windows, side: int, size: int, kernel: int, dilation: int = 1, *, ceil: bool = False) -> str:
    """How the output size along one side is computed: ``height (227 - 11 + 2*0)/4 + 1 = 55``."""
    before, after = windows.pads[side], windows.pads[side + 2]
    stride, result = windows.stride[side], windows.steps[side]
    window = str(kernel) if dilation == 1 else f"({dilation}*({kernel} - 1) + 1)"
    pads = f"2*{before}" if before == after else f"{before} + {after}"
    travel = size - windows.kernel[side] + before + after
    text = f"{SIDES[side]} ({size} - {window} + {pads})/{stride} + 1 = "
    if travel % stride == 0:
        return text + str(result)
    steps = (-(-travel // stride) if ceil else travel // stride) + 1
    text += f"{travel}/{stride} + 1 = {steps}, rounded {'up' if ceil else 'down'}"
    return text if steps == result else f"{text}; the last window would start in the end padding: {result}"


def depth_step(x: Volume) -> str:
    """The depth of a layer that keeps it."""
    return f"depth {x.depth}, same as the input"


def sized(kernel: tuple[int, int]) -> str:
    """``3`` for a square window, ``1x7`` for another."""
    return str(kernel[0]) if kernel[0] == kernel[1] else f"{kernel[0]}x{kernel[1]}"


def enlarged(volume: Volume, sides: tuple[int, int, int, int]) -> Volume:
    """A volume with rows and columns added at the top, left, bottom and right."""
    top, left, bottom, right = sides
    return volume._replace(height=volume.height + top + bottom, width=volume.width + left + right)


def lower_windows(
    builder: TorchBuilder, inputs: Sequence[int], pads: tuple[int, int, int, int], order: str | None = None
) -> int:
    """A layer with windows in PyTorch: padding that differs from side to side is an operation of its own."""
    top, left, bottom, right = pads
    if (top, left) == (bottom, right):
        return builder.single(inputs, order=order)
    first, padded = builder.last + 1, builder.resized(inputs[0], enlarged(builder.volumes[0], pads))
    result = builder.single([padded], order=order)
    builder.hold(first, padded)  # an argument, also while a half copy of it is used
    return result
