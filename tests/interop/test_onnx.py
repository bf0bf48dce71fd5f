"""ONNX files, made here without the library: layers, volumes, weights, and what is said of the rest."""

from __future__ import annotations

from cnncalc.analysis.loading import load_bytes
from cnncalc.analysis.report import Report, account
from cnncalc.language.settings import DEFAULT_SETTINGS, Settings
from tests.interop.onnx_writer import Model


def read(
    model: Model, *outputs: str, settings: Settings = DEFAULT_SETTINGS, **shapes: tuple[int | str | None, ...]
) -> Report:
    return account(load_bytes("net.onnx", model.bytes(*outputs, shapes=shapes), settings))


def kinds(report: Report) -> str:
    return " ".join(row.layer.kind for row in report.layers)


def test_a_net_has_the_layers_of_its_file() -> None:
    model = Model(image=(1, 3, 23, 19))
    weight, bias = model.weight("w", (8, 3, 3, 5)), model.weight("b", (8,))
    model.add("Conv", "image", weight, bias, name="stage/conv", strides=[2, 1], pads=[1, 2, 1, 2])
    model.add("Relu")
    model.add("MaxPool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    model.add("Flatten")
    model.add("Gemm", model.last, model.weight("fc.w", (10, 8 * 6 * 9)), model.weight("fc.b", (10,)), transB=1)
    report = read(model)
    assert kinds(report) == "input conv relu pool fc"
    assert [row.output for row in report.layers[:4]] == [(23, 19, 3), (12, 19, 8), (12, 19, 8), (6, 9, 8)]
    assert report.layers[1].name == "stage.conv"
    assert report.totals.weights == 8 * 3 * 3 * 5 + 10 * 8 * 6 * 9
    assert report.totals.biases == 8 + 10
    assert report.totals.macs == 12 * 19 * 8 * 3 * 3 * 5 + 10 * 8 * 6 * 9
