"""ONNX files that pick, repeat, crop and sum elements: the layers are named, and compute what NumPy computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cnncalc.analysis.loading import load_bytes
from cnncalc.analysis.report import account
from cnncalc.errors import DesignError
from cnncalc.interop.onnx_weights import OnnxWeights
from cnncalc.interop.tensor_weights import from_volume, to_volume
from cnncalc.language.settings import DEFAULT_SETTINGS
from cnncalc.run.forward import run
from cnncalc.run.weights import build
from tests.interop.onnx_writer import Model

if TYPE_CHECKING:
    from collections.abc import Callable

X = np.random.default_rng(5).random((1, 4, 5, 7)) - 0.5
"""A map of 4 channels and 5 x 7 positions."""


def check(model: Model, expected: Any, kinds: str, x: Any = X) -> None:
    """Compares the kinds, and the output for the input ``x``, which has the order of the file."""
    data = model.bytes()
    own = OnnxWeights("net.onnx", data, DEFAULT_SETTINGS)
    batch = own.origins.batch
    report = account(load_bytes("net.onnx", data), batch=batch)
    assert " ".join(row.layer.kind for row in report.layers[1:]) == kinds
    weights = build(report)
    for row, arrays in zip(report.layers, weights, strict=True):
        for name in arrays:
            arrays[name] = own.array(row.name, name, arrays[name].shape)
    images = {}
    for name, place in own.origins.inputs.items():
        images[name] = to_volume(x, place.axes, report.layers[0].output, batch)
    results = run(report, weights, images).outputs
    place = next(place for place in own.origins.values if place.name == model.last)
    array = results[place.layer] if report.layers[1:] else next(iter(images.values()))
    np.testing.assert_allclose(from_volume(array, place.axes), expected, atol=1e-12)


def numbers(model: Model, *values: int, shape: tuple[int, ...] | None = None) -> str:
    return model.weight(f"n{len(model.tensors)}", shape or (len(values),), list(values), form=7)


def scalar(model: Model, value: float) -> str:
    return model.weight(f"c{len(model.tensors)}", (), [value])


def maps() -> Model:
    """A model with a map, which a pool with a kernel of 1 gives the order batch x channels x sides."""
    model = Model(opset=18, x=(1, 4, 5, 7))
    model.add("MaxPool", kernel_shape=[1, 1])
    return model


def test_channels_in_another_order_are_slices_that_are_concatenated() -> None:
    model = maps()
    model.add("Gather", model.last, numbers(model, 3, 1, 2, 0), axis=1)
    check(model, X[:, [3, 1, 2, 0]], "pool slice slice slice concat")


def test_repeated_channels_are_slices_that_are_concatenated() -> None:
    model = maps()
    model.add("Gather", model.last, numbers(model, 0, 0, 1, 1, 2, 2, 3, 3), axis=1)
    check(model, X.repeat(2, axis=1), f"pool{' slice' * 5} concat")


def test_the_only_element_of_an_axis_is_repeated_by_a_concatenation() -> None:
    model = maps()
    model.add("Unsqueeze", model.last, numbers(model, 2))
    model.add("Gather", model.last, numbers(model, 0, 0, -1), axis=2)
    check(model, X[:, :, None].repeat(3, axis=2), "pool reshape concat")


def test_reversed_channels_are_slices_that_are_concatenated() -> None:
    model = maps()
    model.add("Slice", model.last, *[numbers(model, n) for n in (-1, -9, 1, -1)])
    check(model, X[:, ::-1], "pool slice slice slice slice concat")


def test_a_side_that_is_reversed_in_too_many_parts_is_refused() -> None:
    model = Model(opset=18, x=(1, 4, 5, 17))
    model.add("MaxPool", kernel_shape=[1, 1])
    model.add("Slice", model.last, *[numbers(model, n) for n in (-1, -99, 3, -1)])
    with pytest.raises(DesignError, match="its result has more than 16 runs of consecutive elements"):
        load_bytes("net.onnx", model.bytes())


def test_every_second_index_is_a_strided_pool() -> None:
    model = maps()
    model.add("Gather", model.last, numbers(model, 0, 2, 4), axis=2)
    check(model, X[:, :, ::2], "pool pool")


def test_every_third_channel_is_slices_that_are_concatenated() -> None:
    model = maps()
    model.add("Slice", model.last, *[numbers(model, n) for n in (0, 9, 1, 3)])
    check(model, X[:, ::3], "pool slice slice concat")


def test_patches_gathered_by_a_grid_of_indices_are_a_view_of_the_map() -> None:
    """PyTorch's ``unfold`` with a stride of its kernel: index [i, j] is i + 4j."""
    model = Model(opset=18, x=(1, 3, 8, 12))
    x = np.random.default_rng(6).random((1, 3, 8, 12))
    model.add("MaxPool", kernel_shape=[1, 1])
    model.add(
        "Gather", model.last, numbers(model, *[i + 4 * j for i in range(4) for j in range(2)], shape=(4, 2)), axis=2
    )
    expected = x.reshape(1, 3, 2, 4, 12).transpose(0, 1, 3, 2, 4)
    check(model, expected, "pool", x)


def test_points_of_a_grid_are_two_selections() -> None:
    """Nearest-neighbour resizing of PyTorch's exporter: GatherND of the sides, which are in front."""
    model = maps()
    model.add("Transpose", perm=[2, 3, 0, 1])
    points = [(row // 2, column // 2) for row in range(10) for column in range(14)]
    model.add("GatherND", model.last, numbers(model, *[n for point in points for n in point], shape=(10, 14, 2)))
    model.add("Transpose", perm=[2, 3, 0, 1])
    check(model, X.repeat(2, axis=2).repeat(2, axis=3), "pool upsample")


def test_points_that_are_no_grid_are_refused() -> None:
    model = maps()
    model.add("Transpose", perm=[2, 3, 0, 1])
    model.add("GatherND", model.last, numbers(model, 0, 0, 1, 1, 2, 3, 0, 4, shape=(2, 2, 2)))
    with pytest.raises(DesignError, match="GatherND is not supported: its indices are not those of a grid"):
        load_bytes("net.onnx", model.bytes())


def test_nearest_elements_of_the_middle_are_said_to_differ() -> None:
    model = maps()
    model.add("Gather", model.last, numbers(model, *[(2 * n + 1) * 7 // 10 for n in range(5)]), axis=3)
    graph = load_bytes("net.onnx", model.bytes())
    assert [node.kind for node in graph.nodes] == ["input", "pool", "resize"]
    note = "Gather takes the element nearest to the middle of each position, RESIZE the one nearest to its begin"
    assert note in graph.notes


def test_a_number_that_is_concatenated_is_padding() -> None:
    model = maps()
    zeros = model.weight("zeros", (1, 3, 5, 7), [0.0] * 105)
    twos = model.add("Expand", scalar(model, 0.0), numbers(model, 1, 1, 5, 7))
    model.add("Concat", twos, "maxpool0", zeros, axis=1)
    check(model, np.pad(X, [(0, 0), (1, 3), (0, 0), (0, 0)]), "pool pad")


def test_two_numbers_that_are_concatenated_are_refused() -> None:
    model = maps()
    ones, twos = (model.weight(f"w{n}", (1, 1, 5, 7), [float(n)] * 35) for n in (1, 2))
    model.add("Concat", ones, model.last, twos, axis=1)
    with pytest.raises(DesignError, match="it concatenates constants and computed values"):
        load_bytes("net.onnx", model.bytes())


def test_negative_pads_of_channels_are_a_slice() -> None:
    model = maps()
    model.add("Pad", model.last, numbers(model, 0, -1, 0, 0, 0, 2, 0, 0))
    check(model, np.pad(X[:, 1:], [(0, 0), (0, 2), (0, 0), (0, 0)]), "pool slice pad")


def test_an_expanded_map_before_a_convolution_is_a_concatenation_of_its_copies() -> None:
    """A grey image that is repeated for a net that takes three channels."""
    model = Model(opset=18, x=(1, 1, 5, 7))
    model.add("Expand", "x", numbers(model, 1, 3, 5, 7))
    kernel = np.arange(6.0).reshape(2, 3, 1, 1)
    model.add("Conv", model.last, model.weight("w", (2, 3, 1, 1), kernel.ravel().tolist()))
    check(model, np.einsum("bchw,oc->bohw", X[:, :1].repeat(3, 1), kernel[:, :, 0, 0]), "concat conv", X[:, :1])


@pytest.mark.parametrize(("condition", "chosen"), [(1, 0), (0, 1)])
def test_a_choice_by_a_constant_is_made(condition: int, chosen: int) -> None:
    model = maps()
    one, other = model.add("Sigmoid", "maxpool0"), model.add("Tanh", "maxpool0")
    model.add("Where", model.weight("condition", (), [condition], form=9), one, other)
    model.add("Abs")
    expected = [1 / (1 + np.exp(-X)), np.tanh(X)][chosen]
    check(model, np.abs(expected), f"pool {['sigmoid', 'tanh'][chosen]} abs")


def test_celu_is_elu_of_a_scaled_input() -> None:
    model = maps()
    model.add("Celu", alpha=0.5)
    expected = np.maximum(0, X) + np.minimum(0, 0.5 * (np.exp(X / 0.5) - 1))
    check(model, expected, "pool affine elu affine")


def test_the_larger_of_a_map_and_a_map_of_zeros_is_relu() -> None:
    model = maps()
    model.add("Max", model.last, model.weight("zeros", (1, 4, 5, 7), [0.0] * 140))
    check(model, np.maximum(X, 0), "pool relu")


def test_maps_that_are_stacked_in_front_of_the_batch_have_one_more_side() -> None:
    model = maps()
    one, other = model.add("Sigmoid", "maxpool0"), model.add("Tanh", "maxpool0")
    stacked = [model.add("Unsqueeze", name, numbers(model, 0)) for name in (one, other)]
    model.add("Concat", *stacked, axis=0)
    model.add("ReduceSum", model.last, numbers(model, 0), keepdims=0)
    check(model, 1 / (1 + np.exp(-X)) + np.tanh(X), "pool sigmoid tanh reshape reshape concat reduce")


# If


def branch(type: str, reads: str, *more: str, **keys: Any) -> Model:
    """A branch with one operator, which reads a value of the net around it; its name is that of the operator."""
    model = Model()
    model.add(type, reads, *more, name=f"{type}.result", **keys)
    return model


def chosen(model: Model, condition: str) -> None:
    """Tanh if the condition holds, else a convolution with weights that the branch has."""
    weights = np.arange(8.0).reshape(2, 4, 1, 1)
    other = branch("Conv", model.last, "w")
    other.weight("w", (2, 4, 1, 1), weights.ravel().tolist())
    model.add("If", condition, then_branch=branch("Tanh", model.last), else_branch=other)
    model.add("Abs")


def test_the_branch_of_a_constant_condition_runs() -> None:
    model = maps()
    chosen(model, model.weight("condition", (), [1], form=9))
    check(model, np.abs(np.tanh(X)), "pool tanh abs")


def test_the_branch_of_a_condition_on_sizes_runs_with_its_weights() -> None:
    """PyTorch writes such a condition for ``squeeze``: whether an axis has the size 1."""
    model = maps()
    x = model.last
    sizes = model.add("Shape", x)
    size = model.add("Gather", sizes, numbers(model, 1), axis=0)
    condition = model.add("Equal", size, numbers(model, 1))
    model.last = x
    chosen(model, condition)
    expected = np.einsum("bchw,oc->bohw", X, np.arange(8.0).reshape(2, 4))
    check(model, np.abs(expected), "pool conv abs")


def test_a_branch_that_depends_on_the_data_is_refused() -> None:
    model = maps()
    x = model.last
    mean = model.add("ReduceMean", x, keepdims=0)
    model.last = x
    chosen(model, mean)
    with pytest.raises(DesignError, match="If is not supported: its control flow depends on the data"):
        load_bytes("net.onnx", model.bytes())


def test_branches_that_are_nested_too_deeply_are_refused() -> None:
    model = maps()
    condition = model.weight("condition", (), [1], form=9)
    inner = branch("Tanh", model.last)
    for number in range(9):
        outer = Model()
        outer.add("If", condition, name=f"if{number}", then_branch=inner)
        inner = outer
    model.add("If", condition, then_branch=inner)
    with pytest.raises(DesignError, match="its branches are nested more than 8 deep"):
        load_bytes("net.onnx", model.bytes())


def test_an_integer_cast_like_a_map_is_a_decimal_number() -> None:
    """7 / 2 is 3 with integers."""
    model = maps()
    x = model.last
    seven, two = (model.add("CastLike", numbers(model, number), x) for number in (7, 2))
    model.add("Mul", x, model.add("Div", seven, two))
    check(model, 3.5 * X, "pool affine")


# Resize


def test_sizes_that_keep_their_ratio_have_one_scale() -> None:
    """5 x 7 in at most 10 x 10 is 7 x 10; positions are 7/10 apart on both sides, RESIZE has 5/7 and 7/10."""
    model = maps()
    keys: dict[str, Any] = {"mode": "linear", "keep_aspect_ratio_policy": "not_larger"}
    model.add("Resize", model.last, "", "", numbers(model, 10, 10), axes=[2, 3], **keys)
    graph = load_bytes("net.onnx", model.bytes())
    assert account(graph).layers[-1].output == (7, 10, 4)
    assert "Resize samples other positions than RESIZE: bilinear, half_pixel" in graph.notes


# Einsum


def equation(text: str, shape: tuple[int, ...] | None = None) -> Callable[[Model], Any]:
    """Adds an Einsum of the map, and a constant with this shape, if any; returns what NumPy computes."""

    def add(model: Model) -> Any:
        if shape is None:
            model.add("Einsum", model.last, equation=text)
            return np.einsum(text, X)
        array = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
        model.add("Einsum", model.last, model.weight("w", shape, array.ravel().tolist()), equation=text)
        return np.einsum(text, X, array)

    return add


@pytest.mark.parametrize(
    ("add", "kinds"),
    [
        (equation("bchw->bhwc"), "pool"),
        (equation("bchw->bc"), "pool reduce"),
        (equation("b c h w -> b h w"), "pool reduce"),
        (equation("bchw,c->bchw", (4,)), "pool scale"),
        (equation("bchw,oc->bohw", (6, 4)), "pool linear"),
        (equation("...w,wv", (7, 3)), "pool linear"),
        (equation("...chw,oc->...ohw", (6, 4)), "pool linear"),
        (equation("bchw,c->bhw", (4,)), "pool linear"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_einsum_is_sums_and_products(add: Callable[[Model], Any], kinds: str) -> None:
    model = maps()
    expected = add(model)
    data = model.bytes()
    report = account(load_bytes("net.onnx", data))
    views = {"permute", "sequence", "plane", "reshape", "flatten"}
    found = [row.layer.kind for row in report.layers[1:]]
    assert " ".join([kind for kind in found if kind not in views]) == kinds
    check(model, expected, " ".join(found))


def test_an_einsum_without_a_sum_is_a_product_of_elements() -> None:
    model = maps()
    rows = model.add("ReduceMax", "maxpool0", numbers(model, 3), keepdims=0)
    columns = model.add("ReduceMax", "maxpool0", numbers(model, 2), keepdims=0)
    model.add("Einsum", rows, columns, equation="bch,bcw->bchw")
    check(model, X.max(3)[..., None] * X.max(2)[:, :, None], "pool reduce reduce mul")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bchw,c", "its equation bchw,c has 2 terms for 1 inputs"),
        ("bch->b", "its equation bch->b does not fit the 4 axes of input 1"),
        ("...bchwx->b", "its equation ...bchwx->b does not fit the 4 axes of input 1"),
        ("bchw->bz", "the result of its equation bchw->bz has a letter that no input has"),
        ("bccw->bc", "Einsum is not supported: its equation is bccw->bc"),
        ("bc.w->bc", "its equation bc.w->bc has other characters than letters"),
    ],
)
def test_an_equation_that_is_no_sum_of_its_inputs_is_refused(text: str, message: str) -> None:
    model = maps()
    model.add("Einsum", model.last, equation=text)
    with pytest.raises(DesignError) as caught:
        load_bytes("net.onnx", model.bytes())
    assert message in str(caught.value)


# operators of ONNX Runtime, which its optimizer writes


@pytest.mark.parametrize(("swaps", "moves"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_a_fused_product_moves_the_axes_of_its_inputs(swaps: int, moves: int) -> None:
    """The input is such that the moved one is heads x positions x numbers."""
    tokens = np.random.default_rng(7).random((1, 5, 3, 4))
    model = Model(opset=18, x=(1, 5, 3, 4))
    order = [1, 0, 3, 2] if swaps else [1, 0, 2, 3]
    order = order if not moves else [order[2], order[0], order[1], order[3]]
    model.add("Identity", "x")
    given = model.add("Transpose", perm=order)
    back = np.transpose(tokens, order)
    moved = np.moveaxis(back, 0, 2) if moves else back
    moved = np.swapaxes(moved, 2, 3) if swaps else moved
    keys: dict[str, Any] = {"transA": swaps, "transBatchA": moves, "transB": 1 - swaps, "transBatchB": moves}
    model.add("FusedMatMul", given, given, domain="com.microsoft", alpha=0.5, **keys)
    expected = 0.5 * moved @ (np.swapaxes(moved, 2, 3))
    data = account(load_bytes("net.onnx", model.bytes()))
    check(model, expected, " ".join(row.layer.kind for row in data.layers[1:]), tokens)


def test_a_fused_product_with_weights_is_linear() -> None:
    tokens = np.random.default_rng(7).random((1, 6, 4))
    model = Model(opset=18, x=(1, 6, 4))
    array = np.arange(12.0).reshape(3, 4)
    weight = model.weight("w", (3, 4), array.ravel().tolist())
    model.add("FusedMatMul", "x", weight, domain="com.microsoft", transB=1)
    check(model, tokens @ array.T, "linear", tokens)


def test_a_fused_gemm_applies_its_activation() -> None:
    row = np.random.default_rng(7).random((1, 4)) - 0.5
    model = Model(opset=18, x=(1, 4))
    array = np.arange(12.0).reshape(4, 3) - 6
    weight = model.weight("w", (4, 3), array.ravel().tolist())
    bias = model.weight("b", (3,), [1.0, 2.0, 3.0])
    model.add("FusedGemm", "x", weight, bias, domain="com.microsoft", activation="LeakyRelu", activation_alpha=0.25)
    found = row @ array + [1, 2, 3]
    check(model, np.where(found > 0, found, 0.25 * found), "fc lrelu", row)


def test_quick_gelu_is_silu_of_a_scaled_input() -> None:
    model = maps()
    model.add("QuickGelu", domain="com.microsoft", alpha=1.5)
    check(model, X / (1 + np.exp(-1.5 * X)), "pool affine sigmoid mul")


# functions that are nearly another one


@pytest.mark.parametrize(
    ("add", "kinds"),
    [
        (lambda model: model.add("Clip", model.last, scalar(model, -20.0), scalar(model, 20.0)), "clip affine"),
        (lambda model: model.add("Min", model.add("Relu", model.last), scalar(model, 20.0)), "relu clip affine"),
        (lambda model: model.add("Min", model.last, scalar(model, 1e5)), "clip affine"),
        (lambda model: model.add("Min", model.last, scalar(model, 1e7)), "affine"),
    ],
)
def test_a_clip_far_from_zero_is_kept(add: Callable[[Model], Any], kinds: str) -> None:
    model = maps()
    add(model)
    model.add("Mul", model.last, scalar(model, 2.0))
    report = account(load_bytes("net.onnx", model.bytes()))
    assert " ".join(row.layer.kind for row in report.layers[2:]) == kinds


def test_a_power_that_is_nearly_a_line_is_refused() -> None:
    """(1 + 0.0001 |x|) ** 0.75 is 1 + 0.000075 |x| to four digits up to |x| = 9."""
    model = maps()
    model.add("Abs")
    model.add("Mul", model.last, scalar(model, 1e-4))
    model.add("Add", model.last, scalar(model, 1.0))
    model.add("Pow", model.last, scalar(model, 0.75))
    with pytest.raises(DesignError, match="Pow is not supported: no layer kind computes it with a number"):
        load_bytes("net.onnx", model.bytes())


# local response normalization, as PyTorch spells it out


def neighbours(size: int, power: float = 0.75) -> Model:
    """The map divided by a power of 1 plus the mean of the squares of neighbouring channels, times 0.0001."""
    model = maps()
    model.add("Mul", "maxpool0", "maxpool0")
    model.add("Reshape", model.last, numbers(model, 1, 1, 4, 5, 7))
    model.add("Pad", model.last, numbers(model, 0, 0, size // 2, 0, 0, 0, 0, (size - 1) // 2, 0, 0))
    model.add("AveragePool", kernel_shape=[size, 1, 1], count_include_pad=1)
    model.add("Squeeze", model.last, numbers(model, 1))
    model.add("Mul", model.last, scalar(model, 0.25))
    model.add("Add", model.last, scalar(model, 2.0))
    model.add("Pow", model.last, scalar(model, power))
    model.add("Div", "maxpool0", model.last)
    return model


@pytest.mark.parametrize("size", [3, 4, 5])
def test_lrn_that_pytorch_spells_out_is_lrn(size: int) -> None:
    padded = np.pad(np.square(X), [(0, 0), (size // 2, (size - 1) // 2), (0, 0), (0, 0)])
    means = sum(padded[:, n : n + 4] for n in range(size)) / size
    model = neighbours(size)
    check(model, X / (2 + 0.25 * means) ** 0.75, "pool lrn")
    layer = load_bytes("net.onnx", model.bytes()).nodes[-1].layer
    assert (layer.size, layer.alpha, layer.beta, layer.k) == (size, 0.25, 0.75, 2)  # type: ignore[union-attr]


def test_a_division_by_other_means_is_no_lrn() -> None:
    """Its windows are of rows, not of channels."""
    model = maps()
    model.add("Mul", "maxpool0", "maxpool0")
    model.add("AveragePool", kernel_shape=[3, 1], pads=[1, 0, 1, 0], count_include_pad=1)
    model.add("Mul", model.last, scalar(model, 0.25))
    model.add("Add", model.last, scalar(model, 2.0))
    model.add("Pow", model.last, scalar(model, 0.5))
    model.add("Div", "maxpool0", model.last)
    report = account(load_bytes("net.onnx", model.bytes()))
    assert [row.layer.kind for row in report.layers[2:]] == ["square", "avgpool", "affine", "sqrt", "div"]


# orders of axes


def test_the_batch_of_a_sequence_may_be_its_second_axis() -> None:
    """PyTorch's sequences are positions x batch x depth."""
    model = Model(x=(9, 1, 16))
    model.add("MatMul", "x", model.weight("w", (16, 5)))
    report = account(load_bytes("net.onnx", model.bytes()))
    assert [(row.layer.kind, str(row.output)) for row in report.layers] == [("input", "[9x16]"), ("linear", "[9x5]")]


def vectors(batch: int = 1) -> tuple[Model, Any]:
    """A model with vectors of 5 numbers after RELU, and the input."""
    model = Model(opset=18, x=(batch, 5))
    model.add("Relu", "x", name="first")
    return model, np.random.default_rng(8).random((batch, 5))


def refused(model: Model, message: str) -> None:
    with pytest.raises(DesignError) as caught:
        load_bytes("net.onnx", model.bytes())
    assert message in str(caught.value)


@pytest.mark.parametrize(("type", "function"), [("Mul", np.multiply), ("Sub", np.subtract)])
def test_one_side_of_two_tensors_along_different_axes_is_two_sides_of_the_result(type: str, function: Any) -> None:
    model, x = vectors()
    row = model.add("Unsqueeze", "first", numbers(model, 1))
    column = model.add("Unsqueeze", model.add("Exp", "first"), numbers(model, 2))
    model.add(type, row, column)
    check(model, function(x[:, None], np.exp(x)[:, :, None]), f"relu exp permute {type.lower()}", x)


def test_a_product_of_all_pairs_of_positions_has_one_side_more() -> None:
    model = Model(opset=18, x=(1, 4, 5))
    x = np.random.default_rng(9).random((1, 4, 5))
    model.add("Relu", "x", name="first")
    model.add("Einsum", "first", "first", equation="bci,bcj->bcij")
    check(model, x[..., None] * x[:, :, None], "relu permute reshape permute reshape mul", x)


def test_a_map_that_is_repeated_along_part_of_a_side_is_refused() -> None:
    model = Model(opset=18, x=(1, 9, 4, 4))
    model.add("Relu", "x", name="first")
    model.add("Einsum", "first", "first", equation="beij,bekl->bikejl")
    refused(model, "Einsum is not supported: it repeats a tensor along an axis that is only part of a side")


def test_products_of_all_pairs_of_images_are_refused() -> None:
    model, _ = vectors(batch=2)
    row = model.add("Unsqueeze", "first", numbers(model, 0))
    model.add("Add", row, model.add("Unsqueeze", "first", numbers(model, 1)))
    refused(model, "Add is not supported: it mixes the images of a batch")


def test_a_matrix_product_of_all_pairs_of_images_is_refused() -> None:
    model = Model(opset=18, x=(2, 4, 5))
    model.add("MaxPool", kernel_shape=[1], name="first")
    rows = model.add("Unsqueeze", model.add("Transpose", "first", perm=[1, 0, 2]), numbers(model, 0))
    columns = model.add("Unsqueeze", model.add("Transpose", "first", perm=[0, 2, 1]), numbers(model, 1))
    model.add("MatMul", rows, columns)
    refused(model, "MatMul is not supported: it mixes the images of a batch")


def test_the_batch_is_no_side_of_size_1() -> None:
    """Padding keeps it, for the constant as for the operator."""
    model, x = vectors(batch=2)
    model.add("Reshape", "first", numbers(model, -1, 1, 5))
    model.add("Concat", model.last, model.weight("zeros", (2, 1, 5), [0.0] * 10), axis=1)
    model.add("Pad", model.last, numbers(model, 0, 0, 2, 0, 0, 0))
    check(model, np.pad(x[:, None], ((0, 0), (0, 1), (2, 0))), "relu reshape pad pad", x)


def test_padding_of_the_batch_is_refused() -> None:
    model, _ = vectors(batch=2)
    model.add("ReduceSum", "first", numbers(model, 1), keepdims=0)
    model.add("Pad", model.last, numbers(model, 1, 0))
    refused(model, "Pad is not supported: it pads the batch")


def test_copies_in_front_of_a_batch_of_as_many_images_are_no_batch() -> None:
    model, x = vectors(batch=2)
    model.add("Expand", "first", numbers(model, 2, 2, 5))
    weight = np.arange(15.0).reshape(5, 3)
    model.add("MatMul", model.last, model.weight("w", (5, 3), weight.ravel().tolist()))
    check(model, np.broadcast_to(x, (2, 2, 5)) @ weight, "relu sequence concat linear", x)


def test_a_batch_between_other_axes_is_not_moved_by_a_reshape() -> None:
    model = Model(opset=18, x=(2, 5, 12))
    model.add("Relu", "x", name="first")
    model.add("Transpose", "first", perm=[2, 0, 1])
    model.add("Reshape", model.last, numbers(model, 12, 5, 2))
    refused(model, "Reshape is not supported: it mixes the images of a batch")
