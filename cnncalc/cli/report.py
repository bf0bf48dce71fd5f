"""``cnncalc report``: everything about a net, or about two, as one page of HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.cli.command import Command, format_of
from cnncalc.cli.memory import REPLAY, options_of
from cnncalc.cli.options import DESIGN, OUTPUT, UNITS, load, settings_of
from cnncalc.cli.streams import Output
from cnncalc.errors import DesignError, ValueProblem

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report
    from cnncalc.checks.check import Outcome
    from cnncalc.memory.curve import Curve
    from cnncalc.memory.report import MemoryReport

HELP = """Writes everything about TARGET as one page of HTML that loads nothing: the verdict, drawings, the table to
sort, search and fold, memory for every batch and optimizer, budgets and findings, and how every figure was counted.

With AFTER the page compares two nets.

\b
Examples:
  cnncalc report resnet50 -o page.html
  cnncalc report vgg16 vgg19 --batch 32 -o page.html
"""


def run(
    target: str,
    after: str | None,
    units: str | None,
    replay: dict[str, Any],
    design: dict[str, Any],
    output: dict[str, Any],
) -> None:
    """Writes the page."""
    from cnncalc.analysis.report import account
    from cnncalc.cli.streams import refuse_terminal, say_warnings
    from cnncalc.memory.curve import curve_of
    from cnncalc.memory.report import Simulation, account_memory, check_options
    from cnncalc.page import report_page

    if output["file"] is None:
        refuse_terminal("a page", "page.html")
    else:
        format_of(output["file"], ("html",))
    options = options_of(replay)
    check_options(options)
    if options.checkpoint == "best":
        raise ValueProblem(
            "--checkpoint best chooses anew for every batch, but the page works out every batch with the same choice",
            code="usage",
            hint="--checkpoint blocks, stages, sqrt, or names of blocks",
        )
    targets = (target,) if after is None else (target, after)
    if targets == ("-", "-"):
        raise ValueProblem("standard input can be read once, but both targets are '-'", code="usage")
    style = units or "iec"
    memories, curves, outcomes = [], [], []
    for one in targets:
        report = account(load(one, design), batch=options.batch, dtype=options.dtype)
        memory = account_memory(report, options, logs=True, details=False)
        say_warnings((*report.warnings, *memory.warnings))
        memories.append(memory)
        curves.append(curve_of(Simulation(report, options), memory.training.segments))
        outcomes.append(checked(one, report, design, style))
    if after is None:
        page = report_page(memories[0], curves[0], outcomes[0], texts_of(memories[0].report), units=style)
    else:
        page = _comparison(memories, curves, outcomes, (target, after), style)
    Output(None, output["file"]).write_text(page)


def _comparison(
    memories: list[MemoryReport], curves: list[Curve], outcomes: list[Outcome], targets: tuple[str, str], units: str
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
    names = names_of(first, second, *targets, None)
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
        units=units,
    )


def checked(target: str, report: Report, design: dict[str, Any], units: str) -> Outcome:
    """What came of the budget and the design rules; a budget that is wrong is an error here as well."""
    from cnncalc.checks.check import Checker, Orders

    outcome = Checker(Orders(budget={}, units=units), settings_of(design)).outcome_of(target, report)
    if outcome.is_broken:
        raise DesignError(outcome.problems)
    return outcome


def texts_of(report: Report) -> list[tuple[str, str]]:
    """The design as it was written and as it was understood, with titles."""
    from cnncalc.language.writer import as_pattern

    texts = []
    span = next((row.span for row in report.layers if row.span is not None), None)
    if span is not None:
        texts.append((f"As written: {span.source.name}", span.source.text))
    return [*texts, ("As understood, as one pattern", as_pattern(report.settled))]


COMMAND = Command(
    "report",
    "One self-contained page about a net, or comparing two.",
    HELP,
    run,
    ("target", "after"),
    (*(option._replace(group="replay") for option in REPLAY), *DESIGN, UNITS, OUTPUT),
    optional=("after",),
)
