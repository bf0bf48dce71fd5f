"""Axis numbers and adaptive pooling for the ONNX exporters of several layer kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.volume import SIDES

if TYPE_CHECKING:
    from cnncalc.interop.onnx_writer import LayerWriter


def axis_of(w: LayerWriter, name: str) -> int:
    """The axis number of a side or of ``depth`` in an ONNX tensor: batch 0, depth 1, sides from 2 on."""
    return 1 if name == "depth" else 2 + SIDES[w.sides].index(name)


def adaptive(w: LayerWriter, layer: Any, x: str, reduce: str) -> str:
    """Adaptive pooling, one side after the other: bin o covers floor(o*size/bins) to ceil((o + 1)*size/bins) - 1."""
    for side, (size, bins) in enumerate(zip(w.volumes[0].sides, w.output.sides, strict=True)):
        axis = w.integers([2 + side])
        parts = []
        for place in range(bins):
            low, high = place * size // bins, -(-(place + 1) * size // bins)
            part = w.op("Slice", [x, w.integers([low]), w.integers([high]), axis])
            parts.append(w.op(reduce, [part, axis], keepdims=1))
        x = w.op("Concat", parts, axis=2 + side) if bins > 1 else parts[0]
    return x
