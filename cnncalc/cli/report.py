"""``cnncalc report``: everything about a net, or about two, as one page of HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.cli.command import Command
from cnncalc.cli.memory import MEMORY
from cnncalc.cli.options import DESIGN, SIDES, UNITS, file_option, load, require_single_stdin
from cnncalc.errors import DesignError, ValueProblem
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report
    from cnncalc.checks.check import CheckOptions, FileResult
    from cnncalc.cli.console import Console
    from cnncalc.cli.options import DesignOptions, OutputOptions, SideOptions
    from cnncalc.language.settings import Settings
    from cnncalc.memory.curve import Curve
    from cnncalc.memory.report import MemoryReport, Options

HELP = """Writes everything about TARGET as one self-contained page of HTML: a summary, drawings, a table that can be
sorted, searched and folded, memory for every batch and optimizer, budgets and findings, and the conventions of every
figure.

With AFTER, or a variable of one net only, the page compares two nets.

\b
Examples:
  cnncalc report resnet50 -o page.html
  cnncalc report vgg16 vgg19 --batch 32 -o page.html
"""


class Call(NamedTuple):
    """The arguments and options of ``cnncalc report``."""

    target: str
    design: DesignOptions
    sides: SideOptions
    memory: Options
    output: OutputOptions
    after: str | None = None
    units: str = "iec"


def run(call: Call, console: Console) -> None:
    """Writes the page."""
    from cnncalc.analysis.report import account
    from cnncalc.checks.check import CheckOptions
    from cnncalc.memory.curve import curve_of
    from cnncalc.memory.report import Simulation, simulated
    from cnncalc.page import report_page

    targets = _targets(call, console)
    memories, curves, outcomes = [], [], []
    for target, design in zip(targets, call.sides.designs(call.design), strict=False):  # one target, or two
        report = account(load(target, design, console), batch=call.memory.batch, dtype=call.memory.dtype)
        simulation = Simulation(report, call.memory)
        memory = simulated(simulation, logs=True, details=False)
        memories.append(memory)
        curves.append(curve_of(simulation, memory.training.segments))
        outcomes.append(
            checked(target, report, design.settings(), CheckOptions({}, units=call.units, folder=console.folder))
        )
    reports = [memory.report for memory in memories]
    of_designs = call.sides.warnings(reports) if len(reports) > 1 else reports[0].warnings
    console.warn(dict.fromkeys((*of_designs, *[problem for memory in memories for problem in memory.warnings])))
    if len(memories) == 1:
        page = report_page(memories[0], curves[0], outcomes[0], texts_of(memories[0].report), units=call.units)
    else:
        page = _comparison(memories, curves, outcomes, (targets[0], targets[1]), call)
    console.write(page, call.output, "html")


def _targets(call: Call, console: Console) -> tuple[str, ...]:
    """One or two targets; ValueProblem if the options do not allow a page."""
    from cnncalc.memory.report import check_options

    if call.output.file is None:
        console.refuse_terminal("a page", "page.html")
    check_options(call.memory)
    if call.memory.checkpoint == "best":
        raise ValueProblem(
            "--checkpoint best depends on the batch, but the page uses the same segments for every batch",
            code="usage",
            hint="--checkpoint blocks, stages, sqrt, or names of blocks",
        )
    if call.after is None and not any(call.sides):
        return (call.target,)
    targets = (call.target, call.target if call.after is None else call.after)
    require_single_stdin(*targets)
    return targets


def _comparison(
    memories: list[MemoryReport], curves: list[Curve], outcomes: list[FileResult], targets: tuple[str, str], call: Call
) -> str:
    """The page of two nets."""
    from cnncalc.analysis.difference import Quantity, difference
    from cnncalc.cli.diff import names_of
    from cnncalc.page import comparison_page

    (old, new), (first, second) = memories, [memory.report for memory in memories]
    peaks = (
        Quantity("inference_memory", "bytes", old.inference.peak_bytes, new.inference.peak_bytes),
        Quantity("training_memory", "bytes", old.training.peak_bytes, new.training.peak_bytes),
    )
    names = names_of(first, second, *targets, None, call.sides)
    texts = [
        (f"{name}: {title}", text)
        for name, memory in zip(names, memories, strict=True)
        for title, text in texts_of(memory.report)
    ]
    return comparison_page(
        difference(first, second, peaks),
        names,
        (old, new),
        (curves[0], curves[1]),
        (outcomes[0], outcomes[1]),
        texts,
        units=call.units,
    )


def checked(target: str, report: Report, settings: Settings, options: CheckOptions) -> FileResult:
    """The outcome of the budget and the design rules; DesignError if the budget is wrong."""
    from cnncalc.checks.check import Checker

    outcome = Checker(options, settings).result_of(target, report)
    if outcome.is_broken:
        raise DesignError(outcome.problems)
    return outcome


def texts_of(report: Report) -> list[tuple[str, str]]:
    """The text of the design as written and as parsed, each with a title."""
    from cnncalc.language.writer import as_pattern

    texts = []
    span = next((row.span for row in report.layers if row.span is not None), None)
    if span is not None:
        texts.append((f"As written: {span.source.name}", span.source.text))
    return [*texts, ("As parsed, as one pattern", as_pattern(report.resolved))]


COMMAND = Command(
    "report",
    "One self-contained page about a net, or comparing two.",
    HELP,
    Call,
    run,
    (MEMORY, DESIGN, SIDES, UNITS, file_option("html")),
)
