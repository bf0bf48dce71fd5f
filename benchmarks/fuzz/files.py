"""Targets: model files of other programs, and the files that checks and sweeps read."""

# ruff: noqa: E501, SIM905  # texts of files stand as they are, words as lines

from __future__ import annotations

import io
import json
import zipfile
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.fuzz.fields import with_messages, with_tables
from benchmarks.fuzz.mutations import (
    damaged,
    one_of,
    with_lines,
    with_members,
    with_numbers,
    with_signs,
    with_values,
    with_words,
)
from benchmarks.fuzz.target import READ, Target, one_in, refused
from cnncalc import analyze
from cnncalc.analysis.loading import load_bytes
from cnncalc.analysis.report import account
from cnncalc.checks.baseline import Baseline
from cnncalc.checks.configuration import Configurations
from cnncalc.errors import CnncalcError
from cnncalc.interop import caffe, keras  # noqa: F401  # which fill the tables of layers
from cnncalc.interop.caffe_blobs import LAYERS as CAFFE
from cnncalc.interop.darknet_layers import SECTIONS
from cnncalc.interop.exporters import export
from cnncalc.interop.keras_net import LAYERS
from cnncalc.language.settings import Settings
from cnncalc.search.family import Family
from cnncalc.search.pointsfile import PointsFile
from cnncalc.search.sweep import Plan, SweepRequest, plan_of, records
from tests.interop.hostile_files import FAMILIES
from tests.interop.onnx_writer import Model
from tests.random_nets import random_design

if TYPE_CHECKING:
    from collections.abc import Sequence

PROTOTXT = """name: "net" # a comment
input: "data" input_shape { dim: 1 dim: 4 dim: 9 dim: 11 }
layer { name: "conv/1" type: "Convolution" bottom: "data" top: "c" param { name: "w" lr_mult: 0 } param { lr_mult: 2 }
  convolution_param { num_output: 6 kernel_h: 3 kernel_w: 1 stride: 2 pad_h: 1 group: 2 weight_filler { type: "xavier" } } }
layer { name: "bn" type: "BatchNorm" bottom: "c" top: "c" batch_norm_param { eps: 1e-5 } }
layer { name: "relu" type: "ReLU" bottom: "c" top: "c" relu_param { negative_slope: 0.1 } include { phase: TEST } }
layer { name: "pool" type: "Pooling" bottom: "c" top: "p" pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "two" type: "Slice" bottom: "p" top: "q" top: "r" slice_param { axis: 1 slice_point: [2] } }
layer { name: "cat" type: "Concat" bottom: "r" bottom: "q" top: "s" }
layer { name: "fc" type: "InnerProduct" bottom: "s" top: "f" inner_product_param { num_output: 5 bias_term: false } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "f" bottom: "label" top: "l" }
"""
DARKNET = """[net]
height=16
width=16 # wide
channels=3
[convolutional]
batch_normalize=1
filters=8
size=3
stride=1
pad=1
activation=leaky
[maxpool]
size=2
stride=2
[convolutional]
filters=8
size=1
groups=2
activation=mish
[shortcut]
from=-2
activation=linear
[upsample]
stride=2
[route]
layers=-1,0
[connected]
output=5
activation=linear
[yolo]
mask=0,1
"""
DARKNET_WORDS = (
    *[f"[{name}]" for name in SECTIONS], "activation=swish", "activation=normalize_channels", "groups=2", "group_id=1", "from=-1,-2",
    "layers=-1", *[f"{key}={value}" for key in "size stride pad padding antialiasing dilation batch_normalize share_index".split() for value in (0, 1, 2, 3)],
    *[f"{key}={value}" for key in "maxpool_depth out_channels stride_x stride_y reverse flatten hidden output atoms".split() for value in (-1, 0, 1, 2)],
    "weights_type=per_channel", "probability=.5", "scale=0", "extra=1", "stopbackward=1", "crop_height=3", "crop_width=0", "alpha=1e999", "nan",
)  # fmt: skip
PROTOTXT_WORDS = (
    *CAFFE, *CAFFE, *[f"{name}_param {{" for name in "eltwise convolution pooling slice reshape crop permute lrn scale power interp".split()],
    "layer {", "layers {", "}", "name: ", "type: ", "bottom: ", "top: ", '"c"', '"data"', "input_param { shape { dim: 1 } }", "dim: ", "axis: ",
    "include { phase: TRAIN }", "exclude {", "eltwise_param { operation: PROD coeff: 1 coeff: -1 }", "reshape_param { shape { dim: 0 dim: -1 } }",
    *[f"{key}: " for key in "kernel_size stride pad dilation group num_output end_axis num_axes offset order local_size eps ratio scale".split()],
    *[f"{key}: " for key in "global_pooling bias_term transpose operation coeff slice_point height width shrink_factor zoom_factor".split()],
    "TRAIN", "MAX", "<", ">", ";", "-inf", "nan", "0x7", "1e-5", "0", "-1", "1e999", "true", "false",
)  # fmt: skip
KERAS_NAMES = (
    "activation alpha attention_axes axes axis batch_shape center concat_axis crop_to_aspect_ratio cropping data_format depth_multiplier dilation_rate "
    "dims epsilon filters function groups height input_dim interpolation invert keepdims kernel_size key_dim layer layers max_value mean mode n name "
    "negative_slope noise_shape normalize num_heads offset output_dim output_padding output_shape padding pool_size rate return_sequences scale shape "
    "shared_axes size start step stop strides target_shape threshold trainable units use_bias value value_dim variance width inbound_nodes config"
).split()
IMAGE = {"class_name": "InputLayer", "name": "x", "config": {"name": "x", "batch_shape": [None, 9, 11, 4]}}


def _layer(kind: str, name: str, reads: list[str], **config: Any) -> Any:
    nodes = [[[read, 0, 0, {}] for read in reads]]
    return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes}


def _functional(*layers: Any) -> bytes:
    config = {
        "name": "net", "layers": [{**IMAGE, "inbound_nodes": []}, *layers], "input_layers": [["x", 0, 0]],
        "output_layers": [[layers[-1]["name"], 0, 0]],
    }  # fmt: skip
    return json.dumps({"class_name": "Functional", "keras_version": "2.15", "config": config}).encode()


RICH: dict[str, Any] = {
    "filters": 4, "kernel_size": 3, "strides": 1, "padding": "same", "units": 3, "pool_size": 2, "size": 2, "axis": -1, "rate": 0.5, "dims": [2, 1, 3],
    "target_shape": [99, 4], "num_heads": 2, "key_dim": 2, "scale": 0.5, "offset": -1, "mean": [1, 2, 3, 4], "variance": [1, 2, 0.5, 4], "n": 2,
    "height": 6, "width": 5, "groups": 2, "input_dim": 5, "output_dim": 4, "function": "relu", "activation": "relu", "max_value": 6, "cropping": 1,
}  # fmt: skip
"""A configuration that most layers of Keras can be read with."""
KERAS = _functional(
    _layer("Conv2D", "c", ["x"], filters=6, kernel_size=[3, 3], strides=1, padding="same", activation="swish"),
    _layer("BatchNormalization", "b", ["c"], axis=3, epsilon=1e-3),
    _layer("DepthwiseConv2D", "d", ["b"], kernel_size=3, padding="valid", depth_multiplier=1),
    _layer("Cropping2D", "e", ["b"], cropping=[[1, 1], [1, 1]]),
    _layer("Add", "s", ["d", "e"]),
    _layer("Concatenate", "k", ["s", "e"], axis=-1),
    _layer("GlobalAveragePooling2D", "g", ["k"]),
    _layer("Dropout", "o", ["g"], rate=0.2),
    _layer("Dense", "f", ["o"], units=5, activation="softmax"),
)
SMALL = (
    *[_functional(_layer(kind, "c", ["x"], **RICH)) for kind in sorted(LAYERS)],
    _functional(_layer("Conv2D", "c", ["x"], filters=2, kernel_size=1), _layer("Flatten", "f", ["c"])),
    _functional(_layer("ZeroPadding2D", "p", ["x"], padding=1), _layer("MaxPooling2D", "m", ["p"], pool_size=2)),
    _functional(_layer("Reshape", "r", ["x"], target_shape=[99, 4]), _layer("LayerNormalization", "n", ["r"])),
    _functional(_layer("Permute", "p", ["x"], dims=[2, 1, 3]), _layer("UpSampling2D", "u", ["p"], size=2)),
    _functional(_layer("ReLU", "p", ["x"], max_value=6), _layer("Multiply", "u", ["p", "x"])),
    json.dumps(
        {"class_name": "Sequential", "config": [IMAGE, {"class_name": "Dense", "config": {"units": 3}}]}
    ).encode(),
)


@cache
def keras_json() -> Sequence[bytes]:
    """Models of Keras as JSON."""
    return [*[KERAS] * 8, *SMALL]


@cache
def keras_archives() -> Sequence[bytes]:
    """The same in archives."""
    found = []
    for content in (KERAS, *SMALL[-6:]):
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w", method) as made:
                made.writestr("config.json", content)
                made.writestr("metadata.json", "{}")
            found.append(file.getvalue())
    return found


def _designs(*without: str) -> list[Any]:
    """Reports of small random nets."""
    return [analyze(random_design(seed, items=2, without=without).text) for seed in range(40)]


def _exported(form: str) -> list[bytes]:
    """Small random nets as files of that form, where it has all their layers."""
    found = []
    for report in _designs():
        try:
            content = export(report.resolved, form)
        except CnncalcError:
            continue
        found.append(content if isinstance(content, bytes) else content.encode())
    return [content for content in found if len(content) < 8_000]


@cache
def onnx_seeds() -> Sequence[bytes]:
    """Models of many operators, and small ones of the tests."""
    model = Model(x=(1, 4, 8, 8))
    model.add("Conv", "x", model.weight("w", (4, 4, 1, 1)), name="a/conv")
    scale = [model.weight(name, (4,)) for name in ("s", "b", "m", "v")]
    model.add("BatchNormalization", model.last, *scale, epsilon=1e-5)
    model.add("Sigmoid", model.last)
    model.add("Mul", model.last, "x")
    model.add("Slice", model.last, *[model.shape(name, size) for name, size in (("from", 0), ("to", 2), ("axis", 1))])
    model.add("Concat", model.last, "x", axis=1)
    model.add("MaxPool", model.last, kernel_shape=[2, 2], strides=[2, 2])
    model.add("Reshape", model.last, model.shape("shape", 1, -1))
    model.add("Gemm", model.last, model.weight("f", (96, 2)), model.weight("g", (2,)))
    tiny = [FAMILIES[name](3) for name in FAMILIES if name.endswith(".onnx")]
    return [model.bytes(shapes={"concat5": (1, 6, 8, 8)})] * 20 + [data for data in tiny if len(data) < 3_000]


@cache
def tflite_seeds() -> Sequence[bytes]:
    """Files that cnncalc writes, and small ones of the tests."""
    tiny = [FAMILIES[name](3) for name in FAMILIES if name.endswith(".tflite")]
    return [*_exported("tflite"), *[data for data in tiny if len(data) < 3_000]]


@cache
def text_seeds(ending: str, first: str) -> Sequence[bytes]:
    """A text of many layers, small files of the tests, and what cnncalc writes."""
    tiny = [FAMILIES[name](3) for name in FAMILIES if name.endswith(ending)]
    written = _exported("caffe") if ending == ".prototxt" else []
    return [first.encode()] * 20 + [data for data in tiny if len(data) < 2_000] + written


def run_model(name: str, data: bytes) -> str:
    """A model file, every second one with unsupported operators."""
    settings = Settings(partial=one_in(2, data), phase="train" if one_in(3, data) else "test")
    try:
        account(load_bytes(name, data, settings))
    except CnncalcError as error:
        return refused(error)
    return READ


# Files of checks and sweeps

CONFIGURATION = (
    'files = ["nets", "a.yaml"]\nexclude = ["old/*"]\nselect = ["first-fc"]\nignore = ["large-pool"]\nbase = "main"\nallow_stated = false\n[budget]\nparameters = "7M"\n'
    'training_memory = {max = "8GiB", batch = 64, optimizer = "adam"}\n[budget.macs]\nmax = 4_000_000\nwarn = "+5%"\n',
    'baseline = "base.json" # recorded\nbudget.arena = {max = "64KiB", pointers = 64}\nbudget."inference_memory" = \'93MiB\'\n',
    '[budget]\nparameters = {max = "4M", for = {width = "8..64"}}\nreceptive_field = {min = 224}\n', 'ignore = [\n  "first-fc", # why\n  "even-kernel",\n]\n',
)  # fmt: skip
TOML = (
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ".",
    ",",
    '"""',
    "'''",
    '"',
    "'",
    "\n",
    "#",
    "true",
    "1e9",
    "0x1F",
    "1979-05-27",
    "inf",
    "\\u0041",
    "[budget]",
    "budget",
    "tool.cnncalc",
    "files = ",
    "macs",
    "max",
)


def run_configuration(data: bytes) -> str:
    """A configuration in the working folder."""
    own = one_in(2, data)
    for name in ("cnncalc.toml", "pyproject.toml"):
        Path(name).unlink(missing_ok=True)
    Path("cnncalc.toml" if own else "pyproject.toml").write_bytes(data if own else b"[tool.cnncalc]\n" + data)
    try:
        Configurations().of_folder(".")
    except CnncalcError as error:
        return refused(error)
    finally:
        Path("cnncalc.toml" if own else "pyproject.toml").unlink()
    return READ


BASELINE = (
    '{"schema": 1, "files": {"a.yaml": {"parameters": 7, "macs": 10}, "b": {}}}', '{\n  "schema": 1,\n  "files": {}\n}\n',
    '{"schema": 1, "files": {"nets/a.yaml": {"training_memory batch=2": 123456789}}}',
)  # fmt: skip


def run_baseline(data: bytes) -> str:
    """A recorded baseline."""
    Path("baseline.json").write_bytes(data)
    try:
        Baseline("baseline.json", "baseline.json")
    except CnncalcError as error:
        return refused(error)
    return READ


DESIGN = "INPUT 8x8x3 -> [CONV3-{w} -> GELU({form})]*n -> FC-2"
REQUEST = SweepRequest(("w=0,2", "form=exact,tanh", "n=1"), limits=(("max", "macs=2K"),))
LISTED = ("w,form\n1,exact\n2,tanh\n", "n\n1\n2\n", '"w","stages"\n1,"[2x3, 4]"\n', "input,batch\n8x8x3,1\n9x9x3,4\n")
CSV = (
    ",",
    '"',
    "\n",
    "\r\n",
    "ok",
    "over",
    "broken",
    "# ",
    "# cnncalc-sweep 1 ",
    "{",
    "}",
    '""',
    "w",
    "form",
    "1",
    "-1",
    "exact",
    "null",
    ": ",
    '"status"',
)


@cache
def _plan() -> tuple[Plan, dict[str, Any]]:
    family = Family("-", Settings(), DESIGN)
    plan = plan_of(REQUEST, family, DESIGN)
    return plan, plan.header("1.0", family)


@cache
def points_seeds() -> Sequence[bytes]:
    """Files of points, whole and torn, each behind a byte that chooses the form; and lists of points."""
    plan, header = _plan()
    found = [bytes([2]) + text.encode() for text in LISTED * 4]
    for place, form in enumerate(("csv", "jsonl")):
        path = f"seed.{form}"
        file = PointsFile(path, path, header, plan.points.names, plan.keys)
        try:
            list(records(plan, "serial", file))
        finally:
            file.close()
        content = Path(path).read_bytes()
        Path(path).unlink()
        found += [bytes([place]) + content[: len(content) * part // 8] for part in range(4, 9)] * 2
    return found


def run_points(data: bytes) -> str:
    """A file of points that a sweep goes on with, or a list of points that it takes."""
    form = data[0] % 3 if data else 2
    try:
        if form == 2:
            family = Family("-", Settings(), DESIGN)
            Path("list.csv").write_bytes(data[1:])
            request = SweepRequest(listed="list.csv", shown="list.csv", most=50)
            list(records(plan_of(request, family, DESIGN), "serial"))
            return READ
        plan, header = _plan()
        path = Path(f"points.{('csv', 'jsonl')[form]}")
        path.write_bytes(data[1:])
        file = PointsFile(str(path), path.name, header, plan.points.names, plan.keys)
        try:
            list(records(plan, "serial", file))
        finally:
            file.close()
            path.unlink(missing_ok=True)
    except CnncalcError as error:
        return refused(error)
    return READ


def _model(name: str, share: int, seeds: Any, *mutations: Any) -> Target:
    return Target(name.partition(".")[2], share, partial(run_model, name), seeds, one_of(*mutations), 256)


MEMBERS = with_members("class_name", [*LAYERS, "Functional", "Sequential"], KERAS_NAMES)


def encoded(*texts: str) -> Sequence[bytes]:
    """Texts as bytes."""
    return [text.encode() for text in texts]


TARGETS = (
    _model("net.onnx", 45, onnx_seeds, with_messages, with_messages, with_messages, damaged),
    _model("net.prototxt", 35, partial(text_seeds, ".prototxt", PROTOTXT), with_words(*PROTOTXT_WORDS), with_numbers, with_words(*PROTOTXT_WORDS), with_lines, with_signs, damaged),
    _model("net.cfg", 45, partial(text_seeds, ".cfg", DARKNET), with_words(*DARKNET_WORDS), with_lines, with_lines, with_numbers, with_signs, damaged),
    _model("net.json", 20, keras_json, with_values, with_values, MEMBERS, MEMBERS, damaged),
    _model("net.keras", 60, keras_archives, damaged),
    _model("net.tflite", 55, tflite_seeds, with_tables, with_tables, with_tables, damaged),
    Target("configuration", 25, run_configuration, partial(encoded, *CONFIGURATION), one_of(with_words(*TOML), with_lines, with_signs, damaged)),
    Target("baseline", 25, run_baseline, partial(encoded, *BASELINE), one_of(with_values, with_signs, damaged)),
    Target("points", 5, run_points, points_seeds, one_of(with_words(*CSV), with_lines, with_signs, damaged)),
)  # fmt: skip
