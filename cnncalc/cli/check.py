"""``cnncalc check``: budgets and design rules; for CI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.cli.command import Command, Option, output_of
from cnncalc.cli.options import DESIGN, UNITS, output_options, settings_of
from cnncalc.errors import DesignError, ValueProblem
from cnncalc.formats.check import CHECK_FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.errors import Problem

HELP = """Holds FILES against their budgets and the design rules. FILES are architecture files, folders (searched for
them), named nets.

Budgets come from 'budget:' in a file, from [budget] of the nearest cnncalc.toml or [tool.cnncalc.budget] of
pyproject.toml, and from --max, --warn, --min; key by key the command line replaces the file and the file the
configuration. Keys: parameters, weights, macs, activations, layers, receptive_field (counts: 7M), parameter_memory,
activation_memory, inference_memory, training_memory (bytes: 93MiB). A limit such as +5% is one against --base.

The exit code is 0 where all is within budget, 1 where a limit is broken, 2 where a file or a budget is wrong.

\b
Examples:
  cnncalc check vgg16 --max parameters=140M
  cnncalc check resnet50 googlenet --max training_memory=8GiB,batch=64,optimizer=adam --no-rules
  cnncalc check resnet50 --max parameters=26M --format github
"""


def run(
    files: tuple[str, ...],
    limits: tuple[tuple[str, str], ...],
    warn: tuple[tuple[str, str], ...],
    least: tuple[tuple[str, str], ...],
    base: str | None,
    baseline: str | None,
    record: str | None,
    rules: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    explain: str | None,
    strict: bool,
    units: str | None,
    design: dict[str, Any],
    output: dict[str, Any],
) -> int:
    """Checks; the exit code says what came of it."""
    out = output_of(output)
    if explain is not None:
        from cnncalc.checks.rules import explain as text_of

        out.write_text(text_of(explain))
        return 0
    if not files:
        raise ValueProblem("check needs FILES", code="usage", hint="cnncalc check FILE, FOLDER or the name of a net")
    if base is not None and baseline is not None:
        raise ValueProblem("--base and --baseline exclude each other", code="usage")
    from cnncalc.checks.budget import from_calls, read_budget
    from cnncalc.checks.check import Checker, Orders
    from cnncalc.cli.streams import read_input, say, write_output
    from cnncalc.formats.check import write_checkup
    from cnncalc.formats.check.annotations import summary

    if select or ignore:
        from cnncalc.checks.rules import known

        known("--select", select)
        known("--ignore", ignore)
    calls = (*limits, *warn, *least)
    orders = Orders(
        budget=read_budget(from_calls(calls)) if calls else {},
        base=base,
        baseline=baseline,
        record=record,
        rules=rules,
        select=select,
        ignore=ignore,
        strict=strict,
        units=units or "iec",
    )
    checkup = Checker(orders, settings_of(design), read_input() if "-" in files else None).check(files)
    seen: set[Problem] = set()
    blocks = []
    for outcome in checkup.outcomes:
        fresh = [problem for problem in outcome.problems if problem not in seen]
        seen.update(fresh)
        if fresh:
            blocks.append(str(DesignError(fresh)))
    if blocks:
        say("\n\n".join(blocks))
    if record is not None:
        from cnncalc.checks.baseline import baseline_text
        from cnncalc.checks.check import recorded_values

        if any(outcome.is_broken for outcome in checkup.outcomes):
            say(f"{record} is not written, since not every file could be measured")
        else:
            write_output(baseline_text(recorded_values(checkup, record)), record)
    out.write_text(write_checkup(checkup, out.format or "text"))
    if out.file not in (None, "-") and checkup.code:
        say(f"cnncalc check: {summary(checkup)}")
    return checkup.code


def _words(values: Sequence[str]) -> tuple[str, ...]:
    """``A,B`` of one or several options, together."""
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())


def _limit(bound: str, name: str, help: str) -> Option:
    def read(text: str) -> tuple[str, str]:
        return bound, text

    return Option(f"--{bound}", name, help, "KEY=LIMIT", read, (), repeated=True)


COMMAND = Command(
    "check",
    "Budgets and design rules; for CI.",
    HELP,
    run,
    (),
    (
        _limit("max", "limits", "At most this much, such as parameters=7M; repeatable."),
        _limit("warn", "warn", "Above this a warning; repeatable."),
        _limit("min", "least", "At least this much; repeatable."),
        Option("--base", "base", "Compare with a revision of the git repository: origin/main, HEAD~1.", "REV"),
        Option("--baseline", "baseline", "Compare with values that --record has written.", "FILE"),
        Option("--record", "record", "Write the values of now, for --baseline.", "FILE"),
        Option("--rules", "rules", "Design rules too, as warnings (default: yes).", default=True,
               opposite="--no-rules"),
        Option("--select", "select", "Only these design rules; repeatable.", "CODE,...", default=(), repeated=True,
               gather=_words),
        Option("--ignore", "ignore", "Not these design rules; repeatable.", "CODE,...", default=(), repeated=True,
               gather=_words),
        Option("--explain", "explain", "Say what a design rule is about, and check nothing.", "CODE"),
        Option("--strict", "strict", "Warnings fail too, and so does having nothing to check.", default=False,
               opposite="--no-strict"),
        *DESIGN,
        UNITS,
        *output_options(*CHECK_FORMATS),
    ),
    several="files",
)  # fmt: skip
