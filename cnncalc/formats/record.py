"""The report as data for JSON. Keys are stable; new ones may be added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnncalc.analysis.report import LayerReport, Report, Totals
    from cnncalc.errors import Problem

SCHEMA = 1
"""The schema number, raised when a key changes its meaning."""


def report_record(report: Report) -> dict[str, Any]:
    """The whole report: exact counts for one image, bytes for the batch."""
    return {
        "schema": SCHEMA,
        "architecture": report.name,
        "title": report.title,
        "source": report.source,
        "forms": dict(report.graph.forms),
        "changed": dict(report.graph.changed),
        "batch": report.batch,
        "dtype": report.dtype,
        "assumed": report.assumed,
        "notes": list(report.graph.notes),
        "warnings": [problem_record(problem) for problem in report.warnings],
        "layers": [layer_record(row) for row in report.layers],
        "totals": {**totals_record(report.totals), **stated_record(report)},
        "test_time": totals_record(report.test_time),
    }


def layer_record(row: LayerReport) -> dict[str, Any]:
    """One layer; ``output`` holds the sides and the depth."""
    return {
        "name": row.name,
        "kind": row.kind,
        "label": row.label,
        **({"stated": True} if row.layer.is_stated else {}),
        "inputs": list(row.inputs),
        "output": list(row.output),
        "activations": row.activations,
        "activation_bytes": row.activation_bytes,
        "in_place": row.in_place,
        "weights": row.weights,
        "biases": row.biases,
        "parameters": row.parameters,
        "trainable": row.trainable,
        "buffers": row.buffers,
        "macs": row.macs,
        **field_record(row),
        "training_only": row.training_only,
        "shared_with": row.shared_with,
        **({"transposed": True} if row.transposed else {}),
        "arithmetic": dict(row.arithmetic),
    }


def stated_record(report: Report) -> dict[str, Any]:
    """The part of the totals that is stated, not computed; empty without layers whose figures are stated."""
    stated = report.stated
    return {} if stated is None else {"stated": stated._asdict()}


def field_record(row: LayerReport) -> dict[str, Any]:
    """The receptive field; in a net with several inputs also that in each input."""
    unclipped = row.receptive_field_unclipped
    record: dict[str, Any] = {
        "receptive_field": list(row.receptive_field),
        "receptive_field_unclipped": None if unclipped is None else list(unclipped),
    }
    if row.has_several_inputs:
        record["receptive_fields"] = {name: list(size) for name, size in row.receptive_fields.items()}
    if not row.receptive_field_is_exact:
        record["receptive_field_bound"] = "at_most"
    return record


def totals_record(totals: Totals) -> dict[str, int]:
    """The sums over all rows; activations in place are not counted."""
    return totals._asdict()


def problem_record(problem: Problem) -> dict[str, Any]:
    """One problem; ``line`` and ``column`` count from 1 and are null if it has no position in a text."""
    span = problem.span
    return {
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "file": span.source.name if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "hint": problem.hint,
    }
