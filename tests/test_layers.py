"""The contract of every layer kind: its declarations, compared with its NumPy run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnncalc
from cnncalc.analysis.cost import cost_of
from cnncalc.counts import Count
from cnncalc.errors import ShapeError, ValueProblem
from cnncalc.layers import KINDS, Layer
from cnncalc.layers.planes import pixels, planes
from cnncalc.layers.planes_backward import scatter_windows
from cnncalc.run.meter import MeteredNumpy
from cnncalc.volume import Volume
from tests.layer_cases import CASES, Case, X, bound
from tests.subcases import each

every_case = each("case", CASES, by=lambda case: case.kind)


def images(volumes: tuple[Volume, ...], batch: int = 2) -> list[Any]:
    """Random arrays with contiguous maps, as in a run."""
    random = np.random.default_rng(3)
    return [pixels(random.uniform(-2, 2, (batch, x.depth, *x.sides))) for x in volumes]


def parameters(case: Case) -> dict[str, Any]:
    """Random parameters and buffers; variances are positive."""
    random = np.random.default_rng(4)
    layer = case.layer
    arrays = layer.parameters(*case.inputs) + layer.buffers(*case.inputs)
    return {array.name: random.uniform(0.2 if array.name == "variance" else -1, 1, array.shape) for array in arrays}


POSITIVE = ("sqrt", "div")
"""Kinds that are tested with positive inputs."""


def entering(case: Case, batch: int = 2) -> list[Any]:
    """The input arrays; for an INPUT the images."""
    volumes = case.inputs or (Volume(*case.layer.size),)  # type: ignore[attr-defined]
    arrays = images(volumes, batch)
    if case.layer.takes_places:
        layer: Any = case.layer
        (entered,) = images((layer.entered,), batch)
        arrays[1] = layer.pool.forward_training(np, entered)[1]["places"]
    return [abs(x) + 0.5 for x in arrays] if case.kind in POSITIVE else arrays


@every_case
def test_the_array_has_the_shape_of_the_volume(case: Case) -> None:
    result = case.layer.forward(np, *entering(case), **parameters(case))

    assert result.shape == (2, *case.layer.output(*case.inputs))
    assert result.dtype == np.float64
    assert np.isfinite(result).all()


@every_case
def test_single_precision_stays_single(case: Case) -> None:
    arrays = [pixels(planes(x).astype(np.float32)) for x in entering(case)]
    numbers = {name: array.astype(np.float32) for name, array in parameters(case).items()}

    result = case.layer.forward(np, *arrays, **numbers)

    assert result.dtype == np.float32
    exact = case.layer.forward(np, *entering(case), **parameters(case))
    assert np.abs(result - exact).max() <= 1e-5 * max(1, np.abs(exact).max())


@every_case
def test_counts_are_the_elements_of_the_arrays_and_of_their_arithmetic(case: Case) -> None:
    layer = case.layer
    cost = cost_of(layer, case.inputs)
    by_role = {"weight": 0, "bias": 0, "buffer": 0}
    for array in layer.parameters(*case.inputs) + layer.buffers(*case.inputs):
        assert int(array.count) == int(np.prod(array.shape)), array
        by_role[array.role] += int(array.count)

    assert (cost.weights.value, cost.biases.value, cost.buffers.value) == tuple(by_role.values())
    for count in (cost.activations, cost.weights, cost.biases, cost.buffers, cost.macs):
        assert eval(count.text, {"__builtins__": {}}) == count.value  # noqa: S307
    assert cost.activations.value == cost.output.elements


@every_case
def test_metered_multiply_adds_are_the_macs(case: Case) -> None:
    layer, meter = case.layer, MeteredNumpy(np)
    layer.forward(meter, *entering(case), **parameters(case))

    macs = int(layer.macs(case.inputs, layer.output(*case.inputs)))
    if layer.counts_macs:
        assert meter.contracted + meter.products == 2 * macs > 0
    else:
        assert macs == 0 or layer.is_stated
        assert meter.contracted == 0


@each("case", [case for case in CASES if case.keys.get("stats") != "no"], by=lambda case: case.kind)
def test_images_of_a_batch_are_independent(case: Case) -> None:
    """All except BN without running statistics, which uses those of the batch."""
    arrays, numbers = entering(case), parameters(case)

    both = case.layer.forward(np, *arrays, **numbers)

    for image in (0, 1):
        alone = case.layer.forward(np, *[x[image : image + 1] for x in arrays], **numbers)
        np.testing.assert_allclose(both[image : image + 1], alone, rtol=1e-13, atol=1e-13)


@every_case
def test_only_views_share_memory_and_the_input_is_not_changed(case: Case) -> None:
    arrays = entering(case)
    before = [x.copy() for x in arrays]

    result = case.layer.forward(np, *arrays, **parameters(case))

    shares = any(np.may_share_memory(result, x) for x in arrays)
    assert shares == (case.layer.is_view or case.kind in ("input", "dropout"))
    for x, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(x, copy)


@every_case
def test_each_map_of_an_output_is_contiguous(case: Case) -> None:
    """Therefore FLATTEN and RESHAPE after it are views."""
    result = case.layer.forward(np, *entering(case), **parameters(case))

    assert np.may_share_memory(planes(result).reshape(2, -1), result)


@every_case
def test_the_memory_layout_of_the_inputs_does_not_matter(case: Case) -> None:
    arrays, numbers = entering(case), parameters(case)
    expected = case.layer.forward(np, *arrays, **numbers)

    result = case.layer.forward(np, *[np.ascontiguousarray(x) for x in arrays], **numbers)

    np.testing.assert_allclose(result, expected, rtol=1e-13, atol=1e-13)


def works_in_place(case: Case) -> bool:
    layer = case.layer
    able = layer.is_activation or ("in_place" in layer.keys and not layer.is_identity_at_test_time)
    return able and layer.may_work_in_place() is not False and case.inputs[0] == layer.output(*case.inputs)


@each("case", [case for case in CASES if works_in_place(case)], by=lambda case: case.kind)
def test_in_place_gives_the_same_result_in_the_memory_of_the_input(case: Case) -> None:
    layer, arrays = case.layer, entering(case)
    expected = layer.forward(np, *arrays, **parameters(case))

    result = layer.forward(np, *arrays, out=arrays[0], **parameters(case))

    assert np.shares_memory(result, arrays[0])
    np.testing.assert_array_equal(result, expected)


@every_case
def test_written_keys_read_back_to_an_equal_layer(case: Case) -> None:
    layer = case.layer

    again = bound(type(layer)(**layer.written()), case.inputs)

    assert again == layer
    assert hash(again) == hash(layer)
    assert again.label() == layer.label()


# Every kind has a case; the check is tested itself


def kinds_without_a_case(kinds: dict[str, type[Layer]], cases: list[Case]) -> set[str]:
    return set(kinds) - {case.kind for case in cases}


def keys_without_a_case(kinds: dict[str, type[Layer]], cases: list[Case]) -> set[str]:
    """``kind.key`` for every key that no case sets."""
    used = {f"{case.kind}.{name}" for case in cases for name in case.keys}
    return {f"{kind}.{name}" for kind, layer in kinds.items() for name in layer.keys} - used


def test_every_kind_has_a_case() -> None:
    assert kinds_without_a_case(KINDS, CASES) == set()


def test_every_key_has_a_case() -> None:
    """``in_place`` of activation functions is covered by the test of results in place."""
    assert {name for name in keys_without_a_case(KINDS, CASES) if not name.endswith("in_place")} == set()


def test_a_kind_or_key_without_a_case_would_be_found() -> None:
    class Forgotten(Layer):
        kind = "forgotten"

    kinds: dict[str, type[Layer]] = {**KINDS, "forgotten": Forgotten}
    assert kinds_without_a_case(kinds, CASES) == {"forgotten"}
    assert "conv.groups" in keys_without_a_case(KINDS, [case for case in CASES if "groups" not in case.keys])


def test_the_contract_fails_for_a_layer_whose_volume_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KINDS["conv"], "output", lambda self, x: Volume(x[0] + 1, x[1], self.filters))

    with pytest.raises(AssertionError):
        test_the_array_has_the_shape_of_the_volume.__wrapped__(Case("conv", {"filters": 7}, (X,)))


def test_the_contract_fails_for_a_layer_whose_macs_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KINDS["fc"], "macs", lambda self, inputs, output: Count(1, self.kernels(inputs[0]).text))

    with pytest.raises(AssertionError):
        test_metered_multiply_adds_are_the_macs.__wrapped__(Case("fc", {"units": 7}, (X,)))


# What a layer cannot take


@pytest.mark.parametrize(
    ("kind", "keys", "inputs", "message"),
    [
        (
            "conv", {"kernel": 13, "pad": 0}, (X,),
            "the window must fit into the volume, but kernel 13 is larger than height 9",
        ),
        (
            "conv", {"kernel": 4, "dilation": 5, "pad": 1}, (X,),
            "the window must fit into the volume, but kernel 4 (dilated to 16) is larger than height 9 (padded to 11)",
        ),
        (
            "conv", {"filters": 8, "groups": 4}, (X,),
            "the depth must be divisible by groups, but depth 6 is not divisible by 4",
        ),
        (
            "conv", {"filters": 2, "connections": [[0], [6]]}, (X,),
            "a connection must name an input map, but map 6 is not among the 6 maps 0 to 5",
        ),
        (
            "dwconv", {"kernel": [3, 12], "pad": 0}, (X,),
            "the window must fit into the volume, but kernel 12 is larger than width 11",
        ),
        (
            "deconv", {"filters": 8, "groups": 4}, (X,),
            "the depth must be divisible by groups, but depth 6 is not divisible by 4",
        ),
        (
            "deconv", {"filters": 2, "pad": 9}, (X,),
            "cropping must leave at least 1, but pad crops 18 of height 18",
        ),
        ("pool", {"kernel": 10}, (X,), "the window must fit into the volume, but kernel 10 is larger than height 9"),
        (
            "conv", {"filters": 7, "groups": 2}, (X,),
            "the filters must be divisible by groups, but 7 filters are not divisible by 2",
        ),
        ("gn", {"groups": 4}, (X,), "the depth must be divisible by groups, but depth 6 is not divisible by 4"),
        ("shuffle", {"groups": 4}, (X,), "the depth must be divisible by groups, but depth 6 is not divisible by 4"),
        (
            "reshape", {"size": [3, 3, 3]}, (X,),
            "a reshape keeps the number of elements, but [9x11x6] has 594 and [3x3x3] 27",
        ),
        (
            "pad", {"pad": -5}, (X,),
            "cropping must leave at least 1, but pad -5 and -5 leaves 0 of height 9",
        ),
        (
            "pad", {"pad": [20, 0, -9, 0]}, (X,),
            "cropping must leave at least 1, but pad 20 and -9 leaves 0 of height 9",
        ),
        (
            "slice", {"from": 2, "to": 7}, (X,),
            "a slice must lie within the 6 channels, but is from 2 to 7",
        ),
        (
            "add", {}, (X, Volume(9, 12, 6)),
            "ADD needs volumes of the same width (or 1, which is broadcast), but gets [9x11x6] and [9x12x6]",
        ),
        (
            "mul", {}, (X, Volume(9, 11, 5)),
            "MUL needs volumes of the same depth (or 1, which is broadcast), but gets [9x11x6] and [9x11x5]",
        ),
        (
            "concat", {}, (X, Volume(8, 11, 6)),
            "CONCAT needs volumes of the same height and width, but gets [9x11x6] and [8x11x6]",
        ),
        (
            "sub", {}, (X, Volume(8, 1, 5)),
            "SUB needs volumes of the same height and depth (or 1, which is broadcast), but gets [9x11x6] and [8x1x5]",
        ),
        (
            "mean", {}, (X, Volume(99, 6)),
            "MEAN needs volumes with the same number of sides, but gets [9x11x6] and [99x6]; SEQUENCE makes a sequence "
            "of a map, RESHAPE any other form",
        ),
        ("glu", {}, (Volume(9, 11, 7),), "GLU halves the depth, so the depth must be even, but it is 7"),
        (
            "affine", {"shift": [1, 2]}, (X,),
            "a list has one number for each channel, but shift has 2 for depth 6",
        ),
        (
            "attention", {"heads": 4}, (Volume(13, 6),),
            "the heads must divide the depth, but depth 6 is not divisible by 4",
        ),
        (
            "attention", {"heads": 2, "relative": [3, 3]}, (Volume(13, 6),),
            "relative biases are for a plane with as many positions, but 3x3 has 9 and the sequence 13",
        ),
        (
            "window", {"size": 3}, (X,),
            "windows must divide the map, but width 11 is not divisible by 3",
        ),
        (
            "plane", {"size": [3, 4]}, (Volume(13, 6),),
            "a plane keeps the number of positions, but [13x6] has 13 and 3x4 12",
        ),
        ("token", {}, (X,), "TOKEN works on a sequence [positions x depth], but [9x11x6] has 2 sides"),
        (
            "matmul", {}, (Volume(13, 6), Volume(7, 5)),
            "the depth of the first volume must be the length of the second, but [13x6] has 6 and [7x5] 7",
        ),
        ("add", {}, (), "ADD takes 1 or more input volumes, but has 0"),
        ("attention", {"heads": 2}, (Volume(13, 6),) * 3, "ATTENTION takes 1 to 2 input volumes, but has 3"),
    ],
)  # fmt: skip
def test_an_input_that_does_not_fit_is_refused_with_both_numbers(
    kind: str, keys: dict[str, Any], inputs: tuple[Volume, ...], message: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        bound(KINDS[kind](**keys), inputs).output(*inputs)

    assert caught.value.message == message


@pytest.mark.parametrize(
    ("kind", "keys", "message"),
    [
        (
            "conv", {"filters": 3, "connections": [[0], [1]]},
            "connections: there must be one list for each filter, but found 2 lists for 3 filters",
        ),
        (
            "pool", {"kernel": 3, "pad": 2},
            "pad: a pool may pad by at most half its kernel, but 2 is more than half of 3",
        ),
        (
            "deconv", {"filters": 2, "stride": 2, "output_pad": 2},
            "output_pad: must be smaller than the stride or the dilation, but 2 is not below stride 2 or dilation 1",
        ),
        (
            "pool", {"output": 3, "stride": 3},
            "output: a pool takes the size of its output or windows, but has output and stride",
        ),
        (
            "pool", {"output": 3, "stride": 2},  # the default
            "output: a pool takes the size of its output or windows, but has output and stride",
        ),
        (
            "avgpool", {"output": 3, "count_pad": "no"},
            "output: a pool takes the size of its output or windows, but has output and count_pad",
        ),
        (
            "conv", {"filters": 2, "connections": [[0], [1]], "normed": "weight"},
            "connections: with a connection table the weights cannot be standardized or normed",
        ),
        (
            "conv", {"filters": 2, "standardized": "yes", "normed": "spectral"},
            "normed: weights are either standardized or normed, not both",
        ),
        ("clip", {"low": 2, "high": 1.5}, "low: must not be above high, but 2 is above 1.5"),
        ("hardtanh", {"low": 2}, "low: must not be above high, but 2 is above 1"),
        ("clip", {}, "clip needs low or high, as in CLIP(0, 6)"),
        ("hsigmoid", {"slope": 0}, "slope: expected a number above 0, found 0"),
        ("affine", {"factor": []}, "factor: expected a number, or a list with one number for each channel, found []"),
        (
            "conv", {"kernel": 0},
            "kernel: expected a whole number of at least 1, or one for each side, as [height, width], found 0",
        ),
    ],
)  # fmt: skip
def test_keys_that_contradict_each_other_are_refused(kind: str, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueProblem) as caught:
        KINDS[kind](**keys)

    assert caught.value.message == message


@pytest.mark.parametrize(
    ("design", "weights", "biases"),
    [
        ("INPUT 7x7x1024 -> LOCAL3-256", 7 * 7 * 3 * 3 * 1024 * 256, 7 * 7 * 256),  # [local] of darknet's yolov1.cfg
        ("INPUT 1x5x10 -> LINEAR-100", 1_000, 100),  # Dense(100) of Keras on (5, 10)
        ("INPUT 1x5x10 -> FC-100", 5_000, 100),
        ("INPUT 9x9x4 -> CONV3-6(normed=weight)", 3 * 3 * 4 * 6 + 6, 6),
        ("INPUT 9x9x4 -> CONV3-6(normed=spectral)", 3 * 3 * 4 * 6, 6),
    ],
)
def test_weights_and_biases(design: str, weights: int, biases: int) -> None:
    totals = cnncalc.analyze(design).totals

    assert (totals.weights, totals.biases) == (weights, biases)


def test_sides_that_a_double_cannot_hold_are_enlarged_exactly() -> None:
    (row,) = cnncalc.analyze(f"INPUT {2**53 + 1}x1x1 -> RESIZE(factor=1.5)").layers[1:]
    assert row.output == (13_510_798_882_111_489, 1, 1)


def test_spectral_normalization_keeps_two_vectors() -> None:
    assert cnncalc.analyze("INPUT 9x9x4 -> CONV3-6(groups=2, normed=spectral)").totals.buffers == 6 + 3 * 3 * 2


@pytest.mark.parametrize(
    ("design", "parameters", "assumed"),
    [
        ("INPUT 13x6 -> LN", 2 * 6, {"ln_axes": "depth"}),
        ("INPUT 13x6 -> LN(axes=depth)", 2 * 6, {}),
        ("INPUT 13x6 -> LN(axes=volume)", 2 * 13 * 6, {}),
        ("INPUT 3x13x6 -> LN", 2 * 3 * 13 * 6, {}),
    ],
)
def test_on_a_sequence_ln_normalizes_along_the_depth_by_default(
    design: str, parameters: int, assumed: dict[str, str]
) -> None:
    report = cnncalc.analyze(design)

    assert (report.totals.parameters, report.assumed) == (parameters, assumed)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("begin", [-2, 0, 1])
@pytest.mark.parametrize("filled", [False, True])
def test_scattered_windows_are_added_at_their_positions(stride: int, begin: int, filled: bool) -> None:
    """Compared with loops; elements beyond the border are dropped."""
    size, begins, offsets = 7, range(begin, begin + 3 * stride, stride), range(0, 5, 2)
    x = np.arange(1.0, 7.0).reshape(2, 3)
    expected = np.zeros((2, size))
    for offset in offsets:
        for number, first in enumerate(begins):
            if 0 <= first + offset < size:
                expected[:, first + offset] += x[:, number]

    out = np.ones((2, size)) if filled else None
    result = scatter_windows(np, x, 1, begins, offsets, size, out)

    assert (result == expected).all()
    assert out is None or result is out
