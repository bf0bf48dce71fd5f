"""The table of a net: one row for each layer or block, then totals, shares and assumptions."""

from __future__ import annotations

from math import prod
from operator import attrgetter

from cnncalc.analysis.report import Stated
from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table, as_key, word
from cnncalc.formats.notation import BAR_WIDTHS, Notation
from cnncalc.formats.notation import USUAL as USUAL_NOTATION
from cnncalc.layers.base import WINDOW_KEYS
from cnncalc.layers.keys import shown
from cnncalc.layers.side_keys import Sizes
from cnncalc.records import NamedTuple
from cnncalc.units import bytes_per_element, listing, percent, plural, short
from cnncalc.views.shares import sentences

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.interop.conventions import Counted
    from cnncalc.volume import Volume


COUNTS = ("weights", "biases", "parameters", "trainable", "buffers", "macs")
"""The counts of a row that are sums over its layers."""
_counts_of = attrgetter(*COUNTS)


class Row(NamedTuple):
    """A row of the table: one layer, or all layers of a block.

    Counts are sums over ``members``; ``held`` counts only activations that are not in place, as in the totals.
    """

    name: str
    label: str
    members: tuple[LayerReport, ...]
    held: int
    held_bytes: int
    weights: int
    biases: int
    parameters: int
    trainable: int
    buffers: int
    macs: int

    @property
    def layer(self) -> LayerReport | None:
        """The layer, or None for a block."""
        return self.members[0] if len(self.members) == 1 and self.name == self.members[0].name else None

    @property
    def last(self) -> LayerReport:
        """The last layer, whose output is the output of the row."""
        return self.members[-1]


def row_of(name: str, label: str, members: tuple[LayerReport, ...]) -> Row:
    """The row of these layers, with their counts added up."""
    if len(members) == 1:
        (row,) = members
        held = (0, 0) if row.in_place else (row.activations, row.activation_bytes)
        return Row(name, label, members, *held, *_counts_of(row))
    own = [row for row in members if not row.in_place]
    return Row(
        name,
        label,
        members,
        sum([row.activations for row in own]),
        sum([row.activation_bytes for row in own]),
        *map(sum, zip(*map(_counts_of, members), strict=True)),
    )


def rows_of(report: Report, depth: int | None = None) -> list[Row]:
    """One row for each layer, or with ``depth`` for each block at that nesting level and each layer outside of them."""
    if depth is None:
        return [row_of(row.name, row.label, (row,)) for row in report.layers]
    blocks: dict[str, list[LayerReport]] = {}
    for row in report.layers:
        parts = row.name.split(".")
        blocks.setdefault(".".join(parts[:depth]), []).append(row)
    return [
        row_of(name, members[0].label if members[0].name == name else plural(len(members), "layer"), tuple(members))
        for name, members in blocks.items()
    ]


# Cells


def _memory(row: Row, notation: Notation) -> Cell:
    if row.layer is not None and row.layer.in_place:
        return Cell("in place", 0)
    return _arithmetic("activations", row, row.held, notation)


def with_exact(arithmetic: str, count: int) -> str:
    """``(3*3*64)*128 = 73,728``; a plain number without arithmetic: ``64``."""
    return f"{count:,}" if arithmetic.isdigit() else f"{arithmetic} = {count:,}"


def _arithmetic(key: str, row: Row, count: int, notation: Notation) -> Cell:
    layer = row.layer
    if layer is not None and layer.shared_with and not count:
        if any(_ROLES.get(key) == array.role for array in layer.arrays):
            return Cell("shared", count)
    if layer is None or not count or notation.numbers == "short":
        return _count_cell(count, notation)
    return Cell(with_exact(layer.arithmetic[key], count), count, f"{count:,}")


def _count_cell(count: int, notation: Notation) -> Cell:
    """A cell with a count that is usually written in full."""
    return Cell(notation.full(count), count)


_ROLES = {"weights": "weight", "biases": "bias", "buffers": "buffer"}


def sides_text(sides: tuple[int, ...], times: str = "x") -> str:
    """Sizes joined by ``times``: ``3x5``."""
    return times.join(map(str, sides))


def field_text(row: LayerReport, times: str = "x", at_most: str = "<=") -> str:
    """The receptive field: ``5x5``; ``>224x224`` if it is clipped to the input, ``<=5x5`` if it is an upper bound.

    Several inputs with different receptive fields are listed by name.
    """

    def written(size: tuple[int, ...], unclipped: tuple[int, ...] | None, *, is_exact: bool) -> str:
        sign = at_most if not is_exact else ">" if unclipped not in (None, size) else ""
        return sign + sides_text(size, times)

    if len(row.fields) == 1:  # the row has its numbers
        return written(row.receptive_field, row.receptive_field_unclipped, is_exact=row.receptive_field_is_exact)
    found = {
        name: written(field.size, field.unclipped, is_exact=field.is_certain) for name, field in row.fields.items()
    }
    if len(set(found.values())) > 1:
        return ", ".join([f"{name} {text}" for name, text in found.items()])
    return next(iter(found.values()), sides_text(row.receptive_field, times))


def _unclipped(row: LayerReport) -> Cell:
    """The receptive field on an input without borders; empty if the layer sees the whole plane."""
    size = row.receptive_field_unclipped
    return Cell("") if size is None else word(sides_text(size))


def _flag(row: Row, has: Callable[[LayerReport], bool]) -> Cell:
    holders = sum([has(member) for member in row.members])
    text = "no" if not holders else "yes" if holders == len(row.members) else f"{holders} of {len(row.members)}"
    return Cell(text, holders == len(row.members))


def remarks_of(row: Row) -> str:
    """Remarks on layers whose figures are stated, that are frozen, run only in training, or share parameters."""
    learned = [member for member in row.members if any(array.role != "buffer" for array in member.arrays)]
    frozen = sum([not member.is_trainable for member in learned])
    training_only = sum([member.training_only for member in row.members])
    shared = sum([member.shared_with is not None for member in row.members])
    parts = [
        _some("stated", sum([member.layer.is_stated for member in row.members]), len(row.members)),
        _some("frozen", frozen, len(learned)),
        _some("training only", training_only, len(row.members)),
        f"{_uses(row.layer)} of {row.layer.shared_with}"
        if shared and row.layer
        else _some("with shared parameters", shared, 0),
    ]
    return ", ".join(filter(None, parts))


def _uses(row: LayerReport) -> str:
    """What a row with shared parameters uses of their owner."""
    return "transposed weights" if row.transposed else "parameters"


def _some(what: str, count: int, whole: int) -> str:
    """``frozen`` if all layers are, ``2 frozen`` if some are, else empty."""
    return "" if not count else what if count == whole else f"{count} {what}"


def _window_column(key: str) -> Callable[[Row, Notation], Cell]:
    """A function that returns the cell of a window key, such as ``3x3`` or ``yes``; empty for rows without that key."""

    def cell(row: Row, _: Notation) -> Cell:
        layer = row.layer.layer if row.layer else None
        value = layer.window_keys().get(key) if layer else None
        if layer is None or value is None or isinstance(value, str):
            return word(value or "")
        reader = layer.keys[key].reader
        written = reader.write(value)
        is_size = isinstance(reader, Sizes) and (key == "kernel" or isinstance(written, list))
        return word(sides_text(value) if is_size else shown(written))

    return cell


CELLS: Mapping[str, tuple[str, bool, Callable[[Row, Notation], Cell]]] = {
    "layer": ("layer", False, lambda row, notation: word(row.name)),
    "label": ("label", False, lambda row, notation: Cell(row.label, row.label, "")),
    "kind": ("kind", False, lambda row, notation: word(row.layer.kind if row.layer else "block")),
    "inputs": ("inputs", False, lambda row, notation: word(" ".join(_inputs(row)))),
    "input": ("input", False, lambda row, notation: word(" ".join(map(str, _entering(row))))),
    **{key: (key, False, _window_column(key)) for key in WINDOW_KEYS},
    "volume": ("volume", False, lambda row, notation: Cell(str(row.last.output), row.last.output.size)),
    "memory": ("memory", False, _memory),
    "activations": ("activations", True, lambda row, notation: _count_cell(_activations(row), notation)),
    "bytes": ("bytes", True, lambda row, notation: Cell(notation.size(row.held_bytes), row.held_bytes, "")),
    "in_place": ("in place", False, lambda row, notation: _flag(row, lambda member: member.in_place)),
    "weights": ("weights", False, lambda row, notation: _arithmetic("weights", row, row.weights, notation)),
    "biases": (
        "biases", True, lambda row, notation: _arithmetic("biases", row, row.biases, notation)._replace(short="")
    ),
    "parameters": ("parameters", True, lambda row, notation: _count_cell(row.parameters, notation)),
    "trainable": ("trainable", True, lambda row, notation: _count_cell(row.trainable, notation)),
    "buffers": ("buffers", True, lambda row, notation: _arithmetic("buffers", row, row.buffers, notation)),
    "macs": ("MACs", True, lambda row, notation: Cell(notation.short(row.macs), row.macs)),
    "flops": ("FLOPs", True, lambda row, notation: Cell(notation.short(2 * row.macs), 2 * row.macs)),
    "receptive_field": (
        "receptive field",
        True,
        lambda row, notation: Cell(field_text(row.last), sides_text(row.last.receptive_field)),
    ),
    "receptive_field_unclipped": ("unclipped", True, lambda row, notation: _unclipped(row.last)),
    "remarks": ("remarks", False, lambda row, notation: word(remarks_of(row))),
}  # fmt: skip
"""Every column by its key: its title, whether it is right-aligned, and its cell of a row."""

BARS: Mapping[str, tuple[str, Callable[[Row], int]]] = {
    "activation_share": ("activations", lambda row: row.held),
    "parameter_share": ("parameters", lambda row: row.parameters),
    "mac_share": ("MACs", lambda row: row.macs),
}
"""The columns that draw shares of a total as bars: title, and the count of a row."""

SHORT_TITLES = {"receptive_field": "field"}
"""Shorter titles for narrow terminals."""

USUAL = ("layer", "label", "volume", "memory", "bytes", "weights", "biases", "macs", "receptive_field")
"""The default columns for people; ``remarks`` is added if any row has some."""
WITH_BARS = ("layer", "label", "volume", "memory", "activation_share", "parameter_share", "mac_share")
"""The default columns with bars."""
EXACT = (
    *("layer", "label", "kind", "inputs", "volume", "activations", "bytes", "in_place"),
    *("weights", "biases", "parameters", "trainable", "buffers", "macs", "receptive_field", "remarks"),
)
"""The default columns for programs."""
COLUMNS = (*CELLS, *BARS)
"""Every column."""


def _inputs(row: Row) -> list[str]:
    """The names of the layers outside of the row that it reads, in order, each once."""
    inside = {member.name for member in row.members}
    return list(dict.fromkeys(source for member in row.members for source in member.inputs if source not in inside))


def _entering(row: Row) -> list[Volume]:
    """The volumes of layers outside of the row that it reads, in order, each once."""
    inside = {member.name for member in row.members}
    volumes = [
        volume
        for member in row.members
        for source, volume in zip(member.inputs, member.input_volumes, strict=True)
        if source not in inside
    ]
    return list(dict.fromkeys(volumes))


def _activations(row: Row) -> int:
    return row.layer.activations if row.layer else row.held


def _bars(key: str, rows: Sequence[Row]) -> Callable[[Row, Notation], Cell]:
    """A function that returns the bar cell of a row; bars are scaled to the largest row."""
    of = BARS[key][1]
    counts = [of(row) for row in rows]
    largest, whole = max(counts, default=0), sum(counts)

    def cell(row: Row, notation: Notation) -> Cell:
        share = percent(of(row), whole)
        wide, narrow = [notation.bar(of(row), largest, whole, cells) for cells in BAR_WIDTHS]
        return Cell(wide, share.removesuffix(" %"), narrow)

    return cell


SORT_KEYS: Mapping[str, Callable[[Row], int]] = {
    "memory": lambda row: row.held,
    "activations": lambda row: row.held,
    "bytes": lambda row: row.held_bytes,
    **{key: attrgetter(key) for key in COUNTS},
    "flops": lambda row: 2 * row.macs,
    "receptive_field": lambda row: prod(row.last.receptive_field),
}
"""The count of a row by each key that rows can be sorted by; activations in place count 0."""


class Selection(NamedTuple):
    """The rows that are shown, and their order: the ``top`` largest by a key of SORT_KEYS (``sort``), largest first.

    Equal rows stay in the order of the net. Without a key all rows are shown in that order.
    """

    sort: str | None = None
    top: int | None = None

    def of(self, rows: Sequence[Row]) -> list[Row]:
        """The rows to show."""
        if self.sort is None:
            return list(rows)
        return sorted(rows, key=SORT_KEYS[self.sort], reverse=True)[: self.top]

    def lines(self, rows: Sequence[Row]) -> list[str]:
        """A line that says which of these rows are shown; empty if all are, in the order of the net."""
        if self.sort is None:
            return []
        chosen, what = self.of(rows), CELLS[self.sort][0]
        if len(chosen) == len(rows):
            return [f"all {len(rows):,}, the largest by {what} first"]
        text = f"the {len(chosen):,} largest of {len(rows):,} by {what}"
        whole, part = (sum(map(SORT_KEYS[self.sort], some)) for some in (rows, chosen))
        if self.sort != "receptive_field" and whole:
            text += f": {percent(part, whole)} of the total"
        return [f"{text}; totals are those of all rows"]

    def record(self, rows: Sequence[Row]) -> dict[str, Any]:
        """The selection for JSON."""
        return {"sort": self.sort, "top": self.top, "rows": len(self.of(rows)), "of": len(rows)}


def checked_selection(sort: str | None, top: int | None) -> Selection:
    """The selection of a call; raises ValueProblem for an unknown key, or for ``top`` without a key."""
    if sort is None and top is not None:
        hint = f"add --sort KEY, one of {', '.join(SORT_KEYS)}"
        raise ValueProblem("--top shows the largest rows, so it needs a key to sort by", code="usage", hint=hint)
    key = None if sort is None else as_key(sort)
    if sort is not None and key not in SORT_KEYS:
        near = did_you_mean(sort, SORT_KEYS)
        hint = f"the keys are {', '.join(SORT_KEYS)}"
        raise ValueProblem(f"rows cannot be sorted by '{sort[:60]}'{near}", code="unknown-key", hint=hint)
    return Selection(key, top)


def table_of(rows: Sequence[Row], keys: Sequence[str], notation: Notation, every: Sequence[Row] | None = None) -> Table:
    """The table of rows with these columns; bars show shares of the sum over ``every`` row (default: ``rows``)."""
    makers = [CELLS[key] if key in CELLS else (BARS[key][0], False, _bars(key, every or rows)) for key in keys]
    columns = tuple(
        [
            Column(key, t, right, SHORT_TITLES.get(key, ""), key in BARS)
            for key, (t, right, _) in zip(keys, makers, strict=True)
        ]
    )
    return Table(columns, tuple([tuple([make(row, notation) for _, _, make in makers]) for row in rows]))


ALL_ROWS = Selection()
"""All rows, in the order of the net."""


# The document


def table_document(
    report: Report,
    *,
    columns: Sequence[str] | None = None,
    depth: int | None = None,
    bars: bool = False,
    totals: bool = True,
    notation: Notation = USUAL_NOTATION,
    selection: Selection = ALL_ROWS,
    convention: str | None = None,
) -> Document:
    """The table of a report with its totals; ``data`` is the report for JSON, with blocks if there is a ``depth``.

    The default columns depend on ``bars``. Without ``totals`` only the conventions follow the table. Totals and shares
    are those of all rows, whatever the ``selection``. ``convention`` adds the totals as another tool counts them.
    """
    rows = rows_of(report, depth)
    other = None
    if convention is not None:
        from cnncalc.interop.conventions import counted

        other = counted(convention, report)
    if columns is None:
        columns = WITH_BARS if bars else USUAL
        columns = (*columns, "remarks") if any(map(remarks_of, rows)) else columns
    return Document(
        heading=(*heading(report), *selection.lines(rows)),
        table=table_of(selection.of(rows), columns, notation, rows),
        closing=(
            *_with_convention(closing_paragraphs(report, notation) if totals else (), other),
            Paragraph("conventions", conventions(report, notation)),
        ),
        data=lambda: _data(report, rows, selection, other, has_blocks=depth is not None),
    )


def _with_convention(closing: Sequence[Paragraph], other: Counted | None) -> Sequence[Paragraph]:
    """The closing paragraphs with the totals of another tool first, and the memory, which no tool counts, last."""
    if other is None:
        return closing
    return (Paragraph(f"in {other.tool}", counted_lines(other), main=1), *closing[1:], *closing[:1])


def counted_lines(other: Counted) -> tuple[str, ...]:
    """The totals as another tool counts them with what it has no rule for, what is uncertain, and how it counts."""
    macs = "" if other.macs is None else f", {other.macs:,} MACs"
    free = f"; no rule, so 0 MACs: {', '.join(kind.upper() for kind in other.free)}" if other.free else ""
    doubts = other.doubts()
    uncertain = f"; uncertain for {plural(sum(map(len, doubts.values())), 'layer')}" if doubts else ""
    return (
        f"{other.parameters:,} parameters{macs} / image (version {other.version}{free}{uncertain})",
        *[f"uncertain: {why}: {plural(len(layers), 'layer')}" for why, layers in doubts.items()],
        f"it counts {other.words}",
    )


def _data(
    report: Report, rows: list[Row], selection: Selection, other: Counted | None, *, has_blocks: bool
) -> dict[str, Any]:
    from cnncalc.formats.record import layer_record, report_record

    record = report_record(report)
    if other is not None:
        totals = {"parameters": other.parameters, **({} if other.macs is None else {"macs": other.macs})}
        doubts = [{"why": why, "layers": [report.layers[i].name for i in each]} for why, each in other.doubts().items()]
        record["convention"] = {
            "tool": other.tool, "version": other.version, "totals": totals,
            "without_rule": list(other.free), "uncertain": doubts,
        }  # fmt: skip
    chosen = selection.of(rows)
    if has_blocks:
        record["blocks"] = [_block_record(row) for row in chosen]
    elif selection.sort is not None:
        record["layers"] = [layer_record(row.last) for row in chosen]
    if selection.sort is not None:
        record["shown"] = selection.record(rows)
    return record


def _block_record(row: Row) -> dict[str, Any]:
    from cnncalc.formats.record import field_record

    return {
        "name": row.name,
        "layers": [member.name for member in row.members],
        "output": list(row.last.output),
        "activations": row.held,
        "activation_bytes": row.held_bytes,
        **{key: getattr(row, key) for key in COUNTS},
        **field_record(row.last),
    }


def heading(report: Report) -> tuple[str, ...]:
    """Name, title, source of the net; batch and data type if they are not the default; what is assumed."""
    lines = [f"{report.name}{': ' if report.title else ' ' if report.full_title else ''}{report.full_title}"]
    if report.source:
        lines.append(f"source: {report.source}")
    if report.batch > 1 or report.dtype != "float32":
        lines.append(f"bytes for {plural(report.batch, 'image')} in {report.dtype}")
    if report.stated_line is not None:
        lines.append(report.stated_line)
    if report.assumed:
        lines.append(f"assumed: {', '.join(assumed_lines(report.assumed))}")
    return tuple(lines)


def closing_paragraphs(report: Report, notation: Notation) -> tuple[Paragraph, ...]:
    """Totals and shares."""
    return (*total_paragraphs(report, notation), *paragraph("shares", sentences(report)))


def conventions(report: Report, notation: Notation) -> tuple[str, ...]:
    """The units of the table and what it counts."""
    return (
        "memory: elements for one image; K, M and G are powers of 1000",
        f"bytes: {plural(report.batch, 'image')} in {report.dtype}; {notation.rule}",
        "weights include scales, biases include shifts; 1 MAC is one multiply and add in a convolution or FC layer",
    )


def paragraph(title: str, lines: Sequence[str]) -> tuple[Paragraph, ...]:
    """A tuple with one paragraph; empty if there are no lines."""
    return (Paragraph(title, tuple(lines)),) if lines else ()


def total_paragraphs(report: Report, notation: Notation) -> tuple[Paragraph, ...]:
    """Totals, with the notes' estimates for training: activations x2, parameters x3."""
    totals, each = report.totals, bytes_per_element(report.dtype)
    images = "image" if report.batch == 1 else f"batch of {report.batch:,}"
    times = f" * {plural(each, 'byte')}"
    batch = f" * {report.batch:,} images" if report.batch > 1 else ""
    held = notation.equal_size(totals.activation_bytes)
    memory = (
        f"{_count(totals.activations)} activations{times}{batch} {held} / {images}, forward only",
        f"about x2 with backward: {notation.size(2 * totals.activation_bytes)}",
    )
    parameters = [_count(totals.parameters)]
    if totals.parameters:
        parameters[0] += f" = {totals.weights:,} weights + {totals.biases:,} biases"
        parameters.append(
            f"{times[1:]} {notation.equal_size(totals.parameter_bytes)}; x3 with gradients and optimizer state "
            f"(momentum, Adagrad, RMSProp): {notation.size(3 * totals.parameter_bytes)}"
        )
    if totals.trainable != totals.parameters:
        parameters.append(f"{totals.trainable:,} are trainable, {totals.parameters - totals.trainable:,} frozen")
    if totals.buffers:
        parameters.append(f"plus {_count(totals.buffers)} elements in buffers, which are not learned")
    parameters += _sharing(report)
    macs: tuple[str, ...] = (f"{_count(totals.macs)} / image, forward",)
    stated = report.stated or Stated(0, 0, 0)
    if stated.parameters or stated.buffers:
        whole = f"{stated.parameters:,} parameters, {stated.buffers:,} elements in buffers"
        parameters.append(f"of these {whole} are stated, not computed")
    if stated.macs:
        macs = (*macs, f"of these {stated.macs:,} are stated, not computed")
    return (
        Paragraph("TOTAL memory", memory, main=1),
        Paragraph("TOTAL params", tuple(parameters), main=1),
        Paragraph("TOTAL MACs", macs, main=1),
        *paragraph("at test time", test_time_lines(report, notation)),
    )


def _count(count: int) -> str:
    """``15,237,608 (15.24M)``"""
    return f"{count:,} ({short(count)})" if count >= 10_000 else f"{count:,}"


def _sharing(report: Report) -> list[str]:
    pairs = [
        f"{row.name} with {row.shared_with}{' (its weights, transposed)' if row.transposed else ''}"
        for row in report.layers
        if row.shared_with
    ]
    return [f"shared and counted once: {listing(pairs)}"] if pairs else []


def test_time_lines(report: Report, notation: Notation) -> list[str]:
    """The totals without the layers that run only in training; empty if there are no such layers."""
    alone = [row.name for row in report.layers if row.training_only]
    if not alone:
        return []
    test = report.test_time
    what = f"{plural(len(alone), 'layer')} for training only: {listing(alone)}"
    memory = f"{_count(test.activations)} activations {notation.equal_size(test.activation_bytes)}"
    return [what, f"without them: {memory}, {_count(test.parameters)} parameters, {_count(test.macs)} MACs"]


ASSUMED = {
    "input": "input {}",
    "filters": "{} filters in a CONV without a number",
    "kernel": "kernel {} in a CONV without a number",
    "pool_kernel": "kernel {} in a POOL without a number",
    "hidden": "{} units in a hidden FC without a number",
    "classes": "{} units in the last FC",
    "ln_axes": "LN along the {}, at each position of its one side",
    "optional": "items marked '?' are kept",
}
"""The text of each assumption; assumptions without a text are printed as name and value."""


def assumed_lines(assumed: Mapping[str, Any]) -> list[str]:
    """The defaults that were used for sizes missing in the design, one line each."""
    return [ASSUMED.get(name, name + " {}").format(_value(value)) for name, value in assumed.items()]


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)) and len(value) == 3 and all(isinstance(part, int) for part in value):
        return "x".join(map(str, value))
    return value if isinstance(value, str) else shown(value)
