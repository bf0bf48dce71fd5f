"""``cnncalc table``: the per-layer table."""

from __future__ import annotations

from cnncalc.cli.command import Command, Option, choice, switch, whole_number
from cnncalc.cli.options import (
    COLUMNS,
    CONVENTION,
    DEPTH,
    DESIGN,
    NOTATION,
    REPORT,
    STRICT,
    TABLE_FORMATS,
    analyze,
    idle_output,
    output_options,
    warn_of_convention,
    warn_of_depth,
)
from cnncalc.errors import ValueProblem
from cnncalc.formats import is_exact
from cnncalc.formats.document import as_key, chosen_columns
from cnncalc.records import NamedTuple
from cnncalc.views.layer_table import COLUMNS as KNOWN
from cnncalc.views.layer_table import EXACT, checked_selection, table_document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.cli.console import Console
    from cnncalc.cli.options import DesignOptions, NotationOptions, OutputOptions, ReportOptions

HELP = """Prints the volume, memory, weights, MACs and receptive field of every layer of TARGET, and the totals.

Memory is counted in elements of one image, as in the notes; 'bytes' are for the whole batch. In-place layers have no
memory of their own.

\b
Examples:
  cnncalc table vgg16 --style notes
  cnncalc table resnet50 --depth 1 --batch 32
  cnncalc table resnet50 --sort parameters --top 10
  cnncalc table "INPUT[32x32x3] -> [CONV3-32 -> RELU -> POOL2]*2 -> FC-10" --format csv
"""


class Call(NamedTuple):
    """The arguments and options of ``cnncalc table``."""

    target: str
    design: DesignOptions
    report: ReportOptions
    notation: NotationOptions
    output: OutputOptions
    style: str = "full"
    columns: str | None = None
    depth: int | None = None
    bars: bool = False
    totals: bool = True
    sort: str | None = None
    top: int | None = None
    convention: str | None = None
    strict: bool = False


def idle(call: Call) -> Iterator[tuple[str, str]]:
    """The options without effect on a table."""
    exact, columns = is_exact(call.output.format), call.columns
    yield from idle_output(call.output, call.notation.exact)
    if exact:
        has = "always has the" if call.output.format == "json" else "has no"
        yield "totals", f"--format {call.output.format} {has} totals"
    if call.style == "notes":
        yield "convention", "--style notes has the totals of the notes alone"
    elif exact and call.output.format != "json":
        yield "convention", f"--format {call.output.format} has no totals"
    if exact and columns is not None and "bytes" not in map(as_key, columns.split(",")):
        yield "batch", "of the columns only 'bytes' depends on it"
        yield "dtype", "of the columns only 'bytes' depends on it"


def run(call: Call, console: Console) -> int:
    """Prints the table of a target."""
    call.output.require_columns(columns=call.columns, bars=call.bars)
    notes = call.style == "notes"
    if call.bars and (notes or call.columns is not None):
        other = "--style notes" if notes else "--columns"
        hint = "--columns layer,volume,activation_share,parameter_share draws the bars of these columns"
        raise ValueProblem(f"--bars chooses the columns and excludes {other}", code="usage", hint=hint)
    notation = call.notation.notation(call.output, console, "notes" if notes else "iec")
    chosen = None
    if not notes and call.columns is not None:
        chosen = chosen_columns(call.columns, KNOWN)
    elif is_exact(call.output.format) and not call.bars:
        chosen = EXACT
    selection = checked_selection(call.sort, call.top)
    report = analyze(call.target, call.design, call.report, console)
    warn_of_depth(call.depth, report, console)
    is_uncertain = warn_of_convention(call.convention, report, report.layers, console)
    if notes:
        from cnncalc.views.notes import notes_document

        shown = notes_document(report, depth=call.depth, totals=call.totals, notation=notation, selection=selection)
        shown = shown.with_columns(call.columns)
    else:
        shown = table_document(
            report,
            columns=chosen,
            depth=call.depth,
            bars=call.bars,
            totals=call.totals,
            notation=notation,
            selection=selection,
            convention=call.convention,
        )
    console.write_document(shown, call.output)
    return int(call.strict and (is_uncertain or bool(report.warnings)))


COMMAND = Command(
    "table",
    "The per-layer table of a net: volume, memory, weights, MACs.",
    HELP,
    Call,
    run,
    (
        choice("--style", ("full", "notes"), "notes: the layout of the CS231n notes (default: full)."),
        COLUMNS,
        DEPTH,
        switch("--bars", "Draw the shares of memory, parameters and MACs as bars."),
        switch("--totals", "Totals below the table (default: yes)."),
        Option("--sort", "sort", "Largest rows first, by a count such as parameters, macs or activations.", "KEY"),
        Option("--top", "top", "With --sort only the first N rows; totals stay those of all.", "N", whole_number),
        CONVENTION,
        STRICT,
        DESIGN,
        REPORT,
        NOTATION,
        output_options(*TABLE_FORMATS),
    ),
    idle,
)
