"""``cnncalc diff``: two designs side by side, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.cli.command import DONE, FAILED, Command, Option, output_of
from cnncalc.cli.memory import REPLAY, options_of
from cnncalc.cli.options import (
    COLUMNS,
    DEPTH,
    DESIGN,
    NOTATION,
    TABLE_FORMATS,
    load,
    notation_of,
    output_options,
    settings_of,
)
from cnncalc.errors import ValueProblem
from cnncalc.formats import is_exact
from cnncalc.source import visible

if TYPE_CHECKING:
    from cnncalc.analysis.difference import Quantity
    from cnncalc.analysis.report import Report
    from cnncalc.graph import Graph
    from cnncalc.language.settings import Settings
    from cnncalc.memory.report import Options

HELP = """Says what is different in AFTER: layers that were added, removed, changed or renamed, and all totals.

BEFORE and AFTER are TARGETs; with --base one file is compared with itself in a revision of its git repository. The
exit code is 0; with --exit-code it is 1 if there is a difference: cnncalc diff nets/mine.yaml --base main --exit-code

\b
Examples:
  cnncalc diff vgg16 vgg19
  cnncalc diff resnet50 resnet50-v1.5 --batch 32 --format markdown
"""

LONGEST_NAME = 60
"""A longer target is not repeated in the heading."""


def run(
    before: str,
    after: str | None,
    base: str | None,
    exit_code: bool,
    columns: str | None,
    depth: int | None,
    notation: dict[str, Any],
    replay: dict[str, Any],
    design: dict[str, Any],
    output: dict[str, Any],
) -> int:
    """Prints what is different; 1 if something is and the exit code is to say so."""
    from cnncalc.analysis.difference import difference
    from cnncalc.analysis.report import account
    from cnncalc.cli.streams import say_warnings
    from cnncalc.memory.report import check_options
    from cnncalc.views.difference import difference_document

    out = output_of(output, **{"--columns": columns})
    words = notation_of(notation, out)
    options = options_of(replay)
    check_options(options)
    graphs = _both(before, after, base, design)
    reports = [account(graph, batch=options.batch, dtype=options.dtype) for graph in graphs]
    for report in reports:
        say_warnings(report.warnings)
    found = difference(reports[0], reports[1], _memory(reports[0], reports[1], options))
    names = names_of(reports[0], reports[1], before, after, base)
    out.write(
        difference_document(
            found,
            names,
            options,
            columns=columns,
            depth=depth,
            notation=words,
            exact=is_exact(out.format),
        )
    )
    return FAILED if exit_code and not found.is_equal else DONE


def _both(before: str, after: str | None, base: str | None, design: dict[str, Any]) -> tuple[Graph, Graph]:
    """The nets that are compared."""
    if base is not None:
        if after is not None:
            message = "--base compares one file with its earlier form, but two targets are given"
            raise ValueProblem(message, code="usage", hint="cnncalc diff FILE --base REV")
        return _at_revision(before, base, settings_of(design)), load(before, design)
    if after is None:
        hint = "cnncalc diff BEFORE AFTER, or cnncalc diff FILE --base REV"
        raise ValueProblem("diff compares two targets, but one is given", code="usage", hint=hint)
    if before == after == "-":
        raise ValueProblem("standard input can be read once, but both targets are '-'", code="usage")
    return load(before, design), load(after, design)


def _at_revision(file: str, revision: str, settings: Settings) -> Graph:
    """The net of a file as it was in a revision of its git repository."""
    import os

    from cnncalc.analysis.loading import load_bytes
    from cnncalc.checks.baseline import NoBase, Revision

    if not os.path.isfile(file):
        message = f"--base compares a file with its earlier form, but '{visible(file)[:60]}' is no file"
        raise ValueProblem(message, code="usage", hint="cnncalc diff FILE --base REV")
    try:
        content = Revision(revision, settings).content(file)
    except NoBase as error:
        raise ValueProblem(str(error), code="unreadable-base") from None
    return load_bytes(f"{visible(revision)}:{file}", content, settings)


def names_of(old: Report, new: Report, before: str, after: str | None, base: str | None) -> tuple[str, str]:
    """What the nets are called: by their names, and where these are the same by what was typed."""
    if base is not None:
        return f"{old.name} ({base})", f"{new.name} (now)"
    if old.name != new.name:
        return old.name, new.name
    typed = [target if len(target) <= LONGEST_NAME else "" for target in (before, after or "")]
    return typed[0] or f"{old.name} (before)", typed[1] or f"{new.name} (after)"


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
    run,
    ("before", "after"),
    (
        Option("--base", "base", "Compare one file with itself in this git revision.", "REV"),
        Option(
            "--exit-code",
            "exit_code",
            "Exit with 1 if there is a difference (default: no).",
            default=False,
            opposite="--no-exit-code",
        ),
        *(
            option._replace(group="replay")
            for option in REPLAY
            if option.name in ("profile", "batch", "dtype", "optimizer")
        ),
        COLUMNS,
        DEPTH,
        *DESIGN,
        *NOTATION,
        *output_options(*TABLE_FORMATS),
    ),
    optional=("after",),
)
