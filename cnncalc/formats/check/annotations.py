"""What all forms share: each thing that is wrong as one record, in an order that never changes, and the summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnncalc.formats.document import listing, percent, plural
from cnncalc.source import visible
from cnncalc.units import format_bytes, short

if TYPE_CHECKING:
    from cnncalc.checks.check import Checked, Checkup, Outcome
    from cnncalc.checks.findings import Finding
    from cnncalc.errors import Problem
    from cnncalc.source import Span

NO_BUDGET = "no-budget"
NO_BASE = "no-base"
BROKEN_FILE = 10**9
"""The rank of what makes a file impossible to check."""


class Remark(NamedTuple):
    """One thing to be said about a file, whatever kind of thing it is.

    ``file`` is where it stands (the file, or the configuration that holds the budget), ``path`` the same if it is a
    file that a reader can open. ``details`` are lines that say more; ``rank`` orders remarks, the worst first.
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

    @property
    def text(self) -> str:
        """The message with its details, as one line."""
        return "; ".join([visible(self.message), *map(visible, self.details)])


UNITS_OF = {"unread": "rows and columns unread", "macs": "MACs"}
"""What the value of a design rule's advice counts, where its key is no word for people."""


def amount(value: int, unit: str, units: str) -> str:
    """A value in short form."""
    return format_bytes(value, units) if unit == "bytes" else short(value)


def details_of(finding: Finding, units: str) -> tuple[str, ...]:
    """Which layers contribute most, and what to try."""
    lines = []
    if finding.shares and finding.actual:
        shares = [f"{share.layer} {percent(share.value, finding.actual)}" for share in finding.shares]
        lines.append(f"most: {', '.join(shares)}")
    advice = finding.advice
    if advice is not None:
        text = f"try: {advice.what}"
        if advice.value is not None:
            text += f": {amount(advice.value, finding.unit, units)}"
            if finding.limit is None and finding.key is not None:
                text += f" {UNITS_OF.get(finding.key, finding.key)}"
            if finding.limit is not None:
                is_kept = advice.value >= finding.limit if finding.bound == "min" else advice.value <= finding.limit
                text += ", within the limit" if is_kept else ", not yet within the limit"
        lines.append(text)
    return tuple(lines)


def excess(finding: Finding) -> int:
    """By how many thousandths of the limit it is broken."""
    if finding.over is None or finding.limit is None:
        return 0
    return finding.over * 1000 // max(1, finding.limit)


def remarks_of(checkup: Checkup) -> list[Remark]:
    """Everything to be said, file by file, in the order of the text; a problem of many files once."""
    found: list[Remark] = []
    seen: set[Problem] = set()
    for outcome in checkup.outcomes:
        for problem in outcome.problems:
            if problem not in seen:
                seen.add(problem)
                found.append(_of_problem(outcome, problem))
        for finding in outcome.findings:
            found.append(_of_finding(outcome, finding, checkup.units))
        severity = "error" if checkup.strict else "note"
        for note in outcome.notes:
            grave = severity if outcome.lacks_base else "note"
            found.append(Remark(grave, NO_BASE, note, outcome.file, outcome.path, None, (), (note,), 1))
        if not outcome.has_budget and not outcome.is_broken:
            message = f"{outcome.file} has no budget: nothing to check"
            found.append(Remark(severity, NO_BUDGET, message, outcome.file, outcome.path, None, (), (), 0))
    return found


def _of_problem(outcome: Outcome, problem: Problem) -> Remark:
    file, path = outcome.file, outcome.path
    if problem.span is not None:
        name = problem.span.source.name
        if name != file:
            path = name if name.endswith((".toml", ".yaml", ".yml")) and outcome.path is not None else None
            file = name
    details = (f"hint: {problem.hint}",) if problem.hint else ()
    rank = BROKEN_FILE if problem.severity == "error" else 2
    subject = (problem.message,)
    return Remark(problem.severity, problem.code, problem.message, file, path, problem.span, details, subject, rank)


def _of_finding(outcome: Outcome, finding: Finding, units: str) -> Remark:
    file, path = outcome.file, outcome.path
    message = finding.message
    if finding.span is not None and finding.span.source.name != file:
        file = finding.span.source.name
        if file.endswith(".toml"):
            path = file
            message = f"{outcome.file}: {message}"
    rank = 1000 + excess(finding) if finding.severity == "error" else 10
    subject = (outcome.file, finding.key or "", finding.bound or "", finding.layer or "")
    return Remark(
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


def worst_first(remarks: list[Remark]) -> list[Remark]:
    """Remarks with the worst first: broken files, limits by how much they are broken, warnings."""
    order = {"error": 0, "warning": 1}
    return sorted(remarks, key=lambda remark: (order.get(remark.severity, 2), -remark.rank))


def fingerprints(remarks: list[Remark]) -> list[str]:
    """A name for each remark that stays while lines move and numbers change, and that no other remark has."""
    from hashlib import sha256

    counts: dict[str, int] = {}
    found = []
    for remark in remarks:
        subject = "\0".join([remark.code, remark.file, *remark.subject])
        number = counts[subject] = counts.get(subject, 0) + 1
        found.append(sha256(f"{subject}\0{number}".encode("utf-8", "replace")).hexdigest()[:32])
    return found


def used(one: Checked) -> str:
    """How much of the limit is used: ``98.8 %``."""
    return percent(one.actual, one.limit) if one.limit else ""


def change(one: Checked) -> str:
    """The change against the base: ``+1.2 %``."""
    if one.base is None:
        return ""
    if one.actual == one.base:
        return "0.0 %"
    sign = "+" if one.actual > one.base else "-"
    return sign + (percent(abs(one.actual - one.base), one.base) if one.base else str(one.actual))


def limit_text(one: Checked, units: str) -> str:
    """``max 7.000M``, ``max +5% (7.350M)``."""
    if one.limit is None:
        return f"{one.bound} {one.written}"
    value = amount(one.limit, one.measure.unit, units)
    return f"{one.bound} {one.written} ({value})" if one.written.endswith("%") else f"{one.bound} {one.written}"


def summary(checkup: Checkup) -> str:
    """One line: how many files, and what came of them."""
    outcomes = checkup.outcomes
    if not outcomes:
        return "nothing to check"
    broken = sum(outcome.is_broken for outcome in outcomes)
    over = sum(bool(outcome.errors) and not outcome.is_broken for outcome in outcomes)
    warned = sum(outcome.warnings for outcome in outcomes)
    limits = sum(len(outcome.checked) for outcome in outcomes)
    bare = [outcome.file for outcome in outcomes if not outcome.has_budget and not outcome.is_broken]
    parts = [f"{plural(len(outcomes), 'file')}, {plural(limits, 'limit')}"]
    if broken:
        parts.append(f"{plural(broken, 'file')} with mistakes")
    if over:
        parts.append(f"{plural(over, 'file')} over budget")
    if warned:
        parts.append(plural(warned, "warning"))
    if len(bare) == len(outcomes):
        parts.append("no budget anywhere: nothing to check")
    elif bare:
        parts.append(f"no budget: {listing(bare)}")
    unknown = sum(bool(outcome.notes) for outcome in outcomes)
    if unknown:
        parts.append(f"no base for {plural(unknown, 'file')}")
    if len(parts) == 1 and not checkup.code:
        parts.append("all within budget")
    return "; ".join(parts)
