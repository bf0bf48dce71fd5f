"""``cnncalc diff``: two designs side by side, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.cli.command import DONE, FAILED, Command, Option, switch
from cnncalc.cli.memory import MEMORY, subset_of
from cnncalc.cli.options import (
    COLUMNS,
    DEPTH,
    DESIGN,
    NOTATION,
    SIDES,
    TABLE_FORMATS,
    has_blocks,
    idle_output,
    load,
    output_options,
    require_single_stdin,
    warn_of_depth,
)
from cnncalc.errors import ValueProblem
from cnncalc.formats import is_exact
from cnncalc.records import NamedTuple
from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.analysis.difference import Quantity
    from cnncalc.analysis.report import Report
    from cnncalc.cli.console import Console
    from cnncalc.cli.options import DesignOptions, NotationOptions, OutputOptions, SideOptions
    from cnncalc.graph import Graph
    from cnncalc.language.settings import Settings
    from cnncalc.memory.report import Options

HELP = """Shows what differs between BEFORE and AFTER: layers added, removed, changed or renamed, and all totals.

BEFORE and AFTER are TARGETs; --set-before and --set-after set a variable of only one of them, which may be the same
TARGET. Nets that share little are compared by totals, stages and shares; --columns or --depth lists their layers
anyway. With --base one file is compared with its version in a revision of its git repository. The exit code is 0; with
--exit-code it is 1 if anything differs: cnncalc diff nets/mine.yaml --base main --exit-code

\b
Examples:
  cnncalc diff vgg16 vgg19
  cnncalc diff resnet50 --set-after width=0.5
  cnncalc diff resnet50 resnet50-v1.5 --batch 32 --format markdown
"""

MAX_NAME_LENGTH = 60
"""A longer target is not used as a name."""


class Call(NamedTuple):
    """The arguments and options of ``cnncalc diff``."""

    before: str
    design: DesignOptions
    sides: SideOptions
    memory: Options
    notation: NotationOptions
    output: OutputOptions
    after: str | None = None
    base: str | None = None
    exit_code: bool = False
    columns: str | None = None
    depth: int | None = None


def idle(call: Call) -> Iterator[tuple[str, str]]:
    """The options without effect on a comparison."""
    yield from idle_output(call.output, call.notation.exact)


def run(call: Call, console: Console) -> int:
    """Prints the differences; with --exit-code 1 if there are any."""
    from cnncalc.analysis.difference import difference
    from cnncalc.analysis.report import account
    from cnncalc.memory.report import check_options
    from cnncalc.views.difference import difference_document

    call.output.require_columns(columns=call.columns)
    notation = call.notation.notation(call.output, console)
    options = call.memory
    check_options(options)
    reports = [account(graph, batch=options.batch, dtype=options.dtype) for graph in _both(call, console)]
    console.warn(call.sides.warnings(reports))
    before, after = reports
    if call.depth is not None and not any(has_blocks(call.depth, report) for report in reports):
        warn_of_depth(call.depth, after, console)
    found = difference(before, after, _memory(before, after, options))
    document = difference_document(
        found,
        names_of(before, after, call.before, call.after, call.base, call.sides),
        options,
        columns=call.columns,
        depth=call.depth,
        notation=notation,
        exact=is_exact(call.output.format),
    )
    console.write_document(document, call.output)
    return FAILED if call.exit_code and not found.is_equal else DONE


def _both(call: Call, console: Console) -> tuple[Graph, Graph]:
    """The two nets."""
    before, after, base = call.before, call.after, call.base
    first, second = call.sides.designs(call.design)
    if base is not None:
        if after is not None:
            message = "--base compares one file with its earlier version, but two targets are given"
            raise ValueProblem(message, code="usage", hint="cnncalc diff FILE --base REV")
        return _at_revision(before, base, first.settings(), console), load(before, second, console)
    if after is None and not any(call.sides):
        hint = "cnncalc diff BEFORE AFTER, cnncalc diff FILE --base REV, or cnncalc diff TARGET --set-after NAME=VALUE"
        raise ValueProblem("diff compares two targets, but one is given", code="usage", hint=hint)
    after = before if after is None else after
    require_single_stdin(before, after)
    return load(before, first, console), load(after, second, console)


def _at_revision(file: str, revision: str, settings: Settings, console: Console) -> Graph:
    """The net of a file in a revision of its git repository."""
    import os

    from cnncalc.analysis.loading import load_bytes
    from cnncalc.checks.repository import NoBase, Repository

    if not os.path.isfile(console.path(file)):
        message = f"--base compares a file with its earlier version, but '{visible(file)[:60]}' is not a file"
        raise ValueProblem(message, code="usage", hint="cnncalc diff FILE --base REV")
    try:
        content = Repository(revision, console.folder).content(file)
    except NoBase as error:
        raise ValueProblem(str(error), code="unreadable-base") from None
    return load_bytes(f"{visible(revision)}:{file}", content, settings)


def names_of(
    old: Report, new: Report, before: str, after: str | None, base: str | None, sides: SideOptions
) -> tuple[str, str]:
    """The names of the nets; if they are equal, the targets of the command line, or what only one net sets."""
    if base is not None:
        return f"{old.name} ({base})", f"{new.name} (now)"
    if old.name != new.name:
        return old.name, new.name
    if any(read := sides.with_effect((old, new))):
        own = [", ".join([f"{name}={value}" for name, value in each]) for each in read]
        return f"{old.name} ({own[0] or 'before'})", f"{new.name} ({own[1] or 'after'})"
    given = [target if len(target) <= MAX_NAME_LENGTH else "" for target in (before, after or "")]
    first, second = (
        target + report.graph.changes if target else "" for target, report in zip(given, (old, new), strict=True)
    )
    return first or f"{old.name} (before)", second or f"{new.name} (after)"


def _memory(before: Report, after: Report, options: Options) -> tuple[Quantity, ...]:
    """The memory of inference and training at their peaks."""
    from cnncalc.analysis.difference import Quantity

    (inference, training), (new_inference, new_training) = _peaks(before, options), _peaks(after, options)
    return (
        Quantity("inference_memory", "bytes", inference, new_inference),
        Quantity("training_memory", "bytes", training, new_training),
    )


def _peaks(report: Report, options: Options) -> tuple[int, int]:
    """The peaks of inference and training in bytes."""
    from cnncalc.memory.report import Simulation, notes_rule

    if options.profile == "notes":
        rule = notes_rule(report, options)
        return rule.inference_bytes, rule.training_bytes
    simulation = Simulation(report, options)
    return simulation.inference(options.batch).peak_bytes, simulation.training(options.batch).peak_bytes


COMMAND = Command(
    "diff",
    "Two designs side by side: what was added, removed, changed.",
    HELP,
    Call,
    run,
    (
        Option("--base", "base", "Compare one file with its version in this git revision.", "REV"),
        switch("--exit-code", "Exit with 1 if there is a difference (default: no)."),
        subset_of(MEMORY, "profile", "batch", "dtype", "optimizer"),
        COLUMNS,
        DEPTH,
        DESIGN,
        SIDES,
        NOTATION,
        output_options(*TABLE_FORMATS),
    ),
    idle,
)
