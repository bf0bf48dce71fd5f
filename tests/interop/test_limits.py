"""The limits of model files: one at a limit is read, one beyond it is refused with a message that states it."""

# ruff: noqa: E501  # texts of files stand as they are

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pytest

from cnncalc.analysis.loading import load_bytes
from cnncalc.errors import DesignError
from cnncalc.interop.keras import MODELS_INSIDE
from cnncalc.language.settings import Settings
from tests.interop.hostile_files import X, caffe, darknet, keras3, named, onnx_file, packed, row, text
from tests.interop.onnx_writer import block, node, number, tensor
from tests.interop.tflite_writer import TENSOR, Operator, tflite_file, tflite_row

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

FIELDS = 24
"""The fields of an ONNX file of one node."""


def many_fields(count: int) -> bytes:
    """An ONNX file with so many fields."""
    return onnx_file(node("Relu", ["x"], ["y"]) + b"\x20\x01" * (count - FIELDS))


def many_numbers(count: int) -> bytes:
    """The same, most of them numbers of attributes, each list in one field: 4 + 3,999 for each."""
    lists = [block(5, block(1, chr(33 + k)) + block(8, b"\1" * 4_000) + number(20, 7)) for k in range(90)]
    return onnx_file(node("Relu", ["x"], ["y"]) + b"".join(lists) + b"\x20\x01" * (count - FIELDS - 90 * 4_003))


def texts(size: int) -> bytes:
    """An ONNX file whose names and texts have so many bytes: 8 of the node, 4 of each attribute's name."""
    each, rest = divmod(size - 8 - 4 * 2_000, 2_000)
    parts = [block(5, block(1, f"{k:04}") + block(4, "m" * (each + (k < rest))) + number(20, 3)) for k in range(2_000)]
    return onnx_file(node("Relu", ["x"], ["y"]) + b"".join(parts))


def reads(count: int) -> bytes:
    """Sums of 10,000 inputs, and one of what is left of so many."""
    sizes = [10_000] * (count // 10_000) + [count % 10_000] * (count % 10_000 > 0)
    return onnx_file(*[node("Sum", ["x"] * size, [f"v{k}" if k else "y"]) for k, size in enumerate(sizes)])


def gathered(thousands: int) -> bytes:
    """Gathers of a thousand indices each."""
    nodes = [node("Gather", ["x", "a"], [f"v{k}" if k else "y"], axis=2) for k in range(thousands)]
    index = block(5, tensor("a", (1_000,), list(range(1_000)), form=7))
    return onnx_file(*nodes, rest=index, shape=(1, 4, 1_000, 8))


def decoded(thousands: int) -> bytes:
    """Products with tensors of a thousand equal numbers each."""
    nodes = [node("Mul", ["x", f"t{k}"], [f"v{k}" if k else "y"]) for k in range(thousands)]
    rest = b"".join(block(5, tensor(f"t{k}", (1_000,))) for k in range(thousands))
    return onnx_file(*nodes, rest=rest, shape=(1, 4, 8, 1_000))


def calls(depth: int) -> bytes:
    """Functions that call each other, so deep."""
    parts = []
    for level in range(depth):
        inner = node(f"F{level + 1}", ["a"], ["b"], domain="d") if level < depth - 1 else node("Relu", ["a"], ["b"])
        parts.append(block(1, f"F{level}") + block(10, "d") + block(4, "a") + block(5, "b") + block(7, inner))
    return onnx_file(node("F0", ["x"], ["y"], domain="d")) + b"".join(block(25, part) for part in parts)


def layers(count: int) -> bytes:
    """A sequence of Keras."""
    rest = [{"class_name": "ReLU", "config": {}}] * (count - 1)
    head = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 8, 8, 4]}}
    return text({"class_name": "Sequential", "config": [head, *rest]})


def models(depth: int) -> bytes:
    """Models inside one another."""
    model = keras3([X, named("r", "ReLU", "x")])
    for _ in range(depth):
        inner = {**model, "name": "m", "inbound_nodes": [[["x", 0, 0, {}]]]}
        model = keras3([X, inner], [["m", 1, 0]])
    return text(model)


def called(times: int) -> bytes:
    """A model of 100 layers that is called so often: each call is one of the model and 100 of layers."""
    inner = keras3([X, *[named(f"r{k}", "ReLU", f"r{k - 1}" if k else "x") for k in range(99)]])
    reads = [[["x", 0, 0, {}]], *[[["m", k, 0, {}]] for k in range(1, times)]]
    return text(keras3([X, {**inner, "name": "m", "inbound_nodes": reads}], [["m", times, 0]]))


def named_long(count: int) -> bytes:
    """A file of TensorFlow Lite whose names have so many bytes: 4 of an output, 65,000 of each of 258 tensors, x."""
    name = "n" * (count - 4 - 258 * 65_000)
    return tflite_file(
        TENSOR((1, 4, 4, 2)), Operator("RELU"), [(1, 4, 4, 2)], more_tensors=258, name=name, more_name="m" * 65_000
    )


def directory(count: int) -> bytes:
    """An archive of Keras whose directory has so many bytes: 46 and the name for each member."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("config.json", layers(2))
        left = count - 46 - len("config.json")
        while left:
            size = left if left < 60_000 else min(60_000, left - 100)
            made.writestr(f"{left:07}".ljust(size - 46, "n"), b"")
            left -= size
    return file.getvalue()


def image(batch: list[int]) -> bytes:
    """A sequence of Keras with an input of these axes beside the batch."""
    head = {"class_name": "InputLayer", "config": {"batch_shape": [None, *batch]}}
    return text({"class_name": "Sequential", "config": [head, {"class_name": "ReLU", "config": {}}]})


RELU = node("Relu", ["x"], ["y"])
LIMITS: dict[str, tuple[Callable[[int], bytes], int, str]] = {
    "nodes.onnx": (lambda n: onnx_file(*row("Relu", n)), 18_000, "more than 18,000 nodes"),
    "fields.onnx": (many_fields, 400_000, "more than 400,000 fields"),
    "numbers.onnx": (many_numbers, 400_000, "more than 400,000 fields"),
    "texts.onnx": (texts, 16 * 1024**2, "its names and texts have more than 16,777,216 bytes"),
    "name.onnx": (lambda n: onnx_file(node("Relu", ["x"], ["y"], "a" * n)), 1_000, "1,001 bytes, more than 1,000"),
    "reads.onnx": (reads, 200_000, "its nodes have more than 200,000 inputs"),
    "inputs.onnx": (
        lambda n: onnx_file(node("Sum", ["x"] * n, ["y"])), 10_000, "it has 10,001 inputs, more than 10,000",
    ),
    "attribute.onnx": (
        lambda n: onnx_file(node("ReduceMean", ["x"], ["y"], axes=[1] * n)), 4_096, "more than 4,096 numbers",
    ),
    "numbers of an input.onnx": (
        lambda n: onnx_file(node("ReduceMean", ["x", "a"], ["y"]), rest=block(5, tensor("a", (n,), [1] * n, form=7))),
        4_096, "its axes are 4,097 numbers, more than 4,096",
    ),
    "work.onnx": (gathered, 2_000, "compute with more than 2,000,000 numbers of constants"),
    "decoded.onnx": (decoded, 2_000, "need the values of more than 2,000,000 elements"),
    "axes.onnx": (
        lambda n: onnx_file(
            node("Reshape", ["x", "s"], ["y"]), rest=block(5, tensor("s", (n,), [1] * (n - 1) + [256], form=7))
        ),
        16, "its output has 17 axes, more than 16",
    ),
    "text.onnx": (
        lambda n: onnx_file(node("Relu", ["x"], ["y"], mode="m" * n)), 65_536, "a text of 65,537 bytes, more than 65,536",
    ),
    "dimensions.onnx": (
        lambda n: onnx_file(RELU, rest=block(5, tensor("w", (1,) * n))), 16, "a tensor with more than 16 dimensions",
    ),
    "elements.onnx": (
        lambda n: onnx_file(RELU, rest=block(5, number(1, n) + number(2, 1) + block(8, "w"))), 1 << 50,
        "the tensor w has more than 1,125,899,906,842,624 elements",
    ),
    "sides.onnx": (lambda n: onnx_file(RELU, shape=(1, *[2] * n)), 4, "a volume has at most 4"),
    "functions.onnx": (calls, 8, "more than 8 deep"),
    "size.onnx": (
        lambda n: onnx_file(node("Concat", ["x", "x"], ["y"], axis=1), shape=(1, n, 1, 1)), (1 << 62) - 1,
        "more than 63 bits",
    ),
    "fields.prototxt": (
        lambda n: caffe(['layer { name: "l" type: "ReLU" bottom: "x" top: "y" ' + "a: 1 " * (n - 11) + "}"]), 100_000,
        "more than 100,000 fields",
    ),
    "nesting.prototxt": (
        lambda n: caffe(['layer { name: "l" type: "ReLU" bottom: "x" top: "y" ' + "a { " * (n - 1) + "} " * n]), 64,
        "more than 64 deep",
    ),
    "digits.prototxt": (
        lambda n: caffe([f'layer {{ name: "l" type: "InnerProduct" bottom: "x" top: "y" inner_product_param {{ num_output: {"9" * n} }} }}']),
        18, "a number has at most 18 digits, but this one has 19",
    ),
    "sides.prototxt": (
        lambda n: b'input: "x" input_shape { ' + b"dim: 2 " * (n + 2) + b'} layer { name: "r" type: "ReLU" bottom: "x" top: "y" }',
        3, "at most 3 sides",
    ),
    "bytes.prototxt": (
        lambda n: caffe(['layer { name: "l" type: "ReLU" bottom: "x" top: "y" }']).ljust(n), 2 * 1024**2,
        "at most 2 MiB",
    ),
    "sections.cfg": (lambda n: darknet(*["[dropout]"] * (n - 1)), 20_000, "more than 20,000 sections"),
    "list.cfg": (
        lambda n: darknet("[dropout]", "[route]\nlayers=" + ",".join("0" * n)),
        10_000,
        "layers: a list has at most 10,000 numbers",
    ),
    "digits.cfg": (lambda n: darknet("[convolutional]\nfilters=" + "9" * n), 18, "a number has at most 18 digits, but this one has 19"),
    "bytes.cfg": (lambda n: darknet("[dropout]").ljust(n), 2 * 1024**2, "at most 2 MiB"),
    "operators.tflite": (lambda n: tflite_row(19, n), 10_000, "10,001 tables, more than 10,000"),
    "inputs.tflite": (lambda n: tflite_row(106, 1, n), 2_000, "2,001 elements, more than 2,000"),
    "tensors.tflite": (
        lambda n: tflite_row(19, 1, constants=n - 2, elements=1), 40_000, "40,001 tables, more than 40,000",
    ),
    "numbers.tflite": (  # 300,000 tables and numbers
        lambda n: tflite_row(106, 140, 2_000, constants=n, elements=1), 6_336, "more than 300,000 tables and numbers",
    ),
    "axes.tflite": (
        lambda n: tflite_file(TENSOR((1, 4, 4, 2)), Operator("RELU"), [(1, 4, 4, 2)], more_tensors=1, axes=n), 8,
        "9 elements, more than 8",
    ),
    "elements.tflite": (  # 2^50 elements
        lambda n: tflite_file(TENSOR((1, n, 1 << 30, 1)), Operator("RELU"), [(1, n, 1 << 30, 1)]), 1 << 20,
        "more than 1,125,899,906,842,624 elements",
    ),
    "operator.tflite": (
        lambda n: tflite_file(TENSOR((1, 4, 4, 2)), Operator("CUSTOM", name="n" * n), [(1, 4, 4, 2)]), 1_000,
        "1,001 bytes, more than 1,000",
    ),
    "name.tflite": (
        lambda n: tflite_file(TENSOR((1, 4, 4, 2)), Operator("RELU"), [(1, 4, 4, 2)], name="n" * n), 65_536,
        "65,537 bytes, more than 65,536",
    ),
    "texts.tflite": (named_long, 16 * 1024**2, "its texts have more than 16,777,216 bytes"),
    "layers.json": (layers, 19_999, "more than 20,000 calls of layers"),
    "bytes.json": (lambda n: layers(2).ljust(n), 4 * 1024**2, "4,194,305 bytes, more than 4,194,304"),
    "models.json": (models, MODELS_INSIDE, "models are nested more than 32 deep"),
    "calls.json": (called, 196, "more than 20,000 calls of layers"),
    "sides.json": (lambda n: image([2] * n), 4, "the input has 5 axes besides the batch, but at most 4 can be read"),
    "directory.keras": (directory, 4 * 1024**2, "the directory of the archive has 4,194,305 bytes, more than 4,194,304"),
    "bytes.keras": (lambda n: packed(layers(2).ljust(n)), 4 * 1024**2, "more than 4,194,304 bytes"),
}  # fmt: skip
"""A file of a size, the largest size that is read, and words of the message beyond it."""


@pytest.mark.parametrize("name", LIMITS)
def test_a_file_at_a_limit_is_read_and_one_beyond_it_is_refused(name: str) -> None:
    make, most, words = LIMITS[name]
    settings = Settings(partial=True)
    assert load_bytes(f"net.{name.rpartition('.')[2]}", make(most), settings).nodes
    with pytest.raises(DesignError) as caught:
        load_bytes(f"net.{name.rpartition('.')[2]}", make(most + 1), settings)
    assert words in str(caught.value)
