"""The Reviewdog Diagnostic Format, which reviewdog turns into comments on a change.

Source: the reviewdog project, "Reviewdog Diagnostic Format (RDFormat)", its message DiagnosticResult.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cnncalc.formats.check.annotations import annotations_of

if TYPE_CHECKING:
    from cnncalc.checks.check import CheckResult
    from cnncalc.formats.check.annotations import Annotation
    from cnncalc.source import Source, Span

SEVERITIES = {"error": "ERROR", "warning": "WARNING", "note": "INFO"}


def write(result: CheckResult) -> str:
    """The annotations as diagnostics."""
    data = {"source": {"name": "cnncalc"}, "diagnostics": [_diagnostic(each) for each in annotations_of(result)]}
    return json.dumps(data, indent=2) + "\n"


def _diagnostic(annotation: Annotation) -> dict[str, Any]:
    location: dict[str, Any] = {"path": annotation.path or annotation.file}
    if annotation.span is not None:
        location["range"] = _range(annotation.span)
    return {
        "message": annotation.text,
        "location": location,
        "severity": SEVERITIES[annotation.severity],
        "code": {"value": annotation.code},
    }


def _range(span: Span) -> dict[str, dict[str, int]]:
    """Lines and columns from 1, in bytes of UTF-8; the end is the first position after the span."""
    return {
        "start": _position(span.source, span.start, 0),
        "end": _position(span.source, max(span.start, span.end - 1), 1),
    }


def _position(source: Source, offset: int, more: int) -> dict[str, int]:
    """The position of a character, or of the one after it."""
    line, column = source.position(offset)
    before = source.text[offset - column + 1 : offset + more]
    return {"line": line, "column": len(before.encode("utf-8", "surrogatepass")) + 1}
