"""The kernels of CMSIS-NN in TensorFlow Lite Micro: what they allocate beyond, or instead of, the reference kernels.

The kernels are those for int8, compiled by GCC for speed, as the makefile of TensorFlow Lite Micro does by default;
other operators keep their reference kernels. Sizes depend on the instruction set extension of the core: DSP, MVE or
none.

Source: tensorflow/tflite-micro, commit 90b983c2, kernels/cmsis_nn; ARM-software/CMSIS-NN, commit 99f736a6, its
functions ``..._get_buffer_size``.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from cnncalc.memory.options import EXTENSIONS
from cnncalc.memory.tflm import KERNELS, Kernel, UnknownScratch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.interop.tflite_net import Operator, Tensor

MANY_CHANNELS = 16
"""With more input channels a transposed convolution of stride 1 or 2 runs as a convolution with reversed filters."""
TYPES = ("int8", "float32")
"""The data types for which the scratch is known."""
BLOCK = 124
"""Number of channels that a depthwise convolution with MVE computes at once."""
LANES = 16
"""Number of int8 values in a register of MVE."""


class Cmsis:
    """The scratch bytes of the kernels for cores with ``extension`` (``none``, ``dsp`` or ``mve``)."""

    def __init__(self, extension: str) -> None:
        self.has_dsp = extension == "dsp"
        self.has_mve = extension == "mve"

    def columns(self, kernel: Sequence[int], depth: int) -> int:
        """Bytes of the im2col buffer: four columns of int8 in whole registers (MVE), or two of int16 in fours."""
        length = kernel[0] * kernel[1] * depth
        if self.has_mve:
            return 4 * LANES * -(-length // LANES)
        return 2 * 2 * (-(-length // 4) * 4)

    def conv(self, operator: Operator, inputs: Sequence[Tensor], output: Tensor) -> tuple[int, ...]:
        """The im2col buffer; none for 1x1 without groups and dilation, which reads the input directly."""
        x, weight = inputs[0].shape, inputs[1].shape
        if output.type != "int8":
            return ()
        kernel, whole, (_, step) = tuple(weight[1:3]), x[3] == weight[3], operator.options["stride"]
        if kernel == (1, 1) and not _is_dilated(operator) and whole:
            return ()
        is_row = x[1] == kernel[0] == 1 and operator.options["dilation"][1] == 1 and whole and step * x[3] % 4 == 0
        if self.has_mve and is_row:
            size = self._row(x[2], x[3], kernel[1], step, output.shape[2], same=operator.options["padding"] == "SAME")
            return (size,) if size else ()
        return (self.columns(kernel, x[3]),)

    def _row(self, width: int, depth: int, kernel: int, step: int, output_width: int, *, same: bool) -> int:
        """The bytes of a convolution along a row: its first and last windows with their padding."""
        total = (output_width - 1) * step + kernel - width
        pad = max(0, total) // 2 if same else 0
        odd = total % 2 if total >= 0 else -(-total % 2)  # the remainder has the sign of the number
        left = max(1, -(-pad // step)) if pad else 0
        right = max(1, (pad + odd + step - 1) // step) if pad + odd else 0
        if left + right > output_width:
            return self.columns((1, kernel), depth)
        ends = right if odd else pad
        return max(kernel + pad, kernel - 1 + ends) * depth

    def depthwise(self, operator: Operator, inputs: Sequence[Tensor], output: Tensor) -> tuple[int, ...]:
        """The window of each channel; with MVE the windows of a block of channels, or the buffers of a convolution.

        With MVE, a depthwise convolution of one input channel runs as a convolution. Raises UnknownScratch for one
        along a row.
        """
        x, (height, width) = inputs[0].shape, inputs[1].shape[1:3]
        if output.type != "int8":
            return ()
        if self.has_mve and x[3] == 1 and output.shape[3] > 1:
            if x[1] == height == 1 and not (width == 1 and not _is_dilated(operator)):
                raise UnknownScratch(
                    "a depthwise convolution of one channel along a row reads a stride that is not set"
                )
            is_product = height == width == 1 and not _is_dilated(operator)
            return ((0 if is_product else self.columns((height, width), 1)) + output.shape[3] * height * width,)
        if x[3] != output.shape[3] or x[0] != 1 or _is_dilated(operator):
            return ()
        if self.has_mve:
            return (4 * BLOCK * height * width,)
        return (2 * x[3] * height * width,) if self.has_dsp and (height, width) != (3, 3) else ()

    def dense(self, operator: Operator, inputs: Sequence[Tensor], output: Tensor) -> tuple[int, ...]:
        """A multiplier and a shift for each unit, if it runs as a convolution of 1x1 and its weights have one scale.

        Other layers, with MVE: the sums of the weights, unless these are constants.
        """
        if output.type != "int8":
            return ()
        if _is_product(inputs, output):
            return (8 * output.shape[-1],) if inputs[1].scales <= 1 else ()
        return (4 * output.shape[-1],) if self.has_mve and not _is_fixed(inputs) else ()

    def dense_sums(self, operator: Operator, inputs: Sequence[Tensor], output: Tensor) -> int:
        """The bytes of the sums of constant weights, which are computed once, with MVE."""
        is_summed = self.has_mve and output.type == "int8" and not _is_product(inputs, output) and _is_fixed(inputs)
        return 4 * output.shape[-1] if is_summed else 0

    def svdf_sums(self, operator: Operator, inputs: Sequence[Tensor], output: Tensor) -> int:
        """The bytes of the sums of the weights of each filter, with MVE."""
        return 4 * prod(inputs[1].shape[:1]) if self.has_mve and inputs[0].type == "int8" else 0

    def average(self, operator: Operator, inputs: Sequence[Tensor], output: Tensor) -> tuple[int, ...]:
        """The bytes of the sum of each channel, with DSP."""
        return (4 * inputs[0].shape[3],) if self.has_dsp and output.type == "int8" else ()

    def deconv(self, operator: Operator, inputs: Sequence[Tensor], output: Tensor) -> tuple[int, ...]:
        """The im2col buffer and the reversed filters; or rows of sums in int32, and nothing."""
        if output.type != "int8":
            return ()
        x, weight, (high, wide) = inputs[2].shape, inputs[1].shape, operator.options["stride"]
        if max(high, wide) <= 2 and x[3] > MANY_CHANNELS:
            return self.columns(weight[1:3], x[3]), weight[0] * weight[1] * weight[2] * x[3]
        row = ((x[2] - 1) * wide + max(weight[2], high)) * output.shape[3]
        return 4 * row * max(weight[1], high), 0


def _is_dilated(operator: Operator) -> bool:
    return any(step > 1 for step in operator.options["dilation"])


def _is_product(inputs: Sequence[Tensor], output: Tensor) -> bool:
    """Whether a fully-connected layer runs as a convolution of 1x1."""
    return len(output.shape) > 2 and inputs[1].shape[-1] % 4 == 0


def _is_fixed(inputs: Sequence[Tensor]) -> bool:
    """Whether the weights, and the biases if there are any, are constants of the file."""
    return inputs[1].is_constant and all(each.is_constant or not each.shape for each in inputs[2:3])


def _state(code: str, more: str) -> str:
    """The fields of a state (see :class:`Kernel`) that begins with the state of the reference kernel."""
    return f"{KERNELS[code].state} p0 {more}"


_CONV = "0 1 o q 0 1 2 o s"


def _kernels(extension: str) -> dict[str, Kernel]:
    """The kernels by operator for cores with ``extension``; that of UNIDIRECTIONAL_SEQUENCE_LSTM is not known."""
    own = Cmsis(extension)
    return {
        **{code: kernel for code, kernel in KERNELS.items() if code != "UNIDIRECTIONAL_SEQUENCE_LSTM"},
        "CONV_2D": Kernel("i7", _state("CONV_2D", "i"), _CONV, own.conv, 2, TYPES),
        "DEPTHWISE_CONV_2D": Kernel("i7", _state("DEPTHWISE_CONV_2D", "i"), _CONV, own.depthwise, 2, TYPES),
        "FULLY_CONNECTED": KERNELS["FULLY_CONNECTED"]._replace(
            state=_state("FULLY_CONNECTED", "i2 p i3"), steps="0 1 2 o f s k", scratch=own.dense, types=TYPES,
            sums=own.dense_sums,
        ),
        "MAX_POOL_2D": KERNELS["MAX_POOL_2D"]._replace(state="i4 i2 f2 i"),
        "AVERAGE_POOL_2D": Kernel("i6 i4", "i4 i2 f2 i", "0 o 0 o s", own.average, 1, TYPES),
        "SOFTMAX": KERNELS["SOFTMAX"]._replace(state="d i6 f p p p p p d0 i2"),
        "SVDF": KERNELS["SVDF"]._replace(state="i9 p", steps="0 1 2 3 4 o s k", sums=own.svdf_sums),
        "TRANSPOSE_CONV": Kernel("i5", "i h4 h4 i7 f2 i i i p p", "o 2 1 c 2 1 3 o s", own.deconv, 3, TYPES),
    }  # fmt: skip


CMSIS_KERNELS: Mapping[str, Mapping[str, Kernel]] = {extension: _kernels(extension) for extension in EXTENSIONS}
"""The kernels by operator, for each extension of a core."""
