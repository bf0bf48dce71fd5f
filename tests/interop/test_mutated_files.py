"""Files of other programs with random faults are read or refused: never another exception, and never for long."""

# ruff: noqa: E501  # texts of files stand as they are

from __future__ import annotations

import io
import json
import zipfile
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from cnncalc import analyze
from cnncalc.analysis.loading import load_bytes
from cnncalc.analysis.report import account
from cnncalc.errors import DesignError
from cnncalc.interop.exporters import export
from cnncalc.language.settings import Settings
from tests.interop.onnx_writer import Model

if TYPE_CHECKING:
    from collections.abc import Callable


def tflite() -> bytes:
    text = "INPUT 9x11x4 -> CONV3-6/2(pad=1) -> RELU -> [DWCONV3 -> BN | ] -> ADD -> POOL2 -> PAD(pad=1) -> CONV1-3 -> HSWISH -> FC-5"
    content = export(analyze(text).resolved, "tflite")
    assert isinstance(content, bytes)
    return content


def onnx() -> bytes:
    model = Model(x=(1, 4, 8, 8))
    model.add("Conv", "x", model.weight("w", (4, 4, 3, 3)), pads=[1, 1, 1, 1], name="a/conv")
    scale = [model.weight(name, (4,)) for name in ("s", "b", "m", "v")]
    model.add("BatchNormalization", model.last, *scale, epsilon=1e-5)
    model.add("Sigmoid", model.last)
    model.add("Mul", model.last, "x")
    model.add("Slice", model.last, *[model.shape(name, size) for name, size in (("from", 0), ("to", 2), ("axis", 1))])
    model.add("Concat", model.last, "x", axis=1)
    model.add("MaxPool", model.last, kernel_shape=[2, 2], strides=[2, 2])
    model.add("Reshape", model.last, model.shape("shape", 1, -1))
    model.add("Gemm", model.last, model.weight("f", (96, 5)), model.weight("g", (5,)))
    return model.bytes(shapes={"concat5": (1, 6, 8, 8)})


PROTOTXT = b"""name: "net" # a comment
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
DARKNET = b"""[net]
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
IMAGE = {"class_name": "InputLayer", "name": "x", "config": {"name": "x", "batch_shape": [None, 9, 11, 4]}}


def _layer(kind: str, name: str, reads: list[str], **config: Any) -> Any:
    nodes = [[[read, 0, 0, {}] for read in reads]]
    return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes}


KERAS = json.dumps(
    {
        "class_name": "Functional",
        "keras_version": "2.15",
        "config": {
            "name": "net",
            "layers": [
                {**IMAGE, "inbound_nodes": []},
                _layer(
                    "Conv2D", "c", ["x"], filters=6, kernel_size=[3, 3], strides=1, padding="same", activation="swish"
                ),
                _layer("BatchNormalization", "b", ["c"], axis=3, epsilon=1e-3),
                _layer("DepthwiseConv2D", "d", ["b"], kernel_size=3, padding="valid", depth_multiplier=1),
                _layer("Cropping2D", "e", ["b"], cropping=[[1, 1], [1, 1]]),
                _layer("Add", "s", ["d", "e"]),
                _layer("Concatenate", "k", ["s", "e"], axis=-1),
                _layer("GlobalAveragePooling2D", "g", ["k"]),
                _layer("Dropout", "o", ["g"], rate=0.2),
                _layer("Dense", "f", ["o"], units=5, activation="softmax"),
            ],
            "input_layers": [["x", 0, 0]],
            "output_layers": [["f", 0, 0]],
        },
    }
).encode()


def keras() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("config.json", KERAS)
        made.writestr("metadata.json", "{}")
    return file.getvalue()


FILES: dict[str, bytes] = {
    "net.onnx": onnx(), "net.prototxt": PROTOTXT, "net.cfg": DARKNET, "net.json": KERAS, "net.keras": keras(),
    "net.tflite": tflite(),
}  # fmt: skip
NUMBERS = (-1, 0, 1, 2, 7, 255, 1 << 31, (1 << 62), (1 << 63) - 1, 10**18, 10**30)
VALUES: tuple[Any, ...] = (
    None, True, False, "", "x", "same", "\x1b[2J\u202e", [], {}, [[]], [1, 2], [None, None], {"a": 1}, 0.5, -0.0, 1e300, *NUMBERS,
)  # fmt: skip


def damaged(random: Random, data: bytes) -> bytes:
    """The data with bytes changed, taken away, repeated or exchanged."""
    made = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        at = random.randrange(len(made) or 1)
        what = random.randrange(6)
        length = random.choice((1, 1, 2, 5, 40))
        if what == 0:
            made[at : at + 1] = bytes([random.randrange(256)])
        elif what == 1:
            del made[at : at + length]
        elif what == 2:
            made[at:at] = made[at : at + length] * random.choice((1, 2, 30))
        elif what == 3:
            other = random.randrange(len(made) or 1)
            made[at:at] = made[other : other + length]
        elif what == 4:
            made[at:at] = bytes(random.randrange(256) for _ in range(length))
        else:
            made[at : at + 1] = bytes([made[at] ^ (1 << random.randrange(8))]) if made else b""
    return bytes(made)


def with_lines(random: Random, data: bytes) -> bytes:
    """A text with lines taken away, repeated or exchanged."""
    lines = data.split(b"\n")
    for _ in range(random.choice((1, 1, 3))):
        at, other = random.randrange(len(lines)), random.randrange(len(lines))
        lines[at : at + 1] = random.choice(([], [lines[at]] * 2, [lines[other]], [lines[at], lines[other]]))
        lines = lines or [b""]
    return b"\n".join(lines)


def with_words(random: Random, data: bytes) -> bytes:
    """A text with words and numbers taken away, repeated, or replaced by others."""
    words = data.replace(b"=", b" = ").replace(b"\n", b" \n ").split(b" ")
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(words))
        number = str(random.choice(NUMBERS)).encode()
        words[at : at + 1] = random.choice(
            ([], [words[at]] * 2, [random.choice(words)], [number], [b'"' + number + b'"'])
        )
        words = words or [b""]
    return b" ".join(words).replace(b" = ", b"=").replace(b" \n ", b"\n")


def with_values(random: Random, data: bytes) -> bytes:
    """JSON with values replaced by others, taken away, or moved."""
    value = json.loads(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        places: list[tuple[Any, Any]] = []
        waiting = [value]
        while waiting:
            found = waiting.pop()
            keys: Any = found.keys() if isinstance(found, dict) else range(len(found))
            for key in keys:
                places.append((found, key))
                if isinstance(found[key], (dict, list)):
                    waiting.append(found[key])
        if not places:
            return json.dumps(random.choice(VALUES)).encode()
        holder, key = random.choice(places)
        other, far = random.choice(places)
        what = random.randrange(4)
        if what == 0:
            del holder[key]
        elif what == 1:
            holder[key] = json.loads(json.dumps(other[far]))
        else:
            holder[key] = random.choice(VALUES)
    return json.dumps(value).encode()


MUTATIONS: dict[str, tuple[Callable[[Random, bytes], bytes], ...]] = {
    "net.onnx": (damaged,),
    "net.prototxt": (damaged, with_lines, with_words, with_words),
    "net.cfg": (damaged, with_lines, with_words, with_words),
    "net.json": (damaged, with_values, with_values, with_values),
    "net.keras": (damaged,),
    "net.tflite": (damaged,),
}


def outcome(name: str, data: bytes, settings: Settings) -> str:
    """Whether a file is read or refused, with messages that can be printed and places within the text."""
    try:
        account(load_bytes(name, data, settings))
        return "read"
    except DesignError as error:
        refusal = error
    assert refusal.every
    assert all(c.isprintable() or c == "\n" for c in str(refusal))
    for problem in refusal.problems:
        assert problem.span is None or 0 <= problem.span.start <= len(problem.span.source.text)
        assert problem.message
    return "refused"


def mutated(random: Random, name: str) -> bytes:
    """A file with a fault."""
    return random.choice(MUTATIONS[name])(random, FILES[name])


@pytest.mark.parametrize("name", FILES)
def test_the_files_that_are_mutated_are_valid(name: str) -> None:
    assert outcome(name, FILES[name], Settings()) == "read"


@pytest.mark.parametrize("name", FILES)
def test_a_mutated_file_is_read_or_refused(name: str) -> None:
    random = Random(f"{name} 1")  # noqa: S311  # not for secrets
    outcomes = {outcome(name, mutated(random, name), Settings(partial=k % 2 == 0)) for k in range(100)}
    assert outcomes == {"read", "refused"}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_ends_too_early_is_read_or_refused(name: str) -> None:
    data = FILES[name]
    step = max(1, len(data) // 60)
    assert {outcome(name, data[:end], Settings()) for end in range(0, len(data), step)} >= {"refused"}
