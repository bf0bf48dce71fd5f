"""Layers that use the weights of another one, transposed: counts, outputs, gradients, PyTorch."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest

import cnncalc
from cnncalc.analysis.report import account
from cnncalc.errors import DesignError
from cnncalc.language.reading import read_design
from cnncalc.layers import KINDS
from cnncalc.run.forward import draw_images, run
from cnncalc.run.training import Trainer, draw_targets
from cnncalc.run.verify import verify
from cnncalc.run.verify_training import verify_training
from cnncalc.run.weights import build
from tests.calls import called
from tests.layer_cases import CASES

CONVOLUTIONS = (
    "INPUT 9x11x3 -> CONV3-6/2(groups=3)@a -> TANH -> DECONV3-3/2(share=a, transposed=yes, pad=1, groups=3)@b -> TANH "
    "-> CONV3-6/2(share=b, transposed=yes, groups=3) -> TANH -> DECONV3-3/2(share=b, pad=1, groups=3)@d"
)
"""b uses the weights of a, transposed; conv2 those of b, transposed again; d all parameters of b."""
UNITS = "INPUT 3x5x2 -> FC-7@a -> TANH -> FC-30(share=a, transposed=yes)@b -> RESHAPE 3x5x2"
POSITIONS = "INPUT 13x4 -> LINEAR-7@a -> TANH -> LINEAR-4(share=a, transposed=yes, bias=no)@b"
FIRST = "INPUT 6x10x3 -> DECONV3-8/2(share=e, transposed=yes, pad=1)@d -> TANH -> CONV3-3/2@e"
"""The layer that has the weights comes later than the one that uses them."""
NETS = {"convolutions": CONVOLUTIONS, "units": UNITS, "positions": POSITIONS, "first": FIRST}

nets = pytest.mark.parametrize("text", NETS.values(), ids=NETS)


def test_weights_are_counted_once_and_biases_at_each_layer() -> None:
    """a: 3*3*1*6 weights and 6 biases; b: 3 biases; conv2: 6 biases of its own; d uses all parameters of b."""
    report = cnncalc.analyze(CONVOLUTIONS)

    rows = {row.name: row for row in report.layers if row.macs}
    assert [(row.weights, row.biases) for row in rows.values()] == [(54, 6), (0, 3), (0, 6), (0, 0)]
    assert [row.shared_with for row in rows.values()] == [None, "a", "b", "b"]
    assert report.totals.parameters == 54 + 6 + 3 + 6
    assert all(row.macs for row in rows.values())


def test_the_outputs_are_those_of_the_transposed_matrix() -> None:
    """b = tanh(x A + a) A' + b, with x in the order of the volume: depth slowest."""
    report = cnncalc.analyze(UNITS, batch=2, dtype="float64")
    weights = build(report, seed=1)
    images = draw_images(report, seed=2)
    x = np.moveaxis(images["input"], -1, 1).reshape(2, -1)
    first, second = weights[1], weights[3]

    found = run(report, weights, images, keep=lambda name: name == "b").outputs["b"]

    expected = np.tanh(x @ first["weight"] + first["bias"]) @ first["weight"].T + second["bias"]
    np.testing.assert_allclose(found.reshape(2, -1), expected, rtol=1e-12)


@nets
def test_verification_agrees(text: str) -> None:
    assert verify(cnncalc.analyze(text, batch=2)).agrees
    assert verify_training(cnncalc.analyze(text, batch=3)).agrees


@nets
def test_gradients_are_central_differences(text: str) -> None:
    report = cnncalc.analyze(text, batch=2, dtype="float64")
    trainer = Trainer(report, build(report, seed=3), None)
    images, targets = draw_images(report, seed=4), draw_targets(report, trainer.outputs, seed=5)

    trainer.step(images, targets)

    gradients = {name: np.array(gradient) for name, gradient in trainer.gradients.items()}
    assert set(gradients) == set(trainer.names)
    assert sum(gradient.size for gradient in gradients.values()) == report.totals.parameters
    random = np.random.default_rng(6)
    for (row, name), gradient in gradients.items():
        array = trainer.weights[row][name]
        assert gradient.shape == array.shape
        for place in {tuple(random.integers(0, array.shape)) for _ in range(8)}:
            losses = []
            for change in (1e-5, -2e-5, 1e-5):
                array[place] += change
                losses.append(trainer.step(images, targets).loss)
            assert gradient[place] == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-5, abs=1e-8)


@pytest.mark.slow
@nets
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_a_step_is_that_of_pytorch(text: str) -> None:
    from tests.run.test_training_against_torch import assert_step_is_that_of_pytorch

    assert_step_is_that_of_pytorch(cnncalc.analyze(text, batch=3, dtype="float64"))


def test_frozen_weights_freeze_what_uses_them() -> None:
    report = cnncalc.analyze(UNITS.replace("FC-7@a", "FC-7(trainable=no)@a"))

    assert report.totals.trainable == 0
    assert report.totals.parameters == 210 + 7 + 30


def test_every_view_shows_shared_weights() -> None:
    assert "b         FC-30          [1x1x30]" in called("table", UNITS).stdout
    assert "transposed weights of a" in called("table", UNITS).stdout
    assert "shared and counted once: b with a (its weights, transposed)" in called("table", UNITS, "--verbose").stdout
    assert "0: those of a are used, transposed, and counted there" in called("explain", UNITS, "b").stdout
    assert "weights: 0 (those of a, transposed)" in called("table", UNITS, "--style", "notes").stdout
    rows = {row["name"]: row for row in json.loads(called("table", UNITS, "--format", "json").stdout)["layers"]}
    assert (rows["b"]["shared_with"], rows["b"]["transposed"], rows["b"]["biases"]) == ("a", True, 30)
    assert "transposed" not in rows["a"]
    assert "share=a transposed=yes" in called("show", UNITS, "--as", "layers").stdout


def test_a_difference_shows_it() -> None:
    other = POSITIONS.replace("LINEAR-7", "LINEAR-4").replace(", transposed=yes", "").replace(", bias=no", "")
    tied = POSITIONS.replace("LINEAR-7", "LINEAR-4").replace(", bias=no", "")

    assert "transposed" in called("diff", other, tied).stdout


@pytest.mark.parametrize("value", ["no", "{1 > 2}"])
def test_transposed_no_shares_the_weights_unchanged(value: str) -> None:
    text = f"INPUT 5x4 -> LINEAR-4@a -> LINEAR-4(share=a, transposed={value})"

    assert cnncalc.analyze(text).totals.parameters == 20


def test_in_a_block_it_depends_on_a_variable_and_calls_share_what_is_tied() -> None:
    """Each call has one matrix and two biases; a call that shares those of another has none."""
    text = """
input: 13x4
variables: {tie: yes}
blocks:
  code: LINEAR-7@in -> TANH -> LINEAR-4(share=in, transposed=tie)
layers: code@a -> code@b -> code(share=a)
"""

    report = account(read_design("<text>", text))

    assert report.totals.parameters == 2 * (28 + 7 + 4)
    assert [row.shared_with for row in report.layers if row.macs] == [None, "a.in", None, "b.in", "a.in", "a.linear2"]


def test_a_call_shares_layer_for_layer() -> None:
    text = "input: 5x4\nblocks: {half: LINEAR-4}\nlayers: half@a -> half(share=a, transposed=yes)\n"

    with pytest.raises(DesignError) as caught:
        read_design("<text>", text)

    assert (
        str(caught.value)
        == """\
<text>:3:33: error[unknown-key]: a call shares layer for layer; weights are transposed from one layer to another
  |
3 | layers: half@a -> half(share=a, transposed=yes)
  |                                 ^^^^^^^^^^^^^^
  = hint: write transposed: yes at the layer itself"""
    )


def test_a_layer_that_would_take_its_own_weights_is_refused() -> None:
    with pytest.raises(DesignError, match="refers to itself"):
        cnncalc.analyze("INPUT 5x4 -> LINEAR-4(share=b, transposed=yes)@a -> LINEAR-4(share=a, transposed=yes)@b")


def test_a_kind_that_gives_its_weights_also_takes_them() -> None:
    """Weights are tied both ways; a case whose weights cannot be given says which key forbids it."""
    kinds = {name: kind.tied_to for name, kind in KINDS.items() if kind.tied_to}

    assert {other: name for name, other in kinds.items()} == kinds
    assert {case.layer.untied for case in CASES if case.kind in kinds} == {
        None,
        "connections",
        "standardized",
        "normed",
    }
    assert {case.layer.untied for case in CASES if case.kind not in kinds} == {None}
