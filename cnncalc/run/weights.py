"""Parameters of a net for a run: seeded random numbers of a size that keeps a deep net finite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.layers.base import Parameter

Weights: TypeAlias = "tuple[dict[str, Any], ...]"
"""For each row of a report its arrays by name. Rows that share parameters hold the very same arrays."""

RANGES: dict[str, tuple[float, float]] = {
    "bias": (-0.1, 0.1),
    "shift": (-0.1, 0.1),
    "scale": (0.8, 1.2),
    "mean": (-0.1, 0.1),
    "variance": (0.8, 1.2),
    "slope": (0.1, 0.3),
    "centre": (-1.0, 1.0),
}
"""Range of random values for each array name; that of ``weight`` depends on the layer."""


def build(report: Report, *, seed: int = 0, dtype: str | None = None) -> Weights:
    """The parameters and buffers of a net, drawn anew for each seed; shared ones exist once.

    Weights lie evenly between -sqrt(6/n) and sqrt(6/n), where n inputs are added up, so that the activations neither
    grow nor shrink from layer to layer. ``dtype`` is float32 or float64 (default: the report's).

    Source: He et al. 2015, "Delving Deep into Rectifiers", section 2.2.
    """
    number_type = np.dtype(dtype or report.dtype)
    random = np.random.default_rng(seed)
    result: list[dict[str, Any]] = [
        {}
        if _owner(report, row) is not row
        else {array.name: _draw(random, row, array, number_type) for array in row.arrays}
        for row in report.layers
    ]
    return tuple(result[_owner(report, row).index] for row in report.layers)


def _owner(report: Report, row: LayerReport) -> LayerReport:
    """The row whose parameters a row uses: itself, or the one that it shares with."""
    while (share := report.graph.nodes[row.index].share) is not None:
        row = report.layers[share]
    return row


def _draw(random: np.random.Generator, row: LayerReport, array: Parameter, dtype: Any) -> Any:
    low, high = RANGES.get(array.name) or row.layer.weight_range(array.shape)
    result = random.random(array.shape, dtype=dtype)
    result *= high - low
    result += low
    return result
