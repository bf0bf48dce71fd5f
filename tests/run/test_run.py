"""The NumPy run of a net: kept and freed arrays, shared memory, independence of the shape rules."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import cnncalc
from cnncalc.layers import KINDS, Layer, window
from cnncalc.run.forward import draw_images, run
from cnncalc.run.meter import MeteredNumpy
from cnncalc.run.verify import verify
from cnncalc.run.weights import build

pytestmark = pytest.mark.slow

FORKED = """INPUT[17x23x3] -> CONV3-8 -> BN -> RELU -> POOL3/2(round=ceil, pad=1)
-> [ CONV1-12(bias=no)@side | DWCONV3 -> RELU -> CONV1-12 -> DROPOUT ] -> ADD(in_place=yes) -> RELU
-> [CONV3-4 | SLICE(from=2, to=7) | AVGPOOL3/1(pad=1)] -> CONCAT -> RESHAPE 9x4x63 -> FLATTEN -> FC-5 -> SOFTMAX"""


def measured(text: str, **options: Any) -> Any:
    report = cnncalc.analyze(text, **options)
    return report, run(report, build(report), draw_images(report))


def test_the_run_does_not_use_the_shape_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the report is made, shape rules, counts and receptive fields must not be called."""
    report = cnncalc.analyze(FORKED)
    weights, images = build(report), draw_images(report)

    def refuse(*args: Any, **keywords: Any) -> Any:
        raise AssertionError("the run must not call the rules that it checks")

    monkeypatch.setattr(window.Windows, "__init__", refuse)
    monkeypatch.setattr(window, "same_pads", refuse)
    for name in ("output", "parameters", "buffers", "macs", "stencils", "windows", "kernels", "arithmetic"):
        for kind in (Layer, *KINDS.values(), *{base for cls in KINDS.values() for base in cls.__mro__[:-1]}):
            if name in vars(kind):
                monkeypatch.setattr(kind, name, refuse)
    with pytest.raises(AssertionError, match="must not call"):
        cnncalc.analyze(FORKED)

    measurement = run(report, weights, images)

    assert [layer.shape[1:] for layer in measurement.layers if layer] == [row.output for row in report.layers]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [1, 3])
def test_every_number_of_a_net_with_many_kinds_agrees(batch: int, dtype: str) -> None:
    verification = verify(cnncalc.analyze(FORKED, batch=batch, dtype=dtype))

    assert verification.disagreements == ()
    assert verification.agrees
    assert verification.is_finite
    assert {tally.quantity for tally in verification.tallies} == {
        "volume", "bytes", "weights", "biases", "parameters", "buffers", "macs", "in_place", "values", "totals",
        "receptive_field",
    }  # fmt: skip


def test_working_in_place_changes_no_result() -> None:
    first, second = (cnncalc.analyze(FORKED, in_place=in_place) for in_place in (True, False))
    weights, images = build(first), draw_images(first)

    one, other = run(first, weights, images), run(second, weights, images)

    assert one.outputs.keys() == other.outputs.keys() == {"softmax1"}
    np.testing.assert_array_equal(one.outputs["softmax1"], other.outputs["softmax1"])


def test_the_images_are_not_changed() -> None:
    report = cnncalc.analyze("INPUT[5x7x3] -> RELU -> FC-2")
    images = draw_images(report)
    before = images["input"].copy()

    run(report, build(report), images)

    np.testing.assert_array_equal(images["input"], before)
    assert before.min() < 0


def test_an_array_is_freed_after_its_last_reader() -> None:
    """In a chain two volumes are alive at a time, at most 10x12x4 and 10x12x5 floats of 4 bytes."""
    _, measurement = measured("INPUT[10x12x2] -> CONV3-4 -> RELU -> CONV3-5 -> RELU -> CONV3-1 -> CONV3-1")

    live = [layer.live_bytes for layer in measurement.layers]
    assert live == [4 * 120 * depth for depth in (2, 2 + 4, 4, 4 + 5, 5, 5 + 1, 1 + 1)]
    assert measurement.peak_bytes == 4 * 120 * 9


def test_a_branch_keeps_its_source_alive() -> None:
    _, measurement = measured("INPUT[10x12x2] -> CONV3-4@a -> CONV3-3 -> CONV3-4 -> ADD(@a)")

    assert [layer.live_bytes // 480 for layer in measurement.layers] == [2, 6, 7, 11, 12]


def test_the_run_needs_no_more_memory_than_reported() -> None:
    from cnncalc.run.verify import SCRATCH_BYTES, needed_bytes

    for net, size in (("googlenet", None), ("densenet121", (64, 64, 3)), (FORKED, None)):
        report, measurement = measured(net, input=size)
        parameters = 4 * (report.totals.parameters + report.totals.buffers)
        assert measurement.peak_bytes <= needed_bytes(report) - parameters - SCRATCH_BYTES


def test_numbers_depend_only_on_the_seed() -> None:
    report = cnncalc.analyze(FORKED)
    one, same, other = (
        run(report, build(report, seed=seed), draw_images(report, seed=seed)).outputs["softmax1"] for seed in (7, 7, 8)
    )

    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3


def test_learned_vectors_have_ranges_of_their_own() -> None:
    weights = build(cnncalc.analyze("INPUT 20x30 -> TOKEN2 -> POSITION"))

    for array, bound in ((weights[1]["token"], 1), (weights[2]["position"], 0.1)):
        assert 0.9 * bound < np.abs(array).max() <= bound


def test_shared_parameters_are_the_same_arrays() -> None:
    report = cnncalc.analyze("INPUT[8x9x4] -> CONV3-4@a -> RELU -> CONV3-4(share=a)@b -> CONV3-4@c")
    weights = build(report)
    rows = {row.name: index for index, row in enumerate(report.layers)}

    assert weights[rows["b"]]["weight"] is weights[rows["a"]]["weight"]
    assert weights[rows["c"]]["weight"] is not weights[rows["a"]]["weight"]
    assert verify(report).agrees


def test_a_net_of_500_layers_stays_finite_without_warnings() -> None:
    text = "INPUT[6x7x3] -> CONV3-8 -> [ [CONV3-8 -> BN -> RELU -> CONV3-8 -> BN | ] -> ADD -> RELU ]*70"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, measurement = measured(text)

    assert len(measurement.layers) > 490
    assert measurement.is_finite


def test_an_overflow_is_reported_without_python_warnings() -> None:
    text = "INPUT[3x4x2] -> [ [SCALE | ] -> ADD ]*300"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verification = verify(cnncalc.analyze(text))

    assert not verification.is_finite
    assert verification.agrees


def test_layers_that_run_only_in_training_run_unless_switched_off() -> None:
    report = cnncalc.analyze("INPUT[8x9x4] -> CONV3-4@a -> FC-3(training_only=yes)@head -> FROM(@a) -> FC-5@last")
    weights, images = build(report), draw_images(report)

    assert set(run(report, weights, images).outputs) == {"head", "last"}
    at_test = run(report, weights, images, training_only=False)
    assert set(at_test.outputs) == {"last"}
    assert at_test.layers[2] is None
    assert verify(report).agrees


def test_each_of_several_inputs_gets_its_images() -> None:
    report = cnncalc.analyze("[INPUT 8x9x4@left -> CONV1-3 | INPUT 8x9x2@right -> CONV1-3] -> ADD")
    assert verify(report).agrees


def test_a_convolution_computed_in_many_blocks_equals_one_in_a_single_block(monkeypatch: pytest.MonkeyPatch) -> None:
    from cnncalc.layers import planes

    whole = measured(FORKED)[1].outputs["softmax1"]
    monkeypatch.setattr(planes, "COLUMN_BYTES", 1000)
    monkeypatch.setattr(planes, "BLOCK_BYTES", 100)
    monkeypatch.setattr(planes.pieces, "__defaults__", (100,))

    np.testing.assert_allclose(measured(FORKED)[1].outputs["softmax1"], whole, rtol=1e-5)


# The meter


def test_the_meter_counts_the_products_of_the_arrays() -> None:
    meter = MeteredNumpy(np)

    meter.matmul(np.ones((2, 5, 3)), np.ones((3, 7)))
    meter.multiply(np.ones((4, 1)), np.ones(6))

    assert (meter.contracted, meter.products) == (2 * 5 * 3 * 7, 24)
    meter.reset()
    assert (meter.contracted, meter.products) == (0, 0)


@pytest.mark.parametrize("name", ["einsum", "dot", "tensordot"])
def test_the_meter_refuses_functions_that_it_cannot_count(name: str) -> None:
    with pytest.raises(AttributeError, match="not metered"):
        getattr(MeteredNumpy(np), name)


def test_no_layer_multiplies_matrices_without_the_meter() -> None:
    """The operator @ would not be counted; nor may a layer import NumPy itself."""
    import ast
    from pathlib import Path

    folder = Path(cnncalc.__file__).parent / "layers"
    for file in folder.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            assert not isinstance(node, ast.MatMult), file
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                assert not any(name.split(".")[0] == "numpy" for name in names), file


@pytest.mark.parametrize("kind", ["POOL", "AVGPOOL"])
def test_a_window_of_billions_of_elements_is_reduced_to_those_of_the_volume(kind: str) -> None:
    report = cnncalc.analyze(f"INPUT 8x6x3 -> {kind}2147483647/1(pad=1073741823)")
    assert verify(report).agrees
