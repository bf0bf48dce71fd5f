"""``python -m tests.memory.measure_cmsis FOLDER``: what functions of CMSIS-NN return, into ``data/cmsis.json``.

FOLDER holds the sources of CMSIS-NN (commit 99f736a6). Its functions ``..._get_buffer_size`` are compiled by GCC for
this computer, once for each extension of a core, and called with random shapes.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from cnncalc.interop.tflite_net import Operator, Tensor
from cnncalc.memory.cmsis import CMSIS_KERNELS
from cnncalc.memory.options import EXTENSIONS
from cnncalc.memory.tflm import UnknownScratch
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

DATA = Path(__file__).parent / "data" / "cmsis.json"
COUNT = 200
"""The shapes whose figures are kept."""
FUNCTIONS = ("conv", "depthwise", "average", "dense", "product", "svdf", "deconv", "reversed")
DEFINES = {"none": "", "dsp": "#define ARM_MATH_DSP 1\n", "mve": "#define ARM_MATH_DSP 1\n#define ARM_MATH_MVEI 1\n"}
"""What a compiler for such a core defines; only after the headers, which would ask for intrinsics."""

_HEADERS = ("arm_nnfunctions.h", "arm_nnsupportfunctions.h", "Internal/arm_nn_compiler.h")
_SOURCES = (
    "ConvolutionFunctions/arm_convolve", "ConvolutionFunctions/arm_depthwise_conv",
    "ConvolutionFunctions/arm_transpose_conv", "PoolingFunctions/arm_avgpool",
    "FullyConnectedFunctions/arm_fully_connected", "SVDFunctions/arm_svdf",
)  # fmt: skip
_CALLS = """
typedef const int *Numbers;
#define PADDED(type) type p = {0}; p.stride.h = a[8]; p.stride.w = a[9]; p.dilation.h = a[10]; p.dilation.w = a[11]; \\
    p.padding.h = a[12]; p.padding.w = a[13]; cmsis_nn_dims x = {1, a[0], a[1], a[2]}
#define REVERSED cmsis_nn_transpose_conv_params p = {0}; p.stride.h = a[4]; p.stride.w = a[5]; \\
    cmsis_nn_dims x = {1, a[0], a[1], a[2]}, f = {a[3], a[6], a[7], a[2]}
int conv(Numbers a) {
    PADDED(cmsis_nn_conv_params); cmsis_nn_dims f = {1, a[3], a[4], a[14]}, y = {1, a[5], a[6], a[7]};
    return arm_convolve_wrapper_s8_get_buffer_size(&p, &x, &f, &y);
}
int depthwise(Numbers a) {
    PADDED(cmsis_nn_dw_conv_params); cmsis_nn_dims f = {1, a[3], a[4], a[7]}, y = {1, a[5], a[6], a[7]};
    return arm_depthwise_conv_wrapper_s8_get_buffer_size(&p, &x, &f, &y);
}
int average(Numbers a) { return arm_avgpool_s8_get_buffer_size(a[0], a[1]); }
int dense(Numbers a) { cmsis_nn_dims f = {a[0], 1, 1, a[1]}; return arm_fully_connected_s8_get_buffer_size(&f); }
int product(Numbers a) { cmsis_nn_dims x = {1, 1, 1, a[0]}; return arm_convolve_1x1_s8_fast_get_buffer_size(&x); }
int svdf(Numbers a) { cmsis_nn_dims f = {a[0], 1, 1, 1}; return arm_svdf_s8_get_buffer_size(&f); }
int deconv(Numbers a) {
    REVERSED; cmsis_nn_dims y = {1, a[0] * a[4], a[1] * a[5], a[3]};
    return arm_transpose_conv_s8_get_buffer_size(&p, &x, &f, &y);
}
int reversed(Numbers a) { REVERSED; return arm_transpose_conv_s8_get_reverse_conv_buffer_size(&p, &x, &f); }
"""


class Shapes(NamedTuple):
    """A random layer of each kind: the numbers that a function is called with, by its name."""

    numbers: dict[str, tuple[int, ...]]
    padding: str


def shapes(count: int = COUNT) -> list[Shapes]:
    """Random layers, always the same ones."""
    random = Random(7)  # noqa: S311 (test shapes)
    found: list[Shapes] = []
    while len(found) < count:
        sides = (random.choice([1, 1, random.randint(1, 40)]), random.randint(1, 40))
        depth = random.choice([1, 1, 2, 3, 4, random.randint(1, 70)])
        kernel = (random.choice([1, 1, 2, 3, random.randint(1, 9)]), random.choice([1, 3, random.randint(1, 12)]))
        stride = (random.randint(1, 4), random.randint(1, 4))
        dilation = random.choice([(1, 1), (1, 1), (1, 1), (2, 2), (1, 2), (2, 1)])
        padding = random.choice(["SAME", "VALID"])
        made = [_made(*each, padding) for each in zip(sides, kernel, stride, dilation, strict=True)]
        if min(made)[0] < 1:
            continue
        pads, units = [pad for _, pad in made], random.randint(1, 70)
        wide = (*sides, depth, *kernel, *[size for size, _ in made])
        groups = random.choice([1, 1, *[each for each in (2, 3, 4) if depth % each == 0]])
        features = random.choice([4 * random.randint(1, 30), random.randint(1, 120)])
        turns = (*sides, depth, units, random.randint(1, 3), random.randint(1, 3), *kernel)
        numbers = {
            "conv": (*wide, units, *stride, *dilation, *pads, depth // groups),
            "depthwise": (*wide, depth * random.choice([1, 1, 2, 3]), *stride, *dilation, *pads),
            "average": (made[1][0], depth),
            "dense": (features, units),
            "product": (features,),
            "svdf": (units,),
            "deconv": turns,
            "reversed": turns,
        }
        found.append(Shapes(numbers, padding))
    return found


def _made(size: int, kernel: int, stride: int, dilation: int, padding: str) -> tuple[int, int]:
    """The positions that windows make along a side, and the padding before it, as TensorFlow has them."""
    span = (kernel - 1) * dilation + 1
    if padding == "VALID":
        return (size - span) // stride + 1, 0
    made = -(-size // stride)
    return made, max(0, (made - 1) * stride + span - size) // 2


def ours(extension: str, function: str, one: Shapes) -> int | None:
    """What we compute in place of a function; None if it is not known."""
    kernels, numbers = CMSIS_KERNELS[extension], one.numbers[function]
    try:
        if function in ("conv", "depthwise"):
            sides, (units, *steps) = numbers[:7], numbers[7:12]
            options = {"padding": one.padding, "stride": steps[:2], "dilation": steps[2:]}
            shape = (units, *sides[3:5], numbers[14]) if function == "conv" else (1, *sides[3:5], units)
            code = "CONV_2D" if function == "conv" else "DEPTHWISE_CONV_2D"
            tensors = _tensors((1, *sides[:3]), shape)
            return sum(kernels[code].scratch(_operator(code, options), tensors, Tensor("y", (1, *sides[5:7], units))))
        if function == "average":
            made = Tensor("y", (1, 1, *numbers))
            return sum(kernels["AVERAGE_POOL_2D"].scratch(_operator("", {}), [made], made))
        if function in ("dense", "product"):
            return _dense(extension, one, function == "product")
        if function == "svdf":
            return kernels["SVDF"].sums(_operator("", {}), _tensors((1, 9), (numbers[0], 9)), Tensor("y", (1, 3)))
        height, width, depth, units, high, wide, *kernel = numbers
        tensors = [Tensor("s", (4,)), Tensor("w", (units, *kernel, depth)), Tensor("x", (1, height, width, depth))]
        made = Tensor("y", (1, height * high, width * wide, units))
        found = kernels["TRANSPOSE_CONV"].scratch(_operator("", {"stride": (high, wide)}), tensors, made)
        return found[function == "reversed"]
    except UnknownScratch:
        return None


def _dense(extension: str, one: Shapes, is_product: bool) -> int:
    """Scratch and sums of a fully-connected layer; as a product of matrices beyond multipliers and shifts."""
    kernel, (features, units) = CMSIS_KERNELS[extension]["FULLY_CONNECTED"], one.numbers["dense"]
    rows = (1, 1, 2) if is_product else (1,)
    features = features // 4 * 4 + 4 if is_product else features
    call = _operator("", {}), _tensors((*rows, features), (units, features)), Tensor("y", (*rows, units))
    return sum(kernel.scratch(*call)) + kernel.sums(*call) - 8 * units * is_product


def _operator(code: str, options: dict[str, Any]) -> Operator:
    return Operator(code, (0, 1), (2,), options, ("y",))


def _tensors(x: Sequence[int], weight: Sequence[int]) -> list[Tensor]:
    return [Tensor("x", tuple(x)), Tensor("w", tuple(weight), is_constant=True)]


def theirs(folder: str, extension: str) -> dict[str, list[int]]:
    """What the compiled functions return for the shapes."""
    lines = [f'#include "{header}"' for header in _HEADERS]
    lines += [DEFINES[extension], *[f'#include "{source}_get_buffer_sizes_s8.c"' for source in _SOURCES], _CALLS]
    with tempfile.TemporaryDirectory() as build:
        source, library = Path(build) / "calls.c", Path(build) / "calls.so"
        source.write_text("\n".join(lines), encoding="utf-8")
        command = ["gcc", "-O1", "-fPIC", "-shared", f"-I{folder}/Include", f"-I{folder}/Source", "-o", str(library)]
        subprocess.run([*command, str(source)], check=True, timeout=120)
        loaded = ctypes.CDLL(str(library))
    found: dict[str, list[int]] = {}
    for one in shapes():
        for name, numbers in one.numbers.items():
            found.setdefault(name, []).append(getattr(loaded, name)((ctypes.c_int * len(numbers))(*numbers)))
    return found


def main(folder: str) -> None:
    """Calls the functions and writes the file."""
    figures = {extension: theirs(folder, extension) for extension in EXTENSIONS}
    lines = [f' "{extension}": {json.dumps(found)}' for extension, found in figures.items()]
    DATA.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
