"""What the kernels of CMSIS-NN allocate: scratch by the arithmetic of its sources, and the state of each operator."""

from __future__ import annotations

import json

import pytest

from cnncalc import analyze
from cnncalc.analysis.loading import load_bytes
from cnncalc.analysis.report import account
from cnncalc.errors import DesignError, ValueProblem
from cnncalc.interop.tflite_layers import tflite_net
from cnncalc.interop.tflite_net import Operator, Tensor, TfliteNet
from cnncalc.interop.tflite_writer import written
from cnncalc.memory.cmsis import CMSIS_KERNELS
from cnncalc.memory.micro import micro_report
from cnncalc.memory.options import EXTENSIONS
from cnncalc.memory.tflm import KERNELS, arena_of, struct
from tests.memory.measure_cmsis import DATA, FUNCTIONS, ours, shapes
from tests.memory.tflm_nets import every_net


def scratch(text: str, extension: str = "dsp") -> list[int]:
    """The bytes of scratch that the operators of a pattern ask for, without zeros."""
    net = tflite_net(analyze(text).resolved)
    found: list[int] = []
    for operator in net.operators:
        inputs = [net.tensors[place] for place in operator.inputs]
        found += CMSIS_KERNELS[extension][operator.code].scratch(operator, inputs, net.tensors[operator.outputs[0]])
    return [size for size in found if size]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INPUT 20x18x3 -> CONV3-8", [2 * 28 * 2]),  # 27 numbers, 28 as a multiple of 4, two columns of int16
        ("INPUT 20x18x4 -> CONV1-8", []),
        ("INPUT 20x18x4 -> CONV1-8/2(pad=0)", []),
        ("INPUT 20x18x4 -> CONV1-8(groups=2)", [2 * 4 * 2]),
        ("INPUT 20x18x5 -> CONV3-8(dilation=2)", [2 * 48 * 2]),
        ("INPUT 20x18x6 -> DWCONV3", []),
        ("INPUT 20x18x6 -> DWCONV5", [2 * 5 * 5 * 6]),
        ("INPUT 20x18x6 -> DWCONV5(multiplier=2)", []),
        ("INPUT 20x18x6 -> DWCONV5(dilation=2)", []),
        ("INPUT 20x18x6 -> AVGPOOL2", [4 * 6]),
        ("INPUT 20x18x6 -> POOL2", []),
        ("INPUT 20x18x8 -> LINEAR-5", [2 * 4 * 5]),
        ("INPUT 20x18x6 -> LINEAR-5", []),
        ("INPUT 4x4x2 -> FC-5", []),
        ("INPUT 5x7x4 -> DECONV2-3/2", [4 * 2 * (6 * 2 + 2) * 3]),
        ("INPUT 5x7x20 -> DECONV2-3/2", [2 * 80 * 2, 3 * 2 * 2 * 20]),
    ],
)
def test_scratch(text: str, expected: list[int]) -> None:
    assert scratch(text) == expected


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (5, [(5 + 2) * 4]),  # the first window with two columns of padding, and the last one
        (4, [(5 + 2) * 4]),
        (3, [4 * 32]),  # two windows reach over each border: columns of 20 numbers, 32 in whole registers
    ],
)
def test_with_mve_a_row_has_its_first_and_last_windows(width: int, expected: list[int]) -> None:
    assert scratch(f"INPUT 1x{width}x4 -> CONV1x5-8(pad=same)", "mve") == expected


FIGURES = json.loads(DATA.read_text(encoding="utf-8"))
"""What the functions of CMSIS-NN return that it has for these sizes."""


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_scratch_is_that_of_the_functions_of_cmsis_nn(extension: str, function: str) -> None:
    found = [ours(extension, function, one) for one in shapes()]
    expected = FIGURES[extension][function]
    known = [pair for pair in zip(found, expected, strict=True) if pair[0] is not None]
    assert [one for one, _ in known] == [one for _, one in known]
    unknown = len(found) - len(known)
    assert (0 < unknown < 20) if (extension, function) == ("mve", "depthwise") else unknown == 0


def test_an_unset_stride_is_refused() -> None:
    """TensorFlow Lite Micro leaves it out, and with MVE it decides how one channel along a row is computed."""
    report = analyze("INPUT 1x20x1 -> DWCONV1x3(multiplier=4) -> FC-2")
    assert micro_report(report, "cmsis").arena.head_bytes
    with pytest.raises(DesignError, match="reads a stride that is not set"):
        micro_report(report, "cmsis", extension="mve")
    with pytest.raises(ValueProblem, match="expected none, dsp or mve, found 'helium'"):
        micro_report(report, "cmsis", extension="helium")


def test_with_mve_the_sums_of_constant_weights_lie_in_the_tail() -> None:
    """Four bytes for each of 13 and 5 units, each array of a multiple of 16 bytes; a convolution has four columns."""
    report = analyze("INPUT 8x8x3 -> CONV3-7 -> FC-13 -> FC-5")
    dsp, mve = (micro_report(report, "cmsis", extension=each).arena for each in ("dsp", "mve"))
    assert ("sums of weights", 64 + 32) in mve.parts
    assert mve.tail_bytes == dsp.tail_bytes + 64 + 32
    assert max(buffer.size for buffer in mve.buffers if buffer.tensor is None) == 4 * 32
    assert max(buffer.size for buffer in dsp.buffers if buffer.tensor is None) == 2 * 28 * 2


@pytest.mark.parametrize(
    ("code", "size"), [("CONV_2D", 68), ("FULLY_CONNECTED", 80), ("AVERAGE_POOL_2D", 36), ("SOFTMAX", 64), ("SVDF", 40)]
)
def test_the_state_of_an_operator_for_pointers_of_32_bits(code: str, size: int) -> None:
    """The structure of the reference kernel, then the fields of the kernel of CMSIS-NN: 4 bytes each."""
    state, reference = CMSIS_KERNELS["dsp"][code].state, KERNELS[code].state
    assert state is not None
    assert reference is not None
    assert struct(state, 4).size == size > struct(reference, 4).size


@pytest.mark.slow
def test_every_net_takes_at_least_as_much_as_with_the_reference_kernels() -> None:
    for text in every_net().values():
        report = analyze(text)
        reference, own = micro_report(report).arena, micro_report(report, "cmsis").arena
        assert own.tail_bytes >= reference.tail_bytes
        if "DECONV" not in text:  # whose sums of rows are fewer than those of the whole output
            assert own.head_bytes >= reference.head_bytes


def test_weights_with_a_scale_for_each_unit_keep_a_multiplier_and_a_shift() -> None:
    """As tflite-micro reports it for this file: head 640, tail 1,744, the smallest arena 2,376."""
    net = tflite_net(analyze("INPUT 8x8x3 -> CONV3-7 -> RELU -> FC-13 -> RELU -> FC-5").resolved)
    tensors = [
        each._replace(scales=each.shape[0]) if each.name.startswith("fc") and each.is_constant else each
        for each in net.tensors
    ]
    arena = arena_of(net._replace(tensors=tuple(tensors)), 8)
    assert (arena.head_bytes, arena.tail_bytes, arena.minimum_bytes) == (640, 1_744, 2_376)


@pytest.mark.parametrize(
    ("code", "type", "message"),
    [
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "int8", "what UNIDIRECTIONAL_SEQUENCE_LSTM allocates is not known"),
        ("AVERAGE_POOL_2D", "int16", "what AVERAGE_POOL_2D in int16 allocates is not known (at y)"),
    ],
)
def test_what_is_not_known_is_named(code: str, type: str, message: str) -> None:
    tensors = (Tensor("x", (1, 4, 4, 2), type), Tensor("y", (1, 2, 2, 2), type))
    net = TfliteNet("net", tensors, (Operator(code, (0,), (1,), {}, ("y",)),), (0,), (1,), file_bytes=1)
    graph = load_bytes("net.tflite", written(tflite_net(analyze("INPUT 4x4x2 -> RELU").resolved)).content())
    with pytest.raises(DesignError) as error:
        micro_report(account(graph._replace(stored=net)), "cmsis")
    assert message in str(error.value)
