"""The table of layers: one row a layer, and above the layers of a block a row that sums them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnncalc.formats.document import plural
from cnncalc.page.markup import attribute, text
from cnncalc.units import format_bytes
from cnncalc.views.layer_table import remarks_of, row_of

if TYPE_CHECKING:
    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.views.layer_table import Row

MOST_ROWS = 5_000
"""So many rows a table has at most."""

DEEPEST = 6
"""Blocks are indented so many levels deep."""

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
"""Title and class of each column: ``n`` for numbers, ``share`` where a bar shows the part of the whole."""


class Branch(NamedTuple):
    """A block, with the layers and blocks in it in their order; without a name the net itself."""

    name: str
    parts: list[Branch | LayerReport]

    def layers(self) -> list[LayerReport]:
        """Every layer in it."""
        found: list[LayerReport] = []
        for part in self.parts:
            found += part.layers() if isinstance(part, Branch) else [part]
        return found


def tree_of(layers: tuple[LayerReport, ...]) -> Branch:
    """The layers of a net by the blocks that the dots in their names tell.

    A block stands where its first layer does.
    """
    root = Branch("", [])
    blocks = {"": root}
    for row in layers:
        block = root
        name = ""
        for part in row.name.split(".")[:-1]:
            name = f"{name}.{part}" if name else part
            if name not in blocks:
                blocks[name] = Branch(name, [])
                block.parts.append(blocks[name])
            block = blocks[name]
        block.parts.append(row)
    return root


def tools() -> str:
    """What searches, folds and writes the numbers of the table; for the program of the page, which shows it."""
    ways = (("short", "short", " checked"), ("exact", "exact", ""), ("how", "how they come about", ""))
    radios = "".join(
        [
            f'<label><input type="radio" name="numbers" value="{key}"{checked}>{title}</label>'
            for key, title, checked in ways
        ]
    )
    return (
        '<form id="tools" class="tools" hidden>\n'
        '<div class="field"><label for="search">Search the layers</label>'
        '<input type="search" id="search" autocomplete="off" spellcheck="false"></div>\n'
        f'<fieldset><legend>Numbers</legend><div class="choices">{radios}</div></fieldset>\n'
        '<div id="folding" class="folding"><button type="button" id="fold">Fold all blocks</button>'
        '<button type="button" id="unfold">Unfold all</button></div>\n'
        '<p id="found" role="status"></p>\n</form>'
    )


def layer_table(report: Report, units: str) -> str:
    """The table with its totals."""
    has_remarks = any(remarks_of(row_of(row.name, row.label, (row,))) for row in report.layers)
    columns = (*COLUMNS, ("remarks", "")) if has_remarks else COLUMNS
    heads = "".join([f'<th scope="col"{attribute("class", kind)}>{title}</th>' for title, kind in columns])
    lines: list[str] = []
    _branch(tree_of(report.layers), 0, lines, units, has_remarks=has_remarks)
    whole = row_of("", "", report.layers)
    foot = _cells(whole, units, whole.held)
    more = "<td></td>" if has_remarks else ""
    which = f"The {plural(len(report.layers), 'layer')} of {report.name} in the order in which they run."
    if len(lines) == MOST_ROWS:
        which = (
            f"The first {MOST_ROWS:,} rows of the table of {report.name}; the totals are those of all its "
            f"{plural(len(report.layers), 'layer')}, and the command table prints every one."
        )
    caption = (
        f"{which} Activations, "
        f"parameters and MACs are for one image; memory is that of the activations of "
        f"{plural(report.batch, 'image')} in {report.dtype}."
    )
    return (
        '<div class="scroll" tabindex="0" role="group" aria-label="Table of the layers">\n'
        f'<table id="layers" class="sortable">\n<caption>{text(caption)}</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n"
        + "\n".join(lines)
        + f'\n</tbody>\n<tfoot><tr><td></td><th scope="row">total</th><td></td><td></td>{foot}<td></td>{more}</tr>'
        "</tfoot>\n</table>\n</div>"
    )


def _branch(branch: Branch, level: int, lines: list[str], units: str, *, has_remarks: bool) -> None:
    for part in branch.parts:
        if len(lines) >= MOST_ROWS:
            return
        if not isinstance(part, Branch):
            lines.append(_line(row_of(part.name, part.label, (part,)), level, units, has_remarks=has_remarks))
            continue
        members = tuple(part.layers())
        if len(members) > 1:
            row = row_of(part.name, plural(len(members), "layer"), members)
            lines.append(_line(row, level, units, has_remarks=has_remarks))
        _branch(part, level + (len(members) > 1), lines, units, has_remarks=has_remarks)


def _line(row: Row, level: int, units: str, *, has_remarks: bool) -> str:
    """A row: of a layer with how its numbers come about, of a block with its sums."""
    layer = row.layer
    block, dot, own = row.name.rpartition(".")
    prefix = f'<span class="in">{text(block)}.</span>' if dot else ""
    kind = "block " if layer is None else ""
    look = f'class="{kind}l{min(level, DEEPEST)}" ' if kind or level else ""
    height, width, depth = row.last.output
    parts = [
        f'<tr {look}data-l="{level}"><td class="n">{row.members[0].index if layer else ""}</td>'
        f'<th scope="row">{prefix}<bdi>{text(own)}</bdi></th><td>{text(row.label)}</td>'
        f'<td class="n" data-v="{row.last.output.elements}">{height}\u00d7{width}\u00d7{depth}</td>'
    ]
    parts.append(_cells(row, units, 0 if layer is not None and layer.in_place else row.held))
    field = row.last.receptive_field
    parts.append(f'<td class="n" data-v="{field[0] * field[1]}">{field[0]}\u00d7{field[1]}</td>')
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
            f'<td class="n share">{held:,}{_how(layer, "activations")}</td>'
            f'<td class="n" data-v="{row.held_bytes}">{format_bytes(row.held_bytes, units)}</td>'
        )
    parameters, macs = _how(layer, "weights", "biases"), _how(layer, "macs")
    return (
        f'{first}<td class="n share{_none(row.parameters)}">{row.parameters:,}{parameters}</td>'
        f'<td class="n share{_none(row.macs)}">{row.macs:,}{macs}</td>'
    )


def _none(count: int) -> str:
    """The class of nothing."""
    return "" if count else " none"


def _how(layer: LayerReport | None, *keys: str) -> str:
    """How a count comes about, where that is more than a number."""
    if layer is None:
        return ""
    parts = [layer.arithmetic[key] for key in keys if key in layer.arithmetic]
    arithmetic = " + ".join(parts)
    return "" if arithmetic.isdigit() or not arithmetic else f"<small>{text(arithmetic)}</small>"
