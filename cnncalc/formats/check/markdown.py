"""Markdown: one comment on a pull request, with a marker by which a later run finds and updates it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.figures.budget import short_value
from cnncalc.formats.check.annotations import annotations_of, change, limit_text, summary, used, worst_first
from cnncalc.source import visible
from cnncalc.units import plural

if TYPE_CHECKING:
    from cnncalc.checks.check import CheckResult, LimitResult
    from cnncalc.formats.check.annotations import Annotation

MARK = "<!-- cnncalc check -->"

MAX_ROWS = 200
MAX_ANNOTATIONS = 50
"""The most rows and annotations of a comment, which has at most 65,536 characters; the others are counted."""

MAX_LENGTH = 600
"""The most characters of a text; a longer one is cut."""


def write(result: CheckResult) -> str:
    """The results as a comment: verdict, table of limits, annotations."""
    verdicts = ("within budget", "over budget", "cannot be checked")
    if result.code == 1 and not any(outcome.errors for outcome in result.files):
        verdicts = ("", "warnings", "")
    lines = [MARK, f"### cnncalc: {verdicts[result.code]}", "", _escaped(summary(result)), ""]
    lines += _limit_lines(result)
    annotations = [annotation for annotation in worst_first(annotations_of(result)) if annotation.severity != "note"]
    for annotation in annotations[:MAX_ANNOTATIONS]:
        lines += _item(annotation)
    if len(annotations) > MAX_ANNOTATIONS:
        lines.append(f"- and {len(annotations) - MAX_ANNOTATIONS} more")
    lines += [f"- {_escaped(remark)}" for remark in result.remarks]
    return "\n".join(lines).rstrip() + "\n"


def _limit_lines(result: CheckResult) -> list[str]:
    """The table of limits; if there are more than MAX_ROWS, the exceeded ones first."""
    rows = [(outcome.file, one) for outcome in result.files for one in outcome.checked]
    if not rows:
        return []
    base = f"change against `{_coded(result.base)}`" if result.base else "change"
    lines = [f"| file | key | value | limit | of limit | {base} | |", "|---|---|---:|---|---:|---:|---|"]
    order = {"error": 0, "warning": 1, "no base": 2}
    shown = rows if len(rows) <= MAX_ROWS else sorted(rows, key=lambda row: order.get(row[1].verdict, 3))
    lines += [_row(file, one, result.units) for file, one in shown[:MAX_ROWS]]
    if len(rows) > MAX_ROWS:
        lines += ["", f"and {plural(len(rows) - MAX_ROWS, 'limit')} more"]
    return [*lines, ""]


def _row(file: str, one: LimitResult, units: str) -> str:
    verdict = {"error": "**over**" if one.bound != "min" else "**under**", "pass": "ok"}.get(one.verdict, one.verdict)
    cells = [
        f"`{_coded(file)}`",
        _escaped(one.row_title),
        short_value(one.actual, one.measure.unit, units),
        _escaped(limit_text(one, units)),
        used(one),
        change(one),
        verdict,
    ]
    return "| " + " | ".join(cells) + " |"


def _item(annotation: Annotation) -> list[str]:
    place = annotation.file if annotation.span is None else f"{annotation.file}:{annotation.span.line}"
    lines = [f"- **{annotation.severity}** `{_coded(place)}`: {_escaped(annotation.message)}"]
    lines += [f"  - {_escaped(line)}" for line in annotation.details]
    return lines


def _cut(text: str) -> str:
    text = visible(text)
    return text if len(text) <= MAX_LENGTH else text[:MAX_LENGTH] + "..."


def _escaped(text: str) -> str:
    """A text that Markdown shows literally; '@' and '#' create no mentions or links."""
    special = "\\`*_{}[]<>|~"
    text = "".join(f"\\{c}" if c in special else c for c in _cut(text))
    return text.replace("@", "@\u200b").replace("#", "#\u200b")


def _coded(text: str | None) -> str:
    """A text for a code span in a table cell."""
    return _cut(text or "").replace("`", "'").replace("|", "\\|")
