"""Checks designs: loads each file, measures it, and compares it with its budget; prints nothing."""

from __future__ import annotations

import os
from contextlib import suppress
from glob import glob
from typing import TYPE_CHECKING, TypeVar

from cnncalc.analysis.report import account
from cnncalc.checks.advice import advise
from cnncalc.checks.baseline import Baseline, Recorded, Revision, recorded_name
from cnncalc.checks.configuration import NO_CONFIGURATION, Configuration, Configurations, shown_path
from cnncalc.checks.family import members_of
from cnncalc.checks.findings import Finding
from cnncalc.checks.loading import load
from cnncalc.checks.parallel import file_results
from cnncalc.checks.repository import NoBase
from cnncalc.checks.rules import run_rules
from cnncalc.checks.search import LeftOut, Search, Target
from cnncalc.errors import CnncalcError, DesignError, NotADesign, Problem, ValueProblem, in_every, option_without_effect
from cnncalc.figures.budget import Budget, in_full, merged, read_budget, short_value
from cnncalc.figures.measure import ALLOW_STATED, Measure, Meter, default_measures, last_window
from cnncalc.language.files import is_there
from cnncalc.records import NamedTuple
from cnncalc.search.family import Family
from cnncalc.search.ranges import point_text
from cnncalc.source import visible
from cnncalc.units import percent_by, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.checks.baseline import Base
    from cnncalc.figures.budget import Entry, Limit
    from cnncalc.language.settings import Settings
    from cnncalc.search.family import Point
    from cnncalc.source import Span

T = TypeVar("T")

PASSED, WARNED, BROKEN, UNKNOWN = "pass", "warning", "error", "no base"
"""The verdicts on a limit."""

MAX_LEFT_OUT = 20
"""The most files that are named as left out."""


MAX_NAMED = 6
"""The most layers that a finding names."""


class Members(NamedTuple):
    """The family of a limit: the ``worst`` member in words, how many break the limit, and how many there are."""

    worst: str
    breaking: int
    members: int


class LimitResult(NamedTuple):
    """A limit compared with the value.

    ``limit`` is a whole number (None: it is relative and there is no base), ``written`` its text in the budget;
    ``base`` is the value of the base, if there is one. ``span`` is None for a limit of the call. With a ``family``,
    ``actual`` is the value of its worst member. ``stated`` are the layers whose stated figures are part of the value.
    """

    measure: Measure
    bound: str
    written: str
    limit: int | None
    actual: int
    base: int | None
    verdict: str
    span: Span | None
    family: Members | None = None
    stated: tuple[str, ...] = ()

    @property
    def row_title(self) -> str:
        """The title for a table of limits, which says whether a part of the value is stated, not computed."""
        return f"{self.title} (stated in part)" if self.stated else self.title

    @property
    def title(self) -> str:
        """What is measured, and of a family the worst member: ``parameters (width=64)``."""
        if self.family is None:
            return self.measure.title
        varies = any(part.startswith("batch=") for part in self.family.worst.split(", "))
        measure = self.measure._replace(batch=1) if varies else self.measure  # the member names its batch
        return f"{measure.title} ({self.family.worst})"


class FileResult(NamedTuple):
    """The result of one file.

    ``problems`` are errors in the file, its budget or its configuration, and warnings about the design; ``notes`` state
    what could not be compared, and why. ``recorded`` are values for a baseline.
    """

    file: str
    architecture: str
    path: str | None = None
    checked: tuple[LimitResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    has_budget: bool = True
    recorded: tuple[Recorded, ...] = ()

    @property
    def is_broken(self) -> bool:
        """Whether the file could not be checked."""
        return any(problem.severity == "error" for problem in self.problems)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that are errors."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> int:
        """The number of warnings: about the design, and findings."""
        warnings = [problem for problem in self.problems if problem.severity != "error"]
        return len(warnings) + len(self.findings) - len(self.errors)

    @property
    def lacks_base(self) -> bool:
        """Whether a relative limit has no base."""
        return any(one.verdict == UNKNOWN for one in self.checked)

    def code(self, *, strict: bool = False) -> int:
        """The exit code: 0 ok; 1 a limit is violated (strict: or a warning, or no budget); 2 it cannot be checked."""
        if self.is_broken:
            return 2
        if self.errors:
            return 1
        return int(strict and bool(self.warnings or self.lacks_base or not self.has_budget))


class CheckResult(NamedTuple):
    """The results of all files.

    ``problems`` are warnings about the call and the configuration; ``left_out`` are files and folders that were not
    checked.
    """

    files: tuple[FileResult, ...]
    problems: tuple[Problem, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    strict: bool = False
    units: str = "iec"
    base: str | None = None

    @property
    def of_call(self) -> FileResult:
        """The problems of the call as if it were a file."""
        return FileResult("command line", "", problems=self.problems)

    @property
    def warnings(self) -> int:
        """The number of warnings, about the call and about files."""
        return len(self.problems) + sum(outcome.warnings for outcome in self.files)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was left out and why."""
        lines = [f"{one.file}: left out: {one.why}" for one in self.left_out if not one.is_chosen]
        if len(lines) > MAX_LEFT_OUT:
            lines[MAX_LEFT_OUT:] = [f"and {len(lines) - MAX_LEFT_OUT:,} more left out"]
        return (*lines, *self.excluded)

    @property
    def excluded(self) -> tuple[str, ...]:
        """One line with what the call or a configuration excludes; empty if they exclude nothing."""
        chosen = [f"{one.file} ({one.why})" for one in self.left_out if one.is_chosen]
        if len(chosen) > MAX_LEFT_OUT:
            chosen[MAX_LEFT_OUT:] = [f"{len(chosen) - MAX_LEFT_OUT:,} more"]
        return (f"not searched: {', '.join(chosen)}",) if chosen else ()

    @property
    def code(self) -> int:
        """The exit code: the highest of those of all files."""
        is_lacking = not self.files or bool(self.problems) or any(not one.is_chosen for one in self.left_out)
        least = int(self.strict and is_lacking)
        return max([least, *(outcome.code(strict=self.strict) for outcome in self.files)])


class CheckOptions(NamedTuple):
    """The options of a check.

    ``budget`` is that of the command line; ``base`` a revision and ``baseline`` a file of recorded values. With
    ``record`` values for a baseline are recorded, so a relative limit without a base is not an error. ``rules``: check
    design rules too, those of ``select`` (default: all) without those of ``ignore``. ``exclude`` are patterns of files
    that a search of folders leaves out. Relative paths start from ``folder``. Many files are checked by ``jobs``
    processes (default: one for each core).
    """

    budget: Budget
    base: str | None = None
    baseline: str | None = None
    record: str | None = None
    rules: bool = True
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    strict: bool = False
    units: str = "iec"
    folder: str = ""
    jobs: int | None = None


# The check


def _without_call(outcomes: Sequence[FileResult]) -> tuple[list[FileResult], list[Problem]]:
    """The results without the warnings about options of the call; these, each once, if no file is without them."""
    readable = [outcome for outcome in outcomes if not outcome.is_broken]
    kept = iter(in_every([outcome.problems for outcome in readable]))
    found: dict[Problem, None] = {}
    results = []
    for outcome in outcomes:
        if outcome.is_broken:
            results.append(outcome)
            continue
        problems = next(kept)
        found.update(dict.fromkeys([each for each in problems if option_without_effect(each)]))
        results.append(outcome._replace(problems=tuple([each for each in problems if each not in found])))
    return results, list(found)


class Checker:
    """Checks files one by one."""

    def __init__(self, options: CheckOptions, settings: Settings, stdin: str | None = None) -> None:
        self.options = options
        self.settings = settings
        self.stdin = stdin
        self.configurations = Configurations(options.folder)
        self._bases: dict[tuple[str | None, str | None], Base | DesignError] = {}

    def check(self, names: Sequence[str] = ()) -> CheckResult:
        """The results of all targets; without names, of the ``files`` of the configuration.

        Raises DesignError if the baseline of the call cannot be read, ValueProblem if there is nothing to check.
        """
        options = self.options
        search = Search(self.configurations, options.folder, options.exclude)
        configuration = None if names else self._configuration()
        for name in names if configuration is None else self._configured(configuration):
            search.add(name)
        if options.baseline is not None:
            self._base_of(NO_CONFIGURATION)
        outcomes = [FileResult(visible(shown), "", shown, problems=(problem,)) for shown, problem in search.unreadable]
        left_out = search.left_out
        for outcome in file_results(self, list(search.targets.values()), options.jobs):
            if isinstance(outcome, LeftOut):
                left_out.append(outcome)
            else:
                outcomes.append(outcome)
        outcomes, problems = _without_call(outcomes)
        outcomes.sort(key=lambda outcome: outcome.file)
        problems += search.unmatched(configuration) if outcomes else []
        base = None if options.base is None else visible(options.base)
        if options.baseline is not None:
            base = shown_path(os.path.join(options.folder, options.baseline), options.folder)
        return CheckResult(
            tuple(outcomes), tuple(problems), tuple(sorted(left_out)), options.strict, options.units, base
        )

    def _configuration(self) -> Configuration:
        """The configuration of the working folder; raises ValueProblem if it does not say what to check."""
        configuration = self.configurations.of_folder(self.options.folder or os.curdir)
        if not configuration.files:
            hint = "cnncalc check FILE, FOLDER or the name of a net; or set files in the configuration"
            raise ValueProblem("check needs FILES", code="usage", hint=hint)
        return configuration

    def _configured(self, configuration: Configuration) -> list[str]:
        """The targets that a configuration names."""
        found: list[str] = []
        for name in configuration.files:
            place = os.path.join(configuration.folder, name)
            paths = [place] if is_there(place) else sorted(glob(place, recursive=True))
            found += [shown_path(path, self.options.folder) for path in paths] or [name]
        return found

    def result_of(self, name: str, report: Report) -> FileResult:
        """The result of the target of that name, whose report is given."""
        search = Search(self.configurations, self.options.folder, ())
        search.add(name)
        (target,) = search.targets.values()
        outcome = self.file_result(target, report)
        assert isinstance(outcome, FileResult)
        return outcome

    def file_result(self, target: Target, report: Report | None = None) -> FileResult | LeftOut:
        """The result of one file, even if it has errors; ``report`` is its report, if that exists already.

        A file that was found in a folder and is not meant as a design is left out.
        """
        problems: list[Problem] = []
        architecture = "" if report is None else report.name
        try:
            if report is None:
                name = target.shown if target.path is not None else target.target
                design = load(name, self.settings, self.stdin, self.options.folder)
                architecture = design.name
                report = account(design)
            problems += report.warnings
        except NotADesign as error:
            if target.is_found:
                return LeftOut(target.shown, error.why)
            problems += error.every
        except DesignError as error:
            problems += error.every
        except ValueProblem as error:
            problems.append(Problem(error.code, error.message, hint=error.hint))
        configuration = _attempt(lambda: self.configurations.of_folder(target.folder), None, problems)
        if configuration is not None:
            problems += configuration.warnings
        outcome = FileResult(target.shown, architecture, target.path, problems=tuple(problems))
        if report is None:
            return outcome
        written = report.graph.budget
        own = {} if written is None else read_budget(written)
        budget = merged((configuration or NO_CONFIGURATION).budget or {}, own, self.options.budget)
        try:
            return self._checked(outcome, report, budget, configuration)
        except DesignError as error:
            return outcome._replace(problems=(*problems, *error.every))
        except CnncalcError as error:
            code = getattr(error, "code", "design")
            return outcome._replace(problems=(*problems, Problem(code, str(error))))

    def _checked(
        self, outcome: FileResult, report: Report, budget: Budget, configuration: Configuration | None
    ) -> FileResult:
        """The result with limits and design rules checked.

        A missing or unreadable base is an error; limits that need no base are checked nevertheless.
        """
        problems = list(outcome.problems)
        base = _attempt(lambda: self._base_for(outcome, configuration), None, problems)
        if base is None and len(problems) == len(outcome.problems) and self.options.record is None:
            problems += _missing_base_problems(budget)
        meter = Meter(report)
        notes: list[str] = []
        checked: list[LimitResult] = []
        for entry in budget.values():
            if entry.family:
                continue
            before, reason = self._before(base, outcome, entry.measure, problems)
            if reason is not None and reason not in notes:
                notes.append(reason)
            checked += self._compared(meter, entry, before, problems)
        findings = [
            self._finding(outcome, meter, one)
            for one in checked
            if one.verdict in (BROKEN, WARNED) and not _is_redundant(one, checked)
        ]
        for entry in budget.values():
            if entry.family:
                findings += self._family(outcome, entry, checked, problems)
        if self.options.rules and configuration is not None:
            findings += self._rules(report, outcome, configuration)
        return outcome._replace(
            problems=tuple(problems),
            checked=tuple(checked),
            findings=tuple(findings),
            notes=tuple(notes),
            has_budget=bool(budget),
            recorded=_recorded(meter, budget) if self.options.record is not None else (),
        )

    def _base_for(self, outcome: FileResult, configuration: Configuration | None) -> Base | None:
        """The base for a file; raises DesignError if it cannot be read."""
        base = self._base_of(configuration or NO_CONFIGURATION)
        if isinstance(base, Revision) and outcome.path is not None:
            path = os.path.abspath(os.path.join(self.options.folder, outcome.path))
            base.repository.verify(os.path.dirname(path))
        return base

    def _base_of(self, configuration: Configuration) -> Base | None:
        """The base of the call, else that of the configuration; raises DesignError if it cannot be read."""
        names = self._base_names(configuration)
        if names == (None, None):
            return None
        if names not in self._bases:
            revision, path = names
            folder = self.options.folder
            try:
                self._bases[names] = (
                    Revision(revision, self.settings, folder)
                    if revision is not None
                    else Baseline(str(path), shown_path(str(path), folder), folder)
                )
            except DesignError as error:
                self._bases[names] = error
        found = self._bases[names]
        if isinstance(found, DesignError):
            raise found
        return found

    def _base_names(self, configuration: Configuration) -> tuple[str | None, str | None]:
        """The revision or the path of the baseline; at most one of them."""
        revision, path = self.options.base, self.options.baseline
        if revision is None and path is None:
            revision, path = configuration.base, configuration.baseline
            if revision is not None and path is not None:
                message = "the configuration names both a base and a baseline; keep one of them"
                raise DesignError([Problem("usage", f"{configuration.file}: {message}")])
            if path is not None and self.options.record is not None and not os.path.exists(path):
                return None, None
        return revision, None if path is None else os.path.join(self.options.folder, path)

    def _before(
        self, base: Base | None, outcome: FileResult, measure: Measure, problems: list[Problem]
    ) -> tuple[int | None, str | None]:
        """The value of the base, or the reason why there is none; if the base cannot be read, that is a problem."""
        if base is None:
            return None, None
        try:
            return base.value(outcome.path or outcome.file, measure), None
        except NoBase as error:
            return None, str(error)
        except DesignError as error:
            problems += [problem for problem in error.every if problem not in problems]
            return None, None

    def _compared(self, meter: Meter, entry: Entry, base: int | None, problems: list[Problem]) -> list[LimitResult]:
        """The limits of an entry compared with the value; those that it cannot decide are added to ``problems``."""
        try:
            actual = meter.value(entry.measure)
        except ValueProblem as error:
            problems.append(Problem(error.code, error.message, entry.span, error.hint))
            return []
        found = []
        stated = () if entry.measure.key == ALLOW_STATED else meter.stated(entry.measure.key, entry.measure)
        for limit in entry.limits:
            value = limit.amount.resolve(limit.bound, base)
            if value is not None and meter.is_upper_bound(entry.measure) and (limit.bound == "min" or actual > value):
                problems.append(_undecidable(meter, entry.measure, limit, actual))
                continue
            if value is None:
                verdict = UNKNOWN
            elif (actual < value) if limit.bound == "min" else (actual > value):
                verdict = WARNED if limit.bound == "warn" else BROKEN
            else:
                verdict = PASSED
            span = limit.span
            if span is not None and span.source.name.startswith("--"):
                span = None
            found.append(
                LimitResult(
                    entry.measure, limit.bound, limit.amount.text, value, actual, base, verdict, span, stated=stated
                )
            )
        return found

    def _family(
        self, outcome: FileResult, entry: Entry, checked: list[LimitResult], problems: list[Problem]
    ) -> list[Finding]:
        """The findings of the limits on every member of a family; the results are added to ``checked``."""
        name = outcome.path or outcome.file
        worst: dict[str, tuple[LimitResult, Meter, Point]] = {}
        broken: list[tuple[Point, CnncalcError]] = []
        breaking: dict[str, int] = {}
        members = 0
        family = Family(
            *(name, self.settings, self.stdin, self.options.folder), requires_effect=False, with_hints=False
        )
        for point, measure, meter in members_of(entry, family):
            members += 1
            if not isinstance(meter, Meter):
                broken.append((point, meter))
                continue
            wrong: list[Problem] = []
            for one in self._compared(meter, entry._replace(measure=measure), None, wrong):
                breaking[one.bound] = breaking.get(one.bound, 0) + (one.verdict in (BROKEN, WARNED))
                before = worst.get(one.bound)
                sign = -1 if one.bound == "min" else 1
                if before is None or sign * one.actual > sign * before[0].actual:
                    worst[one.bound] = one, meter, point
            if wrong:
                problems += [each._replace(message=f"{each.message} (with {point_text(point)})") for each in wrong]
                return []
        if broken:
            problems.append(_invalid_members(entry, broken, members))
        results = [
            (one._replace(family=Members(point_text(point), breaking[bound], members)), meter)
            for bound, (one, meter, point) in worst.items()
        ]
        shown = [one for one, _ in results]
        checked += shown
        return [
            self._finding(outcome, meter, one)
            for one, meter in results
            if one.verdict in (BROKEN, WARNED) and not (one.verdict == WARNED and breaking.get("max"))
        ]

    def _finding(self, outcome: FileResult, meter: Meter, one: LimitResult) -> Finding:
        assert one.limit is not None
        units, unit = self.options.units, one.measure.unit
        over = abs(one.actual - one.limit)
        by = short_value(over, unit, units)
        if one.limit:
            by += f" ({percent_by(over, one.limit)})"
        limit = short_value(one.limit, unit, units)
        if one.written.endswith("%"):
            limit += f" ({one.written} on {short_value(one.base or 0, unit, units)})"
        where = {"max": "over the max", "warn": "over the warning level", "min": "under the min"}[one.bound]
        message = f"{one.title}: {in_full(one.actual, unit, units)} is {where} of {limit} by {by}"
        if one.family is not None:
            verb = "breaks" if one.family.breaking == 1 else "break"
            message += f"; {one.family.breaking:,} of {plural(one.family.members, 'member')} {verb} it"
        names = meter.stated(one.measure.key, one.measure)
        some = ", ".join(names[:MAX_NAMED]) + (", ..." if len(names) > MAX_NAMED else "")
        if one.measure.key == ALLOW_STATED:
            message = f"no figures may be stated, but those of {plural(len(names), 'layer')} are: {some}"
        elif names:
            message += f"; figures of {some} in it are stated, not computed"
        return Finding(
            code="budget",
            severity="warning" if one.bound == "warn" else "error",
            message=message,
            file=outcome.file,
            architecture=outcome.architecture,
            span=one.span,
            key=one.measure.key,
            bound="min" if one.bound == "min" else "max",
            limit=one.limit,
            actual=one.actual,
            unit=unit,
            shares=meter.shares(one.measure) if one.bound != "min" else (),
            advice=advise(meter, one.measure, one.bound, one.limit),
        )

    def _rules(self, report: Report, outcome: FileResult, configuration: Configuration) -> list[Finding]:
        select = self.options.select or configuration.select
        ignore = (*configuration.ignore, *self.options.ignore)
        return run_rules(report, file=outcome.file, select=select, ignore=ignore)


def _attempt(read: Callable[[], T], default: T, problems: list[Problem]) -> T:
    """What ``read`` returns; if it raises a DesignError the default, and its problems are added to ``problems``."""
    try:
        return read()
    except DesignError as error:
        problems += error.every
        return default


def _invalid_members(entry: Entry, broken: Sequence[tuple[Point, CnncalcError]], members: int) -> Problem:
    """The warning about the members of a family that are not valid designs; an error if that is all of them."""
    (point, error), span = broken[0], entry.family[0].span
    first, example = error.first, f"{point_text(point)}: {error.first.message}"
    if len(broken) == members:
        message = f"{entry.measure.key}: for: no member is valid; with {example}"
        return Problem(first.code, message, span, first.hint)
    verb = "is not a valid design" if len(broken) == 1 else "are not valid designs"
    message = f"{entry.measure.key}: for: {len(broken):,} of {plural(members, 'member')} {verb}, such as {example}"
    return Problem("invalid-members", message, span, "write ranges without these members", "warning")


def _undecidable(meter: Meter, measure: Measure, limit: Limit, actual: int) -> Problem:
    """The problem of a limit on a value that is only an upper bound."""
    row = last_window(meter.report)
    message = (
        f"{measure.key}: {limit.bound} {limit.amount.text} cannot be decided: {row.name} sees at most {actual:,} "
        "pixels, and may see fewer"
    )
    return Problem("undecidable", message, limit.span, f"max {actual} would pass")


def _missing_base_problems(budget: Budget) -> list[Problem]:
    """A problem for each relative limit of a budget that has no base."""
    hint = "give --base REV or --baseline FILE, or set base or baseline in the configuration"
    return [
        Problem(
            "no-base", f"{entry.measure.key}: {limit.amount.text} is relative, but no base is given", limit.span, hint
        )
        for entry in budget.values()
        for limit in entry.limits
        if limit.amount.value is None
    ]


def _recorded(meter: Meter, budget: Budget) -> tuple[Recorded, ...]:
    """The values for a baseline: of every key with default options, and of the budget's measures."""
    measures = {measure.identity: measure for measure in default_measures()}
    measures.update({entry.measure.identity: entry.measure for entry in budget.values()})
    bounds = {
        entry.measure.identity: frozenset(limit.bound for limit in entry.limits if limit.amount.value is None)
        for entry in budget.values()
    }
    found = []
    for name, measure in sorted(measures.items()):
        with suppress(ValueProblem):  # a net whose layers all see the whole plane has no unclipped field
            found.append(Recorded(name, meter.value(measure), *_loosened(bounds.get(name, frozenset()))))
    return tuple(found)


def _loosened(bounds: frozenset[str]) -> tuple[bool, bool]:
    """Whether a lower and whether a higher value in the baseline loosens the bounds that are relative to it."""
    return "min" in bounds, bounds != frozenset(["min"])


def _is_redundant(one: LimitResult, checked: Sequence[LimitResult]) -> bool:
    """Whether it is a warning for a measure whose maximum is exceeded too."""
    return one.verdict == WARNED and any(
        other.measure == one.measure and other.bound == "max" and other.verdict == BROKEN for other in checked
    )


def recorded_values(result: CheckResult, path: str, folder: str = "") -> dict[str, tuple[Recorded, ...]]:
    """The values that a baseline at that path records, by the name of the file in it."""
    return {recorded_name(outcome.path or outcome.file, path, folder): outcome.recorded for outcome in result.files}
