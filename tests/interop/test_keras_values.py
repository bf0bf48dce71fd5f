"""Nets as Keras code, run with our weights: the results are those of the NumPy run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import cnncalc
from cnncalc.errors import DesignError
from cnncalc.interop.keras_source import keras_name
from cnncalc.run.forward import draw_images, run
from cnncalc.run.weights import build
from tests.interop.test_keras_source import LIMITED, NETS, UNSAID, made, source_of
from tests.interop.test_torch_source import RUNS, graph_of
from tests.nets import NARROW
from tests.subcases import each
from tests.test_layers import entering, parameters

if TYPE_CHECKING:
    from cnncalc.analysis.report import LayerReport, Report
    from tests.layer_cases import Case

pytestmark = pytest.mark.slow


def arrays_in_keras(row: LayerReport, numbers: dict[str, Any], shapes: list[tuple[int, ...]]) -> list[Any]:
    """Our arrays of a layer as Keras has its weights, which come in the same order."""
    x, found = row.input_volumes[0], []
    for name, array in numbers.items():
        if row.kind == "attention" and name in ("weight", "bias"):
            found += np.split(array, 3, axis=-1)  # of queries, keys and values
        elif row.kind == "deconv" and name == "weight":
            found.append(array.swapaxes(-1, -2))
        elif row.kind in ("fc", "rbf") and array.ndim == 2:  # the elements of an image, the depth first in ours
            maps = array.reshape(x.depth, *x.sides, -1)
            rows = np.moveaxis(maps, 0, -2).reshape(array.shape)
            found.append(rows.T if row.kind == "rbf" else rows)
        else:
            found.append(array)
    if row.kind == "attention" and len(shapes[1]) < len(shapes[0]):  # each kernel before its bias
        found = [found[place] for place in (0, 3, 1, 4, 2, 5, 6, 7)]
    if row.kind == "attention" and "out_bias" in numbers and len(shapes[1]) == len(shapes[0]):
        found = [found[place] for place in (0, 1, 2, 6, 3, 4, 5, 7, *range(8, len(found)))]
    return [array.reshape(shape) for array, shape in zip(found, shapes, strict=True)]


def with_weights(report: Report, weights: Any) -> Any:
    """The model that the code of a net makes, with our weights."""
    model = made(source_of(report))
    layers = {layer.name: layer for layer in model.layers}
    names = [row.name for row in report.layers]
    join = next(one for one in ("_", "__", "___") if len({keras_name(name, one) for name in names}) == len(names))
    for row, numbers in zip(report.layers, weights, strict=True):
        if row.own_arrays:
            layer = layers[keras_name(row.name, join)]
            layer.set_weights(arrays_in_keras(row, numbers, [tuple(weight.shape) for weight in layer.weights]))
    return model


def results(model: Any, images: list[Any]) -> list[Any]:
    """The outputs of a model for images batch x sides x depth."""
    import torch

    with torch.no_grad():
        found = model([torch.from_numpy(np.ascontiguousarray(image)) for image in images], training=False)
    return [value.numpy() for value in (found if isinstance(found, (list, tuple)) else [found])]


def assert_close(result: Any, expected: Any) -> None:
    """Within 1e-5 of the largest value; a vector an image may lack its sides."""
    assert result.size == expected.size
    assert np.abs(result.reshape(expected.shape) - expected).max() <= 1e-5 * np.abs(expected).max()


@each("case", [case for case in RUNS if case.kind not in UNSAID], by=lambda case: case.kind)
def test_each_layer_gives_our_values(case: Case) -> None:
    report = cnncalc.analyze(graph_of(case))
    images = [x.astype("float32", order="K") for x in entering(case)]
    numbers = {name: array.astype("float32") for name, array in parameters(case).items()}
    try:
        model = with_weights(report, [*[{}] * len(images), numbers])
    except DesignError:
        assert case.kind in LIMITED
        return
    (found,) = results(model, images)
    assert_close(found, case.layer.forward(np, *images, **numbers))


SMALLER: dict[str, dict[str, Any]] = {
    "lenet5": {},
    "mobilenet-v2": {"input": (32, 32, 3)},
    "squeezenet-1.1": {"input": (48, 48, 3)},
    "densenet121": {"input": (32, 32, 3)},
    "m5": {"input": (3200, 1)},
    "r3d18": {"input": (5, 24, 32, 3), "variables": {"stages": NARROW}},
    "swin-t": {"input": (224, 224, 3)},
}
"""Named nets, with smaller inputs and fewer filters."""


@pytest.mark.parametrize("net", [*NETS, *SMALLER])
def test_whole_nets_give_our_values(net: str) -> None:
    report = cnncalc.analyze(net, in_place=False, **SMALLER.get(net, {}))
    weights, images = build(report, seed=5), draw_images(report, seed=6)
    readers = report.graph.readers()
    ends = [row for row in report.layers if not readers[row.index]]
    expected = run(report, weights, images).outputs
    found = results(with_weights(report, weights), list(images.values()))
    for row, value in zip(ends, found, strict=True):
        assert_close(value, expected[row.name])
