"""The check of designs: loads each file, measures it, and compares it with its budget; prints nothing."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, TypeVar

from cnncalc.analysis.report import account
from cnncalc.checks.advice import advise
from cnncalc.checks.baseline import Baseline, NoBase, Revision, recorded_name
from cnncalc.checks.budget import Budget, in_full, is_relative, merged, read_budget, short_value
from cnncalc.checks.configuration import NO_CONFIGURATION, Configuration, Configurations, shown_path
from cnncalc.checks.findings import Finding
from cnncalc.checks.loading import load
from cnncalc.checks.measure import Measure, Meter, default_measures
from cnncalc.checks.rules import run_rules
from cnncalc.errors import CnncalcError, DesignError, Problem, ValueProblem
from cnncalc.language.files import read_text
from cnncalc.records import NamedTuple
from cnncalc.source import visible
from cnncalc.units import percent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.checks.baseline import Base
    from cnncalc.checks.budget import Entry
    from cnncalc.language.settings import Settings
    from cnncalc.source import Span

T = TypeVar("T")

PASSED, WARNED, BROKEN, UNKNOWN = "pass", "warning", "error", "no base"
"""The verdict on a limit."""


class LimitResult(NamedTuple):
    """A limit compared with the value.

    ``limit`` is a whole number (None: relative, without a base), ``written`` its text in the budget; ``base`` is the
    value it is relative to, if there is one. ``span`` is None for a limit of the call.
    """

    measure: Measure
    bound: str
    written: str
    limit: int | None
    actual: int
    base: int | None
    verdict: str
    span: Span | None


class FileResult(NamedTuple):
    """The result of one file.

    ``problems`` are errors in the file, its budget or its configuration, and warnings about the design; ``notes`` say
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
    recorded: tuple[tuple[str, int], ...] = ()

    @property
    def is_broken(self) -> bool:
        """Whether it could not be checked."""
        return any(problem.severity == "error" for problem in self.problems)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that are errors."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> int:
        """The number of warnings, about the design and of its check."""
        warnings = [problem for problem in self.problems if problem.severity != "error"]
        return len(warnings) + len(self.findings) - len(self.errors)

    @property
    def lacks_base(self) -> bool:
        """Whether a relative limit has no base."""
        return any(one.verdict == UNKNOWN for one in self.checked)

    def code(self, *, strict: bool = False) -> int:
        """0: ok; 1: a limit is violated (strict: or a warning, or no budget); 2: it cannot be checked."""
        if self.is_broken:
            return 2
        if self.errors:
            return 1
        return int(strict and bool(self.warnings or self.lacks_base or not self.has_budget))


class CheckResult(NamedTuple):
    """The results of all files. ``remarks`` say which files were left out."""

    files: tuple[FileResult, ...]
    remarks: tuple[str, ...] = ()
    strict: bool = False
    units: str = "iec"
    base: str | None = None

    @property
    def code(self) -> int:
        """The exit code: the highest of those of all files."""
        least = int(self.strict and not self.files)
        return max([outcome.code(strict=self.strict) for outcome in self.files], default=least)


class CheckOptions(NamedTuple):
    """The options of a check.

    ``budget`` is that of the command line; ``base`` a revision and ``baseline`` a file of recorded values. With
    ``record`` values for a baseline are recorded, so a limit without a base is no error. ``rules``: design rules too,
    those of ``select`` (default: all) without those of ``ignore``. Relative paths start from ``folder``.
    """

    budget: Budget
    base: str | None = None
    baseline: str | None = None
    record: str | None = None
    rules: bool = True
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    strict: bool = False
    units: str = "iec"
    folder: str = ""


class _Target(NamedTuple):
    """A file or target to check: name in reports, target to load, and folder of its configuration."""

    shown: str
    target: str
    folder: str
    path: str | None


# Which files


_KEY = re.compile(r"^\s{0,3}\{?\s*[\"']?(?:layers|blocks|budget)[\"']?[ \t]*:", re.MULTILINE)


def find_files(names: Sequence[str], folder: str = "") -> tuple[list[_Target], list[str], list[FileResult]]:
    """The targets of a call's names; folders are searched, and each file comes once.

    Also returns remarks on files left out, and the results of files that cannot be read.
    """
    found: dict[str, _Target] = {}
    remarks: list[str] = []
    broken: list[FileResult] = []
    for name in names:
        place = os.path.join(folder, name)
        if not name or name == "-" or not _exists(place):
            found.setdefault(name, _Target(visible(name) if name != "-" else "<stdin>", name, folder or ".", None))
        elif os.path.isdir(place):
            files, others = _architecture_files(place, folder, broken)
            for path in files:
                _add(found, path, folder)
            if others:
                plural = "file holds" if others == 1 else "files hold"
                remarks.append(f"{shown_path(place, folder)}: {others} YAML {plural} no architecture, left out")
            if not files:
                remarks.append(f"{shown_path(place, folder)}: no architecture file in this folder")
        else:
            _add(found, place, folder)
    return list(found.values()), remarks, broken


def _exists(name: str) -> bool:
    try:
        return os.path.exists(name)
    except ValueError:
        return False


def _add(found: dict[str, _Target], path: str, start: str) -> None:
    shown = shown_path(path, start)
    found.setdefault(shown, _Target(shown, path, os.path.dirname(os.path.abspath(path)), shown))


def _architecture_files(folder: str, start: str, broken: list[FileResult]) -> tuple[list[str], int]:
    """The architecture files below a folder, in order, and how many other YAML files there are.

    A file is one if a line begins with ``layers``, ``blocks`` or ``budget``; hidden files and folders are left out. A
    file that cannot be read is reported as broken.
    """
    files: list[str] = []
    others = 0
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.endswith((".yaml", ".yml")) or name.startswith("."):
                continue
            path = os.path.join(here, name)
            try:
                text = read_text(path)
            except DesignError as error:
                shown = shown_path(path, start)
                broken.append(FileResult(visible(shown), "", shown, problems=error.every))
                continue
            if _KEY.search(text):
                files.append(path)
            else:
                others += 1
    return files, others


# The check


class Checker:
    """Checks files one by one."""

    def __init__(self, options: CheckOptions, settings: Settings, stdin: str | None = None) -> None:
        self.options = options
        self.settings = settings
        self.stdin = stdin
        self.configurations = Configurations(options.folder)
        self._bases: dict[tuple[str | None, str | None], Base | DesignError] = {}

    def check(self, names: Sequence[str]) -> CheckResult:
        """The results of all files; raises DesignError if the base of the call cannot be read."""
        targets, remarks, broken = find_files(names, self.options.folder)
        options = self.options
        if options.baseline is not None:
            self._base_of(NO_CONFIGURATION)
        outcomes = broken + [self.file_result(target) for target in targets]
        outcomes.sort(key=lambda outcome: outcome.file)
        name = None
        if options.base is not None or options.baseline is not None:
            name = (
                visible(options.base)
                if options.base is not None
                else shown_path(os.path.join(options.folder, str(options.baseline)), options.folder)
            )
        return CheckResult(tuple(outcomes), tuple(remarks), options.strict, options.units, name)

    def result_of(self, name: str, report: Report) -> FileResult:
        """The result of the target of that name, whose report is already there."""
        (target, *_), _, _ = find_files([name], self.options.folder)
        return self.file_result(target, report)

    def file_result(self, target: _Target, report: Report | None = None) -> FileResult:
        """The result of one file, also if it has errors; ``report`` is its report, if there already is one."""
        problems: list[Problem] = []
        architecture = "" if report is None else report.name
        try:
            if report is None:
                name = target.shown if target.path is not None else target.target
                design = load(name, self.settings, self.stdin, self.options.folder)
                architecture = design.name
                report = account(design)
            problems += report.warnings
        except DesignError as error:
            problems += error.every
        except ValueProblem as error:
            problems.append(Problem(error.code, error.message, hint=error.hint))
        configuration = _attempt(lambda: self.configurations.of_folder(target.folder), NO_CONFIGURATION, problems)
        outcome = FileResult(target.shown, architecture, target.path, problems=tuple(problems))
        if report is None or outcome.is_broken:
            return outcome
        written = report.graph.budget
        own = {} if written is None else read_budget(written)
        budget = merged(configuration.budget or {}, own, self.options.budget)
        try:
            return self._checked(outcome, report, budget, configuration)
        except DesignError as error:
            return outcome._replace(problems=(*problems, *error.every))
        except CnncalcError as error:
            code = getattr(error, "code", "design")
            return outcome._replace(problems=(*problems, Problem(code, str(error))))

    def _checked(self, outcome: FileResult, report: Report, budget: Budget, configuration: Configuration) -> FileResult:
        """The result with limits and design rules checked."""
        base = self._base_of(configuration)
        if isinstance(base, Revision) and outcome.path is not None:
            base.verify(os.path.dirname(os.path.abspath(os.path.join(self.options.folder, outcome.path))))
        if base is None and self.options.record is None and is_relative(budget.values()):
            return outcome._replace(problems=(*outcome.problems, *_missing_base_problems(budget)))
        meter = Meter(report)
        notes: list[str] = []
        checked: list[LimitResult] = []
        for entry in budget.values():
            before, reason = self._before(base, outcome, entry.measure)
            if reason is not None and reason not in notes:
                notes.append(reason)
            checked += self._compared(meter, entry, before)
        findings = [
            self._finding(outcome, meter, one)
            for one in checked
            if one.verdict in (BROKEN, WARNED) and not _is_redundant(one, checked)
        ]
        if self.options.rules:
            findings += self._rules(report, outcome, configuration)
        return outcome._replace(
            checked=tuple(checked),
            findings=tuple(findings),
            notes=tuple(notes),
            has_budget=bool(budget),
            recorded=_recorded(meter, budget) if self.options.record is not None else (),
        )

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

    def _before(self, base: Base | None, outcome: FileResult, measure: Measure) -> tuple[int | None, str | None]:
        """The value of the base, or the reason why there is none."""
        if base is None:
            return None, None
        try:
            return base.value(outcome.path or outcome.file, measure), None
        except NoBase as error:
            return None, str(error)

    def _compared(self, meter: Meter, entry: Entry, base: int | None) -> list[LimitResult]:
        actual = meter.value(entry.measure)
        found = []
        for limit in entry.limits:
            value = limit.amount.settle(limit.bound, base)
            if value is None:
                verdict = UNKNOWN
            elif (actual < value) if limit.bound == "min" else (actual > value):
                verdict = WARNED if limit.bound == "warn" else BROKEN
            else:
                verdict = PASSED
            span = limit.span
            if span is not None and span.source.name.startswith("--"):
                span = None
            found.append(LimitResult(entry.measure, limit.bound, limit.amount.text, value, actual, base, verdict, span))
        return found

    def _finding(self, outcome: FileResult, meter: Meter, one: LimitResult) -> Finding:
        assert one.limit is not None
        units, unit = self.options.units, one.measure.unit
        over = abs(one.actual - one.limit)
        by = short_value(over, unit, units)
        if one.limit:
            by += f" ({percent(over, one.limit)})"
        limit = short_value(one.limit, unit, units)
        if one.written.endswith("%"):
            limit += f" ({one.written} on {short_value(one.base or 0, unit, units)})"
        where = {"max": "over the max", "warn": "over the warning level", "min": "under the min"}[one.bound]
        message = f"{one.measure.title}: {in_full(one.actual, unit, units)} is {where} of {limit} by {by}"
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
    """What ``read`` returns; after a DesignError the default, and its problems are added."""
    try:
        return read()
    except DesignError as error:
        problems += error.every
        return default


def _missing_base_problems(budget: Budget) -> list[Problem]:
    """A problem for each relative limit, where there is no base."""
    hint = "give --base REV or --baseline FILE, or set base or baseline in the configuration"
    return [
        Problem(
            "no-base", f"{entry.measure.key}: {limit.amount.text} is relative, but no base is given", limit.span, hint
        )
        for entry in budget.values()
        for limit in entry.limits
        if limit.amount.value is None
    ]


def _recorded(meter: Meter, budget: Budget) -> tuple[tuple[str, int], ...]:
    """The values for a baseline: of every key with default options, and of the budget's measures."""
    measures = {measure.identity: measure for measure in default_measures()}
    measures.update({entry.measure.identity: entry.measure for entry in budget.values()})
    return tuple((name, meter.value(measure)) for name, measure in sorted(measures.items()))


def _is_redundant(one: LimitResult, checked: Sequence[LimitResult]) -> bool:
    """Whether it is a warning for a measure whose maximum is exceeded too."""
    return one.verdict == WARNED and any(
        other.measure == one.measure and other.bound == "max" and other.verdict == BROKEN for other in checked
    )


def recorded_values(result: CheckResult, path: str, folder: str = "") -> dict[str, dict[str, int]]:
    """The values that a baseline at that path records."""
    return {
        recorded_name(outcome.path or outcome.file, path, folder): dict(outcome.recorded) for outcome in result.files
    }
