"""``cnncalc report``: everything about a net, or about two, as one page of HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.cli.command import Command
from cnncalc.cli.memory import REPLAY, options_of
from cnncalc.cli.options import DESIGN, OUTPUT, UNITS, load, settings_of
from cnncalc.cli.streams import Output
from cnncalc.errors import DesignError, ValueProblem

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report
    from cnncalc.checks.check import Outcome

HELP = """Writes everything about TARGET as one page of HTML that loads nothing: the verdict, drawings, the table to sort,
search and fold, memory for every batch and optimizer, budgets and findings, and how every figure was counted.

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
    from cnncalc.cli.streams import say_warnings
    from cnncalc.memory.account import Bench, account_memory, check_options
    from cnncalc.memory.curve import curve_of
    from cnncalc.render.page import report_page

    options = options_of(replay)
    check_options(options)
    if options.checkpoint == "best":
        raise ValueProblem(
            "--checkpoint best chooses anew for every batch, but the page works out every batch with the same choice",
            code="usage",
            hint="--checkpoint blocks, stages, sqrt, or names of blocks",
        )
    report = account(load(target, design), batch=options.batch, dtype=options.dtype)
    memory = account_memory(report, options, logs=True, details=False)
    say_warnings((*report.warnings, *memory.warnings))
    curve = curve_of(Bench(report, options), memory.training.segments)
    outcome = checked(target, report, design, units or "iec")
    page = report_page(memory, curve, outcome, texts_of(report), units=units or "iec")
    Output(None, output["file"]).write_text(page)


def checked(target: str, report: Report, design: dict[str, Any], units: str) -> Outcome:
    """What came of the budget and the design rules; a budget that is wrong is an error here as well."""
    from cnncalc.checks.check import Checker, Orders

    outcome = Checker(Orders(budget={}, units=units), settings_of(design)).outcome_of(target, report)
    if outcome.is_broken:
        raise DesignError(outcome.problems)
    return outcome


def texts_of(report: Report) -> list[tuple[str, str]]:
    """The design as it was written and as it was understood, with titles."""
    from cnncalc.render.writer import as_pattern

    texts = []
    span = next((row.span for row in report.layers if row.span is not None), None)
    if span is not None:
        texts.append((f"As written: {span.source.name}", span.source.text))
    return [*texts, ("As understood, as one pattern", as_pattern(report))]


COMMAND = Command(
    "report",
    "One self-contained page about a net, or comparing two.",
    HELP,
    run,
    ("target", "after"),
    (*(option._replace(group="replay") for option in REPLAY), *DESIGN, UNITS, OUTPUT),
    optional=("after",),
)
