"""``cnncalc check``: budgets and design rules; for CI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.cli.command import DONE, Command, Option, switch
from cnncalc.cli.options import DESIGN, LOWER_LIMITS, UNITS, UPPER_LIMITS, OutputOptions, limit_option, output_options
from cnncalc.errors import MAX_PROBLEMS, DesignError, ValueProblem
from cnncalc.formats.check import CHECK_FORMATS
from cnncalc.records import NamedTuple
from cnncalc.source import visible
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnncalc.checks.check import CheckOptions, CheckResult
    from cnncalc.cli.console import Console
    from cnncalc.cli.options import DesignOptions
    from cnncalc.errors import Problem

HELP = """Checks FILES against their budgets and the design rules. FILES are architecture files, folders (searched for
architecture files) and named nets.

Budgets come from 'budget:' in a file, from [budget] of the nearest cnncalc.toml or [tool.cnncalc.budget] of
pyproject.toml, and from --max, --warn, --min. For each key the command line overrides the file, and the file overrides
the configuration. Keys: parameters, weights, macs, flops, activations, layers, receptive_field,
receptive_field_unclipped (counts: 7M), parameter_memory, activation_memory, inference_memory, training_memory,
inference_need, training_need, arena, flash, plan_arena (bytes: 93MiB), allow_stated (no: none of OPAQUE). A limit such
as +5% is relative to --base.

The exit code is 0 if everything is within budget, 1 if a limit is exceeded, 2 if a file or a budget is invalid.

\b
Examples:
  cnncalc check vgg16 --max parameters=140M
  cnncalc check resnet50 googlenet --max training_memory=8GiB,batch=64,optimizer=adam --no-rules
  cnncalc check resnet50 --max parameters=26M --format github
"""


MAX_FILES = 100
"""Number of files whose problems are printed; those of the others are in the report as JSON."""


class Call(NamedTuple):
    """The arguments and options of ``cnncalc check``."""

    files: tuple[str, ...]
    design: DesignOptions
    output: OutputOptions
    limits: tuple[tuple[str, str], ...] = ()
    warning_limits: tuple[tuple[str, str], ...] = ()
    lower_limits: tuple[tuple[str, str], ...] = ()
    base: str | None = None
    baseline: str | None = None
    record: str | None = None
    accept: bool = False
    rules: bool = True
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    explain: str | None = None
    strict: bool = False
    jobs: int | None = None
    units: str = "iec"


def idle(call: Call) -> Iterator[tuple[str, str]]:
    """The options without effect on a check."""
    if call.explain is not None:
        for name in ("files", *[option.name for option in COMMAND.options]):
            if name not in ("explain", "format", "file"):
                yield name, "--explain prints a rule and checks nothing"
    elif not call.rules:
        for name in ("select", "ignore"):
            yield name, "--no-rules turns every design rule off"


def run(call: Call, console: Console) -> int:
    """Checks the files; returns the exit code."""
    if call.explain is not None:
        from cnncalc.checks.rules import explain

        text, page = explain(call.explain), console.page() if call.output.to_stdout else None
        if page is not None and page.width is not None:
            from cnncalc.formats.terminal import parts

            paragraphs = [" ".join(paragraph.split("\n")) for paragraph in text.strip().split("\n\n")]
            text = "\n\n".join(["\n".join(parts(paragraph, page.width)) for paragraph in paragraphs]) + "\n"
        console.write(text, call.output)
        return DONE
    from cnncalc.checks.check import Checker
    from cnncalc.formats.check import write_result
    from cnncalc.formats.check.annotations import summary

    stdin = console.read_input() if "-" in call.files else None
    result = Checker(_check_options(call, console.folder), call.design.settings(), stdin).check(call.files)
    _print_problems(result, console)
    if call.record is not None:
        _write_record(result, call.record, console, accept=call.accept)
    chosen = call.output.format or "text"
    page = console.page() if call.output.format is None and call.output.to_stdout else None
    console.write(write_result(result, chosen, page.width if page else None), call.output, chosen)
    if result.code and not call.output.to_stdout:
        console.print_error(f"cnncalc check: {summary(result)}")
    return result.code


def _check_options(call: Call, folder: str) -> CheckOptions:
    """The options of the check; raises errors for a wrong budget and for unknown rules."""
    from cnncalc.checks.check import CheckOptions
    from cnncalc.figures.budget import from_calls, read_budget

    if call.base is not None and call.baseline is not None:
        raise ValueProblem("--base and --baseline exclude each other", code="usage")
    if call.accept and call.record is None:
        raise ValueProblem("--accept has no effect without --record FILE", code="usage")
    if call.select or call.ignore:
        from cnncalc.checks.rules import known

        known("--select", call.select)
        known("--ignore", call.ignore)
    limits = (*call.limits, *call.warning_limits, *call.lower_limits)
    return CheckOptions(
        budget=read_budget(from_calls(limits)) if limits else {},
        base=call.base,
        baseline=call.baseline,
        record=call.record,
        rules=call.rules,
        select=call.select,
        ignore=call.ignore,
        exclude=call.exclude,
        strict=call.strict,
        units=call.units,
        folder=folder,
        jobs=call.jobs,
    )


def _processes(text: str) -> int:
    """The number of processes of ``--jobs``."""
    from cnncalc.search.processes import number_of_processes  # only where it is given: it imports multiprocessing

    return number_of_processes(text)


def _print_problems(result: CheckResult, console: Console) -> None:
    """Prints the problems of the first files that have some, each problem once, and how many others have some."""
    seen: set[Problem] = set()
    blocks = []
    count = 0
    for outcome in result.files:
        new = [problem for problem in outcome.problems if problem not in seen]
        seen.update(new)
        count += bool(new)
        if new and count <= MAX_FILES:
            blocks.append(str(DesignError(new)))
    blocks += [str(DesignError(result.problems))] if result.problems else []
    if count > MAX_FILES:
        blocks.append(f"... and problems in {plural(count - MAX_FILES, 'more file')}")
    if blocks:
        console.print_error("\n\n".join(blocks))


def _write_record(result: CheckResult, file: str, console: Console, *, accept: bool) -> None:
    """Writes the values for --baseline, if all files could be measured; says which recorded values stay."""
    from cnncalc.checks.baseline import baseline_text, updated
    from cnncalc.checks.check import recorded_values

    if any(outcome.is_broken for outcome in result.files):
        console.print_error(f"{visible(file)} is not written: not every file could be measured")
        return
    path = console.path(file)
    new = recorded_values(result, path, console.folder)
    values, kept = updated(path, file, new, accept=accept)
    console.write(baseline_text(values), OutputOptions(file=file), "json")
    if kept:
        stay = f"{plural(len(kept), 'recorded value')} {'stays' if len(kept) == 1 else 'stay'}"
        head = f"{visible(file)}: {stay}, since the current one would let more pass; --accept records it"
        console.print_error("\n".join([head, *(f"  {visible(line)}" for line in kept[:MAX_PROBLEMS])]))
        if len(kept) > MAX_PROBLEMS:
            console.print_error(f"  and {len(kept) - MAX_PROBLEMS:,} more")


def _words(values: Sequence[str]) -> tuple[str, ...]:
    """The words of all values, which are written ``A,B``."""
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())


COMMAND = Command(
    "check",
    "Budgets and design rules; for CI.",
    HELP,
    Call,
    run,
    (
        UPPER_LIMITS,
        limit_option("warn", "warning_limits", "Upper limit that only warns; repeatable."),
        LOWER_LIMITS,
        Option("--base", "base", "Compare with a revision of the git repository: origin/main, HEAD~1.", "REV"),
        Option("--baseline", "baseline", "Compare with values that --record has written.", "FILE"),
        Option(
            "--record",
            "record",
            "Write the current values for --baseline, without those that would let more pass.",
            "FILE",
        ),
        switch("--accept", "With --record: also those that would let more pass."),
        switch("--rules", "Apply the design rules, as warnings (default: yes)."),
        Option(
            "--select", "select", "Apply only these design rules; repeatable.", "CODE,...", repeated=True, gather=_words
        ),
        Option("--ignore", "ignore", "Skip these design rules; repeatable.", "CODE,...", repeated=True, gather=_words),
        Option(
            "--exclude",
            "exclude",
            "Leave out such files and folders of a search; repeatable.",
            "PATTERN",
            repeated=True,
        ),
        Option("--explain", "explain", "Explain a design rule instead of checking.", "CODE"),
        Option("--jobs", "jobs", "Processes that check many files (default: one for each core).", "N", _processes),
        switch("--strict", "Fail on warnings too, and on a design without a budget or a base."),
        DESIGN,
        UNITS,
        output_options(*CHECK_FORMATS),
    ),
    idle,
)
