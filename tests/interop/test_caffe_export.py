"""Nets as prototxt files: read back they have our volumes, parameters and MACs; what Caffe cannot say is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import cnncalc
from cnncalc.errors import DesignError
from cnncalc.interop.caffe import read_caffe
from cnncalc.interop.caffe_code import CODES
from cnncalc.interop.caffe_writer import caffe_text
from cnncalc.interop.exporters import ExportOptions
from cnncalc.language import catalogue
from cnncalc.language.settings import Settings
from cnncalc.run.forward import run
from tests.interop.test_torch_source import RUNS, graph_of
from tests.subcases import each
from tests.test_layers import entering, parameters

if TYPE_CHECKING:
    from cnncalc.analysis.report import LayerReport, Report
    from tests.layer_cases import Case


def written(report: Report) -> str:
    """The file of a net."""
    in_place = [row.in_place_in_training for row in report.layers]
    return caffe_text(report.resolved, ExportOptions(in_place=in_place))


def assert_reads_back(report: Report, text: str) -> None:
    """The file, read by our reader, has the figures of the net, and the volume of each of its layers."""
    phase = "train" if any(row.training_only for row in report.layers) else "test"
    back = cnncalc.analyze(read_caffe("net.prototxt", text.encode(), Settings(phase=phase, partial=True)))
    volumes = {row.name: row.output for row in back.layers}
    for row in report.layers:
        if row.name in volumes:
            assert volumes[row.name].elements == row.output.elements, row.name
    for key in ("parameters", "trainable", "macs"):
        assert getattr(back.totals, key) == getattr(report.totals, key), key
    assert [row.output.elements for row in ends(back)] == [row.output.elements for row in ends(report)]


def ends(report: Report) -> list[LayerReport]:
    """The outputs of a net."""
    return [row for row in report.layers if not report.graph.readers()[row.index]]


def is_written(report: Report) -> bool:
    """Whether Caffe can say a net; then its file reads back, else the error names layers of the net."""
    try:
        text = written(report)
    except DesignError as error:
        names = {row.name for row in report.layers}
        for problem in error.every:
            name, _, why = problem.message.partition(" (")
            assert name in names
            assert "): Caffe " in why
        return False
    assert_reads_back(report, text)
    return True


def assert_same_values(case: Case) -> None:
    """The file, read by our reader, computes in NumPy what the layer does, with the same numbers."""
    report = cnncalc.analyze(graph_of(case))
    text = written(report)
    back = cnncalc.analyze(read_caffe("net.prototxt", text.encode(), Settings()), batch=2, in_place=False)
    numbers = [array.astype("float64") for array in parameters(case).values()]
    weights: list[dict[str, Any]] = []
    for row in back.layers:
        weights.append({})
        for array in row.own_arrays:
            weights[-1][array.name] = numbers.pop(0).reshape(array.shape)
    images = dict(zip([row.name for row in back.layers if row.layer.is_input], entering(case), strict=True))
    (last,) = ends(back)
    result = run(back._replace(dtype="float64"), tuple(weights), images).outputs[last.name]
    expected = case.layer.forward(np, *entering(case), **parameters(case))
    assert np.abs(result.reshape(expected.shape) - expected).max() <= 1e-12 * np.abs(expected).max()


SAME_VALUES = {
    "conv", "dwconv", "deconv", "pool", "avgpool", "gmp", "pad", "crop", "slice", "add", "mul", "sub", "reduce",
    "scale", "gn", "in",
}  # fmt: skip
"""Kinds that become several layers of Caffe, whose values are compared."""


@each("case", [case for case in RUNS if case.kind in SAME_VALUES], by=lambda case: case.kind)
def test_several_layers_of_caffe_compute_what_one_of_ours_does(case: Case) -> None:
    if is_written(cnncalc.analyze(graph_of(case))):
        assert_same_values(case)


@each("case", RUNS, by=lambda case: case.kind)
def test_each_layer_reads_back(case: Case) -> None:
    assert is_written(cnncalc.analyze(graph_of(case))) or case.kind in LIMITED or case.kind not in CODES


LIMITED = {
    "conv", "dwconv", "deconv", "pool", "avgpool", "subsample", "gmp", "softmax", "affine", "dropout", "bn", "ln", "in",
    "l2norm", "lrn", "add", "sub", "mul", "maximum", "minimum", "mean", "reduce", "upsample", "resize", "pad",
    "space2depth",
}  # fmt: skip
"""Kinds that Caffe can say with some of their keys or volumes only."""

UNSAID = {
    "deconv": "INPUT 9x11x6 -> DECONV3-7/2(output_pad=1)@here",
    "pad": "INPUT 9x11x6 -> PAD(1, mode=reflect)@here",
    "conv": "INPUT 9x11x6 -> CONV2-7(normed=weight)@here",
    "avgpool": "INPUT 9x11x6 -> AVGPOOL3/1(pad=1, count_pad=no)@here",
    "pool": "INPUT 9x11x6 -> POOL3/1(dilation=2)@here",
    "bn": "INPUT 9x11x6 -> BN(stats=no)@here",
    "attention": "INPUT 9x6 -> ATTENTION-2@here",
    "maximum": "[INPUT 9x11x6@a | INPUT 9x1x6@b] -> MAXIMUM@here",
}


@pytest.mark.parametrize("kind", UNSAID)
def test_what_caffe_cannot_say_is_named_with_the_reason(kind: str) -> None:
    with pytest.raises(DesignError, match=rf"here \({kind.upper()}\): Caffe "):
        written(cnncalc.analyze(UNSAID[kind]))


def test_all_layers_that_cannot_be_said_are_named_at_once() -> None:
    net = "INPUT 9x11x6 -> CONV2-7(normed=weight)@one -> RELU -> DROPOUT(whole=channel)@two -> OPAQUE([1, 1, 2])@three"
    with pytest.raises(DesignError) as caught:
        written(cnncalc.analyze(net))
    assert [problem.message.split()[0] for problem in caught.value.every] == ["one", "two", "three"]


NOT_WRITTEN = {
    "convnext-tiny", "deeplabv3-resnet50", "efficientnet-b0", "inception-resnet-v2", "inception-v4", "lenet5",
    "mobilevit-s", "pspnet-resnet50", "swin-t", "vit-b-16",
}  # fmt: skip
"""Named nets with a layer that Caffe cannot say."""


@pytest.mark.slow
@pytest.mark.parametrize("name", catalogue.names())
def test_each_named_net_reads_back(name: str) -> None:
    assert is_written(cnncalc.analyze(name)) == (name not in NOT_WRITTEN)


NETS = (
    "INPUT 24x20x3 -> POOL2@p -> CONV3-3 -> UNPOOL(@p) -> GAP -> FC-5",
    "INPUT 12x10x3 -> CONV3-4@a -> [CONV3-4@b | CONV3-4(share=@b)] -> ADD -> GAP -> FC-3 -> SOFTMAX",
    "INPUT 12x10x3 -> CONV3-4(trainable=no) -> [ | GAP -> FC-2 -> FC-4 -> SIGMOID] -> MUL -> FLATTEN -> BN -> FC-2",
    "[INPUT 9x7x2@left -> CONV3-4 | INPUT 9x7x2@right -> CONV3-4] -> CONCAT -> SLICE(2, 6) -> CROP(5) -> FC-2",
    "INPUT 9x7x2 -> FC-8 -> RELU -> CONV1-6 -> RESHAPE(2x1x3) -> DECONV4-2/2(pad=1) -> HSWISH -> MISH -> SELU -> GLU",
)


@pytest.mark.parametrize("net", NETS)
def test_whole_nets(net: str) -> None:
    assert is_written(cnncalc.analyze(net))


def test_pools_round_as_caffe_does() -> None:
    up, down = "INPUT 8x8x3 -> POOL3/2(round=ceil)", "INPUT 8x8x3 -> POOL3/2"
    assert "round_mode" not in written(cnncalc.analyze(up))
    assert "round_mode: FLOOR" in written(cnncalc.analyze(down))
    assert "round_mode" not in written(cnncalc.analyze("INPUT 9x9x3 -> POOL3/2"))


def test_a_file_as_it_is_printed() -> None:
    assert written(cnncalc.analyze("INPUT 8x6x3 -> CONV3x5-4/2@first -> BN(eps=0.001) -> RELU")) == FILE


FILE = """\
# Written by cnncalc from pattern.
name: "pattern"
layer {
  name: "input"
  type: "Input"
  top: "input"
  input_param {
    shape {
      dim: 1
      dim: 3
      dim: 8
      dim: 6
    }
  }
}
layer {
  name: "first"
  type: "Convolution"
  bottom: "input"
  top: "first"
  convolution_param {
    num_output: 4
    kernel_h: 3
    kernel_w: 5
    stride: 2
    pad_h: 1
    pad_w: 2
  }
}
layer {
  name: "bn1"
  type: "BatchNorm"
  bottom: "first"
  top: "bn1"
  batch_norm_param {
    eps: 0.001
  }
}
layer {
  name: "bn1/scale"
  type: "Scale"
  bottom: "bn1"
  top: "bn1"
  scale_param {
    bias_term: true
  }
}
layer {
  name: "relu1"
  type: "ReLU"
  bottom: "bn1"
  top: "bn1"
}
"""


@pytest.mark.parametrize("axes", ["depth", "[height, depth]", "height"])
def test_a_layer_normalization_over_some_axes_is_refused(axes: str) -> None:
    with pytest.raises(DesignError, match="normalizes over the whole volume"):
        caffe_text(cnncalc.analyze(f"INPUT 8x6x3 -> LN(axes={axes})").resolved, ExportOptions())
