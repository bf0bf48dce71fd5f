"""JSON: all results, with exact numbers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cnncalc.formats.check.annotations import details_of, summary
from cnncalc.formats.record import SCHEMA, problem_record

if TYPE_CHECKING:
    from cnncalc.checks.check import CheckResult, FileResult, LimitResult
    from cnncalc.checks.findings import Finding
    from cnncalc.source import Span


def write(result: CheckResult) -> str:
    """The results as a JSON object."""
    outcomes = result.files
    data = {
        "schema": SCHEMA,
        "exit_code": result.code,
        "strict": result.strict,
        "base": result.base,
        "summary": {
            "text": summary(result),
            "files": len(outcomes),
            "limits": sum(len(outcome.checked) for outcome in outcomes),
            "broken_files": sum(outcome.is_broken for outcome in outcomes),
            "over_budget": sum(bool(outcome.errors) for outcome in outcomes),
            "warnings": result.warnings,
            "without_budget": [outcome.file for outcome in outcomes if not outcome.has_budget],
        },
        "remarks": list(result.remarks),
        "left_out": [{"file": one.file, "why": one.why, "on_purpose": one.is_chosen} for one in result.left_out],
        "problems": [problem_record(problem) for problem in result.problems],
        "files": [_outcome(outcome, result) for outcome in outcomes],
    }
    return json.dumps(data, indent=2) + "\n"


def _outcome(outcome: FileResult, result: CheckResult) -> dict[str, Any]:
    return {
        "file": outcome.file,
        "architecture": outcome.architecture or None,
        "exit_code": outcome.code(strict=result.strict),
        "limits": [_checked(one) for one in outcome.checked],
        "findings": [_finding(finding, result.units) for finding in outcome.findings],
        "problems": [problem_record(problem) for problem in outcome.problems],
        "without_base": list(outcome.notes),
    }


def _place(span: Span | None) -> dict[str, Any]:
    return {
        "file": span.source.name if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
    }


def _checked(one: LimitResult) -> dict[str, Any]:
    return {
        "key": one.measure.key,
        "options": one.measure.options,
        "unit": one.measure.unit,
        "bound": one.bound,
        "written": one.written,
        "limit": one.limit,
        "actual": one.actual,
        "base": one.base,
        "verdict": one.verdict,
        **({"stated": list(one.stated)} if one.stated else {}),
        **({} if one.family is None else {"family": one.family._asdict()}),
        **_place(one.span),
    }


def _finding(finding: Finding, units: str) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        **_place(finding.span),
        "layer": finding.layer,
        "key": finding.key,
        "bound": finding.bound,
        "unit": finding.unit,
        "limit": finding.limit,
        "actual": finding.actual,
        "over": finding.over,
        "shares": [{"layer": share.layer, "value": share.value} for share in finding.shares],
        "advice": None if finding.advice is None else {"what": finding.advice.what, "value": finding.advice.value},
        "details": list(details_of(finding, units)),
    }
