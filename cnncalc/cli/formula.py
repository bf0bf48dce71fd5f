"""``cnncalc formula``: the figures of a design as polynomials of its variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.cli.command import DONE, FAILED, Command, Option, choice, switch
from cnncalc.cli.memory import memory_options
from cnncalc.cli.options import BATCH, COLUMNS, DEPTH, DESIGN, DTYPE, TABLE_FORMATS, output_options
from cnncalc.errors import ValueProblem
from cnncalc.formats import is_exact
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.cli.console import Console
    from cnncalc.cli.options import DesignOptions, OutputOptions

HELP = """Gives the figures of TARGET as exact polynomials, in total and layer by layer.

They are polynomials of the variables of the design and of the sides of its input: H and W (of other volumes length and
frames); depth, the depth of the input, and batch can be named as well. Without --in these are all variables that are
numbers, all sides, and batch where bytes depend on it; a variable in which there is no polynomial keeps its value. A
variable without a value gets one.

Each formula is found by exact interpolation and compared with designs that were not used to find it. Where sizes are
rounded it holds for some residues, such as H % 32 == 0; few residues are all given, of many that of the design, or of
--at. The exit code is 1 if a figure has no polynomial.

\b
Keys of --of: parameters weights biases trainable buffers activations macs
  flops layers parameter_memory activation_memory
  receptive_field receptive_field_unclipped output

\b
Examples:
  cnncalc formula vgg16 --no-by-layer
  cnncalc formula "INPUT[32x32x3] -> [CONV{k}-w -> RELU]*n" --of parameters,receptive_field_unclipped
  cnncalc formula "INPUT[32x32x3] -> CONV3-w -> POOL2 -> FC-10" --at "H % 2 == 1, W % 2 == 1"
  cnncalc formula resnet50 --in width,H,W --as python
"""


class Call(NamedTuple):
    """The arguments and options of ``cnncalc formula``."""

    target: str
    design: DesignOptions
    output: OutputOptions
    names: str | None = None
    keys: str | None = None
    at: str | None = None
    by_layer: bool = True
    depth: int | None = None
    view: str = "table"
    columns: str | None = None
    batch: int = 1
    dtype: str = "float32"


def idle(call: Call) -> Iterator[tuple[str, str]]:
    """The options without effect on formulas."""
    keys = _listed(call.keys, "--of") if call.keys is not None else ()
    if not any(key.endswith("memory") for key in keys):
        yield "dtype", "it sets the bytes of an element, for keys in bytes"
    if "activation_memory" not in keys:
        yield "batch", "only activation_memory depends on it"
    if is_exact(call.output.format):
        yield "brief", f"--format {call.output.format} has no lines below the table"
        yield "heading", f"--format {call.output.format} has no heading"
    if call.view != "table":
        for name in ("by_layer", "depth", "columns"):
            yield name, f"--as {call.view} has the formulas of the net alone"
    elif not call.by_layer:
        yield "depth", "--no-by-layer leaves out layers and blocks"


def run(call: Call, console: Console) -> int:
    """Prints the formulas; 1 if a figure has none."""
    from cnncalc.search.formula import USUAL_KEYS, formulas
    from cnncalc.views.formula import formula_document, latex_text, python_text

    call.output.require_columns(columns=call.columns)
    if call.view != "table" and call.output.format not in (None, "text"):
        message = f"--format {call.output.format} is for tables; --as {call.view} has its own format"
        raise ValueProblem(message, code="usage")
    found = formulas(
        call.target,
        None if call.names is None else _listed(call.names, "--in"),
        USUAL_KEYS if call.keys is None else _listed(call.keys, "--of"),
        settings=call.design.settings(),
        options=memory_options(batch=call.batch, dtype=call.dtype),
        at=call.at,
        stdin=console.read_input() if call.target == "-" else None,
        folder=console.folder,
    )
    console.warn(found.warnings)
    if call.view == "table":
        document = formula_document(found, by_layer=call.by_layer, depth=call.depth)
        console.write_document(document.with_columns(call.columns), call.output)
    else:
        write = python_text if call.view == "python" else latex_text
        console.write(write(found).rstrip("\n"), call.output)
    return DONE if all(key.cases for key in found.keys) else FAILED


def _listed(text: str, flag: str) -> tuple[str, ...]:
    """The words of a list; ValueProblem for an empty one."""
    words = tuple([word.strip() for word in text.split(",")])
    if not all(words):
        raise ValueProblem(f"{flag}: expected names separated by commas, found '{text[:60]}'", code="usage")
    return words


COMMAND = Command(
    "formula",
    "The figures of a design as polynomials of its variables.",
    HELP,
    Call,
    run,
    (
        Option("--in", "names", "Variables of the formulas (default: all numbers, and the sides of the input).",
               "A,B,..."),
        Option("--of", "keys", "What to compute (default: parameters,macs,activations).", "KEY,KEY,..."),
        Option("--at", "at", "Which residues: 'H % 32 == 0', or 'H=231' for those of a value; separated by commas.",
               "RESIDUES"),
        switch("--by-layer", "Also the formulas of each layer (default: yes).", name="by_layer"),
        DEPTH,
        choice("--as", ("table", "python", "latex"), "Tables, Python functions or LaTeX equations (default: table).",
               name="view"),
        COLUMNS,
        BATCH,
        DTYPE,
        DESIGN,
        output_options(*TABLE_FORMATS),
    ),
    idle,
)  # fmt: skip  # one option in one or two lines
