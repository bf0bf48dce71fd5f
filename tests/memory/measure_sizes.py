"""``python -m tests.memory.measure_sizes TFLM CMSIS INCLUDE...``: sizes of structures, into ``data/sizes.json``.

TFLM and CMSIS hold the sources of TensorFlow Lite Micro (commit 90b983c2) and of CMSIS-NN (commit 99f736a6), the others
the headers of flatbuffers (25.9.23), gemmlowp and ruy. GCC compiles for 32 bits, with numbers of 8 bytes aligned to
8 as on Arm (``-m32 -malign-double``); it needs gcc-multilib. Nothing is run: the sizes stand in the compiler's errors.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

DATA = Path(__file__).parent / "data" / "sizes.json"
KERNELS = "tensorflow/lite/micro/kernels/"
CORE = (
    "tensorflow/lite/micro/recording_micro_interpreter.h", "tensorflow/lite/micro/micro_allocation_info.h",
    "tensorflow/lite/micro/memory_planner/greedy_memory_planner.h", "tensorflow/lite/micro/micro_allocator.cc",
    "tensorflow/lite/core/c/builtin_op_data.h",
)  # fmt: skip

STRUCTURES = {
    "RecordingSingleArenaBufferAllocator": "p2 p5 p i p4", "GreedyMemoryPlanner": "p i2 p p2 p i2 p b",
    "RecordingMicroAllocator": "p5 b p3 p p24", "MicroBuiltinDataAllocator": "p2", "SubgraphAllocations": "p3",
    "TfLiteEvalTensor": "p2 i", "NodeAndRegistration": "p6 i p", "AllocationInfo": "p2 i3 b",
    "internal::ScratchBufferRequest": "p i2", "ScratchBufferHandle": "p", "TfLiteTensor": "i p i f p p p i i b",
    "TfLiteAffineQuantization": "p2 i",
}  # fmt: skip
"""Those of the interpreter, as :mod:`cnncalc.memory.tflm` writes them."""

OPTIONS = {
    "TfLiteConvParams": "CONV_2D", "TfLiteDepthwiseConvParams": "DEPTHWISE_CONV_2D", "TfLitePoolParams": "MAX_POOL_2D",
    "TfLiteAddParams": "ADD", "TfLiteSubParams": "SUB",
    "TfLiteMulParams": "MUL", "TfLiteSoftmaxParams": "SOFTMAX", "TfLiteConcatenationParams": "CONCATENATION",
    "TfLiteReshapeParams": "RESHAPE", "TfLiteReducerParams": "MEAN", "TfLiteLeakyReluParams": "LEAKY_RELU",
    "TfLiteResizeNearestNeighborParams": "RESIZE_NEAREST_NEIGHBOR", "TfLiteResizeBilinearParams": "RESIZE_BILINEAR",
    "TfLiteTransposeConvParams": "TRANSPOSE_CONV", "TfLiteStridedSliceParams": "STRIDED_SLICE",
    "TfLiteCastParams": "CAST", "TfLiteDivParams": "DIV", "TfLiteSqueezeParams": "SQUEEZE", "TfLiteSVDFParams": "SVDF",
    "TfLiteUnidirectionalSequenceLSTMParams": "UNIDIRECTIONAL_SEQUENCE_LSTM",
}  # fmt: skip
"""The operator whose options a structure holds.

Without those of FULLY_CONNECTED: in the wheel they have 32 bytes with 64-bit pointers (two more fields, of the
quantization), in the sources that were measured 16.
"""

STATES = {
    "conv OpDataConv": "CONV_2D", "depthwise_conv OpDataConv": "DEPTHWISE_CONV_2D", "pooling OpDataPooling":
    "MAX_POOL_2D", "fully_connected OpDataFullyConnected": "FULLY_CONNECTED", "add OpDataAdd": "ADD", "sub OpDataSub":
    "SUB", "mul OpDataMul": "MUL", "softmax SoftmaxParams": "SOFTMAX", "concatenation OpData": "CONCATENATION",
    "reduce OpDataReduce": "MEAN", "activations ReluOpData": "RELU", "activations Relu6OpData": "RELU6",
    "logistic OpDataLogistic": "LOGISTIC", "tanh OpData": "TANH", "hard_swish HardSwishParams": "HARD_SWISH",
    "leaky_relu LeakyReluOpData": "LEAKY_RELU", "prelu PreluParams": "PRELU", "elu OpData": "ELU",
    "transpose_conv OpData": "TRANSPOSE_CONV", "quantize OpDataQuantizeReference": "QUANTIZE",
    "dequantize DequantizeOpData": "DEQUANTIZE", "div OpDataDiv": "DIV", "svdf OpDataSvdf": "SVDF",
    "unidirectional_sequence_lstm OpDataLSTM": "UNIDIRECTIONAL_SEQUENCE_LSTM", "pad_common OpData": "PAD",
    "strided_slice StridedSliceParams": "STRIDED_SLICE",
}  # fmt: skip
"""The operator whose state a structure of a file of kernels holds."""

CMSIS_STATES = {
    "cmsis_nn/conv OpData": "CONV_2D", "cmsis_nn/depthwise_conv OpData": "DEPTHWISE_CONV_2D",
    "cmsis_nn/fully_connected OpData": "FULLY_CONNECTED", "cmsis_nn/pooling OpData": "AVERAGE_POOL_2D",
    "cmsis_nn/softmax CMSISNNSoftmaxParams": "SOFTMAX", "cmsis_nn/svdf CmsisNnOpDataSvdf": "SVDF",
    "cmsis_nn/transpose_conv OpData": "TRANSPOSE_CONV", "cmsis_nn/add OpData": "ADD", "cmsis_nn/pad OpData": "PAD",
}  # fmt: skip
"""The same with the kernels of CMSIS-NN."""


def measured(file: str, names: list[str], folders: list[str]) -> dict[str, int]:
    """The sizes of structures of one file of kernels, or of the interpreter, by what the tables above call them."""
    headers = CORE if not file else (f"{KERNELS}{file}.cc",)
    lines = [f'#include "{header}"' for header in headers]
    lines += ["template<int size> struct Size;", "namespace tflite { namespace {"]
    lines += [f"Size<(int)sizeof({name})> v{number};" for number, name in enumerate(names)]
    with tempfile.TemporaryDirectory() as build:
        source, party = Path(build) / "sizes.cc", Path(build) / "third_party"
        source.write_text("\n".join([*lines, "} }"]), encoding="utf-8")
        party.mkdir()
        (party / "cmsis_nn").symlink_to(Path(folders[1]).resolve())
        defines = ("TF_LITE_STATIC_MEMORY", "USE_TFLM_COMPRESSION", "KERNELS_OPTIMIZED_FOR_SPEED")
        command = ["g++", "-std=c++17", "-fsyntax-only", "-w", "-m32", "-malign-double", "-fno-rtti", f"-I{build}"]
        command += [*[f"-D{name}" for name in defines], *[f"-I{folder}" for folder in folders]]
        command += [f"-I{folders[1]}/Include", str(source)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    found = re.findall(r"Size<(\d+)>.*::v(\d+)", done.stderr)
    assert found, done.stderr
    return {f"{file} {names[int(number)]}".strip(): int(size) for size, number in found}


def main(folders: list[str]) -> None:
    """Measures every structure and writes the file."""
    files: dict[str, list[str]] = {"": [*STRUCTURES, *OPTIONS]}
    for known in (*STATES, *CMSIS_STATES):
        file, _, name = known.partition(" ")
        files.setdefault(file, []).append(name)
    with ThreadPoolExecutor(2) as pool:
        parts = pool.map(lambda item: measured(item[0], item[1], folders), files.items())
    sizes = {name: size for part in parts for name, size in part.items()}
    DATA.write_text(json.dumps(sizes, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
