"""Budgets and findings: each limit with its value, and what the design rules found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.figures.budget import short_value
from cnncalc.formats.check.annotations import change, details_of, limit_text, used
from cnncalc.page.markup import listed, name, paragraph, prose, section, sentence, table, text, verbatim
from cnncalc.source import excerpt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.checks.check import FileResult, LimitResult
    from cnncalc.checks.findings import Finding

VERDICTS = {
    "pass": ("good", "passed"),
    "warning": ("warn", "above the warning level"),
    "error": ("bad", "failed"),
    "no base": ("none", "no base"),
}
"""Class and words of each verdict on a limit."""


def checks_section(outcomes: Sequence[FileResult], names: Sequence[str], units: str) -> str:
    """The section on budgets and design rules; of several nets one after the other."""
    title = "Budgets and findings"
    if len(outcomes) == 1:
        return section("checks", title, *_outcome(outcomes[0], units))
    parts = []
    for outcome, net in zip(outcomes, names, strict=True):
        parts += [f"<h3>{name(net)}</h3>", *_outcome(outcome, units)]
    return section("checks", title, *parts)


def _outcome(outcome: FileResult, units: str) -> list[str]:
    found = [_finding(finding, units) for finding in outcome.findings]
    notes = [prose(note) for note in outcome.notes]
    return [
        _limits(outcome, units) if outcome.checked else paragraph("No budget is set for this net."),
        listed(found, "findings") or paragraph("The design rules found no problems."),
        listed(notes, "note"),
    ]


def _limits(outcome: FileResult, units: str) -> str:
    has_base = any(one.base is not None for one in outcome.checked)
    columns = [("limit on", ""), ("value", "n"), ("limit", "n"), ("used", "n")]
    if has_base:
        columns.append(("change", "n"))
    columns.append(("result", ""))
    rows = [_limit(one, units, has_base=has_base) for one in outcome.checked]
    return table("The budget of the net", columns, rows)


def _limit(one: LimitResult, units: str, *, has_base: bool) -> list[str]:
    css_class, verdict = VERDICTS[one.verdict]
    cells = [
        text(one.row_title.replace("_", " ")),
        short_value(one.actual, one.measure.unit, units),
        text(limit_text(one, units)),
        used(one),
    ]
    if has_base:
        cells.append(change(one))
    return [*cells, f'<span class="{css_class}">{verdict}</span>']


def _finding(finding: Finding, units: str) -> str:
    """A finding: code, message, excerpt, and what to try."""
    css_class = "bad" if finding.severity == "error" else "warn"
    parts = [f'<p><span class="tag {css_class}">{text(finding.code)}</span> {prose(finding.message)}</p>']
    if finding.span is not None:
        span = finding.span
        place = f"{span.source.name}, line {span.line}, column {span.column}"
        parts += [f'<p class="note">{name(place)}</p>', verbatim(excerpt(span), place, direction="ltr")]
    details = [sentence(line) for line in details_of(finding, units)]
    if details:
        parts.append(f'<p class="note">{" ".join(details)}</p>')
    return "".join(parts)
