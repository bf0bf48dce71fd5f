"""What two nets differ in, as a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.layers.keys import shown
from cnncalc.render.document import Cell, Column, Document, Paragraph, Table, number, plural, word
from cnncalc.units import format_bytes, short

if TYPE_CHECKING:
    from cnncalc.analysis.difference import Change, Difference, LayerDifference, Quantity
    from cnncalc.analysis.report import LayerReport
    from cnncalc.memory.account import Options

TITLES = {
    "layers": "layers (CONV, FC)",
    "macs": "MACs",
    "parameter_memory": "parameter memory",
    "activation_memory": "activation memory",
    "inference_memory": "inference memory",
    "training_memory": "training memory",
}
"""What a total is called, where it is not by its key."""

COLUMNS = (
    Column("change", "change"),
    Column("layer", "layer"),
    Column("what", "what"),
    Column("volume", "volume"),
    Column("activations", "activations", True),
    Column("parameters", "parameters", True),
    Column("macs", "MACs", True),
)
"""The columns for people; numbers are by how much a layer has grown."""

COUNTS = ("activations", "weights", "parameters", "macs")
EXACT = (
    Column("change", "change"),
    *(Column(f"{key}_{side}", key) for key in ("layer", "label", "volume") for side in ("before", "after")),
    Column("keys", "keys"),
    *(Column(f"{key}_{side}", key, True) for key in COUNTS for side in ("before", "after")),
    *(Column(f"in_place_{side}", "in place") for side in ("before", "after")),
)
"""The columns for programs: both sides of everything."""


def difference_document(
    found: Difference, names: tuple[str, str], options: Options, *, units: str = "iec", exact: bool = False
) -> Document:
    """The totals of both nets, and the layers that are not the same; ``exact`` for the columns of programs."""
    cells = _exact_cells if exact else _cells
    table = Table(EXACT if exact else COLUMNS, tuple([cells(layer) for layer in found.different]))
    before, after = names
    closing = []
    if found.renumbered:
        text = f"{plural(found.renumbered, 'layer')} of the same design with another number in the name"
        closing.append(Paragraph("renumbered", (text,)))
    if not found.is_equal:
        memory = f"{plural(options.batch, 'image')} in {options.dtype}, {options.profile}, {options.optimizer}"
        closing.append(Paragraph("memory", (memory,)))
    return Document(
        heading=(f"{before} -> {after}", verdict(found)),
        table=table,
        closing=tuple(closing),
        data=lambda: _data(found, names, options),
        summary=None if found.is_equal else _summary(found, units),
    )


def verdict(found: Difference) -> str:
    """In one line what is different."""
    if found.is_equal:
        return f"no difference: the same {plural(len(found.layers), 'layer')}, the same costs"
    words = {
        "added": "added",
        "removed": "removed",
        "changed": "changed",
        "renamed": "renamed",
        "affected": "affected by that",
    }
    counts = [(found.count(status), text) for status, text in words.items()]
    parts = [f"{count:,} {text}" for count, text in counts if count]
    return f"layers: {', '.join(parts) or 'all the same'}; {found.count('same'):,} the same"


def _summary(found: Difference, units: str) -> Table:
    columns = (
        Column("quantity", "total"),
        Column("before", "before", True),
        Column("after", "after", True),
        Column("change", "change", True),
        Column("percent", "%", True),
    )
    return Table(columns, tuple([_total(quantity, units) for quantity in found.quantities]))


def _total(quantity: Quantity, units: str) -> tuple[Cell, ...]:
    def size(count: int) -> str:
        return format_bytes(count, units) if quantity.unit == "bytes" else f"{count:,}"

    change = quantity.change
    return (
        Cell(TITLES.get(quantity.key, quantity.key), quantity.key),
        Cell(size(quantity.before), quantity.before),
        Cell(size(quantity.after), quantity.after),
        Cell(("+" if change > 0 else "") + size(change) if change else "0", change),
        Cell(percent(quantity)),
    )


def percent(quantity: Quantity) -> str:
    """``+3.8``; of what was not there before nothing can be said."""
    tenths = quantity.tenths
    if tenths is None:
        return "" if quantity.change else "0.0"
    if quantity.change and not tenths:
        return "+0.0" if quantity.change > 0 else "-0.0"
    sign = "+" if tenths > 0 else "-" if tenths < 0 else ""
    return f"{sign}{abs(tenths) // 10:,}.{abs(tenths) % 10}"


# Layers


def _both(before: str | None, after: str | None) -> str:
    """``a -> b``, and once what is the same or has one side alone."""
    if before is None or after is None or before == after:
        return (before if after is None else after) or ""
    return f"{before} -> {after}"


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        return ", ".join(value) or "none"
    return value if isinstance(value, str) else shown(value)


def change_text(change: Change) -> str:
    """``filters 64 -> 128``"""
    return f"{change.key} {_value(change.before)} -> {_value(change.after)}"


def _what(layer: LayerDifference) -> str:
    """The keys that changed, in words; of a layer that comes or goes its label."""
    before, after = layer.before, layer.after
    if before is None or after is None:
        row = after or before
        return row.label if row else ""
    parts = [change_text(change) for change in layer.changes]
    if before.in_place != after.in_place and not any(change.key == "in_place" for change in layer.changes):
        parts.append(f"works in place {shown(before.in_place)} -> {shown(after.in_place)}")
    return f"{after.label}: {', '.join(parts)}" if parts else after.label


def _signed(change: int) -> Cell:
    return Cell(("+" if change > 0 else "") + short(change) if change else "", change)


def _cells(layer: LayerDifference) -> tuple[Cell, ...]:
    before, after = layer.before, layer.after
    volume = _both(before and str(before.output), after and str(after.output))
    return (
        word(layer.status),
        word(_both(before and before.name, after and after.name)),
        word(_what(layer)),
        word(volume),
        _signed(layer.change("activations")),
        _signed(layer.change("parameters")),
        _signed(layer.change("macs")),
    )


def _exact_cells(layer: LayerDifference) -> tuple[Cell, ...]:
    sides = (layer.before, layer.after)
    cells = [word(layer.status)]
    cells += [Cell("", None) if row is None else word(row.name) for row in sides]
    cells += [Cell("", None) if row is None else word(row.label) for row in sides]
    cells += [Cell("", None) if row is None else word(row.output.size) for row in sides]
    cells.append(word("; ".join(map(change_text, layer.changes))))
    for key in COUNTS:
        cells += [Cell("", None) if row is None else number(getattr(row, key)) for row in sides]
    cells += [Cell("", None) if row is None else Cell(shown(row.in_place), row.in_place) for row in sides]
    return tuple(cells)


# As data


def _data(found: Difference, names: tuple[str, str], options: Options) -> dict[str, Any]:
    return {
        "schema": 1,
        "before": names[0],
        "after": names[1],
        "equal": found.is_equal,
        "batch": options.batch,
        "dtype": options.dtype,
        "profile": options.profile,
        "optimizer": options.optimizer,
        "counts": {
            **{
                status: found.count(status) for status in ("added", "removed", "changed", "renamed", "affected", "same")
            },
            "renumbered": found.renumbered,
        },
        "totals": [_total_record(quantity) for quantity in found.quantities],
        "layers": [_layer_record(layer) for layer in found.different],
    }


def _total_record(quantity: Quantity) -> dict[str, Any]:
    tenths = quantity.tenths
    return {
        "key": quantity.key,
        "unit": quantity.unit,
        "before": quantity.before,
        "after": quantity.after,
        "change": quantity.change,
        "percent": None if tenths is None else tenths / 10,
    }


def _layer_record(layer: LayerDifference) -> dict[str, Any]:
    return {
        "status": layer.status,
        "changes": [change._asdict() for change in layer.changes],
        "before": None if layer.before is None else _side(layer.before),
        "after": None if layer.after is None else _side(layer.after),
    }


def _side(row: LayerReport) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "label": row.label,
        "inputs": list(row.inputs),
        "output": list(row.output),
        "activations": row.activations,
        "in_place": row.in_place,
        "weights": row.weights,
        "biases": row.biases,
        "parameters": row.parameters,
        "buffers": row.buffers,
        "macs": row.macs,
    }
