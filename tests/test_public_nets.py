"""Nets from public issues and questions, with their correct figures."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

import cnncalc
from cnncalc.analysis.report import account
from cnncalc.language.reading import read_design, read_pattern
from cnncalc.memory.report import Options, account_memory
from tests.calls import called

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
    """Stochastic depth keeps one number instead of 64 for each of 8 images, at two layers."""
    saved = []
    for whole in ("channel", "image"):
        report = cnncalc.analyze(HEAD.format(drop=f"DROPOUT(0.3, whole={whole})"))
        training = account_memory(report, Options("torch-cpu", batch=8)).training
        assert training is not None
        saved.append(training.saved_bytes)

    assert saved[0] - saved[1] == 2 * 8 * 63 * 4


class Known(NamedTuple):
    """A net, its source, and correct figures of the whole net and of some layers."""

    source: str
    net: str
    totals: dict[str, int]
    layers: dict[str, dict[str, Any]] = {}  # noqa: RUF012  # of a NamedTuple, never changed


DARKNET = "blocks: {'C(kernel, filters)': 'CONV{kernel}-filters(bias=no) -> BN -> LRELU(0.1)'}\n"

KNOWN = {
    "a pool of stride 1 keeps the size": Known(
        "pjreddie/darknet cfg/yolov3-tiny.cfg; mystic123/tensorflow-yolo-v3#16, AlexeyAB/darknet#451: 13x13 stays",
        f"""
input: 416x416x3
{DARKNET}layers: >
  C3-16 -> POOL -> C3-32 -> POOL -> C3-64 -> POOL -> C3-128 -> POOL -> C3-256@fine -> POOL -> C3-512
  -> POOL2/1(pad=same)@last -> C3-1024 -> C1-256@coarse -> C3-512 -> CONV1-255@first
  -> FROM(@coarse) -> C1-128 -> UPSAMPLE -> CONCAT(@fine) -> C3-256 -> CONV1-255@second
""",
        {"parameters": 8_852_366, "buffers": 6_368, "macs": 2_782_480_896},
        {"last": {"output": (13, 13, 512)}, "first": {"output": (13, 13, 255)}, "second": {"output": (26, 26, 255)}},
    ),
    "weights of each position": Known(
        "pjreddie/darknet cfg/yolov1.cfg, [local] and [connected]: 7*7 times (3*3*1024)*256, and 7*7*256 times 1715",
        "INPUT 7x7x1024 -> LOCAL3-256 -> LRELU(0.1) -> DROPOUT -> FC-1715",
        {"weights": 115_605_504 + 21_512_960, "biases": 12_544 + 1_715},
    ),
    "a last window that begins within the map": Known(
        "pytorch/vision squeezenet.py: its smallest input is 17x17; 8 -> 4 -> 2 -> 1 (as pytorch/vision#678)",
        "INPUT 17x17x3 -> CONV3-64/2(pad=0) -> [POOL3/2(round=ceil)]*3",
        {"parameters": 1_792},
        {"conv1": {"output": (8, 8, 64)}, "pool2": {"output": (2, 2, 64)}, "pool3": {"output": (1, 1, 64)}},
    ),
    "a pad of the output below the dilation": Known(
        "pytorch/pytorch#56328, onnx/onnx#3187: (5 - 1)*1 + 3*(3 - 1) + 2 + 1 = 13",
        "INPUT 5x5x4 -> DECONV3-4/1(dilation=3, output_pad=2)",
        {"parameters": 3 * 3 * 4 * 4 + 4},
        {"deconv1": {"output": (13, 13, 4)}},
    ),
    "a map stacked by darknet": Known(
        "pjreddie/darknet cfg/yolo-voc.cfg; src/blas.c, reorg_cpu, followed position by position: each sees all rows, "
        "and two neighbours of a row",
        f"""
input: 416x416x3
{DARKNET}layers: >
  C3-32 -> POOL -> C3-64 -> POOL -> C3-128 -> C1-64 -> C3-128 -> POOL -> C3-256 -> C1-128 -> C3-256 -> POOL
  -> [C3-512 -> C1-256]*2 -> C3-512@fine -> POOL -> [C3-1024 -> C1-512]*2 -> C3-1024*2 -> C3-1024@deep
  -> FROM(@fine) -> C1-64 -> SPACE2DEPTH(order=darknet)@stacked -> CONCAT(@deep) -> C3-1024 -> CONV1-125@boxes
""",
        {"parameters": 50_655_389, "macs": 14_680_167_424},
        {"fine.lrelu1": {"receptive_field": (166, 166)}, "stacked": {"receptive_field": (416, 182)}}
        | {"boxes": {"output": (13, 13, 125)}},
    ),
    "a norm of each position's length": Known(
        "balancap/SSD-Tensorflow#259, weiliu89/caffe#375: 38x38 by rounding up; 8,732 boxes",
        "INPUT 300x300x3 -> CONV3-64 -> POOL -> CONV3-128 -> POOL -> CONV3-256 -> POOL2(round=ceil) "
        "-> L2NORM(scale=yes)",
        {"parameters": 1_792 + 73_856 + 295_168 + 256},
        {"pool3": {"output": (38, 38, 256)}, "l2norm1": {"parameters": 256}},
    ),
    "maps filled by the places of their pools": Known(
        "alexgkendall/SegNet-Tutorial Models/segnet_basic_inference.prototxt: 45 -> 23 -> 45 (pad_out_h)",
        """
input: 360x480x3
blocks: {down: "CONV7-64 -> BN -> RELU -> POOL(round=ceil)@pool", up: CONV7-64 -> BN}
layers: >
  LRN -> down@a -> down@b -> down@c -> down@d -> UNPOOL(@d.pool)@e -> up -> UNPOOL(@c.pool) -> up -> UNPOOL(@b.pool)
  -> up -> UNPOOL(@a.pool) -> up -> CONV1-11@scores -> SOFTMAX
""",
        {"parameters": 1_416_587},
        {"d.pool": {"output": (23, 30, 64)}, "e": {"output": (45, 60, 64)}, "scores": {"output": (360, 480, 11)}},
    ),
    "depth made to space": Known(
        "Lim et al. 2017, EDSR baseline x2 (1.37M): 1,792 + 16*2*36,928 + 36,928 + 147,712 + 1,731",
        """
input: 48x48x3
layers: >
  CONV3-64@head -> [[CONV3-64 -> RELU -> CONV3-64 | ] -> ADD]*16 -> CONV3-64 -> ADD(@head) -> CONV3-256 -> DEPTH2SPACE
  -> CONV3-3
""",
        {"parameters": 1_369_859},
        {"depth2space1": {"output": (96, 96, 64)}, "conv36": {"output": (96, 96, 3)}},
    ),
    "gates of channels and of places": Known(
        "Jongchan/attention-module MODELS/cbam.py around a 3x3 convolution: 1,792 + 2*64*4 + 7*7*2 + 2, and two mean "
        "and maximum maps",
        """
input: 32x32x64
blocks: {small: CONV1-4(bias=no) -> RELU -> CONV1-64(bias=no)}
layers: >
  CONV3-64@x -> GAP -> small@a -> FROM(@x) -> GMP -> small(share=a) -> ADD(@a) -> SIGMOID -> MUL(@x)@y
  -> REDUCE(mean)@mean -> FROM(@y) -> REDUCE(max) -> CONCAT(@mean)@both -> CONV7-1(bias=no) -> SIGMOID -> MUL(@y)@out
""",
        {"parameters": 36_928 + 512 + 98},
        {"both": {"output": (32, 32, 2)}, "out": {"output": (32, 32, 64)}},
    ),
    "images of two sizes": Known(
        "ICNet and FeaturePyramidNetwork of torchvision: of the small image 3x3, then 4x4; of the other 3x3, 5x5",
        "[INPUT 32x32x3 -> CONV3-8 -> UPSAMPLE | INPUT 64x64x3 -> CONV3-8] -> CONCAT@both -> CONV3-8@last",
        {"parameters": 224 + 224 + 1_160},
        {"both": {"receptive_field": (3, 3)}, "last": {"receptive_field": (5, 5)}}
        | {"upsample1": {"receptive_field": (3, 3)}},
    ),
    "units along the depth": Known(
        "keras-team/keras#11866: Dense(100) on (5, 10) gives (5, 100) and has 1,100 parameters",
        "INPUT 5x10 -> LINEAR-100",
        {"parameters": 1_100},
        {"linear1": {"output": (5, 100)}},
    ),
    "four shifted images": Known(
        "ultralytics/yolov5#207, #413, its Focus: 2x2 pixels, behind a 3x3 convolution 6x6",
        "INPUT 640x640x3 -> SPACE2DEPTH(order=focus)@focus -> CONV3-32(bias=no)",
        {"parameters": 3 * 3 * 12 * 32},
        {"focus": {"output": (320, 320, 12), "receptive_field": (2, 2)}, "conv1": {"receptive_field": (6, 6)}},
    ),
    "separable convolutions": Known(
        "keras-team/keras#13008, tensorflow/tensorflow#4330: SeparableConv2D(100, 5) on 10 channels has 1,350",
        "INPUT 32x32x10 -> [DWCONV5(bias=no, pad=valid) -> CONV1-100 | DWCONV3-3(bias=no) -> CONV1-64]",
        {"parameters": 1_350 + 9 * 30 + 30 * 64 + 64},
        {"conv1": {"output": (28, 28, 100)}, "conv2": {"output": (32, 32, 64)}},
    ),
}


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_what_is_known_of_a_public_net(known: Known) -> None:
    read = read_design if "layers:" in known.net else read_pattern
    report = account(read("<net>", known.net))

    assert {name: getattr(report.totals, name) for name in known.totals} == known.totals
    for layer, facts in known.layers.items():
        assert {name: getattr(report.layer(layer), name) for name in facts} == facts, layer


def test_shifted_and_strided_pools_have_the_field_of_focus() -> None:
    """Four copies of the image, shifted by a row or a column, of which every second pixel is taken."""
    parts = [f"PAD([-{top}, -{left}, 0, 0]) -> POOL1/2(round=ceil)" for top in (0, 1) for left in (0, 1)]
    report = cnncalc.analyze(f"INPUT 640x640x3 -> [{' | '.join(parts)}] -> CONCAT -> CONV3-32(bias=no)")

    assert report.layer("concat1").output == (320, 320, 12)
    assert (report.layer("concat1").receptive_field, report.layer("conv1").receptive_field) == ((2, 2), (6, 6))


def test_the_gradient_of_weights_after_a_norm_along_the_depth_is_copied() -> None:
    """Eager PyTorch 2.13 on a CPU, batch 2, SGD with momentum; with BN 14,946,024 (facebookresearch/ConvNeXt#142)."""
    peaks = []
    for norm in ("LN(axes=depth)", "BN"):
        report = cnncalc.analyze(f"INPUT 8x8x3 -> CONV3-256 -> {norm} -> CONV3-512 -> GAP -> FC-10")
        assert report.totals.parameters == 1_192_970
        training = account_memory(report, Options("torch-cpu", batch=2, optimizer="momentum")).training
        assert training is not None
        peaks.append(training.peak_bytes)

    assert peaks == [19_268_320, 14_946_024]


def test_named_outputs_at_several_depths_are_outputs() -> None:
    """As in ayooshkathuria/pytorch-yolo-v3: the rule about unread layers does not report named outputs."""
    net = "INPUT 32x32x3 -> CONV3-8@early -> CONV1-5@small -> FROM(@early) -> POOL -> CONV3-8 -> CONV1-5@large"
    report = cnncalc.analyze(net)

    assert (report.layer("small").output, report.layer("large").output) == ((32, 32, 5), (16, 16, 5))
    assert "unread" not in called("check", net).stdout
