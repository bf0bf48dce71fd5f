"""``cnncalc sweep``: the designs of a family, their figures, and the front of the best."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from cnncalc.cli.command import DONE, FAILED, Command, Option, choice, format_of, seed, switch, whole_number
from cnncalc.cli.memory import MEMORY, subset_of
from cnncalc.cli.options import (
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
from cnncalc.cli.progress import QUIET_SECONDS, ProgressLine
from cnncalc.cli.value import VALUE_OPTIONS, idle_options, idle_units
from cnncalc.errors import DesignError, Problem, ValueProblem
from cnncalc.records import NamedTuple
from cnncalc.search.executors import FORMS, read_executor
from cnncalc.search.points import METHODS
from cnncalc.search.sweep import DEFAULT_KEYS, DEFAULT_TOP
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from cnncalc.cli.console import Console
    from cnncalc.cli.options import DesignOptions, NotationOptions, OutputOptions
    from cnncalc.memory.report import Options
    from cnncalc.search.family import Family
    from cnncalc.search.pointsfile import PointsFile
    from cnncalc.search.sweep import Plan, Summary, SweepRequest

HELP = """Computes the designs of the family of TARGET for all values that --vary names, and prints the best.

--vary takes NAME=LOW..HIGH, NAME=LOW..HIGH/STEP, NAME=LOW..HIGH/xFACTOR or NAME=A,B,C. NAME is a variable of the
design, or batch, input, filters, hidden, classes. --pareto prints the front: the designs that no other one beats in
all of its keys; without it the first --top designs by --sort are printed. Keys are those of budgets, as parameters,
macs, training_memory; --pareto and --sort take variables too. A small number is better, with KEY:max a large one.

--points writes every design to a CSV or JSON Lines file while they are computed; a sweep that was ended goes on with
the same command. The exit code is 1 if no design is within the limits, 2 if none is valid.

\b
Examples:
  cnncalc sweep lenet5 --vary input=28..64/4 --max macs=1M --pareto macs,input:max
  cnncalc sweep vgg16 --vary batch=8..64/x2 --keys inference_memory,training_memory
  cnncalc sweep mobilenet-v2 --vary alpha=0.25..1.5/0.25 --max parameters=4M --sort macs:max
"""

DEFAULT_EXECUTOR = "processes"
REDRAW_SECONDS = 0.2
MOST_DRAWN = 3000
"""The most points of a drawing, beside those of the front."""


class Call(NamedTuple):
    """The arguments and options of ``cnncalc sweep``."""

    target: str
    design: DesignOptions
    memory: Options
    notation: NotationOptions
    output: OutputOptions
    vary: tuple[str, ...] = ()
    listed: str | None = None
    sample: int | None = None
    method: str | None = None
    seed: int | None = None
    where: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    limits: tuple[tuple[str, str], ...] = ()
    lower_limits: tuple[tuple[str, str], ...] = ()
    pareto: tuple[str, ...] = ()
    sort: str | None = None
    top: int | None = None
    points: str | None = None
    plot: str | None = None
    executor: str | None = None
    columns: str | None = None
    by_formula: bool = False


def idle(call: Call) -> Iterator[tuple[str, str]]:
    """The options without effect on a sweep."""
    yield from idle_output(call.output, call.notation.exact)
    if call.sample is None:
        for name in ("method", "seed"):
            yield name, "it would say how --sample draws"
    asked = {*call.keys, *[text.partition("=")[0].strip() for _, text in (*call.limits, *call.lower_limits)]}
    asked |= {text.partition(":")[0].strip() for text in (*call.pareto, call.sort or "")}
    yield from idle_options(asked, "no key of this sweep depends on it")
    yield from idle_units(asked, "no key of this sweep is in bytes")


def run(call: Call, console: Console) -> int:
    """Prints the best designs; 1 if none is within the limits."""
    from cnncalc.memory.report import check_options
    from cnncalc.search.family import Family
    from cnncalc.search.sweep import axes_of, batch_warning, look_up, plan_of
    from cnncalc.views.sweep import sweep_document

    call.output.require_columns(columns=call.columns)
    for file in (call.plot, None if call.output.to_stdout else call.output.file):
        if file is not None:
            console.require_folder(file)
    picture = None if call.plot is None else format_of(call.plot, ("svg", "png"), flag="--plot") or "svg"
    notation = call.notation.notation(call.output, console)
    check_options(call.memory, training=False)
    _check_by_formula(call)
    stdin = console.read_input() if call.target == "-" else None
    family = Family(call.target, call.design.settings(), stdin, console.folder)
    request = _request(call, console)
    plan = plan_of(request, family, stdin, console.folder)
    axes = None if picture is None else axes_of(plan, request)
    name, warnings = look_up(family, plan.points)
    warning = batch_warning(plan)
    console.warn(warnings if warning is None else [*warnings, warning])
    summary = _swept(plan, family, request, call, console, drawn=MOST_DRAWN if picture is not None else 0)
    if not summary.counts["ok"] and not summary.counts["over"]:
        raise DesignError(_broken(summary))
    document = sweep_document(summary, name or call.target, notation=notation)
    console.write_document(document.with_columns(call.columns), call.output)
    if call.plot is not None and axes is not None:
        from cnncalc.drawings.png import png_of
        from cnncalc.drawings.scatter import draw_scatter

        svg = draw_scatter(summary, name or call.target, axes, units=call.notation.units or "iec")
        console.write_file(png_of(svg) if picture == "png" else svg, call.plot)
    return DONE if summary.counts["ok"] else FAILED


def _check_by_formula(call: Call) -> None:
    """Raises ValueProblem for options that need every design."""
    if not call.by_formula:
        return
    given = {"--points": call.points, "--from": call.listed, "--sample": call.sample}
    for flag, value in given.items():
        if value is not None:
            message = f"--by-formula looks at all points of ranges without computing each, so {flag} does not apply"
            raise ValueProblem(message, code="usage", hint=f"leave out {flag}")


def _request(call: Call, console: Console) -> SweepRequest:
    from cnncalc.search.points import Sample
    from cnncalc.search.sweep import SweepRequest

    return SweepRequest(
        vary=call.vary,
        listed=None if call.listed is None else console.path(call.listed),
        shown=call.listed or "",
        sample=None if call.sample is None else Sample(call.sample, call.method or "random", call.seed or 0),
        where=call.where,
        keys=call.keys,
        limits=(*call.limits, *call.lower_limits),
        front=call.pareto,
        sort=call.sort,
        options={name: getattr(call.memory, name) for name in (*VALUE_OPTIONS, "dtype")},
        most=console.most_points,
        by_formula=call.by_formula,
    )


def _swept(plan: Plan, family: Family, request: SweepRequest, call: Call, console: Console, *, drawn: int) -> Summary:
    """The summary of all points."""
    from cnncalc.search.sweep import Summary, records

    summary = Summary(plan, request.objectives, request.order, call.top, drawn)
    executor = "serial" if console.most_points is not None else call.executor or DEFAULT_EXECUTOR
    if call.by_formula:
        from cnncalc.search.by_formula import sweep_by_formula

        sweep_by_formula(plan, family, summary, executor, console.folder)
        return summary
    file = _points_file(plan, family, call, console)
    progress = Progress(console.progress_stream(), len(plan.points))
    try:
        with progress:
            for record in records(plan, executor, file, console.folder):
                summary.add(record)
                progress.show(summary)
        if file is not None:
            file.flush()
    except KeyboardInterrupt:
        if file is not None:
            file.flush()
            console.print_error(f"{file.shown} has {plural(file.rows, 'point')}; the same command goes on from there")
        raise
    finally:
        if file is not None:
            file.close()
    if progress.stream is not None and progress.seconds > QUIET_SECONDS:
        console.print_error(progress.line(summary))
    return summary


def _points_file(plan: Plan, family: Family, call: Call, console: Console) -> PointsFile | None:
    if call.points is None:
        return None
    from cnncalc import __version__
    from cnncalc.search.pointsfile import PointsFile

    if console.most_points is not None:
        raise ValueProblem("a call in a document writes no points", code="usage", hint="leave out --points")
    header = plan.header(__version__, family)
    file = PointsFile(console.path(call.points), call.points, header, plan.points.names, plan.keys)
    if not file.can_lock:
        message = f"{file.shown}: here it cannot be told whether another sweep writes to the same file"
        console.warn([Problem("no-lock", message, None, None, "warning")])
    return file


def _broken(summary: Summary) -> list[Problem]:
    """The problems of a sweep without a valid design."""
    from cnncalc.views.sweep import most_first, reason_line

    lines = [reason_line(what, reason) for what, reason in most_first(summary, "broken")]
    return [Problem("all-broken", f"no design of the sweep is valid: {line}") for line in lines]


class Progress(ProgressLine):
    """A line that shows how many of the ``points`` of a sweep are computed."""

    def __init__(self, stream: TextIO | None, points: int) -> None:
        super().__init__(stream)
        self.points = points
        self.seconds = 0.0
        self._next = self.start + QUIET_SECONDS

    def __enter__(self) -> Progress:
        return self

    def show(self, summary: Summary) -> None:
        """Shows the counts, after QUIET_SECONDS."""
        now = time.monotonic()
        if self.stream is not None and now > self._next:
            self._next = now + REDRAW_SECONDS
            self.seconds = now - self.start
            self.draw(f"{summary.points:,} of {self.points:,}: {self.line(summary)}"[: self._columns()])

    def _columns(self) -> int:
        """How much of a line fits: the first part of a longer one would not be erased when it is drawn again."""
        try:
            return max(1, os.get_terminal_size(self.stream.fileno() if self.stream is not None else 2).columns - 1)
        except (OSError, ValueError):
            return 78

    def line(self, summary: Summary) -> str:
        """How many designs took how long."""
        rate = summary.points / self.seconds if self.seconds else 0.0
        return f"{plural(summary.points, 'design')} in {self.seconds:.1f} s, {rate:,.0f} a second"

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self.start
        super().__exit__()


def _words(text: str) -> tuple[str, ...]:
    """The words of a list."""
    parts = tuple([part.strip() for part in text.split(",")])
    if not all(parts):
        raise ValueProblem(f"expected keys separated by commas, as in parameters,macs, found '{text[:60]}'")
    return parts


def _keys(text: str) -> tuple[str, ...]:
    """A list of keys, each once."""
    keys = _words(text)
    for key in keys:
        if keys.count(key) > 1:
            raise ValueProblem(f"the key '{key[:60]}' is named twice")
    return keys


COMMAND = Command(
    "sweep",
    "All designs of a family: their figures, the front of the best.",
    HELP,
    Call,
    run,
    (
        Option("--vary", "vary", "Values of a variable, batch, input, filters, hidden or classes; repeatable.", "RANGE",
               repeated=True),
        Option("--from", "listed", "Take the points from a CSV file, whose first line names what varies.", "FILE"),
        Option("--where", "where", "Only points for which this holds, as in \"w <= 4*n\"; repeatable.", "EXPRESSION",
               repeated=True),
        Option("--sample", "sample", "Only so many points, drawn at random.", "N", whole_number),
        choice("--method", METHODS, "random: distinct points (default); latin: a Latin hypercube."),
        Option("--seed", "seed", "Seed of --sample (default: 0).", "N", seed),
        Option("--keys", "keys", f"Figures to compute (default: {', '.join(DEFAULT_KEYS)}).", "A,B,...", _keys),
        UPPER_LIMITS,
        LOWER_LIMITS,
        Option("--pareto", "pareto", "Print the front between these keys; KEY:max for a large one.", "A,B:max,...",
               _words),
        Option("--sort", "sort", "Print in the order of this key; KEY:max: the largest first.", "KEY"),
        Option("--top", "top", f"Print at most so many designs (default: {DEFAULT_TOP}; of a front all).", "N",
               whole_number),
        Option("--points", "points", "Write all points to this .csv or .jsonl file, or go on with it.", "FILE"),
        switch("--by-formula", "Find the best by polynomials, and compute only these (up to 10^11 points).",
               name="by_formula"),
        Option("--plot", "plot", "Draw two or three keys, with the front, as .svg or .png.", "FILE"),
        Option("--executor", "executor", f"Who computes: {', '.join(FORMS)} (default: {DEFAULT_EXECUTOR}).", "NAME",
               read_executor),
        MEMORY._replace(options=(*subset_of(MEMORY, *VALUE_OPTIONS).options, DTYPE)),
        COLUMNS,
        DESIGN,
        NOTATION,
        output_options(*TABLE_FORMATS),
    ),
    idle,
)  # fmt: skip
