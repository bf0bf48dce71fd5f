"""Files of TensorFlow Lite: what is written comes back, structure alone is read, faults are named."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from cnncalc import analyze
from cnncalc.analysis.loading import load_bytes
from cnncalc.analysis.report import account
from cnncalc.errors import DesignError
from cnncalc.interop.exporters import export
from cnncalc.interop.tflite_dilations import with_dilations
from cnncalc.interop.tflite_file import read_file
from cnncalc.interop.tflite_layers import tflite_net
from cnncalc.interop.tflite_net import Operator as FileOperator
from cnncalc.language.settings import Settings
from cnncalc.volume import Volume
from tests.interop.tflite_writer import TENSOR, Operator, tflite_file
from tests.memory.tflm_nets import every_net

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report


def written(text: str) -> bytes:
    """The file of a pattern."""
    content = export(analyze(text).resolved, "tflite")
    assert isinstance(content, bytes)
    return content


def read(content: bytes, **settings: Any) -> Report:
    """The report of a file."""
    return account(load_bytes("net.tflite", content, Settings(**settings)))


def kinds(report: Report) -> list[str]:
    return [row.kind for row in report.layers]


def refusal(content: bytes) -> str:
    with pytest.raises(DesignError) as error:
        read(content)
    return str(error.value)


@pytest.mark.parametrize("name", every_net())
def test_what_is_written_comes_back(name: str) -> None:
    """Volumes, weights and MACs of all layers with products, and as many layers of the other kinds."""
    given = analyze(every_net()[name])
    back = read(written(every_net()[name]))
    ours, theirs = [[row for row in report.layers if row.macs] for report in (given, back)]
    assert back.totals.macs == given.totals.macs
    assert [row.weights for row in theirs] == [row.weights for row in ours]
    assert [[size for size in row.output if size > 1] for row in theirs] == [
        [size for size in row.output if size > 1] for row in ours
    ]
    assert all(row.biases == row.output.depth for row in theirs)  # a converter gives each a bias
    assert [row.name for row in theirs] == [row.name for row in ours]
    assert not back.graph.warnings


@pytest.mark.parametrize(
    ("text", "kinds_read"),
    [
        ("INPUT 8x8x3 -> RELU -> SCALE(shared=yes) -> TANH", "input relu scale tanh"),
        (
            "INPUT 8x8x3 -> [SCALE(shift=no, shared=yes) | ] -> ADD -> SCALE(shared=yes) -> RELU",
            "input scale add scale relu",
        ),
        ("INPUT 8x8x1 -> TANH -> SCALE -> BN -> TANH", "input tanh scale scale tanh"),
        ("INPUT 8x8x1 -> TANH -> PRELU -> SCALE -> SOFTMAX", "input tanh prelu scale softmax"),
    ],
)
def test_a_single_number_of_a_written_file_is_a_parameter(text: str, kinds_read: str) -> None:
    """Its values are made up: the zeros do not make the layers before it a constant."""
    assert " ".join(kinds(read(written(text)))) == kinds_read


@pytest.mark.parametrize(
    ("keys", "codes", "parameters"),
    [
        ("", ["MUL", "ADD"], 8),
        ("shift=no", ["MUL"], 4),
        ("scale=no", ["ADD"], 4),
        ("shared=yes", ["MUL", "ADD"], 2),
        ("shared=yes, shift=no", ["MUL"], 1),
        ("shared=yes, scale=no", ["ADD"], 1),
    ],
)
def test_a_scale_without_factors_or_shifts_is_one_operator(keys: str, codes: list[str], parameters: int) -> None:
    text = f"INPUT 8x8x4 -> TANH -> SCALE({keys}) -> TANH"

    net = tflite_net(analyze(text).resolved)

    assert [each.code for each in net.operators] == ["TANH", *codes, "TANH"]
    back = read(written(text))
    assert (kinds(back), back.totals.parameters) == (["input", "tanh", "scale", "tanh"], parameters)


def test_the_record_of_a_file_is_the_one_that_was_written() -> None:
    for text in every_net().values():
        net = tflite_net(analyze(text).resolved)
        back = read_file(written(text)).net
        assert [(each.shape, each.type, each.scales, each.is_constant) for each in back.tensors] == [
            (each.shape, each.type, each.scales, each.is_constant) for each in net.tensors
        ]
        assert [(each.code, each.inputs, each.outputs) for each in back.operators] == [
            (each.code, each.inputs, each.outputs) for each in net.operators
        ]
        assert (back.inputs, back.outputs) == (net.inputs, net.outputs)


X = TENSOR(shape=(1, 8, 6, 4))


@pytest.mark.parametrize(
    ("operator", "tensors", "expected"),
    [
        (Operator("LOGISTIC"), [(1, 8, 6, 4)], "sigmoid"),
        (Operator("MEAN", constants=[(1, 2)]), [(1, 4)], "gap"),
        (Operator("RESHAPE", constants=[(1, 192)]), [(1, 192)], ""),
        (Operator("SPACE_TO_DEPTH", options={0: ("i", 2)}), [(1, 4, 3, 16)], "space2depth"),
        (Operator("L2_NORMALIZATION"), [(1, 8, 6, 4)], "l2norm"),
        (Operator("SLICE", constants=[(0, 0, 0, 1), (1, 8, 6, 2)]), [(1, 8, 6, 2)], "slice"),
        (Operator("ABS"), [(1, 8, 6, 4)], "abs"),
        (Operator("DEQUANTIZE"), [(1, 8, 6, 4)], ""),
        (Operator("SQUARE"), [(1, 8, 6, 4)], "square"),
    ],
)
def test_an_operator_is_a_kind(operator: Operator, tensors: list[tuple[int, ...]], expected: str) -> None:
    report = read(tflite_file(X, operator, tensors))
    assert kinds(report)[1:] == ([expected] if expected else [])
    assert sorted([size for size in report.layers[-1].output if size > 1]) == sorted(
        [size for size in (tensors[0] if expected else X.shape) if size > 1]
    )


@pytest.mark.parametrize("other", [float("nan"), float("inf"), 191.5])
def test_sizes_axes_and_pads_that_are_not_whole_are_refused(other: float) -> None:
    assert read(tflite_file(X, Operator("RESHAPE", constants=[(1.0, 192.0)]), [(1, 192)])).layers
    for operator in (Operator("RESHAPE", constants=[(1.0, other)]), Operator("MEAN", constants=[(1.0, other)])):
        assert "its input 2 must have whole numbers" in refusal(tflite_file(X, operator, [(1, 192)]))


def test_a_pad_has_one_value() -> None:
    for value, words in (((0.5,), ""), ((0.5, 1.5), "its input 3 must have 1 number, but has 2")):
        content = tflite_file(X, Operator("PADV2", constants=[(0, 0, 1, 1, 0, 0, 0, 0), value]), [(1, 10, 6, 4)])
        if words:
            assert words in refusal(content)
        else:
            assert read(content).layers[-1].output == Volume(10, 6, 4)


def test_an_operator_that_reads_nothing_is_refused() -> None:
    for code in ("LOGISTIC", "DEQUANTIZE", "ADD"):
        assert "it has no inputs" in refusal(tflite_file(X, Operator(code, omits=True), [(1, 8, 6, 4)]))


def test_a_size_that_the_file_leaves_open_is_computed() -> None:
    assert "cannot have the shape [1, 1, 2]" in refusal(tflite_file(X, Operator("RESHAPE"), [(1, 1, 2)]))
    content = tflite_file(X, Operator("RESHAPE"), [(1, 1, 2)], signature=(-1, -1, 2))
    assert read(content).layers[-1].output.elements == X.shape[1] * X.shape[2] * X.shape[3]


def blocks_around_a_convolution(last: tuple[int, int] = (2, 3), **options: Any) -> list[FileOperator]:
    """The operators, of those that make blocks, convolve them and put them together, that are left."""
    usual = {"padding": "VALID", "stride": [1, 1], "dilation": [1, 1], "activation": None}
    operators = [
        FileOperator("SPACE_TO_BATCH_ND", (0, 1, 2), (3,), {}, ("blocks",)),
        FileOperator("CONV_2D", (3, 4, 5), (6,), {**usual, **options}, ("conv",)),
        FileOperator("BATCH_TO_SPACE_ND", (6, 7, 8), (9,), {}, ("image",)),
    ]
    return [*with_dilations(operators, {1: (2, 3), 2: (2, 4, 3, 5), 7: last, 8: (0, 1, 0, 2)})]


def test_blocks_around_a_convolution_are_its_dilation() -> None:
    (joined,) = blocks_around_a_convolution()
    assert (joined.code, joined.inputs, joined.outputs) == ("CONV_2D", (0, 4, 5), (9,))
    assert (joined.options["dilation"], joined.options["pads"]) == ([2, 3], (2, 3, 3, 3))


@pytest.mark.parametrize("other", [{"last": (2, 2)}, {"padding": "SAME"}, {"stride": [2, 1]}, {"dilation": [1, 2]}])
def test_blocks_around_another_convolution_stay(other: dict[str, Any]) -> None:
    assert len(blocks_around_a_convolution(**other)) == 3


def test_an_unsupported_operator_is_named_and_may_be_stated() -> None:
    content = tflite_file(X, Operator("SVDF"), [(1, 8, 6, 5)])
    assert "SVDF is not supported: there are no recurrent layer kinds (at made)" in refusal(content)
    report = read(content, partial=True)
    assert kinds(report) == ["input", "opaque"]
    assert report.layers[-1].output == (8, 6, 5)


def test_an_operator_whose_axes_are_computed_says_so() -> None:
    content = tflite_file(X, Operator("MEAN"), [(1, 4)])
    assert "MEAN is not supported: no layer kind has its inputs or options" in refusal(content)


@pytest.mark.parametrize(
    "operator",
    [Operator("SLICE", constants=[(0, 0), (1, 8, 6, 4)]), Operator("SLICE", constants=[(0, 0, 0, 0), (1, 8, 6, 4, 1)])],
)
def test_lists_of_different_lengths_are_refused(operator: Operator) -> None:
    assert "is not supported: no layer kind has its inputs or options" in refusal(tflite_file(X, operator, [(1, 4)]))


@pytest.mark.parametrize(
    ("operator", "outputs", "words"),
    [
        (
            Operator("SLICE", constants=[(0, 5, 0, 0), (1, 4, 6, 4)]),
            [(1, 3, 6, 4)],
            "4 elements from 5 on of an axis with 8",
        ),
        (
            Operator("SLICE", constants=[(0, -1, 0, 0), (1, 4, 6, 4)]),
            [(1, 4, 6, 4)],
            "4 elements from -1 on of an axis",
        ),
        (
            Operator("SLICE", constants=[(0, 0, 0, 0), (1, -2, 6, 4)]),
            [(1, 8, 6, 4)],
            "-2 elements from 0 on of an axis",
        ),
        (Operator("PAD", constants=[(0, 0, -1, 0, 0, 0, 0, 0)]), [(1, 7, 6, 4)], "must be 0 or more"),
        (
            Operator("RESHAPE", constants=[(1, 4, 48)]),
            [(1, 192)],
            "has the output shape [1, 4, 48], but the file states",
        ),
        (
            Operator("SPLIT_V", constants=[(3, 5), (1,)]),
            [(1, 4, 6, 4), (1, 4, 6, 4)],
            "into parts [3, 5], but its outputs",
        ),
        (
            Operator("STRIDED_SLICE", constants=[(0, 9), (1, 10), (1, 1)], options={4: ("i", 2)}),
            [(1, 6, 4)],
            "it takes element 9 of an axis with 8",
        ),
    ],
)
def test_inputs_that_contradict_each_other_are_errors(
    operator: Operator, outputs: list[tuple[int, ...]], words: str
) -> None:
    assert words in refusal(tflite_file(X, operator, outputs))


@pytest.mark.parametrize(("x", "axis"), [(TENSOR(shape=()), 0), (X, 4), (X, -5)])
def test_axes_beyond_those_of_a_tensor_are_refused(x: TENSOR, axis: int) -> None:
    content = tflite_file(x, Operator("MEAN", constants=[(axis,)]), [(1, 4)])
    assert f"it names axis {axis}, but its tensor has {len(x.shape)} axes" in refusal(content)


def test_a_custom_operator_is_named() -> None:
    content = tflite_file(X, Operator("CUSTOM", name="my-op"), [(1, 8, 6, 5)])
    assert "CUSTOM my-op is not supported" in refusal(content)


def test_sizes_that_contradict_each_other_are_refused() -> None:
    content = tflite_file(X, Operator("RELU"), [(1, 8, 6, 5)])
    assert "Relu has the output shape [1, 8, 6, 4], but the file states [1, 8, 6, 5] for made" in refusal(content)


def test_another_input_of_the_call_drops_the_record_of_the_file() -> None:
    content = written("INPUT 16x16x3 -> CONV3-4 -> RELU -> GAP")
    assert load_bytes("net.tflite", content).stored is not None
    other = load_bytes("net.tflite", content, Settings(input=analyze("INPUT 24x24x3").layers[0].output))
    assert other.stored is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "its bytes 4 to 7 are not TFL3"),
        (b"\0" * 64, "its bytes 4 to 7 are not TFL3"),
        (struct.pack("<I4s", 0xFFFFFF, b"TFL3"), "a number of 4 bytes at byte 16,777,215 is beyond its end"),
        (struct.pack("<I4siHH", 8, b"TFL3", -100, 4, 4), "a number of 2 bytes at byte 108 is beyond its end"),
        (struct.pack("<I4siHH", 8, b"TFL3", -4, 5, 4), "or its layout is beyond its end"),
        (struct.pack("<I4siHH", 8, b"TFL3", -4, 4, 4), "it has no graph"),
    ],
)
def test_a_file_that_is_none_is_refused(content: bytes, message: str) -> None:
    assert f"is not a readable .tflite file: {message}" in refusal(content) or message in refusal(content)


def test_no_end_of_a_file_gives_anything_but_a_message() -> None:
    content = written("INPUT 9x9x2 -> CONV3-3 -> RELU -> FC-2")
    for end in range(0, len(content) - 1, 7):
        with pytest.raises(DesignError):
            read(content[:end])


def test_a_table_that_is_named_a_million_times_is_refused_at_once() -> None:
    """A vector of references that all lead to one table: the limit counts what is read, not what is stored."""
    content = tflite_file(X, Operator("RELU"), [(1, 8, 6, 4)], codes=100_000)
    assert "100,000 tables, more than 10,000" in refusal(content)
    content = tflite_file(X, Operator("RELU"), [(1, 8, 6, 4)], more_tensors=39_000, axes=8)
    assert "more than 300,000 tables and numbers" in refusal(content)
