"""``verify --against``: the comparison with another engine, and what it reports where values differ."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import pytest

import cnncalc
from cnncalc.analysis.report import account
from cnncalc.errors import DesignError, ValueProblem
from cnncalc.run.against import compare_with
from tests.calls import called
from tests.case_nets import between_convolutions
from tests.layer_cases import CASES, Case
from tests.subcases import each

pytestmark = pytest.mark.slow

NETS = (
    "lenet5",
    """INPUT 20x24x3 -> CONV3-8/2 -> BN -> RELU -> [CONV3-8 -> DROPOUT(0.3) -> HSWISH | ] -> ADD -> POOL2@p -> CONV3-8
    -> UNPOOL(@p) -> GAP -> FC-6 -> SOFTMAX""",
    "INPUT 40x3 -> CONV5-6 -> GELU -> LN -> ATTENTION-2 -> GAP -> FC-4",
    "INPUT 9x7x3 -> CONV3-4 -> DROPOUT(rate=0) -> [DROPOUT(rate=1) | ] -> ADD -> FC-5",
)
ALIKE = """INPUT 3x6x4x5 -> [BN -> ELU | SIGMOID -> REDUCE(op=max, axes=[height, depth])] -> MUL
    -> PERMUTE(order=[height, width, frames, depth]) -> L2NORM(axes=[width, frames, height], scale=yes, eps=1.5)
    -> [L2NORM -> PRELU -> REDUCE(axes=[depth, frames]) | CLIP(high=-0.25)] -> ADD -> RELU6 -> GAP"""
BROKEN = "INPUT 9x9x3 -> CONV3-4@a -> RELU -> FC-5"


@pytest.mark.parametrize("net", NETS)
def test_torch_agrees_in_float64_with_gradients(net: str) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed, so nothing here is compared with it")
    report = cnncalc.analyze(net, batch=2, dtype="float64", in_place=False)
    comparison = compare_with(report, "torch")
    assert comparison.agrees
    assert len(comparison.outputs) == sum(not row.layer.is_input for row in report.layers)
    learned = [array for row in report.layers for array in row.own_arrays if array.role != "buffer"]
    assert len(comparison.gradients) == len(learned)


@pytest.mark.parametrize("layers", ["GAP -> BN", "GAP -> BN(stats=no)", "GAP -> IN", "FC-4 -> GN4"])
def test_layers_that_pytorch_refuses_are_named(layers: str) -> None:
    pytest.importorskip("torch")
    report = cnncalc.analyze(f"INPUT 8x8x3 -> {layers} -> FC-2", dtype="float64")
    with pytest.raises(DesignError, match="single-value"):
        compare_with(report, "torch")
    with (
        patch("cnncalc.run.against.torch_refusals", return_value=[]),
        pytest.raises(ValueError, match="Expected more than 1"),
    ):
        compare_with(report, "torch")


@each("case", CASES, by=lambda case: case.kind)
def test_torch_agrees_on_every_case_of_a_kind(case: Case) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed, so nothing here is compared with it")
    comparison = compare_with(account(between_convolutions(case), batch=2, dtype="float64"), "torch")
    assert comparison.agrees, [found for found in (*comparison.outputs, *comparison.gradients) if not found.agrees]


def test_gradients_of_what_all_classes_have_in_common_are_zero_but_for_rounding() -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed, so nothing here is compared with it")
    report = cnncalc.analyze(ALIKE, batch=2, dtype="float64", in_place=False)
    comparison = compare_with(report, "torch", seed=883)
    assert comparison.agrees, [each for each in comparison.gradients if not each.agrees]


def test_onnx_runtime_agrees_in_float32() -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed, so nothing here is compared with it")
    pytest.importorskip("onnx", reason="the onnx package is not installed, so no file is written")
    done = called("verify", NETS[1], "--against", "onnxruntime", "--format", "json")
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert found["agrees"]
    assert {each["tolerance"] for each in found["outputs"]} == {1e-5}
    assert found["gradients"] == []


def test_a_layer_that_differs_is_reported_with_its_distance() -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed, so nothing here is compared with it")
    from cnncalc.interop import torch_layers

    whole: Any = torch_layers.layer_in_torch

    def off(layer: Any, inputs: list[Any], p: Any) -> Any:
        return whole(layer, inputs, p) + (0.01 if layer.kind == "conv" else 0)

    with patch.object(torch_layers, "layer_in_torch", off):
        done = called("verify", BROKEN, "--against", "torch")
    assert done.returncode == 1
    assert "a: 0.0" in done.stdout
    assert "allowed 1e-05" in done.stdout


def test_what_is_stated_is_left_out() -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed, so nothing here is compared with it")
    report = cnncalc.analyze("INPUT 8x8x3 -> CONV3-4 -> OPAQUE([4, 4, 2])@x -> CONV3-2@y", in_place=False)
    comparison = compare_with(report, "torch")
    assert [each.layer for each in comparison.outputs] == ["conv1"]
    assert comparison.unproven == ("x", "y")


def test_onnx_runtime_refuses_float64() -> None:
    report = cnncalc.analyze(BROKEN, dtype="float64", in_place=False)
    with pytest.raises(ValueProblem, match="float32 only"):
        compare_with(report, "onnxruntime")


@pytest.mark.parametrize(("engine", "package"), [("onnxruntime", "onnxruntime"), ("torch", "torch")])
def test_a_missing_engine_is_an_error_that_names_the_extra(engine: str, package: str) -> None:
    report = cnncalc.analyze(BROKEN, in_place=False)
    with patch.dict("sys.modules", {package: None}), pytest.raises(DesignError) as caught:
        compare_with(report, engine)
    hint = caught.value.problems[0].hint or ""
    assert hint.startswith("python -m pip install 'cnncalc[")
