"""The arena of TensorFlow Lite Micro equals what its own allocator reports, to the byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cnncalc import analyze
from cnncalc.analysis.loading import load_bytes
from cnncalc.analysis.report import account
from cnncalc.errors import DesignError
from cnncalc.interop.exporters import export
from cnncalc.language.settings import Settings
from cnncalc.memory.cmsis import CMSIS_KERNELS
from cnncalc.memory.micro import flash_of, micro_report, net_on_chip
from cnncalc.memory.tflm import KERNELS, Kernel, TflmArena, struct
from tests.interop.tflite_writer import TENSOR, Operator, tflite_file
from tests.memory import measure_sizes
from tests.memory.measure_tflm import SHUFFLED, measured, shuffled_files
from tests.memory.tflm_nets import NETS, every_net, random_net

if TYPE_CHECKING:
    from collections.abc import Mapping

FIGURES = json.loads((Path(__file__).parent / "data" / "tflm.json").read_text(encoding="utf-8"))
"""Measured with tflite-micro 0.dev20261023182759 on x86-64."""


def figures(text: str) -> dict[str, int]:
    """Ours, for pointers of 64 bits."""
    return sizes(micro_report(analyze(text), pointers=64).arena)


def sizes(arena: TflmArena) -> dict[str, int]:
    """The figures of an arena."""
    return {
        "total": arena.total_bytes,
        "head": arena.head_bytes,
        "tail": arena.tail_bytes,
        "minimum": arena.minimum_bytes,
    }


@pytest.mark.parametrize(("name", "text"), every_net().items(), ids=[*every_net()])
def test_head_tail_total_and_the_smallest_arena_are_exact(name: str, text: str) -> None:
    assert figures(text) == FIGURES[name]


def test_every_net_is_measured() -> None:
    assert [*FIGURES] == [*every_net()]
    assert len(NETS) >= 40


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 104))
def test_the_package_itself_agrees_on_other_random_nets(seed: int) -> None:
    pytest.importorskip("tflite_micro")
    report = analyze(random_net(seed))
    content = export(report.resolved, "tflite")
    assert isinstance(content, bytes)
    ours = figures(random_net(seed))
    assert measured(content, ours["minimum"]) == ours


@pytest.mark.slow
def test_the_size_of_the_flash_is_that_of_the_file() -> None:
    for text in NETS.values():
        report = analyze(text)
        content = export(report.resolved, "tflite")
        flash = micro_report(report).flash
        assert flash.bytes == len(content)
        assert flash.weights + flash.biases <= flash.bytes
        totals = report.totals
        assert flash.weights >= totals.weights - sum(row.weights for row in report.layers if row.kind == "bn")


def test_quantization_takes_no_more_of_the_flash_than_is_left() -> None:
    """Tensors of a file may have the same scales: 13 of them, and 644 bytes of weights and biases in 744."""
    net = net_on_chip(analyze("INPUT 8x8x3 -> CONV3-4 -> RELU -> FC-2"))
    tensors = tuple([tensor._replace(buffer=number) for number, tensor in enumerate(net.tensors, 1)])
    weights, biases = 3 * 3 * 3 * 4 + 8 * 8 * 4 * 2, 4 * (4 + 2)

    assert flash_of(net._replace(tensors=tensors, file_bytes=744)) == (weights, biases, 744 - weights - biases, 0)
    assert flash_of(net._replace(tensors=tensors, file_bytes=844))[2:] == (12 * 13, 844 - weights - biases - 12 * 13)


@pytest.mark.parametrize(
    ("fields", "pointer", "size", "alignment"),
    [
        ("i", 8, 4, 4),
        ("p i", 8, 16, 8),
        ("p i", 4, 8, 4),
        ("b i b", 8, 12, 4),
        ("d p", 4, 16, 8),
        ("p2 i3 b", 8, 32, 8),
    ],
)
def test_structures_are_padded_as_in_c(fields: str, pointer: int, size: int, alignment: int) -> None:
    assert struct(fields, pointer) == (size, alignment)


SIZES: dict[str, int] = json.loads(measure_sizes.DATA.read_text(encoding="utf-8"))
"""Sizes of the structures of the C++ sources, compiled by GCC for 32 bits."""


def test_structures_have_their_sizes_for_pointers_of_32_bits() -> None:
    found = {name: struct(fields, 4).size for name, fields in measure_sizes.STRUCTURES.items()}
    assert found == {name: SIZES[name] for name in found}
    found = {name: struct(KERNELS[code].options or "", 4).size for name, code in measure_sizes.OPTIONS.items()}
    assert found == {name: SIZES[name] for name in found}


@pytest.mark.parametrize(
    ("states", "kernels"), [(measure_sizes.STATES, KERNELS), (measure_sizes.CMSIS_STATES, CMSIS_KERNELS["dsp"])]
)
def test_states_have_their_sizes_for_pointers_of_32_bits(states: dict[str, str], kernels: Mapping[str, Kernel]) -> None:
    found = {name: struct(kernels[code].state or "", 4).size for name, code in states.items()}
    assert found == {name: SIZES[name] for name in found}


def test_every_state_is_measured() -> None:
    with_state = {code for code, kernel in KERNELS.items() if kernel.state is not None}
    assert with_state - {*measure_sizes.STATES.values()} == {"AVERAGE_POOL_2D"}  # the structure of MAX_POOL_2D


def test_pointers_of_32_bits_take_less() -> None:
    report = analyze(NETS["ResNet-8"])
    small, large = micro_report(report, pointers=32).arena, micro_report(report, pointers=64).arena
    assert small.head_bytes == large.head_bytes
    assert small.tail_bytes < large.tail_bytes


def test_layers_without_an_operator_are_named_at_once() -> None:
    with pytest.raises(DesignError) as error:
        micro_report(analyze("INPUT 8x8x4 -> CONV3-8 -> LRN -> GELU -> CONV3-8 -> LRN -> FC-3"))
    assert [problem.code for problem in error.value.every] == ["no-equal"] * 3
    assert "LRN has no operator" in str(error.value)


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        ("AFFINE(2, 1)", "affine1: AFFINE has no operator of TensorFlow Lite Micro"),
        ("BN(stats=no)", "bn1: BN with the statistics of its input has no operator"),
    ],
)
def test_a_layer_is_refused_for_the_reason_that_holds(layer: str, why: str) -> None:
    """AFFINE has constants, not the statistics of its input."""
    with pytest.raises(DesignError) as error:
        micro_report(analyze(f"INPUT 8x8x4 -> {layer} -> CONV3-8"))
    assert error.value.first.message == why


@pytest.mark.parametrize("profile", ["tflm", "cmsis"])
def test_volumes_of_three_sides_are_refused(profile: str) -> None:
    with pytest.raises(DesignError) as error:
        micro_report(analyze("INPUT 8x8x8x2 -> CONV3-4 -> LRN -> GAP -> FC-2"), profile)
    messages = [problem.message for problem in error.value.every]
    assert messages[:2] == [
        "input: [8x8x8x2] has 3 sides, but operators of TensorFlow Lite have at most 2",
        "conv1: [8x8x8x4] has 3 sides, but operators of TensorFlow Lite have at most 2",
    ]
    assert any("LRN" in message for message in messages)


ORDERS = json.loads(SHUFFLED.read_text(encoding="utf-8"))
"""The same of files whose tensors stand in another order."""


def test_a_file_is_planned_from_its_own_tensors() -> None:
    found = {}
    for name, content in shuffled_files().items():
        report = account(load_bytes("net.tflite", content))
        found[name] = sizes(micro_report(report, pointers=64).arena)
        assert micro_report(report).flash.bytes == len(content)
    assert found == ORDERS
    texts = list(NETS.values())
    assert any(found[name] != figures(texts[int(name.rpartition(" ")[2])]) for name in found)  # the order matters


@pytest.mark.parametrize(
    ("code", "size"),
    [
        ("QUANTIZE", 32),
        ("STRIDED_SLICE", 84),
        ("SVDF", 36),
        ("TRANSPOSE_CONV", 88),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", 688),
        ("CONV_2D", 80),
        ("ADD", 60),
    ],
)
def test_the_state_of_an_operator_has_the_size_that_the_package_asks_for(code: str, size: int) -> None:
    """As the recording allocator reports the requests for persistent buffers of files with these operators."""
    state = KERNELS[code].state
    assert state is not None
    assert struct(state, 8).size == size


def test_what_an_operator_of_a_file_allocates_must_be_known() -> None:
    content = tflite_file(TENSOR((1, 8, 6, 4)), Operator("ABS"), [(1, 8, 6, 4)])
    with pytest.raises(DesignError) as error:
        micro_report(account(load_bytes("net.tflite", content)))
    assert "what ABS allocates is not known (at made)" in str(error.value)
    content = tflite_file(TENSOR((1, 8, 6, 4)), Operator("SVDF"), [(1, 8, 6, 4)])
    with pytest.raises(DesignError) as error:
        micro_report(account(load_bytes("net.tflite", content, Settings(partial=True))))
    assert "SVDF lacks inputs or outputs" in str(error.value)


def test_a_file_of_floats_takes_four_bytes_an_element() -> None:
    content = tflite_file(TENSOR((1, 8, 6, 4)), Operator("LOGISTIC"), [(1, 8, 6, 4)])
    report = micro_report(account(load_bytes("net.tflite", content)))
    assert report.types == ("float32",)
    assert report.arena.head_bytes == 2 * 4 * 8 * 6 * 4


def test_a_mean_has_scratch_for_every_axis_that_the_file_lists() -> None:
    """An int32 each, also for those that name an axis again; sizes are rounded up to 16 bytes."""
    for axes, size in (((1, 2), 16), ((1, 2, -3, -2, 1), 32)):
        content = tflite_file(TENSOR((1, 3, 4, 2)), Operator("MEAN", [axes]), [(1, 2)])
        arena = micro_report(account(load_bytes("net.tflite", content))).arena
        assert [buffer.size for buffer in arena.buffers if buffer.operator is not None] == [16, 16, size]


THREE_NETS = {
    "INPUT 49x10x1 -> CONV10x4-64/2(pad=same, bias=no) -> BN -> RELU -> [DWCONV3(bias=no) -> BN -> RELU -> "
    "CONV1-64(bias=no) -> BN -> RELU]*4 -> GAP -> FC-12 -> SOFTMAX": 16_000,
    "INPUT 32x32x3 -> [CONV3-32 -> RELU]*2 -> POOL2 -> [CONV3-64 -> RELU]*2 -> POOL2 -> FC-10 -> SOFTMAX": 65_536,
}
"""The nets of the manual without a name, and their heads as the runtime reports them."""


def test_the_three_nets_of_the_manual_have_the_heads_of_the_runtime() -> None:
    page = (Path(__file__).parents[2] / "docs" / "chips.md").read_text(encoding="utf-8")
    for text, head in THREE_NETS.items():
        assert micro_report(analyze(text)).arena.head_bytes == head
        assert text in page
        assert f"{head:,} bytes" in page
    person = analyze("mobilenet-v1", variables={"alpha": 0.25}, input=(96, 96, 1), classes=2)
    assert micro_report(person).arena.head_bytes == 55_296
    assert "a head of 55,296 bytes." in page


@pytest.mark.parametrize(
    ("shape", "operator", "output", "head", "total", "minimum"),
    [
        ((1, 8, 6, 4), Operator("EXPAND_DIMS", [(1,)]), (1, 1, 8, 6, 4), 1_536, 2_320, 2_312),
        ((1, 1, 8, 4), Operator("SQUEEZE"), (8, 4), 256, 1_056, 1_048),
        ((1, 8, 6, 4), Operator("SLICE", [(0, 0, 0, 1), (1, 8, 6, 2)]), (1, 8, 6, 2), 1_152, 1_952, 1_952),
    ],
)
def test_files_of_one_operator_take_what_the_package_reports(
    shape: tuple[int, ...], operator: Operator, output: tuple[int, ...], head: int, total: int, minimum: int
) -> None:
    content = tflite_file(TENSOR(shape), operator, [output])
    arena = micro_report(account(load_bytes("net.tflite", content)), pointers=64).arena
    assert (arena.head_bytes, arena.total_bytes, arena.minimum_bytes) == (head, total, minimum)
