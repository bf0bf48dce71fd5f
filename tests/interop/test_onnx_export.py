"""Every kind and whole nets as ONNX models: they are checked, run in ONNX Runtime, and give our values."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import cnncalc
from cnncalc.errors import DesignError
from cnncalc.graph import Graph, Node
from cnncalc.interop.exporters import ExportOptions
from cnncalc.layers import KINDS
from cnncalc.layers.planes import pixels, planes
from tests.layer_cases import CASES, Case
from tests.subcases import each
from tests.test_layers import entering, parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.slow

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed, so no file is written")
runtime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed, so nothing is compared with it")

from cnncalc.interop.onnx_writer import onnx_model  # noqa: E402


def results(model: Any, images: Mapping[str, Any]) -> list[Any]:
    """The outputs of a model in ONNX Runtime."""
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found: list[Any] = session.run(None, dict(images))
    return found


def graph_of(case: Case) -> Graph:
    """The case as a net: its inputs, for an UNPOOL also the pool, and the layer."""
    nodes = [
        Node(f"input{place}", KINDS["input"](size=list(volume)), named=True) for place, volume in enumerate(case.inputs)
    ]
    return Graph("case", (*nodes, Node("layer", KINDS[case.kind](**case.keys), tuple(range(len(nodes))), named=True)))


RUNS = [case for case in CASES if case.kind not in ("input", "unpool", "opaque")]


@each("case", RUNS, by=lambda case: case.kind)
def test_each_layer_gives_our_values_in_onnx_runtime(case: Case) -> None:
    graph = graph_of(case)
    arrays = [x.astype("float32", order="K") for x in entering(case)]
    numbers = {name: array.astype("float32") for name, array in parameters(case).items()}
    options = ExportOptions(weights="seeded", arrays=[{}] * len(case.inputs) + [numbers])
    model = onnx_model(graph, options)
    images = {f"input{place}": np.ascontiguousarray(planes(x)) for place, x in enumerate(arrays)}
    (found,) = results(model, images)
    expected = case.layer.forward(np, *arrays, **numbers)
    assert pixels(found).shape == expected.shape
    assert np.abs(pixels(found) - expected).max() <= 1e-5 * np.abs(expected).max()
    held = sum(prod(tensor.dims) for tensor in model.graph.initializer)
    learned = sum(array.size for array in numbers.values())
    assert held == learned


def test_every_kind_can_be_written_but_what_is_stated() -> None:
    from cnncalc.interop.onnx_layers import LAYERS

    assert set(KINDS) - set(LAYERS) == {"input", "opaque"}


def test_layers_without_an_operator_are_refused() -> None:
    graph = cnncalc.load("INPUT 8x8x3 -> OPAQUE([4, 4, 2])@here -> RELU")
    adaptive = "INPUT 8x8x3 -> POOL(output=3)@p -> UNPOOL(@p)"
    with pytest.raises(DesignError, match=r"for UNPOOL of an adaptive POOL: unpool1 of POOL\(output=3x3\)"):
        onnx_model(cnncalc.analyze(adaptive).resolved, ExportOptions())
    with pytest.raises(DesignError, match="no operator for OPAQUE layers: here"):
        onnx_model(graph, ExportOptions())


NETS = (
    "lenet5",
    "cifar-tiny",
    "INPUT 23x19x3 -> POOL3/2(round=ceil)@p -> CONV3-8 -> CONV3-3 -> UNPOOL(@p) -> GAP -> FC-5",
    "INPUT 23x1 -> POOL2@p -> CONV3-8 -> CONV3-1 -> UNPOOL(@p) -> FC-5",
    """INPUT 20x24x3 -> CONV3-6/2(bias=no)@enc -> RELU
    -> DECONV3-3/2(pad=1, output_pad=1, bias=no, share=@enc, transposed=yes)""",
    "INPUT 7x5x2 -> FC-9(bias=no)@a -> FC-70(bias=no, share=@a, transposed=yes)",
    "INPUT 12x10x3 -> CONV3-4@a -> RELU -> CONV3-4 -> [CONV3-4@b | CONV3-4(share=@b)] -> ADD -> GAP -> FC-3 -> SOFTMAX",
    "INPUT 14x14x3 -> CONV7-12/7 -> SEQUENCE -> TOKEN -> POSITION -> [LN -> ATTENTION-3 | ] -> ADD -> LN -> FC-4",
)
VOLUMES = (
    "INPUT 4x6x2x6 -> WINDOW4x3x2 -> ATTENTION-3(relative=4x3x2) -> UNWINDOW4x6x2 -> FC-3",
    "INPUT 9x6 -> ATTENTION-3(relative=[9]) -> FC-3",
)
"""Relative biases of volumes with three sides and one."""


@pytest.mark.parametrize("net", [*NETS, *VOLUMES])
def test_whole_nets_give_our_values_and_volumes_layer_by_layer(net: str) -> None:
    from cnncalc.run.forward import draw_images, run
    from cnncalc.run.weights import build

    report = cnncalc.analyze(net, in_place=False)
    weights, images = build(report), draw_images(report)
    ours = run(report, weights, images, keep=lambda name: True).outputs
    model = onnx_model(report.resolved, ExportOptions(weights="seeded", arrays=weights), every_output=True)
    found = results(model, {name: np.ascontiguousarray(planes(x)) for name, x in images.items()})
    names = [value.name for value in model.graph.output]
    assert names == [row.name for row in report.layers if not row.layer.is_input]
    for name, theirs in zip(names, found, strict=True):
        expected = ours[name]
        assert pixels(theirs).shape == expected.shape
        assert np.abs(pixels(theirs) - expected).max() <= 1e-5 * np.abs(expected).max()
    learned = report.totals.parameters + report.totals.buffers
    assert sum(prod(tensor.dims) for tensor in model.graph.initializer) == learned


def test_weights_without_values_keep_their_shapes() -> None:
    report = cnncalc.analyze("cifar-tiny")
    model = onnx_model(report.resolved, ExportOptions())
    assert len(model.SerializeToString()) < 20_000
    (image,) = model.graph.input
    shape = [1, *[size.dim_value for size in image.type.tensor_type.shape.dim[1:]]]
    (found,) = results(model, {image.name: np.ones(shape, "float32")})
    assert found.shape[1] == report.layers[-1].output.depth


@pytest.mark.parametrize("weights", ["none", "zeros"])
@pytest.mark.parametrize(
    "net",
    [
        *("resnet18", "googlenet", "mobilenet-v2", "unet3d", *NETS[2:4], *NETS[6:]),
        "INPUT 12x8x3 -> CONV3-12 -> WINDOW4 -> ATTENTION-3(relative=4x4) -> UNWINDOW12x8 -> FC-3",
        "INPUT 3x4x12 -> SEQUENCE -> ATTENTION-3(relative=3x4) -> LINEAR-5",
        "INPUT 9x7x3 -> CONV3-4 -> ROLL([4, -2]) -> CONV3-2",
        "INPUT 10x8x3 -> CONV3-4 -> AVGPOOL3/2(round=ceil) -> CONV3-2",
        "INPUT 10x8x3 -> CONV3-4 -> RBF-5 -> RELU -> FC-3 -> RBF-2",
        "INPUT 9x7x3 -> AFFINE(2) -> SCALE -> RELU -> SCALE(scale=no)",
        "INPUT 10x9x3 -> CONV3-4 -> AVGPOOL3/2(pad=1, count_pad=no, round=ceil) -> CONV3-2",
        """INPUT 9x7x3 -> CONV3-4(bias=no) -> [CONV3-4 -> RELU -> SCALE(shift=no, shared=yes) | ] -> ADD
        -> SCALE(scale=no, shared=yes) -> BN(scale=no, shift=no) -> SCALE(shared=yes) -> RELU
        -> SCALE(shift=no, shared=yes)@a -> RELU -> SCALE(shift=no, shared=yes, share=a)""",
        "INPUT 9x7x3 -> CONV3-4 -> AVGPOOL3/1(pad=1, count_pad=no) -> CONV3-2",
    ],
)
def test_the_file_is_read_back_as_the_same_net(
    net: str, weights: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    report = cnncalc.analyze(net)
    path = tmp_path_factory.mktemp("written") / "net.onnx"
    path.write_bytes(onnx_model(report.resolved, ExportOptions(weights=weights)).SerializeToString())
    again = cnncalc.analyze(str(path))
    assert again.totals.parameters == report.totals.parameters
    assert again.totals.macs == report.totals.macs
    assert again.totals.buffers == report.totals.buffers
    learned = [
        [(row.kind, row.parameters, row.macs) for row in each.layers if row.parameters] for each in (report, again)
    ]
    assert sorted(learned[0]) == sorted(learned[1])


@pytest.mark.parametrize(
    ("net", "last"),
    [
        ("INPUT 7x5x2 -> FC-9@a -> FC-70(share=@a, transposed=yes)", "transposed"),
        ("INPUT 1x1x9 -> FC-9(bias=no)@a -> FC-9(bias=no, share=@a, transposed=yes)", "transposed"),
        ("INPUT 1x1x9 -> FC-9@a -> FC-9(share=@a)", "shared"),
        ("INPUT 1x1x9 -> FC-9@a -> FC-9", "its own"),
        ("INPUT 20x24x3 -> CONV3-6/2@a -> DECONV3-3/2(pad=1, share=@a, transposed=yes)", "transposed"),
        ("INPUT 9x9x6 -> DECONV3-6(pad=1)@a -> CONV3-6(share=@a, transposed=yes)", "transposed"),
        ("INPUT 9x4 -> LINEAR-6@a -> LINEAR-4(share=@a, transposed=yes)", "transposed"),
        ("INPUT 9x6 -> LINEAR-6(bias=no)@a -> LINEAR-6(share=@a, transposed=yes)", "transposed"),
        ("INPUT 9x6 -> LINEAR-6@a -> LINEAR-6(share=@a)", "shared"),
        ("INPUT 9x6 -> LINEAR-6@a -> LINEAR-6", "its own"),
    ],
)
def test_weights_that_layers_share_are_shared_when_read_back(
    net: str, last: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    report = cnncalc.analyze(net)
    path = tmp_path_factory.mktemp("written") / "net.onnx"
    path.write_bytes(onnx_model(report.resolved, ExportOptions(weights="zeros")).SerializeToString())
    again = cnncalc.analyze(str(path))
    assert again.totals == report.totals
    row = next(row for row in reversed(again.layers) if row.kind == report.layers[-1].kind)
    assert last == ("transposed" if row.transposed else "shared" if row.shared_with else "its own")
    assert not any("more are counted" in note for note in again.graph.notes)
