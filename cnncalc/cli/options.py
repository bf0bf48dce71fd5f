"""The options that mean the same in every command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.cli.command import MOST_DIGITS, Option, choice, whole_number
from cnncalc.errors import DesignError, Problem, ValueProblem
from cnncalc.formats import FORMATS, is_exact
from cnncalc.units import BYTES_PER_ELEMENT, UNIT_STYLES
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.cli.streams import Output
    from cnncalc.formats.notation import Notation
    from cnncalc.graph import Graph
    from cnncalc.language.settings import Settings


def _assignment(text: str) -> tuple[str, str]:
    """NAME=VALUE"""
    name, sign, value = text.partition("=")
    name, value = name.strip(), value.strip()
    if not sign or not name or not value:
        raise ValueProblem(f"expected NAME=VALUE, found '{text[:60]}'")
    if not name.isidentifier():
        raise ValueProblem(f"'{name[:60]}' is no name of a variable: it holds letters, digits and '_'")
    return name, value


def _assignments(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Each name once."""
    result: dict[str, str] = {}
    for name, value in pairs:
        if name in result:
            raise ValueProblem(f"'{name}' is set twice")
        result[name] = value
    return result


def _choices(text: str) -> bool | tuple[bool, ...]:
    """keep, drop, or yes and no for each occurrence."""
    from cnncalc.layers.keys import truth

    if text in ("keep", "drop"):
        return text == "keep"
    answers = [truth(part.strip()) for part in text.split(",")]
    if None in answers:
        raise ValueProblem(f"expected keep, drop or a list such as yes,no,yes, found '{text[:60]}'")
    return tuple([answer is True for answer in answers])


def _volume(text: str) -> Volume:
    """HxWxD, each part at least 1."""
    parts = text.strip().strip("[]").replace("\u00d7", "x").split("x")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) <= MOST_DIGITS for part in parts):
        raise ValueProblem(f"expected height x width x depth, as in 224x224x3, found '{text[:60]}'")
    if not all(map(int, parts)):
        raise ValueProblem(f"each part of a volume is at least 1, found '{text[:60]}'")
    return Volume(*map(int, parts))


DESIGN = (
    Option(
        "--set", "variables", "Give a variable of the design a value; repeatable.", "NAME=VALUE", _assignment,
        group="design", repeated=True, gather=_assignments,
    ),
    Option(
        "--optional", "optional", "What is written with '?': keep (default) or drop all, or yes,no,... one by one.",
        "keep|drop|LIST", _choices, group="design",
    ),
    Option(
        "--input", "input", "Volume of the input in elements (default: the design's, or 224x224x3).", "HxWxD", _volume,
        group="design",
    ),
    Option(
        "--filters", "filters", "Filters of a CONV without a number (default: 64).", "N", whole_number, group="design"
    ),
    Option(
        "--hidden", "hidden", "Units of a hidden FC without a number (default: 4096).", "N", whole_number,
        group="design",
    ),
    Option(
        "--classes", "classes", "Units of a last FC without a number (default: 1000).", "N", whole_number,
        group="design",
    ),
)  # fmt: skip  # an option is easier to read in two lines than in ten
"""What a design is read with; the command gets ``design``, for :func:`load`."""

REPORT = (
    Option("--batch", "batch", "Images in a batch (default: 1).", "N", whole_number, 1, "account"),
    choice("--dtype", tuple(BYTES_PER_ELEMENT), "Type of every number (default: float32).", default="float32")._replace(
        group="account"
    ),
)
"""What a report is made with; the command gets ``account``, for :func:`analyze`."""

IN_PLACE = Option(
    "--in-place",
    "in_place",
    "Whether activation functions share their input's memory (default: yes).",
    default=True,
    opposite="--no-in-place",
)

UNITS = choice(
    "--units", UNIT_STYLES, "iec: KiB, MiB of 1024 (default). notes: the same values as KB, MB. si: kB, MB of 1000."
)

OUTPUT = Option("--output", "file", "Write to a file instead of standard output.", "FILE", group="output", brief="-o")
"""Where a report goes; the command gets ``output``."""


NOTATION = (
    UNITS._replace(group="notation"),
    Option(
        "--exact",
        "exact",
        "Exact integers, or --short: four significant digits (default: each number as it is best read).",
        group="notation",
        opposite="--short",
    ),
)
"""How numbers are written; the command gets ``notation``, for :func:`notation_of`."""

COLUMNS = Option("--columns", "columns", "Only these columns, in this order; a wrong one names them all.", "A,B,...")

DEPTH = Option("--depth", "depth", "Sum by block, so many dots deep (resnet50: 1 for stages).", "N", whole_number)

TABLE_FORMATS = tuple(name for name, each in FORMATS.items() if each.writer)
"""The formats of every table."""


def notation_of(notation: dict[str, Any], out: Output, units: str = "iec") -> Notation:
    """How numbers are written, from the options :data:`NOTATION` and the place where the report goes."""
    from cnncalc.cli.streams import is_ascii
    from cnncalc.formats.notation import Notation

    exact = notation["exact"]
    if exact is False and is_exact(out.format):
        raise ValueProblem(f"--short is for people; --format {out.format} always has exact integers", code="usage")
    numbers = "usual" if exact is None else "exact" if exact else "short"
    ascii_only = (out.format is not None and FORMATS[out.format].is_ascii) or (out.file in (None, "-") and is_ascii())
    return Notation(notation["units"] or units, numbers, ascii_only)


def output_options(*formats: str) -> tuple[Option, ...]:
    """--format (one of ``formats``) and --output; the command gets ``output``, for :func:`output_of`."""
    default = "rich on a terminal, else text" if "rich" in formats else f"else {formats[0]}"
    default = f"as FILE ends, {default}" if any(FORMATS[name].endings for name in formats[1:]) else formats[0]
    return (
        choice("--format", formats, f"Format of the report (default: {default}).")._replace(group="output"),
        OUTPUT,
    )


def load(target: str, design: dict[str, Any]) -> Graph:
    """The net behind a TARGET, read with what the options :data:`DESIGN` gave."""
    from cnncalc.analysis import loading
    from cnncalc.cli.streams import read_input

    return loading.load(target, settings_of(design), read_input() if target == "-" else None)


def settings_of(design: dict[str, Any]) -> Settings:
    """What the options :data:`DESIGN` gave."""
    from cnncalc.language.settings import Settings

    variables = {name: variable(name, text) for name, text in (design.get("variables") or {}).items()}
    return Settings(**{**design, "variables": variables})


def analyze(target: str, design: dict[str, Any], account: dict[str, Any], *, in_place: bool = True) -> Report:
    """The report of a TARGET; its warnings go to standard error."""
    from cnncalc.analysis.report import account as report_of
    from cnncalc.cli.streams import say_warnings

    report = report_of(load(target, design), in_place=in_place, **account)
    say_warnings(report.warnings)
    return report


def variable(name: str, text: str) -> Any:
    """The value of ``--set``, written as in a pattern: a whole number, a size, a list, a word.

    Raises DesignError with its place in the text.
    """
    from cnncalc.language.expression import ExpressionParser, evaluate
    from cnncalc.language.tokens import Scanner
    from cnncalc.source import plain

    source = plain(f"--set {name}", text)
    tokens = Scanner(source).tokens()
    if len(tokens) == 2 and tokens[0].type in ("word", "decimal"):
        return tokens[0].value
    parser = ExpressionParser(source, tokens)
    code = parser.parse()
    rest = tokens[parser.at]
    if rest.type != "end":
        message = f"expected one value, as in {name}=2, {name}=2x64 or '{name}=[2x64, 3x128]'"
        raise DesignError([Problem("wrong-value", message, source.span(rest.start, len(text)))])
    for word, span in code.names.items():
        raise DesignError([Problem("wrong-value", f"'{word}' has no value here", span)])
    try:
        return evaluate(code, {})
    except ValueProblem as problem:
        raise DesignError([Problem(problem.code, problem.message, code.span, problem.hint)]) from None
