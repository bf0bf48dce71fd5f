"""The NumPy run of layers with windows, compared with loops in Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.layer_cases import PLANES, Case
from tests.run import slow
from tests.test_layers import images, parameters

pytestmark = pytest.mark.slow

SMALL = [case for case in PLANES if case.inputs and case.inputs[0].elements < 1000]


def agrees(case: Case, expected: Any) -> None:
    result = case.layer.forward(np, *images(case.inputs), **parameters(case))
    assert result.shape == expected.shape
    assert np.abs(result - expected).max() <= 1e-13 * np.abs(expected).max()


def used(case: Case, numbers: dict[str, Any]) -> Any:
    """The weights that a convolution uses: standardized or normed, one filter at a time, or as they are."""
    weight = numbers["weight"]
    if case.keys.get("normed") == "spectral":
        matrix = weight.reshape(-1, weight.shape[-1])
        left, right = numbers["left"], numbers["right"]
        return weight / sum(right[i] * matrix[i, k] * left[k] for i, k in np.ndindex(matrix.shape))
    filters = [weight[..., number] for number in range(weight.shape[-1])]
    if case.keys.get("standardized") == "yes":
        filters = [(one - one.mean()) / (np.mean((one - one.mean()) ** 2) + 1e-6) ** 0.5 for one in filters]
    if case.keys.get("normed") == "weight":
        lengths = zip(filters, numbers["length"], strict=True)
        filters = [length * one / np.sum(one**2) ** 0.5 for one, length in lengths]
    return np.stack(filters, axis=-1)


@pytest.mark.parametrize("case", [case for case in SMALL if case.kind in ("conv", "dwconv")], ids=str)
def test_convolution_is_a_sum_over_each_window(case: Case) -> None:
    (x,), numbers = images(case.inputs), parameters(case)
    if "connections" in case.keys:
        expected = slow.table_conv(x, numbers["weight"], numbers.get("bias"), case.keys)
    else:
        groups = case.keys.get("groups", 1)
        expected = slow.conv(x, used(case, numbers), numbers.get("bias"), case.keys, groups, case.kind == "dwconv")
    agrees(case, expected)


@pytest.mark.parametrize("case", [case for case in SMALL if case.kind == "deconv"], ids=str)
def test_transposed_convolution_puts_a_kernel_down_for_each_position(case: Case) -> None:
    (x,), numbers = images(case.inputs), parameters(case)
    agrees(case, slow.deconv(x, numbers["weight"], numbers.get("bias"), case.keys))


POOLS = [
    case for case in PLANES if case.kind in ("pool", "avgpool", "lppool", "subsample") and "output" not in case.keys
]


@pytest.mark.parametrize("case", POOLS, ids=str)
def test_pools_reduce_each_window(case: Case) -> None:
    power = case.keys.get("power", 2)
    numbers = parameters(case)

    def reduce(values: Any, counted: int, area: int) -> Any:
        if case.kind == "pool":
            return values.max(axis=0)
        if case.kind == "avgpool":
            return values.sum(axis=0) / (counted if case.keys.get("count_pad") != "no" else len(values))
        if case.kind == "lppool":
            return (np.abs(values) ** power).sum(axis=0) ** (1 / power)
        return values.sum(axis=0) * numbers["weight"] + numbers["bias"]

    agrees(case, slow.pool(images(case.inputs)[0], case.keys, reduce))


def test_rbf_sums_the_squared_distances_over_all_inputs() -> None:
    case = Case("rbf", {"units": 3}, (PLANES[0].inputs[0],))
    (x,), centre = images(case.inputs), parameters(case)["centre"]
    flat = x.transpose(0, 3, 1, 2).reshape(2, -1)

    agrees(case, np.array([[[[np.sum((image - centre[:, unit]) ** 2) for unit in range(3)]]] for image in flat]))


def test_lrn_equals_its_formula() -> None:
    """Krizhevsky et al., section 3.3, one channel at a time; alpha divided by the size."""
    case = Case("lrn", {"size": 4, "alpha": 1.5, "beta": 0.6, "k": 2}, (PLANES[0].inputs[0],))
    (x,) = images(case.inputs)
    expected = np.empty_like(x)
    for d in range(6):
        near = [x[..., other] ** 2 for other in range(d - 2, d + 2) if 0 <= other < 6]
        expected[..., d] = x[..., d] / (2 + 1.5 / 4 * sum(near)) ** 0.6
    agrees(case, expected)
