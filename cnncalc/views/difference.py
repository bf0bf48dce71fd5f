"""The document of ``diff``: the totals of two nets, and the layers that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.analysis.difference import MIN_SHARED, MIN_SHARED_OF_LARGER, STATUSES, Stage
from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table, number, word
from cnncalc.formats.notation import USUAL, Notation
from cnncalc.formats.record import layer_record, stated_record
from cnncalc.layers.keys import shown
from cnncalc.records import NamedTuple
from cnncalc.units import percent as percent_of
from cnncalc.units import plural, signed_percent
from cnncalc.views.layer_table import sides_text
from cnncalc.views.shares import sentences

if TYPE_CHECKING:
    from cnncalc.analysis.difference import Difference, LayerChange, LayerDifference, Quantity
    from cnncalc.analysis.report import LayerReport
    from cnncalc.memory.report import Options

TITLES = {
    "layers": "layers (CONV, FC)",
    "macs": "MACs",
    "parameter_memory": "parameter memory",
    "activation_memory": "activation memory",
    "inference_memory": "inference memory",
    "training_memory": "training memory",
}
"""Titles of totals whose title differs from the key."""

COLUMNS = (
    Column("change", "change"),
    Column("layer", "layer"),
    Column("what", "what"),
    Column("volume", "volume"),
    Column("activations", "activations", True),
    Column("parameters", "parameters", True),
    Column("macs", "MACs", True),
)
"""The columns for people; numbers are changes."""

SHARED_RULE = (
    "a layer is shared if both nets have it with the same kind and keys, except filters or units, and with matching "
    f"inputs; nets that share at least {MIN_SHARED} % of the layers of the smaller one and {MIN_SHARED_OF_LARGER} % of "
    "those of the larger one, or in which each layer has its counterpart, are compared layer by layer, others by "
    "totals, stages (volumes of one height and width) and shares"
)
"""Which nets are compared layer by layer."""
COUNTS = ("activations", "weights", "parameters", "macs")
SIDE = (
    *("name", "kind", "label", "inputs", "output", "activations", "in_place"),
    *("weights", "biases", "parameters", "buffers", "macs"),
)
"""The keys of a layer in JSON."""
EXACT = (
    Column("change", "change"),
    *(Column(f"{key}_{side}", f"{key} {side}") for key in ("layer", "label", "volume") for side in ("before", "after")),
    Column("keys", "keys"),
    *(Column(f"{key}_{side}", f"{key} {side}", True) for key in COUNTS for side in ("before", "after")),
    *(Column(f"in_place_{side}", f"in place {side}") for side in ("before", "after")),
)
"""The columns for programs, with the values of both nets."""


def difference_document(
    found: Difference,
    names: tuple[str, str],
    options: Options,
    *,
    columns: str | None = None,
    depth: int | None = None,
    notation: Notation = USUAL,
    exact: bool = False,
) -> Document:
    """The totals of both nets, and the layers that differ.

    With ``depth`` the layers of each block at that nesting level are one row. ``columns`` is a list of keys; without it
    ``exact`` selects the columns for programs. For nets that share little the table has the stages instead of the
    layers, unless ``depth``, ``columns`` or ``exact`` is given.
    """
    by_stage = found.shares_little and depth is None and columns is None and not exact
    if by_stage:
        blocks, table = None, _stages_table(found, notation)
    elif depth is not None:
        blocks = block_differences(found, depth)
        table = Table(COLUMNS, tuple([_block_cells(block, notation) for block in blocks]))
    else:
        blocks = None
        table = _layers_table(found, notation, exact=exact, every=columns is not None)
    before, after = names
    closing = []
    heading = [f"{before} -> {after}", verdict(found)]
    heading += [
        f"{name}: {report.stated_line}"
        for name, report in zip(names, (found.before, found.after), strict=True)
        if report.stated_line is not None
    ]
    if found.shares_little:
        heading[1] = shared_line(found, names)
        closing += _shares(found, names)
        if by_stage:
            counts = f"{verdict(found).removeprefix('layers: ')}; --columns change,layer,what lists them"
            closing.append(Paragraph("layers", (counts,)))
        closing.append(Paragraph("rule", (SHARED_RULE,)))
    elif found.renumbered:
        text = f"{plural(found.renumbered, 'layer')} whose names differ only in their number"
        closing.append(Paragraph("renumbered", (text,), main=1))
    if not found.is_equal:
        memory = f"{plural(options.batch, 'image')} in {options.dtype}, {options.profile}, {options.optimizer}"
        closing.append(Paragraph("memory", (memory,), main=1))
        conventions = f"counts are for one image; 1 MAC is one multiply and one add; {notation.rule}"
        closing.append(Paragraph("conventions", (conventions,), main=1))
    return Document(
        heading=tuple(heading),
        table=table,
        closing=tuple(closing),
        data=lambda: _data(found, names, options, blocks),
        summary=None if found.is_equal else _summary(found, notation),
    ).with_columns(columns)


def _layers_table(found: Difference, notation: Notation, *, exact: bool, every: bool) -> Table:
    """One row for each layer that differs; columns for people, for programs (``exact``), or both (``every``)."""
    if every:
        rows = [(*_cells(layer, notation), *_exact_cells(layer, notation)[1:]) for layer in found.different]
        return Table((*COLUMNS, *EXACT[1:]), tuple(rows))
    cells = _exact_cells if exact else _cells
    return Table(EXACT if exact else COLUMNS, tuple([cells(layer, notation) for layer in found.different]))


def verdict(found: Difference) -> str:
    """One line with the number of layers of each status."""
    if found.is_equal:
        return f"no difference: the same {plural(len(found.layers), 'layer')}, the same costs"
    counts = [(found.count(status), status) for status in STATUSES if status != "same"]
    parts = [f"{count:,} {status}" for count, status in counts if count]
    return "layers: " + ", ".join([*parts, f"{found.count('same'):,} unchanged"])


def shared_line(found: Difference, names: tuple[str, str]) -> str:
    """One line that says how little two nets share."""
    (first, second), (before, after) = found.sizes, names
    whole = f"{plural(first, 'layer')} of {before} and of {second:,} of {after}"
    return f"the nets share little: {found.shared:,} of {whole}"


def _shares(found: Difference, names: tuple[str, str]) -> list[Paragraph]:
    """Where each net has its activations, parameters and MACs."""
    reports = (found.before, found.after)
    lines = [f"{name}: {line}" for name, report in zip(names, reports, strict=True) for line in sentences(report)]
    return [Paragraph("shares", tuple(lines))] if lines else []


def _stages_table(found: Difference, notation: Notation) -> Table:
    """A row for each size of volumes: the counts of both nets, and their shares of the totals."""
    columns = [Column("stage", "volumes of")]
    columns += [
        Column(f"{key}_{side}", f"{TITLES.get(key, key) if key != 'layers' else key} {side}", True)
        for key in Stage._fields
        for side in ("before", "after")
    ]
    totals = [report.totals for report in (found.before, found.after)]
    rows = []
    for sides, stages in found.stages().items():
        cells = [word(sides_text(sides))]
        for key in Stage._fields:
            for stage, total in zip(stages, totals, strict=True):
                count = getattr(stage, key)
                text = notation.short(count) if key != "layers" else f"{count:,}"
                if count and key != "layers":
                    text += f" ({percent_of(count, getattr(total, key))})"
                cells.append(Cell(text if stage.layers else "", count))
        rows.append(tuple(cells))
    return Table(tuple(columns), tuple(rows))


def _summary(found: Difference, notation: Notation) -> Table:
    columns = (
        Column("quantity", "total"),
        Column("before", "before", True),
        Column("after", "after", True),
        Column("change", "change", True),
        Column("percent", "%", True),
    )
    return Table(columns, tuple([_total(quantity, notation) for quantity in found.quantities]))


def _total(quantity: Quantity, notation: Notation) -> tuple[Cell, ...]:
    def size(count: int) -> str:
        return notation.size(count) if quantity.unit == "bytes" else notation.full(count)

    change = quantity.change
    return (
        Cell(TITLES.get(quantity.key, quantity.key), quantity.key),
        Cell(size(quantity.before), quantity.before),
        Cell(size(quantity.after), quantity.after),
        Cell(_signed(size(change), change) or "0", change),
        Cell(percent(quantity)),
    )


def percent(quantity: Quantity) -> str:
    """``+3.8``; empty if the quantity was 0 before."""
    if quantity.change and not quantity.before:
        return ""
    return signed_percent(quantity.change, quantity.before).removesuffix(" %")


# Layers


def _both(before: str | None, after: str | None) -> str:
    """``a -> b``; one side if both are the same or the other is missing."""
    if before is None or after is None or before == after:
        return (before if after is None else after) or ""
    return f"{before} -> {after}"


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        return ", ".join(value) or "none"
    return value if isinstance(value, str) else shown(value)


def change_text(change: LayerChange) -> str:
    """``filters 64 -> 128``"""
    return f"{change.key} {_value(change.before)} -> {_value(change.after)}"


def _what(layer: LayerDifference) -> str:
    """The keys that changed; the label of a layer that was added or removed."""
    before, after = layer.before, layer.after
    if before is None or after is None:
        row = after or before
        return row.label if row else ""
    parts = [change_text(change) for change in layer.changes]
    if before.in_place != after.in_place and not any(change.key == "in_place" for change in layer.changes):
        parts.append(f"in place {shown(before.in_place)} -> {shown(after.in_place)}")
    return f"{after.label}: {', '.join(parts)}" if parts else after.label


# Blocks


class BlockDifference(NamedTuple):
    """The layers of a block that differ, and the changes of its counts.

    ``before`` and ``after`` are the last layers of the block in each net; None if the net lacks the block.
    """

    name: str
    layers: tuple[LayerDifference, ...]
    before: LayerReport | None
    after: LayerReport | None

    @property
    def status(self) -> str:
        """``added`` or ``removed`` if one net lacks the block, else ``changed``; for a single layer its status."""
        if len(self.layers) == 1 and self.name in _names_of(self.layers[0]):
            return self.layers[0].status
        return "removed" if self.after is None else "added" if self.before is None else "changed"

    def change(self, count: str) -> int:
        """The change of a count."""
        return sum([layer.change(count) for layer in self.layers])

    @property
    def what(self) -> str:
        """The number of layers of each status; for a single layer its differences."""
        if len(self.layers) == 1 and self.name in _names_of(self.layers[0]):
            return _what(self.layers[0])
        statuses = [layer.status for layer in self.layers]
        return ", ".join([f"{statuses.count(status):,} {status}" for status in dict.fromkeys(statuses)])


def _names_of(layer: LayerDifference) -> list[str]:
    return [row.name for row in (layer.before, layer.after) if row is not None]


def block_differences(found: Difference, depth: int) -> list[BlockDifference]:
    """The layers that differ, by block at a nesting level; a layer outside of any block is a block by itself."""

    def block_of(row: LayerReport) -> str:
        return ".".join(row.name.split(".")[:depth])

    last = [{block_of(row): row for row in report.layers} for report in (found.before, found.after)]
    blocks: dict[str, list[LayerDifference]] = {}
    for layer in found.different:
        row = layer.after or layer.before
        if row is not None:
            blocks.setdefault(block_of(row), []).append(layer)
    result = []
    for name, layers in blocks.items():
        before, after = last[0].get(name), last[1].get(name)
        if len(layers) == 1 and name in _names_of(layers[0]):
            before, after = layers[0].before, layers[0].after
        result.append(BlockDifference(name, tuple(layers), before, after))
    return result


def _block_cells(block: BlockDifference, notation: Notation) -> tuple[Cell, ...]:
    before, after = block.before, block.after
    return (
        word(block.status),
        word(block.name),
        word(block.what),
        word(_both(before and str(before.output), after and str(after.output))),
        *_changes(block, notation),
    )


def _signed(text: str, change: int) -> str:
    """A change with its sign; empty if it is 0."""
    return f"+{text}" if change > 0 else text if change else ""


def _changes(item: LayerDifference | BlockDifference, notation: Notation) -> list[Cell]:
    """The changes of the counts in the table."""
    changes = [item.change(key) for key in ("activations", "parameters", "macs")]
    return [Cell(_signed(notation.short(change), change), change) for change in changes]


def _cells(layer: LayerDifference, notation: Notation) -> tuple[Cell, ...]:
    before, after = layer.before, layer.after
    volume = _both(before and str(before.output), after and str(after.output))
    return (
        word(layer.status),
        word(_both(before and before.name, after and after.name)),
        word(_what(layer)),
        word(volume),
        *_changes(layer, notation),
    )


def _exact_cells(layer: LayerDifference, notation: Notation) -> tuple[Cell, ...]:
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


def _data(
    found: Difference, names: tuple[str, str], options: Options, blocks: list[BlockDifference] | None
) -> dict[str, Any]:
    record: dict[str, Any] = {
        "schema": 1,
        "before": names[0],
        "after": names[1],
        "equal": found.is_equal,
        "batch": options.batch,
        "dtype": options.dtype,
        "profile": options.profile,
        "optimizer": options.optimizer,
        "counts": {**{status: found.count(status) for status in STATUSES}, "renumbered": found.renumbered},
        "totals": [_total_record(quantity) for quantity in found.quantities],
        "layers": [_layer_record(layer) for layer in found.different],
        "shared": {
            "layers": found.shared,
            "before": found.sizes[0],
            "after": found.sizes[1],
            "shares_little": found.shares_little,
        },
        "stages": [
            {"size": list(size), "before": before._asdict(), "after": after._asdict()}
            for size, (before, after) in found.stages().items()
        ],
    }
    stated = [("before", stated_record(found.before)), ("after", stated_record(found.after))]
    if any(each for _, each in stated):
        record["stated"] = {side: each["stated"] for side, each in stated if each}
    if blocks is not None:
        record["blocks"] = [_block_record(block) for block in blocks]
    return record


def _block_record(block: BlockDifference) -> dict[str, Any]:
    return {
        "name": block.name,
        "status": block.status,
        "layers": [_names_of(layer)[-1] for layer in block.layers],
        **{key: block.change(key) for key in COUNTS},
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
    record = layer_record(row)
    return {key: record[key] for key in SIDE}
