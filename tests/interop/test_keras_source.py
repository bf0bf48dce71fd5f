"""Nets as Keras code: it runs, with our volumes, parameters and names; equal blocks are one function."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import pytest

import cnncalc
from cnncalc.errors import DesignError
from cnncalc.interop.exporters import ExportOptions
from cnncalc.interop.keras_code import CODES
from cnncalc.interop.keras_source import keras_source
from cnncalc.language import catalogue
from cnncalc.layers import KINDS
from tests.interop.test_torch_source import RUNS, graph_of
from tests.subcases import each

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report
    from tests.layer_cases import Case


def source_of(report: Report) -> str:
    """The code of a net."""
    return keras_source(report.resolved, ExportOptions())


def made(source: str) -> Any:
    """The model that the code makes."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="Keras is not installed, so its code is not run")
    keras.backend.clear_session(free_memory=False)  # names are counted anew
    names: dict[str, Any] = {"__name__": "generated"}
    exec(compile(source, "<generated>", "exec"), names)  # noqa: S102 (our own code)
    return names["net"]()


def count(weights: Any) -> int:
    """The elements of weights."""
    return sum(math.prod(weight.shape) for weight in weights)


def assert_is_the_net(report: Report) -> None:
    """The code gives our volumes at each layer, and has as many parameters and buffers."""
    model = made(source_of(report))
    readers = report.graph.readers()
    ends = [row for row in report.layers if not readers[row.index]]
    ends.sort(key=lambda row: row.training_only)
    assert len(model.outputs) == len(ends)
    for row, value in zip(ends, model.outputs, strict=True):
        assert math.prod(value.shape[1:]) == row.output.elements
    # a transposed convolution is cut after its layer
    rows = {row.name.replace(".", "_"): row for row in report.layers if row.kind not in ("input", "deconv")}
    for layer in model.layers:
        if layer.name in rows and len(layer._inbound_nodes) == 1:
            assert math.prod(layer.output.shape[1:]) == rows[layer.name].output.elements, layer.name
    assert count(model.weights) == report.totals.parameters + report.totals.buffers
    assert count(model.trainable_weights) == report.totals.trainable


UNSAID = {"unpool", "local", "opaque"}
"""Kinds that Keras does not have."""

LIMITED = {"conv", "dwconv", "deconv", "pool", "bn"}
"""Kinds that Keras can express with some of their keys only."""


@pytest.mark.slow
@each("case", [case for case in RUNS if case.kind not in UNSAID], by=lambda case: case.kind)
def test_each_layer_has_our_volume_and_parameters(case: Case) -> None:
    try:
        assert_is_the_net(cnncalc.analyze(graph_of(case)))
    except DesignError as error:
        assert case.kind in LIMITED
        assert str(error).startswith(f"error[no-equal]: layer ({case.kind.upper()}): Keras has no ")  # noqa: PT017


def test_every_kind_but_these_can_be_written() -> None:
    assert set(KINDS) - set(CODES) == UNSAID | {"input"}


def test_all_layers_that_keras_lacks_are_named_at_once() -> None:
    net = "INPUT 9x11x6 -> POOL2/1(dilation=2)@one -> BN(stats=no)@two -> RELU -> OPAQUE([1, 1, 2])@three"
    with pytest.raises(DesignError) as caught:
        source_of(cnncalc.analyze(net))
    assert [problem.message.split()[0] for problem in caught.value.every] == ["one", "two", "three"]


def test_a_layer_of_which_only_the_size_is_read_is_refused() -> None:
    """``keras.Model`` has the layers between its inputs and outputs alone, so the parameters of @size would be lost."""
    net = "INPUT 9x11x6@image -> CONV1-5@size -> FROM(@image) -> CONV3-8(pad=2)@main -> CROP(@size)@cut -> CONV1-5@end"
    with pytest.raises(DesignError) as caught:
        source_of(cnncalc.analyze(net))
    assert [problem.message for problem in caught.value.every] == [
        "size (CONV): Keras has no model with a layer that no output is computed from"
    ]
    assert 'name="size"' in source_of(cnncalc.analyze(f"{net} -> ADD(@end, @size)"))  # its values are read as well


def test_the_code_as_it_is_printed() -> None:
    net = "INPUT 9x7x3 -> CONV3-4/2@a.conv -> BN@a.bn -> [CONV3-4@b.conv | ] -> ADD@b.add -> FC-5"
    assert source_of(cnncalc.analyze(net)) == CODE


CODE = '''\
"""Written by cnncalc from pattern."""

from __future__ import annotations

import keras
from keras import layers


def a_block(x, name):
    x = layers.Conv2D(4, 3, strides=2, padding="same", name=f"{name}_conv")(x)
    x = layers.BatchNormalization(epsilon=1e-05, name=f"{name}_bn")(x)
    return x


def b_block(x, name):
    conv = layers.Conv2D(4, 3, padding="same", name=f"{name}_conv")(x)
    conv = layers.Add(name=f"{name}_add")([conv, x])
    return conv


def net():
    x = keras.Input((9, 7, 3), name="input")
    inputs = [x]
    x = a_block(x, name="a")
    x = b_block(x, name="b")
    x = layers.Flatten()(x)
    x = layers.Dense(5, name="fc1")(x)
    return keras.Model(inputs, [x])
'''


def test_blocks_are_functions_with_parameters_and_loops() -> None:
    source = source_of(cnncalc.analyze("resnet50"))
    assert source.count("def ") <= 10
    assert "for i in range(" in source


NETS = (
    "INPUT 12x10x3 -> CONV3-4(trainable=no)@a -> [CONV3-4@b | CONV3-4(share=@b)] -> ADD -> GAP -> FC-3 -> SOFTMAX",
    "[INPUT 9x7x2@left -> CONV3-4 | INPUT 9x7x2@right -> CONV3-4] -> ADD -> FLATTEN -> RELU -> FC-2",
    "INPUT 14x14x8 -> WINDOW7@windows -> UNWINDOW(14x14)@layers -> FC-3@a.windows",
    "INPUT 14x14x3 -> CONV7-12/7 -> SEQUENCE -> TOKEN -> POSITION -> [LN -> ATTENTION-3 | ] -> ADD -> LN -> FC-4",
)


@pytest.mark.slow
@pytest.mark.parametrize("net", NETS)
def test_whole_nets(net: str) -> None:
    assert_is_the_net(cnncalc.analyze(net))


NOT_WRITTEN = {"segnet"}
"""Named nets with a layer that Keras cannot express."""


@pytest.mark.slow
@pytest.mark.parametrize("name", catalogue.names())
def test_each_named_net_has_our_volumes_and_parameters(name: str) -> None:
    report = cnncalc.analyze(name)
    if name in NOT_WRITTEN:
        with pytest.raises(DesignError, match="Keras has no"):
            source_of(report)
    else:
        assert_is_the_net(report)
