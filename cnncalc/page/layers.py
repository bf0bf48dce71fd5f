"""The layer table: a row for each layer, and for each block a row of sums above its layers."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from cnncalc.page.markup import attribute, scrolling, text
from cnncalc.records import NamedTuple
from cnncalc.units import format_bytes, plural
from cnncalc.views.layer_table import field_text, remarks_of, row_of

if TYPE_CHECKING:
    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.views.layer_table import Row

MAX_ROWS = 5_000
"""The maximum number of rows of the table."""

MAX_INDENT = 6
"""The maximum level of indentation."""

COLUMNS = (
    ("#", "n"),
    ("layer", ""),
    ("what", ""),
    ("volume", "n"),
    ("activations", "n share"),
    ("memory", "n"),
    ("parameters", "n share"),
    ("MACs", "n share"),
    ("receptive field", "n"),
)
"""Title and class of each column: ``n`` for numbers, ``share`` where a bar shows the share of the total."""


class BlockRows(NamedTuple):
    """A block with its layers and inner blocks in order; one with an empty name is the net itself."""

    name: str
    parts: list[BlockRows | LayerReport]

    def layers(self) -> list[LayerReport]:
        """All layers in it."""
        found: list[LayerReport] = []
        for part in self.parts:
            found += part.layers() if isinstance(part, BlockRows) else [part]
        return found


def tree_of(layers: tuple[LayerReport, ...]) -> BlockRows:
    """The layers of a net by block; blocks follow from the dots in names.

    A block is placed at its first layer.
    """
    root = BlockRows("", [])
    blocks = {"": root}
    for row in layers:
        block = root
        name = ""
        for part in row.name.split(".")[:-1]:
            name = f"{name}.{part}" if name else part
            if name not in blocks:
                blocks[name] = BlockRows(name, [])
                block.parts.append(blocks[name])
            block = blocks[name]
        block.parts.append(row)
    return root


def table_tools() -> str:
    """The search field, the form of the numbers and the buttons to fold; hidden until the script runs."""
    forms = (("short", "short", " checked"), ("exact", "exact", ""), ("formula", "with formulas", ""))
    radios = "".join(
        [
            f'<label><input type="radio" name="numbers" value="{key}"{checked}>{title}</label>'
            for key, title, checked in forms
        ]
    )
    return (
        '<form id="tools" class="tools" hidden>\n'
        '<div class="field"><label for="search">Search the layers</label>'
        '<input type="search" id="search" autocomplete="off" spellcheck="false"></div>\n'
        f'<fieldset><legend>Numbers</legend><div class="choices">{radios}</div></fieldset>\n'
        '<div id="folding" class="folding"><button type="button" id="fold">Collapse all blocks</button>'
        '<button type="button" id="unfold">Expand all</button></div>\n'
        '<p id="found" role="status"></p>\n</form>'
    )


def layer_table(report: Report, units: str) -> str:
    """The table with its totals."""
    whole = row_of("", "", report.layers)
    has_remarks = bool(remarks_of(whole))
    columns = (*COLUMNS, ("remarks", "")) if has_remarks else COLUMNS
    heads = "".join([f'<th scope="col"{attribute("class", kind)}>{title}</th>' for title, kind in columns])
    lines: list[str] = []
    _add_rows(tree_of(report.layers), 0, lines, units, has_remarks=has_remarks)
    foot = _cells(whole, units, whole.held)
    more = "<td></td>" if has_remarks else ""
    layers = plural(len(report.layers), "layer")
    which = f"The {layers} of {report.name} in execution order."
    if len(lines) == MAX_ROWS:
        which = (
            f"The first {MAX_ROWS:,} rows of the table of {report.name}. The totals are those of all its {layers}; "
            "cnncalc table prints all rows."
        )
    caption = (
        f"{which} Activations, parameters and MACs are for one image; memory is that of the activations of "
        f"{plural(report.batch, 'image')} in {report.dtype}."
    )
    return scrolling(
        f'<table id="layers" class="sortable">\n<caption>{text(caption)}</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n"
        + "\n".join(lines)
        + f'\n</tbody>\n<tfoot><tr><td></td><th scope="row">total</th><td></td><td></td>{foot}<td></td>{more}</tr>'
        "</tfoot>\n</table>",
        "Layer table",
    )


def _add_rows(block: BlockRows, level: int, lines: list[str], units: str, *, has_remarks: bool) -> None:
    for part in block.parts:
        if len(lines) >= MAX_ROWS:
            return
        if not isinstance(part, BlockRows):
            lines.append(_line(row_of(part.name, part.label, (part,)), level, units, has_remarks=has_remarks))
            continue
        members = tuple(part.layers())
        if len(members) > 1:
            row = row_of(part.name, plural(len(members), "layer"), members)
            lines.append(_line(row, level, units, has_remarks=has_remarks))
        _add_rows(part, level + (len(members) > 1), lines, units, has_remarks=has_remarks)


def _line(row: Row, level: int, units: str, *, has_remarks: bool) -> str:
    """A row: of a layer with the formulas of its numbers, or of a block with its sums."""
    layer = row.layer
    block, dot, own = row.name.rpartition(".")
    prefix = f'<span class="in">{text(block)}.</span>' if dot else ""
    kind = "block " if layer is None else ""
    attributes = f'class="{kind}l{min(level, MAX_INDENT)}" ' if kind or level else ""
    size = "\u00d7".join(map(str, row.last.output))
    parts = [
        f'<tr {attributes}data-l="{level}"><td class="n">{row.members[0].index if layer else ""}</td>'
        f'<th scope="row">{prefix}<bdi>{text(own)}</bdi></th><td>{text(row.label)}</td>'
        f'<td class="n" data-v="{row.last.output.elements}">{size}</td>'
    ]
    parts.append(_cells(row, units, 0 if layer is not None and layer.in_place else row.held))
    field = row.last.receptive_field
    shown = field_text(row.last, "\u00d7", "\u2264")
    parts.append(f'<td class="n" data-v="{prod(field)}">{text(shown)}</td>')
    if has_remarks:
        parts.append(f"<td>{text(remarks_of(row))}</td>")
    return "".join(parts) + "</tr>"


def _cells(row: Row, units: str, held: int) -> str:
    """Activations, their memory, parameters and MACs."""
    layer = row.layer
    if layer is not None and layer.in_place:
        first = '<td class="n share none" data-v="0">in place</td><td class="n" data-v="0"></td>'
    else:
        first = (
            f'<td class="n share">{held:,}{_formula(layer, "activations")}</td>'
            f'<td class="n" data-v="{row.held_bytes}">{format_bytes(row.held_bytes, units)}</td>'
        )
    parameters, macs = _formula(layer, "weights", "biases"), _formula(layer, "macs")
    return (
        f'{first}<td class="n share{_none(row.parameters)}">{row.parameters:,}{parameters}</td>'
        f'<td class="n share{_none(row.macs)}">{row.macs:,}{macs}</td>'
    )


def _none(count: int) -> str:
    """The class of a count of 0."""
    return "" if count else " none"


def _formula(layer: LayerReport | None, *keys: str) -> str:
    """The formula of a count, unless it is a plain number."""
    if layer is None:
        return ""
    parts = [layer.arithmetic[key] for key in keys if key in layer.arithmetic]
    arithmetic = " + ".join(parts)
    return "" if arithmetic.isdigit() or not arithmetic else f"<small>{text(arithmetic)}</small>"
