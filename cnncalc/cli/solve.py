"""``cnncalc solve``: the best member of a family within limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.cli.command import DONE, FAILED, Command, Option, switch
from cnncalc.cli.memory import MEMORY, subset_of
from cnncalc.cli.options import (
    CAPACITY,
    COLUMNS,
    DESIGN,
    DTYPE,
    LOWER_LIMITS,
    NOTATION,
    TABLE_FORMATS,
    UPPER_LIMITS,
    idle_output,
    output_options,
)
from cnncalc.cli.value import VALUE_OPTIONS, idle_options, idle_units
from cnncalc.errors import Problem, ValueProblem
from cnncalc.formats import is_exact
from cnncalc.memory.boards import is_board
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.cli.console import Console
    from cnncalc.cli.options import DesignOptions, NotationOptions, OutputOptions
    from cnncalc.memory.report import Options
    from cnncalc.search.family import Point
    from cnncalc.search.limits import Bound
    from cnncalc.search.solve import Solution

HELP = """Finds the largest value of a variable of TARGET within limits, or the best values of several with --best.

--for takes NAME=LOW..HIGH, NAME=LOW..HIGH/STEP, NAME=LOW..HIGH/xFACTOR or NAME=A,B,C. NAME is a variable of the
design, or batch, input, filters, hidden, classes. Limits are those of budgets: KEY=LIMIT[,OPTION=VALUE...], with the
options of the call where they write none; --memory limits what training needs, as fit computes it, or arena and flash
on a board (board:NAME). The exit code is 1 if nothing fits.

\b
Examples:
  cnncalc solve resnet50 --for batch=1..512 --memory 8GiB
  cnncalc solve mobilenet-v2 --for alpha=0.25..2/0.05 --max parameters=4M
  cnncalc solve wrn-28-10 --for k=1..12 --for n=1..6 --max parameters=10M --max macs=2G --best max:macs
"""


class Call(NamedTuple):
    """The arguments and options of ``cnncalc solve``."""

    target: str
    design: DesignOptions
    memory: Options
    notation: NotationOptions
    output: OutputOptions
    ranges: tuple[str, ...] = ()
    limits: tuple[tuple[str, str], ...] = ()
    lower_limits: tuple[tuple[str, str], ...] = ()
    capacity: str | None = None
    best: str | None = None
    every: bool = False
    columns: str | None = None


def idle(call: Call) -> Iterator[tuple[str, str]]:
    """The options without effect on this search."""
    yield from idle_output(call.output, call.notation.exact)
    asked = [text.partition("=")[0].strip() for _, text in (*call.limits, *call.lower_limits)]
    on_board = call.capacity is not None and is_board(call.capacity)
    asked += [] if call.capacity is None else ["arena", "flash"] if on_board else ["training_need"]
    asked += [(call.best or "").partition(":")[2].strip()]
    found = dict(idle_options(asked, "no figure of this search depends on it"))
    if on_board:
        found.pop("reserve", None)
    if any(text.partition("=")[0].strip() == "batch" for text in call.ranges):
        found.setdefault("batch", "the batch varies")
    yield from found.items()
    yield from idle_units(asked, "no figure of this search is in bytes")


def run(call: Call, console: Console) -> int:
    """Prints the answer; 1 if nothing fits."""
    from cnncalc.memory.report import check_options
    from cnncalc.search.family import Family
    from cnncalc.search.solve import MOST_WORK, WORK_IN_DOCUMENTS, solve
    from cnncalc.views.solve import solve_document

    call.output.require_columns(columns=call.columns)
    notation = call.notation.notation(call.output, console)
    if not call.ranges:
        raise ValueProblem("solve needs --for", code="usage", hint="--for width=8..64")
    check_options(call.memory, training=False)
    options = {name: getattr(call.memory, name) for name in (*VALUE_OPTIONS, "dtype")}
    bounds = _bounds(call, options)
    stdin = console.read_input() if call.target == "-" else None
    family = Family(
        *(call.target, call.design.settings(), stdin, console.folder), requires_effect=False, with_hints=False
    )
    ranges = family.ranges(call.ranges, "--for")
    _refuse_fixed(call, [each.name for each in ranges])
    if call.every and console.most_points is not None:
        raise ValueProblem("a call in a document cannot have --every", code="usage", hint="leave out --every")
    most = MOST_WORK if console.most_points is None else WORK_IN_DOCUMENTS
    solution = solve(family, ranges, bounds, call.best, options, every=call.every, most_work=most)
    shown = solution.best or solution.nearest
    assert shown is not None
    document = solve_document(solution, _command(call, shown.variables), notation=notation)
    console.warn(solution.warnings)
    console.write_document(document.with_columns(call.columns), call.output)
    if is_exact(call.output.format):
        console.warn(_warnings(solution))
    return DONE if solution.best is not None else FAILED


def _bounds(call: Call, options: dict[str, Any]) -> list[Bound]:
    """The limits of the call, that of --memory last."""
    from cnncalc.search.limits import bounds_of, memory_bounds

    bounds = bounds_of([*call.limits, *call.lower_limits], options)
    if call.capacity is not None:
        bounds += memory_bounds(call.capacity, options)
    if not bounds:
        hint = "--max parameters=4M, --memory 8GiB, or --min receptive_field=100"
        raise ValueProblem("solve needs a limit: --max, --min or --memory", code="usage", hint=hint)
    return bounds


def _refuse_fixed(call: Call, names: list[str]) -> None:
    """Raises ValueProblem for a name that varies and is set by the call as well."""
    design = call.design
    fixed = [name for name, _ in design.variables]
    fixed += [name for name in ("filters", "hidden", "classes") if getattr(design, name) is not None]
    fixed += ["input"] if any(not name for name, _ in design.input) else []
    for name in names:
        if name in fixed:
            message, hint = f"'{name}' varies by --for, but the call sets it too", "keep one of them"
            raise ValueProblem(message, code="usage", hint=hint)


def _command(call: Call, variables: Point) -> str:
    """The call that prints the table of a member."""
    from shlex import quote

    from cnncalc.search.ranges import INPUT, SIZES, value_of_range

    words = ["cnncalc", "table", call.target, *call.design.words()]
    for name, value in variables.items():
        text = value_of_range(value)
        words += [f"--{name}", text] if name in (*SIZES, INPUT) else ["--set", f"{name}={text}"]
    return " ".join([quote(word) for word in words])


def _warnings(solution: Solution) -> list[Problem]:
    """What a format without lines below its table does not say of the search."""
    from cnncalc.views.solve import proof_of

    texts = [*solution.remarks]
    if not solution.is_complete:
        texts.append(f"{solution.analysed:,} of {solution.members:,} designs analysed: {proof_of(solution)}")
    return [Problem("not-monotone" if text in solution.remarks else "not-every-design", text, severity="warning")
            for text in texts]  # fmt: skip


COMMAND = Command(
    "solve",
    "The largest or best design of a family within limits.",
    HELP,
    Call,
    run,
    (
        Option("--for", "ranges", "Values of a variable, batch, input, filters, hidden or classes; repeatable.",
               "RANGE", repeated=True),
        UPPER_LIMITS,
        LOWER_LIMITS,
        CAPACITY,
        Option("--best", "best", "What is best: max:KEY or min:KEY, a key of budgets or a variable (default: the "
               "largest value of the only --for).", "max|min:KEY"),
        switch("--every", "Analyse every design, even if that takes long."),
        MEMORY._replace(options=(*subset_of(MEMORY, *VALUE_OPTIONS).options, DTYPE)),
        COLUMNS,
        DESIGN,
        NOTATION,
        output_options(*TABLE_FORMATS),
    ),
    idle,
)  # fmt: skip
