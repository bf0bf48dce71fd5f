"""JUnit XML, which CI servers show as tests: one suite for each file, one test for each limit.

An exceeded limit is a failure, a file that cannot be checked an error, a file without a budget a skipped test. Only
elements that Jenkins, GitLab and Azure all read are used; there are no durations.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnncalc.figures.budget import short_value
from cnncalc.formats.check.annotations import BROKEN_FILE, NO_BASE, NO_BUDGET, annotations_of, limit_text
from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.checks.check import CheckResult, FileResult, LimitResult
    from cnncalc.formats.check.annotations import Annotation

_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML does not allow."""


class _Test:
    """One test of a suite with its result."""

    def __init__(self, name: str, result: str = "", kind: str = "", message: str = "", body: str = "") -> None:
        self.name = name
        self.result = result
        self.kind = kind
        self.message = message
        self.body = body


def write(result: CheckResult) -> str:
    """The results as test suites."""
    suites: list[str] = []
    sums = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for outcome in (*result.files, *([result.of_call] if result.problems else [])):
        tests = _tests(outcome, result)
        counts = {
            "tests": len(tests),
            "failures": sum(test.result == "failure" for test in tests),
            "errors": sum(test.result == "error" for test in tests),
            "skipped": sum(test.result == "skipped" for test in tests),
        }
        sums = {name: number + counts[name] for name, number in sums.items()}
        suites.append(f"  <testsuite name={_quoted(outcome.file)} {_attributes(counts)}>")
        stem = outcome.file.rpartition(".")[0] or outcome.file
        classname = _quoted(re.sub(r"[^\w-]+", ".", stem).strip(".") or "net")
        for test in tests:
            suites += _lines(test, classname)
        suites.append("  </testsuite>")
    total = {name: sums[name] for name in ("tests", "failures", "errors")}
    head = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="cnncalc check" {_attributes(total)}>']
    return "\n".join([*head, *suites, "</testsuites>"]) + "\n"


def _attributes(counts: dict[str, int]) -> str:
    return " ".join(f'{name}="{number}"' for name, number in counts.items())


def _tests(outcome: FileResult, result: CheckResult) -> list[_Test]:
    only = result._replace(files=(outcome,), problems=())
    annotations = annotations_of(only)
    errors = [annotation for annotation in annotations if annotation.rank == BROKEN_FILE]
    return [
        *(_of_annotation(f"{each.code}: {each.message}", "error", each) for each in errors),
        *(_of_limit(one, annotations, result) for one in outcome.checked),
        *_without_limit([each for each in annotations if each not in errors], result),
    ]


def _without_limit(annotations: list[Annotation], result: CheckResult) -> Iterator[_Test]:
    """The tests for a missing budget and for findings of design rules."""
    for annotation in annotations:
        code, finding = annotation.code, annotation.finding
        if code == NO_BUDGET:
            yield _of_annotation("budget", "failure" if result.strict else "skipped", annotation)
        elif code != NO_BASE and not _is_of_limit(annotation) and annotation.severity != "note":
            failed = "failure" if result.strict or annotation.severity == "error" else ""
            layer = finding.layer if finding is not None else None
            yield _of_annotation(f"{code}: {layer or annotation.message}", failed, annotation)


def _is_of_limit(annotation: Annotation) -> bool:
    """Whether the annotation is a finding about a limit, which is a separate test."""
    return annotation.finding is not None and annotation.finding.code == "budget"


def _of_annotation(name: str, outcome: str, annotation: Annotation) -> _Test:
    body = "\n".join([f"{annotation.place}: {annotation.label}: {annotation.message}", *annotation.details])
    return _Test(name, outcome, annotation.code, annotation.message, body)


def _of_limit(one: LimitResult, annotations: list[Annotation], result: CheckResult) -> _Test:
    value = short_value(one.actual, one.measure.unit, result.units)
    name = f"{one.measure.title} {one.bound}"  # without numbers, so that servers can track it
    text = f"{value}, {limit_text(one, result.units)}"
    if one.verdict == "no base":
        message = f"{text}: no base"
        return _Test(name, "failure" if result.strict else "skipped", NO_BASE, message, message)
    mine = [
        annotation
        for annotation in annotations
        if annotation.finding is not None
        and _is_of_limit(annotation)
        and annotation.finding.key == one.measure.key
        and annotation.finding.limit == one.limit
        and (annotation.severity == "warning") == (one.bound == "warn")
        and (annotation.finding.bound == "min") == (one.bound == "min")
    ]
    if one.verdict == "pass" or not mine:
        return _Test(name, body=text)
    return _of_annotation(name, "" if one.verdict == "warning" and not result.strict else "failure", mine[0])


def _lines(test: _Test, classname: str) -> list[str]:
    head = f"    <testcase classname={classname} name={_quoted(test.name)}"
    if test.result == "skipped":
        return [head + ">", f"      <skipped message={_quoted(test.message)}/>", "    </testcase>"]
    body = "\n".join(map(_escaped, test.body.split("\n")))
    if test.result:
        attributes = f"message={_quoted(test.message)} type={_quoted(test.kind)}"
        return [head + ">", f"      <{test.result} {attributes}>{body}</{test.result}>", "    </testcase>"]
    if test.body:
        return [head + ">", f"      <system-out>{body}</system-out>", "    </testcase>"]
    return [head + "/>"]


def _escaped(text: str) -> str:
    text = _NOT_XML.sub("?", visible(text))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str) -> str:
    return '"' + _escaped(text).replace('"', "&quot;") + '"'
