"""Models of Keras 1 to 3: functional, sequential and nested ones, shared layers, data formats, unsupported layers."""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import zipfile
from io import BytesIO
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from cnncalc.analysis.loading import load_bytes
from cnncalc.analysis.report import Report, account
from cnncalc.errors import DesignError
from cnncalc.language.settings import DEFAULT_SETTINGS, Settings
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from pathlib import Path

    from cnncalc.graph import Graph

Layer = dict[str, Any]


def layer(kind: str, name: str, **config: Any) -> Layer:
    return {"class_name": kind, "name": name, "config": {"name": name, **config}}


def sequential(*layers: Layer, shape: Any = (23, 19, 6), **extra: Any) -> Layer:
    """A sequential model with its input."""
    first = layer("InputLayer", "image", batch_shape=[None, *shape])
    return {"class_name": "Sequential", "config": {"name": "net", "layers": [first, *layers]}, **extra}


def functional(layers: list[tuple[Layer, list[Any]]], outputs: list[Any], **extra: Any) -> Layer:
    """A functional model as Keras 2 writes it: layers with their calls, each the layers that it reads."""
    written = []
    for entry, reads in layers:
        nodes = [[[part, 0, 0, {}] if isinstance(part, str) else part for part in call] for call in reads]
        written.append({**entry, "inbound_nodes": nodes})
    ends = [[name, 0, 0] if isinstance(name, str) else name for name in outputs]
    inputs = [[entry["name"], 0, 0] for entry, reads in layers if entry["class_name"] == "InputLayer"]
    config = {"name": "net", "layers": written, "input_layers": inputs, "output_layers": ends}
    return {"class_name": "Functional", "config": config, **extra}


def read(model: Any, settings: Settings = DEFAULT_SETTINGS) -> Graph:
    return load_bytes("net.json", json.dumps(model).encode(), settings)


def report(*layers: Layer, shape: Any = (23, 19, 6), **extra: Any) -> Report:
    return account(read(sequential(*layers, shape=shape, **extra)))


IMAGE = layer("InputLayer", "image", batch_input_shape=[None, 12, 10, 3])


@pytest.mark.parametrize(
    ("kind", "config", "shape", "kinds", "volume", "learned"),
    [
        ("Conv2D", {"filters": 8, "kernel_size": [3, 5], "strides": 2, "padding": "same"}, (23, 19, 6), "conv",
         (12, 10, 8), 728),
        ("Conv2D", {"filters": 8, "kernel_size": 3, "groups": 2, "use_bias": False, "activation": "relu"}, (9, 8, 6),
         "conv relu", (7, 6, 8), 216),
        ("Conv1D", {"filters": 4, "kernel_size": 5, "padding": "causal", "dilation_rate": 2}, (40, 3), "conv", (40, 4),
         64),
        ("Conv3D", {"filters": 4, "kernel_size": 3, "strides": [1, 2, 2]}, (9, 8, 7, 2), "conv", (7, 3, 3, 4), 220),
        ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 2}, (9, 8, 6), "dwconv", (7, 6, 12), 120),
        ("SeparableConv2D", {"filters": 5, "kernel_size": 3}, (9, 8, 6), "dwconv conv", (7, 6, 5), 89),
        ("Conv2DTranspose", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}, (9, 8, 6), "deconv",
         (18, 16, 4), 220),
        ("Conv2DTranspose", {"filters": 4, "kernel_size": 2, "strides": 3}, (9, 8, 6), "deconv", (27, 24, 4), 100),
        ("Conv2DTranspose", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 0},
         (9, 8, 6), "deconv", (17, 15, 4), 220),
        ("LocallyConnected2D", {"filters": 2, "kernel_size": 3}, (9, 8, 6), "local", (7, 6, 2), 7 * 6 * (54 * 2 + 2)),
        ("Dense", {"units": 5, "activation": "softmax"}, (40,), "fc softmax", (1, 1, 5), 205),
        ("Dense", {"units": 5}, (9, 8, 6), "linear", (9, 8, 5), 35),
        ("MaxPooling2D", {"pool_size": [2, 2], "strides": None, "padding": "same"}, (9, 8, 6), "pool", (5, 4, 6), 0),
        ("AveragePooling1D", {"pool_size": 3, "strides": 1}, (9, 6), "avgpool", (7, 6), 0),
        ("GlobalAveragePooling2D", {}, (9, 8, 6), "gap", (1, 1, 6), 0),
        ("BatchNormalization", {"axis": [3], "scale": False}, (9, 8, 6), "bn", (9, 8, 6), 6),
        ("LayerNormalization", {"axis": [1, 2, 3]}, (9, 8, 6), "ln", (9, 8, 6), 2 * 432),
        ("GroupNormalization", {"groups": -1}, (9, 8, 6), "in", (9, 8, 6), 12),
        ("RMSNormalization", {}, (9, 6), "rms", (9, 6), 6),
        ("UnitNormalization", {"axis": -1}, (9, 8, 6), "l2norm", (9, 8, 6), 0),
        ("PReLU", {"shared_axes": [1, 2]}, (9, 8, 6), "prelu", (9, 8, 6), 6),
        ("ReLU", {"max_value": 6.0}, (9, 8, 6), "relu6", (9, 8, 6), 0),
        ("LeakyReLU", {"alpha": 0.1}, (9, 8, 6), "lrelu", (9, 8, 6), 0),
        ("Reshape", {"target_shape": [-1, 6]}, (9, 8, 6), "sequence", (72, 6), 0),
        ("Flatten", {}, (9, 8, 6), "flatten", (1, 1, 432), 0),
        ("Permute", {"dims": [3, 1, 2]}, (9, 8, 6), "permute", (6, 9, 8), 0),
        ("RepeatVector", {"n": 4}, (6,), "reshape upsample", (4, 6), 0),
        ("ZeroPadding2D", {"padding": [[1, 2], [0, 3]]}, (9, 8, 6), "pad", (12, 11, 6), 0),
        ("Cropping1D", {"cropping": [1, 2]}, (9, 6), "pad", (6, 6), 0),
        ("UpSampling2D", {"size": [2, 3]}, (9, 8, 6), "resize", (18, 24, 6), 0),
        ("UpSampling2D", {"size": [2, 2], "interpolation": "bilinear"}, (9, 8, 6), "upsample", (18, 16, 6), 0),
        ("Rescaling", {"scale": 0.5, "offset": [1, 2, 3, 4, 5, 6]}, (9, 8, 6), "affine", (9, 8, 6), 0),
        ("Normalization", {"axis": [-1], "mean": [1, 2], "variance": [4, 1]}, (9, 8, 2), "affine", (9, 8, 2), 0),
        ("SpatialDropout2D", {"rate": 0.2}, (9, 8, 6), "dropout", (9, 8, 6), 0),
        ("MultiHeadAttention", {"num_heads": 2, "key_dim": 5}, (9, 8), "attention", (9, 8), 4 * 80 + 3 * 10 + 8),
        ("LayerNormalization", {"axis": [1, 2], "center": False}, (9, 8, 6), "ln", (9, 8, 6), 72),
        ("AdaptiveAveragePooling2D", {"output_size": [4, 3]}, (9, 8, 6), "avgpool", (4, 3, 6), 0),
        ("AdaptiveMaxPooling1D", {"output_size": 4}, (9, 6), "pool", (4, 6), 0),
        ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": [None, 5], "bias_axes": "d"}, (9, 8), "linear",
         (9, 5), 45),
        ("EinsumDense", {"equation": "abc,cde->abde", "output_shape": [None, 2, 5]}, (9, 8), "linear reshape",
         (9, 2, 5), 80),
        ("EinsumDense", {"equation": "abcd,cde->abe", "output_shape": [None, 5], "activation": "relu"}, (9, 2, 8),
         "reshape linear relu", (9, 5), 80),
    ],
)  # fmt: skip
def test_each_class_becomes_layers_with_its_volume_and_parameters(
    kind: str, config: dict[str, Any], shape: Any, kinds: str, volume: tuple[int, ...], learned: int
) -> None:
    found = report(layer(kind, "one", **config), shape=shape)
    assert [row.kind for row in found.layers[1:]] == kinds.split()
    assert found.layers[-1].output == volume
    assert found.totals.parameters == learned


def operated(kind: str, *args: Any, shape: tuple[int, ...] = (9, 8, 6), ends: Any = "one", **config: Any) -> Report:
    """A model of Keras 3 with one operation; the argument ``x`` is its input."""
    written = {"class_name": "__keras_tensor__", "config": {"shape": [None, *shape], "keras_history": ["x", 0, 0]}}

    def filled(value: Any) -> Any:
        return [filled(part) for part in value] if isinstance(value, list) else written if value == "x" else value

    entry = {**layer(kind, "one", **config), "module": "keras.layers" if kind == "Attention" else "keras.src.ops.numpy"}
    model = functional([(layer("InputLayer", "x", batch_shape=[None, *shape]), []), (entry, [])], [ends])
    model["config"]["layers"][1]["inbound_nodes"] = [{"args": filled(list(args or ("x",))), "kwargs": {}}]
    return account(read({**model, "keras_version": "3.15.1"}))


def parts(*steps: tuple[int | None, int | None, int | None]) -> list[Any]:
    keys = ("start", "stop", "step")
    return [{"class_name": "__slice__", "config": dict(zip(keys, step, strict=True))} for step in steps]


@pytest.mark.parametrize(
    ("kind", "config", "shape", "kinds", "volume"),
    [
        ("MaxPool", {"pool_size": [2, 2], "padding": "valid"}, (9, 8, 6), "pool", (4, 4, 6)),
        ("AveragePool", {"pool_size": 3, "strides": 1, "padding": "same"}, (9, 8, 6), "avgpool", (9, 8, 6)),
        ("Pad", {"pad_width": [[0, 0], [1, 2], [0, 3], [1, 0]], "mode": "constant"}, (9, 8, 6), "pad", (12, 11, 7)),
        ("Pad", {"pad_width": [[0, 0], [1, 2], [0, 3], [0, 0]], "mode": "reflect"}, (9, 8, 6), "pad", (12, 11, 6)),
        ("Tile", {"repeats": [1, 2, 1, 3]}, (9, 8, 6), "concat concat", (18, 8, 18)),
        ("Repeat", {"repeats": 2, "axis": 1}, (9, 8, 6), "resize", (18, 8, 6)),
        ("Roll", {"shift": [2, -1], "axis": [1, 2]}, (9, 8, 6), "roll", (9, 8, 6)),
        ("Normalize", {"axis": -1, "order": 2}, (9, 8, 6), "l2norm", (9, 8, 6)),
    ],
)  # fmt: skip
def test_an_operation_of_keras_3_becomes_layers(
    kind: str, config: dict[str, Any], shape: Any, kinds: str, volume: tuple[int, ...]
) -> None:
    found = operated(kind, shape=shape, **config)
    assert [row.kind for row in found.layers[1:]] == kinds.split()
    assert found.layers[-1].output == volume


def test_stacked_tensors_have_one_more_axis() -> None:
    found = operated("Stack", ["x", "x"], shape=(9, 6), axis=1)
    assert [row.kind for row in found.layers[1:]] == ["plane", "plane", "concat"]
    assert found.layers[-1].output == (2, 9, 6)


def test_every_second_position_is_a_strided_pool() -> None:
    found = operated("GetItem", "x", parts((None, None, None), (1, None, 2), (None, None, 3)))
    assert [(row.kind, row.output) for row in found.layers[1:]] == [
        ("slice", (8, 8, 6)), ("pool", (4, 8, 6)), ("pool", (4, 3, 6)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stop", "expected"),
    [(None, [("pool", (3, 8, 6))]), (-1, [("pool", (3, 8, 6))]), (6, [("slice", (6, 8, 6)), ("pool", (2, 8, 6))])],
)
def test_a_strided_range_that_ends_before_the_side_is_cut_first(stop: int | None, expected: Any) -> None:
    found = operated("GetItem", "x", parts((None, None, None), (None, stop, 3)))
    assert [(row.kind, row.output) for row in found.layers[1:]] == expected


def test_a_range_without_positions_is_refused() -> None:
    with pytest.raises(DesignError, match="GetItem is not supported: its result has no elements"):
        operated("GetItem", "x", parts((None, None, None), (5, 3, None)))


@pytest.mark.parametrize(
    ("kind", "config", "volume"),
    [("MaxPooling1D", {"pool_size": 2}, (4, 6)), ("AdaptiveAveragePooling1D", {"output_size": 3}, (3, 6))],
)
def test_channels_first_holds_for_sequences_too(kind: str, config: Any, volume: Any) -> None:
    found = report(layer(kind, "one", data_format="channels_first", **config), shape=(6, 9))
    assert found.layers[-1].output == volume


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([(None, None, None)] * 3 + [(None, None, 2)], "it takes one channel in 2"),
        ([(None, None, None), (9, 0, -1)], "an index is neither a position nor a range with a step of 1 or more"),
        ([(None, None, None)] * 5, "it has 5 indices, but its input has 4 axes"),
    ],
)
def test_an_index_that_no_kind_computes_is_named(steps: list[Any], message: str) -> None:
    with pytest.raises(DesignError, match=message):
        operated("GetItem", "x", parts(*steps))


def test_parts_of_a_split_that_no_layer_reads_are_no_outputs() -> None:
    found = operated("Split", indices_or_sections=2, axis=-1, ends=["one", 0, 1])
    assert [(row.kind, row.output) for row in found.layers[1:]] == [("slice", (9, 8, 3))]
    assert found.layers[1].layer.start == 3  # type: ignore[attr-defined]


def test_attention_without_weights_is_two_products_and_a_softmax() -> None:
    found = operated("Attention", ["x", "x"], shape=(9, 6), score_mode="dot")
    assert [(row.kind, row.output) for row in found.layers[1:]] == [
        ("matmul", (9, 9)), ("softmax", (9, 9)), ("matmul", (9, 6)),
    ]  # fmt: skip
    assert found.totals.macs == 2 * 9 * 9 * 6


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        ("Repeat", {"repeats": 2, "axis": -1}, "it repeats channels"),
        ("Repeat", {"repeats": 2, "axis": None}, "it repeats all elements"),
        ("Roll", {"shift": 2, "axis": 3}, "it rolls channels"),
        ("Roll", {"shift": 2, "axis": None}, "it does not shift along given axes"),
        ("Normalize", {"order": 1}, "its norm has the order 1, not 2"),
        ("Tile", {"repeats": [2, 1, 1, 1]}, "its repeats are not 1 to 64 for each axis, 1 for the batch"),
        ("Tile", {"repeats": [1, 1, 65, 1]}, "its repeats are not 1 to 64 for each axis, 1 for the batch"),
        ("Pad", {"pad_width": [[1, 0], [0, 0], [0, 0], [0, 0]]}, "its pads are not two numbers for each axis"),
        ("Pad", {"pad_width": [[0, 0], [0, 0], [0, 0], [1, 0]], "mode": "edge"}, "its mode is edge"),
        ("ExpandDims", {"axis": 0}, "its new axis is 0, not 1 to 4"),
        ("Stack", {"axis": 0}, "its new axis is 0, not 1 to 4"),
        ("Stack", {"axis": 9}, "its new axis is 9, not 1 to 4"),
    ],
)
def test_an_operation_that_no_kind_computes_is_named(kind: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(DesignError, match=message):
        operated(kind, **config)


def test_both_versions_of_functional_models_give_the_same_net() -> None:
    conv = layer("Conv2D", "conv", filters=4, kernel_size=[3, 3], padding="same")
    add = layer("Add", "add")
    second = functional(
        [(IMAGE, []), (conv, [["image"]]), (layer("ReLU", "act"), [["conv"]]), (add, [["conv", "act"]])], ["add"]
    )

    def tensor(name: str, depth: int) -> Layer:
        config = {"shape": [None, 12, 10, depth], "dtype": "float32", "keras_history": [name, 0, 0]}
        return {"class_name": "__keras_tensor__", "config": config}

    third = json.loads(json.dumps(second))
    reads = [[], [tensor("image", 3)], [tensor("conv", 4)], [[tensor("conv", 4), tensor("act", 4)]]]
    for entry, args in zip(third["config"]["layers"], reads, strict=True):
        entry["inbound_nodes"] = [{"args": args, "kwargs": {}}] if args else []
    third["config"]["output_layers"] = ["add", 0, 0]
    nets = [[node._replace(span=None) for node in read(model).nodes] for model in (second, third)]
    assert nets[0] == nets[1]
    assert [node.name for node in nets[0]] == ["image", "conv", "act", "add"]
    third["config"]["layers"][2]["inbound_nodes"][0]["args"] = [tensor("conv", 5)]
    assert [problem.code for problem in read(third).warnings] == ["shape-mismatch"]


def test_layers_and_models_that_are_called_twice_share_their_parameters() -> None:
    tower = sequential(
        layer("Conv2D", "conv", filters=4, kernel_size=3), layer("Dense", "fc", units=2), shape=(12, 10, 3)
    )
    left, right = (
        layer("InputLayer", "left", batch_shape=[None, 12, 10, 3]),
        layer("InputLayer", "right", shape=[12, 10, 3]),
    )
    model = functional(
        [
            (left, []),
            (right, []),
            ({**tower, "name": "tower"}, [["left"], ["right"]]),
            (layer("Subtract", "sub"), [[["tower", 1, 0, {}], ["tower", 2, 0, {}]]]),
        ],
        ["sub"],
    )
    found = account(read(model))
    assert [row.shared_with for row in found.layers[2:6]] == [None, None, "tower.conv", "tower.fc"]
    assert found.totals.parameters == 27 * 4 + 4 + 4 * 2 + 2
    again = functional([(IMAGE, []), (layer("Dense", "fc", units=3), [["image"], ["fc"]])], [["fc", 1, 0]])
    assert account(read(again)).totals.parameters == 12


def test_a_frozen_model_inside_another_is_frozen() -> None:
    inner = sequential(layer("Dense", "fc", units=4))
    inner["config"]["trainable"] = False
    found = account(read(sequential({**inner, "name": "inner"}, layer("Dense", "head", units=2))))
    assert [row.name for row in found.layers] == ["image", "inner.fc", "head"]
    assert found.totals.trainable == 4 * 2 + 2
    assert found.layers[1].parameters == 6 * 4 + 4


def test_channels_first_is_read_without_permutations() -> None:
    conv = layer("Conv2D", "conv", filters=8, kernel_size=3, data_format="channels_first")
    model = sequential(
        conv,
        layer("BatchNormalization", "bn", axis=1),
        layer("MaxPooling2D", "pool", pool_size=2, data_format="channels_first"),
        layer("Flatten", "flatten"),
        shape=(3, 20, 18),
    )
    found = account(read(model))
    assert [row.kind for row in found.layers] == ["input", "conv", "bn", "pool", "flatten"]
    assert [row.output for row in found.layers[:2]] == [Volume(20, 18, 3), Volume(18, 16, 8)]
    assert not read(model).notes
    mixed = sequential(conv, layer("Dense", "fc", units=5), shape=(3, 20, 18))
    rows = account(read(mixed)).layers
    assert [row.kind for row in rows] == ["input", "conv", "permute", "linear"]
    assert rows[-1].output == Volume(8, 18, 5)


def test_models_of_the_first_version_are_read() -> None:
    layers = [
        layer("Convolution2D", "conv", nb_filter=4, nb_row=3, nb_col=5, border_mode="same", subsample=[2, 2],
              dim_ordering="th", bias=False, batch_input_shape=[None, 3, 20, 18], activation="relu"),
        layer("MaxPooling2D", "pool", pool_size=[2, 2], strides=[2, 2], border_mode="valid", dim_ordering="th"),
        layer("Flatten", "flat"),
        layer("Dense", "fc", output_dim=10, input_dim=None),
        layer("Dropout", "drop", p=0.3),
    ]  # fmt: skip
    found = account(read({"class_name": "Sequential", "config": layers, "keras_version": "1.2.2"}))
    assert [row.output for row in found.layers[:4]] == [(20, 18, 3), (10, 9, 4), (10, 9, 4), (5, 4, 4)]
    assert found.totals.parameters == 3 * 5 * 3 * 4 + 5 * 4 * 4 * 10 + 10
    assert found.layers[-1].label == "DROPOUT(0.3)"


def test_activation_functions_are_those_of_the_version() -> None:
    model = sequential(layer("Activation", "act", activation="hard_sigmoid"))
    assert read(model).nodes[1].layer.written() == {"slope": 0.2}  # type: ignore[union-attr]
    assert read({**model, "keras_version": "3.0.1"}).nodes[1].layer.written() == {}  # type: ignore[union-attr]
    function = {"module": "builtins", "class_name": "function", "config": "swish", "registered_name": "function"}
    inner = {"module": "keras.layers", "class_name": "LeakyReLU", "config": {"negative_slope": 0.2}}
    for value, label in ((function, "SILU"), (inner, "LRELU(0.2)"), ("relu6", "RELU6"), ("linear", "LINEAR-2")):
        assert report(layer("Dense", "fc", units=2, activation=value)).layers[-1].label == label
    with pytest.raises(DesignError, match="activation softsign is not supported"):
        report(layer("Dense", "fc", units=2, activation="softsign"))


def test_merges_broadcast_and_join_as_keras_does() -> None:
    pooled = layer("GlobalAveragePooling2D", "pool")
    excite = functional([(IMAGE, []), (pooled, [["image"]]), (layer("Multiply", "mul"), [["image", "pool"]])], ["mul"])
    assert account(read(excite)).layers[-1].output == Volume(12, 10, 3)
    joined = functional([(IMAGE, []), (layer("Concatenate", "cat", axis=1), [["image", "image"]])], ["cat"])
    assert account(read(joined)).layers[-1].output == Volume(24, 10, 3)


def test_arithmetic_with_constants_is_plain() -> None:
    def lambda_of(name: str, function: str) -> Layer:
        return {"class_name": "TFOpLambda", "name": name, "config": {"name": name, "function": function}}

    slicing = {"class_name": "SlicingOpLambda", "name": "item", "config": {"function": "__operators__.getitem"}}
    spec = [slice_of(None), slice_of(1), slice_of(None), slice_of(None, 2)]
    model = functional(
        [
            (IMAGE, []),
            (lambda_of("plus", "math.add"), [[["image", 0, 0, {"y": 3.0}]]]),
            (lambda_of("half", "math.truediv"), [[["plus", 0, 0, {"y": 2.0}]]]),
            (lambda_of("sum", "__operators__.add"), [[["half", 0, 0, {"y": ["image", 0, 0]}]]]),
            (slicing, [[["sum", 0, 0, {"slice_spec": spec}]]]),
            (lambda_of("mean", "math.reduce_mean"), [[["item", 0, 0, {"axis": [1, 2]}]]]),
        ],
        ["mean"],
    )
    rows = account(read(model)).layers
    assert [row.label for row in rows[1:4]] == ["AFFINE(shift=3)", "AFFINE(0.5)", "ADD"]
    assert rows[-2].output == Volume(11, 10, 2)
    assert (rows[-1].kind, rows[-1].output) == ("gap", Volume(1, 1, 2))


def slice_of(start: int | None, stop: int | None = None) -> dict[str, int | None]:
    return {"start": start, "stop": stop, "step": None}


def test_time_distributed_layers_go_along_the_first_side() -> None:
    def each(kind: str, name: str, **config: Any) -> Layer:
        return layer("TimeDistributed", name, layer={"class_name": kind, "config": {"name": f"{name}_inner", **config}})

    found = report(
        each("Conv2D", "conv", filters=4, kernel_size=3, padding="same"),
        each("MaxPooling2D", "pool", pool_size=2),
        each("Flatten", "flat"),
        each("Dense", "fc", units=7),
        shape=(5, 16, 14, 3),
    )
    assert [row.output for row in found.layers[1:]] == [(5, 16, 14, 4), (5, 8, 7, 4), (5, 224), (5, 7)]
    assert found.totals.parameters == 27 * 4 + 4 + 224 * 7 + 7


def test_everything_unsupported_is_named_and_partly_stated() -> None:
    model = sequential(
        layer("LSTM", "lstm", units=5, return_sequences=True),
        layer("Lambda", "code", function=["4wEAAAAAAAA", None, None]),
        layer("Embedding", "words", input_dim=50, output_dim=4),
        shape=(9, 6),
    )
    with pytest.raises(DesignError) as caught:
        read(model)
    assert [problem.message.split()[1] for problem in caught.value.every] == ["LSTM", "Lambda", "Embedding"]
    partial = account(
        read(sequential(layer("LSTM", "lstm", units=5, return_sequences=True), shape=(9, 6)), Settings(partial=True))
    )
    assert (partial.layers[-1].output, partial.layers[-1].parameters) == (Volume(9, 5), 4 * 5 * (6 + 5 + 1))
    with pytest.raises(DesignError, match="Python code, which is not executed"):
        report(layer("Lambda", "code", function=["4wEAAAAAAAA", None, None]))
    wider = sequential(layer("MultiHeadAttention", "attend", num_heads=2, key_dim=3, output_shape=[8]), shape=(9, 6))
    with pytest.raises(DesignError, match=r"its output_shape is \[8\], but the depth of its query is 6"):
        read(wider)
    assert account(read(wider, Settings(partial=True))).layers[-1].output == Volume(9, 8)
    inner = {"class_name": "pkg>Reshape", "config": {"target_shape": [3, 2]}}
    with pytest.raises(DesignError, match="it applies Reshape to each time step"):
        report(layer("TimeDistributed", "steps", layer=inner), shape=(9, 6))


def test_layers_that_run_only_in_training_are_left_out() -> None:
    graph = read(
        sequential(layer("GaussianNoise", "noise", stddev=0.1), layer("RandomFlip", "flip"), layer("ReLU", "act"))
    )
    assert [node.name for node in graph.nodes] == ["image", "act"]
    assert [note.split()[0] for note in graph.notes] == ["GaussianNoise", "RandomFlip"]


def archive(content: bytes, name: str = "config.json") -> bytes:
    data = BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("metadata.json", "{}")
        file.writestr(name, content)
    return data.getvalue()


def test_a_keras_file_is_read_by_its_configuration() -> None:
    model = sequential(layer("Dense", "fc", units=4))
    graph = load_bytes("net.keras", archive(json.dumps(model).encode()))
    assert [node.name for node in graph.nodes] == ["image", "fc"]
    for data, words in (
        (b"no zip", "is not a model of Keras: File is not a zip file"),
        (archive(b"{}", "other.json"), "is not a model of Keras: it has no config.json"),
        (archive(b" " * (5 * 1024**2)), "more than 4,194,304 bytes"),
    ):
        with pytest.raises(DesignError, match=words):
            load_bytes("net.keras", data)


def test_the_directory_of_an_archive_is_limited() -> None:
    data = archive(b"{}")
    at = data.rfind(b"PK\x05\x06")
    large = data[: at + 12] + (10**8).to_bytes(4, "little") + data[at + 16 :]
    with pytest.raises(DesignError, match="directory of the archive has 100,000,000 bytes"):
        load_bytes("net.keras", large)


def test_an_h5_file_is_read_by_its_attribute(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "net.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(sequential(layer("Dense", "fc", units=4)))
    assert [node.name for node in load_bytes("net.h5", path.read_bytes()).nodes] == ["image", "fc"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "has weights but no model"),
        (5_000_000_000, "model_config is int64, not a text"),
        (["a", "b"], "model_config is ndarray, not a text"),
        ("x" * 20_000_000, "model_config has more than 4,194,304 bytes"),
        ("[" * 50_000, "JSON is nested too deep"),
    ],
)
def test_an_attribute_that_is_no_model_is_refused(content: Any, words: str, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "net.h5"
    with h5py.File(path, "w", libver="latest") as file:
        if content is not None:
            file.attrs["model_config"] = content
    with pytest.raises(DesignError, match=words):
        load_bytes("net.h5", path.read_bytes())
    with pytest.raises(DesignError, match="cannot be read as an HDF5 file"):
        load_bytes("net.h5", path.read_bytes()[:50])


def endless(*args: object) -> None:
    while True:
        pass


def crashing(*args: object) -> None:
    faulthandler.disable()  # pytest's would print a traceback into the result of the tests
    os.kill(os.getpid(), signal.SIGSEGV)


@pytest.mark.parametrize(
    ("file", "why"), [(endless, "was stopped after 0.5 s"), (crashing, "crashed")], ids=["endless", "crashing"]
)
def test_a_library_that_ends_without_an_answer_is_refused_with_the_reason(
    file: Any, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h5py", SimpleNamespace(File=file))
    monkeypatch.delitem(sys.modules, "cnncalc.interop.hdf5", raising=False)
    with pytest.raises(DesignError) as error:
        load_bytes("net.h5", b"data")
    sys.modules.pop("cnncalc.interop.hdf5", None)
    assert error.value.first.message == f"net.h5 cannot be read as an HDF5 file: the library {why}"


def test_json_without_a_class_is_an_architecture() -> None:
    graph = load_bytes("net.json", json.dumps({"name": "small", "layers": "INPUT 8x8x3 -> CONV3-4"}).encode())
    assert [node.kind for node in graph.nodes] == ["input", "conv"]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            {"class_name": "Sequential", "config": {"layers": [layer("Dense", "fc", units=4)]}},
            "size of the input is open",
        ),
        ({"class_name": "MyModel", "config": {"width": 3}}, "layers are in Python code"),
        (sequential(layer("Conv2D", "c", kernel_size=3)), "filters: expected a whole number, but it is missing"),
        (sequential(layer("Conv2D", "c", filters="x", kernel_size=3)), "filters: expected a whole number, found"),
        (sequential(layer("Conv2D", "c", filters=4, kernel_size=[3, 3, 3])), "one number, or 2"),
        (sequential(layer("Conv2D", "c", filters=4, kernel_size=99)), "must fit"),
        (sequential(layer("Reshape", "r", target_shape=[5, 7])), "must have the 2,622 elements"),
        (sequential(layer("BatchNormalization", "b", axis=9)), "axis must be 1 to 3, or -1 to -3, but is 9"),
        (
            sequential(layer("MaxPooling2D", "p", data_format="channels_frist")),
            "channels_first or channels_last, found",
        ),
        (sequential(layer("Nonsense", "n")), "Nonsense is not supported"),
        (
            sequential(layer("Conv1D", "c", filters=4, kernel_size=3)),
            "for 2 axes besides the batch, but its input has 3",
        ),
        (
            sequential(layer("GlobalMaxPooling2D", "g"), shape=(9, 6)),
            "for 3 axes besides the batch, but its input has 2",
        ),
        (
            functional([(IMAGE, []), (layer("ReLU", "a"), [["b"]]), (layer("ReLU", "b"), [["a"]])], ["b"]),
            "form a cycle",
        ),
        (functional([(IMAGE, []), (layer("ReLU", "a"), [["gone"]])], ["a"]), "call 0 of gone, which does not exist"),
        (sequential(shape=(-1, 3, 3)), "at least 1"),
        ({"class_name": "Sequential", "config": [{}] * 20_001}, "20,001 layers, more than 20,000"),
        (
            functional([(layer("ReLU", "r"), [[["r", 0, 0, {}]]] * 20_001)], [["r", 0, 0]]),
            "more than 20,000 calls of layers, counted again for each call of a model",
        ),
    ],
)
def test_a_fault_of_a_model_is_named(model: Any, words: str) -> None:
    with pytest.raises(DesignError) as caught:
        read(model)
    assert words in str(caught.value)


def test_a_fault_of_the_text_is_shown_at_its_place() -> None:
    with pytest.raises(DesignError) as caught:
        load_bytes("net.json", b'{"class_name": "Sequential",\n "config": oops}')
    (problem,) = caught.value.every
    assert problem.span is not None
    assert (problem.span.line, problem.span.column) == (2, 12)
    text = json.dumps(sequential(layer("Conv2D", "thing", kernel_size=3)), indent=1)
    with pytest.raises(DesignError) as caught:
        load_bytes("net.json", text.encode())
    span = caught.value.every[0].span
    assert span is not None
    assert text.splitlines()[span.line - 1].strip() == '"name": "thing",'
    with pytest.raises(DesignError, match="nested too deep"):
        load_bytes("net.json", b'{"class_name": ' + b"[" * 100_000)
