"""The weights of a run: random ones, scaled so that the values of a deep net stay finite, or given ones."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.layers.base import Parameter

Weights: TypeAlias = "tuple[dict[str, Any], ...]"
"""The arrays of each row by name; rows that share parameters have the same arrays, or transposed views of them."""

RANGES: dict[str, tuple[float, float]] = {
    "bias": (-0.1, 0.1),
    "shift": (-0.1, 0.1),
    "scale": (0.8, 1.2),
    "mean": (-0.1, 0.1),
    "variance": (0.8, 1.2),
    "slope": (0.1, 0.3),
    "centre": (-1.0, 1.0),
    "length": (0.8, 1.2),
    "left": (0.1, 1.0),
    "right": (0.1, 1.0),
    "token": (-1.0, 1.0),
    "position": (-0.1, 0.1),
}
"""The range of random values by the name of an array; that of other names is :meth:`Layer.weight_range`."""


def build(report: Report, *, seed: int = 0, dtype: str | None = None) -> Weights:
    """Random parameters and buffers of a net, the same for the same seed; shared arrays exist once.

    The ranges are those of RANGES and of :meth:`Layer.weight_range`. ``dtype`` is float32 or float64 (default: that of
    the report).

    Source: He et al. 2015, "Delving Deep into Rectifiers", section 2.2.
    """
    number_type = np.dtype(dtype or report.dtype)
    random = np.random.default_rng(seed)
    drawn = [{array.name: _draw(random, row, array, number_type) for array in row.own_arrays} for row in report.layers]
    return with_shared(report, drawn)


def given(report: Report, arrays: Mapping[str, Mapping[str, Any]]) -> Weights:
    """The weights of a net from arrays by the names of layer and array, converted to the data type of the report.

    Raises ValueProblem for an array that is missing, has another shape or belongs to no layer.
    """
    if not isinstance(arrays, Mapping) or not all(isinstance(each, Mapping) for each in arrays.values()):
        raise ValueProblem("weights: expected arrays by the names of layer and array: {'conv1': {'weight': ...}}")
    own: list[dict[str, Any]] = []
    for row in report.layers:
        found = dict(arrays.get(row.name, {}))
        own.append({})
        for array in row.own_arrays:
            if array.name not in found:
                raise ValueProblem(f"weights: {row.name} has no '{array.name}', an array {list(array.shape)}")
            what = f"weights: '{array.name}' of {row.name}"
            own[-1][array.name] = array_of(found.pop(array.name), array.shape, report.dtype, what)
        for name in found:
            near = did_you_mean(str(name), [array.name for array in row.own_arrays])
            raise ValueProblem(f"weights: {row.name} has no use for '{name}'{near}")
    names = [row.name for row in report.layers]
    for name in arrays:
        if name not in names:
            raise ValueProblem(f"weights: the net has no layer '{name}'{did_you_mean(str(name), names)}")
    return with_shared(report, own)


def array_of(value: Any, shape: tuple[int, ...], dtype: str, what: str) -> Any:
    """A value as a contiguous array of this data type; raises ValueProblem unless it has real numbers in that shape.

    ``what`` is its name in messages. A number beyond the data type becomes infinite.
    """
    try:
        with warnings.catch_warnings():  # NumPy < 1.24 warns of lists of different lengths; refused below
            warnings.filterwarnings("ignore", "Creating an ndarray from ragged")
            found = np.asarray(value)
        if found.dtype.kind in "cmM":  # complex numbers and times, which NumPy would convert
            raise ValueProblem(f"{what} must be an array of real numbers, not of {found.dtype.name}")
        if hasattr(value, "mask") and np.ma.is_masked(value):  # NumPy would ignore the mask
            raise ValueProblem(f"{what} must be an array of numbers, but some are masked")
        if found.dtype.kind not in "OSTU" and found.dtype.names is None:
            if found.shape != shape:  # before it is copied
                raise ValueProblem(f"{what} must be {list(shape)}, not {list(found.shape)}")
            with np.errstate(all="ignore"):
                return np.asarray(found, dtype, order="C")
    except (TypeError, ValueError):
        pass
    except RuntimeError as error:  # such as that of PyTorch for a parameter, which says how to detach it
        raise ValueProblem(f"{what} cannot be read as an array: {visible(str(error))}") from None
    raise ValueProblem(f"{what} must be an array of numbers, not {visible(repr(value))[:60]}")


def with_shared(report: Report, own: Sequence[dict[str, Any]]) -> Weights:
    """The arrays of each row, from those that rows own: shared arrays are those of their owner."""
    return tuple([_used(report, row, own) for row in report.layers])


def _used(report: Report, row: LayerReport, drawn: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The arrays of a row; those that it shares are the owner's, or transposed views of them."""
    if row.shared_with is None:
        return drawn[row.index]
    found = {}
    for array in row.arrays:
        owner, is_transposed = report.graph.owner(row.index, array.name)
        shared = drawn[owner][array.name]
        found[array.name] = shared.swapaxes(-1, -2) if is_transposed else shared
    return found


def _draw(random: np.random.Generator, row: LayerReport, array: Parameter, dtype: Any) -> Any:
    low, high = RANGES.get(array.name) or row.layer.weight_range(array.shape)
    result = random.random(array.shape, dtype=dtype)
    result *= high - low
    result += low
    return result
