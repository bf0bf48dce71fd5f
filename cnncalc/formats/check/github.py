"""Workflow commands of GitHub Actions: annotations at the lines of a pull request.

A step shows at most 10 errors and 10 warnings; the others are plain lines of the log.
Source: GitHub's documentation, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.formats.check.annotations import annotations_of, summary, worst_first
from cnncalc.source import visible

if TYPE_CHECKING:
    from cnncalc.checks.check import CheckResult
    from cnncalc.formats.check.annotations import Annotation

MAX_ANNOTATIONS = 10
"""The most annotations of one level that GitHub shows for a step."""

LEVELS = {"error": "error", "warning": "warning", "note": "notice"}


def write(result: CheckResult) -> str:
    """The annotations as workflow commands, worst first, and a summary line."""
    lines: list[str] = []
    rest: list[str] = []
    counts: dict[str, int] = {}
    for annotation in worst_first(annotations_of(result)):
        level = LEVELS[annotation.severity]
        counts[level] = counts.get(level, 0) + 1
        if counts[level] <= MAX_ANNOTATIONS:
            lines.append(_command(level, annotation))
        else:
            rest.append(f"cnncalc check: {annotation.label} {visible(annotation.place)}: {annotation.text}")
    lines += rest
    lines += [f"cnncalc check: {visible(remark)}" for remark in result.excluded]
    lines.append(f"cnncalc check: {visible(summary(result))}")
    return "\n".join(lines) + "\n"


def _command(level: str, annotation: Annotation) -> str:
    values: list[tuple[str, str]] = []
    if annotation.path is not None:
        values.append(("file", "".join(c if c in "\r\n" else visible(c) for c in annotation.path)))
        if annotation.span is not None:
            values += [("line", str(annotation.span.line)), ("col", str(annotation.span.column))]
    values.append(("title", f"cnncalc {annotation.code}"))
    properties = ",".join(f"{name}={_property(value)}" for name, value in values)
    message = "\n".join([visible(annotation.message), *map(visible, annotation.details)])
    if annotation.path is None:
        message = f"{visible(annotation.file)}: {message}"
    return f"::{level} {properties}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
