"""Nets from public reports and questions, and what is true of them."""

from __future__ import annotations

import pytest

import cnncalc
from cnncalc.memory.report import Options, account_memory

HEAD = "INPUT 32x32x3 -> CONV3-64 -> RELU -> {drop} -> CONV3-64 -> RELU -> {drop} -> GAP -> FC-10"


@pytest.mark.parametrize(
    ("net", "output"),
    [
        ("INPUT 1x10x1 -> SCALE(shift=no) -> CONV1x3-2(pad=0)", (1, 8, 2)),
        ("INPUT 10x1 -> SCALE(shift=no) -> CONV3-2(pad=0)", (8, 2)),
    ],
)
def test_a_scalar_parameter_is_counted(net: str, output: tuple[int, ...]) -> None:
    """nn.Parameter(1) times x, then Conv1d(1, 2, 3): 9 parameters; torchsummary said 8 (sksq96/pytorch-summary#148)."""
    report = cnncalc.analyze(net)

    assert report.totals.parameters == 9
    assert report.layer("conv1").output == output


@pytest.mark.parametrize(
    ("drop", "peak", "after_forward"),
    [("DROPOUT(0.3, whole=channel)", 10_906_112, 6_711_576), ("DROPOUT(0.3)", 15_096_320, 10_901_784)],
)
def test_dropped_channels_keep_one_number_each(drop: str, peak: int, after_forward: int) -> None:
    """nn.Dropout2d in PyTorch 2.13 on a CPU, batch 8, SGD with momentum (pytorch/pytorch#16577)."""
    report = cnncalc.analyze(HEAD.format(drop=drop))
    training = account_memory(report, Options("torch-cpu", batch=8, optimizer="momentum")).training

    assert training is not None
    assert (training.peak_bytes, training.after_forward_bytes) == (peak, after_forward)


def test_dropped_images_keep_one_number_each() -> None:
    """Stochastic depth: of 64 numbers for each of 8 images one is left, at two layers."""
    saved = []
    for whole in ("channel", "image"):
        report = cnncalc.analyze(HEAD.format(drop=f"DROPOUT(0.3, whole={whole})"))
        training = account_memory(report, Options("torch-cpu", batch=8)).training
        assert training is not None
        saved.append(training.saved_bytes)

    assert saved[0] - saved[1] == 2 * 8 * 63 * 4
