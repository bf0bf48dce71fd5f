"""ONNX files, made here without the library: layers, volumes, weights, and what is said of the rest."""

from __future__ import annotations

import re
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cnncalc.analysis.loading import load_bytes
from cnncalc.analysis.report import Report, account
from cnncalc.errors import DesignError
from cnncalc.interop import onnx_versions
from cnncalc.interop.onnx_weights import OnnxWeights
from cnncalc.language.settings import DEFAULT_SETTINGS, Settings
from cnncalc.volume import Volume
from tests.interop.onnx_writer import Model, block, node, number, tensor, value_info

if TYPE_CHECKING:
    from collections.abc import Callable


def read(model: Model, settings: Settings = DEFAULT_SETTINGS, **shapes: tuple[int, ...]) -> Report:
    return account(load_bytes("net.onnx", model.bytes(shapes=dict(shapes)), settings))


def kinds(report: Report) -> str:
    return " ".join(row.layer.kind for row in report.layers[1:])


def labels(report: Report) -> str:
    return " ".join(row.layer.label() for row in report.layers[1:])


def conv(model: Model, depth: int, filters: int, kernel: int = 3, **keys: Any) -> str:
    name = f"w{len(model.tensors)}"
    weight = model.weight(name, (filters, depth // keys.get("group", 1), kernel, kernel))
    return model.add("Conv", model.last, weight, **keys)


def maps(depth: int = 8, **keys: Any) -> Model:
    """A model with a map of 12x10 and that depth."""
    model = Model(image=(1, 3, 12, 10), **keys)
    conv(model, 3, depth, pads=[1, 1, 1, 1])
    return model


def scalar(model: Model, value: float) -> str:
    return model.weight(f"c{len(model.tensors)}", (), [value])


def test_a_net_has_the_layers_of_its_file() -> None:
    model = Model(image=(1, 3, 23, 19))
    weight, bias = model.weight("w", (8, 3, 3, 5)), model.weight("b", (8,))
    model.add("Conv", "image", weight, bias, name="stage/conv", strides=[2, 1], pads=[1, 2, 1, 2])
    model.add("Relu")
    model.add("MaxPool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    model.add("Flatten")
    model.add("Gemm", model.last, model.weight("fc.w", (10, 8 * 6 * 9)), model.weight("fc.b", (10,)), transB=1)
    report = read(model)
    assert kinds(report) == "conv relu pool fc"
    assert [row.output for row in report.layers[:4]] == [(23, 19, 3), (12, 19, 8), (12, 19, 8), (6, 9, 8)]
    assert report.layers[1].name == "stage.conv"
    assert report.totals.weights == 8 * 3 * 3 * 5 + 10 * 8 * 6 * 9
    assert report.totals.biases == 8 + 10
    assert report.totals.macs == 12 * 19 * 8 * 3 * 3 * 5 + 10 * 8 * 6 * 9


def test_groups_of_one_channel_are_depthwise() -> None:
    model = maps()
    weight = model.weight("d", (16, 1, 3, 3))
    model.add("Conv", model.last, weight, group=8)
    conv(model, 16, 32, 1, group=4)
    assert labels(read(model)) == "CONV3-8 DWCONV3-2 CONV1-32(groups=4)"


@pytest.mark.parametrize("batch", ["N", None, 1, 4])
def test_figures_are_those_of_one_image(batch: str | int | None) -> None:
    model = Model(image=(batch, 3, 8, 8))
    conv(model, 3, 4)
    model.add("Reshape", model.last, model.shape("s", 4 if batch == 4 else 1, -1))
    model.add("MatMul", model.last, model.weight("f", (4 * 36, 5)))
    report = read(model)
    assert kinds(report) == "conv fc"
    assert report.totals.macs == 36 * 4 * 27 + 4 * 36 * 5


def test_channels_last_at_the_ends_cost_nothing() -> None:
    model = Model(image=(1, 12, 10, 3))
    model.add("Transpose", perm=[0, 3, 1, 2])
    conv(model, 3, 8)
    model.add("Transpose", perm=[0, 2, 3, 1])
    report = read(model)
    assert kinds(report) == "conv"
    assert report.layers[0].output == (12, 10, 3)


def test_same_padding_is_that_of_tensorflow() -> None:
    model = Model(image=(1, 3, 12, 11))
    conv(model, 3, 8, auto_pad="SAME_UPPER", strides=[2, 2])
    conv(model, 8, 8, auto_pad="SAME_LOWER", strides=[2, 2])
    report = read(model)
    assert [row.output for row in report.layers] == [(12, 11, 3), (6, 6, 8), (3, 3, 8)]
    assert [row.layer.written()["pad"] for row in report.layers[1:]] == ["same", [1, 1, 0, 0]]


def test_a_pad_before_a_convolution_is_its_own() -> None:
    model = maps()
    model.add("Pad", model.last, model.shape("p", 0, 0, 1, 2, 0, 0, 1, 2))
    conv(model, 8, 4)
    report = read(model)
    assert kinds(report) == "conv conv"
    assert report.layers[-1].layer.written()["pad"] == [1, 2]


def test_a_pad_that_a_maximum_would_see_stays() -> None:
    model = maps()
    model.add("Pad", model.last, model.shape("p", 0, 0, 1, 1, 0, 0, 1, 1))
    model.add("MaxPool", kernel_shape=[2, 2])
    assert kinds(read(model)) == "conv pad pool"


@pytest.mark.parametrize(
    ("keys", "sides"),
    [
        ({}, (25, 21)),
        ({"pads": [1, 0, 0, 1]}, (24, 20)),
        ({"output_padding": [1, 0]}, (26, 21)),
        ({"output_shape": [24, 20]}, (24, 20)),
        ({"auto_pad": "SAME_UPPER"}, (24, 20)),
    ],
)
def test_transposed_convolutions_have_the_sizes_of_onnx(keys: dict[str, Any], sides: tuple[int, int]) -> None:
    model = maps()
    model.add("ConvTranspose", model.last, model.weight("t", (8, 4, 3, 3)), strides=[2, 2], **keys)
    assert read(model).layers[-1].output == (*sides, 4)


def test_a_constant_per_channel_behind_a_convolution_is_its_bias() -> None:
    model = maps()
    model.add("Add", model.last, model.weight("b", (1, 8, 1, 1)))
    report = read(model)
    assert kinds(report) == "conv"
    assert report.totals.biases == 8


def test_a_sum_of_what_others_read_is_no_bias() -> None:
    model = maps()
    first = model.last
    model.add("Add", first, model.weight("b", (8, 1, 1), list(range(8))))
    second = model.last
    model.add("Add", first, second)
    report = read(model)
    assert labels(report) == "CONV3-8 SCALE(scale=no) ADD"
    assert (report.totals.weights, report.totals.biases) == (9 * 3 * 8, 8)


def test_learned_shifts_and_factors_are_layers_where_nothing_takes_them() -> None:
    model = Model(image=(1, 3, 8, 8))
    model.add("Relu", "image")
    model.add("Add", model.last, model.weight("b", (3, 1, 1)))
    model.add("Mul", model.last, model.weight("s", (3, 1, 1)))
    model.add("Sub", model.last, model.weight("c", (3, 1, 1)))
    model.add("GlobalAveragePool", model.last)
    model.add("Add", model.last, model.weight("d", (3, 1, 1)))
    model.add("Sigmoid", model.last)
    model.add("Add", model.last, "d")
    report = read(model)
    assert labels(report) == "RELU SCALE(scale=no) SCALE GAP SCALE(scale=no) SIGMOID SCALE(scale=no)"
    assert (report.totals.weights, report.totals.biases) == (3, 9)
    assert report.layers[-1].shared_with == report.layers[-3].name


@pytest.mark.parametrize(("transposed", "how"), [(0, (True, False)), (1, (True, True))])
def test_a_matrix_that_is_used_turned_is_shared_transposed(transposed: int, how: tuple[bool, bool]) -> None:
    model = Model(image=(1, 9))
    matrix = model.weight("w", (9, 9))
    model.add("Gemm", "image", matrix)
    model.add("Relu", model.last)
    model.add("Gemm", model.last, matrix, transB=transposed)
    report = read(model)
    assert labels(report) == "FC-9 RELU FC-9"
    assert (report.layers[-1].shared_with is not None, report.layers[-1].transposed) == how
    assert report.totals.weights == 9 * 9


def test_a_kernel_of_a_convolution_and_of_its_transpose_is_shared() -> None:
    model = Model(image=(1, 3, 8, 8))
    kernel = model.weight("w", (5, 3, 3, 3))
    model.add("Conv", "image", kernel)
    model.add("ConvTranspose", model.last, kernel, model.weight("b", (3,)))
    report = read(model)
    assert report.layers[-1].transposed
    assert (report.totals.weights, report.totals.biases) == (5 * 3 * 3 * 3, 3)


def test_a_projection_with_a_bias_added_is_shared_whole() -> None:
    model = Model(image=(1, 7, 9))
    matrix, bias = model.weight("w", (9, 9)), model.weight("b", (9,))
    for value in ("image", None):
        model.add("MatMul", value or model.last, matrix)
        model.add("Add", model.last, bias)
    report = read(model)
    assert labels(report) == "LINEAR-9 LINEAR-9"
    assert report.layers[-1].shared_with == report.layers[-2].name
    assert report.totals.parameters == 9 * 9 + 9


def test_a_factor_and_a_shift_of_the_same_numbers_are_two_layers() -> None:
    model = Model(image=(1, 3, 8, 8))
    model.add("Sigmoid", "image")
    model.add("Mul", model.last, model.weight("b", (3, 1, 1)))
    model.add("Relu", model.last)
    model.add("Add", model.last, "b")
    assert labels(read(model)) == "SIGMOID SCALE(shift=no) RELU SCALE(scale=no)"


def test_a_bias_of_heads_is_that_of_their_projection() -> None:
    model = Model(image=(1, 20, 12))
    model.add("MatMul", "image", model.weight("w", (12, 12)))
    model.add("Reshape", model.last, model.shape("s", 0, 20, 3, 4))
    model.add("Add", model.last, model.weight("b", (3, 4)))
    model.add("Reshape", model.last, model.shape("t", 0, 20, 12))
    report = read(model)
    assert labels(report) == "LINEAR-12"
    assert report.totals.parameters == 12 * 12 + 12


def test_sides_whose_elements_are_repeated_are_upsampled() -> None:
    model = maps(5)
    for name, shape, joined in (
        ("high", (1, 5, 12, 2, 10), (1, 5, 24, 10)),
        ("wide", (1, 5, 24, 10, 2), (1, 5, 24, 20)),
    ):
        single = [1 if size == 2 else size for size in shape]
        model.add("Reshape", model.last, model.shape(f"{name}0", *single))
        model.add("Expand", model.last, model.shape(f"{name}1", *shape))
        model.add("Reshape", model.last, model.shape(f"{name}2", *joined))
    assert labels(read(model)) == "CONV3-5 UPSAMPLE2"


def test_copies_before_a_side_are_not_supported() -> None:
    model = maps(5)
    model.add("Reshape", model.last, model.shape("a", 1, 5, 1, 12, 10))
    model.add("Expand", model.last, model.shape("b", 1, 5, 2, 12, 10))
    model.add("Reshape", model.last, model.shape("c", 1, 5, 24, 10))
    with pytest.raises(DesignError, match="expanded to a larger shape"):
        read(model)


def test_products_and_sums_per_channel_are_a_scale() -> None:
    model = maps()
    model.add("BatchNormalization", model.last, *[model.weight(f"n{i}", (8,)) for i in range(4)])
    model.add("Mul", model.last, model.weight("s", (8, 1, 1)))
    model.add("Add", model.last, model.weight("t", (8, 1, 1)))
    report = read(model)
    assert kinds(report) == "conv bn scale"
    assert (report.totals.buffers, report.totals.biases) == (16, 16)


@pytest.mark.parametrize(
    ("producer", "shape", "found", "parameters"),
    [
        ("pytorch", (1,), "RELU SCALE(shared=yes)", 2),
        ("pytorch", (1, 1, 1, 1), "RELU SCALE(shared=yes)", 2),
        ("pytorch", (), "RELU AFFINE(0.5, 0.5)", 0),
        ("cnncalc", (1, 1, 1), "RELU SCALE(shared=yes)", 2),
        ("tf2onnx", (1,), "RELU AFFINE(0.5, 0.5)", 0),
        ("", (1,), "RELU AFFINE(0.5, 0.5)", 0),
    ],
)
def test_one_number_with_axes_is_learned_if_the_program_writes_other_numbers_without(
    producer: str, shape: tuple[int, ...], found: str, parameters: int
) -> None:
    model = Model(image=(1, 3, 8, 8))
    model.producer = producer
    model.add("Relu", "image")
    model.add("Mul", model.last, model.weight("a", shape))
    model.add("Add", model.weight("b", shape), model.last)
    report = read(model)
    assert labels(report) == found
    assert report.totals.parameters == parameters


def test_squared_distances_from_rows_of_weights_are_an_rbf() -> None:
    model = maps()
    model.add("Flatten", model.last)
    flat = model.add("Unsqueeze", model.last, model.shape("a", 1))
    rows = model.add("Sub", flat, model.weight("c", (5, 8 * 12 * 10)))
    model.add("ReduceSumSquare", rows, axes=[2], keepdims=0)
    report = read(model)
    assert labels(report) == "CONV3-8 RBF-5"
    assert report.totals.buffers == 5 * 8 * 12 * 10
    model.add("ReduceSum", rows, model.shape("b", 2))
    with pytest.raises(DesignError, match=r"its constant of shape \[5, 960\] expands the tensor of \[1, 1, 960\]"):
        read(model)


def test_one_learned_number_is_no_parameter_of_a_layer_with_several_channels() -> None:
    model = Model(image=(1, 3, 8, 8))
    model.producer = "pytorch"
    model.add("Conv", "image", model.weight("w", (3, 3, 1, 1)))
    model.add("Add", model.last, model.weight("b", (1,)))
    model.add("Mul", model.last, model.weight("s", (3, 1, 1)))
    model.add("Add", model.last, model.weight("c", (1,)))
    model.add("Add", model.last, model.weight("t", (3, 1, 1)))
    assert (
        labels(read(model))
        == "CONV1-3 SCALE(scale=no, shared=yes) SCALE(shift=no) SCALE(scale=no, shared=yes) SCALE(scale=no)"
    )


def test_numbers_that_prepare_an_input_are_no_parameters() -> None:
    model = Model(image=(1, 3, 8, 8))
    model.add("Sub", "image", model.weight("mean", (1, 3, 1, 1), [1.0, 2.0, 3.0]))
    model.add("Div", model.last, scalar(model, 4.0))
    report = read(model)
    assert labels(report) == "AFFINE(shift=[-1, -2, -3]) AFFINE(0.25)"
    assert report.totals.parameters == 0


def test_weights_that_no_initializer_holds_are_weights() -> None:
    model = Model(image=(1, 3, 8, 8))
    weight = model.add("ConstantOfShape", model.shape("s", 6, 27))
    weight = model.add("Reshape", weight, model.shape("t", 6, 3, 3, 3))
    model.nodes.append(node("Constant", [], ["b"], value=tensor("", (6,), [0.1] * 6)))
    model.add("Conv", "image", model.add("Identity", weight), "b")
    report = read(model)
    assert kinds(report) == "conv"
    assert (report.totals.weights, report.totals.biases) == (6 * 27, 6)


def test_weights_of_two_layers_are_counted_once() -> None:
    model = Model(left=(1, 3, 8, 8), right=(1, 3, 8, 8))
    weight = model.weight("w", (4, 3, 3, 3))
    one, other = model.add("Conv", "left", weight), model.add("Conv", "right", weight)
    model.add("Sub", one, other)
    report = read(model)
    assert report.totals.weights == 4 * 27
    assert report.totals.macs == 2 * 36 * 4 * 27


def test_tensors_that_stand_for_several_are_said() -> None:
    model = Model(image=(1, 3, 8, 8))
    bias = model.weight("b", (3,))
    for name in ("v", "w"):
        model.add("Conv", model.last, model.weight(name, (3, 3, 1, 1)), bias)
    graph = load_bytes("net.onnx", model.bytes())
    assert (
        "21 numbers of the file are parameters of layers; 3 more are counted, since several layers have the same ones"
        in (graph.notes)
    )


# functions spelled out


def erf_gelu(model: Model) -> None:
    x = model.last
    model.add("Div", x, scalar(model, sqrt(2)))
    model.add("Erf")
    model.add("Add", scalar(model, 1.0), model.last)
    model.add("Mul", x, model.last)
    model.add("Mul", model.last, scalar(model, 0.5))


def halved_first_gelu(model: Model) -> None:
    x = model.last
    half = model.add("Mul", x, scalar(model, 0.5))
    model.add("Mul", x, scalar(model, 1 / sqrt(2)))
    model.add("Erf")
    model.add("Add", model.last, scalar(model, 1.0))
    model.add("Mul", half, model.last)


def tanh_gelu(model: Model) -> None:
    x = model.last
    model.add("Pow", x, scalar(model, 3.0))
    model.add("Mul", model.last, scalar(model, 0.044715))
    model.add("Add", x, model.last)
    model.add("Mul", model.last, scalar(model, 0.7978846))
    model.add("Tanh")
    model.add("Add", model.last, scalar(model, 1.0))
    model.add("Mul", x, model.last)
    model.add("Mul", model.last, scalar(model, 0.5))


def silu(model: Model) -> None:
    x = model.last
    model.add("Mul", x, model.add("Sigmoid", x))


def silu_by_exponential(model: Model) -> None:
    x = model.last
    model.add("Neg", x)
    model.add("Exp")
    model.add("Add", model.last, scalar(model, 1.0))
    model.add("Div", x, model.last)


def mish(model: Model) -> None:
    x = model.last
    model.add("Softplus", x)
    model.add("Tanh")
    model.add("Mul", x, model.last)


def clipped_swish(model: Model) -> None:
    x = model.last
    model.add("Add", x, scalar(model, 3.0))
    model.add("Clip", model.last, scalar(model, 0.0), scalar(model, 6.0))
    model.add("Mul", x, model.last)
    model.add("Div", model.last, scalar(model, 6.0))


def hard_sigmoid_swish(model: Model) -> None:
    x = model.last
    model.add("Mul", x, model.add("HardSigmoid", x, alpha=1 / 6, beta=0.5))


def two_limits(model: Model) -> None:
    model.add("Min", model.add("Max", model.last, scalar(model, 0.0)), scalar(model, 6.0))


def scaled_gelu(model: Model) -> None:
    erf_gelu(model)
    model.add("Mul", model.last, scalar(model, 1.7))


def hard_swish_with_small_numbers(model: Model) -> None:
    clipped_swish(model)
    model.add("Mul", model.last, scalar(model, 0.0235))
    model.add("Add", model.last, scalar(model, 5.5e-5))


@pytest.mark.parametrize(
    ("spell", "label"),
    [
        (erf_gelu, "GELU"),
        (halved_first_gelu, "GELU"),
        (tanh_gelu, "GELU(tanh)"),
        (silu, "SILU"),
        (silu_by_exponential, "SILU"),
        (mish, "MISH"),
        (clipped_swish, "HSWISH"),
        (hard_sigmoid_swish, "HSWISH"),
        (two_limits, "RELU6"),
        (scaled_gelu, "GELU AFFINE(1.7)"),
        (hard_swish_with_small_numbers, "HSWISH AFFINE(0.0235, 5.5e-05)"),
        (lambda model: model.add("HardSigmoid", alpha=0.2, beta=0.5), "HSIGMOID(0.2)"),
        (lambda model: model.add("Clip", model.last, "", scalar(model, 4.0)), "CLIP(high=4)"),
        (lambda model: model.add("LeakyRelu", alpha=0.1), "LRELU(0.1)"),
        (lambda model: model.add("Relu", model.add("Sigmoid", model.last)), "SIGMOID RELU"),
        (lambda model: model.add("Sub", scalar(model, 1.0), model.last), "AFFINE(-1, 1)"),
    ],
)
def test_functions_spelled_out_are_recognised(spell: Callable[[Model], Any], label: str) -> None:
    model = maps()
    spell(model)
    assert labels(read(model)).removeprefix("CONV3-8 ") == label


@pytest.mark.parametrize(("shape", "weights"), [((8, 1, 1), 8), ((8,), 8), ((1,), 1)])
def test_learned_slopes_are_parameters(shape: tuple[int, ...], weights: int) -> None:
    model = maps()
    model.add("PRelu", model.last, model.weight("slope", shape))
    report = read(model)
    assert kinds(report) == "conv prelu"
    assert report.layers[-1].weights == weights


def test_parts_of_weights_are_not_the_same_weights() -> None:
    model = Model(tokens=(1, 7, 12))
    first = model.add("Split", model.weight("w", (24, 12)), axis=0, outputs=2)
    one, other = model.add("MatMul", "tokens", first), model.add("MatMul", "tokens", f"{first}_1")
    model.add("Sub", one, other)
    report = read(model)
    assert report.totals.weights == 24 * 12


def test_a_residual_of_an_activation_is_a_sum() -> None:
    model = maps()
    x = model.last
    model.add("Add", x, model.add("Relu", x))
    assert kinds(read(model)) == "conv relu add"


def spelled_norm(model: Model, axes: list[int], *, centred: bool = True) -> None:
    x = model.last
    if centred:
        x = model.add("Sub", x, model.add("ReduceMean", x, axes=axes))
    model.add("Pow", x, scalar(model, 2.0))
    model.add("ReduceMean", axes=axes)
    model.add("Add", model.last, scalar(model, 1e-6))
    model.add("Div", x, model.add("Sqrt"))


def test_norms_spelled_out_are_recognised() -> None:
    model = maps()
    model.add("Transpose", perm=[0, 2, 3, 1])
    spelled_norm(model, [-1])
    model.add("Mul", model.last, model.weight("g", (8,)))
    model.add("Add", model.last, model.weight("h", (8,)))
    spelled_norm(model, [3], centred=False)
    model.add("Mul", model.last, model.weight("r", (8,)))
    report = read(model)
    assert kinds(report) == "conv ln rms"
    assert report.totals.weights == 8 * 27 + 8 + 8


def test_lengths_spelled_out_are_l2norm() -> None:
    model = maps()
    x = model.last
    model.add("ReduceL2", x, axes=[1])
    model.add("Clip", model.last, scalar(model, 1e-12))
    model.add("Expand", model.last, model.add("Shape", x))
    model.add("Div", x, model.last)
    assert kinds(read(model)) == "conv l2norm"


def test_a_norm_of_groups_spelled_as_instances_is_a_group_norm() -> None:
    model = maps()
    model.add("Reshape", model.last, model.shape("g", 0, 4, -1))
    model.add(
        "InstanceNormalization", model.last, model.weight("o", (4,), [1.0] * 4), model.weight("z", (4,), [0.0] * 4)
    )
    model.add("Reshape", model.last, model.shape("m", 1, 8, 12, 10))
    model.add("Mul", model.last, model.weight("s", (8, 1, 1)))
    model.add("Add", model.last, model.weight("t", (8, 1, 1)))
    report = read(model)
    assert kinds(report) == "conv gn"
    assert report.totals.parameters == 8 * 27 + 16


# moves


def span(model: Model, *numbers: int) -> list[str]:
    """The starts, ends, axes and steps of a Slice along one axis."""
    return [model.shape(f"s{len(model.tensors)}", value) for value in numbers]


def reshaped(model: Model, *sizes: int) -> None:
    model.add("Reshape", model.last, model.shape(f"s{len(model.tensors)}", *sizes))


def test_a_channel_shuffle_is_one_layer() -> None:
    model = maps()
    reshaped(model, 1, 2, 4, 12, 10)
    model.add("Transpose", perm=[0, 2, 1, 3, 4])
    reshaped(model, 1, 8, 12, 10)
    conv(model, 8, 8, 1)
    assert labels(read(model)) == "CONV3-8 SHUFFLE2 CONV1-8"


def test_pixel_shuffles_are_one_layer() -> None:
    model = maps()
    reshaped(model, 1, 2, 2, 2, 12, 10)
    model.add("Transpose", perm=[0, 1, 4, 2, 5, 3])
    reshaped(model, 1, 2, 24, 20)
    conv(model, 2, 8, 1)
    model.add("DepthToSpace", blocksize=2, mode="DCR")
    assert kinds(read(model)) == "conv depth2space conv depth2space"
    assert "dcr" in labels(read(model))


def test_a_focus_is_one_layer() -> None:
    model = Model(image=(1, 3, 12, 8))
    parts = []
    for column in (0, 1):
        for row in (0, 1):
            spans = [[row, column], [99, 99], [2, 3], [2, 2]]
            names = [model.shape(f"{number}{row}{column}", *values) for number, values in enumerate(spans)]
            parts.append(model.add("Slice", "image", *names))
    model.add("Concat", *parts, axis=1)
    conv(model, 12, 4)
    assert labels(read(model)) == "SPACE2DEPTH2(order=focus) CONV3-4"


def test_halves_put_together_again_are_nothing() -> None:
    model = maps()
    first, second = model.add("Split", model.last, axis=1, outputs=2), f"{model.last}_1"
    model.add("Concat", first, second, axis=1)
    model.add("Relu")
    assert kinds(read(model)) == "conv relu"


def test_a_half_times_the_sigmoid_of_the_other_is_a_gate() -> None:
    model = maps()
    first = model.add("Split", model.last, axis=1, outputs=2)
    model.add("Mul", first, model.add("Sigmoid", f"{first}_1"))
    assert kinds(read(model)) == "conv glu"


def test_unequal_parts_are_slices() -> None:
    model = maps()
    first = model.add("Split", model.last, model.shape("n", 3, 5), axis=1, outputs=2)
    model.add("Concat", f"{first}_1", first, axis=1)
    assert kinds(read(model)) == "conv slice slice concat"


def test_every_second_position_is_a_pool_of_one() -> None:
    model = maps()
    model.add("Slice", model.last, *span(model, 0, 99, 2, 5))
    report = read(model)
    assert labels(report).endswith("POOL1/5x1")
    assert report.layers[-1].output == (3, 10, 8)


def test_the_end_before_the_beginning_is_a_roll() -> None:
    model = maps()
    x = model.last
    end = model.add("Slice", x, *span(model, 5, 99, 2))
    begin = model.add("Slice", x, *span(model, 0, 5, 2))
    model.add("Concat", end, begin, axis=2)
    assert labels(read(model)).endswith("ROLL([-5, 0])")


def test_predictions_at_all_positions_lie_in_one_sequence() -> None:
    model = maps(12)
    model.add("Transpose", perm=[0, 2, 3, 1])
    reshaped(model, 1, -1, 4)
    one = model.last
    model.add("MaxPool", "conv0", kernel_shape=[2, 2], strides=[2, 2])
    model.add("Transpose", perm=[0, 2, 3, 1])
    reshaped(model, 1, -1, 4)
    model.add("Concat", one, model.last, axis=1)
    assert read(model).layers[-1].output == (12 * 10 * 3 + 6 * 5 * 3, 4)


def test_sizes_are_computed_from_shapes() -> None:
    model = maps()
    x = model.last
    model.add("Shape", x)
    model.add("Gather", model.last, model.weight("i", (), [2], form=7))
    model.add("Mul", model.last, model.weight("j", (), [10], form=7))
    model.add("Unsqueeze", model.last, model.shape("k", 0))
    model.add("Concat", model.shape("l", 1, 8), model.last, axis=0)
    model.add("Reshape", x, model.last)
    model.add("Relu")
    report = read(model)
    assert kinds(report) == "conv relu"


@pytest.mark.parametrize(
    ("keys", "label"),
    [
        ({}, "UPSAMPLE2"),
        ({"mode": "linear"}, "UPSAMPLE2"),
        (
            {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
            "RESIZE24x20(mode=bilinear, corners=yes)",
        ),
    ],
)
def test_resizing(keys: dict[str, Any], label: str) -> None:
    model = maps()
    model.add("Resize", model.last, "", model.weight("f", (4,), [1.0, 1.0, 2.0, 2.0]), **keys)
    assert labels(read(model)).endswith(label)
    model = maps()
    model.add("Resize", model.last, "", "", model.shape("f", 1, 8, 24, 20), **keys)
    assert read(model).layers[-1].output == (24, 20, 8)


@pytest.mark.parametrize(("opset", "axes"), [(9, "height, width, depth"), (13, "depth")])
def test_softmax_of_old_versions_is_over_all_further_axes(opset: int, axes: str) -> None:
    model = maps(opset=opset)
    model.add("Softmax", axis=1)
    label = labels(read(model)).rpartition("SOFTMAX")[2]
    assert label == ("([height, width, depth])" if axes != "depth" else "")


# sequences


def linear(model: Model, x: str, inputs: int, units: int, *, bias: bool = True) -> str:
    model.add("MatMul", x, model.weight(f"w{len(model.tensors)}", (inputs, units)))
    return model.add("Add", model.last, model.weight(f"b{len(model.tensors)}", (units,))) if bias else model.last


def heads_of(model: Model, x: str, perm: list[int]) -> str:
    model.last = x
    reshaped(model, 1, -1, 2, 6)
    return model.add("Transpose", perm=perm)


@pytest.mark.parametrize("fused", [False, True])
def test_attention_spelled_out_is_one_layer(*, fused: bool) -> None:
    model = Model(tokens=(1, 7, 12))
    model.add("LayerNormalization", "tokens", model.weight("g", (12,)), model.weight("h", (12,)))
    x = model.last
    if fused:
        linear(model, x, 12, 36)
        reshaped(model, 1, 7, 3, 2, 6)
        whole = model.add("Transpose", perm=[2, 0, 3, 1, 4])
        parts = [model.add("Gather", whole, model.weight(f"i{n}", (), [n], form=7), axis=0) for n in range(3)]
        query, key, value = parts[0], model.add("Transpose", parts[1], perm=[0, 1, 3, 2]), parts[2]
    else:
        query = heads_of(model, linear(model, x, 12, 12), [0, 2, 1, 3])
        key = heads_of(model, linear(model, x, 12, 12), [0, 2, 3, 1])
        value = heads_of(model, linear(model, x, 12, 12), [0, 2, 1, 3])
    model.add("MatMul", query, key)
    model.add("Mul", model.last, scalar(model, 1 / sqrt(6)))
    model.add("Softmax", axis=-1)
    model.add("MatMul", model.last, value)
    model.add("Transpose", perm=[0, 2, 1, 3])
    reshaped(model, 1, 7, 12)
    model.add("Add", x, linear(model, model.last, 12, 12))
    report = read(model)
    assert labels(report) == "LN(axes=depth) ATTENTION-2 ADD"
    assert report.totals.macs == 4 * 7 * 144 + 2 * 7 * 7 * 12
    assert report.totals.parameters == 4 * (144 + 12) + 24


def test_attention_with_another_scale_is_products_of_matrices() -> None:
    model = Model(tokens=(1, 7, 12))
    query, key = linear(model, "tokens", 12, 12), linear(model, "tokens", 12, 12)
    model.add("MatMul", query, model.add("Transpose", key, perm=[0, 2, 1]))
    model.add("Softmax", axis=-1)
    model.add("MatMul", model.last, linear(model, "tokens", 12, 12))
    report = read(model)
    assert kinds(report) == "linear linear matmul softmax linear matmul"
    assert report.totals.macs == 3 * 7 * 144 + 2 * 7 * 7 * 12


def test_tokens_and_positions_are_learned() -> None:
    model = Model(image=(1, 3, 16, 16))
    conv(model, 3, 8, 4, strides=[4, 4])
    reshaped(model, 1, 8, 16)
    model.add("Transpose", perm=[0, 2, 1])
    model.add("Concat", model.weight("token", (1, 1, 8)), model.last, axis=1)
    model.add("Add", model.last, model.weight("position", (1, 17, 8)))
    model.add("Slice", model.last, *span(model, 0, 1, 1))
    report = read(model)
    assert kinds(report) == "conv sequence token position slice"
    assert report.totals.weights == 8 * 48 + 8 + 17 * 8


def test_tokens_may_be_in_constant_nodes() -> None:
    model = Model(image=(1, 3, 16, 16))
    model.nodes.append(node("Constant", [], ["w"], value=tensor("", (8, 3, 4, 4))))
    model.add("Conv", "image", "w", strides=[4, 4])
    reshaped(model, 1, 8, 16)
    model.add("Transpose", perm=[0, 2, 1])
    rows = model.last
    model.nodes.append(node("Constant", [], ["token"], value=tensor("", (1, 1, 8))))
    model.add("Expand", "token", model.shape("sizes", 1, 1, 8))
    model.add("Concat", model.last, rows, axis=1)
    report = read(model)
    assert kinds(report) == "conv sequence token"
    assert report.totals.weights == 8 * 48 + 8


def test_an_einsum_is_a_product() -> None:
    model = Model(tokens=(1, 7, 12))
    model.add("Einsum", "tokens", model.weight("w", (12, 5)), equation="bnc,cd->bnd")
    report = read(model)
    assert labels(report) == "LINEAR-5"


# invalid files and unsupported operators


def test_all_unsupported_operators_are_named_at_once() -> None:
    model = maps()
    model.add("Erf", name="a")
    model.add("Relu")
    model.add("LSTM", model.last, model.weight("w", (1, 4, 4)), model.weight("r", (1, 4, 4)), name="b")
    with pytest.raises(DesignError) as caught:
        read(model)
    assert [problem.code for problem in caught.value.every] == ["no-equal"] * 2
    assert "(at a)" in str(caught.value)
    assert "(at b)" in str(caught.value)


def test_partial_import_states_what_is_known() -> None:
    model = maps()
    model.add("Erf", name="a")
    model.add("Relu")
    report = read(model, settings=Settings(partial=True))
    assert kinds(report) == "conv opaque relu"
    assert report.layers[-1].output == (12, 10, 8)


def test_an_open_size_is_stated_by_the_call() -> None:
    model = Model(image=("N", 3, "height", "width"))
    conv(model, 3, 4)
    with pytest.raises(DesignError, match=r"open \(\[\?x\?x3\]\)"):
        read(model)
    assert read(model, settings=Settings(input=Volume(9, 7, 3))).layers[-1].output == (7, 5, 4)


def test_a_wrong_output_is_an_error_and_a_wrong_value_a_warning() -> None:
    model = maps()
    first = model.last
    model.add("Relu", name="out")
    report = read(model, DEFAULT_SETTINGS, **{first: (1, 8, 99, 10)})
    assert "the file states [1, 8, 99, 10]" in report.warnings[0].message
    with pytest.raises(
        DesignError, match=r"has the output shape \[1, 8, 12, 10\], but the file states \[1, 9, 12, 10\]"
    ):
        read(model, out=(1, 9, 12, 10))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda model: conv(model, 4, 8), "its weights have the shape"),
        (lambda model: reshaped(model, 7, 9), "cannot have the shape"),
        (lambda model: model.add("Transpose", perm=[0, 0, 1, 2]), "must have each of the 4 axes once"),
        (lambda model: model.add("Transpose", perm=[0, 1, 2, -1]), "its order [0, 1, 2, -1] must have each of the"),
        (lambda model: model.add("Softmax", axis=-5), "it names axis -5, but its tensor has 4 axes"),
        (lambda model: model.add("Concat", model.last, model.last, axis=5), "it names axis 5, but its"),
        (lambda model: model.add("Flatten", axis=5), "it names axis 5, but its tensor has 4 axes"),
        (lambda model: model.add("ReduceMean", axes=[7]), "it names axis 7, but its"),
        (lambda model: model.add("Squeeze", model.last, model.shape("a", 8)), "it names axis 8, but its"),
        (
            lambda model: model.add("Unsqueeze", model.last, model.shape("a", 5)),
            "it names axis 5, but its tensor has 5",
        ),
        (
            lambda model: model.add("Slice", model.last, *[model.shape(name, 9) for name in "abc"]),
            "it names axis 9, but its tensor has 4 axes",
        ),
        (
            lambda model: model.add("MaxPool", kernel_shape=[3]),
            "its attribute kernel_shape must have 2 numbers for 2 sides, not 1",
        ),
        (
            lambda model: model.add("MaxPool", kernel_shape=[3, 3], strides=[0, 1]),
            "its strides [0, 1] and dilations [1, 1] must be 1 or more",
        ),
        (lambda model: model.add("MaxPool", kernel_shape=[30, 30]), "window must fit"),
        (lambda model: model.add("Add", model.last, model.weight("x", (5,))), "does not fit"),
        (lambda model: model.add("MatMul", model.last, model.weight("x", (5, 5))), "its weights need 5 inputs"),
        (lambda model: model.add("Expand", model.last, model.shape("x", 1, 2, 12, 10)), "cannot be expanded to"),
        (lambda model: model.add("Expand", model.last, model.shape("x", -1, 8, 12, 10)), "cannot be expanded to"),
        (lambda model: conv(model, 8, 8, auto_pad="SAME"), "its auto_pad is SAME, which is none of NOTSET, SAME_UPPER"),
        (lambda model: conv(model, 8, 8, strides=[]), "its attribute strides must have 2 numbers for 2 sides, not 0"),
        (lambda model: conv(model, 8, 8, auto_pad="VALID", pads=[1, 1]), "its pads have 2 numbers"),
        (
            lambda model: model.add("Conv", model.last, model.weight("w", (6, 8, 1, 1)), model.weight("b", (6, 1))),
            "its bias must have one number for each of 6 filters, but its shape is [6, 1]",
        ),
        (lambda model: deconv(model, model.weight("b", (3,))), "its bias must have one number for each of 4 filters"),
        (
            lambda model: deconv(model, kernel_shape=[3, 2]),
            "its kernel_shape is (3, 2), but its weights have the shape",
        ),
        (lambda model: deconv(model, output_padding=[-1, 0]), "its output_padding [-1, 0] must be 0 or more"),
        (
            lambda model: deconv(model, output_shape=[1, 4, 24, 20]),
            "its attribute output_shape must have 2 numbers for 2 sides, not 4",
        ),
        (lambda model: deconv(model, auto_pad="SAME_UPPER", pads=[1, 0, 0, 0]), "it has both pads and auto_pad SAME"),
        (lambda model: model.add("Pad", model.last, model.shape("p", *[0] * 8), mode="mirror"), "its mode is mirror"),
        (
            lambda model: model.add("DepthToSpace", blocksize=2, mode="RCD"),
            "its mode is RCD, which is none of DCR, CRD",
        ),
        (lambda model: model.add("Tile", model.last, model.shape("r", 1, 1, -1, 2)), "its repeats [1, 1, -1, 2] must"),
        (lambda model: model.add("Gather", model.last, model.shape("i", 12), axis=2), "it takes element 12 of an axis"),
        (
            lambda model: model.add(
                "Slice", model.last, *[model.shape(name, 1, 2) for name in "ab"], model.shape("c", 2, -2)
            ),
            "its axes [2, -2] name one axis twice",
        ),
        (
            lambda model: model.add("Split", outputs=3, axis=2, num_outputs=2),
            "it has no attribute num_outputs in operator",
        ),
        (lambda model: model.add("Split", outputs=5, axis=2), "it splits 12 elements into 5 parts without stating"),
        (
            lambda model: model.add("Split", model.last, model.shape("s", 4, 8), outputs=3, axis=2),
            "it splits into 2 parts, but has 3 outputs",
        ),
        (
            lambda model: batch_norm(model, (1, 8)),
            "its mean must have one number for each of 8 channels, but its shape is",
        ),
        (
            lambda model: model.add(
                "InstanceNormalization", model.last, model.weight("s", (8,)), model.weight("t", (4,))
            ),
            "its shift must have one number for each of 8 channels",
        ),
        (
            lambda model: model.add("LayerNormalization", model.last, model.weight("s", (120,)), axis=2),
            "its scale has the shape [120], but it normalizes [12, 10]",
        ),
        (lambda model: model.add("GlobalAveragePool", model.add("Flatten")), "its input has no sides"),
        (
            lambda model: model.add("Gemm", model.last, model.weight("w", (10, 5))),
            "its first matrix must have 2 axes, not the shape",
        ),
        (
            lambda model: model.add("Clip", model.last, model.weight("low", (2,), [0.0, 0.0])),
            "its limits must be one number each",
        ),
        (lambda model: resized(model, [1.0, 1.0, 2.0, 2.0], [1, 8, 24, 20]), "it has both sizes and scales"),
        (lambda model: resized(model, [1.0, 1.0, 2.0]), "it must have a size or scale for each of 4 axes, not 3"),
        (
            lambda model: resized(model, [1.0, 1.0, 2.0, 2.0], nearest_mode="up"),
            "its nearest_mode is up, which is none of",
        ),
    ],
)
def test_contradictions_are_errors_with_the_node(make: Callable[[Model], Any], words: str) -> None:
    model = maps()
    make(model)
    with pytest.raises(DesignError) as caught:
        read(model)
    assert words in str(caught.value)
    assert model.last in str(caught.value)


def deconv(model: Model, *bias: str, **keys: Any) -> None:
    model.add("ConvTranspose", model.last, model.weight("t", (8, 4, 3, 3)), *bias, strides=[2, 2], **keys)


def batch_norm(model: Model, mean: tuple[int, ...] = (8,), **keys: Any) -> None:
    shapes = {"scale": (8,), "shift": (8,), "mean": mean, "variance": (8,)}
    model.add("BatchNormalization", model.last, *[model.weight(name, shape) for name, shape in shapes.items()], **keys)


def resized(model: Model, scales: list[float], sizes: list[int] | None = None, **keys: Any) -> None:
    more = [] if sizes is None else [model.shape("sizes", *sizes)]
    model.add("Resize", model.last, "", model.weight("scales", (len(scales),), scales), *more, mode="nearest", **keys)


@pytest.mark.parametrize(
    ("opset", "type", "inputs", "keys", "words"),
    [
        (13, "HardSwish", 1, {}, "operator set 13 has no such operator (since 14)"),
        (10, "Upsample", 2, {}, "operator set 10 has no such operator (until 9)"),
        (13, "Square", 1, {}, "ONNX has no such operator"),
        (
            8,
            "MaxPool",
            1,
            {"kernel_shape": [2, 2], "ceil_mode": 1},
            "it has no attribute ceil_mode in operator set 8 (since 10)",
        ),
        (17, "Relu", 1, {"alpha": 1.0}, "it has no attribute alpha"),
        (17, "LRN", 1, {"alpha": 1.0}, "its attribute size is missing"),
        (17, "Softmax", 1, {"axis": 1.0}, "its attribute axis is a float, but must be an integer"),
        (17, "MaxPool", 1, {"kernel_shape": [2.0, 2.0]}, "its attribute kernel_shape is a list of floats, but must be"),
        (17, "Concat", 2, {}, "its attribute axis is missing"),
        (10, "Add", 1, {}, "it has 1 input, but 2 in operator set 10"),
        (10, "Clip", 3, {}, "it has 3 inputs, but 1 in operator set 10"),
        (17, "ReduceMean", 2, {}, "it has 2 inputs, but 1 in operator set 17"),
        (18, "ReduceMean", 3, {}, "it has 3 inputs, but 1 to 2 in operator set 18"),
        (12, "Concat", 0, {"axis": 1}, "it has 0 inputs, but 1 or more in operator set 12"),
    ],
)
def test_operators_are_those_of_their_operator_set(
    opset: int, type: str, inputs: int, keys: dict[str, Any], words: str
) -> None:
    model = Model(opset=opset, image=(1, 3, 8, 8))
    model.add("Relu", "image")
    given = [model.last] * inputs
    model.nodes.append(node(type, given, ["y"], "node", **keys))
    model.last = "y"
    with pytest.raises(DesignError, match=re.escape(f"node: {type}: {words}")):
        read(model)


def test_attributes_of_the_writer_and_operators_of_onnx_runtime_are_read() -> None:
    model = Model(opset=12, image=(1, 5, 8))
    model.add("Relu", "image", __writer=1)
    model.add("LayerNormalization", model.last, model.weight("s", (8,)), model.weight("t", (8,)), axis=-1)
    assert kinds(read(model)) == "relu ln"


def test_operators_of_a_newer_operator_set_are_not_compared() -> None:
    model = Model(opset=onnx_versions.NEWEST + 1, image=(1, 3, 8, 8))
    model.add("Relu", "image", alpha=1.0)
    assert kinds(read(model)) == "relu"


VALUES = {
    "INT": 1, "FLOAT": 1.0, "STRING": "a", "INTS": (1,), "FLOATS": (1.0,), "STRINGS": ("a",), "TENSOR": None,
    "SPARSE_TENSOR": None,
}  # fmt: skip


def test_the_operators_of_the_table_are_those_of_the_library() -> None:
    defs = pytest.importorskip("onnx.defs", reason="the onnx package is not installed")
    compared = 0
    for schema in defs.get_all_schemas_with_history():
        is_in_table = schema.domain == "" and schema.name in onnx_versions.table()
        if not is_in_table or schema.since_version > onnx_versions.NEWEST or schema.deprecated:
            continue
        compared += 1
        version = schema.since_version
        kinds = {name: attribute.type.name for name, attribute in schema.attributes.items()}
        every = {name: VALUES[kind] for name, kind in kinds.items()}
        needed = {name: every[name] for name, attribute in schema.attributes.items() if attribute.required}
        for inputs in {schema.min_input, min(schema.max_input, 9)}:
            for attributes in (needed, every):
                assert not onnx_versions.contradiction(schema.name, version, inputs, attributes)
        if schema.max_input < 9:
            assert onnx_versions.contradiction(schema.name, version, schema.max_input + 1, needed)
        assert onnx_versions.contradiction(schema.name, version, schema.min_input, {**needed, "other": 1})
        for name in needed:
            rest = {key: value for key, value in needed.items() if key != name}
            assert onnx_versions.contradiction(schema.name, version, schema.min_input, rest)
        for name, kind in kinds.items():
            wrong = {**needed, name: VALUES["STRING" if kind != "STRING" else "INT"]}
            has_type = name not in ("p", "to", "value", "sparse_value", "value_strings")
            assert bool(onnx_versions.contradiction(schema.name, version, schema.min_input, wrong)) == has_type
    assert compared > 300


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (lambda nodes, weight: block(1, nodes[0]) + block(1, nodes[0]), "it defines the value y a second time"),
        (lambda nodes, weight: block(1, node("Relu", ["y"], ["x"])), "it defines the value x a second time"),
        (lambda nodes, weight: block(5, weight) + block(1, node("Relu", ["x"], ["w"])), "the value w a second time"),
        (lambda nodes, weight: block(5, weight) + block(5, tensor("w", (5,))),
         "it defines the tensor w twice, with the shapes [4] and [5]"),
        (lambda nodes, weight: block(11, value_info("x", (1, 4))), "it defines the value x a second time"),
        (lambda nodes, weight: block(12, value_info("z", (1, 4))), "it has the output z, which no node gives"),
        (lambda nodes, weight: block(1, nodes[1] + nodes[1]), "a node has the attribute axis a second time"),
        (lambda nodes, weight: block(5, weight) + block(11, value_info("w", (3,))), "the tensor w has the shape [4]"),
        (lambda nodes, weight: block(5, number(1, 5) + number(2, 1) + block(8, "v") + block(9, bytes(16))),
         "the tensor v has 16 bytes, but its elements need 20"),
    ],
)  # fmt: skip
def test_names_are_given_once_and_tensors_are_whole(graph: Callable[[list[bytes], bytes], bytes], words: str) -> None:
    nodes = [node("Relu", ["x"], ["y"]), block(5, block(1, "axis") + number(3, 1) + number(20, 2))]
    given = block(11, value_info("x", (1, 4))) + block(12, value_info("y", None))
    head, tail = number(1, 8), block(8, number(2, 17))
    good = head + block(7, block(1, nodes[0]) + given + block(5, tensor("w", (4,)))) + tail
    assert kinds(account(load_bytes("net.onnx", good))) == "relu"
    more = graph(nodes, tensor("w", (4,)))
    with pytest.raises(DesignError, match=re.escape(words)):
        load_bytes("net.onnx", head + block(7, block(1, nodes[0]) + given + more) + tail)


def test_a_tensor_that_is_stored_twice_is_one() -> None:
    model = Model(image=(1, 4))
    for _ in range(2):
        model.weight("w", (4, 3))
    model.add("MatMul", "image", "w")
    assert read(model).totals.weights == 12


def test_a_batch_norm_with_one_scale_for_each_channel_is_spatial() -> None:
    model = maps(opset=8)
    batch_norm(model, spatial=0)
    report = read(model)
    assert kinds(report) == "conv bn"
    assert any("read as spatial=1" in note for note in report.graph.notes)
    model = maps(opset=8)
    shape = (8, 12, 10)
    model.add("BatchNormalization", model.last, *[model.weight(f"p{place}", shape) for place in range(4)], spatial=0)
    assert "it normalizes each element of a map" in refusal(model)


def test_upsample_makes_maps_smaller_too() -> None:
    model = maps(opset=9)
    model.add("Upsample", model.last, model.weight("s", (4,), [1.0, 1.0, 0.5, 0.5]))
    assert read(model).layers[-1].output == (6, 5, 8)


@pytest.mark.parametrize(
    ("type", "shapes", "keys", "reader", "why"),
    [
        ("LayerNormalization", [(10,)], {}, "Relu", "its output 2 is read, but no layer gives it"),
        ("BatchNormalization", [(8,)] * 4, {"training_mode": 1}, "Relu", "its output 2 is read, but no layer gives it"),
        ("Dropout", [], {}, "Not", "its output 2 is read, but no layer gives it"),
        (
            "MaxPool",
            [],
            {"kernel_shape": [2, 2]},
            "Identity",
            "its second output is indices, not activations, and Identity",
        ),
    ],
)
def test_further_outputs_that_are_read_are_no_activations(
    type: str, shapes: list[tuple[int, ...]], keys: dict[str, Any], reader: str, why: str
) -> None:
    model = maps()
    weights = [model.weight(f"p{place}", shape) for place, shape in enumerate(shapes)]
    made = model.add(type, model.last, *weights, outputs=2, **keys)
    assert kinds(read(model)).startswith("conv")
    if type != "MaxPool":
        outputs = load_bytes("net.onnx", model.bytes(made, f"{made}_1"))
        assert f"output 2 of {type} left out" in outputs.notes
    other = model.add(reader, f"{made}_1")
    model.add("Concat", made, other, axis=1)
    assert why in refusal(model)


def test_a_sum_before_a_normalization_is_its_fourth_output() -> None:
    model = Model(image=(1, 7, 8))
    first, second = model.add("Relu", "image"), model.add("Sigmoid", "image")
    weights = [model.weight(name, (8,)) for name in ("scale", "shift")]
    model.add("SkipLayerNormalization", first, second, *weights, name="n", outputs=4, domain="com.microsoft")
    model.add("Mul", "n", "n_3")
    assert kinds(read(model)) == "relu sigmoid add ln mul"


def test_a_normalization_after_a_sum_is_along_the_last_axis() -> None:
    model = Model(image=(1, 7, 8))
    first = model.add("Relu", "image")
    model.add("SkipLayerNormalization", first, "image", model.weight("scale", (8,)), domain="com.microsoft")
    last = read(model).layers[-1]
    assert (last.layer.kind, last.output, last.weights, last.biases) == ("ln", (7, 8), 8, 0)
    assert last.layer.written()["eps"] == 1e-12


def test_a_fused_activation_has_the_numbers_that_it_takes() -> None:
    for name, numbers, is_right in (
        ("Clip", [0.0, 6.0], True),
        ("Clip", [0.5], False),
        ("HardSigmoid", [0.1] * 3, False),
    ):
        model = Model(image=(1, 3, 8, 8))
        weight = model.weight("w", (4, 3, 3, 3))
        model.add("FusedConv", "image", weight, domain="com.microsoft", activation=name, activation_params=numbers)
        if is_right:
            assert kinds(read(model)) == "conv relu6"
            continue
        with pytest.raises(DesignError, match=f"its activation {name} takes 2 numbers, but has {len(numbers)}"):
            read(model)


@pytest.mark.parametrize("missing", ["q_num_heads", "kv_num_heads"])
def test_attention_of_three_axes_states_its_heads(missing: str) -> None:
    model = Model(opset=24, q=(1, 5, 8), k=(1, 5, 8), v=(1, 5, 8))
    keys: dict[str, Any] = {name: 2 for name in ("q_num_heads", "kv_num_heads") if name != missing}
    model.add("Attention", "q", "k", "v", **keys)
    with pytest.raises(DesignError, match=f"its attribute {missing} is missing"):
        read(model)


def test_weights_of_a_normalized_volume_have_its_sides_of_1() -> None:
    model = Model(image=(2, 1, 9, 8))
    model.add("LayerNormalization", "image", model.weight("s", (1, 9, 8)), name="n", axis=1)
    own = OnnxWeights("net.onnx", model.bytes(), DEFAULT_SETTINGS)
    row = account(own.graph).layer("n")
    (array,) = row.own_arrays
    assert own.array("n", array.name, array.shape).shape == (1, 9, 8)


def test_fractions_are_no_sizes() -> None:
    model = maps()
    model.add("Reshape", model.last, model.weight("s", (2,), [1.0, 960.5]))
    with pytest.raises(DesignError, match="its shape must be integers"):
        read(model)


def test_a_value_that_is_not_written_is_0() -> None:
    model = Model(image=(1, 4, 6, 5))
    model.add("Transpose", "image", perm=[1, 0, 2, 3])
    model.nodes.append(node("Concat", [model.last] * 2, ["y"]) + block(5, block(1, "axis") + number(20, 2)))
    model.add("Transpose", "y", perm=[1, 0, 2, 3])
    read(model, DEFAULT_SETTINGS, **{model.last: (1, 8, 6, 5)})


def test_functions_of_the_file_take_the_place_of_their_calls() -> None:
    model = maps()
    model.add("Gate", domain="own", alpha=0.3)
    body = block(4, "x") + block(5, "y") + block(10, "own") + block(1, "Gate") + block(9, number(2, 17))
    inner = node("LeakyRelu", ["x"], ["t"]) + block(5, block(1, "alpha") + block(21, "alpha") + number(20, 1))
    model.functions.append(body + block(7, inner) + block(7, node("Relu", ["t"], ["y"])))
    assert labels(read(model)) == "CONV3-8 LRELU(0.3) RELU"


# files that are broken or mean harm


def hostile_files() -> dict[str, bytes]:
    good = Model(image=(1, 3, 12, 12))
    conv(good, 3, 4)
    data = good.bytes()
    files = {f"cut after {end} bytes": data[:end] for end in range(0, len(data), len(data) // 7)}
    files["zeros"] = bytes(5000)
    files["words"] = b"no model at all " * 99
    files["empty nodes"] = block(7, block(1, b"") * 300_000)
    files["empty inputs"] = block(7, block(1, block(1, b"") * 300_000))
    files["many dimensions"] = block(7, block(5, number(1, 1) * 300_000))
    files["many numbers"] = block(7, block(1, block(5, block(1, "perm") + block(8, b"\1" * 300_000))))
    files["long name"] = block(7, block(1, block(3, "x" * 5000)))
    circle = Model(image=(1, 3, 12, 12))
    circle.nodes += [node("Relu", ["b"], ["a"], "x"), node("Relu", ["a"], ["b"], "y")]
    files["circle"] = circle.bytes("b")
    calls = Model(image=(1, 3, 12, 12))
    calls.add("F0", domain="own")
    for depth in range(7):
        inner = block(7, node(f"F{depth + 1}", ["x"], ["y"], domain="own")) * 40
        calls.functions.append(block(4, "x") + block(5, "y") + block(10, "own") + block(1, f"F{depth}") + inner)
    files["functions"] = calls.bytes()
    return files


@pytest.mark.parametrize(("name", "data"), hostile_files().items())
def test_broken_files_are_errors(name: str, data: bytes) -> None:
    with pytest.raises(DesignError) as caught:
        load_bytes("net.onnx", data)
    assert "net.onnx" in str(caught.value)


@pytest.mark.parametrize("size", [-1, 0, 1 << 31, 1 << 62])
@pytest.mark.parametrize(
    "make",
    [
        lambda model, size: model.add("Conv", "image", model.weight("w", (4, 3, 3, 3)), strides=[size, size]),
        lambda model, size: model.add("Conv", "image", model.weight("w", (4, 3, 3, 3)), group=size),
        lambda model, size: model.add("MaxPool", "image", kernel_shape=[size, size]),
        lambda model, size: model.add("Reshape", "image", model.shape("s", size, size)),
        lambda model, size: model.add("Resize", "image", "", "", model.shape("s", 1, 3, size, size)),
        lambda model, size: model.add("Tile", "image", model.shape("s", 1, size, 1, 1)),
        lambda model, size: model.add("Transpose", "image", perm=[size, 0, 1, 2]),
        lambda model, size: model.add("Expand", "image", model.shape("s", 1, 3, size, size)),
        lambda model, size: model.add("DepthToSpace", "image", blocksize=size),
        lambda model, size: model.add("Add", "image", model.add("ConstantOfShape", model.shape("s", size, size))),
        lambda model, size: model.add("Unsqueeze", "image", model.shape("s", *[size] * 20)),
    ],
)
def test_sizes_out_of_reach_are_errors_or_harmless(make: Callable[[Model, int], Any], size: int) -> None:
    model = Model(image=(1, 3, 12, 12))
    make(model, size)
    caught = None
    try:
        read(model)
    except DesignError as error:
        caught = str(error)
    assert caught is None or "net.onnx" in caught


def test_a_circle_is_an_error_at_its_nodes() -> None:
    model = Model(image=(1, 3, 12, 12))
    model.nodes += [node("Relu", ["b"], ["a"], "x"), node("Relu", ["a"], ["b"], "y")]
    with pytest.raises(DesignError, match="x: Relu: it reads b, which no earlier operator outputs"):
        load_bytes("net.onnx", model.bytes("b"))


def test_external_weights_are_never_opened() -> None:
    model = Model(image=(1, 3, 12, 12))
    outside = block(13, block(1, "location") + block(2, "../../secret")) + number(14, 1)
    shape = b"".join(number(1, size) for size in (4, 3, 3, 3))
    model.tensors.append(shape + number(2, 1) + block(8, "w") + outside)
    model.add("Conv", "image", "w")
    assert read(model).totals.weights == 4 * 27


def test_all_elements_gathered_by_indices_of_another_file_are_in_order() -> None:
    """As PyTorch writes the mean of each map: its as_strided is a Reshape and a Gather."""

    def gathers(count: int) -> Model:
        model = maps(8)
        model.add("GlobalAveragePool")
        model.add("Reshape", model.last, model.shape("flat", -1))
        outside = block(13, block(1, "location") + block(2, "weights")) + number(14, 1)
        sizes = b"".join(number(1, size) for size in (1, count, 1, 1))
        model.tensors.append(sizes + number(2, 7) + block(8, "indices") + outside)
        model.add("Gather", model.last, "indices", axis=0)
        conv(model, count, 4, kernel=1)
        return model

    report = read(gathers(8))
    assert labels(report) == "CONV3-8 GAP CONV1-4"
    assert any("in another file" in note for note in report.graph.notes)
    with pytest.raises(DesignError, match="its indices are not known"):
        read(gathers(7))


def test_indices_that_are_too_many_to_be_read_are_not_assumed_to_be_in_order() -> None:
    model = Model(image=(1, 3, 152, 152))
    model.add("Reshape", "image", model.shape("flat", -1))
    count = 3 * 152 * 152
    model.add("Gather", model.last, model.weight("indices", (1, 3, 152, 152), [*range(count)][::-1], form=7), axis=0)
    conv(model, 3, 4)
    with pytest.raises(DesignError, match="its indices are not known"):
        read(model)


def test_pads_of_a_map_with_the_depth_last_are_those_of_its_sides() -> None:
    model = maps(8)
    model.add("Transpose", model.last, perm=[0, 2, 3, 1])
    model.add("Pad", model.last, model.shape("pads", 0, 1, 2, 0, 0, 3, 0, 0))
    model.add("Transpose", model.last, perm=[0, 3, 1, 2])
    conv(model, 8, 4)
    report = read(model)
    assert labels(report) == "CONV3-8 CONV3-4"
    assert report.layers[-1].output == Volume(12 + 4 - 2, 10 + 2 - 2, 4)
    model = maps(8)
    model.add("Transpose", model.last, perm=[0, 2, 3, 1])
    model.add("Pad", model.last, model.shape("pads", 0, 1, 0, 0, 0, 0, 0, 5))
    assert labels(read(model)).split(" ", 1)[1] == "PAD([1, 0, 0, 0], depth=[0, 5])"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda model: model.add("Tile", model.last, model.shape("r", 1, 1, 0, 2)), "its result has no elements"),
        (lambda model: model.add("Expand", model.last, model.shape("s", 0, 8, 12, 10)), "its result has no elements"),
        (
            lambda model: model.add("Slice", model.last, *[model.shape(name, 2) for name in "abc"]),
            "its result has no elements",
        ),
        (
            lambda model: model.add("Pad", model.last, model.shape("p", 0, 0, 1, 0, 0, 0, -1, 0), mode="edge"),
            "its mode is edge, but it has negative pads",
        ),
        (
            lambda model: model.add("Clip", model.last, model.weight("a", (), [1.0]), model.weight("b", (), [0.0])),
            "its lower limit is above its upper one",
        ),
        (
            lambda model: model.add("Pad", model.last, model.shape("p", 0, 0, -6, 0, 0, 0, -6, 0)),
            "its result has no elements",
        ),
        (
            lambda model: model.add("AveragePool", kernel_shape=[3, 3], pads=[2] * 4, ceil_mode=1, count_include_pad=1),
            "it rounds up, and its pads [2, 2, 2, 2] are larger than half of its kernel",
        ),
        (lambda model: model.add("HardSigmoid", alpha=-0.5), "HSIGMOID has a slope above 0, not -0.5"),
        (
            lambda model: model.add("LayerNormalization", model.last, model.weight("s", (10,)), axis=2),
            "its scale has the shape [10], the normalized axes [12, 10]",
        ),
    ],
)
def test_what_no_layer_kind_computes_is_not_an_error_of_the_file(make: Callable[[Model], Any], why: str) -> None:
    model = maps()
    make(model)
    assert why in refusal(model)


def test_an_expanded_tensor_gives_an_expanded_sum() -> None:
    model = Model(image=(1, 3, 8, 1))
    first = model.add("Relu", "image")
    wide = model.add("Expand", first, model.shape("s", 1, 3, 8, 5))
    model.add("Add", wide, first, name="sum")
    assert read(model, sum=(1, 3, 8, 5)).layers[-1].output == (8, 1, 3)
    with pytest.raises(DesignError, match=r"has the output shape \[1, 3, 8, 5\], but the file states \[1, 3, 8, 1\]"):
        read(model, sum=(1, 3, 8, 1))
    model.add("Add", wide, model.weight("w", (4,)))
    with pytest.raises(DesignError, match="its input was expanded to a larger shape"):
        read(model)
    other = model.add("Expand", first, model.shape("t", 1, 3, 8, 4))
    model.add("Mul", wide, other)
    with pytest.raises(DesignError, match="which do not broadcast"):
        read(model)


@pytest.mark.parametrize(("type", "kinds_of"), [("ReduceSumSquare", "square"), ("ReduceL2", "abs")])
def test_sums_of_one_element_are_still_squares(type: str, kinds_of: str) -> None:
    model = Model(opset=18, image=(1, 3, 8, 1))
    model.add(type, model.add("Relu", "image"), model.shape("a", 3))
    assert kinds(read(model)) == f"relu {kinds_of}"
    model = Model(opset=18, image=(1, 3, 8, 4))
    model.add(type, model.add("Relu", "image"), model.shape("a"), noop_with_empty_axes=1)
    assert kinds(read(model)) == f"relu {kinds_of}"


def test_a_vector_times_stacked_weights_is_a_stack() -> None:
    model = Model(image=(4,))
    model.add("MatMul", "image", model.weight("w", (1, 1, 4, 3)), name="product")
    assert read(model, product=(1, 1, 3)).totals.weights == 12


@pytest.mark.parametrize(("kernel", "sides"), [(1, (23, 19)), (2, (24, 20)), (3, (24, 20))])
def test_nothing_is_added_after_a_transposed_kernel_below_its_stride(kernel: int, sides: tuple[int, int]) -> None:
    model = maps()
    weight = model.weight("t", (8, 4, kernel, kernel))
    model.add("ConvTranspose", model.last, weight, strides=[2, 2], auto_pad="SAME_UPPER")
    assert read(model).layers[-1].output == (*sides, 4)


@pytest.mark.parametrize(
    ("type", "keys", "note"),
    [
        ("BatchNormalization", {"epsilon": 0.0}, "BatchNormalization has the epsilon 0, BN 1e-05"),
        ("LRN", {"size": 4}, "LRN over an even number of channels reads other neighbours than LRN"),
        ("Resize", {}, "Resize samples other positions than UPSAMPLE: bilinear, asymmetric"),
    ],
)
def test_what_a_layer_computes_otherwise_is_noted(type: str, keys: dict[str, Any], note: str) -> None:
    model = maps(opset=10)
    if type == "BatchNormalization":
        batch_norm(model, **keys)
    elif type == "Resize":
        model.add("Resize", model.last, model.weight("scales", (4,), [1.0, 1.0, 2.0, 2.0]), mode="linear")
    else:
        model.add(type, **keys)
    assert note in read(model).graph.notes


@pytest.mark.parametrize(
    ("kernel", "shape", "why"),
    [
        (2, (), ""),
        (2, (1, 8, 12, 10), ""),
        (3, (), "its output has the sides [13, 11], but the input of the max pool [12, 10]"),
        (2, (1, 8, 12, 11), "its output has the sides [12, 11], but the input of the max pool [12, 10]"),
    ],
)
def test_an_unpool_has_the_sides_before_its_pool(kernel: int, shape: tuple[int, ...], why: str) -> None:
    model = maps()
    pooled = model.add("MaxPool", outputs=2, kernel_shape=[2, 2], strides=[2, 2])
    given = [model.shape("s", *shape)] if shape else []
    model.add("MaxUnpool", pooled, f"{pooled}_1", *given, kernel_shape=[kernel, kernel], strides=[2, 2])
    if why:
        assert why in refusal(model)
    else:
        assert kinds(read(model)) == "conv pool unpool"


def test_a_bias_for_each_row_is_none_for_each_unit() -> None:
    model = Model(image=(2, 5))
    model.add("Gemm", "image", model.weight("w", (5, 2)), model.weight("b", (2, 1)))
    assert "it adds a constant of shape [2, 1] to a tensor of [2, 2]" in refusal(model)
    model = Model(image=(1, 5))
    model.add("Gemm", "image", model.weight("w", (5, 2)), model.weight("b", (2, 1)))
    with pytest.raises(DesignError, match=r"its bias of shape \[2, 1\] does not fit a matrix of 1x2"):
        read(model)


def test_a_transpose_that_puts_images_among_channels_is_no_map() -> None:
    model = Model(image=(2, 3, 4, 3))
    model.add("MaxPool", "image", kernel_shape=[1, 1])
    model.add("Transpose", perm=[2, 0, 1, 3])
    model.add("MaxPool", kernel_shape=[1, 1])
    assert "it mixes the images of a batch" in refusal(model)
    model = Model(image=(2, 3, 4, 6))
    reshaped(model, 3, 48)
    model.add("Relu")
    assert "it mixes the images of a batch" in refusal(model)


@pytest.mark.parametrize(("type", "more"), [("InstanceNormalization", 2), ("GroupNormalization", 2)])
def test_what_normalizes_images_needs_them_in_the_first_axis(type: str, more: int) -> None:
    model = Model(opset=21, image=(1, 6, 4, 8))
    reshaped(model, 3, 4, 2, 8)
    keys: dict[str, Any] = {"num_groups": 2} if type == "GroupNormalization" else {}
    model.add(type, model.last, *[model.weight(f"w{number}", (4,)) for number in range(more)], **keys)
    assert "its first axis is not only the images of a batch" in refusal(model)


@pytest.mark.parametrize("type", ["MaxPool", "Conv", "GlobalAveragePool", "Resize"])
def test_what_is_the_same_for_all_images_stays_so(type: str) -> None:
    model = Model(x=(3, 4, 8, 8), y=(1, 4, 8, 8))
    if type == "Resize":
        sizes = model.shape("s", 1, 4, 9, 9)
        model.add("Resize", "y", "", "", sizes, mode="nearest", name="one")
    elif type == "Conv":
        model.add("Conv", "y", model.weight("w", (4, 4, 1, 1)), name="one")
    else:
        keys: dict[str, Any] = {} if type == "GlobalAveragePool" else {"kernel_shape": [2, 2]}
        model.add(type, "y", name="one", **keys)
    model.add("MaxPool", "x", kernel_shape=[1, 1])
    sides = {"MaxPool": 7, "Conv": 8, "GlobalAveragePool": 1, "Resize": 9}[type]
    load_bytes("net.onnx", model.bytes(model.last, "one", shapes={"one": (1, 4, sides, sides)}))
    with pytest.raises(DesignError, match="the file states"):
        load_bytes("net.onnx", model.bytes(model.last, "one", shapes={"one": (3, 4, sides, sides)}))


@pytest.mark.parametrize(
    ("change", "are_shared"),
    [
        (lambda model: "w", True),
        (lambda model: model.add("Reshape", "w", model.shape("s", 4, 4)), True),
        (lambda model: model.add("Exp", "w"), False),
        (lambda model: model.add("Neg", "w"), False),
        (lambda model: model.add("Reshape", model.add("Transpose", "w", perm=[1, 0]), model.shape("s", 4, 4)), False),
    ],
)
def test_only_equal_weights_are_shared(change: Callable[[Model], str], are_shared: bool) -> None:
    model = Model(image=(1, 4))
    model.weight("w", (4, 4))
    first = model.add("MatMul", "image", "w")
    activated = model.add("Relu", first)
    model.add("MatMul", activated, change(model))
    report = read(model)
    assert (report.layers[-1].shared_with is not None) == are_shared
    assert report.totals.weights == (16 if are_shared else 32)
    assert any("16 more are counted" in note for note in report.graph.notes) != are_shared


@pytest.mark.parametrize(("number", "are_shared"), [(-1.0, True), (-2.0, False)])  # the hashes of -1 and -2 are equal
def test_multiples_are_shared_only_if_their_factors_are_equal(number: float, are_shared: bool) -> None:
    model = Model(image=(1, 4))
    model.weight("w", (4, 4))
    model.nodes += [node("Constant", [], [name], value_float=value) for name, value in (("a", -1.0), ("b", number))]
    model.add("MatMul", "image", model.add("Mul", "w", "a"))
    activated = model.add("Relu")
    model.add("MatMul", activated, model.add("Mul", "w", "b"))
    assert (read(model).layers[-1].shared_with is not None) == are_shared


def test_weights_may_be_computed_in_many_steps() -> None:
    model = Model(image=(1, 4))
    made = model.weight("w", (4, 4))
    for _ in range(3_000):
        made = model.add("Neg", made)
    model.add("MatMul", "image", made)
    model.add("MatMul", model.last, made)
    assert read(model).layers[-1].shared_with == read(model).layers[-2].name


def test_equal_computations_give_equal_weights() -> None:
    model = Model(image=(1, 4))
    model.weight("w", (4, 4))
    model.add("MatMul", "image", model.add("Exp", "w"))
    activated = model.add("Relu")
    model.add("MatMul", activated, model.add("Exp", "w"))
    assert read(model).totals.weights == 16


def test_shares_have_the_shapes_of_their_layers() -> None:
    model = Model(image=(1, 2))
    model.weight("w", (2, 3))
    model.add("MatMul", "image", "w")
    activated = model.add("Relu")
    model.add("MatMul", activated, model.add("Reshape", "w", model.shape("s", 3, 2)))
    assert labels(read(model)) == "FC-3 RELU FC-2"


def test_a_constant_that_is_added_and_subtracted_is_not_shared() -> None:
    model = Model(image=(1, 3, 4, 4))
    model.add("Relu", "image")
    model.add("Add", model.last, model.weight("p", (3, 4, 4)))
    model.add("Relu")
    model.add("Sub", model.last, "p")
    report = read(model)
    assert kinds(report) == "relu position relu position"
    assert report.layers[-1].shared_with is None


def test_an_output_that_changes_nothing_is_that_of_the_layer_before() -> None:
    model = maps()
    model.add("Sigmoid")
    model.add("Clip")
    assert kinds(read(model)) == "conv sigmoid"


@pytest.mark.parametrize(("fmod", "height"), [(0, 10), (1, 9)])
def test_remainders_have_the_sign_of_their_operator_set(fmod: int, height: int) -> None:
    model = Model(image=(1, 3, 8, 4))
    rest = model.add("Mod", model.shape("a", -7), model.shape("b", 3), fmod=fmod)  # 2, or -1
    zeros = model.shape("z", 0, 0)
    pads = model.add("Concat", zeros, rest, model.shape("q", 0, 0, 0, 0 if not fmod else 2, 0), axis=0)
    model.add("Pad", "image", pads)
    model.add("Relu")
    assert read(model).layers[-1].output == (height, 4, 3)


def refusals(model: Model) -> str:
    with pytest.raises(DesignError) as caught:
        read(model)
    assert {problem.code for problem in caught.value.problems} == {"no-equal"}
    return "\n".join(problem.message for problem in caught.value.problems)


def refusal(model: Model) -> str:
    found = refusals(model)
    assert "\n" not in found
    return found


@pytest.mark.parametrize(
    ("type", "keys", "kind"),
    [("Selu", {}, "selu"), ("Selu", {"alpha": 2.0}, ""), ("Selu", {"gamma": 1.5}, ""), ("Swish", {}, "silu"),
     ("Swish", {"alpha": 1.0}, "silu")],
)  # fmt: skip
def test_functions_with_other_numbers_than_their_kind_are_refused(type: str, keys: dict[str, Any], kind: str) -> None:
    model = Model(opset=24, image=(1, 3, 4, 4))
    model.add(type, "image", **keys)
    if kind:
        assert kinds(read(model)) == kind
    else:
        assert "SELU has" in refusal(model)


def joining(type: str, model: Model, image: str) -> None:
    """Adds an operator that puts images of a batch of 5 together."""
    keys: dict[str, Any] = {"axis": 0} if type in ("Softmax", "LayerNormalization", "Gather", "Concat") else {}
    integers = {"Gather": [[0, 1, 3]], "Slice": [[1], [3], [0]], "Tile": [[2, 1]]}
    others = [model.shape(f"n{number}", *values) for number, values in enumerate(integers.get(type, []))]
    if type == "LayerNormalization":
        others = [model.weight("scale", (5, 6))]
    elif type == "Concat":
        others = [image]
    elif type == "MatMul":
        others = [model.add("Transpose", image, perm=[1, 0])]
    elif type == "Gemm":
        others, keys = [model.weight("w", (5, 4))], {"transA": 1}
    model.add(type, image, *others, **keys)


@pytest.mark.parametrize(
    "type", ["Softmax", "LayerNormalization", "Gather", "Slice", "Concat", "Tile", "MatMul", "Gemm"]
)
def test_what_puts_images_of_a_batch_together_is_refused(type: str) -> None:
    model = Model(image=(5, 6))
    joining(type, model, "image")
    assert "batch" in refusal(model)


def test_a_tensor_along_the_batch_is_not_combined_with_images() -> None:
    model = Model(opset=6, image=(5, 6), other=(5,))
    model.add("Add", "image", "other", broadcast=1, axis=0)
    assert "it combines the images of a batch with" in refusal(model)


def test_an_input_of_one_image_is_the_same_for_every_image_of_a_batch() -> None:
    model = Model(image=(5, 3, 4, 4), mask=(1, 1, 4, 4))
    flat = model.add("Reshape", "mask", model.shape("s", 1, 1, 1, 16))
    model.add("Mul", "image", model.add("Reshape", flat, model.shape("t", 1, 1, 4, 4)))
    report = read(model)
    assert kinds(report) == "input mul"
    assert report.layers[-1].output == Volume(4, 4, 3)


@pytest.mark.parametrize(
    ("keys", "scale", "label", "is_said"),
    [
        ({"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}, 2, "UPSAMPLE2", False),
        ({"mode": "nearest"}, 2, "UPSAMPLE2", False),
        ({"mode": "nearest", "nearest_mode": "ceil"}, 2, "UPSAMPLE2", True),
        ({"mode": "linear"}, 2, "UPSAMPLE2", False),
        ({"mode": "linear", "coordinate_transformation_mode": "asymmetric"}, 2, "UPSAMPLE2", True),
        ({"mode": "linear", "coordinate_transformation_mode": "align_corners"}, 2,
         "RESIZE16(mode=bilinear, corners=yes)", False),
        ({"mode": "linear"}, 0.7, "RESIZE(factor=0.7, mode=bilinear)", False),
        ({"mode": "linear"}, 0.75, "RESIZE6(mode=bilinear)", False),
        ({"mode": "cubic", "cubic_coeff_a": -0.5}, 2, "RESIZE16(mode=bicubic)", True),
        ({"mode": "linear", "antialias": 1}, 0.5, "RESIZE4(mode=bilinear)", True),
    ],
)  # fmt: skip
def test_a_resize_is_what_takes_the_same_elements_or_it_is_said(
    keys: dict[str, Any], scale: float, label: str, is_said: bool
) -> None:
    model = Model(opset=19, image=(1, 3, 8, 8))
    model.add("Resize", "image", "", model.weight("scales", (4,), [1, 1, scale, scale]), **keys)
    graph = load_bytes("net.onnx", model.bytes())
    assert labels(account(graph)) == label
    assert any("samples other positions" in note for note in graph.notes) == is_said


def test_a_ratio_is_kept_where_a_resize_asks_for_it() -> None:
    for policy, sides in (("not_larger", (6, 3)), ("not_smaller", (14, 7))):
        model = Model(opset=19, image=(1, 3, 8, 4))
        sizes = model.shape("sizes", 6, 7)
        model.add("Resize", "image", "", "", sizes, mode="nearest", axes=[2, 3], keep_aspect_ratio_policy=policy)
        assert read(model).layers[-1].output == Volume(*sides, 3)


@pytest.mark.parametrize(
    ("keys", "why"),
    [({"softcap": 2.0}, "softcap"), ({"left_window_size": 1}, "left_window_size"), ({}, "earlier positions")],
)
def test_attention_with_more_than_a_mask_is_refused(keys: dict[str, Any], why: str) -> None:
    model = Model(opset=25, q=(1, 2, 5, 4), k=(1, 2, 5, 4), v=(1, 2, 5, 4), past=(1, 2, 3, 4))
    model.add("Attention", "q", "k", "v", *([] if keys else ["", "past", "past"]), **keys)
    assert why in refusal(model)


def test_normalizations_of_some_sides_name_them() -> None:
    model = Model(image=(1, 3, 4, 5))
    model.add("LayerNormalization", "image", model.weight("s", (4, 5)), model.weight("b", (4, 5)), axis=2)
    assert labels(read(model)) == "LN(axes=[width, depth])"
    assert read(model).totals.parameters == 2 * 20


def test_a_factor_a_channel_is_not_the_scale_of_a_normalization_of_the_volume() -> None:
    model = Model(image=(1, 3, 4, 5))
    square = model.add("Mul", "image", "image")
    mean = model.add("ReduceMean", square, axes=[1, 2, 3])
    root = model.add("Sqrt", model.add("Add", mean, scalar(model, 1e-5)))
    model.add("Div", "image", root)
    model.add("Mul", model.last, model.weight("w", (3, 1, 1)))
    report = read(model)
    assert kinds(report) == "rms scale"
    assert report.totals.parameters == 3


def test_the_numbers_of_gemm_are_parts_of_its_weights() -> None:
    model = Model(x=(2, 5))
    model.add("Gemm", "x", model.weight("w", (5, 3)), model.weight("b", (3,)), alpha=0.5, beta=2.0)
    graph = load_bytes("net.onnx", model.bytes())
    assert kinds(account(graph)) == "fc"
    assert graph.notes == ("the weights of Gemm are multiplied by its constant factor (2 times)",)


def test_a_constant_that_expands_a_tensor_is_not_supported() -> None:
    model = Model(x=(1, 1, 4))
    model.add("Add", "x", model.weight("w", (1, 3, 4)))
    assert "expands the tensor of" in refusal(model)
    model = Model(x=(1, 3, 4, 4))
    model.add("PRelu", "x", model.weight("slope", (1, 1, 3, 1, 1)))
    assert "its constant of shape [1, 1, 3, 1, 1] has more axes than [1, 3, 4, 4]" in refusal(model)


def test_pads_of_some_axes_of_a_constant_are_computed() -> None:
    model = maps(4, opset=18)
    padded = model.add(
        "Pad", model.weight("w", (6, 4, 1, 1)), model.shape("p", 1, 0, 1, 1), "", model.shape("a", 2, 3), name="padded"
    )
    model.add("Conv", "conv0", padded, name="conv")
    assert read(model).layers[-1].weights == 6 * 4 * 3 * 2


def test_a_sequence_that_is_turned_before_its_first_product_keeps_its_batch() -> None:
    model = Model(x=(1, 7, 8))
    model.add("Transpose", "x", perm=[1, 0, 2])
    model.add("MatMul", model.last, model.weight("w", (8, 5)))
    assert [row.output for row in read(model).layers] == [(7, 8), (7, 5)]
    model = Model(x=(7, 1, 8))  # positions first: the axis of 1 is the batch
    model.add("Transpose", "x", perm=[1, 0, 2])
    model.add("MatMul", model.last, model.weight("w", (8, 5)))
    assert [row.output for row in read(model).layers] == [(7, 8), (7, 5)]


def test_functions_that_choose_by_a_comparison_are_recognised() -> None:
    model = maps(4)
    x = model.last
    safe = model.add("Log", model.add("Add", model.add("Exp", x), scalar(model, 1.0)))
    model.add("Where", model.add("Greater", x, scalar(model, 20.0)), x, safe)
    assert kinds(read(model)) == "conv softplus"
    model = maps(4)
    x = model.last
    model.add("Where", model.add("Less", x, scalar(model, 0.0)), model.add("Mul", x, scalar(model, 0.1)), x)
    assert labels(read(model)).endswith("LRELU(0.1)")
    model = maps(4)
    x = model.last
    model.add("Mul", model.add("Sign", x), model.add("Relu", model.add("Abs", x)))
    assert kinds(read(model)) == "conv"
    model = maps(4)
    x = model.last
    model.add("Where", model.add("Greater", x, scalar(model, 1.0)), scalar(model, 5.0), x)
    assert "Where is not supported: no layer kind computes it" in refusals(model)


def test_a_choice_between_tensors_is_refused() -> None:
    model = Model(image=(1, 3, 4, 4), other=(1, 3, 4, 4))
    model.add("Where", model.add("Greater", "image", scalar(model, 0.0)), "image", "other")
    assert "its condition and its choices depend on different tensors" in refusals(model)


def test_operators_on_two_tensors_are_refused_for_what_they_do() -> None:
    model = Model(image=(1, 3, 4, 4), other=(1, 3, 4, 4))
    model.add("Greater", "image", "other")
    assert "Greater is not supported: it compares different tensors" in refusals(model)
    model = Model(image=(1, 3, 4, 4))
    model.add("Pow", "image", "image")
    assert "Pow is not supported: no layer kind computes it on two tensors" in refusals(model)


def test_the_manual_names_as_many_cases_of_the_suite_as_run() -> None:
    tests = Path(__file__).parents[1]
    first = (tests / "golden" / "onnx-backend.txt").read_text(encoding="utf-8").split("\n")[0]
    ran, number = first.split(": ")[1].removesuffix(" cases run").split(" of ")
    page = " ".join((tests.parent / "docs" / "onnx.md").read_text(encoding="utf-8").split())
    assert f"Of the {int(number):,} cases of the package's own suite" in page
    assert f" {ran} are made of supported operators" in page


def test_the_last_axis_of_several_maps_is_padded() -> None:
    model = maps(8)
    model.add("Reshape", model.last, model.shape("s", 96, 1, 10))
    model.add("Pad", model.last, model.shape("pads", 0, 0, 0, 0, 0, 1))
    model.add("Reshape", model.last, model.shape("t", 1, 8, 12, 11))
    model.add("Relu")
    report = read(model)
    assert report.layers[-1].output.elements == 8 * 12 * 11
    assert kinds(report).endswith("pad relu")


def test_what_is_expanded_may_be_transposed() -> None:
    model = maps(8)
    pooled = model.add("ReduceMean", model.last, axes=[2, 3])
    wide = model.add("Expand", pooled, model.shape("s", 1, 8, 10, 12), name="wide")
    model.add("Mul", "conv0", model.add("Transpose", wide, perm=[0, 1, 3, 2], name="transposed"))
    assert kinds(read(model)) == "conv gap mul"
