"""Workflow commands of GitHub Actions: annotations at the lines of a pull request.

A step shows at most 10 errors and 10 warnings; what lies beyond stands in the log as plain lines.
Source: GitHub's documentation, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.formats.check.annotations import remarks_of, summary, worst_first
from cnncalc.source import visible

if TYPE_CHECKING:
    from cnncalc.checks.check import Checkup
    from cnncalc.formats.check.annotations import Remark

MOST = 10
"""So many annotations of one level are shown for a step."""

LEVELS = {"error": "error", "warning": "warning", "note": "notice"}


def write(checkup: Checkup) -> str:
    """The outcomes as commands, worst first, and a summary line."""
    lines: list[str] = []
    rest: list[str] = []
    counts: dict[str, int] = {}
    for remark in worst_first(remarks_of(checkup)):
        level = LEVELS[remark.severity]
        counts[level] = counts.get(level, 0) + 1
        if counts[level] <= MOST:
            lines.append(_command(level, remark))
        else:
            place = remark.file if remark.span is None else f"{remark.file}:{remark.span.line}:{remark.span.column}"
            rest.append(f"cnncalc check: {remark.severity}[{remark.code}] {visible(place)}: {remark.text}")
    lines += rest
    lines += [f"cnncalc check: {visible(remark)}" for remark in checkup.remarks]
    lines.append(f"cnncalc check: {visible(summary(checkup))}")
    return "\n".join(lines) + "\n"


def _command(level: str, remark: Remark) -> str:
    values: list[tuple[str, str]] = []
    if remark.path is not None:
        values.append(("file", "".join(c if c in "\r\n" else visible(c) for c in remark.path)))
        if remark.span is not None:
            values += [("line", str(remark.span.line)), ("col", str(remark.span.column))]
    values.append(("title", f"cnncalc {remark.code}"))
    properties = ",".join(f"{name}={_property(value)}" for name, value in values)
    message = "\n".join([visible(remark.message), *map(visible, remark.details)])
    if remark.path is None:
        message = f"{visible(remark.file)}: {message}"
    return f"::{level} {properties}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
