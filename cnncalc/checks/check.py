"""Checks designs: reads each one, finds its budget, measures, compares; one outcome a file, nothing printed."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from cnncalc.analysis.loading import load
from cnncalc.analysis.report import account
from cnncalc.checks.advice import advise
from cnncalc.checks.baseline import Baseline, NoBase, Revision, recorded_name
from cnncalc.checks.budget import Budget, Measure, brief, from_node, in_full, is_relative, merged, read_budget
from cnncalc.checks.configuration import NO_CONFIGURATION, Configuration, Configurations, shown_path
from cnncalc.checks.findings import Finding
from cnncalc.checks.measure import Meter, usual_measures
from cnncalc.errors import CnncalcError, DesignError, Problem, ValueProblem
from cnncalc.language.files import read_text
from cnncalc.source import Source, visible
from cnncalc.units import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.checks.baseline import Base
    from cnncalc.checks.budget import Entry, Limit
    from cnncalc.language.settings import Settings
    from cnncalc.source import Span

PASSED, WARNED, BROKEN, UNKNOWN = "pass", "warning", "error", "no base"
"""What came of a limit."""


class Checked(NamedTuple):
    """One limit that was held against its value.

    ``limit`` is the whole number that it comes to (None: relative, without a base), ``written`` how it stands in the
    budget; ``base`` the value of before, where there is one. ``span`` None: the limit comes from the call.
    """

    measure: Measure
    bound: str
    written: str
    limit: int | None
    actual: int
    base: int | None
    verdict: str
    span: Span | None


class Outcome(NamedTuple):
    """What came of one file.

    ``problems`` are mistakes in the file, its budget or its configuration, and warnings about the design; ``notes``
    what could not be compared, and why. ``recorded`` are values for a baseline.
    """

    file: str
    architecture: str
    path: str | None = None
    checked: tuple[Checked, ...] = ()
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
        """The limits that are broken."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> int:
        """How many warnings there are, of the design and of its check."""
        mild = [problem for problem in self.problems if problem.severity != "error"]
        return len(mild) + len(self.findings) - len(self.errors)

    @property
    def lacks_base(self) -> bool:
        """Whether a relative limit has nothing to compare with."""
        return any(one.verdict == UNKNOWN for one in self.checked)

    def code(self, *, strict: bool = False) -> int:
        """0: fine; 1: a limit is broken (strict: or a warning, or nothing to check); 2: it cannot be checked."""
        if self.is_broken:
            return 2
        if self.errors:
            return 1
        return int(strict and bool(self.warnings or self.lacks_base or not self.has_budget))


class Checkup(NamedTuple):
    """The outcomes of all files. ``remarks`` say what was looked at and left out."""

    outcomes: tuple[Outcome, ...]
    remarks: tuple[str, ...] = ()
    strict: bool = False
    units: str = "iec"
    base: str | None = None

    @property
    def code(self) -> int:
        """The exit code: 2 beats 1 beats 0."""
        least = int(self.strict and not self.outcomes)
        return max([outcome.code(strict=self.strict) for outcome in self.outcomes], default=least)


class Orders(NamedTuple):
    """What is asked of a check.

    ``budget`` is that of the command line; ``base`` a revision and ``baseline`` a file of recorded values; ``record``:
    values for a baseline are wanted, so a limit without a base is no mistake. ``rules``: design rules too, those of
    ``select`` (all) without those of ``ignore``.
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


class _Target(NamedTuple):
    """What is checked: how it is named, how it is read, and the folder whose configuration holds."""

    shown: str
    target: str
    folder: str
    path: str | None


# Which files


_KEY = re.compile(r"^\s{0,3}\{?\s*[\"']?(?:layers|blocks|budget)[\"']?[ \t]*:", re.MULTILINE)


def find_files(names: Sequence[str]) -> tuple[list[_Target], list[str], list[Outcome]]:
    """What the names of a call stand for: folders are searched, each file comes once.

    Gives remarks on what was left out and the outcomes of what cannot be read as well.
    """
    found: dict[str, _Target] = {}
    remarks: list[str] = []
    broken: list[Outcome] = []
    for name in names:
        if not name or name == "-" or not _exists(name):
            found.setdefault(name, _Target(visible(name) if name != "-" else "<stdin>", name, ".", None))
        elif os.path.isdir(name):
            files, others = _architecture_files(name, broken)
            for path in files:
                _add(found, path)
            if others:
                plural = "file holds" if others == 1 else "files hold"
                remarks.append(f"{shown_path(name)}: {others} YAML {plural} no architecture, left out")
            if not files:
                remarks.append(f"{shown_path(name)}: no architecture file in this folder")
        else:
            _add(found, name)
    return list(found.values()), remarks, broken


def _exists(name: str) -> bool:
    try:
        return os.path.exists(name)
    except ValueError:
        return False


def _add(found: dict[str, _Target], path: str) -> None:
    shown = shown_path(path)
    found.setdefault(shown, _Target(shown, path, os.path.dirname(os.path.abspath(path)), shown))


def _architecture_files(folder: str, broken: list[Outcome]) -> tuple[list[str], int]:
    """The architecture files below a folder, in order, and how many other YAML files there are.

    A file is one if ``layers``, ``blocks`` or ``budget`` begins a line; hidden files and folders are left out. One that
    cannot be read is broken: it may be one.
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
                shown = shown_path(path)
                broken.append(Outcome(visible(shown), "", shown, problems=error.every))
                continue
            if _KEY.search(text):
                files.append(path)
            else:
                others += 1
    return files, others


# The check


class Checker:
    """Checks files one after the other."""

    def __init__(self, orders: Orders, settings: Settings, stdin: str | None = None) -> None:
        self.orders = orders
        self.settings = settings
        self.stdin = stdin
        self.configurations = Configurations()
        self._bases: dict[tuple[str, str], Base | DesignError] = {}

    def check(self, names: Sequence[str]) -> Checkup:
        """The outcome of each file; raises DesignError where a base that the call names cannot be read."""
        targets, remarks, broken = find_files(names)
        orders = self.orders
        if orders.baseline is not None:
            self._base_of(NO_CONFIGURATION, DesignError)
        outcomes = broken + [self.outcome(target) for target in targets]
        outcomes.sort(key=lambda outcome: outcome.file)
        name = None
        if orders.base is not None or orders.baseline is not None:
            name = visible(orders.base) if orders.base is not None else shown_path(str(orders.baseline))
        return Checkup(tuple(outcomes), tuple(remarks), orders.strict, orders.units, name)

    def outcome_of(self, name: str, report: Report) -> Outcome:
        """What came of a net that is already accounted for, of the target of that name."""
        (target, *_), _, _ = find_files([name])
        return self.outcome(target, report)

    def outcome(self, target: _Target, report: Report | None = None) -> Outcome:
        """What came of one file, whatever is wrong with it; ``report`` if there is one already."""
        problems: list[Problem] = []
        architecture = ""
        try:
            name = target.shown if target.path is not None else target.target
            if report is None:
                graph = load(name, self.settings, self.stdin)
                architecture = graph.name
                report = account(graph)
            architecture = report.name
            problems += report.warnings
        except DesignError as error:
            problems += error.every
            problems += _problems_of_budget(target, error)
        except ValueProblem as error:
            problems.append(Problem(error.code, error.message, hint=error.hint))
        own: Budget = {}
        configuration = NO_CONFIGURATION
        if report is not None and report.graph.budget is not None:
            try:
                own = read_budget(from_node(report.graph.budget))
            except DesignError as error:
                problems += error.every
        try:
            configuration = self.configurations.of_folder(target.folder)
        except DesignError as error:
            problems += error.every
        outcome = Outcome(target.shown, architecture, target.path, problems=tuple(problems))
        if report is None or outcome.is_broken:
            return outcome
        budget = merged(configuration.budget or {}, own, self.orders.budget)
        try:
            return self._held(outcome, report, budget, configuration)
        except DesignError as error:
            return outcome._replace(problems=(*problems, *error.every))
        except CnncalcError as error:
            code = getattr(error, "code", "design")
            return outcome._replace(problems=(*problems, Problem(code, str(error))))

    def _held(self, outcome: Outcome, report: Report, budget: Budget, configuration: Configuration) -> Outcome:
        """The budget held against the report."""
        orders = self.orders
        base = self._base_of(configuration, NoBase)
        if isinstance(base, Revision) and outcome.path is not None:
            base.verify(os.path.dirname(os.path.abspath(outcome.path)))
        problems = list(outcome.problems)
        notes: list[str] = []
        if base is None and orders.record is None and is_relative(budget.values()):
            for entry in budget.values():
                problems += [self._baseless(entry, limit) for limit in entry.limits if limit.amount.value is None]
            return outcome._replace(problems=tuple(problems))
        meter = Meter(report)
        checked: list[Checked] = []
        findings: list[Finding] = []
        for entry in budget.values():
            before, why = self._before(base, outcome, entry.measure)
            if why is not None and why not in notes:
                notes.append(why)
            checked += self._compared(meter, entry, before)
        for one in checked:
            if one.verdict in (BROKEN, WARNED) and not _is_said_already(one, checked):
                findings.append(self._finding(outcome, meter, one))
        if orders.rules:
            findings += self._rules(report, outcome, configuration)
        recorded: tuple[tuple[str, int], ...] = ()
        if orders.record is not None:
            measures = {measure.identity: measure for measure in usual_measures()}
            measures.update({entry.measure.identity: entry.measure for entry in budget.values()})
            recorded = tuple((name, meter.value(measure)) for name, measure in sorted(measures.items()))
        return outcome._replace(
            checked=tuple(checked),
            findings=tuple(findings),
            notes=tuple(notes),
            has_budget=bool(budget),
            recorded=recorded,
        )

    def _baseless(self, entry: Entry, limit: Limit) -> Problem:
        message = f"{entry.measure.key}: {limit.amount.text} is relative, but there is nothing to compare with"
        hint = "give --base REV or --baseline FILE, or set base or baseline in the configuration"
        return Problem("no-base", message, limit.span, hint)

    def _base_of(self, configuration: Configuration, otherwise: type[CnncalcError]) -> Base | None:
        """What is compared with: the call's before the configuration's."""
        orders = self.orders
        revision, path = orders.base, orders.baseline
        if revision is None and path is None:
            revision, path = configuration.base, configuration.baseline
            if revision is not None and path is not None:
                message = "the configuration names both a base and a baseline; keep one of them"
                raise DesignError([Problem("usage", f"{configuration.file}: {message}")])
            if path is not None and orders.record is not None and not os.path.exists(path):
                return None
        key = ("revision", revision) if revision is not None else ("baseline", path or "")
        if key == ("baseline", ""):
            return None
        if key not in self._bases:
            try:
                self._bases[key] = (
                    Revision(revision, self.settings)
                    if revision is not None
                    else Baseline(str(path), shown_path(str(path)))
                )
            except DesignError as error:
                self._bases[key] = error
        found = self._bases[key]
        if isinstance(found, DesignError):
            raise found
        return found

    def _before(self, base: Base | None, outcome: Outcome, measure: Measure) -> tuple[int | None, str | None]:
        """The value of before, or why there is none."""
        if base is None:
            return None, None
        try:
            return base.value(outcome.path or outcome.file, measure), None
        except NoBase as error:
            return None, str(error)

    def _compared(self, meter: Meter, entry: Entry, base: int | None) -> list[Checked]:
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
            found.append(Checked(entry.measure, limit.bound, limit.amount.text, value, actual, base, verdict, span))
        return found

    def _finding(self, outcome: Outcome, meter: Meter, one: Checked) -> Finding:
        assert one.limit is not None
        units, unit = self.orders.units, one.measure.unit
        over = abs(one.actual - one.limit)
        by = brief(over, unit, units)
        if one.limit:
            by += f" ({percent(over, one.limit)})"
        limit = brief(one.limit, unit, units)
        if one.written.endswith("%"):
            limit += f" ({one.written} on {brief(one.base or 0, unit, units)})"
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

    def _rules(self, report: Report, outcome: Outcome, configuration: Configuration) -> list[Finding]:
        orders = self.orders
        select = orders.select or configuration.select
        ignore = (*configuration.ignore, *orders.ignore)
        from cnncalc.checks.rules import run_rules

        return run_rules(report, file=outcome.file, select=select, ignore=ignore)


def _problems_of_budget(target: _Target, error: DesignError) -> tuple[Problem, ...]:
    """What is wrong with the budget of a file that is wrong elsewhere too, so that all is said in one run."""
    if target.path is None or any(problem.code == "unreadable" for problem in error.every):
        return ()
    from cnncalc.language.yaml_tree import Document, Mapping

    try:
        root = Document(Source(target.shown, read_text(target.path))).read()
        node = root.get("budget") if isinstance(root, Mapping) else None
        if node is not None:
            read_budget(from_node(node))
    except DesignError as more:
        known = {(problem.code, problem.message) for problem in error.every}
        return tuple(
            problem
            for problem in more.every
            if problem.code != "unknown-key" and (problem.code, problem.message) not in known
        )
    return ()


def _is_said_already(one: Checked, checked: Sequence[Checked]) -> bool:
    """Whether a warning would only repeat that the maximum of the same key is broken."""
    return one.verdict == WARNED and any(
        other.measure == one.measure and other.bound == "max" and other.verdict == BROKEN for other in checked
    )


def recorded_values(checkup: Checkup, path: str) -> dict[str, dict[str, int]]:
    """What a baseline at that path holds."""
    return {recorded_name(outcome.path or outcome.file, path): dict(outcome.recorded) for outcome in checkup.outcomes}
