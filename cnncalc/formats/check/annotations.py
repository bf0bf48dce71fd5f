"""What all formats of ``check`` share: one annotation for each problem, finding or note, and the summary line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.figures.budget import short_value
from cnncalc.memory.boards import is_board
from cnncalc.records import NamedTuple
from cnncalc.source import visible
from cnncalc.units import listing, percent, plural, signed_percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.checks.check import CheckResult, FileResult, LimitResult
    from cnncalc.checks.findings import Finding
    from cnncalc.errors import Problem
    from cnncalc.source import Span

NO_BUDGET = "no-budget"
NO_BASE = "no-base"
LEFT_OUT = "left-out"
BROKEN_FILE = 10**9
"""The rank of an error that prevents the check of a file."""


class Annotation(NamedTuple):
    """A problem, a finding or a note about a file.

    ``file`` is the file, or the configuration that holds the budget; ``path`` is its path if it is on disk, else None.
    ``details`` are further lines. ``subject`` identifies it in fingerprints. A higher ``rank`` is more severe.
    ``is_problem``: it is a problem of the file or of the call, which is printed to standard error, too.
    """

    severity: str
    code: str
    message: str
    file: str
    path: str | None
    span: Span | None
    details: tuple[str, ...]
    subject: tuple[str, ...]
    rank: int
    finding: Finding | None = None
    is_problem: bool = False

    @property
    def place(self) -> str:
        """The file, with line and column if they are known."""
        return self.file if self.span is None else f"{self.file}:{self.span.line}:{self.span.column}"

    @property
    def label(self) -> str:
        """Severity and code: ``error[budget]``."""
        return f"{self.severity}[{self.code}]"

    @property
    def text(self) -> str:
        """The message with its details, as one line."""
        return "; ".join([visible(self.message), *map(visible, self.details)])


UNITS_OF = {"unread": "rows and columns unread", "all_layers": "layers in all", "macs": "MACs"}
"""Units of the value in the advice of a design rule, if they differ from its key."""


def details_of(finding: Finding, units: str) -> tuple[str, ...]:
    """The layers that contribute most, and the advice."""
    lines = []
    if finding.shares and finding.actual:
        shares = [f"{share.layer} {percent(share.value, finding.actual)}" for share in finding.shares]
        lines.append(f"largest: {', '.join(shares)}")
    advice = finding.advice
    if advice is not None:
        text = f"try: {advice.what}"
        if advice.value is not None:
            text += f": {short_value(advice.value, finding.unit, units)}"
            if finding.limit is None and finding.key is not None:
                text += f" {UNITS_OF.get(finding.key, finding.key)}"
            if finding.limit is not None:
                is_within = advice.value >= finding.limit if finding.bound == "min" else advice.value <= finding.limit
                text += ", within the limit" if is_within else ", not yet within the limit"
        lines.append(text)
    return tuple(lines)


def excess(finding: Finding) -> int:
    """The excess over the limit, in thousandths of it."""
    if finding.over is None or finding.limit is None:
        return 0
    return finding.over * 1000 // max(1, finding.limit)


def annotations_of(result: CheckResult) -> list[Annotation]:
    """All annotations, by file and in the order of its text; a problem that several files share appears once."""
    found: list[Annotation] = []
    seen: set[Problem] = set()
    for outcome in result.files:
        for problem in outcome.problems:
            if problem not in seen:
                seen.add(problem)
                found.append(_of_problem(outcome, problem))
        for finding in outcome.findings:
            found.append(_of_finding(outcome, finding, result.units))
        severity = "error" if result.strict else "note"
        for note in outcome.notes:
            level = severity if outcome.lacks_base else "note"
            found.append(Annotation(level, NO_BASE, note, outcome.file, outcome.path, None, (), (note,), 1))
        if not outcome.has_budget and not outcome.is_broken:
            message = f"{outcome.file} has no budget, so no limit was checked"
            found.append(Annotation(severity, NO_BUDGET, message, outcome.file, outcome.path, None, (), (), 0))
    found += [_of_problem(result.of_call, problem) for problem in result.problems]
    for one in result.left_out:
        if not one.is_chosen:
            severity = "error" if result.strict else "note"
            found.append(Annotation(severity, LEFT_OUT, f"left out: {one.why}", one.file, one.file, None, (), (), 0))
    return found


def _of_problem(outcome: FileResult, problem: Problem) -> Annotation:
    file, path = outcome.file, outcome.path
    if problem.span is not None:
        name = problem.span.source.name
        if name != file:
            path = name if name.endswith((".toml", ".yaml", ".yml")) and outcome.path is not None else None
            file = name
    details = (f"hint: {problem.hint}",) if problem.hint else ()
    rank = BROKEN_FILE if problem.severity == "error" else 2
    code, message, subject = problem.code, problem.message, (problem.message,)
    return Annotation(
        problem.severity, code, message, file, path, problem.span, details, subject, rank, is_problem=True
    )


def _of_finding(outcome: FileResult, finding: Finding, units: str) -> Annotation:
    file, path = outcome.file, outcome.path
    message = finding.message
    if finding.span is not None and finding.span.source.name != file:
        file = finding.span.source.name
        if file.endswith(".toml"):
            path = file
            message = f"{outcome.file}: {message}"
    rank = 1000 + excess(finding) if finding.severity == "error" else 10
    subject = (outcome.file, finding.key or "", finding.bound or "", finding.layer or "")
    return Annotation(
        finding.severity,
        finding.code,
        message,
        file,
        path,
        finding.span,
        details_of(finding, units),
        subject,
        rank,
        finding,
    )


def worst_first(annotations: list[Annotation]) -> list[Annotation]:
    """Annotations sorted by severity and rank: broken files, then limits by their excess, then warnings."""
    order = {"error": 0, "warning": 1}
    return sorted(annotations, key=lambda annotation: (order.get(annotation.severity, 2), -annotation.rank))


def fingerprints(annotations: list[Annotation]) -> list[str]:
    """A unique identifier for each annotation, which does not depend on its line or its numbers."""
    from hashlib import sha256

    counts: dict[str, int] = {}
    found = []
    for annotation in annotations:
        subject = "\0".join([annotation.code, annotation.file, *annotation.subject])
        number = counts[subject] = counts.get(subject, 0) + 1
        found.append(sha256(f"{subject}\0{number}".encode("utf-8", "replace")).hexdigest()[:32])
    return found


def used(one: LimitResult) -> str:
    """The value as a share of the limit: ``98.8 %``."""
    return percent(one.actual, one.limit) if one.limit else ""


def change(one: LimitResult) -> str:
    """The change against the base: ``+1.2 %``."""
    if one.base is None:
        return ""
    change = one.actual - one.base
    return signed_percent(change, one.base) if one.base or not change else f"{change:+}"


def limit_text(one: LimitResult, units: str) -> str:
    """``max 7.000M``, ``max +5% (7.350M)``, ``max board:raspberry-pi-pico (264.0 KiB)``."""
    if one.limit is None:
        return f"{one.bound} {one.written}"
    value = short_value(one.limit, one.measure.unit, units)
    has_name = one.written.endswith("%") or is_board(one.written)
    return f"{one.bound} {one.written} ({value})" if has_name else f"{one.bound} {one.written}"


def summary(result: CheckResult) -> str:
    """One line: how many files and limits were checked, and the result."""
    outcomes = result.files
    if not outcomes:
        return "no design was checked"
    limits = sum(len(outcome.checked) for outcome in outcomes)
    parts = [f"{plural(len(outcomes), 'file')}, {plural(limits, 'limit')}", *_counts(result)]
    if len(parts) == 1 and not result.code:
        parts.append("all within budget")
    return "; ".join(parts)


def _counts(result: CheckResult) -> Iterator[str]:
    """The number of files with each result, if there are any."""
    outcomes = result.files
    broken = sum(outcome.is_broken for outcome in outcomes)
    if broken:
        yield f"{plural(broken, 'file')} with errors"
    over = sum(bool(outcome.errors) for outcome in outcomes)
    if over:
        yield f"{plural(over, 'file')} over budget"
    if result.warnings:
        yield plural(result.warnings, "warning")
    without = [outcome.file for outcome in outcomes if not outcome.has_budget and not outcome.is_broken]
    if len(without) == len(outcomes):
        yield "no budget is set, so no limit was checked"
    elif without:
        yield f"no budget: {listing(without)}"
    unknown = sum(bool(outcome.notes) or (outcome.lacks_base and not outcome.is_broken) for outcome in outcomes)
    if unknown:
        yield f"no base for {plural(unknown, 'file')}"
