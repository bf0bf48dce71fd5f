"""The document of ``verify --against``: the values of a net compared with those of another engine."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table
from cnncalc.units import listing, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.run.against import ArrayComparison, EngineComparison

TITLES = {"onnxruntime": "ONNX Runtime", "torch": "PyTorch"}
MAX_SHOWN = 40
"""The most differences that are shown; the others are counted (JSON has all)."""


def engine_comparison_document(found: EngineComparison) -> Document:
    """How many outputs and gradients agree, their largest distances, and those that do not agree."""
    engine = f"{TITLES[found.engine]} {found.version}"
    heading = (
        f"{found.name}: NumPy and {engine} with {plural(found.batch, 'image')}, {found.dtype}, the same random "
        f"weights (seed {found.seed})",
    )
    columns = (
        Column("quantity", "quantity"),
        Column("agreed", "agree", True),
        Column("distance", "largest distance", True),
        Column("tolerance", "allowed", True),
        Column("layer", "at"),
    )
    groups = [("outputs of layers", found.outputs), ("gradients of parameters", found.gradients)]
    rows = tuple(_row(title, each) for title, each in groups if each)
    closing = [Paragraph("distance", ("the largest difference as a share of the layer's largest value",), main=2)]
    if found.unproven:
        text = f"{plural(len(found.unproven), 'layer')} with stated figures or after one: {listing(found.unproven)}"
        closing.append(Paragraph("left out", (text,), main=1))
    wrong = [each for each in (*found.outputs, *found.gradients) if not each.agrees]
    if wrong:
        lines = [difference(each) for each in wrong[:MAX_SHOWN]]
        lines += [f"... and {len(wrong) - MAX_SHOWN} more"] if len(wrong) > MAX_SHOWN else []
        closing.append(Paragraph("disagree", tuple(lines), main=3))
    else:
        closing.append(Paragraph("result", (f"all values agree with {engine}",), main=1))
    return Document(heading, Table(columns, rows), tuple(closing), lambda: _data(found))


def _row(title: str, values: Sequence[ArrayComparison]) -> tuple[Cell, ...]:
    worst = max(values, key=lambda each: (each.distance is None, each.distance or 0))
    place = worst.layer if worst.what == "output" else f"{worst.layer}, {worst.what}"
    agreed = sum(each.agrees for each in values)
    distance = "other shape" if worst.distance is None else f"{worst.distance:.1e}"
    return (
        Cell(title, title),
        Cell(f"{agreed} of {len(values)}", agreed),
        Cell(distance, distance),
        Cell(f"{worst.tolerance:.0e}", f"{worst.tolerance:.0e}"),
        Cell(place, place),
    )


def difference(each: ArrayComparison) -> str:
    """One value that differs, in words."""
    what = "" if each.what == "output" else f" gradient of {each.what}:"
    if each.distance is None:
        shapes = ["x".join(map(str, shape)) for shape in (each.expected_shape, each.shape)]
        return f"{each.layer}:{what} {shapes[0]} here, {shapes[1]} there"
    return f"{each.layer}:{what} {each.distance:.3g} apart, allowed {each.tolerance:.0e}"


def record(each: ArrayComparison) -> dict[str, Any]:
    """One value for JSON."""
    return {
        "layer": each.layer,
        "value": each.what,
        "distance": each.distance if each.distance is not None and isfinite(each.distance) else None,
        "tolerance": each.tolerance,
        "agrees": each.agrees,
    }


def _data(found: EngineComparison) -> Mapping[str, Any]:
    """The comparison for JSON."""
    return {
        "schema": 1,
        "architecture": found.name,
        "against": found.engine,
        "version": found.version,
        "batch": found.batch,
        "dtype": found.dtype,
        "seed": found.seed,
        "layers": found.layers,
        "agrees": found.agrees,
        "outputs": [record(each) for each in found.outputs],
        "gradients": [record(each) for each in found.gradients],
        **({"left_out": list(found.unproven)} if found.unproven else {}),
    }
