"""SARIF 2.1.0, which code scanning services read.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cnncalc import __version__
from cnncalc.formats.check.annotations import annotations_of, fingerprints

if TYPE_CHECKING:
    from cnncalc.checks.check import CheckResult
    from cnncalc.formats.check.annotations import Annotation
    from cnncalc.source import Span

SCHEMA_URI = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

FIRST = {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 2}
"""The region of a result about a whole file: code scanning refuses one without a region."""

TITLES = {
    "budget": "A limit of a budget is exceeded",
    "no-budget": "A design has no budget",
    "no-base": "A relative limit has no base",
    "left-out": "A file in a folder is not checked",
}


def write(result: CheckResult) -> str:
    """The annotations as the results of one run."""
    annotations = annotations_of(result)
    codes = sorted({annotation.code for annotation in annotations})
    driver: dict[str, Any] = {"name": "cnncalc", "version": __version__, "rules": [_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"ROOT": {"description": {"text": "The folder in which cnncalc ran."}}},
        "invocations": [
            {"executionSuccessful": not any(outcome.is_broken for outcome in result.files), "exitCode": result.code}
        ],
        "results": [
            _result(annotation, codes.index(annotation.code), fingerprint)
            for annotation, fingerprint in zip(annotations, fingerprints(annotations), strict=True)
        ],
    }
    log = {"$schema": SCHEMA_URI, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2) + "\n"


def _rule(code: str) -> dict[str, Any]:
    """The description of a code: for a design rule the first line of its documentation."""
    from cnncalc.checks.rules import CODES, explain

    title = TITLES.get(code) or f"Error in a design: {code.replace('-', ' ')}"
    if code in CODES:
        title = explain(code).partition("\n")[0].partition(": ")[2]
    return {"id": code, "shortDescription": {"text": title}}


def _result(annotation: Annotation, rule: int, fingerprint: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": annotation.code,
        "ruleIndex": rule,
        "level": annotation.severity,
        "message": {"text": annotation.text},
    }
    if annotation.path is not None:
        physical: dict[str, Any] = {
            "artifactLocation": {"uri": quote(os.fsencode(annotation.path)), "uriBaseId": "ROOT"}
        }
        physical["region"] = FIRST if annotation.span is None else _region(annotation.span)
        result["locations"] = [{"physicalLocation": physical}]
    else:
        result["locations"] = [{"logicalLocations": [{"name": annotation.file}]}]
    result["partialFingerprints"] = {"cnncalc/v1": fingerprint}
    finding = annotation.finding
    if finding is not None and finding.key is not None:
        result["properties"] = {
            "key": finding.key,
            "unit": finding.unit,
            "limit": finding.limit,
            "actual": finding.actual,
            "over": finding.over,
        }
    return result


def _region(span: Span) -> dict[str, int]:
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(max(span.start, span.end - 1))
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column + 1}
