"""Fields of Keras models: each has one type and range, and a value of another is refused at the layer that has it."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from cnncalc.analysis.loading import load_bytes
from cnncalc.analysis.report import account
from cnncalc.errors import CnncalcError, DesignError
from cnncalc.language.settings import Settings
from cnncalc.volume import Volume
from tests.interop.test_keras import IMAGE, Layer, functional, layer, read, report, sequential, slice_of

if TYPE_CHECKING:
    from collections.abc import Iterator

VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, "x", "3", "\u00b2", [], [1], [[1]], [None, -1], [1, 2, 3, 4, 5, 6], {}, {"class_name": "X"},
    {"class_name": "__tuple__", "items": 2}, 10**30, 10**400, 1e308, float("inf"), float("nan"), "same",
)  # fmt: skip
"""Values that replace those of a model."""


def tensor(name: str) -> Layer:
    """A tensor as Keras 3 writes it."""
    config = {"shape": [None, 12, 10, 3], "dtype": "float32", "keras_history": [name, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def third(*layers: Layer) -> Layer:
    """A functional model as Keras 3 writes it."""
    config = {"name": "net", "layers": [{**IMAGE, "inbound_nodes": []}, *layers], "input_layers": ["image", 0, 0]}
    return {"class_name": "Functional", "config": {**config, "output_layers": [[layers[-1]["name"], 0, 0]]}}


def operation(kind: str, name: str, *args: Any, **kwargs: Any) -> Layer:
    """An operation of Keras 3."""
    nodes = [{"args": [*args], "kwargs": kwargs}]
    return {**layer(kind, name), "module": "keras.src.ops.numpy", "inbound_nodes": nodes}


def of(*parts: Any) -> Layer:
    """A tuple as Keras 3 writes it."""
    return {"class_name": "__tuple__", "items": list(parts)}


def cut(start: int | None = None, stop: int | None = None) -> Layer:
    """A slice as Keras 3 writes it."""
    return {"class_name": "__slice__", "config": slice_of(start, stop)}


ELLIPSIS: Layer = {"class_name": "__ellipsis__", "config": {}}
LAMBDA = {"class_name": "TFOpLambda", "name": "half", "config": {"name": "half", "function": "math.multiply"}}
NESTED = sequential(layer("Conv2D", "inner", filters=2, kernel_size=[3, 3]), shape=(12, 10, 3), name="nested")
MODELS: dict[str, Layer] = {
    "sequential": sequential(
        layer("Conv2D", "c", filters=4, kernel_size=[3, 3], strides=2, padding="same", data_format="channels_last",
              activation={"class_name": "LeakyReLU", "config": {"negative_slope": 0.1}}),
        layer("BatchNormalization", "b", axis=[-1], epsilon=0.001, trainable=False),
        layer("ZeroPadding2D", "z", padding=[[0, 1], [1, 0]]),
        layer("TimeDistributed", "t", layer=layer("Dense", "d", units=3, activation="relu")),
        layer("Reshape", "r", target_shape=[-1, 3]),
        layer("MultiHeadAttention", "a", num_heads=1, key_dim=3),
        layer("Normalization", "n", axis=-1, mean=[1, 2, 3], variance=[[1, 4, 9]]),
    ),
    "functional": functional(
        [
            (IMAGE, []),
            (LAMBDA, [[["image", 0, 0, {"y": 0.5}]]]),
            (NESTED, [["half"]]),
            (layer("Concatenate", "cat", axis=-1), [["nested", "nested"]]),
        ],
        ["cat"],
        keras_version="2.15",
    ),
    "operations": third(
        operation("Add", "plus", tensor("image"), 2.0),
        operation("GetItem", "item", tensor("plus"), of(cut(), cut(1, 9), ELLIPSIS)),
        operation("Concatenate", "cat", [tensor("item"), tensor("item")], axis=-1),
        operation("Mean", "mean", tensor("cat"), of(1, 2), keepdims=False),
    ),
}  # fmt: skip


def replaced(value: Any) -> Iterator[Any]:
    """The value with each of its parts, at all depths, replaced by each of VALUES."""
    yield from VALUES
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        for part in replaced(value[key]):
            changed = copy.copy(value)
            changed[key] = part
            yield changed


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_any_value_in_place_of_another_is_read_or_refused(name: str) -> None:
    assert account(read(MODELS[name])).totals.activations > 0
    refused = 0
    for model in replaced(MODELS[name]):
        try:
            account(load_bytes("net.json", json.dumps(model).encode(), Settings(partial=True)))
        except CnncalcError:
            refused += 1
    assert refused > 500


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        ("Conv2D", {"filters": True, "kernel_size": 3}, "filters: expected a whole number, found yes"),
        ("Conv2D", {"filters": 2.5, "kernel_size": 3}, "filters: expected a whole number, found 2.5"),
        ("Conv2D", {"filters": float("inf"), "kernel_size": 3}, "filters: expected a whole number, found inf"),
        ("Conv2D", {"filters": 0, "kernel_size": 3}, "filters: expected a whole number of at least 1, found 0"),
        ("Conv2D", {"filters": 2, "kernel_size": [3]}, "kernel_size: expected one number, or 2, found [3]"),
        ("Conv2D", {"filters": 2, "kernel_size": -3}, "kernel_size: expected whole numbers of at least 1, found -3"),
        ("Conv2D", {"filters": 2, "kernel_size": 3, "use_bias": 7}, "use_bias: expected true or false, found 7"),
        (
            "Conv2D", {"filters": 2, "kernel_size": 3, "data_format": "last"},
            "data_format: expected channels_first or channels_last, found 'last'",
        ),
        ("MaxPooling2D", {"pool_size": 3, "padding": "x"}, "padding: expected valid, same or causal, found 'x'"),
        (
            "Conv2DTranspose", {"filters": 2, "kernel_size": 3, "padding": "x"},
            "padding: expected valid or same, found 'x'",
        ),
        ("Dense", {"units": 2, "activation": 5}, "activation: expected a word or a layer, found 5"),
        ("Dense", {"units": 2, "trainable": "no"}, "trainable: expected true or false, found 'no'"),
        ("Dropout", {"rate": 10**400}, "rate: expected a number, found a number of 401 digits"),
        ("Rescaling", {"scale": 2, "offset": [None, -1]}, "offset: expected numbers, found [None, -1]"),
        ("Normalization", {"mean": 0, "variance": -1}, "variance: expected numbers of at least 0, found -1"),
        (
            "ZeroPadding2D", {"padding": True},
            "padding: expected one number, one for each of 2 sides, or a pair for each, all at least 0, found yes",
        ),
        (
            "Reshape", {"target_shape": [1.5]},
            "target_shape: expected a list of whole numbers, or null for open sizes, found [1.5]",
        ),
        ("TimeDistributed", {"layer": 3}, "expected a layer, found 3"),
        ("TimeDistributed", {"layer": {"class_name": "ReLU", "config": 3}}, "config: expected an object, found 3"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_or_range_is_refused(kind: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(DesignError) as caught:
        report(layer(kind, "one", **config))
    (problem,) = caught.value.every
    assert problem.message.partition(": ")[2].removeprefix("layer: ") == message


def test_whole_numbers_and_flags_may_have_the_other_form_of_json() -> None:
    found = report(layer("Conv2D", "c", filters=4.0, kernel_size=[3.0, 3], use_bias=0), shape=(9, 8, 6))
    assert found.layers[-1].output == Volume(7, 6, 4)
    assert found.totals.parameters == 9 * 6 * 4
    frozen = report(layer("Dense", "d", units=4, trainable=0), shape=(6,))
    assert (frozen.totals.parameters, frozen.totals.trainable) == (28, 0)


def test_numbers_may_stand_in_the_object_of_an_array() -> None:
    """Keras 2.2 writes the numbers of ReLU in this way."""
    numbers = {key: {"type": "ndarray", "value": value} for key, value in (("max_value", 6.0), ("threshold", 0.0))}
    assert [row.kind for row in report(layer("ReLU", "r", **numbers), shape=(9, 8, 6)).layers] == ["input", "relu6"]


def test_pads_of_keras_1_are_a_list_of_four() -> None:
    found = report(layer("ZeroPadding2D", "z", padding=[1, 2, 3, 5]), shape=(12, 10, 3))
    assert found.layers[-1].output == Volume(12 + 1 + 2, 10 + 3 + 5, 3)


def test_the_name_of_a_class_has_the_same_meaning_in_any_case() -> None:
    for name in ("RMSNormalization", "rmsnormalization"):
        assert [row.kind for row in report(layer(name, "norm"), shape=(9, 6)).layers] == ["input", "rms"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"class_name": "Sequential", "config": {"layers": 7}}, "net.json: layers: expected a list of layers, found 7"),
        (
            {"class_name": "Sequential", "config": {"layers": [7]}},
            "net.json: layer 0: expected a layer, found 7",
        ),
        (
            {"class_name": "Sequential", "config": [layer("InputLayer", "i", shape=7)]},
            "i: shape: expected a list of whole numbers, or null for open sizes, found 7",
        ),
        (
            {"class_name": "Sequential", "config": [layer("InputLayer", "i", batch_shape=[None, "9", 3])]},
            "i: batch_shape: expected a list of whole numbers, or null for open sizes, found [None, '9', 3]",
        ),
        (functional([(IMAGE, []), (layer("ReLU", "r"), [["image"]])], ["gone"]),
         "net: output_layers names call 0 of gone, which does not exist"),
        (functional([(IMAGE, []), (layer("ReLU", "r"), [["image"]])], [["r", 0, 4]]),
         "net: output_layers names output 4 of r, which does not exist"),
        (functional([(IMAGE, []), (layer("ReLU", "r"), [["image"]])], [["r", 0]]),
         "net: output_layers: expected a tensor as [layer, call, output], found ['r', 0]"),
        (functional([(IMAGE, []), (layer("ReLU", "r"), [[["image", 0, 1]]])], ["r"]),
         "r: it reads output 1 of image, which does not exist"),
        (functional([(IMAGE, []), (layer("ReLU", "r"), [[7]])], ["r"]),
         "r: inbound_nodes: expected a tensor as [layer, call, output], found 7"),
        (functional([(IMAGE, []), (layer("ReLU", "r"), [["image"]]), (layer("ELU", "r"), [["image"]])], ["r"]),
         "r: another layer has this name"),
        (functional([(IMAGE, []), (NESTED, [["image", "image"]])], ["nested"]),
         "nested: the model has 1 input, but is called with 2 tensors"),
        (third({**layer("Add", "sum"), "inbound_nodes": [{"args": [[tensor("image"), "x"]], "kwargs": {}}]}),
         "sum: expected a tensor, found 'x'"),
        (third({**layer("ReLU", "r"), "inbound_nodes": [{"args": [], "kwargs": {}}]}), "r: it reads no tensor"),
        (third({**layer("ReLU", "r"), "inbound_nodes": [{"args": 5}]}), "r: args: expected a list, found 5"),
        (third(operation("Mean", "m", tensor("image"), keepdims="yes")),
         "m: keepdims: expected true or false, found 'yes'"),
        (third(operation("Concatenate", "c", [tensor("image")], "x")), "c: axis: expected a whole number, found 'x'"),
    ],
)  # fmt: skip
def test_a_malformed_model_is_refused_where_it_is(model: Layer, message: str) -> None:
    with pytest.raises(DesignError) as caught:
        read(model)
    assert [problem.message for problem in caught.value.every] == [message]


def test_three_dots_stand_for_all_axes_that_the_others_leave() -> None:
    for positions, volume in (
        (of(ELLIPSIS, cut(0, 2)), (12, 10, 2)),
        (of(cut(), cut(1), ELLIPSIS), (11, 10, 3)),
        (of(cut(), cut(), ELLIPSIS, cut(1)), (12, 10, 2)),
    ):
        found = account(read(third(operation("GetItem", "item", tensor("image"), positions))))
        assert found.layers[-1].output == Volume(*volume)
