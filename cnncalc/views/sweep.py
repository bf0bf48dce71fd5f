"""The document of ``sweep``: the Pareto front, or the first designs in an order, and how many are within the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.figures.budget import in_full
from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table
from cnncalc.formats.notation import USUAL, Notation
from cnncalc.search.pointsfile import json_value
from cnncalc.search.ranges import point_text, value_of_range
from cnncalc.units import listing, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.figures.measure import Measure
    from cnncalc.layers.keys import Value
    from cnncalc.search.survey import Survey
    from cnncalc.search.sweep import Reason, Record, Summary


def sweep_document(summary: Summary, name: str, *, notation: Notation = USUAL) -> Document:
    """The best designs of a sweep; ``name`` is that of the family."""
    plan = summary.plan
    shown, more = summary.shown()
    columns = [
        Column(each, each, all(is_number(record.variables[each]) for record in shown)) for each in plan.points.names
    ]
    columns += [Column(measure.key, measure.title, True) for measure in plan.measures]
    rows = [
        (
            *[Cell(value_of_range(value), _exact(value)) for value in record.variables.values()],
            *[
                _figure(measure, value, notation)
                for measure, value in zip(plan.measures, record.numbers or (), strict=True)
            ],
        )
        for record in shown
    ]
    below = miss_line(summary, notation) or _shown_line(summary, len(shown), more)
    heading = [f"{name}: {counts_line(summary)}", *([] if below is None else [below])]
    texts = {
        bound.text: f"{bound.wanted.measure.key} {bound.side} {_short(bound.limit, bound.wanted.measure, notation)}"
        for bound in plan.bounds
    }
    closing = [
        Paragraph(title, tuple([reason_line(texts.get(what, what), each) for what, each in reasons]), main=2)
        for title, reasons in (
            ("outside the limits", most_first(summary, "over")),
            ("broken", most_first(summary, "broken")),
        )
        if reasons
    ]
    if summary.survey is not None:
        closing.insert(0, Paragraph("by formula", (_survey_line(summary.survey),), main=1))
    closing.append(
        Paragraph("conventions", (f"counts are for one image; 1 MAC is one multiply and one add; {notation.rule}",))
    )
    table = Table(tuple(columns), tuple(rows))
    return Document(tuple(heading), table, tuple(closing), lambda: _data(summary, name, shown, more))


def _survey_line(survey: Survey) -> str:
    """A line about a sweep by formulas: how the polynomials were found and compared."""
    found = f"{plural(survey.cells, 'polynomial')} a figure, found from {plural(survey.analysed, 'design')}"
    best = len(survey.survivors)
    shown = "" if not best else "; the best point computed" if best == 1 else f"; the {best:,} best points computed"
    return f"{found} and compared with {survey.checked:,}{shown}"


def _survey_data(survey: Survey) -> dict[str, int]:
    return {"cells": survey.cells, "analysed": survey.analysed, "checked": survey.checked}


def most_first(summary: Summary, status: str) -> list[tuple[str, Reason]]:
    """The reasons of a status, those of most designs first."""
    return sorted(summary.reasons[status].items(), key=lambda each: -each[1].points)


def counts_line(summary: Summary) -> str:
    """How many points there are, and how many of them are within the limits, over them, or invalid."""
    counts, points = summary.counts, summary.points
    parts = [f"{counts['ok']:,} within the limits"] if summary.plan.bounds else []
    parts += [f"{counts['over']:,} over"] if counts["over"] else []
    parts += [f"{counts['broken']:,} broken"] if counts["broken"] else []
    left_out = summary.plan.points.excluded
    parts += [f"{left_out:,} left out by --where"] if left_out else []
    return f"{plural(points, 'design')}{': ' if parts else ''}{', '.join(parts)}"


def miss_line(summary: Summary, notation: Notation) -> str | None:
    """If no design is within the limits, the limits that none meets; None if one is, or all designs are invalid."""
    if summary.counts["ok"] or not summary.counts["over"]:
        return None
    blame = []
    for bound, value in zip(summary.plan.bounds, summary.nearest, strict=True):
        if value is not None and bound.is_broken(value):
            measure = bound.wanted.measure
            least = "at least" if bound.bound == "max" else "at most"
            shown, limit = [in_full(each, measure.unit, notation.units) for each in (value, bound.limit)]
            blame.append(f"{measure.key} is {least} {shown}, and {bound.bound} is {limit}")
    return f"no design is within the limits: {'; '.join(blame) or 'each limit is met, but not all of them at once'}"


def _shown_line(summary: Summary, shown: int, more: int) -> str | None:
    """Which designs are printed, and in which order; None if these are all in the order of the points."""
    order = "" if summary.sort is None else f", in the order of {summary.sort.text}"
    left = f" (--top {shown + more} shows all)" if more else ""
    if summary.objectives:
        keys = listing([each.text for each in summary.objectives])
        return f"front of {keys}: {plural(shown + more, 'design')}{order}{left}"
    if more:
        return f"the first {plural(shown, 'design')}{order}{left}"
    return order.lstrip(", ") or None


def is_number(value: Value) -> bool:
    """Whether a value is a number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _exact(value: Value) -> int | str:
    return value if isinstance(value, int) and not isinstance(value, bool) else value_of_range(value)


def _figure(measure: Measure, value: int, notation: Notation) -> Cell:
    return Cell(_short(value, measure, notation), value)


def _short(value: int, measure: Measure, notation: Notation) -> str:
    return notation.size(value) if measure.unit == "bytes" else notation.short(value)


def reason_line(what: str, reason: Reason) -> str:
    """How many designs have a reason, and the first of them."""
    example = reason.example
    why = f": {example.reason.partition(': ')[2]}" if example.status == "broken" else ""
    return f"{plural(reason.points, 'design')}: {what}, first at {point_text(example.variables)}{why}"


def record_data(record: Record) -> dict[str, Any]:
    """A record as plain data."""
    variables = {name: json_value(value) for name, value in record.variables.items()}
    return {"variables": variables, "figures": record.figures}


def _data(summary: Summary, name: str, shown: Sequence[Record], more: int) -> dict[str, Any]:
    plan = summary.plan
    return {
        "schema": 1,
        "architecture": name,
        "variables": list(plan.points.names),
        "keys": list(plan.keys),
        "limits": [
            {"key": bound.wanted.measure.key, "bound": bound.bound, "limit": bound.limit} for bound in plan.bounds
        ],
        "pareto": [each._asdict() for each in summary.objectives] or None,
        "points": summary.points,
        **summary.counts,
        "excluded": plan.points.excluded,
        **({} if summary.survey is None else {"by_formula": _survey_data(summary.survey)}),
        "reasons": [
            {
                "status": status,
                "reason": what,
                "points": reason.points,
                "first": record_data(reason.example)["variables"],
                "message": reason.example.reason,
            }
            for status in summary.reasons
            for what, reason in most_first(summary, status)
        ],
        "more": more,
        "designs": [record_data(record) for record in shown],
    }
