"""The kernels of CMSIS-NN in TensorFlow Lite Micro: what they allocate beyond, or in place of, the reference kernels.

They are those for cores with the DSP extension and without MVE (Cortex-M4, M7, M33), compiled by GCC, in int8; the
other operators keep their reference kernels.

Source: tensorflow/tflite-micro, commit 90b983c2, kernels/cmsis_nn; ARM-software/CMSIS-NN, commit 99f736a6, its
functions ``..._get_buffer_size``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.memory.tflm import KERNELS, Kernel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.interop.tflite_net import Operator, Tensor

MANY_CHANNELS = 16
"""With more input channels a transposed convolution of stride 1 or 2 runs as a convolution with turned filters."""
TYPES = ("int8", "float32")
"""The types whose scratch is known."""


def _columns(kernel: Sequence[int], depth: int) -> int:
    """Two columns of the unrolled input in int16, each a multiple of four numbers."""
    height, width = kernel
    return 2 * 2 * (-(-height * width * depth // 4) * 4)


def _conv(operator: Operator, inputs: Sequence[Tensor], output: Tensor) -> tuple[int, ...]:
    """None where it is a product of matrices as it stands: a kernel of 1x1 without groups and dilation."""
    x, weight = inputs[0].shape, inputs[1].shape
    if output.type != "int8":
        return ()
    is_product = tuple(weight[1:3]) == (1, 1) and not _is_dilated(operator) and x[3] == weight[3]
    return () if is_product else (_columns(weight[1:3], x[3]),)


def _depthwise(operator: Operator, inputs: Sequence[Tensor], output: Tensor) -> tuple[int, ...]:
    """The window of each channel in int16; none for 3x3, and where the kernel is not the optimized one."""
    x, (height, width) = inputs[0].shape, inputs[1].shape[1:3]
    is_optimized = output.type == "int8" and x[3] == output.shape[3] and x[0] == 1 and not _is_dilated(operator)
    return (2 * x[3] * height * width,) if is_optimized and (height, width) != (3, 3) else ()


def _is_dilated(operator: Operator) -> bool:
    return any(step > 1 for step in operator.options["dilation"])


def _fc(operator: Operator, inputs: Sequence[Tensor], output: Tensor) -> tuple[int, ...]:
    """A multiplier and a shift for each unit where it runs as a convolution of 1x1 and its weights have one scale."""
    is_conv = output.type == "int8" and len(output.shape) > 2 and inputs[1].shape[-1] % 4 == 0
    return (8 * output.shape[-1],) if is_conv and inputs[1].scales <= 1 else ()


def _average(operator: Operator, inputs: Sequence[Tensor], output: Tensor) -> tuple[int, ...]:
    """The sum of each channel."""
    return (4 * inputs[0].shape[3],) if output.type == "int8" else ()


def _deconv(operator: Operator, inputs: Sequence[Tensor], output: Tensor) -> tuple[int, ...]:
    """Columns and the turned filters, or rows of sums in int32 and nothing."""
    if output.type != "int8":
        return ()
    x, weight, (high, wide) = inputs[2].shape, inputs[1].shape, operator.options["stride"]
    if max(high, wide) <= 2 and x[3] > MANY_CHANNELS:
        return _columns(weight[1:3], x[3]), weight[0] * weight[1] * weight[2] * x[3]
    row = ((x[2] - 1) * wide + max(weight[2], high)) * output.shape[3]
    return 4 * row * max(weight[1], high), 0


def _state(code: str, more: str) -> str:
    """The state of a reference kernel as the first field of a larger structure."""
    return f"{KERNELS[code].state} p0 {more}"


_CONV = "0 1 o q 0 1 2 o s"

CMSIS_KERNELS: Mapping[str, Kernel] = {
    **{code: kernel for code, kernel in KERNELS.items() if code != "UNIDIRECTIONAL_SEQUENCE_LSTM"},
    "CONV_2D": Kernel("i7", _state("CONV_2D", "i"), _CONV, _conv, 2, TYPES),
    "DEPTHWISE_CONV_2D": Kernel("i7", _state("DEPTHWISE_CONV_2D", "i"), _CONV, _depthwise, 2, TYPES),
    "FULLY_CONNECTED": KERNELS["FULLY_CONNECTED"]._replace(
        state=_state("FULLY_CONNECTED", "i2 p i3"), steps="0 1 2 o f s", scratch=_fc, types=TYPES
    ),
    "MAX_POOL_2D": KERNELS["MAX_POOL_2D"]._replace(state="i4 i2 f2 i"),
    "AVERAGE_POOL_2D": Kernel("i6 i4", "i4 i2 f2 i", "0 o 0 o s", _average, 1, TYPES),
    "SOFTMAX": KERNELS["SOFTMAX"]._replace(state="d i6 f p p p p p d0 i2"),
    "SVDF": KERNELS["SVDF"]._replace(state="i9 p"),
    "TRANSPOSE_CONV": Kernel("i5", "i h4 h4 i7 f2 i i i p p", "o 2 1 c 2 1 3 o s", _deconv, 3, TYPES),
}  # fmt: skip
"""Every operator by its name; that of UNIDIRECTIONAL_SEQUENCE_LSTM is not known."""
