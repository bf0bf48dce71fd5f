"""Targets: markers in documents of each syntax, and whole documents whose calls are made."""

# ruff: noqa: E501  # pieces stand in rows

from __future__ import annotations

from functools import cache, partial
from random import Random
from typing import TYPE_CHECKING

from benchmarks.fuzz.calls import LINES
from benchmarks.fuzz.mutations import damaged, one_of, with_lines, with_signs, with_words
from benchmarks.fuzz.target import READ, Broken, Target, check_problem, check_shown
from cnncalc.cli.calls import CALLABLE, Caller
from cnncalc.cli.document_update import update_document
from cnncalc.documents import SYNTAXES
from cnncalc.documents.scan import scan
from tests.documents.helpers import JUNK, MARKS

if TYPE_CHECKING:
    from collections.abc import Sequence

LINES_OF_DOCUMENTS = (*JUNK, "\\verb|%|", "<pre")
CALLS = (
    "value x macs", "table x", "table 'INPUT 8x8x3 -> RELU' --format markdown", "plot x -o a.svg", "", "docs x", "show \"x", "tabel x", "value 'INPUT 8x8x3 -> FC-3' parameters",
)  # fmt: skip


def run_scan(syntax: str, data: bytes) -> str:
    """The markers of a document."""
    text = data.decode("utf-8", "replace")
    found = scan("page", text, syntax, CALLABLE)
    for problem in found.problems:
        check_problem(problem)
    for marker in found.markers:
        if not 0 <= marker.start <= marker.end <= len(text):
            raise Broken(f"the body of a marker lies outside of the document: {marker.start} to {marker.end}")
    codes = "/".join(sorted({problem.code for problem in found.problems}))
    return f"{codes} {min(len(found.markers), 3)}" if codes else READ


def run_update(data: bytes) -> str:
    """A document whose first byte chooses the syntax, brought up to date twice; the second time changes nothing."""
    syntax = sorted(MARKS)[data[0] % len(MARKS)] if data else "markdown"
    text = data[1:].decode("utf-8", "replace")
    done = update_document("page", text, syntax, ".", Caller())
    check_shown(done.errors)
    if "internal error" in done.errors:
        raise Broken(done.errors)
    if done.errors:
        return done.errors.split("]")[0][:80]
    again = update_document("page", done.update.text, syntax, ".", Caller())
    if again.update.text != done.update.text:
        raise Broken(f"a second update changes the document: {again.update.text!r}")
    return READ


@cache
def seeds(syntax: str, calls: tuple[str, ...] = CALLS, count: int = 120) -> Sequence[bytes]:
    """Documents of markers and other lines."""
    random = Random(f"{syntax} {count}")  # noqa: S311  # not for secrets
    begin, end = MARKS[syntax]
    found = []
    for _ in range(count):
        lines: list[str] = []
        for _ in range(random.randrange(1, 4)):
            indent = random.choice(["", "", "", "  ", "> ", "\t", "    "])
            lines += random.choices(LINES_OF_DOCUMENTS, k=random.randrange(3))
            call = begin.format(random.choice(calls))
            if SYNTAXES[syntax].has_inline and random.random() < 0.5:
                lines.append(f"{indent}a {call}1{end} b")
            else:
                lines += [indent + call, indent + random.choice(("old", "")), indent + end]
        found.append(random.choice(("\n", "\n", "\n", "\r\n", "\r")).join(lines).encode("utf-8"))
    return found


@cache
def update_seeds() -> Sequence[bytes]:
    """Documents of every syntax whose calls can be made, each behind the byte that chooses its syntax."""
    quick = tuple(line for line in LINES if line.split()[0] in ("table", "value", "show", "explain"))
    return [bytes([place]) + data for place, syntax in enumerate(sorted(MARKS)) for data in seeds(syntax, quick, 20)]


PIECES = (
    *LINES_OF_DOCUMENTS,
    *CALLS,
    *[mark.format("table x") for pair in MARKS.values() for mark in pair],
    "\n",
    "\n\n",
    "\r",
    "cnncalc",
    "/cnncalc",
    "cnncalc:",
)
MUTATION = one_of(with_words(*PIECES), with_lines, with_lines, with_signs, damaged)
TARGETS = (
    *[Target(f"markers in {name}", 60, partial(run_scan, name), partial(seeds, name), MUTATION) for name in sorted(MARKS)],
    Target("documents", 3, run_update, update_seeds, one_of(with_words(*PIECES), with_lines, with_signs)),
)  # fmt: skip
