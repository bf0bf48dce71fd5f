"""``verify`` of an ONNX file: the file itself in ONNX Runtime, with its own weights, layer by layer."""

from __future__ import annotations

import json
import struct
from math import prod
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import pytest

from cnncalc.analysis.report import account
from cnncalc.interop.onnx_weights import OnnxWeights
from cnncalc.interop.tensor_values import NotKnown
from cnncalc.language.settings import DEFAULT_SETTINGS, Settings
from cnncalc.run.own_file import OwnRun, run_own_file
from tests.calls import called
from tests.interop.onnx_writer import Model, block, number, varint

if TYPE_CHECKING:
    from pathlib import Path

NO_RUNTIME = "ONNX Runtime is not installed, so no file is run in it"


class Drawn(Model):
    """A model whose weights are random numbers."""

    def __init__(self, opset: int = 17, **inputs: tuple[int | str | None, ...] | None) -> None:
        super().__init__(opset, **inputs)
        self.random = np.random.default_rng(5)

    def drawn(self, *shape: int, low: float = -0.5, high: float = 0.5) -> str:
        values = self.random.uniform(low, high, prod(shape)).tolist()
        return self.weight(f"w{len(self.tensors)}", shape, values)


def weights_of(model: Model, path: str = "net.onnx", settings: Settings = DEFAULT_SETTINGS) -> OnnxWeights:
    return OnnxWeights(path, model.bytes(), settings)


def own_run(model: Model, settings: Settings = DEFAULT_SETTINGS) -> OwnRun:
    pytest.importorskip("onnxruntime", reason=NO_RUNTIME)
    own = weights_of(model, settings=settings)
    return run_own_file(account(own.graph), own)


def windows() -> Drawn:
    """Filters of every sort, and what is added to them and multiplied with them."""
    model = Drawn(image=(1, 3, 14, 11))
    model.add("Conv", "image", model.drawn(8, 3, 3, 5), model.drawn(8), pads=[1, 2, 0, 1], strides=[2, 1])
    model.add("BatchNormalization", model.last, *[model.drawn(8) for _ in range(3)], model.drawn(8, low=0.5, high=2.0))
    model.add("PRelu", model.last, model.drawn(8, 1, 1))
    model.add("Conv", model.last, model.drawn(12, 2, 3, 2), group=4, dilations=[1, 2])
    model.add("Sub", model.last, model.drawn(12, 1, 1))
    model.add("Conv", model.last, model.drawn(24, 1, 2, 3), model.drawn(24), group=12)
    model.add("Div", model.last, model.drawn(24, 1, 1, low=0.5, high=2.0))
    model.add("Add", model.last, model.drawn(24, 1, 1))
    model.add("ConvTranspose", model.last, model.drawn(24, 3, 3, 2), model.drawn(6), group=2, strides=[2, 1])
    model.add("InstanceNormalization", model.last, model.drawn(6), model.drawn(6))
    return model


def matrices() -> Drawn:
    """Products with matrices that lie in different orders, and vectors behind a map with the depth last."""
    model = Drawn(image=(1, 5, 4, 3))
    model.add("Transpose", "image", perm=[0, 2, 3, 1])
    model.add("LayerNormalization", model.last, model.drawn(5), model.drawn(5))
    model.add("MatMul", model.last, model.drawn(5, 7))
    model.add("Add", model.last, model.drawn(7))
    model.add("Relu")
    model.add("Reshape", model.last, model.shape("flat", 1, 84))
    model.add("Gemm", model.last, model.drawn(6, 84), model.drawn(6), transB=1)
    model.add("Tanh")
    model.add("Gemm", model.last, model.add("Transpose", model.drawn(9, 6), name="transposed", perm=[1, 0]))
    return model


def places() -> Drawn:
    """Learned constants beside the weights: a token, positions, a factor, and a normalization of a whole volume."""
    model = Drawn(image=(1, 4, 3, 2))
    model.add("LayerNormalization", "image", model.drawn(4, 3, 2), model.drawn(4, 3, 2), axis=1)
    model.add("Add", model.last, model.drawn(1, 4, 3, 2))
    model.add("Reshape", model.last, model.shape("s", 1, 4, 6))
    model.add("Transpose", model.last, perm=[0, 2, 1])
    model.add("MatMul", model.last, model.drawn(4, 4))
    model.add("Concat", model.drawn(1, 2, 4), model.last, axis=1)
    model.add("Add", model.last, model.drawn(1, 8, 4))
    model.add("Mul", model.last, model.drawn(4))
    return model


def attention(mask: bool = False) -> Drawn:
    """Attention as it is spelled out, queries, keys and values in one product; ``mask``: some pairs are masked."""
    model = Drawn(tokens=(1, 5, 6))
    model.add("MatMul", "tokens", model.drawn(6, 18))
    model.add("Add", model.last, model.drawn(18))
    model.add("Reshape", model.last, model.shape("s", 1, 5, 3, 2, 3))
    model.add("Transpose", model.last, perm=[2, 0, 3, 1, 4])
    parts = model.last
    query, key, value = (
        model.add("Gather", parts, model.weight(f"i{n}", (), [n], form=7), name=f"part{n}", axis=0) for n in range(3)
    )
    model.add("MatMul", query, model.add("Transpose", key, name="transposed", perm=[0, 1, 3, 2]))
    model.add("Mul", model.last, model.weight("scale", (), [3**-0.5]))
    if mask:
        model.add("Add", model.last, model.weight("mask", (5, 5), [-1e4 if i % 5 > i // 5 else 0.0 for i in range(25)]))
    model.add("Softmax", axis=-1)
    model.add("MatMul", model.last, value)
    model.add("Transpose", model.last, perm=[0, 2, 1, 3])
    model.add("Reshape", model.last, model.shape("j", 1, 5, 6))
    model.add("MatMul", model.last, model.drawn(6, 6))
    model.add("Add", model.last, model.drawn(6), name="projected")
    model.add("Relu")
    return model


def from_the_left() -> Drawn:
    """Constants on the left of a product, and one for each element that is taken away."""
    model = Drawn(image=(1, 7, 5))
    model.add("Sub", "image", model.drawn(1, 7, 5))
    model.add("MatMul", model.drawn(6, 7), model.last)
    model.add("Relu")
    model.add("MatMul", model.drawn(4, 6), model.last)
    return model


@pytest.mark.parametrize(
    ("make", "compared"),
    [(windows, 7), (matrices, 6), (places, 6), (attention, 2), (from_the_left, 4)],
    ids=["windows", "matrices", "places", "attention", "from-the-left"],
)
def test_every_layer_agrees_with_the_file(make: Any, compared: int) -> None:
    found = own_run(make())
    assert found.skipped == ""
    assert [each for each in found.outputs if not each.agrees] == []
    assert len(found.outputs) >= compared
    assert found.left_out == {}


def test_weights_that_are_not_those_of_the_file_are_found() -> None:
    pytest.importorskip("onnxruntime", reason=NO_RUNTIME)
    whole: Any = OnnxWeights.array

    def off(self: OnnxWeights, layer: str, name: str, shape: Any) -> Any:
        return whole(self, layer, name, shape) + (0.01 if layer == "conv3" and name == "bias" else 0)

    with patch.object(OnnxWeights, "array", off):
        found = own_run(windows())
    assert [each.layer for each in found.outputs if not each.agrees] == ["conv3"]


def test_verify_prints_it_and_fails_where_a_value_differs(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason=NO_RUNTIME)
    path = tmp_path / "net.onnx"
    path.write_bytes(matrices().bytes())
    done = called("verify", str(path))
    assert done.returncode == 0
    assert "the file itself" in done.stdout
    with patch.object(OnnxWeights, "array", lambda self, layer, name, shape: np.zeros(shape, "float32")):
        done = called("verify", str(path), "--format", "json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert not found["agrees"]
    assert not found["file"]["agrees"]
    assert found["disagreements"] == []


def test_a_mask_that_is_left_out_is_said_and_the_layers_behind_it_are_compared() -> None:
    found = own_run(attention(mask=True))
    assert list(found.left_out.values()) == ["a mask of attention left out"]
    assert [each.agrees for each in found.outputs] == [True]


def test_an_unsupported_operator_is_left_out_and_its_value_is_read_after_it() -> None:
    model = Drawn(image=(1, 2, 6, 6))
    model.add("Conv", "image", model.drawn(4, 2, 3, 3))
    model.add("ThresholdedRelu", alpha=0.1)
    model.add("Conv", model.last, model.drawn(3, 4, 1, 1))
    found = own_run(model, Settings(partial=True))
    assert list(found.left_out) == ["thresholdedrelu1"]
    assert [(each.layer, each.agrees) for each in found.outputs] == [("conv0", True), ("conv2", True)]


def test_a_parameter_whose_source_is_not_computed_is_named() -> None:
    model = Drawn(image=(1, 2, 6, 6))
    weight = model.add("CumSum", model.drawn(4, 2, 3, 3), model.weight("axis", (), [0], form=7), name="summed")
    model.add("Conv", "image", weight, name="conv")
    model.add("Relu")
    found = own_run(model)
    assert list(found.left_out) == ["conv"]
    assert found.left_out["conv"] == "its weight: it is the result of CumSum, which is not computed"
    assert [each.agrees for each in found.outputs] == [True]


COMPUTED: dict[str, tuple[str, list[Any], dict[str, Any]]] = {
    "transposed": ("Transpose", [], {"perm": [1, 0]}),
    "tail": ("Slice", [[1], [5], [0], [2]], {}),
    "backwards": ("Slice", [[-1], [-9], [1], [-1]], {}),
    "picked": ("Gather", [[2, 0, 1]], {"axis": 1}),
    "joined": ("Concat", ["w"], {"axis": 0}),
    "padded": ("Pad", [[0, 1, 2, 0]], {}),
    "square": ("Mul", ["w"], {}),
    "signed": ("Neg", [], {}),
    "rooted": ("Sqrt", [], {}),
    "normed": ("ReduceL2", [], {"axes": [1], "keepdims": 1}),
    "split": ("Split", [], {"axis": 0, "num_outputs": 2}),
    "tiled": ("Tile", [[2, 1]], {}),
    "clipped": ("Clip", [], {}),
    "softened": ("Softmax", [], {"axis": 1}),
}


@pytest.mark.parametrize("name", COMPUTED)
def test_weights_that_are_computed_in_the_file_are_computed_here(name: str) -> None:
    operator, others, keys = COMPUTED[name]
    model = Drawn(opset=18 if operator == "Split" else 13, x=(1, 6, 3))
    model.weight("w", (6, 4), model.random.uniform(0.1, 0.9, 24).tolist())
    given = [other if isinstance(other, str) else model.shape(f"n{n}", *other) for n, other in enumerate(others)]
    made = model.add(operator, "w", *given, name=name, outputs=2 if operator == "Split" else 1, **keys)
    flat = model.add("Reshape", made, model.shape("flat", -1, 1), name="flat_weights")
    rows = model.add("Slice", flat, model.shape("from", 0), model.shape("to", 6), model.shape("axis", 0), name="rows")
    model.add("Transpose", "x", perm=[0, 2, 1])
    model.add("MatMul", model.last, rows, name="product")
    found = own_run(model)
    assert found.skipped == ""
    assert found.left_out == {}
    assert [each.agrees for each in found.outputs if each.layer == "product"] == [True]


@pytest.mark.parametrize("operator", ["BatchNormalization", "InstanceNormalization", "LayerNormalization"])
def test_weights_that_are_normalized_in_the_file_are_normalized_here(operator: str) -> None:
    model = Drawn(image=(1, 4, 5, 5))
    given = [model.drawn(3) if operator == "LayerNormalization" else model.drawn(4) for _ in range(2)]
    if operator == "BatchNormalization":
        given += [model.drawn(4), model.drawn(4, low=0.5, high=2.0)]
    weight = model.add(operator, model.drawn(6, 4, 3, 3), *given, name="normed")
    model.add("Conv", "image", weight, name="conv")
    found = own_run(model)
    assert found.left_out == {}
    assert [(each.layer, each.agrees) for each in found.outputs] == [("conv", True)]


@pytest.mark.parametrize(
    ("operator", "indices", "others", "expected"),
    [
        ("GatherND", ((2, 2), [0, 1, 2, 0]), [], [2.0, 5.0]),
        ("GatherElements", ((1, 2), [1, 0]), [], [3.0, 2.0]),
        ("ScatterND", ((1, 1), [1]), [[8.0, 9.0]], [1.0, 2.0, 8.0, 9.0, 5.0, 6.0]),
    ],
)
def test_weights_picked_by_places_are_computed(
    operator: str, indices: tuple[tuple[int, ...], list[int]], others: list[list[float]], expected: list[float]
) -> None:
    model = Model(x=(1, 3, len(expected)))
    model.weight("w", (3, 2), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    given = [model.weight("places", *indices, form=7), *[model.weight("u", (1, 2), values) for values in others]]
    shape = (len(expected),) if operator == "GatherND" else (3, 2) if others else (1, 2)
    model.add(operator, "w", *given, name="picked")
    model.add("MatMul", "x", model.add("Reshape", "picked", model.shape("s", -1, 1), name="rows"), name="product")
    own = OnnxWeights("net.onnx", model.bytes(shapes={"picked": shape}), DEFAULT_SETTINGS)
    assert own.array("product", "weight", (len(expected), 1)).ravel().tolist() == expected


def test_lacking_weights_are_named() -> None:
    model = Drawn(image=(1, 2, 6, 6))
    model.tensors.append(b"".join(number(1, size) for size in (4, 2, 3, 3)) + number(2, 1) + block(8, "stripped"))
    model.add("Conv", "image", "stripped", name="conv")
    assert own_run(model).skipped == (
        "weights of 1 layer are lacking: conv: its weight: it has 0 elements, but its shape has 72"
    )


def test_without_the_engine_the_step_is_skipped_and_the_extra_named(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(matrices().bytes())
    with patch.dict("sys.modules", {"onnxruntime": None}):
        done = called("verify", str(path))
        data = json.loads(called("verify", str(path), "--format", "json").stdout)
    assert done.returncode == 0
    assert "ONNX Runtime is not installed (python -m pip install 'cnncalc[onnx]')" in done.stdout
    assert data["file"]["skipped"]
    assert data["file"]["outputs"] == []


def external(location: str, shape: tuple[int, ...] = (4, 2, 1, 1), offset: int = 8) -> Model:
    """A model whose weights lie in another file."""
    model = Model(image=(1, 2, 3, 3))
    entries = [("location", location), ("offset", str(offset)), ("length", str(4 * prod(shape)))]
    tensor = b"".join(number(1, size) for size in shape) + number(2, 1) + block(8, "w") + number(14, 1)
    tensor += b"".join(block(13, block(1, key) + block(2, value)) for key, value in entries)
    model.tensors.append(tensor)
    model.add("Conv", "image", "w", name="conv")
    return model


def test_weights_beside_the_file_are_read(tmp_path: Path) -> None:
    values = [0.25 * place for place in range(8)]
    (tmp_path / "net.data").write_bytes(struct.pack("<2f8f", 9, 9, *values))
    own = weights_of(external("net.data"), str(tmp_path / "net.onnx"))
    assert own.array("conv", "weight", (1, 1, 2, 4)).transpose(3, 2, 0, 1).ravel().tolist() == values
    pytest.importorskip("onnxruntime", reason=NO_RUNTIME)
    found = run_own_file(account(own.graph), own)
    assert found.is_external
    assert [each.agrees for each in found.outputs] == [True]


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("../net.data", "only files in the folder of the model are opened"),
        ("/etc/hostname", "only files in the folder of the model are opened"),
        ("a\\..\\..\\net.data", "only files in the folder of the model are opened"),
        ("C:net.data", "only files in the folder of the model are opened"),
        ("", "only files in the folder of the model are opened"),
        ("link.data", "leads out of the folder of the model"),
        ("missing.data", "which does not exist"),
        ("short.data", "ends before byte 40"),
    ],
)
def test_weights_elsewhere_are_not_opened(location: str, why: str, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (tmp_path / "net.data").write_bytes(bytes(100))
    (folder / "link.data").symlink_to(tmp_path / "net.data")
    (folder / "short.data").write_bytes(bytes(20))
    own = weights_of(external(location), str(folder / "net.onnx"))
    with pytest.raises(NotKnown, match=why):
        own.array("conv", "weight", (1, 1, 2, 4))
    if location != "short.data":
        with pytest.raises(NotKnown, match=why):
            own.check_external()


def test_a_file_with_graphs_in_attributes_is_not_run() -> None:
    model = Model(image=(1, 2, 3, 3))
    model.add("Relu", "image")
    graph = block(1, "then_branch") + block(6, block(2, "inner")) + number(20, 5)
    model.nodes[0] += block(5, graph)
    assert own_run(model).skipped.startswith("it has graphs, sparse tensors or lists of tensors in attributes")


@pytest.mark.parametrize(
    ("form", "content", "values"),
    [
        (10, block(9, struct.pack("<3e", 0.5, -2, 8)), [0.5, -2, 8]),
        (10, block(5, b"".join(varint(bits) for bits in struct.unpack("<3H", struct.pack("<3e", 0.5, -2, 8)))), None),
        (16, block(9, struct.pack("<3H", 0x3F00, 0xC000, 0x4100)), [0.5, -2, 8]),
        (11, block(10, struct.pack("<3d", 0.5, -2, 8)), [0.5, -2, 8]),
        (1, block(4, struct.pack("<3f", 0.5, -2, 8)), [0.5, -2, 8]),
        (3, block(9, struct.pack("<3b", 5, -2, 8)), [5, -2, 8]),
        (7, block(7, varint(5) + varint(-2) + varint(8)), [5, -2, 8]),
    ],
)
def test_elements_of_every_form_are_read(form: int, content: bytes, values: list[float] | None) -> None:
    model = Model(image=(1, 3, 2, 2))
    model.tensors.append(number(1, 3) + number(2, form) + block(8, "slope") + content)
    shaped = model.add("Cast", "slope", name="cast", to=1)
    model.add(
        "PRelu", "image", model.add("Reshape", shaped, model.shape("s", 3, 1, 1), name="transposed"), name="prelu"
    )
    found = weights_of(model).array("prelu", "slope", (3,))
    assert found.dtype == np.float32
    assert found.tolist() == (values or [0.5, -2, 8])


def test_a_file_in_half_precision_is_compared_as_closely_as_that_is() -> None:
    model = Drawn(image=(1, 3, 6, 6))
    weights = struct.pack("<36e", *model.random.uniform(-0.5, 0.5, 36).tolist())
    model.tensors.append(
        b"".join(number(1, size) for size in (4, 1, 3, 3)) + number(2, 10) + block(8, "w") + block(9, weights)
    )
    model.add("ReduceMean", model.add("Cast", "image", to=10), axes=[1], name="mean")
    model.add("Conv", "mean", "w", name="conv")
    found = own_run(model)
    assert found.skipped == ""
    assert [(each.tolerance, each.agrees) for each in found.outputs if each.layer == "conv"] == [(2e-3, True)]


def tied(kind: str) -> Drawn:
    """Two layers with the same weights, the second with inputs and outputs swapped, and biases of their own."""
    if kind == "conv":
        model = Drawn(image=(1, 3, 8, 8))
        weight = model.drawn(6, 3, 3, 3)
        model.add("Conv", "image", weight, model.drawn(6))
        model.add("Relu")
        model.add("ConvTranspose", model.last, weight, model.drawn(3))
        return model
    model = Drawn(x=(1, 8) if kind == "fc" else (1, 5, 8))
    weight = model.drawn(8, 8 if kind == "square" else 6)
    model.add("MatMul", "x", weight)
    model.add("Add", model.last, model.drawn(8 if kind == "square" else 6))
    model.add("Relu")
    model.add("MatMul", model.last, model.add("Transpose", weight, name="transposed", perm=[1, 0]))
    model.add("Add", model.last, model.drawn(8))
    return model


@pytest.mark.parametrize(("kind", "parameters"), [("conv", 171), ("fc", 62), ("linear", 62), ("square", 80)])
def test_tied_weights_are_counted_once_and_used_transposed(kind: str, parameters: int) -> None:
    own = weights_of(tied(kind))
    assert account(own.graph).totals.parameters == parameters
    assert [node.transposed for node in own.graph.nodes] == [False, False, False, True]
    assert own.graph.notes == ()
    found = own_run(tied(kind))
    assert [each.agrees for each in found.outputs] == [True] * 3


def test_tied_weights_come_back_from_a_file_that_was_written_here(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the onnx package is not installed, so no file is written")
    path = tmp_path / "tied.onnx"
    net = "INPUT 20x8 -> LINEAR-6@a -> RELU -> LINEAR-8(share=a, transposed=yes)@b"
    assert called("convert", net, "--to", "onnx", "--weights", "seeded", "-o", str(path)).returncode == 0
    own = OnnxWeights(str(path), path.read_bytes(), DEFAULT_SETTINGS)
    assert [(node.name, node.transposed) for node in own.graph.nodes if node.share is not None] == [("b", True)]


def test_what_is_interpolated_is_allowed_the_rounding_of_its_places() -> None:
    model = Drawn(opset=19, image=(1, 1, 240, 6))
    sizes = model.shape("sizes", 1, 1, 224, 5)
    model.add("Resize", "image", "", "", sizes, mode="cubic", name="resized")
    (found,) = own_run(model).outputs
    assert found.agrees
    assert found.tolerance == pytest.approx(1e-5 + 240 * 5e-7)
